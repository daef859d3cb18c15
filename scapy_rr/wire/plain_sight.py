"""Which frames are passed over unless they hold what is looked for: whole datagrams, and what is no IP."""

import struct

from .datagram import SCTP, TCP, UDP
from .hep import PORTS as HEP_PORTS
from .link import ETHERNET, IP_TYPES, VLAN_TYPES, is_known, network_offset
from .tunnel import IPV6_EXTENSIONS, TUNNEL_PORTS, TUNNEL_PROTOCOLS

_FRAGMENT = 44
# Of an IPv4 header, or an IPv6 one: what tells whether a plain datagram follows; then the destination port behind 20 bytes.
_FIELDS = struct.Struct(">B5xHxB12xH").unpack_from
_DATAGRAM_PORT = struct.Struct(">H").unpack_from
# TCP and SCTP cut messages as they like; so do IPv6's fragments.
_LOOKED_INTO = frozenset({TCP, SCTP, _FRAGMENT, *IPV6_EXTENSIONS, *TUNNEL_PROTOCOLS})
LOOKED_INTO_PORTS = TUNNEL_PORTS | HEP_PORTS
"""UDP ports behind which SIP need not be in plain sight: in a tunnel, or compressed in HEP."""
# Ethernet types of what IP may stand in: MPLS behind VLAN tags or not, PPPoE sessions, provider backbone bridges.
_TUNNEL_TYPES = (*VLAN_TYPES, b"\x88\x47", b"\x88\x48", b"\x88\x64", b"\x88\xe7")


def is_dull(data: bytes, start: int, link_type: int) -> bool:
    """Whether the frame at ``start`` is certainly no part of something larger, and no tunnel: a whole datagram, or no IP at all.

    What it holds is in plain sight then, so that it can be told from its bytes alone whether it has to be looked at.
    """
    ip = start + 14 if link_type == ETHERNET and data.startswith(IP_TYPES, start + 12) else network_offset(data, start, link_type)
    if ip is None:
        return is_known(link_type) and not (link_type == ETHERNET and data[start + 12 : start + 14] in _TUNNEL_TYPES)
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
    return not fragment & 0x3FFF and (port not in LOOKED_INTO_PORTS if protocol == UDP else protocol not in _LOOKED_INTO)
