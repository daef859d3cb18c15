"""The commands that only show: each message with its decision, who the proxy is, and how the dialects differ."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .capture import report
from .capture.compare import Comparison, Disagreement
from .capture.explain import Explanation
from .capture.explain import explain as explain_messages
from .capture.merge import open_capture
from .capture.reader import Capture, Damage
from .capture.routing import CaptureRouter
from .cli_options import AsJson, KeyLogFile, Port, Sources, capture_router, check_addressed, complain, no_sip, resolve_auto, takes_config
from .config import Config
from .errors import ConfigError, SipParseError
from .interfaces import Interfaces
from .packets import RecordRouting
from .rr.departures import DEPARTURES
from .rr.dialect import NAMES, Dialect, differences


@takes_config
def explain(
    settings: Config,
    sources: Sources,
    port: Port = None,
    message: Annotated[int | None, typer.Option(help="Only the message of this number among the SIP messages.", min=1)] = None,
    call_id: Annotated[str | None, typer.Option(help="Only the messages with this Call-ID.")] = None,
    against: Annotated[
        str | None, typer.Option(metavar="DIALECT", help="Show only the messages on which this other dialect disagrees, and why.")
    ] = None,
    keylog: KeyLogFile = None,
    as_json: AsJson = False,
) -> None:
    """Say of each SIP message what would be done with it, why, and what would change in it."""
    settings = resolve_auto(settings, sources, port)
    router = capture_router(settings, sources, port, keylog)
    comparison = _comparison(settings, router, against, port) if against is not None else None

    def wanted(one: Explanation | Disagreement) -> bool:
        return message in (None, one.number) and call_id in (None, one.call_id)

    cut = _tell(sources, comparison.run if comparison else partial(explain_messages, router=router), wanted, as_json)
    messages = comparison.messages if comparison else sum(router.summary.messages.values())
    if comparison and messages and not as_json:
        report.console().print(f"{comparison.disagreements:,} of {messages:,} SIP messages differ")
    if not messages and not cut and not as_json:
        report.console().print(escape(no_sip(sources, port)))
    if settings.is_silent and not cut:
        check_addressed(sources, port)(router.summary)
    if cut:
        complain(f"{cut}; every message before it was explained")
        raise typer.Exit(2)


def _tell(
    sources: Sequence[Path],
    explained: Callable[[Capture], Iterator[Explanation] | Iterator[Disagreement]],
    wanted: Callable[[Explanation | Disagreement], bool],
    as_json: bool,
) -> str:
    """Print what is wanted of a capture's messages as it comes; why the capture could not be read on, if so."""
    console, chosen, cut = report.console(), [], ""
    with open_capture(sources) as capture:
        try:
            for one in filter(wanted, explained(capture)):
                if as_json:
                    chosen.append(one.as_dict())
                else:
                    console.print(report.disagreement(one) if isinstance(one, Disagreement) else report.explanation(one))
        except Damage as damage:
            cut = str(damage)
    if as_json:
        console.print_json(json.dumps(chosen))
    return cut


def _comparison(settings: Config, router: CaptureRouter, against: str, ports: list[int] | None) -> Comparison:
    other = Dialect(against)
    if other.name == settings.spoken().name:
        raise ConfigError(f"--against {against}: that is the dialect itself; the others are {', '.join({*NAMES} - {other.name})}")
    return Comparison(router, other, lambda dialect: CaptureRouter(settings.router(dialect), ports or ()))


@takes_config
def addresses(
    settings: Config,
    check: Annotated[
        str | None, typer.Option(metavar="URI", help="Say whether this URI is the proxy itself, and which rule decides.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the listeners and names that are the proxy: those given, or those that netifaces finds."""
    rr = settings.rr()
    console = report.console()
    if check is not None:
        try:
            match = rr.identity.match(rr.hop(os.fsencode(check)))
        except SipParseError as error:
            raise ConfigError(f"--check {check!r}: {error.reason}") from None
        if as_json:
            console.print_json(json.dumps({"uri": check, "me": match.me, "rule": match.rule}))
        else:
            console.print(escape(f"{check} is {match}"))
        return
    rows = _address_rows(rr)
    if as_json:
        console.print_json(json.dumps(rows))
        return
    table = Table("what", "name", "advertised as", "interface", box=None, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(escape(row[key]) for key in ("what", "name", "advertised_as", "interface")))
    console.print(table)


def _address_rows(rr: RecordRouting) -> list[dict[str, str]]:
    interfaces = {entry.address: entry.interface for entry in Interfaces().of()}
    rows = [
        {
            "what": "listener",
            "name": str(listener),
            "advertised_as": f"{listener.advertised_host}:{listener.advertised_port}" if listener.advertised_host else "",
            "interface": interfaces.get(listener.address, ""),
        }
        for listener in rr.identity.listeners
    ]
    return rows + [{"what": "domain", "name": str(domain), "advertised_as": "", "interface": ""} for domain in rr.identity.domains]


def dialects(as_json: AsJson = False) -> None:
    """Show what OpenSIPS and Kamailio do differently, and what the RFC says."""
    console = report.console()
    if as_json:
        departures = [departure._asdict() for departure in DEPARTURES]
        console.print_json(json.dumps({"differences": [line.as_dict() for line in differences()], "departures": departures}))
    else:
        console.print(report.dialect_table(differences()))
