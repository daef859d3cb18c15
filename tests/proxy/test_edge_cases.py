"""The routing bugs that other implementations had, by their numbers, as far as they are the whole proxy's; :mod:`tests.rr.test_edge_cases` has
those of the rr module alone."""

import logging
import re

import pytest

from scapy_rr.proxy import outcome as becomes
from scapy_rr.proxy.outcome import Outcome
from scapy_rr.proxy.router import Preloaded, Router
from scapy_rr.proxy.script import ScriptRequest
from tests.proxy.flows import DIALECTS, proxy, wire

LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070")
UDP1, TCP1, UDP2 = LISTEN
CALLER = "10.0.0.5:5060"
ME, NEXT, TARGET = "<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>", "sip:callee@10.0.0.8"


def text(method: str, *headers: str, ruri: str = TARGET, branch: str = "z9hG4bKa", to_tag: str = ";tag=callee", transport: str = "UDP") -> bytes:
    """A request with these headers between its Via and its From."""
    lines = [
        f"{method} {ruri} SIP/2.0",
        f"Via: SIP/2.0/{transport} 10.0.0.5;branch={branch}",
        *headers,
        "From: <sip:caller@atlanta.example>;tag=caller",
        f"To: <sip:callee@biloxi.example>{to_tag}",
        "Call-ID: 1@10.0.0.5",
        f"CSeq: 2 {method}",
        "Content-Length: 0",
    ]
    return wire("\n".join(lines))


def initial(method: str, *headers: str, ruri: str = TARGET, transport: str = "UDP") -> bytes:
    return text(method, *headers, ruri=ruri, to_tag="", transport=transport)


def routed(*routes: str, method: str = "BYE", ruri: str = TARGET, branch: str = "z9hG4bKa") -> bytes:
    """A request within a dialog, with these values of Route headers, each in a header of its own."""
    return text(method, *(f"Route: {route}" for route in routes), ruri=ruri, branch=branch)


def way(outcome: Outcome) -> str:
    """By which socket it leaves, and where to; or why it does not."""
    return " ".join(f"{sent.send_socket} -> {sent.next_hop}" for sent in outcome.sent) or outcome.left


def values(outcome: Outcome, name: str) -> list[str]:
    """The values of all headers of this name in what leaves."""
    (sent,) = outcome.sent
    return re.findall(rf"^{name}: (.*)\r$", sent.payload.decode(), re.MULTILINE)


def own_branch(outcome: Outcome) -> str:
    return values(outcome, "Via")[0].partition(";branch=")[2]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e12_the_ack_of_a_negative_response_has_preloaded_routes_and_a_to_tag(dialect: str, caplog: pytest.LogCaptureFixture) -> None:
    """It goes the way of its INVITE, in the same transaction, and makes no noise."""
    router = proxy(LISTEN, dialect=dialect)
    router.preloaded = Preloaded.RELAY
    with caplog.at_level(logging.DEBUG, "scapy_rr"):
        invite = router.handle(initial("INVITE", f"Route: {ME}", f"Route: {NEXT}"), UDP1, CALLER)
        ack = router.handle(routed(ME, NEXT, method="ACK"), UDP1, CALLER)
    assert way(invite) == way(ack) == f"{UDP1} -> udp:10.0.0.7:5060"
    assert own_branch(invite) == own_branch(ack)
    assert values(ack, "Route") == [NEXT]
    assert not caplog.records
