"""register_rrcb: who is called, in which order, and with what."""

from typing import Any

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.request import Request
from tests.rr.requests import LISTEN, initial, routed, text

# The priorities in the order of registration, and the order of calls, by the place of registration. rr_cb.c: what has priority 0, or
# less than the first of the list, goes to its head; any other goes behind the lower ones and before its equals, the head apart.
ORDERS: dict[str, tuple[list[int], list[int]]] = {
    "one": ([0], [0]),
    "without priorities the latest is first": ([0, 0, 0], [2, 1, 0]),
    "rising": ([1, 2, 3], [0, 1, 2]),
    "falling": ([3, 2, 1], [2, 1, 0]),
    "mixed": ([2, 1, 3], [1, 0, 2]),
    "no priority is before any": ([1, 0, 2], [1, 0, 2]),
    "an equal of the head comes behind it": ([1, 1], [0, 1]),
    "an equal of another comes before it": ([1, 2, 2], [0, 2, 1]),
    "a third equal of the head": ([1, 1, 1], [0, 2, 1]),
}


@pytest.mark.parametrize(("priorities", "order"), ORDERS.values(), ids=ORDERS)
def test_order(priorities: list[int], order: list[int]) -> None:
    rr = RecordRouting(listen=LISTEN)
    called: list[int] = []
    for place, prior in enumerate(priorities):
        rr.register_rrcb(lambda _req, _params, param: called.append(param), place, prior)
    rr.request(routed("<sip:10.0.0.1;lr>")).loose_route()
    assert called == order


def test_negative_priority() -> None:
    with pytest.raises(ConfigError, match="a callback's priority is not negative"):
        RecordRouting(listen=LISTEN).register_rrcb(print, prior=-1)


def calls(data: bytes) -> list[tuple[str, str | None, Any]]:
    """What a callback was told: the route parameters, the next hop as it is then, and its own parameter."""
    rr = RecordRouting(listen=LISTEN)
    told: list[tuple[str, str | None, Any]] = []
    rr.register_rrcb(lambda req, params, param: told.append((params, req.dst_uri, param)), "mine")
    rr.request(data).loose_route()
    return told


CALLED = {
    "own, loose: the parameters of ours": (
        routed("<sip:10.0.0.1;lr;nat=yes>, <sip:10.0.0.7;lr>"),
        ("lr;nat=yes", "sip:10.0.0.7;lr", "mine"),
    ),
    "a pair: those of the first": (routed("<sip:10.0.0.1;r2=on;lr;a>, <sip:10.0.0.2:5070;r2=on;lr;b>"), ("r2=on;lr;a", None, "mine")),
    "foreign: none": (routed("<sip:10.0.0.7;lr;nat=yes>"), ("", "sip:10.0.0.7;lr;nat=yes", "mine")),
    # Against the documentation, as in the servers: see strict-target-04.
    "strict arrival: those of the remote target": (
        routed("<sip:10.0.0.7;lr>, <sip:callee@10.0.0.8;x>", ruri="sip:10.0.0.1;lr;nat=yes"),
        ("x", "sip:10.0.0.7;lr", "mine"),
    ),
    "initial, own only: although loose_route is false then": (initial("<sip:10.0.0.1;lr;a>"), ("lr;a", None, "mine")),
}


@pytest.mark.parametrize(("data", "told"), CALLED.values(), ids=CALLED)
def test_called_with(data: bytes, told: tuple[str, str | None, Any]) -> None:
    assert calls(data) == [told]


@pytest.mark.parametrize("data", [routed(), b"junk", routed("sip:malformed"), text("Route: <sip:10.0.0.1;lr>", to="<")])
def test_not_called_where_nothing_was_routed(data: bytes) -> None:
    assert calls(data) == []


def test_a_callback_may_use_the_request() -> None:
    """As dialog and nathelper do in the servers: it asks and records from within."""
    rr = RecordRouting(listen=LISTEN)
    answers: list[bool] = []

    def callback(req: Request, _params: str, _param: object) -> None:
        answers.append(bool(req.is_direction("downstream")))
        req.record_route(";seen")

    rr.register_rrcb(callback)
    req = rr.request(routed("<sip:10.0.0.1;lr;ftag=caller>"))
    assert req.loose_route()
    assert answers == [True]
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=caller;seen>\r\n" in req.build()
