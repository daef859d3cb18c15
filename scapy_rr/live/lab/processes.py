"""The processes of a lab: started in its namespaces, found there again after a crash, and ended.

Each bears a mark in its environment, which its children inherit: what somebody else runs in a namespace of a lab is left alone.
"""

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...errors import LiveError
from .network import MARK, environment, tool

_PATIENCE = 5.0
_STEP = 0.02
# In /proc/PID/stat, behind the name in brackets.
_STATE, _STARTED = 0, 19
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


class Process(NamedTuple):
    """One process, for which its number alone does not stand: numbers are given again."""

    pid: int
    started: int
    """When it began, in the kernel's ticks since the machine started."""

    @classmethod
    def of(cls, pid: int) -> "Process | None":
        """The process that has this number now; ``None`` where none runs."""
        try:
            fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
        except OSError:
            return None
        return cls(pid, int(fields[_STARTED])) if fields[_STATE] not in "ZX" else None

    @property
    def is_running(self) -> bool:
        """Whether it still does."""
        return Process.of(self.pid) == self

    @property
    def name(self) -> str:
        """What it is called; empty where it is gone."""
        with suppress(OSError):
            return Path(f"/proc/{self.pid}/comm").read_text("latin-1").strip()
        return ""

    def exit_code(self) -> int | None:
        """How a child of ours ended, negative for a signal; ``None`` where it runs, or is no child of ours."""
        with suppress(ChildProcessError):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        return None

    def wait(self, seconds: float) -> int | None:
        """Wait for its end, so long at most. :returns: as :meth:`exit_code`."""
        codes: list[int] = []

        def is_over() -> bool:
            code = self.exit_code()
            codes.extend([] if code is None else [code])
            return bool(codes) or not self.is_running

        wait_until(is_over, seconds)
        return codes[0] if codes else None


def start(lab: str, space: str, words: Sequence[str], output: Path, errors: Path | None = None) -> Process:
    """Start a program of a lab in one of its namespaces, in a session of its own.

    :param output: the file for what it prints. :param errors: the one for its standard error, if that is another.
    :raises LiveError: where it is gone at once.
    """
    second = (os.POSIX_SPAWN_OPEN, 2, str(errors), _NEW, 0o644) if errors else (os.POSIX_SPAWN_DUP2, 1, 2)
    files = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, str(output), _NEW, 0o644), second]
    command = ["ip", "netns", "exec", space, *words]
    # A terminal's Ctrl-C is for us: we end them.
    pid = os.posix_spawnp("ip", command, environment(lab), file_actions=files, setsid=True)
    found = Process.of(pid)
    if found is None:
        raise LiveError(f"{words[0]} ended at once: {last_lines(errors or output)}")
    return found


def last_lines(log: Path, count: int = 5) -> str:
    """The end of what a program wrote."""
    with suppress(OSError):
        return "\n".join(log.read_text("utf-8", "replace").rstrip().splitlines()[-count:])
    return ""


def inside(space: str) -> list[Process]:
    """The processes in a namespace."""
    pids = map(int, tool("ip", "netns", "pids", space).split())
    return [found for found in map(Process.of, pids) if found]


def is_marked(process: Process, lab: str) -> bool:
    """Whether it, or whoever started it, was started for this lab."""
    with suppress(OSError):
        return f"{MARK}={lab}".encode() in Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    return False


def send(process: Process, space: str, number: int) -> None:
    """Send a signal to a process, if it is still that one and in this namespace; none is sent otherwise."""
    with suppress(OSError):
        handle = os.pidfd_open(process.pid)
        try:
            # The handle keeps the number from meaning another one, from here on.
            its, this = (Path(path).stat().st_ino for path in (f"/proc/{process.pid}/ns/net", f"/run/netns/{space}"))
            if process.is_running and its == this:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def end(spaces: Iterable[str], ours: Callable[[Process], bool]) -> tuple[list[Process], list[Process]]:
    """End the processes in namespaces: asked first, then made to.

    :param ours: says whether a process may be ended.
    :returns: those that were, and those that are left.
    """
    spaces = list(spaces)
    ended: dict[Process, None] = {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        found = {process: space for space in spaces for process in inside(space) if ours(process)}
        ended.update(dict.fromkeys(found))
        for process, space in found.items():
            send(process, space, number)
        deadline = time.monotonic() + _PATIENCE
        for process in found:
            process.wait(deadline - time.monotonic())
    return list(ended), [process for space in spaces for process in inside(space)]


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait for something, so long at most; whether it came."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_STEP)
    return True
