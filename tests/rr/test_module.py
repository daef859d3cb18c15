"""The module's configuration, and what it keeps from one request to the next."""

import logging
from ipaddress import ip_address
from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.domains import open_domains
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.parameters import Parameters
from tests.rr.requests import LISTEN, initial, routed


def test_defaults() -> None:
    rr = RecordRouting(listen=LISTEN)
    assert rr.dialect.name == "opensips"
    assert rr.parameters == Parameters()
    assert [str(one) for one in rr.identity.listeners] == list(LISTEN)


def test_parameters_by_name() -> None:
    assert RecordRouting(listen=LISTEN, append_fromtag=0, add_username=True).parameters == Parameters(
        append_fromtag=False, add_username=True
    )


def test_wildcard() -> None:
    rr = RecordRouting(listen=["udp:0.0.0.0:5060"], interface_addresses=[ip_address("192.0.2.1")])
    assert [str(one) for one in rr.identity.listeners] == ["udp:192.0.2.1:5060"]


@pytest.mark.parametrize(
    ("configuration", "reason"),
    [
        ({"dialect": "asterisk"}, "unknown dialect 'asterisk'; those there are: opensips, kamailio"),
        ({"enable_full_lr": 1}, "unknown parameter 'enable_full_lr'"),
        ({"listen": ["10.0.0.1"]}, "listener '10.0.0.1' is not"),
        ({"listen": []}, "no listener is given"),
        ({"domains": ["a b"]}, "domain 'a b' is not"),
    ],
)
def test_faulty_configuration(configuration: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        RecordRouting(**({"listen": LISTEN} | configuration))  # type: ignore[arg-type]


@pytest.mark.parametrize("argument", ["received_on", "send_socket"])
def test_request_by_a_socket_that_is_not_ours(argument: str) -> None:
    with pytest.raises(ConfigError, match="is none of the listeners"):
        RecordRouting(listen=LISTEN).request(initial(), **{argument: "udp:10.0.0.9:5060"})


def test_a_request_may_be_in_any_kind_of_bytes() -> None:
    rr = RecordRouting(listen=LISTEN)
    req = rr.request(bytearray(routed("<sip:10.0.0.1;lr>")))  # type: ignore[arg-type]
    assert req.loose_route()
    assert req.build() == routed()


def test_domains_are_read_again_for_a_new_request(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\n")
    rr = RecordRouting(listen=LISTEN, domains=[open_domains(str(path))])
    received = routed("<sip:example.org;lr>")
    req = rr.request(received)
    req.loose_route()
    assert req.dst_uri == "sip:example.org;lr"
    path.write_text("example.com\nexample.org\n")
    req = rr.request(received)
    req.loose_route()
    assert req.dst_uri is None
    assert req.build() == routed()


def test_hop_is_read_once() -> None:
    rr = RecordRouting(listen=LISTEN)
    assert rr.hop(b"sip:h;lr") == Hop.parse(b"sip:h;lr")
    assert rr.hop(b"sip:h;lr") is rr.hop(b"sip:h;lr")


def test_expressions_are_compiled_once_and_not_kept_for_ever() -> None:
    rr = RecordRouting(listen=LISTEN)
    first = rr.expression("number")
    assert rr.expression("number") is first
    for number in range(5000):
        rr.expression(f"x{number}")
    assert len(rr._expressions) < 5000
    assert rr.expression("number").search(b"NUMBER")


def test_warnings_once_for_each_address_and_not_without_end(caplog: pytest.LogCaptureFixture) -> None:
    """Addresses come from whoever sends: the log does not become theirs."""
    rr = RecordRouting(listen=LISTEN)
    with caplog.at_level(logging.WARNING, "scapy_rr"):
        for _ in range(2):
            rr.warn_once(b"sip:a\x1b[2J", "no socket for %s")
        assert [record.getMessage() for record in caplog.records] == ["no socket for sip:a\\x1b[2J"]
        for number in range(5000):
            rr.warn_once(b"sip:%d" % number, "no socket for %s")
    assert len(caplog.records) < 5000
