"""When the kernel saw something arrive, as it says on request: ``SO_TIMESTAMPNS`` on a socket, and ``recvmsg``."""

import socket
import struct

SO_TIMESTAMPNS = 35
"""Of asm/socket.h; the same number is the kind of what comes with a message."""
ROOM = socket.CMSG_SPACE(16)
"""What it takes in ``recvmsg``, in bytes."""
SECONDS_AND_NANOSECONDS = struct.Struct("@ll").unpack_from
_SECOND = 1_000_000_000


def arrived(ancillary: list[tuple[int, int, bytes]]) -> int:
    """When, in nanoseconds of the epoch; 0 where it is not said.

    :param ancillary: what ``recvmsg`` gave beside the message.
    """
    for level, kind, value in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = SECONDS_AND_NANOSECONDS(value)
            return int(seconds) * _SECOND + int(nanoseconds)
    return 0
