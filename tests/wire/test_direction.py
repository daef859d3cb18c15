"""One direction of a connection, whatever comes in whatever order."""

from random import Random
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.direction import Direction


def test_in_order() -> None:
    direction = Direction()
    assert direction.position(7) == 0
    assert (direction.take(0, b"abc"), direction.take(3, b"de")) == ([(0, b"abc")], [(3, b"de")])
    assert (direction.base, direction.next, direction.held, direction.resumes_at) == (7, 5, 0, None)
    assert direction.position(7 + 5) == 5


TAKEN: dict[str, tuple[list[tuple[int, bytes]], list[list[tuple[int, bytes]]]]] = {
    "twice": ([(0, b"abc"), (0, b"abc")], [[(0, b"abc")], []]),
    "old": ([(0, b"abc"), (-3, b"xyz"), (-9, b"xyz"), (-1, b"xyzAd")], [[(0, b"abc")], [], [], [(3, b"d")]]),
    "what came first stays": ([(0, b"abc"), (1, b"XYd")], [[(0, b"abc")], [(3, b"d")]]),
    "the other way round": ([(3, b"de"), (0, b"abc")], [[], [(0, b"abc"), (3, b"de")]]),
    "early ones in any order": (
        [(6, b"g"), (2, b"cd"), (4, b"ef"), (0, b"ab")],
        [[], [], [], [(0, b"ab"), (2, b"cd"), (4, b"ef"), (6, b"g")]],
    ),
    "one that is in another": ([(2, b"cdef"), (3, b"de"), (0, b"ab")], [[], [], [(0, b"ab"), (2, b"cdef")]]),
    "a longer one in the same place": ([(2, b"cd"), (2, b"XXef"), (2, b"c"), (0, b"ab")], [[], [], [], [(0, b"ab"), (2, b"cdef")]]),
    "over the gap": ([(3, b"de"), (0, b"abcXe")], [[], [(0, b"abcXe")]]),
    "another gap": ([(2, b"c"), (5, b"f"), (0, b"ab"), (3, b"de")], [[], [], [(0, b"ab"), (2, b"c")], [(3, b"de"), (5, b"f")]]),
}


@pytest.mark.parametrize(("pieces", "wanted"), TAKEN.values(), ids=TAKEN)
def test_what_is_in_order(pieces: list[tuple[int, bytes]], wanted: list[list[tuple[int, bytes]]]) -> None:
    direction = Direction()
    assert [direction.take(at, payload) for at, payload in pieces] == wanted
    assert (direction.held, direction.resumes_at) == (0, None)


def test_a_gap_is_given_up() -> None:
    direction = Direction()
    assert direction.skip() == []
    for at, payload in ((10, b"k"), (3, b"de"), (5, b"f"), (4, b"eX")):
        assert direction.take(at, payload) == []
    assert (direction.resumes_at, direction.held) == (3, 6 + 4 * 128)
    # Of two that came too early, the one that begins first stays.
    assert direction.skip() == [(3, b"de"), (5, b"X")]
    assert (direction.next, direction.resumes_at, direction.held) == (6, 10, 129)
    assert direction.skip() == [(10, b"k")]
    assert (direction.next, direction.resumes_at, direction.held) == (11, None, 0)


@pytest.mark.parametrize(
    ("base", "next_position", "sequence", "wanted"),
    [
        (100, 0, 99, -1),
        (2**32 - 2, 0, 1, 3),
        (0, 0, 2**32 - 1, -1),
        (2**32, 0, 5, 5),
        # The second round, and the third.
        (10, 2**32, 10, 2**32),
        (10, 2**32 + 5, 9, 2**32 - 1),
        (10, 2**33 - 1, 11, 2**33 + 1),
        # Half a round ahead is as far behind.
        (0, 0, 2**31 - 1, 2**31 - 1),
        (0, 0, 2**31, -(2**31)),
    ],
)
def test_numbers_and_positions(base: int, next_position: int, sequence: int, wanted: int) -> None:
    direction = Direction()
    direction.base, direction.next = base, next_position
    assert direction.position(sequence) == wanted
    assert direction.sequence(wanted) % 2**32 == sequence % 2**32


def test_a_number_before_any_position_is_known() -> None:
    assert Direction().sequence(5) == 5


@given(st.binary(min_size=1, max_size=60), st.data(), st.integers(0, 2**32 - 1))
def test_any_order_cutting_and_repetition_gives_the_stream(stream: bytes, data: st.DataObject, base: int) -> None:
    direction = Direction()
    direction.base = base
    border = st.integers(0, len(stream))
    pieces = [sorted(pair) for pair in data.draw(st.lists(st.tuples(border, border)))]
    whole = [(at, at + 7) for at in range(0, len(stream), 7)]
    order = data.draw(st.permutations([*pieces, *whole, *whole]))
    found = b""
    for start, end in order:
        if start == end:
            continue
        for at, piece in direction.take(direction.position(base + start), stream[start:end]):
            assert at == len(found)
            found += piece
    assert found == stream
    assert (direction.held, direction.resumes_at) == (0, None)


def test_many_that_came_too_early_take_no_more_time_each() -> None:
    direction, order = Direction(), list(range(1, 20_001))
    Random(1).shuffle(order)
    began = process_time()
    for at in order:
        direction.take(at, b"x")
        assert direction.resumes_at is not None
    assert len(direction.take(0, b"x")) == 20_001
    assert process_time() - began < 2
