"""POSIX extended regular expressions: against the C library's own, which the servers use."""

import ctypes
import locale
import platform
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError
from scapy_rr.rr.posix_regex import compile_posix

# What the modules compile with; the numbers are glibc's.
REG_EXTENDED, REG_ICASE, REG_NEWLINE = 1, 2, 4
needs_glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc, whose numbers these are")


class Posix:
    """An expression in the hands of ``regcomp`` and ``regexec``."""

    def __init__(self, expression: bytes) -> None:
        self._libc = ctypes.CDLL(None)
        self._compiled = ctypes.create_string_buffer(256)
        self.accepted = self._libc.regcomp(self._compiled, expression, REG_EXTENDED | REG_ICASE | REG_NEWLINE) == 0

    def __enter__(self) -> "Posix":
        return self

    def __exit__(self, *_: object) -> None:
        if self.accepted:
            self._libc.regfree(self._compiled)

    def matches(self, subject: bytes) -> bool:
        return bool(self._libc.regexec(self._compiled, subject, 0, None, 0) == 0)


@pytest.fixture(autouse=True, scope="module")
def c_locale() -> Iterator[None]:
    """The servers never leave the locale that a C program starts with."""
    before = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, "C")
    yield
    locale.setlocale(locale.LC_ALL, before)


# Expression, subjects that match, subjects that do not.
MATCHES: list[tuple[str, list[bytes], list[bytes]]] = [
    ("nat=yes", [b";lr;nat=yes", b";NAT=YES", b"nat=yesterday"], [b"", b";nat=no"]),
    ("^;lr", [b";lr;x", b"a\n;lr"], [b"lr", b" ;lr"]),
    ("bar$", [b"foobar", b"bar\nx"], [b"bar;"]),
    ("a.c", [b"abc", b"a;c"], [b"a\nc", b"ac"]),
    ("a[^b]c", [b"axc", b"a;c"], [b"abc", b"aBc", b"a\nc"]),
    ("ftag=[a-z]+-[0-9]+;", [b";ftag=Caller-1928;"], [b";ftag=1928;"]),
    ("(nat|x)=yes", [b"x=yes", b"NAT=yes"], [b"y=yes"]),
    ("fo{2}", [b"foo", b"fooo"], [b"fo"]),
    ("^fo{,2}$", [b"f", b"foo"], [b"fooo"]),
    ("^fo{1,}$", [b"fo", b"foooo"], [b"f"]),
    ("^a{,}$", [b"", b"aaa"], [b"ab"]),
    ("^(ab)*$", [b"", b"abab"], [b"aba"]),
    ("^a*?$", [b"", b"aa"], [b"b"]),
    ("^a+*$", [b"", b"aa"], [b"ab"]),
    ("a||b", [b"", b"x"], []),
    ("()", [b"", b"x"], []),
    # A closing parenthesis and a closing brace alone are themselves, and so is what stands in brackets.
    ("a)", [b"a)"], [b"a"]),
    ("a}", [b"a}"], [b"a"]),
    ("[]a]", [b"]", b"A"], [b"b"]),
    ("[^]a]", [b"b"], [b"]", b"a"]),
    ("[a-]", [b"-", b"a"], [b"b"]),
    ("[\\]", [b"\\"], [b"]"]),
    ("[*.$^|]", [b"*", b"^", b"|"], [b"a"]),
    ("[[:digit:]-]", [b"7", b"-"], [b"a"]),
    ("[[:upper:]]", [b"a", b"A"], [b"1"]),
    ("[[:alnum:]_.]", [b"_", b"z"], [b";"]),
    ("[[:space:]]", [b"\t", b"\n"], [b"a"]),
    ("[[:punct:]]", [b";", b"~"], [b"a", b" "]),
    ("[[:blank:][:cntrl:]]", [b"\t", b"\x01"], [b"a"]),
    ("[[:xdigit:]]", [b"f", b"F"], [b"g"]),
    ("^[[:print:]]$", [b" ", b"~"], [b"\t", b"\x80"]),
    ("^[[:graph:]]$", [b"~"], [b" "]),
    ("[[:alpha:]]", [b"q"], [b"\xe9", b"5"]),
    ("[[.-.]-/]", [b"-", b".", b"/"], [b","]),
    ("[[=a=]b]", [b"A", b"b"], [b"c"]),
    # A range is made of capitals: [A-z] does not take what stands between Z and a.
    ("[A-z]", [b"a", b"Z"], [b"_", b"^"]),
    ("[%--]", [b"%", b"-", b"+"], [b"."]),
    ("\\.\\*\\(\\[\\{\\|\\\\", [b".*([{|\\"], [b""]),
    # glibc's own escapes.
    ("\\w\\W", [b"a;"], [b"ab"]),
    ("\\s\\S", [b" a"], [b"a "]),
    ("\\bnat\\b", [b";nat="], [b"nats"]),
    ("\\Bat", [b"nat"], [b";at"]),
    ("^\\B$", [b""], [b"a"]),
    ("\\<a\\>", [b";a;"], [b"ab", b"ba"]),
    ("\\`a\\'", [b"a"], [b"a\n", b"\na"]),
    # A small letter that is escaped for nothing never matches with REG_ICASE, a capital does.
    ("\\d", [], [b"1", b"d", b"D"]),
    ("\\D", [b"d", b"D"], [b"1"]),
    ("x\\d*", [b"x"], [b"d"]),
    ("(a|b)\\1", [b"aa", b"bB"], [b"ab"]),
    ("((a)|b)\\2", [b"aa"], [b"bb"]),
    ("\xe9", [b"\xe9"], [b"\xc9", b"e"]),
]


@needs_glibc
@pytest.mark.parametrize(("expression", "found", "missed"), MATCHES)
def test_match_as_the_c_library(expression: str, found: list[bytes], missed: list[bytes]) -> None:
    ours = compile_posix(expression)
    with Posix(expression.encode("latin-1")) as theirs:
        assert theirs.accepted
        for subject in found + missed:
            assert theirs.matches(subject) is (subject in found)
            assert bool(ours.search(subject)) is (subject in found)


REFUSED = {
    "(": "a parenthesis is not closed",
    "(a(b)": "a parenthesis is not closed",
    "*a": r"nothing stands before '\*'",
    "a|*": r"nothing stands before '\*'",
    "(+a)": r"nothing stands before '\+'",
    "^*": r"nothing stands before '\*'",
    "{1}": "nothing stands before '{'",
    "a{": "an interval is",
    "a{}": "an interval is",
    "a{x}": "an interval is",
    "a{1": "an interval is",
    "a{2,1}": "an interval runs from low to high",
    "a{32768}": "32767 at most",
    "a\\": "a backslash at the end",
    "[": "a bracket is not closed",
    "[a": "a bracket is not closed",
    "[]": "a bracket is not closed",
    "[^]": "a bracket is not closed",
    "[a-": "a hyphen stands between two ranges",
    "[b-a]": "a range runs from one character to a later one",
    # In capitals, "a" stands before "[".
    "[[-a]": "a range runs from one character to a later one",
    "[a-b-c]": "a hyphen stands between two ranges",
    "[[:alpha:]-z]": "a range runs from one character to a later one",
    "[a-[:alpha:]]": "a range runs from one character to a later one",
    "[[=a=]-z]": "a range runs from one character to a later one",
    "[[:foo:]]": r"\[:foo:\] is no character class; those there are: alnum, ",
    "[[:ALPHA:]]": "is no character class",
    "[[:alpha]": r"\[: is not closed",
    "[[.ab.]]": "names a collating element",
    "[[.": r"\[. is not closed",
    "\\1": r"\\1 refers to a group that is not complete",
    "(a\\1)": r"\\1 refers to a group that is not complete",
    "(a)\\2": r"\\2 refers to a group that is not complete",
    "(a)|\\1": r"\\1 refers to a group that is not complete",
}


@needs_glibc
@pytest.mark.parametrize(("expression", "reason"), REFUSED.items())
def test_refused_as_by_the_c_library(expression: str, reason: str) -> None:
    with Posix(expression.encode()) as theirs:
        assert not theirs.accepted
    with pytest.raises(ConfigError, match=reason):
        compile_posix(expression)


# What glibc would take and we do not: refused by name.
OURS_ALONE = {
    "a" * 4097: "4097 characters; at most 4096",
    "€": "regular expression '€'",
    "(" * 2000 + ")" * 2000: "recursion",
}


@pytest.mark.parametrize(("expression", "reason"), OURS_ALONE.items(), ids=["too long", "no Latin-1", "too deep"])
def test_refused_by_us_alone(expression: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        compile_posix(expression)


PIECES = [
    "a", "b", "n", "=", ";", ".", "*", "+", "?", "{2}", "{1,2}", "{,2}", "{2,}", "{,}", "{0}", "{1,0}", "{1", "{", "}", "{a}", "(", ")",
    "()", "|", "^", "$", "[ab]", "[^a]", "[^a;]", "[]a]", "[^]a]", "[a-b]", "[b-a]", "[a-b-]", "[a-b-c]", "[a-", "]", "[", "-", "[a-]",
    "[-a]", "[a\\]", "[--/]", "[+--]", "[A-z]", "[[:alpha:]]", "[[:digit:]]", "[[:SPACE:]]", "[[:foo:]]", "[[:digit:]-z]", "[[.a.]]",
    "[[.-.]-/]", "[[=a=]]", "[[=a=]-z]", "[a-[=z=]]", "[\\w]", "\\.", "\\*", "\\(", "\\)", "\\{", "\\w", "\\W", "\\s", "\\S", "\\b",
    "\\B", "\\<", "\\>", "\\`", "\\'", "\\", "\\n", "\\d", "A", "_", "1", "\\1", "\\2", "\n", " ",
]  # fmt: skip
SUBJECTS = st.text(st.sampled_from("abnAB1=;_-.[](){}*\\/ \t\n"), max_size=12).map(str.encode)


@needs_glibc
@settings(max_examples=1500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join), st.lists(SUBJECTS, max_size=6))
@example("\\'()|A\\'\\1[]a]", [b"a"])
@example("(()|a)\\2", [b"a", b""])
def test_drawn_expressions(expression: str, subjects: list[bytes]) -> None:
    """Both take it or both refuse it, and both find a match or neither."""
    with Posix(expression.encode()) as theirs:
        try:
            ours = compile_posix(expression)
        except ConfigError:
            assert not theirs.accepted
            return
        assert theirs.accepted
        for subject in [b"", b";lr;ftag=a;nat=yes", *subjects]:
            assert bool(ours.search(subject)) is theirs.matches(subject)
