"""What is asked of a server, and what it answers: both in the shape of the recorded vectors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NotRequired, Self, TypedDict

Call = tuple[str | int, ...]
"""A function of the script and its arguments."""


class Case(TypedDict):
    """One request, and the configuration that it meets. The keys are those of a vector."""

    params: dict[str, Any]
    listen: list[str]
    domains: list[str]
    received_on: str
    source: str
    send_socket: str | None
    calls: list[list[Any]]
    sink: str
    request: str


class Answer(TypedDict):
    """What the server did. The keys are those of a vector's ``expect``."""

    returns: list[int] | None
    ruri: str | None
    dst_uri: str | None
    send_socket: str | None
    pvs: dict[str, str | None]
    sent: str | None
    out_socket: str | None
    refused: NotRequired[str]
    """Why scapy_rr refuses what is no SIP, where it does; no vector has it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a server has to be started with; cases that share it share a process."""

    params: tuple[tuple[str, Any], ...]
    listen: tuple[str, ...]
    domains: tuple[str, ...]

    @classmethod
    def of(cls, case: Case | Mapping[str, Any]) -> Self:
        """The configuration that a case needs."""
        return cls(tuple(sorted(case["params"].items())), tuple(case["listen"]), tuple(case["domains"]))

    @property
    def sockets(self) -> list[str]:
        """The listeners without what they advertise."""
        return [listener.partition(" name ")[0].partition(" as ")[0] for listener in self.listen]


def calls_of(case: Case | Mapping[str, Any]) -> list[Call]:
    """The calls of a case, hashable."""
    return [tuple(call) for call in case["calls"]]


def endpoint(text: str) -> tuple[str, int]:
    """The address and the port of ``127.0.0.1:5060``, ``[::1]:5060``."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def spelled(proto: str, host: str, port: int | str) -> str:
    """A socket as the vectors spell it."""
    return f"{proto}:[{host}]:{port}" if ":" in host else f"{proto}:{host}:{port}"
