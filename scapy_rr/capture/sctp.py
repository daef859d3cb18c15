"""SIP in the SCTP packets of a capture (:rfc:`4168`): packets go in; messages come out, and what becomes of the packets."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..wire.associations import Associations, GivenUp, Message, Piece
from ..wire.datagram import past_extensions
from ..wire.sctp import DATA, I_DATA, Packet, read, rebuild, spread
from ..wire.splice import ip_header
from .bearer import Bearer


class SctpPacket:
    """A packet, some of whose user data may be exchanged; it waits for messages that begin or go on in others."""

    def __init__(self, bearer: Bearer, start: int, packet: Packet) -> None:
        self.bearer, self._start, self._packet = bearer, start, packet
        self.replaced: dict[int, bytes | None] = {}
        """Other user data by the number of its chunk; ``None`` where that is taken out."""
        # One more is for the packet as a whole, so that it is not settled before all of it was looked at.
        self._open = 1 + sum(chunk.type in (DATA, I_DATA) for chunk in packet.chunks)

    def with_data(self, chunk: int, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]) -> bytes:
        """A packet of one chunk alone, with other user data, between other ends."""
        others: dict[int, bytes | None] = dict.fromkeys(range(len(self._packet.chunks)))
        made = rebuild(self._packet, {**others, chunk: payload}, source[1], destination[1])
        return ip_header(self.bearer.packet[: self._start], len(made), source[0] + destination[0]) + made

    def settle(self) -> None:
        """Say that nothing more will be exchanged in one chunk, or in the packet as a whole."""
        self._open -= 1
        if self._open:
            return
        if not self.replaced:
            self.bearer.settle(None)
            return
        header, made = self.bearer.packet[: self._start], rebuild(self._packet, self.replaced)
        self.bearer.settle([ip_header(header, len(made), b"".join(addresses_of(header))) + made] if made else [])


class SctpMessage(NamedTuple):
    """A user message."""

    payload: bytes
    source: tuple[bytes, int]
    """Packed address and port."""
    destination: tuple[bytes, int]
    pieces: tuple[Piece[SctpPacket], ...]
    """The chunks that carried it."""

    def parts(self, payload: bytes) -> Iterator[tuple[Piece[SctpPacket], bytes]]:
        """Another message in the same chunks. :raises ValueError: where it is too short for as many."""
        return zip(self.pieces, spread(payload, [piece.size for piece in self.pieces]), strict=True)

    def exchange(self, payload: bytes) -> None:
        """Put another message in its place; none where that is empty."""
        if payload:
            for piece, part in self.parts(payload):
                piece.token.replaced[piece.chunk] = part
        else:
            for piece in self.pieces:
                piece.token.replaced[piece.chunk] = None


class SctpAssociations:
    """The associations of a capture, in bounded tables (:class:`~scapy_rr.wire.associations.Associations`)."""

    def __init__(self) -> None:
        self._associations: Associations[SctpPacket] = Associations(give_up=_give_up, repeat=_repeat)

    @property
    def counts(self) -> dict[str, int]:
        """What came to nothing, in words."""
        return self._associations.counts

    def add(self, bearer: Bearer, now: float) -> Iterator[SctpMessage]:
        """The messages that are whole with a packet, in order. Behind each it may be exchanged."""
        data = bearer.packet
        start = (data[0] & 0x0F) * 4 if data[0] >> 4 == 4 else past_extensions(data, 0)[1]
        packet = read(data[start:])
        if packet is None:
            bearer.settle(None)
            return
        token = SctpPacket(bearer, start, packet)
        source, destination = addresses_of(data)
        for message in self._associations.add(b"", packet, now, token):
            yield SctpMessage(message.payload, (source, packet.source_port), (destination, packet.destination_port), message.pieces)
            _settle(message)
        token.settle()

    def close(self) -> None:
        """Nothing more will come."""
        self._associations.close()


def addresses_of(packet: bytes) -> tuple[bytes, bytes]:
    """The addresses in an IP header, packed: source and destination."""
    return (packet[12:16], packet[16:20]) if packet[0] >> 4 == 4 else (packet[8:24], packet[24:40])


def _settle(message: Message[SctpPacket]) -> None:
    for piece in message.pieces:
        piece.token.settle()


def _give_up(_: GivenUp, pieces: Sequence[Piece[SctpPacket]]) -> None:
    for piece in pieces:
        piece.token.settle()


def _repeat(piece: Piece[SctpPacket], first: Piece[SctpPacket]) -> None:
    """What is repeated becomes of what became of it before."""
    if first.chunk in first.token.replaced:
        piece.token.replaced[piece.chunk] = first.token.replaced[first.chunk]
    piece.token.settle()
