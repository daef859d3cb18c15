"""WebSocket (RFC 6455) as an end writes it, and what happens in ``pcaps/websocket.pcap`` (RFC 7118). Knows nothing of link types and files.

It shares no code with ``scapy_rr.wire``, so that a mistake there is not repeated here.
"""

import base64
import hashlib
import struct
from collections.abc import Sequence

from .messages import DEVICES, Dialog, Party, registration
from .scenes import BOB, PROXY, TAGS, Scene, Socket, seen
from .tcp import Connection

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
CALLER: Socket = ("10.0.0.5", 40000)
LISTENER: Socket = (PROXY[0], 80)
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Browser(Party):
    """A telephone in a web page: it does not know its address, and takes a name that cannot be one (RFC 7118 5)."""

    @property
    def contact(self) -> str:
        """Without a port: there is none to be reached at."""
        return f"sip:{self.user}@{self.host};transport=ws"

    def via(self, branch: str, parameters: str = ";rport") -> str:
        """The same of the Via."""
        return f"SIP/2.0/WS {self.host};branch=z9hG4bK{branch}{parameters}"


ALICE = Browser("alice", "df7jal23ls0d.invalid", device=DEVICES[1], transport="WS")


def frame(payload: bytes, opcode: int = TEXT, mask: bytes = b"", fin: bool = True) -> bytes:
    """One frame.

    :param mask: four bytes, or none for no masking.
    """
    head, masked = bytes([fin << 7 | opcode]), bool(mask) << 7
    if len(payload) < 126:
        head += bytes([masked | len(payload)])
    elif len(payload) < 65_536:
        head += struct.pack("!BH", masked | 126, len(payload))
    else:
        head += struct.pack("!BQ", masked | 127, len(payload))
    return head + mask + bytes(byte ^ mask[at % 4] if mask else byte for at, byte in enumerate(payload))


def fragments(payload: bytes, sizes: Sequence[int], masks: Sequence[bytes] = (), opcode: int = TEXT) -> list[bytes]:
    """A message as several frames.

    :param sizes: of all but the last, which takes the rest.
    :param masks: one for each, or none.
    """
    parts = []
    for size in sizes:
        parts.append(payload[:size])
        payload = payload[size:]
    parts.append(payload)
    last = len(parts) - 1
    return [
        frame(part, CONTINUATION if number else opcode, masks[number] if masks else b"", number == last)
        for number, part in enumerate(parts)
    ]


def mask(number: int) -> bytes:
    """What a client would draw by chance."""
    return hashlib.sha256(b"mask %d" % number).digest()[:4]


def request(target: str = "/", host: str = "10.0.0.1") -> bytes:
    """The client's half of the handshake."""
    lines = [
        f"GET {target} HTTP/1.1",
        f"Host: {host}",
        "Connection: Upgrade",
        "Pragma: no-cache",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
        "Upgrade: websocket",
        "Origin: http://www.example.com",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {KEY}",
        "Sec-WebSocket-Protocol: sip",
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def answer(key: str = KEY) -> bytes:
    """The server's half: it takes the sub-protocol, and no extension."""
    accepted = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()).decode()
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {accepted}",
        "Sec-WebSocket-Protocol: sip",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _registers(scene: Scene, tcp: Connection) -> None:
    """In one frame each."""
    tag = "5e6157e4"
    scene.play(tcp.say(frame(registration(ALICE, "ws-register-1@df7jal23ls0d.invalid", tag, 1, "a0001"), mask=mask(1))))
    dialog = Dialog(ALICE, ALICE, "ws-register-1@df7jal23ls0d.invalid", (tag, "4e610c41"))
    scene.play(tcp.say(frame(dialog.response("200 OK", "REGISTER", 1, seen(ALICE, "a0001", *CALLER))), by_server=True))


def _calls(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """The INVITE in three fragments with a ping between them, and segments that end in a header; the answer in two fragments."""
    invite = dialog.request("INVITE", 1, "a0002", uri=BOB.address_of_record, early=True, body=ALICE.sdp(40000))
    first, *others = fragments(invite, (400, 130), [mask(number) for number in (2, 3, 4)])
    stream = b"".join([first, frame(b"still there", PING, mask(5)), *others])
    scene.play(tcp.say(stream, (len(first) - 5, 8, 300)), 700_001)
    via = seen(ALICE, "a0002", *CALLER)
    scene.play(tcp.say(frame(b"still there", PONG), by_server=True))
    progress = [dialog.response(status, "INVITE", 1, via) for status in ("100 Trying", "180 Ringing")]
    scene.play(tcp.say(b"".join(map(frame, progress)), by_server=True))
    answered = fragments(dialog.response("200 OK", "INVITE", 1, via, body=BOB.sdp(50000)), (600,))
    scene.play(tcp.say(b"".join(answered), by_server=True), 2_400_318)


def _changes(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """ACK and re-INVITE, one behind the other, of which the second is cut in two segments."""
    requests = [dialog.request("ACK", 1, "a0003", routes=dialog.routes)]
    requests.append(dialog.request("INVITE", 2, "a0004", routes=dialog.routes, body=ALICE.sdp(40000, 2)))
    stream = b"".join(frame(one, mask=mask(number)) for number, one in enumerate(requests, 6))
    scene.play(tcp.say(stream, (len(requests[0]) + 300,)), 5_000_021)
    answered = dialog.response("200 OK", "INVITE", 2, seen(ALICE, "a0004", *CALLER), body=BOB.sdp(50000, 2))
    scene.play(tcp.say(frame(answered), by_server=True))
    scene.play(tcp.say(frame(dialog.request("ACK", 2, "a0005", routes=dialog.routes), BINARY, mask(8))))


def _hangs_up(scene: Scene, tcp: Connection, dialog: Dialog) -> None:
    """In two fragments; then the WebSocket is closed, and the server ends the connection."""
    bye = fragments(dialog.request("BYE", 3, "a0006", routes=dialog.routes), (200,), [mask(9), mask(10)])
    scene.play(tcp.say(b"".join(bye)), 8_123_456)
    scene.play(tcp.say(frame(dialog.response("200 OK", "BYE", 3, seen(ALICE, "a0006", *CALLER))), by_server=True))
    normal = struct.pack("!H", 1000)
    scene.play(tcp.say(frame(normal, CLOSE, mask(11))), 1_000_003)
    scene.play(tcp.say(frame(normal, CLOSE), by_server=True))
    scene.play(tcp.close(by_server=True))


def websocket_call() -> Scene:
    """A telephone in a web page registers, calls one on UDP by way of the proxy, changes the call, and hangs up."""
    recorded = f"<sip:10.0.0.1;r2=on;lr;ftag={TAGS[0]}>", f"<sip:10.0.0.1:80;transport=ws;r2=on;lr;ftag={TAGS[0]}>"
    dialog = Dialog(ALICE, BOB, "ws-call-1@df7jal23ls0d.invalid", TAGS, recorded)
    scene, tcp = Scene(), Connection(CALLER, LISTENER)
    scene.play([*tcp.open(), *tcp.say(request()), *tcp.say(answer(), by_server=True)])
    _registers(scene, tcp)
    _calls(scene, tcp, dialog)
    _changes(scene, tcp, dialog)
    _hangs_up(scene, tcp, dialog)
    return scene
