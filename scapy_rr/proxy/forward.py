"""What a proxy changes in a request that it sends on, beside what the rr module does (:rfc:`3261#section-16.6`, ``msg_translator.c``).

Our Via on top, ``received`` and ``rport`` in the one below, Max-Forwards counted down, Content-Length where the transport needs it.
"""

import re
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from ..errors import SipParseError
from ..rr.context import Context
from ..rr.dialect import Dialect
from ..rr.listener import Listener, ipv6_in_full
from ..sip.edits import Edits
from ..sip.message import Message
from ..sip.uri import same_host
from ..sip.via import TopVia, Via

MAX_FORWARDS = 70
"""What a request without Max-Forwards gets (:rfc:`3261#section-16.6` step 3)."""
_MOST_REMEMBERED = 4096
# Blanks and folds, not the line end behind them.
_BLANKS = re.compile(rb"(?:[ \t]|\r?\n[ \t])*+")
STREAMS = ("tcp", "tls", "ws", "wss")


@lru_cache(_MOST_REMEMBERED)
def split_source(source: str) -> tuple[str, int]:
    """The address, without brackets, and the port of ``address:port``."""
    address, _, port = source.rpartition(":")
    return address.strip("[]"), int(port)


def max_forwards(message: Message) -> int | None:
    """The value of Max-Forwards; ``None`` without one. :raises SipParseError: where it is no number."""
    header = message.find(b"max-forwards")
    if header is None:
        return None
    digits = message.data[header.value_start : header.value_end]
    if not digits.isdigit() or len(digits) > 9:
        raise SipParseError(f"Max-Forwards is no number: {digits[:20]!r}", header.value_start)
    return int(digits)


def count_down(message: Message, edits: Edits, dialect: Dialect, number: int | None) -> None:
    """Take one from Max-Forwards, whose value is ``number``, above 0; add it where that is ``None``."""
    if number is None:
        edits.insert(message.headers_start, b"Max-Forwards: %d\r\n" % MAX_FORWARDS)
        return
    header = message.find(b"max-forwards")
    assert header is not None
    start, end = header.value_start, header.value_end
    # Both servers write over the digits, so that a number with fewer of them has blanks before it (decrement_maxfwd).
    left = b"%d" % min(number - 1, dialect.most_forwards)
    edits.replace(start, end, left.rjust(end - start))


def add_via(req: Context, edits: Edits, top: TopVia, leaves_by: Listener, branch: bytes) -> None:
    """Put our Via before the topmost one. ``branch`` is the whole of it."""
    edits.insert(top.header.start, b"%b;branch=%b\r\n" % (_via(leaves_by, req.dialect), branch))


@lru_cache(_MOST_REMEMBERED)
def _via(listener: Listener, dialect: Dialect) -> bytes:
    return f"Via: SIP/2.0/{listener.transport.upper()} {listener.sent_by(dialect)}".encode()


def mark_received(req: Context, edits: Edits, via: Via) -> None:
    """Write into the Via of the sender where its request came from (:rfc:`3261#section-18.2.1`, :rfc:`3581#section-4`)."""
    received, rport = received_of(req, via)
    if received:
        there = via.params.get(b"received")
        if there:
            edits.replace(there.start, there.end, received)
        else:
            edits.insert(via.params_start, received)
    if rport:
        assert req.message is not None
        edits.replace(*rport_span(req.message.data, via), rport)


def rport_span(data: bytes, via: Via) -> tuple[int, int]:
    """From where to where ``rport`` stands in a Via that has it.

    Where it has no value, the blanks behind it go, too: the servers look for a ``=`` there (``parse_via_param``).
    """
    rport = via.params[b"rport"]
    blanks = _BLANKS.match(data, rport.end) if rport.value is None else None
    return rport.start, blanks.end() if blanks else rport.end


def received_of(req: Context, via: Via) -> tuple[bytes, bytes]:
    """``;received=...`` and ``;rport=...`` for a sender's Via, either empty where it is not wanted (``received_test``, ``rport_test``)."""
    if req.source is None:
        return b"", b""
    text, rport = _sender(req.source, req.dialect)
    if b"rport" in via.params:
        return b";received=" + text, rport
    # Who prints all of an IPv6 address compares it by value (check_ip_address), who shortens it as text (check_via_address).
    host = via.host.strip(b"[]").lower()
    is_there = same_host(host, text) if req.dialect.ipv6_in_full else host == text
    return b";received=" + text if b"received" in via.params or not is_there else b"", b""


@lru_cache(_MOST_REMEMBERED)
def _sender(source: str, dialect: Dialect) -> tuple[bytes, bytes]:
    """The address of a sender as the server prints it (``ip_addr2a``), and ``;rport=`` with its port."""
    address, port = split_source(source)
    found = ip_address(address) if ":" in address and dialect.ipv6_in_full else None
    text = ipv6_in_full(found)[1:-1] if isinstance(found, IPv6Address) else address
    return text.encode(), b";rport=%d" % port


def mend_length(message: Message, edits: Edits, transport: str, dialect: Dialect) -> None:
    """See that Content-Length tells the body as it leaves: a stream cannot do without, and a datagram may hold more (``adjust_clen``)."""
    length, there = message.content_length(), len(message.data) - message.body_start
    if length is None:
        if transport in STREAMS:
            edits.insert(message.headers_end, b"Content-Length: %d\r\n" % there)
    elif there > length:
        if not dialect.bytes_behind_body:
            edits.delete(message.body_start + length, len(message.data))
        elif transport in STREAMS:
            header = message.find(b"content-length")
            assert header is not None
            edits.replace(header.value_start, header.value_end, b"%d" % there)
