"""The Kamailio that is installed says of requests what scapy_rr says; and the way it is asked does not change what it says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import need_namespaces
from .campaign import run
from .case import Case, calls_of
from .compare import Ours, differing
from .kamailio import Judge, PeerError
from .tokens import key, resigned, token

VECTORS = Path(__file__).parents[1] / "vectors"
UNLIKE_5_6 = {
    *("loose-place-13", "record-place-10"),  # a malformed From
    *("loose-place-16", "record-place-16", "record-user-13", "record-user-14"),  # $ru of an R-URI that does not parse
    *("ka-mode-09", "outbound-loose-30"),  # loose_route_mode(2)
}
"""The vectors, of a later version, where 5.6 does something else."""

REQUEST = (
    "BYE sip:bob@127.0.0.8:7000 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.5:15060;branch=z9hG4bKoracle1\r\nRoute: <sip:127.0.0.1;lr>\r\n"
    'From: "Alice" <sip:alice@atlanta.example>;tag=a\r\nTo: <sip:bob@biloxi.example>;tag=b\r\nCall-ID: 1@127.0.0.5\r\nCSeq: 2 BYE\r\n'
    "Content-Length: 0\r\n\r\n"
)


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    """The installed Kamailio."""
    need_namespaces("kamailio", "ip", "unshare", "setpriv")
    with Judge() as found:
        yield found


def case(request: str = REQUEST, **more: object) -> Case:
    """A case that arrives by TCP and leaves by UDP."""
    made: Case = {
        "params": {},
        "listen": ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:127.0.0.2:5070 as edge.example.net:5060"],
        "domains": [],
        "received_on": "tcp:127.0.0.1:5060",
        "source": "127.0.0.5:15060",
        "send_socket": None,
        "calls": [["loose_route"]],
        "sink": "udp:127.0.0.9:9999",
        "request": request,
    }
    made.update(more)  # type: ignore[typeddict-item]
    return made


@pytest.mark.parametrize("name", ["kamailio.jsonl", "kamailio-outbound.jsonl"])
def test_it_does_what_was_recorded(name: str, judge: Judge) -> None:
    """Return codes, targets, pseudo-variables and every byte: so nothing of how it is asked here shows."""
    vectors = [json.loads(line) for line in (VECTORS / name).read_text("utf-8").splitlines()]
    with Judge(call for vector in vectors for call in calls_of(vector)) as informed:
        unlike = {vector["id"] for vector in vectors if informed.answer(vector) != vector["expect"]}
    expected = {vector["id"] for vector in vectors} & UNLIKE_5_6
    assert unlike == (expected if judge.version.startswith("5.6.") else set())


@pytest.mark.parametrize("seed", [1, 2])
def test_scapy_rr_does_the_same(seed: int, judge: Judge) -> None:
    result = run(200, seed, configurations=12)
    assert result.smallest is None
    assert result.requests >= 200
    assert result.agreed > 0.9 * result.requests


def test_a_call_not_known_at_start_is_learnt(judge: Judge) -> None:
    assert judge.answer(case())["returns"] == [1]
    answer = judge.answer(case(calls=[["record_route", ';x="y"'], ["loose_route"]]))
    assert answer["returns"] == [1, 1]
    assert answer["sent"] is not None
    assert "\r\nRecord-Route: <sip:127.0.0.2:5070" not in answer["sent"]
    assert '<sip:edge.example.net:5060;r2=on;lr;ftag=a;x="y">\r\n' in answer["sent"]
    assert answer["out_socket"] == "udp:127.0.0.2:5070"


@pytest.mark.parametrize("received_on", ["tcp:127.0.0.1:5060", "udp:127.0.0.1:5060"])
def test_a_request_that_the_core_drops_is_no_answer_and_no_end(received_on: str, judge: Judge) -> None:
    """The server may hang up on it; the next one is answered."""
    for _ in range(3):
        answer = judge.answer(case(REQUEST.replace("CSeq", "X-CSeq"), received_on=received_on))
        assert (answer["returns"], answer["sent"], answer["out_socket"]) == (None, None, None)
        assert judge.answer(case(received_on=received_on))["returns"] == [1]


def test_a_server_that_cannot_start_says_why(judge: Judge) -> None:
    with pytest.raises(PeerError, match="append_fromtag"):
        judge.answer(case(params={"append_fromtag": 0}, calls=[["is_direction", "upstream"]]))
    with pytest.raises(PeerError, match="listen address"):
        judge.answer(case(listen=["tcp:127.0.0.1:5060 as nowhere.example:5060"]))


def test_the_least_used_server_is_ended(judge: Judge) -> None:
    with Judge(most=1) as small:
        first = small._server(case())
        small.answer(case(params={"enable_double_rr": 0}))
        assert first._process.returncode is not None
        assert small.answer(case())["returns"] == [1]


def test_differences_are_seen() -> None:
    """So that agreement tells something."""
    ours = Ours().answer(case(), "udp:127.0.0.1:5060")
    assert ours["returns"] == [1]
    assert differing(ours, ours) == []
    assert differing(ours, {**ours, "sent": ours["sent"] and ours["sent"] + " "}) == ["sent"]


def test_tokens_are_signed_anew() -> None:
    old, new = key("one"), key("two")
    for socket, source in (("udp:127.0.0.1:5060", "127.0.0.6:25060"), ("tcp:[::1]:5060", "[::1]:9")):
        text = f"<sip:{token(old, socket, source)}@127.0.0.1;lr>, <sip:{'A' * 32}@h>"
        assert resigned(text, old, new) == text.replace(token(old, socket, source), token(new, socket, source))
        assert resigned(text, new, old) == text


NAMED = [
    'udp:127.0.0.1:5060 name "inside"',
    'udp:127.0.0.2:5070 as edge.example.net:5060 name "outside"',
    'tcp:127.0.0.1:5060 name "stream"',
]
INVITE = REQUEST.replace(";tag=b", "").replace("BYE", "INVITE").replace("Route: <sip:127.0.0.1;lr>\r\n", "")
# What no vector shows: names of sockets, and the AVP with a user.
UNRECORDED: dict[str, Case] = {
    "socket names, two": case(
        INVITE, listen=NAMED, params={"sockname_mode": 1}, send_socket="udp:127.0.0.2:5070", calls=[["record_route"]]
    ),
    "socket names, one": case(INVITE, listen=NAMED, params={"sockname_mode": 1, "enable_double_rr": 0}, calls=[["record_route"]]),
    "socket names, advertised": case(
        INVITE, listen=NAMED, params={"sockname_mode": 1}, calls=[["record_route_advertised_address", "1.2.3.4:5080"]]
    ),
    "socket names, preset": case(INVITE, listen=NAMED, params={"sockname_mode": 1}, calls=[["record_route_preset", "1.2.3.4:5080"]]),
    "socket names without the mode": case(INVITE, listen=NAMED, calls=[["record_route"]]),
    **{
        f"a name in a Route: {uri}, {params}": case(REQUEST.replace("sip:127.0.0.1;lr", uri), listen=NAMED, params=params)
        for uri in (
            "sip:127.0.0.1;sn=outside;lr",
            "sip:127.0.0.1;lr;SN=outside",
            "sip:127.0.0.1;lr;sn=elsewhere",
            "sip:127.0.0.1;lr;sn=",
            "sip:127.0.0.1;lr;sn=outside;",
            'sip:127.0.0.1;lr;sn="outside"',
            "sip:127.0.0.1;sn=inside;lr;sn=outside",
            "sip:127.0.0.1;sn=inside;r2=on;lr>, <sip:127.0.0.2:5070;sn=outside;r2=on;lr",
        )
        for params in ({"sockname_mode": 1}, {"sockname_mode": 1, "force_send_socket": 1}, {"force_send_socket": 1})
    },
    **{
        f"custom user {user!r}, {calls[0][0]}": case(INVITE, params={"add_username": 1, "custom_user": user}, calls=calls)
        for user in ("me", "")
        for calls in ([["record_route"]], [["record_route_preset", "1.2.3.4"]], [["record_route_advertised_address", "1.2.3.4"]])
    },
    "custom user without add_username": case(INVITE, params={"custom_user": "me"}, calls=[["record_route"]]),
}


@pytest.mark.parametrize("asked", UNRECORDED.values(), ids=UNRECORDED)
def test_what_no_vector_shows(asked: Case, judge: Judge) -> None:
    theirs = judge.answer(asked)
    ours = Ours().answer(asked, theirs["out_socket"])
    assert {key: ours[key] for key in differing(theirs, ours)} == {key: theirs[key] for key in differing(theirs, ours)}  # type: ignore[literal-required]
