"""Whatever the network makes of a message stream, the messages are the same, and so are the bytes that leave."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scapy_rr.capture.place import Emit
from scapy_rr.wire import hep

from ..pcapmaker import websocket
from ..pcapmaker.fragments import cut4, cut6
from ..pcapmaker.frames import ethernet
from ..pcapmaker.scenes import PROXY
from ..pcapmaker.talk import Talk, Weather
from ..pcapmaker.tcp import ACK, Connection
from ..tshark_view import faults
from .conversations import ALICE, CALLER, DIALOG, Written, bye, capture, ok, proxy, seen, written
from .samples import bye as udp_bye
from .samples import frame, pcap, records, rewritten

AGENT, COLLECTOR = ("192.0.2.7", 45000), ("192.0.2.9", 9061)
WEB = (PROXY[0], 80)
LATEST = 12
"""How many segments may overtake one that is late."""


def agent_tells(message: bytes) -> bytes:
    """A HEP packet about a message to the proxy."""
    return hep.make(message, (b"\x0a\0\0\5", 5060), (b"\x0a\0\0\1", 5060), 1_700_000_000, 17)


def in_frames(message: bytes) -> bytes:
    """A message of a web page's telephone, in two fragments with a ping between them."""
    first, second = websocket.fragments(message, (200,), [websocket.mask(1), websocket.mask(2)])
    return first + websocket.frame(b"?", websocket.PING, websocket.mask(3)) + second


# What is said, by whom to whom, and the first bytes, which nobody repeats.
STREAMS: dict[str, tuple[tuple[str, int], tuple[str, int], bytes, list[bytes], list[bytes]]] = {
    "SIP": (
        CALLER,
        PROXY,
        b"",
        [bye(1), b"\r\n\r\n", bye(2, "v=0\r\n" * 400), bye(3), b"\r\n\r\n", bye(4)],
        [bye(1), bye(2, "v=0\r\n" * 400), bye(3), bye(4)],
    ),
    "WebSocket": (
        CALLER,
        WEB,
        websocket.request(),
        [in_frames(bye(1)), websocket.frame(b"?", websocket.PING, websocket.mask(4)), in_frames(bye(2, "v=0\r\n" * 400))],
        [bye(1), bye(2, "v=0\r\n" * 400)],
    ),
    "HEP": (
        AGENT,
        COLLECTOR,
        b"",
        [agent_tells(udp_bye(1)), agent_tells(udp_bye(2)), agent_tells(udp_bye(3))],
        list(map(udp_bye, (1, 2, 3))),
    ),
}
streams = pytest.mark.parametrize("name", STREAMS)


def talked(name: str, spans: list[tuple[int, int]]) -> bytes:
    """A capture in which the stream comes in these parts."""
    client, server, _, _, _ = STREAMS[name]
    tcp = Connection(client, server)
    opening = tcp.open()
    first, text = tcp.sequence[0], whole(name)
    return capture([*opening, *(tcp.packet(ACK, text[start:end], number=first + start) for start, end in spans)])


def whole(name: str) -> bytes:
    """The whole stream."""
    _, _, head, parts, _ = STREAMS[name]
    return head + b"".join(parts)


def at_once(name: str) -> list[tuple[int, int]]:
    """Each part in a segment of its own."""
    _, _, head, parts, _ = STREAMS[name]
    ends = [len(head)]
    for part in parts:
        ends.append(ends[-1] + len(part))
    return list(pairwise([0, *ends] if head else ends))


def result(folder: Path, name: str, spans: list[tuple[int, int]]) -> tuple[list[bytes], Written]:
    """The messages that are seen, and what leaves."""
    data = talked(name, spans)
    found = seen(folder, data)
    assert [one.refusal for one in found] == [""] * len(found)
    (folder / "work").mkdir(exist_ok=True)
    done = rewritten(folder / "work", data, proxy())
    assert done.summary.given_up == {}
    return [one.data for one in found], written(done.data)


@st.composite
def cuttings(draw: st.DrawFn, length: int) -> list[tuple[int, int]]:
    """Parts that cover so many bytes: cut anywhere, in almost any order, and some bytes more than once."""
    cuts = sorted(draw(st.sets(st.integers(1, length - 1), max_size=24)))
    spans = list(pairwise([0, *cuts, length]))
    for start, size in draw(st.lists(st.tuples(st.integers(0, length - 1), st.integers(1, 1400)), max_size=6)):
        spans.append((start, min(start + size, length)))
    late = draw(st.lists(st.integers(0, LATEST), min_size=len(spans), max_size=len(spans)))
    order = sorted(range(len(spans)), key=lambda number: number + late[number])
    return [spans[number] for number in order]


@streams
def test_the_messages_and_what_leaves_are_these(tmp_path: Path, name: str) -> None:
    client, server, head, parts, messages = STREAMS[name]
    found, left = result(tmp_path, name, at_once(name))
    assert found == messages
    stream = left.streams[client, server]
    if name == "HEP":
        packets = [hep.read(one) for one in hep.split(stream)[0]]
        assert [(one.destination, b"\nRoute:" in one.payload) for one in packets if one] == [((b"\x0a\0\0\x09", 5060), False)] * 3
        assert left.datagrams == []
    else:
        pings = [part for part in parts if part.startswith((b"\r\n", b"\x89"))]
        ping = websocket.frame(b"?", websocket.PING, websocket.mask(3))
        assert stream == head + (b"".join(pings) if name == "SIP" else ping + pings[0] + ping)
        assert [one.split(b"\r\n")[0] for one in left.datagrams] == [b"BYE sip:bob@10.0.0.9:5060 SIP/2.0"] * len(messages)


@streams
@settings(max_examples=60)
@given(data=st.data())
def test_any_cutting_order_and_repetition(tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    spans = data.draw(cuttings(len(whole(name))))
    assert result(folder, name, spans) == result(folder, name, at_once(name))


@streams
@pytest.mark.parametrize("size", [1, 2, 7])
def test_byte_by_byte(tmp_path: Path, name: str, size: int) -> None:
    length = len(whole(name))
    spans = [(at, min(at + size, length)) for at in range(0, length, size)]
    assert result(tmp_path, name, spans) == result(tmp_path, name, at_once(name))


@streams
def test_everything_twice(tmp_path: Path, name: str) -> None:
    length = len(whole(name))
    spans = [(at, min(at + 100, length)) for at in range(0, length, 100)]
    twice = [span for span in spans for _ in (0, 1)]
    assert result(tmp_path, name, [*twice, *spans]) == result(tmp_path, name, at_once(name))


# Both directions, as the ends of a connection speak: what one acknowledges came to it.


BAD = Weather(lost=6, swapped=8, repeated=8, idle=8)
"""Everything arrives at last, and all that was sent is captured."""


def conversation(seed: int, weather: Weather, **how: bool | str) -> bytes:
    random = Random(seed)
    streams = b"".join(bye(number) for number in range(1, 8)), b"".join(ok(number) for number in range(1, 8))
    said = Talk(random, Connection(CALLER, PROXY), streams, weather, random.choice((40, 300, 1440)))
    return capture([one.packet for one in said.whole(**how)])  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", range(20))
def test_a_bad_network(tmp_path: Path, seed: int) -> None:
    data = conversation(seed, BAD, end=("fin", "rst", "")[seed % 3])
    found = seen(tmp_path, data)
    assert [one.data for one in found if one.data.startswith(b"BYE")] == [bye(number) for number in range(1, 8)]
    assert [one.data for one in found if one.data.startswith(b"SIP")] == [ok(number) for number in range(1, 8)]
    assert [one.refusal for one in found] == [""] * 14
    (tmp_path / "work").mkdir()
    done = rewritten(tmp_path / "work", data, proxy())
    left = written(done.data)
    assert (left.streams[CALLER, PROXY], left.streams[PROXY, CALLER]) == (b"", b"".join(ok(number) for number in range(1, 8)))
    assert len(left.datagrams) == 7


@pytest.mark.parametrize("seed", range(20, 26))
def test_tshark_finds_no_fault_that_the_network_did_not_make(tshark: str, tmp_path: Path, seed: int) -> None:
    """With segments that were not captured, too."""
    weather = BAD if seed % 2 else Weather(lost=4, swapped=4, repeated=4, unseen=3)
    source, target = tmp_path / "in.pcap", tmp_path / "out.pcap"
    source.write_bytes(conversation(seed, weather, end="fin"))
    (tmp_path / "work").mkdir()
    target.write_bytes(rewritten(tmp_path / "work", source.read_bytes(), proxy()).data)
    assert faults(tshark, target) <= faults(tshark, source)


# IP fragments.


SIX = ("2001:db8::5", 5060), ("2001:db8::1", 5060)
FOUR = ("10.0.0.5", 5060), PROXY
MESSAGE = udp_bye(1) + b"\0" * 700
CUTS: dict[str, tuple[tuple[tuple[str, int], tuple[str, int]], Callable[..., list[bytes]], tuple[str, ...], bytes]] = {
    "IPv4": (FOUR, cut4, (), MESSAGE),
    "IPv6": (
        SIX,
        cut6,
        ("udp:[2001:db8::1]:5060",),
        MESSAGE.replace(b"10.0.0.1;", b"[2001:db8::1];").replace(b"10.0.0.9", b"[2001:db8::9]"),
    ),
}


def datagrams(frames: list[bytes]) -> list[bytes]:
    """The datagrams of IP packets, whole or in fragments, that follow one another."""
    found, parts = [], dict[int, bytes]()
    for one in frames:
        packet = one[14:]
        if packet[0] >> 4 == 4:
            place, data = int.from_bytes(packet[6:8]), packet[20:]
            offset, more = (place & 0x1FFF) * 8, bool(place & 0x2000)
        elif packet[6] == 44:
            place, data = int.from_bytes(packet[42:44]), packet[48:]
            offset, more = place & 0xFFF8, bool(place & 1)
        else:
            offset, more, data = 0, False, packet[40:]
        assert offset not in parts
        parts[offset] = data
        if not more:
            found.append(b"".join(parts[at] for at in sorted(parts)))
            assert sum(map(len, parts.values())) == offset + len(data)
            parts.clear()
    return found


@pytest.mark.parametrize("version", CUTS)
@settings(max_examples=60)
@given(data=st.data())
def test_any_fragmentation(tmp_path_factory: pytest.TempPathFactory, version: str, data: st.DataObject) -> None:
    """In any order, and repeated as long as it is not whole."""
    folder = tmp_path_factory.mktemp("any", numbered=True)
    ends, cut, listen, message = CUTS[version]
    length = len(message) + 8
    cuts = sorted(data.draw(st.sets(st.integers(1, (length - 1) // 8), min_size=1, max_size=12)))
    fragments = data.draw(st.permutations(cut(ends, message, 7, list(pairwise([0, *(8 * one for one in cuts), length])))))
    for number in data.draw(st.lists(st.integers(0, len(fragments) - 2), max_size=4)):
        fragments.insert(number, fragments[number])
    before = frame(message, *ends)
    for emit in Emit:
        plain = rewritten(folder, pcap([before]), proxy(*listen), emit)
        done = rewritten(folder, pcap(list(map(ethernet, fragments))), proxy(*listen), emit)
        frames = [one.frame for one in records(done.data)]
        if emit is Emit.APPEND:
            assert frames[: len(fragments)] == list(map(ethernet, fragments))
            frames = frames[len(fragments) :]
        assert datagrams(frames) == datagrams([one.frame for one in records(plain.data)][-1:])
        assert (done.summary.given_up, done.summary.routed) == ({}, plain.summary.routed)
    (found,) = seen(folder, pcap(list(map(ethernet, fragments))))
    assert (found.data, len(found.frames), found.refusal) == (message, len(fragments), "")


def test_a_segment_in_fragments(tmp_path: Path) -> None:
    """TCP over a path that its ends did not know: one message in two segments, the first of which is in three fragments."""
    text = DIALOG.request("INFO", 1, "a1", routes=DIALOG.routes, body=ALICE.sdp(40000) * 4)
    tcp = Connection(CALLER, PROXY)
    opening = tcp.open()
    one, two = tcp.send(text)
    header, payload = one[:20], one[20:]
    parts = []
    for start in (0, 600, 1200):
        part = payload[start : start + 600]
        place = start // 8 | 0x2000 * (start + 600 < len(payload))
        head = header[:2] + (20 + len(part)).to_bytes(2) + header[4:6] + place.to_bytes(2) + header[8:10] + bytes(2) + header[12:20]
        parts.append(head + part)
    (found,) = seen(tmp_path, capture([*opening, parts[2], parts[0], two, parts[1]]))
    assert (found.data, found.frames) == (text, (4, 5, 7, 6)) or found.frames == (6, 4, 5, 7)
