"""What was found, as a file that ``--config`` reads."""

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.config import Config, load
from scapy_rr.server_config.found import ServerConfig
from scapy_rr.server_config.toml import as_toml


def test_nothing() -> None:
    assert as_toml(ServerConfig("opensips")) == 'dialect = "opensips"\n'


def test_everything(tmp_path: Path) -> None:
    found = ServerConfig(
        "kamailio",
        ("udp:10.0.0.1:5060", 'tcp:10.0.0.1:5060 as sip.example.com:5060 name "in"'),
        ("eth0",),
        ("example.com", "udp:example.org:5070"),
        ("sqlite:////var/domains.db",),
        {"append_fromtag": 0, "flow_token_key": 'a"b\\c'},
    )
    text = as_toml(found)
    assert text == (
        'dialect = "kamailio"\n'
        "listen = [\n"
        '    "udp:10.0.0.1:5060",\n'
        '    "tcp:10.0.0.1:5060 as sip.example.com:5060 name \\"in\\"",\n'
        "]\n"
        'interfaces = [\n    "eth0",\n]\n'
        'domains = [\n    "example.com",\n    "udp:example.org:5070",\n]\n'
        'domain_sources = [\n    "sqlite:////var/domains.db",\n]\n'
        "\n"
        "[parameters]\n"
        "append_fromtag = 0\n"
        'flow_token_key = "a\\"b\\\\c"\n'
    )
    path = tmp_path / "saved.toml"
    path.write_text(text)
    assert load(path) == Config("kamailio", found.listen, found.interfaces, found.domains, found.domain_sources, dict(found.parameters))


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_a_string_of_toml(secret: str) -> None:
    found = ServerConfig("kamailio", parameters={"flow_token_key": secret})
    assert tomllib.loads(as_toml(found))["parameters"] == {"flow_token_key": secret}
