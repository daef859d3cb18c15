"""The configuration of a proxy in one TOML file, and what becomes of it together with the command line's own options.

Options add to lists and override single values. Knows no files but this one and the domains', and no packets.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from . import toml_file
from .errors import ConfigError
from .packets import RecordRouting
from .proxy import script_file
from .proxy.locate import Locator, Lookup
from .proxy.next_hop import Hosts
from .proxy.router import Preloaded, Router
from .rr.dialect import NAMES as DIALECTS
from .rr.dialect import Dialect
from .rr.domains import Domain, DomainSource, open_domains
from .rr.listener import Listener
from .rr.parameters import Parameters

AUTO = "auto"
"""A listener that stands for those which the capture's own headers name."""


@dataclass(frozen=True)
class Config:
    """Everything that makes a proxy."""

    dialect: str | None = None
    """``None`` where nobody says, which is the first of :data:`scapy_rr.rr.dialect.NAMES`."""
    listen: tuple[str, ...] = ()
    interfaces: tuple[str, ...] = ()
    """Interfaces on whose addresses to listen, UDP and TCP port 5060."""
    domains: tuple[str, ...] = ()
    domain_sources: tuple[str, ...] = ()
    """Files, and ``sqlite:///`` databases, of domains."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    preloaded: Preloaded | None = None
    """``None`` where nobody says, which denies them."""
    script: Path | None = None
    """``None`` for the built-in one."""
    via: bool | None = None
    """Whether the whole proxy works, or only the rr module and the script; ``None`` where nobody says, which is the first."""
    dns: bool | None = None
    """Whether names are asked for in the DNS where ``hosts`` does not have them; ``None`` where nobody says, which is not."""
    nameservers: tuple[str, ...] = ()
    """Whom to ask, in the place of the system's; to name one is to want it asked."""

    @property
    def is_silent(self) -> bool:
        """Whether nothing says where to listen, so that netifaces is asked."""
        return not self.listen and not self.interfaces

    def merged(self, other: "Config") -> "Config":
        """This configuration with another one's added."""
        return Config(
            other.dialect or self.dialect,
            self.listen + other.listen,
            self.interfaces + other.interfaces,
            self.domains + other.domains,
            self.domain_sources + other.domain_sources,
            {**self.parameters, **other.parameters},
            {**self.hosts, **other.hosts},
            other.preloaded or self.preloaded,
            other.script or self.script,
            self.via if other.via is None else other.via,
            self.dns if other.dns is None else other.dns,
            self.nameservers + other.nameservers,
        )

    def with_listeners(self, listen: tuple[str, ...]) -> "Config":
        """This configuration with other listeners."""
        return replace(self, listen=listen)

    def spoken(self) -> Dialect:
        """The dialect. :raises ConfigError: where there is none of that name."""
        return Dialect(self.dialect or DIALECTS[0])

    def rr(self, dialect: Dialect | None = None) -> RecordRouting:
        """The rr module that it describes.

        :param dialect: another dialect than the one in it.
        :raises ConfigError: where something in it cannot be used.
        """
        dialect = dialect or self.spoken()
        # What the other server does not have cannot be asked of it.
        elsewhere = dialect.name != self.spoken().name
        parameters = {name: value for name, value in self.parameters.items() if not elsewhere or name in dialect.parameters}
        listen: list[str | Listener] | None = list(self.listen)
        if self.interfaces:
            from .interfaces import Interfaces

            listen = [*self.listen, *Interfaces().listeners(self.interfaces)]
        domains: list[str | DomainSource] = [*self.domains, *(open_domains(text) for text in self.domain_sources)]
        # Checked here, as a name among them could be one of the constructor's own.
        Parameters.parse(parameters, dialect)
        return RecordRouting(dialect, listen or None, domains, **parameters)

    def router(self, dialect: Dialect | None = None) -> Router:
        """The proxy that it describes, with its script; see :meth:`rr`.

        :raises ConfigError: where something in it cannot be used. :raises ScriptError: where the script fails.
        """
        router = script_file.load(self.script or script_file.DEFAULT)
        # A script may bring an rr module of its own.
        router.rr = rr = router.rr or self.rr(dialect)
        transports = {one.transport for one in rr.identity.listeners}
        versions = {one.address.version for one in rr.identity.listeners}
        router.locator = Locator(Hosts(self.hosts), self._lookup(), transports, versions)
        router.preloaded = self.preloaded or router.preloaded
        router.via = self.via if self.via is not None else router.via
        return router

    def _lookup(self) -> Lookup | None:
        if not self.dns and not self.nameservers:
            return None
        from .resolver import Resolver

        return Resolver(self.nameservers)


# What each key of the file holds; the field has its name.
_KEYS: dict[str, type[Any]] = {
    "dialect": str,
    "listen": list,
    "interfaces": list,
    "domains": list,
    "domain_sources": list,
    "preloaded": str,
    "script": str,
    "via": bool,
    "dns": bool,
    "nameservers": list,
    "parameters": dict,
    "hosts": dict,
}
_KINDS: dict[type[Any], str] = {str: "a string", bool: "true or false", list: "a list of strings", dict: "a table"}


def load(path: Path, dialect: str | None = None) -> Config:
    """Read a configuration file.

    :param dialect: the one that is going to be spoken whatever the file says.
    :raises ConfigError: where it cannot be read, naming the line, or the key and what is accepted.
    """
    text, table = toml_file.read(path)
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _KEYS:
            raise ConfigError(f"{path}{_line(text, key)}: unknown key {key!r}; those there are: {', '.join(_KEYS)}")
        kind = _KEYS[key]
        if not isinstance(value, kind) or (kind is list and not all(isinstance(item, str) for item in value)):
            raise ConfigError(f"{path}{_line(text, key)}: {key} is {_KINDS[kind]}")
        values[key] = tuple(value) if kind is list else value
    _check_values(values, dialect, lambda key: f"{path}{_line(text, key)}")
    if "preloaded" in values:
        values["preloaded"] = Preloaded(values["preloaded"])
    if "script" in values:
        values["script"] = path.parent / values["script"]
    # Paths in a file are meant from where the file is.
    values["domain_sources"] = tuple(_from(path.parent, item) for item in values.get("domain_sources", ()))
    return Config(**values)


def from_server(path: Path, server: str) -> tuple[Config, int]:
    """What matters in the configuration file of an existing server, and how much of that was not understood.

    :param server: ``opensips`` or ``kamailio``. :raises ConfigError: where it cannot be read, naming file and line.
    """
    from .server_config.reader import read

    found = read(path, server)
    domains = found.listen, found.interfaces, found.domains, found.domain_sources
    return Config(found.dialect, *domains, found.parameters), len(found.ignored)


def _check_values(values: dict[str, Any], dialect: str | None, place: Callable[[str], str]) -> None:
    """Whether each value is one. :raises ConfigError: naming the place, which ``place`` knows for a key, and what is accepted."""
    try:
        spoken = Dialect(values.get("dialect", DIALECTS[0]))
    except ConfigError as error:
        raise ConfigError(f"{place('dialect')}: {error}") from None
    spoken = Dialect(dialect) if dialect else spoken
    checks: list[tuple[str, Callable[[], object]]] = [
        *(("listen", partial(Listener.parse, item)) for item in values.get("listen", ()) if item != AUTO),
        *(("domains", partial(Domain.parse, item)) for item in values.get("domains", ())),
        *((name, partial(Parameters.parse, {name: value}, spoken)) for name, value in values.get("parameters", {}).items()),
        *((name, partial(_check_host, name, address)) for name, address in values.get("hosts", {}).items()),
    ]
    if "preloaded" in values:
        checks.append(("preloaded", partial(choose, Preloaded, values["preloaded"], "preloaded")))
    for key, check in checks:
        try:
            check()
        except ConfigError as error:
            raise ConfigError(f"{place(key)}: {error}") from None


def _check_host(name: str, address: object) -> None:
    if not isinstance(address, str):
        raise ConfigError(f"host {name!r} is a string, address or address:port")
    Hosts({name: address})


_Choice = TypeVar("_Choice", bound=Enum)


def choose(kind: type[_Choice], text: str, what: str) -> _Choice:
    """The member of an enumeration with that value. :raises ConfigError: naming those there are."""
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"{what} is one of {', '.join(one.value for one in kind)}, not {text!r}") from None


def _from(folder: Path, text: str) -> str:
    scheme, separator, path = text.rpartition(":///")
    return f"{scheme}{separator}{folder / path}"


def _line(text: str, key: str) -> str:
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=")[0].strip().strip("[]\"'") == key:
            return f", line {number}"
    return ""
