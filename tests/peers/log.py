"""What a server under test writes: lines for us, with a mark, and its own, kept for the day that it fails."""

import os
import select
import socket
import time
from collections import deque
from typing import IO

_MARK = b"<script>: @@"


class Log:
    """The lines of a server that are for us.

    :param stream: its standard error.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._rest = b""
        self._lines: deque[str] = deque()
        self._others: deque[str] = deque(maxlen=20)
        self.ended = False

    @property
    def others(self) -> str:
        """The last lines of its own."""
        return "\n".join(self._others)

    def next(self, connection: socket.socket | None = None, patience: float = 5) -> str | None:
        """The next line for us.

        :param connection: do not wait any more once the server has closed it.
        :returns: None where no more is to come, or not in time.
        """
        deadline = time.monotonic() + patience
        watched = [self._stream.fileno()] + ([connection.fileno()] if connection else [])
        while not self._lines and not self.ended:
            ready = select.select(watched, [], [], max(0, deadline - time.monotonic()))[0]
            if watched[0] in ready:
                self._read()
            # What it wrote before it closed the connection is in the pipe already.
            elif not ready or (connection and not connection.recv(4096)):
                return None
        return self._lines.popleft() if self._lines else None

    def _read(self) -> None:
        data = os.read(self._stream.fileno(), 65536)
        self.ended = not data
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            own, mark, text = line.partition(_MARK)
            if mark:
                self._lines.append(text.decode("latin-1"))
            else:
                self._others.append(own.decode("latin-1"))
