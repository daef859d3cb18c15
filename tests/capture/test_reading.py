"""The SIP messages of a capture, in the order in which they are whole."""

from pathlib import Path

import pytest

import scapy_rr
from scapy_rr.capture.messages import RESPONSE, SipMessage
from scapy_rr.capture.reader import Capture, Damage
from scapy_rr.capture.reading import sip_messages
from scapy_rr.capture.transports import Transports
from scapy_rr.errors import CaptureError

from ..make_pcaps import FOLDER
from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.scenes import CALLER, PROXY
from ..pcapmaker.tcp import Connection
from .samples import VOICE, arriving, bye, frame, pcap


def found(folder: Path, frames: list[bytes], ports: tuple[int, ...] = ()) -> list[SipMessage]:
    path = folder / "capture"
    path.write_bytes(pcap(frames))
    with Capture(path) as capture:
        return list(sip_messages(capture, ports))


def test_sip_is_found_on_any_port(tmp_path: Path) -> None:
    odd = frame(bye(), ("10.0.0.5", 1), ("10.0.0.1", 65535))
    messages = found(tmp_path, [VOICE, arriving(), frame(b"INVITE at SIP/1.0\r\n"), odd, frame(b"SIP/2.0 100 Trying\r\n\r\n")])
    assert [(one.number, one.kind) for one in messages] == [(2, "BYE"), (4, "BYE"), (5, RESPONSE)]
    first = messages[0]
    assert first.data == bye()
    assert (first.transport, first.source, first.destination) == ("udp", (b"\x0a\0\0\5", 5060), (b"\x0a\0\0\1", 5060))
    assert (first.frames, first.time, first.connection, first.refusal) == ((2,), 1_700_000_001.001001, "", "")


@pytest.mark.parametrize(
    ("ports", "numbers"), [((), [1, 2, 3]), ((5060,), [1, 3]), ((7000,), [2, 3]), ((7000, 5060), [1, 2, 3]), ((9,), [])]
)
def test_a_port_of_either_end_narrows_it(tmp_path: Path, ports: tuple[int, ...], numbers: list[int]) -> None:
    frames = [
        arriving(),
        frame(bye(), ("10.0.0.5", 6000), ("10.0.0.1", 7000)),
        frame(bye(), ("10.0.0.5", 7000), ("10.0.0.1", 5060)),
    ]
    assert [one.number for one in found(tmp_path, frames, ports)] == numbers


def test_sip_that_cannot_be_reached_is_named(tmp_path: Path) -> None:
    """It is told by its version alone; what of a message has none is not seen."""
    messages = found(tmp_path, [arriving()[:100], arriving()[:60], arriving()[:23] + b"\x32" + arriving()[24:]])
    assert [(one.number, one.kind, one.refusal, one.data) for one in messages] == [
        (1, "", "frame truncated by the capture", b""),
        (3, "", "neither UDP nor TCP nor SCTP", b""),
    ]


def test_messages_come_when_they_are_whole(tmp_path: Path) -> None:
    """Out of fragments, of a connection, of datagrams; numbers and frames are those of the capture."""
    fragments = [ethernet(one) for one in Flow(CALLER, PROXY).fragments(bye(1), 7, 256)]
    tcp = Connection(("10.0.0.5", 40000), PROXY)
    segments = [ethernet(one) for one in tcp.send(bye(2), (100, 100))]
    messages = found(tmp_path, [fragments[0], segments[0], VOICE, arriving(3), segments[1], *fragments[1:], segments[2]])
    assert [(one.number, one.frames, one.transport, one.connection) for one in messages] == [
        (4, (4,), "udp", ""),
        (7, (1, 6, 7), "udp", ""),
        (8, (2, 5, 8), "tcp", "1"),
    ]
    assert [one.data for one in messages] == [bye(3), bye(1), bye(2)]
    assert [round(one.time, 6) for one in messages] == [1_700_000_003.003003, 1_700_000_006.006006, 1_700_000_007.007007]


def test_before_the_damage_and_behind_a_gap_there_are_messages(tmp_path: Path) -> None:
    """What was kept back for a segment that did not come is given before the fault is told."""
    tcp = Connection(("10.0.0.5", 40000), PROXY)
    frames = [ethernet(one) for one in (*tcp.send(bye(1)), *tcp.send(bye(2)), *tcp.send(bye(3)))]
    path = tmp_path / "capture"
    path.write_bytes(pcap([frames[0], frames[2], VOICE])[:-1])
    numbers = []
    with Capture(path) as capture, pytest.raises(Damage, match="the file ends within a frame"):
        for one in sip_messages(capture):
            numbers.append((one.number, one.refusal))
    assert numbers == [(1, ""), (2, "stream with a gap")]


def test_what_came_to_nothing_is_counted_by_whoever_follows(tmp_path: Path) -> None:
    transports = Transports()
    path = tmp_path / "capture"
    path.write_bytes(pcap([ethernet(Flow(CALLER, PROXY).fragments(bye(), 7, 256)[0])]))
    with Capture(path) as capture:
        assert list(sip_messages(capture, (), transports)) == []
    assert transports.counts == {"IP fragments given up: the rest did not come": 1}


def test_messages_of_captures_for_whoever_asks() -> None:
    """By their names, several by time; each with where it came from."""
    one, *others = scapy_rr.messages(str(FOLDER / "tcp.pcap"))
    assert (one.sender, one.receiver, one.frames, one.connection) == ("tcp:10.0.0.5:40000", "tcp:10.0.0.1:5060", (4, 5), "1")
    assert len(others) == 24
    both = list(scapy_rr.messages(FOLDER / "tcp.pcap", FOLDER / "vxlan.pcap"))
    assert [one.time for one in both] == sorted(one.time for one in both)
    assert (len(both), {one.transport for one in both}) == (35, {"tcp", "udp"})
    assert len(list(scapy_rr.messages(FOLDER / "tcp.pcap", ports=[9]))) == 0
    (refused,) = (one for one in scapy_rr.messages(FOLDER / "passing-by.pcap") if one.refusal)
    assert (refused.sender, refused.receiver) == ("", "")
    with pytest.raises(CaptureError, match="No such file"):
        list(scapy_rr.messages("nowhere.pcap"))


def test_messages_over_tls() -> None:
    pytest.importorskip("cryptography")
    assert len(list(scapy_rr.messages(FOLDER / "tls.pcap", keylog=FOLDER / "tls.keys"))) == 14
