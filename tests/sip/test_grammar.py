"""The shared pieces of the grammar, each with what it takes and what it leaves."""

import re

import pytest

from scapy_rr.sip import grammar

TAKEN = [
    (grammar.TOKEN, b"INVITE"),
    # RFC 4475 3.1.1.2: every character that a method may have.
    (grammar.TOKEN, b"!interesting-Method0123456789_*+`.%indeed'~"),
    (grammar.QUOTED, b'""'),
    (grammar.QUOTED, b'"a, <b>"'),
    (grammar.QUOTED, b'"a \\" b"'),
    (grammar.QUOTED, '"Иван"'.encode()),
    (grammar.LWS, b""),
    (grammar.LWS, b" \r\n\t "),
    (grammar.LWS, b"\n "),
]
LEFT = [
    (grammar.TOKEN, b""),
    (grammar.TOKEN, b"IN VITE"),
    (grammar.TOKEN, b"a@b"),
    (grammar.TOKEN, b"(a)"),
    (grammar.QUOTED, b"a"),
    (grammar.QUOTED, b'"a'),
    (grammar.QUOTED, b'"a\\"'),
    (grammar.QUOTED, b'"a"b"'),
    (grammar.LWS, b"a"),
]


@pytest.mark.parametrize(("pattern", "text"), TAKEN)
def test_takes(pattern: bytes, text: bytes) -> None:
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize(("pattern", "text"), LEFT)
def test_leaves(pattern: bytes, text: bytes) -> None:
    assert not re.fullmatch(pattern, text)


REQUEST_LINES = {
    b"INVITE sip:bob@b SIP/2.0\r\n": (b"INVITE", b"sip:bob@b"),
    b"INVITE sip:bob@b SIP/2.0\n": (b"INVITE", b"sip:bob@b"),
    b"invite  sip:bob@b\tsip/2.0 \r\n": (b"invite", b"sip:bob@b"),
    b"INVITE <sip:bob@b> SIP/2.0\r\n": (b"INVITE", b"<sip:bob@b>"),
    b"INVITE sip:bob@b SIP/7.0\r\n": None,
    b"INVITE sip:bob@b; lr SIP/2.0\r\n": None,
    b"INVITE sip:bob@b\r\n": None,
    b" INVITE sip:bob@b SIP/2.0\r\n": None,
    b"INVITE sip:bob@b SIP/2.0": None,
    b"GET / HTTP/1.1\r\n": None,
}


@pytest.mark.parametrize(("line", "parts"), REQUEST_LINES.items())
def test_request_line(line: bytes, parts: tuple[bytes, bytes] | None) -> None:
    match = grammar.REQUEST_LINE.match(line)
    assert (match.group(1, 2) if match else None) == parts


STATUS_LINES = {
    b"SIP/2.0 200 OK\r\n": (b"200", b"OK"),
    b"SIP/2.0 100 \r\n": (b"100", b""),
    b"SIP/2.0 100\r\n": (b"100", None),
    b"sip/2.0 606 Not = acceptable\n": (b"606", b"Not = acceptable"),
    b"SIP/2.0 4294967301 better not\r\n": None,
    b"SIP/2.0 700 none\r\n": None,
    b"SIP/2.0 20 short\r\n": None,
    b"SIP/2.0 200OK\r\n": None,
}


@pytest.mark.parametrize(("line", "parts"), STATUS_LINES.items())
def test_status_line(line: bytes, parts: tuple[bytes, bytes | None] | None) -> None:
    match = grammar.STATUS_LINE.match(line)
    assert (match.group(2, 3) if match else None) == parts


HEADER_BLOCKS = {
    b"To: a\r\nFrom: b\r\n\r\nbody: x\r\n": b"To: a\r\nFrom: b\r\n",
    b"To: a\r\n b\r\n\tc\r\n\r\n": b"To: a\r\n b\r\n\tc\r\n",
    b"To : a\n\n": b"To : a\n",
    b"To:\r\n a\r\n\r\n": b"To:\r\n a\r\n",
    b"\r\n": b"",
    b" To: a\r\n\r\n": b"",
    b"To: a\r\nno colon\r\n\r\n": b"To: a\r\n",
    b"To: a\r\n: b\r\n\r\n": b"To: a\r\n",
    b"To: a\r\nT o: b\r\n\r\n": b"To: a\r\n",
}


@pytest.mark.parametrize(("text", "block"), HEADER_BLOCKS.items())
def test_headers(text: bytes, block: bytes) -> None:
    """Whole header lines, folds included, up to the first line that is none."""
    match = grammar.HEADERS.match(text)
    assert match is not None
    assert match.group() == block


def test_leading_crlf() -> None:
    match = grammar.LEADING_CRLF.match(b"\r\n\r\n\nINVITE")
    assert match is not None
    assert match.end() == 5
