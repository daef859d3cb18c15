"""SIP in TCP connections that are only watched: segments put in order, and the messages in them. Knows no routing."""

import struct
from collections import Counter
from typing import NamedTuple

from ..capture.messages import kind_of
from ..errors import SipParseError
from ..sip.framing import StreamFramer
from ..wire.datagram import TCP
from ..wire.link import network_offset

_FIN, _SYN, _RST = 0x01, 0x02, 0x04
_TCP_HEADER = struct.Struct(">HHI4xBB").unpack_from
_MOST, _MOST_EARLY = 512, 32
# Less than a proxy takes: there may be many of them.
_MOST_HEADERS, _MOST_BODY = 16_384, 65_536
_HALF, _ALL = 1 << 31, 1 << 32


class Segment(NamedTuple):
    """A TCP segment."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    sequence: int
    flags: int
    payload: bytes


def read(data: bytes, link_type: int) -> Segment | None:
    """The segment in a frame; ``None`` where there is none, or not all of it."""
    ip = network_offset(data, 0, link_type)
    if ip is None or ip >= len(data):
        return None
    try:
        if data[ip] >> 4 == 4:
            protocol, at = data[ip + 9], ip + (data[ip] & 0x0F) * 4
            end, addresses, width = ip + int.from_bytes(data[ip + 2 : ip + 4], "big"), ip + 12, 4
        else:
            protocol, at = data[ip + 6], ip + 40
            end, addresses, width = at + int.from_bytes(data[ip + 4 : ip + 6], "big"), ip + 8, 16
        source_port, destination_port, sequence, size, flags = _TCP_HEADER(data, at)
    except (IndexError, struct.error):
        return None
    # The kernel hands over segments that it has put together, or that are still to be cut: the longest has no length.
    end = end if end > at else len(data)
    if protocol != TCP or end > len(data):
        return None
    source, destination = data[addresses : addresses + width], data[addresses + width : addresses + 2 * width]
    payload = data[at + (size >> 4) * 4 : end]
    return Segment(source, source_port, destination, destination_port, sequence, flags, payload)


class _Flow:
    """One direction of a connection."""

    def __init__(self, sequence: int) -> None:
        self.next = sequence
        self.early: dict[int, bytes] = {}
        self.framer = StreamFramer(_MOST_HEADERS, _MOST_BODY)

    def take(self, sequence: int, payload: bytes) -> list[bytes]:
        """The messages that are whole with this segment. :raises SipParseError: where the stream cannot be read on."""
        self.early[sequence] = payload
        messages: list[bytes] = []
        while self.early:
            # Those that come next or came before are behind, by less than half the numbers there are (RFC 9293 3.4).
            behind, at = min(((self.next - at) % _ALL, at) for at in self.early)
            if behind >= _HALF:
                break
            fresh = self.early.pop(at)[behind:]
            self.next = (self.next + len(fresh)) % _ALL
            messages += self.framer.feed(fresh) if fresh else []
        if len(self.early) > _MOST_EARLY:
            raise SipParseError("a part of the stream was not seen")
        return messages


class Flows:
    """The connections that carry SIP. One is known from its first segment on that begins with a message.

    :param most: how many directions of connections are followed. The one that was silent longest goes for another.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._flows: dict[tuple[bytes, int, bytes, int], _Flow] = {}
        self.lost: Counter[str] = Counter()
        """How many could not be followed to their end, by reason."""

    def __len__(self) -> int:
        return len(self._flows)

    def messages(self, segment: Segment) -> list[bytes]:
        """The messages that are whole with a segment."""
        key, flags = segment[:4], segment.flags
        flow = self._flows.pop(key, None)
        if flow is None or flags & _SYN:
            if flags & _SYN or not kind_of(segment.payload):
                return []
            flow = _Flow(segment.sequence)
        try:
            messages = flow.take(segment.sequence, segment.payload) if segment.payload else []
        except SipParseError:
            # What a parser says is whatever somebody sends: it is not told apart.
            self.lost["streams that could not be read on"] += 1
            return []
        if not flags & (_FIN | _RST):
            if len(self._flows) >= self._most:
                del self._flows[next(iter(self._flows))]
                self.lost["too many connections"] += 1
            self._flows[key] = flow
        return messages
