"""Name servers to ask: a real one (nsd) with zones of ours, one that answers whatever a test says, and one that never answers."""

import itertools
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

LOOPBACK = "127.0.0.1"
_HEAD = "$ORIGIN {name}.\n$TTL 300\n@ SOA ns admin {serial} 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n"
_CONFIGURATION = """
server:
  ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{home}"
  xfrdir: "{home}"
  pidfile: "{home}/nsd.pid"
  xfrdfile: "{home}/xfrd.state"
  zonelistfile: "{home}/zone.list"
  logfile: "{home}/nsd.log"
  zonefiles-check: yes
  rrl-ratelimit: 0
remote-control:
  control-enable: no
"""
_ZONE = '\nzone:\n  name: "{name}"\n  zonefile: "{name}.zone"\n'


class NameServerError(Exception):
    """It did not start, or does not serve what it was given."""


class NameServer:
    """An nsd on a port of the loopback.

    :param zones: their names, and their records without SOA and NS.
    :param patience: the seconds that it may take to serve a zone.
    :raises NameServerError: if it does not start.
    """

    def __init__(self, zones: Mapping[str, str], patience: float = 20) -> None:
        self._patience = patience
        self._serials = itertools.count(1)
        self._folder = tempfile.TemporaryDirectory(prefix="scapy-rr-nsd-")
        self._home = Path(self._folder.name)
        self.port = _free_port()
        configuration = self._home / "nsd.conf"
        configuration.write_text(
            _CONFIGURATION.format(port=self.port, home=self._home) + "".join(_ZONE.format(name=name) for name in zones)
        )
        serials = {name: self._write(name, records) for name, records in zones.items()}
        program = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin:/sbin") or "nsd"
        # -d: it stays in the foreground, a child of ours.
        self._process = subprocess.Popen(
            [program, "-d", "-c", str(configuration)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            for name, serial in serials.items():
                self._wait_for(name, serial)
        except NameServerError:
            self.close()
            raise

    def change(self, name: str, records: str) -> None:
        """Give a zone other records; returns once they are served."""
        serial = self._write(name, records)
        self._process.send_signal(signal.SIGHUP)
        self._wait_for(name, serial)

    def _write(self, name: str, records: str) -> int:
        serial = next(self._serials)
        (self._home / f"{name}.zone").write_text(_HEAD.format(name=name, serial=serial) + records)
        return serial

    def _wait_for(self, name: str, serial: int) -> None:
        question = dns.message.make_query(name + ".", "SOA")
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                answer = dns.query.udp(question, LOOPBACK, timeout=0.5, port=self.port, ignore_errors=True)
            except (dns.exception.Timeout, OSError):
                continue
            if any(record.serial == serial for rrset in answer.answer for record in rrset):
                return
            time.sleep(0.05)
        log = self._home / "nsd.log"
        raise NameServerError(f"nsd does not serve {name}: {log.read_text() if log.exists() else 'no log'}")

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class ScriptedServer:
    """A name server over UDP whose answers a test makes, and which counts its questions.

    :param answer: makes the datagram that answers a question; ``None`` for none.
    """

    def __init__(self, answer: Callable[[dns.message.Message], bytes | None] = lambda question: None) -> None:
        self.answer = answer
        self.questions: list[str] = []
        """Name and type of each, as ``example.com. A``."""
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, source = self._socket.recvfrom(4096)
            if not data:
                return
            question = dns.message.from_wire(data)
            asked = question.question[0]
            self.questions.append(f"{asked.name} {dns.rdatatype.to_text(asked.rdtype)}")
            answer = self.answer(question)
            if answer is not None:
                self._socket.sendto(answer, source)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
            end.sendto(b"", (LOOPBACK, self.port))
        self._thread.join()
        self._socket.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
