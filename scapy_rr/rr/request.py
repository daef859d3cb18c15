"""A request in the hands of a script: the module's functions under their own names.

The message is never changed; functions collect edits, and :meth:`Request.build` applies them once. Nothing outlives the request.
"""

from ..errors import ConfigError, SipParseError
from ..sip.text import encode
from . import loose, record, route_params
from .context import Context
from .listener import Listener
from .returncode import ReturnCode
from .trace import Step, read


class Request(Context):
    """One request; made by :meth:`RecordRouting.request`."""

    __slots__ = ()

    # What the script asks for.

    def loose_route(self) -> ReturnCode:
        """Route the request by its Routes: take ours off, find the next hop, mend what a strict router did.

        :returns: ``OK`` where the next hop comes from the route set (it is in :attr:`dst_uri`, or in :attr:`ruri` for a strict router
            and where only own Routes were there); ``FAILED`` without a Route, for an initial request with own Routes only, and on errors.
        :rfc:`3261#section-16.4`, :rfc:`3261#section-16.12`. Make sure that it does not become a way around authorisation: an initial
        request (without a To tag) is routed wherever its Routes say.
        """
        return self._log("loose_route", (), loose.loose_route(self))

    def record_route(self, params: str | None = None) -> ReturnCode:
        """Put our Record-Route on top of the headers; two of them where the request leaves by another socket than it came by.

        :param params: URI parameters for it, each with its ``;``.
        :returns: ``FAILED`` where it was done before, or From is missing or malformed.
        :raises ConfigError: where ``params`` would break out of the header. :rfc:`3261#section-16.6`.
        """
        return self._log("record_route", () if params is None else (params,), record.record_route(self, params))

    def record_route_preset(self, outbound: str, inbound: str | None = None) -> ReturnCode:
        """Put a Record-Route with this address on top, or two, outbound first; nothing checks that the address is ours.

        :param outbound: ``host[:port]`` and perhaps parameters.
        :param inbound: the same for a second header, below the first.
        :returns: ``FAILED`` as :meth:`record_route`, and for two presets with ``enable_double_rr`` 0.
        :raises ConfigError: where one would break out of the header.
        """
        arguments = (outbound,) if inbound is None else (outbound, inbound)
        return self._log("record_route_preset", arguments, record.record_route_preset(self, outbound, inbound))

    def add_rr_param(self, param: str) -> ReturnCode:
        """Add a parameter to our Record-Route, be it there already or still to come.

        :param param: with its ``;``. :raises ConfigError: where it would break out of the header.
        """
        return self._log("add_rr_param", (param,), record.add_rr_param(self, param))

    def check_route_param(self, expression: str) -> ReturnCode:
        """Whether a POSIX extended regular expression, case ignored, is found in the parameters of our own Route, after ``loose_route``.

        :raises ConfigError: for an expression that the servers would not take, or Python cannot express.
        """
        found = route_params.matches(self.state.route_params, self.module.expression(expression))
        return self._log("check_route_param", (expression,), ReturnCode.OK if found else ReturnCode.FAILED)

    def is_direction(self, direction: str) -> ReturnCode:
        """Whether the request runs ``downstream`` (as the one that made the dialog) or ``upstream``, by ``ftag``, after ``loose_route``.

        The first answer stays for the request. :raises ConfigError: for another word, or with ``append_fromtag`` 0.
        """
        if not self.parameters.append_fromtag:
            raise ConfigError("is_direction needs the parameter append_fromtag=1: without it no Route carries an ftag")
        wanted = route_params.read_direction(direction)
        if wanted is None:
            raise ConfigError(f"unknown direction {direction!r}: it is 'upstream' or 'downstream'")
        if self.state.direction is None:
            try:
                tag = self.from_tag()
            except SipParseError:
                tag = None
            self.state.direction = route_params.direction(self.state.route_params, tag)
        code = ReturnCode.OK if self.state.direction is wanted else ReturnCode.FAILED
        return self._log("is_direction", (direction,), code)

    # What the developer API asks for.

    def get_route_param(self, name: str) -> str | None:
        """The value of a parameter of our own Route, after ``loose_route``: ``""`` where it has none, ``None`` where it is not found."""
        value = route_params.get(self.state.route_params, encode(name))
        return None if value is None else value.decode("latin-1")

    def get_remote_target(self) -> str | None:
        """The URI of the far end, wherever strict routers put it; ``None`` before ``loose_route`` or where it cannot be read."""
        return _str(loose.remote_target(self))

    def get_route_set(self) -> list[str] | None:
        """The Routes left, after ``loose_route``, a strict router's own included; ``None`` without Routes, or with 64 and more."""
        uris = loose.route_set(self)
        return None if uris is None else [uri.decode("latin-1") for uri in uris]

    # What came of it.

    @property
    def ruri(self) -> str | None:
        """The R-URI as it is now; ``None`` where it does not parse."""
        try:
            self.module.hop(self.state.ruri)
        except SipParseError:
            return None
        return self.state.ruri.decode("latin-1")

    @property
    def dst_uri(self) -> str | None:
        """Where to send to, if not to the R-URI."""
        return _str(self.state.dst_uri)

    @property
    def send_socket(self) -> str | None:
        """The listener that is forced for sending, as ``udp:10.0.0.1:5060``; ``None`` where the choice is free."""
        return str(self.state.send_socket) if self.state.send_socket else None

    @property
    def rr_params(self) -> str | None:
        """``$rr_params``: the parameters of our own Route; ``None`` before ``loose_route`` and where there are none."""
        return _str(self.state.route_params or None)

    @property
    def trace(self) -> tuple[Step, ...]:
        """What was decided so far, and why."""
        return read(self.state.notes)

    def pv(self, name: str) -> str | None:
        """A pseudo-variable by its name in the scripts. :raises ConfigError: for one that is not known."""
        values = {
            "$rr_params": lambda: self.rr_params,
            "$ru": lambda: self.ruri,
            "$du": lambda: self.dst_uri,
            "$rm": lambda: _str(self.message.method if self.message else None),
            "$socket_out(forced)": lambda: self.send_socket,
        }
        if name not in values:
            raise ConfigError(f"unknown pseudo-variable {name!r}; those there are: {', '.join(values)}")
        return values[name]()

    def build(self, send_socket: str | Listener | None = None) -> bytes:
        """The message as it leaves; the very object that came where nothing was changed.

        :param send_socket: the listener it really leaves by; else the one forced, else the one it came by.
        :raises ConfigError: where that is none of our listeners.
        """
        if self.message is None:
            return self.data
        leaves_by = self._leaves_by(send_socket)
        edits = self.state.edits
        if self.state.records or self.state.ruri != self.message.request_uri:
            edits = edits.copy()
        for one in self.state.records:
            edits.insert(self.message.headers_start, one.build(self.received_on, leaves_by, self.parameters.enable_double_rr))
        if self.state.ruri != self.message.request_uri:
            edits.replace(self.message.uri_start, self.message.uri_end, self.state.ruri)
        return edits.apply(self.message.data)

    def _leaves_by(self, send_socket: str | Listener | None) -> Listener:
        """The listener named, else the one forced, else the one of arrival."""
        return self.module.listener(send_socket) if send_socket else self.state.send_socket or self.received_on

    def _log(self, name: str, arguments: tuple[str, ...], code: ReturnCode) -> ReturnCode:
        self.state.notes.append(("function", name, arguments, code))
        return code


def _str(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
