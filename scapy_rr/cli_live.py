"""The command that routes live: by sockets of its own, or by whole frames."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from .capture import report
from .capture.summary import Summary
from .cli_options import AsJson, takes_config
from .config import Config, choose
from .errors import ConfigError
from .proxy.router import Router

if TYPE_CHECKING:
    from .live.pacing import Lateness
    from .live.proxy import LiveProxy


class Inject(Enum):
    """How what is routed leaves."""

    SOCKET = "socket"
    """By a socket bound to the send listener."""
    FRAME = "frame"
    """As a whole frame, at layer 2."""


Interfaces = Annotated[list[str] | None, typer.Option("--iface", help="An interface to work on, and to listen on without --listen.")]
Macs = Annotated[
    list[str] | None, typer.Option("--mac", metavar="ADDRESS=MAC", help="frame: the MAC address of an IP address, or of the gateway to it.")
]
Seconds = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop after so many seconds.", min=0)]


@takes_config
def run(
    settings_of: Callable[[], Config],
    iface: Interfaces = None,
    inject: Annotated[str, typer.Option(help="How messages leave: socket (the kernel sends them) or frame (UDP at layer 2).")] = "socket",
    bridge: Annotated[
        bool, typer.Option("--bridge", help="frame: let everything that is not SIP for a listener pass between the two interfaces.")
    ] = False,
    mac: Macs = None,
    follow: Annotated[bool, typer.Option("--follow", help="Follow addresses that come and go, where --listen names none.")] = False,
    metrics: Annotated[str | None, typer.Option(metavar="ADDR:PORT", help="Serve Prometheus metrics there.")] = None,
    seconds: Seconds = None,
    as_json: AsJson = False,
) -> None:
    """Route what arrives at the listeners, live, and send it on."""
    how = choose(Inject, inject, "--inject")
    if how is Inject.SOCKET and (bridge or mac):
        raise ConfigError("--bridge and --mac are for --inject frame: with sockets the kernel finds the way")
    live_settings = partial(_settings, settings_of, tuple(iface or ()))

    def make() -> Router:
        return live_settings().router()

    # What the other commands have no use for.
    import asyncio

    from .live.work import work

    lateness = _lateness(metrics)
    frames = (iface or [], bridge, mac or []) if how is Inject.FRAME else None
    with _proxy(make(), lateness, frames) as proxy:
        with _served(metrics, proxy, lateness):
            asyncio.run(work(proxy, make, seconds, follow))
        summary, counts = proxy.summary, proxy.counts
    _show(summary, counts, as_json)


@contextmanager
def _proxy(router: Router, lateness: "Lateness | None", frames: tuple[list[str], bool, list[str]] | None) -> Iterator["LiveProxy"]:
    """The proxy.

    :param frames: the interfaces, whether they are a bridge, and MAC addresses; ``None`` for a proxy on sockets.
    """
    from .live.proxy import LiveProxy

    if frames is None:
        yield LiveProxy(router, lateness)
        return
    from .live.frames import FrameProxy
    from .live.mixed import MixedProxy
    from .live.neighbours import read_table

    ifaces, bridge, macs = frames
    with FrameProxy(router, ifaces, read_table(macs), bridge=bridge, lateness=lateness) as made:
        yield MixedProxy(router, made)


@contextmanager
def _served(where: str | None, proxy: "LiveProxy", lateness: "Lateness | None") -> Iterator[None]:
    """Metrics while a proxy works, if somebody wants them."""
    if where is None:
        yield
        return
    from .live.metrics import Metrics, serve

    def gauges() -> dict[str, float]:
        return {**_named(proxy.counts), "tcp_connections": len(proxy.streams), "transactions": len(proxy.router.transactions)}

    server, _ = serve(Metrics(lambda: proxy.summary, gauges, lateness), where)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def _lateness(metrics: str | None) -> "Lateness | None":
    """Where it is counted, if somebody wants metrics."""
    if metrics is None:
        return None
    from .live.metrics import LATENESS_STEP
    from .live.pacing import Lateness

    return Lateness(LATENESS_STEP)


def _settings(settings_of: Callable[[], Config], ifaces: tuple[str, ...]) -> Config:
    """The configuration of a live proxy: listening on its interfaces if nobody says where, and asking the DNS if nobody forbids it."""
    settings = settings_of()
    if ifaces and settings.is_silent:
        settings = replace(settings, interfaces=ifaces)
    return replace(settings, dns=True) if settings.dns is None else settings


def _named(counts: dict[str, int]) -> dict[str, float]:
    """Counts by names as Prometheus wants them."""
    return {re.sub(r"\W+", "_", what).strip("_").lower(): float(number) for what, number in counts.items()}


def _show(summary: Summary, counts: dict[str, int], as_json: bool) -> None:
    """Print what was done."""
    console, told = report.console(), {what: number for what, number in counts.items() if number}
    if as_json:
        console.print_json(json.dumps({**summary.as_dict(), "counts": told}))
        return
    console.print(report.summary_table(summary))
    for what, number in told.items():
        console.print(escape(report.visible(f"{number:,}  {what}")))
