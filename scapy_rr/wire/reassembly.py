"""IP fragments put together again, in a bounded table; time is the caller's. Knows nothing above IP."""

from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from operator import itemgetter
from typing import Generic, NamedTuple, TypeVar

from .fragmentation import Fragment, read
from .splice import TooLong

Token = TypeVar("Token")

# Odd, as is every total that is 65535 with headers: no fragment with more to come can end there.
_LONGEST = 0xFFFF
# About what a fragment takes besides its bytes, so that repeated and tiny ones are not for free.
_OVERHEAD = 256


class GivenUp(Enum):
    """Why a fragment came to nothing."""

    AGE = "the rest did not come in time"
    NUMBER = "too many unfinished datagrams"
    BYTES = "too many bytes in unfinished datagrams"
    UNFINISHED = "the rest did not come"
    OVERLAP = "IPv6 fragments overlap"
    END = "fragments disagree where the datagram ends"
    TOO_LONG = "longer than an IP packet can be"
    MALFORMED = "malformed IP fragment"
    TRUNCATED = "fragment truncated by the capture"


class Whole(NamedTuple, Generic[Token]):
    """A frame with a whole IP packet."""

    frame: bytes
    """Link and IP header are those of the first fragment, the one at offset 0; lengths and checksum are right."""
    first: Token
    """Of the frame with that fragment."""
    tokens: tuple[Token, ...]
    """Of all frames that came for this packet, in order of arrival."""
    sizes: tuple[int, ...]
    """The payloads' lengths, in order of offset; empty where the frame was no fragment, and is as it came."""


@dataclass(slots=True)
class _Partial(Generic[Token]):
    """A datagram with holes (:rfc:`815`)."""

    since: float
    first: Fragment
    """The fragment at offset 0; any other one as long as that did not come."""
    first_token: Token
    tokens: list[Token] = field(default_factory=list)
    pieces: dict[int, bytes] = field(default_factory=dict)
    holes: list[tuple[int, int]] = field(default_factory=lambda: [(0, _LONGEST + 1)])
    least: int = 0
    most: int = _LONGEST
    """The length lies between them; they are one when the last fragment is there."""
    size: int = 0
    """Of what is held, overhead included."""
    overlapped: bool = False

    def put(self, piece: Fragment, token: Token) -> GivenUp | None:
        """:returns: why the fragment must not be used, or all of the datagram in case of an overlap."""
        end = piece.offset + len(piece.payload)
        if self.overlapped:
            return GivenUp.OVERLAP
        if end > self.most or (not piece.more and end < self.least):
            return GivenUp.END
        new = self._fill(piece.offset, end, piece.payload)
        # RFC 8200 4.5 (RFC 5722) gives up the datagram, but lets pass what the network has only repeated.
        if piece.header[0] >> 4 == 6 and new < len(piece.payload) and self.pieces.get(piece.offset) != piece.payload:
            return GivenUp.OVERLAP
        self.least = max(self.least, end)
        if not piece.more:
            self.most = end
        if self.first.offset and not piece.offset:
            self.first, self.first_token = piece, token
        self.tokens.append(token)
        return None

    def _fill(self, start: int, end: int, payload: bytes) -> int:
        """Only holes are filled: what came first stays. :returns: how many bytes are new.

        The procedure of :rfc:`791` 3.2, an example, would take what came last. So nothing that was looked at in a first fragment is
        exchanged by a later one.
        """
        low, high = bisect_right(self.holes, start, key=itemgetter(1)), bisect_left(self.holes, end, key=itemgetter(0))
        touched = self.holes[low:high]
        if not touched:
            return 0
        self.holes[low:high] = [hole for hole in ((touched[0][0], start), (end, touched[-1][1])) if hole[0] < hole[1]]
        new = 0
        for begin, stop in touched:
            begin, stop = max(begin, start), min(stop, end)
            self.pieces[begin] = payload[begin - start : stop - start]
            new += stop - begin
        return new

    def is_whole(self) -> bool:
        return self.holes[0][0] == self.most

    def whole(self) -> Whole[Token]:
        """:raises TooLong: where the first header leaves no room for all of it."""
        pieces = [self.pieces[offset] for offset in sorted(self.pieces)]
        frame = self.first._replace(more=False, payload=b"".join(pieces)).frame()
        return Whole(frame, self.first_token, tuple(self.tokens), tuple(map(len, pieces)))


class Reassembler(Generic[Token]):
    """The datagrams of which some fragments are there. Those for which the bounds have no room are given up, the oldest first.

    :param most: how many datagrams.
    :param most_bytes: how much they hold in all, overhead included.
    :param seconds: how long after the first of its fragments a datagram is waited for; :rfc:`8200` 4.5 says 60.
    :param give_up: is told why, and the tokens of the frames, in order of arrival, that come to nothing.
    :raises ValueError: for bounds that are not positive.
    """

    def __init__(
        self,
        most: int = 1024,
        most_bytes: int = 4 << 20,
        seconds: float = 60,
        give_up: Callable[[GivenUp, Sequence[Token]], None] | None = None,
    ) -> None:
        if min(most, most_bytes, seconds) <= 0:
            raise ValueError(f"{most} datagrams, {most_bytes} bytes, {seconds} seconds: each must be more than 0")
        self._most, self._most_bytes, self._seconds, self._give_up = most, most_bytes, seconds, give_up
        # In the order of their first arrival. A plain dict takes ever longer to find its first one while a flood lasts.
        self._partials: OrderedDict[Hashable, _Partial[Token]] = OrderedDict()
        self.held = 0
        """The bytes of the unfinished datagrams, overhead included."""
        self.given_up: Counter[GivenUp] = Counter()
        """How many frames came to nothing."""

    @property
    def counts(self) -> dict[str, int]:
        """:attr:`given_up` in words, for a summary."""
        return {f"IP fragments given up: {why.value}": number for why, number in self.given_up.items()}

    def __len__(self) -> int:
        """How many datagrams are unfinished."""
        return len(self._partials)

    def add(self, data: bytes, start: int, end: int, link_type: int, now: float, token: Token, key: Hashable = 0) -> Whole[Token] | None:
        """What the frame ``data[start:end]`` makes whole. One that is no fragment, or not IP, is whole as it is.

        :param now: seconds, on whatever clock.
        :param token: comes back with what the frame became part of.
        :param key: fragments with another one, as of another interface or VLAN, are never put together.
        :returns: ``None`` where more must come, or the fragment came to nothing.
        """
        self.expire(now)
        piece = read(data, start, end, link_type)
        if piece is None or not piece.identification:
            return Whole(data[start:end], token, (token,), ())
        fault = _fault(piece)
        if fault:
            self._lost(fault, [token])
            return None
        # Fragments with nothing before and behind them have to do with no other ones (RFC 6946).
        if not piece.offset and not piece.more:
            return Whole(piece.frame(), token, (token,), (len(piece.payload),))
        return self._put((key, piece.identity), piece, now, token)

    def _put(self, name: Hashable, piece: Fragment, now: float, token: Token) -> Whole[Token] | None:
        partial = self._partials.get(name)
        if partial is None:
            if len(self._partials) >= self._most:
                self._drop_oldest(GivenUp.NUMBER)
            partial = self._partials[name] = _Partial(now, piece, token)
        fault = partial.put(piece, token)
        if fault:
            if fault is GivenUp.OVERLAP:
                self._overlapped(name, partial)
            self._lost(fault, [token])
            return None
        size = len(piece.payload) + _OVERHEAD
        partial.size += size
        self.held += size
        if partial.is_whole():
            return self._finish(self._take(name))
        while self.held > self._most_bytes:
            self._drop_oldest(GivenUp.BYTES)
        return None

    def _finish(self, partial: _Partial[Token]) -> Whole[Token] | None:
        try:
            return partial.whole()
        except TooLong:
            self._lost(GivenUp.TOO_LONG, partial.tokens)
            return None

    def expire(self, now: float) -> None:
        """Give up what is too old. To be called where nothing arrives, too, and somebody waits for what is given up."""
        while self._partials and now - next(iter(self._partials.values())).since > self._seconds:
            self._drop_oldest(GivenUp.AGE)

    def give_up_old(self, is_old: Callable[[Token], bool]) -> None:
        """Give up the oldest ones that are still waited for, as far as their first frame is old."""
        while self._partials:
            tokens = next(iter(self._partials.values())).tokens
            if tokens and not is_old(tokens[0]):
                return
            self._drop_oldest(GivenUp.AGE)

    def close(self) -> None:
        """Give up all that is unfinished: nothing more will come."""
        while self._partials:
            self._drop_oldest(GivenUp.UNFINISHED)

    def _drop_oldest(self, cause: GivenUp) -> None:
        self._lost(cause, self._take(next(iter(self._partials))).tokens)

    def _take(self, name: Hashable) -> _Partial[Token]:
        partial = self._partials.pop(name)
        self.held -= partial.size
        return partial

    def _overlapped(self, name: Hashable, partial: _Partial[Token]) -> None:
        """The datagram stays in the table, empty, because what is still to come for it is given up, too (:rfc:`5722` 4)."""
        self.held -= partial.size
        self._partials[name] = _Partial(partial.since, partial.first._replace(payload=b""), partial.first_token, overlapped=True)
        self._lost(GivenUp.OVERLAP, partial.tokens)

    def _lost(self, cause: GivenUp, tokens: Sequence[Token]) -> None:
        if tokens:
            self.given_up[cause] += len(tokens)
            if self._give_up:
                self._give_up(cause, tokens)


def _fault(piece: Fragment) -> GivenUp | None:
    if piece.said > len(piece.payload):
        return GivenUp.TRUNCATED
    # One that is empty carries nothing, but could say falsely where the datagram ends: hosts leave it out.
    if piece.said < 0 or (piece.more and piece.said % 8) or (not piece.said and (piece.more or piece.offset)):
        return GivenUp.MALFORMED
    return GivenUp.TOO_LONG if piece.offset + piece.said > _LONGEST else None
