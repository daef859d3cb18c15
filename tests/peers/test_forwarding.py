"""``rewrite`` makes of a capture of what arrived at a proxy what the installed Kamailio sent for it, message by message."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from ..command import Command
from ..conftest import need_namespaces
from ..pcapmaker.scenes import CALLEE, CALLER
from .calls import Network, Shape, call, cancelled, compact, refused
from .case import endpoint
from .forwarding import Kamailio, Passed, Socket
from .places import FIRST, NAT, NEAR, PLACES, SHAPES, SIX, STREAM, Place
from .rewriting import Rewriter, comparable
from .vias import Vias


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """All that is needed is there."""
    need_namespaces("kamailio", "ip", "unshare", "setpriv")


@pytest.fixture(scope="module")
def plain(installed: None) -> Iterator[Kamailio]:
    """One address, UDP and TCP."""
    with Kamailio([FIRST, STREAM], {"example.com": "10.0.0.8"}) as started:
        started.serve(CALLEE)
        yield started


@pytest.fixture
def rewriter(command: Command, tmp_path: Path) -> Rewriter:
    """The command, with a place for its files."""
    return Rewriter(command, tmp_path)


# Calls through one listener, written in many ways.

CALLS = {"caller ends": call, "callee ends": partial(call, callee_ends=True), "cancelled": cancelled, "busy": refused}


@pytest.mark.parametrize("which", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_one_listener(shape: tuple[Socket, Shape, Shape], which: Callable[..., None], plain: Kamailio, rewriter: Rewriter) -> None:
    caller, request, response = shape
    network = Network([plain], {}, request, response)
    which(network, NEAR, "sip:bob@10.0.0.9", caller, FIRST)
    ours, theirs = rewriter.compared(network)
    assert ours == theirs
    assert len(theirs) >= 2


# Calls through more: two networks, two proxies, other addresses, TCP.


@pytest.mark.parametrize("which", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_places(place: Place, which: Callable[..., None], rewriter: Rewriter) -> None:
    callee = place.dialog.callee
    with ExitStack() as stack:
        hosts = place.hosts or ({},) * len(place.listen)
        proxies = [stack.enter_context(Kamailio(*one, place.options)) for one in zip(place.listen, hosts, strict=True)]
        for proxy in proxies if callee.transport == "TCP" else ():
            neighbours = {endpoint(one[4:]) for other in proxies if other is not proxy for one in other.listen}
            for end in neighbours | {(callee.host, callee.port)}:
                proxy.serve(end)
        network = Network(proxies, place.names)
        which(network, place.dialog, place.uri, place.caller, place.listen[0][0].split()[0])
        ours, theirs = rewriter.compared(network)
        assert ours == theirs
        assert len(theirs) >= 2 * len(proxies)


# Messages by themselves: what the proxy answers, what it keeps, and what its core changes.


def request(
    method: str, *headers: str, uri: str = "sip:bob@10.0.0.9", tag: str = "", body: str = "", length: str = "Content-Length: 0"
) -> bytes:
    """A request; its Via comes first unless one is among the headers."""
    via = [] if any(re.match("(?i)v(?:ia)?[ \t]*:", one) for one in headers) else ["Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1;rport"]
    lines = [f"{method} {uri} SIP/2.0", *via, *headers, "From: <sip:alice@a.example>;tag=1", f"To: <sip:bob@b.example>{tag}"]
    return "\r\n".join([*lines, "Call-ID: 1@x", f"CSeq: 7 {method}", *([length] if length else []), "", body]).encode()


def response(status: str, *vias: str, length: str = "Content-Length: 0", body: str = "") -> bytes:
    """A response with these Vias below ours."""
    lines = [f"SIP/2.0 {status}", "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx.y.0", *(f"Via: {via}" for via in vias)]
    lines += ["Record-Route: <sip:10.0.0.1;lr>", "From: <sip:a@b>;tag=1", "To: <sip:c@d>;tag=2", "Call-ID: 1@x", "CSeq: 7 INVITE"]
    return "\r\n".join([*lines, *([length] if length else []), "", body]).encode()


OURS, THEIRS = "Route: <sip:10.0.0.1;lr>", "Route: <sip:10.0.0.7:5070;lr>"
STREAM_URI, VIA = "sip:bob@10.0.0.9;transport=tcp", "SIP/2.0/UDP 10.0.0.5:5066;branch=z9hG4bK1"
SINGLE: dict[str, bytes] = {
    "404": request("BYE", tag=";tag=2"),
    "404 without rport": request("BYE", f"Via: {VIA}", tag=";tag=2"),
    "404, a Via without port and branch": request("BYE", "v: SIP/2.0/UDP 10.0.0.6", tag=";tag=2"),
    "404, several Vias": request("BYE", f"Via: {VIA};rport , {VIA}2", "Max-Forwards: 7", f"v: {VIA}3 ", tag=" ;tag=2"),
    "404, Record-Route": request("BYE", "Record-Route: <sip:10.0.0.8;lr>", tag=";tag=2"),
    "404 to an INVITE": request("INVITE", tag=";tag=2"),
    "ACK in a dialog without a Route": request("ACK", tag=";tag=2"),
    "403": request("INVITE", OURS),
    "403, short names": compact(request("INVITE", OURS)),
    "403, somebody else's Route": request("MESSAGE", THEIRS),
    "ACK with preloaded Routes": request("ACK", OURS),
    "483": request("OPTIONS", "Max-Forwards: 0"),
    "483 in a dialog": request("BYE", OURS, "Max-Forwards: 0", tag=";tag=2"),
    "483 with folds": request("OPTIONS", "Via: SIP/2.0/UDP\r\n 10.0.0.5 ; \r\n branch=1 ;rport\r\n ", "Max-Forwards:\r\n 0"),
    "ACK without hops": request("ACK", "Max-Forwards: 0"),
    "one hop": request("OPTIONS", "Max-Forwards: 1"),
    "more hops than there may be": request("OPTIONS", "Max-Forwards: 255"),
    "many more": request("OPTIONS", "Max-Forwards: 10000"),
    "zeros before the number": request("OPTIONS", "max-forwards : 0010"),
    "Route to somebody else": request("BYE", THEIRS, tag=";tag=2"),
    "our Route and another": request("BYE", OURS, THEIRS, tag=";tag=2"),
    "a Route that does not parse": request("BYE", "Route: <sip:10.0.0.1", tag=";tag=2"),
    "a strict router's": request("BYE", "Route: <sip:bob@10.0.0.9>", uri="sip:10.0.0.1;lr", tag=";tag=2"),
    "to a strict router": request("BYE", OURS, "Route: <sip:10.0.0.7>", tag=";tag=2"),
    "NOTIFY": request("NOTIFY", OURS, tag=";tag=2"),
    **{f"{method} outside of a dialog": request(method) for method in ("SUBSCRIBE", "REFER", "REGISTER", "CANCEL", "ACK", "PUBLISH")},
    "a name": request("OPTIONS", uri="sip:bob@example.com:5077"),
    "an unknown name": request("OPTIONS", uri="sip:bob@unknown.example:5060"),
    "an ACK of a reply of its own": request("ACK", tag=";tag=b1b1b1b1b1b1b1b1"),
    "more than the body": request("MESSAGE", length="Content-Length: 2", body="abcd"),
    "TCP": request("MESSAGE", uri=STREAM_URI, length="Content-Length: 4", body="abcd"),
    "TCP, more than the body": request("MESSAGE", uri=STREAM_URI, length="l: 2", body="abcd"),
    "TCP, no length": request("MESSAGE", uri=STREAM_URI, length="", body="abcd"),
    "TCP, no length and no body": request("INVITE", uri=STREAM_URI, length=""),
    "no Call-ID": request("OPTIONS").replace(b"Call-ID", b"X"),
    "no Via": request("OPTIONS").replace(b"Via", b"X-Via"),
    "an IPv6 zone in a Via": request("OPTIONS", "Via: SIP/2.0/UDP [fe80::1%eth0]:5060;rport;branch=z9hG4bK1"),
    "two received, two rport": request("OPTIONS", "Via: SIP/2.0/UDP h;rport=1;received=1.2.3.4;rport;received=1.2.3.5"),
    "response": response("200 OK", VIA),
    "response without a reason": response("486 ", VIA),
    "response, several below": response("180 Ringing", f"{VIA} , {VIA}2", f"{VIA}3"),
    "response for ourselves": response("200 OK"),
    "response to somebody else": response("200 OK", VIA).replace(b"10.0.0.1;branch", b"10.0.0.2;branch"),
    "response, received": response("200 OK", f"{VIA};received=10.0.0.7"),
    "response, rport": response("200 OK", f"{VIA};rport=1234"),
    "response, both": response("200 OK", f"{VIA};rport=1234;received=10.0.0.7"),
    "response, rport without a value": response("200 OK", f"{VIA};rport;received=10.0.0.7"),
    "response, two received": response("200 OK", f"{VIA};received=10.0.0.7;received=10.0.0.8"),
    "response to a name": response("200 OK", "SIP/2.0/UDP example.com:5077;branch=1"),
    "response to an unknown transport": response("200 OK", "SIP/2.0/XYZ 10.0.0.5;branch=1"),
    "response over TCP": response("200 OK", "SIP/2.0/TCP 10.0.0.9:5060;branch=1", length="", body="ab"),
    "503": response("503 Service Unavailable", VIA),
}


@pytest.mark.parametrize("message", SINGLE.values(), ids=SINGLE)
@pytest.mark.parametrize("source", [CALLER, NAT], ids=["as its Via says", "from elsewhere"])
def test_single(message: bytes, source: Socket, plain: Kamailio, rewriter: Rewriter) -> None:
    network = Network([plain])
    network.send(message, source, FIRST)
    ours, theirs = rewriter.compared(network)
    assert ours == theirs


# Odd Vias.


@pytest.mark.parametrize(("listener", "source", "version"), [(FIRST, "10.0.0.5", 4), (SIX, "2001:db8::5", 6)], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("kind", [Vias.request, Vias.response], ids=["requests", "responses"])
def test_odd_vias(kind: Callable[[Vias], bytes], listener: str, source: str, version: int, rewriter: Rewriter) -> None:
    hosts = {"example.com": "10.0.0.8" if version == 4 else "2001:db8::8"}
    with Kamailio([listener], hosts) as proxy:
        network, drawn = Network([proxy]), Vias(2026, version)
        for number in range(150):
            network.send(kind(drawn), (source, 5060 + number % 3), listener)
        ours, theirs = rewriter.compared(network)
        assert ours == theirs
        assert len(theirs) > 75


# What Kamailio 5.6.3 does with a Via that a proxy must not do, and what we do.

UNLIKE = {
    "it sends on what is not whole": (request("MESSAGE", length="Content-Length: 9", body="abcd"), b"9\r\n\r\nabcd", b""),
    "it writes into the port": (
        request("OPTIONS", "Via: SIP/2.0/UDP h : 5062"),
        b"Via: SIP/2.0/UDP h : 50;received=10.0.0.562\r\n",
        b"Via: SIP/2.0/UDP h : 5062;received=10.0.0.5\r\n",
    ),
    "it does not parse a name, a blank and a comma": (
        request("OPTIONS", f"Via: {VIA};x , {VIA}"),
        b"",
        b"Via: " + VIA.encode() + b";x , " + VIA.encode() + b"\r\n",
    ),
    "its own reply marks the last Via": (
        request("BYE", f"Via: {VIA};received=10.0.0.6, {VIA}2", tag=";tag=2"),
        VIA.encode() + b"2;received=10.0.0.5\r\n",
        VIA.encode() + b";received=10.0.0.5;received=10.0.0.6, ",
    ),
}


@pytest.mark.parametrize(("message", "theirs", "ours"), UNLIKE.values(), ids=UNLIKE)
def test_where_it_is_not_followed(message: bytes, theirs: bytes, ours: bytes, plain: Kamailio, rewriter: Rewriter) -> None:
    network = Network([plain])
    passed = network.send(message, CALLER, FIRST)
    if plain.version.startswith("5.6."):
        assert [theirs in one.payload for one in passed] == ([True] if theirs else [])
    assert [ours in one.payload for one in rewriter.passed(plain, network.steps[plain])] == ([True] if ours else [])


def test_differences_are_seen() -> None:
    """So that agreement tells something."""
    arrived = request("OPTIONS", f"Via: {VIA}")
    sent = arrived.replace(b"\r\n", b"\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKa.b.0\r\n", 1)

    def shown(payload: bytes, source: Socket = ("10.0.0.1", 5060)) -> Passed:
        return comparable(Passed("udp", source, CALLEE, payload), arrived, "5.6.3")

    assert shown(sent) == shown(sent.replace(b"a.b.0", b"c.d.1"))
    others = [
        sent + b" ",
        sent.replace(b"Via: ", b"v: ", 1),
        sent.replace(b"z9hG4bK1", b"z9hG4bK2"),
        sent.replace(b".0\r\n", b".0;i=1\r\n", 1),
    ]
    assert all(shown(sent) != shown(other) for other in others)
    assert shown(sent) != shown(sent, ("10.0.0.1", 5061))
