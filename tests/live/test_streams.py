"""TCP connections of a live proxy: whole messages, responses by their request's connection, back-off, bounds."""

import asyncio
import socket

import pytest

from scapy_rr.live import streams
from scapy_rr.live.proxy import LiveProxy

from .ends import Datagrams, answer, built_in, free_port, play, request


def listeners(port: int) -> tuple[str, str]:
    return f"udp:127.0.0.1:{port}", f"tcp:127.0.0.1:{port}"


async def message(reader: asyncio.StreamReader) -> bytes:
    """The next message without a body."""
    return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)


def test_from_tcp_to_udp_and_back_by_the_same_connection() -> None:
    """Whatever port its Via names: our own Via says which connection it was."""
    port = free_port(socket.SOCK_STREAM)

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as bob:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            sent = request("OPTIONS", f"sip:bob@127.0.0.1:{bob.port}", "TCP 127.0.0.1:9;branch=z9hG4bK1")
            # Byte by byte, with the next message's first bytes behind it.
            writer.write(sent[:30])
            await writer.drain()
            await asyncio.sleep(0.02)
            writer.write(sent[30:] + b"\r\n\r\n")
            came = await bob.receive()
            assert b";i=1\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\n" in came
            assert await asyncio.wait_for(reader.readexactly(2), 10) == b"\r\n"
            bob.send(answer(came), port)
            assert (await message(reader)).startswith(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK1\r\n")
            writer.close()
            await writer.wait_closed()

    done = play(built_in(*listeners(port)), scene)
    assert sum(done.summary.routed.values()) == 2


def test_to_tcp_by_one_connection_that_stays() -> None:
    """Requests that come before it is made wait for it; the peer's answers come by it."""
    port, came = free_port(socket.SOCK_STREAM), []

    async def scene(proxy: LiveProxy) -> None:
        connections = []

        async def bob(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            for _ in range(3):
                came.append(await message(reader))
                writer.write(answer(came[-1]))
            await writer.drain()

        server = await asyncio.start_server(bob, "127.0.0.1", 0)
        target = f"sip:bob@127.0.0.1:{server.sockets[0].getsockname()[1]};transport=tcp"
        with Datagrams() as alice:
            for number in range(3):
                alice.send(request("OPTIONS", target, f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK{number}"), port)
            answers = [await alice.receive() for _ in range(3)]
        assert [one.count(b"Via: ") for one in answers] == [1, 1, 1]
        assert len(connections) == 1
        connections[0].close()
        await connections[0].wait_closed()
        server.close()
        await server.wait_closed()

    play(built_in(*listeners(port)), scene)
    assert [one.splitlines()[1].startswith(b"Via: SIP/2.0/TCP 127.0.0.1:") for one in came] == [True] * 3


def test_a_peer_that_refuses_is_left_alone_for_a_while() -> None:
    port, nobody = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    async def scene(proxy: LiveProxy) -> None:
        with Datagrams() as alice:
            data = request("OPTIONS", f"sip:127.0.0.1:{nobody};transport=tcp", f"UDP 127.0.0.1:{alice.port};branch=z9hG4bK1")
            alice.send(data, port)
            while not proxy.streams.counts:
                await asyncio.sleep(0.01)
            alice.send(data, port)
            while len(proxy.streams.counts) < 3:
                await asyncio.sleep(0.01)

    counts = play(built_in(*listeners(port)), scene).streams.counts
    assert counts == {
        "connections refused or not answered": 1,
        "messages dropped: no connection to the next hop": 1,
        "messages dropped: the next hop refused a connection just now": 1,
    }


def test_what_is_no_sip_closes_the_connection() -> None:
    port = free_port(socket.SOCK_STREAM)

    async def scene(proxy: LiveProxy) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()
        await writer.wait_closed()

    assert play(built_in(*listeners(port)), scene).streams.counts == {"connections closed for what is no SIP": 1}


def test_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one unused for longest goes; those that are idle for long go, too."""
    port = free_port(socket.SOCK_STREAM)
    monkeypatch.setattr(streams, "MOST", 2)

    async def scene(proxy: LiveProxy) -> None:
        proxy.streams._most = 2
        ends = []
        for number in range(3):
            ends.append(await asyncio.open_connection("127.0.0.1", port))
            while len(proxy.streams) + proxy.streams.counts["connections closed for newer ones"] <= number:
                await asyncio.sleep(0.01)
        assert await asyncio.wait_for(ends[0][0].read(), 10) == b""
        assert len(proxy.streams) == 2
        proxy.streams.close_idle(longest=-1)
        assert await asyncio.wait_for(ends[1][0].read(), 10) == await asyncio.wait_for(ends[2][0].read(), 10) == b""
        for _, writer in ends:
            writer.close()
            await writer.wait_closed()

    assert play(built_in(*listeners(port)), scene).streams.counts["connections closed for newer ones"] == 1
