"""A lab on this machine: set up, played on, and taken down, also where whoever set it up crashed.

Whatever is on the machine is found by the namespaces' names and by the lab's home; nothing has to be remembered from one call to the next.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from ...errors import LiveError
from . import home as homes
from . import network, programs
from .captures import Captures
from .description import Host, Lab, Link, Role
from .home import Home, State
from .listening import is_listening
from .processes import Process, end, is_marked, last_lines, start, wait_until
from .programs import Playing

Say = Callable[[str], None]
_PATIENCE = 20.0
# What the callee needs to be done once the caller is, and the caller once its own time is over, in seconds.
_LAST_WORDS = 3.0


class Played(NamedTuple):
    """How a scenario ended."""

    failure: str
    """What went wrong, as the programs have it; empty where nothing did."""
    captures: dict[Link, Path]
    dropped: int
    """How many frames the captures lack."""


class Stage:
    """One lab, with nobody else at it meanwhile; see :func:`at`.

    :param home: the lab's, locked.
    :param say: takes what is worth to be told.
    """

    def __init__(self, lab: Lab, home: Home, say: Say) -> None:
        self.lab, self._home, self._say = lab, home, say
        # A scenario is no part of the network.
        self._state = State(repr(replace(lab, scenario=Path())))

    def up(self) -> bool:
        """Set it up, unless it is.

        What is left of a run that crashed, or of a lab of this name that was described otherwise, goes first.

        :returns: whether it had to be.
        :raises LiveError: where a step of it fails; then nothing is left of it.
        """
        found, spaces = self._home.load(), network.namespaces().get(self.lab.name, [])
        if found and self._is_whole(found, spaces):
            self._state = found
            return False
        programs.check_installed(self.lab, (Role.PROXY,))
        if found or spaces:
            self._say(f"{self.lab.name}: what is there of it is removed first, as {_why(found, self._state)}")
            self.down()
        try:
            self._home.save(self._state)
            network.make(self.lab)
            for host in self.lab.of(Role.PROXY):
                self._start(host, programs.proxy(self.lab, host, self._home.of(host.name)))
            self._state.complete = True
            self._home.save(self._state)
        except BaseException:
            self.down()
            raise
        return True

    def _is_whole(self, found: State, spaces: list[str]) -> bool:
        is_there = all(process.is_running for process in found.processes.values()) and len(spaces) == len(self.lab.hosts)
        return is_there and found.complete and not found.playing and found.made_of == self._state.made_of

    def _start(self, host: Host, words: list[str]) -> Process:
        """Start what is on a host, and wait until it listens. :raises LiveError: where it does not, with what it wrote."""
        log = self._home.of(host.name) / "log"
        process = start(self.lab.name, network.namespace(self.lab.name, host.name), words, log)
        self._started(host.name, process)
        if not wait_until(lambda: not process.is_running or all(is_listening(process.pid, one) for one in host.listen), _PATIENCE):
            raise LiveError(f"{host.name}: {host.program} does not listen on {', '.join(map(str, host.listen))}: {last_lines(log)}")
        if not process.is_running:
            process.exit_code()
            raise LiveError(f"{host.name}: {host.program} does not start: {last_lines(log) or 'it says nothing'}")
        return process

    def _started(self, place: str, process: Process) -> None:
        self._state.processes[place] = process
        self._home.save(self._state)

    def play(self, playing: Playing) -> Played:
        """Play a scenario on a lab that is up, with a capture on every link.

        :raises LiveError: where a program that it needs is missing or does not start; the lab stays up.
        """
        programs.check_installed(self.lab, (Role.CALLER, Role.CALLEE))
        captures = Captures(self.lab, self._home.of("captures"))
        stay = dict(self._state.processes)
        self._state.playing = True
        self._home.save(self._state)
        try:
            captures.start(self._started)
            failure = self._call(playing) or _gone(stay)
            captures.settle()
        finally:
            played = [process for process in self._state.processes.values() if process not in stay.values()]
            end([network.namespace(self.lab.name, host) for host in self.lab.hosts], lambda process: process in played)
            self._state.processes, self._state.playing = stay, False
            self._home.save(self._state)
        return Played(failure, captures.files, captures.dropped())

    def _call(self, playing: Playing) -> str:
        """Let the caller call the callee. :returns: what went wrong."""
        (caller,), (callee,) = self.lab.of(Role.CALLER), self.lab.of(Role.CALLEE)
        called = self._start(callee, programs.callee(callee, playing, self._home.of(callee.name)))
        home = self._home.of(caller.name)
        words = programs.caller(caller, playing, home)
        calling = start(self.lab.name, network.namespace(self.lab.name, caller.name), words, home / "log")
        self._started(caller.name, calling)
        codes = {caller: calling.wait(playing.limit + _LAST_WORDS), callee: called.wait(_LAST_WORDS)}
        return "\n".join(self._complaint(host, code) for host, code in codes.items() if code != 0)

    def _complaint(self, host: Host, code: int | None) -> str:
        how = "did not end in time" if code is None else f"ended with {code}"
        errors = programs.last_error(self._home.of(host.name))
        return f"{host.name}: {host.program} {how}{f': {errors}' if errors else ''}"

    def down(self) -> list[str]:
        """Take it down; see the function."""
        return _remove(self.lab.name, self._home)

    def keep(self, played: Played, folder: Path) -> None:
        """Copy the captures. :raises LiveError: where that cannot be."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for file in played.captures.values():
                shutil.copyfile(file, folder / file.name)
        except OSError as error:
            raise LiveError(f"{folder}: {error.strerror}") from None


@contextmanager
def at(lab: Lab, say: Say) -> Iterator[Stage]:
    """Be the only one at a lab. :raises LiveError: where somebody else is, or root is needed."""
    network.require_root()
    home = Home(lab.name)
    with home.locked():
        yield Stage(lab, home, say)


def down(name: str) -> list[str]:
    """Take down what there is of a lab: its processes, its namespaces with all that is in them, and its home.

    :returns: what there was, line by line; nothing where there was nothing.
    :raises LiveError: where somebody is at it, or root is needed.
    """
    network.require_root()
    home = Home(name)
    if name not in present():
        return []
    with home.locked():
        return _remove(name, home)


def present() -> list[str]:
    """The names of the labs of which there is something on this machine."""
    return sorted({*network.namespaces(), *homes.known()})


def _remove(name: str, home: Home) -> list[str]:
    state = home.load()
    started = set(state.processes.values()) if state else set()
    spaces = network.namespaces().get(name, [])
    ended, left = end(spaces, lambda process: process in started or is_marked(process, name))
    told = [f"ended {len(ended)} processes"] if ended else []
    for space in spaces:
        network.remove(space)
        told.append(f"removed {space}")
    told += [f"process {one.pid} ({one.name}) is not the lab's: it is left in its namespace, which goes with it" for one in left]
    home.clear()
    return [*told, f"removed {home.path}"]


def _why(found: State | None, wanted: State) -> str:
    if found is None or not found.complete or found.playing:
        return "whoever was at it crashed"
    return "it was made otherwise" if found.made_of != wanted.made_of else "it is not whole any more"


def _gone(processes: dict[str, Process]) -> str:
    return "\n".join(f"{name}: its program ended meanwhile" for name, process in processes.items() if not process.is_running)
