"""SIP as it comes by on interfaces, or stands in a capture: each message with what the proxy would do with it. Nothing is sent."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from scapy.config import conf

from ..capture.messages import RESPONSE, kind_of, spell
from ..capture.reader import Capture
from ..capture.routing import NOT_FOR_US
from ..capture.summary import Summary
from ..capture.times import timed_frames
from ..errors import ConfigError, ScriptError
from ..proxy.outcome import IS_RESPONSE, Outcome
from ..proxy.router import Router
from ..wire.datagram import Datagram, Refusal, locate
from ..wire.reassembly import Reassembler
from .flows import Flows, read
from .proxy import SCRIPT_FAILED
from .raw import SIP_BEARING, Links, RawSocket

log = logging.getLogger("scapy_rr")

# So many frames of one interface before the others get their turn.
_AT_ONCE, _AT_THE_END = 64, 4096
_WAIT = 1.0
_SECOND = 1_000_000_000


class Sniffed(NamedTuple):
    """One SIP message that came by."""

    time: float
    """Seconds of the epoch."""
    interface: str
    """Its name; that of the file where it is from a capture."""
    number: int
    """Of the frame, from 1."""
    frame: bytes
    """Put together where it came in fragments; the last one of those that the message came in, where that was over TCP."""
    link_type: int
    """As capture files number it."""
    source: str
    """As a listener, ``udp:10.0.0.5:5060``; empty where the message cannot be reached."""
    destination: str
    kind: str
    """Its method, or ``response``; empty where the message cannot be reached."""
    message: bytes
    outcome: Outcome

    @property
    def packet(self) -> Any:
        """The frame as a Scapy packet, made anew each time."""
        # Which layers are loaded decides how it is read.
        import scapy.layers.inet
        import scapy.layers.inet6
        import scapy.layers.l2  # noqa: F401

        from .. import layer  # noqa: F401

        made = conf.l2types.get(self.link_type, conf.raw_layer)(self.frame)
        made.time = self.time
        return made


class Watcher:
    """Finds the SIP messages in frames, and asks the proxy what it would do with each.

    :param router: the proxy.
    """

    def __init__(self, router: Router) -> None:
        self.router = router
        self.summary = Summary()
        """What came by; ``routed`` is what would have been."""
        self.fragments: Reassembler[None] = Reassembler()
        self.flows = Flows()

    def take(self, data: bytes, now: float, link_type: int, interface: str, cut: bool = False) -> Iterator[Sniffed]:
        """The messages that are whole with a frame, in order.

        :param now: when it arrived, in seconds of the epoch.
        :param interface: where; fragments of different ones are not put together.
        :param cut: whether there was more of the frame than is here.
        """
        self.summary.frames += 1
        at = locate(data, 0, len(data), link_type, cut)
        if at in (Refusal.FRAGMENT, Refusal.EXTENSION):
            whole = self.fragments.add(data, 0, len(data), link_type, now, None, interface)
            if whole is None:
                return
            data = whole.frame
            at = locate(data, 0, len(data), link_type)
        frame = _Frame(now, interface, self.summary.frames, data, link_type)
        if isinstance(at, Datagram):
            message = data[at.payload : at.end]
            if kind_of(message):
                yield self._ask(frame, "udp", (at.source, at.source_port), (at.destination, at.destination_port), message)
        elif at is Refusal.TCP and (segment := read(data, link_type)):
            source, destination = segment[:2], segment[2:4]
            for message in self.flows.messages(segment):
                yield self._ask(frame, "tcp", source, destination, message)
        elif b"SIP/2.0" in data:
            self.summary.count("not read")
            yield self._told(Sniffed(*frame, "", "", "", b"", _left(b"", at.value)))

    def _ask(self, frame: "_Frame", transport: str, source: tuple[bytes, int], destination: tuple[bytes, int], message: bytes) -> Sniffed:
        rr, kind = self.router.rr, kind_of(message)
        assert rr is not None
        self.summary.count(kind)
        listener = rr.identity.listener_at(transport, *destination)
        came_from = spell(*source)[4:]
        if kind == RESPONSE and not self.router.via:
            outcome = _left(message, IS_RESPONSE)
        elif listener is None:
            outcome = _left(message, NOT_FOR_US)
        else:
            self.summary.addressed += 1
            try:
                outcome = self.router.handle(message, listener, came_from, frame.time)
            except ScriptError as error:
                if SCRIPT_FAILED not in self.summary.left:
                    log.error("%s; all that fail are counted", error)
                outcome = _left(message, SCRIPT_FAILED, str(error).splitlines()[-1])
        return self._told(Sniffed(*frame, f"{transport}:{came_from}", f"{transport}{spell(*destination)[3:]}", kind, message, outcome))

    def _told(self, sniffed: Sniffed) -> Sniffed:
        outcome = sniffed.outcome
        if outcome.left:
            self.summary.leave(outcome.left, sniffed.number, outcome.detail)
        else:
            self.summary.routed[outcome.way] += 1
        return sniffed


class _Frame(NamedTuple):
    """What a message has of its frame."""

    time: float
    interface: str
    number: int
    frame: bytes
    link_type: int


def _left(message: bytes, reason: str, detail: str = "") -> Outcome:
    return Outcome(message, [], "", reason, detail, ())


class Sniffer:
    """Watches interfaces. Use it in a ``with``.

    :param router: the proxy.
    :param names: the interfaces.
    :param bpf: which frames are looked at, in tcpdump's language.
    :raises LiveError: where an interface cannot be listened on, saying what to do.
    """

    def __init__(self, router: Router, names: Iterable[str], bpf: str = SIP_BEARING) -> None:
        self._watcher = Watcher(router)
        self.summary = self._watcher.summary
        self.keep: Callable[[bytes, float], object] | None = None
        """Called with every frame: its bytes, and when it came, in seconds of the epoch."""
        self._links = Links(RawSocket(name, bpf, promiscuous=True, outgoing=True) for name in dict.fromkeys(names))

    def __enter__(self) -> "Sniffer":
        return self

    @property
    def link_types(self) -> set[int]:
        """Those of the interfaces."""
        return {one.link_type for one in self._links.sockets}

    def stop(self) -> None:
        """End the watching. A signal's handler may call it."""
        self._links.stop()

    def messages(self, seconds: float | None = None) -> Iterator[Sniffed]:
        """The messages as they come by, until it is stopped, or for so many seconds; what has come before is still given."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self._links.stopped and (left := _WAIT if deadline is None else deadline - time.monotonic()) > 0:
            for one in self._links.ready(min(left, _WAIT)):
                yield from self._drain(one, _AT_ONCE)
        for one in self._links.sockets:
            yield from self._drain(one, _AT_THE_END)

    def _drain(self, one: RawSocket, most: int) -> Iterator[Sniffed]:
        for _ in range(most):
            got = one.receive()
            if got is None:
                return
            if self.keep:
                self.keep(got.frame, got.time)
            yield from self._watcher.take(got.frame, got.time, one.link_type, one.name)

    @property
    def counts(self) -> dict[str, int]:
        """What else is to be told: frames that the kernel dropped, and those that came to nothing, by reason."""
        lost = {f"over TCP: {why}": number for why, number in self._watcher.flows.lost.items()}
        return {"frames dropped by the kernel": self._links.drops, **self._watcher.fragments.counts, **lost}

    def __exit__(self, *_: object) -> None:
        self._links.close()


def sniff(
    router: Router,
    iface: str | Iterable[str] | None = None,
    callback: Callable[[Sniffed], object] | None = None,
    count: int = 0,
    seconds: float | None = None,
    bpf: str | None = None,
    offline: Path | str | None = None,
) -> list[Sniffed]:
    """Watch SIP, as Scapy's function of that name does packets.

    :param router: the proxy that is asked what it would do.
    :param iface: the interface, or several; Scapy's default one (``conf.iface``) if nobody says.
    :param callback: called with each message; then none are returned.
    :param count: end after so many messages; 0 for no such end.
    :param seconds: end after so long.
    :param bpf: which frames are looked at, in tcpdump's language; :data:`scapy_rr.live.raw.SIP_BEARING` if nobody says.
    :param offline: a capture that is read in the place of an interface.
    :raises LiveError: where an interface cannot be listened on. :raises CaptureError: where the capture cannot be read.
    """
    found: list[Sniffed] = []
    take = callback or found.append
    if offline is not None:
        if bpf is not None or iface is not None:
            raise ConfigError("sniff: offline is read whole, from no interface and with no filter")
        for one in islice(read_capture(router, Path(offline)), count or None):
            take(one)
        return found
    names = [iface or str(conf.iface)] if isinstance(iface, str | None) else list(iface)
    with Sniffer(router, names, SIP_BEARING if bpf is None else bpf) as sniffer:
        for one in islice(sniffer.messages(seconds), count or None):
            take(one)
    return found


def read_capture(router: Router, path: Path) -> Iterator[Sniffed]:
    """The same of a capture. :raises CaptureError: where it cannot be read."""
    watcher = Watcher(router)
    with Capture(path) as capture:
        for data, record, nanoseconds in timed_frames(capture):
            frame = data[record.start : record.end]
            yield from watcher.take(frame, nanoseconds / _SECOND, record.link_type, path.name, record.cut)
