"""A frame with another payload and other addresses: lengths and checksums follow, every other byte stays.

The link header stays, too: which MAC the next hop has is not in the frame.
"""

import struct

from .checksum import checksum
from .datagram import UDP, Datagram

_UDP_HEADER = struct.Struct(">HHHH")
_MOST = 0xFFFF


class TooLong(ValueError):
    """The payload makes the packet longer than IP can say."""


def splice(
    data: bytes, start: int, end: int, at: Datagram, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]
) -> bytes:
    """The frame ``data[start:end]`` with ``payload`` in its datagram, from ``source`` to ``destination`` (packed address, port).

    :raises TooLong: where lengths overflow.
    """
    grown = len(payload) - (at.end - at.payload)
    udp_length = len(payload) + 8
    header = (_ipv4 if at.version == 4 else _ipv6)(data[at.ip : at.udp], grown, source[0], destination[0])
    udp = _UDP_HEADER.pack(source[1], destination[1], udp_length, 0)
    # In IPv4 a checksum of zero says that there is none, and stays; IPv6 has no such thing.
    if at.version == 6 or data[at.udp + 6] or data[at.udp + 7]:
        pseudo = source[0] + destination[0] + udp_length.to_bytes(4, "big") + UDP.to_bytes(4, "big")
        # A sum that comes out as zero is written as its other spelling, for the same reason (RFC 768).
        udp = udp[:6] + (checksum(pseudo + udp + payload) or 0xFFFF).to_bytes(2, "big")
    return b"".join((data[start : at.ip], header, udp, payload, data[at.end : end]))


def _ipv4(header: bytes, grown: int, source: bytes, destination: bytes) -> bytes:
    length = int.from_bytes(header[2:4], "big") + grown
    if length > _MOST:
        raise TooLong(f"{length} bytes in an IPv4 packet")
    changed = b"".join((header[:2], length.to_bytes(2, "big"), header[4:10], b"\0\0", source, destination, header[20:]))
    return changed[:10] + checksum(changed).to_bytes(2, "big") + changed[12:]


def _ipv6(header: bytes, grown: int, source: bytes, destination: bytes) -> bytes:
    length = int.from_bytes(header[4:6], "big") + grown
    if length > _MOST:
        raise TooLong(f"{length} bytes in an IPv6 packet")
    return b"".join((header[:4], length.to_bytes(2, "big"), header[6:8], source, destination))
