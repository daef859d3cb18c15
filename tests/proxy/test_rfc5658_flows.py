"""Double Record-Routing (:rfc:`5658`): a proxy between two addresses, and between two transports; each message at every hop, both ways.

The RFC knows two ways to have a proxy with two faces reached by both ends of a dialog: to rewrite its Record-Route in the response, as in
:rfc:`3261#section-16.12.1` (16.12.1.3), and the one that it recommends, to put one Record-Route for each face into the request. The servers
know the second alone: the face that the request leaves by on top, that of its arrival below, both with ``r2=on``, so that the proxy takes
off both at once and does not send to itself. The messages are of these tests, the situations the RFC's.
"""

import pytest

from tests.proxy.flows import DIALECTS, flow, played, proxy

ADDRESSES = flow("""
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: addresses@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
    P1 udp:198.51.100.1:5060 -> U2 udp:198.51.100.22:5060
        INVITE sip:bob@198.51.100.22 SIP/2.0
        Record-Route: <sip:198.51.100.1;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP 198.51.100.1{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: addresses@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
    U2 udp:198.51.100.22:5060 -> P1 udp:198.51.100.1:5060
        SIP/2.0 200 OK
        Record-Route: <sip:198.51.100.1;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP 198.51.100.1{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: addresses@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@198.51.100.22>
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:198.51.100.1;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: addresses@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@198.51.100.22>
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        ACK sip:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Route: <sip:198.51.100.1;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: addresses@192.0.2.11
        CSeq: 1 ACK
    P1 udp:198.51.100.1:5060 -> U2 udp:198.51.100.22:5060
        ACK sip:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/UDP 198.51.100.1{port};branch=z9hG4bK-P1-ACK
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: addresses@192.0.2.11
        CSeq: 1 ACK
    U2 udp:198.51.100.22:5060 -> P1 udp:198.51.100.1:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/UDP 198.51.100.22;branch=z9hG4bK-U2-BYE
        Route: <sip:198.51.100.1;r2=on;lr;ftag=a>, <sip:192.0.2.1;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: addresses@192.0.2.11
        CSeq: 2 BYE
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.1{port};branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP 198.51.100.22;branch=z9hG4bK-U2-BYE
        Max-Forwards: 69
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: addresses@192.0.2.11
        CSeq: 2 BYE
""")

TRANSPORTS = flow("""
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:bob@192.0.2.22;transport=tcp SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: transports@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
    P1 tcp:192.0.2.1:5060 -> U2 tcp:192.0.2.22:5060
        INVITE sip:bob@192.0.2.22;transport=tcp SIP/2.0
        Record-Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/TCP 192.0.2.1{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: transports@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
        Content-Length: 0
    U2 tcp:192.0.2.22:5060 -> P1 tcp:192.0.2.1:5060
        SIP/2.0 200 OK
        Record-Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/TCP 192.0.2.1{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: transports@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@192.0.2.22;transport=tcp>
        Content-Length: 0
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: transports@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@192.0.2.22;transport=tcp>
        Content-Length: 0
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        ACK sip:bob@192.0.2.22;transport=tcp SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: transports@192.0.2.11
        CSeq: 1 ACK
    P1 tcp:192.0.2.1:5060 -> U2 tcp:192.0.2.22:5060
        ACK sip:bob@192.0.2.22;transport=tcp SIP/2.0
        Via: SIP/2.0/TCP 192.0.2.1{port};branch=z9hG4bK-P1-ACK
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: transports@192.0.2.11
        CSeq: 1 ACK
        Content-Length: 0
    U2 tcp:192.0.2.22:49152 -> P1 tcp:192.0.2.1:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/TCP 192.0.2.22;rport;branch=z9hG4bK-U2-BYE
        Route: <sip:192.0.2.1;transport=tcp;r2=on;lr;ftag=a>, <sip:192.0.2.1;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: transports@192.0.2.11
        CSeq: 2 BYE
        Content-Length: 0
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.1{port};branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/TCP 192.0.2.22;received=192.0.2.22;rport=49152;branch=z9hG4bK-U2-BYE
        Max-Forwards: 69
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: transports@192.0.2.11
        CSeq: 2 BYE
        Content-Length: 0
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        SIP/2.0 200 OK
        Via: SIP/2.0/UDP 192.0.2.1{port};branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/TCP 192.0.2.22;received=192.0.2.22;rport=49152;branch=z9hG4bK-U2-BYE
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: transports@192.0.2.11
        CSeq: 2 BYE
    P1 tcp:192.0.2.1:5060 -> U2 tcp:192.0.2.22:49152
        SIP/2.0 200 OK
        Via: SIP/2.0/TCP 192.0.2.22;received=192.0.2.22;rport=49152;branch=z9hG4bK-U2-BYE
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: transports@192.0.2.11
        CSeq: 2 BYE
        Content-Length: 0
""")

# OpenSIPS writes the port of its Via, always.
VIA_PORTS = dict(zip(DIALECTS, (":5060", ""), strict=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_addresses(dialect: str) -> None:
    """Each side sees its own network's face on its end of the route set, and every message leaves by the face of the network it goes to
    (the servers do so with ``mhomed``)."""
    p1 = proxy(("udp:192.0.2.1:5060", "udp:198.51.100.1:5060"), dialect=dialect)
    expected = ADDRESSES.format(port=VIA_PORTS[dialect])
    assert played(expected, P1=p1) == expected


@pytest.mark.parametrize("dialect", DIALECTS)
def test_udp_to_tcp(dialect: str) -> None:
    """Only the TCP face names its transport. What leaves over TCP gets the Content-Length that UDP can do without (RFC 3261 18.3)."""
    p1 = proxy(("udp:192.0.2.1:5060", "tcp:192.0.2.1:5060"), dialect=dialect)
    expected = TRANSPORTS.format(port=VIA_PORTS[dialect])
    assert played(expected, P1=p1) == expected


@pytest.mark.parametrize(("dialect", "face"), [("opensips", "198.51.100.1"), ("kamailio", "192.0.2.1")])
def test_one_record_route_is_of_use_to_one_side_alone(dialect: str, face: str) -> None:
    """Without ``enable_double_rr`` OpenSIPS records the face of departure, Kamailio that of arrival. For the other side it would have to
    be rewritten in the 200, which nobody does: that leaves as it came."""
    p1 = proxy(("udp:192.0.2.1:5060", "udp:198.51.100.1:5060"), dialect=dialect, enable_double_rr=0)
    pair = "    Record-Route: <sip:198.51.100.1;r2=on;lr;ftag=a>\n    Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>\n"
    until_200, _, _ = ADDRESSES.format(port=VIA_PORTS[dialect]).partition("U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060\n    ACK")
    expected = until_200.replace(pair, f"    Record-Route: <sip:{face};lr;ftag=a>\n")
    assert played(expected, P1=p1) == expected
