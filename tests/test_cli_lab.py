"""The commands of the lab, as far as they go without a network; tests/live/lab has the rest."""

import json
import os

import pytest

from scapy_rr.live.lab import stage

from .command import Command

COMMANDS = (("run", "basic-call"), ("up", "basic-call"), ("down", "basic-call"))


def test_list(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "present", lambda: ["mine", "nat"])
    done = command("lab", "list")
    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "lab what it is",
        "basic-call a caller, a proxy that record-routes, a callee",
        "nat is there a caller with a private address, behind a NAT",
        "networks a proxy between two networks: two Record-Routes",
        "tcp from UDP to TCP: two Record-Routes, and a connection",
        "two-proxies a caller, two proxies one behind the other, a callee",
        "mine is there a lab of yours",
    ]
    told = json.loads(command("lab", "list", "--json").out)
    assert told[1] == {"name": "nat", "about": "a caller with a private address, behind a NAT", "present": True}


@pytest.mark.parametrize("arguments", COMMANDS)
def test_without_root(command: Command, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = command("lab", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == "scapy-rr: a lab makes network namespaces, which only root may: sudo scapy-rr lab ...\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "basic"), "no lab 'basic'; those there are: basic-call, nat, networks, tcp, two-proxies, and yours in a file"),
        (("up", "nothing.toml"), "nothing.toml: No such file or directory"),
        (("run", "--proxy", "asterisk"), "'asterisk': a proxy is one of scapy-rr, kamailio, opensips"),
        (("run", "--scenario", "x"), "no scenario 'x'; those there are: call, reinvite, and a folder with caller.xml and callee.xml"),
    ],
)
def test_what_is_refused(command: Command, arguments: tuple[str, ...], said: str) -> None:
    done = command("lab", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"scapy-rr: {said}")


def test_nothing_to_take_down(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(stage, "present", list)
    assert command("lab", "down").lines == ["no lab is there"]
    assert command("lab", "down", "nat").lines == ["nat: nothing is there of it"]
    assert command("lab", "down", "labs/mine.toml").lines == ["mine: nothing is there of it"]
