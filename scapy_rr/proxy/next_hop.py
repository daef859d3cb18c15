"""Where a URI sends: the address, port and transport of the next hop (:rfc:`3263`, as far as it goes without DNS)."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from ..errors import ConfigError
from ..rr.hop import Hop

_MOST_REMEMBERED = 1024


class NextHop(NamedTuple):
    """The other end of what is sent."""

    transport: str
    address: IPv4Address | IPv6Address
    port: int
    packed: bytes
    """The address as bytes."""

    def __str__(self) -> str:
        address = str(self.address) if self.address.version == 4 else f"[{self.address}]"
        return f"{self.transport}:{address}:{self.port}"


class Hosts:
    """A static table from names to addresses, as ``/etc/hosts`` with ports.

    :param table: names, and for each ``address`` or ``address:port`` (IPv6 in brackets where a port follows).
    :raises ConfigError: for an address that is none.
    """

    def __init__(self, table: Mapping[str, str] | None = None) -> None:
        self._table = {name.lower().rstrip("."): _read(name, text) for name, text in (table or {}).items()}
        # Next hops come again and again; a name without an address is remembered as such, too.
        self._resolve = lru_cache(_MOST_REMEMBERED)(self._find)

    def resolve(self, hop: Hop) -> NextHop | None:
        """The next hop that a URI names; ``None`` for a name that is not in the table."""
        return self._resolve(hop.host, hop.transport, hop.port if hop.written_port else 0, hop.port)

    def _find(self, host: bytes, transport: str, written_port: int, default_port: int) -> NextHop | None:
        text = host.decode("latin-1")
        try:
            address, port = ip_address(text.strip("[]")), default_port
        except ValueError:
            found = self._table.get(text.lower().rstrip("."))
            if not found:
                return None
            address, port = found[0], written_port or found[1] or default_port
        return NextHop(transport, address, port, address.packed)


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
