"""Text with pseudo-variables: where they begin and end, what is refused, and what is printed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError
from scapy_rr.rr.dialect import KAMAILIO, OPENSIPS, Dialect
from scapy_rr.rr.pseudo_variables import Format, parse, pv
from scapy_rr.sip.text import encode
from tests.rr.requests import ask, kamailio, routed, text

REQUEST = text("X-A: 1", "X-A: 2", ruri="sip:bob@h:7", from_="<sip:alice@a>", to="<sip:\xe9\xff@b>;tag=b")

# Kamailio prints the same of each (tests/peers).
PRINTED = {
    "": "",
    "none": "none",
    "$ru": "sip:bob@h:7",
    "$(ru)": "sip:bob@h:7",
    "sip:$rU@$rd:$rp;x=$cs": "sip:bob@h:7;x=2",
    "$rU$rd": "bobh",
    "$rU-x, $rU:x": "bob-x, bob:x",
    "$(rU)x": "bobx",
    "$rU[1]{s.len}": "bob[1]{s.len}",
    "$ft": "<null>",
    "[$hdr(none)] [$(hdr(X-A)[7])]": "[<null>] [<null>]",
    "$hdr(X-A)x": "1x",
    "$hdr(X-A)[1]": "1[1]",
    "$(hdr(X-A)[1])$(hdr(x-a)[-2])": "21",
    "$$ $($) $$ru $$$ru": "$ $ $ru $sip:bob@h:7",
    "$tU": "\xe9\xff",
}


@pytest.mark.parametrize(("given", "printed"), PRINTED.items())
@pytest.mark.parametrize("dialect", ["opensips", "kamailio"])
def test_expand(given: str, printed: str, dialect: str) -> None:
    assert parse(given, Dialect(dialect)).expand(ask(REQUEST, dialect=dialect)) == printed


def test_null_that_is_not_printed() -> None:
    """What a function gives that fails, not what is null: Kamailio's $route_uri without a Route."""
    assert parse("[$route_uri]", KAMAILIO).expand(kamailio(routed())) == "[]"
    assert parse("[$route_uri]", KAMAILIO).expand(kamailio(routed("<sip:a;lr>"))) == "[sip:a;lr]"
    assert parse("[$rr_params]", OPENSIPS).expand(ask(routed())) == "[<null>]"


@pytest.mark.parametrize(
    ("given", "is_plain"), [("", True), ("none", True), ("$$ru", True), ("\u20ac", True), ("$ru", False), ("a $(ru)", False)]
)
def test_is_plain(given: str, is_plain: bool) -> None:
    assert parse(given, OPENSIPS).is_plain is is_plain


def test_letters_that_are_several_bytes() -> None:
    """In one text with a value they become the same bytes as alone."""
    printed = parse("\u20ac$tU\u20ac", OPENSIPS).expand(ask(REQUEST))
    assert encode(printed) == b"\xe2\x82\xac\xe9\xff\xe2\x82\xac"
    assert encode(parse("\xe9\u20ac$$", OPENSIPS).expand(ask(REQUEST))) == "\xe9\u20ac$".encode()


# What Kamailio does not start with, either (tests/peers).
REFUSED = {
    "sip:$foo": r"character 5 of 'sip:\$foo': unknown pseudo-variable '\$foo'; those there are: \$ru, \$rU, ",
    "$rua": r"unknown pseudo-variable '\$rua'",
    "$rd.x": r"unknown pseudo-variable '\$rd\.x'",
    "$ru_": r"unknown pseudo-variable '\$ru_'",
    "$ru(x)": r"unknown pseudo-variable '\$ru\(x\)'",
    "$(ru(x))": r"unknown pseudo-variable '\$ru\(x\)'",
    "$hdr": r"unknown pseudo-variable '\$hdr'; .*\$hdr\(name\)",
    "$(ru[0])": r"character 1 of .*: \$ru has no index, only \$hdr\(name\) has one",
    "a $": r"character 3 of 'a \$': no pseudo-variable begins with this \$, and \$\$ is the \$ itself; those there are: \$ru, ",
    "$ ru": "no pseudo-variable begins",
    "$(ru": "no pseudo-variable begins",
    "$( ru )": "no pseudo-variable begins",
    "$($": "no pseudo-variable begins",
    "$hdr(a": "no pseudo-variable begins",
    "$hdr()": "no pseudo-variable begins",
    "$hdr(a(b))": "no pseudo-variable begins",
    "$(hdr (a))": "no pseudo-variable begins",
    "$hdr(a b)": "'a b' is no header name",
    "$(hdr(a)[x])": r"the index of \$hdr\(a\) is a number, from the end where it is negative, not 'x'",
    "$(hdr(a)[])": "is a number",
}
# What Kamailio takes, and OpenSIPS too.
REFUSED_HERE = {
    "$(ru{s.len})": r"\$ru with the transformation \{s\.len\}; there are no transformations here",
    "$(hdr(a)[1]{s.len}{s.len})": r"\$hdr\(a\) with the transformation \{s\.len\}",
    "$(hdr(a)[*])": "is a number",
    "$hdr($ru)": "is no header name",
    "$var(x)": r"unknown pseudo-variable '\$var\(x\)'",
}


@pytest.mark.parametrize(("given", "reason"), (REFUSED | REFUSED_HERE).items())
@pytest.mark.parametrize("dialect", [OPENSIPS, KAMAILIO], ids=lambda one: one.name)
def test_refused(given: str, reason: str, dialect: Dialect) -> None:
    with pytest.raises(ConfigError, match=reason):
        parse(given, dialect)


OTHERS = {"opensips": ("$route_uri", "$Ri", "$rdir(x)", "$fs"), "kamailio": ("$rr_params", "$socket_in(ip)", "$socket_in")}


@pytest.mark.parametrize(("dialect", "name"), [(dialect, name) for dialect, names in OTHERS.items() for name in names])
def test_each_server_has_its_own(dialect: str, name: str) -> None:
    with pytest.raises(ConfigError, match="unknown pseudo-variable"):
        parse(name, Dialect(dialect))


@pytest.mark.parametrize("dialect", [OPENSIPS, KAMAILIO], ids=lambda one: one.name)
def test_every_one_of_the_dialect_is_there(dialect: Dialect) -> None:
    for name in dialect.pseudo_variables:
        assert pv(ask(routed(), dialect=dialect), name) == ask(routed(), dialect=dialect).pv(f"$({name[1:]})")


def test_pv_takes_one_name() -> None:
    req = ask(REQUEST)
    assert (pv(req, "$ru"), req.pv("$(rU)"), req.pv("$ft")) == ("sip:bob@h:7", "bob", None)
    for name in ("", "ru", "$ru ", "$ru$ru", "$$"):
        with pytest.raises(ConfigError, match=r"is not the name of a pseudo-variable; those there are: \$ru, .*\$socket_out\(forced\)$"):
            pv(req, name)


def test_a_text_is_parsed_once() -> None:
    assert parse("once: $ru", OPENSIPS) is parse("once: $ru", OPENSIPS)
    assert parse.cache_info().maxsize is not None


@given(st.lists(st.sampled_from([*"$()[]{}.-1a \xe9\u20ac", "$ru", "$(", "hdr(", "rU)"]), max_size=10))
def test_any_text_is_parsed_or_refused(pieces: list[str]) -> None:
    given = "".join(pieces)
    try:
        found = parse(given, OPENSIPS)
    except ConfigError:
        assert "$" in given
        return
    assert isinstance(found, Format)
    printed = found.expand(ask(REQUEST))
    assert printed == encode(printed).decode("latin-1")
    if "$" not in given:
        assert encode(printed) == encode(given)
