"""SIP in the TCP connections of a capture: segments go in; messages come out, and frames that follow what was exchanged."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from ..wire.connection_edit import EVERYTHING, ConnectionEdit
from ..wire.direction import Direction
from ..wire.segment import ACK, FIN, ROUND, RST, SYN, Segment
from .sip_stream import SipStream, StreamMessage
from .tls import is_client_hello
from .tls_keys import TlsKeys, TlsStream

Token = TypeVar("Token")

_MOST, _MOST_BYTES, _SECONDS = 16_384, 64 << 20, 3600.0
# What is missing may still come, in a capture that is not in order: for so many segments of the connection.
_PATIENCE = 16
_MOST_EARLY, _MOST_WAITING = 1 << 20, 8192
AFTER_END = "behind the end of its connection"
NUMBER, BYTES, AGE = "too many connections", "too many bytes in connections", "connections silent for too long"

ENCRYPTED = "TLS connections to SIP ports, which --keylog may open"
SIP_PORTS = frozenset({5060, 5061})
_OVER_TLS = {"tcp": "tls", "ws": "wss"}

Key = tuple[bytes, int, bytes, int]


class Connection(Generic[Token]):
    """One TCP connection.

    :param client: who opened it, as far as that can be told: packed address and port, and the other end's.
    :param word: names it.
    :param keys: open it where it is TLS.
    """

    def __init__(self, client: Key, word: str, lost: Counter[str], mtu: int, keys: TlsKeys | None) -> None:
        self.client, self.word = client, word
        self._lost, self._keys = lost, keys
        self.is_tls = False
        """Whether the client has begun TLS."""
        self._tls: TlsStream | None = None
        self.directions = Direction(), Direction()
        self.streams = SipStream(lost), SipStream(lost)
        self.streams[0].peer, self.streams[1].peer = reversed(self.streams)
        self.edit: ConnectionEdit[Token] = ConnectionEdit(self.directions, mtu)
        self.is_closed = False
        self.last_used = 0.0
        self.last: Token | None = None
        """Of the segment that came last."""
        self._acknowledged = [-EVERYTHING, -EVERYTHING]
        self._missing = [0, 0]
        self._plain = [0, 0]
        self._ended: list[int | None] = [None, None]

    def is_new(self, segment: Segment, side: int) -> bool:
        """Whether a segment with a SYN opens another connection between the same ends."""
        base = self.directions[side].base
        return self.is_closed or base not in (None, (segment.sequence + 1) % ROUND)

    @property
    def held(self) -> int:
        """How many bytes are kept for it, the frames that wait left out."""
        (one, other), (stream, another) = self.directions, self.streams
        return one.held + other.held + stream.held + another.held

    @property
    def is_done(self) -> bool:
        """Whether nothing is lost when it is forgotten."""
        return not self.held and not self.edit.is_needed

    def transport(self, side: int) -> str:
        """What SIP comes over that one end sends."""
        transport = self.streams[side].transport
        return _OVER_TLS[transport] if self.is_tls else transport

    def take(self, segment: Segment, side: int, number: int) -> list[tuple[int, StreamMessage]]:
        """The messages that are whole with a segment: who sent them, and each.

        :param side: who sent it: 0 for the client, 1 for the server.
        :param number: of its frame.
        """
        flags, payload = segment.flags, segment.payload
        direction, other = self.directions[side], self.directions[1 - side]
        at = direction.position(segment.sequence + bool(flags & SYN))
        if flags & ACK:
            self._acknowledged[side] = max(self._acknowledged[side], other.position(segment.acknowledgement))
        found: list[tuple[int, StreamMessage]] = []
        if payload and not flags & RST:
            pieces = direction.take(at, payload)
            if pieces and not pieces[0][0] and not side and is_client_hello(pieces[0][1]):
                self._begin_tls()
            found = list(self._feed_tls(side, pieces, number)) if self.is_tls else self._feed(side, pieces)
        if flags & (FIN | RST):
            self._ended[side] = at + len(payload) if flags & FIN else self._ended[side]
            self.is_closed |= bool(flags & RST)
        if self._ended[side] is not None:
            self.is_closed |= self._ended == [one.next for one in self.directions]
        for one in (0, 1):
            if self._acknowledged[1 - one] > self.directions[one].next or self.directions[one].held:
                found += self._fill_gap(one)
        return found

    def _feed(self, side: int, pieces: Sequence[tuple[int, bytes]]) -> list[tuple[int, StreamMessage]]:
        # Its segments wait for nothing any more, so that nothing can be exchanged in them.
        is_over, stream = self._is_over(side), self.streams[side]
        found = [message for at, piece in pieces for message in stream.feed(at, piece)]
        return [(side, message._replace(fixed=message.fixed or AFTER_END) if is_over else message) for message in found]

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

    def _is_over(self, side: int) -> bool:
        return self.is_closed or self.is_tls or self.streams[side].has_gap or self._ended[side] == self.directions[side].next

    def _fill_gap(self, side: int) -> Iterator[tuple[int, StreamMessage]]:
        """Go on behind what the receiver has acknowledged, and the capture has not."""
        direction, acknowledged, ended = self.directions[side], self._acknowledged[1 - side], self._ended[side]
        self._missing[side] += 1
        while direction.held or acknowledged > direction.next:
            resumes = direction.resumes_at
            # A FIN takes a number, too.
            if resumes is None and acknowledged == direction.next + 1 and ended == direction.next:
                break
            is_lost = self._missing[side] > _PATIENCE and acknowledged >= (direction.next + 1 if resumes is None else resumes)
            if not (is_lost or (self.is_closed and resumes is not None) or direction.held > _MOST_EARLY):
                return
            self.streams[side].skip()
            pieces = direction.skip(acknowledged)
            if not self.is_tls:
                yield from self._feed(side, pieces)
        self._missing[side] = 0

    def close(self) -> Iterator[tuple[int, StreamMessage]]:
        """Nothing more will come: the messages behind gaps."""
        self.is_closed = True
        for side in (0, 1):
            yield from self._fill_gap(side)

    def give_up(self) -> None:
        """Wait no longer for what is unfinished: it is passed on as it is, and so is all that follows."""
        for side, stream in enumerate(self.streams):
            direction = self.directions[side]
            if stream.settled < direction.next or direction.held or self._acknowledged[1 - side] > direction.next:
                stream.skip()

    def ready(self) -> Iterator[tuple[Token, list[bytes] | None]]:
        """See :meth:`ConnectionEdit.ready`."""
        for side, stream in enumerate(self.streams):
            self.edit.settle(side, EVERYTHING if self._is_over(side) else stream.settled)
        return self.edit.ready()


class TcpMessage(NamedTuple, Generic[Token]):
    """A message of a connection."""

    connection: Connection[Token]
    side: int
    """0 where the client sent it, 1 where the server did."""
    found: StreamMessage
    tokens: tuple[Token, ...]
    """Of the frames that carried it, in the order in which they came."""


class TcpConnections(Generic[Token]):
    """The connections of a capture. Those for which the bounds have no room are given up, the one that was unused for longest first.

    :param release: is told what becomes of each frame, in the order of its connection: the packets in its place, ``None`` where it stays.
    :param mtu: the most bytes of a packet that is written; 0 where none is known.
    :param most: how many connections.
    :param most_bytes: how much is kept for all of them, the frames that wait left out.
    :param seconds: how long one may be silent.
    :param keys: open those that are TLS.
    """

    def __init__(
        self,
        release: Callable[[Token, list[bytes] | None], object] = lambda token, packets: None,
        mtu: int = 0,
        most: int = _MOST,
        most_bytes: int = _MOST_BYTES,
        seconds: float = _SECONDS,
        keys: TlsKeys | None = None,
    ) -> None:
        self._release, self._mtu, self._keys = release, mtu, keys
        self._most, self._most_bytes, self._seconds = most, most_bytes, seconds
        # In the order of their last use.
        self._connections: OrderedDict[Key, Connection[Token]] = OrderedDict()
        self._opened = 0
        self._held = 0
        self.lost: Counter[str] = Counter()
        """What could not be read, by reason."""

    def __len__(self) -> int:
        return len(self._connections)

    def between(self, client: tuple[bytes, int], server: tuple[bytes, int]) -> Connection[Token] | None:
        """The connection that this client opened to this server, and that is still open; ``None`` where there is none."""
        found = self._connections.get((*client, *server))
        return found if found and found.client == (*client, *server) and not found.is_closed else None

    def add(self, packet: bytes, segment: Segment, token: Token, now: float, number: int = 0) -> Iterator[TcpMessage[Token]]:
        """The messages that are whole with a segment, in order. Behind each it may be exchanged; behind the last, frames are released.

        :param number: of its frame.
        """
        connection, side = self._find(segment, now)
        if segment.flags & SYN and connection.is_new(segment, side):
            yield from self._end(connection)
            connection, side = self._find(segment, now)
        connection.last = token
        connection.edit.add(side, packet, segment, token)
        before = connection.held if segment.payload else 0
        for sender, found in connection.take(segment, side, number):
            yield _told(connection, sender, found)
        self._let_go(connection)
        if segment.payload:
            self._held += connection.held - before
        oldest = next(iter(self._connections.values()))
        if self._held > self._most_bytes or len(self._connections) > self._most or now - oldest.last_used > self._seconds:
            yield from self._keep_bounds(now)

    def _keep_bounds(self, now: float) -> Iterator[TcpMessage[Token]]:
        while self._held > self._most_bytes:
            yield from self._give_up(BYTES)
        while len(self._connections) > self._most:
            yield from self._give_up(NUMBER)
        while self._connections and now - next(iter(self._connections.values())).last_used > self._seconds:
            yield from self._give_up(AGE)

    def give_up_waiting(self) -> None:
        """Release all frames that wait."""
        for connection in self._connections.values():
            connection.give_up()
            self._let_go(connection)

    def close(self) -> Iterator[TcpMessage[Token]]:
        """Nothing more will come."""
        while self._connections:
            yield from self._end(next(iter(self._connections.values())))

    def _find(self, segment: Segment, now: float) -> tuple[Connection[Token], int]:
        """The connection of a segment, and who of the two sent it."""
        key = segment[:4]
        connection, side = self._connections.get(key), 0
        if connection is None:
            mirrored = (*key[2:], *key[:2])
            connection, side = self._connections.get(mirrored), 1
            if connection is None:
                # Who answers a SYN is the server; so is who has the smaller port, where the beginning was not captured.
                side = int(segment.flags & ACK if segment.flags & SYN else segment.source_port < segment.destination_port) and 1
                self._opened += 1
                connection = Connection(mirrored if side else key, f"{self._opened:x}", self.lost, self._mtu, self._keys)
                self._connections[connection.client] = connection
        self._connections.move_to_end(connection.client)
        connection.last_used = now
        return connection, side

    def _let_go(self, connection: Connection[Token]) -> None:
        if connection.edit.waiting > _MOST_WAITING:
            connection.give_up()
        for token, packets in connection.ready():
            self._release(token, packets)

    def _give_up(self, why: str) -> Iterator[TcpMessage[Token]]:
        connection = next(iter(self._connections.values()))
        if not connection.is_done:
            self.lost[why] += 1
        yield from self._end(connection)

    def _end(self, connection: Connection[Token]) -> Iterator[TcpMessage[Token]]:
        held = connection.held
        for side, found in connection.close():
            yield _told(connection, side, found)
        self._let_go(connection)
        self._held -= held
        del self._connections[connection.client]


def _told(connection: Connection[Token], side: int, found: StreamMessage) -> TcpMessage[Token]:
    tokens = connection.edit.tokens(side, found.start, found.start + len(found.raw))
    assert connection.last is not None
    # Those of what was given up wait no longer.
    return TcpMessage(connection, side, found, tokens or (connection.last,))
