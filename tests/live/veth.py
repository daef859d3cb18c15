"""Two networks of their own that a cable joins: a veth pair, one end in each."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ..conftest import need
from ..peers.namespace import Namespace

NEAR, FAR = "near", "far"
FAR_MAC = "02:00:00:00:00:99"


class Cable:
    """The pair: ``near`` in the namespace :attr:`here`, ``far`` in :attr:`there`. Both are up, and have no address.

    :raises OSError: where the user or the kernel does not allow it.
    """

    def __init__(self) -> None:
        self.here, self.there = Namespace(), Namespace()
        with self.there.entered():
            inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        with self.here.entered():
            ip(f"link add {NEAR} type veth peer name {FAR} address {FAR_MAC}")
            ip(f"link set {FAR} netns /proc/{os.getpid()}/fd/{inside}")
            ip(f"link set {NEAR} up")
        os.close(inside)
        with self.there.entered():
            ip(f"link set {FAR} up")

    def close(self) -> None:
        """Let go of both networks."""
        self.here.close()
        self.there.close()


def ip(command: str) -> None:
    """Run ``ip`` where this thread is."""
    subprocess.run([need("ip"), *command.split()], check=True)


@contextmanager
def cable() -> Iterator[Cable]:
    """A cable; a test that cannot have one is skipped, or fails where live peers are required."""
    need("ip")
    try:
        made = Cable()
    except OSError as error:
        reason = f"no network namespace can be made: {error}"
        if os.environ.get("SCAPY_RR_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    try:
        yield made
    finally:
        made.close()
