"""One level of a frame, as Scapy dissects it: its header, what it carries, what follows that; and the same around something else.

Knows nothing of which header follows which (``layers`` does). It loads Scapy's layers, a quarter of a second, so it is loaded where a
frame needs it.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Any

from scapy.layers.dot11 import Dot11
from scapy.layers.inet import UDP
from scapy.layers.ppp import PPPoE
from scapy.packet import Raw

from ..wire.splice import TooLong
from ..wire.tunnel import NotRewritable

# What Scapy computes of a header where it is asked to. A layer that is not here may be read, yet nobody knows what of it
# depends on what it carries: a MACsec or AH header has a check value over everything.
_COMPUTED: dict[str, tuple[str, ...]] = {
    "Dot3": ("len",),
    "GRE": ("chksum",),
    "GRE_PPTP": ("payload_len",),
    "GTP_U_Header": ("length",),
    "IP": ("len", "chksum"),
    "IPv6": ("plen",),
    "L2TP": ("len",),
    "PPPoE": ("len",),
    "UDP": ("len", "chksum"),
    **dict.fromkeys(("CHDLC", "CookedLinux", "CookedLinuxV2", "DIR_PPP", "Dot11", "Dot11QoS", "Dot1AD", "Dot1AH", "Dot1Q"), ()),
    **dict.fromkeys(("ERSPAN_I", "ERSPAN_II", "ERSPAN_III", "ERSPAN_PlatformSpecific", "EoMCW", "Ether", "EtherIP", "GENEVE"), ()),
    **dict.fromkeys(("GRErouting", "GTPPDUSessionContainer", "GTP_PDCP_PDU_ExtensionHeader", "GTP_UDPPort_ExtensionHeader"), ()),
    **dict.fromkeys(("HDLC", "IPv6ExtHdrDestOpt", "IPv6ExtHdrHopByHop", "IPv6ExtHdrRouting", "IPv6ExtHdrSegmentRouting"), ()),
    **dict.fromkeys(("LLC", "Loopback", "LoopbackOpenBSD", "MPLS", "NSH", "PPP", "RadioTap", "SNAP", "TZSP", "TZSPTagEnd", "VXLAN"), ()),
    **dict.fromkeys((f"TZSPTag{name}" for name in ("Padding", "RawRSSIByte", "RawRSSIShort", "SNRByte", "SNRShort")), ()),
    **dict.fromkeys((f"TZSPTag{name}" for name in ("DataRate", "Timestamp", "ContentionFree", "RXChannel", "PacketCount")), ()),
}
# A card that computes checksums makes them after the capture, so that they are wrong in it.
_OFFLOADED = ("IP", "UDP")
# Of IEEE 802.3, up to 1500 in the place of the type is a length.
_LONGEST_802_3 = 1500
_CHECKED = ("Ether", "Dot3", "Dot11", "Dot11FCS")
_NAMES = {
    "802.11-FCS": "802.11",
    "802_1AD": "802.1ad",
    "802_1AH": "802.1ah",
    "DIR_PPP": "PPP direction",
    "EoMCW": "pseudo-wire control word",
    "GTP-U Header": "GTP-U",
    "PPP Link Layer": "PPP",
    "PPP over Ethernet": "PPPoE",
    "cooked linux": "Linux cooked v1",
    "cooked linux v2": "Linux cooked v2",
}


@dataclass(slots=True, eq=False)
class Level:
    """One header of a frame, and what it carries. All of them together are the bytes that this level has of the frame."""

    layer: Any
    """Scapy's, for this header alone. Its fields that depend on what it carries are unset."""
    head: bytes
    payload: bytes
    tail: bytes
    """What follows the payload within what the level above carries: padding, a trailer."""
    received: dict[str, Any]
    """The fields that are unset, as they came."""
    checked: bytes = b""
    """The frame check sequence, if there is one: the CRC of all before it."""

    @property
    def kind(self) -> str:
        """The name of Scapy's class."""
        return str(type(self.layer).__name__)

    @property
    def name(self) -> str:
        """What people call it."""
        name = str(self.layer.name)
        return _NAMES.get(name, name)

    def around(self, payload: bytes, padded: bool = True) -> bytes:
        """This level with something else in it: lengths and checksums made right.

        :param padded: with the tail that it has.
        :raises TooLong: where a length overflows.
        :raises NotRewritable: where nobody knows how, or what came cannot be made again in the same way.
        """
        self._make_sure()
        try:
            return self._made(payload, self.tail if padded else b"")
        except struct.error:
            raise TooLong(f"{len(payload)} bytes in {self.name}") from None

    def _make_sure(self) -> None:
        """Only what gives the received bytes for what was received can be trusted to give the right ones for something else."""
        if self.kind not in _COMPUTED:
            raise NotRewritable(f"what of its {self.name} header depends on what that carries is not known")
        if self.kind in ("Dot1Q", "Dot1AD") and self.layer.type <= _LONGEST_802_3:
            raise NotRewritable(f"its {self.name} header has a length in the place of a type")
        if self.checked and self.checked != _crc(self.head + self.payload + self.tail):
            raise NotRewritable(f"the check sequence of its {self.name} frame is wrong")
        if self._again():
            return
        if self.kind in _OFFLOADED and "chksum" in self.received:
            self.layer.fields["chksum"] = self.received["chksum"]
            same = self._again()
            self.layer.fields["chksum"] = None
            if same:
                return
        raise NotRewritable(f"its {self.name} header has a length, a checksum or options that Scapy does not make again")

    def _again(self) -> bool:
        """Whether what came is made again of what it carried."""
        try:
            return self._made(self.payload, self.tail) == self.head + self.payload + self.tail + self.checked
        except Exception:  # Scapy builds with the same trust as it dissects.
            return False

    def _made(self, payload: bytes, tail: bytes) -> bytes:
        made = self.head + payload
        if self.received:
            self.layer.payload = Raw(payload)
            made = self.layer.post_build(self.layer.self_build(), payload)
        if self.kind == "Dot3" and len(payload) > _LONGEST_802_3:
            raise TooLong(f"{len(payload)} bytes in {self.name}")
        made += tail
        return made + _crc(made) if self.checked else made


def _crc(data: bytes) -> bytes:
    """The frame check sequence (IEEE 802.3 3.2.9, IEEE 802.11 9.2.4.8) as it is sent, the lowest byte first."""
    return zlib.crc32(data).to_bytes(4, "little")


def dissect(cls: Any, data: bytes, above: Level | None) -> Level | None:
    """The level that begins with ``data``; ``None`` where that is not what its class says.

    :param above: the level that carries it.
    """
    try:
        return _dissect(cls, data, above.layer if above else None)
    except Exception:  # Scapy's layers raise whatever Python does where bytes are not what they expect.
        return None


def _dissect(cls: Any, data: bytes, under: Any) -> Level | None:
    if "dispatch_hook" in cls.__dict__:
        cls = cls.dispatch_hook(data, _underlayer=under)
    checked = b""
    if cls.__name__ in _CHECKED and (cls.__name__ == "Dot11FCS" or data[-4:] == _crc(data[:-4])):
        data, checked = data[:-4], data[-4:]
    if cls.__name__ == "Dot11FCS":
        cls = Dot11
    layer = cls(_internal=1, _underlayer=under)
    # As Packet.dissect does, without what comes below: SIP is not to be dissected here.
    layer.original = data
    rest = layer.post_dissect(layer.do_dissect(layer.pre_dissect(data)))
    # Scapy leaves the padding of a PPPoE frame in it.
    payload = rest[: layer.len] if cls is PPPoE else layer.extract_padding(rest)[0]
    if not data.endswith(rest) or not rest.startswith(payload):
        return None
    received = {}
    for name in _COMPUTED.get(cls.__name__, ()):
        # A UDP checksum of zero says that there is none, over IPv6, too (RFC 768, RFC 6935), and stays.
        if name in layer.fields and (cls is not UDP or layer.fields[name]):
            received[name] = layer.fields[name]
            layer.fields[name] = None
    layer.raw_packet_cache = None
    return Level(layer, data[: len(data) - len(rest)], payload, rest[len(payload) :], received, checked)
