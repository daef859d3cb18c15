"""The routing bugs that other implementations had, E1 to E46 of EDGE-CASES, as far as the rr module goes; each with what OpenSIPS does.

Left out: E8, E34's ``sips``, and E42 are Kamailio's; E43 reads responses, E47 rewrites TCP, E48 makes a Via: none is this module's.
"""

from ipaddress import ip_address

import pytest

from scapy_rr.rr.hop import Hop
from scapy_rr.rr.identity import Identity
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.returncode import ReturnCode
from scapy_rr.sip.framing import StreamFramer
from tests.rr.requests import LISTEN, SDP, ask, initial, routed, stamped, text

OK, FAILED = ReturnCode.OK, ReturnCode.FAILED
UDP1, TCP1, UDP2 = LISTEN
ME, LOOSE, TARGET = "<sip:10.0.0.1;lr>", "<sip:10.0.0.7;lr>", "<sip:callee@10.0.0.8>"


def is_me(uri: str, *listen: str, domains: tuple[str, ...] = ()) -> bool:
    return bool(Identity(listen or LISTEN, domains).match(Hop.parse(uri.encode())))


# Self-identity.


@pytest.mark.parametrize("uri", ["sip:10.0.0.2:5070", "sip:10.0.0.1;transport=tcp", "sip:10.0.0.1"])
def test_e01_every_listener_is_me(uri: str) -> None:
    """The Route names another socket than it came by: every listener counts."""
    req = ask(routed(f"<{uri};lr>", LOOSE))
    assert req.loose_route() is OK
    assert req.build() == routed(LOOSE)


def test_e01_a_wildcard_is_every_address_of_its_family() -> None:
    """A socket on 0.0.0.0 is the interfaces' addresses, and 0.0.0.0 itself is nobody's."""
    identity = Identity(["udp:0.0.0.0:5060"], interface_addresses=[ip_address("10.0.0.1"), ip_address("192.0.2.1"), ip_address("::1")])
    assert identity.match(Hop.parse(b"sip:192.0.2.1"))
    assert not identity.match(Hop.parse(b"sip:0.0.0.0"))
    assert not identity.match(Hop.parse(b"sip:[::1]"))


def test_e02_another_port_of_my_address_is_somebody_else() -> None:
    """A second server on the same host: its Route stays and is the next hop."""
    req = ask(routed("<sip:10.0.0.1:5061;lr>"))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.1:5061;lr"
    assert req.build() is req.data


@pytest.mark.parametrize(("transport", "port"), [("udp", 5060), ("tcp", 5060), ("sctp", 5060), ("tls", 5061), ("ws", 80), ("wss", 443)])
def test_e03_default_ports(transport: str, port: int) -> None:
    """Without a port, the transport says which: 5061 for TLS, not 5060. (Kamailio takes 5060 for all.)"""
    assert is_me(f"sip:10.0.0.1;transport={transport}", f"{transport}:10.0.0.1:{port}")
    assert not is_me(f"sip:10.0.0.1;transport={transport}", f"{transport}:10.0.0.1:5099")


def test_e04_maddr_decides_in_the_place_of_the_host() -> None:
    """In a Route of mine, maddr is compared; in the next hop's, all that is sent to is ``sip:MADDR[:port]``."""
    assert is_me("sip:elsewhere.example;maddr=10.0.0.1")
    assert not is_me("sip:10.0.0.1;maddr=elsewhere.example")
    req = ask(routed("<sips:user@h:5070;maddr=10.0.0.7;transport=tcp;lr>"))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7:5070"


def test_e04_maddr_that_is_too_long_is_refused() -> None:
    """The servers copied it into a buffer of 127 bytes; now it is -1."""
    req = ask(routed(f"<sip:h;maddr={'m' * 118};lr>"))
    assert req.loose_route() is FAILED
    assert req.dst_uri is None


def test_e05_a_gruu_of_mine_is_no_trace_of_a_strict_router() -> None:
    """The R-URI is mine and has ``gr``: it is the target itself (RFC 5627), so routing is loose."""
    received = routed(ME, LOOSE, ruri="sip:callee@10.0.0.1;gr=urn:uuid:f81d")
    req = ask(received)
    assert req.loose_route() is OK
    assert req.ruri == "sip:callee@10.0.0.1;gr=urn:uuid:f81d"
    assert req.build() == routed(LOOSE, ruri="sip:callee@10.0.0.1;gr=urn:uuid:f81d")


def test_e06_a_uri_without_a_host() -> None:
    """``tel:`` as R-URI should never be me. OpenSIPS takes it for itself (loose-place-15): its empty host equals the advertised name that
    a socket does not have. So there is a strict arrival here, and none where every socket advertises a name."""
    received = routed(ME, LOOSE, ruri="tel:+15551234")
    req = ask(received)
    assert req.loose_route() is OK
    assert req.ruri == "sip:10.0.0.7;lr"
    req = ask(received, listen=["udp:10.0.0.1:5060 as sip.example.com"])
    assert req.loose_route() is OK
    assert req.ruri == "tel:+15551234"
    assert req.build() == routed(LOOSE, ruri="tel:+15551234")


def test_e06_other_schemes_are_no_exception() -> None:
    """What the servers' core cannot parse fails, by its code."""
    assert ask(routed(ME, ruri="urn:service:sos")).loose_route() is OK
    assert ask(routed(ME, ruri="http://10.0.0.1")).loose_route() is FAILED


@pytest.mark.parametrize(
    ("uri", "me"),
    [
        ("sip:SIP.Example.COM:5080", True),
        ("sip:[0:0:0:0:0:0:0:1]", True),
        ("sip:[::0:1]", True),
        ("sip:[2001:DB8:0::7]:5070", True),
        ("sip:ALIAS.example", True),
        ("sip:alias.example.", False),
        ("sip:sip.example.com.:5080", False),
    ],
)
def test_e07_spelling_of_hosts(uri: str, me: bool) -> None:
    """Names have no case and IPv6 goes by value; what is advertised is recognised. A trailing dot makes another name: OpenSIPS compares
    names letter by letter."""
    listen = ("udp:10.0.0.1:5060 as sip.example.com:5080", "udp:[::1]:5060", "udp:[::2]:5060 as [2001:db8::7]:5070")
    assert is_me(uri, *listen, domains=("Alias.example",)) is me


# loose_route.


def test_e09_the_last_own_route_is_success() -> None:
    """Only mine: it goes, the next hop is the R-URI, and the script is told so (an old documentation said false)."""
    req = ask(routed(ME))
    assert req.loose_route() is OK
    assert (req.dst_uri, req.ruri) == (None, "sip:callee@10.0.0.8")
    assert req.build() == routed()


@pytest.mark.parametrize("method", ["INVITE", "CANCEL", "MESSAGE"])
def test_e10_without_a_to_tag_an_own_route_alone_is_no_route(method: str) -> None:
    """Preloaded: the header goes, but the script goes on as for any initial request. A CANCEL has no To tag either."""
    req = ask(initial(ME, method=method))
    assert req.loose_route() is FAILED
    assert req.build() == initial(method=method)


def test_e11_a_preloaded_route_elsewhere_is_followed_and_told() -> None:
    """A way around authorisation if the script lets it: the trace says so, and no socket is forced."""
    req = ask(initial(ME, LOOSE), send_socket=UDP2)
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.send_socket == UDP2
    assert req.trace[0].text == "no To tag: an initial request, its Routes are preloaded"


def test_e12_ack_to_a_negative_answer() -> None:
    """It has a To tag and the Route of its INVITE, perhaps a preloaded one: routed like any request within a dialog."""
    req = ask(routed(ME, LOOSE, method="ACK"))
    assert req.loose_route() is OK
    assert not [step for step in req.trace if step.name == "error"]
    assert req.build() == routed(LOOSE, method="ACK")


def test_e13_a_foreign_top_route_stays() -> None:
    """It is the next hop; only who it belongs to takes it off."""
    req = ask(routed(LOOSE, ME))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.build() is req.data


@pytest.mark.parametrize(
    "routes",
    [
        ("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2:5070;r2=on;lr>, <sip:10.0.0.7;lr>",),
        ("<sip:10.0.0.1;r2=on;lr>", "<sip:10.0.0.2:5070;r2=on;lr>", LOOSE),
        ("<sip:10.0.0.1;r2=on;lr>, <sip:10.0.0.2:5070;r2=on;lr>", LOOSE),
        ("<sip:10.0.0.1;r2=on;lr>", "<sip:10.0.0.2:5070;r2=on;lr>, <sip:10.0.0.7;lr>"),
    ],
)
def test_e14_both_of_a_pair_go(routes: tuple[str, ...]) -> None:
    """On one line, on several, mixed; it leaves by the socket of the second."""
    req = ask(routed(*routes))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.send_socket == UDP2
    assert req.build() == routed(LOOSE)


def test_e15_a_foreign_second_of_a_pair_goes_unread() -> None:
    """After r2 OpenSIPS takes the next off whatever it is (loose-double-19); the trace calls it a defect."""
    req = ask(routed("<sip:10.0.0.1;r2=on;lr>", "<sip:10.0.0.99;lr>", LOOSE))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.send_socket is None
    assert req.build() == routed(LOOSE)
    assert [step.text for step in req.trace if step.name == "defect"] == [
        "r2 promises a second Route of ours; the one that follows is not, and goes all the same"
    ]


def test_e16_a_pair_without_r2_is_a_loop() -> None:
    """The UA dropped the parameters: the second own Route is the next hop, that is, ourselves (loose-double-27). A spiral, the same proxy
    twice on purpose, looks just so, and must not lose both."""
    req = ask(routed(ME, "<sip:10.0.0.2:5070;lr>"))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.2:5070;lr"
    assert req.identity.match(Hop.parse(b"sip:10.0.0.2:5070;lr"))
    assert req.build() == routed("<sip:10.0.0.2:5070;lr>")


def test_e17_parameters_behind_the_bracket_are_not_the_uris() -> None:
    """FreeSWITCH once wrote them so: r2 is not seen, and a foreign Route like that is strict."""
    req = ask(routed("<sip:10.0.0.1>;r2=on;lr", "<sip:10.0.0.2:5070>;r2=on;lr"))
    assert req.loose_route() is OK
    assert req.dst_uri is None
    assert req.ruri == "sip:10.0.0.2:5070"
    assert req.build() == routed(ruri="sip:10.0.0.2:5070", end="Route: <sip:callee@10.0.0.8>\r\n")


@pytest.mark.parametrize(
    ("params", "loose"),
    [
        (";lr", True),
        (";lr=on", True),
        (";lr=true", True),
        (";LR", True),
        (";lr=off", True),
        ("; lr ", True),
        (';x=";";lr', True),
        (";lrid=1", False),
        ("", False),
        (';x=";lr"', False),
    ],
)
def test_e18_lr_is_a_name(params: str, loose: bool) -> None:
    """Whatever its value; a user or host that has the letters is nothing."""
    req = ask(routed(f"<sip:lr@lr.example{params}>"))
    assert req.loose_route() is OK
    assert (req.dst_uri is not None) is loose


@pytest.mark.parametrize("r2", ["r2", "R2=x", "r2=off", "r2 =on"])
def test_e18_so_is_r2(r2: str) -> None:
    req = ask(routed(f"<sip:10.0.0.1;{r2};lr>, <sip:10.0.0.2:5070;lr>", LOOSE))
    req.loose_route()
    assert req.build() == routed(LOOSE)


@pytest.mark.parametrize(("mine", "next_", "strict"), [(ME, "<sip:10.0.0.6>", True), ("<sip:10.0.0.1>", LOOSE, False)])
def test_e19_the_next_route_says_whether_the_next_hop_is_strict(mine: str, next_: str, strict: bool) -> None:
    """Not mine: Kamailio once asked the wrong one."""
    req = ask(routed(mine, next_))
    assert req.loose_route() is OK
    assert (req.dst_uri is None) is strict


@pytest.mark.parametrize("others", [[], [LOOSE]])
def test_e20_a_strict_next_hop(others: list[str]) -> None:
    """Its URI goes to the R-URI; the R-URI is appended as the last Route, in both brackets, even where no other is left."""
    req = ask(routed(ME, "<sip:10.0.0.6>", *others))
    assert req.loose_route() is OK
    assert req.build() == routed(*others, ruri="sip:10.0.0.6", end="Route: <sip:callee@10.0.0.8>\r\n")


@pytest.mark.parametrize(
    ("routes", "left"),
    [
        ((f"{LOOSE}, {TARGET}",), (LOOSE,)),
        ((LOOSE, TARGET), (LOOSE,)),
        ((f"{LOOSE},\r\n\t{LOOSE} ,{TARGET}",), (f"{LOOSE},\r\n\t{LOOSE}",)),
        ((LOOSE, f"{LOOSE} , {TARGET};x=y"), (LOOSE, LOOSE)),
    ],
)
def test_e21_a_strict_previous_hop(routes: tuple[str, ...], left: tuple[str, ...]) -> None:
    """The last Route is the target and moves to the R-URI; no empty header is left."""
    req = ask(routed(*routes, ruri="sip:10.0.0.1;lr"))
    assert req.loose_route() is OK
    assert req.ruri == "sip:callee@10.0.0.8"
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.build() == routed(*left)


def test_e21_the_target_alone_leaves_no_header() -> None:
    req = ask(routed(LOOSE, ruri="sip:10.0.0.1;lr"))
    assert req.loose_route() is OK
    assert b"Route:" not in req.build()


def test_e22_strict_to_strict() -> None:
    """The top Route goes to the R-URI, the target stays last, our own URI is not kept again."""
    req = ask(routed("<sip:10.0.0.6>", LOOSE, TARGET, ruri="sip:10.0.0.1;lr"))
    assert req.loose_route() is OK
    assert req.build() == routed(LOOSE, TARGET, ruri="sip:10.0.0.6")


def test_e23_a_false_strict_arrival() -> None:
    """A UA that keeps the proxy's address as target sends R-URI and Route of ours: OpenSIPS takes that for a strict arrival and the only
    Route for the target; it sends to itself (loose-matrix-43). Kamailio has a mode against it, OpenSIPS none."""
    req = ask(routed(ME, ruri="sip:callee@10.0.0.1"))
    assert req.loose_route() is OK
    assert (req.ruri, req.dst_uri) == ("sip:10.0.0.1;lr", "sip:10.0.0.1;lr")
    assert req.build() == routed(ruri="sip:10.0.0.1;lr")
    assert "defect" in [step.name for step in req.trace]


def test_e24_a_target_that_is_me_can_be_told() -> None:
    """After loose_route the R-URI is still ours: no next hop. The module says OK, identity tells the loop to who asks."""
    req = ask(routed(ME, ruri="sip:callee@10.0.0.1;gr"))
    assert req.loose_route() is OK
    assert req.dst_uri is None
    assert req.identity.match(Hop.parse((req.ruri or "").encode()))


def test_e25_parameters_are_those_of_my_route() -> None:
    """Not of a foreign top Route, not of the second of a pair."""
    req = ask(routed("<sip:10.0.0.1;r2=on;lr;a=1>, <sip:10.0.0.2:5070;r2=on;lr;b=2>"))
    req.loose_route()
    assert req.rr_params == "r2=on;lr;a=1"
    req = ask(routed("<sip:10.0.0.7;lr;a=1>", "<sip:10.0.0.1;lr;b=2>"))
    req.loose_route()
    assert req.rr_params is None


def test_e25_after_a_strict_arrival_they_are_those_of_the_target() -> None:
    """They should be those of the R-URI as received, which was our Route; OpenSIPS has the new R-URI's (check-param-order-12)."""
    req = ask(routed(LOOSE, "<sip:callee@10.0.0.8;theirs>", ruri="sip:10.0.0.1;lr;ours"))
    req.loose_route()
    assert req.rr_params == "theirs"


@pytest.mark.parametrize("arrival", [UDP1, UDP2])
def test_e26_a_single_record_route_on_a_multihomed_host(arrival: str) -> None:
    """It leaves by the socket it came by, whichever the Route names."""
    req = ask(routed(ME), arrival)
    req.loose_route()
    assert req.send_socket == arrival


def test_e27_consumed_routes_can_still_be_read() -> None:
    """IMS needs the user part of the Route that was its own: the trace and the message as received have it."""
    req = ask(routed("<sip:orig@10.0.0.1;lr>", LOOSE))
    req.loose_route()
    assert "own Route sip:orig@10.0.0.1;lr" in [step.text for step in req.trace if step.name == "removed"]
    assert req.message is not None
    assert req.message.value(b"route") == b"<sip:orig@10.0.0.1;lr>"


# record_route.


@pytest.mark.parametrize(
    ("departure", "values"),
    [
        (UDP1, ["<sip:10.0.0.1;lr;ftag=caller>"]),
        (UDP2, ["<sip:10.0.0.2:5070;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>"]),
        (TCP1, ["<sip:10.0.0.1;transport=tcp;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>"]),
        ("udp:10.0.0.1:5080", ["<sip:10.0.0.1:5080;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>"]),
    ],
)
def test_e28_address_port_and_transport_make_another_socket(departure: str, values: list[str]) -> None:
    """Any of the three differs: two headers, the outbound one on top."""
    req = ask(initial(), UDP1, listen=[*LISTEN, "udp:10.0.0.1:5080"])
    req.record_route()
    assert req.build(departure) == stamped(initial(), *values)


def test_e29_port_and_transport_are_of_one_socket() -> None:
    """Never ``:5060;transport=tls`` for a socket on 5061. No transport is written for UDP."""
    req = ask(initial(), "tls:10.0.0.1:5061", listen=["udp:10.0.0.1:5060", "tls:10.0.0.1:5061"])
    req.record_route()
    assert req.build(UDP1) == stamped(
        initial(), "<sip:10.0.0.1;r2=on;lr;ftag=caller>", "<sip:10.0.0.1:5061;transport=tls;r2=on;lr;ftag=caller>"
    )


def test_e30_ipv6_is_in_brackets_in_both_headers() -> None:
    """As OpenSIPS prints it: all eight groups (record-socket-15)."""
    req = ask(initial(), "udp:[::1]:5060", listen=["udp:[::1]:5060", "tcp:[::2]:5070 as [2001:db8::7]:5080"])
    req.record_route()
    assert req.build("tcp:[::2]:5070") == stamped(
        initial(),
        "<sip:[2001:DB8:0:0:0:0:0:7]:5080;transport=tcp;r2=on;lr;ftag=caller>",
        "<sip:[0:0:0:0:0:0:0:1];r2=on;lr;ftag=caller>",
    )


def test_e31_advertised_addresses_belong_to_their_sockets() -> None:
    """Each face in its own header. A name without a port should stay without; OpenSIPS gives it the socket's own (record-advertised-…)."""
    req = ask(initial(), UDP2, listen=["udp:10.0.0.1:5060 as sip.example.com", "udp:10.0.0.2:5070 as 203.0.113.7:5080"])
    req.record_route()
    assert req.build(UDP1) == stamped(
        initial(), "<sip:sip.example.com:5060;r2=on;lr;ftag=caller>", "<sip:203.0.113.7:5080;r2=on;lr;ftag=caller>"
    )


def test_e32_a_second_record_route_is_refused() -> None:
    req = ask(initial())
    assert [req.record_route(";first"), req.record_route(";second")] == [OK, FAILED]
    assert req.build() == stamped(initial(), "<sip:10.0.0.1;lr;ftag=caller;first>")


def test_e33_parameters_go_to_both_headers_and_to_no_other_message() -> None:
    """The servers once kept them in a static buffer."""
    rr = RecordRouting(listen=LISTEN)
    first = rr.request(initial())
    first.add_rr_param(";before")
    first.record_route()
    first.add_rr_param(";after")
    assert first.build(UDP2) == stamped(
        initial(), "<sip:10.0.0.2:5070;r2=on;lr;ftag=caller;after;before>", "<sip:10.0.0.1;r2=on;lr;ftag=caller;after;before>"
    )
    left_over = rr.request(initial())
    left_over.add_rr_param(";never-recorded")
    second = rr.request(initial())
    second.record_route()
    assert second.build() == stamped(initial(), "<sip:10.0.0.1;lr;ftag=caller>")


def test_e34_opensips_writes_sip_for_a_sips_request() -> None:
    """RFC 3261 16.6 wants ``sips`` there; OpenSIPS always writes ``sip`` (record-place-14)."""
    received = initial(ruri="sips:callee@10.0.0.8")
    req = ask(received)
    req.record_route()
    assert req.build() == stamped(received, "<sip:10.0.0.1;lr;ftag=caller>")


def test_e35_add_username() -> None:
    """The user of the R-URI as received, in a preset as well."""
    received = initial(ruri="sip:bob:secret@10.0.0.8")
    req = ask(received, add_username=1)
    assert req.record_route() is OK
    assert req.build() == stamped(received, "<sip:bob@10.0.0.1;lr;ftag=caller>")
    req = ask(received, add_username=1)
    assert req.record_route_preset("1.2.3.4") is OK
    assert req.build() == stamped(received, "<sip:bob@1.2.3.4;ftag=caller;lr>")


@pytest.mark.parametrize("method", ["REGISTER", "OPTIONS", "ACK"])
def test_e36_the_module_records_what_it_is_told_to(method: str) -> None:
    """Only requests that make dialogs need a Record-Route; which they are is the script's knowledge (record-place-18, -21)."""
    received = initial(method=method)
    req = ask(received)
    assert req.record_route() is OK
    assert req.build() == stamped(received, "<sip:10.0.0.1;lr;ftag=caller>")


def test_e37_a_record_route_goes_on_top_of_all_others() -> None:
    """What is there stays, byte by byte, twenty or more of them, too."""
    there = [f"Record-Route:  <sip:p{number}.example;LR>" for number in range(25)]
    received = text(*there, method="INVITE")
    req = ask(received)
    req.record_route()
    assert req.build() == stamped(received, "<sip:10.0.0.1;lr;ftag=caller>")


@pytest.mark.parametrize(
    ("ftag", "from_tag", "direction"),
    [
        (";ftag=caller", ";tag=caller", "downstream"),
        (";ftag=caller", ";tag=callee", "upstream"),
        (";ftag=caller", ";tag=Caller", "upstream"),
        ("", ";tag=callee", "downstream"),
        (";ftag=", ";tag=callee", "downstream"),
        (";ftag=caller", "", "downstream"),
    ],
)
def test_e38_direction(ftag: str, from_tag: str, direction: str) -> None:
    """Upstream only where both tags are there and differ, case and all; anything missing is downstream."""
    req = ask(text(f"Route: <sip:10.0.0.1;lr{ftag}>", from_=f"<sip:a@b>{from_tag}"))
    assert req.loose_route() is OK
    assert req.is_direction(direction) is OK
    assert req.is_direction("upstream" if direction == "downstream" else "downstream") is FAILED


def test_e39_ftag_of_an_upstream_request_is_its_from_tag() -> None:
    """Kamailio writes the To tag there, so that the direction does not flip for a UA that refreshes its route set; OpenSIPS does not
    (combined-02)."""
    received = text(f"Route: {ME[:-1]};ftag=caller>", method="INVITE", from_="<sip:callee@b>;tag=callee", to="<sip:caller@a>;tag=caller")
    req = ask(received)
    assert req.loose_route() is OK
    assert req.is_direction("upstream") is OK
    req.record_route()
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=callee>\r\n" in req.build()


@pytest.mark.parametrize("routes", [("{}, {}, {}, {}",), ("{}", "{}, {}", "{}"), ("{}", "{}", "{}", "{}"), ("{}, {}", "{}, {}")])
def test_e40_lists_and_headers_are_one_list(routes: tuple[str, ...]) -> None:
    """The route set is the same however its values are spread over headers."""
    uris = iter(["<sip:10.0.0.1;lr>", "<sip:p1.example;lr>", "<sip:p2.example>", "<sip:p3.example;lr>"])
    req = ask(routed(*(route.format(*(next(uris) for _ in range(route.count("{}")))) for route in routes)))
    req.loose_route()
    assert req.dst_uri == "sip:p1.example;lr"
    assert req.get_route_set() == ["sip:p1.example;lr", "sip:p2.example", "sip:p3.example;lr"]


def test_e41_the_ack_of_a_200_follows_the_route_set() -> None:
    """It is a request of its own, with the dialog's Routes."""
    req = ask(routed(ME, LOOSE, method="ACK"), UDP2)
    assert req.loose_route() is OK
    assert (req.dst_uri, req.send_socket) == ("sip:10.0.0.7;lr", UDP2)


# Parsing.


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        (('Route: "a, <b>" <sip:10.0.0.1;lr>, <sip:10.0.0.7;lr>',), ("Route: <sip:10.0.0.7;lr>",)),
        (("Route: <sip:10.0.0.1;lr>\r\n ,\r\n\t<sip:10.0.0.7;lr>",), ("Route: <sip:10.0.0.7;lr>",)),
        (("Route : <sip:10.0.0.1;lr>", "ROUTE\t:<sip:10.0.0.7;lr>"), ("ROUTE\t:<sip:10.0.0.7;lr>",)),
        (("Route: ,<sip:10.0.0.1;lr>,,<sip:10.0.0.7;lr>",), ("Route: ,<sip:10.0.0.7;lr>",)),
        (
            ("Route:\r\n <sip:10.0.0.1;lr>", "X: <sip:10.0.0.1;lr>", "Route: <sip:10.0.0.7;lr>"),
            ("X: <sip:10.0.0.1;lr>", "Route: <sip:10.0.0.7;lr>"),
        ),
    ],
)
def test_e44_spellings_of_a_list(headers: tuple[str, ...], left: tuple[str, ...]) -> None:
    """Commas in quotes, folds, several headers, blanks before the colon, commas too many: the own Route is found and goes."""
    req = ask(text(*headers))
    assert req.loose_route() is OK
    assert req.dst_uri == "sip:10.0.0.7;lr"
    assert req.build() == text(*left)


def test_e44_a_trailing_comma_is_malformed() -> None:
    """ "Text after comma missing": the header does not parse, and nothing happens (loose-syntax-26)."""
    req = ask(routed(f"{ME}, {LOOSE},"))
    assert req.loose_route() is FAILED
    assert req.build() is req.data


def test_e45_neighbours_and_body_keep_their_bytes() -> None:
    """Whatever is in the body, be it Route headers and bytes of no text."""
    body = SDP + b"Route: <sip:10.0.0.1;lr>\r\n" + bytes(range(256))
    neighbours = ("X:  a \t", "Route: " + ME, "x-odd : ,;;\r\n\t..", "ROUTE:" + LOOSE + ';x = "a,b" ')
    req = ask(text(*neighbours, body=body))
    assert req.loose_route() is OK
    assert req.build() == text(neighbours[0], *neighbours[2:], body=body)


def test_e46_content_length_frames_a_stream() -> None:
    """On TCP what follows the body is the next message; a shorter body waits for more; in a datagram nothing is cut off."""
    message = text(method="MESSAGE")
    framer = StreamFramer()
    assert framer.feed(message + message[:-1]) == [message]
    assert framer.feed(message[-1:]) == [message]
    padded = routed(ME) + b"padding"
    req = ask(padded)
    req.loose_route()
    assert req.build() == routed() + b"padding"
