"""What a lab leaves on disk while it is there: its state, for whoever comes after a crash, and what its programs write.

It is where the system keeps what is gone after a restart, as the network is.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import LiveError
from .processes import Process

_STATE = "state.json"


def base() -> Path:
    """The folder of all labs. :raises LiveError: where there is no place for it."""
    if os.access("/run", os.W_OK):
        return Path("/run/scapy-rr")
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if not runtime:
        raise LiveError("a lab keeps its state in /run or in XDG_RUNTIME_DIR: the one cannot be written, the other is not set")
    return Path(runtime) / "scapy-rr"


@dataclass
class State:
    """What was made of a lab."""

    made_of: str
    """The description that it follows."""
    complete: bool = False
    """Whether all of it was made."""
    playing: bool = False
    """Whether a call is under way: if nobody is at it, he crashed."""
    processes: dict[str, Process] = field(default_factory=dict)
    """By the place that they fill."""


class Home:
    """The folder of one lab."""

    def __init__(self, lab: str) -> None:
        self.path = base() / lab

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one at this lab. The kernel lets go when we end, however that is.

        :raises LiveError: where somebody else is.
        """
        handle = self._open()
        try:
            self._lock(handle)
            try:
                yield
            finally:
                # Only an empty one.
                with suppress(OSError):
                    self.path.rmdir()
        finally:
            os.close(handle)

    def _lock(self, handle: int) -> None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had it may have removed the folder meanwhile.
            if os.fstat(handle).st_ino == self.path.stat().st_ino:
                return
        raise LiveError(f"another scapy-rr is at work on the lab {self.path.name}, which is to end first")

    def _open(self) -> int:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise LiveError(f"{self.path}: {error.strerror}") from None

    def of(self, host: str) -> Path:
        """The folder of one host's program."""
        path = self.path / host
        path.mkdir(mode=0o700, exist_ok=True)
        return path

    def save(self, state: State) -> None:
        """Write the state down, so that a crash leaves the old one or this one."""
        draft = self.path / f"{_STATE}.new"
        draft.write_text(json.dumps(vars(state)))
        draft.replace(self.path / _STATE)

    def load(self) -> State | None:
        """The state that was written down last; ``None`` where none is, or none that can be read."""
        with suppress(OSError, ValueError, TypeError, LookupError, AttributeError):
            values = json.loads((self.path / _STATE).read_text())
            values["processes"] = {name: Process(*numbers) for name, numbers in values["processes"].items()}
            return State(**values)
        return None

    def clear(self) -> None:
        """Empty it; the folder itself, which is the lock, goes with the lock."""
        for path in self.path.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def known() -> list[str]:
    """The names of the labs that have a folder."""
    with suppress(OSError, LiveError):
        return sorted(path.name for path in base().iterdir() if path.is_dir())
    return []
