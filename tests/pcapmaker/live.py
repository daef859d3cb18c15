"""Records calls of real peers: SIPp, or a WebSocket, calls SIPp through a Kamailio that records routes, in network namespaces made for it.

The callers and callees live in one namespace, the proxy in another, with a veth pair for each network between them. The files
beside this one are what the peers run.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PROXY_SPACE = f"rr{os.getpid()}x"
PEER_SPACE = f"rr{os.getpid()}p"
ETHERNET_MTU, IPV6_LEAST_MTU = 1500, 1280
NETWORKS = (
    ("net0", ("10.0.0.1/24", "2001:db8::1/64"), ("10.0.0.5/24", "10.0.0.9/24", "2001:db8::5/64", "2001:db8::9/64")),
    ("net1", ("10.0.1.1/24",), ("10.0.1.9/24",)),
)
"""Interface, the proxy's addresses, the peers' addresses."""

CANDIDATES = 20

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded call.

    :param callee: where the proxy sends initial requests: host as a URI has it, and transport.
    :param listeners: the proxy's listening sockets, the one that is called first.
    :param caller: the caller's host, whose transport is that of the first listener.
    :param interface: where tcpdump listens.
    :param linktype: which link header it asks for.
    :param mtu: the largest IP packet that the links carry. Where that is a small one, the session descriptions are larger.
    """

    callee: tuple[str, str]
    listeners: tuple[str, ...]
    caller: str = "10.0.0.5"
    interface: str = "net0"
    linktype: str = "EN10MB"
    mtu: int = ETHERNET_MTU


RECORDINGS = {
    "plain-call.pcap": Recording(("10.0.0.9", "udp"), ("udp:10.0.0.1:5060",)),
    "double-rr-networks.pcap": Recording(
        ("10.0.1.9", "udp"), ("udp:10.0.0.1:5060", "udp:10.0.1.1:5060"), interface="any", linktype="LINUX_SLL2"
    ),
    "double-rr-tcp.pcap": Recording(("10.0.0.9", "tcp"), ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060")),
    "sipp-tcp.pcap": Recording(("10.0.0.9", "tcp"), ("tcp:10.0.0.1:5060",)),
    "kamailio-websocket.pcap": Recording(("10.0.0.9", "udp"), ("ws:10.0.0.1:8080", "udp:10.0.0.1:5060")),
    "fragments-mtu.pcap": Recording(("10.0.0.9", "udp"), ("udp:10.0.0.1:5060",), mtu=576),
    "fragments-mtu-ipv6.pcap": Recording(("[2001:db8::9]", "udp"), ("udp:[2001:db8::1]:5060",), "[2001:db8::5]", mtu=1280),
}

TOOLS = ("ip", "kamailio", "sipp", "tcpdump")


def ip(*words: str) -> None:
    """Run the ``ip`` command."""
    subprocess.run(["ip", *words], check=True)


@contextmanager
def namespaces(mtu: int = ETHERNET_MTU) -> Iterator[None]:
    """The two namespaces and the networks between them, removed at the end."""
    try:
        for space in (PROXY_SPACE, PEER_SPACE):
            ip("netns", "add", space)
        for interface, proxy, peers in NETWORKS:
            ip("link", "add", interface, "netns", PROXY_SPACE, "type", "veth", "peer", "name", interface, "netns", PEER_SPACE)
            for space, addresses in ((PROXY_SPACE, proxy), (PEER_SPACE, peers)):
                number = bytes(int(part) for part in addresses[0].partition("/")[0].split(".")).hex(":")
                ip("-n", space, "link", "set", interface, "address", f"02:00:{number}", "mtu", str(mtu), "up")
                for address in addresses:
                    version6 = ":" in address
                    if not version6 or mtu >= IPV6_LEAST_MTU:
                        # Nothing is sent from an IPv6 address while it is looked for a duplicate of it.
                        ip("-n", space, "address", "add", address, "dev", interface, *(["nodad"] if version6 else []))
                inside(space, sys.executable, "-m", "tests.pcapmaker.offload", interface)
        yield
    finally:
        for space in (PROXY_SPACE, PEER_SPACE):
            subprocess.run(["ip", "netns", "delete", space], check=False)


def inside(space: str, *command: str) -> None:
    """Run a command in a namespace to its end."""
    subprocess.run(["ip", "netns", "exec", space, *command], check=True, cwd=HERE.parent.parent)


@contextmanager
def running(space: str, *command: str, sign: bytes = b"", stop: int = signal.SIGTERM) -> Iterator[Child]:
    """A command that runs in a namespace meanwhile, and is stopped at the end.

    :param sign: wait until it has written this.
    """
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen(
            ["ip", "netns", "exec", space, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=HERE.parent.parent
        )
        try:
            deadline = time.monotonic() + 10
            while sign not in Path(log.name).read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command[0]} does not start: {Path(log.name).read_text(errors='replace')}")
                time.sleep(0.05)
            yield process
        finally:
            process.send_signal(stop)
            process.wait(10)


def kamailio(recording: Recording, folder: Path) -> list[str]:
    """The command of a Kamailio with the recording's listeners, that sends initial requests to the callee."""
    address, transport = recording.callee
    lines = ["#!KAMAILIO", f'#!substdef "!CALLEE!sip:{address}:5060;transport={transport}!g"']
    for listener in recording.listeners:
        # WebSockets begin as HTTP on a TCP socket.
        lines.append(f"listen={listener.replace('ws:', 'tcp:')}")
        lines += ["#!define WEBSOCKET"] if listener.startswith("ws:") else []
    config = folder / "kamailio.cfg"
    config.write_text("\n".join([*lines, (HERE / "kamailio.cfg").read_text()]))
    return ["kamailio", "-f", str(config), "-DD", "-E", "-m", "32", "-M", "8", "-Y", str(folder), "-P", str(folder / "pid")]


def sipp(scenario: Path, host: str, transport: str, *more: str) -> list[str]:
    """The command of one end of one call."""
    mode = {"udp": "u1", "tcp": "t1"}[transport]
    return ["sipp", "-sf", str(scenario), "-i", host.strip("[]"), "-p", "5060", "-t", mode, "-m", "1", "-nostdin", *more]


def caller(recording: Recording, folder: Path) -> list[str]:
    """The command of what calls."""
    transport, _, listener = recording.listeners[0].partition(":")
    if transport == "ws":
        return [sys.executable, "-m", "tests.pcapmaker.websocket_caller", recording.caller, listener]
    scenario = written(recording, "uac.xml", folder)
    return sipp(scenario, recording.caller, transport, listener, "-s", "bob", "-timeout", "20", "-timeout_error")


def callee(recording: Recording, folder: Path) -> list[str]:
    """The command of what is called."""
    return sipp(written(recording, "uas.xml", folder), *recording.callee)


def written(recording: Recording, scenario: str, folder: Path) -> Path:
    """A scenario; for links with a small MTU with session descriptions that list many ways to reach somebody (:rfc:`8839`)."""
    text = (HERE / scenario).read_text()
    if recording.mtu < ETHERNET_MTU:
        text = re.sub(r"\n( *a=)(sendrecv|sendonly|recvonly)", lambda match: f"\n{_candidates(match[1])}{match[0]}", text)
    (folder / scenario).write_text(text)
    return folder / scenario


def _candidates(start: str) -> str:
    lines = [f"candidate:{number} 1 udp {2130706431 - number} 192.0.2.{number} 40000 typ host" for number in range(1, CANDIDATES + 1)]
    return "\n".join(start + line for line in lines)


def record(name: str, folder: Path) -> Path:
    """Record one call to ``folder / name``.

    :raises RuntimeError: a tool is missing, or a peer does not start or fails.
    """
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise RuntimeError(f"not installed: {', '.join(missing)}")
    recording = RECORDINGS[name]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scapy-rr-live-")))
        stack.enter_context(namespaces(recording.mtu))
        dump = ["tcpdump", "-i", recording.interface, "-y", recording.linktype, "-Z", "root", "-U", "-w", str(home / name), "udp or tcp"]
        stack.enter_context(running(PROXY_SPACE, *dump, sign=b"listening on", stop=signal.SIGINT))
        stack.enter_context(running(PROXY_SPACE, *kamailio(recording, home), sign=b"ready to route"))
        called = stack.enter_context(running(PEER_SPACE, *callee(recording, home)))
        time.sleep(0.5)  # SIPp does not say when it listens
        with running(PEER_SPACE, *caller(recording, home)) as calling:
            if calling.wait(30) or called.wait(10):
                raise RuntimeError(f"{name}: the call failed")
        time.sleep(0.5)  # for the last frame to be written
        result = home / name
        (folder / name).write_bytes(result.read_bytes())
    return folder / name
