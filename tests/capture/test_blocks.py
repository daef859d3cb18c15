"""Blocks are made as the format wants them, and what is big-endian becomes little-endian number by number."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.capture import blocks

from . import samples
from .samples import option_list

Form = tuple[int, str, tuple[int, ...]]


@pytest.mark.parametrize("notes", [(), ((1, b"note"),)])
def test_what_is_made(notes: tuple[tuple[int, bytes], ...]) -> None:
    without_end = b"".join(blocks.option(*note) for note in notes)
    with_end = option_list("<", *notes) if notes else b""
    assert blocks.section(without_end) == samples.section("<", with_end)
    assert blocks.interface(101, 9000, without_end) == samples.interface(101, 9000, "<", with_end)
    ticks = 0x0005_D000_1234_5678
    assert blocks.enhanced(3, ticks, b"frame", 70, without_end) == samples.enhanced(b"frame", 3, "<", with_end, 70)


def test_another_interface() -> None:
    data = b"before" + samples.enhanced(b"frame", 3) + b"behind"
    assert blocks.renumbered(data, 6, len(data) - 6, 0x01020304) == samples.enhanced(b"frame", 0x01020304)


def test_blocks_of_two_sections() -> None:
    parts = [(">", samples.block(5, bytes(12), ">")), (">", samples.section(">")), ("<", samples.section()), ("<", samples.interface())]
    data = b"".join(part for _, part in parts)
    found = list(blocks.blocks_in(data, 0, len(data), ">"))
    assert [(endian, data[at:following]) for _, at, following, endian in found] == parts
    assert [kind for kind, *_ in found] == [5, samples.SECTION, samples.SECTION, 1]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_options_are_found_until_they_end(endian: str) -> None:
    data = option_list(endian, (1, b"note"), (0x7777, b""), (9, b"\x06")) + option_list(endian, (1, b"no more"))
    assert list(blocks.options_in(data, 0, len(data), endian)) == [(0, 1, b"note"), (8, 0x7777, b""), (12, 9, b"\x06")]
    cut = data[:6]
    assert list(blocks.options_in(cut, 0, len(cut), endian)) == [(0, 1, b"no")]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_options_that_are_left_out(endian: str) -> None:
    data = option_list(endian, (1, b"note"), (3, b"\x02abcd"), (2, b"flag"), (3, b""))
    assert blocks.without_options(data, endian, {3}) == option_list(endian, (1, b"note"), (2, b"flag"))
    assert blocks.without_options(data, endian, {4}) == data


# What is in an option, by the kind of its block: code, what it is made of, with which values.
NUMBERS: dict[int, list[Form]] = {
    samples.INTERFACE: [
        (8, "Q", (1 << 40,)),
        (14, "q", (-3600,)),
        (16, "Q", (5,)),
        (17, "Q", (6,)),
        (10, "i", (-1,)),
        (2988, "I4s", (70,)),
        (19373, "I4s", (70,)),
    ],
    samples.ENHANCED: [(2, "I", (0x12345678,)), (4, "Q", (3,)), (5, "Q", (1 << 33,)), (6, "I", (2,)), (8, "II", (1, 2)), (7, "BQ", (1, 5))],
    blocks.STATISTICS: [(2, "II", (1, 2)), (3, "II", (3, 4)), *((code, "Q", (code,)) for code in range(4, 9))],
}
TEXTS = {
    samples.INTERFACE: [(1, b"note"), (2, b"eth0"), (4, b"\x0a\0\0\1\xff\xff\xff\0"), (6, b"\2\0\0\0\0\1"), (9, b"\x09"), (13, b"\4")],
    samples.ENHANCED: [(1, b"note"), (3, b"\2abcd"), (7, b"\0abcdefgh"), (7, b"\1abc"), (2, b"abc"), (2989, b"ab")],
    blocks.STATISTICS: [(1, b"note"), (4, b"1234567")],
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_in_options_are_turned_and_text_is_not(kind: int) -> None:
    def made(endian: str) -> bytes:
        numbers = [(code, struct.pack(endian + form, *values, *([b"text"] if "s" in form else []))) for code, form, values in NUMBERS[kind]]
        return option_list(endian, *TEXTS[kind], *numbers)

    for endian in "<>":
        data = made(endian)
        assert blocks.little_options(data, 0, len(data), endian, kind) + bytes(4) == made("<")
    data = made(">")
    assert blocks.little_options(data, 0, len(data), ">", kind, {1}) == blocks.option(1, b"note")


def other_blocks(endian: str) -> list[tuple[int, bytes]]:
    """One of each kind that holds no frame, as those who write them do."""

    def number(form: str, *values: int) -> bytes:
        return struct.pack(endian + form, *values)

    note = option_list(endian, (1, b"note"))
    names = number("HH", 1, 11) + b"\x0a\0\0\1host.a\0\0" + number("HH", 2, 18) + bytes(16) + b"b\0\0\0" + bytes(4)
    return [
        (blocks.NAMES, names + option_list(endian, (2, b"dns"), (3, b"\x0a\0\0\2"))),
        (blocks.NAMES, bytes(4)),
        (blocks.STATISTICS, number("III", 3, 1, 2) + option_list(endian, (2, number("II", 1, 2)), (5, number("Q", 12)))),
        (blocks.SECRETS, number("II", 0x544C534B, 5) + b"key=a\0\0\0" + note),
        (blocks.SECRETS, number("II", 0x544C534B, 4) + b"keys"),
        (0x0BAD, number("I", 32473) + b"somebody's own"),
        (0x40000BAD, number("I", 32473)),
        (blocks.JOURNAL, b"__REALTIME_TIMESTAMP=1\n"),
    ]


@pytest.mark.parametrize("index", range(8))
def test_a_big_endian_block_becomes_a_little_endian_one(index: int) -> None:
    (kind, big), (_, little) = other_blocks(">")[index], other_blocks("<")[index]
    data = b"before" + samples.block(kind, big, ">")
    assert blocks.little_block(data, 6, len(data), kind) == samples.block(kind, little)


def test_a_block_whose_numbers_nobody_knows_cannot() -> None:
    data = samples.block(0x7777, b"numbers?", ">")
    assert blocks.little_block(data, 0, len(data), 0x7777) == b""


@given(st.sampled_from([*NUMBERS, 4, 5, 9, 10, 0x0BAD]), st.binary(max_size=60))
def test_whatever_is_in_a_block_it_becomes_one(kind: int, body: bytes) -> None:
    data = samples.block(kind, body, ">")
    made = blocks.little_block(data, 0, len(data), kind)
    assert not made or list(blocks.blocks_in(made, 0, len(made), "<")) == [(kind, 0, len(made), "<")]
    assert len(blocks.little_options(data, 8, len(data) - 4, ">", kind)) <= len(data)
