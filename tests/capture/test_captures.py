"""Every capture there is, the project's own and those beside it: what is not routed is untouched, what is equals what Scapy builds."""

import gzip
from ipaddress import ip_address
from pathlib import Path

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Packet, Raw
from scapy.utils import PcapReader, RawPcapReader, rdpcap

from scapy_rr.capture.place import Emit
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.summary import Summary
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.router import Preloaded

from ..make_pcaps import TUNNELLED
from ..pcapmaker.rebuild import rebuilt
from .samples import FOREIGN, HOSTS, OWN, listeners, over_udp, router

ALL = [*OWN, *FOREIGN]
NAMES = [path.name for path in ALL]
# What is said of single frames says nothing of messages that take several, or stand in something else.
IN_PIECES = {
    *("fragments.pcap", "fragments-ipv6.pcap", "fragments-mtu.pcap", "fragments-mtu-ipv6.pcap", "passing-by.pcap"),
    *("hep2.pcap", "hep3.pcap", "sctp.pcap", "sipp-tcp.pcap", "kamailio-websocket.pcap"),
}
# Those that arrive at no listener over UDP; the others have SIP to the very host that the request URI names.
NEVER_ROUTED = {"tcp.pcap", "websocket.pcap", "tls.pcap"} | (
    {path.name for path in FOREIGN} - {"ethernet-udp-proxy.pcap", "null-loopback-udp.pcap"}
)
ALONE = [path for path in ALL if path.name not in IN_PIECES]
PLAIN = [path for path in ALONE if path.name not in NEVER_ROUTED | TUNNELLED]


def routed(source: Path, target: Path, emit: Emit = Emit.REPLACE) -> Summary:
    """Route all that can be routed over UDP, frame by frame."""
    return rewrite(source, target, router(*over_udp(source), preloaded=Preloaded.RELAY, hosts=HOSTS), emit)


def frames(path: Path) -> list[tuple[bytes, object]]:
    """Each frame with all that the capture says of it."""
    with RawPcapReader(str(path)) as reader:
        return [(frame, told) for frame, told in reader]


@pytest.mark.parametrize("path", ALL, ids=NAMES)
@pytest.mark.parametrize("packed", [False, True])
def test_a_capture_in_which_nothing_is_routed_comes_out_as_it_went_in(tmp_path: Path, path: Path, packed: bool) -> None:
    source, target = tmp_path / path.name, tmp_path / ("out.gz" if packed else "out")
    source.write_bytes(gzip.compress(path.read_bytes()) if packed else path.read_bytes())
    summary = rewrite(source, target, router("udp:203.0.113.200:5060"))
    assert (summary.routed, summary.cut, summary.frames) == ({}, "", len(frames(path)))
    written = target.read_bytes()
    assert (gzip.decompress(written) if packed else written) == path.read_bytes()


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_frames_that_are_not_routed_are_as_they_were(tmp_path: Path, path: Path) -> None:
    """As many frames come out as went in, at the same times; those that differ are those that were counted as routed."""
    summary = routed(path, tmp_path / "out")
    came, left = frames(path), frames(tmp_path / "out")
    assert len(came) == len(left) == summary.frames
    differing = [number for number, (one, other) in enumerate(zip(came, left, strict=True)) if one != other]
    assert len(differing) == sum(summary.routed.values())
    assert bool(differing) == (path.name not in NEVER_ROUTED)
    for number in differing:
        (before, told_before), (after, told_after) = came[number], left[number]
        for name in ("sec", "usec", "tshigh", "tslow", "linktype", "ifname"):
            assert getattr(told_before, name, None) == getattr(told_after, name, None)
        assert told_after.wirelen - told_before.wirelen == len(after) - len(before)  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_append_and_only_hold_the_same_frames(tmp_path: Path, path: Path) -> None:
    results = {emit: routed(path, tmp_path / emit.value, emit) for emit in Emit}
    assert len({str(summary) for summary in results.values()}) == 1
    came = [frame for frame, _ in frames(path)]
    replaced, appended, alone = ([frame for frame, _ in frames(tmp_path / emit.value)] for emit in Emit)
    assert [two for one, two in zip(came, replaced, strict=True) if one != two] == alone
    rest = iter(appended)
    for one, two in zip(came, replaced, strict=True):
        assert next(rest) == one
        assert one == two or next(rest) == two
    assert list(rest) == []


def packet(frame: Packet, path: Path) -> Packet:
    """Scapy knows no loopback family but its own system's."""
    return IPv6(frame.original[4:]) if path.name == "null-ipv6.pcap" else frame


@pytest.mark.parametrize("path", PLAIN, ids=lambda path: path.name)
def test_a_routed_frame_is_what_scapy_builds(tmp_path: Path, path: Path) -> None:
    """From the received packet, with the addresses and the message changed, and lengths and checksums computed anew."""
    routed(path, tmp_path / "out")
    with PcapReader(str(path)) as before, PcapReader(str(tmp_path / "out")) as after:
        pairs = [(packet(came, path), packet(left, path)) for came, left in zip(before, after, strict=True)]
    changed = [(came, left) for came, left in pairs if came.original != left.original]
    assert changed
    for came, left in changed:
        # What is right, Scapy builds again as it is.
        assert rebuilt(left) == left.original
        wanted = came.copy()
        for ip in (IP, IPv6):
            if ip in wanted:
                wanted[ip].src, wanted[ip].dst = left[ip].src, left[ip].dst
        wanted[UDP].sport, wanted[UDP].dport = left[UDP].sport, left[UDP].dport
        wanted[UDP].remove_payload()
        wanted[UDP].add_payload(Raw(bytes(left[UDP].payload)))
        assert rebuilt(wanted) == left.original


@pytest.mark.parametrize("path", [path for path in PLAIN if path in OWN], ids=lambda path: path.name)
def test_the_routed_message_is_what_the_library_makes_of_it(tmp_path: Path, path: Path) -> None:
    """A script with the same few functions gives the same bytes; the sender is a listener."""
    routed(path, tmp_path / "out")
    rr = RecordRouting(listen=over_udp(path))
    addresses = {(str(one.address), one.port) for one in rr.identity.listeners}
    with PcapReader(str(path)) as before, PcapReader(str(tmp_path / "out")) as after:
        for one, two in zip(before, after, strict=True):
            if one.original == two.original:
                continue
            came, left = packet(one, path), packet(two, path)
            ip = IP if IP in left else IPv6
            assert (str(ip_address(left[ip].src)), left[UDP].sport) in addresses
            req = rr.request(bytes(came[UDP].payload), f"udp:{bracketed(came[ip].dst)}:{came[UDP].dport}")
            req.loose_route()
            assert req.message
            in_dialog = ";tag=" in bytes(came[UDP].payload).decode("latin-1").partition("\r\nTo:")[2].partition("\r\n")[0]
            if req.message.method == (b"NOTIFY" if in_dialog else b"INVITE"):
                req.record_route()
            assert req.build(f"udp:{bracketed(left[ip].src)}:{left[UDP].sport}") == bytes(left[UDP].payload)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def test_scapy_reads_all_that_is_written(tmp_path: Path) -> None:
    """Packed, too."""
    for path in OWN:
        routed(path, tmp_path / "out.gz", Emit.APPEND)
        assert len(rdpcap(str(tmp_path / "out.gz"))) >= len(frames(path))
        (tmp_path / "out.gz").unlink()


def test_a_routed_capture_routed_again_is_not_for_us(tmp_path: Path) -> None:
    """What left, left."""
    source = next(path for path in OWN if path.name == "vlan.pcap")
    first = routed(source, tmp_path / "first")
    assert sum(first.routed.values()) > 3
    again = rewrite(tmp_path / "first", tmp_path / "again", router(*listeners(source), hosts=HOSTS))
    assert again.routed == {}
    assert (tmp_path / "again").read_bytes() == (tmp_path / "first").read_bytes()
