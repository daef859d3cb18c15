"""What a lab keeps on disk, and that only one is at it."""

import os
from pathlib import Path

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live.lab import home as homes
from scapy_rr.live.lab.home import Home, State, base, known
from scapy_rr.live.lab.processes import Process


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The home of a lab, somewhere else than those of this machine."""
    monkeypatch.setattr(homes, "base", lambda: tmp_path / "scapy-rr")
    return Home("mine")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path == "/run")
    assert base() == Path("/run/scapy-rr")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1000")
    assert base() == Path("/run/user/1000/scapy-rr")
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    with pytest.raises(LiveError, match="/run or in XDG_RUNTIME_DIR: the one cannot be written, the other is not set"):
        base()
    assert known() == []


def test_a_state_is_found_again(home: Home) -> None:
    state = State("a description", complete=True, playing=True, processes={"proxy": Process(7, 99)})
    with home.locked():
        home.save(state)
    assert home.load() == state
    assert known() == ["mine"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"made_of": "x"}', '{"processes": {"a": 1}}', '{"processes": {}, "else": 1}'])
def test_a_state_that_cannot_be_read_is_none(home: Home, text: str) -> None:
    with home.locked():
        home.of("proxy")
        (home.path / "state.json").write_text(text)
    assert home.load() is None


def test_one_at_a_time(home: Home) -> None:
    with home.locked(), pytest.raises(LiveError, match=r"^another scapy-rr is at work on the lab mine"), home.locked():
        pytest.fail("two of them")
    with home.locked():
        pass


def test_an_error_inside_is_the_callers(home: Home) -> None:
    with pytest.raises(BlockingIOError), home.locked():
        raise BlockingIOError
    with home.locked():
        pass


def test_a_lock_on_a_folder_that_is_gone_is_none(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had the lock removes the folder between our opening it and our locking it."""
    opened = home._open

    def open_and_lose() -> int:
        handle = opened()
        home.path.rmdir()
        return handle

    monkeypatch.setattr(home, "_open", open_and_lose)
    with pytest.raises(LiveError, match="another scapy-rr is at work"), home.locked():
        pytest.fail("a lock that nobody else sees")


def test_nothing_is_left(home: Home) -> None:
    with home.locked():
        home.save(State(""))
        (home.of("proxy") / "log").write_text("said")
        home.clear()
        # The folder is the lock.
        assert home.path.is_dir()
    assert known() == []
    assert home.load() is None


def test_a_folder_that_cannot_be_made(home: Home) -> None:
    home.path.parent.write_text("a file")
    with pytest.raises(LiveError, match=r"Not a directory|File exists"), home.locked():
        pytest.fail("no folder")
