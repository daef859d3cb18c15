"""The ends of a live test on loopback: free ports, datagrams and streams, and messages that fit them."""

import asyncio
import socket
from collections.abc import Callable, Coroutine
from contextlib import closing
from typing import Any

from scapy_rr.live.pacing import Lateness
from scapy_rr.live.proxy import LiveProxy
from scapy_rr.proxy import script_file
from scapy_rr.proxy.router import Router
from scapy_rr.rr.module import RecordRouting


def free_port(kind: socket.SocketKind = socket.SOCK_DGRAM) -> int:
    """A port of 127.0.0.1 that nobody has."""
    with closing(socket.socket(socket.AF_INET, kind)) as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


def built_in(*listen: str) -> Router:
    """The built-in script with these listeners."""
    router = script_file.load()
    router.rr = RecordRouting(listen=listen)
    return router


class Datagrams:
    """An end that speaks UDP. Use it in a ``with``."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> "Datagrams":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes, port: int) -> None:
        """Send a datagram to a port of 127.0.0.1."""
        self._socket.sendto(data, ("127.0.0.1", port))

    async def receive(self) -> bytes:
        """The next datagram."""
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self._socket, 65535), 10)


def request(method: str, target: str, via: str, *headers: str, to: str = "", body: bytes = b"") -> bytes:
    """A request by way of the proxy."""
    lines = [
        f"{method} {target} SIP/2.0",
        f"Via: SIP/2.0/{via}",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a1",
        f"To: <sip:bob@example.com>{to}",
        "Call-ID: live@127.0.0.1",
        f"CSeq: 1 {method}",
        *headers,
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(data: bytes, line: str = "200 OK") -> bytes:
    """A response to a request: its headers under another first line."""
    return b"SIP/2.0 " + line.encode() + data[data.index(b"\r\n") :]


def play(router: Router, scene: Callable[[LiveProxy], Coroutine[Any, Any, None]], lateness: Lateness | None = None) -> LiveProxy:
    """Play a scene with a proxy on sockets that is open meanwhile."""
    return play_with(LiveProxy(router, lateness), scene)


def play_with(proxy: LiveProxy, scene: Callable[[LiveProxy], Coroutine[Any, Any, None]]) -> LiveProxy:
    """The same with a proxy of any kind."""

    async def played() -> LiveProxy:
        await proxy.open()
        try:
            await asyncio.wait_for(scene(proxy), 30)
        finally:
            await proxy.close()
            # For transports to be closed.
            await asyncio.sleep(0.01)
        return proxy

    return asyncio.run(played())
