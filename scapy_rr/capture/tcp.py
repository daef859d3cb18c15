"""The TCP connections of a capture, in a bounded table."""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from ..wire.segment import ACK, SYN, Segment
from .connection import Connection, Key, TcpMessage
from .tls_keys import TlsKeys

Token = TypeVar("Token")

_MOST, _MOST_BYTES, _SECONDS = 16_384, 64 << 20, 3600.0
_MOST_WAITING = 8192
# Something may still be sent again by both ends.
_MOST_CLOSED = 4096
NUMBER, BYTES, AGE = "too many connections", "too many bytes in connections", "connections silent for too long"
FRAMES = "too many frames that wait for a message"


class TcpConnections(Generic[Token]):
    """The connections of a capture. Those for which the bounds have no room are given up, the one that was unused for longest first.

    :param release: is told what becomes of each frame, in the order of its connection: the packets in its place, ``None`` where it stays.
    :param mtu: the most bytes of a packet that is written; 0 where none is known.
    :param most: how many connections.
    :param most_bytes: how much is kept for all of them.
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
        self._release, self._mtu, self.keys = release, mtu, keys
        self._most, self._most_bytes, self._seconds = most, most_bytes, seconds
        # In the order of their last use.
        self._connections: OrderedDict[Key, Connection[Token]] = OrderedDict()
        # In the order in which they were.
        self._closed: deque[Connection[Token]] = deque()
        self._opened = 0
        self._held = 0
        self.lost: Counter[str] = Counter()
        """What could not be read, by reason."""

    def __len__(self) -> int:
        return len(self._connections)

    def between(self, peer: tuple[bytes, int], here: tuple[bytes, int]) -> tuple[Connection[Token], int] | None:
        """The open connection by which ``here`` reaches a peer that opened it, and which side ``here`` is; ``None`` where there is none."""
        for side, name in ((1, (*peer, *here)), (0, (*here, *peer))):
            found = self._connections.get(name)
            # Of one whose beginning is not there, either end may have opened it.
            if found and not found.is_closed and (side or not found.is_certain):
                return found, side
        return None

    def add(self, packet: bytes, segment: Segment, token: Token, now: float, number: int = 0) -> Iterator[TcpMessage[Token]]:
        """The messages that are whole with a segment, in order. Behind each it may be exchanged; behind the last, frames are released.

        :param number: of its frame.
        """
        connection, side = self._find(segment, now)
        if connection.is_new(segment, side):
            yield from self._end(connection)
            connection, side = self._find(segment, now)
        was_closed = connection.is_closed
        for sender, found in connection.take(packet, segment, side, token, number):
            yield connection.message(sender, found)
        self._let_go(connection)
        if connection.is_closed and not was_closed:
            self._closed.append(connection)
        oldest = next(iter(self._connections.values()))
        is_full = self._held > self._most_bytes or len(self._connections) > self._most or len(self._closed) > _MOST_CLOSED
        if is_full or now - oldest.last_used > self._seconds:
            yield from self._keep_bounds(now)

    def _keep_bounds(self, now: float) -> Iterator[TcpMessage[Token]]:
        while len(self._closed) > _MOST_CLOSED:
            first = self._closed.popleft()
            if self._connections.get(first.client) is first:
                yield from self._end(first)
        while self._held > self._most_bytes:
            yield from self._give_up(BYTES)
        while len(self._connections) > self._most:
            yield from self._give_up(NUMBER)
        while self._connections and now - next(iter(self._connections.values())).last_used > self._seconds:
            yield from self._give_up(AGE)

    def give_up_waiting(self, is_old: Callable[[Token], bool] = lambda token: True) -> None:
        """Release the frames that wait in connections, where the first of them is old."""
        for connection in self._connections.values():
            first = connection.edit.first
            if first is not None and is_old(first):
                self._give_up_waiting(connection)
                self._let_go(connection)

    def _give_up_waiting(self, connection: Connection[Token]) -> None:
        self.lost[FRAMES] += 1
        connection.give_up()

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
                opens = bool(segment.flags & SYN)
                side = int(bool(segment.flags & ACK) if opens else segment.source_port < segment.destination_port)
                self._opened += 1
                client = mirrored if side else key
                connection = Connection(client, opens, f"{self._opened:x}", self.lost, self._mtu, self.keys)
                self._connections[client] = connection
        self._connections.move_to_end(connection.client)
        connection.last_used = now
        return connection, side

    def _let_go(self, connection: Connection[Token]) -> None:
        self._release_ready(connection)
        if connection.edit.waiting > _MOST_WAITING:
            self._give_up_waiting(connection)
            self._release_ready(connection)
        held = connection.held
        self._held += held - connection.counted
        connection.counted = held

    def _release_ready(self, connection: Connection[Token]) -> None:
        for token, packets in connection.ready():
            self._release(token, packets)

    def _give_up(self, why: str) -> Iterator[TcpMessage[Token]]:
        connection = next(iter(self._connections.values()))
        if not connection.is_done:
            self.lost[why] += 1
        yield from self._end(connection)

    def _end(self, connection: Connection[Token]) -> Iterator[TcpMessage[Token]]:
        for side, found in connection.close():
            yield connection.message(side, found)
        self._let_go(connection)
        self._held -= connection.counted
        del self._connections[connection.client]
