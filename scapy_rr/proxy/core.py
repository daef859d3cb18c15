"""The proxy core (:rfc:`3261#section-16`): what is done with a message before the script, after it, and when it says ``relay``."""

from ipaddress import ip_address
from typing import TYPE_CHECKING

from ..errors import SipParseError
from ..rr.listener import DEFAULT_PORTS
from . import outcome as becomes
from .branch import branch_of, loop_mark
from .checks import check, require
from .forward import add_via, count_down, mark_received, max_forwards, mend_length, split_source
from .locate import NotLocated
from .next_hop import NextHop
from .outcome import Outcome, Sent
from .reply import is_ack_of_own, own_reply
from .response import ForeignVia, drop_our_via, mend, next_hop_of
from .route_type import RouteType
from .send_socket import choose

# A named tuple's own constructor takes three times as long, and there are two for each message.
_new = tuple.__new__

if TYPE_CHECKING:
    from .router import Router
    from .script import ScriptRequest


def handle(router: "Router", req: "ScriptRequest", now: float) -> Outcome:
    """What becomes of a message; see :meth:`Router.handle`."""
    try:
        message = req.message
        if message is None:
            return _left(req, becomes.MALFORMED, str(req.parse_error))
        length = message.content_length()
        if length is not None and message.body_start + length > len(req.data):
            return _left(req, becomes.TRUNCATED, f"{len(message.body)} of {length} bytes are there")
        return _request(router, req, now) if message.status is None else _response(router, req, now)
    except SipParseError as error:
        response = req.message is not None and not req.message.is_request
        return _left(req, becomes.MALFORMED_RESPONSE if response else becomes.MALFORMED, str(error))


def _request(router: "Router", req: "ScriptRequest", now: float) -> Outcome:
    assert req.message is not None
    # Whether it is one within a dialog has to be known.
    req.to_tag()
    if router.via:
        req.top = top = require(req)
        mark = loop_mark(req)
        req.branch = branch_of(req, top, mark)
        if router.is_stateful:
            absorbed = router.transactions.absorb(req, now)
            if absorbed is not None:
                return absorbed
        if is_ack_of_own(req):
            return _left(req, becomes.ACK_OF_OWN, becomes.ACK_OF_OWN)
        forwards = max_forwards(req.message)
        refusal = check(req, top, mark, forwards)
        if refusal:
            reply(req, refusal.code, refusal.reason, refusal.headers)
            return conclude(req)
        count_down(req.message, req.state.edits, req.dialect, forwards)
        mark_received(req, req.state.edits, top.via)
    router.run(req.route, "", req)
    # An ACK is never answered, and a CANCEL of what we do not know is not ours to answer (16.10).
    if router.via and req.on_failure and req.branches and req.method not in ("ACK", "CANCEL"):
        router.transactions.add(req, now)
    return conclude(req)


def conclude(req: "ScriptRequest") -> Outcome:
    """The outcome of a request that the script has run on."""
    if req.sent:
        way = f"{becomes.ANSWERED} {req.replied[0]}" if req.replied and not req.branches else req.state.way or "by the R-URI"
        return _new(Outcome, (req.data, req.state.notes, way, "", "", tuple(req.sent)))
    if req.left:
        return _left(req, req.left, req.detail)
    return _left(req, becomes.SILENT, becomes.SILENT)


def relay(req: "ScriptRequest") -> bool:
    """Send a request to its targets; see :meth:`ScriptRequest.relay`."""
    whole, before = req.state, len(req.sent)
    if (req.failure_code or 0) >= 600:
        # 16.7 step 5; disable_6xx_block of both servers says the same.
        whole.error = f"after a {req.failure_code} there are no new targets"
        return False
    if req.appended or req.on_branch:
        _send_to_each(req)
    else:
        _send(req)
    if len(req.sent) == before:
        whole.error = req.detail
        return False
    return True


def _send_to_each(req: "ScriptRequest") -> None:
    """Send a request to several targets, or by way of a branch route: each has a state of its own."""
    whole = req.state
    own = whole.ruri, whole.dst_uri, whole.send_socket
    targets = req.appended if req.appended and req.failure_code else [own, *req.appended]
    req.appended = []
    for target in targets:
        req.state = whole.copy()
        req.state.ruri, req.state.dst_uri, req.state.send_socket = target
        req.dropped = False
        if len(targets) > 1:
            req.state.notes.append(("branch", req.branches, req.state.ruri))
        if req.on_branch:
            req.router.run(RouteType.BRANCH, req.on_branch, req)
            # What counts for the whole request, where the server has it so.
            whole.recorded |= req.state.recorded
        if not req.dropped:
            _send(req)
    req.state, req.on_branch = whole, ""


def _send(req: "ScriptRequest") -> None:
    """Send the request as it is now to its next hop, or note why that is not possible."""
    state, rr = req.state, req.module
    try:
        next_hop = req.router.locator.locate(rr.hop(state.dst_uri or state.ruri), req.branch)
    except NotLocated as error:
        req.left, req.detail = becomes.UNRESOLVED, str(error)
        return
    except SipParseError as error:
        req.left, req.detail = becomes.MALFORMED, str(error)
        return
    identity = rr.identity
    if identity.listener_at(next_hop.transport, next_hop.packed, next_hop.port):
        req.left, req.detail = becomes.OURSELVES, f"{next_hop} is a listener of ours"
        return
    send_socket = choose(identity, next_hop, state.send_socket, req.received_on)
    if send_socket is None:
        req.left, req.detail = becomes.NO_SOCKET, f"nothing of ours can send to {next_hop}"
        return
    message, edits = req.message, req.leaving_edits(send_socket)
    assert message is not None
    if req.top:
        edits = edits.copy()
        branch = b"%b.%d" % (req.branch, req.branches)
        add_via(req, edits, req.top, send_socket, branch + (f";i={req.connection}".encode() if req.connection else b""))
        state.notes.append(("via", "added for", send_socket))
        mend_length(message, edits, send_socket.transport, req.dialect)
    req.branches += 1
    req.sent.append(_new(Sent, (edits.apply(message.data), send_socket, next_hop, "")))


def reply(req: "ScriptRequest", code: int, reason: str, headers: bytes = b"") -> None:
    """Answer a request; see :meth:`ScriptRequest.reply`."""
    req.state.notes.append(("reply", code, reason))
    req.replied = code, reason
    said = f"{code} {reason}"
    if req.top is None:
        req.left = req.detail = said
    elif req.method == "ACK":
        req.left, req.detail = "an ACK is never answered", said
    elif req.source is None:
        req.left, req.detail = "where to answer to is not known", said
    else:
        try:
            next_hop = _source_hop(req)
        except SipParseError as error:
            req.left, req.detail = becomes.MALFORMED, str(error)
            return
        req.sent.append(Sent(own_reply(req, code, reason, headers), req.received_on, next_hop, req.connection))


def _source_hop(req: "ScriptRequest") -> NextHop:
    """Where a reply of our own goes: to where the request came from, at the port of its Via unless it asks for ``rport`` (18.2.2)."""
    assert req.source is not None and req.top is not None
    address, port = split_source(req.source)
    via, transport = req.top.via, req.received_on.transport
    if transport == "udp" and b"rport" not in via.params:
        port = via.port or DEFAULT_PORTS[transport]
        if port > 65535:
            raise SipParseError(f"port {port} in a Via", via.start)
    found = ip_address(address)
    return NextHop(transport, found, port, found.packed)


def _response(router: "Router", req: "ScriptRequest", now: float) -> Outcome:
    message, edits, notes = req.message, req.state.edits, req.state.notes
    assert message is not None
    if not router.via:
        return _left(req, becomes.IS_RESPONSE, "")
    req.top = top = require(req)
    try:
        below = drop_our_via(req.identity, message, edits, notes)
    except ForeignVia as error:
        return _left(req, becomes.NOT_OUR_VIA, str(error))
    if router.has(RouteType.ONREPLY):
        router.run(RouteType.ONREPLY, "", req)
        if req.dropped:
            return _left(req, req.left, req.detail)
    if below is None:
        return _left(req, becomes.NO_MORE_VIA, f"{message.status} to a request of our own")
    try:
        next_hop = next_hop_of(below.via, router.locator, notes)
    except NotLocated as error:
        return _left(req, becomes.UNRESOLVED, str(error))
    send_socket = choose(req.identity, next_hop, req.state.send_socket, req.received_on)
    if send_socket is None:
        return _left(req, becomes.NO_SOCKET, f"nothing of ours can send to {next_hop}")
    notes.append(("send socket", send_socket, "of the transport and the network of the next hop"))
    mend(message, edits, send_socket.transport, req.dialect)
    # As the servers do, our Via says by which connection the request came.
    connection = (top.via.value(b"i") or b"").decode("latin-1")
    sent = Sent(edits.apply(message.data), send_socket, next_hop, connection)
    if router.is_stateful:
        found = router.transactions.on_response(req, top.via.branch, sent, now)
        if found is not None:
            return found
    return Outcome(req.data, notes, becomes.IS_RESPONSE, "", "", (sent,))


def _left(req: "ScriptRequest", reason: str, detail: str) -> Outcome:
    return becomes.left(req.data, req.state.notes, reason, detail)
