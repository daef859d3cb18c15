"""Writing capture files: beside their name first, under it when they are complete."""

import gzip
import os
import struct
import tempfile
from pathlib import Path
from typing import IO, cast

from scapy.utils import RawPcapWriter

from ..errors import CaptureError
from .reader import Capture

_SNAP_LENGTH_AT = 16


class CaptureWriter:
    """A capture file in the making, of the format, link type, byte order and time resolution of another. Use it in a ``with``.

    :param path: its name. It is packed where that ends in ``.gz``.
    :param like: the capture that it is made from.
    :param overwrite: whether a file of that name may be replaced.
    :raises CaptureError: where the name is taken, or is the input's.
    """

    def __init__(self, path: Path, like: Capture, overwrite: bool = False) -> None:
        check_output(path, like.path, overwrite)
        self._path = path
        self._longest = 0
        self._packed = path.suffix == ".gz"
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror}") from None
        self._part = Path(name)
        self._raw: IO[bytes] = os.fdopen(handle, "wb")
        # Without a name and a time in its header the packed file is the same for the same input.
        self._file = cast(IO[bytes], gzip.GzipFile("", "wb", fileobj=self._raw, mtime=0)) if self._packed else self._raw
        self._snap_length = 0
        if like.header:
            self._write_header(like)

    def _write_header(self, like: Capture) -> None:
        header = like.header
        assert header is not None
        # A packed header cannot be mended at the end, so it allows for what a datagram can grow to at once.
        self._snap_length = max(header.snaplen, 0x10000 + 64) if self._packed else header.snaplen
        writer = RawPcapWriter(self._file, endianness=header.endian, nano=header.nano, snaplen=self._snap_length)
        # Set, not passed: the writer takes a link type of 0 for none.
        writer.linktype = header.linktype
        writer.write_header(None)
        self._endian = header.endian

    def __enter__(self) -> "CaptureWriter":
        return self

    def write(self, data: bytes, longest: int = 0) -> None:
        """Add records.

        :param longest: the length of the longest frame that has grown, so that the header's snap length holds for it.
        """
        self._file.write(data)
        self._longest = max(self._longest, longest)

    def complete(self) -> None:
        """Put the file under its name."""
        self._close()
        if 0 < self._snap_length < self._longest:
            with self._part.open("r+b") as file:
                file.seek(_SNAP_LENGTH_AT)
                file.write(struct.pack(f"{self._endian}I", self._longest))
        self._part.chmod(0o666 & ~_umask())
        self._part.replace(self._path)

    def _close(self) -> None:
        self._file.close()
        self._raw.close()

    def __exit__(self, *_: object) -> None:
        """Nothing stays behind of a file that was not completed."""
        self._close()
        self._part.unlink(missing_ok=True)


def check_output(path: Path, source: Path, overwrite: bool) -> None:
    """Refuse to write over the input, or over another file without leave. :raises CaptureError: where it is refused."""
    if path.exists():
        if path.samefile(source):
            raise CaptureError(f"{path}: is the input; write to another name")
        if not overwrite:
            raise CaptureError(f"{path}: exists; --force replaces it")
        if not path.is_file():
            raise CaptureError(f"{path}: is no regular file")


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
