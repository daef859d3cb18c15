"""Several captures as one, their frames by time: a pcap file where all of them are alike, else a pcapng file with the interfaces of all."""

import struct
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from heapq import heapify, heappop, heapreplace
from itertools import count
from pathlib import Path

from ..errors import CaptureError
from .batch import Origins
from .blocks import IF_FCS_LENGTH, IF_NAME, IF_RESOLUTION, enhanced, option, section
from .flatten import Flattener
from .reader import Batch, Capture, Damage, PcapngRecords, Records
from .source import name_of_all
from .times import Clocks, is_in_nanoseconds, timed_frames

_CHUNK, _LEAST = 1 << 20, 1 << 16
_SNAP_LENGTH_AT, _LINK_TYPE_AT = 16, 20
# In a pcap header's link type: whether it tells the length of frame check sequences, and where it does.
_TELLS_FCS, _FCS_AT = 1 << 26, 28


def open_capture(paths: Sequence[Path]) -> Capture:
    """A capture; or several as one, see :class:`MergedCapture`. :raises CaptureError: where one is none, or cannot be opened."""
    return MergedCapture(paths) if len(paths) > 1 else Capture(paths[0])


class MergedCapture(Capture):
    """Several captures, opened as one. Use it in a ``with``.

    Frames come by their time, those of the same time in the order of the captures; each capture's own order stays as it is. Where one of
    them cannot be read on, the others are, and the fault is told at the end.

    :raises CaptureError: where one is none, or cannot be opened.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(paths)
        self.name = name_of_all(paths)
        # All of them together take no more than a few buffers, as long as there are not very many.
        buffer = min(_CHUNK, max(_LEAST, 4 * _CHUNK // len(paths)))
        with ExitStack() as held:
            self._captures = [held.enter_context(Capture(path, buffer)) for path in paths]
            self._held = held.pop_all()
        self.header = _common_header(self._captures)
        first = self._captures[0].records
        self.records: Records = first.copy() if self.header else PcapngRecords()
        self._faults: list[Damage] = []

    def __exit__(self, *_: object) -> None:
        self._held.close()

    @property
    def position(self) -> int:
        """See :attr:`Capture.position`."""
        return sum(capture.position for capture in self._captures)

    @property
    def size(self) -> int:
        """See :attr:`Capture.size`."""
        sizes = [capture.size for capture in self._captures]
        return sum(sizes) if all(sizes) else 0

    def batches(self) -> Iterator[Batch]:
        """See :meth:`Capture.batches`. Each knows where its frames are from."""
        names, passed = tuple(capture.name for capture in self._captures), [0] * len(self._captures)
        blocks: list[bytes] = []
        which, size = array("I"), 0
        for index, block in self._merged():
            blocks.append(block)
            size += len(block)
            if index is not None:
                which.append(index)
            if size >= _CHUNK:
                yield self._batch(blocks, Origins(names, tuple(passed), which))
                for capture, frames in Counter(which).items():
                    passed[capture] += frames
                blocks, which, size = [], array("I"), 0
        if size:
            yield self._batch(blocks, Origins(names, tuple(passed), which))
        if self._faults:
            raise self._faults[0] if len(self._faults) == 1 else CutTogether(self._faults)

    def _batch(self, blocks: list[bytes], origins: Origins) -> Batch:
        data, before = b"".join(blocks), self.records.copy()
        try:
            for _ in self.records.walk(data, None):
                pass
        except ValueError as error:
            raise CaptureError(f"{self.name}: cannot be one capture: {error}") from None
        return Batch(data, before, origins)

    def _merged(self) -> Iterator[tuple[int | None, bytes]]:
        """Everything in its order; frames with the index of their capture."""
        numbers = count()
        flatteners = [Flattener(numbers) for _ in self._captures]
        sources = [self._blocks(*pair) for pair in zip(self._captures, flatteners, strict=True)]
        others: list[bytes] = []
        heads = [head for index, source in enumerate(sources) if (head := self._first(index, source, others))]
        if not self.header:
            yield None, section(b"".join(flattener.remarks for flattener in flatteners))
        yield None, b"".join(others)
        heapify(heads)
        while heads:
            _, index, block = heads[0]
            yield index, block
            try:
                for time, block in sources[index]:
                    if time is not None:
                        heapreplace(heads, (time, index, block))
                        break
                    # At once: an interface is described before the next frame of its capture comes.
                    yield None, block
                else:
                    heappop(heads)
            except Damage as damage:
                self._faults.append(damage)
                heappop(heads)

    def _first(self, index: int, source: Iterator[tuple[int | None, bytes]], others: list[bytes]) -> tuple[int, int, bytes] | None:
        """The first frame of a capture: its time, the capture's index, its block. What stands before it is added to ``others``."""
        try:
            for time, block in source:
                if time is not None:
                    return time, index, block
                others.append(block)
        except Damage as damage:
            self._faults.append(damage)
        return None

    def _blocks(self, capture: Capture, flattener: Flattener) -> Iterator[tuple[int | None, bytes]]:
        """What a capture gives: frames with their times in nanoseconds; and what stands between them, without one."""
        if self.header:
            return _as_they_are(capture)
        return _of_pcap(capture, flattener) if capture.header else _of_pcapng(capture, flattener)


class CutTogether(Damage):
    """Several captures that cannot be read on."""

    def __init__(self, faults: Sequence[Damage]) -> None:
        CaptureError.__init__(self, "; ".join(map(str, faults)))


def _common_header(captures: Sequence[Capture]) -> bytes:
    """The pcap header that holds for all; empty where there is none."""
    header = captures[0].header
    alike = {capture.header[:_SNAP_LENGTH_AT] + capture.header[_LINK_TYPE_AT:] for capture in captures}
    if not header or len(alike) > 1:
        return b""
    form = f"{captures[0].records.endian}I"
    lengths = [struct.unpack_from(form, capture.header, _SNAP_LENGTH_AT)[0] for capture in captures]
    # 0 says that there is none.
    return header[:_SNAP_LENGTH_AT] + struct.pack(form, max(lengths) if all(lengths) else 0) + header[_LINK_TYPE_AT:]


def _as_they_are(capture: Capture) -> Iterator[tuple[int | None, bytes]]:
    for data, record, time in timed_frames(capture):
        yield time, data[record.at : record.next]


def _of_pcap(capture: Capture, flattener: Flattener) -> Iterator[tuple[int | None, bytes]]:
    endian, in_nanoseconds = capture.records.endian, is_in_nanoseconds(capture)
    snap_length, link_type = struct.unpack_from(f"{endian}II", capture.header, _SNAP_LENGTH_AT)
    name, resolution = Path(capture.name).name.encode("utf-8", "replace"), b"\x09" if in_nanoseconds else b"\x06"
    options = option(IF_NAME, name) + option(IF_RESOLUTION, resolution)
    if link_type & _TELLS_FCS:
        # Told in units of 16 bits.
        options += option(IF_FCS_LENGTH, bytes([2 * (link_type >> _FCS_AT)]))
    number, description = flattener.add(capture.records.link_type, snap_length, options)
    yield None, description
    unit, original_of = 1 if in_nanoseconds else 1000, struct.Struct(f"{endian}I").unpack_from
    for data, record, time in timed_frames(capture):
        (original,) = original_of(data, record.at + 12)
        yield time, enhanced(number, time // unit, data[record.start : record.end], original)


def _of_pcapng(capture: Capture, flattener: Flattener) -> Iterator[tuple[int | None, bytes]]:
    clocks, offset = Clocks(), 0
    for batch in capture.batches():
        data, position = batch.data, 0
        for record, time in clocks.frames(batch):
            between = flattener.between(data, position, record.at)
            if between:
                yield None, between
            try:
                block = flattener.frame(data, record, partial(clocks.ticks, time=time))
            except ValueError as error:
                raise Damage(capture.name, offset + record.at, str(error)) from None
            yield time, block
            position = record.next
        between = flattener.between(data, position, len(data))
        if between:
            yield None, between
        offset += len(data)
