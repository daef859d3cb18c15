"""Who we are: which URIs are ours, by which rule, and which socket they name."""

from ipaddress import ip_address

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.domains import Domain
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.identity import Identity
from scapy_rr.rr.listener import Listener

IDENTITY = Identity(
    ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070", "udp:[2001:db8::1]:5060", "tls:10.0.0.3 as Edge.example.com:5081"],
    ["example.com", "example.org:5070"],
)

# RFC 3261 16.4 and what loose-own-… recorded: transport, port and host must all be ours.
MATCHES = {
    b"sip:10.0.0.1": "me: address of udp:10.0.0.1:5060",
    b"sip:10.0.0.1:5060;transport=tcp;lr": "me: address of tcp:10.0.0.1:5060",
    b"sip:user@10.0.0.2:5070": "me: address of udp:10.0.0.2:5070",
    b"sip:[2001:DB8:0:0::1]": "me: address of udp:[2001:db8::1]:5060",
    b"sips:10.0.0.3": "me: address of tls:10.0.0.3:5061",
    b"sip:EDGE.example.com:5081;transport=tls": "me: advertised address of tls:10.0.0.3:5061",
    b"sips:edge.example.com": "me: advertised address of tls:10.0.0.3:5061",
    b"sip:10.0.0.3:5081;transport=tls": "me: address of tls:10.0.0.3:5061",
    b"sip:Example.com:5099;transport=tcp": "me: domain example.com",
    b"sip:example.org:5070": "me: domain example.org:5070",
    b"sip:elsewhere.net;maddr=10.0.0.1": "me: address of udp:10.0.0.1:5060",
    b"tel:+15551234": "me: empty host, like the advertised name of udp:10.0.0.1:5060",
    b"sip:10.0.0.1:5070": "not me: address of udp:10.0.0.1:5060, but not its port",
    b"sip:10.0.0.2": "not me: address of udp:10.0.0.2:5070, but not its port",
    b"sip:10.0.0.2:5070;transport=tcp": "not me: address of udp:10.0.0.2:5070, but not its transport",
    b"sips:10.0.0.1": "not me: address of udp:10.0.0.1:5060, but not its transport",
    b"sip:10.0.0.1;transport=xyz": "not me: address of udp:10.0.0.1:5060, but not its transport",
    b"sip:10.0.0.1;maddr=10.0.0.9": "not me: no listener, alias or domain has this host",
    b"sip:example.org": "not me: no listener, alias or domain has this host",
    b"sip:sub.example.com": "not me: no listener, alias or domain has this host",
    b"sip:10.0.0.9": "not me: no listener, alias or domain has this host",
}


@pytest.mark.parametrize(("uri", "answer"), MATCHES.items())
def test_match(uri: bytes, answer: str) -> None:
    match = IDENTITY.match(Hop.parse(uri))
    assert str(match) == answer
    assert bool(match) is answer.startswith("me")
    # Asked again, the answer comes from the cache.
    assert IDENTITY.match(Hop.parse(uri)) is match


# set_sip_defaults and grep_sock_info: UDP where no transport is named, 5061 only for a named TLS, the host and not maddr.
SOCKETS = {
    b"sip:10.0.0.1": "udp:10.0.0.1:5060",
    b"sip:10.0.0.1;transport=tcp": "tcp:10.0.0.1:5060",
    b"sip:10.0.0.2:5070;r2=on": "udp:10.0.0.2:5070",
    b"sip:10.0.0.3;transport=tls": "tls:10.0.0.3:5061",
    b"sip:edge.example.com;transport=tls": "tls:10.0.0.3:5061",
    b"sips:10.0.0.3": None,
    b"sip:example.com": None,
    b"sip:elsewhere.net;maddr=10.0.0.1": None,
    b"sip:10.0.0.1;maddr=elsewhere.net": "udp:10.0.0.1:5060",
}


@pytest.mark.parametrize(("uri", "socket"), SOCKETS.items())
def test_socket_of(uri: bytes, socket: str | None) -> None:
    found = IDENTITY.socket_of(Hop.parse(uri))
    assert (None if found is None else str(found)) == socket


def test_the_first_listener_wins() -> None:
    """As in the servers' list: of two sockets that answer to one URI, the one configured first."""
    identity = Identity(["udp:10.0.0.1:5060 as 10.0.0.1:5070", "udp:10.0.0.1:5070"])
    assert identity.match(Hop.parse(b"sip:10.0.0.1:5070")).listener is identity.listeners[0]


@pytest.mark.parametrize(
    ("name", "socket"), [("tcp:10.0.0.1:5060", 1), ("TCP:10.0.0.1", 1), ("udp:[2001:db8:0::1]:5060", 3), ("tls:10.0.0.3", 4)]
)
def test_listener_by_name(name: str, socket: int) -> None:
    assert IDENTITY.listener(name) is IDENTITY.listeners[socket]


@pytest.mark.parametrize("name", ["udp:10.0.0.9:5060", "udp:10.0.0.1:5070", "tcp:10.0.0.2:5070"])
def test_listener_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match=r"is none of the listeners: udp:10\.0\.0\.1:5060, tcp:"):
        IDENTITY.listener(name)


def test_listener_at() -> None:
    assert IDENTITY.listener_at("udp", bytes([10, 0, 0, 2]), 5070) is IDENTITY.listeners[2]
    assert IDENTITY.listener_at("tcp", bytes([10, 0, 0, 2]), 5070) is None


def test_wildcards_stand_for_every_address_of_their_family() -> None:
    addresses = [ip_address("10.0.0.1"), ip_address("192.0.2.1"), ip_address("2001:db8::1")]
    identity = Identity(["udp:0.0.0.0:5060 as sip.example.com", "tcp:[::]:5070", "udp:10.0.0.1"], interface_addresses=addresses)
    assert [str(one) for one in identity.listeners] == [
        "udp:10.0.0.1:5060",
        "udp:192.0.2.1:5060",
        "tcp:[2001:db8::1]:5070",
        "udp:10.0.0.1:5060",
    ]
    assert [one.face() for one in identity.listeners[:2]] == ["sip.example.com:5060"] * 2


def test_wildcard_without_an_address() -> None:
    with pytest.raises(ConfigError, match="is a wildcard, and no interface has an IPv6 address"):
        Identity(["udp:[::]:5060"], interface_addresses=[ip_address("10.0.0.1")])


def test_no_listener() -> None:
    with pytest.raises(ConfigError, match="no listener is given"):
        Identity([])


def test_the_same_listener_twice_is_one() -> None:
    assert Identity(["udp:10.0.0.1", Listener.parse("udp:10.0.0.1:5060")]).listeners == (Listener.parse("udp:10.0.0.1"),)


def test_domains_of_text_are_as_given() -> None:
    assert IDENTITY.domains == (Domain(b"example.com"), Domain(b"example.org", 5070))


def test_a_faulty_domain() -> None:
    with pytest.raises(ConfigError, match="domain 'exa mple' is not"):
        Identity(["udp:10.0.0.1"], ["exa mple"])


def test_whoever_sends_cannot_fill_the_memory() -> None:
    """Answers are remembered for hosts that anybody may send: so few of them, and none that is long."""
    identity = Identity(["udp:10.0.0.1"])
    for number in range(5000):
        assert not identity.match(Hop.parse(b"sip:host%d" % number))
    long = Hop.parse(b"sip:" + b"h" * 300)
    assert not identity.match(long)
    assert identity.match(long) is not identity.match(long)
    assert identity.match(Hop.parse(b"sip:10.0.0.1"))
    assert len(identity._cache) < 5000


# Transport, host and port of a Via; the listener that put it there.
SENT_BY = {
    "address and port": ("udp", b"10.0.0.1", 5060, "udp:10.0.0.1:5060"),
    "no port: the default one": ("udp", b"10.0.0.1", None, "udp:10.0.0.1:5060"),
    "port 0 is none": ("udp", b"10.0.0.1", 0, "udp:10.0.0.1:5060"),
    "the other transport": ("tcp", b"10.0.0.1", None, "tcp:10.0.0.1:5060"),
    "no port, and the listener's is another": ("udp", b"10.0.0.2", None, None),
    "another port": ("udp", b"10.0.0.1", 5070, None),
    "another transport": ("tls", b"10.0.0.1", 5060, None),
    "no transport of any server": ("xyz", b"10.0.0.1", None, None),
    "another address": ("udp", b"10.0.0.9", 5060, None),
    "IPv6, written in another way": ("udp", b"[2001:DB8:0:0::1]", None, "udp:[2001:db8::1]:5060"),
    "an advertised name": ("tls", b"EDGE.example.com", 5081, "tls:10.0.0.3:5061"),
    "an advertised name, by the listener's own port": ("tls", b"edge.example.com", None, "tls:10.0.0.3:5061"),
    "the address of one that is advertised": ("tls", b"10.0.0.3", 5061, "tls:10.0.0.3:5061"),
    "a domain is no listener": ("udp", b"example.com", 5060, None),
}


@pytest.mark.parametrize(("transport", "host", "port", "socket"), SENT_BY.values(), ids=SENT_BY)
def test_sent_by(transport: str, host: bytes, port: int | None, socket: str | None) -> None:
    found = IDENTITY.sent_by(transport, host, port)
    assert (None if found is None else str(found)) == socket
