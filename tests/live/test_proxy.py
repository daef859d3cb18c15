"""The proxy on sockets of its own: what arrives is routed and leaves by the right socket; what cannot is counted."""

import asyncio
import logging
import time
from pathlib import Path

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live.pacing import MILLISECOND, SECOND, Lateness
from scapy_rr.live.proxy import LiveProxy
from scapy_rr.proxy import script_file
from scapy_rr.rr.listener import Listener
from scapy_rr.rr.module import RecordRouting

from .ends import Datagrams, answer, built_in, free_port, play, request


def test_a_request_and_its_response_over_udp() -> None:
    """With our Via on the way there, and without it on the way back."""
    port = free_port()
    router = built_in(f"udp:127.0.0.1:{port}")

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice, Datagrams() as bob:
            sent = request("INVITE", f"sip:bob@127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1")
            alice.send(sent, port)
            came = await bob.receive()
            assert came.startswith(
                f"INVITE sip:bob@127.0.0.1:{bob.port} SIP/2.0\r\nRecord-Route: <sip:127.0.0.1:{port};lr;ftag=a1>\r\n".encode()
            )
            assert came.count(b"Via: ") == 2
            bob.send(answer(came), port)
            back = await alice.receive()
            assert back == answer(sent).replace(b"Max-Forwards: 70", b"Max-Forwards: 69").replace(
                b"200 OK\r\n", f"200 OK\r\nRecord-Route: <sip:127.0.0.1:{port};lr;ftag=a1>\r\n".encode()
            )

    done = play(router, scene)
    assert (done.summary.messages, done.summary.routed) == ({"INVITE": 1, "response": 1}, {"by the R-URI": 1, "response": 1})
    assert (done.summary.left, done.counts) == ({}, {"dropped by the kernel": 0})


def test_how_long_messages_were_here() -> None:
    """From the kernel's time of their arrival, so that what waits while the proxy is at something else counts."""
    port, lateness = free_port(), Lateness(MILLISECOND)

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice:
            for number in range(3):
                alice.send(request("BYE", "sip:bob@192.0.2.1", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK{number}", to=";tag=b"), port)
            time.sleep(0.05)
            for _ in range(3):
                assert (await alice.receive()).startswith(b"SIP/2.0 404 Not here\r\n")

    done = play(built_in(f"udp:127.0.0.1:{port}"), scene, lateness)
    assert done.summary.routed == {"answered 404": 3}
    assert lateness.frames == 1
    assert 50 * MILLISECOND <= lateness.most < 10 * SECOND


def test_what_is_left_is_counted() -> None:
    """A keep-alive, what is no SIP, a request for ourselves; and the proxy goes on."""
    port = free_port()

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice, Datagrams() as bob:
            for data in (b"\r\n\r\n", b"\0\1", request("OPTIONS", f"sip:127.0.0.1:{port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1")):
                alice.send(data, port)
            alice.send(request("BYE", "sip:bob@127.0.0.1", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK2", to=";tag=b"), port)
            assert (await alice.receive()).startswith(b"SIP/2.0 404 Not here\r\n")
            alice.send(request("OPTIONS", f"sip:127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK3"), port)
            assert await bob.receive()

    done = play(built_in(f"udp:127.0.0.1:{port}"), scene)
    assert {reason: one.messages for reason, one in done.summary.left.items()} == {
        "keep-alives, and what is no SIP": 2,
        "next hop is ourselves": 1,
    }
    assert done.summary.routed == {"answered 404": 1, "by the R-URI": 1}


def test_what_the_kernel_refuses_is_counted() -> None:
    """A datagram that has grown longer than UDP can carry."""
    port = free_port()
    data = request("MESSAGE", "sip:bob@127.0.0.9", "UDP 127.0.0.1:9;branch=z9hG4bK1", body=bytes(65_250))

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice:
            alice.send(data, port)
            while not proxy.summary.left:
                await asyncio.sleep(0.01)

    assert {reason: one.detail for reason, one in play(built_in(f"udp:127.0.0.1:{port}"), scene).summary.left.items()} == {
        "not sent: Message too long": "udp:127.0.0.9:5060"
    }


@pytest.mark.parametrize(
    ("listen", "reason"),
    [
        ("udp:192.0.2.77:5060", "udp:192.0.2.77:5060: Cannot assign requested address"),
        ("tcp:192.0.2.77:5060", "tcp:192.0.2.77:5060: "),
        ("tls:127.0.0.1:5061", "tls:127.0.0.1:5061: run listens over udp and tcp, not over tls"),
    ],
)
def test_a_listener_that_cannot_be(listen: str, reason: str) -> None:
    """Then nothing stays open."""
    port = free_port()

    async def opened() -> None:
        proxy = LiveProxy(built_in(f"udp:127.0.0.1:{port}", listen))
        with pytest.raises(LiveError, match=reason.replace(".", r"\.")):
            await proxy.open()
        assert proxy.listeners == ()

    asyncio.run(opened())


def test_a_listener_comes_and_goes() -> None:
    ports = free_port(), free_port()

    async def scene(proxy: LiveProxy) -> None:
        other = Listener.parse(f"udp:127.0.0.1:{ports[1]}")
        await proxy.bind(other)
        assert {one.port for one in proxy.listeners} == set(ports)
        proxy.unbind(other)
        assert {one.port for one in proxy.listeners} == {ports[0]}

    play(built_in(f"udp:127.0.0.1:{ports[0]}"), scene)


def test_a_script_that_fails_is_told_of_once_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    port = free_port()
    (tmp_path / "script.py").write_text(
        "from scapy_rr import Router\nrouter = Router()\n\n@router.request_route\ndef route(req):\n"
        "    if req.is_method('INFO'):\n        req.nothing\n    req.relay()\n"
    )
    router = script_file.load(tmp_path / "script.py")
    router.rr = RecordRouting(listen=[f"udp:127.0.0.1:{port}"])

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice, Datagrams() as bob:
            for number, method in enumerate(("INFO", "INFO", "OPTIONS")):
                alice.send(request(method, f"sip:127.0.0.1:{bob.port}", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK{number}"), port)
            assert (await bob.receive()).startswith(b"OPTIONS ")

    with caplog.at_level(logging.ERROR):
        done = play(router, scene)
    assert done.summary.left["the script failed"].messages == 2
    assert len(caplog.records) == 1
    assert f'File "{tmp_path / "script.py"}", line 7' in caplog.text
