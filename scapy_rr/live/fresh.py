"""New Call-IDs, branches and tags for a capture that is sent again, so that a live system does not take it for what it saw before.

Each letter and digit of an identifier becomes another one; length, other characters and a branch's magic cookie stay, so that no length
in a frame changes. In one loop the same identifier always becomes the same one, and no two become one; the next loop has others. Where an
identifier stands in a body (``message/sipfrag``, dialog-info) it is left, as are credentials, and what a server encodes in parameters of
its own but for ``ftag``. Knows no sockets and no time.
"""

import re
import struct
from collections.abc import Iterator
from hashlib import blake2b
from itertools import cycle

from ..capture.messages import kind_of
from ..errors import SipParseError
from ..sip.grammar import LEADING_CRLF
from ..sip.message import COMPACT_NAMES, Message
from ..wire.datagram import TCP, Datagram, locate
from ..wire.link import ETHERNET, network_offset

_ALPHABET = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Every way to turn the alphabet round, but for the one that changes nothing.
_TURNS = tuple(bytes.maketrans(_ALPHABET, _ALPHABET[turn:] + _ALPHABET[:turn]) for turn in range(1, len(_ALPHABET)))

_FRAGMENT = 0x3FFF
_HEAD_END = re.compile(rb"\n\r?\n")


def _of(*patterns: bytes) -> tuple[re.Pattern[bytes], ...]:
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


_TAG = _of(rb";\s*tag\s*=\s*\"?([^\s;,\"]+)")
# RFC 3891, and those with the same grammar: RFC 3911, RFC 4538.
_REPLACES = _of(rb"\A([^\s;,]+)", rb";\s*(?:to|from|local|remote)-tag\s*=\s*([^\s;,]+)")
_IN_VALUE = {
    b"call-id": _of(rb"(\S+)"),
    b"in-reply-to": _of(rb"([^\s,]+)"),
    b"via": _of(rb";\s*branch\s*=\s*(?:z9hG4bK)?([^\s;,]+)"),
    b"from": _TAG,
    b"to": _TAG,
    b"replaces": _REPLACES,
    b"join": _REPLACES,
    b"target-dialog": _REPLACES,
    # The dialog that is subscribed to (RFC 4235 4.1).
    b"event": _of(rb";\s*(?:call-id|from-tag|to-tag)\s*=\s*\"?([^\s;,\"]+)"),
    # A URI's headers are escaped (RFC 3261 19.1.1).
    b"refer-to": _of(
        rb"[?&](?:replaces|join|target-dialog|in-reply-to|call-id)=((?:(?!%3b)[^;&>\s])+)",
        rb"(?:%3b|;)(?:to|from|local|remote)-tag(?:%3d|=)((?:(?!%3b)[^;&>\s?])+)",
    ),
}
"""In the value of each header, where identifiers stand."""
_NAMES = {spelled: name for name in _IN_VALUE for spelled in (name, COMPACT_NAMES.get(name, name))}
# The next header with identifiers, its value with folds.
_HEADER = re.compile(rb"\n(" + b"|".join(_NAMES) + rb")[ \t]*+:[ \t]*+([^\n]*+(?:\n[ \t][^\n]*+)*+)", re.IGNORECASE)
# What the servers add to their own Routes: the tag of the dialog's first From.
_FTAG = re.compile(rb";ftag=([^\s;,>?&\"]+)", re.IGNORECASE)
# A display name, and a URI in brackets, may hold anything that looks like a parameter.
_BRACKETED = re.compile(rb'(?:"(?:[^"\\]|\\.)*+"|[^"<;])*+<[^>]*+>', re.DOTALL)
_ESCAPED = re.compile(rb"%[0-9A-Fa-f]{2}|.", re.DOTALL)


class Stale(Exception):
    """A frame with SIP whose identifiers cannot be reached; its text is why."""


class Fresh:
    """The new identifiers of one loop.

    :param salt: another one gives others.
    :param loop: the number of the loop.
    """

    def __init__(self, salt: bytes, loop: int) -> None:
        key = blake2b(loop.to_bytes(8, "big"), key=salt).digest()
        # One for each place in an identifier.
        self._turns = [_TURNS[byte % len(_TURNS)] for byte in key]

    def identifier(self, old: bytes) -> bytes:
        """What an identifier becomes."""
        return bytes([turn[character] for turn, character in zip(cycle(self._turns), old, strict=False)])

    def _escaped(self, old: bytes) -> bytes:
        """The same for an identifier in a URI's header; what was escaped there still is."""
        tokens = _ESCAPED.findall(old)
        plain = bytes(int(token[1:], 16) if len(token) > 1 else token[0] for token in tokens)
        new = self.identifier(plain)
        return b"".join(
            token if before == after else b"%%%02X" % after if len(token) > 1 else bytes([after])
            for token, before, after in zip(tokens, plain, new, strict=True)
        )

    def message(self, data: bytes) -> bytes:
        """A message with new identifiers, as long as it was."""
        end = _head_end(data, 0) or len(data)
        made = bytearray(data)
        for header in _HEADER.finditer(data, 0, end):
            name, start = _NAMES[header[1].lower()], header.start(2)
            new = self._escaped if name == b"refer-to" else self.identifier
            value = header[2]
            address = _BRACKETED.match(value) if name in (b"from", b"to") else None
            for pattern in _IN_VALUE[name]:
                for found in pattern.finditer(value, address.end() if address else 0):
                    made[start + found.start(1) : start + found.end(1)] = new(found[1])
        for found in _FTAG.finditer(data, 0, end):
            made[found.start(1) : found.end(1)] = self.identifier(found[1])
        return bytes(made)

    def frame(self, frame: bytes) -> bytes:
        """An Ethernet frame with new identifiers in the SIP messages in it, as long as it was, checksums right where they were.

        :raises Stale: where it holds SIP that cannot be reached.
        """
        at = locate(frame, 0, len(frame), ETHERNET)
        if isinstance(at, Datagram):
            payload = frame[at.payload : at.end]
            if not kind_of(payload):
                return frame
            # In IPv4 a checksum of zero says that there is none.
            has_sum = at.version == 6 or frame[at.udp + 6] or frame[at.udp + 7]
            return _patched(frame, at.payload, self.message(payload), at.udp + 6 if has_sum else None, 0xFFFF)
        if b"SIP/2.0" not in frame:
            return frame
        segment = _segment(frame)
        if segment is None:
            raise Stale(at.value)
        start, end, sum_at = segment
        return _patched(frame, start, b"".join(self._stream(frame[start:end])), sum_at, 0)

    def _stream(self, payload: bytes) -> Iterator[bytes]:
        """The messages that a TCP segment begins with, and what follows them as it is."""
        position = 0
        while position < len(payload):
            if not kind_of(payload[position:]):
                break
            if _head_end(payload, position) is None:
                raise Stale("the headers of a message over TCP go on in the next segment")
            try:
                message = Message(payload[position:])
                end = position + message.body_start + (message.content_length() or 0)
            except SipParseError as error:
                raise Stale(f"a message over TCP: {error.reason}") from None
            yield self.message(payload[position:end])
            position = end
        if payload.find(b"SIP/2.0", position) >= 0:
            raise Stale("a message over TCP that begins in another segment, or within one")
        yield payload[position:]


def _head_end(data: bytes, start: int) -> int | None:
    """Where the headers of the message at ``start`` end; ``None`` where no empty line says."""
    leading = LEADING_CRLF.match(data, start)
    found = _HEAD_END.search(data, leading.end() if leading else start)
    return found.start() + 1 if found else None


def _segment(frame: bytes) -> tuple[int, int, int] | None:
    """Where the payload of a TCP segment begins and ends, and where its checksum is; ``None`` where the frame holds none."""
    ip = network_offset(frame, 0, ETHERNET)
    try:
        if ip is None:
            return None
        if frame[ip] >> 4 == 4:
            length, fragment = struct.unpack_from(">HxxH", frame, ip + 2)
            tcp, protocol, end = ip + (frame[ip] & 0x0F) * 4, frame[ip + 9] if not fragment & _FRAGMENT else None, ip + length
        else:
            tcp, protocol, end = ip + 40, frame[ip + 6], ip + 40 + int.from_bytes(frame[ip + 4 : ip + 6], "big")
        start = tcp + (frame[tcp + 12] >> 4) * 4
    except (struct.error, IndexError):
        return None
    return (start, end, tcp + 16) if protocol == TCP and tcp + 20 <= start <= end <= len(frame) else None


def _patched(frame: bytes, start: int, payload: bytes, sum_at: int | None, zero: int) -> bytes:
    """The frame with another payload of the same length, and the checksum moved by what differs (:rfc:`1624#section-3`).

    :param zero: how a checksum of zero is written.
    """
    end = start + len(payload)
    if sum_at is None:
        return frame[:start] + payload + frame[end:]
    old_sum = int.from_bytes(frame[sum_at : sum_at + 2], "big")
    total = (0xFFFF - old_sum - _words(frame[start:end]) + _words(payload)) % 0xFFFF
    new_sum = (0xFFFF - total) % 0xFFFF or zero
    return b"".join((frame[:sum_at], new_sum.to_bytes(2, "big"), frame[sum_at + 2 : start], payload, frame[end:]))


def _words(data: bytes) -> int:
    """The sum of 16-bit words, modulo 0xFFFF."""
    return int.from_bytes(data if len(data) % 2 == 0 else data + b"\0", "big") % 0xFFFF
