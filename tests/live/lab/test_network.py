"""The network that a lab makes."""

import os

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live.lab import network
from scapy_rr.live.lab.network import environment, mac, namespace, namespaces, tool

from .machine import Machine


def test_names() -> None:
    assert namespace("two-proxies", "first") == "scapy-rr-two-proxies-first"
    assert (mac(0, 1), mac(258 % 256, 0)) == ("02:00:5a:00:00:01", "02:00:5a:00:02:00")


def test_namespaces_of_labs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of others, and those whose names only look alike, are none."""
    listed = "scapy-rr-nat-caller (id: 1)\nscapy-rr-nat-two-caller\nscapy-rr-x\nscapy\nscapy-rr-nat-proxy\n"
    monkeypatch.setattr(network, "tool", lambda *words: listed)
    assert namespaces() == {"nat": ["scapy-rr-nat-caller", "scapy-rr-nat-proxy"], "nat-two": ["scapy-rr-nat-two-caller"]}


def test_a_tool_that_fails() -> None:
    assert tool("cat", text="said") == "said"
    with pytest.raises(LiveError, match=r"^sh -c echo no >&2; exit 1: no$"):
        tool("sh", "-c", "echo no >&2; exit 1")
    with pytest.raises(LiveError, match=r"^false: it ended with 1$"):
        tool("false")
    with pytest.raises(LiveError, match=r"^no-such-tool is not installed \(a lab needs iproute2"):
        tool("no-such-tool")


def test_a_tool_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_PATIENCE", 0.1)
    with pytest.raises(LiveError, match=r"^sleep 1000: no end after 0.1 seconds$"):
        tool("sleep", "1000")


def test_who_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LiveError, match=r"^a lab makes network namespaces, which only root may: sudo scapy-rr lab"):
        network.require_root()


def test_what_runs_for_a_lab_bears_its_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    made = environment("nat")
    assert made["SCAPY_RR_LAB"] == "nat"
    assert made["PYTHONPATH"].endswith(f"{os.pathsep}/elsewhere")


def test_the_network_of_a_nat(machine: Machine) -> None:
    machine.lab("up", "nat", "--proxy", "kamailio")

    def on(host: str, *command: str) -> list[str]:
        done = machine.run("ip", "netns", "exec", f"scapy-rr-nat-{host}", *command)
        assert (done.code, done.err) == (0, "")
        return done.lines

    addresses = [line.split(" scope")[0].strip() for line in on("router", "ip", "-4", "address") if line.strip().startswith("inet")]
    assert addresses == ["inet 127.0.0.1/8", "inet 192.168.1.1 peer 192.168.1.5/32", "inet 10.0.0.7 peer 10.0.0.1/32"]
    assert on("caller", "ip", "route") == [
        "default via 192.168.1.1 dev router",
        "192.168.1.1 dev router proto kernel scope link src 192.168.1.5",
    ]
    assert "link/ether 02:00:5a:00:01:00 brd ff:ff:ff:ff:ff:ff" in " ".join(on("router", "ip", "link", "show", "proxy"))
    assert 'oifname "proxy" masquerade' in on("router", "nft", "list", "ruleset")
    assert on("router", "cat", "/proc/sys/net/ipv4/ip_forward") == ["1"]
    assert on("proxy", "nft", "list", "ruleset") == []
    # Nothing of it is outside.
    assert [line.split(":")[1].strip() for line in machine.run("ip", "-o", "link").lines] == ["lo"]
    assert machine.lab("down", "nat").code == 0
