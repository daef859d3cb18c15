"""TCP connections of ours, as frames: what arrived in a datagram leaves in a connection that is opened, used and closed as it should be.

The peer's half is made up as far as an orderly connection needs it. Nothing is drawn by chance: the same messages give the same bytes.
It knows no SIP: where a message begins and ends is the caller's word.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, NamedTuple, TypeVar

from .checksum import checksum
from .datagram import TCP

Token = TypeVar("Token")

_FIN, _SYN, _PSH, _ACK = 0x01, 0x02, 0x08, 0x10
# What fits into 1500 bytes behind headers without options.
_MSS = {4: 1460, 6: 1440}
# With the scale that both SYNs name, more than any message: a whole one needs only one acknowledgement (RFC 7323 2.2).
_WINDOW, _WINDOW_SCALE = 0xFFFF, 7
# The ports that Linux connects from unless it is told otherwise.
_FIRST_PORT, _PORTS = 32768, 60999 - 32768 + 1
_DONT_FRAGMENT = 0x4000
# RFC 9293 3.1, its options (MSS; window scale behind a no-operation), and the end of the pseudo header, the addresses before it.
_TCP_HEADER = struct.Struct(">HHIIHHHxx").pack
_SYN_OPTIONS = struct.Struct(">BBHBBBB").pack
_PSEUDO_TCP = struct.Struct(">HH").pack
_IPV4_HEADER = struct.Struct(">BBHHHBBH").pack
_IPV6_HEADER = struct.Struct(">IHBB").pack


Carry = Callable[[bytes, bool], list[bytes]]
"""Makes frames of a packet; told whether it goes the other way."""


class _Below(NamedTuple, Generic[Token]):
    """What stands below TCP, taken from what arrived."""

    carry: Carry
    token: Token
    version: int
    traffic_class: int
    hop_limit: int


def _below(packet: bytes, carry: Carry, token: Token) -> _Below[Token]:
    version = packet[0] >> 4
    if version == 4:
        traffic_class, hop_limit = packet[1], packet[8]
    else:
        traffic_class, hop_limit = (packet[0] << 4 | packet[1] >> 4) & 0xFF, packet[7]
    # The last two bits are ECN's, which our SYN did not ask for (RFC 3168 6.1.1).
    return _Below(carry, token, version, traffic_class & 0xFC, hop_limit)


@dataclass(slots=True)
class _End:
    address: bytes
    port: int
    sequence: int
    """Of the next byte from this end."""


@dataclass(slots=True)
class _Connection(Generic[Token]):
    below: _Below[Token]
    """Of the last frame that was sent on by it."""
    ours: _End
    theirs: _End
    identification: int = 0

    def open(self) -> list[bytes]:
        return [*self._sent(_SYN), *self._answered(_SYN | _ACK), *self._sent(_ACK)]

    def carry(self, payload: bytes) -> list[bytes]:
        most = _MSS[self.below.version]
        last = (len(payload) - 1) // most * most
        frames = [frame for at in range(0, last, most) for frame in self._sent(_ACK, payload[at : at + most])]
        return [*frames, *self._sent(_PSH | _ACK, payload[last:]), *self._answered(_ACK)]

    def close(self) -> list[bytes]:
        return [*self._sent(_FIN | _ACK), *self._answered(_FIN | _ACK), *self._sent(_ACK)]

    def _sent(self, flags: int, payload: bytes = b"") -> list[bytes]:
        return self.below.carry(self._packet(self.ours, self.theirs, flags, payload), False)

    def _answered(self, flags: int) -> list[bytes]:
        return self.below.carry(self._packet(self.theirs, self.ours, flags, b""), True)

    def _packet(self, sender: _End, receiver: _End, flags: int, payload: bytes) -> bytes:
        _, _, version, traffic_class, hop_limit = self.below
        options = _SYN_OPTIONS(2, 4, _MSS[version], 1, 3, 3, _WINDOW_SCALE) if flags & _SYN else b""
        acknowledged = receiver.sequence if flags & _ACK else 0
        offset_and_flags = (20 + len(options)) << 10 | flags
        tcp = _TCP_HEADER(sender.port, receiver.port, sender.sequence, acknowledged, offset_and_flags, _WINDOW, 0) + options + payload
        # A SYN or FIN takes a number, too, and 2 ** 32 of them are a round (RFC 9293 3.4).
        sender.sequence = (sender.sequence + len(payload) + bool(flags & (_SYN | _FIN))) & 0xFFFFFFFF
        addresses = sender.address + receiver.address
        total = checksum(addresses + _PSEUDO_TCP(TCP, len(tcp)) + tcp)
        tcp = tcp[:16] + total.to_bytes(2, "big") + tcp[18:]
        if version == 6:
            return _IPV6_HEADER(6 << 28 | traffic_class << 20, len(tcp), TCP, hop_limit) + addresses + tcp
        self.identification = (self.identification + 1) & 0xFFFF
        ip = (0x45, traffic_class, 20 + len(tcp), self.identification, _DONT_FRAGMENT, hop_limit, TCP)
        return _IPV4_HEADER(*ip, checksum(_IPV4_HEADER(*ip, 0) + addresses)) + addresses + tcp


class Connections(Generic[Token]):
    """The connections of one capture. They are opened on first use, and used again for the same two ends.

    :param most: how many are open at once, 1 to 10000. The one that was unused for longest is given up for another: it just ends there.
    :param hashed: a number for bytes, from which ports and first sequence numbers are taken.
    :raises ValueError: for another ``most``.
    """

    def __init__(self, most: int = 1024, hashed: Callable[[bytes], int] = zlib.crc32) -> None:
        # Each has a port of its own, and there must be free ones left.
        if not 1 <= most <= 10_000:
            raise ValueError(f"{most} connections: 1 to 10000 can be open at once")
        self._most, self._hashed = most, hashed
        # In the order of their last use.
        self._open: dict[tuple[tuple[bytes, int], tuple[bytes, int]], _Connection[Token]] = {}
        self.given_up = 0
        """How many were given up for others."""

    def send(
        self, packet: bytes, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int], carry: Carry, token: Token
    ) -> list[bytes]:
        """The frames, in order, that carry ``payload`` from ``source`` to ``destination`` (packed address, port; of the packet's version).

        Hop limit and DS field are those of the packet that arrived; all else of it stays behind. We connect from a port of our own
        choice: that of ``source`` is where we listen.

        :param payload: a whole message, not empty.
        :param carry: makes frames of packets.
        :param token: comes back with the frames that close the connection.
        :raises ValueError: where ``carry`` does; nothing has been sent then.
        """
        below, name = _below(packet, carry, token), (source, destination)
        found = self._open.get(name)
        opening = []
        if found is None:
            connection = self._new(below, source, destination)
            opening = connection.open()
        else:
            connection = replace(found, below=below, ours=replace(found.ours), theirs=replace(found.theirs))
        frames = opening + connection.carry(payload)
        # Only now, and in a copy: what cannot be carried was not sent.
        self._open.pop(name, None)
        self._open[name] = connection
        return frames

    def _new(self, below: _Below[Token], source: tuple[bytes, int], destination: tuple[bytes, int]) -> _Connection[Token]:
        if len(self._open) >= self._most:
            del self._open[next(iter(self._open))]
            self.given_up += 1
        name = b"".join(address + port.to_bytes(2, "big") for address, port in (source, destination))
        taken = {source[1], *(one.ours.port for one in self._open.values())}
        # One that was given up is opened again from another port: a second SYN from the first one would be a retransmission.
        choice = self._hashed(name) + self.given_up
        while (port := _FIRST_PORT + choice % _PORTS) in taken:
            choice += 1
        ours, theirs = (self._hashed(end + name) & 0xFFFFFFFF for end in (b"ours", b"theirs"))
        return _Connection(below, _End(source[0], port, ours), _End(*destination, theirs))

    def close(self, is_wanted: Callable[[Token], bool] = lambda token: True) -> Iterator[tuple[Token, list[bytes]]]:
        """The frames that end each connection, with the token of what was sent last by it.

        :param is_wanted: whether to end the connection with a token.
        """
        ending = [name for name, connection in self._open.items() if is_wanted(connection.below.token)]
        for name in ending:
            connection = self._open.pop(name)
            yield connection.below.token, connection.close()
