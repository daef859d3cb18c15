"""A capture with routing applied: what leaves is in the place of what came, and everything else is as it was."""

from pathlib import Path

import pytest

from scapy_rr.capture.place import Emit
from scapy_rr.capture.reader import Damage
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.summary import Summary
from scapy_rr.proxy.router import Preloaded

from ..pcapmaker.frames import Flow, padded_ethernet, vlan
from ..pcapmaker.scenes import CALLEE, CALLER, PROXY
from .samples import VOICE, Kept, arriving, bye, frame, invite, leaving, pcap, records, rewritten, router

FRAMES = [VOICE, arriving(1), VOICE, b"", arriving(2), frame(b"SIP/2.0 200 OK\r\n\r\n")]


def kept(number: int, data: bytes) -> Kept:
    """The record of ``pcap``'s that has this number, with another frame in it."""
    return Kept(1_700_000_000 + number, 1001 * number, len(data), data)


@pytest.mark.parametrize("nano", [False, True])
@pytest.mark.parametrize("endian", ["<", ">"])
def test_the_routed_frame_takes_the_place_of_the_received_one(tmp_path: Path, endian: str, nano: bool) -> None:
    done = rewritten(tmp_path, pcap(FRAMES, endian, nano))
    assert done.data == pcap([VOICE, leaving(1), VOICE, b"", leaving(2), FRAMES[5]], endian, nano)
    assert (done.summary.frames, done.summary.routed) == (6, {"loose to loose": 2})


@pytest.mark.parametrize(
    ("emit", "wanted"),
    [
        (
            Emit.REPLACE,
            [kept(0, VOICE), kept(1, leaving(1)), kept(2, VOICE), kept(3, b""), kept(4, leaving(2)), kept(5, FRAMES[5])],
        ),
        (
            Emit.APPEND,
            [
                *(kept(0, VOICE), kept(1, arriving(1)), kept(1, leaving(1)), kept(2, VOICE), kept(3, b"")),
                *(kept(4, arriving(2)), kept(4, leaving(2)), kept(5, FRAMES[5])),
            ],
        ),
        (Emit.ONLY, [kept(1, leaving(1)), kept(4, leaving(2))]),
    ],
)
def test_what_becomes_of_the_original(tmp_path: Path, emit: Emit, wanted: list[Kept]) -> None:
    """Times and order are those of the capture."""
    assert records(rewritten(tmp_path, pcap(FRAMES), emit=emit).data) == wanted


def test_only_of_a_capture_in_which_nothing_is_routed(tmp_path: Path) -> None:
    assert rewritten(tmp_path, pcap([VOICE, b"", FRAMES[5]]), emit=Emit.ONLY).data == pcap([])


@pytest.mark.parametrize("emit", [Emit.REPLACE, Emit.APPEND, Emit.ONLY])
def test_two_processes_do_as_one_does(tmp_path: Path, emit: Emit) -> None:
    """Over several buffers, the last of which is cut."""
    data = pcap([arriving(number) if number % 3 else VOICE for number in range(6000)])[:-100]
    one, two = (rewritten(tmp_path, data, emit=emit, processes=processes) for processes in (1, 2))
    assert len(data) > 2 << 20
    assert one == two
    assert one.summary.routed == {"loose to loose": 3999}
    assert "the file ends within a frame" in one.summary.cut


def test_lengths_grow_and_shrink_together(tmp_path: Path) -> None:
    """The original length moves as the captured one does. A trailer that the capture has no longer is not the message's."""
    message = invite()
    came = Kept(5, 6, 900, frame(message))
    (left,) = records(rewritten(tmp_path, pcap([came])).data)
    grown = len(left.frame) - len(came.frame)
    assert left.frame[:14] == came.frame[:14]
    assert (left.seconds, left.fraction, left.original) == (5, 6, 900 + grown)
    record_route = b"Record-Route: <sip:10.0.0.1;lr;ftag=a1ce7f3e>\r\n"
    assert grown == len(record_route)
    line, rest = message.split(b"\r\n", 1)
    assert left.frame[14:] == Flow(PROXY, CALLEE).packet(line + b"\r\n" + record_route + rest, 7)


@pytest.mark.parametrize("snap", [1, 530, 65535, 0])
def test_the_snap_length_of_the_header_follows_a_frame_that_outgrows_it(tmp_path: Path, snap: int) -> None:
    """Where it says that there is one."""
    came = frame(invite())
    assert len(came) < 530
    done = rewritten(tmp_path, pcap([came], snap=snap))
    (left,) = records(done.data)
    assert len(left.frame) > 530
    assert int.from_bytes(done.data[16:20], "little") == (len(left.frame) if snap in (1, 530) else snap)


def test_padding_and_a_trailer_stay_behind_the_datagram(tmp_path: Path) -> None:
    came = frame(bye()) + b"\xde\xad\xbe\xef"
    (left,) = records(rewritten(tmp_path, pcap([came])).data)
    assert left.frame == leaving(1) + b"\xde\xad\xbe\xef"
    short = padded_ethernet(Flow(CALLER, PROXY).packet(b"\r\n"))
    assert rewritten(tmp_path, pcap([short])).data == pcap([short])


def test_a_vlan_tag_stays(tmp_path: Path) -> None:
    came = vlan(Flow(CALLER, PROXY).packet(bye(), 7))
    (left,) = records(rewritten(tmp_path, pcap([came])).data)
    assert left.frame == came[:18] + leaving()[14:]


def test_no_checksum_stays_none(tmp_path: Path) -> None:
    came = bytearray(arriving())
    came[40:42] = b"\0\0"
    (left,) = records(rewritten(tmp_path, pcap([bytes(came)])).data)
    wanted = bytearray(leaving())
    wanted[40:42] = b"\0\0"
    assert left.frame == wanted


def test_the_next_hop_is_looked_up_in_the_hosts(tmp_path: Path) -> None:
    came = frame(invite("sip:bob@example.com"))
    done = rewritten(tmp_path, pcap([came]), router(hosts={"example.com": "10.0.0.77:5099"}))
    (left,) = records(done.data)
    assert left.frame[26:38] == bytes([10, 0, 0, 1, 10, 0, 0, 77]) + (5060).to_bytes(2, "big") + (5099).to_bytes(2, "big")


def test_ports_narrow_what_is_looked_at(tmp_path: Path) -> None:
    odd = frame(bye(), ("10.0.0.5", 7000), ("10.0.0.1", 5080))
    how = router("udp:10.0.0.1:5060", "udp:10.0.0.1:5080", ports=(7000,))
    done = rewritten(tmp_path, pcap([arriving(), odd]), how)
    assert [one.frame == came for one, came in zip(records(done.data), [arriving(), odd], strict=True)] == [True, False]
    assert done.summary.messages == {"BYE": 1}


LEFT = {
    "malformed request": frame(bye().replace(b"\nTo:", b"\nTwo:")),
    "body shorter than its Content-Length": frame(bye().replace(b"Content-Length: 0", b"Content-Length: 7")),
    "next hop is a name without an address": frame(invite("sip:bob@nowhere.example")),
    "next hop is ourselves": frame(invite("sip:bob@10.0.0.1")),
    "no listener of the next hop's transport and family": frame(invite("sip:bob@[2001:db8::9]")),
    "next hop is reached over a transport that is not written": frame(invite("sip:bob@10.0.0.9;transport=tls")),
    "next hop is of another address family": frame(invite("sip:bob@[2001:db8::9]")),
    "403 Preload Route denied": frame(invite(routes=("<sip:10.0.0.1;lr>",))),
    "404 Not here": frame(bye(routes=())),
    "Routes that do not parse or lead nowhere": frame(bye(routes=("<sip:10.0.0.1;lr", "<>"))),
    "not addressed to a listener": frame(bye(), destination=("10.0.0.1", 5070)),
    "response": frame(b"SIP/2.0 200 OK\r\n\r\n"),
    "frame truncated by the capture": arriving()[:-10],
    "malformed IP or UDP header": arriving()[:38] + b"\0\x07" + arriving()[40:],
    "link type that is not read": arriving(),
    "not IP": arriving()[:12] + b"\x88\xcc" + arriving()[14:],
    "longer than IP can carry": frame(invite() + bytes(65535 - 28 - len(invite()))),
}
LISTENERS = {
    "next hop is reached over a transport that is not written": ("udp:10.0.0.1:5060", "tls:10.0.0.1:5061"),
    "next hop is of another address family": ("udp:10.0.0.1:5060", "udp:[2001:db8::1]:5060"),
}


@pytest.mark.parametrize("reason", LEFT)
def test_what_is_left_alone_is_copied_and_counted_with_its_first_frame(tmp_path: Path, reason: str) -> None:
    """It comes out byte by byte as it went in; what is around it is routed."""
    link_type = 105 if reason == "link type that is not read" else 1
    data = pcap([VOICE, LEFT[reason], LEFT[reason], arriving()], link_type=link_type)
    done = rewritten(tmp_path, data, router(*LISTENERS.get(reason, ())))
    if link_type == 105:
        assert done.data == data
    else:
        assert done.data == pcap([VOICE, LEFT[reason], LEFT[reason], leaving()])
    leaving_alone = done.summary.left[reason]
    assert (leaving_alone.messages, leaving_alone.first_frame) == (2 if link_type == 1 else 3, 2)


def test_preloaded_routes_are_relayed_where_asked(tmp_path: Path) -> None:
    came = frame(invite(routes=("<sip:10.0.0.1;lr>", "<sip:10.0.0.9;lr>")))
    done = rewritten(tmp_path, pcap([came]), router(preloaded=Preloaded.RELAY))
    (left,) = records(done.data)
    assert left.frame[26:34] == bytes([10, 0, 0, 1, 10, 0, 0, 9])
    assert b"Route: <sip:10.0.0.9;lr>\r\n" in left.frame
    assert b"\nRoute: <sip:10.0.0.1;lr>" not in left.frame


def test_methods_that_somebody_makes_up_do_not_fill_the_memory(tmp_path: Path) -> None:
    frames = [frame(bye().replace(b"BYE", b"X%d" % number)) for number in range(100)]
    messages = rewritten(tmp_path, pcap(frames)).summary.messages
    assert len(messages) == 65
    assert messages["other"] == 36


def test_a_summary_as_a_dictionary(tmp_path: Path) -> None:
    done = rewritten(tmp_path, pcap([VOICE, arriving(), LEFT["response"]]))
    assert done.summary.as_dict() == {
        "frames": 3,
        "sip_messages": 2,
        "by_method": {"BYE": 1, "response": 1},
        "routed": {"loose to loose": 1},
        "left_alone": {"response": {"messages": 1, "first_frame": 3, "detail": ""}},
        "given_up": {},
        "cut": "",
    }


def test_what_does_not_please_gets_no_name(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([arriving()]))
    seen: list[Summary] = []

    def refuse(summary: Summary) -> None:
        seen.append(summary)
        raise Damage(source, 0, "no")

    with pytest.raises(Damage):
        rewrite(source, tmp_path / "out", router(), accept=refuse)
    assert list(tmp_path.iterdir()) == [source]
    assert seen[0].routed == {"loose to loose": 1}


def test_progress_ends_with_all_there_is(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.write_bytes(pcap([VOICE] * 10_000))
    steps: list[tuple[int, int]] = []
    rewrite(source, tmp_path / "out", router(), progress=lambda done, total: steps.append((done, total)))
    size = source.stat().st_size
    assert len(steps) > 1
    assert steps == sorted(steps)
    assert steps[-1] == (size, size)
