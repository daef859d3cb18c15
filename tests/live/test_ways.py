"""Where a frame leaves, and to which MAC address; what waits for an answer, and what is given up."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import cast

import pytest
from scapy.config import conf

from scapy_rr.errors import LiveError
from scapy_rr.live import ways as module
from scapy_rr.live.interface import Interface
from scapy_rr.live.raw import RawSocket
from scapy_rr.live.ways import NO_ANSWER, NO_ROOM, NOT_GIVEN, OURSELVES, Lost, Waiting, Way, Ways

from ..capture.samples import leaving
from .network import Host, hosts, join

MAC, OTHER_MAC = b"\x02\0\0\0\0\x09", b"\x02\0\0\0\0\x08"
TAG = b"\x81\x00\x00\x2a"


class FakeSocket:
    """Keeps what it sends."""

    def __init__(self, name: str) -> None:
        self.name, self.mac = name, Interface.find(name).mac
        self.frames: list[bytes] = []

    def send(self, frame: bytes) -> None:
        """Keep it."""
        if self.name == "broken":
            raise OSError("it is broken")
        self.frames.append(frame)


def packed(address: str) -> bytes:
    """An address as bytes."""
    return ip_address(address).packed


@pytest.fixture
def here() -> Iterator[Host]:
    """A machine with two interfaces, on one of which it has a gateway, and a loopback; it is entered."""
    with hosts(2) as (here, there):
        join(here, "p0", "10.0.1.1/24", there, "q0", "")
        join(here, "p1", "10.0.2.1/24", there, "q1", "")
        here.ip("addr add 2001:db8::1/64 dev p1 nodad", "route add default via 10.0.2.254")
        with here.entered():
            yield here


def ways(*names: str, table: dict[bytes, bytes] | None = None, bridge: bool = False) -> tuple[Ways, list[FakeSocket]]:
    """Ways by fake sockets on real interfaces."""
    sockets = [FakeSocket(name) for name in names]
    return Ways(cast(list[RawSocket], sockets), table or {}, bridge), sockets


def waiting(number: int = 1, tag: bytes = b"") -> Waiting:
    """A frame that waits."""
    return Waiting(leaving(number)[:12] + tag + leaving(number)[12:], (), number)


def reply(address: str, mac: bytes = MAC, tag: bytes = b"") -> bytes:
    """An ARP reply."""
    return bytes(6) + mac + tag + b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02" + mac + packed(address) + bytes(10)


def test_the_table_is_asked_first(here: Host) -> None:
    found, sockets = ways("p0", "p1", table={packed("10.0.1.9"): MAC, packed("10.0.2.9"): OTHER_MAC})
    assert found.find(packed("10.0.1.9"), 0.0) == Way(cast(RawSocket, sockets[0]), MAC)
    assert found.find(packed("10.0.2.9"), 0.0) == Way(cast(RawSocket, sockets[1]), OTHER_MAC)
    assert found.find(packed("10.0.1.8"), 0.0) is None
    assert not found.asking


@pytest.mark.parametrize(
    ("names", "address", "expected"),
    [
        (("p0", "p1"), "10.0.1.1", OURSELVES),
        (("p1",), "10.0.1.1", OURSELVES),
        (("p0",), "127.0.0.1", OURSELVES),
        (("p1",), "2001:db8::1", OURSELVES),
        (("p0",), "::1", OURSELVES),
        # One interface is the way to everything else.
        (("p0",), "10.0.2.9", None),
        (("p0", "lo"), "10.0.2.9", NOT_GIVEN),
        (("p0", "lo"), "10.9.9.9", NOT_GIVEN),
        (("p0", "lo"), "2001:db8:1::9", NOT_GIVEN),
        (("p0", "p1"), "2001:db8::9", None),
    ],
)
def test_ways_that_there_are_and_are_not(here: Host, names: tuple[str, ...], address: str, expected: str | None) -> None:
    assert ways(*names)[0].find(packed(address), 0.0) == expected


def test_on_a_loopback_nobody_is_asked(here: Host) -> None:
    found, sockets = ways("lo")
    assert found.find(packed("127.0.0.2"), 0.0) == Way(cast(RawSocket, sockets[0]), bytes(6))


def test_a_frame_waits_for_the_answer(here: Host) -> None:
    found, (near, far) = ways("p0", "p1")
    address = packed("10.0.1.9")
    found.wait(address, waiting(1), 0.0)
    found.wait(address, waiting(2), 0.1)
    assert found.asking
    (question,) = near.frames
    assert question[:6] == b"\xff" * 6
    assert question[12:22] == b"\x08\x06\x00\x01\x08\x00\x06\x04\x00\x01"
    assert (question[28:32], question[38:42]) == (packed("10.0.1.1"), address)
    assert far.frames == []
    assert found.learn("p0", reply("10.0.1.7"), 0.2) == [], "not asked for"
    assert found.learn("p1", reply("10.0.1.9"), 0.2) == [], "not asked for there"
    way = Way(cast(RawSocket, near), MAC)
    assert found.learn("p0", reply("10.0.1.9"), 0.2) == [(way, waiting(1)), (way, waiting(2))]
    assert not found.asking
    assert found.find(address, 0.3) == way
    assert found.learn("p0", reply("10.0.1.9", OTHER_MAC), 0.4) == [], "nobody asks any more"
    assert found.find(address, 20.0) == way, "as long as the answer holds"
    assert found.find(address, 40.0) is None


def test_behind_a_gateway_it_is_asked_for(here: Host) -> None:
    found, (near, far) = ways("p0", "p1")
    found.wait(packed("192.0.2.1"), waiting(), 0.0)
    assert far.frames[0][38:42] == packed("10.0.2.254")
    assert near.frames == []
    assert [way.mac for way, _ in found.learn("p1", reply("10.0.2.254"), 0.1)] == [MAC]
    assert found.find(packed("192.0.2.2"), 0.1) == Way(cast(RawSocket, far), MAC), "as all that is behind it"


def test_on_a_bridge_both_sides_are_asked(here: Host) -> None:
    found, (near, far) = ways("p0", "p1", bridge=True)
    found.wait(packed("10.0.2.9"), waiting(), 0.0)
    assert [len(near.frames), len(far.frames)] == [1, 1]
    assert found.learn("p0", reply("10.0.2.9"), 0.1) == [(Way(cast(RawSocket, near), MAC), waiting())]


def test_questions_and_answers_have_the_tags_of_the_frame(here: Host) -> None:
    found, (near,) = ways("p0")
    found.wait(packed("10.0.1.9"), waiting(1, TAG), 0.0)
    assert near.frames[0][12:18] == TAG + b"\x08\x06"
    assert found.learn("p0", reply("10.0.1.9", tag=TAG), 0.1) == [(Way(cast(RawSocket, near), MAC), waiting(1, TAG))]


def test_it_is_asked_again_and_given_up(here: Host) -> None:
    found, (near,) = ways("p0")
    found.wait(packed("10.0.1.9"), waiting(1), 0.0)
    found.wait(packed("10.0.1.9"), waiting(2), 0.5)
    lost = [list(found.lost(now)) for now in (0.9, 1.0, 1.5, 2.0, 2.9)]
    assert (lost, len(near.frames)) == ([[]] * 5, 3)
    assert list(found.lost(3.0)) == [Lost(NO_ANSWER, "10.0.1.9", waiting(1)), Lost(NO_ANSWER, "10.0.1.9", waiting(2))]
    assert not found.asking
    assert found.learn("p0", reply("10.0.1.9"), 3.1) == [], "too late"
    found.wait(packed("10.0.1.9"), waiting(3), 4.0)
    assert len(near.frames) == 4, "it begins anew"


def test_a_question_that_cannot_be_sent_is_asked_again(here: Host) -> None:
    found, (near,) = ways("p0")
    near.name = "broken"
    found.wait(packed("10.0.1.9"), waiting(), 0.0)
    near.name = "p0"
    assert (list(found.lost(1.0)), len(near.frames)) == ([], 1)


def test_what_waits_is_bounded(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_ASKED", 2)
    monkeypatch.setattr(module, "_MOST_WAITING", 3)
    found, _ = ways("p0")
    for number, address in enumerate(("10.0.1.7", "10.0.1.8", "10.0.1.9"), 1):
        found.wait(packed(address), waiting(number), 0.0)
    assert list(found.lost(0.0)) == [Lost(NO_ROOM, "10.0.1.7", waiting(1))], "the question that is oldest"
    found.wait(packed("10.0.1.9"), waiting(4), 0.0)
    found.wait(packed("10.0.1.9"), waiting(5), 0.0)
    assert list(found.lost(0.0)) == [Lost(NO_ROOM, "10.0.1.8", waiting(2))], "the frames that wait longest"
    assert len(found.learn("p0", reply("10.0.1.9"), 0.1)) == 3


def test_what_is_remembered_is_bounded(here: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_KEPT", 10)
    found, _ = ways("p0", table={packed(f"10.0.1.{last}"): MAC for last in range(2, 100)})
    for last in range(2, 100):
        assert isinstance(found.find(packed(f"10.0.1.{last}"), 0.0), Way)
    assert len(found._ways) <= 10
    assert len(conf.route.cache) <= 20


def test_routes_that_change_are_seen(here: Host) -> None:
    found, sockets = ways("p0", "p1", table={packed("192.0.2.1"): MAC})
    assert found.find(packed("192.0.2.1"), 0.0) == Way(cast(RawSocket, sockets[1]), MAC)
    here.ip("route add 192.0.2.0/24 dev p0")
    assert found.find(packed("192.0.2.1"), 29.0) == Way(cast(RawSocket, sockets[1]), MAC)
    assert found.find(packed("192.0.2.1"), 40.0) == Way(cast(RawSocket, sockets[0]), MAC)


def test_an_interface_that_comes_back_as_another_one_asks_as_that(here: Host) -> None:
    found, (near,) = ways("p0")
    found.wait(packed("10.0.1.8"), waiting(), 0.0)
    here.ip("link set p0 address 02:00:00:00:00:77", "addr flush dev p0", "addr add 10.0.1.3/24 dev p0")
    near.mac = bytes.fromhex("020000000077")
    found.wait(packed("10.0.1.9"), waiting(), 0.0)
    assert [frame[22:32] for frame in near.frames[1:]] == [near.mac + packed("10.0.1.3")]
    here.ip("link del p0")
    near.mac = bytes(6)
    assert list(found.lost(1.0)) == [], "asked as before"


def test_an_interface_without_ethernet_frames(here: Host) -> None:
    here.ip("tuntap add dev tun0 mode tun")
    with pytest.raises(LiveError, match="tun0 takes no Ethernet frames"):
        ways("tun0")
    assert Interface.find("p0").has_arp
