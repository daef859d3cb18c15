"""The responses that a proxy makes itself (:rfc:`3261#section-8.2.6`, ``build_res_buf_from_sip_req``)."""

from hashlib import blake2b

from ..errors import ConfigError, SipParseError
from ..rr.context import Context
from ..sip.message import LONG_NAMES, Header
from ..sip.text import encode
from ..sip.via import TopVia
from .forward import received_of, rport_span

_COPIED = (b"via", b"to", b"from", b"call-id", b"cseq")
_TAG_SIZE = 8
_DIALOG_RESPONSES = range(180, 300)


def own_reply(req: Context, code: int, reason: str, headers: bytes = b"") -> bytes:
    """A response to a request: its Via, From, To with a tag, Call-ID and CSeq, in the order and the spelling of the request.

    The tag is a function of the request, so that a retransmission is answered alike (:rfc:`3261#section-16.11`).

    :param code: 100 to 699. :param reason: the reason phrase. :param headers: more header lines, each with its line end.
    :raises ConfigError: where code or reason are none.
    :raises SipParseError: where the request lacks what a response needs.
    """
    if not 100 <= code <= 699 or any(c in reason for c in "\r\n"):
        raise ConfigError(f"reply({code!r}, {reason!r}): a code from 100 to 699 and a reason of one line are needed")
    message = req.message
    if message is None:
        raise req.parse_error or SipParseError("not a message")
    top = TopVia.find(message)
    if top is None:
        raise SipParseError("no Via header")
    lines = [b"SIP/2.0 %d %b\r\n" % (code, encode(reason))]
    for written, header in message.headers():
        name = written.lower()
        name = LONG_NAMES.get(name, name)
        if name == b"via" and header == top.header:
            lines.append(_marked(req, top))
        elif name == b"to" and code > 100:
            lines.append(_tagged(req, header))
        elif name in _COPIED or (name == b"record-route" and code in _DIALOG_RESPONSES):
            lines.append(message.data[header.start : header.end])
    return b"".join([*lines, headers, b"Content-Length: 0\r\n\r\n"])


def _marked(req: Context, top: TopVia) -> bytes:
    """The header of the topmost Via, with ``received`` and ``rport``."""
    assert req.message is not None
    data, via = req.message.data, top.via
    received, rport = received_of(req, via)
    # Blanks at its end stay, its line end becomes CR LF.
    start = top.header.start
    end = start + len(data[start : top.header.end].removesuffix(b"\n").removesuffix(b"\r"))
    cut = rport_span(data, via) if rport else None
    if req.dialect.reply_received_first:
        first = data[start : via.sent_by_end] + received
        rest = data[via.sent_by_end : cut[0]] + rport + data[cut[1] : end] if cut else data[via.sent_by_end : end]
        return first + rest + b"\r\n"
    if cut:
        return data[start : cut[0]] + rport + received + data[cut[1] : end] + b"\r\n"
    branch = via.params.get(b"branch")
    place = branch.end if branch else via.end
    return data[start:place] + received + data[place:end] + b"\r\n"


def _tagged(req: Context, header: Header) -> bytes:
    """The To header, with a tag of ours where it has none."""
    assert req.message is not None
    data, end = req.message.data, header.value_end
    if req.to_tag() is not None:
        return data[header.start : header.end]
    return data[header.start : end] + b";tag=" + _own_tag(req) + data[end : header.end]


def _own_tag(req: Context) -> bytes:
    assert req.message is not None
    top = TopVia.find(req.message)
    seed = b"\n".join((top.via.branch if top else b"", req.message.value(b"call-id") or b"", req.message.value(b"from") or b""))
    return blake2b(seed, digest_size=_TAG_SIZE).hexdigest().encode()


def is_ack_of_own(req: Context) -> bool:
    """Whether a request is the ACK for a negative response of our own, told by the tag that we gave it (``sl_filter_ACK``)."""
    if req.message is None or req.message.method != b"ACK":
        return False
    tag = req.to_tag()
    return tag is not None and len(tag) == 2 * _TAG_SIZE and tag == _own_tag(req)
