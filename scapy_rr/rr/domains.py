"""Aliases and local domains: the names that are us beside the listeners' own. As text, from a file, or from an SQLite database.

Files are read again when they changed; nothing here knows what a name is used for.
"""

import os
import re
import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, Protocol

from ..errors import ConfigError

_DOMAIN = re.compile(r"(?:(udp|tcp|tls|sctp|ws|wss):)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)(?::(\d{1,5}))?\Z", re.IGNORECASE)


class Domain(NamedTuple):
    """One name that is us."""

    name: bytes
    """In lower case, IPv6 without brackets."""
    port: int = 0
    """0: on every port."""
    transport: str = ""
    """Empty: over every transport."""
    subdomains: bool = False
    """Whether names below it are us, too (``accept_subdomain``)."""

    @classmethod
    def parse(cls, text: str) -> "Domain":
        """Read ``[proto:]host[:port]``. :raises ConfigError: where the text is none."""
        match = _DOMAIN.match(text.strip())
        if not match or int(match[3] or 0) > 65535:
            raise ConfigError(f"domain {text!r} is not [proto:]host[:port]")
        return cls(match[2].strip("[]").lower().encode(), int(match[3] or 0), (match[1] or "").lower())

    def matches(self, host: bytes, port: int, transport: str) -> bool:
        """Whether a lower-case ``host`` without brackets, ``port`` and ``transport`` (any where it is empty) fall under it
        (``grep_aliases``)."""
        if self.port not in (0, port) or (transport and self.transport not in ("", transport)):
            return False
        return host == self.name or (self.subdomains and host.endswith(b"." + self.name))

    def __str__(self) -> str:
        name = self.name.decode()
        text = f"[{name}]" if ":" in name else name
        return (f"{self.transport}:" if self.transport else "") + text + (f":{self.port}" if self.port else "")


class DomainSource(Protocol):
    """Where domains come from."""

    def load(self) -> tuple[Domain, ...]:
        """The domains as they are now; the very same tuple while nothing changed."""


class _WatchedFile(ABC):
    """A source in a file, read again when its size or time changed."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._stamp: tuple[int, ...] = ()
        self._domains: tuple[Domain, ...] = ()

    def load(self) -> tuple[Domain, ...]:
        """The domains in the file. :raises ConfigError: where it cannot be read."""
        stamp = self._current_stamp()
        if stamp != self._stamp:
            self._domains, self._stamp = self._read(), stamp
        return self._domains

    def _current_stamp(self) -> tuple[int, ...]:
        stamp: list[int] = []
        # What SQLite wrote last may stand in its write-ahead log alone.
        for path in (self._path, Path(f"{self._path}-wal")):
            try:
                status = path.stat()
            except FileNotFoundError:
                if path == self._path:
                    raise ConfigError(f"domains {self._path}: no such file") from None
                continue
            stamp += status.st_mtime_ns, status.st_size
        return tuple(stamp)

    @abstractmethod
    def _read(self) -> tuple[Domain, ...]:
        """The domains that stand in the file. :raises ConfigError: where it cannot be read."""


class DomainFile(_WatchedFile):
    """A text file, one domain a line; what follows a ``#`` is a comment."""

    def _read(self) -> tuple[Domain, ...]:
        domains = []
        try:
            lines = self._path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"domains {self._path}: {error}") from error
        for number, line in enumerate(lines, 1):
            text = line.partition("#")[0].strip()
            if text:
                try:
                    domains.append(Domain.parse(text))
                except ConfigError as error:
                    raise ConfigError(f"domains {self._path}, line {number}: {error}") from None
        return tuple(domains)


class DomainDatabase(_WatchedFile):
    """An SQLite database with a server's ``domain`` table.

    OpenSIPS' has ``id, domain, attrs, accept_subdomain, last_modified``; Kamailio's ``id, domain, did, last_modified``, in which no domain
    stands for those below it.
    """

    def _read(self) -> tuple[Domain, ...]:
        try:
            with closing(sqlite3.connect(f"{self._path.resolve().as_uri()}?mode=ro", uri=True)) as database:
                cursor = database.execute("SELECT * FROM domain WHERE domain IS NOT NULL ORDER BY id")
                columns = [column[0] for column in cursor.description]
                rows = [dict(zip(columns, row, strict=True)) for row in cursor]
        except sqlite3.Error as error:
            raise ConfigError(f"domains sqlite:///{self._path}: {error}; a table 'domain' as the servers have it is needed") from error
        return tuple(Domain.parse(str(row["domain"]))._replace(subdomains=bool(row.get("accept_subdomain"))) for row in rows)


def open_domains(text: str) -> DomainSource:
    """The source that ``FILE`` or ``sqlite:///PATH`` names; read once, so that a fault shows at once.

    :raises ConfigError: where it cannot be read.
    """
    scheme, separator, path = text.partition(":///")
    source: DomainSource
    if not separator:
        source = DomainFile(text)
    elif scheme == "sqlite":
        # As everywhere: three slashes and a relative path, four and an absolute one.
        source = DomainDatabase(path)
    else:
        raise ConfigError(f"domains {text!r}: {scheme!r} is not supported; give a file, or sqlite:///PATH")
    source.load()
    return source
