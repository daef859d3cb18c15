"""SIP as it comes by: found whatever it comes in, and each message with what the proxy would do with it."""

import socket
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.config import conf

from scapy_rr.capture.explain import call_id, explain, first_line, verdict
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.routing import NOT_FOR_US, CaptureRouter
from scapy_rr.errors import CaptureError, ConfigError, LiveError
from scapy_rr.layer import SIPRequest
from scapy_rr.live import sniff
from scapy_rr.live.keep import Keeper
from scapy_rr.live.proxy import SCRIPT_FAILED
from scapy_rr.live.sniffer import Sniffed, Sniffer, Watcher
from scapy_rr.proxy import script_file
from scapy_rr.proxy.outcome import IS_RESPONSE
from scapy_rr.rr.module import RecordRouting
from scapy_rr.wire.build import build
from scapy_rr.wire.datagram import Refusal

from ..capture.samples import OWN, VOICE, arriving, bye, frame, listeners, pcap
from ..conftest import need
from .ends import answer, request
from .network import Dump, Host, hosts
from .scene import CALLER, LISTEN, Scene, built_in, invite, three_machines

OWN_ROUTE = "Route: <sip:10.0.1.1;transport=tcp;lr>"
ROUTED = "from udp:10.0.2.1:5060 to udp:10.0.2.9:5060"


@pytest.fixture
def scene() -> Iterator[Scene]:
    """A caller, a callee, and a machine between them that watches."""
    with three_machines() as made:
        yield made


def told(one: Sniffed) -> tuple[str, str, str, str]:
    """What is to be told of a message."""
    return one.kind, one.source, one.destination, verdict(one.outcome)


def test_messages_of_both_directions_as_they_come(scene: Scene) -> None:
    listening = scene.proxy.udp("10.0.1.1", 5060)
    with Sniffer(built_in(*LISTEN), ["p0", "p0"]) as sniffer:
        assert sniffer.link_types == {1}
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        scene.caller.sendto(b"\r\n\r\n", ("10.0.1.1", 5060))
        listening.sendto(answer(listening.recv(9999), "180 Ringing"), CALLER)
        found = list(sniffer.messages(0.3))
    assert [told(one) for one in found] == [
        ("INVITE", "udp:10.0.1.5:5060", "udp:10.0.1.1:5060", f"routed by the R-URI: {ROUTED}"),
        ("response", "udp:10.0.1.1:5060", "udp:10.0.1.5:5060", f"left alone: {NOT_FOR_US}"),
    ]
    first = found[0]
    assert (first.message, first.interface, first.number, first.link_type) == (invite(), "p0", 1, 1)
    assert first.frame.endswith(invite())
    assert 0 <= found[1].time - first.time < 60
    assert sniffer.summary.frames == 3
    assert sniffer.summary.messages == {"INVITE": 1, "response": 1}
    assert sniffer.summary.routed == {"by the R-URI": 1}
    assert sniffer.counts == {"frames dropped by the kernel": 0}


def test_what_is_sniffed_is_what_others_see(scene: Scene, tmp_path: Path) -> None:
    """tshark finds the same messages in what tcpdump captured beside us; and what is kept is what tcpdump has."""
    tcpdump, tshark = need("tcpdump"), need("tshark")
    kept, dumped = tmp_path / "kept.pcap", tmp_path / "dumped.pcap"
    with Sniffer(built_in(*LISTEN), ["p0"]) as sniffer, Keeper(kept, sniffer.link_types) as keeper:
        sniffer.keep = keeper.add
        with Dump(tcpdump, scene.proxy, "p0", dumped, "udp or tcp or (ip[6:2] & 0x3fff != 0)"):
            for number in range(50):
                via = f"UDP 10.0.1.5;branch=z9hG4bK{number}"
                message = request(("OPTIONS", "INVITE", "MESSAGE")[number % 3], "sip:bob@10.0.2.9", via, body=b"x" * 100 * number)
                scene.caller.sendto(message.replace(b"live@", b"call-%d@" % number), ("10.0.1.1", 5060))
            scene.caller.sendto(b"nothing", ("10.0.1.1", 9))
            found = list(sniffer.messages(0.5))
    fields = [word for name in ("sip.Method", "sip.Call-ID", "ip.src", "ip.dst") for word in ("-e", name)]
    seen = output([tshark, "-r", str(dumped), "-Y", "sip.Method", "-T", "fields", "-E", "separator=|", *fields])
    assert [f"{one.kind}|{call_id(one.message)}|10.0.1.5|10.0.1.1" for one in found] == seen
    assert len(seen) == 50
    others, ours = (output([tcpdump, "-n", "-x", "-tt", "-r", str(path)]) for path in (dumped, kept))
    assert keeper.frames > 60
    # The time of a frame is the same but for rounding.
    assert [line.partition(" ")[2] if line[0].isdigit() else line for line in ours] == [
        line.partition(" ")[2] if line[0].isdigit() else line for line in others
    ]


def output(command: list[str]) -> list[str]:
    """The lines that a program prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_over_tcp(scene: Scene) -> None:
    """Whole messages, however they are cut, with what the proxy would do had they come to its own listener."""
    with scene.proxy.entered():
        server = socket.create_server(("10.0.1.1", 5060))
    via = "TCP 10.0.1.5;branch=z9hG4bKa1;rport"
    with server, Sniffer(built_in("tcp:10.0.1.1:5060", LISTEN[1]), ["p0"]) as sniffer:
        with scene.caller_host.entered():
            client = socket.create_connection(("10.0.1.1", 5060))
        stream = invite(via=via, body=b"x" * 3000) + request("BYE", "sip:bob@10.0.2.9", via, OWN_ROUTE, to=";tag=b2")
        client.sendall(stream[:500])
        client.sendall(stream[500:])
        served, _ = server.accept()
        served.sendall(answer(request("BYE", "sip:bob@10.0.2.9", via)))
        found = list(sniffer.messages(0.5))
        port = client.getsockname()[1]
        client.close()
        served.close()
    assert [told(one)[:3] for one in found] == [
        ("INVITE", f"tcp:10.0.1.5:{port}", "tcp:10.0.1.1:5060"),
        ("BYE", f"tcp:10.0.1.5:{port}", "tcp:10.0.1.1:5060"),
        ("response", "tcp:10.0.1.1:5060", f"tcp:10.0.1.5:{port}"),
    ]
    assert [verdict(one.outcome) for one in found] == [
        f"routed by the R-URI: {ROUTED}",
        f"routed loose to loose: {ROUTED}",
        f"left alone: {NOT_FOR_US}",
    ]
    assert found[0].message + found[1].message == stream


def test_fragments_are_put_together(scene: Scene) -> None:
    with Sniffer(built_in(*LISTEN), ["p0"]) as sniffer:
        scene.caller.sendto(invite(body=b"x" * 4000), ("10.0.1.1", 5060))
        (one,) = sniffer.messages(0.3)
    assert one.message == invite(body=b"x" * 4000)
    assert one.frame.endswith(one.message)
    assert (len(one.frame), one.link_type) == (len(one.message) + 28, 101)
    assert (one.number, sniffer.summary.frames) == (3, 3)


def test_over_several_interfaces_with_a_filter(scene: Scene) -> None:
    with Sniffer(built_in(*LISTEN), ["p0", "p1"], "udp dst port 5060 and not host 10.0.2.9") as sniffer:
        scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        scene.callee.sendto(invite("sip:alice@10.0.1.5"), ("10.0.2.1", 5060))
        scene.callee_host.ip("addr add 10.0.2.8/24 dev d0")
        scene.callee_host.udp("10.0.2.8", 5060).sendto(invite("sip:alice@10.0.1.5"), ("10.0.2.1", 5060))
        found = sorted((one.interface, one.source) for one in sniffer.messages(0.3))
    assert found == [("p0", "udp:10.0.1.5:5060"), ("p1", "udp:10.0.2.8:5060")]


def test_it_ends_when_it_is_stopped_with_what_had_come(scene: Scene) -> None:
    with Sniffer(built_in(*LISTEN), ["p0"]) as sniffer:
        for _ in range(200):
            scene.caller.sendto(invite(), ("10.0.1.1", 5060))
        sniffer.stop()
        assert len(list(sniffer.messages())) == 200


def test_as_a_function(host: Host) -> None:
    """As Scapy's: so many messages, or so long; each for the callback, or all in a list."""
    router = built_in("udp:127.0.0.1:5060")
    with host.entered(), pytest.MonkeyPatch.context() as patched:
        end = host.udp("127.0.0.1", 5060)

        class Sending(Sniffer):
            """Something comes as soon as it watches."""

            def messages(self, seconds: float | None = None) -> Iterator[Sniffed]:
                """Those of the interface."""
                for _ in range(3):
                    end.sendto(invite("sip:bob@127.0.0.9"), ("127.0.0.1", 5060))
                return super().messages(seconds)

        patched.setattr("scapy_rr.live.sniffer.Sniffer", Sending)
        patched.setattr(conf, "iface", "lo")
        assert len(sniff(router, "lo", count=2)) == 2
        assert len(sniff(router, seconds=0.2)) == 3
        seen: list[Sniffed] = []
        assert sniff(router, ["lo"], seen.append, seconds=0.2) == []
        assert len(seen) == 3
        assert sniff(router, "lo", seconds=0.2, bpf="tcp") == []


@pytest.fixture
def host() -> Iterator[Host]:
    """A machine with a loopback alone."""
    with hosts(1) as (one,):
        yield one


def test_no_such_interface(host: Host) -> None:
    with host.entered(), pytest.raises(LiveError, match=r"^no interface 'eth7'; those there are: .*lo"):
        sniff(built_in("udp:127.0.0.1:5060"), "eth7")


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_a_capture_is_read_as_it_is_explained(path: Path) -> None:
    """The messages are those of ``explain``."""
    given = RecordRouting(listen=listeners(path))
    router = script_file.load()
    router.rr = given
    with Capture(path) as capture:
        explained = [(one.frame, one.source, one.call_id, one.title) for one in explain(capture, CaptureRouter(router)) if one.source]
    found = sniff(router, offline=path)
    assert [(one.number, one.source, call_id(one.message), first_line(one.message)) for one in found if one.source] == explained
    assert all(one.interface == path.name for one in found)


def test_a_capture_has_no_filter(tmp_path: Path) -> None:
    for options in ({"bpf": "udp"}, {"iface": "lo"}):
        with pytest.raises(ConfigError, match="offline is read whole"):
            sniff(built_in("udp:10.0.0.1:5060"), offline=tmp_path / "x", **options)  # type: ignore[arg-type]
    with pytest.raises(CaptureError, match="No such file"):
        sniff(built_in("udp:10.0.0.1:5060"), offline=str(tmp_path / "x"))


def test_times_are_those_of_the_capture(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([VOICE, arriving(), arriving(2)]))
    found = sniff(built_in("udp:10.0.0.1:5060"), offline=path)
    assert [(one.number, round(one.time, 6)) for one in found] == [(2, 1_700_000_001.001001), (3, 1_700_000_002.002002)]
    assert len(sniff(built_in("udp:10.0.0.1:5060"), offline=path, count=1)) == 1


def watch(data: bytes, watcher: Watcher | None = None, cut: bool = False, link_type: int = 1) -> list[Sniffed]:
    """The messages of a frame."""
    return list((watcher or Watcher(built_in("udp:10.0.0.1:5060"))).take(data, 1.0, link_type, "eth0", cut))


def test_what_cannot_be_read_is_told() -> None:
    watcher = Watcher(built_in("udp:10.0.0.1:5060"))
    encrypted = arriving().replace(b"\x40\x11", b"\x40\x32", 1)
    found = [*watch(arriving()[:-5], watcher, cut=True), *watch(encrypted, watcher)]
    assert [told(one) for one in found] == [
        ("", "", "", f"left alone: {Refusal.TRUNCATED.value}"),
        ("", "", "", f"left alone: {Refusal.PROTOCOL.value}"),
    ]
    assert watcher.summary.messages == {"not read": 2}
    assert watch(VOICE, watcher) == []


def test_the_frame_as_a_packet() -> None:
    (one,) = watch(arriving())
    packet = one.packet
    assert [layer.__name__ for layer in packet.layers()][:3] == ["Ether", "IP", "UDP"]
    assert packet[SIPRequest].Method == "BYE"
    assert packet.time == 1.0
    (raw,) = watch(arriving()[14:], link_type=101)
    assert raw.packet.name == "IP"
    assert bytes(one._replace(link_type=147).packet) == arriving()


def test_responses_are_left_alone_where_the_rr_module_works_alone() -> None:
    router = built_in("udp:10.0.0.1:5060")
    router.via = False
    (one,) = watch(frame(answer(bye())), Watcher(router))
    assert verdict(one.outcome) == f"left alone: {IS_RESPONSE}"


def test_a_script_that_fails_is_told_and_the_rest_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "script.py"
    path.write_text("from scapy_rr import Router\n\nrouter = Router()\n\n\n@router.request_route\ndef route(req):\n    1 / 0\n")
    router = script_file.load(path)
    router.rr = RecordRouting(listen=["udp:10.0.0.1:5060"])
    watcher = Watcher(router)
    found = [*watch(arriving(), watcher), *watch(arriving(2), watcher)]
    assert [one.outcome.left for one in found] == [SCRIPT_FAILED] * 2
    assert found[0].outcome.detail == "ZeroDivisionError: division by zero"
    assert len(caplog.messages) == 1
    assert "1 / 0" in caplog.text
    assert watcher.summary.left[SCRIPT_FAILED].messages == 2


@given(st.data(), st.sampled_from([1, 101, 113, 276, 0, 999]))
def test_no_frame_is_too_hostile(data: st.DataObject, link_type: int) -> None:
    """Whatever is cut out of a frame, or put in its place, over UDP and over TCP."""
    watcher = Watcher(built_in("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060"))
    over_tcp = arriving()[:14] + build(b"", (bytes(4), 0), (bytes([10, 0, 0, 1]), 0))[:20].replace(b"\x40\x11", b"\x40\x06")
    over_tcp += bytes.fromhex("9c4013c400000007000000005018ffff00000000") + bye()
    whole = data.draw(st.sampled_from([arriving(), over_tcp, arriving()[14:]]))
    for start, end in pairwise(data.draw(st.lists(st.integers(0, len(whole)), min_size=2, max_size=6).map(sorted))):
        whole = whole[:start] + data.draw(st.binary(max_size=6)) + whole[end if data.draw(st.booleans()) else start + 1 :]
        for one in watch(whole, watcher, link_type=link_type):
            assert verdict(one.outcome)
            assert one.packet


def test_fragments_of_several_interfaces_are_put_together() -> None:
    """A packet may come by several ways."""
    watcher = Watcher(built_in("udp:10.0.0.1:5060"))
    whole = arriving()
    first, second = whole[:14] + fragment(whole, 0, 400), whole[:14] + fragment(whole, 400, None)
    assert list(watcher.take(first, 1.0, 1, "eth0")) == []
    (one,) = watcher.take(second, 2.0, 1, "eth1")
    assert (one.message, one.link_type, one.interface, one.time) == (bye(), 101, "eth1", 2.0)
    assert list(watcher.take(first, 3.0, 1, "eth0")) == []
    assert list(watcher.take(VOICE, 99.0, 1, "eth0")) == []
    assert watcher.transports.counts == {}
    assert list(watcher.take(second[:14] + fragment(arriving(2), 8, 16), 99.0, 1, "eth0")) == []
    assert watcher.transports.counts == {"IP fragments given up: the rest did not come in time": 1}


def fragment(whole: bytes, start: int, end: int | None) -> bytes:
    """A fragment of an IPv4 packet in an Ethernet frame."""
    payload, place = whole[34:][start:end], start // 8 | (0 if end is None else 0x2000)
    return whole[14:16] + (20 + len(payload)).to_bytes(2, "big") + whole[18:20] + place.to_bytes(2, "big") + whole[22:34] + payload


def test_what_came_to_nothing_is_counted(scene: Scene) -> None:
    with Sniffer(built_in(*LISTEN), ["p0"]) as sniffer:
        sniffer._watcher.transports.lost["what is lost"] += 1
        assert sniffer.counts == {"frames dropped by the kernel": 0, "what is lost": 1}
