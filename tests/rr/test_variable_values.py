"""What the pseudo-variables hold, of messages as they come; a live Kamailio says the same of more of them (tests/peers)."""

import pytest

from scapy_rr.rr.module import RecordRouting
from tests.rr.requests import LISTEN, ask, initial, kamailio, routed, text

V6 = "udp:[2001:db8::1]:5060"


def values(data: bytes, *names: str, dialect: str = "opensips") -> list[str | None]:
    """Some of them, of one message."""
    req = ask(data, dialect=dialect)
    return [req.pv(name) for name in names]


# R-URI -> $rU, $rd, and $rp for OpenSIPS and Kamailio.
RURIS: dict[str, tuple[str | None, str | None, str | None, str | None]] = {
    "sip:bob@biloxi.example": ("bob", "biloxi.example", "5060", "5060"),
    "sip:bob:secret@biloxi.example:5080;x=y?a=b": ("bob", "biloxi.example", "5080", "5080"),
    "sip:biloxi.example": (None, "biloxi.example", "5060", "5060"),
    "sip:[2001:DB8::1]": (None, "[2001:DB8::1]", "5060", "5060"),
    "sip:biloxi.example:": (None, "biloxi.example", "", ""),
    "sip:bob@biloxi.example:05060": ("bob", "biloxi.example", "05060", "05060"),
    "sips:bob@biloxi.example": ("bob", "biloxi.example", "5061", "5060"),
    "sip:bob@biloxi.example;transport=tls": ("bob", "biloxi.example", "5061", "5061"),
    "sip:bob@biloxi.example;transport=ws": ("bob", "biloxi.example", "80", "5060"),
    "sip:bob@biloxi.example;transport=xyz": ("bob", "biloxi.example", "0", "5060"),
    "sip:bob@biloxi.example;maddr=192.0.2.1": ("bob", "biloxi.example", "5060", "5060"),
    "tel:+1-555;phone-context=x": ("+1-555", None, "5060", "5060"),
    "sip:@biloxi.example": (None, None, None, None),
    "http://biloxi.example": (None, None, None, None),
}


@pytest.mark.parametrize(("ruri", "expected"), RURIS.items())
def test_the_ruri(ruri: str, expected: tuple[str | None, ...]) -> None:
    user, host, port, kamailio_port = expected
    data = text(ruri=ruri)
    assert values(data, "$rU", "$rd", "$rp") == [user, host, port]
    assert values(data, "$rU", "$rd", "$rp", dialect="kamailio") == [user, host, kamailio_port]


def test_the_ruri_is_the_one_it_has_now() -> None:
    req = ask(routed("<sip:10.0.0.1;lr>", ruri="sip:10.0.0.1"))
    req.ruri = "sip:carol@chicago.example:5070"
    assert [req.pv(name) for name in ("$ru", "$rU", "$rd", "$rp")] == [
        "sip:carol@chicago.example:5070",
        "carol",
        "chicago.example",
        "5070",
    ]
    assert req.pv("$du") is None
    req.dst_uri = "sip:192.0.2.9;lr"
    assert req.pv("$du") == "sip:192.0.2.9;lr"


def test_a_phone_number_in_a_sip_uri() -> None:
    """Kamailio reads it as a tel URI, whose parameters are none of the user's."""
    data = text(ruri="sip:+1555;isub=1@biloxi.example;user=phone")
    assert values(data, "$rU") == ["+1555;isub=1"]
    assert values(data, "$rU", dialect="kamailio") == ["+1555"]


# From -> $fu, $fU, $fd, $ft.
ADDRESSES: dict[str, list[str | None]] = {
    "<sip:alice@atlanta.example>;tag=1": ["sip:alice@atlanta.example", "alice", "atlanta.example", "1"],
    "sip:alice@atlanta.example;x=y;tag=1": ["sip:alice@atlanta.example", "alice", "atlanta.example", "1"],
    '"A. \\"<sip:x@y>" <sip:alice@atlanta.example:5070;x=y?a=b>;tag="1 2"': [
        "sip:alice@atlanta.example:5070;x=y?a=b",
        "alice",
        "atlanta.example",
        "1 2",
    ],
    '"a\\\\" <sip:atlanta.example>': ["sip:atlanta.example", None, "atlanta.example", None],
    "A Lice< sip:alice@[::1] > ; TAG = 1 ;x": ["sip:alice@[::1]", "alice", "[::1]", "1"],
    '"x"\r\n <sip:alice@h>\r\n ;tag=1': ["sip:alice@h", "alice", "h", "1"],
    "<tel:+1555;phone-context=x>;tag=1": ["tel:+1555;phone-context=x", "+1555", None, "1"],
    'sip:alice@h;x="<sip:y@z>"': ["sip:alice@h", "alice", "h", None],
    "<foo>;tag=1;tag=2": ["foo", None, None, "2"],
    "<sip:\xe9@h>;tag=\xe9": ["sip:\xe9@h", "\xe9", "h", "\xe9"],
    "<sip:alice@h": [None, None, None, None],
}


@pytest.mark.parametrize(("value", "expected"), ADDRESSES.items())
def test_from_and_to(value: str, expected: list[str | None]) -> None:
    assert values(text(from_=value), "$fu", "$fU", "$fd", "$ft") == expected
    assert values(text(to=value), "$tu", "$tU", "$td", "$tt") == expected


def test_a_request() -> None:
    data = text("Subject: 1", method="OPTIONS")
    assert values(data, "$rm", "$rs", "$rr", "$ci", "$cs") == ["OPTIONS", None, None, "1@10.0.0.5", "2"]
    assert values(data.replace(b"CSeq: 2 OPTIONS", b"CSeq:\r\n 007  BYE "), "$rm", "$cs") == ["OPTIONS", "007"]
    assert values(data.replace(b"CSeq: 2 OPTIONS", b"CSeq: OPTIONS"), "$cs") == [None]
    assert values(data.replace(b"Call-ID", b"i").replace(b"CSeq", b"X"), "$ci", "$cs") == ["1@10.0.0.5", None]
    assert values(data.replace(b"Call-ID: 1@10.0.0.5", b"Call-ID: 1 "), "$ci") == ["1 "]


def response(line: str) -> bytes:
    """A response to a BYE with this status line."""
    return f"{line}\r\n".encode("latin-1") + text("Route: <sip:10.0.0.7;lr>").split(b"\r\n", 1)[1]


@pytest.mark.parametrize("dialect", ["opensips", "kamailio"])
def test_a_response(dialect: str) -> None:
    names = ("$ru", "$rU", "$rd", "$rp", "$rm", "$rs", "$rr", "$fU", "$cs")
    expected = [None, None, None, None, "BYE", "180", "Ringing at \xe9 ", "caller", "2"]
    assert values(response("SIP/2.0 180  Ringing at \xe9 "), *names, dialect=dialect) == expected
    assert values(response("SIP/2.0 200 "), "$rr", dialect=dialect) == [""]


def test_headers() -> None:
    data = text("X-A : 1 ", "x-a:\r\n 2\t", "X-A:", "X-A: 4\r\n 5\r\n ", "s: hello", "Via: SIP/2.0/UDP b;branch=z9hG4bK2")
    names = ("$hdr(X-A)", "$(hdr(x-A))", "$(hdr(X-A)[1])", "$(hdr(X-A)[2])", "$(hdr(X-A)[-1])", "$(hdr(X-A)[-4])")
    # trim_r leaves the white space behind a value.
    assert values(data, *names) == ["1 ", "1 ", "2\t", "", "4\r\n 5\r\n ", "1 "]
    assert values(data, "$(hdr(X-A)[4])", "$(hdr(X-A)[-5])", "$hdr(none)") == [None, None, None]
    assert values(data, "$hdr(Subject)", "$hdr(S)", "$hdr(f)", "$(hdr(v)[1])") == [
        "hello",
        "hello",
        "<sip:caller@atlanta.example>;tag=caller",
        "SIP/2.0/UDP b;branch=z9hG4bK2",
    ]


@pytest.mark.parametrize("header", ["nonsense", "Content-Length: x", "Content-Length:"])
def test_a_header_that_is_none_hides_the_others(header: str) -> None:
    """Before ``$hdr`` looks for one, all have to be read."""
    req = kamailio(text(end=f"X-A: 1\r\n{header}\r\n").replace(b"Content-Length: 16\r\n", b""))
    assert req.message is not None
    assert [req.pv(name) for name in ("$hdr(X-A)", "$hdr(Via)", "$cs")] == [None, None, "2"]


def test_source_and_sockets() -> None:
    names = ("$si", "$sp", "$socket_in", "$socket_in(ip)", "$socket_in(port)", "$socket_in(proto)", "$socket_out(forced)")
    req = ask(initial(), "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070")
    assert [req.pv(name) for name in names] == [
        "10.0.0.5",
        "5060",
        "tcp:10.0.0.1:5060",
        "10.0.0.1",
        "5060",
        "tcp",
        "udp:10.0.0.2:5070",
    ]
    req = kamailio(initial(), "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070")
    assert [req.pv(name) for name in ("$si", "$sp", "$Ri", "$Rp", "$pr", "$fs")] == [
        "10.0.0.5",
        "5060",
        "10.0.0.1",
        "5060",
        "tcp",
        "udp:10.0.0.2:5070",
    ]


def test_ipv6_source_and_sockets() -> None:
    """ip_addr2a: brackets stand in what is part of a URI, and OpenSIPS writes all groups."""
    req = RecordRouting("opensips", [V6]).request(initial(), None, "[2001:DB8::5]:5070", V6)
    full = "2001:DB8:0:0:0:0:0"
    assert [req.pv(name) for name in ("$si", "$sp")] == [f"{full}:5", "5070"]
    assert [req.pv(name) for name in ("$socket_in(ip)", "$socket_in")] == [f"[{full}:1]", f"udp:[{full}:1]:5060"]
    assert req.pv("$socket_out(forced)") == f"udp:[{full}:1]:5060"
    req = RecordRouting("kamailio", [V6]).request(initial(), None, "[2001:DB8::5]:5070", V6)
    assert [req.pv(name) for name in ("$si", "$sp", "$Ri", "$fs")] == ["2001:db8::5", "5070", "2001:db8::1", V6]


def test_what_nobody_knows_is_null() -> None:
    req = RecordRouting(listen=LISTEN).request(initial())
    assert [req.pv(name) for name in ("$si", "$sp", "$socket_out(forced)", "$du")] == [None] * 4
    junk = ask(b"junk")
    names = ("$ru", "$rU", "$rd", "$rp", "$rm", "$rs", "$rr", "$fu", "$fU", "$fd", "$ft", "$tu", "$tt", "$ci", "$cs", "$hdr(Via)")
    assert [junk.pv(name) for name in names] == [None] * len(names)
    assert junk.pv("$si") == "10.0.0.5"


def test_what_kamailios_module_adds() -> None:
    req = kamailio(routed("<sip:10.0.0.7;lr>, <sip:10.0.0.8;lr>"))
    names = ("$route_uri", "$fti", "$tti", "$rdir(id)", "$rdir(name)")
    assert [req.pv(name) for name in names] == ["sip:10.0.0.7;lr", "caller", "callee", "1", "downstream"]
    assert kamailio(routed("<sip:10.0.0.7")).pv("$route_uri") is None
    assert kamailio(routed()).pv("$route_uri") is None
    upstream = kamailio(routed("<sip:10.0.0.1;lr;ftag=callee>"))
    assert [upstream.pv(name) for name in names[1:]] == ["callee", "caller", "2", "upstream"]
    assert kamailio(b"junk").pv("$fti") is None


def test_who_looks_for_a_header_has_found_the_routes() -> None:
    """Without loose_route, is_direction looks at the Routes that the parser has come to; where they stand behind CSeq it has not."""
    lines = routed().split(b"\r\n")
    data = b"\r\n".join([*lines[:6], b"Route: <sip:10.0.0.1;lr;ftag=callee>", *lines[6:]])
    for name, direction in (("$cs", "downstream"), ("$hdr(none)", "upstream"), ("$route_uri", "upstream")):
        req = kamailio(data)
        req.pv(name)
        assert req.pv("$rdir(name)") == direction
