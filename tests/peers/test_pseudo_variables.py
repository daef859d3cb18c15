"""The installed Kamailio gives each pseudo-variable the value that scapy_rr gives it, and takes and refuses the same texts."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import pytest

from scapy_rr.errors import SipParseError
from scapy_rr.rr.dialect import KAMAILIO
from scapy_rr.rr.module import RecordRouting
from scapy_rr.rr.pseudo_variables import parse
from scapy_rr.rr.request import Request
from scapy_rr.rr.variable_values import OF_BOTH

from ..conftest import need_namespaces
from ..rr.test_pseudo_variables import PRINTED, REFUSED
from .exchange import Exchange
from .kamailio import PeerError, command, own, version
from .log import Log
from .namespace import Namespace
from .script import DONE

LISTEN = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:127.0.0.2:5070 as edge.example.net:5060", "udp:[::1]:5060"]
HEADERS = (
    *("$hdr(X-A)", "$(hdr(x-a)[1])", "$(hdr(X-A)[-1])", "$(hdr(X-A)[-2])", "$(hdr(X-A)[2])", "$hdr(From)", "$hdr(v)", "$(hdr(Via)[1])"),
    *("$hdr(Subject)", "$hdr(r)", "$hdr(Identity)", "$hdr(b)", "$hdr(Content-Type)", "$hdr(none)"),
)
# $rdir and the like look at the Routes that were found so far: behind the others they are the same for all.
NAMES = (*OF_BOTH, *HEADERS, *KAMAILIO.pseudo_variables)

_HEAD = """#!KAMAILIO
debug=-1
log_stderror=yes
children=1
tcp_children=1
auto_aliases=no
dns=no
rev_dns=no
loadmodule "pv.so"
loadmodule "xlog.so"
loadmodule "rr.so"
event_route[core:worker-one-init] { xlog("L_ALERT", "@@ready\\n"); }
onreply_route { route(SAY); }
"""
_ROUTE = """request_route {
    if ($rm == "%s") {
        xlog("L_ALERT", "@@done $hdr(X-Number)\\n");
        exit;
    }
    route(SAY);
}
"""


class Kamailio:
    """One process of it, which says something about every message.

    :param says: what its script does with one.
    :raises PeerError: if it does not start.
    """

    def __init__(self, says: str) -> None:
        self._number = 0
        self._exchange = Exchange()
        self._namespace = Namespace()
        self._home = tempfile.TemporaryDirectory(prefix="scapy-rr-judge-")
        home = Path(self._home.name)
        listen = "".join(f"listen={listener.replace(' as ', ' advertise ')}\n" for listener in LISTEN)
        (home / "kamailio.cfg").write_text(f"{_HEAD}{listen}{_ROUTE % DONE}route[SAY] {{ {says} }}\n", "latin-1")
        with self._namespace.entered():
            self._process = subprocess.Popen(
                command(home, home / "kamailio.cfg"),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        assert self._process.stderr
        self._log = Log(self._process.stderr)
        if self._log.next(patience=20) != "ready":
            self.close()
            raise PeerError(f"kamailio does not start: {self._log.others}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def answer(self, message: bytes, received_on: str, source: str) -> list[str]:
        """What it says about a message; nothing where its core drops it."""
        self._number += 1
        with self._namespace.entered():
            connection = self._exchange.send(source, received_on, message, own(DONE, f"X-Number: {self._number}"))
        lines: list[str] = []
        while (line := self._log.next(connection)) != f"done {self._number}":
            if line is None:
                raise PeerError(f"no answer to {message!r}: {self._log.others}")
            lines.append(line)
        return lines

    def close(self) -> None:
        """End it."""
        self._exchange.close()
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stderr
        self._process.stderr.close()
        self._namespace.close()
        self._home.cleanup()


def values_of(names: Sequence[str]) -> str:
    """What says the value of each, in hexadecimal digits, as it may be of several lines."""
    bare = [name[2:-1] if name.startswith("$(") else name[1:] for name in names]
    return "\n".join(
        f'if ({name} == $null) xlog("L_ALERT", "@@null\\n"); else xlog("L_ALERT", "@@text $({bare}{{s.encode.hexa}})\\n");'
        for name, bare in zip(names, bare, strict=True)
    )


class Case(NamedTuple):
    """A message, and how it comes."""

    message: bytes
    received_on: str = LISTEN[0]
    source: str = "127.0.0.5:15060"


def case(*more: str, first: str = "BYE sip:bob@biloxi.example SIP/2.0", end: str = "\r\n", **changed: str) -> Case:
    """A message, some of whose headers are changed: the name of each begins a line."""
    headers = {
        "via": "Via: SIP/2.0/UDP 127.0.0.5:15060;branch=z9hG4bK1",
        "from_": "From: <sip:alice@atlanta.example>;tag=a",
        "to": "To: <sip:bob@biloxi.example>;tag=b",
        "id": "Call-ID: 1@127.0.0.5",
        "cseq": "CSeq: 2 BYE",
    }
    lines = [first, *(headers | changed).values(), *more, "Content-Length: 0", ""]
    return Case("".join(line + end for line in lines).encode("latin-1"))


def ruri(uri: str) -> Case:
    """A request with this R-URI, the same in From and To."""
    return case(first=f"BYE {uri} SIP/2.0", from_=f"From: <{uri}>;tag=a", to=f'To: "B" <{uri}>')


CASES = {
    "plain": case(),
    "over TCP": case()._replace(received_on=LISTEN[1]),
    "advertised": case()._replace(received_on="udp:127.0.0.2:5070"),
    "IPv6": ruri("sip:a@[2001:DB8::1]:5080")._replace(received_on=LISTEN[3], source="[::1]:15060"),
    "everything in a URI": ruri("sip:a:pw@h.example:5080;x=y;transport=UDP;lr?a=b"),
    "neither user nor port": ruri("sip:h.example"),
    "nothing behind the colon": ruri("sip:h.example:;x"),
    "port with a zero": ruri("sip:a@h.example:05060"),
    "port too high": ruri("sip:a@h.example:99999"),
    "sips": ruri("sips:a@h.example"),
    "TLS": ruri("sip:a@h.example;transport=TLS"),
    "WebSocket": ruri("sip:a@h.example;transport=ws"),
    "another transport": ruri("sip:a@h.example;transport=xyz"),
    "maddr": ruri("sip:a@h.example;maddr=192.0.2.1"),
    "tel": ruri("tel:+1-555;phone-context=x"),
    "user=phone": ruri("sip:+1555;isub=1@h.example;user=phone"),
    "no SIP URI": ruri("http://h.example"),
    "no URI": case(from_="From: <foo>;tag=a", to="To: bar;tag=b"),
    "display names": case(from_='From: "A \\" <sip:x@y>" <sip:a@h>;tag=1', to="To: B O B<sip:b@h>;x=y"),
    "a backslash at the end": case(from_='From: "A\\\\" <sip:a@h>;tag=1'),
    "without brackets": case(from_="From: sip:a@h;x=y;tag=1", to="To: sip:b@h?x=y ; tag = 1 ;z"),
    "blanks in brackets": case(from_="From: < sip:a@h >;tag=1", to="To: <sip:b@h >"),
    "brackets in a parameter": case(from_='From: sip:a@h;x="<sip:y@z>";tag=1'),
    "tags": case(from_="From: <sip:a@h>;TAG=1;tag=2", to='To: <sip:b@h>;tag="x y"'),
    "empty tags": case(from_="From: <sip:a@h>;tag=", to="To: <sip:b@h>;tag"),
    "compact": case(from_="f: <sip:a@h>;tag=1", to="t : <sip:b@h>", id="i:  1 ", cseq="cseq: 007   BYE "),
    "folded": case("X-A: 1\r\n 2 \r\n  ", "X-A:\r\n\t3", from_='From:\r\n "A"\r\n <sip:a@h>\r\n ;tag=1', cseq="CSeq:\r\n 3 BYE"),
    "line feeds": case("X-A: 1 ", "x-a: 2\t", end="\n"),
    "several": case("X-A: 1", "x-a : 2", "X-A:", "v: SIP/2.0/UDP b;branch=z9hG4bK2, SIP/2.0/UDP c;branch=z9hG4bK3"),
    "compact ones": case("s: 1", "Refer-To: 2", "y: 3", "Referred-By: 4", "c: text/plain"),
    "bytes": case("X-A: \xc3\xa9\xff", from_="From: \xe9 <sip:\xe9@h>;tag=\xe9"),
    "no number": case("X-A: 1", "Content-Length: x"),
    "no header": case("X-A: 1", "nonsense"),
    "Routes": case("Route: <sip:127.0.0.9;lr>, <sip:x;lr>"),
    "our own Route": case("Route: <sip:127.0.0.1;lr;ftag=b>"),
    "a bad Route": case("Route: <sip:127.0.0.1"),
    "dropped: no Call-ID": case(id="X: 1"),
    "dropped: bad To": case(to="To: <sip:b"),
    "response": case("Route: <sip:x;lr>", first="SIP/2.0 180 Ringing at \xe9"),
    "response, blanks": case(first="SIP/2.0 404  Not  found "),
    "response without a reason": case(first="SIP/2.0 200 "),
}


def asked(case: Case) -> Request:
    """The message in the hands of scapy_rr."""
    return RecordRouting("kamailio", LISTEN).request(case.message, case.received_on, case.source)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    """All that is needed is there."""
    need_namespaces("kamailio", "ip", "unshare", "setpriv")


@pytest.fixture(scope="module")
def server(installed: None) -> Iterator[Kamailio]:
    """A Kamailio that says all values of a message."""
    with Kamailio(values_of(NAMES)) as started:
        yield started


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_values(case: Case, server: Kamailio) -> None:
    lines = server.answer(*case)
    req = asked(case)
    assert bool(lines) is (req.message is not None)
    if not lines:
        return
    theirs = {name: None if line == "null" else bytes.fromhex(line[5:]).decode("latin-1") for name, line in zip(NAMES, lines, strict=True)}
    ours = {name: req.pv(name) for name in NAMES}
    try:
        req.module.hop(req.state.ruri)
    except SipParseError:
        if version().startswith("5.6."):
            # Later ones show what does not parse.
            ours["$ru"] = None
    assert ours == theirs


def test_printed() -> None:
    """Of each text, what is printed; between brackets, as some of it is nothing."""
    message = case("X-A: 1", "X-A: 2", first="BYE sip:bob@h:7 SIP/2.0", from_="From: <sip:alice@a>", to="To: <sip:\xe9\xff@b>;tag=b")
    texts = [text for text in (*PRINTED, "$route_uri") if text]
    with Kamailio("".join(f'xlog("L_ALERT", "@@[{text}]\\n");\n' for text in texts)) as started:
        lines = started.answer(*message)
    assert lines == [f"[{parse(text, KAMAILIO).expand(asked(message))}]" for text in texts]
    assert lines[:-1] == [f"[{printed}]" for text, printed in PRINTED.items() if text]


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    with pytest.raises(PeerError, match="kamailio does not start"):
        Kamailio(f'xlog("L_ALERT", "{text}");')
