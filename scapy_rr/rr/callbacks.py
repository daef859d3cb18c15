"""Functions that run when a request was routed loosely: the module's ``register_rrcb``."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from ..errors import ConfigError

if TYPE_CHECKING:
    from .context import Context
    from .request import Request

RouteCallback = Callable[["Request", str, Any], object]
"""``callback(req, route_params, param)``."""


class _Entry(NamedTuple):
    callback: RouteCallback
    param: Any
    prior: int


class Callbacks:
    """The callbacks of one module, in the order in which they run."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []

    def register(self, callback: RouteCallback, param: Any, prior: int) -> None:
        """Add one, in the order of ``rr_cb.c``: a priority of 0 runs first of all, the latest such before the others; any other runs
        behind the lower ones, and before its equals unless that equal is the first of the list.

        :raises ConfigError: for a negative priority.
        """
        if prior < 0:
            raise ConfigError(f"priority {prior}: a callback's priority is not negative")
        entries, entry = self.entries, _Entry(callback, param, prior)
        if not entries or not prior or prior < entries[0].prior:
            entries.insert(0, entry)
            return
        place = 1
        while place < len(entries) and entries[place].prior < prior:
            place += 1
        entries.insert(place, entry)

    def run(self, req: "Context", route_params: str) -> None:
        """Call each."""
        for entry in self.entries:
            entry.callback(cast("Request", req), route_params, entry.param)
