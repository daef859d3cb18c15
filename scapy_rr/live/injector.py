"""Routing live by whole frames, as one call: for a script, or a Scapy session."""

import asyncio
from collections.abc import Iterable, Mapping

from ..capture.summary import Summary
from ..proxy.router import Router
from .frames import FrameProxy
from .mixed import MixedProxy
from .work import work


def inject(
    router: Router,
    iface: str | Iterable[str],
    table: Mapping[bytes, bytes] | None = None,
    seconds: float | None = None,
    bridge: bool = False,
) -> Summary:
    """Route what arrives at the listeners on one or more interfaces, until SIGINT or SIGTERM, or for so many seconds.

    UDP is routed in frames, and the kernel is kept quiet about it; TCP by sockets. See :class:`FrameProxy` for what the rest means, and
    what is raised. It has a loop of :mod:`asyncio` of its own, so that it cannot be called inside another one.

    :returns: what was done.
    """
    names = [iface] if isinstance(iface, str) else iface
    with FrameProxy(router, names, table, bridge=bridge) as frames:
        asyncio.run(work(MixedProxy(router, frames), seconds=seconds))
    return frames.summary
