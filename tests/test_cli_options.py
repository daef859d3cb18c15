"""What the options of all commands make: one configuration."""

from pathlib import Path

import pytest

from scapy_rr.cli_options import config_of, look_over, paste
from scapy_rr.errors import ConfigError
from scapy_rr.proxy.router import Preloaded

from .command import PLAIN


def test_options_make_a_configuration() -> None:
    config = config_of(
        None, "kamailio", ["udp:10.0.0.1:5060"], ["lo"], ["example.com"], ["names"], ["enable_full_lr=1"], ["a=10.0.0.2"], "relay"
    )
    assert config.spoken().name == "kamailio"
    assert (config.listen, config.interfaces, config.domains, config.domain_sources) == (
        ("udp:10.0.0.1:5060",),
        ("lo",),
        ("example.com",),
        ("names",),
    )
    assert (config.parameters, config.hosts, config.preloaded) == ({"enable_full_lr": "1"}, {"a": "10.0.0.2"}, Preloaded.RELAY)


def test_the_option_decides_on_the_dialect_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text("[parameters]\nenable_full_lr = 1\n")
    assert config_of(file, "kamailio").spoken().name == "kamailio"
    with pytest.raises(ConfigError, match=r"line 2: unknown parameter 'enable_full_lr' .it is one of kamailio, not of opensips."):
        config_of(file)
    file.write_text('dialect = "kamailio"\n')
    assert config_of(file).spoken().name == "kamailio"
    assert config_of(file, "opensips").spoken().name == "opensips"


@pytest.mark.parametrize("text", ["=1", "a", ""])
def test_what_is_no_pair(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--host {text!r} is not NAME=VALUE"):
        config_of(None, host=[text])


def test_an_unknown_dialect() -> None:
    with pytest.raises(ConfigError, match="unknown dialect 'asterisk'; those there are: opensips, kamailio"):
        config_of(None, "asterisk")


def test_destinations_ready_to_paste() -> None:
    assert "--listen udp:10.0.0.1:5060" in paste(look_over([PLAIN], None))
    assert paste(look_over([PLAIN], [9])) == "No SIP is in it."
