"""A SIP message of a capture, and where it came from: found by its start line, on any port."""

from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

RESPONSE = "response"
_LINE_ENDS = (b"\r", b"\n")
# The ends of a capture come again and again.
_MOST_REMEMBERED = 4096

End = tuple[bytes, int]
"""A packed address and a port."""


class SipMessage(NamedTuple):
    """A SIP message, and where it came from."""

    number: int
    """Of the frame in which it was whole."""
    transport: str
    source: End
    destination: End
    kind: str
    """Its method, or ``response``; empty where it cannot be reached."""
    data: bytes
    refusal: str = ""
    """Why it cannot be reached, or exchanged; empty where it can."""
    connection: str = ""
    """Names the connection; empty for datagrams."""
    frames: tuple[int, ...] = ()
    """The numbers of all frames that carried it."""
    time: float = 0.0
    """When the last of them was captured, in seconds of the epoch."""
    origin: object = None
    """What it takes to write another one in its place."""

    @property
    def sender(self) -> str:
        """Who sent it, as a listener: ``udp:10.0.0.5:5060``; empty where that is not known."""
        return spell(*self.source, self.transport) if self.kind else ""

    @property
    def receiver(self) -> str:
        """To whom, likewise."""
        return spell(*self.destination, self.transport) if self.kind else ""


def kind_of(payload: bytes) -> str:
    """The method of a request, :data:`RESPONSE`, or an empty string where the first line is not SIP's."""
    if payload.startswith(b"SIP/2.0 "):
        return RESPONSE
    start = len(payload) - len(payload.lstrip(b"\r\n")) if payload[:1] in _LINE_ENDS else 0
    end = payload.find(b"\n", start)
    line = payload[start : end if end >= 0 else None].split()
    if line and line[0][:4].upper() == b"SIP/":
        return RESPONSE
    return line[0].decode("latin-1") if len(line) > 1 and line[-1][:4].upper() == b"SIP/" else ""


@lru_cache(_MOST_REMEMBERED)
def spell(address: bytes, port: int, transport: str = "udp") -> str:
    """A packed address and a port as a listener."""
    text = str(ip_address(address))
    return f"{transport}:[{text}]:{port}" if ":" in text else f"{transport}:{text}:{port}"
