"""The listener that a message leaves by, where nothing says it (``get_send_socket``)."""

from collections.abc import Iterable

from ..rr.identity import Identity
from ..rr.listener import Listener
from .next_hop import NextHop

# How many bits two addresses have to share to count as one network, and from how many on they are hosts of the same: nothing here knows
# the masks. Within one network the socket of arrival serves, as in the servers.
_NETWORK_BITS = {4: (8, 24), 16: (32, 64)}


def choose(identity: Identity, next_hop: NextHop, forced: Listener | None, arrived: Listener) -> Listener | None:
    """The listener for a next hop: the forced one, or its neighbour of the right transport; else the one in the next hop's network.

    Where several would do, the address that has the most leading bits of a network in common with the next hop's wins, then the listener
    of arrival, then the first one configured. ``None`` where none has the transport and the address family.
    """
    if forced and forced.transport != next_hop.transport:
        forced = identity.listener_at(next_hop.transport, forced.packed, forced.port)
    if forced and len(forced.packed) == len(next_hop.packed):
        return forced
    if arrived is identity.listeners[0] and len(identity.listeners) == 1:
        return arrived if _fits(arrived, next_hop) else None
    return _nearest((arrived, *identity.listeners), next_hop)


def _nearest(listeners: Iterable[Listener], next_hop: NextHop) -> Listener | None:
    best, most = None, -1
    for listener in listeners:
        if _fits(listener, next_hop):
            bits = _bits_in_common(listener.packed, next_hop.packed)
            if bits > most:
                best, most = listener, bits
    return best


def _fits(listener: Listener, next_hop: NextHop) -> bool:
    return listener.transport == next_hop.transport and len(listener.packed) == len(next_hop.packed)


def _bits_in_common(one: bytes, other: bytes) -> int:
    """The length of the common prefix, as far as it is a network's; 0 where it is too short for one."""
    size = 8 * len(one)
    common = size - (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_length()
    least, most = _NETWORK_BITS[len(one)]
    return min(common, most) if common >= least else 0
