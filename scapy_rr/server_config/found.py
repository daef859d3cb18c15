"""What a server's configuration file gave: what was taken of it, and what matters and was not understood.

Knows neither grammar nor server: everything in it is spelled as :class:`scapy_rr.rr.listener.Listener`,
:class:`scapy_rr.rr.domains.Domain` and :func:`scapy_rr.rr.domains.open_domains` read it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


class Place(NamedTuple):
    """A line of a file."""

    file: Path
    line: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class Taken(NamedTuple):
    """Something that was understood, for people."""

    what: str
    """``listen``, ``interface``, ``domain``, ``parameter rr.append_fromtag`` and the like."""
    value: str
    file: Path
    line: int


class Ignored(NamedTuple):
    """Something that matters and was not understood, or that nothing here can stand for."""

    what: str
    file: Path
    line: int
    why: str


@dataclass(frozen=True)
class ServerConfig:
    """What matters for record-routing in a server's configuration."""

    dialect: str
    listen: tuple[str, ...] = ()
    """Listeners. Neither these nor interfaces: what netifaces finds."""
    interfaces: tuple[str, ...] = ()
    """Interfaces on whose addresses to listen, UDP and TCP port 5060."""
    domains: tuple[str, ...] = ()
    domain_sources: tuple[str, ...] = ()
    """``sqlite:///`` databases with the server's ``domain`` table."""
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    """Parameters of the rr module, by the names that :class:`scapy_rr.rr.parameters.Parameters` has for them."""
    taken: tuple[Taken, ...] = ()
    ignored: tuple[Ignored, ...] = ()


class Findings:
    """Collects while a file is read; in the file's order."""

    def __init__(self) -> None:
        self.listen: list[str] = []
        self.interfaces: list[str] = []
        self.domains: list[str] = []
        self.domain_sources: list[str] = []
        self.parameters: dict[str, int | str] = {}
        self.taken: list[Taken] = []
        self.ignored: list[Ignored] = []

    def take(self, what: str, value: object, place: Place) -> None:
        """Tell of something understood."""
        self.taken.append(Taken(what, str(value), *place))

    def ignore(self, what: str, place: Place, why: str) -> None:
        """Tell of something that is not."""
        self.ignored.append(Ignored(what, *place, why))

    def result(self, dialect: str) -> ServerConfig:
        """All of it; what stood there twice is there once."""
        return ServerConfig(
            dialect,
            tuple(dict.fromkeys(self.listen)),
            tuple(dict.fromkeys(self.interfaces)),
            tuple(dict.fromkeys(self.domains)),
            tuple(dict.fromkeys(self.domain_sources)),
            dict(self.parameters),
            tuple(self.taken),
            tuple(self.ignored),
        )
