"""The statements of a configuration file that both servers have; what stands in a block is passed over. Each server adds its own."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable

from ..errors import ConfigError
from ..rr.dialect import Dialect
from ..rr.domains import Domain
from .addresses import read_addresses
from .cursor import Cursor, NotUnderstood
from .directives import Directives
from .found import Findings, Place
from .lexer import Kind, Token
from .modules import ModuleParameters, Setting
from .sockets import is_unresolved

_DEFINED = re.compile(r"\$def[ns]?\((\w+)\)")


class Statements(ABC):
    """Reads the statements of one server.

    :param directives: for ``modparamx``, whose strings name defines.
    """

    transports: tuple[str, ...]
    """What may stand before an address."""

    def __init__(self, cursor: Cursor, findings: Findings, dialect: Dialect, directives: Directives | None = None) -> None:
        self.cursor = cursor
        self.findings = findings
        self.modules = ModuleParameters(dialect, findings)
        self.settings: dict[str, Setting] = {}
        """Values that only together mean something."""
        self._directives = directives
        self._assigned: dict[str, Callable[[Token], None]] = {"alias": self._read_alias, "auto_aliases": self._read_auto_aliases}

    def assign(self, name: str, read: Callable[[Token], None]) -> None:
        """Have a function read what stands behind ``name =``."""
        self._assigned[name] = read

    def run(self) -> None:
        """Read them all."""
        opened: list[Place] = []
        while (token := self.cursor.take()).kind is not Kind.END:
            if token.kind is Kind.SIGN and token.text == "{":
                opened.append(token.place)
            elif token.kind is Kind.SIGN and token.text == "}" and opened:
                opened.pop()
            elif token.kind is Kind.WORD and not opened:
                self._statement(token)
        if opened:
            self.findings.ignore("{", opened[0], "it is not closed: nothing behind it is read")
        self.conclude(token.place)

    @abstractmethod
    def conclude(self, end: Place) -> None:
        """Say what all of it means."""

    def _statement(self, token: Token) -> None:
        read: Callable[[Token], None] | None = {
            "modparam": self._read_modparam,
            "modparamx": self._read_modparam,
            "loadmodule": self._read_loadmodule,
            "loadmodulex": self._read_loadmodule,
        }.get(token.text)
        if token.text in self._assigned and self.cursor.accept("="):
            read = self._assigned[token.text]
        if read is None:
            return
        start = self.cursor.at
        try:
            read(token)
        except ConfigError as error:
            self.cursor.at = start
            self.findings.ignore(token.text, token.place, str(error))

    def _read_loadmodule(self, token: Token) -> None:
        if self.cursor.peek().kind is Kind.STRING:
            self.modules.load(self.cursor.take().text, token.place)

    def _read_modparam(self, token: Token) -> None:
        self.cursor.expect("(")
        modules = self.modules.concerned(self.cursor.string())
        if not modules:
            return
        self.cursor.expect(",")
        name = self.cursor.string()
        self.cursor.expect(",")
        value = self.cursor.string() if self.cursor.peek().kind is Kind.STRING else self.cursor.number()
        if token.text == "modparamx" and isinstance(value, str):
            value = self._evaluated(value)
        for module in modules:
            self.modules.set(module, name, value, token.place)

    def _evaluated(self, text: str) -> str:
        """The text with its defines; other variables are the server's."""
        for found in _DEFINED.finditer(text):
            value = self._directives.value(found[1]) if self._directives else None
            if value is None:
                raise NotUnderstood(f"{found[0]} is not known here")
            text = text.replace(found[0], value.strip("\"'"))
        if "$" in text:
            raise NotUnderstood(f"the variable in {text!r} is not known here")
        return text

    def read_setting(self, token: Token) -> None:
        """Remember a number, or a word for one."""
        self.settings[token.text] = Setting(self.cursor.number(), token.place)

    def read_text(self, token: Token) -> None:
        """Remember a text."""
        self.settings[token.text] = Setting(self.cursor.string(), token.place)

    def _read_auto_aliases(self, token: Token) -> None:
        self.read_setting(token)
        if self.settings[token.text].value:
            self.findings.ignore(
                token.text, token.place, "the names that DNS has for the addresses are not looked up; give them with --domain"
            )

    def _read_alias(self, token: Token) -> None:
        for address in read_addresses(self.cursor, self.transports):
            for host in address.hosts:
                # In quotes a port is part of the name, which no host of a URI ever equals.
                text = f"{address.transport}:{host}" if address.transport else host
                text += f":{address.port}" if address.port else ""
                try:
                    if address.is_quoted and ":" in host:
                        raise NotUnderstood("in quotes the port is part of the name; write it behind them")
                    if not address.is_quoted and is_unresolved(host):
                        raise NotUnderstood("it is a define that is not known here")
                    Domain.parse(text)
                except ConfigError as error:
                    self.findings.ignore(f"{token.text} {text}", token.place, str(error))
                    continue
                self.findings.domains.append(text)
                self.findings.take("domain", text, token.place)
            if self.cursor.accept("accept_subdomain"):
                why = "the names below it are the proxy, too; give those that matter with --domain"
                self.findings.ignore(f"{token.text} {address.hosts[0]} accept_subdomain", token.place, why)
