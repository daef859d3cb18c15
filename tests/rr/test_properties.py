"""What holds for whatever comes: nothing but our own errors, nothing touched that was not meant, and what is stamped is known again."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import ScapyRRError, SipParseError
from scapy_rr.rr.hop import Hop
from scapy_rr.rr.listener import DEFAULT_PORTS, Listener
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.request import Request
from scapy_rr.rr.returncode import ReturnCode
from scapy_rr.rr.routes import RouteSet
from scapy_rr.sip.framing import StreamFramer
from scapy_rr.sip.message import Message
from scapy_rr.sip.nameaddr import NameAddr, parse_many, parse_tag
from scapy_rr.sip.uri import Uri
from tests.rr.requests import LISTEN, ask, initial, routed, stamped, text

PROXY = RecordRouting(listen=LISTEN, domains=["example.com"], enable_socket_mismatch_warning=0)


def many(count: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return settings(max_examples=count, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


# Stamped, echoed, consumed: over any sockets, faces and parameters.

HOSTS = ("10.0.0.1", "10.0.0.2", "192.0.2.77", "[::1]", "[2001:db8::ab:1]")
NAMES = ("sip.example.com", "Edge-1.Example.NET", "203.0.113.7", "[2001:db8:0:0::7]", "lr", "r2.example")
PORTS = st.sampled_from([80, 443, 5060, 5061, 5070, 65535, 1])
ADVERTISED = st.one_of(
    st.just(""),
    st.sampled_from(NAMES).map(" as {}".format),
    st.tuples(st.sampled_from(NAMES), PORTS).map(lambda one: f" as {one[0]}:{one[1]}"),
)
SOCKETS = st.builds("{}:{}:{}{}".format, st.sampled_from(list(DEFAULT_PORTS)), st.sampled_from(HOSTS), PORTS, ADVERTISED)
PARAMS = st.from_regex(r"(;x[a-z0-9-]{0,4}(=[A-Za-z0-9.~*'-]{1,6})?){0,3}", fullmatch=True)
TAGS = st.text(st.sampled_from("abcXYZ019-.!%*_+`'~"), min_size=1, max_size=8)
USERS = st.sampled_from(["", "bob@", "b%6Fb;x=y@", "+1555@"])


class Stamping(NamedTuple):
    """A proxy with two of its sockets, and what its script stamps."""

    listen: list[str]
    arrival: str
    departure: str
    tag: str
    user: str
    before: str
    argument: str
    after: str


@st.composite
def stampings(draw: st.DrawFn) -> Stamping:
    listen = draw(st.lists(SOCKETS, min_size=1, max_size=5, unique_by=lambda one: str(Listener.parse(one))))
    names = [str(Listener.parse(one)) for one in listen]
    arrival, departure = draw(st.sampled_from(names)), draw(st.sampled_from(names))
    return Stamping(listen, arrival, departure, draw(TAGS), draw(USERS), draw(PARAMS), draw(PARAMS), draw(PARAMS))


@many(400)
@given(stampings(), st.booleans(), st.booleans(), st.booleans(), st.booleans())
@example(
    Stamping(["tls:10.0.0.1:5060", "ws:10.0.0.1:5060"], "tls:10.0.0.1:5060", "ws:10.0.0.1:5060", "t", "", "", "", ""),
    True,
    True,
    False,
    False,
)
def test_what_is_stamped_is_known_again(stamping: Stamping, upstream: bool, joined: bool, more: bool, username: bool) -> None:
    """Whatever record_route stamps, loose_route takes off to the last byte, from either end, in one header or in several."""
    rr = RecordRouting(listen=stamping.listen, add_username=username)
    ruri = f"sip:{stamping.user}callee.example"
    invite = text(method="INVITE", ruri=ruri, from_=f"<sip:a@b>;tag={stamping.tag}", to="<sip:c@d>")
    req = rr.request(invite, stamping.arrival)
    if stamping.before:
        req.add_rr_param(stamping.before)
    assert req.record_route(stamping.argument)
    if stamping.after:
        req.add_rr_param(stamping.after)
    sent = Message(req.build(stamping.departure))
    values = [sent.data[h.value_start : h.value_end].decode() for h in sent.find_all(b"record-route")]
    assert len(values) == (1 if stamping.arrival == stamping.departure else 2)

    # The callee has them in order, the caller reversed (RFC 3261 12.1).
    routes = values if upstream else values[::-1]
    received_on, other = (stamping.departure, stamping.arrival) if upstream else (stamping.arrival, stamping.departure)
    foreign = ["<sip:elsewhere.example;lr>"] if more else []
    headers = [", ".join(routes + foreign)] if joined else routes + foreign
    back = rr.request(routed(*headers), received_on)
    assert back.loose_route() is ReturnCode.OK
    assert back.build() == routed(*foreign)
    assert back.dst_uri == ("sip:elsewhere.example;lr" if more else None)
    double = "r2=on;" if len(values) == 2 else ""
    params = f"{double}lr;ftag={stamping.tag}{stamping.argument}{stamping.after}{stamping.before}"
    assert (back.rr_params or "").endswith(params)
    # By the other of the two, unless some other socket answers to its face, too.
    if not any(" as " in one for one in stamping.listen):
        assert back.send_socket == other


# Anything at all, in any order: a result, or an error of ours.

ANY = st.one_of(
    st.binary(max_size=80),
    st.text(st.sampled_from('sip:@;=<>",\\ \t\r\n[]%?&lr2tagmdRoute:0159xé'), max_size=60).map(lambda s: s.encode("latin-1")),
)


@pytest.mark.parametrize(
    "parse", [Uri.parse, Hop.parse, NameAddr.parse, NameAddr.parse_many, parse_tag, Message, lambda data: parse_many(data, 0, len(data))]
)
@many(300)
@given(data=ANY)
def test_parsers_answer_or_raise_their_own_error(parse: Callable[[bytes], object], data: bytes) -> None:
    for text_ in (data, b"sip:" + data, b"<sip:h;" + data, b"BYE sip:a SIP/2.0\r\n" + data + b"\r\n\r\n"):
        try:
            parse(text_)
        except SipParseError as error:
            assert error.reason
            assert 0 <= error.offset <= len(text_)


def run_everything(req: Request) -> list[bytes]:
    """Every function of the module; what the message is after each."""
    results = []
    for name, *arguments in (
        ("is_direction", "upstream"),
        ("loose_route",),
        ("check_route_param", "a|b"),
        ("add_rr_param", ";a"),
        ("record_route", ";b"),
        ("record_route_preset", "1.2.3.4", "5.6.7.8"),
        ("add_rr_param", ";c"),
        ("loose_route",),
    ):
        assert getattr(req, name)(*arguments) in (ReturnCode.OK, ReturnCode.FAILED)
        results.append(req.build())
    for name in ("$rr_params", "$ru", "$du", "$rm", "$socket_out(forced)"):
        assert isinstance(req.pv(name), str | None)
    assert isinstance(req.get_remote_target(), str | None)
    assert isinstance(req.get_route_set(), list | None)
    assert isinstance(req.get_route_param("ftag"), str | None)
    assert all(str(step) for step in req.trace)
    return results


REAL: list[bytes] = [
    json.loads(line)["request"].encode("latin-1")
    for line in (Path(__file__).parents[1] / "vectors" / "opensips.jsonl").read_text("utf-8").splitlines()[::5]
]


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """A real message with a few bytes cut out, put in or doubled."""
    data = draw(st.sampled_from(REAL))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        middle = draw(
            st.sampled_from(
                [b"", b"<", b">", b'"', b",", b";", b"\r\n", b"\n", b" ", b"\0", b"\xff", b":", b"@", b"\\", data[start:end] * 2]
            )
        )
        data = data[:start] + middle + data[end:]
    return data


@many(600)
@given(st.one_of(ANY, spoilt()), st.booleans())
def test_functions_never_raise_over_a_message(data: bytes, username: bool) -> None:
    """A message is no script's fault: whatever is in it, functions answer with a code, and what cannot be read is left alone."""
    rr = RecordRouting(listen=LISTEN, add_username=username, enable_socket_mismatch_warning=0)
    req = rr.request(data)
    results = run_everything(req)
    if req.message is None:
        assert all(result is data for result in results)


@many(200)
@given(st.text(max_size=12))
def test_scripts_get_our_errors_only(argument: str) -> None:
    """Where a script's argument is at fault, the error is ours; where it is not, it stays within the Record-Route."""
    for name in ("record_route", "record_route_preset", "add_rr_param", "check_route_param", "is_direction", "get_route_param", "pv"):
        req = PROXY.request(routed("<sip:10.0.0.1;lr;a=b>"))
        req.loose_route()
        try:
            getattr(req, name)(argument)
        except ScapyRRError:
            continue
        assert others(req.build(), b"record-route") == others(routed())


@many(200)
@given(spoilt())
def test_no_edit_is_the_very_object(data: bytes) -> None:
    req = PROXY.request(data)
    req.check_route_param("x")
    req.is_direction("downstream")
    assert req.build() is data


# Route headers of every shape: what loose_route may do to them, and to nothing else.

ENTRIES = st.sampled_from(
    [
        "<sip:10.0.0.1;lr>", "<sip:10.0.0.1;r2=on;lr;ftag=x>", "<sip:10.0.0.2:5070;r2=on;lr>", "<sip:10.0.0.1;transport=tcp;lr>",
        "<sip:10.0.0.1>", "<sip:example.com;lr>;x=y", "<sip:10.0.0.7;lr>", '"a, <b>" <sip:p.example;lr=on>', "<sip:p.example>",
        "<sip:p.example;maddr=10.0.0.7>", "<sip:p;maddr=10.0.0.1;lr>", "<tel:+1555>", "<sips:p.example;lr>", "p <sip:u:p@[::1]:5070;lr>",
        "<sip:10.0.0.1>;r2=on;lr", "<sip:10.0.0.1:5061;lr>",
    ]
)  # fmt: skip
FAULTY = st.sampled_from(
    [
        "sip:10.0.0.1;lr",
        "<sip:@p>",
        "",
        "<sip:p;lr",
        '"a <sip:p>',
        "<http://p>",
        f"<sip:p;maddr={'m' * 200}>",
        "<sip:p;a b>",
        "<sip:p;\r\n X: y>",
    ]
)
SEPARATORS = st.sampled_from([", ", ",", " ,\r\n\t"])
RURIS = st.sampled_from(
    [
        "sip:callee@10.0.0.8",
        "sip:10.0.0.1;lr",
        "sip:callee@10.0.0.1;gr",
        "sip:10.0.0.1;r2=on;lr",
        "tel:+1555",
        "sips:callee@h",
        "sip:@h",
        "urn:service:sos",
    ]
)


@st.composite
def route_headers(draw: st.DrawFn, entries: st.SearchStrategy[str] = ENTRIES) -> list[str]:
    values = draw(st.lists(st.lists(entries, min_size=1, max_size=3), max_size=3))
    return [draw(SEPARATORS).join(value) for value in values]


def uris(data: bytes) -> list[bytes]:
    """The URIs of all Routes."""
    routes = RouteSet(Message(data))
    return [entry.uri for number in range(len(routes.headers)) for entry in routes.entries(number)]


def others(data: bytes, *left_out: bytes) -> list[bytes]:
    """Every header but the Routes and those left out, and the body."""
    message = Message(data)
    return [*(data[h.start : h.end] for name, h in message.headers() if name.lower() not in (b"route", *left_out)), message.body]


@many(600)
@given(route_headers(), RURIS, st.booleans())
def test_hops_are_taken_from_the_ends_alone(headers: list[str], ruri: str, in_dialog: bool) -> None:
    """Of n Routes at most two of ours go from the top, and one to or from the R-URI; none is changed, none changes places."""
    received = routed(*headers, ruri=ruri) if in_dialog else initial(*headers, ruri=ruri)
    req = PROXY.request(received)
    code = req.loose_route()
    sent = req.build()
    before, after = uris(received), uris(sent)
    steps = {step.text for step in req.trace if step.name == "way"}
    if code is ReturnCode.FAILED and not steps:
        assert after == before[len(before) - len(after) :]
    elif "loose to strict" in steps:
        assert after[-1] == ruri.encode()
        assert any(after[:-1] == before[1 + own :] and req.ruri in targets(before[own]) for own in range(3) if own < len(before))
    elif "strict to loose" in steps:
        assert any(after == before[own:-1] for own in range(2))
        assert req.ruri in targets(before[-1])
    elif "strict to strict" in steps:
        assert any(after == before[1 + own :] and req.ruri in targets(before[own]) for own in range(2) if own < len(before))
    else:
        assert any(after == before[own:] for own in range(3))
        assert req.ruri == ruri
    assert len(after) <= len(before) + 1
    assert others(sent) == others(received)


def targets(uri: bytes) -> tuple[str, ...]:
    """What a Route's URI may become as a target: itself, or its maddr."""
    hop = Hop.parse(uri)
    return (uri.decode(), f"sip:{hop.maddr.decode()}") if hop.maddr else (uri.decode(),)


@many(400)
@given(route_headers(st.one_of(ENTRIES, FAULTY)), RURIS, st.booleans())
def test_faulty_routes_spoil_nothing_else(headers: list[str], ruri: str, in_dialog: bool) -> None:
    received = routed(*headers, ruri=ruri) if in_dialog else initial(*headers, ruri=ruri)
    req = PROXY.request(received)
    assert req.loose_route() in (ReturnCode.OK, ReturnCode.FAILED)
    assert others(req.build()) == others(received)


@many(200)
@given(route_headers(), RURIS, PARAMS)
def test_recording_touches_nothing_that_is_there(headers: list[str], ruri: str, params: str) -> None:
    """With and without loose_route before, the Record-Route is what is added to the result, in one place."""
    received = routed(*headers, ruri=ruri)
    alone, both = PROXY.request(received), PROXY.request(received)
    alone.loose_route()
    both.loose_route()
    assert both.record_route(params)
    assert both.build("udp:10.0.0.1:5060") == stamped(alone.build(), f"<sip:10.0.0.1;lr;ftag=caller{params}>")


# Streams.

BODIES = st.sampled_from([b"", b"v=0\r\n", b"\r\n\r\n", b"BYE sip:a SIP/2.0\r\nl: 0\r\n\r\n", bytes(range(64))])
STARTS = st.sampled_from([b"MESSAGE sip:a SIP/2.0", b"SIP/2.0 200 OK"])
LENGTHS = st.sampled_from([b"Content-Length: %d", b"l:%d", b"CONTENT-LENGTH :\r\n %d"])
ENDS = st.sampled_from([b"\r\n", b"\n"])


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """Messages, and the stream that they come in, keep-alives between them."""
    messages, stream = [], b""
    for _ in range(draw(st.integers(0, 5))):
        body, end = draw(BODIES), draw(ENDS)
        length = draw(LENGTHS) % len(body)
        message = end.join([draw(STARTS), b"X: y", length, b"", body])
        messages.append(message)
        stream += b"\r\n" * draw(st.integers(0, 2)) + message
    return messages, stream


@many(300)
@given(streams(), st.lists(st.integers(1, 40)))
def test_chunks_of_a_stream_do_not_matter(drawn: tuple[list[bytes], bytes], sizes: list[int]) -> None:
    """Whole, byte by byte, or cut anywhere: the same messages, the same keep-alives, nothing pending."""
    messages, stream = drawn
    assume(messages)
    cuts = [[len(stream)], [1] * len(stream), [*sizes, len(stream)]]
    keepalives = set()
    for cut in cuts:
        framer, rest, found = StreamFramer(), stream, []
        for size in cut:
            found += framer.feed(rest[:size])
            rest = rest[size:]
        assert found == messages
        assert framer.pending == b""
        keepalives.add(framer.keepalives)
    assert len(keepalives) == 1


def test_ask_is_the_usual_proxy() -> None:
    """The helper's proxy is the one that these properties are about."""
    assert ask(initial()).identity.listeners == PROXY.identity.listeners
