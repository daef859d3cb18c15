"""A packet alone behind the link header of the frame that it came in, deep in tunnels. Knows nothing of what the packet carries."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..wire.link import ETHERNET, LINUX_SLL, LINUX_SLL2, LOOP, NULL, RAW_IP
from ..wire.tunnel import NotRewritable

if TYPE_CHECKING:
    from .levels import Level

_ETHER_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_PPP_PROTOCOLS = {4: b"\x00\x21", 6: b"\x00\x57"}
_IPV4_FAMILY = 2
# Of the numbers that systems have for IPv6, that of macOS, which writes NULL, and that of OpenBSD, which writes LOOP.
_IPV6_FAMILIES = {"Loopback": 30, "LoopbackOpenBSD": 24}
_VERSIONS = {228: 4, 229: 6}


def alone(packet: bytes, link_type: int, around: "Sequence[Level]") -> bytes:
    """The frame. :raises TooLong, NotRewritable: see :meth:`scapy_rr.capture.tunnels.Inner.decapsulated`."""
    version = packet[0] >> 4 if packet else 0
    if version not in _ETHER_TYPES:
        raise NotRewritable("what is to be alone is no IP packet")
    if _VERSIONS.get(link_type, version) != version:
        raise NotRewritable(f"link type {link_type} holds no IPv{version}")
    if link_type in RAW_IP:
        return packet
    return _LINKS.get(link_type, _typed)(packet, version, around)


def _ethernet(packet: bytes, version: int, around: "Sequence[Level]") -> bytes:
    innermost = next(level for level in reversed(around) if level.kind in ("Ether", "Dot3"))
    return innermost.head[:12] + _ETHER_TYPES[version] + packet


def _loopback(packet: bytes, version: int, around: "Sequence[Level]") -> bytes:
    """The family as it came where the outermost packet is of the same version, else in the same byte order."""
    link = around[0]
    if link.payload[0] >> 4 == version:
        return link.head + packet
    family = _IPV4_FAMILY if version == 4 else _IPV6_FAMILIES[link.kind]
    return family.to_bytes(4, "little" if link.head[0] else "big") + packet


def _typed(packet: bytes, version: int, around: "Sequence[Level]") -> bytes:
    """Up to the first header that says what follows, as LLC and SNAP do in IEEE 802.11."""
    for depth, level in enumerate(around):
        if level.kind in ("SNAP", "CHDLC", "Ether"):
            made = level.head[:-2] + _ETHER_TYPES[version] + packet
        elif level.kind == "PPP":
            made = _PPP_PROTOCOLS[version] + packet
        else:
            continue
        for outer in reversed(around[:depth]):
            made = outer.around(made, padded=False)
        return made
    raise NotRewritable("no header of its link says what follows")


_LINKS: dict[int, Callable[[bytes, int, "Sequence[Level]"], bytes]] = {
    ETHERNET: _ethernet,
    LINUX_SLL: lambda packet, version, around: around[0].head[:14] + _ETHER_TYPES[version] + packet,
    LINUX_SLL2: lambda packet, version, around: _ETHER_TYPES[version] + around[0].head[2:] + packet,
    NULL: _loopback,
    LOOP: _loopback,
}
