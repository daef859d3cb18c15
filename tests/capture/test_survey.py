"""What there is in a capture that nobody has named listeners for."""

from collections import Counter
from pathlib import Path

import pytest

from scapy_rr.capture.reader import Capture
from scapy_rr.capture.survey import survey

from ..pcapmaker.scenes import CALLER, PROXY
from .samples import VOICE, arriving, enhanced, frame, interface, pcap, section


def surveyed(folder: Path, data: bytes, every_frame: bool = False) -> tuple[int, Counter[str], set[str], Counter[int]]:
    path = folder / "capture"
    path.write_bytes(data)
    with Capture(path) as capture:
        frames, destinations, named, ports = survey(capture, every_frame)
        return frames, destinations, set(named), ports


RESPONDING = frame(b"SIP/2.0 200 OK\r\nRecord-Route: <sip:10.0.0.1;lr>\r\n\r\n", PROXY, CALLER)


@pytest.mark.parametrize("cut", [0, 3])
def test_where_sip_goes_and_what_routes_name(tmp_path: Path, cut: int) -> None:
    """A capture that is cut says as much."""
    data = pcap([arriving(), RESPONDING, VOICE, arriving(), VOICE])
    frames, destinations, named, _ = surveyed(tmp_path, data[: len(data) - cut])
    assert frames == (5 if cut == 0 else 4)
    assert destinations == {"udp:10.0.0.1:5060": 2, "udp:10.0.0.5:5060": 1}
    assert named == {"udp:10.0.0.1:5060"}


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        (b"Route: <sip:10.0.0.1;lr>", True),
        (b"Record-Route: <sip:10.0.0.1:5060;lr>", True),
        (b"Route: <sip:10.0.0.7;lr>, <sip:10.0.0.1>", True),
        # A name or nonsense among them does not hide the others.
        (b"Route: <sip:proxy.example.com;lr>, <sip:10.0.0.1;lr>", True),
        (b"Route: <sip:broken\r\nRoute: <sip:10.0.0.1;lr>", True),
        (b"Route: <sip:10.0.0.1:5070;lr>", False),
        (b"Route: <sip:10.0.0.7;lr>", False),
        (b"Route: <>", False),
        (b"Route: ", False),
        (b"Contact: <sip:10.0.0.1>", False),
        (b"\xff: \xff", False),
    ],
)
def test_which_headers_name_a_destination(tmp_path: Path, headers: bytes, named: bool) -> None:
    data = pcap([frame(b"BYE sip:a SIP/2.0\r\n" + headers + b"\r\n\r\n")])
    assert surveyed(tmp_path, data)[2] == ({"udp:10.0.0.1:5060"} if named else set())


def test_ipv6_is_named_by_value(tmp_path: Path) -> None:
    message = b"BYE sip:a SIP/2.0\r\nRoute: <sip:[2001:0DB8:0::0:1];lr>\r\n\r\n"
    data = pcap([frame(message, ("2001:db8::5", 5060), ("2001:db8::1", 5060))])
    assert surveyed(tmp_path, data)[2] == {"udp:[2001:db8::1]:5060"}


def test_every_frame_is_looked_at_where_asked(tmp_path: Path) -> None:
    tcp = arriving()[:23] + b"\x06" + arriving()[24:]
    data = section() + interface() + b"".join(map(enhanced, [VOICE, VOICE, tcp, frame(b"x", PROXY, ("10.0.0.9", 53))]))
    frames, destinations, _, ports = surveyed(tmp_path, data, every_frame=True)
    assert (frames, destinations, ports) == (4, {}, {20000: 2, 53: 1})
