"""Double Record-Routing (:rfc:`5658`), continued: a proxy from IPv4 to IPv6, and one between two networks for ``sips``; see
:mod:`test_rfc5658_flows`."""

import pytest

from tests.proxy.flows import flow, played, proxy

FAMILIES = flow("""
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        INVITE sip:bob@[2001:db8::22] SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: families@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
    P1 udp:[2001:db8::1]:5060 -> U2 udp:[2001:db8::22]:5060
        INVITE sip:bob@[2001:db8::22] SIP/2.0
        Record-Route: <sip:{p1};r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP {p1}{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: families@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:alice@192.0.2.11>
    U2 udp:[2001:db8::22]:5060 -> P1 udp:[2001:db8::1]:5060
        SIP/2.0 200 OK
        Record-Route: <sip:{p1};r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP {p1}{port};branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: families@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@[2001:db8::22]>
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        SIP/2.0 200 OK
        Record-Route: <sip:{p1};r2=on;lr;ftag=a>
        Record-Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: families@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sip:bob@[2001:db8::22]>
    U1 udp:192.0.2.11:5060 -> P1 udp:192.0.2.1:5060
        ACK sip:bob@[2001:db8::22] SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Route: <sip:192.0.2.1;r2=on;lr;ftag=a>
        Route: <sip:{p1};r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: families@192.0.2.11
        CSeq: 1 ACK
    P1 udp:[2001:db8::1]:5060 -> U2 udp:[2001:db8::22]:5060
        ACK sip:bob@[2001:db8::22] SIP/2.0
        Via: SIP/2.0/UDP {p1}{port};branch=z9hG4bK-P1-ACK
        Via: SIP/2.0/UDP 192.0.2.11;branch=z9hG4bK-U1-ACK
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: families@192.0.2.11
        CSeq: 1 ACK
    U2 udp:[2001:db8::22]:5060 -> P1 udp:[2001:db8::1]:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/UDP [2001:db8::22];branch=z9hG4bK-U2-BYE
        Route: <sip:{p1};r2=on;lr;ftag=a>, <sip:192.0.2.1;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: families@192.0.2.11
        CSeq: 2 BYE
    P1 udp:192.0.2.1:5060 -> U1 udp:192.0.2.11:5060
        BYE sip:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/UDP 192.0.2.1{port};branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/UDP [2001:db8::22];branch=z9hG4bK-U2-BYE
        Max-Forwards: 69
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: families@192.0.2.11
        CSeq: 2 BYE
""")

SIPS = flow("""
    U1 tls:192.0.2.11:49152 -> P1 tls:192.0.2.1:5061
        INVITE sips:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/TLS 192.0.2.11;rport;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: sips@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sips:alice@192.0.2.11>
        Content-Length: 0
    P1 tls:198.51.100.1:5061 -> U2 tls:198.51.100.22:5061
        INVITE sips:bob@198.51.100.22 SIP/2.0
        Record-Route: <{scheme}:198.51.100.1:5061;transport=tls;r2=on;lr;ftag=a>
        Record-Route: <{scheme}:192.0.2.1:5061;transport=tls;r2=on;lr;ftag=a>
        Via: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/TLS 192.0.2.11;received=192.0.2.11;rport=49152;branch=z9hG4bK-U1-INVITE
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>
        Call-ID: sips@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sips:alice@192.0.2.11>
        Content-Length: 0
    U2 tls:198.51.100.22:5061 -> P1 tls:198.51.100.1:5061
        SIP/2.0 200 OK
        Record-Route: <{scheme}:198.51.100.1:5061;transport=tls;r2=on;lr;ftag=a>
        Record-Route: <{scheme}:192.0.2.1:5061;transport=tls;r2=on;lr;ftag=a>
        Via: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK-P1-INVITE
        Via: SIP/2.0/TLS 192.0.2.11;received=192.0.2.11;rport=49152;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: sips@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sips:bob@198.51.100.22>
        Content-Length: 0
    P1 tls:192.0.2.1:5061 -> U1 tls:192.0.2.11:49152
        SIP/2.0 200 OK
        Record-Route: <{scheme}:198.51.100.1:5061;transport=tls;r2=on;lr;ftag=a>
        Record-Route: <{scheme}:192.0.2.1:5061;transport=tls;r2=on;lr;ftag=a>
        Via: SIP/2.0/TLS 192.0.2.11;received=192.0.2.11;rport=49152;branch=z9hG4bK-U1-INVITE
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: sips@192.0.2.11
        CSeq: 1 INVITE
        Contact: <sips:bob@198.51.100.22>
        Content-Length: 0
    U1 tls:192.0.2.11:49152 -> P1 tls:192.0.2.1:5061
        ACK sips:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/TLS 192.0.2.11;rport;branch=z9hG4bK-U1-ACK
        Route: <{scheme}:192.0.2.1:5061;transport=tls;r2=on;lr;ftag=a>
        Route: <{scheme}:198.51.100.1:5061;transport=tls;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: sips@192.0.2.11
        CSeq: 1 ACK
        Content-Length: 0
    P1 tls:198.51.100.1:5061 -> U2 tls:198.51.100.22:5061
        ACK sips:bob@198.51.100.22 SIP/2.0
        Via: SIP/2.0/TLS 198.51.100.1:5061;branch=z9hG4bK-P1-ACK
        Via: SIP/2.0/TLS 192.0.2.11;received=192.0.2.11;rport=49152;branch=z9hG4bK-U1-ACK
        Max-Forwards: 69
        From: <sip:alice@example.com>;tag=a
        To: <sip:bob@example.com>;tag=b
        Call-ID: sips@192.0.2.11
        CSeq: 1 ACK
        Content-Length: 0
    U2 tls:198.51.100.22:5061 -> P1 tls:198.51.100.1:5061
        BYE sips:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/TLS 198.51.100.22;branch=z9hG4bK-U2-BYE
        Route: <{scheme}:198.51.100.1:5061;transport=tls;r2=on;lr;ftag=a>, <{scheme}:192.0.2.1:5061;transport=tls;r2=on;lr;ftag=a>
        Max-Forwards: 70
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: sips@192.0.2.11
        CSeq: 2 BYE
        Content-Length: 0
    P1 tls:192.0.2.1:5061 -> U1 tls:192.0.2.11:5061
        BYE sips:alice@192.0.2.11 SIP/2.0
        Via: SIP/2.0/TLS 192.0.2.1:5061;branch=z9hG4bK-P1-BYE
        Via: SIP/2.0/TLS 198.51.100.22;branch=z9hG4bK-U2-BYE
        Max-Forwards: 69
        From: <sip:bob@example.com>;tag=b
        To: <sip:alice@example.com>;tag=a
        Call-ID: sips@192.0.2.11
        CSeq: 2 BYE
        Content-Length: 0
""")


@pytest.mark.parametrize(("dialect", "p1", "port"), [("kamailio", "[2001:db8::1]", ""), ("opensips", "[2001:DB8:0:0:0:0:0:1]", ":5060")])
def test_ipv4_to_ipv6(dialect: str, p1: str, port: str) -> None:
    """Neither end could reach the face of the other family. OpenSIPS spells IPv6 addresses in full, and knows them again."""
    expected = FAMILIES.format(p1=p1, port=port)
    assert played(expected, P1=proxy(("udp:192.0.2.1:5060", "udp:[2001:db8::1]:5060"), dialect=dialect)) == expected


@pytest.mark.parametrize(("dialect", "scheme"), [("kamailio", "sips"), ("opensips", "sip")])
def test_sips(dialect: str, scheme: str) -> None:
    """Kamailio records ``sips`` URIs, as RFC 3261 16.6 has it for a ``sips`` Request-URI; OpenSIPS ``sip`` ones, which lead over TLS by
    their transport. Both know their own again."""
    expected = SIPS.format(scheme=scheme)
    assert played(expected, P1=proxy(("tls:192.0.2.1:5061", "tls:198.51.100.1:5061"), dialect=dialect)) == expected
