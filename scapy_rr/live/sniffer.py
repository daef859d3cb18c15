"""SIP as it comes by on interfaces, or stands in a capture: each message with what the proxy would do with it. Nothing is sent."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from scapy.config import conf

from ..capture.bearer import Frame
from ..capture.carrier import RAW
from ..capture.messages import SipMessage
from ..capture.origin import DatagramOrigin
from ..capture.reader import Capture
from ..capture.routing import CaptureRouter
from ..capture.times import timed_frames
from ..capture.transports import Transports
from ..errors import ConfigError, ScriptError
from ..proxy.outcome import Outcome
from ..proxy.router import Router
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
    """The last one of those that the message came in; the packet alone where that was put together from fragments."""
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
        self._routing = CaptureRouter(router)
        self.summary = self._routing.summary
        """What came by; ``routed`` is what would have been."""
        self.transports = Transports()

    def take(self, data: bytes, now: float, link_type: int, interface: str, cut: bool = False) -> Iterator[Sniffed]:
        """The messages that are whole with a frame, in order.

        :param now: when it arrived, in seconds of the epoch.
        :param interface: where.
        :param cut: whether there was more of the frame than is here.
        """
        self.summary.frames += 1
        frame = Frame(self.summary.frames, data, link_type, now, cut)
        for message in self.transports.take(frame):
            yield self._told(message, frame, interface)

    def _told(self, message: SipMessage, frame: Frame, interface: str) -> Sniffed:
        try:
            outcome = self._routing.handle(message, frame.time)
        except ScriptError as error:
            if SCRIPT_FAILED not in self.summary.left:
                log.error("%s; all that fail are counted", error)
            outcome = _left(message.data, SCRIPT_FAILED, str(error).splitlines()[-1])
            self.summary.leave(outcome.left, frame.number, outcome.detail)
        if outcome is None:
            outcome = _left(b"", message.refusal)
        elif not outcome.left:
            self.summary.routed[outcome.way] += 1
        whole, link_type = frame.data, frame.link_type
        # What was put together from fragments has no frame of its own.
        if isinstance(message.origin, DatagramOrigin) and len(message.frames) > 1:
            whole, link_type = message.origin.bearer.packet, RAW
        return Sniffed(
            frame.time, interface, frame.number, whole, link_type, message.sender, message.receiver, message.kind, message.data, outcome
        )


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
        return {"frames dropped by the kernel": self._links.drops, **self._watcher.transports.counts}

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
