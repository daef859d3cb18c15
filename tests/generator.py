"""Big captures from a seed: what a proxy's network tap sees while many telephones call through it. It does not use scapy_rr.

The small captures in ``pcaps/`` are made by :mod:`tests.make_pcaps` from the same parts.
"""

import struct
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from random import Random

from .pcapmaker.frames import Flow, ethernet
from .pcapmaker.messages import DEVICES, Dialog, Party, registration
from .pcapmaker.tcp import Connection
from .pcapmaker.writer import write

PROXY = ("10.0.0.1", 5060)
LISTENER = "udp:10.0.0.1:5060"
GATEWAY = ("10.0.0.9", 5060)
START = 1_700_000_000_000_000_000
"""Nanoseconds since 1970 of every generated capture's first frame."""

RTP_PAYLOAD = 160
"""20 ms of G.711; with the RTP header of 12 bytes that is the usual datagram of 172."""

_ETHERNET = 1
_PHONES = 40
_CALLS_AT_ONCE = 20
_STREAMS = 16


class Line:
    """One direction between two hosts on the Ethernet: what is the same in each of its frames is made once."""

    def __init__(self, source: tuple[str, int], destination: tuple[str, int]) -> None:
        self._flow = Flow(source, destination)
        self._ethernet = ethernet(self._flow.packet(b""))[:14]
        self._ident = 0

    def frame(self, payload: bytes) -> bytes:
        """The Ethernet frame with ``payload``."""
        self._ident = (self._ident + 1) & 0xFFFF
        return self._ethernet + self._flow.packet(payload, self._ident)


class Phone:
    """A telephone at the proxy, with the two directions between them."""

    def __init__(self, number: int) -> None:
        host = f"10.0.0.{20 + number}"
        self.party = Party(f"user{number:03}", host, device=DEVICES[number % len(DEVICES)])
        self.out, self.back = Line((host, 5060), PROXY), Line(PROXY, (host, 5060))


class Exchange:
    """Everything that happens at the proxy: telephones that register, ask and call.

    :param rng: where all chance comes from.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._phones = [Phone(number) for number in range(_PHONES)]
        self._gateway_line = Line(GATEWAY, PROXY)

    def frames(self) -> Iterator[bytes]:
        """Frames without end, several calls at once: a third of them are in-dialog requests with a Route to the proxy."""
        calls = [self._call() for _ in range(_CALLS_AT_ONCE)]
        while True:
            place = int(self._rng.random() * _CALLS_AT_ONCE)
            frame = next(calls[place], None)
            if frame is None:
                calls[place] = self._call()
                frame = next(calls[place])
            yield frame

    def _word(self) -> str:
        return f"{self._rng.getrandbits(48):012x}"

    def _route_set(self, tag: str) -> tuple[str, ...]:
        """The proxy's Record-Route as several servers write it; one in eight calls went through another proxy too."""
        own = self._rng.choice(("<sip:10.0.0.1;lr;ftag={}>", "<sip:10.0.0.1:5060;lr;ftag={}>", "<sip:10.0.0.1;lr=on;ftag={}>")).format(tag)
        return ("<sip:10.0.0.2;lr>", own) if self._rng.random() < 0.125 else (own,)

    def _call(self) -> Iterator[bytes]:
        """Twelve frames of one telephone: it registers, asks for options, and calls; the four marked ones carry a Route."""
        rng, phone, word = self._rng, self._rng.choice(self._phones), self._word
        party, out, back = phone.party, phone.out, phone.back
        tag, called = word(), Party(str(rng.randrange(10**9, 10**10)), GATEWAY[0], device=DEVICES[2])
        dialog = Dialog(party, called, f"{word()}{word()}@{party.host}", (tag, word()), self._route_set(tag))
        question = Dialog(party, called, f"{word()}@{party.host}", (word(), ""))
        port = rng.randrange(10000, 30000, 2)
        offer, answer = party.sdp(port), called.sdp(port + 2)

        yield out.frame(registration(party, f"{word()}@{party.host}", word(), rng.randrange(1, 10000), word()))
        yield out.frame(question.request("OPTIONS", 1, word(), uri=called.address_of_record, early=True))
        branch, number = word(), rng.randrange(1, 10000)
        vias = (party.via(branch, f";rport=5060;received={party.host}"),)
        yield out.frame(dialog.request("INVITE", number, branch, uri=called.address_of_record, early=True, body=offer))
        yield back.frame(dialog.response("100 Trying", "INVITE", number, vias))
        yield back.frame(dialog.response("180 Ringing", "INVITE", number, vias))
        yield back.frame(dialog.response("200 OK", "INVITE", number, vias, body=answer))
        yield out.frame(dialog.request("ACK", number, word(), routes=dialog.routes))  # 1
        branch = word()
        vias = (party.via(branch, f";rport=5060;received={party.host}"),)
        yield out.frame(dialog.request("INVITE", number + 1, branch, routes=dialog.routes, body=party.sdp(port, 2)))  # 2
        yield back.frame(dialog.response("200 OK", "INVITE", number + 1, vias, body=answer))
        yield out.frame(dialog.request("ACK", number + 1, word(), routes=dialog.routes))  # 3
        yield from self._hang_up(phone, dialog, number + 2)

    def _hang_up(self, phone: Phone, dialog: Dialog, number: int) -> Iterator[bytes]:
        """A BYE and its answer; every fourth is the other side's, whose route set has the proxies in the other order."""
        branch = self._word()
        if self._rng.random() < 0.25:
            # A proxy beyond ours has taken itself off the list before the request comes to us.
            request = dialog.request("BYE", number, branch, routes=dialog.record_routes[-1:], by_callee=True)
            yield self._gateway_line.frame(request)  # 4
            proxied = f"SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK{self._word()}.0", dialog.callee.via(branch, ";rport=5060;received=10.0.0.9")
            yield phone.out.frame(dialog.response("200 OK", "BYE", number, proxied, by_caller=True))
            return
        yield phone.out.frame(dialog.request("BYE", number, branch, routes=dialog.routes))  # 4
        vias = (dialog.caller.via(branch, f";rport=5060;received={dialog.caller.host}"),)
        yield phone.back.frame(dialog.response("200 OK", "BYE", number, vias))


def rtp_frames(rng: Random) -> Iterator[bytes]:
    """Frames without end of several RTP streams that pass the proxy's host."""
    lines = [Line((f"10.0.0.{20 + n}", 10000 + 2 * n), (PROXY[0], 20000 + 2 * n)) for n in range(_STREAMS)]
    sources = [rng.getrandbits(32) for _ in lines]
    voice = [rng.randbytes(RTP_PAYLOAD) for _ in range(64)]
    header = struct.Struct("!BBHII")
    first = rng.getrandbits(16)
    number = 0
    while True:
        for place, line in enumerate(lines):
            rtp = header.pack(0x80, 0, (first + number) & 0xFFFF, (160 * number) & 0xFFFFFFFF, sources[place])
            yield line.frame(rtp + voice[(number + place) & 63])
        number += 1


def _timed(rng: Random, frames: Iterator[bytes]) -> Iterator[tuple[int, bytes, int]]:
    """The frames with times that only grow, and their lengths on the wire."""
    time, random = START, rng.random
    for frame in frames:
        yield time, frame, len(frame)
        time += 20_000 + int(random() * 200_000)


def sip_only_capture(path: Path | str, frames: int = 120_000, seed: int = 1) -> int:
    """Write a capture of SIP alone; a third are in-dialog requests with a Route to the proxy. Answers the number of frames."""
    rng = Random(seed)
    return write(Path(path), _ETHERNET, _timed(rng, islice(Exchange(rng).frames(), frames)))


def mixed_capture(path: Path | str, sip_messages: int = 20_000, rtp_per_sip: int = 20, seed: int = 1) -> int:
    """Write a capture with ``rtp_per_sip`` RTP frames after each SIP message. Answers the number of frames."""
    rng = Random(seed)
    rtp = rtp_frames(rng)
    frames = chain.from_iterable(chain((sip,), islice(rtp, rtp_per_sip)) for sip in islice(Exchange(rng).frames(), sip_messages))
    return write(Path(path), _ETHERNET, _timed(rng, frames))


def tcp_frames(rng: Random) -> Iterator[bytes]:
    """The same messages without end over TCP: a connection for each telephone, each message in a segment that is acknowledged."""
    connections: dict[tuple[str, int], Connection] = {}
    for frame in Exchange(rng).frames():
        # Everything is IPv4 without options, and UDP.
        source, destination = (".".join(map(str, frame[at : at + 4])) for at in (26, 30))
        by_server = source == PROXY[0]
        client = (destination if by_server else source), 40000
        connection = connections.get(client)
        if connection is None:
            connection = connections[client] = Connection(client, PROXY)
            yield from map(ethernet, connection.open())
        message = frame[42:].replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP").replace(b"<sip:10.0.0.1", b"<sip:10.0.0.1;transport=tcp")
        yield from map(ethernet, connection.say(message, by_server=by_server))


def tcp_capture(path: Path | str, frames: int = 120_000, seed: int = 1) -> int:
    """Write a capture of SIP over TCP alone. Answers the number of frames."""
    rng = Random(seed)
    return write(Path(path), _ETHERNET, _timed(rng, islice(tcp_frames(rng), frames)))
