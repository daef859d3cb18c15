"""How much a live proxy costs, beside a real one and beside Scapy's own ``sniff`` and ``send``: a part of ``python -m tests.bench --live``.

In a network namespace of its own: in-dialog BYEs with two Routes arrive over UDP, and are counted where they are sent to. What counts is
the processor time of the proxy's processes for each message that came through.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .peers.namespace import Namespace

ROOT = Path(__file__).parents[1]
_AT_ONCE = 100
_TICKS = os.sysconf("SC_CLK_TCK")

KAMAILIO = """
debug=-1
log_stderror=no
children=1
disable_tcp=yes
auto_aliases=no
dns=no
rev_dns=no
listen=udp:127.0.0.1:5060
loadmodule "rr.so"
loadmodule "pv.so"
request_route {
    loose_route();
    forward();
}
"""

SCAPY = """
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.config import conf
from scapy.supersocket import L3RawSocket
from scapy.sendrecv import send, sniff

conf.L3socket = L3RawSocket
conf.verb = 0

def route(packet):
    lines = packet[Raw].load.decode("latin-1").split("\\r\\n")
    routes = [line for line in lines if line.startswith("Route:")]
    lines.remove(routes[0])
    lines.insert(1, "Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK" + str(abs(hash(lines[1]))))
    host = routes[1].partition("@")[0].partition("sip:")[2].partition(":")[0]
    send(IP(src="127.0.0.1", dst=host) / UDP(sport=5060, dport=5060) / Raw("\\r\\n".join(lines).encode("latin-1")))

sniff(iface="lo", filter="udp and dst host 127.0.0.1 and dst port 5060", prn=route, store=False)
"""


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """What was measured of one proxy."""

    proxy: str
    messages: int
    """How many came through."""
    cpu_seconds: float
    seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Messages for each second of processor time."""
        return self.messages / self.cpu_seconds

    @property
    def rate(self) -> float:
        """Messages in a second."""
        return self.messages / self.seconds


def bye(number: int) -> bytes:
    """An in-dialog request with two Routes, the first one the proxy's."""
    lines = (
        "BYE sip:bob@127.0.0.9:5060 SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.5:5070;branch=z9hG4bK{number:08x};rport",
        "Route: <sip:127.0.0.1;lr;ftag=a1>",
        "Route: <sip:127.0.0.9:5060;lr>",
        "Max-Forwards: 70",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=b2",
        f"Call-ID: call-{number}@127.0.0.5",
        "CSeq: 2 BYE",
        "User-Agent: bench",
        "Content-Length: 0",
    )
    return "\r\n".join([*lines, "", ""]).encode()


@contextmanager
def _running(space: Namespace, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A command in a session of its own, ended whole."""
    with space.entered():
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _cpu(group: int) -> float:
    """Seconds of processor time that the processes of a group have taken."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[2]) == group:
                ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS


def measure(name: str, command: list[str], messages: int) -> LiveFigure:
    """Send so many messages by way of a proxy, a few at once, and wait for them.

    :raises SystemExit: where the proxy sends nothing.
    """
    space = Namespace()
    with space.entered():
        sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        sender.bind(("127.0.0.5", 5070))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.bind(("127.0.0.9", 5060))
        receiver.settimeout(1)
    with sender, receiver, _running(space, command) as process:
        _wait_for(sender, receiver)
        data = [bye(number) for number in range(1, messages + 1)]
        cpu, start, came = _cpu(process.pid), time.perf_counter(), 0
        for at in range(0, messages, _AT_ONCE):
            for one in data[at : at + _AT_ONCE]:
                sender.sendto(one, ("127.0.0.1", 5060))
            came += _receive(receiver, min(_AT_ONCE, messages - at))
        figure = LiveFigure(name, came, _cpu(process.pid) - cpu, time.perf_counter() - start)
    space.close()
    if not came:
        raise SystemExit(f"{name} sends nothing")
    return figure


def _wait_for(sender: socket.socket, receiver: socket.socket) -> None:
    """Wait until the proxy answers: what it sends, its sender knows by a datagram."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        sender.sendto(bye(0), ("127.0.0.1", 5060))
        try:
            receiver.recv(65535)
        except TimeoutError:
            continue
        time.sleep(0.5)
        receiver.settimeout(0.05)
        _receive(receiver, 1000)
        receiver.settimeout(1)
        return
    raise SystemExit("the proxy does not start")


def _receive(receiver: socket.socket, messages: int) -> int:
    for number in range(messages):
        try:
            receiver.recv(65535)
        except TimeoutError:
            return number
    return messages


def measure_all(messages: int, scapy_messages: int = 2000) -> Iterator[LiveFigure]:
    """scapy-rr; Kamailio with one child, where installed; and Scapy's own functions."""
    listen = ["--listen", "udp:127.0.0.1:5060", "--dialect", "kamailio"]
    yield measure("scapy-rr run", [sys.executable, "-m", "scapy_rr.cli", "run", *listen], messages)
    with tempfile.TemporaryDirectory(prefix="scapy-rr-bench-") as folder:
        if program := shutil.which("kamailio", path="/usr/sbin:/usr/bin:/sbin:/bin"):
            config = Path(folder, "kamailio.cfg")
            config.write_text(KAMAILIO)
            memory = ["-m", "64", "-M", "8", "-Y", folder, "-P", f"{folder}/pid"]
            yield measure("Kamailio", [program, "-f", str(config), "-DD", "-E", *memory], messages)
        script = Path(folder, "scapy_proxy.py")
        script.write_text(SCAPY)
        yield measure("Scapy sniff and send", [sys.executable, str(script)], scapy_messages)


TIMES_KAMAILIO, TIMES_SCAPY = 1.0, 20.0
"""What is wanted: messages for each second of processor time, as many times those of the other."""


def main(messages: int = 30_000) -> int:
    """Measure and print; 1 if something wanted is missed."""
    figures = list(measure_all(messages))
    console = Console()
    table = Table("proxy", title="In-dialog BYEs with two Routes, over UDP")
    for heading in ("messages", "µs of CPU each", "messages/CPU second", "messages/s"):
        table.add_column(heading, justify="right")
    for one in figures:
        each = 1e6 * one.cpu_seconds / one.messages
        table.add_row(one.proxy, f"{one.messages:,}", f"{each:.1f}", f"{one.per_cpu_second:,.0f}", f"{one.rate:,.0f}")
    console.print(table)
    ours, *others = figures
    missed = False
    for other in others:
        wanted = TIMES_KAMAILIO if other.proxy == "Kamailio" else TIMES_SCAPY
        ratio = ours.per_cpu_second / other.per_cpu_second
        missed |= ratio < wanted
        console.print(f"run / {other.proxy}: {ratio:.2f}, wanted {wanted:g}: {'missed' if ratio < wanted else 'met'}")
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
