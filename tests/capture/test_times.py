"""Frames have the times that their capture gives them, in every format, byte order and resolution."""

import struct
from pathlib import Path

import pytest
from scapy.utils import PcapReader

from scapy_rr.capture.reader import Capture
from scapy_rr.capture.times import timed_frames

from .samples import FOREIGN, OWN, VOICE, Kept, block, enhanced, interface, old_packet, pcap, section, simple

TICKS = 0x0005_D000_1234_5678
"""The time that the samples' blocks have."""


def times(folder: Path, data: bytes) -> list[int]:
    """The times of a capture's frames, each of which must be the voice frame."""
    path = folder / "in"
    path.write_bytes(data)
    with Capture(path) as capture:
        found = list(timed_frames(capture))
    assert all(data[record.start : record.end] == VOICE for data, record, _ in found)
    return [time for _, _, time in found]


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize(("nano", "unit"), [(False, 1000), (True, 1)])
def test_pcap(tmp_path: Path, endian: str, nano: bool, unit: int) -> None:
    kept = [Kept(seconds, fraction, len(VOICE), VOICE) for seconds, fraction in [(1, 0), (1_700_000_000, 999_999), (0xFFFF_FFFF, 7)]]
    wanted = [one.seconds * 1_000_000_000 + one.fraction * unit for one in kept]
    assert times(tmp_path, pcap(kept, endian, nano)) == wanted


def option(code: int, value: bytes, endian: str = "<") -> bytes:
    """An option of a pcapng block."""
    return struct.pack(f"{endian}HH", code, len(value)) + value + bytes(-len(value) % 4)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (b"", TICKS * 1000),
        (option(9, b"\x06"), TICKS * 1000),
        (option(9, b"\x09"), TICKS),
        (option(9, b"\x03"), TICKS * 1_000_000),
        (option(9, b"\x8a"), TICKS * 1_000_000_000 // 1024),
        (option(14, struct.pack("<q", -3600)), TICKS * 1000 - 3600 * 10**9),
        (option(2, b"eth0") + option(9, b"\x09") + option(14, struct.pack("<q", 5)) + option(0, b""), TICKS + 5 * 10**9),
        (option(0, b"") + option(9, b"\x09"), TICKS * 1000),
        (option(9, b"\x06\x06") + option(14, b"\x01"), TICKS * 1000),
        (struct.pack("<HH", 9, 400), TICKS * 1000),
    ],
)
def test_the_clock_of_a_pcapng_interface(tmp_path: Path, options: bytes, wanted: int) -> None:
    assert times(tmp_path, section() + interface(options=options) + enhanced(VOICE)) == [wanted]


def test_the_old_packet_block(tmp_path: Path) -> None:
    assert times(tmp_path, section() + interface() + interface(options=option(9, b"\x09")) + old_packet(VOICE, 1)) == [5 << 32 | 6]


def test_each_interface_has_its_own_clock(tmp_path: Path) -> None:
    """Also one that is described between frames, and in a section of another byte order."""
    nanoseconds = option(9, b"\x09")
    first = section() + interface() + enhanced(VOICE) + block(5, bytes(12)) + interface(options=nanoseconds) + enhanced(VOICE, 1)
    again = section(">") + interface(endian=">", options=option(9, b"\x09", ">")) + enhanced(VOICE, 0, ">")
    assert times(tmp_path, first + enhanced(VOICE) + again) == [TICKS * 1000, TICKS, TICKS * 1000, TICKS]


def test_a_block_before_a_section_of_another_byte_order(tmp_path: Path) -> None:
    """It is read in its own, so that the section is seen."""
    nanoseconds = option(9, b"\x09")
    first = section(">") + interface(endian=">") + enhanced(VOICE, 0, ">") + block(5, bytes(12), ">")
    assert times(tmp_path, first + section() + interface(options=nanoseconds) + enhanced(VOICE)) == [TICKS * 1000, TICKS]


def test_a_frame_of_an_interface_that_was_not_described_counts_microseconds(tmp_path: Path) -> None:
    assert times(tmp_path, section() + interface() + enhanced(VOICE, 7)) == [TICKS * 1000]


def test_a_frame_without_a_time_has_that_of_the_one_before(tmp_path: Path) -> None:
    assert times(tmp_path, section() + interface() + simple(VOICE) + enhanced(VOICE) + simple(VOICE)) == [0, TICKS * 1000, TICKS * 1000]


def test_descriptions_are_remembered_from_buffer_to_buffer(tmp_path: Path) -> None:
    many = 9000
    data = section() + interface(options=option(9, b"\x09")) + enhanced(VOICE) * many + interface() + enhanced(VOICE, 1)
    assert times(tmp_path, data) == [TICKS] * many + [TICKS * 1000]


@pytest.mark.parametrize("path", OWN + FOREIGN, ids=lambda path: path.name)
def test_as_scapy_reads_them(path: Path) -> None:
    with PcapReader(str(path)) as reader:
        wanted = [float(packet.time) for packet in reader]
    with Capture(path) as capture:
        assert [time / 1e9 for _, _, time in timed_frames(capture)] == pytest.approx(wanted, abs=2e-6)
