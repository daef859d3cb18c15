"""Aliases and local domains: as text, from a file, and from a database as OpenSIPS' domain module has it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.domains import Domain, DomainDatabase, DomainFile, open_domains
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.identity import Identity

PARSED = {
    "example.com": Domain(b"example.com"),
    " Example.COM ": Domain(b"example.com"),
    "example.org:5070": Domain(b"example.org", 5070),
    "tls:example.org": Domain(b"example.org", 0, "tls"),
    "TCP:example.org:5070": Domain(b"example.org", 5070, "tcp"),
    "[2001:DB8::1]": Domain(b"2001:db8::1"),
    "udp:[2001:db8::1]:5070": Domain(b"2001:db8::1", 5070, "udp"),
    "10.0.0.9": Domain(b"10.0.0.9"),
}


@pytest.mark.parametrize(("text", "domain"), PARSED.items())
def test_parse(text: str, domain: Domain) -> None:
    assert Domain.parse(text) == domain
    assert Domain.parse(str(domain)) == domain


@pytest.mark.parametrize(
    "text", ["", "exa mple.com", "example.com:", "example.com:65536", "dccp:example.com", "sip:a@b", "a\nb", "2001:db8::1"]
)
def test_refuse(text: str) -> None:
    with pytest.raises(ConfigError, match="is not "):
        Domain.parse(text)


@pytest.mark.parametrize(
    ("domain", "host", "port", "transport", "mine"),
    [
        (Domain(b"example.com"), b"example.com", 5060, "udp", True),
        (Domain(b"example.com"), b"example.com", 5099, "tls", True),
        (Domain(b"example.com"), b"sub.example.com", 5060, "udp", False),
        (Domain(b"example.com", subdomains=True), b"sub.example.com", 5060, "udp", True),
        (Domain(b"example.com", subdomains=True), b"a.b.example.com", 5060, "udp", True),
        (Domain(b"example.com", subdomains=True), b"badexample.com", 5060, "udp", False),
        (Domain(b"example.com", subdomains=True), b"example.com", 5060, "udp", True),
        (Domain(b"example.com", 5070), b"example.com", 5070, "tcp", True),
        (Domain(b"example.com", 5070), b"example.com", 5060, "udp", False),
        (Domain(b"example.com", 0, "tls"), b"example.com", 5061, "tls", True),
        (Domain(b"example.com", 0, "tls"), b"example.com", 5061, "udp", False),
    ],
)
def test_matches(domain: Domain, host: bytes, port: int, transport: str, mine: bool) -> None:
    assert domain.matches(host, port, transport) is mine


def test_file(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("# ours\n\nexample.com  # the first\n  tls:example.org:5061\n")
    assert open_domains(str(path)).load() == (Domain(b"example.com"), Domain(b"example.org", 5061, "tls"))


def test_file_is_read_again_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\n")
    source = DomainFile(path)
    first = source.load()
    assert source.load() is first
    path.write_text("example.com\nexample.org\n")
    assert source.load() == (Domain(b"example.com"), Domain(b"example.org"))


def test_file_of_the_same_size_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\n")
    source = DomainFile(path)
    source.load()
    path.write_text("example.net\n")
    os.utime(path, ns=(1, 1))
    assert source.load() == (Domain(b"example.net"),)


def test_file_with_a_faulty_line(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\nexample com\n")
    with pytest.raises(ConfigError, match="line 2: domain 'example com' is not"):
        open_domains(str(path))


def test_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="domains"):
        open_domains(str(path))


def test_file_that_is_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="directory"):
        open_domains(str(tmp_path))


@pytest.mark.parametrize("text", ["nowhere", "sqlite:///nowhere.db"])
def test_file_that_is_not_there(text: str) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        open_domains(text)


def make_database(path: Path, *rows: tuple[str, int]) -> None:
    with closing(sqlite3.connect(path)) as database:
        # The table as OpenSIPS' own script makes it.
        database.execute(
            "CREATE TABLE domain (id INTEGER PRIMARY KEY NOT NULL, domain CHAR(64) DEFAULT '' NOT NULL, attrs CHAR(255) DEFAULT NULL,"
            " accept_subdomain INTEGER DEFAULT 0 NOT NULL, last_modified DATETIME DEFAULT '1900-01-01 00:00:01' NOT NULL)"
        )
        database.executemany("INSERT INTO domain (domain, accept_subdomain) VALUES (?, ?)", rows)
        database.commit()


def test_database(tmp_path: Path) -> None:
    path = tmp_path / "a b?.db"
    make_database(path, ("Example.com", 0), ("example.org:5070", 1))
    # An absolute path has the fourth slash.
    source = open_domains(f"sqlite:///{path}")
    assert source.load() == (Domain(b"example.com"), Domain(b"example.org", 5070, subdomains=True))


def test_database_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_database(tmp_path / "domains.db", ("example.com", 0))
    monkeypatch.chdir(tmp_path)
    assert open_domains("sqlite:///domains.db").load() == (Domain(b"example.com"),)


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_database_is_read_again_when_it_changed(tmp_path: Path, journal: str) -> None:
    """With a write-ahead log the file itself need not change: the log does."""
    path = tmp_path / "domains.db"
    make_database(path, ("example.com", 0))
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={journal}")
        source = DomainDatabase(path)
        first = source.load()
        assert first == (Domain(b"example.com"),)
        database.execute("INSERT INTO domain (domain, accept_subdomain) VALUES ('example.net', 1)")
        database.commit()
        os.utime(path, ns=(1, 1))
        second = source.load()
        assert second == (Domain(b"example.com"), Domain(b"example.net", subdomains=True))
        assert source.load() is second


def test_database_is_only_read(tmp_path: Path) -> None:
    path = tmp_path / "domains.db"
    make_database(path, ("example.com", 0))
    before = path.read_bytes()
    DomainDatabase(path).load()
    assert path.read_bytes() == before


def test_database_without_the_table(tmp_path: Path) -> None:
    path = tmp_path / "domains.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE subscriber (id INTEGER)")
    with pytest.raises(ConfigError, match="no such table: domain; a table 'domain' as the servers have it is needed"):
        open_domains(f"sqlite:///{path}")


def test_database_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "domains.db"
    path.write_text("example.com\n" * 100)
    with pytest.raises(ConfigError, match="file is not a database"):
        open_domains(f"sqlite:///{path}")


def test_another_kind_of_database() -> None:
    with pytest.raises(ConfigError, match="'mysql' is not supported"):
        open_domains("mysql:///opensips")


def test_identity_follows_a_changed_file(tmp_path: Path) -> None:
    """Answers given before a change are not kept beyond it."""
    path = tmp_path / "domains"
    path.write_text("example.com\n")
    identity = Identity(["udp:10.0.0.1"], ["example.net", DomainFile(path)])
    hop = Hop.parse(b"sip:example.org")
    assert not identity.match(hop)
    path.write_text("example.com\nexample.org\n")
    assert not identity.match(hop)
    identity.refresh()
    assert identity.match(hop)
    assert [str(domain) for domain in identity.domains] == ["example.net", "example.com", "example.org"]
    identity.refresh()
    assert identity.match(hop)


def test_the_table_of_kamailio(tmp_path: Path) -> None:
    """It has no column for the names below."""
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        database.execute("CREATE TABLE domain (id INTEGER, domain TEXT, did TEXT, last_modified TEXT)")
        database.execute("INSERT INTO domain VALUES (1, 'example.net', NULL, '')")
        database.commit()
    (domain,) = open_domains(f"sqlite:///{tmp_path / 'db'}").load()
    assert (str(domain), domain.subdomains) == ("example.net", False)
