"""Whole frames routed between networks: with the right addresses, cut where they must be, and nobody hears of it but whom it is for."""

import selectors
import socket
import subprocess
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError, LiveError
from scapy_rr.live import lab
from scapy_rr.live.frames import CAME_BACK, NO_SIP, NOT_UDP, TOO_LONG, FrameProxy, bpf_for
from scapy_rr.live.guard import Guard
from scapy_rr.live.pacing import MILLISECOND, SECOND, Lateness
from scapy_rr.live.proxy import SCRIPT_FAILED
from scapy_rr.live.raw import OTHER_HOST, RawSocket, Received
from scapy_rr.live.ways import NO_ANSWER, NOT_GIVEN, OURSELVES
from scapy_rr.proxy import outcome as becomes
from scapy_rr.proxy import script_file
from scapy_rr.proxy.outcome import Sent
from scapy_rr.rr.listener import Listener
from scapy_rr.rr.module import RecordRouting
from scapy_rr.wire.reassembly import Reassembler

from ..capture.samples import frame
from ..conftest import need
from .ends import answer, request
from .network import Dump
from .scene import CALLER, EVERYBODY, LISTEN, Scene, Working, built_in, idle, invite, receive, silent, three_machines, work

# linux/in.h
_MTU_DISCOVER, _DONT = 10, 0
NO_NOISE = "not ip6 and not arp"


@pytest.fixture
def scene() -> Iterator[Scene]:
    """The machines."""
    with three_machines() as made:
        yield made


def test_a_call_between_two_networks(scene: Scene, tmp_path: Path) -> None:
    """INVITE, 180, 200, ACK and BYE, with nothing on either cable but them: no ICMP says that nobody listens."""
    tcpdump = need("tcpdump")
    near = Dump(tcpdump, scene.proxy, "p0", tmp_path / "near.pcap", NO_NOISE)
    far = Dump(tcpdump, scene.proxy, "p1", tmp_path / "far.pcap", NO_NOISE)
    with near, far, scene.start() as proxy:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        invited = receive(proxy, scene.callee)
        assert b"Record-Route: <sip:10.0.2.1;r2=on;lr;" in invited
        assert invited.count(b"\r\nVia: ") == 2
        for line in ("180 Ringing", "200 OK"):
            scene.callee.sendto(answer(invited, line), ("10.0.2.1", 5060))
            answered = receive(proxy, scene.caller)
            assert answered.startswith(b"SIP/2.0 " + line.encode())
            assert answered.count(b"\r\nVia: ") == 1
        route = "Route: <sip:10.0.1.1;r2=on;lr>, <sip:10.0.2.1;r2=on;lr>"
        for method in ("ACK", "BYE"):
            via = f"UDP 10.0.1.5;branch=z9hG4bK{method};rport"
            scene.caller.sendto(request(method, "sip:bob@10.0.2.9", via, route, to=";tag=b2"), ("10.0.1.1", 5060))
            arrived = receive(proxy, scene.callee)
            assert arrived.startswith(method.encode())
            assert b"\r\nRoute:" not in arrived
        idle(proxy)
    assert near.lines() == [
        "IP 10.0.1.5.5060 > 10.0.1.1.5060: SIP: INVITE sip:bob@10.0.2.9 SIP/2.0",
        "IP 10.0.1.1.5060 > 10.0.1.5.5060: SIP: SIP/2.0 180 Ringing",
        "IP 10.0.1.1.5060 > 10.0.1.5.5060: SIP: SIP/2.0 200 OK",
        "IP 10.0.1.5.5060 > 10.0.1.1.5060: SIP: ACK sip:bob@10.0.2.9 SIP/2.0",
        "IP 10.0.1.5.5060 > 10.0.1.1.5060: SIP: BYE sip:bob@10.0.2.9 SIP/2.0",
    ]
    assert far.lines() == [
        "IP 10.0.2.1.5060 > 10.0.2.9.5060: SIP: INVITE sip:bob@10.0.2.9 SIP/2.0",
        "IP 10.0.2.9.5060 > 10.0.2.1.5060: SIP: SIP/2.0 180 Ringing",
        "IP 10.0.2.9.5060 > 10.0.2.1.5060: SIP: SIP/2.0 200 OK",
        "IP 10.0.2.1.5060 > 10.0.2.9.5060: SIP: ACK sip:bob@10.0.2.9 SIP/2.0",
        "IP 10.0.2.1.5060 > 10.0.2.9.5060: SIP: BYE sip:bob@10.0.2.9 SIP/2.0",
    ]
    assert proxy.summary.messages == {"INVITE": 1, "response": 2, "ACK": 1, "BYE": 1}
    assert (proxy.summary.left, proxy.counts["frames sent"]) == ({}, 5)


def test_macs_and_addresses_are_those_of_the_way(scene: Scene) -> None:
    with scene.callee_host.entered():
        wire = RawSocket("d0", "udp")
    with scene.start() as proxy:
        macs = {one.name: one.mac for one in proxy._links.sockets}
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)
    got = wire.receive()
    assert got is not None
    assert got.frame[:14] == wire.mac + macs["p1"] + b"\x08\x00"
    # The time to live is that of the frame that came.
    assert (got.frame[22], got.frame[26:34]) == (64, bytes([10, 0, 2, 1, 10, 0, 2, 9]))
    wire.close()


def test_over_ipv6(scene: Scene) -> None:
    for host, name, address in (
        (scene.caller_host, "c0", "2001:db8:1::5"),
        (scene.proxy, "p0", "2001:db8:1::1"),
        (scene.proxy, "p1", "2001:db8:2::1"),
        (scene.callee_host, "d0", "2001:db8:2::9"),
    ):
        host.ip(f"addr add {address}/64 dev {name} nodad")
    caller, callee = scene.caller_host.udp("2001:db8:1::5", 5060), scene.callee_host.udp("2001:db8:2::9", 5060)
    caller.setblocking(False)
    callee.setblocking(False)
    with scene.start(built_in("udp:[2001:db8:1::1]:5060", "udp:[2001:db8:2::1]:5060")) as proxy:
        caller.sendto(invite("sip:bob@[2001:db8:2::9]", "UDP [2001:db8:1::5]:5060;branch=z9hG4bKa1"), ("2001:db8:1::1", 5060))
        invited = receive(proxy, callee)
        callee.sendto(answer(invited), ("2001:db8:2::1", 5060))
        assert receive(proxy, caller).startswith(b"SIP/2.0 200 OK")
        assert proxy.summary.left == {}


def test_on_one_interface_it_leaves_as_it_came(scene: Scene) -> None:
    scene.caller_host.ip("addr add 10.0.1.6/24 dev c0")
    other = scene.caller_host.udp("10.0.1.6", 5060)
    other.setblocking(False)
    with scene.start(built_in(LISTEN[0]), "p0") as proxy:
        scene.caller.sendto(invite("sip:bob@10.0.1.6"), ("10.0.1.1", 5060))
        assert b"Record-Route: <sip:10.0.1.1;lr;" in receive(proxy, other)


def test_to_a_mac_address_of_the_table_nobody_is_asked(scene: Scene, tmp_path: Path) -> None:
    tcpdump = need("tcpdump")
    mac = bytes.fromhex("020000000009")
    far, table = Dump(tcpdump, scene.proxy, "p1", tmp_path / "far.pcap", "not ip6"), {socket.inet_aton("10.0.2.9"): mac}
    with far, scene.start(table=table) as proxy:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        work(proxy, lambda: proxy.counts.get("frames sent"))
        idle(proxy)
    (line,) = far.lines("-e")
    assert "> 02:00:00:00:00:09, ethertype IPv4" in line
    assert silent(scene.callee)


def test_nobody_answers_who_has_the_next_hop(scene: Scene) -> None:
    with scene.start() as proxy:
        scene.caller.sendto(invite("sip:bob@10.0.2.77"), ("10.0.1.1", 5060))
        work(proxy, lambda: NO_ANSWER in proxy.summary.left)
        assert (proxy.summary.left[NO_ANSWER].detail, proxy.counts.get("frames sent")) == ("10.0.2.77", None)
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)


@pytest.mark.parametrize(
    ("target", "reason", "detail"),
    [
        ("sip:bob@10.0.1.1", becomes.OURSELVES, "udp:10.0.1.1:5060 is a listener of ours"),
        ("sip:bob@10.0.1.1:5070", OURSELVES, "udp:10.0.1.1:5070"),
        ("sip:bob@192.0.2.1", NOT_GIVEN, "udp:192.0.2.1:5060"),
        ("sip:bob@10.0.2.9;transport=tcp", NOT_UDP, "tcp:10.0.2.9:5060"),
        (
            "sip:bob@[2001:db8::9]",
            "no listener of the next hop's transport and family",
            "nothing of ours can send to udp:[2001:db8::9]:5060",
        ),
    ],
)
def test_what_does_not_leave_is_told(scene: Scene, target: str, reason: str, detail: str) -> None:
    with scene.start(built_in(*LISTEN, "tcp:10.0.2.1:5060")) as proxy:
        scene.caller.sendto(invite(target), ("10.0.1.1", 5060))
        work(proxy, lambda: proxy.summary.left)
        assert [(why, one.detail) for why, one in proxy.summary.left.items()] == [(reason, detail)]
        assert "frames sent" not in proxy.counts


def test_what_leaves_over_tcp_is_somebody_elses_to_send(scene: Scene) -> None:
    sent: list[Sent] = []
    with scene.start(built_in(*LISTEN, "tcp:10.0.2.1:5060")) as proxy:
        proxy.send_otherwise = sent.append
        scene.caller.sendto(invite("sip:bob@10.0.2.9;transport=tcp"), ("10.0.1.1", 5060))
        work(proxy, lambda: sent)
        assert str(sent[0].next_hop) == "tcp:10.0.2.9:5060"
        assert proxy.summary.left == {}


@pytest.mark.parametrize("version", [4, 6])
def test_what_came_otherwise_leaves_in_a_frame(scene: Scene, version: int) -> None:
    """As what came over TCP."""
    if version == 6:
        scene.proxy.ip("addr add 2001:db8::1/64 dev p1 nodad")
        scene.callee_host.ip("addr add 2001:db8::9/64 dev d0 nodad")
    here, there = ("10.0.2.1", "10.0.2.9") if version == 4 else ("[2001:db8::1]", "[2001:db8::9]")
    callee = scene.callee if version == 4 else scene.callee_host.udp("2001:db8::9", 5060)
    callee.setblocking(False)
    router = built_in(f"tcp:{here}:5060", f"udp:{here}:5060")
    outcome = router.handle(invite(f"sip:bob@{there}", body=b"x" * 3000), f"tcp:{here}:5060", "10.0.1.5:5060")
    with scene.start(router) as proxy:
        proxy.send(outcome.sent[0])
        assert receive(proxy, callee) == outcome.sent[0].payload
        assert proxy.counts["frames sent"] == 3
        proxy.send(outcome.sent[0]._replace(payload=bytes(65530)))
        assert list(proxy.summary.left) == [TOO_LONG]


def test_another_loop_is_told_of_frames(scene: Scene) -> None:
    with scene.start() as proxy, selectors.DefaultSelector() as waiting:
        waiting.register(proxy, selectors.EVENT_READ)
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        while silent(scene.callee):
            assert waiting.select(10)
            proxy.step(0)


def test_a_reply_that_would_go_to_ourselves_is_not_sent(scene: Scene) -> None:
    """Somebody writes our address as his own."""
    with scene.caller_host.entered():
        wire = RawSocket("c0")
    forged = frame(invite().replace(b"Max-Forwards: 70", b"Max-Forwards: 0"), ("10.0.2.1", 5060), ("10.0.1.1", 5060))
    with scene.start() as proxy:
        wire.send(EVERYBODY + forged[6:])
        work(proxy, lambda: proxy.summary.left)
        assert list(proxy.summary.left) == [OURSELVES]
    wire.close()


def big(size: int, target: str = "sip:bob@10.0.2.9") -> bytes:
    """An INVITE of so many bytes."""
    small = invite(target)
    return small.replace(b"Content-Length: 0", b"Content-Length: %4d" % (size - len(small) - 3)) + b"x" * (size - len(small) - 3)


def test_fragments_are_put_together_and_made(scene: Scene, tmp_path: Path) -> None:
    tcpdump = need("tcpdump")
    with Dump(tcpdump, scene.proxy, "p1", tmp_path / "far.pcap", NO_NOISE) as far, scene.start() as proxy:
        scene.caller.sendto(big(4000), ("10.0.1.1", 5060))
        invited = receive(proxy, scene.callee)
        assert invited.endswith(b"x" * 3500)
        assert len(invited) > 4100
        idle(proxy)
    assert len(far.lines()) == 3
    assert proxy.counts["frames sent"] == 3
    assert proxy.summary.messages == {"INVITE": 1}


def test_fragments_of_ipv6(scene: Scene) -> None:
    for host, name, address in ((scene.caller_host, "c0", "2001:db8:1::5"), (scene.proxy, "p0", "2001:db8:1::1")):
        host.ip(f"addr add {address}/64 dev {name} nodad")
    caller = scene.caller_host.udp("2001:db8:1::5", 5060)
    caller.setblocking(False)
    with scene.start(built_in("udp:[2001:db8:1::1]:5060")) as proxy:
        caller.sendto(big(4000, "sip:bob@[2001:db8:1::5]"), ("2001:db8:1::1", 5060))
        assert receive(proxy, caller).endswith(b"x" * 3500)


def test_what_grows_past_the_mtu_is_cut_unless_it_must_not_be(scene: Scene) -> None:
    """Linux forbids it for every datagram that fits, unless it is told not to."""
    with scene.start() as proxy:
        scene.caller.sendto(big(1460), ("10.0.1.1", 5060))
        work(proxy, lambda: proxy.summary.left)
        assert list(proxy.summary.left) == [TOO_LONG]
        assert "the MTU is 1500" in proxy.summary.left[TOO_LONG].detail
        scene.caller.setsockopt(socket.IPPROTO_IP, _MTU_DISCOVER, _DONT)
        scene.caller.sendto(big(1460), ("10.0.1.1", 5060))
        assert len(receive(proxy, scene.callee)) > 1500
        assert proxy.counts["frames sent"] == 2


def test_fragments_that_never_become_whole_are_counted(scene: Scene) -> None:
    with scene.caller_host.entered():
        wire = RawSocket("c0")
    with scene.start() as proxy:
        proxy.fragments = Reassembler(most=1)
        whole = frame(big(1400), CALLER, ("10.0.1.1", 5060))
        for ident in (b"\0\1", b"\0\2"):
            # More to come.
            wire.send(EVERYBODY + whole[6:18] + ident + b"\x20\x00" + whole[22:])
        work(proxy, lambda: proxy.counts.get("IP fragments given up: too many unfinished datagrams"))
        assert silent(scene.callee)
    wire.close()


def test_a_tagged_frame_keeps_its_tag(scene: Scene) -> None:
    tag = b"\x81\x00\x60\x2a"
    with scene.caller_host.entered():
        wire = RawSocket("c0", "udp and src host 10.0.1.1")
    with scene.start(built_in(LISTEN[0]), "p0", table={socket.inet_aton("10.0.1.77"): wire.mac}) as proxy:
        whole = frame(invite("sip:bob@10.0.1.77"), CALLER, ("10.0.1.1", 5060))
        wire.send(EVERYBODY + whole[6:12] + tag + whole[12:])
        work(proxy, lambda: proxy.counts.get("frames sent"))
    got = wire.receive()
    assert got is not None
    assert got.frame[12:18] == tag + b"\x08\x00"
    wire.close()


@pytest.mark.parametrize("promiscuous", [False, True])
def test_frames_for_other_macs(scene: Scene, promiscuous: bool) -> None:
    with scene.caller_host.entered():
        wire = RawSocket("c0")
    whole = frame(invite(), CALLER, ("10.0.1.1", 5060))
    with scene.start(promiscuous=promiscuous) as proxy:
        wire.send(bytes.fromhex("0200000000aa") + whole[6:])
        work(proxy, lambda: proxy.summary.frames)
        idle(proxy)
        assert bool(proxy.summary.messages) is promiscuous
    wire.close()


def test_what_is_no_sip_is_counted(scene: Scene) -> None:
    with scene.start() as proxy:
        for data in (b"\r\n\r\n", b"", b"nonsense"):
            scene.caller.sendto(data, ("10.0.1.1", 5060))
        work(proxy, lambda: proxy.summary.left and proxy.summary.left[NO_SIP].messages == 3)


def test_how_long_frames_were_here(scene: Scene) -> None:
    """From the kernel's time of their arrival; of the last one each time that the interface is looked at."""
    lateness = Lateness(MILLISECOND)
    with scene.start(lateness=lateness) as proxy:
        for number in range(3):
            scene.caller.sendto(invite(via=f"UDP 10.0.1.5;branch=z9hG4bKa{number}"), ("10.0.1.1", 5060))
        time.sleep(0.05)
        for _ in range(3):
            receive(proxy, scene.callee)
    assert lateness.frames >= 1
    assert 50 * MILLISECOND <= lateness.most < 10 * SECOND


def test_what_we_sent_is_not_routed_when_it_comes_back(scene: Scene) -> None:
    """As where the listener that it goes to was not known to be ours when it was sent."""
    with scene.start() as proxy:
        proxy.guard.remember(socket.inet_aton("10.0.1.1"), 5060, invite(), time.monotonic())
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        work(proxy, lambda: CAME_BACK in proxy.summary.left)
        scene.caller.sendto(invite(via="UDP 10.0.1.5;branch=z9hG4bKa2"), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)
        assert proxy.summary.routed.total() == 1


def test_what_was_sent_is_remembered(scene: Scene) -> None:
    with scene.start() as proxy:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        invited = receive(proxy, scene.callee)
        assert proxy.guard.knows(socket.inet_aton("10.0.2.9"), 5060, invited, time.monotonic())


def test_a_script_that_fails_is_told_once_and_the_rest_goes_on(scene: Scene, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "script.py"
    path.write_text(
        "from scapy_rr import Router\n\nrouter = Router()\n\n\n@router.request_route\ndef route(req):\n"
        "    if req.method == 'MESSAGE':\n        1 / 0\n    req.relay()\n"
    )
    router = script_file.load(path)
    router.rr = RecordRouting(listen=LISTEN)
    with scene.start(router) as proxy:
        for _ in range(2):
            scene.caller.sendto(invite().replace(b"INVITE", b"MESSAGE"), ("10.0.1.1", 5060))
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)
        assert proxy.summary.left[SCRIPT_FAILED].messages == 2
        assert "ZeroDivisionError" in proxy.summary.left[SCRIPT_FAILED].detail
    assert len(caplog.messages) == 1


def test_another_router_listens_elsewhere(scene: Scene) -> None:
    with scene.start() as proxy:
        proxy.replace(built_in("udp:10.0.1.1:5080", "udp:10.0.2.1:5080"))
        assert [one.port for one in proxy._mute.claimed] == [5080, 5080]
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        idle(proxy)
        assert not proxy.summary.messages
        scene.caller.sendto(invite(), ("10.0.1.1", 5080))
        assert b"Via: SIP/2.0/UDP 10.0.2.1:5080" in receive(proxy, scene.callee)


def test_a_router_that_cannot_be_listened_for_changes_nothing(scene: Scene) -> None:
    """Neither whom the kernel is kept quiet about, nor which frames it hands over."""
    with scene.start() as proxy:
        with pytest.raises(LiveError, match=r"^udp:\[fe80::1\]:5080: "):
            proxy.replace(built_in("udp:10.0.1.1:5080", "udp:[fe80::1]:5080"))
        assert [str(one) for one in proxy._mute.claimed] == LISTEN
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)


def test_another_router_while_an_interface_is_away(scene: Scene) -> None:
    with scene.start() as proxy:
        scene.proxy.ip("link set p0 down")
        work(proxy, lambda: proxy._links.sockets[0].is_down)
        proxy.step(0)
        proxy.replace(built_in("udp:10.0.1.1:5080", "udp:10.0.2.1:5080"))
        scene.proxy.ip("link set p0 up")
        work(proxy, lambda: not proxy._links.sockets[0].is_down)
        scene.caller.sendto(invite(), ("10.0.1.1", 5080))
        assert b"Via: SIP/2.0/UDP 10.0.2.1:5080" in receive(proxy, scene.callee)


def test_a_filter_of_ones_own(scene: Scene) -> None:
    """What the neighbours say still comes."""
    with scene.start(bpf="udp dst port 5060 and src host 10.0.1.5") as proxy:
        scene.callee.sendto(invite("sip:alice@10.0.1.5"), ("10.0.2.1", 5060))
        idle(proxy)
        assert not proxy.summary.messages
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)


def test_what_the_kernel_does_not_take_is_counted(scene: Scene) -> None:
    with scene.start() as proxy:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)
        scene.proxy.ip("link set p1 down")
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        work(proxy, lambda: proxy.summary.left)
        ((reason, one),) = proxy.summary.left.items()
        assert reason in ("not sent: Network is down", "not sent: Bad file descriptor")
        assert one.detail == "p1"


def test_what_the_kernel_dropped_is_told(scene: Scene) -> None:
    with scene.start() as proxy:
        proxy._links.sockets[0]._ins.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        for _ in range(200):
            scene.caller.sendto(bytes(1000), ("10.0.1.1", 5060))
        idle(proxy)
        assert proxy.counts["frames dropped by the kernel"] == 200 - proxy.summary.left[NO_SIP].messages > 0


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        ((), {}, "frames need an interface: --iface"),
        (("p0",), {"bridge": True}, "a bridge has two interfaces, not 1"),
        (("p0", "p0"), {"bridge": True}, "a bridge has two interfaces, not 1"),
        (("p0", "p1"), {"bridge": True, "bpf": "udp"}, "a bridge lets everything pass: it has no filter"),
    ],
)
def test_what_cannot_be(names: tuple[str, ...], options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=f"^{told}$"):
        FrameProxy(built_in(*LISTEN), names, **options)  # type: ignore[arg-type]


def test_interfaces_that_cannot_be_used(scene: Scene) -> None:
    with pytest.raises(LiveError, match="no interface 'eth7'; those there are: "):
        scene.start(None, "p0", "eth7")
    scene.proxy.ip("tuntap add dev tun0 mode tun", "link set tun0 up")
    with pytest.raises(LiveError, match="tun0 takes no Ethernet frames"):
        scene.start(None, "p0", "tun0")


def test_the_filter_of_listeners() -> None:
    listeners = [Listener.parse(text) for text in (*LISTEN, "udp:10.0.1.1:5080", "tcp:10.0.1.1:7000")]
    rest = "(ip[6:2] & 0x3fff != 0) or ip6 proto 44 or arp or icmp6"
    assert bpf_for(listeners) == f"(udp and (dst port 5060 or dst port 5080)) or {rest}"
    assert bpf_for([]) == rest


def test_in_the_end_what_had_come_is_routed(scene: Scene) -> None:
    """More than one step looks at."""
    with scene.start() as proxy:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        receive(proxy, scene.callee)
        for number in range(100):
            scene.caller.sendto(invite(via=f"UDP 10.0.1.5;branch=z9hG4bKb{number}"), ("10.0.1.1", 5060))
        proxy.finish()
        assert proxy.summary.messages == {"INVITE": 101}
        assert proxy.counts["frames sent"] == 101


def test_memory_is_bounded_whatever_comes(scene: Scene) -> None:
    """Other sources, other targets, other fragments, each time."""
    with scene.start() as proxy:
        proxy.guard = Guard(most=100)
        for number in range(2000):
            target = f"sip:bob@10.0.2.{number % 250 + 2}"
            whole = frame(invite(target, f"UDP 10.0.1.5;branch=z9hG4bK{number}"), CALLER, ("10.0.1.1", 5060), ident=number)
            if number % 3 == 0:
                whole = whole[:20] + b"\x20\x00" + whole[22:]
            proxy._arrived(proxy._links.sockets[0], Received(whole, 0.0, 0, b""), time.monotonic())
        assert len(proxy.guard) <= 100
        assert len(proxy.fragments) <= 1024
        assert proxy._ways._waiting <= 1024
        assert len(proxy._ways._questions) <= 256


@given(data=st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("as_bridge", [False, True])
def test_no_frame_is_too_hostile(lasting: dict[bool, FrameProxy], as_bridge: bool, data: st.DataObject) -> None:
    """Whatever is cut out of a frame, or put in its place, it is counted, and no fault of ours."""
    proxy = lasting[as_bridge]
    whole = frame(invite("sip:bob@10.0.1.77"), CALLER, ("10.0.1.1", 5060))
    spans = data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=6).map(sorted))
    for start, end in pairwise(spans):
        whole = whole[:start] + data.draw(st.binary(max_size=6)) + whole[end if data.draw(st.booleans()) else start + 1 :]
    before = proxy.summary.frames
    for kind in (0, OTHER_HOST):
        proxy._arrived(proxy._links.sockets[0], Received(whole, 0.0, kind, bytes(10)), time.monotonic())
    assert proxy.summary.frames == before + 2


@pytest.fixture
def lasting(scene: Scene) -> Iterator[dict[bool, FrameProxy]]:
    """Proxies for many examples."""
    with scene.start() as routing, scene.start(bridge=True) as bridge:
        yield {False: routing, True: bridge}


@pytest.mark.parametrize("scenario", ["call", "reinvite"])
def test_calls_of_real_ends(scene: Scene, scenario: str, tmp_path: Path) -> None:
    """SIPp on both sides; what it says of a call is what both ends of it saw."""
    sipp, calls = need("sipp"), 200
    scene.caller.close()
    scene.callee.close()
    folder = Path(lab.__file__).parent / "scenarios" / scenario
    caller = tmp_path / "caller.xml"
    caller.write_text((folder / "caller.xml").read_text().replace("INVITE [calls]", "INVITE sip:callee@10.0.2.9"))
    common = ["-m", str(calls), "-p", "5060", "-nostdin", "-key", "contact"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    with Working(scene, scene.start()) as proxy:
        with scene.callee_host.entered():
            command = [sipp, "-sf", str(folder / "callee.xml"), "-i", "10.0.2.9", *common, "10.0.2.9:5060"]
            called = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
        with scene.caller_host.entered():
            command = [sipp, "-sf", str(caller), "-i", "10.0.1.5", *common, "10.0.1.5:5060", "-r", "100", "10.0.1.1:5060"]
            calling = subprocess.Popen(command, **quiet)  # type: ignore[call-overload]
        try:
            assert (calling.wait(60), called.wait(60)) == (0, 0)
        finally:
            for one in (calling, called):
                one.kill()
                one.wait()
    assert proxy.summary.messages["BYE"] >= calls
    assert proxy.summary.left == {}
