"""Exported PDUs: what tshark writes is read, and what is built again tshark reads."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scapy_rr.wire.exported_pdu import LINK_TYPE, ExportedPdu, read

from ..capture.samples import pcap, records
from ..make_pcaps import FOLDER

A4, B4, C4 = b"\x0a\0\0\x05", b"\x0a\0\0\x01", b"\xc0\0\x02\x63"
A6, B6 = b"\x20\x01\x0d\xb8" + bytes(11) + b"\x05", b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"

# What tshark 4.0.17 exported of the first frames of plain-call.pcap and ipv6.pcap, and of a response over TCP in double-rr-tcp.pcap.
EXPORTED = bytes.fromhex(
    "000c000473697000 001400040a000005 001500040a000001 0018000400000003 00190004000013c4 001a0004000013c4 001e000400000001 00000000"
)
EXPORTED_IPV6 = bytes.fromhex(
    "000c000473697000 0016001020010db8000000000000000000000005 0017001020010db8000000000000000000000001 0018000400000003"
    "00190004000013c4 001a0004000013c4 001e000400000001 00000000"
)
EXPORTED_TCP = bytes.fromhex(
    "000c000473697000 001400040a000009 001500040a000001 0018000400000002 00190004000013c4 001a00040000bb3e 001e000400000007 00000000"
)


def tag(number: int, value: bytes) -> bytes:
    """A tag."""
    return struct.pack(">HH", number, len(value)) + value


END = tag(0, b"")
ENDS = tag(20, A4) + tag(21, B4)
# What Wireshark passes to dissectors over TCP is as long as it is: nothing fills it up.
TCP_INFO = tag(34, b"\0\1" + bytes(17))


def found(data: bytes) -> ExportedPdu:
    """The record, which must be one."""
    one = read(data)
    assert one is not None
    return one


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EXPORTED + b"hello", (b"sip", 17, (A4, 5060), (B4, 5060), 1, b"hello")),
        (EXPORTED_IPV6 + b"hello", (b"sip", 17, (A6, 5060), (B6, 5060), 1, b"hello")),
        (EXPORTED_TCP + b"hello", (b"sip", 6, (b"\x0a\0\0\x09", 5060), (B4, 47934), 7, b"hello")),
        (ENDS + END, (b"", 0, (A4, 0), (B4, 0), 0, b"")),
        (tag(24, b"\0\0\0\1") + ENDS + tag(20, C4) + END, (b"", 132, (C4, 0), (B4, 0), 0, b"")),
        (tag(12, b"http") + tag(13, b"sip_udp\0") + TCP_INFO + ENDS + tag(0, b"more") + b"x", (b"http", 0, (A4, 0), (B4, 0), 0, b"x")),
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
        EXPORTED[:-1],
        EXPORTED[:-5],
        ENDS + tag(0, b"more")[:-1],
        tag(12, b"sip\0") + END,
        tag(20, A4) + END,
        tag(20, A4) + tag(23, B6) + END,
        tag(20, A6) + tag(21, A6) + END,
        ENDS + tag(25, b"\0\1") + END,
        ENDS + tag(25, b"\0\1\0\0") + END,
        ENDS + tag(26, b"\0\1\0\0") + END,
    ],
)
def test_what_is_malformed_or_has_no_ends(data: bytes) -> None:
    assert read(data) is None


def test_what_was_never_read_is_left() -> None:
    assert ExportedPdu(b"sip", 17, (A4, 1), (B4, 2), 3, b"hello", b"no record").build() == b"no record"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (EXPORTED + b"old", EXPORTED[:12] + B4 + EXPORTED[16:20] + C4 + EXPORTED[24:36] + b"\0\0\0\1" + EXPORTED[40:44] + b"\0\0\0\2"),
        (EXPORTED_IPV6, EXPORTED[:12] + B4 + EXPORTED[16:20] + C4 + EXPORTED[24:36] + b"\0\0\0\1" + EXPORTED[40:44] + b"\0\0\0\2"),
    ],
)
def test_another_message_between_other_ends(data: bytes, expected: bytes) -> None:
    assert found(data).with_message(b"hello", (B4, 1), (C4, 2)) == expected + EXPORTED[48:] + b"hello"


def test_all_else_stays_and_what_is_new_stands_before_the_end() -> None:
    data = tag(33, b"SIP") + TCP_INFO + ENDS + tag(0, b"more")
    new = found(data)._replace(dissector=b"http", protocol=6, source=(A6, 1), destination=(B6, 0), number=7, payload=b"hello")
    added = tag(12, b"http\0\0\0\0") + tag(24, b"\0\0\0\2") + tag(25, b"\0\0\0\1") + tag(30, b"\0\0\0\7")
    assert new.build() == tag(33, b"SIP") + TCP_INFO + tag(22, A6) + tag(23, B6) + added + tag(0, b"more") + b"hello"


ends = st.one_of(*(st.tuples(*[st.tuples(st.binary(min_size=n, max_size=n), st.integers(0, 65_535))] * 2) for n in (4, 16)))


@given(st.sampled_from([EXPORTED, EXPORTED_IPV6, EXPORTED_TCP]), st.binary(max_size=50), ends)
def test_another_message_in_any_record(data: bytes, payload: bytes, new: tuple[tuple[bytes, int], tuple[bytes, int]]) -> None:
    """It is read as it was written; what came before is written from it again."""
    one = found(data)
    other = found(one.with_message(payload, *new))
    assert other[:-1] == (one.dissector, one.protocol, *new, one.number, payload)
    assert other.with_message(one.payload, one.source, one.destination) == data


@given(st.one_of(st.binary(max_size=80), st.sampled_from([EXPORTED, EXPORTED_IPV6, EXPORTED_TCP])), st.data())
def test_any_bytes_are_none_or_are_built_again(data: bytes, more: st.DataObject) -> None:
    """Those of real ones with a byte changed, too."""
    if data:
        at = more.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([more.draw(st.integers(0, 255))]) + data[at + 1 :]
    one = read(data)
    assert one is None or one.build() is data


def told(tshark: str, path: Path, *fields: str) -> list[list[str]]:
    """What tshark says of each frame of a capture."""
    command = [tshark, "-n", "-r", str(path), "-T", "fields", "-E", "separator=|"]
    for name in fields:
        command += ["-e", name]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line.split("|") for line in lines]


@pytest.mark.parametrize("name", ["plain-call.pcap", "double-rr-tcp.pcap", "ipv6.pcap"])
def test_what_tshark_exports(tshark: str, tmp_path: Path, name: str) -> None:
    """Every record is read as tshark itself reads it."""
    path = tmp_path / "exported.pcap"
    subprocess.run(
        [tshark, "-r", str(FOLDER / name), "-U", "OSI layer 7", "-F", "pcap", "-w", str(path)], check=True, stderr=subprocess.DEVNULL
    )
    made = records(path.read_bytes())
    assert int.from_bytes(path.read_bytes()[20:24], "little") == LINK_TYPE
    assert len(made) >= 10
    names = ["prot_name", "orig_fno", "src_port", "dst_port", "exported_pdu"]
    views = told(tshark, path, *(f"exported_pdu.{one}" for one in names))
    for record, view in zip(made, views, strict=True):
        one = found(record.frame)
        assert [one.dissector.decode(), str(one.number), str(one.source[1]), str(one.destination[1]), one.payload.hex()] == view
        assert one.build() == record.frame


def test_what_tshark_makes_of_ours(tshark: str, tmp_path: Path) -> None:
    """The addresses, the message, and nothing malformed; a value that no zeros fill up, too."""
    message = b"BYE sip:bob@192.0.2.99 SIP/2.0\r\nCall-ID: 1\r\n\r\n"
    bases = [EXPORTED, EXPORTED_TCP, EXPORTED_IPV6, tag(12, b"sip\0") + TCP_INFO + ENDS + tag(24, b"\0\0\0\3") + END]
    made = [found(data).with_message(message, *ends) for data in bases for ends in (((A4, 5060), (C4, 5080)), ((A6, 5060), (B6, 5080)))]
    path = tmp_path / "ours.pcap"
    path.write_bytes(pcap(made, link_type=LINK_TYPE))
    names = ["ipv4_src", "ipv4_dst", "ipv6_src", "ipv6_dst", "dst_port"]
    views = told(tshark, path, "sip.Method", "sip.Call-ID", "_ws.malformed", *(f"exported_pdu.{one}" for one in names))
    each = [
        ["BYE", "1", "", "10.0.0.5", "192.0.2.99", "", "", "5080"],
        ["BYE", "1", "", "", "", "2001:db8::5", "2001:db8::1", "5080"],
    ]
    assert views == each * len(bases)
