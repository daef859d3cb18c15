"""The module parameters that matter, for both servers."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.rr.dialect import KAMAILIO, OPENSIPS, Dialect
from scapy_rr.rr.parameters import Parameters
from scapy_rr.server_config.found import Findings, Place
from scapy_rr.server_config.modules import ModuleParameters, Setting

from .reading import ignored

PLACE = Place(Path("server.cfg"), 3)


@pytest.mark.parametrize(
    ("dialect", "expression", "modules"),
    [
        (KAMAILIO, "rr", ["rr"]),
        (KAMAILIO, "RR", ["rr"]),
        (KAMAILIO, "rr|domain", ["rr", "domain"]),
        (KAMAILIO, "outbound|r.", ["rr", "outbound"]),
        (KAMAILIO, ".*", ["rr", "domain", "outbound", "corex"]),
        (KAMAILIO, "tm", []),
        (KAMAILIO, "rrr", []),
        (OPENSIPS, "outbound", []),
        (OPENSIPS, "proto_(udp|tls)", ["proto_udp", "proto_tls"]),
    ],
)
def test_which_modules_are_meant(dialect: Dialect, expression: str, modules: list[str]) -> None:
    assert ModuleParameters(dialect, Findings()).concerned(expression) == modules


def test_no_expression() -> None:
    with pytest.raises(ConfigError, match="a parenthesis is not closed"):
        ModuleParameters(KAMAILIO, Findings()).concerned("(rr")


SET = [
    (OPENSIPS, "rr", "append_fromtag", 0, {"append_fromtag": 0}),
    (OPENSIPS, "rr", "enable_double_rr", "1", {"enable_double_rr": "1"}),
    (KAMAILIO, "rr", "enable_double_rr", 2, {"enable_double_rr": 2}),
    (KAMAILIO, "rr", "enable_full_lr", 1, {"enable_full_lr": 1}),
    (KAMAILIO, "outbound", "flow_token_secret", "johndoe", {"flow_token_key": "johndoe"}),
]


@pytest.mark.parametrize(("dialect", "module", "name", "value", "parameters"), SET)
def test_taken(dialect: Dialect, module: str, name: str, value: int | str, parameters: dict[str, int | str]) -> None:
    findings = Findings()
    ModuleParameters(dialect, findings).set(module, name, value, PLACE)
    assert (findings.parameters, findings.ignored) == (parameters, [])
    assert findings.taken == [(f"parameter {module}.{name}", str(value), *PLACE)]
    assert Parameters.parse(dict(parameters), dialect)


NOT_SET = [
    (OPENSIPS, "rr", "enable_full_lr", 1, "there is none such here; those there are: append_fromtag, enable_double_rr, add_username,"),
    (KAMAILIO, "rr", "custom_user", "a", "there is none such here; those there are: append_fromtag,"),
    (KAMAILIO, "rr", "flow_token_key", "a", "there is none such here"),
    (KAMAILIO, "rr", "custom_user_avp", "$avp(u)", "the script sets that AVP while it runs; give the user with -p custom_user=USER"),
    (KAMAILIO, "rr", "append_fromtag", 7, "parameter append_fromtag is 0 or 1, not 7"),
    (KAMAILIO, "outbound", "flow_token_secret", "", "parameter flow_token_key is empty"),
    (KAMAILIO, "outbound", "force_outbound_flag", 1, "flags of the script have no meaning here"),
]


@pytest.mark.parametrize(("dialect", "module", "name", "value", "why"), NOT_SET)
def test_not_taken(dialect: Dialect, module: str, name: str, value: int | str, why: str) -> None:
    findings = Findings()
    ModuleParameters(dialect, findings).set(module, name, value, PLACE)
    assert (findings.parameters, findings.taken) == ({}, [])
    assert [told.what for told in findings.ignored] == [f"parameter {module}.{name}"]
    assert findings.ignored[0].why.startswith(why)


def test_the_last_value_counts() -> None:
    findings = Findings()
    modules = ModuleParameters(KAMAILIO, findings)
    modules.set("rr", "append_fromtag", 0, PLACE)
    modules.set("rr", "append_fromtag", 1, PLACE)
    assert findings.parameters == {"append_fromtag": 1}


def test_names_with_all_below_them() -> None:
    findings = Findings()
    modules = ModuleParameters(KAMAILIO, findings)
    modules.set("corex", "alias_subdomains", "udp:a.example:5060", PLACE)
    modules.set("corex", "alias_subdomains", "a b", PLACE)
    modules.set("corex", "nio_intercept", 1, PLACE)
    assert findings.domains == ["udp:a.example:5060"]
    assert [told.why for told in findings.ignored] == [
        "the names below it are the proxy, too; give those that matter with --domain",
        "domain 'a b' is not [proto:]host[:port]",
    ]


def test_default_ports() -> None:
    modules = ModuleParameters(OPENSIPS, Findings())
    modules.set("proto_tls", "tls_port", 5062, PLACE)
    modules.set("proto_tls", "tls_async", 1, PLACE)
    assert modules.default_ports == {"tls": 5062}


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file where a database should be: it is not opened here."""
    path = tmp_path / "domains.db"
    path.touch()
    return path


def with_domain(dialect: Dialect, findings: Findings, **settings: int | str) -> ModuleParameters:
    """With these parameters of the domain module."""
    modules = ModuleParameters(dialect, findings)
    modules.load("/usr/lib/domain.so", PLACE)
    for name, value in settings.items():
        modules.set("domain", name, value, PLACE)
    return modules


def test_the_database_of_domains(database: Path) -> None:
    """With three slashes or four, from the root folder; Kamailio's only where its names are the proxy itself."""
    for url in (f"sqlite:///{database}", f"sqlite://{database}"):
        for dialect in (OPENSIPS, KAMAILIO):
            findings = Findings()
            with_domain(dialect, findings, db_url=url, register_myself=1).conclude()
            assert (findings.domain_sources, findings.ignored) == ([f"sqlite:///{database}"], [])
            assert findings.taken == [("domain database", f"sqlite:///{database}", *PLACE)]


def test_a_database_with_parameters_in_another_folder(database: Path) -> None:
    findings = Findings()
    with_domain(KAMAILIO, findings, db_url="sqlite:///domains.db?mode=ro", register_myself=1).conclude(workdir=str(database.parent))
    assert findings.domain_sources == [f"sqlite:///{database}"]


def test_the_default_database(database: Path) -> None:
    findings = Findings()
    with_domain(OPENSIPS, findings).conclude(Setting(f"sqlite:///{database}", PLACE))
    assert findings.domain_sources == [f"sqlite:///{database}"]


GIVE = "; give the names with --domain or --domains"
NO_DATABASE: list[tuple[Dialect, dict[str, int | str], list[tuple[str, int, str]]]] = [
    (KAMAILIO, {}, []),
    (KAMAILIO, {"register_myself": 0}, []),
    (KAMAILIO, {"db_url": "sqlite:///a"}, [("domain db_url", 3, "without register_myself its names are not the proxy itself")]),
    (KAMAILIO, {"register_myself": 1}, [("domain db_url", 3, "no database is named, and the module's own is not read" + GIVE)]),
    (OPENSIPS, {}, [("domain db_url", 3, "no database is named, and the module's own is not read" + GIVE)]),
    (OPENSIPS, {"db_url": "mysql://u:secret@h/d"}, [("domain db_url", 3, "a database of 'mysql' is not read" + GIVE)]),
    (OPENSIPS, {"db_url": "sqlite:///no/such.db"}, [("domain db_url", 3, "there is no /no/such.db" + GIVE)]),
    (OPENSIPS, {"db_url": "sqlite:/a"}, [("domain db_url", 3, "a database of 'sqlite:/a' is not read" + GIVE)]),
    (OPENSIPS, {"domain_table": "names"}, [('domain domain_table "names"', 3, "the table and its column are called 'domain' here")]),
    (OPENSIPS, {"domain_col": "name"}, [('domain domain_col "name"', 3, "the table and its column are called 'domain' here")]),
]


@pytest.mark.parametrize(("dialect", "settings", "named"), NO_DATABASE)
def test_no_database_of_domains(dialect: Dialect, settings: dict[str, int | str], named: list[tuple[str, int, str]]) -> None:
    findings = Findings()
    with_domain(dialect, findings, **settings).conclude()
    assert (findings.domain_sources, findings.taken) == ([], [])
    assert ignored(findings) == named


def test_without_the_module() -> None:
    findings = Findings()
    modules = ModuleParameters(OPENSIPS, findings)
    modules.load("rr.so", PLACE)
    modules.conclude(Setting("mysql://h/d", PLACE))
    assert findings.ignored == []
