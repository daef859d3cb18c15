"""Which layer follows another: where Scapy's bindings are right, and where they are not."""

import pytest
from scapy.contrib.erspan import ERSPAN, ERSPAN_I, ERSPAN_II
from scapy.contrib.gtp import GTP_PDCP_PDU_ExtensionHeader, GTP_U_Header
from scapy.contrib.mpls import MPLS, EoMCW
from scapy.contrib.tzsp import TZSP, TZSPTagEnd, TZSPTagRawRSSIByte
from scapy.layers.dot11 import Dot11, Dot11Encrypted, RadioTap
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting
from scapy.layers.l2 import GRE, SNAP, CookedLinux, Dot1AD, Dot1Q, Ether, GRErouting, Loopback
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet

from scapy_rr.capture.layers import carried, is_packet, outermost

from .tunnelled import inner, inner6


def link(kind: int, source: str = "02:00:00:00:00:01", destination: str = "02:00:00:00:00:02") -> Packet:
    """An Ethernet header; Scapy would ask the network for addresses that it is not given."""
    return Ether(src=source, dst=destination, type=kind)


FRAME = bytes(link(0x0800)) + inner()
VIRTUAL_ROUTER = bytes(link(0x0800, "02:00:00:00:00:01", "00:00:5e:00:01:01")) + inner()
LIKE_IPV4 = bytes(link(0x0800, "46:00:00:00:00:01", "46:00:ff:ff:00:02")) + inner()
LIKE_ERSPAN = bytes(link(0x0800, "2c:00:00:00:00:01", "2c:00:00:00:00:02")) + inner()


@pytest.mark.parametrize(
    ("link_type", "data", "expected"),
    [
        (1, FRAME, Ether),
        (113, b"", CookedLinux),
        (127, b"", RadioTap),
        (105, b"", Dot11),
        (51, b"", PPPoE),
        *((link_type, inner(), IP) for link_type in (12, 14, 101, 228, 229)),
        *((link_type, inner6(), IPv6) for link_type in (12, 14, 101, 228, 229)),
        (101, b"\x75" + bytes(30), None),
        (101, b"", None),
        (147, FRAME, None),
    ],
)
def test_outermost(link_type: int, data: bytes, expected: type | None) -> None:
    assert outermost(link_type, data) is expected


@pytest.mark.parametrize(
    ("layer", "payload", "expected"),
    [
        (link(0x0800), inner(), IP),
        (link(0x86DD), inner6(), IPv6),
        (link(0x9100), b".", Dot1Q),
        (link(0x8848), b".", MPLS),
        (link(0x1235), b".", None),
        (link(0x0800), b"", None),
        (Dot1Q(type=0x88A8), b".", Dot1AD),
        (CookedLinux(proto=0x88A8), b".", Dot1AD),
        (CookedLinux(proto=0x8847), b".", MPLS),
        (SNAP(code=0x0800), inner(), IP),
        (Loopback(type=7), inner6(), IPv6),
        (PPP(proto=0x57), inner6(), IPv6),
        (IP(proto=4), inner(), IP),
        (IP(proto=41), inner6(), IPv6),
        (IPv6(nh=60), bytes(8), IPv6ExtHdrDestOpt),
        (IPv6(nh=44), bytes(8), None),
        (IPv6(nh=58), bytes(8), None),
        (IPv6ExtHdrDestOpt(nh=4), inner(), IP),
        (IPv6ExtHdrRouting(nh=17), bytes(8), UDP),
        (IPv6ExtHdrRouting(nh=6), bytes(20), None),
        (UDP(sport=1, dport=4789), b".", VXLAN),
        (UDP(sport=4789, dport=1), b".", VXLAN),
        (UDP(sport=2152, dport=4789), b".", VXLAN),
        (UDP(sport=4789, dport=2152), b".", GTP_U_Header),
        (UDP(sport=1, dport=37008), b"\1\0", TZSP),
        (UDP(sport=1, dport=37008), b"BY", None),
        (UDP(sport=1, dport=37008), b"\1", None),
        (UDP(sport=5060, dport=5060), b".", None),
        # What only the receiver's port says, the sender's does not.
        (UDP(sport=6081, dport=5060), b".", None),
        (MPLS(s=0), b".", MPLS),
        (MPLS(s=1), inner(), IP),
        (MPLS(s=1), inner6(), IPv6),
        (MPLS(s=1), inner(source="8.0.0.1"), IP),
        (MPLS(s=1), FRAME, Ether),
        (MPLS(s=1), VIRTUAL_ROUTER, Ether),
        (MPLS(s=1), LIKE_IPV4, Ether),
        (MPLS(s=1), bytes(4) + FRAME, EoMCW),
        (MPLS(s=1), b"\0\x20\0\7" + FRAME, EoMCW),
        (MPLS(s=1), b"\x10\0\0\7" + bytes(60), None),
        (EoMCW(), FRAME, Ether),
        (GRE(proto=0x0800), inner(), IP),
        (GRE(proto=0x8848), b".", MPLS),
        (GRE(proto=0x0800, routing_present=1), inner(), GRErouting),
        (GRE(proto=0x88BE), FRAME, ERSPAN_I),
        (GRE(proto=0x88BE), LIKE_ERSPAN, ERSPAN_I),
        (GRE(proto=0x88BE), bytes(8) + FRAME, ERSPAN),
        (GRE(proto=0x88BE, seqnum_present=1), FRAME, ERSPAN_II),
        (TZSP(), b"\1", TZSPTagEnd),
        (TZSP(), b"\x0a\1\0", TZSPTagRawRSSIByte),
        (TZSP(), b"\x0a\7\0", None),
        (TZSP(), b"\x77\1\0", None),
        (TZSPTagRawRSSIByte(), b"\1", TZSPTagEnd),
        (TZSPTagEnd(), b".", None),
        (GTP_PDCP_PDU_ExtensionHeader(), inner6(), IPv6),
        (GTP_PDCP_PDU_ExtensionHeader(next_ex=0x85), inner6(), None),
        (Dot11(type=2, FCfield="protected"), b".", Dot11Encrypted),
    ],
)
def test_carried(layer: Packet, payload: bytes, expected: type | None) -> None:
    """Of a layer that came in a frame."""
    came = type(layer)(bytes(layer))
    came.remove_payload()
    assert carried(came, payload) is expected


def test_what_scapy_fails_at_is_nothing() -> None:
    class Broken:
        def guess_payload_class(self, payload: bytes) -> type:
            raise KeyError(payload)

    assert carried(Broken(), b".") is None


def test_is_packet() -> None:
    assert is_packet(IP)
    assert is_packet(IPv6)
    assert not is_packet(Ether)
    assert not is_packet(None)
