"""The examples of :rfc:`3261#section-16.12.1`, but for the strict router of 16.12.1.2: each message as the RFC has it, at every hop.

The RFC shows the start line, Contact, Record-Route and Route alone; the rest is what the messages need. Where a Record-Route stands among
the other headers does not matter (7.3.1): the servers put it first. ``append_fromtag`` is off, so that no ``ftag`` is in the way.
"""

import pytest

from scapy_rr.proxy.script import ScriptRequest
from tests.proxy.flows import DIALECTS, flow, located, played, proxy

TRAPEZOID = flow("""
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:callee@domain.com SIP/2.0
        Via: SIP/2.0/UDP u1.example.com;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    P1 udp:192.0.2.1:5060 -> P2 udp:192.0.2.2:5060
        INVITE sip:callee@domain.com SIP/2.0
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p1.example.com:5060;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    P2 udp:192.0.2.2:5060 -> U2 udp:192.0.2.22:5060
        INVITE sip:callee@u2.domain.com SIP/2.0
        Record-Route: <sip:p2.domain.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.domain.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 68
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    U2 udp:192.0.2.22:5060 -> P2 udp:192.0.2.2:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p2.domain.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.domain.com:5060;received=192.0.2.2;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P2 udp:192.0.2.2:5060 -> P1 udp:192.0.2.1:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p2.domain.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p2.domain.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        BYE sip:callee@u2.domain.com SIP/2.0
        Via: SIP/2.0/UDP u1.example.com;branch=z9hG4bK-U1-BYE
        Route: <sip:p1.example.com{port};lr>,<sip:p2.domain.com{port};lr>
        Max-Forwards: 70
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 2 BYE
    P1 udp:192.0.2.1:5060 -> P2 udp:192.0.2.2:5060
        BYE sip:callee@u2.domain.com SIP/2.0
        Via: SIP/2.0/UDP p1.example.com:5060;branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-BYE
        Route: <sip:p2.domain.com{port};lr>
        Max-Forwards: 69
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 2 BYE
    P2 udp:192.0.2.2:5060 -> U2 udp:192.0.2.22:5060
        BYE sip:callee@u2.domain.com SIP/2.0
        Via: SIP/2.0/UDP p2.domain.com:5060;branch=z9hG4bK-P2-BYE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-BYE
        Max-Forwards: 68
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: trapezoid@u1.example.com
        CSeq: 2 BYE
""")

HOSTS = {"domain.com": "192.0.2.2", "p1.example.com": "192.0.2.1", "p2.domain.com": "192.0.2.2", "u2.domain.com": "192.0.2.22"}


@pytest.mark.parametrize(("dialect", "port"), [("kamailio", ""), ("opensips", ":5060")])
def test_16_12_1_1_the_basic_trapezoid(dialect: str, port: str) -> None:
    """Kamailio's Record-Routes are the RFC's, byte by byte. OpenSIPS writes the port of an advertised name, always: the same place, but for
    who asks the DNS for SRV records."""
    p1 = proxy(("udp:192.0.2.1:5060 as p1.example.com",), HOSTS, dialect=dialect, append_fromtag=0)
    location = located({"sip:callee@domain.com": "sip:callee@u2.domain.com"})
    p2 = proxy(("udp:192.0.2.2:5060 as p2.domain.com",), HOSTS, ("domain.com",), dialect, location, append_fromtag=0)
    expected = TRAPEZOID.format(port=port)
    assert played(expected, P1=p1, P2=p2) == expected


GATEWAY = flow("""
    U1 udp:10.1.0.11:5060 -> P1 udp:10.1.0.1:5060
        INVITE sip:callee@gateway.leftprivatespace.com SIP/2.0
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>
        Call-ID: gateway@10.1.0.11
        CSeq: 1 INVITE
        Contact: <sip:caller@u1.leftprivatespace.com>
    P1 udp:10.2.0.1:5060 -> U2 udp:10.2.0.22:5060
        INVITE sip:callee@rightprivatespace.com SIP/2.0
        Record-Route: <sip:gateway.rightprivatespace.com{right};r2=on;lr>
        Record-Route: <sip:gateway.leftprivatespace.com{left};r2=on;lr>
        Via: SIP/2.0/UDP gateway.rightprivatespace.com:5060;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>
        Call-ID: gateway@10.1.0.11
        CSeq: 1 INVITE
        Contact: <sip:caller@u1.leftprivatespace.com>
    U2 udp:10.2.0.22:5060 -> P1 udp:10.2.0.1:5060
        SIP/2.0 200 OK
        Record-Route: <sip:gateway.rightprivatespace.com{right};r2=on;lr>
        Record-Route: <sip:gateway.leftprivatespace.com{left};r2=on;lr>
        Via: SIP/2.0/UDP gateway.rightprivatespace.com:5060;received=10.2.0.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>;tag=u2
        Call-ID: gateway@10.1.0.11
        CSeq: 1 INVITE
        Contact: <sip:callee@u2.rightprivatespace.com>
    P1 udp:10.1.0.1:5060 -> U1 udp:10.1.0.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:gateway.rightprivatespace.com{right};r2=on;lr>
        Record-Route: <sip:gateway.leftprivatespace.com{left};r2=on;lr>
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>;tag=u2
        Call-ID: gateway@10.1.0.11
        CSeq: 1 INVITE
        Contact: <sip:callee@u2.rightprivatespace.com>
    U1 udp:10.1.0.11:5060 -> P1 udp:10.1.0.1:5060
        BYE sip:callee@u2.rightprivatespace.com SIP/2.0
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-BYE
        Route: <sip:gateway.leftprivatespace.com{left};r2=on;lr>
        Route: <sip:gateway.rightprivatespace.com{right};r2=on;lr>
        Max-Forwards: 70
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>;tag=u2
        Call-ID: gateway@10.1.0.11
        CSeq: 2 BYE
    P1 udp:10.2.0.1:5060 -> U2 udp:10.2.0.22:5060
        BYE sip:callee@u2.rightprivatespace.com SIP/2.0
        Via: SIP/2.0/UDP gateway.rightprivatespace.com:5060;branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP 10.1.0.11;branch=z9hG4bK-U1-BYE
        Max-Forwards: 69
        From: <sip:caller@leftprivatespace.com>;tag=u1
        To: <sip:callee@gateway.leftprivatespace.com>;tag=u2
        Call-ID: gateway@10.1.0.11
        CSeq: 2 BYE
""")

FACES = (
    "udp:10.1.0.1:5060 as gateway.leftprivatespace.com",
    "udp:10.2.0.1:5060 as gateway.rightprivatespace.com",
)
RIGHT = {"rightprivatespace.com": "10.2.0.22", "u2.rightprivatespace.com": "10.2.0.22"}
LOCATION = {"sip:callee@gateway.leftprivatespace.com": "sip:callee@rightprivatespace.com"}


@pytest.mark.parametrize(("dialect", "left"), [("kamailio", ""), ("opensips", ":5060")])
def test_16_12_1_3_two_record_routes_in_the_place_of_a_rewritten_one(dialect: str, left: str) -> None:
    """The RFC's gateway records its right face alone, and rewrites that to its left one in the 200 that it relays. The servers rewrite no
    response, and neither do we: each face gets a Record-Route of its own in the request. The BYE leaves as the RFC has it."""
    p1 = proxy(FACES, RIGHT, dialect=dialect, script=located(LOCATION), append_fromtag=0)
    expected = GATEWAY.format(left=left, right=":5060")
    assert played(expected, P1=p1) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_16_12_1_3_with_presets(dialect: str) -> None:
    """The same where the script knows what its faces are called. It has to write ``r2=on``, too: without it the second Route would stay,
    and lead back to the gateway (E16)."""

    def script(req: ScriptRequest) -> None:
        if req.has_totag():
            req.loose_route()
        else:
            req.ruri = LOCATION[req.ruri or ""]
            req.record_route_preset("gateway.rightprivatespace.com;r2=on", "gateway.leftprivatespace.com;r2=on")
        req.relay()

    expected = GATEWAY.format(left="", right="")
    assert played(expected, P1=proxy(FACES, RIGHT, dialect=dialect, script=script, append_fromtag=0)) == expected
