"""The layer's fields: what is built, from what came and from nothing, and what an edit touches."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.fields import RawVal
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from scapy_rr.layer import SDP, SIP, SIPRequest, SIPResponse

from .layer_messages import BARE, INVITE, datagram, dissected

# Each edit, and what it makes of one piece of INVITE; every byte beside that piece is the same.
EDITS: list[tuple[str, Any, bytes, bytes]] = [
    ("the URI", lambda p: setattr(p, "Request_URI", "sip:b@h"), b" sip:bob@example.com ", b" sip:b@h "),
    ("bytes", lambda p: setattr(p, "Method", b"MESSAGE"), b"INVITE sip", b"MESSAGE sip"),
    ("a value", lambda p: p.set_header("Max-Forwards", "69"), b"s: 70\r\n", b"s: 69\r\n"),
    ("a number", lambda p: p.set_header("max-forwards", 69), b"s: 70\r\n", b"s: 69\r\n"),
    ("the first of two", lambda p: p.set_header("Via", "x"), b"SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9\r", b"x\r"),
    ("a compact one", lambda p: p.set_header("From", "x"), b'f: "Alice" <sip:alice@example.com>;tag=a\r', b"f: x\r"),
    ("a folded one", lambda p: p.set_header("Subject", "three"), b"one\r\n two\r\n", b"three\r\n"),
    ("one with a blank before its colon", lambda p: p.set_header("To", "x"), b"To : <sip:bob@example.com>", b"To : x"),
    ("a new one", lambda p: p.set_header("Route", "<sip:a>"), b"18\r\n\r\n", b"18\r\nRoute: <sip:a>\r\n\r\n"),
    ("on top", lambda p: p.add_header("Via", b"x", at=0), b"SIP/2.0\r\nVia:", b"SIP/2.0\r\nVia: x\r\nVia:"),
    ("at the end", lambda p: p.add_header("Via", "x"), b"18\r\n\r\n", b"18\r\nVia: x\r\n\r\n"),
    ("one removed", lambda p: p.remove_header("c"), b"Content-Type: application/sdp\r\n", b""),
    ("a folded one removed", lambda p: p.remove_header("Subject"), b"Subject: one\r\n two\r\n", b""),
    ("the first removed", lambda p: p.remove_header("Record-Route", 0), b"Record-Route: <sip:10.0.0.9;lr>\r\n", b""),
    ("the list in place", lambda p: p.headers.append(("X", "y")), b"18\r\n\r\n", b"18\r\nX: y\r\n\r\n"),
    ("a raw line in place", lambda p: p.headers.insert(1, "X :y\n"), b"Record", b"X :y\nRecord"),
    ("a length to be computed", lambda p: p.set_header("Content-Length", None), b"18\r\n\r\n", b"18\r\n\r\n"),
    ("text beyond Latin-1", lambda p: p.set_header("Subject", "ж"), b"one\r\n two\r\n", b"\xd0\xb6\r\n"),
]


@pytest.mark.parametrize(("edit", "before", "after"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS])
def test_an_edit_touches_only_its_own(edit: Any, before: bytes, after: bytes) -> None:
    assert INVITE.count(before) == 1
    packet = dissected(INVITE)
    edit(packet[SIP])
    del packet[IP].len, packet[IP].chksum, packet[UDP].len, packet[UDP].chksum
    expected = INVITE.replace(before, after)
    assert bytes(packet) == bytes(datagram(Raw(expected)))
    assert Ether(bytes(packet))[SIP].original == expected


def test_edits_of_an_odd_start_line() -> None:
    request = SIP(b"\r\nOPTIONS  sip:a\t SIP/2.0 \nVia: x\n\n")
    request.Request_URI = "sip:b"
    assert bytes(request) == b"\r\nOPTIONS  sip:b\t SIP/2.0 \nVia: x\n\n"
    request.spacing = None
    assert bytes(request) == b"OPTIONS sip:b SIP/2.0\r\nVia: x\n\r\n"
    response = SIP(b"SIP/2.0  200\nVia: x\n\n")
    response.Status_Code = "404"
    assert response.Status_Code == 404
    assert bytes(response) == b"SIP/2.0  404\nVia: x\n\n"
    response.Reason_Phrase = "Gone fishing"
    assert bytes(response) == b"SIP/2.0  404 Gone fishing\nVia: x\n\n"


def test_removing_counts() -> None:
    sip = SIP(INVITE)
    assert sip.remove_header("Via", 1) == 1
    assert sip.headers_all("Via") == ["SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9"]
    assert sip.remove_header("Via", 1) == 0
    sip.add_header("v", "x")
    assert sip.remove_header("Via") == 2
    assert sip.header("Via") is None


def test_deleting_the_headers_leaves_the_rest() -> None:
    sip = SIP(BARE)
    del sip.headers
    sip.headers.append(("X", "y"))
    assert bytes(sip) == b"BYE sip:a SIP/2.0\r\nX: y\r\n\r\n"
    assert SIPRequest().headers == []
    del sip.Method
    assert bytes(sip).startswith(b"OPTIONS sip:a ")


def test_raw_values_are_built_as_they_are() -> None:
    sip = SIPRequest(Method=RawVal(b"\0 "), headers=RawVal(b"f: x\r\n\r\n"))
    assert bytes(sip) == b"\0 sip:localhost SIP/2.0\r\nf: x\r\n\r\n"
    assert sip.header("From") == "x"


def test_built_from_nothing() -> None:
    request = SIPRequest(
        Method="INVITE",
        Request_URI=b"sip:bob@example.com",
        headers=[("Via", "SIP/2.0/UDP h;branch=z9hG4bK1"), (b"Via", b"x"), "To : y\n", ("Max-Forwards", 70), ("c", "application/sdp")],
    )
    head = (
        b"INVITE sip:bob@example.com SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK1\r\nVia: x\r\nTo : y\n"
        b"Max-Forwards: 70\r\nc: application/sdp\r\n"
    )
    assert bytes(request) == head + b"Content-Length: 0\r\n\r\n"
    body = SDP(lines=[("v", "0"), ("s", b"-"), "a=x\n"])
    assert bytes(request / body) == head + b"Content-Length: 14\r\n\r\nv=0\r\ns=-\r\na=x\n"
    assert bytes(request / b"\0\xff") == head + b"Content-Length: 2\r\n\r\n\0\xff"
    packet = Ether(bytes(datagram(request / body)))
    assert packet.layers() == [Ether, IP, UDP, SIPRequest, SDP]
    assert packet[SIP].header("Content-Length") == "14"


def test_content_length_when_it_is_given() -> None:
    assert bytes(SIPRequest(headers=[("l", None), ("X", None)]) / b"ab") == b"OPTIONS sip:localhost SIP/2.0\r\nl: 2\r\nX: \r\n\r\nab"
    assert bytes(SIPRequest(headers=[("Content-Length", 9)]) / b"ab").endswith(b"\r\nContent-Length: 9\r\n\r\nab")
    assert bytes(SIPRequest(headers={"Content-Length": None})).endswith(b"\r\nContent-Length: 0\r\n\r\n")
    # Nothing is added to what came, nor to what is removed from it.
    sip = SIP(BARE)
    sip.Method = "ACK"
    assert bytes(sip) == BARE.replace(b"BYE", b"ACK")
    sip = SIP(INVITE)
    sip.remove_header("Content-Length")
    assert bytes(sip) == INVITE.replace(b"Content-Length: 18\r\n", b"")


DEFAULTS = [
    (SIP(), b"OPTIONS sip:localhost SIP/2.0\r\nContent-Length: 0\r\n\r\n"),
    (SIP(Method="BYE"), b"BYE sip:localhost SIP/2.0\r\nContent-Length: 0\r\n\r\n"),
    (SIP(Status_Code=404), b"SIP/2.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
    (SIP(Reason_Phrase="Fine"), b"SIP/2.0 200 Fine\r\nContent-Length: 0\r\n\r\n"),
    (SIPResponse(), b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n"),
    (SIPResponse(Status_Code=599), b"SIP/2.0 599 \r\nContent-Length: 0\r\n\r\n"),
    (SIPResponse(Status_Code="x", Reason_Phrase=""), b"SIP/2.0 x \r\nContent-Length: 0\r\n\r\n"),
    (SIPRequest(headers="A: 1\r\nB: 2\r\n 3\r\n"), b"OPTIONS sip:localhost SIP/2.0\r\nA: 1\r\nB: 2\r\n 3\r\nContent-Length: 0\r\n\r\n"),
    (SIPRequest(headers=["no colon\r\n"]), b"OPTIONS sip:localhost SIP/2.0\r\nno colon\r\nContent-Length: 0\r\n\r\n"),
    (SIP() / SDP(b"v=0\r\n"), b"OPTIONS sip:localhost SIP/2.0\r\nContent-Length: 5\r\n\r\nv=0\r\n"),
    (SDP(), b""),
]


@pytest.mark.parametrize(("packet", "expected"), DEFAULTS, ids=[str(expected[:30]) for _, expected in DEFAULTS])
def test_defaults(packet: Packet, expected: bytes) -> None:
    assert bytes(packet) == expected


def test_a_list_of_values_makes_a_packet_of_each() -> None:
    assert [p.Method for p in SIPRequest(Method=["INVITE", b"ACK"])] == ["INVITE", "ACK"]
    many = SIPResponse(Status_Code=[100, "486"])
    assert [bytes(p)[:14] for p in many] == [b"SIP/2.0 100 Tr", b"SIP/2.0 486 Bu"]
    assert "[100, 486]" in many.show(dump=True)


def test_sdp_edits() -> None:
    sdp = SDP(b"v=0\nm=audio 1 RTP/AVP 0\r\nodd\r\na=x")
    assert sdp.lines == [("v", "0"), ("m", "audio 1 RTP/AVP 0"), ("", "odd"), ("a", "x")]
    sdp.lines[1] = ("m", "audio 2 RTP/AVP 0")
    assert bytes(sdp) == b"v=0\nm=audio 2 RTP/AVP 0\r\nodd\r\na=x"
    del sdp.lines
    assert bytes(sdp) == b""


@given(st.binary(max_size=300))
@example(b"\r\n")
@example(b"SIP/2.0 200\r\n\r\n")
@example(b"a b SIP/2.0\n\n\0")
def test_any_bytes_build_back(data: bytes) -> None:
    frame = bytes(datagram(Raw(data)))
    packet = Ether(frame)
    assert bytes(packet) == frame
    assert packet.show(dump=True)
    assert packet.summary()
    assert SIP.tcp_reassemble(data, {}, {}) is None or bytes(SIP.tcp_reassemble(data, {}, {})) == data


LINE_END = st.sampled_from([b"\r\n", b"\n"])
BLANKS = st.text(" \t", min_size=1, max_size=2).map(str.encode)
NAME = st.sampled_from([b"Via", b"v", b"VIA", b"Route", b"f", b"X-\xff", b"content-length", b"l"])
VALUE = st.binary(max_size=20).map(lambda text: text.replace(b"\n", b"\n ").replace(b"\r", b""))
HEADER = st.builds(
    lambda *parts: b"".join(parts), NAME, st.sampled_from([b":", b" : ", b"\t:", b":\r\n "]), VALUE, st.sampled_from([b"", b" "]), LINE_END
)
START = st.one_of(
    st.builds(lambda *parts: b"".join(parts), st.just(b"INFO"), BLANKS, st.just(b"sip:a"), BLANKS, st.just(b"sip/2.0"), LINE_END),
    st.builds(
        lambda *parts: b"".join(parts), st.just(b"SIP/2.0"), BLANKS, st.just(b"200"), st.sampled_from([b"", b" ", b" OK \xff"]), LINE_END
    ),
)
HEADERS = st.lists(HEADER, max_size=6)


@given(st.sampled_from([b"", b"\r\n", b"\n\n"]), START, HEADERS, LINE_END, st.binary(max_size=30))
def test_odd_messages_build_back(lead: bytes, start: bytes, headers: list[bytes], end: bytes, body: bytes) -> None:
    data = b"".join((lead, start, *headers, end, body))
    sip = SIP(data)
    assert isinstance(sip, SIP)
    sip.clear_cache()
    assert bytes(sip) == data
    assert bytes(eval(sip.command(), {"SIPRequest": SIPRequest, "SIPResponse": SIPResponse, "SDP": SDP, "Raw": Raw})) == data


@given(START, HEADERS, HEADERS, LINE_END, st.binary(max_size=30))
def test_edits_of_odd_messages(start: bytes, above: list[bytes], below: list[bytes], end: bytes, body: bytes) -> None:
    def message(*wanted: bytes) -> bytes:
        return b"".join((start, *above, *wanted, *below, end, body))

    sip = SIP(message(b"Max-Forwards\t:  70 \n"))
    sip.set_header("Max-Forwards", 69)
    assert bytes(sip) == message(b"Max-Forwards\t:  69 \n")
    assert sip.remove_header("max-forwards") == 1
    assert bytes(sip) == message()
    sip.add_header("Max-Forwards", "1", at=len(above))
    assert bytes(sip) == message(b"Max-Forwards: 1\r\n")
