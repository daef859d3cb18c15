"""Message by message: what would be done with it, why, and what it changes."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from ..errors import SipParseError
from ..proxy.outcome import ANSWERED, Outcome
from ..sip.message import Message
from .messages import SipMessage
from .reader import Capture
from .reading import sip_messages
from .routing import CaptureRouter
from .transports import Transports

_MOST_LINES = 2000


class Change(NamedTuple):
    """One line of the difference between a message as it came and as it leaves."""

    sign: str
    """``-`` for a line that went, ``+`` for one that came."""
    line: str


class Explanation(NamedTuple):
    """One SIP message of a capture."""

    number: int
    """Its place among the SIP messages, from 1."""
    frame: int
    title: str
    """Its first line."""
    source: str
    destination: str
    call_id: str
    verdict: str
    """What becomes of it, in a few words."""
    steps: tuple[str, ...]
    changes: tuple[Change, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {**self._asdict(), "changes": [f"{change.sign}{change.line}" for change in self.changes]}


def explain(capture: Capture, router: CaptureRouter) -> Iterator[Explanation]:
    """Explain every SIP message of a capture. :raises Damage: where it cannot be read on, after the messages before."""
    transports = Transports(router.ports, keys=router.keys)
    for number, message in enumerate(sip_messages(capture, router.ports, transports), 1):
        yield _explain(number, message, router)
    router.summary.frames = capture.records.frames
    router.summary.given_up.update(transports.counts)


def _explain(number: int, message: SipMessage, router: CaptureRouter) -> Explanation:
    outcome = router.handle(message, message.time)
    if outcome is None:
        return Explanation(number, message.number, "", "", "", "", f"left alone: {message.refusal}", (), ())
    return Explanation(
        number,
        message.number,
        first_line(message.data),
        message.sender,
        message.receiver,
        call_id(message.data),
        verdict(outcome),
        tuple(str(step) for step in outcome.trace),
        () if outcome.left else tuple(change for sent in outcome.sent for change in difference(outcome.data, sent.payload)),
    )


def first_line(message: bytes) -> str:
    """The start line of a message."""
    return message.lstrip(b"\r\n").partition(b"\n")[0].rstrip().decode("latin-1")


def verdict(outcome: Outcome) -> str:
    """What becomes of a message, in a few words."""
    if outcome.left:
        return f"left alone: {outcome.left}" + (f" ({outcome.detail})" if outcome.detail not in ("", outcome.left) else "")
    ways = " and ".join(f"from {sent.send_socket} to {sent.next_hop}" for sent in outcome.sent)
    return f"{outcome.way}: {ways}" if outcome.way.startswith(ANSWERED) else f"routed {outcome.way}: {ways}"


def call_id(data: bytes) -> str:
    """The Call-ID of a message; empty where it has none."""
    try:
        return (Message(data).value(b"call-id") or b"").decode("latin-1")
    except SipParseError:
        return ""


def difference(before: bytes, after: bytes) -> Iterator[Change]:
    """The lines that went and came, in order; bodies are never changed, so only start line and headers are compared."""
    old, new = _lines(before), _lines(after)
    for kind, old_from, old_to, new_from, new_to in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            yield from (Change("-", line) for line in old[old_from:old_to])
            yield from (Change("+", line) for line in new[new_from:new_to])


def _lines(data: bytes) -> list[str]:
    head = data.replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.decode("latin-1").split("\n")[:_MOST_LINES]
