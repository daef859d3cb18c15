"""Routes the SIP messages of a capture, and keeps count of what becomes of them."""

from collections.abc import Collection, Iterable

from ..errors import ScriptError
from ..proxy.outcome import IS_RESPONSE, Outcome, Sent
from ..proxy.router import Router
from ..rr.dialect import Dialect
from ..wire.datagram import Datagram
from ..wire.splice import TooLong, splice
from .messages import RESPONSE, SipMessage, spell
from .origin import PduOrigin
from .summary import Summary
from .tls_keys import TlsKeys

FAMILY, TOO_LONG = "next hop is of another address family", "longer than IP can carry"
TRANSPORT = "next hop is reached over a transport that is not written"
NOT_FOR_US = "not addressed to a listener"
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__


class CaptureRouter:
    """Routes the messages of a capture, one at a time, and keeps count.

    :param router: the proxy with its script.
    :param ports: the ports, of either end, to look at; all where there are none.
    :param keys: open TLS connections.
    """

    def __init__(self, router: Router, ports: Collection[int] = (), keys: TlsKeys | None = None) -> None:
        assert router.rr is not None
        self._router = router
        self._rr = router.rr
        self.ports, self.keys = ports, keys
        self.summary = Summary()
        self.is_stateful = router.is_stateful
        """Whether what becomes of a message depends on those before it."""

    @property
    def dialect(self) -> Dialect:
        """The dialect it speaks."""
        return self._rr.dialect

    def handle(self, message: SipMessage, now: float = 0.0) -> Outcome | None:
        """Route a message that was captured at ``now``; ``None`` where it cannot be reached. Why it is left alone is counted."""
        summary, number, destination = self.summary, message.number, message.destination
        if not message.kind:
            summary.count("not read")
            summary.leave(message.refusal, number)
            return None
        summary.count(message.kind)
        if message.refusal:
            summary.leave(message.refusal, number)
            return _new(Outcome, (message.data, [], "", message.refusal, "", ()))
        if message.kind == RESPONSE and not self._router.via:
            summary.leave(IS_RESPONSE, number)
            return _new(Outcome, (message.data, [], "", IS_RESPONSE, "", ()))
        listener = self._rr.identity.listener_at(message.transport, *destination)
        if listener is None:
            # The first one's alone is kept, and the most that a mirror port sees are for others.
            detail = "" if NOT_FOR_US in summary.left else f"the first goes to {spell(*destination, message.transport)}"
            summary.leave(NOT_FOR_US, number, detail)
            return _new(Outcome, (message.data, [], "", NOT_FOR_US, "", ()))
        summary.addressed += 1
        source = spell(*message.source)[4:]
        try:
            outcome = self._router.handle(message.data, listener, source, now, message.connection)
        except ScriptError as error:
            raise ScriptError(f"frame {number}: {error}") from None
        for sent in outcome.sent:
            unsent = _unsendable(sent, message)
            if unsent:
                outcome = outcome._replace(left=unsent, detail=str(sent.next_hop))
                break
        if outcome.left:
            summary.leave(outcome.left, number, outcome.detail)
        return outcome


def spliced(sent: Iterable[Sent], data: bytes, start: int, end: int, at: Datagram) -> list[bytes] | None:
    """The frames of what is sent in the place of a datagram in the frame ``data[start:end]``.

    :returns: ``None`` where it takes more than other bytes and addresses in that frame.
    """
    frames = []
    try:
        for one in sent:
            sender, next_hop = one.send_socket, one.next_hop
            if next_hop.transport != "udp":
                return None
            frames.append(splice(data, start, end, at, one.payload, (sender.packed, sender.port), (next_hop.packed, next_hop.port)))
    except TooLong:
        return None
    return frames


def _unsendable(sent: Sent, message: SipMessage) -> str:
    """Why a message cannot stand in the place of another one; empty where it can."""
    if isinstance(message.origin, PduOrigin):
        return ""
    transport = sent.next_hop.transport
    # Whether there is a connection for it, is seen when it is sent.
    if transport not in ("udp", "tcp", "ws", message.transport):
        return TRANSPORT
    return FAMILY if len(sent.next_hop.packed) != len(message.source[0]) else ""
