"""What a packet stood in, with another packet in it: link headers, fragments and tunnels, each byte by byte."""

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from scapy_rr.capture.carrier import Fragments, Link, Tunnel
from scapy_rr.capture.tunnels import Inner, find
from scapy_rr.wire.fragmentation import MustNotFragment
from scapy_rr.wire.tunnel import NotRewritable

from ..pcapmaker.frames import Flow
from .tunnelled import AROUND_IPV4, around, inner, inner6

THERE, HERE = bytes.fromhex("020000000001"), bytes.fromhex("020000000005")
HEADER = THERE + HERE + b"\x81\x00\x00\x64\x08\x00"
BACK = HERE + THERE + b"\x81\x00\x00\x64\x08\x00"
FLOW = Flow(("10.0.0.5", 5060), ("10.0.0.1", 5060))
FLOW6 = Flow(("2001:db8::5", 5060), ("2001:db8::1", 5060))
TEXT = b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n" * 4
WITH_DF = FLOW.packet(TEXT, 7)
WITHOUT_DF = FLOW.fragments(TEXT, 7, 65_528)[0]


def found(name: str) -> Inner:
    """The packet in one of the tunnels."""
    link_type, headers = AROUND_IPV4[name]
    one = find(around(headers, inner()), link_type)
    assert one is not None
    return one


def test_a_link_header_stays_and_so_does_what_was_behind() -> None:
    one = Link(HEADER, b"trailer", 1, 0)
    assert one.frames(WITH_DF) == [HEADER + WITH_DF + b"trailer"]
    assert not one.decap


@pytest.mark.parametrize(("link_type", "header", "expected"), [(1, HEADER, BACK), (113, HEADER, HEADER), (101, b"", b"")])
def test_the_other_way_ethernet_addresses_are_exchanged(link_type: int, header: bytes, expected: bytes) -> None:
    """VLAN tags stay where they are. Other headers have one address at most, or none."""
    assert Link(header, b"", link_type, 0).frames(WITH_DF, True) == [expected + WITH_DF]


def test_what_is_longer_than_the_mtu_is_cut_and_df_is_cleared() -> None:
    """The IP headers are those that a sender makes who leaves out DF: 0x2000 at offset 0, and so on."""
    made = Link(HEADER, b"", 1, 68).frames(WITH_DF)
    assert made == [HEADER + part for part in FLOW.fragments(TEXT, 7, 48)]
    assert [frame[18 + 6 : 18 + 8].hex() for frame in made] == ["2000", "2006", "000c"]


@pytest.mark.parametrize("mtu", [len(WITH_DF), 0])
def test_what_fits_keeps_df(mtu: int) -> None:
    assert Link(HEADER, b"", 1, mtu).frames(WITH_DF) == [HEADER + WITH_DF]


def test_ipv6_is_cut_too() -> None:
    packet = FLOW6.packet(TEXT)
    made = Link(b"", b"", 101, 112).frames(packet)
    assert [(one[6], one[40], one[42:44].hex()) for one in made] == [(44, 17, "0001"), (44, 17, "0040")]
    assert b"".join(one[48:] for one in made) == packet[40:]


def test_an_mtu_without_room_is_an_error() -> None:
    with pytest.raises(ValueError, match="no room"):
        Link(HEADER, b"", 1, 24).frames(WITH_DF)


def test_fragments_are_as_long_as_those_that_came() -> None:
    """Once those that came are used up, as long as the longest of them."""
    made = Fragments(Link(HEADER, b"", 1, 0), (16, 48, 8)).frames(WITHOUT_DF)
    assert [int.from_bytes(frame[20:22]) - 20 for frame in made] == [16, 48, 48, 16]
    assert [frame[24:26].hex() for frame in made] == ["2000", "2002", "2008", "000e"]
    assert b"".join(frame[38:] for frame in made) == WITHOUT_DF[20:]
    assert {frame[:18] for frame in made} == {HEADER}


def test_fragments_go_the_other_way_as_what_is_around_them() -> None:
    made = Fragments(Link(HEADER, b"", 1, 0), (48, 40)).frames(WITHOUT_DF, True)
    assert made == [BACK + part for part in FLOW.fragments(TEXT, 7, 48)]


def test_a_tunnel_around_another_packet() -> None:
    """Lengths and checksums are those that Scapy builds."""
    _, headers = AROUND_IPV4["VXLAN"]
    other = inner(b"ACK sip:bob@10.0.0.9 SIP/2.0\r\nMax-Forwards: 70\r\n\r\n")
    assert Tunnel(found("VXLAN"), None, 1, 0, False).frames(other) == [around(headers, other)]


def test_a_tunnel_that_is_left_out() -> None:
    one = Tunnel(found("VXLAN"), None, 1, 0, True)
    assert one.decap
    assert one.frames(inner()) == [bytes.fromhex("020000000002 020000000001 0800") + inner()]


def test_a_tunnel_in_what_was_put_together() -> None:
    """What is in it goes in fragments again, as the outer packet came; left out, the packet alone does."""
    one = found("raw, IP in IP")
    outer = Fragments(Link(HEADER, b"", 1, 0), (40, 40))
    made = Tunnel(one, outer, 1, 0, False).frames(inner(), True)
    assert [(frame[:18], frame[24:26].hex()) for frame in made] == [(BACK, "2000"), (BACK, "0005")]
    assert b"".join(frame[38:] for frame in made) == inner()
    alone = Tunnel(one, Link(HEADER, b"", 1, 0), 1, 0, True).frames(inner())
    assert alone == [HEADER + inner()]


def test_the_outermost_packet_is_cut() -> None:
    tunnel = Ether(dst=THERE, src=HERE) / IP(src="192.0.2.1", dst="192.0.2.2", id=9) / UDP(sport=40000, dport=4789) / VXLAN(vni=1)
    one = find(bytes(tunnel / Ether(dst=THERE, src=HERE) / IP(inner())), 1)
    assert one is not None
    made = Tunnel(one, None, 1, 68, False).frames(inner())
    assert [frame[20:22].hex() for frame in made] == ["2000", "0006"]
    whole = one.frame(inner())
    assert b"".join(frame[34:] for frame in made) == whole[34:]
    assert {frame[:14] for frame in made} == {whole[:14]}


def test_the_outermost_packet_that_must_not_be_cut_is_an_error() -> None:
    """It is a tunnel's, whose sender said so: not what the proxy sends itself."""
    tunnel = Ether(dst=THERE, src=HERE) / IP(src="192.0.2.1", dst="192.0.2.2", id=9, flags="DF", proto=4) / IP(inner())
    one = find(bytes(tunnel), 1)
    assert one is not None
    with pytest.raises(MustNotFragment):
        Tunnel(one, None, 1, 68, False).frames(inner())


def test_a_packet_of_another_version_has_no_place_in_a_tunnel() -> None:
    with pytest.raises(NotRewritable, match="another IP version"):
        Tunnel(found("VXLAN"), None, 1, 0, False).frames(inner6())
