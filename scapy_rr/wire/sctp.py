"""SCTP packets (RFC 9260): what chunks they have, the user data in DATA and I-DATA (RFC 8260) ones, and other user data put there.

Knows nothing of what user data is.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .crc32c import crc32c
from .splice import TooLong

DATA, I_DATA = 0, 64
_UNORDERED, _BEGINS, _ENDS = 4, 2, 1
_LONGEST = 0xFFFF
_COMMON_HEADER = struct.Struct(">HHI").unpack_from
_COMMON_HEADER_SIZE = 12
_CHUNK_HEADER = struct.Struct(">BBH").unpack_from
# RFC 9260 3.3.1 and RFC 8260 2.1, behind type, flags and length.
_DATA_FIELDS = struct.Struct(">IHHI").unpack_from
_I_DATA_FIELDS = struct.Struct(">IHxxII").unpack_from
_HEADER_SIZES = {DATA: 16, I_DATA: 20}


class Chunk(NamedTuple):
    """A chunk, as offsets into its packet."""

    type: int
    flags: int
    start: int
    end: int
    """Behind its value, without padding."""


class Packet(NamedTuple):
    """An SCTP packet."""

    data: bytes
    source_port: int
    destination_port: int
    tag: int
    """The verification tag, which the receiver has chosen for the association."""
    chunks: tuple[Chunk, ...]
    rest: int
    """Where what is no whole chunk begins; the packet's length where there is nothing such."""


class UserData(NamedTuple):
    """A user message, or a fragment of one."""

    tsn: int
    stream: int
    number: int
    """The message's in the stream: SSN in DATA, MID in I-DATA."""
    position: int
    """Fragments that follow one another in a message do so in this number, too: TSN in DATA, FSN in I-DATA; modulo 2 ** 32."""
    ppid: int
    """The payload protocol identifier. In I-DATA that of the first fragment alone counts, the others have none: 0."""
    unordered: bool
    begins: bool
    ends: bool
    payload: bytes


def read(data: bytes) -> Packet | None:
    """The packet from its common header to its end; ``None`` where that header is not whole.

    Whole chunks before a fault can be used: a receiver drops a chunk that is cut off, not the packet (:rfc:`9260#section-6.10`). The
    checksum is not looked at: in captures of the sender's own it is often left to hardware.
    """
    if len(data) < _COMMON_HEADER_SIZE:
        return None
    chunks, at = [], _COMMON_HEADER_SIZE
    while at + 4 <= len(data):
        kind, flags, length = _CHUNK_HEADER(data, at)
        if length < 4 or at + length > len(data):
            break
        chunks.append(Chunk(kind, flags, at, at + length))
        # Padding is not counted, and some senders leave out that of the last chunk (RFC 9260 3.2).
        at = min(at + length + -length % 4, len(data))
    source_port, destination_port, tag = _COMMON_HEADER(data)
    return Packet(data, source_port, destination_port, tag, tuple(chunks), at)


def user_data(packet: Packet, chunk: Chunk) -> UserData | None:
    """What a DATA or I-DATA chunk of the packet carries; ``None`` where it has no user data, as is forbidden, and for all other chunks."""
    size = _HEADER_SIZES.get(chunk.type, _LONGEST)
    if chunk.end - chunk.start <= size:
        return None
    flags = chunk.flags
    unordered, begins, ends = bool(flags & _UNORDERED), bool(flags & _BEGINS), bool(flags & _ENDS)
    if chunk.type == DATA:
        tsn, stream, number, ppid = _DATA_FIELDS(packet.data, chunk.start + 4)
        position = tsn
    else:
        tsn, stream, number, either = _I_DATA_FIELDS(packet.data, chunk.start + 4)
        ppid, position = (either, 0) if begins else (0, either)
    return UserData(tsn, stream, number, position, ppid, unordered, begins, ends, packet.data[chunk.start + size : chunk.end])


def rebuild(
    packet: Packet, replace: Mapping[int, bytes | None], source_port: int | None = None, destination_port: int | None = None
) -> bytes:
    """The packet with other user data in some chunks, the CRC32c made right, every other byte as it came.

    :param replace: the user data by the number of its chunk in ``packet.chunks``; ``None`` takes a chunk out, of whatever type. The TSN of
        one that is taken out is missing then: its receiver would wait for it.
    :param source_port: in the place of the received one.
    :param destination_port: likewise.
    :returns: nothing where no whole chunk is left.
    :raises TooLong: for more user data than a chunk can have.
    :raises ValueError: for a chunk that has no user data, or is not there, and for user data that is empty (:rfc:`9260#section-3.3.1`).
    """
    if not replace.keys() <= set(range(len(packet.chunks))):
        raise ValueError(f"chunks {sorted(replace)} of a packet that has {len(packet.chunks)}")
    data, body = packet.data, []
    ends = [*(chunk.start for chunk in packet.chunks[1:]), packet.rest]
    for number, (chunk, end) in enumerate(zip(packet.chunks, ends, strict=False)):
        if number not in replace:
            body.append(data[chunk.start : end])
        elif (new := replace[number]) is not None:
            body.append(_chunk(data, chunk, new))
    if not body:
        return b""
    ports = (
        packet.source_port if source_port is None else source_port,
        packet.destination_port if destination_port is None else destination_port,
    )
    head = struct.pack(">HH", *ports) + data[4:8]
    behind = b"".join((*body, data[packet.rest :]))
    # It is computed with zeros in its place, and sent with the least significant byte first (RFC 9260 appendix A).
    return head + crc32c(head + bytes(4) + behind).to_bytes(4, "little") + behind


def _chunk(data: bytes, chunk: Chunk, payload: bytes) -> bytes:
    size = _HEADER_SIZES.get(chunk.type, _LONGEST)
    if chunk.end - chunk.start < size or not payload:
        raise ValueError(f"{len(payload)} bytes of user data for a chunk of type {chunk.type}, {chunk.end - chunk.start} bytes")
    length = size + len(payload)
    if length > _LONGEST:
        raise TooLong(f"{length} bytes in an SCTP chunk")
    header = data[chunk.start : chunk.start + 2] + length.to_bytes(2, "big") + data[chunk.start + 4 : chunk.start + size]
    return header + payload + bytes(-length % 4)


def spread(payload: bytes, sizes: Sequence[int]) -> list[bytes]:
    """A message that takes the place of another one, in as many fragments, so that every TSN stays in use.

    :param sizes: those of the other one's fragments. So long are the new ones, too, as far as that leaves a byte for each; the last takes
        all that remains.
    :raises ValueError: where there are fewer bytes than fragments, or no fragments.
    """
    left = len(sizes)
    if not 0 < left <= len(payload):
        raise ValueError(f"{len(payload)} bytes for {left} fragments")
    parts, at = [], 0
    for size in sizes[:-1]:
        left -= 1
        end = at + min(size, len(payload) - at - left)
        parts.append(payload[at:end])
        at = end
    return [*parts, payload[at:]]
