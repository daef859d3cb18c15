"""One direction of a connection as SIP: where messages begin and end, and what is kept until they are whole."""

import zlib
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.capture.sip_stream import (
    COMPRESSED,
    ENDED,
    GAP,
    UNREADABLE,
    WAITED,
    SipStream,
    StreamMessage,
)
from scapy_rr.wire import hep
from scapy_rr.wire.connection_edit import EVERYTHING

from ..pcapmaker import websocket

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
TWO = b"SIP/2.0 200 OK\r\nl:0\r\n\r\n"
END = (b"\x0a\0\0\5", 5060), (b"\x0a\0\0\1", 5060)
UPGRADE = websocket.request()
ANSWER = websocket.answer().replace(b"sip\r\n", b"sip\r\nSec-WebSocket-Extensions: permessage-deflate\r\n")
MASK = b"\1\2\3\4"


def fed(stream: SipStream, pieces: Iterable[bytes], at: int = 0) -> list[StreamMessage]:
    """What is found in pieces that follow each other."""
    found = []
    for piece in pieces:
        found += stream.feed(at, piece)
        at += len(piece)
    return found


def deflated(payload: bytes) -> bytes:
    """A compressed message as one frame that a client masks (RFC 7692 7.2.1)."""
    packer = zlib.compressobj(wbits=-15)
    data = packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)
    whole = websocket.frame(data[:-4], mask=MASK)
    return bytes([whole[0] | 0x40]) + whole[1:]


# What pieces hold, and where each message begins in all of them.
STREAMS: dict[str, tuple[list[bytes], list[tuple[int, bytes]]]] = {
    "one": ([ONE], [(0, ONE)]),
    "two in one piece": ([ONE + TWO], [(0, ONE), (48, TWO)]),
    "cut in the method": ([b"OPT", ONE[3:]], [(0, ONE)]),
    "cut in the version": ([b"SI", TWO[2:]], [(0, TWO)]),
    "cut in the line end": ([ONE[:22], ONE[22:]], [(0, ONE)]),
    "cut in the body": ([ONE[:-2], ONE[-2:] + TWO], [(0, ONE), (48, TWO)]),
    "line ends before": ([b"\r\n\r\n" + ONE], [(4, ONE)]),
    "keep-alives between": ([ONE + b"\r\n\r", b"\n" + TWO], [(0, ONE), (52, TWO)]),
    "a keep-alive in the middle of a body": ([ONE[:-2] + b"\r\n", TWO], [(0, ONE[:-2] + b"\r\n"), (48, TWO)]),
    "from the middle": ([b"tent-Length: 0\r\n\r\n", ONE], [(18, ONE)]),
    "from the middle of a segment": ([b"x: y\r\n\r\nv=0\r\n" + TWO + ONE], [(13, TWO), (36, ONE)]),
    "behind another length than it has": ([TWO + b"surplus\r\n" + ONE + b"\0more", TWO], [(0, TWO), (32, ONE), (85, TWO)]),
    "no SIP between": ([ONE, b"\0\1\2\3", TWO], [(0, ONE), (52, TWO)]),
    "no SIP behind": ([ONE + b"\0\1\2\3", TWO], [(0, ONE), (52, TWO)]),
    "text that is no SIP": ([b"hello world\r\n", ONE], [(13, ONE)]),
    "no Content-Length": ([b"BYE sip:a SIP/2.0\r\n\r\n" + TWO], [(0, b"BYE sip:a SIP/2.0\r\n\r\n"), (21, TWO)]),
    "HTTP": ([b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ONE], [(27, ONE)]),
    "nothing": ([b""], []),
    "only line ends": ([b"\r\n", b"\r\n"], []),
}


@pytest.mark.parametrize("name", STREAMS)
def test_where_messages_begin(name: str) -> None:
    pieces, wanted = STREAMS[name]
    lost: Counter[str] = Counter()
    stream = SipStream(lost)
    found = fed(stream, pieces)
    assert [(one.start, one.message) for one in found] == wanted
    assert all((one.raw, one.fixed, one.pdu, one.carried(b"other")) == (one.message, "", None, b"other") for one in found)
    assert (stream.settled, stream.held, stream.is_open, lost) == (sum(map(len, pieces)), 0, False, {})


@given(st.lists(st.sampled_from([ONE, TWO, b"\r\n\r\n", b"\r\n"]), max_size=8), st.data())
def test_any_cutting_finds_the_same(parts: list[bytes], data: st.DataObject) -> None:
    text = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=20)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    wanted = [part for part in parts if part not in (b"\r\n\r\n", b"\r\n")]
    for one in (pieces, [text[at : at + 1] for at in range(len(text))]):
        found = fed(SipStream(Counter()), one)
        assert [message.message for message in found] == wanted
        assert all(text[message.start :].startswith(message.raw) for message in found)


def test_what_is_not_whole_is_not_settled() -> None:
    stream = SipStream(Counter())
    steps = []
    at = 0
    for piece in (b"\r\nOP", ONE[2:30], ONE[30:] + TWO[:5], TWO[5:]):
        stream.feed(at, piece)
        at += len(piece)
        steps.append((stream.settled, stream.held, stream.is_open))
    assert steps == [(2, 2, False), (2, 30, True), (50, 5, True), (73, 0, False)]


@pytest.mark.parametrize(
    "bad",
    [
        b"INVITE sip:a SIP/2.0\r\nno colon\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nContent-Length: x\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
        b"INVITE sip:a SIP/2.0\r\nX: " + bytes(70_000),
    ],
)
def test_behind_what_cannot_be_read_it_goes_on_with_a_segment(bad: bytes) -> None:
    lost: Counter[str] = Counter()
    stream = SipStream(lost)
    assert [(one.start, one.message) for one in fed(stream, [bad, ONE])] == [(len(bad), ONE)]
    assert lost == {UNREADABLE: 1}
    # With a message before it, the fault is only told with the next piece: that piece is read all the same.
    lost.clear()
    assert [one.message for one in fed(SipStream(lost), [TWO + bad, ONE, TWO])] == [TWO, ONE, TWO]
    assert lost == {UNREADABLE: 1}


def test_behind_a_gap_messages_are_seen_but_stay() -> None:
    lost: Counter[str] = Counter()
    stream = SipStream(lost)
    assert fed(stream, [ONE, TWO[:9]])[0].fixed == ""
    stream.skip()
    assert stream.held == 0
    found = fed(stream, [b"d\r\n\r\n", ONE + TWO], 200)
    assert [(one.start, one.message, one.fixed) for one in found] == [(205, ONE, GAP), (253, TWO, GAP)]
    stream.skip()
    assert (stream.passed, lost) == (EVERYTHING, {GAP: 1})


def test_of_other_streams_no_gap_is_told() -> None:
    lost: Counter[str] = Counter()
    one, two = SipStream(lost), SipStream(lost)
    one.peer, two.peer = two, one
    one.skip()
    assert lost == {}
    fed(two, [ONE])
    one.skip()
    assert lost == {GAP: 1}


def test_what_began_too_early_stays_and_the_rest_does_not() -> None:
    stream = SipStream(Counter())
    assert fed(stream, [ONE[:10]]) == []
    stream.let_pass(10, WAITED)
    stream.let_pass(5, ENDED)
    found = fed(stream, [ONE[10:] + TWO], 10)
    assert [(one.message, one.fixed) for one in found] == [(ONE, WAITED), (TWO, "")]


# WebSocket.


def handshaken(*offers: bytes) -> tuple[SipStream, SipStream, Counter[str]]:
    """The client's and the server's direction, behind a handshake."""
    lost: Counter[str] = Counter()
    client, server = SipStream(lost), SipStream(lost)
    client.peer, server.peer = server, client
    request, answer = offers or (UPGRADE, websocket.answer())
    assert fed(client, [request]) == fed(server, [answer]) == []
    return client, server, lost


def test_messages_in_a_websocket() -> None:
    client, server, lost = handshaken()
    assert (client.transport, server.transport) == ("ws", "ws")
    at = len(UPGRADE)
    parts = [websocket.frame(ONE, mask=MASK), websocket.frame(b"?", websocket.PING, MASK), websocket.frame(TWO, websocket.BINARY, MASK)]
    found = fed(client, [b"".join(parts)], at)
    assert [(one.start, one.raw, one.message) for one in found] == [
        (at, parts[0], ONE),
        (at + len(parts[0]) + len(parts[1]), parts[2], TWO),
    ]
    assert found[0].carried(TWO) == websocket.frame(TWO, mask=MASK)
    assert found[1].carried(b"") == b""
    assert (client.settled, client.held, lost) == (at + sum(map(len, parts)), 0, {})
    assert server.wrapped(TWO) == websocket.frame(TWO)
    assert SipStream(lost).wrapped(TWO) == TWO


@pytest.mark.parametrize("size", [1, 7, 400])
def test_a_websocket_in_any_pieces(size: int) -> None:
    """The handshake among them; a message in fragments with a ping between them is one."""
    first, second = websocket.fragments(ONE, (20,), [MASK, MASK])
    ping = websocket.frame(b"?", websocket.PING, MASK)
    text = UPGRADE + first + ping + second + websocket.frame(TWO, mask=MASK)
    found = fed(SipStream(Counter()), [text[at : at + size] for at in range(0, len(text), size)])
    assert [(one.start, one.raw, one.message) for one in found] == [
        (len(UPGRADE), first + ping + second, ONE),
        (len(UPGRADE + first + ping + second), websocket.frame(TWO, mask=MASK), TWO),
    ]
    assert found[0].carried(b"") == ping


def test_other_messages_of_a_websocket_are_passed_over() -> None:
    client, _, lost = handshaken()
    assert fed(client, [websocket.frame(b"hello", mask=MASK)], len(UPGRADE)) == []
    assert (client.held, lost) == (0, {})


def test_what_is_compressed_is_read_and_stays() -> None:
    """The client has ended its half of the handshake before the server has agreed."""
    client, _, lost = handshaken(UPGRADE, ANSWER)
    (found,) = fed(client, [deflated(ONE)], len(UPGRADE))
    assert (found.message, found.fixed, lost) == (ONE, COMPRESSED, {})


def test_nothing_is_compressed_where_nobody_agreed() -> None:
    client, _, lost = handshaken()
    assert fed(client, [deflated(ONE)], len(UPGRADE)) == []
    assert lost == {UNREADABLE: 1}


def test_behind_a_gap_a_websocket_goes_on_with_a_segment_that_begins_with_a_message() -> None:
    client, _, _ = handshaken()
    client.skip()
    frame = websocket.frame(ONE, mask=MASK)
    pieces = [frame[9:], b"\x81", websocket.frame(b"?", websocket.PING, MASK), frame, frame[:30], frame[30:]]
    found = fed(client, pieces, 5000)
    assert [(one.message, one.fixed) for one in found] == [(ONE, GAP), (ONE, GAP)]
    assert client.transport == "ws"


# HEP.


@pytest.mark.parametrize("size", [1, 50, 5000])
def test_messages_that_an_agent_tells(size: int) -> None:
    parts = [hep.make(ONE, *END, 1, 2), hep.make(b"no SIP", *END, 1, 2), hep.make(TWO, *END[::-1], 1, 2)]
    text = b"".join(parts)
    lost: Counter[str] = Counter()
    stream = SipStream(lost)
    found = fed(stream, [text[at : at + size] for at in range(0, len(text), size)])
    assert [(one.start, one.raw, one.message) for one in found] == [(0, parts[0], ONE), (len(parts[0] + parts[1]), parts[2], TWO)]
    assert found[1].pdu is not None
    assert (found[1].pdu.source, found[1].pdu.destination) == END[::-1]
    assert (stream.transport, stream.held, lost) == ("tcp", 0, {})
