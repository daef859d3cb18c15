"""When each frame of a capture was captured, to the nanosecond. Knows the clocks of both formats, and nothing of what is in a frame."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from .reader import Batch, Capture, PcapRecords, Record

_SECOND = 1_000_000_000
_NANOSECONDS = 0xA1B23C4D
_INTERFACE, _OLD_PACKET, _SIMPLE = 1, 2, 3
_END, _RESOLUTION, _OFFSET = 0, 9, 14


class _Clock(NamedTuple):
    """How an interface of a pcapng file counts."""

    ticks: int = 1_000_000
    """In a second; microseconds where nothing is said."""
    offset: int = 0
    """Seconds to add."""


def timed_frames(capture: Capture) -> Iterator[tuple[bytes, Record, int]]:
    """Every frame: the buffer that it stands in, its record there, and when it was captured, in nanoseconds of the epoch.

    One without a time (a pcapng Simple Packet Block) has that of the frame before it.

    :raises Damage: see :meth:`Capture.batches`.
    """
    if isinstance(capture.records, PcapRecords):
        yield from _pcap_frames(capture)
    else:
        clocks = _Clocks()
        for batch in capture.batches():
            for record, time in clocks.frames(batch):
                yield batch.data, record, time


def _pcap_frames(capture: Capture) -> Iterator[tuple[bytes, Record, int]]:
    endian = capture.records.endian
    time_of = struct.Struct(f"{endian}II").unpack_from
    (magic,) = struct.unpack_from(f"{endian}I", capture.header)
    unit = 1 if magic == _NANOSECONDS else 1000
    for batch in capture.batches():
        for record in batch.frames(b""):
            seconds, fraction = time_of(batch.data, record.at)
            yield batch.data, record, seconds * _SECOND + fraction * unit


class _Clocks:
    """The clocks of a pcapng file's interfaces, as far as they were described."""

    def __init__(self) -> None:
        self._clocks: list[_Clock] = []
        self._last = 0

    def frames(self, batch: Batch) -> Iterator[tuple[Record, int]]:
        """The frames of the next buffer, each with its time."""
        records, position = batch.before.copy(), 0
        for record in records.walk(batch.data, b""):
            self._read_descriptions(batch.data, position, record.at, records.endian)
            position = record.next
            yield record, self._time(batch.data, record, records.endian)
        self._read_descriptions(batch.data, position, records.end, records.endian)

    def _read_descriptions(self, data: bytes, position: int, end: int, endian: str) -> None:
        """Take the clocks of the interfaces that are described in blocks between two frames."""
        while position < end:
            if data.startswith(b"\x0a\x0d\x0d\x0a", position):
                endian = ">" if data[position + 8] == 0x1A else "<"
                self._clocks = []
            kind, length = struct.unpack_from(f"{endian}II", data, position)
            if kind == _INTERFACE:
                self._clocks.append(_clock(data, position + 16, position + length - 4, endian))
            position += length

    def _time(self, data: bytes, record: Record, endian: str) -> int:
        kind, _, interface, high, low = struct.unpack_from(f"{endian}IIIII", data, record.at)
        if kind == _SIMPLE:
            return self._last
        if kind == _OLD_PACKET:
            # The old Packet Block has a short interface number, and a count of drops behind it.
            (interface,) = struct.unpack_from(f"{endian}H", data, record.at + 8)
        clock = self._clocks[interface] if interface < len(self._clocks) else _Clock()
        self._last = (high << 32 | low) * _SECOND // clock.ticks + clock.offset * _SECOND
        return self._last


def _clock(data: bytes, position: int, end: int, endian: str) -> _Clock:
    """The clock that the options of an interface's description tell."""
    ticks, offset = _Clock()
    while position + 4 <= end:
        code, length = struct.unpack_from(f"{endian}HH", data, position)
        value = data[position + 4 : min(position + 4 + length, end)]
        if code == _END:
            break
        if code == _RESOLUTION and len(value) == 1:
            # The highest bit says of what the rest is the negative exponent.
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _OFFSET and len(value) == 8:
            (offset,) = struct.unpack(f"{endian}q", value)
        position += 4 + length + -length % 4
    return _Clock(ticks, offset)
