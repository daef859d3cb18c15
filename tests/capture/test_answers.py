"""What the proxy says to those who opened a connection to it: on that connection, as long as it is there."""

from pathlib import Path

import pytest

from scapy_rr.capture.place import Emit

from ..pcapmaker import websocket
from ..pcapmaker.frames import Flow
from ..pcapmaker.scenes import CALLEE, PROXY
from ..pcapmaker.tcp import ACK, PSH, Connection
from ..tshark_view import faults
from ..tshark_view import sip_messages as tshark_messages
from .conversations import CALLER, DIALOG, Packet, bye, capture, dissect, ok, proxy, written
from .samples import Done, records, rewritten

WEB = (PROXY[0], 80)
NO_WAY = "next hop is reached over a transport that is not written"
REFUSED = DIALOG.request("INVITE", 7, "r7", uri="sip:bob@10.0.0.9", routes=("<sip:10.0.0.1;lr>",), early=True)
"""A new request with a Route, which is answered with 403."""
TIRED = bye(8).replace(b"Max-Forwards: 70", b"Max-Forwards: 0")
"""One that is answered with 483."""
BACK, FORTH = (PROXY, CALLER), (CALLER, PROXY)


def answered(request: bytes, status: bytes = b"200 OK") -> bytes:
    """What the callee says to a request as it got it."""
    kept = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
    lines = [line for line in request.split(b"\r\n") if line.split(b":")[0] in kept]
    return b"\r\n".join([b"SIP/2.0 " + status, *lines, b"Content-Length: 0", b"", b""])


def routed(folder: Path, packets: list[bytes]) -> bytes:
    """The first request that leaves over UDP."""
    return written(rewritten(folder, capture(packets), proxy()).data).datagrams[0]


def from_callee(message: bytes) -> bytes:
    """A datagram with a response."""
    return Flow(CALLEE, PROXY).packet(message, 9)


def packets(done: Done) -> list[Packet]:
    """What was written."""
    return [dissect(one.frame) for one in records(done.data)]


def told(packet: Packet) -> tuple[int, int, int, bytes]:
    """The numbers of a segment, relative to the first ones, and its first bytes."""
    first = 0x0A11CE00, 0x0B0B0000
    back = packet.source == PROXY
    return packet.sequence - first[back], packet.acknowledgement - first[not back], packet.flags, packet.payload[:11]


@pytest.mark.parametrize(("request_", "status"), [(REFUSED, b"SIP/2.0 403"), (TIRED, b"SIP/2.0 483")])
def test_a_reply_of_our_own_over_tcp(tmp_path: Path, request_: bytes, status: bytes) -> None:
    """It takes the request's place; what follows in both directions has other numbers."""
    tcp = Connection(CALLER, PROXY)
    done = rewritten(tmp_path, capture([*tcp.open(), *tcp.say(request_), *tcp.say(bye(1)), *tcp.say(ok(1), by_server=True)]), proxy())
    reply = written(done.data).streams[BACK].removesuffix(ok(1))
    size = len(reply)
    assert reply.startswith(status)
    assert b"Via: SIP/2.0/TCP 10.0.0.5:40000;received=10.0.0.5;" in reply
    assert [told(one) for one in packets(done) if one.flags][3:] == [
        (1, 1, ACK | PSH, status),
        (1, 1 + size, ACK, b""),
        (1 + size, 1, ACK | PSH, b"SIP/2.0 200"),
        (1, 1 + size + len(ok(1)), ACK, b""),
    ]
    assert (dict(done.summary.routed), done.summary.given_up) == ({"answered " + status[8:].decode(): 1, "loose to loose": 1}, {})


def test_a_reply_goes_before_what_the_client_has_begun_to_say(tmp_path: Path) -> None:
    """The half of a request that waits has not been acknowledged when we answer."""
    tcp = Connection(CALLER, PROXY)
    done = rewritten(tmp_path, capture([*tcp.open(), *tcp.say(REFUSED + bye(1)[:50]), *tcp.say(bye(1)[50:] + b"\r\n\r\n")]), proxy())
    found = written(done.data)
    assert found.streams[FORTH] == b"\r\n\r\n"
    assert found.streams[BACK].startswith(b"SIP/2.0 403")
    assert len(found.datagrams) == 1


@pytest.mark.parametrize("status", [b"180 Ringing", b"200 OK"])
def test_a_response_from_udp_goes_to_the_callers_connection(tmp_path: Path, status: bytes) -> None:
    """At the place of its datagram."""
    tcp = Connection(CALLER, PROXY)
    request = [*tcp.open(), *tcp.say(bye(1))]
    response = answered(routed(tmp_path, request), status)
    done = rewritten(tmp_path, capture([*request, from_callee(response), *tcp.say(bye(2)), *tcp.close()]), proxy())
    sent = answered(bye(1), status).replace(b"5.0.0.1", b"5.0.0.1")
    (inserted,) = [one for one in packets(done) if one.source == PROXY and one.payload and one.flags]
    assert inserted.payload.startswith(b"SIP/2.0 " + status + b"\r\nVia: SIP/2.0/TCP 10.0.0.5:40000;")
    assert inserted.payload.count(b"Via") == sent.count(b"Via") == 1
    assert (inserted.sequence, inserted.acknowledgement) == (0x0B0B0001, 0x0A11CE01)
    assert (done.summary.routed["response"], done.summary.left) == (1, {})
    # That it came is acknowledged with the next segment, which is the caller's FIN.
    last = packets(done)[-3:]
    assert [told(one)[:2] for one in last] == [
        (1, 1 + len(inserted.payload)),
        (1 + len(inserted.payload), 2),
        (2, 2 + len(inserted.payload)),
    ]
    times = [one.seconds - 1_700_000_000 for one in records(done.data)]
    assert times == sorted(times)


def test_a_long_response_takes_several_segments(tmp_path: Path) -> None:
    tcp = Connection(CALLER, PROXY)
    request = [*tcp.open(), *tcp.say(bye(1))]
    response = answered(routed(tmp_path, request)).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 4000\r\n\r\n" + b"x" * 4000)
    done = rewritten(tmp_path, capture([*request, from_callee(response)]), proxy())
    inserted = [one for one in packets(done) if one.source == PROXY and one.payload and one.flags]
    assert [len(one.payload) for one in inserted[:-1]] == [1460] * (len(inserted) - 1)
    assert [one.flags for one in inserted] == [*[ACK] * (len(inserted) - 1), ACK | PSH]
    assert written(done.data).streams[BACK].endswith(b"\r\n\r\n" + b"x" * 4000)


# WebSocket.


def page(*messages: bytes) -> tuple[Connection, list[bytes]]:
    """A telephone in a web page that has said something."""
    tcp = Connection(CALLER, WEB)
    said = [*tcp.open(), *tcp.say(websocket.request()), *tcp.say(websocket.answer(), by_server=True)]
    for number, message in enumerate(messages):
        said += tcp.say(websocket.frame(message, mask=websocket.mask(number)))
    return tcp, said


def over_websocket(message: bytes) -> bytes:
    """A request with the Via that a web page's telephone has."""
    return message.replace(b"SIP/2.0/TCP 10.0.0.5:40000;branch=z9hG4bK", b"SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK")


def test_a_reply_of_our_own_over_websocket(tmp_path: Path) -> None:
    """A frame that is not masked; what the page has said before it stays acknowledged."""
    tcp, said = page(over_websocket(REFUSED))
    said += tcp.say(websocket.frame(b"?", websocket.PING, websocket.mask(9)))
    done = rewritten(tmp_path, capture(said), proxy())
    found = written(done.data).streams
    stream = found[WEB, CALLER].removeprefix(websocket.answer())
    assert stream == websocket.frame(stream[4:])
    assert stream[4:].startswith(b"SIP/2.0 403")
    assert found[CALLER, WEB] == websocket.request() + websocket.frame(b"?", websocket.PING, websocket.mask(9))
    assert (dict(done.summary.routed), done.summary.left) == ({"answered 403": 1}, {})


def test_a_response_from_udp_goes_to_the_pages_websocket(tmp_path: Path) -> None:
    tcp, said = page(over_websocket(bye(1)))
    response = answered(routed(tmp_path, said))
    done = rewritten(tmp_path, capture([*said, from_callee(response), *tcp.close()]), proxy())
    stream = written(done.data).streams[WEB, CALLER].removeprefix(websocket.answer())
    assert stream == websocket.frame(stream[4:])
    assert stream[4:].startswith(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/WS df7jal23ls0d.invalid;")
    assert (done.summary.routed["response"], done.summary.left) == (1, {})


# Where the connection is not there.


def closed(tcp: Connection) -> list[bytes]:
    """It was closed."""
    return tcp.close()


def reset(tcp: Connection) -> list[bytes]:
    """It was reset."""
    return [tcp.reset()]


def half_said(tcp: Connection) -> list[bytes]:
    """The proxy is in the middle of saying something else."""
    return tcp.say(ok(5)[:100], by_server=True)


@pytest.mark.parametrize("end", [closed, reset, half_said])
def test_without_a_connection_there_is_one_of_our_own(tmp_path: Path, end: object) -> None:
    assert callable(end)
    tcp = Connection(CALLER, PROXY)
    request = [*tcp.open(), *tcp.say(bye(1))]
    response = answered(routed(tmp_path, request))
    done = rewritten(tmp_path, capture([*request, *end(tcp), from_callee(response)]), proxy())
    own = [ends for ends in written(done.data).streams if ends[0][0] == PROXY[0] and ends not in (FORTH, BACK)]
    assert [there for _, there in own] == [CALLER]
    assert written(done.data).streams[own[0]].startswith(b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 10.0.0.5:40000;")
    assert (done.summary.routed["response"], done.summary.left) == (1, {})


@pytest.mark.parametrize("end", [closed, reset])
def test_without_a_websocket_the_response_is_left_alone(tmp_path: Path, end: object) -> None:
    assert callable(end)
    tcp, said = page(over_websocket(bye(1)))
    response = answered(routed(tmp_path, said))
    done = rewritten(tmp_path, capture([*said, *end(tcp), from_callee(response)]), proxy())
    assert records(done.data)[-1].frame[14:] == from_callee(response)
    left = done.summary.left[NO_WAY]
    assert (left.messages, left.detail) == (1, "ws:10.0.0.5:40000")
    assert "response" not in done.summary.routed


@pytest.mark.parametrize("emit", [Emit.APPEND, Emit.ONLY])
def test_what_is_added_does_not_stand_in_the_callers_connection(tmp_path: Path, emit: Emit) -> None:
    """That stays as it came."""
    tcp = Connection(CALLER, PROXY)
    data = capture([*tcp.open(), *tcp.say(REFUSED), *tcp.close()])
    done = rewritten(tmp_path, data, proxy(), emit)
    came = [one for one in records(done.data) if {dissect(one.frame).source, dissect(one.frame).destination} == {CALLER, PROXY}]
    assert came == (records(data) if emit is Emit.APPEND else [])
    own = [stream for (here, there), stream in written(done.data).streams.items() if here[0] == PROXY[0] and here != PROXY]
    assert [stream[:11] for stream in own] == [b"SIP/2.0 403"]
    tcp, said = page(over_websocket(REFUSED))
    done = rewritten(tmp_path, capture(said), proxy(), emit)
    assert (done.summary.routed, list(done.summary.left)) == ({}, [NO_WAY])


# What Wireshark says.


def test_tshark_sees_the_answers_and_no_fault(tshark: str, tmp_path: Path) -> None:
    """On one connection: replies of our own, between others, and a response from UDP; and on a WebSocket."""
    tcp = Connection(CALLER, PROXY)
    opening = tcp.open()
    begin = [*opening, *tcp.say(REFUSED), *tcp.say(bye(1))]
    response = answered(routed(tmp_path, begin))
    rest = [*tcp.say(TIRED, (100,)), from_callee(response), *tcp.say(bye(2)), *tcp.say(ok(2), by_server=True), *tcp.close()]
    (tmp_path / "in").unlink()
    (tmp_path / "out").unlink()
    web, said = page(over_websocket(REFUSED), over_websocket(TIRED), over_websocket(bye(3)))
    for number, packets_ in enumerate(([*begin, *rest], [*said, *web.close(by_server=True)])):
        (tmp_path / "work").mkdir(exist_ok=True)
        source, target = tmp_path / f"{number}.in.pcap", tmp_path / f"{number}.out.pcap"
        source.write_bytes(capture(packets_))
        target.write_bytes(rewritten(tmp_path / "work", source.read_bytes(), proxy()).data)
        assert faults(tshark, target) <= faults(tshark, source)
        found = [one.data[:11] for one in tshark_messages(tshark, target) if one.transport != "udp"]
        assert found == [[b"SIP/2.0 403", b"SIP/2.0 483", b"SIP/2.0 200", b"SIP/2.0 200"], [b"SIP/2.0 403", b"SIP/2.0 483"]][number]
