"""The datagram in a frame, and each reason why there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.datagram import Datagram, Refusal, locate
from scapy_rr.wire.link import ETHERNET

RAW = 101
A4, B4 = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 1])
A6, B6 = bytes(15) + b"\x05", bytes(15) + b"\x01"


def udp(payload: bytes, length: int | None = None) -> bytes:
    return b"\x13\xc4\x13\xc5" + (len(payload) + 8 if length is None else length).to_bytes(2, "big") + b"\0\0" + payload


def ipv4(body: bytes, protocol: int = 17, fragment: int = 0, options: bytes = b"", length: int | None = None) -> bytes:
    total = 20 + len(options) + len(body) if length is None else length
    first = 0x40 | (5 + len(options) // 4)
    head = bytes([first, 0]) + total.to_bytes(2, "big") + b"\0\0" + fragment.to_bytes(2, "big") + bytes([64, protocol]) + b"\0\0"
    return head + A4 + B4 + options + body


def ipv6(body: bytes, protocol: int = 17, length: int | None = None) -> bytes:
    return b"\x60\0\0\0" + (len(body) if length is None else length).to_bytes(2, "big") + bytes([protocol, 64]) + A6 + B6 + body


def find(frame: bytes, link_type: int = RAW, cut: bool = False) -> Datagram | Refusal:
    return locate(frame, 0, len(frame), link_type, cut)


def test_ipv4() -> None:
    frame = ipv4(udp(b"hello")) + b"trailer"
    assert find(frame) == Datagram(0, 4, 20, 28, 33, A4, 5060, B4, 5061)


def test_ipv4_with_options_and_dont_fragment() -> None:
    frame = ipv4(udp(b"hello"), options=b"\x94\x04\0\0", fragment=0x4000)
    assert find(frame) == Datagram(0, 4, 24, 32, 37, A4, 5060, B4, 5061)


def test_ipv6_behind_ethernet_within_a_larger_buffer() -> None:
    frame = bytes(12) + b"\x86\xdd" + ipv6(udp(b"hello"))
    data = b"before" + frame + b"after"
    assert locate(data, 6, 6 + len(frame), ETHERNET) == Datagram(20, 6, 60, 68, 73, A6, 5060, B6, 5061)


def test_udp_shorter_than_its_packet_ends_where_it_says() -> None:
    found = find(ipv4(udp(b"hello, and more", length=13)))
    assert isinstance(found, Datagram)
    assert (found.payload, found.end) == (28, 33)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", Refusal.MALFORMED),
        (b"\x00" * 40, Refusal.NOT_IP),
        (b"\x40" + bytes(8) + b"\x11" + bytes(31), Refusal.MALFORMED),
        (ipv4(udp(b"x"))[:15], Refusal.MALFORMED),
        (ipv6(udp(b"x"))[:30], Refusal.MALFORMED),
        (ipv4(udp(b"x"), fragment=0x2000), Refusal.FRAGMENT),
        (ipv4(udp(b"x"), fragment=0x00B9), Refusal.FRAGMENT),
        (ipv6(udp(b"x"), protocol=44), Refusal.FRAGMENT),
        (ipv6(udp(b"x"), protocol=0), Refusal.EXTENSION),
        (ipv4(bytes(20), protocol=6), Refusal.TCP),
        (ipv6(bytes(20), protocol=132), Refusal.SCTP),
        (ipv4(bytes(20), protocol=47), Refusal.PROTOCOL),
        (ipv4(udp(b"hello"))[:-1], Refusal.TRUNCATED),
        (ipv6(udp(b"hello"))[:-1], Refusal.TRUNCATED),
        (ipv4(udp(b"hello", length=7)), Refusal.MALFORMED),
        (ipv4(udp(b"hello", length=0)), Refusal.MALFORMED),
        (ipv4(udp(b"hello", length=14)), Refusal.MALFORMED),
        (ipv4(b"\x13\xc4"), Refusal.MALFORMED),
        (ipv4(udp(b"x"), length=0), Refusal.MALFORMED),
    ],
)
def test_what_is_refused(frame: bytes, reason: Refusal) -> None:
    assert find(frame) is reason


def test_a_cut_header_is_truncated_and_not_malformed() -> None:
    assert find(ipv4(udp(b"x"))[:15], cut=True) is Refusal.TRUNCATED
    assert find(b"", cut=True) is Refusal.TRUNCATED


def test_other_frames_and_unknown_link_types() -> None:
    assert find(bytes(12) + b"\x08\x06" + bytes(28), ETHERNET) is Refusal.NOT_IP
    assert find(ipv4(udp(b"x")), 105) is Refusal.LINK_TYPE


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 108, 113, 276, 105]), st.booleans(), st.integers(0, 10))
def test_any_bytes_give_a_datagram_within_the_frame_or_a_reason(frame: bytes, link_type: int, cut: bool, more: int) -> None:
    found = locate(frame + bytes(more), 0, len(frame), link_type, cut)
    if isinstance(found, Datagram):
        assert 0 <= found.ip < found.udp < found.payload <= found.end <= len(frame)
    else:
        assert isinstance(found, Refusal)
