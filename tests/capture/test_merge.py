"""Several captures become one, by time: with mergecap as the judge of frames and times, tshark as the one of all the rest."""

import gzip
import struct
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.capture.merge import MergedCapture, open_capture
from scapy_rr.capture.reader import Capture, Damage
from scapy_rr.capture.times import timed_frames
from scapy_rr.errors import CaptureError

from ..conftest import need
from .samples import FOREIGN, OWN, VOICE, Kept, block, enhanced, interface, old_packet, option_list, pcap, section, simple

ALL = [*OWN, *FOREIGN]
FIELDS = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.protocols"]


def at(seconds: int, frame: bytes = VOICE, fraction: int = 0) -> Kept:
    """A frame of a pcap file."""
    return Kept(seconds, fraction, len(frame), frame)


def kept(folder: Path, *captures: bytes) -> list[Path]:
    """Captures as files: a, b, c."""
    paths = [folder / chr(ord("a") + number) for number in range(len(captures))]
    for path, data in zip(paths, captures, strict=True):
        path.write_bytes(data)
    return paths


def merged(paths: list[Path]) -> bytes:
    """The one file that several make, and its frames counted."""
    with open_capture(paths) as capture:
        data = capture.header + b"".join(batch.data for batch in capture.batches())
        assert capture.position == capture.size == sum(path.stat().st_size for path in paths)
    return data


def frames(path: Path) -> list[tuple[int, bytes]]:
    """Each frame with its time."""
    with Capture(path) as capture:
        return [(time, data[record.start : record.end]) for data, record, time in timed_frames(capture)]


def told(tshark: str, path: Path, *names: str) -> list[str]:
    """What tshark says of each frame."""
    fields = [word for name in names for word in ("-e", name)]
    return subprocess.run(
        [tshark, "-n", "-r", path, "-T", "fields", *fields], check=True, capture_output=True, text=True
    ).stdout.splitlines()


# Captures that are alike.


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_files_of_one_kind_make_another_one(tmp_path: Path, endian: str, nano: bool) -> None:
    """To the byte, in the order of time; those of the same time in the order of the files, and each file's own order as it is."""
    one = [at(1, b"a1"), at(3, b"a3", 5), at(3, b"a3"), at(2, b"a2"), at(9, b"a9")]
    two = [at(1, b"b1"), at(3, b"b3", 4), at(4, b"b4")]
    three = [at(1, b"c1"), at(10, b"c10")]
    paths = kept(tmp_path, *(pcap(each, endian, nano, snap) for each, snap in ((one, 100), (two, 300), (three, 200))))
    wanted = [one[0], two[0], three[0], two[1], *one[1:4], two[2], one[4], three[1]]
    assert merged(paths) == pcap(wanted, endian, nano, 300)


def test_no_snap_length_is_the_largest(tmp_path: Path) -> None:
    assert merged(kept(tmp_path, pcap([], snap=0), pcap([VOICE], snap=100))) == pcap([VOICE], snap=0)


def test_a_packed_one_and_an_empty_one(tmp_path: Path) -> None:
    assert merged(kept(tmp_path, gzip.compress(pcap([VOICE])), pcap([]))) == pcap([VOICE])
    assert merged(kept(tmp_path, pcap([]), pcap([]))) == pcap([])


def test_one_capture_is_not_merged(tmp_path: Path) -> None:
    data = section(">") + interface(endian=">") + enhanced(VOICE, 0, ">")
    assert merged(kept(tmp_path, data)) == data


@given(st.lists(st.lists(st.integers(0, 50), max_size=30), min_size=2, max_size=5))
def test_any_frames_at_any_times(tmp_path_factory: pytest.TempPathFactory, times: list[list[int]]) -> None:
    """Where each file is in order, the result is what sorting them gives, and sorting keeps what is equal in order."""
    folder = tmp_path_factory.getbasetemp()
    captures = [[at(time, bytes([number, index & 255])) for index, time in enumerate(sorted(each))] for number, each in enumerate(times)]
    wanted = sorted((one for each in captures for one in each), key=lambda one: one.seconds)
    assert merged(kept(folder, *map(pcap, captures))) == pcap(wanted)


def test_frames_know_where_they_are_from(tmp_path: Path) -> None:
    """Also in later buffers, which are a megabyte."""
    many = [at(2 * number, bytes(1000)) for number in range(3000)]
    paths = kept(tmp_path, pcap(many), pcap([at(3), at(5999)]))
    found = []
    with MergedCapture(paths) as capture:
        for batch in capture.batches():
            found += [batch.origin(record.number) for record in batch.frames(b"")]
    first, second = map(str, paths)
    wanted = [*((first, number) for number in range(1, 3001))]
    wanted[2:2] = [(second, 1)]
    assert found == [*wanted, (second, 2)]


# Captures that are not.


def test_pcap_files_of_two_kinds_make_a_pcapng_file(tmp_path: Path) -> None:
    """Each is an interface of it, named like the file, with its link type, snap length and resolution."""
    one, other = pcap([at(7, b"a", 5)], "<", False, 100), pcap([at(1, b"b", 6), at(8, b"b", 1)], ">", True, 200, 101)
    paths = kept(tmp_path, one, other)

    def description(link_type: int, snap: int, name: bytes, resolution: int) -> bytes:
        options = struct.pack("<HH4sHHBxxxHH", 2, 1, name, 9, 1, resolution, 0, 0)
        return interface(link_type, snap, "<", options)

    def packet(number: int, ticks: int, frame: bytes) -> bytes:
        return block(6, struct.pack("<IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame)) + frame)

    head = section() + description(1, 100, b"a", 6) + description(101, 200, b"b", 9)
    packets = [packet(1, 1_000_000_006, b"b"), packet(0, 7_000_005, b"a"), packet(1, 8_000_000_001, b"b")]
    assert merged(paths) == head + b"".join(packets)


def test_the_length_of_frame_check_sequences_stays(tmp_path: Path, tshark: str) -> None:
    data = bytearray(pcap([at(1, VOICE + bytes(4))]))
    struct.pack_into("<I", data, 20, 2 << 28 | 1 << 26 | 1)
    paths = kept(tmp_path, bytes(data), pcap([at(2)], ">"))
    (tmp_path / "out").write_bytes(merged(paths))
    assert told(tshark, tmp_path / "out", "eth.fcs") == ["0x00000000", ""]
    assert frames(tmp_path / "out")[0][1] == VOICE + bytes(4)


def test_what_a_pcapng_file_holds_is_kept(tmp_path: Path, tshark: str) -> None:
    """Of each byte order: names, comments, statistics, link types, times; the frames' interfaces are the right ones."""
    captures = []
    for number, endian in enumerate("<>"):
        name = b"%d" % number
        host = struct.pack(f"{endian}HH", 1, 4 + 7) + bytes([10, 0, 0, 1 if number else 5]) + b"host-" + name + b"\0\0" + bytes(4)
        captures.append(
            b"".join(
                [
                    section(endian, option_list(endian, (1, b"file " + name))),
                    interface(1, 0, endian, option_list(endian, (2, b"eth" + name), (9, b"\x09"))),
                    interface(101, 0, endian, option_list(endian, (2, b"raw" + name))),
                    block(4, host, endian),
                    enhanced(VOICE[14:], 1, endian, option_list(endian, (1, b"frame " + name), (4, struct.pack(f"{endian}Q", 7)))),
                    enhanced(VOICE, 0, endian),
                    block(
                        5, struct.pack(f"{endian}III", 1, 0, 0) + option_list(endian, (5, struct.pack(f"{endian}Q", 12 + number))), endian
                    ),
                ]
            )
        )
    paths = kept(tmp_path, *captures)
    (tmp_path / "out").write_bytes(merged(paths))
    fields = "frame.interface_name", "frame.comment", "frame.time_epoch", "frame.encap_type"
    wanted = sorted(line for path in paths for line in told(tshark, path, *fields))
    assert sorted(told(tshark, tmp_path / "out", *fields)) == wanted
    assert wanted[3].startswith("raw1\tframe 1\t1636")
    info = subprocess.run([need("capinfos"), tmp_path / "out"], check=True, capture_output=True, text=True).stdout
    assert [line.split("=")[-1].strip() for line in info.splitlines() if "Number of stat entries" in line] == ["0", "1", "0", "1"]
    assert "file 0" in info
    assert "file 1" in info
    hosts = subprocess.run([tshark, "-q", "-z", "hosts", "-r", tmp_path / "out"], check=True, capture_output=True, text=True).stdout
    assert "10.0.0.5\thost-0" in hosts
    assert "10.0.0.1\thost-1" in hosts


def test_interfaces_and_sections_that_come_later(tmp_path: Path) -> None:
    """They are numbered as they come, whichever capture they come from."""
    one = section() + interface(1) + enhanced(b"a1") + interface(101) + enhanced(b"a2", 1) + section(">") + interface(228, 0, ">")
    paths = kept(tmp_path, one + enhanced(b"a3", 0, ">"), pcap([at(1, b"b1"), at(0xFFFFFFFF, b"b2")]))
    (tmp_path / "out").write_bytes(merged(paths))
    with Capture(tmp_path / "out") as capture:
        found = [(batch.data[one.start : one.end], one.link_type) for batch in capture.batches() for one in batch.frames(b"")]
    assert found == [(b"b1", 1), (b"a1", 1), (b"a2", 101), (b"a3", 228), (b"b2", 1)]


def test_frames_without_a_time_come_behind_the_one_before(tmp_path: Path) -> None:
    """As an interface with another clock counts it."""
    seconds = struct.pack("<HHBxxxHHqHH", 9, 1, 0, 14, 8, 100, 0, 0)
    data = section() + interface(options=seconds) + interface() + old_packet(b"timed", 1) + simple(b"not")
    paths = kept(tmp_path, data, pcap([at(1, b"b")]))
    (tmp_path / "out").write_bytes(merged(paths))
    time = (5 << 32 | 6) * 1000
    assert frames(tmp_path / "out") == [(10**9, b"b"), (time, b"timed"), (time // 10**9 * 10**9, b"not")]


# The judges.


@pytest.mark.parametrize("paths", [*map(list, pairwise(ALL)), ALL], ids=lambda paths: f"{len(paths)} from {paths[0].name}")
def test_frames_and_times_are_those_of_mergecap(tmp_path: Path, tshark: str, paths: list[Path]) -> None:
    """Where times are equal, mergecap has an order of its own."""
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.write_bytes(merged(paths))
    subprocess.run([need("mergecap"), "-w", theirs, *paths], check=True)
    assert sorted(told(tshark, mine, *FIELDS)) == sorted(told(tshark, theirs, *FIELDS))
    assert [time for time, _ in frames(mine)] == [time for time, _ in frames(theirs)]
    assert sorted(frames(mine)) == sorted(frames(theirs))


def test_where_no_times_are_equal_the_order_is_that_of_mergecap(tmp_path: Path, tshark: str) -> None:
    captures = [pcap([at(5 * number + shift, bytes([shift]) * 60) for number in range(20)], nano=shift == 3) for shift in range(5)]
    paths = kept(tmp_path, *captures)
    mine, theirs = tmp_path / "mine", tmp_path / "theirs"
    mine.write_bytes(merged(paths))
    subprocess.run([need("mergecap"), "-w", theirs, *paths], check=True)
    assert frames(mine) == frames(theirs)
    assert told(tshark, mine, *FIELDS) == told(tshark, theirs, *FIELDS)


# What is wrong with one of them.


def cut(paths: list[Path]) -> tuple[list[bytes], str]:
    """The frames of captures that are cut, and what is said of it."""
    found: list[bytes] = []
    with MergedCapture(paths) as capture, pytest.raises(Damage) as raised:
        for batch in capture.batches():
            found += [batch.data[record.start : record.end] for record in batch.frames(b"")]
    return found, str(raised.value)


def test_where_one_is_cut_the_others_go_on(tmp_path: Path) -> None:
    one, other = pcap([at(1, b"a1"), at(3, b"a3")]), pcap([at(2, b"b2"), at(4, b"b4")])
    paths = kept(tmp_path, one[:-1], other)
    assert cut(paths) == ([b"a1", b"b2", b"b4"], f"{paths[0]}: the file ends within a frame (17 bytes of it are there), at byte 42")


def test_where_all_are_cut_each_is_named(tmp_path: Path) -> None:
    paths = kept(tmp_path, pcap([at(1, b"a1")])[:-1], section() + interface() + enhanced(VOICE)[:-1])
    found, why = cut(paths)
    assert found == []
    first, second = why.split("; ")
    assert first.startswith(f"{paths[0]}: the file ends within a frame (17 bytes")
    assert second.startswith(f"{paths[1]}: the file ends within a block (")


def test_a_frame_of_no_interface_ends_its_capture(tmp_path: Path) -> None:
    """Nobody could read on behind it."""
    head = section() + interface() + enhanced(b"a1")
    paths = kept(tmp_path, head + enhanced(b"a2", 5) + enhanced(b"a3"), pcap([at(1, b"b1")]))
    why = f"{paths[0]}: a frame of interface 5, which is not described, at byte {len(head)}"
    assert cut(paths) == ([b"b1", b"a1"], why)


def test_what_cannot_be_opened_is_named_and_the_others_are_closed(tmp_path: Path) -> None:
    paths = kept(tmp_path, pcap([]), b"hello")
    with pytest.raises(CaptureError, match=f"{paths[1]}: not a pcap or pcapng capture"):
        MergedCapture(paths)
    with pytest.raises(CaptureError, match="No such file"):
        MergedCapture([paths[0], tmp_path / "nothing"])


def test_more_interfaces_than_one_section_may_have(tmp_path: Path) -> None:
    paths = kept(tmp_path, section() + interface() * 6000, section() + interface() * 6000)
    with MergedCapture(paths) as capture, pytest.raises(CaptureError, match=f"^{paths[0]} and {paths[1]}: .*more than 10000 interfaces"):
        list(capture.batches())


def test_what_it_is_called(tmp_path: Path) -> None:
    paths = kept(tmp_path, pcap([]), pcap([]), pcap([]))
    with MergedCapture(paths) as capture:
        assert (capture.name, capture.paths) == (f"{paths[0]} and 2 more", tuple(paths))
