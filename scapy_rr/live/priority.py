"""A process that wakes up when it wanted to: what the kernel offers for that, as far as it lets us, and back again."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TIMER_SLACK = Path("/proc/self/timerslack_ns")


@contextmanager
def punctual(realtime: bool) -> Iterator[None]:
    """Within it a sleep ends when it should, and not up to 0.1 ms later.

    :param realtime: whether to come before everything on this machine that is not, too (``SCHED_RR``, lowest priority), where we may. Only
        for who sleeps for most of the time.
    """
    with suppress(OSError):
        # In nanoseconds; 0 is what the process began with.
        _TIMER_SLACK.write_text("1000")
    before = _scheduling(os.SCHED_RR, 1) if realtime and hasattr(os, "sched_setscheduler") else None
    try:
        yield
    finally:
        if before:
            _scheduling(*before)
        with suppress(OSError):
            _TIMER_SLACK.write_text("0")


def _scheduling(policy: int, priority: int) -> tuple[int, int] | None:
    """Be scheduled that way. :returns: how it was before; ``None`` where we may not."""
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    try:
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return None
    return before
