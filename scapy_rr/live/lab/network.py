"""The network of a lab: namespaces, veth pairs, addresses, routes and translation, by the programs ``ip`` and ``nft``.

All of it is inside the namespaces, so that it goes when they go. Knows no SIP and no processes.
"""

import os
import subprocess
import sys
from pathlib import Path

from ...errors import LiveError
from .description import Host, Lab, Role

PREFIX = "scapy-rr-"
MARK = "SCAPY_RR_LAB"
"""The variable in the environment of all that runs for a lab."""

_PATIENCE = 20
_SOURCE = str(Path(__file__).parents[3])
_FORWARDING = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}
_MASQUERADE = """table {family} nat {{
    chain leaving {{
        type nat hook postrouting priority 100
        oifname "{interface}" masquerade
    }}
}}
"""


def require_root() -> None:
    """:raises LiveError: where this process may not make namespaces."""
    if os.geteuid() != 0:
        raise LiveError("a lab makes network namespaces, which only root may: sudo scapy-rr lab ...")


def namespace(lab: str, host: str) -> str:
    """The name of a host's namespace."""
    return f"{PREFIX}{lab}-{host}"


def namespaces() -> dict[str, list[str]]:
    """The namespaces that labs have, by the name of the lab, also of one that crashed."""
    found: dict[str, list[str]] = {}
    for line in tool("ip", "netns", "list").splitlines():
        name = line.split()[0]
        lab = name.removeprefix(PREFIX).rpartition("-")[0]
        if name.startswith(PREFIX) and lab:
            found.setdefault(lab, []).append(name)
    return found


def python(*words: str) -> list[str]:
    """What runs a module of ours in a process of its own, which finds it where this one did; see :func:`environment`."""
    # Not in the current folder, which is anybody's: it runs as root.
    return [sys.executable, "-P", "-m", *words]


def environment(lab: str) -> dict[str, str]:
    """Our environment, with the mark of a lab in it, and in which Python finds this package."""
    path = os.pathsep.join(filter(None, (_SOURCE, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, MARK: lab}


def tool(*words: str, text: str = "", lab: str = "") -> str:
    """Run a command to its end, for what it prints.

    :param text: for its standard input.
    :param lab: for which it runs, where it stays in a namespace for a while.
    :raises LiveError: where it is not installed, fails, or does not end.
    """
    try:
        done = subprocess.run(words, input=text, capture_output=True, text=True, timeout=_PATIENCE, env=environment(lab))
    except FileNotFoundError:
        raise LiveError(f"{words[0]} is not installed (a lab needs iproute2, and nftables for a NAT)") from None
    except subprocess.TimeoutExpired:
        raise LiveError(f"{' '.join(words)}: no end after {_PATIENCE} seconds") from None
    if done.returncode:
        raise LiveError(f"{' '.join(words)}: {done.stderr.strip() or f'it ended with {done.returncode}'}")
    return done.stdout


def mac(link: int, end: int) -> str:
    """The hardware address of one end of a link, so that a captured frame says who sent it.

    :param link: the link's number in the lab, from 0. :param end: 0 or 1.
    """
    return f"02:00:5a:00:{link:02x}:{end:02x}"


def make(lab: Lab) -> None:
    """Make the network of a lab.

    :raises LiveError: where a step of it fails; what was made until then stays, for :func:`remove`.
    """
    for host in lab.hosts.values():
        space = namespace(lab.name, host.name)
        tool("ip", "netns", "add", space)
        tool("ip", "-n", space, "link", "set", "lo", "up")
    for number, link in enumerate(lab.links):
        (one, other), spaces = link.ends, [namespace(lab.name, end.host) for end in link.ends]
        pair = "link add", other.host, "netns", spaces[0], "type veth peer name", one.host, "netns", spaces[1]
        tool("ip", *" ".join(pair).split())
        for index, (space, end, across) in enumerate(zip(spaces, link.ends, link.ends[::-1], strict=True)):
            # An address of IPv6 is of no use while the kernel looks whether somebody has it; without any, it is not to talk of itself.
            more, own = (["nodad"], []) if end.address.version == 6 else ([], ["addrgenmode", "none"])
            tool("ip", "-n", space, "link", "set", across.host, *own, "address", mac(number, index), "up")
            tool("ip", "-n", space, "address", "add", str(end.address), "peer", str(across.address), "dev", across.host, *more)
    for host in lab.hosts.values():
        _finish(lab, host)


def _finish(lab: Lab, host: Host) -> None:
    """What a host needs once its links are there."""
    space = namespace(lab.name, host.name)
    across = {end.host: end.address for _, end in lab.ends_of(host.name)}
    tool("ip", "netns", "exec", space, *python("scapy_rr.live.lab.offload", *across), lab=lab.name)
    if host.gateway:
        via = across[host.gateway]
        tool("ip", f"-{via.version}", "-n", space, "route", "add", "default", "via", str(via), "dev", host.gateway)
    if host.role is Role.ROUTER:
        for version in {address.version for address in across.values()}:
            tool("ip", "netns", "exec", space, "tee", f"/proc/sys/net/{_FORWARDING[version]}", text="1")
    if host.masquerade:
        family = "ip" if across[host.masquerade].version == 4 else "ip6"
        rules = _MASQUERADE.format(family=family, interface=host.masquerade)
        tool("ip", "netns", "exec", space, "nft", "-f", "-", text=rules)


def remove(space: str) -> None:
    """Remove a namespace; what is in it goes with its last process. :raises LiveError: where that fails."""
    tool("ip", "netns", "delete", space)
