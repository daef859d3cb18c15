"""The proxy at layer 2: what comes in frames leaves by connections, and the other way round; both have one router and one summary."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live import ways
from scapy_rr.live.frames import FrameProxy
from scapy_rr.live.mixed import MixedProxy
from scapy_rr.live.proxy import LiveProxy
from scapy_rr.live.work import work
from scapy_rr.proxy.router import Router

from .ends import answer, play_with, request
from .network import Host
from .scene import LISTEN, Scene, built_in, invite, three_machines

BOTH = [*LISTEN, "tcp:10.0.1.1:5060", "tcp:10.0.2.1:5060"]
OVER_TCP = "TCP 10.0.1.5;branch=z9hG4bKa1"


@pytest.fixture
def scene() -> Iterator[Scene]:
    """The machines."""
    with three_machines() as made:
        yield made


async def connect(host: Host, address: str, port: int = 5060) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection from a machine."""
    with host.entered():
        made = socket.socket()
    made.setblocking(False)
    await asyncio.get_running_loop().sock_connect(made, (address, port))
    return await asyncio.open_connection(sock=made)


async def message(reader: asyncio.StreamReader) -> bytes:
    """The next message without a body."""
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)


async def datagram(end: socket.socket) -> bytes:
    """The next datagram."""
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(end, 65535), 10)


def test_from_a_connection_into_frames_and_back(scene: Scene) -> None:
    router = built_in(*BOTH)

    async def played(proxy: LiveProxy) -> None:
        reader, writer = await connect(scene.caller_host, "10.0.1.1")
        writer.write(invite(via=OVER_TCP))
        came = await datagram(scene.callee)
        assert b"Record-Route: <sip:10.0.2.1;r2=on;lr;ftag=a1>\r\nRecord-Route: <sip:10.0.1.1;transport=tcp;r2=on;lr;ftag=a1>\r\n" in came
        scene.callee.sendto(answer(came), ("10.0.2.1", 5060))
        back = await message(reader)
        assert back.startswith(b"SIP/2.0 200 OK\r\n")
        assert f"\r\nVia: SIP/2.0/{OVER_TCP}\r\n".encode() in back
        writer.close()
        await writer.wait_closed()

    with scene.start(router) as frames:
        done = play_with(MixedProxy(router, frames), played)
    assert (done.summary.messages, done.summary.left) == ({"INVITE": 1, "response": 1}, {})
    assert (done.counts["frames sent"], len(router.transactions)) == (1, len(done.router.transactions))


def test_from_frames_to_a_connection_and_back(scene: Scene) -> None:
    """The connection is one of the send listener's address."""
    router = built_in(*BOTH)
    with scene.callee_host.entered():
        server = socket.create_server(("10.0.2.9", 5060))

    async def played(proxy: LiveProxy) -> None:
        server.setblocking(False)
        scene.caller.sendto(invite("sip:bob@10.0.2.9;transport=tcp"), ("10.0.1.1", 5060))
        connection, (source, _) = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(server), 10)
        assert source == "10.0.2.1"
        reader, writer = await asyncio.open_connection(sock=connection)
        came = await message(reader)
        assert b"\r\nVia: SIP/2.0/TCP 10.0.2.1:5060;branch=" in came
        writer.write(answer(came))
        assert (await datagram(scene.caller)).startswith(b"SIP/2.0 200 OK\r\n")
        assert len(proxy.streams) == 1
        writer.close()
        await writer.wait_closed()

    with server, scene.start(router) as frames:
        done = play_with(MixedProxy(router, frames), played)
    assert (done.summary.messages, done.summary.left) == ({"INVITE": 1, "response": 1}, {})
    assert done.counts["frames sent"] == 1


def test_who_refuses_a_connection_is_counted(scene: Scene) -> None:
    router = built_in(*BOTH)

    async def played(proxy: LiveProxy) -> None:
        scene.caller.sendto(invite("sip:bob@10.0.2.9;transport=tcp"), ("10.0.1.1", 5060))
        while "connections refused or not answered" not in proxy.counts:
            await asyncio.sleep(0.01)

    with scene.start(router) as frames:
        done = play_with(MixedProxy(router, frames), played)
    assert done.counts["messages dropped: no connection to the next hop"] == 1


@pytest.mark.parametrize("transport", ["sctp", "ws"])
def test_what_neither_can_do_is_counted(scene: Scene, transport: str) -> None:
    """Listeners of other transports are what is me, and no more."""
    router = built_in(*BOTH, "sctp:10.0.2.1:5060", "ws:10.0.2.1:80")

    async def played(proxy: LiveProxy) -> None:
        _, writer = await connect(scene.caller_host, "10.0.1.1")
        writer.write(invite(f"sip:bob@10.0.2.9;transport={transport}", OVER_TCP))
        while not proxy.summary.left:
            await asyncio.sleep(0.01)
        writer.close()
        await writer.wait_closed()

    with scene.start(router) as frames:
        (reason,) = play_with(MixedProxy(router, frames), played).summary.left
    assert reason == f"not sent: no socket for {transport}"


def test_an_address_of_nobody_here_is_not_listened_at(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """What comes there in frames is routed all the same."""
    router = built_in(*LISTEN, "udp:10.9.9.9:5060", "tcp:10.9.9.9:5060", "tcp:10.0.1.1:5060")

    async def played(proxy: LiveProxy) -> None:
        _, writer = await connect(scene.caller_host, "10.0.1.1")
        writer.close()
        await writer.wait_closed()

    with scene.start(router) as frames, caplog.at_level(logging.WARNING):
        play_with(MixedProxy(router, frames), played)
    assert caplog.messages == ["tcp:10.9.9.9:5060 is no address of this machine: nobody is answered there over TCP"]


def test_where_somebody_listens_over_tcp_it_does_not_begin(scene: Scene) -> None:
    router = built_in(*BOTH)

    async def played(proxy: LiveProxy) -> None:
        raise AssertionError("it is open")

    with socket.create_server(("10.0.2.1", 5060)), scene.start(router) as frames:
        with pytest.raises(LiveError, match=r"^tcp:10.0.2.1:5060: .*address already in use"):
            play_with(MixedProxy(router, frames), played)
        assert frames.step(0) == 0


def working(scene: Scene, make: Callable[[], Router], *steps: Callable[[MixedProxy], bool]) -> MixedProxy:
    """Let it work; ``steps`` are done one after the other, each when the one before is true, and a signal ends it."""
    router = make()

    async def played() -> MixedProxy:
        async def script() -> None:
            for step in steps:
                while not step(proxy):
                    await asyncio.sleep(0.01)
            os.kill(os.getpid(), signal.SIGTERM)

        acting = asyncio.ensure_future(script())
        await asyncio.wait_for(work(proxy, make), 30)
        await acting
        return proxy

    with scene.start(router) as frames:
        proxy = MixedProxy(router, frames)
        return asyncio.run(played())


def accepts(scene: Scene, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with scene.caller_host.entered(), socket.socket() as made:
        made.settimeout(1)
        return made.connect_ex(("10.0.1.1", port)) == 0


@pytest.mark.parametrize("taken", [False, True])
def test_another_configuration_is_for_both_or_none(scene: Scene, taken: bool, caplog: pytest.LogCaptureFixture) -> None:
    ports = [5060]

    def make() -> Router:
        return built_in(*(one.replace("5060", str(ports[-1])) for one in BOTH))

    def change(proxy: MixedProxy) -> bool:
        if not accepts(scene, 5060):
            return False
        ports.append(5080)
        os.kill(os.getpid(), signal.SIGHUP)
        return True

    def changed(proxy: MixedProxy) -> bool:
        return "SIGHUP" in caplog.text

    def routes(proxy: MixedProxy) -> bool:
        assert accepts(scene, 5060) is taken
        assert taken or accepts(scene, 5080)
        scene.caller.sendto(invite(), ("10.0.1.1", 5060 if taken else 5080))
        return True

    def routed(proxy: MixedProxy) -> bool:
        return bool(proxy.summary.routed)

    server = socket.create_server(("10.0.2.1", 5080 if taken else 5090))
    with server, caplog.at_level(logging.WARNING):
        working(scene, make, change, changed, routes, routed)
    assert ("the old configuration stays: tcp:10.0.2.1:5080" in caplog.text) is taken
    scene.callee.settimeout(10)
    assert (b"Via: SIP/2.0/UDP 10.0.2.1:5060" if taken else b"Via: SIP/2.0/UDP 10.0.2.1:5080") in scene.callee.recv(65535)


def test_a_signal_ends_it_when_what_came_is_routed(scene: Scene) -> None:
    """In its last steps, over TCP, too."""
    with scene.callee_host.entered():
        server = socket.create_server(("10.0.2.9", 5060))

    def come(proxy: MixedProxy) -> bool:
        if not accepts(scene, 5060):
            return False
        scene.caller.sendto(request("OPTIONS", "sip:10.0.2.9;transport=tcp", "UDP 10.0.1.5;branch=z9hG4bK1"), ("10.0.1.1", 5060))
        return True

    with server:
        done = working(scene, lambda: built_in(*BOTH), come)
        server.settimeout(10)
        connection, _ = server.accept()
        with connection:
            assert connection.recv(65535).startswith(b"OPTIONS ")
    assert done.summary.routed == {"by the R-URI": 1}


def test_neighbours_are_asked_again_where_nothing_comes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "_ASK_AGAIN", 0.01)
    router = built_in(*BOTH)

    async def played(proxy: LiveProxy) -> None:
        stop = asyncio.Event()
        scene.caller.sendto(invite("sip:bob@10.0.2.77"), ("10.0.1.1", 5060))
        serving = asyncio.ensure_future(proxy.serve(stop))
        while ways.NO_ANSWER not in proxy.summary.left:
            await asyncio.sleep(0.01)
        stop.set()
        await serving

    with scene.start(router) as frames:
        play_with(MixedProxy(router, frames), played)


def test_what_the_system_reports_of_an_interface_ends_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def step(proxy: FrameProxy, timeout: float) -> int:
        raise LiveError("p0: that is no more")

    router = built_in(*BOTH)
    with scene.start(router) as frames:
        with monkeypatch.context() as patched, pytest.raises(LiveError, match=r"^p0: that is no more$"):
            patched.setattr(FrameProxy, "step", step)
            patched.setattr(FrameProxy, "finish", lambda proxy: None)
            scene.caller.sendto(invite(), ("10.0.1.1", 5060))
            asyncio.run(asyncio.wait_for(work(MixedProxy(router, frames)), 30))
        assert not accepts(scene, 5060)
