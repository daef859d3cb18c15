"""The command that sends a routed capture: what leaves, what is said, every option, and real systems that take it."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from scapy.layers.l2 import Ether

from scapy_rr import cli
from scapy_rr.cli_replay import replay

from .capture.samples import VOICE, Kept, arriving, frame, invite, leaving, pcap
from .command import LISTEN, ROOT, Command, Ran
from .conftest import need
from .live.veth import FAR, FAR_MAC, NEAR, Cable, cable, ip
from .make_pcaps import FOLDER
from .pcapmaker.messages import Dialog
from .pcapmaker.scenes import ALICE, BOB, PROXY, TAGS

PROGRAM = "from scapy_rr import cli; from scapy_rr.cli_replay import replay; cli.app.command()(replay); cli.main()"
PEER = f"10.0.0.9={FAR_MAC}"
TO_BOB = ("--host", "example.com=10.0.0.9")


@pytest.fixture(autouse=True)
def small_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program with this command alone."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)
    app.command()(replay)
    monkeypatch.setattr(cli, "app", app)


@pytest.fixture(scope="module")
def wired() -> Iterator[Cable]:
    """A cable, with 10.0.0.9 at its far end, and 10.0.0.1 where the program runs."""
    with cable() as made:
        with made.here.entered():
            ip(f"addr add 10.0.0.1/24 dev {NEAR}")
        with made.there.entered():
            ip(f"addr add 10.0.0.9/24 dev {FAR}")
        yield made


def start(wired: Cable, *arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start it near the cable's end."""
    command = [sys.executable, "-c", PROGRAM, "replay", *map(str, arguments), "--iface", NEAR]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with wired.here.entered():
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options)


def run(wired: Cable, *arguments: object) -> Ran:
    """Run it to its end."""
    with start(wired, *arguments) as process:
        out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


class Tap:
    """What arrives at the far end. Use it in a ``with``."""

    def __init__(self, wired: Cable) -> None:
        with wired.there.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self._socket.bind((FAR, 0))

    def __enter__(self) -> "Tap":
        return self

    def udp(self) -> list[bytes]:
        """The UDP frames that came so far."""
        self._socket.setblocking(False)
        found: list[bytes] = []
        while True:
            try:
                data, address = self._socket.recvfrom(65536)
            except BlockingIOError:
                return found
            # What leaves at the far end is not what came.
            if address[2] != socket.PACKET_OUTGOING and data[12:14] == b"\x08\x00" and data[23] == 17:
                found.append(data)

    def __exit__(self, *_: object) -> None:
        self._socket.close()


def near_mac(wired: Cable) -> bytes:
    with wired.here.entered():
        out = subprocess.run([need("ip"), "-json", "link", "show", NEAR], check=True, capture_output=True, text=True).stdout
    return bytes.fromhex(json.loads(out)[0]["address"].replace(":", ""))


def addressed(wired: Cable, one: bytes) -> bytes:
    """A frame as it leaves to the far end."""
    return bytes.fromhex(FAR_MAC.replace(":", "")) + near_mac(wired) + one[12:]


def test_the_routed_frame_leaves_alone_to_the_mac_that_arp_finds(wired: Cable, source: Path) -> None:
    with Tap(wired) as tap:
        done = run(wired, source, *LISTEN, "--pps", 1000)
        assert tap.udp() == [addressed(wired, leaving())]
    assert (done.code, done.err) == (0, "")
    assert done.lines[:4] == [
        "3 frames",
        "2 SIP messages: BYE 1, INVITE 1",
        "1 routed: loose to loose 1",
        "1 left alone: next hop is a name without an address (first in frame 3; no address is known for example.com)",
    ]
    assert re.fullmatch(rf"1 sent in 0\.\d+ s: [\d,]+ frames/s, {len(leaving())} bytes", done.lines[4])
    assert re.fullmatch(r"[\d.]+% within 1 ms of their time; 99 % within [\d.]+ ms, the latest [\d.]+ ms late", done.lines[5])
    assert done.lines[6:] == [f"1 to 10.0.0.9, MAC {FAR_MAC} (ARP)"]


@pytest.mark.parametrize(
    ("emit", "wanted"), [("replace", [VOICE, leaving()]), ("append", [VOICE, arriving(), leaving()]), ("only", [leaving()])]
)
def test_what_is_sent(wired: Cable, tmp_path: Path, emit: str, wanted: list[bytes]) -> None:
    """Without ARP, each frame with the MAC addresses that it was captured with."""
    (tmp_path / "in").write_bytes(pcap([VOICE, arriving()]))
    with Tap(wired) as tap:
        done = run(wired, tmp_path / "in", *LISTEN, "--emit", emit, "--no-arp", "--topspeed")
        assert tap.udp() == wanted
    assert (done.code, done.lines[-1]) == (0, "1 to 10.0.0.9, MAC as captured")


def test_a_mac_from_the_table(wired: Cable, source: Path) -> None:
    with Tap(wired) as tap:
        told = json.loads(
            run(wired, source, *LISTEN, "--mac", "10.0.0.9=2:0:0:0:0:77", "--mac", "10.0.0.7=02:00:00:00:00:07", "--json").out
        )
        (arrived,) = tap.udp()
    assert (arrived[:6].hex(":"), arrived[6:12], arrived[12:]) == ("02:00:00:00:00:77", near_mac(wired), leaving()[12:])
    assert told["destinations"] == [{"address": "10.0.0.9", "frames": 1, "mac": "02:00:00:00:00:77", "from": "table"}]
    assert (told["capture"]["frames"], told["left_out"]) == (3, {})
    assert (told["sent"]["frames"], told["sent"]["bytes"], told["sent"]["refused"]) == (1, len(leaving()), {})


def test_loops_with_identifiers_of_their_own(wired: Cable, source: Path) -> None:
    with Tap(wired) as tap:
        told = json.loads(run(wired, source, *LISTEN, "--loop", 3, "--fresh", "--topspeed", "--json").out)
        arrived = tap.udp()
    assert (told["sent"]["loops"], told["sent"]["frames"], told["sent"]["lateness"], told["sent"]["stale"]) == (3, 3, None, {})
    names = {found[1] for one in arrived if (found := re.search(rb"Call-ID: (\S+)\r\n", one))}
    assert len(names) == len(arrived) == 3
    assert b"samples@10.0.0.5" not in names


def test_a_capture_without_ethernet_headers(wired: Cable) -> None:
    """Gets some, where somebody answers; else nothing of it leaves."""
    path = FOLDER / "raw-ip.pcap"
    with Tap(wired) as tap:
        done = run(wired, path, *LISTEN, *TO_BOB, "--topspeed")
        assert tap.udp() == []
        assert (done.code, done.out) == (2, "")
        assert (
            done.err
            == f"scapy-rr: {path} has frames without an Ethernet header, and no MAC address is known for 10.0.0.5: give --mac ADDRESS=MAC\n"
        )
        done = run(wired, path, *LISTEN, *TO_BOB, "--topspeed", "--mac", "10.0.0.5=02:00:00:00:00:05")
        arrived = tap.udp()
    assert done.code == 0
    # The far end is not promiscuous: nothing else is for it, but a raw socket sees every frame that comes.
    assert {one[:6].hex(":") for one in arrived} == {FAR_MAC, "02:00:00:00:00:05"}
    assert all(Ether(one).haslayer("UDP") and one[6:12] == near_mac(wired) for one in arrived)


def test_frames_that_cannot_leave_are_told(wired: Cable, tmp_path: Path) -> None:
    """One that the capture cut, and one that is longer than the interface takes."""
    long = frame(invite("sip:bob@10.0.0.9").replace(b"Max-Forwards", b"Subject: " + b"x" * 1400 + b"\r\nMax-Forwards"))
    (tmp_path / "in").write_bytes(pcap([Kept(1, 0, 9999, arriving()), long, arriving()]))
    with Tap(wired) as tap:
        done = run(wired, tmp_path / "in", *LISTEN, "--emit", "replace", "--topspeed", "--mac", PEER)
        assert tap.udp() == [addressed(wired, leaving())]
    assert done.code == 0
    assert "1 not sent: longer than the interface takes (first is frame 1)" in done.lines
    assert "1 not sent: cut by the capture (first is frame 1)" in done.lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("how", [["--topspeed"], ["--pps", "500"], []])
def test_a_signal_ends_it_with_a_summary(wired: Cable, source: Path, number: int, how: list[str]) -> None:
    """Behind a whole frame; also while it sleeps until the next one."""
    with Tap(wired) as tap, start(wired, source, *LISTEN, "--loop", 0, *how) as process:
        until = time.monotonic() + 30
        while not tap.udp():
            assert time.monotonic() < until
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, "")
    assert ", interrupted: " in out


def test_an_interface_that_goes(wired: Cable, source: Path) -> None:
    """What was sent is told before what is wrong."""
    with Tap(wired) as tap, start(wired, source, *LISTEN, "--loop", 0, "--pps", 100) as process:
        until = time.monotonic() + 30
        while not tap.udp():
            assert time.monotonic() < until
        with wired.here.entered():
            ip(f"link set {NEAR} down")
        out, err = process.communicate(timeout=30)
        with wired.here.entered():
            ip(f"link set {NEAR} up")
    assert process.returncode == 2
    assert err == f"scapy-rr: {NEAR}: Network is down: ip link set {NEAR} up\n"
    assert "frames/s" in out


def test_a_cut_capture_is_sent_up_to_there(wired: Cable, source: Path) -> None:
    source.write_bytes(source.read_bytes()[:-5])
    with Tap(wired) as tap:
        done = run(wired, source, *LISTEN, "--mac", PEER)
        assert tap.udp() == [addressed(wired, leaving())]
    assert done.code == 2
    assert done.err.endswith("; every whole frame before it was sent\n")


def test_a_terminal_sees_how_far_it_has_come(wired: Cable, source: Path) -> None:
    ours, theirs = os.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "120"}
    command = [sys.executable, "-c", PROGRAM, "replay", str(source), *LISTEN, "--iface", NEAR, "--loop", "3"]
    with wired.here.entered():
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, env=environment)
    os.close(theirs)
    shown = b""
    with process:
        while True:
            try:
                shown += os.read(ours, 4096)
            except OSError:
                # The other end is closed.
                break
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"\r\x1b\[K\[#{5}-{11}\]  33%  1 frames  [\d,]+/s  99 % within [\d.]+ ms", shown)
    assert shown.endswith(b"\r\x1b[K")


def test_a_real_user_agent_takes_every_loop_for_another_call(wired: Cable, tmp_path: Path) -> None:
    """SIPp answers three calls, to their ends, of a capture that holds one."""
    sipp = need("sipp")
    dialog = Dialog(ALICE, BOB, "one-call@10.0.0.5", TAGS)
    call = [
        dialog.request("INVITE", 1, "a1", uri="sip:bob@10.0.0.9", early=True, body=ALICE.sdp(4000)),
        dialog.request("ACK", 1, "a2", routes=("<sip:10.0.0.1;lr>",)),
        dialog.request("BYE", 2, "a3", routes=("<sip:10.0.0.1;lr>",)),
    ]
    (tmp_path / "call.pcap").write_bytes(pcap([Kept(1, 400_000 * number, len(one), one) for number, one in enumerate(map(frame, call))]))
    with wired.here.entered():
        proxy = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        proxy.bind(PROXY)
    with wired.there.entered():
        command = [sipp, "-sn", "uas", "-i", "10.0.0.9", "-p", "5060", "-m", "3", "-nostdin", "-timeout", "40s"]
        answering = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with proxy, answering:
        _wait_for_listener(wired)
        done = run(wired, tmp_path / "call.pcap", *LISTEN, "--loop", 3, "--fresh")
        assert (done.code, done.err) == (0, "")
        assert answering.wait(60) == 0
        proxy.setblocking(False)
        answers = []
        while True:
            try:
                answers.append(proxy.recv(65536))
            except BlockingIOError:
                break
    ended = {found[1] for one in answers if b"CSeq: 2 BYE" in one and (found := re.search(rb"Call-ID: (\S+)\r\n", one))}
    assert len(ended) == 3
    assert all(one.startswith(b"SIP/2.0 ") for one in answers)


def _wait_for_listener(wired: Cable) -> None:
    """Until somebody listens at the far end's port 5060."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with wired.there.entered():
            if ":13C4 " in Path("/proc/thread-self/net/udp").read_text():
                return
        time.sleep(0.05)
    pytest.fail("nobody listens")


def test_a_dry_run_says_what_would_be_sent(command: Command, source: Path) -> None:
    """The loopback neither asks for addresses nor has others."""
    done = command("replay", source, *LISTEN, *TO_BOB, "--iface", "lo", "--loop", 2, "--speed", 2, "--dry-run")
    assert (done.code, done.err) == (0, "")
    assert re.fullmatch(r"4 would be sent, [\d,]+ bytes, in 1\.502 s", done.lines[3])
    assert done.lines[4:] == ["2 to 10.0.0.9, MAC as captured"]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), {"frames": 2, "loops": 1, "seconds": 1.001001}),
        (("--pps", 10, "--loop", 5), {"frames": 10, "loops": 5, "seconds": 1.0}),
        (("--topspeed",), {"frames": 2, "loops": 1, "seconds": None}),
        (("--loop", 0), {"frames": None, "loops": 0, "seconds": None}),
        (("--emit", "replace"), {"frames": 3, "loops": 1, "seconds": 2.002002}),
    ],
)
def test_a_dry_run_in_json(command: Command, source: Path, options: tuple[object, ...], wanted: dict[str, object]) -> None:
    told = json.loads(command("replay", source, *LISTEN, *TO_BOB, "--iface", "lo", "--dry-run", "--json", *options).out)
    assert {name: told["would_send"][name] for name in wanted} == wanted
    assert {"address": "10.0.0.9", "frames": 2, "mac": None, "from": "as captured"} in told["destinations"]


def test_a_dry_run_without_an_end(command: Command, source: Path) -> None:
    done = command("replay", source, *LISTEN, "--iface", "lo", "--loop", 0, "--dry-run")
    assert "would be sent, without an end" in done.lines


def test_a_dry_run_asks_nobody(wired: Cable, source: Path) -> None:
    with Tap(wired) as tap:
        done = run(wired, source, *LISTEN, "--dry-run")
        assert tap.udp() == []
    assert done.lines[-1] == "1 to 10.0.0.9, MAC to be asked for"


def test_a_dry_run_of_a_capture_without_ethernet_headers(command: Command) -> None:
    done = command("replay", FOLDER / "raw-ip.pcap", *LISTEN, *TO_BOB, "--iface", "lo", "--dry-run", "--mac", PEER)
    assert done.code == 0
    assert [line for line in done.lines if ", MAC " in line] == [f"4 to 10.0.0.9, MAC {FAR_MAC} (table)", "1 to 10.0.0.5, MAC not known"]


def test_many_destinations_are_summed_up(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(invite(f"sip:bob@10.0.0.{number}")) for number in range(20, 35)]))
    done = command("replay", tmp_path / "in", *LISTEN, "--iface", "lo", "--dry-run")
    assert len([line for line in done.lines if ", MAC " in line]) == 10
    assert done.lines[-1] == "5 to 5 other addresses"


def test_nothing_is_for_us(command: Command, source: Path) -> None:
    done = command("replay", source, "--listen", "udp:192.0.2.1:5060", "--iface", "lo", "--dry-run")
    assert done.code == 0
    assert "Nothing is addressed to a listener. SIP goes to:" in done.lines
    assert "0 would be sent, 0 bytes, in 0.000 s" in done.lines


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--speed", 2, "--pps", 5), "--speed and --pps: one of --speed, --pps and --topspeed says how fast"),
        (("--speed", 1, "--topspeed"), "--speed and --topspeed: one of --speed, --pps and --topspeed says how fast"),
        (("--pps", 5, "--topspeed"), "--pps and --topspeed: one of --speed, --pps and --topspeed says how fast"),
        (("--speed", 0), "--speed is a number above 0, not 0"),
        (("--speed", "nan"), "--speed is a number above 0, not nan"),
        (("--pps", -1), "--pps is a number above 0, not -1"),
        (("--pps", "inf"), "--pps is a number above 0, not inf"),
        (("--loop", -1), "--loop is how often, or 0 for until interrupted, not -1"),
        (("--mac", "10.0.0.9"), "--mac '10.0.0.9' is not ADDRESS=MAC, such as 10.0.0.9=02:00:00:00:00:09"),
        (("--emit", "all"), "--emit is one of replace, append, only, not 'all'"),
    ],
)
def test_options_that_cannot_be_used(command: Command, source: Path, options: tuple[object, ...], text: str) -> None:
    done = command("replay", source, *LISTEN, "--iface", "lo", *options)
    assert (done.code, done.out, done.err) == (2, "", f"scapy-rr: {text}\n")


def test_an_interface_that_is_not_there(command: Command, source: Path) -> None:
    done = command("replay", source, *LISTEN, "--iface", "nowhere")
    assert (done.code, done.out) == (2, "")
    assert re.match(r"scapy-rr: no interface 'nowhere'; those there are: .*\blo\b", done.err)


def test_an_interface_has_to_be_named(command: Command, source: Path) -> None:
    done = command("replay", source, *LISTEN)
    assert done.code == 2
    assert "--iface" in done.err


def test_without_the_right_to_raw_sockets(command: Command, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said before anything is read."""

    def refuse(**_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("scapy.config.conf.L2socket", refuse)
    done = command("replay", source.parent / "not there", *LISTEN, "--iface", "lo")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(
        "scapy-rr: lo: raw sockets need the capability CAP_NET_RAW: use sudo, or: sudo setcap cap_net_raw,cap_net_admin+eip "
    )


@pytest.mark.parametrize("dry", [("--dry-run",), ()])
def test_a_capture_that_is_none(command: Command, tmp_path: Path, dry: tuple[str, ...]) -> None:
    if not dry:
        need("ip")
        if os.geteuid() != 0:
            pytest.skip("not root")
    (tmp_path / "in").write_bytes(b"nothing")
    done = command("replay", tmp_path / "in", *LISTEN, "--iface", "lo", *dry)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scapy-rr: {tmp_path / 'in'}: not a pcap or pcapng capture")


def test_nothing_stays_behind(command: Command, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    assert command("replay", source, *LISTEN, "--iface", "lo", "--dry-run").code == 0
    assert list((tmp_path / "tmp").iterdir()) == []


def test_interrupted_before_anything_was_sent(command: Command, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("scapy_rr.cli_replay.survey", interrupt)
    done = command("replay", source, *LISTEN, "--iface", "lo", "--dry-run")
    assert (done.code, done.out, done.err) == (130, "", f"scapy-rr: interrupted; nothing of {source} was sent\n")
