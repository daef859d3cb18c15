"""A TCP connection in a capture, some of whose bytes are exchanged: every later number of both directions follows.

Segments wait, in their order, until it is known what becomes of their bytes. Knows nothing of what the bytes say.
"""

from collections import deque
from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

from .direction import Direction
from .renumbering import Renumbering, narrowed
from .segment import ACK, FIN, PSH, ROUND, RST, SYN, Segment, kept_options, options_with, rebuild, renumbered

Token = TypeVar("Token")

EVERYTHING = 1 << 62
"""A position behind all others."""
_DEFAULT_MSS = {4: 1460, 6: 1440}
_LONGEST = 0xFFFF
# A named tuple's own constructor takes three times as long, and there is one for each segment.
_new = tuple.__new__


class _Waiting(NamedTuple, Generic[Token]):
    """A segment whose bytes are not all settled yet, or that stands behind one."""

    side: int
    start: int
    end: int
    acknowledged: int
    packet: bytes
    segment: Segment
    token: Token
    known: tuple[int, int]
    """How often something had been put into either stream when it came."""
    is_new: bool
    """Whether it brought bytes that had not come in order before."""


class _Told(NamedTuple):
    """What one end has told with its last segment, besides data."""

    top: int
    """The position behind all that it sent, a FIN included."""
    acknowledged: int
    window: int
    blocks: list[tuple[int, int]]
    """What has come behind a gap."""
    is_probe: bool
    """Whether that asked only whether the other end is there (:rfc:`9293#section-3.8.4`)."""


class _Inserted(NamedTuple):
    """Where among those that wait something was put in."""

    side: int
    told: _Told


class _Side(Generic[Token]):
    """What one end sends."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.map = Renumbering()
        self.settled = 0
        self.top = -EVERYTHING
        """The position behind all that it sent, as it came."""
        self.last: _Waiting[Token] | None = None
        """The last segment that waits no longer."""
        self.is_probe = False
        """Whether that was a probe."""
        self.told: _Told | None = None
        """What was told as it is now; ``None`` where that is as it came."""
        self.most = 0
        """The longest payload that it sent."""
        self.mss: int | None = None
        """What the other end asked for."""
        self.newest: tuple[bytes, Segment, Token] | None = None
        """The last segment that came."""
        self.newest_top = self.newest_acknowledged = -EVERYTHING
        """How far everything reaches that came from it."""
        self.is_over = False
        """Whether it sends nothing more."""

    def moved(self, number: int, known: int) -> int:
        """The number that a byte has now."""
        return self.direction.sequence(self.map.begin(self.direction.position(number), known)) % ROUND

    def follow(self, one: _Waiting[Token]) -> None:
        """Note what its next segment tells, as it came."""
        # RFC 9293 3.8.4: the last byte is repeated or left out.
        self.is_probe = one.start == self.top - 1 and one.end <= self.top and not one.is_new and not one.segment.flags & (SYN | FIN | RST)
        self.last, self.most = one, max(self.most, one.end - one.start)
        self.top = max(self.top, one.end + bool(one.segment.flags & FIN))

    def came(self) -> _Told:
        """What was told, as it came."""
        if self.last is None:
            return _Told(self.top, -EVERYTHING, 0, [], False)
        segment = self.last.segment
        return _new(_Told, (self.top, self.last.acknowledged, segment.window, segment.blocks(self.last.packet), self.is_probe))


class ConnectionEdit(Generic[Token]):
    """A connection that is written again, with the tokens of its frames.

    :param mtu: the most bytes of a packet; none known where it is 0.
    """

    def __init__(self, directions: tuple[Direction, Direction], mtu: int = 0) -> None:
        self._sides = tuple(_Side[Token](direction) for direction in directions)
        self._waiting: deque[_Waiting[Token] | _Inserted] = deque()
        self._mtu = mtu
        self._known = 0, 0

    @property
    def waiting(self) -> int:
        """How many segments wait."""
        return len(self._waiting)

    @property
    def first(self) -> Token | None:
        """That of the segment that waits for longest; ``None`` where none does."""
        return next((one.token for one in self._waiting if isinstance(one, _Waiting)), None)

    def tokens(self, side: int, start: int, end: int) -> tuple[Token, ...]:
        """Those of the segments that wait, and brought bytes from ``start`` to ``end``."""
        waiting = (one for one in self._waiting if isinstance(one, _Waiting) and one.side == side)
        return tuple(one.token for one in waiting if max(one.start, start) < min(one.end, end))

    @property
    def is_needed(self) -> bool:
        """Whether segments wait, or those that may still come have to follow what was exchanged."""
        return bool(self._waiting) or any(side.map for side in self._sides)

    def add(self, side: int, packet: bytes, segment: Segment, token: Token) -> tuple[int, int]:
        """A segment that one of the two sides sent.

        :returns: the position of its payload, and that up to which it acknowledges; far below 0 where it does not.
        """
        one, other, flags = self._sides[side], self._sides[1 - side], segment.flags
        start = one.direction.position(segment.sequence + bool(flags & SYN))
        acknowledged = -EVERYTHING
        if flags & ACK:
            acknowledged = other.direction.position(segment.acknowledgement)
            if acknowledged > one.newest_acknowledged:
                one.newest_acknowledged = acknowledged
        if flags & SYN:
            other.mss = segment.mss(packet)
        elif flags & (FIN | RST):
            one.is_over = True
            other.is_over |= bool(flags & RST)
        one.newest = packet, segment, token
        end = start + len(segment.payload)
        if end > one.newest_top:
            one.newest_top = end
        is_new = end > one.direction.next
        self._waiting.append(_new(_Waiting, (side, start, end, acknowledged, packet, segment, token, self._known, is_new)))
        return start, acknowledged

    def exchange(self, side: int, start: int, before: bytes, after: bytes) -> None:
        """Put ``after`` in the place of ``before``, which begins at ``start`` and is not settled yet."""
        if before != after:
            self._sides[side].map.exchange(*narrowed(start, before, after))

    def settle(self, side: int, position: int) -> None:
        """Say that everything before a position is as it will be; :data:`EVERYTHING` for all that is still to come."""
        if position > self._sides[side].settled:
            self._sides[side].settled = position

    def ready(self) -> Iterator[tuple[Token, list[bytes] | None]]:
        """The frames that need to wait no longer, in order: the packets in the place of each; ``None`` where it is as it came."""
        while self._waiting:
            one = self._waiting[0]
            if isinstance(one, _Inserted):
                self._sides[one.side].told = one.told
                self._waiting.popleft()
                continue
            side, other = self._sides[one.side], self._sides[1 - one.side]
            if one.end > side.settled or one.acknowledged > other.settled:
                return
            self._waiting.popleft()
            came = side.came() if side.map or other.map else None
            side.follow(one)
            yield one.token, came and self._follow(one, came)

    def _follow(self, one: _Waiting[Token], came: _Told) -> list[bytes] | None:
        """The packets in the place of a segment.

        :param came: what its sender had told before, as it came.
        """
        side, other, segment = self._sides[one.side], self._sides[1 - one.side], one.segment
        side.map.forget(one.start)
        told = side.told = side.told or came
        known, others = one.known[one.side], one.known[1 - one.side]
        start, payload = side.map.begin(one.start, known), segment.payload
        if side.is_probe:
            start = min(told.top, side.map.begin(came.top, known)) - 1
        elif not segment.flags & RST:
            payload = side.map.payload(one.start, payload)
        numbers = segment.blocks(one.packet)
        here = _new(_Told, (one.start, one.acknowledged, segment.window, numbers, side.is_probe))
        blocks = [(other.moved(first, others), other.moved(last, others)) for first, last in numbers]
        blocks = [block for block in blocks if block[0] != block[1]]
        now = _new(_Told, (start, other.map.begin(one.acknowledged, others), segment.window, blocks, side.is_probe))
        if not segment.flags & (SYN | FIN | RST) and not side.is_probe and self._is_needless(one, payload, now, _news(came, here)):
            return []
        side.told = _new(_Told, (max(told.top, start + len(payload) + bool(segment.flags & FIN)), *now[1:]))
        if now == here and payload == segment.payload:
            return None
        flags = segment.flags if payload or not segment.payload else segment.flags & ~PSH
        sequence = side.direction.sequence(start) - bool(flags & SYN)
        acknowledgement = other.direction.sequence(now.acknowledged) if flags & ACK else segment.acknowledgement
        if payload == segment.payload and not numbers and not self._mtu:
            return [renumbered(one.packet, segment, sequence, acknowledgement)]
        options = options_with(one.packet, segment, blocks) if numbers else one.packet[segment.tcp + 20 : segment.data]
        return self._packets(side, one.packet, segment, (sequence, acknowledgement), flags, options, payload)

    def _is_needless(self, one: _Waiting[Token], payload: bytes, now: _Told, news: tuple[bool, bool, bool]) -> bool:
        """Whether a segment has lost what it told, so that it would be taken for a probe, another window, or the same once more.

        :param payload: what it still has.
        :param now: what it tells besides; the position is its own.
        :param news: what it told that was new when it came.
        """
        side, other = self._sides[one.side], self._sides[1 - one.side]
        told = side.told or now
        if len(payload) <= 1 and now.top == told.top - 1:
            return not payload or not one.is_new
        # One from behind a gap is the first to show that there is one.
        if payload or now.acknowledged != told.acknowledged or now.top > told.top:
            return False
        if one.segment.payload:
            return True
        is_answer_to_other = other.told is not None and other.told.is_probe != other.is_probe
        return now.top == told.top and (_news(told, now) != news or is_answer_to_other)

    def _packets(
        self, side: _Side[Token], packet: bytes, like: Segment, numbers: tuple[int, int], flags: int, options: bytes, payload: bytes
    ) -> list[bytes]:
        """As many segments as it takes.

        :param numbers: of the first: its sequence and its acknowledgement.
        """
        sequence, acknowledgement = numbers
        most = self._room(side, packet, like, flags, options)
        last, made = max(len(payload) - 1, 0) // most * most, []
        for at in range(0, last + 1, most):
            part = flags if at == last else flags & ~(FIN | PSH)
            made.append(rebuild(packet, like, sequence + at, acknowledgement, part, options, payload[at : at + most]))
        return made

    def _room(self, side: _Side[Token], packet: bytes, like: Segment, flags: int, options: bytes) -> int:
        """How many bytes fit into a segment: as many as have passed."""
        headers = like.tcp + 20 + len(options)
        if flags & SYN:
            most = _LONGEST
        elif self._mtu:
            most = self._mtu - headers
        else:
            most = max(side.most, (side.mss or _DEFAULT_MSS[packet[0] >> 4]) - len(options))
        return max(min(most, _LONGEST - headers), 1)

    def insert(self, side: int, payload: bytes) -> tuple[list[bytes], Token] | None:
        """The packets, in order, that carry something new from one side, behind all that it has sent so far; and the token of its last.

        They stand behind everything that was added, also where that still waits.

        :param payload: not empty.
        :returns: ``None`` where that is not possible: nothing was seen of it, it sends nothing more, or it is in the middle of something.
        """
        one, other = self._sides[side], self._sides[1 - side]
        direction, end = one.direction, one.direction.next
        # What is not settled has no number yet, and what was not seen cannot be acknowledged by us. It is by what follows.
        acknowledged = min(one.newest_acknowledged, other.settled, other.newest_top)
        if one.newest is None or acknowledged == -EVERYTHING or one.is_over or one.settled != end or one.newest_top > end:
            return None
        packet, segment, token = one.newest
        one.map.exchange(end, end, payload)
        self._known = self._sides[0].map.inserted, self._sides[1].map.inserted
        top = one.map.begin(end)
        acknowledged = other.map.begin(acknowledged)
        self._waiting.append(_Inserted(side, _Told(top, acknowledged, segment.window, [], False)))
        numbers = direction.sequence(top) - len(payload), other.direction.sequence(acknowledged)
        return self._packets(one, packet, segment, numbers, ACK | PSH, kept_options(packet, segment), payload), token


def _news(before: _Told, now: _Told) -> tuple[bool, bool, bool]:
    """What a segment without data tells that was not told before: how far either end has come, a window, blocks."""
    return now[:2] != before[:2], now.window != before.window, now.blocks != before.blocks
