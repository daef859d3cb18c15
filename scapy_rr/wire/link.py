"""Where the IP header begins behind each link header. Knows nothing of what is in the packet."""

from collections.abc import Callable

ETHERNET, NULL, LOOP, LINUX_SLL, LINUX_SLL2 = 1, 0, 108, 113, 276
# 12 and 14 are what some systems write for raw IP, 101 is its official number.
RAW_IP = (12, 14, 101, 228, 229)

IP_TYPES = (b"\x08\x00", b"\x86\xdd")
"""Ethernet's numbers for IPv4 and IPv6."""
# 802.1Q, 802.1ad, and the number that QinQ had before 802.1ad.
VLAN_TYPES = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
"""Ethernet's numbers for what a VLAN tag stands before."""


def _tagged(data: bytes, type_at: int, network: int) -> int | None:
    """Past VLAN tags, each with the next type behind it."""
    kind = data[type_at : type_at + 2]
    while kind in VLAN_TYPES:
        kind = data[network + 2 : network + 4]
        network += 4
    return network if kind in IP_TYPES else None


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
    if link_type == ETHERNET and data.startswith(IP_TYPES, start + 12):
        return start + 14
    finder = _FINDERS.get(link_type)
    return finder(data, start) if finder else None
