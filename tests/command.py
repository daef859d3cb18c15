"""Runs the command, in this process or as one of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from scapy_rr.cli import main

ROOT = Path(__file__).parent.parent
PLAIN = ROOT / "pcaps" / "plain-call.pcap"
LISTEN = ("--listen", "udp:10.0.0.1:5060", "--no-via")
"""A proxy of which the rr module alone works, so that what leaves is told byte by byte."""


class Ran(NamedTuple):
    """What came of it."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The output's lines, blanks made one."""
        return [" ".join(line.split()) for line in self.out.splitlines()]


class Command:
    """``scapy-rr`` in this process.

    :param capsys: catches what it prints.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: object) -> Ran:
        """Run it with these arguments."""
        self._monkeypatch.setattr(sys, "argv", ["scapy-rr", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        code: Any = left.value.code
        return Ran(code or 0, *self._capsys.readouterr())


def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
    """Start it as a process of its own, in a session of its own."""
    command = [sys.executable, "-m", "scapy_rr.cli", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment, start_new_session=True, **options)


def run(*arguments: object, **options: Any) -> Ran:
    """Run it as a process of its own."""
    with start(*arguments, **options) as process:
        out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)
