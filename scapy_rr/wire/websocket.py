"""WebSocket frames in a byte stream (:rfc:`6455` 5): whole messages come out, and other ones can be put into their places.

It begins behind the handshake (``upgrade``), and knows neither TCP nor what the messages say.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .deflate import Inflater
from .unit import Unit

_FIN, _RSV, _RSV1, _OPCODE, _MASKED = 0x80, 0x70, 0x40, 0x0F, 0x80
_CONTINUATION, _TEXT, _BINARY = 0, 1, 2
_CONTROL = 0x08
_OPCODES = (_CONTINUATION, _TEXT, _BINARY, 8, 9, 10)
_MOST_OF_A_CONTROL = 125
# What stands for a length in the 2 or 8 bytes that follow.
_LENGTH_2, _LENGTH_8 = 126, 127


class WebSocketError(ValueError):
    """A stream that cannot be read on.

    :param reason: what is wrong, in a few words.
    :param offset: of the frame, or the compressed message, with which it goes wrong: in bytes from where the framer began.
    """

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} (at byte {offset} of the stream)")
        self.reason = reason
        self.offset = offset


class _Frame(NamedTuple):
    start: int
    first: int
    """The byte with FIN, the reserved bits and the opcode."""
    key: bytes
    """Empty where nothing is masked."""
    payload: int
    """The offset of its first byte."""
    end: int

    @property
    def is_control(self) -> bool:
        return bool(self.first & _CONTROL)

    def read(self, data: bytes | bytearray) -> bytes:
        return _masked(bytes(data[self.payload : self.end]), self.key)


def _frame_at(data: bytes | bytearray, start: int) -> _Frame | None:
    """:returns: ``None`` where the header is cut; the payload may be."""
    if len(data) < start + 2:
        return None
    first, second = data[start], data[start + 1]
    length, at = second & ~_MASKED, start + 2
    # A longer form than needed is a fault of the sender's (RFC 6455 5.2), yet says as clearly what it means.
    if length >= _LENGTH_2:
        width = 2 if length == _LENGTH_2 else 8
        length = int.from_bytes(data[at : at + width], "big")
        at += width
    key = bytes(data[at : at + 4]) if second & _MASKED else b""
    at += 4 if second & _MASKED else 0
    return _Frame(start, first, key, at, at + length) if len(data) >= at else None


def _masked(data: bytes, key: bytes) -> bytes:
    """With a mask or without (:rfc:`6455` 5.3): the same both ways. As one long number it takes a hundredth of the time of single bytes."""
    if not key:
        return data
    size = len(data)
    keys = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "little") ^ int.from_bytes(keys, "little")).to_bytes(size, "little")


def _framed(first: int, key: bytes, payload: bytes) -> bytes:
    """With the shortest length there is for it (:rfc:`6455` 5.2)."""
    size, mask_bit = len(payload), _MASKED if key else 0
    if size < _LENGTH_2:
        head = bytes((first, mask_bit | size))
    elif size < 1 << 16:
        head = bytes((first, mask_bit | _LENGTH_2)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, mask_bit | _LENGTH_8)) + size.to_bytes(8, "big")
    return head + key + _masked(payload, key)


class WebSocketFramer:
    """One direction of a connection: collects chunks, and hands out whole messages.

    :param max_message: the most bytes that a message may take: in the stream, with all headers and what stands between its fragments, and
        when it is inflated.
    :param deflate: whether permessage-deflate was agreed on (:rfc:`7692`).
    """

    def __init__(self, max_message: int = 1_048_576, deflate: bool = False) -> None:
        self._max_message = max_message
        self._inflater = Inflater(max_message) if deflate else None
        self._buffer, self._offset = bytearray(), 0  # of the frame that is not whole, and where in the stream that begins
        self._opened: int | None = None  # where the message began of which fragments are there
        self._fragments: list[bytes] = []
        self._compressed = False
        self._fault: tuple[str, int] | None = None
        self.control_frames = 0
        """How many pings, pongs and closes were passed over."""

    @property
    def settled(self) -> int:
        """The offset in the stream below which all is decided: where the first message begins that is not whole, or all that was fed.

        Half a control frame is not decided either: its other half may be a fault.
        """
        return self._offset if self._opened is None else self._opened

    def feed(self, chunk: bytes) -> list[Unit]:
        """Add a chunk; return the messages, text or binary, that are whole now.

        Those that came compressed are inflated, and not rewritable: what follows may refer to what they said.

        :raises WebSocketError: where the stream cannot be read on. Messages that came whole before the fault are returned first, and the
            next call raises, as does every later one. Nothing from ``settled`` on will be decided then.
        """
        if self._fault:
            raise WebSocketError(*self._fault)
        self._buffer += chunk
        units: list[Unit] = []
        try:
            # One by one, so that those before a fault are there.
            for unit in self._units():
                units.append(unit)
        except WebSocketError as fault:
            self._fault = fault.reason, fault.offset
            self._buffer.clear()
            self._fragments.clear()
            if not units:
                raise
        return units

    def _units(self) -> Iterator[Unit]:
        while one := _frame_at(self._buffer, 0):
            if fault := self._wrong(one):
                raise WebSocketError(fault, self._offset)
            if len(self._buffer) < one.end:
                return
            unit = self._take(one)
            self._offset += one.end
            del self._buffer[: one.end]
            if unit:
                yield unit

    def _wrong(self, one: _Frame) -> str:
        """Why a frame cannot stand where it does; nothing if it can. Its header alone tells."""
        opcode, reserved, size = one.first & _OPCODE, one.first & _RSV, one.end - one.payload
        if opcode not in _OPCODES:
            return f"reserved opcode {opcode}"
        # Only the first frame of a message says that it is compressed (RFC 7692 6.1).
        if reserved and not (reserved == _RSV1 and self._inflater and opcode in (_TEXT, _BINARY)):
            return "reserved bits to which no extension has given a meaning"
        if one.is_control:
            if not one.first & _FIN:
                return "a fragment of a control frame"
            if size > _MOST_OF_A_CONTROL:
                return f"a control frame of {size} bytes"
        elif opcode != _CONTINUATION and self._opened is not None:
            return "a message begins between the fragments of another"
        elif opcode == _CONTINUATION and self._opened is None:
            return "a fragment of a message that has not begun"
        if self._offset + one.end - self.settled > self._max_message and (self._opened is not None or not one.is_control):
            return f"a message of more than {self._max_message} bytes"
        return ""

    def _take(self, one: _Frame) -> Unit | None:
        if one.is_control:
            self.control_frames += 1
            return None
        if self._opened is None:
            self._opened, self._compressed = self._offset, bool(one.first & _RSV1)
        self._fragments.append(one.read(self._buffer))
        if not one.first & _FIN:
            return None
        message = b"".join(self._fragments)
        if self._inflater and self._compressed:
            try:
                message = self._inflater.inflate(message)
            except ValueError as fault:
                raise WebSocketError(str(fault), self._opened) from None
        unit = Unit(self._opened, self._offset + one.end, message, not self._compressed)
        self._opened = None
        self._fragments.clear()
        return unit


def frame(payload: bytes, mask: bytes | None, text: bool = True) -> bytes:
    """A message as one frame.

    :param mask: the four bytes with which a client masks; a server does not (:rfc:`6455` 5.1).
    :param text: whether it is a text message, or a binary one.
    :raises ValueError: for a mask of another length.
    """
    if mask is not None and len(mask) != 4:
        raise ValueError(f"a mask has 4 bytes, not {len(mask)}")
    return _framed(_FIN | (_TEXT if text else _BINARY), mask or b"", payload)


def replaced(original: bytes, payload: bytes) -> bytes:
    """The bytes of a unit, ``[start:end)`` of the stream, with another message in them.

    Control frames stay where they are, and fragments have the sizes that they had, as far as the message goes. The last one takes the rest.

    :param payload: the same message gives the same bytes; an empty one gives the control frames alone.
    :raises ValueError: for bytes that are no whole unit, or a compressed one.
    """
    frames = list(_whole_frames(original))
    data = [one for one in frames if not one.is_control]
    if not data or data[0].first & _RSV1:
        raise ValueError("no message that can be replaced")
    if payload and payload == b"".join(one.read(original) for one in data):
        return original
    sizes = iter(_sizes([one.end - one.payload for one in data], len(payload)))
    pieces, at = [], 0
    for one in frames:
        if one.is_control:
            pieces.append(original[one.start : one.end])
        elif payload:
            size = next(sizes)
            pieces.append(_framed(one.first, one.key, payload[at : at + size]))
            at += size
    return b"".join(pieces)


def _whole_frames(data: bytes) -> Iterator[_Frame]:
    at = 0
    while at < len(data):
        one = _frame_at(data, at)
        if one is None or one.end > len(data):
            raise ValueError(f"no whole frame at byte {at}")
        yield one
        at = one.end


def _sizes(before: list[int], length: int) -> Iterator[int]:
    """How much of ``length`` bytes each fragment gets: as much as it had, yet one byte is left for each later one that was not empty."""
    later = sum(map(bool, before))
    for size in before[:-1]:
        later -= bool(size)
        given = min(size, max(length - later, min(length, 1)))
        length -= given
        yield given
    yield length
