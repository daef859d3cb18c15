"""Keeps frames in a capture file, which gets its name when it is whole."""

import gzip
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from scapy.utils import RawPcapWriter

from ..errors import CaptureError, LiveError

# What the kernel calls raw IP has another number in a file (https://www.tcpdump.org/linktypes.html).
_IN_A_FILE = {12: 101, 14: 101}
_SNAP_LENGTH = 262_144
_BUFFER = 1 << 20


class Keeper:
    """A pcap file in the making. Use it in a ``with``: at its end the file has its name, however it came.

    :param path: its name. It is packed where that ends in ``.gz``.
    :param link_types: those of the frames, which must be one.
    :param overwrite: whether a file of that name may be replaced.
    :raises CaptureError: where the name is taken, or the system refuses to write.
    :raises LiveError: where the frames are of several kinds, as the format knows only one.
    """

    def __init__(self, path: Path, link_types: set[int], overwrite: bool = False) -> None:
        if len(link_types) != 1:
            raise LiveError(f"{path}: frames of different kinds cannot stand in one pcap file; give one --iface for each")
        check(path, overwrite)
        (link_type,) = link_types
        self.path = path
        self.frames = 0
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            self._part = Path(name)
            self._file = os.fdopen(handle, "wb", _BUFFER)
        except OSError as error:
            raise CaptureError(f"{path}: {error.strerror or error}") from None
        packed = path.suffix == ".gz"
        file = gzip.GzipFile("", "wb", fileobj=self._file) if packed else self._file
        self._writer = RawPcapWriter(file, linktype=_IN_A_FILE.get(link_type, link_type), snaplen=_SNAP_LENGTH)
        self._writer.write_header(None)

    def __enter__(self) -> "Keeper":
        return self

    def add(self, frame: bytes, time: float) -> None:
        """Add a frame that came at ``time``, in seconds of the epoch. :raises CaptureError: where the system refuses to write."""
        seconds, microseconds = divmod(round(time * 1e6), 1_000_000)
        try:
            self._writer.write_packet(frame, sec=seconds, usec=microseconds)
        except OSError as error:
            raise CaptureError(f"{self.path}: {error.strerror or error}") from None
        self.frames += 1

    def __exit__(self, *_: object) -> None:
        try:
            self._writer.close()
            # A packer leaves open what it writes to.
            self._file.close()
            current = os.umask(0)
            os.umask(current)
            self._part.chmod(0o666 & ~current)
            self._part.replace(self.path)
        except OSError as error:
            raise CaptureError(f"{self.path}: {error.strerror or error}") from None
        finally:
            with suppress(OSError):
                self._file.close()
            with suppress(OSError):
                self._part.unlink(missing_ok=True)


def check(path: Path, overwrite: bool) -> None:
    """Refuse to write over another file without leave. :raises CaptureError: where it is refused."""
    if not path.parent.is_dir():
        raise CaptureError(f"{path}: there is no directory {path.parent}")
    if path.exists() and not path.is_file():
        raise CaptureError(f"{path}: is no regular file")
    if path.exists() and not overwrite:
        raise CaptureError(f"{path}: exists; --force replaces it")
