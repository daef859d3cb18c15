"""The decision trace: what a request was asked, what was found, and what followed, as data.

The script functions note what they do as they do it, in tuples; the words are made only when somebody reads them.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

Note = tuple[Any, ...]
"""What a function leaves: the step's name, and its facts."""


class Step(NamedTuple):
    """One step of a decision."""

    name: str
    """What was done: ``ruri``, ``route``, ``dialog``, ``way``, ``removed``, ``added``, ``next hop``, ``send socket``, ``function``,
    ``error`` or ``defect``; and of a script ``route block``, ``log``, ``via``, ``reply`` or ``branch``."""
    text: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}"


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


# One line for each kind of note: how its facts read.
_WORDS: dict[str, Callable[..., str]] = {
    "ruri": lambda uri, match: f"R-URI {_text(uri)} is {match}",
    "route": lambda uri, match: f"Route {_text(uri)} is {match}",
    "dialog": lambda initial: "no To tag: an initial request, its Routes are preloaded" if initial else "To tag: a request within a dialog",
    "way": lambda way: way,
    "removed": lambda what, uri: f"{what} {_text(uri)}",
    "added": lambda what: _text(what),
    "next hop": lambda where, uri, why="": f"{where}{why} {_text(uri)}",
    "send socket": lambda listener, why: f"{listener}, {why}",
    "function": lambda name, arguments, code: f"{name}({', '.join(map(repr, arguments))}) returned {int(code)}",
    "error": lambda reason, before="": f"{before}{reason}",
    "defect": lambda reason: reason,
    "route block": lambda name: name,
    "log": lambda text: text,
    "via": lambda what, sent_by, whose="": f"{what} {whose}{whose and ': '}{_text(sent_by)}",
    "reply": lambda code, reason: f"{code} {reason}",
    "branch": lambda number, uri: f"{number}: {_text(uri)}",
}


def read(notes: Iterable[Note]) -> tuple[Step, ...]:
    """The notes as steps, in the order in which they were made."""
    return tuple(Step(note[0], _WORDS[note[0]](*note[1:])) for note in notes)
