"""The kinds of routes that a script has."""

from enum import Enum


class RouteType(Enum):
    """The routes of a script, by the servers' names."""

    REQUEST = "request_route"
    BRANCH = "branch_route"
    FAILURE = "failure_route"
    ONREPLY = "onreply_route"

    # Asked for every message; the one that enums have is no C function.
    __hash__ = object.__hash__
