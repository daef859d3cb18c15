"""What each hop did, from messages on links."""

import pytest

from scapy_rr.live.lab.description import load
from scapy_rr.live.lab.messages import Seen
from scapy_rr.live.lab.ways import Change, Way, follow

BASIC, NAT = load("basic-call"), load("nat")
TAIL = ("From: <sip:a@x>;tag=1", "To: <sip:b@x>", "Call-ID: one", "CSeq: 1 INVITE", "Content-Length: 0")
AT_CALLER = "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa;rport"
FILLED = "Via: SIP/2.0/UDP 10.0.0.5;received=10.0.0.5;branch=z9hG4bKa;rport=5060"
AT_PROXY = "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp"


def message(*lines: str, first: str = "INVITE sip:b@10.0.0.9 SIP/2.0", tail: tuple[str, ...] = TAIL) -> bytes:
    return "\r\n".join([first, *lines, *tail, "", ""]).encode()


def seen(time: int, way: str, data: bytes, source: str = "s", destination: str = "d") -> Seen:
    sender, receiver = way.split(" > ")
    return Seen(time, sender, receiver, "udp", source, destination, data)


def did(way: Way) -> list[list[str]]:
    return [list(map(str, hop.changes)) for hop in way.hops]


def test_an_invite_and_its_answer() -> None:
    ringing = "SIP/2.0 180 Ringing"
    ways = follow(
        BASIC,
        [
            seen(1, "caller > proxy", message(AT_CALLER, "Max-Forwards: 70")),
            seen(2, "proxy > callee", message("Record-Route: <sip:10.0.0.1;lr>", AT_PROXY, FILLED, "Max-Forwards: 69")),
            seen(3, "callee > proxy", message(f"{AT_PROXY}, {FILLED[5:]}", first=ringing)),
            seen(4, "proxy > caller", message(FILLED, first=ringing)),
        ],
    )
    assert [(way.title, way.call_id, way.repeated, way.arrived) for way in ways] == [
        ("INVITE", "one", 0, True),
        ("180 INVITE", "one", 0, True),
    ]
    assert did(ways[0]) == [
        [],
        [
            "~ Via SIP/2.0/UDP 10.0.0.5;received=10.0.0.5;branch=z9hG4bKa;rport=5060",
            "+ Via SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp",
            "+ Record-Route <sip:10.0.0.1;lr>",
            "~ Max-Forwards 69",
        ],
    ]
    assert did(ways[1]) == [[], ["- Via SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKp"]]


# The headers that change, before and after a hop, and what is said of it.
CHANGES = {
    "a Route of two": ("Route: <sip:p;lr>, <sip:q;lr>", "Route: <sip:q;lr>", ["- Route <sip:p;lr>"]),
    "the same Route twice": ("Route: <sip:p;lr>\r\nRoute: <sip:p;lr>", "Route: <sip:p;lr>", ["- Route <sip:p;lr>"]),
    "another order": ("Route: <sip:p>, <sip:q>", "Route: <sip:q>, <sip:p>", []),
    "another Via": ("Via: SIP/2.0/UDP a", "Via: SIP/2.0/UDP b", ["- Via SIP/2.0/UDP a", "+ Via SIP/2.0/UDP b"]),
    "a Via that is none": ("Via: x", "Via: y", ["- Via x", "+ Via y"]),
    "a Route that is none": ("Route: <sip:p", "Route: <sip:q>", ["- Route <sip:p", "+ Route <sip:q>"]),
    "no Max-Forwards": ("X: y", "Max-Forwards: 70", ["~ Max-Forwards 70"]),
    "nothing of routing": ("X: y", "X: z", []),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_changes(name: str) -> None:
    before, after, said = CHANGES[name]
    (way,) = follow(BASIC, [seen(1, "caller > proxy", message(before)), seen(2, "proxy > callee", message(after))])
    assert did(way) == [[], said]


def test_the_request_uri_and_the_body() -> None:
    sent = message(first="INVITE sip:c@y SIP/2.0") + b"body"
    (way,) = follow(BASIC, [seen(1, "caller > proxy", message()), seen(2, "proxy > callee", sent)])
    assert way.hops[1].changes == (Change("~", "Request-URI", "sip:c@y"), Change("~", "body", "4 bytes"))


def test_a_router_changes_addresses() -> None:
    (way,) = follow(
        NAT,
        [
            seen(1, "caller > router", message(), "192.168.1.5:5060", "10.0.0.1:5060"),
            seen(2, "router > proxy", message(), "10.0.0.7:5060", "10.0.0.1:5060"),
            seen(3, "proxy > callee", message(), "10.0.0.1:5060", "10.0.0.9:5060"),
        ],
    )
    assert did(way) == [[], ["~ source 10.0.0.7:5060"], []]


def test_retransmissions_are_counted() -> None:
    ways = follow(BASIC, [seen(time, way, message()) for time, way in enumerate(["caller > proxy", "proxy > callee"] * 3)])
    assert [(len(way.hops), way.repeated, way.arrived) for way in ways] == [(2, 4, True)]


def test_a_loop_is_no_retransmission() -> None:
    """It comes back with one Via more."""
    first, second = message(AT_CALLER), message(AT_PROXY, AT_CALLER)
    (way,) = follow(NAT, [seen(1, "router > proxy", first), seen(2, "proxy > router", second), seen(3, "router > proxy", second)])
    assert [hop.seen.receiver for hop in way.hops] == ["proxy", "router", "proxy"]
    assert not way.arrived


def test_requests_of_either_side_are_apart() -> None:
    """Each side counts its own CSeq."""
    theirs = ("From: <sip:b@x>;tag=2", "To: <sip:a@x>;tag=1", *TAIL[2:])
    ways = follow(BASIC, [seen(1, "caller > proxy", message()), seen(2, "proxy > caller", message(tail=theirs))])
    assert [len(way.hops) for way in ways] == [1, 1]


def test_what_does_not_arrive() -> None:
    ways = follow(
        BASIC,
        [
            seen(1, "caller > proxy", message()),
            # Of the proxy's own.
            seen(2, "proxy > caller", message(first="SIP/2.0 100 Trying")),
            seen(3, "callee > proxy", message(first="SIP/2.0 100 Trying")),
        ],
    )
    assert [(way.title, way.arrived) for way in ways] == [("INVITE", False), ("100 INVITE", True), ("100 INVITE", True)]


def test_what_is_no_sip_is_passed_over() -> None:
    assert follow(BASIC, [seen(1, "caller > proxy", b"GET / HTTP/1.1\r\n\r\n")]) == []


def test_what_steers_a_terminal_is_spelled_out() -> None:
    tail = ("From: <sip:a@x>;tag=1", "Call-ID: \x1b[2J", "CSeq: 1 INVITE")
    data = [message(tail=tail), message("Route: \x1b[2J", tail=tail)]
    (way,) = follow(BASIC, [seen(1, "caller > proxy", data[0]), seen(2, "proxy > callee", data[1])])
    assert way.call_id == "\\x1b[2J"
    assert did(way)[1] == ["+ Route \\x1b[2J"]
