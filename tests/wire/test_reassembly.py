"""Fragments put together, against what Scapy and Wireshark make of them; what comes to nothing, and the bounds of the table."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers import inet, inet6
from scapy.layers.inet import IP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting
from scapy.layers.l2 import CookedLinux, Dot1Q, Ether
from scapy.packet import Raw
from scapy.utils import RawPcapReader

from scapy_rr.wire.link import ETHERNET, LINUX_SLL
from scapy_rr.wire.reassembly import GivenUp, Reassembler, Whole

from ..capture.samples import FOREIGN, OWN, pcap
from .test_fragmentation import FAULTS, LINK, ask, message, text

RAW = 101
END = 10_000_000.0


def four(offset: int, payload: bytes, more: bool = True, **others: Any) -> bytes:
    """An IPv4 fragment, as Scapy builds it."""
    fields = {"src": "10.0.0.5", "dst": "10.0.0.1", "id": 7, "proto": 17, "flags": "MF" if more else "", **others}
    return bytes(IP(frag=offset // 8, **fields) / Raw(payload))


def six(offset: int, payload: bytes, more: bool = True, identification: int = 7, follows: int = 17, **others: Any) -> bytes:
    fields = {"src": "::5", "dst": "::1", **others}
    return bytes(IPv6(**fields) / IPv6ExtHdrFragment(offset=offset // 8, m=more, id=identification, nh=follows) / Raw(payload))


def whole4(payload: bytes, **others: Any) -> bytes:
    return four(0, payload, more=False, **others)


def whole6(payload: bytes, **others: Any) -> bytes:
    return bytes(IPv6(**{"src": "::5", "dst": "::1", "nh": 17, **others}) / Raw(payload))


Make = Callable[..., bytes]
both = pytest.mark.parametrize(("make", "whole"), [(four, whole4), (six, whole6)], ids=["IPv4", "IPv6"])


class Table:
    """A reassembler whose tokens are the frames' numbers, and what it told."""

    def __init__(self, **bounds: Any) -> None:
        self.told: list[tuple[GivenUp, list[int]]] = []
        self.reassembler: Reassembler[int] = Reassembler(give_up=lambda cause, tokens: self.told.append((cause, list(tokens))), **bounds)
        self._number = 0

    def add(self, frame: bytes, now: float = 0, link_type: int = RAW, key: int = 0) -> Whole[int] | None:
        """The frame stands within a larger buffer."""
        data = b"before" + frame + b"after"
        self._number += 1
        return self.reassembler.add(data, 6, 6 + len(frame), link_type, now, self._number, key)

    def add_all(self, *frames: bytes, link_type: int = RAW) -> list[Whole[int]]:
        return [whole for frame in frames if (whole := self.add(frame, link_type=link_type))]

    def close(self) -> None:
        """Nothing is left then, and nothing is counted that was not told."""
        self.reassembler.close()
        assert (len(self.reassembler), self.reassembler.held) == (0, 0)
        for cause in GivenUp:
            assert self.reassembler.given_up[cause] == sum(len(tokens) for other, tokens in self.told if other is cause)


DATA = text(40)


@both
@pytest.mark.parametrize(
    ("order", "tokens", "first"),
    [
        ([0, 1, 2], (1, 2, 3), 1),
        ([2, 1, 0], (1, 2, 3), 3),
        ([1, 0, 2], (1, 2, 3), 2),
        ([2, 0, 2, 0, 1], (1, 2, 3, 4, 5), 2),
    ],
)
def test_a_datagram_comes_together(make: Make, whole: Make, order: list[int], tokens: tuple[int, ...], first: int) -> None:
    table, parts = Table(), [make(0, DATA[:16]), make(16, DATA[16:24]), make(24, DATA[24:], more=False)]
    *waiting, last = (table.add(parts[number]) for number in order)
    assert last == Whole(whole(DATA), first, tokens, (16, 8, 16))
    assert set(waiting) == {None}
    assert len(table.reassembler) == table.reassembler.held == 0
    # It can come again, with the same identification.
    assert len(table.add_all(*parts)) == 1
    table.close()
    assert table.told == []


@both
def test_the_first_fragment_gives_the_headers(make: Make, whole: Make) -> None:
    """Even where it comes last, is tiny, or came a second time; padding behind a short one is no part of it."""
    first = make(0, DATA[:8], **({"ttl": 9, "tos": 8, "options": [IPOption_Router_Alert()]} if make is four else {"hlim": 9, "tc": 8}))
    cooked = CookedLinux(proto=0x800 if make is four else 0x86DD)
    (got,) = Table().add_all(make(8, DATA[8:], more=False) + bytes(9), first, make(0, DATA[:8]))
    assert got.first == 2
    assert got.frame[8 if make is four else 7] == 9
    assert got.frame.endswith(DATA) and got.frame[-40:] == DATA
    for link, link_type in ((LINK, ETHERNET), (LINK / Dot1Q(vlan=5), ETHERNET), (cooked, LINUX_SLL)):
        kind = IP if make is four else IPv6
        rest = bytes(Ether(src="02:00:00:00:00:09") / kind(make(8, DATA[8:], more=False)))
        table = Table()
        table.add(rest, link_type=ETHERNET)
        full = table.add(bytes(link / kind(make(0, DATA[:8]))), link_type=link_type)
        assert full and full.frame == bytes(link / kind(whole(DATA)))


def test_only_the_fragment_bits_are_taken_away() -> None:
    (got,) = Table().add_all(four(0, DATA[:8], flags="MF+DF+evil"), four(8, DATA[8:], more=False))
    assert got.frame == four(0, DATA, flags="DF+evil")


@pytest.mark.parametrize(
    ("make", "other"),
    [
        (four, {"id": 8}),
        (four, {"proto": 6}),
        (four, {"src": "10.0.0.6"}),
        (four, {"dst": "10.0.0.2"}),
        (six, {"identification": 8}),
        (six, {"src": "::6"}),
        (six, {"dst": "::2"}),
    ],
)
def test_fragments_of_others_do_not_mix(make: Make, other: dict[str, Any]) -> None:
    table = Table()
    assert table.add_all(make(0, DATA[:8]), make(8, DATA[8:], more=False, **other)) == []
    assert len(table.reassembler) == 2
    table.close()
    assert table.told == [(GivenUp.UNFINISHED, [1]), (GivenUp.UNFINISHED, [2])]


@both
def test_fragments_from_elsewhere_do_not_mix(make: Make, whole: Make) -> None:
    table = Table()
    assert table.add(make(0, DATA[:8]), key=1) is table.add(make(8, DATA[8:], more=False), key=2) is None
    assert table.add(make(8, DATA[8:], more=False), key=1) == Whole(whole(DATA), 1, (1, 3), (8, 32))


def test_in_ipv6_only_the_first_fragment_says_what_follows() -> None:
    (got,) = Table().add_all(six(8, DATA[8:], more=False, follows=59), six(0, DATA[:8], follows=17))
    assert got.frame == whole6(DATA)


@pytest.mark.parametrize(
    "headers",
    [
        IPv6() / IPv6ExtHdrHopByHop(),
        IPv6() / IPv6ExtHdrDestOpt(),
        IPv6() / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting(addresses=["::7", "::8"]),
    ],
)
def test_ipv6_headers_before_the_fragment_header_stay(headers: Any) -> None:
    payload = UDP(sport=5060, dport=5060, chksum=1) / Raw(text(3000))
    frames = [bytes(part) for part in inet6.fragment6(headers / IPv6ExtHdrFragment(id=5) / payload, 1000)]
    (got,) = Table().add_all(*reversed(frames))
    assert len(got.tokens) == 4
    assert got.frame == bytes(headers / payload) == bytes(inet6.defragment6(map(IPv6, frames)))


def test_what_scapy_cuts_is_what_scapy_puts_together() -> None:
    packet = LINK / IP(src="10.0.0.5", dst="10.0.0.1", id=9, options=[IPOption_Router_Alert()]) / UDP() / Raw(text(3000))
    frames = [bytes(part) for part in inet.fragment(packet, 1000)]
    (got,) = Table().add_all(*frames, link_type=ETHERNET)
    (theirs,) = inet.defragment(map(Ether, frames))
    assert got.frame == bytes(theirs) == bytes(packet)
    assert got.sizes == (1000, 1000, 1000, 8)


def test_what_is_no_fragment_is_whole_as_it_is() -> None:
    for frame in (whole4(DATA), whole6(DATA), four(0, DATA, more=False, flags="DF"), b"", b"\x45", b"\x60" + bytes(50), b"anything else"):
        table = Table()
        assert table.add(frame) == Whole(frame, 1, (1,), ())
        assert table.reassembler.add(frame, 0, len(frame), 105, 0, 5) == Whole(frame, 5, (5,), ())
        assert len(table.reassembler) == 0


def test_an_atomic_fragment_is_whole_at_once() -> None:
    """It has to do with no other fragments of the same identification (RFC 6946)."""
    table = Table()
    assert table.add(six(0, DATA[:8])) is None
    assert table.add(six(0, DATA, more=False)) == Whole(whole6(DATA), 2, (2,), (40,))
    assert table.add(six(0, b"", more=False)) == Whole(whole6(b""), 3, (3,), (0,))
    assert table.add(six(8, DATA[8:], more=False)) == Whole(whole6(DATA), 1, (1, 4), (8, 32))


# Overlaps, empty ones, and ends.


A, B, C = b"A" * 24, b"B" * 24, b"C" * 24


@pytest.mark.parametrize(
    ("parts", "expected", "sizes"),
    [
        ([(0, A), (16, B), (40, C)], A + B[8:] + C, (24, 16, 24)),
        ([(16, B), (0, A), (40, C)], A[:16] + B + C, (16, 24, 24)),
        ([(8, A[:8]), (24, B[:8]), (0, C + C[:16]), (40, C)], C[:8] + A[:8] + C[:8] + B[:8] + C[:8] + C, (8, 8, 8, 8, 8, 24)),
        ([(0, A), (0, B), (24, C)], A + C, (24, 24)),
        ([(0, A), (8, B[:8]), (24, C)], A + C, (24, 24)),
        ([(0, A[:8]), (0, B), (24, C)], A[:8] + B[8:] + C, (8, 16, 24)),
    ],
)
def test_in_ipv4_the_bytes_that_came_first_stay(parts: list[tuple[int, bytes]], expected: bytes, sizes: tuple[int, ...]) -> None:
    *others, (offset, payload) = parts
    table = Table()
    (got,) = table.add_all(*(four(*part) for part in others), four(offset, payload, more=False))
    assert got == Whole(whole4(expected), got.first, tuple(range(1, len(parts) + 1)), sizes)
    table.close()
    assert table.told == []


@pytest.mark.parametrize("part", [(16, B), (8, A[:8]), (8, A), (0, B), (0, A[:8])])
def test_in_ipv6_an_overlap_is_the_end_of_the_datagram(part: tuple[int, bytes]) -> None:
    """Of what comes later, too, until it is forgotten (RFC 5722); but what is only repeated is no overlap."""
    table, last = Table(), six(24, C, more=False)
    assert table.add_all(six(0, A), six(0, A), six(*part), last, last) == []
    assert table.told == [(GivenUp.OVERLAP, [1, 2]), (GivenUp.OVERLAP, [3]), (GivenUp.OVERLAP, [4]), (GivenUp.OVERLAP, [5])]
    assert (len(table.reassembler), table.reassembler.held) == (1, 0)
    assert table.add(six(0, A), now=61) is None
    assert table.add(last, now=61) == Whole(whole6(A + C), 6, (6, 7), (24, 24))
    table.close()
    assert len(table.told) == 4


@both
def test_empty_fragments_are_left_out(make: Make, whole: Make) -> None:
    """And say nothing of where the end is: Linux and Wireshark do not listen to them either."""
    table = Table()
    (got,) = table.add_all(make(0, b""), make(16, b"", False), make(0, A), make(24, b"", False), make(8, b""), make(24, B, False))
    assert (got.frame, got.first, got.tokens) == (whole(A + B), 3, (3, 6))
    assert table.add_all(make(0, A), make(24, b"", False)) == []
    table.close()
    assert table.told == [*((GivenUp.MALFORMED, [token]) for token in (1, 2, 4, 5, 8)), (GivenUp.UNFINISHED, [7])]


@both
@pytest.mark.parametrize(
    "parts",
    [
        # Two ends; bytes behind the end; an end before the bytes.
        [(24, A, False), (24, A[:8], False)],
        [(24, A[:8], False), (24, A, False)],
        [(24, A, False), (48, A, True)],
        [(48, A, True), (24, A, False)],
    ],
)
def test_one_that_disagrees_about_the_end_is_left_out(make: Make, whole: Make, parts: list[tuple[int, bytes, bool]]) -> None:
    table = Table()
    assert table.add_all(*(make(*part) for part in parts)) == []
    assert table.told == [(GivenUp.END, [2])]
    rest = [make(0, A), make(24, A), make(72, A[:8], False)] if parts[0][2] else [make(0, A)]
    (got,) = table.add_all(*rest)
    assert 2 not in got.tokens
    assert got.frame == whole(A * 3 + A[:8] if parts[0][2] else A + parts[0][1])


@both
def test_what_is_known_of_the_end_stays_known(make: Make, whole: Make) -> None:
    """Eight bytes too many, or too few, whatever came between."""
    table = Table()
    assert table.add_all(make(24, A), make(8, A[:8]), make(16, A[:8], False), make(56, A[:8], False), make(56, A[:16])) == []
    assert table.told == [(GivenUp.END, [3]), (GivenUp.END, [5])]
    (got,) = table.add_all(make(0, A[:8]), make(16, A[:8]), make(48, A[:8]))
    assert (got.frame, got.tokens) == (whole(b"A" * 64), (1, 2, 4, 6, 7, 8))


@both
def test_a_packet_cannot_be_longer_than_its_length_says(make: Make, whole: Make) -> None:
    most = 65_535 - (20 if make is four else 0)
    for size, fits in ((most, True), (most + 1, False)):
        table = Table()
        data = text(size)
        cuts = [0, 24_000, 48_000, size]
        found = table.add_all(*(make(at, data[at:to], to < size) for at, to in pairwise(cuts)))
        if fits:
            assert [one.frame for one in found] == [whole(data)]
        else:
            assert found == []
            causes = [(GivenUp.TOO_LONG, [1, 2, 3])] if make is four else [(GivenUp.TOO_LONG, [3]), (GivenUp.UNFINISHED, [1, 2])]
            table.close()
            assert table.told == causes


@pytest.mark.parametrize(
    ("frame", "cause"),
    [
        (four(65_528, bytes(8)), GivenUp.TOO_LONG),
        (six(65_528, bytes(8), more=False), GivenUp.TOO_LONG),
        (four(0, bytes(9)), GivenUp.MALFORMED),
        (six(8, bytes(7)), GivenUp.MALFORMED),
        (four(0, b""), GivenUp.MALFORMED),
        (six(8, b"", more=False), GivenUp.MALFORMED),
        (four(8, bytes(8), len=19), GivenUp.MALFORMED),
        (four(8, bytes(8), len=0), GivenUp.MALFORMED),
        (six(8, bytes(8), plen=7), GivenUp.MALFORMED),
        (six(0, bytes(8), more=False, plen=0), GivenUp.MALFORMED),
        (four(8, bytes(8))[:-1], GivenUp.TRUNCATED),
        (six(8, bytes(8), more=False)[:-1], GivenUp.TRUNCATED),
        (six(0, bytes(8), more=False)[:-8], GivenUp.TRUNCATED),
    ],
)
def test_what_cannot_be_used(frame: bytes, cause: GivenUp) -> None:
    table = Table()
    assert table.add(frame) is None
    assert table.told == [(cause, [1])]
    assert len(table.reassembler) == 0


# Bounds.


def test_the_oldest_goes_where_there_are_too_many() -> None:
    table = Table(most=2)
    frames = [four(0, DATA[:8], id=number) for number in range(3)]
    assert table.add_all(frames[0], frames[1], four(16, DATA[16:], False, id=0), frames[2]) == []
    assert table.told == [(GivenUp.NUMBER, [1, 3])]
    assert len(table.add_all(four(8, DATA[8:], False, id=1), four(8, DATA[8:], False, id=2))) == 2


def test_the_oldest_goes_where_there_is_too_much() -> None:
    """It may be the one that grows."""
    table = Table(most_bytes=3000)
    assert table.add_all(four(0, bytes(1000), id=1), four(0, bytes(1000), id=2)) == []
    assert table.reassembler.held == 2 * 1256
    assert table.add_all(four(1000, bytes(1000), id=2)) == []
    assert table.told == [(GivenUp.BYTES, [1])]
    assert table.add_all(four(2000, bytes(1000), id=2)) == []
    assert table.told[1:] == [(GivenUp.BYTES, [2, 3, 4])]
    assert (len(table.reassembler), table.reassembler.held) == (0, 0)


def test_the_oldest_go_whose_first_frame_others_wait_for() -> None:
    """One of which nothing is left to wait for is forgotten with them."""
    table = Table()
    assert table.add_all(six(0, A), six(8, A[:8]), four(0, A, id=1), four(24, A, id=2), four(24, A, id=1), four(0, A, id=3)) == []
    table.told.clear()
    table.reassembler.give_up_old(lambda token: token <= 4)
    assert (table.told, len(table.reassembler)) == ([(GivenUp.AGE, [3, 5]), (GivenUp.AGE, [4])], 1)
    table.reassembler.give_up_old(lambda token: True)
    assert (table.told[2:], len(table.reassembler)) == ([(GivenUp.AGE, [6])], 0)


def test_the_last_fragment_needs_no_room() -> None:
    table = Table(most_bytes=3000)
    assert len(table.add_all(four(0, bytes(2000)), four(2000, bytes(2000), False))) == 1


@both
def test_what_does_not_come_in_time_is_given_up(make: Make, whole: Make) -> None:
    table = Table(seconds=30)
    table.add(make(0, DATA[:8]), now=100)
    table.add(make(8, DATA[8:16]), now=129)
    assert table.add(make(16, DATA[16:], False), now=130) == Whole(whole(DATA), 1, (1, 2, 3), (8, 8, 24))
    table.add(make(0, DATA[:8]), now=100)
    table.add(make(16, DATA[16:24]), now=99)
    table.add(make(8, DATA[8:], False), now=130.5)
    assert table.told == [(GivenUp.AGE, [4, 5])]
    table.reassembler.expire(160.5)
    assert len(table.told) == 1
    table.reassembler.expire(161)
    assert table.told[1:] == [(GivenUp.AGE, [6])]
    table.close()


def test_nobody_need_be_told() -> None:
    reassembler: Reassembler[str] = Reassembler()
    frame = four(0, DATA[:8])
    assert reassembler.add(frame, 0, len(frame), RAW, 0, "a") is None
    reassembler.close()
    assert reassembler.given_up == {GivenUp.UNFINISHED: 1}
    assert reassembler.counts == {f"IP fragments given up: {GivenUp.UNFINISHED.value}": 1}


@pytest.mark.parametrize("bounds", [{"most": 0}, {"most_bytes": -1}, {"seconds": 0}])
def test_a_table_without_a_sensible_bound_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="more than 0"):
        Reassembler(**bounds)  # type: ignore[arg-type]


def fields(frame: bytes, number: int) -> bytes:
    """The same fragment with another identification."""
    return frame[:4] + number.to_bytes(2, "big") + frame[6:] if frame[0] >> 4 == 4 else frame[:44] + number.to_bytes(4, "big") + frame[48:]


@pytest.mark.parametrize(
    "flood",
    [
        lambda number: fields(four(0, bytes(1400)), number),
        lambda number: fields(six(0, bytes(1400)), number),
        # Overlaps leave an entry behind; what is empty is left out; what is repeated has its weight, too.
        lambda number: fields(six(0, bytes(8 + number % 2 * 8)), number // 2),
        lambda number: fields(four(0, b""), 1),
        lambda number: fields(four(0, bytes(8)), 1),
    ],
    ids=["IPv4", "IPv6", "overlaps", "empty", "repeated"],
)
def test_a_flood_stays_within_the_bounds(flood: Callable[[int], bytes]) -> None:
    table = Table(most=100, most_bytes=50_000)
    for number in range(2000):
        assert table.add(flood(number)) is None
        assert len(table.reassembler) <= 100 and table.reassembler.held <= 50_000
    assert sum(table.reassembler.given_up.values()) >= 1800
    table.close()
    assert sum(table.reassembler.given_up.values()) == 2000


# Properties.

CUTS = st.sets(st.integers(1, 60), max_size=12).map(lambda cuts: [0, *(8 * cut for cut in sorted(cuts))])


@given(CUTS, st.integers(1, 17), st.sampled_from([(four, whole4), (six, whole6)]), st.data())
def test_any_cut_in_any_order_with_repetitions(cuts: list[int], rest: int, kind: tuple[Make, Make], data: st.DataObject) -> None:
    make, whole = kind
    payload = text(cuts[-1] + rest)
    parts = [make(at, payload[at:to], to < len(payload)) for at, to in pairwise([*cuts, len(payload)])]
    again = data.draw(st.lists(st.sampled_from(parts), max_size=5))
    order = data.draw(st.permutations(parts + again))
    table = Table()
    found = table.add_all(*order)
    assert found and {one.frame for one in found} == {whole(payload)}
    table.close()
    told = sum(len(tokens) for _, tokens in table.told)
    assert told + sum(len(one.tokens) for one in found) == len(order)


@given(CUTS, st.integers(1, 17), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8), st.data())
def test_any_overlaps_of_equal_bytes(cuts: list[int], rest: int, more: list[tuple[int, int]], data: st.DataObject) -> None:
    payload = text(cuts[-1] + rest)
    spans = [(at, to) for at, to in pairwise([*cuts, len(payload)]) if at or to < len(payload)]
    others = [(8 * at, min(8 * to, len(payload))) for at, to in more]
    # What has all of it is no fragment.
    spans += [(at, to) for at, to in others if at < to and (at or to < len(payload))]
    parts = [four(at, payload[at:to], to < len(payload)) for at, to in data.draw(st.permutations(spans))]
    table = Table()
    found = table.add_all(*parts)
    assert {one.frame for one in found} <= {whole4(payload)}
    assert found or not cuts[1:]
    table.close()
    assert set(table.reassembler.given_up) <= {GivenUp.UNFINISHED}


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 6)), min_size=1, max_size=12))
def test_overlaps_of_other_bytes_are_as_if_each_byte_were_looked_at(spans: list[tuple[int, int]]) -> None:
    """Each fragment is full of its own number. The last one has an end far away, so that all of them fit before."""
    total, table = 8 * 19, Table()
    model: dict[int, int] = {}
    for number, (at, size) in enumerate(spans):
        table.add(four(8 * at, bytes([number]) * 8 * size))
        for place in range(8 * at, 8 * (at + size)):
            model.setdefault(place, number)
    found = table.add(four(0, b"\xfe" * 144)), table.add(four(144, b"\xff" * 8, more=False))
    assert found[0] is None and found[1] is not None
    assert found[1].frame == whole4(bytes(model.get(place, 0xFE if place < 144 else 0xFF) for place in range(total)))


KINDS = st.tuples(st.sampled_from([four, six]), st.integers(0, 3), st.integers(0, 24), st.booleans(), st.integers(0, 1))


@given(st.lists(KINDS), st.data())
def test_any_frames_come_to_something_or_to_nothing(kinds: list[tuple[Make, int, int, bool, int]], data: st.DataObject) -> None:
    """Flipped and cut at will: never an error, and every token comes back once."""
    table, found = Table(most=3, most_bytes=2000), []
    for now, (make, at, size, more, number) in enumerate(kinds):
        frame = bytearray(fields(make(8 * at, bytes(size), more), number))
        if data.draw(st.booleans()):
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
            del frame[data.draw(st.integers(0, 2 * len(frame))) :]
        found.append(table.add(bytes(frame), now=now * 10))
        assert len(table.reassembler) <= 3 and table.reassembler.held <= 2000
    table.close()
    tokens = [token for _, tokens in table.told for token in tokens] + [token for one in found if one for token in one.tokens]
    assert sorted(tokens) == list(range(1, len(kinds) + 1))


@given(st.binary(max_size=120), st.sampled_from([0, 1, 101, 108, 113, 276, 105]))
def test_any_bytes(frame: bytes, link_type: int) -> None:
    table = Table()
    found = table.add(frame, link_type=link_type)
    assert found is None or found.frame == frame or found.sizes
    table.close()


# What Wireshark makes of the same fragments.


def seen(tshark: str, path: Path, frames: Sequence[bytes]) -> list[list[str]]:
    path.write_bytes(pcap(frames))
    return ask(tshark, path, "sip", "udp.length", "sip.Call-ID", "sip.msg_body")


@pytest.mark.parametrize(
    "order",
    [
        lambda parts: parts,
        lambda parts: parts[::-1],
        lambda parts: parts[1:] + parts[:1],
        lambda parts: [one for part in parts for one in (part, part)][:-1],
        # One is missing.
        lambda parts: parts[:1] + parts[2:],
        lambda parts: parts[:-1],
    ],
    ids=["in order", "backwards", "first one last", "twice", "middle missing", "last missing"],
)
def test_wireshark_sees_the_same_messages(tshark: str, tmp_path: Path, order: Callable[[list[bytes]], list[bytes]]) -> None:
    """In the fragments, and in what was put together; and finds no fault in that."""
    udp = [UDP(sport=5060, dport=5060) / Raw(message(number, 3000)) for number in range(2)]
    cut4 = inet.fragment(IP(src="10.0.0.5", dst="10.0.0.1", id=9) / udp[0], 800)
    cut6 = inet6.fragment6(IPv6(src="2001:db8::5", dst="2001:db8::1") / IPv6ExtHdrFragment(id=9) / udp[1], 900)
    frames = [bytes(LINK / part) for cut in (cut4, cut6) for part in order(list(cut))]
    ours = [one.frame for one in Table().add_all(*frames, link_type=ETHERNET)]
    assert seen(tshark, tmp_path / "ours.pcap", ours) == seen(tshark, tmp_path / "theirs.pcap", frames)
    assert ask(tshark, tmp_path / "ours.pcap", FAULTS, "frame.number") == []


@pytest.mark.parametrize("path", [path for path in OWN + FOREIGN if "fragments" in path.name], ids=lambda path: path.name)
def test_wireshark_sees_the_same_in_captures(tshark: str, path: Path) -> None:
    """In the same frames the same datagrams."""
    table, ours = Table(), []
    with RawPcapReader(str(path)) as reader:
        for number, (frame, _) in enumerate(reader, 1):
            if whole := table.add(frame, link_type=ETHERNET):
                udp = Ether(whole.frame)[UDP]
                ours.append([str(number), bytes(udp.payload)[: udp.len - 8].hex()])
    assert ours == ask(tshark, path, "udp.payload", "frame.number", "udp.payload")
    # Three RTP packets, and what is SIP; in the foreign one there is none.
    recorded = {"fragments-mtu.pcap": 20, "fragments-mtu-ipv6.pcap": 20}
    assert len(ours) == {"fragments.pcap": 3 + 10, "fragments-ipv6.pcap": 3 + 11, **recorded}.get(path.name, 3)
