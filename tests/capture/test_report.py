"""What people read: every count is in it, and what somebody sent steers no terminal."""

import io
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from scapy_rr.capture.explain import Change, Explanation
from scapy_rr.capture.report import ProgressBar, console, destinations, explanation, no_sip, summary_table, visible
from scapy_rr.capture.summary import Summary
from scapy_rr.capture.survey import Survey


def shown(what: RenderableType, colour: bool = False) -> str:
    """As a pipe, or a terminal, gets it."""
    out = io.StringIO()
    Console(file=out, highlight=False, width=10_000, soft_wrap=True, force_terminal=colour).print(what)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def test_a_summary() -> None:
    summary = Summary(frames=12_345, routed=Counter({"loose to loose": 1, "by the R-URI": 2_000}))
    summary.count("BYE")
    summary.count("INVITE", 1_500)
    summary.leave("IP fragment", 7)
    summary.leave("malformed request", 9, "no To", 3)
    lines = [" ".join(line.split()) for line in shown(summary_table(summary)).splitlines()]
    assert lines == [
        "12,345 frames",
        "1,501 SIP messages: INVITE 1,500, BYE 1",
        "2,001 routed: by the R-URI 2,000, loose to loose 1",
        "3 left alone: malformed request (first in frame 9; no To)",
        "1 left alone: IP fragment (first in frame 7)",
    ]


def test_an_empty_summary() -> None:
    assert [line.split() for line in shown(summary_table(Summary())).splitlines()] == [
        ["0", "frames"],
        ["0", "SIP", "messages:", "none"],
        ["0", "routed"],
    ]


@pytest.mark.parametrize(
    ("ports", "text"),
    [
        (Counter({53: 1, 20000: 1_200}), "no SIP in it: 2,000 frames; UDP destination ports: 20000 (1,200), 53 (1)"),
        (Counter(), "no SIP in it: 2,000 frames; UDP destination ports: none"),
    ],
)
def test_a_capture_without_sip(ports: Counter[int], text: str) -> None:
    assert no_sip(Survey(2_000, Counter(), frozenset(), ports)) == text


def test_destinations_are_ready_to_paste_the_busiest_first() -> None:
    counts = Counter({f"udp:10.0.0.{number}:5060": number for number in range(1, 20)})
    lines = destinations(Survey(1, counts, frozenset(), Counter()))
    assert lines[0] == "--listen udp:10.0.0.19:5060    # 19 messages"
    assert len(lines) == 10


EXPLAINED = Explanation(
    3,
    17,
    "BYE sip:bob@[::1] SIP/2.0",
    "udp:10.0.0.5:5060",
    "udp:10.0.0.1:5060",
    "a[red]b",
    "routed loose to loose: from x to y",
    ("Route [1] is me", "defect: r2 without a second"),
    (Change("-", "Route: <sip:[::1];lr>"), Change("+", "X: [b]1[/b]")),
)


def test_an_explanation() -> None:
    """Brackets are text, not markup."""
    assert shown(explanation(EXPLAINED)).splitlines() == [
        "#3 frame 17  BYE sip:bob@[::1] SIP/2.0",
        "   udp:10.0.0.5:5060 -> udp:10.0.0.1:5060  Call-ID a[red]b",
        "   routed loose to loose: from x to y",
        "     Route [1] is me",
        "     defect: r2 without a second",
        "   - Route: <sip:[::1];lr>",
        "   + X: [b]1[/b]",
    ]


def test_an_explanation_of_a_frame_without_a_datagram() -> None:
    unread = Explanation(1, 2, "", "", "", "", "left alone: SIP over TCP", (), ())
    assert shown(explanation(unread)).splitlines() == ["#1 frame 2", "   left alone: SIP over TCP"]


def test_colours_on_a_terminal() -> None:
    text = shown(explanation(EXPLAINED), colour=True)
    assert "\x1b[31m   - Route: <sip:[::1];lr>\x1b[0m" in text
    assert "\x1b[32m   + X: [b]1[/b]\x1b[0m" in text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain, \tünï\n", "plain, \tünï\n"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("\x9b2J\r\0\x7f", "\\x9b2J\\x0d\\x00\\x7f"),
    ],
)
def test_control_characters_are_spelled_out(text: str, wanted: str) -> None:
    assert visible(text) == wanted


def test_no_escape_sequence_of_a_message_gets_through() -> None:
    evil = "\x1b[2J\x9b1m"
    one = EXPLAINED._replace(title=evil, call_id=evil, verdict=evil, steps=(evil,), changes=(Change("+", evil),))
    summary = Summary()
    summary.count(evil)
    summary.leave(evil, 1, evil)
    for text in (shown(explanation(one)), shown(summary_table(summary))):
        assert not {"\x1b", "\x9b"} & set(text)
        assert "\\x1b[2J" in text


def test_a_pipe_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    console().print("x " * 3000)
    console(stderr=True).print("y")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("x " * 3000 + "\n", "y\n")


@pytest.mark.parametrize("terminal", [False, True])
def test_a_progress_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, terminal: bool) -> None:
    """On a terminal it is drawn; a file or pipe gets nothing of it."""
    if terminal:
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm")
    with ProgressBar(f"{tmp_path.name}[b].pcap") as bar:
        assert bar.reached == "0 %"
        bar.step(50, 200)
        assert bar.reached == "25 %"
        bar.step(5000, 0)
        assert bar.reached == "5,000 bytes"
    captured = capsys.readouterr()
    assert captured.out == ""
    assert (f"{tmp_path.name}[b].pcap" in captured.err) == terminal
