"""SIGINT and SIGTERM as the wish to come to an end: what is in hand is finished, and the summary is told."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def asked_to_end(stop: Callable[[], object]) -> Iterator[None]:
    """Have the signals call ``stop``. The second one does what it did before, so that who is in a hurry is not kept."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for one, handler in before.items():
            signal.signal(one, handler)

    def asked(number: int, frame: FrameType | None) -> None:
        restore()
        stop()

    for one in before:
        signal.signal(one, asked)
    try:
        yield
    finally:
        restore()
