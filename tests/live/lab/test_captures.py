"""A capture on every link."""

from pathlib import Path

import pytest

from scapy_rr.live.lab import captures as module
from scapy_rr.live.lab.captures import Captures
from scapy_rr.live.lab.description import load

from .machine import Machine


@pytest.fixture
def captures(tmp_path: Path) -> Captures:
    """Those of the simplest lab, of which none is started."""
    return Captures(load("basic-call"), tmp_path)


def test_one_for_each_link(captures: Captures, tmp_path: Path) -> None:
    assert list(captures.files.values()) == [tmp_path / "caller-proxy.pcap", tmp_path / "proxy-callee.pcap"]


def test_they_have_settled_once_nothing_comes(captures: Captures, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in captures.files.values():
        file.write_bytes(b"")
    waits = 0

    def wait(condition: object, seconds: float) -> bool:
        nonlocal waits
        waits += 1
        if waits < 4:
            next(iter(captures.files.values())).write_bytes(bytes(waits))
        return False

    monkeypatch.setattr(module, "wait_until", wait)
    captures.settle()
    assert waits == 4


def test_what_the_kernel_dropped_is_counted(captures: Captures, tmp_path: Path) -> None:
    assert captures.dropped() == 0
    (tmp_path / "caller-proxy.log").write_text("5 packets captured\n6 packets received by filter\n1 packet dropped by kernel\n")
    (tmp_path / "proxy-callee.log").write_text("5 packets captured\n12 packets dropped by kernel\n")
    assert captures.dropped() == 13


def test_kept(machine: Machine, tmp_path: Path) -> None:
    done = machine.lab("run", "--proxy", "kamailio", "-w", tmp_path / "kept")
    assert done.code == 0
    kept = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert kept == ["caller-proxy.pcap", "proxy-callee.pcap"]
    assert b"INVITE sip:callee@10.0.0.9:5060 SIP/2.0\r\n" in (tmp_path / "kept" / "caller-proxy.pcap").read_bytes()


def test_where_they_cannot_be_kept(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    before = machine.snapshot()
    done = machine.lab("run", "--proxy", "kamailio", "-w", tmp_path / "file")
    assert (done.code, done.out, done.err) == (2, "", f"scapy-rr: {tmp_path}/file: File exists\n")
    assert machine.snapshot() == before
