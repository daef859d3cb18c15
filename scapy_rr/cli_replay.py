"""The command that sends a routed capture out of an interface."""

import json
import math
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import typer
from rich.markup import escape
from rich.table import Table

from .capture import report
from .capture.place import Emit
from .capture.rewrite import rewrite
from .capture.routing import CaptureRouter
from .capture.summary import Summary
from .cli_options import AsJson, Port, Source, check_addressed, complain, processes_for, resolve_auto, takes_config, where_sip_goes
from .config import Config, choose
from .errors import ConfigError, LiveError
from .live.interface import Interface
from .live.neighbours import Neighbours, read_table, spell_mac
from .live.outgoing import Destination, Outgoing, prepare, survey
from .live.pacing import MILLISECOND, SECOND
from .live.replay import Pacing, Replay, Replayed
from .live.sender import Refused, Sender

_MOST_SHOWN = 10
_BAR = 16

Iface = Annotated[str, typer.Option(help="The interface to send on.")]
What = Annotated[
    str,
    typer.Option(
        help="What is sent: only (the routed frames: what the proxy would send), replace (the whole capture, each routed frame in its "
        "original's place) or append (each routed frame behind its original)."
    ),
]
Speed = Annotated[float | None, typer.Option(help="So many times as fast as it was captured; 1 unless told otherwise.")]
Pps = Annotated[float | None, typer.Option(help="So many frames in a second, evenly, in the place of the capture's own timing.")]
TopSpeed = Annotated[bool, typer.Option("--topspeed", help="As fast as it goes.")]
Loop = Annotated[int, typer.Option(help="Send it so often; 0: until interrupted.")]
NewIdentifiers = Annotated[
    bool, typer.Option("--fresh", help="New Call-IDs, branches and tags in each loop, each alike wherever it stands.")
]
Macs = Annotated[
    list[str] | None, typer.Option("--mac", metavar="ADDRESS=MAC", help="The MAC address of an IP address, or of the gateway to it.")
]
Arp = Annotated[bool, typer.Option("--arp/--no-arp", help="Ask for MAC addresses that no --mac gives; or send with those captured.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Send nothing and ask nobody: say what would be sent.")]


class _Way(NamedTuple):
    """How frames get from the capture to the interface, and what is told of it."""

    source: Path
    interface: Interface
    emit: Emit
    table: dict[bytes, bytes]
    ask: bool
    dry_run: bool
    port: list[int] | None
    as_json: bool


@takes_config
def replay(
    settings: Config,
    source: Source,
    iface: Iface,
    port: Port = None,
    emit: What = "only",
    speed: Speed = None,
    pps: Pps = None,
    topspeed: TopSpeed = False,
    loop: Loop = 1,
    fresh: NewIdentifiers = False,
    mac: Macs = None,
    arp: Arp = True,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send a capture with routing applied out of an interface."""
    pacing = _pacing(speed, pps, topspeed, loop)
    how, table = choose(Emit, emit, "--emit"), read_table(mac or ())
    way = _Way(source, Interface.find(iface), how, table, arp, dry_run, port, as_json)
    settings = resolve_auto(settings, [source], port)
    router = CaptureRouter(settings.router(), port or ())
    accept = check_addressed([source], port) if settings.is_silent else lambda summary: None
    with TemporaryDirectory(prefix="scapy-rr-") as folder:
        make_ready = partial(_make_ready, way, Path(folder), router, accept)
        if dry_run:
            summary, outgoing = make_ready()
            _tell(way, summary, outgoing, _plan(outgoing, pacing))
        else:
            summary = _send(way, make_ready, pacing, fresh)
    if summary.cut:
        complain(f"{summary.cut}; every whole frame before it was {'read' if dry_run else 'sent'}")
        raise typer.Exit(2)


def _send(way: _Way, make_ready: Callable[[], tuple[Summary, Outgoing]], pacing: Pacing, fresh: bool) -> Summary:
    """Send it, and tell what was sent, whatever comes between."""
    # Opened first: who may not send is told so at once.
    with Sender(way.interface, pacing.topspeed) as sender:
        summary, outgoing = make_ready()
        gauge = _Gauge(outgoing.frames * pacing.loops)
        at_work = Replay(outgoing, sender, pacing, fresh, gauge.show)
        try:
            at_work.run()
        finally:
            gauge.close()
            _tell(way, summary, outgoing, at_work.done)
    return summary


def _pacing(speed: float | None, pps: float | None, topspeed: bool, loop: int) -> Pacing:
    """How fast and how often. :raises ConfigError: for options that do not go together, or are no such numbers."""
    given = [name for name, there in (("--speed", speed is not None), ("--pps", pps is not None), ("--topspeed", topspeed)) if there]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)}: one of --speed, --pps and --topspeed says how fast")
    for name, value in (("--speed", speed), ("--pps", pps)):
        if value is not None and not (value > 0 and math.isfinite(value)):
            raise ConfigError(f"{name} is a number above 0, not {value:g}")
    if loop < 0:
        raise ConfigError(f"--loop is how often, or 0 for until interrupted, not {loop}")
    return Pacing(speed or 1.0, pps, topspeed, loop)


def _make_ready(way: _Way, folder: Path, router: CaptureRouter, accept: Callable[[Summary], object]) -> tuple[Summary, Outgoing]:
    """Route the capture, find out where its frames go, and write them as they leave."""
    source, routed = way.source, folder / "routed"
    processes = processes_for([source])
    with _interruptible(source):
        with report.ProgressBar(source.name) as bar:
            summary = rewrite([source], routed, router, way.emit, False, bar.step, accept, processes)
        destinations = survey(routed)
        neighbours = Neighbours(way.interface, way.table)
        if way.ask and not way.dry_run:
            neighbours.ask(destinations)
        for address, one in destinations.items():
            one.neighbour = neighbours.find(address, time.monotonic())
        with report.ProgressBar("making frames ready") as bar:
            outgoing = prepare(routed, folder / "outgoing", way.interface.mac, destinations, bar.step)
        routed.unlink()
    if outgoing.unaddressed and not way.dry_run:
        names = ", ".join(str(ip_address(address)) for address in outgoing.unaddressed[:_MOST_SHOWN])
        raise LiveError(f"{source} has frames without an Ethernet header, and no MAC address is known for {names}: give --mac ADDRESS=MAC")
    return summary, outgoing


@contextmanager
def _interruptible(source: Path) -> Iterator[None]:
    """Nothing was sent yet."""
    try:
        yield
    except KeyboardInterrupt:
        complain(f"interrupted; nothing of {source} was sent")
        raise typer.Exit(130) from None


def _plan(outgoing: Outgoing, pacing: Pacing) -> dict[str, Any]:
    """What would be sent."""
    seconds: float | None = None
    if pacing.pps:
        seconds = outgoing.frames * pacing.loops / pacing.pps
    elif not pacing.topspeed:
        seconds = (outgoing.span * pacing.loops + outgoing.gap * (pacing.loops - 1)) / pacing.speed / SECOND
    return {
        "frames": outgoing.frames * pacing.loops if pacing.loops else None,
        "bytes": outgoing.size * pacing.loops if pacing.loops else None,
        "loops": pacing.loops,
        "seconds": seconds if pacing.loops else None,
    }


def _tell(way: _Way, summary: Summary, outgoing: Outgoing, done: Replayed | dict[str, Any]) -> None:
    """Print what was sent, or what would be."""
    console, rows = report.console(), _rows(outgoing, way)
    if way.as_json:
        told = done if isinstance(done, dict) else done.as_dict()
        left_out = {reason: asdict(one) for reason, one in outgoing.left_out.items()}
        told = {"capture": summary.as_dict(), "would_send" if way.dry_run else "sent": told, "left_out": left_out, "destinations": rows}
        console.print_json(json.dumps(told))
        return
    console.print(report.summary_table(summary))
    if not summary.addressed and not summary.cut:
        console.print(escape(f"Nothing is addressed to a listener. {where_sip_goes([way.source], way.port)}"))
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    for number, text in [*(_planned(done) if isinstance(done, dict) else _sent(done)), *_not_sent(outgoing.left_out)]:
        table.add_row(number, escape(text))
    for row in rows[:_MOST_SHOWN]:
        mac = f"{row['mac']} ({row['from']})" if row["mac"] else row["from"]
        table.add_row(f"{row['frames']:,}", f"to {row['address']}, MAC {mac}")
    if len(rows) > _MOST_SHOWN:
        table.add_row(f"{sum(row['frames'] for row in rows[_MOST_SHOWN:]):,}", f"to {len(rows) - _MOST_SHOWN:,} other addresses")
    console.print(table)


def _rows(outgoing: Outgoing, way: _Way) -> list[dict[str, Any]]:
    """The destinations, those with the most frames first."""
    asks = way.dry_run and way.ask and way.interface.has_arp

    def known_from(one: Destination) -> str:
        if one.neighbour:
            return one.neighbour.how.value
        return "to be asked for" if asks else "as captured" if one.has_header else "not known"

    return [
        {
            "address": str(ip_address(address)),
            "frames": one.frames,
            "mac": spell_mac(one.neighbour.mac) if one.neighbour else None,
            "from": known_from(one),
        }
        for address, one in sorted(outgoing.destinations.items(), key=lambda item: -item[1].frames)
    ]


def _planned(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if plan["loops"] == 0:
        yield "", "would be sent, without an end"
        return
    took = "as fast as it goes" if plan["seconds"] is None else f"in {plan['seconds']:,.3f} s"
    yield f"{plan['frames']:,}", f"would be sent, {plan['bytes']:,} bytes, {took}"


def _sent(done: Replayed) -> Iterator[tuple[str, str]]:
    ended = ", interrupted" if done.interrupted else ""
    loops = f", {done.loops:,} whole loops" if done.loops != 1 else ""
    yield f"{done.frames:,}", f"sent in {done.seconds:,.3f} s{ended}: {done.rate:,.0f} frames/s, {done.size:,} bytes{loops}"
    if late := done.lateness:
        usual, worst = (time / MILLISECOND for time in (late.of_share(0.99), late.most))
        yield (
            f"{late.share_within(MILLISECOND):.2%}",
            f"within 1 ms of their time; 99 % within {usual:.2f} ms, the latest {worst:.2f} ms late",
        )
    yield from _not_sent(done.refused)
    for reason, one in done.stale.items():
        yield f"{one.frames:,}", f"sent with their old identifiers: {reason} (first is frame {one.first})"


def _not_sent(refused: dict[str, Refused]) -> Iterator[tuple[str, str]]:
    for reason, one in refused.items():
        yield f"{one.frames:,}", f"not sent: {reason} (first is frame {one.first})"


class _Gauge:
    """How far the sending has come, in one line that is cheap to draw: what draws longer makes frames late. On a terminal only.

    :param total: frames in all; 0 where there is no end.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._shown = report.console(stderr=True).is_terminal

    def show(self, done: Replayed) -> None:
        """Draw it over the last one."""
        if not self._shown:
            return
        share = min(done.tried / self._total, 1.0) if self._total else 0.0
        bar = f"[{'#' * int(share * _BAR):-<{_BAR}}] {share:4.0%}  " if self._total else ""
        late = f"  99 % within {done.lateness.of_share(0.99) / MILLISECOND:.2f} ms" if done.lateness else ""
        line = f"{bar}{done.tried:,} frames  {done.rate:,.0f}/s{late}"
        sys.stderr.write(f"\r\x1b[K{line[: shutil.get_terminal_size().columns - 1]}")
        sys.stderr.flush()

    def close(self) -> None:
        """Take it off."""
        if self._shown:
            sys.stderr.write("\r\x1b[K")
