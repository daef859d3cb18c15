"""One direction of a connection as SIP: where messages begin and end, whatever stands before the first one."""

import re
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from ..errors import SipParseError
from ..sip.framing import StreamFramer
from ..sip.grammar import REQUEST_LINE, STATUS_LINE, TOKEN
from ..wire import hep
from ..wire.hep import Hep
from ..wire.upgrade import Http, Upgrade, upgrade
from ..wire.websocket import WebSocketError, WebSocketFramer, replaced
from ..wire.websocket import frame as websocket_frame
from .messages import kind_of

# What may still become a start line: a whole token or the beginning of one, or a response's version.
_PERHAPS_START = re.compile(rb"(?:" + TOKEN + rb"(?:[ \t]|\Z)|[Ss][Ii][Pp]/)")
_LONGEST_START = 8192
# Less than a proxy takes: there may be many streams.
_MOST_HEADERS, _MOST_BODY = 65_535, 1_048_576
UNREADABLE, GAP, COMPRESSED = "stream that cannot be read on", "stream with a gap", "compressed in its WebSocket"


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
    def is_between(self) -> bool:
        """Whether a message may begin anew: none is open, or what is there is none."""
        return not self._framer.pending or _begins_message(self._framer.pending) is False


class _WebSocket:
    """Messages in the frames of a WebSocket (:rfc:`7118`).

    :param start: the position at which frames begin.
    :param deflate: whether they may be compressed.
    """

    is_between = False

    def __init__(self, start: int, deflate: bool) -> None:
        self._start, self._framer = start, WebSocketFramer(_MOST_BODY, deflate)
        self._raw = b""

    @property
    def settled(self) -> int:
        return self._start + self._framer.settled

    def feed(self, data: bytes) -> list[StreamMessage]:
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

    is_between = False

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

    A stream is taken up at any segment that begins with a start line, as captures begin anywhere; a WebSocket at its handshake.

    :param lost: counts what could not be read, by reason.
    """

    def __init__(self, lost: Counter[str]) -> None:
        self._lost = lost
        self._framer: _Sip | _WebSocket | _Hep | None = None
        self._undecided = b""
        self._at = 0
        self.peer = self
        """The other direction."""
        self.deflates = False
        """Whether it answered a handshake so that messages may be compressed."""
        self.has_gap = False
        """Whether a part of it was not captured."""

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

    def wrapped(self, payload: bytes) -> bytes:
        """What the stream has for a message that is sent anew, by the server."""
        return websocket_frame(payload, None) if isinstance(self._framer, _WebSocket) else payload

    def feed(self, at: int, data: bytes) -> list[StreamMessage]:
        """The messages that are whole with this piece of a segment, which begins where the one before it ended."""
        self._at = at + len(data)
        if self._framer is None:
            data = self._begin(self._undecided + data)
            if self._framer is None:
                return []
        try:
            found = self._framer.feed(data)
        except (SipParseError, WebSocketError):
            # What a parser says is whatever somebody sends: it is not told apart.
            self._lost[UNREADABLE] += 1
            self._framer = None
            return []
        # Behind a whole message everything may stand: what is no keep-alive is passed over, as before the first one.
        if self._framer.is_between:
            self._framer = None
        return [one._replace(fixed=GAP) for one in found] if self.has_gap else found

    def _begin(self, data: bytes) -> bytes:
        """Find out what the stream goes on with. :returns: what is behind that, where it is framed."""
        start = data.lstrip(b"\r\n")
        self._undecided = b""
        decided = _begins_message(start)
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
            self._framer = _WebSocket(self._at - len(rest), self.deflates or self.peer.deflates)
            return rest
        if decided is None or began is Http.CUT:
            self._undecided = start
        return b""

    def skip(self) -> None:
        """A part of the stream was not captured: what is not whole never will be."""
        if not self.has_gap:
            self._lost[GAP] += 1
        self.has_gap, self._framer, self._undecided = True, None, b""


def _begins_message(data: bytes) -> bool | None:
    """Whether a stream begins with a start line here; ``None`` while that is open."""
    if REQUEST_LINE.match(data) or STATUS_LINE.match(data):
        return True
    if not data:
        return False
    return None if _PERHAPS_START.match(data) and b"\n" not in data and len(data) < _LONGEST_START else False
