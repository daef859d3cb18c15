"""What happens in the generated captures of ``pcaps/``: who sends what to whom, written out. Everything in them is fixed.

They show the legs on which requests arrive at the proxy's listeners. Knows nothing of link types and files.
"""

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .frames import Flow, addresses
from .messages import DEVICES, Dialog, Party

Socket = tuple[str, int]

PROXY: Socket = ("10.0.0.1", 5060)
SECOND: Socket = ("10.0.1.1", 5060)
CALLER: Socket = ("10.0.0.5", 5060)
CALLEE: Socket = ("10.0.0.9", 5060)
FAR_CALLEE: Socket = ("10.0.1.9", 5060)
STRICT_HOP: Socket = ("10.0.0.2", 5060)

ALICE = Party("alice", CALLER[0])
BOB = Party("bob", CALLEE[0], device=DEVICES[1])
FAR_BOB = Party("bob", FAR_CALLEE[0], device=DEVICES[1])
TAGS = ("a1ce7f3e", "b0b4c2d8")


@dataclass(frozen=True, slots=True)
class Packet:
    """An IP packet on the proxy's network.

    :param delay: microseconds since the packet before.
    :param sent: the proxy sent it.
    :param caught: how many bytes of the frame are in the capture, if not all.
    """

    data: bytes
    delay: int = 0
    sent: bool = False
    caught: int | None = None


@dataclass
class Scene:
    """The packets of one capture, in order.

    :param proxies: the proxy's addresses.
    """

    proxies: tuple[str, ...] = (PROXY[0], SECOND[0])
    packets: list[Packet] = field(default_factory=list)

    def add(self, data: bytes, delay: int = 20_137, sent: bool = False, caught: int | None = None) -> None:
        """Put an IP packet at the end."""
        self.packets.append(Packet(data, delay, sent, caught))

    def send(self, source: Socket, destination: Socket, message: bytes, delay: int = 20_137) -> None:
        """Put a datagram at the end."""
        packet = Flow(source, destination).packet(message, 0x1000 + len(self.packets))
        self.add(packet, delay, sent=source[0] in self.proxies)

    def play(self, packets: Iterable[bytes], delay: int = 20_137) -> None:
        """Put IP packets at the end that belong together: only the first one lets wait."""
        for number, packet in enumerate(packets):
            self.add(packet, 211 if number else delay, sent=str(addresses(packet)[0]) in self.proxies)


def seen(party: Party, branch: str, host: str | None = None, port: int = 5060) -> tuple[str]:
    """The Via of a telephone's request as the proxy leaves it in the response."""
    return (party.via(branch, f";rport={port};received={host or party.host.strip('[]')}"),)


def caller_leg(scene: Scene, dialog: Dialog, caller: Socket, proxy: Socket, routes: Sequence[Sequence[str]] = ()) -> None:
    """A call until it is answered, a re-INVITE, all on the caller's leg.

    :param routes: how the ACK, the re-INVITE and its ACK write the route set; one value a line if not given.
    """
    ack, again, second_ack = routes or [dialog.routes] * 3
    alice, bob, who = dialog.caller, dialog.callee, caller[0]
    scene.send(caller, proxy, dialog.request("INVITE", 1, "a0001", uri=bob.address_of_record, early=True, body=alice.sdp(40000)))
    scene.send(proxy, caller, dialog.response("100 Trying", "INVITE", 1, seen(alice, "a0001", who, caller[1])), 1_204)
    scene.send(proxy, caller, dialog.response("180 Ringing", "INVITE", 1, seen(alice, "a0001", who, caller[1])), 90_551)
    scene.send(proxy, caller, dialog.response("200 OK", "INVITE", 1, seen(alice, "a0001", who, caller[1]), body=bob.sdp(50000)), 2_400_318)
    scene.send(caller, proxy, dialog.request("ACK", 1, "a0002", routes=ack))
    scene.send(caller, proxy, dialog.request("INVITE", 2, "a0003", routes=again, body=alice.sdp(40000, 2)), 5_000_021)
    scene.send(proxy, caller, dialog.response("200 OK", "INVITE", 2, seen(alice, "a0003", who, caller[1]), body=bob.sdp(50000, 2)))
    scene.send(caller, proxy, dialog.request("ACK", 2, "a0004", routes=second_ack))


def callee_hangs_up(scene: Scene, dialog: Dialog, callee: Socket, proxy: Socket) -> None:
    """The callee's BYE on the callee's leg, and its answer."""
    scene.send(callee, proxy, dialog.request("BYE", 1, "b0001", routes=dialog.record_routes, by_callee=True), 8_123_456)
    scene.send(proxy, callee, dialog.response("200 OK", "BYE", 1, seen(dialog.callee, "b0001"), by_caller=True))


def short_call() -> Scene:
    """One call by way of the proxy, which has recorded one route; the callee hangs up."""
    scene = Scene()
    dialog = Dialog(ALICE, BOB, "short-call-1@10.0.0.5", TAGS, (f"<sip:10.0.0.1;lr;ftag={TAGS[0]}>",))
    caller_leg(scene, dialog, CALLER, PROXY)
    callee_hangs_up(scene, dialog, CALLEE, PROXY)
    return scene


def short_call_ipv6() -> Scene:
    """The same over IPv6; the URIs' addresses are in brackets, and written in more than one way."""
    alice = Party("alice", "[2001:db8::5]")
    bob = Party("bob", "[2001:db8::9]", device=DEVICES[1])
    caller, callee, proxy = ("2001:db8::5", 5060), ("2001:db8::9", 5060), ("2001:db8::1", 5060)
    scene = Scene((proxy[0],))
    dialog = Dialog(alice, bob, "ipv6-call-1@2001-db8--5", TAGS, (f"<sip:[2001:db8::1];lr;ftag={TAGS[0]}>",))
    spelled_out = f"<sip:[2001:0DB8:0:0:0:0:0:1]:5060;lr;ftag={TAGS[0]}>"
    caller_leg(scene, dialog, caller, proxy, [dialog.routes, [spelled_out], dialog.routes])
    callee_hangs_up(scene, dialog, callee, proxy)
    return scene


def two_routes() -> Scene:
    """Calls with two Record-Routes: from one network to another, and from UDP to TCP.

    The two Routes come on two lines, on one, and on one that is folded.
    """
    scene = Scene()
    for number, (outer, callee) in enumerate((("10.0.1.1", FAR_CALLEE), ("10.0.0.1;transport=tcp", CALLEE))):
        tags = f"{TAGS[0]}{number}", f"{TAGS[1]}{number}"
        bob = FAR_BOB if callee is FAR_CALLEE else Party("bob", CALLEE[0], device=DEVICES[1], transport="TCP")
        recorded = f"<sip:{outer};r2=on;lr;ftag={tags[0]}>", f"<sip:10.0.0.1;r2=on;lr;ftag={tags[0]}>"
        dialog = Dialog(ALICE, bob, f"two-routes-{number}@10.0.0.5", tags, recorded)
        shapes = [dialog.routes, [",".join(dialog.routes)], [" ,\r\n ".join(dialog.routes)]]
        caller_leg(scene, dialog, CALLER, PROXY, shapes)
        if callee is FAR_CALLEE:
            callee_hangs_up(scene, dialog, FAR_CALLEE, SECOND)
        else:
            scene.send(CALLER, PROXY, dialog.request("BYE", 3, "a0005", routes=dialog.routes), 8_123_456)
            scene.send(PROXY, CALLER, dialog.response("200 OK", "BYE", 3, seen(ALICE, "a0005")))
    return scene


def strict_routers() -> Scene:
    """In-dialog requests where a neighbour routes strictly (RFC 2543): it came with the proxy as request URI, or it goes on so."""
    scene = Scene()
    near, far = f"sip:10.0.0.1;lr;ftag={TAGS[0]}", f"<{FAR_BOB.contact}>"
    pair = f"sip:10.0.0.1;r2=on;lr;ftag={TAGS[0]}", f"<sip:10.0.1.1;r2=on;lr;ftag={TAGS[0]}>"
    requests: list[tuple[Socket, str | None, tuple[str, ...]]] = [
        (STRICT_HOP, near, (far,)),  # from a strict router: the remote target is the last Route
        (STRICT_HOP, near, ("<sip:10.0.0.3;lr>", far)),  # and a loose router comes between
        (STRICT_HOP, near, ("<sip:10.0.0.3>", far)),  # and a strict one does
        (STRICT_HOP, pair[0], (pair[1], far)),  # the proxy recorded two routes
        (CALLER, None, (f"<{near}>", "<sip:10.0.0.2>")),  # on to a strict router
        (CALLER, None, (f"<{near}>", "<sip:10.0.0.2>,<sip:10.0.0.3;lr>")),  # and more beyond it
        (CALLER, None, (f"<{pair[0]}>", pair[1], "<sip:10.0.0.2>")),
    ]
    for number, (source, uri, routes) in enumerate(requests):
        dialog = Dialog(ALICE, FAR_BOB, f"strict-{number}@10.0.0.5", TAGS)
        strict = f"SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK5713{number}"
        vias = (strict, *seen(ALICE, f"a{number}")) if source is STRICT_HOP else ()
        request = dialog.request("INVITE", 2, f"a{number}", uri=uri, routes=routes, vias=vias, body=ALICE.sdp(40000 + 2 * number, 2))
        scene.send(source, PROXY, request, 100_003)
        scene.send(source, PROXY, dialog.request("ACK", 2, f"c{number}", uri=uri, routes=routes), 50_001)
        scene.send(source, PROXY, dialog.request("BYE", 3, f"d{number}", uri=uri, routes=routes), 900_007)
    return scene


def preloaded_routes() -> Scene:
    """Initial requests that come with Routes already: the proxy alone, the proxy and beyond, with a user, and one not for the proxy."""
    scene = Scene()
    sets = (
        ("<sip:10.0.0.1;lr>",),
        ("<sip:10.0.0.1;lr>", "<sip:10.0.0.2;lr>"),
        ("<sip:orig@10.0.0.1:5060;lr>,<sip:10.0.0.2:5070;lr;transport=udp>",),
        ("<sip:10.0.0.2;lr>", "<sip:10.0.0.1;lr>"),
        ("<sip:proxy.example.com;lr>",),
    )
    for number, routes in enumerate(sets):
        dialog = Dialog(ALICE, BOB, f"preloaded-{number}@10.0.0.5", (f"{TAGS[0]}{number}", TAGS[1]))
        uri, body = BOB.address_of_record, ALICE.sdp(40000 + 2 * number)
        scene.send(CALLER, PROXY, dialog.request("INVITE", 1, f"a{number}", uri=uri, routes=routes, early=True, body=body), 500_009)
        scene.send(CALLER, PROXY, dialog.request("MESSAGE", 2, f"b{number}", uri=uri, routes=routes, early=True), 200_003)
    return scene


def nated_caller() -> Scene:
    """A caller behind a NAT: contact and Via are private, the datagrams come from the NAT's address.

    The proxy is behind a NAT of its own: it listens on 10.0.0.1 and says 198.51.100.10.
    """
    scene = Scene()
    alice = Party("alice", "192.168.1.20")
    nat = ("203.0.113.7", 40123)
    dialog = Dialog(alice, BOB, "nat-call-1@192.168.1.20", TAGS, (f"<sip:198.51.100.10;lr;ftag={TAGS[0]};nat=yes>",))
    caller_leg(scene, dialog, nat, PROXY)
    scene.send(nat, PROXY, b"\r\n\r\n", 3_000_001)  # keeps the NAT's binding open (RFC 5626, 3.5.1)
    scene.send(PROXY, nat, b"\r\n", 903)
    callee_hangs_up(scene, dialog, CALLEE, PROXY)
    return scene


def passing_by() -> Scene:
    """What a tap sees beside whole SIP requests: fragments, voice, keep-alives, a cut-off frame, a datagram without a checksum."""
    scene = Scene()
    dialog = Dialog(ALICE, BOB, "passing-by-1@10.0.0.5", TAGS, (f"<sip:10.0.0.1;lr;ftag={TAGS[0]}>",))
    flow = Flow(CALLER, PROXY)

    def bye(number: int) -> bytes:
        return dialog.request("BYE", number, f"a{number}", routes=dialog.routes)

    scene.send(CALLER, PROXY, bye(3))
    for fragment in flow.fragments(dialog.request("INVITE", 4, "a4", routes=dialog.routes, body=ALICE.sdp(40000)), 0x2001, 512):
        scene.add(fragment, 41)
    for number in range(3):
        rtp = struct.pack("!BBHII", 0x80, 8, number, 160 * number, 0xCAFEBABE)
        scene.send((CALLER[0], 40000), (PROXY[0], 20000), rtp + b"\xd5" * 160)
    scene.send(CALLER, PROXY, b"\r\n\r\n")
    scene.send(CALLER, PROXY, b"\0")
    scene.send(CALLER, PROXY, b"hello, SIP/2.0\r\n\r\n")
    scene.add(flow.packet(bye(5), 0x2002), caught=200)
    packet = bytearray(flow.packet(bye(6), 0x2003))
    packet[26:28] = b"\0\0"  # no UDP checksum, which IPv4 allows (RFC 768)
    scene.add(bytes(packet))
    scene.send(CALLER, ("10.0.0.7", 5060), bye(7))  # SIP that the proxy's tap sees, yet is not for the proxy
    scene.send(CALLER, PROXY, bye(8))
    return scene


def dialects() -> Scene:
    """Requests on which OpenSIPS and Kamailio disagree, with one first on which they do not."""
    scene = Scene()
    dialog = Dialog(ALICE, BOB, "dialects-1@10.0.0.5", TAGS, (f"<sip:10.0.0.1;lr;ftag={TAGS[0]}>",))
    routes = (
        dialog.routes,
        ("<sip:10.0.0.1;transport=tcp;lr>",),
        (*dialog.routes, "<sip:bob@10.0.0.2;user=phone;lr>"),
        ("<sip:10.0.0.1;maddr=10.0.0.2;lr>",),
        ("<sip:10.0.0.1;lr;gr>",),
    )
    for number, values in enumerate(routes, 1):
        scene.send(CALLER, PROXY, dialog.request("INFO", number, f"a000{number}", routes=values))
    scene.send(CALLEE, PROXY, dialog.request("NOTIFY", 7, "b0007", routes=dialog.routes, by_callee=True))
    return scene
