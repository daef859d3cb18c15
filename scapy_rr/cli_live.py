"""The command that routes live: by sockets of its own, or by whole frames."""

import json
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .capture import report
from .cli_options import AsJson, takes_config
from .config import Config, choose
from .errors import ConfigError

if TYPE_CHECKING:
    from .live.proxy import LiveProxy


class Inject(Enum):
    """How what is routed leaves."""

    SOCKET = "socket"
    """By a socket bound to the send listener."""
    FRAME = "frame"
    """As a whole frame, at layer 2."""


Interfaces = Annotated[list[str] | None, typer.Option("--iface", help="An interface to work on, and to listen on without --listen.")]
Seconds = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="Stop after so many seconds.", min=0)]


@takes_config
def run(
    settings_of: Callable[[], Config],
    iface: Interfaces = None,
    inject: Annotated[str, typer.Option(help="How messages leave: socket (the kernel sends them) or frame (at layer 2).")] = "socket",
    follow: Annotated[bool, typer.Option("--follow", help="Follow addresses that come and go, where --listen names none.")] = False,
    metrics: Annotated[str | None, typer.Option(metavar="ADDR:PORT", help="Serve Prometheus metrics there.")] = None,
    seconds: Seconds = None,
    as_json: AsJson = False,
) -> None:
    """Route what arrives at the listeners, live, and send it on."""
    how = choose(Inject, inject, "--inject")
    live_settings = partial(_settings, settings_of, tuple(iface or ()))
    if how is Inject.FRAME:
        raise ConfigError("--inject frame: not yet")
    # What the other commands have no use for.
    import asyncio

    from .live.metrics import Metrics, serve
    from .live.proxy import LiveProxy
    from .live.work import work

    proxy = LiveProxy(live_settings().router())
    server = serve(Metrics(lambda: proxy.summary, partial(_gauges, proxy)), metrics)[0] if metrics else None
    try:
        asyncio.run(work(proxy, lambda: live_settings().router(), seconds, follow))
    finally:
        if server:
            server.shutdown()
            server.server_close()
    _show(proxy, as_json)


def _settings(settings_of: Callable[[], Config], ifaces: tuple[str, ...]) -> Config:
    """The configuration of a live proxy: listening on its interfaces if nobody says where, and asking the DNS if nobody forbids it."""
    settings = settings_of()
    if ifaces and settings.is_silent:
        settings = replace(settings, interfaces=ifaces)
    return replace(settings, dns=True) if settings.dns is None else settings


def _gauges(proxy: "LiveProxy") -> dict[str, float]:
    streams = {f"tcp_{'_'.join(what.split()).replace(':', '')}": float(number) for what, number in list(proxy.streams.counts.items())}
    return {
        "kernel_drops": proxy.kernel_drops,
        "tcp_connections": len(proxy.streams),
        "transactions": len(proxy.router.transactions),
        **streams,
    }


def _show(proxy: "LiveProxy", as_json: bool) -> None:
    """Print what was done."""
    console, more = report.console(), {**proxy.streams.counts, "dropped by the kernel": proxy.kernel_drops}
    told = {what: number for what, number in more.items() if number}
    if as_json:
        summary: dict[str, Any] = {**proxy.summary.as_dict(), "counts": told}
        console.print_json(json.dumps(summary))
        return
    console.print(report.summary_table(proxy.summary))
    for what, number in told.items():
        console.print(f"{number:,}  {what}")
