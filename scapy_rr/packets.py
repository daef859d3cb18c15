"""The module as a Scapy session meets it: takes packets beside bytes, and listens where netifaces says if nobody says otherwise.

The only place where routing and packets touch; Scapy and netifaces are loaded when they are first needed.
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Any, cast

from .errors import ConfigError, SipParseError
from .proxy.next_hop import Hosts
from .rr.dialect import Dialect
from .rr.domains import DomainSource
from .rr.listener import Listener
from .rr.module import RecordRouting as PureRecordRouting
from .rr.request import Request

if TYPE_CHECKING:
    from scapy.packet import Packet


class PacketRequest(Request):
    """A request that came in a Scapy packet."""

    __slots__ = ("_packet",)
    _packet: "Packet"

    def packet(self, send_socket: str | Listener | None = None) -> "Packet":
        """The packet as it leaves: source and destination, lengths and checksums right, the link header as it came.

        :param send_socket: see :meth:`Request.build`.
        :raises ConfigError: where the request came as bytes, or its next hop is no address of the packet's family, or not over UDP.
        """
        from scapy.packet import Padding, Raw

        carried = getattr(self, "_packet", None)
        if carried is None:
            raise ConfigError("packet() needs a request that was made from a Scapy packet; build() gives the bytes")
        leaves_by = self._leaves_by(send_socket)
        try:
            hop = self.module.hop(self.state.dst_uri or self.state.ruri)
        except SipParseError as error:
            raise ConfigError(f"a packet cannot go from {leaves_by} to the next hop: {error.reason}") from None
        next_hop = Hosts().resolve(hop)
        if next_hop is None:
            raise ConfigError(f"a packet cannot go from {leaves_by} to a name: no address is known for {hop.host.decode('latin-1')!r}")
        ip, udp = _datagram(carried)
        if next_hop.transport != "udp" or leaves_by.transport != "udp" or next_hop.address.version != ip.version:
            raise ConfigError(f"a packet of IPv{ip.version} and UDP cannot go from {leaves_by} to {next_hop}")
        changed = carried.copy()
        ip, udp = _datagram(changed)
        ip.src, ip.dst = str(leaves_by.address), str(next_hop.address)
        udp.sport, udp.dport = leaves_by.port, next_hop.port
        behind = changed.getlayer(Padding)
        udp.remove_payload()
        udp.add_payload(Raw(self.build(leaves_by)))
        if behind:
            udp.add_payload(behind.copy())
        _forget_computed(changed)
        made = type(changed)(bytes(changed))
        made.time = carried.time
        return made


class RecordRouting(PureRecordRouting):
    """The rr module with its configuration, for packets and bytes; see :class:`scapy_rr.rr.module.RecordRouting`.

    :param listen: the listeners; ``None`` for UDP and TCP port 5060 on every address that netifaces finds.
    """

    request_class = PacketRequest

    def __init__(
        self,
        dialect: str | Dialect = "opensips",
        listen: Iterable[str | Listener] | None = None,
        domains: Iterable[str | DomainSource] = (),
        interface_addresses: Iterable[IPv4Address | IPv6Address] | None = None,
        **parameters: Any,
    ) -> None:
        given = None if listen is None else list(listen)
        if given is None or (interface_addresses is None and _has_wildcard(given)):
            from .interfaces import Interfaces

            interfaces = Interfaces()
            given = list(interfaces.listeners()) if given is None else given
            interface_addresses = [entry.address for entry in interfaces.of() if not entry.is_scoped]
        super().__init__(dialect, given, domains, interface_addresses or (), **parameters)

    def request(
        self,
        data: "bytes | Packet",
        received_on: str | Listener | None = None,
        source: str | None = None,
        send_socket: str | Listener | None = None,
    ) -> PacketRequest:
        """A request to run the functions on; a packet says itself where it came by and from, if it is addressed to a listener.

        :raises ConfigError: for a packet without a UDP datagram, and as :meth:`scapy_rr.rr.module.RecordRouting.request`.
        """
        if isinstance(data, (bytes, bytearray, memoryview)):
            return cast(PacketRequest, super().request(bytes(data), received_on, source, send_socket))
        ip, udp = _datagram(data)
        arrived = received_on or self.identity.listener_at("udp", ip_address(ip.dst).packed, udp.dport)
        came_from = f"{ip.src}:{udp.sport}" if ip.version == 4 else f"[{ip.src}]:{udp.sport}"
        req = cast(PacketRequest, super().request(udp.payload.do_build(), arrived, source or came_from, send_socket))
        req._packet = data
        return req


def _datagram(packet: Any) -> tuple[Any, Any]:
    """The first UDP layer of a packet, and the IP layer that it is in."""
    if "UDP" not in packet or not ("IP" in packet or "IPv6" in packet):
        raise ConfigError(f"a packet with IP and UDP is needed, not {packet.summary() if hasattr(packet, 'summary') else packet!r}")
    udp = packet["UDP"]
    ip = udp.underlayer
    while ip.name not in ("IP", "IPv6"):
        ip = ip.underlayer
    return ip, udp


def _forget_computed(packet: Any) -> None:
    """Have Scapy compute lengths and checksums again, of a tunnel's outer headers, too. In IPv4 a datagram without a checksum stays so."""
    layer = packet
    while layer:
        computed = {"IP": ("len", "chksum"), "IPv6": ("plen",), "UDP": ("len", "chksum")}.get(layer.name, ())
        for name in computed:
            if layer.name == "UDP" and name == "chksum" and layer.chksum == 0 and layer.underlayer.name == "IP":
                continue
            layer.delfieldval(name)
        layer = layer.payload


def _has_wildcard(listen: Iterable[str | Listener]) -> bool:
    return any((Listener.parse(one) if isinstance(one, str) else one).address.is_unspecified for one in listen)
