"""Addresses become listeners; where they come from can be said, and is netifaces if nobody says."""

from ipaddress import ip_address

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.interfaces import InterfaceAddress, Interfaces, ask_netifaces

HOST = [
    ("lo", "127.0.0.1"),
    ("lo", "::1"),
    ("eth0", "10.0.0.1"),
    ("eth0", "2001:db8::1"),
    ("eth0", "fe80::1%eth0"),
    ("eth0:1", "10.0.0.2"),
    ("eth1", "10.0.0.1"),
]


class Source:
    """A host whose addresses a test sets."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = list(pairs)

    def __call__(self) -> list[tuple[str, str]]:
        return self.pairs


def interfaces() -> Interfaces:
    return Interfaces(Source(*HOST))


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        ((), ["127.0.0.1", "::1", "10.0.0.1", "2001:db8::1", "fe80::1%eth0", "10.0.0.2", "10.0.0.1"]),
        (("eth0",), ["10.0.0.1", "2001:db8::1", "fe80::1%eth0"]),
        # An alias is an interface of its own.
        (("eth0:1",), ["10.0.0.2"]),
        # In the order of the host, however they are named.
        (("eth1", "lo"), ["127.0.0.1", "::1", "10.0.0.1"]),
    ],
)
def test_addresses_of_interfaces(names: tuple[str, ...], wanted: list[str]) -> None:
    assert [str(entry.address) for entry in interfaces().of(names)] == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (("eth0",), ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:[2001:db8::1]:5060", "tcp:[2001:db8::1]:5060"]),
        # One socket for an address that two interfaces have.
        (("eth0:1", "eth1"), ["udp:10.0.0.2:5060", "tcp:10.0.0.2:5060", "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"]),
    ],
)
def test_listeners_of_interfaces(names: tuple[str, ...], wanted: list[str]) -> None:
    """A link-local address is left out: a URI cannot say on which link."""
    assert [str(one) for one in interfaces().listeners(names)] == wanted


def test_all_interfaces_and_other_sockets() -> None:
    found = [str(one) for one in interfaces().listeners(transports=("tls",), port=5061)]
    assert found == ["tls:127.0.0.1:5061", "tls:[::1]:5061", "tls:10.0.0.1:5061", "tls:[2001:db8::1]:5061", "tls:10.0.0.2:5061"]


@pytest.mark.parametrize(("address", "scoped"), [("fe80::1%eth0", True), ("fe80::1", False), ("::1", False), ("169.254.1.1", False)])
def test_which_addresses_mean_something_on_one_link_alone(address: str, scoped: bool) -> None:
    assert InterfaceAddress("eth0", ip_address(address)).is_scoped == scoped


@pytest.mark.parametrize("names", [("eth7",), ("lo", "eth7"), ("",)])
def test_an_unknown_interface_is_named_with_those_there_are(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=f"no interface '{names[-1]}'; those there are: lo, eth0, eth0:1, eth1"):
        interfaces().listeners(names)


@pytest.mark.parametrize("pairs", [(), (("eth0", "fe80::1%eth0"),)])
def test_a_host_without_an_address_to_listen_on(pairs: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(ConfigError, match="no interface has an address to listen on"):
        Interfaces(Source(*pairs)).listeners()


def test_addresses_are_those_of_the_last_refresh() -> None:
    source = Source(("eth0", "10.0.0.1"))
    known = Interfaces(source)
    source.pairs.append(("eth0", "10.0.0.9"))
    assert len(known.of()) == 1
    assert known.refresh()
    assert [str(entry.address) for entry in known.of()] == ["10.0.0.1", "10.0.0.9"]
    assert not known.refresh()
    source.pairs.clear()
    assert known.refresh()
    assert known.addresses == ()


def test_netifaces_knows_this_host() -> None:
    """Every host has its loopback interface."""
    found = ask_netifaces()
    assert any(address == "127.0.0.1" for _, address in found)
    assert {name for name, _ in found} == {entry.interface for entry in Interfaces().of()}
    assert "udp:127.0.0.1:5060" in [str(one) for one in Interfaces().listeners()]
