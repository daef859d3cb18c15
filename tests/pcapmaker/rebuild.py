"""What Scapy makes of a frame's lengths and checksums: an opinion that shares no code with ``frames`` and ``scapy_rr.wire``."""

from scapy.contrib import erspan, geneve, gtp, mpls  # noqa: F401  (these bind what is in tunnels)
from scapy.layers import dot11, inet6, l2, l2tp, ppp, vxlan  # noqa: F401  (and these the link types and IPv6)
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6ExtHdrFragment
from scapy.layers.sctp import SCTP  # noqa: F401
from scapy.packet import Packet

_COMPUTED = {
    "IP": ("len", "chksum"),
    "IPv6": ("plen",),
    "UDP": ("len", "chksum"),
    "TCP": ("chksum",),
    "GRE": ("chksum",),
    "PPP over Ethernet": ("len",),
    "GTP-U Header": ("length",),
    "L2TP": ("len",),
    "802.11-FCS": ("fcs",),
    "SCTP": ("chksum",),
}


def rebuilt(packet: Packet) -> bytes:
    """The frame with every length and checksum computed anew. Of a fragment only those of IP are; an absent checksum stays so."""
    again = packet.copy()
    layer = again
    while layer:
        for name in _COMPUTED.get(layer.name, ()):
            if layer.name != "UDP" or name != "chksum" or layer.chksum:
                layer.delfieldval(name)
        if isinstance(layer, IPv6ExtHdrFragment) or (isinstance(layer, IP) and (layer.flags.MF or layer.frag)):
            return bytes(again)
        layer = layer.payload
    # Scapy answers with the bytes it has read for layers that it believes unchanged.
    again.clear_cache()
    return bytes(again)
