"""What becomes of a request: where it leaves, by which socket, or why it stays."""

import pytest

from scapy_rr.proxy import stateless
from scapy_rr.proxy.default_route import Preloaded
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.stateless import Outcome, StatelessProxy
from scapy_rr.rr.module import RecordRouting

LISTEN = ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.1.1:5060", "udp:[2001:db8::1]:5060"]
RR = RecordRouting(listen=LISTEN, domains=["example.com"])
PROXY = StatelessProxy(RR, Hosts({"gw.example.net": "10.0.0.7:5080"}))


def request(ruri: str = "sip:bob@10.0.0.9", routes: str = "", to_tag: str = ";tag=b2", tail: str = "\r\n", method: str = "BYE") -> bytes:
    head = f"{method} {ruri} SIP/2.0\r\n{routes}From: <sip:a@example.com>;tag=a1\r\nTo: <sip:b@example.com>{to_tag}\r\n"
    return (head + f"CSeq: 1 {method}\r\n{tail}").encode()


def handle(data: bytes, arrived: int = 0) -> Outcome:
    return PROXY.handle(data, RR.identity.listeners[arrived])


OWN = "Route: <sip:10.0.0.1;lr>\r\n"


def test_routed_by_the_request_uri() -> None:
    outcome = handle(request(routes=OWN))
    assert (outcome.left, str(outcome.send_socket), str(outcome.next_hop)) == ("", "udp:10.0.0.1:5060", "udp:10.0.0.9:5060")
    assert outcome.payload == request()
    assert outcome.way == "loose to loose"


def test_routed_by_the_next_route_and_the_host_table() -> None:
    outcome = handle(request(routes="Route: <sip:10.0.0.1;lr>, <sip:gw.example.net;lr>\r\n"))
    assert str(outcome.next_hop) == "udp:10.0.0.7:5080"
    assert outcome.payload == request(routes="Route: <sip:gw.example.net;lr>\r\n")


def test_an_initial_request_goes_by_its_request_uri_with_a_record_route() -> None:
    outcome = handle(request(method="INVITE", to_tag=""))
    assert outcome.way == "by the R-URI"
    assert outcome.payload.startswith(b"INVITE sip:bob@10.0.0.9 SIP/2.0\r\nRecord-Route: <sip:10.0.0.1;lr;ftag=a1>\r\n")


def test_two_own_routes_force_the_socket_of_the_second() -> None:
    outcome = handle(request(routes="Route: <sip:10.0.0.1;r2=on;lr>,<sip:10.0.1.1;r2=on;lr>\r\n"))
    assert str(outcome.send_socket) == "udp:10.0.1.1:5060"


@pytest.mark.parametrize(
    ("ruri", "arrived", "socket"),
    [
        # The forced socket is the one of arrival; where the next hop needs another transport, its neighbour at the same address serves.
        ("sip:10.0.0.9;transport=tcp", 0, "tcp:10.0.0.1:5060"),
        ("sip:10.0.0.9", 1, "udp:10.0.0.1:5060"),
        # No neighbour: the first listener of the transport.
        ("sip:10.0.0.9;transport=tcp", 2, "tcp:10.0.0.1:5060"),
        # Another address family.
        ("sip:[2001:db8::9]", 0, "udp:[2001:db8::1]:5060"),
        ("sip:10.0.0.9", 3, "udp:10.0.0.1:5060"),
    ],
)
def test_the_socket_fits_the_next_hop(ruri: str, arrived: int, socket: str) -> None:
    outcome = handle(request(ruri, routes=OWN), arrived)
    assert str(outcome.send_socket) == socket


@pytest.mark.parametrize(
    ("data", "left", "detail"),
    [
        (b"BYE sip:x SIP/2.0\r\nnonsense\r\n\r\n", stateless.MALFORMED, "a header line without a name or a colon (at byte 19)"),
        (request(routes=OWN, to_tag=";tag="), stateless.MALFORMED, "a tag without a value (at byte 113)"),
        (request(routes=OWN, tail="Content-Length: x\r\n\r\n"), stateless.MALFORMED, "Content-Length is no number: b'x' (at byte 151)"),
        (request(routes=OWN, tail="Content-Length: 5\r\n\r\nfour"), stateless.TRUNCATED, "4 of 5 bytes are there"),
        (request(routes=OWN, ruri="sip:nowhere.example.org"), stateless.UNRESOLVED, "no address is known for nowhere.example.org"),
        (request(routes=OWN, ruri="sip:10.0.0.9;transport=sctp"), stateless.NO_SOCKET, "nothing of ours can send to sctp:10.0.0.9:5060"),
        (request(), "within a dialog, without a Route of ours", None),
        (request(method="INVITE", to_tag="", routes=OWN), "preloaded Routes denied", None),
        (request(routes="Route: nonsense\r\n"), "Routes that do not parse or lead nowhere", "a Route has no angle brackets (at byte 37)"),
    ],
)
def test_what_is_left_as_it_was(data: bytes, left: str, detail: str | None) -> None:
    outcome = handle(data)
    assert outcome.left == left
    assert outcome.payload == data
    assert outcome.send_socket is None
    if detail is not None:
        assert outcome.detail == detail
    assert str(outcome.request.trace[-1]).startswith("error: left as it was: ")


def test_e24_a_next_hop_that_is_ourselves_is_told_and_not_sent() -> None:
    outcome = handle(request(routes="Route: <sip:10.0.0.1;lr>, <sip:10.0.1.1;lr>\r\n"))
    assert (outcome.left, outcome.detail) == (stateless.OURSELVES, "udp:10.0.1.1:5060 is a listener of ours")


def test_preloaded_routes_are_relayed_where_the_policy_says_so() -> None:
    proxy = StatelessProxy(RR, preloaded=Preloaded.RELAY)
    outcome = proxy.handle(
        request(method="INVITE", to_tag="", routes="Route: <sip:10.0.0.1;lr>,<sip:10.0.0.7;lr>\r\n"), RR.identity.listeners[0]
    )
    assert str(outcome.next_hop) == "udp:10.0.0.7:5060"


def test_bytes_behind_the_content_length_are_carried() -> None:
    """E46: over UDP they are padding, and nobody asked us to take them away."""
    data = request(routes=OWN, tail="Content-Length: 3\r\n\r\nabcde")
    assert handle(data).payload == data.replace(OWN.encode(), b"")
