"""The module itself: what is configured once and serves every request."""

import logging
import re
from collections.abc import Iterable
from functools import lru_cache, partial
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from ..sip.text import shown
from .callbacks import Callbacks, RouteCallback
from .dialect import Dialect
from .domains import DomainSource
from .flow_token import FlowTokens
from .hop import Hop
from .identity import Identity
from .listener import Listener
from .parameters import Parameters
from .posix_regex import compile_posix
from .request import Request
from .routes import parse_routes

log = logging.getLogger("scapy_rr")

# What is remembered from one request to the next: parsed URIs, expressions, addresses warned of.
_MOST_REMEMBERED = 1024


class RecordRouting:
    """The rr module with its configuration.

    :param dialect: the server to agree with, ``opensips`` or ``kamailio``; see :mod:`scapy_rr.rr.dialect`.
    :param listen: the listeners, as the servers' configuration has them: ``udp:10.0.0.1:5060``, ``tcp:10.0.0.1:5060 as
        sip.example.com:5060``; the first one is where a request came by if nobody says.
    :param domains: aliases and domains, ``[proto:]host[:port]``, or sources of such (:func:`scapy_rr.rr.domains.open_domains`). Without
        a port a domain is us on every port.
    :param interface_addresses: what a wildcard listener stands for.
    :param parameters: those of :class:`Parameters` that the server has.
    :raises ConfigError: where one of them does not parse or does not exist.
    """

    request_class = Request

    def __init__(
        self,
        dialect: str | Dialect = "opensips",
        listen: Iterable[str | Listener] = (),
        domains: Iterable[str | DomainSource] = (),
        interface_addresses: Iterable[IPv4Address | IPv6Address] = (),
        **parameters: Any,
    ) -> None:
        self.dialect = Dialect(dialect) if isinstance(dialect, str) else dialect
        self.parameters = Parameters.parse(parameters, self.dialect)
        self.identity = Identity(listen, domains, interface_addresses, self.dialect)
        secret = self.parameters.flow_token_key
        self.flow_tokens = FlowTokens(secret) if secret is not None else None
        """What makes and reads flow tokens; ``None`` without a secret."""
        self.callbacks = Callbacks()
        self.hop = lru_cache(_MOST_REMEMBERED)(partial(Hop.parse, dialect=self.dialect))
        """A URI as the servers read it (:meth:`Hop.parse`); within a dialog the same ones come again and again."""
        self.parse_routes = lru_cache(_MOST_REMEMBERED)(parse_routes)
        """The entries of a Route header (:func:`parse_routes`), for the same reason."""
        self._warned: set[bytes] = set()
        self._expressions: dict[str, re.Pattern[bytes]] = {}

    def register_rrcb(self, callback: RouteCallback, param: Any = None, prior: int = 0) -> None:
        """Have ``callback(req, route_params, param)`` called when ``loose_route`` has routed a request.

        :param prior: its priority; see :meth:`Callbacks.register` for the module's order.
        :raises ConfigError: for a negative priority.
        """
        self.callbacks.register(callback, param, prior)

    def request(
        self,
        data: bytes,
        received_on: str | Listener | None = None,
        source: str | None = None,
        send_socket: str | Listener | None = None,
    ) -> Request:
        """A request to run the functions on.

        :param data: the message. One that cannot be read is no error here: the functions answer with the code of a failure.
        :param received_on: the listener that it came by.
        :param source: where it came from, ``address:port``.
        :param send_socket: the listener that the script forced before.
        :raises ConfigError: for a socket that is none of our listeners.
        """
        self.identity.refresh()
        arrived = self.listener(received_on) if received_on else self.identity.listeners[0]
        forced = self.listener(send_socket) if send_socket else None
        return self.request_class(self, bytes(data), arrived, source, forced)

    def listener(self, name: str | Listener) -> Listener:
        """The listener of that name. :raises ConfigError: where there is none."""
        return name if isinstance(name, Listener) else self.identity.listener(name)

    def expression(self, text: str) -> re.Pattern[bytes]:
        """A POSIX extended regular expression, compiled once. :raises ConfigError: where it cannot be."""
        found = self._expressions.get(text)
        if found is None:
            if len(self._expressions) >= _MOST_REMEMBERED:
                self._expressions.clear()
            found = self._expressions[text] = compile_posix(text)
        return found

    def warn_once(self, address: bytes, message: str) -> None:
        """Log a warning about an address, the first time and where the parameter asks for it."""
        if not self.parameters.enable_socket_mismatch_warning or address in self._warned or len(self._warned) >= _MOST_REMEMBERED:
            return
        self._warned.add(address)
        # It came from whoever sends: what steers a terminal must not get to the log.
        log.warning(message, shown(address.decode("latin-1")))
