"""The listener that a message leaves by (get_send_socket of both servers, as far as it goes without a routing table)."""

import pytest

from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.send_socket import choose
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.identity import Identity

LISTEN = (
    "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.1.1:5060", "udp:10.0.1.2:5070", "udp:192.0.2.1:5060", "tcp:192.0.2.1:5070",
    "udp:[2001:db8:1::1]:5060", "udp:[2001:db8:2::1]:5060", "tls:[2001:db8:1::1]:5061",
)  # fmt: skip


def chosen(target: str, arrived: str = LISTEN[0], forced: str | None = None, listen: tuple[str, ...] = LISTEN) -> str | None:
    """The listener for a next hop."""
    identity = Identity(listen)
    next_hop = Hosts().resolve(Hop.parse(f"sip:{target}".encode()))
    assert next_hop
    found = choose(identity, next_hop, identity.listener(forced) if forced else None, identity.listener(arrived))
    return str(found) if found else None


# Next hop, forced, chosen. What is forced is not asked about networks.

FORCED = {
    "it fits": ("10.0.0.9", "udp:192.0.2.1:5060", "udp:192.0.2.1:5060"),
    "its neighbour of the other transport": ("192.0.2.9;transport=tcp", "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"),
    "and back": ("192.0.2.9", "tcp:10.0.0.1:5060", "udp:10.0.0.1:5060"),
    "no neighbour, so the only one that fits": ("[2001:db8:2::9];transport=tls", "udp:[2001:db8:1::1]:5060", "tls:[2001:db8:1::1]:5061"),
    "no neighbour at its port": ("10.0.0.9;transport=tcp", "udp:192.0.2.1:5060", "tcp:10.0.0.1:5060"),
    "no neighbour at its address": ("10.0.0.9;transport=tcp", "udp:10.0.1.1:5060", "tcp:10.0.0.1:5060"),
    "the other family": ("[2001:db8:2::9]", "udp:192.0.2.1:5060", "udp:[2001:db8:2::1]:5060"),
    "the other family and transport": ("[2001:db8:2::9]", "tcp:10.0.0.1:5060", "udp:[2001:db8:2::1]:5060"),
}


@pytest.mark.parametrize(("target", "forced", "expected"), FORCED.values(), ids=FORCED)
def test_forced(target: str, forced: str, expected: str) -> None:
    assert chosen(target, forced=forced) == expected


# Next hop, socket of arrival, chosen.

FREE = {
    "the nearest network": ("192.0.2.9", "udp:10.0.0.1:5060", "udp:192.0.2.1:5060"),
    "the nearest of several within one net": ("10.0.1.9", "udp:10.0.0.1:5060", "udp:10.0.1.1:5060"),
    "a tie: the socket of arrival": ("10.0.1.9", "udp:10.0.1.2:5070", "udp:10.0.1.2:5070"),
    "a tie in a network: more bits in common do not count there": ("10.0.1.2", "udp:10.0.1.1:5060", "udp:10.0.1.1:5060"),
    "a tie of none: the socket of arrival": ("203.0.113.9", "udp:192.0.2.1:5060", "udp:192.0.2.1:5060"),
    "a tie of none: the first, where that of arrival does not fit": ("203.0.113.9", "tcp:192.0.2.1:5070", "udp:10.0.0.1:5060"),
    "as near as a network's first byte": ("10.200.3.4", "udp:192.0.2.1:5060", "udp:10.0.0.1:5060"),
    "less than a network in common is nothing": ("11.0.0.9", "udp:192.0.2.1:5060", "udp:192.0.2.1:5060"),
    "of the right transport": ("192.0.2.9;transport=tcp", "udp:10.0.0.1:5060", "tcp:192.0.2.1:5070"),
    "of the right family": ("[2001:db8:2::9]", "udp:10.0.0.1:5060", "udp:[2001:db8:2::1]:5060"),
    "IPv6, a tie": ("[2001:db9::9]", "udp:[2001:db8:2::1]:5060", "udp:[2001:db8:2::1]:5060"),
    "TLS": ("[2001:db8:9::9];transport=tls", "udp:10.0.0.1:5060", "tls:[2001:db8:1::1]:5061"),
    "none of that transport": ("10.0.0.9;transport=sctp", "udp:10.0.0.1:5060", None),
    "none of that transport and family": ("[2001:db8::9];transport=tcp", "udp:10.0.0.1:5060", None),
}


@pytest.mark.parametrize(("target", "arrived", "expected"), FREE.values(), ids=FREE)
def test_free(target: str, arrived: str, expected: str | None) -> None:
    assert chosen(target, arrived) == expected


@pytest.mark.parametrize(
    ("target", "expected"),
    [("203.0.113.9", "udp:10.0.0.1:5060"), ("203.0.113.9;transport=tcp", None), ("[2001:db8::9]", None)],
)
def test_the_only_one(target: str, expected: str | None) -> None:
    assert chosen(target, listen=("udp:10.0.0.1:5060",)) == expected
