"""Next hops found through a real name server: an nsd on the loopback, with zones of ours."""

import socket
import time
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from scapy_rr.proxy.locate import Locator, LookupFailed, Naptr, NotLocated, Srv
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.resolver import Resolver
from scapy_rr.rr.hop import Hop

from ..conftest import need
from .nameserver import LOOPBACK, NameServer, NameServerError

ZONE = """
@                 NAPTR 20 10 "s" "SIP+D2U"  "" _sip._udp
@                 NAPTR 10 20 "s" "SIP+D2T"  "" _sip._tcp
@                 NAPTR 10 10 "s" "SIPS+D2T" "" _sips._tcp
@                 NAPTR 1  1  "u" "E2U+sip"  "!^.*$!sip:info@example.test!" .
@                 A     192.0.2.99
_sips._tcp        SRV   1 1 5061 one
_sip._tcp         SRV   1 1 5070 one
_sip._udp         SRV   10 10 5081 one
_sip._udp         SRV   10 30 5082 two
_sip._udp         SRV   10 60 5083 three
_sip._udp         SRV   20 99 5084 four
one               A     192.0.2.1
two               A     192.0.2.2
three             A     192.0.2.3
four              A     192.0.2.4
six               AAAA  2001:db8::6
both              A     192.0.2.7
both              AAAA  2001:db8::7
many              A     192.0.2.8
many              A     192.0.2.9
alias             CNAME one
alias-of-alias    CNAME alias
circle            CNAME circle2
circle2           CNAME circle
_sip._udp.spare   SRV   1 1 5060 gone
_sip._udp.spare   SRV   2 1 5060 circle
_sip._udp.spare   SRV   3 1 5062 alias
_sip._udp.closed  SRV   0 0 0 .
closed            A     192.0.2.10
_sip._udp.large   SRV   9 1 5060 one
""" + "".join(f"_sip._udp.large SRV {number} 1 5060 a-server-with-quite-a-long-name-{number}\n" for number in range(10, 90))
CHANGING = "short 1 A 192.0.2.{0}\nlong 3600 A 192.0.2.{0}\n"
KEYS = [f"z9hG4bK{number}".encode() for number in range(1000)]


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    """The installed nsd."""
    need("nsd")
    with NameServer({"example.test": ZONE, "changing.test": CHANGING.format(1)}) as made:
        yield made


@pytest.fixture(scope="module")
def resolver(server: NameServer) -> Resolver:
    return Resolver([LOOPBACK], server.port)


@pytest.fixture
def dead() -> Iterator[int]:
    """A port where nobody answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((LOOPBACK, 0))
        yield bound.getsockname()[1]


def test_records(resolver: Resolver) -> None:
    assert set(resolver.naptr("example.test")) == {
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.example.test"),
        Naptr(10, 20, "s", "SIP+D2T", "_sip._tcp.example.test"),
        Naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.example.test"),
        Naptr(1, 1, "u", "E2U+sip", "."),
    }
    assert Srv(20, 99, 5084, "four.example.test") in resolver.srv("_sip._udp.example.test")
    assert resolver.srv("_sip._udp.closed.example.test") == (Srv(0, 0, 0, "."),)
    assert resolver.addresses("both.example.test", 4) == (IPv4Address("192.0.2.7"),)
    assert resolver.addresses("both.example.test", 6) == (IPv6Address("2001:db8::7"),)
    assert resolver.addresses("alias-of-alias.example.test", 4) == (IPv4Address("192.0.2.1"),)
    # A name without such records, and no name.
    assert resolver.srv("one.example.test") == resolver.srv("nowhere.example.test") == ()
    assert resolver.addresses("alias.example.test", 6) == ()


def test_an_answer_too_large_for_a_datagram(resolver: Resolver) -> None:
    assert len(resolver.srv("_sip._udp.large.example.test")) == 81


@pytest.mark.parametrize(
    ("transports", "uri", "expected"),
    [
        ("udp tcp tls", "sip:example.test", "tls:192.0.2.1:5061"),
        ("udp tcp", "sip:example.test", "tcp:192.0.2.1:5070"),
        ("udp tcp", "sip:Alias-of-Alias.Example.TEST.", "udp:192.0.2.1:5060"),
        ("udp", "sip:example.test:5099", "udp:192.0.2.99:5099"),
        ("udp tcp", "sip:example.test;transport=tcp", "tcp:192.0.2.1:5070"),
        ("udp", "sip:six.example.test", "udp:[2001:db8::6]:5060"),
        ("udp", "sip:both.example.test", "udp:192.0.2.7:5060"),
        ("udp", "sip:spare.example.test", "udp:192.0.2.1:5062"),
        ("udp", "sip:large.example.test", "udp:192.0.2.1:5060"),
    ],
)
def test_locate(transports: str, uri: str, expected: str, resolver: Resolver) -> None:
    assert str(Locator(Hosts(), resolver, transports.split()).locate(Hop.parse(uri.encode()))) == expected


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:nowhere.example.test", r"no address is known for nowhere\.example\.test$"),
        ("sip:circle.example.test:5060", r"circle\.example\.test is an alias of itself \(A\)$"),
        ("sip:closed.example.test", r"_sip\._udp\.closed\.example\.test says that there is no such server$"),
        ("sips:example.test", r"example\.test is reached over tls only, and no listener is$"),
        ("sip:elsewhere.test", r"the name server does not answer for elsewhere\.test \(NAPTR\): 127\.0\.0\.1 port \d+ says REFUSED$"),
    ],
)
def test_why_nothing_is_located(uri: str, reason: str, resolver: Resolver) -> None:
    with pytest.raises(NotLocated, match=f"^{reason}"):
        Locator(Hosts(), resolver).locate(Hop.parse(uri.encode()))


def test_weights(resolver: Resolver) -> None:
    locator = Locator(Hosts(), resolver)
    counted = Counter(str(locator.locate(Hop.parse(b"sip:example.test"), key)) for key in KEYS)
    assert {hop: number / len(KEYS) for hop, number in counted.items()} == {
        "udp:192.0.2.1:5081": pytest.approx(0.1, abs=0.05),
        "udp:192.0.2.2:5082": pytest.approx(0.3, abs=0.05),
        "udp:192.0.2.3:5083": pytest.approx(0.6, abs=0.05),
    }


@pytest.mark.parametrize("uri", [b"sip:example.test", b"sip:many.example.test"])
def test_a_key_chooses_the_same_of_every_answer(uri: bytes, server: NameServer) -> None:
    """A resolver that has asked anew, as another process has, whatever order the server gave this time."""
    one, other = (Locator(Hosts(), Resolver([LOOPBACK], server.port)) for _ in range(2))
    chosen = [one.locate(Hop.parse(uri), key) for key in KEYS[:100]]
    assert chosen == [other.locate(Hop.parse(uri), key) for key in KEYS[:100]]
    assert len(set(chosen)) > 1


def test_what_changes_in_the_zone_is_seen_once_its_time_is_over(server: NameServer) -> None:
    now = 0.0
    resolver = Resolver([LOOPBACK], server.port, clock=lambda: now)

    def seen() -> list[str]:
        return [str(resolver.addresses(f"{name}.changing.test", 4)[0]) for name in ("short", "long")]

    assert seen() == ["192.0.2.1", "192.0.2.1"]
    server.change("changing.test", CHANGING.format(2))
    assert seen() == ["192.0.2.1", "192.0.2.1"]
    now = 1.1
    assert seen() == ["192.0.2.2", "192.0.2.1"]
    now = 3601
    assert seen() == ["192.0.2.2", "192.0.2.2"]


def test_a_dead_server_is_given_up_in_time(dead: int) -> None:
    resolver = Resolver([LOOPBACK], dead, timeout=0.2, lifetime=0.5)
    start = time.monotonic()
    with pytest.raises(LookupFailed, match=rf"example\.test \(NAPTR\): 127\.0\.0\.1 port {dead} is silent"):
        Locator(Hosts(), resolver).locate(Hop.parse(b"sip:example.test"))
    took = time.monotonic() - start
    assert 0.4 < took < 5
    for _ in range(1000):
        with pytest.raises(LookupFailed):
            resolver.naptr("example.test")
    assert time.monotonic() - start < took + 2


def test_the_server_behind_a_dead_one_is_asked(dead: int, server: NameServer) -> None:
    resolver = Resolver([f"{LOOPBACK}:{dead}", f"{LOOPBACK}:{server.port}"], timeout=0.2, lifetime=5)
    start = time.monotonic()
    assert resolver.addresses("one.example.test", 4) == (IPv4Address("192.0.2.1"),)
    assert 0.15 < time.monotonic() - start < 4


def test_a_zone_that_nsd_does_not_take() -> None:
    need("nsd")
    with pytest.raises(NameServerError, match=r"broken\.test"):
        NameServer({"broken.test": "www A somewhere\n"}, patience=2)
