"""A live proxy from its start to its end: signals, reading its configuration again, following the interfaces' addresses."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from ..errors import ScapyRRError
from ..proxy.router import Router
from ..rr.listener import Listener
from .proxy import LiveProxy, listeners_of

log = logging.getLogger("scapy_rr")

_LOOK_EVERY = 2.0


async def work(proxy: LiveProxy, make: Callable[[], Router] | None = None, seconds: float | None = None, follow: bool = False) -> None:
    """Open a proxy and let it work until SIGINT, SIGTERM, or the time is over; what is in hand is finished.

    :param make: makes the router again, for SIGHUP and for other addresses; without it SIGHUP is not for us.
    :param seconds: for how long; ``None`` for ever.
    :param follow: whether to look for addresses that come and go.
    :raises LiveError: where a listener cannot be opened, or the system reports a fault of an interface.
    """
    loop, stop, again = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    asked, tasks = {signal.SIGINT: stop, signal.SIGTERM: stop}, []
    await proxy.open()
    if make:
        asked[signal.SIGHUP] = again
        tasks.append(loop.create_task(_renew(proxy, make, again, follow)))
    before = {one: signal.getsignal(one) for one in asked}
    for one, event in asked.items():
        loop.add_signal_handler(one, event.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    try:
        await proxy.serve(stop)
    finally:
        for one, handler in before.items():
            loop.remove_signal_handler(one)
            signal.signal(one, handler)
        for task in tasks:
            task.cancel()
            await asyncio.wait([task])
        await proxy.close()


async def _renew(proxy: LiveProxy, make: Callable[[], Router], again: asyncio.Event, follow: bool) -> None:
    """Have a proxy go on with a router made anew whenever that is asked for, and, where addresses are followed, when they have changed."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(again.wait(), _LOOK_EVERY if follow else None)
        why = "SIGHUP" if again.is_set() else ""
        again.clear()
        try:
            before, router = set(listeners_of(proxy.router)), make()
            if why or before != set(listeners_of(router)):
                await proxy.replace(router)
                _tell(why, before, set(listeners_of(router)))
        except ScapyRRError as error:
            log.error("%s: the old configuration stays: %s", why or "the interfaces' addresses", error)


def _tell(why: str, before: set[Listener], now: set[Listener]) -> None:
    """Say what is new."""
    if why:
        log.warning("%s: the configuration was read again", why)
        return
    for listener in now - before:
        log.warning("listening at %s, whose address came", listener)
    for listener in before - now:
        log.warning("no more listening at %s, whose address went", listener)
