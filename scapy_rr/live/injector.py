"""Routing live by whole frames, as one call: for a script, or a Scapy session."""

from collections.abc import Iterable, Mapping

from ..capture.summary import Summary
from ..proxy.router import Router
from .frames import FrameProxy
from .mute import Mute
from .signals import asked_to_end


def inject(
    router: Router,
    iface: str | Iterable[str],
    table: Mapping[bytes, bytes] | None = None,
    seconds: float | None = None,
    bridge: bool = False,
) -> Summary:
    """Route what arrives at the listeners on one or more interfaces, until SIGINT or SIGTERM, or for so many seconds.

    The kernel is kept quiet about the listeners. See :class:`FrameProxy` for what the rest means, and what is raised.

    :returns: what was done.
    """
    assert router.rr is not None
    names = [iface] if isinstance(iface, str) else iface
    # Mute first: what arrives before anybody looks is not to be answered, either.
    with Mute(router.rr.identity.listeners), FrameProxy(router, names, table, bridge=bridge) as proxy, asked_to_end(proxy.stop):
        proxy.run(seconds)
    return proxy.summary
