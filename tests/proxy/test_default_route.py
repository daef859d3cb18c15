"""The built-in route block, request by request."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.proxy.default_route import Left, Preloaded, default_route
from scapy_rr.rr.module import RecordRouting

RR = RecordRouting(listen=["udp:10.0.0.1:5060"])
OWN, OTHER = "Route: <sip:10.0.0.1;lr>\r\n", "Route: <sip:10.0.0.2;lr>\r\n"
STAMP = b"Record-Route: <sip:10.0.0.1;lr;ftag=a1>\r\n"


def request(method: str = "INVITE", routes: str = "", to_tag: str = "", sender: str = "From: <sip:a@example.com>;tag=a1\r\n") -> bytes:
    return (f"{method} sip:bob@10.0.0.9 SIP/2.0\r\n{routes}{sender}To: <sip:b@example.com>{to_tag}\r\nCSeq: 1 {method}\r\n\r\n").encode()


@pytest.mark.parametrize(
    ("data", "preloaded", "left", "stamped", "dst_uri"),
    [
        (request("INVITE"), Preloaded.DENY, None, True, None),
        (request("SUBSCRIBE"), Preloaded.DENY, None, True, None),
        (request("REFER"), Preloaded.DENY, None, True, None),
        (request("REGISTER"), Preloaded.DENY, None, False, None),
        (request("OPTIONS"), Preloaded.DENY, None, False, None),
        (request("MESSAGE"), Preloaded.DENY, None, False, None),
        (request("CANCEL"), Preloaded.DENY, None, False, None),
        (request("BYE", OWN, ";tag=b2"), Preloaded.DENY, None, False, None),
        (request("BYE", OWN + OTHER, ";tag=b2"), Preloaded.DENY, None, False, "sip:10.0.0.2;lr"),
        (request("INVITE", OWN, ";tag=b2"), Preloaded.DENY, None, False, None),
        (request("NOTIFY", OWN, ";tag=b2"), Preloaded.DENY, None, True, None),
        (request("BYE", "", ";tag=b2"), Preloaded.DENY, Left.NO_ROUTE, False, None),
        (request("BYE", "Route: nonsense\r\n", ";tag=b2"), Preloaded.DENY, Left.UNROUTABLE, False, None),
        (request("INVITE", OWN), Preloaded.DENY, Left.PRELOADED, False, None),
        (request("INVITE", OTHER), Preloaded.DENY, Left.PRELOADED, False, None),
        (request("INVITE", OWN), Preloaded.RELAY, None, True, None),
        (request("INVITE", OWN + OTHER), Preloaded.RELAY, None, True, "sip:10.0.0.2;lr"),
        (request("REGISTER", OWN + OTHER), Preloaded.RELAY, None, False, "sip:10.0.0.2;lr"),
        (request("INVITE", "Route: nonsense\r\n"), Preloaded.RELAY, Left.UNROUTABLE, False, None),
        (request("INVITE", "Route: <sip:10.0.0.2;maddr=%s>\r\n" % ("x" * 118)), Preloaded.RELAY, Left.UNROUTABLE, False, None),
    ],
)
def test_default_route(data: bytes, preloaded: Preloaded, left: Left | None, stamped: bool, dst_uri: str | None) -> None:
    req = RR.request(data)
    assert default_route(req, preloaded) is left
    assert (STAMP in req.build()) is stamped
    assert req.dst_uri == dst_uri


@pytest.mark.parametrize("data", [request(to_tag=";tag="), request().replace(b"To:", b"Two:"), request(sender="")])
def test_without_to_or_from_a_request_is_malformed(data: bytes) -> None:
    with pytest.raises(SipParseError):
        default_route(RR.request(data), Preloaded.DENY)
