"""The ends that a server under test talks to: where its requests come from, and where it sends them."""

import select
import socket
import struct
import time

from .case import endpoint

_RESET_AT_CLOSE = struct.pack("ii", 1, 0)
_LARGEST = 65535


class Exchange:
    """Our sockets. All are made on first use and kept, in the namespace of whoever makes them.

    A caller has to be inside the server's namespace.
    """

    def __init__(self) -> None:
        self._datagrams: dict[str, socket.socket] = {}
        self._streams: dict[tuple[str, str], socket.socket] = {}
        self._sinks: dict[str, Sink] = {}

    def send(self, source: str, received_on: str, *messages: bytes) -> socket.socket | None:
        """Send messages from an address to a listener, in this order.

        :returns: the connection, which the server may close; None for UDP, where each message is a datagram.
        """
        proto, _, address = received_on.partition(":")
        if proto == "udp":
            sender = self._datagrams.get(source)
            if sender is None:
                sender = self._datagrams[source] = _bound(source, socket.SOCK_DGRAM)
            for message in messages:
                sender.sendto(message, endpoint(address))
            return None
        stream = self._streams.get((source, received_on))
        if stream is None:
            stream = self._streams[source, received_on] = _bound(source, socket.SOCK_STREAM)
            # The same four numbers are wanted again at once when the server hangs up.
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_AT_CLOSE)
            stream.connect(endpoint(address))
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(b"".join(messages))
        return stream

    def drop(self, source: str, received_on: str) -> None:
        """Forget a connection that the server has closed."""
        self._streams.pop((source, received_on)).close()

    def sink(self, name: str) -> "Sink":
        """The sink of that name, ``udp:127.0.0.9:9999``."""
        if name not in self._sinks:
            self._sinks[name] = Sink(name)
        return self._sinks[name]

    def close(self) -> None:
        """Close every socket."""
        for end in (*self._datagrams.values(), *self._streams.values()):
            end.close()
        for sink in self._sinks.values():
            sink.close()


class Sink:
    """Where a server sends what it has routed."""

    def __init__(self, name: str) -> None:
        proto, _, address = name.partition(":")
        self._socket = _bound(address, socket.SOCK_DGRAM if proto == "udp" else socket.SOCK_STREAM)
        self._connections: list[socket.socket] = []
        self._listens = proto == "tcp"
        if self._listens:
            self._socket.listen()

    def receive(self, length: int, patience: float = 5) -> bytes:
        """The message of that length which is on its way; of a stream, nothing else tells where it ends.

        :raises TimeoutError: if it does not come.
        """
        deadline = time.monotonic() + patience
        data = b""
        while len(data) < length:
            ready = select.select([self._socket, *self._connections], [], [], max(0, deadline - time.monotonic()))[0]
            if not ready:
                raise TimeoutError(f"{len(data)} of {length} octets came")
            data += self._read(ready[0])
        return data

    def _read(self, ready: socket.socket) -> bytes:
        if self._listens and ready is self._socket:
            self._connections.append(self._socket.accept()[0])
            return b""
        data = ready.recv(_LARGEST)
        if self._listens and not data:
            self._connections.remove(ready)
            ready.close()
        return data

    def close(self) -> None:
        """Close it with all connections to it."""
        for end in (self._socket, *self._connections):
            end.close()


def _bound(address: str, kind: socket.SocketKind) -> socket.socket:
    host, port = endpoint(address)
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
    except BaseException:
        made.close()
        raise
    return made
