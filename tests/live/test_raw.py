"""Raw sockets: whole frames in and out, what is not wanted left in the kernel, and what it dropped counted."""

import logging
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest
from scapy.config import conf

from scapy_rr.errors import LiveError
from scapy_rr.live.interface import NO_RIGHTS
from scapy_rr.live.raw import EVERYTHING, HOST, OTHER_HOST, SIP_BEARING, Links, RawSocket, Received

from .network import Host, hosts, join, ping

_OFFLOAD = struct.Struct("=BBHHHH")


class Pair:
    """Two machines with a cable between them."""

    def __init__(self, here: Host, there: Host) -> None:
        join(here, "here", "10.0.0.1/24", there, "there", "10.0.0.9/24")
        self.here, self.there = here, there

    def socket(self, name: str = "here", bpf: str = SIP_BEARING, **options: bool) -> RawSocket:
        """A raw socket on the one."""
        with self.here.entered():
            return RawSocket(name, bpf, **options)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two machines."""
    with hosts(2) as (here, there):
        yield Pair(here, there)


def received(one: RawSocket, number: int = 1, seconds: float = 10) -> list[Received]:
    """So many frames, at most."""
    found: list[Received] = []
    deadline = time.monotonic() + seconds
    while len(found) < number and time.monotonic() < deadline:
        got = one.receive()
        found += [got] if got else []
    return found


def rest(one: RawSocket) -> list[Received]:
    """What is there, and a little later."""
    return received(one, 1000, 0.2)


def test_a_frame_comes_as_it_is(pair: Pair) -> None:
    one, far, near = pair.socket(), pair.there.udp("10.0.0.9", 5060), pair.here.udp("10.0.0.1", 5060)
    far.sendto(b"hello", ("10.0.0.1", 5060))
    (got,) = received(one)
    assert got.frame[:6] == one.mac
    assert got.frame[12:15] == b"\x08\x00\x45"
    assert got.frame.endswith(b"\x13\xc4\x13\xc4\x00\x0d" + got.frame[40:42] + b"hello")
    assert (got.to, got.offload) == (HOST, b"")
    assert abs(got.time - time.time()) < 60
    assert one.receive() is None
    assert (one.link_type, one.mtu, one.drops) == (1, 1500, 0)
    assert near.recv(100) == b"hello", "the kernel has it, too"
    one.close()


def test_what_we_send_arrives_and_does_not_come_back(pair: Pair) -> None:
    one, far, near = pair.socket(), pair.there.udp("10.0.0.9", 5060), pair.here.udp("10.0.0.1", 5060)
    far.sendto(b"hello", ("10.0.0.1", 5060))
    (got,) = received(one)
    ip, udp = got.frame[14:34], got.frame[34:]
    # Without a checksum, which IPv4 allows for.
    answer = got.frame[6:12] + got.frame[:6] + b"\x08\x00" + ip[:12] + ip[16:20] + ip[12:16] + udp[:6] + bytes(2) + b"world"
    one.send(answer)
    assert far.recv(100) == b"world"
    near.sendto(b"of the kernel", ("10.0.0.9", 5060))
    assert far.recv(100) == b"of the kernel"
    assert rest(one) == []
    one.close()


def test_where_asked_for_what_leaves_comes_too(pair: Pair) -> None:
    one, far, near = pair.socket(outgoing=True), pair.there.udp("10.0.0.9", 5060), pair.here.udp("10.0.0.1", 5060)
    near.sendto(b"leaves", ("10.0.0.9", 5060))
    assert far.recv(100) == b"leaves"
    assert [got.frame[42:] for got in rest(one)] == [b"leaves"]
    one.close()


def test_on_a_loopback_each_comes_once(pair: Pair) -> None:
    one, near = pair.socket("lo", outgoing=True), pair.here.udp("127.0.0.1", 5060)
    near.sendto(b"to myself", ("127.0.0.1", 5060))
    assert [got.frame[42:] for got in rest(one)] == [b"to myself"]
    assert one.mac == bytes(6)
    one.close()


def test_the_filter_lets_pass_what_may_be_sip(pair: Pair) -> None:
    """On any port, and the fragments that have none; no ICMP and no ARP."""
    sip, all_of_it, udp = pair.socket(), pair.socket(bpf=EVERYTHING), pair.socket(bpf="udp dst port 7000")
    ping(pair.there, "10.0.0.1")
    with pair.here.entered():
        server = socket.create_server(("10.0.0.1", 7001))
    with pair.there.entered():
        socket.create_connection(("10.0.0.1", 7001)).close()
    server.close()
    with pair.there.udp("10.0.0.9", 5060) as far:
        far.sendto(b"x" * 3000, ("10.0.0.1", 7000))
    found = {one: rest(one) for one in (sip, all_of_it, udp)}
    for one in found:
        one.close()
    kinds = [{(got.frame[12:14], got.frame[23]) for got in of} for of in found.values()]
    assert kinds[0] == {(b"\x08\x00", 17), (b"\x08\x00", 6)}
    assert {kind for kind, _ in kinds[1]} >= {b"\x08\x06", b"\x08\x00"}
    assert (b"\x08\x00", 1) in kinds[1]
    datagrams = [[got for got in of if got.frame[12:14] == b"\x08\x00" and got.frame[23] == 17] for of in found.values()]
    assert [len(of) for of in datagrams] == [3, 3, 1]


def test_another_filter_later(pair: Pair) -> None:
    one, far = pair.socket(bpf="udp dst port 7000"), pair.there.udp("10.0.0.9", 5060)
    with pair.here.entered():
        one.filter("udp dst port 7001")
        with pytest.raises(LiveError, match=r"^here: .*syntax error"):
            one.filter("nonsense (")
    for port in (7000, 7001):
        far.sendto(b"to %d" % port, ("10.0.0.1", port))
    assert [got.frame[42:] for got in rest(one)] == [b"to 7001"]
    one.close()


def test_frames_for_others(pair: Pair) -> None:
    """A veth pair hands over every frame, as a cable does; whom it is for is told."""
    one = pair.socket(bpf=EVERYTHING, promiscuous=True)
    with pair.there.entered():
        far = RawSocket("there")
    far.send(bytes.fromhex("0200000000aa") + far.mac + b"\x12\x34" + bytes(50))
    far.send(b"\xff" * 6 + far.mac + b"\x12\x34" + bytes(50))
    tos = [got.to for got in rest(one) if got.frame[12:14] == b"\x12\x34"]
    assert tos[0] == OTHER_HOST
    assert tos[1] not in (HOST, OTHER_HOST)
    one.close()
    far.close()


def test_the_vlan_tag_is_put_back(pair: Pair) -> None:
    """The kernel takes it out of the frame, wherever the checksum is still to be made."""
    plain, offloaded = pair.socket(bpf=EVERYTHING), pair.socket(bpf=EVERYTHING, offload=True)
    with pair.there.entered():
        far = RawSocket("there", offload=True)
    packet = bytes.fromhex("4500002100000000401166aa0a0000090a00000113c413c4000d") + b"\x14\x2b" + b"hello"
    frame = plain.mac + far.mac + b"\x81\x00\x60\x2a\x08\x00" + packet
    offload = _OFFLOAD.pack(1, 0, 0, 0, 38, 6)
    far.send(frame, offload)
    for one in (plain, offloaded):
        (got,) = [got for got in rest(one) if got.frame.endswith(b"hello")]
        assert got.frame == frame
        assert got.offload in (b"", offload)
        one.close()
    far.close()


def test_offload_that_is_not_there_stays_so(pair: Pair) -> None:
    one = pair.socket(bpf=EVERYTHING, offload=True)
    with pair.there.entered():
        far = RawSocket("there")
    frame = one.mac + far.mac + b"\x12\x34" + bytes(50)
    far.send(frame)
    (got,) = [got for got in rest(one) if got.frame[12:14] == b"\x12\x34"]
    assert (got.frame, got.offload) == (frame, bytes(10))
    one.send(b"\xff" * 6 + frame[6:], got.offload)
    far.close()
    one.close()


def test_no_such_interface(pair: Pair) -> None:
    with pytest.raises(LiveError, match=r"^no interface 'eth7'; those there are: .*here"):
        pair.socket("eth7")


def test_an_interface_that_is_down(pair: Pair) -> None:
    pair.here.ip("link set here down")
    with pytest.raises(LiveError, match=r"^here: Network is down: ip link set here up$"):
        pair.socket()


def test_a_filter_that_is_none(pair: Pair) -> None:
    with pytest.raises(LiveError, match=r"^here: Cannot set filter: .*nonsense.*syntax error"):
        pair.socket(bpf="nonsense (")


def test_no_rights(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(conf, "L2socket", refuse)
    with pytest.raises(LiveError) as refused:
        RawSocket("lo")
    assert str(refused.value) == f"lo: {NO_RIGHTS}"
    assert "CAP_NET_RAW" in NO_RIGHTS


def test_a_kind_of_frames_that_nobody_reads(pair: Pair) -> None:
    """A tunnel has raw IP packets; of what is neither that nor Ethernet nothing is known."""
    pair.here.ip("tuntap add dev tun0 mode tun", "link set tun0 up")
    one = pair.socket("tun0")
    assert one.link_type == 12
    one.close()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("scapy_rr.live.raw.ARPHRD_TO_DLT", {})
        with pytest.raises(LiveError, match=r"^here: frames of its kind \(ARPHRD 1\) are not read$"):
            pair.socket()


def flood(pair: Pair, one: RawSocket) -> None:
    """More frames than it has room for."""
    one._ins.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    with pair.there.udp("10.0.0.9", 5060) as far:
        for _ in range(200):
            far.sendto(bytes(1000), ("10.0.0.1", 7000))


def test_what_the_kernel_dropped_is_counted(pair: Pair) -> None:
    one = pair.socket()
    assert one.drops == 0
    flood(pair, one)
    got = len(rest(one))
    assert 0 < got < 200
    assert one.drops == 200 - got
    flood(pair, one)
    one.close()
    assert one.drops > 200, "both times, and after it was closed"


def test_drops_are_told_as_they_grow(pair: Pair, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scapy_rr.live.raw._LOOK_EVERY", 0.0)
    with Links([pair.socket()]) as links, caplog.at_level(logging.WARNING):
        links.ready(0)
        assert caplog.messages == []
        for _ in range(2):
            flood(pair, links.sockets[0])
            links.ready(0)
            links.ready(0)
    assert len(caplog.messages) == 2
    assert caplog.messages[0].startswith("the kernel had no room for 1")
    assert links.drops > 200


def until(links: Links, done: Callable[[], bool]) -> None:
    """Wait for it, looking at what comes."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it did not come"
        for one in links.ready(0.05):
            one.receive()


@pytest.mark.parametrize("way", ["down", "away"])
def test_an_interface_that_goes_and_comes_back(pair: Pair, way: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), pair.here.entered(), Links([pair.socket(), pair.socket("lo")]) as links:
        one = links.sockets[0]
        pair.here.ip("link set here down" if way == "down" else "link del here")
        until(links, lambda: one.is_down)
        assert one.receive() is None
        with pytest.raises(OSError, match="Bad file descriptor"):
            links.ready(0)
            one.send(bytes(60))
        if way == "down":
            pair.here.ip("link set here up")
        else:
            join(pair.here, "here", "10.0.0.1/24", pair.there, "there", "10.0.0.9/24")
        until(links, lambda: not one.is_down)
        with pair.there.udp("10.0.0.9", 5060) as far:
            far.sendto(b"again", ("10.0.0.1", 5060))
        found: list[bytes] = []
        deadline = time.monotonic() + 20
        while not found and time.monotonic() < deadline:
            found = [got.frame for ready in links.ready(1) if (got := ready.receive())]
        assert found[0].endswith(b"again")
    assert caplog.messages == ["here went down; it is looked for every second", "here is back"]


def test_the_waiting_ends_when_it_is_told_to(pair: Pair) -> None:
    with Links([pair.socket()]) as links:
        assert links.ready(0) == []
        links.stop()
        start = time.monotonic()
        assert links.ready(1000) == []
        assert links.stopped
        assert time.monotonic() - start < 500
