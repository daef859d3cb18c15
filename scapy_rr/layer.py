"""SIP and SDP as Scapy layers: what came is built again byte for byte, and an edit changes only what it names.

Importing it binds SIP to port 5060. Scapy builds what it is told: nothing is checked or refused here. Knows nothing of routing.
"""

# scapy.contrib.description = Session Initiation Protocol (SIP) and Session Description Protocol (SDP)
# scapy.contrib.status = library

import re
from typing import Any, ClassVar

from scapy.config import conf
from scapy.fields import ConditionalField
from scapy.layers.inet import TCP, UDP
from scapy.layers.sctp import SCTPChunkData
from scapy.packet import Packet, bind_bottom_up, bind_layers

from .errors import SipParseError
from .layer_fields import (
    CodeField,
    HeadersField,
    Line,
    LinesField,
    ReasonField,
    SpacingField,
    StartField,
    long_name,
    text_of,
)
from .layer_stream import first_end, starts_message
from .sip.grammar import REQUEST_LINE, STATUS_LINE
from .sip.message import Message
from .sip.text import encode, read_number, shown

# header-name HCOLON, as sip/message.py reads it: blanks may stand before the colon, blanks and folds behind it.
_HEADER_NAME = re.compile(r"([^\s:]+)[ \t]*:[ \t]*(?:\r?\n[ \t]+)*", re.ASCII)
_HEADER_LINE = re.compile(r"[^\n]*\n(?:[ \t][^\n]*\n)*|[^\n]+")
_SDP_TYPE = re.compile(r"([^=\r\n]*)=")
_SDP_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BRANCH = re.compile(r";\s*branch\s*=\s*([^\s;,]+)", re.IGNORECASE)


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
    fields_desc: ClassVar[list[Any]] = [LinesField("lines", "=", _SDP_LINE, _SDP_TYPE, "\r\n")]

    def do_dissect(self, s: bytes) -> bytes:
        lines = self.get_field("lines").any2i(self, s)
        self.fields["lines"] = lines
        self.raw_packet_cache, self.raw_packet_cache_fields, self.explicit = s, {"lines": lines[:]}, 1
        return b""


_HEADERS = HeadersField("headers", ": ", _HEADER_LINE, _HEADER_NAME, " \t\r\n")
_SPACING = ConditionalField(SpacingField("spacing", None), lambda pkt: pkt.getfieldval("spacing") is not None)
_METHOD, _URI = StartField("Method", "OPTIONS", 0), StartField("Request_URI", "sip:localhost", 1)
_CODE, _REASON = CodeField("Status_Code", 200, 1), ReasonField("Reason_Phrase", None, 2)


class SIP(_LinesPacket):
    """A SIP message (:rfc:`3261#section-7`): making one makes a ``SIPRequest`` or ``SIPResponse``, or ``Raw`` of what is neither.

    ``headers`` is the list of all headers in order, as (name, value) pairs, text as it was written. A ``Content-Length`` whose value
    is ``None`` is computed; a message built from nothing gets one where it has none.
    """

    name = "SIP"
    fields_desc: ClassVar[list[Any]] = [_METHOD, _URI, StartField("SIP_Version", "SIP/2.0", 2), _CODE, _REASON, _HEADERS, _SPACING]
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
        end = first_end(data, new, "tcp_end" in metadata)
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
        length = encode(self.header("Content-Length") or "")
        end = read_number(length) if length.isdigit() else len(s)
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

    def _headers(self) -> list[Line]:
        return self.get_field("headers").any2i(self, self.getfieldval("headers"))

    def _places(self, name: str) -> list[int]:
        wanted = long_name(name)
        return [i for i, line in enumerate(self._headers()) if long_name(line[0]) == wanted]

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
        lines[places[0]] = Line(old[0], None if value is None else text_of(value), old.before, old.after)
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
        return encode(" ".join(self._transaction()))

    def answers(self, other: Any) -> int:
        return 0


class SIPRequest(SIP):
    """A request. Built from nothing it is ``OPTIONS sip:localhost SIP/2.0`` until told otherwise."""

    name = "SIP Request"
    fields_desc: ClassVar[list[Any]] = [_METHOD, _URI, StartField("SIP_Version", "SIP/2.0", 2), _HEADERS, _SPACING]
    start_line = REQUEST_LINE

    def mysummary(self) -> Any:
        return self.sprintf("SIP %SIPRequest.Method% %SIPRequest.Request_URI%"), [UDP, TCP, SIPRequest, SIPResponse]


class SIPResponse(SIP):
    """A response. Built from nothing it is ``SIP/2.0 200 OK`` until told otherwise."""

    name = "SIP Response"
    fields_desc: ClassVar[list[Any]] = [StartField("SIP_Version", "SIP/2.0", 0), _CODE, _REASON, _HEADERS, _SPACING]
    start_line = STATUS_LINE

    def mysummary(self) -> Any:
        method = self._transaction()[2:]
        text = self.sprintf("SIP %SIPResponse.Status_Code% %SIPResponse.Reason_Phrase%").rstrip()
        return f"{text} ({shown(method[0])})" if method else text, [UDP, TCP, SIPRequest, SIPResponse]

    def answers(self, other: Any) -> int:
        """Whether ``other`` is the request of this response: branch, CSeq and Call-ID are the same (:rfc:`3261#section-17.1.3`)."""
        if not isinstance(other, SIPRequest) or self._transaction() != other._transaction():
            return 0
        return int(self._branch() == other._branch() and (self._transaction() != [""] or self._branch() is not None))


def _guess_by_start_line(self: Any, payload: bytes) -> Any:
    return SIP if starts_message(payload) else Packet.guess_payload_class(self, payload)


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
