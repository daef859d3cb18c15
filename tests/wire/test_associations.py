"""User messages put together from chunks, against what Wireshark sees; what comes to nothing, what is repeated, and the bounds."""

import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP
from scapy.packet import Raw
from scapy.utils import PcapReader

from scapy_rr.wire.associations import Associations, GivenUp, Message, Piece
from scapy_rr.wire.sctp import read

from ..capture.samples import FOREIGN, OWN, bye, pcap
from .test_sctp import HEADER, SACK, data, i_data, packet

Place = tuple[int, int]
END = 2**32


class Table:
    """Associations whose tokens are the packets' numbers, and what they told."""

    def __init__(self, **bounds: Any) -> None:
        self.told: list[tuple[GivenUp, list[Place]]] = []
        self.repeats: list[tuple[Place, Place]] = []
        self.associations: Associations[int] = Associations(give_up=self._give_up, repeat=self._repeat, **bounds)
        self._number = 0

    def _give_up(self, cause: GivenUp, pieces: Sequence[Piece[int]]) -> None:
        self.told.append((cause, [piece[:2] for piece in pieces]))

    def _repeat(self, piece: Piece[int], first: Piece[int]) -> None:
        self.repeats.append((piece[:2], first[:2]))

    def add(self, *chunks: bytes, now: float = 0, key: int = 0, head: bytes = HEADER) -> list[Message[int]]:
        found = read(packet(*chunks, head=head))
        assert found
        self._number += 1
        return self.associations.add(key, found, now, self._number)

    def add_all(self, *chunks: bytes) -> list[Message[int]]:
        """Each in a packet of its own."""
        return [message for chunk in chunks for message in self.add(chunk)]

    def close(self) -> None:
        """Nothing is left then, and nothing is counted that was not told."""
        self.associations.close()
        assert (len(self.associations), self.associations.held) == (0, 0)
        # The tables behind them are empty, too.
        assert not any(vars(self.associations)[name] for name in ("_seen", "_runs", "_held", "_open_start", "_open_end"))
        assert len(self.repeats) == self.associations.repeats
        for cause in GivenUp:
            assert self.associations.given_up[cause] == sum(len(places) for other, places in self.told if other is cause)


def test_a_message_in_one_chunk() -> None:
    table = Table()
    assert table.add(SACK, data(b"hello", 7, "BE", 2, 3, 4)) == [Message(2, 3, False, 4, b"hello", (Piece(1, 1, 5),))]
    assert table.add(i_data(b"hello", 8, "UBE", 2, 0x12345, 4)) == [Message(2, 0x12345, True, 4, b"hello", (Piece(2, 0, 5),))]
    table.close()
    assert (table.told, table.repeats) == ([], [])


def test_several_in_a_packet() -> None:
    found = Table().add(data(b"one", 1), SACK, data(b"two", 2), data(b"three", 3, "UBE"), data(b"half", 4, "B"))
    assert [(message.payload, message.pieces[0].chunk) for message in found] == [(b"one", 0), (b"two", 2), (b"three", 3)]


@pytest.mark.parametrize("first", [1, END - 2])
@pytest.mark.parametrize("flags", ["", "U"])
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0], [1, 0, 2], [0, 2, 1], [1, 2, 0], [2, 0, 1]])
def test_fragments_come_together(first: int, flags: str, order: list[int]) -> None:
    """In any order, also where numbers wrap. What an unordered one has for an SSN does not matter, nor what later ones have for a PPID."""
    numbers = (5, 6, 7) if flags else (5, 5, 5)
    parts = [
        data(payload, (first + at) % END, flags + ends, 9, number, 100 + at)
        for at, (payload, ends, number) in enumerate(zip((b"abc", b"d", b"ef"), ("B", "", "E"), numbers, strict=True))
    ]
    table = Table()
    *waiting, last = (table.add(parts[number]) for number in order)
    assert waiting == [[], []]
    pieces = tuple(Piece(order.index(at) + 1, 0, size) for at, size in enumerate((3, 1, 2)))
    assert last == [Message(9, 5, bool(flags), 100, b"abcdef", pieces)]
    assert table.associations.held == len(table.associations) == 0
    table.close()


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [0, 3, 1, 4, 2]])
def test_i_data_goes_by_its_own_numbers(order: list[int]) -> None:
    """TSNs of other messages may come between (RFC 8260)."""
    parts = [
        i_data(b"ab", 10, "B", 1, 5, 77),
        i_data(b"AB", 11, "B", 1, 6, 78),
        i_data(b"c", 12, "", 1, 5, 1),
        i_data(b"C", 13, "E", 1, 6, 1),
        i_data(b"d", 14, "E", 1, 5, 2),
    ]
    found = Table().add_all(*(parts[number] for number in order))
    assert sorted((message.number, message.ppid, message.payload) for message in found) == [(5, 77, b"abcd"), (6, 78, b"ABC")]


def test_unordered_messages_one_after_the_other() -> None:
    """Nothing but B and E tells them apart."""
    parts = [data(bytes([65 + at]), at, flags) for at, flags in enumerate(["UB", "UE", "UBE", "UB", "U", "UE"])]
    for order in ([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [1, 3, 4, 0, 5, 2]):
        found = Table().add_all(*(parts[number] for number in order))
        assert sorted(message.payload for message in found) == [b"AB", b"C", b"DEF"]


HEADS = [bytes.fromhex(text) for text in ("13c4 13c5 01020305", "13c4 13c6 01020304", "13c6 13c5 01020304")]


@pytest.mark.parametrize(
    ("second", "others"),
    [
        *((data(b"b", 2, "E"), {"head": head}) for head in HEADS),
        (data(b"b", 2, "E"), {"key": 1}),
        (data(b"b", 2, "E", stream=1), {}),
        (data(b"b", 2, "E", number=1), {}),
        (data(b"b", 2, "UE"), {}),
        (data(b"b", 3, "E"), {}),
        (i_data(b"b", 2, "E", either=1), {}),
    ],
)
def test_what_does_not_belong_together(second: bytes, others: dict[str, Any]) -> None:
    table = Table()
    assert table.add(data(b"a", 1, "B")) == table.add(second, **others) == []
    assert len(table.associations) == 2
    table.close()
    assert table.told == [(GivenUp.UNFINISHED, [(1, 0)]), (GivenUp.UNFINISHED, [(2, 0)])]


def test_what_is_repeated_yields_nothing_new() -> None:
    table = Table()
    one, two, three = data(b"whole", 1), data(b"a", 2, "B"), data(b"b", 3, "E")
    assert len(table.add(one, two, one)) == 1
    assert table.add(two, three)[0].pieces == (Piece(1, 1, 1), Piece(2, 1, 1))
    assert table.add(three, data(b"other", 1), two) == []
    # The same number in another association is another chunk.
    assert len(table.add(one, head=HEADS[0])) == len(table.add(one, key=1)) == 1
    table.close()
    assert table.told == []
    assert table.repeats == [((1, 2), (1, 0)), ((2, 0), (1, 1)), ((3, 0), (2, 1)), ((3, 1), (1, 0)), ((3, 2), (1, 1))]


def test_a_fragment_that_is_held_is_known_in_any_case() -> None:
    """However many others came, and where only its place in the message is the same."""
    table = Table(remembered=1)
    part, again = data(b"a", 1, "B"), i_data(b"A", 2, "", either=7)
    assert table.add(part, again, part, i_data(b"B", 3, "", either=7), data(b"b", 2, "E"))[0].payload == b"ab"
    assert table.repeats == [((1, 2), (1, 0)), ((1, 3), (1, 1))]


def test_what_was_seen_is_known_for_so_long_and_so_many() -> None:
    table = Table(seconds=10, remembered=2)
    assert [len(table.add(data(b"x", tsn), now=now)) for tsn, now in ((1, 0), (1, 10), (1, 10.5), (2, 11), (1, 11), (3, 12), (1, 13))] == [
        1,
        0,
        1,
        1,
        0,
        1,
        1,
    ]


@pytest.mark.parametrize("chunk", [data(b""), i_data(b"", flags="B"), b"\0\3\0\4", b"\x40\3\0\x08" + bytes(4)])
def test_chunks_without_user_data(chunk: bytes) -> None:
    table = Table()
    assert [message.payload for message in table.add(SACK, chunk, data(b"x"))] == [b"x"]
    table.close()
    assert table.told == [(GivenUp.MALFORMED, [(1, 1)])]


# Bounds.


def test_the_oldest_goes_where_there_are_too_many() -> None:
    """A part that was joined with an older one is as old as that."""
    table = Table(most=2)
    assert table.add_all(data(b"a", 1, "B"), data(b"b", 11, "B"), data(b"c", 2, ""), data(b"d", 21, "B")) == []
    assert table.told == [(GivenUp.NUMBER, [(1, 0), (3, 0)])]
    # Two parts of a message count for two, until what is between them comes.
    assert table.add_all(data(b"e", 13, "E")) == []
    assert table.told[1:] == [(GivenUp.NUMBER, [(2, 0)])]
    assert [message.payload for message in table.add_all(data(b"f", 22, "E"))] == [b"df"]


@pytest.mark.parametrize(("order", "places"), [([1, 3, 2], [(1, 0), (4, 0), (3, 0)]), ([3, 1, 2], [(3, 0), (4, 0), (1, 0)])])
def test_a_part_that_joins_two_is_as_old_as_the_older_one(order: list[int], places: list[Place]) -> None:
    table = Table(most=3)
    table.add_all(*(data(b"x", tsn, "") for tsn in (order[0], 11, order[1], order[2], 21)))
    assert (len(table.associations), table.told) == (3, [])
    table.add(data(b"x", 31, ""))
    assert table.told == [(GivenUp.NUMBER, places)]


def test_the_oldest_goes_where_there_is_too_much() -> None:
    """It may be the one that grows."""
    table = Table(most_bytes=3 * 1100)
    assert table.add_all(data(bytes(76), 1, "B"), data(bytes(76), 11, "B"), data(bytes(76), 12, "")) == []
    assert table.associations.held == 3300
    assert table.add_all(data(b"x", 13, "")) == []
    assert table.told == [(GivenUp.BYTES, [(1, 0)])]
    assert table.add_all(data(bytes(500), 14, "")) == []
    assert table.told[1:] == [(GivenUp.BYTES, [(2, 0), (3, 0), (4, 0), (5, 0)])]
    assert (len(table.associations), table.associations.held) == (0, 0)
    # The last one needs no room.
    assert len(table.add_all(data(bytes(2000), 1000, "B"), data(bytes(2000), 1001, "E"))) == 1


def test_what_does_not_come_in_time_is_given_up() -> None:
    table = Table(seconds=30)
    table.add(data(b"a", 1, "B"), now=100)
    table.add(data(b"b", 2, ""), now=129)
    assert len(table.add(data(b"c", 3, "E"), now=130)) == 1
    table.add(data(b"a", 11, "B"), now=100)
    table.add(data(b"b", 12, ""), now=99)
    assert table.add(data(b"c", 13, "E"), now=130.5) == []
    assert table.told == [(GivenUp.AGE, [(4, 0), (5, 0)])]
    table.associations.expire(160.5)
    assert len(table.told) == 1
    table.associations.expire(161)
    assert table.told[1:] == [(GivenUp.AGE, [(6, 0)])]
    table.close()


def test_nobody_need_be_told() -> None:
    associations: Associations[str] = Associations()
    found = read(packet(data(b"a", 1, "B"), data(b"a", 1, "B")))
    assert found and associations.add(0, found, 0, "a") == []
    associations.close()
    assert associations.given_up == {GivenUp.UNFINISHED: 1}
    assert associations.counts == {f"SCTP chunks given up: {GivenUp.UNFINISHED.value}": 1}
    assert associations.repeats == 1


@pytest.mark.parametrize("bounds", [{"most": 0}, {"most_bytes": -1}, {"seconds": 0}, {"remembered": 0}])
def test_a_table_without_a_sensible_bound_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Associations(**bounds)  # type: ignore[arg-type]


@pytest.mark.parametrize(("flags", "step"), [("B", 1), ("", 2), ("", 1), ("E", 1)])
def test_a_flood_stays_within_the_bounds(flags: str, step: int) -> None:
    table = Table(most=100, most_bytes=120_000, remembered=50)
    for number in range(2000):
        assert table.add(data(b"x", number * step, flags)) == []
        assert len(table.associations) <= 100 and table.associations.held <= 120_000
    table.close()
    assert sum(table.associations.given_up.values()) == 2000


# Properties.

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=6)


@given(
    st.lists(st.tuples(SIZES, st.booleans(), st.integers(0, 1)), min_size=1, max_size=4),
    st.sampled_from([0, END - 3]),
    st.booleans(),
    st.data(),
)
def test_any_fragments_in_any_order_with_repetitions(
    messages: list[tuple[list[int], bool, int]], tsn: int, interleaved: bool, choice: st.DataObject
) -> None:
    chunks: list[bytes] = []
    expected: list[tuple[int, int, bool, bytes]] = []
    for number, (sizes, unordered, stream) in enumerate(messages):
        payload = b""
        for at, size in enumerate(sizes):
            part = bytes([65 + len(chunks)]) * size
            flags = "U" * unordered + "B" * (at == 0) + "E" * (at == len(sizes) - 1)
            make, last = (i_data, at) if interleaved else (data, 9)
            chunks.append(make(part, (tsn + len(chunks)) % END, flags, stream, number, last or 9))
            payload += part
        expected.append((stream, number, unordered, payload))
    again = choice.draw(st.lists(st.sampled_from(chunks), max_size=5))
    order = choice.draw(st.permutations(chunks + again))
    table, found = Table(), []
    while order:
        size = choice.draw(st.integers(1, 3))
        found += table.add(*order[:size])
        order = order[size:]
    assert sorted((one.stream, one.number, one.unordered, one.payload) for one in found) == sorted(expected)
    assert all([piece.size for piece in one.pieces] == messages[one.number][0] for one in found)
    table.close()
    assert (table.told, len(table.repeats)) == ([], len(again))


KINDS = st.tuples(
    st.sampled_from([data, i_data]),
    st.integers(0, 3),
    st.integers(0, 6),
    st.sampled_from(["", "B", "E", "BE", "U", "UB", "UE"]),
    st.integers(0, 3),
)


@given(st.lists(st.lists(KINDS, max_size=4), max_size=12), st.data())
def test_every_chunk_comes_to_something_or_to_nothing(packets: list[list[Any]], choice: st.DataObject) -> None:
    """Flipped and cut at will, against all sense: never an error, and every chunk with user data comes back once."""
    table = Table(most=3, most_bytes=4000, seconds=30, remembered=5)
    found: list[Message[int]] = []
    chunks: list[Place] = []
    for now, kinds in enumerate(packets):
        raw = bytearray(packet(*(make(bytes(size), tsn, flags, 0, 0, place) for make, size, tsn, flags, place in kinds)))
        if choice.draw(st.booleans()):
            raw[choice.draw(st.integers(0, len(raw) - 1))] = choice.draw(st.integers(0, 255))
            del raw[choice.draw(st.integers(12, 2 * len(raw))) :]
        one = read(bytes(raw))
        assert one
        chunks += [(now, number) for number, chunk in enumerate(one.chunks) if chunk.type in (0, 64)]
        found += table.associations.add(0, one, now * 10, now)
        assert len(table.associations) <= 3 and table.associations.held <= 4000
    table.close()
    told = [place for _, places in table.told for place in places] + [place for place, _ in table.repeats]
    assert sorted(told + [piece[:2] for message in found for piece in message.pieces]) == chunks


# What Wireshark sees in the same packets.


def sip(number: int) -> bytes:
    return bye(number, ("<sip:10.0.0.1;transport=sctp;lr>",)).replace(b"samples@", b"%d-samples@" % number)


def half(number: int) -> tuple[bytes, bytes]:
    return sip(number)[:300], sip(number)[300:]


def value(message: bytes, name: bytes) -> str:
    return message.split(b"\r\n" + name + b":")[1].split(b"\r")[0].decode().strip()


def seen(tshark: str, path: Path, packets: Sequence[Sequence[bytes]]) -> list[list[str]]:
    """The Call-IDs packet by packet."""
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.5", dst="10.0.0.1", proto=132)
    path.write_bytes(pcap([bytes(link / Raw(packet(*chunks, head=struct.pack(">HHI", 5060, 5060, 9)))) for chunks in packets]))
    return ask(tshark, path, "sip.Call-ID")


def ask(tshark: str, path: Path, field: str) -> list[list[str]]:
    """What there is of it in each frame."""
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-e", field]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split(",") if line else [] for line in lines]


def test_wireshark_sees_the_same_messages(tshark: str, tmp_path: Path) -> None:
    """In the same packets, and no other ones. (Of a chunk that is twice in one packet, as no sender does, it makes two.)"""
    packets = [
        [data(sip(1), 1)],
        [data(sip(1), 1)],
        [data(half(2)[0], 2, "B"), SACK],
        [data(half(2)[0], 2, "B")],
        [data(half(2)[1], 3, "E")],
        [data(half(2)[1], 3, "E")],
        # The second half first; two unordered messages, each second half first.
        [data(half(3)[1], 5, "E", number=1)],
        [data(half(3)[0], 4, "B", number=1)],
        [data(half(4)[1], 7, "UE")],
        [data(half(5)[1], 9, "UE")],
        [data(half(5)[0], 8, "UB")],
        [data(half(4)[0], 6, "UB")],
        [data(sip(6), 10), SACK, data(sip(7), 11)],
        # What does not belong together: by stream, SSN, and a missing one.
        [data(half(8)[0], 12, "B", number=2), data(half(8)[1], 13, "E", number=3)],
        [data(half(9)[0], 14, "B", stream=2), data(half(9)[1], 15, "E", stream=3)],
        [data(half(10)[0], 16, "B", number=4), data(half(10)[1], 18, "E", number=4)],
        [i_data(half(11)[0], 19, "B", 1, 7), data(sip(12), 20), i_data(half(11)[1], 21, "E", 1, 7, 1)],
        [i_data(sip(13), 22, "BE", 1, 8), data(b"", 23), data(sip(14), 24)],
    ]
    associations: Associations[int] = Associations()
    ours = []
    for token, chunks in enumerate(packets):
        one = read(packet(*chunks))
        assert one
        ours.append([value(message.payload, b"Call-ID") for message in associations.add(0, one, 0, token)])
    assert ours == seen(tshark, tmp_path / "in.pcap", packets)
    assert [[int(name.split("-")[0]) for name in names] for names in ours] == [
        *([1], [], [], [], [2], [], [], [3], [], [], [5], [4], [6, 7], [], [], []),
        *([12, 11], [13, 14]),
    ]


@pytest.mark.parametrize("path", [path for path in OWN + FOREIGN if "sctp" in path.name], ids=lambda path: path.name)
def test_wireshark_sees_the_same_in_captures(tshark: str, path: Path) -> None:
    associations: Associations[int] = Associations()
    ours = []
    with PcapReader(str(path)) as reader:
        for token, frame in enumerate(reader):
            one = read(bytes(frame[SCTP]))
            assert one and one.rest == len(one.data)
            ours.append([value(message.payload, b"CSeq") for message in associations.add(0, one, float(frame.time), token)])
    assert ours == ask(tshark, path, "sip.CSeq")
    assert sum(map(len, ours)) == (12 if path in OWN else 4)
    associations.close()
    assert (associations.counts, associations.repeats) == ({}, 0)
