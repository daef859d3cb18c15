"""The IP packet in the midst of a frame, whatever tunnels are around it; and the frame with another one in its place.

Scapy takes the headers apart and computes them again (``layers``, ``levels``). Knows nothing of what the packet carries.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..wire.tunnel import NotRewritable, may_carry, packet_length
from .decap import alone

if TYPE_CHECKING:
    from .levels import Level

# Deeper than networks stack their headers, and a bound for what somebody made up.
_MOST_LEVELS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """The innermost whole IP packet of a frame, and what is around it."""

    packet: bytes
    """By its own length. It may be a fragment: then nobody has looked into it."""
    levels: tuple[str, ...]
    """The names of what is around it, from the outermost inwards, as people call them."""
    _data: bytes = field(repr=False)
    _link_type: int = field(repr=False)
    _around: "list[Level]" = field(repr=False)
    _tail: bytes = field(repr=False)
    """What follows the packet in what carries it."""

    def frame(self, packet: bytes) -> bytes:
        """The frame with another packet in the place of this one: lengths and checksums right at every level, all else as it came.

        Padding and trailers stay; a frame check sequence that was right is right again. A UDP checksum of zero stays zero. The same
        packet gives the same frame, be there in it what may.

        :raises TooLong: (of :mod:`scapy_rr.wire.splice`) where a length overflows.
        :raises NotRewritable: where a level's header is not one that Scapy builds as it came, or the packet is of another IP version.
        """
        if packet == self.packet:
            return self._data
        if packet[:1] and packet[0] >> 4 != self.packet[0] >> 4:
            raise NotRewritable("a packet of another IP version does not fit in its place")
        made = packet + self._tail
        for level in reversed(self._around):
            made = level.around(made)
        # Whatever Scapy makes of it: it has to read as it was meant.
        again = find(made, self._link_type)
        if again is None or again.packet != packet or again.levels != self.levels:
            raise NotRewritable("its headers do not read the same with another packet in them")
        return made

    def decapsulated(self, packet: bytes) -> bytes:
        """A frame of the same link type with ``packet`` alone behind its link header.

        Of Ethernet it is the innermost Ethernet header, without VLAN tags; of IEEE 802.11 all of the radio's header and the 802.11
        header, with LLC and SNAP. Padding and trailers go; a frame check sequence of 802.11 is computed again.

        :raises TooLong: (of :mod:`scapy_rr.wire.splice`) where a length overflows.
        :raises NotRewritable: where no header of this link type can say what follows.
        """
        return alone(packet, self._link_type, self._around)


def find(data: bytes, link_type: int) -> Inner | None:
    """The innermost whole IP packet in a frame; ``None`` where there is none.

    A fragment is not looked into: put together, its packet can be given here again, as a frame of link type 101 (raw IP).

    :param link_type: its number in a capture file. Also one that is read without Scapy, and one that only Scapy knows.
    """
    from . import layers, levels

    around: list[Level] = []
    depth, packet, tail = 0, b"", b""
    cls, above, rest = layers.outermost(link_type, data), None, data
    while cls is not None and len(around) < _MOST_LEVELS:
        if layers.is_packet(cls):
            length = packet_length(rest)
            if not length:
                break
            depth, packet, tail = len(around), rest[:length], rest[length:]
            if not may_carry(packet):
                break
        above = levels.dissect(cls, rest, above)
        if above is None:
            break
        around.append(above)
        cls, rest = layers.carried(above.layer, above.payload), above.payload
    if not packet:
        return None
    del around[depth:]
    return Inner(packet, tuple(level.name for level in around), data, link_type, around, tail)
