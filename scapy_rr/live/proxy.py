"""The proxy on sockets of its own: what arrives at the listeners is routed, and leaves by a socket of the send listener.

The kernel does ARP, routing and fragmentation. One loop, no threads; a datagram costs little more than its routing.
"""

import asyncio
import logging
import socket
import struct
import time
from functools import lru_cache
from ipaddress import ip_address

from ..capture.messages import kind_of
from ..capture.summary import Summary
from ..errors import LiveError, ScriptError
from ..proxy.outcome import Sent
from ..proxy.router import Router
from ..rr.listener import Listener
from .arrival import ROOM, SO_TIMESTAMPNS, arrived
from .pacing import Lateness
from .streams import Streams

log = logging.getLogger("scapy_rr")

SCRIPT_FAILED = "the script failed"
# So many datagrams of one socket before the others get their turn.
_AT_ONCE = 64
_LARGEST = 65535
_RECEIVE_BUFFER = 4 << 20
# SO_MEMINFO and the place of SK_MEMINFO_DROPS in what it gives (linux/sock_diag.h).
_SO_MEMINFO, _DROPS = 55, 8
_MOST_REMEMBERED = 4096


@lru_cache(_MOST_REMEMBERED)
def _spelled(host: str, port: int) -> str:
    return f"[{ip_address(host)}]:{port}" if ":" in host else f"{host}:{port}"


@lru_cache(_MOST_REMEMBERED)
def _host(packed: bytes) -> str:
    return str(ip_address(packed))


def listeners_of(router: Router) -> tuple[Listener, ...]:
    """Where a router listens."""
    assert router.rr is not None
    return router.rr.identity.listeners


class LiveProxy:
    """A router at work on UDP and TCP sockets.

    :param router: the proxy with its script.
    :param lateness: where how long messages were here is counted: of the first one each time that a UDP socket is looked at, which is
        the one that has waited longest. Asking the kernel when each came would cost more than it tells.
    """

    tidy_every = 5.0
    """Seconds."""

    def __init__(self, router: Router, lateness: Lateness | None = None) -> None:
        self.router, self._lateness = router, lateness
        self.summary = Summary()
        self.streams = Streams(self._received)
        self._sockets: dict[Listener, socket.socket] = {}
        self._dropped_before = 0
        self._clock = time.monotonic

    async def open(self) -> None:
        """Bind every listener that is UDP or TCP. :raises LiveError: where one cannot be; then none is."""
        try:
            for listener in listeners_of(self.router):
                await self.bind(listener)
        except LiveError:
            await self.close()
            raise

    async def bind(self, listener: Listener) -> None:
        """Listen there. :raises LiveError: where that is not possible."""
        try:
            if listener.transport == "tcp":
                await self.streams.listen(listener)
            elif listener.transport == "udp":
                self._bind_udp(listener)
            else:
                raise LiveError(f"{listener}: run listens over udp and tcp, not over {listener.transport}")
        except OSError as error:
            raise LiveError(f"{listener}: {error.strerror or error} (is it an address of this machine, and free?)") from None

    def _bind_udp(self, listener: Listener) -> None:
        family = socket.AF_INET if listener.address.version == 4 else socket.AF_INET6
        made = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            if self._lateness:
                made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            made.setblocking(False)
            made.bind((str(listener.address), listener.port))
        except OSError:
            made.close()
            raise
        self._sockets[listener] = made
        asyncio.get_running_loop().add_reader(made, self._drain, made, listener)

    def unbind(self, listener: Listener) -> None:
        """Listen there no more."""
        made = self._sockets.pop(listener, None)
        if made:
            asyncio.get_running_loop().remove_reader(made)
            self._dropped_before += _drops(made)
            made.close()
        self.streams.unlisten(listener)

    async def replace(self, router: Router) -> None:
        """Go on with another router, and listen where that one does. :raises LiveError: where that cannot be; then nothing changes."""
        before, wanted = listeners_of(self.router), listeners_of(router)
        opened: list[Listener] = []
        try:
            for listener in wanted:
                if listener in before:
                    continue
                await self.bind(listener)
                opened.append(listener)
            self._take(router)
        except LiveError:
            for listener in opened:
                self.unbind(listener)
            raise
        for listener in set(before) - set(wanted):
            self.unbind(listener)

    def _take(self, router: Router) -> None:
        """Route by another router."""
        self.router = router

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Where it listens over UDP now."""
        return tuple(self._sockets)

    @property
    def counts(self) -> dict[str, int]:
        """What else there was, and how often."""
        dropped = self._dropped_before + sum(map(_drops, self._sockets.values()))
        return {**self.streams.counts, "dropped by the kernel": dropped}

    def _drain(self, made: socket.socket, listener: Listener) -> None:
        """Route what has come, up to a bound."""
        receive, received = made.recvfrom, self._received
        try:
            if self._lateness:
                self._take_timed(made, listener, self._lateness)
            for _ in range(_AT_ONCE):
                data, (host, port, *_) = receive(_LARGEST)
                received(data, listener, _spelled(host, port))
        except BlockingIOError:
            return
        except OSError:
            # What an earlier datagram of ours met on its way (ICMP), told here.
            self.summary.leave("an error that the network reported", self.summary.frames)

    def _take_timed(self, made: socket.socket, listener: Listener, lateness: Lateness) -> None:
        """Route one datagram, and count how long it was here."""
        data, ancillary, _, (host, port, *_) = made.recvmsg(_LARGEST, ROOM)
        self._received(data, listener, _spelled(host, port))
        if at := arrived(ancillary):
            # The clock may have been set meanwhile.
            lateness.add(max(0, time.time_ns() - at))

    def _received(self, data: bytes, listener: Listener, source: str, connection: str = "") -> None:
        summary = self.summary
        summary.frames += 1
        kind = kind_of(data)
        if not kind:
            summary.leave("keep-alives, and what is no SIP", summary.frames)
            return
        summary.count(kind)
        summary.addressed += 1
        try:
            outcome = self.router.handle(data, listener, source, self._clock(), connection)
        except ScriptError as error:
            # The other messages are to be served all the same.
            if SCRIPT_FAILED not in summary.left:
                log.error("%s", error)
            summary.leave(SCRIPT_FAILED, summary.frames, str(error).splitlines()[-1])
            return
        if outcome.left:
            summary.leave(outcome.left, summary.frames, outcome.detail)
        else:
            for sent in outcome.sent:
                self.send(sent)
            summary.routed[outcome.way] += 1

    def send(self, sent: Sent) -> None:
        """Send a message by its socket; what the kernel refuses is counted."""
        made = self._sockets.get(sent.send_socket)
        if made is None:
            if sent.next_hop.transport == "tcp":
                self.streams.send(sent)
            else:
                self.summary.leave(f"not sent: no socket for {sent.next_hop.transport}", self.summary.frames, str(sent.next_hop))
            return
        try:
            made.sendto(sent.payload, (_host(sent.next_hop.packed), sent.next_hop.port))
        except OSError as error:
            self.summary.leave(f"not sent: {error.strerror or error}", self.summary.frames, str(sent.next_hop))

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until told to stop."""
        while not stop.is_set():
            try:
                await asyncio.wait_for(stop.wait(), self.tidy_every)
            except TimeoutError:
                self.tidy()

    def tidy(self) -> None:
        """What is due every few seconds."""
        self.streams.close_idle()

    async def close(self) -> None:
        """Route what has come, and let go of every socket."""
        for made, listener in [(made, listener) for listener, made in self._sockets.items()]:
            self._drain(made, listener)
            self.unbind(listener)
        await self.streams.close()


def _drops(made: socket.socket) -> int:
    try:
        return int(struct.unpack_from("=I", made.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36), 4 * _DROPS)[0])
    except (OSError, struct.error):
        return 0
