"""How the programs in a lab's places are started."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live.lab import programs
from scapy_rr.live.lab.description import Role, find_scenario, load
from scapy_rr.live.lab.programs import Playing, callee, caller, check_installed, configuration, find, last_error, proxy
from scapy_rr.rr.listener import Listener
from tests.conftest import need

CALL = find_scenario("call")


def test_scapy_rr(tmp_path: Path) -> None:
    lab = load("two-proxies")
    words = proxy(lab, replace(lab.hosts["first"], options=("--script", "mine.py")), tmp_path)
    interfaces, listen = "--iface caller --iface second", "--listen udp:10.0.0.1:5060 --host callee.lab=10.0.0.2"
    assert " ".join(words[2:]) == f"-m scapy_rr.cli run {interfaces} {listen} --script mine.py"


@pytest.mark.parametrize(("program", "line", "behind"), [("kamailio", "listen", "advertise"), ("opensips", "socket", "as")])
def test_servers(program: str, line: str, behind: str, tmp_path: Path) -> None:
    lab = load("two-proxies").with_programs([program])
    listen = (Listener.parse("udp:10.0.0.1:5060"), Listener.parse("tcp:10.0.0.1 as sip.example.com:5070"))
    host = replace(lab.hosts["first"], listen=listen, options=("-x",))
    words = proxy(lab, host, tmp_path)
    assert words[1:3] == ["-f", str(tmp_path / f"{program}.cfg")]
    assert words[-1] == "-x"
    text = (tmp_path / f"{program}.cfg").read_text()
    assert text == configuration(host)
    assert text.startswith(f"{line}=udp:10.0.0.1:5060\n{line}=tcp:10.0.0.1:5060 {behind} sip.example.com:5070\n")
    assert text.endswith('route[NAMES] {\n    if ($rd == "callee.lab") $du = "sip:10.0.0.2";\n    return(1);\n}\n')


@pytest.mark.parametrize("lab", ["two-proxies", "tcp"])
@pytest.mark.parametrize("program", ["kamailio", "opensips"])
def test_the_server_takes_it(lab: str, program: str, tmp_path: Path) -> None:
    """As far as it says without starting: its grammar, its modules and their functions."""
    # Debian has no OpenSIPS, so that nobody can be made to have it.
    path = find(program) if program == "opensips" else need(program)
    if path is None:
        pytest.skip(f"{program} is not installed")
    described = load(lab).with_programs([program])
    file = tmp_path / "server.cfg"
    file.write_text(configuration(described.of(Role.PROXY)[0]))
    checked = subprocess.run([path, "-f", str(file), "-c"], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stderr


def test_sipp(tmp_path: Path) -> None:
    lab, playing = load("tcp"), Playing(CALL, calls=7, rate=3, limit=20)
    calling = " ".join(caller(lab.hosts["caller"], playing, tmp_path))
    assert f"-sf {CALL}/caller.xml -i 10.0.0.5 -p 5060 -t u1 -m 7 -timeout 20s " in calling
    assert "-key calls sip:callee@10.0.0.9:5060;transport=tcp -key contact 10.0.0.5:5060 -r 3 -timeout_error 10.0.0.1:5060" in calling
    called = " ".join(callee(lab.hosts["callee"], playing, tmp_path))
    assert f"-sf {CALL}/callee.xml -i 10.0.0.9 -p 5060 -t t1 -m 7 " in called


def test_another_contact(tmp_path: Path) -> None:
    host = replace(load("nat").hosts["caller"], contact="10.0.0.7:5060")
    assert "contact 10.0.0.7:5060" in " ".join(caller(host, Playing(CALL), tmp_path))


def test_who_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each place for which nobody is, with who could be."""
    there = {"kamailio"}
    monkeypatch.setattr(programs, "find", lambda program: program if program in there else None)
    lab = load("two-proxies").with_programs(["first=opensips", "second=kamailio"])
    with pytest.raises(LiveError) as refused:
        check_installed(lab, Role)
    assert str(refused.value).splitlines() == [
        "nobody is there for caller: sipp is not installed; nothing else can be there",
        "nobody is there for callee: sipp is not installed; nothing else can be there",
        "nobody is there for first: opensips is not installed; --proxy first=PROGRAM takes another: scapy-rr, kamailio",
    ]
    there |= {"sipp", "opensips"}
    check_installed(lab, Role)


def test_what_sipp_complains_of(tmp_path: Path) -> None:
    assert last_error(tmp_path) == ""
    (tmp_path / "errors").write_text("nothing that has a date\n")
    assert last_error(tmp_path) == ""
    first = "2026-11-22\t22:21:59.825244\t1795386119.825244: first: aborting call"
    second = "2026-11-22\t22:22:00.825244\t1795386120.825244: Dead call, received 'SIP/2.0 404 Not here\r\nVia: a\r\n'."
    (tmp_path / "errors").write_text(first)
    assert last_error(tmp_path) == "first: aborting call"
    (tmp_path / "errors").write_text(first + second)
    assert last_error(tmp_path) == "Dead call, received 'SIP/2.0 404 Not here"
    (tmp_path / "errors").write_text(first + second + "\n" + first + second.partition("Dead")[0] + "last\n")
    assert last_error(tmp_path) == "last"
