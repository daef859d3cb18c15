"""The SIP messages of a capture over every transport: datagrams and streams, in fragments and in tunnels. Frames go in, in order."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from ..wire import exported_pdu, hep
from ..wire.datagram import Datagram, Refusal, locate
from ..wire.link import is_known, network_offset
from ..wire.reassembly import GivenUp, Reassembler
from ..wire.segment import read as read_segment
from ..wire.splice import splice
from .bearer import Bearer, Frame
from .carrier import RAW, Fragments, Link
from .messages import SipMessage, kind_of
from .origin import PDU_TRANSPORTS, DatagramOrigin, Pdu, PduOrigin, StreamOrigin
from .place import HeldBatch
from .tcp import TcpConnections, TcpMessage


class Transports:
    """Finds SIP in frames, whatever carries it.

    Frames have to come in the order of the capture. A message is given with the frame in which it is whole; whoever exchanges it does so
    before asking for the next one.

    :param ports: the ports, of either end, to look at; all where there are none.
    :param mtu: the most bytes of a packet that is written; 0 for no other limit than that of what came.
    """

    def __init__(self, ports: Collection[int] = (), mtu: int = 0) -> None:
        self._ports, self._mtu = ports, mtu
        self.lost: Counter[str] = Counter()
        """What came to nothing, by reason."""
        self._fragments: Reassembler[Bearer] = Reassembler(give_up=self._give_up)
        self.connections: TcpConnections[Bearer] = TcpConnections(Bearer.settle, mtu)

    @property
    def counts(self) -> dict[str, int]:
        """What came to nothing, in words, for a summary."""
        over_tcp = {f"over TCP: {why}": number for why, number in self.connections.lost.items()}
        return {**self.lost, **self._fragments.counts, **over_tcp}

    def _give_up(self, _: GivenUp, bearers: Sequence[Bearer]) -> None:
        for bearer in bearers:
            bearer.settle(None)

    def take(self, frame: Frame) -> Iterator[SipMessage]:
        """The messages that are whole with a frame, in order."""
        data, link_type = frame.data, frame.link_type
        if link_type == exported_pdu.LINK_TYPE and (pdu := exported_pdu.read(data)):
            yield from self._of_pdu(pdu, Bearer((frame,), Link(b"", b"", link_type, 0), self.lost), lambda record: [record])
            return
        ip = network_offset(data, 0, link_type)
        if ip is None or ip >= len(data):
            bearer = Bearer((frame,), Link(data, b"", link_type, 0), self.lost)
            yield from self._refuse(data, bearer, Refusal.NOT_IP if is_known(link_type) else Refusal.LINK_TYPE)
            return
        end = ip + _length(data, ip)
        carrier = Link(data[:ip], data[end:], link_type, self._mtu)
        yield from self._packet(data[ip:end], Bearer((frame,), carrier, self.lost))

    def _refuse(self, data: bytes, bearer: Bearer, refusal: Refusal) -> Iterator[SipMessage]:
        # What the message would be is unknown, so the start line cannot be told from the rest of the frame.
        if b"SIP/2.0" in data:
            nowhere, last = (b"", 0), bearer.last
            yield SipMessage(last.number, "", nowhere, nowhere, "", b"", refusal.value, "", bearer.numbers, last.time)
        bearer.settle(None)

    def _packet(self, packet: bytes, bearer: Bearer) -> Iterator[SipMessage]:
        bearer.packet = packet
        at = locate(packet, 0, len(packet), RAW, bearer.last.cut)
        if isinstance(at, Datagram):
            yield from self._datagram(packet, at, bearer)
        elif at is Refusal.FRAGMENT:
            whole = self._fragments.add(packet, 0, len(packet), RAW, bearer.last.time, bearer)
            if whole is not None:
                frames = tuple(frame for one in whole.tokens for frame in one.frames)
                carrier = Fragments(whole.first.carrier, whole.sizes)
                yield from self._packet(whole.frame, Bearer(frames, carrier, self.lost))
        elif at is Refusal.TCP:
            yield from self._segment(packet, bearer)
        else:
            yield from self._refuse(packet, bearer, at)

    def _segment(self, packet: bytes, bearer: Bearer) -> Iterator[SipMessage]:
        segment = read_segment(packet)
        if segment is None:
            yield from self._refuse(packet, bearer, Refusal.TRUNCATED if bearer.last.cut else Refusal.MALFORMED)
        # A collector's port says nothing about those of the messages that are told to it.
        elif self._is_wanted(*(ports := (segment.source_port, segment.destination_port))) or not hep.PORTS.isdisjoint(ports):
            for message in self.connections.add(packet, segment, bearer, bearer.last.time):
                yield from self._of_stream(message)
        else:
            bearer.settle(None)

    def _is_wanted(self, *ports: int) -> bool:
        return not self._ports or any(port in self._ports for port in ports)

    def _datagram(self, packet: bytes, at: Datagram, bearer: Bearer) -> Iterator[SipMessage]:
        message = packet[at.payload : at.end]
        pdu = hep.read(message)
        if pdu:
            outer = (at.source, at.source_port), (at.destination, at.destination_port)
            yield from self._of_pdu(pdu, bearer, lambda data: bearer.carrier.frames(splice(packet, 0, len(packet), at, data, *outer)))
            return
        kind = kind_of(message) if self._is_wanted(at.source_port, at.destination_port) else ""
        if kind:
            ends = (at.source, at.source_port), (at.destination, at.destination_port)
            origin = DatagramOrigin(bearer, at)
            yield SipMessage(bearer.last.number, "udp", *ends, kind, message, "", "", bearer.numbers, bearer.last.time, origin)
        bearer.settle(bearer.instead)

    def _of_pdu(self, pdu: Pdu, bearer: Bearer, wrap: Callable[[bytes], list[bytes]]) -> Iterator[SipMessage]:
        kind = kind_of(pdu.payload) if self._is_wanted(pdu.source[1], pdu.destination[1]) else ""
        if kind:
            origin = PduOrigin(bearer, pdu, wrap)
            transport, last = PDU_TRANSPORTS.get(pdu.protocol, "udp"), bearer.last
            yield SipMessage(
                last.number, transport, pdu.source, pdu.destination, kind, pdu.payload, "", "", bearer.numbers, last.time, origin
            )
        bearer.settle(bearer.instead)

    def close(self) -> Iterator[SipMessage]:
        """Nothing more will come: what is unfinished comes to nothing, and what was behind gaps is given."""
        for message in self.connections.close():
            yield from self._of_stream(message)
        self._fragments.close()

    def give_up_waiting(self, overdue: HeldBatch) -> None:
        """Wait no longer for what is unfinished, where frames of a buffer wait for it."""
        self._fragments.give_up_old(lambda bearer: bearer.is_in(overdue))
        self.connections.give_up_waiting(lambda bearer: bearer.is_in(overdue))

    def _of_stream(self, message: TcpMessage[Bearer]) -> Iterator[SipMessage]:
        connection, found, ends, last = message.connection, message.found, message.ends, message.token.last
        transport, word = connection.streams[message.side].transport, connection.word
        if found.pdu:
            # The connection is that of the agent with its collector.
            ends, word = (found.pdu.source, found.pdu.destination), ""
            transport = PDU_TRANSPORTS.get(found.pdu.protocol, "udp")
        if self._is_wanted(ends[0][1], ends[1][1]):
            numbers = tuple(number for one in message.tokens for number in one.numbers)
            origin = StreamOrigin(message.token, message)
            kind, data = kind_of(found.message), found.message
            yield SipMessage(last.number, transport, *ends, kind, data, found.fixed, word, numbers, last.time, origin)


def _length(data: bytes, ip: int) -> int:
    """How long an IP packet says it is; all there is where it says nothing that can be."""
    header = data[ip : ip + 6]
    if len(header) < 6:
        return len(data) - ip
    length = header[2] << 8 | header[3] if header[0] >> 4 == 4 else 40 + (header[4] << 8 | header[5])
    # The kernel hands over segments that it has put together: the longest have no length.
    return length if length > 40 or (header[0] >> 4 == 4 and length) else len(data) - ip
