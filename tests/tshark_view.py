"""What tshark makes of a capture: the SIP messages that it sees with reassembly on, and what it finds wrong.

It is the judge of what scapy_rr sees and writes, so nothing here is scapy_rr's.
"""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PREFERENCES = {
    "ip.defragment": "TRUE",
    "ipv6.defragment": "TRUE",
    "tcp.desegment_tcp_streams": "TRUE",
    "tcp.reassemble_out_of_order": "TRUE",
    "sctp.reassembly": "TRUE",
    "sip.desegment_headers": "TRUE",
    "sip.desegment_body": "TRUE",
    # SIP is where it looks like SIP, also on a port that tshark has another protocol for; WebSocket also on SIP's port.
    "tcp.try_heuristic_first": "TRUE",
    "udp.try_heuristic_first": "TRUE",
    "sctp.try_heuristic_first": "TRUE",
    "ip.check_checksum": "TRUE",
    "tcp.check_checksum": "TRUE",
    "udp.check_checksum": "TRUE",
    "sctp.checksum": "CRC-32c",
}
_HEURISTICS = ("sip_udp", "sip_tcp", "sip_sctp")
_TRANSPORTS = {"udp": "udp", "tcp": "tcp", "sctp": "sctp", "tls": "tls", "dtls": "dtls"}
_SECURE = {"tls": "wss"}
_QUOTES = {"icmp", "icmpv6"}
_START_LINES = {"sip.Request-Line", "sip.Status-Line"}

_CHECKSUMS = [f"{protocol}.checksum.status" for protocol in ("ip", "udp", "tcp", "sctp")]
_ANALYSIS = [
    f"tcp.analysis.{flag}"
    for flag in (
        "retransmission",
        "fast_retransmission",
        "spurious_retransmission",
        "out_of_order",
        "lost_segment",
        "ack_lost_segment",
        "duplicate_ack",
        "reused_ports",
        "window_full",
        "zero_window",
        "zero_window_probe",
        "zero_window_probe_ack",
        "keep_alive",
        "keep_alive_ack",
    )
]
_EXPERT = ["_ws.expert.severity", "_ws.expert.message"]
_PRESENT = ["_ws.malformed", *_ANALYSIS]
_SIP = ["sip.Call-ID", "sip.CSeq", "sip.Method", "sip.Status-Code", "sip.Route"]
_FIELDS = [*_CHECKSUMS, *_PRESENT, *_EXPERT, *_SIP]
_BAD = "0"
_WARNING, _ERROR = 0x600000, 0x800000
_BETWEEN, _AMONG = "\x1f", "\x1e"
_LENGTH = re.compile(rb"^(?:Content-Length|l)[ \t]*:[ \t]*([0-9]+)", re.IGNORECASE | re.MULTILINE)

Socket = tuple[str, int]


class Seen(NamedTuple):
    """A SIP message that tshark sees.

    :param data: from the start line to the end of the body.
    :param frame: the number, from 1, of the frame with which it is complete.
    :param transport: ``udp``, ``tcp``, ``sctp``, ``tls``, ``ws`` or ``wss``.
    :param source: address and port, of the innermost packet where one is within another.
    :param protocols: what is in the frame, from the link layer on.
    """

    data: bytes
    frame: int
    transport: str
    source: Socket
    destination: Socket
    protocols: tuple[str, ...]


class View(NamedTuple):
    """What tshark says of one frame.

    :param faults: how often what is wrong.
    :param sip: a few fields of the SIP in it.
    """

    faults: Counter[str]
    sip: tuple[str, ...]


def sip_messages(tshark: str, path: Path, keylog: Path | None = None, *, out_of_order: bool = True) -> list[Seen]:
    """Every SIP message that tshark sees in a capture: out of fragments, streams, WebSocket and tunnels, on whatever port.

    What an ICMP error quotes is no message. Nor is what tshark calls a continuation, for it has no start line.

    :param keylog: the keys of TLS connections, as ``SSLKEYLOGFILE`` has them.
    :param out_of_order: put segments in order first. Where one is missing, tshark then waits for it until the capture's end, and what
        follows is lost; without this it goes on with what follows.
    """
    options = ["-Y", "sip", "-T", "json", "-x", "-o", f"tcp.reassemble_out_of_order:{out_of_order}"]
    if keylog:
        options += ["-o", f"tls.keylog_file:{keylog}"]
    # A frame may hold several messages and several IP headers: pairs keep them all, and in their order.
    packets = json.loads(_run(tshark, path, *options), strict=False, object_pairs_hook=tuple)
    return [seen for packet in packets for seen in _Frame().messages(packet)]


def streams(tshark: str, path: Path) -> list[tuple[bytes, bytes]]:
    """What each end sent over each TCP connection, as tshark's Follow puts it together; it leaves off at a gap, or says so amidst."""
    numbers = {int(line) for line in _run(tshark, path, "-Y", "tcp", "-T", "fields", "-e", "tcp.stream").split("\n") if line.isdigit()}
    taps = [word for number in sorted(numbers) for word in ("-z", f"follow,tcp,raw,{number}")]
    followed = re.findall(r"^Filter: tcp.stream eq ([0-9]+)\n.*\n.*\n((?:\t?[0-9a-f]+\n)*)", _run(tshark, path, "-q", *taps), re.MULTILINE)
    texts = [text.splitlines() for _, text in sorted(followed, key=lambda one: int(one[0]))]
    return [(_sent(lines, False), _sent(lines, True)) for lines in texts]


def _sent(lines: list[str], second: bool) -> bytes:
    """What one end sent. The lines of the second are indented."""
    return bytes.fromhex("".join(line for line in lines if line.startswith("\t") == second))


def framed(stream: bytes) -> list[bytes]:
    """The messages of a stream by their Content-Length (:rfc:`3261#section-18.3`), without what precedes one; the last may be cut off.

    tshark itself does not see a message in a segment in which CRLFs precede it, or one that begins in the middle of a segment and whose
    start line ends in a later one; nor those after it, as long as none begins with a segment.
    """
    found = []
    while stream := stream.lstrip(b"\r\n"):
        head = stream.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        length = _LENGTH.search(head)
        end = len(head) + (int(length[1]) if length else 0)
        found.append(stream[:end])
        stream = stream[end:]
    return found


def faults(tshark: str, path: Path) -> Counter[str]:
    """What is wrong in a capture, and how often: checksums and lengths, malformed packets, TCP's analysis, experts' errors and warnings.

    The names are those of tshark's fields, or what its expert says with ``#`` for every number.
    """
    return sum((view.faults for view in views(tshark, path)), Counter[str]())


def views(tshark: str, path: Path) -> list[View]:
    """What tshark says of each frame of a capture."""
    options = ["-T", "fields", "-E", f"separator={_BETWEEN}", "-E", "occurrence=a", "-E", f"aggregator={_AMONG}"]
    for name in _FIELDS:
        options += ["-e", name]
    lines = _run(tshark, path, *options).split("\n")[:-1]
    return [_view(dict(zip(_FIELDS, line.split(_BETWEEN), strict=True))) for line in lines]


def _run(tshark: str, path: Path, *options: str) -> str:
    """What tshark prints about a capture."""
    command = [tshark, "-n", "-r", str(path)]
    for name, value in _PREFERENCES.items():
        command += ["-o", f"{name}:{value}"]
    for name in _HEURISTICS:
        command += ["--enable-heuristic", name]
    return subprocess.run([*command, *options], check=True, capture_output=True, text=True, errors="replace").stdout


def _view(fields: dict[str, str]) -> View:
    found: Counter[str] = Counter()
    for name in _CHECKSUMS:
        found[name] = fields[name].split(_AMONG).count(_BAD)
    for name in _PRESENT:
        found[name] = len(fields[name].split(_AMONG)) if fields[name] else 0
    severities, messages = (fields[name].split(_AMONG) if fields[name] else [] for name in _EXPERT)
    for severity, message in zip(severities, messages, strict=True):
        if int(severity) >= _WARNING:
            kind = "error" if int(severity) >= _ERROR else "warning"
            found[f"{kind}: {re.sub('0x[0-9a-f]+|[0-9]+', '#', message)}"] += 1
    return View(+found, tuple(fields[name] for name in _SIP))


class _Frame:
    """One frame of the JSON, read from its outermost layer inwards."""

    def __init__(self) -> None:
        self._number, self._transport, self._quoted, self._raw = 0, "", False, b""
        self._protocols: tuple[str, ...] = ()
        self._hosts, self._ports = ["", ""], [0, 0]

    def messages(self, node: object) -> Iterator[Seen]:
        """The messages at and below a node. What was seen before it is above or before it in the frame."""
        for name, value in node if isinstance(node, tuple) else ():
            if name == "sip_raw":
                self._raw = bytes.fromhex(value[0])
            elif name == "sip" and isinstance(value, tuple) and not self._quoted and _START_LINES & {key for key, _ in value}:
                yield self._seen()
            self._note(name, value)
            yield from self.messages(value)

    def _note(self, name: str, value: object) -> None:
        """Keep what a message further in will be told with."""
        protocol, _, field = name.partition(".")
        if name == "frame.number":
            self._number = int(str(value))
        elif name == "frame.protocols":
            self._protocols = tuple(str(value).split(":"))
        elif name in _TRANSPORTS:
            self._transport = _TRANSPORTS[name]
        elif name == "websocket":
            self._transport = _SECURE.get(self._transport, "ws")
        elif protocol in ("ip", "ipv6") and field in ("src", "dst"):
            self._hosts[field == "dst"] = str(value)
        elif protocol in _TRANSPORTS and field in ("srcport", "dstport"):
            self._ports[field == "dstport"] = int(str(value))
        self._quoted |= name in _QUOTES

    def _seen(self) -> Seen:
        source, destination = zip(self._hosts, self._ports, strict=True)
        return Seen(self._raw, self._number, self._transport, source, destination, self._protocols)
