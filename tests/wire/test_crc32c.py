"""The CRC32c against published values, the definition, and Scapy's (which is a number in the order in which it is sent)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.sctp import crc32c as scapy_crc32c

from scapy_rr.wire.crc32c import _FOLDS, crc32c

POLYNOMIAL = 0x11EDC6F41


def by_definition(data: bytes) -> int:
    """The remainder bit by bit: each byte with its lowest bit first, all ones before, and complemented."""
    register = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            low = (register ^ byte >> bit) & 1
            register = register >> 1 ^ 0x82F63B78 * low
    return register ^ 0xFFFFFFFF


def remainder(power: int) -> int:
    """Of x ** power, modulo the polynomial."""
    value = 1
    for _ in range(power):
        value <<= 1
        if value >> 32:
            value ^= POLYNOMIAL
    return value


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        # RFC 3720 B.4, where the bytes are in the order in which they are sent.
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
    ],
)
def test_published_values(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected == by_definition(data)


@pytest.mark.parametrize(("power", "sums"), _FOLDS)
def test_the_sums_are_what_they_stand_for(power: int, sums: tuple[int, ...]) -> None:
    total = 0
    for low in sums:
        total ^= remainder(low)
    assert remainder(power) == total
    # What is folded is told by the highest one, and must get further.
    assert max(sums) == sums[0] < power


def test_every_length_up_to_a_few_folds() -> None:
    data = bytes(number * 167 + 13 & 0xFF for number in range(2100))
    for length in [*range(200), *range(1000, 1080), *range(2030, 2100)]:
        assert crc32c(data[:length]) == by_definition(data[:length]), length


@given(st.binary(max_size=300), st.integers(0, 70))
def test_equals_scapys(data: bytes, times: int) -> None:
    assert crc32c(data * times).to_bytes(4, "little") == scapy_crc32c(data * times).to_bytes(4, "big")
