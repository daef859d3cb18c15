"""A buffer of whole records: what is read, routed and written at once."""

from array import array
from collections.abc import Iterator
from typing import NamedTuple

from .records import NEEDLE, Dull, Record, Records


class Origins(NamedTuple):
    """Where the frames of a buffer are from that several captures were merged to."""

    names: tuple[str, ...]
    """The captures."""
    passed: tuple[int, ...]
    """How many frames of each came before the buffer."""
    which: "array[int]"
    """The capture of each frame, as an index."""


class Batch(NamedTuple):
    """A buffer of whole records, and how far the capture had come before it."""

    data: bytes
    before: Records
    origins: Origins | None = None

    def origin(self, number: int) -> tuple[str, int] | None:
        """Which capture a frame is from, and its number there; ``None`` where there is one capture only.

        :param number: its number in all.
        """
        if self.origins is None:
            return None
        names, passed, which = self.origins
        index = number - self.before.frames
        capture = which[index - 1]
        return names[capture], passed[capture] + which[:index].count(capture)

    def frames(self, needle: bytes = NEEDLE, is_dull: Dull | None = None) -> Iterator[Record]:
        """See :meth:`Records.walk`."""
        return self.before.copy().walk(self.data, needle, is_dull)
