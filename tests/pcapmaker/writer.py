"""Captures to files, by Scapy's writers. Knows nothing of what is in a frame."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from scapy.utils import RawPcapNgWriter, RawPcapWriter

_SNAPLEN = 262144
_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class Format:
    """How a capture file is written.

    :param nano: with times in nanoseconds.
    :param endian: ``"<"`` or ``">"``; never the host's own, so that files come out the same everywhere.
    :param pcapng: as pcapng, then always little-endian and in microseconds.
    """

    nano: bool = False
    endian: str = "<"
    pcapng: bool = False


PCAP = Format()


def write(path: Path, linktype: int, frames: Iterable[tuple[int, bytes, int]], form: Format = PCAP) -> int:
    """Write frames, each with its time in nanoseconds and its length on the wire; answer how many there were."""
    return _write_pcapng(path, linktype, frames) if form.pcapng else _write_pcap(path, linktype, frames, form)


def _write_pcap(path: Path, linktype: int, frames: Iterable[tuple[int, bytes, int]], form: Format) -> int:
    count, unit = 0, 1 if form.nano else 1000
    # A file of ours, for Scapy's own writes out every 4096 bytes.
    with path.open("wb", _BUFFER) as file, RawPcapWriter(file, endianness=form.endian, nano=form.nano, snaplen=_SNAPLEN) as writer:
        writer.linktype = linktype  # not as an argument: there 0, which is BSD loopback, would mean "not given"
        writer.write_header(None)
        for time, frame, wirelen in frames:
            writer.write_packet(frame, time // 1_000_000_000, time % 1_000_000_000 // unit, len(frame), wirelen)
            count += 1
    return count


def _write_pcapng(path: Path, linktype: int, frames: Iterable[tuple[int, bytes, int]]) -> int:
    count = 0
    with RawPcapNgWriter(str(path)) as writer:
        writer.linktype = linktype
        writer.write_header(None)
        for time, frame, wirelen in frames:
            # A fraction, for a float of this size has no exact microseconds.
            writer.write_packet(frame, Fraction(time, 1_000_000_000), None, len(frame), wirelen)
            count += 1
    return count
