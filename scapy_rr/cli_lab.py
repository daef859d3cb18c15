"""The commands of the lab: a network on this machine, a call through it, and what each hop did."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from .capture import report
from .cli_options import AsJson, complain
from .live.lab import stage
from .live.lab.description import Lab, Role, built_in, find_scenario, load
from .live.lab.messages import read
from .live.lab.network import namespace
from .live.lab.programs import Playing
from .live.lab.stage import Played
from .live.lab.ways import Change, Way, follow

_BRANCH = re.compile(r"(;branch=z9hG4bK)[^;]*")

Name = Annotated[str, typer.Argument(metavar="LAB", help="A built-in lab, as 'list' shows them, or a TOML file of yours.")]
Proxy = Annotated[
    list[str] | None, typer.Option(help="What is in the proxies' places: scapy-rr, kamailio or opensips; HOST=PROGRAM for one of them.")
]

lab = typer.Typer(
    help="A network on this machine, from namespaces and veth pairs, with real peers in it. Needs root.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@lab.command()
def up(name: Name, proxy: Proxy = None) -> None:
    """Set a lab up, proxies running, for 'run' and for programs of yours. What a crash left of it is removed first."""
    described = load(name).with_programs(proxy or ())
    with stage.at(described, complain) as here:
        made = here.up()
    report.console().print(_hosts(described, "; in 'run' alone"))
    report.console().print(f"{described.name} is up{'' if made else ' already'}; 'scapy-rr lab down {described.name}' removes it")


@lab.command()
def run(
    name: Name = "basic-call",
    proxy: Proxy = None,
    scenario: Annotated[str | None, typer.Option(help="call, reinvite, or a folder with SIPp's caller.xml and callee.xml.")] = None,
    calls: Annotated[int, typer.Option(help="How many calls.", min=1)] = 1,
    rate: Annotated[int, typer.Option(help="Calls a second.", min=1)] = 10,
    timeout: Annotated[int, typer.Option(help="Seconds after which the calls are given up.", min=1)] = 60,
    write: Annotated[Path | None, typer.Option("-w", "--write", metavar="DIR", help="Keep the capture of each link here.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up, if it was not up before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Play a scenario in a lab, and say what each hop did to each message. The lab is set up for it, and taken down."""
    described = load(name).with_programs(proxy or ())
    playing = Playing(find_scenario(scenario) if scenario else described.scenario, calls, rate, timeout)
    made = False
    try:
        with stage.at(described, complain) as here:
            try:
                made = here.up()
                played = here.play(playing)
                ways = follow(described, read(described, played.captures))
                if write:
                    here.keep(played, write)
            finally:
                if made and not keep:
                    here.down()
    except KeyboardInterrupt:
        complain(f"{described.name}: interrupted")
        raise typer.Exit(130) from None
    _show(described, playing, played, ways, as_json)
    if played.failure:
        complain(played.failure)
        raise typer.Exit(1)


@lab.command()
def down(
    name: Annotated[str | None, typer.Argument(metavar="LAB", help="A lab; without one, every lab.", show_default=False)] = None,
) -> None:
    """Remove what there is of a lab, also after a crash: its processes, its namespaces, and all that is in them."""
    names = [Path(name).stem if name.endswith(".toml") else name] if name else stage.present()
    told = [f"{one}: {line}" for one in names for line in stage.down(one) or ["nothing is there of it"]]
    for line in told or ["no lab is there"]:
        report.console().print(escape(report.visible(line)))


@lab.command(name="list")
def list_labs(as_json: AsJson = False) -> None:
    """Show the built-in labs, and those of which there is something on this machine."""
    there = stage.present()
    rows = {name: load(name).about for name in built_in()} | {name: "a lab of yours" for name in there if name not in built_in()}
    if as_json:
        shown = [{"name": name, "about": about, "present": name in there} for name, about in rows.items()]
        report.console().print_json(json.dumps(shown))
        return
    table = _table("lab", "", "what it is")
    for name, about in rows.items():
        table.add_row(name, "is there" if name in there else "", escape(report.visible(about)))
    report.console().print(table)


def _show(described: Lab, playing: Playing, played: Played, ways: list[Way], as_json: bool) -> None:
    if as_json:
        shown = {
            "lab": described.name,
            "scenario": playing.scenario.name,
            "programs": {host.name: host.program for host in described.hosts.values() if host.program},
            "failure": played.failure or None,
            "not_captured": played.dropped,
            "messages": [_as_dict(way) for way in ways],
        }
        report.console().print_json(json.dumps(shown))
        return
    console = report.console()
    console.print(_hosts(described), "", sep="\n")
    first = [way for way in ways if way.call_id == ways[0].call_id]
    console.print(_ways(first), "", sep="\n")
    for line in _sums(ways, len(first), played.dropped):
        console.print(escape(line))


def _as_dict(way: Way) -> dict[str, object]:
    hops = []
    for seen, changes in way.hops:
        values = seen._asdict()
        del values["data"]
        hops.append({**values, "changes": [change._asdict() for change in changes]})
    return {"message": way.title, "call_id": way.call_id, "arrived": way.arrived, "retransmissions": way.repeated, "hops": hops}


def _hosts(described: Lab, of_ends: str = "") -> RenderableType:
    """Who is where. :param of_ends: what to say of caller and callee."""
    table = _table("host", "what is there", "addresses", "namespace")
    for host in described.hosts.values():
        listen = ", ".join(map(str, host.listen)) or ", ".join(str(end.address) for end, _ in described.ends_of(host.name))
        program = host.program + of_ends if host.role in (Role.CALLER, Role.CALLEE) else host.program or host.role.value
        table.add_row(*map(escape, (host.name, program, listen, namespace(described.name, host.name))))
    return table


def _ways(ways: list[Way]) -> RenderableType:
    """A row for each hop of each message, and what its sender did to it."""
    table = _table("ms", "message", "from", "to", "over", "what it did")
    table.columns[0].justify = "right"
    start = min((way.hops[0].seen.time for way in ways), default=0)
    for way in ways:
        for number, (seen, changes) in enumerate(way.hops):
            did = "\n".join(map(_spelled, changes))
            title = way.title if number == 0 else ""
            row = f"{(seen.time - start) / 1_000_000:.1f}", title, seen.sender, seen.receiver, seen.transport, did
            table.add_row(*(escape(report.visible(cell)) for cell in row))
    return table


def _spelled(change: Change) -> str:
    return _BRANCH.sub(r"\1...", str(change)) if change.what == "Via" else str(change)


def _sums(ways: list[Way], shown: int, dropped: int) -> Iterator[str]:
    calls = len({way.call_id for way in ways})
    others = f"; the table is of the first call ({shown})" if shown < len(ways) else ""
    yield f"{calls} call{'s' if calls != 1 else ''}, {len(ways)} messages{others}"
    for way in [way for way in ways if not way.arrived][:10]:
        yield f"did not arrive: {way.title} of {way.call_id} ends at {way.hops[-1].seen.receiver}"
    if repeated := sum(way.repeated for way in ways):
        yield f"{repeated} retransmissions, counted over all links"
    if dropped:
        yield f"the captures lack {dropped} frames"


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="bold", padding=(0, 2, 0, 0))
