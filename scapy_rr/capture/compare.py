"""Two dialects over one capture: the messages on which they disagree, and the lines of the table that make them."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..proxy.outcome import Outcome
from ..rr.dialect import Dialect, differences
from ..rr.difference import Difference
from .explain import Change, call_id, difference, first_line, verdict
from .messages import SipMessage
from .reader import Capture
from .reading import sip_messages
from .routing import CaptureRouter
from .transports import Transports

RouterOf = Callable[[Dialect], CaptureRouter]
"""Makes the router that speaks a dialect."""


class Side(NamedTuple):
    """What one dialect does with a message."""

    dialect: str
    verdict: str
    calls: tuple[str, ...]
    """The functions that were called, with what they returned."""


class Disagreement(NamedTuple):
    """One message on which two dialects disagree."""

    number: int
    """Its place among the SIP messages, from 1."""
    frame: int
    title: str
    """Its first line."""
    call_id: str
    sides: tuple[Side, Side]
    causes: tuple[Difference[Any], ...]
    """The lines of the table that make a difference by themselves; none where it takes several together."""
    changes: tuple[Change, ...]
    """The lines that the second one sends in the place of the first one's."""

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {
            "number": self.number,
            "frame": self.frame,
            "title": self.title,
            "call_id": self.call_id,
            "sides": [side._asdict() for side in self.sides],
            "causes": [cause.as_dict() for cause in self.causes],
            "changes": [f"{change.sign}{change.line}" for change in self.changes],
        }


class Comparison:
    """Routes each message by two dialects.

    :param router: speaks the first one.
    :param other: the second one.
    :param router_of: makes the router of a dialect: the second one, and mixtures of both.
    """

    def __init__(self, router: CaptureRouter, other: Dialect, router_of: RouterOf) -> None:
        self._dialects = router.dialect, other
        self._router_of = router_of
        self._routers = router, router_of(other)
        self._mixed: list[tuple[Difference[Any], CaptureRouter]] = []
        self.messages = 0
        """How many SIP messages were compared."""
        self.disagreements = 0
        """On how many of them the dialects disagree."""

    def run(self, capture: Capture) -> Iterator[Disagreement]:
        """The disagreements, in the capture's order. :raises Damage: where it cannot be read on, after the messages before."""
        router = self._routers[0]
        for message in sip_messages(capture, router.ports, Transports(router.ports, keys=router.keys)):
            self.messages += 1
            one, other = (router.handle(message, message.time) for router in self._routers)
            if one is not None and other is not None and _result(one) != _result(other):
                self.disagreements += 1
                yield self._disagreement(message, one, other)

    def _disagreement(self, message: SipMessage, one: Outcome, other: Outcome) -> Disagreement:
        sides = [
            Side(dialect.name, verdict(outcome), _calls(outcome)) for dialect, outcome in zip(self._dialects, (one, other), strict=True)
        ]
        causes = tuple(line for line, router in self._mixtures() if _differs(router.handle(message, message.time), one))
        return Disagreement(
            self.messages,
            message.number,
            first_line(message.data),
            call_id(message.data),
            (sides[0], sides[1]),
            causes,
            tuple(difference(_leaving(one), _leaving(other))),
        )

    def _mixtures(self) -> list[tuple[Difference[Any], CaptureRouter]]:
        """The first dialect with each line of the table answered as the second does: what then comes out otherwise, that line makes."""
        if not self._mixed:
            one, other = self._dialects
            self._mixed = [(line, self._router_of(one.with_answer(line, other.name))) for line in differences() if not line.is_vocabulary]
        return self._mixed


def _calls(outcome: Outcome) -> tuple[str, ...]:
    return tuple(step.text for step in outcome.trace if step.name == "function")


def _result(outcome: Outcome) -> tuple[object, ...]:
    return outcome.left, *((sent.payload, str(sent.send_socket), str(sent.next_hop)) for sent in outcome.sent), _calls(outcome)


def _leaving(outcome: Outcome) -> bytes:
    """What leaves first; the message as it came where nothing does."""
    return outcome.sent[0].payload if outcome.sent else outcome.data


def _differs(outcome: Outcome | None, other: Outcome) -> bool:
    return outcome is not None and _result(outcome) != _result(other)
