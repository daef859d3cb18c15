"""The UDP datagram in a frame, as offsets. Whole ones only: what is cut, in fragments or not UDP is named, not touched."""

from enum import Enum
from typing import NamedTuple

from .link import is_known, network_offset

UDP, TCP, SCTP = 17, 6, 132
_FRAGMENT_HEADER = 44
_IPV6_EXTENSIONS = (0, 43, 50, 51, 60, 135, 139, 140)


class Refusal(Enum):
    """Why a frame has no datagram for us."""

    LINK_TYPE = "link type that is not read"
    NOT_IP = "not IP"
    TRUNCATED = "frame truncated by the capture"
    FRAGMENT = "IP fragment"
    EXTENSION = "IPv6 extension header"
    TCP = "SIP over TCP"
    SCTP = "SIP over SCTP"
    PROTOCOL = "neither UDP nor TCP nor SCTP"
    MALFORMED = "malformed IP or UDP header"


class Datagram(NamedTuple):
    """A UDP datagram, as offsets into the buffer that its frame stands in."""

    ip: int
    version: int
    udp: int
    payload: int
    end: int
    """Behind the payload. What follows it in the frame is padding or a trailer."""
    source: bytes
    """The packed address."""
    source_port: int
    destination: bytes
    destination_port: int


def locate(data: bytes, start: int, end: int, link_type: int, cut: bool = False) -> Datagram | Refusal:
    """The datagram in the frame ``data[start:end]``.

    :param cut: whether the capture holds less of the frame than there was.
    """
    ip = network_offset(data, start, link_type)
    if ip is None:
        return Refusal.NOT_IP if is_known(link_type) else Refusal.LINK_TYPE
    version = data[ip] >> 4 if ip < end else 0
    if version == 4:
        return _ipv4(data, ip, end, cut)
    if version == 6:
        return _ipv6(data, ip, end, cut)
    return Refusal.NOT_IP


def _ipv4(data: bytes, ip: int, end: int, cut: bool) -> Datagram | Refusal:
    header = (data[ip] & 0x0F) * 4
    if header < 20 or ip + header > end:
        return Refusal.TRUNCATED if cut else Refusal.MALFORMED
    # More-fragments flag and fragment offset; a first fragment has the flag, every other one an offset.
    if data[ip + 6] & 0x3F or data[ip + 7]:
        return Refusal.FRAGMENT
    length = data[ip + 2] << 8 | data[ip + 3]
    addresses = data[ip + 12 : ip + 16], data[ip + 16 : ip + 20]
    return _transport(data, ip, 4, data[ip + 9], ip + header, ip + length, end, addresses)


def _ipv6(data: bytes, ip: int, end: int, cut: bool) -> Datagram | Refusal:
    if ip + 40 > end:
        return Refusal.TRUNCATED if cut else Refusal.MALFORMED
    protocol = data[ip + 6]
    if protocol == _FRAGMENT_HEADER:
        return Refusal.FRAGMENT
    if protocol in _IPV6_EXTENSIONS:
        return Refusal.EXTENSION
    length = data[ip + 4] << 8 | data[ip + 5]
    addresses = data[ip + 8 : ip + 24], data[ip + 24 : ip + 40]
    return _transport(data, ip, 6, protocol, ip + 40, ip + 40 + length, end, addresses)


def _transport(
    data: bytes, ip: int, version: int, protocol: int, udp: int, packet_end: int, end: int, addresses: tuple[bytes, bytes]
) -> Datagram | Refusal:
    if protocol != UDP:
        return {TCP: Refusal.TCP, SCTP: Refusal.SCTP}.get(protocol, Refusal.PROTOCOL)
    if packet_end > end:
        return Refusal.TRUNCATED
    length = data[udp + 4] << 8 | data[udp + 5] if udp + 8 <= packet_end else 0
    if length < 8 or udp + length > packet_end:
        return Refusal.MALFORMED
    return Datagram(
        ip,
        version,
        udp,
        udp + 8,
        udp + length,
        addresses[0],
        data[udp] << 8 | data[udp + 1],
        addresses[1],
        data[udp + 2] << 8 | data[udp + 3],
    )
