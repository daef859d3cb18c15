"""HEP: what Kamailio sends is read; what is built again is the same, or differs in what was replaced alone."""

import gzip
import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire import hep
from scapy_rr.wire.hep import Hep, make, read, split
from scapy_rr.wire.splice import TooLong

A4, B4, C4 = b"\xc0\x00\x02\x05", b"\xc0\x00\x02\x07", b"\xc0\x00\x02\x63"
A6, B6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x05", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x07"
OPTIONS = (
    b"OPTIONS sip:bob@%b:5060 SIP/2.0\r\nVia: SIP/2.0/%b %b:5062;branch=z9hG4bK776\r\nFrom: <sip:alice@example.com>;tag=a1\r\n"
    b"To: <sip:bob@example.com>\r\nCall-ID: hep-1\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)
OVER_UDP = OPTIONS % (b"192.0.2.7", b"UDP", b"192.0.2.5")
OVER_TCP = OPTIONS % (b"192.0.2.7", b"TCP", b"192.0.2.5")
OVER_IPV6 = OPTIONS % (b"[2001:db8::7]", b"UDP", b"[2001:db8::5]")

# What Kamailio 5.6.3's siptrace sent of a request from 192.0.2.5:5062 to itself, 192.0.2.7:5060, with hep_capture_id 2001.
KAMAILIO_1 = b"\x01\x10\x02\x11\x13\xc6\x13\xc4" + A4 + B4 + OVER_UDP
KAMAILIO_2 = b"\x02\x10\x02\x11\x13\xc6\x13\xc4" + A4 + B4 + b"\x9a\x88\x03\x6b\x37\x21\x00\x00\xd1\x07\x00\x00" + OVER_UDP
KAMAILIO_2_IPV6 = b"\x02\x28\x0a\x11\x13\xc6\x13\xc4" + A6 + B6 + b"\xa0\x88\x03\x6b\xb7\x5b\x01\x00\xd1\x07\x00\x00" + OVER_IPV6
# With its parameter auth_key, and a correlation id.
KAMAILIO_3 = (
    b"HEP3\x01\x69"
    b"\x00\x00\x00\x01\x00\x07\x02"
    b"\x00\x00\x00\x02\x00\x07\x11"
    b"\x00\x00\x00\x03\x00\x0a" + A4 + b"\x00\x00\x00\x04\x00\x0a" + B4 + b"\x00\x00\x00\x07\x00\x08\x13\xc6"
    b"\x00\x00\x00\x08\x00\x08\x13\xc4"
    b"\x00\x00\x00\x09\x00\x0a\x6b\x03\x88\x8d"
    b"\x00\x00\x00\x0a\x00\x0a\x00\x0c\xe3\x7e"
    b"\x00\x00\x00\x0b\x00\x07\x01"
    b"\x00\x00\x00\x0c\x00\x0a\x00\x00\x07\xd1"
    b"\x00\x00\x00\x11\x00\x16corr-1@192.0.2.7"
    b"\x00\x00\x00\x0e\x00\x0cs3cret"
    b"\x00\x00\x00\x0f\x00\xea" + OVER_UDP
)
KAMAILIO_3_IPV6 = (
    b"HEP3\x01\x67"
    b"\x00\x00\x00\x01\x00\x07\x0a"
    b"\x00\x00\x00\x02\x00\x07\x11"
    b"\x00\x00\x00\x05\x00\x16" + A6 + b"\x00\x00\x00\x06\x00\x16" + B6 + b"\x00\x00\x00\x07\x00\x08\x13\xc6"
    b"\x00\x00\x00\x08\x00\x08\x13\xc4"
    b"\x00\x00\x00\x09\x00\x0a\x6b\x03\x88\x93"
    b"\x00\x00\x00\x0a\x00\x0a\x00\x0e\x6b\x70"
    b"\x00\x00\x00\x0b\x00\x07\x01"
    b"\x00\x00\x00\x0c\x00\x0a\x00\x00\x07\xd1"
    b"\x00\x00\x00\x0f\x00\xf2" + OVER_IPV6
)
KAMAILIO_3_TCP = (
    b"HEP3\x01\x47"
    b"\x00\x00\x00\x01\x00\x07\x02"
    b"\x00\x00\x00\x02\x00\x07\x06"
    b"\x00\x00\x00\x03\x00\x0a" + A4 + b"\x00\x00\x00\x04\x00\x0a" + B4 + b"\x00\x00\x00\x07\x00\x08\x13\xc6"
    b"\x00\x00\x00\x08\x00\x08\x13\xc4"
    b"\x00\x00\x00\x09\x00\x0a\x6b\x03\x88\xac"
    b"\x00\x00\x00\x0a\x00\x0a\x00\x04\x2e\x56"
    b"\x00\x00\x00\x0b\x00\x07\x01"
    b"\x00\x00\x00\x0c\x00\x0a\x00\x00\x07\xd1"
    b"\x00\x00\x00\x0f\x00\xea" + OVER_TCP
)
REAL = [KAMAILIO_1, KAMAILIO_2, KAMAILIO_2_IPV6, KAMAILIO_3, KAMAILIO_3_IPV6, KAMAILIO_3_TCP]


def chunk(number: int, body: bytes, vendor: int = 0) -> bytes:
    """A chunk."""
    return struct.pack(">HHH", vendor, number, len(body) + 6) + body


def packet(*chunks: bytes) -> bytes:
    """A version 3 packet."""
    body = b"".join(chunks)
    return b"HEP3" + struct.pack(">H", len(body) + 6) + body


ENDS = chunk(3, A4) + chunk(4, B4)
PAYLOAD = chunk(15, b"hello")
VENDORS = chunk(17, b"call-1"), chunk(3, b"not an address", vendor=3), chunk(0x20, b"\x01\x02"), chunk(14, b"key")


def found(data: bytes) -> Hep:
    """The packet, which must be one."""
    one = read(data)
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (KAMAILIO_1, (1, 2, 17, (A4, 5062), (B4, 5060), 0, 0, 0, 1, OVER_UDP)),
        (KAMAILIO_2, (2, 2, 17, (A4, 5062), (B4, 5060), 1795393690, 8503, 2001, 1, OVER_UDP)),
        (KAMAILIO_2_IPV6, (2, 10, 17, (A6, 5062), (B6, 5060), 1795393696, 89_015, 2001, 1, OVER_IPV6)),
        (KAMAILIO_3, (3, 2, 17, (A4, 5062), (B4, 5060), 1795393677, 844670, 2001, 1, OVER_UDP)),
        (KAMAILIO_3_IPV6, (3, 10, 17, (A6, 5062), (B6, 5060), 1795393683, 945_008, 2001, 1, OVER_IPV6)),
        (KAMAILIO_3_TCP, (3, 2, 6, (A4, 5062), (B4, 5060), 1795393708, 274_006, 2001, 1, OVER_TCP)),
        # FreeSWITCH's length has the time in it. What fills the structure up is whatever was there. 22 is TLS, 28 is FreeBSD's IPv6.
        (
            b"\x02\x1c\x02\x16\x00\x01\x00\x02" + A4 + B4 + b"\1\0\0\0\2\0\0\0\3\0xyhello",
            (2, 2, 22, (A4, 1), (B4, 2), 1, 2, 3, 1, b"hello"),
        ),
        (b"\x02\x34\x1c\x84\x00\x01\x00\x02" + A6 + B6 + bytes(12), (2, 28, 132, (A6, 1), (B6, 2), 0, 0, 0, 1, b"")),
        # Nothing but what there has to be; chunks in another order; one twice.
        (packet(PAYLOAD, ENDS), (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, PAYLOAD, chunk(3, C4)), (3, 0, 0, (C4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, PAYLOAD, *VENDORS), (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, chunk(16, zlib.compress(b"hello"))), (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, chunk(16, gzip.compress(b"hello"))), (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, PAYLOAD, chunk(16, b"no zlib")), (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
        (packet(ENDS, PAYLOAD) + b"behind", (3, 0, 0, (A4, 0), (B4, 0), 0, 0, 0, 0, b"hello")),
    ],
)
def test_what_is_read_is_built_again(data: bytes, expected: tuple[object, ...]) -> None:
    one = found(data)
    assert one[:-1] == expected
    assert one.build() == data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"OPTIONS sip:bob@192.0.2.7 SIP/2.0\r\n\r\n",
        b"\x80\x00" + bytes(160),
        # Version, family, protocol and length of 1 and 2; cut.
        b"\x03" + KAMAILIO_1[1:],
        b"\x01\x10\x03" + KAMAILIO_1[3:],
        b"\x01\x10\x02\x01" + KAMAILIO_1[4:],
        b"\x01\x11" + KAMAILIO_1[2:],
        b"\x01\x1c" + KAMAILIO_1[2:],
        KAMAILIO_1[:7],
        KAMAILIO_1[:15],
        KAMAILIO_2[:27],
        # Of version 3: cut; lengths that do not fit; a chunk of another width; no address, no other end, no payload.
        b"HEP3",
        KAMAILIO_3[:5],
        KAMAILIO_3[:-1],
        packet(ENDS, PAYLOAD, b"\0\0\0\1\0"),
        packet(ENDS, PAYLOAD, b"\0\0\0\1\0\5"),
        packet(ENDS, PAYLOAD, b"\0\0\0\1\0\7"),
        packet(ENDS, PAYLOAD, chunk(7, b"\1\2\3\4")),
        packet(ENDS, PAYLOAD, chunk(3, A6)),
        packet(ENDS, PAYLOAD, chunk(1, b"")),
        packet(PAYLOAD),
        packet(chunk(3, A4), chunk(6, B6), PAYLOAD),
        packet(chunk(5, A6), PAYLOAD),
        packet(ENDS),
        packet(ENDS, chunk(16, b"no zlib")),
        packet(ENDS, chunk(16, zlib.compress(b"hello")[:-1])),
        # A megabyte and more.
        packet(ENDS, chunk(16, zlib.compress(bytes(1 << 24)))),
        b"HEP3\x00\x05" + bytes(20),
    ],
)
def test_what_is_none_or_malformed(data: bytes) -> None:
    assert read(data) is None


def test_all_else_stays_where_it_was() -> None:
    data = packet(VENDORS[0], chunk(8, b"\0\2"), VENDORS[1], ENDS, chunk(15, b"hello"), *VENDORS[2:])
    changed = found(data).with_message(b"hello, and more", (C4, 7), (B4, 2))
    assert changed == packet(
        VENDORS[0],
        chunk(8, b"\0\2"),
        VENDORS[1],
        chunk(3, C4),
        chunk(4, B4),
        chunk(15, b"hello, and more"),
        *VENDORS[2:],
        chunk(7, b"\0\7"),
    )


def test_kamailios_packet_with_another_message() -> None:
    changed = found(KAMAILIO_3).with_message(b"hello", (B4, 5060), (C4, 5070))
    assert changed == (
        b"HEP3\x00\x8a" + KAMAILIO_3[6:20] + b"\x00\x00\x00\x03\x00\x0a" + B4 + b"\x00\x00\x00\x04\x00\x0a" + C4 + b"\x00\x00\x00\x07"
        b"\x00\x08\x13\xc4\x00\x00\x00\x08\x00\x08\x13\xce" + KAMAILIO_3[56:-234] + b"\x00\x00\x00\x0f\x00\x0bhello"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (KAMAILIO_1, b"\x01\x10\x02\x11\x00\x01\x00\x02" + B4 + C4 + b"hello"),
        (KAMAILIO_2, b"\x02\x10\x02\x11\x00\x01\x00\x02" + B4 + C4 + KAMAILIO_2[16:28] + b"hello"),
        (b"\x02\x1c\x02\x16" + bytes(12) + bytes(10) + b"xyold", b"\x02\x1c\x02\x16\x00\x01\x00\x02" + B4 + C4 + bytes(10) + b"xyhello"),
        (KAMAILIO_2_IPV6, b"\x02\x10\x02\x11\x00\x01\x00\x02" + B4 + C4 + KAMAILIO_2_IPV6[40:52] + b"hello"),
        (packet(PAYLOAD, ENDS) + b"behind", packet(PAYLOAD, chunk(3, B4), chunk(4, C4), chunk(7, b"\0\1"), chunk(8, b"\0\2")) + b"behind"),
        (
            packet(chunk(6, B6), chunk(1, b"\x1c"), chunk(5, A6), chunk(15, b"")),
            packet(chunk(4, C4), chunk(1, b"\x02"), chunk(3, B4), PAYLOAD, chunk(7, b"\0\1"), chunk(8, b"\0\2")),
        ),
    ],
)
def test_another_message_between_ipv4_ends(data: bytes, expected: bytes) -> None:
    assert found(data).with_message(b"hello", (B4, 1), (C4, 2)) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (KAMAILIO_1, b"\x01\x28\x0a\x11\x00\x01\x00\x02" + A6 + B6 + b"hello"),
        (b"\x02\x1c\x02\x11" + bytes(24), b"\x02\x34\x0a\x11\x00\x01\x00\x02" + A6 + B6 + bytes(12) + b"hello"),
        (b"\x01\x28\x1c\x11" + bytes(36), b"\x01\x28\x1c\x11\x00\x01\x00\x02" + A6 + B6 + b"hello"),
        (
            packet(chunk(1, b"\2"), ENDS, chunk(8, b"\0\2"), chunk(7, b"\0\1"), PAYLOAD),
            packet(chunk(1, b"\x0a"), chunk(5, A6), chunk(6, B6), chunk(8, b"\0\2"), chunk(7, b"\0\1"), PAYLOAD),
        ),
    ],
)
def test_another_message_between_ipv6_ends(data: bytes, expected: bytes) -> None:
    assert found(data).with_message(b"hello", (A6, 1), (B6, 2)) == expected


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress])
def test_a_compressed_payload_stays_one(pack: Callable[[bytes], bytes]) -> None:
    """By the same program; one that stays is left as it was packed."""
    data = packet(chunk(16, pack(b"hello")), ENDS)
    other = found(found(data).with_message(b"another", (C4, 0), (B4, 0)))
    assert (other.source, other.payload) == ((C4, 0), b"another")
    assert other.packet[6:12] == b"\x00\x00\x00\x10" + other.packet[10:12]
    assert other.packet[12:14] == pack(b"")[:2]
    assert found(data)._replace(source=(C4, 0)).build() == packet(chunk(16, pack(b"hello")), chunk(3, C4), chunk(4, B4))


def test_all_fields_can_be_replaced() -> None:
    new = Hep(3, 30, 132, (A6, 1), (B6, 2), 3, 4, 5, 6, b"seven", KAMAILIO_3_IPV6)
    assert found(new.build())[:-1] == new[:-1]
    older = found(KAMAILIO_2)._replace(version=1, protocol=6, source=(C4, 9), seconds=1, capture_id=2)
    assert older.build() == b"\x01\x10\x02\x06\x00\x09\x13\xc4" + C4 + B4 + OVER_UDP
    assert found(KAMAILIO_2)._replace(seconds=1, microseconds=2, capture_id=3).build()[16:28] == b"\1\0\0\0\2\0\0\0\3\0\0\0"


def test_from_nothing() -> None:
    """The chunks that Kamailio sends, in its order."""
    made = make(OVER_TCP, (A4, 5062), (B4, 5060), 1795393708, 274_006, protocol=6, capture_id=2001)
    assert made == KAMAILIO_3_TCP
    ipv6 = make(OVER_IPV6, (A6, 5062), (B6, 5060), 1795393683, 945_008, capture_id=2001)
    assert ipv6 == KAMAILIO_3_IPV6
    assert found(make(b"", (A4, 1), (B4, 2), 3, 4, kind=100))[:-1] == (3, 2, 17, (A4, 1), (B4, 2), 3, 4, 0, 100, b"")


def test_more_than_a_packet_can_hold() -> None:
    most = 65_535 - len(make(b"", (A4, 1), (B4, 2), 3, 4))
    assert len(make(bytes(most), (A4, 1), (B4, 2), 3, 4)) == 65_535
    with pytest.raises(TooLong, match="65536 bytes in a HEP packet"):
        make(bytes(most + 1), (A4, 1), (B4, 2), 3, 4)
    with pytest.raises(TooLong):
        found(KAMAILIO_3)._replace(payload=bytes(70_000)).build()


@pytest.mark.parametrize(
    ("buffer", "packets", "rest"),
    [
        (b"", [], b""),
        (KAMAILIO_3_TCP, [KAMAILIO_3_TCP], b""),
        (KAMAILIO_3 + KAMAILIO_3_TCP[:-1], [KAMAILIO_3], KAMAILIO_3_TCP[:-1]),
        (KAMAILIO_3 + b"HEP3\x01", [KAMAILIO_3], b"HEP3\x01"),
        (KAMAILIO_3 + b"HE", [KAMAILIO_3], b"HE"),
        (b"the end of one" + KAMAILIO_3 + b"between" + KAMAILIO_3_TCP, [KAMAILIO_3, KAMAILIO_3_TCP], b""),
        (b"no packet", [], b"ket"),
        (b"HEP3\x00\x05HEP3\x00\x00" + KAMAILIO_3, [KAMAILIO_3], b""),
        (b"HEP3\x00\x06", [b"HEP3\x00\x06"], b""),
    ],
)
def test_a_stream_is_split(buffer: bytes, packets: list[bytes], rest: bytes) -> None:
    assert split(buffer) == (packets, rest)


@given(st.lists(st.sampled_from([KAMAILIO_3, KAMAILIO_3_IPV6, KAMAILIO_3_TCP]), max_size=4), st.data())
def test_a_stream_in_any_pieces_is_split_the_same(packets: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(packets)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    got, rest = [], b""
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        whole, rest = split(rest + stream[start:end])
        got += whole
    assert (got, rest) == (packets, b"")


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda body: packet(body)), st.sampled_from(REAL)), st.data())
def test_any_bytes_are_none_or_are_built_again(data: bytes, more: st.DataObject) -> None:
    """Those of real ones with a byte changed, too."""
    if data:
        at = more.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([more.draw(st.integers(0, 255))]) + data[at + 1 :]
    one = read(data)
    assert one is None or one.build() is data
    whole, rest = split(data)
    assert sum(map(len, whole)) + len(rest) <= len(data)


ends = st.one_of(*(st.tuples(*[st.tuples(st.binary(min_size=n, max_size=n), st.integers(0, 65_535))] * 2) for n in (4, 16)))


@given(st.sampled_from(REAL), st.binary(max_size=200), ends)
def test_another_message_in_any_packet(data: bytes, payload: bytes, new: tuple[tuple[bytes, int], tuple[bytes, int]]) -> None:
    """It is read as it was written; what came before is written from it again."""
    one = found(data)
    other = found(one.with_message(payload, *new))
    assert (other.payload, other.source, other.destination) == (payload, *new)
    assert other.build() == other.packet
    assert (other.version, other.protocol, other.seconds, other.microseconds) == (one.version, one.protocol, one.seconds, one.microseconds)
    assert other.with_message(one.payload, one.source, one.destination) == data


def test_the_usual_ports() -> None:
    assert 9060 in hep.PORTS
