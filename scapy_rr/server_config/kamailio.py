"""The statements of a Kamailio configuration that say where it listens and who it is (its ``cfg.y``, and ``main.c`` for the defaults)."""

from typing import NamedTuple

from ..rr.dialect import KAMAILIO
from .addresses import Address, read_address, read_addresses, read_host, read_port
from .cursor import Cursor
from .directives import Directives
from .found import Findings, Place
from .lexer import Kind, Token
from .sockets import Socket, spell
from .statements import Statements

_SWITCHES = {
    "disable_tcp": ("tcp", False),
    "enable_tls": ("tls", True), "tls_enable": ("tls", True), "disable_tls": ("tls", False), "tls_disable": ("tls", False),
    "enable_sctp": ("sctp", True), "disable_sctp": ("sctp", False),
}  # fmt: skip


class _Listen(NamedTuple):
    """One ``listen``, before it is known which transports and ports there are."""

    addresses: list[Address]
    advertised: str
    advertised_port: int
    name: str
    place: Place


class KamailioStatements(Statements):
    """Reads Kamailio's statements."""

    transports = ("udp", "tcp", "tls", "sctp")

    def __init__(self, cursor: Cursor, findings: Findings, directives: Directives) -> None:
        super().__init__(cursor, findings, KAMAILIO, directives)
        self._listens: list[_Listen] = []
        self._enabled = {"udp": True, "tcp": True, "tls": False, "sctp": False}
        for name in ("port", "tls_port_no"):
            self.assign(name, self.read_setting)
        for name in ("workdir", "wdir"):
            self.assign(name, self.read_text)
        for name in _SWITCHES:
            self.assign(name, self._read_switch)
        for name in ("advertised_address", "advertised_port"):
            self.assign(name, self._read_advertised)
        self.assign("listen", self._read_listen)
        self.assign("socket", self._read_socket)
        self.assign("domain", self._read_alias)
        self.assign("auto_domains", self._read_auto_aliases)

    def _read_switch(self, token: Token) -> None:
        transport, enables = _SWITCHES[token.text]
        self._enabled[transport] = bool(self.cursor.number()) is enables

    def _read_advertised(self, token: Token) -> None:
        value = read_host(self.cursor) if token.text == "advertised_address" else self.cursor.number()
        self.findings.ignore(
            f"{token.text} {value}", token.place, "Kamailio writes it into Via alone: Record-Route and who it is are without it"
        )

    def _read_listen(self, token: Token) -> None:
        addresses = read_addresses(self.cursor, self.transports)
        advertised, advertised_port, name = "", 0, ""
        while True:
            if self.cursor.accept("advertise", "ADVERTISE"):
                advertised, advertised_port = read_host(self.cursor), read_port(self.cursor)
            elif self.cursor.sees("name") or self.cursor.sees("NAME"):
                self.cursor.take()
                name = self.cursor.string()
            elif not self.cursor.accept("virtual"):
                break
        self._listens.append(_Listen(addresses, advertised, advertised_port, name, token.place))

    def _read_socket(self, token: Token) -> None:
        """The newer spelling: ``socket = { bind = ...; advertise = ...; name = ... }``."""
        self.cursor.expect("{")
        addresses: list[Address] = []
        advertised, advertised_port, name = "", 0, ""
        while not self.cursor.accept("}"):
            key = self.cursor.take()
            if key.kind is Kind.END:
                raise self.cursor.refusal("'}'")
            if key.kind is not Kind.WORD or not self.cursor.accept("="):
                continue
            if key.text == "bind":
                addresses = [read_address(self.cursor, self.transports)]
            elif key.text.lower() == "advertise":
                advertised, advertised_port = read_host(self.cursor), read_port(self.cursor)
            elif key.text.lower() == "name":
                name = self.cursor.string()
        self._listens.append(_Listen(addresses, advertised, advertised_port, name, token.place))

    def conclude(self, end: Place) -> None:
        """Which sockets there are is known only here: transports and ports count wherever they are set in the file."""
        spell([socket for listen in self._listens for socket in self._sockets(listen)], self.findings)
        if not self._listens:
            self._listen_everywhere(end)
        elif not self.findings.listen and not self.findings.interfaces:
            self.findings.ignore("listen", end, "no socket is left: without --listen it is what netifaces finds")
        if "auto_aliases" not in self.settings and "auto_domains" not in self.settings:
            why = "it is not set, and on by default in some versions: then the names that DNS has for the addresses are the proxy, too"
            self.findings.ignore("auto_aliases", end, why)
        workdir = self.settings.get("workdir") or self.settings.get("wdir")
        self.modules.conclude(workdir=str(workdir.value) if workdir else "/")

    def _sockets(self, listen: _Listen) -> list[Socket]:
        sockets = []
        for address in listen.addresses:
            for host in address.hosts:
                for transport in [address.transport] if address.transport else self._transports():
                    port = self._port(transport, address)
                    made = Socket(transport, host, port, listen.place, listen.advertised, listen.advertised_port, listen.name)
                    if self._enabled[transport] or transport == "sctp":
                        sockets.append(made)
                    else:
                        self.findings.ignore(
                            f"listen {made}", listen.place, f"{transport.upper()} is not enabled: the server leaves it out"
                        )
        return sockets

    def _transports(self) -> list[str]:
        return [transport for transport, is_enabled in self._enabled.items() if is_enabled]

    def _port(self, transport: str, address: Address | None = None) -> int:
        if address and address.port:
            # add_listen_iface: one address and port for all transports is TLS' on the next port.
            return address.port + (transport == "tls" and not address.transport)
        name, default = ("tls_port_no", 5061) if transport == "tls" else ("port", 5060)
        setting = self.settings.get(name)
        return int(setting.value) if setting else default

    def _listen_everywhere(self, end: Place) -> None:
        everywhere = {transport: self._port(transport) for transport in self._transports()}
        if everywhere == {"udp": 5060, "tcp": 5060}:
            self.findings.take("listen", "nowhere in particular: UDP and TCP port 5060 of every address that netifaces finds", end)
        else:
            spell([Socket(transport, "*", port, end) for transport, port in everywhere.items()], self.findings)
