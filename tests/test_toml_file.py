"""A TOML file is read, and what is none is named."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.toml_file import read


def test_read(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("a = 1 # one\n")
    assert read(tmp_path / "a.toml") == ("a = 1 # one\n", {"a": 1})


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"a = \n", "(at line 1, column 5)"), (b"a = '\xff'", "can't decode byte 0xff"), (None, "No such file or directory")],
)
def test_what_cannot_be_read(tmp_path: Path, data: bytes | None, reason: str) -> None:
    path = tmp_path / "a.toml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert reason in str(caught.value)
