"""The built-in route block: what the servers' default configuration does with a request, as far as routing goes."""

from enum import Enum

from ..errors import SipParseError
from ..rr.request import Request

# They make a dialog (RFC 3261 12.1, RFC 6665, RFC 3515); anything else has no use for a Record-Route.
DIALOG_FORMING = (b"INVITE", b"SUBSCRIBE", b"REFER")


class Preloaded(Enum):
    """What becomes of an initial request with Routes."""

    DENY = "deny"
    """It is left alone: ``loose_route`` must not become a way around authorisation."""
    RELAY = "relay"


class Left(Enum):
    """Why the route block does not relay a request."""

    PRELOADED = "preloaded Routes denied"
    NO_ROUTE = "within a dialog, without a Route of ours"
    UNROUTABLE = "Routes that do not parse or lead nowhere"


def default_route(req: Request, preloaded: Preloaded) -> Left | None:
    """Run the functions on a request that parses; ``None`` where it is to be relayed.

    :raises SipParseError: where To is missing or malformed.
    """
    assert req.message is not None
    method = req.message.method
    has_routes = bool(req.routes.headers)
    if req.to_tag() is not None:
        if not req.loose_route():
            return Left.UNROUTABLE if has_routes else Left.NO_ROUTE
        # The first NOTIFY may come before the 2xx and make the dialog of a SUBSCRIBE (RFC 6665 4.4.1).
        if method == b"NOTIFY":
            req.record_route()
        return None
    if has_routes:
        if preloaded is Preloaded.DENY:
            return Left.PRELOADED
        # The code is the same for a failure and for own Routes only.
        if not req.loose_route() and req.state.error:
            return Left.UNROUTABLE
    if method in DIALOG_FORMING and not req.record_route():
        raise SipParseError("From is missing or malformed")
    return None
