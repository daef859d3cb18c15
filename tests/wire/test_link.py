"""Where IP begins, link type by link type."""

import pytest

from scapy_rr.wire.link import ETHERNET, LINUX_SLL, LINUX_SLL2, LOOP, NULL, is_known, network_offset

MACS = bytes(12)


@pytest.mark.parametrize(
    ("link_type", "header", "expected"),
    [
        (ETHERNET, MACS + b"\x08\x00", 14),
        (ETHERNET, MACS + b"\x86\xdd", 14),
        (ETHERNET, MACS + b"\x81\x00\x00\x05\x08\x00", 18),
        (ETHERNET, MACS + b"\x88\xa8\x00\x05\x81\x00\x00\x07\x86\xdd", 22),
        (ETHERNET, MACS + b"\x91\x00\x00\x05\x81\x00\x00\x07\x08\x00", 22),
        (ETHERNET, MACS + b"\x08\x06", None),
        (ETHERNET, MACS + b"\x81\x00\x00\x05\x08\x06", None),
        (ETHERNET, MACS + b"\x81\x00", None),
        (ETHERNET, b"", None),
        (LINUX_SLL, bytes(14) + b"\x08\x00", 16),
        (LINUX_SLL, bytes(14) + b"\x81\x00\x00\x05\x86\xdd", 20),
        (LINUX_SLL, bytes(14) + b"\x00\x04", None),
        (LINUX_SLL2, b"\x08\x00" + bytes(18), 20),
        (LINUX_SLL2, b"\x08\x06" + bytes(18), None),
        (NULL, b"\x02\0\0\0", 4),
        (LOOP, b"\0\0\0\x02", 4),
        (101, b"", 0),
        (228, b"", 0),
        (229, b"", 0),
        (12, b"", 0),
        (14, b"", 0),
        (105, b"", None),
    ],
)
@pytest.mark.parametrize("before", [b"", b"another frame"])
def test_network_offset(link_type: int, header: bytes, expected: int | None, before: bytes) -> None:
    found = network_offset(before + header, len(before), link_type)
    assert found == (None if expected is None else len(before) + expected)


def test_unknown_link_types_are_said_to_be() -> None:
    assert is_known(ETHERNET)
    assert is_known(NULL)
    assert not is_known(105)
