"""URIs: what RFC 3261 19.1 allows, what the servers take beside it, and what they refuse."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import SipParseError
from scapy_rr.sip.uri import Uri, ipv6_address, same_host


def uri(
    raw: bytes,
    scheme: bytes,
    user: bytes | None,
    host: bytes,
    port: bytes | None = None,
    params: bytes = b"",
    headers: bytes = b"",
    password: bytes | None = None,
) -> Uri:
    return Uri(raw, scheme, user, password, host, port, params, headers)


# The examples of RFC 3261 19.1.3 and of other RFCs, then what only a lenient reader takes.
PARSED = {
    "user and host": uri(b"sip:alice@atlanta.com", b"sip", b"alice", b"atlanta.com"),
    "password and parameter": uri(
        b"sip:alice:secretword@atlanta.com;transport=tcp", b"sip", b"alice", b"atlanta.com", params=b"transport=tcp", password=b"secretword"
    ),
    "headers": uri(
        b"sips:alice@atlanta.com?subject=project%20x&priority=urgent",
        b"sips",
        b"alice",
        b"atlanta.com",
        headers=b"subject=project%20x&priority=urgent",
    ),
    "a telephone number with a password": uri(
        b"sip:+1-212-555-1212:1234@gateway.com;user=phone",
        b"sip",
        b"+1-212-555-1212",
        b"gateway.com",
        params=b"user=phone",
        password=b"1234",
    ),
    "IPv4": uri(b"sip:alice@192.0.2.4", b"sip", b"alice", b"192.0.2.4"),
    "IPv6 keeps its brackets": uri(b"sip:[2001:db8::10]:5070", b"sip", None, b"[2001:db8::10]", b"5070"),
    "IPv6 behind a user": uri(b"sip:6000@[2001:db8::10];lr", b"sip", b"6000", b"[2001:db8::10]", params=b"lr"),
    "parameters and headers": uri(
        b"sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
        b"sip",
        None,
        b"atlanta.com",
        params=b"method=REGISTER",
        headers=b"to=alice%40atlanta.com",
    ),
    "a semicolon in the user": uri(b"sip:alice;day=tuesday@atlanta.com", b"sip", b"alice;day=tuesday", b"atlanta.com"),
    "escapes stay as written": uri(b"sip:sips%3Auser%40example.com@example.net", b"sip", b"sips%3Auser%40example.com", b"example.net"),
    "the scheme has no case": uri(b"SIP:alice@Atlanta.COM", b"sip", b"alice", b"Atlanta.COM"),
    "a port": uri(b"sip:10.0.0.1:5060;lr", b"sip", None, b"10.0.0.1", b"5060", b"lr"),
    "an empty port, which the servers take": uri(b"sip:10.0.0.1:;lr", b"sip", None, b"10.0.0.1", b"", b"lr"),
    "an empty parameter": uri(b"sip:10.0.0.1;;lr", b"sip", None, b"10.0.0.1", params=b";lr"),
    "a telephone URI has a number and no host (RFC 3966)": uri(
        b"tel:+1-201-555-0123;phone-context=a", b"tel", b"+1-201-555-0123", b"", params=b"phone-context=a"
    ),
    "another scheme is opaque": uri(b"http://www.example.com/;lr", b"http", None, b""),
    "a URN (RFC 5031)": uri(b"urn:service:sos", b"urn", None, b""),
    "odd characters in the user (RFC 4475 3.1.1.2)": uri(
        b"sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
        b"sip",
        b"1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
        b"example.com",
        password=b"&it+has=1,weird!*pas$wo~d_too.(doesn't-it)",
    ),
}


@pytest.mark.parametrize("expected", PARSED.values(), ids=PARSED)
def test_parses(expected: Uri) -> None:
    assert Uri.parse(expected.raw) == expected


REFUSED = {
    "nothing": b"",
    "no scheme": b"alice@atlanta.com",
    "a scheme that begins with a digit": b"1sip:alice@atlanta.com",
    "blanks in front": b" sip:alice@atlanta.com",
    "a scheme alone": b"sip:",
    "an empty user": b"sip:@atlanta.com",
    "a user without a host": b"sip:alice@",
    "two ports": b"sip:10.0.0.1:5060:1",
    "a port that is no number": b"sip:10.0.0.1:5x",
    "an open bracket": b"sip:[2001:db8::10",
    "a parameter behind the headers (loose-lr-27)": b"sip:127.0.0.7;x?y=;lr",
    "a telephone URI without a number": b"tel:",
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_refuses(raw: bytes) -> None:
    with pytest.raises(SipParseError):
        Uri.parse(raw)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.sampled_from(["sip:", "SIPS:", "tel:"]), st.text(st.sampled_from("ab1:@;?[]&= %\xe9\r\n"), max_size=16))
def test_the_parts_are_the_whole(scheme: str, rest: str) -> None:
    """Nothing of a URI that parses is lost, and nothing is in two parts; a ``;`` or ``?`` may stand before nothing."""
    raw = (scheme + rest).encode("latin-1")
    try:
        found = Uri.parse(raw)
    except SipParseError:
        return
    assert (found.raw, found.scheme) == (raw, scheme[:-1].lower().encode())
    if scheme == "tel:":
        found = found._replace(host=found.user or b"", user=None)
        # A number has no user before it; what looks like one is dropped by the servers.
        assume("@" not in rest)
    user = b"" if found.user is None else found.user + (b"" if found.password is None else b":" + found.password) + b"@"
    port = b"" if found.port_text is None else b":" + found.port_text
    start = raw[: len(scheme)] + user + found.host + port
    params = [b";" + found.params] if found.params else [b"", b";"]
    headers = [b"?" + found.headers] if found.headers else [b"", b"?"]
    assert raw in [start + one + other for one in params for other in headers]


@pytest.mark.parametrize(
    ("raw", "port"),
    [
        (b"sip:h", None),
        (b"sip:h:", None),
        (b"sip:h:5060", 5060),
        (b"sip:h:0", 0),
        (b"sip:h:005060", 5060),
        (b"sip:h:99999", 99999),
        (b"sip:h:" + b"0" * 5000 + b"7", 7),
    ],
    ids=["none", "empty", "plain", "zero", "leading zeros", "too large", "five thousand zeros"],
)
def test_port(raw: bytes, port: int | None) -> None:
    assert Uri.parse(raw).port == port


def test_endless_port_is_no_fault() -> None:
    """Python's int() refuses more than 4300 digits with an error of its own; such a port is just none of ours."""
    port = Uri.parse(b"sip:h:" + b"9" * 5000).port
    assert port is not None
    assert port > 65535


@pytest.mark.parametrize(
    ("params", "name", "value"),
    [
        (b"lr", b"lr", b""),
        (b"LR=on", b"lr", b"on"),
        (b"transport=TCP;lr", b"Transport", b"TCP"),
        (b"a=1;a=2", b"a", b"1"),
        (b'x="a;lr";y', b"lr", None),
        (b'x="a;lr";y', b"x", b'"a;lr"'),
        (b'x="a\\";lr";y', b"y", b""),
        (b'x="open;lr', b"x", b'"open;lr'),
        (b" lr = on ", b"lr", b"on"),
        (b";;lr", b"lr", b""),
        (b"=a;lr", b"", None),
        (b"lrx", b"lr", None),
        (b"", b"lr", None),
    ],
)
def test_param(params: bytes, name: bytes, value: bytes | None) -> None:
    """Names are compared without case (19.1.4), values are given as written; a quoted value may hold a semicolon."""
    assert Uri.parse(b"sip:h;" + params).param(name) == value


def test_param_list_keeps_order_and_doubles() -> None:
    assert Uri.parse(b"sip:h;b=2;a;b=3;;").param_list() == [(b"b", b"2"), (b"a", b""), (b"b", b"3")]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (b"Example.COM", b"example.com", True),
        (b"example.com", b"example.com.", False),
        (b"[::1]", b"0:0:0:0:0:0:0:1", True),
        (b"2001:DB8::1", b"[2001:db8:0::1]", True),
        (b"[::1]", b"[::2]", False),
        (b"[::1]", b"example.com", False),
        (b"[zz::1]", b"[::1]", False),
        (b"127.0.0.1", b"127.1", False),
    ],
)
def test_same_host(one: bytes, other: bytes, same: bool) -> None:
    assert same_host(one, other) is same
    assert same_host(other, one) is same


@pytest.mark.parametrize(
    ("host", "text"),
    [(b"[::1]", "::1"), (b"2001:db8::1", "2001:db8::1"), (b"10.0.0.1", None), (b"[::1", None), (b"a:b", None), (b"\xff:1", None)],
)
def test_ipv6_address(host: bytes, text: str | None) -> None:
    address = ipv6_address(host)
    assert (None if address is None else str(address)) == text
