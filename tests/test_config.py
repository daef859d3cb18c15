"""A configuration file: every key, every fault with its file and line, and what options add to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scapy_rr import interfaces
from scapy_rr.config import AUTO, Config, load
from scapy_rr.errors import ConfigError
from scapy_rr.proxy.router import Preloaded
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.listener import Listener

WHOLE = """
# A laboratory.
dialect = "opensips"
listen = ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060 as sip.example.com:5060"]
interfaces = ["lo"]
domains = ["example.com", "example.org:5070"]
domain_sources = ["names.txt", "sqlite:///names.db"]
preloaded = "relay"

[parameters]
append_fromtag = 0
enable_double_rr = true
add_username = "1"

[hosts]
"gw.example.net" = "10.0.0.7:5080"
six = "[2001:db8::7]:5080"
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "lab.toml"
    path.write_text(text)
    return path


def test_every_key(tmp_path: Path) -> None:
    config = load(written(tmp_path, WHOLE))
    assert config == Config(
        "opensips",
        ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060 as sip.example.com:5060"),
        ("lo",),
        ("example.com", "example.org:5070"),
        (str(tmp_path / "names.txt"), f"sqlite:///{tmp_path / 'names.db'}"),
        {"append_fromtag": 0, "enable_double_rr": True, "add_username": "1"},
        {"gw.example.net": "10.0.0.7:5080", "six": "[2001:db8::7]:5080"},
        Preloaded.RELAY,
    )


def test_what_it_makes(tmp_path: Path) -> None:
    """Domains from a text file and from a database; listeners from an interface, too."""
    (tmp_path / "names.txt").write_text("from-file.example  # a comment\n")
    with closing(sqlite3.connect(tmp_path / "names.db")) as database:
        database.execute("CREATE TABLE domain (id INTEGER, domain TEXT, attrs TEXT, accept_subdomain INTEGER, last_modified TEXT)")
        database.execute("INSERT INTO domain VALUES (1, 'from-database.example', NULL, 1, '')")
        database.commit()
    rr = load(written(tmp_path, WHOLE)).rr()
    assert [str(one) for one in rr.identity.listeners][:3] == ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:127.0.0.1:5060"]
    for host in ("example.com", "from-file.example", "sub.from-database.example", "sip.example.com:5060;transport=tcp"):
        assert rr.identity.match(Hop.parse(f"sip:{host}".encode())), host
    assert (rr.parameters.append_fromtag, rr.parameters.enable_double_rr, rr.parameters.add_username) == (False, True, True)


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    config = load(written(tmp_path, ""))
    assert config == Config()
    assert config.is_silent


BAD = [
    ("listne = []", 1, "unknown key 'listne'; those there are: dialect, listen, interfaces, domains, domain_sources, preloaded,"),
    ("\n\n[parameter]\nx = 1", 3, "unknown key 'parameter'; those there are"),
    ('listen = "udp:10.0.0.1"', 1, "listen is a list of strings"),
    ("listen = [5060]", 1, "listen is a list of strings"),
    ("domains = {}", 1, "domains is a list of strings"),
    ("dialect = 1", 1, "dialect is a string"),
    ("preloaded = true", 1, "preloaded is a string"),
    ("hosts = []", 1, "hosts is a table"),
    ('parameters = "x"', 1, "parameters is a table"),
    ('dialect = "ser"', 1, "unknown dialect 'ser'; those there are: opensips"),
    ('\npreloaded = "maybe"', 2, "preloaded is one of deny, relay, not 'maybe'"),
    ('\nlisten = ["udp:10.0.0.1", "bogus"]', 2, "listener 'bogus' is not proto:address[:port]"),
    ('listen = ["udp:10.0.0.1:0"]', 1, "listener 'udp:10.0.0.1:0': port 0 is not between 1 and 65535"),
    ('listen = ["udp:example.com"]', 1, "listener 'udp:example.com': 'example.com' is no IP address"),
    ('listen = ["dccp:10.0.0.1"]', 1, "listener 'dccp:10.0.0.1': unknown transport 'dccp'"),
    ('domains = ["a b"]', 1, "domain 'a b' is not [proto:]host[:port]"),
    ("[parameters]\nappend_fromtg = 1", 2, "unknown parameter 'append_fromtg'; those there are: append_fromtag,"),
    ("[parameters]\nlisten = 1", 2, "unknown parameter 'listen'"),
    ("[parameters]\nappend_fromtag = 2", 2, "parameter append_fromtag is 0 or 1, not 2"),
    ('[hosts]\n\n"a.example" = 5060', 3, "host 'a.example' is a string, address or address:port"),
    ('[hosts]\na = "b.example"', 2, "host a: 'b.example' is not an address, or address:port"),
    ('[hosts]\na = "10.0.0.1:99999"', 2, "host a: port 99999 is above 65535"),
]


@pytest.mark.parametrize(("text", "line", "reason"), BAD)
def test_a_fault_is_named_with_file_and_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        load(path)
    assert str(raised.value).startswith(f"{path}, line {line}: {reason}")


def test_what_is_no_toml(tmp_path: Path) -> None:
    path = written(tmp_path, "listen = []\ndomains = [,]")
    with pytest.raises(ConfigError, match=rf"{path}: .*line 2"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=f"{path}: "):
        load(path)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.toml: No such file"):
        load(tmp_path / "nothing.toml")
    with pytest.raises(ConfigError, match="directory"):
        load(tmp_path)


FILE = Config(
    listen=("udp:10.0.0.1:5060",),
    interfaces=("eth0",),
    domains=("a",),
    domain_sources=("f",),
    parameters={"append_fromtag": 0, "add_username": 1},
    hosts={"a": "10.0.0.1", "b": "10.0.0.2"},
    preloaded=Preloaded.RELAY,
)


def test_options_add_to_lists_and_override_single_values() -> None:
    options = Config(
        listen=("tcp:10.0.0.1:5060",),
        interfaces=("eth1",),
        domains=("b",),
        domain_sources=("g",),
        parameters={"append_fromtag": "1"},
        hosts={"b": "10.0.0.3"},
        preloaded=Preloaded.DENY,
    )
    assert FILE.merged(options) == Config(
        None,
        ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"),
        ("eth0", "eth1"),
        ("a", "b"),
        ("f", "g"),
        {"append_fromtag": "1", "add_username": 1},
        {"a": "10.0.0.1", "b": "10.0.0.3"},
        Preloaded.DENY,
    )


def test_options_that_say_nothing_change_nothing() -> None:
    assert FILE.merged(Config()) == FILE
    assert Config().merged(FILE) == FILE


@pytest.mark.parametrize(
    ("config", "silent"),
    [
        (Config(), True),
        (Config(domains=("example.com",)), True),
        (Config(listen=(AUTO,)), False),
        (Config(interfaces=("lo",)), False),
    ],
)
def test_whether_anything_says_where_to_listen(config: Config, silent: bool) -> None:
    assert config.is_silent == silent


def test_without_listeners_netifaces_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces.Interfaces, "listeners", lambda *_: [Listener.parse("udp:192.0.2.7:5060")])
    assert [str(one) for one in Config().rr().identity.listeners] == ["udp:192.0.2.7:5060"]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (Config(listen=("x",)), "listener 'x' is not"),
        (Config(interfaces=("eth77",)), "no interface 'eth77'"),
        (Config(listen=("udp:10.0.0.1",), domains=("-/-",)), "domain '-/-' is not"),
        (Config(listen=("udp:10.0.0.1",), domain_sources=("/nowhere",)), "domains /nowhere: no such file"),
        (Config(listen=("udp:10.0.0.1",), domain_sources=("mysql:///x",)), "'mysql' is not supported"),
        (Config(listen=("udp:10.0.0.1",), parameters={"listen": "x"}), "unknown parameter 'listen'"),
        (Config(listen=("udp:10.0.0.1",), parameters={"self": "x"}), "unknown parameter 'self'"),
        (Config(listen=("udp:10.0.0.1",), hosts={"a": "b"}), "host a: 'b' is not an address"),
        (Config("ser", ("udp:10.0.0.1",)), "unknown dialect 'ser'"),
    ],
)
def test_what_cannot_be_used(config: Config, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        config.router()
