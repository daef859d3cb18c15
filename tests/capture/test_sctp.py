"""SIP over SCTP in a capture: what becomes of the packets whose user data is routed. Scapy builds them, and reads what comes out."""

from pathlib import Path
from typing import Any

from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkSACK

from scapy_rr.capture.place import Emit
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.reading import sip_messages

from .samples import Done, bye, pcap, records, rewritten, router

CALLER, PROXY, CALLEE = "10.0.0.5", "10.0.0.1", "10.0.0.9"
ROUTE = "<sip:10.0.0.1;transport=sctp;lr>"
OVER_SCTP = bye(1, (ROUTE,)).replace(b"BYE sip:bob@10.0.0.9:5060", b"BYE sip:bob@10.0.0.9:5060;transport=sctp")
OVER_UDP = bye(2, ("<sip:10.0.0.1;lr;r2=on>", "<sip:10.0.0.1;transport=sctp;lr;r2=on>"))
OTHER = b"OPTIONS sip:10.0.0.1 SIP/2.0\r\n\r\n"


def data(payload: bytes, tsn: int = 1, begins: bool = True, ends: bool = True) -> Any:
    """A DATA chunk."""
    return SCTPChunkData(tsn=tsn, beginning=begins, ending=ends, stream_seq=1, data=payload)


def packet(*chunks: Any) -> bytes:
    """A frame from the caller to the proxy."""
    made = Ether(src="02:00:00:00:00:05", dst="02:00:00:00:00:01") / IP(src=CALLER, dst=PROXY, id=7) / SCTP(sport=5060, dport=5060, tag=9)
    for chunk in chunks:
        made /= chunk
    return bytes(made)


def done(folder: Path, *frames: bytes, emit: Emit = Emit.REPLACE) -> Done:
    """What comes out of a capture."""
    return rewritten(folder, pcap(frames), router("sctp:10.0.0.1:5060", "udp:10.0.0.1:5060"), emit)


def told(frame: bytes) -> tuple[str, str, list[tuple[int, bytes]]]:
    """Where a packet goes, and its user data by TSN; its checksum has to be right."""
    read = Ether(frame)
    assert bytes(Ether(bytes(_without_checksums(read)))) == frame
    chunks, layer = [], read[SCTP].payload
    while layer:
        if isinstance(layer, SCTPChunkData):
            chunks.append((layer.tsn, bytes(layer.data)[: layer.len - 16]))
        layer = layer.payload
    return read[IP].src, read[IP].dst, chunks


def _without_checksums(read: Any) -> Any:
    made = read.copy()
    del made[IP].chksum, made[IP].len, made[SCTP].chksum
    return made


def test_a_message_leaves_to_the_next_hop_in_its_own_packet(tmp_path: Path) -> None:
    (kept,) = records(done(tmp_path, packet(data(OVER_SCTP))).data)
    assert told(kept.frame) == (PROXY, CALLEE, [(1, OVER_SCTP.replace(b"Route: <sip:10.0.0.1;transport=sctp;lr>\r\n", b""))])


def test_what_else_is_in_its_packet_stays(tmp_path: Path) -> None:
    frames = [kept.frame for kept in records(done(tmp_path, packet(SCTPChunkSACK(cumul_tsn_ack=5), data(OVER_SCTP), data(OTHER, 2))).data)]
    stayed, left = map(told, frames)
    assert stayed == (CALLER, PROXY, [(2, OTHER)])
    assert Ether(frames[0])[SCTPChunkSACK].cumul_tsn_ack == 5
    assert left[:2] == (PROXY, CALLEE)
    assert [tsn for tsn, _ in left[2]] == [1]


def test_a_message_in_fragments_stays_in_as_many(tmp_path: Path) -> None:
    """Each fragment's chunk goes with its flags and TSN; what came between stays between."""
    parts = OVER_SCTP[:200], OVER_SCTP[200:300], OVER_SCTP[300:]
    first, second, third = (data(part, tsn, tsn == 1, tsn == 3) for tsn, part in enumerate(parts, 1))
    came = packet(first), packet(third), packet(SCTPChunkSACK()), packet(second)
    result = done(tmp_path, *came)
    frames = [kept.frame for kept in records(result.data)]
    assert frames[0] == came[2]
    found = [told(frame) for frame in frames[1:]]
    assert {one[:2] for one in found} == {(PROXY, CALLEE)}
    chunks = [chunk for one in found for chunk in one[2]]
    assert [(tsn, len(part)) for tsn, part in chunks[:2]] == [(1, 200), (2, 100)]
    assert b"".join(part for _, part in chunks) == OVER_SCTP.replace(b"Route: <sip:10.0.0.1;transport=sctp;lr>\r\n", b"")
    assert result.summary.routed == {"loose to loose": 1}


def test_a_message_that_leaves_over_udp(tmp_path: Path) -> None:
    (kept,) = records(done(tmp_path, packet(data(OVER_UDP))).data)
    read = Ether(kept.frame)
    assert (read[IP].src, read[IP].dst, read[IP].proto) == (PROXY, CALLEE, 17)
    assert b"Route:" not in kept.frame
    assert kept.frame.endswith(b"\r\n\r\n")


def test_a_repeated_chunk_becomes_of_what_became_of_it_before(tmp_path: Path) -> None:
    """The association's retransmission of what was sent on is taken out, too."""
    result = done(
        tmp_path, packet(data(OVER_SCTP)), packet(SCTPChunkSACK(), data(OVER_SCTP)), packet(data(OTHER, 2)), packet(data(OTHER, 2))
    )
    frames = [kept.frame for kept in records(result.data)]
    assert [told(frame)[2] for frame in frames[1:]] == [[], [(2, OTHER)], [(2, OTHER)]]
    assert sum(result.summary.routed.values()) == 1


def test_both_frames(tmp_path: Path) -> None:
    came = packet(data(OVER_SCTP))
    frames = [kept.frame for kept in records(done(tmp_path, came, emit=Emit.APPEND).data)]
    assert frames[0] == came
    assert told(frames[1])[:2] == (PROXY, CALLEE)


def test_what_never_becomes_whole_is_copied_and_counted(tmp_path: Path) -> None:
    came = packet(data(OVER_SCTP[:200], 1, True, False)), packet(data(b"", 7)), packet()[:-2]
    result = done(tmp_path, *came)
    assert [kept.frame for kept in records(result.data)] == list(came)
    assert result.summary.given_up == {
        "SCTP chunks given up: the rest of the message did not come": 1,
        "SCTP chunks given up: without user data": 1,
    }


def test_where_a_message_came_from(tmp_path: Path) -> None:
    """Its frames are all of those that carried it."""
    path = tmp_path / "in.pcap"
    path.write_bytes(
        pcap([packet(data(OVER_SCTP[:200], 1, True, False)), packet(SCTPChunkSACK()), packet(data(OVER_SCTP[200:], 2, False))])
    )
    with Capture(path) as capture:
        (one,) = sip_messages(capture)
    assert (one.transport, one.source, one.destination) == ("sctp", (bytes([10, 0, 0, 5]), 5060), (bytes([10, 0, 0, 1]), 5060))
    assert (one.number, one.frames, one.data, one.kind) == (3, (1, 3), OVER_SCTP, "BYE")
