"""A file comes into being beside its name, is like the one it is made from, and gets its name when it is complete."""

import gzip
import os
import resource
import signal
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scapy_rr.capture.reader import Capture
from scapy_rr.capture.source import STANDARD
from scapy_rr.capture.writer import CaptureWriter, check_output
from scapy_rr.errors import CaptureError

from .samples import VOICE, enhanced, interface, pcap, section


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A capture."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([VOICE]))
    return path


def copied(source: Path, target: Path, longest: int = 0) -> bytes:
    """What comes of a capture whose records are written as they are."""
    with Capture(source) as capture, CaptureWriter(target, capture) as writer:
        for batch in capture.batches():
            writer.write(batch.data, longest)
        writer.complete()
    return target.read_bytes()


ODD_HEADER = bytearray(pcap([VOICE]))
# A time zone, an accuracy, the length of a frame check sequence.
struct.pack_into("<iI", ODD_HEADER, 8, 3600, 6)
struct.pack_into("<I", ODD_HEADER, 20, 0x14000001)


@pytest.mark.parametrize(
    "data",
    [
        pcap([VOICE]),
        pcap([VOICE], ">", True, 65535, 276),
        pcap([VOICE], link_type=0),
        pcap([]),
        bytes(ODD_HEADER),
        section() + interface() + enhanced(VOICE),
        section(">") + interface(endian=">"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_header_and_records_stay_as_they_were(tmp_path: Path, data: bytes, packed: bool) -> None:
    source = tmp_path / "in"
    source.write_bytes(gzip.compress(data) if packed else data)
    assert copied(source, tmp_path / "out") == data
    assert gzip.decompress(copied(source, tmp_path / "out.gz")) == data


def test_a_packed_file_is_the_same_each_time_and_others_can_read_it(source: Path, tmp_path: Path) -> None:
    first, again = copied(source, tmp_path / "first.gz", 300_000), copied(source, tmp_path / "again.gz", 300_000)
    assert first == again
    subprocess.run(["gzip", "-t", tmp_path / "first.gz"], check=True)


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("name", ["out", "out.gz"])
@pytest.mark.parametrize(("snap", "longest", "wanted"), [(1500, 1600, 1600), (1500, 1500, 1500), (1500, 0, 1500), (0, 1600, 0)])
def test_the_snap_length_holds_for_what_has_grown(tmp_path: Path, endian: str, name: str, snap: int, longest: int, wanted: int) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([VOICE], endian, snap=snap))
    data = copied(source, tmp_path / name, longest)
    assert (gzip.decompress(data) if name.endswith("gz") else data) == pcap([VOICE], endian, snap=wanted)


def test_the_name_is_taken_only_when_the_file_is_complete(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    with Capture(source) as capture, CaptureWriter(target, capture) as writer:
        writer.write(b"records")
        assert not target.exists()
        assert len(list(tmp_path.glob(".out.*"))) == 1
    assert list(tmp_path.iterdir()) == [source]


def test_nothing_stays_behind_of_a_fault(source: Path, tmp_path: Path) -> None:
    def fail() -> None:
        with Capture(source) as capture, CaptureWriter(tmp_path / "out", capture) as writer:
            writer.write(b"records")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == [source]


@contextmanager
def small_disk(size: int) -> Iterator[None]:
    """Files can only become so long meanwhile."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("records", [bytes(5_000), bytes(5_000_000)])
@pytest.mark.parametrize("name", ["out", "out.gz"])
def test_a_full_disk_is_an_error_of_ours(source: Path, tmp_path: Path, name: str, records: bytes) -> None:
    """Be it when records are written, or when the file is closed. Packed, these records fit."""

    def fill() -> None:
        with Capture(source) as capture, CaptureWriter(tmp_path / name, capture) as writer:
            writer.write(records if name == "out" else os.urandom(len(records)))
            writer.complete()

    with small_disk(4096), pytest.raises(CaptureError, match=f"{name}: File too large"):
        fill()
    assert list(tmp_path.iterdir()) == [source]


def test_who_may_read_it_is_as_with_any_new_file(source: Path, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        copied(source, tmp_path / "out")
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o640


def test_what_may_not_be_written_over(source: Path, tmp_path: Path) -> None:
    link, hard, other = tmp_path / "link", tmp_path / "hard", tmp_path / "other"
    link.symlink_to(source)
    hard.hardlink_to(source)
    other.write_bytes(b"mine")
    for path in (source, link, hard):
        for overwrite in (False, True):
            with pytest.raises(CaptureError, match="is the input"):
                check_output(path, [source], overwrite)
    with pytest.raises(CaptureError, match="exists; --force replaces it"):
        check_output(other, [source], False)
    with pytest.raises(CaptureError, match="is no regular file"):
        check_output(tmp_path, [source], True)
    with pytest.raises(CaptureError, match="File name too long"):
        check_output(tmp_path / ("x" * 300), [source], False)


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Puts another file into the place of standard output."""
    before = os.dup(1)

    def replace(file: int) -> None:
        os.dup2(file, 1)
        os.close(file)

    yield replace
    os.dup2(before, 1)
    os.close(before)


@pytest.mark.parametrize(("snap", "wanted"), [(1500, 262144), (262144, 262144), (400_000, 400_000), (0, 0)])
def test_standard_output_is_written_at_once(
    tmp_path: Path, output: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, snap: int, wanted: int
) -> None:
    """And cannot be mended later, so its snap length holds for every frame from the start."""
    monkeypatch.chdir(tmp_path)
    reading, writing = os.pipe()
    output(writing)
    Path("in").write_bytes(pcap([VOICE], snap=snap))
    with Capture(Path("in")) as capture, CaptureWriter(STANDARD, capture) as writer:
        assert os.read(reading, 1 << 16) == pcap([], snap=wanted)
        for batch in capture.batches():
            writer.write(batch.data, 300_000)
            assert os.read(reading, 1 << 16) == batch.data
        writer.complete()
    os.close(reading)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_more_than_a_pipe_takes_at_once(source: Path, output: Callable[[int], None]) -> None:
    reading, writing = os.pipe()
    output(writing)
    data = os.urandom(1 << 20)
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.extend(iter(lambda: os.read(reading, 4096), b"")))
    reader.start()
    with Capture(source) as capture, CaptureWriter(STANDARD, capture) as writer:
        writer.write(data)
    output(os.open(os.devnull, os.O_WRONLY))
    reader.join()
    os.close(reading)
    assert b"".join(came) == pcap([]) + data


def test_a_reader_that_went_away(source: Path, output: Callable[[int], None]) -> None:
    """The cause tells that this is nobody's fault."""
    reading, writing = os.pipe()
    output(writing)
    with Capture(source) as capture, CaptureWriter(STANDARD, capture) as writer:
        os.close(reading)
        with pytest.raises(CaptureError, match="standard output: its reader went away") as raised:
            writer.write(b"records")
    assert isinstance(raised.value.__cause__, BrokenPipeError)


def test_a_terminal_is_not_written_to(source: Path, output: Callable[[int], None]) -> None:
    controller, terminal = os.openpty()
    output(terminal)
    with pytest.raises(CaptureError, match="standard output: is a terminal; pipe it into another program, or name a file with -o"):
        check_output(STANDARD, [source], False)
    os.close(controller)


def test_an_output_that_is_the_standard_input(source: Path, tmp_path: Path, output: Callable[[int], None]) -> None:
    """Whichever way round, the input is not destroyed."""
    before, opened = os.dup(0), os.open(source, os.O_RDONLY)
    os.dup2(opened, 0)
    os.close(opened)
    try:
        with pytest.raises(CaptureError, match="is the input"):
            check_output(source, [STANDARD], True)
        output(os.open(source, os.O_WRONLY | os.O_APPEND))
        for one in (STANDARD, source):
            with pytest.raises(CaptureError, match="standard output: is the input"):
                check_output(STANDARD, [tmp_path / "nothing", one], True)
    finally:
        os.dup2(before, 0)
        os.close(before)


def test_what_is_no_file_can_be_read_and_written(output: Callable[[int], None]) -> None:
    output(os.open(os.devnull, os.O_WRONLY))
    check_output(STANDARD, [Path(os.devnull)], False)


def test_a_folder_that_is_not_there(source: Path, tmp_path: Path) -> None:
    with Capture(source) as capture, pytest.raises(CaptureError, match="No such file or directory"):
        CaptureWriter(tmp_path / "nowhere" / "out", capture)
