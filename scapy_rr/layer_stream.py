"""Where the first SIP message of a byte stream ends that may begin anywhere, as captures do. Knows bytes only: no Scapy, no sockets."""

# scapy.contrib.status = skip

import re

from .errors import SipParseError
from .sip.framing import StreamFramer
from .sip.grammar import LEADING_CRLF, REQUEST_LINE, STATUS_LINE, TOKEN

# What may still become a start line: a whole token or the beginning of one, or a response's version.
_PERHAPS_START = re.compile(rb"[\r\n]*(?:" + TOKEN + rb"(?:[ \t]|\Z)|[Ss][Ii][Pp]/)")


def first_end(data: bytes, new: bool, last: bool) -> int | None:
    """Where the first message of a stream ends, or what is none; ``None`` while that is open.

    :param new: the segment begins with the data, so that keep-alives alone stand for themselves.
    :param last: nothing more will come.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))
    if start == len(data):
        return start if start and (new or last) else None
    if not _PERHAPS_START.match(data) or (b"\n" in data[start:] and not starts_message(data)):
        # Perhaps the capture begins inside a message: give up this segment, not the next.
        return len(data)
    try:
        messages = StreamFramer().feed(data)
    except SipParseError:
        return len(data)
    if messages:
        return start + len(messages[0])
    return len(data) if last else None


def starts_message(data: bytes) -> bool:
    """Whether the bytes begin with a start line, line ends before it passed over."""
    leading = LEADING_CRLF.match(data)
    assert leading is not None
    start = leading.end()
    return bool(REQUEST_LINE.match(data, start) or STATUS_LINE.match(data, start))
