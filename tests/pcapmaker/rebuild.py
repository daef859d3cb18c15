"""What Scapy makes of a frame's lengths and checksums: an opinion that shares no code with ``frames`` and ``scapy_rr.wire``."""

from scapy.layers import inet6, l2  # noqa: F401  (these bind the link types and IPv6)
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.sctp import SCTP
from scapy.packet import Packet


def rebuilt(packet: Packet) -> bytes:
    """The frame with every length and checksum computed anew. Of a fragment only those of IP are; an absent checksum stays so."""
    again = packet.copy()
    if IP in again:
        del again[IP].len, again[IP].chksum
        if again[IP].flags.MF or again[IP].frag:
            return bytes(again)
    if IPv6 in again:
        del again[IPv6].plen
        if IPv6ExtHdrFragment in again:
            return bytes(again)
    if UDP in again:
        del again[UDP].len
        if again[UDP].chksum:
            del again[UDP].chksum
    if TCP in again:
        del again[TCP].chksum
    if SCTP in again:
        del again[SCTP].chksum
    # Scapy answers with the bytes it has read for layers that it believes unchanged.
    again.clear_cache()
    return bytes(again)
