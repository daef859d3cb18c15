"""What the proxy sends, as frames in the place of those that arrived: datagrams, connections of its own, and those of its clients."""

from collections.abc import Sequence

from ..proxy.outcome import Sent
from ..wire import hep
from ..wire.build import build
from ..wire.connection import Connections
from ..wire.datagram import TCP
from ..wire.fragmentation import MustNotFragment
from ..wire.splice import splice
from ..wire.tunnel import NotRewritable
from .bearer import Bearer
from .messages import End, SipMessage
from .origin import PDU_TRANSPORTS, DatagramOrigin, Origin, Pdu, PduOrigin, SctpOrigin, StreamOrigin
from .place import Emit, Template
from .reader import Records
from .routing import TOO_LONG, TRANSPORT
from .summary import Summary
from .transports import Transports


class NoWay(ValueError):
    """The next hop is reached by a connection that it did not open."""


_REASONS = {NoWay: TRANSPORT, NotRewritable: "in headers that cannot be written again", MustNotFragment: "longer than the path allows"}


class Sender:
    """Sends what becomes of the messages of one capture, or of several, one after the other.

    :param summary: keeps count.
    :param emit: what becomes of the frames that were routed.
    :param transports: finds the messages, and knows the connections of clients.
    :param collector: gets what is sent told in HEP, in the place of the frames that are sent.
    """

    def __init__(self, summary: Summary, emit: Emit, transports: Transports, collector: End | None = None) -> None:
        self._summary, self._emit, self._transports, self._collector = summary, emit, transports, collector
        self._connections: Connections[Template] = Connections()
        self._built = 0

    def send(self, message: SipMessage, way: str, sent: Sequence[Sent]) -> None:
        """Put what is sent in the place of a message, or beside it. Where that is not possible, it is left alone, and counted.

        :param way: the way it took.
        """
        origin = message.origin
        assert isinstance(origin, Origin)
        try:
            frames, in_place = self._frames(origin, message, sent)
        except ValueError as error:
            self._summary.leave(_REASONS.get(type(error), TOO_LONG), message.number, str(error))
            return
        self._summary.routed[way] += 1
        assert origin.bearer.last.place is not None
        origin.bearer.last.place.add(frames)
        if self._emit is not Emit.REPLACE:
            return
        if isinstance(origin, SctpOrigin):
            origin.message.exchange(in_place)
        elif isinstance(origin, StreamOrigin):
            found, connection = origin.message.found, origin.message.connection
            # What was sent encrypted stays.
            if not connection.is_tls:
                connection.edit.exchange(origin.message.side, found.start, found.raw, found.carried(in_place))
        else:
            origin.bearer.instead = []

    def _frames(self, origin: Origin, message: SipMessage, sent: Sequence[Sent]) -> tuple[list[bytes], bytes]:
        """The frames that are sent, and what stands in the place of the message in its stream."""
        bearer, frames, in_place = origin.bearer, list[bytes](), b""
        replaces = self._emit is Emit.REPLACE
        for one in sent:
            ends = (one.send_socket.packed, one.send_socket.port), (one.next_hop.packed, one.next_hop.port)
            if self._collector:
                frames += bearer.carrier.frames(self._report(message, one, *ends))
            elif isinstance(origin, PduOrigin):
                frames += origin.wrap(_told(origin.pdu, one))
            elif isinstance(origin, StreamOrigin) and origin.message.found.pdu:
                told = _told(origin.message.found.pdu, one)
                if replaces:
                    in_place += told
                else:
                    frames += self._by_own(bearer, told, *origin.message.ends)
            elif replaces and isinstance(origin, StreamOrigin | SctpOrigin) and not in_place and _stays(message, one):
                in_place = one.payload
            elif isinstance(origin, SctpOrigin) and one.next_hop.transport == "sctp":
                for piece, part in origin.message.parts(one.payload):
                    frames += bearer.carrier.frames(piece.token.with_data(piece.chunk, part, *ends))
            elif one.next_hop.transport != "udp":
                frames += self._over_stream(bearer, one, *ends)
            elif isinstance(origin, DatagramOrigin):
                frames += bearer.carrier.frames(splice(bearer.packet, 0, len(bearer.packet), origin.at, one.payload, *ends))
            else:
                self._built += 1
                frames += bearer.carrier.frames(build(one.payload, *ends, self._built))
        return frames, in_place

    def _report(self, message: SipMessage, sent: Sent, source: End, destination: End) -> bytes:
        """The packet in which an agent beside the proxy tells the collector what was sent."""
        assert self._collector is not None
        if len(source[0]) != len(self._collector[0]):
            raise NoWay(f"the collector is of another address family than {sent.send_socket}")
        seconds, microseconds = divmod(round(message.time * 1_000_000), 1_000_000)
        protocol = next((number for number, name in PDU_TRANSPORTS.items() if name == sent.next_hop.transport), TCP)
        data = hep.make(sent.payload, source, destination, seconds, microseconds, protocol)
        self._built += 1
        return build(data, (source[0], self._collector[1]), self._collector, self._built)

    def _over_stream(self, bearer: Bearer, sent: Sent, source: tuple[bytes, int], next_hop: tuple[bytes, int]) -> list[bytes]:
        """Send by the connection that the next hop opened to us, where there is one; else by one of our own."""
        transport = sent.next_hop.transport
        opened = self._transports.connections.between(next_hop, source) if self._emit is Emit.REPLACE else None
        if opened:
            connection, side = opened
            is_right = connection.transport(side) == transport
            inserted = connection.edit.insert(side, connection.streams[side].wrapped(sent.payload)) if is_right else None
            if inserted:
                packets, token = inserted
                return [frame for packet in packets for frame in token.carrier.frames(packet)]
        if transport != "tcp":
            raise NoWay(str(sent.next_hop))
        return self._by_own(bearer, sent.payload, source, next_hop)

    def _by_own(self, bearer: Bearer, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]) -> list[bytes]:
        """Send by a connection of our own."""
        assert bearer.last.place is not None
        return self._connections.send(bearer.packet, payload, source, destination, bearer.carrier.frames, bearer.last.place.template)

    def closing(self, end: Records) -> tuple[bytes, int]:
        """The records that end every connection of ours, and the length of the longest frame.

        :param end: how far the capture has come. In a pcapng section of other interfaces they have no place; those connections stay open.
        """
        parts, longest = [], 0
        for template, frames in self._connections.close(lambda template: end.is_same_section(template.records)):
            parts.append(template.made(frames))
            longest = max(longest, *map(len, frames))
        return b"".join(parts), longest


def _stays(message: SipMessage, sent: Sent) -> bool:
    """Whether what is sent goes where the message was going."""
    hop = sent.next_hop
    return (hop.transport, hop.packed, hop.port) == (message.transport, *message.destination)


def _told(pdu: Pdu, sent: Sent) -> bytes:
    """What is sent, as whoever took the message off the wire would have told of it."""
    protocol = next((number for number, name in PDU_TRANSPORTS.items() if name == sent.next_hop.transport), pdu.protocol)
    ends = (sent.send_socket.packed, sent.send_socket.port), (sent.next_hop.packed, sent.next_hop.port)
    return pdu._replace(protocol=protocol).with_message(sent.payload, *ends)
