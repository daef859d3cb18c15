"""Whether a live proxy's memory stays where it is under load: ``python -m tests.soak --minutes 60``. Needs root.

In a network namespace, BYEs of ever new dialogs arrive at a steady rate. What the proxy holds after a minute is compared with what it holds
at the end. Leaves with 1 if it has grown, or if messages were lost.
"""

import argparse
import socket
import sys
import time
from pathlib import Path

from rich.console import Console

from .bench_live import _receive, _running, _wait_for, bye
from .peers.namespace import Namespace

MOST_GROWTH = 1.05
_AT_ONCE = 50


def rss(pid: int) -> int:
    """What a process holds in memory, in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1])


def soak(minutes: float, rate: int, settled_after: float = 60.0) -> tuple[int, int, int, int]:
    """Load a proxy.

    :param rate: messages a second. :param settled_after: seconds after which memory is read first.
    :returns: how many messages were sent and came, and the KiB held after a minute and at the end.
    """
    space = Namespace()
    with space.entered():
        sender, receiver = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        sender.bind(("127.0.0.5", 5070))
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        receiver.bind(("127.0.0.9", 5060))
        receiver.settimeout(1)
    command = [sys.executable, "-m", "scapy_rr.cli", "run", "--listen", "udp:127.0.0.1:5060", "--dialect", "kamailio"]
    sent = came = early = 0
    with sender, receiver, _running(space, command) as process:
        _wait_for(sender, receiver)
        start = time.monotonic()
        while (now := time.monotonic() - start) < 60 * minutes:
            if not early and now >= min(settled_after, 30 * minutes):
                early = rss(process.pid)
            for _ in range(_AT_ONCE):
                sent += 1
                sender.sendto(bye(sent), ("127.0.0.1", 5060))
            came += _receive(receiver, _AT_ONCE)
            time.sleep(max(0.0, sent / rate - (time.monotonic() - start)))
        late = rss(process.pid)
    space.close()
    return sent, came, early, late


def main() -> int:
    """Load it, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description="Load scapy-rr run, and watch its memory.")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=7000, help="messages a second; about half of what it can do")
    options = parser.parse_args()
    sent, came, early, late = soak(options.minutes, options.rate)
    growth = late / early
    Console().print(f"{sent:,} messages sent, {came:,} came; {early:,} KiB after a minute, {late:,} KiB at the end: {growth:.3f}")
    return int(growth > MOST_GROWTH or came < sent)


if __name__ == "__main__":
    sys.exit(main())
