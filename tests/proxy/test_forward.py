"""What the proxy changes in a request that it sends on, byte by byte, as msg_translator.c of both servers does."""

from typing import NamedTuple

import pytest

from .traffic import ADVERTISED, DIALECTS, SOURCE6, VIA, handled, lines, proxy, request, response, sent, shown, vias


@pytest.mark.parametrize(("dialect", "sent_by"), [("opensips", b"10.0.0.1:5060"), ("kamailio", b"10.0.0.1")])
def test_a_whole_message(dialect: str, sent_by: bytes) -> None:
    """Our Via before the topmost one, wherever that stands; nothing else is touched, however it is written."""
    data = (
        b"INFO sip:bob@10.0.0.9 SIP/2.0\r\n"
        b"Subject : nothing\r\n at all \r\n"
        b"v:  SIP/2.0/UDP pc33.atlanta.com ; branch=z9hG4bK776;rport , SIP/2.0/UDP 10.0.0.66;branch=z9hG4bK2\r\n"
        b"Max-Forwards: 10\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
        b"VIA: SIP/2.0/UDP 10.0.0.67;branch=z9hG4bK3\r\n"
        b"t: Bob <sip:bob@biloxi.com>;tag=a6c85cf\r\n"
        b"Route: <sip:10.0.0.1;lr>\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INFO\r\n"
        b"l: 4\r\n\r\n\x00\xff\r\n"
    )
    assert shown(sent(data, dialect).payload) == (
        b"INFO sip:bob@10.0.0.9 SIP/2.0\r\n"
        b"Subject : nothing\r\n at all \r\n"
        b"Via: SIP/2.0/UDP " + sent_by + b";branch=OURS\r\n"
        b"v:  SIP/2.0/UDP pc33.atlanta.com ;received=10.0.0.5; branch=z9hG4bK776;rport=15060, SIP/2.0/UDP 10.0.0.66;branch=z9hG4bK2\r\n"
        b"Max-Forwards:  9\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
        b"VIA: SIP/2.0/UDP 10.0.0.67;branch=z9hG4bK3\r\n"
        b"t: Bob <sip:bob@biloxi.com>;tag=a6c85cf\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INFO\r\n"
        b"l: 4\r\n\r\n\x00\xff\r\n"
    )


# received and rport (RFC 3261 18.2.1, RFC 3581 4). The same in both servers, and as Kamailio 5.6.3 was seen to do it.

RECEIVED = {
    "the sender's address": ("Via: SIP/2.0/UDP 10.0.0.5;branch=a", "Via: SIP/2.0/UDP 10.0.0.5;branch=a"),
    "the port does not matter": ("Via: SIP/2.0/UDP 10.0.0.5:5099;branch=a", "Via: SIP/2.0/UDP 10.0.0.5:5099;branch=a"),
    "another address": ("Via: SIP/2.0/UDP 10.0.0.6:5062;branch=a", "Via: SIP/2.0/UDP 10.0.0.6:5062;received=10.0.0.5;branch=a"),
    "a name": ("Via: SIP/2.0/UDP pc.example;branch=a", "Via: SIP/2.0/UDP pc.example;received=10.0.0.5;branch=a"),
    "no parameters": ("Via: SIP/2.0/UDP pc.example", "Via: SIP/2.0/UDP pc.example;received=10.0.0.5"),
    "no parameters, with a port": ("Via: SIP/2.0/UDP pc.example:5062", "Via: SIP/2.0/UDP pc.example:5062;received=10.0.0.5"),
    "nothing to add": ("Via: SIP/2.0/UDP 10.0.0.5", "Via: SIP/2.0/UDP 10.0.0.5"),
    "rport": ("Via: SIP/2.0/UDP 10.0.0.5;rport;branch=a", "Via: SIP/2.0/UDP 10.0.0.5;received=10.0.0.5;rport=15060;branch=a"),
    "rport behind branch": ("Via: SIP/2.0/UDP h:5062;branch=a;rport", "Via: SIP/2.0/UDP h:5062;received=10.0.0.5;branch=a;rport=15060"),
    "rport with a value": ("Via: SIP/2.0/UDP h;rport=7;branch=a", "Via: SIP/2.0/UDP h;received=10.0.0.5;rport=15060;branch=a"),
    "RPort in other letters": ("Via: SIP/2.0/UDP h;RPort;branch=a", "Via: SIP/2.0/UDP h;received=10.0.0.5;rport=15060;branch=a"),
    "received is there": ("Via: SIP/2.0/UDP h;branch=a;received=192.0.2.1;x", "Via: SIP/2.0/UDP h;branch=a;received=10.0.0.5;x"),
    "received of the sender's own address": (
        "Via: SIP/2.0/UDP 10.0.0.5;received=192.0.2.1;branch=a",
        "Via: SIP/2.0/UDP 10.0.0.5;received=10.0.0.5;branch=a",
    ),
    "both are there": ("Via: SIP/2.0/UDP h;rport=1;received=192.0.2.1", "Via: SIP/2.0/UDP h;rport=15060;received=10.0.0.5"),
    "several in one header": (
        "Via: SIP/2.0/UDP h;branch=a;rport, SIP/2.0/UDP g;rport;received=192.0.2.1",
        "Via: SIP/2.0/UDP h;received=10.0.0.5;branch=a;rport=15060, SIP/2.0/UDP g;rport;received=192.0.2.1",
    ),
    "several without parameters": ("Via: SIP/2.0/UDP h , SIP/2.0/UDP g", "Via: SIP/2.0/UDP h;received=10.0.0.5 , SIP/2.0/UDP g"),
    "the compact name": ("v:SIP/2.0/UDP h;branch=a", "v:SIP/2.0/UDP h;received=10.0.0.5;branch=a"),
    "blanks and folds": (
        "Via: SIP / 2.0 / UDP\r\n h : 5070 ;\r\n branch = z9hG4bK1 ; rport",
        "Via: SIP / 2.0 / UDP\r\n h : 5070 ;received=10.0.0.5;\r\n branch = z9hG4bK1 ;rport=15060",
    ),
    "a quoted value": ('Via: SIP/2.0/UDP h;x=";rport"', 'Via: SIP/2.0/UDP h;received=10.0.0.5;x=";rport"'),
}  # fmt: skip


@pytest.mark.parametrize(("via", "expected"), RECEIVED.values(), ids=RECEIVED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_received_and_rport(via: str, expected: str, dialect: str) -> None:
    below = "Via: SIP/2.0/UDP 192.0.2.9;rport;branch=b"
    assert vias(sent(request(via, below), dialect).payload)[1:] == [expected, below]


class Six(NamedTuple):
    """A Via of a sender at 2001:db8::5, and what becomes of it under each dialect."""

    via: str
    opensips: str
    kamailio: str


# ip_addr2a prints all eight groups in the one; check_ip_address compares addresses there, check_via_address text in the other.
IN_FULL = ";received=2001:DB8:0:0:0:0:0:5"
RECEIVED_OVER_IPV6 = {
    "the sender's address": Six("[2001:db8::5]:15060;branch=a", "[2001:db8::5]:15060;branch=a", "[2001:db8::5]:15060;branch=a"),
    "in capitals": Six("[2001:DB8::5];branch=a", "[2001:DB8::5];branch=a", "[2001:DB8::5];branch=a"),
    "in full": Six(
        "[2001:db8:0:0:0:0:0:5];branch=a", "[2001:db8:0:0:0:0:0:5];branch=a", "[2001:db8:0:0:0:0:0:5];received=2001:db8::5;branch=a"
    ),
    "another address": Six("[::1]:5062;branch=a", f"[::1]:5062{IN_FULL};branch=a", "[::1]:5062;received=2001:db8::5;branch=a"),
    "a name": Six("h;branch=a", f"h{IN_FULL};branch=a", "h;received=2001:db8::5;branch=a"),
    "rport": Six(
        "[2001:db8::5];branch=a;rport",
        f"[2001:db8::5]{IN_FULL};branch=a;rport=15060",
        "[2001:db8::5];received=2001:db8::5;branch=a;rport=15060",
    ),
    "received is there": Six("h;received=::1", f"h{IN_FULL}", "h;received=2001:db8::5"),
    "received is there, in brackets": Six("h;received=[::1];x", f"h{IN_FULL};x", "h;received=2001:db8::5;x"),
}


@pytest.mark.parametrize("case", RECEIVED_OVER_IPV6.values(), ids=RECEIVED_OVER_IPV6)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_received_and_rport_over_ipv6(case: Six, dialect: str) -> None:
    data = request(f"Via: SIP/2.0/UDP {case.via}", ruri="sip:bob@[2001:db8::9]")
    payload = sent(data, dialect, SOURCE6, "udp:[2001:db8::1]:5060").payload
    assert vias(payload)[1:] == [f"Via: SIP/2.0/UDP {case.opensips if dialect == 'opensips' else case.kamailio}"]


def test_a_source_that_nobody_knows() -> None:
    """There is nothing to write then; the request goes its way all the same."""
    via = "Via: SIP/2.0/UDP h;rport;received=192.0.2.1"
    assert vias(sent(request(via), source=None).payload)[1:] == [via]


# Our Via: the transport and the face of the listener that the request leaves by, whichever it came by (via_builder).

OURS = {
    "UDP": ("udp:10.0.0.1:5060", "sip:10.0.0.9", "SIP/2.0/UDP 10.0.0.1:5060", "SIP/2.0/UDP 10.0.0.1"),
    "another port": ("udp:10.0.0.1:5070", "sip:10.0.0.9", "SIP/2.0/UDP 10.0.0.1:5070", "SIP/2.0/UDP 10.0.0.1:5070"),
    "TCP": ("tcp:10.0.0.1:5060", "sip:10.0.0.9;transport=tcp", "SIP/2.0/TCP 10.0.0.1:5060", "SIP/2.0/TCP 10.0.0.1"),
    "TLS": ("tls:10.0.0.1:5061", "sip:10.0.0.9;transport=tls", "SIP/2.0/TLS 10.0.0.1:5061", "SIP/2.0/TLS 10.0.0.1:5061"),
    "WebSocket": ("ws:10.0.0.1:80", "sip:10.0.0.9;transport=ws", "SIP/2.0/WS 10.0.0.1:80", "SIP/2.0/WS 10.0.0.1:80"),
    "advertised": (ADVERTISED, "sip:10.0.0.9", "SIP/2.0/UDP edge.example.com:5060", "SIP/2.0/UDP edge.example.com:5060"),
    "IPv6": ("udp:[2001:db8::1]:5060", "sip:[2001:db8::9]", "SIP/2.0/UDP [2001:DB8:0:0:0:0:0:1]:5060", "SIP/2.0/UDP [2001:db8::1]"),
}


@pytest.mark.parametrize(("listener", "ruri", "opensips", "kamailio"), OURS.values(), ids=OURS)
def test_our_via(listener: str, ruri: str, opensips: str, kamailio: str) -> None:
    for dialect, expected in (("opensips", opensips), ("kamailio", kamailio)):
        router = proxy(dialect, ("udp:10.0.0.77:5060", listener))
        outcome = router.handle(request("X: y", f"Via: {VIA}", ruri=ruri), listener, "10.0.0.5:5060")
        assert vias(outcome.sent[0].payload) == [f"Via: {expected};branch=OURS", f"Via: {VIA}"]


# Max-Forwards: counted down in its place, so that blanks are left where it gets shorter (decrement_maxfwd); added as the first header.

# What Kamailio sends where it lets through less, as 5.6.3 was seen to do.
FEWER = {"Max-Forwards: 99": "Max-Forwards: 70", "Max-Forwards: 256": "Max-Forwards:  70", "Max-Forwards: 255": "Max-Forwards:  70"}
FEWER["Max-Forwards:  256"] = "Max-Forwards:   70"
HOPS = {
    "70": ("Max-Forwards: 70", "Max-Forwards: 69"),
    "1": ("Max-Forwards: 1", "Max-Forwards: 0"),
    "10: a digit less": ("Max-Forwards: 10", "Max-Forwards:  9"),
    "100": ("Max-Forwards:100", "Max-Forwards: 99"),
    "zeros in front": ("max-forwards : 0010", "max-forwards :    9"),
    "folded": ("Max-Forwards:\r\n 5", "Max-Forwards:\r\n 4"),
    "300: no more than 256": ("Max-Forwards: 300", "Max-Forwards: 256"),
    "257": ("Max-Forwards: 257", "Max-Forwards: 256"),
    "256": ("Max-Forwards: 256", "Max-Forwards: 255"),
    "1000": ("Max-Forwards: 1000", "Max-Forwards:  256"),
}


@pytest.mark.parametrize(("header", "expected"), HOPS.values(), ids=HOPS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_max_forwards(header: str, expected: str, dialect: str) -> None:
    if dialect == "kamailio":
        expected = FEWER.get(expected, expected)
    assert lines(sent(request(f"Via: {VIA}", header), dialect).payload, "max-forwards") == [expected]


@pytest.mark.parametrize("first", ["X: y", f"Via: {VIA}"])
def test_max_forwards_that_is_not_there(first: str) -> None:
    payload = sent(request(first, f"Via: {VIA}")).payload
    assert payload.split(b"\r\n")[1] == b"Max-Forwards: 70"
    assert lines(payload, "max-forwards") == ["Max-Forwards: 70"]


def test_the_order_of_what_is_added() -> None:
    """Before the first header: Max-Forwards, our Record-Route, our Via."""
    payload = shown(sent(request(f"Via: {VIA}", method="INVITE")).payload)
    assert payload.split(b"\r\n")[1:5] == [
        b"Max-Forwards: 70",
        b"Record-Route: <sip:10.0.0.1;lr;ftag=a1>",
        b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS",
        f"Via: {VIA}".encode(),
    ]


# Content-Length (adjust_clen; RFC 3261 18.3): a stream needs it, and it has to be true there.


class Body(NamedTuple):
    """What arrives in a datagram, and what leaves over TCP and over UDP: Content-Length and body."""

    length: str
    body: bytes
    over_tcp: tuple[list[str], bytes]
    over_udp: tuple[list[str], bytes]


SAME_IN_BOTH = {
    "true": Body("3", b"abc", (["Content-Length: 3"], b"abc"), (["Content-Length: 3"], b"abc")),
    "no body": Body("0", b"", (["Content-Length: 0"], b""), (["Content-Length: 0"], b"")),
    "not there": Body("", b"abc", (["Content-Length: 3"], b"abc"), ([], b"abc")),
    "not there, no body": Body("", b"", (["Content-Length: 0"], b""), ([], b"")),
}
DATAGRAMS = {
    **{f"{name}, {dialect}": (dialect, body) for dialect in DIALECTS for name, body in SAME_IN_BOTH.items()},
    "bytes behind the body, opensips": (
        "opensips",
        Body("3", b"abc\r\n\0", (["Content-Length: 3"], b"abc"), (["Content-Length: 3"], b"abc")),
    ),
    "bytes behind the body, kamailio": (
        "kamailio",
        Body("3", b"abc\r\n\0", (["Content-Length: 6"], b"abc\r\n\0"), (["Content-Length: 3"], b"abc\r\n\0")),
    ),
    "bytes and a length in more digits, kamailio": (
        "kamailio",
        Body("0003", b"abc\r\n\0", (["Content-Length: 6"], b"abc\r\n\0"), (["Content-Length: 0003"], b"abc\r\n\0")),
    ),
}


@pytest.mark.parametrize(("dialect", "case"), DATAGRAMS.values(), ids=DATAGRAMS)
def test_content_length_of_a_request(dialect: str, case: Body) -> None:
    for transport, expected in (("tcp", case.over_tcp), ("udp", case.over_udp)):
        data = request(f"Via: {VIA}", ruri=f"sip:bob@10.0.0.9;transport={transport}", length=case.length, end=case.body)
        payload = sent(data, dialect).payload
        assert (lines(payload, "content-length"), payload.partition(b"\r\n\r\n")[2]) == expected


@pytest.mark.parametrize(("dialect", "case"), DATAGRAMS.values(), ids=DATAGRAMS)
def test_content_length_of_a_response(dialect: str, case: Body) -> None:
    for transport, expected in (("TCP", case.over_tcp), ("UDP", case.over_udp)):
        data = response(
            "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKours",
            f"Via: SIP/2.0/{transport} 10.0.0.5;branch=z9hG4bK1",
            length=case.length,
            end=case.body,
        )
        payload = sent(data, dialect).payload
        assert (lines(payload, "content-length"), payload.partition(b"\r\n\r\n")[2]) == expected


def test_a_content_length_that_is_added_stands_last() -> None:
    payload = sent(request(f"Via: {VIA}", ruri="sip:bob@10.0.0.9;transport=tcp", length="", end=b"abc")).payload
    assert payload.endswith(b"CSeq: 7 OPTIONS\r\nContent-Length: 3\r\n\r\nabc")


@pytest.mark.parametrize(
    ("length", "left", "detail"),
    [
        ("4", "body shorter than its Content-Length", "3 of 4 bytes are there"),
        ("x", "malformed request", "Content-Length is no number: b'x' (at byte 196)"),
        ("9" * 5000, "body shorter than its Content-Length", "3 of 9999999999 bytes are there"),
    ],
)
def test_a_content_length_that_is_a_lie(length: str, left: str, detail: str) -> None:
    outcome = handled(request(f"Via: {VIA}", length=length, end=b"abc"))
    assert (outcome.sent, outcome.left, outcome.detail) == ((), left, detail)
