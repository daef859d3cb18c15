"""The SIP messages of a capture over every transport: datagrams and streams, in fragments and in tunnels. Frames go in, in order."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence

from ..errors import CaptureError, ConfigError
from ..wire import exported_pdu, hep
from ..wire.datagram import Datagram, Refusal, locate
from ..wire.link import is_known, network_offset
from ..wire.reassembly import GivenUp, Reassembler
from ..wire.segment import read as read_segment
from ..wire.splice import splice
from ..wire.tunnel import TUNNEL_PORTS
from .bearer import Bearer, Frame
from .carrier import RAW, Carrier, Fragments, Link, Tunnel
from .connection import TcpMessage
from .messages import SipMessage, kind_of
from .origin import PDU_TRANSPORTS, DatagramOrigin, Pdu, PduOrigin, SctpOrigin, StreamOrigin
from .place import HeldBatch
from .reader import Batch
from .sctp import SctpAssociations
from .tcp import TcpConnections
from .tls_cipher import need_cryptography
from .tls_keys import TlsKeys, has_secrets
from .tunnels import Inner, find

_MOST_NESTED = 4
# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__


class Transports:
    """Finds SIP in frames, whatever carries it.

    Frames have to come in the order of the capture. A message is given with the frame in which it is whole; whoever exchanges it does so
    before asking for the next one.

    :param ports: the ports, of either end, to look at; all where there are none.
    :param mtu: the most bytes of a packet that is written; 0 for no other limit than that of what came.
    :param decap: whether packets in tunnels are written without them.
    :param keys: open TLS connections.
    """

    def __init__(self, ports: Collection[int] = (), mtu: int = 0, decap: bool = False, keys: TlsKeys | None = None) -> None:
        self._ports, self._mtu, self._decap = ports, mtu, decap
        self.lost: Counter[str] = Counter()
        """What came to nothing, by reason."""
        self._fragments: Reassembler[Bearer] = Reassembler(give_up=self._give_up)
        self._associations = SctpAssociations()
        self.connections: TcpConnections[Bearer] = TcpConnections(Bearer.settle, mtu, keys=keys)

    @property
    def counts(self) -> dict[str, int]:
        """What came to nothing, in words, for a summary."""
        over_tcp = {f"over TCP: {why}": number for why, number in self.connections.lost.items()}
        return {**self.lost, **self._fragments.counts, **self._associations.counts, **over_tcp}

    def _give_up(self, _: GivenUp, bearers: Sequence[Bearer]) -> None:
        for bearer in bearers:
            bearer.settle(None)

    def learn(self, batch: Batch) -> None:
        """Take what a buffer has for those that come: the secrets of TLS connections. What cannot be read of them is counted."""
        if has_secrets(batch):
            keys = self.connections.keys or TlsKeys()
            try:
                keys.learn(batch)
                need_cryptography()
                self.connections.keys = keys
            except (CaptureError, ConfigError) as error:
                self.lost[f"secrets that are not used: {error}"] += 1

    def take(self, frame: Frame) -> Iterator[SipMessage]:
        """The messages that are whole with a frame, in order."""
        data, link_type = frame.data, frame.link_type
        if link_type == exported_pdu.LINK_TYPE and (pdu := exported_pdu.read(data)):
            return self._of_pdu(pdu, Bearer((frame,), Link(b"", b"", link_type, 0), self.lost), lambda record: [record])
        ip = network_offset(data, 0, link_type)
        if ip is None or ip >= len(data):
            return self._tunnelled(frame, Refusal.NOT_IP if is_known(link_type) else Refusal.LINK_TYPE)
        end = ip + _length(data, ip)
        carrier = Link(data[:ip], data[end:], link_type, self._mtu)
        return self._packet(data[ip:end], Bearer((frame,), carrier, self.lost))

    def _tunnelled(self, frame: Frame, refusal: Refusal) -> Iterator[SipMessage]:
        """A frame whose packet is not where it usually is, as Scapy finds it."""
        inner = find(frame.data, frame.link_type)
        if inner:
            yield from self._packet(inner.packet, Bearer((frame,), self._tunnel(inner, None, frame), self.lost), True)
        else:
            yield from self._refuse(frame.data, Bearer((frame,), Link(frame.data, b"", frame.link_type, 0), self.lost), refusal)

    def _tunnel(self, inner: Inner, outer: Carrier | None, frame: Frame) -> Tunnel:
        return Tunnel(inner, outer, frame.link_type, self._mtu, self._decap)

    def _refuse(self, data: bytes, bearer: Bearer, refusal: Refusal) -> Iterator[SipMessage]:
        # What the message would be is unknown, so the start line cannot be told from the rest of the frame.
        if b"SIP/2.0" in data:
            nowhere, last = (b"", 0), bearer.last
            yield SipMessage(last.number, "", nowhere, nowhere, "", b"", refusal.value, "", bearer.numbers, last.time)
        bearer.settle(None)

    def _packet(self, packet: bytes, bearer: Bearer, is_inmost: bool = False, depth: int = 0) -> Iterator[SipMessage]:
        """The messages that are whole with an IP packet.

        :param is_inmost: whether nothing is to be found in it that is not found here.
        :param depth: how often it was put together from fragments.
        """
        bearer.packet = packet
        at = locate(packet, 0, len(packet), RAW, bearer.last.cut)
        may_carry = at.destination_port in TUNNEL_PORTS if isinstance(at, Datagram) else at is Refusal.PROTOCOL
        if may_carry and not is_inmost:
            return self._within(packet, bearer, depth)
        if isinstance(at, Datagram):
            return self._datagram(packet, at, bearer)
        if at is Refusal.FRAGMENT:
            return self._fragment(packet, bearer, depth)
        if at is Refusal.TCP:
            return self._segment(packet, bearer)
        return self._over_sctp(bearer) if at is Refusal.SCTP else self._refuse(packet, bearer, at)

    def _fragment(self, packet: bytes, bearer: Bearer, depth: int) -> Iterator[SipMessage]:
        whole = self._fragments.add(packet, 0, len(packet), RAW, bearer.last.time, bearer)
        if whole is None:
            return
        if not whole.sizes:
            # Its headers cannot be read to their end.
            yield from self._refuse(packet, bearer, Refusal.MALFORMED)
            return
        frames = tuple(frame for one in whole.tokens for frame in one.frames)
        made = Bearer(frames, Fragments(whole.first.carrier, whole.sizes), self.lost)
        if depth < _MOST_NESTED:
            yield from self._packet(whole.frame, made, depth=depth + 1)
        else:
            yield from self._refuse(whole.frame, made, Refusal.FRAGMENT)

    def _within(self, packet: bytes, bearer: Bearer, depth: int) -> Iterator[SipMessage]:
        """A packet that may carry another one."""
        frame = bearer.last
        # In a frame of its own, all of that is known to Scapy; what was put together from fragments, be it one, stands alone.
        whole = find(packet, RAW) if depth else find(frame.data, frame.link_type)
        if whole is None or len(whole.packet) >= len(packet):
            yield from self._packet(packet, bearer, True, depth)
            return
        outer = bearer.carrier if depth else None
        yield from self._packet(whole.packet, Bearer(bearer.frames, self._tunnel(whole, outer, frame), self.lost), True, depth)

    def _over_sctp(self, bearer: Bearer) -> Iterator[SipMessage]:
        last = bearer.last
        for message in self._associations.add(bearer, last.time):
            pieces = [piece.token.bearer for piece in message.pieces]
            numbers = tuple(number for one in dict.fromkeys(pieces) for number in one.numbers)
            ends = message.source, message.destination
            kind = kind_of(message.payload) if self._is_wanted(ends[0][1], ends[1][1]) else ""
            if kind:
                origin = SctpOrigin(bearer, message)
                yield SipMessage(last.number, "sctp", *ends, kind, message.payload, "", "", numbers, last.time, origin)

    def _segment(self, packet: bytes, bearer: Bearer) -> Iterator[SipMessage]:
        segment = read_segment(packet)
        if segment is None:
            yield from self._refuse(packet, bearer, Refusal.TRUNCATED if bearer.last.cut else Refusal.MALFORMED)
        # A collector's port says nothing about those of the messages that are told to it.
        elif self._is_wanted(*(ports := (segment.source_port, segment.destination_port))) or not hep.PORTS.isdisjoint(ports):
            for message in self.connections.add(packet, segment, bearer, bearer.last.time, bearer.last.number):
                found = self._of_stream(message)
                if found:
                    yield found
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
        yield from filter(None, map(self._of_stream, self.connections.close()))
        self._fragments.close()
        self._associations.close()

    def give_up_waiting(self, overdue: HeldBatch) -> None:
        """Wait no longer for what is unfinished, where frames of a buffer wait for it."""
        self._fragments.give_up_old(lambda bearer: bearer.is_in(overdue))
        self.connections.give_up_waiting(lambda bearer: bearer.is_in(overdue))
        if overdue.open:
            self._associations.close()

    def _of_stream(self, message: TcpMessage[Bearer]) -> SipMessage | None:
        connection, found, ends, last = message.connection, message.found, message.ends, message.token.last
        transport, word = connection.transport(message.side), connection.word
        if found.pdu:
            # The connection is that of the agent with its collector.
            ends, word = (found.pdu.source, found.pdu.destination), ""
            transport = PDU_TRANSPORTS.get(found.pdu.protocol, "udp")
        if not self._is_wanted(ends[0][1], ends[1][1]):
            return None
        numbers = tuple(number for one in message.tokens for number in one.numbers)
        origin = StreamOrigin(message.token, message)
        kind, data = kind_of(found.message), found.message
        return _new(SipMessage, (last.number, transport, *ends, kind, data, found.fixed, word, numbers, last.time, origin))


def _length(data: bytes, ip: int) -> int:
    """How long an IP packet says it is; all there is where it says nothing that can be."""
    header = data[ip : ip + 6]
    if len(header) < 6:
        return len(data) - ip
    length = header[2] << 8 | header[3] if header[0] >> 4 == 4 else 40 + (header[4] << 8 | header[5])
    # The kernel hands over segments that it has put together: the longest have no length.
    return length if length > 40 or (header[0] >> 4 == 4 and length) else len(data) - ip
