"""What a proxy looks at before it routes a request (:rfc:`3261#section-16.3`)."""

from typing import NamedTuple

from ..errors import SipParseError
from ..rr.context import CORE_HEADERS, Context
from ..sip.via import TopVia
from .branch import is_loop


class Refusal(NamedTuple):
    """Why a request is answered by the proxy itself."""

    code: int
    reason: str
    headers: bytes = b""
    """Header lines that the response needs."""


def require(req: Context) -> TopVia:
    """See that a message has what every message needs (:rfc:`3261#section-8.1.1`).

    :returns: its topmost Via. :raises SipParseError: where something is missing, or the Via is malformed.
    """
    message = req.message
    if message is None:
        raise req.parse_error or SipParseError("not a message")
    top = TopVia.find(message)
    # Where the dialect's core looks for them, they were found when the request was made.
    for name in CORE_HEADERS if req.dialect.core_reads_all_headers else ():
        if not message.has(name):
            raise SipParseError(f"no {name.decode().title()} header")
    if top is None:
        raise SipParseError("no Via header")
    return top


def check(req: Context, top: TopVia, mark: bytes, forwards: int | None) -> Refusal | None:
    """Whether the proxy has to refuse a request with this topmost Via, loop mark and Max-Forwards.

    :raises SipParseError: where it cannot be read.
    """
    message = req.message
    assert message is not None
    if forwards == 0:
        return Refusal(483, "Too Many Hops")
    # Nearly always the bytes alone say that it was not here before.
    if mark in message.data and is_loop(req, top, mark):
        return Refusal(482, "Loop Detected")
    headers = message.find_all(b"proxy-require")
    # ACK and CANCEL may have none, and could not be answered with it (8.2.2.3).
    if not headers or message.method in (b"ACK", b"CANCEL"):
        return None
    values = [message.data[header.value_start : header.value_end] for header in headers if header.value_start < header.value_end]
    if values:
        return Refusal(420, "Bad Extension", b"Unsupported: " + b", ".join(values) + b"\r\n")
    return None
