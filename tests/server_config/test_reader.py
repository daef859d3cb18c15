"""Reading a server's file: for whom, what cannot be read, and that nothing else can happen."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.config import Config
from scapy_rr.errors import ConfigError
from scapy_rr.rr.hop import Hop
from scapy_rr.server_config.found import ServerConfig
from scapy_rr.server_config.reader import read

from .reading import reading, written


def test_each_server_has_its_own_words(tmp_path: Path) -> None:
    path = written(tmp_path, "#!define PORT 5070\nlisten=udp:10.0.0.1:PORT advertise 192.0.2.1:5060\n")
    assert read(path, "kamailio").listen == ("udp:10.0.0.1:5070 as 192.0.2.1:5060",)
    assert read(path, "opensips").listen == ()


def test_another_server(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown dialect 'ser'; those there are: opensips, kamailio"):
        read(written(tmp_path, ""), "ser")


@pytest.mark.parametrize("dialect", ["kamailio", "opensips"])
def test_a_file_that_cannot_be_read(tmp_path: Path, dialect: str) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.cfg: No such file"):
        read(tmp_path / "nothing.cfg", dialect)
    with pytest.raises(ConfigError, match=r"server\.cfg, line 2: a string is not closed"):
        reading(tmp_path, 'a\n"', dialect)


def test_defines_of_the_command_line(tmp_path: Path) -> None:
    assert reading(tmp_path, "#!ifdef WITH_IT\nlisten=udp:IP:5060\n#!endif", WITH_IT="", IP="10.0.0.1").listen == ("udp:10.0.0.1:5060",)


def test_what_is_found_makes_a_proxy(tmp_path: Path) -> None:
    text = 'listen=udp:10.0.0.1:5060 advertise sip.example.com:5060\nalias=example.org\nmodparam("rr", "enable_full_lr", 1)'
    found = reading(tmp_path, text)
    rr = Config(found.dialect, found.listen, domains=found.domains, parameters=found.parameters).rr()
    assert all(rr.identity.match(Hop.parse(uri)) for uri in (b"sip:10.0.0.1", b"sip:sip.example.com", b"sip:example.org:5070"))
    assert rr.parameters.enable_full_lr


@pytest.mark.parametrize("dialect", ["kamailio", "opensips"])
def test_a_file_that_is_no_configuration(tmp_path: Path, dialect: str) -> None:
    """Such as this one."""
    config = read(Path(__file__), dialect)
    assert (config.listen, config.interfaces, config.domains, config.domain_sources, config.parameters) == ((), (), (), (), {})


# Pieces that mean something, and everything else.
PIECES = st.sampled_from(
    [
        *(
            "listen",
            "socket",
            "alias",
            "=",
            "udp",
            ":",
            "10.0.0.1",
            "5060",
            "eth0",
            "[",
            "::1",
            "]",
            "(",
            ")",
            ",",
            "{",
            "}",
            ";",
            "\n",
            " ",
        ),
        *('"', "'", "\\", "/*", "*/", "#", "//", "$(", "$x", "*", "as ", "advertise ", "name ", "A", "B", "\0", "-", ".", "include_file "),
        *("#!define A ", "#!define B A", "#!redefine A B", "#!ifdef A\n", "#!else\n", "#!endif\n", "#!ifexp A\n", '#!subst "/A/B/"', "!!"),
        *('#!substdef "!B!c!g"', "#!defenv A\n", "modparam(", '"rr"', '"append_fromtag"', '"domain"', '"db_url"', "advertised_address"),
        *('import_file "server.cfg"', "bind", "yes", "accept_subdomain", "loadmodule ", "port", "enable_tls", "disable_tcp", "99999999999"),
    ]
)


@given(st.lists(PIECES | st.text(max_size=3)).map("".join) | st.text(), st.sampled_from(["kamailio", "opensips"]))
def test_any_text_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, text: str, dialect: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = folder / "any.cfg"
    path.write_bytes(text.encode(errors="replace"))
    try:
        config = read(path, dialect)
    except ConfigError as error:
        assert str(path) in str(error)
        return
    assert isinstance(config, ServerConfig)
    places = [one[-2:] for one in config.taken] + [one[1:3] for one in config.ignored]
    assert all(file == path and line >= 1 for file, line in places)


@given(st.binary(), st.sampled_from(["kamailio", "opensips"]))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes, dialect: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.cfg"
    path.write_bytes(data)
    try:
        assert read(path, dialect).dialect == dialect
    except ConfigError as error:
        assert str(path) in str(error)
