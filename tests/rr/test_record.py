"""record_route, record_route_preset and add_rr_param: what is stamped, where, and what is refused."""

import logging

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.returncode import ReturnCode
from tests.rr.requests import ask, initial, routed, stamped, text

OK, FAILED = ReturnCode.OK, ReturnCode.FAILED
UDP1, TCP1, UDP2 = "udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "udp:10.0.0.2:5070"

INVITE = initial()


def test_a_whole_message() -> None:
    """The Record-Route stands above everything, the Via included; the rest is as it came."""
    received = (
        b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
        b"v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
        b"Record-Route: <sip:p1.atlanta.com;lr>\r\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
        b"t: Bob <sip:bob@biloxi.com>\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INVITE\r\n"
        b"\r\n"
        b"v=0\r\n"
    )
    req = ask(received)
    assert req.record_route() is OK
    assert req.build() == (
        b"INVITE sip:bob@biloxi.com SIP/2.0\r\n"
        b"Record-Route: <sip:10.0.0.1;lr;ftag=1928301774>\r\n"
        b"v: SIP/2.0/UDP pc33.atlanta.com;branch=z9hG4bK776asdhds\r\n"
        b"Record-Route: <sip:p1.atlanta.com;lr>\r\n"
        b"f: Alice <sip:alice@atlanta.com>;tag=1928301774\r\n"
        b"t: Bob <sip:bob@biloxi.com>\r\n"
        b"i: a84b4c76e66710\r\n"
        b"CSeq: 314159 INVITE\r\n"
        b"\r\n"
        b"v=0\r\n"
    )


# Arrival, departure, enable_double_rr: the values of the Record-Routes, the outer one first.
FACES: dict[str, tuple[str, str, int, list[str]]] = {
    "one socket": (UDP1, UDP1, 1, ["<sip:10.0.0.1;lr;ftag=caller>"]),
    "one socket, TCP": (TCP1, TCP1, 1, ["<sip:10.0.0.1;transport=tcp;lr;ftag=caller>"]),
    "one socket, another port": (UDP2, UDP2, 1, ["<sip:10.0.0.2:5070;lr;ftag=caller>"]),
    "another address": (UDP1, UDP2, 1, ["<sip:10.0.0.2:5070;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>"]),
    "another transport": (UDP1, TCP1, 1, ["<sip:10.0.0.1;transport=tcp;r2=on;lr;ftag=caller>", "<sip:10.0.0.1;r2=on;lr;ftag=caller>"]),
    # record-socket-21: the one that is left is that of the socket it leaves by.
    "another address, no double": (UDP1, UDP2, 0, ["<sip:10.0.0.2:5070;lr;ftag=caller>"]),
}


@pytest.mark.parametrize(("arrival", "departure", "double", "values"), FACES.values(), ids=FACES)
def test_the_sockets_decide_when_it_is_built(arrival: str, departure: str, double: int, values: list[str]) -> None:
    req = ask(INVITE, arrival, enable_double_rr=double)
    assert req.record_route() is OK
    assert req.build(send_socket=departure) == stamped(INVITE, *values)


def test_a_forced_socket_is_the_departure_if_nobody_says() -> None:
    req = ask(INVITE, UDP1, UDP2)
    req.record_route()
    assert req.build() == req.build(UDP2) == stamped(INVITE, *FACES["another address"][3])
    assert req.build(UDP1) == stamped(INVITE, *FACES["one socket"][3])


def test_two_sockets_that_advertise_one_address_are_two() -> None:
    """record-advertised-21: compared as sockets; the result is two equal headers."""
    listen = ["udp:10.0.0.1:5060 as 203.0.113.7:5080", "udp:10.0.0.2:5070 as 203.0.113.7:5080"]
    req = ask(INVITE, UDP1, listen=listen)
    req.record_route()
    assert req.build(UDP2) == stamped(INVITE, *["<sip:203.0.113.7:5080;r2=on;lr;ftag=caller>"] * 2)


# Script and parameters: what stands between <sip:10.0.0.1 and >.
PARAMETERS: dict[str, tuple[list[tuple[str, ...]], str]] = {
    "an argument": ([("record_route", ";a=b;c")], ";lr;ftag=caller;a=b;c"),
    # record-04: it is glued on.
    "an argument without its semicolon": ([("record_route", "a=b")], ";lr;ftag=callera=b"),
    "an empty argument": ([("record_route", "")], ";lr;ftag=caller"),
    "added before": ([("add_rr_param", ";a"), ("add_rr_param", ";b"), ("record_route", ";p")], ";lr;ftag=caller;p;a;b"),
    # record-09: the last one first.
    "added after": ([("record_route", ";p"), ("add_rr_param", ";a"), ("add_rr_param", ";b")], ";lr;ftag=caller;p;b;a"),
    # record-11
    "added before and after": (
        [("add_rr_param", ";a"), ("add_rr_param", ";b"), ("record_route", ";p"), ("add_rr_param", ";c"), ("add_rr_param", ";d")],
        ";lr;ftag=caller;p;d;c;a;b",
    ),
    "in UTF-8 where Latin-1 has no such letter": ([("record_route", ";a=€é")], ";lr;ftag=caller;a=" + "€é".encode().decode("latin-1")),
    "in Latin-1 where it can be": ([("record_route", ";a=é")], ";lr;ftag=caller;a=é"),
}


@pytest.mark.parametrize(("calls", "params"), PARAMETERS.values(), ids=PARAMETERS)
def test_parameters(calls: list[tuple[str, ...]], params: str) -> None:
    req = ask(INVITE)
    assert [getattr(req, call[0])(*call[1:]) for call in calls] == [OK] * len(calls)
    assert req.build() == stamped(INVITE, f"<sip:10.0.0.1{params}>")


def test_both_of_a_pair_get_the_parameters() -> None:
    req = ask(INVITE)
    req.add_rr_param(";a")
    req.record_route(";p")
    req.add_rr_param(";b")
    assert req.build(UDP2) == stamped(INVITE, "<sip:10.0.0.2:5070;r2=on;lr;ftag=caller;p;b;a>", "<sip:10.0.0.1;r2=on;lr;ftag=caller;p;b;a>")


def test_added_and_never_recorded() -> None:
    req = ask(INVITE)
    assert req.add_rr_param(";a") is OK
    assert req.build() is INVITE


# Presets: ftag stands before lr, r2 is up to the script, and the host is not looked at.
PRESETS: dict[str, tuple[list[tuple[str, ...]], list[str]]] = {
    "one": ([("record_route_preset", "1.2.3.4:5090")], ["<sip:1.2.3.4:5090;ftag=caller;lr>"]),
    "one with parameters": ([("record_route_preset", "1.2.3.4;transport=tcp")], ["<sip:1.2.3.4;transport=tcp;ftag=caller;lr>"]),
    "two, outbound first": (
        [("record_route_preset", "1.2.3.4", "5.6.7.8")],
        ["<sip:1.2.3.4;ftag=caller;lr>", "<sip:5.6.7.8;ftag=caller;lr>"],
    ),
    "an empty one (record-preset-14)": ([("record_route_preset", "")], ["<sip:;ftag=caller;lr>"]),
    "one that is no host": ([("record_route_preset", "@")], ["<sip:@;ftag=caller;lr>"]),
    "added before": ([("add_rr_param", ";a"), ("record_route_preset", "1.2.3.4")], ["<sip:1.2.3.4;ftag=caller;lr;a>"]),
    "added after two": (
        [("record_route_preset", "1.2.3.4", "5.6.7.8"), ("add_rr_param", ";a")],
        ["<sip:1.2.3.4;ftag=caller;lr;a>", "<sip:5.6.7.8;ftag=caller;lr;a>"],
    ),
    # record-preset-07, against the documentation.
    "added before two, only the first has it": (
        [("add_rr_param", ";a"), ("record_route_preset", "1.2.3.4", "5.6.7.8")],
        ["<sip:1.2.3.4;ftag=caller;lr;a>", "<sip:5.6.7.8;ftag=caller;lr>"],
    ),
}


@pytest.mark.parametrize(("calls", "values"), PRESETS.values(), ids=PRESETS)
def test_preset(calls: list[tuple[str, ...]], values: list[str]) -> None:
    req = ask(INVITE)
    assert [getattr(req, call[0])(*call[1:]) for call in calls] == [OK] * len(calls)
    # Whatever sockets it takes.
    assert req.build(UDP1) == req.build(UDP2) == stamped(INVITE, *values)


def test_two_presets_without_double() -> None:
    req = ask(INVITE, enable_double_rr=0)
    assert req.record_route_preset("1.2.3.4", "5.6.7.8") is FAILED
    assert req.build() is INVITE
    assert req.record_route_preset("1.2.3.4") is OK


@pytest.mark.parametrize("second", [("record_route", ";b"), ("record_route_preset", "5.6.7.8")])
@pytest.mark.parametrize("first", [("record_route",), ("record_route_preset", "1.2.3.4")])
def test_twice(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    """record-05, record-preset-10 to -12: the second attempt fails and changes nothing."""
    req = ask(INVITE)
    assert getattr(req, first[0])(*first[1:]) is OK
    once = req.build()
    assert getattr(req, second[0])(*second[1:]) is FAILED
    assert req.build() == once
    assert "error: double attempt to record-route" in map(str, req.trace)


FTAGS: dict[str, tuple[str, str]] = {
    "a tag": ("<sip:a@b>;tag=caller", ";lr;ftag=caller"),
    "no tag": ("<sip:a@b>", ";lr"),
    # record-place-12: no valid URI, but what the server sends.
    "a quoted tag loses its quotes": ('<sip:a@b>;tag="q r"', ";lr;ftag=q r"),
    "odd characters": ("<sip:a@b>;tag=_t~1'+`*%!-.", ";lr;ftag=_t~1'+`*%!-."),
}


@pytest.mark.parametrize(("from_", "params"), FTAGS.values(), ids=FTAGS)
def test_from_tag(from_: str, params: str) -> None:
    received = text(method="INVITE", from_=from_)
    req = ask(received)
    assert req.record_route() is OK
    assert req.build() == stamped(received, f"<sip:10.0.0.1{params}>")


def test_from_tag_upstream_is_still_the_from_tag() -> None:
    """combined-02: OpenSIPS stamps the From tag whoever sends, so that the callee's requests carry the callee's."""
    received = text(method="INVITE", from_="<sip:callee@b>;tag=callee", to="<sip:caller@a>;tag=caller")
    req = ask(received)
    req.record_route()
    assert req.build() == stamped(received, "<sip:10.0.0.1;lr;ftag=callee>")


@pytest.mark.parametrize("from_", ["", "<sip:a@b", "<sip:a@b>;tag="])
def test_malformed_from(from_: str) -> None:
    """record-place-08 and -10: no header; without the tag From is not looked at (record-fromtag-03)."""
    received = text(method="INVITE", from_=from_)
    req = ask(received)
    assert req.record_route() is FAILED
    assert req.record_route_preset("1.2.3.4") is FAILED
    assert req.build() is received
    req = ask(received, append_fromtag=0)
    assert req.record_route() is OK
    assert req.build() == stamped(received, "<sip:10.0.0.1;lr>")


@pytest.mark.parametrize("data", [b"junk", b"SIP/2.0 200 OK\r\nFrom: <sip:a>;tag=1\r\n\r\n"])
def test_what_is_no_request(data: bytes) -> None:
    req = ask(data)
    assert req.record_route() is FAILED
    assert req.record_route_preset("1.2.3.4") is FAILED
    assert req.add_rr_param(";a") is FAILED
    assert req.build() is data


# add_username: the user of the R-URI as received.
USERS: dict[str, tuple[str, str]] = {
    "a user": ("sip:bob@h:7000", "bob@"),
    "no user": ("sip:h", ""),
    "escapes stay (record-user-05)": ("sip:b%6Fb%40x@h", "b%6Fb%40x@"),
    "no password (record-user-07)": ("sip:bob:secret@h", "bob@"),
    "user parameters stay (record-user-09)": ("sip:bob;x=y@h", "bob;x=y@"),
    "a number (record-user-11)": ("tel:+15551234", "+15551234@"),
}


@pytest.mark.parametrize(("ruri", "user"), USERS.values(), ids=USERS)
def test_user(ruri: str, user: str) -> None:
    received = initial(ruri=ruri)
    req = ask(received, add_username=1)
    assert req.record_route() is OK
    assert req.build(UDP2) == stamped(
        received, f"<sip:{user}10.0.0.2:5070;r2=on;lr;ftag=caller>", f"<sip:{user}10.0.0.1;r2=on;lr;ftag=caller>"
    )


def test_user_of_a_preset() -> None:
    req = ask(INVITE, add_username=1)
    req.record_route_preset("1.2.3.4")
    assert req.build() == stamped(INVITE, "<sip:callee@1.2.3.4;ftag=caller;lr>")


def test_user_of_the_new_ruri_if_the_old_has_none() -> None:
    """record-user-16: a strict next hop brought one."""
    req = ask(routed("<sip:bob@10.0.0.6>", ruri="sip:10.0.0.8"), add_username=1)
    assert [req.loose_route(), req.record_route()] == [OK, OK]
    left = routed(ruri="sip:bob@10.0.0.6", end="Route: <sip:10.0.0.8>\r\n")
    assert req.build() == stamped(left, "<sip:bob@10.0.0.1;lr;ftag=caller>")


def test_user_of_an_ruri_that_does_not_parse() -> None:
    """record-user-13"""
    received = initial(ruri="sip:@h")
    req = ask(received, add_username=1)
    assert req.record_route() is FAILED
    assert req.build() is received


@pytest.mark.parametrize("broken", [";a\r\nX: y", ";a\n", ";a>", ";a\0"])
def test_what_would_break_out_of_the_header_is_refused(broken: str) -> None:
    req = ask(INVITE)
    for call in (req.record_route, req.record_route_preset, req.add_rr_param, lambda text: req.record_route_preset("h", text)):
        with pytest.raises(ConfigError, match="which would break out of the Record-Route header"):
            call(broken)
    assert req.build() is INVITE
    # A ValueError, as the contract has it.
    with pytest.raises(ValueError, match="break out"):
        req.record_route(broken)


def test_preset_that_is_not_ours_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    req = ask(INVITE)
    with caplog.at_level(logging.WARNING, "scapy_rr"):
        for preset in ("1.2.3.4", "1.2.3.4", "10.0.0.1", "10.0.0.2:5070", "10.0.0.2"):
            req.module.request(INVITE).record_route_preset(preset)
    assert [record.getMessage().partition(";")[0] for record in caplog.records] == [
        "record_route_preset: no socket matches 1.2.3.4",
        "record_route_preset: no socket matches 10.0.0.2",
    ]


def test_late_binding_leaves_the_request_as_it_is() -> None:
    """Building by one socket does not spoil building by another."""
    req = ask(INVITE)
    req.record_route()
    first = req.build(UDP1)
    req.build(TCP1)
    assert req.build(UDP1) == first
    assert req.data is INVITE


@pytest.mark.parametrize(
    ("call", "dialect", "value"),
    [
        (("record_route", ";p"), "opensips", "<sip:10.0.0.1;lr;ftag=caller;p{}>"),
        (("record_route_preset", "10.0.0.1:5070"), "opensips", "<sip:10.0.0.1:5070;ftag=caller;lr{}>"),
        (("record_route_advertised_address", "192.0.2.1"), "kamailio", "<sip:192.0.2.1;ftag=caller;lr{}>"),
    ],
)
def test_a_copy_has_its_own_parameters(call: tuple[str, ...], dialect: str, value: str) -> None:
    """For the branches of a request: of the same kind, and what is added to one is not added to the other."""
    req = ask(INVITE, dialect=dialect)
    getattr(req, call[0])(*call[1:])
    (record,) = req.state.records
    copied = record.copy()
    record.added.append(b";one")
    copied.added.append(b";other")
    assert type(copied) is type(record)
    built = [one.build(req, req.received_on).decode() for one in (record, copied)]
    assert built == [f"Record-Route: {value.format(added)}\r\n" for added in (";one", ";other")]
