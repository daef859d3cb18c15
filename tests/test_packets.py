"""The module in a Scapy session: a packet goes in, the packet that the proxy would send comes out."""

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import ARP, CookedLinux, Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Padding, Raw

from scapy_rr import ConfigError, RecordRouting, ReturnCode, interfaces
from scapy_rr.rr.listener import Listener

from .pcapmaker.rebuild import rebuilt

INVITE = (
    b"INVITE sip:bob@10.0.0.9 SIP/2.0\r\n"
    b"From: <sip:alice@example.com>;tag=a1\r\nTo: <sip:bob@example.com>\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)
RECORDED = INVITE.replace(b"SIP/2.0\r\n", b"SIP/2.0\r\nRecord-Route: <sip:10.0.0.1;lr;ftag=a1>\r\n")
ETHER = Ether(src="02:00:00:00:00:05", dst="02:00:00:00:00:01")
LISTEN = ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:[2001:db8::1]:5060", "udp:10.0.1.1:5080"]
RR = RecordRouting(listen=LISTEN)


def ipv4(payload: bytes = INVITE, **fields: object) -> Packet:
    return IP(src="10.0.0.5", dst="10.0.0.1", id=9, ttl=55, tos=0x60, flags="DF") / UDP(sport=6000, dport=5060, **fields) / Raw(payload)


def ipv6(payload: bytes = INVITE) -> Packet:
    return IPv6(src="2001:db8::5", dst="2001:db8::1", hlim=55, fl=77) / UDP(sport=6000, dport=5060) / Raw(payload)


def read(packet: Packet) -> Packet:
    """As it comes from a wire: with every length and checksum in it."""
    return type(packet)(bytes(packet))


def test_a_dialog_in_a_session() -> None:
    """What the README shows: an INVITE goes out with a Record-Route, a BYE comes back by it."""
    rr = RecordRouting(listen=["udp:10.0.0.1:5060"], domains=["example.com"])
    req = rr.request(read(ETHER / ipv4()))
    assert not req.loose_route()
    assert req.record_route(";nat=yes")
    sent = req.packet()
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=a1;nat=yes>\r\n" in bytes(sent[UDP].payload)
    bye = INVITE.replace(b"INVITE", b"BYE").replace(b"To: <sip:bob@example.com>", b"To: <sip:bob@example.com>;tag=b2")
    bye = bye.replace(b"SIP/2.0\r\n", b"SIP/2.0\r\nRoute: <sip:10.0.0.1;lr;ftag=a1;nat=yes>\r\n")
    req = rr.request(read(ETHER / ipv4(bye)))
    assert req.loose_route() is ReturnCode.OK
    assert req.check_route_param("nat=yes")
    assert req.is_direction("downstream")
    assert b"Route" not in bytes(req.packet()[UDP].payload)


@pytest.mark.parametrize(
    "link",
    [ETHER, ETHER / Dot1Q(vlan=5), ETHER / Dot1AD(vlan=6) / Dot1Q(vlan=5), CookedLinux(), None],
    ids=["ethernet", "vlan", "qinq", "cooked", "no link"],
)
@pytest.mark.parametrize("version", [4, 6])
def test_the_packet_that_leaves(link: Packet | None, version: int) -> None:
    """Everything but addresses, lengths and checksums is as it came; these are what Scapy computes for a packet made anew."""
    invite, recorded = INVITE, RECORDED
    if version == 6:
        invite = INVITE.replace(b"10.0.0.9", b"[2001:db8::9]:5070")
        recorded = RECORDED.replace(b"10.0.0.9", b"[2001:db8::9]:5070").replace(b"sip:10.0.0.1", b"sip:[2001:DB8:0:0:0:0:0:1]")
    body, wanted = (ipv4(invite), ipv4(recorded)) if version == 4 else (ipv6(invite), ipv6(recorded))
    family, source, destination = (IP, "10.0.0.1", "10.0.0.9") if version == 4 else (IPv6, "2001:db8::1", "2001:db8::9")
    came, made = (read(body), wanted) if link is None else (read(link / body), link / wanted)
    made[family].src, made[family].dst = source, destination
    made[UDP].sport, made[UDP].dport = 5060, 5060 if version == 4 else 5070
    req = RR.request(came)
    assert req.record_route()
    before = bytes(came)
    left = req.packet()
    assert bytes(left) == bytes(made)
    assert rebuilt(left) == bytes(left)
    assert bytes(came) == before
    assert type(left) is type(came)


def test_a_packet_and_its_bytes_are_routed_alike() -> None:
    built, packed = RR.request(INVITE, "udp:10.0.0.1:5060", "10.0.0.5:6000"), RR.request(read(ETHER / ipv4()))
    for req in (built, packed):
        req.record_route()
    assert built.build() == packed.build() == RECORDED
    assert bytes(packed.packet()[UDP].payload) == RECORDED
    assert (packed.received_on, packed.source) == (built.received_on, "10.0.0.5:6000")
    assert RR.request(read(ETHER / ipv6())).source == "[2001:db8::5]:6000"


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_all_kinds_of_bytes(kind: type) -> None:
    assert RR.request(kind(INVITE)).build() == INVITE


def test_where_it_came_by_and_leaves_by() -> None:
    second = IP(src="10.0.0.5", dst="10.0.1.1") / UDP(sport=6000, dport=5080) / Raw(INVITE)
    req = RR.request(second)
    assert str(req.received_on) == "udp:10.0.1.1:5080"
    assert (req.packet()[IP].src, req.packet()[UDP].sport) == ("10.0.1.1", 5080)
    assert (req.packet("udp:10.0.0.1:5060")[IP].src, req.packet("udp:10.0.0.1:5060")[UDP].sport) == ("10.0.0.1", 5060)
    # For another host: as if it came by the first listener, or by the one that is said.
    strange = IP(src="10.0.0.5", dst="203.0.113.1") / UDP(sport=6000, dport=5080) / Raw(INVITE)
    assert str(RR.request(strange).received_on) == "udp:10.0.0.1:5060"
    assert str(RR.request(strange, "udp:10.0.1.1:5080").received_on) == "udp:10.0.1.1:5080"
    assert RR.request(strange, source="10.9.9.9:1").source == "10.9.9.9:1"
    assert RR.request(strange, send_socket="udp:10.0.1.1:5080").packet()[IP].src == "10.0.1.1"


def test_the_time_of_a_packet_is_kept() -> None:
    came = read(ETHER / ipv4())
    came.time = 1_700_000_000.25
    assert RR.request(came).packet().time == came.time


def test_no_checksum_stays_none_in_ipv4() -> None:
    left = RR.request(read(ETHER / ipv4(chksum=0))).packet()
    assert left[UDP].chksum == 0
    assert left[IP].chksum not in (0, None)


def test_a_trailer_is_no_part_of_the_message() -> None:
    """And stays behind it, as it does in a capture that is rewritten."""
    req = RR.request(Ether(bytes(ETHER / ipv4()) + b"\xde\xad\xbe\xef"))
    assert req.data == INVITE
    req.record_route()
    left = req.packet()
    assert left[Padding].load == b"\xde\xad\xbe\xef"
    assert left[UDP].len == len(RECORDED) + 8
    assert bytes(left).endswith(RECORDED + b"\xde\xad\xbe\xef")


def test_a_tunnel_and_an_extension_header_grow_with_what_is_in_them() -> None:
    outer = IP(src="203.0.113.1", dst="203.0.113.2")
    tunnel, extended = read(ETHER / outer / ipv4()), IPv6(src="2001:db8::5", dst="2001:db8::1") / IPv6ExtHdrDestOpt()
    req = RR.request(tunnel)
    req.record_route()
    left = req.packet()
    assert (left[IP].src, left[IP].len) == ("203.0.113.1", 20 + 20 + 8 + len(RECORDED))
    inner = left[IP].payload
    assert (inner.src, inner.dst, inner.len) == ("10.0.0.1", "10.0.0.9", 20 + 8 + len(RECORDED))
    req = RR.request(read(extended / UDP(sport=6000, dport=5060) / Raw(INVITE.replace(b"10.0.0.9", b"[2001:db8::9]"))))
    req.record_route()
    left = req.packet()
    assert left.plen == len(left.original) - 40
    assert rebuilt(left) == bytes(left)


@pytest.mark.parametrize(
    ("ruri", "reason"),
    [
        (b"sip:bob@10.0.0.9;transport=tcp", "cannot go from udp:10.0.0.1:5060 to tcp:10.0.0.9:5060"),
        (b"sip:bob@[2001:db8::9]", r"a packet of IPv4 and UDP cannot go from .* to udp:\[2001:db8::9\]:5060"),
        (b"sip:bob@example.com", "to a name: no address is known for 'example.com'"),
        (b"tel:+123", "to a name: no address is known for ''"),
        (b"nonsense", "cannot go from udp:10.0.0.1:5060 to the next hop"),
    ],
)
def test_where_a_packet_cannot_go(ruri: bytes, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        RR.request(read(ETHER / ipv4(INVITE.replace(b"sip:bob@10.0.0.9", ruri)))).packet()


def test_a_listener_that_a_packet_cannot_leave_by() -> None:
    with pytest.raises(ConfigError, match=r"cannot go from tcp:10\.0\.0\.1:5060"):
        RR.request(read(ETHER / ipv4())).packet("tcp:10.0.0.1:5060")
    with pytest.raises(ConfigError, match="none of the listeners"):
        RR.request(read(ETHER / ipv4())).packet("udp:10.9.9.9:5060")


@pytest.mark.parametrize(
    "packet",
    [ETHER / ARP(), ETHER / IP() / TCP() / Raw(INVITE), Raw(INVITE), UDP() / Raw(INVITE)],
    ids=["ARP", "TCP", "no IP", "UDP alone"],
)
def test_packets_that_carry_no_datagram(packet: Packet) -> None:
    with pytest.raises(ConfigError, match="a packet with IP and UDP is needed, not"):
        RR.request(packet)


def test_bytes_make_no_packet() -> None:
    with pytest.raises(ConfigError, match=r"needs a request that was made from a Scapy packet; build\(\) gives the bytes"):
        RR.request(INVITE).packet()


ADDRESSES = [("lo", "127.0.0.1"), ("eth0", "192.0.2.7"), ("eth0", "2001:db8::7"), ("eth0", "fe80::7%eth0")]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host whose addresses are known."""
    monkeypatch.setattr(interfaces.Interfaces.__init__, "__defaults__", (lambda: ADDRESSES,))


@pytest.mark.parametrize(
    ("listen", "wanted"),
    [
        (None, [f"{transport}:{one}:5060" for one in ("127.0.0.1", "192.0.2.7", "[2001:db8::7]") for transport in ("udp", "tcp")]),
        (["udp:0.0.0.0:5080"], ["udp:127.0.0.1:5080", "udp:192.0.2.7:5080"]),
        (["udp:[::]:5080", "udp:192.0.2.7:5080"], ["udp:[2001:db8::7]:5080", "udp:192.0.2.7:5080"]),
        ([Listener.parse("tls:0.0.0.0")], ["tls:127.0.0.1:5061", "tls:192.0.2.7:5061"]),
        (["udp:203.0.113.9"], ["udp:203.0.113.9:5060"]),
    ],
)
@pytest.mark.usefixtures("host")
def test_listeners_that_netifaces_finds(listen: list[str | Listener] | None, wanted: list[str]) -> None:
    """A link-local address is no listener."""
    assert [str(one) for one in RecordRouting(listen=listen).identity.listeners] == wanted


def test_addresses_for_wildcards_can_be_given() -> None:
    rr = RecordRouting(listen=["udp:0.0.0.0"], interface_addresses=[Listener.parse("udp:198.51.100.1").address])
    assert [str(one) for one in rr.identity.listeners] == ["udp:198.51.100.1:5060"]
    with pytest.raises(ConfigError, match="is a wildcard"):
        RecordRouting(listen=["udp:[::]"], interface_addresses=[Listener.parse("udp:198.51.100.1").address])


def test_by_default_it_listens_on_this_host() -> None:
    assert "udp:127.0.0.1:5060" in [str(one) for one in RecordRouting().identity.listeners]
