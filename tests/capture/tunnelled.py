"""Frames with a tunnel around an IP packet, as Scapy builds them: of every construction that is read. Lengths and checksums are Scapy's."""

from collections.abc import Callable

from scapy.contrib.chdlc import CHDLC
from scapy.contrib.erspan import ERSPAN_II, ERSPAN_III, ERSPAN_PlatformSpecific
from scapy.contrib.etherip import EtherIP
from scapy.contrib.geneve import GENEVE, GeneveOptions
from scapy.contrib.gtp import GTP_PDCP_PDU_ExtensionHeader, GTP_U_Header, GTPPDUSessionContainer
from scapy.contrib.mpls import MPLS, EoMCW
from scapy.contrib.tzsp import TZSP, TZSPTagEnd, TZSPTagRawRSSIByte
from scapy.layers.dot11 import Dot11, Dot11FCS, Dot11QoS, RadioTap
from scapy.layers.inet import IP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN
from scapy.layers.l2 import GRE, GRE_PPTP, LLC, SNAP, CookedLinux, CookedLinuxV2, Dot1AD, Dot1Q, Dot3, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

_MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
# Addresses that look like what they are not: an IP version, a control word, a version of ERSPAN.
_VRRP = {"src": "02:00:00:00:00:01", "dst": "00:00:5e:00:01:01"}
_LIKE_IPV4 = {"src": "46:00:00:00:00:01", "dst": "46:00:ff:ff:00:02"}
_LIKE_ERSPAN = {"src": "2c:00:00:00:00:01", "dst": "2c:00:00:00:00:02"}


def inner(text: bytes = b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n\r\n", source: str = "10.0.0.5") -> bytes:
    """The packet that is looked for."""
    return bytes(IP(src=source, dst="10.0.0.1", id=7) / UDP(sport=5060, dport=5060) / Raw(text))


def inner6(text: bytes = b"BYE sip:bob@[2001:db8::1] SIP/2.0\r\n\r\n") -> bytes:
    """Another one, over IPv6."""
    return bytes(IPv6(src="2001:db8::5", dst="2001:db8::1") / UDP(sport=5060, dport=5060) / Raw(text))


def _link(kind: int | None = None, **macs: str) -> Packet:
    return Ether(**(macs or _MACS), **({} if kind is None else {"type": kind}))


def _ip(protocol: int, **more: object) -> Packet:
    return IP(src="192.0.2.1", dst="192.0.2.2", id=9, proto=protocol, **more)


def _ip6(protocol: int) -> Packet:
    return IPv6(src="2001:db8:f::1", dst="2001:db8:f::2", nh=protocol)


def _udp(port: int, **more: int) -> Packet:
    return UDP(sport=40000, dport=port, **more)


def _vxlan() -> Packet:
    return VXLAN(vni=4711, flags=8)


def _wifi(**more: object) -> Packet:
    return Dot11(type=2, addr1="02:00:00:00:00:01", addr2="02:00:00:00:00:02", addr3="02:00:00:00:00:03", **more)


def _snap(code: int = 0x0800) -> Packet:
    return LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=code)


_INNER = _link(0x0800)
_TWO = _link() / _ip(17) / _udp(4789) / _vxlan() / _INNER / _ip(17) / _udp(4789, chksum=0) / _vxlan() / _INNER
_DEEP = _link(0x8864) / PPPoE() / PPP(proto=0x21) / _ip(47) / GRE(proto=0x0800, chksum_present=1) / _ip(17) / _udp(2152)
_OPTIONS = {"options": [IPOption_Router_Alert()]}
_GENEVE_OPTION = GeneveOptions(classid=0x102, type=0x80, data=b"abcd")
_FCS = RadioTap(present="Flags", Flags="FCS") / Dot11FCS(type=2, subtype=8, FCfield="from_DS") / Dot11QoS(TID=5) / _snap()

AROUND_IPV4: dict[str, tuple[int, Packet]] = {
    "nothing but Ethernet": (1, _link(0x0800)),
    "802.1Q": (1, _link() / Dot1Q(vlan=1, type=0x0800)),
    "802.1ad": (1, _link() / Dot1AD(vlan=2, type=0x8100) / Dot1Q(vlan=1, type=0x0800)),
    "802.1Q in 0x9100": (1, _link(0x9100) / Dot1Q(vlan=2, type=0x8100) / Dot1Q(vlan=1, type=0x0800)),
    "802.3 with SNAP": (1, Dot3(**_MACS) / _snap()),
    "PPPoE": (1, _link(0x8864) / PPPoE(sessionid=3) / PPP(proto=0x21)),
    "PPPoE in a VLAN": (1, _link() / Dot1Q(vlan=7, type=0x8864) / PPPoE(sessionid=3) / PPP(proto=0x21)),
    "PPPoE with one byte of protocol": (1, _link(0x8864) / PPPoE(sessionid=3) / PPP(proto=b"\x21")),
    "MPLS": (1, _link(0x8847) / MPLS(label=20, s=0) / MPLS(label=30, s=1, ttl=3)),
    "MPLS, multicast": (1, _link(0x8848) / MPLS(label=30, s=1, ttl=3)),
    "pseudo-wire": (1, _link(0x8847) / MPLS(label=30, s=1) / _link(0x0800)),
    "pseudo-wire with a control word": (1, _link(0x8847) / MPLS(label=30, s=1) / EoMCW(seq=3) / _link(0x0800)),
    "pseudo-wire to a virtual router": (1, _link(0x8847) / MPLS(label=30, s=1) / _link(0x0800, **_VRRP)),
    "pseudo-wire to what looks like IPv4": (1, _link(0x8847) / MPLS(label=30, s=1) / _link(0x0800, **_LIKE_IPV4)),
    "VXLAN": (1, _link() / _ip(17) / _udp(4789, chksum=0) / _vxlan() / _INNER),
    "VXLAN with checksums": (1, _link() / _ip(17) / _udp(8472) / _vxlan() / _INNER),
    "VXLAN over IPv6": (1, _link() / _ip6(17) / _udp(4789) / _vxlan() / _INNER),
    "VXLAN over IPv6 without checksums": (1, _link() / _ip6(17) / _udp(4789, chksum=0) / _vxlan() / _INNER),
    "VXLAN in VXLAN": (1, _TWO),
    "VXLAN from a port of GTP-U's": (1, _link() / _ip(17) / UDP(sport=2152, dport=4789) / _vxlan() / _INNER),
    "VXLAN-GPE": (1, _link() / _ip(17) / _udp(4790) / VXLAN(vni=4711, flags=12, NextProtocol=1)),
    "Geneve": (1, _link() / _ip(17) / _udp(6081) / GENEVE(vni=4, proto=0x6558) / _INNER),
    "Geneve with an option": (1, _link() / _ip(17) / _udp(6081) / GENEVE(vni=4, proto=0x0800, options=[_GENEVE_OPTION])),
    "GRE": (1, _link() / _ip(47) / GRE(proto=0x0800)),
    "GRE with checksum, key and number": (
        1,
        _link() / _ip(47) / GRE(proto=0x0800, chksum_present=1, key_present=1, seqnum_present=1, key=8, sequence_number=5, offset=0),
    ),
    "GRE over IPv6": (1, _link() / _ip6(47) / GRE(proto=0x0800)),
    "GRE with Ethernet": (1, _link() / _ip(47) / GRE(proto=0x6558) / _INNER),
    "GRE with MPLS": (1, _link() / _ip(47) / GRE(proto=0x8847) / MPLS(label=30, s=1)),
    "GRE in UDP": (1, _link() / _ip(17) / _udp(4754) / GRE(proto=0x0800)),
    "PPTP": (1, _link() / _ip(47) / GRE_PPTP(call_id=3, seqnum_present=1, sequence_number=5) / HDLC() / PPP(proto=0x21)),
    "ERSPAN I": (1, _link() / _ip(47) / GRE(proto=0x88BE) / _INNER),
    "ERSPAN I of what looks like ERSPAN III": (1, _link() / _ip(47) / GRE(proto=0x88BE) / _link(0x0800, **_LIKE_ERSPAN)),
    "ERSPAN II": (1, _link() / _ip(47) / GRE(proto=0x88BE, seqnum_present=1, sequence_number=4) / ERSPAN_II(session_id=4) / _INNER),
    "ERSPAN III": (1, _link() / _ip(47) / GRE(proto=0x22EB, seqnum_present=1, sequence_number=4) / ERSPAN_III(session_id=4) / _INNER),
    "ERSPAN III with more": (
        1,
        _link() / _ip(47) / GRE(proto=0x22EB, seqnum_present=1) / ERSPAN_III(session_id=4, o=1) / ERSPAN_PlatformSpecific() / _INNER,
    ),
    "IP in IP": (1, _link() / _ip(4)),
    "IP in IP with options": (1, _link() / _ip(4, **_OPTIONS)),
    "4in6": (1, _link() / _ip6(4)),
    "4in6 with destination options": (1, _link() / _ip6(60) / IPv6ExtHdrDestOpt(nh=4, options=[PadN(optdata=b"ab")])),
    "4in6 with hop-by-hop options": (1, _link() / _ip6(0) / IPv6ExtHdrHopByHop(nh=4, options=[PadN(optdata=b"ab")])),
    "VXLAN behind a routing header": (
        1,
        _link() / _ip6(43) / IPv6ExtHdrRouting(nh=17, addresses=["2001:db8:f::3"], segleft=1) / _udp(4789) / _vxlan() / _INNER,
    ),
    "GTP-U": (1, _link() / _ip(17) / _udp(2152) / GTP_U_Header(teid=5, gtp_type=255)),
    "GTP-U with a number": (1, _link() / _ip(17) / _udp(2152) / GTP_U_Header(teid=5, gtp_type=255, S=1, seq=5)),
    "GTP-U, 5G": (
        1,
        _link() / _ip(17) / _udp(2152) / GTP_U_Header(teid=5, gtp_type=255, E=1, next_ex=0x85) / GTPPDUSessionContainer(type=1, QFI=9),
    ),
    "GTP-U with a PDCP number": (
        1,
        _link() / _ip(17) / _udp(2152) / GTP_U_Header(teid=5, gtp_type=255, E=1, next_ex=0xC0) / GTP_PDCP_PDU_ExtensionHeader(pdcp_pdu=4),
    ),
    "GTP-U in GRE in PPPoE": (1, _DEEP / GTP_U_Header(gtp_type=255)),
    "L2TP": (1, _link() / _ip(17) / _udp(1701) / L2TP(hdr="length", tunnel_id=3, session_id=4) / HDLC() / PPP(proto=0x21)),
    "L2TP without a length": (1, _link() / _ip(17) / _udp(1701) / L2TP(tunnel_id=3, session_id=4) / HDLC() / PPP(proto=0x21)),
    "EtherIP": (1, _link() / _ip(97) / EtherIP() / _INNER),
    "MPLS in IP": (1, _link() / _ip(137) / MPLS(label=30, s=1)),
    "MPLS in UDP": (1, _link() / _ip(17) / _udp(6635) / MPLS(label=30, s=1)),
    "TZSP": (1, _link() / _ip(17) / _udp(37008) / TZSP() / TZSPTagRawRSSIByte() / TZSPTagEnd() / _INNER),
    "cooked v1, 802.1Q": (113, CookedLinux(src=b"\2\0\0\0\0\1", lladdrlen=6) / Dot1Q(vlan=3, type=0x0800)),
    "cooked v1, 802.1ad": (113, CookedLinux(lladdrlen=6, proto=0x88A8) / Dot1AD(vlan=3, type=0x8100) / Dot1Q(vlan=4, type=0x0800)),
    "cooked v2, 802.1ad": (276, CookedLinuxV2(lladdrlen=6, proto=0x88A8) / Dot1AD(vlan=3, type=0x8100) / Dot1Q(vlan=4, type=0x0800)),
    "cooked v1, PPPoE": (113, CookedLinux(lladdrlen=6, proto=0x8864) / PPPoE() / PPP(proto=0x21)),
    "loopback, IP in IP": (0, Raw(b"\2\0\0\0") / _ip(4)),
    "OpenBSD loopback, IP in IP": (108, Raw(b"\0\0\0\2") / _ip(4)),
    "raw, IP in IP": (101, _ip(4)),
    "raw, OpenBSD's number": (14, _ip(4)),
    "raw IPv6, 4in6": (229, _ip6(4)),
    "PPP": (9, PPP(proto=0x21) / _ip(4)),
    "PPP with HDLC": (50, HDLC() / PPP(proto=0x21) / _ip(4)),
    "PPPoE for a link": (51, PPPoE(sessionid=3) / PPP(proto=0x21)),
    "Cisco HDLC": (104, CHDLC(proto=0x0800) / _ip(4)),
    "802.11": (105, _wifi(FCfield="to_DS") / _snap()),
    "802.11 QoS": (105, _wifi(subtype=8, FCfield="from_DS") / Dot11QoS(TID=5) / _snap()),
    "802.11 with four addresses": (105, _wifi(FCfield="from_DS+to_DS", addr4="02:00:00:00:00:04") / _snap()),
    "802.11, radiotap": (127, RadioTap() / _wifi(FCfield="to_DS") / _snap()),
    "802.11, radiotap with FCS": (127, _FCS),
}
"""What is around an IPv4 packet, with the link type."""

AROUND_IPV6: dict[str, tuple[int, Packet]] = {
    "6in4": (1, _link() / _ip(41)),
    "6in6": (1, _link() / _ip6(41)),
    "PPPoE": (1, _link(0x8864) / PPPoE(sessionid=3) / PPP(proto=0x57)),
    "MPLS": (1, _link(0x8847) / MPLS(label=30, s=1)),
    "GTP-U": (1, _link() / _ip(17) / _udp(2152) / GTP_U_Header(teid=5, gtp_type=255)),
    "GRE": (1, _link() / _ip(47) / GRE(proto=0x86DD, chksum_present=1)),
    "VXLAN": (1, _link() / _ip(17) / _udp(4789) / _vxlan() / _link(0x86DD)),
    "loopback, 6in4": (0, Raw(b"\2\0\0\0") / _ip(41)),
    "802.11": (105, _wifi(FCfield="to_DS") / _snap(0x86DD)),
}
"""What is around an IPv6 packet, with the link type."""

EVERY: list[tuple[str, int, Packet, Callable[[bytes], bytes]]] = [
    *((name, link, packet, inner) for name, (link, packet) in AROUND_IPV4.items()),
    *((f"{name} with IPv6", link, packet, inner6) for name, (link, packet) in AROUND_IPV6.items()),
]


def around(headers: Packet, packet: bytes) -> bytes:
    """The frame."""
    return bytes(headers / Raw(packet))
