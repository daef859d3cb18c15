"""SIP messages out of a byte stream, by Content-Length (:rfc:`3261#section-18.3`). Knows no sockets and no time."""

import re

from ..errors import SipParseError
from .grammar import REQUEST_LINE, STATUS_LINE, TOKEN
from .message import Message

# What may still become a start line: a whole token or the beginning of one, or a response's version.
_PERHAPS_START = re.compile(rb"(?:" + TOKEN + rb"(?:[ \t]|\Z)|[Ss][Ii][Pp]/)")
_LONGEST_START = 8192
_LINE_ENDS = (b"\r\n\r\n", b"\n\n", b"\n\r\n")


class StreamFramer:
    """Collects chunks and hands out whole messages.

    :param max_headers: the most bytes that start line and headers may take.
    :param max_body: the most bytes that a body may take.
    """

    def __init__(self, max_headers: int = 65_535, max_body: int = 1_048_576) -> None:
        self._max_headers = max_headers
        self._max_body = max_body
        self._buffer = b""
        self._searched = 0
        self.offset = 0
        """Where in the stream :attr:`pending` begins."""
        self.keepalives = 0
        """How many CRLF keep-alives (:rfc:`5626#section-3.5.1`) were passed over."""

    @property
    def pending(self) -> bytes:
        """What has come and is no whole message yet."""
        return self._buffer

    def feed(self, chunk: bytes) -> list[bytes]:
        """Add a chunk; return the messages that are whole now, each as its own bytes.

        :raises SipParseError: where the stream is no SIP, or a message is larger than allowed. The stream cannot go on then; messages
            that came whole before the fault are returned first, and the next call raises.
        """
        return [message for _, message in self.located(chunk)]

    def located(self, chunk: bytes) -> list[tuple[int, bytes]]:
        """The same, each with the offset in the stream at which it begins."""
        self._buffer += chunk
        messages: list[tuple[int, bytes]] = []
        try:
            while message := self._next():
                messages.append((self.offset - len(message), message))
        except SipParseError:
            if not messages:
                raise
        return messages

    def _next(self) -> bytes | None:
        self._skip_keepalives()
        head_end = self._find_head_end()
        if (head_end or len(self._buffer)) > self._max_headers:
            raise SipParseError(f"the headers are longer than {self._max_headers} bytes", self._max_headers)
        if head_end is None:
            return None
        # Behind a stream, a message without Content-Length has no body: nothing else would tell where the next one starts.
        body = Message(self._buffer[:head_end]).content_length() or 0
        if body > self._max_body:
            raise SipParseError(f"a body of {body} bytes is longer than {self._max_body}", head_end)
        end = head_end + body
        if len(self._buffer) < end:
            return None
        message, self._buffer = self._buffer[:end], self._buffer[end:]
        self._searched = 0
        self.offset += end
        return message

    def _skip_keepalives(self) -> None:
        stripped = self._buffer.lstrip(b"\r\n")
        dropped = len(self._buffer) - len(stripped)
        if dropped:
            self.keepalives += self._buffer.count(b"\n", 0, dropped)
            self._buffer = stripped
            self._searched = 0
            self.offset += dropped

    def _find_head_end(self) -> int | None:
        ends = []
        for line_end in _LINE_ENDS:
            at = self._buffer.find(line_end, self._searched)
            if at >= 0:
                ends.append(at + len(line_end))
        if ends:
            return min(ends)
        # A line end may be cut by the chunk: three of its bytes may have come already.
        self._searched = max(0, len(self._buffer) - 3)
        return None


def is_whole(data: bytes) -> bool:
    """Whether a chunk is one message by its Content-Length, from its first byte to its last."""
    try:
        message = Message(data)
        return not message.start and message.body_start + (message.content_length() or 0) == len(data)
    except SipParseError:
        return False


def begins_message(data: bytes) -> bool | None:
    """Whether a stream begins with a start line here, where it may begin anywhere, as captures do; ``None`` while that is open."""
    if REQUEST_LINE.match(data) or STATUS_LINE.match(data):
        return True
    if not data:
        return False
    return None if _PERHAPS_START.match(data) and b"\n" not in data and len(data) < _LONGEST_START else False
