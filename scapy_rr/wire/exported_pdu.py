"""Exported PDUs, which Wireshark writes of messages alone (LINKTYPE_WIRESHARK_UPPER_PDU): tags, and a payload. Knows no SIP.

The tags are those of Wireshark's wsutil/exported_pdu_tlvs.h. What fills a value up to four bytes is in its length already.
"""

import struct
from typing import NamedTuple

from .datagram import SCTP, TCP, UDP
from .tlv import updated

LINK_TYPE = 252

_TAG = struct.Struct(">HH")
_END, _DISSECTOR, _PORT_TYPE, _SOURCE_PORT, _DESTINATION_PORT, _NUMBER = 0, 12, 24, 25, 26, 30
_IPV4_ENDS, _IPV6_ENDS = (20, 21), (22, 23)
_WIDTHS = {**dict.fromkeys((20, 21, _PORT_TYPE, _SOURCE_PORT, _DESTINATION_PORT, _NUMBER), 4), **dict.fromkeys(_IPV6_ENDS, 16)}
_PROTOCOLS = {1: SCTP, 2: TCP, 3: UDP}
_PORT_TYPES = {protocol: kind for kind, protocol in _PROTOCOLS.items()}


class ExportedPdu(NamedTuple):
    """A record of that link type. What it does not say is 0, or empty."""

    dissector: bytes
    """Wireshark's name of what the payload is: ``sip``. Empty where a heuristic or a table is named in its place."""
    protocol: int
    """IP's number of what the payload came over: UDP, TCP or SCTP; 0 for anything else."""
    source: tuple[bytes, int]
    """Packed address and port of who sent the payload."""
    destination: tuple[bytes, int]
    number: int
    """Of the frame that it was exported from."""
    payload: bytes
    record: bytes
    """As it came, with its other tags."""

    def build(self) -> bytes:
        """The record with these values: the very bytes that came, but for what was replaced.

        Its addresses are of one kind. What a tag says of the payload's place in a TCP stream is left: it is where that came from.
        """
        was, tagged = read(self.record), _tags(self.record)
        if was is None or tagged is None or was == self:
            return self.record
        made = updated(tagged[0], _values(was), _values(self))
        # The end is a tag, too, and what is new stands before it.
        made.sort(key=lambda item: item[0] == _END)
        return b"".join((*(_TAG.pack(tag, len(value)) + value for tag, value in made), self.payload))

    def with_message(self, payload: bytes, source: tuple[bytes, int], destination: tuple[bytes, int]) -> bytes:
        """The record with another payload between other ends."""
        return self._replace(payload=payload, source=source, destination=destination).build()


def read(data: bytes) -> ExportedPdu | None:
    """What a record says; ``None`` where it is malformed, or does not say between which addresses."""
    tagged = _tags(data)
    if tagged is None:
        return None
    tags, end = tagged
    # Of two tags the last one counts, as in Wireshark.
    found = dict(tags)
    if any(len(found.get(tag, bytes(width))) != width for tag, width in _WIDTHS.items()):
        return None
    ends = _IPV4_ENDS if _IPV4_ENDS[0] in found else _IPV6_ENDS
    if not found.keys() >= set(ends):
        return None
    kind, source_port, destination_port, number = (
        int.from_bytes(found.get(tag, b"")) for tag in (_PORT_TYPE, _SOURCE_PORT, _DESTINATION_PORT, _NUMBER)
    )
    if source_port > 0xFFFF or destination_port > 0xFFFF:
        return None
    source, destination = (found[ends[0]], source_port), (found[ends[1]], destination_port)
    dissector = found.get(_DISSECTOR, b"").rstrip(b"\0")
    return ExportedPdu(dissector, _PROTOCOLS.get(kind, 0), source, destination, number, data[end:], data)


def _tags(data: bytes) -> tuple[list[tuple[int, bytes]], int] | None:
    """The tags up to the one that ends them, and where the payload begins."""
    tags, at = [], 0
    while at + _TAG.size <= len(data):
        tag, length = _TAG.unpack_from(data, at)
        at += _TAG.size + length
        if at > len(data):
            break
        tags.append((tag, data[at - length : at]))
        if tag == _END:
            return tags, at
    return None


def _values(pdu: ExportedPdu) -> dict[int, bytes]:
    ends = _IPV4_ENDS if len(pdu.source[0]) == 4 else _IPV6_ENDS
    return {
        # Wireshark's own end with a zero at least.
        _DISSECTOR: pdu.dissector + bytes(4 - len(pdu.dissector) % 4),
        ends[0]: pdu.source[0],
        ends[1]: pdu.destination[0],
        _PORT_TYPE: _PORT_TYPES.get(pdu.protocol, 0).to_bytes(4),
        _SOURCE_PORT: pdu.source[1].to_bytes(4),
        _DESTINATION_PORT: pdu.destination[1].to_bytes(4),
        _NUMBER: pdu.number.to_bytes(4),
    }
