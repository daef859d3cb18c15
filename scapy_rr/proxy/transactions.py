"""The transactions of requests whose script asks for a failure route: which targets are still to answer, and what they said.

A small table, bounded in number and age. Nothing here keeps time; whoever hands a message in says when it came.
"""

from collections import OrderedDict
from typing import TYPE_CHECKING

from ..rr.trace import Note
from ..sip.message import Message
from ..sip.via import TopVia
from .hop_by_hop import ack, cancel
from .outcome import ABSORBED, ANSWERED, IS_RESPONSE, Outcome, Sent, left
from .route_type import RouteType

if TYPE_CHECKING:
    from .script import ScriptRequest

MOST, LONGEST = 4096, 180.0
"""How many transactions are kept, and for how many seconds (timer C of :rfc:`3261#section-16.6` is three minutes)."""


class Target:
    """One target of a request."""

    def __init__(self, sent: Sent) -> None:
        self.sent = sent
        self.rings = False
        """Whether a provisional response came, before which nothing may be cancelled (:rfc:`3261#section-9.1`)."""
        self.answer: tuple[int, Sent] | None = None
        """Its final response: the code, and the response as it would be sent on."""


class Transaction:
    """One request and its targets, by the branch that each got."""

    def __init__(self, req: "ScriptRequest", now: float) -> None:
        self.request = req
        self.began = now
        self.targets: dict[bytes, Target] = {}
        self.failure_route = ""
        self.is_cancelled = self.is_answered = False
        self.take_targets()

    def take_targets(self) -> None:
        """Take over what the script has sent."""
        req = self.request
        self.failure_route, req.on_failure = req.on_failure, ""
        for sent in req.sent:
            top = TopVia.find(Message(sent.payload))
            assert top is not None
            if top.via.branch.startswith(req.branch):
                self.targets.setdefault(top.via.branch, Target(sent))

    def cancelled(self) -> list[Sent]:
        """The CANCELs for all targets that ring."""
        return [cancel(target.sent) for target in self.targets.values() if target.rings and target.answer is None]

    def best(self) -> tuple[int, Sent] | None:
        """The response to send on when all have answered: one of class 6, else the lowest (:rfc:`3261#section-16.7` step 6)."""
        answers = [target.answer for target in self.targets.values()]
        if any(answer is None for answer in answers):
            return None
        return min((answer for answer in answers if answer), key=lambda answer: (answer[0] < 600, answer[0]))


class Transactions:
    """The table.

    :param most: how many are kept; the oldest goes, and is counted in :attr:`given_up`.
    :param longest: for how many seconds.
    """

    def __init__(self, most: int = MOST, longest: float = LONGEST) -> None:
        self._most, self._longest = most, longest
        self._table: OrderedDict[bytes, Transaction] = OrderedDict()
        self.given_up = 0

    def __len__(self) -> int:
        return len(self._table)

    def add(self, req: "ScriptRequest", now: float) -> None:
        """Keep a request that was relayed."""
        self._table[req.branch] = Transaction(req, now)
        while len(self._table) > self._most:
            self._table.popitem(last=False)
            self.given_up += 1

    def _find(self, branch: bytes, now: float) -> Transaction | None:
        while self._table:
            oldest = next(iter(self._table))
            if now - self._table[oldest].began <= self._longest:
                break
            del self._table[oldest]
        return self._table.get(branch)

    def absorb(self, req: "ScriptRequest", now: float) -> Outcome | None:
        """What becomes of a request that belongs to a transaction: its retransmission, CANCEL or ACK; ``None`` where it belongs to none."""
        found = self._find(req.branch, now)
        if found is None:
            return None
        if req.method == "ACK":
            return left(req.data, req.state.notes, ABSORBED, "the ACK for a negative response")
        if req.method != "CANCEL":
            return left(req.data, req.state.notes, ABSORBED, "a retransmission")
        found.is_cancelled = True
        req.reply(200, "canceling")
        return Outcome(req.data, req.state.notes, f"{ANSWERED} 200", "", "", (*req.sent, *found.cancelled()))

    def on_response(self, req: "ScriptRequest", branch: bytes, sent: Sent, now: float) -> Outcome | None:
        """What becomes of a response, ``sent`` where it would go; ``None`` where it belongs to none."""
        found = self._find(branch.rpartition(b".")[0], now)
        target = found.targets.get(branch) if found else None
        assert req.message is not None
        code = req.message.status
        if found is None or target is None or code is None:
            return None
        notes = req.state.notes
        if code < 200:
            target.rings = True
            # A stateful proxy has sent its own (16.7 step 5).
            if code == 100:
                return left(req.data, notes, ABSORBED, "100 Trying goes no further")
            return Outcome(req.data, notes, IS_RESPONSE, "", "", (sent,))
        again, target.answer = target.answer is not None, (code, sent)
        if code < 300:
            found.is_answered = True
            return Outcome(req.data, notes, IS_RESPONSE, "", "", (sent, *found.cancelled()))
        acks = (ack(target.sent, req.message),) if found.request.method == "INVITE" else ()
        following = () if again or found.is_answered else self._failed(found, notes)
        if not acks and not following:
            return left(req.data, notes, ABSORBED, "other targets are to answer yet")
        return Outcome(req.data, notes, IS_RESPONSE, "", "", (*acks, *following))

    def _failed(self, found: Transaction, notes: list[Note]) -> tuple[Sent, ...]:
        """What is sent when one more target has failed."""
        best = found.best()
        if best is None:
            return ()
        req, name = found.request, found.failure_route
        if not name or found.is_cancelled:
            found.is_answered = True
            return (best[1],)
        notes.append(("route block", f"failure_route {name!r}, after {best[0]}"))
        req.sent, req.failure_code, req.replied, req.state.notes = [], best[0], None, notes
        req.router.run(RouteType.FAILURE, name, req)
        if req.replied or not req.sent:
            found.is_answered = True
        found.take_targets()
        return tuple(req.sent) or (best[1],)
