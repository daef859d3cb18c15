"""The kernel says nothing about listeners that only we look at: no ICMP where nobody listens, and no RST where that is asked for."""

import logging
import os
import socket
import subprocess
from collections.abc import Iterator

import pytest

from scapy_rr.errors import LiveError
from scapy_rr.live import mute
from scapy_rr.live.mute import Mute, is_of_this_machine, no_resets, remove_leftovers
from scapy_rr.rr.listener import Listener

from ..conftest import need
from .network import Host, hosts

UDP, UDP6, TCP, TCP6 = map(Listener.parse, ("udp:127.0.0.1:5060", "udp:[::1]:5060", "tcp:127.0.0.1:5060", "tcp:[::1]:5060"))


@pytest.fixture
def host() -> Iterator[Host]:
    """A machine with a loopback alone."""
    with hosts(1) as (one,):
        yield one


def refused(host: Host, listener: Listener) -> bool:
    """Whether an ICMP says, or a RST, that nobody listens there."""
    family = socket.AF_INET if listener.address.version == 4 else socket.AF_INET6
    with host.entered():
        made = socket.socket(family, socket.SOCK_DGRAM if listener.transport == "udp" else socket.SOCK_STREAM)
    with made:
        # On a loopback the answer is there before anybody can wait for it.
        made.settimeout(0.3)
        try:
            made.connect((str(listener.address), listener.port))
            made.send(b"\r\n\r\n")
            made.recv(1)
        except TimeoutError:
            return False
        except ConnectionRefusedError:
            return True
    raise AssertionError("somebody answered")


def tables() -> list[str]:
    """Those of nftables where this thread is."""
    done = subprocess.run([need("nft"), "list", "tables"], check=True, capture_output=True, text=True)
    return [line.split()[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("listener", [UDP, UDP6], ids=str)
def test_no_icmp_leaves_for_a_listener_that_is_claimed(host: Host, listener: Listener) -> None:
    assert refused(host, listener)
    with host.entered():
        claimed = Mute([listener, TCP])
    with claimed:
        assert claimed.claimed == [listener]
        # More than fits: the rest is dropped without a word.
        assert [refused(host, listener) for _ in range(3)] == [False] * 3
    assert refused(host, listener)


def test_listeners_that_change(host: Host) -> None:
    other = Listener.parse("udp:127.0.0.1:5080")
    with host.entered(), Mute([UDP, UDP6]) as claimed:
        claimed.claim([UDP6, other, TCP])
        assert (claimed.claimed, claimed.reset) == ([UDP6, other], [TCP])
        assert [refused(host, one) for one in (UDP, UDP6, other)] == [True, False, False]
        claimed.claim([])
        assert (claimed.claimed, claimed.reset) == ([], [])


def test_an_address_of_nobody_here_is_passed_over(host: Host) -> None:
    elsewhere = Listener.parse("udp:10.9.9.9:5060")
    with host.entered(), Mute([elsewhere, UDP]) as claimed:
        assert (claimed.claimed, claimed.elsewhere, claimed.taken) == ([UDP], [elsewhere], [])


@pytest.mark.parametrize(
    ("listener", "so"),
    [(TCP, True), (UDP6, True), (Listener.parse("tcp:10.9.9.9:5060"), False), (Listener.parse("udp:[2001:db8::9]:5060"), False)],
    ids=str,
)
def test_whose_address_it_is(host: Host, listener: Listener, so: bool) -> None:
    """Whoever listens there."""
    with host.udp("127.0.0.1", 5060), host.entered():
        assert is_of_this_machine(listener) is so


def test_a_listener_of_somebody_else_is_told(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with host.udp("0.0.0.0", 5060), host.entered(), caplog.at_level(logging.WARNING), Mute([UDP]) as claimed:
        assert (claimed.claimed, claimed.taken) == ([], [UDP])
    assert caplog.messages == ["udp:127.0.0.1:5060: somebody listens there already, and answers what arrives"]


def test_what_else_the_system_refuses_is_an_error(host: Host) -> None:
    link_local = Listener.parse("udp:[fe80::1]:5060")
    with host.entered(), pytest.raises(LiveError, match=r"^udp:\[fe80::1\]:5060: "):
        Mute([UDP, link_local])
    with host.entered(), Mute([UDP]) as claimed:
        assert claimed.taken == [], "nothing is kept of what failed"


def test_who_answers_tcp_is_told(host: Host) -> None:
    with host.entered(), Mute([TCP]) as claimed:
        assert claimed.reset == [TCP]
    with host.entered():
        server = socket.create_server(("127.0.0.1", 5060))
    with server, host.entered(), Mute([TCP, Listener.parse("tcp:10.9.9.9:5060")]) as claimed:
        assert claimed.reset == []


@pytest.mark.parametrize("listener", [TCP, TCP6], ids=str)
def test_no_reset_leaves_as_long_as_that_is_asked_for(host: Host, listener: Listener) -> None:
    need("nft")
    assert refused(host, listener)
    with host.entered():
        with no_resets([listener, UDP]) as command:
            assert command == f"nft delete table inet scapy_rr_{os.getpid()}"
            assert not refused(host, listener)
            assert refused(host, UDP), "another transport"
            assert refused(host, Listener.parse("tcp:127.0.0.1:5061")), "another port"
        assert tables() == []
    assert refused(host, listener)


def test_the_rule_goes_whatever_happens(host: Host) -> None:
    need("nft")
    with host.entered():
        with pytest.raises(KeyboardInterrupt), no_resets([TCP]):
            assert tables() == [f"scapy_rr_{os.getpid()}"]
            raise KeyboardInterrupt
        assert tables() == []
        with no_resets([TCP]) as command:
            subprocess.run(command.split(), check=True)
        assert tables() == [], "removed by hand meanwhile"


def test_without_tcp_there_is_no_rule(host: Host) -> None:
    with host.entered(), no_resets([UDP]) as command:
        assert command == ""
        assert tables() == []


def test_what_processes_left_behind_is_removed(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    nft = need("nft")
    ended = subprocess.Popen(["true"])
    ended.wait()
    names = [f"scapy_rr_{ended.pid}", f"scapy_rr_{os.getppid()}", "scapy_rr_x", "others"]
    with host.entered():
        for name in names:
            subprocess.run([nft, "add", "table", "inet", name], check=True)
        with caplog.at_level(logging.WARNING):
            assert remove_leftovers() == names[:1]
        assert sorted(tables()) == sorted(names[1:])
    assert caplog.messages == [f"the nftables table {names[0]} of a process that is gone was removed"]


def test_one_of_our_number_that_was_left_behind_is_replaced(host: Host) -> None:
    nft = need("nft")
    with host.entered():
        subprocess.run([nft, "add", "table", "inet", f"scapy_rr_{os.getpid()}"], check=True)
        with no_resets([TCP]):
            assert not refused(host, TCP)
        assert tables() == []


def test_without_nftables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    with pytest.raises(LiveError, match="nft, the program of nftables, is not installed"), no_resets([TCP]):
        raise AssertionError("there is no rule")
    assert remove_leftovers() == []


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Operation not permitted (you must be root)\nmore",
            r"nft list tables: Operation not permitted.*root\) \(nftables need .*NET_ADMIN\)$",
        ),
        ("no such thing", "nft list tables: no such thing$"),
        ("", "nft list tables: it ended with 1$"),
    ],
)
def test_what_nftables_refuses(said: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda *_, **__: "/nft")
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 1, "", said))
    with pytest.raises(LiveError, match=told):
        mute._nft("list", "tables")
