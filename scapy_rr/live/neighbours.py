"""Which MAC address a packet to an IP address is sent to: from a table, of the address itself where it is multicast, or asked for by ARP
and Neighbor Discovery. The questions and answers are bytes; who waits for them is the caller's business, or :meth:`Neighbours.ask`.
"""

import select
import socket
import time
from collections.abc import Iterable, Mapping
from enum import Enum
from ipaddress import ip_address
from itertools import islice
from typing import NamedTuple

from scapy.config import conf
from scapy.layers.inet6 import ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.utils6 import in6_getnsma, in6_getnsmac

from ..errors import ConfigError
from .interface import Interface

_ARP, _IPV4, _IPV6 = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
_REPLY = b"\x00\x02"
_ICMPV6, _ADVERTISEMENT, _TARGET_MAC = 58, 136, b"\x02\x01"
_BROADCAST = b"\xff" * 6
_ATTEMPTS, _MOST_ASKED = 3, 1000
_FRAME = 65536


class How(Enum):
    """Where a MAC address is from."""

    TABLE = "table"
    MULTICAST = "multicast"
    ARP = "ARP"
    NDP = "NDP"
    """Neighbor Discovery."""


class Neighbour(NamedTuple):
    """A MAC address, packed, and where it is from."""

    mac: bytes
    how: How


def read_table(texts: Iterable[str]) -> dict[bytes, bytes]:
    """The table that ``--mac ADDRESS=MAC`` options make, both packed. :raises ConfigError: for one that is no such pair."""
    table = {}
    for text in texts:
        address, separator, mac = text.partition("=")
        digits = mac.strip().replace("-", ":").split(":")
        try:
            if not separator or len(digits) != 6 or not all(1 <= len(pair) <= 2 for pair in digits):
                raise ValueError
            table[ip_address(address.strip().strip("[]")).packed] = bytes(int(pair, 16) for pair in digits)
        except ValueError:
            raise ConfigError(f"--mac {text!r} is not ADDRESS=MAC, such as 10.0.0.9=02:00:00:00:00:09") from None
    return table


def spell_mac(mac: bytes) -> str:
    """A packed MAC address as people write it."""
    return mac.hex(":")


class Neighbours:
    """The neighbours on one interface.

    :param interface: asked on, and what is known of it.
    :param table: MAC addresses that are not asked for, by address, both packed.
    :param most: how many answers are remembered. The oldest goes for another.
    :param age: how long one is, in seconds.
    """

    def __init__(self, interface: Interface, table: Mapping[bytes, bytes] | None = None, most: int = 4096, age: float = 300.0) -> None:
        self.interface = interface
        self._table = table or {}
        self._most, self._age = most, age
        self._answers: dict[bytes, tuple[bytes, float]] = {}

    def find(self, address: bytes, now: float) -> Neighbour | None:
        """What is known at ``now``, in seconds of the monotonic clock; ``None`` where one would have to ask."""
        hop = self.hop(address)
        if mac := self._table.get(address) or self._table.get(hop):
            return Neighbour(mac, How.TABLE)
        if mac := _of_group(address):
            return Neighbour(mac, How.MULTICAST)
        answer = self._answers.get(hop)
        if answer is None or now - answer[1] > self._age:
            return None
        return Neighbour(answer[0], How.ARP if len(address) == 4 else How.NDP)

    def hop(self, address: bytes) -> bytes:
        """Whom to ask for: the address itself, or the gateway that this machine's routes name for it on this interface."""
        text, name = str(ip_address(address)), self.interface.name
        routes = conf.route if len(address) == 4 else conf.route6
        interface, _, gateway = routes.route(text, dev=name, verbose=0)
        packed = ip_address(gateway).packed
        return packed if interface == name and any(packed) and len(packed) == len(address) else address

    def question(self, hop: bytes) -> bytes:
        """The frame that asks for an address."""
        interface = self.interface
        if len(hop) == 4:
            asking = ARP(op=1, hwsrc=spell_mac(interface.mac), psrc=interface.ipv4, hwdst="00:00:00:00:00:00", pdst=str(ip_address(hop)))
            return bytes(Ether(dst=spell_mac(_BROADCAST), src=spell_mac(interface.mac)) / asking)
        group = in6_getnsma(hop)
        soliciting = IPv6(src=interface.link_local or "::", dst=str(ip_address(group)), hlim=255) / ICMPv6ND_NS(tgt=str(ip_address(hop)))
        if interface.link_local:
            # From the unspecified address it may not be there (RFC 4861 4.3).
            soliciting /= ICMPv6NDOptSrcLLAddr(lladdr=spell_mac(interface.mac))
        return bytes(Ether(dst=in6_getnsmac(group), src=spell_mac(interface.mac)) / soliciting)

    def learn(self, frame: bytes, wanted: Iterable[bytes], now: float) -> bytes | None:
        """Take the answer from a frame. :returns: the address that it answers for; ``None`` where it is no answer to one of ``wanted``."""
        answer = _answer(frame)
        if answer is None or answer[0] not in wanted:
            return None
        address, mac = answer
        self._answers.pop(address, None)
        if len(self._answers) >= self._most:
            del self._answers[next(iter(self._answers))]
        self._answers[address] = mac, now
        return address

    def ask(self, addresses: Iterable[bytes], limit: float = 1.0) -> None:
        """Ask for the addresses that are not known, a thousand at most, all at once and three times where need be, and wait for answers.

        Questions leave without a VLAN tag. Nobody is asked on an interface that has no ARP.

        :param limit: for how long to wait, in seconds, in all.
        :raises LiveError: where the interface cannot be asked on.
        """
        start = time.monotonic()
        unknown = (self.hop(address) for address in addresses if self.find(address, start) is None)
        missing = dict.fromkeys(islice(dict.fromkeys(unknown), _MOST_ASKED))
        if not missing or not self.interface.has_arp:
            return
        with self.interface.socket() as asking:
            for attempt in range(1, _ATTEMPTS + 1):
                for hop in missing:
                    asking.outs.send(self.question(hop))
                self._listen(asking.ins, missing, start + limit * attempt / _ATTEMPTS)

    def _listen(self, listening: socket.socket, missing: dict[bytes, None], deadline: float) -> None:
        """Take answers until none is missing, or the time is over."""
        while missing and (left := deadline - time.monotonic()) > 0:
            if select.select([listening], [], [], left)[0]:
                answered = self.learn(listening.recv(_FRAME), missing, time.monotonic())
                missing.pop(answered or b"", None)


def _of_group(address: bytes) -> bytes | None:
    """The MAC address of a multicast group (:rfc:`1112#section-6.4`, :rfc:`2464#section-7`), or of everybody."""
    if address == b"\xff" * 4:
        return _BROADCAST
    if not ip_address(address).is_multicast:
        return None
    return b"\x01\x00\x5e" + bytes([address[1] & 0x7F]) + address[2:] if len(address) == 4 else b"\x33\x33" + address[12:]


def _answer(frame: bytes) -> tuple[bytes, bytes] | None:
    """The address and the MAC address that a frame tells: an ARP reply, or a neighbour advertisement."""
    kind = frame[12:14]
    if kind == _ARP and len(frame) >= 42 and frame[14:20] == b"\x00\x01\x08\x00\x06\x04" and frame[20:22] == _REPLY:
        return frame[28:32], frame[22:28]
    if kind == _IPV6 and len(frame) >= 78 and frame[20] == _ICMPV6 and frame[54] == _ADVERTISEMENT:
        return frame[62:78], _target_mac(frame[78:]) or frame[6:12]
    return None


def _target_mac(options: bytes) -> bytes | None:
    """The target's link-layer address among the options of an advertisement."""
    position = 0
    while position + 8 <= len(options) and options[position + 1]:
        if options[position : position + 2] == _TARGET_MAC:
            return options[position + 2 : position + 8]
        position += options[position + 1] * 8
    return None
