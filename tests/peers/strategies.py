"""Strategies for cases: a request, and the calls that a script makes on it."""

from collections.abc import Sequence
from functools import lru_cache

from hypothesis import strategies as st

from .case import Call, Case, Configuration
from .configurations import sendable
from .routes import FOREIGN, FROM_TAG, TO_TAG, Surroundings, headers, own_hosts, rarely, token_users, uris

CALLS: tuple[Call, ...] = (
    ("loose_route",),
    ("record_route",),
    ("loose_route_preloaded",),
    ("loose_route_mode", 0),
    ("loose_route_mode", 1),
    ("rr_next_hop_route",),
    ("is_direction", "downstream"),
    ("is_direction", "upstream"),
    *(("record_route", text) for text in (";a=b", ";nat=yes;x", "a=b", ";ftag=z", ";lr", ";r2=on")),
    *(("add_rr_param", text) for text in (";a=1", ";foo=true", ";s", "t", ";nat=yes;d")),
    *(("record_route_preset", *texts) for texts in (("1.2.3.4:5090",), ("1.2.3.4",), ("",), ("1.2.3.4:5090;transport=tcp",))),
    *(("record_route_preset", *texts) for texts in (("1.2.3.4:5090;r2=on", "5.6.7.8;r2=on"), ("1.2.3.4", "[2001:db8::1]:5061"))),
    *(("record_route_advertised_address", text) for text in ("1.2.3.4:5080", "9.8.7.6", "sip.example.net", "[2001:db8::1]:5080")),
    *(
        ("check_route_param", text)
        for text in (
            "lr",
            "nat=yes",
            "^;lr",
            "^lr",
            "ftag=",
            "(nat|x)=yes",
            "R2=ON",
            ".*",
            "bar$",
            "foo=[a-z]+;",
            "n[^a]t",
            "[;]{2}",
            "ob",
            "x",
        )
    ),
)
"""What scripts call here. The servers learn them at their start."""

_NAMES = tuple(dict.fromkeys(str(call[0]) for call in CALLS))
_METHODS = ("BYE", "INVITE", "ACK", "NOTIFY", "REGISTER", "OPTIONS", "CANCEL", "MESSAGE", "FOO", "SUBSCRIBE")
_FROM_TAGS = ("caller-1", "caller-1", "c", "CALLER-1", "a.b!%*_+`'~", "")
_TO_TAGS = ("callee-2", "callee-2", "d", "caller-1", "")
_PARTIES = ('"{0}" <sip:{0}@{1}.example>{2}', "<sip:{0}@{1}.example>{2}", "sip:{0}@{1}.example{2}", "{0} <sip:{0}@{1}.example;x=y>;p=q{2}")
_TAGGED = (";tag={}", ";tag={}", " ; tag = {}", ";TAG={}", ";x;tag={}", ";tag={};y=z")
_COMPACT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Contact": "m", "Content-Length": "l", "Supported": "k", "Subject": "s"}
_CONTACTS = (
    *("<sip:bob@127.0.0.5:15060;ob>", "<sip:bob@127.0.0.5:15060>", "<sip:bob@127.0.0.5;transport=tcp;ob>;reg-id=1", '"B" <sip:b@[::1]>;ob'),
    *(
        "sip:bob@127.0.0.5;ob",
        '<sip:bob@127.0.0.5>;reg-id=1;+sip.instance="<urn:uuid:0>"',
        "*",
        "<sip:a@b;ob=1>, <sip:c@d>",
        "<sip:a@b>, <sip:c@d;ob>",
    ),
)
_SUPPORTED = ("outbound", "path, outbound", "100rel", "path,gruu", "")
_BODIES = ("", "", "v=0\r\ns=-\r\n", "Route: <sip:127.0.0.1;lr>\r\n", "\r\n\r\n")
_SINKS = ("udp:127.0.0.9:9999", "tcp:127.0.0.9:9999", "udp:[::1]:9999", "tcp:[::1]:9999")
_ODD_RURIS = (
    "tel:+15551234",
    "sips:bob@127.0.0.8",
    "sip:bob@127.0.0.8;gr=x",
    "sip:127.0.0.8?a=b",
    "SIP:BOB@127.0.0.8",
    "tel:+1;phone-context=x",
)


@lru_cache
def calls(configuration: Configuration) -> st.SearchStrategy[list[list[str | int]]]:
    """One to four calls that a server of this configuration can be asked for."""
    tagged = dict(configuration.params).get("append_fromtag", 1)
    by_name = {name: [list(call) for call in CALLS if call[0] == name] for name in _NAMES if tagged or name != "is_direction"}
    plain: list[list[str | int]] = [["loose_route"], ["record_route"]]
    any_ = st.sampled_from(list(by_name)).flatmap(lambda name: st.sampled_from(by_name[name]))
    one = st.one_of(st.sampled_from(plain), any_)
    # The second call of the same function is often nothing but a -1.
    once = st.lists(one, min_size=1, max_size=4, unique_by=lambda call: call[0])
    return rarely(st.lists(one, min_size=2, max_size=4), once, 6)


def _sinks(configuration: Configuration) -> list[str]:
    """The sinks that the server has a socket for."""
    kinds = {(socket[:3], "[" in socket) for socket in configuration.sockets}
    return [sink for sink in _SINKS if (sink[:3], "[" in sink) in kinds]


@st.composite
def _party(draw: st.DrawFn, name: str, host: str, tag: str | None) -> str:
    """The value of a From or To."""
    shape = draw(rarely(st.sampled_from(_PARTIES), st.just(_PARTIES[1]), 3))
    parameter = "" if tag is None else draw(rarely(st.sampled_from(_TAGGED), st.just(_TAGGED[0]), 5)).format(tag)
    return shape.format(name, host, parameter)


@lru_cache
def _ruris(around: Surroundings) -> st.SearchStrategy[str]:
    """Request-URIs: the remote target mostly, or the server itself, as after a strict router."""
    own = uris(around.own, around, st.sampled_from(([], [], ["lr"], ["r2=on"], ["lr", "r2=on"], ["gr"])))
    kinds = (st.just("sip:bob@127.0.0.8:7000"), own, uris(FOREIGN, around, st.just([])), st.sampled_from(_ODD_RURIS))
    return st.sampled_from((0, 0, 0, 0, 0, 1, 1, 1, 2, 3)).flatmap(lambda kind: kinds[kind]).map(lambda uri: uri.replace(" ", ""))


@st.composite
def cases(draw: st.DrawFn, configurations: Sequence[Configuration]) -> Case:
    """A case for one of these configurations."""
    configuration = draw(st.sampled_from(configurations))
    received_on = draw(st.sampled_from(configuration.sockets))
    source = "[::1]:15060" if "[" in received_on else "127.0.0.5:15060"
    return {
        "params": dict(configuration.params),
        "listen": list(configuration.listen),
        "domains": list(configuration.domains),
        "received_on": received_on,
        "source": source,
        "send_socket": draw(rarely(st.sampled_from([None, *sendable(configuration)]), st.none(), 4)),
        "calls": draw(calls(configuration)),
        "sink": draw(st.sampled_from(_sinks(configuration))),
        "request": draw(requests(configuration, received_on, source)),
    }


@lru_cache
def _surroundings(configuration: Configuration, source: str) -> Surroundings:
    return Surroundings(own_hosts(configuration), token_users(configuration, source))


@st.composite
def requests(draw: st.DrawFn, configuration: Configuration, received_on: str, source: str) -> str:
    """A request as it stands on the wire."""
    from_tag = draw(rarely(st.sampled_from((*_FROM_TAGS, None)), st.just("caller-1"), 4))
    to_tag = draw(rarely(st.sampled_from((*_TO_TAGS, None, None)), st.just("callee-2"), 2))
    around = _surroundings(configuration, source)
    method = draw(st.sampled_from(_METHODS))
    body = draw(st.sampled_from(_BODIES))
    lines = [
        ("Via", f"SIP/2.0/{received_on[:3].upper()} {source};branch=z9hG4bKoracle1"),
        ("Max-Forwards", "70"),
        ("From", draw(_party("alice", "atlanta", from_tag))),
        ("To", draw(_party("bob", "biloxi", to_tag))),
        ("Call-ID", "8438@127.0.0.5"),
        ("CSeq", f"2 {method}"),
        *draw(_extras(configuration)),
        ("Content-Length", str(len(body))),
    ]
    compact = draw(st.integers(0, 5)) == 5
    text = [f"{_COMPACT.get(name, name) if compact else name}: {value}" for name, value in lines]
    _place(draw, text, draw(headers(around)))
    written = "\r\n".join([f"{method} {draw(_ruris(around))} SIP/2.0", *text, "", body])
    return written.replace(FROM_TAG, from_tag or "caller-1").replace(TO_TAG, to_tag or "callee-2")


def _place(draw: st.DrawFn, text: list[str], routes: list[str]) -> None:
    """Put the Routes among the other headers: mostly together, at a place where they may stand."""
    place = draw(rarely(st.integers(0, len(text)), st.just(2), 3))
    scattered = draw(st.integers(0, 7)) == 7
    for route in reversed(routes):
        text.insert(place, route)
        if scattered:
            place = draw(st.integers(0, place))


@st.composite
def _extras(draw: st.DrawFn, configuration: Configuration) -> list[tuple[str, str]]:
    """Headers that some requests have; those of outbound where that is asked for."""
    found = []
    outbound = "flow_token_key" in dict(configuration.params)
    if draw(st.integers(0, 1 if outbound else 7)):
        found.append(("Contact", draw(rarely(st.sampled_from(_CONTACTS), st.just(_CONTACTS[0]), 2))))
    if outbound and draw(st.booleans()):
        found.append(("Supported", draw(st.sampled_from(_SUPPORTED))))
    if draw(st.integers(0, 7)) == 7:
        found.append(("Record-Route", draw(st.sampled_from(("<sip:p9.example.net;lr>", "<sip:127.0.0.1;r2=on;lr>, <sip:127.0.0.2;lr>")))))
    if draw(st.integers(0, 7)) == 7:
        found.append(("Via", "SIP/2.0/UDP 127.0.0.6:5066;branch=z9hG4bKbefore"))
    if draw(st.integers(0, 7)) == 7:
        found.append(("Subject", draw(st.sampled_from(("Route: <sip:127.0.0.1;lr>", "a\r\n b", "")))))
    return found
