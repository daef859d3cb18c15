"""``scapy-rr run``, as a process of its own: what it says, and how it ends."""

import asyncio
import json
import os
import signal
import socket
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from .command import Command, start
from .live.ends import Datagrams, free_port, request
from .live.scene import LISTEN, invite, three_machines


def test_it_routes_and_says_at_the_end_what_it_did() -> None:
    port = free_port()
    with Datagrams() as alice, Datagrams() as bob, start("run", "--listen", f"udp:127.0.0.1:{port}", "--json") as process:
        data = request("OPTIONS", f"sip:127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1")
        _until_it_listens(port)
        alice.send(data, port)
        with closing(socket.socket(fileno=os.dup(bob._socket.fileno()))) as end:
            end.settimeout(20)
            assert end.recv(65535).startswith(b"OPTIONS ")
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    told = json.loads(out)
    assert told["routed"] == {"by the R-URI": 1}
    assert told["counts"] == {}


def test_metrics_are_served_meanwhile() -> None:
    """How long messages were here is among them."""
    port, web = free_port(), free_port(socket.SOCK_STREAM)
    options = ("--listen", f"udp:127.0.0.1:{port}", "--metrics", f"127.0.0.1:{web}")
    with Datagrams() as alice, Datagrams() as bob, start("run", *options) as process:
        _until_it_listens(port)
        alice.send(request("OPTIONS", f"sip:127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1"), port)
        asyncio.run(bob.receive())
        text, deadline = "", time.monotonic() + 20
        # It is counted when the message has left.
        while "scapy_rr_lateness_seconds_count 1.0" not in text and time.monotonic() < deadline:
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=10) as served:
                text = served.read().decode()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert 'scapy_rr_messages_received_total{method="OPTIONS"} 1.0' in text
    assert "scapy_rr_lateness_seconds_count 1.0" in text
    assert "scapy_rr_dropped_by_the_kernel 0.0" in text


def test_frames_and_connections_are_counted_together() -> None:
    options = [word for one in (*LISTEN, "tcp:10.0.1.1:5060") for word in ("--listen", one)]
    with three_machines() as scene:
        with scene.caller_host.entered():
            caller = socket.socket()
        with caller, start("run", "--inject", "frame", "--iface", "p0", "--iface", "p1", *options, "--json") as process:
            deadline = time.monotonic() + 20
            while caller.connect_ex(("10.0.1.1", 5060)) and time.monotonic() < deadline:
                time.sleep(0.05)
            caller.sendall(invite(via="TCP 10.0.1.5;branch=z9hG4bK1"))
            scene.caller.sendto(invite(via="UDP 10.0.1.5;branch=z9hG4bK2"), ("10.0.1.1", 5060))
            scene.callee.settimeout(20)
            assert {scene.callee.recv(65535)[:7] for _ in range(2)} == {b"INVITE "}
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    told = json.loads(out)
    assert (told["by_method"], told["routed"]) == ({"INVITE": 2}, {"by the R-URI": 2})
    assert told["counts"] == {"frames sent": 2}


def _until_it_listens(port: int) -> None:
    """Wait until somebody has the port."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.05)
    pytest.fail("it does not listen")


def test_for_some_seconds(command: Command) -> None:
    done = command("run", "--listen", f"udp:127.0.0.1:{free_port()}", "--for", "0.1")
    assert (done.code, done.lines[0]) == (0, "0 frames")


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--listen", "udp:192.0.2.77:5060"), "udp:192.0.2.77:5060: Cannot assign requested address"),
        (("--listen", "udp:127.0.0.1:5060", "--inject", "air"), "--inject is one of socket, frame, not 'air'"),
        (("--listen", "udp:127.0.0.1:5060", "--metrics", "x"), "--metrics 'x' is not ADDRESS:PORT"),
        (("--iface", "eth77"), "no interface 'eth77'"),
    ],
)
def test_what_cannot_be(command: Command, options: tuple[str, ...], reason: str) -> None:
    done = command("run", *options, "--for", "0")
    assert done.code == 2
    assert reason in done.err


def test_a_script_that_fails_ends_it_with_its_line(tmp_path: Path, command: Command) -> None:
    (tmp_path / "broken.py").write_text("from scapy_rr import Router\nrouter = Router()\nrouter.nothing\n")
    done = command("run", "--script", tmp_path / "broken.py", "--listen", "udp:127.0.0.1:5060")
    assert done.code == 2
    assert f'File "{tmp_path / "broken.py"}", line 3' in done.err
