"""Flow tokens: made and known again, those of a real server included; and when a request uses them."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError
from scapy_rr.rr.flow_token import Flow, FlowTokens, Tampered
from scapy_rr.rr.request import Request
from tests.rr.requests import ask, text

TOKENS = FlowTokens("turn-one secret")
# As Kamailio 6.2 made them with this secret.
UDP_TOKEN = b"5N00T/05skjmTwF/AAABE8R/AAAGYeQ="
UDP_FLOW = Flow("udp", (b"\x7f\0\0\1", 5060), (b"\x7f\0\0\6", 25060))


def test_a_token_of_the_server_is_read_and_made() -> None:
    assert TOKENS.decode(UDP_TOKEN) == UDP_FLOW
    assert TOKENS.encode(UDP_FLOW) == UDP_TOKEN
    assert UDP_FLOW.uri == b"sip:127.0.0.6:25060;transport=udp"


PORTS = st.integers(0, 65535)


@given(
    st.sampled_from(["udp", "tcp", "tls", "sctp", "ws", "wss"]),
    st.sampled_from([4, 16]).flatmap(lambda n: st.tuples(*[st.tuples(st.binary(min_size=n, max_size=n), PORTS)] * 2)),
)
def test_what_is_made_is_read(transport: str, ends: tuple[tuple[bytes, int], tuple[bytes, int]]) -> None:
    flow = Flow(transport, *ends)
    token = TOKENS.encode(flow)
    assert len(token) == (32 if len(ends[0][0]) == 4 else 64)
    assert TOKENS.decode(token) == flow


def test_the_uri_of_an_ipv6_flow() -> None:
    end = (b"\0" * 15 + b"\1", 5062)
    assert Flow("tcp", end, end).uri == b"sip:[::1]:5062;transport=tcp"


@pytest.mark.parametrize("token", [b"", b"bob", b"*" * 32, UDP_TOKEN[:-1], UDP_TOKEN[:28], UDP_TOKEN * 2, b"A" * 32, b"=" * 32])
def test_no_token(token: bytes) -> None:
    assert TOKENS.decode(token) is None


def signed(named: bytes) -> bytes:
    """Bytes of any kind, as whoever has the key would sign them."""
    key = hashlib.sha1(b"turn-one secret").digest()
    return base64.b64encode(hmac.new(key, named, "sha1").digest()[-10:] + named)


TAMPERED = {
    "another key": FlowTokens("another").encode(UDP_FLOW),
    "one bit": b"4" + UDP_TOKEN[1:],
    "a protocol that there is not": signed(b"\x63" + bytes(12)),
    "IPv6 said, IPv4 there": signed(b"\x81" + bytes(12)),
}


@pytest.mark.parametrize("token", TAMPERED.values(), ids=TAMPERED)
def test_tampered(token: bytes) -> None:
    with pytest.raises(Tampered):
        TOKENS.decode(token)


@given(st.binary(max_size=80))
def test_any_bytes_are_a_flow_or_none_or_tampered(token: bytes) -> None:
    try:
        assert TOKENS.decode(token) is None
    except Tampered:
        return


OB = "Contact: <sip:caller@10.0.0.5;ob>"


def kamailio(data: bytes, source: str | None = "10.0.0.5:5060") -> Request:
    req = ask(data, dialect="kamailio", flow_token_key="turn-one secret")
    req.source = source
    return req


def stamped_user(data: bytes) -> str:
    """The user part that record_route writes."""
    req = kamailio(data)
    assert req.record_route()
    line = req.build().decode("latin-1").split("\r\n")[1]
    return line.partition("<sip:")[2].partition("@")[0] if "@" in line else ""


TOKEN = FlowTokens("turn-one secret").encode(Flow("udp", (b"\x0a\0\0\1", 5060), (b"\x0a\0\0\5", 5060))).decode()
OTHER = FlowTokens("turn-one secret").encode(Flow("udp", (b"\x0a\0\0\1", 5060), (b"\x0a\0\0\6", 5060))).decode()
USES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "Contact with ob": ((OB,), "INVITE", TOKEN),
    "outbound supported": ((OB, "Supported: path, Outbound"), "INVITE", TOKEN),
    "supported, in compact form": ((OB, "k: outbound"), "INVITE", TOKEN),
    "other things supported": ((OB, "Supported: path"), "INVITE", ""),
    "Contact without ob": (("Contact: <sip:caller@10.0.0.5>;ob",), "INVITE", ""),
    "no Contact": ((), "INVITE", ""),
    "a Contact that does not parse": (("Contact: <sip:caller",), "INVITE", ""),
    "a second Via": ((OB, "Via: SIP/2.0/UDP 10.0.0.6"), "INVITE", ""),
    "two Vias in one": ((OB, "Route: <sip:10.0.0.1;ob>"), "INVITE", TOKEN),
    "own Route with ob": (("Route: <sip:10.0.0.1;lr;ob>",), "INVITE", TOKEN),
    "own Route with ob and a token of this flow": ((f"Route: <sip:{TOKEN}@10.0.0.1;lr;ob>",), "INVITE", TOKEN),
    "own Route with ob and a token of another flow": ((f"Route: <sip:{OTHER}@10.0.0.1;lr;ob>",), "INVITE", OTHER),
    "own Route with ob and a tampered token": ((f"Route: <sip:{'B' + OTHER[1:]}@10.0.0.1;lr;ob>",), "INVITE", TOKEN),
    "own Route without ob": (("Route: <sip:10.0.0.1;lr>", OB), "INVITE", TOKEN),
    "foreign Route": (("Route: <sip:10.0.0.7;lr;ob>", OB), "INVITE", ""),
    "own Route with an empty value": (("Route: <sip:10.0.0.1;ftag=;lr>", OB), "INVITE", ""),
    "own Route with a blank in front of its parameters": (("Route: <sip:10.0.0.1; lr>", OB), "INVITE", ""),
    "two Contacts, the last with ob": ((f"Contact: <sip:x@10.0.0.6>, {OB[9:]}",), "INVITE", TOKEN),
    "two Contacts, the first with ob": ((f"{OB}, <sip:x@10.0.0.6>",), "INVITE", ""),
    "a Route that does not parse": (("Route: sip:10.0.0.1", OB), "INVITE", ""),
    "REGISTER with reg-id": (("Contact: <sip:caller@10.0.0.5>;reg-id=1",), "REGISTER", TOKEN),
    "REGISTER with ob": ((OB,), "REGISTER", ""),
}


@pytest.mark.parametrize(("headers", "method", "user"), USES.values(), ids=USES)
def test_use(headers: tuple[str, ...], method: str, user: str) -> None:
    """``use_outbound``."""
    assert stamped_user(text(*headers, method=method)) == user


@pytest.mark.parametrize("source", [None, "", "10.0.0.5", "host:5060", "1.2.3.4.5:5060", "[2001:db8::5]:5060"])
def test_the_source_has_to_be_known(source: str | None) -> None:
    with pytest.raises(ConfigError, match="flow tokens need the source of a request"):
        kamailio(text(OB), source).record_route()


def test_a_token_decides_on_the_socket_of_two_own_routes_too() -> None:
    """With r2 the second Route goes, and its socket is not asked."""
    data = text(f"Route: <sip:{OTHER}@10.0.0.1;r2=on;lr;ob>, <sip:{OTHER}@10.0.0.2:5070;r2=on;lr;ob>")
    req = kamailio(data)
    assert req.loose_route() == 2
    assert (req.dst_uri, req.send_socket) == ("sip:10.0.0.6:5060;transport=udp", "udp:10.0.0.1:5060")
    assert b"Route" not in req.build()


def test_a_response_has_no_token() -> None:
    assert not kamailio(b"SIP/2.0 200 OK\r\n\r\n").record_route()
    assert not kamailio(b"junk").record_route()
