"""The requests that a transaction sends for itself: the ACK for a negative response, and CANCEL."""

from ..errors import SipParseError
from ..sip.message import Message
from ..sip.via import TopVia
from .outcome import Sent


def ack(sent: Sent, response: Message) -> Sent:
    """The ACK for a negative response to an INVITE that we sent (:rfc:`3261#section-17.1.1.3`)."""
    to = response.find(b"to")
    return _like(sent, b"ACK", response.data[to.start : to.end] if to else None)


def cancel(sent: Sent) -> Sent:
    """The CANCEL for a request that we sent (:rfc:`3261#section-9.1`)."""
    return _like(sent, b"CANCEL", None)


def _like(sent: Sent, method: bytes, to: bytes | None) -> Sent:
    """A request of the same transaction: the same Request-URI, Via of ours, Routes, From, Call-ID and CSeq number."""
    message = Message(sent.payload)
    data, top = message.data, TopVia.find(message)
    if top is None:
        raise SipParseError("no Via header")
    lines = [b"%b %b SIP/2.0\r\n" % (method, message.request_uri), data[top.header.start : top.header.end]]
    for name in (b"route", b"from", b"to", b"call-id"):
        found = [data[header.start : header.end] for header in message.find_all(name)]
        lines += [to] if name == b"to" and to else found
    number = (message.value(b"cseq") or b"").split()[:1]
    lines.append(b"CSeq: %b %b\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n" % (b"".join(number), method))
    return sent._replace(payload=b"".join(lines))
