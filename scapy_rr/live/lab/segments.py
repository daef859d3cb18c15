"""SIP messages out of captured TCP segments. Knows neither files nor links."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import NamedTuple

from ...errors import SipParseError
from ...sip.framing import StreamFramer

_TCP_HEADER = struct.Struct(">HHIIBB6x").unpack_from
_FIN_SYN_RST, _SYN = 0x07, 0x02
# Of segments that came before their time, more than a window of small ones.
_MOST_AHEAD = 1024
_ROUND = 1 << 32


class Segment(NamedTuple):
    """One TCP segment."""

    source: str
    """``10.0.0.5:5060``."""
    destination: str
    sequence: int
    is_opening: bool
    payload: bytes


def read_segment(frame: bytes, ip: int) -> Segment | None:
    """The TCP segment in a frame; ``None`` where its headers are cut or it is a fragment.

    :param ip: where the IP header begins, of a packet of TCP without IPv6 extension headers.
    """
    try:
        if frame[ip] >> 4 == 4:
            start, length = ip + 4 * (frame[ip] & 15), int.from_bytes(frame[ip + 2 : ip + 4], "big")
            addresses = frame[ip + 12 : ip + 16], frame[ip + 16 : ip + 20]
        else:
            start, length = ip + 40, 40 + int.from_bytes(frame[ip + 4 : ip + 6], "big")
            addresses = frame[ip + 8 : ip + 24], frame[ip + 24 : ip + 40]
        source, destination, sequence, _, offset, flags = _TCP_HEADER(frame, start)
    except (IndexError, struct.error):
        return None
    payload = frame[start + (offset >> 4) * 4 : ip + length]
    ends = [spell(address, port) for address, port in zip(addresses, (source, destination), strict=True)]
    return Segment(ends[0], ends[1], sequence, flags & _FIN_SYN_RST == _SYN, payload)


def spell(address: bytes, port: int) -> str:
    """A packed address and a port, ``[2001:db8::1]:5060``."""
    text = str(ip_address(address))
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


@dataclass
class _Stream:
    expected: int
    framer: StreamFramer = field(default_factory=StreamFramer)
    ahead: dict[int, bytes] = field(default_factory=dict)


class Streams:
    """The messages of each direction of each connection, as they become whole."""

    def __init__(self) -> None:
        self._streams: dict[tuple[str, str], _Stream] = {}

    def feed(self, segment: Segment) -> Iterator[bytes]:
        """Take a segment; yield the messages that it completes. A stream that is no SIP yields no more."""
        ends = segment.source, segment.destination
        if segment.is_opening:
            self._streams[ends] = _Stream((segment.sequence + 1) % _ROUND)
        elif segment.payload:
            # A capture may begin within a connection.
            stream = self._streams.setdefault(ends, _Stream(segment.sequence))
            stream.ahead[segment.sequence] = segment.payload
            yield from _whole(stream)


def _whole(stream: _Stream) -> Iterator[bytes]:
    for sequence in sorted(stream.ahead, key=lambda one: (one - stream.expected) % _ROUND):
        payload = stream.ahead[sequence]
        known = (stream.expected - sequence) % _ROUND
        if known >= _ROUND // 2:
            break
        del stream.ahead[sequence]
        fresh = payload[known:]
        stream.expected = (stream.expected + len(fresh)) % _ROUND
        try:
            yield from stream.framer.feed(fresh) if fresh else ()
        except SipParseError:
            stream.framer = StreamFramer()
    while len(stream.ahead) > _MOST_AHEAD:
        del stream.ahead[next(iter(stream.ahead))]
