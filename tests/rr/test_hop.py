"""A URI as the servers read it for routing: host, port, transport, and the flags lr, r2 and gr."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.rr.hop import OTHER_TRANSPORT, Hop

# Where a URI sends: host, port, transport.
TARGETS: dict[bytes, tuple[bytes, int, str]] = {
    b"sip:h": (b"h", 5060, "udp"),
    b"sip:h:5070": (b"h", 5070, "udp"),
    b"sip:h:": (b"h", 5060, "udp"),
    b"sip:h:0": (b"h", 5060, "udp"),
    b"sip:h;transport=tcp": (b"h", 5060, "tcp"),
    b"sip:h;transport=SCTP": (b"h", 5060, "sctp"),
    # RFC 3261 19.1.2: 5061 for TLS; RFC 7118: 80 and 443 for WebSocket.
    b"sip:h;transport=tls": (b"h", 5061, "tls"),
    b"sip:h:5060;transport=tls": (b"h", 5060, "tls"),
    b"sip:h;transport=ws": (b"h", 80, "ws"),
    b"sip:h;transport=WSS": (b"h", 443, "wss"),
    b"sips:h": (b"h", 5061, "tls"),
    b"sips:h:5060": (b"h", 5060, "tls"),
    b"sips:h;transport=tcp": (b"h", 5060, "tcp"),
    b"sip:h;transport=xyz": (b"h", 0, OTHER_TRANSPORT),
    b"sip:h;Transport=tcp": (b"h", 5060, "tcp"),
    b"sip:h;xtransport=tcp": (b"h", 5060, "udp"),
    b"sip:h;transport=udp;transport=tcp": (b"h", 5060, "tcp"),
    b"sip:h;transport=": (b"h", 5060, "udp"),
    b"sip:h;transport=;lr": (b"h", 0, OTHER_TRANSPORT),
    b"sip:h;transport": (b"h", 5060, "udp"),
    # loose-own-38 to -42: maddr stands for the host, an empty one for nothing.
    b"sip:h;maddr=10.0.0.1": (b"10.0.0.1", 5060, "udp"),
    b"sip:h:5070;MADDR=m;lr": (b"m", 5070, "udp"),
    b"sip:h;maddr=;lr": (b"h", 5060, "udp"),
    b"sip:h;xmaddr=m": (b"h", 5060, "udp"),
    b"sip:h;max=1": (b"h", 5060, "udp"),
    b"tel:+15551234": (b"", 5060, "udp"),
    b"urn:service:sos": (b"", 5060, "udp"),
    b"URN:nena:service:responder": (b"", 5060, "udp"),
}


@pytest.mark.parametrize(("raw", "target"), TARGETS.items())
def test_target(raw: bytes, target: tuple[bytes, int, str]) -> None:
    hop = Hop.parse(raw)
    assert (hop.host, hop.port, hop.transport) == target
    assert hop.raw == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"h",
        b"sip:",
        b"sip:@h",
        b"http://h",
        b"urn:isbn:1",
        b"urn:service:",
        # OpenSIPS' parse_uri has no end for these; loose-maddr-07 has one that goes on.
        b"sip:h;ma",
        b"sip:h;lr;maddr",
        b"sip:h;maddr=",
    ],
)
def test_refuses_what_the_servers_refuse(raw: bytes) -> None:
    with pytest.raises(SipParseError):
        Hop.parse(raw)


@pytest.mark.parametrize(
    ("raw", "named"), [(b"sip:h", ""), (b"sips:h", ""), (b"sip:h;transport=TLS", "tls"), (b"sip:h;transport=x", OTHER_TRANSPORT)]
)
def test_named_transport_is_the_written_one(raw: bytes, named: str) -> None:
    assert Hop.parse(raw).named_transport == named


@pytest.mark.parametrize(
    ("params", "gruu"),
    [
        (b"gr", True),
        (b"gr=urn:uuid:f81d", True),
        (b"lr;GR=abc", True),
        (b"gr;lr", True),
        (b"gr=", True),
        (b"gr=;lr", False),
        (b"grid=1", False),
        (b"x=gr", False),
        (b"xgr=1", False),
        (b"lr", False),
        (b"", False),
    ],
)
def test_gruu(params: bytes, gruu: bool) -> None:
    """RFC 5627: a ``gr`` parameter, with a value or without."""
    assert Hop.parse(b"sip:u@h;" + params).is_gruu is gruu


# What the servers' scanner takes for lr: recorded in loose-lr-01 to -34. {} is the name, so that r2 is asked the same.
SCANNED = {
    "{}": True,
    "{}=on": True,
    "{}=": True,
    "{}=off": True,
    "{};x": True,
    "x=y;{};z": True,
    "{};": True,
    " {}": True,
    "{} =on": True,
    "x;\t{}": True,
    'x="a;b";{}': True,
    'x="a\\"b";{}': True,
    "": False,
    "x{}": False,
    "{}x": False,
    "x={}": False,
    'x=";{}"': False,
    'x="a\\";{}"': False,
    'x="open;{}': False,
    # An empty parameter and one that begins alike hide the next (loose-lr-16, -17, loose-double-form-07).
    ";{}": False,
    "x;;{}": False,
    ";;{}": True,
}


@pytest.mark.parametrize("name", ["lr", "LR", "Lr"])
@pytest.mark.parametrize(("params", "found"), SCANNED.items())
def test_loose(params: str, found: bool, name: str) -> None:
    """RFC 3261 19.1.1: a URI with ``lr`` is that of a loose router; whatever its value is, the name decides."""
    assert Hop.parse(b"sip:h;" + params.format(name).encode()).is_loose is found


@pytest.mark.parametrize("name", ["r2", "R2"])
@pytest.mark.parametrize(("params", "found"), SCANNED.items())
def test_double(params: str, found: bool, name: str) -> None:
    assert Hop.parse(b"sip:h;" + params.format(name).encode()).is_double is found


def test_a_parameter_of_the_first_letter_hides_the_next() -> None:
    assert not Hop.parse(b"sip:h;l;lr").is_loose
    assert not Hop.parse(b"sip:h;r;r2=on").is_double


@pytest.mark.parametrize(
    ("params", "loose", "double"),
    [(b"r2=on", False, True), (b"lr", True, False), (b"r2=on;lr;ftag=1", True, True), (b"lr;r2=on", True, True)],
)
def test_loose_and_double_are_two_things(params: bytes, loose: bool, double: bool) -> None:
    hop = Hop.parse(b"sip:h;" + params)
    assert (hop.is_loose, hop.is_double) == (loose, double)


def test_without_parameters_it_is_neither() -> None:
    hop = Hop.parse(b"sip:lr")
    assert (hop.is_loose, hop.is_double, hop.is_gruu) == (False, False, False)
