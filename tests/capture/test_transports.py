"""SIP over every transport, frame by frame: what is told of each, and that every frame's place is settled, once."""

import struct
import zlib
from collections.abc import Callable, Iterable

import pytest
from scapy.layers.inet import IP

from scapy_rr.capture.bearer import Frame
from scapy_rr.capture.messages import SipMessage
from scapy_rr.capture.origin import DatagramOrigin, PduOrigin
from scapy_rr.capture.place import Emit, HeldBatch, Place
from scapy_rr.capture.reader import Batch, PcapRecords
from scapy_rr.capture.transports import Transports
from scapy_rr.wire.exported_pdu import LINK_TYPE
from scapy_rr.wire.fragmentation import fragment

from ..pcapmaker.fragments import cut4, cut6
from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.hep import AGENT, SERVER
from ..pcapmaker.scenes import CALLER, PROXY
from ..pcapmaker.tcp import Connection
from ..pcapmaker.tunnels import ip_in_ip, vxlan
from .samples import VOICE, Kept, arriving, bye, frame, pcap
from .test_sctp import OTHER, OVER_SCTP, data, packet

BYE = bye()
ENDS = (bytes([10, 0, 0, 5]), 5060), (bytes([10, 0, 0, 1]), 5060)
HEP = bytes.fromhex("0210 0211 13c4 13c4 0a000005 0a000001 00f15365 00000000 d107 0000")
EXPORTED = bytes.fromhex("00140004 0a000005 00150004 0a000001 00180004 00000003 00190004 000013c4 001a0004 000013c4 00000000")
IPV6 = ("2001:db8::5", 5060), ("2001:db8::1", 5060)


class Counted(Place):
    """A place that remembers what it was told, each time."""

    def __init__(self, held: HeldBatch) -> None:
        super().__init__(held, held.batch.before, next(held.batch.frames(b"")), Emit.REPLACE)
        self.told: list[list[bytes] | None] = []

    def settle(self, instead: list[bytes] | None = None) -> None:
        """Remember it."""
        self.told.append(instead)
        super().settle(instead)


class Taken:
    """Transports, all that they told, and the places of all frames that they were given."""

    def __init__(self, ports: tuple[int, ...] = (), mtu: int = 0, decap: bool = False) -> None:
        self.transports = Transports(ports, mtu, decap)
        self.held = HeldBatch(Batch(pcap([Kept(0, 0, 4, b"came")])[24:], PcapRecords("<", 1)), lambda data, longest: None)
        self.messages: list[SipMessage] = []
        self.places: list[Counted] = []

    def take(self, *frames: bytes, link_type: int = 1, cut: bool = False, instead: list[bytes] | None = None) -> list[SipMessage]:
        """Frames, one a second. :param instead: packets in the place of each datagram with a message."""
        found = []
        for one in frames:
            place = Counted(self.held)
            self.places.append(place)
            number = len(self.places)
            for message in self.transports.take(Frame(number, one, link_type, float(number), cut, place)):
                found.append(message)
                if instead is not None:
                    assert isinstance(message.origin, DatagramOrigin | PduOrigin)
                    message.origin.bearer.instead = instead
        self.messages += found
        return found

    def close(self) -> "Taken":
        """Nothing more comes: whatever came, each place was settled once."""
        self.messages += self.transports.close()
        assert [len(place.told) for place in self.places] == [1] * len(self.places)
        assert self.held.open == 0
        return self

    @property
    def told(self) -> list[list[bytes] | None]:
        """What each place was told."""
        return [one for place in self.places for one in place.told]


def taken(*frames: bytes, link_type: int = 1, cut: bool = False, ports: tuple[int, ...] = ()) -> Taken:
    """All of a capture."""
    made = Taken(ports)
    made.take(*frames, link_type=link_type, cut=cut)
    return made.close()


def ipv4(protocol: int, payload: bytes) -> bytes:
    """A frame with an IPv4 packet of any protocol."""
    return ethernet(bytes(IP(src=CALLER[0], dst=PROXY[0], proto=protocol) / payload))


def ipv6(following: int, payload: bytes) -> bytes:
    """The same of IPv6."""
    return ethernet(b"\x60\0\0\0" + len(payload).to_bytes(2, "big") + bytes([following, 64]) + bytes(32) + payload)


def fragment_header(following: int, offset: int, more: bool, identification: int) -> bytes:
    """IPv6's."""
    return struct.pack(">BxHI", following, offset | more, identification)


def halves(payloads: list[bytes], following: int) -> list[bytes]:
    """Each cut in two, with a fragment header before each half."""
    made = []
    for payload in payloads:
        half = len(payload) // 16 * 8
        identification = zlib.crc32(payload)
        made.append(fragment_header(following, 0, True, identification) + payload[:half])
        made.append(fragment_header(following, half, False, identification) + payload[half:])
    return made


def nested(times: int) -> list[bytes]:
    """Frames with a datagram in fragments, themselves in fragments, and so on."""
    payloads = [Flow(*IPV6).datagram(BYE)]
    for depth in range(times):
        payloads = halves(payloads, 44 if depth else 17)
    return [ipv6(44, payload) for payload in payloads]


def test_a_datagram() -> None:
    made = taken(arriving())
    (one,) = made.messages
    assert one[:8] == (1, "udp", *ENDS, "BYE", BYE, "", "")
    assert (one.frames, one.time) == ((1,), 1.0)
    assert (made.told, made.transports.counts) == ([None], {})


def test_what_stands_in_the_place_of_a_datagram() -> None:
    """The link header, and what was behind the packet, stand around that too."""
    made, other = Taken(), Flow(PROXY, CALLER).packet(b"other")
    made.take(arriving() + b"trailer", VOICE, instead=[other, other])
    assert made.close().told == [[arriving()[:14] + other + b"trailer"] * 2, None]


@pytest.mark.parametrize(
    ("data", "link_type", "cut", "refusal"),
    [
        (b"??" + BYE, 147, False, "link type that is not read"),
        (bytes(12) + b"\x88\xb5" + BYE, 1, False, "not IP"),
        (arriving()[:-1], 1, True, "frame truncated by the capture"),
        (arriving()[:-1], 1, False, "frame truncated by the capture"),
        (ipv6(50, BYE), 1, False, "IPsec header"),
        (ipv4(1, BYE), 1, False, "neither UDP nor TCP nor SCTP"),
        (arriving()[:38] + b"\xff\xff" + arriving()[40:], 1, False, "malformed IP or UDP header"),
        (ipv4(6, b"SIP/2.0"), 1, False, "malformed IP or UDP header"),
        (ipv4(6, b"SIP/2.0"), 1, True, "frame truncated by the capture"),
    ],
)
def test_what_is_refused_is_told_where_sip_is_in_it(data: bytes, link_type: int, cut: bool, refusal: str) -> None:
    made = taken(data, link_type=link_type, cut=cut)
    assert made.messages == [SipMessage(1, "", (b"", 0), (b"", 0), "", b"", refusal, "", (1,), 1.0)]
    assert made.told == [None]
    quiet = taken(data.replace(b"SIP/2.0", b"Sip/2.0"), link_type=link_type, cut=cut)
    assert (quiet.messages, quiet.told) == ([], [None])


@pytest.mark.parametrize("data", [b"", b"\0", arriving()[:14], arriving()[:15], arriving()[:33], bytes(60), VOICE, ipv6(44, b"\x11\0")])
def test_what_has_no_message_is_left(data: bytes) -> None:
    made = taken(data)
    assert (made.messages, made.told) == ([], [None])


def stream(port: int = 5060) -> bytes:
    """A message in a segment, from port 40000."""
    return ethernet(Connection(("10.0.0.5", 40000), ("10.0.0.1", port)).send(BYE)[0])


@pytest.mark.parametrize(
    ("data", "link_type", "ports"),
    [
        (arriving(), 1, {5060}),
        (frame(BYE, ("10.0.0.5", 5070)), 1, {5060, 5070}),
        (stream(), 1, {5060, 40000}),
        (packet(data(OVER_SCTP)), 1, {5060}),
        (ethernet(Flow(AGENT, SERVER).packet(HEP + BYE)), 1, {5060}),
        (EXPORTED + BYE, LINK_TYPE, {5060}),
    ],
)
def test_ports_of_either_end_are_looked_at(data: bytes, link_type: int, ports: set[int]) -> None:
    """Of what somebody tells of it is the message's own, not the collector's; other frames are settled all the same."""
    for port in (5060, 5070, 40000, SERVER[1], AGENT[1], 9):
        assert len(taken(data, link_type=link_type, ports=(port, 7)).messages) == (port in ports), port


@pytest.mark.parametrize(
    "packets",
    [
        cut4((CALLER, PROXY), BYE, 0x4001, 200),
        list(reversed(cut4((CALLER, PROXY), BYE, 0x4002, 64))),
        cut6(IPV6, BYE, 0x4003, 200),
        cut6(IPV6, BYE, 0x4004, 64, True),
    ],
)
def test_a_message_in_fragments(packets: list[bytes]) -> None:
    made = Taken()
    (one,) = made.take(VOICE, *map(ethernet, packets))
    assert (one.data, one.kind, one.number) == (BYE, "BYE", len(packets) + 1)
    assert one.frames == tuple(range(2, len(packets) + 2))
    assert made.close().told == [None] * (len(packets) + 1)


def test_what_is_sent_in_the_place_of_fragments_is_as_long_as_they_were() -> None:
    made = Taken()
    parts = cut4((CALLER, PROXY), BYE, 0x4001, 200)
    other = Flow(PROXY, CALLER).fragments(BYE, 7, 65_528)[0]
    made.take(*map(ethernet, parts), instead=[other])
    head = ethernet(parts[0])[:14]
    assert made.close().told == [*[[]] * (len(parts) - 1), [head + one for one in Flow(PROXY, CALLER).fragments(BYE, 7, 200)]]


@pytest.mark.parametrize("times", [1, 2, 3, 4])
def test_fragments_in_fragments(times: int) -> None:
    made = taken(*nested(times))
    assert [(one.data, one.frames) for one in made.messages] == [(BYE, tuple(range(1, 2**times + 1)))]
    assert made.told == [None] * 2**times


@pytest.mark.parametrize("times", [5, 6])
def test_fragments_in_fragments_in_more_of_them_are_refused(times: int) -> None:
    """Nobody sends that. What holds a word of SIP is told, by the frame that made it whole."""
    made = taken(*nested(times))
    assert {(one.kind, one.refusal) for one in made.messages} == {("", "IP fragment")}
    assert made.told == [None] * 2**times


def chain(times: int) -> bytes:
    """A packet in fragments that are all of one, one in the other: each stands in a tunnel in the one before it."""
    packet = Flow(*IPV6).packet(BYE)
    for number in range(times):
        packet = ipv6(44, fragment_header(41, 0, False, number) + packet)[14:]
    return packet


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_tunnel_in_a_fragment(pieces: int) -> None:
    """Be the fragment all of the packet, or not."""
    packet = chain(1)[48:]
    parts = [fragment_header(41, 0, False, 9) + packet] if pieces == 1 else halves([packet], 41)
    made = taken(*(ipv6(44, part) for part in parts))
    assert [(one.data, one.frames, one.refusal) for one in made.messages] == [(BYE, tuple(range(1, pieces + 1)), "")]


@pytest.mark.parametrize("times", [5, 900])
def test_fragments_in_tunnels_in_fragments_are_refused(times: int) -> None:
    """However many there are in what was put together."""
    made = taken(*(ipv6(44, part) for part in halves([chain(times)], 41)))
    assert [one.refusal for one in made.messages] == ["IP fragment"]
    assert made.told == [None, None]


def test_fragments_that_come_to_nothing_are_counted_and_stay() -> None:
    parts = [ethernet(part) for part in cut4((CALLER, PROXY), BYE, 0x4001, 200)]
    made = taken(parts[0], parts[0][:20] + b"\x20\x01" + parts[0][22:41], parts[1])
    assert made.messages == []
    assert made.told == [None] * 3
    assert made.transports.counts == {
        "IP fragments given up: fragment truncated by the capture": 1,
        "IP fragments given up: the rest did not come": 2,
    }


def test_fragments_that_are_no_longer_waited_for() -> None:
    """The places in a buffer for which others wait are settled; in another one they are not."""
    made = Taken()
    parts = [ethernet(part) for part in cut4((CALLER, PROXY), BYE, 0x4001, 200)]
    made.take(parts[0], packet(data(OVER_SCTP[:200], 1, True, False)))
    made.take(ethernet(Connection(("10.0.0.5", 40000), PROXY).send(BYE, (200,))[0]))
    assert (made.held.open, made.told) == (3, [])
    other = HeldBatch(made.held.batch, made.held.write)
    made.transports.give_up_waiting(other)
    assert made.held.open == 3
    made.transports.give_up_waiting(made.held)
    assert (made.held.open, made.told) == (0, [None] * 3)
    made.take(*parts[1:])
    assert made.close().messages == []


@pytest.mark.parametrize("around", [vxlan, ip_in_ip])
def test_a_packet_in_a_tunnel(around: Callable[[bytes], bytes]) -> None:
    (one,) = taken(around(arriving()[14:])).messages
    assert one[:8] == (1, "udp", *ENDS, "BYE", BYE, "", "")


def test_fragments_in_tunnels() -> None:
    """They come together wherever each of them was; what is sent in their place stands in the first one's tunnel."""
    made, parts = Taken(), cut4((CALLER, PROXY), BYE, 0x4001, 200)
    (one,) = made.take(vxlan(parts[0]), *map(ethernet, parts[1:]), instead=[arriving()[14:]])
    assert (one.data, one.frames) == (BYE, tuple(range(1, len(parts) + 1)))
    *others, last = made.close().told
    assert others == [[]] * (len(parts) - 1)
    assert last is not None
    assert {frame[34:38].hex() for frame in last} == {vxlan(parts[0])[34:38].hex()}


@pytest.mark.parametrize("decap", [False, True])
def test_a_tunnel_in_fragments(decap: bool) -> None:
    """The outer packet was cut. Left out with all that is around it, the packet stands behind the link header of the first fragment."""
    made, whole = Taken(decap=decap), vxlan(arriving()[14:])
    whole = whole[:20] + b"\0\0" + whole[22:]
    parts = fragment(whole, 1, 300)
    (one,) = made.take(*parts)
    assert (one.data, one.frames) == (BYE, tuple(range(1, len(parts) + 1)))
    *others, last = made.close().told
    if decap:
        assert others == [[]] * (len(parts) - 1)
        assert last is not None
        assert b"".join(frame[34:] for frame in last) == arriving()[34:]
        assert {frame[:14] for frame in last} == {whole[:14]}
    else:
        assert (others, last) == ([None] * (len(parts) - 1), None)


@pytest.mark.parametrize("decap", [False, True])
def test_only_what_is_in_a_tunnel_loses_one(decap: bool) -> None:
    made = Taken(decap=decap)
    made.take(vxlan(VOICE[14:]), VOICE)
    mine = [arriving()[:12], VOICE[14:]]
    told = made.close().told
    assert told == ([[mine[0] + b"\x08\x00" + mine[1]], None] if decap else [None, None])


def test_what_is_cut_to_the_mtu() -> None:
    made = Taken(mtu=200)
    other = Flow(PROXY, CALLER).packet(BYE, 7)
    made.take(arriving(), instead=[other])
    assert made.close().told == [[arriving()[:14] + one for one in Flow(PROXY, CALLER).fragments(BYE, 7, 176)]]


def test_what_cannot_follow_is_counted_and_its_frames_stay() -> None:
    made = Taken(mtu=24)
    made.take(arriving(), instead=[arriving()[14:]])
    assert made.close().told == [None]
    assert made.transports.counts == {"frames that cannot follow: ValueError": 1}


@pytest.mark.parametrize(("data", "link_type"), [(ethernet(Flow(AGENT, SERVER).packet(HEP + BYE)), 1), (EXPORTED + BYE, LINK_TYPE)])
def test_what_somebody_else_saw(data: bytes, link_type: int) -> None:
    """Between the ends of the message; left out where it was sent on by itself."""
    made = Taken()
    (one,) = made.take(data, link_type=link_type, instead=[])
    assert one[:8] == (1, "udp", *ENDS, "BYE", BYE, "", "")
    assert made.close().told == [[]]
    assert taken(data.replace(BYE, b"\0" * 20), link_type=link_type).messages == []


def test_an_exported_record_that_is_none_is_of_no_link_type_that_is_read() -> None:
    (one,) = taken(EXPORTED[:-4] + BYE, link_type=LINK_TYPE).messages
    assert one.refusal == "link type that is not read"


def test_messages_in_a_connection() -> None:
    """In each segment what is whole with it; what is unfinished waits, and then comes to nothing."""
    made, talk = Taken(), Connection(("10.0.0.5", 40000), PROXY)
    segments = [*talk.open(), *talk.send(BYE + bye(2) + bye(3)[:50], (200, len(BYE)))]
    assert [len(made.take(ethernet(one))) for one in segments] == [0, 0, 0, 0, 1, 1]
    assert [(one.data, one.frames, one.connection) for one in made.messages] == [(BYE, (4, 5), "1"), (bye(2), (5, 6), "1")]
    assert made.close().told == [None] * 6
    assert sum(made.transports.counts.values()) == 1
    assert all(why.startswith("over TCP: ") for why in made.transports.counts)


def test_a_collectors_connection_is_looked_at_whatever_ports_are_asked_for() -> None:
    chunks = {
        1: b"\2",
        2: b"\x11",
        3: ENDS[0][0],
        4: ENDS[1][0],
        7: b"\x13\xc4",
        8: b"\x13\xc4",
        9: bytes(4),
        10: bytes(4),
        11: b"\1",
        15: BYE,
    }
    body = b"".join(bytes(3) + bytes([kind]) + (len(value) + 6).to_bytes(2, "big") + value for kind, value in chunks.items())
    told = b"HEP3" + (len(body) + 6).to_bytes(2, "big") + body
    segments = list(map(ethernet, Connection(AGENT, SERVER).send(told, (100,))))
    (one,) = taken(*segments, ports=(5060,)).messages
    assert (one.transport, one.source, one.destination, one.data, one.connection) == ("udp", *ENDS, BYE, "")
    assert taken(*segments, ports=(9060,)).messages == []


def test_messages_in_an_association() -> None:
    """Chunks that are no SIP, and what never becomes whole, are settled too."""
    made = taken(
        packet(data(OVER_SCTP[:200], 1, True, False)),
        packet(data(OVER_SCTP[200:], 2, False), data(b"?", 3)),
        packet(data(OTHER, 9, True, False)),
    )
    assert [(one.transport, one.data, one.frames) for one in made.messages] == [("sctp", OVER_SCTP, (1, 2))]
    assert made.told == [None] * 3
    assert made.transports.counts == {"SCTP chunks given up: the rest of the message did not come": 1}


def everything() -> Iterable[bytes]:
    """Frames of every kind."""
    yield from (
        arriving(),
        VOICE,
        stream(),
        packet(data(OVER_SCTP)),
        ethernet(Flow(AGENT, SERVER).packet(HEP + BYE)),
        vxlan(arriving()[14:]),
    )
    yield from map(ethernet, cut4((CALLER, PROXY), BYE, 0x4001, 200))


@pytest.mark.parametrize("ports", [(), (9,)])
def test_every_place_is_settled_once_wherever_a_frame_ends(ports: tuple[int, ...]) -> None:
    """All lengths of every frame, as captured in part and as sent so."""
    for cut in (True, False):
        made = Taken(ports)
        for one in everything():
            made.take(*(one[:end] for end in range(0, len(one), 7)), one, cut=cut)
        made.close()
        assert {one.kind for one in made.messages} == ({""} if ports else {"", "BYE"})
