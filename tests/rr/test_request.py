"""The request as a script sees it: conditions, pseudo-variables, and the message as it leaves."""

import pytest

from scapy_rr.errors import ConfigError, SipParseError
from scapy_rr.rr.listener import Listener
from scapy_rr.rr.returncode import ReturnCode
from tests.rr.requests import ask, initial, routed, stamped, text

OK, FAILED = ReturnCode.OK, ReturnCode.FAILED
OWN = "<sip:10.0.0.1;lr;ftag=caller;nat=yes>"


@pytest.mark.parametrize(
    ("expression", "code"), [("nat=yes", OK), ("NAT=Y.S$", OK), ("^;lr;", OK), ("^lr", FAILED), ("10.0.0.1", FAILED), ("nat=no", FAILED)]
)
def test_check_route_param(expression: str, code: ReturnCode) -> None:
    req = ask(routed(OWN, "<sip:10.0.0.7;lr;nat=no>"))
    assert req.check_route_param(expression) is FAILED
    req.loose_route()
    assert req.check_route_param(expression) is code


def test_check_route_param_with_a_faulty_expression() -> None:
    with pytest.raises(ConfigError, match="a parenthesis is not closed"):
        ask(routed(OWN)).check_route_param("(")


# The From tag of whoever sends, against the ftag of the Route.
@pytest.mark.parametrize(
    ("from_", "route", "upstream"),
    [
        ("<sip:a@b>;tag=caller", OWN, False),
        ("<sip:a@b>;tag=callee", OWN, True),
        ("<sip:a@b>", OWN, False),
        ("<sip:a@b>;tag=", OWN, False),
        ("<sip:a@b>;tag=callee", "<sip:10.0.0.1;lr>", False),
        ("<sip:a@b>;tag=callee", "<sip:10.0.0.7;lr;ftag=caller>", False),
    ],
)
def test_is_direction(from_: str, route: str, upstream: bool) -> None:
    req = ask(text(f"Route: {route}", from_=from_))
    req.loose_route()
    assert bool(req.is_direction("upstream")) is upstream
    assert bool(req.is_direction("Downstream")) is not upstream


def test_is_direction_keeps_its_first_answer() -> None:
    """direction-14: asked before loose_route there is no ftag, so downstream, and so it stays."""
    req = ask(text(f"Route: {OWN}", from_="<sip:a@b>;tag=callee"))
    assert req.is_direction("upstream") is FAILED
    req.loose_route()
    assert req.is_direction("upstream") is FAILED
    assert req.is_direction("downstream") is OK


def test_is_direction_in_a_faulty_script() -> None:
    with pytest.raises(ConfigError, match="unknown direction 'sideways': it is 'upstream' or 'downstream'"):
        ask(routed(OWN)).is_direction("sideways")
    with pytest.raises(ConfigError, match="is_direction needs the parameter append_fromtag=1"):
        ask(routed(OWN), append_fromtag=0).is_direction("upstream")


def test_get_route_param() -> None:
    req = ask(routed("<sip:10.0.0.1;lr;ftag=caller;flag;nat=yes>"))
    assert req.get_route_param("nat") is None
    req.loose_route()
    assert req.get_route_param("nat") == "yes"
    assert req.get_route_param("flag") == ""
    assert req.get_route_param("none") is None
    assert req.get_route_param("€") is None


def test_pseudo_variables() -> None:
    req = ask(routed(OWN, "<sip:10.0.0.7;lr>"), "udp:10.0.0.2:5070")
    names = ("$ru", "$rm", "$du", "$rr_params", "$socket_out(forced)")
    assert [req.pv(name) for name in names] == ["sip:callee@10.0.0.8", "BYE", None, None, None]
    req.loose_route()
    assert [req.pv(name) for name in names] == [
        "sip:callee@10.0.0.8",
        "BYE",
        "sip:10.0.0.7;lr",
        "lr;ftag=caller;nat=yes",
        "udp:10.0.0.2:5070",
    ]
    assert (req.ruri, req.dst_uri, req.rr_params, req.send_socket) == tuple(
        req.pv(name) for name in ("$ru", "$du", "$rr_params", names[-1])
    )


def test_pseudo_variables_of_what_is_no_message() -> None:
    req = ask(b"junk")
    assert [req.pv(name) for name in ("$ru", "$rm", "$du", "$rr_params")] == [None] * 4


def test_pseudo_variable_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match=r"unknown pseudo-variable '\$foo'; those there are: \$ru, "):
        ask(routed()).pv("$foo")


def test_ruri_that_does_not_parse_is_none() -> None:
    assert ask(routed(ruri="sip:@h")).ruri is None


def test_build_without_edits_is_the_very_object() -> None:
    for data in (routed(), routed("<sip:10.0.0.7;lr>"), b"junk", b"", b"SIP/2.0 200 OK\r\n\r\n"):
        req = ask(data)
        req.loose_route()
        assert req.build() is data
        assert req.build("udp:10.0.0.2:5070") is data


def test_build_takes_a_listener_by_name_or_itself() -> None:
    req = ask(initial())
    req.record_route()
    expected = stamped(initial(), "<sip:10.0.0.2:5070;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>")
    assert req.build("udp:10.0.0.2:5070") == req.build(Listener.parse("udp:10.0.0.2:5070")) == expected


def test_build_by_a_socket_that_is_not_ours() -> None:
    with pytest.raises(ConfigError, match=r"'udp:10\.0\.0\.9:5060' is none of the listeners"):
        ask(initial()).build("udp:10.0.0.9:5060")


def test_calls_see_the_message_as_it_came() -> None:
    """Edits are a diff over the original: what loose_route removed is still there for the next call."""
    req = ask(routed(OWN))
    req.loose_route()
    assert req.message is not None
    assert req.message.value(b"route") == OWN.encode()


def test_leading_line_ends_stay() -> None:
    """RFC 3261 7.5: line ends before the start line are passed over; they are bytes like any other to whoever forwards."""
    req = ask(b"\r\n" + initial())
    req.record_route()
    assert req.build() == b"\r\n" + stamped(initial(), "<sip:10.0.0.1;lr;ftag=caller>")


# What a script may set.


@pytest.mark.parametrize("uri", ["sip:carol@10.0.0.9", "sips:carol@example.com;x=y?h=v", "tel:+15551234", "sip:caf\xe9@h"])
def test_set_ruri(uri: str) -> None:
    req = ask(initial())
    req.ruri = uri
    assert req.ruri == uri
    assert req.build() == initial(ruri=uri)


def test_set_dst_uri() -> None:
    """It changes where the request goes, and nothing in it."""
    req = ask(initial())
    req.dst_uri = "sip:10.0.0.7:5080;transport=tcp"
    assert req.dst_uri == req.pv("$du") == "sip:10.0.0.7:5080;transport=tcp"
    assert req.build() is req.data
    req.dst_uri = None
    assert req.dst_uri is None


@pytest.mark.parametrize("name", ["ruri", "dst_uri"])
@pytest.mark.parametrize(
    ("uri", "offset"),
    [
        ("sip:a@h SIP/2.0", 7),
        ("sip:a@h\r\nX: y", 7),
        ("sip:a\t@h", 5),
        ("sip:\0@h", 4),
        ("sip:a\x7f@h", 5),
        ("sip:@h", 4),
        ("nonsense", 0),
        ("", 0),
    ],
)
def test_a_uri_that_cannot_be_set(name: str, uri: str, offset: int) -> None:
    """As it does not parse, or would break out of its line; then nothing has changed."""
    req = ask(initial())
    with pytest.raises(SipParseError) as caught:
        setattr(req, name, uri)
    assert caught.value.offset == offset
    assert (req.ruri, req.dst_uri) == ("sip:callee@10.0.0.8", None)


def test_set_send_socket() -> None:
    req = ask(initial())
    req.record_route()
    expected = stamped(initial(), "<sip:10.0.0.2:5070;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>")
    for name in ("udp:10.0.0.2:5070", "UDP:10.0.0.2:5070", Listener.parse("udp:10.0.0.2:5070")):
        req.send_socket = None
        assert req.send_socket is None
        req.send_socket = name
        assert req.send_socket == "udp:10.0.0.2:5070"
        assert req.build() == expected
    with pytest.raises(ConfigError, match=r"'udp:10\.0\.0\.9:5060' is none of the listeners"):
        req.send_socket = "udp:10.0.0.9:5060"
    assert req.send_socket == "udp:10.0.0.2:5070"
