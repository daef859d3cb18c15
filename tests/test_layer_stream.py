"""SIP out of TCP streams, through Scapy's own reassembly."""

from typing import Any

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.sendrecv import sniff
from scapy.sessions import TCPSession

from scapy_rr.layer import SIP, bind_any_port
from scapy_rr.layer_stream import first_end

from .layer_messages import BARE, INVITE, MESSAGES, RINGING

# What comes, whether a segment begins there, whether it is the last, and where the first message ends.
ENDS = [
    (BARE, True, False, len(BARE)),
    (BARE + BARE, True, False, len(BARE)),
    (b"\r\n" + BARE, False, False, len(BARE) + 2),
    (BARE[:-1], True, False, None),
    (BARE[:-1], True, True, len(BARE) - 1),
    (b"BY", True, False, None),
    (b"SIP/2", True, False, None),
    (b"\r\n\r\n", True, False, 4),
    (b"\r\n", False, False, None),
    (b"", True, True, None),
    (b"\x16\x03", True, False, 2),
    (b"a=b\r\n", True, False, 5),
    (BARE + b"BYE sip:a SIP/2.0\r\nx\r\n\r\n", True, False, len(BARE)),
    (b"BYE sip:a SIP/2.0\r\nx\r\n\r\n", True, False, 24),
]


@pytest.mark.parametrize(("data", "new", "last", "end"), ENDS)
def test_the_first_end(data: bytes, new: bool, last: bool, end: int | None) -> None:
    assert first_end(data, new, last) == end


def segments(*payloads: bytes, ports: tuple[int, int] = (40000, 5060), fin: bool = False) -> list[Any]:
    """One direction of a TCP connection, as it comes from the wire."""
    packets, seq = [], 1000
    for i, payload in enumerate(payloads, 1):
        flags = "FPA" if fin and i == len(payloads) else "PA"
        segment = TCP(sport=ports[0], dport=ports[1], seq=seq, ack=1, flags=flags) / Raw(payload)
        packets.append(Ether(bytes(Ether() / IP(src="10.0.0.5", dst="10.0.0.1") / segment)))
        seq += len(payload)
    return packets


def reassembled(*payloads: bytes, **how: Any) -> list[Any]:
    """What follows TCP in each packet that TCPSession hands out."""
    return [p[TCP].payload for p in sniff(offline=segments(*payloads, **how), session=TCPSession, quiet=True)]


def messages_in(packets: list[Any]) -> list[bytes]:
    """The messages in reassembled packets, each up to where the next begins."""
    found = []
    for packet in packets:
        for layer in packet.iterpayloads():
            if isinstance(layer, SIP):
                found.append(b"")
            found[-1] += layer.self_build()
    return found


@pytest.mark.parametrize("data", [INVITE, RINGING, BARE, MESSAGES["lone line feeds"]], ids=["INVITE", "180", "BYE", "lone line feeds"])
def test_tcp_in_every_way_of_cutting(data: bytes) -> None:
    for size in (1, 2, 7, 100, len(data)):
        packets = reassembled(*(data[i : i + size] for i in range(0, len(data), size)))
        assert [bytes(p) for p in packets] == [data]
        assert isinstance(packets[0], SIP)


def test_tcp_with_several_messages_in_a_segment() -> None:
    everything = [INVITE, RINGING, BARE, INVITE]
    stream = b"".join(everything)
    assert messages_in(reassembled(stream)) == everything
    for cut in range(1, len(stream)):
        assert messages_in(reassembled(stream[:cut], stream[cut:])) == everything
    assert reassembled(INVITE + BARE)[0].summary() == "SIP INVITE sip:bob@example.com / SDP / SIP BYE sip:a"


def test_tcp_on_any_port() -> None:
    bind_any_port()
    try:
        packets = reassembled(INVITE + RINGING[:30], RINGING[30:50], RINGING[50:], ports=(40000, 5555))
    finally:
        bind_any_port(False)
    assert messages_in(packets) == [INVITE, RINGING]


def test_tcp_keepalives() -> None:
    ping, message = reassembled(b"\r\n\r\n", BARE)
    assert ping == Raw(b"\r\n\r\n")
    assert bytes(message) == BARE
    # Behind a message they are no body of it: they go before the next.
    assert messages_in(reassembled(INVITE + b"\r\n", BARE)) == [INVITE, b"\r\n" + BARE]


def test_tcp_that_is_no_sip() -> None:
    # The capture begins inside a body.
    rest, message = reassembled(b"c=IN IP4 10.0.0.5\r\n\r\n", BARE)
    assert rest == Raw(b"c=IN IP4 10.0.0.5\r\n\r\n")
    assert bytes(message) == BARE
    tls = b"\x16\x03\x01\x02\x00\x01"
    assert reassembled(tls, tls) == [Raw(tls), Raw(tls)]
    malformed = b"OPTIONS sip:a SIP/2.0\r\nVia x\r\n\r\n"
    assert reassembled(malformed) == [Raw(malformed)]
    # A message before the fault is not lost with it.
    assert [bytes(p) for p in reassembled(BARE + malformed)] == [BARE + malformed]
    assert SIP in reassembled(BARE + malformed)[0]
    endless = b"OPTIONS sip:a SIP/2.0\r\nX: " + b"x" * 70_000
    assert [p.layers() for p in reassembled(endless[:40_000], endless[40_000:])] == [[Raw]]


def test_tcp_that_ends_inside_a_message() -> None:
    assert [bytes(p) for p in reassembled(INVITE[:50], INVITE[50:-5], fin=True)] == [INVITE[:-5]]
    assert reassembled(INVITE[:40]) == []


def test_tcp_flows_of_the_same_xor_do_not_meet() -> None:
    def flow(source: str, target: str, payload: bytes, seq: int) -> Any:
        packet = Ether() / IP(src=source, dst=target) / TCP(sport=5060, dport=5060, seq=seq, flags="PA") / Raw(payload)
        return Ether(bytes(packet))

    one, other = ("10.0.0.1", "10.0.0.2"), ("10.0.0.5", "10.0.0.6")
    mixed = [flow(*one, INVITE[:50], 1), flow(*other, BARE[:20], 1), flow(*one, INVITE[50:], 51), flow(*other, BARE[20:], 21)]
    assert [bytes(p[SIP]) for p in sniff(offline=mixed, session=TCPSession, quiet=True)] == [INVITE, BARE]
