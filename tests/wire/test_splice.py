"""Spliced frames against what Scapy builds from scratch, and the special values of checksums."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from scapy_rr.wire.checksum import checksum
from scapy_rr.wire.datagram import Datagram, locate
from scapy_rr.wire.link import ETHERNET
from scapy_rr.wire.splice import TooLong, ip_header, splice

SOURCE, DESTINATION = (bytes([10, 0, 0, 1]), 5060), (bytes([192, 0, 2, 9]), 7000)
SOURCE6, DESTINATION6 = (bytes(15) + b"\x01", 5060), (bytes(15) + b"\x09", 7000)


def spliced(frame: bytes, payload: bytes, six: bool = False) -> bytes:
    at = locate(frame, 0, len(frame), ETHERNET)
    assert isinstance(at, Datagram)
    return splice(frame, 0, len(frame), at, payload, SOURCE6 if six else SOURCE, DESTINATION6 if six else DESTINATION)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=6))
def test_ipv4_equals_what_scapy_builds(before: bytes, after: bytes, trailer: bytes) -> None:
    ip = IP(src="10.0.0.5", dst="10.0.0.1", id=7, ttl=63, tos=0x68, flags="DF")
    frame = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / ip / UDP(sport=1, dport=2) / Raw(before)) + trailer
    wanted_ip = IP(src="10.0.0.1", dst="192.0.2.9", id=7, ttl=63, tos=0x68, flags="DF")
    wanted = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / wanted_ip / UDP(sport=5060, dport=7000) / Raw(after)) + trailer
    assert spliced(frame, after) == wanted


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_ipv6_behind_a_vlan_tag_equals_what_scapy_builds(before: bytes, after: bytes) -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / Dot1Q(vlan=5)
    frame = bytes(link / IPv6(src="::5", dst="::1", hlim=9, fl=77) / UDP(sport=1, dport=2) / Raw(before))
    assert spliced(frame, after, six=True) == bytes(
        link / IPv6(src="::1", dst="::9", hlim=9, fl=77) / UDP(sport=5060, dport=7000) / Raw(after)
    )


def test_no_checksum_stays_none_in_ipv4_and_is_made_in_ipv6() -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    four = spliced(bytes(link / IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=1, dport=2, chksum=0) / Raw(b"a")), b"bc")
    assert four[14 + 20 + 6 : 14 + 20 + 8] == b"\0\0"
    six = spliced(bytes(link / IPv6(src="::5", dst="::1") / UDP(sport=1, dport=2, chksum=0) / Raw(b"a")), b"bc", six=True)
    assert six[14 + 40 + 6 : 14 + 40 + 8] != b"\0\0"


def test_a_wrong_checksum_is_made_right() -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    frame = bytes(link / IP(src="10.0.0.5", dst="10.0.0.1", chksum=0x1234) / UDP(sport=1, dport=2, chksum=0x1234) / Raw(b"a"))
    assert spliced(frame, b"a") == bytes(link / IP(src="10.0.0.1", dst="192.0.2.9") / UDP(sport=5060, dport=7000) / Raw(b"a"))


def test_a_computed_zero_is_written_as_ffff() -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    frame = bytes(link / IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=1, dport=2) / Raw(b"ab"))
    # The payload that makes the sum of pseudo header, header and itself 0xFFFF.
    pseudo = SOURCE[0] + DESTINATION[0] + b"\0\x0a\0\x11" + b"\x13\xc4\x1b\x58\0\x0a\0\0"
    routed = spliced(frame, checksum(pseudo).to_bytes(2, "big"))
    assert routed[14 + 20 + 6 : 14 + 20 + 8] == b"\xff\xff"


def test_udp_shorter_than_its_packet_keeps_what_follows_it() -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    frame = bytes(link / IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=1, dport=2, len=10) / Raw(b"abrest"))
    routed = spliced(frame, b"longer")
    assert routed.endswith(b"longerrest")
    assert int.from_bytes(routed[16:18], "big") == 20 + 8 + 6 + 4
    assert int.from_bytes(routed[38:40], "big") == 14


@pytest.mark.parametrize("version", [4, 6])
def test_more_than_ip_can_carry_is_refused(version: int) -> None:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    ip = IP(src="10.0.0.5", dst="10.0.0.1") if version == 4 else IPv6(src="::5", dst="::1")
    with pytest.raises(TooLong):
        spliced(bytes(link / ip / UDP(sport=1, dport=2) / Raw(b"a")), bytes(65_530), six=version == 6)


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=6))
def test_ipv6_extension_headers_stay(before: bytes, after: bytes, trailer: bytes) -> None:
    link, between = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02"), IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    frame = bytes(link / IPv6(src="::5", dst="::1") / between / UDP(sport=1, dport=2) / Raw(before)) + trailer
    wanted = bytes(link / IPv6(src="::1", dst="::9") / between / UDP(sport=5060, dport=7000) / Raw(after)) + trailer
    assert spliced(frame, after, six=True) == wanted


HEADERS = {
    "IPv4": IP(src="10.0.0.5", dst="10.0.0.1", id=7, ttl=9, tos=0x68, flags="DF", proto=6),
    "IPv4 with options": IP(src="10.0.0.5", dst="10.0.0.1", options=[IPOption_Router_Alert()], proto=6),
    "IPv6": IPv6(src="::5", dst="::1", hlim=9, fl=77, nh=6),
    "IPv6 with extension headers": IPv6(src="::5", dst="::1") / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(nh=6),
}


@pytest.mark.parametrize("ip", HEADERS.values(), ids=HEADERS)
def test_an_ip_header_for_so_many_bytes(ip: Packet) -> None:
    """Whatever length it had before, none included: so a kernel hands over what it has put together."""
    four = ip.version == 4
    wanted = ip.copy()
    wanted.src, wanted.dst = ("10.0.0.1", "192.0.2.9") if four else ("::1", "::9")
    addresses = SOURCE[0] + DESTINATION[0] if four else SOURCE6[0] + DESTINATION6[0]
    header = bytes(ip / Raw(b"before"))[:-6]
    without = header[:2] + b"\0\0" + header[4:] if four else header[:4] + b"\0\0" + header[6:]
    for behind in (0, 1, 1000):
        for one in (header, without):
            assert ip_header(one, behind, addresses) + bytes(behind) == bytes(wanted / Raw(bytes(behind)))
    most = 65_535 - len(header) + (0 if four else 40)
    assert ip_header(header, most, addresses)[2 if four else 4 :][:2] == b"\xff\xff"
    with pytest.raises(TooLong):
        ip_header(header, most + 1, addresses)
