"""What the functions work on: the message, its tags, and the state that one request has for itself."""

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.rr.module import RecordRouting
from tests.rr.requests import LISTEN, ask, initial, routed, text


def test_tags() -> None:
    req = ask(routed())
    assert (req.from_tag(), req.to_tag()) == (b"caller", b"callee")
    # And again, from memory.
    assert req.to_tag() == b"callee"
    assert ask(initial()).to_tag() is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"junk", "no To header"),
        (b"BYE sip:a SIP/2.0\r\n\r\n", "no To header"),
        (text(to="<sip:a>;tag="), "a tag without a value"),
        (text(to="<sip:a"), "neither a name-addr nor an addr-spec"),
    ],
)
def test_tag_that_cannot_be_read(data: bytes, reason: str) -> None:
    req = ask(data)
    for _ in range(2):
        with pytest.raises(SipParseError, match=reason):
            req.to_tag()


def test_where_it_came_from() -> None:
    req = ask(routed(), "udp:10.0.0.2:5070")
    assert str(req.received_on) == "udp:10.0.0.2:5070"
    assert req.source == "10.0.0.5:5060"
    assert str(ask(routed()).received_on) == LISTEN[0]


def test_message_that_cannot_be_read() -> None:
    req = ask(b"junk")
    assert req.message is None
    assert isinstance(req.parse_error, SipParseError)
    assert ask(routed()).parse_error is None


def test_nothing_leaks_from_one_request_to_the_next() -> None:
    """E33: in the servers parameters once stood in a static buffer, and turned up in the next message."""
    rr = RecordRouting(listen=LISTEN)
    first, second = rr.request(initial("<sip:10.0.0.1;lr;nat=yes>")), rr.request(initial())
    first.add_rr_param(";leak")
    first.loose_route()
    first.is_direction("upstream")
    assert (first.rr_params, second.rr_params) == ("lr;nat=yes", None)
    second.record_route()
    assert b"leak" not in second.build()
    assert second.trace[-1].text == "record_route() returned 1"


def test_a_copy_of_the_state_is_a_branch_of_its_own() -> None:
    """What is done on the one does not show on the other, either way; the notes are the request's."""
    req = ask(initial("<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>"))
    req.loose_route()
    req.record_route()
    whole, branch = req.state, req.state.copy()
    assert (branch.ruri, branch.dst_uri, branch.records[0].added) == (whole.ruri, b"sip:10.0.0.7;lr", [])
    before = req.build()
    req.state = branch
    req.add_rr_param(";branch")
    req.ruri = "sip:carol@10.0.0.9"
    req.dst_uri = None
    branch.edits.insert(0, b"X")
    branch.dropped.append((9, 9))
    branch.buffered.append(b";early")
    changed = req.build()
    assert b"<sip:10.0.0.1;lr;ftag=caller;branch>" in changed
    req.state = whole
    assert (req.build(), req.pv("$du")) == (before, "sip:10.0.0.7;lr")
    assert (whole.dropped, whole.buffered) == ([(0, 0)], [])
    req.add_rr_param(";whole")
    req.state = branch
    assert req.build() == changed
    assert branch.notes is whole.notes
