"""What waits is bounded, in what is kept and in what is not written yet; what is given up is told, and every frame is written once."""

import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from scapy_rr.capture import place, rewrite
from scapy_rr.capture.place import Emit, HeldBatch, Output
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.capture.sip_stream import UNFINISHED
from scapy_rr.capture.tcp import FRAMES
from scapy_rr.errors import ScriptError
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.router import Router
from scapy_rr.proxy.script import ScriptRequest

from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.scenes import CALLER as UDP_CALLER
from ..pcapmaker.scenes import PROXY
from ..pcapmaker.tcp import Connection
from .conversations import CALLER, LISTEN, bye, capture, ok, proxy, written
from .samples import Kept, arriving, pcap, read_in_pieces, records, rewritten
from .samples import bye as udp_bye

MOST = 3
OVER_TIME = "IP fragments given up: the rest did not come in time"
CHUNK = 4000


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many buffers, of a few frames each, had to wait, each time that another one came."""
    seen: list[int] = []
    add = Output.add

    def counted(self: Output, held: HeldBatch) -> None:
        add(self, held)
        seen.append(len(self._waiting))

    read_in_pieces(monkeypatch, CHUNK)
    monkeypatch.setattr(rewrite, "Output", partial(Output, MOST))
    monkeypatch.setattr(place.Output, "add", counted)
    return seen


def half() -> list[bytes]:
    """A message that never ends, and its acknowledgement."""
    tcp = Connection(CALLER, PROXY)
    return [*tcp.open(), *tcp.say(bye(1)[:300])]


def others(number: int) -> list[bytes]:
    """Datagrams that are routed."""
    return [arriving(one)[14:] for one in range(number)]


@pytest.mark.parametrize("emit", Emit)
@pytest.mark.parametrize("processes", [1, 2])
def test_nobody_waits_for_long_for_a_message_without_end(tmp_path: Path, waiting: list[int], emit: Emit, processes: int) -> None:
    data = capture([*half(), *others(100)])
    done = rewritten(tmp_path, data, proxy(), emit, processes=processes)
    assert len(waiting) > 3 * MOST
    assert max(waiting) == MOST + 1
    assert len(written(done.data).datagrams) == (200 if emit is Emit.APPEND else 100)
    assert done.summary.given_up == {f"over TCP: {FRAMES}": 1, f"over TCP: {UNFINISHED}": 1}
    if emit is Emit.REPLACE:
        assert [one.frame for one in records(done.data)][:5] == [one.frame for one in records(data)][:5]


def test_nobody_waits_for_long_for_fragments(tmp_path: Path, waiting: list[int]) -> None:
    """Their minute is not over; two are waited for in the same buffer, and the one that becomes whole is routed."""
    lost = Flow(UDP_CALLER, PROXY).fragments(udp_bye(1), 1, 256)[:1]
    late = Flow(UDP_CALLER, PROXY).fragments(udp_bye(2), 2, 256)
    packets = [*lost, *late[:1], *others(20), *late[1:], *lost, *others(80)]
    done = rewritten(tmp_path, capture(packets, [0] * len(packets)), proxy())
    assert max(waiting) == MOST + 1
    assert done.summary.given_up[OVER_TIME] >= 2
    assert done.summary.routed["loose to loose"] == 101
    assert len(records(done.data)) == len(packets)


def test_a_segment_far_ahead_does_not_hold_the_output(tmp_path: Path, waiting: list[int]) -> None:
    """What is missing before it is never acknowledged."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), tcp.packet(16, bye(1), number=tcp.sequence[0] + 5000), *others(100)]
    done = rewritten(tmp_path, capture(packets), proxy())
    assert max(waiting) == MOST + 1
    assert (done.summary.routed, dict(done.summary.given_up)) == ({"loose to loose": 100}, {f"over TCP: {FRAMES}": 1})
    assert done.summary.left["stream with a gap"].messages == 1


def test_what_nobody_follows_is_written(tmp_path: Path, waiting: list[int]) -> None:
    """Segments to other ports, ones that were cut off or make no sense, fragments of fragments, and no IP: each place is settled."""
    tcp = Connection(CALLER, PROXY)
    segments = [ethernet(one) for one in (*tcp.open(), *tcp.say(bye(1)), *tcp.say(ok(1), by_server=True), *tcp.close())]
    odd = [one[:cut] for one in segments for cut in (14, 20, 34, 40, 54, 60, len(one) - 1)]
    short = [Kept(1, 1, len(one) + 9, one) for one in odd]
    frames: list[bytes | Kept] = [*segments, *odd, *short, b"", bytes(60), segments[3][:46] + b"\xff" + segments[3][47:]]
    data = pcap(frames * 3)
    for ports, count in (((7777,), 0), ((), 1)):
        done = rewritten(tmp_path, data, proxy("udp:192.0.2.1:5060", ports=ports))
        assert done.data == data
        assert (done.summary.messages["BYE"] > 0) == bool(count)
        assert done.summary.routed == {}


@pytest.mark.parametrize("by_stream", [False, True])
def test_a_script_that_fails_in_the_middle_leaves_nothing_behind(tmp_path: Path, waiting: list[int], by_stream: bool) -> None:
    """While frames wait, and in a message of a stream as in one of a datagram."""

    def request_route(req: ScriptRequest) -> None:
        if req.pv("$cs") == "55":
            raise KeyError("55")
        req.relay()

    made = Router(RecordRouting(listen=LISTEN))
    made.request_route(request_route)
    made.file = Path(__file__)
    last = Connection(("10.0.0.6", 40000), PROXY).send(bye(55), (100,)) if by_stream else [arriving(55)[14:]]
    source = tmp_path / "in"
    source.write_bytes(capture([*half(), *others(10), *last]))
    with pytest.raises(ScriptError, match=f"frame {15 + len(last)}: the script fails"):
        rewrite.rewrite(source, tmp_path / "out", CaptureRouter(made))
    assert list(tmp_path.iterdir()) == [source]


def connections(number: int) -> Iterator[bytes]:
    """Many short connections of a hundred clients, one after another."""
    for one in range(number):
        tcp = Connection((f"10.1.1.{one % 100}", 40000), PROXY)
        yield from [*tcp.open(), *tcp.say(bye(1)), *tcp.close()]


def test_many_short_connections_take_no_more_memory_than_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scapy_rr.capture.tcp._MOST_CLOSED", 50)
    read_in_pieces(monkeypatch, 1 << 16)
    peaks = []
    for number in (300, 1200):
        data = capture(connections(number))
        (tmp_path / "in").write_bytes(data)
        tracemalloc.start()
        rewrite.rewrite(tmp_path / "in", tmp_path / "out", proxy(), overwrite=True)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 900 * 250, "a connection takes some thousands of bytes"
