"""Frames are found where they are, whatever the file's format; what is no capture, or ceases to be one, is named with its offset."""

import gzip
import os
import struct
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.capture.reader import NEEDLE, Capture, Damage
from scapy_rr.errors import CaptureError

from . import samples
from .samples import VOICE, arriving, block, enhanced, interface, old_packet, pcap, section, simple

FRAMES = [arriving(1), VOICE, b"", arriving(2)]
ENDIANS = ["<", ">"]


def found(path: Path, needle: bytes = b"") -> list[tuple[int, bytes, int, bool]]:
    """Number, bytes, link type and "was it cut" of each frame."""
    with Capture(path) as capture:
        return [
            (one.number, batch.data[one.start : one.end], one.link_type, one.cut)
            for batch in capture.batches()
            for one in batch.frames(needle)
        ]


def numbered(frames: list[bytes], link_type: int = 1) -> list[tuple[int, bytes, int, bool]]:
    return [(number, one, link_type, False) for number, one in enumerate(frames, 1)]


def of(folder: Path, data: bytes) -> Path:
    path = folder / "capture"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("endian", ENDIANS)
def test_every_frame_of_a_pcap_file(tmp_path: Path, endian: str, nano: bool, packed: bool) -> None:
    data = pcap(FRAMES, endian, nano, link_type=276)
    assert found(of(tmp_path, gzip.compress(data) if packed else data)) == numbered(FRAMES, 276)


@pytest.mark.parametrize("endian", ENDIANS)
def test_every_frame_of_a_pcapng_file(tmp_path: Path, endian: str) -> None:
    comment = struct.pack(f"{endian}HH4sHH", 1, 4, b"note", 0, 0)
    blocks = [
        section(endian, comment),
        interface(1, 0, endian, comment),
        enhanced(FRAMES[0], 0, endian, comment),
        block(0x0BAD, b"somebody's own", endian),
        interface(276, 0, endian),
        old_packet(FRAMES[1], 1, endian),
        enhanced(FRAMES[2], 1, endian),
        simple(FRAMES[3], endian),
    ]
    links = 1, 276, 276, 1
    assert found(of(tmp_path, b"".join(blocks))) == [
        (number, one, link, False) for number, (one, link) in enumerate(zip(FRAMES, links, strict=True), 1)
    ]


def test_each_section_has_its_own_byte_order_and_interfaces(tmp_path: Path) -> None:
    data = section("<") + interface(1) + enhanced(VOICE) + section(">") + interface(101, 0, ">") + enhanced(b"raw", 0, ">")
    assert found(of(tmp_path, data)) == [(1, VOICE, 1, False), (2, b"raw", 101, False)]


def test_a_frame_of_an_interface_that_was_not_described_has_a_link_type_that_nobody_reads(tmp_path: Path) -> None:
    data = section() + interface(1) + enhanced(VOICE, 1) + section() + enhanced(VOICE)
    assert [link_type for _, _, link_type, _ in found(of(tmp_path, data))] == [-1, -1]


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (pcap([samples.Kept(1, 2, 301, VOICE)]), True),
        (pcap([samples.Kept(1, 2, len(VOICE), VOICE)]), False),
        # Some writers leave the original length empty.
        (pcap([samples.Kept(1, 2, 0, VOICE)]), False),
        (section() + interface() + enhanced(VOICE, original=301), True),
        (section() + interface(snap=len(VOICE)) + simple(VOICE, original=301), True),
    ],
)
def test_a_frame_that_the_capture_holds_in_part(tmp_path: Path, data: bytes, cut: bool) -> None:
    assert found(of(tmp_path, data)) == [(1, VOICE, 1, cut)]


def test_a_simple_packet_is_as_long_as_the_interface_says(tmp_path: Path) -> None:
    """Its block has the original length alone; padding is told from the frame by that and by the snap length."""
    data = section() + interface(snap=5) + simple(b"12345", original=70) + interface() + section() + interface() + simple(b"123")
    assert [one for _, one, _, _ in found(of(tmp_path, data))] == [b"12345", b"123"]


def test_frames_without_the_needle_are_passed_and_counted(tmp_path: Path) -> None:
    for data in (pcap(FRAMES), section() + interface() + b"".join(map(enhanced, FRAMES))):
        assert [number for number, *_ in found(of(tmp_path, data), NEEDLE)] == [1, 4]


def test_frames_over_the_border_of_a_buffer(tmp_path: Path) -> None:
    """Buffers are a megabyte: records lie across their borders."""
    frames = [bytes([number % 251]) * (1000 + number % 97) for number in range(3000)]
    for data in (pcap(frames), section() + interface() + b"".join(map(enhanced, frames))):
        path = of(tmp_path, data)
        assert found(path) == numbered(frames)
        with Capture(path) as capture:
            assert sum(1 for _ in capture.batches()) > 2
            assert (capture.records.frames, capture.position) == (3000, capture.size)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xd4\xc3\xb2",
        b"hello, this is no capture",
        pcap([])[:23],
        section()[:11],
        section()[:20],
        section()[:-1],
        gzip.compress(b""),
        gzip.compress(b"neither"),
        gzip.compress(pcap([VOICE]))[:12],
        b"\x1f\x8b\x08\0\0\0\0\0\0\0" + b"\xff" * 50,
        b"\x0a\x0d\x0d\x0a" + bytes(40),
    ],
)
def test_what_is_no_capture(tmp_path: Path, data: bytes) -> None:
    path = of(tmp_path, data)
    with pytest.raises(CaptureError, match=f"{path}: not a pcap or pcapng capture, at byte 0"):
        Capture(path)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file"):
        Capture(tmp_path / "nothing")
    with pytest.raises(CaptureError, match="directory"):
        Capture(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("pcapng", [False, True])
def test_a_pipe_is_read_record_by_record(tmp_path: Path, pcapng: bool, packed: bool) -> None:
    """As they arrive, though a record may arrive in parts; how much there is nobody knows."""
    head = HEAD if pcapng else pcap([])
    records = [enhanced(one) if pcapng else pcap([one])[24:] for one in FRAMES]
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing, packer = os.open(pipe, os.O_RDWR), zlib.compressobj(wbits=31)

    def write(data: bytes) -> None:
        os.write(writing, packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH) if packed else data)

    write(head)
    with Capture(pipe) as capture:
        batches = capture.batches()
        write(records[0])
        first = next(batches).data
        write(records[1] + records[2][:-7])
        second = next(batches).data
        write(records[2][-7:] + records[3])
        assert [first.removeprefix(head if pcapng else b""), second, next(batches).data] == [
            records[0],
            records[1],
            records[2] + records[3],
        ]
        assert (capture.size, capture.records.frames) == (0, 4)
        assert packed or capture.position == len(head + b"".join(records))
    os.close(writing)


def test_a_section_that_tells_its_length_no_longer_does(tmp_path: Path) -> None:
    """With frames that grow it would not hold. Bytes of a frame are no section."""
    told = bytearray(HEAD + GOOD)
    struct.pack_into("<q", told, 16, len(told) - 28)
    looks_like_one = enhanced(section()[:16] + bytes(8))
    with Capture(of(tmp_path, bytes(told + looks_like_one + told))) as capture:
        assert b"".join(batch.data for batch in capture.batches()) == HEAD + GOOD + looks_like_one + HEAD + GOOD


def test_interfaces_without_number(tmp_path: Path) -> None:
    """Each is remembered, so there can only be so many of them."""
    path = of(tmp_path, section() + interface() * 10_001 + GOOD)
    with Capture(path) as capture, pytest.raises(Damage, match="more than 10000 interfaces"):
        list(capture.batches())


HEAD = section() + interface()
GOOD = enhanced(VOICE)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (struct.pack("<II", 6, 8), "ends within a block"),
        (struct.pack("<III", 6, 8, 8), "a pcapng block of 8 bytes"),
        (struct.pack("<IIII", 6, 33, 0, 0), "a pcapng block of 33 bytes"),
        (block(6, bytes(16)), "a pcapng block of 28 bytes"),
        (block(2, bytes(16)), "a pcapng block of 28 bytes"),
        (block(3, b""), "a pcapng block of 12 bytes"),
        (block(1, bytes(4)), "a pcapng block of 16 bytes"),
        (struct.pack("<III", 6, 0xFFFFFFFC, 0), "a record of 4294967292 bytes"),
        (struct.pack("<IIII", samples.SECTION, 28, 0, 0) + bytes(12), "without its byte-order magic"),
        (GOOD[:-4], "ends within a block"),
    ],
)
def test_a_bad_block_ends_the_capture_after_what_came_before(tmp_path: Path, bad: bytes, reason: str) -> None:
    path = of(tmp_path, HEAD + GOOD + bad)
    seen: list[bytes] = []
    with Capture(path) as capture, pytest.raises(Damage, match=f"{reason}.*, at byte {len(HEAD + GOOD)}"):
        for batch in capture.batches():
            seen += [batch.data[one.start : one.end] for one in batch.frames(b"")]
    assert (seen, capture.records.frames) == ([VOICE], 1)


def test_an_absurd_record_length_ends_the_capture(tmp_path: Path) -> None:
    data = pcap([VOICE])
    path = of(tmp_path, data + struct.pack("<IIII", 1, 2, 0x7FFFFFFF, 0x7FFFFFFF) + bytes(100))
    with Capture(path) as capture, pytest.raises(Damage, match=f"a record of 2147483647 bytes, at byte {len(data)}"):
        list(capture.batches())


def test_the_upper_half_of_the_link_type_is_about_something_else(tmp_path: Path) -> None:
    """It says how long a frame check sequence stands behind each frame."""
    assert found(of(tmp_path, pcap([VOICE], link_type=0x14000001))) == [(1, VOICE, 1, False)]


@given(st.data())
def test_any_bytes_behind_a_header_are_frames_or_damage(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from([pcap([VOICE]), pcap([VOICE], ">"), HEAD + GOOD, section(">"), b""]))
    path = of(tmp_path_factory.getbasetemp(), start + data.draw(st.binary(max_size=120)))
    try:
        for _, one, _, _ in found(path):
            assert len(one) <= path.stat().st_size
    except CaptureError as error:
        assert str(path) in str(error)
