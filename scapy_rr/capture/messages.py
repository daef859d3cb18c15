"""The SIP messages of a capture: found by their start line, on any port."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from ..errors import SipParseError
from ..rr.hop import Hop
from ..sip.message import Message
from ..sip.nameaddr import parse_many
from ..wire.datagram import Datagram, Refusal, locate
from .reader import Capture, Damage, Record

RESPONSE = "response"
# The ends of a capture come again and again.
_MOST_REMEMBERED = 4096

# A named tuple's own constructor takes three times as long, and there is one for each message.
_new = tuple.__new__


class SipFrame(NamedTuple):
    """A frame with a SIP message in it."""

    record: Record
    at: Datagram | Refusal
    """Where it is, or why it cannot be reached."""
    kind: str
    """Its method, or :data:`RESPONSE`; empty where it cannot be reached."""
    message: bytes


def sip_frames(data: bytes, records: Iterable[Record], ports: Collection[int] = ()) -> Iterator[SipFrame]:
    """Those of the frames in a buffer that hold SIP.

    :param ports: the UDP ports, of either end, to look at; all where there are none.
    """
    for record in records:
        at = locate(data, record.start, record.end, record.link_type, record.cut)
        if not isinstance(at, Datagram):
            # What the datagram would be is unknown, so the start line cannot be told from the rest of the frame.
            if data.find(b"SIP/2.0", record.start, record.end) >= 0:
                yield SipFrame(record, at, "", b"")
            continue
        if ports and at.source_port not in ports and at.destination_port not in ports:
            continue
        message = data[at.payload : at.end]
        kind = kind_of(message)
        if kind:
            yield _new(SipFrame, (record, at, kind, message))


def kind_of(payload: bytes) -> str:
    """The method of a request, :data:`RESPONSE`, or an empty string where the first line is not SIP's."""
    if payload.startswith(b"SIP/2.0 "):
        return RESPONSE
    line = payload.lstrip(b"\r\n").partition(b"\n")[0].split()
    if line and line[0][:4].upper() == b"SIP/":
        return RESPONSE
    return line[0].decode("latin-1") if len(line) > 1 and line[-1][:4].upper() == b"SIP/" else ""


class Survey(NamedTuple):
    """What there is in a capture, for those who do not know yet which listeners to name."""

    frames: int
    destinations: Counter[str]
    """Where SIP over UDP goes, spelled as listeners, with the number of its messages."""
    named: frozenset[str]
    """Those of them that Route and Record-Route headers name."""
    udp_ports: Counter[int]
    """The destination ports of all UDP, where every frame was looked at."""


def survey(capture: Capture, every_frame: bool = False, ports: Collection[int] = ()) -> Survey:
    """Go through a capture once.

    :param every_frame: whether to look at frames without SIP, too.
    A capture that cannot be read on is taken up to there.
    """
    destinations: Counter[str] = Counter()
    udp_ports: Counter[int] = Counter()
    named: set[str] = set()
    with suppress(Damage):
        for batch in capture.batches():
            if every_frame:
                for record in batch.frames(b""):
                    at = locate(batch.data, record.start, record.end, record.link_type, record.cut)
                    if isinstance(at, Datagram):
                        udp_ports[at.destination_port] += 1
                continue
            for frame in sip_frames(batch.data, batch.frames(), ports):
                if isinstance(frame.at, Datagram):
                    destinations[spell(frame.at.destination, frame.at.destination_port)] += 1
                    named.update(_named_routes(frame.message))
    return Survey(capture.records.frames, destinations, frozenset(named & set(destinations)), udp_ports)


@lru_cache(_MOST_REMEMBERED)
def spell(address: bytes, port: int) -> str:
    """A packed address and a port as a UDP listener."""
    text = str(ip_address(address))
    return f"udp:[{text}]:{port}" if ":" in text else f"udp:{text}:{port}"


def _named_routes(data: bytes) -> Iterator[str]:
    """The addresses in the Route and Record-Route headers of a message; none from a header that does not parse, or from a host name."""
    with suppress(SipParseError):
        message = Message(data)
        for header in message.find_all(b"route") + message.find_all(b"record-route"):
            with suppress(SipParseError):
                for element in parse_many(data, header.value_start, header.value_end):
                    with suppress(ValueError):
                        hop = Hop.parse(data[element.uri_start : element.uri_end])
                        yield spell(ip_address(hop.host.decode("latin-1").strip("[]")).packed, hop.port)
