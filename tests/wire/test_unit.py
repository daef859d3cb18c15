"""A unit names its place, and can be replaced unless somebody says otherwise."""

from scapy_rr.wire.unit import Unit


def test_a_unit_says_where_it_stands() -> None:
    stream = b"\r\n\r\nmessage\r\n"
    unit = Unit(4, 11, b"message")
    assert stream[unit.start : unit.end] == unit.message
    assert unit.rewritable
    assert not Unit(4, 11, b"message", False).rewritable
