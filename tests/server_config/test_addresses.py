"""Addresses and lists of them, and where a list ends."""

from pathlib import Path

import pytest

from scapy_rr.server_config.addresses import Address, read_address, read_addresses
from scapy_rr.server_config.cursor import NotUnderstood

from .test_cursor import cursor

TRANSPORTS = ("udp", "tcp", "tls", "sctp")

ADDRESSES = {
    "10.0.0.1": Address("", ("10.0.0.1",), 0, False),
    "10.0.0.1:5060": Address("", ("10.0.0.1",), 5060, False),
    "udp:10.0.0.1": Address("udp", ("10.0.0.1",), 0, False),
    "UDP : 10 . 0 . 0 . 1\n:\n5060": Address("udp", ("10.0.0.1",), 5060, False),
    "tcp:eth0:0x13c4": Address("tcp", ("eth0",), 5060, False),
    "udp:eth0.100": Address("udp", ("eth0.100",), 0, False),
    "my-host.ex-ample.com": Address("", ("my-host.ex-ample.com",), 0, False),
    "1and1.example": Address("", ("1and1.example",), 0, False),
    '"10.0.0.1":5070': Address("", ("10.0.0.1",), 5070, True),
    'tls:"a.example"': Address("tls", ("a.example",), 0, True),
    "udp:[2001:db8::1]:5060": Address("udp", ("[2001:db8::1]",), 5060, False),
    "udp:2001:db8::1": Address("udp", ("[2001:db8::1]",), 0, False),
    "*:10.0.0.1:*": Address("", ("10.0.0.1",), 0, False),
    "any:a.example:any": Address("", ("a.example",), 0, False),
    "udp:*:5060": Address("udp", ("*",), 5060, False),
    "*": Address("", ("*",), 0, False),
    "udp:(10.0.0.1, 10.0.0.2):5060": Address("udp", ("10.0.0.1", "10.0.0.2"), 5060, False),
    "(a.example)": Address("", ("a.example",), 0, False),
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_one(tmp_path: Path, text: str) -> None:
    at = cursor(tmp_path, text)
    assert read_address(at, TRANSPORTS) == ADDRESSES[text]
    assert at.peek().text == ""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a host is expected at the end"),
        ("=", "a host is expected before '='"),
        ("$ru", "a host is expected before"),
        ("udp:", "a host is expected at the end"),
        ("a.b = 5", "a host is expected before 'a.b', which begins a statement"),
        ("[a]", "an IPv6 address is expected before 'a'"),
        ("[::1", "']' is expected at the end"),
        ("(a", r"'\)' is expected at the end"),
        ("(a,)", r"a host is expected before '\)'"),
        ("a:b", "a number is expected before 'b'"),
        ("ws:10.0.0.1:80", "no socket has the transport ws; those there are: udp, tcp, tls, sctp"),
    ],
)
def test_none(tmp_path: Path, text: str, reason: str) -> None:
    at = cursor(tmp_path, text)
    with pytest.raises(NotUnderstood, match=reason):
        read_address(at, TRANSPORTS)


# The list, and the token behind it.
LISTS = {
    "a.example": (["a.example"], ""),
    "a b.example tcp:c": (["a", "b.example", "c"], ""),
    "a.example\nb.example\n10.0.0.1": (["a.example", "b.example", "10.0.0.1"], ""),
    'a\n"b"\n[::1]\n::2\n(c, d)': (["a", "b", "[::1]", "[::2]", "c", "d"], ""),
    "a\n1and1.example": (["a", "1and1.example"], ""),
    "a\nudp:b": (["a", "b"], ""),
    "a\nb": (["a", "b"], ""),
    "a *:b\nc:5060\n*": (["a", "b", "c", "*"], ""),
    "a\nflags b": (["a"], "flags"),
    "a\nb.c = 5": (["a"], "b"),
    "a b=5": (["a"], "b"),
    "a\nroute[x] {": (["a"], "route"),
    "a\nfailure_route[x] {": (["a"], "failure_route"),
    "a\nrequest_route {": (["a"], "request_route"),
    "a modparam(": (["a"], "modparam"),
    'a loadmodule "x"': (["a"], "loadmodule"),
    "a advertise b": (["a"], "advertise"),
    "a;": (["a"], ";"),
}


@pytest.mark.parametrize("text", LISTS, ids=repr)
def test_lists(tmp_path: Path, text: str) -> None:
    at = cursor(tmp_path, text)
    found = [host for address in read_addresses(at, TRANSPORTS) for host in address.hosts]
    assert (found, at.peek().text) == LISTS[text]


def test_a_list_with_something_unknown(tmp_path: Path) -> None:
    with pytest.raises(NotUnderstood, match="depends on a define"):
        read_addresses(cursor(tmp_path, "a \0"), TRANSPORTS)
