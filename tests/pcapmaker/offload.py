"""Makes an interface compute its checksums itself: ``python -m tests.pcapmaker.offload IFACE``, inside its network namespace.

A veth pair leaves checksums to hardware that is not there, so that a capture on it would have wrong ones.
"""

import array
import fcntl
import socket
import struct
import sys

SIOCETHTOOL = 0x8946
ETHTOOL_STXCSUM = 0x17


def main() -> None:
    """Switch the checksum offload of sent frames off, as ``ethtool -K IFACE tx off`` does."""
    command = array.array("B", struct.pack("II", ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP", sys.argv[1].encode(), command.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCETHTOOL, request.ljust(40, b"\0"))


if __name__ == "__main__":
    main()
