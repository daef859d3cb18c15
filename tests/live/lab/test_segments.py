"""SIP messages out of TCP segments."""

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from scapy_rr.live.lab.segments import Segment, Streams, read_segment, spell

MESSAGES = [f"OPTIONS sip:a@b SIP/2.0\r\nCSeq: {number} OPTIONS\r\nContent-Length: 4\r\n\r\nbody".encode() for number in range(4)]
ENDS = "10.0.0.1:5060", "10.0.0.2:5060"


def segments(start: int, *payloads: bytes) -> list[Segment]:
    """Those that carry these, one behind the other."""
    made, at = [], start
    for payload in payloads:
        made.append(Segment(*ENDS, at % 2**32, False, payload))
        at += len(payload)
    return made


def fed(parts: list[Segment]) -> list[bytes]:
    streams = Streams()
    return [message for part in parts for message in streams.feed(part)]


@pytest.mark.parametrize("below", [IP(src="10.0.0.1", dst="10.0.0.2"), IPv6(src="fd00::1", dst="fd00::2")])
def test_read(below: IP | IPv6) -> None:
    options = [("NOP", None), ("NOP", None), ("Timestamp", (1, 2))]
    packet = bytes(below / TCP(sport=5060, dport=32768, seq=7, flags="PA", options=options) / b"said")
    ends = ("[fd00::1]:5060", "[fd00::2]:32768") if below.version == 6 else ("10.0.0.1:5060", "10.0.0.2:32768")
    # Behind a link header, and before its padding.
    assert read_segment(b"link" + packet + b"\0\0\0", 4) == Segment(*ends, 7, False, b"said")
    opening = read_segment(bytes(below / TCP(sport=5060, dport=32768, seq=9, flags="S")), 0)
    assert opening == Segment(*ends, 9, True, b"")
    headers = len(packet) - len(b"said") - 12
    for cut in range(headers):
        assert read_segment(packet[:cut], 0) is None


def test_spelled() -> None:
    assert spell(bytes([10, 0, 0, 1]), 5060) == "10.0.0.1:5060"
    assert spell(bytes(15) + b"\1", 5060) == "[::1]:5060"


def test_one_message_each() -> None:
    assert fed([Segment(*ENDS, 99, True, b""), *segments(100, *MESSAGES)]) == MESSAGES


@given(cuts=st.lists(st.integers(1, sum(map(len, MESSAGES)) - 1), max_size=12), start=st.sampled_from([1, 2**32 - 20]), seed=st.integers())
def test_however_it_is_cut_and_ordered(cuts: list[int], start: int, seed: int) -> None:
    """Some come twice, too."""
    whole = b"".join(MESSAGES)
    edges = sorted({0, *cuts, len(whole)})
    parts = segments(start, *(whole[one:other] for one, other in pairwise(edges)))
    shuffled = [*parts, *parts[::2]]
    random.Random(seed).shuffle(shuffled)
    opening = Segment(*ENDS, (start - 1) % 2**32, True, b"")
    assert fed([opening, *shuffled]) == MESSAGES


def test_what_overlaps_is_taken_once() -> None:
    whole = b"".join(MESSAGES)
    parts = [Segment(*ENDS, 1, False, whole[:50]), Segment(*ENDS, 21, False, whole[20:90]), Segment(*ENDS, 1, False, whole)]
    assert fed(parts) == MESSAGES


def test_directions_are_apart() -> None:
    streams = Streams()
    assert list(streams.feed(Segment("a:1", "b:2", 1, False, MESSAGES[0][:30]))) == []
    assert list(streams.feed(Segment("b:2", "a:1", 1, False, MESSAGES[1]))) == [MESSAGES[1]]
    assert list(streams.feed(Segment("a:1", "b:2", 31, False, MESSAGES[0][30:]))) == [MESSAGES[0]]


def test_what_is_no_sip_is_passed_over() -> None:
    assert fed(segments(1, b"GET / HTTP/1.1\r\n\r\n", b"\r\n\r\n", MESSAGES[0])) == [MESSAGES[0]]


def test_what_never_comes_is_given_up() -> None:
    """Segments behind a lost one are held, but not endlessly."""
    streams = Streams()
    list(streams.feed(Segment(*ENDS, 0, True, b"")))
    for number in range(3000):
        assert list(streams.feed(Segment(*ENDS, 10 + 2 * number, False, b"x"))) == []
    assert len(streams._streams[ENDS].ahead) == 1024
