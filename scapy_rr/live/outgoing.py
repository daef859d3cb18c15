"""The frames of a capture as they leave an interface: made and addressed before the first one is sent, so that sending is nothing else.

An Ethernet frame leaves with the MAC address that is known for its IP destination, from the interface's own; where none is known, and where
it holds no IP, as captured. A frame of another link type gets an Ethernet header in the place of its own, which needs a known address.
"""

import mmap
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ..capture.reader import Capture, Record
from ..capture.times import timed_frames
from ..errors import CaptureError
from ..wire.link import ETHERNET, network_offset
from .neighbours import Neighbour
from .pacing import SECOND
from .sender import Refused

CUT, NOT_IP = "cut by the capture", "not IP, and its link header is none of Ethernet's"
_MOST_DESTINATIONS = 4096
# Nanoseconds since the first frame, and the frame's length.
_HEAD = struct.Struct("<qI")
_TYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
_LENGTHS = {4: 20, 6: 40}


@dataclass(slots=True)
class Destination:
    """Where frames go."""

    frames: int = 0
    has_header: bool = True
    """Whether all of them were captured with an Ethernet header."""
    neighbour: Neighbour | None = None
    """``None`` where nothing is known: they leave as captured."""


@dataclass
class Outgoing:
    """Frames that are ready, in a file."""

    path: Path
    frames: int = 0
    size: int = 0
    """Their bytes."""
    span: int = 0
    """Nanoseconds from the first frame to the latest one."""
    destinations: dict[bytes, Destination] = field(default_factory=dict)
    """By packed address; the first so many there are."""
    left_out: dict[str, Refused] = field(default_factory=dict)
    """Frames that cannot be sent, by reason."""

    @property
    def gap(self) -> int:
        """Nanoseconds from one frame to the next, on average; a second where all are of one time: a single frame sent over and over is
        not to flood anybody.
        """
        return self.span // (self.frames - 1) if self.span else SECOND

    @property
    def unaddressed(self) -> list[bytes]:
        """The destinations of frames that cannot be sent as long as no MAC address is known for them."""
        return [address for address, one in self.destinations.items() if not one.has_header and one.neighbour is None]

    def read(self) -> Iterator[tuple[int, memoryview]]:
        """Every frame, after its nanoseconds since the first one."""
        if not self.frames:
            return
        with self.path.open("rb") as file:
            view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        at, head, size = 0, _HEAD.unpack_from, _HEAD.size
        while at < len(view):
            offset, length = head(view, at)
            at += size
            yield offset, view[at : at + length]
            at += length


def survey(source: Path) -> dict[bytes, Destination]:
    """The IP destinations of a capture's frames, the first so many of them."""
    found: dict[bytes, Destination] = {}
    with Capture(source) as capture:
        for batch in capture.batches():
            for record in batch.frames(b""):
                _, address = _ip(batch.data, record)
                if address is None or (len(found) >= _MOST_DESTINATIONS and address not in found):
                    continue
                one = found.setdefault(address, Destination())
                one.frames += 1
                one.has_header &= record.link_type == ETHERNET
    return found


def prepare(
    source: Path,
    target: Path,
    own_mac: bytes,
    destinations: dict[bytes, Destination],
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> Outgoing:
    """Make the frames of a capture ready.

    :param target: the file for them.
    :param own_mac: of the interface.
    :param destinations: what :func:`survey` found, with what is known of each.
    :param progress: called with the bytes read so far, and all there are.
    :raises CaptureError: where the system refuses to write.
    """
    made = Outgoing(target, destinations=destinations)
    macs = {address: one.neighbour.mac + own_mac for address, one in destinations.items() if one.neighbour}
    with Capture(source) as capture, _written(target) as file:
        first = None
        for data, record, time in timed_frames(capture):
            frame = _frame(data, record, macs, partial(_leave_out, made, record.number))
            if frame is None:
                continue
            first = time if first is None else first
            _write(file, made, time - first, frame)
            if made.frames % 1024 == 0:
                progress(capture.position, capture.size)
    return made


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file to write to. What the system refuses is an error of ours, also when the last of it is written at the end."""
    try:
        with path.open("wb") as file:
            yield file
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror}") from None


def _write(file: BinaryIO, made: Outgoing, offset: int, frame: bytes) -> None:
    file.write(_HEAD.pack(offset, len(frame)))
    file.write(frame)
    made.frames += 1
    made.size += len(frame)
    made.span = max(made.span, offset)


def _frame(data: bytes, record: Record, macs: dict[bytes, bytes], leave_out: Callable[[str], object]) -> bytes | None:
    """A frame as it leaves; ``None`` where it cannot."""
    if record.cut:
        leave_out(CUT)
        return None
    ip, address = _ip(data, record)
    known = macs.get(address) if address else None
    if record.link_type == ETHERNET:
        return known + data[record.start + 12 : record.end] if known else data[record.start : record.end]
    if address is None:
        leave_out(NOT_IP)
        return None
    # Where nothing is known, the caller asks for it, and sends nothing before.
    return (known or bytes(12)) + _TYPES[data[ip] >> 4] + data[ip : record.end]


def _ip(data: bytes, record: Record) -> tuple[int, bytes | None]:
    """Where the IP header of a frame begins, and the destination in it; ``None`` where it has none."""
    ip = network_offset(data, record.start, record.link_type)
    if ip is None or ip >= record.end:
        return 0, None
    version = data[ip] >> 4
    if record.end - ip < _LENGTHS.get(version, record.end):
        return 0, None
    return ip, data[ip + 16 : ip + 20] if version == 4 else data[ip + 24 : ip + 40]


def _leave_out(made: Outgoing, number: int, reason: str) -> None:
    made.left_out.setdefault(reason, Refused(0, number)).frames += 1
