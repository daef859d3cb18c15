"""Edited connections, as a reader that shares no code puts them together, and as tshark judges them."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scapy_rr.wire.connection_edit import EVERYTHING, ConnectionEdit
from scapy_rr.wire.direction import Direction
from scapy_rr.wire.segment import read

from ..pcapmaker.talk import Sent, Talk, Weather
from ..pcapmaker.tcp import Connection
from ..pcapmaker.writer import write
from ..tshark_view import views
from .edited import ACK, FIN, PSH, RST, SYN, Editor, Part, Reader, Tcp, cut, dissect

RAW = 101
CLIENT, SERVER, PORT = ("10.0.0.5", 1024), ("10.0.0.1", 5060), 1024
FIRST = (999, 4999)
NICE = Weather(idle=0)
WEATHERS = (
    NICE,
    Weather(),
    Weather(lost=8, missing=8, swapped=10, repeated=6),
    Weather(lost=15, missing=15, swapped=10, repeated=10),
)


def connection(segment: int = 1440) -> Connection:
    return Connection(CLIENT, SERVER, FIRST, segment)


class Short(NamedTuple):
    """A segment in a few words: who sent it, its position and its acknowledgement, what it carries."""

    side: int
    start: int
    acknowledged: int
    payload: bytes = b""
    flags: int = ACK
    blocks: tuple[tuple[int, int], ...] = ()


def short(packet: bytes) -> Short:
    tcp = dissect(packet)
    side = int(tcp.port != PORT)
    here, there = FIRST[side] + 1, FIRST[1 - side] + 1
    blocks = tuple((first - there, last - there) for first, last in tcp.blocks)
    return Short(side, tcp.sequence - here, tcp.acknowledgement - there, tcp.payload, tcp.flags, blocks)


def packet(one: Short, window: int = 64_240) -> bytes:
    """A single packet, behind a handshake that is over."""
    made = connection()
    made.sequence[1 - one.side] = FIRST[1 - one.side] + 1 + one.acknowledged
    there = FIRST[1 - one.side] + 1
    edges = b"".join((there + edge).to_bytes(4, "big") for block in one.blocks for edge in block)
    options = bytes((1, 1, 5, 2 + len(edges))) + edges if edges else b""
    number = FIRST[one.side] + 1 + one.start
    return made.packet(one.flags, one.payload, by_server=bool(one.side), number=number, options=options, window=window)


def edited(parts: tuple[list[Part], list[Part]], *conversation: Short | tuple[Short, int] | bytes) -> list[list[Short] | None]:
    """What becomes of each segment. Bytes are put in by the server."""
    streams = bytearray(), bytearray()
    for one in (one if isinstance(one, Short) else one[0] for one in conversation if not isinstance(one, bytes)):
        stream = streams[one.side]
        stream.extend(bytes(max(one.start - len(stream), 0)))
        stream[one.start : one.start + len(one.payload)] = one.payload
    editor = Editor((bytes(streams[0]), bytes(streams[1])), parts, PORT)
    for syn in connection().open():
        editor.take(syn)
    for what in conversation:
        if isinstance(what, bytes):
            assert editor.insert(1, what)
        else:
            editor.take(packet(what) if isinstance(what, Short) else packet(*what))
    editor.close()
    assert editor.out[:3] == [None] * 3
    found: list[list[Short] | None] = []
    for number, packets in enumerate(editor.out[3:], 3):
        found.append(None if packets is None else [short(one) for one in packets])
        if number in editor.inserted:
            found.append([short(one) for one in editor.inserted[number]])
    return found


C, S = 0, 1
OF_CLIENT = ([Part(10, b"")], list[Part]())
"""The first ten bytes of the client are removed."""
TABLE: dict[str, tuple[tuple[list[Part], list[Part]], list[Short | tuple[Short, int] | bytes], list[list[Short] | None]]] = {
    "nothing is exchanged": (
        ([], []),
        [Short(C, 0, 0, b"0123456789"), Short(S, 0, 10)],
        [None, None],
    ),
    "as many bytes": (
        ([Part(10, b"01234xxx89")], []),
        [Short(C, 0, 0, b"0123456789"), Short(S, 0, 10), Short(S, 0, 10, b"abc")],
        [[Short(C, 0, 0, b"01234xxx89")], None, None],
    ),
    "longer: what follows moves, in both directions": (
        ([Part(5, b"01_234")], []),
        [Short(C, 0, 0, b"01234"), Short(S, 0, 5), Short(C, 5, 0, b"56789"), Short(S, 0, 10, b"abc"), Short(C, 10, 3)],
        [[Short(C, 0, 0, b"01_234")], [Short(S, 0, 6)], [Short(C, 6, 0, b"56789")], [Short(S, 0, 11, b"abc")], [Short(C, 11, 3)]],
    ),
    "shorter, over three segments": (
        ([Part(10, b"0129")], []),
        [Short(C, 0, 0, b"0123"), Short(C, 4, 0, b"4567"), Short(C, 8, 0, b"89"), Short(S, 0, 4), Short(S, 0, 10)],
        # What the second brought is gone, and so it is. Half of the first is acknowledged, then all.
        [[Short(C, 0, 0, b"012")], [], [Short(C, 3, 0, b"9")], [Short(S, 0, 3)], [Short(S, 0, 4)]],
    ),
    "removed: the acknowledgement of it tells nothing": (
        OF_CLIENT,
        [Short(C, 0, 0, b"0123456789", ACK | PSH), Short(S, 0, 10), Short(C, 10, 0, b"more"), Short(S, 0, 14)],
        [[], [], [Short(C, 0, 0, b"more")], [Short(S, 0, 4)]],
    ),
    "removed, and it acknowledged something: it is no push any more": (
        OF_CLIENT,
        [Short(S, 0, 0, b"abc"), Short(C, 0, 3, b"0123456789", ACK | PSH), Short(S, 3, 10, b"def")],
        [None, [Short(C, 0, 3, b"", ACK)], [Short(S, 3, 0, b"def")]],
    ),
    "removed, with a FIN": (
        OF_CLIENT,
        [Short(C, 0, 0, b"0123456789", ACK | PSH | FIN), Short(S, 0, 11), Short(S, 0, 11, flags=ACK | FIN), Short(C, 11, 1)],
        [[Short(C, 0, 0, b"", ACK | FIN)], [Short(S, 0, 1)], [Short(S, 0, 1, flags=ACK | FIN)], [Short(C, 1, 1)]],
    ),
    "a reset": (
        OF_CLIENT,
        [Short(C, 0, 0, b"0123456789"), Short(C, 10, 0, b"no", ACK | RST)],
        [[], [Short(C, 0, 0, b"no", ACK | RST)]],
    ),
    "sent again, cut in another way, is exchanged again": (
        ([Part(6, b"ab"), Part(10, None)], []),
        [Short(C, 0, 0, b"0123456789"), Short(C, 0, 0, b"012"), Short(C, 3, 0, b"3456"), Short(C, 1, 0, b"12345678")],
        [[Short(C, 0, 0, b"ab6789")], [Short(C, 0, 0, b"ab")], [Short(C, 2, 0, b"6")], [Short(C, 1, 0, b"b678")]],
    ),
    "a probe stays one": (
        ([Part(10, b"01")], []),
        [Short(C, 0, 0, b"0123456789"), Short(S, 0, 10), Short(C, 9, 0), Short(S, 0, 10), Short(C, 9, 0, b"9"), Short(S, 0, 10)],
        [[Short(C, 0, 0, b"01")], *[[Short(S, 0, 2)], [Short(C, 1, 0)]], [Short(S, 0, 2)], [Short(C, 1, 0, b"9")], [Short(S, 0, 2)]],
    ),
    "a probe, where nothing is left": (
        OF_CLIENT,
        [Short(C, 0, 0, b"0123456789"), Short(S, 0, 10), Short(C, 9, 0), Short(S, 0, 10)],
        [[], [], [Short(C, -1, 0)], [Short(S, 0, 0)]],
    ),
    "a single new byte is no probe": (
        ([Part(2, b"01234")], []),
        [Short(C, 2, 0, b"2"), Short(C, 3, 0), Short(C, 0, 0, b"01"), Short(S, 0, 3)],
        [[Short(C, 5, 0, b"2")], [Short(C, 6, 0)], [Short(C, 0, 0, b"01234")], [Short(S, 0, 6)]],
    ),
    "what would be taken for a probe": (
        ([Part(10, b"x")], []),
        # The data again; then an acknowledgement that was overtaken.
        [Short(C, 0, 0, b"0123456789"), Short(C, 0, 0, b"0123456789"), Short(C, 0, 0)],
        [[Short(C, 0, 0, b"x")], [], []],
    ),
    "a window that opens, and one that was told in vain": (
        OF_CLIENT,
        [Short(C, 0, 0, b"0123456789"), (Short(S, 0, 10), 900), Short(S, 0, 10), (Short(S, 0, 10), 950), Short(C, 10, 0, b"x")],
        [[], [], [], [Short(S, 0, 0)], [Short(C, 0, 0, b"x")]],
    ),
    "blocks move, and those with nothing in them go": (
        ([Part(4, None), Part(8, b""), Part(12, b"89_AB"), Part(16, None)], []),
        [
            Short(C, 0, 0, b"0123"),
            Short(C, 8, 0, b"89AB"),
            Short(S, 0, 4, blocks=((8, 12),)),
            Short(C, 12, 0, b"CDEF"),
            Short(S, 0, 4, blocks=((8, 16), (4, 6))),
            Short(C, 4, 0, b"4567"),
        ],
        [
            None,
            [Short(C, 4, 0, b"89_AB")],
            [Short(S, 0, 4, blocks=((4, 9),))],
            [Short(C, 9, 0, b"CDEF")],
            [Short(S, 0, 4, blocks=((4, 13),))],
            [],
        ],
    ),
    "an acknowledgement for a block that is gone": (
        ([Part(4, None), Part(8, b"4567"), Part(16, b"")], []),
        [
            Short(C, 0, 0, b"0123"),
            Short(S, 0, 4),
            Short(C, 8, 0, b"89ABCDEF"),
            Short(S, 0, 4, blocks=((8, 16),)),
            Short(C, 4, 0, b"4567"),
        ],
        # From behind a gap it is the first to tell that there is one: it stays, without what it carried.
        [None, None, [Short(C, 8, 0)], [], None],
    ),
    "put in by the server": (
        ([Part(4, None)], []),
        [Short(C, 0, 0, b"0123"), Short(S, 0, 4), b"new", Short(C, 4, 0), Short(S, 0, 4, b"abc"), Short(C, 4, 3)],
        [None, None, [Short(S, 0, 4, b"new", ACK | PSH)], [Short(C, 4, 3)], [Short(S, 3, 4, b"abc")], [Short(C, 4, 6)]],
    ),
    "put in while the client is in the midst of something": (
        ([Part(8, b"01_234567")], []),
        [Short(C, 0, 0, b"0123"), Short(S, 0, 4), b"new", Short(S, 0, 4), b"er", Short(C, 4, 0, b"4567"), Short(S, 0, 8)],
        # What waited keeps its numbers; what is not settled yet is not acknowledged.
        [
            [Short(C, 0, 0, b"01_23")],
            [Short(S, 0, 5)],
            [Short(S, 0, 0, b"new", ACK | PSH)],
            [Short(S, 3, 5)],
            [Short(S, 3, 0, b"er", ACK | PSH)],
            [Short(C, 5, 5, b"4567")],
            [Short(S, 5, 9)],
        ],
    ),
    "an answer to a probe, behind something that was put in": (
        ([], [Part(3, None)]),
        [Short(S, 0, 0, b"abc"), Short(C, 0, 3), Short(S, 2, 0), b"new", Short(C, 0, 3), Short(C, 0, 3)],
        [None, None, None, [Short(S, 3, 0, b"new", ACK | PSH)], [Short(C, 0, 6)], []],
    ),
}


@pytest.mark.parametrize(("parts", "conversation", "wanted"), TABLE.values(), ids=TABLE)
def test_what_becomes_of_segments(
    parts: tuple[list[Part], list[Part]],
    conversation: list[Short | tuple[Short, int] | bytes],
    wanted: list[list[Short] | None],
) -> None:
    assert edited(parts, *conversation) == wanted


# Whole conversations.


# What is drawn by hypothesis itself, byte by byte, takes a minute.
SEEDS = st.integers(0, 2**32 - 1)


class Case(NamedTuple):
    """A conversation, as it came and as it was edited."""

    port: int
    first: tuple[int, int]
    came: list[Sent]
    editor: Editor

    def reader(self) -> Reader:
        return Reader(self.port, self.first)


def said(random: Random, letters: bytes, longest: int) -> bytes:
    """Text that is no protocol."""
    return bytes(random.choices(letters, k=random.randint(0, longest)))


def drawn(random: Random, port: int, weather: Weather, *, inserts: bool = True, exchanges: bool = True, mtu: int = 0) -> Case:
    """Some conversation, some exchanges."""
    first = random.choice([999, 2**32 - 700, 2**32 - 2]), random.choice([4999, 2**32 - 900])
    hosts = random.choice([("10.0.0.5", "10.0.0.1"), ("2001:db8::5", "2001:db8::1")])
    made = Connection((hosts[0], port), (hosts[1], 5060), first)
    streams = said(random, b"abcdefgh", 5000), said(random, b"ABCDEFGH", 3000)
    came = Talk(random, made, streams, weather, random.choice([60, 300, 1440])).whole(end=random.choice(["", "fin", "rst"]))
    parts = (cut(random, streams[0]), cut(random, streams[1])) if exchanges else ([], [])
    editor = Editor(streams, parts, port, mtu)
    for sent in came:
        editor.take(sent.packet)
        if inserts and not random.randrange(12):
            editor.insert(random.randrange(2), b"#" * random.choice([2, 300, 2000]))
    editor.close()
    return Case(port, first, came, editor)


@settings(max_examples=60)
@given(SEEDS, st.sampled_from(WEATHERS), st.booleans())
def test_a_reader_finds_exactly_the_edited_streams(seed: int, weather: Weather, inserts: bool) -> None:
    """Whatever is lost, repeated and reordered; nobody acknowledges what was not sent, and each frame is released, once and in order."""
    case = drawn(Random(seed), PORT, weather, inserts=inserts)
    before, after = case.reader(), case.reader()
    before.take(sent.packet for sent in case.came)
    after.take(packet for _, _, packet in case.editor.written(case.came))
    assert after.streams == tuple(map(bytes, case.editor.said))
    assert after.unseen <= before.unseen
    assert case.editor.released == list(range(len(case.came)))


@settings(max_examples=20)
@given(SEEDS, st.sampled_from(WEATHERS))
def test_without_exchanges_every_packet_stays(seed: int, weather: Weather) -> None:
    case = drawn(Random(seed), PORT, weather, inserts=False, exchanges=False)
    assert case.editor.out == [None] * len(case.came)
    assert not case.editor.edit.is_needed


@settings(max_examples=20)
@given(SEEDS)
def test_what_was_not_captured_stays_missing(seed: int) -> None:
    """Both streams go on behind a gap, with all numbers moved by what was exchanged before it."""
    case = drawn(Random(seed), PORT, Weather(unseen=3, lost=3), inserts=False)
    after = case.reader().take(packet for _, _, packet in case.editor.written(case.came))
    assert case.editor.released == list(range(len(case.came)))
    for side, (said, whole) in enumerate(zip(case.editor.said, case.editor.settled, strict=True)):
        assert after.agrees(side, bytes(said))
        assert after.streams[side].startswith(whole)


# What tshark says of a segment that was sent again depends on when, and on what was acknowledged.
AGAIN = {f"tcp.analysis.{kind}" for kind in ("retransmission", "fast_retransmission", "spurious_retransmission", "out_of_order")}


def judged(tshark: str, path: Path, frames: list[tuple[int, int, bytes]]) -> list[tuple[int, set[str]]]:
    """The faults of each frame, with what names the frame."""
    path.unlink(missing_ok=True)
    write(path, RAW, [(10**18 + time, packet, len(packet)) for time, _, packet in frames])
    seen = views(tshark, path)
    assert len(seen) == len(frames)
    return [(name, set(view.faults)) for (_, name, _), view in zip(frames, seen, strict=True)]


@pytest.mark.parametrize("inserts", [False, True], ids=["exchanged", "put in"])
def test_tshark_finds_no_fault_that_was_not_there(tshark: str, tmp_path: Path, inserts: bool) -> None:
    """Kind by kind and count by count, in each conversation. What one segment has become counts once."""
    cases = [drawn(Random(seed), PORT + seed, WEATHERS[seed % 4], inserts=inserts) for seed in range(64)]
    came: list[tuple[int, int, bytes]] = []
    left: list[tuple[int, int, bytes]] = []
    owner: dict[int, int] = {}
    for case in cases:
        start, begin = case.port * 10**12, len(owner)
        for number, sent in enumerate(case.came):
            owner[begin + number] = case.port
            came.append((start + sent.time, begin + number, sent.packet))
        # What was put in is named by the connection.
        left += [(start + time, begin + number if number >= 0 else -case.port, one) for time, number, one in case.editor.written(case.came)]
    before, after = Counter[tuple[int, str]](), Counter[tuple[int, str]]()
    for name, faults in judged(tshark, tmp_path / "in.pcap", came):
        before.update((owner[name], fault) for fault in faults)
    of_frame: dict[int, set[str]] = {}
    for name, faults in judged(tshark, tmp_path / "out.pcap", left):
        if name < 0:
            assert not faults
        of_frame.setdefault(name, set()).update(faults)
    for name, faults in of_frame.items():
        after.update((owner[name], fault) for fault in faults if name >= 0)
    assert after - before == Counter()
    assert {kind for _, kind in before} >= {f"tcp.analysis.{kind}" for kind in ("retransmission", "keep_alive", "duplicate_ack")}


def test_tshark_finds_faults(tshark: str, tmp_path: Path) -> None:
    """So that the test above tells something: the same, with one packet left out."""
    case = drawn(Random(1), PORT, NICE, inserts=False)
    left = [(time, number, packet) for time, number, packet in case.editor.written(case.came) if number != 5]
    found = set[str]().union(*(faults for _, faults in judged(tshark, tmp_path / "out.pcap", left)))
    assert "tcp.analysis.lost_segment" in found or "tcp.analysis.ack_lost_segment" in found


# By hand.


def opened(mtu: int = 0, syns: list[bytes] | None = None) -> ConnectionEdit[int]:
    """A connection behind its handshake; everything that comes is settled, and what follows the streams is left to the caller."""
    edit: ConnectionEdit[int] = ConnectionEdit((Direction(), Direction()), mtu)
    for number, one in enumerate(connection().open() if syns is None else syns):
        add(edit, one, number)
    for side in (C, S):
        edit.settle(side, EVERYTHING)
    assert all(packets is None for _, packets in edit.ready())
    return edit


def add(edit: ConnectionEdit[int], one: bytes, token: int = 0) -> None:
    segment = read(one)
    assert segment is not None
    edit.add(int(segment.source_port != PORT), one, segment, token)


def with_options(options: bytes, flags: int = ACK, payload: bytes = b"", by_server: bool = False) -> bytes:
    """A packet behind a handshake, or one of that."""
    made = connection()
    if not flags & SYN:
        made.open()
    return made.packet(flags, payload, by_server=by_server, options=options)


MSS_100 = with_options(b"\x02\x04\x00\x64", SYN | ACK, by_server=True)
TIMES = b"\1\1\x08\x0a" + bytes(8)


@pytest.mark.parametrize(
    ("mtu", "syns", "options", "size", "wanted"),
    [
        # What is usual, where nobody says.
        (0, [], b"", 4000, [1460, 1460, 1080]),
        (0, [], TIMES, 4000, [1448, 1448, 1104]),
        (0, [MSS_100], b"", 220, [100, 100, 20]),
        # The other end never said what one that came is longer than.
        (0, [MSS_100], b"", 300, [200, 100]),
        (576, [MSS_100], b"", 1000, [536, 464]),
        (576, [], TIMES, 1000, [524, 476]),
        # Nothing fits: one byte does.
        (1, [], b"", 3, [1, 1, 1]),
        # IP cannot say more.
        (100_000, [], b"", 65_496, [65_495, 1]),
    ],
)
def test_growth_makes_more_segments(mtu: int, syns: list[bytes], options: bytes, size: int, wanted: list[int]) -> None:
    edit = opened(mtu, syns)
    came = b"a" * (200 if size == 300 else 10)
    add(edit, with_options(options, ACK | PSH | FIN, came))
    edit.exchange(C, 0, came, b"b" * size)
    ((_, packets),) = edit.ready()
    assert packets is not None
    segments = [dissect(one) for one in packets]
    assert [len(one.payload) for one in segments] == wanted
    assert [one.sequence for one in segments] == [FIRST[0] + 1 + sum(wanted[:number]) for number in range(len(wanted))]
    assert [one.flags for one in segments] == [ACK] * (len(wanted) - 1) + [ACK | PSH | FIN]
    assert all(one[20 + 20 : 20 + 20 + len(options)] == options for one in packets)


def test_what_was_put_together_by_a_kernel_is_cut_where_ip_ends() -> None:
    """Such a packet may be longer than its header can say; it says 0 then."""
    edit = opened()
    one = with_options(b"", ACK, b"a" * 65_000)
    longer = one[:2] + b"\0\0" + one[4:] + b"a" * 1000
    add(edit, longer)
    edit.exchange(C, 0, b"a" * 66_000, b"b" + b"a" * 66_000)
    ((_, packets),) = edit.ready()
    assert packets is not None
    assert [len(dissect(one).payload) for one in packets] == [65_495, 506]


def test_data_in_a_syn_stays_in_one() -> None:
    """:rfc:`7413`: what is behind it is no SYN."""
    edit = ConnectionEdit[int]((Direction(), Direction()))
    add(edit, connection().packet(SYN, b"hello"))
    edit.exchange(C, 0, b"hello", b"x" * 3000)
    edit.settle(C, 5)
    ((_, packets),) = edit.ready()
    assert packets is not None
    (one,) = map(dissect, packets)
    assert one == Tcp(PORT, FIRST[0], 0, SYN, 64_240, b"x" * 3000, [])
    add(edit, connection().packet(SYN, b"hello", number=FIRST[0]))
    assert [[dissect(one) for one in packets or []] for _, packets in edit.ready()] == [[one]]


def test_segments_wait_in_order_until_their_bytes_are_settled() -> None:
    edit = ConnectionEdit[int]((Direction(), Direction()))
    for number, one in enumerate(
        [*connection().open(), packet(Short(C, 0, 0, b"0123")), packet(Short(S, 0, 4)), packet(Short(C, 4, 0, b"45"))]
    ):
        add(edit, one, number)
    assert [token for token, _ in edit.ready()] == [0, 1, 2]
    assert (edit.waiting, edit.is_needed) == (3, True)
    assert [edit.tokens(C, start, end) for start, end in ((0, 1), (3, 5), (4, 9), (6, 9), (0, 0))] == [(3,), (3, 5), (5,), (), ()]
    assert edit.tokens(S, 0, 9) == ()
    assert edit.first == 3
    edit.settle(C, 3)
    assert list(edit.ready()) == []
    edit.settle(C, 4)
    assert [token for token, _ in edit.ready()] == [3, 4]
    # What was settled stays so.
    edit.settle(C, 1)
    edit.settle(C, EVERYTHING)
    assert [token for token, _ in edit.ready()] == [5]
    assert edit.first is None
    assert (edit.waiting, edit.is_needed) == (0, False)


def test_the_same_is_no_exchange() -> None:
    edit = opened()
    edit.exchange(C, 0, b"abc", b"abc")
    assert not edit.is_needed
    edit.exchange(C, 0, b"abc", b"abd")
    assert edit.is_needed


NOTHING: dict[str, list[bytes]] = {
    "nothing was seen of it": [],
    "nor did it acknowledge anything": [connection().packet(SYN, by_server=True)],
    "it ended": [*connection().open(), packet(Short(S, 0, 0, flags=ACK | FIN))],
    "it ended with a reset": [*connection().open(), packet(Short(S, 0, 0, flags=ACK | RST))],
    "the other end is gone": [*connection().open(), packet(Short(C, 0, 0, flags=RST))],
    "it is ahead of what was captured": [*connection().open(), packet(Short(S, 10, 0))],
}


@pytest.mark.parametrize("came", NOTHING.values(), ids=NOTHING)
def test_where_nothing_can_be_put_in(came: list[bytes]) -> None:
    edit = ConnectionEdit[int]((Direction(), Direction()))
    for one in came:
        add(edit, one)
    assert edit.insert(S, b"new") is None
    for side in (C, S):
        edit.settle(side, EVERYTHING)
    assert list(edit.ready()) == [(0, None)] * len(came)
    assert not edit.is_needed


def test_nothing_is_put_into_the_midst_of_a_message() -> None:
    edit = ConnectionEdit[int](directions := (Direction(), Direction()))
    for one in connection().open():
        add(edit, one)
    assert edit.insert(S, b"new") is not None
    directions[S].take(0, b"half")
    assert edit.insert(S, b"new") is None
    edit.settle(S, 4)
    assert edit.insert(S, b"new") is not None


def test_what_is_put_in_is_cut_and_keeps_time_stamps() -> None:
    edit = ConnectionEdit[int]((Direction(), Direction()))
    times = b"\1\1\x08\x0a" + bytes(range(8))
    for token, one in enumerate([*connection().open(), with_options(times, ACK, by_server=True)]):
        add(edit, one, token)
    made = edit.insert(S, b"x" * 3000)
    assert made is not None
    packets, token = made
    assert token == 3
    assert [(len(one.payload), one.flags) for one in map(dissect, packets)] == [(1448, ACK), (1448, ACK), (104, ACK | PSH)]
    assert all(one[40:52] == times for one in packets)


def test_old_exchanges_are_forgotten() -> None:
    """However long a connection lasts; those are kept that a segment may still need which waits."""
    edit = opened()
    edit.settle(C, 0)
    exchanges = edit._sides[C].map._exchanges
    for number in range(2000):
        add(edit, packet(Short(C, 10 * number, 0, b"0123456789")))
        edit.exchange(C, 10 * number, b"0123456789", b"abc")
    assert len(exchanges) == 2000
    found = [dissect(one) for _, packets in edit.ready() for one in packets or []]
    assert [(one.sequence, one.payload) for one in found] == [(FIRST[0] + 1 + 3 * number, b"abc") for number in range(2000)]
    assert len(exchanges) < 300
