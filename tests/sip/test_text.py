"""Text to bytes and back, and numbers of any length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.sip.text import encode, read_number, shown


@given(st.binary())
def test_whatever_came_goes_out_again(data: bytes) -> None:
    assert encode(data.decode("latin-1")) == data


def test_letters_that_latin_1_does_not_have_become_utf_8() -> None:
    assert (encode("ü"), encode("ü€")) == (b"\xfc", b"\xc3\xbc\xe2\x82\xac")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain", "plain"),
        ("\xc3\xbc", "ü"),
        ("\xfc", "ü"),
        ("a\x1b[2J\r\n\x9b", "a\\x1b[2J\\r\\n\\x9b"),
        ("back\\slash", "back\\slash"),
    ],
    ids=["plain", "UTF-8", "Latin-1", "controls", "backslash"],
)
def test_nothing_shown_moves_the_cursor(text: str, wanted: str) -> None:
    assert shown(text) == wanted


@pytest.mark.parametrize(
    ("digits", "number"),
    [
        (b"0", 0),
        (b"5060", 5060),
        (b"000000000", 0),
        (b"0000000000", 0),
        (b"00000000000000000005060", 5060),
        (b"12345678901234", 1234567890),
        (b"9" * 5000, 9999999999),
    ],
)
def test_numbers_of_any_length(digits: bytes, number: int) -> None:
    assert read_number(digits) == number
