"""How the handshake of a WebSocket is told from all else that a stream may begin with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.upgrade import Http, Upgrade, upgrade


def head(*lines: str) -> bytes:
    return "\r\n".join([*lines, "", ""]).encode()


# RFC 7118 8.1.
REQUEST = head(
    "GET / HTTP/1.1",
    "Host: sip-ws.example.com",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Origin: http://www.example.com",
    "Sec-WebSocket-Protocol: sip",
    "Sec-WebSocket-Version: 13",
)
ANSWER = head(
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
    "Sec-WebSocket-Protocol: sip",
)
GET, SWITCHING, UPGRADE = "GET /ws?a=b HTTP/1.1", "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"
PROTOCOL, EXTENSIONS = "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"


@pytest.mark.parametrize(("data", "accepted"), [(REQUEST, False), (ANSWER, True)], ids=["request", "answer"])
def test_the_handshake_of_the_rfc_however_it_is_cut(data: bytes, accepted: bool) -> None:
    """What follows is none of it, even where it looks like more of it."""
    for cut in range(len(data)):
        assert upgrade(data[:cut]) is Http.CUT
    for behind in (b"", b"\x81\x00", b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"):
        assert upgrade(data + behind) == Upgrade(len(data), accepted, sip=True, deflate=False)


@pytest.mark.parametrize(
    ("lines", "sip", "deflate"),
    [
        ((GET, UPGRADE), False, False),
        ((GET, "uPGRADE :\tWebSocket "), False, False),
        ((GET, "Upgrade: h2c, websocket"), False, False),
        ((GET, "Upgrade: h2c", UPGRADE), False, False),
        (("HTTP/1.1 101", UPGRADE), False, False),
        (("HTTP/1.1 101 ", UPGRADE), False, False),
        ((GET, UPGRADE, f"{PROTOCOL}: chat"), False, False),
        ((GET, UPGRADE, f"{PROTOCOL}: sipx,xsip"), False, False),
        ((GET, UPGRADE, f"X{PROTOCOL}: sip"), False, False),
        ((GET, UPGRADE, f"X: {PROTOCOL}: sip"), False, False),
        ((GET, UPGRADE, f"{PROTOCOL}: msrp, SIP"), True, False),
        ((GET, UPGRADE, f"{PROTOCOL}: msrp", f"{PROTOCOL.lower()}:sip"), True, False),
        ((SWITCHING, UPGRADE, f"{EXTENSIONS}: permessage-deflate"), False, True),
        ((SWITCHING, UPGRADE, f"{EXTENSIONS}: permessage-deflate; server_no_context_takeover; client_max_window_bits=10"), False, True),
        ((GET, UPGRADE, f"{EXTENSIONS}: x-private; a=b , permessage-deflate ; client_max_window_bits"), False, True),
        ((GET, UPGRADE, f"{EXTENSIONS}: x; permessage-deflate"), False, False),
        ((GET, UPGRADE, f"{EXTENSIONS}: permessage-deflate", f"{PROTOCOL}: sip"), True, True),
    ],
)
def test_what_is_named(lines: tuple[str, ...], sip: bool, deflate: bool) -> None:
    """Lists on one line and on several, names in any case; a line feed alone is a line's end, too."""
    data = head(*lines)
    assert upgrade(data) == Upgrade(len(data), lines[0].startswith("HTTP"), sip, deflate)
    bare = data.replace(b"\r", b"")
    assert upgrade(bare) == Upgrade(len(bare), lines[0].startswith("HTTP"), sip, deflate)


@pytest.mark.parametrize(
    "data",
    [
        head("GET / HTTP/1.1", "Host: a"),
        head("GET / HTTP/1.0", UPGRADE),
        head("GET  HTTP/1.1", UPGRADE),
        head("GET / HTTP/1.1 ", UPGRADE),
        head("HTTP/1.1 200 OK", UPGRADE),
        head("HTTP/1.1 1010 OK", UPGRADE),
        head("HTTP/1.0 101 Switching Protocols", UPGRADE),
        head(SWITCHING, "Upgrade: h2c"),
        head(SWITCHING, "X-Upgrade: websocket"),
        head("HTTP/1.1 401 Unauthorized", "Content-Length: 20") + b"Upgrade: websocket\r\n",
        head(GET, UPGRADE, "X: " + "x" * 16_384),
        b"GET " + bytes(16_384),
    ],
)
def test_other_http(data: bytes) -> None:
    assert upgrade(data) is Http.OTHER


@pytest.mark.parametrize("data", [b"G", b"GE", b"GET", b"GET ", b"GET /", b"H", b"HTTP/1.", b"", b"GET " + bytes(16_379)])
def test_more_must_come(data: bytes) -> None:
    assert upgrade(data) is Http.CUT


@pytest.mark.parametrize(
    "data",
    [
        b"g",
        b"GETX",
        b"GES",
        b"INVITE sip:a@b SIP/2.0\r\n",
        b"SIP/2.0 200 OK",
        b"HTTP/2",
        b"POST / HTTP/1.1\r\n",
        b"\r\n\r\n",
        b"\x16\x03\x01",
        b"\0",
    ],
)
def test_no_http(data: bytes) -> None:
    assert upgrade(data) is Http.NONE


@given(st.sampled_from([b"", b"GET ", b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n", b"HTTP/1.1 101"]), st.binary(max_size=100))
def test_what_is_decided_stays_so(beginning: bytes, behind: bytes) -> None:
    """However much more comes."""
    data = beginning + behind
    found = [upgrade(data[:end]) for end in range(len(data) + 1)]
    decided = [one for one in found if one is not Http.CUT]
    assert len(set(decided)) <= 1
    assert found[len(found) - len(decided) :] == decided
