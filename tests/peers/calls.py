"""Calls through real proxies: what telephones send, made from what came to them, and what every proxy on the way sent for it."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from ..pcapmaker.messages import Dialog
from .case import spelled
from .forwarding import Kamailio, Passed, Socket

Shape = Callable[[bytes], bytes]
"""Writes a message in another way."""

_HEADER = re.compile(rb"^([A-Za-z-]+)[ \t]*:[ \t]*(.*?)\r\n", re.MULTILINE)
_COPIED = {b"via", b"v", b"record-route", b"from", b"f", b"to", b"t", b"call-id", b"i", b"cseq"}
_ROUTE = re.compile(rb"<sip:(?:[^@>;]*@)?(\[[^]]*\]|[^:;>]+)(?::([0-9]+))?([^>]*)>")
COMPACT = {b"Via": b"v", b"From": b"f", b"To": b"t", b"Call-ID": b"i", b"Contact": b"m", b"Content-Length": b"l", b"Content-Type": b"c"}


class Step(NamedTuple):
    """One message that arrived at a proxy, and what that sent for it."""

    message: bytes
    source: Socket
    received_on: str
    passed: list[Passed]


class Network:
    """Proxies, each with what it was given. What one sends to another is given to that.

    :param names: listeners by the ``host:port`` that they advertise.
    :param request: how telephones write requests. :param response: how they write responses.
    """

    def __init__(
        self, proxies: Iterable[Kamailio], names: Mapping[str, str] | None = None, request: Shape = bytes, response: Shape = bytes
    ) -> None:
        self.steps: dict[Kamailio, list[Step]] = {proxy: [] for proxy in proxies}
        self._listeners = {one.split()[0]: proxy for proxy in self.steps for one in proxy.listen}
        self._names = names or {}
        self._request, self._response = request, response

    def send(self, message: bytes, source: Socket, received_on: str) -> list[Passed]:
        """What reaches the telephones of a message that one of them sends to a listener."""
        proxy = self._listeners[received_on]
        passed = proxy.pass_on(message, source, received_on)
        self.steps[proxy].append(Step(message, source, received_on, passed))
        if len(passed) == 1:
            listener = self._listener_at(passed[0].transport, passed[0].destination)
            if listener:
                return self.send(passed[0].payload, passed[0].source, listener)
        return passed

    def _listener_at(self, transport: str, end: Socket) -> str | None:
        """The listener that is sent to, or by whose connection."""
        spelling = spelled(transport, *end)
        if transport == "tcp":
            spelling = next((one for one in self._listeners if one.startswith(f"tcp:{end[0]}:")), "")
        return spelling if spelling in self._listeners else None

    def request(self, message: bytes, source: Socket, received_on: str = "") -> Passed:
        """Where a request of a telephone ends; without a listener, it is sent to its topmost Route."""
        if not received_on:
            top = _ROUTE.search(b"".join(values(message, b"route")))
            assert top
            transport = "tcp" if b"transport=tcp" in top[3] else "udp"
            host = top[1].decode() + ":" + (top[2] or b"5060").decode()
            received_on = f"{transport}:{self._names.get(host, host)}"
        (end,) = self.send(self._request(message), source, received_on)
        return end

    def respond(self, arrived: Passed, status: str, tag: str, contact: str = "", body: str = "") -> Passed:
        """Where the response ends that a telephone gives to the request that arrived there. It goes back the way that came."""
        return self.answer(arrived, response_to(arrived.payload, status, tag, contact, body))

    def answer(self, arrived: Passed, response: bytes) -> Passed:
        """The same with a response that is written already."""
        back = self._listener_at(arrived.transport, arrived.source)
        assert back
        (end,) = self.send(self._response(response), arrived.destination, back)
        return end


def values(message: bytes, name: bytes) -> list[bytes]:
    """The values of the headers of a name, in lower case."""
    return [header[2] for header in _HEADER.finditer(message.partition(b"\r\n\r\n")[0] + b"\r\n") if header[1].lower() == name]


def response_to(request: bytes, status: str, tag: str, contact: str = "", body: str = "") -> bytes:
    """What a telephone answers to a request: in its own words, but for what it has to copy."""
    lines = [f"SIP/2.0 {status}\r\n".encode()]
    for header in _HEADER.finditer(request.partition(b"\r\n\r\n")[0] + b"\r\n"):
        name = header[1].lower()
        if name in _COPIED:
            tagged = name in (b"to", b"t") and tag and b";tag=" not in header[2]
            lines.append(header[0].removesuffix(b"\r\n") + (f";tag={tag}" if tagged else "").encode() + b"\r\n")
    more = [f"Contact: <{contact}>"] if contact else []
    lines.append("\r\n".join([*more, f"Content-Length: {len(body)}", "", body]).encode())
    return b"".join(lines)


def call(network: Network, dialog: Dialog, uri: str, caller: Socket, listener: str, *, callee_ends: bool = False) -> None:
    """A whole call: rung, answered, changed by the callee, and ended."""
    alice, bob, (_, bob_tag) = dialog.caller, dialog.callee, dialog.tags
    invite = dialog.request("INVITE", 1, "a0001", uri=uri, early=True, body=alice.sdp(40000))
    ringing = network.request(invite, caller, listener)
    network.respond(ringing, "100 Trying", "")
    network.respond(ringing, "180 Ringing", bob_tag, bob.contact)
    answered = network.respond(ringing, "200 OK", bob_tag, bob.contact, bob.sdp(50000))
    routes = [value.decode() for value in values(answered.payload, b"record-route")[::-1]]
    network.request(dialog.request("ACK", 1, "a0002", routes=routes), caller)
    callee = ringing.destination
    routes_back = [value.decode() for value in values(ringing.payload, b"record-route")]
    again = dialog.request("INVITE", 7, "b0007", routes=routes_back, by_callee=True, body=bob.sdp(50000, 2))
    network.respond(network.request(again, callee), "200 OK", "", alice.contact, alice.sdp(40000, 2))
    network.request(dialog.request("ACK", 7, "b0008", routes=routes_back, by_callee=True), callee)
    if callee_ends:
        bye = network.request(dialog.request("BYE", 8, "b0009", routes=routes_back, by_callee=True), callee)
    else:
        bye = network.request(dialog.request("BYE", 2, "a0003", routes=routes), caller)
    network.respond(bye, "200 OK", "")


def cancelled(network: Network, dialog: Dialog, uri: str, caller: Socket, listener: str) -> None:
    """A call that is given up while it rings."""
    invite = dialog.request("INVITE", 1, "a0001", uri=uri, early=True)
    ringing = network.request(invite, caller, listener)
    network.respond(ringing, "180 Ringing", dialog.tags[1], dialog.callee.contact)
    cancel = network.request(dialog.request("CANCEL", 1, "a0001", uri=uri, early=True), caller, listener)
    network.respond(cancel, "200 canceling", dialog.tags[1])
    network.respond(ringing, "487 Request Terminated", dialog.tags[1])
    _hop_by_hop_ack(network, dialog, uri, caller, listener)


def refused(network: Network, dialog: Dialog, uri: str, caller: Socket, listener: str) -> None:
    """A call to somebody who is busy."""
    ringing = network.request(dialog.request("INVITE", 1, "a0001", uri=uri, early=True), caller, listener)
    network.respond(ringing, "486 Busy Here", dialog.tags[1])
    _hop_by_hop_ack(network, dialog, uri, caller, listener)


def _hop_by_hop_ack(network: Network, dialog: Dialog, uri: str, caller: Socket, listener: str) -> None:
    """The ACK for a negative response, which has a tag but no Route: the script keeps it."""
    network.send(dialog.request("ACK", 1, "a0001", uri=uri), caller, listener)


def over_tcp(dialog: Dialog) -> Dialog:
    """The same, whose callee is reached over TCP."""
    return replace(dialog, callee=replace(dialog.callee, transport="TCP"))


def compact(message: bytes) -> bytes:
    """With the short names of headers."""
    for name, short in COMPACT.items():
        message = message.replace(b"\r\n" + name + b": ", b"\r\n" + short + b": ")
    return message
