"""Which frames hide nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.datagram import Datagram, Refusal, locate
from scapy_rr.wire.link import ETHERNET, LINUX_SLL
from scapy_rr.wire.plain_sight import LOOKED_INTO_PORTS, is_dull

RAW, UNKNOWN = 101, 105


def udp(port: int = 5060) -> bytes:
    return b"\x13\xc4" + port.to_bytes(2, "big") + b"\0\x0d\0\0hello"


def ipv4(protocol: int = 17, body: bytes | None = None, first: int = 0x45, fragment: int = 0x4000) -> bytes:
    body = udp() if body is None else body
    head = bytes([first, 0]) + (20 + len(body)).to_bytes(2, "big") + b"\0\0" + fragment.to_bytes(2, "big") + bytes([64, protocol]) + b"\0\0"
    return head + bytes((10, 0, 0, 5)) + bytes((10, 0, 0, 1)) + body


def ipv6(header: int = 17, body: bytes | None = None) -> bytes:
    body = udp() if body is None else body
    return b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([header, 64]) + bytes(32) + body


def ethernet(kind: int, packet: bytes = b"") -> bytes:
    return bytes(12) + kind.to_bytes(2, "big") + packet


DULL: dict[str, tuple[int, bytes]] = {
    "a datagram": (RAW, ipv4()),
    "a datagram in IPv6": (RAW, ipv6()),
    "behind Ethernet": (ETHERNET, ethernet(0x0800, ipv4())),
    "IPv6 behind Ethernet": (ETHERNET, ethernet(0x86DD, ipv6())),
    "behind a VLAN tag": (ETHERNET, ethernet(0x8100, b"\0\5\x08\0" + ipv4())),
    "behind Linux cooked": (LINUX_SLL, bytes(14) + b"\x08\0" + ipv4()),
    "ICMP": (RAW, ipv4(1)),
    "ICMPv6": (RAW, ipv6(58)),
    "ARP": (ETHERNET, ethernet(0x0806, bytes(28))),
    "spanning tree": (ETHERNET, ethernet(0x0026, bytes(38))),
    "ARP behind Linux cooked": (LINUX_SLL, bytes(14) + b"\x08\x06" + bytes(28)),
}
LOOKED_INTO: dict[str, tuple[int, bytes]] = {
    "TCP": (RAW, ipv4(6, bytes(20))),
    "TCP in IPv6": (RAW, ipv6(6, bytes(20))),
    "SCTP": (RAW, ipv4(132, bytes(20))),
    "the first fragment": (RAW, ipv4(fragment=0x2000)),
    "another fragment": (RAW, ipv4(fragment=0x0001)),
    "a fragment in IPv6": (RAW, ipv6(44)),
    "options in IPv4": (RAW, ipv4(first=0x46)),
    "hop-by-hop options": (RAW, ipv6(0)),
    "a routing header": (RAW, ipv6(43)),
    "destination options": (RAW, ipv6(60)),
    "IP in IP": (RAW, ipv4(4)),
    "IPv6 in IP": (RAW, ipv4(41)),
    "GRE in IPv6": (RAW, ipv6(47)),
    "neither version": (RAW, ipv4(first=0x25)),
    "a link type that is not read": (UNKNOWN, ipv4()),
    "MPLS": (ETHERNET, ethernet(0x8847, bytes(40))),
    "MPLS, multicast": (ETHERNET, ethernet(0x8848, bytes(40))),
    "PPPoE": (ETHERNET, ethernet(0x8864, bytes(40))),
    "a provider's backbone": (ETHERNET, ethernet(0x88E7, bytes(40))),
    "PPPoE behind a VLAN tag": (ETHERNET, ethernet(0x8100, b"\0\5\x88\x64" + bytes(40))),
    "the end of a buffer": (RAW, ipv4()[:22]),
    "the end of a buffer in IPv6": (RAW, ipv6()[:42]),
    "nothing": (RAW, b""),
}


@pytest.mark.parametrize(("link_type", "frame"), DULL.values(), ids=DULL)
def test_dull(link_type: int, frame: bytes) -> None:
    assert is_dull(frame, 0, link_type)
    assert is_dull(b"before" + frame + b"after", 6, link_type)


@pytest.mark.parametrize(("link_type", "frame"), LOOKED_INTO.values(), ids=LOOKED_INTO)
def test_looked_into(link_type: int, frame: bytes) -> None:
    assert not is_dull(frame, 0, link_type)
    # What stands behind a short frame must not make it dull.
    assert not is_dull(b"before" + frame, 6, link_type)


@pytest.mark.parametrize("port", sorted(LOOKED_INTO_PORTS))
def test_ports_that_are_looked_into(port: int) -> None:
    """Those of tunnels, and HEP's, which may be compressed."""
    assert not is_dull(ipv4(body=udp(port)), 0, RAW)
    assert not is_dull(ipv6(body=udp(port)), 0, RAW)
    # Behind another protocol the number is no port.
    assert is_dull(ipv4(1, udp(port)), 0, RAW)


def test_which_ports_they_are() -> None:
    assert {2152, 4789, 6081, 9060} <= LOOKED_INTO_PORTS
    assert not LOOKED_INTO_PORTS & {5060, 5061, 53}


@given(st.binary(max_size=80), st.sampled_from([ETHERNET, RAW, LINUX_SLL]), st.sampled_from([0x45, 0x60]))
def test_no_fragment_and_no_stream_is_dull(rest: bytes, link_type: int, first: int) -> None:
    """Whatever the frame is: what is found behind it agrees."""
    head = {ETHERNET: ethernet(0x0800 if first == 0x45 else 0x86DD), RAW: b"", LINUX_SLL: bytes(14) + b"\x08\0"}[link_type]
    frame = head + bytes([first]) + rest
    found = locate(frame, 0, len(frame), link_type)
    is_part = found in (Refusal.FRAGMENT, Refusal.TCP, Refusal.SCTP)
    if is_part or (isinstance(found, Datagram) and found.destination_port in LOOKED_INTO_PORTS):
        assert not is_dull(frame, 0, link_type)
