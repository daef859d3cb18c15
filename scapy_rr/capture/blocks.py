"""The blocks of pcapng files and their options, as bytes: made, and turned into little-endian ones. Knows no files."""

import struct
from collections.abc import Collection, Iterator
from typing import NamedTuple

INTERFACE, PACKET, SIMPLE, NAMES, STATISTICS, ENHANCED, JOURNAL, SECRETS, SECTION = 1, 2, 3, 4, 5, 6, 9, 10, 0x0A0D0D0A
CUSTOM = 0x0BAD, 0x40000BAD
_MAGIC = 0x1A2B3C4D

END, COMMENT = 0, 1
IF_NAME, IF_RESOLUTION, IF_FCS_LENGTH, IF_OFFSET = 2, 9, 13, 14
PACKET_HASH, PACKET_DROPS = 3, 4
_CUSTOM_OPTIONS = 2988, 2989, 19372, 19373
REMARKS = frozenset({COMMENT, *_CUSTOM_OPTIONS})
"""The options that any block may have, as often as anybody likes."""
# The options that are numbers, by the kind of their block; all others are text or bytes.
_NUMBERS = {
    INTERFACE: {8: "Q", 10: "i", 14: "q", 16: "Q", 17: "Q"},
    ENHANCED: {2: "I", 4: "Q", 5: "Q", 6: "I", 8: "II"},
    STATISTICS: {2: "II", 3: "II", **dict.fromkeys(range(4, 9), "Q")},
}
# A verdict of Linux' filters is a number behind the number of its kind; one of hardware is bytes.
_VERDICT, _FILTERS = 7, (b"\1", b"\2")


def _padded(data: bytes) -> bytes:
    """To a multiple of four bytes, as everything in a block is."""
    return data + bytes(-len(data) % 4)


def option(code: int, value: bytes) -> bytes:
    """An option."""
    return struct.pack("<HH", code, len(value)) + _padded(value)


def block(kind: int, body: bytes, options: bytes = b"") -> bytes:
    """A block.

    :param options: without their end.
    """
    body = _padded(body) + options + bytes(4 if options else 0)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def section(options: bytes) -> bytes:
    """The header of a section of unknown length."""
    return block(SECTION, struct.pack("<IHHq", _MAGIC, 1, 0, -1), options)


def interface(link_type: int, snap_length: int, options: bytes) -> bytes:
    """The description of an interface."""
    return block(INTERFACE, struct.pack("<HHI", link_type, 0, snap_length), options)


def enhanced(number: int, ticks: int, frame: bytes, original: int, options: bytes = b"") -> bytes:
    """A frame, of the interface ``number``."""
    return block(ENHANCED, struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), original) + frame, options)


def renumbered(data: bytes, at: int, following: int, number: int) -> bytes:
    """A little-endian block that begins with the number of its interface, with another one."""
    return data[at : at + 8] + struct.pack("<I", number) + data[at + 12 : following]


def blocks_in(data: bytes, at: int, end: int, endian: str) -> Iterator[tuple[int, int, int, str]]:
    """The blocks from ``at`` to ``end``, all of them whole: the kind of each, where it begins and the next one does, its byte order.

    :param endian: of the section that ``at`` is in.
    """
    while at < end:
        if data.startswith(b"\x0a\x0d\x0d\x0a", at):
            endian = ">" if data[at + 8] == _MAGIC >> 24 else "<"
        kind, length = struct.unpack_from(f"{endian}II", data, at)
        yield kind, at, at + length, endian
        at += length


def options_in(data: bytes, at: int, end: int, endian: str) -> Iterator[tuple[int, int, bytes]]:
    """The options from ``at`` to ``end``, or to their own end: where each begins, its code, its value."""
    while at + 4 <= end:
        code, length = struct.unpack_from(f"{endian}HH", data, at)
        if code == END:
            break
        yield at, code, data[at + 4 : min(at + 4 + length, end)]
        at += 4 + length + -length % 4


def without_options(options: bytes, endian: str, codes: Collection[int]) -> bytes:
    """The same options as they stand, without those of some codes."""
    for at, code, value in reversed([*options_in(options, 0, len(options), endian)]):
        if code in codes:
            options = options[:at] + options[at + 4 + len(_padded(value)) :]
    return options


def little_options(data: bytes, at: int, end: int, endian: str, kind: int, codes: Collection[int] | None = None) -> bytes:
    """The options of a block of some kind as little-endian ones without their end; only those of some codes, where these are given."""
    kept = ((code, value) for _, code, value in options_in(data, at, end, endian) if codes is None or code in codes)
    return b"".join(option(code, value if endian == "<" else _turned(kind, code, value)) for code, value in kept)


def _turned(kind: int, code: int, value: bytes) -> bytes:
    """The value of a big-endian option."""
    if code in _CUSTOM_OPTIONS:
        return _swapped("I", value)
    if kind == ENHANCED and code == _VERDICT:
        return value[:1] + _swapped("Q", value[1:]) if value[:1] in _FILTERS else value
    form = _NUMBERS.get(kind, {}).get(code, "")
    return _swapped(form, value)


def _swapped(form: str, value: bytes) -> bytes:
    """The numbers at the beginning of big-endian bytes turned round; where they are not there, there is nothing to turn."""
    size = struct.calcsize(f">{form}")
    return value if len(value) < size else struct.pack(f"<{form}", *struct.unpack_from(f">{form}", value)) + value[size:]


def little_block(data: bytes, at: int, following: int, kind: int) -> bytes:
    """A big-endian block that holds no frame as a little-endian one; nothing of a kind whose numbers nobody knows."""
    begin, end = at + 8, following - 4
    if kind == JOURNAL:
        return block(kind, data[begin:end])
    if kind in CUSTOM:
        return block(kind, _swapped("I", data[begin:end]))
    if kind == NAMES:
        return _little_names(data, begin, end)
    if kind == STATISTICS:
        return block(kind, _swapped("III", data[begin : begin + 12]), little_options(data, begin + 12, end, ">", kind))
    if kind == SECRETS and begin + 8 <= end:
        (length,) = struct.unpack_from(">I", data, begin + 4)
        options = begin + 8 + length + -length % 4
        return block(kind, _swapped("II", data[begin : min(begin + 8 + length, end)]), little_options(data, options, end, ">", kind))
    return b""


def _little_names(data: bytes, at: int, end: int) -> bytes:
    """The records of a block with names are as options are, and end as they do; the names in them are bytes."""
    records = b""
    for begin, code, value in options_in(data, at, end, ">"):
        records += option(code, value)
        at = begin + 4 + len(_padded(value))
    return block(NAMES, records + bytes(4), little_options(data, at + 4, end, ">", NAMES))


class Clock(NamedTuple):
    """How an interface of a pcapng file counts."""

    ticks: int = 1_000_000
    """In a second; microseconds where nothing is said."""
    offset: int = 0
    """Seconds to add."""


def clock_of(data: bytes, position: int, end: int, endian: str) -> Clock:
    """The clock that the options of an interface's description tell."""
    ticks, offset = Clock()
    for _, code, value in options_in(data, position, end, endian):
        if code == IF_RESOLUTION and len(value) == 1:
            # The highest bit says of what the rest is the negative exponent.
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == IF_OFFSET and len(value) == 8:
            (offset,) = struct.unpack(f"{endian}q", value)
    return Clock(ticks, offset)
