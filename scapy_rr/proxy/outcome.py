"""What becomes of a message: what is sent, where, by which listener; or why nothing is."""

from typing import NamedTuple

from ..rr.listener import Listener
from ..rr.trace import Note, Step, read
from .next_hop import NextHop

MALFORMED, MALFORMED_RESPONSE = "malformed request", "malformed response"
TRUNCATED = "body shorter than its Content-Length"
UNRESOLVED = "next hop is a name without an address"
OURSELVES, NO_SOCKET = "next hop is ourselves", "no listener of the next hop's transport and family"
SILENT = "the script neither relays nor answers"
ACK_OF_OWN = "the ACK for an answer of ours"
NOT_OUR_VIA, NO_MORE_VIA = "response whose topmost Via is not ours", "response for ourselves: no Via below ours"
IS_RESPONSE, ANSWERED, ABSORBED = "response", "answered", "absorbed by its transaction"


# A named tuple's own constructor takes three times as long.
_new = tuple.__new__


class Sent(NamedTuple):
    """One message that is sent."""

    payload: bytes
    send_socket: Listener
    next_hop: NextHop
    connection: str = ""
    """The connection that its request came by, where it was one: a response goes there while it is open (:rfc:`3261#section-18.2.2`)."""


class Outcome(NamedTuple):
    """What became of a message that arrived."""

    data: bytes
    """The message as it came."""
    notes: list[Note]
    """What was decided; :attr:`trace` reads them."""
    way: str
    """Which way it was routed: as the rr module has it, ``by the R-URI``, ``response``, or ``answered`` with the code."""
    left: str
    """Why nothing is sent, in a few words that all such messages share; empty where something is."""
    detail: str
    """The same, about this one."""
    sent: tuple[Sent, ...]

    @property
    def trace(self) -> tuple[Step, ...]:
        """What was decided, and why."""
        return read(self.notes)


def left(data: bytes, notes: list[Note], reason: str, detail: str) -> Outcome:
    """The outcome of a message that is left as it was."""
    notes.append(("error", detail, "left as it was: "))
    return _new(Outcome, (data, notes, "", reason, detail, ()))
