"""The datagram in a frame, and each reason why there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.datagram import Datagram, Refusal, locate, past_extensions
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


EXTENSIONS: dict[str, tuple[int, bytes]] = {
    "hop-by-hop options": (0, b"\x11\0" + bytes(6)),
    "a long one": (0, b"\x11\2" + bytes(22)),
    "routing": (43, b"\x11\0" + bytes(6)),
    "destination options": (60, b"\x11\0" + bytes(6)),
    "mobility": (135, b"\x11\0" + bytes(6)),
    "host identity": (139, b"\x11\0" + bytes(6)),
    "shim6": (140, b"\x11\0" + bytes(6)),
    "three of them": (0, b"\x3c\0" + bytes(6) + b"\x2b\0" + bytes(6) + b"\x11\1" + bytes(14)),
}


@pytest.mark.parametrize(("protocol", "headers"), EXTENSIONS.values(), ids=EXTENSIONS)
def test_ipv6_behind_what_only_stands_between(protocol: int, headers: bytes) -> None:
    frame = b"before" + ipv6(headers + udp(b"hello"), protocol)
    at = 6 + 40 + len(headers)
    assert locate(frame, 6, len(frame), RAW) == Datagram(6, 6, at, at + 8, at + 13, A6, 5060, B6, 5061)
    assert past_extensions(frame, 6) == (17, 40 + len(headers))


def test_a_buffer_full_of_extension_headers_takes_no_time() -> None:
    data = ipv6(b"", protocol=0) + bytes(1 << 20)
    assert past_extensions(data, 0) == (0, 40 + 16 * 8)
    with pytest.raises(IndexError):
        past_extensions(data[:50], 0)


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
        (ipv6(udp(b"x"), protocol=50), Refusal.EXTENSION),
        (ipv6(udp(b"x"), protocol=51), Refusal.EXTENSION),
        (ipv6(b"\x33\0" + bytes(6) + udp(b"x"), protocol=0), Refusal.EXTENSION),
        (ipv6(b"\x2c\0" + bytes(6) + udp(b"x"), protocol=60), Refusal.FRAGMENT),
        (ipv6(b"\x06\0" + bytes(6) + bytes(20), protocol=43), Refusal.TCP),
        (ipv6(b"\x84\0" + bytes(6) + bytes(20), protocol=0), Refusal.SCTP),
        (ipv6(b"\x3b\0" + bytes(6), protocol=60), Refusal.PROTOCOL),
        # Its length is behind the end; it has another one behind it without end; there is no room for what is behind it.
        (ipv6(b"\x11", protocol=0), Refusal.MALFORMED),
        (ipv6(b"\x11\1" + bytes(6), protocol=0), Refusal.MALFORMED),
        (ipv6(bytes(800), protocol=0), Refusal.PROTOCOL),
        (ipv6(b"\x11\0" + bytes(6) + b"\x13\xc4\x13\xc5\0\x09\0\0", protocol=0), Refusal.MALFORMED),
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
