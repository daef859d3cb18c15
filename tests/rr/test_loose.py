"""loose_route: two arrivals and two next hops make four ways; what is removed, and where the request goes."""

import logging

import pytest

from scapy_rr.rr.request import Request
from scapy_rr.rr.returncode import ReturnCode
from tests.rr.requests import ask, initial, routed, text

OK, FAILED = ReturnCode.OK, ReturnCode.FAILED

# Ours; another loose router's; a strict router's; where the callee is.
ME = "<sip:10.0.0.1;lr;ftag=caller>"
LOOSE = "<sip:10.0.0.7;lr>"
STRICT = "<sip:10.0.0.6:5066>"
TARGET = "<sip:callee@10.0.0.8>"
MINE_BY_RURI = "sip:10.0.0.1;lr"


def outcome(req: Request) -> tuple[ReturnCode, str | None, str | None]:
    """The return code, the destination URI and the R-URI."""
    return req.loose_route(), req.dst_uri, req.ruri


# Request within a dialog, its R-URI not ours: what comes, what leaves, where to.
LOOSELY: dict[str, tuple[bytes, bytes, str | None]] = {
    "own only: by the R-URI": (routed(ME), routed(), None),
    "own, loose": (routed(ME, LOOSE), routed(LOOSE), "sip:10.0.0.7;lr"),
    "own, loose in one header": (routed(f"{ME}, {LOOSE}"), routed(LOOSE), "sip:10.0.0.7;lr"),
    "foreign only: stays, and is the next hop": (routed(LOOSE), routed(LOOSE), "sip:10.0.0.7;lr"),
    "own, strict: its URI to the R-URI, the target behind all": (
        routed(ME, STRICT),
        routed(ruri="sip:10.0.0.6:5066", end=f"Route: {TARGET}\r\n"),
        None,
    ),
    "own, strict, loose in one header": (
        routed(f"{ME}, {STRICT}, {LOOSE}"),
        routed(LOOSE, ruri="sip:10.0.0.6:5066", end=f"Route: {TARGET}\r\n"),
        None,
    ),
    "strict only": (routed(STRICT), routed(ruri="sip:10.0.0.6:5066", end=f"Route: {TARGET}\r\n"), None),
    # loose-double-27: without r2 only the first own Route goes.
    "own, own: the second is the next hop, that is, ourselves": (
        routed(ME, "<sip:10.0.0.2:5070;lr>"),
        routed("<sip:10.0.0.2:5070;lr>"),
        "sip:10.0.0.2:5070;lr",
    ),
    # loose-maddr-03: get_maddr_uri keeps the address and the port alone.
    "the next hop's maddr": (
        routed(ME, "<sips:u@p:5070;maddr=10.0.0.7;lr>"),
        routed("<sips:u@p:5070;maddr=10.0.0.7;lr>"),
        "sip:10.0.0.7:5070",
    ),
    "the strict next hop's maddr": (
        routed(ME, "<sip:u@p;maddr=10.0.0.7>"),
        routed(ruri="sip:10.0.0.7", end=f"Route: {TARGET}\r\n"),
        None,
    ),
}


@pytest.mark.parametrize(("received", "sent", "dst_uri"), LOOSELY.values(), ids=LOOSELY)
def test_loose_arrival(received: bytes, sent: bytes, dst_uri: str | None) -> None:
    req = ask(received)
    assert outcome(req)[:2] == (OK, dst_uri)
    assert req.build() == sent


# The R-URI is ours: a strict router put our Route there and the remote target last.
STRICTLY: dict[str, tuple[bytes, bytes, str | None]] = {
    "loose, target": (routed(LOOSE, TARGET, ruri=MINE_BY_RURI), routed(LOOSE), "sip:10.0.0.7;lr"),
    "loose, target in one header": (routed(f"{LOOSE} , {TARGET};x", ruri=MINE_BY_RURI), routed(LOOSE), "sip:10.0.0.7;lr"),
    "loose, loose, target": (routed(f"{LOOSE}, {LOOSE}", TARGET, ruri=MINE_BY_RURI), routed(f"{LOOSE}, {LOOSE}"), "sip:10.0.0.7;lr"),
    "target only: the target is a strict route and stays nowhere": (routed(TARGET, ruri=MINE_BY_RURI), routed(), None),
    # strict-target-02
    "one loose Route is next hop and target": (
        routed(LOOSE, ruri=MINE_BY_RURI),
        routed(ruri="sip:10.0.0.7;lr"),
        "sip:10.0.0.7;lr",
    ),
    "strict, target: the target stays last": (routed(STRICT, TARGET, ruri=MINE_BY_RURI), routed(TARGET, ruri="sip:10.0.0.6:5066"), None),
    "strict, target in one header": (
        routed(f"{STRICT}, {TARGET}", ruri=MINE_BY_RURI),
        routed(TARGET, ruri="sip:10.0.0.6:5066"),
        None,
    ),
    "the target's maddr": (
        routed(LOOSE, "<sip:callee@10.0.0.8:5062;maddr=10.0.0.9;transport=tcp>", ruri=MINE_BY_RURI),
        routed(LOOSE, ruri="sip:10.0.0.9:5062"),
        "sip:10.0.0.7;lr",
    ),
    # loose-matrix-43; RFC 3261 16.4 would remove it.
    "an own Route on top stays and is the next hop": (routed(ME, TARGET, ruri=MINE_BY_RURI), routed(ME), "sip:10.0.0.1;lr;ftag=caller"),
    "our second Route goes": (
        routed(f"<sip:10.0.0.2:5070;r2=on;lr>, {LOOSE}", TARGET, ruri="sip:10.0.0.1;r2=on;lr"),
        routed(LOOSE),
        "sip:10.0.0.7;lr",
    ),
    "our second Route goes, and the target was in the same header": (
        routed(f"<sip:10.0.0.2:5070;r2=on;lr>, {LOOSE}, {TARGET}", ruri="sip:10.0.0.1;r2=on;lr"),
        routed(LOOSE),
        "sip:10.0.0.7;lr",
    ),
    "our second Route goes, a strict one follows": (
        routed("<sip:10.0.0.2:5070;r2=on;lr>", STRICT, TARGET, ruri="sip:10.0.0.1;r2=on;lr"),
        routed(TARGET, ruri="sip:10.0.0.6:5066"),
        None,
    ),
    # strict-double-09: r2 alone does not make it ours.
    "a foreign Route with r2 stays": (
        routed("<sip:10.0.0.7;r2=on;lr>", TARGET, ruri="sip:10.0.0.1;r2=on;lr"),
        routed("<sip:10.0.0.7;r2=on;lr>"),
        "sip:10.0.0.7;r2=on;lr",
    ),
}


@pytest.mark.parametrize(("received", "sent", "dst_uri"), STRICTLY.values(), ids=STRICTLY)
def test_strict_arrival(received: bytes, sent: bytes, dst_uri: str | None) -> None:
    req = ask(received)
    assert outcome(req)[:2] == (OK, dst_uri)
    assert req.build() == sent


@pytest.mark.parametrize(
    ("routes", "code", "left", "dst_uri"),
    [
        ([ME], FAILED, [], None),
        ([ME, LOOSE], OK, [LOOSE], "sip:10.0.0.7;lr"),
        ([LOOSE], OK, [LOOSE], "sip:10.0.0.7;lr"),
        (["<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2:5070;r2=on;lr>"], FAILED, [], None),
    ],
)
def test_initial_request(routes: list[str], code: ReturnCode, left: list[str], dst_uri: str | None) -> None:
    """No To tag, so the Routes are preloaded: own ones go, and if nothing else is there the script goes on as without Routes."""
    req = ask(initial(*routes))
    assert outcome(req) == (code, dst_uri, "sip:callee@10.0.0.8")
    assert req.build() == initial(*left)


def test_initial_request_to_us_is_no_strict_arrival() -> None:
    """loose-preloaded-12: the R-URI is looked at within a dialog only."""
    req = ask(initial(LOOSE, ruri=MINE_BY_RURI))
    assert outcome(req) == (OK, "sip:10.0.0.7;lr", MINE_BY_RURI)
    assert req.build() is req.data


FAILURES: dict[str, tuple[bytes, str]] = {
    "no SIP": (b"junk", "neither a request line nor a status line"),
    "a response": (b"SIP/2.0 200 OK\r\nRoute: <sip:10.0.0.1;lr>\r\n\r\n", "not a request"),
    "no Route": (routed(), "no Route header"),
    "no To": (b"BYE sip:a SIP/2.0\r\nRoute: <sip:10.0.0.1;lr>\r\n\r\n", "no To header"),
    "a malformed To": (text(f"Route: {ME}", to="<sip:a>;tag="), "a tag without a value"),
    "a malformed Route": (routed("sip:10.0.0.1;lr"), "a Route has no angle brackets"),
    "an R-URI that does not parse": (routed(ME, ruri="sip:@10.0.0.8"), "bad user"),
    "an R-URI of another scheme": (routed(ME, ruri="http://10.0.0.8"), "the servers know no scheme 'http'"),
    "a Route that does not parse": (routed("<sip:@10.0.0.1;lr>"), "bad user"),
}


@pytest.mark.parametrize(("received", "reason"), FAILURES.values(), ids=FAILURES)
def test_failure_changes_nothing(received: bytes, reason: str) -> None:
    req = ask(received)
    assert req.loose_route() is FAILED
    assert req.dst_uri is None
    assert req.send_socket is None
    assert req.build() is received
    errors = [step.text for step in req.trace if step.name == "error"]
    assert len(errors) == 1
    assert reason in errors[0]


# DIALECTS: a failure leaves traces.
BLANK, FOLD = "<sip:p.example;a b>", "<sip:p.example;a\r\n Route: <sip:evil.example>"
HALF_DONE: dict[str, tuple[bytes, bytes, str | None]] = {
    "the next own header does not parse: ours is off": (routed(ME, "sip:10.0.0.7;lr"), routed("sip:10.0.0.7;lr"), None),
    "a maddr of 118 bytes, strict (loose-maddr-12)": (
        routed(ME, f"<sip:p;maddr={'a' * 118}>"),
        routed(f"<sip:p;maddr={'a' * 118}>", end=f"Route: {TARGET}\r\n"),
        None,
    ),
    # What a server does is followed where the result is SIP; these would break the request line in two.
    "a strict next hop with a blank": (routed(BLANK), routed(BLANK, end=f"Route: {TARGET}\r\n"), None),
    "a strict next hop with a header in a fold": (routed(ME, FOLD), routed(FOLD, end=f"Route: {TARGET}\r\n"), None),
    "a target with a blank": (routed(LOOSE, BLANK, ruri=MINE_BY_RURI), routed(LOOSE, BLANK, ruri=MINE_BY_RURI), "sip:10.0.0.7;lr"),
    "a strict next hop with a header in a fold, strict arrival": (
        routed(FOLD, TARGET, ruri=MINE_BY_RURI),
        routed(FOLD, TARGET, ruri=MINE_BY_RURI),
        None,
    ),
    "the target does not parse (strict-target-09)": (
        routed(LOOSE, "<sip:@10.0.0.8>", ruri=MINE_BY_RURI),
        routed(LOOSE, "<sip:@10.0.0.8>", ruri=MINE_BY_RURI),
        "sip:10.0.0.7;lr",
    ),
    "strict arrival and our pair only (strict-double-08)": (
        routed("<sip:10.0.0.2:5070;r2=on;lr>", ruri="sip:10.0.0.1;r2=on;lr"),
        routed(ruri="sip:10.0.0.1;r2=on;lr"),
        None,
    ),
}


@pytest.mark.parametrize(("received", "sent", "dst_uri"), HALF_DONE.values(), ids=HALF_DONE)
def test_failure_that_leaves_traces(received: bytes, sent: bytes, dst_uri: str | None) -> None:
    req = ask(received)
    assert outcome(req)[:2] == (FAILED, dst_uri)
    assert req.build() == sent


def test_longest_maddr() -> None:
    """loose-maddr-10: 117 bytes are the most."""
    assert outcome(ask(routed(f"<sip:p:5065;maddr={'a' * 117};lr>")))[:2] == (OK, f"sip:{'a' * 117}:5065")
    assert outcome(ask(routed(f"<sip:p:5065;maddr={'a' * 118};lr>")))[:2] == (FAILED, None)


# Which socket it must leave by: (received on, forced before, request) and what is forced after.
UDP1, TCP1, UDP2 = "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070"
PAIR = "<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2:5070;r2=on;lr>"
SOCKETS: dict[str, tuple[str, str | None, bytes, str | None]] = {
    "own Route: where it arrived, whatever the Route names": (UDP2, None, routed(ME, LOOSE), UDP2),
    "own Route: even over one that was forced (loose-place-19)": (UDP1, TCP1, routed(ME, LOOSE), UDP1),
    "initial: untouched (loose-place-20)": (UDP1, TCP1, initial(ME, LOOSE), TCP1),
    "foreign Route: untouched": (UDP1, TCP1, routed(LOOSE), TCP1),
    "a pair: by the second": (UDP1, None, routed(PAIR, LOOSE), UDP2),
    "a pair, initial: by the second, too": (UDP1, None, initial(PAIR, LOOSE), UDP2),
    "a pair over TCP": (UDP2, None, routed("<sip:10.0.0.2:5070;r2=on;lr>, <sip:10.0.0.1;transport=tcp;r2=on;lr>"), TCP1),
    "a pair whose second is an alias names none": (UDP1, TCP1, routed("<sip:10.0.0.1;r2=on;lr>, <sip:example.com;r2=on;lr>", LOOSE), TCP1),
    "r2 and nothing behind it: where it arrived": (UDP1, None, routed("<sip:10.0.0.1;r2=on;lr>"), UDP1),
    "strict arrival: by the R-URI": (UDP1, None, routed(LOOSE, TARGET, ruri="sip:10.0.0.2:5070;lr"), UDP2),
    "strict arrival at an alias names none": (UDP1, TCP1, routed(LOOSE, TARGET, ruri="sip:example.com;lr"), TCP1),
    "strict arrival with a pair: by the second": (
        UDP1, None, routed("<sip:10.0.0.2:5070;r2=on;lr>", LOOSE, TARGET, ruri="sip:10.0.0.1;r2=on;lr"), UDP2,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("received_on", "forced", "received", "expected"), SOCKETS.values(), ids=SOCKETS)
def test_send_socket(received_on: str, forced: str | None, received: bytes, expected: str | None) -> None:
    req = ask(received, received_on, forced, domains=["example.com"])
    req.loose_route()
    assert req.send_socket == expected


def test_a_pair_that_is_off_by_parameter_is_two_routes() -> None:
    """enable_double_rr 0 (loose-double-off-…): r2 is not looked at."""
    req = ask(routed(PAIR, LOOSE), enable_double_rr=0)
    assert outcome(req)[:2] == (OK, "sip:10.0.0.2:5070;r2=on;lr")
    assert req.build() == routed("<sip:10.0.0.2:5070;r2=on;lr>", LOOSE)


def test_twice() -> None:
    """loose-twice-03: each call reads the message as received, so that the R-URI is appended twice."""
    req = ask(routed(ME, STRICT))
    assert [req.loose_route(), req.loose_route()] == [OK, OK]
    assert req.build() == routed(ruri="sip:10.0.0.6:5066", end=f"Route: {TARGET}\r\n" * 2)


def test_warns_of_a_socket_that_is_not_there_once(caplog: pytest.LogCaptureFixture) -> None:
    """The pair's second Route names no socket of ours; the log is told the first time, the trace every time."""
    received = routed("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.99;r2=on;lr>", LOOSE)
    req = ask(received)
    module = req.module
    with caplog.at_level(logging.WARNING, "scapy_rr"):
        for _ in range(3):
            again = module.request(received)
            assert again.loose_route() is OK
            assert "send socket: none forced, no listener is sip:10.0.0.99;r2=on;lr" in map(str, again.trace)
    assert [record.getMessage() for record in caplog.records] == ["no socket found to match the Route sip:10.0.0.99;r2=on;lr"]


def test_warning_can_be_off(caplog: pytest.LogCaptureFixture) -> None:
    req = ask(routed("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.99;r2=on;lr>", LOOSE), enable_socket_mismatch_warning=0)
    with caplog.at_level(logging.WARNING, "scapy_rr"):
        req.loose_route()
    assert caplog.records == []


# get_remote_target and get_route_set, all four ways: the URI of the far end, and the Routes it leaves with.
WAYS: dict[str, tuple[bytes, str, list[str]]] = {
    "loose to loose": (routed(ME, LOOSE, STRICT), "sip:callee@10.0.0.8", ["sip:10.0.0.7;lr", "sip:10.0.0.6:5066"]),
    "loose to loose, no Route left": (routed(ME), "sip:callee@10.0.0.8", []),
    # The strict router's own URI left the Routes for the R-URI, the R-URI is the target.
    "loose to strict": (routed(ME, STRICT, LOOSE), "sip:callee@10.0.0.8", ["sip:10.0.0.6:5066", "sip:10.0.0.7;lr"]),
    "strict to loose": (routed(LOOSE, LOOSE, TARGET, ruri=MINE_BY_RURI), "sip:callee@10.0.0.8", ["sip:10.0.0.7;lr", "sip:10.0.0.7;lr"]),
    "strict to strict": (routed(STRICT, LOOSE, TARGET, ruri=MINE_BY_RURI), "sip:callee@10.0.0.8", ["sip:10.0.0.6:5066", "sip:10.0.0.7;lr"]),
}


@pytest.mark.parametrize(("received", "target", "routes"), WAYS.values(), ids=WAYS)
def test_remote_target_and_route_set(received: bytes, target: str, routes: list[str]) -> None:
    req = ask(received)
    assert req.get_remote_target() is None
    assert req.loose_route() is OK
    assert req.get_remote_target() == target
    assert req.get_route_set() == routes


def test_remote_target_with_maddr() -> None:
    req = ask(routed(STRICT, "<sip:callee@10.0.0.8;maddr=10.0.0.9>", ruri=MINE_BY_RURI))
    req.loose_route()
    assert req.get_remote_target() == "sip:10.0.0.9"


@pytest.mark.parametrize("last", ["sip:10.0.0.8", "<sip:@10.0.0.8>"])
def test_remote_target_that_cannot_be_read(last: str) -> None:
    """Strict to strict, the last Route is not looked at before; only then it shows that there is no target in it."""
    req = ask(routed(STRICT, last, ruri=MINE_BY_RURI))
    assert req.loose_route() is OK
    assert req.get_remote_target() is None


def test_route_set_where_there_is_none() -> None:
    assert ask(routed()).get_route_set() is None
    assert ask(b"junk").get_route_set() is None
    assert ask(routed(LOOSE, "sip:malformed")).get_route_set() is None


def test_route_set_before_loose_route_is_as_received() -> None:
    assert ask(routed(f"{ME}, {LOOSE}")).get_route_set() == ["sip:10.0.0.1;lr;ftag=caller", "sip:10.0.0.7;lr"]


@pytest.mark.parametrize(("count", "known"), [(63, True), (64, False)])
def test_route_set_holds_63(count: int, known: bool) -> None:
    """MAX_RR_HDRS is 64, and the servers' array is full with 63."""
    found = ask(routed(*[LOOSE] * count)).get_route_set()
    assert (found is not None) is known
