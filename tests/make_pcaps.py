"""Makes the captures of ``pcaps/`` again: ``python -m tests.make_pcaps`` the generated ones, with ``--live`` the recorded ones too.

The generated ones come out byte by byte the same every time. Recording needs root, Kamailio, SIPp and tcpdump.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from .generator import START
from .pcapmaker import fragments, hep, scenes, sctp, streams, tls, websocket
from .pcapmaker.frames import LINKS, Wrap
from .pcapmaker.live import RECORDINGS, record
from .pcapmaker.scenes import Scene
from .pcapmaker.tunnels import TUNNELS
from .pcapmaker.writer import PCAP, Format, write

FOLDER = Path(__file__).parent.parent / "pcaps"


@dataclass(frozen=True, slots=True)
class Generated:
    """A generated capture: what happens in it, on which link (of ``LINKS`` or ``TUNNELS``), in which kind of file."""

    scene: Callable[[], Scene]
    link: str = "ethernet"
    form: Format = PCAP


GENERATED = {
    "two-routes.pcap": Generated(scenes.two_routes),
    "strict-routers.pcap": Generated(scenes.strict_routers),
    "preloaded-routes.pcap": Generated(scenes.preloaded_routes),
    "nat.pcap": Generated(scenes.nated_caller),
    "dialects.pcap": Generated(scenes.dialects),
    "passing-by.pcap": Generated(scenes.passing_by, "ethernet, padded"),
    "tcp.pcap": Generated(streams.tcp_calls),
    "websocket.pcap": Generated(websocket.websocket_call),
    "fragments.pcap": Generated(fragments.fragments),
    "fragments-ipv6.pcap": Generated(fragments.fragments_ipv6),
    "sctp.pcap": Generated(sctp.sctp_call),
    "ipv6.pcap": Generated(scenes.short_call_ipv6),
    "vlan.pcap": Generated(scenes.short_call, "802.1Q"),
    "qinq.pcap": Generated(scenes.short_call, "802.1ad"),
    "cooked-v1.pcap": Generated(scenes.short_call, "cooked v1"),
    "cooked-v1-vlan.pcap": Generated(scenes.short_call, "cooked v1, 802.1Q"),
    "cooked-v2.pcap": Generated(scenes.short_call, "cooked v2"),
    "null.pcap": Generated(scenes.short_call, "null"),
    "null-ipv6.pcap": Generated(scenes.short_call_ipv6, "null"),
    "loop.pcap": Generated(scenes.short_call, "loop"),
    "raw-ip.pcap": Generated(scenes.short_call, "raw"),
    "raw-ipv4.pcap": Generated(scenes.short_call, "raw IPv4"),
    "raw-ipv6.pcap": Generated(scenes.short_call_ipv6, "raw IPv6"),
    "pcapng.pcapng": Generated(scenes.short_call, form=Format(pcapng=True)),
    "nanoseconds.pcap": Generated(scenes.short_call, form=Format(nano=True)),
    "big-endian.pcap": Generated(scenes.short_call, form=Format(endian=">")),
    "big-endian-nanoseconds.pcap": Generated(scenes.short_call, form=Format(endian=">", nano=True)),
    "hep2.pcap": Generated(hep.version_2),
    "hep3.pcap": Generated(hep.version_3),
    "pppoe.pcap": Generated(scenes.short_call, "PPPoE"),
    "mpls.pcap": Generated(scenes.short_call, "MPLS"),
    "pseudo-wire.pcap": Generated(scenes.short_call, "pseudo-wire"),
    "vxlan.pcap": Generated(scenes.short_call, "VXLAN"),
    "geneve.pcap": Generated(scenes.short_call, "Geneve"),
    "gre.pcap": Generated(scenes.short_call, "GRE"),
    "erspan.pcap": Generated(scenes.short_call, "ERSPAN"),
    "ip-in-ip.pcap": Generated(scenes.short_call, "IP in IP"),
    "6in4.pcap": Generated(scenes.short_call_ipv6, "IP in IP"),
    "gtp-u.pcap": Generated(scenes.short_call, "GTP-U"),
    "gtp-u-5g.pcap": Generated(scenes.short_call_ipv6, "GTP-U, 5G"),
    "l2tp.pcap": Generated(scenes.short_call, "L2TP"),
    "wifi.pcap": Generated(scenes.short_call, "802.11"),
    "wifi-radiotap.pcap": Generated(scenes.short_call, "802.11, radiotap"),
}

TUNNELLED = {name for name, capture in GENERATED.items() if capture.link in TUNNELS}
"""The captures in which the calls are within tunnels."""
TLS = ("tls.pcap", "tls.keys")
"""The calls over TLS, and the key log that opens them."""


def frames(scene: Scene, wrap: Wrap) -> Iterator[tuple[int, bytes, int]]:
    """The scene's packets with a link header each: time, frame, length on the wire."""
    time = START
    for packet in scene.packets:
        time += packet.delay * 1000 + 137  # so that a file with nanoseconds has some
        frame = wrap(packet.data, packet.sent)
        yield time, frame[: packet.caught], len(frame)


def generate(folder: Path) -> list[Path]:
    """Write all generated captures into ``folder``."""
    written = []
    for name, capture in GENERATED.items():
        linktype, wrap = {**LINKS, **TUNNELS}[capture.link]
        write(folder / name, linktype, frames(capture.scene(), wrap), capture.form)
        written.append(folder / name)
    return written


def record_tls(folder: Path) -> list[Path]:
    """Write the calls over TLS, and their key log, into ``folder``. It needs nothing but Python, and is not the same twice."""
    linktype, wrap = LINKS["ethernet"]
    with tempfile.TemporaryDirectory() as home:
        scene, keys = tls.calls(Path(home))
    capture, log = (folder / name for name in TLS)
    write(capture, linktype, frames(scene, wrap))
    log.write_bytes(keys)
    return [capture, log]


def main() -> None:
    """Make the captures, and say which."""
    parser = argparse.ArgumentParser(prog="python -m tests.make_pcaps", description="Make the captures of pcaps/ again.")
    parser.add_argument("--live", action="store_true", help="record those of real servers too (root, kamailio, sipp, tcpdump)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where to")
    options = parser.parse_args()
    written = generate(options.folder)
    if options.live:
        written += [record(name, options.folder) for name in RECORDINGS] + record_tls(options.folder)
    for path in written:
        Console(highlight=False).print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
