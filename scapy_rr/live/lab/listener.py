"""Captures an interface through Scapy where tcpdump is not installed: ``python -m scapy_rr.live.lab.listener IFACE``, in its namespace.

The capture goes to standard output; what tcpdump says once it captures, to standard error.
"""

import logging
import signal
import sys
from typing import BinaryIO

from scapy.arch.linux import L2ListenSocket
from scapy.supersocket import SuperSocket
from scapy.utils import RawPcapWriter

from .captures import READY

_ETHERNET = 1


def copy(source: SuperSocket, output: BinaryIO) -> None:
    """Write each frame that a socket receives, as soon as it comes, until the socket says that there is no more."""
    writer = RawPcapWriter(output, linktype=_ETHERNET, sync=True, nano=True)
    writer.write_header(None)
    output.flush()
    while True:
        try:
            _, frame, when = source.recv_raw()
        except OSError:
            # The interface is gone.
            return
        if frame:
            writer.write_packet(frame, sec=int(when), usec=int(when % 1 * 1_000_000_000))


def main(interface: str) -> None:
    """Capture an interface until SIGTERM."""
    logging.getLogger("scapy").setLevel(logging.ERROR)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    source = L2ListenSocket(iface=interface, promisc=False, nofilter=1)
    sys.stderr.write(f"{READY} {interface}\n")
    sys.stderr.flush()
    copy(source, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1])
