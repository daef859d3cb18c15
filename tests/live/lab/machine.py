"""A machine of one's own for the lab: namespaces, interfaces, rules and processes that nobody else's are among.

It has its own mounts, network and process numbers, and ends with all that runs on it, however a test ends.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.command import ROOT, Ran

# The first process is everybody's parent at last, and is not to be told how its children end.
_HOLD = "trap '' CHLD; mount -t tmpfs tmpfs /run && ip link set lo up && echo there && exec sleep infinity"
_LAB = (sys.executable, "-m", "scapy_rr.cli", "lab")
_PATIENCE = 120


class Snapshot(NamedTuple):
    """What a lab could leave."""

    namespaces: str
    rules: str
    links: str
    processes: list[str]
    labs: list[str]


class Machine:
    """One of it.

    :raises OSError: where the user or the kernel does not allow it.
    """

    def __init__(self) -> None:
        options = "--mount --net --pid --fork --mount-proc --kill-child"
        self._holder = subprocess.Popen(
            ["unshare", *options.split(), "sh", "-c", _HOLD], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._holder.stdout
        said = self._holder.stdout.readline()
        if said != "there\n":
            self.close()
            raise OSError(said)
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children").read_text().split()
        self._inside = children[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End it, and all that runs on it."""
        self._holder.kill()
        assert self._holder.stdout
        self._holder.stdout.close()
        self._holder.wait()

    def words(self, *command: object) -> list[str]:
        """The words that run a command on it."""
        return ["nsenter", "-t", self._inside, "-m", "-n", "-p", "--", *map(str, command)]

    def run(self, *command: object) -> Ran:
        """Run a command on it to its end."""
        done = subprocess.run(self.words(*command), capture_output=True, text=True, timeout=_PATIENCE, env=_environment())
        return Ran(done.returncode, done.stdout, done.stderr)

    def lab(self, *arguments: object) -> Ran:
        """Run ``scapy-rr lab`` on it."""
        return self.run(*_LAB, *arguments)

    def lab_json(self, *arguments: object) -> Any:
        """What ``scapy-rr lab ... --json`` says, where that goes well."""
        done = self.lab(*arguments, "--json")
        assert (done.code, done.err) == (0, "")
        return json.loads(done.out)

    def start_lab(self, *arguments: object) -> tuple["subprocess.Popen[str]", str]:
        """Start ``scapy-rr lab``. :returns: the process here, and the number that it has there."""
        words = self.words("sh", "-c", 'echo $$; exec "$@"', "sh", *_LAB, *arguments)
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=_environment())
        assert process.stdout
        return process, process.stdout.readline().strip()

    def processes(self) -> list[str]:
        """The command lines of what runs on it."""
        found = []
        ours = Path(f"/proc/{self._inside}/ns/pid").stat().st_ino
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "ns/pid").stat().st_ino == ours:
                    found.append((entry / "cmdline").read_text("latin-1").replace("\0", " ").strip())
            except OSError:
                continue
        # What has ended and is not waited for has no words.
        return sorted(filter(None, found))

    def snapshot(self) -> Snapshot:
        """What there is on it."""
        said = [
            self.run(*command.split()).out
            for command in ("ip netns list", "nft list ruleset", "ip -o link", "find /run/scapy-rr -mindepth 1")
        ]
        return Snapshot(said[0], said[1], said[2], self.processes(), said[3].splitlines())


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def wait_for(condition: Callable[[], bool], process: "subprocess.Popen[str] | None" = None) -> None:
    """Wait until something is so; it has to be, sooner or later.

    :param process: a process that has to run until then.
    """
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if process and process.poll() is not None:
            assert process.stdout
            raise AssertionError(f"it has ended with {process.returncode}: {process.stdout.read()}")
        assert time.monotonic() < deadline
        time.sleep(0.01)
