"""Strategies for Route headers: sets that a dialog would have, sets that nobody should send, and how they are written down."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from hypothesis import strategies as st

from .case import Configuration
from .tokens import key, token

T = TypeVar("T")

# They stand for the tags of From and To until these are known: the strategies, costly to make, are the same for all requests.
FROM_TAG, TO_TAG = "{from-tag}", "{to-tag}"

FOREIGN = ("127.0.0.7", "p3.example.net", "127.0.0.7:5062", "[2001:db8::9]:5070", "far.example:5061", "192.0.2.9", "lr.example")
_USERS = ("", "", "", "u@", "u:p@", "@", "+1555;lr@", "b%6Fb;x=y@", "c?d@", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@")
_LR = ("lr", "lr", "lr", "lr=on", "LR", "lr=no", "lr=", " lr", "lr ", "lr =on", "xlr", "lrx=1", "x=lr", 'x=";lr"', "l;lr", ";lr")
_R2 = ("r2=on", "r2=on", "r2", "R2=on", "r2=off", "r2 =on", "r2=", "r;r2=on", ";r2=on", "xr2=on")
_PLAIN = ("transport=tcp", "transport=udp", "x", "nat=yes", "foo=bar", "n=1", "ob")
_ODD = (
    *("transport=TCP", "transport=tls", "transport=sctp", "transport=", "transport", "maddr=127.0.0.6", "maddr=127.0.0.1", "maddr="),
    *("maddr", "maddr=[::1]", "maddr=m.example", f"maddr={'a' * 120}.example", "gr", "gr=x", "user=phone", "method=INVITE", "ttl=1"),
    *("received=1", "", "l", "r", "ob=1", "x=y=z", "a%20b=c", 'x="a,b"', 'x="a', "p='a'", "comp=sigcomp", "lrlr", "f", "tag=z"),
)
_DISPLAYS = ("", "", "", "", "Name ", '"N, n" ', '"a<b" ', '"q\\"x" ', '"a;lr"', "Two Words ", '""', '"abc ')
_TAILS = ("", "", "", "", ";h=v", " ;h=v", ';x="a,b"', ";lr", ";r2=on", " ", ";", ' ; foo = "b<c>" ')
_BROKEN = (
    "<nonsense",
    "<nonsense>",
    "<>",
    "sip:127.0.0.1;lr",
    "<sip:>",
    "<sip:127.0.0.1:99999;lr>",
    "<sip:127.0.0.1:;lr>",
    "<tel:+1;lr>",
    "x",
)
_SEPARATORS = (", ", ", ", ",", " ,\r\n ", "\t,\t", ",\r\n\t")
_NAMES = ("Route: ", "Route: ", "Route: ", "Route:", "ROUTE: ", "route : ", "Route:\r\n ", "Route:\t", "Route:   ")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What Routes may refer to.

    :param own: hosts, with or without port, that are the server's own, and some that only look so.
    :param users: further user parts, flow tokens.
    """

    own: tuple[str, ...]
    users: tuple[str, ...] = ()


def own_hosts(configuration: Configuration) -> tuple[str, ...]:
    """What a Route to the server may have as its host."""
    hosts: list[str] = []
    for listener in configuration.listen:
        socket, _, face = listener.partition(" as ")
        address = socket.partition(":")[2]
        host, _, port = address.rpartition(":")
        hosts += [host if port == "5060" else address, address, host, f"{host}:5099"]
        if face:
            hosts += [face, face.rpartition(":")[0], f"{face.rpartition(':')[0]}:{port}"]
    hosts += [other for domain in configuration.domains for other in (domain, domain.upper(), f"{domain.partition(':')[0]}:5066")]
    if any("[::1]" in host for host in hosts):
        hosts += ["[0:0:0:0:0:0:0:1]", "[::0001]:5060"]
    return tuple(dict.fromkeys(hosts))


def token_users(configuration: Configuration, source: str) -> tuple[str, ...]:
    """User parts with flow tokens: of this flow, of others, of a socket that is not there, of another key, tampered."""
    secret = dict(configuration.params).get("flow_token_key")
    if secret is None:
        return ()
    other = "[::1]:25060" if "[" in source else "127.0.0.6:25060"
    good = [
        token(key(secret), socket, peer) for socket in configuration.sockets for peer in (source, other) if ("[" in socket) == ("[" in peer)
    ]
    bad = [token(key(secret), "udp:127.0.0.99:5060", "127.0.0.6:25060"), token(key("no"), "udp:127.0.0.1:5060", "127.0.0.6:25060")]
    return tuple(f"{one}@" for one in [*good, *bad, "A" + good[0][1:] if good else "", good[0][:-4] if good else ""])


def uris(hosts: tuple[str, ...], around: Surroundings, always: st.SearchStrategy[list[str]]) -> st.SearchStrategy[str]:
    """URIs at these hosts with some parameters, those of ``always`` among them."""
    usual = st.sampled_from((*_PLAIN, *(f"ftag={tag}" for tag in (FROM_TAG, TO_TAG, "other", "z"))))
    odd = st.sampled_from((*_ODD, "ftag=", "ftag", f"FTAG={FROM_TAG}", "ftag=z", f'ftag="{FROM_TAG}"'))
    more: st.SearchStrategy[list[str]] = st.one_of(st.just([]), st.lists(usual, max_size=3), st.lists(st.one_of(usual, odd), max_size=3))
    return st.builds(
        lambda scheme, user, host, one, two, turned, tail: (
            f"{scheme}:{user}{host}{''.join(f';{p}' for p in (two + one if turned else one + two))}{tail}"
        ),
        rarely(st.sampled_from(("sips", "SIP", "Sips")), st.just("sip"), 12),
        rarely(st.sampled_from((*_USERS, *around.users)), st.sampled_from(("", *around.users, *around.users)), 4),
        st.sampled_from(hosts),
        always,
        more,
        st.booleans(),
        rarely(st.sampled_from(("?a=b", "?lr", "?", ";", " ")), st.just(""), 20),
    )


def rarely(seldom: st.SearchStrategy[T], usual: st.SearchStrategy[T], one_in: int) -> st.SearchStrategy[T]:
    """One of the first sort in so many; what shrinks is of the other."""
    return st.integers(0, one_in - 1).flatmap(lambda number: seldom if number == one_in - 1 else usual)


@lru_cache
def entries(around: Surroundings) -> st.SearchStrategy[list[str]]:
    """The entries of a route set, in their order."""
    loose = rarely(st.sampled_from(_LR).map(lambda one: [one]), st.just(["lr"]), 5)
    own = uris(around.own, around, loose)
    foreign = uris(FOREIGN, around, rarely(st.just([]), loose, 4))
    doubled = uris(
        around.own, around, st.tuples(rarely(st.sampled_from(_R2), st.just("r2=on"), 4), loose).map(lambda two: [two[0], *two[1]])
    )
    pair = st.tuples(doubled, rarely(st.one_of(own, foreign), doubled, 5))
    units: st.SearchStrategy[list[str]] = st.one_of(
        own.map(lambda one: [_bracketed(one)]),
        foreign.map(lambda one: [_bracketed(one)]),
        pair.map(lambda two: [_bracketed(one) for one in two]),
        rarely(st.sampled_from(_BROKEN).map(lambda one: [one]), foreign.map(lambda one: [_bracketed(one)]), 8),
    )
    some = st.integers(0, 7).flatmap(lambda number: st.lists(units, min_size=1, max_size=4) if number else st.just([]))
    plain = some.map(lambda all_: [one for unit in all_ for one in unit])
    return rarely(plain.flatmap(_dressed), plain, 2)


def _bracketed(uri: str) -> str:
    return f"<{uri}>"


def _dressed(plain: list[str]) -> st.SearchStrategy[list[str]]:
    """With display names and parameters of the header."""
    around = st.lists(st.tuples(st.sampled_from(_DISPLAYS), st.sampled_from(_TAILS)), min_size=len(plain), max_size=len(plain))
    return around.map(lambda dress: [before + one + after for one, (before, after) in zip(plain, dress, strict=True)])


@st.composite
def headers(draw: st.DrawFn, around: Surroundings) -> list[str]:
    """The lines of the Route headers."""
    lines: list[str] = []
    for entry in draw(entries(around)):
        joined = draw(st.booleans())
        if lines and joined:
            lines[-1] += draw(st.sampled_from(_SEPARATORS)) + entry
        else:
            lines.append(draw(rarely(st.sampled_from(_NAMES), st.just("Route: "), 4)) + entry)
    if lines and draw(st.integers(0, 29)) == 29:
        place = draw(st.integers(0, len(lines) - 1))
        lines[place] = draw(
            st.sampled_from((lines[place] + ",", lines[place].replace(":", ": ,", 1), "Route:", "Route: ", lines[place] + " x"))
        )
    return lines
