"""Raw frames from and to interfaces: bytes, through Scapy's sockets, with no Packet in between. Knows nothing of what is in them.

What the kernel took out of a frame on its way is put back: the VLAN tag, and, for a bridge, which checksums and segments are still to be
made.
"""

import errno
import logging
import os
import selectors
import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress
from fcntl import ioctl
from typing import Any, NamedTuple

from scapy.arch.linux import attach_filter
from scapy.config import conf
from scapy.data import ARPHRD_TO_DLT
from scapy.error import Scapy_Exception

from ..errors import LiveError
from ..wire.tunnel import TUNNEL_PROTOCOLS
from .arrival import ROOM, SECONDS_AND_NANOSECONDS, SO_TIMESTAMPNS
from .interface import fault_of

log = logging.getLogger("scapy_rr")

EVERYTHING = ""
_TUNNELS = " or ".join(f"{ip} proto {number}" for ip in ("ip", "ip6") for number in sorted(TUNNEL_PROTOCOLS))
SIP_BEARING = f"udp or tcp or sctp or (ip[6:2] & 0x3fff != 0) or ip6 proto 44 or {_TUNNELS} or ether proto 0x8864 or ether proto 0x8847"
"""A filter: no port tells SIP, the fragments behind the first one have none, and tunnels hide it. The last two are PPPoE and MPLS."""

HOST, OTHER_HOST, _OUTGOING = 0, 3, 4
"""Whom a frame is for, as its MAC address has it (linux/if_packet.h)."""

# linux/if_packet.h, linux/sockios.h, asm/socket.h; the socket module does not have all of them.
_SOL_PACKET, _STATISTICS, _AUXDATA, _OFFLOAD, _IGNORE_OUTGOING = 263, 6, 8, 15, 23
_SIOCGIFMTU, _SO_RCVBUFFORCE = 0x8921, 33
_ARPHRD_LOOPBACK = 772
_TAGGED, _TAG_TYPE_KNOWN, _TAG_TYPE = 0x10, 0x40, 0x8100
_AUXILIARY = struct.Struct("=I12xHH").unpack_from
_ANCILLARY = socket.CMSG_SPACE(20) + ROOM
# struct virtio_net_hdr: flags, kind of segments, headers' length, segment size, where the checksum starts and stands.
_OFFLOAD_HEADER = struct.Struct("=BBHHHH")
_NO_OFFLOAD = bytes(_OFFLOAD_HEADER.size)
# A packet of 64 kB, its link header, and the offload's.
_LARGEST = 65535 + 64
_RECEIVE_BUFFER = 16 << 20
_LOOK_EVERY = 1.0


class Received(NamedTuple):
    """A frame that arrived."""

    frame: bytes
    time: float
    """Seconds of the epoch, as the kernel has it."""
    to: int
    """Whom it is for: :data:`HOST`, :data:`OTHER_HOST`, or another number for everybody and groups."""
    offload: bytes
    """What :meth:`RawSocket.send` needs to send it on as it came; empty unless the socket was asked for it."""


class RawSocket:
    """Frames of one interface.

    :param bpf: which frames the kernel hands over, in tcpdump's language; an empty one for all.
    :param promiscuous: whether those for other MAC addresses are, too.
    :param outgoing: whether those are, too, that leave. On a loopback each arrives, so that there they never are.
    :param offload: whether frames come and go with the work that the kernel leaves to the hardware still to do.
    :raises LiveError: where it cannot be opened, saying what to do.
    """

    def __init__(self, name: str, bpf: str = EVERYTHING, promiscuous: bool = False, outgoing: bool = False, offload: bool = False) -> None:
        self.name, self._bpf, self._promiscuous, self._outgoing, self._offload = name, bpf, promiscuous, outgoing, offload
        self.is_down = False
        """Whether the interface went down, or away: then nothing arrives until :meth:`open`."""
        self._drops = 0
        self.open()

    def open(self) -> None:
        """Open it, again where the interface had gone. :raises LiveError: where that cannot be."""
        names = [name for _, name in socket.if_nameindex()]
        if self.name not in names:
            raise LiveError(f"no interface {self.name!r}; those there are: {', '.join(names)}")
        # One of this name may have gone and come since Scapy looked.
        conf.ifaces.reload()
        try:
            self._socket: Any = conf.L2socket(iface=self.name, filter=self._bpf or None, promisc=self._promiscuous)
        except OSError as error:
            raise fault_of(self.name, error) from None
        except Scapy_Exception as error:
            raise LiveError(f"{self.name}: {error}") from None
        self._ins: socket.socket = self._socket.ins
        kind = self._ins.getsockname()[3]
        self.link_type: int = ARPHRD_TO_DLT.get(kind, -1)
        """As capture files number it."""
        if self.link_type < 0:
            self.close()
            raise LiveError(f"{self.name}: frames of its kind (ARPHRD {kind}) are not read")
        self.mac: bytes = self._ins.getsockname()[4]
        self.mtu: int = struct.unpack("16xI", ioctl(self._ins, _SIOCGIFMTU, struct.pack("16sI", self.name.encode(), 0)))[0]
        self._set_options(kind == _ARPHRD_LOOPBACK)
        self.is_down = False

    def _set_options(self, is_loopback: bool) -> None:
        self._wants_outgoing = self._outgoing and not is_loopback
        # Linux before 4.20 does not know it, and hands them over.
        with suppress(OSError):
            self._ins.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, not self._wants_outgoing)
        if self._offload:
            self._ins.setsockopt(_SOL_PACKET, _OFFLOAD, 1)
        try:
            # More than the system lets everybody have.
            self._ins.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        except OSError:
            self._ins.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        # What was dropped while Scapy opened it was not for us.
        self._ins.getsockopt(_SOL_PACKET, _STATISTICS, 8)

    def filter(self, bpf: str) -> None:
        """Have the kernel hand over other frames than before. :raises LiveError: for an expression that is none."""
        try:
            # One whose interface went gets it when that is back.
            if self._ins.fileno() >= 0:
                attach_filter(self._ins, bpf, self.name)
        except (Scapy_Exception, ImportError) as error:
            raise LiveError(f"{self.name}: {error}") from None
        self._bpf = bpf

    def fileno(self) -> int:
        """For whoever waits for frames."""
        return self._ins.fileno()

    @property
    def drops(self) -> int:
        """How many frames the kernel had no room for, so far."""
        if self._ins.fileno() >= 0:
            # Each reading begins a new count.
            self._drops += struct.unpack("=II", self._ins.getsockopt(_SOL_PACKET, _STATISTICS, 8))[1]
        return self._drops

    def receive(self) -> Received | None:
        """The next frame; ``None`` where none is there. :raises LiveError: for what the system reports."""
        while not self.is_down:
            try:
                data, ancillary, _, address = self._ins.recvmsg(_LARGEST, _ANCILLARY, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise fault_of(self.name, error) from None
                self.is_down = True
                break
            if address[2] != _OUTGOING or self._wants_outgoing:
                return self._received(data, ancillary, address[2])
        return None

    def _received(self, data: bytes, ancillary: list[tuple[int, int, bytes]], to: int) -> Received:
        offload, tag, now = b"", b"", 0.0
        for _, kind, value in ancillary:
            if kind == _AUXDATA:
                status, tci, tag_type = _AUXILIARY(value)
                if status & _TAGGED:
                    tag = struct.pack(">HH", tag_type if status & _TAG_TYPE_KNOWN else _TAG_TYPE, tci)
            elif kind == SO_TIMESTAMPNS:
                seconds, nanoseconds = SECONDS_AND_NANOSECONDS(value)
                now = seconds + nanoseconds * 1e-9
        if self._offload:
            offload, data = data[: len(_NO_OFFLOAD)], data[len(_NO_OFFLOAD) :]
        if tag:
            data = data[:12] + tag + data[12:]
            offload = _moved(offload, len(tag)) if offload else b""
        return Received(data, now or time.time(), to, offload)

    def send(self, frame: bytes, offload: bytes = b"") -> None:
        """Send a frame.

        :param offload: what the kernel has still to do for it, as it came with the frame.
        :raises OSError: where the kernel does not take it.
        """
        self._socket.outs.send((offload or _NO_OFFLOAD) + frame if self._offload else frame)

    def close(self) -> None:
        """Let go of it."""
        if self._ins.fileno() >= 0:
            _ = self.drops
        self._socket.close()


def _moved(offload: bytes, length: int) -> bytes:
    """The offload header of a frame whose link header has grown."""
    flags, segments, headers, size, start, offset = _OFFLOAD_HEADER.unpack(offload)
    # Zero says that there is no such thing.
    return _OFFLOAD_HEADER.pack(flags, segments, headers and headers + length, size, start and start + length, offset)


class Links:
    """Raw sockets that are waited for together. An interface that goes is opened again when it comes back. Use it in a ``with``.

    :param sockets: at least one, which it closes in the end.
    """

    def __init__(self, sockets: Iterable[RawSocket]) -> None:
        self.sockets = tuple(sockets)
        self.stopped = False
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector = selectors.EpollSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        for one in self.sockets:
            self._selector.register(one, selectors.EVENT_READ, one)
        self._gone: set[RawSocket] = set()
        self._look_at, self._told = 0.0, 0

    def __enter__(self) -> "Links":
        return self

    @property
    def drops(self) -> int:
        """How many frames the kernel had no room for, so far."""
        return sum(one.drops for one in self.sockets)

    def fileno(self) -> int:
        """For a loop that waits for other things, too: readable when there are frames."""
        return self._selector.fileno()

    def stop(self) -> None:
        """End the waiting, now and from now on. A signal's handler may call it."""
        self.stopped = True
        os.eventfd_write(self._wake, 1)

    def ready(self, timeout: float) -> list[RawSocket]:
        """The sockets that have frames; waits for them at most for so many seconds."""
        for one in self.sockets:
            if one.is_down and one not in self._gone:
                self._gone.add(one)
                self._selector.unregister(one)
                one.close()
                log.warning("%s went down; it is looked for every second", one.name)
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + _LOOK_EVERY
            self._tell_drops()
            self._open_again()
        found = self._selector.select(0 if self.stopped else min(timeout, _LOOK_EVERY))
        return [key.data for key, _ in found if key.data]

    def _tell_drops(self) -> None:
        drops = self.drops
        if drops > self._told:
            log.warning("the kernel had no room for %s frames so far: they come faster than they are looked at", f"{drops:,}")
            self._told = drops

    def _open_again(self) -> None:
        """Try it for those that went: the interface may be back."""
        for one in tuple(self._gone):
            try:
                one.open()
            except LiveError as error:
                log.debug("%s", error)
                continue
            self._gone.remove(one)
            self._selector.register(one, selectors.EVENT_READ, one)
            log.warning("%s is back", one.name)

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all of them."""
        self._selector.close()
        os.close(self._wake)
        for one in self.sockets:
            one.close()
