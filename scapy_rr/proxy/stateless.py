"""A stateless proxy, sans-IO: a message and where it arrived go in, a message and where it leaves come out, or why it does not."""

from typing import NamedTuple

from ..errors import SipParseError
from ..rr.listener import Listener
from ..rr.module import RecordRouting
from ..rr.request import Request
from .default_route import Preloaded, default_route
from .next_hop import Hosts, NextHop

MALFORMED, TRUNCATED, UNRESOLVED = "malformed request", "body shorter than its Content-Length", "next hop is a name without an address"
OURSELVES, NO_SOCKET = "next hop is ourselves", "no listener of the next hop's transport and family"

# A named tuple's own constructor takes three times as long, and there is one for each request.
_new = tuple.__new__


class Outcome(NamedTuple):
    """What became of a request."""

    request: Request
    left: str
    """Why it is left as it was, in a few words that all such requests share; empty where it is routed."""
    detail: str
    """The same, about this one."""
    payload: bytes
    """The message as it leaves; as it came where it is left."""
    send_socket: Listener | None
    next_hop: NextHop | None

    @property
    def way(self) -> str:
        """Which way it was routed."""
        return self.request.state.way or "by the R-URI"


class StatelessProxy:
    """The rr module, a route block and a host table.

    :param rr: the module.
    :param hosts: addresses of names.
    :param preloaded: what becomes of an initial request with Routes.
    """

    def __init__(self, rr: RecordRouting, hosts: Hosts | None = None, preloaded: Preloaded = Preloaded.DENY) -> None:
        self.rr = rr
        self._hosts = hosts or Hosts()
        self._preloaded = preloaded

    def handle(self, data: bytes, received_on: Listener, source: str | None = None) -> Outcome:
        """Route one request that arrived at a listener of ours."""
        req = self.rr.request(data, received_on, source)
        try:
            return self._handle(req)
        except SipParseError as error:
            return _left(req, MALFORMED, str(error))

    def _handle(self, req: Request) -> Outcome:
        if req.message is None:
            return _left(req, MALFORMED, str(req.parse_error))
        length = req.message.content_length()
        if length is not None and req.message.body_start + length > len(req.data):
            return _left(req, TRUNCATED, f"{len(req.message.body)} of {length} bytes are there")
        left = default_route(req, self._preloaded)
        if left:
            return _left(req, left.value, str(req.state.error or left.value))
        target = self.rr.hop(req.state.dst_uri or req.state.ruri)
        next_hop = self._hosts.resolve(target)
        if next_hop is None:
            return _left(req, UNRESOLVED, f"no address is known for {target.host.decode('latin-1') or 'a URI without a host'}")
        if self.rr.identity.listener_at(next_hop.transport, next_hop.packed, next_hop.port):
            return _left(req, OURSELVES, f"{next_hop} is a listener of ours")
        send_socket = self._send_socket(req, next_hop)
        if send_socket is None:
            return _left(req, NO_SOCKET, f"nothing of ours can send to {next_hop}")
        return _new(Outcome, (req, "", "", req.build(send_socket), send_socket, next_hop))

    def _send_socket(self, req: Request, next_hop: NextHop) -> Listener | None:
        """The listener to send by (``get_send_socket``): the forced one, the one of arrival, the first that fits."""
        forced = req.state.send_socket
        if forced and forced.transport != next_hop.transport:
            forced = self.rr.identity.listener_at(next_hop.transport, forced.packed, forced.port)
        for listener in (forced or req.received_on, req.received_on, *self.rr.identity.listeners):
            if listener.transport == next_hop.transport and len(listener.packed) == len(next_hop.packed):
                return listener
        return None


def _left(req: Request, left: str, detail: str) -> Outcome:
    req.state.notes.append(("error", detail, "left as it was: "))
    return _new(Outcome, (req, left, detail, req.data, None, None))
