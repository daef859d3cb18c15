"""Which of Scapy's layers a frame begins with, and which one follows another where there is a tunnel.

Scapy's own bindings say it where they are right; what they lack, mistake or leave to luck is here. Takes nothing apart.
"""

from collections.abc import Callable
from typing import Any

from scapy.config import conf
from scapy.contrib import chdlc, etherip, geneve, gtp  # noqa: F401  (these bind themselves to what carries them)
from scapy.contrib.erspan import ERSPAN_I
from scapy.contrib.mpls import MPLS, EoMCW
from scapy.contrib.tzsp import _TZSP_TAG_CLASSES as TZSP_TAGS
from scapy.contrib.tzsp import TZSP
from scapy.layers import dot11, l2tp, ppi, vxlan  # noqa: F401
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.ppp import PPPoE
from scapy.packet import Padding, Raw

from ..wire.datagram import UDP as UDP_PROTOCOL
from ..wire.link import RAW_IP
from ..wire.tunnel import IPV6_EXTENSIONS, TUNNEL_PORTS, TUNNEL_PROTOCOLS, packet_length

_ETHER_TYPES: dict[int, Any] = {
    0x0800: IP,
    0x86DD: IPv6,
    0x8100: Dot1Q,
    0x88A8: Dot1AD,
    # The number that QinQ had before 802.1ad.
    0x9100: Dot1Q,
    0x8847: MPLS,
    0x8848: MPLS,
    0x8864: PPPoE,
    0x6558: Ether,
}
_TYPE_FIELDS = {
    **dict.fromkeys(("Ether", "Dot1Q", "Dot1AD"), "type"),
    **dict.fromkeys(("CookedLinux", "CookedLinuxV2", "GRE", "GENEVE", "CHDLC"), "proto"),
    "SNAP": "code",
}


def outermost(link_type: int, data: bytes) -> Any:
    """The class of the first header of a frame; ``None`` where Scapy knows nothing of the link type."""
    return _by_version(data) if link_type in RAW_IP else conf.l2types.num2layer.get(link_type)


def carried(layer: Any, payload: bytes) -> Any:
    """The class of what a layer carries; ``None`` where that is no tunnel's."""
    if not payload:
        return None
    kind = type(layer).__name__
    try:
        cls = _GUESSES[kind](layer, payload) if kind in _GUESSES else _typed(kind, layer) or layer.guess_payload_class(payload)
    except Exception:  # Scapy's layers raise whatever Python does where bytes are not what they expect.
        return None
    return None if cls in (Raw, Padding) else cls


def is_packet(cls: Any) -> bool:
    """Whether this is the class of an IP packet."""
    return cls in (IP, IPv6)


def _typed(kind: str, layer: Any) -> Any:
    return _ETHER_TYPES.get(layer.fields[_TYPE_FIELDS[kind]]) if kind in _TYPE_FIELDS else None


def _by_version(data: bytes) -> Any:
    return {4: IP, 6: IPv6}.get(data[0] >> 4) if data else None


def _behind_ipv6(layer: Any, payload: bytes) -> Any:
    """A fragment's header is none of these."""
    carries = layer.nh == UDP_PROTOCOL or layer.nh in TUNNEL_PROTOCOLS or layer.nh in IPV6_EXTENSIONS
    return layer.guess_payload_class(payload) if carries else None


def _behind_udp(layer: Any, payload: bytes) -> Any:
    """The receiver's port decides before the sender's: in most tunnels that is any, and may be another tunnel's."""
    for name in ("dport", "sport"):
        port = layer.fields[name]
        if port not in TUNNEL_PORTS:
            continue
        # Scapy binds this one to no port.
        if port == 37008:
            return TZSP if payload[0] == 1 and payload[1] in (TZSP.TYPE_RX_PACKET, TZSP.TYPE_TX_PACKET) else None
        for wanted, cls in UDP.payload_guess:
            if wanted == {name: port}:
                return cls
    return None


def _behind_mpls(layer: Any, payload: bytes) -> Any:
    """Nothing in the last label's entry says what follows (:rfc:`3032`), and a MAC address may look like an IP version."""
    if not layer.s:
        return MPLS
    if packet_length(payload):
        return _by_version(payload)
    if int.from_bytes(payload[12:14], "big") in _ETHER_TYPES:
        return Ether
    # The first four bits of a control word are zero, so that it does not look like IP (RFC 4385).
    if payload[0] >> 4 == 0 and int.from_bytes(payload[16:18], "big") in _ETHER_TYPES:
        return EoMCW
    return None


def _behind_gre(layer: Any, payload: bytes) -> Any:
    if layer.routing_present:
        return layer.guess_payload_class(payload)
    # ERSPAN of the first kind has no header, and no sequence number; a MAC address may look like the version of the others.
    if layer.proto == 0x88BE and not layer.seqnum_present and int.from_bytes(payload[12:14], "big") in _ETHER_TYPES:
        return ERSPAN_I
    return _typed("GRE", layer) or layer.guess_payload_class(payload)


def _behind_extension(layer: Any, payload: bytes) -> Any:
    return layer.guess_payload_class(payload) if layer.next_ex else _by_version(payload)


def _behind_tzsp(layer: Any, payload: bytes) -> Any:
    """The next tag. Scapy's own guess prints a warning for one that it does not know."""
    tag = TZSP_TAGS.get(payload[0])
    return tag.get(payload[1]) if isinstance(tag, dict) else tag


def _behind_tzsp_end(layer: Any, payload: bytes) -> Any:
    while not isinstance(layer, TZSP):
        layer = layer.underlayer
    return TZSP.ENCAPSULATED_PROTOCOL_CLASSES.get(layer.encapsulated_protocol)


_GUESSES: dict[str, Callable[[Any, bytes], Any]] = {
    **dict.fromkeys(("IPv6", "IPv6ExtHdrDestOpt", "IPv6ExtHdrHopByHop"), _behind_ipv6),
    **dict.fromkeys(("IPv6ExtHdrRouting", "IPv6ExtHdrSegmentRouting"), _behind_ipv6),
    "UDP": _behind_udp,
    "MPLS": _behind_mpls,
    "EoMCW": lambda layer, payload: Ether,
    "GRE": _behind_gre,
    # Each system has a number of its own for the family IPv6.
    **dict.fromkeys(("Loopback", "LoopbackOpenBSD"), lambda layer, payload: _by_version(payload)),
    **dict.fromkeys(("GTP_PDCP_PDU_ExtensionHeader", "GTP_UDPPort_ExtensionHeader"), _behind_extension),
    "TZSP": _behind_tzsp,
    **dict.fromkeys(("TZSPTagPadding", "TZSPTagTimestamp", "TZSPTagContentionFree", "TZSPTagDecrypted", "TZSPTagError"), _behind_tzsp),
    **dict.fromkeys(("TZSPTagRawRSSIByte", "TZSPTagRawRSSIShort", "TZSPTagSNRByte", "TZSPTagSNRShort", "TZSPTagDataRate"), _behind_tzsp),
    **dict.fromkeys(("TZSPTagRXChannel", "TZSPTagPacketCount", "TZSPTagRXFrameLength", "TZSPTagWlanRadioHdrSerial"), _behind_tzsp),
    "TZSPTagEnd": _behind_tzsp_end,
}
