"""A real Kamailio that forwards: what it sends for a message, read off the wire.

Its script is scapy_rr's own one, and stateless, so that every message is forwarded for itself. It is alone in a network namespace where
every address is local: whatever it sends, and wherever to, leaves by the loopback, and is seen there.
"""

import os
import select
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from .case import endpoint
from .kamailio import PeerError, command, version
from .namespace import Namespace

SCRIPT = Path(__file__).with_name("forwarding.cfg")
Socket = tuple[str, int]

_ALL_PROTOCOLS, _FORCE_BUFFER, _FREE_BIND6, _SENT = 3, 33, 78, 4
_TCP, _UDP = 6, 17
_MARK = "DONE sip:judge.invalid SIP/2.0\r\nVia: SIP/2.0/{transport} judge.invalid;rport;branch=z9hG4bKdone\r\nCall-ID: done\r\n"
_MARK += "From: <sip:judge.invalid>;tag=1\r\nTo: <sip:judge.invalid>\r\nCSeq: {number} DONE\r\nContent-Length: 0\r\n\r\n"


class Passed(NamedTuple):
    """One message that a proxy sent."""

    transport: str
    source: Socket
    destination: Socket
    payload: bytes
    sequence: int = 0
    """The number of its first byte, of a stream."""


def read_packet(packet: bytes) -> Passed | None:
    """What an IP packet carries, without extension headers and fragments; ``None`` where that is neither UDP nor TCP."""
    if packet[0] >> 4 == 6:
        protocol, at = packet[6], 40
        ends = [socket.inet_ntop(socket.AF_INET6, packet[start : start + 16]) for start in (8, 24)]
    else:
        protocol, at = packet[9], 4 * (packet[0] & 15)
        ends = [socket.inet_ntop(socket.AF_INET, packet[start : start + 4]) for start in (12, 16)]
    if protocol not in (_TCP, _UDP):
        return None
    ports = [int.from_bytes(packet[start : start + 2], "big") for start in (at, at + 2)]
    body = at + (8 if protocol == _UDP else 4 * (packet[at + 12] >> 4))
    sequence = int.from_bytes(packet[at + 4 : at + 8], "big") if protocol == _TCP else 0
    return Passed("udp" if protocol == _UDP else "tcp", (ends[0], ports[0]), (ends[1], ports[1]), packet[body:], sequence)


class Kamailio:
    """One process of it.

    :param listen: its listeners, as scapy_rr spells them; networks of 24 bits, or of 64, are around their addresses.
    :param hosts: names that it can resolve.
    :param options: more lines of its configuration.
    :raises PeerError: if it does not start.
    :raises OSError: if no namespace can be made.
    """

    def __init__(self, listen: Sequence[str], hosts: Mapping[str, str] | None = None, options: Sequence[str] = ("mhomed=yes",)) -> None:
        self.version = version()
        self.listen, self.hosts = tuple(listen), dict(hosts or {})
        self._ends = {endpoint(one.split()[0].partition(":")[2]) for one in listen}
        self._addresses = tuple(dict.fromkeys(endpoint(one.split()[0].partition(":")[2])[0] for one in listen))
        self._number = 0
        self._senders: dict[tuple[str, Socket], socket.socket] = {}
        self._servers: dict[Socket, socket.socket] = {}
        self._connections: dict[Socket, socket.socket] = {}
        self._segments: set[tuple[Socket, Socket, int]] = set()
        self._home = tempfile.TemporaryDirectory(prefix="scapy-rr-judge-")
        self._namespace = Namespace()
        with self._namespace.entered():
            self._make_network()
            self._wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
            self._wire.setsockopt(socket.SOL_SOCKET, _FORCE_BUFFER, 1 << 24)
            self._process = self._start(options)
        self._wait()

    def _make_network(self) -> None:
        for address in self._addresses:
            if ":" in address:
                subprocess.run(["ip", "address", "add", f"{address}/128", "dev", "lo", "nodad"], check=True)
                subprocess.run(["ip", "-6", "route", "add", "local", f"{address}/64", "dev", "lo", "src", address], check=False)
            else:
                subprocess.run(["ip", "address", "add", f"{address}/24", "dev", "lo"], check=True)
        first = next((address for address in self._addresses if ":" not in address), None)
        source = ["src", first] if first else []
        subprocess.run(["ip", "route", "add", "local", "default", "dev", "lo", *source], check=True)

    def _start(self, options: Sequence[str]) -> "subprocess.Popen[bytes]":
        home = Path(self._home.name)
        listen = [f"listen={one.replace(' as ', ' advertise ')}" for one in self.listen]
        (home / "kamailio.cfg").write_text("\n".join(["#!KAMAILIO", *options, *listen, SCRIPT.read_text()]))
        words = command(home, home / "kamailio.cfg")
        with (home / "hosts").open("a") as hosts:
            hosts.writelines(f"{address} {name}\n" for name, address in self.hosts.items())
        with (home / "log").open("wb") as log:
            return subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    @property
    def log(self) -> str:
        """What it wrote so far."""
        return (Path(self._home.name) / "log").read_text("latin-1")

    def _wait(self) -> None:
        deadline = time.monotonic() + 20
        while "ready to route" not in self.log:
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = self.log
                self.close()
                raise PeerError(f"kamailio does not start: {said}")
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def serve(self, address: Socket) -> None:
        """Accept TCP connections at a peer's address."""
        with self._namespace.entered():
            self._servers[address] = _bound(address, socket.SOCK_STREAM)
        self._servers[address].listen()

    def pass_on(self, message: bytes, source: Socket, received_on: str) -> list[Passed]:
        """What it sends for a message that comes from a peer.

        :param source: the peer's end; over TCP, the far end of a connection that the proxy opened to :meth:`serve`, or a new one's.
        :param received_on: the listener, ``udp:10.0.0.1:5060``.
        """
        self._number += 1
        transport, _, address = received_on.partition(":")
        mark = _MARK.format(transport=transport.upper(), number=self._number).encode()
        if transport == "udp":
            self._sender("udp", source).sendto(message, endpoint(address))
            # Its receiving process has one queue, so that this comes behind.
            self._sender("udp", (source[0], 9)).sendto(mark, endpoint(address))
        else:
            self._stream(source, address).sendall(message + mark)
        return self._read()

    def _sender(self, transport: str, source: Socket) -> socket.socket:
        if (transport, source) not in self._senders:
            with self._namespace.entered():
                kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
                self._senders[transport, source] = _bound(source, kind)
        return self._senders[transport, source]

    def _stream(self, source: Socket, address: str) -> socket.socket:
        server = self._servers.get(source)
        while server and select.select([server], [], [], 0)[0]:
            self._connections[source] = server.accept()[0]
        if source not in self._connections:
            made = self._connections[source] = self._sender("tcp", source)
            made.connect(endpoint(address))
        return self._connections[source]

    def _read(self) -> list[Passed]:
        """What it sent before the answer to our mark."""
        found: list[Passed] = []
        answered = f"\r\nCSeq: {self._number} DONE\r\n".encode()
        while select.select([self._wire], [], [], 5)[0]:
            packet, (_, _, direction, *_) = self._wire.recvfrom(1 << 17)
            # On the loopback, what is sent comes in, too.
            one = read_packet(packet) if direction == _SENT else None
            if one is None or not one.payload or not self._is_own(one):
                continue
            segment = one.source, one.destination, one.sequence
            if one.transport == "tcp" and segment in self._segments:
                # Sent again, as nobody had confirmed it yet.
                continue
            self._segments.add(segment)
            if answered in one.payload and one.payload.startswith(b"SIP/2.0 200 Done\r\n"):
                return found
            found.append(one)
        raise PeerError(f"no answer: {self.log[-2000:]}")

    def _is_own(self, one: Passed) -> bool:
        """Whether it sent that as a proxy: what it asks name servers comes from another port, and so do its TCP connections."""
        return one.source in self._ends or (one.transport == "tcp" and one.source[0] in self._addresses)

    def close(self) -> None:
        """End it."""
        for end in (self._wire, *self._senders.values(), *self._servers.values(), *self._connections.values()):
            end.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._namespace.close()
        self._home.cleanup()


def _bound(address: Socket, kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET, kind)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if ":" in address[0]:
            made.setsockopt(socket.IPPROTO_IPV6, _FREE_BIND6, 1)
        made.bind(address)
    except BaseException:
        made.close()
        raise
    return made
