"""Datagrams made from nothing are what Scapy makes of the same."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

from scapy_rr.wire.build import build
from scapy_rr.wire.datagram import Datagram, locate
from scapy_rr.wire.splice import TooLong

ENDS = {4: ("10.0.0.1", "10.0.0.9"), 6: ("2001:db8::1", "2001:db8::9")}


@given(st.sampled_from([4, 6]), st.binary(max_size=2000), st.integers(1, 0xFFFF), st.integers(1, 0xFFFF), st.integers(0, 0x1FFFF))
def test_as_scapy_makes_it(version: int, payload: bytes, source: int, destination: int, identification: int) -> None:
    here, there = (ip_address(text).packed for text in ENDS[version])
    made = build(payload, (here, source), (there, destination), identification)
    udp = UDP(sport=source, dport=destination) / payload
    if version == 4:
        assert made == bytes(IP(src=ENDS[4][0], dst=ENDS[4][1], id=identification & 0xFFFF, ttl=64) / udp)
    else:
        assert made == bytes(IPv6(src=ENDS[6][0], dst=ENDS[6][1], hlim=64) / udp)
    at = locate(made, 0, len(made), 101)
    assert isinstance(at, Datagram)
    assert (made[at.payload : at.end], at.source, at.source_port) == (payload, here, source)
    assert (at.destination, at.destination_port) == (there, destination)


def test_a_checksum_that_comes_out_as_zero_is_written_otherwise() -> None:
    made = {build(payload.to_bytes(2, "big"), (bytes(4), 1), (bytes(4), 2))[26:28] for payload in range(0x10000)}
    assert b"\0\0" not in made
    assert b"\xff\xff" in made


@pytest.mark.parametrize(("version", "most"), [(4, 65507), (6, 65527)])
def test_longer_than_ip_can_say(version: int, most: int) -> None:
    here, there = (ip_address(text).packed for text in ENDS[version])
    assert len(build(bytes(most), (here, 1), (there, 2))) == 65535 + (40 if version == 6 else 0)
    with pytest.raises(TooLong, match="65536 bytes in an IP packet"):
        build(bytes(most + 1), (here, 1), (there, 2))
