"""The place of a frame in the output, which may stay open until later frames have told what becomes of it."""

from collections import deque
from collections.abc import Callable, Iterable
from enum import Enum
from typing import NamedTuple

from ..sip.edits import Edits
from .reader import Batch, Record, Records

# Of a megabyte each.
_MOST_WAITING = 32


class Emit(Enum):
    """What becomes of a frame that was routed."""

    REPLACE = "replace"
    """The routed frame takes its place."""
    APPEND = "append"
    """The routed frame follows it."""
    ONLY = "only"
    """Routed frames stand alone."""


class HeldBatch:
    """A buffer of a capture that is not written before all its places are settled.

    :param write: takes the buffer as it is then, and the length of its longest new frame.
    :param edits: what changes in it; places add to that.
    """

    def __init__(self, batch: Batch, write: Callable[[bytes, int], object], edits: Edits | None = None, longest: int = 0) -> None:
        self.batch, self.write, self.longest = batch, write, longest
        self.edits = Edits() if edits is None else edits
        self.open = 0
        """How many of its places are not settled."""


class Template(NamedTuple):
    """A record to make others of."""

    records: Records
    data: bytes
    record: Record

    def made(self, frames: Iterable[bytes]) -> bytes:
        """Records with other frames."""
        return b"".join(self.records.rebuild(self.data, self.record, frame, True) for frame in frames)


class Place:
    """The place of one frame."""

    __slots__ = ("_added", "_emit", "_record", "_records", "held")

    def __init__(self, held: HeldBatch, records: Records, record: Record, emit: Emit) -> None:
        self._records, self._record, self._emit = records, record, emit
        self._added: list[bytes] = []
        self.held: HeldBatch | None = held
        """The buffer that it is in, until it is settled: it may be remembered for longer than that has to be."""
        held.open += 1

    @property
    def template(self) -> "Template":
        """What it takes to make a record like this one when its buffer is gone."""
        assert self.held
        record = self._record
        data = self.held.batch.data[record.at : record.next]
        offset = record.at
        at_start = record._replace(at=0, next=len(data), start=record.start - offset, end=record.end - offset)
        return Template(self._records, data, at_start)

    def add(self, frames: list[bytes]) -> None:
        """Put frames behind the one that stands here."""
        self._added += frames

    def settle(self, instead: list[bytes] | None = None) -> None:
        """Say what stands here: the frame as it came, or others in its place. To be called once."""
        held, record, added = self.held, self._record, self._added
        assert held
        self.held = None
        held.open -= 1
        if instead is None or self._emit is not Emit.REPLACE:
            if added:
                self._write(held, added, self._emit is not Emit.ONLY)
        elif len(instead) == 1 and len(instead[0]) == record.end - record.start and not added and self._records.is_plain:
            held.edits.replace(record.start, record.end, instead[0])
        else:
            self._write(held, instead + added, False)

    def _write(self, held: HeldBatch, frames: list[bytes], stands: bool) -> None:
        """Put frames in the place of the record, or behind it where it stays.

        All of it is replaced: what is put before the next record would stand behind what takes that one's place, if that is settled first.
        """
        held.longest = max(held.longest, *map(len, frames), 0)
        data, record, rebuild = held.batch.data, self._record, self._records.rebuild
        before = [data[record.at : record.next]] if stands else []
        rebuilt = [rebuild(data, record, frame, stands or number > 0) for number, frame in enumerate(frames)]
        held.edits.replace(record.at, record.next, b"".join(before + rebuilt))


class Output:
    """Buffers in their order, each written when it and all before it are settled.

    :param most: how many may wait.
    """

    def __init__(self, most: int = _MOST_WAITING) -> None:
        self._most = most
        self._waiting: deque[HeldBatch] = deque()

    @property
    def overdue(self) -> HeldBatch | None:
        """The buffer for which others wait, where so many do that what keeps it has to be given up; ``None`` as long as there is room."""
        return self._waiting[0] if len(self._waiting) > self._most else None

    def add(self, held: HeldBatch) -> None:
        """Take the next buffer."""
        self._waiting.append(held)

    def close(self) -> None:
        """Write the rest. Nobody has to wait for anything now."""
        self.flush()
        assert not self._waiting, "places that nobody has settled"

    def flush(self) -> None:
        """Write what is settled."""
        while self._waiting and not self._waiting[0].open:
            held = self._waiting.popleft()
            held.write(held.edits.apply(held.batch.data), held.longest)
