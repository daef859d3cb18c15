"""Where the IP header begins behind each link header. Knows nothing of what is in the packet."""

import struct
from collections.abc import Callable

from .tunnel import IPV6_EXTENSIONS, TUNNEL_PORTS, TUNNEL_PROTOCOLS

ETHERNET, NULL, LOOP, LINUX_SLL, LINUX_SLL2 = 1, 0, 108, 113, 276
# 12 and 14 are what some systems write for raw IP, 101 is its official number.
RAW_IP = (12, 14, 101, 228, 229)

_IP_TYPES = (b"\x08\x00", b"\x86\xdd")
# 802.1Q, 802.1ad, and the number that QinQ had before 802.1ad.
_VLAN_TYPES = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")


def _tagged(data: bytes, type_at: int, network: int) -> int | None:
    """Past VLAN tags, each with the next type behind it."""
    kind = data[type_at : type_at + 2]
    while kind in _VLAN_TYPES:
        kind = data[network + 2 : network + 4]
        network += 4
    return network if kind in _IP_TYPES else None


_FINDERS: dict[int, Callable[[bytes, int], int | None]] = {
    ETHERNET: lambda data, start: _tagged(data, start + 12, start + 14),
    LINUX_SLL: lambda data, start: _tagged(data, start + 14, start + 16),
    LINUX_SLL2: lambda data, start: _tagged(data, start, start + 20),
    # The address family in front has another number on each system; the IP version says the same.
    NULL: lambda data, start: start + 4,
    LOOP: lambda data, start: start + 4,
    **dict.fromkeys(RAW_IP, lambda data, start: start),
}


def is_known(link_type: int) -> bool:
    """Whether frames of this link type can be read."""
    return link_type in _FINDERS


def network_offset(data: bytes, start: int, link_type: int) -> int | None:
    """Where the IP header of the frame at ``start`` begins; ``None`` where it carries something else or the link type is unknown."""
    if link_type == ETHERNET and data.startswith(_IP_TYPES, start + 12):
        return start + 14
    finder = _FINDERS.get(link_type)
    return finder(data, start) if finder else None


# Of an IPv4 header, or an IPv6 one: what tells whether a plain datagram follows; then the destination port behind 20 bytes.
_FIELDS = struct.Struct(">B5xHxB12xH").unpack_from
_DATAGRAM_PORT = struct.Struct(">H").unpack_from
# TCP and SCTP cut messages as they like; so do IPv6's fragments.
_LOOKED_INTO = frozenset({6, 132, 44, *IPV6_EXTENSIONS, *TUNNEL_PROTOCOLS})
_UDP = 17
# Ethernet types of what IP may stand in: MPLS, PPPoE sessions, provider backbone bridges.
_TUNNEL_TYPES = (b"\x88\x47", b"\x88\x48", b"\x88\x64", b"\x88\xe7")


def is_dull(data: bytes, start: int, link_type: int) -> bool:
    """Whether the frame at ``start`` is certainly no part of something larger, and no tunnel: a whole datagram, or no IP at all.

    What it holds is in plain sight then, so that it can be told from its bytes alone whether it has to be looked at.
    """
    ip = start + 14 if link_type == ETHERNET and data.startswith(_IP_TYPES, start + 12) else network_offset(data, start, link_type)
    if ip is None:
        return not (link_type == ETHERNET and data[start + 12 : start + 14] in _TUNNEL_TYPES)
    try:
        first, fragment, protocol, port = _FIELDS(data, ip)
        if first >> 4 == 6:
            protocol, fragment = fragment >> 8, 0
            (port,) = _DATAGRAM_PORT(data, ip + 42)
        elif first != 0x45:
            return False
    except struct.error:
        # The buffer ends here: one frame more is looked at.
        return False
    return not fragment & 0x3FFF and (port not in TUNNEL_PORTS if protocol == _UDP else protocol not in _LOOKED_INTO)
