"""Edits: collected against the original buffer, applied once."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scapy_rr.sip.edits import Edits

DATA = b"0123456789"

# A method of Edits and its arguments.
Call = tuple[Any, ...]

CASES: dict[str, tuple[list[Call], bytes]] = {
    "delete": ([("delete", 2, 5)], b"0156789"),
    "delete all": ([("delete", 0, 10)], b""),
    "insert in front": ([("insert", 0, b"ab")], b"ab0123456789"),
    "insert at the end": ([("insert", 10, b"ab")], b"0123456789ab"),
    "replace": ([("replace", 4, 6, b"abc")], b"0123abc6789"),
    "the order of calls does not matter": ([("delete", 8, 9), ("delete", 1, 2)], b"02345679"),
    "but it does at one place": ([("insert", 3, b"a"), ("insert", 3, b"b")], b"012ab3456789"),
    "deleted twice is deleted once": ([("delete", 2, 5), ("delete", 2, 5)], b"0156789"),
    "overlapping": ([("delete", 2, 5), ("delete", 4, 7)], b"01789"),
    "one in another": ([("delete", 2, 8), ("delete", 4, 5)], b"0189"),
    "adjoining": ([("delete", 2, 5), ("delete", 5, 7)], b"01789"),
    "an insertion before what is deleted stays": ([("delete", 2, 5), ("insert", 2, b"a")], b"01a56789"),
    "an insertion behind what is deleted stays": ([("delete", 2, 5), ("insert", 5, b"a")], b"01a56789"),
    "an insertion between two deletions stays": ([("delete", 2, 5), ("insert", 5, b"a"), ("delete", 5, 7)], b"01a789"),
    "an insertion within what is deleted goes": ([("delete", 2, 5), ("insert", 3, b"a")], b"0156789"),
    "an insertion in an overlap goes": ([("delete", 0, 5), ("delete", 3, 8), ("insert", 3, b"a")], b"89"),
}


@pytest.mark.parametrize(("calls", "expected"), CASES.values(), ids=CASES)
def test_apply(calls: list[Call], expected: bytes) -> None:
    edits = Edits()
    for name, *arguments in calls:
        getattr(edits, name)(*arguments)
    assert edits.apply(DATA) == expected
    assert edits


def test_none_is_the_same_object() -> None:
    edits = Edits()
    assert edits.apply(DATA) is DATA
    assert not edits


def test_copy_goes_its_own_way() -> None:
    edits = Edits()
    edits.delete(0, 1)
    other = edits.copy()
    other.delete(1, 2)
    assert edits.apply(DATA) == b"123456789"
    assert other.apply(DATA) == b"23456789"


def model(edits: list[tuple[int, int, bytes]]) -> bytes:
    """What edits mean, byte by byte: a byte stays if nothing deletes it, a text if it is not strictly inside what another deletes."""
    out = b""
    for place in range(len(DATA) + 1):
        if not any(start < place < end for start, end, _ in edits):
            out += b"".join(text for start, _, text in edits if start == place)
        if place < len(DATA) and not any(start <= place < end for start, end, _ in edits):
            out += DATA[place : place + 1]
    return out


SPANS = st.tuples(st.integers(0, len(DATA)), st.integers(0, len(DATA)), st.sampled_from([b"", b"a", b"bc"])).map(
    lambda edit: (min(edit[:2]), max(edit[:2]), edit[2])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(SPANS, max_size=6))
def test_apply_is_what_the_edits_mean(spans: list[tuple[int, int, bytes]]) -> None:
    edits = Edits()
    for start, end, text in spans:
        edits.replace(start, end, text)
    assert edits.apply(DATA) == model(spans)
