"""``record_route`` and its kin: the Record-Route headers that a request gets (:rfc:`3261#section-16.6` step 4, ``record.c``).

A header names the socket that the request leaves by, which is known only when it is built: so headers are kept here as intentions, and
their text is made at the end.
"""

from typing import TYPE_CHECKING

from ..errors import ConfigError, SipParseError
from ..sip.text import encode
from .flow_token import user_part
from .listener import Listener
from .returncode import ReturnCode

if TYPE_CHECKING:
    from .context import Context

_BREAKERS = {"\r": "a carriage return", "\n": "a line feed", ">": "a closing bracket", "\0": "a NUL"}


class RecordRoute:
    """One call's Record-Route; of a pair one object makes both headers.

    :param prefix: scheme and user part, as ``sip:`` or ``sip:user@``.
    :param host: what a script gave for the host and what follows; ``None`` for the sockets' own faces.
    :param fixed: the parameters that the call wrote.
    :param added: what ``add_rr_param`` adds behind them.
    """

    __slots__ = ("_fixed", "_host", "_prefix", "added")

    def __init__(self, prefix: bytes, host: bytes | None, fixed: bytes, added: list[bytes]) -> None:
        self._prefix = prefix
        self._host = host
        self._fixed = fixed
        self.added = added

    def copy(self) -> "RecordRoute":
        """Another one, to which parameters can be added without this one's seeing them."""
        return type(self)(self._prefix, self._host, self._fixed, self.added.copy())

    def build(self, req: "Context", leaves_by: Listener) -> bytes:
        """The header lines, for a request that leaves by this socket."""
        arrived, double = req.received_on, req.parameters.enable_double_rr
        outbound, inbound = self._face(req, leaves_by, True), self._face(req, arrived, False)
        # Compared as the sockets they are, not as what they advertise (COND_IF_DIFF_REALMS).
        if double == 2 or (double and leaves_by != arrived):
            return self._line(outbound + b";r2=on") + self._line(inbound + b";r2=on")
        return self._line(outbound if req.dialect.single_record_route_outbound else inbound)

    def _face(self, req: "Context", socket: Listener, outbound: bool) -> bytes:
        name = f";sn={socket.name}" if req.parameters.sockname_mode and socket.name else ""
        return (socket.face(req.dialect, outbound) + name).encode()

    def _line(self, face: bytes) -> bytes:
        return b"Record-Route: <" + self._prefix + face + self._fixed + b"".join(self.added) + b">\r\n"


class PresetRecordRoute(RecordRoute):
    """The Record-Route of ``record_route_preset``: what the script gave, whatever the sockets are."""

    def build(self, req: "Context", leaves_by: Listener) -> bytes:
        """See :meth:`RecordRoute.build`."""
        return self._line(self._host or b"")


class AdvertisedRecordRoute(RecordRoute):
    """The Record-Route of ``record_route_advertised_address``: its address, and the transports where they differ."""

    def build(self, req: "Context", leaves_by: Listener) -> bytes:
        """See :meth:`RecordRoute.build`."""
        host, arrived, double = self._host or b"", req.received_on, req.parameters.enable_double_rr
        # Asked of the transport here, not of the socket (COND_IF_DIFF_PROTO).
        if double != 2 and leaves_by.transport == arrived.transport:
            return self._line(host)
        outbound, inbound = (b"%b;transport=%b" % (host, socket.transport.encode()) for socket in (leaves_by, arrived))
        return self._line(outbound + b";r2=on") + self._line(inbound + b";r2=on") if double else self._line(inbound)


def record_route(req: "Context", params: str | None) -> ReturnCode:
    """See :meth:`Request.record_route`."""
    text = stampable(params) if params else b""
    parts = _begin(req, req.dialect.upstream_ftag_of_to)
    if parts is None:
        return ReturnCode.FAILED
    prefix, ftag = parts
    if req.parameters.enable_double_rr == 2:
        req.defect("enable_double_rr 2 is said to write the transport; record_route leaves that of UDP out")
    req.state.records.append(RecordRoute(prefix, None, _lr(req) + ftag + text, req.state.take_buffered()))
    return _finish(req, "Record-Route with the sockets of arrival and departure")


def record_route_preset(req: "Context", outbound: str, inbound: str | None) -> ReturnCode:
    """See :meth:`Request.record_route_preset`."""
    texts = [stampable(text) for text in (outbound, inbound) if text is not None]
    if len(texts) == 2 and not req.parameters.enable_double_rr:
        return req.failed("two presets, and enable_double_rr is 0")
    parts = _begin(req, upstream_ftag_of_to=False)
    if parts is None:
        return ReturnCode.FAILED
    prefix, ftag = parts
    early = b""
    if req.dialect.preset_params_before_lr:
        early = b"".join(req.state.take_buffered())
    elif len(texts) == 2 and req.state.buffered:
        req.defect("with two presets, parameters that were added before go to the first, the outbound one, alone")
    for text in texts:
        _warn_foreign(req, text)
        req.state.records.append(PresetRecordRoute(prefix, text, ftag + early + _lr(req), req.state.take_buffered()))
    return _finish(req, "Record-Route preset " + ", ".join(text.decode("latin-1") for text in texts))


def record_route_advertised_address(req: "Context", address: str) -> ReturnCode:
    """See :meth:`Request.record_route_advertised_address`."""
    text = stampable(address)
    parts = _begin(req, req.dialect.upstream_ftag_of_to)
    if parts is None:
        return ReturnCode.FAILED
    prefix, ftag = parts
    req.state.records.append(AdvertisedRecordRoute(prefix, text, ftag + _lr(req), req.state.take_buffered()))
    return _finish(req, f"Record-Route with the advertised address {address}")


def remove_record_route(req: "Context") -> ReturnCode:
    """See :meth:`Request.remove_record_route`."""
    if req.state.records:
        req.defect("Kamailio leaves the end of the header behind as a line of its own, which is no SIP: here the whole header goes")
    req.state.records.clear()
    req.state.notes.append(("removed", "Record-Route", "what was added"))
    return ReturnCode.OK


def add_rr_param(req: "Context", param: str) -> ReturnCode:
    """See :meth:`Request.add_rr_param`."""
    text = stampable(param)
    if req.message is None or not req.message.is_request:
        return req.failed(req.parse_error or "not a request")
    records, buffered = req.state.records, req.state.buffered
    if not records:
        if sum(map(len, buffered)) + len(text) > req.dialect.most_early_params:
            return req.failed(f"more than {req.dialect.most_early_params} bytes of parameters before record_route")
        buffered.append(text)
        return ReturnCode.OK
    for record in records:
        # OpenSIPS: right behind what the call wrote, so that the last one added stands first (record.c, add_rr_param).
        record.added.insert(0 if req.dialect.late_params_in_front else len(record.added), text)
    if len(records) == 1 and isinstance(records[0], PresetRecordRoute) and req.parameters.enable_double_rr:
        if not req.dialect.late_preset_param_code:
            req.defect("the parameter is added, and the code is -1 all the same: the server looks for a second Record-Route")
        return req.dialect.late_preset_param_code
    return ReturnCode.OK


def stampable(text: str) -> bytes:
    """Text for a Record-Route, as bytes. :raises ConfigError: where it would break out of its header."""
    for char, name in _BREAKERS.items():
        if char in text:
            raise ConfigError(f"{text!r} holds {name}, which would break out of the Record-Route header")
    return encode(text)


def _begin(req: "Context", upstream_ftag_of_to: bool) -> tuple[bytes, bytes] | None:
    """Scheme and user part, and ``;ftag``, which all headers have in common; ``None`` where there can be no header."""
    if req.message is None or not req.message.is_request:
        req.failed(req.parse_error or "not a request")
        return None
    if req.state.recorded:
        req.failed("double attempt to record-route")
        return None
    try:
        user = _user(req)
        ftag = b""
        if req.parameters.append_fromtag:
            tag = req.to_tag() if upstream_ftag_of_to and req.is_upstream() else req.from_tag()
            ftag = b";ftag=" + tag if tag else b""
        prefix = b"sips:" if _is_sips(req) else b"sip:"
    except SipParseError as error:
        req.failed(error)
        return None
    return prefix + (user + b"@" if user else b""), ftag


def _lr(req: "Context") -> bytes:
    return b";lr=on" if req.parameters.enable_full_lr else b";lr"


def _is_sips(req: "Context") -> bool:
    if not req.dialect.sips_record_route or req.parameters.ignore_sips:
        return False
    try:
        # With user=phone Kamailio's parser takes it for a tel URI.
        hop = req.module.hop(req.state.ruri)
    except SipParseError:
        return False
    return hop.raw[:5].lower() == b"sips:" and not hop.is_phone


def _user(req: "Context") -> bytes:
    """The user part: a flow token, or the one configured, or the R-URI's as received, else as it is now (``get_username``)."""
    assert req.message is not None
    if req.module.flow_tokens:
        return user_part(req, req.module.flow_tokens)
    if not req.parameters.add_username:
        return b""
    custom = req.parameters.custom_user
    text = custom(req) if callable(custom) else custom
    if text:
        return stampable(text)
    user = req.module.hop(req.message.request_uri).user
    if not user and req.state.ruri != req.message.request_uri:
        user = req.module.hop(req.state.ruri).user
    return user or b""


def _warn_foreign(req: "Context", preset: bytes) -> None:
    """Say, once per address, that no socket of ours has the address that a script has stamped."""
    try:
        hop = req.module.hop(b"sip:" + preset)
    except SipParseError:
        return
    if req.identity.socket_of(hop) is None:
        req.module.warn_once(preset, "record_route_preset: no socket matches %s; requests that come back to it need it as an alias")


def _finish(req: "Context", what: str) -> ReturnCode:
    req.state.recorded = True
    req.state.notes.append(("added", what))
    return ReturnCode.OK
