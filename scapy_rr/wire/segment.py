"""The TCP segment in an IP packet, and the packet with other numbers and another payload (:rfc:`9293#section-3.1`)."""

import struct
from collections.abc import Callable
from typing import NamedTuple

from .checksum import checksum
from .datagram import TCP, past_extensions
from .splice import ip_header

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
ROUND = 1 << 32
"""So many sequence numbers there are."""
_HEADER = struct.Struct(">HHIIBBH").unpack_from
_NUMBERS = struct.Struct(">II").pack
_PSEUDO = struct.Struct(">HH").pack
_END_OF_OPTIONS, _NO_OPERATION, _MSS, _SACK, _TIMESTAMPS = 0, 1, 2, 5, 8
_SACK_BLOCK = struct.Struct(">II")


class Segment(NamedTuple):
    """A TCP segment, with its place in the packet."""

    source: bytes
    source_port: int
    destination: bytes
    destination_port: int
    sequence: int
    acknowledgement: int
    flags: int
    window: int
    payload: bytes
    tcp: int
    """Where its header begins in the packet."""
    data: int
    """Where its payload begins."""

    def options(self, packet: bytes) -> list[tuple[int, int, int]]:
        """The options of its header: kind, and where the value begins and ends in the packet; as far as they can be read."""
        found, at = [], self.tcp + 20
        while at < self.data and packet[at] != _END_OF_OPTIONS:
            if packet[at] == _NO_OPERATION:
                at += 1
                continue
            end = at + packet[at + 1] if at + 1 < self.data else 0
            if not at + 2 <= end <= self.data:
                break
            found.append((packet[at], at + 2, end))
            at = end
        return found

    def mss(self, packet: bytes) -> int | None:
        """The most bytes that it asks the other end to send in a segment; ``None`` where it does not."""
        for kind, start, end in self.options(packet):
            if kind == _MSS and end - start == 2:
                return int.from_bytes(packet[start:end], "big")
        return None


def read(packet: bytes) -> Segment | None:
    """The segment in an IP packet that begins with its header; ``None`` where there is none, or not all of it."""
    try:
        if packet[0] >> 4 == 4:
            protocol, at, addresses, width = packet[9], (packet[0] & 0x0F) * 4, 12, 4
            end = packet[2] << 8 | packet[3]
        else:
            (protocol, at), addresses, width = past_extensions(packet, 0), 8, 16
            end = 40 + (packet[4] << 8 | packet[5])
        source_port, destination_port, sequence, acknowledgement, size, flags, window = _HEADER(packet, at)
    except (IndexError, struct.error):
        return None
    # The kernel hands over segments that it has put together, or that are still to be cut: the longest has no length.
    end = end if end > at else len(packet)
    data = at + (size >> 4) * 4
    if protocol != TCP or not at + 20 <= data <= end <= len(packet):
        return None
    source, destination = packet[addresses : addresses + width], packet[addresses + width : addresses + 2 * width]
    return Segment(source, source_port, destination, destination_port, sequence, acknowledgement, flags, window, packet[data:end], at, data)


def rebuild(packet: bytes, segment: Segment, sequence: int, acknowledgement: int, flags: int, options: bytes, payload: bytes) -> bytes:
    """The packet with another segment of the same connection and direction: lengths and checksums follow, all else stays.

    :param options: a multiple of four bytes, as is what they take the place of.
    :raises TooLong: where IP cannot say the length.
    """
    tcp = segment.tcp
    offset = (20 + len(options)) << 2 | packet[tcp + 12] & 0x0F
    numbers = _NUMBERS(sequence % ROUND, acknowledgement % ROUND)
    header = packet[tcp : tcp + 4] + numbers + bytes((offset, flags)) + packet[tcp + 14 : tcp + 16]
    # Behind the checksum stands the urgent pointer.
    behind = packet[tcp + 18 : tcp + 20] + options + payload
    addresses = segment.source + segment.destination
    length = len(header) + 2 + len(behind)
    total = checksum(addresses + _PSEUDO(TCP, length) + header + behind)
    return b"".join((ip_header(packet[:tcp], length, addresses), header, total.to_bytes(2, "big"), behind))


def mapped_options(packet: bytes, segment: Segment, edge: Callable[[int], int]) -> bytes:
    """The options of a segment, with other edges of the blocks that a SACK names (:rfc:`2018#section-3`).

    A block that has become empty is left out.

    :param edge: what becomes of a number, and is taken modulo :data:`ROUND`.
    """
    options = packet[segment.tcp + 20 : segment.data]
    for kind, start, end in segment.options(packet):
        if kind == _SACK:
            blocks = [
                tuple(edge(number) % ROUND for number in block)
                for block in _SACK_BLOCK.iter_unpack(packet[start : end - (end - start) % 8])
            ]
            value = b"".join(_SACK_BLOCK.pack(*block) for block in blocks if block[0] != block[1])
            if len(value) == end - start:
                option = bytes((_SACK, len(value) + 2)) + value
            else:
                option = (bytes((_SACK, len(value) + 2)) + value if value else b"").ljust(end - start + 2, bytes([_NO_OPERATION]))
            first, last = start - 2 - segment.tcp - 20, end - segment.tcp - 20
            options = options[:first] + option + options[last:]
    return options


def kept_options(packet: bytes, segment: Segment) -> bytes:
    """Of the options of a segment those that another one of the same direction has, too: the time stamps (:rfc:`7323#section-3`)."""
    for kind, start, end in segment.options(packet):
        if kind == _TIMESTAMPS and end - start == 8:
            return bytes((_NO_OPERATION, _NO_OPERATION)) + packet[start - 2 : end]
    return b""
