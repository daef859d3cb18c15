"""SIP is known by its start line, on any port; and what there is in a capture that nobody has named listeners for."""

from collections import Counter
from pathlib import Path

import pytest

from scapy_rr.capture.messages import RESPONSE, SipFrame, kind_of, sip_frames, spell, survey
from scapy_rr.capture.reader import Capture
from scapy_rr.wire.datagram import Refusal

from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.scenes import CALLER, PROXY
from .samples import VOICE, arriving, bye, enhanced, frame, interface, pcap, section


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"INVITE sip:a SIP/2.0\r\n", "INVITE"),
        (b"INVITE sip:a SIP/2.0\n", "INVITE"),
        (b"INVITE sip:a SIP/2.0", "INVITE"),
        (b"\r\n\r\nINVITE sip:a SIP/2.0\r\n", "INVITE"),
        (b"NEWMETHOD sip:a SIP/2.0\r\n", "NEWMETHOD"),
        (b"invite sip:a sip/2.0\r\n", "invite"),
        (b"INVITE sip:a  b SIP/2.0\r\n", "INVITE"),
        (b"SIP/2.0 200 OK\r\n", RESPONSE),
        (b"sip/2.0 200 OK\r\n", RESPONSE),
        (b"", ""),
        (b"\r\n\r\n", ""),
        (b"\0", ""),
        (b"SIP", ""),
        (b"GET / HTTP/1.1\r\nVia: SIP/2.0\r\n", ""),
        (b"INVITE", ""),
        (b"\x80\x08" + bytes(170), ""),
    ],
)
def test_what_a_start_line_says(payload: bytes, kind: str) -> None:
    assert kind_of(payload) == kind


def found(folder: Path, frames: list[bytes], ports: tuple[int, ...] = ()) -> list[SipFrame]:
    path = folder / "capture"
    path.write_bytes(pcap(frames))
    with Capture(path) as capture:
        return [one for batch in capture.batches() for one in sip_frames(batch.data, batch.frames(), ports)]


def test_sip_is_found_on_any_port(tmp_path: Path) -> None:
    odd = frame(bye(), ("10.0.0.5", 1), ("10.0.0.1", 65535))
    frames = found(tmp_path, [VOICE, arriving(), frame(b"INVITE at SIP/1.0\r\n"), odd, frame(b"SIP/2.0 100 Trying\r\n\r\n")])
    assert [(one.record.number, one.kind) for one in frames] == [(2, "BYE"), (4, "BYE"), (5, RESPONSE)]
    assert frames[0].message == bye()


@pytest.mark.parametrize(
    ("ports", "numbers"), [((), [1, 2, 3]), ((5060,), [1, 3]), ((7000,), [2, 3]), ((7000, 5060), [1, 2, 3]), ((9,), [])]
)
def test_a_port_of_either_end_narrows_it(tmp_path: Path, ports: tuple[int, ...], numbers: list[int]) -> None:
    frames = [
        arriving(),
        frame(bye(), ("10.0.0.5", 6000), ("10.0.0.1", 7000)),
        frame(bye(), ("10.0.0.5", 7000), ("10.0.0.1", 5060)),
    ]
    assert [one.record.number for one in found(tmp_path, frames, ports)] == numbers


def test_sip_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    """It is told by its version alone; what of a message has none is not seen."""
    first, *_, last = Flow(CALLER, PROXY).fragments(bye(), 7, 256)
    frames = found(tmp_path, [ethernet(first), ethernet(last), arriving()[:100]])
    assert [(one.record.number, one.at, one.kind) for one in frames] == [(1, Refusal.FRAGMENT, ""), (3, Refusal.TRUNCATED, "")]


@pytest.mark.parametrize(
    ("address", "port", "text"),
    [
        (bytes([10, 0, 0, 1]), 5060, "udp:10.0.0.1:5060"),
        (bytes(15) + b"\1", 7000, "udp:[::1]:7000"),
    ],
)
def test_an_address_as_a_listener(address: bytes, port: int, text: str) -> None:
    assert spell(address, port) == text


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
