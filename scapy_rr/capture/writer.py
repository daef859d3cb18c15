"""Writing captures: a file beside its name first, under it when it is complete; standard output at once.

Records come ready made, most of them as they were read, and the header is the input's own: Scapy's writer would make a new one, without
the time zone, accuracy and frame check bits of the old.
"""

import gzip
import os
import stat
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from ..errors import CaptureError
from .reader import Capture
from .source import STANDARD

_SNAP_LENGTH_AT = 16
_LONGEST = 262144
"""What tcpdump and Wireshark take; no frame grows beyond it, as no IP packet is longer than a quarter of it."""
_STDOUT = 1


class CaptureWriter:
    """A capture in the making, of the format, link type, byte order and time resolution of another. Use it in a ``with``.

    :param path: its name; or :data:`~scapy_rr.capture.source.STANDARD`. It is packed where that ends in ``.gz``.
    :param like: the capture that it is made from.
    :param overwrite: whether a file of that name may be replaced.
    :raises CaptureError: where the name is taken, or is the input's; and wherever the system refuses to write.
    """

    def __init__(self, path: Path, like: Capture, overwrite: bool = False) -> None:
        check_output(path, like.paths, overwrite)
        self._name = name_of_output(path)
        self._longest = 0
        with _faults_of(self._name):
            self._output = _Standard(like) if path == STANDARD else _File(path, like)

    def __enter__(self) -> "CaptureWriter":
        return self

    def write(self, data: bytes, longest: int = 0) -> None:
        """Add records.

        :param longest: the length of the longest frame that has grown, so that the header's snap length holds for it.
        """
        with _faults_of(self._name):
            self._output.write(data)
        self._longest = max(self._longest, longest)

    def complete(self) -> None:
        """Put the file under its name."""
        with _faults_of(self._name):
            self._output.complete(self._longest)

    def __exit__(self, *_: object) -> None:
        """Nothing stays behind of a file that was not completed."""
        self._output.discard()


class _File:
    """A file, beside its name until it is complete."""

    def __init__(self, path: Path, like: Capture) -> None:
        self._path = path
        self._packed = path.suffix == ".gz"
        self._header, self._endian = like.header, like.records.endian
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        self._part = Path(name)
        self._raw: IO[bytes] = os.fdopen(handle, "wb")
        self._raw.write(self._leading(self._header))
        # Without a name and a time in its header the packed file is the same for the same input.
        self._file = cast(IO[bytes], gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)) if self._packed else self._raw

    def _leading(self, header: bytes) -> bytes:
        """The header as the file begins with it: packed as a member of its own, stored, so that another one takes the same room."""
        return gzip.compress(header, 0, mtime=0) if self._packed and header else header

    def write(self, data: bytes) -> None:
        self._file.write(data)

    def complete(self, longest: int) -> None:
        self._close()
        header = _with_snap_length(self._header, self._endian, longest)
        if header != self._header:
            with self._part.open("r+b") as file:
                file.write(self._leading(header))
        self._part.chmod(0o666 & ~_umask())
        self._part.replace(self._path)

    def _close(self) -> None:
        self._file.close()
        self._raw.close()

    def discard(self) -> None:
        # What a full disk could not take makes closing fail, too.
        with suppress(OSError):
            self._close()
        self._raw.close()
        self._part.unlink(missing_ok=True)


class _Standard:
    """Standard output. Whoever reads it gets all at once, and nothing can be mended later: no frame may outgrow the snap length."""

    def __init__(self, like: Capture) -> None:
        self.write(_with_snap_length(like.header, like.records.endian, _LONGEST))

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(_STDOUT, view) :]

    def complete(self, longest: int) -> None:
        pass

    def discard(self) -> None:
        pass


def _with_snap_length(header: bytes, endian: str, longest: int) -> bytes:
    """A pcap header whose snap length holds for frames so long; 0 says that there is none."""
    if not header:
        return b""
    (snap_length,) = struct.unpack_from(f"{endian}I", header, _SNAP_LENGTH_AT)
    if not 0 < snap_length < longest:
        return header
    return header[:_SNAP_LENGTH_AT] + struct.pack(f"{endian}I", longest) + header[_SNAP_LENGTH_AT + 4 :]


@contextmanager
def _faults_of(name: str) -> Iterator[None]:
    """What the system refuses, as an error of ours."""
    try:
        yield
    except BrokenPipeError as error:
        # The cause tells that this is nobody's fault.
        raise CaptureError(f"{name}: its reader went away") from error
    except OSError as error:
        raise CaptureError(f"{name}: {error.strerror or error}") from None


def name_of_output(path: Path) -> str:
    """What an output is called in messages."""
    return "standard output" if path == STANDARD else str(path)


def check_output(path: Path, sources: Sequence[Path], overwrite: bool) -> None:
    """Refuse to write over an input, over another file without leave, or to a terminal. :raises CaptureError: where it is refused."""
    name = name_of_output(path)
    with _faults_of(name):
        if path != STANDARD and not path.exists():
            return
        there = os.fstat(_STDOUT) if path == STANDARD else path.stat()
        is_file = stat.S_ISREG(there.st_mode)
        # What is no file can well be both: a terminal, /dev/null.
        if is_file and any(os.path.samestat(there, one) for source in sources if (one := _status(source))):
            raise CaptureError(f"{name}: is the input; write to another name")
        if path == STANDARD:
            if os.isatty(_STDOUT):
                raise CaptureError(f"{name}: is a terminal; pipe it into another program, or name a file with -o")
        elif not is_file:
            raise CaptureError(f"{name}: is no regular file")
        elif not overwrite:
            raise CaptureError(f"{name}: exists; --force replaces it")


def _status(source: Path) -> os.stat_result | None:
    """What the system knows of an input; ``None`` where it is not there, which is told when it is opened."""
    try:
        return os.fstat(0) if source == STANDARD else source.stat()
    except OSError:
        return None


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
