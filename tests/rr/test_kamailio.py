"""What Kamailio's module has and OpenSIPS' has not, by the documentation and the server's source, where no vector shows it."""

import pytest

from scapy_rr.errors import ConfigError, SipParseError
from scapy_rr.rr.dialect import KAMAILIO
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.parameters import Parameters
from scapy_rr.rr.request import Request
from scapy_rr.rr.returncode import ReturnCode
from tests.rr.requests import LISTEN, ask, initial, kamailio, routed, stamped, text

OWN = "<sip:10.0.0.1;lr;ftag=caller>"
NAMED = ('udp:10.0.0.1:5060 name "inside"', 'udp:10.0.0.2:5070 as sip.example.com:5060 name "outside"')


def defects(req: Request) -> list[str]:
    return [step.text for step in req.trace if step.name == "defect"]


# Parameters.


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"enable_double_rr": 3}, "parameter enable_double_rr is 0, 1 or 2, not 3"),
        ({"loose_route_mode": 4}, "parameter loose_route_mode is 0, 1, 2 or 3, not 4"),
        ({"enable_full_lr": 2}, "parameter enable_full_lr is 0 or 1, not 2"),
        ({"custom_user": 7}, "parameter custom_user is a text, not 7"),
        ({"flow_token_key": 7}, "parameter flow_token_key is a text, not 7"),
        ({"flow_token_key": ""}, "parameter flow_token_key is empty"),
        ({"add_username": 1, "flow_token_key": "x"}, "add_username and flow tokens .* exclude each other"),
        ({"enable_ful_lr": 1}, "unknown parameter 'enable_ful_lr'; those there are: .*enable_full_lr"),
    ],
)
def test_faulty_parameters(values: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Parameters.parse(values, KAMAILIO)


def test_parameters_as_text() -> None:
    values = {"enable_double_rr": "2", "loose_route_mode": "3", "ignore_sips": "True", "custom_user": "u", "flow_token_key": "k"}
    parsed = Parameters.parse(values, KAMAILIO)
    assert (parsed.enable_double_rr, parsed.loose_route_mode, parsed.ignore_sips) == (2, 3, True)
    assert (parsed.custom_user, parsed.flow_token_key) == ("u", "k")


@pytest.mark.parametrize("name", ["enable_full_lr", "force_send_socket", "flow_token_key"])
def test_a_parameter_of_the_other_server_is_refused_with_a_hint(name: str) -> None:
    reason = f"unknown parameter '{name}' .it is one of kamailio, not of opensips.; those there are: append_fromtag"
    with pytest.raises(ConfigError, match=reason):
        ask(routed(), **{name: "1"})


@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        ("loose_route_mode", (1,)),
        ("loose_route_preloaded", ()),
        ("record_route_advertised_address", ("1.2.3.4",)),
        ("remove_record_route", ()),
        ("rr_next_hop_route", ()),
    ],
)
def test_a_function_of_the_other_server_is_refused(function: str, arguments: tuple[object, ...]) -> None:
    with pytest.raises(ConfigError, match=f"{function} is a function of Kamailio's rr module; the dialect is opensips"):
        getattr(ask(routed()), function)(*arguments)


def test_a_mode_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="loose_route_mode is 0, 1, 2 or 3, not 4"):
        kamailio(routed()).loose_route_mode(4)


# Reading URIs and headers.


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        (b"sip:h:65536", "port is above 65535"),
        (b"sip:h:005060", "port is above 65535, or has more than five digits"),
        (b"sip:u@h_h", "a host of letters, digits, dots and dashes"),
    ],
)
def test_a_uri_that_only_opensips_reads(uri: bytes, reason: str) -> None:
    assert Hop.parse(uri)
    with pytest.raises(SipParseError, match=reason):
        Hop.parse(uri, KAMAILIO)


@pytest.mark.parametrize("uri", [b"sip:h_h", b"sip:u@h-h.x", b"sip:u@[::1]", b"sip:h;maddr=;lr", b"tel:+1;x=y"])
def test_a_uri_that_kamailio_reads(uri: bytes) -> None:
    assert Hop.parse(uri, KAMAILIO)


@pytest.mark.parametrize(
    ("uri", "transport", "user", "loose"),
    [
        (b"sip:u@h;transport=foo;lr", "udp", b"u", True),
        (b"sip:u@h;transport=tcp;transport=foo;lr", "tcp", b"u", True),
        (b"sip:u@h;user=phone;lr", "udp", b"u", False),
        (b"sip:u;lr@h;user=phone", "udp", b"u", True),
        (b"sip:h;user=phone;lr", "udp", b"", False),
        (b"sip:u@h;user=PHONE;lr", "udp", b"u", True),
        (b"sip:u@h;user=phone;user=ip;lr", "udp", b"u", True),
    ],
)
def test_how_a_uri_is_read(uri: bytes, transport: str, user: bytes, loose: bool) -> None:
    hop = Hop.parse(uri, KAMAILIO)
    assert (hop.transport, hop.user, hop.is_loose) == (transport, user, loose)


def test_a_gruu_stays_one_with_user_phone() -> None:
    assert Hop.parse(b"sip:u;gr@h;user=phone;gr", KAMAILIO).is_gruu
    assert not Hop.parse(b"sip:u;gr@h;user=phone", KAMAILIO).is_gruu
    assert not Hop.parse(b"sip:h;user=phone;lr", KAMAILIO).is_gruu


def test_a_malformed_header_matters_where_somebody_has_to_read_on() -> None:
    """Two own Routes might be there, or a strict router's: whoever has to look behind the line fails."""
    for routes, code in (((OWN, "<sip:10.0.0.7;lr>"), -1), ((f"{OWN}, <sip:10.0.0.7;lr>",), 1), ((f"{OWN}, <sip:10.0.0.7>",), -1)):
        data = routed(*routes, end="no header\r\n").replace(b"Route: <sip:10.0.0.7;lr>\r\n", b"")
        assert kamailio(data).loose_route() == code
    assert kamailio(text(end="no header\r\nRoute: <sip:10.0.0.7;lr>\r\n")).loose_route() == -1


def test_an_unfinished_message_is_none() -> None:
    assert kamailio(b"BYE sip:a SIP/2.0\r\nTo: a").loose_route() == -1
    assert kamailio(b"BYE sip:a SIP/2.0\r\nTo: a").is_direction("downstream") == -1


# Which way.


def test_modes() -> None:
    """1: the R-URI is not looked at; 2: no flow tokens (the vectors show that)."""
    data = routed("<sip:10.0.0.7;lr>", "<sip:callee@10.0.0.8>", ruri="sip:10.0.0.1")
    for req, ruri in ((kamailio(data), "sip:callee@10.0.0.8"), (kamailio(data, loose_route_mode=1), "sip:10.0.0.1")):
        assert req.loose_route()
        assert req.ruri == ruri
    req = kamailio(data, loose_route_mode=1)
    assert req.loose_route_mode(0)
    assert req.ruri == "sip:callee@10.0.0.8"


def test_preloaded_is_true_only_where_nothing_is_left() -> None:
    req = kamailio(initial(OWN))
    assert req.loose_route_preloaded() is ReturnCode.OK
    assert defects(req) == ["-3 is said to mean that a preloaded Route gives the next hop; it means that there was none but our own"]
    req = kamailio(initial(OWN, "<sip:10.0.0.7;lr>"))
    assert (req.loose_route_preloaded(), req.rr_next_hop_route()) == (ReturnCode.FAILED, ReturnCode.OK)
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert len(defects(req)) == 1
    assert kamailio(initial("<sip:10.0.0.7;lr>")).rr_next_hop_route() is ReturnCode.FAILED


@pytest.mark.parametrize(
    ("route", "socket"),
    [
        ("<sip:10.0.0.2:5070;lr>", "udp:10.0.0.2:5070"),
        ("<sip:10.0.0.1;lr;transport=tcp>", "tcp:10.0.0.1:5060"),
        # grep_sock_info with port 0: any port of that host, where the default one has no socket.
        ("<sip:10.0.0.3;lr>", None),
        ("<sip:proxy.example.com;lr>", None),
    ],
)
def test_force_send_socket(route: str, socket: str | None) -> None:
    for data in (routed(route), initial(route)):
        req = kamailio(data, force_send_socket=1, domains=["proxy.example.com"])
        req.loose_route()
        assert req.send_socket == socket
        assert kamailio(data).send_socket is None


def test_force_send_socket_after_a_strict_arrival() -> None:
    req = kamailio(routed("<sip:callee@10.0.0.8>", ruri="sip:10.0.0.2:5070"), force_send_socket=1)
    assert req.loose_route()
    assert req.send_socket is None
    assert defects(req) == ["force_send_socket forces no socket after a strict arrival"]


def test_a_second_route_without_a_port_names_any_socket_of_its_host() -> None:
    req = kamailio(routed("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2;r2=on;lr>"))
    assert req.loose_route()
    assert req.send_socket == "udp:10.0.0.2:5070"


def test_lr_that_the_reader_misses_is_a_defect() -> None:
    req = kamailio(routed("<sip:10.0.0.7;;lr>"))
    assert req.loose_route()
    assert defects(req) == ["the Route has lr, and the server's reader misses it: taken for a strict router"]


# Named listeners.


def test_socket_names_are_stamped_and_known_again() -> None:
    req = kamailio(initial(), listen=NAMED, sockname_mode=1)
    assert req.record_route()
    out = "<sip:sip.example.com:5060;sn=outside;r2=on;lr;ftag=caller>"
    inside = "<sip:10.0.0.1;sn=inside;r2=on;lr;ftag=caller>"
    assert req.build("udp:10.0.0.2:5070") == stamped(initial(), out, inside)
    # The name decides, whatever the address says.
    back = kamailio(routed("<sip:10.0.0.1;sn=outside;lr>"), listen=NAMED, sockname_mode=1, force_send_socket=1)
    assert back.loose_route()
    assert back.send_socket == "udp:10.0.0.2:5070"
    last = kamailio(routed("<sip:10.0.0.1;sn=outside;SN=inside;lr>"), listen=NAMED, sockname_mode=1, force_send_socket=1)
    assert last.loose_route()
    assert last.send_socket == "udp:10.0.0.1:5060"
    refused = kamailio(routed("<sip:10.0.0.1;sn=outside;x=;lr>"), listen=NAMED, sockname_mode=1, force_send_socket=1)
    assert refused.loose_route()
    assert refused.send_socket is None
    unknown = kamailio(routed("<sip:10.0.0.1;sn=elsewhere;lr>"), listen=NAMED, sockname_mode=1, force_send_socket=1)
    assert unknown.loose_route()
    assert unknown.send_socket == "udp:10.0.0.1:5060"


def test_without_the_mode_names_do_not_show() -> None:
    req = kamailio(initial(), listen=NAMED)
    req.record_route()
    assert req.build() == stamped(initial(), "<sip:10.0.0.1;lr;ftag=caller>")


# Record-Route.


@pytest.mark.parametrize(
    ("custom", "user"),
    [("me", "me@"), ("", "callee@"), (None, "callee@"), (lambda req: "f" + req.ruri[4:10], "fcallee@"), (lambda req: None, "callee@")],
)
def test_custom_user(custom: object, user: str) -> None:
    req = kamailio(initial(), add_username=1, custom_user=custom)
    assert req.record_route()
    assert req.build() == stamped(initial(), f"<sip:{user}10.0.0.1;lr;ftag=caller>")


def test_custom_user_of_a_preset() -> None:
    req = kamailio(initial(), add_username=1, custom_user="me")
    assert req.record_route_preset("1.2.3.4")
    assert req.build() == stamped(initial(), "<sip:me@1.2.3.4;ftag=caller;lr>")


def test_custom_user_that_would_break_out() -> None:
    with pytest.raises(ConfigError, match="would break out of the Record-Route header"):
        kamailio(initial(), add_username=1, custom_user="a>b").record_route()


@pytest.mark.parametrize(
    ("ruri", "ignore", "scheme"),
    [("sips:u@h", 0, "sips"), ("sips:u@h", 1, "sip"), ("SIPS:u@h", 0, "sips"), ("sips:u@h;user=phone", 0, "sip"), ("nonsense", 0, "sip")],
)
def test_sips(ruri: str, ignore: int, scheme: str) -> None:
    req = kamailio(initial(ruri=ruri), ignore_sips=ignore)
    assert req.record_route()
    assert req.build() == stamped(initial(ruri=ruri), f"<{scheme}:10.0.0.1;lr;ftag=caller>")


def test_advertised_address() -> None:
    req = kamailio(initial())
    assert req.record_route_advertised_address("1.2.3.4:5080")
    assert req.record_route_advertised_address("1.2.3.4:5080") is ReturnCode.FAILED
    assert req.build() == stamped(initial(), "<sip:1.2.3.4:5080;ftag=caller;lr>")
    assert req.build("tcp:10.0.0.1:5060") == stamped(
        initial(), "<sip:1.2.3.4:5080;transport=tcp;r2=on;ftag=caller;lr>", "<sip:1.2.3.4:5080;transport=udp;r2=on;ftag=caller;lr>"
    )


def test_remove_record_route_leaves_the_mark() -> None:
    req = kamailio(initial())
    assert req.remove_record_route()
    assert defects(req) == []
    assert req.record_route()
    assert req.remove_record_route()
    assert req.record_route() is ReturnCode.FAILED
    assert req.build() is req.data
    assert len(defects(req)) == 1


def test_more_early_parameters_than_the_server_keeps() -> None:
    req = kamailio(initial())
    assert req.add_rr_param(";a=" + "x" * 509)
    assert req.add_rr_param(";") is ReturnCode.FAILED


def test_both_sides_of_a_dialog_make_the_same_ftag() -> None:
    """E39: a Record-Route upstream carries the caller's tag, so that who keeps the newer route set finds the direction again."""
    req = kamailio(text(f"Route: {OWN}", from_="<sip:callee@b>;tag=callee", to="<sip:caller@a>;tag=caller", method="INVITE"))
    assert req.loose_route()
    assert req.is_direction("upstream")
    assert req.record_route()
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=caller>\r\n" in req.build()
    assert [req.pv(name) for name in ("$fti", "$tti", "$rdir(id)", "$rdir(name)", "$fs")] == ["caller", "callee", "2", "upstream", None]


def test_parameters_without_loose_route_are_read_and_said_so() -> None:
    req = kamailio(routed("<sip:10.0.0.1;lr;nat=yes>"))
    assert req.check_route_param("nat=yes")
    assert req.get_route_param("nat") == "yes"
    assert defects(req)[0].startswith("the documentation wants loose_route before this")
    for routes in ((), ("<sip:10.0.0.1>",), ("<sip:10.0.0.7;nat=yes>",), ("sip:10.0.0.1;nat=yes",)):
        assert not kamailio(routed(*routes)).check_route_param("nat=yes")


def test_pseudo_variables_of_what_is_no_message() -> None:
    req = kamailio(b"junk")
    assert [req.pv(name) for name in ("$route_uri", "$fti", "$tti", "$rdir(name)", "$rdir(id)")] == [None, None, None, "downstream", "1"]
    assert kamailio(routed("sip:10.0.0.1")).pv("$route_uri") is None


def test_callbacks_need_parameters() -> None:
    for dialect, calls in (("opensips", 1), ("kamailio", 0)):
        rr = RecordRouting(dialect, LISTEN)
        seen: list[str] = []
        rr.register_rrcb(lambda req, params, param: param.append(params), seen)
        assert rr.request(routed("<sip:10.0.0.1>")).loose_route()
        assert len(seen) == calls
