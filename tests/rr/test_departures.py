"""Where no server is followed: each line of the list, as it is done here."""

from scapy_rr.rr.departures import DEPARTURES
from tests.rr.requests import ask, initial, routed, stamped


def situation(words: str) -> bool:
    return any(words in departure.situation for departure in DEPARTURES)


def test_remove_record_route() -> None:
    assert situation("remove_record_route")
    req = ask(initial(), dialect="kamailio")
    req.record_route()
    req.remove_record_route()
    assert req.build() is req.data


def test_no_empty_route_header_is_left() -> None:
    """E21"""
    assert situation("two Routes in one header, r2 in the first")
    for dialect in ("opensips", "kamailio"):
        req = ask(routed("<sip:10.0.0.1;r2=on;lr>, <sip:callee@10.0.0.8;lr>", ruri="sip:10.0.0.1"), dialect=dialect)
        assert req.loose_route()
        assert req.build() == routed(ruri="sip:callee@10.0.0.8;lr")
        assert any(step.name == "defect" and "empty Route header" in step.text for step in req.trace)


def test_white_space_does_not_get_into_the_request_line() -> None:
    assert situation("white space in a Route that is to be the R-URI")
    for dialect in ("opensips", "kamailio"):
        req = ask(routed("<sip:10.0.0.7; x>"), dialect=dialect)
        assert req.loose_route() == -1
        assert req.ruri == "sip:callee@10.0.0.8"


def test_ipv6_has_brackets() -> None:
    assert situation("IPv6 address advertised by an IPv4 socket")
    req = ask(initial(), dialect="kamailio", listen=["udp:10.0.0.1:5060 as [2001:db8::7]:5070"])
    req.record_route()
    assert req.build() == stamped(initial(), "<sip:[2001:db8::7]:5070;lr;ftag=caller>")


def test_a_port_that_is_needed_is_written() -> None:
    assert situation("TLS or WebSocket socket on port 5060")
    req = ask(initial(), listen=["tls:10.0.0.1:5060"])
    req.record_route()
    assert req.build() == stamped(initial(), "<sip:10.0.0.1:5060;transport=tls;lr;ftag=caller>")
