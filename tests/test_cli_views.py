"""The commands that only show: each message with its decision, and the addresses that are the proxy."""

import json
from pathlib import Path

import pytest

from scapy_rr import interfaces

from .capture.samples import VOICE, arriving, bye, frame, pcap
from .command import LISTEN, Command


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
