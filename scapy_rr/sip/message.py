"""A SIP message as an index of spans over one immutable buffer (:rfc:`3261#section-7`).

Nothing is decoded, copied or changed. Headers are looked for when somebody asks; knows nothing of routing.
"""

import re
from typing import NamedTuple

from ..errors import SipParseError
from .grammar import HEADERS, LEADING_CRLF, REQUEST_LINE, STATUS_LINE
from .text import read_number

# :rfc:`3261#section-7.3.3` and the RFCs that added to it. Route and Record-Route have none; ``r`` is Refer-To (:rfc:`3515`).
COMPACT_NAMES = {
    b"accept-contact": b"a", b"allow-events": b"u", b"call-id": b"i", b"contact": b"m", b"content-encoding": b"e",
    b"content-length": b"l", b"content-type": b"c", b"event": b"o", b"from": b"f", b"identity": b"y", b"refer-to": b"r",
    b"referred-by": b"b", b"reject-contact": b"j", b"request-disposition": b"d", b"session-expires": b"x", b"subject": b"s",
    b"supported": b"k", b"to": b"t", b"via": b"v",
}  # fmt: skip
LONG_NAMES = {compact: name for name, compact in COMPACT_NAMES.items()}

_COMPACT = re.compile(rb"\n[a-z][ \t]*:")
_HEADER = re.compile(rb"([^\s:]++)[ \t]*+:")

# A named tuple's own constructor takes three times as long, and a message has several.
_new = tuple.__new__


class Header(NamedTuple):
    """One header field, as offsets into the buffer. ``start`` is the first byte of its name, ``end`` the byte behind its line end."""

    start: int
    value_start: int
    """Behind the colon and the white space, folds included."""
    value_end: int
    """Before the white space and line end that follow the value."""
    end: int


class Message:
    """One message.

    :param data: the message, from its start line (line ends before it are passed over) to the last byte of its body.
    :raises SipParseError: where the start line or a header line is malformed, or the empty line is missing.
    """

    __slots__ = (
        "_has_compact",
        "_lower",
        "_lower_start",
        "body_start",
        "data",
        "headers_start",
        "reason",
        "start",
        "status",
        "uri_end",
        "uri_start",
    )

    def __init__(self, data: bytes) -> None:
        self.data = data
        start = 0
        if data[:1] in (b"\r", b"\n"):
            leading = LEADING_CRLF.match(data)
            assert leading is not None
            start = leading.end()
        self.start = start
        line = REQUEST_LINE.match(data, start)
        self.status: int | None = None
        self.reason = b""
        if line:
            self.uri_start, self.uri_end = line.span(2)
        else:
            line = STATUS_LINE.match(data, start)
            if not line:
                raise SipParseError("neither a request line nor a status line", start)
            self.uri_start = self.uri_end = start
            self.status, self.reason = int(line[2]), line[3] or b""
        self.headers_start = line.end()
        block = HEADERS.match(data, self.headers_start)
        assert block is not None
        end = block.end()
        if data.startswith(b"\r\n", end):
            self.body_start = end + 2
        elif data.startswith(b"\n", end):
            self.body_start = end + 1
        elif end == len(data):
            raise SipParseError("the empty line behind the headers is missing", end)
        else:
            raise SipParseError("a header line without a name or a colon", end)
        # One byte before the first header, so that every header name stands behind a line feed.
        self._lower_start = self.headers_start - 1
        self._lower = data[self._lower_start : end].lower()
        self._has_compact = _COMPACT.search(self._lower) is not None

    @property
    def is_request(self) -> bool:
        """Whether it is a request; else it is a response."""
        return self.status is None

    @property
    def method(self) -> bytes:
        """The method of a request as written (it has case); of a response, the one of its CSeq, or ``b""``."""
        if self.status is None:
            return self.data[self.start : self.uri_start].rstrip(b" \t")
        words = (self.value(b"cseq") or b"").split()
        return words[1] if len(words) == 2 else b""

    @property
    def request_uri(self) -> bytes:
        """The Request-URI as written; ``b""`` in a response."""
        return self.data[self.uri_start : self.uri_end]

    @property
    def headers_end(self) -> int:
        """Where the empty line begins."""
        return self._lower_start + len(self._lower)

    @property
    def body(self) -> bytes:
        """What follows the empty line."""
        return self.data[self.body_start :]

    def find(self, name: bytes, start: int = 0) -> Header | None:
        """The first header of this long name (in lower case), written long or compact, that begins at or after offset ``start``."""
        found = self._find_spelled(name, start)
        if not self._has_compact or name not in COMPACT_NAMES:
            return found
        other = self._find_spelled(COMPACT_NAMES[name], start)
        if found is None or other is None:
            return found or other
        return min(found, other)

    def find_all(self, name: bytes) -> list[Header]:
        """Every header of this long name (in lower case), written long or compact, in order."""
        found = []
        header = self.find(name)
        while header:
            found.append(header)
            header = self.find(name, header[3])
        return found

    def value(self, name: bytes) -> bytes | None:
        """The value of the first header of this name, folds and all; ``None`` where there is no such header."""
        header = self.find(name)
        return self.data[header.value_start : header.value_end] if header else None

    def headers(self) -> list[tuple[bytes, Header]]:
        """Every header in order, with its name as written."""
        found = []
        position = self.headers_start
        while position < self.headers_end:
            name = _HEADER.match(self.data, position)
            assert name is not None
            header = self._span(position, name.end())
            found.append((name[1], header))
            position = header.end
        return found

    def content_length(self) -> int | None:
        """The value of Content-Length; ``None`` where there is none.

        :raises SipParseError: where it is no number.
        """
        header = self.find(b"content-length")
        if not header:
            return None
        text = self.data[header.value_start : header.value_end]
        if not text.isdigit():
            raise SipParseError(f"Content-Length is no number: {text[:20]!r}", header.value_start)
        return read_number(text)

    def _find_spelled(self, name: bytes, start: int) -> Header | None:
        lower, base = self._lower, self._lower_start
        needle = b"\n" + name
        at = lower.find(needle, max(0, start - 1 - base))
        while at >= 0:
            colon = at + len(needle)
            # Blanks before the colon do not make it another header: a name smuggled past a filter is still read by the server.
            while lower[colon] in b" \t":
                colon += 1
            if lower[colon] == 0x3A:
                return self._span(base + at + 1, base + colon + 1)
            at = lower.find(needle, colon)
        return None

    def _span(self, start: int, value_start: int) -> Header:
        data = self.data
        end = data.find(b"\n", value_start) + 1
        while data[end] in b" \t":
            end = data.find(b"\n", end) + 1
        # One blank before the value and CR LF behind it, as nearly every header has it, needs no search for more.
        if data[value_start] == 0x20 and data[value_start + 1] > 0x20 and data[end - 2] == 0x0D and data[end - 3] > 0x20:
            return _new(Header, (start, value_start + 1, end - 2, end))
        value = data[value_start:end].rstrip(b" \t\r\n")
        value_end = value_start + len(value)
        # An empty value begins where the servers' eat_lws leaves off: at the line end.
        return _new(Header, (start, value_end - len(value.lstrip(b" \t\r\n")), value_end, end))
