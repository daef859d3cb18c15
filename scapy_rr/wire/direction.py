"""One direction of a TCP connection: its bytes put in order (:rfc:`9293#section-3.4`). Positions do not wrap."""

from bisect import insort

from .segment import ROUND

_HALF = ROUND >> 1
# What one that came too early takes besides its bytes.
_OVERHEAD = 128


class Direction:
    """The bytes of one direction, in whatever order, cut and repetition the segments come.

    Where segments overlap, what is in order first stays. Position 0 is the first number that is asked for, unless :attr:`base` is set
    before.
    """

    def __init__(self) -> None:
        self.base: int | None = None
        """The number of position 0, once it is known."""
        self.next = 0
        """The position behind all that came in order."""
        self.held = 0
        """How many bytes came too early, with what keeping them takes."""
        self._early: dict[int, bytes] = {}
        self._starts: list[int] = []

    def position(self, sequence: int) -> int:
        """Where the byte of that number is: that of its rounds which is nearest to the next one."""
        if self.base is None:
            self.base = sequence % ROUND
        behind = (sequence - self.base - self.next) % ROUND
        return self.next + (behind if behind < _HALF else behind - ROUND)

    def sequence(self, position: int) -> int:
        """The number of a position, to be taken modulo :data:`ROUND`."""
        return (self.base or 0) + position

    def take(self, at: int, payload: bytes) -> list[tuple[int, bytes]]:
        """What is in order now: where each piece begins, and its bytes.

        :param at: the position of the payload, which is not empty.
        """
        if at > self.next:
            self._keep(at, payload)
            return []
        pieces = self._fresh(at, payload)
        while self._starts and self._starts[0] <= self.next:
            pieces += self._fresh(*self._first())
        return pieces

    def _first(self) -> tuple[int, bytes]:
        """Take the first piece that came too early."""
        at = self._starts.pop(0)
        payload = self._early.pop(at)
        self.held -= len(payload) + _OVERHEAD
        return at, payload

    def _fresh(self, at: int, payload: bytes) -> list[tuple[int, bytes]]:
        fresh, start = payload[self.next - at :], self.next
        self.next += len(fresh)
        return [(start, fresh)] if fresh else []

    def _keep(self, at: int, payload: bytes) -> None:
        before = self._early.get(at)
        if before is None:
            self.held += _OVERHEAD
            insort(self._starts, at)
        elif len(before) >= len(payload):
            return
        self._early[at] = payload if before is None else before + payload[len(before) :]
        self.held += len(payload) - len(before or b"")

    @property
    def resumes_at(self) -> int | None:
        """Where the first piece begins that came too early; ``None`` where there is none."""
        return self._starts[0] if self._starts else None

    def skip(self) -> list[tuple[int, bytes]]:
        """Give up what is missing before the first piece that came too early. :returns: what is in order then, as from :meth:`take`."""
        if not self._starts:
            return []
        self.next, payload = self._first()
        return self.take(self.next, payload)
