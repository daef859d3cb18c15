"""Where URIs send, with a static table in the place of DNS."""

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.proxy.next_hop import Hosts, read_endpoint
from scapy_rr.rr.hop import Hop

TABLE = {
    "Example.COM": "192.0.2.1",
    "gw.example.net": "192.0.2.2:5080",
    "six.example.net": "[2001:db8::2]:5090",
    "bare6.example.net": "2001:db8::3",
}


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        (b"sip:10.0.0.9", "udp:10.0.0.9:5060"),
        (b"sip:bob@10.0.0.9:7000", "udp:10.0.0.9:7000"),
        (b"sip:10.0.0.9;transport=tcp", "tcp:10.0.0.9:5060"),
        (b"sips:10.0.0.9", "tls:10.0.0.9:5061"),
        (b"sip:10.0.0.9;transport=ws", "ws:10.0.0.9:80"),
        (b"sip:[2001:db8::9]:5070", "udp:[2001:db8::9]:5070"),
        (b"sip:p.example.org:5070;maddr=10.0.0.7", "udp:10.0.0.7:5070"),
        (b"sip:example.com", "udp:192.0.2.1:5060"),
        (b"sip:EXAMPLE.com.", "udp:192.0.2.1:5060"),
        (b"sip:example.com:5070", "udp:192.0.2.1:5070"),
        (b"sip:gw.example.net", "udp:192.0.2.2:5080"),
        (b"sip:gw.example.net:5070", "udp:192.0.2.2:5070"),
        (b"sip:six.example.net", "udp:[2001:db8::2]:5090"),
        (b"sip:bare6.example.net;transport=tls", "tls:[2001:db8::3]:5061"),
    ],
)
def test_resolve(uri: bytes, expected: str) -> None:
    assert str(Hosts(TABLE).resolve(Hop.parse(uri))) == expected


@pytest.mark.parametrize("uri", [b"sip:nowhere.example.org", b"tel:+15551234"])
def test_what_has_no_address(uri: bytes) -> None:
    assert Hosts(TABLE).resolve(Hop.parse(uri)) is None


@pytest.mark.parametrize(
    ("host", "written_port", "expected"),
    [
        (b"10.0.0.9", 0, "udp:10.0.0.9:5060"),
        (b"[2001:db8::9]", 5070, "udp:[2001:db8::9]:5070"),
        (b"gw.example.net", 0, "udp:192.0.2.2:5080"),
        (b"gw.example.net", 5070, "udp:192.0.2.2:5070"),
        (b"nowhere.example.org", 0, "None"),
    ],
)
def test_at(host: bytes, written_port: int, expected: str) -> None:
    assert str(Hosts(TABLE).at(host, "udp", written_port, 5060)) == expected


def test_a_long_host_is_answered_and_not_remembered() -> None:
    hosts = Hosts(TABLE)
    assert [hosts.at(b"a" * length, "udp", 0, 5060) for length in (255, 256, 60000)] == [None] * 3
    assert hosts._resolve.cache_info().currsize == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", ("10.0.0.1", 0)),
        ("10.0.0.1:5353", ("10.0.0.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 0)),
        ("[2001:db8::1]", ("2001:db8::1", 0)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_read_endpoint(text: str, expected: tuple[str, int]) -> None:
    address, port = read_endpoint("it", text)
    assert (str(address), port) == expected


@pytest.mark.parametrize("address", ["somewhere", "10.0.0.1:sip", "10.0.0.1:70000", "10.0.0.1:-1", "10.0.0", ""])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError, match=r"host example\.com"):
        Hosts({"example.com": address})
