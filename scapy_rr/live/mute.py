"""Keeps the kernel quiet about listeners that only we look at: no ICMP says that nobody listens there, and no RST, where that is wanted."""

import errno
import logging
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LiveError
from ..rr.listener import Listener

log = logging.getLogger("scapy_rr")

_TABLE = "scapy_rr_"
_TABLES = re.compile(rf"^table inet {_TABLE}(\d+)$", re.MULTILINE)
_FAMILIES = {4: ("ip", socket.AF_INET), 6: ("ip6", socket.AF_INET6)}
# Where it is installed if a user's PATH does not have it.
_SYSTEM_PATH = "/usr/sbin:/sbin"


class Mute:
    """Sockets that claim UDP listeners and are never read. Use it in a ``with``.

    :param listeners: those over neither UDP nor TCP are passed over.
    :raises LiveError: where one cannot be claimed, for another reason than those below.
    """

    def __init__(self, listeners: Iterable[Listener]) -> None:
        self.claimed: list[Listener] = []
        self.elsewhere: list[Listener] = []
        """Those whose address is none of this machine's: its kernel has nothing to say about them."""
        self.taken: list[Listener] = []
        """Those that somebody else listens at, who gets what arrives, too."""
        self.reset: list[Listener] = []
        """Those over TCP where nobody listens: the kernel answers with RST, unless :func:`no_resets` stops it."""
        self._sockets: dict[Listener, socket.socket] = {}
        try:
            self.claim(listeners)
        except LiveError:
            self.close()
            raise

    def claim(self, listeners: Iterable[Listener]) -> None:
        """Claim these, in the place of those before. :raises LiveError: as the constructor does; those before it are claimed then."""
        wanted = dict.fromkeys(listeners)
        for listener in self._sockets.keys() - wanted:
            self._sockets.pop(listener).close()
        self.claimed[:] = self._sockets
        for found in (self.elsewhere, self.taken, self.reset):
            found.clear()
        for listener in [one for one in wanted if one not in self._sockets]:
            if listener.transport == "udp":
                self._claim(listener)
            elif listener.transport == "tcp" and _is_free(listener):
                self.reset.append(listener)

    def _claim(self, listener: Listener) -> None:
        try:
            made = _bound(listener, socket.SOCK_DGRAM)
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                self.elsewhere.append(listener)
            elif error.errno == errno.EADDRINUSE:
                self.taken.append(listener)
                log.warning("%s: somebody listens there already, and answers what arrives", listener)
            else:
                raise LiveError(f"{listener}: {error.strerror or error}") from None
            return
        self.claimed.append(listener)
        self._sockets[listener] = made

    def __enter__(self) -> "Mute":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all of them."""
        for made in self._sockets.values():
            made.close()
        self._sockets.clear()


def _bound(listener: Listener, kind: socket.SocketKind, port: int | None = None) -> socket.socket:
    """A socket there, or at another port, that takes next to nothing. :raises OSError: where there can be none."""
    made = socket.socket(_FAMILIES[listener.address.version][1], kind)
    try:
        if listener.address.version == 6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        # As little as the system allows: what does not fit is dropped without a word.
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
        made.bind((str(listener.address), listener.port if port is None else port))
    except OSError:
        made.close()
        raise
    return made


def is_of_this_machine(listener: Listener) -> bool:
    """Whether a listener's address is one that this machine has."""
    try:
        _bound(listener, socket.SOCK_DGRAM, 0).close()
    except OSError as error:
        return error.errno != errno.EADDRNOTAVAIL
    return True


def _is_free(listener: Listener) -> bool:
    """Whether it is an address of this machine, and nobody listens there."""
    try:
        _bound(listener, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True


@contextmanager
def no_resets(listeners: Iterable[Listener]) -> Iterator[str]:
    """Have the kernel answer nobody with a TCP RST in the name of these listeners, by a table of nftables of our own.

    :param listeners: those of another transport than TCP are passed over.
    :returns: the command that removes the table by hand; empty where no listener is TCP, so that there is none.
    :raises LiveError: where nftables cannot be used.
    """
    rules = [
        f"{_FAMILIES[one.address.version][0]} saddr {one.address} tcp sport {one.port} tcp flags & rst == rst drop"
        for one in listeners
        if one.transport == "tcp"
    ]
    if not rules:
        yield ""
        return
    remove_leftovers()
    name = f"{_TABLE}{os.getpid()}"
    chain = "\n".join(["type filter hook output priority 0; policy accept;", *rules])
    try:
        # Declared so that it can be deleted: one of this number may have been left behind.
        _nft("-f", "-", script=f"table inet {name}\ndelete table inet {name}\ntable inet {name} {{ chain output {{\n{chain}\n}}\n}}\n")
        yield f"nft delete table inet {name}"
    finally:
        # It may never have come into being, or somebody removed it.
        with suppress(LiveError):
            _nft("delete", "table", "inet", name)


def remove_leftovers() -> list[str]:
    """Remove the tables of processes that ended without doing so. :returns: their names; none where nftables cannot be used."""
    removed = []
    with suppress(LiveError):
        for process in _TABLES.findall(_nft("list", "tables")):
            if not Path("/proc", process).exists():
                _nft("delete", "table", "inet", f"{_TABLE}{process}")
                removed.append(f"{_TABLE}{process}")
                log.warning("the nftables table %s%s of a process that is gone was removed", _TABLE, process)
    return removed


def _nft(*arguments: str, script: str | None = None) -> str:
    program = shutil.which("nft") or shutil.which("nft", path=_SYSTEM_PATH)
    if program is None:
        raise LiveError("nft, the program of nftables, is not installed: without it the kernel's RST cannot be stopped")
    done = subprocess.run([program, *arguments], input=script, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip() or f"it ended with {done.returncode}").splitlines()[0]
        hint = " (nftables need the capability CAP_NET_ADMIN)" if "not permitted" in reason else ""
        raise LiveError(f"nft {' '.join(arguments)}: {reason}{hint}")
    return done.stdout
