"""The decision trace: each step as data, and in words."""

from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.trace import Step, read
from tests.rr.requests import LISTEN, initial, routed


def test_read() -> None:
    assert read([("next hop", "destination URI", b"sip:a\xe9"), ("way", "loose to loose")]) == (
        Step("next hop", "destination URI sip:aé"),
        Step("way", "loose to loose"),
    )
    assert str(Step("way", "loose to loose")) == "way: loose to loose"


def words(data: bytes, *calls: tuple[str, ...], enable_double_rr: int = 1) -> list[str]:
    req = RecordRouting(listen=LISTEN, enable_double_rr=enable_double_rr).request(data)
    for name, *arguments in calls:
        getattr(req, name)(*arguments)
    return [str(step) for step in req.trace]


def test_a_pair_and_a_loose_router() -> None:
    assert words(routed("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2:5070;r2=on;lr>, <sip:10.0.0.7;lr>"), ("loose_route",)) == [
        "dialog: To tag: a request within a dialog",
        "ruri: R-URI sip:callee@10.0.0.8 is not me: no listener, alias or domain has this host",
        "route: Route sip:10.0.0.1;r2=on;lr is me: address of udp:10.0.0.1:5060",
        "removed: own Route sip:10.0.0.1;r2=on;lr",
        "send socket: udp:10.0.0.2:5070, the second of two own Routes names it",
        "removed: second own Route sip:10.0.0.2:5070;r2=on;lr",
        "way: loose to loose",
        "next hop: destination URI sip:10.0.0.7;lr",
        "function: loose_route() returned 1",
    ]


def test_a_strict_next_hop() -> None:
    assert words(routed("<sip:10.0.0.6>"), ("loose_route",))[2:] == [
        "route: Route sip:10.0.0.6 is not me: no listener, alias or domain has this host",
        "way: loose to strict",
        "added: Route: <sip:callee@10.0.0.8>",
        "next hop: R-URI sip:10.0.0.6",
        "removed: Route sip:10.0.0.6",
        "function: loose_route() returned 1",
    ]


def test_a_strict_arrival_and_its_two_defects() -> None:
    assert words(routed("<sip:10.0.0.1;lr>, <sip:callee@10.0.0.8;x>", ruri="sip:10.0.0.1;lr"), ("loose_route",))[1:] == [
        "ruri: R-URI sip:10.0.0.1;lr is me: address of udp:10.0.0.1:5060",
        "send socket: udp:10.0.0.1:5060, the R-URI, our own Route, names it",
        "way: strict to loose",
        "next hop: destination URI sip:10.0.0.1;lr",
        "defect: after a strict arrival an own Route on top stays and is the next hop (RFC 3261 16.4 removes it)",
        "next hop: R-URI sip:callee@10.0.0.8;x",
        "removed: last Route, the remote target, sip:callee@10.0.0.8;x",
        "defect: after a strict arrival the route parameters are those of the remote target, not of our own Route",
        "function: loose_route() returned 1",
    ]


def test_own_routes_only() -> None:
    assert words(initial("<sip:10.0.0.1;lr>"), ("loose_route",)) == [
        "dialog: no To tag: an initial request, its Routes are preloaded",
        "route: Route sip:10.0.0.1;lr is me: address of udp:10.0.0.1:5060",
        "removed: own Route sip:10.0.0.1;lr",
        "way: no Route is left: by the R-URI",
        "function: loose_route() returned -1",
    ]


def test_a_pair_that_is_none() -> None:
    found = words(routed("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.99;lr>"), ("loose_route",))
    assert "send socket: none forced, no listener is sip:10.0.0.99;lr" in found
    assert "defect: r2 promises a second Route of ours; the one that follows is not, and goes all the same" in found


def test_recording() -> None:
    calls = [("add_rr_param", ";a"), ("record_route_preset", "1.2.3.4", "5.6.7.8"), ("record_route", ";b"), ("is_direction", "upstream")]
    assert words(initial(), *calls) == [
        "function: add_rr_param(';a') returned 1",
        "defect: with two presets, parameters that were added before go to the first, the outbound one, alone",
        "added: Record-Route preset 1.2.3.4, 5.6.7.8",
        "function: record_route_preset('1.2.3.4', '5.6.7.8') returned 1",
        "error: double attempt to record-route",
        "function: record_route(';b') returned -1",
        "function: is_direction('upstream') returned -1",
    ]


def test_faults() -> None:
    assert words(b"junk", ("loose_route",), ("record_route",)) == [
        "error: neither a request line nor a status line (at byte 0)",
        "function: loose_route() returned -1",
        "error: neither a request line nor a status line (at byte 0)",
        "function: record_route() returned -1",
    ]
    assert words(initial(), ("record_route_preset", "a", "b"), enable_double_rr=0) == [
        "error: two presets, and enable_double_rr is 0",
        "function: record_route_preset('a', 'b') returned -1",
    ]
