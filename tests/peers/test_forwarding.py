"""``rewrite`` makes of a capture of what arrived at a proxy what the installed Kamailio sent for it, message by message."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from scapy_rr.config import Config

from ..capture.samples import pcap, records
from ..command import Command
from ..conftest import need
from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.messages import DEVICES, Dialog, Party
from ..pcapmaker.scenes import ALICE, BOB, CALLER, FAR_BOB, TAGS
from .calls import Network, Shape, Step, call, cancelled, compact, over_tcp, refused
from .case import endpoint
from .forwarding import Kamailio, Passed, Socket, read_packet
from .namespace import Namespace

_OWN_VIA = re.compile(rb"(\r\nVia: SIP/2\.0/(?:UDP|TCP) [^;\r\n]*;branch=)z9hG4bK[0-9a-f.]+(?:;i=[0-9a-f]+)?(?=\r\n)")
_TO_TAG = re.compile(rb"(\r\n(?:To|t)[ \t]*:[^\r\n]*;tag=)[0-9a-f.-]+(?=\r\n)", re.IGNORECASE)

FIRST, SECOND = "udp:10.0.0.1:5060", "udp:10.0.1.1:5060"


def comparable(passed: Passed, request_in: bytes) -> Passed:
    """The same without what two servers make up: the branch of the own Via, and the To tag of an own reply."""
    payload = passed.payload
    if not payload.startswith(b"SIP/2.0 "):
        payload = _OWN_VIA.sub(rb"\1ours", payload, count=1)
    elif not request_in.startswith(b"SIP/2.0 "):
        payload = _TO_TAG.sub(rb"\1ours", payload, count=1)
    if passed.transport == "udp":
        return passed._replace(payload=payload)
    # Who opened a connection has any port; and a response takes the connection of its request.
    port = 0 if payload.startswith(b"SIP/2.0 ") else passed.destination[1]
    return passed._replace(payload=payload, source=(passed.source[0], 0), destination=(passed.destination[0], port))


class Rewriter:
    """``scapy-rr rewrite`` with the listeners of a Kamailio."""

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self._folder, self._number = command, folder, 0

    def passed(self, proxy: Kamailio, steps: Sequence[Step]) -> list[Passed]:
        """What it sends for all that arrived over UDP."""
        self._number += 1
        source, target = self._folder / f"in{self._number}.pcap", self._folder / f"out{self._number}.pcap"
        frames = [ethernet(Flow(step.source, endpoint(step.received_on[4:])).packet(step.message)) for step in steps]
        source.write_bytes(pcap(frames))
        words = [word for one in proxy.listen for word in ("--listen", one)]
        words += [word for name, address in proxy.hosts.items() for word in ("--host", f"{name}={address}")]
        done = self._command("rewrite", source, "-o", target, "--dialect", "kamailio", "--emit", "only", *words)
        assert done.code == 0, done.err
        found: list[Passed] = []
        streams: dict[Socket, bytes] = {}
        for record in records(target.read_bytes()):
            one = read_packet(record.frame[14:])
            assert one
            if one.transport == "udp":
                found.append(one)
                continue
            data = streams.get(one.source, b"") + one.payload
            while (whole := message_length(data)) and one.payload:
                found.append(one._replace(payload=data[:whole]))
                data = data[whole:]
            streams[one.source] = data
        assert not any(streams.values())
        return found


def message_length(data: bytes) -> int:
    """The length of the first message of a stream, 0 where it is not whole yet."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = re.search(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]+)", head, re.IGNORECASE)
    if not end or not length or len(body) < int(length[1]):
        return 0
    return len(head) + len(end) + int(length[1])


def over_stream(proxy: Kamailio, step: Step) -> list[Passed]:
    """What our router sends for a message that arrived over TCP."""
    router = Config(dialect="kamailio", listen=proxy.listen, hosts=proxy.hosts).router()
    source = f"[{step.source[0]}]:{step.source[1]}" if ":" in step.source[0] else f"{step.source[0]}:{step.source[1]}"
    return [
        Passed(hop.transport, (str(socket.address), socket.port), (str(hop.address), hop.port), payload)
        for payload, socket, hop, _ in router.handle(step.message, step.received_on, source).sent
    ]


@pytest.fixture
def rewriter(command: Command, tmp_path: Path) -> Rewriter:
    """The command, with a place for its files."""
    return Rewriter(command, tmp_path)


def agree(network: Network, rewriter: Rewriter) -> int:
    """See that every proxy's messages are ours. :returns: how many there were."""
    number = 0
    for proxy, steps in network.steps.items():
        datagrams = [step for step in steps if step.received_on.startswith("udp:")]
        theirs = [comparable(one, step.message) for step in datagrams for one in step.passed]
        # One message can have at most one outcome here, so that they stand in the same order.
        requests = [step.message for step in datagrams for _ in step.passed]
        ours = rewriter.passed(proxy, datagrams)
        assert [comparable(one, message) for one, message in zip(ours, requests, strict=True)] == theirs
        for step in steps:
            if not step.received_on.startswith("udp:"):
                assert [comparable(one, step.message) for one in over_stream(proxy, step)] == [
                    comparable(one, step.message) for one in step.passed
                ]
        number += len(steps)
    return number


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """All that is needed is there."""
    for tool in ("kamailio", "ip", "unshare", "setpriv"):
        need(tool)
    try:
        Namespace().close()
    except OSError as error:
        reason = f"no network namespace can be made: {error}"
        if os.environ.get("SCAPY_RR_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)


@pytest.fixture(scope="module")
def plain(installed: None) -> Iterator[Kamailio]:
    """One listener."""
    with Kamailio([FIRST]) as started:
        yield started


@pytest.fixture(scope="module")
def double(installed: None) -> Iterator[Kamailio]:
    """Two networks."""
    with Kamailio([FIRST, SECOND]) as started:
        yield started


def replaced(*pairs: tuple[bytes, bytes]) -> Shape:
    """Each of these, where it is there, by the other."""

    def shape(message: bytes) -> bytes:
        for old, new in pairs:
            message = message.replace(old, new)
        return message

    return shape


def joined_vias(message: bytes) -> bytes:
    """All Vias in one header."""
    lines = message.split(b"\r\n")
    vias = [line for line in lines if line.startswith((b"Via: ", b"v: "))]
    at = lines.index(vias[0])
    rest = [line for line in lines if line not in vias]
    rest.insert(at, b"Via: " + b", ".join(via.partition(b": ")[2] for via in vias))
    return b"\r\n".join(rest)


NAT = ("203.0.113.7", 40123)
_BELOW = b"SIP/2.0/UDP 192.0.2.50:5062;branch=z9hG4bKbelow;received=192.0.2.51"
SHAPES: dict[str, tuple[Socket, Shape, Shape]] = {
    "as telephones write": (CALLER, bytes, bytes),
    "without rport": (CALLER, replaced((b";rport", b"")), bytes),
    "behind NAT": (NAT, bytes, bytes),
    "behind NAT without rport": (NAT, replaced((b";rport", b"")), bytes),
    "with a received of its own": (CALLER, replaced((b";rport", b";received=192.0.2.200")), bytes),
    "behind NAT with both of its own": (NAT, replaced((b";rport", b";rport=1;received=192.0.2.200")), bytes),
    "short names": (CALLER, compact, compact),
    "two Vias in one header": (CALLER, replaced((b";rport\r\n", b";rport, " + _BELOW + b"\r\n")), bytes),
    "two Vias, joined in responses": (CALLER, replaced((b";rport\r\n", b";rport\r\nv: " + _BELOW + b"\r\n")), joined_vias),
    "no Max-Forwards": (CALLER, replaced((b"Max-Forwards: 70\r\n", b"")), bytes),
    "Max-Forwards 10": (CALLER, replaced((b"Max-Forwards: 70", b"Max-Forwards: 10")), bytes),
    "no Content-Length": (CALLER, replaced((b"Content-Length: 0\r\n", b"")), replaced((b"Content-Length: 0\r\n", b""))),
}
CALLS = {"caller ends": call, "callee ends": partial(call, callee_ends=True), "cancelled": cancelled, "busy": refused}


@pytest.mark.parametrize("which", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_one_listener(shape: tuple[Socket, Shape, Shape], which: partial[None], plain: Kamailio, rewriter: Rewriter) -> None:
    caller, request, response = shape
    network = Network([plain], {}, request, response)
    which(network, Dialog(ALICE, BOB, "one@10.0.0.5", TAGS), "sip:bob@10.0.0.9", caller, FIRST)
    assert agree(network, rewriter) >= 3


class Place(NamedTuple):
    """Proxies between a caller and a callee."""

    listen: tuple[tuple[str, ...], ...]
    """Of each proxy."""
    dialog: Dialog
    uri: str = "sip:bob@example.com"
    hosts: tuple[dict[str, str], ...] = ()
    """What each takes names for."""
    names: dict[str, str] = {}
    caller: Socket = CALLER
    first: str = FIRST


ALICE6 = Party("alice", "[2001:db8::5]")
BOB6 = Party("bob", "[2001:db8::9]", port=5070, device=DEVICES[1])
CAROL = Party("carol", "10.0.2.9")
DIALOG, FAR, LONG = Dialog(ALICE, BOB, "1@10.0.0.5", TAGS), Dialog(ALICE, FAR_BOB, "2@10.0.0.5", TAGS), Dialog(ALICE, CAROL, "3@10.0.0.5", TAGS)
PLACES = {
    "two networks": Place(((FIRST, SECOND),), FAR, "sip:bob@10.0.1.9"),
    "two proxies": Place(
        ((FIRST,), ("udp:10.0.2.1:5060",)), LONG, hosts=({"example.com": "10.0.2.1"}, {"example.com": "10.0.2.9"})
    ),
    "two proxies, three networks": Place(
        ((FIRST, SECOND), ("udp:10.0.1.2:5080", "udp:10.0.2.1:5060")),
        LONG,
        "sip:bob@example.com:5080",
        ({"example.com": "10.0.1.2"}, {"example.com": "10.0.2.9"}),
    ),
    "IPv6": Place(
        (("udp:[2001:db8::1]:5060",),),
        Dialog(ALICE6, BOB6, "6@x", TAGS),
        "sip:bob@[2001:DB8:0::9]:5070",
        caller=("2001:db8::5", 5060),
        first="udp:[2001:db8::1]:5060",
    ),
    "advertised": Place(
        (("udp:10.0.0.1:5060 as edge.example.net:5060",),), DIALOG, "sip:bob@10.0.0.9", names={"edge.example.net:5060": "10.0.0.1:5060"}
    ),
    "advertised, other port": Place(
        (("udp:10.0.0.1:5060 as 203.0.113.20:5099",),), DIALOG, "sip:bob@10.0.0.9", names={"203.0.113.20:5099": "10.0.0.1:5060"}
    ),
    "advertised on one of two": Place(
        ((FIRST, "udp:10.0.1.1:5070 as edge.example.net:5070"),), FAR, "sip:bob@10.0.1.9", names={"edge.example.net:5070": "10.0.1.1:5070"}
    ),
    "another port": Place((("udp:10.0.0.1:5090",),), DIALOG, "sip:bob@10.0.0.9", first="udp:10.0.0.1:5090"),
    "other ports on two": Place((("udp:10.0.0.1:5090", "udp:10.0.1.1:15060"),), FAR, "sip:bob@10.0.1.9", first="udp:10.0.0.1:5090"),
    "out over TCP": Place(((FIRST, "tcp:10.0.0.1:5060"),), over_tcp(DIALOG), "sip:bob@10.0.0.9;transport=tcp"),
    "out over TCP, another port": Place(((FIRST, "tcp:10.0.0.1:5062"),), over_tcp(DIALOG), "sip:bob@10.0.0.9;transport=tcp"),
    "two proxies, TCP behind the first": Place(
        ((FIRST, "tcp:10.0.0.1:5060"), ("udp:10.0.2.1:5060", "tcp:10.0.2.1:5060")),
        over_tcp(LONG),
        "sip:bob@example.com;transport=tcp",
        ({"example.com": "10.0.2.1"}, {"example.com": "10.0.2.9"}),
    ),
}


@pytest.mark.parametrize("which", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_places(place: Place, which: Callable[..., None], rewriter: Rewriter) -> None:
    with ExitStack() as stack:
        hosts = place.hosts or ({},) * len(place.listen)
        proxies = [stack.enter_context(Kamailio(*one)) for one in zip(place.listen, hosts, strict=True)]
        callee = place.dialog.callee
        for proxy in proxies:
            for end in {(callee.host, callee.port), *(endpoint(one[4:]) for other in proxies if other is not proxy for one in other.listen)}:
                if ":" not in end[0]:
                    proxy.serve(end)
        network = Network(proxies, place.names)
        which(network, place.dialog, place.uri, place.caller, place.first)
        assert agree(network, rewriter) > 2 * len(proxies)
