"""Connections followed through a capture: what is seen of them, what waits, what is given up, and what comes out exactly once."""

from collections.abc import Iterable

import pytest

from scapy_rr.capture import connection as one_connection
from scapy_rr.capture.sip_stream import ENDED, GAP, UNFINISHED, WAITED
from scapy_rr.capture.tcp import AGE, BYTES, FRAMES, NUMBER, TcpConnections
from scapy_rr.wire.segment import read

from ..pcapmaker.scenes import PROXY
from ..pcapmaker.tcp import ACK, FIN, RST, SYN, Connection
from .conversations import CALLER, bye, ok

OTHER = ("10.0.0.6", 40000)
LONG = bye(9, "x" * 3000)


class Following:
    """Feeds packets, whose tokens are their numbers from 1, and keeps what comes out."""

    def __init__(self, **bounds: float) -> None:
        self.released: list[int] = []
        self.changed: dict[int, list[bytes]] = {}
        self.connections: TcpConnections[int] = TcpConnections(self._release, **bounds)  # type: ignore[arg-type]
        self.found: list[tuple[int, tuple[int, ...], bytes, str]] = []
        """After which packet a message was whole, which ones carried it, and why it stays."""
        self.exchanged: dict[bytes, bytes] = {}
        self._number = 0

    def _release(self, token: int, packets: list[bytes] | None) -> None:
        self.released.append(token)
        if packets is not None:
            self.changed[token] = packets

    def take(self, packets: Iterable[bytes], now: float = 0.0) -> "Following":
        for packet in packets:
            self._number += 1
            segment = read(packet)
            assert segment is not None
            self._keep(self.connections.add(packet, segment, self._number, now))
        return self

    def close(self) -> "Following":
        self._keep(self.connections.close())
        assert sorted(self.released) == list(range(1, self._number + 1)), "each frame is released, and once"
        assert len(self.connections) == 0
        assert self.connections._held == 0
        return self

    def _keep(self, messages: Iterable[one_connection.TcpMessage[int]]) -> None:
        for message in messages:
            found = message.found
            self.found.append((self._number, message.tokens, found.message, found.fixed))
            if not found.fixed and found.message in self.exchanged:
                message.connection.edit.exchange(message.side, found.start, found.raw, self.exchanged[found.message])

    @property
    def lost(self) -> dict[str, int]:
        return dict(self.connections.lost)


def test_one_message_a_segment() -> None:
    tcp = Connection(CALLER, PROXY)
    following = Following().take([*tcp.open(), *tcp.say(bye(1)), *tcp.say(ok(1), by_server=True)])
    assert following.found == [(4, (4,), bye(1), ""), (6, (6,), ok(1), "")]
    assert (following.released, following.changed) == ([1, 2, 3, 4, 5, 6, 7], {})
    assert (following.close().lost, len(following.found)) == ({}, 2)


def test_what_is_not_whole_waits_and_what_is_behind_it_too() -> None:
    """The acknowledgements of both, and what the other end sends, as they acknowledge it."""
    tcp = Connection(CALLER, PROXY)
    first, second = tcp.send(bye(1), (300,))
    packets = [first, tcp.acknowledge(by_server=True), *tcp.send(ok(7), by_server=True), second]
    following = Following().take(packets[:3])
    assert following.released == []
    following.take(packets[3:])
    assert following.released == [1, 2, 3, 4]
    assert following.found == [(3, (3,), ok(7), ""), (4, (1, 4), bye(1), "")]


def test_the_words_of_connections_and_who_opened_them() -> None:
    """Of one whose beginning was not captured, the one with the smaller port is the server."""
    one, two, three = Connection(CALLER, PROXY), Connection(PROXY, OTHER), Connection(("10.0.0.7", 5060), PROXY)
    syn, answer, _ = one.open()
    two.open()
    connections = Following().take([syn]).take([answer]).take(two.send(bye(1))).take(three.send(bye(2))).connections
    here, caller, other, third = ((bytes(map(int, host.split("."))), port) for host, port in (PROXY, CALLER, OTHER, ("10.0.0.7", 5060)))
    opened = connections.between(caller, here)
    assert opened is not None
    assert (opened[0].word, opened[0].client, opened[1]) == ("1", (*caller, *here), 1)
    assert connections.between(here, caller) is None
    # The proxy has the smaller port: it is taken for the server, though it may have opened the connection.
    guessed = connections.between(other, here)
    assert guessed is not None
    assert (guessed[0].word, guessed[1]) == ("2", 1)
    assert connections.between(here, other) == (guessed[0], 0)
    equal = connections.between(third, here)
    assert equal is not None
    assert (equal[0].word, equal[1], equal[0].is_certain) == ("3", 1, False)


def test_no_message_goes_by_a_connection_that_was_closed() -> None:
    tcp = Connection(CALLER, PROXY)
    following = Following().take([*tcp.open(), *tcp.say(bye(1)), *tcp.close()])
    caller, here = (b"\x0a\0\0\5", 40000), (b"\x0a\0\0\1", 5060)
    assert following.connections.between(caller, here) is None


# What was exchanged moves all that follows.


def test_later_numbers_follow() -> None:
    tcp = Connection(CALLER, PROXY, (1000, 5000))
    packets = [*tcp.open(), *tcp.say(bye(1)), *tcp.say(ok(1), by_server=True), *tcp.close()]
    following = Following()
    following.exchanged = {bye(1): b"short"}
    following.take(packets).close()
    assert following.found[0] == (4, (4,), bye(1), "")
    numbers = []
    for token, packet in enumerate(packets, 1):
        for one in following.changed.get(token, [packet]):
            segment = read(one)
            assert segment is not None
            numbers.append((segment.source_port, segment.sequence, segment.acknowledgement, len(segment.payload)))
    size = len(ok(1))
    assert numbers == [
        (40000, 1000, 0, 0),
        (5060, 5000, 1001, 0),
        (40000, 1001, 5001, 0),
        (40000, 1001, 5001, 5),
        (5060, 5001, 1006, 0),
        (5060, 5001, 1006, size),
        (40000, 1006, 5001 + size, 0),
        (40000, 1006, 5001 + size, 0),
        (5060, 5001 + size, 1007, 0),
        (40000, 1007, 5002 + size, 0),
    ]


# Gaps, and the ends of connections.


def test_what_comes_late_is_no_gap() -> None:
    tcp = Connection(CALLER, PROXY)
    first, second, third = tcp.send(bye(1), (100, 100))
    following = Following().take([first, third, *[tcp.acknowledge()] * 14])
    assert (following.released, following.found) == ([], [])
    following.take([second])
    assert following.found == [(17, (1, 2, 17), bye(1), "")]
    assert following.close().lost == {}


def test_a_gap_that_was_acknowledged_is_passed_by() -> None:
    """After a while; what is behind it is seen, and stays. Without the acknowledgement it is waited for."""
    tcp = Connection(CALLER, PROXY)
    opening = tcp.open()
    whole, _, after = tcp.send(bye(1)), tcp.send(bye(2)), tcp.send(bye(3))
    idle = [tcp.acknowledge(by_server=True)] * 17
    following = Following().take([*opening, *whole, *after, *idle[:15]])
    assert [number for number, *_ in following.found] == [4]
    following.take(idle[15:])
    assert following.found[1:] == [(21, (5,), bye(3), GAP)]
    following.take(tcp.send(bye(4)))
    assert following.found[2:] == [(23, (23,), bye(4), GAP)]
    assert following.close().lost == {GAP: 1}


def test_a_gap_that_nobody_acknowledged_is_waited_for() -> None:
    tcp = Connection(CALLER, PROXY)
    whole, _ = tcp.send(bye(1)), tcp.send(bye(2))
    after = tcp.send(bye(3))
    following = Following().take([*whole, *after, *[tcp.packet(ACK)] * 40])
    assert ([one[2] for one in following.found], following.released) == ([bye(1)], [1])
    assert following.close().found[1] == (42, (2,), bye(3), GAP)


def test_of_one_direction_alone_there_are_messages() -> None:
    """What the other end sent is only acknowledged: at first that may still come."""
    tcp = Connection(CALLER, PROXY)
    tcp.open()
    packets = []
    for number in range(40):
        packets += tcp.send(bye(number))
        tcp.send(ok(number), by_server=True)
    following = Following().take(packets)
    assert [(number, fixed) for number, _, _, fixed in following.found] == [(number, "") for number in range(1, 41)]
    assert following.released == list(range(1, 41))
    assert following.close().lost == {GAP: 1}


@pytest.mark.parametrize("answered", [True, False])
def test_a_capture_that_begins_with_a_keep_alive_has_no_gap(answered: bool) -> None:
    tcp = Connection(CALLER, PROXY)
    tcp.open()
    probes = tcp.keep_alive()
    following = Following().take([*probes[: 1 + answered], *tcp.say(bye(1)), *tcp.say(ok(1), by_server=True)])
    assert [one[2:] for one in following.found] == [(bye(1), ""), (ok(1), "")]
    assert following.released == list(range(1, following._number + 1))
    assert following.close().lost == {}


def test_a_reset_in_the_middle_of_a_message_ends_it() -> None:
    tcp = Connection(CALLER, PROXY)
    following = Following().take([*tcp.open(), tcp.send(bye(1), (300,))[0], tcp.reset(by_server=True)])
    assert following.released == [1, 2, 3, 4, 5]
    assert (following.found, following.close().lost) == ([], {UNFINISHED: 1})
    # If it comes all the same, it is seen, and stays: a part of it is written already.
    tcp = Connection(CALLER, PROXY)
    opening = tcp.open()
    first, second = tcp.send(bye(1), (300,))
    following = Following().take([*opening, first, tcp.reset(by_server=True), second, *tcp.send(bye(2))])
    assert [one[2:] for one in following.found] == [(bye(1), ENDED), (bye(2), ENDED)]


def test_a_connection_that_is_used_again() -> None:
    """With other numbers; and with the same ones, when the first was closed."""
    for first in ((1, 2), (0x0A11CE00, 0x0B0B0000)):
        one, two = Connection(CALLER, PROXY), Connection(CALLER, PROXY, first)
        following = Following()
        following.exchanged = {bye(1): b""}
        following.take([*one.open(), *one.say(bye(1)), *one.close(), *two.open(), *two.say(bye(2))])
        assert [one[2] for one in following.found] == [bye(1), bye(2)]
        assert max(following.changed) == 8, "what belongs to the second one has its own numbers"
        assert following.close().lost == {}


def test_a_syn_that_is_sent_again_opens_no_other_connection() -> None:
    tcp = Connection(CALLER, PROXY)
    syn, answer, third = tcp.open()
    following = Following().take([syn, syn, answer, answer, third, *tcp.send(bye(1))])
    assert [one[1:] for one in following.found] == [((6,), bye(1), "")]
    assert following.connections._opened == 1


def test_the_next_connection_is_known_without_its_syn() -> None:
    one, two = Connection(CALLER, PROXY), Connection(CALLER, PROXY, (0x99999999, 5))
    last = one.send(bye(1))
    following = Following().take([*last, one.reset(), *last, *two.send(bye(2))])
    assert [one[1:] for one in following.found] == [((1,), bye(1), ""), ((4,), bye(2), "")]


def test_data_with_a_syn_and_with_a_fin() -> None:
    tcp = Connection(CALLER, PROXY)
    packets = [
        tcp.packet(SYN, bye(1)),
        tcp.packet(SYN | ACK, by_server=True),
        tcp.packet(ACK | FIN, bye(2)),
        *tcp.send(ok(1), by_server=True),
    ]
    following = Following().take(packets)
    assert following.found == [(1, (1,), bye(1), ""), (3, (3,), bye(2), ""), (4, (4,), ok(1), "")]
    assert following.released == [1, 2, 3, 4]


def test_data_of_a_reset_is_none() -> None:
    """It may say why (RFC 9293 3.5.3)."""
    tcp = Connection(CALLER, PROXY)
    assert Following().take([tcp.packet(RST, bye(1))]).close().found == []


# Bounds.


def test_the_connection_that_was_unused_for_longest_goes_first() -> None:
    connections = [Connection((f"10.0.1.{number}", 40000), PROXY) for number in range(4)]
    following = Following(most=2)
    for one in connections:
        following.take(one.send(bye(1), (300,))[:1])
    assert (following.released, following.lost, len(following.connections)) == ([1, 2], {NUMBER: 2, UNFINISHED: 2}, 2)
    following.take(connections[2].send(bye(2))).take(Connection(CALLER, PROXY).send(bye(3)))
    assert following.released == [1, 2, 6, 4]
    following.close()


def test_connections_that_have_nothing_open_are_forgotten_without_a_word() -> None:
    following = Following(most=2)
    for number in range(10):
        tcp = Connection((f"10.0.1.{number}", 40000), PROXY)
        following.exchanged[bye(number)] = b""
        following.take([*tcp.open(), *tcp.say(bye(number)), *tcp.close()])
    assert (len(following.connections), following.close().lost) == (2, {})


def test_so_many_closed_connections_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that was opened again meanwhile is none of them."""
    monkeypatch.setattr("scapy_rr.capture.tcp._MOST_CLOSED", 3)
    following = Following()
    for number in (*range(5), 0, 2):
        connection = Connection((f"10.0.1.{number}", 40000), PROXY)
        following.take([*connection.open(), *connection.say(bye(1)), connection.reset()])
        if number == 2:
            again = Connection(("10.0.1.2", 40000), PROXY, (7, 8))
            following.take(again.open())
    assert [key[0][3] for key in following.connections._connections] == [4, 0, 2]
    assert following.close().lost == {}


def test_an_open_connection_that_was_exchanged_is_missed() -> None:
    """What comes of it can follow no longer."""
    following = Following(most=1)
    following.exchanged = {bye(1): b""}
    for number in range(3):
        following.take(Connection((f"10.0.1.{number}", 40000), PROXY).send(bye(1)))
    assert following.lost == {NUMBER: 2}


def test_the_bytes_of_all_are_counted() -> None:
    following = Following(most_bytes=10_000)
    for number in range(8):
        following.take(Connection((f"10.0.1.{number}", 40000), PROXY).send(LONG, (1400,))[:1])
    assert 0 < following.connections._held <= 10_000
    assert following.lost == {BYTES: 8 - len(following.connections), UNFINISHED: 8 - len(following.connections)}
    following.close()


def test_a_silent_connection_is_given_up() -> None:
    one, two = Connection(CALLER, PROXY), Connection(OTHER, PROXY)
    following = Following(seconds=60).take(one.send(bye(1), (300,))[:1], 1000)
    following.take(two.send(bye(2)), 1060)
    assert following.released == [2]
    following.take(two.send(bye(3)), 1061)
    assert (following.released, following.lost) == ([2, 3, 1], {AGE: 1, UNFINISHED: 1})


def test_a_message_without_end_waits_for_so_many_frames() -> None:
    """Then it passes, and is seen when it ends; the next one is exchanged again."""
    tcp = Connection(CALLER, PROXY)
    following = Following()
    following.exchanged = {LONG: b"gone", bye(2): b"exchanged"}
    begin = tcp.sequence[0]
    first, *others = tcp.send(LONG, (1400,))
    waiting = [first, *[tcp.acknowledge(by_server=True, upto=begin + 1400)] * 8192]
    following.take(waiting[:-1])
    assert following.released == []
    following.take(waiting[-1:])
    assert (len(following.released), following.lost) == (8193, {FRAMES: 1})
    following.take(others).take(tcp.send(bye(2)))
    assert [one[2:] for one in following.found] == [(LONG, WAITED), (bye(2), "")]
    assert list(following.changed) == [8193 + len(others) + 1]
    following.close()


def test_frames_that_wait_for_what_came_too_early_are_let_go() -> None:
    tcp = Connection(CALLER, PROXY)
    one, missing, three = tcp.send(bye(1)), tcp.send(bye(2)), tcp.send(bye(3))
    following = Following().take([*one, *three, tcp.packet(ACK)])
    assert following.released == [1]
    following.connections.give_up_waiting(lambda token: token > 3)
    assert following.released == [1]
    following.connections.give_up_waiting(lambda token: token <= 2)
    assert (following.released, following.lost) == ([1, 2, 3], {FRAMES: 1})
    following.take(missing).take(tcp.send(bye(4)))
    assert [one[2:] for one in following.found] == [(bye(1), ""), (bye(2), WAITED), (bye(3), WAITED), (bye(4), "")]
    following.close()


def test_a_message_of_frames_that_have_left_names_the_last_one() -> None:
    """It was behind a gap when others could not wait."""
    tcp = Connection(CALLER, PROXY)
    one, _, three = tcp.send(bye(1)), tcp.send(bye(2)), tcp.send(bye(3))
    following = Following().take([*one, *three])
    following.connections.give_up_waiting()
    assert following.close().found[1] == (2, (2,), bye(3), GAP)


def test_too_much_that_came_too_early_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_connection, "_MOST_EARLY", 1000)
    connection = Connection(CALLER, PROXY)
    one, _, three, four = connection.send(bye(1)), connection.send(bye(2)), connection.send(bye(3)), connection.send(bye(4))
    following = Following().take([*one, *three])
    assert [found[2] for found in following.found] == [bye(1)]
    following.take(four)
    assert [found[2:] for found in following.found[1:]] == [(bye(3), GAP), (bye(4), GAP)]
    following.close()
