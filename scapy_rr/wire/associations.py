"""SCTP user messages put together from the chunks of many packets, in bounded tables; time is the caller's. Knows nothing of messages."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from enum import Enum
from itertools import count
from typing import Generic, NamedTuple, TypeVar

from .sctp import DATA, I_DATA, Packet, UserData, user_data

Token = TypeVar("Token")

_MODULO = 0xFFFFFFFF
# About what a fragment takes besides its bytes, so that tiny ones are not for free.
_OVERHEAD = 1024


class GivenUp(Enum):
    """Why a chunk came to nothing."""

    AGE = "the rest of the message did not come in time"
    NUMBER = "too many unfinished messages"
    BYTES = "too many bytes in unfinished messages"
    UNFINISHED = "the rest of the message did not come"
    MALFORMED = "without user data"


class Piece(NamedTuple, Generic[Token]):
    """A chunk that carried a message, or a fragment of one."""

    token: Token
    """Of the packet."""
    chunk: int
    """Its number in the packet."""
    size: int
    """Of its user data."""


class Message(NamedTuple, Generic[Token]):
    """A user message that is whole."""

    stream: int
    number: int
    """In the stream: SSN, or in I-DATA the MID. That of an unordered message in DATA says nothing."""
    unordered: bool
    ppid: int
    payload: bytes
    pieces: tuple[Piece[Token], ...]
    """The chunks that carried it, in order."""


class _Held(NamedTuple, Generic[Token]):
    piece: Piece[Token]
    data: UserData


class _Run(NamedTuple):
    """Fragments of a message that follow one another without a hole."""

    age: int
    """The number of its oldest one in order of arrival."""
    since: float
    """When that one arrived."""
    name: Hashable
    first: int
    last: int
    """The positions at both ends."""
    begins: bool
    ends: bool
    size: int

    def positions(self) -> list[int]:
        return [self.first + step & _MODULO for step in range((self.last - self.first & _MODULO) + 1)]


class Associations(Generic[Token]):
    """The associations whose packets are seen. Fragments for which the bounds have no room are given up, the oldest first.

    Messages come out as soon as they are whole, also ordered ones before an earlier one of their stream.

    :param most: how many messages are unfinished. One with holes counts for each part that is there.
    :param most_bytes: how much they hold in all, overhead included.
    :param seconds: how long after the first of its chunks a message is waited for, and a chunk known again. By default for as long as a
        sender waits at most before it repeats (RTO.Max, :rfc:`9260#section-16`), and the time that it takes.
    :param remembered: how many chunks are known again when they are repeated.
    :param give_up: is told why, and the chunks that come to nothing, in order.
    :param repeat: is told of a chunk that is a repetition, and which one it repeats.
    :raises ValueError: for bounds that are not positive.
    """

    def __init__(
        self,
        most: int = 1024,
        most_bytes: int = 4 << 20,
        seconds: float = 90,
        remembered: int = 1 << 14,
        give_up: Callable[[GivenUp, Sequence[Piece[Token]]], None] | None = None,
        repeat: Callable[[Piece[Token], Piece[Token]], None] | None = None,
    ) -> None:
        if min(most, most_bytes, seconds, remembered) <= 0:
            raise ValueError(f"{most} messages, {most_bytes} bytes, {seconds} seconds, {remembered} remembered: each must be more than 0")
        self._most, self._most_bytes, self._seconds, self._remembered = most, most_bytes, seconds, remembered
        self._give_up, self._repeat = give_up, repeat
        # Both in order of arrival. A plain dict takes ever longer to find its first one while a flood lasts.
        self._seen: OrderedDict[Hashable, tuple[float, Piece[Token]]] = OrderedDict()
        self._runs: OrderedDict[int, _Run] = OrderedDict()
        self._ages = count()
        self._held: dict[tuple[Hashable, int], _Held[Token]] = {}
        # The runs that go on before their first position, and behind their last one.
        self._open_start: dict[tuple[Hashable, int], _Run] = {}
        self._open_end: dict[tuple[Hashable, int], _Run] = {}
        self.held = 0
        """The bytes of the unfinished messages, overhead included."""
        self.given_up: Counter[GivenUp] = Counter()
        """How many chunks came to nothing."""
        self.repeats = 0
        """How many chunks were repetitions."""

    @property
    def counts(self) -> dict[str, int]:
        """:attr:`given_up` in words, for a summary."""
        return {f"SCTP chunks given up: {why.value}": number for why, number in self.given_up.items()}

    def __len__(self) -> int:
        """How many messages are unfinished."""
        return len(self._runs)

    def add(self, key: Hashable, packet: Packet, now: float, token: Token) -> list[Message[Token]]:
        """The messages that the packet's chunks make whole, in their order.

        :param key: packets with another one, as of another interface, have nothing to do with one another. An association may have
            several addresses at each end (:rfc:`9260#section-6.4`): without them in the key, what goes by another path is known again.
            Ports and tag are looked at in any case.
        :param now: seconds, on whatever clock.
        :param token: comes back with what the packet became part of.
        """
        self.expire(now)
        association = key, packet.source_port, packet.destination_port, packet.tag
        found = []
        for number, chunk in enumerate(packet.chunks):
            if chunk.type not in (DATA, I_DATA):
                continue
            data = user_data(packet, chunk)
            if data is None:
                self._lost(GivenUp.MALFORMED, [Piece(token, number, 0)])
                continue
            piece = Piece(token, number, len(data.payload))
            if not self._is_repeated((association, data.tsn), piece, now):
                # The SSN of an unordered message in DATA is anything (RFC 9260 3.3.1).
                in_stream = 0 if data.unordered and chunk.type == DATA else data.number
                name = association, chunk.type, data.stream, data.unordered, in_stream
                message = _message([_Held(piece, data)]) if data.begins and data.ends else self._put(name, piece, data, now)
                found += [message] if message else []
        return found

    def _is_repeated(self, name: Hashable, piece: Piece[Token], now: float) -> bool:
        seen = self._seen.get(name)
        if seen:
            self._repeated(piece, seen[1])
            return True
        if len(self._seen) >= self._remembered:
            self._seen.popitem(last=False)
        self._seen[name] = now, piece
        return False

    def _repeated(self, piece: Piece[Token], first: Piece[Token]) -> None:
        self.repeats += 1
        if self._repeat:
            self._repeat(piece, first)

    def _put(self, name: Hashable, piece: Piece[Token], data: UserData, now: float) -> Message[Token] | None:
        at = data.position
        if held := self._held.get((name, at)):
            self._repeated(piece, held.piece)
            return None
        self._held[name, at] = _Held(piece, data)
        size = piece.size + _OVERHEAD
        self.held += size
        before = None if data.begins else self._open_end.pop((name, at - 1 & _MODULO), None)
        behind = None if data.ends else self._open_start.pop((name, at + 1 & _MODULO), None)
        own = _Run(next(self._ages), now, name, at, at, data.begins, data.ends, size)
        run = _joined([part for part in (before, own, behind) if part])
        for part in (before, behind):
            if part and part.age != run.age:
                del self._runs[part.age]
        if run.begins and run.ends:
            del self._runs[run.age]
            return _message(self._let_go(run))
        self._keep(run)
        return None

    def _keep(self, run: _Run) -> None:
        self._runs[run.age] = run
        if not run.begins:
            self._open_start[run.name, run.first] = run
        if not run.ends:
            self._open_end[run.name, run.last] = run
        if len(self._runs) > self._most:
            self._drop_oldest(GivenUp.NUMBER)
        while self.held > self._most_bytes:
            self._drop_oldest(GivenUp.BYTES)

    def expire(self, now: float) -> None:
        """Give up what is too old. To be called where nothing arrives, too, and somebody waits for what is given up."""
        while self._seen and now - next(iter(self._seen.values()))[0] > self._seconds:
            self._seen.popitem(last=False)
        while self._runs and now - next(iter(self._runs.values())).since > self._seconds:
            self._drop_oldest(GivenUp.AGE)

    def close(self) -> None:
        """Give up all that is unfinished, and forget what was seen: nothing more will come."""
        self._seen.clear()
        while self._runs:
            self._drop_oldest(GivenUp.UNFINISHED)

    def _drop_oldest(self, cause: GivenUp) -> None:
        _, run = self._runs.popitem(last=False)
        self._open_start.pop((run.name, run.first), None)
        self._open_end.pop((run.name, run.last), None)
        self._lost(cause, [held.piece for held in self._let_go(run)])

    def _let_go(self, run: _Run) -> list[_Held[Token]]:
        self.held -= run.size
        return [self._held.pop((run.name, position)) for position in run.positions()]

    def _lost(self, cause: GivenUp, pieces: Sequence[Piece[Token]]) -> None:
        self.given_up[cause] += len(pieces)
        if self._give_up:
            self._give_up(cause, pieces)


def _joined(parts: Sequence[_Run]) -> _Run:
    """Parts that follow one another. They keep the age of the oldest, and its place in the order with it."""
    first, last, oldest = parts[0], parts[-1], min(parts)
    return oldest._replace(first=first.first, last=last.last, begins=first.begins, ends=last.ends, size=sum(part.size for part in parts))


def _message(parts: Sequence[_Held[Token]]) -> Message[Token]:
    data = parts[0].data
    payload = b"".join(part.data.payload for part in parts)
    return Message(data.stream, data.number, data.unordered, data.ppid, payload, tuple(part.piece for part in parts))
