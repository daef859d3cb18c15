"""What the module's functions work on: one message, its Routes and tags, and the state they leave behind.

No function of the script's lives here; nothing here outlives the request.
"""

from typing import TYPE_CHECKING

from ..errors import SipParseError
from ..sip.edits import Edits
from ..sip.message import Message
from ..sip.nameaddr import parse_tag
from .listener import Listener
from .record import RecordRoute
from .returncode import ReturnCode
from .route_params import Direction
from .routes import RouteSet
from .trace import Note

if TYPE_CHECKING:
    from .module import RecordRouting

# Stands for a tag that was not looked for yet; told apart by identity.
_UNREAD = bytes(bytearray(b"unread"))


class State:
    """What the functions left behind on one request."""

    __slots__ = (
        "buffered", "direction", "dropped", "dst_uri", "edits", "error", "notes", "records", "route_params", "ruri", "send_socket", "way",
    )  # fmt: skip

    def __init__(self, ruri: bytes, send_socket: Listener | None) -> None:
        self.ruri = ruri
        self.dst_uri: bytes | None = None
        self.send_socket = send_socket
        self.edits = Edits()
        self.route_params = b""
        self.way: str | None = None
        self.dropped: list[tuple[int, int]] = []
        """The Routes taken off, each by the place of its header and its own."""
        self.records: list[RecordRoute] = []
        self.buffered: list[bytes] = []
        self.direction: Direction | None = None
        self.error: object = None
        """Why the last function failed, where one did."""
        self.notes: list[Note] = []

    def take_buffered(self) -> list[bytes]:
        """The parameters added before any Record-Route, once."""
        taken, self.buffered = self.buffered, []
        return taken


class Context:
    """One request as the functions see it."""

    __slots__ = (
        "_to_tag", "data", "identity", "message", "module", "parameters", "parse_error", "received_on", "routes", "source", "state",
    )  # fmt: skip

    def __init__(
        self, module: "RecordRouting", data: bytes, received_on: Listener, source: str | None, send_socket: Listener | None
    ) -> None:
        self.module = module
        self.identity = module.identity
        """Who we are."""
        self.parameters = module.parameters
        """The module's parameters."""
        self.data = data
        self.received_on = received_on
        """The listener that it came by."""
        self.source = source
        """Where it came from, ``address:port``, where that is known."""
        self._to_tag: bytes | None = _UNREAD
        self.parse_error: SipParseError | None = None
        """Why the message cannot be read, where it cannot."""
        self.message: Message | None = None
        """The message as received; ``None`` where it cannot be read."""
        try:
            self.message = message = Message(data)
        except SipParseError as error:
            self.parse_error = error
            self.state = State(b"", send_socket)
        else:
            self.state = State(data[message.uri_start : message.uri_end], send_socket)
        self.routes = RouteSet(self.message, module.parse_routes)
        """The Routes as received."""

    def to_tag(self) -> bytes | None:
        """The To tag. :raises SipParseError: without a To, or with a malformed one."""
        if self._to_tag is _UNREAD:
            self._to_tag = self._tag(b"to")
        return self._to_tag

    def from_tag(self) -> bytes | None:
        """The From tag. :raises SipParseError: without a From, or with a malformed one."""
        return self._tag(b"from")

    def _tag(self, name: bytes) -> bytes | None:
        header = self.message.find(name) if self.message else None
        if header is None:
            raise SipParseError(f"no {name.decode().title()} header")
        try:
            return parse_tag(self.data[header[1] : header[2]])
        except SipParseError as error:
            raise error.within(header.value_start) from None

    def failed(self, reason: object) -> ReturnCode:
        """Note why a function fails."""
        self.state.error = reason
        self.state.notes.append(("error", reason))
        return ReturnCode.FAILED

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
        if self.module.callbacks.entries:
            self.module.callbacks.run(self, self.state.route_params.decode("latin-1"))
