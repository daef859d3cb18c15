"""Damaged captures: ``python -m tests.fuzz --runs 100000`` flips, cuts and repeats what is in ``pcaps/``, and routes what comes of it.

Nothing but scapy_rr's own errors may come out, and no run may take long. What fails is kept, with the number that makes it again.
"""

import argparse
import faulthandler
import shutil
import struct
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

from rich.console import Console

from scapy_rr.capture.place import Emit
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.reading import sip_messages
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.config import Config
from scapy_rr.errors import ScapyRRError
from scapy_rr.proxy.router import Preloaded

from .make_pcaps import FOLDER

LISTENERS = tuple(
    f"{transport}:{address}:{80 if transport == 'ws' else 5060}"
    for transport in ("udp", "tcp", "ws", "sctp")
    for address in ("10.0.0.1", "10.0.1.1", "[2001:db8::1]")
)
LONGEST = 10.0
"""Seconds that a run may take: the captures are small, but the machine may be busy."""
_FRAMES = 24, 16
_MOST_FRAMES = 80


def captures() -> list[Path]:
    """Those that are small enough to be routed often."""
    return sorted(path for path in FOLDER.glob("*.pcap*") if path.stat().st_size < 64_000)


def damaged(data: bytes, rng: Random) -> bytes:
    """A capture with something wrong in it: in its frames, and now and then in what is around them."""
    if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") and rng.random() < 0.8:
        return data[: _FRAMES[0]] + b"".join(_shuffled(list(_records(data)), rng))
    return _flipped(data, rng, rng.randint(1, 8))


def _records(data: bytes) -> Iterator[bytes]:
    at, header = _FRAMES
    while at + header <= len(data):
        (captured,) = struct.unpack_from("<I", data, at + 8)
        yield data[at : at + header + captured]
        at += header + captured


def _shuffled(records: list[bytes], rng: Random) -> list[bytes]:
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(records))
        what = rng.randrange(5)
        if what == 0:
            records[at] = _with_frame(records[at], _flipped(records[at][16:], rng, rng.randint(1, 6)))
        elif what == 1:
            records[at] = _with_frame(records[at], records[at][16 : rng.randint(16, len(records[at]))])
        elif what == 2 and len(records) < _MOST_FRAMES:
            records.insert(rng.randrange(len(records) + 1), records[at])
        elif what == 3 and len(records) > 1:
            del records[at]
        else:
            other = rng.randrange(len(records))
            records[at], records[other] = records[other], records[at]
    return records


def _with_frame(record: bytes, frame: bytes) -> bytes:
    return record[:8] + struct.pack("<II", len(frame), max(len(frame), len(record) - 16)) + frame


def _flipped(data: bytes, rng: Random, times: int) -> bytes:
    changed = bytearray(data)
    for _ in range(times if changed else 0):
        changed[rng.randrange(len(changed))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(changed)


def router() -> CaptureRouter:
    """The whole proxy, for whatever is in those captures."""
    return CaptureRouter(Config(listen=LISTENERS, preloaded=Preloaded.RELAY).router())


class Fuzz:
    """Runs, each with a number that makes it again.

    :param folder: for what is made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._captures = [(path, path.read_bytes()) for path in captures()]
        self.results: Counter[str] = Counter()
        self.longest = 0.0

    def run(self, number: int) -> None:
        """One capture: its messages are read, and it is routed. Whatever is not an error of scapy_rr's comes out."""
        rng = Random(number)
        path, data = rng.choice(self._captures)
        source, target = self._folder / f"in{path.suffix}", self._folder / "out"
        source.write_bytes(damaged(data, rng))
        began = time.monotonic()
        try:
            with Capture(source) as capture:
                found = sum(1 for _ in sip_messages(capture))
            summary = rewrite(source, target, router(), rng.choice(list(Emit)), True, mtu=rng.choice((0, 0, 576, 1280)))
            self.results["routed" if summary.routed else "read" if found else "nothing found"] += 1
        except ScapyRRError as error:
            # Which file and where in it, is what an error has to say.
            assert str(source) in str(error), error
            self.results["refused"] += 1
        self.longest = max(self.longest, time.monotonic() - began)
        assert self.longest < LONGEST, f"{self.longest} s"


def main() -> None:
    """Run, and say what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Route damaged captures.")
    parser.add_argument("--runs", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    options = parser.parse_args()
    console = Console(highlight=False)
    with tempfile.TemporaryDirectory() as name:
        fuzz = Fuzz(Path(name))
        for number in range(options.first, options.first + options.runs):
            faulthandler.dump_traceback_later(60, exit=True)
            try:
                fuzz.run(number)
            except BaseException:
                for kept in Path(name).glob("in.*"):
                    shutil.copy(kept, Path(tempfile.gettempdir()) / f"fuzz-{number}{kept.suffix}")
                console.print(f"run {number} failed: {Path(tempfile.gettempdir()) / f'fuzz-{number}'}")
                raise
    faulthandler.cancel_dump_traceback_later()
    console.print(f"{options.runs:,} runs: {dict(fuzz.results)}; the longest took {fuzz.longest:.2f} s")


if __name__ == "__main__":
    main()
