"""WebSocket streams: the examples of RFC 6455, every way to cut and to fragment, other messages put into their places, and Wireshark."""

import re
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.unit import Unit
from scapy_rr.wire.websocket import WebSocketError, WebSocketFramer, frame, replaced

from ..capture.samples import pcap
from ..pcapmaker import frames as link
from ..pcapmaker import websocket as other
from ..pcapmaker.tcp import Connection

KEY = bytes.fromhex("37 fa 21 3d")
HELLO, MASKED_HELLO = "81 05 48 65 6c 6c 6f", "81 85 37 fa 21 3d 7f 9f 4d 51 58"
PING, PONG = "89 05 48 65 6c 6c 6f", "8a 85 37 fa 21 3d 7f 9f 4d 51 58"


def read(stream: bytes, framer: WebSocketFramer | None = None) -> list[Unit]:
    """All at once; nothing is left."""
    framer = framer or WebSocketFramer()
    units = framer.feed(stream)
    assert framer.settled == len(stream)
    return units


# RFC 6455 5.7.
@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (bytes.fromhex(HELLO), b"Hello"),
        (bytes.fromhex(MASKED_HELLO), b"Hello"),
        (bytes.fromhex("01 03 48 65 6c 80 02 6c 6f"), b"Hello"),
        (bytes.fromhex("82 7e 0100") + bytes(range(256)), bytes(range(256))),
        (bytes.fromhex("82 7f 0000000000010000") + bytes(65536), bytes(65536)),
    ],
)
def test_examples(stream: bytes, message: bytes) -> None:
    assert read(stream) == [Unit(0, len(stream), message)]


@pytest.mark.parametrize(("stream", "number"), [(PING, 1), (PONG, 1), ("88 00", 1), (f"{PING} {PONG} {PING} 88 02 03e8", 4)])
def test_control_frames_are_counted(stream: str, number: int) -> None:
    framer = WebSocketFramer()
    assert read(bytes.fromhex(stream), framer) == []
    assert framer.control_frames == number


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        (f"{HELLO} {MASKED_HELLO}", [Unit(0, 7, b"Hello"), Unit(7, 18, b"Hello")]),
        (f"{PING} {HELLO} {PONG}", [Unit(7, 14, b"Hello")]),
        # A ping between fragments, and one before and behind.
        (f"{PING} 01 01 61 {PING} 80 01 62 {PING}", [Unit(7, 20, b"ab")]),
        # Each fragment has a key of its own.
        ("02 81 01000000 60 00 80 07070707 80 81 00000002 62", [Unit(0, 20, b"ab")]),
        # Nothing at all, in one frame and in three.
        ("81 00 01 00 00 00 80 80 37fa213d", [Unit(0, 2, b""), Unit(2, 12, b"")]),
        # Lengths in a longer form than needed.
        ("81 7e 0001 61 81 7f 0000000000000001 62", [Unit(0, 5, b"a"), Unit(5, 16, b"b")]),
    ],
)
def test_several_frames(stream: str, units: list[Unit]) -> None:
    assert read(bytes.fromhex(stream)) == units


SETTLED = [
    (HELLO, [0] * 6 + [7]),
    ("01 01 61 80 01 62", [0] * 5 + [6]),
    (f"01 01 61 {PING} 80 01 62 {PING} 81 00", [0] * 12 + [13] * 7 + [20] * 2 + [22]),
]


@pytest.mark.parametrize(("stream", "settled"), SETTLED)
def test_what_is_settled(stream: str, settled: list[int]) -> None:
    """Byte by byte: all up to the first message that is not whole, or half a control frame."""
    framer, found = WebSocketFramer(), []
    for byte in bytes.fromhex(stream):
        framer.feed(bytes([byte]))
        found.append(framer.settled)
    assert found == settled


# A header that cannot stand where it does; the payload need not be there.
FAULTS = {
    "83 00": "reserved opcode 3",
    "8b 80 00000000": "reserved opcode 11",
    "c1 00": "reserved bits to which no extension has given a meaning",
    "a1 00": "reserved bits to which no extension has given a meaning",
    "99 00": "reserved bits to which no extension has given a meaning",
    "80 00": "a fragment of a message that has not begun",
    "00 00": "a fragment of a message that has not begun",
    "09 00": "a fragment of a control frame",
    "89 7e 007e": "a control frame of 126 bytes",
    "88 fe 1000 37fa213d": "a control frame of 4096 bytes",
    "81 7e 0400": "a message of more than 1000 bytes",
    "82 ff ffffffffffffffff 37fa213d": "a message of more than 1000 bytes",
}


@pytest.mark.parametrize(("header", "reason"), FAULTS.items(), ids=FAULTS)
def test_faults(header: str, reason: str) -> None:
    """What came before is returned first; from then on every call raises. So it is however the stream is cut."""
    stream = bytes.fromhex(f"{PING} {HELLO} {header}")
    for size in (1, 10, 14, len(stream)):
        framer, units, raised = WebSocketFramer(max_message=1000), [], set()
        for begin in range(0, len(stream) + 2 * size, size):
            try:
                units += framer.feed(stream[begin : begin + size])
            except WebSocketError as error:
                raised.add((error.reason, error.offset, str(error)))
        assert (units, framer.settled) == ([Unit(7, 14, b"Hello")], 14)
        assert raised == {(reason, 14, f"{reason} (at byte 14 of the stream)")}
        with pytest.raises(WebSocketError, match=reason):
            framer.feed(b"more")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("81 00", "a message begins between the fragments of another"),
        ("02 00", "a message begins between the fragments of another"),
        ("80 05", "a message of more than 20 bytes"),
        ("89 10", "a message of more than 20 bytes"),
        ("c0 00", "reserved bits to which no extension has given a meaning"),
    ],
)
def test_faults_within_a_message(header: str, reason: str) -> None:
    """The fault is where its frame is, and nothing from the beginning of the message on is decided. All bytes of a message count."""
    framer = WebSocketFramer(max_message=20, deflate=True)
    assert framer.feed(bytes.fromhex(f"{HELLO} {PING} 01 01 61 {PING} 00 00 00 01 62")) == [Unit(0, 7, b"Hello")]
    with pytest.raises(WebSocketError, match=reason) as caught:
        framer.feed(bytes.fromhex(header))
    assert (caught.value.offset, framer.settled) == (29, 14)


def test_a_message_as_large_as_allowed() -> None:
    """A ping that belongs to none is not measured by it."""
    stream = bytes.fromhex(f"81 01 61 {PING} 01 00 80 01 61")
    assert [unit.message for unit in read(stream, WebSocketFramer(max_message=5))] == [b"a", b"a"]
    with pytest.raises(WebSocketError, match="a message of more than 4 bytes"):
        WebSocketFramer(max_message=4).feed(stream[10:])


# permessage-deflate: RFC 7692 7.2.3.


@pytest.mark.parametrize(
    ("stream", "units"),
    [
        ("c1 07 f2 48 cd c9 c9 07 00", [Unit(0, 9, b"Hello", False)]),
        ("41 03 f2 48 cd 80 04 c9 c9 07 00", [Unit(0, 11, b"Hello", False)]),
        (f"41 03 f2 48 cd {PING} 80 84 00000000 c9 c9 07 00", [Unit(0, 22, b"Hello", False)]),
        # The third refers to the first; what is not compressed is no part of it, and can be rewritten.
        (
            f"c1 07 f2 48 cd c9 c9 07 00 {HELLO} c1 05 f2 00 11 00 00",
            [Unit(0, 9, b"Hello", False), Unit(9, 16, b"Hello"), Unit(16, 23, b"Hello", False)],
        ),
    ],
)
def test_compressed_messages(stream: str, units: list[Unit]) -> None:
    assert read(bytes.fromhex(stream), WebSocketFramer(deflate=True)) == units


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\xff\xff\xff", "what is said to be compressed cannot be inflated"),
        (None, "a message of more than 1000 bytes when it is inflated"),
    ],
)
def test_what_cannot_be_inflated(payload: bytes | None, reason: str) -> None:
    """The fault is with the message, not with its last fragment alone."""
    if payload is None:
        compressor = zlib.compressobj(wbits=-15)
        payload = compressor.compress(bytes(1001)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    framer = WebSocketFramer(1000, deflate=True)
    framer.feed(bytes.fromhex(HELLO) + b"\x41\x01" + payload[:1])
    with pytest.raises(WebSocketError, match=reason) as caught:
        framer.feed(b"\x80" + bytes([len(payload) - 1]) + payload[1:])
    assert (caught.value.offset, framer.settled) == (7, 7)


# Frames that we write.


@pytest.mark.parametrize(
    ("payload", "mask", "text", "wanted"),
    [
        (b"Hello", None, True, bytes.fromhex(HELLO)),
        (b"Hello", KEY, True, bytes.fromhex(MASKED_HELLO)),
        (b"", None, False, b"\x82\x00"),
        (b"", KEY, False, b"\x82\x80" + KEY),
        (bytes(125), None, False, b"\x82\x7d" + bytes(125)),
        (bytes(126), None, False, b"\x82\x7e\x00\x7e" + bytes(126)),
        (bytes(65535), None, True, b"\x81\x7e\xff\xff" + bytes(65535)),
        (bytes(65536), None, True, b"\x81\x7f" + (65536).to_bytes(8, "big") + bytes(65536)),
        (bytes(65536), KEY, True, b"\x81\xff" + (65536).to_bytes(8, "big") + KEY + KEY * 16384),
    ],
)
def test_a_frame(payload: bytes, mask: bytes | None, text: bool, wanted: bytes) -> None:
    assert frame(payload, mask, text) == wanted


@pytest.mark.parametrize("mask", [b"", b"abc", b"abcde"])
def test_a_mask_that_is_none_is_refused(mask: bytes) -> None:
    with pytest.raises(ValueError, match=f"a mask has 4 bytes, not {len(mask)}"):
        frame(b"Hello", mask)


THREE = "01 02 6161 89 01 70 00 02 6262 8a 00 80 02 6363"
REPLACED = [
    (HELLO, b"Hello", HELLO),
    (HELLO, b"Bye", "81 03 427965"),
    (HELLO, b"", ""),
    (MASKED_HELLO, b"Hello!", "81 86 37fa213d 7f9f4d51 58db"),
    (THREE, b"", "89 01 70 8a 00"),
    (THREE, b"x", "01 01 78 89 01 70 00 00 8a 00 80 00"),
    (THREE, b"xy", "01 01 78 89 01 70 00 01 79 8a 00 80 00"),
    (THREE, b"xyz", "01 01 78 89 01 70 00 01 79 8a 00 80 01 7a"),
    (THREE, b"xxyz", "01 02 7878 89 01 70 00 01 79 8a 00 80 01 7a"),
    (THREE, b"xxyyz", "01 02 7878 89 01 70 00 02 7979 8a 00 80 01 7a"),
    (THREE, b"xxyyzzz", "01 02 7878 89 01 70 00 02 7979 8a 00 80 03 7a7a7a"),
    # A fragment that was empty stays so, except the last one where there is more than before.
    ("02 00 00 02 6161 80 00", b"x", "02 00 00 01 78 80 00"),
    ("02 00 00 02 6161 80 00", b"xyz", "02 00 00 02 7879 80 01 7a"),
    # Keys and the opcode stay with their frames.
    ("02 81 01000000 60 80 81 00000002 62", b"cba", "02 81 01000000 62 80 82 00000002 62 61"),
    # The shortest length, unless it is the same message.
    ("81 7e 0001 61", b"a", "81 7e 0001 61"),
    ("81 7e 0001 61", b"b", "81 01 62"),
]


@pytest.mark.parametrize(("original", "payload", "wanted"), REPLACED)
def test_another_message_in_its_place(original: str, payload: bytes, wanted: str) -> None:
    assert replaced(bytes.fromhex(original), payload).hex(" ") == bytes.fromhex(wanted).hex(" ")


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        ("", "no message that can be replaced"),
        (PING, "no message that can be replaced"),
        ("c1 07 f2 48 cd c9 c9 07 00", "no message that can be replaced"),
        (f"{HELLO} 81", "no whole frame at byte 7"),
        (HELLO[:-3], "no whole frame at byte 0"),
    ],
)
def test_what_cannot_be_replaced(original: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replaced(bytes.fromhex(original), b"Hello")


# Any stream. The other end is the one that makes our captures, and shares no code.


class Sent(NamedTuple):
    """A message, or a control frame that stands alone, as another end sends it."""

    stream: bytes
    message: bytes | None
    control: int
    """How many control frames are in it."""


masks = st.binary(min_size=4, max_size=4)
controls = st.builds(other.frame, st.binary(max_size=125), st.sampled_from([other.PING, other.PONG, other.CLOSE]), masks | st.just(b""))


@st.composite
def messages(draw: st.DrawFn) -> Sent:
    """Fragments of any size, all masked or none, with any control frames between."""
    payload = draw(st.binary(max_size=300) | st.integers(0, 70_000).map(lambda size: bytes(range(251)) * (size // 251)))
    sizes = draw(st.lists(st.integers(0, 200), max_size=4))
    keys = [draw(masks) for _ in range(len(sizes) + 1)] if draw(st.booleans()) else []
    first, *others = other.fragments(payload, sizes, keys, draw(st.sampled_from([other.TEXT, other.BINARY])))
    between = [draw(st.lists(controls, max_size=2)) for _ in others]
    stream = first + b"".join(b"".join(before) + one for before, one in zip(between, others, strict=True))
    return Sent(stream, payload, sum(map(len, between)))


streams = st.lists(messages() | controls.map(lambda stream: Sent(stream, None, 1)), max_size=4)


def expected(sent: Iterable[Sent]) -> list[Unit]:
    units, at = [], 0
    for one in sent:
        if one.message is not None:
            units.append(Unit(at, at + len(one.stream), one.message))
        at += len(one.stream)
    return units


@given(streams, st.data())
def test_any_stream_cut_anywhere(sent: list[Sent], data: st.DataObject) -> None:
    """A unit comes with its last byte; what is settled only grows, and never reaches into a message that is not whole."""
    stream, units = b"".join(one.stream for one in sent), expected(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    framer, found, settled = WebSocketFramer(), [], 0
    for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += framer.feed(stream[begin:end])
        assert found == [unit for unit in units if unit.end <= end]
        assert settled <= framer.settled <= end
        settled = framer.settled
        assert not any(unit.start < settled < unit.end for unit in units)
    assert (settled, framer.control_frames) == (len(stream), sum(one.control for one in sent))


@given(messages(), st.binary(max_size=600) | st.just(bytes(70_000)))
def test_any_message_in_any_place(sent: Sent, payload: bytes) -> None:
    """It is read again, its control frames are as they were, and as many fragments as there were; the message itself changes nothing."""
    again = replaced(sent.stream, payload)
    if payload:
        assert [unit.message for unit in read(again)] == [payload]
        assert outline(again)[0] == outline(sent.stream)[0]
    assert outline(again)[1] == outline(sent.stream)[1]
    assert replaced(sent.stream, sent.message or b"x") == (sent.stream if sent.message else replaced(sent.stream, b"x"))


def outline(stream: bytes) -> tuple[list[tuple[int, bytes]], list[bytes]]:
    """First byte and key of each data frame; the control frames."""
    data, control = [], []
    while stream:
        length, at = stream[1] & 127, 2
        if length > 125:
            at = 4 if length == 126 else 10
            length = int.from_bytes(stream[2:at], "big")
        key = stream[at : at + 4] if stream[1] & 128 else b""
        end = at + len(key) + length
        if stream[0] & 8:
            control.append(stream[:end])
        else:
            data.append((stream[0], key))
        stream = stream[end:]
    return data, control


@given(st.lists(st.binary(max_size=40), max_size=5), st.booleans())
def test_any_bytes_are_messages_or_our_error(chunks: list[bytes], deflate: bool) -> None:
    """The same ones whether they come at once or in pieces."""
    results = []
    for parts in (chunks, [b"".join(chunks)]):
        framer, units, fault = WebSocketFramer(200, deflate), [], ""
        # A fault behind a message is told by the call that comes next.
        for part in [*parts, b""]:
            try:
                units += framer.feed(part)
            except WebSocketError as error:
                fault = str(error)
        results.append((units, fault, framer.settled, framer.control_frames))
    assert results[0] == results[1]


# What Wireshark makes of it.


NEXT = "\x1e"
GROWN = b"\r\nRecord-Route: <sip:10.0.0.1:80;transport=ws;lr;a=" + b"a" * 200 + b">\r\n\r\n"


def sip(number: int, size: int = 0) -> bytes:
    head = f"MESSAGE sip:bob@192.0.2.9 SIP/2.0\r\nVia: SIP/2.0/WS a.invalid;branch=z9hG4bK{number}\r\nMax-Forwards: 70\r\n"
    head += f"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID: {number}\r\nCSeq: {number} MESSAGE\r\nContent-Type: text/plain\r\n"
    return head.encode() + b"Content-Length: %d\r\n\r\n" % size + b"x" * size


def ask(tshark: str, path: Path, shown: str, *fields: str) -> list[list[str]]:
    """The fields of the frames that a display filter shows."""
    command = [tshark, "-n", "-r", str(path), "-Y", shown, "-T", "fields", *(word for field in fields for word in ("-e", field))]
    command += ["-E", f"aggregator={NEXT}", "-o", "tcp.check_checksum:TRUE"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return [line.split("\t") for line in output.split("\n")[:-1]]


def printed(message: bytes) -> str:
    """All behind the start line, as tshark prints it."""
    return message.partition(b"\r\n")[2].decode().replace("\r\n", r"\r\n")


FAULTY = "tcp.analysis.flags or tcp.checksum.status==0 or _ws.malformed or _ws.expert.severity>=0x600000 or websocket.payload.unknown"


def routed(stream: bytes) -> bytes:
    """Every message another one: the first longer, the others shorter."""
    parts, at = [], 0
    for unit in read(stream):
        message = unit.message.replace(b"MESSAGE", b"INFO")
        parts += [stream[at : unit.start], replaced(stream[unit.start : unit.end], message if at else message.replace(b"\r\n\r\n", GROWN))]
        at = unit.end
    return b"".join([*parts, stream[at:]])


@pytest.mark.parametrize("changed", [False, True])
def test_wireshark_reads_what_stands_in_their_places(tshark: str, tmp_path: Path, changed: bool) -> None:
    """The same messages as we do, and those of ours: over one segment and over several, in one frame and in fragments."""
    keys = [other.mask(number) for number in range(6)]
    first, *rest = other.fragments(sip(2, 300), (100, 200), keys[:3])
    client = other.frame(sip(1), mask=keys[3]) + first + other.frame(b"?", other.PING, keys[4]) + b"".join(rest)
    client += other.frame(sip(3, 70_000), other.BINARY, keys[5])
    server = b"".join([*other.fragments(sip(4, 100), (5,)), other.frame(b"!", other.PONG), other.frame(sip(5))])
    if changed:
        client, server = routed(client), routed(server)
    tcp = Connection(("10.0.0.5", 40000), ("10.0.0.1", 80))
    packets = [*tcp.open(), *tcp.say(other.request()), *tcp.say(other.answer(), by_server=True)]
    # Not more at once than the window has room for.
    packets += [*tcp.say(client[:40_000], (700, 3)), *tcp.say(client[40_000:]), *tcp.say(server, by_server=True), *tcp.close()]
    path = tmp_path / "out.pcap"
    path.write_bytes(pcap(map(link.ethernet, packets)))
    assert ask(tshark, path, FAULTY, "frame.number", "_ws.expert.message") == []
    for side, stream in (("10.0.0.5", client), ("10.0.0.1", server)):
        found = ask(tshark, path, f"sip && ip.src == {side}", "sip.Request-Line", "sip.msg_hdr")
        lines, texts = (re.split(f"[{NEXT}]", NEXT.join(column)) for column in zip(*found, strict=True))
        assert lines == [unit.message.partition(b"\r\n")[0].decode() for unit in read(stream)]
        assert texts == [printed(unit.message) for unit in read(stream)]
        assert {line.partition(" ")[0] for line in lines} == {"INFO" if changed else "MESSAGE"}
    ((last,),) = ask(tshark, path, "sip && websocket.payload_length_ext_64", "websocket.payload_length_ext_64")
    assert int(last) == len(read(client)[-1].message)


@pytest.mark.parametrize("fault", ["", "key", "size"])
def test_wireshark_sees_faults(tshark: str, tmp_path: Path, fault: str) -> None:
    """So that the test above tells something."""
    stream = bytearray(other.frame(sip(1), mask=KEY))
    if fault:
        stream[6 if fault == "key" else 3] ^= 2
    tcp = Connection(("10.0.0.5", 40000), ("10.0.0.1", 80))
    packets = [*tcp.open(), *tcp.say(other.request()), *tcp.say(other.answer(), by_server=True), *tcp.say(bytes(stream))]
    path = tmp_path / "out.pcap"
    path.write_bytes(pcap(map(link.ethernet, packets)))
    assert len(ask(tshark, path, f"sip.Method && !({FAULTY})", "frame.number")) == (not fault)
