"""A request in the hands of a script: the module's functions under their own names.

The message is never changed; functions collect edits, and :meth:`Request.build` applies them once. Nothing outlives the request.
"""

import re

from ..errors import ConfigError, SipParseError
from ..sip.edits import Edits
from ..sip.text import encode
from . import loose, pseudo_variables, record, route_params
from .context import Context
from .listener import Listener
from .returncode import ReturnCode
from .trace import Step, read

_BREAKS_LINE = re.compile(rb"[\x00-\x20\x7f]")


class Request(Context):
    """One request; made by :meth:`RecordRouting.request`."""

    __slots__ = ()

    # What the script asks for.

    def loose_route(self) -> ReturnCode:
        """Route the request by its Routes: take ours off, find the next hop, mend what a strict router did.

        :returns: ``OK`` where the next hop comes from the route set (it is in :attr:`dst_uri`, or in :attr:`ruri` for a strict router
            and where only own Routes were there); ``FAILED`` without a Route, for an initial request with own Routes only, and on errors.
            Kamailio has ``PRELOADED`` for own Routes only, ``FLOW_TOKEN`` where a flow token gives the next hop, and
            ``FLOW_TOKEN_TAMPERED`` for one that is not ours.
        :rfc:`3261#section-16.4`, :rfc:`3261#section-16.12`. Make sure that it does not become a way around authorisation: an initial
        request (without a To tag) is routed wherever its Routes say.
        """
        return self._log("loose_route", (), loose.loose_route(self, self.parameters.loose_route_mode))

    def loose_route_mode(self, mode: int) -> ReturnCode:
        """``loose_route`` with the mode given: 0, or the sum of 1 (no strict arrivals) and 2 (no flow tokens). Kamailio's.

        :raises ConfigError: for another mode, or under another dialect.
        """
        self._require("loose_route_mode")
        if mode not in range(4):
            raise ConfigError(f"loose_route_mode is 0, 1, 2 or 3, not {mode!r}")
        return self._log("loose_route_mode", (str(mode),), loose.loose_route(self, mode))

    def loose_route_preloaded(self) -> ReturnCode:
        """``loose_route``, and whether it was an initial request with nothing but Routes of ours. Kamailio's.

        :returns: ``OK`` only for that, whatever else was done; ``FAILED`` where a preloaded Route gives the next hop, too.
        :raises ConfigError: under another dialect.
        """
        self._require("loose_route_preloaded")
        code = loose.loose_route(self)
        if code > 0:
            self.defect("the request was routed, and the code is -1 all the same: 1 means that there were only own Routes")
        code = ReturnCode.OK if code is ReturnCode.PRELOADED else ReturnCode.FAILED
        return self._log("loose_route_preloaded", (), code)

    def rr_next_hop_route(self) -> ReturnCode:
        """Whether the next hop that ``loose_route`` found stands in a Route behind our own. Kamailio's.

        :raises ConfigError: under another dialect.
        """
        self._require("rr_next_hop_route")
        return self._log("rr_next_hop_route", (), ReturnCode.OK if self.state.next_hop_route else ReturnCode.FAILED)

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

    def record_route_advertised_address(self, address: str) -> ReturnCode:
        """Put a Record-Route with this address on top, or two where the request leaves over another transport than it came. Kamailio's.

        :param address: ``host[:port]``.
        :returns: ``FAILED`` as :meth:`record_route`.
        :raises ConfigError: where the address would break out of the header, or under another dialect.
        """
        self._require("record_route_advertised_address")
        return self._log("record_route_advertised_address", (address,), record.record_route_advertised_address(self, address))

    def remove_record_route(self) -> ReturnCode:
        """Take back every Record-Route that was added; a new one is refused all the same. Kamailio's.

        :raises ConfigError: under another dialect.
        """
        self._require("remove_record_route")
        return self._log("remove_record_route", (), record.remove_record_route(self))

    def add_rr_param(self, param: str) -> ReturnCode:
        """Add a parameter to our Record-Route, be it there already or still to come.

        :param param: with its ``;``. :raises ConfigError: where it would break out of the header.
        """
        return self._log("add_rr_param", (param,), record.add_rr_param(self, param))

    def check_route_param(self, expression: str) -> ReturnCode:
        """Whether a POSIX extended regular expression, case ignored, is found in the parameters of our own Route, after ``loose_route``.

        :raises ConfigError: for an expression that the servers would not take, or Python cannot express.
        """
        found = route_params.matches(self.own_params(), self.module.expression(expression), self.state.before_params)
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
        if self.message is None:
            return self._log("is_direction", (direction,), ReturnCode.FAILED)
        is_wanted = self.is_upstream() is (wanted is route_params.Direction.UPSTREAM)
        code = ReturnCode.OK if is_wanted else ReturnCode.FAILED
        return self._log("is_direction", (direction,), code)

    # What the developer API asks for.

    def get_route_param(self, name: str) -> str | None:
        """The value of a parameter of our own Route, after ``loose_route``: ``""`` where it has none, ``None`` where it is not found."""
        value = route_params.get(self.own_params(), encode(name))
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
        """The R-URI as it is now; ``None`` where it does not parse and the server shows none then.

        Setting it: :raises SipParseError: where the server would not parse it.
        """
        try:
            self.module.hop(self.state.ruri)
        except SipParseError:
            if not self.dialect.bad_ruri_shown:
                return None
        return self.state.ruri.decode("latin-1")

    @ruri.setter
    def ruri(self, uri: str) -> None:
        self.state.ruri = self._uri(uri)

    @property
    def dst_uri(self) -> str | None:
        """Where to send to, if not to the R-URI. Setting it: :raises SipParseError: where the server would not parse it."""
        return _str(self.state.dst_uri)

    @dst_uri.setter
    def dst_uri(self, uri: str | None) -> None:
        self.state.dst_uri = None if uri is None else self._uri(uri)

    @property
    def send_socket(self) -> str | None:
        """The listener that is forced for sending, as ``udp:10.0.0.1:5060``; ``None`` where the choice is free.

        Setting it: :raises ConfigError: where it is none of our listeners.
        """
        return str(self.state.send_socket) if self.state.send_socket else None

    @send_socket.setter
    def send_socket(self, name: str | Listener | None) -> None:
        self.state.send_socket = None if name is None else self.module.listener(name)

    def _uri(self, text: str) -> bytes:
        """A URI that a script gives. :raises SipParseError: where the server does not parse it, or it would break out of its line."""
        uri = encode(text)
        broken = _BREAKS_LINE.search(uri)
        if broken:
            raise SipParseError(f"white space or a control character in the URI {text!r}", broken.start())
        return self.module.hop(uri).raw

    @property
    def rr_params(self) -> str | None:
        """``$rr_params``: the parameters of our own Route; ``None`` before ``loose_route`` and where there are none."""
        return _str(self.state.route_params or None)

    @property
    def trace(self) -> tuple[Step, ...]:
        """What was decided so far, and why."""
        return read(self.state.notes)

    def pv(self, name: str) -> str | None:
        """A pseudo-variable by its name in the scripts. :raises ConfigError: for one that the server does not have."""
        return pseudo_variables.pv(self, name)

    def build(self, send_socket: str | Listener | None = None) -> bytes:
        """The message as it leaves; the very object that came where nothing was changed.

        :param send_socket: the listener it really leaves by; else the one forced, else the one it came by.
        :raises ConfigError: where that is none of our listeners.
        """
        return self.data if self.message is None else self.leaving_edits(self._leaves_by(send_socket)).apply(self.message.data)

    def leaving_edits(self, leaves_by: Listener) -> Edits:
        """All that changes in a message that leaves by this listener; may be the state's own collection, so not to be added to."""
        message, state = self.message, self.state
        assert message is not None
        has_other_ruri = state.ruri != message.request_uri
        if not has_other_ruri and not state.records:
            return state.edits
        edits = state.edits.copy()
        for one in state.records:
            edits.insert(message.headers_start, one.build(self, leaves_by))
        if has_other_ruri:
            edits.replace(message.uri_start, message.uri_end, state.ruri)
        return edits

    def _leaves_by(self, send_socket: str | Listener | None) -> Listener:
        """The listener named, else the one forced, else the one of arrival."""
        return self.module.listener(send_socket) if send_socket else self.state.send_socket or self.received_on

    def _require(self, function: str) -> None:
        if function not in self.dialect.functions:
            raise ConfigError(f"{function} is a function of Kamailio's rr module; the dialect is {self.dialect.name}")

    def _log(self, name: str, arguments: tuple[str, ...], code: ReturnCode) -> ReturnCode:
        self.state.notes.append(("function", name, arguments, code))
        return code


def _str(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")
