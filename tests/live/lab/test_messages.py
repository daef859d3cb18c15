"""The messages on the links of a lab, from captures."""

from pathlib import Path

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet
from scapy.utils import PcapWriter

from scapy_rr.errors import LiveError
from scapy_rr.live.lab.description import Lab, Link, load
from scapy_rr.live.lab.messages import Seen, read
from scapy_rr.live.lab.network import mac

OPTIONS = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 0\r\n\r\n"
LAB = load("tcp")


def sent(link: int, end: int, payload: Packet, time: float) -> Packet:
    """A frame that one end of a link sends."""
    made = Ether(src=mac(link, end), dst=mac(link, 1 - end)) / payload
    made.time = time
    return made


def captured(folder: Path, lab: Lab, *frames: list[Packet], nano: bool = True) -> dict[Link, Path]:
    """The captures of a lab's links, with these frames on each."""
    files = {}
    for link, on_link in zip(lab.links, frames, strict=True):
        files[link] = folder / f"{link.name}.pcap"
        with PcapWriter(str(files[link]), linktype=1, nano=nano) as writer:
            writer.write_header(None)
            for frame in on_link:
                writer.write(frame)
    return files


def test_in_the_order_of_time(tmp_path: Path) -> None:
    first = [
        sent(0, 0, ARP(), 0.5),
        sent(0, 0, IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060) / OPTIONS, 1),
        sent(0, 1, IP(src="10.0.0.1", dst="10.0.0.5") / UDP(sport=5060, dport=5060) / b"\r\n\r\n", 2),
        sent(0, 1, IP(src="10.0.0.1", dst="10.0.0.5") / UDP(sport=5060, dport=5060) / OPTIONS, 5),
        sent(0, 0, IP(src="10.0.0.5", dst="10.0.0.1") / ICMP(), 6),
    ]
    stream = IP(src="10.0.0.1", dst="10.0.0.9")
    second = [
        sent(1, 0, stream / TCP(sport=32768, dport=5060, seq=9, flags="S"), 2.5),
        sent(1, 0, stream / TCP(sport=32768, dport=5060, seq=10, flags="PA") / OPTIONS[:20], 3),
        sent(1, 0, stream / TCP(sport=32768, dport=5060, seq=30, flags="PA") / OPTIONS[20:], 4),
    ]
    assert read(LAB, captured(tmp_path, LAB, first, second)) == [
        Seen(1_000_000_000, "caller", "proxy", "udp", "10.0.0.5:5060", "10.0.0.1:5060", OPTIONS),
        Seen(4_000_000_000, "proxy", "callee", "tcp", "10.0.0.1:32768", "10.0.0.9:5060", OPTIONS),
        Seen(5_000_000_000, "proxy", "caller", "udp", "10.0.0.1:5060", "10.0.0.5:5060", OPTIONS),
    ]


def test_microseconds(tmp_path: Path) -> None:
    frame = sent(0, 0, IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060) / OPTIONS, 1.25)
    (seen,) = read(LAB, captured(tmp_path, LAB, [frame], [], nano=False))
    assert seen.time == 1_250_000_000


def test_frames_of_nobody_on_the_link(tmp_path: Path) -> None:
    frame = sent(3, 0, IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060) / OPTIONS, 1)
    assert read(LAB, captured(tmp_path, LAB, [frame], [])) == []


def test_a_capture_that_ends_in_a_frame(tmp_path: Path) -> None:
    frame = sent(0, 0, IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060) / OPTIONS, 1)
    files = captured(tmp_path, LAB, [frame, frame], [])
    first = files[LAB.links[0]]
    first.write_bytes(first.read_bytes()[:-10])
    assert len(read(LAB, files)) == 1


def test_no_capture(tmp_path: Path) -> None:
    files = {link: tmp_path / f"{link.name}.pcap" for link in LAB.links}
    with pytest.raises(LiveError, match=r"caller-proxy\.pcap: .*No such file"):
        read(LAB, files)
    files[LAB.links[0]].write_bytes(b"")
    with pytest.raises(LiveError, match=r"caller-proxy\.pcap: "):
        read(LAB, files)
