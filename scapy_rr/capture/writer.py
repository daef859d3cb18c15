"""Writing capture files: beside their name first, under it when they are complete.

Records come ready made, most of them as they were read, and the header is the input's own: Scapy's writer would make a new one, without
the time zone, accuracy and frame check bits of the old.
"""

import gzip
import os
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from ..errors import CaptureError
from .reader import Capture

_SNAP_LENGTH_AT = 16


class CaptureWriter:
    """A capture file in the making, of the format, link type, byte order and time resolution of another. Use it in a ``with``.

    :param path: its name. It is packed where that ends in ``.gz``.
    :param like: the capture that it is made from.
    :param overwrite: whether a file of that name may be replaced.
    :raises CaptureError: where the name is taken, or is the input's; and wherever the system refuses to write.
    """

    def __init__(self, path: Path, like: Capture, overwrite: bool = False) -> None:
        check_output(path, like.path, overwrite)
        self._path = path
        self._longest = 0
        self._packed = path.suffix == ".gz"
        self._header = like.header
        self._endian = like.records.endian
        with _faults_of(path):
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            self._part = Path(name)
            self._raw: IO[bytes] = os.fdopen(handle, "wb")
            self._raw.write(self._leading(self._header))
            # Without a name and a time in its header the packed file is the same for the same input.
            self._file = cast(IO[bytes], gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)) if self._packed else self._raw

    def _leading(self, header: bytes) -> bytes:
        """The header as the file begins with it: packed as a member of its own, stored, so that another one takes the same room."""
        return gzip.compress(header, 0, mtime=0) if self._packed and header else header

    def __enter__(self) -> "CaptureWriter":
        return self

    def write(self, data: bytes, longest: int = 0) -> None:
        """Add records.

        :param longest: the length of the longest frame that has grown, so that the header's snap length holds for it.
        """
        with _faults_of(self._path):
            self._file.write(data)
        self._longest = max(self._longest, longest)

    def complete(self) -> None:
        """Put the file under its name."""
        with _faults_of(self._path):
            self._close()
            self._mend_header()
            self._part.chmod(0o666 & ~_umask())
            self._part.replace(self._path)

    def _mend_header(self) -> None:
        """Raise the snap length of a pcap header to the longest frame; 0 says that there is none."""
        if not self._header:
            return
        (snap_length,) = struct.unpack_from(f"{self._endian}I", self._header, _SNAP_LENGTH_AT)
        if 0 < snap_length < self._longest:
            header = bytearray(self._header)
            struct.pack_into(f"{self._endian}I", header, _SNAP_LENGTH_AT, self._longest)
            with self._part.open("r+b") as file:
                file.write(self._leading(bytes(header)))

    def _close(self) -> None:
        self._file.close()
        self._raw.close()

    def __exit__(self, *_: object) -> None:
        """Nothing stays behind of a file that was not completed."""
        # What a full disk could not take makes closing fail, too.
        with suppress(OSError):
            self._close()
        self._raw.close()
        self._part.unlink(missing_ok=True)


@contextmanager
def _faults_of(path: Path) -> Iterator[None]:
    """What the system refuses, as an error of ours."""
    try:
        yield
    except OSError as error:
        raise CaptureError(f"{path}: {error.strerror or error}") from None


def check_output(path: Path, source: Path, overwrite: bool) -> None:
    """Refuse to write over the input, or over another file without leave. :raises CaptureError: where it is refused."""
    with _faults_of(path):
        if not path.exists():
            return
        if path.samefile(source):
            raise CaptureError(f"{path}: is the input; write to another name")
        if not path.is_file():
            raise CaptureError(f"{path}: is no regular file")
        if not overwrite:
            raise CaptureError(f"{path}: exists; --force replaces it")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
