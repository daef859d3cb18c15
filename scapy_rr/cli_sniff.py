"""The command that shows SIP as it comes by on an interface."""

import json
from contextlib import ExitStack
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .capture import report
from .capture.explain import Explanation, call_id, difference, first_line, verdict
from .capture.messages import RESPONSE
from .cli_options import AsJson, complain, takes_config
from .config import Config
from .live.keep import Keeper, check
from .live.mute import Mute, no_resets, remove_leftovers
from .live.raw import SIP_BEARING
from .live.signals import asked_to_end
from .live.sniffer import Sniffed, Sniffer

Iface = Annotated[list[str], typer.Option(help="The interface to watch; several times for several.")]
Detail = Annotated[bool, typer.Option("--detail", help="Tell each message's trace, and what would change in it.")]
Write = Annotated[Path | None, typer.Option("-w", "--write", metavar="FILE", help="Keep every captured frame in this pcap file.")]
Force = Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")]
Filter = Annotated[str | None, typer.Option("--filter", metavar="EXPRESSION", help="Watch only what this BPF expression lets pass.")]
Count = Annotated[int, typer.Option(help="End after so many messages; 0: after none.", min=0)]
Seconds = Annotated[float | None, typer.Option("--for", metavar="SECONDS", help="End after so long.", min=0)]
NoReset = Annotated[
    bool, typer.Option("--no-rst", help="Stop the kernel's RST from our TCP listeners by a rule of nftables, as long as this runs.")
]


@takes_config
def sniff(
    settings: Config,
    iface: Iface,
    detail: Detail = False,
    write: Write = None,
    force: Force = False,
    bpf: Filter = None,
    count: Count = 0,
    seconds: Seconds = None,
    no_rst: NoReset = False,
    as_json: AsJson = False,
) -> None:
    """Show SIP as it comes by: each message with what would be done with it, and why."""
    router = settings.router()
    assert router.rr is not None
    if write:
        # Told at once, not when the first frame comes.
        check(write, force)
    show = _show_json if as_json else _show_detail if detail else _Lines(len(set(iface)) > 1).show
    with ExitStack() as held:
        sniffer = held.enter_context(Sniffer(router, iface, SIP_BEARING if bpf is None else bpf))
        keeper = held.enter_context(Keeper(write, sniffer.link_types, force)) if write else None
        sniffer.keep = keeper.add if keeper else None
        remove_leftovers()
        listeners = router.rr.identity.listeners
        if not settings.is_silent:
            _offer(held.enter_context(Mute(listeners)), no_rst)
        if no_rst and (command := held.enter_context(no_resets(listeners))):
            complain(f"the kernel's RST is stopped as long as this runs; by hand: {command}")
        complain(f"watching {', '.join(dict.fromkeys(iface))}")
        with asked_to_end(sniffer.stop):
            for number, sniffed in enumerate(islice(sniffer.messages(seconds), count or None), 1):
                show(number, sniffed)
        _sum_up(sniffer, keeper, as_json)


def _offer(mute: Mute, no_rst: bool) -> None:
    if mute.reset and not no_rst:
        complain(f"nobody listens at {', '.join(map(str, mute.reset))}: the kernel answers with RST; --no-rst stops that")


class _Lines:
    """A line for each message.

    :param named: whether it names the interface.
    """

    def __init__(self, named: bool) -> None:
        self._named = named

    def show(self, _: int, sniffed: Sniffed) -> None:
        """Print it."""
        clock = datetime.fromtimestamp(sniffed.time).strftime("%H:%M:%S.%f")
        where = f"  {sniffed.interface}" if self._named else ""
        way = f"{sniffed.source} > {sniffed.destination}  {_what(sniffed)}  {call_id(sniffed.message)}  " if sniffed.source else ""
        typer.echo(report.visible(f"{clock}{where}  {way}{verdict(sniffed.outcome)}").replace("\n", "\\n"))


def _what(sniffed: Sniffed) -> str:
    """The method, or the status."""
    return first_line(sniffed.message).partition(" ")[2] if sniffed.kind == RESPONSE else sniffed.kind


def _show_detail(number: int, sniffed: Sniffed) -> None:
    outcome, message = sniffed.outcome, sniffed.message
    changes = () if outcome.left else tuple(change for sent in outcome.sent for change in difference(message, sent.payload))
    steps = tuple(str(step) for step in outcome.trace)
    told = Explanation(
        number,
        sniffed.number,
        first_line(message),
        sniffed.source,
        sniffed.destination,
        call_id(message),
        verdict(outcome),
        steps,
        changes,
    )
    report.console().print(report.explanation(told))


def _show_json(number: int, sniffed: Sniffed) -> None:
    outcome = sniffed.outcome
    told = {
        "number": number,
        "time": sniffed.time,
        "interface": sniffed.interface,
        "frame": sniffed.number,
        "source": sniffed.source,
        "destination": sniffed.destination,
        "what": _what(sniffed),
        "first_line": first_line(sniffed.message),
        "call_id": call_id(sniffed.message),
        "verdict": verdict(outcome),
        "way": outcome.way,
        "left": outcome.left,
        "detail": outcome.detail,
        "sent": [] if outcome.left else [{"from": str(sent.send_socket), "to": str(sent.next_hop)} for sent in outcome.sent],
    }
    typer.echo(json.dumps(told))


def _sum_up(sniffer: Sniffer, keeper: Keeper | None, as_json: bool) -> None:
    """Say on standard error what came by: standard output has the messages alone."""
    console, counts = report.console(stderr=True), {what: number for what, number in sniffer.counts.items() if number}
    if keeper:
        counts[f"frames kept in {keeper.path}"] = keeper.frames
    if as_json:
        console.print(json.dumps({**sniffer.summary.as_dict(), "counts": counts}), markup=False)
        return
    console.print(report.summary_table(sniffer.summary))
    for what, number in counts.items():
        console.print(escape(report.visible(f"{number:,}  {what}")))
