"""What leaves over TCP in a rewritten capture: connections of the proxy's own, whose frames depend on those before.

So they are made where the file is written, in the capture's order, not where a message is routed.
"""

from typing import TYPE_CHECKING

from ..wire.connection import Connections
from .reader import Batch, Record, Records

if TYPE_CHECKING:
    from .rewrite import Emit, RoutedBatch


class Streams:
    """The connections of one output.

    :param emit: what becomes of the frames that were routed.
    """

    def __init__(self, emit: "Emit") -> None:
        self._emit = emit
        self._connections = Connections()
        # For each link type the record used last, beside which the ends of its connections stand.
        self._last: dict[int, tuple[bytes, Record, Records]] = {}

    def fill_in(self, batch: Batch, routed: "RoutedBatch") -> int:
        """Add to the edits of a batch the frames of what leaves over TCP. :returns: the length of the longest routed frame."""
        longest = routed.longest
        for records, record, at, items in routed.over_streams:
            frames = []
            for item in items:
                if isinstance(item, bytes):
                    frames.append(item)
                    continue
                ends = (item.send_socket.packed, item.send_socket.port), (item.next_hop.packed, item.next_hop.port)
                frames += self._connections.send(batch.data, record.start, record.end, at, item.payload, *ends, record.link_type)
            rebuilt = b"".join(records.rebuild(batch.data, record, frame) for frame in frames)
            routed.edits.replace(record.next if self._emit.value == "append" else record.at, record.next, rebuilt)
            longest = max(longest, *map(len, frames))
            self._last[record.link_type] = batch.data[record.at : record.next], _at_start(record), records
        return longest

    def closing(self, end: Records) -> tuple[bytes, int]:
        """The records that end every connection, and the length of the longest frame.

        :param end: how far the capture has come. In a pcapng section of other interfaces they have no place; those connections stay open.
        """
        parts, longest = [], 0
        for link_type, (data, record, records) in self._last.items():
            if not end.is_same_section(records):
                continue
            for frame in self._connections.close(link_type):
                parts.append(records.rebuild(data, record, frame))
                longest = max(longest, len(frame))
        return b"".join(parts), longest


def _at_start(record: Record) -> Record:
    """The same record, of a buffer that begins with it."""
    return record._replace(at=0, next=record.next - record.at, start=record.start - record.at, end=record.end - record.at)
