"""SIP over SCTP (RFC 4168) for the generated captures: an association from its set-up to its end. Scapy builds the packets.

It shares no code with ``scapy_rr.wire``.
"""

from dataclasses import dataclass, field

from scapy.layers.inet import IP
from scapy.layers.sctp import (
    SCTP,
    SCTPChunkCookieAck,
    SCTPChunkCookieEcho,
    SCTPChunkData,
    SCTPChunkHeartbeatAck,
    SCTPChunkHeartbeatReq,
    SCTPChunkInit,
    SCTPChunkInitAck,
    SCTPChunkParamHeartbeatInfo,
    SCTPChunkParamStateCookie,
    SCTPChunkSACK,
    SCTPChunkShutdown,
    SCTPChunkShutdownAck,
    SCTPChunkShutdownComplete,
)
from scapy.packet import Packet as Chunk

from .messages import DEVICES, Dialog, Party
from .scenes import CALLEE, CALLER, PROXY, TAGS, Scene, Socket, seen

_WINDOW = 106496
_COOKIE = bytes(range(64))


@dataclass
class Peer:
    """One end of an association.

    :param tag: what the other end puts into every packet to this one.
    :param tsn: of the next DATA chunk from here.
    :param unordered: how it sends its messages.
    """

    socket: Socket
    tag: int
    tsn: int
    unordered: bool
    ssn: int = 0
    packets: int = 0
    other: "Peer" = field(init=False, repr=False)

    def chunks(self, message: bytes, most: int = 1400) -> list[Chunk]:
        """The DATA chunks of a message, with at most ``most`` bytes of it each."""
        parts = [message[at : at + most] for at in range(0, len(message), most)]
        made = []
        for number, part in enumerate(parts):
            flags = {"unordered": int(self.unordered), "beginning": int(number == 0), "ending": int(number == len(parts) - 1)}
            made.append(SCTPChunkData(tsn=self.tsn, stream_seq=0 if self.unordered else self.ssn, data=part, **flags))
            self.tsn = (self.tsn + 1) % 2**32
        self.ssn += 1
        return made

    def sack(self) -> Chunk:
        """All that came is acknowledged."""
        return SCTPChunkSACK(cumul_tsn_ack=(self.other.tsn - 1) % 2**32, a_rwnd=_WINDOW)


class Association:
    """An association, whose packets go into a scene.

    :param client: sets it up.
    """

    def __init__(self, scene: Scene, client: Peer, server: Peer) -> None:
        self.scene, self.client, self.server = scene, client, server
        client.other, server.other = server, client

    def send(self, peer: Peer, *chunks: Chunk, delay: int = 20_137, tag: int | None = None) -> None:
        """Put a packet of this end's into the scene."""
        peer.packets += 1
        here, there = peer.socket, peer.other.socket
        packet = IP(src=here[0], dst=there[0], id=0x3000 + peer.packets, flags="DF")
        packet /= SCTP(sport=here[1], dport=there[1], tag=peer.other.tag if tag is None else tag)
        for chunk in chunks:
            packet /= chunk
        self.scene.add(bytes(packet), delay, sent=here[0] in self.scene.proxies)

    def open(self) -> None:
        """Set it up."""
        client, server = self.client, self.server
        streams = {"a_rwnd": _WINDOW, "n_out_streams": 10, "n_in_streams": 10}
        cookie = SCTPChunkParamStateCookie(cookie=_COOKIE)
        self.send(client, SCTPChunkInit(init_tag=client.tag, init_tsn=client.tsn, **streams), tag=0)
        self.send(server, SCTPChunkInitAck(init_tag=server.tag, init_tsn=server.tsn, params=[cookie], **streams), delay=311)
        self.send(client, SCTPChunkCookieEcho(cookie=_COOKIE), delay=127)
        self.send(server, SCTPChunkCookieAck(), delay=204)

    def heartbeat(self, peer: Peer) -> None:
        """Ask whether the other end is there, and its answer."""
        info = SCTPChunkParamHeartbeatInfo(data=b"path 0, 30 s")
        self.send(peer, SCTPChunkHeartbeatReq(params=[info]), delay=3_000_007)
        self.send(peer.other, SCTPChunkHeartbeatAck(params=[info]), delay=198)

    def close(self) -> None:
        """The client shuts it down."""
        self.send(self.client, SCTPChunkShutdown(cumul_tsn_ack=(self.server.tsn - 1) % 2**32), delay=1_000_003)
        self.send(self.server, SCTPChunkShutdownAck(), delay=166)
        self.send(self.client, SCTPChunkShutdownComplete(), delay=92)


def sctp_call() -> Scene:
    """A call on the caller's leg over SCTP: two requests in one packet, one in two, with what else there is in an association.

    The caller sends unordered, as RFC 4168 would have it, with numbers that wrap within one message; the proxy in order.
    """
    scene = Scene()
    caller = Peer(CALLER, tag=0x5EC0CA11, tsn=2**32 - 3, unordered=True)
    proxy = Peer(PROXY, tag=0x9A0C5EED, tsn=1000, unordered=False)
    association = Association(scene, caller, proxy)
    alice, bob = Party("alice", CALLER[0], transport="SCTP"), Party("bob", CALLEE[0], device=DEVICES[1], transport="SCTP")
    dialog = Dialog(alice, bob, "sctp-call-1@10.0.0.5", TAGS, ("<sip:10.0.0.1;transport=sctp;lr>",))

    def request(method: str, number: int, branch: str, body: str = "", most: int = 1400) -> list[Chunk]:
        return caller.chunks(dialog.request(method, number, branch, routes=dialog.routes, body=body), most)

    def response(status: str, method: str, number: int, branch: str, body: str = "") -> list[Chunk]:
        return proxy.chunks(dialog.response(status, method, number, seen(alice, branch), body=body))

    association.open()
    first = dialog.request("INVITE", 1, "a0001", uri=bob.address_of_record, early=True, body=alice.sdp(40000))
    association.send(caller, *caller.chunks(first))
    # Acknowledged along with two messages.
    association.send(proxy, proxy.sack(), *response("100 Trying", "INVITE", 1, "a0001"), *response("180 Ringing", "INVITE", 1, "a0001"))
    association.send(caller, caller.sack(), delay=200_013)
    association.send(proxy, *response("200 OK", "INVITE", 1, "a0001", bob.sdp(50000)), delay=2_400_318)
    association.send(caller, caller.sack(), *request("ACK", 1, "a0002"))
    association.send(proxy, proxy.sack(), delay=200_009)
    association.heartbeat(proxy)
    beginning, end = request("INVITE", 2, "a0003", alice.sdp(40000, 2), most=600)
    association.send(caller, beginning)
    association.send(caller, end, delay=31)
    association.send(proxy, proxy.sack(), *response("200 OK", "INVITE", 2, "a0003", bob.sdp(50000, 2)))
    association.send(caller, caller.sack(), *request("ACK", 2, "a0004"), *request("INFO", 3, "a0005"))
    association.send(proxy, proxy.sack(), *response("200 OK", "INFO", 3, "a0005"))
    association.send(caller, caller.sack(), delay=200_011)
    association.send(caller, *request("BYE", 4, "a0006"), delay=4_000_037)
    association.send(proxy, proxy.sack(), *response("200 OK", "BYE", 4, "a0006"))
    association.send(caller, caller.sack(), delay=200_003)
    association.close()
    return scene
