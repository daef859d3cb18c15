"""One connection: what it is told to be, and what is kept for it; its segments and messages are in the tests of the table."""

from collections import Counter

import pytest

from scapy_rr.capture.connection import ENCRYPTED, Connection
from scapy_rr.wire.segment import read

from ..pcapmaker.tcp import Connection as Talk
from .samples import bye

CALLER, PROXY = ("10.0.0.5", 40000), ("10.0.0.1", 5060)
HELLO = bytes.fromhex("160301000501000001ff")


def connected(port: int = 5060) -> tuple[Connection[int], Talk, Counter[str]]:
    """A connection, what makes its packets, and what is counted."""
    lost = Counter[str]()
    client = (bytes([10, 0, 0, 5]), 40000, bytes([10, 0, 0, 1]), port)
    return Connection(client, True, "1", lost, 0, None), Talk(CALLER, (PROXY[0], port)), lost


def take(one: Connection[int], side: int, packet: bytes) -> list[bytes]:
    """The messages that are whole with a packet."""
    segment = read(packet)
    assert segment is not None
    return [found.message for sender, found in one.take(packet, segment, side, 7, 1) if sender == side]


def test_a_message_and_the_frames_that_carried_it() -> None:
    one, talk, _ = connected()
    first, second = talk.send(bye(1), (200,))
    assert take(one, 0, first) == []
    assert one.held == 200 + 2048
    segment = read(second)
    assert segment is not None
    ((side, found),) = one.take(second, segment, 0, 8, 2)
    message = one.message(side, found)
    assert (message.side, message.found.message, message.tokens) == (0, bye(1), (7, 8))
    assert message.ends == ((bytes([10, 0, 0, 5]), 40000), (bytes([10, 0, 0, 1]), 5060))
    assert one.transport(0) == "tcp"


@pytest.mark.parametrize(("port", "counted"), [(5061, 1), (5060, 1), (443, 0)])
def test_tls_to_a_port_of_sip_is_counted(port: int, counted: int) -> None:
    """It is read no further, and holds no frame up."""
    one, talk, lost = connected(port)
    (hello,) = talk.send(HELLO)
    (answer,) = talk.send(HELLO, by_server=True)
    assert take(one, 0, hello) == take(one, 1, answer) == []
    assert (one.is_tls, one.transport(0), lost) == (True, "tls", Counter({ENCRYPTED: counted} if counted else {}))
    assert [packets for _, packets in one.ready()] == [None, None]
    assert one.held == 0


def test_what_a_server_sends_first_is_no_hello() -> None:
    one, talk, lost = connected()
    (packet,) = talk.send(HELLO, by_server=True)
    assert take(one, 1, packet) == []
    assert (one.is_tls, lost) == (False, {})


def test_a_syn_opens_another_connection_where_numbers_or_the_state_say_so() -> None:
    one, talk, _ = connected()
    packet = talk.open()[0]
    syn = read(packet)
    other = read(Talk(CALLER, PROXY, (77, 99)).open()[0])
    assert syn and other
    assert not one.is_new(syn, 0)
    one.take(packet, syn, 0, 7, 1)
    assert not one.is_new(syn, 0)
    assert one.is_new(other, 0)
    one.is_closed = True
    assert one.is_new(syn, 0)
