"""POSIX extended regular expressions, as the servers' ``regcomp(REG_EXTENDED | REG_ICASE | REG_NEWLINE)`` takes them, for Python's ``re``.

What means the same is passed on, what is written differently is rewritten, and what Python cannot say is refused by name. Whether there
is a match is all that the servers ask; POSIX' longest of several matches makes no difference to that.
"""

import re
from typing import NamedTuple

from ..errors import ConfigError

_CLASSES = {
    "alnum": "0-9A-Za-z", "alpha": "A-Za-z", "blank": r" \t", "cntrl": r"\x00-\x1f\x7f", "digit": "0-9", "graph": r"\x21-\x7e",
    "lower": "A-Za-z", "print": r"\x20-\x7e", "punct": r"!-/:-@\[-`{-~", "space": r" \t\n\r\x0b\x0c", "upper": "A-Za-z",
    "xdigit": "0-9A-Fa-f",
}  # fmt: skip
# glibc's own escapes. Python's \B does not match the empty text before 3.14.
_ESCAPES = {
    "w": "[0-9A-Za-z_]", "W": r"[^0-9A-Za-z_]", "s": r"[ \t\n\r\x0b\x0c]", "S": r"[^ \t\n\r\x0b\x0c]", "b": r"\b", "B": r"(?!\b)",
    "<": r"\b(?=\w)", ">": r"\b(?<=\w)", "`": r"\A", "'": r"\Z",
}  # fmt: skip
_INTERVAL = re.compile(r"\{(\d*)(?:(,)(\d*))?\}")
# RE_DUP_MAX
_MOST_REPEATS = 32_767
_LONGEST = 4096


def compile_posix(expression: str) -> re.Pattern[bytes]:
    """Compile a POSIX extended regular expression for bytes (Latin-1), case ignored.

    :raises ConfigError: where ``regcomp`` would not take it, or Python has no equal for it; the reason says which.
    """
    if len(expression) > _LONGEST:
        raise ConfigError(f"regular expression of {len(expression)} characters; at most {_LONGEST} are taken")
    pattern = _Translator(expression).translate()
    try:
        return re.compile(pattern.encode("latin-1"), re.IGNORECASE | re.MULTILINE)
    except (re.error, UnicodeEncodeError, OverflowError, RecursionError) as error:
        raise ConfigError(f"regular expression {expression!r}: {error}") from None


class _Level(NamedTuple):
    """One open parenthesis, or the expression itself."""

    group: int
    start: int
    """Where it begins in the output."""
    before: frozenset[int]
    """The groups complete before it, which every alternative begins with."""
    seen: frozenset[int]
    """The groups complete behind any of its alternatives so far."""


class _Translator:
    """One pass over the expression."""

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._at = 0
        self._groups = 0
        self._levels = [_Level(0, 0, frozenset(), frozenset())]
        # The groups that a backreference may name here.
        self._complete: frozenset[int] = frozenset()
        # Whether the last thing can be repeated, and where it begins in the output.
        self._atom: int | None = None
        self._out: list[str] = []

    def translate(self) -> str:
        while self._at < len(self._text):
            self._one(self._text[self._at])
        if len(self._levels) > 1:
            raise self._bad("a parenthesis is not closed")
        return "".join(self._out)

    def _bad(self, reason: str) -> ConfigError:
        return ConfigError(f"regular expression {self._text!r}: {reason} (at character {self._at})")

    def _one(self, char: str) -> None:
        if char in "*+?" or char == "{":
            self._repeat(char)
        elif char == "(":
            self._groups += 1
            self._levels.append(_Level(self._groups, len(self._out), self._complete, self._complete))
            self._emit("(", None)
        elif char == ")" and len(self._levels) > 1:
            level = self._levels.pop()
            self._complete |= level.seen | {level.group}
            self._emit(")", level.start)
        elif char == "|":
            # What a group in one alternative matched is not known in the next.
            level = self._levels[-1]
            self._levels[-1] = level._replace(seen=level.seen | self._complete)
            self._complete = level.before
            self._emit("|", None)
        elif char in "^$":
            # Anchors everywhere in an expression, and before and behind every line end.
            self._emit("^" if char == "^" else r"(?=\n|\Z)", None)
        elif char == ".":
            self._emit("[^\n\x00]", len(self._out))
        elif char == "[":
            start = len(self._out)
            self._emit(self._bracket(), start, advance=0)
        elif char == "\\":
            self._escape()
        else:
            self._emit(re.escape(char), len(self._out))

    def _emit(self, text: str, atom: int | None, advance: int = 1) -> None:
        self._out.append(text)
        self._atom = atom
        self._at += advance

    def _repeat(self, char: str) -> None:
        if self._atom is None:
            raise self._bad(f"nothing stands before {char!r} that it could repeat")
        length = 1
        quantifier = char
        if char == "{":
            match = _INTERVAL.match(self._text, self._at)
            if not match or not (match[1] or match[2]):
                raise self._bad("an interval is {n}, {n,}, {n,m}, {,m} or {,}")
            low, high = int(match[1] or 0), int(match[3]) if match[3] else None
            if max(low, high or 0) > _MOST_REPEATS or (high is not None and high < low):
                raise self._bad(f"an interval runs from low to high, {_MOST_REPEATS} at most")
            length = match.end() - match.start()
            quantifier = f"{{{low}}}" if not match[2] else f"{{{low},{'' if high is None else high}}}"
        # Grouped, so that a second quantifier repeats the whole: to Python "a*?" and "a*+" would be something else.
        start = self._atom
        self._out[start:] = [f"(?:{''.join(self._out[start:])}){quantifier}"]
        self._at += length

    def _escape(self) -> None:
        if self._at + 1 >= len(self._text):
            raise self._bad("a backslash at the end")
        char = self._text[self._at + 1]
        if char in "123456789":
            if int(char) not in self._complete:
                raise self._bad(f"\\{char} refers to a group that is not complete")
            self._emit(f"\\{char}", len(self._out), advance=2)
        elif char in _ESCAPES:
            self._emit(_ESCAPES[char], len(self._out) if char in "wWsS" else None, advance=2)
        elif "a" <= char <= "z":
            # glibc compares an escaped small letter with text that REG_ICASE has turned into capitals: it never matches.
            self._emit("(?!)", len(self._out), advance=2)
        else:
            self._emit(re.escape(char), len(self._out), advance=2)

    def _bracket(self) -> str:
        text, at = self._text, self._at + 1
        negated = text.startswith("^", at)
        at += negated
        items, first = [], True
        while first or not text.startswith("]", at):
            if at >= len(text):
                raise self._bad("a bracket is not closed")
            if not first and text.startswith("-", at) and not text.startswith("-]", at):
                raise self._bad("a hyphen stands between two ranges")
            first = False
            item, at, is_set = self._bracket_item(at)
            if text.startswith("-", at) and not text.startswith("-]", at) and at + 1 < len(text):
                other, at, other_is_set = self._bracket_item(at + 1)
                # With REG_ICASE the ends are turned into capitals before the range is made: [Z-a] is refused, and [A-z] is [A-Z].
                item, other = _capital(item), _capital(other)
                if is_set or other_is_set or ord(other) < ord(item):
                    raise self._bad("a range runs from one character to a later one")
                items.append(f"{_in_set(item)}-{_in_set(other)}")
            else:
                items.append(item if is_set else _in_set(item))
        self._at = at + 1
        return f"[^{''.join(items)}\n]" if negated else f"[{''.join(items)}]"

    def _bracket_item(self, at: int) -> tuple[str, int, bool]:
        """One character or class of a bracket expression, where the next begins, and whether it is a class, which can end no range."""
        text = self._text
        kind = text[at + 1 : at + 2] if text[at] == "[" else ""
        if kind not in (":", ".", "="):
            return text[at], at + 1, False
        end = text.find(f"{kind}]", at + 2)
        if end < 0:
            raise self._bad(f"[{kind} is not closed")
        name = text[at + 2 : end]
        if kind != ":":
            if len(name) != 1:
                raise self._bad(f"[{kind}{name}{kind}] names a collating element that Python does not have")
            return (name, end + 2, False) if kind == "." else (_in_set(name), end + 2, True)
        if name not in _CLASSES:
            raise self._bad(f"[:{name}:] is no character class; those there are: {', '.join(_CLASSES)}")
        return _CLASSES[name], end + 2, True


def _capital(char: str) -> str:
    return char.upper() if char.isascii() else char


def _in_set(char: str) -> str:
    return "\\" + char if char in r"\]^-[&~|" else char
