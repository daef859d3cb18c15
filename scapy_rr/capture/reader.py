"""Reading captures: a buffer at a time, in which the records are found as offsets. Scapy's raw readers tell the format."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from scapy.error import Scapy_Exception
from scapy.utils import RawPcapNgReader

from ..errors import CaptureError
from .batch import Batch
from .records import NEEDLE, PcapngRecords, PcapRecords, Record, Records
from .source import Source, name_of

__all__ = ["NEEDLE", "Batch", "Capture", "Damage", "PcapRecords", "PcapngRecords", "Record", "Records"]

_CHUNK = 1 << 20
_PCAP_HEADER = 24
# The upper half of a pcap header's link type says how long the frame check sequences are.
_LINK_TYPE_MASK = 0xFFFF


class Damage(CaptureError):
    """A capture that cannot be read on. What came before is whole."""

    def __init__(self, name: str | Path, offset: int, reason: str) -> None:
        super().__init__(f"{name}: {reason}, at byte {offset}")


class Capture:
    """A capture, opened for reading. Use it in a ``with``.

    :param path: of a file or a named pipe; or :data:`~scapy_rr.capture.source.STANDARD`.
    :param buffer: how much is read at once, in bytes; less where no more has arrived.
    :raises CaptureError: where it is none, or cannot be opened.
    """

    def __init__(self, path: Path, buffer: int | None = None) -> None:
        self.paths: tuple[Path, ...] = (path,)
        self.name = name_of(path)
        """What it is called in messages."""
        self._buffer = buffer or _CHUNK
        self._source = Source(path)
        try:
            # Given the pcapng class, Scapy falls back to the one for pcap by itself.
            reader = RawPcapNgReader(self._source.look())
        except (Scapy_Exception, OSError, EOFError, zlib.error) as error:
            self._source.close()
            raise CaptureError(f"{self.name}: not a pcap or pcapng capture, at byte 0 ({error})") from None
        self.header = b""
        """The pcap header; empty for pcapng, whose header is a block like others."""
        if isinstance(reader, RawPcapNgReader):
            self.records: Records = PcapngRecords()
        else:
            self.header = self._source.take(_PCAP_HEADER)
            self.records = PcapRecords(reader.endian, reader.linktype & _LINK_TYPE_MASK, 1e-9 if reader.nano else 1e-6)

    def __enter__(self) -> "Capture":
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    @property
    def position(self) -> int:
        """How many bytes were read, packed ones where it is packed."""
        return self._source.position

    @property
    def size(self) -> int:
        """How many bytes there are to read; 0 where nobody knows."""
        return self._source.size

    def batches(self) -> Iterator["Batch"]:
        """The capture, a buffer of whole records at a time: what has arrived, of a pipe.

        :raises Damage: where it ends within a record, or goes on with something that is none; after the records before it.
        """
        rest, offset, failure = b"", len(self.header), ""
        while not failure:
            chunk, failure = self._source.read(self._buffer)
            if not chunk:
                break
            data = rest + chunk
            before, fault = self.records.copy(), ""
            try:
                # Only steps from record to record, to find where the last whole one ends.
                for _ in self.records.walk(data, None):
                    pass
            except (ValueError, struct.error) as error:
                fault = str(error)
            end = self.records.end
            if end:
                yield Batch(self.records.whole(data), before)
            offset += end
            if fault:
                raise Damage(self.name, offset, fault)
            rest = data[end:]
        if rest or failure:
            what = "frame" if self.header else "block"
            raise Damage(self.name, offset, failure or f"the file ends within a {what} ({len(rest)} bytes of it are there)")
