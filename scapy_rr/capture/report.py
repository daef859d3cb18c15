"""What the commands show: tables for people, in rich's terms."""

from collections.abc import Iterable
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ..rr.departures import DEPARTURES
from ..rr.difference import Difference
from .compare import Disagreement
from .explain import Explanation
from .summary import Summary
from .survey import Survey

_MOST_DESTINATIONS = 10
# A message is whatever somebody sends: what steers a terminal must not get there.
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if code not in b"\t\n"}


def visible(text: str) -> str:
    """The text with its control characters spelled out, except for tabs and line ends."""
    return text.translate(_CONTROLS)


def summary_table(summary: Summary) -> RenderableType:
    """A summary as a table: frames, messages, what was routed and what was left alone, each with its count."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(f"{summary.frames:,}", "frames")
    table.add_row(f"{sum(summary.messages.values()):,}", "SIP messages: " + (_counts(summary.messages) or "none"))
    table.add_row(f"{sum(summary.routed.values()):,}", "routed" + (": " + _counts(summary.routed) if summary.routed else ""))
    for reason, leaving in sorted(summary.left.items(), key=lambda item: -item[1].messages):
        detail = f"; {leaving.detail}" if leaving.detail and leaving.detail != reason else ""
        table.add_row(f"{leaving.messages:,}", escape(visible(f"left alone: {reason} (first in frame {leaving.first_frame}{detail})")))
    for what, number in sorted(summary.given_up.items(), key=lambda item: -item[1]):
        table.add_row(f"{number:,}", escape(what))
    return table


def _counts(counter: dict[str, int]) -> str:
    return escape(visible(", ".join(f"{name} {count:,}" for name, count in sorted(counter.items(), key=lambda item: -item[1]))))


def no_sip(survey: Survey) -> str:
    """What a capture without SIP holds."""
    ports = ", ".join(f"{port} ({count:,})" for port, count in survey.udp_ports.most_common(_MOST_DESTINATIONS)) or "none"
    return f"no SIP in it: {survey.frames:,} frames; UDP destination ports: {ports}"


def destinations(survey: Survey) -> list[str]:
    """The SIP destinations of a capture as options, ready to paste, with the number of messages behind each."""
    return [f"--listen {name}    # {count:,} messages" for name, count in survey.destinations.most_common(_MOST_DESTINATIONS)]


def explanation(one: Explanation) -> RenderableType:
    """One message: its heading, the steps of the decision, and the lines that changed."""
    heading = _line(f"#{one.number} frame {one.frame}  {one.title}", "bold")
    # A frame whose datagram cannot be reached tells neither.
    way = [_line(f"   {one.source} -> {one.destination}  Call-ID {one.call_id}", "dim")] if one.destination else []
    verdict = _line(f"   {one.verdict}", "green" if one.verdict.startswith("routed") else "yellow")
    steps = [_line(f"     {step}", "magenta" if step.startswith("defect") else "") for step in one.steps]
    changes = [_line(f"   {change.sign} {change.line}", "red" if change.sign == "-" else "green") for change in one.changes]
    return Group(heading, *way, verdict, *steps, *changes, Text())


def disagreement(one: Disagreement) -> RenderableType:
    """One message on which two dialects disagree: what each does, the lines of the table that make it, and what is sent otherwise."""
    heading = _line(f"#{one.number} frame {one.frame}  {one.title}", "bold")
    width = max(len(side.dialect) for side in one.sides)
    sides = [_line(f"   {side.dialect:<{width}}  {side.verdict}; {', '.join(side.calls) or 'no function'}", "") for side in one.sides]
    why = []
    for cause in one.causes:
        why.append(_line(f"   because: {cause.situation}", "yellow"))
        why += [_line(f"     {side.dialect:<{width}}  {cause.answers[side.dialect].text}", "") for side in one.sides]
    if not one.causes:
        why = [_line("   because: several lines of the table together; none of them alone", "yellow")]
    changes = [_line(f"   {change.sign} {change.line}", "red" if change.sign == "-" else "green") for change in one.changes]
    return Group(heading, *sides, *why, *changes, Text())


def dialect_table(lines: Iterable[Difference[Any]]) -> RenderableType:
    """The differences between the dialects, a row each; and where no server is followed."""
    table = Table("situation", "OpenSIPS", "Kamailio", "RFC 3261", box=box.SIMPLE, show_lines=True)
    for line in lines:
        answers = [answer.text for answer in line.answers.values()]
        kamailio = f"{answers[1]} ({line.installed})" if line.installed else answers[1]
        table.add_row(*(escape(text) for text in (line.situation, answers[0], kamailio, line.rfc)))
    departures = Table("not followed", "seen in", "what is sent there", "here", box=box.SIMPLE, show_lines=True)
    for departure in DEPARTURES:
        departures.add_row(*map(escape, departure))
    return Group(table, departures)


def _line(text: str, style: str) -> Text:
    return Text(visible(text), style)


class ProgressBar:
    """How far the reading of a capture has come: drawn on a terminal, only remembered elsewhere. Use it in a ``with``.

    :param shown: whether it may be drawn.
    """

    def __init__(self, name: str, shown: bool = True) -> None:
        self.reached = "0 %"
        """How far it has come, in words."""
        where = console(stderr=True)
        columns = TextColumn(escape(visible(name))), BarColumn(), DownloadColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns, console=where, transient=True, disable=not (shown and where.is_terminal))

    def __enter__(self) -> "ProgressBar":
        self._task = self._bar.add_task("", total=None)
        return self

    def step(self, done: int, total: int) -> None:
        """Come so far, of so many bytes; 0 where nobody knows."""
        self.reached = f"{100 * done // total} %" if total else f"{done:,} bytes"
        # Started late: its thread must not be there yet when processes are forked.
        self._bar.start()
        self._bar.update(self._task, completed=done, total=total or None)

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def console(stderr: bool = False) -> Console:
    """A console that neither wraps nor cuts what a pipe reads."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=10_000, soft_wrap=True)
