"""The responses that the proxy makes itself (RFC 3261 8.2.6), byte by byte, and where they go."""

import pytest

from scapy_rr.errors import ConfigError, SipParseError
from scapy_rr.proxy.outcome import MALFORMED
from scapy_rr.proxy.reply import is_ack_of_own, own_reply
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.request import Request
from scapy_rr.sip.message import Message

from .traffic import DIALECTS, LISTEN, SOURCE, SOURCE6, VIA, handled, lines, request, sent, shown, vias


def ask(data: bytes, dialect: str = "opensips", source: str = SOURCE) -> Request:
    """A request that is to be answered."""
    return RecordRouting(dialect, LISTEN).request(data, source=source)


def made(data: bytes, code: int = 404, reason: str = "Not Found", dialect: str = "opensips", source: str = SOURCE) -> bytes:
    """An answer to a request."""
    return own_reply(ask(data, dialect, source), code, reason)


def test_a_whole_response() -> None:
    """What a response needs, in the order and the spelling of the request, and nothing else."""
    data = (
        b"INVITE sip:bob@10.0.0.9 SIP/2.0\r\n"
        b"To :  Bob\r\n <sip:bob@biloxi.com> \r\n"
        b"Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\n"
        b"Max-Forwards: 0\r\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\n"
        b"Record-Route: <sip:10.0.0.7;lr>\r\n"
        b"VIA: SIP/2.0/UDP 10.0.0.67;branch=z9hG4bK3 , SIP/2.0/TCP h\r\n"
        b"Contact: <sip:alice@pc33.atlanta.com>\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq:\r\n 314159 INVITE\r\n"
        b"l: 4\r\n\r\n\x00\xff\r\n"
    )
    assert shown(sent(data).payload) == (
        b"SIP/2.0 483 Too Many Hops\r\n"
        b"To :  Bob\r\n <sip:bob@biloxi.com>;tag=OURS \r\n"
        b"Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK1\r\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\n"
        b"VIA: SIP/2.0/UDP 10.0.0.67;branch=z9hG4bK3 , SIP/2.0/TCP h\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq:\r\n 314159 INVITE\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


# received and rport in the topmost Via (build_res_buf_from_sip_req): OpenSIPS, Kamailio.

VIAS = {
    "nothing to add": ("10.0.0.5;branch=a", "10.0.0.5;branch=a", "10.0.0.5;branch=a"),
    "no parameters": ("h", "h;received=10.0.0.5", "h;received=10.0.0.5"),
    "received": ("h:5062;x;branch=a;y", "h:5062;received=10.0.0.5;x;branch=a;y", "h:5062;x;branch=a;received=10.0.0.5;y"),
    "received without a branch": ("h;x", "h;received=10.0.0.5;x", "h;x;received=10.0.0.5"),
    "rport": ("h;rport;branch=a", "h;received=10.0.0.5;rport=15060;branch=a", "h;rport=15060;received=10.0.0.5;branch=a"),
    "rport behind branch": (
        "h;branch=a;rport;x",
        "h;received=10.0.0.5;branch=a;rport=15060;x",
        "h;branch=a;rport=15060;received=10.0.0.5;x",
    ),
    "several without a branch": ("h, SIP/2.0/UDP g", "h;received=10.0.0.5, SIP/2.0/UDP g", "h;received=10.0.0.5, SIP/2.0/UDP g"),
    "rport of the sender's own address": (
        "10.0.0.5:15060;branch=a;rport",
        "10.0.0.5:15060;received=10.0.0.5;branch=a;rport=15060",
        "10.0.0.5:15060;branch=a;rport=15060;received=10.0.0.5",
    ),
    "rport with a value": ("h;rport=7;branch=a", "h;received=10.0.0.5;rport=15060;branch=a", "h;rport=15060;received=10.0.0.5;branch=a"),
    # Both say so themselves: a received that was there stays, beside the new one.
    "received is there": (
        "h;received=192.0.2.1;branch=a",
        "h;received=10.0.0.5;received=192.0.2.1;branch=a",
        "h;received=192.0.2.1;branch=a;received=10.0.0.5",
    ),
    "several in one header": (
        "h;branch=a;rport, SIP/2.0/UDP g;rport;branch=b",
        "h;received=10.0.0.5;branch=a;rport=15060, SIP/2.0/UDP g;rport;branch=b",
        "h;branch=a;rport=15060;received=10.0.0.5, SIP/2.0/UDP g;rport;branch=b",
    ),
    "folds": (
        "h\r\n ;branch=a;\r\n rport",
        "h;received=10.0.0.5\r\n ;branch=a;rport=15060",
        "h\r\n ;branch=a;rport=15060;received=10.0.0.5",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("via", "opensips", "kamailio"), VIAS.values(), ids=VIAS)
@pytest.mark.parametrize("name", ["Via: ", "v:"])
def test_received_and_rport(via: str, opensips: str, kamailio: str, name: str) -> None:
    below = "Via: SIP/2.0/UDP 192.0.2.9;rport;branch=b"
    for dialect, expected in (("opensips", opensips), ("kamailio", kamailio)):
        payload = made(request(f"{name}SIP/2.0/UDP {via}", below), dialect=dialect)
        assert vias(payload) == [f"{name}SIP/2.0/UDP {expected}", below]


VIAS_OVER_IPV6 = {
    "nothing to add": ("[2001:db8::5];branch=a", "[2001:db8::5];branch=a", "[2001:db8::5];branch=a"),
    "received": ("h;branch=a", "h;received=2001:DB8:0:0:0:0:0:5;branch=a", "h;branch=a;received=2001:db8::5"),
    "rport": (
        "[2001:db8::5]:9;rport;branch=a",
        "[2001:db8::5]:9;received=2001:DB8:0:0:0:0:0:5;rport=15060;branch=a",
        "[2001:db8::5]:9;rport=15060;received=2001:db8::5;branch=a",
    ),
}


@pytest.mark.parametrize(("via", "opensips", "kamailio"), VIAS_OVER_IPV6.values(), ids=VIAS_OVER_IPV6)
def test_received_and_rport_over_ipv6(via: str, opensips: str, kamailio: str) -> None:
    for dialect, expected in (("opensips", opensips), ("kamailio", kamailio)):
        assert vias(made(request(f"Via: SIP/2.0/UDP {via}"), dialect=dialect, source=SOURCE6)) == [f"Via: SIP/2.0/UDP {expected}"]


# The tag of To.

TAGGED = {
    "a name-addr": ("<sip:bob@example.com>", "<sip:bob@example.com>;tag=OURS"),
    "parameters": ("<sip:bob@example.com>;x=y", "<sip:bob@example.com>;x=y;tag=OURS"),
    "an address alone": ("sip:bob@example.com", "sip:bob@example.com;tag=OURS"),
    "a tag that is there": ("<sip:bob@example.com>;tag=b2", "<sip:bob@example.com>;tag=b2"),
    "a tag of the URI": ("<sip:bob@example.com;tag=no>", "<sip:bob@example.com;tag=no>;tag=OURS"),
}


@pytest.mark.parametrize(("to", "expected"), TAGGED.values(), ids=TAGGED)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_to(to: str, expected: str, dialect: str) -> None:
    assert lines(made(request(f"Via: {VIA}", to=to), dialect=dialect), "to") == [f"To: {expected}"]


def test_100_has_no_tag() -> None:
    """:rfc:`3261#section-8.2.6.2`: the dialog is not ours to make."""
    assert lines(made(request(f"Via: {VIA}"), 100, "Trying"), "to") == ["To: <sip:bob@example.com>"]


def test_the_tag_is_the_transactions() -> None:
    """A retransmission is answered alike, byte for byte, and a CANCEL with the tag of its INVITE; another request with another tag."""
    invite = request(f"Via: {VIA}", method="INVITE")
    answer = made(invite)
    assert made(invite) == answer
    tag = Message(answer).value(b"to")
    assert Message(made(request(f"Via: {VIA}", method="CANCEL"))).value(b"to") == tag
    for old, new in ((b"z9hG4bK1", b"z9hG4bK2"), (b"1@10.0.0.5", b"2@10.0.0.5"), (b"tag=a1", b"tag=a2")):
        assert Message(made(invite.replace(old, new))).value(b"to") != tag


@pytest.mark.parametrize(
    ("method", "to", "is_ours"), [("ACK", "{to}", True), ("ACK", "<sip:bob@example.com>;tag=b2", False), ("BYE", "{to}", False)]
)
def test_the_ack_for_an_answer_of_our_own(method: str, to: str, is_ours: bool) -> None:
    answer = made(request(f"Via: {VIA}", method="INVITE"))
    to = to.format(to=(Message(answer).value(b"to") or b"").decode())
    assert is_ack_of_own(ask(request(f"Via: {VIA}", method=method, to=to))) is is_ours


def test_no_message_is_no_ack() -> None:
    assert not is_ack_of_own(ask(b"junk"))


# What else stands in it.


@pytest.mark.parametrize(
    ("code", "is_there"), [(100, False), (179, False), (180, True), (200, True), (299, True), (300, False), (404, False)]
)
def test_record_route_is_for_responses_that_make_a_dialog(code: int, is_there: bool) -> None:
    """:rfc:`3261#section-12.1.1`."""
    data = request(f"Via: {VIA}", "Record-Route: <sip:10.0.0.7;lr>", "Record-Route:\r\n <sip:10.0.0.8;lr>", "Route: <sip:10.0.0.1;lr>")
    expected = ["Record-Route: <sip:10.0.0.7;lr>", "Record-Route:\r\n <sip:10.0.0.8;lr>"] if is_there else []
    assert lines(made(data, code, "x"), "record-route", "route") == expected


def test_more_headers() -> None:
    payload = own_reply(ask(request(f"Via: {VIA}")), 420, "Bad Extension", b"Unsupported: foo\r\nX: y\r\n")
    assert payload.endswith(b"CSeq: 7 OPTIONS\r\nUnsupported: foo\r\nX: y\r\nContent-Length: 0\r\n\r\n")


def test_a_reason_in_any_letters() -> None:
    assert made(request(f"Via: {VIA}"), 404, "Café").startswith(b"SIP/2.0 404 Caf\xe9\r\n")
    assert made(request(f"Via: {VIA}"), 404, "нет").startswith("SIP/2.0 404 нет\r\n".encode())


@pytest.mark.parametrize(("code", "reason"), [(99, "x"), (700, "x"), (-404, "x"), (404, "a\r\nX: y"), (404, "a\nb")])
def test_what_is_no_answer(code: int, reason: str) -> None:
    with pytest.raises(ConfigError, match="a code from 100 to 699 and a reason of one line are needed"):
        made(request(f"Via: {VIA}"), code, reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"junk", "neither a request line nor a status line"),
        (request(), "no Via header"),
        (request("Via: junk"), "a Via without SIP/2.0, transport and host"),
        (request(f"Via: {VIA}", to="<sip:bob"), "neither a name-addr nor an addr-spec"),
    ],
)
def test_what_cannot_be_answered(data: bytes, reason: str) -> None:
    with pytest.raises(SipParseError, match=reason):
        made(data)


# Where it goes (18.2.2): to the source, over UDP at the port of the Via unless that asks for rport.

WAYS = {
    "the port of the Via": ("SIP/2.0/UDP h:5062;branch=a", "udp:10.0.0.1:5060", SOURCE, "udp:10.0.0.5:5062"),
    "no port in the Via": ("SIP/2.0/UDP h;branch=a", "udp:10.0.0.1:5060", SOURCE, "udp:10.0.0.5:5060"),
    "port 0": ("SIP/2.0/UDP h:0;branch=a", "udp:10.0.0.1:5060", SOURCE, "udp:10.0.0.5:5060"),
    "rport": ("SIP/2.0/UDP h:5062;branch=a;rport", "udp:10.0.0.1:5060", SOURCE, "udp:10.0.0.5:15060"),
    "neither maddr nor received of the sender's": (
        "SIP/2.0/UDP h:5062;maddr=192.0.2.1;received=192.0.2.2",
        "udp:10.0.0.1:5060",
        SOURCE,
        "udp:10.0.0.5:5062",
    ),
    "TCP: the connection": ("SIP/2.0/TCP h:5062;branch=a", "tcp:10.0.0.1:5060", SOURCE, "tcp:10.0.0.5:15060"),
    "IPv6": ("SIP/2.0/UDP h:5062;branch=a", "udp:[2001:db8::1]:5060", SOURCE6, "udp:[2001:db8::5]:5062"),
    "IPv6 with rport": ("SIP/2.0/UDP h;branch=a;rport", "udp:[2001:db8::1]:5060", SOURCE6, "udp:[2001:db8::5]:15060"),
}


@pytest.mark.parametrize(("via", "received_on", "source", "expected"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_it_goes(via: str, received_on: str, source: str, expected: str, dialect: str) -> None:
    """By the listener that the request came by."""
    one = sent(request(f"Via: {via}", "Max-Forwards: 0"), dialect, source, received_on)
    assert one.payload.startswith(b"SIP/2.0 483 ")
    assert (str(one.send_socket), str(one.next_hop)) == (received_on, expected)


def test_a_port_that_is_none() -> None:
    outcome = handled(request("Via: SIP/2.0/UDP h:99999;branch=a", "Max-Forwards: 0"))
    assert (outcome.sent, outcome.left, outcome.detail) == ((), MALFORMED, "port 99999 in a Via (at byte 39)")


def test_a_source_that_nobody_knows() -> None:
    outcome = handled(request(f"Via: {VIA}", "Max-Forwards: 0"), source=None)
    assert (outcome.sent, outcome.left, outcome.detail) == ((), "where to answer to is not known", "483 Too Many Hops")
