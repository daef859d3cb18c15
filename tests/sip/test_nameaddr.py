"""Name-addr lists as spans and as values, and the tags of From and To."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.sip.nameaddr import Element, NameAddr, parse_many, parse_tag


def elements(value: bytes) -> list[tuple[bytes, bytes, bool]]:
    """Each element's own text, its URI, and whether that stood in brackets."""
    return [(value[e.start : e.end], value[e.uri_start : e.uri_end], e.bracketed) for e in parse_many(value, 0, len(value))]


LISTS = {
    "one": (b"<sip:a;lr>", [(b"<sip:a;lr>", b"sip:a;lr", True)]),
    "two": (b"<sip:a;lr>,<sip:b>", [(b"<sip:a;lr>", b"sip:a;lr", True), (b"<sip:b>", b"sip:b", True)]),
    "white space belongs to no element": (b"<sip:a> ,\r\n\t<sip:b>", [(b"<sip:a>", b"sip:a", True), (b"<sip:b>", b"sip:b", True)]),
    "a comma in a display name": (
        b'"Doe, John" <sip:a>, <sip:b>',
        [(b'"Doe, John" <sip:a>', b"sip:a", True), (b"<sip:b>", b"sip:b", True)],
    ),
    "brackets in a display name": (b'"<sip:x>" <sip:a>', [(b'"<sip:x>" <sip:a>', b"sip:a", True)]),
    "quotes in a display name": (b'"a \\"b, c\\" d" <sip:a>', [(b'"a \\"b, c\\" d" <sip:a>', b"sip:a", True)]),
    "a comma in the brackets": (b"<sip:a,b@c>,<sip:d>", [(b"<sip:a,b@c>", b"sip:a,b@c", True), (b"<sip:d>", b"sip:d", True)]),
    "parameters behind the bracket": (
        b'<sip:a> ; x = "1,2" ;y,<sip:b>',
        [(b'<sip:a> ; x = "1,2" ;y', b"sip:a", True), (b"<sip:b>", b"sip:b", True)],
    ),
    "a bare URI ends at the semicolon (20.10)": (
        b"sip:a@b;tag=1 , sip:c",
        [(b"sip:a@b;tag=1", b"sip:a@b", False), (b"sip:c", b"sip:c", False)],
    ),
    "empty elements": (b",<sip:a>", [(b"", b"", False), (b"<sip:a>", b"sip:a", True)]),
    "nothing": (b"", [(b"", b"", False)]),
    # There is no closing bracket before the last: to the servers it is one URI (loose-syntax-31).
    "a lost closing bracket": (b"<sip:a;lr, <sip:b;lr>", [(b"<sip:a;lr, <sip:b;lr>", b"sip:a;lr, <sip:b;lr", True)]),
}


@pytest.mark.parametrize(("value", "expected"), LISTS.values(), ids=LISTS)
def test_parse_many(value: bytes, expected: list[tuple[bytes, bytes, bool]]) -> None:
    assert elements(value) == expected


def test_offsets_are_those_of_the_buffer() -> None:
    """A list is read where it stands, nothing is cut out for it."""
    data = b"Route: <sip:a>, <sip:b>\r\n"
    assert parse_many(data, 7, 23) == [Element(7, 14, 8, 13, True), Element(16, 23, 17, 22, True)]


FAULTY_LISTS = {
    "an open bracket": (b"<sip:a;lr", 0),
    "an open bracket behind a name": (b"name <sip:a", 5),
    "an open quote": (b'"name <sip:a>', 0),
    "text behind the bracket": (b"<sip:a> x", 8),
    "a semicolon and nothing at the end": (b"<sip:a>;", 7),
    "a quote in a parameter's name": (b'<sip:a>;x="1" y', 14),
    # Seen from its closing quote, the escape is one byte back: the servers look no further (QUOTED).
    "a display name that ends with an escaped backslash": (b'"x\\\\" <sip:a>', 0),
}


@pytest.mark.parametrize(("value", "offset"), FAULTY_LISTS.values(), ids=FAULTY_LISTS)
def test_faulty_list(value: bytes, offset: int) -> None:
    with pytest.raises(SipParseError) as caught:
        parse_many(value, 0, len(value))
    assert caught.value.offset == offset


ADDRESSES = {
    b"sip:a@b": NameAddr(b"", b"sip:a@b", b""),
    b"sip:a@b;tag=1": NameAddr(b"", b"sip:a@b", b";tag=1"),
    b"<sip:a@b;lr>;tag=1": NameAddr(b"", b"sip:a@b;lr", b";tag=1"),
    b'"A. Bell"  <sip:a@b> ;x': NameAddr(b'"A. Bell"', b"sip:a@b", b";x"),
    b"Alice\r\n <sip:a@b>": NameAddr(b"Alice", b"sip:a@b", b""),
}


@pytest.mark.parametrize(("value", "expected"), ADDRESSES.items())
def test_name_addr(value: bytes, expected: NameAddr) -> None:
    assert NameAddr.parse(value) == expected


def test_name_addr_list_leaves_out_the_empty() -> None:
    assert NameAddr.parse_many(b", <sip:a>, ,sip:b") == [NameAddr(b"", b"sip:a", b""), NameAddr(b"", b"sip:b", b"")]


@pytest.mark.parametrize(("value", "count"), [(b"", 0), (b"<sip:a>,<sip:b>", 2)])
def test_name_addr_is_one(value: bytes, count: int) -> None:
    with pytest.raises(SipParseError, match=f"{count} addresses where one is expected"):
        NameAddr.parse(value)


TAGS = {
    "none": (b"<sip:a@b>", None),
    "plain": (b"<sip:a@b>;tag=1928", b"1928"),
    "behind a quoted name": (b'"Alice; tag=no" <sip:a@b>;tag=1928', b"1928"),
    "behind a token name": (b"A. Bell <sip:a@b>;tag=1928", b"1928"),
    "behind a bare URI": (b"sip:a@b;tag=1928", b"1928"),
    "in the URI it is the URI's": (b"<sip:a@b;tag=no>", None),
    "the name has no case": (b"<sip:a@b>;TAG=1928", b"1928"),
    "quotes are taken off": (b'<sip:a@b>;tag="q r"', b"q r"),
    "an escape in quotes": (b'<sip:a@b>;tag="q\\"r"', b'q\\"r'),
    "among others": (b'<sip:a@b>;x;y=z;tag=1928;q="a;tag=no"', b"1928"),
    # RFC 4475 3.1.1.1: white space and folds wherever the grammar has them.
    "white space wherever it may stand": (b'"J \\\\\\""  <sip:a@b>\r\n  ;\r\n  tag = 98asjd8', b"98asjd8"),
    "white space behind a bare URI": (b"sip:a@b ;   tag    = 1918181833n", b"1918181833n"),
    "the last of two": (b"<sip:a@b>;tag=1;tag=2", b"2"),
    "odd characters of a token": (b"<sip:a@b>;tag=_token~1'+`*%!-.", b"_token~1'+`*%!-."),
}


@pytest.mark.parametrize(("value", "tag"), TAGS.values(), ids=TAGS)
def test_tag(value: bytes, tag: bytes | None) -> None:
    assert parse_tag(value) == tag


FAULTY_TAGS = {
    "an empty tag (loose-to-01)": b"<sip:a@b>;tag=",
    "a tag without a value (loose-to-05)": b"<sip:a@b>;tag",
    "an empty value in quotes takes no tag": b"<sip:a@b>;x=1;tag=;y",
    "nothing": b"",
    "an open quote": b'"Alice <sip:a@b>;tag=1',
    "an open bracket": b"<sip:a@b;tag=1",
    "a blank in the brackets": b"<sip:a b>;tag=1",
    "two addresses": b"<sip:a@b>,<sip:c@d>",
    "text behind the bracket": b"<sip:a@b> x;tag=1",
    "a parameter without a name": b"<sip:a@b>;=1",
    "a semicolon and nothing": b"<sip:a@b>;tag=1;",
}


@pytest.mark.parametrize("value", FAULTY_TAGS.values(), ids=FAULTY_TAGS)
def test_faulty_tag(value: bytes) -> None:
    with pytest.raises(SipParseError):
        parse_tag(value)
