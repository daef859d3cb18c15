"""What a key log opens of the TLS connections in a capture: by Scapy's ciphers, else by tshark."""

import tempfile
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from ..errors import CaptureError
from ..wire import exported_pdu
from .blocks import SECRETS, blocks_in
from .keylog import KeyLog
from .reader import Batch, Capture, PcapngRecords
from .tls import TlsConnection
from .tls_cipher import TlsUnreadable
from .tls_export import exported

End = tuple[bytes, int]


class TlsKeys:
    """A key log, for one capture.

    :param path: the key log; ``None`` where there are only secrets in the capture.
    :param capture: the capture, so that tshark can read what Scapy cannot; ``None`` where it is no file, or read only in parts.
    :param ports: the servers' on which SIP over TLS is spoken.
    :raises ConfigError: where the key log cannot be read, naming the line.
    """

    def __init__(self, path: Path | None = None, capture: Path | None = None, ports: tuple[int, ...] = (5061,)) -> None:
        self.log = KeyLog.load(path) if path else KeyLog()
        self._path, self._capture, self._ports = path, capture, ports

    def learn(self, batch: Batch) -> None:
        """Take the secrets that a pcapng capture has within it. :raises CaptureError: where they cannot be read."""
        for kind, at, following, endian in blocks_in(batch.data, 0, len(batch.data), batch.before.endian):
            if kind == SECRETS:
                self.log.add_block(batch.data[at + 8 : following - 4], endian)

    @cached_property
    def exported(self) -> dict[tuple[End, End], deque[tuple[int, bytes]]]:
        """What tshark reads: by sender and receiver, the frame's number and what is in a record. Nothing where it cannot be asked."""
        found: dict[tuple[End, End], deque[tuple[int, bytes]]] = defaultdict(deque)
        if self._capture is None:
            return found
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "exported.pcapng"
            exported(self._capture, self._path, target, self._ports)
            with Capture(target) as capture:
                for batch in capture.batches():
                    for record in batch.frames(b""):
                        pdu = exported_pdu.read(batch.data[record.start : record.end])
                        if pdu:
                            found[pdu.source, pdu.destination].append((pdu.number, pdu.payload))
        return found


def has_secrets(batch: Batch) -> bool:
    """Whether there may be secrets of TLS in a buffer: their kind is written as a number."""
    return isinstance(batch.before, PcapngRecords) and (b"KSLT" in batch.data or b"TLSK" in batch.data)


class TlsStream:
    """The application data of one connection.

    :param ends: the client's, and the server's.
    :param lost: counts what could not be read, by reason.
    """

    def __init__(self, keys: TlsKeys, ends: tuple[End, End], lost: Counter[str]) -> None:
        self._keys, self._ends, self._lost = keys, ends, lost
        self._connection: TlsConnection | None = TlsConnection(keys.log)
        self._has_data = self._is_exported = False

    def feed(self, side: int, data: bytes, number: int) -> Iterator[tuple[int, bytes]]:
        """What can be read with the next bytes of a direction: who sent it, and it.

        :param side: 0 where the client sent them.
        :param number: of the frame that they came in.
        """
        if self._connection:
            try:
                for from_client, plain in self._connection.feed(side == 0, data):
                    self._has_data = True
                    yield 1 - from_client, plain
            except TlsUnreadable as error:
                self._connection = None
                self._ask_tshark(error)
        if self._is_exported:
            yield from self._exported(number)

    def _ask_tshark(self, error: TlsUnreadable) -> None:
        (client, server), why = self._ends, f"TLS connections that were not read: {error.reason}"
        try:
            known = self._keys.exported
            # What has been read once is not read again.
            self._is_exported = not self._has_data and ((client, server) in known or (server, client) in known)
        except CaptureError as fault:
            why += f"; and {fault}"
        if not self._is_exported:
            self._lost[why] += 1

    def _exported(self, number: int) -> Iterator[tuple[int, bytes]]:
        """What tshark has read up to a frame."""
        for side in (0, 1):
            waiting = self._keys.exported.get((self._ends[side], self._ends[1 - side]))
            while waiting and waiting[0][0] <= number:
                yield side, waiting.popleft()[1]
