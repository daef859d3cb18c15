"""What scapy_rr makes of what arrived at a Kamailio, in the form in which that one is seen to send, and how the two are compared."""

import re
from collections.abc import Iterable
from itertools import chain, repeat
from pathlib import Path

from scapy_rr.config import Config

from ..capture.samples import pcap, records
from ..command import Command
from ..pcapmaker.frames import Flow, ethernet
from .calls import Network, Step
from .case import endpoint, spelled
from .forwarding import Kamailio, Passed, Socket, read_packet

_OWN_VIA = re.compile(rb"(\r\nVia: SIP/2\.0/(?:UDP|TCP) [^;\r\n]*;branch=)z9hG4bK[0-9a-f.]+(?:(;i=)[0-9a-f]+)?(?=\r\n)")
_TO_TAG = re.compile(rb"(\r\n(?:To|t)[ \t]*:[^\r\n]*;tag=)[0-9a-f.-]+(?=\r\n)", re.IGNORECASE)
_RECEIVED = re.compile(rb";received=[0-9a-f.:]+(?=[;, \t\r])")
_LENGTH = re.compile(rb"\r\n(?:content-length|l)[ \t]*:[ \t]*([0-9]+)", re.IGNORECASE)


class Rewriter:
    """``scapy-rr rewrite`` with the listeners of a Kamailio.

    :param folder: where its files are.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self._folder, self._number = command, folder, 0

    def passed(self, proxy: Kamailio, steps: Iterable[Step]) -> list[Passed]:
        """What it sends for the datagrams of one capture."""
        self._number += 1
        source, target = self._folder / f"in{self._number}.pcap", self._folder / f"out{self._number}.pcap"
        source.write_bytes(pcap(ethernet(Flow(step.source, endpoint(step.received_on[4:])).packet(step.message)) for step in steps))
        words = [word for one in proxy.listen for word in ("--listen", one)]
        words += [word for name, address in proxy.hosts.items() for word in ("--host", f"{name}={address}")]
        done = self._command("rewrite", source, "-o", target, "--dialect", "kamailio", "--emit", "only", *words)
        assert done.code == 0, done.err
        return messages(one.frame for one in records(target.read_bytes()))

    def compared(self, network: Network) -> tuple[list[Passed], list[Passed]]:
        """What we send for all that arrived at the proxies of a network, and what they sent, in the same order."""
        ours, theirs = [], []
        for proxy, steps in network.steps.items():
            datagrams = [step for step in steps if step.received_on.startswith("udp:")]
            streamed = [step for step in steps if not step.received_on.startswith("udp:")]
            arrived = [step.message for step in (*datagrams, *streamed) for _ in step.passed]
            found = [*self.passed(proxy, datagrams), *(one for step in streamed for one in over_stream(proxy, step))]
            ours += [comparable(*pair, proxy.version) for pair in zip(found, chain(arrived, repeat(b"")), strict=False)]
            sent = (one for step in (*datagrams, *streamed) for one in step.passed)
            theirs += [comparable(*pair, proxy.version) for pair in zip(sent, arrived, strict=True)]
        return ours, theirs


def messages(frames: Iterable[bytes]) -> list[Passed]:
    """The messages in Ethernet frames: each datagram, and what a stream holds, when it is whole."""
    found: list[Passed] = []
    streams: dict[Socket, bytes] = {}
    for frame in frames:
        one = read_packet(frame[14:])
        assert one
        if one.transport == "udp":
            found.append(one)
            continue
        data = streams.get(one.source, b"") + one.payload
        while one.payload and (whole := _whole(data)):
            found.append(one._replace(payload=data[:whole]))
            data = data[whole:]
        streams[one.source] = data
    assert not any(streams.values())
    return found


def _whole(data: bytes) -> int:
    """The length of the first message of a stream, 0 where it is not whole yet."""
    head, end, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return len(head) + len(end) + int(length[1]) if end and length and len(body) >= int(length[1]) else 0


def over_stream(proxy: Kamailio, step: Step) -> list[Passed]:
    """What our router sends for a message that arrived by a connection."""
    router = Config(dialect="kamailio", listen=proxy.listen, hosts=proxy.hosts).router()
    outcome = router.handle(step.message, step.received_on, spelled("", *step.source)[1:], connection="1")
    return [
        Passed(
            one.next_hop.transport,
            (str(one.send_socket.address), one.send_socket.port),
            (str(one.next_hop.address), one.next_hop.port),
            one.payload,
        )
        for one in outcome.sent
    ]


def comparable(passed: Passed, arrived: bytes, version: str) -> Passed:
    """The same without what each server makes up: the branch of its Via, the number of a connection, the To tag of its own reply.

    :param arrived: what it was sent for. :param version: of the Kamailio.
    """
    payload = passed.payload
    if not payload.startswith(b"SIP/2.0 "):
        payload = _OWN_VIA.sub(rb"\1ours\2", payload, count=1)
    elif not arrived.startswith(b"SIP/2.0 "):
        payload = _TO_TAG.sub(rb"\1ours", payload, count=1)
        if version.startswith("5.6."):
            # It puts received at the end of the header, later ones put it behind rport or branch.
            found = _RECEIVED.findall(payload)
            payload = _RECEIVED.sub(b"", payload) + b"".join(sorted(found))
    if passed.transport == "udp":
        return passed._replace(payload=payload)
    # Who opened a connection has any port; and a response takes the connection of its request.
    port = 0 if payload.startswith(b"SIP/2.0 ") else passed.destination[1]
    return Passed("tcp", (passed.source[0], 0), (passed.destination[0], port), payload)
