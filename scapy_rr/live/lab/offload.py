"""Makes interfaces compute their checksums themselves: ``python -m scapy_rr.live.lab.offload IFACE ...``, inside their namespace.

A veth pair leaves checksums to hardware that is not there: a capture of it would have wrong ones, and a frame that is passed on by
hand would be dropped where it arrives.
"""

import array
import fcntl
import socket
import struct
import sys

# From linux/sockios.h and linux/ethtool.h.
_SIOCETHTOOL, _ETHTOOL_STXCSUM = 0x8946, 0x17


def switch_off(interface: str) -> None:
    """Switch the offload of checksums of sent frames off, as ``ethtool -K IFACE tx off`` does. :raises OSError: where that fails."""
    command = array.array("B", struct.pack("II", _ETHTOOL_STXCSUM, 0))
    request = struct.pack("16sP", interface.encode(), command.buffer_info()[0])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, request.ljust(40, b"\0"))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        switch_off(name)
