"""Processes that a number alone does not stand for, started and ended in namespaces."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scapy_rr.live.lab import processes
from scapy_rr.live.lab.network import MARK
from scapy_rr.live.lab.processes import Process, is_marked, last_lines, wait_until

from .machine import Machine, wait_for

GONE = 2**22 + 1
"""No process has this number."""


def test_this_process() -> None:
    here = Process.of(os.getpid())
    assert here
    assert here.is_running
    assert here.name
    assert not Process(here.pid, here.started + 1).is_running


def test_none() -> None:
    assert Process.of(GONE) is None
    assert Process(GONE, 1).name == ""
    assert Process(GONE, 1).exit_code() is None
    assert not is_marked(Process(GONE, 1), "mine")


def test_how_a_child_ends() -> None:
    pid = os.posix_spawnp("sh", ["sh", "-c", "exit 3"], os.environ)
    child = Process.of(pid) or Process(pid, 0)
    assert child.wait(20) == 3
    assert not child.is_running
    assert child.wait(1) is None


def test_a_child_that_does_not_end() -> None:
    pid = os.posix_spawnp("sleep", ["sleep", "1000"], os.environ)
    child = Process.of(pid)
    assert child
    start = time.monotonic()
    assert child.wait(0.1) is None
    assert time.monotonic() - start < 20
    os.kill(pid, signal.SIGTERM)
    assert child.wait(20) == -signal.SIGTERM


def test_the_mark_is_inherited() -> None:
    words = ["sh", "-c", "sleep 1000 & echo $!; wait"]
    with subprocess.Popen(words, env={**os.environ, MARK: "mine"}, stdout=subprocess.PIPE, text=True, start_new_session=True) as parent:
        try:
            assert parent.stdout
            child = Process.of(int(parent.stdout.readline()))
            assert child
            # While it becomes another program, it has no environment.
            wait_for(lambda: is_marked(child, "mine"))
            assert not is_marked(child, "min")
        finally:
            os.killpg(parent.pid, signal.SIGKILL)


def test_a_signal_goes_to_that_process_in_that_namespace_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither another process of this number nor one elsewhere gets it."""
    sent: list[int] = []
    monkeypatch.setattr(signal, "pidfd_send_signal", lambda handle, number: sent.append(number))
    here = Process.of(os.getpid())
    assert here
    processes.send(here, "no-such-namespace", signal.SIGTERM)
    processes.send(Process(GONE, 1), "no-such-namespace", signal.SIGTERM)
    assert sent == []


def test_what_is_said_last(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == ""
    log.write_bytes(b"one\ntwo\xff\nthree\n\n")
    assert last_lines(log, 2) == "two\ufffd\nthree"


def test_waiting() -> None:
    assert wait_until(lambda: True, 0)
    assert not wait_until(lambda: False, 0.05)


ENDS = """
import signal, sys, time
from pathlib import Path
from scapy_rr.live.lab.processes import Process, end, send, start, wait_until
deaf, other, home = Path("/run/deaf"), Path("/run/other"), "scapy-rr-mine-a"
stubborn = start("mine", home, ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"], deaf)
mild = start("mine", home, ["sleep", "1000"], other)
assert wait_until(lambda: "deaf" in deaf.read_text() and mild.name == "sleep", 20)
send(mild, "scapy-rr-mine-b", signal.SIGKILL)
send(Process(mild.pid, mild.started + 1), home, signal.SIGKILL)
time.sleep(0.2)
assert mild.is_running
ended, left = end([home], lambda process: process != mild)
assert stubborn in ended and left == [mild], (ended, left)
assert not stubborn.is_running
ended, left = end([home, "scapy-rr-mine-b"], lambda process: True)
assert (ended, left) == ([mild], []), (ended, left)
print("as it should be")
"""


def test_ended_in_a_namespace(machine: Machine) -> None:
    for host in "ab":
        assert machine.run("ip", "netns", "add", f"scapy-rr-mine-{host}").code == 0
    done = machine.run(sys.executable, "-c", ENDS)
    assert (done.code, done.out, done.err) == (0, "as it should be\n", "")
    for host in "ab":
        machine.run("ip", "netns", "delete", f"scapy-rr-mine-{host}")
