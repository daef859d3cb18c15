"""Captures that end too early or go on with nonsense: what is whole is routed and written. And any bytes at all are survived."""

import gzip
import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scapy_rr.capture.place import Emit
from scapy_rr.errors import CaptureError

from .samples import VOICE, arriving, enhanced, frame, interface, leaving, old_packet, pcap, records, rewritten, router, section, simple

# Of small records, so that there is a cut at every one of their bytes, and of two that are routed.
CAME = [b"a", arriving(1), b"", arriving(2), b"bcd"]
LEFT = [b"a", leaving(1), b"", leaving(2), b"bcd"]


def whole(parts: list[bytes], cut: int) -> int:
    """How many of the parts are whole in the first ``cut`` bytes of them all."""
    lengths = [sum(map(len, parts[: number + 1])) for number in range(len(parts))]
    return sum(length <= cut for length in lengths)


def check(folder: Path, head: bytes, came: list[bytes], left: list[bytes], cut: int) -> None:
    """A capture of the records ``came`` that is cut behind its first ``cut`` bytes gives the records ``left`` as far as they are whole."""
    done = rewritten(folder, (head + b"".join(came))[:cut])
    number = whole([head, *came], cut) - 1
    assert done.data == head + b"".join(left[:number])
    end = len(head) + sum(map(len, came[:number]))
    assert done.summary.cut.endswith(f"at byte {end}") == (cut != end)


def cuts(records: list[bytes]) -> list[int]:
    """Every byte of a small record and of a large one's header, every 13th of the rest."""
    found, at = [], 0
    for record in records:
        found += [at + byte for byte in range(len(record)) if byte < 36 or byte % 13 == 0 or byte > len(record) - 6]
        at += len(record)
    return [*found, at]


@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_pcap_file_cut_at_any_byte(tmp_path: Path, endian: str) -> None:
    head = pcap([], endian)
    came, left = ([pcap([one], endian)[24:] for one in frames] for frames in (CAME, LEFT))
    for cut in cuts(came):
        check(tmp_path, head, came, left, len(head) + cut)


@pytest.mark.parametrize("endian", ["<", ">"])
def test_a_pcapng_file_cut_at_any_byte(tmp_path: Path, endian: str) -> None:
    head = section(endian)

    def blocks(frames: list[bytes]) -> list[bytes]:
        one, two, three, four, five = frames
        first = [interface(1, 0, endian), simple(one, endian), enhanced(two, endian=endian)]
        return [*first, old_packet(three, endian=endian), enhanced(four, endian=endian), simple(five, endian)]

    came, left = blocks(CAME), blocks(LEFT)
    for cut in cuts(came):
        check(tmp_path, head, came, left, len(head) + cut)


def test_a_packed_file_that_is_cut(tmp_path: Path) -> None:
    """What its bytes still tell is routed; a flipped bit ends it, too."""
    data = pcap([arriving(number) for number in range(2000)])
    wanted = records(pcap([leaving(number) for number in range(2000)]))
    packed = gzip.compress(data, 1)
    flipped = bytearray(packed)
    flipped[len(packed) // 2] ^= 0x55
    for broken in (packed[: len(packed) // 2], packed[:-9], packed[:-3], bytes(flipped)):
        done = rewritten(tmp_path, broken)
        found = records(done.data)
        assert len(found) > 500
        assert found[:500] == wanted[:500]
        assert len(found) <= 2000
        assert done.summary.cut


@pytest.mark.parametrize("length", [0x0100_0001, 0x7FFF_FFFF, 0xFFFF_FFFF])
def test_an_absurd_length_behind_good_frames(tmp_path: Path, length: int) -> None:
    good = pcap(CAME)
    done = rewritten(tmp_path, good + struct.pack("<IIII", 1, 2, length, length) + bytes(1000))
    assert done.data == pcap(LEFT)
    assert done.summary.cut.endswith(f"a record of {length} bytes, at byte {len(good)}")


def test_a_bad_block_behind_good_frames(tmp_path: Path) -> None:
    head = section() + interface()
    for bad in (struct.pack("<III", 6, 12, 12), struct.pack("<IIII", 0x0A0D0D0A, 28, 0, 0) + bytes(12), struct.pack("<III", 9, 13, 13)):
        for emit in Emit:
            done = rewritten(tmp_path, head + enhanced(arriving()) + bad, emit=emit)
            assert done.data.endswith(enhanced(leaving()))
            assert done.summary.cut.endswith(f"at byte {len(head + enhanced(arriving()))}")


@given(st.binary(max_size=300), st.sampled_from(["", "INVITE sip:a@10.0.0.9 SIP/2.0\r\n", "BYE sip:10.0.0.1;lr SIP/2.0\r\nRoute: "]))
@example(b" SIP/2.0\r\n\r\n", "")
@example(b"\xff \xfe SIP/2.0\n", "")
@example(b'"<sip:10.0.0.1;lr>\r\nTo: x;tag=1\r\nFrom: <a:b>;tag=2\r\n\r\n', "BYE sip:10.0.0.1;lr SIP/2.0\r\nRoute: ")
def test_any_bytes_as_a_message_are_routed_or_left(tmp_path_factory: pytest.TempPathFactory, payload: bytes, start: str) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    came = frame(start.encode() + payload)
    done = rewritten(folder, pcap([came, arriving()]))
    first, second = records(done.data)
    assert second.frame == leaving()
    assert first.frame == came or sum(done.summary.routed.values()) == 2


@settings(max_examples=150)
@given(st.binary(max_size=200), st.integers(0, 4), st.sampled_from(list(Emit)))
def test_any_bytes_as_a_file_give_a_file_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, tail: bytes, start: int, emit: Emit
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    head = [b"", pcap([arriving()]), pcap([], ">"), section() + interface(), section(">") + interface(101, 9, ">") + simple(b"x", ">")][
        start
    ]
    try:
        done = rewritten(folder, head + tail, router(), emit)
    except CaptureError as error:
        assert str(folder) in str(error)
    else:
        assert done.data
        # Done again, there is nothing left to find fault with.
        if not done.summary.routed and emit is Emit.REPLACE:
            assert (head + tail).startswith(done.data)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6), st.booleans(), st.sampled_from(list(Emit)))
def test_flipped_bytes_give_a_file_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[int, int]], pcapng: bool, emit: Emit
) -> None:
    folder = tmp_path_factory.mktemp("any", numbered=True)
    frames = [arriving(1), VOICE, arriving(2)]
    data = bytearray(section() + interface() + b"".join(map(enhanced, frames)) if pcapng else pcap(frames))
    for place, value in flips:
        data[place % len(data)] ^= value
    try:
        summary = rewritten(folder, bytes(data), emit=emit).summary
    except CaptureError as error:
        assert str(folder) in str(error)
    else:
        assert summary.frames <= 200
