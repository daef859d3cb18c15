"""The command that writes a capture with routing applied."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .capture import report
from .capture.rewrite import CaptureRouter, Emit, Summary
from .capture.rewrite import rewrite as rewrite_capture
from .capture.writer import check_output
from .cli_options import AsJson, Port, Source, check_addressed, complain, look_over, paste, processes_for, resolve_auto, takes_config
from .config import Config, choose


@takes_config
def rewrite(
    settings: Config,
    source: Source,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Where to write; packed if it ends in .gz.")],
    port: Port = None,
    emit: Annotated[
        str, typer.Option(help="What becomes of a routed frame's original: replace, append (routed follows) or only.")
    ] = "replace",
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a capture with routing applied."""
    how = choose(Emit, emit, "--emit")
    settings = resolve_auto(settings, source, port)
    router = CaptureRouter(settings.router(), port or ())
    accept = check_addressed(source, port) if settings.is_silent else lambda summary: None
    if source.exists():
        check_output(output, [source], force)
    bar = report.ProgressBar(source.name)
    try:
        with bar:
            summary = rewrite_capture(source, output, router, how, force, bar.step, accept, processes_for(source))
    except KeyboardInterrupt:
        complain(f"interrupted after {bar.percent} % of {source}; {output} was not written")
        raise typer.Exit(130) from None
    _show(summary, source, port, as_json, "" if how is Emit.ONLY else "; the output is a copy")


def _show(summary: Summary, source: Path, ports: list[int] | None, as_json: bool, without_sip: str) -> None:
    """Print what was done, and what that is in a capture without SIP; a capture that was cut ends the command with 2."""
    console = report.console()
    if as_json:
        console.print_json(json.dumps(summary.as_dict()))
    else:
        console.print(report.summary_table(summary))
        if not summary.messages and not summary.cut:
            console.print(escape(f"{source}: {report.no_sip(look_over(source, ports, every_frame=True))}{without_sip}"))
        elif summary.messages and not summary.addressed:
            console.print(escape(f"Nothing is addressed to a listener. {paste(look_over(source, ports))}"))
    if summary.cut:
        complain(f"{summary.cut}; every whole frame before it was written")
        raise typer.Exit(2)
