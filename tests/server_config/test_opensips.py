"""Where an OpenSIPS listens by its configuration, line by line and in a whole script."""

from pathlib import Path

import pytest

from scapy_rr.rr.domains import Domain
from scapy_rr.rr.listener import Listener
from scapy_rr.server_config.reader import read

from .reading import ignored, reading

LISTENERS = {
    "socket=udp:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    "socket = udp:10.0.0.1": ["udp:10.0.0.1:5060"],
    "socket=tls:10.0.0.1\nsocket=ws:10.0.0.1\nsocket=wss:10.0.0.1": ["tls:10.0.0.1:5061", "ws:10.0.0.1:80", "wss:10.0.0.1:443"],
    "socket=udp:10.0.0.1:5060 as 192.0.2.1:5080": ["udp:10.0.0.1:5060 as 192.0.2.1:5080"],
    "socket=udp:10.0.0.1:5060 AS sip.example.com": ["udp:10.0.0.1:5060 as sip.example.com"],
    'socket=udp:10.0.0.1:5060 as 192.0.2.1:5080 use_workers 4 tag "x"': ["udp:10.0.0.1:5060 as 192.0.2.1:5080"],
    "socket=udp:10.0.0.1:5060 tag a anycast frag as 192.0.2.1": ["udp:10.0.0.1:5060 as 192.0.2.1"],
    "socket=udp:10.0.0.1:5060\nuse_workers 4\nas 192.0.2.1\nudp_workers=5": ["udp:10.0.0.1:5060 as 192.0.2.1"],
    "socket=udp:10.0.0.1:5060 udp_workers=5 socket=udp:10.0.0.2:5060": ["udp:10.0.0.1:5060", "udp:10.0.0.2:5060"],
    "socket=udp:[2001:db8::1]:5060": ["udp:[2001:db8::1]:5060"],
    "socket=udp:*:5070\nsocket=tcp:*": ["udp:0.0.0.0:5070", "tcp:0.0.0.0:5060"],
    'socket=udp:10.0.0.1:5060\nloadmodule "rr.so"': ["udp:10.0.0.1:5060"],
    "listen=UDP:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    "listen=10.0.0.1:5080": ["udp:10.0.0.1:5080", "tcp:10.0.0.1:5080"],
    "socket=bin:10.0.0.1:5555\nsocket=udp:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    "advertised_address=192.0.2.1\nsocket=udp:10.0.0.1:5070": ["udp:10.0.0.1:5070 as 192.0.2.1:5070"],
    "socket=udp:10.0.0.1:5070\nadvertised_address=sip.example.com\nadvertised_port=5080": ["udp:10.0.0.1:5070 as sip.example.com:5080"],
    "socket=udp:10.0.0.1:5070 as 192.0.2.1\nadvertised_address=192.0.2.2\nadvertised_port=5080": ["udp:10.0.0.1:5070 as 192.0.2.1"],
    "socket=udp:10.0.0.1:5070\nadvertised_port=5080": ["udp:10.0.0.1:5070 as 10.0.0.1:5080"],
    "socket=udp:[2001:db8::1]:5070\nadvertised_port=5080": ["udp:[2001:db8::1]:5070 as [2001:db8::1]:5080"],
    'modparam("proto_udp", "udp_port", 5065)\nsocket=udp:10.0.0.1\nsocket=udp:10.0.0.2:5060': ["udp:10.0.0.1:5065", "udp:10.0.0.2:5060"],
    "#!define IP 10.0.0.1\nsocket=udp:10.0.0.1:5060 #!ifdef": ["udp:10.0.0.1:5060"],
}  # fmt: skip


@pytest.mark.parametrize("text", LISTENERS, ids=repr)
def test_listeners(tmp_path: Path, text: str) -> None:
    config = reading(tmp_path, text, "opensips")
    assert list(config.listen) == LISTENERS[text]
    assert all(Listener.parse(listener) for listener in config.listen)
    assert (config.dialect, config.interfaces, ignored(config)) == ("opensips", (), [])


NONE = "no socket is there, and OpenSIPS listens on none by itself: without --listen it is what netifaces finds"
NAMED = {
    "": [("socket", 1, NONE)],
    "socket=bin:10.0.0.1:5555\n": [("socket", 2, NONE)],
    "\nsocket=udp:sip.example.com:5060": [
        ("listen udp:sip.example.com:5060", 2, "sip.example.com is neither an address nor an interface; give the address with --listen"),
        ("socket", 2, NONE),
    ],
    "socket=udp:MY_IP:5060": [
        ("listen udp:MY_IP:5060", 1, "MY_IP is a define that is not known here; give the address with --listen"),
        ("socket", 1, NONE),
    ],
    "socket=udp:$ENV(IP):5060": [("socket", 1, "a host is expected before '$ENV(...)'"), ("socket", 1, NONE)],
    "socket=udp:10.0.0.1:5060 as\nsocket=udp:10.0.0.2:5060": [
        ("socket", 1, "a host is expected before 'socket', which begins a statement")
    ],
    "advertised_address=$x\nsocket=udp:10.0.0.1:5060": [("advertised_address", 1, "a host is expected before '$x'")],
    "socket=udp:*:5070\nadvertised_port=5080": [
        (
            "listen udp:*:5070 as *:5080",
            1,
            "listener 'udp:0.0.0.0:5070 as *:5080' is not proto:address[:port], with ' as host:port' behind it for an advertised address, "
            "and ' name \"NAME\"' for a name; proto is one of udp, tcp, sctp, tls, ws, wss",
        ),
        ("socket", 2, NONE),
    ],
}


@pytest.mark.parametrize("text", NAMED, ids=repr)
def test_what_is_named(tmp_path: Path, text: str) -> None:
    assert ignored(reading(tmp_path, text, "opensips")) == NAMED[text]


def test_a_whole_script() -> None:
    folder = Path(__file__).parent
    path, routes = folder / "residential.cfg", folder / "residential-routes.cfg"
    config = read(path, "opensips")
    assert config.listen == (
        "udp:10.0.0.1:5060 as 198.51.100.1:5060",
        "tcp:10.0.0.1:5060 as 198.51.100.1:5060",
        "udp:192.0.2.10:5060 as sip.example.com:5060",
        "tls:192.0.2.10:5071 as sip.example.com",
        "udp:10.0.0.2:5080 as 198.51.100.1:5080",
    )
    assert all(Listener.parse(text) for text in config.listen)
    assert config.interfaces == ()
    assert config.domains == ("udp:house.example:5060", "Garden.example", "203.0.113.10")
    assert all(Domain.parse(text) for text in config.domains)
    assert dict(config.parameters) == {"append_fromtag": 0, "add_username": 1}
    assert config.domain_sources == ()
    assert [(one.what, one.value, one.file, one.line) for one in config.taken if one.what != "listen"] == [
        ("domain", "udp:house.example:5060", path, 21),
        ("domain", "Garden.example", path, 22),
        ("domain", "203.0.113.10", path, 23),
        ("parameter rr.append_fromtag", "0", path, 37),
        ("parameter rr.add_username", "1", path, 38),
        ("parameter proto_tls.tls_port", "5071", path, 46),
        ("advertised_address", "198.51.100.1", path, 25),
    ]
    assert config.taken[-1] == ("listen", "udp:10.0.0.2:5080 as 198.51.100.1:5080", routes, 28)
    assert [(what, line) for what, line, _ in ignored(config)] == [
        ("parameter rr.enable_full_lr", 39),
        ("listen udp:eth1:5060 as 198.51.100.1:5060", 19),
        ("domain db_url", 26),
    ]
    assert "secret" not in str(config)
