"""Via values (:rfc:`3261#section-20.42`) as spans over the buffer that they stand in. Knows nothing of routing."""

import re
from dataclasses import dataclass
from functools import lru_cache

from ..errors import SipParseError
from .grammar import LWS
from .message import Header, Message
from .text import read_number

# via-parm = sent-protocol LWS sent-by *( SEMI via-params ), blanks around "/" and ":" included.
_SENT_BY = re.compile(
    LWS + rb"SIP" + LWS + rb"/" + LWS + rb"2\.0" + LWS + rb"/" + LWS + rb"([^ \t\r\n;,/]++)[ \t\r\n]++"
    rb"(\[[^\[\] \t\r\n;,]++\]|[^\[\] \t\r\n;,:]++)(?:" + LWS + rb":" + LWS + rb"([0-9]++))?",
    re.IGNORECASE,
)  # fmt: skip
# Unlike elsewhere, an IPv6 address may stand as a value without quotes, in brackets or not (received, maddr). What has no blanks, as nearly
# all there is, is tried first.
_PARAM = re.compile(
    rb"(?:;|" + LWS + rb";" + LWS + rb")([^ \t\r\n;,=]++)"
    rb"(?:(?:=(?=[^ \t\r\n])|" + LWS + rb"=" + LWS + rb')("(?:[^"\\]|\\.)*+"|[^ \t\r\n;,]*+)|)', re.DOTALL
)  # fmt: skip
_END = re.compile(LWS + rb"(?:,|\Z)" + LWS)

MAGIC_COOKIE = b"z9hG4bK"
"""What a branch of :rfc:`3261` begins with."""


# None is frozen, which would take as long as all the rest of parsing, nor a named tuple, whose fields take several times as long to read.
@dataclass(slots=True)
class Param:
    """One parameter, as offsets into the buffer."""

    start: int
    """Its semicolon."""
    end: int
    value: bytes | None
    """``None`` where it has none."""


@dataclass(slots=True)
class Via:
    """One Via value, as offsets into the buffer."""

    start: int
    end: int
    next: int
    """Where the next value of the same header begins; the end of the header's value where there is none."""
    transport: str
    """In lower case."""
    host: bytes
    """Of the sent-by, an IPv6 reference with its brackets."""
    port: int | None
    sent_by_end: int
    """Behind host and port."""
    params_start: int
    """Where its parameters begin, or would."""
    params: dict[bytes, Param]
    """By name, in lower case; of those with the same name the last one counts, as the servers have it."""

    def value(self, name: bytes) -> bytes | None:
        """The value of a parameter; ``None`` where it is not there or has none."""
        found = self.params.get(name)
        return found.value if found else None

    @property
    def branch(self) -> bytes:
        """The branch; empty where there is none."""
        return self.value(b"branch") or b""

    @classmethod
    def parse(cls, data: bytes, start: int, end: int) -> "Via":
        """Parse the first value of the list in ``data[start:end]``. :raises SipParseError: where it is none."""
        semicolon = data.find(b";", start, end)
        sent_by = data[start : semicolon if semicolon > 0 else end]
        read = _read_remembered if len(sent_by) < _LONGEST_REMEMBERED else _read_sent_by
        found = read(sent_by)
        if found is None:
            raise SipParseError("a Via without SIP/2.0, transport and host", start)
        transport, host, port, length = found
        position = sent_by_end = start + length
        params_start = 0
        params: dict[bytes, Param] = {}
        while parameter := _PARAM.match(data, position, end):
            name, value = parameter.groups()
            semicolon, position = data.index(b";", position), parameter.end()
            params_start = params_start or semicolon
            params[name.lower()] = Param(semicolon, position, value)
        following = end
        if position < end:
            behind = _END.match(data, position, end)
            if not behind:
                raise SipParseError("a malformed Via parameter", position)
            following = behind.end()
        return cls(start, position, following, transport, host, port, sent_by_end, params_start or sent_by_end, params)


def _read_sent_by(text: bytes) -> tuple[str, bytes, int | None, int] | None:
    """Transport, host and port of what stands before the parameters of a Via, and how long they are; ``None`` where they are none."""
    match = _SENT_BY.match(text)
    if not match:
        return None
    transport, host, digits = match.groups()
    return transport.decode("latin-1").lower(), host, read_number(digits) if digits else None, match.end()


# The same neighbours come again and again. Bounded by number and by the size of a key, as they are whoever sends.
_MOST_REMEMBERED, _LONGEST_REMEMBERED = 1024, 256
_read_remembered = lru_cache(_MOST_REMEMBERED)(_read_sent_by)


@dataclass(slots=True)
class TopVia:
    """The topmost Via of a message, and the header that it stands in."""

    header: Header
    via: Via

    @classmethod
    def find(cls, message: Message) -> "TopVia | None":
        """The topmost Via; ``None`` where there is none. :raises SipParseError: where it is malformed."""
        header = message.find(b"via")
        return cls(header, Via.parse(message.data, header.value_start, header.value_end)) if header else None

    @property
    def is_alone(self) -> bool:
        """Whether no other value stands in its header."""
        return self.via.next >= self.header.value_end

    def below(self, message: Message) -> "TopVia | None":
        """The Via below this one, in the same header or the next. :raises SipParseError: where it is malformed."""
        header = self.header
        if not self.is_alone:
            return TopVia(header, Via.parse(message.data, self.via.next, header.value_end))
        following = message.find(b"via", header.end)
        return TopVia(following, Via.parse(message.data, following.value_start, following.value_end)) if following else None
