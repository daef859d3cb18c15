"""Listening sockets: how a configuration spells them, and what they put into a Record-Route."""

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.dialect import KAMAILIO, OPENSIPS, Dialect
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.identity import Identity
from scapy_rr.rr.listener import DEFAULT_PORTS, Listener
from scapy_rr.sip.via import Via

# As configured; how the servers name the socket; what stands in a Record-Route.
SPELLINGS = {
    "plain": ("udp:10.0.0.1:5060", "udp:10.0.0.1:5060", "10.0.0.1"),
    "without a port": ("udp:10.0.0.1", "udp:10.0.0.1:5060", "10.0.0.1"),
    "another port": ("udp:10.0.0.1:5070", "udp:10.0.0.1:5070", "10.0.0.1:5070"),
    "TCP says so": ("tcp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "10.0.0.1;transport=tcp"),
    "SCTP": ("sctp:10.0.0.1", "sctp:10.0.0.1:5060", "10.0.0.1;transport=sctp"),
    "TLS has a port of its own": ("tls:10.0.0.1", "tls:10.0.0.1:5061", "10.0.0.1:5061;transport=tls"),
    "WebSocket": ("ws:10.0.0.1", "ws:10.0.0.1:80", "10.0.0.1:80;transport=ws"),
    "secure WebSocket": ("wss:10.0.0.1", "wss:10.0.0.1:443", "10.0.0.1:443;transport=wss"),
    "in capitals, with blanks": ("  UDP:10.0.0.1:5060 ", "udp:10.0.0.1:5060", "10.0.0.1"),
    # record-socket-15: as OpenSIPS prints it.
    "IPv6": ("udp:[::1]:5060", "udp:[::1]:5060", "[0:0:0:0:0:0:0:1]"),
    "IPv6 in capitals": ("udp:[2001:db8::ab]", "udp:[2001:db8::ab]:5060", "[2001:DB8:0:0:0:0:0:AB]"),
    "an advertised address": ("udp:10.0.0.1:5060 as 203.0.113.7:5080", "udp:10.0.0.1:5060", "203.0.113.7:5080"),
    # record-advertised-15: an advertised port is written, 5060 or not; without one it is the socket's own.
    "an advertised port of 5060": ("udp:10.0.0.1:5070 as 203.0.113.7:5060", "udp:10.0.0.1:5070", "203.0.113.7:5060"),
    "an advertised name without a port": (
        "tcp:10.0.0.1:5090 as Sip.example.com",
        "tcp:10.0.0.1:5090",
        "Sip.example.com:5090;transport=tcp",
    ),
    "an advertised IPv6 address": ("udp:[::1]:5070 as [2001:db8::7]:5080", "udp:[::1]:5070", "[2001:DB8:0:0:0:0:0:7]:5080"),
}


@pytest.mark.parametrize(("text", "name", "face"), SPELLINGS.values(), ids=SPELLINGS)
def test_spelling(text: str, name: str, face: str) -> None:
    listener = Listener.parse(text)
    assert str(listener) == name
    assert listener.face() == face


@pytest.mark.parametrize("transport", DEFAULT_PORTS)
@pytest.mark.parametrize("port", [*DEFAULT_PORTS.values(), 5070])
def test_a_face_is_known_again(transport: str, port: int) -> None:
    """Whatever its port, a listener knows its own face: 5060 is left out only where a reader takes 5060 for the default.

    OpenSIPS leaves it out for TLS and WebSocket, too, and reads 5061, 80 or 443 when the Route comes back. No vector has such a socket.
    """
    identity = Identity([f"{transport}:10.0.0.1:{port}"])
    hop = Hop.parse(b"sip:" + identity.listeners[0].face().encode())
    assert identity.match(hop)
    assert identity.socket_of(hop) is identity.listeners[0]


FAULTS = {
    "nothing": ("", "is not proto:address"),
    "no transport": ("10.0.0.1:5060", "is not proto:address"),
    "an unknown transport": ("dccp:10.0.0.1:5060", "unknown transport 'dccp'"),
    "a name": ("udp:sip.example.com:5060", "is no IP address"),
    "an open bracket": ("udp:[::1:5060", "is not proto:address"),
    "IPv6 without brackets": ("udp:::1:5060", "is not proto:address"),
    "port 0": ("udp:10.0.0.1:0", "port 0 is not between 1 and 65535"),
    "a large port": ("udp:10.0.0.1:65536", "port 65536 is not between 1 and 65535"),
    "a large advertised port": ("udp:10.0.0.1 as h:99999", "port 99999 is not between 1 and 65535"),
    "no advertised address": ("udp:10.0.0.1 as ", "is not proto:address"),
    "brackets around no IPv6 address": ("udp:10.0.0.1 as [1:2]", r"\[1:2\] is no IPv6 address"),
    "an advertised name that would break out of a header": ("udp:10.0.0.1 as a>b", "is not proto:address"),
    "an advertised name with parameters": ("udp:10.0.0.1 as a;lr", "is not proto:address"),
}


@pytest.mark.parametrize(("text", "reason"), FAULTS.values(), ids=FAULTS)
def test_fault(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Listener.parse(text)


# As configured; what stands in a Via under OpenSIPS, which writes every port, and under Kamailio.
SENT_BY = {
    "the default port": ("udp:10.0.0.1:5060", "10.0.0.1:5060", "10.0.0.1"),
    "another port": ("udp:10.0.0.1:5070", "10.0.0.1:5070", "10.0.0.1:5070"),
    "the transport stands elsewhere": ("tcp:10.0.0.1:5060", "10.0.0.1:5060", "10.0.0.1"),
    "the default port of TLS": ("tls:10.0.0.1:5061", "10.0.0.1:5061", "10.0.0.1:5061"),
    "5060 for TLS": ("tls:10.0.0.1:5060", "10.0.0.1:5060", "10.0.0.1"),
    "an advertised address": ("udp:10.0.0.1:5060 as 203.0.113.7:5080", "203.0.113.7:5080", "203.0.113.7:5080"),
    "an advertised port of 5060": ("udp:10.0.0.1:5070 as sip.example.com:5060", "sip.example.com:5060", "sip.example.com:5060"),
    "an advertised name without a port": ("udp:10.0.0.1:5070 as Sip.example.com", "Sip.example.com:5070", "Sip.example.com:5070"),
    "IPv6": ("udp:[2001:db8::ab]:5060", "[2001:DB8:0:0:0:0:0:AB]:5060", "[2001:db8::ab]"),
    "an advertised IPv6 address": ("udp:[::1]:5070 as [2001:db8::7]:5080", "[2001:DB8:0:0:0:0:0:7]:5080", "[2001:db8::7]:5080"),
}


@pytest.mark.parametrize(("text", "opensips", "kamailio"), SENT_BY.values(), ids=SENT_BY)
def test_sent_by(text: str, opensips: str, kamailio: str) -> None:
    listener = Listener.parse(text)
    assert (listener.sent_by(), listener.sent_by(OPENSIPS), listener.sent_by(KAMAILIO)) == (opensips, opensips, kamailio)


@pytest.mark.parametrize("dialect", [OPENSIPS, KAMAILIO], ids=["opensips", "kamailio"])
@pytest.mark.parametrize("text", [text for text, *_ in SENT_BY.values() if not text.startswith("tls:10.0.0.1:5060")])
def test_a_sent_by_is_known_again(text: str, dialect: Dialect) -> None:
    """A response shows what we put into the Via of its request."""
    identity = Identity([text], dialect=dialect)
    (listener,) = identity.listeners
    data = f"SIP/2.0/{listener.transport} {listener.sent_by(dialect)}".encode()
    via = Via.parse(data, 0, len(data))
    assert identity.sent_by(via.transport, via.host, via.port) is listener
