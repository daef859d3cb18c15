"""Responses on their way back: our Via goes, the one below says where to."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.proxy.outcome import IS_RESPONSE, MALFORMED_RESPONSE, NO_MORE_VIA, NO_SOCKET, NOT_OUR_VIA, UNRESOLVED
from scapy_rr.proxy.response import drop_our_via
from scapy_rr.rr.identity import Identity
from scapy_rr.sip.edits import Edits
from scapy_rr.sip.message import Message

from .traffic import DIALECTS, LISTEN, OUR_VIA, VIA, handled, proxy, response, sent, vias


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_whole_message(dialect: str) -> None:
    """The Record-Route stays as it is, Max-Forwards is none of a response's; nothing but our Via is touched, however it is written."""
    data = (
        b"SIP/2.0 180 Ringing here\r\n"
        b"Record-Route: <sip:10.0.0.1;lr;ftag=1928301774>\r\n"
        b"Via : SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1.2.0;received=10.0.0.1 \r\n"
        b"v:  SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776 ;received=10.0.0.5;rport=15060\n"
        b"Via: SIP/2.0/TCP 10.0.0.66;branch=z9hG4bK2\r\n"
        b"Max-Forwards: 7\r\n"
        b"f: Alice\r\n <sip:alice@atlanta.com>;tag=1928301774\r\n"
        b"t: Bob <sip:bob@biloxi.com>;tag=a6c85cf\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INVITE\r\n"
        b"l: 4\r\n\r\n\x00\xff\r\n"
    )
    one = sent(data, dialect, "10.0.0.9:5060")
    assert one.payload == data.replace(b"Via : SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1.2.0;received=10.0.0.1 \r\n", b"")
    assert (str(one.send_socket), str(one.next_hop)) == ("udp:10.0.0.1:5060", "udp:10.0.0.5:15060")
    assert handled(data, dialect).way == IS_RESPONSE


# The topmost Via is ours: what is left of the Vias.

TOPMOST = {
    "alone in its header": ([f"Via: {OUR_VIA}", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "other headers between": ([f"Via: {OUR_VIA}", "X: y", f"Via: {VIA}", "Via: SIP/2.0/UDP g"], [f"Via: {VIA}", "Via: SIP/2.0/UDP g"]),
    "in a list": ([f"Via: {OUR_VIA}, {VIA}"], [f"Via: {VIA}"]),
    "in a list of three": ([f"Via:{OUR_VIA} ,\t{VIA} , SIP/2.0/UDP g"], [f"Via:{VIA} , SIP/2.0/UDP g"]),
    "in a folded list": ([f"Via: {OUR_VIA}\r\n ,\r\n  {VIA}"], [f"Via: {VIA}"]),
    "in compact form": ([f"v: {OUR_VIA}", f"v: {VIA}"], [f"v: {VIA}"]),
    "in a list in compact form": ([f"v:{OUR_VIA},{VIA}"], [f"v:{VIA}"]),
    "folded": (["Via: SIP / 2.0\r\n / UDP 10.0.0.1 :\r\n 5060 ; branch = z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "without a port": (["Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "without a branch": (["Via: SIP/2.0/UDP 10.0.0.1", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "of the other transport": (["Via: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "by what the listener is advertised as": (["Via: SIP/2.0/UDP EDGE.example.com:5060;branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "by the address of one that is advertised": (["Via: SIP/2.0/UDP 10.0.0.2:5070;branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "IPv6 in full": (["Via: SIP/2.0/UDP [2001:DB8:0:0:0:0:0:1]:5060;branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "IPv6, shortened": (["Via: SIP/2.0/UDP [2001:db8::1];branch=z9hG4bK3", f"Via: {VIA}"], [f"Via: {VIA}"]),
    "a spiral: ours below ours": ([f"Via: {OUR_VIA}", "Via: SIP/2.0/UDP 10.0.0.1;branch=b"], ["Via: SIP/2.0/UDP 10.0.0.1;branch=b"]),
}


@pytest.mark.parametrize(("before", "after"), TOPMOST.values(), ids=TOPMOST)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_our_via_goes(before: list[str], after: list[str], dialect: str) -> None:
    assert vias(sent(response(*before), dialect).payload) == after


FOREIGN = {
    "another address": "SIP/2.0/UDP 10.0.0.77",
    "another port": "SIP/2.0/UDP 10.0.0.1:5099",
    "the default port, which is not ours": "SIP/2.0/TCP [2001:db8::1]",
    "a transport without a listener": "SIP/2.0/TLS 10.0.0.1:5060",
    "a transport that there is not": "SIP/2.0/XYZ 10.0.0.1:5060",
    "a name": "SIP/2.0/UDP proxy.example.com",
}


@pytest.mark.parametrize("sent_by", FOREIGN.values(), ids=FOREIGN)
def test_a_via_that_is_not_ours(sent_by: str) -> None:
    """:rfc:`3261#section-18.1.2`: somebody else's response is discarded, though our Via stands below."""
    outcome = handled(response(f"Via: {sent_by};branch=z9hG4bK1", f"Via: {OUR_VIA}"))
    assert (outcome.sent, outcome.left, outcome.detail) == ((), NOT_OUR_VIA, sent_by)


def test_none_below() -> None:
    """To a request of ours; a stateless proxy has none."""
    outcome = handled(response(f"Via: {OUR_VIA}"))
    assert (outcome.sent, outcome.left, outcome.detail) == ((), NO_MORE_VIA, "200 to a request of our own")


FAULTS = {
    "a malformed one on top": (["Via: junk", f"Via: {VIA}"], "a Via without SIP/2.0, transport and host"),
    "a malformed one below": ([f"Via: {OUR_VIA}", "Via: junk"], "a Via without SIP/2.0, transport and host"),
    "a malformed one behind": ([f"Via: {OUR_VIA}, {VIA};;x"], "a malformed Via parameter"),
    "a transport that there is not": ([f"Via: {OUR_VIA}", "Via: SIP/2.0/XYZ h"], "the Via below ours has a transport that is none: xyz"),
    "a port that is none": ([f"Via: {OUR_VIA}", "Via: SIP/2.0/UDP 10.0.0.5:65536"], "port 65536 in a Via"),
    "an rport that is none": ([f"Via: {OUR_VIA}", "Via: SIP/2.0/UDP 10.0.0.5;rport=70000"], "port 70000 in a Via"),
    "an rport without end": ([f"Via: {OUR_VIA}", f"Via: SIP/2.0/UDP h;received=10.0.0.5;rport={'1' * 5000}"], "port 1111111111 in a Via"),
}


@pytest.mark.parametrize(("headers", "reason"), FAULTS.values(), ids=FAULTS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_malformed(headers: list[str], reason: str, dialect: str) -> None:
    outcome = handled(response(*headers), dialect)
    assert (outcome.sent, outcome.left) == ((), MALFORMED_RESPONSE)
    assert outcome.detail.partition(" (at")[0] == reason


def test_no_via_to_take_off() -> None:
    with pytest.raises(SipParseError, match="no Via header"):
        drop_our_via(Identity(LISTEN), Message(response()), Edits(), [])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_via(dialect: str) -> None:
    outcome = handled(response(), dialect)
    assert (outcome.sent, outcome.detail.lower()) == ((), "no via header (at byte 0)")


# Where it goes (18.2.2, RFC 3581 4): maddr with the port of sent-by; received with rport or the port of sent-by; sent-by.

WAYS = {
    "sent-by": ("UDP 10.0.0.5", "udp:10.0.0.5:5060", "sent-by"),
    "sent-by with a port": ("UDP 10.0.0.5:5062;branch=a", "udp:10.0.0.5:5062", "sent-by"),
    "sent-by with port 0": ("UDP 10.0.0.5:0;branch=a", "udp:10.0.0.5:5060", "sent-by"),
    "rport without received": ("UDP 10.0.0.5:5062;rport=7", "udp:10.0.0.5:7", "sent-by"),
    "rport without a value": ("UDP 10.0.0.5:5062;rport", "udp:10.0.0.5:5062", "sent-by"),
    "rport that is no number": ("UDP 10.0.0.5:5062;rport=x", "udp:10.0.0.5:5062", "sent-by"),
    "received": ("UDP h;received=10.0.0.6", "udp:10.0.0.6:5060", "received"),
    "received, with a port in sent-by": ("UDP h:5062;received=10.0.0.6", "udp:10.0.0.6:5062", "received"),
    "received and rport": ("UDP h:5062;branch=a;rport=15060;received=10.0.0.6", "udp:10.0.0.6:15060", "received"),
    "received and rport without a value": ("UDP h:5062;received=10.0.0.6;rport", "udp:10.0.0.6:5062", "received"),
    "received and port 0": ("UDP h:0;received=10.0.0.6;rport=0", "udp:10.0.0.6:5060", "received"),
    "an empty received": ("UDP 10.0.0.5;received=", "udp:10.0.0.5:5060", "sent-by"),
    "maddr": ("UDP h;maddr=10.0.0.8;ttl=1", "udp:10.0.0.8:5060", "maddr"),
    "maddr before received and rport": ("UDP h:5062;received=10.0.0.6;rport=7;maddr=10.0.0.8", "udp:10.0.0.8:5062", "maddr"),
    "TCP": ("TCP 10.0.0.5;branch=a", "tcp:10.0.0.5:5060", "sent-by"),
    "TCP with received and rport": ("TCP h;received=10.0.0.6;rport=40000", "tcp:10.0.0.6:40000", "received"),
    "a name in the table": ("UDP phone.example.net", "udp:10.0.0.7:5060", "sent-by"),
    "a name in the table, with a port": ("UDP Phone.Example.NET:5062", "udp:10.0.0.7:5062", "sent-by"),
    "a name and port of the table": ("UDP six.example.net", "udp:[2001:db8::7]:5080", "sent-by"),
    "a name and rport": ("UDP phone.example.net;rport=7", "udp:10.0.0.7:7", "sent-by"),
    "a name as maddr": ("UDP h;maddr=phone.example.net", "udp:10.0.0.7:5060", "maddr"),
    "IPv6": ("UDP [2001:db8::9]", "udp:[2001:db8::9]:5060", "sent-by"),
    "IPv6 with a port": ("UDP [2001:db8::9]:5062;branch=a", "udp:[2001:db8::9]:5062", "sent-by"),
    "IPv6 in received": ("UDP h;received=2001:DB8:0:0:0:0:0:9;rport=7", "udp:[2001:db8::9]:7", "received"),
    "IPv6 in received, in brackets": ("UDP h;received=[2001:db8::9]", "udp:[2001:db8::9]:5060", "received"),
}


@pytest.mark.parametrize(("via", "expected", "why"), WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_where_it_goes(via: str, expected: str, why: str, dialect: str) -> None:
    """And which of all these it was, in the trace."""
    outcome = handled(response(f"Via: {OUR_VIA}", f"Via: SIP/2.0/{via}"), dialect)
    (one,) = outcome.sent
    assert str(one.next_hop) == expected
    assert (one.send_socket.transport, one.send_socket.address.version) == (one.next_hop.transport, one.next_hop.address.version)
    steps = [step.text for step in outcome.trace if step.name == "next hop"]
    assert [step.startswith(f"{expected}, from the Via's {why}") for step in steps] == [True]


NOWHERE = {
    "a name that nobody knows": ("UDP nowhere.example", UNRESOLVED, "no address is known for nowhere.example"),
    "received is no address": ("UDP 10.0.0.5;received=x_y-", UNRESOLVED, "no address is known for x_y-"),
    "a transport without a listener": ("TLS 10.0.0.5", NO_SOCKET, "nothing of ours can send to tls:10.0.0.5:5061"),
}


@pytest.mark.parametrize(("via", "left", "detail"), NOWHERE.values(), ids=NOWHERE)
def test_where_it_cannot_go(via: str, left: str, detail: str) -> None:
    outcome = handled(response(f"Via: {OUR_VIA}", f"Via: SIP/2.0/{via}"))
    assert (outcome.sent, outcome.left, outcome.detail) == ((), left, detail)


# What else the servers change: a 503 of the next hop is not the proxy's own (16.7 step 6).


@pytest.mark.parametrize(
    ("status", "opensips"),
    [
        ("503 Service Unavailable", b"SIP/2.0 500 Service Unavailable\r\n"),
        ("503", b"SIP/2.0 500\r\n"),
        (" 503 503", b"SIP/2.0  500 503\r\n"),
        ("500 503", b"SIP/2.0 500 503\r\n"),
        ("200 503", b"SIP/2.0 200 503\r\n"),
    ],
)
def test_503(status: str, opensips: bytes) -> None:
    data = response(f"Via: {OUR_VIA}", f"Via: {VIA}", status=status)
    assert sent(data).payload.startswith(opensips)
    assert sent(data, "kamailio").payload.startswith(f"SIP/2.0 {status}\r\n".encode())


def test_without_the_proxy_responses_stay_as_they_are() -> None:
    router = proxy()
    router.via = False
    outcome = router.handle(response(f"Via: {OUR_VIA}", f"Via: {VIA}"))
    assert (outcome.sent, outcome.left) == ((), IS_RESPONSE)
