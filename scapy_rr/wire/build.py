"""A UDP datagram in an IP packet, made from nothing: for what did not arrive in one. Knows nothing of what is in it."""

import struct

from .checksum import checksum
from .datagram import UDP
from .splice import TooLong

_HOP_LIMIT = 64
_LONGEST = 0xFFFF
_IPV4_HEADER = struct.Struct(">BBHHHBBH").pack
_IPV6_HEADER = struct.Struct(">IHBB").pack
# The end of the pseudo header, the addresses before it, and the UDP header behind it (RFC 768, RFC 8200 8.1).
_PSEUDO_UDP = struct.Struct(">HHHHHxx").pack
_UDP_HEADER = struct.Struct(">HHHH").pack


def build(payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int], identification: int = 0) -> bytes:
    """The packet, which may be cut on its way.

    :param source: packed address and port; the other end's is of the same family.
    :param identification: of an IPv4 packet: another one for each that may meet in a network.
    :raises TooLong: where lengths overflow.
    """
    length = len(payload) + 8
    addresses = source[0] + destination[0]
    header = 20 if len(source[0]) == 4 else 0
    if length + header > _LONGEST:
        raise TooLong(f"{length + header} bytes in an IP packet")
    total = checksum(addresses + _PSEUDO_UDP(UDP, length, source[1], destination[1], length) + payload)
    # Zero would say that there is none (RFC 768).
    udp = _UDP_HEADER(source[1], destination[1], length, total or 0xFFFF)
    if header:
        first = _IPV4_HEADER(0x45, 0, header + length, identification & 0xFFFF, 0, _HOP_LIMIT, UDP, 0)
        first = first[:10] + checksum(first + addresses).to_bytes(2, "big")
    else:
        first = _IPV6_HEADER(6 << 28, length, UDP, _HOP_LIMIT)
    return b"".join((first, addresses, udp, payload))
