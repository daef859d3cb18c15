"""The proxy at layer 2: UDP in whole frames, and TCP by the kernel's sockets, for a connection needs what the kernel has; in one loop."""

import asyncio
import logging

from ..errors import LiveError
from ..proxy.outcome import Sent
from ..proxy.router import Router
from ..rr.listener import Listener
from .frames import FrameProxy
from .mute import is_of_this_machine
from .proxy import LiveProxy

log = logging.getLogger("scapy_rr")


class MixedProxy(LiveProxy):
    """A router at work on frames and on TCP sockets, which share its transactions and its summary.

    :param router: that of the frames.
    :param frames: what routes UDP; whoever made it closes it.
    """

    # Neighbours are to be asked again in time.
    tidy_every = 0.2

    def __init__(self, router: Router, frames: FrameProxy) -> None:
        super().__init__(router)
        self._frames, self.summary = frames, frames.summary
        frames.send_otherwise = self.send
        self._fault: LiveError | None = None

    @property
    def counts(self) -> dict[str, int]:
        """What else there was, and how often."""
        return {**self.streams.counts, **self._frames.counts}

    async def open(self) -> None:
        """Begin to look at frames, and accept connections. :raises LiveError: where a TCP listener of this machine cannot be opened."""
        await super().open()
        asyncio.get_running_loop().add_reader(self._frames.fileno(), self._step)

    async def bind(self, listener: Listener) -> None:
        """Accept connections where it is TCP; UDP comes in frames. :raises LiveError: where that is not possible."""
        if listener.transport != "tcp":
            return
        if is_of_this_machine(listener):
            await super().bind(listener)
        else:
            log.warning("%s is no address of this machine: nobody is answered there over TCP", listener)

    def _take(self, router: Router) -> None:
        self._frames.replace(router)
        super()._take(router)

    def send(self, sent: Sent) -> None:
        """Send a message in a frame, or by a connection."""
        if sent.next_hop.transport == "udp":
            self._frames.send(sent)
        else:
            super().send(sent)

    def _step(self) -> None:
        try:
            self._frames.step(0)
        except LiveError as error:
            self._fault = error

    def tidy(self) -> None:
        """What is due now and then. :raises LiveError: for what the system reported about an interface."""
        super().tidy()
        self._step()
        if self._fault:
            raise self._fault

    async def close(self) -> None:
        """Route what has come, and let go of the TCP sockets."""
        asyncio.get_running_loop().remove_reader(self._frames.fileno())
        self._frames.finish()
        await super().close()
