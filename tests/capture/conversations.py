"""Conversations over TCP to test with: SIP messages in segments that are cut as asked, and a reader that is not scapy_rr's."""

import struct
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from scapy_rr.capture.reader import Capture
from scapy_rr.capture.reading import sip_messages
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.next_hop import Hosts

from ..pcapmaker.frames import ethernet
from ..pcapmaker.messages import Dialog, Party
from ..pcapmaker.scenes import BOB, TAGS
from .samples import Kept, pcap, records, script

CALLER = ("10.0.0.5", 40000)
FIRST = 0x0A11CE00, 0x0B0B0000
LISTEN = "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "ws:10.0.0.1:80"
ALICE = Party("alice", *CALLER, transport="TCP")
DIALOG = Dialog(ALICE, BOB, "conversation@10.0.0.5", TAGS, ("<sip:10.0.0.1;transport=tcp;lr>",))


def bye(number: int = 1, body: str = "") -> bytes:
    """A request within a dialog, to a callee on UDP."""
    return DIALOG.request("BYE", number, f"a{number}", routes=DIALOG.routes, body=body)


def ok(number: int = 1) -> bytes:
    """The answer to it, on the caller's leg."""
    return DIALOG.response("200 OK", "BYE", number, (ALICE.via(f"a{number}", ";rport=40000;received=10.0.0.5"),))


def proxy(*listen: str, via: bool = True, ports: tuple[int, ...] = ()) -> CaptureRouter:
    """The built-in script in a whole proxy, over UDP, TCP and WebSocket."""
    return CaptureRouter(script(RecordRouting(listen=listen or LISTEN), Hosts(), via=via), ports)


def capture(packets: Iterable[bytes], seconds: Sequence[int] = ()) -> bytes:
    """A capture of IP packets, one a second unless told otherwise."""
    frames = list(map(ethernet, packets))
    times = seconds or range(len(frames))
    return pcap([Kept(1_700_000_000 + time, 0, len(one), one) for time, one in zip(times, frames, strict=True)])


class Seen(NamedTuple):
    """A message that scapy_rr sees."""

    frames: tuple[int, ...]
    refusal: str
    data: bytes


def seen(folder: Path, data: bytes, ports: tuple[int, ...] = ()) -> list[Seen]:
    """Every message in a capture."""
    path = folder / "seen"
    path.write_bytes(data)
    with Capture(path) as capture:
        found = [Seen(one.frames, one.refusal, one.data) for one in sip_messages(capture, ports)]
    path.unlink()
    return found


class Packet(NamedTuple):
    """An IPv4 packet, as this reader sees it."""

    source: tuple[str, int]
    destination: tuple[str, int]
    sequence: int
    acknowledgement: int
    flags: int
    payload: bytes


def dissect(frame: bytes) -> Packet:
    """A whole packet behind an Ethernet header; of UDP there are only ends and payload."""
    packet = frame[14 : 14 + int.from_bytes(frame[16:18])]
    assert packet[0] == 0x45, "neither another version, nor options"
    source, destination = (".".join(map(str, packet[at : at + 4])) for at in (12, 16))
    source_port, destination_port, sequence, acknowledgement, size, flags = struct.unpack_from(">HHIIBB", packet, 20)
    if packet[9] == 17:
        return Packet((source, source_port), (destination, destination_port), 0, 0, 0, packet[28:])
    header = 20 + (size >> 4) * 4
    return Packet((source, source_port), (destination, destination_port), sequence, acknowledgement, flags, packet[header:])


class Written(NamedTuple):
    """What is in a capture: each stream from its SYN, or the first segment, to its first gap; and the datagrams."""

    streams: dict[tuple[tuple[str, int], tuple[str, int]], bytes]
    datagrams: list[bytes]


def written(data: bytes) -> Written:
    """Put together what a capture holds."""
    known: dict[tuple[tuple[str, int], tuple[str, int]], tuple[int, dict[int, int]]] = {}
    datagrams = []
    for one in records(data):
        packet = dissect(one.frame)
        if not packet.flags:
            datagrams.append(packet.payload)
            continue
        start = packet.sequence + bool(packet.flags & 2)
        first, found = known.setdefault((packet.source, packet.destination), (start, {}))
        at = (start - first + 2**31) % 2**32 - 2**31
        # What a probe of the last byte repeats may be any byte (RFC 9293 3.8.4).
        if len(packet.payload) == 1 and at == max(found, default=-1):
            continue
        for position, byte in enumerate(packet.payload, at):
            assert found.setdefault(position, byte) == byte, f"byte {position} comes in two ways"
    return Written({ends: _until_gap(found) for ends, (_, found) in known.items()}, datagrams)


def _until_gap(found: dict[int, int]) -> bytes:
    return bytes(found[at] for at in range(next(at for at in range(len(found) + 1) if at not in found)))
