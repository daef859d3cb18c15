"""What the commands have in common: their options, and the configuration that these make."""

import inspect
from collections.abc import Callable, Sequence
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from .capture import report
from .capture.merge import open_capture
from .capture.routing import CaptureRouter
from .capture.source import is_kept, name_of_all
from .capture.summary import Summary
from .capture.survey import Survey, survey
from .capture.tls_keys import TlsKeys
from .capture.workers import processors
from .config import AUTO, Config, choose, from_server, load
from .errors import ConfigError
from .proxy.router import Preloaded
from .rr.dialect import Dialect

_SMALL = 4 << 20

Source = Annotated[Path, typer.Argument(metavar="IN", help="A pcap or pcapng capture, perhaps packed with gzip; - is standard input.")]
Sources = Annotated[
    list[Path], typer.Argument(metavar="IN...", help="Captures, pcap or pcapng, perhaps packed with gzip; - is standard input.")
]
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
Port = Annotated[list[int] | None, typer.Option(help="Look for SIP on this port only.", min=1, max=65535)]
KeyLogFile = Annotated[
    Path | None, typer.Option("--keylog", metavar="FILE", help="The keys of TLS connections, as SSLKEYLOGFILE has them.")
]
PreloadedPolicy = Annotated[str | None, typer.Option("--preloaded", help="Initial requests with Routes: deny or relay.")]
DialectName = Annotated[str | None, typer.Option("--dialect", help="The server to agree with: opensips or kamailio.")]
Script = Annotated[Path | None, typer.Option(help="A Python file with the routing script, in the place of the built-in one.")]
WithVia = Annotated[
    bool | None, typer.Option("--via/--no-via", help="The whole proxy; or the rr module alone: no Via, no replies, responses left alone.")
]
Dns = Annotated[bool | None, typer.Option("--dns/--no-dns", help="Ask the DNS for names that no --host gives.")]
Nameserver = Annotated[list[str] | None, typer.Option(help="Ask this name server, ADDRESS[:PORT], in the place of the system's.")]
OpensipsCfg = Annotated[
    Path | None, typer.Option("--opensips-cfg", metavar="FILE", help="Take what matters from the configuration of an OpenSIPS.")
]
KamailioCfg = Annotated[
    Path | None, typer.Option("--kamailio-cfg", metavar="FILE", help="Take what matters from the configuration of a Kamailio.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def config_of(
    config: ConfigFile = None,
    dialect: DialectName = None,
    listen: Listen = None,
    interface: Interface = None,
    domain: Domain = None,
    domains: Domains = None,
    parameter: Parameter = None,
    host: Host = None,
    preloaded: PreloadedPolicy = None,
    script: Script = None,
    via: WithVia = None,
    dns: Dns = None,
    nameserver: Nameserver = None,
    opensips_cfg: OpensipsCfg = None,
    kamailio_cfg: KamailioCfg = None,
) -> Config:
    """The configuration that a file and options make together; every command that routes has these options."""
    if dialect is not None:
        Dialect(dialect)
    from_options = Config(
        dialect=dialect,
        listen=tuple(listen or ()),
        interfaces=tuple(interface or ()),
        domains=tuple(domain or ()),
        domain_sources=tuple(domains or ()),
        parameters=_pairs(parameter, "-p"),
        hosts=_pairs(host, "--host"),
        preloaded=choose(Preloaded, preloaded, "--preloaded") if preloaded is not None else None,
        script=script,
        via=via,
        dns=dns,
        nameservers=tuple(nameserver or ()),
    )
    from_file = load(config, dialect) if config else Config()
    return _of_server(opensips_cfg, kamailio_cfg).merged(from_file).merged(from_options)


def _of_server(opensips_cfg: Path | None, kamailio_cfg: Path | None) -> Config:
    """What an existing server's configuration gives, which everything else adds to."""
    if opensips_cfg and kamailio_cfg:
        raise ConfigError("--opensips-cfg and --kamailio-cfg: there is one server to agree with")
    path, server = opensips_cfg or kamailio_cfg, "opensips" if opensips_cfg else "kamailio"
    if path is None:
        return Config()
    settings, ignored = from_server(path, server)
    if ignored:
        complain(f"{path}: {ignored} things that matter are not understood; 'scapy-rr config --{server}-cfg {path}' names them")
    return settings


def takes_config(command: Callable[..., None]) -> Callable[..., None]:
    """A command that gets the options of :func:`config_of` beside its own.

    Its first argument is what they make, ``settings``; or ``settings_of``, which makes it, for a command that reads files again.
    """
    own, common = inspect.signature(command), inspect.signature(config_of)
    names = tuple(common.parameters)
    first, *behind = own.parameters.values()

    @wraps(command)
    def with_options(**values: Any) -> None:
        settings_of = partial(config_of, **{name: values.pop(name) for name in names})
        command(settings_of if first.name == "settings_of" else settings_of(), **values)

    # Typer reads a command's signature and annotations; those without a default have to come first.
    parameters = sorted([*common.parameters.values(), *behind], key=lambda one: one.default is not one.empty)
    with_options.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_options.__annotations__ = {**config_of.__annotations__, **command.__annotations__, "return": None}
    return with_options


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs = {}
    for text in texts or ():
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise ConfigError(f"{option} {text!r} is not NAME=VALUE")
        pairs[name] = value
    return pairs


def capture_router(settings: Config, sources: Sequence[Path], ports: list[int] | None, keylog: Path | None) -> CaptureRouter:
    """The router of captures. tshark can be asked for what Scapy does not read of TLS where there is one capture, in a file."""
    alone = sources[0] if len(sources) == 1 and is_kept(sources[0]) else None
    keys = TlsKeys(keylog, alone) if keylog else None
    return CaptureRouter(settings.router(), ports or (), keys)


def look_over(sources: Sequence[Path], ports: list[int] | None, every_frame: bool = False) -> Survey:
    """Go through captures once, for what is in them; see :func:`survey`."""
    with open_capture(sources) as capture:
        return survey(capture, every_frame, ports or ())


def resolve_auto(config: Config, sources: Sequence[Path], ports: list[int] | None) -> Config:
    """Put the listeners that the captures name in the place of ``auto``."""
    if AUTO not in config.listen:
        return config
    if not all(map(is_kept, sources)):
        raise ConfigError("--listen auto reads a capture twice, which a pipe cannot be: name the listeners, or keep the capture in a file")
    found = look_over(sources, ports)
    if not found.named:
        named = f"{name_of_all(sources)} has no Route or Record-Route that names a destination of its SIP"
        raise ConfigError(f"--listen auto: {named}. {paste(found)}")
    listeners = tuple(sorted(found.named, key=lambda name: -found.destinations[name]))
    return config.with_listeners(tuple(name for name in config.listen if name != AUTO) + listeners)


def paste(found: Survey) -> str:
    """The capture's SIP destinations, ready to paste."""
    if not found.destinations:
        return "No SIP is in it."
    return "\n".join(["SIP goes to:", *(f"  {line}" for line in report.destinations(found))])


def where_sip_goes(sources: Sequence[Path], ports: list[int] | None) -> str:
    """Where the SIP of captures goes; or how to learn that, where they cannot be read again."""
    if all(map(is_kept, sources)):
        return paste(look_over(sources, ports))
    return "Name the listeners with --listen; of a capture in a file, 'scapy-rr explain' tells where its SIP goes."


def no_sip(sources: Sequence[Path], ports: list[int] | None) -> str:
    """What captures without SIP hold, as far as they can be read again."""
    kept = all(map(is_kept, sources))
    return f"{name_of_all(sources)}: " + (report.no_sip(look_over(sources, ports, every_frame=True)) if kept else "no SIP in it")


def check_addressed(sources: Sequence[Path], ports: list[int] | None) -> Callable[[Summary], None]:
    """Refuse a result of listeners that nobody chose, where none of them was meant."""

    def check(summary: Summary) -> None:
        if summary.messages and not summary.addressed:
            nothing = f"{name_of_all(sources)}: nothing in it is addressed to a listener that netifaces finds on this machine"
            raise ConfigError(f"{nothing}. {where_sip_goes(sources, ports)}")

    return check


def processes_for(sources: Sequence[Path]) -> int:
    """How many processes to route captures with: starting them costs more than small ones take, and a pipe is not to wait for others."""
    sizes = [source.stat().st_size for source in sources if is_kept(source) and source.exists()]
    return processors() if len(sizes) == len(sources) and sum(sizes) > _SMALL else 1


def complain(text: str) -> None:
    """Say on standard error what is wrong."""
    report.console(stderr=True).print(f"scapy-rr: {escape(report.visible(text))}")
