"""Where the first SIP message of a byte stream ends that may begin anywhere, as captures do. Knows bytes only: no Scapy, no sockets."""

# scapy.contrib.status = skip

from .errors import SipParseError
from .sip.framing import StreamFramer, begins_message


def first_end(data: bytes, new: bool, last: bool) -> int | None:
    """Where the first message of a stream ends, or what is none; ``None`` while that is open.

    :param new: the segment begins with the data, so that keep-alives alone stand for themselves.
    :param last: nothing more will come.
    """
    stripped = data.lstrip(b"\r\n")
    start = len(data) - len(stripped)
    if not stripped:
        return start if start and (new or last) else None
    if begins_message(stripped) is False:
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
    return begins_message(data.lstrip(b"\r\n")) is True
