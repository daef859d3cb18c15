"""Name servers asked, and what is remembered of their answers; the servers here answer by script."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError
from scapy_rr.proxy.locate import Locator, LookupFailed, Naptr, Srv
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.resolver import Resolver
from scapy_rr.rr.hop import Hop

from .peers.nameserver import LOOPBACK, ScriptedServer

SOA = "example.com. {ttl} IN SOA ns.example.com. admin.example.com. 1 3600 600 86400 {minimum}"


def answer(question: dns.message.Message, *records: str, rcode: str = "NOERROR", authority: str = "") -> bytes:
    """An answer with records as a zone file has them."""
    made = dns.message.make_response(question, recursion_available=True)
    made.set_rcode(dns.rcode.from_text(rcode))
    for section, lines in ((made.answer, records), (made.authority, (authority,) if authority else ())):
        for line in lines:
            name, ttl, klass, kind, rest = line.split(None, 4)
            section.append(dns.rrset.from_text(name, int(ttl), klass, kind, rest))
    return made.to_wire()


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as made:
        yield made


def resolver(server: ScriptedServer, clock: Clock | None = None, most: int = 100) -> Resolver:
    """A resolver that asks that server, and does not wait for long."""
    return Resolver([LOOPBACK], server.port, timeout=0.2, lifetime=0.3, most=most, clock=clock or time.monotonic)


def test_records(server: ScriptedServer) -> None:
    asked = resolver(server)
    server.answer = lambda question: answer(question, 'example.com. 60 IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.Example.com.')
    assert asked.naptr("example.com") == (Naptr(10, 20, "s", "SIP+D2U", "_sip._udp.Example.com"),)
    server.answer = lambda question: answer(question, '_sip._udp.example.com. 60 IN NAPTR 10 20 "u" "E2U+sip" "!.*!sip:a@b!" .')
    assert asked.naptr("_sip._udp.example.com")[0].replacement == "."
    server.answer = lambda question: answer(
        question, "_sip._udp.example.com. 60 IN SRV 1 2 5060 a.example.com.", "_sip._udp.example.com. 60 IN SRV 0 0 0 ."
    )
    assert asked.srv("_sip._udp.example.com") == (Srv(1, 2, 5060, "a.example.com"), Srv(0, 0, 0, "."))
    server.answer = lambda question: answer(question, "a.example.com. 60 IN A 192.0.2.1")
    assert asked.addresses("a.example.com", 4) == (IPv4Address("192.0.2.1"),)
    server.answer = lambda question: answer(question, "a.example.com. 60 IN AAAA 2001:db8::1")
    assert asked.addresses("a.example.com", 6) == (IPv6Address("2001:db8::1"),)


def test_an_alias_is_followed(server: ScriptedServer) -> None:
    server.answer = lambda question: answer(question, "a.example.com. 60 IN CNAME b.example.com.", "b.example.com. 60 IN A 192.0.2.1")
    assert resolver(server).addresses("a.example.com", 4) == (IPv4Address("192.0.2.1"),)


def test_an_answer_holds_as_long_as_it_says(server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: answer(
        question, "www.example.com. 300 IN CNAME example.com.", f"example.com. 30 IN A 192.0.2.{len(server.questions)}"
    )
    for passed, expected in ((0, "192.0.2.1"), (29.9, "192.0.2.1"), (0.2, "192.0.2.2"), (29, "192.0.2.2"), (3600, "192.0.2.3")):
        clock.now += passed
        assert asked.addresses("WWW.example.com", 4) == asked.addresses("www.Example.com", 4) == (IPv4Address(expected),)
    assert server.questions == ["WWW.example.com. A"] * 3


def test_an_answer_for_once_is_not_kept(server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: answer(question, "example.com. 0 IN A 192.0.2.1")
    assert asked.addresses("example.com", 4) == asked.addresses("example.com", 4) == (IPv4Address("192.0.2.1"),)
    assert len(server.questions) == 2


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
@pytest.mark.parametrize(
    ("authority", "holds"),
    [
        (SOA.format(ttl=60, minimum=20), 20),
        (SOA.format(ttl=20, minimum=60), 20),
        (SOA.format(ttl=99999, minimum=99999), 300),
    ],
)
def test_what_is_not_there_is_remembered_for_a_while(rcode: str, authority: str, holds: int, server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: answer(question, rcode=rcode, authority=authority)
    for passed, questions in ((0, 1), (holds - 0.1, 1), (0.2, 2)):
        clock.now += passed
        assert asked.srv("_sip._udp.example.com") == ()
        assert len(server.questions) == questions


@pytest.mark.parametrize("rcode", ["NOERROR", "NXDOMAIN"])
def test_what_is_not_there_without_a_time_is_remembered_for_minutes_at_most(rcode: str, server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: answer(question, rcode=rcode)
    assert asked.srv("example.com") == asked.srv("example.com") == ()
    assert len(server.questions) == 1
    clock.now += 301
    assert asked.srv("example.com") == ()
    assert len(server.questions) == 2


@pytest.mark.parametrize("rcode", ["SERVFAIL", "REFUSED", "YXDOMAIN"])
def test_a_server_that_fails(rcode: str, server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: answer(question, rcode=rcode)
    for _ in range(5):
        with pytest.raises(LookupFailed) as caught:
            asked.addresses("example.com", 6)
    begin, end = str(caught.value).split(": ")
    assert begin == "the name server does not answer for example.com (AAAA)"
    assert rcode == "YXDOMAIN" or end == f"127.0.0.1 port {server.port} says {rcode}"
    assert len(server.questions) == 1
    clock.now += 11
    server.answer = lambda question: answer(question, "example.com. 60 IN AAAA 2001:db8::1")
    assert asked.addresses("example.com", 6) == (IPv6Address("2001:db8::1"),)


def test_aliases_in_a_circle(server: ScriptedServer) -> None:
    asked = resolver(server)
    server.answer = lambda question: answer(
        question, "a.example.com. 60 IN CNAME b.example.com.", "b.example.com. 60 IN CNAME a.example.com."
    )
    for _ in range(2):
        with pytest.raises(LookupFailed, match=r"^a\.example\.com is an alias of itself \(A\)$"):
            asked.addresses("a.example.com", 4)
    assert len(server.questions) == 1


def test_a_dead_server_costs_its_time_once(server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    reason = rf"^the name server does not answer for example\.com \(A\): 127\.0\.0\.1 port {server.port} is silent$"
    start = time.monotonic()
    for _ in range(100):
        with pytest.raises(LookupFailed, match=reason):
            asked.addresses("example.com", 4)
    assert 0.25 < time.monotonic() - start < 5
    asked_once = len(server.questions)
    clock.now += 11
    with pytest.raises(LookupFailed):
        asked.addresses("example.com", 4)
    assert len(server.questions) > asked_once


def test_a_dead_server_is_not_asked_for_a_thousand_names(server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    start = time.monotonic()
    for number in range(1000):
        with pytest.raises(LookupFailed, match=rf"for name{number}\.example\.com \(SRV\)"):
            asked.srv(f"name{number}.example.com")
    assert time.monotonic() - start < 10
    assert {question.split(".")[0] for question in server.questions} == {"name0", "name1", "name2"}
    # It is asked again after a while, and trusted as soon as it answers.
    clock.now += 11
    server.answer = lambda question: answer(question, rcode="NXDOMAIN")
    assert [asked.srv(f"name{number}.example.com") for number in range(50)] == [()] * 50


def test_a_name_that_fails_alone_does_not_stop_others(server: ScriptedServer, clock: Clock) -> None:
    asked = resolver(server, clock)
    server.answer = lambda question: None if "dead" in str(question.question[0].name) else answer(question, rcode="SERVFAIL")
    for number in range(2):
        with pytest.raises(LookupFailed, match="silent"):
            asked.srv(f"dead{number}.example.com")
        with pytest.raises(LookupFailed, match="says SERVFAIL"):
            asked.srv(f"other{number}.example.com")
    with pytest.raises(LookupFailed, match="silent"):
        asked.srv("dead2.example.com")
    server.answer = lambda question: answer(question, "example.com. 60 IN A 192.0.2.1")
    assert asked.addresses("example.com", 4) == (IPv4Address("192.0.2.1"),)


def test_the_next_server_is_asked(server: ScriptedServer) -> None:
    with ScriptedServer() as other:
        server.answer = lambda question: answer(question, rcode="SERVFAIL")
        other.answer = lambda question: answer(question, "example.com. 60 IN A 192.0.2.1")
        asked = Resolver([f"{LOOPBACK}:{server.port}", LOOPBACK], other.port, timeout=0.2, lifetime=2)
        assert asked.addresses("example.com", 4) == (IPv4Address("192.0.2.1"),)
        assert len(server.questions) == 1


def test_a_server_that_refuses_tcp(server: ScriptedServer) -> None:
    """Who truncates an answer has to have it by TCP."""

    def truncated(question: dns.message.Message) -> bytes:
        made = dns.message.make_response(question)
        made.flags |= dns.flags.TC
        return made.to_wire()

    server.answer = truncated
    with pytest.raises(LookupFailed, match="refused"):
        resolver(server).srv("example.com")


def test_the_memory_is_bounded(server: ScriptedServer) -> None:
    asked = resolver(server, most=10)
    server.answer = lambda question: answer(question, f"{question.question[0].name} 60 IN A 192.0.2.1")
    for number in range(50):
        asked.addresses(f"name{number}.example.com", 4)
    assert len(asked._kept) == 10
    asked.addresses("name49.example.com", 4)
    assert len(server.questions) == 50
    asked.addresses("name1.example.com", 4)
    assert len(server.questions) == 51


def test_many_threads_may_ask(server: ScriptedServer) -> None:
    asked = Resolver([LOOPBACK], server.port, lifetime=20, most=5)
    server.answer = lambda question: answer(question, f"{question.question[0].name} 60 IN A 192.0.2.1")
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda number: asked.addresses(f"name{number % 20}.example.com", 4), range(200)))
    assert found == {(IPv4Address("192.0.2.1"),)}
    assert len(asked._kept) <= 5


@pytest.mark.parametrize("name", ["a..example.com", "a" * 64 + ".com", "a." * 127 + "com", "a\\999", "\ud800", "é" * 64])
def test_a_name_that_cannot_be(name: str, server: ScriptedServer) -> None:
    assert (resolver(server).srv(name), server.questions) == ((), [])


@given(changes=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3), cut=st.none() | st.integers(0, 150))
@settings(max_examples=50)
def test_any_answer_gives_records_or_our_error(changes: list[tuple[int, int]], cut: int | None) -> None:
    good = 'example.com. 60 IN NAPTR 10 20 "s" "SIP+D2U" "" _sip._udp.example.com.'

    def spoilt(question: dns.message.Message) -> bytes:
        made = bytearray(answer(question, good, good.replace("10", "11"), authority=SOA.format(ttl=1, minimum=1)))
        for place, value in changes:
            # Not the number of the question, without which it is no answer.
            made[2 + place % (len(made) - 2)] = value
        return bytes(made[:cut])

    with ScriptedServer(spoilt) as server:
        try:
            found = Resolver([LOOPBACK], server.port, timeout=0.02, lifetime=0.03).naptr("example.com")
        except LookupFailed as error:
            assert "example.com" in str(error)
        else:
            assert all(isinstance(record, Naptr) for record in found)


@pytest.mark.parametrize("text", ["ns1.example.com", "127.0.0.1:dns", "127.0.0.1:70000", ""])
def test_a_name_server_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^name server: "):
        Resolver([text])


def test_name_servers_of_either_version() -> None:
    asked = Resolver(["127.0.0.1", "127.0.0.2:5353", "::1", "[::1]:5354"], port=99)
    assert [str(server) for server in asked._stub.nameservers] == [
        "Do53:127.0.0.1@99",
        "Do53:127.0.0.2@5353",
        "Do53:::1@99",
        "Do53:::1@5354",
    ]


def test_a_name_server_of_ipv6() -> None:
    with pytest.raises(LookupFailed, match=r"::1 port 9 "):
        Resolver(["::1"], port=9, timeout=0.1, lifetime=0.1).srv("example.com")


@pytest.mark.parametrize(
    ("text", "expected"), [("nameserver 192.0.2.53\n", ["192.0.2.53"]), ("nameserver 192.0.2.53\nnameserver ::1\n", ["192.0.2.53", "::1"])]
)
def test_the_systems_name_servers(text: str, expected: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = configured(text, tmp_path, monkeypatch)
    assert asked._stub.nameservers == expected
    assert (asked._stub.timeout, asked._stub.lifetime) == (2, 5)


@pytest.mark.parametrize("text", ["search example.com\n", "nameserver nowhere\n", None])
def test_a_system_without_name_servers(text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="the system's configuration names no name server"):
        configured(text, tmp_path, monkeypatch)


def configured(text: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Resolver:
    """A resolver of a system with that resolv.conf."""
    path = folder / "resolv.conf"
    if text is not None:
        path.write_text(text)
    monkeypatch.setattr("dns.resolver.BaseResolver.__init__.__defaults__", (str(path), True))
    return Resolver()


def test_it_is_loaded_with_the_first_resolver() -> None:
    script = """
import sys, scapy_rr.resolver
assert "dns" not in sys.modules
scapy_rr.resolver.Resolver(["127.0.0.1"])
assert "dns.resolver" in sys.modules
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_the_locator_asks_it(server: ScriptedServer) -> None:
    server.answer = lambda question: {
        "NAPTR": answer(question, 'example.com. 60 IN NAPTR 1 1 "s" "SIP+D2U" "" _sip._udp.example.com.'),
        "SRV": answer(question, "_sip._udp.example.com. 60 IN SRV 1 1 5070 a.example.com."),
        "A": answer(question, "a.example.com. 60 IN A 192.0.2.1"),
    }[server.questions[-1].split()[1]]
    assert str(Locator(Hosts(), resolver(server)).locate(Hop.parse(b"sip:example.com"))) == "udp:192.0.2.1:5070"
