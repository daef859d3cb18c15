"""Where a URI sends: the address, port and transport of the next hop (:rfc:`3263`, as far as it goes without DNS)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from ..errors import ConfigError
from ..rr.hop import Hop

# Bounded by number and by the size of a key, as hosts come from whoever sends.
_MOST_REMEMBERED = 1024
_LONGEST_REMEMBERED = 256


# Remembered and read for every message: the fields of a named tuple take several times as long to read.
@dataclass(frozen=True, slots=True)
class NextHop:
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
        self._table = {name.lower().rstrip("."): read_endpoint(f"host {name}", text) for name, text in (table or {}).items()}
        # Next hops come again and again; a name without an address is remembered as such, too.
        self._resolve = lru_cache(_MOST_REMEMBERED)(self._find)

    def resolve(self, hop: Hop) -> NextHop | None:
        """The next hop that a URI names; ``None`` for a name that is not in the table."""
        # As at() has it: one call less, for every request.
        host, port = hop.host, hop.port
        find = self._resolve if len(host) < _LONGEST_REMEMBERED else self._find
        return find(host, hop.transport, port if hop.written_port else 0, port)

    def at(self, host: bytes, transport: str, written_port: int, default_port: int) -> NextHop | None:
        """The next hop at a host, an address or a name in the table; ``None`` for any other.

        :param written_port: the port that is asked for, 0 where none is.
        :param default_port: the one to take where neither the asker nor the table has one.
        """
        find = self._resolve if len(host) < _LONGEST_REMEMBERED else self._find
        return find(host, transport, written_port, default_port)

    def _find(self, host: bytes, transport: str, written_port: int, default_port: int) -> NextHop | None:
        text = host.decode("latin-1")
        try:
            address, port = ip_address(text.strip("[]")), written_port or default_port
        except ValueError:
            found = self._table.get(text.lower().rstrip("."))
            if not found:
                return None
            address, port = found[0], written_port or found[1] or default_port
        return NextHop(transport, address, port, address.packed)


def read_endpoint(what: str, text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """Read ``address`` or ``address:port`` (IPv6 in brackets where a port follows).

    :param what: whose it is, for the error.
    :returns: the address and the port, 0 where none is written.
    :raises ConfigError: where it is none.
    """
    address, separator, port = text.rpartition(":")
    if not separator or (":" in address and not address.endswith("]")) or text.endswith("]"):
        address, port = text, ""
    try:
        found, number = ip_address(address.strip("[]")), int(port or 0)
        if number < 0:
            raise ValueError
    except ValueError:
        raise ConfigError(f"{what}: {text!r} is not an address, or address:port") from None
    if number > 65535:
        raise ConfigError(f"{what}: port {number} is above 65535")
    return found, number
