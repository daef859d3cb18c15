"""Frames as they leave: their MAC addresses, an Ethernet header where they have none, their times; and what cannot leave."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from scapy_rr.errors import CaptureError
from scapy_rr.live.neighbours import How, Neighbour
from scapy_rr.live.outgoing import CUT, NOT_IP, Outgoing, prepare, survey
from scapy_rr.live.pacing import SECOND
from scapy_rr.live.sender import Refused

from ..capture.samples import VOICE, Kept, arriving, enhanced, interface, pcap, section
from ..pcapmaker.frames import LINKS, Flow

OWN, PEER = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x09"
PACKET = Flow(("10.0.0.5", 5060), ("10.0.0.9", 5060)).packet(b"hello", 7)
PACKET6 = Flow(("fd00::5", 5060), ("fd00::9", 5060)).packet(b"hello")
NINE = ip_address("10.0.0.9").packed
ARP_FRAME = b"\xff" * 6 + OWN + b"\x08\x06" + bytes(28)


def ready(folder: Path, data: bytes, known: tuple[str, ...] = ("10.0.0.9", "fd00::9")) -> Outgoing:
    """A capture's frames, with a MAC address for these."""
    (folder / "in").write_bytes(data)
    destinations = survey(folder / "in")
    for address in known:
        if one := destinations.get(ip_address(address).packed):
            one.neighbour = Neighbour(PEER, How.ARP)
    return prepare(folder / "in", folder / "out", OWN, destinations)


def frames(outgoing: Outgoing) -> list[bytes]:
    """All of them."""
    return [bytes(frame) for _, frame in outgoing.read()]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("packet", [PACKET, PACKET6], ids=["IPv4", "IPv6"])
def test_what_is_addressed_leaves_by_ethernet(tmp_path: Path, name: str, packet: bytes) -> None:
    """An Ethernet frame keeps its tags and padding, any other one's IP packet gets a header."""
    link_type, wrap = LINKS[name]
    captured = wrap(packet, False)
    kind = b"\x08\x00" if packet is PACKET else b"\x86\xdd"
    wanted = PEER + OWN + (captured[12:] if link_type == 1 else kind + packet)
    made = ready(tmp_path, pcap([captured], link_type=link_type))
    assert frames(made) == [wanted]
    assert (made.frames, made.size, made.span, made.gap, made.unaddressed, made.left_out) == (1, len(wanted), 0, SECOND, [], {})


@pytest.mark.parametrize("frame", [VOICE, arriving(), ARP_FRAME, b"short", b""])
def test_other_ethernet_frames_leave_as_captured(tmp_path: Path, frame: bytes) -> None:
    made = ready(tmp_path, pcap([frame]))
    assert frames(made) == [frame]
    assert made.unaddressed == []


@pytest.mark.parametrize(
    ("captured", "reason"),
    [
        (LINKS["cooked v1"][1](PACKET, False)[:14] + b"\x08\x06" + bytes(28), NOT_IP),
        (LINKS["cooked v1"][1](PACKET, False)[:20], NOT_IP),
        (b"", NOT_IP),
        (LINKS["cooked v1"][1](bytes([0x50]) + PACKET[1:], False), NOT_IP),
    ],
)
def test_what_cannot_leave(tmp_path: Path, captured: bytes, reason: str) -> None:
    whole = LINKS["cooked v1"][1](PACKET, False)
    made = ready(tmp_path, pcap([whole, captured, captured], link_type=113))
    assert (made.frames, made.left_out) == (1, {reason: Refused(2, 2)})


def test_what_the_capture_cut_does_not_leave(tmp_path: Path) -> None:
    made = ready(tmp_path, pcap([VOICE, Kept(1, 1, 2000, arriving())]))
    assert (frames(made), made.left_out) == ([VOICE], {CUT: Refused(1, 2)})


def test_frames_without_a_header_need_an_address(tmp_path: Path) -> None:
    made = ready(tmp_path, pcap([PACKET, PACKET6], link_type=101), known=("fd00::9",))
    assert made.unaddressed == [NINE]
    assert (made.frames, frames(made)[0]) == (2, bytes(12) + b"\x08\x00" + PACKET)


def test_interfaces_of_several_kinds(tmp_path: Path) -> None:
    """One frame without a header is enough to need an address."""
    ethernet = LINKS["ethernet"][1](PACKET, False)
    made = ready(tmp_path, section() + interface(1) + interface(101) + enhanced(ethernet) + enhanced(PACKET, 1), known=())
    assert made.destinations[NINE].frames == 2
    assert made.unaddressed == [NINE]


def test_times_count_from_the_first_frame_that_leaves(tmp_path: Path) -> None:
    times = [(1, 0), (5, 100), (5, 400), (4, 999_000), (7, 100)]
    kept = [Kept(seconds, fraction, len(VOICE) + (number == 0), VOICE) for number, (seconds, fraction) in enumerate(times)]
    made = ready(tmp_path, pcap(kept))
    assert [offset for offset, _ in made.read()] == [0, 300_000, -1_100_000, 2_000_000_000]
    assert (made.span, made.gap) == (2_000_000_000, 666_666_666)


def test_nothing(tmp_path: Path) -> None:
    made = ready(tmp_path, pcap([]))
    assert (frames(made), made.destinations) == ([], {})


def test_frames_of_one_time_are_a_second_apart_when_they_come_again(tmp_path: Path) -> None:
    assert ready(tmp_path, pcap([Kept(1, 5, len(VOICE), VOICE)] * 3)).gap == SECOND


def test_only_so_many_destinations_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scapy_rr.live.outgoing._MOST_DESTINATIONS", 2)
    packets = [Flow(("10.0.0.5", 1), (f"10.0.0.{number}", 1)).packet(b"") for number in (1, 2, 3, 1, 3)]
    made = ready(tmp_path, pcap([LINKS["ethernet"][1](packet, False) for packet in packets]))
    assert [one.frames for one in made.destinations.values()] == [2, 1]
    assert made.frames == 5


def test_a_full_disk(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([VOICE] * 1000))
    with pytest.raises(CaptureError, match=r"^/dev/full: No space left on device$"):
        prepare(tmp_path / "in", Path("/dev/full"), OWN, {})


def test_progress(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([VOICE] * 3000))
    seen: list[tuple[int, int]] = []
    prepare(tmp_path / "in", tmp_path / "out", OWN, {}, lambda done, total: seen.append((done, total)))
    assert len(seen) == 2
    assert all(0 < done <= total == (tmp_path / "in").stat().st_size for done, total in seen)
