"""TCP connections as a proxy keeps them: responses go by the connection of their request, requests by one that is open, or a new one.

A connection that cannot be made is not tried again at once; every table is bounded, and what is given up is counted.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from ipaddress import ip_address
from itertools import count

from ..errors import SipParseError
from ..proxy.next_hop import NextHop
from ..proxy.outcome import Sent
from ..rr.listener import Listener
from ..sip.framing import StreamFramer

MOST, LONGEST_IDLE = 4096, 600.0
"""How many connections are kept, and for how many seconds one may be idle."""
_MOST_UNSENT = 1 << 20
_MOST_WAITING = 256
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 32.0

Received = Callable[[bytes, Listener, str, str], None]
"""Takes a message, the listener, ``address:port`` of the sender, and the connection's word."""


class Stream(asyncio.Protocol):
    """One connection."""

    def __init__(self, table: "Streams", listener: Listener) -> None:
        self._table = table
        self.listener = listener
        self.word = f"{next(table.words):x}"
        """What our Via calls it."""
        self.remote = ""
        self.name: tuple[bytes, int] = (b"", 0)
        self.used = 0.0
        self.transport: asyncio.Transport | None = None
        self._framer = StreamFramer()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See :class:`asyncio.Protocol`."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        host, port = transport.get_extra_info("peername")[:2]
        address = ip_address(host)
        self.remote = f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"
        self.name = address.packed, port
        self._table.add(self)

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._table.touch(self)
        before = self._framer.keepalives
        try:
            messages = self._framer.feed(data)
        except SipParseError:
            self._table.counts["connections closed for what is no SIP"] += 1
            self.close()
            return
        # Two line ends ask for one (RFC 5626 3.5.1).
        if self._framer.keepalives - before > 1 and self.transport:
            self.transport.write(b"\r\n")
        for message in messages:
            self._table.received(message, self.listener, self.remote, self.word)

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        if exc is not None:
            self._table.counts["connections reset"] += 1
        self._table.forget(self)

    def send(self, payload: bytes) -> None:
        """Write a message; it is dropped and counted where the peer does not read."""
        assert self.transport is not None
        if self.transport.get_write_buffer_size() > _MOST_UNSENT:
            self._table.counts["messages dropped: the peer does not read"] += 1
            return
        self._table.touch(self)
        self.transport.write(payload)

    def close(self) -> None:
        """Close it, when what was written is sent."""
        if self.transport:
            self.transport.close()


class Streams:
    """The connections of a proxy.

    :param received: what takes the messages.
    :param most: how many are kept; the one unused for longest is closed for another.
    """

    def __init__(self, received: Received, most: int = MOST) -> None:
        self.received = received
        self.counts: Counter[str] = Counter()
        """What went wrong, by a few words."""
        self.words = count(1)
        self._most = most
        self._by_word: OrderedDict[str, Stream] = OrderedDict()
        self._by_name: dict[tuple[bytes, int], Stream] = {}
        self._waiting: dict[tuple[bytes, int], deque[bytes]] = {}
        # When a destination that failed may be tried again, and how long it waits the next time.
        self._failed: OrderedDict[tuple[bytes, int], tuple[float, float]] = OrderedDict()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: dict[Listener, asyncio.Server] = {}

    def __len__(self) -> int:
        return len(self._by_word)

    async def listen(self, listener: Listener) -> None:
        """Accept connections at a listener. :raises OSError: where that is not possible."""
        loop = asyncio.get_running_loop()
        host = str(listener.address)
        self._servers[listener] = await loop.create_server(lambda: Stream(self, listener), host, listener.port, reuse_address=True)

    def unlisten(self, listener: Listener) -> None:
        """Accept no more; open connections stay."""
        server = self._servers.pop(listener, None)
        if server:
            server.close()

    def add(self, stream: Stream) -> None:
        """Keep a connection that was made."""
        stream.used = asyncio.get_running_loop().time()
        self._by_word[stream.word] = stream
        self._by_name[stream.name] = stream
        if len(self._by_word) > self._most:
            self.counts["connections closed for newer ones"] += 1
            next(iter(self._by_word.values())).close()

    def touch(self, stream: Stream) -> None:
        """Note that a connection is used."""
        stream.used = asyncio.get_running_loop().time()
        if stream.word in self._by_word:
            self._by_word.move_to_end(stream.word)

    def forget(self, stream: Stream) -> None:
        """Let go of a connection that ended."""
        self._by_word.pop(stream.word, None)
        if self._by_name.get(stream.name) is stream:
            del self._by_name[stream.name]

    def close_idle(self, longest: float = LONGEST_IDLE) -> None:
        """Close the connections that were not used for so many seconds."""
        now = asyncio.get_running_loop().time()
        for stream in list(self._by_word.values()):
            if now - stream.used <= longest:
                break
            stream.close()

    def send(self, sent: Sent) -> None:
        """Send a message: by the connection that it names, by one open to its next hop, else by a new one."""
        hop = sent.next_hop
        stream = self._by_word.get(sent.connection) or self._by_name.get((hop.packed, hop.port))
        if stream and stream.transport and not stream.transport.is_closing():
            stream.send(sent.payload)
            return
        name = hop.packed, hop.port
        waiting = self._waiting.get(name)
        if waiting is None:
            again_at, _ = self._failed.get(name, (0.0, 0.0))
            if again_at > asyncio.get_running_loop().time():
                self.counts["messages dropped: the next hop refused a connection just now"] += 1
                return
            waiting = self._waiting[name] = deque()
            task = asyncio.get_running_loop().create_task(self._connect(sent.send_socket, hop))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if len(waiting) >= _MOST_WAITING:
            waiting.popleft()
            self.counts["messages dropped: too many wait for a connection"] += 1
        waiting.append(sent.payload)

    async def _connect(self, listener: Listener, hop: NextHop) -> None:
        name, loop = (hop.packed, hop.port), asyncio.get_running_loop()
        try:
            local = str(listener.address), 0
            coming = loop.create_connection(lambda: Stream(self, listener), str(hop.address), hop.port, local_addr=local)
            _, stream = await asyncio.wait_for(coming, 5)
        except (OSError, TimeoutError):
            lost = self._waiting.pop(name)
            self.counts["connections refused or not answered"] += 1
            self.counts["messages dropped: no connection to the next hop"] += len(lost)
            _, wait = self._failed.pop(name, (0.0, _FIRST_WAIT))
            self._failed[name] = loop.time() + wait, min(2 * wait, _LONGEST_WAIT)
            while len(self._failed) > self._most:
                self._failed.popitem(last=False)
            return
        self._failed.pop(name, None)
        for payload in self._waiting.pop(name):
            stream.send(payload)

    async def close(self) -> None:
        """Close everything, when what was written is sent."""
        for listener in list(self._servers):
            self.unlisten(listener)
        for task in list(self._tasks):
            await asyncio.wait([task], timeout=1)
        for stream in list(self._by_word.values()):
            stream.close()
        # So that what was written leaves.
        await asyncio.sleep(0)
