"""The command that shows configurations: what is taken from an existing server's, and an example of scapy_rr's own."""

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .capture import report
from .cli_options import AsJson, KamailioCfg, OpensipsCfg
from .errors import ConfigError

if TYPE_CHECKING:
    from .server_config.found import ServerConfig


def config(
    opensips_cfg: OpensipsCfg = None,
    kamailio_cfg: KamailioCfg = None,
    example: Annotated[bool, typer.Option("--example", help="Print a configuration of scapy-rr with every key, to be saved.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what is taken from a server's configuration, what is not, and the same as a file for --config."""
    given = [name for name, value in (("opensips", opensips_cfg), ("kamailio", kamailio_cfg)) if value]
    if len(given) + example != 1:
        raise ConfigError("config takes one of --opensips-cfg FILE, --kamailio-cfg FILE and --example")
    if example:
        typer.echo(resources.files("scapy_rr").joinpath("example.toml").read_text("utf-8"), nl=False)
        return
    from .server_config.reader import read

    found = read(opensips_cfg or kamailio_cfg or Path(), given[0])
    if as_json:
        report.console().print_json(json.dumps(_as_dict(found)))
    else:
        _show(found)


def _as_dict(found: "ServerConfig") -> dict[str, object]:
    return {
        "dialect": found.dialect,
        "listen": found.listen,
        "interfaces": found.interfaces,
        "domains": found.domains,
        "domain_sources": found.domain_sources,
        "parameters": dict(found.parameters),
        "taken": [{**one._asdict(), "file": str(one.file)} for one in found.taken],
        "ignored": [{**one._asdict(), "file": str(one.file)} for one in found.ignored],
    }


def _show(found: "ServerConfig") -> None:
    from .server_config.toml import as_toml

    console = report.console()
    if found.taken:
        console.print(_table(("taken", "value", "where"), ((one.what, one.value, f"{one.file}:{one.line}") for one in found.taken)))
    else:
        console.print("Nothing was taken.")
    if found.ignored:
        rows = ((one.what, one.why, f"{one.file}:{one.line}") for one in found.ignored)
        console.print("", _table(("matters, and is not understood or not taken", "why", "where"), rows), sep="\n")
    # Neither wrapped nor marked up: it is for a file.
    typer.echo("\n# The same for --config:\n" + as_toml(found), nl=False)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Table:
    table = Table(*head, box=None, header_style="bold", padding=(0, 2, 0, 0))
    for row in rows:
        table.add_row(*(escape(report.visible(text)) for text in row))
    return table
