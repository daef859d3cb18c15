"""What each message stood in: what the transports give with it is what it takes to write another one there."""

from collections.abc import Iterator
from typing import get_args

import pytest

from scapy_rr.capture.bearer import Frame
from scapy_rr.capture.messages import SipMessage
from scapy_rr.capture.origin import PDU_TRANSPORTS, DatagramOrigin, Origin, PduOrigin, SctpOrigin, StreamOrigin
from scapy_rr.capture.transports import Transports
from scapy_rr.wire import exported_pdu, hep

from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.scenes import CALLER, PROXY
from ..pcapmaker.tcp import Connection
from .samples import arriving, bye
from .test_sctp import OVER_SCTP, data, packet

BYE, ACK = bye(), b"ACK sip:bob@10.0.0.9 SIP/2.0\r\n\r\n"
ENDS = (bytes([10, 0, 0, 5]), 5060), (bytes([10, 0, 0, 1]), 5060)
HEADER = bytes.fromhex("0210 0211 13c4 13c4 0a000005 0a000001 00f15365 00000000 d107 0000")


def messages(frame: bytes, link_type: int = 1) -> Iterator[SipMessage]:
    """The messages in one frame."""
    return Transports().take(Frame(1, frame, link_type, 1.0))


def exported(protocol: int, payload: bytes) -> bytes:
    """An exported PDU."""
    tags = f"00140004 0a000005 00150004 0a000001 00180004 {protocol:08x} 00190004 000013c4 001a0004 000013c4 00000000"
    return bytes.fromhex(tags) + payload


def test_every_kind_of_origin_is_one() -> None:
    assert set(get_args(Origin)) == {DatagramOrigin, StreamOrigin, PduOrigin, SctpOrigin}


@pytest.mark.parametrize(("protocol", "transport"), [(17, "udp"), (6, "tcp"), (132, "sctp"), (22, "tls")])
def test_the_transports_of_those_that_somebody_else_saw(protocol: int, transport: str) -> None:
    """Each transport has one number, for what is sent is told of by that."""
    assert PDU_TRANSPORTS[protocol] == transport
    assert len(set(PDU_TRANSPORTS.values())) == len(PDU_TRANSPORTS)
    frame = ethernet(Flow(("192.0.2.7", 45000), ("192.0.2.9", 9060)).packet(HEADER[:3] + bytes([protocol]) + HEADER[4:] + BYE))
    (one,) = messages(frame)
    assert (one.transport, one.source, one.destination, one.data) == (transport, *ENDS, BYE)


@pytest.mark.parametrize(("port_type", "transport"), [(1, "sctp"), (2, "tcp"), (3, "udp"), (0, "udp"), (7, "udp")])
def test_the_transports_of_exported_ones(port_type: int, transport: str) -> None:
    """Wireshark numbers them otherwise; what it does not say is taken for UDP."""
    (one,) = messages(exported(port_type, BYE), exported_pdu.LINK_TYPE)
    assert (one.transport, one.source, one.destination, one.data) == (transport, *ENDS, BYE)


def test_a_datagram() -> None:
    """Where it is in its packet."""
    (one,) = messages(arriving())
    origin = one.origin
    assert isinstance(origin, DatagramOrigin)
    bearer, at = origin
    assert bearer.packet == arriving()[14:]
    assert bearer.packet[at.payload : at.end] == BYE
    assert bearer.carrier.frames(bearer.packet) == [arriving()]


def test_a_message_in_a_connection() -> None:
    """The connection that it came by, and where it is there."""
    (segment,) = Connection(("10.0.0.5", 40000), PROXY).send(BYE)
    (one,) = messages(ethernet(segment))
    origin = one.origin
    assert isinstance(origin, StreamOrigin)
    assert (origin.message.found.message, origin.message.side) == (BYE, 0)
    assert origin.message.token is origin.bearer
    assert origin.bearer.packet == segment


def test_a_message_in_an_association() -> None:
    (one,) = messages(packet(data(OVER_SCTP)))
    origin = one.origin
    assert isinstance(origin, SctpOrigin)
    assert [(piece.token.bearer, piece.chunk, piece.size) for piece in origin.message.pieces] == [(origin.bearer, 0, len(OVER_SCTP))]


def test_a_message_in_hep_is_wrapped_in_the_datagram_that_told_of_it() -> None:
    flow = Flow(("192.0.2.7", 45000), ("192.0.2.9", 9060))
    (one,) = messages(ethernet(flow.packet(HEADER + BYE, 7)))
    origin = one.origin
    assert isinstance(origin, PduOrigin)
    assert isinstance(origin.pdu, hep.Hep)
    assert origin.wrap(HEADER + ACK) == [ethernet(flow.packet(HEADER + ACK, 7))]
    with pytest.raises(ValueError, match="bytes in an IPv4 packet"):
        origin.wrap(bytes(65_536))


def test_an_exported_message_is_all_of_its_frame() -> None:
    (one,) = messages(exported(3, BYE), exported_pdu.LINK_TYPE)
    origin = one.origin
    assert isinstance(origin, PduOrigin)
    assert origin.pdu.with_message(ACK, *ENDS) == exported(3, ACK)
    assert origin.wrap(exported(3, ACK)) == [exported(3, ACK)]


def test_a_datagram_from_the_caller_to_the_proxy() -> None:
    """The ends are those of the message, not of who told of it."""
    (one,) = messages(arriving())
    assert (one.source, one.destination) == tuple((bytes(map(int, host.split("."))), port) for host, port in (CALLER, PROXY))
