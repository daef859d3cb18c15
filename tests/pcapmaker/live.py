"""Records calls of real peers: SIPp calls SIPp through a Kamailio that records routes, in network namespaces made for it.

The callers and callees live in one namespace, the proxy in another, with a veth pair for each network between them. The files
beside this one are what the peers run.
"""

import os
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
NETWORKS = (("net0", "10.0.0.1", ("10.0.0.5", "10.0.0.9")), ("net1", "10.0.1.1", ("10.0.1.9",)))
"""Interface, the proxy's address, the peers' addresses."""

Child = subprocess.Popen[bytes]


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded call.

    :param callee: where the proxy sends initial requests: address, and transport as SIPp's ``-t`` and a URI spell it.
    :param listeners: the proxy's listening sockets.
    :param interface: where tcpdump listens.
    :param linktype: which link header it asks for.
    """

    callee: tuple[str, str, str]
    listeners: tuple[str, ...]
    interface: str = "net0"
    linktype: str = "EN10MB"


RECORDINGS = {
    "plain-call.pcap": Recording(("10.0.0.9", "u1", "udp"), ("udp:10.0.0.1:5060",)),
    "double-rr-networks.pcap": Recording(("10.0.1.9", "u1", "udp"), ("udp:10.0.0.1:5060", "udp:10.0.1.1:5060"), "any", "LINUX_SLL2"),
    "double-rr-tcp.pcap": Recording(("10.0.0.9", "t1", "tcp"), ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060")),
}

TOOLS = ("ip", "kamailio", "sipp", "tcpdump")


def ip(*words: str) -> None:
    """Run the ``ip`` command."""
    subprocess.run(["ip", *words], check=True)


@contextmanager
def namespaces() -> Iterator[None]:
    """The two namespaces and the networks between them, removed at the end."""
    try:
        for space in (PROXY_SPACE, PEER_SPACE):
            ip("netns", "add", space)
            # Neighbour discovery would be in the captures.
            inside(space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        for interface, proxy, peers in NETWORKS:
            ip("link", "add", interface, "netns", PROXY_SPACE, "type", "veth", "peer", "name", interface, "netns", PEER_SPACE)
            for space, addresses in ((PROXY_SPACE, (proxy,)), (PEER_SPACE, peers)):
                for address in addresses:
                    ip("-n", space, "address", "add", f"{address}/24", "dev", interface)
                number = bytes(int(part) for part in addresses[0].split(".")).hex(":")
                ip("-n", space, "link", "set", interface, "address", f"02:00:{number}", "up")
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
        process = subprocess.Popen(["ip", "netns", "exec", space, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)
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
    address, _, transport = recording.callee
    defines = [f'#!substdef "!CALLEE!sip:{address}:5060;transport={transport}!g"']
    listen = [f"listen={listener}" for listener in recording.listeners]
    config = folder / "kamailio.cfg"
    config.write_text("\n".join(["#!KAMAILIO", *defines, *listen, (HERE / "kamailio.cfg").read_text()]))
    return ["kamailio", "-f", str(config), "-DD", "-E", "-m", "32", "-M", "8", "-Y", str(folder), "-P", str(folder / "pid")]


def sipp(scenario: str, address: str, transport: str, *more: str) -> list[str]:
    """The command of one end of one call."""
    return ["sipp", "-sf", str(HERE / scenario), "-i", address, "-p", "5060", "-t", transport, "-m", "1", "-nostdin", *more]


def record(name: str, folder: Path) -> Path:
    """Record one call to ``folder / name``.

    :raises RuntimeError: a tool is missing, or a peer does not start or fails.
    """
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise RuntimeError(f"not installed: {', '.join(missing)}")
    recording = RECORDINGS[name]
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scapy-rr-live-")))
        stack.enter_context(namespaces())
        dump = ["tcpdump", "-i", recording.interface, "-y", recording.linktype, "-Z", "root", "-U", "-w", str(home / name), "udp or tcp"]
        stack.enter_context(running(PROXY_SPACE, *dump, sign=b"listening on", stop=signal.SIGINT))
        stack.enter_context(running(PROXY_SPACE, *kamailio(recording, home), sign=b"ready to route"))
        address, transport, _ = recording.callee
        callee = stack.enter_context(running(PEER_SPACE, *sipp("uas.xml", address, transport)))
        time.sleep(0.5)  # SIPp does not say when it listens
        caller = sipp("uac.xml", "10.0.0.5", "u1", "10.0.0.1:5060", "-s", "bob", "-timeout", "20", "-timeout_error")
        with running(PEER_SPACE, *caller) as process:
            if process.wait(30) or callee.wait(10):
                raise RuntimeError(f"{name}: the call failed")
        time.sleep(0.5)  # for the last frame to be written
        result = home / name
        (folder / name).write_bytes(result.read_bytes())
    return folder / name
