"""TCP segments read and built, against what the packets' maker and Scapy build."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.packet import Raw

from scapy_rr.wire.segment import ACK, FIN, PSH, SYN, Segment, kept_options, options_with, read, rebuild, renumbered
from scapy_rr.wire.splice import TooLong

from ..pcapmaker.tcp import Connection

FOUR = (("10.0.0.5", 1024), ("10.0.0.1", 5060))
SIX = (("2001:db8::5", 1024), ("2001:db8::1", 5060))
A4, B4 = bytes((10, 0, 0, 5)), bytes((10, 0, 0, 1))
A6, B6 = bytes.fromhex("20010db8" + 23 * "0" + "5"), bytes.fromhex("20010db8" + 23 * "0" + "1")
NOP, END = b"\1", b"\0"
MSS, SACK_PERMITTED, TIMES = b"\x02\x04\x05\xb4", b"\x04\x02", b"\x08\x0a" + bytes(range(8))


def made(options: bytes = b"", payload: bytes = b"", six: bool = False, flags: int = ACK | PSH) -> bytes:
    """From the client, number 1000, to acknowledge 5000."""
    return Connection(*(SIX if six else FOUR), (1000, 5000)).packet(flags, payload, options=options)


def segment(packet: bytes) -> Segment:
    found = read(packet)
    assert found is not None
    return found


def sack(*edges: int) -> bytes:
    return b"\x05" + bytes([2 + 4 * len(edges)]) + struct.pack(f">{len(edges)}I", *edges)


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
def test_a_segment(six: bool) -> None:
    ip, ends = (40, (A6, B6)) if six else (20, (A4, B4))
    wanted = Segment(ends[0], 1024, ends[1], 5060, 1000, 5000, ACK | PSH, 64_240, b"hello", ip, ip + 20)
    assert read(made(b"", b"hello", six)) == wanted
    assert read(made(NOP + NOP + TIMES, b"hello", six)) == wanted._replace(data=ip + 32)


def test_headers_before_it() -> None:
    four = bytes(IP(src="10.0.0.5", dst="10.0.0.1", options=[IPOption_Router_Alert()]) / TCP(sport=1024, dport=5060) / Raw(b"hello"))
    assert (segment(four).tcp, segment(four).payload) == (24, b"hello")
    six = bytes(IPv6(src="2001:db8::5", dst="2001:db8::1") / IPv6ExtHdrDestOpt() / TCP(sport=1024, dport=5060) / Raw(b"hello"))
    assert (segment(six).tcp, segment(six).payload) == (48, b"hello")


def test_what_stands_behind_the_packet_is_none_of_it() -> None:
    for six in (False, True):
        assert segment(made(b"", b"hello", six) + b"padding").payload == b"hello"


def test_a_packet_that_says_no_length_goes_to_the_end() -> None:
    """As the kernel hands it over, put together from many."""
    four, six = made(b"", b"hello"), made(b"", b"hello", True)
    assert segment(four[:2] + b"\0\0" + four[4:] + b"more").payload == b"hellomore"
    assert segment(six[:4] + b"\0\0" + six[6:] + b"more").payload == b"hellomore"


def changed(packet: bytes, at: int, value: int) -> bytes:
    return packet[:at] + bytes([value]) + packet[at + 1 :]


WHOLE4, WHOLE6 = made(b"", b"hello"), made(b"", b"hello", True)
NONE: dict[str, bytes] = {
    "nothing": b"",
    "another version": changed(WHOLE4, 0, 0x55),
    "IPv6's length, another version": changed(WHOLE6, 0, 0x70),
    "no TCP": changed(WHOLE4, 9, 17),
    "no TCP in IPv6": changed(WHOLE6, 6, 17),
    "an IP header without a length": changed(WHOLE4, 0, 0x40),
    "an IP header that is too short": changed(WHOLE4, 0, 0x44),
    "a TCP header that is too short": changed(WHOLE4, 32, 0x40),
    "a TCP header that is too long": changed(WHOLE4, 32, 0xF0),
    "a length that ends in the header": changed(WHOLE4, 3, 39),
    "a length that ends in the IP header": changed(WHOLE4, 3, 19),
    "cut in the IP header": WHOLE4[:8],
    "cut in IPv6's header": WHOLE6[:39],
    "cut before the TCP header": WHOLE4[:20],
    "cut in the TCP header": WHOLE4[:39],
    "cut in the payload": WHOLE4[:-1],
    "cut in IPv6's payload": WHOLE6[:-1],
    "extension headers without an end": changed(WHOLE6, 6, 0),
}


@pytest.mark.parametrize("packet", NONE.values(), ids=NONE)
def test_where_no_whole_segment_is(packet: bytes) -> None:
    assert read(packet) is None


@given(st.binary(max_size=100) | st.builds(changed, st.sampled_from([WHOLE4, WHOLE6]), st.integers(0, 60), st.integers(0, 255)))
def test_any_bytes_give_a_segment_within_the_packet_or_none(packet: bytes) -> None:
    found = read(packet)
    if found is None:
        return
    assert 20 <= found.tcp <= found.data - 20 <= len(packet) - 20
    assert packet[found.data : found.data + len(found.payload)] == found.payload
    options = options_with(packet, found, found.blocks(packet)[:1])
    again = read(rebuild(packet, found, 1, 2, FIN, options, b"new"))
    assert again is not None
    assert (again.sequence, again.acknowledgement, again.flags, again.payload) == (1, 2, FIN, b"new")
    assert again.blocks(rebuild(packet, found, 1, 2, FIN, options, b"new")) == found.blocks(packet)[:1]


OPTIONS: dict[str, tuple[bytes, list[tuple[int, bytes]]]] = {
    "none": (b"", []),
    "of a SYN": (MSS + SACK_PERMITTED + TIMES, [(2, MSS[2:]), (4, b""), (8, TIMES[2:])]),
    "behind the end": (MSS + END + SACK_PERMITTED + NOP, [(2, MSS[2:])]),
    "nothing but no-operations": (NOP * 4, []),
    "a length of nothing": (NOP * 2 + b"\x02\x00", []),
    "a length of one": (NOP * 2 + b"\x02\x01", []),
    "over the end": (MSS + b"\x08\x0a\0\0", [(2, MSS[2:])]),
    "no length": (MSS + NOP * 3 + b"\x08", [(2, MSS[2:])]),
}


@pytest.mark.parametrize(("options", "wanted"), OPTIONS.values(), ids=OPTIONS)
def test_options(options: bytes, wanted: list[tuple[int, bytes]]) -> None:
    # What follows the header is no option.
    packet = made(options, b"\x02\x04\0\0")
    assert [(kind, packet[start:end]) for kind, start, end in segment(packet).options(packet)] == wanted


@pytest.mark.parametrize(
    ("options", "wanted"), [(MSS, 1460), (TIMES + NOP * 2 + MSS, 1460), (TIMES + NOP * 2, None), (b"\x02\x03\x05" + NOP, None)]
)
def test_mss(options: bytes, wanted: int | None) -> None:
    packet = made(options, flags=SYN)
    assert segment(packet).mss(packet) == wanted


LAST = 2**32 - 1
BLOCKS: dict[str, tuple[bytes, list[tuple[int, int]], list[tuple[int, int]], bytes]] = {
    "none": (NOP * 2 + TIMES, [], [], NOP * 2 + TIMES),
    "another one": (NOP * 2 + sack(1, 2), [(1, 2)], [(7, 9)], NOP * 2 + sack(7, 9)),
    "numbers wrap": (NOP * 2 + sack(LAST, 4), [(LAST, 4)], [(2**32 + 7, -1)], NOP * 2 + sack(7, LAST)),
    "one less": (NOP * 2 + sack(1, 2, 3, 4), [(1, 2), (3, 4)], [(3, 4)], NOP * 2 + sack(3, 4)),
    "none is left": (NOP * 2 + sack(1, 2), [(1, 2)], [], b""),
    "none is left, behind time stamps": (NOP * 2 + TIMES + NOP * 2 + sack(1, 2), [(1, 2)], [], NOP * 2 + TIMES),
    "none is left, before time stamps": (sack(1, 2) + TIMES, [(1, 2)], [], TIMES + END * 2),
    "the same, with what made it even": (
        NOP + sack(1, 2) + NOP + TIMES + NOP * 2,
        [(1, 2)],
        [(1, 2)],
        NOP + sack(1, 2) + NOP + TIMES + NOP * 2,
    ),
    "a part of a block": (b"\x05\x08\0\0\0\1\0\0", [], [], b""),
    "a block and a part": (NOP * 2 + b"\x05\x0e" + bytes(12), [(0, 0)], [(1, 2)], NOP * 2 + sack(1, 2)),
    "two of them": (sack(1, 2) + sack(3, 4) + NOP * 4, [(1, 2), (3, 4)], [(5, 6)], sack(5, 6) + NOP * 4 + END * 2),
}


@pytest.mark.parametrize(("options", "there", "blocks", "wanted"), BLOCKS.values(), ids=BLOCKS)
def test_blocks(options: bytes, there: list[tuple[int, int]], blocks: list[tuple[int, int]], wanted: bytes) -> None:
    packet = made(options, b"x")
    assert segment(packet).blocks(packet) == there
    assert options_with(packet, segment(packet), blocks) == wanted
    assert len(wanted) % 4 == 0


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (b"", b""),
        (MSS + SACK_PERMITTED + TIMES + NOP * 4, NOP * 2 + TIMES),
        (NOP * 2 + sack(1, 2), b""),
        (b"\x08\x04\0\0", b""),
    ],
)
def test_options_of_another_segment(options: bytes, wanted: bytes) -> None:
    packet = made(options)
    assert kept_options(packet, segment(packet)) == wanted


@pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("payload", [b"", b"odd", b"even", bytes(1001)])
def test_rebuilt_as_it_is_made(six: bool, payload: bytes) -> None:
    """Everything else stays, what checksums cannot tell included."""
    one, other = made(NOP * 2 + TIMES, b"before", six, ACK), Connection(*(SIX if six else FOUR), (2**32 - 1, 7))
    wanted = other.packet(FIN | ACK, payload, options=MSS)
    assert rebuild(one, segment(one), -1, 2**32 + 7, FIN | ACK, MSS, payload) == wanted


@given(
    st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-(2**33), 2**33), st.integers(-(2**33), 2**33), st.binary(max_size=9)
)
def test_other_numbers_alone(sequence: int, acknowledgement: int, on: int, back: int, payload: bytes) -> None:
    """Options, too, stay as they are, and a wrong checksum stays wrong."""
    for six in (False, True):
        ends, options = SIX if six else FOUR, NOP + NOP + TIMES
        came = Connection(*ends, (sequence, acknowledgement)).packet(ACK | PSH, payload, options=options)
        wanted = Connection(*ends, ((sequence + on) % 2**32, (acknowledgement + back) % 2**32)).packet(ACK | PSH, payload, options=options)
        numbers = sequence + on, acknowledgement + back
        assert renumbered(came, segment(came), *numbers) == wanted
        at = segment(came).tcp + 16
        wrong = came[:at] + bytes([came[at] ^ 1]) + came[at + 1 :]
        assert renumbered(wrong, segment(wrong), *numbers) != wanted


def test_rebuilt_as_scapy_builds() -> None:
    """With options and extension headers of IP, a window, an urgent pointer and a reserved bit."""
    tcp = {"sport": 1024, "dport": 5060, "seq": 7, "ack": 9, "flags": "PAU", "window": 55, "urgptr": 3, "reserved": 1}
    for ip in (
        IP(src="10.0.0.5", dst="10.0.0.1", id=7, ttl=9, tos=0x68, options=[IPOption_Router_Alert()]),
        IPv6(src="2001:db8::5", dst="2001:db8::1", hlim=9, fl=77) / IPv6ExtHdrDestOpt(),
    ):
        packet = bytes(ip / TCP(**tcp, options=[("MSS", 1000)]) / Raw(b"before"))
        wanted = bytes(ip / TCP(**{**tcp, "seq": 8, "ack": 10, "flags": "PA"}) / Raw(b"and after"))
        assert rebuild(packet, segment(packet), 8, 10, ACK | PSH, b"", b"and after") == wanted


@pytest.mark.parametrize(("six", "most"), [(False, 65_535 - 40), (True, 65_535 - 20)])
def test_more_than_ip_can_say_is_refused(six: bool, most: int) -> None:
    packet = made(b"", b"x", six)
    assert len(segment(rebuild(packet, segment(packet), 1, 1, ACK, b"", bytes(most))).payload) == most
    for longer in (most + 1, 65_600, 200_000):
        with pytest.raises(TooLong):
            rebuild(packet, segment(packet), 1, 1, ACK, b"", bytes(longer))
