"""What a script can do with a message: each function, from each route; the relayed message is in sight."""

import logging
from collections.abc import Callable

import pytest

from scapy_rr.errors import ConfigError, RouteContextError, ScriptError
from scapy_rr.proxy.outcome import Outcome
from scapy_rr.proxy.route_type import RouteType
from scapy_rr.proxy.router import Router
from scapy_rr.proxy.script import ScriptRequest, long_name
from scapy_rr.rr.returncode import ReturnCode

from .calls import CALLER, A, B, C, Script, answer, do, relayed, request, router, shown, summary, values, within

REQUEST, BRANCH, FAILURE, ONREPLY = RouteType
EVERYWHERE, DECIDING, LEAVING = (REQUEST, BRANCH, FAILURE, ONREPLY), (REQUEST, FAILURE), (REQUEST, BRANCH, FAILURE)

# rr_mod.c of both servers for the rr module's; the core's and tm's as their documentation has them.
FUNCTIONS: dict[str, tuple[Script, tuple[RouteType, ...]]] = {
    "loose_route": (lambda req: req.loose_route(), (REQUEST,)),
    "loose_route_mode": (lambda req: req.loose_route_mode(0), (REQUEST,)),
    "loose_route_preloaded": (lambda req: req.loose_route_preloaded(), (REQUEST,)),
    "check_route_param": (lambda req: req.check_route_param("a=b"), (REQUEST,)),
    "is_direction": (lambda req: req.is_direction("upstream"), (REQUEST,)),
    "rr_next_hop_route": (lambda req: req.rr_next_hop_route(), EVERYWHERE),
    "remove_record_route": (lambda req: req.remove_record_route(), DECIDING),
    "record_route": (lambda req: req.record_route(), LEAVING),
    "record_route_preset": (lambda req: req.record_route_preset("10.0.0.1"), LEAVING),
    "record_route_advertised_address": (lambda req: req.record_route_advertised_address("10.0.0.1"), LEAVING),
    "add_rr_param": (lambda req: req.add_rr_param(";a=b"), LEAVING),
    "append_branch": (lambda req: req.append_branch(), DECIDING),
    "t_on_branch": (lambda req: req.t_on_branch("x"), DECIDING),
    "t_on_failure": (lambda req: req.t_on_failure("x"), DECIDING),
    "relay": (lambda req: req.relay(), DECIDING),
    "reply": (lambda req: req.reply(404, "Not here"), DECIDING),
    "drop": (lambda req: req.drop(), EVERYWHERE),
    "is_method": (lambda req: req.is_method("INVITE"), EVERYWHERE),
    "has_totag": (lambda req: req.has_totag(), EVERYWHERE),
    "header": (lambda req: req.header("From"), EVERYWHERE),
    "append_header": (lambda req: req.append_header("X: 1"), EVERYWHERE),
    "remove_header": (lambda req: req.remove_header("Subject"), EVERYWHERE),
    "log": (lambda req: req.log("here"), EVERYWHERE),
    "pv": (lambda req: req.pv("$ci"), EVERYWHERE),
}
KAMAILIOS = ("loose_route_mode", "loose_route_preloaded", "record_route_advertised_address", "remove_record_route", "rr_next_hop_route")


def called_from(kind: RouteType, call: Script, dialect: str = "kamailio") -> list[object]:
    """What a call gives in a route of this kind, for an INVITE that is relayed and answered with 486."""
    given: list[object] = []

    def run(here: RouteType, req: ScriptRequest) -> None:
        if here is kind:
            given.append(call(req))

    def request_route(req: ScriptRequest) -> None:
        run(REQUEST, req)
        if not req.sent:
            req.t_on_branch("x")
            req.t_on_failure("x")
            req.relay()

    made = router(request_route, dialect)
    made.branch_route("x")(lambda req: run(BRANCH, req))
    made.failure_route("x")(lambda req: run(FAILURE, req))
    made.onreply_route(lambda req: run(ONREPLY, req))
    outcome = made.handle(request(), source=CALLER)
    if kind in (FAILURE, ONREPLY):
        made.handle(answer(outcome.sent[0], "486 Busy Here"), source="10.0.0.9:5060")
    return given


@pytest.mark.parametrize("kind", RouteType, ids=lambda kind: kind.value)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_where_a_function_may_be_used(name: str, kind: RouteType) -> None:
    call, places = FUNCTIONS[name]
    if kind in places:
        assert len(called_from(kind, call)) == 1
        return
    with pytest.raises(RouteContextError) as caught:
        called_from(kind, call)
    assert str(caught.value) == f"{name} cannot be called from {kind.value}: it may be used in {', '.join(one.value for one in places)}"


def test_the_table_above_is_whole() -> None:
    tied = {name for name, function in vars(ScriptRequest).items() if hasattr(function, "__wrapped__")}
    assert tied <= set(FUNCTIONS)
    assert set(FUNCTIONS) - tied == {"is_method", "has_totag", "header", "append_header", "remove_header", "log", "pv"}


@pytest.mark.parametrize("name", KAMAILIOS)
def test_functions_that_only_kamailio_has(name: str) -> None:
    call, _ = FUNCTIONS[name]
    with pytest.raises(ConfigError, match=f"^{name} is a function of Kamailio's rr module; the dialect is opensips$"):
        called_from(REQUEST, call, "opensips")


@pytest.mark.parametrize("name", set(FUNCTIONS) - set(KAMAILIOS))
def test_functions_that_both_servers_have(name: str) -> None:
    call, _ = FUNCTIONS[name]
    assert called_from(REQUEST, call, "opensips") == called_from(REQUEST, call, "kamailio")


# The rr module's functions do here what they do without a script.

OWN = "Route: <sip:10.0.0.1;lr;ftag=a1;nat=yes>"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda req: req.loose_route(), 1),
        (lambda req: req.loose_route_mode(3), 1),
        (lambda req: req.loose_route_preloaded(), -1),
        (lambda req: (req.loose_route(), req.check_route_param("nat=yes"))[1], 1),
        (lambda req: (req.loose_route(), req.check_route_param("nat=no"))[1], -1),
        (lambda req: (req.loose_route(), req.is_direction("downstream"))[1], 1),
        (lambda req: (req.loose_route(), req.is_direction("upstream"))[1], -1),
        (lambda req: (req.loose_route(), req.rr_next_hop_route())[1], -1),
        (lambda req: req.record_route(), 1),
        (lambda req: (req.record_route(), req.record_route())[1], -1),
        (lambda req: (req.record_route(), req.remove_record_route())[1], 1),
        (lambda req: req.add_rr_param(";a=b"), 1),
    ],
)
def test_codes(call: Script, code: int) -> None:
    given: list[object] = []
    relayed(lambda req: given.append(call(req)), within("BYE", OWN), "kamailio")
    assert given == [ReturnCode(code)]


STAMPS: list[tuple[Script, list[str]]] = [
    (lambda req: req.record_route(), ["<sip:10.0.0.1;lr;ftag=a1>"]),
    (lambda req: req.record_route(";from=$fU"), ["<sip:10.0.0.1;lr;ftag=a1;from=alice>"]),
    (lambda req: req.record_route(";a=$$"), ["<sip:10.0.0.1;lr;ftag=a1;a=$>"]),
    (lambda req: req.record_route_preset("$rd:5070"), ["<sip:10.0.0.9:5070;ftag=a1;lr>"]),
    (lambda req: req.record_route_preset("$rd", "$fd;x=$cs"), ["<sip:10.0.0.9;ftag=a1;lr>", "<sip:example.com;x=1;ftag=a1;lr>"]),
    (lambda req: (req.add_rr_param(";m=$rm"), req.record_route()), ["<sip:10.0.0.1;lr;ftag=a1;m=INVITE>"]),
    (lambda req: (req.record_route(), req.add_rr_param(";h=$hdr(CSeq)")), ["<sip:10.0.0.1;lr;ftag=a1;h=1 INVITE>"]),
]


@pytest.mark.parametrize("dialect", ["opensips", "kamailio"])
@pytest.mark.parametrize(("call", "stamped"), STAMPS)
def test_pseudo_variables_in_record_routes(call: Script, stamped: list[str], dialect: str) -> None:
    outcome = relayed(lambda req: (call(req), req.relay()), dialect=dialect)
    assert values(outcome.sent[0].payload, "Record-Route") == stamped


def test_pseudo_variables_in_an_advertised_address() -> None:
    outcome = relayed(lambda req: (req.record_route_advertised_address("$fd:$sp"), req.relay()), dialect="kamailio")
    assert values(outcome.sent[0].payload, "Record-Route") == ["<sip:example.com:5060;ftag=a1;lr>"]


UNKNOWN: list[Script] = [
    lambda req: req.record_route(";a=$foo"),
    lambda req: req.record_route_preset("$foo"),
    lambda req: req.record_route_preset("10.0.0.1", "$foo"),
    lambda req: req.add_rr_param(";a=$foo"),
    lambda req: req.reply(404, "$foo"),
    lambda req: req.log("$foo"),
    lambda req: req.append_header("X-Foo: $foo"),
    lambda req: req.append_header("X-Foo", "$foo"),
    lambda req: req.append_branch("sip:$foo"),
    lambda req: req.drop("$foo"),
    lambda req: req.drop("why", "$foo"),
    lambda req: req.pv("$foo"),
]


@pytest.mark.parametrize("call", UNKNOWN)
def test_an_unknown_pseudo_variable_is_refused(call: Script) -> None:
    with pytest.raises(ConfigError, match=r"unknown pseudo-variable '\$foo'; those there are: \$ru, "):
        relayed(call)


def test_what_would_break_out_of_a_record_route_is_refused_behind_a_pseudo_variable_too() -> None:
    data = request(from_='"x" <sip:alice@example.com>;tag=a1')
    with pytest.raises(ConfigError, match="a closing bracket, which would break out of the Record-Route header"):
        relayed(lambda req: req.record_route(";a=$hdr(From)"), data)


# What there is to know.


def seen(ask: Callable[[ScriptRequest], object], data: bytes) -> object:
    """What a script learns of a message, be it a request or a response."""
    found: list[object] = []
    made = router(lambda req: found.append(ask(req)))
    made.onreply_route(lambda req: found.append(ask(req)))
    made.handle(data, source=CALLER)
    (one,) = found
    return one


def response(status: str = "200 OK", to: str = "<sip:bob@example.com>;tag=b2") -> bytes:
    """A response to an INVITE that went through here."""
    lines = [f"SIP/2.0 {status}", "v: SIP/2.0/UDP 10.0.0.1, SIP/2.0/UDP 10.0.0.5", "f: <sip:a@example.com>;tag=a1", f"t: {to}"]
    return "\r\n".join([*lines, "i: 1@10.0.0.5", "CSeq: 1 INVITE", "l: 0", "", ""]).encode()


@pytest.mark.parametrize(
    ("ask", "data", "found"),
    [
        (lambda req: req.method, request("OPTIONS"), "OPTIONS"),
        (lambda req: req.method, request("invite"), "invite"),
        (lambda req: req.method, response(), "INVITE"),
        (lambda req: req.status, request(), None),
        (lambda req: req.status, response("183 Session Progress"), 183),
        (lambda req: req.is_method("INVITE"), request(), True),
        (lambda req: req.is_method("INVITE|SUBSCRIBE"), request("SUBSCRIBE"), True),
        (lambda req: req.is_method("INVITE|SUBSCRIBE"), request("SUB"), False),
        (lambda req: req.is_method("invite"), request(), False),
        (lambda req: req.is_method("INVITE"), response(), True),
        (lambda req: req.has_totag(), request(), False),
        (lambda req: req.has_totag(), within(), True),
        (lambda req: req.has_totag(), response(), True),
        (lambda req: req.has_totag(), response(to="<sip:bob@example.com>"), False),
        (lambda req: req.has_totag(), response(to="<sip:bob@example.com>;tag="), False),
        (lambda req: req.header("Subject"), request(), None),
        (lambda req: req.header("Subject"), request("INVITE", "Subject: one", "s: two"), "one"),
        (lambda req: req.header("s"), request("INVITE", "s:\t two ", "Subject: one"), "two"),
        (lambda req: req.header("SUBJECT"), request("INVITE", "s: a\r\n b"), "a\r\n b"),
        (lambda req: req.header(" from "), response(), "<sip:a@example.com>;tag=a1"),
        (lambda req: req.header("X-Name"), request("INVITE", "x-name: \xe9"), "\xe9"),
        (lambda req: req.header("Subject"), request("INVITE", "Subject:"), ""),
        (lambda req: req.header("Route"), request("INVITE", "r: <sip:a>"), None),
        (lambda req: req.error, request(), ""),
        (lambda req: (req.loose_route(), req.error)[1], request("BYE", "Route: x"), "a Route has no angle brackets (at byte 99)"),
        (lambda req: (req.ruri, req.dst_uri, req.send_socket), request(), ("sip:bob@10.0.0.9", None, None)),
        (lambda req: req.pv("$rs"), response("183 Session Progress"), "183"),
        (lambda req: req.pv("$(hdr(Via)[0])"), request(), "SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1"),
    ],
)
def test_what_a_script_learns(ask: Callable[[ScriptRequest], object], data: bytes, found: object) -> None:
    assert seen(ask, data) == found


@pytest.mark.parametrize(("name", "found"), [("Via", b"via"), ("v", b"via"), (" V ", b"via"), ("r", b"refer-to"), ("X-Y", b"x-y")])
def test_long_name(name: str, found: bytes) -> None:
    assert long_name(name) == found


def test_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """What came from the wire does not steer a terminal."""
    with caplog.at_level(logging.INFO, "scapy_rr"):
        outcome = relayed(lambda req: req.log("$rm from $fU: $hdr(Subject)"), request("INVITE", "Subject: \x1b[2J\xe9"))
    assert caplog.messages == ["INVITE from alice: \\x1b[2J\xe9"]
    assert str(outcome.trace[0]) == "log: INVITE from alice: \x1b[2J\xe9"


# Where it goes.


@pytest.mark.parametrize(
    ("name", "value", "way", "start"),
    [
        ("ruri", A, "udp:10.0.0.1:5060 -> udp:10.0.0.11:5060", f"INVITE {A} SIP/2.0"),
        ("ruri", "sip:x@gw.example.net;p=\xe9", "udp:10.0.0.1:5060 -> udp:10.0.0.7:5080", "INVITE sip:x@gw.example.net;p=\xe9 SIP/2.0"),
        ("dst_uri", A, "udp:10.0.0.1:5060 -> udp:10.0.0.11:5060", "INVITE sip:bob@10.0.0.9 SIP/2.0"),
        ("dst_uri", "sip:10.0.0.7;transport=tcp", "tcp:10.0.0.1:5060 -> tcp:10.0.0.7:5060", "INVITE sip:bob@10.0.0.9 SIP/2.0"),
        ("dst_uri", None, "udp:10.0.0.1:5060 -> udp:10.0.0.9:5060", "INVITE sip:bob@10.0.0.9 SIP/2.0"),
        ("send_socket", "udp:10.0.1.1:5060", "udp:10.0.1.1:5060 -> udp:10.0.0.9:5060", "INVITE sip:bob@10.0.0.9 SIP/2.0"),
        ("send_socket", None, "udp:10.0.0.1:5060 -> udp:10.0.0.9:5060", "INVITE sip:bob@10.0.0.9 SIP/2.0"),
    ],
)
def test_what_may_be_set(name: str, value: str | None, way: str, start: str) -> None:
    kept: list[object] = []
    outcome = relayed(do(lambda req: setattr(req, name, value), lambda req: kept.append(getattr(req, name)), ScriptRequest.relay))
    (sent,) = outcome.sent
    assert kept == [value]
    assert f"{sent.send_socket} -> {sent.next_hop}" == way
    assert shown(sent.payload)[0] == start
    assert shown(sent.payload)[1] == f"Via: SIP/2.0/{way[:3].upper()} {sent.send_socket.host}:5060;branch=OURS.0"


@pytest.mark.parametrize("name", ["ruri", "dst_uri"])
@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("", "no URI scheme in b''"),
        ("bob", "no URI scheme in b'bob'"),
        ("sip:bob@", "bad user, host, port or parameter in b'sip:bob@'"),
        ("sip:a b@example.com", "white space or a control character in the URI 'sip:a b@example.com'"),
        ("sip:a@example.com\r\nX: 1", "white space or a control character"),
    ],
)
def test_a_uri_that_does_not_parse_is_refused(name: str, uri: str, reason: str) -> None:
    """It is the script's fault, and not taken for one of the message."""
    with pytest.raises(ScriptError, match=rf"^the script fails:\nscapy_rr\.errors\.SipParseError: .*{reason}"):
        relayed(lambda req: setattr(req, name, uri))


@pytest.mark.parametrize("name", ["udp:10.0.0.9:5060", "sctp:10.0.0.1:5060"])
def test_a_socket_that_is_not_ours_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"'{name}' is none of the listeners: udp:10"):
        relayed(lambda req: setattr(req, "send_socket", name))


# Headers.


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("X-Proxy: here",), "X-Proxy: here"),
        (("X-Proxy: here\r\n",), "X-Proxy: here"),
        (("P-Hint:$rm, $$",), "P-Hint:INVITE, $"),
        (("X-Proxy", "here"), "X-Proxy: here"),
        (("X-$rm", "$fU: $ru"), "X-INVITE: alice: sip:bob@10.0.0.9"),
        (("X-Proxy", ""), "X-Proxy: "),
        (("X-Name", "Ren\xe9"), "X-Name: Ren\xe9"),
        (("Subject :x",), "Subject :x"),
    ],
)
def test_append_header(arguments: tuple[str, ...], line: str) -> None:
    """Behind all others, in the order of the calls."""
    outcome = relayed(do(lambda req: req.append_header(*arguments), lambda req: req.append_header("Last: 1"), ScriptRequest.relay))
    assert shown(outcome.sent[0].payload)[-3:] == ["Content-Length: 0", line, "Last: 1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("X-Proxy",),
        (": here",),
        ("",),
        (" X: continues the line above",),
        ("\tX", "1"),
        ("X Y: 1",),
        ("X\tY", "1"),
        ("X: 1\r\nY: 2",),
        ("X: 1\n\nbody",),
        ("X", "1\r\nY: 2"),
        ("X", "1\r\n folded"),
        ("X", "1\0"),
        ("X\0", "1"),
        ("X", "$hdr(Subject)"),
    ],
)
def test_what_is_no_header_line_is_refused(arguments: tuple[str, ...]) -> None:
    """What a pseudo-variable holds may break the line, too: the Subject here is folded."""
    with pytest.raises(ConfigError, match=r"^append_header: '.*' is no header line 'Name: value'$"):
        relayed(lambda req: req.append_header(*arguments), request("INVITE", "Subject: a\r\n b"))


HEADERS = ("Subject: one", "X-A: 1", "s: two\r\n three", "SUBJECT : four", "Supported: x")


@pytest.mark.parametrize(
    ("name", "found", "left"),
    [
        ("Subject", True, ["X-A: 1", "Supported: x"]),
        ("s", True, ["X-A: 1", "Supported: x"]),
        ("k", True, ["Subject: one", "X-A: 1", "s: two", " three", "SUBJECT : four"]),
        ("x-a", True, ["Subject: one", "s: two", " three", "SUBJECT : four", "Supported: x"]),
        ("X", False, ["Subject: one", "X-A: 1", "s: two", " three", "SUBJECT : four", "Supported: x"]),
    ],
)
def test_remove_header(name: str, found: bool, left: list[str]) -> None:
    told: list[bool] = []
    outcome = relayed(do(lambda req: told.append(req.remove_header(name)), ScriptRequest.relay), request("INVITE", *HEADERS))
    assert told == [found]
    assert shown(outcome.sent[0].payload)[4:-5] == left


def test_the_script_sees_the_message_as_it_came() -> None:
    """Edits are a diff over it, as the servers' lumps are."""

    def script(req: ScriptRequest) -> None:
        req.remove_header("Subject")
        req.append_header("Subject: new")
        assert req.header("Subject") == "old"
        req.relay()

    assert values(relayed(script, request("INVITE", "Subject: old")).sent[0].payload, "Subject") == ["new"]


# Answers.


def test_reply() -> None:
    outcome = relayed(lambda req: req.reply(486, "Busy, $rU"), request("INVITE", "Subject: x", "Record-Route: <sip:p;lr>"))
    (sent,) = outcome.sent
    assert shown(sent.payload) == [
        "SIP/2.0 486 Busy, bob",
        "Via: SIP/2.0/UDP 10.0.0.5;branch=z9hG4bKa1",
        "From: <sip:alice@example.com>;tag=a1",
        "To: <sip:bob@example.com>;tag=OURS",
        "Call-ID: 1@10.0.0.5",
        "CSeq: 1 INVITE",
        "Content-Length: 0",
    ]
    assert (str(sent.send_socket), str(sent.next_hop)) == ("udp:10.0.0.1:5060", "udp:10.0.0.5:5060")
    assert outcome.way == "answered 486"


@pytest.mark.parametrize(("code", "reason"), [(99, "x"), (700, "x"), (-1, "x"), (404, "Not\r\nhere"), (404, "\n")])
def test_what_is_no_reply(code: int, reason: str) -> None:
    with pytest.raises(ConfigError, match=r"^reply\(.*\): a code from 100 to 699 and a reason of one line are needed$"):
        relayed(lambda req: req.reply(code, reason))


def test_what_is_not_answered() -> None:
    ack = relayed(lambda req: req.reply(404, "Not here"), request("ACK"))
    assert (ack.left, ack.detail, ack.sent) == ("an ACK is never answered", "404 Not here", ())
    nowhere = router(lambda req: req.reply(404, "Not here")).handle(request())
    assert (nowhere.left, nowhere.detail, nowhere.sent) == ("where to answer to is not known", "404 Not here", ())
    alone = relayed(lambda req: req.reply(404, "Not here"), via=False)
    assert (alone.left, alone.detail, alone.sent) == ("404 Not here", "404 Not here", ())


# Branches.


def forked(branch: Script, script: Script = lambda req: None, dialect: str = "opensips") -> Outcome:
    """What becomes of an INVITE that goes to three targets, with this in the branch route and that before."""

    def request_route(req: ScriptRequest) -> None:
        script(req)
        req.append_branch(A)
        req.append_branch(B)
        req.t_on_branch("each")
        assert req.relay()

    made = router(request_route, dialect)
    made.branch_route("each")(branch)
    return made.handle(request(), source=CALLER)


def test_append_branch() -> None:
    """The R-URI first; each has the branch of the request, and a number of its own."""

    def script(req: ScriptRequest) -> None:
        req.dst_uri, req.send_socket = "sip:10.0.0.7", "udp:10.0.1.1:5060"
        req.append_branch()
        req.append_branch("sip:$rU@10.0.0.11")
        req.ruri, req.dst_uri, req.send_socket = B, None, None
        req.relay()

    outcome = relayed(script)
    assert [f"{sent.send_socket} -> {sent.next_hop}" for sent in outcome.sent] == [
        "udp:10.0.0.1:5060 -> udp:10.0.0.12:5060",
        "udp:10.0.1.1:5060 -> udp:10.0.0.7:5060",
        "udp:10.0.1.1:5060 -> udp:10.0.0.11:5060",
    ]
    assert [shown(sent.payload)[:2] for sent in outcome.sent] == [
        [f"INVITE {B} SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.1:5060;branch=OURS.0"],
        ["INVITE sip:bob@10.0.0.9 SIP/2.0", "Via: SIP/2.0/UDP 10.0.1.1:5060;branch=OURS.1"],
        ["INVITE sip:bob@10.0.0.11 SIP/2.0", "Via: SIP/2.0/UDP 10.0.1.1:5060;branch=OURS.2"],
    ]
    assert len({sent.payload.split(b"branch=")[1].split(b".")[0] for sent in outcome.sent}) == 1


@pytest.mark.parametrize("uri", ["bob", "sip:a b", "sip:$hdr(Subject)"])
def test_a_branch_that_does_not_parse_is_refused(uri: str) -> None:
    with pytest.raises(ScriptError, match="SipParseError"):
        relayed(lambda req: req.append_branch(uri), request("INVITE", "Subject: a b"))


def test_what_is_done_behind_append_branch_is_done_for_all() -> None:
    """A branch is a target only: headers are the request's (append_branch of both servers)."""
    after = (ScriptRequest.record_route, lambda req: req.append_header("X: 1"), ScriptRequest.relay)
    outcome = relayed(do(lambda req: req.append_branch(A), *after))
    assert [values(sent.payload, "Record-Route") for sent in outcome.sent] == [["<sip:10.0.0.1;lr;ftag=a1>"]] * 2
    assert [values(sent.payload, "X") for sent in outcome.sent] == [["1"]] * 2


def test_appended_branches_are_relayed_once() -> None:
    outcome = relayed(lambda req: (req.append_branch(A), req.relay(), req.relay()))
    assert summary(outcome) == [
        "INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060",
        f"INVITE {A} -> udp:10.0.0.11:5060",
        "INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060",
    ]


def test_what_a_branch_route_does_stays_in_its_branch() -> None:
    def branch(req: ScriptRequest) -> None:
        if req.ruri == A:
            req.remove_header("Call-ID")
            req.append_header("X-Only", "$rU")
            req.dst_uri = "sip:10.0.0.7"
        if req.ruri == B:
            req.ruri, req.send_socket = C, "udp:10.0.1.1:5060"

    first, second, third = forked(branch, lambda req: req.append_header("X-All", "1")).sent
    assert [values(sent.payload, "X-All") for sent in (first, second, third)] == [["1"]] * 3
    assert [values(sent.payload, "X-Only") for sent in (first, second, third)] == [[], ["a"], []]
    assert [len(values(sent.payload, "Call-ID")) for sent in (first, second, third)] == [1, 0, 1]
    assert [str(sent.next_hop) for sent in (first, second, third)] == ["udp:10.0.0.9:5060", "udp:10.0.0.7:5060", "udp:10.0.0.13:5060"]
    assert [str(sent.send_socket) for sent in (first, second, third)] == ["udp:10.0.0.1:5060", "udp:10.0.0.1:5060", "udp:10.0.1.1:5060"]


STAMP = ["<sip:10.0.0.1;lr;ftag=a1>"]


@pytest.mark.parametrize(
    ("dialect", "before", "codes", "stamps"),
    [
        # It counts for the whole request: the next branch cannot have one.
        ("opensips", False, [1, -1, -1, -1, -1, -1], [STAMP, [], []]),
        # It does not count at all: the same branch may have another.
        ("kamailio", False, [1, 1, 1, 1, 1, 1], [STAMP * 2, STAMP * 2, STAMP * 2]),
        # One of the request route counts in both.
        ("opensips", True, [-1, -1, -1, -1, -1, -1], [STAMP, STAMP, STAMP]),
        ("kamailio", True, [-1, -1, -1, -1, -1, -1], [STAMP, STAMP, STAMP]),
    ],
)
def test_record_route_in_a_branch_route(dialect: str, before: bool, codes: list[int], stamps: list[list[str]]) -> None:
    given: list[int] = []

    outcome = forked(
        lambda req: given.extend([req.record_route(), req.record_route()]),
        lambda req: req.record_route() if before else None,
        dialect,
    )
    assert given == codes
    assert [values(sent.payload, "Record-Route") for sent in outcome.sent] == stamps


@pytest.mark.parametrize(
    ("call", "stamp"),
    [
        (lambda req: req.record_route_preset("10.0.0.1"), "<sip:10.0.0.1;ftag=a1;lr>"),
        (lambda req: req.record_route_preset("10.0.0.1:5062", "10.0.0.1"), "<sip:10.0.0.1:5062;ftag=a1;lr>"),
        (lambda req: req.record_route_advertised_address("10.0.0.1:5062"), "<sip:10.0.0.1:5062;ftag=a1;lr>"),
    ],
)
def test_its_kin_in_a_branch_route(call: Script, stamp: str) -> None:
    outcome = forked(call, dialect="kamailio")
    assert [values(sent.payload, "Record-Route")[0] for sent in outcome.sent] == [stamp] * 3


def test_a_parameter_in_a_branch_route() -> None:
    """Of a Record-Route that is the whole request's: one branch has it, the others do not."""
    outcome = forked(lambda req: req.ruri == A and req.add_rr_param(";b=$rU"), lambda req: req.record_route())
    assert [values(sent.payload, "Record-Route") for sent in outcome.sent] == [STAMP, ["<sip:10.0.0.1;lr;ftag=a1;b=a>"], STAMP]


@pytest.mark.parametrize("function", ["t_on_branch", "t_on_failure"])
def test_a_route_that_there_is_not(function: str) -> None:
    made = router(lambda req: getattr(req, function)("typo"))
    kind = function.removeprefix("t_on_") + "_route"
    with pytest.raises(ConfigError, match=f"^there is no {kind} 'typo'; those there are: none$"):
        made.handle(request(), source=CALLER)
    getattr(made, kind)("one")(lambda req: None)
    getattr(made, kind)("two")(lambda req: None)
    with pytest.raises(ConfigError, match=f"^there is no {kind} 'typo'; those there are: 'one', 'two'$"):
        made.handle(request(), source=CALLER)


# Drop.


def test_drop_in_the_request_route() -> None:
    outcome = relayed(lambda req: req.drop())
    assert (outcome.left, outcome.detail, outcome.sent) == ("dropped by the script", "dropped by the script", ())
    outcome = relayed(lambda req: req.drop("no $rm here"))
    assert (outcome.left, outcome.detail) == ("no INVITE here", "no INVITE here")
    outcome = relayed(lambda req: req.drop("not welcome", "$fu"))
    assert (outcome.left, outcome.detail) == ("not welcome", "sip:alice@example.com")


def test_what_a_message_says_is_no_part_of_the_script() -> None:
    """Found in a damaged capture: what looks like a pseudo-variable in a Route is none."""
    damaged = within("BYE", "Route: <$ip:proxy.example.com;lr>")
    outcome = router(lambda req: req.loose_route() or req.drop("Routes", req.error)).handle(damaged, source=CALLER)
    assert outcome.left == "Routes"
    assert "$ip:" in outcome.detail


def test_drop_in_a_branch_route() -> None:
    """The others go; where none is left, relay fails."""
    outcome = forked(lambda req: req.drop() if req.ruri == A else None)
    assert summary(outcome) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060", f"INVITE {B} -> udp:10.0.0.12:5060"]
    assert [values(sent.payload, "Via")[0][-2:] for sent in outcome.sent] == [".0", ".1"]
    told: list[object] = []
    made = router(do(lambda req: req.t_on_branch("none"), lambda req: told.append(req.relay()), lambda req: told.append(req.error)))
    made.branch_route("none")(lambda req: req.drop("not there"))
    outcome = made.handle(request(), source=CALLER)
    assert told == [False, "not there"]
    assert (outcome.left, outcome.sent) == ("not there", ())


def failing(failure: Script) -> tuple[Router, Outcome]:
    """A proxy with this failure route, and what becomes of an INVITE that is answered with 486."""
    made = router(lambda req: (req.t_on_failure("f"), req.relay()))
    made.failure_route("f")(failure)
    sent = made.handle(request(), source=CALLER).sent[0]
    return made, made.handle(answer(sent, "486 Busy Here"), source="10.0.0.9:5060")


def test_drop_in_a_failure_route() -> None:
    """Nothing more is tried, so that the response goes on."""
    _, outcome = failing(lambda req: req.drop())
    assert summary(outcome) == ["ACK sip:bob@10.0.0.9 -> udp:10.0.0.9:5060", "486 Busy Here -> udp:10.0.0.5:5060"]


def test_what_a_failure_route_knows() -> None:
    told: list[object] = []
    failing(lambda req: told.extend([req.status, req.method, req.ruri, req.header("CSeq"), req.pv("$rs")]))
    assert told == [486, "INVITE", "sip:bob@10.0.0.9", "1 INVITE", None]


def test_drop_in_the_onreply_route() -> None:
    sent = relayed(lambda req: req.relay()).sent[0]
    made = router(lambda req: req.relay())
    made.onreply_route(lambda req: req.drop("not for you", "$rs $rr") if req.status == 183 else None)
    progress = made.handle(answer(sent, "183 Session Progress"))
    assert (progress.left, progress.detail, progress.sent) == ("not for you", "183 Session Progress", ())
    assert summary(made.handle(answer(sent, "200 OK"))) == ["200 OK -> udp:10.0.0.5:5060"]
