"""Via values as spans, and the topmost one of a message with what stands below it."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.errors import SipParseError
from scapy_rr.sip.message import Message
from scapy_rr.sip.via import Param, TopVia, Via


class Read(NamedTuple):
    """A Via as it is read: transport, host, port, parameters, and the text behind host and port."""

    transport: str
    host: bytes
    port: int | None
    params: dict[bytes, bytes | None]
    behind: bytes


VIAS = {
    "host alone": (b"SIP/2.0/UDP 10.0.0.5", Read("udp", b"10.0.0.5", None, {}, b"")),
    "host and port": (b"SIP/2.0/TCP erlang.bell-telephone.com:5060", Read("tcp", b"erlang.bell-telephone.com", 5060, {}, b"")),
    "a branch": (b"SIP/2.0/UDP h;branch=z9hG4bK87", Read("udp", b"h", None, {b"branch": b"z9hG4bK87"}, b";branch=z9hG4bK87")),
    "parameters with and without values": (
        b"SIP/2.0/TLS h:5061;rport;x=;branch=z9hG4bK1",
        Read("tls", b"h", 5061, {b"rport": None, b"x": b"", b"branch": b"z9hG4bK1"}, b";rport;x=;branch=z9hG4bK1"),
    ),
    "IPv6": (
        b"SIP/2.0/UDP [2001:db8::1]:5070;received=::9:255;maddr=[::1]",
        Read("udp", b"[2001:db8::1]", 5070, {b"received": b"::9:255", b"maddr": b"[::1]"}, b";received=::9:255;maddr=[::1]"),
    ),
    "IPv6 without a port": (b"SIP/2.0/UDP [::1];rport", Read("udp", b"[::1]", None, {b"rport": None}, b";rport")),
    # RFC 4475 3.1.1.1: white space and folds wherever the grammar has them.
    "blanks and folds": (
        b"SIP  / 2.0\r\n /UDP\r\n    192.0.2.2 : 5070 ;\r\n branch\t=  390skdjuw ;rport",
        Read("udp", b"192.0.2.2", 5070, {b"branch": b"390skdjuw", b"rport": None}, b" ;\r\n branch\t=  390skdjuw ;rport"),
    ),
    "names have no case, values keep theirs": (
        b"sip/2.0/udp H.Example;BRANCH=z9hG4bKaB;RPort",
        Read("udp", b"H.Example", None, {b"branch": b"z9hG4bKaB", b"rport": None}, b";BRANCH=z9hG4bKaB;RPort"),
    ),
    "a quoted value": (b'SIP/2.0/UDP h;x="a;\\",b=c";y', Read("udp", b"h", None, {b"x": b'"a;\\",b=c"', b"y": None}, b';x="a;\\",b=c";y')),
    "a quote that is not closed is a value": (b'SIP/2.0/UDP h;x="a', Read("udp", b"h", None, {b"x": b'"a'}, b';x="a')),
    "the last of two counts": (b"SIP/2.0/UDP h;branch=1;branch=2", Read("udp", b"h", None, {b"branch": b"2"}, b";branch=1;branch=2")),
    "a transport that there is not": (b"SIP/2.0/x-y h", Read("x-y", b"h", None, {}, b"")),
    "a port that is none": (b"SIP/2.0/UDP h:99999999999999", Read("udp", b"h", 9999999999, {}, b"")),
    "an underscore in a name": (b"SIP/2.0/UDP my_phone.local:5070", Read("udp", b"my_phone.local", 5070, {}, b"")),
}


@pytest.mark.parametrize(("text", "expected"), VIAS.values(), ids=VIAS)
@pytest.mark.parametrize(("before", "behind"), [(b"", b""), (b"Via: ", b"\r\n"), (b"Via: ", b" ,\r\n SIP/2.0/UDP g")])
def test_parse(text: bytes, expected: Read, before: bytes, behind: bytes) -> None:
    """Alone and in a list, wherever in the buffer it stands."""
    data, start = before + text + behind, len(before)
    via = Via.parse(data, start, len(data.rstrip()))
    params = {name: param.value for name, param in via.params.items()}
    assert Read(via.transport, via.host, via.port, params, data[via.sent_by_end : via.end]) == expected
    assert (via.start, data[via.start : via.end]) == (start, text)
    assert data[via.next :] == (b"SIP/2.0/UDP g" if b"," in behind else behind)


FAULTS = {
    "nothing": (b"", 0),
    "another protocol": (b"HTTP/1.1 h", 0),
    "another version": (b"SIP/3.0/UDP h", 0),
    "no transport": (b"SIP/2.0 h", 0),
    "no host": (b"SIP/2.0/UDP ", 0),
    "no blank before the host": (b"SIP/2.0/UDP[::1]", 0),
    "an IPv6 address without brackets": (b"SIP/2.0/UDP ::1", 0),
    "a port without digits": (b"SIP/2.0/UDP h:", 13),
    "a port of letters": (b"SIP/2.0/UDP h:sip", 13),
    "text behind the host": (b"SIP/2.0/UDP h branch=1", 13),
    "two semicolons": (b"SIP/2.0/UDP h;;branch=1", 13),
    "a semicolon and nothing": (b"SIP/2.0/UDP h;branch=1;", 22),
    "a parameter without a name": (b"SIP/2.0/UDP h;=1", 13),
    "text behind a value": (b"SIP/2.0/UDP h;branch=1 2", 22),
    "text behind a quote": (b'SIP/2.0/UDP h;x="1"2', 19),
}


@pytest.mark.parametrize(("text", "offset"), FAULTS.values(), ids=FAULTS)
def test_fault(text: bytes, offset: int) -> None:
    data = b"Via: " + text
    with pytest.raises(
        SipParseError, match="a Via without SIP/2.0, transport and host" if not offset else "a malformed Via parameter"
    ) as caught:
        Via.parse(data, 5, len(data))
    assert caught.value.offset == 5 + offset


def test_spans_are_those_of_the_buffer() -> None:
    """A parameter begins with its semicolon, so that it can be replaced or go."""
    data = b"Via: SIP/2.0/UDP h : 5070 ; rport = 7;branch=a\r\n"
    via = Via.parse(data, 5, len(data) - 2)
    assert via.params == {b"rport": Param(26, 37, b"7"), b"branch": Param(37, 46, b"a")}
    assert [data[param.start : param.end] for param in via.params.values()] == [b"; rport = 7", b";branch=a"]
    assert (data[: via.sent_by_end], data[: via.params_start]) == (b"Via: SIP/2.0/UDP h : 5070", b"Via: SIP/2.0/UDP h : 5070 ")


@pytest.mark.parametrize(
    ("text", "before"),
    [
        (b"SIP/2.0/UDP h:5070 , SIP/2.0/UDP g;branch=1", b"SIP/2.0/UDP h:5070"),
        (b"SIP/2.0/UDP h", b"SIP/2.0/UDP h"),
        (b"SIP/2.0/UDP h ;x", b"SIP/2.0/UDP h "),
        (b"SIP/2.0/UDP h;x;y;X", b"SIP/2.0/UDP h"),
    ],
)
def test_where_parameters_begin_or_would(text: bytes, before: bytes) -> None:
    via = Via.parse(text, 0, len(text))
    assert text[: via.params_start] == before


@pytest.mark.parametrize(
    ("params", "received", "branch"),
    [(b"", None, b""), (b";received;branch", None, b""), (b";received=;branch=", b"", b""), (b";received=1;branch=z9", b"1", b"z9")],
)
def test_values(params: bytes, received: bytes | None, branch: bytes) -> None:
    via = Via.parse(b"SIP/2.0/UDP h" + params, 0, 13 + len(params))
    assert (via.value(b"received"), via.branch) == (received, branch)


# The values of a message from the top: each with whether it is alone in its header.
MESSAGES = {
    "none": ("From: <sip:a@b>", []),
    "one": ("Via: SIP/2.0/UDP a", [(b"a", True)]),
    "one in each header": ("Via: SIP/2.0/UDP a\r\nX: y\r\nVia: SIP/2.0/UDP b", [(b"a", True), (b"b", True)]),
    "a list": ("Via: SIP/2.0/UDP a, SIP/2.0/UDP b,SIP/2.0/UDP c", [(b"a", False), (b"b", False), (b"c", True)]),
    "a folded list": ("Via: SIP/2.0/UDP a\r\n\t,\r\n SIP/2.0/UDP b", [(b"a", False), (b"b", True)]),
    "the compact name": ("v: SIP/2.0/UDP a\r\nVIA : SIP/2.0/UDP b", [(b"a", True), (b"b", True)]),
    "lists in two headers": (
        "Via: SIP/2.0/UDP a,SIP/2.0/UDP b\r\nv: SIP/2.0/UDP c, SIP/2.0/UDP d",
        [(b"a", False), (b"b", True), (b"c", False), (b"d", True)],
    ),
    "a comma at the end": ("Via: SIP/2.0/UDP a ,\r\nVia: SIP/2.0/UDP b", [(b"a", True), (b"b", True)]),
}


@pytest.mark.parametrize(("headers", "expected"), MESSAGES.values(), ids=MESSAGES)
def test_from_the_top(headers: str, expected: list[tuple[bytes, bool]]) -> None:
    message = Message(f"SIP/2.0 200 OK\r\n{headers}\r\nVias: no\r\n\r\n".encode())
    found = []
    top = TopVia.find(message)
    while top:
        found.append((top.via.host, top.is_alone))
        top = top.below(message)
    assert found == expected


@pytest.mark.parametrize("headers", ["Via: SIP/2.0/UDP a, junk", "Via: SIP/2.0/UDP a,, SIP/2.0/UDP b", "Via: SIP/2.0/UDP a\r\nVia: junk"])
def test_a_malformed_one_below_is_no_fault_of_the_top(headers: str) -> None:
    message = Message(f"SIP/2.0 200 OK\r\n{headers}\r\n\r\n".encode())
    top = TopVia.find(message)
    assert top and top.via.host == b"a"
    with pytest.raises(SipParseError):
        top.below(message)


PIECES = st.sampled_from(
    [
        b"SIP/2.0/UDP ", b"SIP / 2.0 / TCP\r\n ", b"h", b"[::1]", b":5060", b";", b"branch=z9hG4bK1", b"rport", b"=", b'"', b"\\", b",",
        b" ", b"\r\n\t",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=12).map(b"".join)))
def test_any_bytes(data: bytes) -> None:
    """A Via whose spans lie one behind the other, or our own error at a place in the text."""
    try:
        via = Via.parse(data, 0, len(data))
    except SipParseError as error:
        assert error.reason
        assert 0 <= error.offset <= len(data)
        return
    places = [
        via.start,
        via.sent_by_end,
        via.params_start,
        *(place for param in via.params.values() for place in (param.start, param.end)),
        via.end,
        via.next,
    ]
    assert places == sorted(places)
    assert places[-1] <= len(data)
    assert all(data[param.start : param.start + 1] == b";" for param in via.params.values())
    assert via.host in data[: via.sent_by_end]
