"""Where bytes go when parts of a stream are exchanged, against a stream that is exchanged as a whole."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.renumbering import Renumbering, narrowed

NARROWED: dict[str, tuple[bytes, bytes, tuple[int, int, bytes]]] = {
    "in the middle": (b"abcdef", b"abXYef", (102, 104, b"XY")),
    "longer": (b"abcdef", b"abcXdef", (103, 104, b"Xd")),
    "shorter": (b"abcdef", b"abef", (102, 104, b"")),
    "at the end": (b"abc", b"abcd", (102, 103, b"cd")),
    "at the start": (b"abc", b"Xabc", (100, 101, b"Xa")),
    "all of it": (b"abc", b"xyz", (100, 103, b"xyz")),
    "nothing is left": (b"abc", b"", (100, 103, b"")),
    "one byte": (b"a", b"b", (100, 101, b"b")),
    "one byte before the same": (b"a", b"ba", (100, 101, b"ba")),
    "the same many times": (b"aaaa", b"aa", (102, 104, b"")),
}


@pytest.mark.parametrize(("before", "after", "wanted"), NARROWED.values(), ids=NARROWED)
def test_narrowed(before: bytes, after: bytes, wanted: tuple[int, int, bytes]) -> None:
    assert narrowed(100, before, after) == wanted


@given(st.text("ab", min_size=1), st.text("ab"))
def test_what_is_narrowed_says_the_same(one: str, other: str) -> None:
    before, after = one.encode(), other.encode()
    start, end, text = narrowed(7, before, after)
    assert 7 <= start < end <= 7 + len(before)
    assert before[: start - 7] + text + before[end - 7 :] == after


def renumbering(*exchanges: tuple[int, int, bytes]) -> Renumbering:
    made = Renumbering()
    for one in exchanges:
        made.exchange(*one)
    return made


# "0123456789abcdef" becomes "01ABCDE456789bcd++ef".
STREAM = b"0123456789abcdef"
MADE = renumbering((2, 4, b"ABCDE"), (10, 11, b""), (14, 14, b"++"))
WHOLE = b"01ABCDE456789bcd++ef"


@pytest.mark.parametrize(
    ("position", "wanted"),
    [(-5, -5), (0, 0), (2, 2), (3, 3), (4, 7), (9, 12), (10, 13), (11, 13), (13, 15), (14, 18), (15, 19), (16, 20), (99, 103)],
)
def test_where_bytes_go(position: int, wanted: int) -> None:
    assert MADE.begin(position) == wanted


@pytest.mark.parametrize(
    ("start", "end", "wanted"),
    [
        (0, 16, WHOLE),
        (0, 3, b"01A"),
        # The last piece of what was exchanged has the rest of what is longer.
        (3, 6, b"BCDE45"),
        (3, 4, b"BCDE"),
        (4, 10, b"456789"),
        (10, 11, b""),
        (9, 12, b"9b"),
        # What was put in belongs to no segment that ends or begins there.
        (11, 14, b"bcd"),
        (14, 16, b"ef"),
        (13, 15, b"d++e"),
        (16, 16, b""),
    ],
)
def test_what_stands_in_the_place_of_a_segment(start: int, end: int, wanted: bytes) -> None:
    assert MADE.payload(start, STREAM[start:end]) == wanted


def test_what_is_put_in_is_behind_those_who_did_not_know_of_it() -> None:
    made = renumbering((2, 4, b""), (5, 5, b"one"), (5, 5, b"three"), (5, 7, b"X"))
    assert [made.begin(5, known) for known in (0, 1, 2, 3)] == [3, 6, 11, 11]
    assert [made.begin(6, known) for known in (0, 2)] == [12, 12]
    assert (made.inserted, made.shift) == (2, 5)


def test_nothing_was_exchanged() -> None:
    made = Renumbering()
    assert (bool(made), made.shift, made.inserted, made.begin(5), made.payload(5, b"abc")) == (False, 0, 0, 5, b"abc")
    assert MADE


def test_what_is_long_past_is_forgotten_but_for_its_length() -> None:
    made = renumbering(*((10 * number, 10 * number + 5, b"x") for number in range(1000)))
    made.forget(0)
    assert made.begin(7) == 3
    made.forget(9000)
    assert len(made._exchanges) == 256 + 100
    assert (made.shift, made.begin(9997), made.begin(9500)) == (-4000, 5997, 5700)
    assert made.payload(9990, b"0123456789") == b"x56789"
    # What is before that is thought to stand where that was the last exchange.
    assert made.begin(7) == 7 - 4 * 644
    made.forget(10_000)
    made.forget(10_000)
    assert len(made._exchanges) == 256


@given(st.data())
def test_any_cutting_gives_the_whole(data: st.DataObject) -> None:
    """And the pieces stand where the map says, however often the stream is cut anew."""
    stream = bytes(range(60))
    borders = sorted(data.draw(st.lists(st.integers(0, 60), max_size=8)))
    made, whole, at = Renumbering(), b"", 0
    for start, end in zip(borders[::2], borders[1::2], strict=False):
        text = data.draw(st.binary(max_size=8))
        # What is put in stands where a segment begins: it was, when that was sent.
        if start < end:
            made.exchange(start, end, text)
            whole += stream[at:start] + text
            at = end
    whole += stream[at:]
    for _ in range(3):
        cuts = sorted({0, 60, *data.draw(st.lists(st.integers(0, 60), max_size=8))})
        pieces = [(start, made.payload(start, stream[start:end])) for start, end in itertools.pairwise(cuts)]
        assert b"".join(piece for _, piece in pieces) == whole
        for start, piece in pieces:
            assert whole[made.begin(start) : made.begin(start) + len(piece)] == piece
