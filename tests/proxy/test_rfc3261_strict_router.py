"""The example of 16.12.1.2 of :rfc:`3261#section-16.12.1`: a strict router, P3, among four proxies; each message at every hop."""

import pytest

from tests.proxy.flows import flow, located, played, proxy


def strict_router(message: str) -> str:
    """P3, as :rfc:`2543` has it: the top Route becomes the Request-URI, whatever was there."""
    start, *headers = message.splitlines()
    if start.startswith("SIP/2.0"):
        headers.remove(next(line for line in headers if line.startswith("Via: ")))
        return "\n".join([start, *headers, ""])
    method, _, version = start.split()
    via = f"Via: SIP/2.0/UDP p3.middle.com;branch=z9hG4bK-P3-{method}"
    routes = [line for line in headers if line.startswith("Route: ")]
    if routes:
        headers.remove(routes[0])
        start = f"{method} {routes[0].removeprefix('Route: ').strip('<>')} {version}"
        return "\n".join([start, via, *headers, ""])
    return "\n".join([start, "Record-Route: <sip:p3.middle.com>", via, *headers, ""])


TRAVERSED = flow("""
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:callee@domain.com SIP/2.0
        Via: SIP/2.0/UDP u1.example.com;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: strict@u1.example.com
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
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    P2 udp:192.0.2.2:5060 -> P3 udp:192.0.2.3:5060
        INVITE sip:callee@domain.com SIP/2.0
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 68
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    P3 udp:192.0.2.3:5060 -> P4 udp:192.0.2.4:5060
        INVITE sip:callee@domain.com SIP/2.0
        Record-Route: <sip:p3.middle.com>
        Via: SIP/2.0/UDP p3.middle.com;branch=z9hG4bK-P3-INVITE
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 68
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    P4 udp:192.0.2.4:5060 -> U2 udp:192.0.2.22:5060
        INVITE sip:callee@u2.domain.com SIP/2.0
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-INVITE
        Via: SIP/2.0/UDP p3.middle.com;received=192.0.2.3;branch=z9hG4bK-P3-INVITE
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 67
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:caller@u1.example.com
    U2 udp:192.0.2.22:5060 -> P4 udp:192.0.2.4:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-INVITE
        Via: SIP/2.0/UDP p3.middle.com;received=192.0.2.3;branch=z9hG4bK-P3-INVITE
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P4 udp:192.0.2.4:5060 -> P3 udp:192.0.2.3:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p3.middle.com;received=192.0.2.3;branch=z9hG4bK-P3-INVITE
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P3 udp:192.0.2.3:5060 -> P2 udp:192.0.2.2:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-INVITE
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P2 udp:192.0.2.2:5060 -> P1 udp:192.0.2.1:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP p1.example.com:5060;received=192.0.2.1;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:p4.domain.com{port};lr>
        Record-Route: <sip:p3.middle.com>
        Record-Route: <sip:p2.example.com{port};lr>
        Record-Route: <sip:p1.example.com{port};lr>
        Via: SIP/2.0/UDP u1.example.com;received=192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:caller@example.com>;tag=u1
        To: <sip:callee@domain.com>;tag=u2
        Call-ID: strict@u1.example.com
        CSeq: 1 INVITE
        Contact: sip:callee@u2.domain.com
    U2 udp:192.0.2.22:5060 -> P4 udp:192.0.2.4:5060
        BYE sip:caller@u1.example.com SIP/2.0
        Via: SIP/2.0/UDP u2.domain.com;branch=z9hG4bK-U2-BYE
        Route: <sip:p4.domain.com{port};lr>
        Route: <sip:p3.middle.com>
        Route: <sip:p2.example.com{port};lr>
        Route: <sip:p1.example.com{port};lr>
        Max-Forwards: 70
        From: <sip:callee@domain.com>;tag=u2
        To: <sip:caller@example.com>;tag=u1
        Call-ID: strict@u1.example.com
        CSeq: 1 BYE
    P4 udp:192.0.2.4:5060 -> P3 udp:192.0.2.3:5060
        BYE sip:p3.middle.com SIP/2.0
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-BYE
        Via: SIP/2.0/UDP u2.domain.com;received=192.0.2.22;branch=z9hG4bK-U2-BYE
        Route: <sip:p2.example.com{port};lr>
        Route: <sip:p1.example.com{port};lr>
        Max-Forwards: 69
        From: <sip:callee@domain.com>;tag=u2
        To: <sip:caller@example.com>;tag=u1
        Call-ID: strict@u1.example.com
        CSeq: 1 BYE
        Route: <sip:caller@u1.example.com>
    P3 udp:192.0.2.3:5060 -> P2 udp:192.0.2.2:5060
        BYE sip:p2.example.com{port};lr SIP/2.0
        Via: SIP/2.0/UDP p3.middle.com;branch=z9hG4bK-P3-BYE
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-BYE
        Via: SIP/2.0/UDP u2.domain.com;received=192.0.2.22;branch=z9hG4bK-U2-BYE
        Route: <sip:p1.example.com{port};lr>
        Max-Forwards: 69
        From: <sip:callee@domain.com>;tag=u2
        To: <sip:caller@example.com>;tag=u1
        Call-ID: strict@u1.example.com
        CSeq: 1 BYE
        Route: <sip:caller@u1.example.com>
    P2 udp:192.0.2.2:5060 -> P1 udp:192.0.2.1:5060
        BYE sip:caller@u1.example.com SIP/2.0
        Via: SIP/2.0/UDP p2.example.com:5060;branch=z9hG4bK-P2-BYE
        Via: SIP/2.0/UDP p3.middle.com;received=192.0.2.3;branch=z9hG4bK-P3-BYE
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-BYE
        Via: SIP/2.0/UDP u2.domain.com;received=192.0.2.22;branch=z9hG4bK-U2-BYE
        Route: <sip:p1.example.com{port};lr>
        Max-Forwards: 68
        From: <sip:callee@domain.com>;tag=u2
        To: <sip:caller@example.com>;tag=u1
        Call-ID: strict@u1.example.com
        CSeq: 1 BYE
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        BYE sip:caller@u1.example.com SIP/2.0
        Via: SIP/2.0/UDP p1.example.com:5060;branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP p2.example.com:5060;received=192.0.2.2;branch=z9hG4bK-P2-BYE
        Via: SIP/2.0/UDP p3.middle.com;received=192.0.2.3;branch=z9hG4bK-P3-BYE
        Via: SIP/2.0/UDP p4.domain.com:5060;branch=z9hG4bK-P4-BYE
        Via: SIP/2.0/UDP u2.domain.com;received=192.0.2.22;branch=z9hG4bK-U2-BYE
        Max-Forwards: 67
        From: <sip:callee@domain.com>;tag=u2
        To: <sip:caller@example.com>;tag=u1
        Call-ID: strict@u1.example.com
        CSeq: 1 BYE
""")

HOSTS = {
    "p1.example.com": "192.0.2.1",
    "p2.example.com": "192.0.2.2",
    "p3.middle.com": "192.0.2.3",
    "u1.example.com": "192.0.2.11",
    "u2.domain.com": "192.0.2.22",
}


@pytest.mark.parametrize(("dialect", "port"), [("kamailio", ""), ("opensips", ":5060")])
def test_16_12_1_2_traversing_a_strict_router(dialect: str, port: str) -> None:
    """Kamailio's messages have the RFC's Request-URIs, Record-Routes and Routes; OpenSIPS writes the port of an advertised name.
    Both put the Route with the target, which P4 adds, behind all headers: among the Routes it is the last, which is what counts."""
    p1, p2 = (
        proxy((f"udp:192.0.2.{number}:5060 as p{number}.example.com",), HOSTS | {"domain.com": next_hop}, (), dialect, append_fromtag=0)
        for number, next_hop in ((1, "192.0.2.2"), (2, "192.0.2.3"))
    )
    location = located({"sip:callee@domain.com": "sip:callee@u2.domain.com"})
    p4 = proxy(("udp:192.0.2.4:5060 as p4.domain.com",), HOSTS, ("domain.com",), dialect, location, append_fromtag=0)
    expected = TRAVERSED.format(port=port)
    assert played(expected, P1=p1, P2=p2, P3=strict_router, P4=p4) == expected
