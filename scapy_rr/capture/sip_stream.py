"""One direction of a connection as SIP: where messages begin and end, whatever stands before the first one."""

import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from ..errors import SipParseError
from ..sip.framing import StreamFramer
from ..sip.grammar import REQUEST_LINE, STATUS_LINE, TOKEN

# What may still become a start line: a whole token or the beginning of one, or a response's version.
_PERHAPS_START = re.compile(rb"(?:" + TOKEN + rb"(?:[ \t]|\Z)|[Ss][Ii][Pp]/)")
_LONGEST_START = 8192
# Less than a proxy takes: there may be many streams.
_MOST_HEADERS, _MOST_BODY = 65_535, 1_048_576
UNREADABLE, GAP = "stream that cannot be read on", "stream with a gap"


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


class SipStream:
    """Finds the messages in the bytes of one direction, which come in order.

    A stream is taken up at any segment that begins with a start line, as captures begin anywhere.

    :param lost: counts what could not be read, by reason.
    """

    def __init__(self, lost: Counter[str]) -> None:
        self._lost = lost
        self._framer: StreamFramer | None = None
        self._from = 0
        self._undecided = b""
        self._at = 0
        self.has_gap = False
        """Whether a part of it was not captured."""

    @property
    def settled(self) -> int:
        """The position before which every message is whole."""
        if self._framer is not None:
            return self._from + self._framer.offset
        return self._at - len(self._undecided)

    @property
    def held(self) -> int:
        """How many bytes are kept."""
        return len(self._framer.pending if self._framer else self._undecided)

    def wrapped(self, payload: bytes) -> bytes:
        """What the stream has for a message that is sent anew."""
        return payload

    def feed(self, at: int, data: bytes) -> list[StreamMessage]:
        """The messages that are whole with this piece of a segment, which begins where the one before it ended."""
        self._at = at + len(data)
        if self._framer is None:
            data = self._undecided + data
            self._undecided = b""
            start = data.lstrip(b"\r\n")
            decided = _begins_message(start)
            if decided is None:
                self._undecided = start
            if not decided:
                return []
            self._from, self._framer = self._at - len(start), StreamFramer(_MOST_HEADERS, _MOST_BODY)
            data = start
        try:
            found = self._framer.located(data)
        except SipParseError:
            # What a parser says is whatever somebody sends: it is not told apart.
            self._lost[UNREADABLE] += 1
            self._framer = None
            return []
        # Behind a whole message everything may stand: what is no keep-alive is passed over, as before the first one.
        if not self._framer.pending or _begins_message(self._framer.pending) is False:
            self._framer = None
        fixed = GAP if self.has_gap else ""
        return [StreamMessage(self._from + offset, message, message, fixed=fixed) for offset, message in found]

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
