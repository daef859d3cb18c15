"""What the tests of the layer's modules share: messages, and how they come from the wire."""

from pathlib import Path
from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

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


def datagram(payload: Any, **ports: int) -> Any:
    frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.5", dst="10.0.0.1")
    return frame / UDP(**(ports or {"sport": 5060, "dport": 5060})) / payload


def dissected(payload: bytes) -> Any:
    """The datagram as it comes from the wire."""
    return Ether(bytes(datagram(Raw(payload))))
