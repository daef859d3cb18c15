"""Where proxies under test stand, and how the telephones beside them write their messages."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from ..pcapmaker.messages import DEVICES, Dialog, Party
from ..pcapmaker.scenes import ALICE, BOB, CALLER, FAR_BOB, TAGS
from .calls import Shape, compact, over_tcp
from .forwarding import Socket

FIRST, SECOND, STREAM, SIX = "udp:10.0.0.1:5060", "udp:10.0.1.1:5060", "tcp:10.0.0.1:5060", "udp:[2001:db8::1]:5060"
NAT: Socket = ("203.0.113.7", 40123)
_BELOW = b"SIP/2.0/UDP 192.0.2.50:5062;branch=z9hG4bKbelow;received=192.0.2.51"


def replaced(*pairs: tuple[bytes, bytes]) -> Shape:
    """Each of these, where it is there, by the other."""

    def shape(message: bytes) -> bytes:
        for old, new in pairs:
            message = message.replace(old, new)
        return message

    return shape


def joined_vias(message: bytes) -> bytes:
    """All Vias in one header."""
    lines = message.split(b"\r\n")
    vias = [line for line in lines if line.startswith((b"Via: ", b"v: "))]
    at = lines.index(vias[0])
    rest = [line for line in lines if line not in vias]
    rest.insert(at, b"Via: " + b", ".join(via.partition(b": ")[2] for via in vias))
    return b"\r\n".join(rest)


SHAPES: dict[str, tuple[Socket, Shape, Shape]] = {
    "as telephones write": (CALLER, bytes, bytes),
    "without rport": (CALLER, replaced((b";rport", b"")), bytes),
    "behind NAT": (NAT, bytes, bytes),
    "behind NAT without rport": (NAT, replaced((b";rport", b"")), bytes),
    "with a received of its own": (CALLER, replaced((b";rport", b";received=192.0.2.200")), bytes),
    "behind NAT with both of its own": (NAT, replaced((b";rport", b";rport=1;received=192.0.2.200")), bytes),
    "short names": (CALLER, compact, compact),
    "two Vias in one header": (CALLER, replaced((b";rport\r\n", b";rport, " + _BELOW + b"\r\n")), bytes),
    "two Vias, joined in responses": (CALLER, replaced((b";rport\r\n", b";rport\r\nv: " + _BELOW + b"\r\n")), joined_vias),
    "no Max-Forwards": (CALLER, replaced((b"Max-Forwards: 70\r\n", b"")), bytes),
    "Max-Forwards 10": (CALLER, replaced((b"Max-Forwards: 70", b"Max-Forwards: 10")), bytes),
    "no Content-Length": (CALLER, replaced((b"Content-Length: 0\r\n", b"")), replaced((b"Content-Length: 0\r\n", b""))),
}


class Place(NamedTuple):
    """Proxies between a caller and a callee."""

    listen: tuple[tuple[str, ...], ...]
    """Of each proxy."""
    dialog: Dialog
    uri: str = "sip:bob@10.0.0.9"
    hosts: tuple[dict[str, str], ...] = ()
    """What each takes names for."""
    names: Mapping[str, str] = MappingProxyType({})
    """Listeners by what they advertise."""
    caller: Socket = CALLER
    options: tuple[str, ...] = ("mhomed=yes",)


ALICE6, BOB6 = Party("alice", "[2001:db8::5]"), Party("bob", "[2001:db8::9]", port=5070, device=DEVICES[1])
CAROL = Party("carol", "10.0.2.9")
NEAR, FAR, LONG, LONGER = (Dialog(*pair, "1@x", TAGS) for pair in ((ALICE, BOB), (ALICE, FAR_BOB), (ALICE, CAROL), (ALICE6, BOB6)))
PLACES = {
    "two networks": Place(((FIRST, SECOND),), FAR, "sip:bob@10.0.1.9"),
    "two proxies": Place(
        ((FIRST,), ("udp:10.0.2.1:5060",)), LONG, "sip:carol@example.com", ({"example.com": "10.0.2.1"}, {"example.com": "10.0.2.9"})
    ),
    "two proxies, three networks": Place(
        ((FIRST, SECOND), ("udp:10.0.1.2:5080", "udp:10.0.2.1:5060")),
        LONG,
        "sip:carol@example.com:5080",
        ({"example.com": "10.0.1.2"}, {"example.com": "10.0.2.9"}),
    ),
    "IPv6": Place(((SIX,),), LONGER, "sip:bob@[2001:DB8:0::9]:5070", caller=("2001:db8::5", 5060)),
    "IPv6, advertised": Place(
        ((SIX + " as edge.example.net:5060",),),
        LONGER,
        "sip:bob@[2001:DB8:0::9]:5070",
        names={"edge.example.net:5060": "[2001:db8::1]:5060"},
        caller=("2001:db8::5", 5060),
    ),
    "advertised": Place(((FIRST + " as edge.example.net:5060",),), NEAR, names={"edge.example.net:5060": "10.0.0.1:5060"}),
    "advertised, another port": Place(((FIRST + " as 203.0.113.20:5099",),), NEAR, names={"203.0.113.20:5099": "10.0.0.1:5060"}),
    "advertised on one of two": Place(
        ((FIRST, "udp:10.0.1.1:5070 as edge.example.net:5070"),), FAR, "sip:bob@10.0.1.9", names={"edge.example.net:5070": "10.0.1.1:5070"}
    ),
    "another port": Place((("udp:10.0.0.1:5090",),), NEAR),
    "other ports on two": Place((("udp:10.0.0.1:5090", "udp:10.0.1.1:15060"),), FAR, "sip:bob@10.0.1.9"),
    "two ports of an address": Place((("udp:10.0.0.1:5070", FIRST),), NEAR, options=("mhomed=no",)),
    "out over TCP": Place(((FIRST, STREAM),), over_tcp(NEAR), "sip:bob@10.0.0.9;transport=tcp"),
    "out over TCP, another port": Place(((FIRST, "tcp:10.0.0.1:5062"),), over_tcp(NEAR), "sip:bob@10.0.0.9;transport=tcp"),
    "out over TCP, advertised": Place(
        ((FIRST, STREAM + " as edge.example.net:5060"),),
        over_tcp(NEAR),
        "sip:bob@10.0.0.9;transport=tcp",
        names={"edge.example.net:5060": "10.0.0.1:5060"},
    ),
    "two proxies, TCP behind the first": Place(
        ((FIRST, STREAM), ("udp:10.0.2.1:5060", "tcp:10.0.2.1:5060")),
        over_tcp(LONG),
        "sip:carol@example.com;transport=tcp",
        ({"example.com": "10.0.2.1"}, {"example.com": "10.0.2.9"}),
    ),
}
