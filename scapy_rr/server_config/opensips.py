"""The statements of an OpenSIPS configuration that say where it listens and who it is (its ``cfg.y``)."""

from typing import NamedTuple

from ..rr.dialect import OPENSIPS
from ..rr.listener import DEFAULT_PORTS
from .addresses import Address, read_address, read_host, read_port
from .cursor import Cursor
from .found import Findings, Place
from .lexer import Kind, Token
from .modules import Setting
from .sockets import Socket, spell
from .statements import Statements

# No SIP goes over them.
_OTHER_TRANSPORTS = ("bin", "bins", "hep_udp", "hep_tcp", "hep_tls", "smpp", "msrp", "msrps")
# What may stand behind a socket, and how many tokens belong to it.
_OPTIONS = {
    "use_workers": 1, "tag": 1, "use_auto_scaling_profile": 1, "anycast": 0, "reuse_port": 0, "frag": 0,
    "allow_proxy_protocol": 0, "send_proxy_protocol": 0,
}  # fmt: skip


class _Listen(NamedTuple):
    """One ``socket`` or ``listen``, before it is known which ports and global addresses there are."""

    address: Address
    advertised: str
    advertised_port: int
    place: Place


class OpenSipsStatements(Statements):
    """Reads OpenSIPS' statements."""

    transports = (*DEFAULT_PORTS, *_OTHER_TRANSPORTS)

    def __init__(self, cursor: Cursor, findings: Findings) -> None:
        super().__init__(cursor, findings, OPENSIPS)
        self._listens: list[_Listen] = []
        self.assign("socket", self._read_socket)
        self.assign("listen", self._read_socket)
        self.assign("advertised_address", self._read_advertised_address)
        self.assign("advertised_port", self.read_setting)
        self.assign("db_default_url", self.read_text)

    def _read_advertised_address(self, token: Token) -> None:
        self.settings[token.text] = Setting(read_host(self.cursor), token.place)

    def _read_socket(self, token: Token) -> None:
        address = read_address(self.cursor, self.transports)
        advertised, advertised_port = "", 0
        while self.cursor.peek().kind is Kind.WORD and not self.cursor.sees("=", 1):
            word = self.cursor.peek().text.lower()
            if word == "as":
                self.cursor.take()
                advertised, advertised_port = read_host(self.cursor), read_port(self.cursor)
            elif word in _OPTIONS:
                for _ in range(1 + _OPTIONS[word]):
                    self.cursor.take()
            else:
                break
        self._listens.append(_Listen(address, advertised, advertised_port, token.place))

    def conclude(self, end: Place) -> None:
        """Which sockets there are is known only here: default ports and global addresses count wherever they are set in the file."""
        for name in ("advertised_address", "advertised_port"):
            setting = self.settings.get(name)
            if setting:
                self.findings.take(name, setting.value, setting.place)
        spell([socket for listen in self._listens for socket in self._sockets(listen)], self.findings)
        if not self.findings.listen and not self.findings.interfaces:
            why = "no socket is there, and OpenSIPS listens on none by itself: without --listen it is what netifaces finds"
            self.findings.ignore("socket", end, why)
        self.modules.conclude(self.settings.get("db_default_url"))

    def _sockets(self, listen: _Listen) -> list[Socket]:
        address = listen.address
        if address.transport in _OTHER_TRANSPORTS:
            return []
        ports = {**DEFAULT_PORTS, **self.modules.default_ports}
        return [
            self._advertised(Socket(transport, host, address.port or ports[transport], listen.place), listen)
            for host in address.hosts
            for transport in ([address.transport] if address.transport else ["udp", "tcp"])
        ]

    def _advertised(self, socket: Socket, listen: _Listen) -> Socket:
        """With what it puts into its URIs: its own, or that of all (``get_adv_host``, ``get_adv_port``)."""
        if listen.advertised:
            return socket._replace(advertised=listen.advertised, advertised_port=listen.advertised_port)
        host, port = self.settings.get("advertised_address"), self.settings.get("advertised_port")
        if not host and not port:
            return socket
        return socket._replace(
            advertised=str(host.value) if host else socket.host, advertised_port=int(port.value) if port else socket.port
        )
