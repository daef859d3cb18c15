"""A caller and a callee in networks of their own, a machine between them, and a frame proxy on it."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from scapy_rr.live.frames import FrameProxy
from scapy_rr.proxy import script_file
from scapy_rr.proxy.router import Router
from scapy_rr.rr.module import RecordRouting

from .ends import request
from .network import Host, hosts, join

CALLER, CALLEE = ("10.0.1.5", 5060), ("10.0.2.9", 5060)
LISTEN = ["udp:10.0.1.1:5060", "udp:10.0.2.1:5060"]
EVERYBODY = b"\xff" * 6


def built_in(*listen: str) -> Router:
    """A proxy with the built-in script."""
    router = script_file.load()
    router.rr = RecordRouting(listen=listen)
    return router


def invite(target: str = "sip:bob@10.0.2.9", via: str = "UDP 10.0.1.5;branch=z9hG4bKa1;rport", body: bytes = b"") -> bytes:
    """An initial INVITE of the caller's."""
    return request("INVITE", target, via, body=body)


class Scene:
    """A caller and a callee in networks of their own, and a machine between them."""

    def __init__(self, caller: Host, proxy: Host, callee: Host) -> None:
        join(caller, "c0", "10.0.1.5/24", proxy, "p0", "10.0.1.1/24")
        join(proxy, "p1", "10.0.2.1/24", callee, "d0", "10.0.2.9/24")
        self.proxy = proxy
        self.caller, self.callee = caller.udp(*CALLER), callee.udp(*CALLEE)
        self.caller.setblocking(False)
        self.callee.setblocking(False)
        self.caller_host, self.callee_host = caller, callee

    def start(self, router: Router | None = None, *names: str, **options: object) -> FrameProxy:
        """A proxy on the machine between."""
        return FrameProxy(router or built_in(*LISTEN), names or ("p0", "p1"), **options)  # type: ignore[arg-type]


@contextmanager
def three_machines() -> Iterator[Scene]:
    """The scene; the machine in the middle is entered."""
    with hosts(3) as (caller, proxy, callee):
        made = Scene(caller, proxy, callee)
        with proxy.entered():
            yield made


def work(proxy: FrameProxy, done: Callable[[], object]) -> None:
    """Let it work until something is so."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, f"it did not come: {proxy.summary} {proxy.counts}"
        proxy.step(0.05)


def idle(proxy: FrameProxy) -> None:
    """Let it work until nothing comes any more."""
    for _ in range(5):
        while proxy.step(0.03):
            pass


def receive(proxy: FrameProxy, end: socket.socket) -> bytes:
    """The next datagram at an end."""
    got: list[bytes] = []

    def come() -> list[bytes]:
        with suppress(BlockingIOError):
            got.append(end.recv(65535))
        return got

    work(proxy, come)
    return got[0]


def silent(end: socket.socket) -> bool:
    """Whether nothing came."""
    try:
        end.recv(65535)
    except BlockingIOError:
        return True
    return False


class Working:
    """A proxy at work beside the test, in a thread, as for what blocks. Use it in a ``with``."""

    def __init__(self, scene: Scene, proxy: FrameProxy) -> None:
        self._scene, self.proxy = scene, proxy
        self._ended, self._thread = threading.Event(), threading.Thread(target=self._work)

    def _work(self) -> None:
        with self._scene.proxy.entered():
            while not self._ended.is_set():
                self.proxy.step(0.05)
            self.proxy.finish()

    def __enter__(self) -> FrameProxy:
        self._thread.start()
        return self.proxy

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self.proxy.__exit__()
