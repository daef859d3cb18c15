"""The blocks of many sections become those of one: with new interface numbers, in one byte order, and nothing else changed."""

import struct
from itertools import count

import pytest

from scapy_rr.capture.blocks import option
from scapy_rr.capture.flatten import Flattener
from scapy_rr.capture.records import PcapngRecords

from .samples import VOICE, block, enhanced, interface, old_packet, option_list, section, simple

ENDIANS = ["<", ">"]


def statistics(number: int, endian: str = "<") -> bytes:
    """Of an interface: how many frames were dropped."""
    return block(5, struct.pack(f"{endian}III", number, 1, 2) + option_list(endian, (5, struct.pack(f"{endian}Q", 12))), endian)


def flattened(data: bytes, first: int = 3, ticks: int = 0) -> tuple[bytes, Flattener]:
    """The blocks of a capture in a section that has ``first`` interfaces already."""
    flattener, records, position, parts = Flattener(count(first)), PcapngRecords(), 0, []
    for record in records.walk(data, b""):
        parts.append(flattener.between(data, position, record.at))
        parts.append(flattener.frame(data, record, lambda _: ticks))
        position = record.next
    return b"".join([*parts, flattener.between(data, position, len(data))]), flattener


@pytest.mark.parametrize("endian", ENDIANS)
def test_interfaces_get_new_numbers_wherever_they_are_named(endian: str) -> None:
    note = option_list(endian, (1, b"note"), (4, struct.pack(f"{endian}Q", 7)))
    speed = option_list(endian, (2, b"eth0"), (8, struct.pack(f"{endian}Q", 10**9)), (9, b"\x09"), (14, struct.pack(f"{endian}q", -5)))
    came = [
        section(endian),
        interface(1, 0, endian) + interface(101, 9000, endian, speed),
        enhanced(VOICE, 1, endian, note, original=400),
        interface(1, 0, endian) + statistics(1, endian),
        enhanced(VOICE, 2, endian),
        statistics(0, endian),
    ]
    note = option_list("<", (1, b"note"), (4, struct.pack("<Q", 7)))
    speed = option_list("<", (2, b"eth0"), (8, struct.pack("<Q", 10**9)), (9, b"\x09"), (14, struct.pack("<q", -5)))
    left = [
        interface(1) + interface(101, 9000, "<", speed),
        enhanced(VOICE, 4, "<", note, original=400),
        interface(1) + statistics(4),
        enhanced(VOICE, 5),
        statistics(3),
    ]
    assert flattened(b"".join(came))[0] == b"".join(left)


def test_later_sections_become_part_of_the_first_one() -> None:
    """Also of another byte order; the interfaces in them are others."""
    one = section() + interface(1) + enhanced(VOICE) + statistics(0)
    other = section(">") + interface(101, 0, ">") + enhanced(VOICE, 0, ">") + statistics(0, ">")
    left = [interface(1) + enhanced(VOICE, 3) + statistics(3), interface(101) + enhanced(VOICE, 4) + statistics(4), interface(1)]
    assert flattened(one + other + section() + interface(1))[0] == b"".join(left)


@pytest.mark.parametrize("endian", ENDIANS)
def test_remarks_on_a_section_stay(endian: str) -> None:
    """Those on the first one are for the shared one, those on a later one stand at its first interface; what wrote it is not told."""
    own = (2988, struct.pack(f"{endian}I", 32473) + b"own")
    head = section(endian, option_list(endian, (1, b"one"), (4, b"dumpcap"), own, (1, b"two")))
    came = head + interface(1, 0, endian) + head + interface(1, 0, endian, option_list(endian, (2, b"eth0"))) + interface(1, 0, endian)
    remarks = [(1, b"one"), (2988, struct.pack("<I", 32473) + b"own"), (1, b"two")]
    left, flattener = flattened(came)
    assert left == interface() + interface(options=option_list("<", *remarks, (2, b"eth0"))) + interface()
    assert flattener.remarks == b"".join(option(*remark) for remark in remarks)


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize("drops", [0, 3, 0xFFFF])
def test_the_old_packet_block_becomes_an_enhanced_one(endian: str, drops: int) -> None:
    """Its count of drops is an option there, if it is known."""
    flags = option_list(endian, (2, struct.pack(f"{endian}I", 1)))
    came = section(endian) + interface(1, 0, endian) + old_packet(VOICE, 0, endian, drops)
    body = old_packet(VOICE, 0, endian, drops)[8:-4] + flags
    came = section(endian) + interface(1, 0, endian) + block(2, body, endian)
    told = [] if drops == 0xFFFF else [(4, struct.pack("<Q", drops))]
    wanted = option_list("<", *told, (2, struct.pack("<I", 1)))
    head = struct.pack("<IIIII", 3, 5, 6, len(VOICE), len(VOICE))
    assert flattened(came)[0] == interface() + block(6, head + VOICE + bytes(-len(VOICE) % 4) + wanted)


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_simple_packet_gets_an_interface_and_a_time(endian: str) -> None:
    came = section(endian) + interface(1, len(VOICE), endian) + simple(VOICE, endian, original=400)
    assert flattened(came, ticks=0x0005_D000_1234_5678)[0] == interface(1, len(VOICE)) + enhanced(VOICE, 3, original=400)


@pytest.mark.parametrize("frame", [enhanced(VOICE, 1), old_packet(VOICE, 1)])
def test_a_frame_of_no_interface_cannot_be_taken_over(frame: bytes) -> None:
    with pytest.raises(ValueError, match="a frame of interface 1, which is not described"):
        flattened(section() + interface() + frame)


@pytest.mark.parametrize("endian", ENDIANS)
def test_other_blocks(endian: str) -> None:
    """Names, secrets and custom blocks stay; nobody knows how to turn an unknown one round. Statistics of no interface go."""
    names, own = struct.pack(f"{endian}HH", 1, 8) + b"\x0a\0\0\1a.b\0" + bytes(4), struct.pack(f"{endian}I", 32473) + b"own"
    came = section(endian) + block(4, names, endian) + block(0x0BAD, own, endian) + statistics(0, endian) + block(5, bytes(4), endian)
    names, own = struct.pack("<HH", 1, 8) + b"\x0a\0\0\1a.b\0" + bytes(4), struct.pack("<I", 32473) + b"own"
    unknown = block(0x7777, b"what?", endian)
    assert flattened(came + unknown)[0] == block(4, names) + block(0x0BAD, own) + (unknown if endian == "<" else b"")
