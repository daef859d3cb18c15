"""The UDP datagram in a frame, as offsets. Whole ones only: what is cut, in fragments or not UDP is named, not touched."""

import struct
from enum import Enum
from typing import NamedTuple

from .link import is_known, network_offset

UDP, TCP, SCTP = 17, 6, 132
_IPV4_HEADER = struct.Struct(">BxHxxHxBxx4s4s").unpack_from
_IPV6_HEADER = struct.Struct(">4xHBx16s16s").unpack_from
_UDP_HEADER = struct.Struct(">HHH").unpack_from
# A named tuple's own constructor takes three times as long, and there is one for each frame.
_new = tuple.__new__
_FRAGMENT_HEADER = 44
# Those that only stand between (RFC 8200 4, RFC 6275, RFC 7401, RFC 5533), and those that hide or sign what is behind them (RFC 4302).
_IPV6_PASSED, _IPV6_SECURITY = (0, 43, 60, 135, 139, 140), (50, 51)

# A packet has three or four. Behind more there is nothing for us, and a buffer full of them takes no time.
_MOST_EXTENSIONS = 16


class Refusal(Enum):
    """Why a frame has no datagram for us."""

    LINK_TYPE = "link type that is not read"
    NOT_IP = "not IP"
    TRUNCATED = "frame truncated by the capture"
    FRAGMENT = "IP fragment"
    EXTENSION = "IPsec header"
    TCP = "SIP over TCP"
    SCTP = "SIP over SCTP"
    PROTOCOL = "neither UDP nor TCP nor SCTP"
    MALFORMED = "malformed IP or UDP header"


_OTHERS = {TCP: Refusal.TCP, SCTP: Refusal.SCTP}


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
    try:
        version = data[ip] >> 4
        if version == 4:
            first, length, fragment, protocol, source, destination = _IPV4_HEADER(data, ip)
            header = (first & 0x0F) * 4
            # More-fragments flag and fragment offset; a first fragment has the flag, every other one an offset.
            if fragment & 0x3FFF:
                return Refusal.FRAGMENT
        elif version == 6:
            length, protocol, source, destination = _IPV6_HEADER(data, ip)
            header, length = 40, length + 40
            if protocol in _IPV6_PASSED:
                protocol, header = past_extensions(data, ip)
            if protocol == _FRAGMENT_HEADER:
                return Refusal.FRAGMENT
            if protocol in _IPV6_SECURITY:
                return Refusal.EXTENSION
        else:
            return Refusal.NOT_IP
        if ip + length > end:
            return Refusal.TRUNCATED
        if protocol != UDP:
            return _OTHERS.get(protocol, Refusal.PROTOCOL)
        udp = ip + header
        source_port, destination_port, udp_length = _UDP_HEADER(data, udp)
    except (struct.error, IndexError):
        # A header runs over the end of the buffer that the frame stands in.
        return Refusal.TRUNCATED if cut else Refusal.MALFORMED
    if header < 20 or udp_length < 8 or header + udp_length > length:
        return Refusal.MALFORMED
    return _new(Datagram, (ip, version, udp, udp + 8, udp + udp_length, source, source_port, destination, destination_port))


def past_extensions(data: bytes, ip: int) -> tuple[int, int]:
    """What stands in an IPv6 packet behind the extension headers that only stand between, and how many bytes before it there are.

    :raises IndexError: where they run over the end of the buffer.
    """
    protocol, header = data[ip + 6], 40
    for _ in range(_MOST_EXTENSIONS):
        if protocol not in _IPV6_PASSED:
            break
        protocol, header = data[ip + header], header + 8 + data[ip + header + 1] * 8
    return protocol, header
