"""Flow tokens (:rfc:`5626#section-5.2`) as Kamailio's ``outbound`` module makes them, and when a request uses them.

A token is the user part of a Record-Route. It names the flow that a request came by: over which transport, to which listener, and from
where; an HMAC keeps others from making one.
"""

import binascii
import hashlib
import hmac
import re
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from ..errors import ConfigError, SipParseError
from ..sip.nameaddr import NameAddr
from ..sip.uri import Uri
from .route_params import listed

if TYPE_CHECKING:
    from .context import Context

# enum sip_protos
_PROTOCOLS = {"udp": 1, "tcp": 2, "tls": 3, "sctp": 4, "ws": 5, "wss": 6}
_TRANSPORTS = {number: name for name, number in _PROTOCOLS.items()}
_IPV6 = 0x80
# HMAC-SHA1-80: the last ten bytes of the digest.
_HMAC_LENGTH = 10
# With IPv4 and with IPv6 addresses.
_LENGTHS = (23, 47)
_SOURCE = re.compile(r"\[?([0-9A-Fa-f.:]+?)\]?:([0-9]{1,5})\Z")


class Tampered(ValueError):
    """A user part that has the shape of a token and is none of ours."""


class Flow(NamedTuple):
    """One flow: a transport and both ends, each a packed address and a port."""

    transport: str
    local: tuple[bytes, int]
    remote: tuple[bytes, int]

    @property
    def uri(self) -> bytes:
        """Where it leads: the URI of its other end."""
        address = ip_address(self.remote[0])
        host = f"[{address}]" if address.version == 6 else str(address)
        return f"sip:{host}:{self.remote[1]};transport={self.transport}".encode()


class FlowTokens:
    """Makes tokens and knows its own again.

    :param secret: what keeps others from making them. The key is its SHA-1.
    """

    def __init__(self, secret: str) -> None:
        self._key = hashlib.sha1(secret.encode("utf-8", "surrogateescape"), usedforsecurity=False).digest()

    def encode(self, flow: Flow) -> bytes:
        """The token of a flow."""
        protocol = _PROTOCOLS[flow.transport] | (_IPV6 if len(flow.local[0]) == 16 else 0)
        ends = b"".join(address + port.to_bytes(2, "big") for address, port in (flow.local, flow.remote))
        named = bytes([protocol]) + ends
        return binascii.b2a_base64(self._mac(named) + named, newline=False)

    def decode(self, token: bytes) -> Flow | None:
        """The flow that a user part names; ``None`` where it is no token. :raises Tampered: where it is none of ours."""
        try:
            raw = binascii.a2b_base64(token, strict_mode=True)
        except binascii.Error:
            return None
        if len(raw) not in _LENGTHS:
            return None
        mac, named = raw[:_HMAC_LENGTH], raw[_HMAC_LENGTH:]
        # Whoever tries tokens must not learn from the time that it takes how much of one was right.
        if not hmac.compare_digest(mac, self._mac(named)):
            raise Tampered("the flow token's HMAC is another")
        width = 16 if named[0] & _IPV6 else 4
        transport = _TRANSPORTS.get(named[0] & ~_IPV6)
        if transport is None or len(named) != 5 + 2 * width:
            raise Tampered("the flow token names no flow")
        local, remote = named[1 : 3 + width], named[3 + width :]
        return Flow(transport, *((end[:-2], int.from_bytes(end[-2:], "big")) for end in (local, remote)))

    def _mac(self, named: bytes) -> bytes:
        return hmac.digest(self._key, named, "sha1")[-_HMAC_LENGTH:]


def flow_of(req: "Context") -> Flow:
    """The flow that a request came by. :raises ConfigError: where it is not known where it came from."""
    match = _SOURCE.match(req.source or "")
    try:
        remote = ip_address(match[1]).packed if match else b""
    except ValueError:
        remote = b""
    arrived = req.received_on
    if match is None or not remote or len(remote) != len(arrived.packed):
        raise ConfigError(f"flow tokens need the source of a request, address:port, not {req.source!r}")
    return Flow(arrived.transport, (arrived.packed, arrived.port), (remote, int(match[2])))


def user_part(req: "Context", tokens: FlowTokens) -> bytes:
    """The token that a Record-Route gets, or nothing (``use_outbound``)."""
    assert req.message is not None
    found = b""
    if req.message.method == b"REGISTER":
        # Looking for a second Via in vain, the server reads all headers.
        single = _single_via(req)
        req.state.routes_read |= single
        used = single and b"reg-id" in _contact_params(req, of_uri=False)
    else:
        req.state.routes_read = True
        found, decided = _top_route(req, tokens)
        used = _asks_for_outbound(req) if decided is None else decided
    return found or (tokens.encode(flow_of(req)) if used else b"")


def _top_route(req: "Context", tokens: FlowTokens) -> tuple[bytes, bool | None]:
    """What the top Route says: the token to copy, and whether flow tokens are used; ``None`` where it does not decide."""
    try:
        top = req.routes.top()
        if top is None:
            return b"", None
        hop = req.module.hop(top.uri)
    except SipParseError:
        return b"", False
    if not req.identity.match(hop):
        return b"", False
    params = listed(hop.params)
    if params is None:
        return b"", False
    if b"ob" not in dict(params):
        return b"", None
    try:
        flow = tokens.decode(hop.user or b"")
    except Tampered:
        flow = None
    # The token of another flow leads to its end: a request to a client, which is to come back the same way.
    return (hop.user or b"", True) if flow and flow.remote != flow_of(req).remote else (b"", True)


def _asks_for_outbound(req: "Context") -> bool:
    return _supports_outbound(req) and _single_via(req) and b"ob" in _contact_params(req, of_uri=True)


def _supports_outbound(req: "Context") -> bool:
    assert req.message is not None
    headers = req.message.find_all(b"supported")
    tags = [tag.strip() for one in headers for tag in req.data[one.value_start : one.value_end].lower().split(b",")]
    # Without Supported the server asks no more (parse_supported fails).
    return not headers or b"outbound" in tags


def _single_via(req: "Context") -> bool:
    assert req.message is not None
    vias = req.message.find_all(b"via")
    return len(vias) == 1 and b"," not in req.data[vias[0].value_start : vias[0].value_end]


def _contact_params(req: "Context", of_uri: bool) -> set[bytes]:
    """The names of a Contact's parameters: those of its URI, or those behind it. The server looks at the last one of the first header."""
    assert req.message is not None
    try:
        last = NameAddr.parse_many(req.message.value(b"contact") or b"")[-1:]
        return set().union(*(_names(Uri.parse(one.uri).params if of_uri else one.params) for one in last))
    except SipParseError:
        return set()


def _names(params: bytes) -> set[bytes]:
    return {param.partition(b"=")[0].strip().lower() for param in params.split(b";")}
