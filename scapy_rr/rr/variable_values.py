"""What each of the scripts' pseudo-variables holds, as the servers' ``pv_get_...`` functions give it; ``None`` stands for null.

Knows not how they are written in a text, and changes nothing in a request.
"""

import re
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

from ..errors import SipParseError
from ..sip.grammar import LWS
from ..sip.message import LONG_NAMES, Header
from ..sip.uri import ipv6_address
from .hop import Hop
from .listener import DEFAULT_PORTS, Listener, ipv6_in_full

if TYPE_CHECKING:
    from .request import Request

Getter = Callable[["Request"], str | None]


def _str(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


# The request line and the status line.


def _ruri(req: "Request") -> str | None:
    return req.ruri if req.message and req.message.is_request else None


def _ruri_hop(req: "Request") -> Hop | None:
    return _hop(req, req.state.ruri if req.message and req.message.is_request else None)


def _hop(req: "Request", uri: bytes | None) -> Hop | None:
    # Of a urn the servers make a user and a host, each in its way (parse_uri); here it has none.
    try:
        return None if uri is None else req.module.hop(uri)
    except SipParseError:
        return None


def _user(hop: Hop | None) -> str | None:
    return _str(hop.user) if hop and hop.user else None


def _host(hop: Hop | None) -> str | None:
    return _str(hop.written_host) if hop and hop.written_host else None


def _ruri_port(req: "Request") -> str | None:
    hop = _ruri_hop(req)
    if hop is None:
        return None
    if hop.written_port is not None:
        return _str(hop.written_port)
    # pv_get_xuri_attr: get_uri_port in the one server, in the other 5061 for a written TLS and 5060 for all else.
    return str(hop.port if req.dialect.transport_matters or hop.named_transport == "tls" else DEFAULT_PORTS["udp"])


def _status(req: "Request") -> str | None:
    return str(req.message.status) if req.message and not req.message.is_request else None


def _reason(req: "Request") -> str | None:
    return _str(req.message.reason.lstrip(b" \t")) if req.message and not req.message.is_request else None


# The headers.

# What parse_tag found to be an address: a quoted display name, or one of words, and brackets; or the URI alone.
_ADDR_SPEC = re.compile(rb'(?:"(?:[^"\\]|\\.)*+"|[^"<;])*+<' + LWS + rb"([^ \t\r\n>]++)|([^; \t\r\n]++)", re.DOTALL)


def _tag(req: "Request", name: bytes) -> bytes | None:
    """The tag of To or From. :raises SipParseError: where the header is missing or malformed."""
    return req.to_tag() if name == b"to" else req.from_tag()


def _tag_or_null(req: "Request", name: bytes) -> str | None:
    try:
        return _str(_tag(req, name))
    except SipParseError:
        return None


def _address(req: "Request", name: bytes) -> bytes | None:
    """The URI of To or From as it stands there, without display name and header parameters."""
    try:
        _tag(req, name)
    except SipParseError:
        return None
    found = _ADDR_SPEC.match(req.message.value(name) or b"") if req.message else None
    return found[1] or found[2] if found else None


def _call_id(req: "Request") -> str | None:
    header = req.message.find(b"call-id") if req.message else None
    return _body(req, header) if header else None


def _cseq_number(req: "Request") -> str | None:
    words = (req.message.value(b"cseq") or b"").split() if req.message else []
    return _str(words[0]) if len(words) == 2 and words[0].isdigit() else None


def header_value(name: bytes, index: int, req: "Request") -> str | None:
    """The value of a header by its place among those of its name, long or compact (``$hdr(name)``); -1 is the last one.

    OpenSIPS knows c, f, i, k, l, m, o, t, v and x as compact names, and no other (``parse_hname2``). Kamailio finds no header at all
    where there are two of To, From, Call-ID, CSeq, Max-Forwards or Content-Length (``parse_headers``). Here all are found.
    """
    message = req.message
    if message is None:
        return None
    # pv_get_hdr has the parser come to the end of all headers first, by the Routes; get_hdr_field reads Content-Length on the way.
    req.state.routes_read = True
    try:
        message.require_headers()
        message.content_length()
    except SipParseError:
        return None
    wanted = _long_name(name)
    found = [header for written, header in message.headers() if _long_name(written) == wanted]
    return _body(req, found[index]) if -len(found) <= index < len(found) else None


def _long_name(name: bytes) -> bytes:
    lower = name.lower()
    return LONG_NAMES.get(lower, lower)


def _body(req: "Request", header: Header) -> str:
    # Of the white space behind a value, trim_r takes the line end alone.
    return req.data[header.value_start : header.end].lstrip(b" \t\r\n").rstrip(b"\r\n\0").decode("latin-1")


# Where it came from, and the sockets.


def _source_address(req: "Request") -> str | None:
    if req.source is None:
        return None
    host = req.source.rpartition(":")[0].strip("[]")
    address = ipv6_address(host.encode())
    return _ip(req, address) if address else host


def _source_port(req: "Request") -> str | None:
    return None if req.source is None else req.source.rpartition(":")[2]


def _ip(req: "Request", address: IPv4Address | IPv6Address) -> str:
    """An address as the server prints it (``ip_addr2a``)."""
    if isinstance(address, IPv6Address) and req.dialect.ipv6_in_full:
        return ipv6_in_full(address).strip("[]")
    return str(address)


def _reference(req: "Request", listener: Listener) -> str:
    """The address of a socket as it stands in a URI."""
    address = _ip(req, listener.address)
    return f"[{address}]" if listener.address.version == 6 else address


def _socket(req: "Request", listener: Listener) -> str:
    return f"{listener.transport}:{_reference(req, listener)}:{listener.port}"


def _of_arrival(req: "Request") -> Listener:
    return req.received_on


def _forced_socket(req: "Request") -> str | None:
    return _socket(req, req.state.send_socket) if req.state.send_socket else None


# The dialog (Kamailio's rr module).


def _route_uri(req: "Request") -> str | None:
    req.state.routes_read = True
    try:
        top = req.routes.top()
    except SipParseError:
        return None
    return _str(top.uri) if top else None


def _tag_of_initial(req: "Request", of_caller: bool) -> str | None:
    """The tag that the caller, or the callee, has in the dialog, whoever sends this request."""
    return _tag_or_null(req, b"to" if of_caller is req.is_upstream() else b"from")


OF_BOTH: dict[str, Getter] = {
    "$ru": _ruri,
    "$rU": lambda req: _user(_ruri_hop(req)),
    "$rd": lambda req: _host(_ruri_hop(req)),
    "$rp": _ruri_port,
    "$rm": lambda req: _str(req.message.method or None) if req.message else None,
    "$rs": _status,
    "$rr": _reason,
    "$du": lambda req: req.dst_uri,
    "$fu": lambda req: _str(_address(req, b"from")),
    "$fU": lambda req: _user(_hop(req, _address(req, b"from"))),
    "$fd": lambda req: _host(_hop(req, _address(req, b"from"))),
    "$ft": lambda req: _tag_or_null(req, b"from"),
    "$tu": lambda req: _str(_address(req, b"to")),
    "$tU": lambda req: _user(_hop(req, _address(req, b"to"))),
    "$td": lambda req: _host(_hop(req, _address(req, b"to"))),
    "$tt": lambda req: _tag_or_null(req, b"to"),
    "$ci": _call_id,
    "$cs": _cseq_number,
    "$si": _source_address,
    "$sp": _source_port,
}
"""Those that both servers have, beside ``$hdr(name)``."""
OF_ONE: dict[str, Getter] = {
    "$rr_params": lambda req: req.rr_params,
    "$socket_in": lambda req: _socket(req, _of_arrival(req)),
    "$socket_in(ip)": lambda req: _reference(req, _of_arrival(req)),
    "$socket_in(port)": lambda req: str(_of_arrival(req).port),
    "$socket_in(proto)": lambda req: _of_arrival(req).transport,
    "$socket_out(forced)": _forced_socket,
    "$route_uri": _route_uri,
    "$fti": lambda req: _tag_of_initial(req, of_caller=True),
    "$tti": lambda req: _tag_of_initial(req, of_caller=False),
    # RR_FLOW_DOWNSTREAM and RR_FLOW_UPSTREAM
    "$rdir(id)": lambda req: "2" if req.is_upstream() else "1",
    "$rdir(name)": lambda req: "upstream" if req.is_upstream() else "downstream",
    "$fs": _forced_socket,
    "$Ri": lambda req: _ip(req, _of_arrival(req).address),
    "$Rp": lambda req: str(_of_arrival(req).port),
    "$pr": lambda req: _of_arrival(req).transport,
}
"""Those of which the dialect says whether there are any."""
