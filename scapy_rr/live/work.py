"""A live proxy from its start to its end: signals, reading its configuration again, following the interfaces' addresses."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Callable, Iterable, Iterator

from ..errors import ScapyRRError
from ..proxy.router import Router
from ..rr.listener import Listener
from .frames import FrameProxy
from .proxy import LiveProxy
from .signals import asked_to_end

log = logging.getLogger("scapy_rr")

_LOOK_EVERY = 2.0


async def work(proxy: LiveProxy, make: Callable[[], Router], seconds: float | None = None, follow: bool = False) -> None:
    """Open a proxy and let it work until SIGINT, SIGTERM, or the time is over; what is in hand is finished.

    :param make: makes the router again, for SIGHUP and for other addresses.
    :param seconds: for how long; ``None`` for ever.
    :param follow: whether to look for addresses that come and go.
    :raises LiveError: where a listener cannot be opened.
    """
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    await proxy.open()
    tasks = [asyncio.ensure_future(_follow(proxy, make))] if follow else []
    again: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_replace(proxy, make, "SIGHUP"))
        again.add(task)
        task.add_done_callback(again.discard)

    for ending in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(ending, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    try:
        await proxy.serve(stop)
    finally:
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(one)
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await proxy.close()


async def _replace(proxy: LiveProxy, make: Callable[[], Router], why: str = "") -> None:
    """Let a proxy go on with a router that is made anew; see :func:`_other`."""
    with _keeping_the_old_one(why):
        before = _listeners(proxy.router)
        if router := _other(make, before, why):
            await _move(proxy, router)
            _tell(why, before, _listeners(router))


def _replace_on_frames(proxy: FrameProxy, make: Callable[[], Router], why: str, claim: Callable[[Iterable[Listener]], object]) -> None:
    """The same of a proxy on frames."""
    with _keeping_the_old_one(why):
        before = proxy.listeners
        if router := _other(make, before, why):
            claim(_listeners(router))
            proxy.replace(router)
            _tell(why, before, _listeners(router))


def _other(make: Callable[[], Router], before: Iterable[Listener], why: str) -> Router | None:
    """A router made anew; ``None`` where only other listeners were worth it, and they are the same.

    :param why: what asked for it; empty where nobody did, and the interfaces' addresses may be others.
    """
    router = make()
    return router if why or set(before) != set(_listeners(router)) else None


@contextlib.contextmanager
def _keeping_the_old_one(why: str) -> Iterator[None]:
    """Nothing changes, and it is said, where the new configuration does not load, or its listeners cannot be opened."""
    try:
        yield
    except ScapyRRError as error:
        log.error("%s: the old configuration stays: %s", why or "the interfaces' addresses", error)


def _tell(why: str, before: Iterable[Listener], now: Iterable[Listener]) -> None:
    """Say what is new."""
    if why:
        log.warning("%s: the configuration was read again", why)
        return
    for listener in set(now) - set(before):
        log.warning("listening at %s, whose address came", listener)
    for listener in set(before) - set(now):
        log.warning("no more listening at %s, whose address went", listener)


def _listeners(router: Router) -> tuple[Listener, ...]:
    assert router.rr is not None
    return router.rr.identity.listeners


async def _move(proxy: LiveProxy, router: Router) -> None:
    """Listen where the new router does, and no more where it does not. :raises LiveError: where that cannot be; then nothing changes."""
    before, wanted = set(_listeners(proxy.router)), _listeners(router)
    opened: list[Listener] = []
    try:
        for listener in wanted:
            if listener not in before:
                await proxy.bind(listener)
                opened.append(listener)
    except ScapyRRError:
        for listener in opened:
            proxy.unbind(listener)
        raise
    proxy.router = router
    for listener in before - set(wanted):
        proxy.unbind(listener)


async def _follow(proxy: LiveProxy, make: Callable[[], Router]) -> None:
    """Look again and again which addresses there are, and listen there."""
    while True:
        await asyncio.sleep(_LOOK_EVERY)
        await _replace(proxy, make)


def work_on_frames(
    proxy: FrameProxy,
    make: Callable[[], Router],
    seconds: float | None = None,
    follow: bool = False,
    claim: Callable[[Iterable[Listener]], object] = lambda listeners: None,
) -> None:
    """Let a proxy work on frames until SIGINT, SIGTERM, or the time is over; see :func:`work`.

    :param claim: called with the listeners before others than those at the start are worked for (:meth:`Mute.claim`).
    """
    asked: set[str] = set()

    def end() -> None:
        asked.add("end")
        proxy.stop()

    deadline = None if seconds is None else time.monotonic() + seconds
    look_at = time.monotonic() + _LOOK_EVERY
    with asked_to_end(end), _hangup(lambda: asked.add("again")):
        while "end" not in asked and (left := _LOOK_EVERY if deadline is None else deadline - time.monotonic()) > 0:
            proxy.step(min(left, 1.0))
            due = follow and time.monotonic() >= look_at
            if "again" in asked or due:
                _replace_on_frames(proxy, make, "SIGHUP" if "again" in asked else "", claim)
                asked.discard("again")
                look_at = time.monotonic() + _LOOK_EVERY
        proxy.run(0)


@contextlib.contextmanager
def _hangup(again: Callable[[], object]) -> Iterator[None]:
    before = signal.signal(signal.SIGHUP, lambda number, frame: again())
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
