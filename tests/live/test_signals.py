"""The first signal is a wish; the second one works as it always did."""

import os
import signal

import pytest

from scapy_rr.live.signals import asked_to_end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_wish(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    asked: list[int] = []
    with asked_to_end(lambda: asked.append(1)):
        os.kill(os.getpid(), number)
        assert asked == [1]
        assert signal.getsignal(number) is before, "who is in a hurry is not kept"
    assert signal.getsignal(number) is before


def test_the_second_interrupt_interrupts() -> None:
    asked: list[int] = []
    with pytest.raises(KeyboardInterrupt), asked_to_end(lambda: asked.append(1)):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert asked == [1]


def test_without_one_nothing_stays() -> None:
    before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with asked_to_end(lambda: None):
        assert signal.getsignal(signal.SIGTERM) is not before[1]
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before
