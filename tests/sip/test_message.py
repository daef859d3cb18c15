"""The index of a message: start line, headers by name, body; and the torture messages' constructs (RFC 4475)."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scapy_rr.errors import SipParseError
from scapy_rr.sip.edits import Edits
from scapy_rr.sip.message import COMPACT_NAMES, LONG_NAMES, Header, Message
from scapy_rr.sip.nameaddr import NameAddr, parse_many, parse_tag
from scapy_rr.sip.uri import Uri

INVITE = (
    b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
    b"v: SIP/2.0/UDP 192.0.2.1\r\n"
    b"Route: <sip:p1.example.net;lr>,\r\n"
    b" <sip:p2.example.net;lr>\r\n"
    b"VIA:SIP/2.0/UDP 192.0.2.2\r\n"
    b"Route : <sip:p3.example.net;lr>  \r\n"
    b"Route-Info: <sip:not.a.route>\r\n"
    b"r: <sip:refer.to>\r\n"
    b"Subject:\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"Route: body, no header\r\n\r\n"
)


def test_start_line_of_a_request() -> None:
    message = Message(INVITE)
    assert message.is_request
    assert message.method == b"INVITE"
    assert message.request_uri == b"sip:bob@biloxi.com"
    assert message.status is None
    assert message.reason == b""
    assert message.body == b"Route: body, no header\r\n\r\n"


def test_start_line_of_a_response() -> None:
    message = Message(b"SIP/2.0 180 Ringing, still\r\nCSeq: 1\r\n INVITE\r\n\r\n")
    assert not message.is_request
    assert (message.status, message.reason) == (180, b"Ringing, still")
    assert message.request_uri == b""
    assert message.method == b"INVITE"


@pytest.mark.parametrize("cseq", [b"", b"CSeq: 1\r\n", b"CSeq: 1 INVITE x\r\n"])
def test_method_of_a_response_without_a_good_cseq(cseq: bytes) -> None:
    assert Message(b"SIP/2.0 200 OK\r\n" + cseq + b"\r\n").method == b""


@pytest.mark.parametrize("line", [b"BYE sip:a SIP/2.0", b"BYE\tsip:a\tSIP/2.0", b"BYE \t sip:a  SIP/2.0\t", b"\r\n\r\nBYE sip:a SIP/2.0"])
def test_blanks_in_the_start_line(line: bytes) -> None:
    message = Message(line + b"\r\n\r\n")
    assert (message.method, message.request_uri) == (b"BYE", b"sip:a")


@pytest.mark.parametrize(
    ("name", "values"),
    [
        # Long and compact together, in the order of the message (7.3.3).
        (b"via", [b"SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds", b"SIP/2.0/UDP 192.0.2.1", b"SIP/2.0/UDP 192.0.2.2"]),
        # A fold is part of the value; blanks before the colon do not make another header.
        (b"route", [b"<sip:p1.example.net;lr>,\r\n <sip:p2.example.net;lr>", b"<sip:p3.example.net;lr>"]),
        # r is Refer-To (RFC 3515): Route has no compact form.
        (b"refer-to", [b"<sip:refer.to>"]),
        (b"route-info", [b"<sip:not.a.route>"]),
        (b"subject", [b""]),
        (b"content-length", [b"4"]),
        (b"record-route", []),
    ],
)
def test_find_all(name: bytes, values: list[bytes]) -> None:
    message = Message(INVITE)
    assert [INVITE[h.value_start : h.value_end] for h in message.find_all(name)] == values
    assert message.value(name) == (values[0] if values else None)


def test_find_from_an_offset() -> None:
    message = Message(INVITE)
    first, second, third = message.find_all(b"via")
    assert message.find(b"via", 1) == first
    assert message.find(b"via", first.start) == first
    assert message.find(b"via", first.start + 1) == second
    assert message.find(b"via", second.end) == third
    assert message.find(b"via", third.end) is None


def test_header_spans() -> None:
    data = b"BYE sip:a SIP/2.0\r\nRoute :\r\n  <sip:b>  \r\nX: y\r\n\r\n"
    assert Message(data).find(b"route") == Header(19, 30, 37, 41)
    assert (data[19:41], data[30:37]) == (b"Route :\r\n  <sip:b>  \r\n", b"<sip:b>")


def test_headers_are_the_whole_block() -> None:
    message = Message(INVITE)
    names = [name for name, _ in message.headers()]
    assert names == [b"Via", b"v", b"Route", b"VIA", b"Route", b"Route-Info", b"r", b"Subject", b"CSeq", b"l"]
    spans = [header for _, header in message.headers()]
    assert b"".join(INVITE[h.start : h.end] for h in spans) == INVITE[message.headers_start : message.headers_end]


SPELLINGS = "Route route ROUTE To t TO From f F Content-Length l L content-length Via v X Tow Routes Fro Lx Contact r"
HEADER_LINES = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(SPELLINGS.split()),
    st.sampled_from([":", ": ", " : ", "\t:", ":  ", ":\r\n ", ":\n\t"]),
    st.sampled_from(["", "a", "0", "12", "a b", "Route: a", "a\r\n b", "a\rb", "a:b", "a ", "\xff"]),
    st.sampled_from(["\r\n", "\r\n", "\r\n", " \r\n", "\n", "\t\r\n \r\n", "\r\r\n"]),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(HEADER_LINES, max_size=7).map("".join), st.sampled_from(["\r\n", "\n"]), st.sampled_from(["", "To: body\r\n\r\n"]))
def test_by_name_and_in_order_are_the_same_headers(lines: str, empty: str, body: str) -> None:
    """However a header is spelled, it is found by its name where it stands in the list of all."""
    data = f"BYE sip:a SIP/2.0\r\n{lines}{empty}{body}".encode("latin-1")
    message = Message(data)
    assert message.body == body.encode()
    assert data[message.headers_start : message.headers_end] == lines.encode("latin-1")
    listed = message.headers()
    for name in (b"route", b"to", b"from", b"content-length", b"via", b"contact", b"refer-to", b"x", b"none"):
        expected = [header for spelling, header in listed if spelling.lower() in (name, COMPACT_NAMES.get(name, name))]
        assert message.find_all(name) == expected
        for place in (0, 1, message.headers_start, *(header.start + shift for _, header in listed for shift in (0, 1))):
            assert message.find(name, place) == next((header for header in expected if header.start >= place), None)


ADDRESSES = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["To", "t", "TO", "From", "f", "Tow"]),
    st.sampled_from([":", ": ", " : ", ":\r\n "]),
    st.sampled_from(["<sip:a>", '"A" <sip:a>', '"A, \\"B\\"" <sip:a>', "sip:a", "A <sip:a>", "<sip:a", "", "<sip:a b>"]),
    st.sampled_from(["", ";tag=1", ";tag=", ";x;tag=2", ";tag=3;x", " ;tag=4", ';tag="5"', ";tag", ";TAG=6", ";tag=7;tag=8", ";tag=9 "]),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r\n \r\n", "\r\n ;x\r\n"]),
)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(st.lists(ADDRESSES, max_size=3).map("".join), st.booleans())
def test_the_tag_is_that_of_the_first_header(lines: str, may_be_empty: bool) -> None:
    """However it is written, one search says what the value of the header says."""
    message = Message(f"BYE sip:a SIP/2.0\r\nSubject: To: x\r\n{lines}\r\nTo: <sip:body>;tag=body\r\n".encode())
    for name in (b"to", b"from"):
        found = message.find_all(name)
        assert message.has(name) is bool(found)
        try:
            expected = parse_tag(message.data[found[0].value_start : found[0].value_end], may_be_empty) if found else None
        except SipParseError:
            found = []
        if found:
            assert message.tag(name, may_be_empty) == expected
        else:
            with pytest.raises(SipParseError):
                message.tag(name, may_be_empty)


def test_no_headers() -> None:
    message = Message(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
    assert message.headers() == []
    assert message.find(b"via") is None
    assert message.headers_start == message.headers_end == 23


def test_compact_names_are_one_letter_each_and_go_both_ways() -> None:
    assert all(len(compact) == 1 for compact in COMPACT_NAMES.values())
    assert len(LONG_NAMES) == len(COMPACT_NAMES)
    assert b"route" not in COMPACT_NAMES
    assert b"record-route" not in COMPACT_NAMES


@pytest.mark.parametrize(
    ("header", "length"),
    [
        (b"", None),
        (b"Content-Length: 150\r\n", 150),
        (b"l:0\r\n", 0),
        (b"CONTENT-LENGTH :\r\n 7\r\n", 7),
        (b"l: 00000000000000000012\r\n", 12),
    ],
)
def test_content_length(header: bytes, length: int | None) -> None:
    assert Message(b"BYE sip:a SIP/2.0\r\n" + header + b"\r\n").content_length() == length


def test_endless_content_length_is_a_large_one() -> None:
    """Python's int() would raise an error of its own for more than 4300 digits."""
    length = Message(b"BYE sip:a SIP/2.0\r\nl: " + b"9" * 5000 + b"\r\n\r\n").content_length()
    assert length is not None
    assert length > 2**32


@pytest.mark.parametrize("value", [b"", b"-999", b"1 2", b"0x10", b"+1", b"ten"])
def test_content_length_that_is_no_number(value: bytes) -> None:
    """RFC 4475 3.1.2.3 has the negative one."""
    with pytest.raises(SipParseError, match="Content-Length is no number"):
        Message(b"BYE sip:a SIP/2.0\r\nl: " + value + b"\r\n\r\n").content_length()


FAULTS = {
    "nothing": (b"", "neither a request line nor a status line", 0),
    "line ends only": (b"\r\n\r\n", "neither a request line nor a status line", 4),
    "no empty line": (b"BYE sip:a SIP/2.0\r\nTo: a\r\n", "the empty line behind the headers is missing", 26),
    "a header without a colon": (b"BYE sip:a SIP/2.0\r\nTo: a\r\nFrom\r\n\r\n", "a header line without a name or a colon", 26),
    "a fold and no header": (b"BYE sip:a SIP/2.0\r\n To: a\r\n\r\n", "a header line without a name or a colon", 19),
    "an unfinished header line": (b"BYE sip:a SIP/2.0\r\nTo: a", "a header line without a name or a colon", 19),
    # RFC 4475 3.1.2.9 and 3.1.2.10, 3.1.2.16, 3.1.2.19
    "blanks in the R-URI": (b"BYE sip:a; lr SIP/2.0\r\n\r\n", "neither a request line nor a status line", 0),
    "another version": (b"BYE sip:a SIP/7.0\r\n\r\n", "neither a request line nor a status line", 0),
    "a status of ten digits": (b"SIP/2.0 4294967301 better not\r\n\r\n", "neither a request line nor a status line", 0),
}


@pytest.mark.parametrize(("data", "reason", "offset"), FAULTS.values(), ids=FAULTS)
def test_fault(data: bytes, reason: str, offset: int) -> None:
    with pytest.raises(SipParseError) as caught:
        Message(data)
    assert (caught.value.reason, caught.value.offset) == (reason, offset)


# The constructs of RFC 4475 section 3, in messages of our own.


def test_torture_white_space_wherever_it_may_stand() -> None:
    """3.1.1.1: names in any case, blanks before colons, folds before, in and behind values, escaped quotes, odd unknown headers."""
    data = (
        b"INVITE sip:callee@here.example.org;unknown SIP/2.0\r\n"
        b"tO :\r\n\tsip:callee@here.example.org ;  TAG   = 42ab\r\n"
        b'FROM   : "C \\\\\\""     <sip:caller@there.example.org>\r\n  ;\r\n tag = 1c\r\n'
        b"mAX-fORWARDS:  0007\r\n"
        b"i: 1\r\n"
        b"ROUTE:\r\n <sip:proxy.example.org;lr;novel=1;novel-too>\r\n"
        b"Content-length  : 0\r\n"
        b"Novelty:  one\r\n\t two\r\n"
        b"Odd: ,;;,,;\r\n"
        b"V:  SIP  / 2.0\r\n /UDP\r\n  192.0.2.2;branch=z9hG4bK1 , SIP / 2.0 / TCP h ; branch\r\n =\r\n z9hG4bK2\r\n"
        b"\r\n"
    )
    message = Message(data)
    assert parse_tag(message.value(b"to") or b"") == b"42ab"
    assert parse_tag(message.value(b"from") or b"") == b"1c"
    assert message.value(b"max-forwards") == b"0007"
    assert NameAddr.parse(message.value(b"route") or b"").uri == b"sip:proxy.example.org;lr;novel=1;novel-too"
    assert message.value(b"novelty") == b"one\r\n\t two"
    assert message.value(b"odd") == b",;;,,;"
    assert message.content_length() == 0
    assert message.headers_end == len(data) - 2


def test_torture_wide_range_of_characters() -> None:
    """3.1.1.2: a method of every token character, control and non-ASCII bytes in quotes and in unknown headers."""
    data = (
        b"!odd-Method_*+`.%'~ sip:1_odd~(user)&$/,?;;*@example.com SIP/2.0\r\n"
        b'To: "BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_odd@example.com>\r\n'
        b"From: t`1~ t'2+_ t*3%!.- <sip:a@example.com>;p''~+*_!.-%=\"\xd0\xb2\xd0\xbe\";tag=_t~1'+`*%!-.\r\n"
        b"Call-ID: w%Z-!.*_+'@w`~)(><:\\/\"][?}{\r\n"
        b"x-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\r\n"
        b"\r\n"
    )
    message = Message(data)
    assert message.method == b"!odd-Method_*+`.%'~"
    assert Uri.parse(message.request_uri).host == b"example.com"
    assert parse_tag(message.value(b"from") or b"") == b"_t~1'+`*%!-."
    assert parse_tag(message.value(b"to") or b"") is None
    assert message.value(b"x-!.%*+_`'~") == b"\xef\xbb\xbf\xe5\xa4\xa7"


def test_torture_escapes_make_no_other_name() -> None:
    """3.1.1.5: an escape in a method or a header's name is part of it and stands for nothing."""
    message = Message(b"B%59E sip:a@example.com SIP/2.0\r\nR%6Fute: <sip:b>\r\nRoute: <sip:%00@c;lr>\r\n\r\n")
    assert message.method == b"B%59E"
    assert [message.data[h.value_start : h.value_end] for h in message.find_all(b"route")] == [b"<sip:%00@c;lr>"]


def test_torture_no_white_space_before_the_bracket() -> None:
    """3.1.1.6"""
    assert parse_tag(b"caller<sip:caller@example.com>;tag=323") == b"323"


def test_torture_long_values() -> None:
    """3.1.1.7: values of thousands of bytes."""
    long = b"a" * 20_000
    data = b"BYE sip:" + long + b"@h SIP/2.0\r\nRoute: <sip:p;" + long + b"=" + long + b";lr>\r\n\r\n"
    message = Message(data)
    assert Uri.parse(message.request_uri).user == long
    route = message.find(b"route")
    assert route is not None
    (element,) = parse_many(data, route.value_start, route.value_end)
    assert Uri.parse(data[element.uri_start : element.uri_end]).param(b"lr") == b""


def test_torture_two_messages_in_one_datagram() -> None:
    """3.1.1.8: in a datagram what follows belongs to the body; Content-Length says that it does not."""
    data = b"BYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"
    message = Message(data + b"\r\n" + data)
    assert message.content_length() == 0
    assert message.body == b"\r\n" + data
    assert len(message.find_all(b"content-length")) == 1


def test_torture_semicolon_in_the_user() -> None:
    """3.1.1.9: the user part is ``user;par=u%40example.net``, there is no parameter."""
    uri = Uri.parse(b"sip:user;par=u%40example.net@example.com")
    assert (uri.user, uri.host, uri.params) == (b"user;par=u%40example.net", b"example.com", b"")


def test_torture_empty_reason() -> None:
    """3.1.1.13"""
    assert Message(b"SIP/2.0 100 \r\nCSeq: 35 INVITE\r\n\r\n").reason == b""


def test_torture_binary_body() -> None:
    """3.1.1.11: what is behind the empty line is nobody's text."""
    body = bytes(range(256)) + b"\r\n\r\nRoute: <sip:x>\r\n"
    assert Message(b"MESSAGE sip:a SIP/2.0\r\nc: multipart/mixed\r\n\r\n" + body).body == body


def test_torture_several_of_a_single_header() -> None:
    """3.3.8: From, To, Call-ID and CSeq twice: the first one is read, as in the servers, none is lost."""
    message = Message(b"BYE sip:a SIP/2.0\r\nTo: <sip:a>\r\nt: <sip:b>;tag=2\r\n\r\n")
    assert parse_tag(message.value(b"to") or b"") is None
    assert len(message.find_all(b"to")) == 2


# The RFC's own files, where they lie beside the repository: method or status and the number of headers, or why it is no SIP to us.
TORTURE_FOLDER = Path(__file__).parents[3] / "shared" / "rfc4475"
START = "neither a request line nor a status line"
TORTURE: dict[str, tuple[bytes | int, int] | str] = {
    "badaspec": (b"OPTIONS", 8),
    "badbranch": (b"OPTIONS", 8),
    "baddate": (b"INVITE", 10),
    "baddn": "the empty line behind the headers is missing",  # so is the file's own
    "badinv01": (b"INVITE", 9),
    "badvers": START,
    "bcast": (200, 9),
    "bext01": (b"OPTIONS", 9),
    "bigcode": START,
    "clerr": (b"INVITE", 9),
    "cparam01": (b"REGISTER", 8),
    "cparam02": (b"REGISTER", 8),
    "dblreq": (b"REGISTER", 8),
    "esc01": (b"INVITE", 9),
    "esc02": (b"RE%47IST%45R", 10),
    "escnull": (b"REGISTER", 9),
    "escruri": (b"INVITE", 9),
    "insuf": (b"INVITE", 4),
    "intmeth": (b"!interesting-Method0123456789_*+`.%indeed'~", 8),
    "inv2543": (b"INVITE", 7),
    "invut": (b"INVITE", 9),
    "longreq": (b"INVITE", 43),
    "ltgtruri": (b"INVITE", 9),
    "lwsdisp": (b"OPTIONS", 7),
    "lwsruri": START,
    "lwsstart": (b"INVITE", 9),
    "mcl01": (b"OPTIONS", 9),
    "mismatch01": (b"OPTIONS", 7),
    "mismatch02": (b"NEWMETHOD", 9),
    "mpart01": (b"MESSAGE", 14),
    "multi01": (b"INVITE", 15),
    "ncl": (b"INVITE", 9),
    "noreason": (100, 7),
    "novelsc": (b"OPTIONS", 7),
    "quotbal": (b"INVITE", 9),
    "regaut01": (b"REGISTER", 8),
    "regbadct": (b"REGISTER", 8),
    "regescrt": (b"REGISTER", 8),
    "scalar02": (b"REGISTER", 9),
    "scalarlg": (503, 8),
    "sdp01": (b"INVITE", 10),
    "semiuri": (b"OPTIONS", 8),
    "transports": (b"OPTIONS", 12),
    "trws": (b"OPTIONS", 8),
    "unkscm": (b"OPTIONS", 7),
    "unksm2": (b"REGISTER", 8),
    "unreason": (200, 8),
    "wsinv": (b"INVITE", 14),
    "zeromf": (b"OPTIONS", 7),
}
needs_torture = pytest.mark.skipif(not TORTURE_FOLDER.is_dir(), reason="RFC 4475's messages do not lie beside the repository")


@needs_torture
@pytest.mark.parametrize(("name", "expected"), TORTURE.items())
def test_torture_file(name: str, expected: tuple[bytes | int, int] | str) -> None:
    data = (TORTURE_FOLDER / f"{name}.dat").read_bytes()
    if isinstance(expected, str):
        with pytest.raises(SipParseError, match=expected):
            Message(data)
        return
    message = Message(data)
    start, count = expected
    assert (message.method if message.is_request else message.status) == start
    headers = [header for _, header in message.headers()]
    assert len(headers) == count
    pieces = [data[message.start : message.headers_start], *(data[h.start : h.end] for h in headers)]
    pieces += [data[message.headers_end : message.body_start], message.body]
    assert b"".join(pieces) == data
    assert Edits().apply(data) is data


@needs_torture
def test_torture_files_are_all_here() -> None:
    assert sorted(path.stem for path in TORTURE_FOLDER.glob("*.dat")) == sorted(TORTURE)
