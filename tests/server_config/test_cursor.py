"""Walking over tokens: numbers and strings in every spelling, and what is said where something else stands."""

from pathlib import Path

import pytest

from scapy_rr.server_config.cursor import Cursor, NotUnderstood, read_number
from scapy_rr.server_config.found import Place
from scapy_rr.server_config.lexer import Kind, Token

from .reading import cut


def cursor(folder: Path, text: str) -> Cursor:
    """At the start of a text's tokens."""
    return Cursor([*cut(folder, text), Token(Kind.END, "", Place(folder, 99))])


NUMBERS = {
    "0": 0, "5060": 5060, "0x13c4": 5060, "010": 8, "101b": 5, "yes": 1, "true": 1, "on": 1, "enable": 1, "no": 0, "false": 0, "off": 0,
    "disable": 0, "": None, "08": None, "0x": None, "b": None, "12b": None, "1_0": None, "a": None, "Yes": None, "१": None, "9" * 33: None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), NUMBERS.items())
def test_numbers(text: str, number: int | None) -> None:
    assert read_number(text) == number


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("-5", -5), ("+ 5", 5), ("- yes", -1)])
def test_a_number_with_its_sign(tmp_path: Path, text: str, number: int) -> None:
    assert cursor(tmp_path, text).number() == number


def test_the_end_is_never_passed(tmp_path: Path) -> None:
    at = cursor(tmp_path, "a b")
    assert [at.take().text for _ in range(5)] == ["a", "b", "", "", ""]
    assert at.peek(7).kind is Kind.END


def test_what_comes(tmp_path: Path) -> None:
    at = cursor(tmp_path, 'a = "b"')
    assert (at.sees("a"), at.sees("=", 1), at.sees("b", 2)) == (True, True, False)
    assert not at.accept("b", "=")
    assert at.accept("b", "a")
    assert at.previous.text == "a"
    at.expect("=")
    assert at.string() == "b"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "a number is expected before 'a'"),
        ('"5"', "a number is expected before '5'"),
        ("- a", "a number is expected before 'a'"),
        ("", "a number is expected at the end"),
        ("\0", "it depends on a define that is not known here"),
    ],
)
def test_no_number(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(NotUnderstood, match=reason):
        cursor(tmp_path, text).number()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a", "a string in quotes is expected before 'a'"),
        ("", "a string in quotes is expected at the end"),
        ('"a\0"', "depends on a define"),
    ],
)
def test_no_string(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(NotUnderstood, match=reason):
        cursor(tmp_path, text).string()


def test_no_such_sign(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match=r"'\(' is expected before 'a'"):
        cursor(tmp_path, "a").expect("(")
