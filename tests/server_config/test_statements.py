"""The statements of both servers: aliases, modules and their parameters, and what stands in blocks."""

from pathlib import Path

import pytest

from scapy_rr.rr.domains import Domain

from .reading import ignored, reading

BOTH = pytest.mark.parametrize("dialect", ["kamailio", "opensips"])

QUOTED = "in quotes the port is part of the name; write it behind them"
BELOW = "the names below it are the proxy, too; give those that matter with --domain"
ALIASES = {
    "alias=a.example": (["a.example"], []),
    'alias="a.example"': (["a.example"], []),
    "alias = a.example:5060 udp:b.example:5070\n tcp:c.example": (["a.example:5060", "udp:b.example:5070", "tcp:c.example"], []),
    'alias="a.example":5060;alias="b.example"': (["a.example:5060", "b.example"], []),
    "alias=192.0.2.7:5060 [2001:db8::9]:5070": (["192.0.2.7:5060", "[2001:db8::9]:5070"], []),
    "alias=(a.example, b.example):5070": (["a.example:5070", "b.example:5070"], []),
    "alias=a\nb.example\nchildren=4": (["a", "b.example"], []),
    "alias=*:a.example alias=any:b.example": (["a.example", "b.example"], []),
    'alias="a.example:5060"': ([], [("alias a.example:5060", 1, QUOTED)]),
    'alias="a b"\nalias=c': (["c"], [("alias a b", 1, "domain 'a b' is not [proto:]host[:port]")]),
    "alias=a:65536": ([], [("alias a:65536", 1, "domain 'a:65536' is not [proto:]host[:port]")]),
    "alias=HOSTNAME alias=Example.COM": (["Example.COM"], [("alias HOSTNAME", 1, "it is a define that is not known here")]),
    "\nalias=$x\nalias=a": (["a"], [("alias", 2, "a host is expected before '$x'")]),
    "alias=a accept_subdomain\nalias=b": (["a", "b"], [("alias a accept_subdomain", 1, BELOW)]),
    "alias": ([], []),
    "alias {": ([], [("{", 1, "it is not closed: nothing behind it is read")]),
}


@BOTH
@pytest.mark.parametrize("text", ALIASES, ids=repr)
def test_aliases(tmp_path: Path, text: str, dialect: str) -> None:
    config = reading(tmp_path, text, dialect)
    domains, named = ALIASES[text]
    assert list(config.domains) == domains
    assert [one.value for one in config.taken if one.what == "domain"] == domains
    assert all(Domain.parse(domain) for domain in config.domains)
    assert [one for one in ignored(config) if one[0] != "socket"] == named


@BOTH
def test_what_stands_in_a_block_is_no_statement(tmp_path: Path, dialect: str) -> None:
    text = """
route {
    if ($rU == "}") { alias=no.example; } # }
    switch ($(var(x){s.len})) { case "{": /* } */ listen=udp:10.9.9.9:5060; }
    xlog("alias=no.example {\\" {");
}
alias=yes.example
}
route[1] { alias=no.example }
alias=behind.example
"""
    config = reading(tmp_path, text, dialect)
    assert config.domains == ("yes.example", "behind.example")
    assert config.listen == ()


@BOTH
def test_a_block_that_is_not_closed(tmp_path: Path, dialect: str) -> None:
    config = reading(tmp_path, "alias=a\n\nroute { if {\n}\nalias=b", dialect)
    assert config.domains == ("a",)
    assert ("{", 3, "it is not closed: nothing behind it is read") in ignored(config)


PARAMETERS = {
    'modparam("rr", "append_fromtag", 0)': ({"append_fromtag": 0}, []),
    "modparam('rr', 'append_fromtag', no)": ({"append_fromtag": 0}, []),
    'modparam ( "rr" ,\n"append_" "fromtag" , "1" )': ({"append_fromtag": "1"}, []),
    'modparam("tm|rr", "add_username", 0x1)': ({"add_username": 1}, []),
    'modparam("tm", "fr_timer", 5)\nmodparam("acc", "db_url", DBURL)': ({}, []),
    '\nmodparam("rr", "append_fromtag", LATER)': ({}, [("modparam", 2, "a number is expected before 'LATER'")]),
    'modparam("rr", "append_fromtag")': ({}, [("modparam", 1, "',' is expected before ')'")]),
    'modparam("rr")': ({}, [("modparam", 1, "',' is expected before ')'")]),
    "modparam(rr, 1)": ({}, [("modparam", 1, "a string in quotes is expected before 'rr'")]),
    "modparam": ({}, [("modparam", 1, "'(' is expected at the end")]),
    'modparam("r(r", "a", 1)': ({}, [("modparam", 1, "regular expression '^(r(r)$': a parenthesis is not closed (at character 7)")]),
    'modparam("rr", "append_fromtag", -1)': ({}, [("parameter rr.append_fromtag", 1, "parameter append_fromtag is 0 or 1, not -1")]),
}


@BOTH
@pytest.mark.parametrize("text", PARAMETERS, ids=repr)
def test_parameters(tmp_path: Path, text: str, dialect: str) -> None:
    config = reading(tmp_path, text, dialect)
    parameters, named = PARAMETERS[text]
    assert config.parameters == parameters
    assert [one for one in ignored(config) if one[0] != "socket"] == named


def test_parameters_with_defines(tmp_path: Path) -> None:
    text = """
#!define DBURL "sqlite:///nothing.db"
#!define WORD secret
modparamx("domain", "db_url", "$def(DBURL)")
modparamx("domain", "register_myself", 1)
modparamx("outbound", "flow_token_secret", "$defs(WORD)-$def(WORD)")
modparam("outbound", "flow_token_secret", "$def(WORD)")
modparamx("outbound", "flow_token_secret", "$def(NOWHERE)")
modparamx("outbound", "flow_token_secret", "$env(HOST)")
"""
    config = reading(tmp_path, text)
    assert [(one.value, one.line) for one in config.taken if "flow_token" in one.what] == [("secret-secret", 6), ("$def(WORD)", 7)]
    assert ignored(config) == [
        ("modparamx", 8, "$def(NOWHERE) is not known here"),
        ("modparamx", 9, "the variable in '$env(HOST)' is not known here"),
        ("domain db_url", 4, "there is no /nothing.db; give the names with --domain or --domains"),
    ]


@BOTH
def test_modules(tmp_path: Path, dialect: str) -> None:
    """Without ``db_url`` the database is one that the server's program names."""
    text = 'loadmodule "domain.so"\nmodparam("domain", "register_myself", 1)\nloadmodule domain'
    assert "domain db_url" in [what for what, _, _ in ignored(reading(tmp_path, text, dialect))]


@BOTH
@pytest.mark.parametrize(("value", "line"), [("yes", 2), ("no", 0)])
def test_names_of_addresses(tmp_path: Path, dialect: str, value: str, line: int) -> None:
    config = reading(tmp_path, f"\nauto_aliases={value}", dialect)
    assert [one.line for one in config.ignored if one.what == "auto_aliases"] == ([line] if line else [])
