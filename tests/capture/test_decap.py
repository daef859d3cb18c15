"""The packet alone, link type by link type."""

from collections.abc import Callable
from zlib import crc32

import pytest
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw

from scapy_rr.capture.tunnels import Inner, find
from scapy_rr.wire.tunnel import NotRewritable

from ..pcapmaker.frames import cooked_v1, cooked_v1_vlan, cooked_v2, ethernet, loop, mac, null, qinq
from ..pcapmaker.tunnels import erspan, gre, gtp_u, ip_in_ip, mpls, outer, pppoe, pseudo_wire, vxlan, wifi, wifi_radio
from .tunnelled import AROUND_IPV4, EVERY, around, inner, inner6

OUTER = mac("192.0.2.1") + mac("192.0.2.2")
INNER = mac("10.0.0.1") + mac("10.0.0.5")


def found(data: bytes, link_type: int) -> Inner:
    made = find(data, link_type)
    assert made
    return made


@pytest.mark.parametrize(
    ("wrap", "macs"),
    [
        (ethernet, INNER),
        (qinq, INNER),
        (pppoe, OUTER),
        (mpls, OUTER),
        (gre, OUTER),
        (gtp_u, OUTER),
        (ip_in_ip, OUTER),
        # Where Ethernet is carried, the header that the packet had before.
        (pseudo_wire, INNER),
        (vxlan, INNER),
        (erspan, INNER),
    ],
)
def test_ethernet(wrap: Callable[[bytes], bytes], macs: bytes) -> None:
    """Neither tags nor labels."""
    one = found(wrap(inner()), 1)
    assert one.decapsulated(one.packet) == macs + b"\x08\x00" + inner()
    assert one.decapsulated(inner(b"other")) == macs + b"\x08\x00" + inner(b"other")
    assert one.decapsulated(inner6()) == macs + b"\x86\xdd" + inner6()


def test_802_3() -> None:
    """LLC and SNAP are no longer needed."""
    link_type, headers = AROUND_IPV4["802.3 with SNAP"]
    data = around(headers, inner())
    assert found(data, link_type).decapsulated(inner()) == data[:12] + b"\x08\x00" + inner()


@pytest.mark.parametrize(
    ("link_type", "wrap", "plain"),
    [
        (113, cooked_v1_vlan, cooked_v1),
        (113, cooked_v1, cooked_v1),
        (276, cooked_v2, cooked_v2),
        (0, null, null),
        (108, loop, loop),
    ],
)
def test_other_links(link_type: int, wrap: Callable[[bytes], bytes], plain: Callable[[bytes], bytes]) -> None:
    for packet in (inner(), inner6()):
        assert found(wrap(packet), link_type).decapsulated(packet) == plain(packet)


@pytest.mark.parametrize(
    ("link_type", "data", "expected"),
    [
        (0, b"\2\0\0\0" + outer(41, inner6(), True), b"\x1e\0\0\0" + inner6()),
        (0, b"\0\0\0\2" + outer(41, inner6(), True), b"\0\0\0\x1e" + inner6()),
        (0, b"\x1c\0\0\0" + bytes(IPv6(nh=41, src="::1", dst="::1") / Raw(inner6())), b"\x1c\0\0\0" + inner6()),
        (0, b"\x1c\0\0\0" + bytes(IPv6(nh=4, src="::1", dst="::1") / Raw(inner())), b"\2\0\0\0" + inner()),
        (108, b"\0\0\0\2" + outer(41, inner6(), True), b"\0\0\0\x18" + inner6()),
        (101, outer(41, inner6(), True), inner6()),
        (228, outer(4, inner(), True), inner()),
        (9, b"\0\x21" + outer(41, inner6(), True), b"\0\x57" + inner6()),
        (9, b"\x21" + outer(4, inner(), True), b"\0\x21" + inner()),
        (50, b"\xff\3\0\x21" + outer(4, inner(), True), b"\xff\3\0\x21" + inner()),
        (51, b"\x11\0\0\7" + (len(inner()) + 22).to_bytes(2, "big") + b"\0\x21" + outer(4, inner(), True) + b"padding",
         b"\x11\0\0\7" + (len(inner()) + 2).to_bytes(2, "big") + b"\0\x21" + inner()),
        (104, b"\x0f\0\x08\0" + outer(41, inner6(), True), b"\x0f\0\x86\xdd" + inner6()),
    ],
)  # fmt: skip
def test_the_link_says_what_is_in_it(link_type: int, data: bytes, expected: bytes) -> None:
    """A family or protocol of the packet that is there now, and its length."""
    one = found(data, link_type)
    assert one.decapsulated(one.packet) == expected
    assert found(expected, link_type).packet == one.packet


def test_802_11() -> None:
    """The radio's header and the 802.11 header stay, LLC and SNAP name the packet, the check sequence is right again."""
    for link_type, wrap, radio in ((105, wifi, 0), (127, wifi_radio, 15)):
        data = wrap(outer(41, inner6(), True))
        made = found(data, link_type).decapsulated(inner6())
        frame = data[radio : radio + 32] + b"\x86\xdd" + inner6()
        assert made == data[:radio] + frame + crc32(frame).to_bytes(4, "little")
        assert found(made, link_type).packet == inner6()


@pytest.mark.parametrize(("name", "link_type", "headers", "make"), EVERY, ids=[name for name, *_ in EVERY])
def test_every_construction(name: str, link_type: int, headers: Packet, make: Callable[[bytes], bytes]) -> None:
    """The packet is found again, with no other around it, and alone again it is the same."""
    one = found(around(headers, make(b"BYE")), link_type)
    if link_type == 229:
        with pytest.raises(NotRewritable, match="229"):
            one.decapsulated(one.packet)
        return
    again = found(one.decapsulated(one.packet), link_type)
    assert again.packet == one.packet
    assert not {"IP", "IPv6", "MPLS", "802.1Q"} & set(again.levels)
    assert again.decapsulated(again.packet) == one.decapsulated(one.packet)


def test_what_cannot_be_alone() -> None:
    one = found(vxlan(inner()), 1)
    for packet in (b"", b"\x75"):
        with pytest.raises(NotRewritable, match="no IP packet"):
            one.decapsulated(packet)
    with pytest.raises(NotRewritable, match="228 holds no IPv6"):
        found(outer(41, inner6(), True), 228).decapsulated(inner6())
    with pytest.raises(NotRewritable, match="what follows"):
        found(bytes(IPv6(nh=4, src="::1", dst="::1") / Raw(inner())), 31).decapsulated(inner())
