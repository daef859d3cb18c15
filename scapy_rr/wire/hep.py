"""HEP, in which Homer's agents send what they capture: 1 and 2 with a header of fixed length, 3 made of chunks. Knows no SIP.

No RFC has it. Version 3 is in the "HEP3 Network Protocol Specification" (github.com/sipcapture/HEP); 1 and 2 are what Kamailio's siptrace,
OpenSIPS's proto_hep, captagent and FreeSWITCH send: C structures, whose times and capture id are in the order of the agent's machine.
Little-endian is what is read and written.
"""

import gzip
import struct
import zlib
from typing import NamedTuple

from .datagram import SCTP, TCP, UDP
from .splice import TooLong
from .tlv import updated

PORTS = frozenset({9060, 9061, 9063})
"""Where Homer's servers listen, unless told otherwise. Agents send from any port, and HEP is known by its bytes."""
SIP = 1
"""The kind of a packet with SIP in it."""

_MAGIC = b"HEP3"
_EMPTY = b"HEP3\x00\x06"
_LONGEST = 0xFFFF
# A chunk has no room for more than 65,535 bytes; compressed ones may hold more, and a bomb holds no more than this.
_MOST_INFLATED = 1 << 20

# Vendor and type as one number: that of the generic vendor is 0, so these are the types.
_CHUNK = struct.Struct(">IH")
_FAMILY, _PROTOCOL, _SOURCE, _DESTINATION, _SOURCE6, _DESTINATION6, _SOURCE_PORT, _DESTINATION_PORT = range(1, 9)
_SECONDS, _MICROSECONDS, _KIND, _CAPTURE_ID, _PAYLOAD, _COMPRESSED = 9, 10, 11, 12, 15, 16
_NUMBERS = {_FAMILY: 1, _PROTOCOL: 1, _SOURCE_PORT: 2, _DESTINATION_PORT: 2, _SECONDS: 4, _MICROSECONDS: 4, _KIND: 1, _CAPTURE_ID: 4}
_WIDTHS = {**_NUMBERS, _SOURCE: 4, _DESTINATION: 4, _SOURCE6: 16, _DESTINATION6: 16}

# Version, length, family, protocol, ports; behind the addresses, in version 2: seconds, microseconds, capture id, and two bytes with which
# C fills its structure up.
_HEADER = struct.Struct(">BBBBHH")
_TIME = struct.Struct("<IIH2s")
# AF_INET is 2 everywhere; AF_INET6 is Linux's, OpenBSD's, FreeBSD's, macOS's.
_IPV4, _IPV6 = 2, 10
_ADDRESS = {_IPV4: 4, **dict.fromkeys((_IPV6, 24, 28, 30), 16)}
# 22 is IDP, which agents write where the message came over TLS or WebSocket.
_PROTOCOLS = (UDP, TCP, SCTP, 22)


class Hep(NamedTuple):
    """A packet of it. What the packet does not say is 0."""

    version: int
    family: int
    """As the agent's machine numbers it: 2 is IPv4, 10 is Linux's IPv6."""
    protocol: int
    """IP's number of what the payload came over; 22 where an agent says so of TLS and WebSocket."""
    source: tuple[bytes, int]
    """Packed address and port of who sent the payload."""
    destination: tuple[bytes, int]
    seconds: int
    """When it was captured, in seconds of the epoch; version 1 does not say."""
    microseconds: int
    capture_id: int
    kind: int
    """What the payload is; :data:`SIP` in versions 1 and 2, which carry nothing else."""
    payload: bytes
    packet: bytes
    """The packet as it came, with what else is in it."""

    def build(self) -> bytes:
        """The packet with these values: the very bytes that came, but for what was replaced and the lengths that follow from it.

        The family follows the addresses, which are of one kind. What version 1 and 2 have no place for is not written.

        :raises TooLong: where lengths overflow.
        """
        was = read(self.packet)
        if was == self:
            return self.packet
        return _with_chunks(self, was) if self.version == 3 else _with_header(self)

    def with_message(self, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]) -> bytes:
        """The packet with another payload between other ends. :raises TooLong: where lengths overflow."""
        return self._replace(payload=payload, source=source, destination=destination).build()


def read(data: bytes) -> Hep | None:
    """The packet that a datagram is, or the one at its start: what follows a version 3 packet by its own length stays in ``packet``.

    :returns: ``None`` where it is none, is malformed, or lacks an address or a payload (as what keeps a connection alive does).
    """
    return _read_chunks(data) if data.startswith(_MAGIC) else _read_header(data)


def make(
    payload: bytes,
    source: tuple[bytes, int],
    destination: tuple[bytes, int],
    seconds: int,
    microseconds: int,
    protocol: int = UDP,
    capture_id: int = 0,
    kind: int = SIP,
) -> bytes:
    """A version 3 packet from nothing.

    :param source: packed address and port of who sent the payload; the other end's is of the same kind.
    :param seconds: when it was captured, of the epoch.
    :param protocol: IP's number of what it came over.
    :raises TooLong: where lengths overflow.
    """
    return Hep(3, _IPV4, protocol, source, destination, seconds, microseconds, capture_id, kind, payload, _EMPTY).build()


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """The version 3 packets in what came over a connection.

    What is none, as where a capture starts in the middle, is passed over.

    :returns: the whole ones, and the rest that the next bytes are to be put behind: 65,535 bytes at most.
    """
    packets: list[bytes] = []
    done = 0
    while (at := buffer.find(_MAGIC, done)) >= 0:
        length = int.from_bytes(buffer[at + 4 : at + 6])
        if len(buffer) < at + 6 or len(buffer) < at + length:
            return packets, buffer[at:]
        if length < len(_EMPTY):
            done = at + len(_MAGIC)
            continue
        done = at + length
        packets.append(buffer[at:done])
    # The first bytes of a packet may have come already.
    return packets, buffer[max(done, len(buffer) - len(_MAGIC) + 1) :]


def _chunks(data: bytes) -> list[tuple[int, bytes]] | None:
    end, at = int.from_bytes(data[4:6]), 6
    if end > len(data):
        return None
    chunks = []
    while at + _CHUNK.size <= end:
        number, length = _CHUNK.unpack_from(data, at)
        if not _CHUNK.size <= length <= end - at:
            return None
        chunks.append((number, data[at + _CHUNK.size : at + length]))
        at += length
    return chunks if at == end else None


def _read_chunks(data: bytes) -> Hep | None:
    chunks = _chunks(data)
    if chunks is None:
        return None
    # Of two chunks of a type the last one counts, as in Kamailio.
    found = dict(chunks)
    for number, value in chunks:
        if len(value) != _WIDTHS.get(number, len(value)):
            return None
    ends = (_SOURCE, _DESTINATION) if _SOURCE in found else (_SOURCE6, _DESTINATION6)
    payload = found.get(_PAYLOAD)
    if payload is None and _COMPRESSED in found:
        payload = _inflated(found[_COMPRESSED])
    if payload is None or not found.keys() >= set(ends):
        return None
    family, protocol, source_port, destination_port, seconds, microseconds, kind, capture_id = (
        int.from_bytes(found.get(number, b"")) for number in _NUMBERS
    )
    source, destination = (found[ends[0]], source_port), (found[ends[1]], destination_port)
    return Hep(3, family, protocol, source, destination, seconds, microseconds, capture_id, kind, payload, data)


def _values(hep: Hep) -> dict[int, bytes]:
    ends = (_SOURCE, _DESTINATION) if len(hep.source[0]) == 4 else (_SOURCE6, _DESTINATION6)
    return {
        _FAMILY: bytes((_family(hep),)),
        _PROTOCOL: bytes((hep.protocol,)),
        ends[0]: hep.source[0],
        ends[1]: hep.destination[0],
        _SOURCE_PORT: hep.source[1].to_bytes(2),
        _DESTINATION_PORT: hep.destination[1].to_bytes(2),
        _SECONDS: hep.seconds.to_bytes(4),
        _MICROSECONDS: hep.microseconds.to_bytes(4),
        _KIND: bytes((hep.kind,)),
        _CAPTURE_ID: hep.capture_id.to_bytes(4),
        _PAYLOAD: hep.payload,
    }


def _family(hep: Hep) -> int:
    if len(hep.source[0]) == 4:
        return _IPV4
    return _IPV6 if hep.family == _IPV4 else hep.family


def _with_chunks(hep: Hep, was: Hep | None) -> bytes:
    chunks = _chunks(hep.packet) or []
    old, new, found = _values(was) if was else {}, _values(hep), dict(chunks)
    if was and _PAYLOAD not in found:
        del old[_PAYLOAD], new[_PAYLOAD]
        if hep.payload != was.payload:
            new[_COMPRESSED] = _deflated(hep.payload, found[_COMPRESSED])
    made = updated(chunks, old, new)
    length = len(_EMPTY) + sum(_CHUNK.size + len(value) for _, value in made)
    if length > _LONGEST:
        raise TooLong(f"{length} bytes in a HEP packet")
    parts = [_CHUNK.pack(number, _CHUNK.size + len(value)) + value for number, value in made]
    trailer = hep.packet[int.from_bytes(hep.packet[4:6]) :]
    return b"".join((_MAGIC, length.to_bytes(2), *parts, trailer))


def _inflated(data: bytes) -> bytes | None:
    """What was compressed by zlib, or by gzip, of which the specification speaks."""
    inflater = zlib.decompressobj(zlib.MAX_WBITS + 32)
    try:
        payload = inflater.decompress(data, _MOST_INFLATED)
    except zlib.error:
        return None
    return payload if inflater.eof else None


def _deflated(payload: bytes, like: bytes) -> bytes:
    return gzip.compress(payload, mtime=0) if like.startswith(b"\x1f\x8b") else zlib.compress(payload)


def _read_header(data: bytes) -> Hep | None:
    if len(data) < _HEADER.size:
        return None
    version, length, family, protocol, source_port, destination_port = _HEADER.unpack_from(data)
    width = _ADDRESS.get(family)
    if version not in (1, 2) or width is None or protocol not in _PROTOCOLS:
        return None
    middle, at = _HEADER.size + width, _HEADER.size + 2 * width
    end = at + _TIME.size if version == 2 else at
    # FreeSWITCH counts the time into the length, the others do not.
    if length not in (at, end) or len(data) < end:
        return None
    seconds, microseconds, capture_id, _ = _TIME.unpack_from(data, at) if version == 2 else (0, 0, 0, b"")
    source, destination = (data[_HEADER.size : middle], source_port), (data[middle:at], destination_port)
    return Hep(version, family, protocol, source, destination, seconds, microseconds, capture_id, SIP, data[end:], data)


def _with_header(hep: Hep) -> bytes:
    before = 2 * _ADDRESS[hep.packet[2]]
    addresses = hep.source[0] + hep.destination[0]
    length = hep.packet[1] + len(addresses) - before
    header = _HEADER.pack(hep.version, length, _family(hep), hep.protocol, hep.source[1], hep.destination[1])
    time = b""
    if hep.version == 2:
        *_, filling = _TIME.unpack_from(hep.packet, _HEADER.size + before)
        time = _TIME.pack(hep.seconds, hep.microseconds, hep.capture_id, filling)
    return b"".join((header, addresses, time, hep.payload))
