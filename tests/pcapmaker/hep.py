"""What an agent of Homer's sends of a scene: each datagram's payload in a HEP packet of its own, over UDP to a server.

It shares no code with ``scapy_rr.wire``, so that a mistake there is not repeated here.
"""

import re
import struct

from ..generator import START
from .frames import UDP
from .scenes import Scene, Socket, short_call

AGENT: Socket = ("192.0.2.7", 45000)
SERVER: Socket = ("192.0.2.9", 9060)
CAPTURE_ID = 2001
_BEHIND = 211
"""How many microseconds after a datagram the agent has sent it on."""

_IPV4_HEADER, _BOTH_HEADERS = 20, 28


def version_2() -> Scene:
    """The short call behind headers of fixed length, the times in the order of the agent's machine."""
    return _stream(2)


def version_3() -> Scene:
    """The short call, in chunks: with an authentication key before the message and a correlation id behind it."""
    return _stream(3)


def _stream(version: int) -> Scene:
    scene, time, behind = Scene(()), START, _BEHIND
    for packet in short_call().packets:
        # As the captures' own times go.
        time += packet.delay * 1000 + 137
        made = (_fixed if version == 2 else _chunked)(packet.data, time // 1000)
        scene.send(AGENT, SERVER, made, packet.delay + behind)
        behind = 0
    return scene


def _fixed(packet: bytes, microseconds: int) -> bytes:
    ports = packet[_IPV4_HEADER : _IPV4_HEADER + 4]
    times = struct.pack("<IIHxx", *divmod(microseconds, 1_000_000), CAPTURE_ID)
    return bytes([2, 16, 2, UDP]) + ports + packet[12:20] + times + packet[_BOTH_HEADERS:]


def _chunked(packet: bytes, microseconds: int) -> bytes:
    message = packet[_BOTH_HEADERS:]
    call = re.search(rb"\r\nCall-ID: ([^\r]+)", message)
    assert call
    seconds, rest = divmod(microseconds, 1_000_000)
    chunks = {
        1: b"\2",
        2: bytes([UDP]),
        3: packet[12:16],
        4: packet[16:20],
        7: packet[20:22],
        8: packet[22:24],
        9: struct.pack("!I", seconds),
        10: struct.pack("!I", rest),
        11: b"\1",
        12: struct.pack("!I", CAPTURE_ID),
        14: b"myhep",
        15: message,
        17: call[1],
    }
    body = b"".join(struct.pack("!HHH", 0, kind, len(value) + 6) + value for kind, value in chunks.items())
    return b"HEP3" + struct.pack("!H", len(body) + 6) + body
