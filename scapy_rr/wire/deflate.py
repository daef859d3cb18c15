"""Messages that the permessage-deflate extension of WebSocket has compressed (:rfc:`7692`). Knows no frames."""

import zlib

# The end of an empty block, which the sender takes away (RFC 7692 7.2.1).
_TAIL = b"\x00\x00\xff\xff"
_RAW = -zlib.MAX_WBITS


class Inflater:
    """What one end of a connection has compressed, message by message.

    It needs no parameters of the handshake. The largest window reads what was written with a smaller one, and one that is kept from message
    to message reads what was written without.

    :param most: how many bytes a message may have when it is inflated.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._stream = zlib.decompressobj(_RAW)

    def inflate(self, data: bytes) -> bytes:
        """The message whose frames, put together, hold ``data``.

        :raises ValueError: where that is not compressed data, or becomes too long. Later messages cannot be read then.
        """
        data += _TAIL
        message = b""
        while data:
            try:
                # A bomb is let go one byte behind the bound; 0 would mean that there is none.
                message += self._stream.decompress(data, self._most + 1 - len(message))
            except zlib.error:
                raise ValueError("what is said to be compressed cannot be inflated") from None
            if len(message) > self._most:
                raise ValueError(f"a message of more than {self._most} bytes when it is inflated")
            data = self._stream.unused_data
            # A block may say that it is the last one, and others follow nevertheless (RFC 7692 7.2.3.4).
            if self._stream.eof:
                self._stream = zlib.decompressobj(_RAW)
        return message
