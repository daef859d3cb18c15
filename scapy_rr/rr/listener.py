"""A listening socket as the servers' configuration spells it: ``proto:host[:port] [as host[:port]] [name "NAME"]``."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from ..errors import ConfigError
from ..sip.uri import ipv6_address
from .dialect import OPENSIPS, Dialect

# The default port of each transport (RFC 3261 19.1.2, RFC 4168, RFC 7118), by the name it has in a URI.
DEFAULT_PORTS = {"udp": 5060, "tcp": 5060, "sctp": 5060, "tls": 5061, "ws": 80, "wss": 443}

_HOSTPORT = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)(?::([0-9]{1,5}))?"
_NAME = r'(?:\s+name\s+"([A-Za-z0-9_.\-]+)")?'
_LISTENER = re.compile(rf"\s*([A-Za-z]+):{_HOSTPORT}(?:\s+as\s+{_HOSTPORT})?{_NAME}\s*\Z")
_SHAPE = (
    "proto:address[:port], with ' as host:port' behind it for an advertised address, and ' name \"NAME\"' for a name; proto is one of "
    + ", ".join(DEFAULT_PORTS)
)


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket."""

    transport: str
    """``udp``, ``tcp``, ``tls``, ``sctp``, ``ws`` or ``wss``."""
    address: IPv4Address | IPv6Address
    port: int
    advertised_host: str = ""
    """The host it puts in its URIs in the place of the address, IPv6 in brackets; empty where there is none."""
    advertised_port: int = 0
    name: str = ""
    """The name that Kamailio's ``sockname_mode`` stamps."""
    packed: bytes = field(init=False, repr=False, compare=False)
    """The address as bytes."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "packed", self.address.packed)

    @classmethod
    def parse(cls, text: str) -> "Listener":
        """Read a listener from its spelling.

        :raises ConfigError: where the text is none, naming what is accepted.
        """
        match = _LISTENER.match(text)
        if not match:
            raise ConfigError(f"listener {text!r} is not {_SHAPE}")
        transport, host, port, advertised_host, advertised_port, name = match.groups("")
        transport = transport.lower()
        if transport not in DEFAULT_PORTS:
            raise ConfigError(f"listener {text!r}: unknown transport {transport!r}; it is not {_SHAPE}")
        try:
            address = ip_address(host.strip("[]"))
        except ValueError:
            raise ConfigError(f"listener {text!r}: {host!r} is no IP address (a name may stand behind 'as')") from None
        number = _port(text, port) if port else DEFAULT_PORTS[transport]
        if not advertised_host:
            return cls(transport, address, number, name=name)
        if advertised_host.startswith("["):
            advertised_address = ipv6_address(advertised_host.encode())
            if not advertised_address:
                raise ConfigError(f"listener {text!r}: {advertised_host} is no IPv6 address")
            advertised_host = f"[{advertised_address}]"
        # Without a port of its own an advertised address gets the real one: OpenSIPS' new_sock_info.
        return cls(transport, address, number, advertised_host, _port(text, advertised_port) if advertised_port else number, name)

    @property
    def host(self) -> str:
        """The host as a URI has it: advertised where it is, IPv6 in brackets."""
        return self.advertised_host or (str(self.address) if isinstance(self.address, IPv4Address) else f"[{self.address}]")

    def face(self, dialect: Dialect = OPENSIPS, outbound: bool = True) -> str:
        """``host[:port][;transport=...]`` as it stands in a Record-Route.

        :param outbound: whether it is that of the sending socket, not that of the socket of arrival.

        A port of 5060 is left out, where OpenSIPS' reader takes it for the default one of the transport. OpenSIPS itself leaves it out
        for TLS and WebSocket, too, and does not know the URI again: its reader takes 5061, 80 or 443 there.
        """
        host, port = self.host, self.advertised_port or self.port
        address = ipv6_address(host.encode()) if dialect.ipv6_in_full else None
        if address:
            host = ipv6_in_full(address)
        advertised = self.advertised_port and (outbound or dialect.inbound_default_port_written)
        if advertised or (dialect.transport_matters and port != DEFAULT_PORTS[self.transport]) or port != DEFAULT_PORTS["udp"]:
            host += f":{port}"
        return host if self.transport == "udp" else f"{host};transport={self.transport}"

    def __hash__(self) -> int:
        # Asked for every message; the address' own takes several times as long.
        return hash((self.packed, self.port, self.transport))

    def sent_by(self, dialect: Dialect = OPENSIPS) -> str:
        """``host[:port]`` as it stands in a Via (``via_builder``)."""
        host, port = self.host, self.advertised_port or self.port
        address = ipv6_address(host.encode()) if dialect.ipv6_in_full else None
        if address:
            host = ipv6_in_full(address)
        return f"{host}:{port}" if self.advertised_port or dialect.via_port_written or port != DEFAULT_PORTS["udp"] else host

    def __str__(self) -> str:
        """``udp:10.0.0.1:5060``: how the servers name the socket itself."""
        address = str(self.address) if isinstance(self.address, IPv4Address) else f"[{self.address}]"
        return f"{self.transport}:{address}:{self.port}"


def ipv6_in_full(address: IPv6Address) -> str:
    """An IPv6 address as OpenSIPS prints it, advertised ones too: all eight groups in capitals, none padded."""
    packed = address.packed
    return "[" + ":".join(f"{packed[i] << 8 | packed[i + 1]:X}" for i in range(0, 16, 2)) + "]"


def _port(text: str, digits: str) -> int:
    number = int(digits)
    if not 0 < number < 65536:
        raise ConfigError(f"listener {text!r}: port {number} is not between 1 and 65535")
    return number
