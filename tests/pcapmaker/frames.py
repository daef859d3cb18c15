"""Frames as bytes: UDP over IPv4 and IPv6, under every link type that scapy_rr reads. Knows nothing of SIP, uses no Scapy.

It shares no code with ``scapy_rr.wire``, so that a mistake there is not repeated here.
"""

import struct
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address

ETHERTYPE_IPV4 = 0x0800
ETHERTYPE_IPV6 = 0x86DD
UDP = 17

Wrap = Callable[[bytes, bool], bytes]
"""Puts a link header before an IP packet; the flag says whether the proxy sent it."""

_HEADER4 = struct.Struct("!BBHHHBBH")
_HEADER6 = struct.Struct("!IHBB")
_HEADER_UDP = struct.Struct("!HHHH")


def words_sum(data: bytes) -> int:
    """The sum of the 16-bit words of ``data``, modulo 0xFFFF (2**16 is 1 modulo 0xFFFF, so one division adds them all up)."""
    number = int.from_bytes(data, "big")
    return (number << 8 if len(data) & 1 else number) % 0xFFFF


class Flow:
    """UDP from one socket to another: makes IP packets with right lengths and checksums.

    What is the same in every packet is packed and summed once.

    :param source: address and port of the sender.
    :param destination: address and port of the receiver.
    """

    def __init__(self, source: tuple[str, int], destination: tuple[str, int]) -> None:
        here, there = ip_address(source[0]), ip_address(destination[0])
        if here.version != there.version:
            raise ValueError(f"{here} and {there} are of different families")
        self.ports = source[1], destination[1]
        self.addresses = here.packed + there.packed
        self.version = here.version
        self._pseudo_sum = words_sum(self.addresses) + UDP + sum(self.ports)
        self._header_sum = words_sum(_HEADER4.pack(0x45, 0, 0, 0, 0x4000, 64, UDP, 0) + self.addresses) if here.version == 4 else 0

    def datagram(self, payload: bytes) -> bytes:
        """The UDP header and ``payload``."""
        length = len(payload) + 8
        # The length counts twice: once in the pseudo-header. A computed 0 is sent as 0xFFFF, for 0 means "no checksum" (RFC 768).
        checksum = 0xFFFF - (self._pseudo_sum + 2 * length + words_sum(payload)) % 0xFFFF
        return _HEADER_UDP.pack(*self.ports, length, checksum) + payload

    def packet(self, payload: bytes, ident: int = 0) -> bytes:
        """The IP packet that carries ``payload``. ``ident`` is the IPv4 identification."""
        if self.version == 6:
            return _HEADER6.pack(0x60000000, len(payload) + 8, UDP, 64) + self.addresses + self.datagram(payload)
        length = len(payload) + 28
        # The words are never all zero, so a residue of 0 stands for the sum 0xFFFF, whose complement is 0.
        checksum = (0xFFFF - (self._header_sum + length + ident) % 0xFFFF) % 0xFFFF
        return _HEADER4.pack(0x45, 0, length, ident, 0x4000, 64, UDP, checksum) + self.addresses + self.datagram(payload)

    def fragments(self, payload: bytes, ident: int, size: int) -> list[bytes]:
        """The same as two or more IPv4 fragments, each with at most ``size`` bytes (a multiple of 8) of the datagram."""
        datagram, packets = self.datagram(payload), []
        for offset in range(0, len(datagram), size):
            part = datagram[offset : offset + size]
            more = 0x2000 if offset + size < len(datagram) else 0
            fields = [0x45, 0, len(part) + 20, ident, more | offset // 8, 64, UDP, 0]
            fields[-1] = (0xFFFF - words_sum(_HEADER4.pack(*fields) + self.addresses)) % 0xFFFF
            packets.append(_HEADER4.pack(*fields) + self.addresses + part)
        return packets


def mac(address: str) -> bytes:
    """A locally administered Ethernet address that is always the same for the same IP address."""
    return b"\x02\x00" + ip_address(address).packed[-4:]


def ethertype(packet: bytes) -> int:
    """The Ethernet type of an IP packet."""
    return ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else ETHERTYPE_IPV4


def addresses(packet: bytes) -> tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]:
    """Source and destination of an IP packet."""
    if packet[0] >> 4 == 6:
        return IPv6Address(packet[8:24]), IPv6Address(packet[24:40])
    return IPv4Address(packet[12:16]), IPv4Address(packet[16:20])


def ethernet(packet: bytes, _sent: bool = False, tags: tuple[tuple[int, int], ...] = ()) -> bytes:
    """An Ethernet frame.

    :param tags: VLAN tags from the outermost inwards: Ethernet type of the tag (0x8100, 0x88A8) and VLAN number.
    """
    source, destination = addresses(packet)
    stack = b"".join(struct.pack("!HH", kind, number) for kind, number in tags)
    return mac(str(destination)) + mac(str(source)) + stack + struct.pack("!H", ethertype(packet)) + packet


def padded_ethernet(packet: bytes, sent: bool = False) -> bytes:
    """An Ethernet frame filled up with zeros to the smallest length there is on a wire, 60 bytes without the check sequence."""
    return ethernet(packet, sent).ljust(60, b"\0")


def vlan(packet: bytes, sent: bool = False) -> bytes:
    """Ethernet with one IEEE 802.1Q tag, VLAN 100."""
    return ethernet(packet, sent, ((0x8100, 100),))


def qinq(packet: bytes, sent: bool = False) -> bytes:
    """Ethernet with an IEEE 802.1ad service tag, VLAN 200, and within it a customer tag, VLAN 100."""
    return ethernet(packet, sent, ((0x88A8, 200), (0x8100, 100)))


def cooked_v1(packet: bytes, sent: bool = False) -> bytes:
    """Linux cooked capture: direction, ARPHRD_ETHER, the sender's address in eight bytes, type."""
    source, _ = addresses(packet)
    return struct.pack("!HHH8sH", 4 if sent else 0, 1, 6, mac(str(source)), ethertype(packet)) + packet


def cooked_v1_vlan(packet: bytes, sent: bool = False) -> bytes:
    """The same of an interface that sees VLAN tags: IEEE 802.1Q, VLAN 100, behind the cooked header."""
    return cooked_v1(packet, sent)[:14] + struct.pack("!HHH", 0x8100, 100, ethertype(packet)) + packet


def cooked_v2(packet: bytes, sent: bool = False) -> bytes:
    """Linux cooked capture, version 2: type first, then an interface index (2 here)."""
    source, _ = addresses(packet)
    return struct.pack("!HHIHBB8s", ethertype(packet), 0, 2, 1, 4 if sent else 0, 6, mac(str(source))) + packet


def null(packet: bytes, _sent: bool = False) -> bytes:
    """BSD loopback: the address family in the byte order of the host that captured, a little-endian one. 30 is macOS's IPv6."""
    return struct.pack("<I", 30 if packet[0] >> 4 == 6 else 2) + packet


def loop(packet: bytes, _sent: bool = False) -> bytes:
    """OpenBSD loopback: the same in network byte order. 24 is OpenBSD's IPv6."""
    return struct.pack("!I", 24 if packet[0] >> 4 == 6 else 2) + packet


def raw(packet: bytes, _sent: bool = False) -> bytes:
    """Raw IP: no link header at all."""
    return packet


LINKS: dict[str, tuple[int, Wrap]] = {
    "ethernet": (1, ethernet),
    "ethernet, padded": (1, padded_ethernet),
    "802.1Q": (1, vlan),
    "802.1ad": (1, qinq),
    "cooked v1": (113, cooked_v1),
    "cooked v1, 802.1Q": (113, cooked_v1_vlan),
    "cooked v2": (276, cooked_v2),
    "null": (0, null),
    "loop": (108, loop),
    "raw": (101, raw),
    "raw IPv4": (228, raw),
    "raw IPv6": (229, raw),
}
"""Each link's LINKTYPE number in a capture file, and what puts its header before an IP packet."""
