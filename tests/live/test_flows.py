"""The messages in TCP connections that are only watched: in order, whatever the network does with the segments."""

import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.live.flows import Flows, Segment, read

A, B = b"\x0a\x00\x00\x05", b"\x0a\x00\x00\x01"
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
FIRST = 4_294_967_000
"""Near enough to the end for the numbers to begin anew."""


def message(number: int, body: int = 0) -> bytes:
    """A request of its own."""
    return b"BYE sip:b@10.0.0.9 SIP/2.0\r\nCSeq: %d BYE\r\nContent-Length: %d\r\n\r\n" % (number, body) + b"x" * body


def segment(at: int, payload: bytes, flags: int = ACK, port: int = 40000) -> Segment:
    """One from A to B, ``at`` bytes behind the first."""
    return Segment(A, port, B, 5060, (FIRST + at) % (1 << 32), flags, payload)


def frame(payload: bytes, version: int = 4, options: bytes = b"", padding: bytes = b"", no_length: bool = False) -> bytes:
    """An Ethernet frame with a segment."""
    tcp = struct.pack(">HHIIBBHHH", 40000, 5060, 7, 9, (5 + len(options) // 4) << 4, ACK, 0, 0, 0) + options + payload
    if version == 4:
        head = b"\x08\x00\x45\x00" + struct.pack(">H", 0 if no_length else 20 + len(tcp)) + bytes([0, 0, 0, 0, 64, 6, 0, 0]) + A + B
    else:
        head = b"\x86\xdd\x60\0\0\0" + struct.pack(">HBB", 0 if no_length else len(tcp), 6, 64) + A * 4 + B * 4
    return bytes(12) + head + tcp + padding


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("options", [b"", b"\x01" * 12])
@pytest.mark.parametrize(("padding", "no_length"), [(b"", False), (b"\0" * 4, False), (b"", True)])
def test_a_segment_is_read(version: int, options: bytes, padding: bytes, no_length: bool) -> None:
    times = 1 if version == 4 else 4
    expected = Segment(A * times, 40000, B * times, 5060, 7, ACK, b"payload")
    assert read(frame(b"payload", version, options, padding, no_length), 1) == expected


@pytest.mark.parametrize(
    "data",
    [b"", bytes(14), frame(b"x")[:20], frame(b"x")[:40], frame(b"x" * 9)[:-1], frame(b"x").replace(b"\x40\x06", b"\x40\x11")],
    ids=["nothing", "not IP", "half an IP header", "half a TCP header", "half a payload", "UDP"],
)
def test_what_is_no_segment(data: bytes) -> None:
    assert read(data, 1) is None


@given(st.binary(max_size=80), st.sampled_from([0, 1, 101, 113, 999]))
def test_whatever_comes(data: bytes, link_type: int) -> None:
    found = read(data, link_type)
    assert found is None or isinstance(found.payload, bytes)


def test_messages_in_one_segment_and_over_several() -> None:
    flows, stream = Flows(), message(1) + message(2, 1000) + message(3)
    cuts = [0, len(message(1)) + 500, len(stream) - 10, len(stream)]
    parts = [flows.messages(segment(start, stream[start:end])) for start, end in pairwise(cuts)]
    assert parts == [[message(1)], [message(2, 1000)], [message(3)]]


def test_a_connection_is_known_from_its_first_message_on() -> None:
    """What began before somebody watched, and what is no SIP, is passed over."""
    flows = Flows()
    assert flows.messages(segment(0, b"half of a message\r\n\r\n")) == []
    assert flows.messages(segment(0, b"GET / HTTP/1.1\r\n\r\n", port=40001)) == []
    assert len(flows) == 0
    assert flows.messages(segment(21, message(1))) == [message(1)]


def test_the_other_direction_is_another_one() -> None:
    flows, first = Flows(), message(1)
    answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert flows.messages(segment(0, first[:30])) == []
    assert flows.messages(Segment(B, 5060, A, 40000, 99, ACK, answer)) == [answer]
    assert flows.messages(segment(30, first[30:])) == [first]


def test_what_comes_twice_counts_once() -> None:
    flows, stream = Flows(), message(1) + message(2)
    assert flows.messages(segment(0, stream[:30])) == []
    assert flows.messages(segment(0, stream[:30])) == []
    assert flows.messages(segment(10, stream[10:])) == [message(1), message(2)]
    assert flows.messages(segment(30, stream[30:])) == []


@given(st.integers(0, 1000), st.integers(1, 60))
def test_in_whatever_order_they_come(seed: int, size: int) -> None:
    """The first one is the first: before it nobody knows that this is SIP."""
    stream = b"".join(message(number, number * 7) for number in range(4))
    line = stream.index(b"\n") + 1
    parts = [segment(0, stream[:line]), *(segment(at, stream[at : at + size]) for at in range(line, len(stream), size))]
    chance = random.Random(seed)
    # Not further apart than is waited for.
    order = [parts[0], *sorted(parts[1:], key=lambda one: (one.sequence - FIRST) % (1 << 32) + chance.random() * 20 * size)]
    flows = Flows()
    found = [one for part in order for one in flows.messages(part)]
    assert found == [message(number, number * 7) for number in range(4)]
    assert not flows.lost


def test_a_part_that_was_not_seen_ends_it_and_the_next_message_begins_anew() -> None:
    flows = Flows()
    flows.messages(segment(0, message(1)[:30]))
    for number in range(40):
        flows.messages(segment(1000 + number, b"x"))
    assert flows.lost == {"streams that could not be read on": 1}
    assert flows.messages(segment(5000, message(2))) == [message(2)]


def test_what_is_no_sip_behind_a_message_ends_it() -> None:
    flows = Flows()
    assert flows.messages(segment(0, message(1) + b"nonsense\r\n\r\n")) == [message(1)]
    assert flows.messages(segment(len(message(1)) + 12, b"more")) == []
    assert flows.lost == {"streams that could not be read on": 1}


@pytest.mark.parametrize("flags", [FIN | ACK, RST])
def test_its_end_is_the_end(flags: int) -> None:
    flows = Flows()
    flows.messages(segment(0, message(1)))
    assert flows.messages(segment(len(message(1)), message(2), flags)) == [message(2)]
    assert len(flows) == 0


def test_one_of_the_same_ports_begins_anew() -> None:
    flows = Flows()
    flows.messages(segment(0, message(1)[:30]))
    assert flows.messages(segment(90_000, b"", SYN)) == []
    assert flows.messages(segment(90_001, message(2))) == [message(2)]


def test_the_one_that_was_silent_longest_goes() -> None:
    flows = Flows(most=2)
    for port in (1, 2, 1, 3):
        flows.messages(segment(0, message(1)[:40], port=port))
    assert (len(flows), flows.lost) == (2, {"too many connections": 1})
    assert [flows.messages(segment(40, message(1)[40:], port=port)) for port in (1, 2, 3)] == [[message(1)], [], [message(1)]]


def test_more_than_is_followed() -> None:
    flows = Flows()
    endless = message(1, 9_999_999)[:1000]
    assert flows.messages(segment(0, endless)) == []
    flows.messages(segment(1000, b"x"))
    assert flows.lost == {"streams that could not be read on": 1}
    flows = Flows()
    head = b"BYE sip:b@10.0.0.9 SIP/2.0\r\n"
    flows.messages(segment(0, head))
    for number in range(200):
        flows.messages(segment(len(head) + 100 * number, b"X" * 100))
    assert flows.lost == {"streams that could not be read on": 1}
