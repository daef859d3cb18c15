"""The bytes of a capture, as they arrive: of a file, a pipe or standard input, unpacked where gzip packed them. Knows no capture format."""

import io
import os
import select
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, cast

from ..errors import CaptureError

STANDARD = Path("-")
"""Standard input where something is read, standard output where something is written."""
_GZIP = b"\x1f\x8b"
# A format is told by less; whoever claims more is not waited for.
_MOST_LOOKED_AT = 1 << 24
_PART = 1 << 16
# Of packed bytes so many at once, as they can become a thousand times as many.
_PACKED_PART = 1 << 14


def name_of(path: Path) -> str:
    """What an input is called in messages."""
    return "standard input" if path == STANDARD else str(path)


def name_of_all(paths: Sequence[Path]) -> str:
    """What several inputs are called in messages."""
    first, *others = map(name_of, paths)
    return " and ".join([first, *others] if len(others) < 2 else [first, f"{len(others)} more"])


def is_kept(path: Path) -> bool:
    """Whether an input can be read again; standard input and pipes cannot."""
    return path != STANDARD and not (path.is_fifo() or path.is_char_device())


class Source:
    """An opened input.

    :param path: of a file or a named pipe, or :data:`STANDARD`.
    :raises CaptureError: where it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.name = name_of(path)
        self.position = 0
        """How many bytes were read, packed ones where it is packed."""
        try:
            self._file = io.FileIO(path) if path != STANDARD else io.FileIO(0, closefd=False)
        except OSError as error:
            raise CaptureError(f"{self.name}: {error.strerror}") from None
        if self._file.isatty():
            self._file.close()
            raise CaptureError(f"{self.name}: is a terminal; pipe a capture into it")
        status = os.fstat(self._file.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else 0
        """How many bytes there are; 0 where nobody knows."""
        self._poll = select.poll()
        self._poll.register(self._file, select.POLLIN)
        self._packed = _Ahead(self._read_file)
        self._bytes = self._packed

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def look(self) -> IO[bytes]:
        """The beginning, unpacked, for those who tell formats; all of it is still to be read. No more is waited for than they read.

        :raises EOFError, OSError, zlib.error: where it cannot be unpacked.
        """
        if self._packed.look(len(_GZIP)) == _GZIP:
            self._bytes = _Ahead(_Unpacked(self._packed.read).read)
            if self._bytes.look(len(_GZIP)) == _GZIP:
                raise OSError("packed twice")
        return cast(IO[bytes], _Look(self._bytes))

    def take(self, size: int) -> bytes:
        """The next bytes of those that were looked at."""
        return self._bytes.read(size)

    def read(self, size: int) -> tuple[bytes, str]:
        """What has arrived, about ``size`` bytes at most, at least one unless there are no more; and why there are no more behind them.

        A packed file that was cut does not just end.
        """
        parts: list[bytes] = []
        try:
            # Each part by itself, as a read of all of them would lose those before the fault.
            while size > 0 and (part := self._bytes.read(max(size, _PART))):
                parts.append(part)
                size -= len(part)
                # Of a file there is always more, until it ends.
                if not self._poll.poll(0):
                    break
        except (EOFError, OSError, zlib.error) as error:
            return b"".join(parts), str(error)
        return b"".join(parts), ""

    def _read_file(self, size: int) -> bytes:
        data = self._file.read(size)
        if data is None:
            raise BlockingIOError("does not wait for its writer")
        self.position += len(data)
        return data


class _Ahead:
    """Bytes that can be looked at before they are read.

    :param read: reads up to so many; none at the end.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self._seen = read, b""

    def look(self, size: int) -> bytes:
        """The next bytes, fewer only where there are no more."""
        size = min(size, _MOST_LOOKED_AT)
        while len(self._seen) < size and (part := self._read(min(size - len(self._seen), _PART))):
            self._seen += part
        return self._seen[:size]

    def read(self, size: int) -> bytes:
        """The next bytes, about so many at most."""
        if not self._seen:
            return self._read(size)
        part, self._seen = self._seen[:size], self._seen[size:]
        return part


class _Unpacked:
    """What gzip packed, in as many members as there are. All that arrived comes out at once, which gzip's own reader does not promise.

    :param read: reads packed bytes, up to so many.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read, self._rest, self._fault = read, b"", ""
        self._member = _member()

    def read(self, _: int) -> bytes:
        """The next bytes; none at the end. :raises EOFError, zlib.error: where it is damaged, after the bytes before."""
        unpacked: list[bytes] = []
        while not self._fault and (packed := self._rest or (b"" if unpacked else self._read(_PACKED_PART))):
            self._rest = b""
            if self._member.eof:
                # Behind a member there may be another one; or zeros, as on tapes.
                packed = packed.lstrip(b"\0")
                if not packed:
                    continue
                self._member = _member()
            unpacked += filter(None, self._unpack(packed))
            self._rest = self._member.unused_data
        if not unpacked and self._fault:
            raise zlib.error(self._fault)
        if not unpacked and not self._member.eof:
            raise EOFError("what is packed ends too early")
        return b"".join(unpacked)

    def _unpack(self, packed: bytes) -> Iterator[bytes]:
        before = self._member.copy()
        try:
            yield self._member.decompress(packed)
        except zlib.error:
            try:
                # Whatever is before the fault.
                yield from (before.decompress(packed[at : at + 1]) for at in range(len(packed)))
            except zlib.error as error:
                self._fault = str(error)


def _member() -> "zlib._Decompress":
    # The 16 asks for gzip's header and trailer, whose sums are looked at.
    return zlib.decompressobj(16 + zlib.MAX_WBITS)


class _Look:
    """Reads ahead as a file is read."""

    def __init__(self, ahead: _Ahead) -> None:
        self._ahead, self._at = ahead, 0

    def read(self, size: int) -> bytes:
        """The next bytes, as often as anybody asks."""
        begin, self._at = self._at, self._at + size
        return self._ahead.look(self._at)[begin:]
