"""The TCP segment in an IP packet, and the packet with other numbers and another payload (:rfc:`9293#section-3.1`)."""

import struct
from collections.abc import Sequence
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
_TWO_NO_OPERATIONS = bytes((_NO_OPERATION, _NO_OPERATION))
_SACK_BLOCK = struct.Struct(">II")
# A named tuple's own constructor takes three times as long, and there is one for each segment.
_new = tuple.__new__


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

    def blocks(self, packet: bytes) -> list[tuple[int, int]]:
        """What it says has come behind a gap: each block's first number, and the one behind its last (:rfc:`2018#section-3`)."""
        if self.data == self.tcp + 20:
            return []
        return [
            _SACK_BLOCK.unpack_from(packet, at)
            for kind, start, end in self.options(packet)
            if kind == _SACK
            for at in range(start, end - 7, 8)
        ]


def read(packet: bytes) -> Segment | None:
    """The segment in an IP packet that begins with its header; ``None`` where there is none, or not all of it."""
    # The kernel hands over segments that it has put together, or that are still to be cut: the longest have no length.
    try:
        version = packet[0] >> 4
        if version == 4:
            protocol, at, addresses, width = packet[9], (packet[0] & 0x0F) * 4, 12, 4
            end = packet[2] << 8 | packet[3] or len(packet)
        else:
            (protocol, at), addresses, width = past_extensions(packet, 0), 8, 16
            end = 40 + (packet[4] << 8 | packet[5] or len(packet) - 40)
        source_port, destination_port, sequence, acknowledgement, size, flags, window = _HEADER(packet, at)
    except (IndexError, struct.error):
        return None
    data = at + (size >> 4) * 4
    if version not in (4, 6) or protocol != TCP or not 20 <= at <= data - 20 <= end - 20 <= len(packet) - 20:
        return None
    source, destination = packet[addresses : addresses + width], packet[addresses + width : addresses + 2 * width]
    ends = source, source_port, destination, destination_port
    return _new(Segment, (*ends, sequence, acknowledgement, flags, window, packet[data:end], at, data))


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
    below = ip_header(packet[:tcp], length, addresses)
    total = checksum(addresses + _PSEUDO(TCP, length) + header + behind)
    return b"".join((below, header, total.to_bytes(2, "big"), behind))


def renumbered(packet: bytes, segment: Segment, sequence: int, acknowledgement: int) -> bytes:
    """The packet with other numbers and nothing else: its checksum follows from what it was (:rfc:`1624`), be it right or wrong."""
    tcp, sequence, acknowledgement = segment.tcp, sequence % ROUND, acknowledgement % ROUND
    moved = sequence - segment.sequence + acknowledgement - segment.acknowledgement
    # A long number and its 16-bit words' sum have the same residue; 0 stands for 0xFFFF, as words that are all 0 do not occur.
    total = (0xFFFF - (packet[tcp + 16] << 8 | packet[tcp + 17]) + moved) % 0xFFFF or 0xFFFF
    words = (0xFFFF - total).to_bytes(2, "big")
    return b"".join((packet[: tcp + 4], _NUMBERS(sequence, acknowledgement), packet[tcp + 12 : tcp + 16], words, packet[tcp + 18 :]))


def options_with(packet: bytes, segment: Segment, blocks: Sequence[tuple[int, int]]) -> bytes:
    """The options of a segment, with other blocks in its SACK: as many as it has, or fewer.

    :param blocks: are taken modulo :data:`ROUND`.
    """
    left = b"".join(_SACK_BLOCK.pack(start % ROUND, end % ROUND) for start, end in blocks)
    options, at = b"", segment.tcp + 20
    for kind, start, end in segment.options(packet):
        if kind == _SACK:
            size = (end - start) // 8 * 8
            value, left = left[:size], left[size:]
            before = packet[at : start - 2]
            # Without it, what made its length a multiple of four has no use, and too much of that looks odd.
            options += before + bytes((_SACK, len(value) + 2)) + value if value else before.removesuffix(_TWO_NO_OPERATIONS)
            at = end
    options += packet[at : segment.data]
    return options + bytes(-len(options) % 4)


def kept_options(packet: bytes, segment: Segment) -> bytes:
    """Of the options of a segment those that another one of the same direction has, too: the time stamps (:rfc:`7323#section-3`)."""
    for kind, start, end in segment.options(packet):
        if kind == _TIMESTAMPS and end - start == 8:
            return _TWO_NO_OPERATIONS + packet[start - 2 : end]
    return b""
