"""Flow tokens between scapy_rr and the Kamailio that is installed: each reads what the other made."""

import re

import pytest

from scapy_rr.rr.flow_token import Flow, FlowTokens, Tampered
from scapy_rr.rr.module import RecordRouting

from .kamailio import Judge
from .test_kamailio import case, judge

__all__ = ["judge"]

SECRET = "between the two of us"
LISTEN = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:[::1]:5060"]
LOCAL, SOURCE = (b"\x7f\0\0\1", 5060), (b"\x7f\0\0\5", 15060)
V6 = b"\0" * 15 + b"\1"
FLOWS = {
    "udp": Flow("udp", LOCAL, (b"\x7f\0\0\6", 25060)),
    "tcp": Flow("tcp", LOCAL, (b"\x7f\0\0\6", 25061)),
    "udp, IPv6": Flow("udp", (V6, 5060), (V6, 25060)),
}
INVITE = (
    "INVITE sip:bob@127.0.0.8:7000 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.5:15060;branch=z9hG4bKoracle1\r\n{}"
    "From: <sip:alice@atlanta.example>;tag=a\r\nTo: <sip:bob@biloxi.example>\r\nCall-ID: 1@127.0.0.5\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:alice@127.0.0.5:15060;ob>\r\nContent-Length: 0\r\n\r\n"
)


def tokens_of(judge: Judge) -> FlowTokens:
    """Kamailio 5.6 keys its tokens with the empty text, whatever the secret is."""
    return FlowTokens("" if judge.version.startswith("5.6.") else SECRET)


def asked(judge: Judge, headers: str, calls: list[list[str]], received_on: str = "udp:127.0.0.1:5060") -> dict[str, object]:
    """What the server itself answers, its tokens as they are."""
    request = case(INVITE.format(headers), calls=calls, listen=LISTEN, received_on=received_on, params={"flow_token_key": SECRET})
    return dict(judge.raw_answer(request))


def test_a_token_of_the_server_is_read(judge: Judge) -> None:
    sent = str(asked(judge, "", [["record_route"]])["sent"])
    found = re.search(r"Record-Route: <sip:([^@>]+)@127\.0\.0\.1;lr", sent)
    assert found
    assert tokens_of(judge).decode(found[1].encode()) == Flow("udp", LOCAL, SOURCE)
    with pytest.raises(Tampered):
        FlowTokens("another").decode(found[1].encode())


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_a_token_of_ours_is_read(judge: Judge, flow: Flow) -> None:
    token = tokens_of(judge).encode(flow).decode()
    answer = asked(judge, f"Route: <sip:{token}@127.0.0.1;lr;ob>\r\n", [["loose_route"]])
    assert (answer["returns"], answer["dst_uri"]) == ([2], flow.uri.decode())
    tampered = FlowTokens("another").encode(flow).decode()
    assert asked(judge, f"Route: <sip:{tampered}@127.0.0.1;lr;ob>\r\n", [["loose_route"]])["returns"] == [-2]


def test_both_stamp_the_same(judge: Judge) -> None:
    """Byte for byte, with the key that the server really has."""
    rr = RecordRouting("kamailio", LISTEN, flow_token_key=SECRET)
    rr.flow_tokens = tokens_of(judge)
    for received_on, source in (("udp:127.0.0.1:5060", "127.0.0.5:15060"), ("tcp:127.0.0.1:5060", "127.0.0.5:15060")):
        answer = asked(judge, "", [["record_route"]], received_on)
        req = rr.request(INVITE.format("").encode(), received_on, source)
        assert req.record_route()
        assert req.build(str(answer["out_socket"])).decode() == answer["sent"]
