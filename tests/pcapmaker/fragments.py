"""SIP in IP fragments for the generated captures, cut in every way. Scapy builds the IP headers.

It shares no code with ``scapy_rr.wire``.
"""

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop
from scapy.packet import Raw

from .frames import UDP, Flow, addresses
from .messages import DEVICES, Dialog, Party
from .scenes import ALICE, BOB, CALLEE, CALLER, PROXY, TAGS, Scene, Socket, callee_hangs_up, seen

Span = tuple[int, int]
Ends = tuple[Socket, Socket]

_KINDS = range(99, 109)
_VIDEO = f"m=video 40002 RTP/AVP {' '.join(map(str, _KINDS))}\r\n" + "".join(
    f"a=rtpmap:{kind} H264/90000\r\na=fmtp:{kind} profile-level-id=42e01{kind % 10};packetization-mode=1;max-mbps=108000;max-fs=3600\r\n"
    for kind in _KINDS
)


def _parts(ends: Ends, message: bytes, pieces: Iterable[Span] | int) -> list[tuple[int, int, Raw]]:
    """The datagram's parts: offset in eights, whether more is to come, bytes."""
    datagram = Flow(*ends).datagram(message)
    if isinstance(pieces, int):
        pieces = pairwise([*range(0, len(datagram), pieces), len(datagram)])
    return [(at // 8, int(to < len(datagram)), Raw(datagram[at:to])) for at, to in pieces]


def cut4(ends: Ends, message: bytes, identification: int, pieces: Iterable[Span] | int) -> list[bytes]:
    """IPv4 fragments of a datagram with the message.

    :param pieces: where each begins and ends in the datagram; or how long they are.
    """
    fields = {"src": ends[0][0], "dst": ends[1][0], "id": identification, "proto": UDP}
    return [bytes(IP(frag=at, flags=more, **fields) / part) for at, more, part in _parts(ends, message, pieces)]


def cut6(ends: Ends, message: bytes, identification: int, pieces: Iterable[Span] | int, hop_by_hop: bool = False) -> list[bytes]:
    """The same in IPv6."""
    header = IPv6(src=ends[0][0], dst=ends[1][0])
    if hop_by_hop:
        header /= IPv6ExtHdrHopByHop()
    fields = {"nh": UDP, "id": identification}
    return [bytes(header / IPv6ExtHdrFragment(offset=at, m=more, **fields) / part) for at, more, part in _parts(ends, message, pieces)]


@dataclass(frozen=True, slots=True)
class Leg:
    """The caller's leg of a call, with requests in fragments.

    :param ends: caller and proxy.
    :param cut: makes the fragments.
    """

    scene: Scene
    dialog: Dialog
    ends: Ends
    cut: Callable[[Ends, bytes, int, Iterable[Span] | int], list[bytes]]

    def request(self, method: str, number: int, body: str = "") -> bytes:
        """A request within the dialog."""
        return self.dialog.request(method, number, f"a{number:04}", routes=self.dialog.routes, body=body)

    def put(self, packets: Iterable[bytes]) -> None:
        """Fragments that follow one another closely."""
        for number, packet in enumerate(packets):
            sent = str(addresses(packet)[0]) in self.scene.proxies
            self.scene.add(packet, 31 if number else 300_007, sent)

    def voice(self, number: int) -> None:
        """An RTP packet between."""
        rtp = struct.pack("!BBHII", 0x80, 8, number, 160 * number, 0xCAFEBABE)
        self.scene.send((self.ends[0][0], 40000), (self.ends[1][0], 20000), rtp + b"\xd5" * 160, 4_001)

    def call(self) -> None:
        """In order, with the answer in fragments, too; backwards; two at once; one of which the rest is missing; one in eights."""
        alice, bob, ends = self.dialog.caller, self.dialog.callee, self.ends
        first = self.dialog.request("INVITE", 1, "a0001", uri=bob.address_of_record, early=True, body=_long_offer(alice))
        for number, packet in enumerate(self.cut(ends, first, 0x4001, 1448)):
            self.put([packet])
            self.voice(number)
        # The same identification, in the other direction.
        answer = self.dialog.response("200 OK", "INVITE", 1, seen(alice, "a0001"), body=_long_offer(bob))
        self.put(self.cut(ends[::-1], answer, 0x4001, 1448))
        self.scene.send(*ends, self.request("ACK", 1))
        self.put(reversed(self.cut(ends, self.request("INVITE", 2, alice.sdp(40000, 2)), 0x4002, 256)))
        self.voice(10)
        pair = [self.cut(ends, self.request("INFO", number), 0x4000 + number, 200) for number in (3, 4)]
        self.put(packet for both in zip(*pair, strict=True) for packet in both)
        self.put(self.cut(ends, self.request("INFO", 5), 0x4005, 256)[:-1])
        self.put(self.cut(ends, self.request("INFO", 6), 0x4006, 8))


def _long_offer(party: Party) -> str:
    """Audio and video: too much for 1,500 bytes."""
    return party.sdp(40000) + _VIDEO


def fragments() -> Scene:
    """A call with requests in IPv4 fragments, one of them with fragments that overlap."""
    scene = Scene()
    leg = Leg(scene, Dialog(ALICE, BOB, "fragments-1@10.0.0.5", TAGS, (f"<sip:10.0.0.1;lr;ftag={TAGS[0]}>",)), (CALLER, PROXY), cut4)
    leg.call()
    message = leg.request("INVITE", 7, ALICE.sdp(40000, 3))
    leg.put(cut4(leg.ends, message, 0x4007, [(0, 400), (240, 560), (480, len(message) + 8)]))
    callee_hangs_up(scene, leg.dialog, CALLEE, PROXY)
    return scene


def fragments_ipv6() -> Scene:
    """The same over IPv6; instead of the one that overlaps, one behind a hop-by-hop header, and one in a fragment that is all of it."""
    ends: Ends = ("2001:db8::5", 5060), ("2001:db8::1", 5060)
    scene = Scene((ends[1][0],))
    alice, bob = Party("alice", "[2001:db8::5]"), Party("bob", "[2001:db8::9]", device=DEVICES[1])
    dialog = Dialog(alice, bob, "fragments-ipv6-1@2001-db8--5", TAGS, (f"<sip:[2001:db8::1];lr;ftag={TAGS[0]}>",))
    leg = Leg(scene, dialog, ends, cut6)
    leg.call()
    leg.put(cut6(ends, leg.request("INVITE", 7, alice.sdp(40000, 3)), 0x4007, 512, hop_by_hop=True))
    leg.put(cut6(ends, leg.request("INFO", 8), 0x4008, 2048))
    callee_hangs_up(scene, dialog, ("2001:db8::9", 5060), ends[1])
    return scene
