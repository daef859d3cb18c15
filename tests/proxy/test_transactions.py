"""Requests whose script asks for a failure route: every message of a call, one after the other, and what each makes the proxy send."""

import pytest

from scapy_rr.errors import RouteContextError
from scapy_rr.proxy.outcome import ABSORBED, NO_MORE_VIA, Outcome, Sent
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.proxy.transactions import LONGEST, MOST, Transactions

from .calls import CALLER, A, B, C, Script, answer, do, of_transaction, request, router, shown, summary, values, within

BOB = "sip:bob@10.0.0.9"
TO_CALLER = "-> udp:10.0.0.5:5060"
TO_BOB, TO_A, TO_B, TO_C = (f"-> udp:10.0.0.{host}:5060" for host in (9, 11, 12, 13))


class Call:
    """A request through a proxy with a failure route, which goes to the R-URI and to what was appended.

    :param failure: the failure route.
    :param appended: targets beside the R-URI.
    """

    def __init__(self, failure: Script, *appended: str, method: str = "INVITE", dialect: str = "opensips", most: int = MOST) -> None:
        self.router = router(self._relay, dialect)
        self.router.transactions = Transactions(most)
        self.router.failure_route("f")(failure)
        self._appended = appended
        self.request = request(method)
        self.first = self.came(self.request)
        self.targets = list(self.first.sent)

    def _relay(self, req: ScriptRequest) -> None:
        req.t_on_failure("f")
        for uri in self._appended:
            req.append_branch(uri)
        req.relay()

    def came(self, data: bytes, now: float = 0.0) -> Outcome:
        """A message of the caller."""
        return self.router.handle(data, source=CALLER, now=now)

    def answered(self, target: int, status: str, now: float = 0.0) -> list[str]:
        """What is sent when this target answers; nothing where its answer is absorbed. Requests are targets from then on."""
        outcome = self.outcome(answer(self.targets[target], status, f"t{target}"), now)
        self.targets += [sent for sent in outcome.sent if sent.payload.startswith(b"INVITE ")]
        return summary(outcome)

    def outcome(self, data: bytes, now: float = 0.0) -> Outcome:
        """What becomes of a message from a target."""
        outcome = self.router.handle(data, source="10.0.0.9:5060", now=now)
        assert bool(outcome.sent) is not bool(outcome.left)
        return outcome


def nothing(req: ScriptRequest) -> None:
    """A failure route that lets the response pass."""


def to_a(req: ScriptRequest) -> None:
    """One that tries another target, once."""
    req.ruri = A
    req.relay()


def to_the_next(req: ScriptRequest) -> None:
    """One that tries a, then b."""
    req.ruri = A if req.ruri == BOB else B
    req.relay()


def to_three(req: ScriptRequest) -> None:
    """A request route that asks all at once."""
    req.append_branch(A)
    req.append_branch(B)
    req.relay()


def via(sent: Sent) -> str:
    """The topmost Via of what was sent."""
    return values(sent.payload, "Via")[0]


# Serial forking: one after the other.


def test_serial_forking_message_by_message() -> None:
    """Bob is busy, a answers: the ACK goes to bob with the branch of his INVITE, the 200 to the caller with one Via less."""
    call = Call(to_a)
    (to_bob,) = call.targets
    assert shown(to_bob.payload)[:3] == [
        f"INVITE {BOB} SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
    ]

    busy = call.outcome(answer(to_bob, "486 Busy Here", "busy"))
    assert busy.way == "response"
    ack, to_other = busy.sent
    assert shown(ack.payload) == [
        f"ACK {BOB} SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=busy",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 ACK",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    assert (ack.next_hop, via(ack)) == (to_bob.next_hop, via(to_bob))
    assert shown(to_other.payload) == [
        f"INVITE {A} SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.1",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
        "Max-Forwards: 69",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
    ]
    assert str(to_other.next_hop) == "udp:10.0.0.11:5060"
    assert via(to_other)[:-1] == via(to_bob)[:-1]

    (back,) = call.outcome(answer(to_other, "200 OK", "here")).sent
    assert shown(back.payload) == [
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=here",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
    ]
    assert str(back.next_hop) == "udp:10.0.0.5:5060"
    assert [str(step) for step in busy.trace if step.name == "route block"] == ["route block: failure_route 'f', after 486"]


SERIAL: list[tuple[Script, list[tuple[int, str, list[str]]]]] = [
    # The failure route lets it pass: the one answer there is.
    (nothing, [(0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"486 Busy Here {TO_CALLER}"])]),
    # Provisional ones go on, but for 100.
    (nothing, [(0, "100 Trying", []), (0, "180 Ringing", [f"180 Ringing {TO_CALLER}"]), (0, "200 OK", [f"200 OK {TO_CALLER}"])]),
    # The second target fails, too: the lowest of all responses, and the failure route was for the first only.
    (
        to_a,
        [
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]),
            (1, "180 Ringing", [f"180 Ringing {TO_CALLER}"]),
            (1, "404 Not Found", [f"ACK {A} {TO_A}", f"404 Not Found {TO_CALLER}"]),
        ],
    ),
    (
        to_a,
        [
            (0, "404 Not Found", [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]),
            (1, "486 Busy Here", [f"ACK {A} {TO_A}", f"404 Not Found {TO_CALLER}"]),
        ],
    ),
    # Armed again, it runs again.
    (
        do(lambda req: req.t_on_failure("f") if req.ruri == BOB else None, to_the_next),
        [
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]),
            (1, "486 Busy Here", [f"ACK {A} {TO_A}", f"INVITE {B} {TO_B}"]),
            (2, "486 Busy Here", [f"ACK {B} {TO_B}", f"486 Busy Here {TO_CALLER}"]),
        ],
    ),
    # Several at once from the failure route; the R-URI has failed already.
    (
        lambda req: (req.append_branch(A), req.append_branch(B), req.relay()),
        [
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}", f"INVITE {B} {TO_B}"]),
            (1, "404 Not Found", [f"ACK {A} {TO_A}"]),
            (2, "200 OK", [f"200 OK {TO_CALLER}"]),
        ],
    ),
    # It answers itself.
    (lambda req: req.reply(480, "Try $rU later"), [(0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"480 Try bob later {TO_CALLER}"])]),
    # A provisional answer is none: the call goes on, and its end is told.
    (
        do(lambda req: req.reply(181, "Call Is Being Forwarded"), to_a),
        [
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"181 Call Is Being Forwarded {TO_CALLER}", f"INVITE {A} {TO_A}"]),
            (1, "404 Not Found", [f"ACK {A} {TO_A}", f"404 Not Found {TO_CALLER}"]),
        ],
    ),
    (
        lambda req: req.reply(181, "Call Is Being Forwarded"),
        [(0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"181 Call Is Being Forwarded {TO_CALLER}", f"486 Busy Here {TO_CALLER}"])],
    ),
    # What cannot be relayed leaves the response that there is.
    (
        do(lambda req: setattr(req, "ruri", "sip:nowhere.example.org"), ScriptRequest.relay),
        [(0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"486 Busy Here {TO_CALLER}"])],
    ),
    # After a 6xx nobody else is asked (16.7 step 5).
    (to_a, [(0, "603 Decline", [f"ACK {BOB} {TO_BOB}", f"603 Decline {TO_CALLER}"])]),
    # A retransmitted response: the ACK once more, and nothing else.
    (
        to_a,
        [
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]),
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}"]),
            (1, "200 OK", [f"200 OK {TO_CALLER}"]),
            (1, "200 OK", [f"200 OK {TO_CALLER}"]),
            (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}"]),
        ],
    ),
]


@pytest.mark.parametrize("dialect", ["opensips", "kamailio"])
@pytest.mark.parametrize(("failure", "steps"), SERIAL)
def test_serial_forking(failure: Script, steps: list[tuple[int, str, list[str]]], dialect: str) -> None:
    call = Call(failure, dialect=dialect)
    assert [call.answered(target, status) for target, status, _ in steps] == [sent for _, _, sent in steps]


def test_what_a_failure_route_is_told() -> None:
    told: list[object] = []

    def failure(req: ScriptRequest) -> None:
        told.extend([req.status, req.ruri, req.relay(), req.error])

    Call(failure).answered(0, "603 Decline")
    assert told == [603, BOB, False, "after a 603 there are no new targets"]
    del told[:]
    Call(do(lambda req: setattr(req, "ruri", "sip:nowhere.example.org"), failure)).answered(0, "486 Busy Here")
    assert told == [486, "sip:nowhere.example.org", False, "no address is known for nowhere.example.org"]


def test_a_failure_route_goes_on_with_what_was_done_before() -> None:
    """The Record-Route, the header and the Route that is gone are the request's; a branch route may add its own."""

    def failure(req: ScriptRequest) -> None:
        req.t_on_branch("b")
        req.add_rr_param(";f=1")
        req.append_header("X-Failed", "$rm")
        to_a(req)

    def relay(req: ScriptRequest) -> None:
        assert req.loose_route()
        req.record_route()
        req.append_header("X-First", "1")
        req.t_on_failure("f")
        req.dst_uri = None
        req.relay()

    made = router(relay)
    made.failure_route("f")(failure)
    made.branch_route("b")(lambda req: req.append_header("X-Branch", "$rU"))
    data = within("INVITE", "Route: <sip:10.0.0.1;lr>, <sip:10.0.0.7;lr>")
    (to_bob,) = made.handle(data, source=CALLER).sent
    _, to_other = made.handle(answer(to_bob, "486 Busy Here")).sent
    assert [values(to_other.payload, name) for name in ("Record-Route", "Route", "X-First", "X-Failed", "X-Branch")] == [
        ["<sip:10.0.0.1;lr;ftag=a1;f=1>"],
        ["<sip:10.0.0.7;lr>"],
        ["1"],
        ["INVITE"],
        ["a"],
    ]


def test_a_failure_route_that_does_what_it_may_not() -> None:
    call = Call(lambda req: req.loose_route())
    with pytest.raises(RouteContextError, match="loose_route cannot be called from failure_route: it may be used in request_route"):
        call.answered(0, "486 Busy Here")


def test_a_request_that_is_no_invite() -> None:
    """Its negative response has no ACK."""
    call = Call(to_a, method="OPTIONS")
    busy = call.outcome(answer(call.targets[0], "480 Temporarily Unavailable"))
    assert summary(busy) == [f"OPTIONS {A} {TO_A}"]
    assert summary(call.outcome(answer(busy.sent[0], "200 OK"))) == [f"200 OK {TO_CALLER}"]


def test_of_several_requests_that_are_no_invite_the_last_answer_counts() -> None:
    call = Call(nothing, A, method="OPTIONS")
    first = call.outcome(answer(call.targets[0], "404 Not Found"))
    assert (first.left, first.detail, first.sent) == (ABSORBED, "other targets are to answer yet", ())
    assert call.answered(1, "480 Temporarily Unavailable") == [f"404 Not Found {TO_CALLER}"]


def test_the_connection_of_the_caller_is_kept() -> None:
    """Every answer goes back by it, be it a target's or our own; what goes to targets does not."""
    call = Call(nothing)
    data = request(via="SIP/2.0/TCP 10.0.0.5;branch=z9hG4bKa9")
    (sent,) = call.router.handle(data, "tcp:10.0.0.1:5060", CALLER, connection="7f").sent
    call.outcome(answer(sent, "180 Ringing"))
    cancelled = call.router.handle(of_transaction(data, "CANCEL"), "tcp:10.0.0.1:5060", CALLER, connection="7f")
    assert [one.connection for one in cancelled.sent] == ["7f", ""]
    assert values(cancelled.sent[1].payload, "Via") == [via(sent)]
    assert [one.connection for one in call.outcome(answer(sent, "487 Request Terminated")).sent] == ["", "7f"]


def test_without_a_failure_route_for_it_a_request_is_stateless() -> None:
    """Another request of the same script may have one."""
    made = router(lambda req: req.relay())
    made.failure_route("f")(nothing)
    (sent,) = made.handle(request(), source=CALLER).sent
    assert made.is_stateful
    assert len(made.transactions) == 0
    assert summary(made.handle(answer(sent, "100 Trying"))) == [f"100 Trying {TO_CALLER}"]
    assert summary(made.handle(answer(sent, "486 Busy Here"))) == [f"486 Busy Here {TO_CALLER}"]
    assert summary(made.handle(request(), source=CALLER)) == [f"INVITE {BOB} {TO_BOB}"]


# Parallel forking: all at once. Targets 0, 1 and 2 are bob, a and b.

RING = [(target, "180 Ringing", [f"180 Ringing {TO_CALLER}"]) for target in range(3)]
PARALLEL: list[list[tuple[int, str, list[str]]]] = [
    # A 2xx from one cancels those that ring.
    [
        *RING,
        (1, "200 OK", [f"200 OK {TO_CALLER}", f"CANCEL {BOB} {TO_BOB}", f"CANCEL {B} {TO_B}"]),
        (0, "487 Request Terminated", [f"ACK {BOB} {TO_BOB}"]),
        (2, "487 Request Terminated", [f"ACK {B} {TO_B}"]),
    ],
    # One that does not ring yet is cancelled when it does (9.1), once; its 100 is enough.
    [
        (0, "200 OK", [f"200 OK {TO_CALLER}"]),
        (1, "180 Ringing", [f"180 Ringing {TO_CALLER}", f"CANCEL {A} {TO_A}"]),
        (1, "180 Ringing", [f"180 Ringing {TO_CALLER}"]),
        (2, "100 Trying", [f"CANCEL {B} {TO_B}"]),
        (2, "100 Trying", []),
    ],
    # One that has failed is not; one that answered at the same time is told to the caller, who ends it.
    [
        (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}"]),
        RING[1],
        (2, "200 OK", [f"200 OK {TO_CALLER}", f"CANCEL {A} {TO_A}"]),
        (1, "200 OK", [f"200 OK {TO_CALLER}"]),
    ],
    # All fail: the failure route runs when the last has, and the lowest goes on.
    [
        (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}"]),
        (2, "503 Service Unavailable", [f"ACK {B} {TO_B}"]),
        (1, "404 Not Found", [f"ACK {A} {TO_A}", f"404 Not Found {TO_CALLER}"]),
    ],
    # A 6xx wins, whoever else says what, and ends the search.
    [
        RING[0],
        (1, "404 Not Found", [f"ACK {A} {TO_A}"]),
        (2, "603 Decline", [f"ACK {B} {TO_B}", f"CANCEL {BOB} {TO_BOB}"]),
        (0, "487 Request Terminated", [f"ACK {BOB} {TO_BOB}", f"603 Decline {TO_CALLER}"]),
    ],
    [
        (2, "600 Busy Everywhere", [f"ACK {B} {TO_B}"]),
        (0, "180 Ringing", [f"180 Ringing {TO_CALLER}", f"CANCEL {BOB} {TO_BOB}"]),
        (0, "486 Busy Here", [f"ACK {BOB} {TO_BOB}"]),
        (1, "603 Decline", [f"ACK {A} {TO_A}", f"600 Busy Everywhere {TO_CALLER}"]),
    ],
]


@pytest.mark.parametrize("steps", PARALLEL)
def test_parallel_forking(steps: list[tuple[int, str, list[str]]]) -> None:
    call = Call(nothing, A, B)
    assert summary(call.first) == [f"INVITE {BOB} {TO_BOB}", f"INVITE {A} {TO_A}", f"INVITE {B} {TO_B}"]
    assert [call.answered(target, status) for target, status, _ in steps] == [sent for _, _, sent in steps]


def test_the_failure_route_runs_once_when_all_have_failed() -> None:
    seen: list[object] = []
    call = Call(do(lambda req: seen.append(req.status), lambda req: setattr(req, "ruri", C), ScriptRequest.relay), A)
    assert call.answered(1, "404 Not Found") == [f"ACK {A} {TO_A}"]
    assert seen == []
    assert call.answered(0, "486 Busy Here") == [f"ACK {BOB} {TO_BOB}", f"INVITE {C} {TO_C}"]
    assert seen == [404]
    assert call.answered(2, "200 OK") == [f"200 OK {TO_CALLER}"]


def test_every_ack_and_cancel_has_the_branch_of_its_target() -> None:
    call = Call(nothing, A, B)
    branches = [via(sent) for sent in call.targets]
    assert len(set(branches)) == 3
    call.answered(0, "180 Ringing")
    (ack,) = call.outcome(answer(call.targets[1], "486 Busy Here")).sent
    _, cancel = call.outcome(answer(call.targets[2], "200 OK")).sent
    assert [via(ack), via(cancel)] == [branches[1], branches[0]]


def test_a_branch_that_was_dropped_is_not_waited_for() -> None:
    made = router(do(lambda req: req.t_on_failure("f"), lambda req: req.t_on_branch("b"), to_three))
    made.failure_route("f")(nothing)
    made.branch_route("b")(lambda req: req.drop() if req.ruri == A else None)
    first, second = made.handle(request(), source=CALLER).sent
    assert summary(made.handle(answer(first, "486 Busy Here"))) == [f"ACK {BOB} {TO_BOB}"]
    assert summary(made.handle(answer(second, "480 No"))) == [f"ACK {B} {TO_B}", f"480 No {TO_CALLER}"]


# What the caller sends again, or takes back.


def test_a_retransmitted_invite_goes_no_further() -> None:
    call = Call(nothing)
    again = call.came(call.request)
    assert (again.left, again.detail, again.sent) == (ABSORBED, "a retransmission", ())
    other = request(via="SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa2")
    assert summary(call.came(other)) == [f"INVITE {BOB} {TO_BOB}"]


def test_the_ack_for_the_negative_response_goes_no_further() -> None:
    call = Call(nothing)
    call.answered(0, "486 Busy Here")
    ack = call.came(of_transaction(call.request, "ACK", ";tag=t0"))
    assert (ack.left, ack.detail, ack.sent) == (ABSORBED, "the ACK for a negative response", ())


def test_the_ack_for_a_2xx_goes_the_way_of_the_script_every_time() -> None:
    """It is a request of its own (13.2.2.4), and comes again whenever the 2xx does; nobody answers it."""
    call = Call(nothing)
    call.answered(0, "200 OK")
    ack = of_transaction(call.request, "ACK", ";tag=t0").replace(b"z9hG4bKa1", b"z9hG4bKa2")
    for _ in range(2):
        assert summary(call.came(ack)) == [f"ACK {BOB} {TO_BOB}"]
    assert len(call.router.transactions) == 1


def test_cancel() -> None:
    """It is answered at once, and goes to the targets that ring; the failure route does not run."""
    call = Call(to_a, A, B)
    call.answered(0, "180 Ringing")
    call.answered(1, "486 Busy Here")
    outcome = call.came(of_transaction(call.request, "CANCEL"))
    assert outcome.way == "answered 200"
    answered, cancel = outcome.sent
    assert shown(answered.payload) == [
        "SIP/2.0 200 canceling",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=OURS",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 CANCEL",
        "Content-Length: 0",
    ]
    assert str(answered.next_hop) == "udp:10.0.0.5:5060"
    assert shown(cancel.payload) == [
        f"CANCEL {BOB} SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 CANCEL",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    assert via(cancel) == via(call.targets[0])
    # The answer to our CANCEL has the branch of the INVITE, and is not the INVITE's.
    assert call.outcome(answer(cancel, "200 OK")).left == NO_MORE_VIA
    assert call.answered(2, "180 Ringing") == [f"180 Ringing {TO_CALLER}", f"CANCEL {B} {TO_B}"]
    assert call.answered(2, "487 Request Terminated") == [f"ACK {B} {TO_B}"]
    assert call.answered(0, "487 Request Terminated") == [f"ACK {BOB} {TO_BOB}", f"486 Busy Here {TO_CALLER}"]


def test_a_cancel_that_comes_too_late() -> None:
    call = Call(nothing)
    call.answered(0, "200 OK")
    assert summary(call.came(of_transaction(call.request, "CANCEL"))) == [f"200 canceling {TO_CALLER}"]


def test_a_cancel_that_comes_before_any_response() -> None:
    """Nothing may be cancelled yet; where nobody knows where the CANCEL came from, nothing is sent at all."""
    call = Call(nothing)
    cancel = of_transaction(call.request, "CANCEL")
    assert summary(call.came(cancel)) == [f"200 canceling {TO_CALLER}"]
    outcome = call.router.handle(cancel)
    assert (outcome.left, outcome.detail, outcome.sent) == ("where to answer to is not known", "200 canceling", ())


def test_a_cancel_of_what_is_not_known_goes_on_every_time() -> None:
    """16.10: statelessly. Its answer goes back like any other."""
    call = Call(nothing)
    cancel = of_transaction(call.request, "CANCEL").replace(b"z9hG4bKa1", b"z9hG4bKa2")
    first, again = call.came(cancel), call.came(cancel)
    assert summary(first) == summary(again) == [f"CANCEL {BOB} {TO_BOB}"]
    assert len(call.router.transactions) == 1
    assert summary(call.outcome(answer(first.sent[0], "200 OK"))) == [f"200 OK {TO_CALLER}"]


def test_an_answer_of_our_own_is_given_again() -> None:
    """It is stateless, failure route or not."""
    made = router(do(lambda req: req.t_on_failure("f"), lambda req: req.reply(404, "Not here")))
    made.failure_route("f")(nothing)
    assert made.handle(request(), source=CALLER).sent == made.handle(request(), source=CALLER).sent
    assert len(made.transactions) == 0


@pytest.mark.parametrize(
    ("change", "way"),
    [
        # The branch of another transaction, another target, or none of ours.
        ((b".0\r\n", b".7\r\n"), f"486 Busy Here {TO_CALLER}"),
        ((b"branch=z9hG4bK", b"branch=z9hG4bK0"), f"486 Busy Here {TO_CALLER}"),
        ((b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"), f"486 Busy Here {TO_CALLER}"),
    ],
)
def test_a_response_of_no_transaction_goes_on_statelessly(change: tuple[bytes, bytes], way: str) -> None:
    call = Call(to_a)
    data = answer(call.targets[0], "486 Busy Here").replace(*change, 1)
    assert summary(call.outcome(data)) == [way]
    assert call.answered(0, "486 Busy Here") == [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]


def test_the_onreply_route_sees_what_is_absorbed_too() -> None:
    seen: list[int | None] = []
    call = Call(nothing)
    call.router.onreply_route(lambda req: seen.append(req.status))
    for status in ("100 Trying", "180 Ringing", "486 Busy Here", "486 Busy Here"):
        call.answered(0, status)
    assert seen == [100, 180, 486, 486]


def test_what_the_onreply_route_does_to_a_response_is_kept() -> None:
    """Also where it waits for others to answer."""
    call = Call(nothing, A)
    call.router.onreply_route(lambda req: req.append_header("X-Seen: $rs"))
    call.outcome(answer(call.targets[0], "404 Not Found"))
    _, best = call.outcome(answer(call.targets[1], "486 Busy Here")).sent
    assert values(best.payload, "X-Seen") == ["404"]


# Bounds.


def invite(number: int) -> bytes:
    """One of many."""
    return request(via=f"SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKn{number}")


def test_the_table_holds_only_so_many() -> None:
    """The oldest goes, and is counted; its responses go on as if nothing had been kept."""
    call = Call(to_a, most=3)
    sent = [call.came(invite(number)).sent[0] for number in range(5)]
    table = call.router.transactions
    assert (len(table), table.given_up) == (3, 3)
    assert summary(call.outcome(answer(sent[1], "486 Busy Here"))) == [f"486 Busy Here {TO_CALLER}"]
    assert summary(call.outcome(answer(sent[2], "486 Busy Here"))) == [f"ACK {BOB} {TO_BOB}", f"INVITE {A} {TO_A}"]


def test_the_table_holds_only_so_long() -> None:
    call = Call(nothing)
    assert len(call.router.transactions) == 1
    assert call.came(call.request, now=LONGEST).left == ABSORBED
    assert summary(call.came(call.request, now=LONGEST + 0.1)) == [f"INVITE {BOB} {TO_BOB}"]
    assert len(call.router.transactions) == 1
    assert call.router.transactions.given_up == 0


def test_what_is_old_goes_when_the_next_comes() -> None:
    call = Call(nothing)
    for number, now in enumerate((0.0, 100.0, 200.0, 300.0)):
        call.came(invite(number), now)
    assert len(call.router.transactions) == 2
    assert call.came(invite(1), 300.0).left == ""
    assert call.came(invite(3), 300.0).left == ABSORBED


def test_a_response_that_comes_too_late_goes_on_statelessly() -> None:
    call = Call(to_a)
    assert call.answered(0, "486 Busy Here", now=LONGEST + 1) == [f"486 Busy Here {TO_CALLER}"]


def test_bounds_of_its_own() -> None:
    made = router(do(lambda req: req.t_on_failure("f"), ScriptRequest.relay))
    made.transactions = Transactions(1, 10.0)
    made.failure_route("f")(nothing)
    assert made.handle(request(), source=CALLER, now=5.0).left == ""
    assert made.handle(request(), source=CALLER, now=15.0).left == ABSORBED
    assert made.handle(request(), source=CALLER, now=15.1).left == ""
