"""What a SIP message stood in, as it takes to write another one in its place."""

from collections.abc import Callable
from typing import NamedTuple

from ..wire.datagram import SCTP, TCP, UDP, Datagram
from ..wire.exported_pdu import ExportedPdu
from ..wire.hep import Hep
from .bearer import Bearer
from .connection import TcpMessage
from .sctp import SctpMessage

Pdu = Hep | ExportedPdu
"""A message with the addresses between which somebody saw it."""
# 22 is what agents write of TLS and WebSocket.
PDU_TRANSPORTS = {UDP: "udp", TCP: "tcp", SCTP: "sctp", 22: "tls"}
"""The transports of the protocol numbers in them; anything else is taken for UDP."""


class DatagramOrigin(NamedTuple):
    """A message that was all of a datagram."""

    bearer: Bearer
    at: Datagram


class StreamOrigin(NamedTuple):
    """A message in a connection."""

    bearer: Bearer
    message: TcpMessage[Bearer]


class PduOrigin(NamedTuple):
    """A message that somebody else took off the wire."""

    bearer: Bearer
    pdu: Pdu
    wrap: Callable[[bytes], list[bytes]]
    """Makes frames of another such PDU. Raises ``ValueError`` where that is not possible."""


class SctpOrigin(NamedTuple):
    """A message in an association."""

    bearer: Bearer
    message: SctpMessage


Origin = DatagramOrigin | StreamOrigin | SctpOrigin | PduOrigin
