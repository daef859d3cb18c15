"""The description of a lab in a TOML file: its hosts, what runs on them, and the links between them.

The built-in labs beside this module say in their comments what a file may hold. Knows nothing of what is on this machine.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any, NamedTuple

from ... import toml_file
from ...errors import ConfigError
from ...rr.listener import Listener

BUILT_IN = Path(__file__).with_name("labs")
SCENARIOS = Path(__file__).with_name("scenarios")

# A host's name is an interface's, too, of which the kernel takes 15 bytes; and without "-" a namespace's name has one meaning.
_HOST_NAME = re.compile(r"[a-z][a-z0-9]{0,14}")
_LAB_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Role(Enum):
    """What a host is for."""

    CALLER = "caller"
    CALLEE = "callee"
    PROXY = "proxy"
    ROUTER = "router"


PROGRAMS = {Role.CALLER: ("sipp",), Role.CALLEE: ("sipp",), Role.PROXY: ("scapy-rr", "kamailio", "opensips"), Role.ROUTER: ()}
"""What can be in each place; the first where nobody says."""

_ANY = {"role": str, "gateway": str}
_KEYS: dict[Role, dict[str, type[Any]]] = {
    Role.CALLER: {**_ANY, "program": str, "listen": list, "calls": str, "through": str, "contact": str},
    Role.CALLEE: {**_ANY, "program": str, "listen": list},
    Role.PROXY: {**_ANY, "program": str, "listen": list, "names": dict, "options": list},
    Role.ROUTER: {**_ANY, "masquerade": str},
}
_REQUIRED = {Role.CALLER: ("listen", "calls", "through"), Role.CALLEE: ("listen",), Role.PROXY: ("listen",), Role.ROUTER: ()}
_TABLES = {"hosts": "tables, [hosts.NAME] each", "links": "tables, [[links]] each"}
_KINDS: dict[type[Any], str] = {str: "a string", list: "a list of strings", dict: "a table of strings"}


@dataclass(frozen=True)
class Host:
    """One network namespace, and what runs in it. The fields are the file's keys."""

    name: str
    role: Role
    program: str = ""
    """Empty for a router, which the kernel is."""
    listen: tuple[Listener, ...] = ()
    calls: str = ""
    through: str = ""
    contact: str = ""
    names: tuple[tuple[str, str], ...] = ()
    options: tuple[str, ...] = ()
    gateway: str = ""
    masquerade: str = ""


class End(NamedTuple):
    """One end of a link."""

    host: str
    address: IPv4Address | IPv6Address


class Link(NamedTuple):
    """Two interfaces, each named after the host at the other end."""

    ends: tuple[End, End]

    @property
    def name(self) -> str:
        """``caller-proxy``."""
        return "-".join(end.host for end in self.ends)


@dataclass(frozen=True)
class Lab:
    """One lab."""

    name: str
    about: str
    scenario: Path
    """The folder of ``caller.xml`` and ``callee.xml``."""
    hosts: dict[str, Host]
    links: tuple[Link, ...]

    def of(self, role: Role) -> list[Host]:
        """The hosts of a role, in the file's order."""
        return [host for host in self.hosts.values() if host.role is role]

    def with_programs(self, choices: Iterable[str]) -> "Lab":
        """The same lab with other programs on its proxies.

        :param choices: ``PROGRAM`` for all of them, ``HOST=PROGRAM`` for one.
        :raises ConfigError: where there is no such host or program.
        """
        hosts = dict(self.hosts)
        proxies = [host.name for host in self.of(Role.PROXY)]
        for choice in choices:
            name, _, program = choice.rpartition("=")
            if program not in PROGRAMS[Role.PROXY]:
                raise ConfigError(f"{choice!r}: a proxy is one of {', '.join(PROGRAMS[Role.PROXY])}")
            if name and name not in proxies:
                raise ConfigError(f"{choice!r}: no proxy {name!r}; those there are: {', '.join(proxies)}")
            for one in [name] if name else proxies:
                hosts[one] = replace(hosts[one], program=program)
        return replace(self, hosts=hosts)

    def ends_of(self, host: str) -> Iterator[tuple[End, End]]:
        """Each end that a host has, with the one across."""
        for link in self.links:
            for end, across in (link.ends, link.ends[::-1]):
                if end.host == host:
                    yield end, across


def built_in() -> list[str]:
    """The names of the labs that are there without a file."""
    return sorted(path.stem for path in BUILT_IN.glob("*.toml"))


def load(name: str) -> Lab:
    """Read a lab.

    :param name: of a built-in one, or the path of a file, whose name without ``.toml`` is then the lab's.
    :raises ConfigError: where it cannot be read, naming the line, or the key and what is accepted.
    """
    path = BUILT_IN / f"{name}.toml" if name in built_in() else Path(name)
    if path.suffix != ".toml":
        raise ConfigError(f"no lab {name!r}; those there are: {', '.join(built_in())}, and yours in a file whose name ends in .toml")
    if not _LAB_NAME.fullmatch(path.stem):
        raise ConfigError(f"{path}: a lab's name is lower-case letters and digits, perhaps with '-' between them")
    text, table = toml_file.read(path)
    return _Reader(path, text).lab(table)


def find_scenario(name: str, folder: Path = Path()) -> Path:
    """The folder of a scenario.

    :param name: of a built-in one, or a path from ``folder``.
    :raises ConfigError: where there is none.
    """
    there = sorted(path.name for path in SCENARIOS.iterdir())
    path = SCENARIOS / name if name in there else folder / name
    if not all((path / f"{role}.xml").is_file() for role in ("caller", "callee")):
        raise ConfigError(f"no scenario {name!r}; those there are: {', '.join(there)}, and a folder with caller.xml and callee.xml")
    return path


class _Reader:
    """Reads one file, and knows for its complaints where a key stands."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text = path, text

    def _fault(self, reason: str, table: str = "", key: str = "") -> ConfigError:
        number = _line(self._text, table, key)
        place = ".".join(filter(None, (table, key)))
        return ConfigError(f"{self._path}{f', line {number}' if number else ''}: {f'{place}: ' if place else ''}{reason}")

    def lab(self, table: dict[str, Any]) -> Lab:
        """What the file describes."""
        self._check(table, {"about": str, "scenario": str, "hosts": dict, "links": list}, "")
        try:
            scenario = find_scenario(table.get("scenario", "call"), self._path.parent)
        except ConfigError as error:
            raise self._fault(str(error), "", "scenario") from None
        hosts = {name: self._host(name, values) for name, values in table.get("hosts", {}).items()}
        for role in (Role.CALLER, Role.CALLEE):
            if sum(host.role is role for host in hosts.values()) != 1:
                raise self._fault(f"a lab has one host whose role is {role.value!r}", "hosts")
        links = tuple(self._link(number, values, hosts) for number, values in enumerate(table.get("links", []), 1))
        lab = Lab(self._path.stem, table.get("about", ""), scenario, hosts, links)
        for host in hosts.values():
            self._check_place(host, lab)
        return lab

    def _host(self, name: str, values: dict[str, Any]) -> Host:
        place = f"hosts.{name}"
        if not _HOST_NAME.fullmatch(name):
            raise self._fault("a host's name is a lower-case letter, and up to 14 more or digits", place)
        roles = [role.value for role in Role]
        if values.get("role") not in roles:
            raise self._fault(f"role is one of {', '.join(roles)}", place, "role")
        role = Role(values["role"])
        self._check(values, _KEYS[role], place)
        for key in _REQUIRED[role]:
            if not values.get(key):
                raise self._fault(f"a {role.value} has {key!r}", place)
        program = values.get("program", next(iter(PROGRAMS[role]), ""))
        if PROGRAMS[role] and program not in PROGRAMS[role]:
            raise self._fault(f"what can be there is {', '.join(PROGRAMS[role])}", place, "program")
        listen = tuple(self._listener(one, place, "listen") for one in values.get("listen", ()))
        if role is Role.CALLER:
            self._listener(f"udp:{values['through']}", place, "through")
        if role in (Role.CALLER, Role.CALLEE) and (len(listen) != 1 or listen[0].transport not in ("udp", "tcp")):
            raise self._fault(f"a {role.value} has one listener, of udp or tcp", place, "listen")
        made = {"names": tuple(values.get("names", {}).items()), "options": tuple(values.get("options", ()))}
        return Host(**{**values, **made, "name": name, "role": role, "program": program, "listen": listen})

    def _listener(self, text: str, place: str, key: str) -> Listener:
        try:
            return Listener.parse(text)
        except ConfigError as error:
            raise self._fault(str(error), place, key) from None

    def _link(self, number: int, values: dict[str, Any], hosts: dict[str, Host]) -> Link:
        place = f"links#{number}"
        if len(values) != 2:
            raise self._fault('a link has two ends, HOST = "address" each', place)
        ends = []
        for name, address in values.items():
            if name not in hosts:
                raise self._fault(f"no host {name!r}; those there are: {', '.join(hosts)}", place, name)
            try:
                ends.append(End(name, ip_address(str(address))))
            except ValueError:
                raise self._fault(f"{address!r} is no IP address", place, name) from None
        if ends[0].address.version != ends[1].address.version:
            raise self._fault("both ends have IPv4 addresses, or both IPv6 ones", place)
        return Link((ends[0], ends[1]))

    def _check(self, values: dict[str, Any], keys: dict[str, type[Any]], place: str) -> None:
        for key, value in values.items():
            if key not in keys:
                raise self._fault(f"unknown key; those there are: {', '.join(keys)}", place, key)
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
            item = dict if key in _TABLES else str
            if not isinstance(value, keys[key]) or not all(isinstance(one, item) for one in items):
                raise self._fault(f"it is {_TABLES.get(key) or _KINDS[keys[key]]}", place, key)

    def _check_place(self, host: Host, lab: Lab) -> None:
        """Whether the network has what a host wants of it."""
        place = f"hosts.{host.name}"
        ends = list(lab.ends_of(host.name))
        neighbours = [across.host for _, across in ends]
        if not ends:
            raise self._fault("no link leads to it", place)
        if len(set(neighbours)) != len(ends) or host.name in neighbours:
            raise self._fault("its links lead to different hosts", place)
        for listener in host.listen:
            if listener.address not in [end.address for end, _ in ends]:
                raise self._fault(f"{listener.address} is no address that its links give it", place, "listen")
        for key in ("gateway", "masquerade"):
            wanted = getattr(host, key)
            if wanted and wanted not in neighbours:
                raise self._fault(f"{wanted!r} is no host that a link leads to; those are: {', '.join(neighbours)}", place, key)


def _line(text: str, table: str, key: str) -> int:
    """The number of the line where a key of a table stands, else that of the table's head; 0 where there is neither."""
    inside, found, links = "", 0, 0
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.split("#")[0].strip()
        if bare.startswith("["):
            inside = bare.strip("[] ")
            if inside == "links":
                links += 1
                inside = f"links#{links}"
        if bare.startswith("[") and inside in (table, key if not table else ""):
            found = number
        elif inside == table and key and bare.split("=")[0].strip(" \"'") == key:
            return number
    return found
