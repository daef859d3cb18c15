"""A conversation that goes through ConnectionEdit, and a reader of both: it puts streams together without anything of scapy_rr."""

import struct
from collections.abc import Iterable
from random import Random
from typing import NamedTuple

from scapy_rr.wire.connection_edit import EVERYTHING, ConnectionEdit
from scapy_rr.wire.direction import Direction
from scapy_rr.wire.segment import read

from ..pcapmaker.frames import words_sum
from ..pcapmaker.talk import Sent

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10


class Part(NamedTuple):
    """A part of a stream, and what is to stand in its place; ``None`` where it stays."""

    end: int
    after: bytes | None


def cut(random: Random, stream: bytes, longest: int = 900) -> list[Part]:
    """A stream in parts, some of which become longer, shorter, nothing, or others as long."""
    parts, start = [], 0
    while start < len(stream):
        end = min(start + random.randint(1, longest), len(stream))
        before = stream[start:end]
        middle = random.randrange(len(before) + 1)
        after = random.choice(
            [
                None,
                b"",
                before[:middle],
                before[:middle] + b"+" * random.randint(1, 400) + before[middle:],
                b"=" * len(before),
                before[:middle] + before[min(middle + 40, len(before)) :],
                bytes(random.randint(1, 3000)),
            ]
        )
        parts.append(Part(end, after))
        start = end
    return parts


class Editor:
    """Feeds a conversation to ConnectionEdit as a capture's reader does: parts are exchanged when they are whole."""

    def __init__(self, streams: tuple[bytes, bytes], parts: tuple[list[Part], list[Part]], client: int, mtu: int = 0) -> None:
        self.directions = Direction(), Direction()
        self.edit: ConnectionEdit[int] = ConnectionEdit(self.directions, mtu)
        self.wanted = ["", ""]
        self._streams, self._parts, self._client = streams, parts, client
        self._done = [0, 0]
        self._settled = [0, 0]
        self._over = [False, False]
        self._missing = [0, 0]
        self.said = [bytearray(), bytearray()]
        """What the streams are to be, as far as they are settled."""
        self.settled = b"", b""
        """That, when nothing more came."""
        self.out: list[list[bytes] | None] = []
        """What became of each packet."""
        self.inserted: dict[int, list[bytes]] = {}
        """What was put in behind each packet."""
        self.released: list[int] = []

    def take(self, packet: bytes) -> None:
        """The next packet."""
        segment = read(packet)
        assert segment is not None
        number, side = len(self.out), int(segment.source_port != self._client)
        self.out.append(None)
        direction = self.directions[side]
        self.edit.add(side, packet, segment, number)
        at = direction.position(segment.sequence + bool(segment.flags & SYN))
        if segment.payload:
            direction.take(at, segment.payload)
            self._exchange(side)
        if segment.flags & FIN and at + len(segment.payload) == direction.next:
            self._over[side] = True
        if segment.flags & RST:
            self._over = [True, True]
        for one in (0, 1):
            while self.directions[one].resumes_at is not None and self._missing[one] > 60:
                self.directions[one].skip()
                self._over[one] = True
            self._missing[one] = self._missing[one] + 1 if self.directions[one].resumes_at is not None else 0
        self._settle()

    def _exchange(self, side: int) -> None:
        parts = self._parts[side]
        while not self._over[side] and self._done[side] < len(parts) and self.directions[side].next >= parts[self._done[side]].end:
            part, start = parts[self._done[side]], self._settled[side]
            before = self._streams[side][start : part.end]
            if part.after is not None:
                self.edit.exchange(side, start, before, part.after)
            self.said[side] += before if part.after is None else part.after
            self._settled[side] = part.end
            self._done[side] += 1

    def _settle(self) -> None:
        """Take what needs to wait no longer."""
        for side in (0, 1):
            self.edit.settle(side, EVERYTHING if self._over[side] else self._settled[side])
        for number, packets in self.edit.ready():
            self.released.append(number)
            self.out[number] = packets

    def insert(self, side: int, payload: bytes) -> bool:
        """Say something new behind the packet that came last."""
        made = self.edit.insert(side, payload)
        if made is None:
            return False
        self.inserted.setdefault(len(self.out) - 1, []).extend(made[0])
        assert self._settled[side] == self.directions[side].next
        self.said[side] += payload
        return True

    def close(self) -> None:
        """Nothing more will come."""
        self._over = [True, True]
        self._settle()
        self.settled = bytes(self.said[0]), bytes(self.said[1])
        for side in (0, 1):
            self.said[side] += self._streams[side][self._settled[side] :]

    def written(self, came: list[Sent]) -> list[tuple[int, int, bytes]]:
        """The packets as they are written now: the time of each, the number of the one in whose place it stands, and its bytes.

        What was put in has a number of its own, below 0.
        """
        found = []
        for number, (sent, packets) in enumerate(zip(came, self.out, strict=True)):
            found += [(sent.time, number, packet) for packet in ([sent.packet] if packets is None else packets)]
            found += [(sent.time, -1, packet) for packet in self.inserted.get(number, [])]
        return found


class Tcp(NamedTuple):
    """A segment, as this reader sees it."""

    port: int
    sequence: int
    acknowledgement: int
    flags: int
    window: int
    payload: bytes
    blocks: list[tuple[int, int]]


def dissect(packet: bytes) -> Tcp:
    """Lengths and checksums are right, or it is refused."""
    if packet[0] >> 4 == 4:
        assert packet[0] == 0x45
        assert int.from_bytes(packet[2:4], "big") == len(packet)
        assert words_sum(packet[:20]) == 0
        addresses, segment = packet[12:20], packet[20:]
    else:
        assert 40 + int.from_bytes(packet[4:6], "big") == len(packet)
        addresses, segment = packet[8:40], packet[40:]
    assert (words_sum(addresses) + 6 + len(segment) + words_sum(segment)) % 0xFFFF == 0
    port, _, sequence, acknowledgement, size, flags, window = struct.unpack_from(">HHIIBBH", segment)
    header = size >> 4 << 2
    options, blocks = segment[20:header], []
    while options and options[0]:
        if options[0] == 5:
            blocks += [(start, end) for start, end in struct.iter_unpack(">II", options[2 : options[1]])]
        options = options[1:] if options[0] == 1 else options[options[1] :]
    return Tcp(port, sequence, acknowledgement, flags, window, segment[header:], blocks)


class Reader:
    """Puts both streams of one connection together, each byte as it came first, and minds that no byte comes in two ways.

    :param first: the first sequence numbers, the client's and the server's.
    """

    def __init__(self, client: int, first: tuple[int, int]) -> None:
        self._client, self._first = client, [number + 1 for number in first]
        self._bytes: tuple[dict[int, int], dict[int, int]] = {}, {}
        self._top = [0, 0]
        self.longest = [0, 0]
        self.unseen = 0
        """How many acknowledged, or named as come, what no packet had brought before."""

    def take(self, packets: Iterable[bytes]) -> "Reader":
        """Read packets in their order."""
        for packet in packets:
            self._take(dissect(packet))
        return self

    def _take(self, tcp: Tcp) -> None:
        side = int(tcp.port != self._client)
        at = self._place(side, tcp.sequence + bool(tcp.flags & SYN))
        known = self._bytes[side]
        # What a probe of the last byte brings is not looked at.
        if not (len(tcp.payload) == 1 and at == self._top[side] - 1 and (at in known or at < 0)):
            for position, byte in enumerate(tcp.payload, at):
                assert known.setdefault(position, byte) == byte, f"the byte at {position} comes in two ways"
        end = at + len(tcp.payload) + bool(tcp.flags & FIN)
        self._top[side] = max(self._top[side], end)
        self.longest[side] = max(self.longest[side], len(tcp.payload))
        if tcp.flags & ACK:
            acknowledged = self._place(1 - side, tcp.acknowledgement)
            self.unseen += acknowledged > self._top[1 - side]
            for start, stop in tcp.blocks:
                low, high = self._place(1 - side, start), self._place(1 - side, stop)
                assert low < high
                self.unseen += high > self._top[1 - side]

    def _place(self, side: int, number: int) -> int:
        """The byte's place in the stream: these streams are short."""
        return (number - self._first[side] + 2**31) % 2**32 - 2**31

    @property
    def streams(self) -> tuple[bytes, bytes]:
        """Both, up to the first byte that is missing."""
        return self._stream(0), self._stream(1)

    def agrees(self, side: int, stream: bytes) -> bool:
        """Whether all that came of one is this, whatever is missing."""
        return all(at < len(stream) and stream[at] == byte for at, byte in self._bytes[side].items() if at >= 0)

    def _stream(self, side: int) -> bytes:
        known, found = self._bytes[side], bytearray()
        while len(found) in known:
            found.append(known[len(found)])
        return bytes(found)
