"""A real Kamailio as the judge of what its ``rr`` module does with a request."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from .case import Answer, Call, Case, Configuration, calls_of, spelled
from .exchange import Exchange
from .log import Log
from .namespace import Namespace
from .script import CONTROL, DONE, PVS, script
from .tokens import key, resigned

_OWN_VIA = re.compile(rb"(?<=\r\n)Via: SIP/2\.0/(?:UDP|TCP) [^\r\n]*\r\n")
_PROTOCOLS = {"1": "udp", "2": "tcp"}
NAMES = ("sip.example.net", "edge.example.net")
"""What a socket may advertise besides addresses: a server has to be able to resolve it."""

_ROUTE_PVS = ("route_uri", "fti", "tti", "rdir")


class PeerError(Exception):
    """The server did not start, or did not answer as it should."""


def program() -> str | None:
    """The path of Kamailio, None where it is not installed."""
    return shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/sbin")


def version() -> str:
    """The installed one, ``5.6.3``."""
    said = subprocess.run([program() or "kamailio", "-v"], check=True, capture_output=True, text=True).stdout
    found = re.search(r"kamailio (\S+)", said)
    if not found:
        raise PeerError(f"no version: {said}")
    return found[1]


@dataclass(slots=True)
class _Report:
    """What the server wrote about one request."""

    codes: list[int] | None = None
    values: dict[str, str | None] = field(default_factory=dict)
    socket: str | None = None
    length: int = 0
    forwarded: bool = True

    def take(self, line: str) -> None:
        """One line of it."""
        kind, *words = line.split(" ")
        if kind == "codes":
            self.codes = [int(code) for code in words[0].split("/") if code]
        elif kind == "null":
            self.values[words[0]] = None
        elif kind == "text":
            self.values[words[0]] = bytes.fromhex(words[1]).decode("latin-1")
        elif kind == "sent":
            self.socket, self.length = spelled(_PROTOCOLS[words[0]], words[1].strip("[]"), words[2]), int(words[3])
        elif kind == "forward":
            self.forwarded = int(words[0]) > 0


class Kamailio:
    """One process of it with one configuration.

    :param calls: what its script shall be able to call.
    :raises PeerError: if it does not start.
    :raises OSError: if no namespace can be made.
    """

    def __init__(self, configuration: Configuration, calls: Sequence[Call]) -> None:
        self.calls = {call: number for number, call in enumerate(calls)}
        self._number = 0
        self._exchange = Exchange()
        self._namespace = Namespace()
        self._home = tempfile.TemporaryDirectory(prefix="scapy-rr-judge-")
        path = Path(self._home.name) / "kamailio.cfg"
        path.write_text(script(configuration, calls), "latin-1")
        with self._namespace.entered():
            self._process = subprocess.Popen(
                command(Path(self._home.name), path),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        assert self._process.stderr
        self._log = Log(self._process.stderr)
        # It starts without a listener that it could not add, and says so.
        if self._log.next(patience=20) != "ready" or "CRITICAL" in self._log.others:
            self.close()
            raise PeerError(f"kamailio does not start: {self._log.others}")

    def answer(self, case: Case) -> Answer:
        """What it does with a request. :raises PeerError: if it does not say."""
        self._number += 1
        with self._namespace.entered():
            sink = self._exchange.sink(case["sink"])
            messages = (self._control(case), case["request"].encode("latin-1"), own(DONE, f"X-Number: {self._number}"))
            connection = self._exchange.send(case["source"], case["received_on"], *messages)
        report = _Report()
        while (line := self._log.next(connection)) != f"done {self._number}":
            if line is None:
                if connection is None or self._log.ended:
                    raise PeerError(f"no answer to {case['request']!r}: {self._log.others}")
                self._exchange.drop(case["source"], case["received_on"])
                break
            report.take(line)
        sent = sink.receive(report.length) if report.length and report.forwarded else None
        return _answer(report, sent)

    def _control(self, case: Case) -> bytes:
        """What tells the script about the request that follows."""
        numbers = [self.calls[call] for call in calls_of(case)]
        proto, _, address = case["sink"].partition(":")
        return own(
            CONTROL,
            f"X-Calls: {'/'.join(map(str, numbers))}/",
            f"X-Count: {len(numbers)}",
            f"X-Socket: {case['send_socket'] or '-'}",
            f"X-Sink: sip:{address};transport={proto}",
        )

    def close(self) -> None:
        """End it."""
        self._exchange.close()
        # Asked kindly while it still starts, it forgets its youngest children. Its group is its session's, and there is nothing to save.
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stderr
        self._process.stderr.close()
        self._namespace.close()
        self._home.cleanup()


class Judge:
    """Answers cases of any configuration; the servers used last stay up.

    :param calls: what the cases will call, as far as that is known: another call needs a new start of the server.
    :param most: how many servers to keep.
    """

    def __init__(self, calls: Iterable[Call] = (), most: int = 24) -> None:
        self.version = version()
        self._calls = tuple(dict.fromkeys(calls))
        self._most = most
        self._servers: OrderedDict[Configuration, Kamailio] = OrderedDict()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def answer(self, case: Case) -> Answer:
        """What Kamailio does with a request.

        5.6 uses the key of an empty secret whatever it is told, so there a flow token is signed anew on the way in and out.

        :raises PeerError: if it does not start or does not say.
        """
        secret = case["params"].get("flow_token_key")
        if secret is None or not self.version.startswith("5.6."):
            return self.raw_answer(case)
        asked: Case = {**case, "request": resigned(case["request"], key(secret), key(""))}
        return _resigned(self.raw_answer(asked), key(""), key(secret))

    def raw_answer(self, case: Case) -> Answer:
        """The same with its flow tokens as they are."""
        return self._server(case).answer(case)

    def _server(self, case: Case) -> Kamailio:
        configuration = Configuration.of(case)
        server = self._servers.pop(configuration, None)
        wanted = calls_of(case)
        if server is not None and not server.calls.keys() >= set(wanted):
            wanted = [*server.calls, *wanted]
            server.close()
            server = None
        if server is None:
            while len(self._servers) >= self._most:
                self._servers.popitem(last=False)[1].close()
            server = Kamailio(configuration, list(dict.fromkeys([*_usable(self._calls, configuration), *wanted])))
        self._servers[configuration] = server
        return server

    def close(self) -> None:
        """End all servers."""
        while self._servers:
            self._servers.popitem()[1].close()


def command(home: Path, configuration: Path) -> list[str]:
    """What starts it, in the process that it is started in.

    It resolves the names that its sockets advertise, so it gets hosts of its own; and it ends with us, even if we are killed.
    """
    hosts = home / "hosts"
    hosts.write_text("127.0.0.1 localhost\n203.0.113.20 " + " ".join(NAMES) + "\n")
    mounted = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts), "setpriv", "--pdeathsig", "TERM"]
    memory = ["-m", "16", "-M", "4"]
    return [*mounted, program() or "kamailio", "-f", str(configuration), "-DD", "-E", *memory, "-Y", str(home), "-P", str(home / "pid")]


def _usable(calls: Iterable[Call], configuration: Configuration) -> list[Call]:
    """Without those that end a server of this configuration at its start."""
    tagged = bool(dict(configuration.params).get("append_fromtag", 1))
    return [call for call in calls if tagged or call[0] != "is_direction"]


def own(method: str, *headers: str) -> bytes:
    """A request of our own, which the script knows by its method."""
    lines = [
        f"{method} sip:judge.invalid SIP/2.0",
        "Via: SIP/2.0/UDP judge.invalid;branch=z9hG4bKjudge",
        "From: <sip:judge.invalid>;tag=1",
        "To: <sip:judge.invalid>",
        "Call-ID: judge",
        f"CSeq: 1 {method}",
        *headers,
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _answer(report: _Report, sent: bytes | None) -> Answer:
    values = report.values
    ran = report.codes is not None
    if sent is not None and ran:
        sent = _OWN_VIA.sub(b"", sent, count=1)
    return {
        "returns": report.codes,
        "ruri": values.get("ruri"),
        "dst_uri": values.get("dst_uri"),
        "send_socket": values.get("send_socket"),
        "pvs": {name: values.get(name) for name in _ROUTE_PVS},
        "sent": None if sent is None else sent.decode("latin-1"),
        "out_socket": report.socket if ran and sent is not None else None,
    }


def _resigned(answer: Answer, old: bytes, new: bytes) -> Answer:
    def again(text: str | None) -> str | None:
        return None if text is None else resigned(text, old, new)

    return {
        **answer,
        "ruri": again(answer["ruri"]),
        "dst_uri": again(answer["dst_uri"]),
        "pvs": {name: again(value) for name, value in answer["pvs"].items()},
        "sent": again(answer["sent"]),
    }


assert set(_ROUTE_PVS) < set(PVS)
