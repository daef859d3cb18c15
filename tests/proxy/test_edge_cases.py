"""The routing bugs that other implementations had, by their numbers, as far as they are the whole proxy's.

:mod:`tests.rr.test_edge_cases` has those of the rr module alone.
"""

import logging
import re
from typing import Any

import pytest

from scapy_rr.proxy import outcome as becomes
from scapy_rr.proxy.outcome import Outcome
from scapy_rr.proxy.router import Preloaded
from scapy_rr.proxy.script import ScriptRequest
from tests.proxy.flows import DIALECTS, proxy, wire

LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070")
UDP1, TCP1, UDP2 = LISTEN
CALLER = "10.0.0.5:5060"
ME, NEXT, TARGET = "<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>", "sip:callee@10.0.0.8"


def text(
    method: str, *headers: str, ruri: str = TARGET, branch: str = "z9hG4bKa", to_tag: str = ";tag=callee", transport: str = "UDP"
) -> bytes:
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


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e12_the_ack_for_an_answer_of_ours_goes_no_further(dialect: str) -> None:
    """The INVITE was denied for its Routes; they must not bring its ACK past us either."""
    router = proxy(LISTEN, dialect=dialect)
    denied = router.handle(initial("INVITE", f"Route: {ME}"), UDP1, CALLER)
    assert denied.way == "answered 403"
    tag = values(denied, "To")[0].partition(";tag=")[2]
    assert way(router.handle(text("ACK", f"Route: {ME}", to_tag=f";tag={tag}"), UDP1, CALLER)) == becomes.ACK_OF_OWN


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e13_a_foreign_route_stays_and_is_the_next_hop(dialect: str) -> None:
    """Who takes it off makes a loop of it."""
    outcome = proxy(LISTEN, dialect=dialect).handle(routed(NEXT, ME), UDP1, CALLER)
    assert way(outcome) == f"{UDP1} -> udp:10.0.0.7:5060"
    assert values(outcome, "Route") == [NEXT, ME]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    "data",
    [
        routed(ME, ruri="sip:callee@10.0.0.1;gr"),
        routed(ME, ruri="sip:callee@10.0.0.1"),
        routed(ME, "<sip:10.0.0.2:5070;lr>"),
    ],
    ids=["no Route is left", "taken for a strict arrival (E23)", "a second own Route without r2 (E16)"],
)
def test_e24_we_are_no_next_hop_of_ours(data: bytes, dialect: str) -> None:
    """It is said, and nothing is sent: on an interface it would come back at once."""
    outcome = proxy(LISTEN, dialect=dialect).handle(data, UDP1, CALLER)
    assert way(outcome) == becomes.OURSELVES
    assert outcome.detail.endswith(" is a listener of ours")


@pytest.mark.parametrize(
    ("dialect", "parameters", "arrival", "departure"),
    [
        ("opensips", {}, "udp:10.0.0.1:5060", "udp:10.0.0.1:5060"),
        ("opensips", {}, "udp:10.0.0.2:5060", "udp:10.0.0.2:5060"),
        ("kamailio", {}, "udp:10.0.0.1:5060", "udp:10.0.0.1:5060"),
        ("kamailio", {"force_send_socket": 1}, "udp:10.0.0.1:5060", "udp:10.0.0.2:5060"),
    ],
)
def test_e26_a_single_record_route_on_a_multihomed_host(dialect: str, parameters: dict[str, Any], arrival: str, departure: str) -> None:
    """The Route names 10.0.0.2, and both addresses are in the callee's network. OpenSIPS sends from where it received. Kamailio forces
    nothing, so that it comes to the same, and with ``force_send_socket`` it sends from what the Route names."""
    router = proxy(("udp:10.0.0.1:5060", "udp:10.0.0.2:5060"), dialect=dialect, **parameters)
    outcome = router.handle(routed("<sip:10.0.0.2;lr>"), arrival, CALLER)
    assert way(outcome) == f"{departure} -> udp:10.0.0.8:5060"
    assert values(outcome, "Via")[0].startswith(f"SIP/2.0/UDP {departure.split(':')[1]}")


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("ruri", "forced", "faces"),
    [
        ("sip:callee@10.0.0.8", None, ["10.0.0.1;lr"]),
        ("sip:callee@10.0.0.8;transport=tcp", None, ["10.0.0.1;transport=tcp;r2=on;lr", "10.0.0.1;r2=on;lr"]),
        ("sip:callee@192.0.2.8", None, ["192.0.2.1;r2=on;lr", "10.0.0.1;r2=on;lr"]),
        ("sip:callee@10.0.0.8", "udp:10.0.0.1:5080", ["10.0.0.1:5080;r2=on;lr", "10.0.0.1;r2=on;lr"]),
    ],
    ids=["the same", "transport", "address", "port"],
)
def test_e28_one_record_route_or_two(dialect: str, ruri: str, forced: str | None, faces: list[str]) -> None:
    """Two where the next hop, or the script, makes it leave by another socket than that of arrival: another transport, address or port."""

    def script(req: ScriptRequest) -> None:
        if forced:
            req.send_socket = forced
        req.record_route()
        req.relay()

    router = proxy((UDP1, TCP1, "udp:10.0.0.1:5080", "udp:192.0.2.1:5060"), dialect=dialect, script=script, append_fromtag=0)
    assert values(router.handle(initial("INVITE", ruri=ruri), UDP1, CALLER), "Record-Route") == [f"<sip:{face}>" for face in faces]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e29_port_and_transport_are_of_one_socket(dialect: str) -> None:
    """Never ``:5060;transport=tls`` for the socket on 5061; and the callee's BYE finds the way back over TLS."""
    router = proxy(("udp:10.0.0.1:5060", "tls:10.0.0.1:5061"), dialect=dialect, append_fromtag=0)
    invite = router.handle(initial("INVITE", transport="TLS"), "tls:10.0.0.1:5061", "10.0.0.5:49152")
    recorded = values(invite, "Record-Route")
    assert recorded == ["<sip:10.0.0.1;r2=on;lr>", "<sip:10.0.0.1:5061;transport=tls;r2=on;lr>"]
    bye = router.handle(routed(*recorded, ruri="sip:caller@10.0.0.5:49152;transport=tls"), "udp:10.0.0.1:5060", "10.0.0.8:5060")
    assert way(bye) == "tls:10.0.0.1:5061 -> tls:10.0.0.5:49152"
    assert values(bye, "Via")[0].startswith("SIP/2.0/TLS 10.0.0.1:5061;")


@pytest.mark.parametrize(("dialect", "inner"), [("opensips", "sip.example.com:5060"), ("kamailio", "sip.example.com")])
def test_e31_what_is_advertised_is_stamped_and_known_again(dialect: str, inner: str) -> None:
    """Each face in its own Record-Route, that of departure in the Via; the response and the callee's BYE come back to them. A name without
    a port should stay without, so that SRV records count; it gets the socket's own, but for Kamailio's face of arrival."""
    inside, outside = "udp:10.0.0.1:5060 as sip.example.com", "udp:192.0.2.1:5060 as 203.0.113.7:5080"
    router = proxy((inside, outside), dialect=dialect, append_fromtag=0)
    invite = router.handle(initial("INVITE", ruri="sip:callee@192.0.2.8"), UDP1, CALLER)
    recorded = values(invite, "Record-Route")
    assert recorded == ["<sip:203.0.113.7:5080;r2=on;lr>", f"<sip:{inner};r2=on;lr>"]
    assert values(invite, "Via")[0].startswith("SIP/2.0/UDP 203.0.113.7:5080;branch=")
    ok = invite.sent[0].payload.replace(b"INVITE sip:callee@192.0.2.8 SIP/2.0", b"SIP/2.0 200 OK")
    back = router.handle(ok, "udp:192.0.2.1:5060", "192.0.2.8:5060")
    assert way(back) == f"{UDP1} -> udp:10.0.0.5:5060"
    bye = router.handle(routed(*recorded, ruri="sip:caller@10.0.0.5"), "udp:192.0.2.1:5060", "192.0.2.8:5060")
    assert way(bye) == f"{UDP1} -> udp:10.0.0.5:5060"
    assert values(bye, "Route") == []


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize(
    ("data", "recorded"),
    [
        *((initial(method), 1) for method in ("INVITE", "SUBSCRIBE", "REFER")),
        *((initial(method), 0) for method in ("REGISTER", "OPTIONS", "MESSAGE", "PUBLISH", "CANCEL")),
        # It may come before the 2xx and make the dialog (RFC 6665 4.4.1).
        (routed(ME, method="NOTIFY"), 1),
        *((routed(ME, method=method), 0) for method in ("INVITE", "ACK", "BYE", "INFO")),
    ],
)
def test_e36_only_what_makes_a_dialog_is_recorded(dialect: str, data: bytes, recorded: int) -> None:
    """By the built-in script; within a dialog the route set stands (RFC 3261 12.2)."""
    outcome = proxy(LISTEN, dialect=dialect).handle(data, UDP1, CALLER)
    assert len(values(outcome, "Record-Route")) == recorded


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("routes", [("{}, {}, {}, {}",), ("{}", "{}, {}", "{}"), ("{}", "{}", "{}", "{}"), ("{},{}", "{} ,{}")])
def test_e40_lists_and_headers_are_one_list(dialect: str, routes: tuple[str, ...]) -> None:
    """The route set is the same however its values are spread over headers, and so is the way."""
    uris = ["<sip:10.0.0.1;r2=on;lr>", "<sip:10.0.0.2:5070;r2=on;lr>", "<sip:10.0.0.7;lr>", "<sip:10.0.0.9;lr>"]
    rest = iter(uris)
    given = [route.format(*(next(rest) for _ in range(route.count("{}")))) for route in routes]
    outcome = proxy(LISTEN, dialect=dialect).handle(routed(*given), UDP1, CALLER)
    assert way(outcome) == f"{UDP2} -> udp:10.0.0.7:5060"
    assert re.findall(r"<[^>]*>", ",".join(values(outcome, "Route"))) == uris[2:]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_e41_the_ack_of_a_200_follows_the_route_set(dialect: str) -> None:
    """It is a transaction of its own: by its Routes, not by its INVITE's next hop, and with another branch."""
    router = proxy(LISTEN, dialect=dialect)
    invite = router.handle(initial("INVITE", ruri="sip:callee@10.0.0.20"), UDP1, CALLER)
    ack = router.handle(routed(ME, NEXT, method="ACK", branch="z9hG4bKb"), UDP1, CALLER)
    assert way(invite) == f"{UDP1} -> udp:10.0.0.20:5060"
    assert way(ack) == f"{UDP1} -> udp:10.0.0.7:5060"
    assert values(ack, "Route") == [NEXT]
    assert own_branch(ack) != own_branch(invite)
