"""Which packets may carry others, by their bytes alone."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.datagram import Refusal, locate
from scapy_rr.wire.tunnel import TUNNEL_PORTS, TUNNEL_PROTOCOLS, may_carry, packet_length

from ..pcapmaker.frames import Flow

ADDRESSES = bytes(8)


def ipv4(protocol: int, payload: bytes, place: int = 0, words: int = 5) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x40 | words, 0, words * 4 + len(payload), 7, place, 64, protocol, 0)
    return header + ADDRESSES + bytes(max(words * 4 - 20, 0)) + payload


def ipv6(protocol: int, payload: bytes) -> bytes:
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + bytes(32) + payload


def ports(source: int, destination: int) -> bytes:
    return struct.pack("!HHHH", source, destination, 8, 0)


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (ipv4(4, b"."), True),
        (ipv4(41, b"."), True),
        (ipv4(47, b"."), True),
        (ipv4(6, b"."), False),
        (ipv4(17, ports(40000, 4789)), True),
        (ipv4(17, ports(2152, 40000)), True),
        (ipv4(17, ports(5060, 5060)), False),
        (ipv4(17, ports(40000, 4789), words=6), True),
        (ipv4(17, b"\x12"), False),
        (ipv4(4, b".", place=0x2000), False),
        (ipv4(4, b".", place=1), False),
        (ipv4(4, b".", place=0x1F00), False),
        (ipv4(4, b".", place=0x4000), True),
        (ipv6(4, b"."), True),
        (ipv6(17, ports(40000, 6081)), True),
        (ipv6(17, ports(5060, 5060)), False),
        (ipv6(60, bytes(8)), True),
        (ipv6(44, bytes(8)), False),
        (ipv6(58, bytes(8)), False),
    ],
)
def test_may_carry(packet: bytes, expected: bool) -> None:
    assert may_carry(packet) is expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (ipv4(17, b"12345678"), 28),
        (ipv4(17, b"12345678") + b"padding", 28),
        (ipv4(17, b"12345678")[:-1], 0),
        (ipv4(17, b""), 0),
        (ipv4(17, b"1", words=4), 0),
        (ipv4(17, b"1", words=15), 61),
        (ipv4(17, b"")[:19], 0),
        (ipv6(17, b"12345678"), 48),
        (ipv6(17, b"12345678")[:-1], 0),
        (ipv6(17, b""), 0),
        (ipv6(17, b"1")[:30], 0),
        (b"\x50" + bytes(40), 0),
        (b"", 0),
    ],
)
def test_packet_length(data: bytes, expected: int) -> None:
    assert packet_length(data) == expected


@given(st.binary(min_size=1, max_size=80))
def test_whole_packets_can_be_asked(data: bytes) -> None:
    """Never raises on what is whole."""
    for first in (0x45, 0x46, 0x60):
        packet = bytes([first]) + data[1:]
        if packet_length(packet):
            assert may_carry(packet) in (True, False)


@pytest.mark.parametrize("port", sorted(TUNNEL_PORTS))
def test_the_fast_path_has_the_ports_at_hand(port: int) -> None:
    """The numbers are those that a located datagram has."""
    packet = Flow(("192.0.2.1", 40000), ("192.0.2.2", port)).packet(b"payload")
    at = locate(packet, 0, len(packet), 101)
    assert not isinstance(at, Refusal)
    assert at.destination_port in TUNNEL_PORTS
    assert may_carry(packet)


def test_transports_are_no_tunnels() -> None:
    """UDP is one by its port only."""
    assert not {6, 17, 132} & TUNNEL_PROTOCOLS
    assert 5060 not in TUNNEL_PORTS
