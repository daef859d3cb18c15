"""What leaves over TCP in a rewritten capture, read by Scapy and by tshark: connections that are opened, used and closed."""

import subprocess
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import CookedLinux, Ether
from scapy.packet import Packet
from scapy.utils import PcapReader, RawPcapNgReader

from scapy_rr.capture.place import Emit
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Router
from scapy_rr.proxy.script import ScriptRequest

from ..pcapmaker.frames import Flow, cooked_v1, vlan
from ..pcapmaker.scenes import CALLER, PROXY
from .samples import (
    VOICE,
    Done,
    Kept,
    arriving,
    bye,
    enhanced,
    frame,
    interface,
    invite,
    old_packet,
    pcap,
    read_in_pieces,
    records,
    rewritten,
    script,
    section,
    simple,
)

LISTEN = ("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060")
BOB, CAROL = "sip:bob@10.0.0.9;transport=tcp", "sip:carol@10.0.0.8:5070;transport=tcp"
# Of a connection: what opens it, what goes with each message, what ends it; ">" is ours.
OPEN, CLOSE = ["> S", "< SA", "> A"], ["> FA", "< FA", "> A"]


def proxy(*listen: str) -> CaptureRouter:
    """The built-in script in a whole proxy."""
    return CaptureRouter(script(RecordRouting(listen=listen or LISTEN), Hosts(), via=True))


def scripted(
    request_route: Callable[[ScriptRequest], object], failure_route: Callable[[ScriptRequest], object] | None = None
) -> CaptureRouter:
    """The same with another script."""
    made = Router(RecordRouting(listen=LISTEN), locator=Locator(Hosts(), None, ("udp", "tcp")))
    made.request_route(request_route)
    if failure_route:
        made.failure_route("f")(failure_route)
    return CaptureRouter(made)


def to_tcp(number: int = 1, uri: str = BOB) -> bytes:
    """A frame with an INVITE that leaves over TCP."""
    return frame(invite(uri).replace(b"branch=z9hG4bKa1", b"branch=z9hG4bKa%d" % number))


def packets(data: bytes) -> list[Packet]:
    """The frames of a capture."""
    with PcapReader(BytesIO(data)) as found:
        return list(found)


def told(packet: Packet) -> str:
    """One frame in short: the direction, the flags and the start line; or what a datagram carries."""
    if UDP in packet:
        return f"udp {start(bytes(packet[UDP].payload))}"
    sent = packet[IP].src == "10.0.0.1"
    return f"{'>' if sent else '<'} {packet[TCP].flags} {start(bytes(packet[TCP].payload))}".rstrip()


def start(payload: bytes) -> str:
    """What a message begins with."""
    return "voice" if payload[:1] == b"\0" else " ".join(payload.decode().split("\r\n")[0].split(" ")[:2]) if payload else ""


def view(data: bytes) -> list[str]:
    """The whole capture in short."""
    return [told(packet) for packet in packets(data)]


def carried(uri: str = BOB, method: str = "INVITE") -> list[str]:
    """The frames of one message."""
    return [f"> PA {method} {uri}", "< A"]


def test_a_datagram_leaves_over_a_connection(tmp_path: Path) -> None:
    """In its place, with its time, its link header and its hop limit; what ends the connection stands at the end."""
    came = [VOICE, to_tcp(), VOICE]
    done = rewritten(tmp_path, pcap(came), proxy())
    assert view(done.data) == ["udp voice", *OPEN, *carried(), "udp voice", *CLOSE]
    kept = records(done.data)
    assert [one.seconds - 1_700_000_000 for one in kept] == [0, 1, 1, 1, 1, 1, 2, 1, 1, 1]
    assert all(one.original == len(one.frame) for one in kept)
    assert {one.frame[:14] for one in kept[1:6] if one.frame[30:34] == bytes([10, 0, 0, 9])} == {came[1][:14]}
    sent = [packet for packet in packets(done.data) if TCP in packet and packet[IP].src == "10.0.0.1"]
    assert {(packet[IP].dst, packet[TCP].dport, packet[IP].ttl) for packet in sent} == {("10.0.0.9", 5060, 64)}
    assert len({packet[TCP].sport for packet in sent}) == 1
    assert dict(done.summary.routed) == {"by the R-URI": 1}


def test_the_message_is_the_proxys(tmp_path: Path) -> None:
    """With a Via of the transport that it leaves by, and two Record-Routes."""
    (payload,) = [
        bytes(packet[TCP].payload) for packet in packets(rewritten(tmp_path, pcap([to_tcp()]), proxy()).data) if packet[TCP].payload
    ]
    lines = payload.decode().split("\r\n")
    assert lines[:3] == [
        f"INVITE {BOB} SIP/2.0",
        "Record-Route: <sip:10.0.0.1;transport=tcp;r2=on;lr;ftag=a1ce7f3e>",
        "Record-Route: <sip:10.0.0.1;r2=on;lr;ftag=a1ce7f3e>",
    ]
    assert lines[3].startswith("Via: SIP/2.0/TCP 10.0.0.1:5060;branch=z9hG4bK")
    assert "Content-Length: 0" in lines


@pytest.mark.parametrize(
    ("emit", "wanted"),
    [
        (Emit.REPLACE, ["udp voice", *OPEN, *carried(), "udp BYE sip:bob@10.0.0.9:5060", *carried(), *CLOSE]),
        (
            Emit.APPEND,
            [
                *("udp voice", f"udp INVITE {BOB}", *OPEN, *carried()),
                *("udp BYE sip:bob@10.0.0.9:5060", "udp BYE sip:bob@10.0.0.9:5060"),
                *(f"udp INVITE {BOB}", *carried(), *CLOSE),
            ],
        ),
        (Emit.ONLY, [*OPEN, *carried(), "udp BYE sip:bob@10.0.0.9:5060", *carried(), *CLOSE]),
    ],
)
def test_what_becomes_of_the_original(tmp_path: Path, emit: Emit, wanted: list[str]) -> None:
    assert view(rewritten(tmp_path, pcap([VOICE, to_tcp(1), arriving(), to_tcp(2)]), proxy(), emit).data) == wanted


def test_several_messages_use_one_connection_to_each_end(tmp_path: Path) -> None:
    done = rewritten(tmp_path, pcap([to_tcp(1), to_tcp(2, CAROL), to_tcp(3), to_tcp(4, CAROL)]), proxy())
    found = view(done.data)
    assert found == [*OPEN, *carried(), *OPEN, *carried(CAROL), *carried(), *carried(CAROL), *CLOSE, *CLOSE]
    ports = [packet[TCP].sport for packet in packets(done.data) if packet[IP].src == "10.0.0.1"]
    assert len(set(ports)) == 2


@pytest.mark.parametrize("emit", Emit)
def test_a_fork_over_both_transports(tmp_path: Path, emit: Emit) -> None:
    """One record becomes all that is sent, in its order."""

    def fork(req: ScriptRequest) -> None:
        req.append_branch(BOB)
        req.append_branch("sip:dave@10.0.0.7")
        req.relay()

    how = scripted(fork)
    came = frame(invite("sip:eve@10.0.0.6"))
    sent = ["udp INVITE sip:eve@10.0.0.6", *OPEN, *carried(), "udp INVITE sip:dave@10.0.0.7"]
    before = ["udp INVITE sip:eve@10.0.0.6"] if emit is Emit.APPEND else []
    assert view(rewritten(tmp_path, pcap([came]), how, emit).data) == [*before, *sent, *CLOSE]


def test_a_response_goes_over_tcp_where_its_via_says_so(tmp_path: Path) -> None:
    via = b"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKx.y.0\r\nVia: SIP/2.0/TCP 10.0.0.5:5060;branch=z9hG4bKa1\r\n"
    rest = b"From: <sip:a@example.com>;tag=1\r\nTo: <sip:b@example.com>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    came = frame(b"SIP/2.0 200 OK\r\n" + via + rest, ("10.0.0.9", 5060), PROXY)
    assert view(rewritten(tmp_path, pcap([came]), proxy()).data) == [*OPEN, "> PA SIP/2.0 200", "< A", *CLOSE]


def test_a_message_that_is_longer_than_a_segment(tmp_path: Path) -> None:
    body = b"x" * 4000
    came = frame(invite(BOB).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 4000\r\n\r\n" + body))
    found = packets(rewritten(tmp_path, pcap([came], snap=5000), proxy()).data)
    segments = [packet[TCP] for packet in found if packet[TCP].payload]
    assert [str(segment.flags) for segment in segments] == ["A", "A", "A", "PA"]
    message = b"".join(bytes(segment.payload) for segment in segments)
    assert message.endswith(b"\r\n\r\n" + body)
    assert [segment.seq - segments[0].seq for segment in segments] == [0, 1460, 2920, 4380]


def test_the_snap_length_follows(tmp_path: Path) -> None:
    """Of a capture that had only small frames."""
    done = rewritten(tmp_path, pcap([to_tcp()], snap=100), proxy())
    assert int.from_bytes(done.data[16:20], "little") == max(len(one.frame) for one in records(done.data)) > 400


def test_link_types_and_tags_stay(tmp_path: Path) -> None:
    message = invite(BOB)
    tagged = rewritten(tmp_path, pcap([vlan(Flow(CALLER, PROXY).packet(message, 7))]), proxy())
    assert {one.frame[12:18] for one in records(tagged.data)} == {b"\x81\x00\x00\x64\x08\x00"}
    cooked = rewritten(tmp_path, pcap([cooked_v1(Flow(CALLER, PROXY).packet(message, 7))], link_type=113), proxy())
    assert view(cooked.data) == [*OPEN, *carried(), *CLOSE]
    assert all(CookedLinux in packet and Ether not in packet for packet in packets(cooked.data))


def test_ipv6(tmp_path: Path) -> None:
    came = frame(invite("sip:bob@[2001:db8::9];transport=tcp"), ("2001:db8::5", 5060), ("2001:db8::1", 5060))
    found = packets(rewritten(tmp_path, pcap([came]), proxy("udp:[2001:db8::1]:5060", "tcp:[2001:db8::1]:5060")).data)
    assert [str(packet[TCP].flags) for packet in found] == ["S", "SA", "A", "PA", "A", "FA", "FA", "A"]
    assert {packet["IPv6"].src for packet in found} == {"2001:db8::1", "2001:db8::9"}


def test_a_capture_that_is_cut_is_closed_where_it_ends(tmp_path: Path) -> None:
    done = rewritten(tmp_path, pcap([to_tcp(), VOICE])[:-5], proxy())
    assert view(done.data) == [*OPEN, *carried(), *CLOSE]
    assert "the file ends within a frame" in done.summary.cut


def test_nothing_is_added_where_nothing_leaves_over_tcp(tmp_path: Path) -> None:
    data = pcap([VOICE, frame(bye(routes=()))])
    assert view(rewritten(tmp_path, data, proxy()).data) == ["udp voice", "udp SIP/2.0 404"]
    assert rewritten(tmp_path, pcap([]), proxy()).data == pcap([])


# pcapng.


def blocks(data: bytes) -> list[str]:
    """The frame of each block that has one."""
    with RawPcapNgReader(BytesIO(data)) as found:
        return [told(Ether(raw)) for raw, _ in found]


@pytest.mark.parametrize("emit", Emit)
@pytest.mark.parametrize("endian", ["<", ">"])
def test_pcapng(tmp_path: Path, endian: str, emit: Emit) -> None:
    """Each frame is a block like the one it stands for, with its options; other blocks stay where they are."""
    note = b"\1\0\4\0note\0\0\0\0" if endian == "<" else b"\0\1\0\4note\0\0\0\0"
    head = section(endian) + interface(1, 65535, endian)
    came, voice, tail = enhanced(to_tcp(), 0, endian, note), enhanced(VOICE, 0, endian), simple(VOICE, endian)
    done = rewritten(tmp_path, head + voice + came + tail, proxy(), emit)
    stays = [] if emit is Emit.ONLY else ["udp voice"]
    received = [f"udp INVITE {BOB}"] if emit is Emit.APPEND else []
    assert blocks(done.data) == [*stays, *received, *OPEN, *carried(), *stays, *CLOSE]
    assert done.data.startswith(head if emit is Emit.ONLY else head + voice)
    assert done.data.count(b"note\0\0\0\0") == 8 + len(received)


def test_pcapng_with_the_old_and_the_simple_block(tmp_path: Path) -> None:
    done = rewritten(tmp_path, section() + interface(1, 65535) + simple(to_tcp(1)) + old_packet(to_tcp(2)), proxy())
    assert blocks(done.data) == [*OPEN, *carried(), *carried(), *CLOSE]


# Many messages.


def many(number: int) -> bytes:
    """A capture with as many INVITEs to two ends over TCP, and others between them."""
    frames: list[bytes | Kept] = []
    for one in range(number):
        frames += [to_tcp(one, (BOB, CAROL)[one % 2]), VOICE, arriving(one)]
    return pcap(frames)


@pytest.mark.parametrize("emit", Emit)
def test_batches_and_processes_make_no_difference(tmp_path: Path, emit: Emit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Routed in any order and any parts, the frames of a connection are in the capture's order."""
    data = many(60)
    whole = rewritten(tmp_path, data, proxy(), emit)
    read_in_pieces(monkeypatch, 5000)
    assert len(data) > 10 * 5000
    assert rewritten(tmp_path, data, proxy(), emit) == whole
    assert rewritten(tmp_path, data, proxy(), emit, processes=2) == whole
    found = view(whole.data)
    assert [found.count(one) for one in ("> S", "> FA", f"> PA INVITE {BOB}", f"> PA INVITE {CAROL}")] == [2, 2, 30, 30]
    assert found[-6:] == [*CLOSE, *CLOSE]


def test_a_failure_route_over_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages depend on those before: one process routes, however many were asked for. The second target is reached over TCP."""

    def request_route(req: ScriptRequest) -> None:
        req.t_on_failure("f")
        req.relay()

    def failure_route(req: ScriptRequest) -> None:
        req.ruri = BOB
        req.relay()

    numbers = range(20)
    came = [frame(invite("sip:eve@10.0.0.6").replace(b"branch=z9hG4bKa1", b"branch=z9hG4bKb%d" % number)) for number in numbers]
    for packet in packets(rewritten(tmp_path, pcap(came), scripted(request_route, failure_route)).data):
        lines = bytes(packet[UDP].payload).split(b"\r\n")
        kept = [line for line in lines if line.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")]
        busy = b"\r\n".join([b"SIP/2.0 486 Busy Here", *kept, b"Content-Length: 0", b"", b""])
        came.append(frame(busy, ("10.0.0.6", 5060), PROXY))
    data = pcap(came)
    read_in_pieces(monkeypatch, 4000)
    one, two = (rewritten(tmp_path, data, scripted(request_route, failure_route), processes=processes) for processes in (1, 2))
    assert one == two
    ack = "udp ACK sip:eve@10.0.0.6"
    assert view(one.data) == ["udp INVITE sip:eve@10.0.0.6"] * 20 + [ack, *OPEN, *carried()] + [ack, *carried()] * 19 + CLOSE


# What Wireshark says.


def fields(tshark: str, path: Path, *names: str, only: str = "") -> list[str]:
    """Some fields of the frames of a capture, with every checksum checked."""
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-E", "separator= ", "-E", "aggregator=,"]
    for protocol in ("ip", "udp", "tcp"):
        command += ["-o", f"{protocol}.check_checksum:TRUE"]
    for name in names:
        command += ["-e", name]
    return subprocess.run([*command, *(["-Y", only] if only else [])], check=True, capture_output=True, text=True).stdout.splitlines()


def saved(folder: Path, name: str, done: Done) -> Path:
    """What was made, in a file."""
    path = folder / name
    path.write_bytes(done.data)
    return path


BAD = " || ".join(f"{protocol}.checksum.status == 0" for protocol in ("ip", "udp", "tcp"))
FAULTS = f"tcp.analysis.flags || _ws.malformed || {BAD} || _ws.expert.severity >= 0x600000"


@pytest.mark.parametrize("emit", Emit)
@pytest.mark.parametrize("kind", ["pcap", "pcapng"])
def test_tshark_sees_the_messages_and_no_fault(tshark: str, tmp_path: Path, kind: str, emit: Emit) -> None:
    data = many(20)
    if kind == "pcapng":
        data = section() + interface(1, 65535) + b"".join(enhanced(one.frame) for one in records(data))
    path = saved(tmp_path, "seen", rewritten(tmp_path, data, proxy(), emit))
    assert fields(tshark, path, "frame.number", "tcp.analysis.flags", "_ws.expert.message", only=FAULTS) == []
    assert fields(tshark, path, "sip.r-uri", only="tcp && sip") == [BOB, CAROL] * 10
    streams = fields(tshark, path, "tcp.stream", "tcp.completeness", only="tcp.flags.fin == 1 && ip.dst == 10.0.0.1")
    # 31: SYN, SYN/ACK, ACK, data and FIN were there.
    assert streams == ["0 31", "1 31"]


def test_tshark_would_see_a_fault(tshark: str, tmp_path: Path) -> None:
    """So that the test above tells something: a byte of a message is another, and a frame is missing."""
    done = rewritten(tmp_path, pcap([to_tcp(1), to_tcp(2)]), proxy())
    changed, cut = bytearray(done.data), [one for number, one in enumerate(records(done.data)) if number != 3]
    changed[changed.index(b"INVITE")] ^= 1
    path = saved(tmp_path, "seen", done._replace(data=bytes(changed)))
    assert fields(tshark, path, "frame.number", only=BAD) == ["4"]
    path = saved(tmp_path, "seen", done._replace(data=pcap(cut)))
    assert fields(tshark, path, "frame.number", only="tcp.analysis.flags") != []


def test_tshark_sees_the_whole_of_a_long_message(tshark: str, tmp_path: Path) -> None:
    body = b"x" * 4000
    came: Iterable[bytes] = [
        frame(invite(BOB).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 4000\r\n\r\n" + body)),
        to_tcp(2),
    ]
    path = saved(tmp_path, "seen", rewritten(tmp_path, pcap(came), proxy()))
    assert fields(tshark, path, "frame.number", "tcp.analysis.flags", only=FAULTS) == []
    assert fields(tshark, path, "sip.Content-Length", only="tcp && sip") == ["4000", "0"]
