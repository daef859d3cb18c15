"""The Scapy layer: what comes is what goes, edits touch what they name, and Scapy's own machinery works on it."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scapy.config import conf
from scapy.layers.dns import DNS
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Raw, bind_bottom_up, fuzz, ls, split_bottom_up
from scapy.utils import rdpcap

import scapy_rr
from scapy_rr.layer import SDP, SIP, SIPRequest, SIPResponse, bind_any_port

from .layer_messages import BARE, INVITE, MESSAGES, NO_MESSAGES, RINGING, SHARED, datagram, dissected

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


@pytest.mark.skipif(not TORTURE, reason="../shared does not lie beside the project")
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
    assert SIP(b"MESSAGE sip:a SIP/2.0\r\nl: 000000000005\r\n\r\nv=0\r\n").layers() == [SIPRequest, SDP]


def test_the_rest_of_a_datagram_stays_in_it() -> None:
    packet = dissected(MESSAGES["more than Content-Length"])
    packet[SIP].Method = "INFO"
    del packet[UDP].len
    assert UDP(bytes(packet[UDP])).len == len(packet[UDP])


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


@pytest.mark.skipif(not (SHARED / "captures").is_dir(), reason="../shared does not lie beside the project")
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
