"""Message by message: what becomes of it, the steps of the decision, and the lines that change."""

from pathlib import Path

import pytest

from scapy_rr.capture.explain import Change, Explanation, difference, explain
from scapy_rr.capture.reader import Capture, Damage
from scapy_rr.capture.routing import CaptureRouter

from ..pcapmaker.scenes import CALLEE
from .samples import VOICE, arriving, bye, frame, invite, leaving, pcap, router


def explained(folder: Path, frames: list[bytes], how: CaptureRouter | None = None) -> list[Explanation]:
    path = folder / "capture"
    path.write_bytes(pcap(frames))
    with Capture(path) as capture:
        return list(explain(capture, how or router()))


def test_a_routed_request(tmp_path: Path) -> None:
    (one,) = explained(tmp_path, [VOICE, arriving()])
    assert (one.number, one.frame) == (1, 2)
    assert one.title == "BYE sip:bob@10.0.0.9:5060 SIP/2.0"
    assert (one.source, one.destination, one.call_id) == ("udp:10.0.0.5:5060", "udp:10.0.0.1:5060", "samples@10.0.0.5")
    assert one.verdict == "routed loose to loose: from udp:10.0.0.1:5060 to udp:10.0.0.9:5060"
    assert one.changes == (Change("-", "Route: <sip:10.0.0.1;lr>"),)
    assert any("sip:10.0.0.1;lr" in step and "me" in step for step in one.steps)


def test_a_record_routed_request(tmp_path: Path) -> None:
    (one,) = explained(tmp_path, [frame(invite())])
    assert one.changes == (Change("+", "Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>"),)


@pytest.mark.parametrize(
    ("came", "verdict"),
    [
        (frame(b"SIP/2.0 200 OK\r\n\r\n"), "left alone: response"),
        (frame(bye(), destination=CALLEE), "left alone: not addressed to a listener"),
        (arriving()[:-4], "left alone: frame truncated by the capture"),
        (frame(invite("sip:bob@10.0.0.1")), "left alone: next hop is ourselves (udp:10.0.0.1:5060 is a listener of ours)"),
        (frame(invite(routes=("<sip:10.0.0.1;lr>",))), "left alone: 403 Preload Route denied"),
        (frame(b"\r\nhello, SIP/2.0\r\n"), "left alone: malformed request (neither a request line nor a status line (at byte 2))"),
        (frame(b"BYE sip:a SIP/2.0\r\nno colon\r\n\r\n"), "left alone: malformed request"),
    ],
)
def test_what_is_left_alone(tmp_path: Path, came: bytes, verdict: str) -> None:
    (one,) = explained(tmp_path, [came])
    assert one.verdict.startswith(verdict)
    assert one.changes == ()


def test_messages_and_frames_are_numbered_and_counted_as_rewrite_does(tmp_path: Path) -> None:
    how = router()
    found = explained(tmp_path, [VOICE, arriving(), VOICE, frame(b"SIP/2.0 200 OK\r\n\r\n"), arriving(2)], how)
    assert [(one.number, one.frame) for one in found] == [(1, 2), (2, 4), (3, 5)]
    assert (how.summary.frames, how.summary.messages, how.summary.addressed) == (5, {"BYE": 2, "response": 1}, 2)


def test_a_capture_that_is_cut_is_explained_up_to_there(tmp_path: Path) -> None:
    path = tmp_path / "capture"
    path.write_bytes(pcap([arriving(1), arriving(2)])[:-1])
    seen = []
    with Capture(path) as capture, pytest.raises(Damage):
        for one in explain(capture, router()):
            seen.append(one.number)
    assert seen == [1]


def test_as_a_dictionary(tmp_path: Path) -> None:
    (one,) = explained(tmp_path, [arriving()])
    told = one.as_dict()
    assert told["changes"] == ["-Route: <sip:10.0.0.1;lr>"]
    assert set(told) == {"number", "frame", "title", "source", "destination", "call_id", "verdict", "steps", "changes"}


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (b"A\r\nB: 1\r\n\r\nbody", b"A\r\nB: 1\r\n\r\nother body", []),
        (b"A\r\nB: 1\r\n\r\n", b"C\r\nB: 1\r\n\r\n", [("-", "A"), ("+", "C")]),
        (b"A\nB: 1\n\n", b"A\nX: 0\nB: 1\n\n", [("+", "X: 0")]),
        (b"A\r\nR: 1,\r\n 2\r\n\r\n", b"A\r\n\r\n", [("-", "R: 1,"), ("-", " 2")]),
        (b"A\r\nB: \xff\r\n\r\n", b"A\r\n\r\n", [("-", "B: \xff")]),
        (b"", b"", []),
    ],
)
def test_lines_that_changed(before: bytes, after: bytes, changes: list[tuple[str, str]]) -> None:
    assert list(difference(before, after)) == changes


def test_the_lines_that_rewrite_changes_are_those_told(tmp_path: Path) -> None:
    """The difference is that of the frames which ``rewrite`` reads and writes."""
    (one,) = explained(tmp_path, [arriving()])
    assert tuple(difference(arriving()[42:], leaving()[42:])) == one.changes
