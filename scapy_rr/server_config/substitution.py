"""One substitution in the strings of a Kamailio configuration: ``/expression/replacement/flags``, as its ``subst_parser`` reads it."""

import re
from dataclasses import dataclass, replace

from ..errors import ConfigError

_REFERENCE = re.compile(r"\\(.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t"}
# What POSIX and Python may read differently.
_TOO_MUCH = re.compile(r"[\[\]{}]|\(\?|\\[A-Za-z0-9]")


@dataclass(frozen=True, slots=True)
class Substitution:
    """What is replaced, and by what."""

    expression: str
    replacement: str
    pattern: re.Pattern[str]
    every: bool
    """Whether every match is replaced, not only the first."""

    @classmethod
    def parse(cls, text: str) -> "Substitution":
        """Read it; the first character parts expression, replacement and flags.

        :raises ConfigError: where it is none, or its expression is more than letters, groups, alternatives and repeats.
        """
        separator = re.escape(text[:1])
        part = rf"((?:\\.|(?!{separator})[^\\])*){separator}"
        parts = re.fullmatch(rf"{separator}{part}{part}([gis]*)", text, re.DOTALL)
        if not text or text[0] == "\\" or not parts or not parts[1]:
            raise ConfigError("it is not /expression/replacement/flags")
        expression, replacement, flags = parts.groups()
        if _TOO_MUCH.search(expression):
            raise ConfigError("brackets, intervals and escaped letters in an expression are not understood")
        try:
            pattern = re.compile(expression, re.DOTALL | (re.IGNORECASE if "i" in flags else 0))
        except (re.error, OverflowError, RecursionError) as error:
            raise ConfigError(f"its expression is none: {error}") from None
        return cls(expression, replacement, pattern, "g" in flags)

    def with_replacement(self, text: str) -> "Substitution":
        """The same with another replacement."""
        return replace(self, replacement=text)

    def apply(self, text: str) -> str:
        """The text with what it says replaced."""
        return self.pattern.sub(self._replaced, text, 0 if self.every else 1)

    def _replaced(self, match: re.Match[str]) -> str:
        def one(reference: re.Match[str]) -> str:
            letter = reference[1]
            if letter not in "0123456789":
                return _LETTERS.get(letter, letter)
            return (match[int(letter)] or "") if int(letter) <= match.re.groups else ""

        return _REFERENCE.sub(one, self.replacement)
