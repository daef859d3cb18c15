"""What becomes of the frames that carried a packet: each is settled once, and the last one has what takes their place."""

from collections import Counter
from collections.abc import Sequence

import pytest

from scapy_rr.capture.bearer import Bearer, Frame
from scapy_rr.capture.carrier import Fragments, Link, Tunnel
from scapy_rr.capture.place import Emit, HeldBatch, Place
from scapy_rr.capture.reader import Batch, PcapRecords
from scapy_rr.capture.tunnels import find

from ..pcapmaker.frames import Flow
from .samples import Kept, pcap
from .tunnelled import AROUND_IPV4, around, inner, inner6

HEADER = bytes.fromhex("020000000001 020000000005 0800")
FLOW = Flow(("10.0.0.5", 5060), ("10.0.0.1", 5060))
TEXT = b"BYE sip:bob@10.0.0.1 SIP/2.0\r\n" * 4
OTHER = Flow(("10.0.0.1", 5060), ("10.0.0.9", 5060)).packet(b"ACK", 7)
PARTS = FLOW.fragments(TEXT, 7, 48)


class Counted(Place):
    """A place that remembers what it was told, each time."""

    def __init__(self, held: HeldBatch | None = None) -> None:
        held = held or buffer()
        super().__init__(held, held.batch.before, next(held.batch.frames(b"")), Emit.REPLACE)
        self.told: list[list[bytes] | None] = []

    def settle(self, instead: list[bytes] | None = None) -> None:
        """Remember it."""
        self.told.append(instead)
        super().settle(instead)


def buffer() -> HeldBatch:
    """A buffer with one frame."""
    return HeldBatch(Batch(pcap([Kept(0, 0, 4, b"came")])[24:], PcapRecords("<", 1)), lambda data, longest: None)


def three(carrier: Link | Fragments | Tunnel) -> tuple[Bearer, list[Counted]]:
    """What came in three frames."""
    places = [Counted() for _ in PARTS]
    frames = [Frame(number, HEADER + part, 1, 1.0, place=place) for number, part, place in zip((4, 2, 9), PARTS, places, strict=True)]
    return Bearer(tuple(frames), carrier, Counter()), places


@pytest.mark.parametrize(
    ("packets", "told"),
    [
        (None, [None, None, None]),
        ([], [[], [], []]),
        ([OTHER], [[], [], [HEADER + OTHER]]),
        ([OTHER, OTHER], [[], [], [HEADER + OTHER, HEADER + OTHER]]),
    ],
)
def test_what_takes_the_place_of_several_frames_stands_in_that_of_the_last(
    packets: Sequence[bytes] | None, told: list[list[bytes] | None]
) -> None:
    bearer, places = three(Fragments(Link(HEADER, b"", 1, 0), (48, 48, 32)))
    bearer.settle(packets)
    assert [place.told for place in places] == [[one] for one in told]
    assert bearer.lost == {}


def test_what_is_long_goes_in_fragments_as_it_came() -> None:
    bearer, places = three(Fragments(Link(HEADER, b"", 1, 0), (48, 48, 32)))
    bearer.settle(FLOW.fragments(TEXT, 7, 65_528))
    assert places[2].told == [[HEADER + part for part in PARTS]]


def test_its_frames_and_its_last_frame() -> None:
    """The last one is that which came last, whatever its number."""
    bearer, _ = three(Link(HEADER, b"", 1, 0))
    assert bearer.numbers == (4, 2, 9)
    assert bearer.last.number == 9
    assert (bearer.packet, bearer.instead) == (b"", None)


@pytest.mark.parametrize("packets", [None, [inner()]])
def test_a_tunnel_is_left_out_of_what_stays_too(packets: list[bytes] | None) -> None:
    link_type, headers = AROUND_IPV4["VXLAN"]
    one = find(around(headers, inner()), link_type)
    assert one is not None
    place = Counted()
    bearer = Bearer((Frame(1, around(headers, inner()), 1, 1.0, place=place),), Tunnel(one, None, 1, 0, True), Counter())
    bearer.packet = one.packet
    bearer.settle(packets)
    assert place.told == [[bytes.fromhex("020000000002 020000000001 0800") + inner()]]


@pytest.mark.parametrize(
    ("carrier", "packet", "reason"),
    [
        (Link(HEADER, b"", 1, 24), PARTS[0], "ValueError"),
        (Fragments(Link(HEADER, b"", 1, 24), (48,)), PARTS[0], "ValueError"),
    ],
)
def test_what_cannot_be_carried_is_counted_and_the_frames_stay(carrier: Link | Fragments, packet: bytes, reason: str) -> None:
    bearer, places = three(carrier)
    bearer.settle([packet])
    assert [place.told for place in places] == [[None], [None], [None]]
    assert bearer.lost == {f"frames that cannot follow: {reason}": 1}


def test_a_tunnel_with_no_place_for_a_packet_names_why() -> None:
    link_type, headers = AROUND_IPV4["VXLAN"]
    one = find(around(headers, inner()), link_type)
    assert one is not None
    bearer, places = three(Tunnel(one, None, 1, 0, False))
    bearer.settle([inner(), inner6()])
    assert [place.told for place in places] == [[None], [None], [None]]
    assert bearer.lost == {"frames that cannot follow: NotRewritable": 1}


def test_without_a_place_nothing_is_made() -> None:
    """Who only reads has none; nothing is counted as lost then."""
    lost = Counter[str]()
    Bearer((Frame(1, HEADER + PARTS[0], 1, 1.0),), Link(HEADER, b"", 1, 24), lost).settle([PARTS[0]])
    assert lost == {}


def test_in_which_buffers_it_is() -> None:
    """Until its places are settled."""
    held, another, third = buffer(), buffer(), buffer()
    frames = Frame(1, b"", 1, 0.0, place=Counted(held)), Frame(2, b"", 1, 0.0, place=Counted(another)), Frame(3, b"", 1, 0.0)
    bearer = Bearer(frames, Link(b"", b"", 101, 0), Counter())
    assert [bearer.is_in(one) for one in (held, another, third)] == [True, True, False]
    assert frames[0].place
    frames[0].place.settle()
    assert [bearer.is_in(one) for one in (held, another, third)] == [False, True, False]
