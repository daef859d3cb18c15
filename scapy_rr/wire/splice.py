"""A frame with another payload and other addresses: lengths and checksums follow, every other byte stays.

The link header stays, too: which MAC the next hop has is not in the frame.
"""

import struct

from .checksum import checksum
from .datagram import UDP, Datagram

# The end of the pseudo header, the addresses before it, and the UDP header with no checksum yet (RFC 768, RFC 8200 8.1).
_PSEUDO_UDP = struct.Struct(">HHHHHxx").pack
_UDP_HEADER = struct.Struct(">HHHH").pack
_MOST = 0xFFFF


class TooLong(ValueError):
    """The payload makes the packet longer than IP can say."""


def splice(
    data: bytes, start: int, end: int, at: Datagram, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]
) -> bytes:
    """The frame ``data[start:end]`` with ``payload`` in its datagram, from ``source`` to ``destination`` (packed address, port).

    :raises TooLong: where lengths overflow.
    """
    udp_length = len(payload) + 8
    addresses = source[0] + destination[0]
    header = (_ipv4 if at.version == 4 else _ipv6)(data[at.ip : at.udp], udp_length - (at.end - at.udp), addresses)
    # In IPv4 a checksum of zero says that there is none, and stays; IPv6 has no such thing.
    total = 0
    if at.version == 6 or data[at.udp + 6] or data[at.udp + 7]:
        pseudo = _PSEUDO_UDP(UDP, udp_length, source[1], destination[1], udp_length)
        # One that comes out as zero is written as its other spelling, for the same reason (RFC 768).
        total = checksum(addresses + pseudo + payload) or 0xFFFF
    udp = _UDP_HEADER(source[1], destination[1], udp_length, total)
    return b"".join((data[start : at.ip], header, udp, payload, data[at.end : end]))


def ip_header(header: bytes, length: int, addresses: bytes) -> bytes:
    """An IP header, its options or extension headers with it, of a packet with other addresses and so many bytes behind it.

    :param addresses: packed, source and destination.
    :raises TooLong: where IP cannot say the length.
    """
    if header[0] >> 4 == 4:
        return _ipv4(header, len(header) + length - (header[2] << 8 | header[3]), addresses)
    return _ipv6(header, len(header) - 40 + length - (header[4] << 8 | header[5]), addresses)


def _ipv4(header: bytes, grown: int, addresses: bytes) -> bytes:
    length = (header[2] << 8 | header[3]) + grown
    if length > _MOST:
        raise TooLong(f"{length} bytes in an IPv4 packet")
    first = header[:2] + length.to_bytes(2, "big") + header[4:10]
    last = addresses + header[20:]
    return first + checksum(first + last).to_bytes(2, "big") + last


def _ipv6(header: bytes, grown: int, addresses: bytes) -> bytes:
    length = (header[4] << 8 | header[5]) + grown
    if length > _MOST:
        raise TooLong(f"{length} bytes in an IPv6 packet")
    return header[:4] + length.to_bytes(2, "big") + header[6:8] + addresses + header[40:]
