"""The programs that can be in the places of a lab: whether they are installed, and how each is started.

A server's configuration is what scapy_rr's own script does in the server's words; it is written here. Knows no processes.
"""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...errors import LiveError
from ...rr.listener import Listener
from .description import PROGRAMS, Host, Lab, Role
from .network import python

_HERE = Path(__file__).parent
_LISTEN = {"kamailio": ("listen={}", " advertise "), "opensips": ("socket={}", " as ")}
# Where servers are that are no commands of everybody's.
_SYSTEM = "/usr/local/sbin:/usr/sbin:/sbin"
# A message that does not come in this time, in milliseconds, does not come: SIPp's timers are over then, too.
_RECEIVE_TIMEOUT = 10_000
_ERRORS = "errors"
# A date, a time and the same time as a number stand before it; not every one ends with its line.
_DATE = r"\d{4}-\d\d-\d\d\t"
_ERROR = re.compile(rf"{_DATE}[^\t]*\t[\d.]*: (.*?)(?={_DATE}|$)", re.MULTILINE)


def find(program: str) -> str | None:
    """The path of a program; ``None`` where it is not installed."""
    return shutil.which(program) or shutil.which(program, path=_SYSTEM)


def check_installed(lab: Lab, roles: Iterable[Role]) -> None:
    """Whether somebody can be in each place of these roles.

    :raises LiveError: naming the places for which nobody is there, and what could be.
    """
    empty = []
    for host in (host for role in roles for host in lab.of(role)):
        if host.program == "scapy-rr" or find(host.program):
            continue
        others = [one for one in PROGRAMS[host.role] if one == "scapy-rr" or find(one)]
        can_be = f"--proxy {host.name}=PROGRAM takes another: {', '.join(others)}" if others else "nothing else can be there"
        empty.append(f"nobody is there for {host.name}: {host.program} is not installed; {can_be}")
    if empty:
        raise LiveError("\n".join(empty))


@dataclass(frozen=True)
class Playing:
    """How a scenario is played."""

    scenario: Path
    """The folder of ``caller.xml`` and ``callee.xml``."""
    calls: int = 1
    rate: int = 10
    """Calls a second."""
    limit: float = 60
    """Seconds until it is given up."""


def proxy(lab: Lab, host: Host, home: Path) -> list[str]:
    """The command line of a proxy.

    :param home: a folder for its configuration.
    """
    if host.program == "scapy-rr":
        interfaces = [word for _, across in lab.ends_of(host.name) for word in ("--iface", across.host)]
        listen = [word for one in host.listen for word in ("--listen", _spelled(one, " as "))]
        names = [word for name, address in host.names for word in ("--host", f"{name}={address}")]
        return [*python("scapy_rr.cli", "run"), *interfaces, *listen, *names, *host.options]
    file = home / f"{host.program}.cfg"
    file.write_text(configuration(host))
    path = find(host.program) or host.program
    if host.program == "kamailio":
        return [path, "-f", str(file), "-DD", "-E", "-m", "32", "-M", "8", "-Y", str(home), "-P", str(home / "pid"), *host.options]
    return [path, "-f", str(file), "-F", "-m", "64", "-M", "8", "-P", str(home / "pid"), *host.options]


def configuration(host: Host) -> str:
    """The configuration of a Kamailio or an OpenSIPS."""
    line, separator = _LISTEN[host.program]
    listen = [line.format(_spelled(one, separator)) for one in host.listen]
    names = [f'    if ($rd == "{name}") $du = "sip:{address}";' for name, address in host.names]
    script = (_HERE / f"{host.program}.cfg").read_text()
    return "\n".join([*listen, script, "route[NAMES] {", *names, "    return(1);", "}", ""])


def caller(host: Host, playing: Playing, home: Path) -> list[str]:
    """The command line of SIPp that calls.

    :param home: a folder for its errors.
    """
    (own,) = host.listen
    contact = host.contact or f"{own.host}:{own.port}"
    keys = ["-key", "calls", host.calls, "-key", "contact", contact, "-r", str(playing.rate)]
    return [*_sipp(host, playing, home, "caller"), *keys, "-timeout_error", host.through]


def callee(host: Host, playing: Playing, home: Path) -> list[str]:
    """The command line of SIPp that is called; see :func:`caller`."""
    return _sipp(host, playing, home, "callee")


def _sipp(host: Host, playing: Playing, home: Path, role: str) -> list[str]:
    (own,) = host.listen
    socket = ["-i", own.host, "-p", str(own.port), "-t", "u1" if own.transport == "udp" else "t1"]
    limits = ["-m", str(playing.calls), "-timeout", f"{playing.limit:.0f}s", "-recv_timeout", str(_RECEIVE_TIMEOUT)]
    errors = ["-trace_err", "-error_file", str(home / _ERRORS)]
    return [find("sipp") or "sipp", "-sf", str(playing.scenario / f"{role}.xml"), *socket, *limits, *errors, "-nostdin"]


def last_error(home: Path) -> str:
    """What SIPp complained of last, without the message that it shows with it; empty where it did not."""
    try:
        found = _ERROR.findall((home / _ERRORS).read_text("utf-8", "replace"))
    except OSError:
        return ""
    return found[-1].strip() if found else ""


def _spelled(listener: Listener, separator: str) -> str:
    face = f"{separator}{listener.advertised_host}:{listener.advertised_port}" if listener.advertised_host else ""
    return f"{listener}{face}"
