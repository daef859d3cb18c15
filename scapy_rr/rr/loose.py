"""``loose_route``: which way a request with Routes goes (:rfc:`3261#section-16.4` and 16.12, as OpenSIPS' ``loose.c`` has them).

Two arrivals (loose, strict) and two next hops (loose, strict) make four ways. This module decides; it builds nothing.
"""

from typing import TYPE_CHECKING

from ..errors import SipParseError
from .hop import Hop
from .returncode import ReturnCode
from .routes import Cursor

if TYPE_CHECKING:
    from .context import Context

LOOSE_TO_LOOSE, LOOSE_TO_STRICT = "loose to loose", "loose to strict"
STRICT_TO_LOOSE, STRICT_TO_STRICT = "strict to loose", "strict to strict"

# RH_MADDR_PARAM_MAX_LEN: "sip:", the address and ":port" must fit into 127 bytes.
_LONGEST_MADDR = 117


def loose_route(req: "Context") -> ReturnCode:
    """Route by the Route headers; see :meth:`Request.loose_route`."""
    state = req.state
    state.way = state.error = None
    if req.message is None or req.message.status is not None:
        return req.failed(req.parse_error or "not a request")
    if not req.routes.headers:
        return req.failed("no Route header")
    try:
        cursor = Cursor(req.routes, state.edits)
        ruri = req.module.hop(state.ruri)
        initial = req.to_tag() is None
        state.notes.append(("dialog", initial))
        if not initial:
            match = req.identity.match(ruri)
            state.notes.append(("ruri", ruri.raw, match))
            # A GRUU of ours in the R-URI is where the request goes, not a trace of a strict router (RFC 5627 6.1).
            if match and not ruri.is_gruu:
                return _after_strict(req, cursor, ruri)
        return _after_loose(req, cursor, initial)
    except SipParseError as error:
        return req.failed(error)


def _after_loose(req: "Context", cursor: Cursor, initial: bool) -> ReturnCode:
    state, identity = req.state, req.identity
    hop = req.module.hop(cursor.entry.uri)
    match = identity.match(hop)
    state.notes.append(("route", hop.raw, match))
    by_arrival = False
    if match:
        state.route_params = hop.params
        by_arrival = True
        found = _consume(req, cursor, "own Route", hop)
        if found and req.parameters.enable_double_rr and hop.is_double:
            by_arrival = False
            found = _consume_second(req, cursor)
        if not found:
            state.way = LOOSE_TO_LOOSE
            state.notes.append(("way", "no Route is left: by the R-URI"))
            return _done(req, by_arrival, initial, ReturnCode.FAILED if initial else ReturnCode.OK)
        hop = req.module.hop(cursor.entry.uri)
    if hop.is_loose:
        _to_loose(req, cursor, hop)
    else:
        _to_strict(req, cursor, hop)
    return _done(req, by_arrival, initial, ReturnCode.OK)


def _consume(req: "Context", cursor: Cursor, what: str, hop: Hop) -> bool:
    """Take the entry under the cursor off; whether another follows."""
    req.state.notes.append(("removed", what, hop.raw))
    req.state.dropped.append(cursor.place)
    return cursor.advance()


def _consume_second(req: "Context", cursor: Cursor) -> bool:
    """Take off the second of two Routes of ours, and send by its socket; whether another follows."""
    second = req.module.hop(cursor.entry.uri)
    _force_socket_of(req, second, "the second of two own Routes names it")
    if not req.identity.match(second):
        # OpenSIPS takes the second entry off unread, even a foreign one: after r2 it is believed to be ours.
        req.state.notes.append(("defect", "r2 promises a second Route of ours; the one that follows is not, and goes all the same"))
    return _consume(req, cursor, "second own Route", second)


def _to_loose(req: "Context", cursor: Cursor, hop: Hop) -> None:
    req.state.way = LOOSE_TO_LOOSE
    req.state.notes.append(("way", LOOSE_TO_LOOSE))
    _set_dst_uri(req, hop)
    cursor.drop_passed()


def _to_strict(req: "Context", cursor: Cursor, hop: Hop) -> None:
    """A strict next hop gets its own URI in the R-URI; the R-URI goes behind all headers as the last Route (:rfc:`3261#section-16.6`)."""
    state = req.state
    assert req.message is not None
    state.way = LOOSE_TO_STRICT
    state.notes.append(("way", LOOSE_TO_STRICT))
    # As received, not as a script may have set it: save_ruri reads the first line. A failure below leaves this behind.
    saved = b"Route: <" + req.message.request_uri + b">\r\n"
    state.edits.insert(req.message.headers_end, saved)
    state.notes.append(("added", saved.rstrip()))
    _set_ruri(req, _target(hop))
    _drop(req, cursor)


def _after_strict(req: "Context", cursor: Cursor, ruri: Hop) -> ReturnCode:
    """The previous hop was a strict router: our own URI stands in the R-URI, the remote target last in the Routes."""
    state = req.state
    hop = req.module.hop(cursor.entry.uri)
    match = None
    if req.parameters.enable_double_rr and hop.is_double:
        match = req.identity.match(hop)
        state.notes.append(("route", hop.raw, match))
    if match:
        _force_socket_of(req, hop, "the second of our two Routes names it")
        if not _consume(req, cursor, "second own Route", hop):
            return req.failed("strict arrival, and no Route with the remote target is left")
        hop = req.module.hop(cursor.entry.uri)
    else:
        _force_socket_of(req, ruri, "the R-URI, our own Route, names it")
    if hop.is_loose:
        _strict_to_loose(req, cursor, hop)
    else:
        state.way = STRICT_TO_STRICT
        state.notes.append(("way", STRICT_TO_STRICT))
        _set_ruri(req, _target(hop))
        _drop(req, cursor)
    state.route_params = req.module.hop(state.ruri).params
    if state.route_params:
        state.notes.append(("defect", "after a strict arrival the route parameters are those of the remote target, not of our own Route"))
    req.run_callbacks()
    return ReturnCode.OK


def _strict_to_loose(req: "Context", cursor: Cursor, hop: Hop) -> None:
    state = req.state
    state.way = STRICT_TO_LOOSE
    state.notes.append(("way", STRICT_TO_LOOSE))
    _set_dst_uri(req, hop)
    if req.identity.match(hop):
        state.notes.append(("defect", "after a strict arrival an own Route on top stays and is the next hop (RFC 3261 16.4 removes it)"))
    cursor.drop_passed()
    target = req.routes.last()
    _set_ruri(req, _target(req.module.hop(target.uri)))
    last = len(req.routes.headers) - 1
    state.dropped.append((last, len(req.routes.entries(last)) - 1))
    state.notes.append(("removed", "last Route, the remote target,", target.uri))
    cursor.drop_last()


def _done(req: "Context", by_arrival: bool, initial: bool, code: ReturnCode) -> ReturnCode:
    if by_arrival and not initial:
        req.force_send_socket(req.received_on, "where the request arrived")
    req.run_callbacks()
    return code


def _drop(req: "Context", cursor: Cursor) -> None:
    req.state.notes.append(("removed", "Route", cursor.entry.uri))
    req.state.dropped.append(cursor.place)
    cursor.drop()


def _force_socket_of(req: "Context", hop: Hop, why: str) -> None:
    listener = req.identity.socket_of(hop)
    if listener:
        req.force_send_socket(listener, why)
    else:
        req.warn_no_socket(hop.raw)


def _target(hop: Hop) -> bytes:
    """Where a URI sends: itself, or ``sip:MADDR[:port]`` where it has one. The servers' ``get_maddr_uri`` drops all the rest."""
    if hop.maddr is None:
        return hop.raw
    if len(hop.maddr) > _LONGEST_MADDR:
        raise SipParseError(f"maddr is longer than {_LONGEST_MADDR} bytes")
    return b"sip:" + hop.maddr + (b":" + hop.written_port if hop.written_port else b"")


def _set_dst_uri(req: "Context", hop: Hop) -> None:
    req.state.dst_uri = _target(hop)
    req.state.notes.append(("next hop", "destination URI", req.state.dst_uri))


def _set_ruri(req: "Context", uri: bytes) -> None:
    # OpenSIPS puts blanks and folds of a Route into the request line, which is no SIP then, or a header that somebody else wrote.
    if len(uri.split()) != 1:
        raise SipParseError("white space in the URI that is to be the R-URI")
    req.state.ruri = uri
    req.state.notes.append(("next hop", "R-URI", uri))


def remote_target(req: "Context") -> bytes | None:
    """The URI of the far end, after ``loose_route``; see :meth:`Request.get_remote_target`."""
    way = req.state.way
    if way is None or req.message is None:
        return None
    if way == STRICT_TO_LOOSE:
        return req.state.ruri
    if way != STRICT_TO_STRICT:
        return req.message.request_uri
    try:
        return _target(req.module.hop(req.routes.last().uri))
    except SipParseError:
        return None


# MAX_RR_HDRS
_MOST_ROUTES = 64


def route_set(req: "Context") -> list[bytes] | None:
    """The Routes that the request leaves with, after ``loose_route``; see :meth:`Request.get_route_set`."""
    if req.message is None or not req.routes.headers:
        return None
    state = req.state
    # To a strict router, its own URI left the Routes for the R-URI; it belongs to the set all the same.
    uris = [state.ruri] if state.way in (LOOSE_TO_STRICT, STRICT_TO_STRICT) else []
    try:
        for number in range(len(req.routes.headers)):
            uris += [route.uri for at, route in enumerate(req.routes.entries(number)) if (number, at) not in state.dropped]
    except SipParseError:
        return None
    if len(uris) >= _MOST_ROUTES:
        return None
    # Strict to strict, the remote target stands last and is no route.
    return uris[:-1] if state.way == STRICT_TO_STRICT else uris
