"""Reading capture files: a buffer at a time, in which the records are found as offsets.

Scapy's raw readers open the file, unpack it, tell its format and read its header. The records are walked here, as one call a frame would
take longer than all the rest: a frame that holds no byte sequence of SIP is stepped over and never looked at.
"""

import copy
import io
import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader

from ..errors import CaptureError

# In the start line of every SIP message, whatever the case of "SIP".
NEEDLE = b"/2.0"
_CHUNK = 1 << 20
_PCAP_HEADER = 24
# libpcap takes 256 kB; what claims to be larger than this is no record.
_LONGEST_RECORD = 1 << 24

_INTERFACE, _PACKET, _SIMPLE, _ENHANCED, _SECTION = 1, 2, 3, 6, 0x0A0D0D0A
# What these blocks hold at least, lengths included; others only have a type and two lengths.
_SHORTEST = {_INTERFACE: 20, _PACKET: 32, _SIMPLE: 16, _ENHANCED: 32, _SECTION: 28}
_UNKNOWN = -1
# The upper half of a pcap header's link type says how long the frame check sequences are.
_LINK_TYPE_MASK = 0xFFFF

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


class Damage(CaptureError):
    """A capture that cannot be read on. What came before is whole."""

    def __init__(self, path: Path, offset: int, reason: str) -> None:
        super().__init__(f"{path}: {reason}, at byte {offset}")


class Records(ABC):
    """Walks the records of one format.

    :param endian: ``<`` or ``>``.
    :param link_type: of a pcap file; in a pcapng file each interface has its own.
    """

    def __init__(self, endian: str, link_type: int) -> None:
        self.frames = 0
        """How many frames were passed so far."""
        self.end = 0
        """How much of the last buffer was whole records."""
        self.endian = endian
        self.link_type = link_type
        self._interfaces: tuple[tuple[int, int], ...] = ()

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

    def seconds(self, data: bytes, record: Record) -> float:
        """When a frame was captured, in whole seconds of the epoch."""
        return float(struct.unpack_from(f"{self.endian}I", data, record.at)[0])

    @abstractmethod
    def rebuild(self, data: bytes, record: Record, frame: bytes) -> bytes:
        """The record with another frame in it: its time and all else kept, captured and original length moved alike."""


class PcapRecords(Records):
    """The records of a pcap file."""

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

    def rebuild(self, data: bytes, record: Record, frame: bytes) -> bytes:
        """See :meth:`Records.rebuild`."""
        captured, original = struct.unpack_from(f"{self.endian}II", data, record.at + 8)
        lengths = struct.pack(f"{self.endian}II", len(frame), original + len(frame) - captured)
        return data[record.at : record.at + 8] + lengths + frame


class PcapngRecords(Records):
    """The blocks of a pcapng file. Blocks that hold no frame stay where they are, as bytes."""

    def __init__(self) -> None:
        super().__init__("<", 0)

    def walk(self, data: bytes, needle: bytes | None, is_dull: Dull | None = None) -> Iterator[Record]:
        """See :meth:`Records.walk`."""
        number, size, at = self.frames, len(data), 0
        hit = _find(data, needle, 0)
        try:
            while at + 12 <= size:
                if data.startswith(b"\x0a\x0d\x0d\x0a", at):
                    self._begin_section(data[at + 8 : at + 12])
                kind, length = struct.unpack_from(f"{self.endian}II", data, at)
                _check_length(length)
                following = at + length
                if length < _SHORTEST.get(kind, 12) or length % 4:
                    raise ValueError(f"a pcapng block of {length} bytes")
                if following > size:
                    break
                if kind == _INTERFACE:
                    self._interfaces += (struct.unpack_from(f"{self.endian}HxxI", data, at + 8),)
                elif kind in (_ENHANCED, _SIMPLE, _PACKET):
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

    def _record(self, data: bytes, at: int, following: int, kind: int, number: int) -> Record:
        interface, start = 0, at + 28
        if kind == _SIMPLE:
            start = at + 12
            (original,) = struct.unpack_from(f"{self.endian}I", data, at + 8)
            captured = following - 4 - start
        else:
            # The old Packet Block has a short interface number, and a count of drops behind it.
            (interface,) = struct.unpack_from(self.endian + ("H" if kind == _PACKET else "I"), data, at + 8)
            captured, original = struct.unpack_from(f"{self.endian}II", data, at + 20)
        # A frame of an interface that was not described has a link type that nobody can read.
        link_type, snap_length = self._interfaces[interface] if interface < len(self._interfaces) else (_UNKNOWN, 0)
        if kind == _SIMPLE:
            captured = min(original, snap_length or original, captured)
        end = min(start + captured, following - 4)
        return Record(number, at, following, start, end, end - start < original, link_type)

    def seconds(self, data: bytes, record: Record) -> float:
        """See :meth:`Records.seconds`; in a Simple Packet Block there is no time."""
        kind, _, _, high, low = struct.unpack_from(f"{self.endian}IIIII", data, record.at)
        ticks = high << 32 | low if kind != _SIMPLE else 0
        # Microseconds, or nanoseconds where they would be in the far future: an age is all that this is used for.
        return ticks / (1e6 if ticks < 1 << 53 else 1e9)

    def rebuild(self, data: bytes, record: Record, frame: bytes) -> bytes:
        """See :meth:`Records.rebuild`."""
        grown = len(frame) - (record.end - record.start)
        (kind,) = struct.unpack_from(f"{self.endian}I", data, record.at)
        original_at = record.at + (8 if kind == _SIMPLE else 24)
        (original,) = struct.unpack_from(f"{self.endian}I", data, original_at)
        lengths = struct.pack(f"{self.endian}I", original + grown)
        if kind != _SIMPLE:
            lengths = struct.pack(f"{self.endian}I", len(frame)) + lengths
        options = data[record.end + (record.start - record.end) % 4 : record.next - 4]
        body = data[record.at + 8 : record.start - len(lengths)] + lengths + frame + bytes(-len(frame) % 4) + options
        total = struct.pack(f"{self.endian}I", len(body) + 12)
        return data[record.at : record.at + 4] + total + body + total


class Capture:
    """A capture file, opened for reading. Use it in a ``with``.

    :raises CaptureError: where it is none, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror}") from None
        if not self._file.seekable():
            self._file.close()
            raise CaptureError(f"{path}: is a pipe; a capture is read from a file")
        try:
            # Given the pcapng class, Scapy falls back to the one for pcap by itself.
            reader = RawPcapNgReader(self._file)
        except (Scapy_Exception, OSError, EOFError) as error:
            self._file.close()
            raise CaptureError(f"{path}: not a pcap or pcapng capture, at byte 0 ({error})") from None
        self.size = path.stat().st_size
        self.header = b""
        """The pcap header; empty for pcapng, whose header is a block like others."""
        self._stream: io.BufferedReader = reader.f
        self._stream.seek(0)
        if isinstance(reader, RawPcapNgReader):
            self.records: Records = PcapngRecords()
        else:
            self.header = self._stream.read(_PCAP_HEADER)
            self.records = PcapRecords(reader.endian, reader.linktype & _LINK_TYPE_MASK)

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        self._file.close()

    @property
    def position(self) -> int:
        """How many bytes of the file were read, packed ones where it is packed."""
        return self._file.tell()

    def batches(self) -> Iterator["Batch"]:
        """The capture, a buffer of whole records at a time.

        :raises Damage: where the file ends within a record, or goes on with something that is none; after the records before it.
        """
        rest, offset, failure = b"", len(self.header), ""
        while not failure:
            chunk, failure = self._read()
            if not chunk:
                break
            data = rest + chunk
            before, fault = self.records.copy(), ""
            try:
                # Only steps from record to record, to find where the last whole one ends.
                for _ in self.records.walk(data, None):
                    pass
            except (ValueError, struct.error) as error:
                fault = str(error)
            end = self.records.end
            yield Batch(data[:end], before)
            offset += end
            if fault:
                raise Damage(self.path, offset, fault)
            rest = data[end:]
        if rest or failure:
            what = "frame" if self.header else "block"
            raise Damage(self.path, offset, failure or f"the file ends within a {what} ({len(rest)} bytes of it are there)")

    def _read(self) -> tuple[bytes, str]:
        """The next bytes, and why there are no more behind them: a packed file that was cut does not just end."""
        parts: list[bytes] = []
        missing = _CHUNK
        try:
            # Each part by itself, as a read of all of them would lose those before the fault.
            while missing and (part := self._stream.read1(missing)):
                parts.append(part)
                missing -= len(part)
        except (EOFError, OSError, zlib.error) as error:
            return b"".join(parts), str(error)
        return b"".join(parts), ""


class Batch(NamedTuple):
    """A buffer of whole records, and how far the capture had come before it."""

    data: bytes
    before: Records

    def frames(self, needle: bytes = NEEDLE, is_dull: Dull | None = None) -> Iterator[Record]:
        """See :meth:`Records.walk`."""
        return self.before.copy().walk(self.data, needle, is_dull)


def _find(data: bytes, needle: bytes | None, start: int) -> int:
    """Where the needle is, behind the end where it is not; before everything for an empty one, as a frame may be empty, too."""
    if needle == b"":
        return -1
    found = -1 if needle is None else data.find(needle, start)
    return found if found >= 0 else len(data) + 1


def _check_length(length: int) -> None:
    if length > _LONGEST_RECORD:
        raise ValueError(f"a record of {length} bytes")
