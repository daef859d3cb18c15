"""``record_route`` and its kin: the Record-Route headers that a request gets (:rfc:`3261#section-16.6` step 4, ``record.c``).

A header names the socket that the request leaves by, which is known only when it is built: so headers are kept here as intentions, and
their text is made at the end.
"""

from typing import TYPE_CHECKING

from ..errors import ConfigError, SipParseError
from ..sip.text import encode
from .listener import Listener
from .returncode import ReturnCode

if TYPE_CHECKING:
    from .context import Context

_BREAKERS = {"\r": "a carriage return", "\n": "a line feed", ">": "a closing bracket", "\0": "a NUL"}


class RecordRoute:
    """One call's Record-Route; of a pair by ``record_route`` one object makes both headers.

    :param user: user part with its ``@``, or empty.
    :param preset: the host (and what follows) that a script gave; ``None`` for the sockets' own faces.
    :param fixed: the parameters that the call wrote.
    :param added: what ``add_rr_param`` adds behind them.
    """

    __slots__ = ("_fixed", "_preset", "_user", "added")

    def __init__(self, user: bytes, preset: bytes | None, fixed: bytes, added: list[bytes]) -> None:
        self._user = user
        self._preset = preset
        self._fixed = fixed
        self.added = added

    def build(self, received_on: Listener, send_socket: Listener, double_rr: bool) -> bytes:
        """The header lines, for a request that came by one socket and leaves by another."""
        if self._preset is not None:
            return self._line(self._preset)
        outbound = send_socket.face.encode()
        # Compared as the sockets they are, not as what they advertise (COND_IF_DIFF_REALMS).
        if received_on == send_socket or not double_rr:
            return self._line(outbound)
        return self._line(outbound + b";r2=on") + self._line(received_on.face.encode() + b";r2=on")

    def _line(self, face: bytes) -> bytes:
        return b"Record-Route: <sip:" + self._user + face + self._fixed + b"".join(self.added) + b">\r\n"


def record_route(req: "Context", params: str | None) -> ReturnCode:
    """See :meth:`Request.record_route`."""
    text = stampable(params) if params else b""
    parts = _begin(req)
    if parts is None:
        return ReturnCode.FAILED
    user, ftag = parts
    req.state.records.append(RecordRoute(user, None, b";lr" + ftag + text, req.state.take_buffered()))
    return _finish(req, "Record-Route with the sockets of arrival and departure")


def record_route_preset(req: "Context", outbound: str, inbound: str | None) -> ReturnCode:
    """See :meth:`Request.record_route_preset`."""
    texts = [stampable(text) for text in (outbound, inbound) if text is not None]
    if len(texts) == 2 and not req.parameters.enable_double_rr:
        return req.failed("two presets, and enable_double_rr is 0")
    parts = _begin(req)
    if parts is None:
        return ReturnCode.FAILED
    user, ftag = parts
    if len(texts) == 2 and req.state.buffered:
        req.state.notes.append(("defect", "with two presets, parameters that were added before go to the first, the outbound one, alone"))
    for text in texts:
        _warn_foreign(req, text)
        req.state.records.append(RecordRoute(user, text, ftag + b";lr", req.state.take_buffered()))
    return _finish(req, "Record-Route preset " + ", ".join(text.decode("latin-1") for text in texts))


def add_rr_param(req: "Context", param: str) -> ReturnCode:
    """See :meth:`Request.add_rr_param`."""
    text = stampable(param)
    if req.message is None or not req.message.is_request:
        return req.failed(req.parse_error or "not a request")
    if not req.state.records:
        req.state.buffered.append(text)
        return ReturnCode.OK
    # Right behind what the call wrote, so that the last one added stands first (record.c, add_rr_param).
    for record in req.state.records:
        record.added.insert(0, text)
    return ReturnCode.OK


def stampable(text: str) -> bytes:
    """Text for a Record-Route, as bytes. :raises ConfigError: where it would break out of its header."""
    for char, name in _BREAKERS.items():
        if char in text:
            raise ConfigError(f"{text!r} holds {name}, which would break out of the Record-Route header")
    return encode(text)


def _begin(req: "Context") -> tuple[bytes, bytes] | None:
    """The user part and ``;ftag``, which all headers have in common; ``None`` where there can be no header."""
    if req.message is None or not req.message.is_request:
        req.failed(req.parse_error or "not a request")
        return None
    if req.state.records:
        req.failed("double attempt to record-route")
        return None
    try:
        user = _user(req) if req.parameters.add_username else b""
        ftag = b""
        if req.parameters.append_fromtag:
            tag = req.from_tag()
            ftag = b";ftag=" + tag if tag else b""
    except SipParseError as error:
        req.failed(error)
        return None
    return user, ftag


def _user(req: "Context") -> bytes:
    """The user of the R-URI as received, else of the R-URI as it is now (``get_username``)."""
    assert req.message is not None
    user = req.module.hop(req.message.request_uri).user
    if not user and req.state.ruri != req.message.request_uri:
        user = req.module.hop(req.state.ruri).user
    return user + b"@" if user else b""


def _warn_foreign(req: "Context", preset: bytes) -> None:
    """Say, once per address, that no socket of ours has the address that a script has stamped."""
    try:
        hop = req.module.hop(b"sip:" + preset)
    except SipParseError:
        return
    if req.identity.socket_of(hop) is None:
        req.module.warn_once(preset, "record_route_preset: no socket matches %s; requests that come back to it need it as an alias")


def _finish(req: "Context", what: str) -> ReturnCode:
    req.state.notes.append(("added", what))
    return ReturnCode.OK
