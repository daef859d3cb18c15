"""Walks over the tokens of a configuration. Knows the smallest things only: a number, a host."""

from ..errors import ConfigError
from .directives import UNKNOWN
from .lexer import Kind, Token

_YES = ("yes", "true", "on", "enable")
_NO = ("no", "false", "off", "disable")


class NotUnderstood(ConfigError):
    """A statement that is spelled in a way that is not known here."""


class Cursor:
    """A place among tokens.

    :param tokens: with an ``END`` last, which is never passed.
    """

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self.at = 0

    def peek(self, ahead: int = 0) -> Token:
        """The next token, or one behind it."""
        return self._tokens[min(self.at + ahead, len(self._tokens) - 1)]

    def take(self) -> Token:
        """The next token, which is passed."""
        token = self.peek()
        self.at = min(self.at + 1, len(self._tokens) - 1)
        return token

    @property
    def previous(self) -> Token:
        """The token passed last."""
        return self._tokens[max(self.at - 1, 0)]

    def sees(self, text: str, ahead: int = 0) -> bool:
        """Whether this word or sign comes."""
        token = self.peek(ahead)
        return token.kind in (Kind.WORD, Kind.SIGN) and token.text == text

    def accept(self, *texts: str) -> bool:
        """Pass one of these words or signs, if it comes."""
        found = any(self.sees(text) for text in texts)
        if found:
            self.take()
        return found

    def expect(self, text: str) -> None:
        """Pass this word or sign. :raises NotUnderstood: where something else stands."""
        if not self.accept(text):
            raise self.refusal(repr(text))

    def refusal(self, wanted: str) -> NotUnderstood:
        """What to raise where something else was wanted."""
        token = self.peek()
        if UNKNOWN in token.text:
            return NotUnderstood("it depends on a define that is not known here")
        return NotUnderstood(
            f"{wanted} is expected before {token.text!r}" if token.kind is not Kind.END else f"{wanted} is expected at the end"
        )

    def string(self) -> str:
        """The string that stands here. :raises NotUnderstood: where none does, or what is in it is not known."""
        if self.peek().kind is not Kind.STRING or UNKNOWN in self.peek().text:
            raise self.refusal("a string in quotes")
        return self.take().text

    def number(self) -> int:
        """The number that stands here, in any of the servers' spellings. :raises NotUnderstood: where none does."""
        negative = self.sees("-")
        if negative or self.sees("+"):
            self.take()
        number = read_number(self.peek().text) if self.peek().kind is Kind.WORD else None
        if number is None:
            raise self.refusal("a number")
        self.take()
        return -number if negative else number


def read_number(text: str) -> int | None:
    """A number as the servers' lexers know it: decimal, ``0x``, octal, ``101b``, or a word for yes or no."""
    if text in _YES or text in _NO:
        return int(text in _YES)
    base, digits = 10, text
    if text[:2] == "0x":
        base, digits = 16, text[2:]
    elif text[-1:] == "b":
        base, digits = 2, text[:-1]
    elif text[:1] == "0" and len(text) > 1:
        base = 8
    try:
        # int() knows underscores, signs and other scripts' digits.
        return int(digits, base) if digits.isascii() and digits.isalnum() and len(digits) <= 32 else None
    except ValueError:
        return None
