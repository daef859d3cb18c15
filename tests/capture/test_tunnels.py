"""The packet in the midst: found in every construction, and another one in its place."""

import logging
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from scapy_rr.capture.tunnels import Inner, find
from scapy_rr.wire.splice import TooLong
from scapy_rr.wire.tunnel import NotRewritable

from ..make_pcaps import GENERATED, TUNNELLED
from ..pcapmaker.frames import LINKS, Flow, ethernet
from ..pcapmaker.tunnels import TUNNELS, erspan, gre, gtp_u, ip_in_ip, pppoe, vxlan, wifi_radio
from .samples import enhanced, interface, section
from .tunnelled import AROUND_IPV4, EVERY, around, inner, inner6

IDS = [name for name, *_ in EVERY]
FAULTS = " || ".join(
    ["_ws.malformed", "udp.length.bad", "pppoe.payload_length.bad", "eth.fcs.status == 0", "wlan.fcs.status == 0"]
    + [f"{protocol}.checksum.status == 0" for protocol in ("ip", "udp", "gre")]
    + ["_ws.expert.severity >= 0x800000"]
)


def found(data: bytes, link_type: int) -> Inner:
    made = find(data, link_type)
    assert made
    return made


def seen(tshark: str, folder: Path, frames: Iterable[tuple[bytes, int]], condition: str = FAULTS) -> list[str]:
    """The frames, each with its link type, with which tshark finds fault, or of which something else is true; told one by one."""
    blocks, interfaces = [section()], dict[int, int]()
    for data, link_type in frames:
        if link_type not in interfaces:
            interfaces[link_type] = len(interfaces)
            blocks.append(interface(link_type))
        blocks.append(enhanced(data, interfaces[link_type]))
    path = folder / "judged.pcapng"
    path.write_bytes(b"".join(blocks))
    command = [tshark, "-n", "-r", str(path), "-Y", condition, "-d", "udp.port==8472,vxlan"]
    for preference in ("ip.check_checksum", "udp.check_checksum", "wlan.check_checksum", "udp.ignore_ipv6_zero_checksum"):
        command += ["-o", f"{preference}:TRUE"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def longer(packet: bytes) -> bytes:
    """A packet of the captures with more in its datagram, made by those who made it."""
    ip = (IPv6 if packet[0] >> 4 == 6 else IP)(packet)
    flow = Flow((ip.src, ip.sport), (ip.dst, ip.dport))
    return flow.packet(bytes(ip[UDP].payload) + b"more of it", int.from_bytes(packet[4:6], "big"))


def rewritten(name: str) -> list[tuple[bytes, bytes, int]]:
    """Of a capture's frames: with a longer packet in it, as its tunnel is around that, and the link type."""
    capture = GENERATED[name]
    link_type, wrap = TUNNELS[capture.link]
    made = []
    for packet in capture.scene().packets:
        data = wrap(packet.data, packet.sent)
        one = found(data, link_type)
        assert one.packet == packet.data
        assert one.frame(packet.data) is data
        made.append((one.frame(longer(packet.data)), wrap(longer(packet.data), packet.sent), link_type))
    return made


@pytest.mark.parametrize("name", sorted(TUNNELLED))
def test_the_captures(name: str) -> None:
    """Each packet of the scene is found in its frame, and a longer one in its place makes the frame that its tunnel makes of it."""
    made = rewritten(name)
    assert len(made) > 9
    for frame, wanted, _ in made:
        assert frame == wanted


def test_tshark_finds_no_fault_with_the_captures(tshark: str, tmp_path: Path) -> None:
    """It sees a SIP message in each frame."""
    frames = [(frame, link_type) for name in sorted(TUNNELLED) for frame, _, link_type in rewritten(name)]
    assert seen(tshark, tmp_path, frames) == []
    assert len(seen(tshark, tmp_path, frames, "sip")) == len(frames)


@pytest.mark.parametrize("link", LINKS)
def test_links_of_the_fast_path(link: str) -> None:
    """There it is the only packet; padding stays."""
    link_type, wrap = LINKS[link]
    packet = inner6() if link == "raw IPv6" else inner()
    one = found(wrap(packet, False), link_type)
    assert one.packet == packet
    assert "IP" not in one.levels
    changed = inner6(b"other") if link == "raw IPv6" else inner(b"other")
    wanted = wrap(changed, False)
    if link == "ethernet, padded":
        wanted = wrap(packet, False).replace(packet, changed)
    assert one.frame(changed) == wanted


@pytest.mark.parametrize(("name", "link_type", "headers", "make"), EVERY, ids=IDS)
def test_every_construction(name: str, link_type: int, headers: Packet, make: Callable[[bytes], bytes]) -> None:
    """What Scapy builds around another packet is what we make of the frame; and back."""
    data, other = around(headers, make(b"BYE")), make(b"BYE sip:somebody@else SIP/2.0" * 9)
    one = found(data, link_type)
    assert one.packet == make(b"BYE")
    made = one.frame(other)
    assert made == around(headers, other)
    again = found(made, link_type)
    assert again.levels == one.levels
    assert again.frame(one.packet) == data


def test_tshark_finds_no_fault_with_them(tshark: str, tmp_path: Path) -> None:
    """After a longer packet was put into each, which it sees. Of a pseudo-wire to such addresses it guesses another thing than Scapy."""
    frames = []
    for name, link_type, headers, make in EVERY:
        # It has no name for the one, and takes it for granted that the other has a check sequence.
        if link_type not in (14, 105) and "pseudo-wire" not in name:
            frames.append((found(around(headers, make(b"BYE")), link_type).frame(make(b"BYE sip:a@b SIP/2.0\r\n\r\n" * 9)), link_type))
    assert len(frames) > 60
    assert seen(tshark, tmp_path, frames) == []
    assert len(seen(tshark, tmp_path, frames, "sip")) == len(frames)


def test_what_tshark_would_say(tshark: str, tmp_path: Path) -> None:
    """So that its silence above tells something: a level that was not made right is a fault."""
    good, bad = [], []
    for wrap, at in ((vxlan, 25), (gre, 39), (pppoe, 19), (wifi_radio, -1)):
        data = bytearray(wrap(inner()))
        data[at] ^= 1
        link_type = 127 if wrap is wifi_radio else 1
        good.append((wrap(inner()), link_type))
        bad.append((bytes(data), link_type))
    assert seen(tshark, tmp_path, good) == []
    assert len(seen(tshark, tmp_path, bad)) == len(bad)


def test_levels_are_named_as_people_do() -> None:
    names = {name: found(around(headers, make(b"BYE")), link_type).levels for name, link_type, headers, make in EVERY}
    assert names["nothing but Ethernet"] == ("Ethernet",)
    assert names["802.1ad"] == ("Ethernet", "802.1ad", "802.1Q")
    assert names["PPPoE"] == ("Ethernet", "PPPoE", "PPP")
    assert names["VXLAN"] == ("Ethernet", "IP", "UDP", "VXLAN", "Ethernet")
    assert names["GTP-U, 5G"] == ("Ethernet", "IP", "UDP", "GTP-U", "GTP PDU Session Container")
    assert names["pseudo-wire with a control word"] == ("Ethernet", "MPLS", "pseudo-wire control word", "Ethernet")
    assert names["802.11, radiotap with FCS"] == ("RadioTap", "802.11", "802.11 QoS", "LLC", "SNAP")
    assert names["cooked v1, 802.1ad"] == ("Linux cooked v1", "802.1ad", "802.1Q")
    assert names["raw, IP in IP"] == ("IP",)


def fragments() -> list[bytes]:
    return Flow(("10.0.0.5", 5060), ("10.0.0.1", 5060)).fragments(b"BYE" * 99, 5, 128)


def test_a_fragment_is_not_looked_into() -> None:
    """Within a tunnel it is what is found; of a tunnel's packet it is, too, until it was put together and given again."""
    first, second, *_ = fragments()
    assert found(vxlan(first), 1).packet == first
    assert found(vxlan(second), 1).packet == second
    whole = vxlan(inner(b"BYE" * 99))[14:]
    # Its length, and that more fragments follow.
    cut = whole[:2] + (180).to_bytes(2, "big") + whole[4:6] + b"\x20\x00" + whole[8:180]
    assert found(ethernet(cut), 1).packet == cut
    assert found(whole, 101).packet == inner(b"BYE" * 99)
    assert found(whole, 101).levels == ("IP", "UDP", "VXLAN", "Ethernet")


def test_a_fragment_is_written_again() -> None:
    """With other bytes, as long as it says so itself."""
    first, *_ = fragments()
    changed = first[:-1] + b"?"
    assert found(vxlan(first), 1).frame(changed) == vxlan(changed)


def link(kind: int) -> bytes:
    """An Ethernet header."""
    return bytes(12) + kind.to_bytes(2, "big")


NOTHING = {
    "an ARP frame": (1, bytes(12) + b"\x08\x06" + bytes(28)),
    "nothing": (1, b""),
    "half a header": (1, bytes(12) + b"\x08\x00\x45"),
    "a link type that nobody knows": (147, ethernet(inner())),
    "raw, but not IP": (101, b"\x75" + bytes(40)),
    "an empty raw frame": (101, b""),
    "a frame cut off in its packet": (1, ethernet(inner())[:-1]),
    "a packet of nothing": (1, ethernet(bytes(IP(src="10.0.0.1", dst="10.0.0.2", len=20, proto=17)))),
    "PPPoE, but discovery": (1, link(0x8863) + b"\x11\x09\0\0\0\0"),
    "PPP, but no IP": (9, b"\xc0\x21" + inner()),
    "802.11, encrypted": (105, bytes(around(AROUND_IPV4["802.11"][1], inner()).replace(b"\x08\x01", b"\x08\x41", 1))),
    "802.11 QoS, encrypted": (105, bytes(around(AROUND_IPV4["802.11 QoS"][1], inner()).replace(b"\x88\x02", b"\x88\x42", 1))),
    "802.11, a beacon": (105, b"\x80" + bytes(60)),
    "MPLS with nothing behind": (1, link(0x8847) + bytes(MPLS(s=1))),
    "MPLS with who knows what": (1, link(0x8847) + bytes(MPLS(s=1)) + bytes([0x99] * 60)),
}


@pytest.mark.parametrize("name", NOTHING)
def test_where_there_is_no_packet(name: str) -> None:
    link_type, data = NOTHING[name]
    assert find(data, link_type) is None


OUTER_ONLY = {
    "SIP on a tunnel's port": Flow(("10.0.0.5", 5060), ("10.0.0.1", 8472)).packet(b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n\r\n"),
    "SIP from a tunnel's port": Flow(("10.0.0.5", 2152), ("10.0.0.1", 5060)).packet(b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n\r\n"),
    "SIP on TZSP's port": Flow(("10.0.0.5", 5060), ("10.0.0.1", 37008)).packet(b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n\r\n"),
    "nothing in a tunnel": Flow(("10.0.0.5", 2152), ("10.0.0.1", 2152)).packet(b""),
    "half a packet in a tunnel": Flow(("10.0.0.5", 1), ("10.0.0.1", 4789)).packet(vxlan(inner())[42:-1]),
    "a tunnel of ARP": Flow(("10.0.0.5", 1), ("10.0.0.1", 4789)).packet(bytes(VXLAN()) + link(0x0806) + bytes(28)),
    "GTP-U's echo": Flow(("10.0.0.5", 2152), ("10.0.0.1", 2152)).packet(b"\x32\x01\0\x04\0\0\0\0\0\x01\0\0"),
    "TCP": bytes(IP(src="10.0.0.5", dst="10.0.0.1") / TCP(dport=4789) / Raw(vxlan(inner())[42:])),
    "an ICMP error about a packet": bytes(IP(src="10.0.0.5", dst="10.0.0.1", proto=1)) + b"\x03\x03" + bytes(6) + inner(),
    "GRE of something else": bytes(IP(src="10.0.0.5", dst="10.0.0.1", proto=47)) + b"\0\0\x12\x34" + inner(),
}


@pytest.mark.parametrize("name", OUTER_ONLY)
def test_where_no_other_packet_is_within(name: str) -> None:
    """A port alone makes no tunnel."""
    packet = bytearray(OUTER_ONLY[name])
    packet[2:4] = len(packet).to_bytes(2, "big")
    assert found(ethernet(bytes(packet)), 1).packet == packet


def test_a_zero_checksum_stays_zero() -> None:
    assert vxlan(inner())[40:42] == b"\0\0"
    assert found(vxlan(inner()), 1).frame(inner(b"other"))[40:42] == b"\0\0"


@pytest.mark.parametrize("at", [24, 40], ids=["of IP", "of UDP"])
def test_a_checksum_that_a_card_was_to_make_is_made(at: int) -> None:
    """Captures at the sender have it unmade, in the outer headers alone."""
    name = "VXLAN with checksums"
    link_type, headers = AROUND_IPV4[name]
    data = bytearray(around(headers, inner()))
    data[at : at + 2] = b"\x12\x34"
    one = found(bytes(data), link_type)
    assert one.frame(one.packet) == data
    assert one.frame(inner(b"other")) == around(headers, inner(b"other"))


def test_padding_within_a_tunnel_stays() -> None:
    """The inner frame was padded before it was put in, the outer one is counted without what follows it."""
    data = vxlan(inner(b"BYE"))
    padded = bytearray(data + bytes(14) + b"trailer")
    for at, more in ((16, 14), (38, 14)):
        padded[at : at + 2] = (int.from_bytes(padded[at : at + 2], "big") + more).to_bytes(2, "big")
    padded[24:26] = b"\0\0"
    one = found(bytes(padded), 1)
    made = one.frame(inner(b"BYE BYE"))
    assert len(made) == len(padded) + 4
    assert made.endswith(inner(b"BYE BYE") + bytes(14) + b"trailer")
    assert made[16:18] == (int.from_bytes(padded[16:18], "big") + 4).to_bytes(2, "big")


def test_padding_of_pppoe_is_not_in_its_length() -> None:
    data = pppoe(inner(b"BYE")) + bytes(9)
    assert found(data, 1).frame(inner(b"BYE BYE")) == pppoe(inner(b"BYE BYE")) + bytes(9)


@pytest.mark.parametrize("wrap", [ethernet, pppoe, gre, erspan])
def test_a_right_check_sequence_is_right_again(wrap: Callable[[bytes], bytes]) -> None:
    """Some cards leave it on the frame."""

    def checked(packet: bytes) -> bytes:
        frame = wrap(packet)
        return frame + crc32(frame).to_bytes(4, "little")

    data = checked(inner(b"BYE " * 20))
    assert found(data, 1).frame(inner(b"BYE " * 30)) == checked(inner(b"BYE " * 30))


def test_too_long() -> None:
    """At the level that says so, however much room the inner packet has."""
    for wrap in (vxlan, gre, gtp_u, ip_in_ip):
        with pytest.raises(TooLong, match="bytes in"):
            found(wrap(inner()), 1).frame(inner(bytes(65535 - 28)))
    with pytest.raises(TooLong, match=r"1508 bytes in LLC|bytes in 802\.3"):
        found(around(AROUND_IPV4["802.3 with SNAP"][1], inner()), 1).frame(inner(bytes(1480)))


def refused(data: bytes, link_type: int, reason: str, packet: bytes | None = None) -> None:
    one = found(data, link_type)
    assert one.frame(one.packet) is data
    with pytest.raises(NotRewritable, match=reason):
        one.frame(inner(b"other") if packet is None else packet)


def test_what_cannot_be_made_again_is_refused() -> None:
    """With the level's name."""
    bad = bytearray(gre(inner()))
    bad[38] ^= 1
    refused(bytes(bad), 1, "GRE")
    bad = bytearray(wifi_radio(inner()))
    bad[-1] ^= 1
    refused(bytes(bad), 127, r"802\.11 frame is wrong")
    bad = bytearray(pppoe(inner()))
    bad[19] += 1
    refused(bytes(bad), 1, "PPPoE")
    refused(b"\0\0\x08\0\x69\0\0\0" + around(AROUND_IPV4["802.11"][1], inner()), 192, "PPI")
    length = link(0x8100) + bytes(Dot1Q(type=8 + len(inner()))) + b"\xaa\xaa\x03\0\0\0\x08\0" + inner()
    refused(length, 1, "length in the place of a type")


def test_another_version_is_refused() -> None:
    """What is around says IPv4."""
    refused(vxlan(inner()), 1, "version", inner6())
    refused(vxlan(inner()), 1, "read the same", b"")


def test_a_packet_that_is_not_one_is_refused() -> None:
    """Its own length has to be right: whoever made it made a mistake."""
    refused(vxlan(inner()), 1, "read the same", inner(b"other")[:-1])
    refused(vxlan(inner()), 1, "read the same", inner(b"other") + b".")
    refused(vxlan(inner()), 1, "read the same", b"\x45")


def test_stacks_end_somewhere() -> None:
    """Forty levels are looked at; what is below stays unseen."""
    deep = inner()
    for _ in range(2000):
        deep = bytes([0x45, 0]) + (len(deep) + 20).to_bytes(2, "big") + bytes(5) + b"\x04" + bytes(10) + deep
    one = found(ethernet(deep), 1)
    assert 30 < len(one.levels) < 60
    labels = link(0x8847) + bytes(40000)
    assert find(labels, 1) is None


def test_the_users_own_layers_are_used() -> None:
    """What Scapy knows beside is read, in a way that does not say whether it could be written."""
    script = """
from scapy.fields import ShortField
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw, bind_layers
class Odd(Packet):
    name = "Odd"
    fields_desc = [ShortField("size", 0)]
bind_layers(Ether, Odd, type=0x1234)
bind_layers(Odd, IP)
from scapy_rr.capture.tunnels import find
from scapy_rr.wire.tunnel import NotRewritable
packet = bytes(IP(src="10.0.0.1", dst="10.0.0.2", proto=6) / Raw(b"text"))
inner = find(bytes(Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02", type=0x1234)) + b"\\0\\x18" + packet, 1)
assert (inner.packet, inner.levels) == (packet, ("Ethernet", "Odd"))
try:
    inner.frame(packet[:-1] + b".")
except NotRewritable as error:
    assert "Odd" in str(error)
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_loads_scapy_when_it_is_needed() -> None:
    script = "import sys, scapy_rr.capture.tunnels; assert not any(name.startswith('scapy.') for name in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True)


LINK_TYPES = sorted({link_type for _, link_type, *_ in EVERY} | {12, 192, 163, 119, 147})


def survives(data: bytes, link_type: int, packet: bytes = b"") -> bool:
    """Nothing is raised; what is found is in the frame, and rewriting answers in one of three ways."""
    one = find(data, link_type)
    if one is None:
        return False
    assert one.packet in data
    assert one.frame(one.packet) is data
    for other in (packet or inner(b"other"), inner6(b"other")):
        for change in (one.frame, one.decapsulated):
            try:
                made = change(other)
            except (TooLong, NotRewritable):
                continue
            assert other in made
    return True


@given(st.binary(max_size=200), st.sampled_from(LINK_TYPES))
def test_any_bytes(data: bytes, link_type: int) -> None:
    survives(data, link_type)


@given(st.integers(0, len(EVERY) - 1), st.lists(st.tuples(st.integers(0, 120), st.integers(0, 255)), max_size=4), st.integers(0, 150))
@settings(max_examples=150)
def test_flipped_and_cut_frames(number: int, flips: list[tuple[int, int]], cut: int) -> None:
    _, link_type, headers, make = EVERY[number]
    data = bytearray(around(headers, make(b"BYE")))
    for at, value in flips:
        data[at % len(data)] = value
    survives(bytes(data[: len(data) - cut] if cut < 20 else data), link_type)


def flipped(runs: int, seed: int) -> int:
    """Many of them, by chance; how many had a packet."""
    chance, seen = random.Random(seed), 0
    frames = [(link_type, around(headers, make(b"BYE sip:bob SIP/2.0"))) for _, link_type, headers, make in EVERY]
    for _ in range(runs):
        link_type, data = chance.choice(frames)
        damaged = bytearray(data)
        for _ in range(chance.randrange(1, 5)):
            damaged[chance.randrange(min(len(damaged), 110))] = chance.randrange(256)
        seen += survives(bytes(damaged[: chance.choice((len(damaged), chance.randrange(len(damaged))))]), link_type)
    return seen


def test_a_few_hundred_damaged_frames(caplog: pytest.LogCaptureFixture) -> None:
    """Scapy has nothing to say of them."""
    with caplog.at_level(logging.WARNING, "scapy"):
        assert flipped(400, 1) > 100
    assert caplog.messages == []
