"""The judge itself: what tshark sees in captures of which we know every message, and the faults put into them."""

import ssl
import struct
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.dot11 import Dot11, RadioTap
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6
from scapy.layers.l2 import GRE, LLC, SNAP, Ether
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw
from scapy.utils import RawPcapReader

from .capture.samples import FOREIGN, OWN, bye, frame, invite, pcap
from .tshark_view import Seen, faults, framed, sip_messages, streams, views

BYES = [bye(number) for number in range(1, 5)]
LONG = invite().replace(b"Content-Length: 0\r\n\r\n", b"Content-Type: a/b\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000)
HERE, THERE = "10.0.0.5", "10.0.0.1"
KEEP_ALIVE = b"\r\n\r\n"


def capture(folder: Path, frames: Iterable[Packet | bytes], link_type: int = 1) -> Path:
    """A capture file with these frames."""
    path = folder / "in.pcap"
    path.write_bytes(pcap([bytes(one) for one in frames], link_type=link_type))
    return path


def datagram(message: bytes, port: int = 5060) -> Packet:
    """An IP packet with a message."""
    return IP(src=HERE, dst=THERE) / UDP(sport=port, dport=port) / Raw(message)


class Connection:
    """A TCP connection after its handshake, whose segments are collected."""

    def __init__(self, port: int = 5060) -> None:
        self._ends = {True: (HERE, 40000), False: (THERE, port)}
        self._next = {True: 1000, False: 2000}
        self.frames: list[Packet] = []
        self._add(True, "S", b"")
        self._next[True] += 1
        self._add(False, "SA", b"")
        self._next[False] += 1
        self._add(True, "A", b"")

    def _add(self, caller: bool, flags: str, data: bytes) -> None:
        (source, sport), (destination, dport) = self._ends[caller], self._ends[not caller]
        numbers = {"seq": self._next[caller], "ack": 0 if flags == "S" else self._next[not caller]}
        segment = TCP(sport=sport, dport=dport, flags=flags, **numbers) / Raw(data)
        self.frames.append(Ether(src="02::5", dst="02::1") / IP(src=source, dst=destination) / segment)

    def send(self, *parts: bytes, caller: bool = True) -> "Connection":
        """A segment for each part."""
        for part in parts:
            self._add(caller, "PA", part)
            self._next[caller] += len(part)
        return self


def seen(tshark: str, path: Path) -> list[bytes]:
    """The messages alone."""
    return [message.data for message in sip_messages(tshark, path)]


@pytest.mark.parametrize("path", [*OWN, *FOREIGN], ids=lambda path: path.name)
def test_messages_of_captures(tshark: str, path: Path) -> None:
    """Over UDP the bytes are in the frame, if not in several; over TCP and SCTP they begin as a message does."""
    found = sip_messages(tshark, path)
    with RawPcapReader(str(path)) as reader:
        frames = [data for data, _ in reader]
    for one in found:
        assert b"SIP/2.0" in one.data.partition(b"\r\n")[0]
        if one.transport == "udp" and len(one.data) < len(frames[one.frame - 1]):
            assert one.data in frames[one.frame - 1]
    assert len(found) == COUNTS.get(path.name, len(found))
    assert bool(found) == (path.name not in WITHOUT)


WITHOUT = {"ethernet-ipv6-udp-fragments.pcap", "hep2.pcap", "hep3.pcap", "tls.pcap"}
"""The first has no SIP at all, but NDN on port 6363; HEP tshark does not know; the last one takes its key log."""
COUNTS = {
    "plain-call.pcap": 20,
    "ethernet-ipv6-udp.pcap": 6,
    "ethernet-tcp.pcap": 7,
    "ethernet-udp-b2bua.pcapng": 60,
    "ethernet-udp-preloaded-routes.cap": 29,
    "ethernet-udp-proxy.pcap": 11,
    "null-loopback-udp.pcap": 4,
    "rawip-ipip.pcap": 8,
    "sll-sctp-multipart.pcap": 4,
}


def test_a_message_with_its_place(tshark: str, tmp_path: Path) -> None:
    """Frame, transport and addresses."""
    (found,) = sip_messages(tshark, capture(tmp_path, [frame(b"no SIP"), frame(BYES[0])]))
    protocols = ("eth", "ethertype", "ip", "udp", "sip")
    assert found == Seen(BYES[0], 2, "udp", ("10.0.0.5", 5060), ("10.0.0.1", 5060), protocols)


@pytest.mark.parametrize("port", [53, 2152, 2427, 5060, 7001])
def test_on_any_port(tshark: str, tmp_path: Path, port: int) -> None:
    """Even where tshark expects another protocol."""
    frames = [Ether() / datagram(BYES[0], port), *Connection(port).send(BYES[1][:50], BYES[1][50:] + BYES[2]).frames]
    assert seen(tshark, capture(tmp_path, frames)) == BYES[:3]


STREAM = b"".join(BYES)
CUTS = {
    "whole": BYES,
    "all at once": [STREAM],
    "small": [one[at : at + 97] for one in BYES for at in range(0, len(one), 97)],
    "byte by byte": [bytes([byte]) for byte in BYES[0]] + BYES[1:],
    "across": [BYES[0] + BYES[1][:100], BYES[1][100:] + BYES[2] + BYES[3][:100], BYES[3][100:]],
    "keep-alives": [BYES[0] + KEEP_ALIVE, KEEP_ALIVE, BYES[1], KEEP_ALIVE, *BYES[2:]],
}
BLIND = {
    "a keep-alive before one": ([BYES[0], KEEP_ALIVE + BYES[1], *BYES[2:]], [0, 2, 3]),
    "a cut in the start line": ([BYES[0] + BYES[1][:7], BYES[1][7:] + BYES[2], BYES[3]], [0, 3]),
}


@pytest.mark.parametrize("parts", CUTS.values(), ids=CUTS)
def test_streams(tshark: str, tmp_path: Path, parts: Sequence[bytes]) -> None:
    """Several messages in a segment, one in several."""
    path = capture(tmp_path, Connection().send(*parts).frames)
    assert seen(tshark, path) == BYES
    assert not faults(tshark, path)
    ((sent, answered),) = streams(tshark, path)
    assert (sent, answered) == (b"".join(parts), b"")
    assert framed(sent) == BYES


@pytest.mark.parametrize(("parts", "others"), BLIND.values(), ids=BLIND)
def test_what_tshark_does_not_see(tshark: str, tmp_path: Path, parts: Sequence[bytes], others: Sequence[int]) -> None:
    """Its Follow has them all."""
    path = capture(tmp_path, Connection().send(*parts).frames)
    assert seen(tshark, path) == [BYES[number] for number in others]
    assert framed(streams(tshark, path)[0][0]) == BYES


def test_both_ends_of_several_streams(tshark: str, tmp_path: Path) -> None:
    frames = Connection().send(BYES[0]).send(BYES[1], caller=False).send(BYES[2][:70], BYES[2][70:]).frames
    path = capture(tmp_path, [*frames, *Connection(5070).send(b"no SIP").frames])
    assert streams(tshark, path) == [(BYES[0] + BYES[2], BYES[1]), (b"no SIP", b"")]


def test_bodies_in_a_stream() -> None:
    """By whichever name of the length; CRLFs between are nothing, and the last may be incomplete."""
    short = LONG.replace(b"Content-Length", b"l")
    assert framed(LONG + KEEP_ALIVE + short + BYES[0] + LONG[:-7]) == [LONG, short, BYES[0], LONG[:-7]]


def test_what_a_datagram_holds_besides(tshark: str, tmp_path: Path) -> None:
    """The length says where a message ends; after CRLFs tshark does not look for one."""
    path = capture(tmp_path, [frame(BYES[0] + BYES[1]), frame(BYES[2] + b"more"), frame(KEEP_ALIVE + BYES[3])])
    assert seen(tshark, path) == [BYES[0], BYES[2]]


def test_a_stream_out_of_order(tshark: str, tmp_path: Path) -> None:
    """Each message comes with the frame that completes it."""
    first, second, third, *others = Connection().send(*CUTS["small"]).frames[3:]
    path = capture(tmp_path, [*Connection().frames, first, third, second, second, *others])
    found = sip_messages(tshark, path)
    assert [one.data for one in found] == BYES
    assert [one.frame for one in found] == sorted(one.frame for one in found)
    assert {name: count for name, count in faults(tshark, path).items() if name.startswith("tcp.")} == {
        "tcp.analysis.lost_segment": 1,
        "tcp.analysis.out_of_order": 1,
        "tcp.analysis.retransmission": 1,
    }


def test_a_gap(tshark: str, tmp_path: Path) -> None:
    """What comes after it is seen only where segments are not put in order first."""
    del (frames := Connection().send(BYES[0], BYES[1], BYES[2]).frames)[4]
    path = capture(tmp_path, frames)
    assert seen(tshark, path) == BYES[:1]
    assert [one.data for one in sip_messages(tshark, path, out_of_order=False)] == [BYES[0], BYES[2]]


@pytest.mark.parametrize(
    "packets", [fragment(datagram(LONG), 552), fragment(datagram(LONG), 552)[::-1]], ids=["in order", "the last first"]
)
def test_fragments(tshark: str, tmp_path: Path, packets: list[Packet]) -> None:
    """Of IPv4, in any order."""
    (found,) = sip_messages(tshark, capture(tmp_path, [Ether() / one for one in packets]))
    assert (found.data, found.frame) == (LONG, len(packets))


def test_fragments_of_ipv6(tshark: str, tmp_path: Path) -> None:
    packet = IPv6(src="2001:db8::5", dst="2001:db8::1") / IPv6ExtHdrFragment() / UDP(sport=5060, dport=5060) / Raw(LONG)
    (found,) = sip_messages(tshark, capture(tmp_path, [Ether() / one for one in fragment6(packet, 1280)]))
    assert (found.data, found.source, found.destination) == (LONG, ("2001:db8::5", 5060), ("2001:db8::1", 5060))


OUTER = Ether() / IP(src="192.0.2.1", dst="192.0.2.2")
TUNNELS = {
    "IP in IP": OUTER / datagram(BYES[0]),
    "GRE": OUTER / GRE() / datagram(BYES[0]),
    "ERSPAN": OUTER / GRE(proto=0x88BE) / Ether() / datagram(BYES[0]),
    "VXLAN": OUTER / UDP(sport=4444, dport=4789) / VXLAN(vni=4) / Ether() / datagram(BYES[0]),
    "GTP-U": OUTER / UDP(sport=2152, dport=2152) / GTP_U_Header(teid=4) / datagram(BYES[0]),
    "MPLS": Ether() / MPLS(label=16, s=1) / datagram(BYES[0]),
    "PPPoE": Ether() / PPPoE(sessionid=4) / PPP() / datagram(BYES[0]),
}


@pytest.mark.parametrize("packet", TUNNELS.values(), ids=TUNNELS)
def test_tunnels(tshark: str, tmp_path: Path, packet: Packet) -> None:
    """The addresses are those of the packet within."""
    path = capture(tmp_path, [packet])
    (found,) = sip_messages(tshark, path)
    assert found[:5] == (BYES[0], 1, "udp", (HERE, 5060), (THERE, 5060))
    assert not faults(tshark, path)


def test_wireless(tshark: str, tmp_path: Path) -> None:
    """IEEE 802.11 under radiotap."""
    header = RadioTap() / Dot11(type=2, subtype=0, FCfield=1, addr1="02::1", addr2="02::5", addr3="02::1")
    packet = header / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(code=0x0800) / datagram(BYES[0])
    assert seen(tshark, capture(tmp_path, [packet], link_type=127)) == [BYES[0]]


def test_a_quotation_is_no_message(tshark: str, tmp_path: Path) -> None:
    """An ICMP error holds the beginning of what it is about, or all of it."""
    error = Ether() / IP(src=THERE, dst=HERE) / ICMP(type=3, code=3) / datagram(BYES[0])
    assert seen(tshark, capture(tmp_path, [Ether() / datagram(BYES[1]), error])) == [BYES[1]]


def chunk(number: int, data: bytes, flags: dict[str, int]) -> Packet:
    """A DATA chunk, its length made by Scapy."""
    return SCTPChunkData(tsn=number, stream_id=1, stream_seq=number, proto_id=0, data=data, **flags)


def test_sctp(tshark: str, tmp_path: Path) -> None:
    """Two messages in a packet, and one in two packets."""
    whole = {"beginning": 1, "ending": 1}
    header = Ether() / IP(src=HERE, dst=THERE) / SCTP(sport=5060, dport=5060)
    both = header / chunk(1, BYES[0], whole) / chunk(2, BYES[1], whole)
    halves = [chunk(3, LONG[:999], {"beginning": 1, "ending": 0}), chunk(4, LONG[999:], {"beginning": 0, "ending": 1})]
    halves[1].stream_seq = 3
    path = capture(tmp_path, [both, *(header / half for half in halves)])
    found = sip_messages(tshark, path)
    assert [(one.data, one.frame, one.transport) for one in found] == [(BYES[0], 1, "sctp"), (BYES[1], 1, "sctp"), (LONG, 3, "sctp")]
    assert not faults(tshark, path)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert faults(tshark, path) == {"sctp.checksum.status": 1, "error: Bad SCTP checksum. [should be #]": 1}


UPGRADE = b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
SUBPROTOCOL = b"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Version: 13\r\n\r\n"


def websocket(first: int, payload: bytes, mask: bytes = b"") -> bytes:
    """A WebSocket frame."""
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + struct.pack("!H", len(payload))
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return bytes([first, length[0] | (0x80 if mask else 0)]) + length[1:] + mask + masked


@pytest.mark.parametrize("port", [80, 5060, 8088])
def test_websocket(tshark: str, tmp_path: Path, port: int) -> None:
    """Masked and not, in two frames with a ping between them, in two segments."""
    connection = Connection(port).send(UPGRADE + SUBPROTOCOL).send(SWITCHING + SUBPROTOCOL, caller=False)
    connection.send(websocket(0x81, BYES[0], b"mask"))
    connection.send(websocket(0x81, BYES[1]), caller=False)
    connection.send(websocket(0x01, BYES[2][:99], b"else") + websocket(0x89, b"ping", b"mask") + websocket(0x80, BYES[2][99:], b"mask"))
    last = websocket(0x82, BYES[3], b"mask")
    connection.send(last[:50], last[50:])
    path = capture(tmp_path, connection.frames)
    found = sip_messages(tshark, path)
    assert [one.data for one in found] == BYES
    assert {one.transport for one in found} == {"ws"}
    assert not faults(tshark, path)


def test_tls(tshark: str, tmp_path: Path) -> None:
    """With the keys of a connection its messages are seen, without them nothing."""
    keys = tmp_path / "keys"
    connection = Connection(5061)
    sides = [_side(keys), _side(None)]
    _shake_hands(connection, sides)
    for message in BYES[:2]:
        sides[0][2].write(message)
        connection.send(sides[0][1].read())
    path = capture(tmp_path, connection.frames)
    assert seen(tshark, path) == []
    found = sip_messages(tshark, path, keys)
    assert [(one.data, one.transport, one.destination) for one in found] == [(one, "tls", (THERE, 5061)) for one in BYES[:2]]


Side = tuple[ssl.MemoryBIO, ssl.MemoryBIO, ssl.SSLObject]


def _side(keys: Path | None) -> Side:
    """A client that writes its keys to a file, or a server. Neither has a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if keys else ssl.PROTOCOL_TLS_SERVER)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AECDH-AES128-SHA:@SECLEVEL=0")
    if keys:
        context.keylog_filename = str(keys)
    came, left = ssl.MemoryBIO(), ssl.MemoryBIO()
    return came, left, context.wrap_bio(came, left, server_side=not keys)


def _shake_hands(connection: Connection, sides: Sequence[Side]) -> None:
    done = [False, False]
    for turn in range(6):
        _, left, side = sides[turn % 2]
        try:
            side.do_handshake()
            done[turn % 2] = True
        except ssl.SSLWantReadError:
            pass
        if data := left.read():
            connection.send(data, caller=turn % 2 == 0)
            sides[1 - turn % 2][0].write(data)
    assert all(done)


def test_faults_are_seen(tshark: str, tmp_path: Path) -> None:
    """So that who compares them learns something: a flipped byte is a bad checksum."""
    data = bytearray((OWN[0].parent / "plain-call.pcap").read_bytes())
    data[24 + 16 + 60] ^= 1
    (tmp_path / "bad.pcap").write_bytes(data)
    first, *others = views(tshark, tmp_path / "bad.pcap")
    assert first.faults == {"udp.checksum.status": 1, "error: Bad checksum [should be #]": 1}
    assert not any(other.faults for other in others)
    assert faults(tshark, tmp_path / "bad.pcap") == first.faults


def test_a_length_that_is_wrong_is_seen(tshark: str, tmp_path: Path) -> None:
    """UDP's and IP's."""
    packet = datagram(BYES[0])
    long, beyond = packet.copy(), packet.copy()
    long[UDP].len = 2000
    beyond[IP].len = 9999
    first, second = views(tshark, capture(tmp_path, [Ether() / long, Ether() / beyond]))
    assert any("length" in name for name in first.faults)
    assert any("length" in name for name in second.faults)
