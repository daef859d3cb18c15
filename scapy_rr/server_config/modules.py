"""The module parameters that matter: those of ``rr``, Kamailio's flow tokens, and the ``domain`` module's database.

Knows no grammar: it is told each ``modparam`` as it comes, and draws its conclusions at the end.
"""

from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigError
from ..rr.dialect import Dialect
from ..rr.domains import Domain
from ..rr.parameters import Parameters
from ..rr.posix_regex import compile_posix
from .found import Findings, Place

# The names that our own parameters have and the servers' do not.
_OF_OUR_OWN = ("custom_user", "flow_token_key")
_PORTS = {f"proto_{transport}": transport for transport in ("udp", "tcp", "tls", "sctp", "ws", "wss")}


class Setting(NamedTuple):
    """A value, and where it stands."""

    value: int | str
    place: Place


class ModuleParameters:
    """What ``modparam`` says of the modules that matter."""

    def __init__(self, dialect: Dialect, findings: Findings) -> None:
        self._dialect = dialect
        self._findings = findings
        self._domain: dict[str, Setting] = {}
        self._loaded: dict[str, Place] = {}
        self.default_ports: dict[str, int] = {}
        """OpenSIPS' default port of each transport, where one is set."""

    def load(self, name: str, place: Place) -> None:
        """Remember that a module is there."""
        self._loaded[name.rpartition("/")[2].removesuffix(".so")] = place

    def concerned(self, modules: str) -> list[str]:
        """Those of the modules that matter here which an expression names, as ``set_mod_param_regex`` finds them.

        :raises ConfigError: where it is no expression.
        """
        known = ["rr", "domain", *(["outbound", "corex"] if self._dialect.name == "kamailio" else _PORTS)]
        pattern = compile_posix(f"^({modules})$")
        return [name for name in known if pattern.search(name.encode())]

    def set(self, module: str, name: str, value: int | str, place: Place) -> None:
        """Take one parameter of one module."""
        if module == "rr":
            self._set_rr(name, value, place)
        elif module == "domain":
            self._domain[name] = Setting(value, place)
        elif module in _PORTS:
            if name == f"{_PORTS[module]}_port" and isinstance(value, int):
                self.default_ports[_PORTS[module]] = value
                self._findings.take(f"parameter {module}.{name}", value, place)
        elif name == "flow_token_secret":
            self._take("flow_token_key", value, f"outbound.{name}", place)
        elif module == "outbound":
            self._findings.ignore(f"parameter outbound.{name}", place, "flags of the script have no meaning here")
        elif name == "alias_subdomains":
            self._set_subdomains(str(value), place)

    def _set_subdomains(self, text: str, place: Place) -> None:
        why = "the names below it are the proxy, too; give those that matter with --domain"
        try:
            Domain.parse(text)
        except ConfigError as error:
            why = str(error)
        else:
            self._findings.domains.append(text)
            self._findings.take("domain", text, place)
        self._findings.ignore(f'corex.alias_subdomains "{text}"', place, why)

    def _set_rr(self, name: str, value: int | str, place: Place) -> None:
        if name == "custom_user_avp":
            why = "the script sets that AVP while it runs; give the user with -p custom_user=USER"
            self._findings.ignore(f"parameter rr.{name}", place, why)
        elif name not in self._dialect.parameters or name in _OF_OUR_OWN:
            known = ", ".join(one for one in self._dialect.parameters if one not in _OF_OUR_OWN)
            self._findings.ignore(f"parameter rr.{name}", place, f"there is none such here; those there are: {known}")
        else:
            self._take(name, value, f"rr.{name}", place)

    def _take(self, name: str, value: int | str, told: str, place: Place) -> None:
        try:
            Parameters.parse({name: value}, self._dialect)
        except ConfigError as error:
            self._findings.ignore(f"parameter {told}", place, str(error))
            return
        self._findings.parameters[name] = value
        self._findings.take(f"parameter {told}", value, place)

    def conclude(self, default_url: Setting | None = None, workdir: str = "/") -> None:
        """Find the database of domains, if its names are the proxy itself.

        :param default_url: OpenSIPS' ``db_default_url``.
        :param workdir: the folder that Kamailio works in.
        """
        place = self._loaded.get("domain") or next((setting.place for setting in self._domain.values()), None)
        if not place:
            return
        url = self._domain.get("db_url") or default_url or Setting("", place)
        if self._dialect.name == "kamailio" and not self._domain.get("register_myself", url._replace(value=0)).value:
            if url.value:
                self._findings.ignore("domain db_url", url.place, "without register_myself its names are not the proxy itself")
            return
        for name in ("domain_table", "domain_col"):
            setting = self._domain.get(name)
            if setting and setting.value != "domain":
                self._findings.ignore(
                    f'domain {name} "{setting.value}"', setting.place, "the table and its column are called 'domain' here"
                )
                return
        try:
            source = self._source(str(url.value), workdir)
        except ConfigError as error:
            self._findings.ignore("domain db_url", url.place, f"{error}; give the names with --domain or --domains")
            return
        self._findings.domain_sources.append(source)
        self._findings.take("domain database", source, url.place)

    def _source(self, url: str, workdir: str) -> str:
        """A database's URL as :func:`scapy_rr.rr.domains.open_domains` takes it. :raises ConfigError: where it is not there."""
        scheme, separator, rest = url.partition("://")
        if not url:
            raise ConfigError("no database is named, and the module's own is not read")
        if scheme != "sqlite" or not separator:
            raise ConfigError(f"a database of {scheme!r} is not read")
        # OpenSIPS opens what stands behind "sqlite:/", Kamailio what stands behind the third slash, without parameters.
        path = Path("/", rest.lstrip("/"))
        if self._dialect.name == "kamailio":
            path = Path("/", workdir, rest.partition("/")[2].partition("?")[0])
        if not path.is_file():
            raise ConfigError(f"there is no {path}")
        return f"sqlite:///{path}"
