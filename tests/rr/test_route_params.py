"""Parameters of our own Route: the value by name, an expression, the direction."""

import re

import pytest

from scapy_rr.rr import route_params
from scapy_rr.rr.route_params import Direction, listed

VALUES: dict[str, tuple[bytes, bytes, bytes | None]] = {
    "first": (b"ftag=1928;lr", b"ftag", b"1928"),
    "last": (b"lr;ftag=1928", b"ftag", b"1928"),
    "without a value": (b"lr;nat;ftag=1", b"nat", b""),
    "not there": (b"lr;ftag=1", b"natx", None),
    "none at all": (b"", b"ftag", None),
    "names have case": (b"lr;FTAG=1928", b"ftag", None),
    "a longer name is another": (b"lr;xftag=1928;y", b"ftag", None),
    "a name that begins alike is passed over": (b"ftags=1;ftag=2", b"ftag", b"2"),
    "in double quotes": (b'lr;ftag="1;2"', b"ftag", b"1;2"),
    "in single quotes (direction-form-06)": (b"lr;ftag='zzz'", b"ftag", b"zzz"),
    "an escaped quote": (b'lr;ftag="a\\"b";x', b"ftag", b'a\\"b'),
    "a quote that is not closed": (b'lr;ftag="abc', b"ftag", b"abc"),
    "behind a quoted semicolon (direction-form-08)": (b'lr;x=";ftag=no";ftag=zzz', b"ftag", b"zzz"),
    "blanks around": (b"lr; ftag = zzz ;x", b"ftag", b"zzz"),
    "a value that is missing": (b"lr;xx;ftag=", b"ftag", None),
    # direction-form-01, -02: what begins within the last len(name) + 1 bytes is not found.
    "a value of one character, alone": (b"ftag=z", b"ftag", None),
    "a value of two characters, alone": (b"ftag=zz", b"ftag", b"zz"),
    "a value of one character, behind another (direction-form-03)": (b"lr;ftag=z", b"ftag", b"z"),
    "without a value at the very end": (b"lr;nat", b"nat", None),
}


@pytest.mark.parametrize(("params", "name", "value"), VALUES.values(), ids=VALUES)
def test_get(params: bytes, name: bytes, value: bytes | None) -> None:
    assert route_params.get(params, name) == value


DIRECTIONS: dict[str, tuple[bytes, bytes | None, Direction]] = {
    "the caller's tag": (b"lr;ftag=1928", b"1928", Direction.DOWNSTREAM),
    "another tag": (b"lr;ftag=1928", b"callee", Direction.UPSTREAM),
    "tags have case": (b"lr;ftag=AB12", b"ab12", Direction.UPSTREAM),
    "no ftag": (b"lr;nat=yes", b"1928", Direction.DOWNSTREAM),
    "an ftag without a value": (b"lr;ftag;nat=yes", b"1928", Direction.DOWNSTREAM),
    "no From tag": (b"lr;ftag=1928", None, Direction.DOWNSTREAM),
    "an empty From tag": (b"lr;ftag=1928", b"", Direction.DOWNSTREAM),
    "no parameters": (b"", b"1928", Direction.DOWNSTREAM),
}


@pytest.mark.parametrize(("params", "tag", "expected"), DIRECTIONS.values(), ids=DIRECTIONS)
def test_direction(params: bytes, tag: bytes | None, expected: Direction) -> None:
    assert route_params.direction(params, tag) is expected


@pytest.mark.parametrize(
    ("text", "direction"),
    [
        ("upstream", Direction.UPSTREAM),
        ("downstream", Direction.DOWNSTREAM),
        ("UpStream", Direction.UPSTREAM),
        ("downstreamer", Direction.DOWNSTREAM),
        ("up", None),
        ("", None),
        (" upstream", None),
    ],
)
def test_read_direction(text: str, direction: Direction | None) -> None:
    assert route_params.read_direction(text) is direction


# The parameters are seen with a semicolon before them, and are never matched where there are none (check-param-…).
MATCHES = [
    (b"lr;nat=yes", rb"nat=yes", True),
    (b"lr;nat=yes", rb"^;lr", True),
    (b"lr;nat=yes", rb"^lr", False),
    (b"lr;nat=yes", rb";nat=yes$", True),
    (b";lr", rb"^;lr", True),
    (b";lr", rb";;", False),
    (b"", rb"", False),
    (b"", rb".*", False),
]


@pytest.mark.parametrize(("params", "expression", "found"), MATCHES)
def test_matches(params: bytes, expression: bytes, found: bool) -> None:
    assert route_params.matches(params, re.compile(expression)) is found


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (b"", [(b"", b"")]),
        (b"lr", [(b"lr", b"")]),
        (b'A=1;b = "x y" ;a=2', [(b"a", b"2"), (b"b", b"x y"), (b"a", b"1")]),
        (b"lr;ftag=", [(b"ftag", b""), (b"lr", b"")]),
        (b" lr", None),
        (b"ftag=;lr", None),
        (b"ftag= ;lr", None),
        (b"lr; ", None),
        (b'x="a', None),
        (b'x="a;x="b', None),
        (b'x="a\\"b";y', [(b"y", b""), (b"x", b'a\\"b')]),
    ],
)
def test_listed(params: bytes, expected: list[tuple[bytes, bytes]] | None) -> None:
    """``parse_params``"""
    assert listed(params) == expected
