"""Routing by frames as one call."""

import os
import signal
import socket
import threading
import time
from contextlib import suppress

from scapy_rr.live import inject

from .scene import LISTEN, built_in, invite, silent, three_machines


def test_it_routes_until_a_signal() -> None:
    """The listener is mute meanwhile."""
    with three_machines() as scene:
        scene.caller.connect(("10.0.1.1", 5060))

        def call() -> None:
            """Again and again, until it is at work; what comes once it is would tell of an ICMP."""
            while silent(scene.callee):
                with suppress(ConnectionRefusedError):
                    scene.caller.send(invite())
                time.sleep(0.05)
            with suppress(ConnectionRefusedError):
                silent(scene.caller)
            for data in (invite(), b"\r\n\r\n", b"nonsense"):
                scene.caller.send(data)
            os.kill(os.getpid(), signal.SIGTERM)

        calling = threading.Thread(target=call)
        calling.start()
        done = inject(built_in(*LISTEN), ["p0", "p1"])
        calling.join()
        assert set(done.messages) == {"INVITE"}
        assert silent(scene.caller), "an ICMP would be an error here"


def test_it_routes_what_comes_over_tcp() -> None:
    with three_machines() as scene:
        with scene.caller_host.entered():
            caller = socket.socket()

        def call() -> None:
            deadline = time.monotonic() + 20
            while caller.connect_ex(("10.0.1.1", 5060)) and time.monotonic() < deadline:
                time.sleep(0.05)
            caller.sendall(invite(via="TCP 10.0.1.5;branch=z9hG4bKa1"))
            scene.callee.settimeout(20)
            assert scene.callee.recv(65535).startswith(b"INVITE ")
            os.kill(os.getpid(), signal.SIGTERM)

        with caller:
            calling = threading.Thread(target=call)
            calling.start()
            done = inject(built_in(*LISTEN, "tcp:10.0.1.1:5060"), ["p0", "p1"])
            calling.join()
        assert done.routed == {"by the R-URI": 1}


def test_it_routes_for_so_long() -> None:
    with three_machines():
        assert inject(built_in(LISTEN[0]), "p0", seconds=0.01).messages == {}
        assert inject(built_in(LISTEN[0]), ["p0", "p1"], seconds=0.01, bridge=True).messages == {}
