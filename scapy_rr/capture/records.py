"""The records of captures, as offsets in a buffer: those of a pcap file, and the blocks of a pcapng file.

They are walked here, as one call a frame would take longer than all the rest: a frame that holds no byte sequence of SIP is stepped over
and never looked at.
"""

import copy
import struct
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .blocks import ENHANCED, INTERFACE, PACKET, PACKET_DROPS, PACKET_HASH, SECTION, SIMPLE, Clock, clock_of, without_options

# In the start line of every SIP message, whatever the case of "SIP".
NEEDLE = b"/2.0"
# libpcap takes 256 kB; what claims to be larger than this is no record.
_LONGEST_RECORD = 1 << 24

# What these blocks hold at least, lengths included; others only have a type and two lengths.
_SHORTEST = {INTERFACE: 20, PACKET: 32, SIMPLE: 16, ENHANCED: 32, SECTION: 28}
_UNKNOWN = -1
_UNKNOWN_LENGTH = b"\xff" * 8
# Each frame's interface must be known as long as its section lasts.
_MOST_INTERFACES = 10_000

# A named tuple's own constructor takes three times as long, and there is one for each frame.
_new = tuple.__new__


Dull = Callable[[bytes, int, int], bool]


class Record(NamedTuple):
    """One frame in a buffer, as offsets."""

    number: int
    """The frame's number in the capture, from 1."""
    at: int
    """Where its record begins."""
    next: int
    """Where the record behind it begins."""
    start: int
    end: int
    cut: bool
    """Whether the capture holds less of the frame than there was."""
    link_type: int


class Records(ABC):
    """Walks the records of one format.

    :param endian: ``<`` or ``>``.
    :param link_type: of a pcap file; in a pcapng file each interface has its own.
    """

    is_plain = False
    """Whether a record tells nothing of its frame but the lengths: another one as long may stand there without more."""

    def __init__(self, endian: str, link_type: int) -> None:
        self.frames = 0
        """How many frames were passed so far."""
        self.end = 0
        """How much of the last buffer was whole records."""
        self.endian = endian
        self.link_type = link_type
        self._interfaces: tuple[tuple[int, int, Clock], ...] = ()
        self._rebuilder: Records | None = None

    @abstractmethod
    def walk(self, data: bytes, needle: bytes | None, is_dull: Dull | None = None) -> Iterator[Record]:
        """The frames in a buffer that may hold ``needle``: all for an empty one, none for ``None``.

        :param is_dull: told the buffer, where a frame begins in it and its link type, whether it needs no look without the needle.
        :raises ValueError: at a record that is none.
        """

    def is_same_section(self, other: "Records") -> bool:
        """Whether a record that another one rebuilds may stand here: of the same byte order, and with the same interfaces before it."""
        return self.endian == other.endian and self._interfaces[: len(other._interfaces)] == other._interfaces

    def copy(self) -> "Records":
        """Another one that has come as far."""
        return copy.copy(self)

    def rebuilder(self) -> "Records":
        """One that rebuilds what this one has just read, whatever this one reads later. It is the same for as long as it can be."""
        last = self._rebuilder
        if last is None or last.endian != self.endian or last._interfaces is not self._interfaces:
            last = self._rebuilder = self.copy()
            last._rebuilder = None
        return last

    @abstractmethod
    def seconds(self, data: bytes, record: Record) -> float:
        """When a frame was captured, in seconds of the epoch, as exactly as a float can say."""

    def whole(self, data: bytes) -> bytes:
        """The whole records of the last buffer, free of what would not hold where frames change their length."""
        return data[: self.end]

    @abstractmethod
    def rebuild(self, data: bytes, record: Record, frame: bytes, again: bool = False) -> bytes:
        """The record with another frame in it: its time and all else kept, captured and original length moved alike.

        :param again: whether the record already stands there with another frame: what counts once is not told twice.
        """


class PcapRecords(Records):
    """The records of a pcap file.

    :param unit: what its fractions of a second are counted in, in seconds.
    """

    is_plain = True

    def __init__(self, endian: str, link_type: int, unit: float = 1e-6) -> None:
        super().__init__(endian, link_type)
        self._unit = unit

    def seconds(self, data: bytes, record: Record) -> float:
        """See :meth:`Records.seconds`."""
        seconds, fraction = struct.unpack_from(f"{self.endian}II", data, record.at)
        return float(seconds + fraction * self._unit)

    def walk(self, data: bytes, needle: bytes | None, is_dull: Dull | None = None) -> Iterator[Record]:
        """See :meth:`Records.walk`."""
        lengths = struct.Struct(f"{self.endian}II").unpack_from
        link_type, number, size, at = self.link_type, self.frames, len(data), 0
        hit = _find(data, needle, 0)
        try:
            while at + 16 <= size:
                captured, original = lengths(data, at + 8)
                start = at + 16
                end = start + captured
                if end > size:
                    _check_length(captured)
                    break
                number += 1
                if hit < start:
                    hit = _find(data, needle, start)
                if hit < end or (is_dull and not is_dull(data, start, link_type)):
                    yield _new(Record, (number, at, end, start, end, captured < original, link_type))
                at = end
        finally:
            self.frames, self.end = number, at

    def rebuild(self, data: bytes, record: Record, frame: bytes, again: bool = False) -> bytes:
        """See :meth:`Records.rebuild`."""
        captured, original = struct.unpack_from(f"{self.endian}II", data, record.at + 8)
        lengths = struct.pack(f"{self.endian}II", len(frame), _moved(original, len(frame), captured))
        return data[record.at : record.at + 8] + lengths + frame


class PcapngRecords(Records):
    """The blocks of a pcapng file. Blocks that hold no frame stay where they are, as bytes."""

    def __init__(self) -> None:
        super().__init__("<", 0)
        self._lengths: list[int] = []

    def walk(self, data: bytes, needle: bytes | None, is_dull: Dull | None = None) -> Iterator[Record]:
        """See :meth:`Records.walk`."""
        number, size, at, self._lengths = self.frames, len(data), 0, []
        hit = _find(data, needle, 0)
        try:
            while at + 12 <= size:
                if data.startswith(b"\x0a\x0d\x0d\x0a", at):
                    self._begin_section(data[at + 8 : at + 12])
                    self._lengths.append(at + 16)
                kind, length = struct.unpack_from(f"{self.endian}II", data, at)
                _check_length(length)
                following = at + length
                if length < _SHORTEST.get(kind, 12) or length % 4:
                    raise ValueError(f"a pcapng block of {length} bytes")
                if following > size:
                    break
                if kind == INTERFACE:
                    self._describe(data, at, following)
                elif kind in (ENHANCED, SIMPLE, PACKET):
                    number += 1
                    if hit < at:
                        hit = _find(data, needle, at)
                    if hit < following:
                        yield self._record(data, at, following, kind, number)
                    elif is_dull:
                        record = self._record(data, at, following, kind, number)
                        if not is_dull(data, record.start, record.link_type):
                            yield record
                at = following
        finally:
            self.frames, self.end = number, at

    def _begin_section(self, magic: bytes) -> None:
        if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
            raise ValueError("a pcapng section without its byte-order magic")
        self.endian = ">" if magic[0] == 0x1A else "<"
        self._interfaces = ()

    def _describe(self, data: bytes, at: int, following: int) -> None:
        if len(self._interfaces) >= _MOST_INTERFACES:
            raise ValueError(f"more than {_MOST_INTERFACES} interfaces")
        link_type, snap_length = struct.unpack_from(f"{self.endian}HxxI", data, at + 8)
        self._interfaces += ((link_type, snap_length, clock_of(data, at + 16, following - 4, self.endian)),)

    def whole(self, data: bytes) -> bytes:
        """See :meth:`Records.whole`: a section's length."""
        told = [at for at in self._lengths if at < self.end and data[at : at + 8] != _UNKNOWN_LENGTH]
        if not told:
            return data[: self.end]
        freed = bytearray(data[: self.end])
        for at in told:
            freed[at : at + 8] = _UNKNOWN_LENGTH
        return bytes(freed)

    def _record(self, data: bytes, at: int, following: int, kind: int, number: int) -> Record:
        interface, start = 0, at + 28
        if kind == SIMPLE:
            start = at + 12
            (original,) = struct.unpack_from(f"{self.endian}I", data, at + 8)
            captured = following - 4 - start
        else:
            # The old Packet Block has a short interface number, and a count of drops behind it.
            (interface,) = struct.unpack_from(self.endian + ("H" if kind == PACKET else "I"), data, at + 8)
            captured, original = struct.unpack_from(f"{self.endian}II", data, at + 20)
        # A frame of an interface that was not described has a link type that nobody can read.
        link_type, snap_length = self._interfaces[interface][:2] if interface < len(self._interfaces) else (_UNKNOWN, 0)
        if kind == SIMPLE:
            captured = min(original, snap_length or original, captured)
        end = min(start + captured, following - 4)
        return Record(number, at, following, start, end, end - start < original, link_type)

    def seconds(self, data: bytes, record: Record) -> float:
        """See :meth:`Records.seconds`; in a Simple Packet Block there is no time."""
        kind, _, interface, high, low = struct.unpack_from(f"{self.endian}IIIII", data, record.at)
        if kind == SIMPLE:
            return 0.0
        if kind == PACKET:
            (interface,) = struct.unpack_from(f"{self.endian}H", data, record.at + 8)
        clock = self._interfaces[interface][2] if interface < len(self._interfaces) else Clock()
        return float((high << 32 | low) / clock.ticks + clock.offset)

    def rebuild(self, data: bytes, record: Record, frame: bytes, again: bool = False) -> bytes:
        """See :meth:`Records.rebuild`."""
        number = struct.Struct(f"{self.endian}I")
        (kind,) = number.unpack_from(data, record.at)
        (original,) = number.unpack_from(data, record.at + (8 if kind == SIMPLE else 24))
        # Interface and time, which a Simple Packet Block has not.
        head = b"" if kind == SIMPLE else data[record.at + 8 : record.at + 20]
        if kind == SIMPLE and self._snap_length(0) < len(frame):
            # It does not tell its frame's length: what is longer than the interface's snap length would be read as cut.
            kind, head = ENHANCED, bytes(12)
        if kind == PACKET and again:
            head = head[:2] + bytes(2) + head[4:]
        lengths = number.pack(_moved(original, len(frame), record.end - record.start))
        if kind != SIMPLE:
            lengths = number.pack(len(frame)) + lengths
        options = data[record.end + (record.start - record.end) % 4 : record.next - 4]
        if options:
            wrong = {PACKET_HASH} if data[record.start : record.end] != frame else set()
            options = without_options(options, self.endian, wrong | {PACKET_DROPS} if again else wrong)
        body = head + lengths + frame + bytes(-len(frame) % 4) + options
        total = number.pack(len(body) + 12)
        return number.pack(kind) + total + body + total

    def _snap_length(self, interface: int) -> int:
        """The longest frame that an interface lets through."""
        return (interface < len(self._interfaces) and self._interfaces[interface][1]) or _LONGEST_RECORD


def _moved(original: int, length: int, captured: int) -> int:
    """The length that a frame had, moved as that of what was captured; no nonsense where nonsense was told."""
    return min(max(original + length - captured, length), 0xFFFFFFFF)


def _find(data: bytes, needle: bytes | None, start: int) -> int:
    """Where the needle is, behind the end where it is not; before everything for an empty one, as a frame may be empty, too."""
    if needle == b"":
        return -1
    found = -1 if needle is None else data.find(needle, start)
    return found if found >= 0 else len(data) + 1


def _check_length(length: int) -> None:
    if length > _LONGEST_RECORD:
        raise ValueError(f"a record of {length} bytes")
