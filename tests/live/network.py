"""Networks for the tests: namespaces with veth pairs between them, that nothing else on the machine sees."""

import os
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import scapy.route
import scapy.route6  # noqa: F401
from scapy.config import conf

from scapy_rr.wire.checksum import checksum

from ..conftest import missing
from ..peers.namespace import _CLONE_NEWNET, Namespace, _check, _current, _libc


class Host(Namespace):
    """A machine of its own, as far as the network is concerned."""

    def __init__(self) -> None:
        super().__init__()
        self._held = ExitStack()

    def close(self) -> None:
        """Let go of it, and of the sockets in it."""
        self._held.close()
        super().close()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """As of any other one; but this thread comes back to where it was, be that another one."""
        before = _current()
        _check(_libc.setns(self._inside, _CLONE_NEWNET))
        try:
            yield
        finally:
            _check(_libc.setns(before, _CLONE_NEWNET))
            os.close(before)

    def ip(self, *commands: str) -> None:
        """Run these commands of ``ip``."""
        with self.entered():
            for command in commands:
                subprocess.run(["ip", *command.split()], check=True)

    @property
    def path(self) -> str:
        """Its namespace, for ``ip``."""
        return f"/proc/{os.getpid()}/fd/{self._inside}"

    def udp(self, address: str, port: int) -> socket.socket:
        """A socket in it, that is closed with it."""
        with self.entered():
            made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self._held.enter_context(made)
        made.bind((address, port))
        made.settimeout(10)
        return made


@contextmanager
def hosts(number: int) -> Iterator[list[Host]]:
    """So many of them."""
    with ExitStack() as held:
        try:
            made = [Host() for _ in range(number)]
        except OSError as error:
            missing(f"no network namespace can be made: {error}")
        for one in made:
            held.callback(one.close)
        # What Scapy learnt in a network of ours is not to be taken for the machine's.
        held.callback(_look_again)
        yield made


def _look_again() -> None:
    conf.ifaces.reload()
    conf.route.resync()
    conf.route6.resync()


def join(one: Host, name: str, address: str, other: Host, other_name: str, other_address: str) -> None:
    """Put a cable between two of them; an empty address is none."""
    one.ip(f"link add {name} type veth peer name {other_name} netns {other.path}")
    for host, interface, own in ((one, name, address), (other, other_name, other_address)):
        if own:
            host.ip(f"addr add {own} dev {interface}" + (" nodad" if ":" in own else ""))
        host.ip(f"link set {interface} up")


class Dump:
    """tcpdump on an interface, as long as a ``with`` lasts.

    :param program: where it is.
    """

    def __init__(self, program: str, host: Host, interface: str, path: Path, expression: str = "") -> None:
        self._path, self._program = path, program
        with host.entered():
            command = [program, "-i", interface, "-U", "--immediate-mode", "-B", "65536", "-w", str(path), *expression.split()]
            self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr
        for line in self._process.stderr:
            if "listening on" in line:
                break

    def __enter__(self) -> "Dump":
        return self

    def __exit__(self, *_: object) -> None:
        # What came last may not be written yet.
        size = -1
        while size != (size := self._path.stat().st_size):
            time.sleep(0.3)
        self._process.terminate()
        self._process.communicate(timeout=20)

    def lines(self, expression: str = "") -> list[str]:
        """What it saw, a line a packet, without the time."""
        command = [self._program, "-t", "-n", "-r", str(self._path), *expression.split()]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def ping(host: Host, address: str, number: int = 1) -> bytes:
    """Ask for an ICMP echo, and wait for it. :returns: the answer. :raises TimeoutError: where none comes."""
    with host.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    with made:
        made.settimeout(10)
        asked = struct.pack(">BBHHH", 8, 0, 0, os.getpid() & 0xFFFF, number) + b"echo"
        made.sendto(asked[:2] + checksum(asked).to_bytes(2, "big") + asked[4:], (address, 0))
        while True:
            answer = made.recv(1000)[20:]
            if answer[0] == 0 and answer[4:8] == asked[4:8]:
                return answer
