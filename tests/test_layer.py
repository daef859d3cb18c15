"""The Scapy layer: what comes is what goes, edits touch what they name, and Scapy's own machinery works on it."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.config import conf
from scapy.fields import RawVal
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet, Raw, bind_bottom_up, fuzz, ls, split_bottom_up
from scapy.sendrecv import sniff
from scapy.sessions import TCPSession
from scapy.utils import rdpcap

import scapy_rr
from scapy_rr.layer import SDP, SIP, SIPRequest, SIPResponse, bind_any_port

SHARED = Path(__file__).parents[2] / "shared"

INVITE = (
    b"INVITE sip:bob@example.com SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9\r\n"
    b"Record-Route: <sip:10.0.0.9;lr>\r\n"
    b"v:SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK5,SIP/2.0/UDP 10.0.0.4;branch=z9hG4bK4\r\n"
    b'f: "Alice" <sip:alice@example.com>;tag=a\r\n'
    b"To : <sip:bob@example.com>\r\n"
    b"CALL-ID:  1@10.0.0.5\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Max-Forwards: 70\r\n"
    b"Subject: one\r\n two\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 18\r\n"
    b"\r\n"
    b"v=0\r\nm=audio 1 0\r\n"
)
RINGING = (
    b"SIP/2.0 180 Ringing\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.9:5060;received=10.0.0.9;Branch=Z9hG4bK9\r\n"
    b"i: 1@10.0.0.5\r\n"
    b"CSeq: 1  INVITE\r\n"
    b"l: 0\r\n"
    b"\r\n"
)
BARE = b"BYE sip:a SIP/2.0\r\nCall-ID: 1\r\n\r\n"

# What is odd in each is in its name; all are SIP.
MESSAGES = {
    "a plain request": INVITE,
    "a plain response": RINGING,
    "no headers": b"OPTIONS sip:a SIP/2.0\r\n\r\n",
    "lone line feeds": b"OPTIONS sip:a SIP/2.0\nVia: x\nl: 2\n\nab",
    "line ends mixed": b"OPTIONS sip:a SIP/2.0\r\nVia: x\nVia: y\r\n\nab",
    "folds": b"OPTIONS sip:a SIP/2.0\r\nVia:\r\n x\r\n\ty\r\nTo: z\r\n\r\n",
    "blanks before the colon": b"OPTIONS sip:a SIP/2.0\r\nVia \t : x\r\nTo\t:y\r\n\r\n",
    "blanks behind the value": b"OPTIONS sip:a SIP/2.0\r\nVia: x \t\r\nTo:\r\nFrom: \r\n\r\n",
    "leading line ends": b"\r\n\r\n\nOPTIONS sip:a SIP/2.0\r\nVia: x\r\n\r\n",
    "blanks in the request line": b"OPTIONS  sip:a\t SIP/2.0 \t\r\nVia: x\r\n\r\n",
    "blanks in the status line": b"SIP/2.0   200  It  is fine \r\nVia: x\r\n\r\n",
    "no reason": b"SIP/2.0 200\r\nVia: x\r\n\r\n",
    "an empty reason": b"SIP/2.0 200 \nVia: x\r\n\r\n",
    "a version in lower case": b"OPTIONS sip:a sip/2.0\r\nVia: x\r\n\r\n",
    "a strange method": b"!x%*_+`'~ sip:a SIP/2.0\r\nVia: x\r\n\r\n",
    "bytes beyond ASCII": b"OPTIONS sip:\xc3\xa4 SIP/2.0\r\nX-\xff\x85\xa0: \xfe\xa0\r\n\r\n",
    "a binary body": b"MESSAGE sip:a SIP/2.0\r\nc: a/b\r\nl: 6\r\n\r\n\x00\xff\r\n\r\n",
    "a body without Content-Length": b"MESSAGE sip:a SIP/2.0\r\nVia: x\r\n\r\nhi",
    "more than Content-Length": b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 2\r\n\r\nhi, there",
    "less than Content-Length": b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 20\r\n\r\nhi",
    "a Content-Length that is no number": b"MESSAGE sip:a SIP/2.0\r\nContent-Length: -1\r\n\r\nhi",
    "two Content-Lengths": b"MESSAGE sip:a SIP/2.0\r\nContent-Length: 2\r\nl: 1\r\n\r\nhi",
    "SDP with everything wrong": b"INVITE sip:a SIP/2.0\r\nc:Application/SDP ; x\r\n\r\nv=0\n=\nno sign\r\n\r\n\xffs=a=b \r\na=end",
}

# What is no SIP message, each for its own reason.
NO_MESSAGES = {
    "a keep-alive": b"\r\n\r\n",
    "a keep-alive of zeros": b"\0\0\0\0",
    "a STUN request": bytes.fromhex("000100002112a442") + bytes(12),
    "no empty line": b"OPTIONS sip:a SIP/2.0\r\nVia: x\r\n",
    "a cut header": b"OPTIONS sip:a SIP/2.0\r\nVi",
    "a line without a colon": b"OPTIONS sip:a SIP/2.0\r\nVia x\r\n\r\n",
    "another version": b"OPTIONS sip:a SIP/3.0\r\n\r\n",
    "a status of four digits": b"SIP/2.0 2000 OK\r\n\r\n",
    "HTTP": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a lone start line": b"OPTIONS sip:a SIP/2.0",
}

# :rfc:`4475`: what has no start line or no end of its headers, and so is no message to build.
TORTURE_AS_RAW = {
    "baddn": "its empty line is missing",
    "badvers": "SIP/7.0",
    "bigcode": "a status code of ten digits",
    "lwsruri": "blanks in the Request-URI",
}
# Older ones, 2.6.1 among them, keep what a DATA chunk carries as bytes.
SCTP_HOLDS_PACKETS = pytest.mark.skipif(not SCTPChunkData.data.holds_packets, reason="this Scapy does not look into DATA chunks")
TORTURE = sorted((SHARED / "rfc4475").glob("*.dat"))


def datagram(payload: Any, **ports: int) -> Any:
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.5", dst="10.0.0.1")
    return frame / UDP(**(ports or {"sport": 5060, "dport": 5060})) / payload


def dissected(payload: bytes) -> Any:
    """The datagram as it comes from the wire."""
    return Ether(bytes(datagram(Raw(payload))))


@pytest.mark.parametrize("data", MESSAGES.values(), ids=MESSAGES.keys())
def test_a_message_builds_back(data: bytes) -> None:
    frame = bytes(datagram(Raw(data)))
    packet = Ether(frame)
    assert SIP in packet
    assert bytes(packet) == frame
    assert bytes(packet[SIP]) == bytes(SIP(data)) == data
    # Without the memory of its bytes: fields and payload hold all there is.
    packet[SIP].clear_cache()
    assert bytes(packet[SIP]) == data
    again = eval(packet[SIP].command(), {"SIPRequest": SIPRequest, "SIPResponse": SIPResponse, "SDP": SDP, "Raw": Raw})
    assert bytes(again) == data
    assert again == packet[SIP]


@pytest.mark.parametrize("data", NO_MESSAGES.values(), ids=NO_MESSAGES.keys())
def test_what_is_no_message_is_raw(data: bytes) -> None:
    packet = dissected(data)
    assert packet.layers() == [Ether, IP, UDP, Raw]
    assert packet[Raw].load == data
    assert type(SIP(data)) is Raw
    for layer in SIPRequest, SIPResponse:
        asked = layer(data)
        assert bytes(asked) == data
        assert type(asked.payload) is Raw


@pytest.mark.skipif(not TORTURE, reason="/work/shared does not lie beside the project")
@pytest.mark.parametrize("path", TORTURE, ids=lambda path: str(path.stem))
def test_torture(path: Path) -> None:
    data = path.read_bytes()
    packet = dissected(data)
    assert bytes(packet[UDP].payload) == data
    assert (SIP not in packet) == (path.stem in TORTURE_AS_RAW)
    if SIP in packet:
        packet[SIP].clear_cache()
        assert bytes(packet[SIP]) == data


def test_the_fields_of_a_request() -> None:
    sip = dissected(INVITE)[SIP]
    assert type(sip) is SIPRequest
    assert (sip.Method, sip.Request_URI, sip.SIP_Version) == ("INVITE", "sip:bob@example.com", "SIP/2.0")
    assert sip.headers[:3] == [
        ("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9"),
        ("Record-Route", "<sip:10.0.0.9;lr>"),
        ("v", "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bK5,SIP/2.0/UDP 10.0.0.4;branch=z9hG4bK4"),
    ]
    assert [name for name, _ in sip.headers[3:]] == [
        "f", "To", "CALL-ID", "CSeq", "Max-Forwards", "Subject", "Content-Type", "Content-Length",
    ]  # fmt: skip
    assert sip.spacing is None
    assert sip[SDP].lines == [("v", "0"), ("m", "audio 1 0")]


def test_the_fields_of_a_response() -> None:
    sip = SIP(RINGING)
    assert type(sip) is SIPResponse
    assert (sip.SIP_Version, sip.Status_Code, sip.Reason_Phrase) == ("SIP/2.0", 180, "Ringing")


def test_headers_are_found_by_either_name() -> None:
    sip = SIP(INVITE)
    assert sip.header("From") == sip.header("F") == '"Alice" <sip:alice@example.com>;tag=a'
    assert sip.header("call-id") == sip.header("i") == "1@10.0.0.5"
    assert sip.header("Subject") == "one\r\n two"
    assert len(sip.headers_all("via")) == 2
    assert sip.header("Route") is None
    assert sip.headers_all("Route") == []
    # r is Refer-To (:rfc:`3515`): it stands neither for Route nor for Record-Route.
    assert SIP(BARE.replace(b"Call-ID", b"r")).headers_all("Route") == []


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


def test_bodies() -> None:
    message = b"MESSAGE sip:a SIP/2.0\r\n%s\r\nv=0\r\n"
    for header, layer in [
        (b"", SDP),
        (b"Content-Type: application/sdp;charset=x\r\n", SDP),
        (b"Content-Type: text/plain\r\n", Raw),
        (b"Content-Type: application/sdp\r\nContent-Encoding: gzip\r\n", Raw),
    ]:
        assert type(SIP(message % header).payload) is layer
    surplus = SIP(b"MESSAGE sip:a SIP/2.0\r\nl: 5\r\n\r\nv=0\r\nrest")
    assert surplus.layers() == [SIPRequest, SDP, Raw]
    assert surplus[Raw].load == b"rest"


def test_the_rest_of_a_datagram_stays_in_it() -> None:
    packet = dissected(MESSAGES["more than Content-Length"])
    packet[SIP].Method = "INFO"
    del packet[UDP].len
    assert UDP(bytes(packet[UDP])).len == len(packet[UDP])


def test_sdp_edits() -> None:
    sdp = SDP(b"v=0\nm=audio 1 RTP/AVP 0\r\nodd\r\na=x")
    assert sdp.lines == [("v", "0"), ("m", "audio 1 RTP/AVP 0"), ("", "odd"), ("a", "x")]
    sdp.lines[1] = ("m", "audio 2 RTP/AVP 0")
    assert bytes(sdp) == b"v=0\nm=audio 2 RTP/AVP 0\r\nodd\r\na=x"
    del sdp.lines
    assert bytes(sdp) == b""


def test_copies() -> None:
    packet = dissected(INVITE)
    clone = packet.copy()
    assert clone == packet
    clone[SIP].set_header("Max-Forwards", 1)
    assert clone != packet
    assert bytes(packet) == bytes(dissected(INVITE))
    for other in pickle.loads(pickle.dumps(packet)), copy.deepcopy(packet):
        assert other == packet
        assert bytes(other) == bytes(packet)
    assert copy.deepcopy(packet[SIP].headers) == pickle.loads(pickle.dumps(packet[SIP].headers)) == packet[SIP].headers


def test_show() -> None:
    data = INVITE.replace(b'"Alice"', "Älis\x1b[2J".encode()).replace(b"sip:bob", b"sip:\xe9")
    assert "\n".join(line.rstrip() for line in SIP(data).show(dump=True).splitlines()[:6]) == (
        "###[ SIP Request ]###\n"
        "  Method    = INVITE\n"
        "  Request_URI= sip:é@example.com\n"
        "  SIP_Version= SIP/2.0\n"
        "  headers   = Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK9\n"
        "              Record-Route: <sip:10.0.0.9;lr>"
    )
    shown = dissected(data).show2(dump=True)
    assert "\n                       f: Älis\\x1b[2J <sip:alice@example.com>;tag=a\n" in shown
    assert "\n                       Subject: one\\r\\n two\n" in shown
    assert "     lines     = v=0\n                          m=audio 1 0\n" in shown
    assert "spacing" not in shown
    assert "spacing   = ('', '  ', ' ', '\\n', '\\n')" in SIP(b"BYE  sip:a SIP/2.0\n\n").show(dump=True)
    assert "Reason_Phrase= Busy Here" in SIPResponse(Status_Code=486, headers=[("l", None)]).show(dump=True)
    assert "l: (computed)" in SIPResponse(headers=[("l", None)]).show(dump=True)
    assert "headers=X: 1 | Y: 2 |" in repr(SIPRequest(headers=[("X", 1), ("Y", 2)]))


def test_summary() -> None:
    assert dissected(INVITE).summary() == "Ether / IP / UDP 10.0.0.5:sip > 10.0.0.1:sip / SIP INVITE sip:bob@example.com / SDP"
    assert dissected(RINGING).summary() == "Ether / IP / UDP 10.0.0.5:sip > 10.0.0.1:sip / SIP 180 Ringing (INVITE)"
    assert SIP(b"SIP/2.0 200\r\n\r\n").summary() == "SIP 200"


def test_listing_json_and_fuzz(capsys: pytest.CaptureFixture[str]) -> None:
    for thing in SIP, SIPRequest, SIPResponse, SDP, SIP(INVITE):
        ls(thing)
    assert "Request_URI" in capsys.readouterr().out
    assert '"Method": "INVITE"' in dissected(INVITE).json()
    for packet in SIPRequest(headers=[("X", "y")]) / SDP(), SIPResponse(), dissected(INVITE):
        random = fuzz(packet)
        assert bytes(random)
        assert random.show(dump=True)
        assert random.summary()


def answer(**changes: str) -> Any:
    """RINGING from the other side, some headers changed."""
    response = SIP(RINGING)
    for name, value in changes.items():
        response.set_header(name.replace("_", "-"), value)
    return IP(src="10.0.0.1", dst="10.0.0.5") / UDP(sport=5060, dport=5060) / response


def test_answers() -> None:
    request = dissected(INVITE)[IP]
    assert answer().answers(request)
    assert answer().hashret() == request.hashret()
    assert answer() < request
    assert not answer(Via="SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK8").answers(request)
    for changed in answer(CSeq="2 INVITE"), answer(CSeq="1 CANCEL"), answer(Call_ID="2@10.0.0.5"):
        assert not changed.answers(request)
        assert changed.hashret() != request.hashret()
    assert not request.answers(request)
    assert not request[SIP].answers(answer()[SIP])
    assert not answer()[SIP].answers(answer()[SIP])
    # Without a transaction to compare, nothing is an answer.
    assert not SIPResponse().answers(SIPRequest())
    assert SIPResponse(headers=[("i", "1")]).answers(SIPRequest(headers=[("Call-ID", "1")]))


def test_answers_over_tcp() -> None:
    request = IP(src="10.0.0.5", dst="10.0.0.1") / TCP(sport=40000, dport=5060, seq=1, ack=1, flags="PA") / SIP(INVITE)
    response = IP(src="10.0.0.1", dst="10.0.0.5") / TCP(sport=5060, dport=40000, seq=1, ack=1 + len(INVITE), flags="PA") / SIP(RINGING)
    assert response.answers(request)
    assert response.hashret() == request.hashret()


@pytest.mark.parametrize("ports", [{"dport": 5060}, {"sport": 5060}])
@pytest.mark.parametrize("network", [IP(), IPv6()], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("transport", [UDP, TCP])
def test_port_5060(ports: dict[str, int], network: Any, transport: Any) -> None:
    other = {"sport": 40000, "dport": 40000}
    frame = bytes(network / transport(**other | ports) / Raw(INVITE))
    packet = type(network)(frame)
    assert packet.layers()[2:] == [SIPRequest, SDP]
    assert bytes(packet) == frame
    assert (transport() / SIP()).sport == (transport() / SIP()).dport == 5060


@SCTP_HOLDS_PACKETS
def test_sctp() -> None:
    chunk = SCTPChunkData(beginning=1, ending=1, tsn=1, stream_id=0, stream_seq=0, proto_id=0, data=SIP(INVITE))
    frame = bytes(IP() / SCTP(sport=5060, dport=5060) / chunk)
    packet = IP(frame)
    assert bytes(packet) == frame
    assert packet[SIP].Method == "INVITE"
    packet[SIP].set_header("Max-Forwards", 9)
    assert b"\r\nMax-Forwards: 9\r\n" in bytes(packet)
    chunk.data = Raw(b"\0\1no SIP")
    assert IP(bytes(IP() / SCTP(sport=5060, dport=5060) / chunk))[SCTPChunkData].data == Raw(b"\0\1no SIP")


def test_a_port_that_the_user_binds() -> None:
    bind_bottom_up(UDP, SIP, dport=5070)
    try:
        assert SIP in UDP(bytes(UDP(sport=1, dport=5070) / Raw(INVITE)))
    finally:
        split_bottom_up(UDP, SIP, dport=5070)
    assert SIP not in UDP(bytes(UDP(sport=1, dport=5070) / Raw(INVITE)))


@pytest.fixture
def any_port() -> Iterator[None]:
    bind_any_port()
    yield
    bind_any_port(False)


@pytest.mark.usefixtures("any_port")
@pytest.mark.parametrize("transport", [UDP, TCP])
def test_any_port(transport: Any) -> None:
    bind_any_port()
    frame = bytes(transport(sport=53, dport=5555) / Raw(b"\r\n" + RINGING))
    assert SIPResponse in transport(frame)
    # What does not begin as SIP is guessed as ever.
    assert DNS in UDP(bytes(UDP(sport=53, dport=53) / DNS()))
    assert Raw in transport(bytes(transport(sport=1, dport=1) / Raw(b"x")))
    bind_any_port(False)
    assert SIP not in transport(frame)
    bind_any_port(False)


def segments(*payloads: bytes, ports: tuple[int, int] = (40000, 5060), fin: bool = False) -> list[Any]:
    """One direction of a TCP connection, as it comes from the wire."""
    packets, seq = [], 1000
    for i, payload in enumerate(payloads, 1):
        flags = "FPA" if fin and i == len(payloads) else "PA"
        segment = TCP(sport=ports[0], dport=ports[1], seq=seq, ack=1, flags=flags) / Raw(payload)
        packets.append(Ether(bytes(Ether() / IP(src="10.0.0.5", dst="10.0.0.1") / segment)))
        seq += len(payload)
    return packets


def reassembled(*payloads: bytes, **how: Any) -> list[Any]:
    """What follows TCP in each packet that TCPSession hands out."""
    return [p[TCP].payload for p in sniff(offline=segments(*payloads, **how), session=TCPSession, quiet=True)]


def messages_in(packets: list[Any]) -> list[bytes]:
    """The messages in reassembled packets, each up to where the next begins."""
    found = []
    for packet in packets:
        for layer in packet.iterpayloads():
            if isinstance(layer, SIP):
                found.append(b"")
            found[-1] += layer.self_build()
    return found


@pytest.mark.parametrize("data", [INVITE, RINGING, BARE, MESSAGES["lone line feeds"]], ids=["INVITE", "180", "BYE", "lone line feeds"])
def test_tcp_in_every_way_of_cutting(data: bytes) -> None:
    for size in (1, 2, 7, 100, len(data)):
        packets = reassembled(*(data[i : i + size] for i in range(0, len(data), size)))
        assert [bytes(p) for p in packets] == [data]
        assert isinstance(packets[0], SIP)


def test_tcp_with_several_messages_in_a_segment() -> None:
    everything = [INVITE, RINGING, BARE, INVITE]
    stream = b"".join(everything)
    assert messages_in(reassembled(stream)) == everything
    for cut in range(1, len(stream)):
        assert messages_in(reassembled(stream[:cut], stream[cut:])) == everything
    assert reassembled(INVITE + BARE)[0].summary() == "SIP INVITE sip:bob@example.com / SDP / SIP BYE sip:a"


def test_tcp_on_any_port(any_port: None) -> None:
    assert messages_in(reassembled(INVITE + RINGING[:30], RINGING[30:50], RINGING[50:], ports=(40000, 5555))) == [INVITE, RINGING]


def test_tcp_keepalives() -> None:
    ping, message = reassembled(b"\r\n\r\n", BARE)
    assert ping == Raw(b"\r\n\r\n")
    assert bytes(message) == BARE
    # Behind a message they are no body of it: they go before the next.
    assert messages_in(reassembled(INVITE + b"\r\n", BARE)) == [INVITE, b"\r\n" + BARE]


def test_tcp_that_is_no_sip() -> None:
    # The capture begins inside a body.
    rest, message = reassembled(b"c=IN IP4 10.0.0.5\r\n\r\n", BARE)
    assert rest == Raw(b"c=IN IP4 10.0.0.5\r\n\r\n")
    assert bytes(message) == BARE
    tls = b"\x16\x03\x01\x02\x00\x01"
    assert reassembled(tls, tls) == [Raw(tls), Raw(tls)]
    malformed = b"OPTIONS sip:a SIP/2.0\r\nVia x\r\n\r\n"
    assert reassembled(malformed) == [Raw(malformed)]
    # A message before the fault is not lost with it.
    assert [bytes(p) for p in reassembled(BARE + malformed)] == [BARE + malformed]
    assert SIP in reassembled(BARE + malformed)[0]
    endless = b"OPTIONS sip:a SIP/2.0\r\nX: " + b"x" * 70_000
    assert [p.layers() for p in reassembled(endless[:40_000], endless[40_000:])] == [[Raw]]


def test_tcp_that_ends_inside_a_message() -> None:
    assert [bytes(p) for p in reassembled(INVITE[:50], INVITE[50:-5], fin=True)] == [INVITE[:-5]]
    assert reassembled(INVITE[:40]) == []


def test_tcp_flows_of_the_same_xor_do_not_meet() -> None:
    def flow(source: str, target: str, payload: bytes, seq: int) -> Any:
        packet = Ether() / IP(src=source, dst=target) / TCP(sport=5060, dport=5060, seq=seq, flags="PA") / Raw(payload)
        return Ether(bytes(packet))

    one, other = ("10.0.0.1", "10.0.0.2"), ("10.0.0.5", "10.0.0.6")
    mixed = [flow(*one, INVITE[:50], 1), flow(*other, BARE[:20], 1), flow(*one, INVITE[50:], 51), flow(*other, BARE[20:], 21)]
    assert [bytes(p[SIP]) for p in sniff(offline=mixed, session=TCPSession, quiet=True)] == [INVITE, BARE]


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


def test_debug_dissector_does_not_make_it_raise() -> None:
    conf.debug_dissector = True
    try:
        for data in NO_MESSAGES.values():
            assert type(dissected(data)[UDP].payload) is Raw
    finally:
        conf.debug_dissector = False


def test_the_package_hands_out_the_layer_and_loads_it_late() -> None:
    assert scapy_rr.SIP is SIP
    assert scapy_rr.SDP is SDP
    code = "import sys, scapy_rr; assert 'scapy' not in sys.modules; scapy_rr.SIP; assert 'scapy.all' not in sys.modules"
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=Path(__file__).parents[1])


@pytest.mark.skipif(not (SHARED / "captures").is_dir(), reason="/work/shared does not lie beside the project")
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("ethernet-udp-proxy.pcap", 11),
        ("ethernet-ipv6-udp.pcap", 6),
        ("rawip-ipip.pcap", 8),
        pytest.param("sll-sctp-multipart.pcap", 3, marks=SCTP_HOLDS_PACKETS),
    ],
)
def test_captures(name: str, count: int) -> None:
    packets = rdpcap(str(SHARED / "captures" / name))
    assert sum(SIP in packet for packet in packets) == count
    for packet in packets:
        assert bytes(packet) == packet.original
