"""Connections of ours, as a peer would take them, as Scapy would build them, and as Wireshark judges them."""

import subprocess
from collections.abc import Callable, Iterable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

from scapy_rr.wire.connection import Connections
from scapy_rr.wire.link import ETHERNET, network_offset

from ..capture.samples import pcap
from ..pcapmaker.frames import LINKS, Flow

RAW = 101
HERE, THERE = "02:00:00:00:00:01", "02:00:00:00:00:02"
FOUR = (("10.0.0.1", 5060), ("192.0.2.9", 5060))
SIX = (("2001:db8::1", 5060), ("2001:db8::9", 5060))
MSS = {4: 1460, 6: 1440}
SYN, SYN_ACK, ACK, PSH_ACK, FIN_ACK = "S", "SA", "A", "PA", "FA"

Ends = tuple[tuple[str, int], tuple[str, int]]


def arrived(ends: Ends = FOUR, vlan: bool = False, link_type: int = ETHERNET) -> bytes:
    """The received frame: its addresses are other ones than those of the connection, and of its IP header some things stay behind."""
    ip: Any
    if ip_address(ends[0][0]).version == 4:
        ip = IP(src="10.0.0.5", dst="10.0.0.1", id=77, ttl=63, tos=0x6B, options=[IPOption_Router_Alert()])
    else:
        ip = IPv6(src="2001:db8::5", dst="2001:db8::1", hlim=63, tc=0x6B, fl=77)
    packet = ip / UDP(sport=5060, dport=5060) / Raw(b"as it came")
    if link_type == ETHERNET:
        link = Ether(src=HERE, dst=THERE) / Dot1Q(vlan=5, prio=3) if vlan else Ether(src=HERE, dst=THERE)
        packet = link / packet
    return bytes(packet)


def packed(end: tuple[str, int]) -> tuple[bytes, int]:
    return ip_address(end[0]).packed, end[1]


def send(
    connections: Connections[int], payload: bytes, ends: Ends = FOUR, frame: bytes | None = None, link_type: int = ETHERNET
) -> list[bytes]:
    """The frames that carry a payload, each behind the link header of the one that arrived; the token is the link type."""
    data = arrived(ends, link_type=link_type) if frame is None else frame
    ip = network_offset(data, 0, link_type)
    assert ip is not None

    def carry(packet: bytes, reverse: bool) -> list[bytes]:
        link = data[:ip]
        if reverse and link_type == ETHERNET:
            link = link[6:12] + link[:6] + link[12:]
        return [link + packet]

    return connections.send(data[ip:], payload, packed(ends[0]), packed(ends[1]), carry, link_type)


def close(connections: Connections[int], link_type: int = ETHERNET) -> list[bytes]:
    """The frames that end the connections of a link type."""
    return [frame for _, frames in connections.close(lambda token: token == link_type) for frame in frames]


def dissect(frame: bytes, link_type: int = ETHERNET) -> Any:
    raw = IP if frame[0] >> 4 == 4 else IPv6
    return Ether(frame) if link_type == ETHERNET else raw(frame)


def flags(frames: Iterable[bytes]) -> list[str]:
    return [str(dissect(frame)[TCP].flags) for frame in frames]


def check_sums(frame: bytes, link_type: int = ETHERNET) -> None:
    """Lengths and checksums are those that Scapy makes."""
    packet = dissect(frame, link_type)
    for layer, names in ((IP, ("len", "chksum", "ihl")), (IPv6, ("plen",)), (TCP, ("chksum", "dataofs"))):
        for name in names if layer in packet else ():
            packet[layer].delfieldval(name)
    assert bytes(packet) == frame


class Peer:
    """Takes frames as the TCP of both ends would: everything in order, acknowledged no sooner than sent."""

    def __init__(self) -> None:
        self.received: dict[tuple[str, int, str, int], bytes] = {}
        self._next: dict[tuple[str, int, str, int], int] = {}

    def take(self, frames: Iterable[bytes], link_type: int = ETHERNET) -> None:
        for frame in frames:
            check_sums(frame, link_type)
            packet = dissect(frame, link_type)
            ip, tcp = packet[IP if IP in packet else IPv6], packet[TCP]
            here, there = (ip.src, tcp.sport, ip.dst, tcp.dport), (ip.dst, tcp.dport, ip.src, tcp.sport)
            payload = bytes(tcp.payload)
            if "S" in tcp.flags:
                assert here not in self._next
                self._next[here], self.received[here] = tcp.seq, b""
            assert tcp.seq == self._next[here]
            assert tcp.ack == (self._next[there] if "A" in tcp.flags else 0)
            self.received[here] += payload
            self._next[here] = (tcp.seq + len(payload) + ("S" in tcp.flags) + ("F" in tcp.flags)) % 2**32
            assert len(payload) <= MSS[ip.version]


@pytest.mark.parametrize("ends", [FOUR, SIX], ids=["IPv4", "IPv6"])
def test_a_message_in_a_connection_of_its_own(ends: Ends) -> None:
    connections: Connections[int] = Connections()
    peer, most = Peer(), MSS[ip_address(ends[0][0]).version]
    frames = send(connections, b"a" * most + b"b", ends)
    assert flags(frames) == [SYN, SYN_ACK, ACK, ACK, PSH_ACK, ACK]
    frames += send(connections, b"c", ends)
    assert flags(frames[6:]) == [PSH_ACK, ACK]
    frames += close(connections)
    assert flags(frames[8:]) == [FIN_ACK, FIN_ACK, ACK]
    peer.take(frames)
    client, server = peer.received
    (source, _), (destination, port) = ends
    assert client == (source, client[1], destination, port)
    assert server == (destination, port, source, client[1])
    assert 32768 <= client[1] <= 60999
    assert peer.received == {client: b"a" * most + b"bc", server: b""}
    for frame in frames[:2]:
        assert dissect(frame)[TCP].options == [("MSS", most), ("NOP", None), ("WScale", 7)]


@pytest.mark.parametrize(("size", "segments"), [(1, [1]), (1459, [1459]), (1460, [1460]), (1461, [1460, 1]), (2920, [1460, 1460])])
def test_segments_are_full_but_for_the_last(size: int, segments: list[int]) -> None:
    assert [len(dissect(frame)[TCP].payload) for frame in send(Connections(), bytes(size))[3:-1]] == segments


def test_the_ip_header_takes_over_what_makes_sense() -> None:
    frames = send(Connections(), b"a")
    for number, frame in enumerate(frames, 1):
        ip = dissect(frame)[IP]
        assert (ip.ttl, ip.tos, ip.id, str(ip.flags), ip.proto, ip.ihl) == (63, 0x68, number, "DF", 6, 5)
    for frame in send(Connections(), b"a", SIX):
        ip = dissect(frame)[IPv6]
        assert (ip.hlim, ip.tc, ip.fl, ip.nh) == (63, 0x68, 0, 6)


@pytest.mark.parametrize("vlan", [False, True])
def test_ethernet_addresses_are_exchanged_in_answers(vlan: bool) -> None:
    frame = arrived(vlan=vlan)
    length = 18 if vlan else 14
    links = [sent[:length] for sent in send(Connections(), b"a", frame=frame)]
    there, back = frame[:length], frame[6:12] + frame[:6] + frame[12:length]
    assert links == [there, back, there, there, back]


@pytest.mark.parametrize("name", [name for name in LINKS if name != "raw IPv6"])
def test_every_link_header(name: str) -> None:
    """All of them stay whole, and but for Ethernet's they are the same in both directions."""
    link_type, wrap = LINKS[name]
    packet = Flow(("10.0.0.5", 5060), ("10.0.0.1", 5060)).packet(b"")
    frame = wrap(packet, False)
    link = frame[: frame.index(packet)]
    frames = send(Connections(), b"a", frame=frame, link_type=link_type)
    assert len(frames) == 5
    assert all(sent[len(link) : len(link) + 2] == b"\x45\0" for sent in frames)
    assert len({sent[: len(link)] for sent in frames}) == (2 if link_type == ETHERNET else 1)
    assert frames[0].startswith(link)
    Peer().take((sent[len(link) :] for sent in frames), RAW)


def test_padding_stays_behind_and_the_same_message_gives_the_same_bytes() -> None:
    assert send(Connections(), b"a", frame=arrived() + b"padding") == send(Connections(), b"a")


@settings(max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(min_size=1, max_size=4500)), max_size=6), st.integers(0, 2**32 - 1))
def test_what_goes_in_comes_out(messages: list[tuple[bool, bool, bytes]], first: int) -> None:
    connections: Connections[int] = Connections(hashed=lambda data: first)
    peer = Peer()
    wanted: dict[tuple[str, int], bytes] = {}
    for six, other, payload in messages:
        here, (address, port) = SIX if six else FOUR
        there = (address, port + other)
        peer.take(send(connections, payload, (here, there)))
        wanted[there] = wanted.get(there, b"") + payload
    peer.take(close(connections))
    assert {key[2:]: data for key, data in peer.received.items() if data} == wanted


@pytest.mark.parametrize("before", [0, 1, 2, 1460, 1461, 1462])
def test_sequence_numbers_wrap_around(before: int) -> None:
    connections: Connections[int] = Connections(hashed=lambda data: 2**40 - 1 - before)
    peer = Peer()
    frames = send(connections, bytes(2000)) + send(connections, b"more") + close(connections)
    peer.take(frames)
    assert {dissect(frame)[TCP].seq >> 31 for frame in frames} == {0, 1}


def test_two_connections_have_ports_of_their_own() -> None:
    """Even where the hash says otherwise, and none of them is where we listen; behind the last port comes the first."""
    connections: Connections[int] = Connections(hashed=lambda data: 7)
    here, there = FOUR
    others = [(here, there), (("10.0.0.1", 5061), there), (here, ("192.0.2.9", 5061)), (("10.0.0.1", 32768 + 10), there)]
    ports = [dissect(send(connections, b"a", ends)[0])[TCP].sport for ends in others]
    assert ports == [32775, 32776, 32777, 32779]
    (syn, *_) = send(Connections(hashed=lambda data: 60999 - 32768), b"a", (("10.0.0.1", 60999), there))
    assert dissect(syn)[TCP].sport == 32768


def test_the_one_unused_for_longest_is_given_up() -> None:
    connections: Connections[int] = Connections(most=2)
    one, two, three = ((FOUR[0], ("192.0.2.9", port)) for port in (1, 2, 3))
    first = send(connections, b"a", one)
    opened = [len(send(connections, b"b", ends)) > 2 for ends in (two, one, three, one, two, three)]
    assert opened == [True, False, True, False, True, True]
    assert connections.given_up == 3
    again = send(connections, b"c", one)
    assert connections.given_up == 4
    assert dissect(again[0])[TCP].sport != dissect(first[0])[TCP].sport
    assert [dissect(frame)[TCP].dport for frame in close(connections)[::3]] == [3, 1]
    assert close(connections) == []


def test_only_what_fits_the_link_is_ended() -> None:
    """The link header of a connection's last message is remembered for it."""
    connections: Connections[int] = Connections()
    send(connections, b"a")
    send(connections, b"b", frame=arrived(vlan=True))
    send(connections, b"a", SIX, link_type=RAW)
    assert close(connections, 113) == []
    assert all(dissect(frame, RAW).version == 6 for frame in close(connections, RAW))
    assert [dissect(frame)[Dot1Q].vlan for frame in close(connections)] == [5, 5, 5]


def refuse(packet: bytes, reverse: bool) -> list[bytes]:
    """Carries no answers and no full segments."""
    if reverse or len(packet) > 1400:
        raise ValueError("no way")
    return [packet]


@pytest.mark.parametrize("payload", [b"a", bytes(2000)])
def test_what_cannot_be_carried_was_not_sent(payload: bytes) -> None:
    """Neither a handshake, nor a part of a message: what follows has the numbers that come next."""
    connections: Connections[int] = Connections()
    peer = Peer()
    arguments = payload, packed(FOUR[0]), packed(FOUR[1]), refuse, ETHERNET
    for number in range(3):
        with pytest.raises(ValueError, match="no way"):
            connections.send(arrived()[14:], *arguments)
        peer.take(send(connections, b"%d" % number))
    with pytest.raises(ValueError, match="no way"):
        connections.send(arrived()[14:], *arguments)
    peer.take(close(connections))
    assert list(peer.received.values()) == [b"012", b""]


def test_the_token_of_what_was_sent_last_comes_back_with_the_end() -> None:
    connections: Connections[str] = Connections()
    for token, ends in (("a", FOUR), ("b", FOUR), ("c", SIX)):
        connections.send(arrived(ends)[14:], b"x", packed(ends[0]), packed(ends[1]), lambda packet, reverse: [packet], token)
    assert list(connections.close(lambda token: token == "a")) == []
    assert [(token, len(frames)) for token, frames in connections.close()] == [("b", 3), ("c", 3)]
    assert list(connections.close()) == []


@pytest.mark.parametrize("most", [0, -1, 10_001])
def test_a_table_without_a_sensible_bound_is_refused(most: int) -> None:
    with pytest.raises(ValueError, match="1 to 10000"):
        Connections(most)


# What Wireshark makes of it.


def message(number: int, size: int = 0) -> bytes:
    """A request with a Content-Length, so that a reader of a stream knows where it ends."""
    body = b"x" * size
    head = f"MESSAGE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.1;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
    head += f"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: {number}\r\nCSeq: {number} MESSAGE\r\nContent-Type: text/plain\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % size + body


def ask(tshark: str, path: Path, shown: str, *fields: str) -> list[list[str]]:
    """The fields of the frames that a display filter shows."""
    command = [tshark, "-n", "-r", str(path), "-Y", shown, "-T", "fields", *(word for field in fields for word in ("-e", field))]
    checks = [word for protocol in ("ip", "tcp") for word in ("-o", f"{protocol}.check_checksum:TRUE")]
    output = subprocess.run([*command, *checks], check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.splitlines()]


FAULTS = "tcp.analysis.flags or tcp.checksum.status==0 or ip.checksum.status==0 or _ws.malformed or _ws.expert.severity>=0x600000"


def three(connections: Connections[int], size: int = 3000, **others: Any) -> list[bytes]:
    """Three messages, the second longer than a segment."""
    return [frame for number in (1, 2, 3) for frame in send(connections, message(number, size * (number == 2)), **others)]


def two_at_once(connections: Connections[int]) -> list[bytes]:
    """The second message to another peer."""
    other = (FOUR[0], ("192.0.2.10", 5060))
    return send(connections, message(1)) + send(connections, message(2, 3000), other) + send(connections, message(3))


@pytest.mark.parametrize(
    ("scene", "connections"),
    [
        (three, Connections()),
        (three, Connections(hashed=lambda data: 2**32 - 1500)),
        (partial(three, frame=arrived(vlan=True)), Connections()),
        (partial(three, ends=SIX), Connections()),
        # More than a window that is not scaled.
        (partial(three, size=70_000), Connections()),
        (two_at_once, Connections()),
        # The third message needs the first one's connection again.
        (two_at_once, Connections(most=1)),
    ],
    ids=["plain", "wrapping", "VLAN", "IPv6", "large", "two at once", "given up"],
)
def test_wireshark_finds_no_fault_and_every_message(
    tshark: str, tmp_path: Path, scene: Callable[[Connections[int]], list[bytes]], connections: Connections[int]
) -> None:
    path = tmp_path / "out.pcap"
    path.write_bytes(pcap(scene(connections) + close(connections)))
    assert ask(tshark, path, FAULTS, "frame.number", "_ws.expert.message") == []
    first, second, third = ask(tshark, path, "sip", "sip.Call-ID", "tcp.segment.count")
    assert (first, third) == (["1", ""], ["3", ""])
    assert second[0] == "2" and int(second[1]) > 1


def test_wireshark_finds_no_fault_behind_raw_ip(tshark: str, tmp_path: Path) -> None:
    connections: Connections[int] = Connections()
    path = tmp_path / "out.pcap"
    frames = [sent for ends in (FOUR, SIX) for sent in send(connections, message(4 if ends is FOUR else 6, 2000), ends, link_type=RAW)]
    path.write_bytes(pcap(frames + close(connections, RAW), link_type=RAW))
    assert ask(tshark, path, FAULTS, "frame.number") == []
    assert ask(tshark, path, "sip", "sip.Call-ID") == [["4"], ["6"]]


def test_wireshark_sees_faults(tshark: str, tmp_path: Path) -> None:
    """So that the tests above tell something."""
    frames, path = three(Connections()), tmp_path / "out.pcap"
    frames[3] = frames[3][:-1] + b"!"
    del frames[6]
    path.write_bytes(pcap(frames))
    assert ask(tshark, path, FAULTS, "tcp.checksum.status", "tcp.analysis.lost_segment")[:2] == [["0", ""], ["1", "1"]]
