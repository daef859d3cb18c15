"""The next hops of names (:rfc:`3263`), with a dictionary in the place of the DNS."""

import random
from collections import Counter
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest

from scapy_rr.errors import ScapyRRError
from scapy_rr.proxy.locate import Locator, LookupFailed, Naptr, NotLocated, Srv
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.rr.hop import Hop

ALL = ("udp", "tcp", "tls", "sctp", "ws", "wss")
KEYS = [f"z9hG4bK{number}".encode() for number in range(4000)]


class Zone:
    """Records by name. ``questions`` has those that were asked."""

    def __init__(self, text: str) -> None:
        self.records: dict[tuple[str, str], list[tuple[str, ...]]] = {}
        self.questions: list[str] = []
        for line in filter(None, map(str.strip, text.splitlines())):
            name, kind, *values = line.split()
            self.records.setdefault((name, kind), []).append(tuple(values))

    def _ask(self, name: str, kind: str) -> list[tuple[str, ...]]:
        self.questions.append(f"{name} {kind}")
        found = self.records.get((name, kind), [])
        if ("fails",) in found:
            raise LookupFailed(f"the name server does not answer for {name} ({kind}): SERVFAIL")
        return found

    def naptr(self, name: str) -> Sequence[Naptr]:
        return [Naptr(int(order), int(preference), *rest) for order, preference, *rest in self._ask(name, "NAPTR")]

    def srv(self, name: str) -> Sequence[Srv]:
        return [Srv(int(priority), int(weight), int(port), target) for priority, weight, port, target in self._ask(name, "SRV")]

    def addresses(self, name: str, version: int) -> Sequence[IPv4Address] | Sequence[IPv6Address]:
        if version == 4:
            return [IPv4Address(text) for (text,) in self._ask(name, "A")]
        return [IPv6Address(text) for (text,) in self._ask(name, "AAAA")]


ZONE = """
    example.com               NAPTR 50 50 s SIPS+D2T _sips._tcp.example.com
    example.com               NAPTR 90 50 S sip+d2t  _sip._tcp.example.com
    example.com               NAPTR 100 50 s SIP+D2U _sip._udp.example.com
    example.com               NAPTR 10 50 u E2U+sip  .
    example.com               NAPTR 20 50 s SIP+D2X  _sip._x.example.com
    example.com               NAPTR 20 50 a SIP+D2U  a.example.com
    example.com               NAPTR 20 50 s SIP+D2U  .
    _sips._tcp.example.com    SRV 10 1 5061 one.example.com
    _sip._tcp.example.com     SRV 10 1 5070 one.example.com
    _sip._udp.example.com     SRV 20 1 5080 two.example.com
    _sip._udp.example.com     SRV 10 1 5081 one.example.com
    one.example.com           A 192.0.2.1
    one.example.com           AAAA 2001:db8::1
    two.example.com           A 192.0.2.2
    six.example.com           AAAA 2001:db8::6
    example.com               A 192.0.2.9

    order.example.org         NAPTR 1 20 s SIP+D2U _sip._udp.order.example.org
    order.example.org         NAPTR 1 10 s SIP+D2T _sip._tcp.order.example.org
    _sip._udp.order.example.org SRV 1 1 5060 one.example.com
    _sip._tcp.order.example.org SRV 1 1 5060 one.example.com

    srv.example.org           A 192.0.2.9
    _sip._tcp.srv.example.org SRV 1 1 5070 one.example.com
    _sips._tcp.srv.example.org SRV 1 1 5071 one.example.com
    _sip._sctp.srv.example.org SRV 1 1 5072 one.example.com

    bare.example.org          A 192.0.2.10
    xn--bcher-kva.example     A 192.0.2.11
    _odd.example.org          A 192.0.2.12
    web.example.org           NAPTR 1 1 s SIP+D2W  _ws.web.example.org
    web.example.org           NAPTR 2 1 s SIPS+D2W _wss.web.example.org
    _ws.web.example.org       SRV 1 1 8080 one.example.com
    _wss.web.example.org      SRV 1 1 8443 one.example.com
    web.example.org           A 192.0.2.13
    plain.example.org         NAPTR 1 1 s SIP+D2T _sip._tcp.plain.example.org
    plain.example.org         A 192.0.2.14

    closed.example.org        A 192.0.2.15
    _sip._udp.closed.example.org SRV 0 0 0 .
    half.example.org          A 192.0.2.16
    _sip._udp.half.example.org SRV 0 0 0 .
    _sip._tcp.half.example.org SRV 0 0 5090 one.example.com

    spare.example.org         A 192.0.2.17
    _sip._udp.spare.example.org SRV 1 1 5060 gone.example.com
    _sip._udp.spare.example.org SRV 2 1 5060 broken.example.com
    _sip._udp.spare.example.org SRV 3 1 5062 two.example.com
    _sip._udp.lost.example.org SRV 1 1 5060 gone.example.com
    _sip._udp.lost.example.org SRV 1 1 5060 gone.example.com
    broken.example.com        A fails
    broken.example.org        NAPTR fails
    srvless.example.org       A 192.0.2.18
    _sip._udp.srvless.example.org SRV fails
    late.example.org          A 192.0.2.19
    _sip._udp.late.example.org SRV fails
    _sip._tcp.late.example.org SRV 1 1 5060 one.example.com
    _sip._udp.hosted.example.org SRV 1 1 5077 gw.example.net
"""
HOSTS = Hosts({"gw.example.net": "10.0.0.7:5080", "pinned.example.com": "10.0.0.8"})


def locator(transports: Sequence[str] = ALL, versions: Sequence[int] = (4, 6)) -> Locator:
    """One that asks the zone above."""
    return Locator(HOSTS, Zone(ZONE), transports, versions)


@pytest.mark.parametrize(
    ("transports", "uri", "expected"),
    [
        # An address, and a static host.
        ("udp", "sip:10.0.0.9", "udp:10.0.0.9:5060"),
        ("udp", "sip:[2001:db8::9];transport=tcp", "tcp:[2001:db8::9]:5060"),
        ("udp", "sip:gw.example.net", "udp:10.0.0.7:5080"),
        ("udp", "sip:pinned.example.com", "udp:10.0.0.8:5060"),
        ("udp", "sip:example.com;maddr=10.0.0.7", "udp:10.0.0.7:5060"),
        # NAPTR: order, then preference, of what we have; a sips URI takes sips alone, a sip one may.
        ("udp tcp tls", "sip:example.com", "tls:192.0.2.1:5061"),
        ("udp tcp", "sip:EXAMPLE.com.", "tcp:192.0.2.1:5070"),
        ("udp", "sip:bob@example.com", "udp:192.0.2.1:5081"),
        ("udp tcp tls", "sips:example.com", "tls:192.0.2.1:5061"),
        ("udp", "sip:p.example.net;maddr=example.com", "udp:192.0.2.1:5081"),
        ("udp tcp", "sip:order.example.org", "tcp:192.0.2.1:5060"),
        ("udp ws wss", "sip:web.example.org", "ws:192.0.2.1:8080"),
        ("udp ws wss", "sips:web.example.org", "wss:192.0.2.1:8443"),
        ("udp tcp", "sip:plain.example.org", "tcp:192.0.2.14:5060"),
        # No NAPTR: SRV for what we have.
        ("udp tcp tls sctp", "sip:srv.example.org", "tcp:192.0.2.1:5070"),
        ("udp tls sctp", "sip:srv.example.org", "sctp:192.0.2.1:5072"),
        ("udp tls", "sip:srv.example.org", "tls:192.0.2.1:5071"),
        ("udp tcp tls", "sips:srv.example.org", "tls:192.0.2.1:5071"),
        ("udp", "sip:srv.example.org", "udp:192.0.2.9:5060"),
        ("udp tls", "sips:plain.example.org", "tls:192.0.2.14:5061"),
        # Neither.
        ("udp tcp tls", "sip:bare.example.org", "udp:192.0.2.10:5060"),
        ("udp tcp tls", "sips:bare.example.org", "tls:192.0.2.10:5061"),
        ("udp", "sip:xn--bcher-kva.example", "udp:192.0.2.11:5060"),
        ("udp", "sip:_odd.example.org", "udp:192.0.2.12:5060"),
        ("udp", "sip:six.example.com", "udp:[2001:db8::6]:5060"),
        # A transport: SRV for it alone.
        ("udp tcp tls", "sip:example.com;transport=udp", "udp:192.0.2.1:5081"),
        ("udp tcp tls", "sip:example.com;transport=tls", "tls:192.0.2.1:5061"),
        ("udp tcp tls", "sip:bare.example.org;transport=tcp", "tcp:192.0.2.10:5060"),
        ("udp ws", "sip:web.example.org;transport=ws", "ws:192.0.2.13:80"),
        # A port: addresses alone.
        ("udp tcp tls", "sip:example.com:5099", "udp:192.0.2.9:5099"),
        ("udp tcp tls", "sip:example.com:5099;transport=tcp", "tcp:192.0.2.9:5099"),
        ("udp tcp tls", "sips:example.com:5099", "tls:192.0.2.9:5099"),
        # TLS over what a sips URI names.
        ("tcp tls", "sips:example.com;transport=tcp", "tls:192.0.2.1:5061"),
        ("tcp tls", "sips:bare.example.org:5099;transport=TCP", "tls:192.0.2.10:5099"),
        ("tcp tls", "sips:10.0.0.9;transport=tcp", "tls:10.0.0.9:5061"),
        ("wss", "sips:web.example.org;transport=ws", "wss:192.0.2.13:443"),
        # A service that is not there, and servers without an address.
        ("udp tcp", "sip:half.example.org", "tcp:192.0.2.1:5090"),
        ("udp", "sip:spare.example.org", "udp:192.0.2.2:5062"),
        ("udp tcp", "sip:late.example.org", "tcp:192.0.2.1:5060"),
        ("udp", "sip:hosted.example.org", "udp:10.0.0.7:5077"),
    ],
)
def test_locate(transports: str, uri: str, expected: str) -> None:
    assert str(locator(transports.split()).locate(Hop.parse(uri.encode()))) == expected


@pytest.mark.parametrize(
    ("transports", "uri", "reason"),
    [
        ("udp", "sip:nowhere.example.org", "no address is known for nowhere.example.org"),
        ("udp", "tel:+15551234", "no address is known for a URI without a host"),
        ("udp", "sip:256.0.0.1", "no address is known for 256.0.0.1"),
        ("udp", "sip:a..example.org", "no address is known for a..example.org"),
        ("udp", "sip:-a.example.org", "no address is known for -a.example.org"),
        ("udp", "sip:b\xe4cker.example", "no address is known for b\xe4cker.example"),
        ("udp", "sip:" + "a" * 64 + ".org", f"no address is known for {'a' * 64}.org"),
        ("udp", "sip:" + "a." * 126 + "org", f"no address is known for {'a.' * 126}org"),
        ("ws", "sip:example.com", "example.com is reached over tls and tcp and udp only, and no listener is"),
        ("udp", "sips:example.com", "example.com is reached over tls only, and no listener is"),
        ("udp tcp", "sips:bare.example.org", "bare.example.org is reached over tls only, and no listener is"),
        ("tcp", "sip:bare.example.org", "bare.example.org is reached over udp only, and no listener is"),
        ("udp", "sip:example.com;transport=tcp", "example.com is reached over tcp only, and no listener is"),
        ("tcp", "sip:example.com:5070", "example.com is reached over udp only, and no listener is"),
        ("udp", "sip:example.com;transport=foo;x", "example.com is reached over a transport that is unknown"),
        ("udp tls", "sips:example.com;transport=udp", "a sips URI goes over tls or wss, not udp"),
        ("udp tls", "sips:10.0.0.9;transport=sctp", "a sips URI goes over tls or wss, not sctp"),
        ("udp", "sip:closed.example.org", "_sip._udp.closed.example.org says that there is no such server"),
        ("udp", "sip:half.example.org", "_sip._udp.half.example.org says that there is no such server"),
        ("udp", "sip:lost.example.org", "no address is known for gone.example.com, which _sip._udp.lost.example.org names"),
        ("udp", "sip:broken.example.org", "the name server does not answer for broken.example.org (NAPTR): SERVFAIL"),
        ("udp", "sip:broken.example.com", "the name server does not answer for broken.example.com (A): SERVFAIL"),
        # Not to its address: who knows what the SRV records say.
        ("udp", "sip:srvless.example.org", "the name server does not answer for _sip._udp.srvless.example.org (SRV): SERVFAIL"),
    ],
)
def test_why_nothing_is_located(transports: str, uri: str, reason: str) -> None:
    with pytest.raises(NotLocated) as caught:
        locator(transports.split()).locate(Hop.parse(uri.encode("latin-1")))
    assert str(caught.value) == reason


def test_a_failure_is_told_from_what_is_not_there() -> None:
    assert issubclass(NotLocated, ScapyRRError)
    with pytest.raises(LookupFailed):
        locator().locate(Hop.parse(b"sip:broken.example.org"))
    with pytest.raises(NotLocated) as caught:
        locator().locate(Hop.parse(b"sip:nowhere.example.org"))
    assert not isinstance(caught.value, LookupFailed)


@pytest.mark.parametrize("uri", [b"sip:example.com", b"sips:example.com;transport=tcp", b"sip:example.com:5070;transport=foo;x"])
def test_without_a_lookup_the_table_is_all_there_is(uri: bytes) -> None:
    assert str(Locator(HOSTS).locate(Hop.parse(b"sip:gw.example.net"))) == "udp:10.0.0.7:5080"
    with pytest.raises(NotLocated, match=r"^no address is known for example\.com$"):
        Locator(HOSTS).locate(Hop.parse(uri))


@pytest.mark.parametrize(
    ("versions", "expected"),
    [((4, 6), "192.0.2.1"), ((6, 4), "192.0.2.1"), ((4,), "192.0.2.1"), ((6,), "[2001:db8::1]")],
)
def test_versions(versions: Sequence[int], expected: str) -> None:
    assert str(locator(["udp"], versions).locate(Hop.parse(b"sip:example.com"))) == f"udp:{expected}:5081"


def test_a_name_of_another_version_only() -> None:
    with pytest.raises(NotLocated, match=r"^no IPv4 address is known for six\.example\.com$"):
        locator(["udp"], [4]).locate(Hop.parse(b"sip:six.example.com"))


@pytest.mark.parametrize(
    ("transport", "host", "port", "expected"),
    [
        ("udp", "10.0.0.9", None, "udp:10.0.0.9:5060"),
        ("tls", "[2001:db8::9]", None, "tls:[2001:db8::9]:5061"),
        ("udp", "10.0.0.9", 5070, "udp:10.0.0.9:5070"),
        ("udp", "gw.example.net", None, "udp:10.0.0.7:5080"),
        ("udp", "gw.example.net", 5070, "udp:10.0.0.7:5070"),
        ("udp", "Example.COM", None, "udp:192.0.2.1:5081"),
        ("tls", "example.com", None, "tls:192.0.2.1:5061"),
        ("udp", "example.com", 5099, "udp:192.0.2.9:5099"),
        ("tcp", "bare.example.org", None, "tcp:192.0.2.10:5060"),
    ],
)
def test_locate_sent_by(transport: str, host: str, port: int | None, expected: str) -> None:
    assert str(locator().locate_sent_by(transport, host.encode(), port)) == expected


@pytest.mark.parametrize(
    ("transport", "host", "reason"),
    [
        ("udp", "nowhere.example.org", "no address is known for nowhere.example.org"),
        ("tls", "example.com", "example.com is reached over tls only, and no listener is"),
        ("quic", "example.com", "example.com is reached over a transport that is unknown"),
    ],
)
def test_why_no_response_is_located(transport: str, host: str, reason: str) -> None:
    with pytest.raises(NotLocated, match=f"^{reason}$"):
        locator(["udp"]).locate_sent_by(transport, host.encode(), None)


@pytest.mark.parametrize(
    ("uri", "questions"),
    [
        ("sip:10.0.0.9", []),
        ("sip:gw.example.net:5070;transport=tcp", []),
        ("sip:Example.com.:5070", ["example.com A"]),
        ("sip:six.example.com:5070", ["six.example.com A", "six.example.com AAAA"]),
        ("sip:example.com;transport=udp", ["_sip._udp.example.com SRV", "one.example.com A"]),
        ("sip:example.com", ["example.com NAPTR", "_sips._tcp.example.com SRV", "one.example.com A"]),
        (
            "sip:bare.example.org",
            [
                "bare.example.org NAPTR",
                *(f"_sip._{transport}.bare.example.org SRV" for transport in ("udp", "tcp", "sctp")),
                "_sips._tcp.bare.example.org SRV",
                "bare.example.org A",
            ],
        ),
    ],
)
def test_no_more_is_asked_than_needed(uri: str, questions: list[str]) -> None:
    zone = Zone(ZONE)
    Locator(HOSTS, zone, ALL).locate(Hop.parse(uri.encode()))
    assert zone.questions == questions


def test_a_zone_cannot_make_us_ask_without_end() -> None:
    lines = [f"example.com NAPTR {number} 1 s SIP+D2U _sip{number}.example.com" for number in range(50)]
    lines += [f"_sip{number}.example.com SRV 1 1 5060 gone{other}.example.com" for number in range(50) for other in range(50)]
    zone = Zone("\n".join(lines))
    with pytest.raises(NotLocated, match="gone"):
        Locator(HOSTS, zone, versions=[4]).locate(Hop.parse(b"sip:example.com"))
    assert len(zone.questions) == 1 + 8 + 8 * 8


WEIGHTED = """
    _sip._udp.example.com SRV 1 10 5060 a.example.com
    _sip._udp.example.com SRV 1 30 5060 b.example.com
    _sip._udp.example.com SRV 1 60 5060 c.example.com
    _sip._udp.example.com SRV 1 0  5060 d.example.com
    _sip._udp.example.com SRV 2 99 5060 e.example.com
    _sip._udp.equal.example.com SRV 1 0 5060 a.example.com
    _sip._udp.equal.example.com SRV 1 0 5060 b.example.com
    _sip._udp.many.example.com SRV 1 1 5060 many.example.com
    _sip._udp.many.example.com SRV 1 1 5061 many.example.com
    a.example.com A 192.0.2.1
    b.example.com A 192.0.2.2
    c.example.com A 192.0.2.3
    d.example.com A 192.0.2.4
    e.example.com A 192.0.2.5
    many.example.com A 192.0.2.10
    many.example.com A 192.0.2.9
"""


class Shuffled(Zone):
    """A zone whose answers come in any order."""

    def _ask(self, name: str, kind: str) -> list[tuple[str, ...]]:
        found = super()._ask(name, kind)
        return random.sample(found, len(found))


def shares(uri: bytes) -> dict[str, float]:
    """How often each address and port is chosen."""
    where = Locator(HOSTS, Zone(WEIGHTED))
    counted = Counter(str(where.locate(Hop.parse(uri), key)) for key in KEYS)
    return {hop.removeprefix("udp:192.0.2."): number / len(KEYS) for hop, number in counted.items()}


@pytest.mark.parametrize("uri", [b"sip:example.com", b"sip:equal.example.com", b"sip:many.example.com", b"sip:many.example.com:5060"])
def test_a_key_chooses_the_same_in_any_order(uri: bytes) -> None:
    one, other = Locator(HOSTS, Shuffled(WEIGHTED)), Locator(HOSTS, Shuffled(WEIGHTED))
    chosen = [one.locate(Hop.parse(uri), key) for key in KEYS[:200]]
    assert chosen == [other.locate(Hop.parse(uri), key) for key in KEYS[:200]]
    assert one.locate(Hop.parse(uri)) == other.locate(Hop.parse(uri))
    assert len(set(chosen)) > 1


def test_the_choice_of_a_key_is_of_all_time() -> None:
    """So that two proxies of two versions agree on a transaction."""
    where = Locator(HOSTS, Zone(WEIGHTED))
    chosen = [str(where.locate(Hop.parse(b"sip:example.com"), key).address)[-1] for key in KEYS[:10]]
    assert "".join(chosen) == "3333333233"


def test_weights() -> None:
    """In proportion (:rfc:`2782`), and a weight of 0 next to never."""
    found = shares(b"sip:example.com")
    assert found == {
        "1:5060": pytest.approx(0.1, abs=0.02),
        "2:5060": pytest.approx(0.3, abs=0.03),
        "3:5060": pytest.approx(0.6, abs=0.03),
    } | ({"4:5060": pytest.approx(0, abs=0.01)} if "4:5060" in found else {})


def test_weights_of_0_alone_are_equal() -> None:
    assert shares(b"sip:equal.example.com") == {"1:5060": pytest.approx(0.5, abs=0.03), "2:5060": pytest.approx(0.5, abs=0.03)}


def test_server_and_address_are_drawn_apart() -> None:
    """One draw for both would leave half of the pairs out."""
    quarter = pytest.approx(0.25, abs=0.03)
    assert shares(b"sip:many.example.com") == {"9:5060": quarter, "9:5061": quarter, "10:5060": quarter, "10:5061": quarter}


def test_every_server_comes_in_its_turn() -> None:
    """The next one by priority and weight where those before have no address."""
    for missing, rest in (("abd", "c"), ("abc", "d"), ("abcd", "e")):
        zone = Zone("\n".join(line for line in WEIGHTED.splitlines() if line.strip()[:1] not in missing or " SRV " in line))
        servers = {str(Locator(HOSTS, zone).locate(Hop.parse(b"sip:example.com"), key).address) for key in KEYS[:50]}
        assert servers == {f"192.0.2.{'abcde'.index(rest) + 1}"}


def test_what_cannot_be_a_name_is_not_asked_for() -> None:
    zone = Zone(ZONE)
    for uri in (b"sip:256.0.0.1", b"sip:a..example.org", b"tel:+15551234", b"sips:example.com;transport=udp"):
        with pytest.raises(NotLocated):
            Locator(HOSTS, zone, ALL).locate(Hop.parse(uri))
    assert zone.questions == []


def test_the_same_literal_is_the_same_object() -> None:
    """It is read once."""
    where, hop = locator(), Hop.parse(b"sip:10.0.0.9:5070")
    assert where.locate(hop, KEYS[0]) is where.locate(hop, KEYS[1])
