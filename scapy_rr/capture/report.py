"""What the commands show: tables for people, in rich's terms."""

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .explain import Explanation
from .messages import Survey
from .rewrite import Summary

_MOST_DESTINATIONS = 10


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
        table.add_row(f"{leaving.messages:,}", escape(f"left alone: {reason} (first in frame {leaving.first_frame}{detail})"))
    return table


def _counts(counter: dict[str, int]) -> str:
    return escape(", ".join(f"{name} {count:,}" for name, count in sorted(counter.items(), key=lambda item: -item[1])))


def no_sip(survey: Survey) -> str:
    """What a capture without SIP holds."""
    ports = ", ".join(f"{port} ({count:,})" for port, count in survey.udp_ports.most_common(_MOST_DESTINATIONS)) or "none"
    return f"no SIP in it: {survey.frames:,} frames; UDP destination ports: {ports}"


def destinations(survey: Survey) -> list[str]:
    """The SIP destinations of a capture as options, ready to paste, with the number of messages behind each."""
    return [f"--listen {name}    # {count:,} messages" for name, count in survey.destinations.most_common(_MOST_DESTINATIONS)]


def explanation(one: Explanation) -> RenderableType:
    """One message: its heading, the steps of the decision, and the lines that changed."""
    heading = Text(f"#{one.number} frame {one.frame}  {one.title}", style="bold")
    way = Text(f"   {one.source} -> {one.destination}  Call-ID {one.call_id}", style="dim")
    verdict = Text(f"   {one.verdict}", style="green" if one.verdict.startswith("routed") else "yellow")
    steps = [Text(f"     {step}", style="magenta" if step.startswith("defect") else "") for step in one.steps]
    changes = [Text(f"   {change.sign} {change.line}", style="red" if change.sign == "-" else "green") for change in one.changes]
    return Group(heading, way, verdict, *steps, *changes, Text())


def console(stderr: bool = False) -> Console:
    """A console that neither wraps nor cuts what a pipe reads."""
    made = Console(stderr=stderr, highlight=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=10_000, soft_wrap=True)
