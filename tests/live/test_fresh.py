"""New identifiers wherever they stand, the same for the same, others in the next loop; every length stays, and checksums are right."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Packet, Raw

from scapy_rr.capture.reader import Capture
from scapy_rr.live.fresh import Fresh, Stale

from ..capture.samples import VOICE, bye, frame
from ..make_pcaps import FOLDER

LOOP = Fresh(b"salt", 1)
NEXT = Fresh(b"salt", 2)
identifiers = st.binary(min_size=1, max_size=100)


def new(old: str, how: Fresh = LOOP) -> str:
    """What becomes of an identifier."""
    return how.identifier(old.encode()).decode()


def test_an_identifier_keeps_its_length_and_all_but_letters_and_digits() -> None:
    old = "1-6604_aZ@10.0.0.5:~%"
    assert len(new(old)) == len(old)
    for before, after in zip(old, new(old), strict=True):
        assert (before == after) == (not before.isalnum())
        assert before.isalnum() == after.isalnum()


def test_every_loop_and_every_salt_has_others() -> None:
    old = "f81d4fae7dec11d0a76500a0c91e6bf6@foo"
    found = {new(old, Fresh(salt, loop)) for salt in (b"a", b"b") for loop in range(500)}
    assert len(found | {old}) == 1001
    assert new(old) == new(old, Fresh(b"salt", 1))


@given(identifiers, identifiers)
def test_two_do_not_become_one(one: bytes, other: bytes) -> None:
    assert (LOOP.identifier(one) == LOOP.identifier(other)) == (one == other)


def of(line: str) -> str:
    """What becomes of a header line."""
    start = "INVITE sip:bob@10.0.0.9 SIP/2.0\r\n"
    made = LOOP.message(f"{start}{line}\r\n\r\n".encode()).decode()
    assert made.startswith(start)
    assert made.endswith("\r\n\r\n")
    return made[len(start) : -4]


@pytest.mark.parametrize(
    "line",
    [
        "Call-ID: {id9@10.0.0.5}",
        "i:{id9}",
        "CALL-ID \t: \r\n {id9}",
        "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK{a1.0};rport, SIP/2.0/UDP a ; Branch = Z9hG4bK{b2};received=10.0.0.5",
        "v: SIP/2.0/UDP 10.0.0.5;branch={old-one}",
        "Via: SIP/2.0/UDP 10.0.0.5",
        "From: <sip:alice@example.com>;tag={a1ce}",
        'f: "tag" <sip:a@h;tag=left>;x=y;tag={a1ce};z',
        'From: "a;tag=left \\" <" <sip:a@h> ; tag = "{a1ce}"',
        "To: sip:bob@example.com;tag={b0b}",
        "t:<sip:bob@example.com>",
        'To: <sip:bob@example.com>;tag={b0b};note="a > b"',
        "From: <sip:alice@example.com>\r\n ;tag={a1ce}",
        "Replaces: {id9@h};to-tag={a};from-tag={b};early-only",
        "Join: {id9@h} ; from-tag = {b};to-tag={a}",
        "Target-Dialog: {id9@h};local-tag={a};remote-tag={b}",
        "In-Reply-To: {id9@h}, {id8@h}",
        "Refer-To: <sip:c@h;x?Replaces={id9}%40{h}%3Bto-tag%3D{a}%3Bfrom-tag%3D{b}&Accept=x>",
        "r: <sip:c@h?replaces={id9}@{h}%3bfrom-tag%3d{b}%3bto-tag%3d{a}>",
        "Refer-To: <sip:c@h;to=1?a=b&Call-ID={id9}>;x=y",
        "Refer-To: <sip:carol@example.com>",
        "Event: dialog;call-id={id9};from-tag={a};to-tag={b}",
        "o: refer;id=93809824",
        "Route: <sip:10.0.0.1;lr;ftag={a1ce};did=1.2>,<sip:p2;ftag={a1ce}>",
        "Record-Route: <sip:10.0.0.1;r2=on;lr=on;ftag={a1ce}>",
        "Contact: <sip:alice@10.0.0.5:5060>;tag=left;branch=left",
        "Subject: Call-ID: left",
        "X-Call-ID: left",
    ],
)
def test_where_identifiers_stand(line: str) -> None:
    """Those in braces become others, nothing else does."""
    # In an identifier that is escaped in parts, each place counts from its beginning.
    places = {"{h}": "{id9@h}"}
    wanted = re.sub(r"\{([^}]*)\}", lambda found: new(places.get(found[0], found[0])[1:-1])[-len(found[1]) :], line)
    assert of(re.sub(r"[{}]", "", line)) == wanted


def test_an_escaped_letter_stays_escaped() -> None:
    made = of("Refer-To: <sip:c@h?Replaces=%61b%40c>")
    assert made == f"Refer-To: <sip:c@h?Replaces=%{ord(new('ab@c')[0]):02X}{new('ab@c')[1]}%40{new('ab@c')[3]}>"


def test_a_strict_routers_request_uri() -> None:
    made = LOOP.message(b"BYE sip:10.0.0.1;lr;ftag=a1ce SIP/2.0\r\nTo: <sip:b>;tag=a1ce\r\n\r\n")
    assert made == f"BYE sip:10.0.0.1;lr;ftag={new('a1ce')} SIP/2.0\r\nTo: <sip:b>;tag={new('a1ce')}\r\n\r\n".encode()


def test_bodies_are_left() -> None:
    body = b"\r\n\r\nSIP/2.0 200 OK\r\nCall-ID: left\r\nTo: <sip:b>;tag=left\r\n\r\nRoute: <sip:a;ftag=left>"
    data = b"NOTIFY sip:a@h SIP/2.0\r\nCall-ID: 1\r\n" + body
    assert LOOP.message(data).endswith(body)


@pytest.mark.parametrize("data", [b"", b"\r\n\r\n", b"x", b"BYE sip:a SIP/2.0\r\nCall-ID:", b"\n\nBYE sip:a SIP/2.0\nfrom:<a>;tag=\n\n"])
def test_what_has_none_is_left(data: bytes) -> None:
    assert LOOP.message(data) == data


def test_line_ends_before_the_message_and_lone_line_feeds() -> None:
    assert LOOP.message(b"\r\n\r\nBYE sip:a SIP/2.0\nCall-ID: abc\n\nCall-ID: abc") == (
        b"\r\n\r\nBYE sip:a SIP/2.0\nCall-ID: " + LOOP.identifier(b"abc") + b"\n\nCall-ID: abc"
    )


@given(st.binary(max_size=300))
def test_whatever_comes_keeps_its_length(data: bytes) -> None:
    data = b"BYE sip:a SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=" + data
    assert len(LOOP.message(data)) == len(data)


def assert_right(made: bytes) -> None:
    """Scapy finds the checksums that are there."""
    packet, again = Ether(made), Ether(made)
    for layer in (IP, UDP, TCP):
        while layer in again and again[layer].chksum is not None:
            again[layer].chksum = None
    assert bytes(Ether(bytes(again))) == bytes(packet)


SIP = bye().decode()


def built(packet: Packet) -> bytes:
    """The frame of a Scapy packet."""
    return bytes(Ether(src="02:00:00:00:00:05", dst="02:00:00:00:00:01") / packet)


@pytest.mark.parametrize("length", range(4))
@pytest.mark.parametrize(
    "below",
    [
        IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060),
        Dot1Q(vlan=7) / IP(src="10.0.0.5", dst="10.0.0.1", options=b"\x01" * 4) / UDP(sport=5060, dport=5060),
        IPv6(src="fd00::5", dst="fd00::1") / UDP(sport=5060, dport=5060),
        IP(src="10.0.0.5", dst="10.0.0.1") / TCP(sport=5060, dport=5060, flags="PA", options=[("NOP", None)] * 8),
        IPv6(src="fd00::5", dst="fd00::1") / TCP(sport=5060, dport=5060, flags="PA"),
    ],
    ids=["IPv4, UDP", "VLAN and options", "IPv6, UDP", "IPv4, TCP", "IPv6, TCP"],
)
def test_a_frame(below: Packet, length: int) -> None:
    """Even and odd ones, each with a trailer."""
    message = SIP.replace("Content-Length: 0\r\n\r\n", f"Content-Length: {length}\r\n\r\n" + "b" * length).encode()
    was = built(below / Raw(message)) + b"trailer"
    made = LOOP.frame(was)
    assert made != was
    assert made == was.replace(message, LOOP.message(message))[: -len(message) - 7 - 20] + made[-len(message) - 7 - 20 :]
    assert made.endswith(LOOP.message(message) + b"trailer")
    assert_right(made)


def test_a_datagram_without_a_checksum_gets_none() -> None:
    was = built(IP(src="10.0.0.5", dst="10.0.0.1") / UDP(sport=5060, dport=5060, chksum=0) / Raw(SIP))
    made = LOOP.frame(was)
    assert made != was
    assert made[40:42] == b"\0\0"


def test_a_checksum_that_comes_out_as_zero_has_its_other_spelling() -> None:
    """One datagram in 65,536 has it: it is looked for among loops."""
    was = frame(bye())
    wanted = next(made for made in (Fresh(b"z", loop).frame(was) for loop in range(1_000_000)) if made[40:42] == b"\xff\xff")
    assert_right(wanted)


def test_several_messages_in_a_segment() -> None:
    one, other = bye(1), bye(2)
    was = built(IP() / TCP() / Raw(b"\r\n\r\n" + one + other + b"more of anything"))
    assert LOOP.frame(was).endswith(b"\r\n\r\n" + LOOP.message(one) + LOOP.message(other) + b"more of anything")


@pytest.mark.parametrize(
    ("packet", "why"),
    [
        (IP() / TCP() / Raw(SIP[:200]), "the headers of a message over TCP go on in the next segment"),
        (IP() / TCP() / Raw(SIP.replace("Content-Length: 0", "Content-Length: x")), "a message over TCP: Content-Length is no number"),
        (IP() / TCP() / Raw(SIP[36:]), "a message over TCP that begins in another segment, or within one"),
        (IP(flags="MF") / UDP() / Raw(SIP), "IP fragment"),
        (IP(frag=9) / Raw(SIP), "IP fragment"),
        (IP(flags="MF") / TCP() / Raw(SIP), "IP fragment"),
        (IP(proto=132) / Raw(SIP), "SIP over SCTP"),
        (IP(len=9999) / TCP() / Raw(SIP), "frame truncated by the capture"),
    ],
)
def test_sip_that_cannot_be_reached(packet: Packet, why: str) -> None:
    with pytest.raises(Stale, match=why):
        LOOP.frame(built(packet))


@pytest.mark.parametrize("was", [VOICE, b"", b"short", built(IP() / TCP() / Raw(b"GET / HTTP/1.1\r\n\r\n")), built(IP() / TCP())])
def test_what_holds_no_sip_is_left(was: bytes) -> None:
    assert LOOP.frame(was) == was


@given(st.binary(max_size=120), st.sampled_from([b"\x08\x00E", b"\x86\xdd\x60", b"\x81\x00"]))
def test_any_frame_keeps_its_length_or_is_refused(data: bytes, kind: bytes) -> None:
    was = bytes(12) + kind + data + b"SIP/2.0"
    with suppress(Stale):
        assert len(LOOP.frame(was)) == len(was)


@pytest.mark.parametrize("name", ["plain-call.pcap", "two-routes.pcap", "ipv6.pcap", "vlan.pcap"])
def test_a_whole_call_holds_together(name: str) -> None:
    """Whatever was the same in two messages still is, and nothing else has become so."""
    old, made = [], []
    with Capture(FOLDER / name) as capture:
        for batch in capture.batches():
            for record in batch.frames(b""):
                was = batch.data[record.start : record.end]
                old.append(was)
                made.append(LOOP.frame(was))
    word = re.compile(rb"(?:tag=|z9hG4bK|Call-ID: )([^\s;,>]+)")
    pairs = {(a, b) for x, y in zip(old, made, strict=True) for a, b in zip(word.findall(x), word.findall(y), strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs}) > 3
    for one in made:
        assert_right(one)
