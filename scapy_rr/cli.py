"""The command line: arguments and wiring only."""

import io
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from .capture import report
from .capture.rewrite import CaptureRouter, Emit, Summary
from .capture.rewrite import rewrite as rewrite_capture
from .capture.workers import processors
from .capture.writer import check_output
from .cli_config import config
from .cli_live import run
from .cli_options import AsJson, Port, Source, check_addressed, complain, look_over, paste, resolve_auto, takes_config
from .cli_replay import replay
from .cli_views import addresses, dialects, explain
from .config import Config, choose
from .errors import ScapyRRError

_SMALL = 4 << 20

app = typer.Typer(
    help="What OpenSIPS or Kamailio would have sent, byte for byte, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
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
        check_output(output, source, force)
    bar = report.ProgressBar(source.name)
    try:
        with bar:
            summary = rewrite_capture(source, output, router, how, force, bar.step, accept, _processes(source))
    except KeyboardInterrupt:
        complain(f"interrupted after {bar.percent} % of {source}; {output} was not written")
        raise typer.Exit(130) from None
    _show(summary, source, port, as_json, "" if how is Emit.ONLY else "; the output is a copy")


def _processes(source: Path) -> int:
    """How many processes to route with: starting them costs more than a small capture takes."""
    return processors() if source.exists() and source.stat().st_size > _SMALL else 1


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


for view in (explain, addresses, dialects, config, run, replay):
    app.command()(view)


def main() -> None:
    """Run the command; a fault that we know ends it with 2 and one message."""
    # What Scapy says of a file that is no capture, we say.
    logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
    # Asked to end, it leaves as little behind as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        # A file's name, or a message in it, may hold what the terminal's encoding does not.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except ScapyRRError as error:
        complain(str(error))
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output has seen enough.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        complain(f"{error.filename or ''}: {error.strerror}")
        sys.exit(2)


if __name__ == "__main__":
    main()
