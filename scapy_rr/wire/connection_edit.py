"""A TCP connection in a capture, some of whose bytes are exchanged: every later number of both directions follows.

Segments wait, in their order, until it is known what becomes of their bytes. Knows nothing of what the bytes say.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

from .direction import Direction
from .renumbering import Renumbering, narrowed
from .segment import ACK, FIN, PSH, RST, SYN, Segment, kept_options, mapped_options, rebuild

Token = TypeVar("Token")

EVERYTHING = 1 << 62
"""A position behind all others."""
_DEFAULT_MSS = {4: 1460, 6: 1440}


class _Waiting(NamedTuple, Generic[Token]):
    """A segment whose bytes are not all settled yet, or that stands behind one."""

    side: int
    start: int
    end: int
    acknowledged: int
    packet: bytes
    segment: Segment
    token: Token


class _Side(Generic[Token]):
    """What one end sends."""

    def __init__(self, direction: Direction) -> None:
        self.direction = direction
        self.map = Renumbering()
        self.settled = 0
        self.acknowledged = self.acknowledged_now = -EVERYTHING
        """The highest acknowledgement that it sent: as it came, and as it is now."""
        self.top = -EVERYTHING
        """The highest position that it sent."""
        self.most = 0
        """The longest payload that it sent."""
        self.mss: int | None = None
        """What the other end asked for."""
        self.last: _Waiting[Token] | None = None


class ConnectionEdit(Generic[Token]):
    """A connection that is written again, with the tokens of its frames.

    :param mtu: the most bytes of a packet; none known where it is 0.
    """

    def __init__(self, directions: tuple[Direction, Direction], mtu: int = 0) -> None:
        self._sides = tuple(_Side[Token](direction) for direction in directions)
        self._waiting: deque[_Waiting[Token]] = deque()
        self._mtu = mtu

    @property
    def waiting(self) -> int:
        """How many segments wait."""
        return len(self._waiting)

    def tokens(self, side: int, start: int, end: int) -> tuple[Token, ...]:
        """Those of the segments that wait, and brought bytes from ``start`` to ``end``."""
        return tuple(one.token for one in self._waiting if one.side == side and one.start < end and one.end > start)

    @property
    def is_needed(self) -> bool:
        """Whether segments wait, or those that may still come have to follow what was exchanged."""
        return bool(self._waiting) or any(side.map for side in self._sides)

    def add(self, side: int, packet: bytes, segment: Segment, token: Token) -> None:
        """A segment that one of the two sides sent."""
        one, other = self._sides[side], self._sides[1 - side]
        start = one.direction.position(segment.sequence + bool(segment.flags & SYN))
        acknowledged = other.direction.position(segment.acknowledgement) if segment.flags & ACK else -EVERYTHING
        if segment.flags & SYN:
            other.mss = segment.mss(packet)
        self._waiting.append(_Waiting(side, start, start + len(segment.payload), acknowledged, packet, segment, token))

    def exchange(self, side: int, start: int, before: bytes, after: bytes) -> None:
        """Put ``after`` in the place of ``before``, which begins at ``start`` and is not settled yet."""
        if before != after:
            self._sides[side].map.exchange(*narrowed(start, before, after))

    def settle(self, side: int, position: int) -> None:
        """Say that everything before a position is as it will be; :data:`EVERYTHING` for all that is still to come."""
        self._sides[side].settled = max(self._sides[side].settled, position)

    def ready(self) -> Iterator[tuple[Token, list[bytes] | None]]:
        """The frames that need to wait no longer, in order: the packets in the place of each; ``None`` where it is as it came."""
        while self._waiting:
            one = self._waiting[0]
            if one.end > self._sides[one.side].settled or one.acknowledged > self._sides[1 - one.side].settled:
                return
            yield self._waiting.popleft().token, self._rebuilt(one)

    def _rebuilt(self, one: _Waiting[Token]) -> list[bytes] | None:
        side, other = self._sides[one.side], self._sides[1 - one.side]
        segment, length = one.segment, len(one.segment.payload)
        side.last = one
        side.most = max(side.most, length)
        # RFC 9293 3.8.4: a probe of the last byte, which is repeated or left out.
        is_probe = length <= 1 and one.start == side.top - 1 and not segment.flags & (SYN | FIN | RST)
        advances = one.acknowledged > side.acknowledged
        side.acknowledged, side.top = max(side.acknowledged, one.acknowledged), max(side.top, one.end)
        if not side.map and not other.map:
            side.acknowledged_now = side.acknowledged
            return None
        payload = segment.payload if is_probe else side.map.payload(one.start, segment.payload)
        start = side.map.begin(side.top) - 1 if is_probe else side.map.begin(one.start)
        acknowledged = other.map.begin(one.acknowledged)
        advances_now = acknowledged > side.acknowledged_now
        emptied = segment.payload and not payload
        # What carried or acknowledged nothing but bytes that are gone would be a repeated acknowledgement.
        if not segment.flags & (SYN | FIN | RST) and not payload and not advances_now and (emptied or advances):
            return []
        if segment.flags & ACK:
            side.acknowledged_now = max(side.acknowledged_now, acknowledged)
        return self._packets(one, start, acknowledged, payload)

    def _packets(self, one: _Waiting[Token], start: int, acknowledged: int, payload: bytes) -> list[bytes]:
        side, other, segment = self._sides[one.side], self._sides[1 - one.side], one.segment
        flags = segment.flags
        sequence = side.direction.sequence(start) - bool(flags & SYN)
        acknowledgement = other.direction.sequence(acknowledged) if flags & ACK else segment.acknowledgement
        options = mapped_options(one.packet, segment, self._edge(other)) if flags & ACK else one.packet[segment.tcp + 20 : segment.data]
        most = max(self._room(side, one.packet, segment), 1)
        packets = []
        last = max(len(payload) - 1, 0) // most * most
        for at in range(0, last + 1, most):
            part = flags if at == last else flags & ~(FIN | PSH)
            packets.append(rebuild(one.packet, segment, sequence + at, acknowledgement, part, options, payload[at : at + most]))
        return packets

    def _edge(self, side: _Side[Token]) -> Callable[[int], int]:
        return lambda number: side.direction.sequence(side.map.begin(side.direction.position(number)))

    def _room(self, side: _Side[Token], packet: bytes, segment: Segment) -> int:
        """How much fits into a segment: no less than it has now, for that has passed."""
        if self._mtu:
            return self._mtu - segment.data
        options = segment.data - segment.tcp - 20
        return max(side.most, (side.mss or _DEFAULT_MSS[packet[0] >> 4]) - options)

    def insert(self, side: int, payload: bytes) -> tuple[list[bytes], Token] | None:
        """The packets, in order, that carry something new from one side, behind all that it has sent so far; and the token of its last.

        :returns: ``None`` where that is not possible: nothing was seen of it, it sends nothing more, or it is in the middle of something.
        """
        one, other = self._sides[side], self._sides[1 - side]
        if one.last is None or one.last.segment.flags & (FIN | RST) or one.settled != one.direction.next:
            return None
        packet, segment, token = one.last[-3:]
        end = one.direction.next
        one.map.exchange(end, end, payload)
        sequence = one.direction.sequence(one.map.begin(end)) - len(payload)
        acknowledged = other.map.begin(other.direction.next)
        acknowledgement = other.direction.sequence(acknowledged)
        one.acknowledged_now = max(one.acknowledged_now, acknowledged)
        options = kept_options(packet, segment)
        most = max((one.mss or _DEFAULT_MSS[packet[0] >> 4]) - len(options), 1)
        last = (len(payload) - 1) // most * most
        packets = [
            rebuild(packet, segment, sequence + at, acknowledgement, ACK | PSH * (at == last), options, payload[at : at + most])
            for at in range(0, last + 1, most)
        ]
        return packets, token
