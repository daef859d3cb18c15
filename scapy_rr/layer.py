"""SIP and SDP as Scapy layers: what came is built again byte for byte, and an edit changes only what it names.

Importing it binds SIP to port 5060. Scapy builds what it is told: nothing is checked or refused here. Knows nothing of routing.
"""

# scapy.contrib.description = Session Initiation Protocol (SIP) and Session Description Protocol (SDP)
# scapy.contrib.status = library

import re
from typing import Any, ClassVar

from scapy.config import conf
from scapy.fields import ConditionalField, Field, RawVal
from scapy.layers.inet import TCP, UDP
from scapy.layers.sctp import SCTPChunkData
from scapy.packet import Packet, bind_bottom_up, bind_layers
from scapy.volatile import RandBin, VolatileValue

from .errors import SipParseError
from .sip.framing import StreamFramer
from .sip.grammar import LEADING_CRLF, REQUEST_LINE, STATUS_LINE, TOKEN
from .sip.message import LONG_NAMES, Message

# header-name HCOLON, as sip/message.py reads it: blanks may stand before the colon, blanks and folds behind it.
_HEADER_NAME = re.compile(r"([^\s:]+)[ \t]*:[ \t]*(?:\r?\n[ \t]+)*", re.ASCII)
_HEADER_LINE = re.compile(r"[^\n]*\n(?:[ \t][^\n]*\n)*|[^\n]+")
_SDP_TYPE = re.compile(r"([^=\r\n]*)=")
_SDP_LINE = re.compile(r"[^\n]*\n|[^\n]+")
# What may still become a start line: a whole token or the beginning of one, or a response's version.
_PERHAPS_START = re.compile(rb"[\r\n]*(?:" + TOKEN + rb"(?:[ \t]|\Z)|[Ss][Ii][Pp]/)")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)

# What stands around the three parts of a start line, and the line end that ends the headers.
_PLAIN_SPACING = ("", " ", " ", "\r\n", "\r\n")

# :rfc:`3261#section-21`, with 202 and 489 of :rfc:`3265` and 422 of :rfc:`4028`.
_REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK",
    202: "Accepted", 300: "Multiple Choices", 301: "Moved Permanently", 302: "Moved Temporarily", 305: "Use Proxy",
    380: "Alternative Service", 400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
    404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required",
    408: "Request Timeout", 410: "Gone", 413: "Request Entity Too Large", 414: "Request-URI Too Long",
    415: "Unsupported Media Type", 416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required",
    422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 493: "Undecipherable", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip


def _text(value: Any) -> str:
    """Bytes as text, one character a byte, so that whatever came goes out again."""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _encode(text: str) -> bytes:
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        # It did not come from the wire, so it is somebody's own text, and SIP's text is UTF-8 (:rfc:`3261#section-7`).
        return text.encode()


def _shown(text: str) -> str:
    """Text for a terminal: read as UTF-8 where it is, and nothing in it moves the cursor."""
    data = _encode(text)
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class _Line(tuple[str, str | None]):
    """One line: the pair of its name and value, with the raw text before and after the value that the pair does not show."""

    before: str
    after: str

    def __new__(cls, name: str, value: str | None, before: str, after: str) -> "_Line":
        line = super().__new__(cls, (name, value))
        line.before, line.after = before, after
        return line

    def __getnewargs__(self) -> tuple[Any, ...]:
        return (*self, self.before, self.after)

    def command(self) -> str:
        """What makes this line again: its pair, or its raw text where the pair would lose something."""
        plain = self.after == "\r\n" and self.before in (f"{self[0]}: ", f"{self[0]}=")
        return repr(tuple(self) if plain or self[1] is None else self.before + self[1] + self.after)


class _LinesField(Field):
    """An ordered list of lines, each a (name, value) pair or, where spacing matters, a raw line with its line end.

    :param separator: what stands between name and value of a line that is given as a pair.
    :param line: finds the raw lines in a text.
    :param start: matches what comes before the value in a raw line; its group is the name.
    :param blanks: what is stripped off the end of the value in a raw line.
    """

    islist = 1
    __slots__ = ["blanks", "line", "separator", "start"]

    def __init__(self, name: str, separator: str, line: re.Pattern[str], start: re.Pattern[str], blanks: str) -> None:
        self.separator, self.line, self.start, self.blanks = separator, line, start, blanks
        super().__init__(name, [])

    def any2i(self, pkt: Any, x: Any) -> list[_Line]:
        if isinstance(x, RawVal):
            x = bytes(x)
        if isinstance(x, (str, bytes)):
            x = self.line.findall(_text(x))
        return [self._line(item) for item in (x.items() if isinstance(x, dict) else x or ())]

    def _line(self, item: Any) -> _Line:
        if isinstance(item, _Line):
            return item
        if not isinstance(item, (str, bytes)):
            name, value = item
            return self.pair(name, value)
        raw = _text(item)
        match = self.start.match(raw)
        before = match[0] if match else ""
        value = raw[len(before) :].rstrip(self.blanks)
        return _Line(match[1] if match else "", value, before, raw[len(before) + len(value) :])

    def pair(self, name: Any, value: Any) -> _Line:
        """A line with nothing unusual about it."""
        name = _text(name)
        return _Line(name, None if value is None else _text(value), name + self.separator, "\r\n")

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s + b"".join(_encode(line.before) + _encode(line[1] or "") + _encode(line.after) for line in self.any2i(pkt, val))

    def i2repr(self, pkt: Any, x: Any) -> str:
        # show() indents what follows a line end by the field's name, but not by the blanks behind the name.
        indent = "\n" + " " * max(0, 10 - len(self.name))
        lines = (line[0] + self.separator + ("(computed)" if line[1] is None else _shown(line[1])) for line in self.any2i(pkt, x))
        return indent.join(lines)

    def randval(self) -> None:
        """``fuzz`` leaves the lines alone."""


class _HeadersField(_LinesField):
    """The headers, with the empty line behind them."""

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        lines = self.any2i(pkt, val)
        unset = [i for i, line in enumerate(lines) if line[1] is None and _long_name(line[0]) == b"content-length"]
        # Only what is built from nothing gets a header that nobody asked for.
        if "spacing" not in pkt.fields and not any(_long_name(line[0]) == b"content-length" for line in lines):
            unset = [len(lines)]
            lines.append(self.pair("Content-Length", None))
        for i in unset:
            lines[i] = _Line(lines[i][0], str(len(pkt.do_build_payload())), lines[i].before, lines[i].after)
        return super().addfield(pkt, s, lines) + _encode(_spacing(pkt)[4])


class _StartField(Field):
    """One of the three parts of a start line. ``place`` is which."""

    __slots__ = ["place"]

    def __init__(self, name: str, default: Any, place: int) -> None:
        self.place = place
        super().__init__(name, default)

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, list):
            # Scapy makes one packet of each value in a list.
            return [self.any2i(pkt, each) for each in x]
        return x if x is None or isinstance(x, VolatileValue) else self.h2i(pkt, _text(x))

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        spacing = _spacing(pkt)
        if self.place == 0:
            s += _encode(spacing[0])
        text = self.i2h(pkt, val)
        return s + _encode("" if text is None else _text(text)) + _encode(spacing[self.place + 1])

    def i2repr(self, pkt: Any, x: Any) -> str:
        return repr(x) if isinstance(x, (list, VolatileValue)) else _shown(_text(self.i2h(pkt, x)))

    def randval(self) -> Any:
        return RandBin(12)


class _CodeField(_StartField):
    """A status code: a number where it is one."""

    def h2i(self, pkt: Any, x: str) -> int | str:
        return int(x) if re.fullmatch("[1-9][0-9]*", x, re.ASCII) else x

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        s = super().addfield(pkt, s, val)
        # "SIP/2.0 200" without a reason and its blank is accepted; with a reason it needs one.
        return s + b" " if not _spacing(pkt)[2] and pkt.Reason_Phrase else s


class _ReasonField(_StartField):
    """A reason phrase: that of the status code while nobody has set one."""

    def i2h(self, pkt: Any, x: Any) -> Any:
        if x is not None or pkt is None:
            return x
        code = pkt.Status_Code
        return _REASONS.get(code, "") if isinstance(code, int) else ""


class _SpacingField(Field):
    """The blanks and line ends of the start line and the last line end; writes nothing, for its neighbours write it."""

    def any2i(self, pkt: Any, x: Any) -> Any:
        parts = None if x is None else tuple(_text(part) for part in x)
        return None if parts == _PLAIN_SPACING else parts

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s


def _spacing(pkt: Any) -> tuple[str, ...]:
    return pkt.getfieldval("spacing") or _PLAIN_SPACING


def _long_name(name: str) -> bytes:
    lower = _encode(name).lower()
    return LONG_NAMES.get(lower, lower)


class _LinesPacket(Packet):
    """What SIP and SDP share as packets: a field of lines."""

    def __repr__(self) -> str:
        return re.sub("\n +", " | ", super().__repr__())

    def delfieldval(self, attr: str) -> None:
        super().delfieldval(attr)
        if attr in self.default_fields and self.get_field(attr).islist:
            # Else the default would show, and that list is shared by all packets.
            self.fields[attr] = []


class SDP(_LinesPacket):
    """A session description (:rfc:`8866`): its ``lines`` in order, each a pair of type and value."""

    name = "SDP"
    fields_desc: ClassVar[list[Any]] = [_LinesField("lines", "=", _SDP_LINE, _SDP_TYPE, "\r\n")]

    def do_dissect(self, s: bytes) -> bytes:
        lines = self.get_field("lines").any2i(self, s)
        self.fields["lines"] = lines
        self.raw_packet_cache, self.raw_packet_cache_fields, self.explicit = s, {"lines": lines[:]}, 1
        return b""


_HEADERS = _HeadersField("headers", ": ", _HEADER_LINE, _HEADER_NAME, " \t\r\n")
_SPACING = ConditionalField(_SpacingField("spacing", None), lambda pkt: pkt.getfieldval("spacing") is not None)
_METHOD, _URI = _StartField("Method", "OPTIONS", 0), _StartField("Request_URI", "sip:localhost", 1)
_CODE, _REASON = _CodeField("Status_Code", 200, 1), _ReasonField("Reason_Phrase", None, 2)


class SIP(_LinesPacket):
    """A SIP message (:rfc:`3261#section-7`): making one makes a ``SIPRequest`` or ``SIPResponse``, or ``Raw`` of what is neither.

    ``headers`` is the list of all headers in order, as (name, value) pairs, text as it was written. A ``Content-Length`` whose value
    is ``None`` is computed; a message built from nothing gets one where it has none.
    """

    name = "SIP"
    fields_desc: ClassVar[list[Any]] = [_METHOD, _URI, _StartField("SIP_Version", "SIP/2.0", 2), _CODE, _REASON, _HEADERS, _SPACING]
    # pkt[SIP] and "SIP in pkt" find requests and responses.
    match_subclass = True
    start_line: re.Pattern[bytes]
    headers: list[Any]

    @classmethod
    def dispatch_hook(cls, _pkt: bytes = b"", *args: Any, **fields: Any) -> Any:
        if not _pkt:
            return SIPResponse if "Status_Code" in fields or "Reason_Phrase" in fields else SIPRequest
        try:
            return SIPRequest if Message(bytes(_pkt)).is_request else SIPResponse
        except SipParseError:
            return conf.raw_layer

    @classmethod
    def tcp_reassemble(cls, data: bytes, metadata: dict[str, Any], session: dict[str, Any]) -> Any:
        """The first message of a stream, for Scapy's ``TCPSession``; ``None`` while it is not whole.

        ``session`` is shared by flows that have nothing to do with each other, so nothing is kept there.
        """
        # TCPSession puts the segment there when it calls for the first time in it; else it calls for what the last message left.
        new = "original" in metadata
        end = _first_end(data, new, "tcp_end" in metadata)
        if not new and "relative_seq" in metadata:
            # It counts only the last of the messages that it took from the segment (seen in 2.8.0): count all.
            metadata["relative_seq"] = metadata.pop("sip_next", metadata["relative_seq"])
            if end is not None:
                metadata["sip_next"] = metadata["relative_seq"] + end
        if end is None:
            # The rest of a message would be guessed by its own bytes, which on a port that is not bound are no start line.
            metadata["pay_class"], metadata["tcp_reassemble"] = SIP, SIP.tcp_reassemble
            return None
        packet = SIP(data[:end])
        if end < len(data):
            packet.add_payload(conf.padding_layer(data[end:]))
        return packet

    def do_dissect(self, s: bytes) -> bytes:
        parts = [field.name for field in self.fields_desc[:3]]
        self.explicit = 1
        try:
            message = Message(s)
            line = self.start_line.match(s, message.start)
        except SipParseError:
            line = None
        if line is None:
            self.fields.update(dict.fromkeys(parts, ""), headers=[])
            self.raw_packet_cache, self.raw_packet_cache_fields = b"", {}
            return s
        self.fields.update({part: self.get_field(part).any2i(self, line[i] or b"") for i, part in enumerate(parts, 1)})
        # A response may have no reason, nor the blank before it.
        start, end = line.span(3) if line[3] is not None else (line.end(2), line.end(2))
        spacing = (
            s[: line.start()],
            s[line.end(1) : line.start(2)],
            s[line.end(2) : start],
            s[end : line.end()],
            s[message.headers_end : message.body_start],
        )
        headers = self.get_field("headers").any2i(self, s[message.headers_start : message.headers_end])
        self.fields.update(headers=headers, spacing=self.get_field("spacing").any2i(self, spacing))
        self.raw_packet_cache, self.raw_packet_cache_fields = s[: message.body_start], {"headers": headers[:]}
        return s[message.body_start :]

    def do_dissect_payload(self, s: bytes) -> None:
        # What a datagram holds behind Content-Length is no body (:rfc:`3261#section-18.3`), but it is in the datagram: as Padding it
        # would be built behind it.
        length = self.header("Content-Length") or ""
        end = int(length[:10]) if length.isascii() and length.isdigit() else len(s)
        super().do_dissect_payload(s[:end])
        if end < len(s):
            self.add_payload(conf.raw_layer(s[end:]))

    def default_payload_class(self, payload: bytes) -> Any:
        kind = self.header("Content-Type")
        if "spacing" not in self.fields or self.header("Content-Encoding"):
            return conf.raw_layer
        if kind is None:
            return SDP if payload.startswith((b"v=0\r", b"v=0\n")) else conf.raw_layer
        return SDP if kind.partition(";")[0].strip().lower() == "application/sdp" else conf.raw_layer

    def _headers(self) -> list[_Line]:
        return self.get_field("headers").any2i(self, self.getfieldval("headers"))

    def _places(self, name: str) -> list[int]:
        wanted = _long_name(name)
        return [i for i, line in enumerate(self._headers()) if _long_name(line[0]) == wanted]

    def header(self, name: str) -> str | None:
        """The value of the first header of this name, long or compact, as written, folds and all; ``None`` where there is none."""
        return next(iter(self.headers_all(name)), None)

    def headers_all(self, name: str) -> list[str | None]:
        """The values of all headers of this name, long or compact, in order."""
        lines = self._headers()
        return [lines[i][1] for i in self._places(name)]

    def set_header(self, name: str, value: str | bytes | int | None) -> None:
        """Change the value of the first header of this name, and nothing else of it; add the header where there is none."""
        places, lines = self._places(name), self._headers()
        if not places:
            return self.add_header(name, value)
        old = lines[places[0]]
        lines[places[0]] = _Line(old[0], None if value is None else _text(value), old.before, old.after)
        self.headers = lines
        return None

    def add_header(self, name: str, value: str | bytes | int | None, at: int | None = None) -> None:
        """Add a header behind the others, or before the one at index ``at``; 0 is right behind the start line."""
        lines = self._headers()
        lines.insert(len(lines) if at is None else at, self.get_field("headers").pair(name, value))
        self.headers = lines

    def remove_header(self, name: str, nb: int | None = None) -> int:
        """Remove the headers of this name, or only the one at index ``nb`` among them. Return how many are gone."""
        places = self._places(name)
        gone = set(places if nb is None else places[nb : nb + 1])
        self.headers = [line for i, line in enumerate(self._headers()) if i not in gone]
        return len(gone)

    def _transaction(self) -> list[str]:
        return [self.header("Call-ID") or "", *(self.header("CSeq") or "").split()]

    def _branch(self) -> str | None:
        found = _BRANCH.search((self.header("Via") or "").partition(",")[0])
        return found[1].lower() if found else None

    def hashret(self) -> bytes:
        return _encode(" ".join(self._transaction()))

    def answers(self, other: Any) -> int:
        return 0


class SIPRequest(SIP):
    """A request. Built from nothing it is ``OPTIONS sip:localhost SIP/2.0`` until told otherwise."""

    name = "SIP Request"
    fields_desc: ClassVar[list[Any]] = [_METHOD, _URI, _StartField("SIP_Version", "SIP/2.0", 2), _HEADERS, _SPACING]
    start_line = REQUEST_LINE

    def mysummary(self) -> Any:
        return self.sprintf("SIP %SIPRequest.Method% %SIPRequest.Request_URI%"), [UDP, TCP, SIPRequest, SIPResponse]


class SIPResponse(SIP):
    """A response. Built from nothing it is ``SIP/2.0 200 OK`` until told otherwise."""

    name = "SIP Response"
    fields_desc: ClassVar[list[Any]] = [_StartField("SIP_Version", "SIP/2.0", 0), _CODE, _REASON, _HEADERS, _SPACING]
    start_line = STATUS_LINE

    def mysummary(self) -> Any:
        method = self._transaction()[2:]
        text = self.sprintf("SIP %SIPResponse.Status_Code% %SIPResponse.Reason_Phrase%").rstrip()
        return f"{text} ({_shown(method[0])})" if method else text, [UDP, TCP, SIPRequest, SIPResponse]

    def answers(self, other: Any) -> int:
        """Whether ``other`` is the request of this response: branch, CSeq and Call-ID are the same (:rfc:`3261#section-17.1.3`)."""
        if not isinstance(other, SIPRequest) or self._transaction() != other._transaction():
            return 0
        return int(self._branch() == other._branch() and (self._transaction() != [""] or self._branch() is not None))


def _first_end(data: bytes, new: bool, last: bool) -> int | None:
    """Where the first message of a stream ends, or what is none; ``None`` while that is open.

    :param new: the segment begins with the data, so that keep-alives alone stand for themselves.
    :param last: nothing more will come.
    """
    start = len(data) - len(data.lstrip(b"\r\n"))
    if start == len(data):
        return start if start and (new or last) else None
    if not _PERHAPS_START.match(data) or (b"\n" in data[start:] and not _starts_message(data)):
        # Perhaps the capture begins inside a message: give up this segment, not the next.
        return len(data)
    framer = StreamFramer()
    try:
        messages = framer.feed(data)
    except SipParseError:
        # What came before the fault is whole.
        messages = StreamFramer().feed(data[: len(data) - len(framer.pending)]) or [data[start:]]
    if messages:
        return start + len(messages[0])
    return len(data) if last else None


def _starts_message(data: bytes) -> bool:
    leading = LEADING_CRLF.match(data)
    assert leading is not None
    start = leading.end()
    return bool(REQUEST_LINE.match(data, start) or STATUS_LINE.match(data, start))


def _guess_by_start_line(self: Any, payload: bytes) -> Any:
    return SIP if _starts_message(payload) else Packet.guess_payload_class(self, payload)


def bind_any_port(enabled: bool = True) -> None:
    """Recognise SIP by its start line on every UDP and TCP port, whatever else is bound to it; ``False`` ends that.

    For one more port ``bind_layers(UDP, SIP, dport=5070)`` is enough.
    """
    for lower in (UDP, TCP):
        if enabled:
            lower.guess_payload_class = _guess_by_start_line
        elif lower.__dict__.get("guess_payload_class") is _guess_by_start_line:
            del lower.guess_payload_class


for _lower in (UDP, TCP):
    bind_bottom_up(_lower, SIP, dport=5060)
    bind_bottom_up(_lower, SIP, sport=5060)
    bind_layers(_lower, SIP, dport=5060, sport=5060)
# A DATA chunk is guessed without its ports. SIP has no payload protocol identifier of its own (:rfc:`4168`): it is told by its start
# line among all that has none, and the rest stays Raw, as it was.
bind_bottom_up(SCTPChunkData, SIP, proto_id=0)
