"""A capture of any size goes through in the same memory."""

import subprocess
import sys
from pathlib import Path

from ..generator import sip_only_capture
from .samples import LISTEN

SMALL, LARGE = 14_000, 42_000
RUN = """
import resource, sys
from scapy_rr.cli import main
try:
    main()
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


def peak(source: Path) -> tuple[int, int]:
    """The most memory that the command took, and the most of its other processes, in KiB."""
    command = [sys.executable, "-c", RUN, "rewrite", str(source), "-o", str(source.with_suffix(".out")), "--listen", LISTEN, "--json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    own, children = done.stderr.split()
    return int(own), int(children)


def test_memory_does_not_grow_with_the_capture(tmp_path: Path) -> None:
    small, large = tmp_path / "small.pcap", tmp_path / "large.pcap"
    sip_only_capture(small, SMALL)
    sip_only_capture(large, LARGE)
    growth = large.stat().st_size - small.stat().st_size
    assert small.stat().st_size > 8 << 20
    for before, after in zip(peak(small), peak(large), strict=True):
        # What is kept of each frame, or of each buffer, would show; what a few more buffers under way take is less.
        assert (after - before) * 1024 < growth / 4
