"""Frames leave as they are, a full queue gets time, what the kernel does not take is counted, and an interface that is gone is named."""

import errno
import os
from typing import Any

import pytest
from scapy.config import conf

from scapy_rr.errors import LiveError
from scapy_rr.live import sender as module
from scapy_rr.live.interface import Interface
from scapy_rr.live.sender import Refused, Sender

from .veth import FAR, NEAR, cable, ip

INTERFACE = Interface("eth7", bytes(6), "0.0.0.0", "", True)


class Outlet:
    """A socket that raises these errors, one a call, before it takes something."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.sent: list[bytes] = []
        self.outs = self

    def setsockopt(self, *_: object) -> None:
        pass

    def send(self, frame: bytes) -> int:
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        self.sent.append(frame)
        return len(frame)

    def close(self) -> None:
        pass


def send_by(outlet: Any, monkeypatch: pytest.MonkeyPatch, frames: int = 1) -> Sender:
    """Send so many frames by it."""
    monkeypatch.setattr(Interface, "socket", lambda self, protocol: outlet)
    monkeypatch.setattr(module, "_BREATH", 0)
    sender = Sender(INTERFACE)
    for number in range(1, frames + 1):
        try:
            sender.send(b"frame %d" % number)
        except OSError as error:
            sender.settle(error, b"frame %d" % number, number)
    return sender


@pytest.mark.parametrize("errors", [[errno.ENOBUFS], [errno.ENOBUFS] * 20, [errno.EAGAIN, errno.ENOBUFS]])
def test_a_full_queue_gets_time(monkeypatch: pytest.MonkeyPatch, errors: list[int]) -> None:
    outlet = Outlet(*errors)
    assert send_by(outlet, monkeypatch, 2).refused == {}
    assert outlet.sent == [b"frame 1", b"frame 2"]


def test_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.01)
    outlet = Outlet(*[errno.ENOBUFS] * 10_000_000)
    assert send_by(outlet, monkeypatch).refused == {"the interface's queue stayed full": Refused(1, 1)}
    assert outlet.sent == []


@pytest.mark.parametrize(
    ("errors", "refused"),
    [
        ([errno.EMSGSIZE, errno.EMSGSIZE], {"longer than the interface takes": Refused(2, 1)}),
        ([errno.EINVAL], {"shorter than an Ethernet header": Refused(1, 1)}),
        ([errno.ENOBUFS, errno.EMSGSIZE], {"longer than the interface takes": Refused(1, 1)}),
    ],
)
def test_what_is_wrong_with_one_frame_is_counted(monkeypatch: pytest.MonkeyPatch, errors: list[int], refused: dict[str, Refused]) -> None:
    outlet = Outlet(*errors)
    assert send_by(outlet, monkeypatch, 3).refused == refused
    assert outlet.sent[-1] == b"frame 3"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (errno.ENETDOWN, "eth7: Network is down: ip link set eth7 up"),
        (errno.ENXIO, "eth7: No such device or address"),
        (errno.EPERM, "eth7: raw sockets need"),
    ],
)
def test_an_interface_that_takes_nothing_more(monkeypatch: pytest.MonkeyPatch, number: int, text: str) -> None:
    with pytest.raises(LiveError, match=f"^{text}"):
        send_by(Outlet(number), monkeypatch)


@pytest.mark.parametrize("bypass", [False, True])
def test_a_cable(bypass: bool) -> None:
    """The kernel's own words for frames too long and too short, and for an interface that goes."""
    with cable() as wired:
        try:
            with wired.there.entered():
                far = Interface.find(FAR).socket()
                far.ins.settimeout(5)
            with wired.here.entered():
                sender = Sender(Interface.find(NEAR), bypass)
            frames = [b"\xff" * 12 + b"\x88\xb5" + body for body in (b"one", bytes(1510), b"two")] + [b"short"]
            for number, frame in enumerate(frames, 1):
                try:
                    assert sender.send(memoryview(frame)) == len(frame)
                except OSError as error:
                    assert sender.settle(error, frame, number) == 0
            assert sender.refused == {"longer than the interface takes": Refused(1, 2), "shorter than an Ethernet header": Refused(1, 4)}
            heard: list[bytes] = []
            while len(heard) < 2:
                frame = far.ins.recv(2000)
                heard += [frame] if frame[12:14] == b"\x88\xb5" else []
            assert heard == [frames[0], frames[2]]
            with wired.here.entered():
                ip(f"link set {NEAR} down")
            with pytest.raises(LiveError, match=f"^{NEAR}: Network is down: ip link set {NEAR} up"):
                _settled(sender, frames[0])
            sender.__exit__()
            far.close()
        finally:
            conf.ifaces.reload()


def _settled(sender: Sender, frame: bytes) -> None:
    try:
        sender.send(frame)
    except OSError as error:
        sender.settle(error, frame, 1)
