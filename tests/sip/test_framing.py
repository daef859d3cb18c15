"""Messages out of a stream: Content-Length decides, whatever the chunks are."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.errors import SipParseError
from scapy_rr.sip.framing import StreamFramer, begins_message, is_whole

OPTIONS = b"OPTIONS sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n"
MESSAGE = b"MESSAGE sip:a SIP/2.0\r\nl: 10\r\n\r\nhi\r\n\r\nhi\r\n"
RESPONSE = b"SIP/2.0 200 OK\r\nContent-Length : 004\r\n\r\nv=0\n"
LONE_LF = b"MESSAGE sip:a SIP/2.0\nContent-Length:\n 2\n\nhi"

STREAMS: dict[str, tuple[bytes, list[bytes], bytes, int]] = {
    "one": (MESSAGE, [MESSAGE], b"", 0),
    "two in one segment": (MESSAGE + RESPONSE, [MESSAGE, RESPONSE], b"", 0),
    "without Content-Length there is no body": (OPTIONS + OPTIONS, [OPTIONS, OPTIONS], b"", 0),
    "a body that looks like the end of a message": (MESSAGE + OPTIONS, [MESSAGE, OPTIONS], b"", 0),
    "lone line feeds": (LONE_LF + OPTIONS, [LONE_LF, OPTIONS], b"", 0),
    "a blank line with a lone line feed before it": (
        b"OPTIONS sip:a SIP/2.0\nTo: a\n\r\n" + OPTIONS,
        [b"OPTIONS sip:a SIP/2.0\nTo: a\n\r\n", OPTIONS],
        b"",
        0,
    ),
    "keep-alives (RFC 5626 3.5.1) are no messages": (b"\r\n\r\n" + OPTIONS + b"\r\n", [OPTIONS], b"", 3),
    "an unfinished header": (OPTIONS + b"INVITE sip:a", [OPTIONS], b"INVITE sip:a", 0),
    "an unfinished body": (OPTIONS + MESSAGE[:-1], [OPTIONS], MESSAGE[:-1], 0),
    "nothing": (b"", [], b"", 0),
}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(("stream", "messages", "pending", "keepalives"), STREAMS.values(), ids=STREAMS)
def test_chunks_do_not_matter(stream: bytes, messages: list[bytes], pending: bytes, keepalives: int, size: int) -> None:
    framer = StreamFramer()
    found: list[bytes] = []
    for start in range(0, len(stream), size):
        found += framer.feed(stream[start : start + size])
    assert found == messages
    assert framer.pending == pending
    assert framer.keepalives == keepalives


def test_message_comes_with_its_last_byte() -> None:
    framer = StreamFramer()
    assert framer.feed(MESSAGE[:-1]) == []
    assert framer.feed(MESSAGE[-1:] + b"SIP") == [MESSAGE]
    assert framer.pending == b"SIP"


FAULTS: dict[str, tuple[bytes, str]] = {
    "no SIP": (b"GET / HTTP/1.1\r\n\r\n", "neither a request line nor a status line"),
    "a length that is no number": (b"BYE sip:a SIP/2.0\r\nl: -1\r\n\r\n", "Content-Length is no number"),
    "a body beyond the limit": (b"BYE sip:a SIP/2.0\r\nl: 101\r\n\r\n", "a body of 101 bytes is longer than 100"),
    "headers beyond the limit": (b"BYE sip:a SIP/2.0\r\nX: " + b"x" * 200, "the headers are longer than 200 bytes"),
    "whole headers beyond the limit": (b"BYE sip:a SIP/2.0\r\nX: " + b"x" * 200 + b"\r\n\r\n", "the headers are longer than 200 bytes"),
}


@pytest.mark.parametrize(("stream", "reason"), FAULTS.values(), ids=FAULTS)
def test_fault(stream: bytes, reason: str) -> None:
    framer = StreamFramer(max_headers=200, max_body=100)
    with pytest.raises(SipParseError, match=reason):
        framer.feed(stream)


def test_what_came_before_a_fault_is_not_lost() -> None:
    """The whole message is handed out first, then the fault is told, and told again: a stream out of step does not recover."""
    framer = StreamFramer()
    assert framer.feed(OPTIONS + b"junk\r\n\r\n") == [OPTIONS]
    for _ in range(2):
        with pytest.raises(SipParseError):
            framer.feed(b"")


def test_limits_are_inclusive() -> None:
    framer = StreamFramer(max_body=10)
    assert framer.feed(MESSAGE) == [MESSAGE]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("stream", [stream for stream, *_ in STREAMS.values()], ids=STREAMS)
def test_messages_are_where_they_are_said_to_be(stream: bytes, size: int) -> None:
    framer, end = StreamFramer(), 0
    for start in range(0, len(stream), size):
        chunk = stream[start : start + size]
        for at, message in framer.located(chunk):
            assert at >= end
            assert stream[at : at + len(message)] == message
            # Between them there are keep-alives, and nothing else.
            assert not stream[end:at].strip(b"\r\n")
            end = at + len(message)
        assert stream[: start + len(chunk)][framer.offset :] == framer.pending
    assert framer.offset == len(stream) - len(framer.pending)


def test_where_messages_begin() -> None:
    framer = StreamFramer()
    assert framer.located(b"\r\n\r\n" + OPTIONS + b"\r\n" + MESSAGE[:20]) == [(4, OPTIONS)]
    assert (framer.offset, framer.pending, framer.keepalives) == (4 + len(OPTIONS) + 2, MESSAGE[:20], 3)
    assert framer.located(MESSAGE[20:] + RESPONSE) == [(43, MESSAGE), (43 + len(MESSAGE), RESPONSE)]
    assert (framer.offset, framer.pending) == (43 + len(MESSAGE) + len(RESPONSE), b"")


def test_where_a_stream_went_wrong() -> None:
    """The offset stays at what cannot be read."""
    framer = StreamFramer()
    assert framer.located(b"\r\n" + OPTIONS + b"junk\r\n\r\n") == [(2, OPTIONS)]
    with pytest.raises(SipParseError):
        framer.located(b"more")
    assert (framer.offset, framer.pending) == (2 + len(OPTIONS), b"junk\r\n\r\nmore")


@pytest.mark.parametrize(
    ("chunk", "whole"),
    [
        *((one, True) for one in (OPTIONS, MESSAGE, RESPONSE, LONE_LF)),
        *((one, False) for one in (b"", b"\r\n" + OPTIONS, OPTIONS + b"\r\n", OPTIONS + RESPONSE, MESSAGE[:-1], OPTIONS[:-1])),
        *((stream, False) for name, (stream, _) in FAULTS.items() if "beyond" not in name),
    ],
)
def test_what_is_one_message_and_nothing_else(chunk: bytes, whole: bool) -> None:
    """Then the framer gives just that."""
    assert is_whole(chunk) == whole
    if whole:
        assert StreamFramer().feed(chunk) == [chunk]


@given(st.lists(st.sampled_from([OPTIONS, MESSAGE, RESPONSE, LONE_LF, b"\r\n", b"\n"]), max_size=8), st.data())
def test_any_cutting_gives_the_same_messages(parts: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(parts)
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12))), len(stream)]
    framer, found = StreamFramer(), list[tuple[int, bytes]]()
    for start, end in itertools.pairwise(cuts):
        found += framer.located(stream[start:end])
    assert found == StreamFramer().located(stream)
    assert [message for _, message in found] == [part for part in parts if part.strip(b"\r\n")]


@pytest.mark.parametrize(
    ("data", "begins"),
    [
        (b"INVITE sip:bob@example.com SIP/2.0\r\n", True),
        (b"SIP/2.0 200 OK\r\nVia: ", True),
        (b"", False),
        (b"INV", None),
        (b"INVITE sip:bob@exam", None),
        (b"SIP/2.0 200 O", None),
        (b"GET / HTTP/1.1\r\n", False),
        (b"Via: SIP/2.0/UDP 10.0.0.1\r\n", False),
        (b"\x16\x03\x01", False),
        (b"a" * 8191, None),
        (b"a" * 8192, False),
    ],
)
def test_whether_a_stream_begins_with_a_message(data: bytes, begins: bool | None) -> None:
    assert begins_message(data) is begins
