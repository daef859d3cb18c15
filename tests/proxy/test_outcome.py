"""What is told of a message: what was sent, or why nothing was, and what was decided."""

import pytest

from scapy_rr.proxy.outcome import ANSWERED, IS_RESPONSE, Outcome, left
from scapy_rr.proxy.script import ScriptRequest

from .calls import CALLER, answer, relayed, request, router


def relay(req: ScriptRequest) -> None:
    req.relay()


def refuse(req: ScriptRequest) -> None:
    req.reply(404, "Not here")


def test_what_is_left_alone_says_why_in_its_trace() -> None:
    notes: list[tuple[object, ...]] = [("log", "before")]
    outcome = left(b"data", notes, "short", "long")
    assert outcome == Outcome(b"data", notes, "", "short", "long", ())
    assert [str(step) for step in outcome.trace] == ["log: before", "error: left as it was: long"]


def test_the_ways() -> None:
    assert (ANSWERED, IS_RESPONSE) == ("answered", "response")
    routed = relayed(relay)
    assert (routed.way, routed.left, len(routed.sent)) == ("by the R-URI", "", 1)
    answered = relayed(refuse)
    assert (answered.way, answered.left, len(answered.sent)) == ("answered 404", "", 1)
    back = router(relay).handle(answer(routed.sent[0], "200 OK"), source="10.0.0.9:5060")
    assert (back.way, back.left, len(back.sent)) == ("response", "", 1)


@pytest.mark.parametrize(
    ("script", "trace"),
    [
        (
            relay,
            ["via: added for udp:10.0.0.1:5060"],
        ),
        (
            refuse,
            ["reply: 404 Not here"],
        ),
        (
            lambda req: None,
            ["error: left as it was: the script neither relays nor answers"],
        ),
        (
            lambda req: (req.log("$rm to $ru"), req.append_header("X: 1"), req.remove_header("x"), req.remove_header("t"), req.relay()),
            [
                "log: INVITE to sip:bob@10.0.0.9",
                "added: header X: 1",
                "removed: 1 header(s) t",
                "via: added for udp:10.0.0.1:5060",
            ],
        ),
        (
            lambda req: (req.append_branch("sip:c@10.0.0.13"), req.relay()),
            [
                "branch: 0: sip:bob@10.0.0.9",
                "via: added for udp:10.0.0.1:5060",
                "branch: 1: sip:c@10.0.0.13",
                "via: added for udp:10.0.0.1:5060",
            ],
        ),
    ],
    ids=["relay", "refuse", "nothing", "edits", "branches"],
)
def test_the_trace_of_a_request(script: object, trace: list[str]) -> None:
    assert callable(script)
    assert [str(step) for step in relayed(script).trace] == trace


def test_the_trace_of_a_response() -> None:
    sent = relayed(relay).sent[0]
    outcome = router(relay).handle(answer(sent, "200 OK"), source="10.0.0.9:5060")
    assert [str(step) for step in outcome.trace] == [
        "via: topmost Via is udp:10.0.0.1:5060: SIP/2.0/UDP 10.0.0.1:5060",
        "next hop: udp:10.0.0.5:5060, from the Via's sent-by 10.0.0.5",
        "send socket: udp:10.0.0.1:5060, of the transport and the network of the next hop",
    ]


def test_the_message_is_kept_as_it_came() -> None:
    data = request()
    assert router(relay).handle(data, source=CALLER).data is data
