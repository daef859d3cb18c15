"""SIP messages as telephones and proxies write them. Knows nothing of frames, uses neither Scapy nor scapy_rr."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """What one make of telephone says about itself in every request."""

    agent: str
    allow: str
    supported: str
    codecs: str
    rtpmap: tuple[str, ...]


DEVICES = (
    Device(
        "Deskset 440/4.2.11 (0090f8a1b2c3)",
        "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE",
        "replaces, 100rel, timer",
        "0 8 9 101",
        ("0 PCMU/8000", "8 PCMA/8000", "9 G722/8000", "101 telephone-event/8000"),
    ),
    Device(
        "softphone/1.9.2 (linux; libsip 3.0)",
        "INVITE, ACK, BYE, CANCEL, UPDATE, MESSAGE, OPTIONS, REFER",
        "replaces, outbound, gruu, path",
        "96 0 8 97",
        ("96 opus/48000/2", "0 PCMU/8000", "8 PCMA/8000", "97 telephone-event/48000"),
    ),
    Device(
        "Trunkline-SBC/7.1",
        "ACK,BYE,CANCEL,INFO,INVITE,NOTIFY,OPTIONS,PRACK,REFER,UPDATE",
        "timer,100rel,histinfo",
        "8 18 101",
        ("8 PCMA/8000", "18 G729/8000", "101 telephone-event/8000"),
    ),
)


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody with a telephone.

    :param user: the user part of the address of record and of the contact.
    :param host: the telephone's own idea of its address; IPv6 with brackets.
    :param scheme: of the contact and the address of record.
    """

    user: str
    host: str
    port: int = 5060
    domain: str = "example.com"
    device: Device = DEVICES[0]
    transport: str = "UDP"

    @property
    def contact(self) -> str:
        """The URI at which the telephone is reached directly."""
        parameter = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{self.user}@{self.host}:{self.port}{parameter}"

    @property
    def address_of_record(self) -> str:
        """The URI by which others know the user."""
        return f"sip:{self.user}@{self.domain}"

    def via(self, branch: str, parameters: str = ";rport") -> str:
        """The Via value of a request of this telephone's."""
        return f"SIP/2.0/{self.transport} {self.host}:{self.port};branch=z9hG4bK{branch}{parameters}"

    def sdp(self, port: int, version: int = 1) -> str:
        """An offer or answer to receive audio at ``port``."""
        kind, address = ("IP6", self.host.strip("[]")) if self.host.startswith("[") else ("IP4", self.host)
        lines = [
            "v=0",
            f"o={self.user} {2890844526 + port} {version} IN {kind} {address}",
            "s=-",
            f"c=IN {kind} {address}",
            "t=0 0",
            f"m=audio {port} RTP/AVP {self.device.codecs}",
            *(f"a=rtpmap:{entry}" for entry in self.device.rtpmap),
            "a=ptime:20",
            "a=sendrecv",
            "",
        ]
        return "\r\n".join(lines)


@dataclass(frozen=True, slots=True)
class Dialog:
    """A dialog, or what may become one: writes the messages of both sides.

    :param tags: the caller's tag and the callee's.
    :param record_routes: the Record-Route values of responses, topmost (nearest to the callee) first.
    """

    caller: Party
    callee: Party
    call_id: str
    tags: tuple[str, str]
    record_routes: tuple[str, ...] = ()

    @property
    def routes(self) -> tuple[str, ...]:
        """The caller's route set: the Record-Routes in reverse order (:rfc:`3261#section-12.1.2`)."""
        return self.record_routes[::-1]

    def request(
        self,
        method: str,
        number: int,
        branch: str,
        *,
        uri: str | None = None,
        routes: Sequence[str] = (),
        early: bool = False,
        by_callee: bool = False,
        body: str = "",
        vias: Sequence[str] = (),
    ) -> bytes:
        """A request.

        :param number: of the CSeq header.
        :param uri: the request URI; the other side's contact if not given.
        :param routes: values of Route headers; each gets a line of its own.
        :param early: there is no dialog yet, hence no To tag.
        :param vias: Via values, if not only the sender's.
        """
        sender, other = (self.callee, self.caller) if by_callee else (self.caller, self.callee)
        sender_tag, other_tag = self.tags[::-1] if by_callee else self.tags
        tag = "" if early else f";tag={other_tag}"
        lines = [f"{method} {uri or other.contact} SIP/2.0"]
        lines += [f"Via: {via}" for via in vias or (sender.via(branch),)]
        lines += [f"Route: {route}" for route in routes]
        lines += [
            "Max-Forwards: 70",
            f'From: "{sender.user.title()}" <{sender.address_of_record}>;tag={sender_tag}',
            f"To: <{other.address_of_record}>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <{sender.contact}>",
        ]
        return _message(lines, sender.device, body)

    def response(self, status: str, method: str, number: int, vias: Sequence[str], *, by_caller: bool = False, body: str = "") -> bytes:
        """The answer to a request with these Via values; a 100 has neither a To tag nor a contact."""
        answerer = self.caller if by_caller else self.callee
        sender, other = (self.callee, self.caller) if by_caller else (self.caller, self.callee)
        sender_tag, other_tag = self.tags[::-1] if by_caller else self.tags
        trying = status.startswith("100")
        lines = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in vias)]
        if method == "INVITE" and not trying:
            lines += [f"Record-Route: {value}" for value in self.record_routes]
        lines += [
            f'From: "{sender.user.title()}" <{sender.address_of_record}>;tag={sender_tag}',
            f"To: <{other.address_of_record}>" + ("" if trying else f";tag={other_tag}"),
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
        ]
        if trying:
            return "\r\n".join([*lines, "Server: proxy (5.6)", "Content-Length: 0", "", ""]).encode()
        return _message([*lines, f"Contact: <{answerer.contact}>"], answerer.device, body)


def registration(party: Party, call_id: str, tag: str, number: int, branch: str) -> bytes:
    """A REGISTER with the party's contact."""
    lines = [
        f"REGISTER sip:{party.domain} SIP/2.0",
        f"Via: {party.via(branch)}",
        "Max-Forwards: 70",
        f"From: <{party.address_of_record}>;tag={tag}",
        f"To: <{party.address_of_record}>",
        f"Call-ID: {call_id}",
        f"CSeq: {number} REGISTER",
        f'Contact: <{party.contact}>;expires=300;+sip.instance="<urn:uuid:00000000-0000-1000-8000-{tag[:12]:0>12}>"',
    ]
    return _message(lines, party.device, "")


def _message(lines: list[str], device: Device, body: str) -> bytes:
    """Start line and headers, what the telephone says about itself, and the body."""
    lines += [f"User-Agent: {device.agent}", f"Allow: {device.allow}", f"Supported: {device.supported}", "Accept: application/sdp"]
    if body:
        lines.append("Content-Type: application/sdp")
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body]).encode()
