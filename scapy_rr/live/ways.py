"""Where a frame leaves for its destination, and to which MAC address. Frames wait here as long as nobody has answered who has an address.

Where there is one interface, all leaves by it; on a bridge by the side where the address answers; else as the kernel's routes say. Knows
no SIP, and time is the caller's.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import NamedTuple

import scapy.route
import scapy.route6  # noqa: F401  (both make conf's tables)
from scapy.config import conf

from ..errors import LiveError
from ..wire.link import ETHERNET, network_offset
from .interface import Interface
from .neighbours import Neighbours
from .raw import RawSocket

VLAN_TYPES = (b"\x81\x00", b"\x88\xa8", b"\x91\x00")
OURSELVES = "next hop is this machine"
NOT_GIVEN = "next hop is behind an interface that is not given"
NO_ANSWER = "nobody answers who has the address of the next hop"
NO_ROOM = "too many frames wait for a neighbour's answer"

_ATTEMPTS, _ASK_AGAIN = 3, 1.0
_MOST_WAITING, _MOST_ASKED = 1024, 256
# Another machine may take an address over (RFC 4861 7.3.2 confirms neighbours as often).
_ANSWER_KEPT = 30.0
# A way is found out anew after this, from the routes as they are then.
_KEPT, _MOST_KEPT, _ROUTES_KEPT = 5.0, 4096, 30.0


class Way(NamedTuple):
    """How to a destination."""

    socket: RawSocket
    mac: bytes
    """Of the next hop on the link."""


class Waiting(NamedTuple):
    """A frame that is ready but for its MAC addresses."""

    frame: bytes
    sizes: tuple[int, ...]
    """Those of the fragments that it came in."""
    number: int
    """Of the frame that it was made from."""


class Lost(NamedTuple):
    """A frame that cannot leave."""

    reason: str
    detail: str
    waiting: Waiting


@dataclass(slots=True)
class _Question:
    """A neighbour that is asked for."""

    frames: list[Waiting]
    attempts: int
    again: float


class _Port:
    """One interface: its socket, and its neighbours."""

    def __init__(self, socket: RawSocket, table: Mapping[bytes, bytes]) -> None:
        self.socket = socket
        self.interface = Interface.find(socket.name)
        self.neighbours = Neighbours(self.interface, table, age=_ANSWER_KEPT)
        self.asked: set[bytes] = set()

    def look(self) -> None:
        """See what is known of the interface now; where it is not there, all stays."""
        with suppress(LiveError):
            self.interface = self.neighbours.interface = Interface.find(self.socket.name)

    def mac(self, address: bytes, now: float) -> bytes | None:
        known = self.neighbours.find(address, now)
        if known:
            return known.mac
        return None if self.interface.has_arp else bytes(6)

    def ask(self, address: bytes, tag: bytes) -> None:
        """Ask for the neighbour on the way to an address; where the interface does not take the question, the next one may do better.

        :param tag: the VLAN tags of the frame that waits.
        """
        if self.interface.mac != self.socket.mac:
            # It went, and came back as another one.
            self.look()
        hop = self.neighbours.hop(address)
        self.asked.add(hop)
        question = self.neighbours.question(hop)
        with suppress(OSError):
            self.socket.send(question[:12] + tag + question[12:])


class Ways:
    """The ways out of some interfaces.

    :param sockets: one for each.
    :param table: MAC addresses that are not asked for, by address, both packed.
    :param bridge: whether they are the sides of a bridge.
    :raises LiveError: for an interface that takes no Ethernet frames.
    """

    def __init__(self, sockets: Iterable[RawSocket], table: Mapping[bytes, bytes], bridge: bool = False) -> None:
        self._ports = {one.name: _Port(one, table) for one in sockets}
        self._bridge = bridge
        self._ways: dict[bytes, tuple[Way, float]] = {}
        self._questions: dict[bytes, _Question] = {}
        self._waiting = 0
        self._routes_read = float("-inf")
        self._own: set[bytes] = set()
        self._lost: list[Lost] = []

    @property
    def asking(self) -> bool:
        """Whether frames wait for an answer."""
        return bool(self._questions)

    def find(self, address: bytes, now: float) -> Way | str | None:
        """The way to an address, why there is none, or ``None`` where the neighbour has to be asked for: :meth:`wait`.

        :param address: packed.
        :param now: seconds, on whatever clock.
        """
        kept = self._ways.get(address)
        if kept and now < kept[1]:
            return kept[0]
        ports = self._ports_to(address, now)
        if isinstance(ports, str):
            return ports
        for port in ports:
            mac = port.mac(address, now)
            if mac:
                way = Way(port.socket, mac)
                if len(self._ways) >= _MOST_KEPT:
                    self._ways.clear()
                self._ways[address] = way, now + _KEPT
                return way
        return None

    def _ports_to(self, address: bytes, now: float) -> list[_Port] | str:
        """Those behind which an address may be, or why there is none."""
        self._look_at_routes(now)
        ports, found = list(self._ports.values()), ip_address(address)
        if found.is_loopback or address in self._own:
            return [self._ports[conf.loopback_name]] if conf.loopback_name in self._ports else OURSELVES
        if self._bridge or len(ports) == 1:
            return ports
        name, _, _ = (conf.route if found.version == 4 else conf.route6).route(str(found), verbose=0)
        # The loopback stands for: there is no route.
        return [self._ports[name]] if name in self._ports and name != conf.loopback_name else NOT_GIVEN

    def _look_at_routes(self, now: float) -> None:
        """Read the kernel's routes and addresses anew if they may have changed; what Scapy remembers of them has no bound."""
        if now - self._routes_read > _ROUTES_KEPT:
            self._routes_read = now
            for port in self._ports.values():
                port.look()
            conf.ifaces.reload()
            conf.route.resync()
            conf.route6.resync()
            texts = (text for one in conf.ifaces.values() for of_family in one.ips.values() for text in of_family)
            self._own = {ip_address(text.partition("%")[0]).packed for text in texts}
        for routes in (conf.route, conf.route6):
            if len(routes.cache) > _MOST_KEPT:
                routes.invalidate_cache()

    def wait(self, address: bytes, waiting: Waiting, now: float) -> None:
        """Ask who has an address, if nobody does so yet, and keep a frame until :meth:`learn` or :meth:`lost` gives it back."""
        question = self._questions.get(address)
        if question is None:
            if len(self._questions) >= _MOST_ASKED:
                self._give_up(next(iter(self._questions)), NO_ROOM)
            question = self._questions[address] = _Question([], 0, now)
        question.frames.append(waiting)
        self._waiting += 1
        if self._waiting > _MOST_WAITING:
            self._give_up(next(iter(self._questions)), NO_ROOM)
        self._ask_again(now)

    def _ask_again(self, now: float) -> None:
        """Ask for whom it is time, or give up."""
        for address, question in list(self._questions.items()):
            if now < question.again:
                continue
            ports = self._ports_to(address, now)
            if question.attempts >= _ATTEMPTS or isinstance(ports, str):
                self._give_up(address, NO_ANSWER)
                continue
            question.attempts, question.again = question.attempts + 1, now + _ASK_AGAIN
            for port in ports:
                port.ask(address, _tag(question.frames[0].frame))

    def _give_up(self, address: bytes, reason: str) -> None:
        question = self._close(address)
        self._lost += [Lost(reason, str(ip_address(address)), waiting) for waiting in question.frames]

    def _close(self, address: bytes) -> _Question:
        question = self._questions.pop(address)
        self._waiting -= len(question.frames)
        if not self._questions:
            for port in self._ports.values():
                port.asked.clear()
        return question

    def learn(self, name: str, frame: bytes, now: float) -> list[tuple[Way, Waiting]]:
        """The frames that can leave after this one, which came on the interface of that name, and may be an answer."""
        if not self._questions:
            return []
        while frame[12:14] in VLAN_TYPES:
            frame = frame[:12] + frame[16:]
        port, free = self._ports[name], []
        if port.neighbours.learn(frame, port.asked, now):
            for address in list(self._questions):
                way = self.find(address, now)
                if isinstance(way, Way):
                    free += [(way, waiting) for waiting in self._close(address).frames]
        return free

    def lost(self, now: float) -> Iterator[Lost]:
        """The frames for which nobody answered in time, or there was no room. To be called where nothing arrives, too."""
        self._ask_again(now)
        while self._lost:
            yield self._lost.pop(0)


def _tag(frame: bytes) -> bytes:
    """The VLAN tags of a frame with an IP packet."""
    ip = network_offset(frame, 0, ETHERNET)
    return frame[12 : ip - 2] if ip else b""
