"""From what a server listens on to listeners and interfaces as scapy_rr spells them. Knows no grammar and no server."""

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from ..errors import ConfigError
from ..rr.listener import Listener
from .found import Findings, Place

# As the kernel has them, a VLAN's with a number behind a dot.
_INTERFACE = re.compile(r"(?!localhost\Z)[A-Za-z][A-Za-z0-9_\-]{0,14}(?:\.\d+)?(?::\d+)?")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9_]*")
_OF_AN_INTERFACE = {("udp", 5060), ("tcp", 5060)}
_NAME = re.compile(r"[A-Za-z0-9_.\-]+")


class Socket(NamedTuple):
    """One socket, every default in its place."""

    transport: str
    host: str
    """An address, IPv6 in brackets; an interface; ``*``."""
    port: int
    place: Place
    advertised: str = ""
    advertised_port: int = 0
    name: str = ""

    def __str__(self) -> str:
        advertised = f" as {self.advertised}" + (f":{self.advertised_port}" if self.advertised_port else "")
        return (
            f"{self.transport}:{self.host}:{self.port}"
            + (advertised if self.advertised else "")
            + (f' name "{self.name}"' if self.name else "")
        )


def spell(sockets: Iterable[Socket], findings: Findings) -> None:
    """Spell them into the findings; what cannot be spelled is named there."""
    of_interfaces: dict[str, list[Socket]] = {}
    heard: dict[tuple[str, str, int], Socket] = {}
    for socket in sockets:
        address = "*" if socket.host == "*" else _address(socket.host)
        if address:
            first = heard.setdefault((socket.transport, address, socket.port), socket)
            if first is socket:
                _spell_one(socket, findings)
            elif first[4:] != socket[4:]:
                # fix_socket_list
                findings.ignore(f"listen {socket}", socket.place, f"the server keeps the first of the two, that of line {first.place.line}")
        elif _INTERFACE.fullmatch(socket.host) and not is_unresolved(socket.host):
            of_interfaces.setdefault(socket.host, []).append(socket)
        else:
            why = "a define that is not known here" if is_unresolved(socket.host) else "neither an address nor an interface"
            findings.ignore(f"listen {socket}", socket.place, f"{socket.host} is {why}; give the address with --listen")
    for interface, its in of_interfaces.items():
        _spell_interface(interface, its, findings)


def is_unresolved(name: str) -> bool:
    """Whether a name that is not in quotes is spelled like a define: nothing has replaced it."""
    return _CAPITALS.fullmatch(name) is not None


def _address(host: str) -> str:
    """An address in one spelling; empty for any other host."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return ""


def _spell_one(socket: Socket, findings: Findings) -> None:
    if socket.name and not _NAME.fullmatch(socket.name):
        findings.ignore(f'name "{socket.name}"', socket.place, "the name of a listener has letters, digits, '_', '.' and '-'")
        socket = socket._replace(name="")
    # One that was in quotes has no brackets; every IPv4 address of the machine stands for all of it, as in the servers.
    host = "0.0.0.0" if socket.host == "*" else socket.host
    text = str(socket._replace(host=f"[{host}]" if ":" in host and host[0] != "[" else host))
    try:
        Listener.parse(text)
    except ConfigError as error:
        findings.ignore(f"listen {socket}", socket.place, str(error))
        return
    findings.listen.append(text)
    findings.take("listen", text, socket.place)


def _spell_interface(interface: str, sockets: list[Socket], findings: Findings) -> None:
    plain: dict[tuple[str, int], Socket] = {}
    for socket in sockets:
        if (socket.transport, socket.port) in _OF_AN_INTERFACE and not socket.advertised and not socket.name:
            plain[socket.transport, socket.port] = socket
        else:
            why = "an interface stands for UDP and TCP port 5060 alone, under its own address; give that with --listen"
            findings.ignore(f"listen {socket}", socket.place, why)
    if not plain:
        return
    first = next(iter(plain.values()))
    findings.interfaces.append(interface)
    findings.take("interface", interface, first.place)
    for transport, port in sorted(_OF_AN_INTERFACE - plain.keys()):
        why = f"the interface stands for {transport.upper()} port {port}, too; give its address with --listen if that matters"
        findings.ignore(f"listen {first}", first.place, why)
