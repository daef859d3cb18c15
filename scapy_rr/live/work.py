"""A live proxy from its start to its end: signals, reading its configuration again, following the interfaces' addresses."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable

from ..errors import ScapyRRError
from ..proxy.router import Router
from ..rr.listener import Listener
from .proxy import LiveProxy

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
        task = loop.create_task(replace_router(proxy, make, "SIGHUP"))
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


async def replace_router(proxy: LiveProxy, make: Callable[[], Router], why: str) -> None:
    """Let a proxy go on with a router that is made anew; with the old one, where that does not load or its listeners cannot be opened."""
    try:
        router = make()
        await _move(proxy, router)
    except ScapyRRError as error:
        log.error("%s: the old configuration stays: %s", why, error)
        return
    log.warning("%s: the configuration was read again", why)


async def _move(proxy: LiveProxy, router: Router) -> None:
    """Listen where the new router does, and no more where it does not. :raises LiveError: where that cannot be; then nothing changes."""
    assert router.rr is not None and proxy.router.rr is not None
    before, wanted = set(proxy.router.rr.identity.listeners), router.rr.identity.listeners
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
        try:
            router = make()
        except ScapyRRError as error:
            log.warning("the interfaces' addresses cannot be followed now: %s", error)
            continue
        assert router.rr is not None and proxy.router.rr is not None
        before, now = set(proxy.router.rr.identity.listeners), set(router.rr.identity.listeners)
        if before == now:
            continue
        try:
            await _move(proxy, router)
        except ScapyRRError as error:
            log.warning("an address that came cannot be listened at: %s", error)
            continue
        for listener in now - before:
            log.warning("listening at %s, whose address came", listener)
        for listener in before - now:
            log.warning("no more listening at %s, whose address went", listener)
