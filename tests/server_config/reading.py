"""Reads text as if it were a server's configuration file."""

from pathlib import Path

from scapy_rr.server_config.directives import Directives
from scapy_rr.server_config.found import Findings, ServerConfig
from scapy_rr.server_config.lexer import Lexer, Token
from scapy_rr.server_config.reader import read
from scapy_rr.server_config.source import Source


def reading(folder: Path, text: str, dialect: str = "kamailio", **defines: str) -> ServerConfig:
    """What is found in a file with this text."""
    return read(written(folder, text), dialect, defines)


def written(folder: Path, text: str, name: str = "server.cfg") -> Path:
    """A file with this text; line ends stay as they are."""
    path = folder / name
    path.write_bytes(text.encode())
    return path


def cut(folder: Path, text: str, dialect: str = "kamailio", findings: Findings | None = None, **defines: str) -> list[Token]:
    """The tokens of this text, without the last one."""
    findings = findings or Findings()
    directives = Directives(findings, defines) if dialect == "kamailio" else None
    return Lexer(Source(written(folder, text)), findings, directives).tokens()[:-1]


def ignored(config: ServerConfig | Findings) -> list[tuple[str, int, str]]:
    """What was not understood: what, line, why."""
    return [(one.what, one.line, one.why) for one in config.ignored if one.what != "auto_aliases"]
