"""Characters, with the line each stands on, over files that include others."""

import re
from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.server_config.found import Place
from scapy_rr.server_config.source import Source

from .reading import written

WORD, SPACE, REST = re.compile(r"\w+"), re.compile(r"\s+"), re.compile(r".*", re.DOTALL)


def test_what_is_taken_is_gone_and_counted(tmp_path: Path) -> None:
    path = written(tmp_path, "one\n\ntwo three")
    source = Source(path)
    assert source.look(SPACE) is None
    assert [source.look(WORD), source.take(WORD)] != [None, None]
    assert source.place == Place(path, 1)
    source.take(SPACE)
    assert source.place == Place(path, 3)
    found = source.take(WORD)
    assert found and found[0] == "two"
    assert source.take_until(re.compile("h")) is not None
    assert source.take_until(re.compile("h")) is None
    assert source.at_end
    assert not source.leave()


def test_text_is_put_in_front(tmp_path: Path) -> None:
    source = Source(written(tmp_path, "A\n.1"))
    source.take(WORD)
    source.push_back("10.0")
    found = source.take(REST)
    assert found and found[0] == "10.0\n.1"
    assert source.place.line == 2


def test_an_included_file_comes_first(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    written(tmp_path, "inner\n", "parts/part.cfg")
    written(tmp_path, "next to it", "parts/other.cfg")
    outer = written(tmp_path, "outer\nrest")
    source = Source(outer)
    source.take(WORD)
    source.take(SPACE)
    source.include("parts/part.cfg")
    assert source.place == Place(tmp_path / "parts" / "part.cfg", 1)
    source.take(REST)
    source.include("other.cfg")
    source.take(REST)
    assert (source.leave(), source.leave(), source.leave()) == (True, True, False)
    assert source.place == Place(outer, 2)
    found = source.take(REST)
    assert found and found[0] == "rest"


def test_a_file_that_includes_itself(tmp_path: Path) -> None:
    path = written(tmp_path, "\n")
    source = Source(path)
    source.take(SPACE)
    with pytest.raises(ConfigError, match=rf"{path}, line 2: './server.cfg' includes itself"):
        source.include("./server.cfg")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.cfg: No such file"):
        Source(tmp_path / "nothing.cfg")
    with pytest.raises(ConfigError, match="directory"):
        Source(tmp_path)
    with pytest.raises(FileNotFoundError):
        Source(written(tmp_path, "")).include("nothing.cfg")


def test_a_comment_in_an_older_encoding(tmp_path: Path) -> None:
    path = tmp_path / "server.cfg"
    path.write_bytes("# für\n".encode("latin-1"))
    found = Source(path).take(REST)
    assert found and found[0] == "# für\n"
