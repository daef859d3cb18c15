"""Whether a process listens, by what the kernel says."""

import os
import socket

import pytest

from scapy_rr.live.lab.listening import is_listening
from scapy_rr.rr.listener import Listener


@pytest.mark.parametrize(
    ("transport", "family", "kind", "address"),
    [
        ("udp", socket.AF_INET, socket.SOCK_DGRAM, "127.0.0.1"),
        ("tcp", socket.AF_INET, socket.SOCK_STREAM, "127.0.0.1"),
        ("udp", socket.AF_INET6, socket.SOCK_DGRAM, "::1"),
        ("tcp", socket.AF_INET6, socket.SOCK_STREAM, "::1"),
    ],
)
def test_bound(transport: str, family: int, kind: int, address: str) -> None:
    with socket.socket(family, kind) as bound:
        bound.bind((address, 0))
        host = f"[{address}]" if ":" in address else address
        listener = Listener.parse(f"{transport}:{host}:{bound.getsockname()[1]}")
        if transport == "tcp":
            assert not is_listening(os.getpid(), listener)
            bound.listen()
        assert is_listening(os.getpid(), listener)
    assert not is_listening(os.getpid(), listener)


def test_others_are_not_looked_at() -> None:
    assert is_listening(os.getpid(), Listener.parse("sctp:127.0.0.1:9"))


def test_a_process_that_is_gone() -> None:
    assert not is_listening(2**22 + 1, Listener.parse("udp:127.0.0.1:5060"))
