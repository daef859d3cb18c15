"""Raw frames out of an interface, through Scapy's socket; what the kernel does not take is counted."""

import errno
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from .interface import Interface, fault_of

# linux/if_packet.h; the socket module does not have them on every system.
_SOL_PACKET, _PACKET_QDISC_BYPASS = 263, 20
_SEND_BUFFER = 4 << 20
# The queue is full: it is tried again after this, for so long.
_BREATH, _PATIENCE = 0.0002, 1.0
_FULL = (errno.ENOBUFS, errno.EAGAIN)
# What one frame has and the next one need not have.
_OF_THE_FRAME = {errno.EMSGSIZE: "longer than the interface takes", errno.EINVAL: "shorter than an Ethernet header"}


@dataclass(slots=True)
class Refused:
    """Frames that were not sent, for one reason."""

    frames: int
    first: int
    """The number of the first one."""


class Sender:
    """Sends frames. Use it in a ``with``.

    :param interface: where they leave.
    :param bypass: whether they go round the kernel's queue, straight to the driver: faster, and no traffic control shapes them.
    :raises LiveError: where the system refuses.
    """

    def __init__(self, interface: Interface, bypass: bool = False) -> None:
        self._name = interface.name
        self._socket = interface.socket(0)
        outgoing: socket.socket = self._socket.outs
        outgoing.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        if bypass:
            # A kernel or driver without it sends as ever.
            with suppress(OSError):
                outgoing.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        self.send: Callable[[bytes | memoryview], int] = outgoing.send
        """Sends one frame and returns its length. What it raises is for :meth:`settle`."""
        self.refused: dict[str, Refused] = {}

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def settle(self, error: OSError, frame: bytes | memoryview, number: int) -> int:
        """Do what can be done for a frame that the kernel did not take: a full queue gets time, all else is counted.

        :param number: of the frame, for the count.
        :returns: how many bytes were sent; 0 where it was not.
        :raises LiveError: where no other frame will be taken, either.
        """
        patience = time.monotonic() + _PATIENCE
        while error.errno in _FULL:
            if time.monotonic() > patience:
                return self._refuse("the interface's queue stayed full", number)
            time.sleep(_BREATH)
            try:
                return self.send(frame)
            except OSError as again:
                error = again
        if error.errno in _OF_THE_FRAME:
            return self._refuse(_OF_THE_FRAME[error.errno], number)
        raise fault_of(self._name, error)

    def _refuse(self, reason: str, number: int) -> int:
        before = self.refused.setdefault(reason, Refused(0, number))
        before.frames += 1
        return 0
