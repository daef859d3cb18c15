"""Calls over a WebSocket, changes the call, and is hung up on: ``python -m tests.pcapmaker.websocket_caller HERE HOST:PORT``.

What it sends is masked as chance has it, in one frame or in several, with a ping between. What the other side sends it reads as RFC 6455
has it, and no further than a Kamailio goes.
"""

import os
import re
import socket
import struct
import sys

from .messages import Dialog, Party
from .websocket import ALICE, BINARY, CLOSE, CONTINUATION, PING, PONG, frame, request

BOB = Party("bob", "10.0.0.9")
PATIENCE = 10.0
NORMAL_CLOSURE = struct.pack("!H", 1000)
_COPIED = ("Via", "From", "To", "Call-ID", "CSeq")


class WebSocket:
    """The client's end of a WebSocket for SIP.

    :raises RuntimeError: the server refuses it.
    """

    def __init__(self, here: str, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE, (here, 0))
        self._stream = self._socket.makefile("rb")
        self._socket.sendall(request(host=f"{host}:{port}"))
        status = self._stream.readline()
        if b" 101 " not in status:
            raise RuntimeError(f"no WebSocket: {status!r}")
        while self._stream.readline().strip():
            pass

    def send(self, message: bytes, *sizes: int, opcode: int = 1) -> None:
        """Send a message, the first bytes in frames of these sizes, and a ping behind the first of them."""
        for number, size in enumerate(sizes):
            self._write(message[:size], CONTINUATION if number else opcode, False)
            if not number:
                self._write(b"still there", PING)
            message = message[size:]
        self._write(message, CONTINUATION if sizes else opcode)

    def _write(self, payload: bytes, opcode: int, fin: bool = True) -> None:
        self._socket.sendall(frame(payload, opcode, os.urandom(4), fin))

    def message(self) -> bytes:
        """The next message. Pongs are passed over, pings answered."""
        message = b""
        while True:
            opcode, payload, fin = self._frame()
            if opcode == PING:
                self._write(payload, PONG)
            elif opcode == CLOSE:
                raise RuntimeError("it closes")
            elif opcode != PONG:
                message += payload
                if fin:
                    return message

    def close(self) -> None:
        """Part as agreed."""
        self._write(NORMAL_CLOSURE, CLOSE)
        while self._frame()[0] != CLOSE:
            pass
        self._stream.read()

    def _frame(self) -> tuple[int, bytes, bool]:
        first, length = self._stream.read(2)
        if length >= 126:
            length = int.from_bytes(self._stream.read(2 if length == 126 else 8), "big")
        return first & 0x0F, self._stream.read(length), first >= 0x80


def values(message: bytes, name: str) -> list[str]:
    """The values of a header."""
    lines = re.findall(rf"^{name}[ \t]*:[ \t]*(.*?)\r?$", message.partition(b"\r\n\r\n")[0].decode(), re.IGNORECASE | re.MULTILINE)
    return [value for line in lines for value in re.split(r",\s*(?=<)", line)]


def final(websocket: WebSocket) -> bytes:
    """The final response, which has to be a good one."""
    while (message := websocket.message()).startswith(b"SIP/2.0 1"):
        pass
    if not message.startswith(b"SIP/2.0 200 "):
        raise RuntimeError(f"the answer is {message!r}")
    return message


def call(websocket: WebSocket) -> None:
    """One call."""
    call_id, tag = f"{os.urandom(8).hex()}@{ALICE.host}", os.urandom(4).hex()
    branches = (os.urandom(6).hex() for _ in range(4))
    early = Dialog(ALICE, BOB, call_id, (tag, ""))
    invite = early.request("INVITE", 1, next(branches), uri=BOB.address_of_record, early=True, body=ALICE.sdp(40000))
    websocket.send(invite, 400, 130)
    answer = final(websocket)
    (contact,) = re.findall("<(.*)>", values(answer, "Contact")[0])
    theirs = values(answer, "To")[0].partition(";tag=")[2]
    dialog = Dialog(ALICE, BOB, call_id, (tag, theirs), tuple(values(answer, "Record-Route")))
    websocket.send(dialog.request("ACK", 1, next(branches), uri=contact, routes=dialog.routes))
    websocket.send(dialog.request("INVITE", 2, next(branches), uri=contact, routes=dialog.routes, body=ALICE.sdp(40000, 2)))
    final(websocket)
    websocket.send(dialog.request("ACK", 2, next(branches), uri=contact, routes=dialog.routes), opcode=BINARY)
    bye = websocket.message()
    if not bye.startswith(b"BYE "):
        raise RuntimeError(f"no BYE: {bye!r}")
    lines = [f"{name}: {value}" for name in _COPIED for value in values(bye, name)]
    websocket.send("\r\n".join(["SIP/2.0 200 OK", *lines, "Content-Length: 0", "", ""]).encode())


def main() -> None:
    """Connect, call, and part."""
    here, server = sys.argv[1:]
    host, _, port = server.rpartition(":")
    websocket = WebSocket(here, host, int(port))
    call(websocket)
    websocket.close()


if __name__ == "__main__":
    main()
