"""The command line: arguments and wiring only."""

import io
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from .capture import report
from .capture.explain import explain as explain_messages
from .capture.messages import Survey, survey
from .capture.reader import Capture, Damage
from .capture.rewrite import Emit, Router, Summary
from .capture.rewrite import rewrite as rewrite_capture
from .capture.workers import processors
from .capture.writer import check_output
from .config import AUTO, Config, choose, load
from .errors import ConfigError, ScapyRRError, SipParseError
from .interfaces import Interfaces
from .packets import RecordRouting
from .proxy.default_route import Preloaded
from .rr.hop import Hop

_SMALL = 4 << 20

app = typer.Typer(
    help="What OpenSIPS would have sent, byte for byte, and why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Listen = Annotated[
    list[str] | None,
    typer.Option(help="A listener of the proxy, proto:address[:port] ['as' host:port]; 'auto': those that the capture's headers name."),
]
Interface = Annotated[list[str] | None, typer.Option(help="Listen on the addresses of this interface.")]
Domain = Annotated[list[str] | None, typer.Option(help="A name that is the proxy, host[:port].")]
Domains = Annotated[list[str] | None, typer.Option(help="Names from FILE, one a line, or from sqlite:///DATABASE.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="A TOML file with all of this.")]
Parameter = Annotated[list[str] | None, typer.Option("-p", "--parameter", help="A parameter of the rr module, NAME=VALUE.")]
Host = Annotated[list[str] | None, typer.Option(help="The address of a name, NAME=ADDRESS[:PORT].")]
Port = Annotated[list[int] | None, typer.Option(help="Look for SIP on this UDP port only.", min=1, max=65535)]
PreloadedPolicy = Annotated[str | None, typer.Option("--preloaded", help="Initial requests with Routes: deny or relay.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def _config(
    file: Path | None,
    listen: list[str] | None = None,
    interface: list[str] | None = None,
    domain: list[str] | None = None,
    domains: list[str] | None = None,
    parameter: list[str] | None = None,
    host: list[str] | None = None,
    preloaded: str | None = None,
) -> Config:
    """The configuration that a file and options make together."""
    from_options = Config(
        listen=tuple(listen or ()),
        interfaces=tuple(interface or ()),
        domains=tuple(domain or ()),
        domain_sources=tuple(domains or ()),
        parameters=_pairs(parameter, "-p"),
        hosts=_pairs(host, "--host"),
        preloaded=choose(Preloaded, preloaded, "--preloaded") if preloaded is not None else None,
    )
    return (load(file) if file else Config()).merged(from_options)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError(f"{option} {text!r} is not NAME=VALUE")
        pairs[name] = value
    return pairs


def _survey(source: Path, ports: list[int] | None, every_frame: bool = False) -> Survey:
    with Capture(source) as capture:
        return survey(capture, every_frame, ports or ())


def _resolve_auto(config: Config, source: Path, ports: list[int] | None) -> Config:
    """Put the listeners that the capture names in the place of ``auto``."""
    if AUTO not in config.listen:
        return config
    found = _survey(source, ports)
    if not found.named:
        raise ConfigError(f"--listen auto: {source} has no Route or Record-Route that names a destination of its SIP. " + _paste(found))
    named = tuple(sorted(found.named, key=lambda name: -found.destinations[name]))
    return config.with_listeners(tuple(name for name in config.listen if name != AUTO) + named)


def _paste(found: Survey) -> str:
    if not found.destinations:
        return "No SIP over UDP is in it."
    return "\n".join(["SIP over UDP goes to:", *(f"  {line}" for line in report.destinations(found))])


def _check_addressed(source: Path, ports: list[int] | None) -> Callable[[Summary], None]:
    """Refuse a result of listeners that nobody chose, where none of them was meant."""

    def check(summary: Summary) -> None:
        if summary.messages and not summary.addressed:
            raise ConfigError(
                f"{source}: nothing in it is addressed to a listener that netifaces finds on this machine. "
                + _paste(_survey(source, ports))
            )

    return check


@app.command()
def rewrite(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A pcap or pcapng capture, perhaps packed with gzip.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="Where to write; packed if it ends in .gz.")],
    listen: Listen = None,
    interface: Interface = None,
    domain: Domain = None,
    domains: Domains = None,
    config: ConfigFile = None,
    parameter: Parameter = None,
    host: Host = None,
    port: Port = None,
    preloaded: PreloadedPolicy = None,
    emit: Annotated[
        str, typer.Option(help="What becomes of a routed frame's original: replace, append (routed follows) or only.")
    ] = "replace",
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a capture with routing applied."""
    how = choose(Emit, emit, "--emit")
    settings = _config(config, listen, interface, domain, domains, parameter, host, preloaded)
    settings = _resolve_auto(settings, source, port)
    router = Router(settings.proxy(), port or ())
    accept = _check_addressed(source, port) if settings.is_silent else lambda summary: None
    if source.exists():
        check_output(output, source, force)
    bar = report.ProgressBar(source.name)
    try:
        with bar:
            summary = rewrite_capture(source, output, router, how, force, bar.step, accept, _processes(source))
    except KeyboardInterrupt:
        _complain(f"interrupted after {bar.percent} % of {source}; {output} was not written")
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
            console.print(escape(f"{source}: {report.no_sip(_survey(source, ports, every_frame=True))}{without_sip}"))
        elif summary.messages and not summary.addressed:
            console.print(escape(f"Nothing is addressed to a listener. {_paste(_survey(source, ports))}"))
    if summary.cut:
        _complain(f"{summary.cut}; every whole frame before it was written")
        raise typer.Exit(2)


@app.command()
def explain(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A pcap or pcapng capture, perhaps packed with gzip.")],
    listen: Listen = None,
    interface: Interface = None,
    domain: Domain = None,
    domains: Domains = None,
    config: ConfigFile = None,
    parameter: Parameter = None,
    host: Host = None,
    port: Port = None,
    preloaded: PreloadedPolicy = None,
    message: Annotated[int | None, typer.Option(help="Only the message of this number among the SIP messages.", min=1)] = None,
    call_id: Annotated[str | None, typer.Option(help="Only the messages with this Call-ID.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say of each SIP message what would be done with it, why, and what would change in it."""
    settings = _config(config, listen, interface, domain, domains, parameter, host, preloaded)
    settings = _resolve_auto(settings, source, port)
    router = Router(settings.proxy(), port or ())
    console = report.console()
    chosen = []
    cut = ""
    with Capture(source) as capture:
        try:
            for one in explain_messages(capture, router):
                if message not in (None, one.number) or call_id not in (None, one.call_id):
                    continue
                if as_json:
                    chosen.append(one.as_dict())
                else:
                    console.print(report.explanation(one))
        except Damage as damage:
            cut = str(damage)
    if as_json:
        console.print_json(json.dumps(chosen))
    elif not router.summary.messages and not cut:
        console.print(escape(f"{source}: {report.no_sip(_survey(source, port, every_frame=True))}"))
    if settings.is_silent and not cut:
        _check_addressed(source, port)(router.summary)
    if cut:
        _complain(f"{cut}; every message before it was explained")
        raise typer.Exit(2)


@app.command()
def addresses(
    check: Annotated[
        str | None, typer.Option(metavar="URI", help="Say whether this URI is the proxy itself, and which rule decides.")
    ] = None,
    listen: Listen = None,
    interface: Interface = None,
    domain: Domain = None,
    domains: Domains = None,
    config: ConfigFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the listeners and names that are the proxy: those given, or those that netifaces finds."""
    rr = _config(config, listen, interface, domain, domains).rr()
    console = report.console()
    if check is not None:
        try:
            match = rr.identity.match(Hop.parse(os.fsencode(check)))
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


def _complain(text: str) -> None:
    report.console(stderr=True).print(f"scapy-rr: {escape(report.visible(text))}")


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
        _complain(str(error))
        sys.exit(2)
    except BrokenPipeError:
        # The reader of our output has seen enough.
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:
        _complain(f"{error.filename or ''}: {error.strerror}")
        sys.exit(2)


if __name__ == "__main__":
    main()
