"""Captures to test with: byte by byte made ones, those of ``pcaps/`` with their listeners, and readers that share no code with scapy_rr."""

import re
import shlex
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import pytest

from scapy_rr.capture import reader, source
from scapy_rr.capture.place import Emit
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.capture.summary import Summary
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy import script_file
from scapy_rr.proxy.locate import Locator
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Preloaded, Router
from scapy_rr.rr.module import RecordRouting as PureRecordRouting

from ..make_pcaps import FOLDER
from ..pcapmaker.frames import Flow, ethernet
from ..pcapmaker.messages import Dialog
from ..pcapmaker.scenes import ALICE, BOB, CALLEE, CALLER, PROXY, TAGS

LISTEN = "udp:10.0.0.1:5060"
SHARED = Path(__file__).parents[3] / "shared" / "captures"
OWN = sorted(FOLDER.glob("*.pcap*"))
FOREIGN = sorted(path for path in SHARED.glob("*cap*") if path.suffix != ".md") if SHARED.is_dir() else []
SECTION, INTERFACE, PACKET, SIMPLE, ENHANCED = 0x0A0D0D0A, 1, 2, 3, 6

_DIALOG = Dialog(ALICE, BOB, "samples@10.0.0.5", TAGS)


def bye(number: int = 1, routes: tuple[str, ...] = ("<sip:10.0.0.1;lr>",)) -> bytes:
    """A BYE within a dialog, from the caller to the proxy."""
    return _DIALOG.request("BYE", number, f"a{number}", routes=routes)


def frame(message: bytes, source: tuple[str, int] = CALLER, destination: tuple[str, int] = PROXY, ident: int = 7) -> bytes:
    """An Ethernet frame with a datagram."""
    return ethernet(Flow(source, destination).packet(message, ident))


def arriving(number: int = 1) -> bytes:
    """A frame that is to be routed."""
    return frame(bye(number))


def leaving(number: int = 1) -> bytes:
    """The same frame as the proxy sends it: without the Route, from the proxy to the callee, the link header as it came."""
    return arriving(number)[:14] + Flow(PROXY, CALLEE).packet(bye(number, ()), 7)


def invite(uri: str = "sip:bob@10.0.0.9", routes: tuple[str, ...] = ()) -> bytes:
    """An initial INVITE."""
    return _DIALOG.request("INVITE", 1, "a1", uri=uri, routes=routes, early=True)


VOICE = frame(bytes(172), ("10.0.0.5", 40000), ("10.0.0.1", 20000))


class Kept(NamedTuple):
    """A record of a pcap file."""

    seconds: int
    fraction: int
    original: int
    frame: bytes


def pcap(frames: Iterable[bytes | Kept], endian: str = "<", nano: bool = False, snap: int = 262144, link_type: int = 1) -> bytes:
    """A pcap file."""
    parts = [struct.pack(f"{endian}IHHIIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link_type)]
    for number, one in enumerate(frames):
        kept = one if isinstance(one, Kept) else Kept(1_700_000_000 + number, 1001 * number, len(one), one)
        parts.append(struct.pack(f"{endian}IIII", kept.seconds, kept.fraction, len(kept.frame), kept.original) + kept.frame)
    return b"".join(parts)


def records(data: bytes, endian: str = "<") -> list[Kept]:
    """The records of a pcap file, all of which must be whole."""
    found, at = [], 24
    while at < len(data):
        seconds, fraction, captured, original = struct.unpack_from(f"{endian}IIII", data, at)
        assert at + 16 + captured <= len(data)
        found.append(Kept(seconds, fraction, original, data[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return found


def block(kind: int, body: bytes, endian: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(f"{endian}I", len(body) + 12)
    return struct.pack(f"{endian}I", kind) + length + body + length


def option_list(endian: str, *options: tuple[int, bytes]) -> bytes:
    """Options of a block, with their end."""
    parts = [struct.pack(f"{endian}HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options]
    return b"".join(parts) + bytes(4)


def section(endian: str = "<", options: bytes = b"") -> bytes:
    """A section header."""
    return block(SECTION, struct.pack(f"{endian}IHHq", 0x1A2B3C4D, 1, 0, -1) + options, endian)


def interface(link_type: int = 1, snap: int = 0, endian: str = "<", options: bytes = b"") -> bytes:
    """An interface description."""
    return block(INTERFACE, struct.pack(f"{endian}HHI", link_type, 0, snap) + options, endian)


def enhanced(data: bytes, number: int = 0, endian: str = "<", options: bytes = b"", original: int | None = None) -> bytes:
    """An enhanced packet block, of the interface ``number``."""
    lengths = len(data), len(data) if original is None else original
    head = struct.pack(f"{endian}IIIII", number, 0x0005_D000, 0x1234_5678, *lengths)
    return block(ENHANCED, head + data + bytes(-len(data) % 4) + options, endian)


def simple(data: bytes, endian: str = "<", original: int | None = None) -> bytes:
    """A simple packet block."""
    return block(SIMPLE, struct.pack(f"{endian}I", len(data) if original is None else original) + data, endian)


def old_packet(data: bytes, number: int = 0, endian: str = "<", drops: int = 3) -> bytes:
    """A packet block as they were before the enhanced one."""
    return block(PACKET, struct.pack(f"{endian}HHIIII", number, drops, 5, 6, len(data), len(data)) + data, endian)


def router(
    *listen: str, preloaded: Preloaded = Preloaded.DENY, hosts: dict[str, str] | None = None, ports: tuple[int, ...] = ()
) -> CaptureRouter:
    """A router with these listeners."""
    return CaptureRouter(script(RecordRouting(listen=listen or [LISTEN]), Hosts(hosts), preloaded), ports)


def script(rr: PureRecordRouting, hosts: Hosts, preloaded: Preloaded = Preloaded.DENY, via: bool = False) -> Router:
    """The built-in script; unless told otherwise with the rr module alone, so that what is compared is that."""
    made = script_file.load()
    made.rr, made.locator, made.preloaded, made.via = rr, Locator(hosts, None, ("udp", "tcp")), preloaded, via
    return made


class Done(NamedTuple):
    """What a rewriting left behind."""

    data: bytes
    summary: Summary


def rewritten(
    folder: Path, data: bytes, how: CaptureRouter | None = None, emit: Emit = Emit.REPLACE, name: str = "out", processes: int = 1
) -> Done:
    """Rewrite a capture that is given as bytes."""
    source, target = folder / "in", folder / name
    source.write_bytes(data)
    summary = rewrite(source, target, how or router(), emit, True, processes=processes)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["in", name]), "something stays behind"
    return Done(target.read_bytes(), summary)


def read_in_pieces(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """Have captures read in buffers of about so many bytes."""
    monkeypatch.setattr(source, "_PART", size)
    monkeypatch.setattr(reader, "_CHUNK", size)


def listeners(path: Path) -> list[str]:
    """The listeners that fit a capture: those of the README for the project's own, else those that were found by hand."""
    if path.parent != FOLDER:
        return _FOREIGN[path.name]
    row = next(line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith(f"| `{path.name}` |"))
    options = re.search(r"`(--listen [^`]*)`", row)
    assert options
    return [word for word in shlex.split(options[1]) if word != "--listen"]


def over_udp(path: Path) -> list[str]:
    """The same, without those over which no frame would leave in the place of a received one."""
    return [one for one in listeners(path) if one.startswith("udp:")] or listeners(path)


_FOREIGN = {
    "ethernet-ipv6-udp-fragments.pcap": ["udp:[fec0::216:d3ff:fe0d:22c]:5060"],
    "ethernet-ipv6-udp.pcap": ["udp:[fec0::216:d3ff:fe0d:22c]:5060", "udp:[fe80::21a:a0ff:fe07:32e0]:5060"],
    "ethernet-tcp.pcap": ["tcp:127.0.0.1:5060"],
    "ethernet-udp-b2bua.pcapng": ["udp:172.16.98.101:5060"],
    "ethernet-udp-preloaded-routes.cap": ["udp:192.168.105.105:5060"],
    "ethernet-udp-proxy.pcap": ["udp:10.33.6.102:5080"],
    "null-loopback-udp.pcap": ["udp:127.0.0.1:5060"],
    "rawip-ipip.pcap": ["udp:157.161.10.73:5060", "udp:5.148.125.101:5060"],
    "sll-sctp-multipart.pcap": ["sctp:127.0.0.1:5060"],
}
HOSTS = {"example.com": "10.0.0.9", "proxy.example.com": "10.0.0.2", "localhost": "192.0.2.1"}
"""Addresses for the names in the captures, so that more in them is routed."""
