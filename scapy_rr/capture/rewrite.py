"""A capture with routing applied: each message that arrived at a listener leaves as the proxy would have sent it, in its own frame."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import ScriptError
from ..proxy.outcome import IS_RESPONSE, Outcome, Sent
from ..proxy.router import Router
from ..rr.dialect import Dialect
from ..sip.edits import Edits
from ..wire.datagram import Datagram
from ..wire.splice import TooLong, splice
from .merge import open_capture
from .messages import RESPONSE, SipFrame, sip_frames, spell
from .reader import NEEDLE, Batch, Damage, Record, Records
from .streams import Streams
from .workers import in_order
from .writer import CaptureWriter

FAMILY, TOO_LONG = "next hop is of another address family", "longer than IP can carry"
TRANSPORT = "next hop is reached neither over UDP nor over TCP"
_MOST_METHODS = _MOST_REASONS = 64
NOT_FOR_US = "not addressed to a listener"
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__


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
    """Messages by the way they took."""
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
        if reason not in self.left and len(self.left) >= _MOST_REASONS:
            reason = "other reasons"
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


class CaptureRouter:
    """Routes the messages of a capture, one frame at a time, and keeps count.

    :param router: the proxy with its script.
    :param ports: see :func:`sip_frames`.
    """

    def __init__(self, router: Router, ports: Collection[int] = ()) -> None:
        assert router.rr is not None
        self._router = router
        self._rr = router.rr
        self.ports = ports
        self.summary = Summary()
        self.is_stateful = router.is_stateful
        """Whether what becomes of a message depends on those before it."""

    @property
    def dialect(self) -> Dialect:
        """The dialect it speaks."""
        return self._rr.dialect

    def handle(self, frame: SipFrame, now: float = 0.0) -> Outcome | None:
        """Route a message that was captured at ``now``; ``None`` where it cannot be reached. Why it is left alone is counted."""
        summary, at, number = self.summary, frame.at, frame.record.number
        if not isinstance(at, Datagram):
            summary.count("not read")
            summary.leave(at.value, number)
            return None
        summary.count(frame.kind)
        if frame.kind == RESPONSE and not self._router.via:
            summary.leave(IS_RESPONSE, number)
            return _new(Outcome, (frame.message, [], "", IS_RESPONSE, "", ()))
        listener = self._rr.identity.listener_at("udp", at.destination, at.destination_port)
        if listener is None:
            summary.leave(NOT_FOR_US, number, f"the first goes to {spell(at.destination, at.destination_port)}")
            return _new(Outcome, (frame.message, [], "", NOT_FOR_US, "", ()))
        summary.addressed += 1
        try:
            outcome = self._router.handle(frame.message, listener, spell(at.source, at.source_port)[4:], now)
        except ScriptError as error:
            raise ScriptError(f"frame {number}: {error}") from None
        for sent in outcome.sent:
            unsent = _unsendable(sent, at)
            if unsent:
                outcome = outcome._replace(left=unsent, detail=str(sent.next_hop))
                break
        if outcome.left:
            summary.leave(outcome.left, number, outcome.detail)
        return outcome

    def frames(self, data: bytes, frame: SipFrame, now: float = 0.0) -> "list[bytes | Sent]":
        """The routed frames, of one in the buffer ``data``; what leaves over TCP as it is sent, as its frames depend on those before."""
        outcome = self.handle(frame, now)
        if outcome is None or outcome.left:
            return []
        at, start, end = frame.at, frame.record.start, frame.record.end
        assert isinstance(at, Datagram)
        routed: list[bytes | Sent] = []
        try:
            for sent in outcome.sent:
                sender, next_hop = sent.send_socket, sent.next_hop
                if next_hop.transport == "udp":
                    ends = (sender.packed, sender.port), (next_hop.packed, next_hop.port)
                    routed.append(splice(data, start, end, at, sent.payload, *ends))
                else:
                    routed.append(sent)
        except TooLong as error:
            self.summary.leave(TOO_LONG, frame.record.number, str(error))
            return []
        self.summary.routed[outcome.way] += 1
        return routed


def _unsendable(sent: Sent, at: Datagram) -> str:
    """Why a message cannot stand in the place of a datagram; empty where it can."""
    if sent.next_hop.transport not in ("udp", "tcp"):
        return TRANSPORT
    return FAMILY if len(sent.next_hop.packed) != len(at.source) else ""


def rewrite(
    sources: Sequence[Path] | Path,
    target: Path,
    router: CaptureRouter,
    emit: Emit = Emit.REPLACE,
    overwrite: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
    accept: Callable[[Summary], object] = lambda summary: None,
    processes: int = 1,
) -> Summary:
    """Write a capture with routing applied.

    :param progress: called with the bytes read so far, and all there are.
    :param accept: called before the file gets its name; what it raises stops that.
    :param processes: how many processes route; one, where messages depend on those before. With more than one, what callbacks leave
        behind stays in those processes.
    :returns: what was done. A capture that is cut is written up to there; :attr:`Summary.cut` says so.
    :raises CaptureError: where one of the files cannot be used.
    :raises ScriptError: where the script fails, with its lines and the frame.
    """
    summary, streams = router.summary, Streams(emit)
    with open_capture([sources] if isinstance(sources, Path) else sources) as capture, CaptureWriter(target, capture, overwrite) as writer:
        try:
            with in_order(partial(route_batch, router, emit), capture.batches(), 1 if router.is_stateful else processes) as results:
                for batch, routed in results:
                    longest = streams.fill_in(batch, routed)
                    writer.write(routed.edits.apply(batch.data), longest)
                    summary.add(routed.summary)
                    progress(capture.position, capture.size)
        except Damage as damage:
            summary.cut = str(damage)
        writer.write(*streams.closing(capture.records))
        summary.frames = capture.records.frames
        accept(summary)
        writer.complete()
    return summary


class OverStream(NamedTuple):
    """A record whose message leaves over TCP, at least to one of its targets."""

    records: Records
    """What reads and rebuilds the record."""
    record: Record
    at: Datagram
    items: "list[bytes | Sent]"


class RoutedBatch(NamedTuple):
    """What becomes of a buffer of a capture."""

    edits: Edits
    """What changes in it. The rest need not travel back from the process that found out."""
    longest: int
    """The length of the longest frame that was routed."""
    summary: Summary
    over_streams: list[OverStream]


def route_batch(router: CaptureRouter, emit: Emit, batch: Batch) -> RoutedBatch:
    """Route one buffer."""
    edits, longest, over_streams = Edits(), 0, []
    router.summary = Summary()
    records = batch.before.copy()

    def dropped() -> Iterator[Record]:
        """Every frame, dropped; what stands between them in a pcapng file stays."""
        for record in records.walk(batch.data, b""):
            edits.delete(record.at, record.next)
            yield record

    frames = dropped() if emit is Emit.ONLY else records.walk(batch.data, NEEDLE)
    for frame in sip_frames(batch.data, frames, router.ports):
        now = records.seconds(batch.data, frame.record) if router.is_stateful else 0.0
        routed = router.frames(batch.data, frame, now)
        if not routed:
            continue
        record = frame.record
        if not all(isinstance(item, bytes) for item in routed):
            assert isinstance(frame.at, Datagram)
            over_streams.append(OverStream(records.copy(), record, frame.at, routed))
            continue
        rebuilt = b"".join(records.rebuild(batch.data, record, item) for item in routed if isinstance(item, bytes))
        edits.replace(record.next if emit is Emit.APPEND else record.at, record.next, rebuilt)
        longest = max(longest, *map(len, routed))
    return RoutedBatch(edits, longest, router.summary, over_streams)
