"""One direction of a connection as SIP: where messages begin and end, whatever stands before the first one."""

import re
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from ..errors import SipParseError
from ..sip.framing import StreamFramer, begins_message, is_whole
from ..sip.grammar import REQUEST_LINE, STATUS_LINE
from ..wire import hep
from ..wire.connection_edit import EVERYTHING
from ..wire.hep import Hep
from ..wire.upgrade import Http, Upgrade, upgrade
from ..wire.websocket import WebSocketError, WebSocketFramer, replaced
from ..wire.websocket import frame as websocket_frame
from .messages import kind_of

_LATER_START = re.compile(rb"\n(?=" + REQUEST_LINE.pattern + rb"|" + STATUS_LINE.pattern + rb")")
# Less than a proxy takes: there may be many streams.
_MOST_HEADERS, _MOST_BODY = 65_535, 1_048_576
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__
UNREADABLE, GAP, COMPRESSED = "stream that cannot be read on", "stream with a gap", "compressed in its WebSocket"
UNFINISHED, ENDED, WAITED = "message that does not end", "behind the end of its connection", "message that others could not wait for"


def _as_it_is(payload: bytes) -> bytes:
    return payload


class StreamMessage(NamedTuple):
    """A message, with its place in the stream."""

    start: int
    raw: bytes
    """The bytes of the stream that are it."""
    message: bytes
    carried: Callable[[bytes], bytes] = _as_it_is
    """What the stream has in the place of :attr:`raw` for another message; for an empty one, what is left without it."""
    fixed: str = ""
    """Why no other message can stand in its place; empty where one can."""
    pdu: Hep | None = None
    """Where somebody else took it off the wire: with the addresses there."""


class _Sip:
    """Messages framed by their Content-Length.

    :param start: the position at which they begin.
    """

    def __init__(self, start: int) -> None:
        self._start, self._framer = start, StreamFramer(_MOST_HEADERS, _MOST_BODY)

    @property
    def settled(self) -> int:
        return self._start + self._framer.offset

    def feed(self, data: bytes) -> list[StreamMessage]:
        return [StreamMessage(self._start + offset, message, message) for offset, message in self._framer.located(data)]

    @property
    def surplus(self) -> bytes | None:
        """What is there and no message, so that the next one has to be looked for; ``None`` where one is open."""
        pending = self._framer.pending
        return pending if not pending or begins_message(pending) is False else None


class _WebSocket:
    """Messages in the frames of a WebSocket (:rfc:`7118`).

    :param start: the position at which frames begin.
    :param deflates: tells whether they may be compressed. The client ends its handshake before the server has agreed to that.
    """

    surplus = None

    def __init__(self, start: int, deflates: Callable[[], bool]) -> None:
        self._start, self._deflates = start, deflates
        self._framer: WebSocketFramer | None = None
        self._raw = b""

    @property
    def settled(self) -> int:
        return self._start + (self._framer.settled if self._framer else 0)

    def feed(self, data: bytes) -> list[StreamMessage]:
        if not data:
            return []
        if self._framer is None:
            self._framer = WebSocketFramer(_MOST_BODY, self._deflates())
        before = self._framer.settled
        raw = self._raw + data
        found = []
        for unit in self._framer.feed(data):
            part = raw[unit.start - before : unit.end - before]
            fixed = "" if unit.rewritable else COMPRESSED
            found.append(StreamMessage(self._start + unit.start, part, unit.message, partial(replaced, part), fixed))
        self._raw = raw[self._framer.settled - before :]
        return [one for one in found if kind_of(one.message)]


class _Hep:
    """Messages that an agent sends in HEP.

    :param start: the position at which the first packet begins.
    """

    surplus = None

    def __init__(self, start: int) -> None:
        self.settled = start
        self._buffer = b""

    def feed(self, data: bytes) -> list[StreamMessage]:
        packets, rest = hep.split(self._buffer + data)
        buffer, found, at = self._buffer + data, [], 0
        for packet in packets:
            at = buffer.index(packet, at)
            pdu = hep.read(packet)
            if pdu and kind_of(pdu.payload):
                found.append(StreamMessage(self.settled + at, packet, pdu.payload, pdu=pdu))
            at += len(packet)
        self.settled += len(buffer) - len(rest)
        self._buffer = rest
        return found


class SipStream:
    """Finds the messages in the bytes of one direction, which come in order.

    A stream is taken up at any start line, as captures begin anywhere; a WebSocket at its handshake.

    :param lost: counts what could not be read, by reason.
    """

    def __init__(self, lost: Counter[str]) -> None:
        self._lost = lost
        self._framer: _Sip | _WebSocket | _Hep | None = None
        self._undecided = b""
        self._at = 0
        self._why_passed = ""
        self._has_gap = self._is_sip = False
        self._is_cut_websocket = False
        self.peer = self
        """The other direction."""
        self.deflates = False
        """Whether it answered a handshake so that messages may be compressed."""
        self.passed = 0
        """What begins before this position has to stay as it is; :data:`EVERYTHING` once nothing can be exchanged any more."""

    @property
    def transport(self) -> str:
        """``tcp``, or ``ws`` once its handshake is over."""
        return "ws" if isinstance(self._framer, _WebSocket) else "tcp"

    @property
    def settled(self) -> int:
        """The position before which every message is whole."""
        return self._framer.settled if self._framer else self._at - len(self._undecided)

    @property
    def held(self) -> int:
        """How many bytes are kept."""
        return self._at - self.settled

    @property
    def is_open(self) -> bool:
        """Whether it is in the middle of a message."""
        return self._framer is not None and self.held > 0

    def wrapped(self, payload: bytes) -> bytes:
        """What the stream has for a message that is sent anew, by the server."""
        return websocket_frame(payload, None) if isinstance(self._framer, _WebSocket) else payload

    def feed(self, at: int, data: bytes) -> list[StreamMessage]:
        """The messages that are whole with this piece of a segment, which begins where the one before it ended."""
        self._at = at + len(data)
        if self._framer is None and not self._undecided and not self._is_cut_websocket and is_whole(data):
            # As nearly every segment is.
            found = [_new(StreamMessage, (at, data, data, _as_it_is, "", None))]
        else:
            found = self._found(data)
        self._is_sip |= bool(found)
        return [one._replace(fixed=self._why_passed) if one.start < self.passed else one for one in found] if self.passed else found

    def _found(self, data: bytes) -> list[StreamMessage]:
        try:
            return self._read(data)
        except (SipParseError, WebSocketError):
            # What a parser says is whatever somebody sends: it is not told apart.
            self._lost[UNREADABLE] += 1
            return self._read_anew(data)

    def _read(self, data: bytes) -> list[StreamMessage]:
        if self._framer is None:
            if self._is_cut_websocket:
                return self._resumed(data)
            data = self._begin(self._undecided + data)
        found: list[StreamMessage] = []
        while self._framer:
            found += self._framer.feed(data)
            surplus = self._framer.surplus
            if surplus is None:
                break
            # Behind a whole message everything may stand: what is no keep-alive is passed over, as before the first one.
            self._framer = None
            data = self._begin(surplus)
        return found

    def _read_anew(self, data: bytes) -> list[StreamMessage]:
        """What cannot be read may have ended with the segment before."""
        self._framer = None
        try:
            return self._read(data)
        except (SipParseError, WebSocketError):
            self._framer = None
            return []

    def _begin(self, data: bytes) -> bytes:
        """Find out what the stream goes on with. :returns: what is behind that, where it is framed."""
        start = data.lstrip(b"\r\n")
        self._undecided = b""
        decided = begins_message(start)
        if decided:
            self._framer = _Sip(self._at - len(start))
            return start
        if start.startswith(b"HEP3"):
            self._framer = _Hep(self._at - len(start))
            return start
        began = upgrade(start) if start else Http.NONE
        if isinstance(began, Upgrade):
            self.deflates = began.accepted and began.deflate
            rest = start[began.end :]
            self._framer = _WebSocket(self._at - len(rest), self._may_deflate)
            return rest
        if decided is None or began is Http.CUT:
            self._undecided = start
            return b""
        later = _LATER_START.search(start) if b"SIP/2.0" in start else None
        if later:
            start = start[later.end() :]
            self._framer = _Sip(self._at - len(start))
        return start

    def _may_deflate(self) -> bool:
        return self.deflates or self.peer.deflates

    def _resumed(self, data: bytes) -> list[StreamMessage]:
        """The messages in a segment of a WebSocket of which a part is missing, if it begins with one: where frames begin, no frame says."""
        framer = _WebSocket(self._at - len(data), self._may_deflate)
        with suppress(WebSocketError):
            found = framer.feed(data)
            if found:
                self._framer, self._is_cut_websocket = framer, False
                return found
        return []

    def skip(self) -> None:
        """A part of the stream was not captured: what is not whole never will be."""
        self.miss(EVERYTHING)
        self._is_cut_websocket |= isinstance(self._framer, _WebSocket)
        self._framer, self._undecided = None, b""

    def miss(self, position: int) -> None:
        """Before a position there is something that was not captured."""
        # Of other streams nobody wants to know.
        if not self._has_gap and (self._is_sip or self.peer._is_sip):
            self._lost[GAP] += 1
            self._has_gap = True
        self.let_pass(position, GAP)

    def let_pass(self, position: int, why: str) -> None:
        """Whatever begins before a position has to stay as it is, and why; what was said before is not taken back."""
        if position > self.passed:
            self.passed, self._why_passed = position, why
