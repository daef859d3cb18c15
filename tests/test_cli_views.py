"""The commands that only show: each message with its decision, and the addresses that are the proxy."""

import json
from pathlib import Path

import pytest

from scapy_rr import interfaces
from scapy_rr.rr.departures import DEPARTURES
from scapy_rr.rr.dialect import differences

from .capture.samples import VOICE, arriving, bye, frame, pcap
from .command import LISTEN, ROOT, Command


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose addresses are known."""
    addresses = [("lo", "127.0.0.1"), ("eth0", "192.0.2.7"), ("eth0", "fe80::7%eth0"), ("eth0:1", "2001:db8::7")]
    monkeypatch.setattr(interfaces.Interfaces.__init__, "__defaults__", (lambda: addresses,))


def test_explain_tells_of_every_message(command: Command, source: Path) -> None:
    done = command("explain", source, *LISTEN, "--host", "example.com=10.0.0.77")
    assert (done.code, done.err) == (0, "")
    assert "#1 frame 2  BYE sip:bob@10.0.0.9:5060 SIP/2.0\n" in done.out
    assert "   udp:10.0.0.5:5060 -> udp:10.0.0.1:5060  Call-ID samples@10.0.0.5\n" in done.out
    assert "   routed loose to loose: from udp:10.0.0.1:5060 to udp:10.0.0.9:5060\n" in done.out
    assert "   - Route: <sip:10.0.0.1;lr>\n" in done.out
    assert "#2 frame 3  INVITE sip:bob@example.com SIP/2.0\n" in done.out
    assert "   + Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>\n" in done.out


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ((), [1, 2, 3]),
        (("--message", 2), [2]),
        (("--message", 9), []),
        (("--call-id", "samples@10.0.0.5"), [1, 2]),
        (("--call-id", "other"), [3]),
        (("--call-id", "none"), []),
        (("--call-id", "other", "--message", 1), []),
    ],
)
def test_explain_of_some_messages(command: Command, tmp_path: Path, options: tuple[object, ...], numbers: list[int]) -> None:
    other = frame(bye().replace(b"Call-ID: samples@10.0.0.5", b"i:  other "))
    (tmp_path / "in").write_bytes(pcap([arriving(1), arriving(2), VOICE, other]))
    done = command("explain", tmp_path / "in", *LISTEN, "--json", *options)
    assert done.code == 0
    told = json.loads(done.out)
    assert [one["number"] for one in told] == numbers
    assert all(one["changes"] == ["-Route: <sip:10.0.0.1;lr>"] and one["steps"] for one in told)


def test_explain_sends_nothing_to_the_terminal_but_text(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(bye().replace(b"Call-ID: ", b"Call-ID: \x1b[2J\x9b"))]))
    done = command("explain", tmp_path / "in", *LISTEN)
    assert "Call-ID \\x1b[2J\\x9bsamples@10.0.0.5" in done.out
    assert "\x1b" not in done.out


def test_addresses_as_a_table(command: Command) -> None:
    options = ("--listen", "udp:10.0.0.1:5060", "--listen", "tcp:127.0.0.1:5062 as sip.example.com:5070", "--domain", "example.com")
    done = command("addresses", *options)
    assert done.code == 0
    assert done.lines == [
        "what name advertised as interface",
        "listener udp:10.0.0.1:5060",
        "listener tcp:127.0.0.1:5062 sip.example.com:5070 lo",
        "domain example.com",
    ]


@pytest.mark.usefixtures("host")
def test_addresses_that_netifaces_finds(command: Command) -> None:
    rows = json.loads(command("addresses", "--json").out)
    assert [(row["name"], row["interface"]) for row in rows] == [
        (f"{transport}:{address}:5060", name)
        for name, address in (("lo", "127.0.0.1"), ("eth0", "192.0.2.7"), ("eth0:1", "[2001:db8::7]"))
        for transport in ("udp", "tcp")
    ]


@pytest.mark.parametrize(
    ("uri", "me", "rule"),
    [
        ("sip:10.0.0.1;lr", True, "address of udp:10.0.0.1:5060"),
        ("sip:a@10.0.0.1:5070", False, "address of udp:10.0.0.1:5060, but not its port"),
        ("sip:10.0.0.1;transport=tcp", False, "address of udp:10.0.0.1:5060, but not its transport"),
        ("sip:EXAMPLE.com:9", True, "domain example.com"),
        ("sip:example.org", False, "no listener, alias or domain has this host"),
    ],
)
def test_whether_a_uri_is_the_proxy(command: Command, uri: str, me: bool, rule: str) -> None:
    options = (*LISTEN, "--domain", "example.com", "--check", uri)
    assert command("addresses", *options).out == f"{uri} is {'me' if me else 'not me'}: {rule}\n"
    assert json.loads(command("addresses", *options, "--json").out) == {"uri": uri, "me": me, "rule": rule}


DIALECTS = ROOT / "pcaps" / "dialects.pcap"


def test_explain_against_the_other_dialect(command: Command) -> None:
    done = command("explain", DIALECTS, *LISTEN, "--dialect", "kamailio", "--against", "opensips")
    assert (done.code, done.err) == (0, "")
    assert done.lines[-1] == "5 of 6 SIP messages differ"
    assert "#1 " not in done.out
    assert done.lines[:6] == [
        "#2 frame 2 INFO sip:bob@10.0.0.9:5060 SIP/2.0",
        "kamailio routed loose to loose: from udp:10.0.0.1:5060 to udp:10.0.0.9:5060; loose_route() returned 1",
        "opensips left alone: no listener of the next hop's transport and family (nothing of ours can send to tcp:10.0.0.1:5060); "
        "loose_route() returned 1",
        "because: own Route or R-URI with a transport that nobody listens on, or sips",
        "kamailio me: host and port decide, and without a port it is 5060 whatever the transport",
        "opensips not me; without a port, the transport's default port",
    ]


def test_explain_against_as_json(command: Command) -> None:
    done = command("explain", DIALECTS, *LISTEN, "--against", "kamailio", "--json", "--message", 6)
    (told,) = json.loads(done.out)
    assert (told["number"], [side["dialect"] for side in told["sides"]]) == (6, ["opensips", "kamailio"])
    assert [cause["name"] for cause in told["causes"]] == ["upstream_ftag_of_to"]


def test_a_parameter_that_the_other_dialect_has_not_is_not_asked_of_it(command: Command) -> None:
    done = command("explain", DIALECTS, *LISTEN, "--dialect", "kamailio", "-p", "enable_full_lr=1", "--against", "opensips")
    assert (done.code, done.lines[-1]) == (0, "5 of 6 SIP messages differ")
    assert "- Record-Route: <sip:10.0.0.1;lr=on;ftag=a1ce7f3e>" in done.lines


@pytest.mark.parametrize(
    ("against", "reason"),
    [
        ("opensips", "--against opensips: that is the dialect itself; the others are kamailio"),
        ("x", "unknown dialect 'x'; those there are"),
    ],
)
def test_against_what_is_no_other_dialect(command: Command, against: str, reason: str) -> None:
    done = command("explain", DIALECTS, *LISTEN, "--against", against)
    assert (done.code, done.out) == (2, "")
    assert reason in done.err


def test_the_table_of_dialects(command: Command) -> None:
    done = command("dialects")
    assert (done.code, done.err) == (0, "")
    for line in differences():
        assert " ".join(line.situation.split()) in " ".join(done.lines)
    told = json.loads(command("dialects", "--json").out)
    assert told["differences"] == [line.as_dict() for line in differences()]
    assert told["differences"][4]["kamailio"] == "Routes removed, -3"
    assert [one["situation"] for one in told["departures"]] == [one.situation for one in DEPARTURES]
