"""Requests for these tests, as they stand on the wire; what a case is not about is the same in all of them."""

from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.request import Request

# The proxy of nearly all tests: two addresses, UDP and TCP on the first.
LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070")
SDP = b"v=0\r\ns=-\r\n\x00\xff\r\n\r\n"


def text(
    *headers: str,
    method: str = "BYE",
    ruri: str = "sip:callee@10.0.0.8",
    from_: str = "<sip:caller@atlanta.example>;tag=caller",
    to: str = "<sip:callee@biloxi.example>;tag=callee",
    end: str = "",
    body: bytes = SDP,
) -> bytes:
    """A request with these headers between its Via and its From; ``end`` stands behind all headers."""
    lines = [
        f"{method} {ruri} SIP/2.0",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1",
        *headers,
        f"From: {from_}",
        f"To: {to}",
        "Call-ID: 1@10.0.0.5",
        f"CSeq: 2 {method}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n" + end + "\r\n").encode("latin-1") + body


def routed(*routes: str, ruri: str = "sip:callee@10.0.0.8", end: str = "", method: str = "BYE") -> bytes:
    """A request within a dialog, with these values of Route headers, each in a header of its own."""
    return text(*(f"Route: {route}" for route in routes), ruri=ruri, end=end, method=method)


def initial(*routes: str, ruri: str = "sip:callee@10.0.0.8", method: str = "INVITE", end: str = "") -> bytes:
    """A request that makes a dialog: no To tag; its Routes, if any, are preloaded."""
    headers = [f"Route: {route}" for route in routes]
    return text(*headers, ruri=ruri, method=method, to="<sip:callee@biloxi.example>", end=end)


def stamped(data: bytes, *record_routes: str) -> bytes:
    """The request with these Record-Routes where the servers put them: above its first header."""
    start, rest = data.split(b"\r\n", 1)
    return b"\r\n".join([start, *(f"Record-Route: {value}".encode("latin-1") for value in record_routes), rest])


def kamailio(data: bytes, received_on: str | None = None, send_socket: str | None = None, **configuration: object) -> Request:
    """The same in the hands of a Kamailio."""
    return ask(data, received_on, send_socket, **configuration, dialect="kamailio")


def ask(data: bytes, received_on: str | None = None, send_socket: str | None = None, **configuration: object) -> Request:
    """The request in the hands of the usual proxy, or of one with another configuration."""
    return RecordRouting(**({"listen": LISTEN} | configuration)).request(data, received_on, "10.0.0.5:5060", send_socket)  # type: ignore[arg-type]
