"""A TCP conversation as bad networks make it: lost, repeated, reordered, cut anew, and not all of it captured. Knows nothing of SIP.

Both ends behave as TCP does: what they acknowledge came, whether it was captured or not. All is drawn from a random generator, so the
same one gives the same conversation.
"""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from .tcp import ACK, FIN, PSH, RST, Connection

_WINDOWS = (64_240, 64_000, 50_000)
# As far apart that nothing is taken for a segment that has overtaken another one, and so near that it is.
_LATE, _AT_ONCE = 50_000_000, 200_000


@dataclass(frozen=True)
class Weather:
    """How often what happens, of a hundred segments.

    :param lost: they were captured, and did not arrive.
    :param missing: they neither arrived nor were captured.
    :param swapped: two of them in a row.
    :param repeated: right away, by the network.
    :param unseen: they arrived and were not captured.
    """

    lost: int = 0
    missing: int = 0
    swapped: int = 0
    repeated: int = 0
    unseen: int = 0
    idle: int = 10
    """Keep-alive probes and news of a window."""


class Sent(NamedTuple):
    """A packet that was captured."""

    time: int
    """In nanoseconds."""
    packet: bytes


class Talk:
    """Says two streams over one connection.

    :param connection: that nothing was sent over yet.
    :param streams: what the client says, and what the server does.
    :param largest: the most bytes of a segment.
    """

    def __init__(self, random: Random, connection: Connection, streams: tuple[bytes, bytes], weather: Weather, largest: int = 1440) -> None:
        self._random, self._connection, self._streams, self._weather = random, connection, streams, weather
        self._largest = largest
        self._now = 0
        self._first = [number + 1 for number in connection.sequence]
        self._sent, self._acknowledged, self._window = [0, 0], [0, 0], [_WINDOWS[0]] * 2
        # Which bytes have arrived.
        self._arrived = [bytearray(len(stream)) for stream in streams]
        self.captured: list[Sent] = []

    def whole(self, opened: bool = True, end: str = "") -> list[Sent]:
        """All of it.

        :param opened: whether the handshake was captured.
        :param end: ``fin``, ``rst``, or nothing.
        """
        for packet in self._connection.open():
            self._capture(packet, 100_000)
        if not opened:
            self.captured.clear()
        while any(not all(arrived) for arrived in self._arrived):
            self._step(self._random.randrange(2))
        for side in (0, 1):
            self._acknowledge(1 - side)
        if end == "rst":
            self._say(1, ACK | RST, len(self._streams[1]), b"")
        elif end == "fin":
            for side in (0, 1):
                self._say(side, ACK | FIN, len(self._streams[side]), b"", finished=side)
            self._say(0, ACK, len(self._streams[0]) + 1, b"", finished=2)
        return self.captured

    def _step(self, side: int) -> None:
        draw, weather = self._random, self._weather
        length, sent = len(self._streams[side]), self._sent[side]
        chance = draw.randrange(100)
        if chance < weather.idle:
            self._idle(side)
        elif sent < length and chance < 70:
            self._new(side)
        elif sent > self._came(side):
            self._acknowledge(1 - side)
            start = self._came(side)
            self._data(side, start, min(start + draw.randint(1, self._largest), sent if draw.randrange(3) else length))
        elif sent > self._acknowledged[side]:
            self._acknowledge(1 - side)

    def _new(self, side: int) -> None:
        draw, weather = self._random, self._weather
        start, length = self._sent[side], len(self._streams[side])
        middle = min(start + draw.randint(1, self._largest), length)
        fate = draw.randrange(100)
        for name in ("lost", "missing", "swapped", "repeated", "unseen"):
            fate -= getattr(weather, name)
            if fate < 0:
                break
        else:
            name = ""
        if name == "swapped" and middle < length:
            end = min(middle + draw.randint(1, self._largest), length)
            self._data(side, middle, end)
            self._data(side, start, middle, gap=_AT_ONCE)
            if draw.randrange(2):
                self._acknowledge(1 - side)
            return
        self._data(side, start, middle, arrives=name not in ("lost", "missing"), seen=name not in ("missing", "unseen"))
        if name == "repeated":
            self._capture(self.captured[-1].packet)
        elif draw.randrange(2):
            self._acknowledge(1 - side)

    def _data(self, side: int, start: int, end: int, arrives: bool = True, seen: bool = True, gap: int = _LATE) -> None:
        flags = ACK | PSH * self._random.randrange(2)
        self._say(side, flags, start, self._streams[side][start:end], seen=seen, gap=gap)
        self._sent[side] = max(self._sent[side], end)
        if arrives:
            self._arrived[side][start:end] = b"\1" * (end - start)

    def _idle(self, side: int) -> None:
        """The keep-alive probe of one that waits for nothing, or another window."""
        if self._sent[side] == self._came(side) == self._acknowledged[side] and self._random.randrange(2):
            start = self._sent[side] - 1
            self._say(side, ACK, start, self._streams[side][start : start + 1] if start >= 0 and self._random.randrange(2) else b"")
            self._acknowledge(1 - side)
        else:
            self._window[side] = self._random.choice(_WINDOWS)
            self._say(side, ACK, self._sent[side], b"")

    def _came(self, side: int) -> int:
        """How much of what a side sent came in order."""
        end = self._arrived[side].find(0)
        return end if end >= 0 else len(self._arrived[side])

    def _acknowledge(self, side: int) -> None:
        """What arrived behind a gap is said, as :rfc:`2018` has it: each run of it, the first three."""
        arrived, at = self._arrived[1 - side], self._came(1 - side)
        blocks: list[tuple[int, int]] = []
        while (start := arrived.find(1, at)) >= 0 and len(blocks) < 3:
            at = arrived.find(0, start)
            at = at if at >= 0 else len(arrived)
            blocks.append((start, at))
        self._say(side, ACK, self._sent[side], b"", blocks=blocks)

    def _say(
        self,
        side: int,
        flags: int,
        start: int,
        payload: bytes,
        *,
        blocks: list[tuple[int, int]] | None = None,
        seen: bool = True,
        gap: int = _LATE,
        finished: int = 0,
    ) -> None:
        came, first = self._came(1 - side), self._first[1 - side]
        self._acknowledged[1 - side] = max(self._acknowledged[1 - side], came)
        self._connection.sequence[1 - side] = (first + came + bool(finished)) % 2**32
        edges = [first + edge for block in blocks or [] for edge in block]
        options = bytes((1, 1, 5, 2 + 4 * len(edges))) + b"".join((edge % 2**32).to_bytes(4, "big") for edge in edges) if edges else b""
        number = self._first[side] + start
        packet = self._connection.packet(flags, payload, by_server=bool(side), number=number, options=options, window=self._window[side])
        if seen:
            self._capture(packet, gap)

    def _capture(self, packet: bytes, gap: int = _LATE) -> None:
        self._now += gap
        self.captured.append(Sent(self._now, packet))
