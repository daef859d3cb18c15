"""The captures in ``pcaps/``: made again they are the same, others read them without complaint, and the README tells of each."""

import importlib.util
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from socket import inet_aton

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader, RawPcapReader

from scapy_rr.wire import hep

from .conftest import missing
from .make_pcaps import FOLDER, GENERATED, TLS, generate, record_tls
from .pcapmaker.live import RECORDINGS
from .pcapmaker.rebuild import rebuilt
from .tshark_view import faults, sip_messages

NAMES = sorted([*GENERATED, *RECORDINGS, TLS[0]])
# tshark has no dissector for it.
HEP = ["hep2.pcap", "hep3.pcap"]
UNTRUE = [
    f"{name} == 0" for name in (*(f"{protocol}.checksum.status" for protocol in ("ip", "udp", "tcp", "sctp", "gre")), "wlan.fcs.status")
]
BAD = " || ".join(["_ws.malformed", "udp.length.bad", "pppoe.payload_length.bad", *UNTRUE])


@pytest.fixture(scope="session")
def tshark() -> str:
    """Where tshark is. Without it the test is skipped, unless the environment says that peers have to be there."""
    if found := shutil.which("tshark"):
        return found
    if os.environ.get("SCAPY_RR_REQUIRE_PEERS") == "1":
        pytest.fail("tshark is not installed, and SCAPY_RR_REQUIRE_PEERS is set")
    pytest.skip("tshark is not installed (package tshark)")


def read(tshark: str, name: str, *arguments: str) -> list[str]:
    """The lines that tshark prints about a capture."""
    checks = [word for protocol in ("ip", "udp", "tcp", "wlan") for word in ("-o", f"{protocol}.check_checksum:TRUE")]
    keys = ["-o", f"tls.keylog_file:{FOLDER / TLS[1]}"]
    command = [tshark, "-n", "-r", str(FOLDER / name), *checks, "-o", "sctp.checksum:CRC-32C", *keys, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_generated_captures_come_out_the_same(tmp_path: Path) -> None:
    """Byte by byte."""
    assert sorted(path.name for path in generate(tmp_path)) == sorted(GENERATED)
    for name in GENERATED:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_every_capture_is_known_and_every_known_one_is_there() -> None:
    """Nothing lies about that no one can make again."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*NAMES, TLS[1], "README.md"])


@pytest.mark.parametrize("name", NAMES)
def test_small(name: str) -> None:
    """Less than 40 kB each."""
    assert (FOLDER / name).stat().st_size < 40_000


@pytest.mark.parametrize("name", NAMES)
def test_readme_has_a_row_for_it(name: str) -> None:
    """With all listeners of its proxy."""
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert "`--listen " in rows[0]
    if name in RECORDINGS:
        assert all(f"--listen {listener}" in rows[0] for listener in RECORDINGS[name].listeners)


@pytest.mark.parametrize("name", NAMES)
def test_scapy_computes_the_same_lengths_and_checksums(name: str) -> None:
    """Of all frames that are whole; it knows the link types of all."""
    with PcapReader(str(FOLDER / name)) as reader:
        for frame in reader:
            # Under a loopback header Scapy knows only the address families of the system that it runs on, not macOS's.
            packet = IPv6(frame.original[4:]) if name == "null-ipv6.pcap" else frame
            assert packet.haslayer(IP) or packet.haslayer(IPv6)
            if frame.wirelen == len(frame.original):
                assert rebuilt(packet) == packet.original


@pytest.mark.parametrize("name", NAMES)
def test_tshark_finds_nothing_wrong(tshark: str, name: str) -> None:
    """No malformed frame, no bad checksum; and SIP requests to the proxy are in it."""
    assert read(tshark, name, "-Y", BAD) == []
    if name not in HEP:
        assert read(tshark, name, "-Y", "sip.Method && (ip.dst in {10.0.0.1, 10.0.1.1} || ipv6.dst == 2001:db8::1)")


@pytest.mark.parametrize("name", NAMES)
def test_tshark_and_scapy_count_the_same_frames(tshark: str, name: str) -> None:
    """So both read it to its end."""
    with RawPcapReader(str(FOLDER / name)) as reader:
        assert len(read(tshark, name)) == sum(1 for _ in reader)


@pytest.mark.parametrize("name", sorted(RECORDINGS))
def test_recorded_calls_are_whole(tshark: str, name: str) -> None:
    """Both legs: each request comes in and goes out; in-dialog ones come in with a Route for each Record-Route."""
    methods = read(tshark, name, "-Y", "sip.Method", "-T", "fields", "-e", "sip.Method")
    assert methods == [method for method in ("INVITE", "ACK", "INVITE", "ACK", "BYE") for _ in ("in", "out")]
    assert len(read(tshark, name, "-Y", "sip.Method && sip.Route")) == 4
    double = len(RECORDINGS[name].listeners) > 1
    assert len(read(tshark, name, "-Y", 'sip.Method && sip.Route contains "r2=on"')) == (4 if double else 0)
    assert not faults(tshark, FOLDER / name), "nor did anything go wrong with checksums, lengths and connections"


@pytest.mark.parametrize(
    ("name", "transports"),
    [
        ("sipp-tcp.pcap", {"tcp": 20}),
        ("double-rr-tcp.pcap", {"udp": 11, "tcp": 9}),
        ("kamailio-websocket.pcap", {"ws": 11, "udp": 9}),
        ("fragments-mtu.pcap", {"udp": 20}),
        ("fragments-mtu-ipv6.pcap", {"udp": 20}),
    ],
)
def test_what_recorded_calls_go_over(tshark: str, name: str, transports: dict[str, int]) -> None:
    assert Counter(message.transport for message in sip_messages(tshark, FOLDER / name)) == transports


@pytest.mark.parametrize(("name", "fragment", "count"), [("fragments-mtu.pcap", "ip", 32), ("fragments-mtu-ipv6.pcap", "ipv6", 16)])
def test_what_has_a_body_comes_in_fragments(tshark: str, name: str, fragment: str, count: int) -> None:
    """Eight of the twenty messages have one: INVITEs and the answers to them."""
    over = {"ip": "ip.flags.mf == 1 || ip.frag_offset > 0", "ipv6": "ipv6.fraghdr"}[fragment]
    assert len(read(tshark, name, "-Y", over)) == count
    largest = max(map(int, read(tshark, name, "-T", "fields", "-e", "frame.len"))) - 14
    assert RECORDINGS[name].mtu - 8 < largest <= RECORDINGS[name].mtu


def test_the_recorded_websocket_is_one_as_clients_have_it(tshark: str) -> None:
    """Fragments, a ping between them and its pong, binary frames, and the closing handshake."""
    opcodes = ",".join(read(tshark, "kamailio-websocket.pcap", "-Y", "websocket", "-T", "fields", "-e", "websocket.opcode"))
    assert Counter(opcodes.split(",")) == {"0": 2, "1": 10, "2": 1, "9": 1, "10": 1, "8": 2}


@pytest.mark.parametrize("name", HEP)
def test_hep_carries_the_short_call(name: str) -> None:
    """Each message, with its ends and its time, a little before the agent's own packet."""
    with PcapReader(str(FOLDER / name)) as reader, PcapReader(str(FOLDER / "cooked-v1.pcap")) as call:
        for packet, told in zip(reader, call, strict=True):
            one = hep.read(bytes(packet[UDP].payload))
            assert one is not None
            assert (one.version, one.kind, one.capture_id, one.payload) == (int(name[3]), hep.SIP, 2001, bytes(told[UDP].payload))
            assert (one.source, one.destination) == ((inet_aton(told[IP].src), told.sport), (inet_aton(told[IP].dst), told.dport))
            assert (one.seconds, one.microseconds) == divmod(int(told.time * 1_000_000), 1_000_000)
            assert (packet[IP].src, packet.sport, packet[IP].dst, packet.dport) == ("192.0.2.7", 45000, "192.0.2.9", 9060)
            assert int(packet.time * 1_000_000) - int(told.time * 1_000_000) == 211
            assert one.build() == bytes(packet[UDP].payload)


def test_the_calls_over_tls_are_whole(tshark: str) -> None:
    """Two, over one version each; nothing of TCP is amiss."""
    found = sip_messages(tshark, FOLDER / TLS[0], FOLDER / TLS[1])
    assert {(message.transport, *sorted((message.source[1], message.destination[1]))[:1]) for message in found} == {("tls", 5061)}
    assert [message.data.split()[0] for message in found] == [b"INVITE", *[b"SIP/2.0"] * 3, b"ACK", b"BYE", b"SIP/2.0"] * 2
    suites = read(tshark, TLS[0], "-Y", "tls.handshake.type == 2", "-T", "fields", "-e", "tls.handshake.ciphersuite")
    assert [int(suite, 16) >> 8 for suite in suites] == [0x13, 0xC0]
    assert not faults(tshark, FOLDER / TLS[0])


def test_the_calls_over_tls_can_be_made_again(tmp_path: Path) -> None:
    """They are about as long as before: signatures are not always of the same length."""
    if importlib.util.find_spec("cryptography") is None:
        missing("the package cryptography is not installed")
    made = record_tls(tmp_path)
    assert [path.name for path in made] == list(TLS)
    assert all(abs(path.stat().st_size - (FOLDER / path.name).stat().st_size) < 50 for path in made)
