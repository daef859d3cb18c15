"""What stands in the place of a frame, in every mode, and the order in which buffers leave, byte by byte."""

import pytest

from scapy_rr.capture.place import Emit, HeldBatch, Output, Place
from scapy_rr.capture.reader import Batch, PcapngRecords, PcapRecords, Record

from .samples import Kept, interface, old_packet, pcap, section

FIRST, SECOND = Kept(1_700_000_000, 11, 9, b"came 1"), Kept(1_700_000_001, 22, 8, b"came 2 x")
NEW, LONGER = b"new", b"new and longer"


class Sink:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple[bytes, int]] = []

    def write(self, data: bytes, longest: int) -> None:
        """Take a buffer, and the length of its longest new frame."""
        self.written.append((data, longest))


def as_records(*kept: Kept) -> bytes:
    """Records without the header of their file."""
    return pcap(kept)[24:]


def buffer(sink: Sink, *kept: Kept) -> tuple[HeldBatch, list[Record]]:
    """A buffer, and the records in it."""
    before = PcapRecords("<", 1)
    held = HeldBatch(Batch(as_records(*kept), before), sink.write)
    return held, list(held.batch.frames(b""))


def other(frame: bytes, kept: Kept = FIRST) -> Kept:
    """A record with another frame in it: the time stays, and what the capture left out of the frame (three bytes of the first)."""
    return kept._replace(frame=frame, original=kept.original - len(kept.frame) + len(frame))


@pytest.mark.parametrize(
    ("emit", "instead", "added", "expected", "longest"),
    [
        (Emit.REPLACE, None, [], [FIRST], 0),
        (Emit.REPLACE, [], [], [], 0),
        (Emit.REPLACE, [NEW], [], [other(NEW)], 3),
        (Emit.REPLACE, [b"as one"], [], [other(b"as one")], 0),
        (Emit.REPLACE, [NEW, LONGER], [], [other(NEW), other(LONGER)], 14),
        (Emit.REPLACE, [], [LONGER, NEW], [other(LONGER), other(NEW)], 14),
        (Emit.REPLACE, [NEW], [LONGER], [other(NEW), other(LONGER)], 14),
        (Emit.REPLACE, None, [NEW], [FIRST, other(NEW)], 3),
        (Emit.APPEND, None, [], [FIRST], 0),
        (Emit.APPEND, [], [], [FIRST], 0),
        (Emit.APPEND, [], [NEW, LONGER], [FIRST, other(NEW), other(LONGER)], 14),
        (Emit.APPEND, [LONGER], [NEW], [FIRST, other(NEW)], 3),
    ],
)
def test_what_stands_there(emit: Emit, instead: list[bytes] | None, added: list[bytes], expected: list[Kept], longest: int) -> None:
    """What comes behind it stays."""
    sink = Sink()
    held, (record, _) = buffer(sink, FIRST, SECOND)
    place = Place(held, held.batch.before, record, emit)
    place.add(added)
    place.settle(instead)
    output = Output()
    output.add(held)
    output.flush()
    assert sink.written == [(as_records(*expected, SECOND), longest)]


def test_routed_frames_alone() -> None:
    """The frames as they came are taken out by who made the buffer."""
    sink = Sink()
    held, found = buffer(sink, FIRST, SECOND)
    for record, frames in zip(found, ([NEW], []), strict=True):
        held.edits.delete(record.at, record.next)
        place = Place(held, held.batch.before, record, Emit.ONLY)
        place.add(frames)
        place.settle([LONGER])
    output = Output()
    output.add(held)
    output.flush()
    assert sink.written == [(as_records(other(NEW)), 3)]


def test_frames_are_added_at_several_times() -> None:
    sink = Sink()
    held, (record, _) = buffer(sink, FIRST, SECOND)
    place = Place(held, held.batch.before, record, Emit.REPLACE)
    place.add([NEW])
    place.add([LONGER])
    place.settle([])
    assert held.edits.apply(held.batch.data) == as_records(other(NEW), other(LONGER), SECOND)


def test_it_is_in_its_buffer_until_it_is_settled() -> None:
    held, (first, second) = buffer(Sink(), FIRST, SECOND)
    places = [Place(held, held.batch.before, record, Emit.REPLACE) for record in (first, second)]
    assert (held.open, places[0].held) == (2, held)
    places[0].settle()
    assert (held.open, places[0].held, places[1].held) == (1, None, held)


@pytest.mark.parametrize(("emit", "instead", "drops"), [(Emit.APPEND, None, [3, 0]), (Emit.REPLACE, [NEW], [3, 0]), (Emit.ONLY, None, [3])])
def test_what_counts_once_is_not_told_twice(emit: Emit, instead: list[bytes] | None, drops: list[int]) -> None:
    """The drops that a packet block of pcapng counts stay with the first record that stands there."""
    start, block = section() + interface(), old_packet(b"came", drops=3)
    sink, records = Sink(), PcapngRecords()
    held = HeldBatch(Batch(start + block, records.copy()), sink.write)
    (record,) = records.walk(held.batch.data, b"")
    if emit is Emit.ONLY:
        held.edits.delete(record.at, record.next)
    place = Place(held, records, record, emit)
    place.add([NEW])
    place.settle(instead)
    made = [old_packet(NEW if number or emit is not Emit.APPEND else b"came", drops=drop) for number, drop in enumerate(drops)]
    assert held.edits.apply(held.batch.data) == start + b"".join(made)


def test_a_template_outlives_its_buffer() -> None:
    held, (_, record) = buffer(Sink(), FIRST, SECOND)
    place = Place(held, held.batch.before, record, Emit.REPLACE)
    template = place.template
    place.settle()
    assert template.data == as_records(SECOND)
    assert template.made([NEW, LONGER]) == as_records(other(NEW, SECOND), other(LONGER, SECOND))
    assert template.made([]) == b""


def test_an_open_place_holds_back_its_buffer_and_all_behind_it() -> None:
    sink, output = Sink(), Output()
    kept = [FIRST, SECOND, FIRST]
    made = [buffer(sink, one) for one in kept]
    first, second = (Place(held, held.batch.before, found[0], Emit.REPLACE) for held, found in made[:2])
    for held, _ in made:
        output.add(held)
        output.flush()
    assert sink.written == []
    second.settle([NEW])
    output.flush()
    assert sink.written == []
    first.settle([LONGER])
    output.flush()
    assert sink.written == [(as_records(other(LONGER)), 14), (as_records(other(NEW, SECOND)), 3), (as_records(FIRST), 0)]


def test_a_buffer_leaves_before_an_open_one_behind_it() -> None:
    sink, output = Sink(), Output()
    (done, _), (waits, (record,)) = buffer(sink, FIRST), buffer(sink, SECOND)
    place = Place(waits, waits.batch.before, record, Emit.REPLACE)
    output.add(done)
    output.add(waits)
    output.flush()
    output.flush()
    assert sink.written == [(as_records(FIRST), 0)]
    place.settle()
    output.flush()
    assert sink.written == [(as_records(FIRST), 0), (as_records(SECOND), 0)]


def test_the_first_buffer_is_overdue_where_too_many_wait() -> None:
    sink, output = Sink(), Output(2)
    waits, (record,) = buffer(sink, FIRST)
    place = Place(waits, waits.batch.before, record, Emit.REPLACE)
    output.add(waits)
    for _ in range(2):
        assert output.overdue is None
        output.add(buffer(sink, SECOND)[0])
        output.flush()
    assert output.overdue is waits
    place.settle()
    output.flush()
    assert output.overdue is None
    assert len(sink.written) == 3
