"""IP packets cut into fragments, and what a fragment says of itself (RFC 791 3.2, RFC 8200 4.5). Knows nothing above IP."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from .checksum import checksum
from .link import network_offset
from .splice import TooLong

_MORE_FRAGMENTS, _DONT_FRAGMENT = 0x2000, 0x40
_IPV6_FRAGMENT, _IPV6_DESTINATION = 44, 60
# The headers that may stand before the fragment header: hop-by-hop options, routing, destination options.
_IPV6_BEFORE = (0, 43, _IPV6_DESTINATION)
_END_OF_OPTIONS, _NO_OPERATION, _COPIED = 0, 1, 0x80
_LONGEST = 0xFFFF
_IPV4_FIELDS = struct.Struct(">H2sH").unpack_from
_FRAGMENT_HEADER = struct.Struct(">BxH4s")


class MustNotFragment(ValueError):
    """The packet is too long, and forbids to be cut."""


class Fragment(NamedTuple):
    """A piece of an IP packet, or all of it: then it begins at 0, with no more to come."""

    link: bytes
    header: bytes
    """As the whole packet has it: no more-fragments flag, no offset, no fragment header. Its length and checksum are those that came."""
    next_at: int
    """Where in it the protocol of what follows stands."""
    identification: bytes
    """Empty where nothing says that this is a fragment."""
    offset: int
    """In bytes."""
    more: bool
    payload: bytes
    said: int
    """The length of the payload as the header has it: more where the frame was cut, less than nothing where it is malformed."""

    @property
    def identity(self) -> bytes:
        """What all fragments of a packet have in common: the addresses, the identification, and in IPv4 the protocol.

        In IPv6 the first fragment alone says what follows (:rfc:`8200` 4.5).
        """
        header = self.header
        return (header[9:10] + header[12:20] if header[0] >> 4 == 4 else header[8:40]) + self.identification

    def frame(self) -> bytes:
        """The frame that carries this piece, with lengths and checksum made right.

        :raises TooLong: where they overflow.
        """
        return b"".join((self.link, (self._ipv4 if self.header[0] >> 4 == 4 else self._ipv6)(), self.payload))

    def _ipv4(self) -> bytes:
        header = self.header
        place = header[6] << 8 | header[7] | self.more * _MORE_FRAGMENTS | self.offset >> 3
        first = header[:2] + _length(len(header) + len(self.payload)) + header[4:6] + place.to_bytes(2, "big") + header[8:10]
        return first + checksum(first + header[12:]).to_bytes(2, "big") + header[12:]

    def _ipv6(self) -> bytes:
        header, at = self.header, self.next_at
        if self.offset or self.more:
            behind = _FRAGMENT_HEADER.pack(header[at], self.offset | self.more, self.identification)
            header = header[:at] + bytes([_IPV6_FRAGMENT]) + header[at + 1 :] + behind
        return header[:4] + _length(len(header) - 40 + len(self.payload)) + header[6:]


def _length(length: int) -> bytes:
    if length > _LONGEST:
        raise TooLong(f"{length} bytes in an IP packet")
    return length.to_bytes(2, "big")


def read(data: bytes, start: int, end: int, link_type: int) -> Fragment | None:
    """What the frame ``data[start:end]`` carries of an IP packet; ``None`` where its headers are not whole, or not IP's."""
    ip = network_offset(data, start, link_type)
    if ip is None:
        return None
    link, packet = data[start:ip], data[ip:end]
    try:
        reader = _READERS.get(packet[0] >> 4)
        return reader(link, packet) if reader else None
    except (struct.error, IndexError):
        return None


def _read_ipv4(link: bytes, packet: bytes) -> Fragment | None:
    size = (packet[0] & 0x0F) * 4
    length, identification, place = _IPV4_FIELDS(packet, 2)
    if not 20 <= size <= len(packet):
        return None
    offset, more = (place & 0x1FFF) * 8, bool(place & _MORE_FRAGMENTS)
    header = packet[:6] + (place & 0xC000).to_bytes(2, "big") + packet[8:size]
    return Fragment(link, header, 9, identification if offset or more else b"", offset, more, packet[size:length], length - size)


def _read_ipv6(link: bytes, packet: bytes) -> Fragment | None:
    length = 40 + (packet[4] << 8 | packet[5])
    next_at, size = 6, 40
    cut = next_at, size
    while (kind := packet[next_at]) in _IPV6_BEFORE:
        next_at, size = size, size + 8 + packet[size + 1] * 8
        # Destination options are for every hop only where a routing header follows them; else they go with what is cut (RFC 8200 4.5).
        if kind != _IPV6_DESTINATION:
            cut = next_at, size
    if kind == _IPV6_FRAGMENT:
        follows, place, identification = _FRAGMENT_HEADER.unpack_from(packet, size)
        header = packet[:next_at] + bytes([follows]) + packet[next_at + 1 : size]
        size += 8
        return Fragment(link, header, next_at, identification, place & 0xFFF8, bool(place & 1), packet[size:length], length - size)
    next_at, size = cut
    if size > len(packet):
        return None
    return Fragment(link, packet[:size], next_at, b"", 0, False, packet[size:length], length - size)


_READERS = {4: _read_ipv4, 6: _read_ipv6}


def fragment(frame: bytes, link_type: int, mtu: int, sizes: Sequence[int] = ()) -> list[bytes]:
    """The frames, in order, that carry the IP packet of ``frame`` through a link of that MTU.

    One that fits is the same object again, and so is one that has no IP packet, or not all of it. A trailer of the link's is not repeated.
    A fragment that is cut again keeps its place in the packet. The identification of IPv6 is taken from what is sent.

    :param mtu: the most bytes of an IP packet.
    :param sizes: those of the payloads of the fragments in which the packet was received, in order. Its new fragments have them as far as
        they go, and none is longer than the longest: also where the MTU allows for more.
    :raises MustNotFragment: where IPv4's DF says so; of a packet that its sender cut itself, it says so for pieces smaller than those.
    :raises ValueError: for an MTU with no room for 8 bytes behind the headers.
    """
    piece = read(frame, 0, len(frame), link_type)
    if piece is None or piece.said != len(piece.payload):
        return [frame]
    header, payload = piece.header, piece.payload
    six = header[0] >> 4 == 6
    later = header if six else _later(header)
    longest = max(sizes) if len(sizes) > 1 else _LONGEST
    room = mtu - len(header) - 8 * six
    if len(payload) <= min(longest, room + 8 * (six and not piece.identification)):
        return [frame]
    if not six and header[6] & _DONT_FRAGMENT and longest > mtu - len(later):
        raise MustNotFragment(f"{len(header) + len(payload)} bytes in an IPv4 packet with DF, the MTU is {mtu}")
    if room < 8:
        raise ValueError(f"an MTU of {mtu} has no room behind {mtu - room} bytes of headers")
    piece = piece._replace(identification=piece.identification or _identification(header, payload))
    return [part.frame() for part in _cut(piece, later, mtu - 8 * six, longest, sizes[:-1])]


def _cut(piece: Fragment, later: bytes, mtu: int, longest: int, sizes: Sequence[int]) -> Iterator[Fragment]:
    """The parts of a piece, none longer than ``longest``; the first ones as long as ``sizes`` say.

    :param later: the header of all but the first.
    :param mtu: without a fragment header.
    """
    header, payload = piece.header, piece.payload
    wanted, at = iter(sizes), 0
    while at < len(payload):
        most = min(longest, mtu - len(header))
        size = max(min(next(wanted, most), most), 8)
        last = at + size >= len(payload)
        if not last:
            # Offsets count in eights.
            size -= size % 8
        part = payload[at : at + size]
        yield piece._replace(header=header, offset=piece.offset + at, more=piece.more or not last, payload=part)
        header = later
        at += size


def _identification(header: bytes, payload: bytes) -> bytes:
    """A packet that is sent twice has the same one twice: its fragments are the same, too, whichever of them meet."""
    return zlib.crc32(header[8:40] + payload).to_bytes(4, "big")


def _later(header: bytes) -> bytes:
    """The IPv4 header of fragments behind the first: without the options that are not to be copied (:rfc:`791` 3.1)."""
    copied, at = b"", 20
    while at < len(header) and header[at] != _END_OF_OPTIONS:
        size = 1
        if header[at] != _NO_OPERATION:
            size = int.from_bytes(header[at + 1 : at + 2], "big")
            # What cannot be read on is copied: routers on the way refuse it, or not, in each fragment alike.
            if not 2 <= size <= len(header) - at:
                copied += header[at:]
                break
        if header[at] & _COPIED:
            copied += header[at : at + size]
        at += size
    copied += bytes(-len(copied) % 4)
    return bytes([0x45 + len(copied) // 4]) + header[1:20] + copied
