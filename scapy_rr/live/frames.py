"""Routes whole frames: what arrives at a listener leaves in its own frame, to the next hop's MAC address; on a bridge, all else passes."""

import logging
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from itertools import islice

from ..capture.messages import SipMessage, kind_of, spell
from ..capture.routing import CaptureRouter
from ..capture.summary import Summary
from ..errors import ConfigError, LiveError, ScriptError
from ..proxy.outcome import Sent
from ..proxy.router import Router
from ..rr.listener import Listener
from ..wire.build import build
from ..wire.datagram import Datagram, Refusal, locate
from ..wire.fragmentation import fragment
from ..wire.link import ETHERNET, network_offset
from ..wire.reassembly import Reassembler
from ..wire.splice import TooLong, splice
from .guard import Guard
from .mute import Mute
from .pacing import SECOND, Lateness
from .proxy import SCRIPT_FAILED
from .raw import EVERYTHING, OTHER_HOST, Links, RawSocket, Received
from .ways import NOT_GIVEN, OURSELVES, Waiting, Way, Ways

log = logging.getLogger("scapy_rr")

CAME_BACK = "came back: it is what we sent"
NO_SIP = "keep-alives, and what is no SIP"
NOT_UDP = "next hop is not reached over UDP, and frames know nothing else"
TOO_LONG = "longer than the MTU, and must not be cut"
# So many frames of one interface before the others get their turn.
_AT_ONCE, _LAST_STEPS = 64, 64
_ANSWER = 0.2
_HEADER = 14
_NEIGHBOURS = "arp or icmp6"
_PORT_AND_LENGTH = struct.Struct(">HH").unpack_from
# What may be a fault of the configuration.
_TOLD = (OURSELVES, NOT_GIVEN)


def bpf_for(listeners: Iterable[Listener]) -> str:
    """A filter for what may be addressed to these listeners, and for what the neighbours say."""
    ports = " or ".join(f"dst port {port}" for port in sorted({one.port for one in listeners if one.transport == "udp"}))
    whole = f"(udp and ({ports})) or " if ports else ""
    return f"{whole}(ip[6:2] & 0x3fff != 0) or ip6 proto 44 or {_NEIGHBOURS}"


class FrameProxy:
    """A router at work on frames with UDP; the kernel is kept quiet about its listeners. Use it in a ``with``.

    :param router: the proxy with its script; :meth:`replace` takes another one while it works.
    :param ifaces: the interfaces. What is routed leaves by the one that the kernel's routes name.
    :param table: MAC addresses that are not asked for, by address, both packed (:func:`scapy_rr.live.neighbours.read_table`).
    :param bridge: whether the two interfaces are a bridge, over which everything passes that is not SIP for a listener.
    :param bpf: which frames are looked at, in tcpdump's language; those for the listeners if nobody says. On a bridge, all.
    :param promiscuous: whether frames for other MAC addresses are routed, too, if they are for a listener's address. On a bridge they are.
    :param lateness: where how long frames were here is counted: of the last one each time that an interface is looked at.
    :raises LiveError: where an interface cannot be used, saying what to do. :raises ConfigError: for a bridge without two sides.
    """

    def __init__(
        self,
        router: Router,
        ifaces: Iterable[str],
        table: Mapping[bytes, bytes] | None = None,
        *,
        bridge: bool = False,
        bpf: str | None = None,
        promiscuous: bool = False,
        lateness: Lateness | None = None,
    ) -> None:
        names = list(dict.fromkeys(ifaces))
        if not names or (bridge and len(names) != 2):
            raise ConfigError(f"a bridge has two interfaces, not {len(names)}" if bridge else "frames need an interface: --iface")
        if bridge and bpf is not None:
            raise ConfigError("a bridge lets everything pass: it has no filter")
        self.summary = Summary()
        self.guard = Guard()
        self.send_otherwise: Callable[[Sent], object] | None = None
        """Sends what does not leave over UDP; without it that is counted."""
        self.fragments: Reassembler[Received] = Reassembler()
        self._counts: Counter[str] = Counter()
        self._built = 0
        self._lateness = lateness
        self._bridge, self._for_all = bridge, bridge or promiscuous
        self._bpf = EVERYTHING if bridge else bpf
        self._listen(router)
        expression = bpf_for(self._identity.listeners) if self._bpf is None else self._bpf and f"({self._bpf}) or {_NEIGHBOURS}"
        with ExitStack() as held:
            # First: what arrives before anybody looks is not to be answered, either.
            self._mute = held.enter_context(Mute(self._identity.listeners))
            self._links = held.enter_context(Links(RawSocket(name, expression, self._for_all, offload=bridge) for name in names))
            self._ways = Ways(self._links.sockets, table or {}, bridge)
            self._held = held.pop_all()
        self._other = dict(zip(names, reversed(self._links.sockets), strict=True)) if bridge else {}

    def _listen(self, router: Router) -> None:
        assert router.rr is not None
        self._identity = router.rr.identity
        self._addresses = {one.packed for one in self._identity.listeners if one.transport == "udp"}
        self._routing = CaptureRouter(router)
        self._routing.summary = self.summary

    def replace(self, router: Router) -> None:
        """Go on with another router. :raises LiveError: where its listeners cannot be claimed or filtered for; the old ones stay then."""
        assert router.rr is not None
        try:
            self._watch(router.rr.identity.listeners)
        except LiveError:
            self._watch(self._identity.listeners)
            raise
        self._listen(router)

    def _watch(self, listeners: Iterable[Listener]) -> None:
        """Keep the kernel quiet about these, and have it hand over what is for them."""
        self._mute.claim(listeners)
        if self._bpf is None:
            for one in self._links.sockets:
                one.filter(bpf_for(listeners))

    def __enter__(self) -> "FrameProxy":
        return self

    @property
    def counts(self) -> dict[str, int]:
        """What else was done, and how often."""
        return {**self._counts, **self.fragments.counts, "frames dropped by the kernel": self._links.drops}

    def fileno(self) -> int:
        """For a loop that waits for other things, too: readable when :meth:`step` has frames; it is to be called now and then anyway."""
        return self._links.fileno()

    def finish(self) -> None:
        """Work on what has come, up to a bound."""
        for _ in range(_LAST_STEPS):
            if not self.step(0):
                break

    def step(self, timeout: float) -> int:
        """Work on what has come, up to a bound; wait for it at most for so many seconds. :returns: how many frames were looked at."""
        before = self.summary.frames
        for one in self._links.ready(min(timeout, _ANSWER) if self._ways.asking else timeout):
            now = time.monotonic()
            got: Received | None = None
            for got in islice(iter(one.receive, None), _AT_ONCE):
                self._arrived(one, got, now)
            if got and self._lateness:
                # The clock may have been set meanwhile.
                self._lateness.add(max(0, int((time.time() - got.time) * SECOND)))
        now = time.monotonic()
        for lost in self._ways.lost(now):
            self._leave(lost.reason, lost.waiting.number, lost.detail)
        self.fragments.expire(now)
        return self.summary.frames - before

    def _arrived(self, one: RawSocket, got: Received, now: float) -> None:
        self.summary.frames += 1
        data = got.frame
        if got.to == OTHER_HOST and not self._for_all:
            return
        at = locate(data, 0, len(data), ETHERNET)
        if isinstance(at, Datagram):
            if not self._took(data, at, (), now):
                self._pass(one, got)
        elif at in (Refusal.FRAGMENT, Refusal.EXTENSION) and _destination(data) in self._addresses:
            self._fragment(one, got, now)
        else:
            for way, waiting in self._ways.learn(one.name, data, now):
                self._send(way, waiting)
            self._pass(one, got)

    def _fragment(self, one: RawSocket, got: Received, now: float) -> None:
        """What the fragment makes whole is routed; where that is not for a listener, its fragments pass as they came."""
        whole = self.fragments.add(got.frame, 0, len(got.frame), ETHERNET, now, got, one.name)
        if whole is None:
            return
        at = locate(whole.frame, 0, len(whole.frame), ETHERNET)
        if not (isinstance(at, Datagram) and self._took(whole.frame, at, whole.sizes, now)):
            for token in whole.tokens:
                self._pass(one, token)

    def _took(self, data: bytes, at: Datagram, sizes: tuple[int, ...], now: float) -> bool:
        """Route a datagram. :returns: whether it was SIP for a listener."""
        if not self._identity.listener_at("udp", at.destination, at.destination_port):
            return False
        message, number = data[at.payload : at.end], self.summary.frames
        kind = kind_of(message)
        if not kind:
            self._leave(NO_SIP, number)
            return False
        if self.guard.knows(at.destination, at.destination_port, message, now):
            self._leave(CAME_BACK, number)
            return True
        ends = (at.source, at.source_port), (at.destination, at.destination_port)
        try:
            outcome = self._routing.handle(SipMessage(number, "udp", *ends, kind, message), now)
        except ScriptError as error:
            if SCRIPT_FAILED not in self.summary.left:
                log.error("%s", error)
            self._leave(SCRIPT_FAILED, number, str(error).splitlines()[-1])
            return True
        if outcome and not outcome.left:
            self.summary.routed[outcome.way] += 1
            for sent in outcome.sent:
                self._send_on(data, at, sizes, sent, now)
        return True

    def _send_on(self, data: bytes, at: Datagram, sizes: tuple[int, ...], sent: Sent, now: float) -> None:
        """Send something in the place of the datagram that arrived."""
        number = self.summary.frames
        if sent.next_hop.transport == "udp":
            try:
                frame = splice(data, 0, len(data), at, sent.payload, *_ends(sent))
            except TooLong as error:
                self._leave(TOO_LONG, number, str(error))
            else:
                self._leaves(Waiting(frame, sizes, number), at.udp, now)
        elif self.send_otherwise:
            self.send_otherwise(sent)
        else:
            self._leave(NOT_UDP, number, str(sent.next_hop))

    def send(self, sent: Sent) -> None:
        """Send over UDP what did not come in a frame, but by a connection, say."""
        self._built += 1
        try:
            packet = build(sent.payload, *_ends(sent), self._built)
        except TooLong as error:
            self._leave(TOO_LONG, self.summary.frames, str(error))
            return
        is_ipv4 = packet[0] >> 4 == 4
        frame = bytes(12) + (b"\x08\x00" if is_ipv4 else b"\x86\xdd") + packet
        self._leaves(Waiting(frame, (), self.summary.frames), _HEADER + (20 if is_ipv4 else 40), time.monotonic())

    def _leaves(self, waiting: Waiting, udp: int, now: float) -> None:
        """Send what is ready, but for its MAC addresses, to its destination; later, where the neighbour has to be asked for.

        :param udp: where the UDP header begins.
        """
        frame = waiting.frame
        address, (port, length) = _destination(frame), _PORT_AND_LENGTH(frame, udp + 2)
        if self._identity.listener_at("udp", address, port):
            self._leave(OURSELVES, waiting.number, spell(address, port))
            return
        self.guard.remember(address, port, frame[udp + 8 : udp + length], now)
        way = self._ways.find(address, now)
        if isinstance(way, Way):
            self._send(way, waiting)
        elif way is None:
            self._ways.wait(address, waiting, now)
        else:
            self._leave(way, waiting.number, spell(address, port))

    def _send(self, way: Way, waiting: Waiting) -> None:
        socket, frames = way.socket, [way.mac + way.socket.mac + waiting.frame[12:]]
        try:
            if waiting.sizes or len(waiting.frame) > socket.mtu + _HEADER:
                frames = fragment(frames[0], ETHERNET, socket.mtu, waiting.sizes)
            for frame in frames:
                socket.send(frame)
        except ValueError as error:
            self._leave(TOO_LONG, waiting.number, str(error))
        except OSError as error:
            self._leave(f"not sent: {error.strerror or error}", waiting.number, socket.name)
        else:
            self._counts["frames sent"] += len(frames)

    def _pass(self, one: RawSocket, got: Received) -> None:
        """On a bridge, let a frame pass to the other side, unless it is for this machine, or from it."""
        if not self._bridge:
            return
        other, frame = self._other[one.name], got.frame
        if frame[6:12] in (one.mac, other.mac):
            self._counts["not passed: our own frames that came back"] += 1
        elif frame[:6] in (one.mac, other.mac):
            self._counts["not passed: for this machine"] += 1
        else:
            try:
                other.send(frame, got.offload)
                self._counts["passed to the other side"] += 1
            except OSError as error:
                self._counts[f"not passed: {error.strerror or error}"] += 1

    def _leave(self, reason: str, number: int, detail: str = "") -> None:
        """Count what is not sent. What may be a fault of the configuration is told when it is seen first."""
        if reason in _TOLD and reason not in self.summary.left:
            log.warning("%s: %s", reason, detail)
        self.summary.leave(reason, number, detail)

    def __exit__(self, *_: object) -> None:
        self._held.close()


def _ends(sent: Sent) -> tuple[tuple[bytes, int], tuple[bytes, int]]:
    return (sent.send_socket.packed, sent.send_socket.port), (sent.next_hop.packed, sent.next_hop.port)


def _destination(frame: bytes) -> bytes:
    """The destination of an IP packet, packed."""
    ip = network_offset(frame, 0, ETHERNET) or 0
    return frame[ip + 16 : ip + 20] if frame[ip] >> 4 == 4 else frame[ip + 24 : ip + 40]
