"""The built-in script, request by request: what it does with each, and that it is the same without the rest of the proxy."""

import pytest

from scapy_rr.proxy.outcome import ACK_OF_OWN, MALFORMED, Outcome
from scapy_rr.proxy.router import Preloaded

from .calls import CALLER, built_in, of_transaction, request, shown, summary, values, within

DENY, RELAY = Preloaded.DENY, Preloaded.RELAY
OWN, NEXT, BAD = "Route: <sip:10.0.0.1;lr>", "Route: <sip:gw.example.net;lr>", "Route: nonsense"
UNROUTABLE, DENIED, MISSING = "Routes that do not parse or lead nowhere", "403 Preload Route denied", "404 Not here"


def handled(data: bytes, preloaded: Preloaded = DENY, dialect: str = "opensips", via: bool = True) -> Outcome:
    """What the built-in script makes of a request."""
    return built_in(dialect, via, preloaded).handle(data, source=CALLER)


# request, preloaded; the reason why it is not relayed, Record-Route, next hop, Routes left.
CASES: list[tuple[bytes, Preloaded, str, bool, str, list[str]]] = [
    # Without a To tag: only what forms a dialog is recorded.
    (request("INVITE"), DENY, "", True, "udp:10.0.0.9:5060", []),
    (request("SUBSCRIBE"), DENY, "", True, "udp:10.0.0.9:5060", []),
    (request("REFER"), DENY, "", True, "udp:10.0.0.9:5060", []),
    (request("REGISTER"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("OPTIONS"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("MESSAGE"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("PUBLISH"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("NOTIFY"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("CANCEL"), DENY, "", False, "udp:10.0.0.9:5060", []),
    (request("ACK"), DENY, "", False, "udp:10.0.0.9:5060", []),
    # Within a dialog: by the Routes.
    (within("BYE", OWN), DENY, "", False, "udp:10.0.0.9:5060", []),
    (within("BYE", OWN, NEXT), DENY, "", False, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (within("BYE", NEXT), DENY, "", False, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (within("INVITE", OWN), DENY, "", False, "udp:10.0.0.9:5060", []),
    (within("ACK", OWN), DENY, "", False, "udp:10.0.0.9:5060", []),
    (within("PRACK", OWN), DENY, "", False, "udp:10.0.0.9:5060", []),
    (within("NOTIFY", OWN), DENY, "", True, "udp:10.0.0.9:5060", []),
    (within("BYE"), DENY, MISSING, False, "", []),
    (within("INVITE"), DENY, MISSING, False, "", []),
    (within("ACK"), DENY, "ACK without a Route of ours", False, "", []),
    (within("BYE", BAD), DENY, UNROUTABLE, False, "", []),
    (within("ACK", BAD), DENY, UNROUTABLE, False, "", []),
    # Preloaded Routes.
    (request("INVITE", OWN), DENY, DENIED, False, "", []),
    (request("INVITE", NEXT), DENY, DENIED, False, "", []),
    (request("INVITE", BAD), DENY, DENIED, False, "", []),
    (request("REGISTER", OWN, NEXT), DENY, DENIED, False, "", []),
    (request("CANCEL", OWN, NEXT), DENY, DENIED, False, "", []),
    (request("ACK", OWN), DENY, "ACK with preloaded Routes", False, "", []),
    (request("INVITE", OWN), RELAY, "", True, "udp:10.0.0.9:5060", []),
    (request("INVITE", OWN, NEXT), RELAY, "", True, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (request("INVITE", NEXT), RELAY, "", True, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (request("REGISTER", OWN, NEXT), RELAY, "", False, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (request("ACK", OWN, NEXT), RELAY, "", False, "udp:10.0.0.7:5080", ["<sip:gw.example.net;lr>"]),
    (request("INVITE", BAD), RELAY, UNROUTABLE, False, "", []),
    (request("INVITE", "Route: <sip:10.0.0.2;maddr=%s>" % ("x" * 118)), RELAY, UNROUTABLE, False, "", []),
]


@pytest.mark.parametrize("dialect", ["opensips", "kamailio"])
@pytest.mark.parametrize("via", [True, False], ids=["whole", "alone"])
@pytest.mark.parametrize(("data", "preloaded", "left", "stamped", "next_hop", "routes"), CASES)
def test_the_script(
    data: bytes, preloaded: Preloaded, left: str, stamped: bool, next_hop: str, routes: list[str], via: bool, dialect: str
) -> None:
    """With the whole proxy, what it says is an answer; with the rr module alone the request is left as it was."""
    outcome = handled(data, preloaded, dialect, via)
    if not left:
        (sent,) = outcome.sent
        assert sent.payload.split(b" ")[0] == data.split(b" ")[0]
        assert values(sent.payload, "Record-Route") == ["<sip:10.0.0.1;lr;ftag=a1>"] * stamped
        assert str(sent.next_hop) == next_hop
        assert values(sent.payload, "Route") == routes
        assert len(values(sent.payload, "Via")) == 1 + via
    elif via and left[:3].isdigit():
        (sent,) = outcome.sent
        assert shown(sent.payload)[0] == f"SIP/2.0 {left}"
        assert str(sent.next_hop) == "udp:10.0.0.5:5060"
        assert outcome.way == f"answered {left[:3]}"
    else:
        assert (outcome.left, outcome.sent) == (left, ())


def test_why_a_route_leads_nowhere() -> None:
    for data, preloaded in ((within("BYE", BAD), DENY), (request("INVITE", BAD), RELAY)):
        outcome = handled(data, preloaded)
        assert (outcome.left, outcome.detail.partition(" (")[0]) == (UNROUTABLE, "a Route has no angle brackets")


@pytest.mark.parametrize("via", [True, False], ids=["whole", "alone"])
@pytest.mark.parametrize(
    "data", [within().replace(b";tag=b2", b";tag="), request().replace(b"To:", b"Two:"), request().replace(b"From:", b"Form:")]
)
def test_without_to_or_from_a_request_is_malformed(data: bytes, via: bool) -> None:
    outcome = handled(data, via=via)
    assert (outcome.left, outcome.sent) == (MALFORMED, ())


def test_a_cancel_goes_the_way_of_its_invite_with_its_branch() -> None:
    invite = request("INVITE", OWN, NEXT)
    one, other = (handled(data, RELAY) for data in (invite, of_transaction(invite, "CANCEL")))
    assert summary(one) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.7:5080"]
    assert summary(other) == ["CANCEL sip:bob@10.0.0.9 -> udp:10.0.0.7:5080"]
    assert values(one.sent[0].payload, "Via") == values(other.sent[0].payload, "Via")


def test_the_ack_for_its_answer_is_absorbed() -> None:
    """Be there a Route of ours in it or not."""
    for data in (request("INVITE", OWN), within("INVITE")):
        (answered,) = handled(data).sent
        to = values(answered.payload, "To")[0].removeprefix("<sip:bob@example.com>")
        ack = of_transaction(data.replace(b";tag=b2", b""), "ACK", to)
        assert handled(ack).left == (ACK_OF_OWN if OWN.encode() in data else "ACK without a Route of ours")


def test_every_copy_has_its_own_policy() -> None:
    """It asks the router of its own file."""
    lenient, strict = built_in(preloaded=RELAY), built_in()
    data = request("INVITE", OWN, NEXT)
    assert [made.handle(data, source=CALLER).way for made in (lenient, strict)] == ["loose to loose", "answered 403"]
