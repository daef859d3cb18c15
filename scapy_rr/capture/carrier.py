"""What an IP packet stood in: a link header, tunnels, fragments. What is sent in its place stands in the same."""

from collections.abc import Sequence
from typing import Protocol

from ..wire.fragmentation import fragment
from ..wire.link import ETHERNET, RAW_IP
from .tunnels import Inner

_DONT_FRAGMENT = 0x40
RAW = RAW_IP[2]
"""The link type of a packet that stands alone."""


class Carrier(Protocol):
    """Makes frames of packets."""

    decap: bool
    """Whether what carried the packet is left out."""

    def frames(self, packet: bytes, reverse: bool = False) -> list[bytes]:
        """The frames, in order, that carry a packet.

        :param reverse: whether it goes the other way, as far as what is around it tells the way.
        :raises ValueError: where it cannot be carried: it is too long, must not be cut, or what is around it cannot be made right.
        """


class Link:
    """The link header of a frame, and what stood behind the packet.

    :param mtu: the most bytes of a packet; 0 for no such limit.
    """

    decap = False

    def __init__(self, header: bytes, trailer: bytes, link_type: int, mtu: int) -> None:
        self._header, self._trailer, self._link_type, self._mtu = header, trailer, link_type, mtu

    def frames(self, packet: bytes, reverse: bool = False) -> list[bytes]:
        """See :meth:`Carrier.frames`."""
        header = self._header
        # Where the link header has both addresses and nothing else that tells the direction.
        if reverse and self._link_type == ETHERNET:
            header = header[6:12] + header[:6] + header[12:]
        packets = fragment(_free(packet), RAW, self._mtu) if 0 < self._mtu < len(packet) else [packet]
        return [header + one + self._trailer for one in packets]


def _free(packet: bytes) -> bytes:
    """A packet that may be cut: who sends one that is too long, as Linux does by default, leaves out DF where the path needs that."""
    return packet[:6] + bytes([packet[6] & ~_DONT_FRAGMENT]) + packet[7:] if packet[0] >> 4 == 4 else packet


class Fragments:
    """The fragments in which a packet came; those of another one are as long as the path allowed.

    :param sizes: the lengths of their payloads, in order.
    """

    def __init__(self, carrier: Carrier, sizes: Sequence[int]) -> None:
        self._carrier, self._sizes, self.decap = carrier, sizes, carrier.decap

    def frames(self, packet: bytes, reverse: bool = False) -> list[bytes]:
        """See :meth:`Carrier.frames`."""
        parts = fragment(packet, RAW, 0xFFFF, self._sizes)
        return [frame for part in parts for frame in self._carrier.frames(part, reverse)]


class Tunnel:
    """The headers of a frame or a packet whose packet is not the outermost one.

    :param inner: takes them apart and makes them again.
    :param outer: what the outermost packet stands in; ``None`` where ``inner`` is all of the frame.
    :param link_type: of that frame.
    :param mtu: the most bytes of the outermost packet; 0 for no such limit.
    :param decap: whether they are left out.
    """

    def __init__(self, inner: Inner, outer: Carrier | None, link_type: int, mtu: int, decap: bool) -> None:
        self._inner, self._outer, self._link_type, self._mtu, self.decap = inner, outer, link_type, mtu, decap

    def frames(self, packet: bytes, reverse: bool = False) -> list[bytes]:
        """See :meth:`Carrier.frames`."""
        if self._outer:
            return self._outer.frames(packet if self.decap else self._inner.frame(packet), reverse)
        frame = self._inner.decapsulated(packet) if self.decap else self._inner.frame(packet)
        return fragment(frame, self._link_type, self._mtu) if self._mtu else [frame]
