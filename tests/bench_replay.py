"""How fast and how punctually a routed capture is sent, against tcpreplay and Scapy's ``sendp``: ``python -m tests.bench_replay``.

Everything happens in a network namespace, between the two ends of a veth pair, of which the far one drops what comes. Each tool says how
long its sending took; that all frames arrived is counted at the far end. It needs root, ``ip`` and tcpreplay.
"""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from .peers.namespace import Namespace

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, "-m", "scapy_rr.cli"]
ROUTING = ["--listen", "udp:10.0.0.1:5060", "--host", "example.com=10.0.0.9"]
REPLAY = [*ROUTING, "--no-arp", "--json"]
SENDP = """
import sys, time
from scapy.layers.inet import IP, UDP
from scapy.sendrecv import sendp
from scapy.utils import rdpcap

packets = rdpcap(sys.argv[1], int(sys.argv[2]))
start = time.perf_counter()
sendp(packets, iface=sys.argv[3], verbose=0)
print(time.perf_counter() - start)
"""
NEAR, FAR = "near", "far"
SENDP_FRAMES = 8000
"""It is so slow that a part of the capture does."""
PPS = 2000.0
"""Frames in a second, on average, at which lateness is measured."""

TIMES_TCPREPLAY, TIMES_SENDP, WITHIN_1_MS = 0.5, 30.0, 0.99
"""What is wanted."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What one tool did, the median of several runs."""

    tool: str
    frames: int
    seconds: float
    """Of sending alone."""
    process_seconds: float
    """From the start of the process to its end: with routing, where there is any."""

    @property
    def rate(self) -> float:
        """Frames in a second."""
        return self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class Punctuality:
    """How late frames were that were sent with their capture's own timing."""

    frames: int
    rate: float
    within_1_ms: float
    """The share of frames, 0 to 1."""
    median_ms: float
    percent_99_ms: float
    most_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured."""

    replay: Sending
    sendp: Sending
    punctuality: Punctuality
    tcpreplay: Sending | None
    """``None`` where it is not installed."""

    @property
    def times_tcpreplay(self) -> float | None:
        """As fast as tcpreplay times this."""
        return self.replay.rate / self.tcpreplay.rate if self.tcpreplay else None

    @property
    def times_sendp(self) -> float:
        """As fast as ``sendp`` times this."""
        return self.replay.rate / self.sendp.rate


def run(command: list[str]) -> str:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} left with {done.returncode}:\n{done.stderr}")
    return done.stdout + done.stderr


class Bench:
    """The veth pair, and a capture before and after routing. Made and used within a namespace.

    :param folder: for the captures.
    :param frames: of the capture before routing; three in five of them are sent.
    :param loops: how often it is sent at top speed.
    """

    def __init__(self, folder: Path, frames: int, loops: int) -> None:
        self.source, self.routed, self.loops = folder / "in.pcap", folder / "routed.pcap", loops
        run(["ip", "link", "add", NEAR, "type", "veth", "peer", "name", FAR])
        for end in (NEAR, FAR):
            # No address, and nothing that the kernel would say by itself.
            run(["ip", "link", "set", end, "up", "arp", "off", "addrgenmode", "none"])
        run([sys.executable, "-c", f"from tests.generator import sip_only_capture; sip_only_capture({str(self.source)!r}, {frames})"])
        run([*COMMAND, "rewrite", str(self.source), "-o", str(self.routed), "--emit", "only", *ROUTING])
        plan = self._replay("--dry-run")["would_send"]
        self.frames: int = plan["frames"]
        self.seconds: float = plan["seconds"]

    def _replay(self, *options: str) -> dict[str, Any]:
        """What ``scapy-rr replay`` says in JSON."""
        told: dict[str, Any] = json.loads(run([*COMMAND, "replay", str(self.source), "--iface", NEAR, *REPLAY, *options]))
        return told

    def replay(self) -> Sending:
        """``scapy-rr replay --topspeed``, which routes first."""
        start = time.perf_counter()
        with self._arriving(self.frames * self.loops):
            sent = self._replay("--topspeed", "--loop", str(self.loops))["sent"]
        return Sending("scapy-rr replay --topspeed", sent["frames"], sent["seconds"], time.perf_counter() - start)

    def tcpreplay(self) -> Sending:
        """``tcpreplay --topspeed`` of the routed capture."""
        start = time.perf_counter()
        with self._arriving(self.frames * self.loops):
            said = run(["tcpreplay", "--topspeed", f"--loop={self.loops}", "-i", NEAR, str(self.routed)])
        found = re.search(r"Actual: (\d+) packets \(\d+ bytes\) sent in ([\d.]+) seconds", said)
        if not found:
            raise SystemExit(f"tcpreplay does not say how fast it was:\n{said}")
        return Sending("tcpreplay --topspeed", int(found[1]), float(found[2]), time.perf_counter() - start)

    def sendp(self) -> Sending:
        """Scapy's ``sendp`` of packets that were read before."""
        start = time.perf_counter()
        frames = min(self.frames, SENDP_FRAMES)
        with self._arriving(frames):
            seconds = float(run([sys.executable, "-c", SENDP, str(self.routed), str(frames), NEAR]))
        return Sending("Scapy sendp", frames, seconds, time.perf_counter() - start)

    def punctuality(self) -> Punctuality:
        """``scapy-rr replay`` with the capture's own timing, as much faster or slower as makes :data:`PPS` of it."""
        with self._arriving(self.frames):
            sent = self._replay("--speed", repr(self.seconds * PPS / self.frames))["sent"]
        late = sent["lateness"]
        times = late["median_ms"], late["99_percent_ms"], late["most_ms"]
        return Punctuality(sent["frames"], sent["frames_per_second"], late["within_1_ms"], *times)

    @contextmanager
    def _arriving(self, frames: int) -> Iterator[None]:
        """See that so many frames arrive at the far end meanwhile."""
        before = self._arrived()
        yield
        arrived = self._arrived() - before
        if arrived != frames:
            raise SystemExit(f"{arrived} frames arrived, of {frames}")

    def _arrived(self) -> int:
        found: int = json.loads(run(["ip", "-json", "-stats", "link", "show", FAR]))[0]["stats64"]["rx"]["packets"]
        return found


def measure(frames: int = 36_000, loops: int = 10, runs: int = 3) -> Figures:
    """Measure everything. What is compared takes turns, so that whatever else the machine does hits all alike.

    :param frames: of the capture before routing; three in five of them are sent.
    :param loops: how often it is sent at top speed.
    :param runs: how often each tool runs; the median counts.
    """
    namespace = Namespace()
    try:
        with namespace.entered(), tempfile.TemporaryDirectory(prefix="scapy-rr-bench-") as folder:
            bench = Bench(Path(folder), frames, loops)
            tools = [bench.replay, bench.sendp, *([bench.tcpreplay] if shutil.which("tcpreplay") else [])]
            found = [_middle(one) for one in zip(*([tool() for tool in tools] for _ in range(runs)), strict=True)]
            return Figures(found[0], found[1], bench.punctuality(), found[2] if len(found) > 2 else None)
    finally:
        namespace.close()


def _middle(runs: tuple[Sending, ...]) -> Sending:
    """The run with the median rate."""
    return sorted(runs, key=lambda one: one.rate)[len(runs) // 2]


def main() -> int:
    """Measure and print; 1 if something wanted is missed."""
    figures = measure()
    console, late = Console(), figures.punctuality
    table = Table("command", title="Sending a routed capture")
    for heading in ("frames", "seconds", "frames/s", "whole process, seconds"):
        table.add_column(heading, justify="right")
    for one in filter(None, (figures.replay, figures.tcpreplay, figures.sendp)):
        table.add_row(one.tool, f"{one.frames:,}", f"{one.seconds:.3f}", f"{one.rate:,.0f}", f"{one.process_seconds:.2f}")
    console.print(table)
    console.print(
        f"{late.frames:,} frames with their own timing, {late.rate:,.0f}/s: {late.within_1_ms:.2%} within 1 ms; "
        f"median {late.median_ms:.2f} ms, 99 % within {late.percent_99_ms:.2f} ms, the latest {late.most_ms:.2f} ms"
    )
    checks = [("replay / sendp", figures.times_sendp, TIMES_SENDP), ("share within 1 ms", late.within_1_ms, WITHIN_1_MS)]
    if figures.times_tcpreplay is not None:
        checks.append(("replay / tcpreplay", figures.times_tcpreplay, TIMES_TCPREPLAY))
    for name, value, wanted in checks:
        console.print(f"{name}: {value:.4g}, wanted {wanted:g}: {'met' if value >= wanted else 'missed'}")
    return 0 if all(value >= wanted for _, value, wanted in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
