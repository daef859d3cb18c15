"""MAC addresses from a table, of groups, and as neighbours tell them; asked for by frames that Scapy reads."""

import socket
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether

from scapy_rr.errors import ConfigError
from scapy_rr.live.interface import Interface
from scapy_rr.live.neighbours import How, Neighbour, Neighbours, read_table, spell_mac

from .veth import FAR, FAR_MAC, NEAR, Cable, cable, ip

OWN, PEER = "02:00:00:00:00:01", "02:00:00:00:00:09"
LINK_LOCAL = "fe80::ff:fe00:1"
INTERFACE = Interface("nowhere", bytes.fromhex("020000000001"), "10.0.0.1", LINK_LOCAL, True)


def packed(text: str) -> bytes:
    return ip_address(text).packed


MAC = bytes.fromhex("020000000009")
FOUR, SIX = packed("10.0.0.9"), packed("fd00::9")


@pytest.mark.parametrize("mac", [PEER, "2:0:0:0:0:9", "02-00-00-00-00-09", "02:00:00:00:00:09 "])
@pytest.mark.parametrize(("text", "address"), [("10.0.0.9", FOUR), ("fd00::9", SIX), (" [fd00::9] ", SIX)])
def test_the_table(text: str, address: bytes, mac: str) -> None:
    assert read_table([f"{text}={mac}", "10.0.0.7=02:00:00:00:00:07"])[address] == MAC


@pytest.mark.parametrize(
    "text", ["", "10.0.0.9", f"bob={PEER}", "10.0.0.9=", "10.0.0.9=02:00:00:00:00", "10.0.0.9=02:00:00:00:00:0g", "10.0.0.9=0200:0:0:0:0:9"]
)
def test_what_is_no_entry(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--mac .* is not ADDRESS=MAC"):
        read_table([text])


@pytest.mark.parametrize(
    ("address", "mac"),
    [
        ("224.0.1.75", "01:00:5e:00:01:4b"),
        ("239.129.2.3", "01:00:5e:01:02:03"),
        ("255.255.255.255", "ff:ff:ff:ff:ff:ff"),
        ("ff02::1:ff00:9", "33:33:ff:00:00:09"),
    ],
)
def test_groups(address: str, mac: str) -> None:
    found = Neighbours(INTERFACE).find(packed(address), 0)
    assert found is not None
    assert (spell_mac(found.mac), found.how) == (mac, How.MULTICAST)


def arp_reply(address: str = "10.0.0.9", mac: str = PEER, op: int = 2) -> bytes:
    return bytes(Ether(src=mac, dst=OWN) / ARP(op=op, hwsrc=mac, psrc=address, hwdst=OWN, pdst="10.0.0.1"))


def advertisement(address: str = "fd00::9", mac: str = PEER, with_option: bool = True) -> bytes:
    made = Ether(src=mac, dst=OWN) / IPv6(src=address, dst=LINK_LOCAL) / ICMPv6ND_NA(tgt=address)
    return bytes(made / ICMPv6NDOptDstLLAddr(lladdr=PEER) if with_option else made)


@pytest.mark.parametrize(
    ("address", "frame", "how"),
    [
        (FOUR, arp_reply(), How.ARP),
        (FOUR, arp_reply() + bytes(18), How.ARP),
        (SIX, advertisement(), How.NDP),
        (SIX, advertisement(mac="02:00:00:00:00:77"), How.NDP),
        (SIX, advertisement(with_option=False), How.NDP),
    ],
)
def test_an_answer(address: bytes, frame: bytes, how: How) -> None:
    neighbours = Neighbours(INTERFACE)
    assert neighbours.find(address, 1) is None
    assert neighbours.learn(frame, {address}, 1) == address
    assert neighbours.find(address, 1) == Neighbour(MAC, how)


@pytest.mark.parametrize(
    "frame", [arp_reply(op=1), arp_reply("10.0.0.8"), arp_reply()[:40], advertisement("fd00::8"), advertisement()[:70], b""]
)
def test_what_is_no_answer(frame: bytes) -> None:
    """Nothing is taken that was not asked for: whoever is on the link can say anything."""
    neighbours = Neighbours(INTERFACE)
    assert neighbours.learn(frame, {FOUR, SIX}, 1) is None
    assert (neighbours.find(FOUR, 1), neighbours.find(SIX, 1)) == (None, None)


@given(st.binary(max_size=64), st.sampled_from([arp_reply()[:20], advertisement()[:54], advertisement()[:78]]))
def test_any_frame_is_read(data: bytes, start: bytes) -> None:
    assert Neighbours(INTERFACE).learn(start + data, {FOUR, SIX}, 1) in (None, FOUR, SIX)


def test_the_table_comes_first() -> None:
    neighbours = Neighbours(INTERFACE, {FOUR: b"tabled"})
    neighbours.learn(arp_reply(), {FOUR}, 1)
    assert neighbours.find(FOUR, 1) == Neighbour(b"tabled", How.TABLE)


def test_answers_age_and_are_bounded() -> None:
    neighbours = Neighbours(INTERFACE, most=2, age=10)
    for number in (1, 2, 1, 3):
        address = f"10.0.0.{number}"
        neighbours.learn(arp_reply(address), {packed(address)}, number)
    assert [neighbours.find(packed(f"10.0.0.{number}"), 4) is not None for number in (1, 2, 3)] == [True, False, True]
    assert neighbours.find(packed("10.0.0.3"), 13) is not None
    assert neighbours.find(packed("10.0.0.3"), 13.5) is None


class Routes:
    """Everything but 10.0.0.0/24 and fd00:: goes by a gateway, on the interface."""

    def route(self, address: str, dev: str, verbose: int) -> tuple[str, str, str]:
        if ":" in address:
            return dev, "::", "::" if address.startswith("fd00::") else "fe80::fe"
        return dev, "0.0.0.0", "0.0.0.0" if address.startswith("10.0.0.") else "10.0.0.254"


def test_the_gateway_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "route", Routes())
    monkeypatch.setattr(conf, "route6", Routes())
    neighbours = Neighbours(INTERFACE)
    hops = [neighbours.hop(packed(text)) for text in ("10.0.0.9", "192.0.2.1", "fd00::9", "2001:db8::1")]
    assert hops == [FOUR, packed("10.0.0.254"), SIX, packed("fe80::fe")]
    neighbours.learn(arp_reply("10.0.0.254"), set(hops), 1)
    assert neighbours.find(packed("192.0.2.1"), 1) == Neighbour(MAC, How.ARP)
    assert Neighbours(INTERFACE, {packed("10.0.0.254"): b"tabled"}).find(packed("192.0.2.1"), 1) == Neighbour(b"tabled", How.TABLE)


def test_an_interface_without_a_route_has_everybody_on_its_link() -> None:
    assert Neighbours(INTERFACE).hop(packed("192.0.2.1")) == packed("192.0.2.1")
    assert Neighbours(INTERFACE).hop(packed("2001:db8::1")) == packed("2001:db8::1")


def test_the_question() -> None:
    asked = Ether(Neighbours(INTERFACE).question(FOUR))
    assert (asked.dst, asked.src, asked[ARP].op, asked[ARP].psrc, asked[ARP].pdst) == ("ff:ff:ff:ff:ff:ff", OWN, 1, "10.0.0.1", "10.0.0.9")
    asked = Ether(Neighbours(INTERFACE).question(SIX))
    assert (asked.dst, asked.src, asked[IPv6].src, asked[IPv6].dst, asked[IPv6].hlim) == (
        "33:33:ff:00:00:09",
        OWN,
        LINK_LOCAL,
        "ff02::1:ff00:9",
        255,
    )
    assert (asked[ICMPv6ND_NS].tgt, asked[ICMPv6NDOptSrcLLAddr].lladdr) == ("fd00::9", OWN)


def test_the_question_of_one_without_addresses() -> None:
    """An ARP probe, and a solicitation from nobody, which may not tell a MAC address (RFC 5227, RFC 4861 4.3)."""
    bare = Neighbours(INTERFACE._replace(ipv4="0.0.0.0", link_local=""))
    assert Ether(bare.question(FOUR))[ARP].psrc == "0.0.0.0"
    asked = Ether(bare.question(SIX))
    assert (asked[IPv6].src, ICMPv6NDOptSrcLLAddr in asked) == ("::", False)


def test_nobody_is_asked_where_there_is_no_arp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Interface, "socket", lambda self: pytest.fail("asked"))
    Neighbours(INTERFACE._replace(has_arp=False)).ask([FOUR])
    Neighbours(INTERFACE, {FOUR: MAC}).ask([FOUR, packed("224.0.0.1")])


class Wire:
    """A socket whose other end answers after so many questions."""

    def __init__(self, answers: dict[int, list[bytes]]) -> None:
        self.ins, self._far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.outs = self
        self._answers = answers
        self.asked: list[bytes] = []

    def send(self, frame: bytes) -> None:
        self.asked.append(frame)
        for answer in self._answers.get(len(self.asked), []):
            self._far.send(answer)

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.ins.close()
        self._far.close()


def test_the_silent_are_asked_three_times(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire({1: [arp_reply("10.0.0.8")], 2: [b"noise", advertisement()], 3: [arp_reply("10.0.0.7")]})
    monkeypatch.setattr(Interface, "socket", lambda self: wire)
    neighbours = Neighbours(INTERFACE)
    neighbours.ask([FOUR, SIX, packed("10.0.0.8")], limit=0.05)
    assert len(wire.asked) == 3 + 1 + 1
    found = [neighbours.find(address, 0) for address in (FOUR, SIX, packed("10.0.0.8"), packed("10.0.0.7"))]
    assert [one.how if one else None for one in found] == [None, How.NDP, How.ARP, None]


def test_a_thousand_are_asked_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire({})
    monkeypatch.setattr(Interface, "socket", lambda self: wire)
    Neighbours(INTERFACE).ask([packed(f"10.1.{number // 250}.{number % 250}") for number in range(1500)], limit=0)
    assert len(set(wire.asked)) == 1000


def ask(wired: Cable, *addresses: str) -> list[str | None]:
    """What a process near is told."""
    with wired.here.entered():
        conf.route.resync()
        conf.route6.resync()
        neighbours = Neighbours(Interface.find(NEAR))
        neighbours.ask([packed(address) for address in addresses], limit=2)
        found = [neighbours.find(packed(address), 0) for address in addresses]
    conf.ifaces.reload()
    conf.route.resync()
    conf.route6.resync()
    return [spell_mac(one.mac) if one else None for one in found]


@pytest.mark.parametrize("own", ["", "10.0.0.1/24"])
def test_a_live_kernel_answers(own: str) -> None:
    """Also one that asks without an address, and one behind a gateway."""
    with cable() as wired:
        with wired.there.entered():
            ip(f"addr add 10.0.0.9/24 dev {FAR}")
            ip(f"addr add fd00::9/64 dev {FAR} nodad")
        if own:
            with wired.here.entered():
                ip(f"addr add {own} dev {NEAR}")
                ip("route add 192.0.2.0/24 via 10.0.0.9")
        gateway = ["192.0.2.77"] if own else []
        assert ask(wired, "10.0.0.9", "fd00::9", *gateway) == [FAR_MAC, FAR_MAC, *[FAR_MAC for _ in gateway]]
