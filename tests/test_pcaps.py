"""The captures in ``pcaps/``: made again they are the same, others read them without complaint, and the README tells of each."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.utils import PcapReader, RawPcapReader

from .make_pcaps import FOLDER, GENERATED, generate
from .pcapmaker.live import RECORDINGS
from .pcapmaker.rebuild import rebuilt

NAMES = sorted([*GENERATED, *RECORDINGS])
UNTRUE = [
    f"{name} == 0"
    for name in ("ip.checksum.status", "udp.checksum.status", "tcp.checksum.status", "gre.checksum.status", "wlan.fcs.status")
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
    command = [tshark, "-n", "-r", str(FOLDER / name), *checks, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_generated_captures_come_out_the_same(tmp_path: Path) -> None:
    """Byte by byte."""
    assert sorted(path.name for path in generate(tmp_path)) == sorted(GENERATED)
    for name in GENERATED:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_every_capture_is_known_and_every_known_one_is_there() -> None:
    """Nothing lies about that no one can make again."""
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted([*NAMES, "README.md"])


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
    double = name != "plain-call.pcap"
    assert len(read(tshark, name, "-Y", 'sip.Method && sip.Route contains "r2=on"')) == (4 if double else 0)
