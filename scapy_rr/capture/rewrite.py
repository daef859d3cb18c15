"""A capture with routing applied: each request that arrived at a listener leaves as the proxy would have sent it, in its own frame."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..proxy.stateless import Outcome, StatelessProxy
from ..rr.dialect import Dialect
from ..sip.edits import Edits
from ..wire.datagram import Datagram
from ..wire.splice import TooLong, splice
from .messages import RESPONSE, SipFrame, sip_frames, spell
from .reader import NEEDLE, Batch, Capture, Damage, Record
from .workers import in_order
from .writer import CaptureWriter

FAMILY, TRANSPORT, TOO_LONG = "next hop is of another address family", "next hop is not reached over UDP", "longer than IP can carry"
_MOST_METHODS = 64
NOT_FOR_US, IS_RESPONSE = "not addressed to a listener", "response"


class Emit(Enum):
    """What becomes of a frame that was routed."""

    REPLACE = "replace"
    """The routed frame takes its place."""
    APPEND = "append"
    """The routed frame follows it."""
    ONLY = "only"
    """Routed frames stand alone."""


@dataclass(slots=True)
class Leaving:
    """Why messages were left alone: how many, and where the first is."""

    messages: int
    first_frame: int
    detail: str


@dataclass
class Summary:
    """What was done to a capture."""

    frames: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    """SIP messages by method; responses under ``response``."""
    routed: Counter[str] = field(default_factory=Counter)
    """Requests by the way they took."""
    left: dict[str, Leaving] = field(default_factory=dict)
    """Messages left alone, by reason."""
    addressed: int = 0
    """Requests that were addressed to a listener."""
    cut: str = ""
    """Where and why the capture could not be read on; empty where it was read whole."""

    def count(self, kind: str, messages: int = 1) -> None:
        """Count messages. A method is whatever somebody sends, so that only so many are told apart."""
        if kind not in self.messages and len(self.messages) >= _MOST_METHODS:
            kind = "other"
        self.messages[kind] += messages

    def leave(self, reason: str, frame: int, detail: str = "", messages: int = 1) -> None:
        """Count messages that are left alone, the first of which is in ``frame``."""
        before = self.left.get(reason)
        if before:
            before.messages += messages
        else:
            self.left[reason] = Leaving(messages, frame, detail)

    def add(self, other: "Summary") -> None:
        """Add what was done to a later part of the capture."""
        self.addressed += other.addressed
        self.routed.update(other.routed)
        for kind, number in other.messages.items():
            self.count(kind, number)
        for reason, leaving in other.left.items():
            self.leave(reason, leaving.first_frame, leaving.detail, leaving.messages)

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {
            "frames": self.frames,
            "sip_messages": sum(self.messages.values()),
            "by_method": dict(self.messages),
            "routed": dict(self.routed),
            "left_alone": {reason: asdict(leaving) for reason, leaving in self.left.items()},
            "cut": self.cut,
        }


class Router:
    """Routes the messages of a capture, one frame at a time, and keeps count.

    :param proxy: decides where a request goes.
    :param ports: see :func:`sip_frames`.
    """

    def __init__(self, proxy: StatelessProxy, ports: Collection[int] = ()) -> None:
        self._proxy = proxy
        self.ports = ports
        self.summary = Summary()

    @property
    def dialect(self) -> Dialect:
        """The dialect it speaks."""
        return self._proxy.rr.dialect

    def handle(self, frame: SipFrame) -> Outcome | None:
        """Route a message; ``None`` where it is none of ours to route. Why it is left alone is counted."""
        summary, at, number = self.summary, frame.at, frame.record.number
        if not isinstance(at, Datagram):
            summary.count("not read")
            summary.leave(at.value, number)
            return None
        summary.count(frame.kind)
        if frame.kind == RESPONSE:
            summary.leave(IS_RESPONSE, number)
            return None
        listener = self._proxy.rr.identity.listener_at("udp", at.destination, at.destination_port)
        if listener is None:
            summary.leave(NOT_FOR_US, number, f"the first goes to {spell(at.destination, at.destination_port)}")
            return None
        summary.addressed += 1
        source = spell(at.source, at.source_port).removeprefix("udp:") if self._proxy.rr.flow_tokens else None
        outcome = self._proxy.handle(frame.message, listener, source)
        if outcome.next_hop and outcome.next_hop.transport != "udp":
            outcome = outcome._replace(left=TRANSPORT, detail=str(outcome.next_hop))
        elif outcome.next_hop and len(outcome.next_hop.packed) != len(at.source):
            outcome = outcome._replace(left=FAMILY, detail=str(outcome.next_hop))
        if outcome.left:
            summary.leave(outcome.left, number, outcome.detail)
        return outcome

    def frame(self, data: bytes, frame: SipFrame) -> bytes | None:
        """The routed frame, of one in the buffer ``data``; ``None`` where it is left alone."""
        outcome = self.handle(frame)
        if outcome is None or outcome.left:
            return None
        at, sender, next_hop = frame.at, outcome.send_socket, outcome.next_hop
        assert isinstance(at, Datagram) and sender is not None and next_hop is not None
        try:
            routed = splice(
                data,
                frame.record.start,
                frame.record.end,
                at,
                outcome.payload,
                (sender.packed, sender.port),
                (next_hop.packed, next_hop.port),
            )
        except TooLong as error:
            self.summary.leave(TOO_LONG, frame.record.number, str(error))
            return None
        self.summary.routed[outcome.way] += 1
        return routed


def rewrite(
    source: Path,
    target: Path,
    router: Router,
    emit: Emit = Emit.REPLACE,
    overwrite: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
    accept: Callable[[Summary], object] = lambda summary: None,
    processes: int = 1,
) -> Summary:
    """Write a capture with routing applied.

    :param progress: called with the bytes read so far, and all there are.
    :param accept: called before the file gets its name; what it raises stops that.
    :param processes: how many processes route. With more than one, what callbacks leave behind stays in those processes.
    :returns: what was done. A capture that is cut is written up to there; :attr:`Summary.cut` says so.
    :raises CaptureError: where one of the files cannot be used.
    """
    summary = router.summary
    with Capture(source) as capture, CaptureWriter(target, capture, overwrite) as writer:
        try:
            with in_order(partial(route_batch, router, emit), capture.batches(), processes) as results:
                for batch, routed in results:
                    writer.write(routed.edits.apply(batch.data), routed.longest)
                    summary.add(routed.summary)
                    progress(capture.position, capture.size)
        except Damage as damage:
            summary.cut = str(damage)
        summary.frames = capture.records.frames
        accept(summary)
        writer.complete()
    return summary


class RoutedBatch(NamedTuple):
    """What becomes of a buffer of a capture."""

    edits: Edits
    """What changes in it. The rest need not travel back from the process that found out."""
    longest: int
    """The length of the longest frame that was routed."""
    summary: Summary


def route_batch(router: Router, emit: Emit, batch: Batch) -> RoutedBatch:
    """Route one buffer."""
    edits, longest = Edits(), 0
    router.summary = Summary()
    records = batch.before.copy()

    def dropped() -> Iterator[Record]:
        """Every frame, dropped; what stands between them in a pcapng file stays."""
        for record in records.walk(batch.data, b""):
            edits.delete(record.at, record.next)
            yield record

    frames = dropped() if emit is Emit.ONLY else records.walk(batch.data, NEEDLE)
    for frame in sip_frames(batch.data, frames, router.ports):
        routed = router.frame(batch.data, frame)
        if routed is None:
            continue
        record = frame.record
        edits.replace(record.next if emit is Emit.APPEND else record.at, record.next, records.rebuild(batch.data, record, routed))
        longest = max(longest, len(routed))
    return RoutedBatch(edits, longest, router.summary)
