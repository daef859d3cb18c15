"""One TCP connection of a capture: segments go in, messages come out, and what becomes of the frames that brought them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

from ..wire.connection_edit import EVERYTHING, ConnectionEdit
from ..wire.direction import Direction
from ..wire.segment import ACK, FIN, ROUND, RST, SYN, Segment
from .messages import End
from .sip_stream import ENDED, UNFINISHED, WAITED, SipStream, StreamMessage
from .tls import is_client_hello
from .tls_keys import TlsKeys, TlsStream

Token = TypeVar("Token")

# What is missing may still come, in a capture that is not in order: for so many segments of the connection.
_PATIENCE = 16
_MOST_EARLY = 1 << 20
_FAR = 1 << 20
# About what a frame takes that waits.
_FRAME = 2048
ENCRYPTED = "TLS connections to SIP ports, which --keylog may open"
SIP_PORTS = frozenset({5060, 5061})
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__
_OVER_TLS = {"tcp": "tls", "ws": "wss"}

Key = tuple[bytes, int, bytes, int]


class Connection(Generic[Token]):
    """One TCP connection.

    :param client: who opened it, as far as that can be told: packed address and port, and the other end's.
    :param is_certain: whether that was seen.
    :param word: names it.
    :param keys: open it where it is TLS.
    """

    def __init__(self, client: Key, is_certain: bool, word: str, lost: Counter[str], mtu: int, keys: TlsKeys | None) -> None:
        self.client, self.is_certain, self.word, self._lost, self._keys = client, is_certain, word, lost, keys
        self.is_tls = False
        """Whether the client has begun TLS."""
        self._tls: TlsStream | None = None
        self._plain = [0, 0]
        self.directions = Direction(), Direction()
        self.streams = SipStream(lost), SipStream(lost)
        self.streams[0].peer, self.streams[1].peer = reversed(self.streams)
        self.edit: ConnectionEdit[Token] = ConnectionEdit(self.directions, mtu)
        self.is_closed = False
        self.last_used = 0.0
        self.counted = 0
        """How much of what is held has been counted."""
        self.newest: Token | None = None
        self._acknowledged = [-EVERYTHING, -EVERYTHING]
        self._missing = [0, 0]
        self._began = [False, False]
        self._top = [0, 0]
        self._ended: list[int | None] = [None, None]

    def transport(self, side: int) -> str:
        """What SIP comes over that one end sends."""
        transport = self.streams[side].transport
        return _OVER_TLS[transport] if self.is_tls else transport

    def is_new(self, segment: Segment, side: int) -> bool:
        """Whether a segment opens another connection between the same ends."""
        direction = self.directions[side]
        if segment.flags & SYN:
            return self.is_closed or direction.base not in (None, (segment.sequence + 1) % ROUND)
        # The SYN may be missing. What is sent again is near.
        is_far = self.is_closed and bool(segment.payload) and direction.base is not None
        return is_far and abs(direction.position(segment.sequence) - direction.next) > _FAR

    @property
    def held(self) -> int:
        """How many bytes are kept for it, about."""
        (one, other), (stream, another) = self.directions, self.streams
        return one.held + other.held + stream.held + another.held + self.edit.waiting * _FRAME

    @property
    def is_done(self) -> bool:
        """Whether nothing is lost when it is forgotten."""
        return not self.edit.waiting and (self.is_closed or not (self.held or self.edit.is_needed))

    def take(self, packet: bytes, segment: Segment, side: int, token: Token, number: int) -> list[tuple[int, StreamMessage]]:
        """The messages that are whole with a segment: who sent them, and each.

        :param side: who sent it: 0 for the client, 1 for the server.
        :param number: of its frame.
        """
        flags, payload, found = segment.flags, segment.payload, list[tuple[int, StreamMessage]]()
        self.newest = token
        at, acknowledged = self.edit.add(side, packet, segment, token)
        if flags & SYN:
            self._began[side] = True
        if flags & ACK:
            if acknowledged > self._acknowledged[side]:
                self._acknowledged[side] = acknowledged
            self._begin(1 - side, acknowledged)
        if payload and not flags & RST:
            found = self._take_payload(side, at, payload, number)
        if flags & FIN:
            self._ended[side] = at + len(payload)
        if flags & RST or (self._is_ended(0) and self._is_ended(1)):
            self.is_closed = True
        for one in (0, 1):
            direction = self.directions[one]
            if direction.held or self._acknowledged[1 - one] > direction.next:
                found += self._fill_gap(one)
        return found

    def _take_payload(self, side: int, at: int, payload: bytes, number: int) -> list[tuple[int, StreamMessage]]:
        self._begin(side, at)
        self._began[side] = True
        self._top[side] = max(self._top[side], at + len(payload))
        pieces = self.directions[side].take(at, payload)
        if not pieces:
            return []
        self._missing[side] = 0
        if not pieces[0][0] and not side and is_client_hello(pieces[0][1]):
            self._begin_tls()
        return list(self._feed_tls(side, pieces, number)) if self.is_tls else self._feed(side, pieces)

    def _is_ended(self, side: int) -> bool:
        """Whether all of a side came, its FIN included."""
        return self._ended[side] == self.directions[side].next

    def _begin(self, side: int, position: int) -> None:
        """Where the first segment that was captured may have been a probe of the byte before the next one (:rfc:`9293#section-3.8.4`)."""
        direction = self.directions[side]
        if not self._began[side] and position == direction.next + 1:
            direction.next = position

    def _feed(self, side: int, pieces: Sequence[tuple[int, bytes]]) -> list[tuple[int, StreamMessage]]:
        stream = self.streams[side]
        return [(side, message) for at, piece in pieces for message in stream.feed(at, piece)]

    def _begin_tls(self) -> None:
        self.is_tls = True
        if self._keys:
            self._tls = TlsStream(self._keys, (self.client[:2], self.client[2:]), self._lost)
        elif self.client[3] in SIP_PORTS:
            self._lost[ENCRYPTED] += 1

    def _feed_tls(self, side: int, pieces: Sequence[tuple[int, bytes]], number: int) -> Iterator[tuple[int, StreamMessage]]:
        for _, piece in pieces if self._tls else ():
            assert self._tls is not None
            for sender, plain in self._tls.feed(side, piece, number):
                for message in self.streams[sender].feed(self._plain[sender], plain):
                    yield sender, message
                self._plain[sender] += len(plain)

    def _fill_gap(self, side: int) -> Iterator[tuple[int, StreamMessage]]:
        """Go on behind what the receiver has acknowledged, and the capture has not."""
        direction, stream = self.directions[side], self.streams[side]
        acknowledged = self._acknowledged_of(side)
        is_missing = direction.resumes_at is not None or acknowledged > max(direction.next, stream.passed)
        self._missing[side] += is_missing
        is_late = self._missing[side] > _PATIENCE
        while direction.resumes_at is not None and (
            self.is_closed or direction.held > _MOST_EARLY or (is_late and acknowledged > direction.next)
        ):
            stream.skip()
            pieces = direction.skip()
            # Of TLS nothing can be read behind a gap.
            if not self.is_tls:
                yield from self._feed(side, pieces)
        if is_late and acknowledged > direction.next:
            # Of a direction that was not captured there are the acknowledgements alone.
            stream.miss(acknowledged)

    def _acknowledged_of(self, side: int) -> int:
        """The position behind the data of a side that the other one has acknowledged. A FIN takes a number, too."""
        return self._acknowledged[1 - side] - (self._ended[side] is not None)

    def close(self) -> Iterator[tuple[int, StreamMessage]]:
        """Nothing more will come: the messages behind gaps."""
        self.is_closed = True
        for side in (0, 1):
            yield from self._fill_gap(side)
            if self.streams[side].is_open:
                self._lost[UNFINISHED] += 1

    def message(self, side: int, found: StreamMessage) -> "TcpMessage[Token]":
        """A message with the frames that carried it, as far as they still wait; else with the last frame of the connection."""
        last = cast(Token, self.newest)
        tokens = self.edit.tokens(side, found.start, found.start + len(found.raw)) or (last,)
        # What was missing before it may have come later than all of it. A gap is passed by at any frame.
        return _new(TcpMessage, (self, side, found, tokens, tokens[-1] if found.fixed else last))

    def give_up(self) -> None:
        """Wait no longer for what is unfinished: so far both streams are passed on as they are."""
        for side, stream in enumerate(self.streams):
            end = max(self._top[side], self._acknowledged_of(side))
            if stream.settled < end:
                stream.let_pass(end, WAITED)

    def ready(self) -> Iterator[tuple[Token, list[bytes] | None]]:
        """See :meth:`ConnectionEdit.ready`."""
        edit = self.edit
        for side, stream in enumerate(self.streams):
            if self.is_tls:
                # Nothing is exchanged in it.
                edit.settle(side, EVERYTHING)
                continue
            if self.is_closed or self._is_ended(side):
                stream.let_pass(EVERYTHING, ENDED)
            settled = stream.settled
            edit.settle(side, settled if settled > stream.passed else stream.passed)
        return edit.ready()


class TcpMessage(NamedTuple, Generic[Token]):
    """A message of a connection."""

    connection: Connection[Token]
    side: int
    """0 where the client sent it, 1 where the server did."""
    found: StreamMessage
    tokens: tuple[Token, ...]
    """Of the frames that carried it, in the order in which they came."""
    token: Token
    """Of the frame with which it was there, in its place in the stream."""

    @property
    def ends(self) -> tuple[End, End]:
        """Who sent it, and to whom."""
        client = self.connection.client
        return (client[:2], client[2:]) if self.side == 0 else (client[2:], client[:2])
