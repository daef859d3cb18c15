"""Parameters of our own Route: reading them, asking an expression of them, and the direction that ``ftag`` tells.

Knows nothing of messages: text in, answer out.
"""

import re
from enum import Enum

_BLANKS = b" \t"
_QUOTES = b"\"'"


class Direction(Enum):
    """Which way a request within a dialog runs."""

    DOWNSTREAM = "downstream"
    """From the caller to the callee, as the request that made the dialog."""
    UPSTREAM = "upstream"


def read_direction(text: str) -> Direction | None:
    """The direction a script names; compared without case, and what follows the name is not looked at (``direction_fixup``)."""
    lower = text.lower()
    return next((one for one in Direction if lower.startswith(one.value)), None)


def matches(params: bytes, expression: re.Pattern[bytes], before: bytes = b";") -> bool:
    """Whether an expression is found in URI parameters; never in none at all (``check_route_param``).

    :param before: what stands before them and is seen, too.
    """
    if not params:
        return False
    return expression.search(params if params.startswith(b";") else before + params) is not None


def direction(params: bytes, from_tag: bytes | None) -> Direction:
    """The direction: upstream only where an ``ftag`` with a value and a From tag are both there and differ (``is_direction``)."""
    ftag = get(params, b"ftag")
    if not ftag or not from_tag or ftag == from_tag:
        return Direction.DOWNSTREAM
    return Direction.UPSTREAM


# White space in front, a value that is empty although another parameter follows, nothing behind the last semicolon, a quote that is not
# closed, or not followed by a semicolon.
_REFUSED = re.compile(rb'\A[ \t]|=[ \t]*;|;[ \t]*\Z|="(?:[^"\\]|\\.)*+(?:\Z|"[ \t]*[^;, \t])', re.DOTALL)


def listed(params: bytes) -> list[tuple[bytes, bytes]] | None:
    """The parameters as Kamailio's ``parse_params`` lists them: the last one first, names in lower case, values without quotes.

    :returns: ``None`` where it refuses them.
    """
    if _REFUSED.search(params):
        return None
    pairs = (param.partition(b"=") for param in reversed(params.split(b";")))
    return [(name.strip().lower(), value.strip().strip(b'"')) for name, _, value in pairs]


def get(params: bytes, name: bytes) -> bytes | None:
    """The value of a parameter, as ``get_route_param`` finds it: ``b""`` without a value, ``None`` where it is not found.

    The server's own search: names have case, quotes of both kinds hide a ``;`` and are taken off a value, and a parameter that begins
    within the last ``len(name) + 1`` bytes is not found; nor is it if ``len(name) + 2`` bytes are left to search when it comes up.
    """
    end, room = len(params), len(name) + 2
    at = 0
    while end - at > room:
        if at:
            at = _next_parameter(params, at)
        at = _skip_blanks(params, at)
        if end - at < room:
            return None
        if not params.startswith(name, at):
            at += 1
            continue
        at = _skip_blanks(params, at + len(name))
        if at == end or params[at] == 0x3B:
            return b""
        at += 1
        if params[at - 1] == 0x3D:
            at = _skip_blanks(params, at)
            return None if at == end else _value(params, at)
    return None


def _next_parameter(params: bytes, at: int) -> int:
    """Behind the next ``;`` that no quote hides, or the end."""
    quoted = False
    while at < len(params) and (quoted or params[at] != 0x3B):
        if params[at] in _QUOTES and params[at - 1] != 0x5C:
            quoted = not quoted
        at += 1
    return at + 1


def _skip_blanks(params: bytes, at: int) -> int:
    while at < len(params) and params[at] in _BLANKS:
        at += 1
    return at


def _value(params: bytes, at: int) -> bytes:
    start = at
    if params[at] in _QUOTES:
        start = at = at + 1
        while at < len(params) and not (params[at] in _QUOTES and params[at - 1] != 0x5C):
            at += 1
    else:
        while at < len(params) and params[at] not in b"; \t":
            at += 1
    return params[start:at]
