"""The options of ``rewrite`` that say in what form packets are written, and what opens those that come."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

import scapy_rr
from scapy_rr.wire import hep

from .capture.samples import VOICE, arriving, bye, frame, leaving, pcap, records
from .command import LISTEN, Command
from .make_pcaps import FOLDER

ENDS = ["--listen", "udp:10.0.0.1:5060", "--listen", "tcp:10.0.0.1:5060", "--listen", "tls:10.0.0.1:5061", "--no-via"]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where to write."""
    return tmp_path / "out.pcap"


def frames(path: Path) -> list[bytes]:
    """The frames that were written."""
    return [one.frame for one in records(path.read_bytes())]


def test_what_is_longer_than_the_mtu_is_cut(command: Command, tmp_path: Path, target: Path) -> None:
    """Also where DF stands in what came: whoever sends it is the proxy. What is not routed stays."""
    with_df = Ether(arriving())
    with_df[IP].flags, with_df[IP].chksum = "DF", None
    (tmp_path / "in.pcap").write_bytes(pcap([VOICE, bytes(with_df), arriving()]))
    assert command("rewrite", tmp_path / "in.pcap", "-o", target, *LISTEN, "--mtu", "300").code == 0
    voice, *cut = frames(target)
    assert voice == VOICE
    packets = [Ether(one)[IP] for one in cut]
    assert all(packet.len <= 300 and "DF" not in packet.flags for packet in packets)
    assert [packet.frag * 8 for packet in packets] == [0, 280, 0, 280]
    payload = b"".join(bytes(packet.payload) for packet in packets[:2])
    assert payload[8:] == bye(1, ())
    assert [one.data for one in scapy_rr.messages(target)] == [bye(1, ())] * 2


def test_an_mtu_that_nothing_exceeds_changes_nothing(command: Command, source: Path, target: Path) -> None:
    assert command("rewrite", source, "-o", target, *LISTEN, "--mtu", "1500").code == 0
    assert frames(target)[:2] == [VOICE, leaving()]


@pytest.mark.parametrize("mtu", ["67", "65536", "x"])
def test_an_mtu_that_is_none(command: Command, source: Path, target: Path, mtu: str) -> None:
    done = command("rewrite", source, "-o", target, *LISTEN, "--mtu", mtu)
    assert done.code == 2
    assert "--mtu" in done.err
    assert not target.exists()


@pytest.mark.parametrize("name", ["vxlan.pcap", "gre.pcap", "pppoe.pcap", "mpls.pcap", "gtp-u.pcap", "erspan.pcap", "ip-in-ip.pcap"])
def test_packets_without_their_tunnels(command: Command, target: Path, name: str) -> None:
    """All of them, whether they are routed or not, and what they hold is what is routed in the tunnel."""
    assert command("rewrite", FOLDER / name, "-o", target, *ENDS, "--decap").code == 0
    read = [Ether(one) for one in frames(target)]
    assert all([layer.__name__ for layer in one.layers()][:3] == ["Ether", "IP", "UDP"] for one in read)
    assert {one[IP].src for one in read} <= {"10.0.0.5", "10.0.0.1", "10.0.0.9"}
    alone = [(one.sender, one.receiver, one.data) for one in scapy_rr.messages(target)]
    within = target.with_name("within.pcap")
    assert command("rewrite", FOLDER / name, "-o", within, *ENDS).code == 0
    assert alone == [(one.sender, one.receiver, one.data) for one in scapy_rr.messages(within)]


def test_what_is_sent_is_told_to_a_collector(command: Command, tmp_path: Path, target: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap([VOICE, arriving(), frame(bye(2, ()))]))
    assert command("rewrite", tmp_path / "in.pcap", "-o", target, *LISTEN, "--emit", "only", "--hep", "192.0.2.9").code == 0
    (one,) = frames(target)
    read = Ether(one)
    assert (read[IP].src, read[IP].dst, read[UDP].sport, read[UDP].dport) == ("10.0.0.1", "192.0.2.9", 9060, 9060)
    told = hep.read(bytes(read[UDP].payload))
    assert told is not None
    assert (told.version, told.protocol, told.kind, told.payload) == (3, 17, hep.SIP, bye(1, ()))
    assert (told.source, told.destination) == ((bytes([10, 0, 0, 1]), 5060), (bytes([10, 0, 0, 9]), 5060))
    assert (told.seconds, told.microseconds) == (1_700_000_001, 1001)


def test_over_tcp_a_collector_is_told_of_it(command: Command, target: Path) -> None:
    assert command("rewrite", FOLDER / "tcp.pcap", "-o", target, *ENDS, "--emit", "only", "--hep", "192.0.2.9:9061").code == 0
    assert {one.transport for one in scapy_rr.messages(target)} == {"tcp", "udp"}
    assert {Ether(one)[UDP].dport for one in frames(target)} == {9061}


@pytest.mark.parametrize(
    ("collector", "why"), [("nowhere", "--hep: 'nowhere' is not an address, or address:port"), ("10.0.0.1:70000", "port 70000 is above")]
)
def test_a_collector_that_is_none(command: Command, source: Path, target: Path, collector: str, why: str) -> None:
    done = command("rewrite", source, "-o", target, *LISTEN, "--hep", collector)
    assert (done.code, why in done.err, target.exists()) == (2, True, False)


def test_a_collector_of_another_family_is_not_told(command: Command, source: Path, target: Path) -> None:
    done = command("rewrite", source, "-o", target, *LISTEN, "--hep", "[2001:db8::9]:9060")
    assert done.code == 0
    assert any("the collector is of another address family" in line for line in done.lines)


def test_tls_is_read_with_a_key_log(command: Command, target: Path) -> None:
    """Without one it is said that there is something."""
    pytest.importorskip("cryptography")
    done = command("rewrite", FOLDER / "tls.pcap", "-o", target, *ENDS)
    assert "2 over TCP: TLS connections to SIP ports, which --keylog may open" in done.lines
    done = command("rewrite", FOLDER / "tls.pcap", "-o", target, *ENDS, "--keylog", FOLDER / "tls.keys", "--force")
    assert any(line.startswith("14 SIP messages: ") for line in done.lines)
    done = command("explain", FOLDER / "tls.pcap", *ENDS, "--keylog", FOLDER / "tls.keys")
    assert done.out.count("tls:10.0.0.5:") == 14
    done = command("explain", FOLDER / "tls.pcap", *ENDS, "--keylog", FOLDER / "none.keys")
    assert (done.code, "none.keys: No such file" in done.err) == (2, True)
