"""A record takes another frame and keeps all else, but for what would be wrong of it. How records are found is tested with their reader."""

import struct

import pytest

from scapy_rr.capture.records import PcapngRecords, PcapRecords, Record, Records

from .samples import VOICE, arriving, enhanced, interface, leaving, old_packet, pcap, section, simple

ENDIANS = ["<", ">"]


def only(records: Records, data: bytes) -> Record:
    """The one frame of a buffer."""
    (record,) = records.walk(data, b"")
    return record


def rebuilt(endian: str, data: bytes, frame: bytes, again: bool = False, snap: int = 0) -> bytes:
    """A block with another frame."""
    records, head = PcapngRecords(), section(endian) + interface(1, snap, endian)
    return records.rebuild(head + data, only(records, head + data), frame, again)


def option(code: int, value: bytes, endian: str) -> bytes:
    """An option."""
    return struct.pack(f"{endian}HH", code, len(value)) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_pcap_record(endian: str) -> None:
    head = pcap([], endian)
    data = pcap([arriving()], endian)[len(head) :]
    records = PcapRecords(endian, 1)
    assert records.rebuild(data, only(records, data), leaving()) == pcap([leaving()], endian)[len(head) :]


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_hash_holds_for_one_frame_only(endian: str) -> None:
    """All other options stay; and where the frame does, so does the hash."""
    flags, drops = option(2, struct.pack(f"{endian}I", 1), endian), option(4, struct.pack(f"{endian}Q", 7), endian)
    hashed, end = option(3, b"\x02abcd", endian), option(0, b"", endian)
    data = enhanced(arriving(), 0, endian, flags + hashed + option(3, b"\x03efg", endian) + drops + end)
    assert rebuilt(endian, data, leaving()) == enhanced(leaving(), 0, endian, flags + drops + end)
    assert rebuilt(endian, data, arriving()) == data
    assert rebuilt(endian, enhanced(arriving(), 0, endian, hashed), leaving()) == enhanced(leaving(), 0, endian)


@pytest.mark.parametrize("endian", ENDIANS)
def test_drops_are_counted_once(endian: str) -> None:
    """A second frame in the place of one, or behind it, does not tell again what was lost before it."""
    note, drops = option(1, b"note", endian), option(4, struct.pack(f"{endian}Q", 7), endian)
    data = enhanced(arriving(), 0, endian, drops + note)
    assert rebuilt(endian, data, leaving(), again=True) == enhanced(leaving(), 0, endian, note)
    assert rebuilt(endian, old_packet(arriving(), 0, endian), leaving(), again=True) == old_packet(leaving(), 0, endian, drops=0)
    assert rebuilt(endian, old_packet(arriving(), 0, endian), leaving()) == old_packet(leaving(), 0, endian)


def test_a_simple_packet_that_outgrows_its_interface_becomes_an_enhanced_one() -> None:
    """Its own length is told by the snap length alone."""
    grown = VOICE + b"more"
    kept, other = rebuilt("<", simple(VOICE), grown, snap=len(grown)), rebuilt("<", simple(VOICE), grown, snap=len(VOICE))
    assert kept == simple(grown)
    assert struct.unpack_from("<IIIIIII", other) == (6, len(other), 0, 0, 0, len(grown), len(grown))
    assert other[28 : 28 + len(grown)] == grown


def test_records_of_the_same_interfaces_may_stand_in_one_section() -> None:
    one, other, third = PcapngRecords(), PcapngRecords(), PcapngRecords()
    for records, data in ((one, section() + interface(1)), (other, section() + interface(1) + interface(101)), (third, section(">"))):
        assert list(records.walk(data, b"")) == []
    assert [other.is_same_section(one), one.is_same_section(other), third.is_same_section(one)] == [True, False, False]
