"""The routes of a script, and what is done where one is missing, twice there, or at fault."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError, RouteContextError, ScapyRRError, ScriptError
from scapy_rr.packets import RecordRouting as PacketRecordRouting
from scapy_rr.proxy.outcome import UNRESOLVED
from scapy_rr.proxy.route_type import RouteType
from scapy_rr.proxy.router import Preloaded, Router, in_script
from scapy_rr.proxy.script import ScriptRequest
from scapy_rr.rr.domains import open_domains
from scapy_rr.rr.listener import Listener
from scapy_rr.rr.module import RecordRouting

from .calls import CALLER, LISTEN, A, do, request, router, summary, within


def relay(req: ScriptRequest) -> None:
    """A request route."""
    req.relay()


def test_decorators_leave_the_function_as_it_is() -> None:
    made = Router()
    assert made.request_route(relay) is relay
    assert made.onreply_route(relay) is relay
    assert made.branch_route("a")(relay) is relay
    assert made.failure_route("a")(relay) is relay


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        (RouteType.REQUEST, "", "request_route is there already"),
        (RouteType.ONREPLY, "", "onreply_route is there already"),
        (RouteType.BRANCH, "a", "branch_route 'a' is there already"),
        (RouteType.FAILURE, "a", "failure_route 'a' is there already"),
    ],
)
def test_a_route_is_registered_once(kind: RouteType, name: str, reason: str) -> None:
    made = Router()

    def register() -> None:
        decorator = getattr(made, kind.value)
        (decorator(name) if name else decorator)(relay)

    register()
    with pytest.raises(ConfigError, match=f"^{reason}$"):
        register()


def test_routes_of_different_kinds_and_names_do_not_meet() -> None:
    made = Router()
    for name in ("a", "b"):
        made.branch_route(name)(relay)
        made.failure_route(name)(relay)
    assert [made.known(kind, name) for kind in (RouteType.BRANCH, RouteType.FAILURE) for name in ("a", "b")] == ["a", "b", "a", "b"]
    with pytest.raises(ConfigError, match=r"^there is no branch_route 'c'; those there are: 'a', 'b'$"):
        made.known(RouteType.BRANCH, "c")


def test_what_there_is() -> None:
    made = Router()
    assert [made.has(kind) for kind in RouteType] == [False] * 4
    made.onreply_route(relay)
    made.branch_route("a")(relay)
    assert [kind for kind in RouteType if made.has(kind)] == [RouteType.ONREPLY]
    assert not made.is_stateful
    made.failure_route("a")(relay)
    assert made.is_stateful


def test_preloaded_routes_are_denied_unless_told_otherwise() -> None:
    assert not Router().relays_preloaded
    assert Router(preloaded=Preloaded.RELAY).relays_preloaded
    assert Preloaded("deny") is Preloaded.DENY


# What is needed.


def test_without_an_rr_module() -> None:
    made = Router()
    made.request_route(relay)
    with pytest.raises(ConfigError, match=r"^the router has no rr module: Router\(RecordRouting\(...\)\), or router.rr = RecordRouting"):
        made.handle(request())
    made.rr = RecordRouting(listen=LISTEN)
    assert summary(made.handle(request())) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060"]


def test_without_a_request_route() -> None:
    made = Router(RecordRouting(listen=LISTEN))
    made.onreply_route(relay)
    with pytest.raises(ConfigError, match=r"^the router: there is no request route \(a function under '@router.request_route'\)$"):
        made.handle(request())
    with pytest.raises(ConfigError, match=r"^my.py: there is no request route"):
        made.require_request_route("my.py")
    made.request_route(relay)
    made.require_request_route("my.py")


@pytest.mark.parametrize(
    ("received_on", "via"),
    [
        (None, "udp:10.0.0.1:5060"),
        ("udp:10.0.1.1:5060", "udp:10.0.1.1:5060"),
        ("udp:10.0.1.1", "udp:10.0.1.1:5060"),
        (Listener.parse("udp:10.0.1.1:5060"), "udp:10.0.1.1:5060"),
    ],
)
def test_where_a_message_arrived(received_on: str | Listener | None, via: str) -> None:
    """An answer goes out where the request came in."""
    outcome = router(lambda req: req.reply(404, "Not here")).handle(request(), received_on, CALLER)
    assert [str(sent.send_socket) for sent in outcome.sent] == [via]


def test_a_listener_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"^'udp:10\.0\.0\.9:5060' is none of the listeners: udp:10\.0\.0\.1:5060, tcp:"):
        router(relay).handle(request(), "udp:10.0.0.9:5060")


def test_without_a_locator_only_addresses_are_known() -> None:
    made = Router(RecordRouting(listen=LISTEN))
    made.request_route(relay)
    assert summary(made.handle(request())) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060"]
    assert made.handle(request(ruri="sip:bob@gw.example.net")).left == UNRESOLVED


def test_the_module_of_a_scapy_session_serves_too() -> None:
    made = Router(PacketRecordRouting(listen=LISTEN))
    made.request_route(relay)
    assert summary(made.handle(request())) == ["INVITE sip:bob@10.0.0.9 -> udp:10.0.0.9:5060"]


def test_changed_domains_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "domains"
    path.write_text("example.com\n")
    made = Router(RecordRouting(listen=LISTEN, domains=[open_domains(str(path))]))
    made.request_route(lambda req: req.loose_route() and req.relay())
    bye = within("BYE", "Route: <sip:example.org;lr>", "Route: <sip:10.0.0.7;lr>")
    assert made.handle(bye).left == UNRESOLVED
    path.write_text("example.com\nexample.org\n")
    assert summary(made.handle(bye)) == ["BYE sip:bob@10.0.0.9 -> udp:10.0.0.7:5060"]


def test_one_message_knows_nothing_of_the_next() -> None:
    """Without a failure route nothing is remembered: the same request gives the same bytes."""
    made = router(do(ScriptRequest.record_route, lambda req: req.append_header("X: $rm"), lambda req: req.append_branch(A), relay))
    first, second = made.handle(request()), made.handle(request())
    assert first.sent == second.sent
    assert first.notes == second.notes
    assert len(made.transactions) == 0


# Faults.


def test_what_a_script_raises_is_its_own() -> None:
    def fail(req: ScriptRequest) -> None:
        raise LookupError("mine")

    made = router(fail)
    with pytest.raises(LookupError, match=r"^mine$"):
        made.handle(request())


def test_what_a_script_in_a_file_raises_is_shown_with_its_lines() -> None:
    """Its file is this one here; the lines between are ours, and left out."""

    def inner(req: ScriptRequest) -> None:
        req.t_on_branch("typo")

    def outer(req: ScriptRequest) -> None:
        inner(req)

    made = router(outer)
    made.file = Path(__file__)
    with pytest.raises(ScriptError) as caught:
        made.handle(request())
    first, *lines, last = str(caught.value).splitlines()
    assert first == "the script fails:"
    assert [line.strip() for line in lines if not line.lstrip().startswith(("File", "^", "~"))] == ["inner(req)", 'req.t_on_branch("typo")']
    assert all(f'File "{__file__}"' in line for line in lines if line.lstrip().startswith("File"))
    assert last == "scapy_rr.errors.ConfigError: there is no branch_route 'typo'; those there are: none"
    assert isinstance(caught.value.__cause__, ConfigError)
    assert isinstance(caught.value, ScapyRRError)


def test_a_fault_in_a_route_within_a_route_is_told_once() -> None:
    def branch(req: ScriptRequest) -> None:
        raise LookupError("mine")

    made = router(lambda req: (req.t_on_branch("b"), req.relay()))
    made.branch_route("b")(branch)
    made.file = Path(__file__)
    with pytest.raises(ScriptError) as caught:
        made.handle(request())
    assert str(caught.value).count("the script fails") == 1
    assert str(caught.value).endswith("LookupError: mine")


def test_in_script_without_lines() -> None:
    assert in_script(ConfigError("no"), Path("x.py")) == "the script fails:\nscapy_rr.errors.ConfigError: no"


def test_a_route_that_fails_leaves_the_one_around_it() -> None:
    """A script may catch what a function raises, and go on where it is."""
    seen: list[RouteType] = []

    def request_route(req: ScriptRequest) -> None:
        req.t_on_branch("b")
        with pytest.raises(RouteContextError):
            req.relay()
        seen.append(req.route)
        req.reply(500, "Server Internal Error")

    made = router(request_route)
    made.branch_route("b")(lambda req: req.relay())
    assert made.handle(request(), source=CALLER).way == "answered 500"
    assert seen == [RouteType.REQUEST]
