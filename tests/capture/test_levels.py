"""One level: taken apart it is all of its bytes, and around something else it is right."""

from zlib import crc32

import pytest
from scapy.layers.dot11 import Dot11, Dot11FCS, RadioTap
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, LLC, Dot1Q, Dot3, Ether, MPacketPreamble
from scapy.layers.l2tp import L2TP
from scapy.layers.ppp import PPPoE
from scapy.packet import Raw

from scapy_rr.capture.levels import Level, dissect
from scapy_rr.wire.splice import TooLong
from scapy_rr.wire.tunnel import NotRewritable

ETHERNET = bytes(12) + b"\x08\x00"
IPV4 = bytes.fromhex("4500001b000940004004b6d2c0000201c0000202")
IPV6 = bytes.fromhex("6000000000070440") + bytes(32)


def level(cls: type, data: bytes, above: Level | None = None) -> Level:
    made = dissect(cls, data, above)
    assert made
    return made


@pytest.mark.parametrize(
    ("cls", "head", "payload", "tail", "name"),
    [
        (Ether, ETHERNET, b"payload", b"", "Ethernet"),
        (Dot1Q, b"\x00\x64\x08\x00", b"payload", b"", "802.1Q"),
        (Dot3, bytes(12) + b"\0\7", b"payload", b"padding", "802.3"),
        (IP, IPV4, b"payload", b"padding", "IP"),
        (IPv6, IPV6.replace(b"\0\7", b"\0\7", 1), b"payload", b"padding", "IPv6"),
        (PPPoE, b"\x11\0\0\x17\0\7", b"payload", b"padding", "PPPoE"),
        (UDP, b"\x9c\x40\x12\xb5\0\x0f\0\0", b"payload", b"more", "UDP"),
        (GRE, b"\0\0\x08\0", b"payload", b"", "GRE"),
        (RadioTap, b"\0\0\x0a\0\0\0\0\0xy", b"payload", b"", "RadioTap"),
    ],
)
def test_dissect(cls: type, head: bytes, payload: bytes, tail: bytes, name: str) -> None:
    """And put together again with the same, it is the same."""
    one = level(cls, head + payload + tail)
    assert (one.head, one.payload, one.tail, one.checked, one.name) == (head, payload, tail, b"", name)
    assert one.around(payload) == head + payload + tail
    assert one.around(payload, padded=False) == head + payload


@pytest.mark.parametrize(
    ("cls", "before", "after"),
    [
        (Dot3, bytes(12) + b"\0\7payload+", bytes(12) + b"\0\4text+"),
        (IP, IPV4 + b"payload+", bytes.fromhex("45000018000940004004b6d5c0000201c0000202") + b"text+"),
        (IPv6, IPV6 + b"payload+", IPV6[:5] + b"\4" + IPV6[6:] + b"text+"),
        (PPPoE, b"\x11\0\0\x17\0\7payload+", b"\x11\0\0\x17\0\4text+"),
        (UDP, b"\x9c\x40\x12\xb5\0\x0f\0\0payload+", b"\x9c\x40\x12\xb5\0\x0c\0\0text+"),
        (GRE, b"\0\0\x08\0payload", b"\0\0\x08\0text"),
        (L2TP, b"\x40\x02\0\x0f\0\1\0\2payload", b"\x40\x02\0\x0c\0\1\0\2text"),
        (L2TP, b"\0\x02\0\1\0\2payload", b"\0\x02\0\1\0\2text"),
    ],
)
def test_around_something_else(cls: type, before: bytes, after: bytes) -> None:
    one = level(cls, before)
    assert one.around(b"text") == after
    assert one.around(b"payload") == before


def test_checksums_of_udp_are_over_the_addresses_above_it() -> None:
    """Of both versions."""
    for header in (IP(src="192.0.2.1", dst="192.0.2.2"), IPv6(src="2001:db8::1", dst="2001:db8::2")):
        above = level(type(header), bytes(header / UDP(sport=1, dport=4789) / Raw(b"payload")))
        assert above.around(level(UDP, above.payload, above).around(b"text")) == bytes(header / UDP(sport=1, dport=4789) / Raw(b"text"))


def test_a_checksum_of_gre_is_made() -> None:
    before, after = (bytes(GRE(chksum_present=1, offset=0, proto=0x0800) / Raw(text)) for text in (b"payload", b"text"))
    assert level(GRE, before).around(b"text") == after
    wrong = bytearray(before)
    wrong[4] ^= 1
    with pytest.raises(NotRewritable, match="GRE"):
        level(GRE, bytes(wrong)).around(b"text")


@pytest.mark.parametrize("at", [10, 11])
def test_a_wrong_checksum_of_ip_is_made_right(at: int) -> None:
    """A card would have made it."""
    wrong = bytearray(IPV4 + b"payload")
    wrong[at] ^= 1
    one = level(IP, bytes(wrong))
    assert one.around(b"payload") == IPV4 + b"payload"
    assert one.around(b"payload") == IPV4 + b"payload"


def test_a_wrong_length_is_not() -> None:
    """What is in it is then not what it says."""
    for cls, data in (
        (UDP, b"\x9c\x40\x12\xb5\0\xff\0\0payload"),
        (UDP, b"\x9c\x40\x12\xb5\0\xff\1\1payload"),
        (PPPoE, b"\x11\0\0\1\0\x09payload"),
    ):
        with pytest.raises(NotRewritable, match=r"UDP|PPPoE"):
            level(cls, data).around(b"text")


def test_options_of_ip_stay() -> None:
    packet = bytes(IP(src="192.0.2.1", dst="192.0.2.2", options=[IPOption_Router_Alert()], proto=4) / Raw(b"payload"))
    one = level(IP, packet)
    assert len(one.head) == 24
    assert one.around(b"text")[20:] == one.head[20:] + b"text"


def test_a_check_sequence() -> None:
    """Where there is one; a wrong one where a header says that there is one."""
    frame = ETHERNET + b"payload"
    one = level(Ether, frame + crc32(frame).to_bytes(4, "little"))
    assert (one.payload, one.tail, len(one.checked)) == (b"payload", b"", 4)
    assert one.around(b"text") == ETHERNET + b"text" + crc32(ETHERNET + b"text").to_bytes(4, "little")
    head = bytes(Dot11(type=2))
    one = level(Dot11FCS, head + b"payload" + crc32(head + b"payload").to_bytes(4, "little"))
    assert one.name == "802.11"
    assert one.around(b"text") == head + b"text" + crc32(head + b"text").to_bytes(4, "little")
    with pytest.raises(NotRewritable, match="wrong"):
        level(Dot11FCS, head + b"payload1234").around(b"text")


def test_a_length_that_overflows() -> None:
    for cls, data in ((IP, IPV4 + b"payload"), (IPv6, IPV6 + b"payload"), (PPPoE, b"\x11\0\0\x17\0\7payload")):
        with pytest.raises(TooLong, match="70000 bytes in"):
            level(cls, data).around(bytes(70000))
    with pytest.raises(TooLong, match=r"1501 bytes in 802\.3"):
        level(Dot3, bytes(12) + b"\0\7payload").around(bytes(1501))


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(NotRewritable, match="TCP"):
        level(TCP, bytes(TCP() / Raw(b"payload"))).around(b"text")
    with pytest.raises(NotRewritable, match="type"):
        level(Dot1Q, b"\0\1\0\x07payload").around(b"text")


@pytest.mark.parametrize(
    ("cls", "data"), [(Ether, b""), (IP, b"\x45"), (UDP, b"\0\1"), (PPPoE, b"\x11"), (RadioTap, b"\0"), (Dot11, b"\x88")]
)
def test_half_a_header_is_none(cls: type, data: bytes) -> None:
    assert dissect(cls, data, None) is None


def test_what_scapy_fails_to_build_is_refused() -> None:
    one = level(UDP, b"\x9c\x40\x12\xb5\0\x0f\0\0payload")
    one.layer.fields["sport"] = "no port"
    with pytest.raises(NotRewritable, match="UDP"):
        one.around(b"text")


def test_a_layer_with_a_field_behind_its_payload_is_none() -> None:
    """There the payload is not what follows the header."""
    assert dissect(MPacketPreamble, bytes(8) + ETHERNET + b"payload1234", None) is None


def test_the_class_is_the_one_that_the_bytes_are_of() -> None:
    """As Scapy decides it."""
    assert level(Ether, bytes(12) + b"\0\7payload").kind == "Dot3"
    assert level(LLC, b"\xaa\xaa\x03payload").kind == "LLC"
