"""Captures of TCP connections as they are: each with the messages that are seen in it, and with what is written."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from scapy_rr.capture.place import Emit
from scapy_rr.capture.sip_stream import ENDED, GAP, UNFINISHED

from ..pcapmaker.scenes import PROXY
from ..pcapmaker.tcp import ACK, FIN, SYN, Connection
from ..tshark_view import faults
from ..tshark_view import sip_messages as tshark_messages
from .conversations import CALLER, FIRST, Seen, bye, capture, dissect, ok, proxy, seen, written
from .samples import records, rewritten

Packets = list[bytes]
PING, PONG = b"\r\n\r\n", b"\r\n"


class Scenario(NamedTuple):
    """A capture of one connection or several between the caller and the proxy."""

    packets: Packets
    seen: list[Seen]
    """Every message, with the frames that carried it and why it stays."""
    caller: bytes
    """What the caller's stream is when it is routed."""
    proxy: bytes
    """The same of the proxy's."""
    routed: list[int]
    """The numbers of the BYEs that leave over UDP."""
    lost: dict[str, int]
    """What came to nothing, over TCP."""


def wrapping() -> Scenario:
    """Both directions' numbers begin anew within a message, and once more at its end."""
    tcp = Connection(CALLER, PROXY, (2**32 - 100, 2**32 - 200))
    packets = [*tcp.open(), *tcp.say(bye(1), (99, 200)), *tcp.say(ok(1), (199,), by_server=True), *tcp.say(bye(2)), *tcp.close()]
    messages = [Seen((4, 5, 6), "", bye(1)), Seen((8, 9), "", ok(1)), Seen((11,), "", bye(2))]
    return Scenario(packets, messages, b"", ok(1), [1, 2], {})


def used_again() -> Scenario:
    """The same ports, with other numbers, though the first connection was never closed."""
    one, two = Connection(CALLER, PROXY), Connection(CALLER, PROXY, (77, 99_000_000))
    packets = [*one.open(), *one.say(bye(1)), *two.open(), *two.say(bye(2)), *two.say(ok(2), by_server=True), *two.close()]
    return Scenario(packets, [Seen((4,), "", bye(1)), Seen((9,), "", bye(2)), Seen((11,), "", ok(2))], b"", b"", [1, 2], {})


def used_again_with_the_same_numbers() -> Scenario:
    """After a close. What had moved in the first connection does not move in the second."""
    one, two = Connection(CALLER, PROXY), Connection(CALLER, PROXY)
    packets = [*one.open(), *one.say(bye(1)), *one.close(), *two.open(), *two.say(ok(2), by_server=True), *two.say(bye(2)), *two.close()]
    return Scenario(packets, [Seen((4,), "", bye(1)), Seen((12,), "", ok(2)), Seen((14,), "", bye(2))], b"", ok(2), [1, 2], {})


def with_a_gap() -> Scenario:
    """The second request was lost by the capture: what is behind it stays as it was, but for its numbers, which had moved."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(bye(1))]
    tcp.send(bye(2))
    packets += [tcp.acknowledge(by_server=True)]
    for number in (3, 4):
        packets += tcp.say(bye(number))
    packets += [*tcp.say(ok(1), by_server=True), *[part for number in range(5, 9) for part in tcp.say(PING)], *tcp.say(bye(9), (50,))]
    messages = [
        Seen((4,), "", bye(1)),
        Seen((11,), "", ok(1)),
        Seen((7,), GAP, bye(3)),
        Seen((9,), GAP, bye(4)),
        Seen((21, 22), GAP, bye(9)),
    ]
    return Scenario(packets, messages, b"", ok(1), [1], {f"over TCP: {GAP}": 1})


def reset_within_a_message() -> Scenario:
    """The message never ends; what there is of it passes."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(bye(1)), *tcp.say(bye(2)[:300]), tcp.reset(by_server=True)]
    return Scenario(packets, [Seen((4,), "", bye(1))], bye(2)[:300], b"", [1], {f"over TCP: {UNFINISHED}": 1})


def a_keep_alive_between_two_halves() -> Scenario:
    """TCP's is answered; those of SIP stand before and behind the message, one of them in halves."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(PING), *tcp.say(PONG, by_server=True), *tcp.say(bye(1)[:300]), *tcp.keep_alive()]
    packets += [*tcp.say(bye(1)[300:] + PING[:3]), *tcp.say(PING[3:]), *tcp.say(PONG, by_server=True), *tcp.close()]
    return Scenario(packets, [Seen((8, 12), "", bye(1))], PING + PING, PONG + PONG, [1], {})


def from_the_middle() -> Scenario:
    """Neither the handshake nor the beginning of the first message was captured."""
    tcp = Connection(CALLER, PROXY)
    tcp.open()
    packets = [*tcp.say(bye(1), (300,))[1:], *tcp.say(bye(2)), *tcp.say(ok(2), by_server=True), *tcp.close()]
    return Scenario(packets, [Seen((3,), "", bye(2)), Seen((5,), "", ok(2))], bye(1)[300:], ok(2), [2], {})


def data_with_a_syn() -> Scenario:
    """RFC 7413."""
    tcp = Connection(CALLER, PROXY)
    packets = [tcp.packet(SYN, bye(1)), tcp.packet(SYN | ACK, by_server=True), tcp.packet(ACK), *tcp.say(ok(1), by_server=True)]
    packets += [*tcp.say(bye(2)), *tcp.close()]
    return Scenario(packets, [Seen((1,), "", bye(1)), Seen((4,), "", ok(1)), Seen((6,), "", bye(2))], b"", ok(1), [1, 2], {})


def half_closed() -> Scenario:
    """The caller has said all it had to; the proxy has not."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(bye(1)), tcp.packet(FIN | ACK), tcp.acknowledge(by_server=True)]
    packets += [*tcp.say(ok(1), (100,), by_server=True), tcp.packet(FIN | ACK, by_server=True), tcp.acknowledge()]
    return Scenario(packets, [Seen((4,), "", bye(1)), Seen((8, 9), "", ok(1))], b"", ok(1), [1], {})


def behind_the_end() -> Scenario:
    """Somebody's reset was none of the ends'. What goes on has been given up by whoever believed it."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(bye(1)[:200]), tcp.packet(4, number=tcp.sequence[0]), *tcp.say(bye(1)[200:]), *tcp.say(bye(2))]
    messages = [Seen((7,), ENDED, bye(1)), Seen((9,), ENDED, bye(2))]
    return Scenario(packets, messages, bye(1) + bye(2), b"", [], {})


def several_in_a_segment() -> Scenario:
    """Two and a half, the rest, and answers in the same way."""
    tcp = Connection(CALLER, PROXY)
    requests, answers = (b"".join(map(one, (1, 2, 3))) for one in (bye, ok))
    packets = [*tcp.open(), *tcp.say(requests, (1400,)), *tcp.say(answers, (1200,), by_server=True), *tcp.close()]
    messages = [Seen((4,), "", bye(1)), Seen((4,), "", bye(2)), Seen((4, 5), "", bye(3))]
    messages += [Seen((7,), "", ok(1)), Seen((7,), "", ok(2)), Seen((7, 8), "", ok(3))]
    return Scenario(packets, messages, b"", answers, [1, 2, 3], {})


def not_only_sip() -> Scenario:
    """What stands between messages stays where it is."""
    tcp = Connection(CALLER, PROXY)
    packets = [*tcp.open(), *tcp.say(b"\0\1\2\3 not SIP"), *tcp.say(bye(1)), *tcp.say(b"\4\5\6\7"), *tcp.say(bye(2)), *tcp.close()]
    return Scenario(packets, [Seen((6,), "", bye(1)), Seen((10,), "", bye(2))], b"\0\1\2\3 not SIP\4\5\6\7", b"", [1, 2], {})


SCENARIOS: list[Callable[[], Scenario]] = [
    wrapping,
    used_again,
    used_again_with_the_same_numbers,
    with_a_gap,
    reset_within_a_message,
    a_keep_alive_between_two_halves,
    from_the_middle,
    data_with_a_syn,
    half_closed,
    behind_the_end,
    several_in_a_segment,
    not_only_sip,
]
# tshark takes a connection with the same numbers for a repetition of the one before it, and what precedes a message for a part of it.
NOT_FOR_TSHARK = {used_again_with_the_same_numbers, not_only_sip}
each = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
UPWARDS, DOWNWARDS = (CALLER, PROXY), (PROXY, CALLER)


def numbers(messages: list[bytes]) -> list[int]:
    """The CSeq of each."""
    return [int(one.partition(b"CSeq: ")[2].split()[0]) for one in messages]


@each
def test_what_is_seen(tmp_path: Path, scenario: Callable[[], Scenario]) -> None:
    one = scenario()
    assert seen(tmp_path, capture(one.packets)) == one.seen


@each
def test_what_is_written(tmp_path: Path, scenario: Callable[[], Scenario]) -> None:
    one = scenario()
    done = rewritten(tmp_path, capture(one.packets), proxy())
    found = written(done.data)
    if "again" not in scenario.__name__:
        assert (found.streams[UPWARDS], found.streams[DOWNWARDS]) == (one.caller, one.proxy)
    assert numbers(found.datagrams) == one.routed
    assert done.summary.given_up == one.lost


@each
@pytest.mark.parametrize("emit", [Emit.APPEND, Emit.ONLY])
def test_what_is_added(tmp_path: Path, scenario: Callable[[], Scenario], emit: Emit) -> None:
    """What came stays as it is, or goes; what leaves is the same."""
    one = scenario()
    data = capture(one.packets)
    done = rewritten(tmp_path, data, proxy(), emit)
    datagrams = [dissect(record.frame).payload for record in records(done.data) if record.frame[23] == 17]
    assert numbers(datagrams) == one.routed
    came = [record for record in records(done.data) if record.frame[23] == 6]
    assert came == (records(data) if emit is Emit.APPEND else [])


@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if one not in NOT_FOR_TSHARK], ids=lambda one: one.__name__)
def test_tshark_sees_the_same(tshark: str, tmp_path: Path, scenario: Callable[[], Scenario]) -> None:
    one = scenario()
    path = tmp_path / "in.pcap"
    path.write_bytes(capture(one.packets))
    # In order, it would wait for what is missing to the end.
    found = [message.data for message in tshark_messages(tshark, path, out_of_order=scenario is not with_a_gap)]
    # What is behind a gap comes a while later here.
    assert sorted(found) == sorted(message.data for message in one.seen)


@pytest.mark.parametrize(
    "scenario", [one for one in SCENARIOS if one is not used_again_with_the_same_numbers], ids=lambda one: one.__name__
)
def test_tshark_finds_no_fault_that_was_not_there(tshark: str, tmp_path: Path, scenario: Callable[[], Scenario]) -> None:
    source, target = tmp_path / "in.pcap", tmp_path / "out.pcap"
    source.write_bytes(capture(scenario().packets))
    before = faults(tshark, source)
    folder = tmp_path / "work"
    folder.mkdir()
    for emit in Emit:
        target.write_bytes(rewritten(folder, source.read_bytes(), proxy(), emit).data)
        assert faults(tshark, target) <= before


def test_the_numbers_behind_a_gap_have_moved(tmp_path: Path) -> None:
    """By what was taken out before it, in both directions."""
    one = with_a_gap()
    done = rewritten(tmp_path, capture(one.packets), proxy())
    last = records(done.data)[-1].frame
    assert int.from_bytes(last[42:46]) == FIRST[0] + 1 + sum(len(bye(n)) for n in (2, 3, 4, 9)) + 4 * len(PING)


def test_the_bytes_that_leave(tmp_path: Path) -> None:
    """Byte by byte: the request is taken out of its connection, and goes on over UDP, with a Via that tells the connection."""
    tcp = Connection(CALLER, PROXY)
    data = capture([*tcp.open(), *tcp.say(bye(1), (200,)), *tcp.close()])
    (sent,) = written(rewritten(tmp_path, data, proxy()).data).datagrams
    lines = bye(1).decode().split("\r\n")
    assert lines[1] == "Via: SIP/2.0/TCP 10.0.0.5:40000;branch=z9hG4bKa1;rport"
    assert lines[2] == "Route: <sip:10.0.0.1;transport=tcp;lr>"
    first, via, *rest = sent.decode().split("\r\n")
    assert via.startswith("Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK")
    assert via.endswith(";i=1")
    assert first == lines[0]
    assert rest[0] == "Via: SIP/2.0/TCP 10.0.0.5:40000;received=10.0.0.5;branch=z9hG4bKa1;rport=40000"
    assert rest[1:] == [line.replace("Max-Forwards: 70", "Max-Forwards: 69") for line in lines[3:]]
