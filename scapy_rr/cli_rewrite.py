"""The command that writes captures with routing applied."""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.markup import escape

from .capture import report
from .capture.messages import End
from .capture.place import Emit
from .capture.reader import Capture
from .capture.rewrite import rewrite as rewrite_captures
from .capture.source import STANDARD, is_kept, name_of, name_of_all
from .capture.summary import Summary
from .capture.writer import check_output, name_of_output
from .cli_options import (
    AsJson,
    KeyLogFile,
    Port,
    Sources,
    capture_router,
    check_addressed,
    complain,
    no_sip,
    processes_for,
    resolve_auto,
    takes_config,
    where_sip_goes,
)
from .config import Config, choose
from .errors import ConfigError
from .proxy.next_hop import read_endpoint


class _Job(NamedTuple):
    """One output, and what it is made from."""

    sources: Sequence[Path]
    target: Path


Output = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="Where to write: a file, packed if it ends in .gz; a folder, for one file each; - is standard output.",
    ),
]
EmitMode = Annotated[str, typer.Option(help="What becomes of a routed frame's original: replace, append (routed follows) or only.")]


@takes_config
def rewrite(
    settings: Config,
    sources: Sources,
    output: Output,
    port: Port = None,
    emit: EmitMode = "replace",
    mtu: Annotated[int | None, typer.Option(help="Cut IP packets that are longer than this into fragments.", min=68, max=65535)] = None,
    decap: Annotated[bool, typer.Option("--decap", help="Write what is in tunnels without them.")] = False,
    hep: Annotated[str | None, typer.Option(metavar="ADDRESS[:PORT]", help="Tell what is sent to this HEP collector instead.")] = None,
    keylog: KeyLogFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write captures with routing applied: several become one, by time, or one each in a folder."""
    how = choose(Emit, emit, "--emit")
    is_folder = output.endswith(os.sep) or (Path(output) != STANDARD and Path(output).is_dir())
    _refuse_repeated(sources)
    jobs = _one_each(sources, Path(output)) if is_folder else [_Job(sources, Path(output))]
    settings = resolve_auto(settings, sources, port)
    router = capture_router(settings, sources, port, keylog)
    form = partial(rewrite_captures, mtu=mtu or 0, decap=decap, collector=_collector(hep) if hep else None)
    _check(jobs, force)
    if is_folder:
        Path(output).mkdir(parents=True, exist_ok=True)
    # Standard output is for the capture alone.
    console, told = report.console(stderr=Path(output) == STANDARD), []
    for job in jobs:
        accept = check_addressed(job.sources, port) if settings.is_silent else lambda summary: None
        router.summary = Summary()
        summary = _run(job, partial(form, router=router, emit=how, overwrite=force, accept=accept))
        told.append({"input": str(job.sources[0]), "output": str(job.target), **summary.as_dict()} if is_folder else summary.as_dict())
        if not as_json:
            _show(console, job, summary, is_folder, port, "" if how is Emit.ONLY else "; the output is a copy")
        if summary.cut:
            complain(f"{summary.cut}; every whole frame before it was written")
    if as_json:
        console.print_json(json.dumps(told if is_folder else told[0]))
    if any(one["cut"] for one in told):
        raise typer.Exit(2)


def _collector(text: str) -> End:
    """Where HEP goes; to the port that Homer listens on unless another one is given."""
    address, port = read_endpoint("--hep", text)
    return address.packed, port or 9060


def _refuse_repeated(sources: Sequence[Path]) -> None:
    """A capture that is given twice would be routed twice."""
    for number, source in enumerate(sources):
        for other in sources[:number]:
            # One that is not there is named when it is opened.
            if source == other or (STANDARD not in (source, other) and source.exists() and other.exists() and source.samefile(other)):
                raise ConfigError(f"{name_of(source)} is given twice")


def _one_each(sources: Sequence[Path], folder: Path) -> list[_Job]:
    """Each under its own name in a folder."""
    if STANDARD in sources:
        raise ConfigError(f"standard input has no name of its own in {folder}: name a file with -o")
    jobs = {folder / source.name: _Job([source], folder / source.name) for source in sources}
    for source in sources:
        job = jobs[folder / source.name]
        if job.sources != [source]:
            raise ConfigError(f"{source} and {job.sources[0]} would both be {job.target}: give each a folder of its own")
    return list(jobs.values())


def _check(jobs: Sequence[_Job], force: bool) -> None:
    """Refuse before anything is written what would be refused later; what can be read once only is not opened yet."""
    sources = [source for job in jobs for source in job.sources]
    for source in filter(is_kept, sources):
        with Capture(source):
            pass
    for job in jobs:
        check_output(job.target, sources, force)


def _run(job: _Job, write: Callable[..., Summary]) -> Summary:
    """Do it, and show on a terminal how far it has come."""
    name = name_of_all(job.sources)
    # Whoever reads standard output may write to the same terminal.
    bar = report.ProgressBar(name, shown=job.target != STANDARD)
    try:
        with bar:
            return write(job.sources, job.target, progress=bar.step, processes=processes_for(job.sources))
    except KeyboardInterrupt:
        end = "ends there" if job.target == STANDARD else "was not written"
        complain(f"interrupted after {bar.reached} of {name}; {name_of_output(job.target)} {end}")
        raise typer.Exit(130) from None


def _show(console: Console, job: _Job, summary: Summary, is_named: bool, ports: list[int] | None, without_sip: str) -> None:
    """Print what was done; and what there is in a capture without SIP, or without any for a listener."""
    if is_named:
        console.print(escape(f"{job.sources[0]} -> {job.target}"))
    console.print(report.summary_table(summary))
    if not summary.messages and not summary.cut:
        console.print(escape(no_sip(job.sources, ports) + without_sip))
    elif summary.messages and not summary.addressed:
        console.print(escape(f"Nothing is addressed to a listener. {where_sip_goes(job.sources, ports)}"))
