"""Packets cut into fragments, against what Scapy cuts and puts together, and what Wireshark makes of it."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers import inet, inet6
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from scapy_rr.wire.checksum import checksum
from scapy_rr.wire.fragmentation import Fragment, MustNotFragment, fragment, read
from scapy_rr.wire.link import ETHERNET
from scapy_rr.wire.reassembly import Reassembler
from scapy_rr.wire.splice import TooLong

from ..capture.samples import pcap

RAW = 101
LINK = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
HEADERS: dict[str, Callable[[], Any]] = {
    "none": lambda: IPv6(),
    "hop-by-hop": lambda: IPv6() / IPv6ExtHdrHopByHop(),
    "routing": lambda: IPv6() / IPv6ExtHdrRouting(addresses=["::7"]),
    "destination and routing": lambda: IPv6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["::7", "::8"]),
    "all": lambda: IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(12))]) / IPv6ExtHdrRouting(),
}


def four(size: int, **others: Any) -> Any:
    """An IPv4 packet with so many bytes behind its header."""
    return IP(src="10.0.0.5", dst="10.0.0.1", id=77, ttl=9, tos=0x68, **others) / UDP(sport=5060, dport=5060) / Raw(text(size - 8))


def six(size: int) -> Any:
    return IPv6(src="::5", dst="::1", hlim=9, fl=7) / UDP(sport=5060, dport=5060) / Raw(text(size - 8))


def text(size: int) -> bytes:
    """Of which no two 8 bytes are the same."""
    return b"".join(b"%08d" % number for number in range(size // 8 + 1))[:size]


def payloads(frames: list[bytes]) -> list[int]:
    """How many bytes each of them carries behind the IP headers, seen by Scapy."""
    packets = [IP(frame) if frame[0] >> 4 == 4 else IPv6(frame) for frame in frames]
    return [len(packet[IPv6ExtHdrFragment if packet.version == 6 else IP].payload) for packet in packets]


@pytest.mark.parametrize(("size", "mtu"), [(28, 48), (28, 1500), (1480, 1500), (65_515, 65_535)])
def test_a_frame_that_fits_is_the_same_object(size: int, mtu: int) -> None:
    for packet, most in ((four(size), mtu), (six(size), mtu + 20)):
        frame = bytes(packet)
        assert fragment(frame, RAW, most)[0] is frame
        # The received sizes show no path's limit, or one that is kept, too.
        assert fragment(frame, RAW, most, [8]) == fragment(frame, RAW, most, [size, 8]) == [frame]


@pytest.mark.parametrize(
    ("mtu", "expected"),
    [(2019, [1992, 8]), (1500, [1480, 520]), (1499, [1472, 528]), (1020, [1000, 1000]), (1019, [992, 992, 16]), (28, [8] * 250)],
)
def test_ipv4_equals_what_scapy_cuts(mtu: int, expected: list[int]) -> None:
    packet = four(2000)
    frames = fragment(bytes(packet), RAW, mtu)
    assert payloads(frames) == expected
    assert frames == [bytes(part) for part in inet.fragment(packet, mtu - 20)]
    behind_vlan = fragment(bytes(LINK / Dot1Q(vlan=5) / packet) + b"trailer", ETHERNET, mtu)
    assert behind_vlan == [bytes(LINK / Dot1Q(vlan=5) / IP(frame)) for frame in frames]


@pytest.mark.parametrize("before", HEADERS)
@pytest.mark.parametrize("mtu", [1999, 1500, 1499, 1280, 200])
def test_ipv6_equals_what_scapy_cuts(before: str, mtu: int) -> None:
    headers = HEADERS[before]()
    headers[IPv6].src, headers[IPv6].dst = "2001:db8::5", "2001:db8::1"
    payload = UDP(sport=5060, dport=5060, chksum=1) / Raw(text(2000))
    frames = fragment(bytes(headers / payload), RAW, mtu)
    identification = IPv6(frames[0])[IPv6ExtHdrFragment].id
    cut = inet6.fragment6(headers / IPv6ExtHdrFragment(id=identification) / payload, mtu)
    assert frames == [bytes(part) for part in cut]
    assert bytes(inet6.defragment6(map(IPv6, frames))) == bytes(headers / payload)


def test_destination_options_without_a_routing_header_are_cut_with_the_rest() -> None:
    packet = IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(chksum=1) / Raw(text(100))
    first, *_ = (IPv6(frame) for frame in fragment(bytes(packet), RAW, 100))
    assert [layer.__name__ for layer in first.layers()][:4] == ["IPv6", "IPv6ExtHdrHopByHop", "IPv6ExtHdrFragment", "IPv6ExtHdrDestOpt"]


def test_the_identification_of_ipv6_depends_on_what_is_sent() -> None:
    one, again, other = (fragment(bytes(six(size)), RAW, 1280) for size in (2000, 2000, 2001))
    assert one == again
    assert len({IPv6(frame)[IPv6ExtHdrFragment].id for frame in one + other}) == 2


COPIED, NOT_COPIED = b"\x94\x04\0\0", b"\x07\x07\x04\0\0\0\0"


@pytest.mark.parametrize(
    ("options", "later"),
    [
        (COPIED, COPIED),
        (NOT_COPIED + b"\0", b""),
        (b"\1" + NOT_COPIED + COPIED, COPIED),
        (b"\x82\x03\1" + NOT_COPIED + b"\x83\x02", b"\x82\x03\1\x83\x02\0\0\0"),
        # Nothing is read behind the end, or behind a length that cannot be.
        (COPIED + b"\0" + COPIED[:3], COPIED),
        (NOT_COPIED + b"\7\1\7\3\1", b"\7\1\7\3\1\0\0\0"),
        (b"\7\5\7\3", b"\7\5\7\3"),
        (b"\7\3\1\7", b"\7\0\0\0"),
    ],
)
def test_options_are_copied_where_they_say_so(options: bytes, later: bytes) -> None:
    """And each fragment uses the room that its header leaves."""
    packet = bytes(four(100))
    head = bytes([0x45 + len(options) // 4, 0]) + (100 + 20 + len(options)).to_bytes(2, "big") + packet[4:20] + options
    first, *others = fragment(head + packet[20:], RAW, 76)
    assert first[20 : 20 + len(options)] == options
    assert [len(other) for other in others[:-1]] == [(76 - 20 - len(later)) // 8 * 8 + 20 + len(later)] * (len(others) - 1)
    for frame, held in ((first, options), *((other, later) for other in others)):
        assert frame[0] == 0x45 + len(held) // 4
        assert frame[20 : 20 + len(held)] == held
        assert int.from_bytes(frame[2:4], "big") == len(frame)
        assert checksum(frame[: 20 + len(held)]) == 0
    assert b"".join(frame[(frame[0] & 15) * 4 :] for frame in (first, *others)) == packet[20:]


def test_the_path_may_have_had_more_room_behind_the_first_fragment() -> None:
    option = inet.IPOption(NOT_COPIED + b"\0")
    for flags in ("", "DF"):
        frames = fragment(bytes(four(3000, options=[option], flags=flags)), RAW, 1500, [1472, 1480, 48])
        assert payloads(frames) == [1472, 1480, 48]
    with pytest.raises(MustNotFragment):
        fragment(bytes(four(3000, options=[option], flags="DF")), RAW, 1499, [1472, 1480, 48])


@pytest.mark.parametrize(
    ("size", "mtu", "sizes", "expected"),
    [
        # Grown, and shrunk, behind the sizes that came.
        (2000, 1500, [1376, 300], [1376, 624]),
        (1380, 1500, [1376, 300], [1376, 4]),
        (3000, 1500, [1376, 300], [1376, 1376, 248]),
        (2000, 65_535, [1480, 520], [1480, 520]),
        (2000, 1500, [8, 1480, 512], [8, 1480, 512]),
        (100, 1500, [8, 33], [8, 32, 32, 28]),
        (90, 1500, [16, 40, 33], [16, 40, 34]),
        # The MTU is smaller than the path was.
        (2000, 1020, [8, 1480, 512], [8, 1000, 992]),
        # Nothing of the kind was received, but it does no harm.
        (20, 1500, [3, 0, 3], [8, 8, 4]),
    ],
)
def test_the_sizes_of_the_path_are_kept(size: int, mtu: int, sizes: list[int], expected: list[int]) -> None:
    assert payloads(fragment(bytes(four(size)), RAW, mtu, sizes)) == expected
    assert payloads(fragment(bytes(six(size)), RAW, mtu + 28, sizes)) == expected


@pytest.mark.parametrize(("mtu", "sizes"), [(1500, []), (1500, [2000]), (1499, [1480, 300]), (27, [])])
def test_what_says_so_is_not_cut(mtu: int, sizes: list[int]) -> None:
    frame = bytes(four(2000, flags="DF"))
    with pytest.raises(MustNotFragment, match=f"2020 bytes in an IPv4 packet with DF, the MTU is {mtu}"):
        fragment(frame, RAW, mtu, sizes)


def test_what_its_sender_cut_itself_may_be_cut_so_again() -> None:
    """As Linux does it in path MTU discovery: each fragment forbids to be cut further."""
    frames = fragment(bytes(four(2000, flags="DF")), RAW, 1500, [1480, 300])
    assert [str(IP(frame).flags) for frame in frames] == ["MF+DF", "DF"]


@pytest.mark.parametrize(("packet", "mtu"), [(four(30), 27), (six(30), 55), (four(30), 0), (six(30), -1)])
def test_an_mtu_without_room_is_refused(packet: Any, mtu: int) -> None:
    with pytest.raises(ValueError, match=f"an MTU of {mtu} has no room behind {20 if packet.version == 4 else 48} bytes"):
        fragment(bytes(packet), RAW, mtu)


FOUR, SIX = bytes(four(2000)), bytes(six(2000))


@pytest.mark.parametrize(
    ("frame", "link_type"),
    [
        (b"", RAW),
        (b"\x10" + FOUR[1:], RAW),
        (bytes(12) + b"\x08\x06" + FOUR, ETHERNET),
        (FOUR, 105),
        # Cut, the header, too.
        *((packet[:size], RAW) for packet in (FOUR, SIX) for size in (1, 7, 19, 39, len(packet) - 1)),
        # Lengths of the packet that cannot be; none at all is what a card leaves that cuts by itself.
        *((FOUR[:2] + length.to_bytes(2, "big") + FOUR[4:], RAW) for length in (0, 19, 2021)),
        (SIX[:4] + b"\x07\xd1" + SIX[6:], RAW),
    ],
)
def test_what_is_not_a_whole_ip_packet_is_the_same_object(frame: bytes, link_type: int) -> None:
    assert fragment(frame, link_type, 100)[0] is frame


def test_headers_that_are_not_whole_are_not_read() -> None:
    four_bytes, six_bytes = bytes(four(100)), bytes(IPv6(plen=0) / IPv6ExtHdrHopByHop(len=3, nh=17))
    assert read(b"\x44" + four_bytes[1:], 0, 120, RAW) is None
    assert read(b"\x4f" + four_bytes[1:], 0, 59, RAW) is None
    assert read(b"\x4f" + four_bytes[1:], 0, 60, RAW) is not None
    assert read(six_bytes, 0, 48, RAW) is None
    assert read(six_bytes + bytes(24), 0, 72, RAW) is not None
    assert read(bytes(IPv6(nh=44)) + bytes(7), 0, 47, RAW) is None
    assert read(bytes(12) + b"\x08\x06" + four_bytes, 0, 134, ETHERNET) is None


def test_what_does_not_fit_into_a_packet_is_refused() -> None:
    for packet, most in ((four(8), 65_515), (six(8), 65_535)):
        piece = read(bytes(packet), 0, 999, RAW)
        assert isinstance(piece, Fragment)
        assert len(piece._replace(payload=bytes(most)).frame()) == most + len(piece.header)
        with pytest.raises(TooLong):
            piece._replace(payload=bytes(most + 1)).frame()


@given(st.integers(9, 3000), st.integers(28, 1500), st.integers(28, 1500), st.sampled_from([*HEADERS, "IPv4"]), st.randoms())
def test_fragments_of_fragments_come_together(size: int, mtu: int, smaller: int, before: str, chance: Any) -> None:
    """In any order, and none is longer than the MTU."""
    if before == "IPv4":
        frame, room = bytes(four(size)), 0
    else:
        headers = HEADERS[before]()
        room = len(headers) + 8 - 20
        frame = bytes(headers / UDP(chksum=1) / Raw(text(size - 8)))
    frames = fragment(frame, RAW, mtu + room)
    assert max(map(len, frames)) <= mtu + room
    pieces = [piece for one in frames for piece in fragment(one, RAW, smaller + room)]
    assert max(map(len, pieces)) <= smaller + room
    chance.shuffle(pieces)
    reassembler: Reassembler[int] = Reassembler()
    *waiting, whole = (reassembler.add(piece, 0, len(piece), RAW, 0, number) for number, piece in enumerate(pieces))
    assert whole and whole.frame == frame
    assert set(waiting) <= {None}
    if len(pieces) > 1:
        assert whole.sizes == tuple(payloads(sorted(pieces, key=offset)))
        assert sorted(fragment(whole.frame, RAW, 65_535, whole.sizes), key=offset)[0][:6] == sorted(pieces, key=offset)[0][:6]


def offset(frame: bytes) -> int:
    piece = read(frame, 0, len(frame), RAW)
    assert piece
    return piece.offset


@pytest.mark.parametrize("make", [four, six], ids=["IPv4", "IPv6"])
def test_a_fragment_that_is_cut_again_keeps_its_place(make: Callable[[int], Any]) -> None:
    """The last piece of one that is not the last still has more to come."""
    frames = fragment(bytes(make(3000)), RAW, 1500)
    again = [piece for frame in frames for piece in fragment(frame, RAW, 1000)]
    assert len(again) > 4
    pieces = [piece for piece in (read(frame, 0, len(frame), RAW) for frame in again) if piece]
    assert [piece.more for piece in pieces] == [True] * (len(again) - 1) + [False]
    assert len({piece.identification for piece in pieces}) == 1
    assert [piece.offset for piece in pieces] == [sum(len(before.payload) for before in pieces[:at]) for at in range(len(pieces))]


# What Wireshark makes of it.


def message(number: int, size: int) -> bytes:
    head = f"MESSAGE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
    head += f"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: {number}\r\nCSeq: {number} MESSAGE\r\nContent-Type: text/plain\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % size + text(size)


def ask(tshark: str, path: Path, shown: str, *fields: str) -> list[list[str]]:
    """The fields of the frames that a display filter shows."""
    command = [tshark, "-n", "-r", str(path), "-Y", shown, "-T", "fields", *(word for field in fields for word in ("-e", field))]
    for option in ("ip.defragment", "ipv6.defragment", "ip.check_checksum", "udp.check_checksum"):
        command += ["-o", f"{option}:TRUE"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.splitlines()]


FAULTS = "ip.checksum.status==0 or udp.checksum.status==0 or _ws.malformed or _ws.expert.severity>=0x600000"


@pytest.mark.parametrize("mtu", [1500, 1280, 576, 96])
def test_wireshark_reassembles_every_message(tshark: str, tmp_path: Path, mtu: int) -> None:
    """IPv4 with an option that is copied and one that is not, IPv6 with headers before and behind the fragment header."""
    path = tmp_path / "out.pcap"
    option = [inet.IPOption(NOT_COPIED), inet.IPOption(b"\1"), inet.IPOption_Router_Alert()]
    ends = UDP(sport=5060, dport=5060) / Raw(message(4, 2500)), UDP(sport=5060, dport=5060) / Raw(message(6, 2500))
    ip = IPv6(src="2001:db8::5", dst="2001:db8::1") / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    packets = [IP(src="10.0.0.5", dst="10.0.0.1", id=7, options=option) / ends[0], ip / ends[1]]
    frames = [part for packet in packets for part in fragment(bytes(LINK / packet), ETHERNET, mtu)]
    path.write_bytes(pcap(frames))
    assert ask(tshark, path, FAULTS, "frame.number", "_ws.expert.message") == []
    (call_id4, count4, length4, _, _), (call_id6, _, _, count6, length6) = ask(
        tshark, path, "sip", "sip.Call-ID", "ip.fragment.count", "ip.reassembled.length", "ipv6.fragment.count", "ipv6.reassembled.length"
    )
    assert (call_id4, call_id6) == ("4", "6")
    assert int(count4) + int(count6) == len(frames)
    assert int(length4) == 8 + len(message(4, 2500)) and int(length6) == 8 + 8 + len(message(6, 2500))
