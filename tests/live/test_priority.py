"""Whoever wants to wake up in time is let, as far as the system allows, and is what it was before afterwards."""

import os
from pathlib import Path

import pytest

from scapy_rr.live.priority import punctual


def state() -> tuple[int, str]:
    """How this process is scheduled, and its timer slack."""
    slack = Path("/proc/self/timerslack_ns")
    return os.sched_getscheduler(0), slack.read_text().strip() if slack.exists() else ""


@pytest.mark.parametrize("realtime", [False, True])
def test_it_is_as_it_was_afterwards(realtime: bool) -> None:
    before = state()
    with pytest.raises(KeyboardInterrupt), punctual(realtime):
        raise KeyboardInterrupt
    assert state() == before


def test_what_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "sched_setscheduler", lambda pid, policy, param: asked.append((policy, param.sched_priority)))
    with punctual(False):
        assert asked == []
    with punctual(True):
        assert asked == [(os.SCHED_RR, 1)]
    assert asked == [(os.SCHED_RR, 1), (os.SCHED_OTHER, 0)]


def test_without_the_right_to(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def refuse(*arguments: object) -> None:
        calls.append(arguments)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    with punctual(True):
        pass
    assert len(calls) == 1
