"""Bytes come as they arrive, from files and pipes alike, unpacked, counted; and can be looked at before they are read."""

import gzip
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scapy_rr.capture.source import STANDARD, Source, is_kept, name_of, name_of_all
from scapy_rr.errors import CaptureError

Feed = Callable[[bytes], int]


@pytest.fixture
def pipe() -> Iterator[Feed]:
    """A pipe in the place of standard input: what feeds it. It is closed by an empty feed."""
    before, (reading, writing) = os.dup(0), os.pipe()
    os.dup2(reading, 0)
    os.close(reading)

    def feed(data: bytes) -> int:
        return os.write(writing, data) if data else os.dup2(0, writing)

    yield feed
    os.close(writing)
    os.dup2(before, 0)
    os.close(before)


def drained(source: Source, size: int = 1 << 20) -> tuple[bytes, str]:
    """All that is left of a source, and why it ended."""
    source.look()
    parts = []
    while True:
        part, failure = source.read(size)
        parts.append(part)
        if failure or not part:
            source.close()
            return b"".join(parts), failure


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("data", [b"", b"a", b"ab", bytes(range(256)) * 20_000])
def test_a_file(tmp_path: Path, data: bytes, packed: bool) -> None:
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(data) if packed else data)
    source = Source(path)
    assert (source.name, source.size, source.position) == (str(path), path.stat().st_size, 0)
    assert drained(source, 100_000) == (data, "")
    assert source.position == source.size


def test_of_several_members_all_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + bytes(5))
    assert drained(Source(path)) == (b"one two", "")


def test_a_packed_file_that_was_cut_does_not_just_end(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(os.urandom(5000))[:-100])
    data, failure = drained(Source(path))
    assert len(data) > 4000
    assert failure == "what is packed ends too early"


def test_what_is_before_a_fault_comes_out(tmp_path: Path) -> None:
    """Be it in the packed bytes, in their sum, or in the header of a later member."""
    data = os.urandom(50_000)
    packed, path = gzip.compress(data, 0), tmp_path / "in"
    for damaged, least in [
        (packed[:-8] + bytes(8), 50_000),
        (packed + b"no member", 50_000),
        (packed[:40_000] + b"\xff" * 100, 39_000),
    ]:
        path.write_bytes(damaged)
        came, failure = drained(Source(path))
        assert len(came) >= least
        assert data.startswith(came[:39_000])
        assert failure.startswith("Error -3 while decompressing data" if "ends" not in failure else "what is packed ends")


def test_what_is_packed_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(gzip.compress(gzip.compress(b"capture")))
    source = Source(path)
    with pytest.raises(OSError, match="packed twice"):
        source.look()
    source.close()


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_gives_what_has_arrived(pipe: Feed, packed: bool) -> None:
    """It does not wait for a full buffer."""
    pack = gzip.compress if packed else bytes
    source = Source(STANDARD)
    assert (source.name, source.size) == ("standard input", 0)
    first = pack(b"first")
    pipe(first)
    assert source.look().read(3) == b"fir"
    assert source.read(1 << 20) == (b"first", "")
    assert source.position == len(first)
    pipe(pack(b"second"))
    pipe(pack(b"third"))
    assert source.read(1 << 20) == (b"secondthird", "")
    pipe(b"")
    assert source.read(1 << 20) == (b"", "")
    source.close()


@pytest.mark.parametrize("packed", [False, True])
def test_a_pipe_that_drips(pipe: Feed, packed: bool) -> None:
    """A byte at a time, so that neither a packed member's header nor a format's comes at once."""
    data = b"what comes" * 3
    stream = gzip.compress(data[:7]) + gzip.compress(data[7:]) if packed else data
    source = Source(STANDARD)

    def drip() -> None:
        for number in range(len(stream)):
            pipe(stream[number : number + 1])
        pipe(b"")

    dripping = threading.Thread(target=drip)
    dripping.start()
    assert source.look().read(4) == b"what"
    assert drained(source) == (data, "")
    dripping.join()
    assert source.position == len(stream)


def test_what_was_looked_at_is_still_to_be_read(tmp_path: Path) -> None:
    path = tmp_path / "in"
    path.write_bytes(b"0123456789")
    source = Source(path)
    look = source.look()
    assert [look.read(2), look.read(5), look.read(50), look.read(1)] == [b"01", b"23456", b"789", b""]
    assert source.look().read(2) == b"01"
    assert source.take(3) == b"012"
    assert drained(source) == (b"3456789", "")


def test_nobody_looks_further_than_a_format_can_need(tmp_path: Path) -> None:
    path = tmp_path / "in"
    with path.open("wb") as file:
        file.truncate(100 << 20)
    source = Source(path)
    assert len(source.look().read(0xFFFFFFFF)) == 1 << 24
    source.close()


def test_a_named_pipe(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(b"capture",))
    writer.start()
    source = Source(path)
    assert (source.size, drained(source)) == (0, (b"capture", ""))
    writer.join()


def test_a_writer_that_is_not_waited_for_is_a_fault(pipe: Feed) -> None:
    """Else what it writes later would be missed in silence."""
    pipe(b"ab")
    os.set_blocking(0, False)
    source = Source(STANDARD)
    source.look()
    assert source.read(1 << 20) == (b"ab", "")
    assert source.read(1 << 20) == (b"", "does not wait for its writer")
    source.close()


def test_a_terminal_is_refused() -> None:
    controller, terminal = os.openpty()
    before = os.dup(0)
    os.dup2(terminal, 0)
    try:
        with pytest.raises(CaptureError, match="standard input: is a terminal; pipe a capture into it"):
            Source(STANDARD)
    finally:
        os.dup2(before, 0)
        for one in (controller, terminal, before):
            os.close(one)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nothing: No such file"):
        Source(tmp_path / "nothing")
    with pytest.raises(CaptureError, match="Is a directory"):
        Source(tmp_path)


def test_what_can_be_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not standard input, even where a file has its name."""
    monkeypatch.chdir(tmp_path)
    Path("-").write_bytes(b"")
    Path("in").write_bytes(b"")
    os.mkfifo("pipe")
    assert [is_kept(Path(name)) for name in ("in", "-", "pipe", "/dev/null")] == [True, False, False, False]


def test_what_inputs_are_called() -> None:
    assert [name_of(Path(name)) for name in ("in", "-")] == ["in", "standard input"]
    assert [name_of_all([Path(name) for name in names]) for names in ("a", "a-", "abc")] == ["a", "a and standard input", "a and 2 more"]
