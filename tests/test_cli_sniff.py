"""``scapy-rr sniff`` on interfaces of its own."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from scapy.config import conf

from .capture.samples import bye, records
from .command import ROOT, Command, Ran, start
from .conftest import need
from .live.network import Host, hosts

LISTEN = ("--listen", "udp:10.0.0.1:5060")
VERDICT = "routed loose to loose: from udp:10.0.0.1:5060 to udp:10.0.0.9:5060"


class Lab:
    """A machine with the proxy's address and the caller's, and what is started on it."""

    def __init__(self, host: Host) -> None:
        host.ip("addr add 10.0.0.1/32 dev lo", "addr add 10.0.0.5/32 dev lo")
        self.host = host
        self.caller = host.udp("10.0.0.5", 5060)
        self.caller.setblocking(False)

    @contextmanager
    def sniffing(self, *arguments: object, iface: str = "lo", **options: object) -> "Iterator[Sniffing]":
        """The command at work, from when it watches."""
        with self.host.entered():
            process = start("sniff", "--iface", iface, *arguments, **options)
        made = Sniffing(process)
        try:
            yield made
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def send(self, *messages: bytes, port: int = 5060) -> None:
        """Send these to the proxy."""
        for message in messages:
            # An ICMP that answers an earlier one is reported here.
            self.caller.sendto(message, ("10.0.0.1", port))

    def is_quiet(self) -> bool:
        """Whether no ICMP came for what is sent."""
        with self.host.entered():
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with made:
            made.settimeout(0.2)
            made.connect(("10.0.0.1", 5060))
            made.send(b"\r\n")
            try:
                made.recv(1)
            except ConnectionRefusedError:
                return False
            except TimeoutError:
                return True
        raise AssertionError("somebody answered")


class Sniffing:
    """The command at work."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []
        assert process.stderr
        for line in process.stderr:
            if line.startswith("scapy-rr: watching "):
                break
            self.said.append(line.rstrip("\n"))

    def lines(self, number: int) -> list[str]:
        """So many lines that it prints, as they come."""
        assert self.process.stdout
        return [self.process.stdout.readline().rstrip("\n") for _ in range(number)]

    def end(self, number: signal.Signals | None = signal.SIGTERM) -> Ran:
        """Tell it to end, and see how it does."""
        if number:
            os.kill(self.process.pid, number)
        out, err = self.process.communicate(timeout=60)
        return Ran(self.process.returncode, out, err)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The machine."""
    with hosts(1) as (host,):
        yield Lab(host)


def test_a_line_for_each_message_as_it_comes(lab: Lab) -> None:
    with lab.sniffing(*LISTEN) as sniffing:
        lab.send(bye(1), b"\r\n\r\n", b"SIP/2.0 200 OK\r\nCall-ID: c\r\nVia: x\r\n\r\n")
        lab.send(bye(2), port=5080)
        lines = sniffing.lines(3)
        done = sniffing.end()
    ends = "udp:10.0.0.5:5060 > udp:10.0.0.1"
    assert [line.partition("  ")[2] for line in lines] == [
        f"{ends}:5060  BYE  samples@10.0.0.5  {VERDICT}",
        f"{ends}:5060  200 OK  c  left alone: malformed response (a Via without SIP/2.0, transport and host (at byte 33))",
        f"{ends}:5080  BYE  samples@10.0.0.5  left alone: not addressed to a listener",
    ]
    assert all(re.match(r"\d\d:\d\d:\d\d\.\d{6}  ", line) for line in lines)
    assert (done.code, done.out) == (0, "")
    assert [" ".join(line.split()) for line in done.err.splitlines()][:3] == [
        "4 frames",
        "3 SIP messages: BYE 2, response 1",
        "1 routed: loose to loose 1",
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_summary(lab: Lab, number: signal.Signals) -> None:
    with lab.sniffing(*LISTEN) as sniffing:
        lab.send(bye())
        sniffing.lines(1)
        done = sniffing.end(number)
    assert (done.code, done.out) == (0, "")
    assert "1  SIP messages: BYE 1" in done.err


def test_it_ends_after_so_many_messages_or_so_long(lab: Lab) -> None:
    with lab.sniffing(*LISTEN, "--count", "2") as sniffing:
        lab.send(bye(1), bye(2), bye(3))
        assert len(sniffing.end(None).out.splitlines()) == 2
    with lab.sniffing(*LISTEN, "--for", "0.2") as sniffing:
        done = sniffing.end(None)
    assert (done.code, done.out, done.err.split()[:2]) == (0, "", ["0", "frames"])


def test_in_detail(lab: Lab) -> None:
    with lab.sniffing(*LISTEN, "--detail", "--count", "1") as sniffing:
        lab.send(bye())
        done = sniffing.end(None)
    lines = done.out.splitlines()
    assert lines[:3] == [
        "#1 frame 1  BYE sip:bob@10.0.0.9:5060 SIP/2.0",
        "   udp:10.0.0.5:5060 -> udp:10.0.0.1:5060  Call-ID samples@10.0.0.5",
        f"   {VERDICT}",
    ]
    assert "     removed: own Route sip:10.0.0.1;lr" in lines
    assert "   - Route: <sip:10.0.0.1;lr>" in lines


def test_as_json_one_object_a_line(lab: Lab) -> None:
    with lab.sniffing(*LISTEN, "--json", "--count", "2") as sniffing:
        lab.send(bye(), b"SIP/2.0 180 Ringing\r\nCall-ID: c\r\n\r\n")
        done = sniffing.end(None)
    first, second = map(json.loads, done.out.splitlines())
    assert isinstance(first.pop("time"), float)
    assert first == {
        "number": 1,
        "interface": "lo",
        "frame": 1,
        "source": "udp:10.0.0.5:5060",
        "destination": "udp:10.0.0.1:5060",
        "what": "BYE",
        "first_line": "BYE sip:bob@10.0.0.9:5060 SIP/2.0",
        "call_id": "samples@10.0.0.5",
        "verdict": VERDICT,
        "way": "loose to loose",
        "left": "",
        "detail": "",
        "sent": [{"from": "udp:10.0.0.1:5060", "to": "udp:10.0.0.9:5060"}],
    }
    assert (second["what"], second["left"], second["sent"]) == ("180 Ringing", "malformed response", [])
    summary = json.loads(done.err)
    assert (summary["sip_messages"], summary["counts"]) == (2, {})


def test_what_was_captured_is_kept(lab: Lab, tmp_path: Path) -> None:
    """Every frame, and the file is there when it is whole."""
    path = tmp_path / "kept.pcap"
    with lab.sniffing(*LISTEN, "-w", path, "--filter", "udp") as sniffing:
        lab.send(bye(), b"no SIP", b"x" * 70)
        sniffing.lines(1)
        assert not path.exists()
        done = sniffing.end()
    assert [one.frame[42:] for one in records(path.read_bytes())] == [bye(), b"no SIP", b"x" * 70]
    assert f"3  frames kept in {path}" in done.err
    assert list(tmp_path.iterdir()) == [path]


def test_who_reads_no_more_ends_it_and_keeps_the_capture(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    with lab.sniffing(*LISTEN, "-w", path) as sniffing:
        lab.send(bye(1))
        sniffing.lines(1)
        assert sniffing.process.stdout
        sniffing.process.stdout.close()
        lab.send(bye(2))
        assert sniffing.process.wait(60) == 1
        assert sniffing.process.stderr
        assert "Traceback" not in sniffing.process.stderr.read()
    assert len(records(path.read_bytes())) == 2


def test_another_file_is_not_replaced_without_leave(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "kept.pcap"
    path.write_text("dear to somebody")
    with lab.sniffing(*LISTEN, "-w", path, "--for", "0.1") as sniffing:
        done = sniffing.end(None)
    assert (done.code, sniffing.said) == (2, [f"scapy-rr: {path}: exists; --force replaces it"])
    assert path.read_text() == "dear to somebody"
    with lab.sniffing(*LISTEN, "-w", path, "--force", "--for", "0.1") as sniffing:
        done = sniffing.end(None)
    assert (done.code, records(path.read_bytes())) == (0, [])


def test_two_interfaces_are_named(lab: Lab) -> None:
    lab.host.ip("link add veth1 type veth peer name veth2", "link set veth1 up", "link set veth2 up")
    with lab.sniffing(*LISTEN, "--iface", "veth1", "--count", "1") as sniffing:
        lab.send(bye())
        done = sniffing.end(None)
    assert done.out.split("  ")[1:3] == ["lo", "udp:10.0.0.5:5060 > udp:10.0.0.1:5060"]


def test_the_kernel_is_quiet_about_listeners_that_are_given(lab: Lab) -> None:
    """Those that nobody gave are whoever's on this machine, and are left alone."""
    assert not lab.is_quiet()
    with lab.sniffing(*LISTEN) as sniffing:
        assert sniffing.said == []
        assert lab.is_quiet()
        sniffing.end()
    with lab.sniffing() as sniffing:
        assert not lab.is_quiet()
        lab.send(bye())
        assert sniffing.lines(1)[0].endswith(VERDICT)
    with lab.host.udp("10.0.0.1", 5060), lab.sniffing(*LISTEN) as sniffing:
        assert sniffing.said == ["udp:10.0.0.1:5060: somebody listens there already, and answers what arrives"]


def test_the_kernels_reset_is_stopped_where_that_is_wanted(lab: Lab) -> None:
    """Offered, set, and removed after a signal."""
    nft = need("nft")

    def is_refused() -> bool:
        with lab.host.entered():
            made = socket.socket()
        with made:
            made.settimeout(0.3)
            try:
                made.connect(("10.0.0.1", 5060))
            except ConnectionRefusedError:
                return True
            except TimeoutError:
                return False
        raise AssertionError("somebody listens")

    listen = ("--listen", "tcp:10.0.0.1:5060")
    with lab.sniffing(*listen) as sniffing:
        assert sniffing.said == ["scapy-rr: nobody listens at tcp:10.0.0.1:5060: the kernel answers with RST; --no-rst stops that"]
        assert is_refused()
    with lab.sniffing(*listen, "--no-rst") as sniffing:
        by_hand = f"nft delete table inet scapy_rr_{sniffing.process.pid}"
        assert sniffing.said == [f"scapy-rr: the kernel's RST is stopped as long as this runs; by hand: {by_hand}"]
        assert not is_refused()
        assert sniffing.end(signal.SIGTERM).code == 0
    assert is_refused()
    with lab.sniffing(*listen, "--no-rst") as sniffing:
        os.kill(sniffing.process.pid, signal.SIGKILL)
        sniffing.process.wait()
        assert not is_refused()
    with lab.sniffing(*listen) as sniffing:
        assert "of a process that is gone was removed" in sniffing.said[0]
        assert is_refused()
    with lab.host.entered():
        assert subprocess.run([nft, "list", "tables"], capture_output=True, text=True, check=True).stdout == ""


def test_drops_are_told_as_they_grow_and_at_the_end(lab: Lab, tmp_path: Path) -> None:
    """A script that takes its time makes the kernel's buffer overflow."""
    script = tmp_path / "slow.py"
    script.write_text(
        "import time\n\nfrom scapy_rr import Router\n\nrouter = Router()\n\n\n"
        "@router.request_route\ndef route(req):\n    time.sleep(0.5)\n    req.relay()\n"
    )
    with lab.sniffing(*LISTEN, "--script", script) as sniffing:
        lab.send(bye())
        with lab.host.udp("10.0.0.5", 6000) as flooding:
            for _ in range(12_000):
                flooding.sendto(bytes(4000), ("10.0.0.1", 7000))
        lab.send(bye())
        assert sniffing.process.stderr
        grown = sniffing.process.stderr.readline()
        done = sniffing.end()
    assert re.match(r"the kernel had no room for [\d,]+ frames so far", grown)
    assert re.search(r"^[\d,]+  frames dropped by the kernel$", done.err, re.MULTILINE)


def test_nothing_in_a_message_moves_the_cursor(lab: Lab) -> None:
    with lab.sniffing(*LISTEN, "--count", "1") as sniffing:
        lab.send(bye().replace(b"Call-ID: samples", b"Call-ID: \x1b[2J\x9b"))
        done = sniffing.end(None)
    assert "\\x1b[2J\\x9b@10.0.0.5" in done.out
    assert "\x1b" not in done.out


def test_a_script_that_fails_is_told_in_the_line(lab: Lab, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("from scapy_rr import Router\n\nrouter = Router()\n\n\n@router.request_route\ndef route(req):\n    1 / 0\n")
    with lab.sniffing(*LISTEN, "--script", script, "--count", "2") as sniffing:
        lab.send(bye(1), bye(2))
        done = sniffing.end(None)
    assert done.code == 0
    assert [line.partition("5  left")[2] for line in done.out.splitlines()] == [
        " alone: the script failed (ZeroDivisionError: division by zero)"
    ] * 2
    assert done.err.count("1 / 0") == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--iface", "eth7"), r"^scapy-rr: no interface 'eth7'; those there are: .*lo"),
        (("--iface", "lo", "--filter", "nonsense ("), r"^scapy-rr: lo: .*nonsense.*syntax error"),
        (("--iface", "lo", "-w", "/nowhere/kept.pcap"), r"^scapy-rr: /nowhere/kept.pcap: there is no directory /nowhere$"),
        (("--iface", "lo", "--listen", "nonsense"), r"^scapy-rr: listener 'nonsense' is not proto:address"),
    ],
)
def test_what_cannot_be(lab: Lab, command: Command, options: tuple[str, ...], told: str) -> None:
    with lab.host.entered():
        done = command("sniff", *(LISTEN if "--listen" not in options else ()), *options)
    assert (done.code, done.out) == (2, "")
    assert re.search(told, done.err)


def test_no_rights(lab: Lab, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(conf, "L2socket", refuse)
    with lab.host.entered():
        done = command("sniff", "--iface", "lo", *LISTEN)
    assert done.code == 2
    assert "CAP_NET_RAW" in done.err
    assert "setcap cap_net_raw,cap_net_admin+eip" in done.err


def test_without_rights_the_system_says_so(lab: Lab) -> None:
    """The same, with the capability gone."""
    setpriv = need("setpriv")
    program = [setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw", sys.executable, "-m", "scapy_rr.cli"]
    with lab.host.entered():
        done = subprocess.run([*program, "sniff", "--iface", "lo", *LISTEN], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert "CAP_NET_RAW" in done.stderr
