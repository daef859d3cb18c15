"""Which IP packets may carry others, by their numbers alone. What is in them is for those who dissect."""

_UDP = 17

TUNNEL_PORTS = frozenset(
    {
        1701,  # L2TP (RFC 2661)
        2152,  # GTP-U (3GPP TS 29.281)
        4754,  # GRE in UDP (RFC 8086)
        4789,  # VXLAN (RFC 7348)
        4790,  # VXLAN-GPE
        6081,  # Geneve (RFC 8926)
        6633,  # VXLAN-GPE with a network service header
        6635,  # MPLS in UDP (RFC 7510)
        8472,  # VXLAN as Linux had it first
        37008,  # TZSP, what sniffers send
        48879,  # VXLAN of Cisco ACI
    }
)
"""UDP ports behind which another packet may be."""

TUNNEL_PROTOCOLS = frozenset(
    {
        4,  # IPv4 (RFC 2003)
        41,  # IPv6 (RFC 4213)
        47,  # GRE (RFC 2784)
        97,  # Ethernet (RFC 3378)
        137,  # MPLS (RFC 4023)
    }
)
"""What an IP header names where another packet may be behind it."""

IPV6_EXTENSIONS = frozenset({0, 43, 60})
"""IPv6 headers that may stand before one of these: hop-by-hop options, routing, destination options. A fragment's header is none."""


class NotRewritable(ValueError):
    """The headers around a packet cannot be made right for another one in its place."""


def packet_length(data: bytes) -> int:
    """The length of the IP packet that ``data`` begins with; 0 where it is none, is not whole or carries nothing."""
    if len(data) < 20:
        return 0
    version = data[0] >> 4
    if version == 4:
        header, length = (data[0] & 0x0F) * 4, data[2] << 8 | data[3]
        if header < 20:
            return 0
    elif version == 6 and len(data) > 40:
        header, length = 40, 40 + (data[4] << 8 | data[5])
    else:
        return 0
    return length if header < length <= len(data) else 0


def may_carry(packet: bytes) -> bool:
    """Whether another packet may be in this whole IP packet; not in a fragment, of which nobody can tell."""
    header, protocol = (packet[0] & 0x0F) * 4, packet[9]
    if packet[0] >> 4 == 6:
        header, protocol = 40, packet[6]
        if protocol in IPV6_EXTENSIONS:
            return True
    elif packet[6] & 0x3F or packet[7]:
        return False
    if protocol != _UDP:
        return protocol in TUNNEL_PROTOCOLS
    ports = packet[header : header + 4]
    return int.from_bytes(ports[:2], "big") in TUNNEL_PORTS or int.from_bytes(ports[2:], "big") in TUNNEL_PORTS
