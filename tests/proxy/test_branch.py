"""The branch of our Via: the same for all messages of a transaction, another one for every other; and what a loop is told by."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.proxy.outcome import MALFORMED, Outcome
from scapy_rr.sip.message import Message
from scapy_rr.sip.via import TopVia

from .traffic import BOB, DIALECTS, SOURCE, VIA, handled, proxy, request, sent


def branch(data: bytes, dialect: str = "opensips", source: str | None = SOURCE, received_on: str | None = None) -> bytes:
    """The branch with which the proxy sends a request."""
    top = TopVia.find(Message(sent(data, dialect, source, received_on).payload))
    assert top
    return top.via.branch


INVITE = request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr>", method="INVITE")
BRANCH = branch(INVITE)


def test_form() -> None:
    """The cookie of :rfc:`3261#section-8.1.1.7`, the transaction, the mark of a loop, and the number of the target."""
    assert re.fullmatch(rb"z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}\.0", BRANCH)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e48_a_retransmission_gets_the_same_branch(dialect: str) -> None:
    """E48: a function of the request alone (:rfc:`3261#section-16.11`), whenever it comes and whoever of several proxies gets it."""
    router = proxy(dialect)
    for now in (0.0, 0.5, 32.0):
        (one,) = router.handle(INVITE, source=SOURCE, now=now).sent
        assert b";branch=" + BRANCH + b"\r\n" in one.payload
    assert branch(INVITE, dialect, "10.0.0.99:7000", "tcp:10.0.0.1:5060") == BRANCH


# What belongs to the INVITE's transaction (RFC 3261 9.1, 17.1.1.3): Via, Request-URI, Routes, From, Call-ID and CSeq number are the same.
SAME = {
    "the CANCEL": request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr>", method="CANCEL"),
    "the ACK for a negative response": request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr>", method="ACK", to="<sip:bob@example.com>;tag=b2"),
    "another Max-Forwards, another order, other headers": request(
        "Max-Forwards: 9", "Route: <sip:10.0.0.8;lr>", "v: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK1", "Subject: x", method="INVITE"
    ),
    "other white space before the method": INVITE.replace(b"CSeq: 7 ", b"CSeq:\t7\t"),
    "another body": request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr>", method="INVITE", length="3", end=b"abc"),
}


@pytest.mark.parametrize("data", SAME.values(), ids=SAME)
def test_the_same(data: bytes) -> None:
    assert branch(data) == BRANCH


OTHER = {
    "another branch": INVITE.replace(b"z9hG4bK1", b"z9hG4bK2"),
    "another host with the same branch": INVITE.replace(b"UDP 10.0.0.5", b"UDP 10.0.0.6"),
    "another port with the same branch": INVITE.replace(b"UDP 10.0.0.5", b"UDP 10.0.0.5:5062"),
    "the ACK for a 2xx, a transaction of its own": request(
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKack", "Route: <sip:10.0.0.8;lr>", method="ACK", to="<sip:bob@example.com>;tag=b2"
    ),
    "a spiral: another R-URI": request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr>", method="INVITE", ruri="sip:carol@10.0.0.9"),
    "a spiral: another Route": request(f"Via: {VIA}", "Route: <sip:10.0.0.8;lr;x>", method="INVITE"),
    "a spiral: no Route": request(f"Via: {VIA}", method="INVITE"),
}


@pytest.mark.parametrize("data", OTHER.values(), ids=OTHER)
def test_another(data: bytes) -> None:
    assert branch(data) != BRANCH


# A client of RFC 2543: its branch, where there is one, is not unique, so the whole Via and the dialog count (17.2.3).
OLD = request("Via: SIP/2.0/UDP 10.0.0.5;branch=1", method="INVITE")
OLD_OTHER = {
    "another parameter": OLD.replace(b";branch=1", b";branch=1;x"),
    "no branch": OLD.replace(b";branch=1", b""),
    "another port": OLD.replace(b";branch=1", b":5062;branch=1"),
    "another Call-ID": OLD.replace(b"Call-ID: 1@", b"Call-ID: 2@"),
    "another From tag": OLD.replace(b"tag=a1", b"tag=a2"),
    "another CSeq": OLD.replace(b"CSeq: 7", b"CSeq: 8"),
    "another R-URI": OLD.replace(b"INVITE sip:bob", b"INVITE sip:carol"),
}


@pytest.mark.parametrize("data", OLD_OTHER.values(), ids=OLD_OTHER)
def test_another_of_an_old_client(data: bytes) -> None:
    assert branch(data) not in (branch(OLD), BRANCH)


@pytest.mark.parametrize("via", ["SIP/2.0/UDP 10.0.0.5;branch=1", "SIP/2.0/UDP 10.0.0.5", "SIP/2.0/UDP 10.0.0.5;branch="])
@pytest.mark.parametrize(("method", "to"), [("INVITE", ""), ("CANCEL", ""), ("ACK", ";tag=b2")])
def test_the_same_of_an_old_client(via: str, method: str, to: str) -> None:
    headers = f"Via: {via}", "Route: <sip:10.0.0.8;lr>"
    made = branch(request(*headers, method=method, to=f"<sip:bob@example.com>{to}"))
    assert made == branch(request(*headers, method="INVITE"))
    assert made.startswith(b"z9hG4bK")


@pytest.mark.parametrize("cseq", [b"CSeq:", b"CSeq: x"])
def test_a_cseq_that_is_none(cseq: bytes) -> None:
    """It tells nothing apart, and does no harm."""
    assert branch(OLD.replace(b"CSeq: 7 INVITE", cseq)).startswith(b"z9hG4bK")


def test_a_from_that_does_not_parse_counts_as_one_without_a_tag() -> None:
    data = request("Via: SIP/2.0/UDP 10.0.0.5")
    assert branch(data.replace(b"<sip:alice@example.com>;tag=a1", b"<sip:alice")) == branch(data.replace(b";tag=a1", b""))


# Loops. A request has been here with these Max-Forwards, and comes back. "OURS" stands for the branch that it got.

FIRST = request(f"Via: {VIA}", "Max-Forwards: 70")
ELSE = "Via: SIP/2.0/UDP 10.0.0.9;branch=z9hG4bKelse"


def returned(*headers: str, dialect: str = "opensips", method: str = "OPTIONS", ruri: str = BOB) -> Outcome:
    """What the proxy does when it comes back with these headers."""
    ours = branch(FIRST.replace(b"OPTIONS", method.encode()), dialect).decode()
    data = request(*(header.replace("OURS", ours) for header in headers), method=method, ruri=ruri)
    return handled(data, dialect, "10.0.0.9:5060")


LOOPS = {
    "as it was sent": [ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", f"Via: {VIA}", "Max-Forwards: 68"],
    "with fewer Max-Forwards": [ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", f"Via: {VIA}", "Max-Forwards: 2"],
    "our Via in a list": [f"Via: SIP/2.0/UDP 10.0.0.9, SIP/2.0/UDP 10.0.0.1:5060;branch=OURS, {VIA}"],
    "our Via by its compact name": [ELSE, "v:SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", f"v:{VIA}"],
    "our Via with received and rport": [ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;received=10.0.0.1;rport=5060;branch=OURS"],
    "our Via without the default port": [ELSE, "Via: SIP/2.0/UDP 10.0.0.1;branch=OURS", f"Via: {VIA}"],
    "by another listener of ours": [ELSE, "Via: SIP/2.0/TCP 10.0.0.1;branch=OURS", f"Via: {VIA}"],
    "by what a listener is advertised as": [ELSE, "Via: SIP/2.0/UDP Edge.Example.com:5060;branch=OURS", f"Via: {VIA}"],
    "our Via on top": ["Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", f"Via: {VIA}"],
    "two Vias above ours": [ELSE, "Via: SIP/2.0/TCP p.example;branch=1", "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS"],
    "another one of ours between": [
        ELSE,
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1.2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS",
    ],
}


@pytest.mark.parametrize("headers", LOOPS.values(), ids=LOOPS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_loop(headers: list[str], dialect: str) -> None:
    """:rfc:`3261#section-16.3` step 4: nothing has changed that matters for the way."""
    outcome = returned(*headers, dialect=dialect)
    assert outcome.way == "answered 482"
    assert outcome.sent[0].payload.startswith(b"SIP/2.0 482 Loop Detected\r\n")


OURS = [ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", f"Via: {VIA}"]
SPIRALS = {
    "another R-URI": (OURS, "sip:carol@10.0.0.9"),
    "the same R-URI with a parameter": (OURS, f"{BOB};x"),
    "a Route": ([*OURS, "Route: <sip:10.0.0.8;lr>"], BOB),
    "the same mark of another host": ([ELSE, "Via: SIP/2.0/UDP 10.0.0.77:5060;branch=OURS", f"Via: {VIA}"], BOB),
    "the same mark of another port": ([ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5099;branch=OURS", f"Via: {VIA}"], BOB),
    "the same mark over a transport without a listener": ([ELSE, "Via: SIP/2.0/TLS 10.0.0.1:5060;branch=OURS", f"Via: {VIA}"], BOB),
    "the mark at another place": ([ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1.2.OURS;x=OURS", "X: OURS"], BOB),
}


@pytest.mark.parametrize(("headers", "ruri"), SPIRALS.values(), ids=SPIRALS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_spiral(headers: list[str], ruri: str, dialect: str) -> None:
    """A request may come by several times, if it goes on elsewhere each time."""
    outcome = returned(*headers, dialect=dialect, ruri=ruri)
    assert [one.payload.split()[0] for one in outcome.sent] == [b"OPTIONS"]


def test_a_request_comes_back_as_the_proxy_sent_it() -> None:
    """By the very bytes, over a proxy that adds its Via alone."""
    first = sent(FIRST).payload
    assert handled(first.replace(b"Via:", ELSE.encode() + b"\r\nVia:", 1), source="10.0.0.9:5060").way == "answered 482"


def test_an_ack_in_a_loop_goes_no_further() -> None:
    outcome = returned(*OURS, method="ACK")
    assert (outcome.sent, outcome.left, outcome.detail) == ((), "an ACK is never answered", "482 Loop Detected")


def test_what_does_not_parse_is_met_only_on_the_search_for_a_loop() -> None:
    """Vias below the topmost are no concern of a proxy, but where the mark says that one of them may be ours."""
    broken = request(f"Via: {VIA}", "Via: junk")
    assert handled(broken).sent
    assert returned(ELSE, "Via: junk", "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS").left == MALFORMED
    assert returned(ELSE, "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS", "Via: junk").way == "answered 482"


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_branches_differ_where_the_clients_do(one: bytes, other: bytes) -> None:
    made = [branch(INVITE.replace(b"z9hG4bK1", b"z9hG4bK" + part.hex().encode())) for part in (one, other)]
    assert (made[0] == made[1]) is (one == other)
