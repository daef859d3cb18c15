"""``loose_route``: which way a request with Routes goes (:rfc:`3261#section-16.4` and 16.12, as the servers' ``loose.c`` has them).

Two arrivals (loose, strict) and two next hops (loose, strict) make four ways. This module decides; it builds nothing.
"""

import re
from typing import TYPE_CHECKING

from ..errors import SipParseError
from .flow_token import Tampered, flow_of
from .hop import Hop
from .returncode import ReturnCode
from .route_params import listed
from .routes import Cursor

if TYPE_CHECKING:
    from .context import Context

LOOSE_TO_LOOSE, LOOSE_TO_STRICT = "loose to loose", "loose to strict"
STRICT_TO_LOOSE, STRICT_TO_STRICT = "strict to loose", "strict to strict"

# What loose_route_mode leaves out: strict arrivals, flow tokens. Plain numbers, as an enum's own "&" takes as long as all the rest here.
LOOSE_ONLY, NO_FLOW_TOKENS = 1, 2

# Asked for every message: a member of an enum takes as long to read as ten variables.
_OK, _FLOW_TOKEN, _PRELOADED = ReturnCode.OK, ReturnCode.FLOW_TOKEN, ReturnCode.PRELOADED

_NAMED_LR = re.compile(rb";[ \t]*lr[ \t]*(?:[;=?]|\Z)", re.IGNORECASE)
# RH_MADDR_PARAM_MAX_LEN: "sip:", the address and ":port" must fit into 127 bytes.
_LONGEST_MADDR = 117


def loose_route(req: "Context", mode: int = 0) -> ReturnCode:
    """Route by the Route headers; see :meth:`Request.loose_route`."""
    state = req.state
    state.way = state.error = None
    state.routes_read = True
    state.before_params = b";"
    message, routes = req.message, req.routes
    if message is None or message.status is not None:
        return req.failed(req.parse_error or "not a request")
    if not routes.headers:
        return req.failed(message.fault or "no Route header")
    try:
        cursor = Cursor(routes, state.edits)
        ruri = req.module.hop(state.ruri)
        initial = req.to_tag() is None
        state.notes.append(("dialog", initial))
        if not initial and not mode & LOOSE_ONLY:
            match = req.identity.match(ruri)
            state.notes.append(("ruri", ruri.raw, match))
            # A GRUU of ours in the R-URI is where the request goes, not a trace of a strict router (RFC 5627 6.1).
            if match.me and not ruri.is_gruu:
                return _after_strict(req, cursor, ruri)
        return _after_loose(req, cursor, initial, mode)
    except SipParseError as error:
        return req.failed(error)
    except Tampered as error:
        return req.failed(error, ReturnCode.FLOW_TOKEN_TAMPERED)


def _after_loose(req: "Context", cursor: Cursor, initial: bool, mode: int) -> ReturnCode:
    state, module, parameters = req.state, req.module, req.parameters
    hop = module.hop(cursor.entry.uri)
    if not _is_me(req, hop):
        state.route_params = b""
        return _onward(req, cursor, hop, _OK)
    state.route_params = hop.params
    by_flow = module.flow_tokens is not None and not mode & NO_FLOW_TOKENS and _follow_flow(req, hop)
    double = parameters.enable_double_rr > 0 and hop.is_double
    if parameters.force_send_socket and not double and not by_flow:
        _force_socket_of(req, hop, "force_send_socket, and the own Route names it", warn=False)
    found = _consume(req, cursor, "own Route", hop)
    by_arrival = req.dialect.arrival_forces_socket and not initial and not (double and found)
    if found and double:
        found = _consume_second(req, cursor, by_flow)
    done = _FLOW_TOKEN if by_flow else _OK
    if found:
        hop = module.hop(cursor.entry.uri)
        state.next_hop_route = True
        return _onward(req, cursor, hop, done, by_arrival)
    state.way = LOOSE_TO_LOOSE
    state.notes.append(("way", "no Route is left: by the R-URI" if not by_flow else "no Route is left: along the flow"))
    code = req.dialect.own_preloaded_code if initial and not by_flow else done
    if code is _PRELOADED:
        req.defect("-3 is said to mean that a preloaded Route gives the next hop; it means that there was none but our own")
    return _done(req, code, by_arrival)


def _onward(req: "Context", cursor: Cursor, hop: Hop, done: ReturnCode, by_arrival: bool = False) -> ReturnCode:
    """Send to the next Route, or along the flow of a token."""
    if not hop.is_loose:
        _to_strict(req, cursor, hop)
    else:
        req.state.way = LOOSE_TO_LOOSE
        req.state.notes.append(("way", LOOSE_TO_LOOSE))
        if done is not _FLOW_TOKEN:
            _set_dst_uri(req, hop)
        cursor.drop_passed()
    return _done(req, done, by_arrival)


def _done(req: "Context", code: ReturnCode, by_arrival: bool) -> ReturnCode:
    if by_arrival:
        req.force_send_socket(req.received_on, "where the request arrived")
    req.run_callbacks()
    return code


def _follow_flow(req: "Context", hop: Hop) -> bool:
    """Send along the flow that the token in an own Route names, if it is another than the one of arrival (``process_outbound``).

    :raises Tampered: where it is none of our tokens, or names a socket that we do not have.
    """
    tokens, state = req.module.flow_tokens, req.state
    flow = tokens.decode(hop.user) if tokens and hop.user else None
    if flow is None or flow.remote == flow_of(req).remote:
        return False
    listener = req.identity.listener_at(flow.transport, *flow.local)
    if listener is None:
        raise Tampered("the flow token names a socket that is none of the listeners")
    req.force_send_socket(listener, "the flow token names it")
    state.dst_uri = flow.uri
    state.notes.append(("next hop", "destination URI, of the flow token,", flow.uri))
    return True


def _consume(req: "Context", cursor: Cursor, what: str, hop: Hop) -> bool:
    """Take the entry under the cursor off; whether another follows."""
    req.state.notes.append(("removed", what, hop.raw))
    req.state.dropped.append(cursor.place)
    return cursor.advance()


def _consume_second(req: "Context", cursor: Cursor, by_flow: bool) -> bool:
    """Take off the second of two Routes of ours, and send by its socket unless a flow token names one; whether another follows."""
    second = req.module.hop(cursor.entry.uri)
    if not by_flow:
        _force_socket_of(req, second, "the second of two own Routes names it")
    if not req.identity.match(second):
        # The servers take the second entry off unread, even a foreign one: after r2 it is believed to be ours.
        req.defect("r2 promises a second Route of ours; the one that follows is not, and goes all the same")
    return _consume(req, cursor, "second own Route", second)


def _to_strict(req: "Context", cursor: Cursor, hop: Hop) -> None:
    """A strict next hop gets its own URI in the R-URI; the R-URI goes behind all headers as the last Route (:rfc:`3261#section-16.6`)."""
    state = req.state
    assert req.message is not None
    state.way = LOOSE_TO_STRICT
    state.notes.append(("way", LOOSE_TO_STRICT))
    if _NAMED_LR.search(hop.raw):
        req.defect("the Route has lr, and the server's reader misses it: taken for a strict router")
    req.message.require_headers()
    # As received, not as a script may have set it: save_ruri reads the first line. A failure below leaves this behind.
    saved = b"Route: <" + req.message.request_uri + b">\r\n"
    state.edits.insert(req.message.headers_end, saved)
    state.notes.append(("added", saved.rstrip()))
    _set_ruri(req, _target(hop))
    _drop(req, cursor)


def _after_strict(req: "Context", cursor: Cursor, ruri: Hop) -> ReturnCode:
    """The previous hop was a strict router: our own URI stands in the R-URI, the remote target last in the Routes."""
    state, dialect = req.state, req.dialect
    state.route_params = b""
    hop = req.module.hop(cursor.entry.uri)
    if req.parameters.enable_double_rr and hop.is_double and _is_me(req, hop):
        _force_socket_of(req, hop, "the second of our two Routes names it", port_matters=dialect.transport_matters)
        if not _consume(req, cursor, "second own Route", hop):
            return req.failed("strict arrival, and no Route with the remote target is left")
        hop = req.module.hop(cursor.entry.uri)
    elif dialect.strict_arrival_forces_socket:
        _force_socket_of(req, ruri, "the R-URI, our own Route, names it")
    elif req.parameters.force_send_socket:
        req.defect("force_send_socket forces no socket after a strict arrival")
    as_received = req.message is not None and ruri.raw == req.message.request_uri
    if dialect.params_after_strict_arrival == "own" and ruri.params and as_received:
        # The expression sees them without the ";" before them: they stand before the Route in the server's buffer (check_route_param).
        # Those of an R-URI that was set before do not stand there at all, and are not used (redo_route_params).
        state.route_params, state.before_params = ruri.params, b""
    if hop.is_loose:
        _strict_to_loose(req, cursor, hop)
    else:
        state.way = STRICT_TO_STRICT
        state.notes.append(("way", STRICT_TO_STRICT))
        _set_ruri(req, _target(hop))
        _drop(req, cursor)
    if dialect.params_after_strict_arrival == "target":
        state.route_params = req.module.hop(state.ruri).params
        if state.route_params:
            req.defect("after a strict arrival the route parameters are those of the remote target, not of our own Route")
    req.run_callbacks()
    return _OK


def _is_me(req: "Context", hop: Hop) -> bool:
    match = req.identity.match(hop)
    req.state.notes.append(("route", hop.raw, match))
    return match.me


def _strict_to_loose(req: "Context", cursor: Cursor, hop: Hop) -> None:
    state = req.state
    state.way = STRICT_TO_LOOSE
    state.notes.append(("way", STRICT_TO_LOOSE))
    _set_dst_uri(req, hop)
    if req.identity.match(hop):
        req.defect("after a strict arrival an own Route on top stays and is the next hop (RFC 3261 16.4 removes it)")
    cursor.drop_passed()
    target = req.routes.last()
    _set_ruri(req, _target(req.module.hop(target.uri)))
    last = len(req.routes.headers) - 1
    state.dropped.append((last, len(req.routes.entries(last)) - 1))
    state.notes.append(("removed", "last Route, the remote target,", target.uri))
    if cursor.place == (last, len(req.routes.entries(last)) - 1) != (last, 0):
        req.defect("the server leaves an empty Route header behind: here the whole header goes")
    cursor.drop_last()


def _drop(req: "Context", cursor: Cursor) -> None:
    req.state.notes.append(("removed", "Route", cursor.entry.uri))
    req.state.dropped.append(cursor.place)
    cursor.drop()


def _force_socket_of(req: "Context", hop: Hop, why: str, warn: bool = True, port_matters: bool = True) -> None:
    if req.parameters.sockname_mode:
        params = listed(hop.params.removesuffix(b";"))
        if params is None:
            return
        named = (req.identity.socket_named(value.decode("latin-1")) for name, value in params if name == b"sn" and value)
        listener = next(filter(None, named), None)
        if listener:
            req.force_send_socket(listener, "the name in the own Route is its")
            return
    listener = req.identity.socket_of(hop, port_matters) or req.identity.socket_of(hop, req.dialect.transport_matters)
    if listener:
        req.force_send_socket(listener, why)
    elif warn:
        req.warn_no_socket(hop.raw)


def _target(hop: Hop) -> bytes:
    """Where a URI sends: itself, or ``sip:MADDR[:port]`` where it has one. The servers' ``get_maddr_uri`` drops all the rest."""
    if hop.maddr is None:
        return hop.raw
    if len(hop.maddr) > _LONGEST_MADDR:
        raise SipParseError(f"maddr is longer than {_LONGEST_MADDR} bytes")
    return b"sip:" + hop.maddr + (b":" + hop.written_port if hop.written_port else b"")


def _set_dst_uri(req: "Context", hop: Hop) -> None:
    req.state.dst_uri = uri = _target(hop)
    req.state.notes.append(("next hop", "destination URI", uri))


def _set_ruri(req: "Context", uri: bytes) -> None:
    # OpenSIPS puts blanks and folds of a Route into the request line, which is no SIP then, or a header that somebody else wrote.
    if uri.split() != [uri]:
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
