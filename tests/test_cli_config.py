"""The command that shows what is taken from a server's configuration."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from scapy_rr import cli
from scapy_rr.cli_config import config
from scapy_rr.config import Config, load

from .command import Command

KAMAILIO = """#!KAMAILIO
#!define IP 10.0.0.1
auto_aliases=no
listen=udp:IP:5060 advertise sip.example.com:5060
listen=eth0
alias=example.com
modparam("rr", "enable_full_lr", 1)
modparam("rr", "custom_user_avp", "$avp(u)")
"""
OPENSIPS = """
socket = udp:10.0.0.1:5060
alias = udp:example.org:5060
modparam("rr", "append_fromtag", 0)
"""


@pytest.fixture(autouse=True)
def small_app(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program with this command alone."""
    app = typer.Typer()
    app.callback()(lambda: None)
    app.command()(config)
    monkeypatch.setattr(cli, "app", app)


@pytest.fixture
def kamailio_cfg(tmp_path: Path) -> Path:
    """A Kamailio's configuration."""
    path = tmp_path / "kamailio.cfg"
    path.write_text(KAMAILIO)
    return path


def test_what_is_taken_and_what_is_not(command: Command, kamailio_cfg: Path, tmp_path: Path) -> None:
    done = command("config", "--kamailio-cfg", kamailio_cfg)
    assert (done.code, done.err) == (0, "")
    tables, _, toml = done.out.partition("\n# The same for --config:\n")
    assert [" ".join(line.split()) for line in tables.splitlines()] == [
        "taken value where",
        f"domain example.com {kamailio_cfg}:6",
        f"parameter rr.enable_full_lr 1 {kamailio_cfg}:7",
        f"listen udp:10.0.0.1:5060 as sip.example.com:5060 {kamailio_cfg}:4",
        f"interface eth0 {kamailio_cfg}:5",
        "",
        "matters, and is not understood or not taken why where",
        "parameter rr.custom_user_avp the script sets that AVP while it runs; give the user with -p custom_user=USER "
        + f"{kamailio_cfg}:8",
    ]
    (tmp_path / "saved.toml").write_text(toml)
    saved = load(tmp_path / "saved.toml")
    assert (saved.dialect, saved.listen, saved.interfaces) == ("kamailio", ("udp:10.0.0.1:5060 as sip.example.com:5060",), ("eth0",))
    assert (saved.domains, saved.parameters) == (("example.com",), {"enable_full_lr": 1})


def test_as_json(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "opensips.cfg"
    path.write_text(OPENSIPS + 'modparam("rr", "nothing", 0)\n')
    told = json.loads(command("config", "--opensips-cfg", path, "--json").out)
    reason = "there is none such here; those there are: append_fromtag, enable_double_rr, add_username, enable_socket_mismatch_warning"
    assert told == {
        "dialect": "opensips",
        "listen": ["udp:10.0.0.1:5060"],
        "interfaces": [],
        "domains": ["udp:example.org:5060"],
        "domain_sources": [],
        "parameters": {"append_fromtag": 0},
        "taken": [
            {"what": "domain", "value": "udp:example.org:5060", "file": str(path), "line": 3},
            {"what": "parameter rr.append_fromtag", "value": "0", "file": str(path), "line": 4},
            {"what": "listen", "value": "udp:10.0.0.1:5060", "file": str(path), "line": 2},
        ],
        "ignored": [{"what": "parameter rr.nothing", "file": str(path), "line": 5, "why": reason}],
    }


def test_all_of_it_is_understood(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "opensips.cfg"
    path.write_text(OPENSIPS)
    assert "matters" not in command("config", "--opensips-cfg", path).out


def test_nothing_is_taken(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "opensips.cfg"
    path.write_text("\n")
    done = command("config", "--opensips-cfg", path)
    assert done.lines[0] == "Nothing was taken."
    assert done.out.endswith('\ndialect = "opensips"\n')


def test_nothing_in_a_file_moves_the_cursor(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "kamailio.cfg"
    path.write_text('alias="a\x1b[2Jb"\nmodparam("outbound", "flow_token_secret", "\x1b[2J[bold]\x9b\x7f")')
    done = command("config", "--kamailio-cfg", path)
    assert "\x1b" not in done.out
    assert "\x9b" not in done.out
    assert "\\x1b[2J[bold]" in done.out
    toml = done.out.partition("# The same for --config:\n")[2]
    assert tomllib.loads(toml)["parameters"] == {"flow_token_key": "\x1b[2J[bold]\x9b\x7f"}


@pytest.mark.parametrize("options", [(), ("--json",), ("--kamailio-cfg", "a", "--opensips-cfg", "b"), ("--kamailio-cfg", "a", "--example")])
def test_one_thing_is_shown(command: Command, options: tuple[str, ...]) -> None:
    done = command("config", *options)
    assert (done.code, done.out) == (2, "")
    assert done.err == "scapy-rr: config takes one of --opensips-cfg FILE, --kamailio-cfg FILE and --example\n"


def test_a_file_that_cannot_be_read(command: Command, tmp_path: Path) -> None:
    done = command("config", "--kamailio-cfg", tmp_path / "nothing.cfg")
    assert (done.code, done.out, done.err) == (2, "", f"scapy-rr: {tmp_path}/nothing.cfg: No such file or directory\n")
    path = tmp_path / "open.cfg"
    path.write_text("\n#!ifdef A\n")
    assert command("config", "--kamailio-cfg", path).err == f"scapy-rr: {path}, line 2: a condition has no #!endif\n"


def test_the_example_is_a_configuration_with_every_key(command: Command, tmp_path: Path) -> None:
    """Those that would need other files are there as comments."""
    done = command("config", "--example")
    assert done.code == 0
    (tmp_path / "lab.toml").write_text(done.out)
    found = load(tmp_path / "lab.toml")
    assert (found.dialect, found.listen[0], found.via, found.hosts["example.com"]) == ("opensips", "udp:10.0.0.1:5060", True, "10.0.0.9")
    assert set(re.findall(r"^(?:# |\[)?(\w+)(?:\]| = )", done.out, re.MULTILINE)) >= {field.name for field in fields(Config)}
    assert str(found.rr().identity.listeners[0]) == "udp:10.0.0.1:5060"
