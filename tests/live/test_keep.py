"""What is kept of an interface: a capture that is there when it is whole, and nothing in its place before."""

import gzip
import os
from pathlib import Path

import pytest

from scapy_rr.errors import CaptureError, LiveError
from scapy_rr.live.keep import Keeper, check

from ..capture.samples import arriving, leaving, records


def test_frames_are_kept_with_their_times(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    with Keeper(path, {1}) as keeper:
        keeper.add(arriving(), 1_700_000_000.000001)
        keeper.add(leaving(), 1_700_000_000.9999999)
        assert not path.exists(), "before it is whole"
        assert len(list(tmp_path.iterdir())) == 1
    assert keeper.frames == 2
    assert [(one.seconds, one.fraction, one.frame) for one in records(path.read_bytes())] == [
        (1_700_000_000, 1, arriving()),
        (1_700_000_001, 0, leaving()),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_a_name_that_says_so_is_packed(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap.gz"
    with Keeper(path, {1}) as keeper:
        keeper.add(arriving(), 1.0)
    assert [one.frame for one in records(gzip.decompress(path.read_bytes()))] == [arriving()]


def test_without_frames_it_is_an_empty_capture(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    with Keeper(path, {12}):
        pass
    data = path.read_bytes()
    assert len(data) == 24
    assert data[20] == 101, "raw IP has another number in a file"
    current = os.umask(0)
    os.umask(current)
    assert path.stat().st_mode & 0o777 == 0o666 & ~current


def test_however_it_ends_what_came_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    with pytest.raises(KeyboardInterrupt), Keeper(path, {1}) as keeper:
        keeper.add(arriving(), 1.0)
        raise KeyboardInterrupt
    assert len(records(path.read_bytes())) == 1


def test_another_file_is_not_replaced_without_leave(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    path.write_text("dear to somebody")
    with pytest.raises(CaptureError, match=r"kept\.pcap: exists; --force replaces it$"):
        Keeper(path, {1})
    assert path.read_text() == "dear to somebody"
    with Keeper(path, {1}, overwrite=True) as keeper:
        keeper.add(arriving(), 1.0)
        assert path.read_text() == "dear to somebody", "not before there is something for it"
    assert len(records(path.read_bytes())) == 1


def test_names_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="is no regular file"):
        check(tmp_path, True)
    with pytest.raises(CaptureError, match=r"there is no directory .*/nowhere$"):
        check(tmp_path / "nowhere" / "kept.pcap", False)
    check(tmp_path / "kept.pcap", False)


def test_frames_of_different_kinds(tmp_path: Path) -> None:
    with pytest.raises(LiveError, match="frames of different kinds cannot stand in one pcap file; give one --iface for each"):
        Keeper(tmp_path / "kept.pcap", {1, 12})
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    keeper = Keeper(path, {1})
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, keeper._writer.fileno())
    os.close(full)
    with pytest.raises(CaptureError, match=r"kept\.pcap: No space left on device"), keeper:
        for number in range(3000):
            keeper.add(arriving(), float(number))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_nobody_may_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.mkstemp", refuse)
    with pytest.raises(CaptureError, match=r"kept\.pcap: Permission denied"):
        Keeper(tmp_path / "kept.pcap", {1})
