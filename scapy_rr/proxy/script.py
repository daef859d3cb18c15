"""A message in the hands of a script: the rr module's functions, and the core's, each from the routes where the servers allow it.

Where a function takes a string, pseudo-variables in it are replaced first.
"""

import logging
import re
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..errors import ConfigError, RouteContextError, SipParseError
from ..rr import pseudo_variables
from ..rr.listener import Listener
from ..rr.request import Request
from ..rr.returncode import ReturnCode
from ..sip.message import LONG_NAMES
from ..sip.text import encode, shown
from ..sip.via import TopVia
from . import core
from .route_type import RouteType

if TYPE_CHECKING:
    from .outcome import Sent
    from .router import Router

log = logging.getLogger("scapy_rr")

Destination = tuple[bytes, bytes | None, Listener | None]
"""R-URI, ``dst_uri`` and send socket of a branch."""

_HEADER_LINE = re.compile(rb"[^\x00-\x20\x7f:]++[ \t]*+:[^\r\n\0]*+")

_REQUEST = (RouteType.REQUEST,)
_DECIDING = (RouteType.REQUEST, RouteType.FAILURE)
_LEAVING = (RouteType.REQUEST, RouteType.BRANCH, RouteType.FAILURE)
_ANY = tuple(RouteType)

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _usable_from(*routes: RouteType) -> Callable[[_Function], _Function]:
    """A function of a script, which may be called from these routes."""

    def wrap(function: _Function) -> _Function:
        @wraps(function)
        def checked(self: "ScriptRequest", *arguments: Any, **named: Any) -> Any:
            if self.route not in routes:
                refuse(self)
            return function(self, *arguments, **named)

        @wraps(function)
        def checked_alone(self: "ScriptRequest") -> Any:
            if self.route not in routes:
                refuse(self)
            return function(self)

        def refuse(req: "ScriptRequest") -> None:
            places = ", ".join(one.value for one in routes)
            raise RouteContextError(f"{function.__name__} cannot be called from {req.route.value}: it may be used in {places}")

        # A call with collected arguments takes three times as long, and every message has two that need none.
        return cast(_Function, checked_alone if function.__code__.co_argcount == 1 else checked)

    return wrap


class AsItCame(str):
    """What a message says, in a text: it is no part of the script, so that no pseudo-variable is looked for in it."""


class ScriptRequest(Request):
    """A request, or in an ``onreply_route`` a response, as a script sees it; made by :class:`Router`."""

    __slots__ = (
        "appended", "branch", "branches", "connection", "detail", "dropped", "failure_code", "left", "on_branch", "on_failure",
        "replied", "route", "router", "sent", "top",
    )  # fmt: skip

    router: "Router"

    def begin(self, router: "Router", connection: str) -> None:
        """Set what a script's functions leave behind to nothing."""
        self.router = router
        self.connection = connection
        """A word for the connection that it came by."""
        self.route = RouteType.REQUEST
        """The route that runs."""
        self.top: TopVia | None = None
        self.branch = b""
        """What our Via will have, without the number of the target; empty where none is added."""
        self.sent: list[Sent] = []
        """What was sent so far."""
        self.branches = 0
        """How many branches were made so far."""
        self.replied: tuple[int, str] | None = None
        """The last reply of our own, be it sent or not."""
        self.appended: list[Destination] = []
        """What was appended and not relayed yet."""
        self.on_branch = self.on_failure = ""
        self.failure_code: int | None = None
        """In a failure route, the code of the response that led there."""
        self.dropped = False
        self.left = self.detail = ""
        """Why nothing is sent: in words that all such requests share, and about this one."""

    # The rr module's (rr_mod.c says from which routes).

    loose_route = _usable_from(*_REQUEST)(Request.loose_route)
    loose_route_mode = _usable_from(*_REQUEST)(Request.loose_route_mode)
    loose_route_preloaded = _usable_from(*_REQUEST)(Request.loose_route_preloaded)
    check_route_param = _usable_from(*_REQUEST)(Request.check_route_param)
    is_direction = _usable_from(*_REQUEST)(Request.is_direction)
    rr_next_hop_route = _usable_from(*_ANY)(Request.rr_next_hop_route)
    remove_record_route = _usable_from(*_DECIDING)(Request.remove_record_route)

    @_usable_from(*_LEAVING)
    def record_route(self, params: str | None = None) -> ReturnCode:
        """See :meth:`Request.record_route`."""
        return self._recorded(super().record_route(self.expand(params)))

    @_usable_from(*_LEAVING)
    def record_route_preset(self, outbound: str, inbound: str | None = None) -> ReturnCode:
        """See :meth:`Request.record_route_preset`."""
        return self._recorded(super().record_route_preset(self.expand(outbound), self.expand(inbound)))

    @_usable_from(*_LEAVING)
    def record_route_advertised_address(self, address: str) -> ReturnCode:
        """See :meth:`Request.record_route_advertised_address`."""
        return self._recorded(super().record_route_advertised_address(self.expand(address)))

    @_usable_from(*_LEAVING)
    def add_rr_param(self, param: str) -> ReturnCode:
        """See :meth:`Request.add_rr_param`."""
        return super().add_rr_param(self.expand(param))

    def _recorded(self, code: ReturnCode) -> ReturnCode:
        if code is ReturnCode.OK and self.route is RouteType.BRANCH and not self.dialect.branch_record_route_counts:
            self.state.recorded = False
        return code

    # What there is to know.

    @property
    def method(self) -> str:
        """The method; of a response, the one of its CSeq."""
        return self.message.method.decode("latin-1") if self.message else ""

    @property
    def status(self) -> int | None:
        """The status code of a response; in a failure route that of the response that led there; else ``None``."""
        return self.failure_code or (self.message.status if self.message else None)

    @property
    def error(self) -> str:
        """Why the last function failed; empty where none did."""
        return AsItCame(self.state.error or "")

    def is_method(self, names: str) -> bool:
        """Whether the method is one of these, ``INVITE`` or ``INVITE|SUBSCRIBE``."""
        return self.message is not None and self.message.method in _methods(names)

    def has_totag(self) -> bool:
        """Whether To has a tag, so that the request is one within a dialog; false where To cannot be read, too."""
        try:
            return self.to_tag() is not None
        except SipParseError:
            return False

    def header(self, name: str) -> str | None:
        """The value of the first header of this name, long or compact, as it was received; ``None`` without one."""
        value = self.message.value(long_name(name)) if self.message else None
        return None if value is None else value.decode("latin-1")

    # What can be done.

    def append_header(self, name: str, value: str | None = None) -> None:
        """Add a header behind all others.

        :param name: its name; or the whole line, ``Name: value``, where no value is given (``append_hf``).
        :raises ConfigError: where it is no header line.
        """
        name, value = self.expand(name), self.expand(value)
        line = encode(name.rstrip("\r\n") if value is None else f"{name}: {value}")
        if not _HEADER_LINE.fullmatch(line):
            raise ConfigError(f"append_header: {line.decode('latin-1')!r} is no header line 'Name: value'")
        if self.message:
            self.state.edits.insert(self.message.headers_end, line + b"\r\n")
            self.state.notes.append(("added", f"header {line.decode('latin-1')}"))

    def remove_header(self, name: str) -> bool:
        """Drop every header of this name, long or compact; false where there is none (``remove_hf``)."""
        found = self.message.find_all(long_name(name)) if self.message else []
        for header in found:
            self.state.edits.delete(header.start, header.end)
        if found:
            self.state.notes.append(("removed", f"{len(found)} header(s)", name))
        return bool(found)

    @_usable_from(*_DECIDING)
    def append_branch(self, uri: str | None = None) -> None:
        """Add a target for the next :meth:`relay`, beside the R-URI: this one, or without one the R-URI and ``dst_uri`` as they are now.

        :raises SipParseError: where the server would not parse it.
        """
        now = self.state
        ruri, dst_uri = (now.ruri, now.dst_uri) if uri is None else (self._uri(self.expand(uri)), None)
        self.appended.append((ruri, dst_uri, now.send_socket))

    @_usable_from(*_DECIDING)
    def t_on_branch(self, name: str) -> None:
        """Have the ``branch_route`` of this name run for each target of the next :meth:`relay`. :raises ConfigError: without one."""
        self.on_branch = self.router.known(RouteType.BRANCH, name)

    @_usable_from(*_DECIDING)
    def t_on_failure(self, name: str) -> None:
        """Have the ``failure_route`` of this name run when all targets have failed. :raises ConfigError: without one."""
        self.on_failure = self.router.known(RouteType.FAILURE, name)

    @_usable_from(*_DECIDING)
    def relay(self) -> bool:
        """Send the request to its next hop, and to those that were appended; false where it cannot be sent to any (:attr:`error`)."""
        return core.relay(self)

    @_usable_from(*_DECIDING)
    def reply(self, code: int, reason: str) -> None:
        """Answer the request; an ACK is never answered. :raises ConfigError: where code or reason are none."""
        core.reply(self, code, self.expand(reason))

    @_usable_from(*_ANY)
    def drop(self, reason: str = "dropped by the script", detail: str = "") -> None:
        """Send no more of it: of the request, of this branch, or of the response.

        :param reason: what the summary says, in words that all such messages share.
        :param detail: the same, about this one.
        """
        self.dropped, self.left = True, self.expand(reason)
        self.detail = self.expand(detail) or self.left

    def log(self, text: str) -> None:
        """Write a line to the logger ``scapy_rr`` and to the trace."""
        text = self.expand(text)
        self.state.notes.append(("log", text))
        log.info("%s", shown(text))

    def expand(self, argument: Any) -> Any:
        """A string with its pseudo-variables replaced; anything else as it is. :raises ConfigError: for an unknown one."""
        if isinstance(argument, str) and "$" in argument and not isinstance(argument, AsItCame):
            return pseudo_variables.parse(argument, self.dialect).expand(self)
        return argument


@lru_cache
def _methods(names: str) -> list[bytes]:
    return encode(names).split(b"|")


@lru_cache
def long_name(name: str) -> bytes:
    """The long name of a header, in lower case."""
    lower = encode(name).strip().lower()
    return LONG_NAMES.get(lower, lower)
