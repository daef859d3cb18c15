"""The DNS as a :class:`~scapy_rr.proxy.locate.Lookup`: name servers are asked through dnspython, and what they say is kept while it holds.

The only module that asks dnspython, which is loaded with the first resolver. Knows nothing of SIP. dnspython's own caches keep neither
failures, which would cost their time again for every message, nor answers ready for use: so both are kept here.
"""

import time
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import ConfigError
from .proxy.locate import LookupFailed, Naptr, Srv
from .proxy.next_hop import read_endpoint

if TYPE_CHECKING:
    from dns.exception import DNSException
    from dns.name import Name

# In seconds. RFC 2308 lets a negative answer hold for hours; a name that was just made is not to be waited for so long.
_LONGEST_KEPT = 86400
_LONGEST_KEPT_NEGATIVE = 300
# After so many questions in a row without any answer none is asked for a while, whatever their names: a capture may have a thousand.
_MOST_SILENCES = 3


class _Kept(NamedTuple):
    """What is known of a name and a type."""

    until: float
    """When it stops to hold, by the clock."""
    records: tuple[Any, ...]
    failure: str = ""


class Resolver:
    """Asks name servers, and remembers. Made to ask servers that follow aliases to their end, as all recursive ones do.

    :param nameservers: their addresses, ``address`` or ``address:port`` (IPv6 in brackets where a port follows); none for the system's.
    :param port: the port of those without one.
    :param timeout: the seconds that one server has.
    :param lifetime: the seconds that a question takes at most, over all servers and tries.
    :param remember_failures: the seconds for which a question that failed is not asked again.
    :param most: how many answers are kept.
    :param clock: the time in seconds, from any start.
    :raises ConfigError: where a name server is none, or the system has none.
    """

    def __init__(
        self,
        nameservers: Sequence[str] = (),
        port: int = 53,
        timeout: float = 2.0,
        lifetime: float = 5.0,
        *,
        remember_failures: float = 10.0,
        most: int = 4096,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        from dns.nameserver import Do53Nameserver
        from dns.resolver import NoResolverConfiguration
        from dns.resolver import Resolver as Stub

        given = [read_endpoint("name server", text) for text in nameservers]
        try:
            self._stub = Stub(configure=not given)
        except (NoResolverConfiguration, ValueError) as error:
            raise ConfigError(f"the system's configuration names no name server that can be asked: {error}") from None
        if given:
            self._stub.nameservers = [Do53Nameserver(str(address), number or port) for address, number in given]
        self._stub.port = port
        self._stub.timeout, self._stub.lifetime = timeout, lifetime
        self._remember_failures, self._most, self._clock = remember_failures, most, clock
        self._kept: dict[tuple[str, str], _Kept] = {}
        self._lock = Lock()
        self._silences, self._silent_until = 0, 0.0

    def naptr(self, name: str) -> Sequence[Naptr]:
        """The NAPTR records of a name. :raises LookupFailed: where no server says."""
        return self._ask(name, "NAPTR")

    def srv(self, name: str) -> Sequence[Srv]:
        """The SRV records of a name. :raises LookupFailed: where no server says."""
        return self._ask(name, "SRV")

    def addresses(self, name: str, version: int) -> Sequence[IPv4Address] | Sequence[IPv6Address]:
        """The addresses of a name, of IP version 4 or 6. :raises LookupFailed: where no server says."""
        return self._ask(name, "A" if version == 4 else "AAAA")

    def _ask(self, name: str, kind: str) -> tuple[Any, ...]:
        key = (name.lower(), kind)
        kept = self._kept.get(key)
        if kept is None or kept.until <= self._clock():
            kept = self._question(name, kind)
            self._keep(key, kept)
        if kept.failure:
            raise LookupFailed(kept.failure)
        return kept.records

    def _keep(self, key: tuple[str, str], kept: _Kept) -> None:
        with self._lock:
            self._kept.pop(key, None)
            if kept.until <= self._clock():
                return
            # The oldest goes first.
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = kept

    def _question(self, name: str, kind: str) -> _Kept:
        from dns.exception import DNSException
        from dns.name import from_text
        from dns.resolver import NXDOMAIN

        now = self._clock()
        if self._silences >= _MOST_SILENCES and now < self._silent_until:
            return _Kept(self._silent_until, (), _unanswered(name, kind, "nor has it for others just before"))
        try:
            question = from_text(name)
        except DNSException:
            # No record can have such a name.
            return _Kept(now, ())
        try:
            answer = self._stub.resolve(question, kind, raise_on_no_answer=False)
            records, ttl = tuple(_READERS[kind](record) for record in answer), answer.chaining_result.minimum_ttl
        except NXDOMAIN as error:
            records, ttl = (), error.kwargs["responses"][question].resolve_chaining().minimum_ttl
        except DNSException as error:
            return self._failed(name, kind, error)
        self._silences = 0
        return _Kept(self._clock() + min(ttl, _LONGEST_KEPT if records else _LONGEST_KEPT_NEGATIVE), records)

    def _failed(self, name: str, kind: str, error: "DNSException") -> _Kept:
        from dns.exception import Timeout
        from dns.message import ChainTooLong

        until = self._clock() + self._remember_failures
        # Of each try: the server, whether it was TCP, the port, what went wrong, and the answer.
        tries = error.kwargs.get("errors", [])
        faults = [fault for _, _, _, fault, _ in tries]
        if any(isinstance(fault, ChainTooLong) for fault in faults):
            return _Kept(until, (), f"{name} is an alias of itself ({kind})")
        if faults and all(isinstance(fault, Timeout) for fault in faults):
            self._silences, self._silent_until = self._silences + 1, until
        else:
            self._silences = 0
        why = [_why(server, fault) for server, _, _, fault, _ in tries] or [str(error)]
        return _Kept(until, (), _unanswered(name, kind, ", ".join(dict.fromkeys(why))))


def _unanswered(name: str, kind: str, why: str) -> str:
    return f"the name server does not answer for {name} ({kind}): {why}"


def _why(server: str, fault: Exception | str) -> str:
    from dns.exception import Timeout

    # dnspython's own spelling is Do53:127.0.0.1@53.
    place = server.removeprefix("Do53:").replace("@", " port ")
    if isinstance(fault, Timeout):
        return f"{place} is silent"
    return f"{place} says {fault}" if isinstance(fault, str) else f"{place}: {fault}"


def _text(name: "Name") -> str:
    return name.to_text(omit_final_dot=True)


_READERS: dict[str, Callable[[Any], Any]] = {
    "NAPTR": lambda record: Naptr(
        record.order, record.preference, record.flags.decode("latin-1"), record.service.decode("latin-1"), _text(record.replacement)
    ),
    "SRV": lambda record: Srv(record.priority, record.weight, record.port, _text(record.target)),
    "A": lambda record: IPv4Address(record.address),
    "AAAA": lambda record: IPv6Address(record.address),
}
