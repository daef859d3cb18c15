"""The README is true: its commands run, its examples give what they show, and it names the options that there are."""

import doctest
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import typer
import typer.main
from typer.core import TyperGroup

from scapy_rr.cli import app, main
from scapy_rr.config import Config
from scapy_rr.rr.departures import DEPARTURES
from scapy_rr.rr.dialect import KAMAILIO, differences

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


class Block(NamedTuple):
    """A block of code: its language and its text."""

    language: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
SETUP, SETUP_AND_TEST = (block.text for block in BLOCKS[:2])
_COMMAND = re.compile(r"(?:.*&& \.venv/bin/)?scapy-rr (.*)")
COMMANDS = [match[1] for block in BLOCKS if block.language == "sh" for line in block.text.splitlines() if (match := _COMMAND.match(line))]
# A shell block, and right behind it, or behind a line of text, what its last command prints.
SHOWN = [(BLOCKS[i - 1].text, block.text) for i, block in enumerate(BLOCKS) if block.language == "text" and BLOCKS[i - 1].language == "sh"]


def only(language: str, mark: str) -> str:
    """The one block in a language that holds a mark."""
    (found,) = [block.text for block in BLOCKS if block.language == language and mark in block.text]
    return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README's commands read."""
    shutil.copytree(ROOT / "pcaps", tmp_path / "pcaps")
    (tmp_path / "lab.toml").write_text(only("toml", "[parameters]"))
    (tmp_path / "routing.py").write_text(only("python", "router = Router()\n"))
    (tmp_path / "opensips.cfg").write_text('socket=udp:10.0.0.1:5060\nmodparam("rr", "append_fromtag", 1)\n')
    (tmp_path / "domains.txt").write_text(only("text", "# a comment"))
    with sqlite3.connect(tmp_path / "domains.sqlite") as database:
        database.executescript(only("sql", "CREATE TABLE domain"))
    database.close()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command prints; nothing is written outside the folder."""
    arguments = shlex.split(command.replace("/tmp/", f"{folder}/"))
    monkeypatch.setattr(sys, "argv", ["scapy-rr", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    assert left.value.code == 0, printed.err
    return printed.out


def test_it_begins_with_the_two_commands() -> None:
    first = README.index("```")
    assert len([line for line in README[:first].splitlines()[1:] if line]) == 4, "three lines of what it is, one before the command"
    assert [block.language for block in BLOCKS[:2]] == ["sh", "sh"]
    assert SETUP.startswith("python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/scapy-rr rewrite pcaps/")
    assert SETUP_AND_TEST == "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/python -m pytest\n"
    assert SETUP.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(command: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, here, monkeypatch, capsys)
    output = re.search(r" -o (\S+)", command)
    if output:
        written = here / Path(output[1]).name
        assert all(path.stat().st_size > 1000 for path in (list(written.iterdir()) if written.is_dir() else [written]))


def test_what_the_first_command_prints(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    printed = run(COMMANDS[0], here, monkeypatch, capsys)
    assert [line.rstrip() for line in printed.splitlines()] == only("text", "left alone").splitlines()


@pytest.mark.parametrize(("commands", "shown"), SHOWN)
def test_what_the_others_print(
    commands: str, shown: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    last = _COMMAND.match(commands.splitlines()[-1])
    assert last
    printed = "\n".join(line.rstrip() for line in run(last[1], here, monkeypatch, capsys).splitlines())
    for part in shown.split("...\n"):
        assert part.rstrip("\n") in printed


def test_the_domains_of_the_configuration_are_read(here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for host in "host.example.info", "example.net", "sip.example.net", "example.org:5070":
        assert " is me" in run(f"addresses --config lab.toml --check sip:{host}", here, monkeypatch, capsys)
    assert " is not me" in run("addresses --config lab.toml --check sip:example.com", here, monkeypatch, capsys)


def test_the_configuration_has_every_key() -> None:
    assert set(re.findall(r"^\[?(\w+)\]?(?: = |$)", only("toml", "[parameters]"), re.MULTILINE)) >= {field.name for field in fields(Config)}


def test_the_python_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = "\n".join(block.text for block in BLOCKS if block.language == "python")
    runner = doctest.DocTestRunner()
    runner.run(doctest.DocTestParser().get_doctest(text, {}, "README.md", "README.md", 0))
    assert runner.summarize(verbose=False) == (0, text.count(">>> "))


def every_command(command: Any) -> Iterator[Any]:
    """A command and those below it."""
    yield command
    if isinstance(command, TyperGroup):
        context = typer.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found
            yield from every_command(found)


def test_the_options_are_those_there_are() -> None:
    options = [option for command in every_command(typer.main.get_command(app)) for option in command.params]
    there_are = {name for option in options for name in [*option.opts, *option.secondary_opts] if name.startswith("-")}
    table = re.findall(r"^\| (`-.*?) \|", README, re.MULTILINE)
    assert {name for cell in table for name in re.findall(r"`([^`]+)`", cell)} == there_are
    used = {word for command in COMMANDS for word in shlex.split(command) if re.fullmatch(r"--?[a-z].*", word)}
    mentioned = set(re.findall(r"`(--[a-z-]+)", README)) - {"--no-cov"}
    assert used | mentioned <= there_are


def test_the_table_of_dialects_is_whole() -> None:
    rows = set(README.splitlines())
    for line in differences():
        kamailio = line.answers["kamailio"].text + (f" ({line.installed})" if line.installed else "")
        assert f"| {line.situation} | {line.answers['opensips'].text} | {kamailio} | {line.rfc} |" in rows
    for departure in DEPARTURES:
        assert f"| {' | '.join(departure)} |" in rows
    for name in KAMAILIO.parameters:
        assert f"| `{name}` |" in README


def test_the_files_it_points_to_are_there() -> None:
    for name in [*re.findall(r"\]\(([^#\s]\S*)\)", README), "tests/bench.py", "tests/test_architecture.py", ".ci/run", "tests/vectors"]:
        assert (ROOT / name).exists(), name
