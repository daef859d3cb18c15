"""The HTTP at the beginning of a stream that becomes a WebSocket (:rfc:`6455` 4): where it ends, and what is agreed on.

It knows no more of HTTP than that takes, and nothing of what follows.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

_MOST = 16_384
# Neither is how a SIP message begins.
_BEGINNINGS = (b"GET ", b"HTTP/1.")
# A recipient may take a line feed alone for a line's end (RFC 9112 2.2).
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_GET = re.compile(rb"GET [^ \r\n]+ HTTP/1\.[1-9]\r?\n")
_SWITCHING = re.compile(rb"HTTP/1\.[1-9] 101[ \r\n]")


class Http(Enum):
    """What a stream begins with, if not with the handshake of a WebSocket."""

    NONE = "no HTTP"
    CUT = "perhaps HTTP, of which more must come"
    OTHER = "HTTP that opens no WebSocket"


class Upgrade(NamedTuple):
    """One end's half of a handshake, which is whole."""

    end: int
    """Where the frames begin."""
    accepted: bool
    """It is the server's answer. Of what the client's request names, the server may leave out something."""
    sip: bool
    """The sub-protocol ``sip`` is named (:rfc:`7118` 3)."""
    deflate: bool
    """The extension permessage-deflate is named (:rfc:`7692`)."""


def upgrade(data: bytes) -> Http | Upgrade:
    """What one direction of a stream begins with.

    :param data: all that came of it so far. More than 16384 bytes are not looked at: such a head is nobody's handshake.
    """
    if not any(data.startswith(beginning[: len(data)]) for beginning in _BEGINNINGS):
        return Http.NONE
    end = _HEAD_END.search(data, 0, _MOST)
    if end is None:
        return Http.CUT if len(data) < _MOST else Http.OTHER
    head = data[: end.end()]
    accepted = bool(_SWITCHING.match(head))
    if not (accepted or _GET.match(head)) or b"websocket" not in _listed(head, b"Upgrade"):
        return Http.OTHER
    sip = b"sip" in _listed(head, b"Sec-WebSocket-Protocol")
    return Upgrade(end.end(), accepted, sip, b"permessage-deflate" in _listed(head, b"Sec-WebSocket-Extensions"))


def _listed(head: bytes, name: bytes) -> Iterator[bytes]:
    """The elements of a header's list in lower case, without their parameters, from as many lines as there are."""
    for line in re.finditer(rb"(?im)^%b[ \t]*:(.*)" % re.escape(name), head):
        for element in line[1].split(b","):
            yield element.partition(b";")[0].strip().lower()
