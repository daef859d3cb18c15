"""The command itself: what it writes, what it says, and every option."""

import gzip
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from scapy_rr import interfaces

from .capture.samples import HOSTS, VOICE, arriving, bye, frame, invite, leaving, pcap, records
from .command import LISTEN, PLAIN, Command, run, start


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where to write."""
    return tmp_path / "out.pcap"


def frames(path: Path) -> list[bytes]:
    """The frames that were written."""
    return [one.frame for one in records(path.read_bytes())]


def test_rewrite_writes_the_routed_capture_and_says_what_it_did(source: Path, target: Path) -> None:
    """As a process of its own."""
    done = run("rewrite", source, "-o", target, *LISTEN)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "3 frames",
        "2 SIP messages: BYE 1, INVITE 1",
        "1 routed: loose to loose 1",
        "1 left alone: next hop is a name without an address (first in frame 3; no address is known for example.com)",
    ]
    assert frames(target)[:2] == [VOICE, leaving()]


def test_rewrite_says_it_in_json_too(command: Command, source: Path, target: Path) -> None:
    done = command("rewrite", source, "-o", target, *LISTEN, "--json")
    assert done.code == 0
    told = json.loads(done.out)
    assert (told["frames"], told["by_method"], told["routed"]) == (3, {"BYE": 1, "INVITE": 1}, {"loose to loose": 1})


@pytest.mark.parametrize("name", ["in.pcap", "in.pcap.gz"])
def test_packed_captures_go_in_and_out(command: Command, source: Path, tmp_path: Path, name: str) -> None:
    """The output is packed where its name says so, whatever the input is."""
    if name.endswith("gz"):
        (tmp_path / name).write_bytes(gzip.compress(source.read_bytes()))
    assert command("rewrite", tmp_path / name, "-o", tmp_path / "out.gz", *LISTEN).code == 0
    assert command("rewrite", tmp_path / name, "-o", tmp_path / "out", *LISTEN).code == 0
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == (tmp_path / "out").read_bytes()
    assert frames(tmp_path / "out")[1] == leaving()


@pytest.mark.parametrize(
    ("emit", "wanted"),
    [("replace", [leaving()]), ("append", [arriving(), leaving()]), ("only", [leaving()])],
)
def test_what_becomes_of_the_original(command: Command, tmp_path: Path, target: Path, emit: str, wanted: list[bytes]) -> None:
    (tmp_path / "in").write_bytes(pcap([VOICE, arriving()]))
    assert command("rewrite", tmp_path / "in", "-o", target, *LISTEN, "--emit", emit).code == 0
    assert frames(target) == ([] if emit == "only" else [VOICE]) + wanted


def test_an_existing_file_is_replaced_by_force(command: Command, source: Path, target: Path) -> None:
    target.write_text("mine")
    assert command("rewrite", source, "-o", target, *LISTEN, "--force").code == 0
    assert frames(target)[1] == leaving()


def routed_invite(target: Path) -> bytes:
    """The routed INVITE's bytes behind the Ethernet header; the last frame."""
    return frames(target)[-1][14:]


def test_hosts_give_names_addresses(command: Command, source: Path, target: Path) -> None:
    options = ("--host", "example.com=10.0.0.77:5099", "--host", "other.example=10.0.0.1")
    assert command("rewrite", source, "-o", target, *LISTEN, *options).code == 0
    routed = routed_invite(target)
    assert (routed[16:20], routed[22:24]) == (bytes([10, 0, 0, 77]), (5099).to_bytes(2, "big"))
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>\r\n" in routed


def test_a_parameter_of_the_module(command: Command, source: Path, target: Path) -> None:
    options = ("--host", "example.com=10.0.0.77", "-p", "append_fromtag=0", "--parameter", "add_username=1")
    assert command("rewrite", source, "-o", target, *LISTEN, *options).code == 0
    assert b"Record-Route: <sip:bob@10.0.0.1;lr>\r\n" in routed_invite(target)


def test_only_routed_frames_of_a_capture_without_sip(command: Command, tmp_path: Path, target: Path) -> None:
    """Then the output is no copy."""
    (tmp_path / "in").write_bytes(pcap([VOICE]))
    done = command("rewrite", tmp_path / "in", "-o", target, *LISTEN, "--emit", "only")
    assert (done.code, done.lines[-1]) == (0, f"{tmp_path / 'in'}: no SIP in it: 1 frames; UDP destination ports: 20000 (1)")
    assert target.read_bytes() == pcap([])


def test_a_port_narrows_what_is_looked_at(command: Command, source: Path, target: Path) -> None:
    done = command("rewrite", source, "-o", target, *LISTEN, "--port", 5070, "--port", 5080)
    assert done.code == 0
    assert target.read_bytes() == source.read_bytes()
    assert "no SIP in it: 3 frames" in done.out


def test_preloaded_routes(command: Command, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(invite(routes=("<sip:10.0.0.1;lr>",)))]))
    for policy, text in (("deny", "1 left alone: 403 Preload Route denied (first in frame 1)"), ("relay", "1 routed: loose to loose 1")):
        done = command("rewrite", tmp_path / "in", "-o", tmp_path / policy, *LISTEN, "--preloaded", policy)
        assert done.code == 0
        assert done.lines[-1 if policy == "deny" else 2].startswith(text)


OWN_NAME = frame(bye(routes=("<sip:proxy.example.net;lr>",)))


@pytest.mark.parametrize("how", ["--domain", "file", "database", "config"])
def test_names_that_are_the_proxy(command: Command, tmp_path: Path, how: str) -> None:
    """A Route with one is ours: given on the command line, in a file, in a database, in a configuration."""
    (tmp_path / "in").write_bytes(pcap([OWN_NAME]))
    (tmp_path / "names").write_text("# ours\nproxy.example.net\n")
    (tmp_path / "lab.toml").write_text('listen = ["udp:10.0.0.1:5060"]\ndomain_sources = ["names"]\n')
    with closing(sqlite3.connect(tmp_path / "db")) as database:
        database.execute("CREATE TABLE domain (id INTEGER, domain TEXT, attrs TEXT, accept_subdomain INTEGER, last_modified TEXT)")
        database.execute("INSERT INTO domain VALUES (1, 'example.net', NULL, 1, '')")
        database.commit()
    options: dict[str, list[object]] = {
        "--domain": [*LISTEN, "--domain", "proxy.example.net"],
        "file": [*LISTEN, "--domains", tmp_path / "names"],
        "database": [*LISTEN, "--domains", f"sqlite:///{tmp_path / 'db'}"],
        "config": ["--config", tmp_path / "lab.toml", "--no-via"],
    }
    assert command("rewrite", tmp_path / "in", "-o", tmp_path / "out", *options[how]).code == 0
    assert frames(tmp_path / "out") == [leaving()]
    assert command("rewrite", tmp_path / "in", "-o", tmp_path / "other", *LISTEN).code == 0
    assert frames(tmp_path / "other") == [OWN_NAME]


def test_options_win_over_a_configuration(command: Command, source: Path, target: Path, tmp_path: Path) -> None:
    text = '[parameters]\nappend_fromtag = 0\n[hosts]\n"example.com" = "10.0.0.66"\n'
    (tmp_path / "lab.toml").write_text('listen = ["udp:10.0.0.1:5060"]\npreloaded = "relay"\n' + text)
    config = ("--config", tmp_path / "lab.toml")
    assert command("rewrite", source, "-o", target, *config).code == 0
    assert b"Record-Route: <sip:10.0.0.1;lr>\r\n" in routed_invite(target)
    assert routed_invite(target)[16:20] == bytes([10, 0, 0, 66])
    options = ("-p", "append_fromtag=1", "--host", "example.com=10.0.0.77")
    assert command("rewrite", source, "-o", target, *config, *options, "--force").code == 0
    assert b"Record-Route: <sip:10.0.0.1;lr;ftag=" in routed_invite(target)
    assert routed_invite(target)[16:20] == bytes([10, 0, 0, 77])


def test_auto_listens_where_routes_say(command: Command, target: Path) -> None:
    """Also for a capture that is cut; where nothing is named, what there is can be pasted."""
    named, auto = target.with_name("named"), ("--listen", "auto", "--no-via")
    assert command("rewrite", PLAIN, "-o", named, *LISTEN).code == 0
    assert command("rewrite", PLAIN, "-o", target, *auto).code == 0
    assert target.read_bytes() == named.read_bytes() != PLAIN.read_bytes()


def test_auto_of_a_capture_that_names_none(command: Command, tmp_path: Path, target: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(bye(routes=())), frame(bye(routes=())), VOICE]))
    done = command("rewrite", tmp_path / "in", "-o", target, "--listen", "auto")
    assert done.code == 2
    assert "has no Route or Record-Route that names a destination of its SIP. SIP goes to:\n" in done.err
    assert "  --listen udp:10.0.0.1:5060    # 2 messages\n" in done.err
    assert not target.exists()


def test_listeners_of_an_interface(command: Command, tmp_path: Path, target: Path) -> None:
    (tmp_path / "in").write_bytes(pcap([frame(bye(routes=("<sip:127.0.0.1;lr>",)), ("127.0.0.1", 9), ("127.0.0.1", 5060))]))
    assert command("rewrite", tmp_path / "in", "-o", target, "--interface", "lo", "--json").code == 0
    assert frames(target)[0][26:34] == bytes([127, 0, 0, 1, 10, 0, 0, 9])


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The addresses of a host, as netifaces would give them."""
    addresses = [("lo", "127.0.0.1"), ("eth0", "192.0.2.7"), ("eth0", "fe80::7%eth0"), ("eth0:1", "2001:db8::7")]
    monkeypatch.setattr(interfaces.Interfaces.__init__, "__defaults__", (lambda: addresses,))
    return addresses


def test_netifaces_is_asked_where_nothing_is_given(command: Command, source: Path, target: Path, host: list[tuple[str, str]]) -> None:
    host.append(("eth1", "10.0.0.1"))
    assert command("rewrite", source, "-o", target, "--no-via").code == 0
    assert frames(target)[1] == leaving()


@pytest.mark.parametrize("verb", [("rewrite", "-o", "out"), ("explain",)])
@pytest.mark.usefixtures("host")
def test_no_frame_is_addressed_to_this_host(command: Command, source: Path, tmp_path: Path, verb: tuple[str, ...]) -> None:
    """Then nobody has meant this host, and the destinations that there are can be pasted."""
    options = ["-o", tmp_path / "out"] if verb[0] == "rewrite" else []
    done = command(verb[0], source, *options)
    assert done.code == 2
    assert f"{source}: nothing in it is addressed to a listener that netifaces finds on this machine. SIP goes to:\n" in done.err
    assert done.err.endswith("  --listen udp:10.0.0.1:5060    # 2 messages\n")
    assert list(tmp_path.iterdir()) == [source]


def test_a_listener_that_nothing_is_addressed_to(command: Command, source: Path, target: Path) -> None:
    """Somebody has meant it: a copy, and a hint."""
    done = command("rewrite", source, "-o", target, "--listen", "udp:10.9.9.9:5060")
    assert done.code == 0
    assert "Nothing is addressed to a listener. SIP goes to:\n  --listen udp:10.0.0.1:5060    # 2 messages\n" in done.out
    assert target.read_bytes() == source.read_bytes()


def test_a_large_capture_is_routed_by_all_processors(
    command: Command, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a small one is."""
    monkeypatch.setattr("scapy_rr.cli_options.processors", lambda: 2)
    (tmp_path / "in").write_bytes(pcap([arriving(number) for number in range(8000)]))
    assert (tmp_path / "in").stat().st_size > 4 << 20
    assert command("rewrite", tmp_path / "in", "-o", target, *LISTEN).code == 0
    assert target.read_bytes() == pcap([leaving(number) for number in range(8000)])


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["the process alone", "its group, as a terminal does"])
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_file_and_says_so(tmp_path: Path, kill: Callable[[int, int], None], ending: int) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    head, body = pcap([]), pcap([arriving(number) for number in range(4000)])[24:]
    with source.open("wb") as file:
        file.write(head)
        for _ in range(40):
            file.write(body)
    with start("rewrite", source, "-o", target, *LISTEN) as process:
        while not (begun := [path for path in tmp_path.iterdir() if path != source]) or not begun[0].stat().st_size > 1 << 20:
            assert process.poll() is None
            time.sleep(0.005)
        kill(process.pid, ending)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    words = err.split()
    assert err == f"scapy-rr: interrupted after {words[3]} % of {source}; {target} was not written\n"
    assert 0 < int(words[3]) <= 100
    assert list(tmp_path.iterdir()) == [source]


def test_a_reader_that_has_seen_enough(tmp_path: Path) -> None:
    """``scapy-rr explain ... | head -1`` ends without a complaint."""
    (tmp_path / "in").write_bytes(pcap([arriving(number) for number in range(3000)]))
    process = start("explain", tmp_path / "in", *LISTEN)
    assert process.stdout and process.stderr
    assert process.stdout.readline().startswith("#1 frame 1")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(30) == 1


@pytest.mark.parametrize("verb", [(), ("rewrite",), ("explain",), ("addresses",)])
def test_help(command: Command, verb: tuple[str, ...]) -> None:
    done = command(*verb, "--help")
    assert done.code == 0
    assert "Usage:" in done.out


def test_it_is_installed_under_its_name(tmp_path: Path) -> None:
    """Next to the interpreter, as pip puts it."""
    script = Path(sys.executable).with_name("scapy-rr")
    if not script.exists():
        pytest.skip("scapy_rr runs from its folder, it is not installed")
    done = subprocess.run([script, "addresses", *LISTEN], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert "udp:10.0.0.1:5060" in done.stdout


def test_names_of_the_captures_are_all_that_is_missing(command: Command, target: Path) -> None:
    """With them the recorded call's initial request is routed, too."""
    hosts = [word for name, address in HOSTS.items() for word in ("--host", f"{name}={address}")]
    done = command("rewrite", PLAIN, "-o", target, *LISTEN, *hosts, "--json")
    assert json.loads(done.out)["routed"] == {"loose to loose": 4, "by the R-URI": 1}
