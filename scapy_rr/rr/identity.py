"""Who we are: one object that recognises our URIs and stamps them, from listeners, aliases and domains.

What it stamps it recognises. The comparison is the servers' ``check_self``: transport, port, then host, listeners before aliases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from ..errors import ConfigError
from ..sip.text import read_number
from ..sip.uri import same_host
from .dialect import OPENSIPS, Dialect
from .domains import Domain, DomainSource
from .hop import Hop
from .listener import DEFAULT_PORTS, Listener

# A cache of answers, bounded by number and by the size of a key, as hosts come from whoever sends.
_CACHE_SIZE = 4096
_LONGEST_CACHED_HOST = 256


@dataclass(frozen=True, slots=True)
class Match:
    """The answer to "is this URI me?", and the rule that gave it. It is true where the URI is me."""

    me: bool
    rule: str
    """``address``, ``advertised``, ``domain`` or ``empty host``; for no, why."""
    listener: Listener | None = None

    def __bool__(self) -> bool:
        return self.me

    def __str__(self) -> str:
        return f"{'me' if self.me else 'not me'}: {self.rule}"


# The transport that a comparison does not look at, and the order in which Kamailio looks for a socket then (next_proto).
_ANY = ""
_TRANSPORTS = tuple(DEFAULT_PORTS)
_GRUU = Match(False, "a GRUU in a Route")


class Identity:
    """Our listeners, aliases and domains.

    :param listen: listeners as text (:meth:`Listener.parse`) or ready made, in the servers' order. A wildcard address stands for every
        one of ``interface_addresses`` of its family.
    :param domains: aliases and domains as text, or a source that reads them again when they change.
    :param interface_addresses: the local addresses, for wildcards.
    :param dialect: the server that compares.
    :raises ConfigError: where one of them does not parse, or a wildcard meets no address.
    """

    def __init__(
        self,
        listen: Iterable[str | Listener],
        domains: Iterable[str | DomainSource] = (),
        interface_addresses: Iterable[IPv4Address | IPv6Address] = (),
        dialect: Dialect = OPENSIPS,
    ) -> None:
        self.dialect = dialect
        # Asked of every URI.
        self._transport_matters, self._maddr_matters = dialect.transport_matters, dialect.maddr_names_us
        self._gruu_is_me = dialect.gruu_route_is_me
        addresses = tuple(interface_addresses)
        expanded = [one for item in listen for one in _expand(Listener.parse(item) if isinstance(item, str) else item, addresses)]
        self.listeners: tuple[Listener, ...] = tuple(dict.fromkeys(expanded))
        if not self.listeners:
            raise ConfigError("no listener is given")
        given = list(domains)
        self._sources = [item for item in given if not isinstance(item, str)]
        self._fixed = tuple(Domain.parse(item) for item in given if isinstance(item, str))
        self._loaded: tuple[tuple[Domain, ...], ...] = ()
        self._domains = self._fixed
        self._cache: dict[tuple[bytes, int, str], Match] = {}
        self._remembered_sent_by = lru_cache(_CACHE_SIZE)(self._find_sent_by)
        self._by_name = {str(one): one for one in self.listeners}
        self._by_given_name = {one.name: one for one in self.listeners if one.name}
        self._by_address = {(one.transport, one.packed, one.port): one for one in self.listeners}
        self.refresh()

    def refresh(self) -> None:
        """Read changed domain files again. Costs nothing where there are none."""
        if not self._sources:
            return
        loaded = tuple(source.load() for source in self._sources)
        if loaded != self._loaded:
            self._loaded = loaded
            self._domains = self._fixed + tuple(domain for domains in loaded for domain in domains)
            self._cache.clear()

    @property
    def domains(self) -> tuple[Domain, ...]:
        """The aliases and domains as last read."""
        return self._domains

    def listener(self, name: str) -> Listener:
        """The listener spelled ``udp:10.0.0.1:5060``. :raises ConfigError: where we have none such."""
        found = self._by_name.get(name)
        if found is None:
            wanted = Listener.parse(name)
            found = self.listener_at(wanted.transport, wanted.packed, wanted.port)
        if found is None:
            raise ConfigError(f"{name!r} is none of the listeners: {', '.join(self._by_name)}")
        return found

    def listener_at(self, transport: str, address: bytes, port: int) -> Listener | None:
        """The listener at a packed address and port, ``None`` where we have none there."""
        return self._by_address.get((transport, address, port))

    def sent_by(self, transport: str, host: bytes, port: int | None) -> Listener | None:
        """The listener that a Via with this sent-by comes from, by its address or as advertised; ``None`` for somebody else's."""
        find = self._remembered_sent_by if len(host) < _LONGEST_CACHED_HOST else self._find_sent_by
        return find(transport, host, port)

    def _find_sent_by(self, transport: str, host: bytes, port: int | None) -> Listener | None:
        name = host.strip(b"[]").lower()
        # Kamailio leaves 5060 out whatever the transport.
        ports = {port} if port else {DEFAULT_PORTS.get(transport, 5060), DEFAULT_PORTS["udp"]}
        for listener in self.listeners:
            if listener.transport == transport and ports & {listener.port, listener.advertised_port} and self._rule(listener, name):
                return listener
        return None

    def match(self, hop: Hop) -> Match:
        """Whether a URI is me, and why (``check_self``)."""
        host = hop.host if self._maddr_matters else hop.written_host
        if self._transport_matters:
            key = (host, hop.port, hop.transport)
        else:
            key = (host, hop.port if hop.written_port else DEFAULT_PORTS["udp"], _ANY)
        found = self._cache.get(key)
        if found is None:
            found = self._match(*key)
            if len(self._cache) >= _CACHE_SIZE:
                self._cache.clear()
            if len(host) < _LONGEST_CACHED_HOST:
                self._cache[key] = found
        return _GRUU if found.me and not self._gruu_is_me and hop.is_gruu else found

    def socket_of(self, hop: Hop, port_matters: bool = True) -> Listener | None:
        """The listener that a URI of ours names, for sending by it (``grep_sock_info``); ``None`` for an alias.

        :param port_matters: whether a URI without a port means the default one, not any.
        """
        # set_sip_defaults: UDP where no transport is named, whatever the scheme, and 5060 for all but TLS.
        transport = hop.named_transport or ("udp" if self.dialect.transport_matters else _ANY)
        port = (hop.written_port and read_number(hop.written_port)) or (5061 if transport == "tls" else 5060)
        # The host even where maddr is given, although maddr decides whether the URI is us.
        return self._match(hop.written_host, port if hop.written_port or port_matters else 0, transport).listener

    def socket_named(self, name: str) -> Listener | None:
        """The listener that the configuration gave this name."""
        return self._by_given_name.get(name)

    def _match(self, host: bytes, port: int, transport: str) -> Match:
        name = host[1:-1] if host[:1] == b"[" and host[-1:] == b"]" else host
        name = name.lower()
        near = ""
        for listener in self._in_order(transport):
            rule = self._rule(listener, name)
            if not rule:
                continue
            if transport in (_ANY, listener.transport) and port in (0, listener.port, listener.advertised_port):
                return Match(True, f"{rule} of {listener}", listener)
            near = near or f"{rule} of {listener}, but not its {'port' if listener.transport == transport else 'transport'}"
        for domain in self._domains:
            if domain.matches(name, port, transport):
                return Match(True, f"domain {domain}")
        return Match(False, near or "no listener, alias or domain has this host")

    def _in_order(self, transport: str) -> Sequence[Listener]:
        # Over any transport, the servers' list of each is gone through in this order.
        return sorted(self.listeners, key=lambda one: _TRANSPORTS.index(one.transport)) if transport == _ANY else self.listeners

    def _rule(self, listener: Listener, name: bytes) -> str:
        if same_host(str(listener.address).encode(), name):
            return "address"
        if listener.advertised_host:
            return "advertised address" if same_host(listener.advertised_host.encode().strip(b"[]"), name) else ""
        # The host is empty (tel:) as the advertised name that the listener does not have: grep_sock_info compares lengths.
        return "" if name or not self.dialect.empty_host_is_me else "empty host, like the advertised name"


def _expand(listener: Listener, addresses: Sequence[IPv4Address | IPv6Address]) -> list[Listener]:
    if not listener.address.is_unspecified:
        return [listener]
    found = [replace(listener, address=address) for address in addresses if address.version == listener.address.version]
    if not found:
        raise ConfigError(f"listener {listener} is a wildcard, and no interface has an IPv{listener.address.version} address")
    return found
