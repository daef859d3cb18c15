"""A SIP message as an index of spans over one immutable buffer (:rfc:`3261#section-7`).

Nothing is decoded, copied or changed. Headers are looked for when somebody asks; knows nothing of routing.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from ..errors import SipParseError
from .grammar import HEADERS, LEADING_CRLF, NAME, REQUEST_LINE, STATUS_LINE
from .nameaddr import PLAIN_ADDRESS, parse_tag
from .text import read_number

# :rfc:`3261#section-7.3.3` and the RFCs that added to it. Route and Record-Route have none; ``r`` is Refer-To (:rfc:`3515`).
COMPACT_NAMES = {
    b"accept-contact": b"a", b"allow-events": b"u", b"call-id": b"i", b"contact": b"m", b"content-encoding": b"e",
    b"content-length": b"l", b"content-type": b"c", b"event": b"o", b"from": b"f", b"identity": b"y", b"refer-to": b"r",
    b"referred-by": b"b", b"reject-contact": b"j", b"request-disposition": b"d", b"session-expires": b"x", b"subject": b"s",
    b"supported": b"k", b"to": b"t", b"via": b"v",
}  # fmt: skip
LONG_NAMES = {compact: name for name, compact in COMPACT_NAMES.items()}

# Start line, headers and empty line at once.
_REQUEST = re.compile(LEADING_CRLF.pattern + REQUEST_LINE.pattern + b"(" + HEADERS.pattern + rb")\r?\n")
# The lines before the empty one, whatever they hold.
_LINES = re.compile(rb"(?:(?!\r?\n)[^\n]*+\n)*+(?=\r?\n)")
_HEADER = re.compile(b"(" + NAME + rb")[ \t]*+:")


def _begin(name: bytes) -> bytes:
    """A pattern for the beginning of a header of a long name, from the line feed before it to the blanks behind the colon."""
    # Blanks before the colon do not make it another header: a name smuggled past a filter is still read by the server.
    spelled = b"|".join(_in_any_case(one) for one in (name, COMPACT_NAMES.get(name)) if one)
    return rb"\n(?:" + spelled + rb")[ \t]*+:[ \t]*+"


@lru_cache
def _pattern(name: bytes) -> re.Pattern[bytes]:
    """A pattern for headers of a long name, up to the line feed behind it.

    A group has the value and the CR, where they are as nearly always: CR LF without blanks before it, and no fold behind.
    """
    return re.compile(_begin(name) + rb"(?:([^\r\n][^\n]*+)(?<=[^\0-\x20]\r)(?=\n[^ \t])|)")


@lru_cache
def _as_written(name: bytes) -> bytes:
    """The beginning of a header of a long name, from the line feed before it, as nearly everybody writes it."""
    return b"\n" + {b"call-id": b"Call-ID", b"cseq": b"CSeq"}.get(name, name.title()) + b":"


def _in_any_case(name: bytes) -> bytes:
    # Twice as fast as a pattern that ignores case.
    return re.sub(rb"[a-z]", lambda letter: b"[" + letter[0] + letter[0].upper() + b"]", re.escape(name))


# The value of a Content-Length of digits, and the tag of a From or To as nearly all are: told by one search that finds the header, too.
# Where the header is another, the first has no group, and the second has its second group, which is empty.
_LENGTH = re.compile(_begin(b"content-length") + rb"(?:([0-9]{1,9}+)\r\n(?![ \t])|)")
_TAGS = {name: re.compile(_begin(name) + rb"(?:" + PLAIN_ADDRESS + rb"\r\n(?![ \t])|())") for name in (b"from", b"to")}


# Not frozen, which would take four times as long to make; not a named tuple, whose fields take several times as long to read.
@dataclass(slots=True)
class Header:
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
    :param lenient: whether a malformed header line is no error at once. Then :attr:`fault` says where it is; no header is found behind it.
    :raises SipParseError: where the start line or, unless ``lenient``, a header line is malformed, or the empty line is missing.
    """

    __slots__ = (
        "_first", "_found_end", "_length", "_method_end", "body_start", "data", "fault", "headers_end", "headers_start", "reason",
        "request_uri", "start", "status", "uri_end", "uri_start",
    )  # fmt: skip

    def __init__(self, data: bytes, lenient: bool = False) -> None:
        self.data = data
        self._first: dict[bytes, Header | None] = {}
        # Asked for when a message comes and when it leaves; below 0 until it was found.
        self._length = -1
        self.fault: SipParseError | None = None
        """Why the headers cannot be read to their end, where they cannot."""
        self.status: int | None = None
        self.reason = b""
        whole = _REQUEST.match(data)
        if whole:
            (_, self.body_start), method, uri, _, (self.headers_start, self.headers_end) = whole.regs
            self.start, self._method_end = method
            self.uri_start, self.uri_end = uri
            # A search has to see the byte behind the last line feed, to know that no fold follows.
            self._found_end = self.headers_end + 1
        else:
            self._read_other(lenient)
        self.request_uri = data[self.uri_start : self.uri_end]
        """The Request-URI as written; ``b""`` in a response."""

    def _read_other(self, lenient: bool) -> None:
        """Read what is no request with good headers: a response, or a message with a fault."""
        data = self.data
        leading = LEADING_CRLF.match(data)
        assert leading is not None
        self.start = start = leading.end()
        """Where the start line begins."""
        line = STATUS_LINE.match(data, start)
        if line:
            self._method_end = self.uri_start = self.uri_end = start
            self.status, self.reason = int(line[2]), line[3] or b""
        else:
            line = REQUEST_LINE.match(data, start)
            if not line:
                raise SipParseError("neither a request line nor a status line", start)
            self._method_end = line.end(1)
            self.uri_start, self.uri_end = line.span(2)
        self.headers_start = line.end()
        good = HEADERS.match(data, self.headers_start)
        assert good is not None
        self.headers_end = end = good.end()
        self._found_end = end + 1
        if not data.startswith((b"\r\n", b"\n"), end):
            missing = end == len(data)
            reason = "the empty line behind the headers is missing" if missing else "a header line without a name or a colon"
            self.fault = SipParseError(reason, end)
            lines = _LINES.match(data, end)
            if lines is None or not lenient:
                raise self.fault
            self.headers_end = lines.end()
        self.body_start = data.index(b"\n", self.headers_end) + 1

    def require_headers(self) -> None:
        """See that every header can be read. :raises SipParseError: where a line is malformed."""
        if self.fault:
            raise self.fault

    @property
    def is_request(self) -> bool:
        """Whether it is a request; else it is a response."""
        return self.status is None

    @property
    def method(self) -> bytes:
        """The method of a request as written (it has case); of a response, the one of its CSeq, or ``b""``."""
        if self.status is None:
            return self.data[self.start : self._method_end]
        words = (self.value(b"cseq") or b"").split()
        return words[1] if len(words) == 2 else b""

    @property
    def body(self) -> bytes:
        """What follows the empty line."""
        return self.data[self.body_start :]

    def find(self, name: bytes, start: int = 0) -> Header | None:
        """The first header of this long name (in lower case), written long or compact, that begins at or after offset ``start``."""
        if start > self.headers_start:
            found = _pattern(name).search(self.data, start - 1, self._found_end)
            return self._header(found) if found else None
        # The same few are asked for again and again.
        if name in self._first:
            return self._first[name]
        found = _pattern(name).search(self.data, self.headers_start - 1, self._found_end)
        header = self._first[name] = self._header(found) if found else None
        return header

    def find_all(self, name: bytes) -> list[Header]:
        """Every header of this long name (in lower case), written long or compact, in order."""
        return [self._header(found) for found in _pattern(name).finditer(self.data, self.headers_start - 1, self._found_end)]

    def _header(self, found: re.Match[bytes]) -> Header:
        (at, end), (value_start, _) = found.regs
        if value_start < 0:
            return self._header_at(found)
        return Header(at + 1, value_start, end - 1, end + 1)

    def has(self, name: bytes) -> bool:
        """Whether there is a header of this long name (in lower case), written long or compact."""
        # As nearly everybody writes it, it is there for certain.
        return self.data.find(_as_written(name), self.headers_start - 1, self._found_end) >= 0 or self.find(name) is not None

    def value(self, name: bytes) -> bytes | None:
        """The value of the first header of this name, folds and all; ``None`` where there is no such header."""
        header = self.find(name)
        return self.data[header.value_start : header.value_end] if header else None

    def headers(self) -> list[tuple[bytes, Header]]:
        """Every header in order, with its name as written."""
        found = []
        position = self.headers_start
        while position + 1 < self._found_end:
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
        if self._length >= 0:
            return self._length
        found = _LENGTH.search(self.data, self.headers_start - 1, self._found_end)
        if not found:
            return None
        if found[1]:
            self._length = int(found[1])
            return self._length
        header = self._header_at(found)
        text = self.data[header.value_start : header.value_end]
        if not text.isdigit():
            raise SipParseError(f"Content-Length is no number: {text[:20]!r}", header.value_start)
        return read_number(text)

    def tag(self, name: bytes, may_be_empty: bool = False) -> bytes | None:
        """The tag of the ``from`` or ``to`` header; see :func:`parse_tag`.

        :raises SipParseError: where there is no such header, or it is malformed.
        """
        found = _TAGS[name].search(self.data, self.headers_start - 1, self._found_end)
        if not found:
            raise self.fault or SipParseError(f"no {name.decode().title()} header")
        if found.lastindex != 2:
            return cast("bytes | None", found[1])
        header = self._header_at(found)
        try:
            return parse_tag(self.data[header.value_start : header.value_end], may_be_empty)
        except SipParseError as error:
            raise error.within(header.value_start) from None

    def _header_at(self, found: re.Match[bytes]) -> Header:
        """The header whose beginning was found, whatever its shape."""
        return self._span(found.start() + 1, self.data.index(b":", found.start()) + 1)

    def _span(self, start: int, value_start: int) -> Header:
        data = self.data
        end = data.index(b"\n", value_start) + 1
        while data[end] in b" \t":
            end = data.index(b"\n", end) + 1
        value = data[value_start:end].rstrip(b" \t\r\n")
        value_end = value_start + len(value)
        # An empty value begins where the servers' eat_lws leaves off: at the line end.
        return Header(start, value_end - len(value.lstrip(b" \t\r\n")), value_end, end)
