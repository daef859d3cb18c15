"""Labs described in TOML, and what is said of a file that describes none."""

from pathlib import Path

import pytest

from scapy_rr.errors import ConfigError
from scapy_rr.live.lab.description import BUILT_IN, Role, built_in, find_scenario, load

BASIC = "".join(line for line in (BUILT_IN / "basic-call.toml").read_text().splitlines(keepends=True) if not line.startswith("#"))


def saved(folder: Path, text: str, name: str = "mine.toml") -> Path:
    """A file of that text."""
    path = folder / name
    path.write_text(text)
    return path


def test_built_in_labs() -> None:
    assert built_in() == ["basic-call", "nat", "networks", "tcp", "two-proxies"]
    for name in built_in():
        lab = load(name)
        assert lab.name == name
        assert lab.about
        assert (lab.scenario / "caller.xml").is_file()


def test_basic_call() -> None:
    lab = load("basic-call")
    assert [(host.name, host.role, host.program) for host in lab.hosts.values()] == [
        ("caller", Role.CALLER, "sipp"),
        ("proxy", Role.PROXY, "scapy-rr"),
        ("callee", Role.CALLEE, "sipp"),
    ]
    caller = lab.hosts["caller"]
    assert ([str(one) for one in caller.listen], caller.calls, caller.through) == (
        ["udp:10.0.0.5:5060"],
        "sip:callee@10.0.0.9:5060",
        "10.0.0.1:5060",
    )
    assert [link.name for link in lab.links] == ["caller-proxy", "proxy-callee"]
    ends = [(end.host, str(end.address), across.host, str(across.address)) for end, across in lab.ends_of("proxy")]
    assert ends == [("proxy", "10.0.0.1", "caller", "10.0.0.5"), ("proxy", "10.0.0.1", "callee", "10.0.0.9")]


def test_names_routers_and_gateways() -> None:
    assert load("two-proxies").hosts["first"].names == (("callee.lab", "10.0.0.2"),)
    nat = load("nat")
    assert (nat.hosts["caller"].gateway, nat.hosts["router"].masquerade, nat.hosts["router"].program) == ("router", "proxy", "")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    for role in ("caller", "callee"):
        (tmp_path / "calls").mkdir(exist_ok=True)
        (tmp_path / "calls" / f"{role}.xml").write_text("<scenario/>")
    path = saved(
        tmp_path, BASIC.replace('scenario = "call"', 'scenario = "calls"').replace('role = "proxy"', 'role = "proxy"\noptions = ["-v"]')
    )
    lab = load(str(path))
    assert (lab.name, lab.scenario) == ("mine", tmp_path / "calls")
    assert lab.hosts["proxy"].options == ("-v",)


# What is replaced by what in the file of basic-call, and what is said then.
FAULTS = {
    "TOML": ("about =", "about", r"Expected '=' after a key .*line 2"),
    "unknown key": ("about =", "abuot =", r"line 2: abuot: unknown key; those there are: about, scenario, hosts, links"),
    "hosts": ("[hosts.caller]", "[[hosts]]", r"line 6: hosts: it is tables, \[hosts.NAME\] each"),
    "unknown key of a host": (
        "through =",
        "trough =",
        r"line 10: hosts.caller.trough: unknown key; those there are: role, gateway, program, ",
    ),
    "key of another role": ('role = "callee"', 'role = "callee"\nthrough = "a"', r"line \d+: hosts.callee.through: unknown key; those"),
    "kind": ('listen = ["udp:10.0.0.1:5060"]', 'listen = "udp:10.0.0.1:5060"', r"line 15: hosts.proxy.listen: it is a list of strings"),
    "strings": ('listen = ["udp:10.0.0.1:5060"]', "listen = [5060]", r"line 15: hosts.proxy.listen: it is a list of strings"),
    "role": ('role = "proxy"', 'role = "prox"', r"line 13: hosts.proxy.role: role is one of caller, callee, proxy, router"),
    "no role": ('role = "proxy"', "", r"line 12: hosts.proxy.role: role is one of"),
    "two callers": ('role = "callee"', 'role = "proxy"', r"hosts: a lab has one host whose role is 'callee'"),
    "missing": ('through = "10.0.0.1:5060"', "", r"line 6: hosts.caller: a caller has 'through'"),
    "listener": ('["udp:10.0.0.1:5060"]', '["sip:10.0.0.1"]', r"line 15: hosts.proxy.listen: listener 'sip:10.0.0.1': unknown transport"),
    "through": ('through = "10.0.0.1:5060"', 'through = "proxy"', r"line 10: hosts.caller.through: listener 'udp:proxy': 'proxy' is no IP"),
    "transport": ('["udp:10.0.0.5:5060"]', '["tls:10.0.0.5"]', r"hosts.caller.listen: a caller has one listener, of udp or tcp"),
    "no program": ('program = "scapy-rr"', 'program = ""', r"line 14: hosts.proxy.program: what can be there is scapy-rr"),
    "program": (
        'program = "scapy-rr"',
        'program = "sipp"',
        r"line 14: hosts.proxy.program: what can be there is scapy-rr, kamailio, opensips",
    ),
    "scenario": (
        'scenario = "call"',
        'scenario = "x"',
        r"line 4: scenario: no scenario 'x'; those there are: call, reinvite, and a folder",
    ),
    "host's name": (
        "[hosts.proxy]",
        "[hosts.a-b]",
        r"line 12: hosts.a-b: a host's name is a lower-case letter, and up to 14 more or digits",
    ),
    "end": (
        'callee = "10.0.0.9"',
        'calle = "10.0.0.9"',
        r"line 27: links#2.calle: no host 'calle'; those there are: caller, proxy, callee",
    ),
    "address": ('callee = "10.0.0.9"', 'callee = "10.0.0"', r"line 27: links#2.callee: '10.0.0' is no IP address"),
    "versions": ('callee = "10.0.0.9"', 'callee = "::9"', r"line 25: links#2: both ends have IPv4 addresses, or both IPv6 ones"),
    "one end": ('callee = "10.0.0.9"', "", r'line 25: links#2: a link has two ends, HOST = "address" each'),
    "no link": ('callee = "10.0.0.9"', 'caller = "10.0.0.9"', r"line 6: hosts.caller: its links lead to different hosts"),
    "not there": (
        'listen = ["udp:10.0.0.9:5060"]',
        'listen = ["udp:10.0.0.8"]',
        r"line 19: hosts.callee.listen: 10.0.0.8 is no address that",
    ),
    "gateway": (
        'role = "callee"',
        'role = "callee"\ngateway = "caller"',
        r"hosts.callee.gateway: 'caller' is no host that a link leads to; those",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults(name: str, tmp_path: Path) -> None:
    old, new, reason = FAULTS[name]
    assert old in BASIC
    path = saved(tmp_path, BASIC.replace(old, new, 1))
    with pytest.raises(ConfigError, match=f"^{path}.*{reason}"):
        load(str(path))


def test_a_host_without_a_link(tmp_path: Path) -> None:
    path = saved(tmp_path, BASIC + '\n[hosts.router]\nrole = "router"\n')
    with pytest.raises(ConfigError, match=r"line 29: hosts\.router: no link leads to it"):
        load(str(path))


def test_no_such_lab(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"^no lab 'basic'; those there are: basic-call, nat, .*, and yours in a file whose name ends in .toml$"
    ):
        load("basic")
    with pytest.raises(ConfigError, match=r"nothing.toml: No such file"):
        load(str(tmp_path / "nothing.toml"))
    with pytest.raises(ConfigError, match="a lab's name is lower-case letters and digits"):
        load(str(saved(tmp_path, BASIC, "My Lab.toml")))
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match=r"bytes.toml: 'utf-8' codec"):
        load(str(tmp_path / "bytes.toml"))


def test_other_programs() -> None:
    lab = load("two-proxies")
    assert [host.program for host in lab.with_programs(["kamailio"]).of(Role.PROXY)] == ["kamailio", "kamailio"]
    assert [host.program for host in lab.with_programs(["opensips", "second=kamailio"]).of(Role.PROXY)] == ["opensips", "kamailio"]
    with pytest.raises(ConfigError, match=r"^'sipp': a proxy is one of scapy-rr, kamailio, opensips$"):
        lab.with_programs(["sipp"])
    with pytest.raises(ConfigError, match=r"^'caller=kamailio': no proxy 'caller'; those there are: first, second$"):
        lab.with_programs(["caller=kamailio"])


def test_scenarios(tmp_path: Path) -> None:
    assert find_scenario("reinvite").name == "reinvite"
    with pytest.raises(
        ConfigError, match=r"^no scenario 'other'; those there are: call, reinvite, and a folder with caller.xml and callee.xml$"
    ):
        find_scenario("other", tmp_path)
