"""A network of one's own for each server, so that no two of them, and nothing else on the machine, want the same port."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """A network namespace with a loopback.

    It has no name: the kernel removes it with its last user, however that one ends. A socket belongs to the namespace in which it was
    made for good, so that only the making has to happen inside.

    :raises OSError: where the user or the kernel does not allow it.
    """

    def __init__(self) -> None:
        self._home = _current()
        try:
            _check(_libc.unshare(_CLONE_NEWNET))
            try:
                self._inside = _current()
                subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            finally:
                _check(_libc.setns(self._home, _CLONE_NEWNET))
        except BaseException:
            os.close(self._home)
            raise

    @contextmanager
    def entered(self) -> Iterator[None]:
        """What this thread makes meanwhile, sockets and processes, is in the namespace."""
        _check(_libc.setns(self._inside, _CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(self._home, _CLONE_NEWNET))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._inside)
        os.close(self._home)


def _current() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
