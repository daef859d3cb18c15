"""What a proxy looks at before it routes (RFC 3261 16.3), and what it answers itself."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.proxy.checks import require
from scapy_rr.proxy.outcome import MALFORMED
from scapy_rr.rr.module import RecordRouting

from .traffic import DIALECTS, LISTEN, VIA, handled, lines, proxy, request, sent

# What a message cannot do without (8.1.1); Max-Forwards is added where it is missing.
WHOLE = request(f"Via: {VIA}")
INCOMPLETE = {
    "Via": (WHOLE.replace(b"Via:", b"X:"), "no via header"),
    "From": (WHOLE.replace(b"From:", b"X:"), "no from header"),
    "To": (WHOLE.replace(b"To:", b"X:"), "no to header"),
    "Call-ID": (WHOLE.replace(b"Call-ID:", b"X:"), "no call-id header"),
    "CSeq": (WHOLE.replace(b"CSeq:", b"X:"), "no cseq header"),
    "a whole Via": (WHOLE.replace(b"SIP/2.0/UDP ", b""), "a via without sip/2.0, transport and host"),
    "a whole To": (WHOLE.replace(b"<sip:bob@example.com>", b"<sip:bob"), "neither a name-addr nor an addr-spec"),
}


@pytest.mark.parametrize(("data", "reason"), INCOMPLETE.values(), ids=INCOMPLETE)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_a_message_cannot_do_without(data: bytes, reason: str, dialect: str) -> None:
    outcome = handled(data, dialect)
    assert (outcome.sent, outcome.left) == ((), MALFORMED)
    assert outcome.detail.partition(" (")[0].lower() == reason


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_no_message(dialect: str) -> None:
    with pytest.raises(SipParseError, match="neither a request line nor a status line"):
        require(RecordRouting(dialect, LISTEN).request(b"junk"))


def test_compact_names_will_do() -> None:
    data = WHOLE.replace(b"Via:", b"v:").replace(b"From:", b"f:").replace(b"To:", b"t:").replace(b"Call-ID:", b"i:")
    assert handled(data).sent


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_header_line_that_is_none(dialect: str) -> None:
    """The one core reads all headers, the other those that every message needs: what follows them it does not see."""
    before = handled(WHOLE.replace(b"CSeq:", b"junk\r\nCSeq:"), dialect)
    assert (before.left, before.detail.partition(" (")[0]) == (MALFORMED, "a header line without a name or a colon")
    behind = handled(WHOLE.replace(b"Content-Length: 0", b"junk"), dialect)
    assert bool(behind.sent) is (dialect == "kamailio")


# Max-Forwards. An ACK is never answered (16.3 step 3, 17.1).

HOPS = {
    "70": ("OPTIONS", "Max-Forwards: 70", "by the R-URI"),
    "1": ("OPTIONS", "Max-Forwards: 1", "by the R-URI"),
    "0": ("OPTIONS", "Max-Forwards: 0", "answered 483"),
    "0 in three digits": ("INVITE", "Max-Forwards: 000", "answered 483"),
    "0 of a CANCEL": ("CANCEL", "Max-Forwards: 0", "answered 483"),
    "0 of an ACK": ("ACK", "Max-Forwards: 0", "an ACK is never answered"),
    "1 of an ACK": ("ACK", "Max-Forwards: 1", "by the R-URI"),
    "none": ("OPTIONS", "X: y", "by the R-URI"),
    "300": ("OPTIONS", "Max-Forwards: 300", "by the R-URI"),
    "letters": ("OPTIONS", "Max-Forwards: many", MALFORMED),
    "nothing": ("OPTIONS", "Max-Forwards:", MALFORMED),
    "a sign": ("OPTIONS", "Max-Forwards: -1", MALFORMED),
    "two numbers": ("OPTIONS", "Max-Forwards: 7 0", MALFORMED),
    "very many digits": ("OPTIONS", f"Max-Forwards: {'9' * 5000}", MALFORMED),
}


@pytest.mark.parametrize(("method", "header", "expected"), HOPS.values(), ids=HOPS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_max_forwards(method: str, header: str, expected: str, dialect: str) -> None:
    outcome = handled(request(f"Via: {VIA}", header, method=method), dialect)
    assert (outcome.way or outcome.left) == expected
    assert bool(outcome.sent) is bool(outcome.way)


def test_483() -> None:
    payload = sent(request(f"Via: {VIA}", "Max-Forwards: 0")).payload
    assert payload.startswith(b"SIP/2.0 483 Too Many Hops\r\n")
    assert lines(payload, "max-forwards") == []


def test_an_ack_that_may_go_no_further_says_why() -> None:
    outcome = handled(request(f"Via: {VIA}", "Max-Forwards: 0", method="ACK"))
    assert (outcome.left, outcome.detail) == ("an ACK is never answered", "483 Too Many Hops")


# Proxy-Require: the proxy has no extension (16.3 step 5, 8.2.2.3).

EXTENSIONS = {
    "one": (["Proxy-Require: sec-agree"], "Unsupported: sec-agree"),
    "several": (["Proxy-Require: foo, bar"], "Unsupported: foo, bar"),
    "several headers": (["Proxy-Require: foo", "X: y", "Proxy-Require:\r\n bar ,baz "], "Unsupported: foo, bar ,baz"),
    "one header is empty": (["Proxy-Require:", "proxy-require: foo", "Proxy-Require: \t"], "Unsupported: foo"),
}


@pytest.mark.parametrize(("headers", "unsupported"), EXTENSIONS.values(), ids=EXTENSIONS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_420(headers: list[str], unsupported: str, dialect: str) -> None:
    payload = sent(request(f"Via: {VIA}", *headers), dialect).payload
    assert payload.startswith(b"SIP/2.0 420 Bad Extension\r\n")
    assert lines(payload, "unsupported", "proxy-require") == [unsupported]


@pytest.mark.parametrize("method", ["ACK", "CANCEL"])
def test_what_asks_for_an_extension_and_must_not(method: str) -> None:
    """:rfc:`3261#section-8.2.2.3`: neither has a Proxy-Require that counts; both go on as they are."""
    payload = sent(request(f"Via: {VIA}", "Proxy-Require: foo", method=method)).payload
    assert payload.startswith(f"{method} sip:bob@10.0.0.9 SIP/2.0\r\n".encode())
    assert lines(payload, "proxy-require") == ["Proxy-Require: foo"]


def test_an_empty_proxy_require_asks_for_nothing() -> None:
    assert sent(request(f"Via: {VIA}", "Proxy-Require: ")).payload.startswith(b"OPTIONS")


def test_the_first_of_several_faults_is_answered() -> None:
    """In the order of :rfc:`3261#section-16.3`."""
    assert handled(request(f"Via: {VIA}", "Max-Forwards: 0", "Proxy-Require: foo")).way == "answered 483"


def test_nothing_is_checked_without_the_proxy() -> None:
    """``via`` off keeps to the rr module and the script."""
    router = proxy()
    router.via = False
    data = request("Max-Forwards: 0", "Proxy-Require: foo")
    assert [one.payload for one in router.handle(data).sent] == [data]
