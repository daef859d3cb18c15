"""The checksum against the definition: the sum of 16-bit words with end-around carry, complemented."""

from hypothesis import example, given
from hypothesis import strategies as st

from scapy_rr.wire.checksum import checksum


def by_definition(data: bytes) -> int:
    if len(data) % 2:
        data += b"\0"
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return 0xFFFF - total


@given(st.binary(max_size=200))
@example(b"")
@example(b"\0\0\0\0")
@example(b"\xff\xff")
@example(b"\x00\x01\xff\xfe")
@example(b"\xff")
def test_is_the_sum_by_definition(data: bytes) -> None:
    assert checksum(data) == by_definition(data)


def test_an_ipv4_header_of_rfc_1071s_kind() -> None:
    header = bytes.fromhex("4500 0073 0000 4000 4011 0000 c0a8 0001 c0a8 00c7")
    assert checksum(header) == 0xB861


def test_residue_zero_is_the_sum_ffff_unless_all_is_zero() -> None:
    assert checksum(b"\x7f\xff\x80\x00") == 0
    assert checksum(b"\0\0") == 0xFFFF
