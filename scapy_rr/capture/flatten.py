"""The blocks of a pcapng capture as those of one little-endian section that it shares with other captures. Knows no files and no times."""

import struct
from collections.abc import Callable, Iterator

from .blocks import (
    ENHANCED,
    INTERFACE,
    PACKET,
    PACKET_DROPS,
    REMARKS,
    SECTION,
    SIMPLE,
    STATISTICS,
    blocks_in,
    enhanced,
    interface,
    little_block,
    little_options,
    option,
    renumbered,
)
from .records import Record

_DROPS_UNKNOWN = 0xFFFF


class Flattener:
    """Takes over the blocks of one capture, in its order.

    :param numbers: gives the next interface of the shared section its number.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._interfaces: list[int] = []
        self._endian = "<"
        self._sections = 0
        self._remarks = b""
        self.remarks = b""
        """The remarks on the first section, as options for the shared one. Those on a later one go to its first interface."""

    def add(self, link_type: int, snap_length: int, options: bytes) -> tuple[int, bytes]:
        """Another interface: its number in the shared section, and its description."""
        number = next(self._numbers)
        self._interfaces.append(number)
        return number, interface(link_type, snap_length, options)

    def between(self, data: bytes, at: int, end: int) -> bytes:
        """The blocks between two frames; without those of a kind that cannot be turned to another byte order, as nobody knows it."""
        taken = []
        for kind, begin, following, endian in blocks_in(data, at, end, self._endian):
            self._endian = endian
            if kind == SECTION:
                self._begin_section(little_options(data, begin + 24, following - 4, endian, kind, REMARKS))
            elif kind == INTERFACE:
                taken.append(self._describe(data, begin, following))
            elif kind == STATISTICS:
                taken.append(self._statistics(data, begin, following))
            elif endian == "<":
                taken.append(data[begin:following])
            else:
                taken.append(little_block(data, begin, following, kind))
        return b"".join(taken)

    def _begin_section(self, remarks: bytes) -> None:
        if self._sections:
            self._remarks = remarks
        else:
            self.remarks = remarks
        self._sections += 1
        self._interfaces = []

    def _describe(self, data: bytes, at: int, following: int) -> bytes:
        link_type, snap_length = struct.unpack_from(f"{self._endian}HxxI", data, at + 8)
        options = self._remarks + little_options(data, at + 16, following - 4, self._endian, INTERFACE)
        self._remarks = b""
        return self.add(link_type, snap_length, options)[1]

    def _statistics(self, data: bytes, at: int, following: int) -> bytes:
        """Nothing where they are too short, or of an interface that was not described."""
        if following - at < 24:
            return b""
        (number,) = struct.unpack_from(f"{self._endian}I", data, at + 8)
        if number >= len(self._interfaces):
            return b""
        if self._endian == ">":
            data = little_block(data, at, following, STATISTICS)
            at, following = 0, len(data)
        return renumbered(data, at, following, self._interfaces[number])

    def frame(self, data: bytes, record: Record, ticks: Callable[[int], int]) -> bytes:
        """A frame.

        :param ticks: its time as an interface of this section counts it, for a block that has none.
        :raises ValueError: where its interface was not described: nobody could read on behind it.
        """
        endian, at, options = self._endian, record.at, b""
        kind, _, number = struct.unpack_from(f"{endian}III", data, at)
        if kind == SIMPLE:
            number, original = 0, number
        elif kind == PACKET:
            number, drops = struct.unpack_from(f"{endian}HH", data, at + 8)
            options = b"" if drops == _DROPS_UNKNOWN else option(PACKET_DROPS, struct.pack("<Q", drops))
        if number >= len(self._interfaces):
            raise ValueError(f"a frame of interface {number}, which is not described")
        shared = self._interfaces[number]
        if kind == ENHANCED and endian == "<":
            return renumbered(data, at, record.next, shared)
        if kind == SIMPLE:
            return enhanced(shared, ticks(0), data[record.start : record.end], original)
        high, low, _, original = struct.unpack_from(f"{endian}IIII", data, at + 12)
        options += little_options(data, record.end + (record.start - record.end) % 4, record.next - 4, endian, ENHANCED)
        return enhanced(shared, high << 32 | low, data[record.start : record.end], original, options)
