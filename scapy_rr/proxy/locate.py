"""Where a name sends (:rfc:`3263`): NAPTR, SRV and addresses over an injected lookup, and one choice among them.

The choice depends on what the DNS holds and on a key alone, never on chance or on the order of an answer: a stateless proxy has to send
a retransmission where it sent the first (:rfc:`3261#section-16.11`). Knows no name server, no sockets and no clock.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from ipaddress import IPv4Address, IPv6Address
from itertools import accumulate, islice
from operator import attrgetter
from typing import NamedTuple, Protocol

from ..errors import ScapyRRError
from ..rr.hop import Hop
from ..rr.listener import DEFAULT_PORTS
from .next_hop import Hosts, NextHop

# The services of NAPTR records (RFC 3263 4.1, RFC 7118) and the names of SRV ones, in the order in which we ask for them where no NAPTR
# record tells one. WebSocket has no such name.
_SERVICES = {"sip+d2u": "udp", "sip+d2t": "tcp", "sip+d2s": "sctp", "sips+d2t": "tls", "sip+d2w": "ws", "sips+d2w": "wss"}
_SRV = {"udp": "_sip._udp.", "tcp": "_sip._tcp.", "sctp": "_sip._sctp.", "tls": "_sips._tcp."}
# The transport of a sips URI is what TLS runs over (RFC 3261 26.2.2, RFC 7118).
_SECURED = {"tls": "tls", "tcp": "tls", "ws": "wss", "wss": "wss"}
_SECURE = frozenset(_SECURED.values())

# A host that may be asked for: labels of RFC 1034, and of RFC 2782 with "_"; the last begins with a letter (RFC 3261 25.1, toplabel).
_NAME = re.compile(rb"(?=.{1,253}\Z)(?:[a-z0-9_][a-z0-9_-]{0,62}\.)*[a-z][a-z0-9_-]{0,62}", re.IGNORECASE)

# How many records of one answer are followed: who writes a zone does not say how much we ask.
_MOST_FOLLOWED = 8


class NotLocated(ScapyRRError):
    """No next hop is found; the text says why."""


class LookupFailed(NotLocated):
    """The DNS does not say: no answer, an answer that makes no sense, or aliases in a circle. The text has the name, the type and why."""


class Naptr(NamedTuple):
    """A NAPTR record (:rfc:`3403`), without the expression that SIP does not use."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str
    """A name without its last dot; ``.`` for none."""


class Srv(NamedTuple):
    """An SRV record (:rfc:`2782`)."""

    priority: int
    weight: int
    port: int
    target: str
    """A name without its last dot; ``.`` for none."""


class Lookup(Protocol):
    """Whoever asks the DNS. What is not there is an empty answer. Every method raises :class:`LookupFailed`."""

    def naptr(self, name: str) -> Sequence[Naptr]:
        """The NAPTR records of a name."""
        ...

    def srv(self, name: str) -> Sequence[Srv]:
        """The SRV records of a name."""
        ...

    def addresses(self, name: str, version: int) -> Sequence[IPv4Address] | Sequence[IPv6Address]:
        """The addresses of a name, of IP version 4 or 6."""
        ...


class Locator:
    """Finds next hops.

    :param hosts: the static table, which wins over the DNS.
    :param lookup: the DNS; ``None`` for none, so that the table and addresses are all there is.
    :param transports: those by which we can send.
    :param versions: the IP versions by which we can send. IPv4 is asked for first and IPv6 where there is none, as the servers do
        (:rfc:`7984` leaves the order to the system).
    """

    def __init__(
        self,
        hosts: Hosts,
        lookup: Lookup | None = None,
        transports: Collection[str] = ("udp",),
        versions: Collection[int] = (4, 6),
    ) -> None:
        self._hosts = hosts
        self._lookup = lookup
        self._transports = frozenset(transports)
        self._versions = sorted(versions)
        self._family = f"IPv{self._versions[0]} address" if len(self._versions) == 1 else "address"

    def locate(self, hop: Hop, key: bytes = b"") -> NextHop:
        """Where a URI sends (:rfc:`3263#section-4`).

        :param key: what all retransmissions of a request share; the same key makes the same choice.
        :raises NotLocated: where that is nowhere, or nowhere that we can send to.
        """
        if hop.named_transport and _is_secure(hop):
            hop = _secured(hop)
        found = self._hosts.resolve(hop)
        if found:
            return found
        lookup, name = self._asked(hop.host)
        if hop.written_port or hop.named_transport:
            return self._over(lookup, name, hop.transport, hop.port, not hop.written_port, key)
        secure = _is_secure(hop)
        offered = self._services(lookup, name, secure)
        found = self._by_srv(lookup, offered or self._guessed(name, secure), key)
        transport = offered[0][0] if offered else hop.transport
        return found or self._over(lookup, name, transport, DEFAULT_PORTS[transport], False, key)

    def locate_sent_by(self, transport: str, host: bytes, port: int | None, key: bytes = b"") -> NextHop:
        """Where a response goes by the ``sent-by`` of its Via (:rfc:`3263#section-5`).

        :param transport: the Via's, in lower case.
        :param port: the one written, ``None`` without one.
        :raises NotLocated: where that is nowhere, or nowhere that we can send to.
        """
        default = DEFAULT_PORTS.get(transport, 0)
        found = self._hosts.at(host, transport, port or 0, default)
        if found:
            return found
        lookup, name = self._asked(host)
        return self._over(lookup, name, transport, port or default, not port, key)

    def _asked(self, host: bytes) -> tuple[Lookup, str]:
        """The lookup and the name to ask it for."""
        name = host.removesuffix(b".")
        if self._lookup is None or not _NAME.fullmatch(name):
            raise NotLocated(f"no address is known for {host.decode('latin-1') or 'a URI without a host'}")
        return self._lookup, name.decode("ascii").lower()

    def _over(self, lookup: Lookup, name: str, transport: str, port: int, by_srv: bool, key: bytes) -> NextHop:
        """A name over one transport: by SRV unless the port is settled, then by its addresses (:rfc:`3263#section-4.2`)."""
        if transport not in DEFAULT_PORTS:
            raise NotLocated(f"{name} is reached over a transport that is unknown")
        if transport not in self._transports:
            raise _unreachable(name, [transport])
        routes = [(transport, _SRV[transport] + name)] if by_srv and transport in _SRV else []
        return self._by_srv(lookup, routes, key) or self._address(lookup, name, transport, port, key)

    def _services(self, lookup: Lookup, name: str, secure: bool) -> list[tuple[str, str]]:
        """The transports that NAPTR records offer, with the name of the SRV records, the best first (:rfc:`3263#section-4.1`)."""
        offered = [
            (_SERVICES[record.service.lower()], record.replacement)
            for record in sorted(lookup.naptr(name))
            if record.flags.lower() == "s" and record.service.lower() in _SERVICES and record.replacement != "."
        ]
        if secure:
            offered = [one for one in offered if one[0] in _SECURE]
        ours = [one for one in offered if one[0] in self._transports]
        if offered and not ours:
            raise _unreachable(name, [transport for transport, _ in offered])
        return ours

    def _guessed(self, name: str, secure: bool) -> list[tuple[str, str]]:
        """The transports that we have, with the name of the SRV records that a domain has for each."""
        return [
            (transport, prefix + name)
            for transport, prefix in _SRV.items()
            if transport in self._transports and (not secure or transport in _SECURE)
        ]

    def _by_srv(self, lookup: Lookup, routes: Iterable[tuple[str, str]], key: bytes) -> NextHop | None:
        """The first server of the first route that has one; ``None`` where there is no SRV record at all."""
        reason: NotLocated | None = None
        for transport, name in islice(routes, _MOST_FOLLOWED):
            try:
                found = self._server(lookup, transport, name, key)
            except NotLocated as error:
                reason = reason or error
            else:
                if found:
                    return found
        if reason:
            raise reason
        return None

    def _server(self, lookup: Lookup, transport: str, name: str, key: bytes) -> NextHop | None:
        """The first server with an address among SRV records; ``None`` where there is no record."""
        records = lookup.srv(name)
        servers = [record for record in records if record.target != "."]
        if records and not servers:
            raise NotLocated(f"{name} says that there is no such server")
        reason: NotLocated | None = None
        for record in islice(_in_order(servers, name, key), _MOST_FOLLOWED):
            try:
                return self._address(lookup, record.target, transport, record.port, key)
            except NotLocated as error:
                reason = reason or type(error)(f"{error}, which {name} names")
        if reason:
            raise reason
        return None

    def _address(self, lookup: Lookup, name: str, transport: str, port: int, key: bytes) -> NextHop:
        found = self._hosts.at(name.encode(), transport, port, port)
        if found:
            return found
        for version in self._versions:
            addresses: Sequence[IPv4Address | IPv6Address] = lookup.addresses(name, version)
            if addresses:
                address = sorted(addresses, key=attrgetter("packed"))[_draw(len(addresses), name, key)]
                return NextHop(transport, address, port, address.packed)
        raise NotLocated(f"no {self._family} is known for {name}")


def _is_secure(hop: Hop) -> bool:
    return hop.raw[:5].lower() == b"sips:"


def _secured(hop: Hop) -> Hop:
    """The hop of a sips URI with the transport that its ``transport`` means there."""
    transport = _SECURED.get(hop.transport)
    if transport is None:
        raise NotLocated(f"a sips URI goes over tls or wss, not {hop.transport}")
    return replace(hop, transport=transport, port=hop.port if hop.written_port else DEFAULT_PORTS[transport])


def _unreachable(name: str, transports: Iterable[str]) -> NotLocated:
    return NotLocated(f"{name} is reached over {' and '.join(dict.fromkeys(transports))} only, and no listener is")


def _in_order(records: Iterable[Srv], name: str, key: bytes) -> Iterator[Srv]:
    """SRV records in the order of :rfc:`2782`: by priority, and drawn by weight among equals."""
    left = sorted(records)
    while left:
        equals = [record for record in left if record.priority == left[0].priority]
        # A weight of 0 has a very small chance beside others.
        ends = list(accumulate(256 * record.weight or 1 for record in equals))
        drawn = _draw(ends[-1], f"{len(left)} {name}", key)
        chosen = next(record for record, end in zip(equals, ends, strict=True) if drawn < end)
        yield chosen
        left.remove(chosen)


def _draw(number: int, what: str, key: bytes) -> int:
    """One of ``number``, the same for the same key, and independent of what else is drawn with it."""
    return int.from_bytes(blake2b(b"%b\0%b" % (what.encode(), key), digest_size=8).digest()) % number
