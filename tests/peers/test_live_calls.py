"""Real calls through ``scapy-rr run``, from SIPp to SIPp in network namespaces: none lost, no ICMP, no RST, all as by Kamailio."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from scapy_rr.live import lab

from ..conftest import need_namespaces
from ..pcapmaker import live

ROOT = Path(__file__).parents[2]
CALLS, RATE = 1000, 200
CALLER, CALLEE = "10.0.0.5", "10.0.0.9"
# Each side sends a re-INVITE, and the callee hangs up; the caller hangs up.
SCENARIOS = ("reinvite", "call")
LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060")

# As tests/pcapmaker/kamailio.cfg has it.
SCRIPT = """
from scapy_rr import Router

router = Router()


@router.request_route
def route(req):
    if req.has_totag():
        if req.loose_route():
            if req.is_method("INVITE"):
                req.record_route()
            req.relay()
        return
    req.record_route()
    req.dst_uri = "sip:10.0.0.9:5060;transport=%s"
    req.relay()
"""


@pytest.fixture(scope="module")
def peers() -> None:
    """What the calls need."""
    need_namespaces("ip", "sipp", "tcpdump", "tshark", "kamailio")


@pytest.fixture
def stage(peers: None) -> Iterator[ExitStack]:
    """The namespaces; what runs in them ends with the test."""
    with ExitStack() as stack:
        stack.enter_context(live.namespaces())
        for space in (live.PROXY_SPACE, live.PEER_SPACE):
            live.inside(space, "ip", "link", "set", "lo", "up")
        yield stack


def calls(
    stage: ExitStack,
    folder: Path,
    proxy: list[str],
    sign: bytes,
    transports: tuple[str, str],
    number: int,
    scenarios: tuple[str, ...] = SCENARIOS,
    by: str = "10.0.0.1",
) -> Path:
    """Make calls by way of a proxy; what passed between it and the others.

    :param number: so many of each scenario.
    :param by: whom the caller sends to.
    """
    capture = folder / "calls.pcap"
    dump = ["tcpdump", "-i", "net0", "-Z", "root", "-U", "-B", "16384", "--immediate-mode", "-w", str(capture)]
    stage.enter_context(live.running(live.PROXY_SPACE, *dump, sign=b"listening on", stop=signal.SIGINT))
    with live.running(live.PROXY_SPACE, *proxy, sign=sign):
        _until_it_listens()
        # Each caller has a port of its own: one that was used over TCP is not free at once.
        for port, scenario in enumerate(scenarios, 5060):
            callee_end = live.sipp(patient(scenario, "callee.xml", folder), CALLEE, transports[1])
            keys = ("-key", "calls", f"sip:bob@{CALLEE}", "-key", "contact", f"{CALLER}:{port}")
            scene = patient(scenario, "caller.xml", folder)
            caller_end = live.sipp(scene, CALLER, transports[0], f"{by}:5060", *keys, "-r", str(RATE), "-timeout", "60")
            caller_end[caller_end.index("-p") + 1] = str(port)
            for command in (callee_end, caller_end):
                command[command.index("-m") + 1] = str(number)
            with live.running(live.PEER_SPACE, *callee_end) as callee:
                time.sleep(0.5)
                with live.running(live.PEER_SPACE, *caller_end, "-timeout_error") as caller:
                    assert caller.wait(90) == 0, "calls were lost"
                    assert callee.wait(20) == 0
        time.sleep(0.5)
    return capture


def patient(scenario: str, end: str, folder: Path) -> Path:
    """One end of a scenario, that repeats nothing just because the machine is busy: over TCP, SIPp takes it for a fault."""
    text = (Path(lab.__file__).parent / "scenarios" / scenario / end).read_text()
    assert 'retrans="500"' in text
    path = folder / f"{scenario}-{end}"
    path.write_text(text.replace('retrans="500"', 'retrans="10000"'))
    return path


def _until_it_listens() -> None:
    """Wait for both sockets of the proxy."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        said = subprocess.run(["ip", "netns", "exec", live.PROXY_SPACE, "ss", "-Hlnut"], check=True, capture_output=True, text=True).stdout
        if said.count("10.0.0.1:5060") >= 2:
            return
        time.sleep(0.1)
    pytest.fail("the proxy does not listen")


def ours(folder: Path, transport: str, *options: str) -> list[str]:
    """``scapy-rr run`` as a command."""
    script = folder / "script.py"
    script.write_text(SCRIPT % transport)
    listen = [word for one in LISTEN for word in ("--listen", one)]
    return [sys.executable, "-m", "scapy_rr.cli", "run", *listen, "--dialect", "kamailio", "--script", str(script), *options]


def seen(capture: Path, what: str, *fields: str) -> list[str]:
    """What tshark shows of a capture."""
    chosen = [word for field in fields for word in ("-e", field)]
    command = ["tshark", "-r", str(capture), "-Y", what, "-T", "fields", *chosen]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


WAYS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "UDP": ("udp", "udp", ()),
    "UDP to TCP": ("udp", "tcp", ()),
    "TCP to UDP": ("tcp", "udp", ()),
    "TCP": ("tcp", "tcp", ()),
}
BY_FRAMES = ("--inject", "frame", "--iface", "net0")
WAYS |= {f"{way} by frames": (caller, callee, BY_FRAMES) for way, (caller, callee, _) in WAYS.items()}


@pytest.mark.parametrize("way", WAYS)
def test_a_thousand_calls(stage: ExitStack, tmp_path: Path, way: str) -> None:
    """With re-INVITE and BYE from either side: none is lost, and the network stays clean."""
    caller, callee, options = WAYS[way]
    command = ours(tmp_path, callee, *options)
    capture = calls(stage, tmp_path, command, b"", (caller, callee), CALLS // len(SCENARIOS))
    assert seen(capture, "icmp or tcp.flags.reset == 1", "frame.number") == []
    for method in ("INVITE", "BYE"):
        assert set(seen(capture, f'sip.Method == "{method}" and ip.src == 10.0.0.1', "ip.dst")) == {CALLER, CALLEE}
    # No loop: nothing counted down further than by us.
    assert set(",".join(seen(capture, "sip.Max-Forwards", "sip.Max-Forwards")).split(",")) == {"70", "69"}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_messages_as_by_kamailio(stage: ExitStack, tmp_path: Path, way: str) -> None:
    """What the caller and the callee get is the same byte by byte, but for branches; Kamailio's own 100 Trying is left out."""
    caller, callee, options = WAYS[way]
    passed = []
    for proxy in ("ours", "kamailio"):
        folder = tmp_path / proxy
        folder.mkdir()
        if proxy == "ours":
            command, sign = ours(folder, callee, *options), b""
        else:
            command, sign = live.kamailio(live.Recording((CALLEE, callee), LISTEN), folder), b"ready to route"
        with ExitStack() as ending:
            passed.append(messages(calls(ending, folder, command, sign, (caller, callee), 1)))
    assert passed[0] == passed[1]
    assert len(passed[0]) == 18


def test_between_two_kamailios(stage: ExitStack, tmp_path: Path) -> None:
    """UDP on one side, TCP on the other, all three record routes: dialogs work both ways, with the two Record-Routes of each."""
    proxies = {"a": ("10.0.0.2", ("udp",), ("10.0.0.1", "udp")), "b": ("10.0.0.3", ("udp", "tcp"), (CALLEE, "udp"))}
    for name, (address, transports, towards) in proxies.items():
        (tmp_path / name).mkdir()
        live.ip("-n", live.PEER_SPACE, "address", "add", f"{address}/24", "dev", "net0")
        recording = live.Recording(towards, tuple(f"{transport}:{address}:5060" for transport in transports))
        kamailio = live.kamailio(recording, tmp_path / name)
        # They share an interface with the telephones, whose address the kernel would choose.
        config = tmp_path / name / "kamailio.cfg"
        config.write_text(config.read_text().replace("mhomed=yes", "mhomed=no"))
        stage.enter_context(live.running(live.PEER_SPACE, *kamailio, sign=b"ready to route"))
    command = ours(tmp_path, "tcp")
    script = tmp_path / "script.py"
    script.write_text(script.read_text().replace(CALLEE, "10.0.0.3"))
    capture = calls(stage, tmp_path, command, b"", ("udp", "udp"), 20, ("reinvite",), "10.0.0.2")
    assert seen(capture, "icmp or tcp.flags.reset == 1", "frame.number") == []
    (first, *_) = seen(capture, 'sip.Method == "INVITE" and ip.src == 10.0.0.1 and ip.dst == 10.0.0.3', "tcp.payload")
    recorded = re.findall(rb"Record-Route: <sip:([^;>]+);([^>]*)>", bytes.fromhex(first))
    assert [(host, rest.split(b";ftag")[0]) for host, rest in recorded] == [
        (b"10.0.0.1", b"transport=tcp;r2=on;lr"),
        (b"10.0.0.1", b"r2=on;lr"),
        (b"10.0.0.2", b"lr"),
    ]
    byes = seen(capture, 'sip.Method == "BYE" and ip.src == 10.0.0.1', "ip.dst", "udp.payload")
    assert len(byes) == 20
    for destination, payload in (line.split("\t") for line in byes):
        # Both of ours are gone; the next one is Kamailio's.
        assert destination == "10.0.0.2"
        assert re.findall(rb"Route: <sip:([^;>]+)", bytes.fromhex(payload)) == [b"10.0.0.2"]


_CHANGING = [
    (rb"(Via: SIP/2\.0/\w+ 10\.0\.0\.1)[^\r]*", rb"\1"),
    (rb"\d+(?=call(er|ee)\d)", rb"PID"),
    (rb"(Call-ID: \d+-)\d+", rb"\1PID"),
    (rb"branch=z9hG4bK-\d+-", rb"branch=z9hG4bK-PID-"),
    # The port of a connection of the caller's own.
    (rb"rport=\d+", rb"rport=PORT"),
]


def messages(capture: Path) -> list[tuple[str, bytes]]:
    """What the proxy sent, by receiver: the same messages in the same order for each, without what is new in each call."""
    found = []
    for line in seen(capture, "sip and ip.src == 10.0.0.1", "ip.dst", "udp.payload", "tcp.payload"):
        destination, *payloads = line.split("\t")
        message = bytes.fromhex("".join(payloads))
        if message.startswith(b"SIP/2.0 100"):
            continue
        for pattern, constant in _CHANGING:
            message = re.sub(pattern, constant, message)
        found.append((destination, message))
    return sorted(found, key=lambda one: one[0])
