"""TCP connections as IP packets: both ends, with right numbers, lengths and checksums, cut as asked. Knows nothing of SIP, uses no Scapy.

It shares no code with ``scapy_rr.wire``, so that a mistake there is not repeated here.
"""

import struct
from collections.abc import Sequence

from .frames import Flow, words_sum

TCP = 6
FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10

_IPV4 = struct.Struct("!BBHHHBBH")
_IPV6 = struct.Struct("!IHBB")
_HEADER = struct.Struct("!HHIIBBHHH")
_WINDOW = 64_240
# Maximum segment size, then "selective acknowledgements permitted" behind two no-operations (RFC 9293 3.2, RFC 2018 2).
_SYN_OPTIONS = struct.Struct("!BBHBBBB")


class Connection:
    """A connection between two sockets; it begins with nothing sent. Packets are answered in the order in which they are sent.

    Who wants a packet lost, twice, or later, leaves it out, puts it twice, or later.

    :param client: address and port of the end that connects.
    :param server: of the other.
    :param first: the initial sequence numbers, the client's and the server's.
    :param segment: the most bytes of data in a packet.
    :raises ValueError: for addresses of different families.
    """

    def __init__(
        self,
        client: tuple[str, int],
        server: tuple[str, int],
        first: tuple[int, int] = (0x0A11CE00, 0x0B0B0000),
        segment: int = 1440,
    ) -> None:
        self._ways = Flow(client, server), Flow(server, client)
        self._segment = segment
        self._packets = 0
        self.sequence = list(first)
        """The numbers of the bytes that come next, the client's and the server's."""

    def packet(
        self,
        flags: int,
        payload: bytes = b"",
        *,
        by_server: bool = False,
        number: int | None = None,
        options: bytes = b"",
        window: int = _WINDOW,
    ) -> bytes:
        """A single packet, with all acknowledged that the other end has sent.

        :param number: a sequence number that is not the next one; it is not counted then, nor what the packet carries.
        :param options: a multiple of four bytes.
        """
        way, other = self._ways[by_server], self.sequence[not by_server] if flags & ACK else 0
        here = self.sequence[by_server] if number is None else number
        if number is None:
            self.sequence[by_server] = (here + len(payload) + bool(flags & (SYN | FIN))) % 2**32
        offset = (20 + len(options)) // 4 << 4
        segment = _HEADER.pack(*way.ports, here % 2**32, other, offset, flags, window, 0, 0) + options + payload
        # The protocol and the length stand in the pseudo header. The words are never all zero: the residue 0 is the sum 0xFFFF.
        total = words_sum(way.addresses) + TCP + len(segment) + words_sum(segment)
        checksum = ((0xFFFF - total % 0xFFFF) % 0xFFFF).to_bytes(2, "big")
        return self._ip(way, segment[:16] + checksum + segment[18:])

    def _ip(self, way: Flow, segment: bytes) -> bytes:
        if way.version == 6:
            return _IPV6.pack(0x60000000, len(segment), TCP, 64) + way.addresses + segment
        self._packets += 1
        fields = [0x45, 0, len(segment) + 20, self._packets % 2**16, 0x4000, 64, TCP, 0]
        fields[-1] = (0xFFFF - words_sum(_IPV4.pack(*fields) + way.addresses)) % 0xFFFF
        return _IPV4.pack(*fields) + way.addresses + segment

    def open(self) -> list[bytes]:
        """The handshake."""
        options = _SYN_OPTIONS.pack(2, 4, 1460 if self._ways[0].version == 4 else 1440, 1, 1, 4, 2)
        return [self.packet(SYN, options=options), self.packet(SYN | ACK, by_server=True, options=options), self.packet(ACK)]

    def send(self, payload: bytes, sizes: Sequence[int] = (), *, by_server: bool = False) -> list[bytes]:
        """The segments that carry ``payload``, not acknowledged.

        :param sizes: of the first ones; the rest is cut into as large ones as there may be.
        """
        rest, wanted, made = payload, iter(sizes), []
        while rest:
            size = next(wanted, self._segment)
            part, rest = rest[:size], rest[size:]
            made.append(self.packet(ACK if rest else ACK | PSH, part, by_server=by_server))
        return made

    def acknowledge(self, *, by_server: bool = False, upto: int | None = None, sacks: Sequence[tuple[int, int]] = ()) -> bytes:
        """A packet that does nothing else.

        :param upto: the first number that is missing; what the other end sends next if not given.
        :param sacks: what came behind it: from one number up to before another (:rfc:`2018`).
        """
        blocks = b"".join(struct.pack("!II", start % 2**32, end % 2**32) for start, end in sacks)
        options = bytes((1, 1, 5, 2 + len(blocks))) + blocks if sacks else b""
        sent = self.sequence[not by_server]
        self.sequence[not by_server] = sent if upto is None else upto % 2**32
        made = self.packet(ACK, by_server=by_server, options=options)
        self.sequence[not by_server] = sent
        return made

    def say(self, payload: bytes, sizes: Sequence[int] = (), *, by_server: bool = False) -> list[bytes]:
        """The same as :meth:`send`, and one acknowledgement of all."""
        return [*self.send(payload, sizes, by_server=by_server), self.acknowledge(by_server=not by_server)]

    def keep_alive(self, *, by_server: bool = False) -> list[bytes]:
        """The number before the next one without data, which the other end cannot but acknowledge (:rfc:`9293#section-3.8.4`)."""
        asked = self.packet(ACK, by_server=by_server, number=self.sequence[by_server] - 1)
        return [asked, self.acknowledge(by_server=not by_server)]

    def close(self, *, by_server: bool = False) -> list[bytes]:
        """An orderly end that one side begins."""
        ends = by_server, not by_server, by_server
        return [self.packet(flags, by_server=end) for flags, end in zip((FIN | ACK, FIN | ACK, ACK), ends, strict=True)]

    def reset(self, *, by_server: bool = False) -> bytes:
        """An end that is none."""
        return self.packet(RST | ACK, by_server=by_server)
