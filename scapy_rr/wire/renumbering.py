"""What becomes of the positions of a byte stream when parts of it are exchanged. Knows neither packets nor connections."""

import sys
from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import NamedTuple

_start, _end = attrgetter("start"), attrgetter("end")
# So far back a retransmission is still exchanged.
_MOST = 256


class Exchange(NamedTuple):
    """A part of a stream, and what stands in its place."""

    start: int
    end: int
    text: bytes
    shift: int
    """How much longer the stream has become behind it."""
    number: int
    """Of those that put something in and took nothing out; 0 for all others."""


def narrowed(start: int, before: bytes, after: bytes) -> tuple[int, int, bytes]:
    """Where two texts differ: start and end in the stream, and what stands there, without what they have in common at either end.

    So every other byte stays in the segment that it came in. At least one byte is exchanged, so that one segment has what is put in.

    :param start: where the text begins in the stream.
    :param before: not empty.
    """
    most = min(len(before), len(after)) and min(len(before) - 1, len(after))
    low = _common(before, after, most)
    high = _common(before[::-1], after[::-1], most - low)
    return start + low, start + len(before) - high, after[low : len(after) - high]


def _common(one: bytes, other: bytes, most: int) -> int:
    """The length of the common beginning, found by halving: comparing slices is quicker than bytes one by one."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


class Renumbering:
    """The parts of a stream that were exchanged, in order; of old ones it only remembers how much they moved."""

    def __init__(self) -> None:
        self._exchanges: list[Exchange] = []
        self._forgotten = 0
        self.inserted = 0
        """How often something was put in, and nothing taken out."""

    def __bool__(self) -> bool:
        return bool(self._exchanges)

    @property
    def shift(self) -> int:
        """How much longer the stream has become in all."""
        return self._exchanges[-1].shift if self._exchanges else 0

    def exchange(self, start: int, end: int, text: bytes) -> None:
        """Put ``text`` in the place of what is from ``start`` to ``end``, which is behind everything that was exchanged before."""
        self.inserted += start == end
        number = self.inserted if start == end else 0
        self._exchanges.append(Exchange(start, end, text, self.shift + len(text) - (end - start), number))

    def forget(self, position: int) -> None:
        """Say how far the stream is: of what was exchanged before that, only the last is remembered as it was."""
        while len(self._exchanges) > _MOST and self._exchanges[_MOST].end <= position:
            self._forgotten = self._exchanges.pop(0).shift

    def begin(self, position: int, known: int = sys.maxsize) -> int:
        """Where the byte at a position has gone.

        :param known: how much was put in, by :attr:`inserted`, when somebody spoke of the position. The rest is behind it.
        """
        if self._exchanges and position > self._exchanges[-1].end:
            return position + self._exchanges[-1].shift
        index = bisect_left(self._exchanges, position, key=_start)
        # What ends here and does not begin before was put in here.
        while index < len(self._exchanges) and self._exchanges[index].end == position and self._exchanges[index].number <= known:
            index += 1
        return self._moved(position, index - 1)

    def _moved(self, position: int, index: int) -> int:
        if index < 0:
            return position + self._forgotten
        start, end, text, shift, _ = self._exchanges[index]
        if position >= end:
            return position + shift
        begins = start + (self._exchanges[index - 1].shift if index else self._forgotten)
        return begins + min(position - start, len(text))

    def payload(self, start: int, payload: bytes) -> bytes:
        """What stands in the place of the bytes that came at ``start``."""
        if not self._exchanges or start >= self._exchanges[-1].end:
            return payload
        end = start + len(payload)
        low, high = bisect_right(self._exchanges, start, key=_end), bisect_left(self._exchanges, end, key=_start)
        parts, at = [], start
        for one in self._exchanges[low:high]:
            if one.start > at:
                parts.append(payload[at - start : one.start - start])
            # A piece of the part has that much of the new text which begins in it; the last piece has the rest.
            first = min(max(start - one.start, 0), len(one.text))
            last = len(one.text) if end >= one.end else min(end - one.start, len(one.text))
            parts.append(one.text[first:last])
            at = min(one.end, end)
        parts.append(payload[at - start :])
        return b"".join(parts)
