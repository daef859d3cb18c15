"""Kamailio's preprocessor: what is left of the text, and what of it is not known here."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.server_config.directives import UNKNOWN
from scapy_rr.server_config.found import Findings

from .reading import cut, ignored, written

# The text, and what is left of it; the server was asked about each by what it then listens on.
LEFT = {
    "#!define A 5060\nA": "5060",
    "#!def A 5060\nA": "5060",
    "!!define A 5060\nA": "5060",
    "x #!define A 5060\nA": "x 5060",
    "#!define A\nx A y": "x y",
    "#!define A  5060  # a comment\nA b\nc": "5060 c",
    "#!define A 50\\\n60\nA": "5060",
    "#!define A 5060\r\nA": "5060",
    "#!define A 5060": "",
    '#!define A "B"\n#!define B c\nA': "B",
    "#!define A B\n#!define B c\nA": "c",
    "#!define A 10.0\nA.0.1": "10 . 0 . 0 . 1",
    "#!define A x\nsip.A.com 'A' AA A1": "sip . x . com A AA A1",
    "#!define A 1\n#!redefine A 2\n#!trydef A 3\nA": "2",
    "#!redef A 1\nA": "1",
    "#!trydefine A 1\nA": "1",
    "#!define listen x\nlisten": "listen",
    "#!define 5A x\n5A": "5A",
    "#!ifdef A\na\n#!endif\nb": "b",
    "#!define A\n#!ifdef A\na\n#!endif\nb": "a b",
    "#!ifndef A\na\n#!else\nb\n#!endif\nc": "a c",
    "#!define A\n#!ifndef A\na\n#!else\nb\n#!endif\nc": "b c",
    "#!ifdef A\n#!ifndef A\na\n#!else\nb\n#!endif\nc\n#!endif\nd": "d",
    "#!ifndef A\n#!ifdef A\na\n#!else\nb\n#!endif\nc\n#!endif\nd": "b c d",
    "#!ifdef A // behind it\na\n#!endif\nb": "b",
    "#!ifdef A\n\"'/*{ $(\n#!endif\nb": "b",
    "#!ifdef A\n# #!endif\nb": "b",
    "#!ifdef A\na\n#!else # with a comment it is one\nb\n#!endif\nc": "c",
    "#!ifdef A\n#!define B x\n#!endif\nB": "B",
    "#!else\na": "a",
    "# #!ifdef A\nb": "b",
    "#!KAMAILIO\na": "a",
    "#!unknown A\na": "a",
    "!!unknown a": "! ! unknown a",
    'loadmodule "rr.so"\n#!ifdef MOD_rr\na\n#!endif': "loadmodule rr.so a",
    "loadmodule '/usr/lib/tm.so'\n#!ifdef MOD_tm\na\n#!endif": "loadmodule /usr/lib/tm.so a",
    '#!substdef "!A!5060!g"\nA "xAx" \'A\'': "5060 x5060x 5060",
    '"A" #!subst "/A/b/"\nA "AA"': "A A bA",
    '#!substdefs "/A/10.0.0.1/"\nA': "10.0.0.1",
    '#!subst\n"/A/b/"\na "A"': "a b",
    '#!subst a\n"x"': "a x",
}


@pytest.mark.parametrize("text", LEFT, ids=repr)
def test_what_is_left(tmp_path: Path, text: str) -> None:
    assert " ".join(token.text for token in cut(tmp_path, text)) == LEFT[text]


REFUSED = {
    "a\n#!ifdef A\n": (2, "a condition has no #!endif"),
    "#!ifdef A\n#!endif // with a comment it is one": (1, "a condition has no #!endif"),
    "#!ifndef A\n#!ifdef A\n#!endif\n": (1, "a condition has no #!endif"),
    "\n#!endif\n": (2, "#!endif without a condition"),
    "#!define A 1\n#!define A 1": (2, "A is defined already; #!redefine defines again, #!trydef only where it is not"),
    '#!define A 1\n#!substdef "/A/b/"': (2, "A is defined already; #!redefine defines again, #!trydef only where it is not"),
    "#!define A A\n\nA": (3, "A and other defines are replaced too often; does one contain itself?"),
    "#!define A B B\n#!define B A A\nA": (3, "replaced too often"),
}


@pytest.mark.parametrize("text", REFUSED, ids=repr)
def test_what_the_server_refuses(tmp_path: Path, text: str) -> None:
    line, reason = REFUSED[text]
    with pytest.raises(ConfigError) as raised:
        cut(tmp_path, text)
    assert str(raised.value).startswith(f"{tmp_path / 'server.cfg'}, line {line}: ")
    assert reason in str(raised.value)


OUTSIDE = "what it is depends on the server's environment, or on an expression"
NAMED = {
    "\n#!ifexp 1 == 1 \na\n#!else\nb\n#!endif": ("b", [("#!ifexp 1 == 1", 2, "expressions are not evaluated: it is taken not to hold")]),
    "#!ifdef A\n#!ifexp 1\n#!endif\n#!endif": ("", []),
    "#!ifdef KAMAILIO_5_6\na\n#!endif": (
        "",
        [("#!ifdef KAMAILIO_5_6", 1, "the server's version is not known: it is taken as not defined")],
    ),
    "#!defenv A\nA\n#!ifdef A\nb\n#!endif": (f"{UNKNOWN} b", [("#!defenv A", 1, OUTSIDE)]),
    "#!defenvs A=HOST\nA": (UNKNOWN, [("#!defenvs A", 1, OUTSIDE)]),
    "#!trydefenv A\nA": ("A", [("#!trydefenv A", 1, OUTSIDE)]),
    "#!defexp A 1 + 1\nA": (UNKNOWN, [("#!defexp A", 1, OUTSIDE)]),
    '#!substdef "/A/$env(HOST)/"\nA "xA"': (
        f"{UNKNOWN} x{UNKNOWN}",
        [('#!substdef "/A/$env(HOST)/"', 1, "a variable in it is not known here")],
    ),
    '#!subst "/[a]/b/"\na "a"': (
        "a a",
        [('#!subst "/[a]/b/"', 1, "brackets, intervals and escaped letters in an expression are not understood")],
    ),
}


@pytest.mark.parametrize("text", NAMED, ids=repr)
def test_what_is_not_known_is_named(tmp_path: Path, text: str) -> None:
    findings = Findings()
    left, named = NAMED[text]
    assert " ".join(token.text for token in cut(tmp_path, text, "kamailio", findings)) == left
    assert ignored(findings) == named


def test_defines_of_the_command_line(tmp_path: Path) -> None:
    findings = Findings()
    text = "#!ifdef KAMAILIO_5_6\nA B\n#!endif\n#!defenv B"
    tokens = cut(tmp_path, text, "kamailio", findings, KAMAILIO_5_6="", A="5060", B="x y")
    assert [token.text for token in tokens] == ["5060", "x", "y"]
    assert ignored(findings) == []
    with pytest.raises(ConfigError, match="A is defined already"):
        cut(tmp_path, "#!define A 1", A="5060")


def test_conditions_reach_over_files(tmp_path: Path) -> None:
    """The server counts them over all files together."""
    written(tmp_path, "#!ifdef A\na\n", "part.cfg")
    assert [token.text for token in cut(tmp_path, 'include_file "part.cfg"\nb\n#!endif\nc')] == ["c"]


def test_the_name_of_an_included_file_is_a_string(tmp_path: Path) -> None:
    written(tmp_path, "a", "part.cfg")
    assert [token.text for token in cut(tmp_path, '#!subst "/WHICH/part/"\ninclude_file "WHICH.cfg"')] == ["a"]
