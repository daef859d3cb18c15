"""Messages and routers for the tests of the proxy's core; what a case is not about is the same in all of them.

The branches and tags that a proxy makes are hashes; :func:`shown` writes ``OURS`` for them.
"""

import re
from collections.abc import Callable

from scapy_rr.proxy import script_file
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.outcome import Outcome, Sent
from scapy_rr.proxy.router import Preloaded, Router
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.rr.module import RecordRouting

LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.1.1:5060", "udp:[2001:db8::1]:5060")
HOSTS = {"gw.example.net": "10.0.0.7:5080"}
CALLER = "10.0.0.5:5060"
A, B, C = "sip:a@10.0.0.11", "sip:b@10.0.0.12", "sip:c@10.0.0.13"

Script = Callable[[ScriptRequest], object]


def request(
    method: str = "INVITE",
    *headers: str,
    ruri: str = "sip:bob@10.0.0.9",
    via: str = "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
    from_: str = "<sip:alice@example.com>;tag=a1",
    to: str = "<sip:bob@example.com>",
    cseq: int = 1,
    body: bytes = b"",
) -> bytes:
    """A request, with these headers between its Max-Forwards and its From."""
    lines = [
        f"{method} {ruri} SIP/2.0",
        f"Via: {via}",
        "Max-Forwards: 70",
        *headers,
        f"From: {from_}",
        f"To: {to}",
        "Call-ID: 1@10.0.0.5",
        f"CSeq: {cseq} {method}",
        f"Content-Length: {len(body)}",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def within(method: str = "BYE", *headers: str, ruri: str = "sip:bob@10.0.0.9") -> bytes:
    """A request within a dialog."""
    return request(method, *headers, ruri=ruri, to="<sip:bob@example.com>;tag=b2", cseq=2)


def answer(sent: Sent, status: str, tag: str = "b2", method: str = "") -> bytes:
    """What a user agent answers to a request that a proxy sent."""
    lines = [f"SIP/2.0 {status}".encode()]
    for line in sent.payload.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        name = line.partition(b":")[0]
        if name == b"To":
            line += b"" if b";tag=" in line or status.startswith("100") else f";tag={tag}".encode()
        if name in (b"Via", b"Record-Route", b"From", b"To", b"Call-ID", b"CSeq"):
            lines.append(line)
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])


def of_transaction(data: bytes, method: str, to: str = "") -> bytes:
    """The CANCEL of a request, or the ACK for a negative response to it, as the one who sent it makes them."""
    made = re.sub(rb"^[A-Z]+ |(?<=CSeq: \d )[A-Z]+", lambda found: method.encode() + b" " * found[0].endswith(b" "), data)
    return made.replace(b"To: <sip:bob@example.com>", b"To: <sip:bob@example.com>" + to.encode())


def built_in(dialect: str = "opensips", via: bool = True, preloaded: Preloaded = Preloaded.DENY) -> Router:
    """A proxy with the built-in script."""
    made = script_file.load()
    made.rr, made.locator = RecordRouting(dialect, LISTEN, ["example.com"]), Locator(Hosts(HOSTS))
    made.via, made.preloaded = via, preloaded
    return made


def router(script: Script, dialect: str = "opensips", via: bool = True, **parameters: object) -> Router:
    """A proxy with this request route."""
    rr = RecordRouting(dialect, LISTEN, ["example.com"], **parameters)  # type: ignore[arg-type]
    made = Router(rr, locator=Locator(Hosts(HOSTS)), via=via)
    made.request_route(script)
    return made


def do(*calls: Script) -> Script:
    """A script that does one after the other."""

    def script(req: ScriptRequest) -> None:
        for call in calls:
            call(req)

    return script


def relayed(script: Script, data: bytes | None = None, dialect: str = "opensips", via: bool = True) -> Outcome:
    """What becomes of a request in the hands of this script."""
    return router(script, dialect, via).handle(data or request(), source=CALLER)


def shown(data: bytes) -> list[str]:
    """The lines of a message without a body; what is a hash in them is ``OURS``."""
    head, end, body = data.partition(b"\r\n\r\n")
    assert end and not body
    return re.sub(r"z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}|(?<=tag=)[0-9a-f]{16}", "OURS", head.decode("latin-1")).split("\r\n")


def values(data: bytes, name: str) -> list[str]:
    """The values of all headers of this name, as they are written."""
    lines = [line.partition(": ") for line in data.split(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")]
    return [value for found, _, value in lines if found == name]


def summary(outcome: Outcome) -> list[str]:
    """What was sent: each start line without the version, and where to."""
    lines = [sent.payload.split(b"\r\n")[0].decode().removesuffix(" SIP/2.0").removeprefix("SIP/2.0 ") for sent in outcome.sent]
    return [f"{line} -> {sent.next_hop}" for line, sent in zip(lines, outcome.sent, strict=True)]
