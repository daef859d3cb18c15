"""What a transaction sends for itself, byte by byte (RFC 3261 17.1.1.3 and 9.1)."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.proxy.hop_by_hop import ack, cancel
from scapy_rr.proxy.outcome import Sent
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.sip.message import Message

from .calls import answer, relayed, request, shown


def sent(*headers: str, **fields: str) -> Sent:
    """An INVITE that a proxy has sent to a target behind another proxy."""

    def script(req: ScriptRequest) -> None:
        req.dst_uri = "sip:10.0.0.7"
        req.record_route()
        req.relay()

    (one,) = relayed(script, request("INVITE", *headers, **fields)).sent  # type: ignore[arg-type]
    return one


ROUTES = ("Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>", "Subject: hi", "Route: <sip:p3.example.com;lr>", "Contact: <sip:a>")


def test_cancel() -> None:
    """One Via, ours; the Routes of the request as they are; nothing else of it, no Record-Route, no body."""
    invite = sent(*ROUTES)
    made = cancel(invite)
    assert shown(made.payload) == [
        "CANCEL sip:bob@10.0.0.9 SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0",
        "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        "Route: <sip:p3.example.com;lr>",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 CANCEL",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    assert made.payload.split(b"\r\n")[1] in invite.payload.split(b"\r\n")
    assert (made.send_socket, made.next_hop) == (invite.send_socket, invite.next_hop)


def test_ack() -> None:
    """As the CANCEL, but with the To of the response, whose tag it has."""
    invite = sent(*ROUTES)
    made = ack(invite, Message(answer(invite, "486 Busy Here", "busy")))
    assert shown(made.payload) == [
        "ACK sip:bob@10.0.0.9 SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0",
        "Route: <sip:p1.example.com;lr>, <sip:p2.example.com;lr>",
        "Route: <sip:p3.example.com;lr>",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=busy",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 ACK",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    assert made.payload.split(b"\r\n")[1] in invite.payload.split(b"\r\n")
    assert (made.send_socket, made.next_hop) == (invite.send_socket, invite.next_hop)


def test_a_response_without_a_to_leaves_that_of_the_request() -> None:
    invite = sent()
    response = answer(invite, "486 Busy Here").replace(b"\r\nTo:", b"\r\nTwo:")
    assert b"\r\nTo: <sip:bob@example.com>\r\n" in ack(invite, Message(response)).payload


@pytest.mark.parametrize(
    ("written", "copied"),
    [
        ("From: <sip:alice@example.com>;tag=a1", b"\r\nFrom: <sip:alice@example.com>;tag=a1\r\n"),
        ("f: <sip:alice@example.com>;tag=a1", b"\r\nf: <sip:alice@example.com>;tag=a1\r\n"),
        ("From:\r\n <sip:alice@example.com>\r\n ;tag=a1", b"\r\nFrom:\r\n <sip:alice@example.com>\r\n ;tag=a1\r\n"),
    ],
)
def test_headers_are_copied_as_they_are_written(written: str, copied: bytes) -> None:
    """The callee compares them with those of the INVITE."""
    data = request().replace(b"From: <sip:alice@example.com>;tag=a1", written.encode())
    (invite,) = relayed(lambda req: req.relay(), data).sent
    assert copied in cancel(invite).payload


def test_without_a_via_there_is_no_transaction() -> None:
    invite = sent()
    bare = invite._replace(payload=invite.payload.replace(b"\r\nVia:", b"\r\nOther:"))
    with pytest.raises(SipParseError, match="no Via header"):
        cancel(bare)
