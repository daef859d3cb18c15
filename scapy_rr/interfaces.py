"""The addresses of this machine, as listening sockets. The only module that asks netifaces."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from .errors import ConfigError
from .rr.listener import Listener


class InterfaceAddress(NamedTuple):
    """One address of one interface."""

    interface: str
    """The interface's name, an alias' included (``eth0:1``)."""
    address: IPv4Address | IPv6Address
    """A link-local IPv6 address carries its scope."""

    @property
    def is_scoped(self) -> bool:
        """Whether the address means something on this link alone, so that a URI cannot name it."""
        return isinstance(self.address, IPv6Address) and self.address.scope_id is not None


AddressSource = Callable[[], Iterable[tuple[str, str]]]
"""Gives (interface name, address) pairs; a scope stands behind a ``%``."""


def ask_netifaces() -> list[tuple[str, str]]:
    """Every IPv4 and IPv6 address that netifaces finds, interface by interface."""
    import netifaces

    return [
        (name, str(entry["addr"]))
        for name in netifaces.interfaces()
        for family in (netifaces.AF_INET, netifaces.AF_INET6)
        for entry in netifaces.ifaddresses(name).get(family, ())
        if "addr" in entry
    ]


class Interfaces:
    """What a source of addresses said when it was last asked.

    :param source: where the addresses come from; netifaces if nobody says.
    """

    def __init__(self, source: AddressSource = ask_netifaces) -> None:
        self._source = source
        self.addresses: tuple[InterfaceAddress, ...] = ()
        self.refresh()

    def refresh(self) -> bool:
        """Ask again; whether anything changed."""
        found = tuple(InterfaceAddress(name, ip_address(text)) for name, text in self._source())
        changed = found != self.addresses
        self.addresses = found
        return changed

    def of(self, names: Iterable[str] = ()) -> tuple[InterfaceAddress, ...]:
        """The addresses of the interfaces named, or of all.

        :raises ConfigError: for an interface that is not there, naming those that are.
        """
        wanted = list(names)
        known = list(dict.fromkeys(entry.interface for entry in self.addresses))
        for name in wanted:
            if name not in known:
                raise ConfigError(f"no interface {name!r}; those there are: {', '.join(known)}")
        return tuple(entry for entry in self.addresses if not wanted or entry.interface in wanted)

    def listeners(self, names: Iterable[str] = (), transports: Iterable[str] = ("udp", "tcp"), port: int = 5060) -> list[Listener]:
        """A listener for every address and transport, as the servers make them from an interface; scoped addresses are left out."""
        found = [Listener(transport, entry.address, port) for entry in self.of(names) if not entry.is_scoped for transport in transports]
        if not found:
            raise ConfigError("no interface has an address to listen on")
        return list(dict.fromkeys(found))
