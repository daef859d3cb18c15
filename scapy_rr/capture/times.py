"""When each frame of a capture was captured, to the nanosecond. Knows the clocks of both formats, and nothing of what is in a frame."""

import struct
from collections.abc import Iterator

from .blocks import INTERFACE, PACKET, SECTION, SIMPLE, Clock, blocks_in, clock_of
from .reader import Batch, Capture, PcapRecords, Record

_SECOND = 1_000_000_000
_NANOSECONDS = 0xA1B23C4D


def is_in_nanoseconds(capture: Capture) -> bool:
    """Whether a pcap file's times are in nanoseconds; else they are in microseconds."""
    (magic,) = struct.unpack_from(f"{capture.records.endian}I", capture.header)
    return bool(magic == _NANOSECONDS)


def timed_frames(capture: Capture) -> Iterator[tuple[bytes, Record, int]]:
    """Every frame: the buffer that it stands in, its record there, and when it was captured, in nanoseconds of the epoch.

    One without a time (a pcapng Simple Packet Block) has that of the frame before it.

    :raises Damage: see :meth:`Capture.batches`.
    """
    if isinstance(capture.records, PcapRecords):
        yield from _pcap_frames(capture)
    else:
        clocks = Clocks()
        for batch in capture.batches():
            for record, time in clocks.frames(batch):
                yield batch.data, record, time


def _pcap_frames(capture: Capture) -> Iterator[tuple[bytes, Record, int]]:
    endian = capture.records.endian
    time_of = struct.Struct(f"{endian}II").unpack_from
    unit = 1 if is_in_nanoseconds(capture) else 1000
    for batch in capture.batches():
        for record in batch.frames(b""):
            seconds, fraction = time_of(batch.data, record.at)
            yield batch.data, record, seconds * _SECOND + fraction * unit


class Clocks:
    """The clocks of a pcapng file's interfaces, as far as they were described."""

    def __init__(self) -> None:
        self._clocks: list[Clock] = []
        self._last = 0
        self._endian = "<"

    def frames(self, batch: Batch) -> Iterator[tuple[Record, int]]:
        """The frames of the next buffer, each with its time."""
        records, position, self._endian = batch.before.copy(), 0, batch.before.endian
        for record in records.walk(batch.data, b""):
            self._read_descriptions(batch.data, position, record.at)
            position = record.next
            yield record, self._time(batch.data, record, records.endian)
        self._read_descriptions(batch.data, position, records.end)

    def ticks(self, interface: int, time: int) -> int:
        """A time as an interface counts it; 0 where that would be before it began."""
        clock = self._of(interface)
        return max(0, (time - clock.offset * _SECOND) * clock.ticks // _SECOND)

    def _of(self, interface: int) -> Clock:
        return self._clocks[interface] if interface < len(self._clocks) else Clock()

    def _read_descriptions(self, data: bytes, position: int, end: int) -> None:
        """Take the clocks of the interfaces that are described in blocks between two frames."""
        for kind, at, following, endian in blocks_in(data, position, end, self._endian):
            self._endian = endian
            if kind == SECTION:
                self._clocks = []
            elif kind == INTERFACE:
                self._clocks.append(clock_of(data, at + 16, following - 4, endian))

    def _time(self, data: bytes, record: Record, endian: str) -> int:
        kind, _, interface, high, low = struct.unpack_from(f"{endian}IIIII", data, record.at)
        if kind == SIMPLE:
            return self._last
        if kind == PACKET:
            # The old Packet Block has a short interface number, and a count of drops behind it.
            (interface,) = struct.unpack_from(f"{endian}H", data, record.at + 8)
        clock = self._of(interface)
        self._last = (high << 32 | low) * _SECOND // clock.ticks + clock.offset * _SECOND
        return self._last
