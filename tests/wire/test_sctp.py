"""SCTP packets read and built again, against what Scapy builds and what Wireshark makes of it."""

import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkIData
from scapy.packet import Raw
from scapy.utils import RawPcapReader

from scapy_rr.wire.sctp import DATA, I_DATA, Chunk, Packet, UserData, read, rebuild, spread, user_data
from scapy_rr.wire.splice import TooLong

from ..capture.samples import FOREIGN, pcap

HEADER = bytes.fromhex("13c4 13c5 01020304")
SACK = bytes.fromhex("03 00 0010 00000001 0000ffff 0000 0000")


def data(payload: bytes, tsn: int = 1, flags: str = "BE", stream: int = 0, number: int = 0, ppid: int = 0) -> bytes:
    """A DATA chunk with its padding, byte by byte."""
    bits = sum({"U": 4, "B": 2, "E": 1}[flag] for flag in flags)
    return struct.pack(">BBHIHHI", 0, bits, 16 + len(payload), tsn, stream, number, ppid) + payload + bytes(-len(payload) % 4)


def i_data(payload: bytes, tsn: int = 1, flags: str = "BE", stream: int = 0, number: int = 0, either: int = 0) -> bytes:
    """An I-DATA chunk; ``either`` is the PPID, or the FSN."""
    bits = sum({"U": 4, "B": 2, "E": 1}[flag] for flag in flags)
    return struct.pack(">BBHIHHII", 64, bits, 20 + len(payload), tsn, stream, 0, number, either) + payload + bytes(-len(payload) % 4)


def packet(*chunks: bytes, head: bytes = HEADER) -> bytes:
    """A packet with these chunks; Scapy makes its checksum."""
    source, destination, tag = struct.unpack(">HHI", head)
    return bytes(SCTP(sport=source, dport=destination, tag=tag) / Raw(b"".join(chunks)))


def parsed(*chunks: bytes, head: bytes = HEADER) -> Packet:
    found = read(packet(*chunks, head=head))
    assert found
    return found


ONE, TWO = data(b"hello"), data(b"world!", 2)


@pytest.mark.parametrize(
    ("chunks", "expected", "rest"),
    [
        ([], [], 12),
        ([ONE], [(0, 3, 12, 33)], 36),
        ([SACK, ONE, TWO], [(3, 0, 12, 28), (0, 3, 28, 49), (0, 3, 52, 74)], 76),
        # The last one's padding is left out, or half of it.
        ([SACK, ONE[:-3]], [(3, 0, 12, 28), (0, 3, 28, 49)], 49),
        ([SACK, ONE[:-1]], [(3, 0, 12, 28), (0, 3, 28, 49)], 51),
        # A chunk of nothing but its header; one that is cut off; one that is too short for itself; not even a header.
        ([b"\x0b\0\0\4", ONE], [(11, 0, 12, 16), (0, 3, 16, 37)], 40),
        ([ONE, TWO[:-3]], [(0, 3, 12, 33)], 36),
        ([ONE, b"\0\3\0\3", TWO], [(0, 3, 12, 33)], 36),
        ([ONE, b"\0\3\0"], [(0, 3, 12, 33)], 36),
    ],
)
def test_chunks(chunks: list[bytes], expected: list[tuple[int, int, int, int]], rest: int) -> None:
    found = parsed(*chunks)
    assert found == Packet(packet(*chunks), 5060, 5061, 0x01020304, tuple(Chunk(*chunk) for chunk in expected), rest)
    # Nothing is changed where nothing is replaced.
    assert rebuild(found, {}) == (packet(*chunks) if expected else b"")


@pytest.mark.parametrize("length", range(12))
def test_without_a_whole_header_it_is_no_packet(length: int) -> None:
    assert read(packet(ONE)[:length]) is None


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (data(b"hello", 7, "UB", 8, 9, 10), UserData(7, 8, 9, 7, 10, True, True, False, b"hello")),
        (
            data(b"x", 0xFFFFFFFF, "E", 0xFFFF, 0xFFFF, 0xFFFFFFFF),
            UserData(2**32 - 1, 65535, 65535, 2**32 - 1, 2**32 - 1, False, False, True, b"x"),
        ),
        (i_data(b"hello", 7, "BE", 8, 9, 10), UserData(7, 8, 9, 0, 10, False, True, True, b"hello")),
        (i_data(b"hello", 7, "UE", 8, 0x12345, 10), UserData(7, 8, 0x12345, 10, 0, True, False, True, b"hello")),
        # No user data; not all of the header; another type.
        (data(b""), None),
        (i_data(b""), None),
        (data(b"")[:2] + b"\0\x08" + bytes(4), None),
        (SACK, None),
    ],
)
def test_user_data(chunk: bytes, expected: UserData | None) -> None:
    found = parsed(SACK, chunk)
    assert user_data(found, found.chunks[1]) == expected


def test_user_data_is_what_scapy_put_there() -> None:
    fields = {"tsn": 5, "stream_id": 6, "beginning": 1, "ending": 0, "unordered": 1, "data": b"abc"}
    ours = [
        (SCTPChunkData(stream_seq=7, proto_id=8, **fields), UserData(5, 6, 7, 5, 8, True, True, False, b"abc")),
        (SCTPChunkIData(message_id=7, ppid_fsn=8, **fields), UserData(5, 6, 7, 0, 8, True, True, False, b"abc")),
    ]
    found = read(bytes(SCTP() / ours[0][0] / ours[1][0]))
    assert found
    assert [user_data(found, chunk) for chunk in found.chunks] == [expected for _, expected in ours]
    assert [chunk.type for chunk in found.chunks] == [DATA, I_DATA]


LONGER = b"a message that is longer"


@pytest.mark.parametrize(
    ("chunks", "replace", "expected"),
    [
        ([ONE], {0: b"hi"}, [data(b"hi")]),
        ([ONE, TWO], {1: LONGER}, [ONE, data(LONGER, 2)]),
        ([ONE, SACK, TWO], {0: LONGER, 2: b"x"}, [data(LONGER), SACK, data(b"x", 2)]),
        ([i_data(b"hello", 3, "E", 4, 5, 6)], {0: LONGER}, [i_data(LONGER, 3, "E", 4, 5, 6)]),
        ([ONE, SACK, TWO], {0: None}, [SACK, TWO]),
        ([ONE, SACK, TWO], {0: None, 1: None}, [TWO]),
        # The padding of the last one is there where it is ours; what comes behind stays, as does padding that is not of zeros.
        ([SACK, ONE[:-3]], {1: b"hi"}, [SACK, data(b"hi")]),
        ([SACK, ONE[:-3]], {0: None}, [ONE[:-3]]),
        ([ONE[:-3] + b"pad", TWO, b"\0\3\0"], {1: b"hi"}, [ONE[:-3] + b"pad", data(b"hi", 2), b"\0\3\0"]),
        # What had no user data gets some.
        ([data(b"", 9)], {0: b"hi"}, [data(b"hi", 9)]),
    ],
)
def test_other_user_data(chunks: list[bytes], replace: Mapping[int, bytes | None], expected: list[bytes]) -> None:
    assert rebuild(parsed(*chunks), replace) == packet(*expected)
    # The checksum that came makes no difference.
    bad = read(packet(*chunks)[:8] + b"\0\0\0\0" + b"".join(chunks))
    assert bad and rebuild(bad, replace) == packet(*expected)


def test_other_ports() -> None:
    assert rebuild(parsed(ONE), {}, source_port=6000) == packet(ONE, head=bytes.fromhex("1770 13c5 01020304"))
    assert rebuild(parsed(ONE), {0: b"x"}, destination_port=0) == packet(data(b"x"), head=bytes.fromhex("13c4 0000 01020304"))


def test_nothing_is_left_where_no_chunk_is() -> None:
    assert rebuild(parsed(ONE, TWO), {0: None, 1: None}) == b""
    assert rebuild(parsed(ONE, b"\0\3\0"), {0: None}) == b""


@pytest.mark.parametrize(
    ("chunks", "replace"),
    [
        ([ONE], {1: None}),
        ([ONE], {-1: None}),
        ([ONE, SACK], {1: b"x"}),
        ([ONE], {0: b""}),
        ([data(b"")[:2] + b"\0\x08" + bytes(4)], {0: b"x"}),
    ],
)
def test_what_cannot_be_put_there(chunks: list[bytes], replace: dict[int, bytes | None]) -> None:
    with pytest.raises(ValueError, match="chunk"):
        rebuild(parsed(*chunks), replace)


def test_a_chunk_has_room_for_so_much() -> None:
    for chunk, most in ((ONE, 65_519), (i_data(b"x"), 65_515)):
        found = read(rebuild(parsed(chunk), {0: bytes(most)}))
        assert found and found.chunks[0].end == found.chunks[0].start + 65_535
        with pytest.raises(TooLong):
            rebuild(parsed(chunk), {0: bytes(most + 1)})


@pytest.mark.parametrize(
    ("payload", "sizes", "expected"),
    [
        (b"abcdef", [4, 2], [b"abcd", b"ef"]),
        (b"abcdefghi", [4, 2], [b"abcd", b"efghi"]),
        (b"abcd", [4, 2], [b"abc", b"d"]),
        (b"abcd", [4, 2, 2], [b"ab", b"c", b"d"]),
        (b"abc", [1, 1, 1], [b"a", b"b", b"c"]),
        (b"abc", [9], [b"abc"]),
    ],
)
def test_spread(payload: bytes, sizes: list[int], expected: list[bytes]) -> None:
    assert spread(payload, sizes) == expected


@pytest.mark.parametrize(("payload", "sizes"), [(b"", []), (b"abc", []), (b"", [3]), (b"ab", [3, 3, 3])])
def test_less_than_a_byte_each_cannot_be_spread(payload: bytes, sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="bytes for"):
        spread(payload, sizes)


@given(st.binary(min_size=5, max_size=50), st.lists(st.integers(1, 20), min_size=1, max_size=5))
def test_what_is_spread_is_all_there(payload: bytes, sizes: list[int]) -> None:
    parts = spread(payload, sizes)
    assert b"".join(parts) == payload
    assert len(parts) == len(sizes) and all(parts)
    assert all(len(part) <= size for part, size in zip(parts[:-1], sizes, strict=False))


CHUNKS = st.one_of(
    st.builds(data, st.binary(max_size=9), st.integers(0, 2**32 - 1)),
    st.builds(i_data, st.binary(max_size=9)),
    st.just(SACK),
    st.binary(max_size=9),
)


@given(st.lists(CHUNKS, max_size=5), st.data())
def test_any_packet(chunks: list[bytes], choice: st.DataObject) -> None:
    """What is read of what was built is what was put there; all else is the same."""
    raw = packet(*chunks)[: choice.draw(st.integers(0, 150))]
    before = read(raw)
    assert (before is None) == (len(raw) < 12)
    if before is None:
        return
    carrying = [number for number, chunk in enumerate(before.chunks) if user_data(before, chunk)]
    replace = {number: choice.draw(st.binary(min_size=1, max_size=9)) for number in carrying}
    built = rebuild(before, replace)
    after = read(built)
    assert bool(after) == bool(before.chunks)
    if after is None:
        return
    assert built == packet(built[12:])
    assert [chunk[:2] for chunk in after.chunks] == [chunk[:2] for chunk in before.chunks]
    assert built[after.rest :] == raw[before.rest :]
    for number, (one, other) in enumerate(zip(before.chunks, after.chunks, strict=True)):
        if number in replace:
            expected = user_data(before, one)
            assert expected and user_data(after, other) == expected._replace(payload=replace[number])
        else:
            assert raw[one.start : one.end] == built[other.start : other.end]


# What Wireshark makes of it.

FIELDS = ("_ws.malformed", "sctp.checksum.status", "sctp.chunk_length")


def told(tshark: str, path: Path, *packets: bytes) -> list[list[str]]:
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    path.write_bytes(pcap([bytes(link / IP(src="10.0.0.5", dst="10.0.0.1", proto=132) / Raw(one)) for one in packets]))
    command: list[Any] = [tshark, "-n", "-r", path, "-o", "sctp.checksum:CRC-32C", "-T", "fields"]
    command += [word for name in FIELDS for word in ("-e", name)]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split("\t") for line in lines]


def test_wireshark_finds_the_checksum_right(tshark: str, tmp_path: Path) -> None:
    """In packets of all lengths; and says so where it is not."""
    sizes = (1, 2, 3, 4, 50, 150, 300, 1400, 9000)
    built = [rebuild(parsed(SACK, ONE, i_data(b"x", 5)), {1: b"\xee" * size}) for size in sizes]
    *good, bad = told(tshark, tmp_path / "in.pcap", *built, built[0][:-4] + b"y\0\0\0")
    assert good == [["", "1", f"16,{16 + size},21"] for size in sizes]
    assert bad == ["", "0", "16,17,21"]


@pytest.mark.parametrize("path", [path for path in FOREIGN if "sctp" in path.name], ids=lambda path: path.name)
def test_a_real_capture_is_rebuilt_as_it_is(path: Path) -> None:
    with RawPcapReader(str(path)) as reader:
        packets = [frame[16:][20:] for frame, _ in reader]
    for raw in packets:
        found = read(raw)
        assert found and found.rest == len(raw) and found.chunks
        assert rebuild(found, {}) == raw
        same = {number: told.payload for number, chunk in enumerate(found.chunks) if (told := user_data(found, chunk))}
        assert same and rebuild(found, same) == raw
