"""How fast captures are rewritten, against a plain Scapy loop and against tcprewrite: ``python -m tests.bench``.

With ``--live``: how much a live proxy costs beside Kamailio and Scapy, and how fast and punctual ``replay`` is.

All figures are of whole processes: wall time from start to exit, and the largest resident set. Leaves with 1 and names what is
missed if a ratio is.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

LISTENER, TCP_LISTENER = "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"
SCAPY_FRAMES = 24_000
"""The Scapy loop is so slow that a part of the capture does; so many that its start-up, a quarter of a second, does not weigh."""

TIMES_SCAPY = 40.0
TIMES_TCPREWRITE = 0.25
TIMES_UDP = 0.5
"""Of the frames that a capture of SIP over UDP alone has in a second, as many over TCP."""
MEMORY_GROWTH = 1.05
"""How much more memory the whole capture may take than its first half: noise, no more."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What was measured of one command on one capture."""

    capture: str
    command: str
    frames: int
    seconds: float
    max_rss_kib: int

    @property
    def rate(self) -> float:
        """Frames in a second."""
        return self.frames / self.seconds


@dataclass(frozen=True, slots=True)
class Check:
    """A ratio that is wanted, and the one that is."""

    name: str
    value: float
    wanted: float
    at_most: bool = False

    @property
    def met(self) -> bool:
        """Whether it is as wanted."""
        return self.value <= self.wanted if self.at_most else self.value >= self.wanted


@dataclass(frozen=True, slots=True)
class Captures:
    """The files that are measured, each with its number of frames."""

    sip: tuple[Path, int]
    half_sip: tuple[Path, int]
    scapy: tuple[Path, int]
    mixed: tuple[Path, int]
    half_mixed: tuple[Path, int]
    tcp: tuple[Path, int]
    half_tcp: tuple[Path, int]


def run(command: list[str]) -> tuple[float, int]:
    """Run a command to its end: seconds, and its largest resident set in KiB.

    The kernel counts what this process holds when it forks to the child, so this process has to stay small: it never loads Scapy.
    """
    with tempfile.TemporaryFile() as errors:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)} left with {process.returncode}:\n{errors.read().decode(errors='replace')}")
    return seconds, usage.ru_maxrss


def measure(capture: str, name: str, command: list[str], frames: int, output: Path, runs: int) -> Figure:
    """The medians of several runs, each of which finds no ``output`` there: the rewriter overwrites nothing unasked."""
    results = []
    for _ in range(runs):
        output.unlink(missing_ok=True)
        results.append(run(command))
    return Figure(capture, name, frames, median(seconds for seconds, _ in results), int(median(rss for _, rss in results)))


def make_captures(folder: Path, frames: int) -> Captures:
    """Generate the captures in a process of its own, for memory's sake (see :func:`run`)."""

    def make(name: str, call: str, count: int, written: int) -> tuple[Path, int]:
        path = folder / name
        code = f"import sys; from tests import generator as g; g.{call}(sys.argv[1], {count})"
        subprocess.run([sys.executable, "-c", code, str(path)], check=True)
        return path, written

    calls = max(frames // 6, 2)
    return Captures(
        make("sip.pcap", "sip_only_capture", frames, frames),
        make("half-sip.pcap", "sip_only_capture", frames // 2, frames // 2),
        make("scapy.pcap", "sip_only_capture", min(frames, SCAPY_FRAMES), min(frames, SCAPY_FRAMES)),
        make("mixed.pcap", "mixed_capture", calls, calls * 21),
        make("half-mixed.pcap", "mixed_capture", calls // 2, calls // 2 * 21),
        make("tcp.pcap", "tcp_capture", frames, frames),
        make("half-tcp.pcap", "tcp_capture", frames // 2, frames // 2),
    )


def measure_all(captures: Captures, output: Path, runs: int) -> Iterator[Figure]:
    """Every figure, in the order in which the table shows them."""

    def rewrite(path: Path, *options: str) -> list[str]:
        """With the rr module alone, as the Scapy loop does no more."""
        arguments = ["rewrite", str(path), "-o", str(output), "--listen", LISTENER, "--listen", TCP_LISTENER, *(options or ["--no-via"])]
        return [sys.executable, "-m", "scapy_rr.cli", *arguments]

    def tcprewrite(path: Path) -> list[str]:
        maps = ["--srcipmap=10.0.0.0/24:10.9.0.0/24", "--dstipmap=10.0.0.0/24:10.9.0.0/24", "--fixcsum"]
        return ["tcprewrite", f"--infile={path}", f"--outfile={output}", *maps]

    installed = shutil.which("tcprewrite") is not None
    kinds = ("SIP only", "sip"), ("mixed", "mixed"), ("TCP only", "tcp")
    for capture, name in kinds:
        whole, half = getattr(captures, name), getattr(captures, f"half_{name}")
        yield measure(capture, "rewrite", rewrite(whole[0]), whole[1], output, runs)
        yield measure(capture, "rewrite, half the capture", rewrite(half[0]), half[1], output, runs)
        yield measure(capture, "rewrite, the whole proxy", rewrite(whole[0], "--via"), whole[1], output, runs)
        if capture == "SIP only":
            loop = [sys.executable, "-m", "tests.bench", "--scapy-loop", str(captures.scapy[0]), str(output)]
            yield measure(capture, "Scapy loop", loop, captures.scapy[1], output, runs)
        if installed:
            yield measure(capture, "tcprewrite", tcprewrite(whole[0]), whole[1], output, runs)


def checks(figures: list[Figure]) -> Iterator[Check]:
    """The ratios that are wanted, of those that could be measured."""
    found = {(figure.capture, figure.command): figure for figure in figures}
    sip, mixed = found["SIP only", "rewrite"], found["mixed", "rewrite"]
    yield Check("rewrite / Scapy loop, SIP only", sip.rate / found["SIP only", "Scapy loop"].rate, TIMES_SCAPY)
    if tool := found.get(("mixed", "tcprewrite")):
        yield Check("rewrite / tcprewrite, mixed", mixed.rate / tool.rate, TIMES_TCPREWRITE)
    tcp = found["TCP only", "rewrite"]
    yield Check("rewrite, TCP only / SIP only", tcp.rate / sip.rate, TIMES_UDP)
    for whole in (sip, mixed, tcp):
        half = found[whole.capture, "rewrite, half the capture"]
        name = f"peak memory, whole capture / half of it, {whole.capture}"
        yield Check(name, whole.max_rss_kib / half.max_rss_kib, MEMORY_GROWTH, at_most=True)


def report(console: Console, figures: list[Figure], results: list[Check]) -> None:
    """The two tables: what was measured, and whether it is as wanted."""
    table = Table("capture", "command", title="Whole processes, medians")
    for heading in ("frames", "seconds", "frames/s", "peak MiB"):
        table.add_column(heading, justify="right")
    for figure in figures:
        numbers = f"{figure.frames:,}", f"{figure.seconds:.2f}", f"{figure.rate:,.0f}", f"{figure.max_rss_kib / 1024:.1f}"
        table.add_row(figure.capture, figure.command, *numbers)
    console.print(table)
    ratios = Table("ratio", "wanted", "is", "")
    for check in results:
        verdict = "[green]met[/]" if check.met else "[red]missed[/]"
        ratios.add_row(check.name, f"{'<=' if check.at_most else '>='} {check.wanted:g}", f"{check.value:.2f}", verdict)
    console.print(ratios)
    if shutil.which("tcprewrite") is None:
        console.print("tcprewrite is not installed (package tcpreplay): not compared with it.")


def scapy_loop(source: str, target: str) -> None:
    """The same job with Scapy alone, as one would write it in a script today: own Route off or Record-Route on, to the next hop."""
    import re

    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether  # noqa: F401  (for the reader to know the link type)
    from scapy.packet import Raw
    from scapy.utils import PcapReader, PcapWriter

    with PcapReader(source) as reader, PcapWriter(target) as writer:
        for packet in reader:
            if UDP in packet and Raw in packet:
                lines = packet[Raw].load.decode("latin-1").split("\r\n")
                if lines[0].endswith(" SIP/2.0") and packet[IP].dst == "10.0.0.1":
                    tag = next(line for line in lines if line.startswith("From:")).partition(";tag=")[2]
                    routes = [line for line in lines if line.startswith("Route:")]
                    if routes and "sip:10.0.0.1" in routes[0]:
                        lines.remove(routes[0])
                        hop = re.search(r"@([\d.]+)(?::(\d+))?", lines[0])
                        if hop:
                            packet[IP].src, packet[IP].dst = "10.0.0.1", hop[1]
                            packet[UDP].sport, packet[UDP].dport = 5060, int(hop[2] or 5060)
                    elif lines[0].startswith("INVITE"):
                        lines.insert(1, f"Record-Route: <sip:10.0.0.1;lr;ftag={tag}>")
                packet[Raw].load = "\r\n".join(lines).encode("latin-1")
                packet.wirelen = None  # else the writer keeps the old one
                del packet[IP].len, packet[IP].chksum, packet[UDP].len, packet[UDP].chksum
            writer.write(packet)


def main() -> int:
    """Measure and report, or be the Scapy loop that is measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure scapy-rr rewrite.")
    parser.add_argument("--frames", type=int, default=120_000, help="frames of the SIP-only capture; the mixed one has 3.5 times as many")
    parser.add_argument("--runs", type=int, default=3, help="runs of each command; the median counts")
    parser.add_argument("--json", action="store_true", help="figures and ratios as JSON instead of tables")
    parser.add_argument("--live", action="store_true", help="measure the live proxy and replay instead, in network namespaces (needs root)")
    parser.add_argument("--scapy-loop", nargs=2, metavar=("IN", "OUT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.live:
        # Loaded here: the processes that the others start are to be small.
        from . import bench_live, bench_replay

        return max([bench_live.main(), bench_replay.main()])
    if options.scapy_loop:
        scapy_loop(*options.scapy_loop)
        return 0
    with tempfile.TemporaryDirectory(prefix="scapy-rr-bench-") as folder:
        captures = make_captures(Path(folder), options.frames)
        figures = list(measure_all(captures, Path(folder, "out.pcap"), options.runs))
    results = list(checks(figures))
    console = Console()
    if options.json:
        figures_out = [asdict(figure) | {"frames_per_second": figure.rate} for figure in figures]
        console.print_json(data={"figures": figures_out, "ratios": [asdict(check) | {"met": check.met} for check in results]})
    else:
        report(console, figures, results)
    missed = [check for check in results if not check.met]
    for check in missed:
        Console(stderr=True).print(f"missed: {check.name} is {check.value:.2f}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
