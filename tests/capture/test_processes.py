"""Several processes write the same bytes as one, and count the same, whatever messages came in."""

from pathlib import Path
from random import Random

import pytest

from scapy_rr.capture.place import Emit

from ..pcapmaker import websocket
from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.scenes import CALLEE, PROXY
from ..pcapmaker.scenes import CALLER as UDP_CALLER
from ..pcapmaker.tcp import Connection
from .conversations import bye, ok, proxy
from .samples import VOICE, Kept, arriving, enhanced, frame, interface, invite, pcap, records, rewritten, section
from .samples import bye as udp_bye

BOB = "sip:bob@10.0.0.9;transport=tcp"


def mixed(conversations: int) -> list[bytes]:
    """Calls over UDP, TCP, WebSocket and in fragments, interleaved; many of their frames are the same again and again."""
    random, lines = Random(1), []
    for number in range(conversations):
        host = f"10.0.{1 + number // 250}.{1 + number % 250}"
        tcp, web = Connection((host, 40000), PROXY), Connection((host, 40001), (PROXY[0], 80))
        requests = bye(1) + bye(2, "v=0\r\n" * 300) + bye(3)
        stream = [*tcp.open(), *tcp.say(requests, (700, 700)), *tcp.say(ok(1) + ok(2), (300,), by_server=True), *tcp.close()]
        page = [*web.open(), *web.say(websocket.request()), *web.say(websocket.answer(), by_server=True)]
        page += web.say(websocket.frame(bye(4), mask=b"\1\2\3\4"))
        cut = Flow(UDP_CALLER, PROXY).fragments(udp_bye(1) + bytes(1500), number % 65536, 1200)
        plain = [arriving(number)[14:], frame(invite(BOB))[14:], VOICE[14:], frame(ok(7), CALLEE, PROXY)[14:]]
        lines.append([*stream, *page])
        lines.append([*cut, *plain])
    packets = []
    while lines:
        one = random.choice(lines[:20])
        packets.append(ethernet(one.pop(0)))
        if not one:
            lines.remove(one)
    return packets


def close_together(frames: list[bytes]) -> bytes:
    """A capture of a thousand frames a second, so that no fragment is too old."""
    return pcap([Kept(1_700_000_000 + number // 1000, number % 1000 * 1000, len(one), one) for number, one in enumerate(frames)])


@pytest.fixture(scope="module")
def frames() -> list[bytes]:
    """Some megabytes of it."""
    return mixed(250)


@pytest.mark.parametrize("emit", Emit)
@pytest.mark.parametrize("via", [False, True])
def test_two_processes_do_as_one_does(tmp_path: Path, frames: list[bytes], emit: Emit, via: bool) -> None:
    data = close_together(frames)
    assert len(data) > 5 << 19
    one, two = (rewritten(tmp_path, data, proxy(via=via), emit, processes=processes) for processes in (1, 2))
    assert one.data == two.data
    assert one.summary == two.summary
    assert one.summary.messages["BYE"] == 250 * 6
    assert one.summary.routed["loose to loose"] == 250 * 6
    assert one.summary.given_up == {}


def test_nor_does_the_format_make_a_difference(tmp_path: Path, frames: list[bytes]) -> None:
    """In pcapng, with three processes."""
    data = section() + interface() + b"".join(map(enhanced, frames))
    one, three = (rewritten(tmp_path, data, proxy(), processes=processes) for processes in (1, 3))
    assert one == three
    assert one.summary.routed == rewritten(tmp_path, close_together(frames), proxy()).summary.routed


def test_a_capture_that_is_cut(tmp_path: Path, frames: list[bytes]) -> None:
    data = close_together(frames)[:-100]
    one, two = (rewritten(tmp_path, data, proxy(), processes=processes) for processes in (1, 2))
    assert one == two
    assert "the file ends within a frame" in one.summary.cut
    assert len(records(one.data)) > 5000
