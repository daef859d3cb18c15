"""The edge cases in which the dialects differ, as Kamailio has them; :mod:`test_edge_cases` has the others, by the same numbers."""

from scapy_rr.rr.flow_token import Flow, FlowTokens
from scapy_rr.rr.request import Request
from tests.rr.requests import initial, kamailio, routed, stamped, text

SECRET = "secret"
TOKENS = FlowTokens(SECRET)
HERE = (b"\x0a\0\0\1", 5060)


def test_e03_the_port_without_one_is_5060_whatever_the_transport() -> None:
    for uri, me in (("sip:10.0.0.1;transport=tls;lr", True), ("sip:10.0.0.1:5061;transport=tls;lr", False), ("sips:10.0.0.1;lr", True)):
        req = kamailio(routed(f"<{uri}>"), listen=["udp:10.0.0.1:5060"])
        assert req.loose_route()
        assert (req.dst_uri is None) is me


def test_e04_maddr_does_not_name_us() -> None:
    assert kamailio(routed("<sip:10.0.0.1;maddr=10.0.0.7;lr>")).loose_route()
    req = kamailio(routed("<sip:10.0.0.7;maddr=10.0.0.1;lr>"))
    assert req.loose_route()
    assert req.dst_uri == "sip:10.0.0.1"


def test_e05_a_gruu_is_neither_a_strict_arrival_nor_an_own_route() -> None:
    req = kamailio(routed("<sip:10.0.0.7;lr>", ruri="sip:10.0.0.1;gr"))
    assert req.loose_route()
    assert (req.ruri, req.dst_uri) == ("sip:10.0.0.1;gr", "sip:10.0.0.7;lr")
    req = kamailio(routed("<sip:10.0.0.1;gr;lr>"))
    assert req.loose_route()
    assert req.dst_uri == "sip:10.0.0.1;gr;lr"


def test_e06_tel_is_never_me() -> None:
    req = kamailio(routed("<sip:10.0.0.7;lr>", ruri="tel:+15551234"))
    assert req.loose_route()
    assert req.ruri == "tel:+15551234"


def test_e08_a_socket_name_picks_the_socket_and_is_no_identity() -> None:
    listen = ['udp:10.0.0.1:5060 name "one"', 'udp:10.0.0.2:5060 name "two"']
    req = kamailio(routed("<sip:10.0.0.1;sn=two;lr>"), listen=listen, sockname_mode=1, force_send_socket=1)
    assert req.loose_route()
    assert req.send_socket == "udp:10.0.0.2:5060"
    foreign = kamailio(routed("<sip:10.0.0.7;sn=two;lr>"), listen=listen, sockname_mode=1, force_send_socket=1)
    assert foreign.loose_route()
    assert (foreign.dst_uri, foreign.send_socket) == ("sip:10.0.0.7;sn=two;lr", None)


def test_e10_own_preloaded_routes_only_are_a_code_of_their_own() -> None:
    req = kamailio(initial("<sip:10.0.0.1;lr>"))
    assert req.loose_route() == -3
    assert req.build() == initial()


def test_e11_no_socket_is_forced_for_preloaded_routes() -> None:
    req = kamailio(initial("<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>"))
    assert req.loose_route()
    assert (req.dst_uri, req.send_socket) == ("sip:10.0.0.7;lr", None)


def test_e23_a_false_strict_arrival_has_a_mode_against_it() -> None:
    """K:#2674: who keeps the proxy's address for its contact gets its Routes eaten, unless mode 1 leaves strict arrivals out."""
    data = routed("<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>", ruri="sip:10.0.0.1")
    eaten, kept = kamailio(data), kamailio(data)
    assert eaten.loose_route()
    assert (eaten.ruri, eaten.dst_uri) == ("sip:10.0.0.7;lr", "sip:10.0.0.1;lr")
    assert kept.loose_route_mode(1)
    assert (kept.ruri, kept.dst_uri) == ("sip:10.0.0.1", "sip:10.0.0.7;lr")


def test_e25_after_a_strict_arrival_they_are_our_own() -> None:
    req = kamailio(routed("<sip:callee@10.0.0.8;nat=no>", ruri="sip:10.0.0.1;nat=yes"))
    assert req.loose_route()
    assert req.check_route_param("nat=yes")
    assert req.get_route_param("nat") == "yes"


def test_e26_a_single_record_route_leaves_the_socket_alone_unless_asked() -> None:
    for force, socket in ((0, None), (1, "udp:10.0.0.2:5070")):
        req = kamailio(routed("<sip:10.0.0.2:5070;lr>"), force_send_socket=force)
        assert req.loose_route()
        assert req.send_socket == socket


def test_e29_two_record_routes_always() -> None:
    """K PR#257; without ``transport=udp`` whatever the documentation says, and the trace says so."""
    req = kamailio(initial(), enable_double_rr=2)
    assert req.record_route()
    assert req.build() == stamped(initial(), *["<sip:10.0.0.1;r2=on;lr;ftag=caller>"] * 2)
    assert any(step.name == "defect" for step in req.trace)


def test_e33_parameters_go_to_both_presets() -> None:
    req = kamailio(initial())
    assert req.add_rr_param(";a=1")
    assert req.record_route_preset("1.2.3.4", "5.6.7.8")
    assert req.add_rr_param(";b=2")
    assert req.build() == stamped(initial(), "<sip:1.2.3.4;ftag=caller;a=1;lr;b=2>", "<sip:5.6.7.8;ftag=caller;a=1;lr;b=2>")
    assert kamailio(initial()).record_route()


def test_e34_sips_for_a_sips_request() -> None:
    data = initial(ruri="sips:callee@10.0.0.8")
    for ignore, scheme in ((0, "sips"), (1, "sip")):
        req = kamailio(data, ignore_sips=ignore)
        assert req.record_route()
        assert req.build() == stamped(data, f"<{scheme}:10.0.0.1;lr;ftag=caller>")


def test_e35_the_flow_token_is_the_user_of_every_kind_of_record_route() -> None:
    data = text("Contact: <sip:caller@10.0.0.5;ob>", method="INVITE", to="<sip:callee@biloxi.example>")
    token = TOKENS.encode(Flow("udp", HERE, (b"\x0a\0\0\5", 5060))).decode()
    for call, value in (
        (("record_route",), f"<sip:{token}@10.0.0.1;lr;ftag=caller>"),
        (("record_route_preset", "1.2.3.4"), f"<sip:{token}@1.2.3.4;ftag=caller;lr>"),
        (("record_route_advertised_address", "1.2.3.4"), f"<sip:{token}@1.2.3.4;ftag=caller;lr>"),
    ):
        req = kamailio(data, flow_token_key=SECRET)
        assert getattr(req, call[0])(*call[1:])
        assert req.build() == stamped(data, value)


def test_e39_ftag_of_an_upstream_request_is_its_to_tag() -> None:
    data = text("Route: <sip:10.0.0.1;lr;ftag=caller>", method="INVITE", from_="<sip:b@b>;tag=callee", to="<sip:a@a>;tag=caller")
    req = kamailio(data)
    assert req.loose_route()
    assert req.record_route()
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=caller>\r\n" in req.build()


def flow_route(user: str) -> Request:
    return kamailio(routed(f"<sip:{user}10.0.0.1;lr;ob>"), flow_token_key=SECRET)


def test_e42_flow_tokens() -> None:
    """No user is no token; that of the flow it came by is not used; another's leads there; a tampered or unknown one is -2."""
    here, there, nowhere = (
        TOKENS.encode(Flow("udp", local, remote)).decode() + "@"
        for local, remote in ((HERE, (b"\x0a\0\0\5", 5060)), (HERE, (b"\x0a\0\0\5", 5062)), ((b"\x0a\0\0\3", 5060), (b"\x0a\0\0\6", 5060)))
    )
    for user, code, target in (
        ("", 1, None),
        ("bob@", 1, None),
        (here, 1, None),
        (there, 2, "sip:10.0.0.5:5062;transport=udp"),
        (nowhere, -2, None),
        ("B" + there[1:], -2, None),
    ):
        req = flow_route(user)
        assert req.loose_route() == code
        assert req.dst_uri == target
        assert (req.build() is req.data) is (code == -2)
