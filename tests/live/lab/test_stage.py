"""A lab set up, played on and taken down, whatever happens meanwhile: live, with SIPp, Kamailio and scapy-rr."""

import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scapy_rr.live.lab.description import BUILT_IN

from .machine import Machine, wait_for

PROXIES = ("kamailio", "scapy-rr")


def told(message: dict[str, Any]) -> tuple[str, str, list[list[str]]]:
    """A message's title, its way, and what each hop did to it: signs and headers."""
    hops = message["hops"]
    way = [hops[0]["sender"], *(hop["receiver"] for hop in hops)]
    return message["message"], " > ".join(way), [[one["sign"] + one["what"] for one in hop["changes"]] for hop in hops]


FIRST = ["~Via", "+Via", "+Record-Route", "~Max-Forwards"]
LATER = ["~Via", "+Via", "-Route", "~Max-Forwards"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_basic_call(machine: Machine, proxy: str) -> None:
    ran = machine.lab_json("run", "basic-call", "--proxy", proxy)
    assert ran["programs"] == {"caller": "sipp", "proxy": proxy, "callee": "sipp"}
    assert [told(message) for message in ran["messages"]] == [
        ("INVITE", "caller > proxy > callee", [[], FIRST]),
        ("180 INVITE", "callee > proxy > caller", [[], ["-Via"]]),
        ("200 INVITE", "callee > proxy > caller", [[], ["-Via"]]),
        ("ACK", "caller > proxy > callee", [[], LATER]),
        ("BYE", "caller > proxy > callee", [[], LATER]),
        ("200 BYE", "callee > proxy > caller", [[], ["-Via"]]),
    ]
    stamped = ran["messages"][0]["hops"][1]["changes"][2]["value"]
    assert stamped.startswith("<sip:10.0.0.1;lr;ftag=")
    assert ran["messages"][3]["hops"][1]["changes"][2]["value"] == stamped


@pytest.mark.parametrize("proxy", PROXIES)
def test_networks(machine: Machine, proxy: str) -> None:
    """Two Record-Routes, and both Routes removed, from either side."""
    ran = machine.lab_json("run", "networks", "--proxy", proxy)
    messages = [told(message) for message in ran["messages"]]
    assert messages[0][2][1] == ["~Via", "+Via", "+Record-Route", "+Record-Route", "~Max-Forwards"]
    within = ["~Via", "+Via", "-Route", "-Route", "~Max-Forwards"]
    assert [(title, way) for title, way, did in messages if did[1] == within] == [
        ("ACK", "caller > proxy > callee"),
        ("INVITE", "callee > proxy > caller"),
        ("ACK", "callee > proxy > caller"),
        ("INVITE", "caller > proxy > callee"),
        ("ACK", "caller > proxy > callee"),
        ("BYE", "callee > proxy > caller"),
    ]
    values = [change["value"].partition(";ftag")[0] for change in ran["messages"][0]["hops"][1]["changes"][2:4]]
    assert values == ["<sip:10.0.1.1;r2=on;lr", "<sip:10.0.0.1;r2=on;lr"]


@pytest.mark.parametrize("proxy", PROXIES)
def test_tcp(machine: Machine, proxy: str) -> None:
    ran = machine.lab_json("run", "tcp", "--proxy", proxy)
    assert len(ran["messages"]) == 12
    for message in ran["messages"]:
        assert message["arrived"]
        assert {hop["transport"] for hop in message["hops"] if "caller" in (hop["sender"], hop["receiver"])} == {"udp"}
        assert {hop["transport"] for hop in message["hops"] if "callee" in (hop["sender"], hop["receiver"])} == {"tcp"}


@pytest.mark.parametrize("proxy", [*PROXIES, "second=kamailio"])
def test_two_proxies(machine: Machine, proxy: str) -> None:
    ran = machine.lab_json("run", "two-proxies", "--proxy", proxy)
    messages = [told(message) for message in ran["messages"]]
    # A proxy's Via names the socket that it sends from and asks for no rport: nothing is to be filled in.
    assert messages[0] == ("INVITE", "caller > first > second > callee", [[], FIRST, FIRST[1:]])
    assert messages[3] == ("ACK", "caller > first > second > callee", [[], LATER, LATER[1:]])
    assert messages[-2] == ("BYE", "callee > second > first > caller", [[], LATER, LATER[1:]])


def test_nat(machine: Machine) -> None:
    """The router is seen to change addresses, and the proxy to fill in what it saw."""
    ran = machine.lab_json("run", "nat")
    invite, ringing, *_ = ran["messages"]
    assert told(invite) == ("INVITE", "caller > router > proxy > callee", [[], ["~source"], FIRST])
    assert invite["hops"][1]["changes"][0]["value"] == "10.0.0.7:5060"
    assert ";received=10.0.0.7;" in invite["hops"][2]["changes"][0]["value"]
    assert told(ringing) == ("180 INVITE", "callee > proxy > router > caller", [[], ["-Via"], ["~destination"]])


def test_what_does_not_arrive(machine: Machine) -> None:
    """A re-INVITE to a private address: it is told where it ends, and who complains."""
    done = machine.lab("run", "nat", "--scenario", "reinvite")
    assert done.code == 1
    assert any(line.startswith("did not arrive: INVITE of ") and line.endswith(" ends at proxy") for line in done.lines)
    assert "callee: sipp ended with 1: Call-Id: " in done.err


def test_many_calls(machine: Machine) -> None:
    ran = machine.lab_json("run", "--calls", "100", "--rate", "50", "--scenario", "reinvite", "--proxy", "kamailio")
    assert len({message["call_id"] for message in ran["messages"]}) == 100
    assert len(ran["messages"]) == 1200
    assert all(message["arrived"] for message in ran["messages"])


def test_it_stays_up_for_runs(machine: Machine) -> None:
    """A run leaves a lab up that was up, and its proxy the same; another proxy makes it another lab."""
    before = machine.snapshot()
    assert machine.lab("up", "basic-call", "--proxy", "kamailio").lines[-1].startswith("basic-call is up; ")
    upright = machine.snapshot()
    assert machine.lab("run", "basic-call", "--proxy", "kamailio").code == 0
    assert machine.snapshot().processes == upright.processes
    assert machine.lab("up", "basic-call", "--proxy", "kamailio").lines[-1].startswith("basic-call is up already; ")
    done = machine.lab("up", "basic-call")
    assert (done.code, done.err) == (0, "scapy-rr: basic-call: what is there of it is removed first, as it was made otherwise\n")
    assert machine.lab("down").code == 0
    assert machine.snapshot() == before


@pytest.mark.parametrize("after", ["down", "run"])
@pytest.mark.parametrize(
    ("proxy", "moment"),
    [("kamailio", "scapy-rr-"), ("kamailio", "kamailio -f"), ("kamailio", "tcpdump"), ("kamailio", "sipp"), ("scapy-rr", "caller.xml")],
)
def test_killed_in_the_middle(machine: Machine, proxy: str, moment: str, after: str) -> None:
    """While the network is made, while a program starts, in the middle of calls: no namespace, no rule, no process is left."""
    before = machine.snapshot()
    playing, number = machine.start_lab("run", "nat", "--proxy", proxy, "--calls", "100", "--rate", "5")
    with playing:
        if moment == "scapy-rr-":
            wait_for(lambda: moment in machine.run("ip", "netns", "list").out, playing)
        else:
            wait_for(lambda: any(moment in line for line in machine.processes()), playing)
        machine.run("kill", "-KILL", number)
    assert machine.snapshot().namespaces
    if after == "run":
        done = machine.lab("run", "nat", "--proxy", proxy)
        assert (done.code, done.err) == (0, "scapy-rr: nat: what is there of it is removed first, as whoever was at it crashed\n")
        assert done.lines[-1] == "1 call, 6 messages"
        assert machine.lab("down").lines == ["no lab is there"]
    else:
        done = machine.lab("down", "nat")
        assert done.code == 0
        assert "nat: removed scapy-rr-nat-caller" in done.lines
    assert machine.snapshot() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_end(machine: Machine, number: signal.Signals) -> None:
    before = machine.snapshot()
    playing, there = machine.start_lab("run", "--proxy", "kamailio", "--calls", "100", "--rate", "5")
    with playing:
        wait_for(lambda: any("caller.xml" in line for line in machine.processes()), playing)
        machine.run("kill", f"-{number.name.removeprefix('SIG')}", there)
        assert playing.stdout
        assert playing.stdout.read() == "scapy-rr: basic-call: interrupted\n"
    assert playing.returncode == 130
    assert machine.snapshot() == before


def test_one_at_a_time(machine: Machine) -> None:
    playing, there = machine.start_lab("run", "--proxy", "kamailio", "--calls", "100", "--rate", "5")
    with playing:
        wait_for(lambda: any("caller.xml" in line for line in machine.processes()), playing)
        for command in (("run", "basic-call"), ("up", "basic-call"), ("down",)):
            done = machine.lab(*command)
            assert (done.code, done.out) == (2, "")
            assert done.err == "scapy-rr: another scapy-rr is at work on the lab basic-call, which is to end first\n"
        machine.run("kill", "-TERM", there)
        assert playing.stdout
        assert playing.stdout.read() == "scapy-rr: basic-call: interrupted\n"


def test_what_is_not_the_labs_is_left(machine: Machine) -> None:
    """A program that somebody runs in a namespace of the lab."""
    machine.lab("up", "basic-call", "--proxy", "kamailio")
    words = machine.words("ip", "netns", "exec", "scapy-rr-basic-call-caller", "sleep", "1000")
    with subprocess.Popen(words) as visitor:
        wait_for(lambda: "sleep 1000" in machine.processes())
        done = machine.lab("down", "basic-call")
        assert "(sleep) is not the lab's: it is left in its namespace, which goes with it" in done.out
        assert machine.processes().count("sleep 1000") == 1
        machine.run("pkill", "-f", "^sleep 1000$")
    assert visitor.returncode == 128 + signal.SIGTERM or visitor.returncode == -signal.SIGTERM


def test_a_proxy_that_does_not_start(machine: Machine, tmp_path: Path) -> None:
    before = machine.snapshot()
    described = tmp_path / "broken.toml"
    text = (BUILT_IN / "basic-call.toml").read_text().replace('program = "scapy-rr"', 'program = "kamailio"\noptions = ["--nothing"]')
    described.write_text(text)
    done = machine.lab("run", described)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("scapy-rr: proxy: kamailio does not start: ")
    assert machine.snapshot() == before
