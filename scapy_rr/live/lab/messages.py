"""The SIP messages on the links of a lab, from the captures of a run. Knows nothing of what a hop does to them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapReader

from ...capture.bearer import Frame
from ...capture.messages import spell
from ...capture.transports import Transports
from ...errors import LiveError
from ...wire.link import ETHERNET
from .description import Lab, Link
from .network import mac

_SECOND = 1_000_000_000


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
    transports = Transports()
    for count, (time, frame) in enumerate(_frames(capture), 1):
        ends = senders.get(frame[6:12])
        if ends is None:
            continue
        for message in transports.take(Frame(count, frame, ETHERNET, time / _SECOND)):
            if message.kind:
                source, destination = (spell(*end).removeprefix("udp:") for end in (message.source, message.destination))
                yield Seen(time, *ends, message.transport, source, destination, message.data)


def _frames(capture: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with capture.open("rb") as file, RawPcapReader(file) as reader:
            for frame, metadata in reader:
                # In a capture of nanoseconds, as ours are, these are in the place of microseconds.
                yield metadata.sec * _SECOND + metadata.usec * (1 if reader.nano else 1000), frame
    except (OSError, Scapy_Exception) as error:
        raise LiveError(f"{capture}: {error}") from None
