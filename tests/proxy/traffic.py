"""Messages whose Vias are written out, and the proxy with the built-in script that they go through.

The branches and tags that the proxy makes are hashes; :func:`shown` writes ``OURS`` for them.
"""

import re

from scapy_rr.proxy import script_file
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.outcome import Outcome, Sent
from scapy_rr.proxy.router import Preloaded, Router
from scapy_rr.rr.module import RecordRouting

DIALECTS = ("opensips", "kamailio")
ADVERTISED = "udp:10.0.0.2:5070 as edge.example.com:5060"
LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", ADVERTISED, "udp:[2001:db8::1]:5060", "tcp:[2001:db8::1]:5070")
HOSTS = {"phone.example.net": "10.0.0.7", "six.example.net": "[2001:db8::7]:5080"}
SOURCE, SOURCE6 = "10.0.0.5:15060", "[2001:db8::5]:15060"
VIA = "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1"
OUR_VIA = "SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKours"
BOB = "sip:bob@10.0.0.9"


def message(
    start: str, *headers: str, method: str = "OPTIONS", to: str = "<sip:bob@example.com>", length: str = "0", end: bytes = b""
) -> bytes:
    """A message with these header lines first, and then those that every message needs; ``end`` stands behind the empty line."""
    lines = [start, *headers, "From: <sip:alice@example.com>;tag=a1", f"To: {to}", "Call-ID: 1@10.0.0.5", f"CSeq: 7 {method}"]
    lines += [f"Content-Length: {length}"] if length else []
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + end


def request(
    *headers: str, method: str = "OPTIONS", ruri: str = BOB, to: str = "<sip:bob@example.com>", length: str = "0", end: bytes = b""
) -> bytes:
    """A request; see :func:`message`."""
    return message(f"{method} {ruri} SIP/2.0", *headers, method=method, to=to, length=length, end=end)


def response(*headers: str, status: str = "200 OK", length: str = "0", end: bytes = b"") -> bytes:
    """A response; see :func:`message`."""
    return message(f"SIP/2.0 {status}", *headers, to="<sip:bob@example.com>;tag=b2", length=length, end=end)


def proxy(dialect: str = "opensips", listen: tuple[str, ...] = LISTEN) -> Router:
    """The proxy. It routes what it is asked to: preloaded Routes, too."""
    made = script_file.load()
    made.rr = RecordRouting(dialect, listen, enable_socket_mismatch_warning=0)
    made.locator, made.preloaded = Locator(Hosts(HOSTS), None, ("udp", "tcp")), Preloaded.RELAY
    return made


def handled(data: bytes, dialect: str = "opensips", source: str | None = SOURCE, received_on: str | None = None) -> Outcome:
    """What the proxy does with a message."""
    return proxy(dialect).handle(data, received_on, source)


def sent(data: bytes, dialect: str = "opensips", source: str | None = SOURCE, received_on: str | None = None) -> Sent:
    """The one message that the proxy sends for one."""
    outcome = handled(data, dialect, source, received_on)
    assert len(outcome.sent) == 1, outcome.detail
    return outcome.sent[0]


def shown(data: bytes) -> bytes:
    """A message with ``OURS`` for what the proxy made up."""
    return re.sub(rb"(?<=;branch=)z9hG4bK[0-9a-f]{16}\.[0-9a-f]{16}\.\d+|(?<=;tag=)[0-9a-f]{16}", b"OURS", data)


def lines(data: bytes, *names: str) -> list[str]:
    """The header lines of these names, as they are written, folds and all."""
    head = shown(data).partition(b"\r\n\r\n")[0].decode("latin-1")
    unfolded = re.split(r"\r\n(?![ \t])", head)[1:]
    return [line for line in unfolded if line.partition(":")[0].strip().lower() in names]


def vias(data: bytes) -> list[str]:
    """The Via header lines."""
    return lines(data, "via", "v")
