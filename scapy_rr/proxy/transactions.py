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
        self.answer: tuple[Sent, ...] = ()
        """The final negative response as it was sent, for a retransmission of the request."""
        self.is_over = False
        """Whether targets that still have to ring are to be cancelled when they do."""
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
            if found.answer:
                return Outcome(req.data, req.state.notes, "answered again", "", "", found.answer)
            return left(req.data, req.state.notes, ABSORBED, "a retransmission")
        found.is_cancelled = found.is_over = True
        req.reply(200, "canceling")
        sent = (*req.sent, *found.cancelled())
        if not sent:
            return left(req.data, req.state.notes, req.left, req.detail)
        return Outcome(req.data, req.state.notes, f"{ANSWERED} 200", "", "", sent)

    def on_response(self, req: "ScriptRequest", branch: bytes, sent: Sent, now: float) -> Outcome | None:
        """What becomes of a response, ``sent`` where it would go; ``None`` where it belongs to none."""
        found = self._find(branch.rpartition(b".")[0], now)
        target = found.targets.get(branch) if found else None
        assert req.message is not None
        code = req.message.status
        if found is None or target is None or code is None or req.method != found.request.method:
            return None
        notes = req.state.notes
        if code < 200:
            # A stateful proxy has sent its own 100 (16.7 step 5). What was to be cancelled before it rang is cancelled now (9.1).
            late = (cancel(target.sent),) if found.is_over and not target.rings else ()
            target.rings = True
            if code == 100 and not late:
                return left(req.data, notes, ABSORBED, "100 Trying goes no further")
            return Outcome(req.data, notes, IS_RESPONSE, "", "", (*((sent,) if code > 100 else ()), *late))
        again, target.answer = target.answer is not None, (code, sent)
        if code < 300:
            found.is_answered = found.is_over = True
            return Outcome(req.data, notes, IS_RESPONSE, "", "", (sent, *found.cancelled()))
        return self._negative(req, found, target, again)

    def _negative(self, req: "ScriptRequest", found: Transaction, target: Target, again: bool) -> Outcome:
        """What becomes of a negative response of a target; ``again`` where it is not its first."""
        assert req.message is not None and target.answer is not None
        notes = req.state.notes
        acks = (ack(target.sent, req.message),) if found.request.method == "INVITE" else ()
        others: tuple[Sent, ...] = ()
        if target.answer[0] >= 600 and not found.is_over:
            # 16.7 step 5: nobody else is to be asked.
            found.is_over, others = True, tuple(found.cancelled())
        following = () if again or found.is_answered else self._failed(found, notes)
        sent = (*acks, *others, *following)
        if not sent:
            return left(req.data, notes, ABSORBED, "other targets are to answer yet")
        return Outcome(req.data, notes, IS_RESPONSE, "", "", sent)

    def _failed(self, found: Transaction, notes: list[Note]) -> tuple[Sent, ...]:
        """What is sent when one more target has failed."""
        best = found.best()
        if best is None:
            return ()
        req, name = found.request, found.failure_route
        if not name or found.is_cancelled:
            found.is_answered, found.answer = True, (best[1],)
            return found.answer
        notes.append(("route block", f"failure_route {name!r}, after {best[0]}"))
        req.sent, req.failure_code, req.replied, req.state.notes = [], best[0], None, notes
        targets = len(found.targets)
        req.router.run(RouteType.FAILURE, name, req)
        found.take_targets()
        has_answer = req.replied is not None and req.replied[0] >= 200
        has_targets = len(found.targets) > targets
        found.is_answered = has_answer or not has_targets
        sent = tuple(req.sent) if has_answer or has_targets else (*req.sent, best[1])
        found.answer = sent[-1:] if found.is_answered else ()
        return sent
