"""A buffer of whole records."""

from array import array

from scapy_rr.capture.batch import Batch, Origins
from scapy_rr.capture.records import PcapRecords

from .samples import VOICE, arriving, pcap


def test_where_a_merged_frame_is_from() -> None:
    records = PcapRecords("<", 1)
    records.frames = 10
    batch = Batch(b"", records, Origins(("one", "other"), (7, 3), array("I", [0, 1, 1, 0])))
    assert [batch.origin(number) for number in (11, 12, 13, 14)] == [("one", 8), ("other", 4), ("other", 5), ("one", 9)]
    assert Batch(b"", records).origin(11) is None


def test_frames_are_walked_again_and_again() -> None:
    """Each walk begins where the buffer does."""
    batch = Batch(pcap([VOICE, arriving(), VOICE])[24:], PcapRecords("<", 1))
    assert [one.number for one in batch.frames(b"")] == [1, 2, 3]
    assert [one.number for one in batch.frames()] == [one.number for one in batch.frames()] == [2]
    assert [one.number for one in batch.frames(is_dull=lambda data, start, link_type: False)] == [1, 2, 3]
