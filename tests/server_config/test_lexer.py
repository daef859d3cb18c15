"""Tokens: what both servers' lexers make of text."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.server_config.found import Findings
from scapy_rr.server_config.lexer import Kind

from .reading import cut, ignored, written

W, S, SIX, V, SIGN = Kind.WORD, Kind.STRING, Kind.IPV6, Kind.VARIABLE, Kind.SIGN

CUT = {
    "listen=udp:10.0.0.1:5060": [(W, "listen"), (SIGN, "="), (W, "udp"), (SIGN, ":"), (W, "10"), (SIGN, "."), (W, "0"), (SIGN, "."),
                                 (W, "0"), (SIGN, "."), (W, "1"), (SIGN, ":"), (W, "5060")],
    "a_1 1and1 0x5": [(W, "a_1"), (W, "1and1"), (W, "0x5")],
    "[2001:db8::1]:5060": [(SIGN, "["), (SIX, "2001:db8::1"), (SIGN, "]"), (SIGN, ":"), (W, "5060")],
    "2001:db8::1:5060": [(SIX, "2001:db8::1:5060")],
    "1:2:3:4:5:6:7:8 :: ::1 fe80::": [(SIX, "1:2:3:4:5:6:7:8"), (SIX, "::"), (SIX, "::1"), (SIX, "fe80::")],
    "dead:beef": [(W, "dead"), (SIGN, ":"), (W, "beef")],
    "a # b\nc // d\n/* e\n'f' */ g": [(W, "a"), (W, "c"), (W, "g")],
    "a /* b /* c */ d */ e": [(W, "a"), (W, "e")],
    "a # no line end": [(W, "a")],
    "a #! include_file 'no.cfg'": [(W, "a")],
    '"a#b" \'c//d\' "/*"': [(S, "a#b"), (S, "c//d"), (S, "/*")],
    '"a" "b"\n  "c" \'d\'': [(S, "abc"), (S, "d")],
    '"a" # parts them\n"b"': [(S, "a"), (S, "b")],
    r'"a\"b\\c\n\x41\101\d\1"': [(S, 'a"b\\c\nAA\\d\\1')],
    '"a\\\nb"': [(S, "ab")],
    r"'a\'": [(S, "a\\")],
    "''": [(S, "")],
    '"two\nlines"': [(S, "two\nlines")],
    "$ru $var(a) $(hdr(X){s.select,0,#}) $avp(x)[0]": [(V, "$ru"), (V, "$var(...)"), (V, "$(...)"), (V, "$avp(...)"), (SIGN, "["),
                                                       (W, "0"), (SIGN, "]")],
    "$sht(a=>$si)=1": [(V, "$sht(...)"), (SIGN, "="), (W, "1")],
    "a\\\nb\r\nc": [(W, "a"), (W, "b"), (W, "c")],
    "if (!a) { b; }": [(W, "if"), (SIGN, "("), (SIGN, "!"), (W, "a"), (SIGN, ")"), (SIGN, "{"), (W, "b"), (SIGN, ";"), (SIGN, "}")],
    "": [],
}  # fmt: skip


@pytest.mark.parametrize("dialect", ["kamailio", "opensips"])
@pytest.mark.parametrize("text", CUT, ids=repr)
def test_tokens(tmp_path: Path, text: str, dialect: str) -> None:
    assert [(token.kind, token.text) for token in cut(tmp_path, text, dialect)] == CUT[text]


def test_each_token_has_its_line(tmp_path: Path) -> None:
    tokens = cut(tmp_path, 'a /*\n*/ b\n"c\nd" e\n\n$(f\n)\ng')
    assert [(token.text, token.place.line) for token in tokens] == [("a", 1), ("b", 2), ("c\nd", 3), ("e", 4), ("$(...)", 6), ("g", 8)]


UNCLOSED = {
    'a\nb "c\nd': (2, "a string is not closed"),
    "a 'b": (1, "a string is not closed"),
    '"a" "b': (1, "a string is not closed"),
    '"a\\"': (1, "a string is not closed"),
    "\n/* a /* b */": (2, "a comment is not closed"),
    "$(a(b)\n\n": (1, "the parenthesis of a variable is not closed"),
}


@pytest.mark.parametrize("dialect", ["kamailio", "opensips"])
@pytest.mark.parametrize("text", UNCLOSED, ids=repr)
def test_what_is_not_closed(tmp_path: Path, text: str, dialect: str) -> None:
    line, reason = UNCLOSED[text]
    with pytest.raises(ConfigError) as raised:
        cut(tmp_path, text, dialect)
    assert str(raised.value) == f"{tmp_path / 'server.cfg'}, line {line}: {reason}"


@pytest.mark.parametrize(
    ("dialect", "statement"),
    [
        ("kamailio", 'include_file "part.cfg"'),
        ("kamailio", "  import_file 'part.cfg'"),
        ("kamailio", '#!include_file "part.cfg"'),
        ("kamailio", '!!import_file "part.cfg"'),
        ("opensips", 'include_file "part.cfg"'),
        ("opensips", "import_file 'part.cfg'"),
        ("opensips", 'include_file"part.cfg"'),
    ],
)
def test_include(tmp_path: Path, statement: str, dialect: str) -> None:
    part = written(tmp_path, "b\nc", "part.cfg")
    tokens = cut(tmp_path, f"a {statement} d", dialect)
    assert [(token.text, token.place.file == part, token.place.line) for token in tokens] == [
        ("a", False, 1),
        ("b", True, 1),
        ("c", True, 2),
        ("d", False, 1),
    ]


def test_what_is_a_comment_for_opensips(tmp_path: Path) -> None:
    assert [token.text for token in cut(tmp_path, 'a\n#!include_file "nothing.cfg"\n#!define b c\nb', "opensips")] == ["a", "b"]


MISSING = "No such file or directory; what stands in it is not known"


@pytest.mark.parametrize(
    ("dialect", "statement", "named"),
    [
        ("kamailio", 'include_file "nothing.cfg"', [('include_file "nothing.cfg"', 2, MISSING)]),
        ("kamailio", 'import_file "nothing.cfg"', []),
        ("opensips", 'include_file "nothing.cfg"', [('include_file "nothing.cfg"', 2, MISSING)]),
        ("opensips", 'import_file "nothing.cfg"', [('import_file "nothing.cfg"', 2, MISSING)]),
        ("kamailio", 'import_file "."', [('import_file "."', 2, "Is a directory; what stands in it is not known")]),
        ("kamailio", "include_file nothing", [("include_file", 2, "no file name in quotes stands behind it")]),
        ("kamailio", 'include_file ""', [("include_file", 2, "no file name in quotes stands behind it")]),
        ("kamailio", 'include_file "\0"', [('include_file "\0"', 2, "embedded null byte; what stands in it is not known")]),
    ],
)
def test_an_include_that_cannot_be_read(tmp_path: Path, dialect: str, statement: str, named: list[tuple[str, int, str]]) -> None:
    findings = Findings()
    tokens = cut(tmp_path, f"a\n{statement}\nb", dialect, findings)
    assert [tokens[0].text, tokens[-1].text] == ["a", "b"]
    assert ignored(findings) == named


@pytest.mark.parametrize("dialect", ["kamailio", "opensips"])
def test_files_that_include_each_other(tmp_path: Path, dialect: str) -> None:
    written(tmp_path, '\n\ninclude_file "server.cfg"', "part.cfg")
    with pytest.raises(ConfigError, match=r"part\.cfg, line 3: 'server\.cfg' includes itself"):
        cut(tmp_path, 'include_file "part.cfg"', dialect)


def test_the_same_file_twice_is_no_loop(tmp_path: Path) -> None:
    written(tmp_path, "a ", "part.cfg")
    assert len(cut(tmp_path, 'include_file "part.cfg" include_file "part.cfg"')) == 2
