"""The kernel's time of arrival."""

import socket
import struct
import time

import pytest

from scapy_rr.live.arrival import ROOM, SO_TIMESTAMPNS, arrived


def test_it_is_when_the_datagram_came_and_not_when_it_was_read() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        made.bind(("127.0.0.1", 0))
        before = time.time_ns()
        sender.sendto(b"x", made.getsockname())
        after = time.time_ns()
        time.sleep(0.02)
        _, ancillary, flags, _ = made.recvmsg(100, ROOM)
    assert not flags
    # The kernel's clock for it may be a tick behind.
    assert before - 5_000_000 <= arrived(ancillary) <= after


@pytest.mark.parametrize(
    ("ancillary", "wanted"),
    [
        ([], 0),
        ([(socket.SOL_SOCKET, 29, bytes(16))], 0),
        ([(0, SO_TIMESTAMPNS, bytes(16))], 0),
        ([(0, 8, b"1"), (socket.SOL_SOCKET, SO_TIMESTAMPNS, struct.pack("@ll", 3, 7))], 3_000_000_007),
    ],
)
def test_among_others_and_without(ancillary: list[tuple[int, int, bytes]], wanted: int) -> None:
    assert arrived(ancillary) == wanted
