"""What a script function returns, with the servers' own numbers."""

from enum import IntEnum


class ReturnCode(IntEnum):
    """The return code of a script function; it is true in a condition where the script would go on, that is, where it is positive."""

    OK = 1
    """Done; for ``loose_route``: the next hop comes from the route set."""
    FLOW_TOKEN = 2
    """Kamailio: the next hop comes from a flow token."""
    FAILED = -1
    """Not done; for ``loose_route``: no Route, no next hop in it, or an error. The servers do not tell these apart; the trace does."""
    FLOW_TOKEN_TAMPERED = -2
    """Kamailio: the flow token is not ours."""
    PRELOADED = -3
    """Kamailio: an initial request with own Routes only."""

    def __bool__(self) -> bool:
        return self > 0
