"""What the module's functions work on: one message, its Routes and tags, and the state they leave behind.

No function of the script's lives here; nothing here outlives the request.
"""

from copy import copy
from typing import TYPE_CHECKING

from ..errors import SipParseError
from ..sip.edits import Edits
from ..sip.message import Message
from .listener import Listener
from .record import RecordRoute
from .returncode import ReturnCode
from .route_params import Direction, direction
from .routes import RouteSet
from .trace import Note

if TYPE_CHECKING:
    from .module import RecordRouting

CORE_HEADERS = (b"via", b"from", b"to", b"call-id", b"cseq")
"""What every message needs (:rfc:`3261#section-8.1.1`), and Kamailio's core reads before the script runs (parse_msg, receive_msg)."""
# Those that the search for a tag does not find.
_UNTAGGED = (b"via", b"call-id", b"cseq")
# Stands for a tag that was not looked for yet; told apart by identity.
_UNREAD = bytes(bytearray(b"unread"))


class State:
    """What the functions left behind on one request."""

    __slots__ = (
        "before_params", "buffered", "direction", "dropped", "dst_uri", "edits", "error", "next_hop_route", "notes", "recorded", "records",
        "route_params", "routes_read", "ruri", "send_socket", "way",
    )  # fmt: skip

    def __init__(self, ruri: bytes, send_socket: Listener | None) -> None:
        self.ruri = ruri
        self.dst_uri: bytes | None = None
        self.send_socket = send_socket
        self.edits = Edits()
        self.route_params = b""
        """The parameters of our own Route."""
        self.before_params = b";"
        """What an expression sees before them."""
        self.next_hop_route = False
        """Whether the next hop is a Route behind our own."""
        self.routes_read = False
        """Whether a function has looked for Route headers."""
        self.recorded = False
        """Whether a Record-Route was added, be it removed again."""
        self.way: str | None = None
        self.dropped: list[tuple[int, int]] = []
        """The Routes taken off, each by the place of its header and its own."""
        self.records: list[RecordRoute] = []
        self.buffered: list[bytes] = []
        self.direction: Direction | None = None
        self.error: object = None
        """Why the last function failed, where one did."""
        self.notes: list[Note] = []

    def copy(self) -> "State":
        """Another state, for a branch: what is done there stays there. The notes are the request's, and are shared."""
        other = copy(self)
        other.edits = self.edits.copy()
        other.records = [record.copy() for record in self.records]
        other.buffered, other.dropped = self.buffered.copy(), self.dropped.copy()
        return other

    def take_buffered(self) -> list[bytes]:
        """The parameters added before any Record-Route, once."""
        taken, self.buffered = self.buffered, []
        return taken


class Context:
    """One request as the functions see it."""

    __slots__ = (
        "_from_tag", "_to_tag", "data", "dialect", "identity", "message", "module", "parameters", "parse_error", "received_on", "routes",
        "source", "state",
    )  # fmt: skip

    _to_tag: bytes | None
    _from_tag: bytes | None

    def __init__(
        self, module: "RecordRouting", data: bytes, received_on: Listener, source: str | None, send_socket: Listener | None
    ) -> None:
        self.module = module
        self.dialect = module.dialect
        """The server to agree with."""
        self.identity = module.identity
        """Who we are."""
        self.parameters = module.parameters
        """The module's parameters."""
        self.data = data
        self.received_on = received_on
        """The listener that it came by."""
        self.source = source
        """Where it came from, ``address:port``, where that is known."""
        self._to_tag = self._from_tag = _UNREAD
        self.parse_error: SipParseError | None = None
        """Why the message cannot be read, where it cannot."""
        ruri = b""
        try:
            lenient = not self.dialect.core_reads_all_headers
            self.message: Message | None = Message(data, lenient)
            """The message as received; ``None`` where it cannot be read."""
            if lenient:
                self._check_core_headers()
            ruri = self.message.request_uri
        except SipParseError as error:
            self.message, self.parse_error = None, error
        self.state = State(ruri, send_socket)
        self.routes = RouteSet(self.message, module.parse_routes)
        """The Routes as received."""

    def _check_core_headers(self) -> None:
        """See that the core would let the request pass to the script. :raises SipParseError: where it would not."""
        message = self.message
        assert message is not None
        is_request = message.status is None
        for name in _UNTAGGED if is_request else CORE_HEADERS:
            if not message.has(name):
                raise message.fault or SipParseError(f"no {name.decode()} header")
        if is_request:
            self._to_tag, self._from_tag = self._tag(b"to"), self._tag(b"from")

    def to_tag(self) -> bytes | None:
        """The To tag. :raises SipParseError: without a To, or with a malformed one."""
        if self._to_tag is _UNREAD:
            self._to_tag = self._tag(b"to")
        return self._to_tag

    def from_tag(self) -> bytes | None:
        """The From tag. :raises SipParseError: without a From, or with a malformed one."""
        if self._from_tag is _UNREAD:
            self._from_tag = self._tag(b"from")
        return self._from_tag

    def _tag(self, name: bytes) -> bytes | None:
        if self.message is None:
            raise SipParseError(f"no {name.decode().title()} header")
        return self.message.tag(name, self.dialect.empty_tag_parses)

    def failed(self, reason: object, code: ReturnCode = ReturnCode.FAILED) -> ReturnCode:
        """Note why a function fails."""
        self.state.error = reason
        self.state.notes.append(("error", reason))
        return code

    def defect(self, reason: str) -> None:
        """Note that the server does something that its documentation or the RFC does not say."""
        self.state.notes.append(("defect", reason))

    def own_params(self) -> bytes:
        """The parameters of our own Route, as the functions that ask for them see them; none where there are none."""
        if self.state.route_params or not self.dialect.params_before_loose_route or not self._is_route_seen():
            return self.state.route_params
        # redo_route_params
        try:
            top = self.routes.top()
            hop = self.module.hop(top.uri) if top else None
        except SipParseError:
            return b""
        if hop is None or not hop.params or not self.identity.match(hop):
            return b""
        if not self.state.way:
            self.defect("the documentation wants loose_route before this; the parameters of the top Route are read without it")
        return hop.params

    def _is_route_seen(self) -> bool:
        """Whether the core, or a function, has come to the Route headers: the server does not look for them in this place."""
        if self.state.routes_read or self.message is None or not self.routes.headers:
            return self.state.routes_read
        core = (self.message.find(name) for name in CORE_HEADERS)
        return self.routes.headers[0].start < max(header.start for header in core if header)

    def is_upstream(self) -> bool:
        """Whether the request runs from the callee to the caller; the first answer stays (``is_direction``)."""
        if self.state.direction is None:
            try:
                tag = self.from_tag()
            except SipParseError:
                tag = None
            self.state.direction = direction(self.own_params(), tag)
        return self.state.direction is Direction.UPSTREAM

    def force_send_socket(self, listener: Listener, why: str) -> None:
        """Send by this listener."""
        self.state.send_socket = listener
        self.state.notes.append(("send socket", listener, why))

    def warn_no_socket(self, uri: bytes) -> None:
        """No listener is the one that a Route of ours names."""
        self.state.notes.append(("send socket", "none forced", f"no listener is {uri.decode('latin-1')}"))
        self.module.warn_once(uri, "no socket found to match the Route %s")

    def run_callbacks(self) -> None:
        """Run what was registered for a request routed loosely."""
        if self.module.callbacks.entries and (self.state.route_params or not self.dialect.callbacks_need_params):
            self.module.callbacks.run(self, self.state.route_params.decode("latin-1"))
