"""The script's routes, and the proxy that runs them: a message and where it arrived go in, what is sent or why nothing is comes out.

Sans-IO. Stateless as in :rfc:`3261#section-16.11`, but for requests whose script asks for a failure route.
"""

import traceback
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import TypeVar

from ..errors import ConfigError, ScriptError, SipParseError
from ..rr.listener import Listener
from ..rr.module import RecordRouting
from . import core
from .locate import Locator
from .next_hop import Hosts
from .outcome import Outcome
from .route_type import RouteType
from .script import ScriptRequest
from .transactions import Transactions

# A member of an enum takes as long to read as ten variables, and every message asks for it.
_REQUEST = (RouteType.REQUEST, "")

Route = Callable[[ScriptRequest], object]
_Route = TypeVar("_Route", bound=Route)


class Preloaded(Enum):
    """What the built-in script does with an initial request that has Routes."""

    DENY = "deny"
    """It is answered with 403: ``loose_route`` must not become a way around authorisation."""
    RELAY = "relay"


class Router:
    """A script for the rr module, and the proxy around both.

    :param rr: the module; may be set later (:attr:`rr`), as for a script in a file.
    :param locator: finds addresses of next hops; without one only literal ones are known.
    :param preloaded: what the built-in script does with initial requests that have Routes.
    :param via: whether the whole proxy works. Without, only the rr module and the script do: no Via is added or taken off, Max-Forwards
        stays, and what the script answers is left as it was, as all responses are.
    """

    def __init__(
        self,
        rr: RecordRouting | None = None,
        *,
        locator: Locator | None = None,
        preloaded: Preloaded = Preloaded.DENY,
        via: bool = True,
    ) -> None:
        self.rr = rr
        self.locator = locator or Locator(Hosts())
        self.preloaded = preloaded
        self.via = via
        self.file: Path | None = None
        """The script's file, where it has one: then its faults are :class:`ScriptError`s that show its lines."""
        self._routes: dict[tuple[RouteType, str], Route] = {}
        self.is_stateful = False
        """Whether what is done with a message depends on those before it, as the script has a failure route."""
        self.transactions = Transactions()

    # The script's routes.

    def request_route(self, function: _Route) -> _Route:
        """The route that every request runs through. Use it as a decorator."""
        return self._register(RouteType.REQUEST, "", function)

    def onreply_route(self, function: _Route) -> _Route:
        """The route that every response runs through, before it goes on. Use it as a decorator."""
        return self._register(RouteType.ONREPLY, "", function)

    def branch_route(self, name: str) -> Callable[[_Route], _Route]:
        """A route for each target of a request that was told so by ``t_on_branch(name)``. Use it as a decorator."""
        return lambda function: self._register(RouteType.BRANCH, name, function)

    def failure_route(self, name: str) -> Callable[[_Route], _Route]:
        """The route when all targets have failed of a request that was told so by ``t_on_failure(name)``. Use it as a decorator."""
        return lambda function: self._register(RouteType.FAILURE, name, function)

    def _register(self, kind: RouteType, name: str, function: _Route) -> _Route:
        if (kind, name) in self._routes:
            raise ConfigError(f"{kind.value} {name!r} is there already" if name else f"{kind.value} is there already")
        self._routes[kind, name] = function
        self.is_stateful |= kind is RouteType.FAILURE
        return function

    def known(self, kind: RouteType, name: str) -> str:
        """The name of a route that there is. :raises ConfigError: where there is none of that name."""
        if (kind, name) not in self._routes:
            names = ", ".join(repr(one) for other, one in self._routes if other is kind) or "none"
            raise ConfigError(f"there is no {kind.value} {name!r}; those there are: {names}")
        return name

    @property
    def relays_preloaded(self) -> bool:
        """Whether the built-in script lets initial requests with Routes pass."""
        return self.preloaded is Preloaded.RELAY

    def require_request_route(self, where: str) -> None:
        """See that there is one. :raises ConfigError: naming ``where`` there is none."""
        if not self.has(RouteType.REQUEST):
            raise ConfigError(f"{where}: there is no request route (a function under '@router.request_route')")

    def has(self, kind: RouteType) -> bool:
        """Whether there is an unnamed route of this type."""
        return (kind, "") in self._routes

    def run(self, kind: RouteType, name: str, req: ScriptRequest) -> None:
        """Run a route on a message."""
        before, req.route = req.route, kind
        try:
            self._routes[kind, name](req)
        except Exception as error:
            # That a text of the script's does not parse is no fault of the message, for which it would be taken.
            if isinstance(error, ScriptError) or (self.file is None and not isinstance(error, SipParseError)):
                raise
            raise ScriptError(in_script(error, self.file)) from error
        finally:
            req.route = before

    # The proxy.

    def handle(
        self,
        data: bytes,
        received_on: str | Listener | None = None,
        source: str | None = None,
        now: float = 0.0,
        connection: str = "",
    ) -> Outcome:
        """What becomes of a message that arrived.

        :param received_on: the listener that it came by; the first one if not given.
        :param source: where it came from, ``address:port``; needed to answer it.
        :param now: the time in seconds, by which transactions age.
        :param connection: a word for the connection that it came by, which is kept in our Via and comes back in :attr:`Sent.connection`.
        :raises ConfigError: without an rr module or a request route, for a listener that is none, and where the script asks
            for what is not there.
        :raises ScriptError: where a URI of the script's does not parse, and for every fault of a script in a file. Whatever else the
            script raises is the script's.
        """
        rr = self.rr
        if rr is None:
            raise ConfigError("the router has no rr module: Router(RecordRouting(...)), or router.rr = RecordRouting(...)")
        if _REQUEST not in self._routes:
            self.require_request_route("the router")
        rr.identity.refresh()
        req = ScriptRequest(rr, data, rr.listener(received_on) if received_on else rr.identity.listeners[0], source, None)
        req.begin(self, connection)
        return core.handle(self, req, now)


def in_script(error: BaseException, path: Path | None) -> str:
    """What Python would say of a fault, with those lines alone that are the script's."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return "".join(["the script fails:\n", *traceback.format_list(lines), *traceback.format_exception_only(error)]).rstrip()
