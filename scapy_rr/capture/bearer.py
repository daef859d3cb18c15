"""The frames that carried an IP packet, and what becomes of them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from .carrier import Carrier
from .place import HeldBatch, Place


class Frame(NamedTuple):
    """A frame of a capture."""

    number: int
    """From 1."""
    data: bytes
    link_type: int
    time: float
    """Seconds of the epoch."""
    cut: bool = False
    """Whether the capture holds less of it than there was."""
    place: Place | None = None
    """Its place in the output, where there is one."""


class Bearer:
    """The frames that carried an IP packet, and what it stood in."""

    __slots__ = ("carrier", "frames", "instead", "lost", "packet")

    def __init__(self, frames: tuple[Frame, ...], carrier: Carrier, lost: Counter[str]) -> None:
        self.frames, self.carrier, self.lost = frames, carrier, lost
        self.packet = b""
        """The packet itself, once it is whole."""
        self.instead: list[bytes] | None = None
        """The packets that take the place of the one that came; ``None`` where that stays."""

    @property
    def last(self) -> Frame:
        """The frame that made the packet whole."""
        return self.frames[-1]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the frames."""
        return tuple(frame.number for frame in self.frames)

    def is_in(self, held: HeldBatch) -> bool:
        """Whether one of the frames is in a buffer that waits for what becomes of it."""
        return any(frame.place and frame.place.held is held for frame in self.frames)

    def settle(self, packets: Sequence[bytes] | None) -> None:
        """Say what becomes of the frames: other packets in their place, or ``None`` where they stay."""
        if self.last.place is None:
            return
        frames: list[bytes] | None = None
        if packets is None and self.carrier.decap:
            packets = [self.packet]
        if packets is not None:
            try:
                frames = [frame for packet in packets for frame in self.carrier.frames(packet)]
            except ValueError as error:
                self.lost[f"frames that cannot follow: {type(error).__name__}"] += 1
        for frame in self.frames:
            if frame.place:
                frame.place.settle(frames if frames is None or frame is self.last else [])
