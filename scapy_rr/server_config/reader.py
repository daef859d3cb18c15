"""Reads what matters for record-routing from the configuration file of an existing server, with the files that it includes."""

from collections.abc import Mapping
from pathlib import Path

from ..rr.dialect import Dialect
from .cursor import Cursor
from .directives import Directives
from .found import Findings, ServerConfig
from .kamailio import KamailioStatements
from .lexer import Lexer
from .opensips import OpenSipsStatements
from .source import Source


def read(path: Path, dialect: str, defines: Mapping[str, str] | None = None) -> ServerConfig:
    """What a server's configuration says of where it listens, who it is, and how its ``rr`` module is set.

    What stands in route blocks is not looked at. What matters and is not understood is in the result, as are the lines of all that is.

    :param dialect: the server, ``opensips`` or ``kamailio``.
    :param defines: what Kamailio's command line defines (``-A NAME=VALUE``).
    :raises ConfigError: where the file cannot be read, includes itself, or a comment, string or ``#!ifdef`` in it is not closed,
        naming the file and the line; and for another server.
    """
    findings, spoken = Findings(), Dialect(dialect)
    source = Source(path)
    if spoken.name == "kamailio":
        directives = Directives(findings, defines or {})
        KamailioStatements(Cursor(Lexer(source, findings, directives).tokens()), findings, directives).run()
    else:
        OpenSipsStatements(Cursor(Lexer(source, findings).tokens()), findings).run()
    return findings.result(spoken.name)
