"""The way back of a response (:rfc:`3261#section-16.7`, ``forward_reply``): our Via goes, and the next one says where to (18.2.2)."""

from ..errors import SipParseError
from ..rr.dialect import Dialect
from ..rr.identity import Identity
from ..rr.listener import DEFAULT_PORTS
from ..rr.trace import Note
from ..sip.edits import Edits
from ..sip.message import Message
from ..sip.text import read_number
from ..sip.via import TopVia, Via
from .forward import mend_length
from .locate import Locator
from .next_hop import NextHop

UNKNOWN_TRANSPORT = "the Via below ours has a transport that is none"


def drop_our_via(identity: Identity, message: Message, edits: Edits, notes: list[Note]) -> TopVia | None:
    """Take our Via off the top.

    :returns: the Via below it; ``None`` where there is none, so that the response is for ourselves.
    :raises SipParseError: where a Via is missing or malformed.
    :raises ForeignVia: where the topmost one is not ours (18.1.2: discarded).
    """
    top = TopVia.find(message)
    if top is None:
        raise SipParseError("no Via header")
    via = top.via
    spelled = message.data[via.start : via.sent_by_end].strip()
    ours = identity.sent_by(via.transport, via.host, via.port)
    notes.append(("via", "topmost Via is", spelled, ours or "none of ours"))
    if ours is None:
        raise ForeignVia(spelled.decode("latin-1"))
    if top.is_alone:
        edits.delete(top.header.start, top.header.end)
    else:
        # The blanks behind the comma go, too.
        edits.delete(top.header.value_start, via.next)
    return top.below(message)


class ForeignVia(Exception):
    """A response that was not for us."""


def next_hop_of(via: Via, locator: Locator, notes: list[Note]) -> NextHop:
    """Where a response goes by the Via that is then on top.

    :raises SipParseError: where its transport, or the address in it, is none.
    :raises NotLocated: where its host has no address.
    """
    if via.transport not in DEFAULT_PORTS:
        raise SipParseError(f"{UNKNOWN_TRANSPORT}: {via.transport}", via.start)
    # 18.2.2: maddr with the port of sent-by; else received with rport, or the port of sent-by; else sent-by itself.
    rport = via.value(b"rport")
    port = (read_number(rport) if rport and rport.isdigit() else 0) or via.port or 0
    if maddr := via.value(b"maddr"):
        host, port, why = maddr, via.port or 0, ", from the Via's maddr"
    elif received := via.value(b"received"):
        host, port, why = received, port or DEFAULT_PORTS[via.transport], ", from the Via's received"
    else:
        host, why = via.host, ", from the Via's sent-by"
    if port > 65535:
        raise SipParseError(f"port {port} in a Via", via.start)
    next_hop = locator.locate_sent_by(via.transport, host, port)
    notes.append(("next hop", next_hop, host, why))
    return next_hop


def mend(message: Message, edits: Edits, transport: str, dialect: Dialect) -> None:
    """What the servers change in a response beside its Via."""
    mend_length(message, edits, transport, dialect)
    if message.status == 503 and dialect.relayed_503 != b"503":
        code = message.data.index(b"503", message.start)
        edits.replace(code, code + 3, dialect.relayed_503)
