"""The Scapy fields of SIP and SDP text: the parts of a start line, and ordered lists of lines. Nothing is parsed here but lines.

With what they show they keep the blanks and line ends around it, so that what came can be written again byte for byte.
"""

# scapy.contrib.status = skip

import re
from typing import Any

from scapy.fields import Field, RawVal
from scapy.volatile import RandBin, VolatileValue

from .sip.message import LONG_NAMES
from .sip.text import encode, shown

# What stands around the three parts of a start line, and the line end that ends the headers.
_PLAIN_SPACING = ("", " ", " ", "\r\n", "\r\n")

# :rfc:`3261#section-21`, with 202 and 489 of :rfc:`3265` and 422 of :rfc:`4028`.
_REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK",
    202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    380: "Alternative Service", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 493: "Undecipherable", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip


def text_of(value: Any) -> str:
    """Bytes as text, one character a byte, so that whatever came goes out again."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


class Line(tuple[str, str | None]):
    """One line: the pair of its name and value, with the raw text before and after the value that the pair does not show."""

    before: str
    after: str

    def __new__(cls, name: str, value: str | None, before: str, after: str) -> "Line":
        line = super().__new__(cls, (name, value))
        line.before, line.after = before, after
        return line

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.before, self.after)

    def command(self) -> str:
        """What makes this line again: its pair, or its raw text where the pair would lose something."""
        plain = self.after == "\r\n" and self.before in (f"{self[0]}: ", f"{self[0]}=")
        return repr(tuple(self) if plain or self[1] is None else self.before + self[1] + self.after)


class LinesField(Field):
    """An ordered list of lines, each a (name, value) pair or, where spacing matters, a raw line with its line end.

    :param separator: what stands between name and value of a line that is given as a pair.
    :param line: finds the raw lines in a text.
    :param start: matches what comes before the value in a raw line; its group is the name.
    :param blanks: what is stripped off the end of the value in a raw line.
    """

    islist = 1
    __slots__ = ["blanks", "line", "separator", "start"]

    def __init__(self, name: str, separator: str, line: re.Pattern[str], start: re.Pattern[str], blanks: str) -> None:
        self.separator, self.line, self.start, self.blanks = separator, line, start, blanks
        super().__init__(name, [])

    def any2i(self, pkt: Any, x: Any) -> list[Line]:
        if isinstance(x, RawVal):
            x = bytes(x)
        if isinstance(x, (str, bytes)):
            x = self.line.findall(text_of(x))
        return [self._line(item) for item in (x.items() if isinstance(x, dict) else x or ())]

    def _line(self, item: Any) -> Line:
        if isinstance(item, Line):
            return item
        if not isinstance(item, (str, bytes)):
            name, value = item
            return self.pair(name, value)
        raw = text_of(item)
        match = self.start.match(raw)
        before = match[0] if match else ""
        value = raw[len(before) :].rstrip(self.blanks)
        return Line(match[1] if match else "", value, before, raw[len(before) + len(value) :])

    def pair(self, name: Any, value: Any) -> Line:
        """A line with nothing unusual about it."""
        name = text_of(name)
        return Line(name, None if value is None else text_of(value), name + self.separator, "\r\n")

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + b"".join(encode(line.before) + encode(line[1] or "") + encode(line.after) for line in self.any2i(pkt, val))

    def i2repr(self, pkt: Any, x: Any) -> str:
        # show() indents what follows a line end by the field's name, but not by the blanks behind the name.
        indent = "\n" + " " * max(0, 10 - len(self.name))
        lines = (line[0] + self.separator + ("(computed)" if line[1] is None else shown(line[1])) for line in self.any2i(pkt, x))
        return indent.join(lines)

    def randval(self) -> None:
        """``fuzz`` leaves the lines alone."""


class HeadersField(LinesField):
    """The headers, with the empty line behind them."""

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        lines = self.any2i(pkt, val)
        unset = [i for i, line in enumerate(lines) if line[1] is None and long_name(line[0]) == b"content-length"]
        # Only what is built from nothing gets a header that nobody asked for.
        if "spacing" not in pkt.fields and not any(long_name(line[0]) == b"content-length" for line in lines):
            unset = [len(lines)]
            lines.append(self.pair("Content-Length", None))
        for i in unset:
            lines[i] = Line(lines[i][0], str(len(pkt.do_build_payload())), lines[i].before, lines[i].after)
        return super().addfield(pkt, s, lines) + encode(_spacing(pkt)[4])


class StartField(Field):
    """One of the three parts of a start line. ``place`` is which."""

    __slots__ = ["place"]

    def __init__(self, name: str, default: Any, place: int) -> None:
        self.place = place
        super().__init__(name, default)

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, list):
            # Scapy makes one packet of each value in a list.
            return [self.any2i(pkt, each) for each in x]
        return x if x is None or isinstance(x, VolatileValue) else self.h2i(pkt, text_of(x))

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        spacing = _spacing(pkt)
        if self.place == 0:
            s += encode(spacing[0])
        text = self.i2h(pkt, val)
        return s + encode("" if text is None else text_of(text)) + encode(spacing[self.place + 1])

    def i2repr(self, pkt: Any, x: Any) -> str:
        return repr(x) if isinstance(x, (list, VolatileValue)) else shown(text_of(self.i2h(pkt, x)))

    def randval(self) -> Any:
        return RandBin(12)


class CodeField(StartField):
    """A status code: a number where it is one."""

    def h2i(self, pkt: Any, x: str) -> int | str:
        return int(x) if re.fullmatch("[1-9][0-9]*", x, re.ASCII) else x

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        s = super().addfield(pkt, s, val)
        # "SIP/2.0 200" without a reason and its blank is accepted; with a reason it needs one.
        return s + b" " if not _spacing(pkt)[2] and pkt.Reason_Phrase else s


class ReasonField(StartField):
    """A reason phrase: that of the status code while nobody has set one."""

    def i2h(self, pkt: Any, x: Any) -> Any:
        if x is not None or pkt is None:
            return x
        code = pkt.Status_Code
        return _REASONS.get(code, "") if isinstance(code, int) else ""


class SpacingField(Field):
    """The blanks and line ends of the start line and the last line end; writes nothing, for its neighbours write it."""

    def any2i(self, pkt: Any, x: Any) -> Any:
        parts = None if x is None else tuple(text_of(part) for part in x)
        return None if parts == _PLAIN_SPACING else parts

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s


def _spacing(pkt: Any) -> tuple[str, ...]:
    return pkt.getfieldval("spacing") or _PLAIN_SPACING


def long_name(name: str) -> bytes:
    """A header's name for comparing: in lower case, and long where it is compact."""
    lower = encode(name).lower()
    return LONG_NAMES.get(lower, lower)
