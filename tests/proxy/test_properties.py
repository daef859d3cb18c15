"""What holds for whatever comes: an outcome, never an exception; what is sent can be read again, and has one Via more or one less."""

import json
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import SipParseError
from scapy_rr.sip.message import Message
from scapy_rr.sip.via import TopVia

from .traffic import DIALECTS, LISTEN, OUR_VIA, SOURCE, SOURCE6, VIA, proxy, request, response

VECTORS = Path(__file__).parents[1] / "vectors"
PROXIES = {dialect: proxy(dialect) for dialect in DIALECTS}

REAL: list[bytes] = [
    *(json.loads(line)["request"].encode("latin-1") for line in (VECTORS / "opensips.jsonl").read_text("utf-8").splitlines()[::9]),
    request(f"Via: {VIA}", "Max-Forwards: 10", "Route: <sip:10.0.0.1;lr>, <sip:10.0.0.8;lr>", to="<sip:b@h>;tag=b2", method="BYE"),
    request("v: SIP/2.0/UDP h:5062;rport;received=192.0.2.1 , SIP/2.0/TCP g", "Proxy-Require: x", "Via: SIP/2.0/UDP f", method="INVITE"),
    request("Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n ;rport", ruri="sip:bob@10.0.0.9;transport=tcp", length="3", end=b"abcdef"),
    request(f"Via: {VIA}", "Route: <sip:10.0.0.8>", "Max-Forwards: 0", method="ACK", to="<sip:b@h>;tag=b2", length=""),
    request(f"Via: {VIA}", "Route: <sip:10.0.0.8;transport=tcp>", ruri="sip:[2001:db8::9]", length=""),
    response(f"Via: {OUR_VIA}, {VIA}", "Record-Route: <sip:10.0.0.1;lr>", status="503 Service Unavailable", length="3", end=b"abcdef"),
    response(f"v: {OUR_VIA}", "v: SIP/2.0/TCP h;received=10.0.0.6;rport=7;maddr=10.0.0.8", "Via: SIP/2.0/UDP f", length=""),
]
PIECES = st.sampled_from(
    [
        b"", b"<", b">", b'"', b",", b";", b"=", b":", b"@", b"\\", b" ", b"\0", b"\xff", b"\r\n", b"\n", b"\r", b"\r\n ", b"\r\n\r\n",
        b"0", b"70", b"99999", b"9" * 30, b";rport", b";received", b";maddr=10.0.0.8", b";lr", b"Via: ", b"\r\nv:", b"SIP/2.0/UDP h",
        b"[::1]", b"sip:",
    ]
)  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A real message with a few bytes cut out, put in or doubled."""
    data = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        data = data[:start] + draw(st.one_of(PIECES, st.just(data[start:end] * 2))) + data[end:]
    return data


def parsed(data: bytes, dialect: str) -> Message:
    """A message, read as the core of that server reads it."""
    return Message(data, lenient=dialect == "kamailio")


def number_of_vias(message: Message) -> int:
    """How many Via values there are, up to one that does not parse: those below the topmost are no concern of a proxy."""
    number = 0
    try:
        top = TopVia.find(message)
        while top:
            number += 1
            top = top.below(message)
    except SipParseError:
        pass
    return number


@settings(max_examples=1500, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(st.binary(max_size=80), spoilt(), spoilt(), spoilt()),
    st.sampled_from(DIALECTS),
    st.booleans(),
    st.sampled_from([(SOURCE, LISTEN[0]), (SOURCE, "tcp:10.0.0.1:5060"), (SOURCE6, LISTEN[3]), (None, None)]),
)
@example(REAL[-1], "opensips", True, (SOURCE, None))
def test_whatever_comes(data: bytes, dialect: str, via: bool, way: tuple[str | None, str | None]) -> None:
    router = PROXIES[dialect]
    router.via = via
    outcome = router.handle(data, source=way[0], received_on=way[1])
    assert outcome.data is data
    assert bool(outcome.sent) is bool(outcome.way) is not bool(outcome.left)
    assert all(str(step) for step in outcome.trace)
    for one in outcome.sent:
        assert 0 < one.next_hop.port < 65536
        assert one.send_socket.transport == one.next_hop.transport
        arrived, leaves = parsed(data, dialect), parsed(one.payload, dialect)
        if not via:
            more = 0
        elif arrived.is_request:
            more = 1 if leaves.is_request else 0
        else:
            more = -1
        assert number_of_vias(leaves) == number_of_vias(arrived) + more
        assert leaves.is_request is (arrived.is_request and not outcome.way.startswith("answered"))
