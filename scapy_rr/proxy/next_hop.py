"""Where a URI sends: the address, port and transport of the next hop (:rfc:`3263`, as far as it goes without DNS)."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from ..errors import ConfigError, SipParseError
from ..rr.hop import Hop


class NextHop(NamedTuple):
    """The other end of what is sent."""

    transport: str
    address: IPv4Address | IPv6Address
    port: int

    def __str__(self) -> str:
        address = str(self.address) if self.address.version == 4 else f"[{self.address}]"
        return f"{self.transport}:{address}:{self.port}"


class Unresolved(SipParseError):
    """A host for which no address is known."""


class Hosts:
    """A static table from names to addresses, as ``/etc/hosts`` with ports.

    :param table: names, and for each ``address`` or ``address:port`` (IPv6 in brackets where a port follows).
    :raises ConfigError: for an address that is none.
    """

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        self._table = {name.lower().rstrip("."): _read(name, text) for name, text in (table or {}).items()}

    def resolve(self, uri: bytes) -> NextHop:
        """The next hop that a URI names.

        :raises Unresolved: for a name that is not in the table.
        :raises SipParseError: where the servers' cores would not parse the URI.
        """
        hop = Hop.parse(uri)
        text = hop.host.decode("latin-1")
        try:
            return NextHop(hop.transport, ip_address(text.strip("[]")), hop.port)
        except ValueError:
            found = self._table.get(text.lower().rstrip("."))
        if found is None:
            raise Unresolved(f"no address is known for {text or uri.decode('latin-1')}")
        address, port = found
        return NextHop(hop.transport, address, hop.uri.port or port or hop.port)


def _read(name: str, text: str) -> tuple[IPv4Address | IPv6Address, int]:
    address, separator, port = text.rpartition(":")
    if not separator or (":" in address and not address.endswith("]")) or text.endswith("]"):
        address, port = text, ""
    try:
        found, number = ip_address(address.strip("[]")), int(port or 0)
    except ValueError:
        raise ConfigError(f"host {name}: {text!r} is not an address, or address:port") from None
    if number > 65535:
        raise ConfigError(f"host {name}: port {number} is above 65535")
    return found, number
