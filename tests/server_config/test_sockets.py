"""Sockets as listeners and interfaces, and those that can be neither."""

from pathlib import Path

import pytest

from scapy_rr.rr.listener import Listener
from scapy_rr.server_config.found import Findings, Place
from scapy_rr.server_config.sockets import Socket, is_unresolved, spell

from .reading import ignored

PLACE = Place(Path("server.cfg"), 3)


def socket(transport: str, host: str, port: int = 5060, advertised: str = "", advertised_port: int = 0, name: str = "") -> Socket:
    """One on line 3."""
    return Socket(transport, host, port, PLACE, advertised, advertised_port, name)


SPELLED = [
    (socket("udp", "10.0.0.1"), "udp:10.0.0.1:5060"),
    (socket("tls", "[2001:db8::1]", 5061), "tls:[2001:db8::1]:5061"),
    (socket("tls", "2001:db8::1", 5061), "tls:[2001:db8::1]:5061"),
    (socket("udp", "*", 5070), "udp:0.0.0.0:5070"),
    (socket("udp", "0.0.0.0"), "udp:0.0.0.0:5060"),
    (socket("udp", "10.0.0.1", 5060, "192.0.2.1", 5080), "udp:10.0.0.1:5060 as 192.0.2.1:5080"),
    (socket("udp", "10.0.0.1", 5060, "sip.example.com"), "udp:10.0.0.1:5060 as sip.example.com"),
    (socket("udp", "10.0.0.1", 5060, "[2001:db8::1]", 5080), "udp:10.0.0.1:5060 as [2001:db8::1]:5080"),
    (socket("tcp", "10.0.0.1", 5060, "a.example", 5080, "in"), 'tcp:10.0.0.1:5060 as a.example:5080 name "in"'),
]


@pytest.mark.parametrize(("one", "text"), SPELLED)
def test_spelled(one: Socket, text: str) -> None:
    findings = Findings()
    spell([one], findings)
    assert (findings.listen, findings.interfaces, findings.ignored) == ([text], [], [])
    assert findings.taken == [("listen", text, *PLACE)]
    assert Listener.parse(text).port == one.port


ALONE = "an interface stands for UDP and TCP port 5060 alone, under its own address; give that with --listen"
TOO = "the interface stands for TCP port 5060, too; give its address with --listen if that matters"
OF_INTERFACES = [
    ([socket("udp", "eth0"), socket("tcp", "eth0")], ["eth0"], []),
    (
        [socket("udp", "br-lan_1"), socket("udp", "eth0.100"), socket("tcp", "eth0.100"), socket("tcp", "br-lan_1")],
        ["br-lan_1", "eth0.100"],
        [],
    ),
    ([socket("udp", "eth0:1")], ["eth0:1"], [("listen udp:eth0:1:5060", 3, TOO)]),
    ([socket("udp", "eth0")], ["eth0"], [("listen udp:eth0:5060", 3, TOO)]),
    ([socket("tls", "eth0", 5061)], [], [("listen tls:eth0:5061", 3, ALONE)]),
    ([socket("udp", "eth0"), socket("tcp", "eth0"), socket("udp", "eth0", 5070)], ["eth0"], [("listen udp:eth0:5070", 3, ALONE)]),
    (
        [socket("udp", "eth0", 5060, "a.example"), socket("tcp", "eth0")],
        ["eth0"],
        [("listen udp:eth0:5060 as a.example", 3, ALONE), ("listen tcp:eth0:5060", 3, TOO.replace("TCP", "UDP"))],
    ),
    ([socket("udp", "eth0", name="in")], [], [('listen udp:eth0:5060 name "in"', 3, ALONE)]),
]


@pytest.mark.parametrize(("sockets", "interfaces", "named"), OF_INTERFACES)
def test_interfaces(sockets: list[Socket], interfaces: list[str], named: list[tuple[str, int, str]]) -> None:
    findings = Findings()
    spell(sockets, findings)
    assert (findings.listen, findings.interfaces) == ([], interfaces)
    assert findings.taken == [("interface", interface, *PLACE) for interface in interfaces]
    assert ignored(findings) == named


@pytest.mark.parametrize(
    ("one", "what", "why"),
    [
        (
            socket("udp", "sip.example.com"),
            "listen udp:sip.example.com:5060",
            "sip.example.com is neither an address nor an interface; give",
        ),
        (socket("udp", "localhost"), "listen udp:localhost:5060", "localhost is neither an address nor an interface; give"),
        (socket("udp", "MY_IP"), "listen udp:MY_IP:5060", "MY_IP is a define that is not known here; give the address with --listen"),
        (socket("udp", "10.0.0.1", 70000), "listen udp:10.0.0.1:70000", "port 70000 is not between 1 and 65535"),
        (socket("udp", "10.0.0.1", 5060, "a b"), "listen udp:10.0.0.1:5060 as a b", "is not proto:address[:port]"),
    ],
)
def test_what_cannot_be_spelled(one: Socket, what: str, why: str) -> None:
    findings = Findings()
    spell([one], findings)
    assert (findings.listen, findings.interfaces, findings.taken) == ([], [], [])
    assert [(told.what, told.line) for told in findings.ignored] == [(what, 3)]
    assert why in findings.ignored[0].why


def test_the_first_of_two_at_one_address() -> None:
    findings = Findings()
    sockets = [
        socket("udp", "10.0.0.1", advertised="a.example"),
        socket("udp", "10.0.0.1"),
        socket("tcp", "10.0.0.1"),
        socket("udp", "[::1]"),
    ]
    spell([*sockets, socket("udp", "0:0::1"), socket("tcp", "10.0.0.1")], findings)
    assert findings.listen == ["udp:10.0.0.1:5060 as a.example", "tcp:10.0.0.1:5060", "udp:[::1]:5060"]
    why = "the server keeps the first of the two, that of line 3"
    assert ignored(findings) == [("listen udp:10.0.0.1:5060", 3, why)]


def test_a_name_that_no_listener_can_have() -> None:
    findings = Findings()
    spell([socket("udp", "10.0.0.1", name="x y")], findings)
    assert findings.listen == ["udp:10.0.0.1:5060"]
    assert ignored(findings) == [('name "x y"', 3, "the name of a listener has letters, digits, '_', '.' and '-'")]


@pytest.mark.parametrize(("name", "answer"), [("MY_IP", True), ("A1", True), ("eth0", False), ("A.example", False), ("1A", False)])
def test_names_that_nothing_replaced(name: str, answer: bool) -> None:
    assert is_unresolved(name) is answer
