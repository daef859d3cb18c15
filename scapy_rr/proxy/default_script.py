"""The built-in script: what the servers' default configuration does, as far as routing goes.

Copy it, change it, and say ``scapy-rr rewrite IN -o OUT --script YOURS.py``.
"""

from scapy_rr import Router, ScriptRequest

router = Router()


@router.request_route
def request_route(req: ScriptRequest) -> None:
    """Every request comes here."""
    if req.has_totag():
        within_dialog(req)
    else:
        initial(req)


def within_dialog(req: ScriptRequest) -> None:
    """A sequential request goes where the Routes say that record_route put into the first one."""
    if req.loose_route():
        # The first NOTIFY may come before the 2xx and make the dialog of a SUBSCRIBE (RFC 6665 4.4.1).
        if req.is_method("NOTIFY"):
            req.record_route()
        req.relay()
    elif req.header("Route") is not None:
        req.drop("Routes that do not parse or lead nowhere", req.error)
    elif req.is_method("ACK"):
        req.drop("ACK without a Route of ours")
    else:
        req.reply(404, "Not here")


def initial(req: ScriptRequest) -> None:
    """A request outside of dialogs. A CANCEL goes the way of its INVITE."""
    if req.header("Route") is not None and not preloaded(req):
        return
    # They make a dialog (RFC 3261 12.1, RFC 6665, RFC 3515); anything else has no use for a Record-Route.
    if req.is_method("INVITE|SUBSCRIBE|REFER") and not req.record_route():
        req.drop("malformed request", req.error)
        return
    req.relay()


def preloaded(req: ScriptRequest) -> bool:
    """Whether an initial request with Routes may go on: they must not become a way around authorisation."""
    if not router.relays_preloaded:
        if req.is_method("ACK"):
            req.drop("ACK with preloaded Routes")
        else:
            req.reply(403, "Preload Route denied")
        return False
    # -1 is the answer to own Routes only, too, which are gone now.
    if not req.loose_route() and req.error:
        req.drop("Routes that do not parse or lead nowhere", req.error)
        return False
    return True
