"""Whole dialogs, as in the documentation of OpenSIPS' rr module: recorded once, routed both ways until the BYE.

The INVITE is recorded with a parameter, the callee copies the Record-Routes into its 200, and both ends make their route sets of them: the
callee in order, the caller reversed (RFC 3261 12.1). Whatever they send later must pass the same proxies and leave them bare.
"""

from typing import NamedTuple

import pytest

from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.returncode import ReturnCode
from scapy_rr.sip.message import Message
from scapy_rr.sip.nameaddr import NameAddr

ALICE = "<sip:alice@atlanta.example>;tag=a6c85cf"
BOB = "<sip:bob@biloxi.example>"
BOB_TAGGED = BOB + ";tag=314159"
SDP = b"v=0\r\nc=IN IP4 10.0.0.5\r\n"


class Passage(NamedTuple):
    """A proxy on the way of the INVITE, and the two sockets that it passes it through."""

    listen: tuple[str, ...]
    towards_alice: str
    towards_bob: str


UDP1, TCP1, UDP2 = "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070"
FIRST = Passage((UDP1, TCP1, UDP2), UDP1, UDP1)
SECOND_IN, SECOND_OUT = "udp:10.1.0.1:5060 as edge.example.com:5060", "tcp:10.1.0.1:5060"

# The proxies from Alice to Bob, and the Record-Routes that Bob sees, topmost first.
PATHS: dict[str, tuple[list[Passage], list[str]]] = {
    "one proxy": ([FIRST], ["sip:10.0.0.1;lr;ftag=a6c85cf;foo=true"]),
    "two addresses of one proxy": (
        [Passage(FIRST.listen, UDP1, UDP2)],
        ["sip:10.0.0.2:5070;r2=on;lr;ftag=a6c85cf;foo=true", "sip:10.0.0.1;r2=on;lr;ftag=a6c85cf;foo=true"],
    ),
    "two transports of one proxy": (
        [Passage(FIRST.listen, UDP1, TCP1)],
        ["sip:10.0.0.1;transport=tcp;r2=on;lr;ftag=a6c85cf;foo=true", "sip:10.0.0.1;r2=on;lr;ftag=a6c85cf;foo=true"],
    ),
    "two proxies": (
        [FIRST, Passage(("udp:10.1.0.1:5060",), "udp:10.1.0.1:5060", "udp:10.1.0.1:5060")],
        ["sip:10.1.0.1;lr;ftag=a6c85cf;foo=true", "sip:10.0.0.1;lr;ftag=a6c85cf;foo=true"],
    ),
    "two proxies, both with two sockets, one of them advertised": (
        [Passage(FIRST.listen, TCP1, UDP2), Passage((SECOND_IN, SECOND_OUT), "udp:10.1.0.1:5060", SECOND_OUT)],
        [
            "sip:10.1.0.1;transport=tcp;r2=on;lr;ftag=a6c85cf;foo=true",
            "sip:edge.example.com:5060;r2=on;lr;ftag=a6c85cf;foo=true",
            "sip:10.0.0.2:5070;r2=on;lr;ftag=a6c85cf;foo=true",
            "sip:10.0.0.1;transport=tcp;r2=on;lr;ftag=a6c85cf;foo=true",
        ],
    ),
}


def sip(start: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([start, *headers, f"Content-Length: {len(body)}", "", ""]).encode() + body


INVITE = sip(
    "INVITE sip:bob@10.0.0.8 SIP/2.0",
    "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK74bf9",
    f"From: {ALICE}",
    f"To: {BOB}",
    "Call-ID: 3848276298220188511@10.0.0.5",
    "CSeq: 1 INVITE",
    "Contact: <sip:alice@10.0.0.5>",
    body=SDP,
)


def record_routes(data: bytes) -> list[str]:
    """All Record-Routes, one list whatever the headers."""
    message = Message(data)
    values = [data[h.value_start : h.value_end] for h in message.find_all(b"record-route")]
    return [address.uri.decode() for value in values for address in NameAddr.parse_many(value)]


def invite(path: list[Passage]) -> bytes:
    """The INVITE as Bob gets it; every proxy has recorded it."""
    data = INVITE
    for proxy in path:
        req = RecordRouting(listen=proxy.listen).request(data, proxy.towards_alice)
        # There is no Route in it: the script goes on to record.
        assert req.loose_route() is ReturnCode.FAILED
        assert req.record_route() is ReturnCode.OK
        assert req.add_rr_param(";foo=true") is ReturnCode.OK
        data = req.build(proxy.towards_bob)
    return data


def answer(received: bytes) -> bytes:
    """Bob's 200: the Record-Routes copied as they came (12.1.1)."""
    return sip(
        "SIP/2.0 200 OK",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK74bf9",
        *(f"Record-Route: <{uri}>" for uri in record_routes(received)),
        f"From: {ALICE}",
        f"To: {BOB_TAGGED}",
        "Call-ID: 3848276298220188511@10.0.0.5",
        "CSeq: 1 INVITE",
        "Contact: <sip:bob@10.0.0.8>",
    )


def in_dialog(method: str, sender: str, routes: list[str], joined: bool) -> bytes:
    """A request of either end with its Routes, all in one header or each in its own."""
    from_, to, target = (ALICE, BOB_TAGGED, "sip:bob@10.0.0.8") if sender == "Alice" else (BOB_TAGGED, ALICE, "sip:alice@10.0.0.5")
    values = [f"<{uri}>" for uri in routes]
    headers = [", ".join(values)] if joined and values else values
    return sip(
        f"{method} {target} SIP/2.0",
        "Via: SIP/2.0/UDP 10.9.9.9;branch=z9hG4bKnashds7",
        *(f"Route: {value}" for value in headers),
        f"From: {from_}",
        f"To: {to}",
        "Call-ID: 3848276298220188511@10.0.0.5",
        f"CSeq: 2 {method}",
        body=SDP if method == "INVITE" else b"",
    )


@pytest.mark.parametrize(("path", "recorded"), PATHS.values(), ids=PATHS)
def test_invite_is_recorded_by_every_proxy(path: list[Passage], recorded: list[str]) -> None:
    received = invite(path)
    assert record_routes(received) == recorded
    # Each in a header of its own, above all that came.
    start, rest = INVITE.split(b"\r\n", 1)
    assert received == b"\r\n".join([start, *(f"Record-Route: <{uri}>".encode() for uri in recorded), rest])


@pytest.mark.parametrize(("path", "recorded"), PATHS.values(), ids=PATHS)
def test_the_answer_passes_as_it_is(path: list[Passage], recorded: list[str]) -> None:
    ok = answer(invite(path))
    assert record_routes(ok) == recorded
    for proxy in reversed(path):
        req = RecordRouting(listen=proxy.listen).request(ok, proxy.towards_bob)
        assert req.loose_route() is ReturnCode.FAILED
        assert req.build() is ok


@pytest.mark.parametrize("joined", [False, True], ids=["in headers of their own", "in one header"])
@pytest.mark.parametrize("sender", ["Alice", "Bob"])
@pytest.mark.parametrize("method", ["ACK", "INVITE", "BYE"])
@pytest.mark.parametrize(("path", "recorded"), PATHS.values(), ids=PATHS)
def test_request_within_the_dialog(path: list[Passage], recorded: list[str], method: str, sender: str, joined: bool) -> None:
    """Every proxy takes its own Routes off, knows its parameter and the direction, and sends by its other socket."""
    routes = recorded[::-1] if sender == "Alice" else recorded
    data = in_dialog(method, sender, routes, joined)
    left = len(routes)
    for proxy in path if sender == "Alice" else reversed(path):
        arrival, departure = proxy.towards_alice, proxy.towards_bob
        if sender == "Bob":
            arrival, departure = departure, arrival
        req = RecordRouting(listen=proxy.listen).request(data, arrival)
        assert req.loose_route() is ReturnCode.OK
        assert req.check_route_param("foo=true") is ReturnCode.OK
        assert req.check_route_param("foo=false") is ReturnCode.FAILED
        assert req.is_direction("downstream") is (ReturnCode.OK if sender == "Alice" else ReturnCode.FAILED)
        assert req.is_direction("upstream") is (ReturnCode.OK if sender == "Bob" else ReturnCode.FAILED)
        assert req.send_socket == departure
        left -= 1 if arrival == departure else 2
        # The next proxy's Route, or the R-URI at the last.
        assert req.dst_uri == (routes[-left] if left else None)
        data = req.build()
        assert data == in_dialog(method, sender, routes[-left:] if left else [], joined)
    assert left == 0


@pytest.mark.parametrize(("sender", "tag"), [("Alice", "a6c85cf"), ("Bob", "314159")])
def test_reinvite_is_recorded_with_the_tag_of_its_sender(sender: str, tag: str) -> None:
    """A record on the way does not change the route set (RFC 3261 12.2); OpenSIPS stamps the From tag, whoever sends (combined-02)."""
    path, recorded = PATHS["two addresses of one proxy"]
    arrival, departure = (UDP1, UDP2) if sender == "Alice" else (UDP2, UDP1)
    faces = {UDP1: "10.0.0.1", UDP2: "10.0.0.2:5070"}
    routes = recorded[::-1] if sender == "Alice" else recorded
    req = RecordRouting(listen=path[0].listen).request(in_dialog("INVITE", sender, routes, joined=False), arrival)
    assert req.loose_route() is ReturnCode.OK
    assert req.record_route() is ReturnCode.OK
    start, rest = in_dialog("INVITE", sender, [], joined=False).split(b"\r\n", 1)
    assert req.build() == b"\r\n".join(
        [
            start,
            f"Record-Route: <sip:{faces[departure]};r2=on;lr;ftag={tag}>".encode(),
            f"Record-Route: <sip:{faces[arrival]};r2=on;lr;ftag={tag}>".encode(),
            rest,
        ]
    )


def test_the_example_of_the_documentation() -> None:
    """``add_rr_param(";foo=true")`` with the INVITE, ``check_route_param("foo=true")`` with the requests that follow, byte by byte."""
    rr = RecordRouting(listen=["udp:10.0.0.1:5060"])
    invite = rr.request(b"INVITE sip:bob@10.0.0.8 SIP/2.0\r\nFrom: <sip:alice@a>;tag=a6c85cf\r\nTo: <sip:bob@b>\r\nCSeq: 1 INVITE\r\n\r\n")
    if not invite.loose_route():
        invite.record_route()
        invite.add_rr_param(";foo=true")
    assert invite.build() == (
        b"INVITE sip:bob@10.0.0.8 SIP/2.0\r\n"
        b"Record-Route: <sip:10.0.0.1;lr;ftag=a6c85cf;foo=true>\r\n"
        b"From: <sip:alice@a>;tag=a6c85cf\r\nTo: <sip:bob@b>\r\nCSeq: 1 INVITE\r\n\r\n"
    )
    bye = rr.request(
        b"BYE sip:alice@10.0.0.5 SIP/2.0\r\n"
        b"Route: <sip:10.0.0.1;lr;ftag=a6c85cf;foo=true>\r\n"
        b"From: <sip:bob@b>;tag=314159\r\nTo: <sip:alice@a>;tag=a6c85cf\r\nCSeq: 1 BYE\r\n\r\n"
    )
    assert bye.loose_route()
    assert bye.check_route_param("foo=true")
    assert bye.is_direction("upstream")
    assert bye.build() == (
        b"BYE sip:alice@10.0.0.5 SIP/2.0\r\nFrom: <sip:bob@b>;tag=314159\r\nTo: <sip:alice@a>;tag=a6c85cf\r\nCSeq: 1 BYE\r\n\r\n"
    )
