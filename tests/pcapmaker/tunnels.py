"""Tunnels around an IP packet, as bytes: what carriers, networks and mirror ports put before it. Knows nothing of SIP, uses no Scapy.

The ends of the tunnels are 192.0.2.1, on the proxy's side, and 192.0.2.2. It shares no code with ``scapy_rr``.
"""

import struct
import zlib

from .frames import Flow, Wrap, addresses, ethernet, ethertype, mac, words_sum

NEAR, FAR = "192.0.2.1", "192.0.2.2"
IPIP, IPV6_IN_IP, GRE = 4, 41, 47
VXLAN, GENEVE, GTP_U, L2TP = 4789, 6081, 2152, 1701


def _ends(sent: bool) -> tuple[str, str]:
    return (NEAR, FAR) if sent else (FAR, NEAR)


def outer(protocol: int, payload: bytes, sent: bool) -> bytes:
    """An IPv4 packet from one end of the tunnel to the other."""
    ends = Flow(*[(address, 0) for address in _ends(sent)]).addresses
    fields = [0x45, 0, len(payload) + 20, 0, 0x4000, 64, protocol, 0]
    fields[-1] = (0xFFFF - words_sum(struct.pack("!BBHHHBBH", *fields) + ends)) % 0xFFFF
    return struct.pack("!BBHHHBBH", *fields) + ends + payload


def in_udp(port: int, payload: bytes, sent: bool, checksum: bool = True, source: int = 49321) -> bytes:
    """An Ethernet frame with a datagram from one end of the tunnel to the other."""
    here, there = _ends(sent)
    packet = bytearray(Flow((here, source), (there, port)).packet(payload))
    if not checksum:
        packet[26:28] = b"\0\0"
    return ethernet(bytes(packet))


def ether(kind: int, payload: bytes, sent: bool) -> bytes:
    """An Ethernet frame from one end of the tunnel to the other, with something else than an IP packet."""
    here, there = _ends(sent)
    return mac(there) + mac(here) + struct.pack("!H", kind) + payload


def ppp(packet: bytes) -> bytes:
    """PPP's protocol number, and the packet."""
    return (b"\x00\x57" if packet[0] >> 4 == 6 else b"\x00\x21") + packet


def pppoe(packet: bytes, sent: bool = False) -> bytes:
    """PPP over Ethernet, session 0x17 (:rfc:`2516`)."""
    return ether(0x8864, struct.pack("!BBHH", 0x11, 0, 0x17, len(packet) + 2) + ppp(packet), sent)


def label(number: int, last: bool, lifetime: int = 63) -> bytes:
    """An MPLS label stack entry (:rfc:`3032`)."""
    return struct.pack("!I", number << 12 | last << 8 | lifetime)


def mpls(packet: bytes, sent: bool = False) -> bytes:
    """Two MPLS labels."""
    return ether(0x8847, label(16001, last=False) + label(24, last=True) + packet, sent)


def pseudo_wire(packet: bytes, sent: bool = False) -> bytes:
    """Ethernet in MPLS, with a control word (:rfc:`4448`)."""
    return ether(0x8847, label(299776, last=True) + struct.pack("!HH", 0, 7) + ethernet(packet), sent)


def vxlan(packet: bytes, sent: bool = False) -> bytes:
    """Network 4711 of VXLAN, in UDP without a checksum, as it should be (:rfc:`7348`)."""
    return in_udp(VXLAN, struct.pack("!II", 0x08000000, 4711 << 8) + ethernet(packet), sent, checksum=False)


def geneve(packet: bytes, sent: bool = False) -> bytes:
    """Network 4711 of Geneve, with an option of four bytes, in UDP with a checksum (:rfc:`8926`)."""
    option = struct.pack("!HBB4s", 0x0102, 0x80, 1, b"\x00\x01\x00\x02")
    return in_udp(GENEVE, struct.pack("!BBHI", len(option) // 4, 0x40, 0x6558, 4711 << 8) + option + ethernet(packet), sent)


def gre(packet: bytes, sent: bool = False) -> bytes:
    """GRE with a checksum and a key (:rfc:`2784`, :rfc:`2890`)."""
    start, end = struct.pack("!HH", 0xA000, ethertype(packet)), struct.pack("!HI", 0, 42) + packet
    checksum = (0xFFFF - words_sum(start + end)) % 0xFFFF
    return ethernet(outer(GRE, start + struct.pack("!H", checksum) + end, sent))


def erspan(packet: bytes, sent: bool = False) -> bytes:
    """A mirror port's copy: ERSPAN of the second type, session 5, VLAN 100."""
    header = struct.pack("!HHI", 0x1000, 0x88BE, 4242) + struct.pack("!HHI", 0x1000 | 100, 5, 3)
    return ethernet(outer(GRE, header + ethernet(packet), sent))


def ip_in_ip(packet: bytes, sent: bool = False) -> bytes:
    """IPv4 or IPv6 in IPv4 (:rfc:`2003`, :rfc:`4213`)."""
    return ethernet(outer(IPV6_IN_IP if packet[0] >> 4 == 6 else IPIP, packet, sent))


def gtp_u(packet: bytes, sent: bool = False) -> bytes:
    """GTP-U with a sequence number, as between a base station and its gateway (3GPP TS 29.281, 5.1)."""
    return in_udp(GTP_U, struct.pack("!BBHIHBB", 0x32, 0xFF, len(packet) + 4, 0x1234ABCD, 77, 0, 0) + packet, sent, source=GTP_U)


def gtp_u_5g(packet: bytes, sent: bool = False) -> bytes:
    """GTP-U of a 5G core, with the extension header that names the QoS flow (3GPP TS 38.415, 5.5.2)."""
    session = bytes([1, 0x00 if sent else 0x10, 9, 0])
    header = struct.pack("!BBHIHBB", 0x34, 0xFF, len(packet) + 8, 0x1234ABCD, 0, 0, 0x85)
    return in_udp(GTP_U, header + session + packet, sent, source=GTP_U)


def l2tp(packet: bytes, sent: bool = False) -> bytes:
    """PPP in L2TP, with a length (:rfc:`2661`)."""
    framed = b"\xff\x03" + ppp(packet)
    return in_udp(L2TP, struct.pack("!HHHH", 0x4002, len(framed) + 8, 6, 12) + framed, sent, source=L2TP)


def wifi(packet: bytes, sent: bool = False) -> bytes:
    """IEEE 802.11 QoS data from or to an access point, with LLC and SNAP before the packet and a frame check sequence behind it."""
    source, destination = (mac(str(address)) for address in addresses(packet))
    point = b"\x02\x00\x5e\x00\x53\x01"
    places = point + source + destination if sent else destination + point + source
    header = struct.pack("<HH", 0x0188 if sent else 0x0288, 48) + places + struct.pack("<HH", 1040, 0x0006)
    frame = header + b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", ethertype(packet)) + packet
    return frame + struct.pack("<I", zlib.crc32(frame))


def wifi_radio(packet: bytes, sent: bool = False) -> bytes:
    """The same behind a radiotap header, which says that there is a frame check sequence."""
    # Present: flags, rate, channel, signal.
    return struct.pack("<BBHIBBHHb", 0, 0, 15, 0x2E, 0x10, 108, 2437, 0x0480, -42) + wifi(packet, sent)


TUNNELS: dict[str, tuple[int, Wrap]] = {
    "PPPoE": (1, pppoe),
    "MPLS": (1, mpls),
    "pseudo-wire": (1, pseudo_wire),
    "VXLAN": (1, vxlan),
    "Geneve": (1, geneve),
    "GRE": (1, gre),
    "ERSPAN": (1, erspan),
    "IP in IP": (1, ip_in_ip),
    "GTP-U": (1, gtp_u),
    "GTP-U, 5G": (1, gtp_u_5g),
    "L2TP": (1, l2tp),
    "802.11": (105, wifi),
    "802.11, radiotap": (127, wifi_radio),
}
"""Each tunnel's LINKTYPE number in a capture file, and what puts an IP packet into it."""
