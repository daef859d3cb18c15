"""The SIP messages on the links of a lab, from the captures of a run. Knows nothing of what a hop does to them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

from ...errors import LiveError
from ...wire.datagram import Datagram, Refusal, locate
from ...wire.link import ETHERNET, network_offset
from .description import Lab, Link
from .network import mac
from .segments import Streams, read_segment, spell

# A keep-alive is shorter than any start line.
_SHORTEST = 10


class Seen(NamedTuple):
    """One message on one link."""

    time: int
    """In nanoseconds of the epoch."""
    sender: str
    """The host at the end of the link that it comes from."""
    receiver: str
    transport: str
    source: str
    """The socket, as the packet has it: ``10.0.0.5:5060``."""
    destination: str
    data: bytes


def read(lab: Lab, captures: Mapping[Link, Path]) -> list[Seen]:
    """The messages of all captures, in the order of time.

    :raises LiveError: where a capture cannot be read.
    """
    found: list[Seen] = []
    for number, link in enumerate(lab.links):
        found += _of_link(number, link, captures[link])
    return sorted(found, key=lambda seen: seen.time)


def _of_link(number: int, link: Link, capture: Path) -> Iterator[Seen]:
    names = [end.host for end in link.ends]
    senders = {bytes.fromhex(mac(number, end).replace(":", "")): (names[end], names[1 - end]) for end in (0, 1)}
    streams = Streams()
    for time, frame in _frames(capture):
        ends = senders.get(frame[6:12])
        if ends is None:
            continue
        at = locate(frame, 0, len(frame), ETHERNET)
        if isinstance(at, Datagram):
            data = frame[at.payload : at.end]
            sockets = spell(at.source, at.source_port), spell(at.destination, at.destination_port)
            if len(data) > _SHORTEST:
                yield Seen(time, *ends, "udp", *sockets, data)
        elif at is Refusal.TCP:
            segment = read_segment(frame, network_offset(frame, 0, ETHERNET) or 0)
            if segment:
                for data in streams.feed(segment):
                    yield Seen(time, *ends, "tcp", segment.source, segment.destination, data)


def _frames(capture: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with capture.open("rb") as file, RawPcapReader(file) as reader:
            for frame, metadata in reader:
                # In a capture of nanoseconds, as ours are, these are in the place of microseconds.
                yield metadata.sec * 1_000_000_000 + metadata.usec * (1 if reader.nano else 1000), frame
    except (OSError, Scapy_Exception) as error:
        raise LiveError(f"{capture}: {error}") from None
