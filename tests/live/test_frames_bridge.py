"""A bridge: SIP for a listener is routed, and everything else passes to the other side as it came."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scapy_rr.live.mixed import MixedProxy
from scapy_rr.live.proxy import LiveProxy
from scapy_rr.live.raw import RawSocket

from ..conftest import need
from .ends import answer, play_with
from .network import Dump, ping
from .scene import EVERYBODY, LISTEN, Scene, Working, built_in, invite, receive, three_machines, work


@pytest.fixture
def bridge() -> Iterator[Scene]:
    """One network, with the bridge between two machines in it; one side alone has an address."""
    with three_machines() as scene:
        scene.proxy.ip("addr del 10.0.2.1/24 dev p1")
        scene.callee_host.ip("addr add 10.0.1.9/24 dev d0")
        scene.callee = scene.callee_host.udp("10.0.1.9", 5060)
        scene.callee.setblocking(False)
        yield scene


def test_over_a_bridge_sip_for_a_listener_is_routed(bridge: Scene) -> None:
    """The side where the callee is found is the one that answers."""
    with bridge.start(built_in(LISTEN[0]), bridge=True) as proxy:
        bridge.caller.sendto(invite("sip:bob@10.0.1.9"), ("10.0.1.1", 5060))
        invited = receive(proxy, bridge.callee)
        assert b"Record-Route: <sip:10.0.1.1;lr;" in invited
        bridge.callee.sendto(answer(invited), ("10.0.1.1", 5060))
        assert receive(proxy, bridge.caller).startswith(b"SIP/2.0 200 OK")
        bridge.caller.sendto(invite("sip:bob@10.0.1.9", body=b"x" * 4000), ("10.0.1.1", 5060))
        assert receive(proxy, bridge.callee).endswith(b"x" * 4000)
        assert proxy.summary.left == {}


def test_over_a_bridge_tcp_for_a_listener_leaves_in_frames(bridge: Scene) -> None:
    """It comes by the side that the kernel's address is on."""
    router = built_in(LISTEN[0], "tcp:10.0.1.1:5060")

    async def played(proxy: LiveProxy) -> None:
        loop = asyncio.get_running_loop()
        with bridge.caller_host.entered():
            caller = socket.socket()
        with caller:
            caller.setblocking(False)
            await loop.sock_connect(caller, ("10.0.1.1", 5060))
            await loop.sock_sendall(caller, invite("sip:bob@10.0.1.9", "TCP 10.0.1.5;branch=z9hG4bKa1"))
            invited = await asyncio.wait_for(loop.sock_recv(bridge.callee, 65535), 10)
            bridge.callee.sendto(answer(invited), ("10.0.1.1", 5060))
            assert (await asyncio.wait_for(loop.sock_recv(caller, 65535), 10)).startswith(b"SIP/2.0 200 OK")

    with bridge.start(router, bridge=True) as frames:
        assert play_with(MixedProxy(router, frames), played).summary.left == {}


def test_over_a_bridge_all_else_passes_untouched(bridge: Scene, tmp_path: Path) -> None:
    """ARP, ICMP, UDP in fragments and not, TCP in segments that are still to be cut, and SIP for others."""
    tcpdump = need("tcpdump")
    near = Dump(tcpdump, bridge.proxy, "p0", tmp_path / "near.pcap", "not ip6 and not (ip and host 10.0.1.1)")
    far = Dump(tcpdump, bridge.proxy, "p1", tmp_path / "far.pcap", "not ip6 and not (ip and host 10.0.1.1)")
    with near, far, Working(bridge, bridge.start(built_in(LISTEN[0]), bridge=True)) as proxy:
        assert ping(bridge.caller_host, "10.0.1.9")[-4:] == b"echo"
        for message in (invite(), b"not SIP", b"x" * 5000):
            bridge.caller.sendto(message, ("10.0.1.9", 5060))
            bridge.callee.settimeout(10)
            assert bridge.callee.recv(65535) == message
        with bridge.callee_host.entered():
            server = socket.create_server(("10.0.1.9", 8000))
        with bridge.caller_host.entered():
            client = socket.create_connection(("10.0.1.9", 8000), timeout=20)
        served, _ = server.accept()
        stream = bytes(range(256)) * 4000
        sending = threading.Thread(target=client.sendall, args=(stream,))
        sending.start()
        got = b""
        while len(got) < len(stream) and (chunk := served.recv(1 << 20)):
            got += chunk
        sending.join()
        assert got == stream
        for one in (client, served, server):
            one.close()
    lines = near.lines("-e -x not tcp"), far.lines("-e -x not tcp")
    assert sorted(lines[0]) == sorted(lines[1])
    for seen in ("ethertype ARP", "ICMP echo request", "SIP: INVITE", "ip-proto-17"):
        assert any(seen in line for line in lines[0]), seen
    assert proxy.summary.routed.total() == 0
    assert proxy.counts["passed to the other side"] > 20


def test_over_a_bridge_fragments_for_nobody_of_ours_pass_as_they_came(bridge: Scene) -> None:
    """Those to a listener's address are held until it is known whether they are SIP."""
    with bridge.caller_host.entered(), bridge.callee_host.entered():
        wire = RawSocket("d0", "udp or (ip[6:2] & 0x1fff != 0)")
    with bridge.start(built_in("udp:10.0.1.9:5060"), bridge=True) as proxy:
        bridge.caller.sendto(b"x" * 3000, ("10.0.1.9", 5060))
        assert receive(proxy, bridge.callee) == b"x" * 3000
        assert proxy.counts["passed to the other side"] >= 3
    frames = [got.frame for got in iter(wire.receive, None)]
    assert [frame[20:22] for frame in frames] == [b"\x20\x00", b"\x20\xb9", b"\x01\x72"]
    wire.close()


def test_over_a_bridge_what_is_for_this_machine_or_from_it_does_not_pass(bridge: Scene) -> None:
    with bridge.caller_host.entered():
        wire = RawSocket("c0")
    with bridge.start(built_in(LISTEN[0]), bridge=True) as proxy:
        macs = [one.mac for one in proxy._links.sockets]
        for mac in macs:
            wire.send(mac + wire.mac + b"\x12\x34" + bytes(50))
            wire.send(wire.mac + mac + b"\x12\x34" + bytes(50))
        work(proxy, lambda: proxy.counts.get("not passed: for this machine") == 2)
        work(proxy, lambda: proxy.counts.get("not passed: our own frames that came back") == 2)
    wire.close()


def test_over_a_bridge_with_one_side_down(bridge: Scene) -> None:
    with bridge.caller_host.entered():
        wire = RawSocket("c0")
    with bridge.start(built_in(LISTEN[0]), bridge=True) as proxy:
        bridge.proxy.ip("link set p1 down")
        wire.send(EVERYBODY + wire.mac + b"\x12\x34" + bytes(50))
        work(proxy, lambda: any(what.startswith("not passed: ") for what in proxy.counts))
    wire.close()
