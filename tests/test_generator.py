"""The generated captures: the same from the same seed, right in every length and checksum, and in the promised proportions."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from scapy.utils import PcapReader, RawPcapReader

from .generator import LISTENER, PROXY, RTP_PAYLOAD, mixed_capture, sip_only_capture
from .pcapmaker.frames import Flow, words_sum
from .pcapmaker.rebuild import rebuilt

UDP_PAYLOAD = 14 + 20 + 8


def frames_of(path: Path) -> list[bytes]:
    """All frames of a capture."""
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


@pytest.fixture(scope="module")
def sip_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SIP-only capture of 6000 frames."""
    path = tmp_path_factory.mktemp("generated") / "sip.pcap"
    assert sip_only_capture(path, frames=6000) == 6000
    return path


def test_the_same_seed_makes_the_same_bytes(tmp_path: Path) -> None:
    """And another seed makes others."""
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        sip_only_capture(tmp_path / f"sip-{name}", frames=500, seed=seed)
        mixed_capture(tmp_path / f"mixed-{name}", sip_messages=20, seed=seed)
    for kind in ("sip", "mixed"):
        a, b, c = ((tmp_path / f"{kind}-{name}").read_bytes() for name in "abc")
        assert a == b != c


def test_scapy_computes_the_same_lengths_and_checksums(sip_only: Path, tmp_path: Path) -> None:
    """Of frames whose payloads are odd and even, SIP and RTP."""
    mixed = tmp_path / "mixed.pcap"
    mixed_capture(mixed, sip_messages=20)
    for path, count in ((sip_only, 600), (mixed, 420)):
        with PcapReader(str(path)) as reader:
            packets = reader.read_all(count)
        assert len(packets) == count
        for packet in packets:
            assert rebuilt(packet) == packet.original


def test_a_third_are_in_dialog_requests_with_a_route_to_the_proxy(sip_only: Path) -> None:
    """Sent to its listener, as all requests are."""
    frames = frames_of(sip_only)
    proxy_socket = bytes(int(part) for part in PROXY[0].split("."))
    assert f"udp:{PROXY[0]}:{PROXY[1]}" == LISTENER
    routed = 0
    for frame in frames:
        message = frame[UDP_PAYLOAD:]
        if message.startswith(b"SIP/2.0 "):
            continue
        assert frame[30:34] == proxy_socket and int.from_bytes(frame[36:38], "big") == PROXY[1]
        if b"\r\nRoute: <sip:10.0.0.1" in message:
            routed += 1
            assert b";tag=" in message.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0]
        else:
            assert message.split(b" ")[0] in (b"INVITE", b"REGISTER", b"OPTIONS")
    assert routed / len(frames) == pytest.approx(1 / 3, abs=0.005)


def test_messages_look_like_those_of_telephones(sip_only: Path) -> None:
    """Right Content-Length, about a dozen headers, 300 to 1000 bytes, and every kind of message there is in a call."""
    kinds: Counter[bytes] = Counter()
    for frame in frames_of(sip_only):
        message = frame[UDP_PAYLOAD:]
        head, _, body = message.partition(b"\r\n\r\n")
        lines = head.split(b"\r\n")
        kinds[lines[0].split(b" ")[1 if lines[0].startswith(b"SIP/2.0") else 0]] += 1
        assert int(dict(line.split(b": ", 1) for line in lines[1:])[b"Content-Length"]) == len(body)
        assert 280 <= len(message) <= 1000
        assert 7 <= len(lines) - 1 <= 18
    assert set(kinds) == {b"INVITE", b"ACK", b"BYE", b"REGISTER", b"OPTIONS", b"100", b"180", b"200"}


def test_mixed_has_twenty_rtp_frames_to_a_sip_message(tmp_path: Path) -> None:
    """Each after its SIP message, all of one size."""
    path = tmp_path / "mixed.pcap"
    assert mixed_capture(path, sip_messages=50) == 50 * 21
    for place, frame in enumerate(frames_of(path)):
        payload = frame[UDP_PAYLOAD:]
        assert (payload[:2] == b"\x80\0" and len(payload) == RTP_PAYLOAD + 12) == bool(place % 21)


def test_times_only_grow(sip_only: Path) -> None:
    """By less than a second each."""
    with RawPcapReader(str(sip_only)) as reader:
        times = [metadata.sec * 1_000_000 + metadata.usec for _, metadata in reader]
    assert all(0 < after - before < 1_000_000 for before, after in pairwise(times))


def test_words_sum() -> None:
    """Odd data is padded at its end."""
    assert words_sum(b"") == 0
    assert words_sum(b"\x01") == 0x0100
    assert words_sum(b"\x01\x02\x03\x04") == 0x0406
    assert words_sum(b"\xff\xff") == 0


def test_computed_zeros() -> None:
    """A UDP checksum of 0 is sent as 0xFFFF, an IPv4 header checksum of 0 stays 0."""
    flow = Flow(("10.0.0.5", 5060), ("10.0.0.1", 5060))
    udp_free = int.from_bytes(flow.datagram(b"\0\0")[6:8], "big")
    assert flow.datagram(udp_free.to_bytes(2, "big"))[6:8] == b"\xff\xff"
    ip_free = int.from_bytes(flow.packet(b"", 0)[10:12], "big")
    assert flow.packet(b"", ip_free)[10:12] == b"\0\0"


def test_two_families_make_no_flow() -> None:
    """IPv4 does not talk to IPv6."""
    with pytest.raises(ValueError, match="different families"):
        Flow(("10.0.0.5", 5060), ("2001:db8::1", 5060))
