"""What was done to a capture, in numbers."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

_MOST_METHODS = _MOST_REASONS = 64


@dataclass(slots=True)
class Leaving:
    """Why messages were left alone: how many, and where the first is."""

    messages: int
    first_frame: int
    detail: str


@dataclass
class Summary:
    """What was done to a capture."""

    frames: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    """SIP messages by method; responses under ``response``."""
    routed: Counter[str] = field(default_factory=Counter)
    """Messages by the way they took."""
    left: dict[str, Leaving] = field(default_factory=dict)
    """Messages left alone, by reason."""
    given_up: Counter[str] = field(default_factory=Counter)
    """What came to nothing before there was a message: fragments, connections, by reason."""
    addressed: int = 0
    """Requests that were addressed to a listener."""
    cut: str = ""
    """Where and why the capture could not be read on; empty where it was read whole."""

    def count(self, kind: str, messages: int = 1) -> None:
        """Count messages. A method is whatever somebody sends, so that only so many are told apart."""
        if kind not in self.messages and len(self.messages) >= _MOST_METHODS:
            kind = "other"
        self.messages[kind] += messages

    def leave(self, reason: str, frame: int, detail: str = "", messages: int = 1) -> None:
        """Count messages that are left alone, the first of which is in ``frame``."""
        if reason not in self.left and len(self.left) >= _MOST_REASONS:
            reason = "other reasons"
        before = self.left.get(reason)
        if before:
            before.messages += messages
            # Several processes count, and not in the capture's order.
            if frame < before.first_frame:
                before.first_frame, before.detail = frame, detail
        else:
            self.left[reason] = Leaving(messages, frame, detail)

    def add(self, other: "Summary") -> None:
        """Add what was done to a later part of the capture."""
        self.addressed += other.addressed
        self.routed.update(other.routed)
        for kind, number in other.messages.items():
            self.count(kind, number)
        for reason, leaving in other.left.items():
            self.leave(reason, leaving.first_frame, leaving.detail, leaving.messages)

    def as_dict(self) -> dict[str, Any]:
        """The same, for JSON."""
        return {
            "frames": self.frames,
            "sip_messages": sum(self.messages.values()),
            "by_method": dict(self.messages),
            "routed": dict(self.routed),
            "left_alone": {reason: asdict(leaving) for reason, leaving in self.left.items()},
            "given_up": dict(self.given_up),
            "cut": self.cut,
        }
