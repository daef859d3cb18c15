"""Where a Kamailio listens by its configuration; the one that is installed says the same of the same text."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scapy_rr.errors import ConfigError
from scapy_rr.rr.listener import Listener
from scapy_rr.server_config.reader import read

from ..conftest import need
from .reading import ignored, reading, written

HEAD = "#!KAMAILIO\nlog_stderror=yes\nauto_aliases=no\n"
TAIL = '\nloadmodule "pv.so"\nrequest_route { exit; }\n'

# What is in the file, and the listeners in it.
LISTENERS = {
    "listen=udp:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    "listen=10.0.0.1": ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"],
    "listen=10.0.0.1:5080\nenable_tls=yes": ["udp:10.0.0.1:5080", "tcp:10.0.0.1:5080", "tls:10.0.0.1:5081"],
    "enable_tls=yes\nlisten=10.0.0.1": ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "tls:10.0.0.1:5061"],
    "tls_port_no=5555\ndisable_tls=no\nlisten=10.0.0.1": ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "tls:10.0.0.1:5555"],
    "enable_tls=1\nlisten=tls:10.0.0.1\nlisten=tls:10.0.0.1:5063": ["tls:10.0.0.1:5061", "tls:10.0.0.1:5063"],
    "listen=10.0.0.1\ndisable_tcp=yes": ["udp:10.0.0.1:5060"],
    "listen=10.0.0.1\nport=5070": ["udp:10.0.0.1:5070", "tcp:10.0.0.1:5070"],
    "listen=*:10.0.0.1:*": ["udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"],
    "listen=udp:[2001:db8::1]:5060\nlisten=tcp:2001:db8::2": ["udp:[2001:db8::1]:5060", "tcp:[2001:db8::2]:5060"],
    'listen="10.0.0.1":5070 # c\nlisten = UDP : "10.0.0.2"': ["udp:10.0.0.1:5070", "tcp:10.0.0.1:5070", "udp:10.0.0.2:5060"],
    "listen=udp:10.0.0.1:5072 udp:10.0.0.2:5072\n tcp:10.0.0.2:5073": ["udp:10.0.0.1:5072", "udp:10.0.0.2:5072", "tcp:10.0.0.2:5073"],
    "listen=udp:10.0.0.1:5060;listen=udp:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    "listen=udp:10.0.0.1:0x13c4": ["udp:10.0.0.1:5060"],
    "listen=udp:10.0.0.1:5060 advertise 192.0.2.1:5061": ["udp:10.0.0.1:5060 as 192.0.2.1:5061"],
    'listen=udp:10.0.0.1:5060\nADVERTISE "192.0.2.1":5061\nNAME "in"': ['udp:10.0.0.1:5060 as 192.0.2.1:5061 name "in"'],
    'listen=udp:10.0.0.1:5060 name "in"': ['udp:10.0.0.1:5060 name "in"'],
    "listen=udp:10.9.9.9:5060 virtual": ["udp:10.9.9.9:5060"],
    "listen=udp:10.0.0.1:1 udp:10.0.0.2:2 advertise 192.0.2.1:3": ["udp:10.0.0.1:1 as 192.0.2.1:3", "udp:10.0.0.2:2 as 192.0.2.1:3"],
    'listen=udp:(10.0.0.1, 10.0.0.2):5070 advertise 192.0.2.1:3 name "m"': [
        'udp:10.0.0.1:5070 as 192.0.2.1:3 name "m"',
        'udp:10.0.0.2:5070 as 192.0.2.1:3 name "m"',
    ],
    "listen=udp:0.0.0.0:5060": ["udp:0.0.0.0:5060"],
    "listen=10.0.0.1 advertise 192.0.2.1:3 listen=udp:10.0.0.1:5060": [
        "udp:10.0.0.1:5060 as 192.0.2.1:3",
        "tcp:10.0.0.1:5060 as 192.0.2.1:3",
    ],
    'listen=udp:10.0.0.1 tcp:"10.0.0.2"\n*:10.0.0.3:5070\n\nalias=a\nlocalhost\nchildren=4': [
        "udp:10.0.0.1:5060",
        "tcp:10.0.0.2:5060",
        "udp:10.0.0.3:5070",
        "tcp:10.0.0.3:5070",
    ],
    "#!define IP 10.0.0.1\n#!define PT 5090 # behind it\nlisten=udp:IP:PT": ["udp:10.0.0.1:5090"],
    "#!ifdef X\nlisten=udp:10.0.0.1:1\n#!else\nlisten=udp:10.0.0.1:2\n#!endif": ["udp:10.0.0.1:2"],
    "#!define IP '10.0.0.1'\nlisten=udp:IP:5060": ["udp:10.0.0.1:5060"],
    '#!substdef "!PT!5067!g"\nlisten=udp:10.0.0.1:PT': ["udp:10.0.0.1:5067"],
    '#!substdefs "/ADR/10.0.0.1/"\nlisten=udp:ADR:5060': ["udp:10.0.0.1:5060"],
    "/* a /* nested */ still */ listen=udp:10.0.0.1:5060": ["udp:10.0.0.1:5060"],
    'foo.bar = 5 desc "listen=udp:10.0.0.1:1"\nlisten=udp:10.0.0.1:2': ["udp:10.0.0.1:2"],
    "listen=udp:10.0.0.1:5060\nalias=a.example:5061 b tcp:c.example:5062\n d.example\nalias=*:e.example": ["udp:10.0.0.1:5060"],
    '#!subst "/a(.)c/<\\1>/"\nlisten=udp:10.0.0.1:5060\nalias="x.example" "y"\nalias="z"\nalias=h-1.ex-a.com': ["udp:10.0.0.1:5060"],
    "listen=udp:10.0.0.1:5060\nadvertised_address=192.0.2.1\nadvertised_port=5": ["udp:10.0.0.1:5060"],
}  # fmt: skip


@pytest.mark.parametrize("text", LISTENERS, ids=repr)
def test_listeners(tmp_path: Path, text: str) -> None:
    config = reading(tmp_path, HEAD + text + TAIL)
    assert list(config.listen) == LISTENERS[text]
    assert config.interfaces == ()
    assert config.dialect == "kamailio"


_SOCKET = re.compile(
    r"^\s+(udp|tcp|tls|sctp): (\S+?)(?: \[\S+\])?:(\d+)(?: name (\S+))?(?: advertise (\S+):(\d+))?(?: virtual)?\s*$", re.MULTILINE
)


def listed(path: Path) -> tuple[set[str], set[str]] | None:
    """What the installed server lists as its sockets and aliases; ``None`` where it refuses the file."""
    done = subprocess.run([need("kamailio"), "-c", "-f", str(path), "-E"], capture_output=True, text=True, errors="replace", timeout=30)
    if "Listening on" not in done.stdout:
        return None
    sockets, _, aliases = done.stdout.partition("Aliases:")
    spelled = set()
    for transport, address, port, name, host, advertised in _SOCKET.findall(sockets):
        text = f"{transport}:[{address}]:{port}" if ":" in address else f"{transport}:{address}:{port}"
        spelled.add(text + (f" as {host}:{advertised}" if host else "") + (f' name "{name}"' if name else ""))
    return spelled, {line.strip().replace("*: ", "").replace(": ", ":").removesuffix(":*") for line in aliases.splitlines() if line.strip()}


@pytest.mark.parametrize("text", LISTENERS, ids=repr)
def test_the_installed_server_listens_there(tmp_path: Path, text: str) -> None:
    config = reading(tmp_path, HEAD + text + TAIL)
    assert listed(written(tmp_path, HEAD + text + TAIL)) == ({*config.listen}, {*config.domains})


HOSTS = st.sampled_from(["10.0.0.1", '"10.0.0.2"', "IP", "[2001:db8::1]", "(10.0.0.3, 10.0.0.4)", "ADR"])
ADDRESSES = st.tuples(st.sampled_from(["udp:", "TCP : ", "", "*:"]), HOSTS, st.sampled_from(["", ":5061", ":PT", ":*", ":0x13c4"])).map(
    "".join
)
LISTS = st.lists(ADDRESSES, min_size=1, max_size=3).map("\n".join)
STATEMENTS = st.recursive(
    st.tuples(st.just("listen="), LISTS, st.sampled_from(["", " advertise 192.0.2.1:5061", ' ADVERTISE IP:PT name "n"'])).map("".join)
    | st.sampled_from(["port=5070", "disable_tcp=yes", "children=4", 'a.b = 5 desc "listen=udp:10.9.9.9:1"', "#!redefine PT 5066\n"])
    | st.just('route[X] { if ($rU == "}") { exit; } /* } */ $var(x) = "listen=udp:10.9.9.9:1"; }'),
    lambda inner: st.tuples(
        st.sampled_from(["#!ifdef IP\n", "#!ifndef IP\n"]), inner, st.just("\n#!else\n"), inner, st.just("\n#!endif\n")
    ).map("".join),
    max_leaves=4,
)
SPACE = st.sampled_from([" ", "\n", " # c\n", ' /* a /* b */ " */ ', "; "])
DEFINES = '#!define IP 10.0.0.1\n#!define PT 5090\n#!substdefs "!ADR!10.0.0.8!"\n'


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(STATEMENTS, SPACE).map("".join), max_size=5).map("".join))
def test_the_installed_server_listens_where_any_text_says(tmp_path: Path, text: str) -> None:
    path = written(tmp_path, f"{HEAD}{DEFINES}listen=udp:10.0.0.9:5060\n{text}{TAIL}")
    theirs = listed(path)
    if theirs:
        assert {*read(path, "kamailio").listen} == theirs[0]


INSTALLED = sorted([*Path("/etc/kamailio").glob("*.cfg"), *Path("/usr/share/doc/kamailio/examples").rglob("*.cfg")])


def test_the_default_configuration() -> None:
    """As its package installs it: nothing says where to listen, and two parameters are set."""
    need("kamailio")
    path = Path("/etc/kamailio/kamailio.cfg")
    config = read(path, "kamailio")
    assert (config.listen, config.interfaces, config.domains, config.domain_sources) == ((), (), (), ())
    assert dict(config.parameters) == {"enable_full_lr": 0, "append_fromtag": 0}
    lines = path.read_text().splitlines()
    assert [lines[one.line - 1] for one in config.taken if one.what.startswith("parameter")] == [
        'modparam("rr", "enable_full_lr", 0)',
        'modparam("rr", "append_fromtag", 0)',
    ]
    assert [one.value for one in config.taken if one.what == "listen"] == [
        "nowhere in particular: UDP and TCP port 5060 of every address that netifaces finds"
    ]
    assert ignored(config) == []


def test_the_default_configuration_with_features() -> None:
    """What its comments tell people to define."""
    need("kamailio")
    config = read(Path("/etc/kamailio/kamailio.cfg"), "kamailio", {"WITH_MYSQL": "", "WITH_MULTIDOMAIN": "", "WITH_TLS": ""})
    assert config.listen == ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tls:0.0.0.0:5061")
    assert [why for _, _, why in ignored(config)] == ["a database of 'mysql' is not read; give the names with --domain or --domains"]


def test_every_configuration_that_the_package_installs() -> None:
    """Examples of many years: what the server takes is read, and listens where the server does."""
    need("kamailio")
    compared = 0
    for path in INSTALLED:
        theirs = listed(path)
        try:
            config = read(path, "kamailio")
        except ConfigError:
            assert theirs is None, path
            continue
        if theirs and config.listen and not any(Listener.parse(text).address.is_unspecified for text in config.listen):
            compared += 1
            assert {*config.listen} == theirs[0], path
    assert compared


def test_an_interface(tmp_path: Path) -> None:
    config = reading(tmp_path, "listen=eth0 lo\nlisten=udp:10.0.0.1:5060")
    assert (config.listen, config.interfaces) == (("udp:10.0.0.1:5060",), ("eth0", "lo"))


EVERYWHERE = {
    "": (),
    "alias=a.example": (),
    "enable_tls=no\ndisable_tcp=no": (),
    "port=5070": ("udp:0.0.0.0:5070", "tcp:0.0.0.0:5070"),
    "disable_tcp=yes": ("udp:0.0.0.0:5060",),
    "enable_tls=yes": ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "tls:0.0.0.0:5061"),
    "enable_sctp=yes": ("udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "sctp:0.0.0.0:5060"),
}


@pytest.mark.parametrize("text", EVERYWHERE, ids=repr)
def test_nothing_says_where_to_listen(tmp_path: Path, text: str) -> None:
    config = reading(tmp_path, text)
    assert (config.listen, config.interfaces) == (EVERYWHERE[text], ())
    assert [one.what for one in config.taken if one.what == "listen"] == ["listen"] * (len(config.listen) or 1)


BLOCKS = {
    "socket = { bind = udp:10.0.0.1:5060; }": ["udp:10.0.0.1:5060"],
    'socket = {\n bind = udp:10.0.0.1:5060;\n advertise = 192.0.2.1:5061;\n name = "in";\n workers = 4; virtual = yes\n agname = "x"\n}': [
        'udp:10.0.0.1:5060 as 192.0.2.1:5061 name "in"'
    ],
    "socket={bind=10.0.0.1 NAME='in'}": ['udp:10.0.0.1:5060 name "in"', 'tcp:10.0.0.1:5060 name "in"'],
}


@pytest.mark.parametrize("text", BLOCKS, ids=repr)
def test_the_newer_spelling(tmp_path: Path, text: str) -> None:
    """No server before 5.7 knows it: this one cannot be asked."""
    config = reading(tmp_path, f"{text}\nalias=behind.example")
    assert list(config.listen) == BLOCKS[text]
    assert config.domains == ("behind.example",)


VIA = "Kamailio writes it into Via alone: Record-Route and who it is are without it"
LEFT = ("listen", 2, "no socket is left: without --listen it is what netifaces finds")
NAMED = {
    "\nadvertised_address=192.0.2.1\nadvertised_port=5080": [
        ("advertised_address 192.0.2.1", 2, VIA),
        ("advertised_port 5080", 3, VIA),
    ],
    "\nlisten=tls:10.0.0.1": [("listen tls:10.0.0.1:5061", 2, "TLS is not enabled: the server leaves it out"), LEFT],
    "\nlisten=udp:sip.example.com:5060": [
        ("listen udp:sip.example.com:5060", 2, "sip.example.com is neither an address nor an interface; give the address with --listen"),
        LEFT,
    ],
    "listen=udp:10.0.0.1\n listen=ws:10.0.0.1:80": [("listen", 2, "no socket has the transport ws; those there are: udp, tcp, tls, sctp")],
    "#!defenv A\nlisten=udp:A:5060\nlisten=10.0.0.1": [
        ("#!defenv A", 1, "what it is depends on the server's environment, or on an expression"),
        ("listen", 2, "it depends on a define that is not known here"),
    ],
    "listen=udp:10.0.0.1:5060 advertise\nlisten=10.0.0.1": [("listen", 1, "a host is expected before 'listen', which begins a statement")],
    "socket = udp:10.0.0.1:5060": [("socket", 1, "'{' is expected before 'udp'")],
    "socket = { bind = udp:10.0.0.1:5060": [
        ("socket", 1, "'}' is expected at the end"),
        ("{", 1, "it is not closed: nothing behind it is read"),
    ],
}


@pytest.mark.parametrize("text", NAMED, ids=repr)
def test_what_is_named(tmp_path: Path, text: str) -> None:
    assert ignored(reading(tmp_path, text)) == NAMED[text]


def test_names_that_dns_has(tmp_path: Path) -> None:
    """Some versions ask for them where nobody says."""
    assert [one.what for one in reading(tmp_path, "").ignored] == ["auto_aliases"]
    assert reading(tmp_path, "auto_aliases=no").ignored == ()
    assert reading(tmp_path, "auto_domains=no\ndomain=a.example").domains == ("a.example",)


def test_a_database_in_the_servers_folder(tmp_path: Path) -> None:
    (tmp_path / "domains.db").touch()
    text = f'workdir="{tmp_path}"\nmodparam("domain", "db_url", "sqlite:///domains.db")\nmodparam("domain", "register_myself", 1)'
    assert reading(tmp_path, text).domain_sources == (f"sqlite:///{tmp_path}/domains.db",)
