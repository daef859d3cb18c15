"""A pcapng file with routing applied: every block that holds no routed frame is as it was, options of those that do are kept."""

import struct
import subprocess
from pathlib import Path

import pytest

from scapy_rr.capture.place import Emit

from ..conftest import need
from .samples import (
    VOICE,
    arriving,
    block,
    enhanced,
    frame,
    interface,
    leaving,
    old_packet,
    option_list,
    pcap,
    rewritten,
    router,
    section,
    simple,
)

ENDIANS = ["<", ">"]


def options(endian: str) -> bytes:
    """A comment, an option of somebody's own, and the end of options."""
    return struct.pack(f"{endian}HH8sHH4sHH", 1, 7, b"a note.", 0x0BAD, 3, b"own", 0, 0)


def others(endian: str) -> bytes:
    """Name resolution, interface statistics, decryption secrets, a custom block, one that nobody knows."""
    return b"".join(block(kind, b"what is in it, " + bytes([kind & 255]), endian) for kind in (4, 5, 10, 0x0BAD, 0x40000BAD, 0x7777))


def capture(endian: str, first: bytes, second: bytes, emit: Emit = Emit.REPLACE) -> bytes:
    """Two sections with all there is, and two frames that are to be routed; nothing but these where ``emit`` says so."""
    frames = emit is not Emit.ONLY
    parts = [
        section(endian, options(endian)) + interface(1, 0, endian, options(endian)) + others(endian),
        enhanced(VOICE, 0, endian, options(endian)) if frames else b"",
        interface(101, 65535, endian),
        first,
        others(endian),
        simple(VOICE, endian) + old_packet(VOICE, 0, endian) if frames else b"",
        section(endian) + interface(101, 0, endian),
        second,
        others(endian),
    ]
    return b"".join(parts)


@pytest.mark.parametrize("endian", ENDIANS)
def test_blocks_of_every_kind_stay(tmp_path: Path, endian: str) -> None:
    """The interface of each frame, its time and its options, too; raw IP is on the others."""
    note = options(endian)
    came = capture(endian, enhanced(arriving(1), 0, endian, note), enhanced(arriving(2)[14:], 0, endian, note))
    left = capture(endian, enhanced(leaving(1), 0, endian, note), enhanced(leaving(2)[14:], 0, endian, note))
    done = rewritten(tmp_path, came)
    assert done.data == left
    assert (done.summary.frames, done.summary.routed) == (5, {"loose to loose": 2})


@pytest.mark.parametrize("endian", ENDIANS)
@pytest.mark.parametrize(("emit", "times"), [(Emit.APPEND, 2), (Emit.ONLY, 1)])
def test_what_becomes_of_the_original(tmp_path: Path, endian: str, emit: Emit, times: int) -> None:
    """What is no frame stays even where only routed frames do."""
    note = options(endian)
    came = [enhanced(arriving(number)[cut:], 0, endian, note) for number, cut in ((1, 0), (2, 14))]
    left = [enhanced(leaving(number)[cut:], 0, endian, note) for number, cut in ((1, 0), (2, 14))]
    wanted = [*(one + other for one, other in zip(came, left, strict=True))] if times == 2 else left
    assert rewritten(tmp_path, capture(endian, came[0], came[1]), emit=emit).data == capture(endian, wanted[0], wanted[1], emit)


@pytest.mark.parametrize("endian", ENDIANS)
def test_simple_and_old_packet_blocks(tmp_path: Path, endian: str) -> None:
    """They stay what they are."""
    head = section(endian) + interface(1, 0, endian)
    came = head + simple(arriving(1), endian) + old_packet(arriving(2), 0, endian) + simple(VOICE, endian)
    left = head + simple(leaving(1), endian) + old_packet(leaving(2), 0, endian) + simple(VOICE, endian)
    assert rewritten(tmp_path, came).data == left


@pytest.mark.parametrize("pad", range(4))
def test_padding_to_four_bytes(tmp_path: Path, pad: int) -> None:
    """Behind a frame of any length, before the options as before the end."""
    head, trailer, note = section() + interface(), bytes(range(pad)), options("<")
    came = head + enhanced(arriving() + trailer, options=note) + enhanced(arriving() + trailer) + simple(arriving() + trailer)
    left = head + enhanced(leaving() + trailer, options=note) + enhanced(leaving() + trailer) + simple(leaving() + trailer)
    assert rewritten(tmp_path, came).data == left


def test_the_original_length_moves_with_the_captured_one(tmp_path: Path) -> None:
    head, grown = section() + interface(), len(leaving()) - len(arriving())
    done = rewritten(tmp_path, head + enhanced(arriving(), original=1000))
    assert done.data == head + enhanced(leaving(), original=1000 + grown)


def test_a_frame_of_an_unknown_interface_is_left_alone(tmp_path: Path) -> None:
    data = section() + interface() + enhanced(arriving(), 1)
    done = rewritten(tmp_path, data)
    assert done.data == data
    assert list(done.summary.left) == ["link type that is not read"]


def test_sections_with_different_byte_orders_and_link_types(tmp_path: Path) -> None:
    def both(first: bytes, second: bytes) -> bytes:
        one = section("<") + interface(1) + enhanced(first)
        return one + section(">") + interface(228, 0, ">") + enhanced(second[14:], 0, ">", options(">"))

    assert rewritten(tmp_path, both(arriving(1), arriving(2))).data == both(leaving(1), leaving(2))


@pytest.mark.parametrize("processes", [1, 2])
def test_interfaces_are_known_in_later_buffers(tmp_path: Path, processes: int) -> None:
    """What one buffer describes, frames of the next ones refer to."""
    head = section(">") + interface(101, 0, ">") + interface(1, 0, ">")
    came = [enhanced(arriving(number) if number % 100 == 0 else VOICE, 1, ">") for number in range(12_000)]
    left = [enhanced(leaving(number) if number % 100 == 0 else VOICE, 1, ">") for number in range(12_000)]
    done = rewritten(tmp_path, head + b"".join(came), router(), processes=processes)
    assert len(done.data) > 2 << 20
    assert done.data == head + b"".join(left)
    assert done.summary.frames == 12_000


def test_a_pcap_file_with_the_same_frames_is_routed_alike(tmp_path: Path) -> None:
    frames = [VOICE, arriving(1), frame(b"SIP/2.0 200 OK\r\n\r\n")]
    head = section() + interface()
    one = rewritten(tmp_path, pcap(frames)).summary
    assert rewritten(tmp_path, head + b"".join(map(enhanced, frames))).summary == one


FIELDS = ["interface_name", "interface_description", "interface_queue", "packet_flags", "packet_id", "drop_count", "comment", "time_epoch"]
"""What of a frame is in its block, and what in the description of its interface."""


def everything(endian: str) -> bytes:
    """A file as a capturing machine leaves it, with all that can be said of it."""

    def number(form: str, *values: int) -> bytes:
        return struct.pack(endian + form, *values)

    about = (2, b"ACME router"), (3, b"ACME OS 7"), (4, b"acmecap 1.0"), (1, b"of the whole file")
    ports = [
        ((2, b"eth%d" % port), (3, b"port"), (8, number("Q", 10**9)), (9, b"\x09"), (11, b"\0udp"), (12, b"os"), (1, b"of a port"))
        for port in range(2)
    ]
    names = number("HH", 1, 4 + 12) + b"\x0a\0\0\x05alice.test\0\0" + bytes(4)
    told = (1, b"of a frame"), (2, number("I", 1)), (4, number("Q", 9)), (5, number("Q", 77)), (6, number("I", 3)), (7, b"\x01" + bytes(8))
    counts = (2, number("II", 1, 2)), (3, number("II", 3, 4)), (4, number("Q", 900)), (5, number("Q", 12)), (7, number("Q", 34))
    parts = [
        section(endian, option_list(endian, *about)),
        *(interface(1, 0, endian, option_list(endian, *port)) for port in ports),
        block(4, names, endian),
        block(10, number("II", 0x544C534B, 40) + b"CLIENT_RANDOM " + b"0" * 26, endian),
        *(enhanced(one, port, endian, option_list(endian, *told)) for port, one in ((1, arriving(1)), (0, VOICE), (0, arriving(2)))),
        *(block(5, number("III", port, 1, 2) + option_list(endian, *counts), endian) for port in range(2)),
    ]
    return b"".join(parts)


@pytest.mark.parametrize("endian", ENDIANS)
def test_wireshark_is_told_the_same_of_file_interfaces_and_frames(tmp_path: Path, tshark: str, endian: str) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    done = rewritten(tmp_path, everything(endian))
    assert done.summary.routed == {"loose to loose": 2}

    def frames(path: Path) -> list[str]:
        fields = [word for name in FIELDS for word in ("-e", f"frame.{name}")]
        return subprocess.run([tshark, "-r", path, "-T", "fields", *fields], check=True, capture_output=True, text=True).stdout.splitlines()

    def whole(path: Path) -> list[str]:
        told = subprocess.run([need("capinfos"), path], check=True, capture_output=True, text=True).stdout.splitlines()
        # These are about bytes, of which there are fewer.
        changing = "File name", "File size", "Data", "Average packet size", "SHA", "RIPEMD"
        return [line for line in told if not line.startswith(changing)]

    def hosts(path: Path) -> list[str]:
        told = subprocess.run([tshark, "-q", "-z", "hosts", "-r", path], check=True, capture_output=True, text=True).stdout.splitlines()
        return [line for line in told if not line.startswith("#")]

    before = frames(source)
    assert before[0].split("\t")[:7] == ["eth1", "port", "3", "0x00000001", "77", "9", "of a frame"]
    assert frames(target) == before
    said = "\n".join(whole(source))
    for what in ("of the whole file", "of a port", "Name = eth1", "Time precision = nanoseconds (9)", "Number of stat entries = 1"):
        assert what in said
    assert whole(target) == whole(source)
    assert hosts(target) == hosts(source) == ["", "10.0.0.5\talice.test"]


@pytest.mark.parametrize("endian", ENDIANS)
def test_a_hash_does_not_hold_for_a_frame_that_changed(tmp_path: Path, endian: str) -> None:
    head, hashed, flags = section(endian) + interface(1, 0, endian), (3, b"\2abcd"), (2, struct.pack(f"{endian}I", 1))
    came = [enhanced(one, 0, endian, option_list(endian, hashed, flags)) for one in (arriving(), VOICE)]
    left = [enhanced(leaving(), 0, endian, option_list(endian, flags)), came[1]]
    assert rewritten(tmp_path, head + b"".join(came)).data == head + b"".join(left)
