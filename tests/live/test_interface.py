"""Interfaces of this machine, and what is said where one is not there or may not be used."""

import errno
import re
import socket

import pytest
from scapy.config import conf

from scapy_rr.errors import LiveError
from scapy_rr.live.interface import Interface, fault_of

from .veth import FAR, FAR_MAC, NEAR, cable, ip


def test_the_loopback() -> None:
    assert Interface.find("lo")._replace(link_local="") == ("lo", bytes(6), "127.0.0.1", "", False)


def test_one_that_is_not_there() -> None:
    names = ", ".join(name for _, name in socket.if_nameindex())
    with pytest.raises(LiveError, match=f"^no interface 'nowhere'; those there are: {re.escape(names)}$"):
        Interface.find("nowhere")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            PermissionError(errno.EPERM, "Operation not permitted"),
            "eth7: raw sockets need the capability CAP_NET_RAW: use sudo, or: sudo setcap",
        ),
        (OSError(errno.ENETDOWN, "Network is down"), "eth7: Network is down: ip link set eth7 up"),
        (OSError(errno.ENXIO, "No such device or address"), "eth7: No such device or address"),
    ],
)
def test_what_the_system_refuses(monkeypatch: pytest.MonkeyPatch, error: OSError, text: str) -> None:
    assert str(fault_of("eth7", error)).startswith(text)

    def refuse(**_: object) -> None:
        raise error

    monkeypatch.setattr(conf, "L2socket", refuse)
    with pytest.raises(LiveError, match=f"^{re.escape(text)}"):
        Interface("eth7", bytes(6), "0.0.0.0", "", True).socket()


def test_a_cable_and_a_tunnel() -> None:
    with cable() as wired:
        try:
            with wired.there.entered():
                ip(f"addr add 10.0.0.9/24 dev {FAR}")
                found = Interface.find(FAR)
                assert (found.mac.hex(":"), found.ipv4, found.has_arp) == (FAR_MAC, "10.0.0.9", True)
                assert found.link_local.startswith("fe80::")
                ip(f"link set {FAR} arp off")
                assert not Interface.find(FAR).has_arp
                ip("tuntap add dev tunnel mode tun")
                with pytest.raises(LiveError, match=r"^tunnel takes no Ethernet frames"):
                    Interface.find("tunnel")
            with wired.here.entered():
                assert Interface.find(NEAR).ipv4 == "0.0.0.0"
        finally:
            conf.ifaces.reload()


def test_what_a_socket_receives() -> None:
    with cable() as wired:
        try:
            with wired.here.entered():
                near = Interface.find(NEAR)
                deaf, all_ears = near.socket(0), near.socket()
            with wired.there.entered(), Interface.find(FAR).socket(0) as far:
                far.outs.send(b"\xff" * 12 + b"\x88\xb5hello")
            all_ears.ins.settimeout(5)
            while not (heard := all_ears.ins.recv(100)).endswith(b"hello"):
                pass
            deaf.ins.setblocking(False)
            with pytest.raises(BlockingIOError):
                deaf.ins.recv(100)
            assert heard[12:] == b"\x88\xb5hello"
            deaf.close()
            all_ears.close()
        finally:
            conf.ifaces.reload()
