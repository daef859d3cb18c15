"""The tokens of a configuration file, as the servers' ``cfg.lex`` cut them; both come from the same ancestor.

Knows includes, comments and strings, and asks :mod:`.directives` about Kamailio's preprocessor; knows no statement.
"""

import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from ..errors import ConfigError
from .directives import Directives
from .found import Findings, Place
from .source import Source


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    """A name, a keyword or a number."""
    STRING = auto()
    IPV6 = auto()
    VARIABLE = auto()
    SIGN = auto()
    END = auto()


class Token(NamedTuple):
    """One token."""

    kind: Kind
    text: str
    """Of a string, what is in it."""
    place: Place


_SPACE = re.compile(r"(?:[ \t\b\r\n\f\v]|\\\r?\n)+")
_LINE_COMMENT = re.compile(r"(?:#|//)[^\n]*")
_COMMENT = re.compile(r"/\*")
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_QUOTE = re.compile(r"[\"']")
_DOUBLE_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_SINGLE_QUOTED = re.compile(r"'([^']*)'")
# Strings with nothing but space between them are one; a comment parts them.
_NEXT_STRING = re.compile(r'[ \t\b\r\n]*(?=")')
_ESCAPE = re.compile(r'\\(?:([nrat"\\])|x([0-9A-Fa-f]{1,2})|([0-7]{2,3})|(\r?\n))')
_ESCAPED = {"n": "\n", "r": "\r", "a": "\a", "t": "\t", '"': '"', "\\": "\\"}
_WORD = re.compile(r"[A-Za-z0-9_]+")
_GROUP = "[0-9A-Fa-f]{1,4}"
_IPV6 = re.compile("(?:G:){7}G|(?:G:){1,7}(?::G){1,7}|:(?::G){1,7}|(?:G:){1,7}:|::".replace("G", _GROUP))
_VARIABLE = re.compile(r"\$[A-Za-z0-9_.]*(\()?")
_PARENTHESIS = re.compile(r"[()]")
_INCLUDE = re.compile(r"(include_file|import_file)\b(?:[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'))?")
_KAMAILIO_INCLUDE = re.compile(rf"(?:[#!]!)?{_INCLUDE.pattern}")
_ANY = re.compile(r".", re.DOTALL)


class Lexer:
    """Cuts a source into tokens.

    :param directives: Kamailio's preprocessor; ``None`` for OpenSIPS, which has none of its own.
    """

    def __init__(self, source: Source, findings: Findings, directives: Directives | None = None) -> None:
        self._source = source
        self._findings = findings
        self._directives = directives

    def tokens(self) -> list[Token]:
        """All of them, an ``END`` last.

        :raises ConfigError: for a string, comment or condition that is not closed, or a file that includes itself.
        """
        found: list[Token] = []
        for token in self._cut():
            if not self._directives or not self._directives.swallows(token.kind is Kind.STRING, token.text, token.place):
                found.append(token)
        if self._directives:
            self._directives.close()
        return [*found, Token(Kind.END, "", self._source.place)]

    def _cut(self) -> Iterator[Token]:
        source, directives = self._source, self._directives
        while True:
            while directives and directives.skips and not source.at_end:
                directives.skip(source)
            if source.at_end:
                if not source.leave():
                    return
                continue
            if source.take(_SPACE) or self._include():
                continue
            if directives and directives.take(source):
                continue
            if source.take(_LINE_COMMENT) or self._comment():
                continue
            token = self._token()
            if token:
                yield token

    def _include(self) -> bool:
        place = self._source.place
        found = self._source.take(_KAMAILIO_INCLUDE if self._directives else _INCLUDE)
        if not found:
            return False
        kind, name = found[1], found[2] or found[3]
        if name and self._directives:
            name = self._directives.substituted(name)
        if not name:
            self._findings.ignore(kind, place, "no file name in quotes stands behind it")
            return True
        try:
            self._source.include(name)
        except ConfigError:
            raise
        except (OSError, ValueError) as error:
            # Kamailio's import_file takes a file that may be missing; OpenSIPS has two names for one thing.
            if kind == "include_file" or not self._directives or not isinstance(error, FileNotFoundError):
                why = error.strerror if isinstance(error, OSError) else str(error)
                self._findings.ignore(f'{kind} "{name}"', place, f"{why}; what stands in it is not known")
        return True

    def _comment(self) -> bool:
        place = self._source.place
        if not self._source.take(_COMMENT):
            return False
        depth = 1
        while depth:
            edge = self._source.take_until(_COMMENT_EDGE)
            if not edge:
                raise ConfigError(f"{place}: a comment is not closed")
            depth += 1 if edge[0] == "/*" else -1
        return True

    def _token(self) -> Token | None:
        """The token here; ``None`` for a name that a define replaces."""
        source, place = self._source, self._source.place
        if source.look(_QUOTE):
            return Token(Kind.STRING, self._string(place), place)
        address = source.look(_IPV6)
        word = source.look(_WORD)
        if address and (not word or address.end() > word.end()):
            source.take(_IPV6)
            return Token(Kind.IPV6, address[0], place)
        if word:
            source.take(_WORD)
            replaced = self._directives and self._directives.expand(word[0], source)
            return None if replaced else Token(Kind.WORD, word[0], place)
        variable = source.take(_VARIABLE)
        if variable:
            return Token(Kind.VARIABLE, variable[0] + (self._parenthesized(place) if variable[1] else ""), place)
        sign = source.take(_ANY)
        assert sign
        return Token(Kind.SIGN, sign[0], place)

    def _string(self, place: Place) -> str:
        single = self._source.take(_SINGLE_QUOTED)
        text = single[1] if single else ""
        while not single:
            double = self._source.take(_DOUBLE_QUOTED)
            if not double:
                raise ConfigError(f"{place}: a string is not closed")
            text += _ESCAPE.sub(_unescaped, double[1])
            if not self._source.take(_NEXT_STRING):
                break
        return self._directives.substituted(text) if self._directives else text

    def _parenthesized(self, place: Place) -> str:
        """The rest of a variable with parentheses: in it nothing else has a meaning."""
        depth = 1
        while depth:
            edge = self._source.take_until(_PARENTHESIS)
            if not edge:
                raise ConfigError(f"{place}: the parenthesis of a variable is not closed")
            depth += 1 if edge[0] == "(" else -1
        return "...)"


def _unescaped(escape: re.Match[str]) -> str:
    letter, hexadecimal, octal, _ = escape.groups()
    if letter:
        return _ESCAPED[letter]
    if hexadecimal or octal:
        return chr((int(hexadecimal, 16) if hexadecimal else int(octal, 8)) & 0xFF)
    # A line end behind a backslash is nothing.
    return ""
