"""What there is in a capture, for those who do not know yet which listeners to name."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import suppress
from ipaddress import ip_address
from operator import attrgetter
from typing import NamedTuple

from ..errors import SipParseError
from ..rr.hop import Hop
from ..sip.message import Message
from ..sip.nameaddr import parse_many
from ..wire.datagram import Datagram, locate
from .messages import spell
from .reader import Capture, Damage
from .reading import sip_messages


class Survey(NamedTuple):
    """What there is in a capture, for those who do not know yet which listeners to name."""

    frames: int
    destinations: Counter[str]
    """Where SIP goes, spelled as listeners, with the number of its messages."""
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
        if every_frame:
            for batch in capture.batches():
                for record in batch.frames(b""):
                    at = locate(batch.data, record.start, record.end, record.link_type, record.cut)
                    if isinstance(at, Datagram):
                        udp_ports[at.destination_port] += 1
        else:
            for message in filter(attrgetter("kind"), sip_messages(capture, ports)):
                to = spell(*message.destination, message.transport)
                destinations[to] += 1
                named.update(name for name in _named_routes(message.data, message.transport))
    return Survey(capture.records.frames, destinations, frozenset(named & set(destinations)), udp_ports)


def _named_routes(data: bytes, transport: str) -> Iterator[str]:
    """The addresses in the Route and Record-Route headers of a message; none from a header that does not parse, or from a host name."""
    with suppress(SipParseError):
        message = Message(data)
        for header in message.find_all(b"route") + message.find_all(b"record-route"):
            with suppress(SipParseError):
                for element in parse_many(data, header.value_start, header.value_end):
                    with suppress(ValueError):
                        hop = Hop.parse(data[element.uri_start : element.uri_end])
                        yield spell(ip_address(hop.host.decode("latin-1").strip("[]")).packed, hop.port, hop.transport or transport)
