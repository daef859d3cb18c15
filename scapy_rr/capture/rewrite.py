"""A capture with routing applied: each message that arrived at a listener leaves as the proxy would have sent it, in its own frame."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from ..proxy.outcome import Sent
from ..sip.edits import Edits
from .merge import open_capture
from .messages import End, SipMessage
from .place import Emit, HeldBatch, Output, Place
from .reader import Batch, Capture, Damage, Record, Records
from .reading import frame_of, look
from .routing import CaptureRouter, spliced
from .sending import Sender
from .summary import Summary
from .transports import Transports
from .workers import in_order
from .writer import CaptureWriter

_LONGEST = 0xFFFF


class Routed(NamedTuple):
    """What becomes of a message."""

    way: str
    sent: tuple[Sent, ...]


class Later(NamedTuple):
    """A frame that depends on those before it, so that it is taken care of where the file is written, in the capture's order."""

    records: Records
    """What reads and rebuilds the record."""
    record: Record
    routed: Routed | None
    """What is sent of its message, where that is known already."""


class RoutedBatch(NamedTuple):
    """What becomes of a buffer of a capture."""

    edits: Edits
    """What changes in it. The rest need not travel back from the process that found out."""
    longest: int
    """The length of the longest frame that was routed."""
    summary: Summary
    later: list[Later]


def rewrite(
    sources: Path | Sequence[Path],
    target: Path,
    router: CaptureRouter,
    emit: Emit = Emit.REPLACE,
    overwrite: bool = False,
    progress: Callable[[int, int], object] = lambda done, total: None,
    accept: Callable[[Summary], object] = lambda summary: None,
    processes: int = 1,
    mtu: int = 0,
    decap: bool = False,
    collector: End | None = None,
) -> Summary:
    """Write captures with routing applied: several as one, merged by time.

    :param progress: called with the bytes read so far, and all there are.
    :param accept: called before the file gets its name; what it raises stops that.
    :param processes: how many processes route; one, where messages depend on those before. With more than one, what callbacks leave
        behind stays in those processes.
    :param mtu: the most bytes of a packet that is written; 0 for as many as the path of what came allowed.
    :param decap: whether packets in tunnels are written without them.
    :param collector: the packed address and port to which what is sent is told in HEP, in the place of the frames that are sent.
    :returns: what was done. A capture that is cut is written up to there; :attr:`Summary.cut` says so.
    :raises CaptureError: where one of the files cannot be used.
    :raises ScriptError: where the script fails, with its lines and the frame.
    """
    work = _Rewriting(router, emit, mtu, decap, collector)
    paths = [sources] if isinstance(sources, Path) else sources
    with open_capture(paths) as capture, CaptureWriter(target, capture, overwrite) as writer:
        try:
            for _ in work.batches(capture, writer, 1 if router.is_stateful else processes):
                progress(capture.position, capture.size)
        except Damage as damage:
            router.summary.cut = str(damage)
        work.close()
        writer.write(*work.sender.closing(capture.records))
        router.summary.frames = capture.records.frames
        accept(router.summary)
        writer.complete()
    return router.summary


class _Rewriting:
    """The rewriting of captures, one after the other."""

    def __init__(self, router: CaptureRouter, emit: Emit, mtu: int, decap: bool, collector: End | None) -> None:
        self._router, self._emit = router, emit
        self._most = 0 if collector else mtu or _LONGEST
        self._transports = Transports(router.ports, mtu, decap, router.keys)
        self.sender = Sender(router.summary, emit, self._transports, collector)
        self._output = Output()

    def batches(self, capture: Capture, writer: CaptureWriter, processes: int) -> Iterator[None]:
        """Route a capture a buffer at a time; stops after each."""
        work = _nothing if processes == 1 else partial(route_apart, self._router, self._emit, self._most)
        with in_order(work, capture.batches(), processes) as results:
            for batch, routed in results:
                self._transports.learn(batch)
                if routed is None:
                    held = HeldBatch(batch, writer.write)
                    held.longest = max(
                        route(self._router, self._emit, self._most, batch, held.edits, partial(self._take, held)), held.longest
                    )
                else:
                    held = HeldBatch(batch, writer.write, routed.edits, routed.longest)
                    self._router.summary.add(routed.summary)
                    for later in routed.later:
                        self._take(held, later)
                self._output.add(held)
                self._output.flush()
                if self._output.overdue:
                    self._transports.give_up_waiting(self._output.overdue)
                    self._output.flush()
                yield

    def _take(self, held: HeldBatch, later: Later) -> None:
        records, record, routed = later
        place = Place(held, records.rebuilder(), record, self._emit)
        for message in self._transports.take(frame_of(held.batch.data, records, record, place)):
            self._send(message, routed)

    def _send(self, message: SipMessage, routed: Routed | None = None) -> None:
        if routed is None:
            outcome = self._router.handle(message, message.time)
            if outcome is None or outcome.left:
                return
            routed = Routed(outcome.way, outcome.sent)
        self.sender.send(message, *routed)

    def close(self) -> None:
        """Nothing more will come."""
        for message in self._transports.close():
            self._send(message)
        self._router.summary.given_up.update(self._transports.counts)
        self._output.close()


def _nothing(_: Batch) -> None:
    """What is left to do apart where there is one process."""


def route_apart(router: CaptureRouter, emit: Emit, most: int, batch: Batch) -> RoutedBatch:
    """Route one buffer in a process of its own: what depends on other buffers is only found."""
    router.summary = Summary()
    edits, later = Edits(), list[Later]()
    longest = route(router, emit, most, batch, edits, lambda one: later.append(one._replace(records=one.records.rebuilder())))
    return RoutedBatch(edits, longest, router.summary, later)


def route(router: CaptureRouter, emit: Emit, most: int, batch: Batch, edits: Edits, follow: Callable[[Later], object]) -> int:
    """Route one buffer.

    :param most: how long a packet may be that stands in the place of another one as it is.
    :param edits: gets what changes in it.
    :param follow: takes, in order, the frames that depend on others.
    :returns: the length of the longest frame that was routed.
    """
    data, longest = batch.data, 0
    if emit is Emit.ONLY:
        # What stands between the frames of a pcapng file stays.
        for record in batch.frames(b""):
            edits.delete(record.at, record.next)
    for records, record, at, message in look(batch, router.ports):
        if message is None or at is None:
            follow(Later(records, record, None))
            continue
        outcome = router.handle(message, records.seconds(data, record) if router.is_stateful else 0.0)
        if outcome is None or outcome.left:
            continue
        frames = spliced(outcome.sent, data, record.start, record.end, at)
        if frames is None or any(len(frame) + record.start - at.ip > most for frame in frames):
            follow(Later(records, record, Routed(outcome.way, outcome.sent)))
            continue
        router.summary.routed[outcome.way] += 1
        stands = emit is Emit.APPEND
        rebuilt = b"".join([records.rebuild(data, record, frame, stands or number > 0) for number, frame in enumerate(frames)])
        edits.replace(record.next if emit is Emit.APPEND else record.at, record.next, rebuilt)
        longest = max(longest, *map(len, frames))
    return longest
