"""Connections of OpenSSL's, made through Python's ssl module or by its own client: what was said is what is read, or there is a reason."""

import hashlib
import select
import socket
import ssl
import struct
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.config import conf

from scapy_rr.capture.keylog import KeyLog
from scapy_rr.capture.tls import TlsConnection, TlsUnreadable, is_client_hello, is_tls
from scapy_rr.capture.tls_cipher import need_cryptography
from scapy_rr.errors import ConfigError

from ..conftest import missing, need
from ..pcapmaker.tls import CLIENT_RENEGOTIATION, Conversation, certificate, contexts

TLS10, TLS11, TLS12, TLS13 = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
INVITE, OK, ACK = b"INVITE sip:bob@example.com SIP/2.0\r\n" * 600, b"SIP/2.0 200 OK\r\n\r\n", b"ACK sip:bob@10.0.0.9 SIP/2.0\r\n\r\n"
Flights = Iterable[tuple[bool, bytes]]


@dataclass(frozen=True)
class Home:
    """Where certificates and key logs lie."""

    folder: Path

    def converse(self, *arguments: object, rsa: bool = False, **options: object) -> tuple[Conversation, KeyLog]:
        """A connection over which three things were said, and its keys."""
        keys = self.folder / "keys"
        keys.unlink(missing_ok=True)
        made = Conversation(self.folder / ("rsa.pem" if rsa else "ec.pem"), keys, *arguments, **options)  # type: ignore[arg-type]
        made.say(INVITE)
        made.say(OK, by_client=False)
        made.say(ACK)
        made.close()
        return made, KeyLog.load(keys)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    try:
        need_cryptography()
    except ConfigError as error:
        missing(str(error))
    made = Home(tmp_path_factory.mktemp("tls"))
    certificate(made.folder / "ec.pem")
    certificate(made.folder / "rsa.pem", is_rsa=True)
    return made


@pytest.fixture(scope="module")
def recorded(home: Home) -> list[tuple[Conversation, KeyLog]]:
    """A connection with each way of protection."""
    return [
        home.converse(TLS13),
        home.converse(TLS12),
        home.converse(TLS12, "ECDHE-ECDSA-AES128-SHA256"),
        home.converse(TLS10, "ECDHE-ECDSA-AES128-SHA", encrypt_then_mac=False),
    ]


def read(keys: KeyLog, flights: Flights) -> tuple[bytes, bytes]:
    """What the client said, and the server."""
    connection, said = TlsConnection(keys), {True: b"", False: b""}
    for by_client, chunk in flights:
        for by, data in connection.feed(by_client, chunk):
            said[by] += data
    return said[True], said[False]


SUITES = [
    (TLS13, "", True, False),
    (TLS12, "ECDHE-ECDSA-AES128-GCM-SHA256", True, False),
    (TLS12, "ECDHE-ECDSA-CHACHA20-POLY1305", True, False),
    (TLS12, "ECDHE-ECDSA-AES256-CCM", True, False),
    (TLS12, "ECDHE-RSA-AES256-GCM-SHA384", True, True),
    (TLS12, "ECDHE-RSA-CHACHA20-POLY1305", True, True),
    (TLS12, "ECDHE-RSA-AES256-SHA384", True, True),
    (TLS12, "ECDHE-RSA-AES256-SHA384", False, True),
    (TLS12, "ECDHE-RSA-AES128-SHA", True, True),
    (TLS12, "AES128-GCM-SHA256", True, True),
    (TLS12, "AES256-SHA256", False, True),
    (TLS12, "CAMELLIA128-SHA256", True, True),
    (TLS11, "ECDHE-RSA-AES128-SHA", True, True),
    (TLS11, "AES256-SHA", False, True),
    (TLS10, "ECDHE-RSA-AES256-SHA", True, True),
    (TLS10, "AES128-SHA", False, True),
]


@pytest.mark.parametrize(("version", "suite", "encrypt_then_mac", "rsa"), SUITES)
def test_what_was_said_is_read(home: Home, version: ssl.TLSVersion, suite: str, encrypt_then_mac: bool, rsa: bool) -> None:
    made, keys = home.converse(version, suite, encrypt_then_mac, rsa=rsa)
    agreed = made.ends[True].cipher()
    assert agreed
    assert agreed[0] == (suite or "TLS_AES_256_GCM_SHA384")
    assert read(keys, made.flights) == (INVITE + ACK, OK)


@pytest.mark.parametrize(
    ("suite", "complaint"),
    [
        ("ECDHE-ECDSA-AES128-CCM8", "the cipher suite TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 is not read through Scapy"),
        ("ECDHE-ECDSA-ARIA128-GCM-SHA256", "Scapy does not know the cipher suite 0xc05c"),
        ("ECDHE-ECDSA-NULL-SHA", "the cipher suite TLS_ECDHE_ECDSA_WITH_NULL_SHA is not read through Scapy"),
    ],
)
def test_suites_that_are_not_read(home: Home, suite: str, complaint: str) -> None:
    made, keys = home.converse(TLS12, suite)
    with pytest.raises(TlsUnreadable, match=complaint):
        read(keys, made.flights)


def test_a_server_that_asks_for_another_hello(home: Home) -> None:
    """A HelloRetryRequest (RFC 8446, 4.1.4)."""
    made, keys = home.converse(TLS13, curve="secp384r1")
    assert hashlib.sha256(b"HelloRetryRequest").digest() in made.flights[1][1]
    assert read(keys, made.flights) == (INVITE + ACK, OK)


@pytest.mark.parametrize("version", [TLS12, TLS13])
def test_a_session_that_is_resumed(home: Home, version: ssl.TLSVersion) -> None:
    first, _ = home.converse(version)
    log = (home.folder / "keys").read_text()
    second = Conversation(home.folder / "ec.pem", home.folder / "keys", version, earlier=first)
    assert second.ends[True].session_reused
    second.say(ACK)
    assert read(KeyLog.load(home.folder / "keys"), second.flights) == (ACK, b"")
    # The earlier connection's keys are no help.
    (home.folder / "keys").write_text(log)
    what = "CLIENT_RANDOM for a resumed session" if version == TLS12 else "SERVER_HANDSHAKE_TRAFFIC_SECRET"
    with pytest.raises(TlsUnreadable, match=f"^the key log has no {what} with the client random [0-9a-f]{{64}}$"):
        read(KeyLog.load(home.folder / "keys"), second.flights)


def typed(home: Home, version: ssl.TLSVersion, lines: Iterable[bytes], *options: str) -> tuple[list[tuple[bool, bytes]], KeyLog]:
    """A connection of ``openssl s_client``, into which these lines are typed; the server answers each. Some are its commands."""
    flights, keys = [], home.folder / "keys"
    keys.unlink(missing_ok=True)
    _, context = contexts(home.folder / "ec.pem", keys, version)
    context.options |= CLIENT_RENEGOTIATION
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        command = [need("openssl"), "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", *options]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as client:
            assert client.stdin
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(10)
                for line in [b"", *lines]:
                    client.stdin.write(line)
                    client.stdin.flush()
                    quiet = 10.0
                    while select.select([peer], [], [], quiet)[0] and (data := peer.recv(1 << 16)):
                        flights.append((True, data))
                        incoming.write(data)
                        try:
                            server.read()
                            server.write(OK)
                        except ssl.SSLWantReadError:
                            pass
                        if answer := outgoing.read():
                            flights.append((False, answer))
                            peer.sendall(answer)
                        quiet = 0.3
            client.kill()
    return flights, KeyLog.load(keys)


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"])
def test_keys_that_are_updated(home: Home, suite: str) -> None:
    """Of the client alone (``k``), and of both (``K``)."""
    flights, keys = typed(home, TLS13, [b"one\n", b"k\n", b"two\n", b"K\n", b"three\n", b"k\n", b"four\n"], "-ciphersuites", suite)
    assert read(keys, flights) == (b"one\ntwo\nthree\nfour\n", OK * 4)


def test_a_handshake_within_a_connection(home: Home) -> None:
    """Renegotiation, up to TLS 1.2, which brings another client random."""
    flights, keys = typed(home, TLS12, [b"one\n", b"R\n", b"two\n"])
    assert len(keys) == 2
    assert read(keys, flights) == (b"one\ntwo\n", OK * 2)


@settings(max_examples=25)
@given(data=st.data())
def test_records_cut_anywhere(recorded: list[tuple[Conversation, KeyLog]], data: st.DataObject) -> None:
    made, keys = data.draw(st.sampled_from(recorded))
    pieces = []
    for by_client, flight in made.flights:
        cuts = sorted(data.draw(st.sets(st.integers(0, len(flight)), max_size=4)))
        pieces += [(by_client, flight[start:end]) for start, end in zip([0, *cuts], [*cuts, len(flight)], strict=True)]
    assert read(keys, pieces) == (INVITE + ACK, OK)


def test_byte_by_byte(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    for made, keys in recorded:
        assert read(keys, ((by_client, bytes([byte])) for by_client, flight in made.flights for byte in flight)) == (INVITE + ACK, OK)


@pytest.mark.parametrize("first", [True, False])
def test_one_direction_after_the_other(recorded: list[tuple[Conversation, KeyLog]], first: bool) -> None:
    """What one side sent is captured late: the other's records wait."""
    for made, keys in recorded:
        both = [(by, made.said(by)) for by in (first, not first)]
        assert read(keys, both) == (INVITE + ACK, OK)


def test_whose_data_it_is(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    """The client's, where only the server's hello was waited for."""
    made, keys = recorded[0]
    connection = TlsConnection(keys)
    assert list(connection.feed(True, made.said(True))) == []
    assert [by for by, _ in connection.feed(False, made.said(False))] == [False, True, True, True]


def test_other_keys(recorded: list[tuple[Conversation, KeyLog]], home: Home) -> None:
    for made, _ in recorded:
        lines = (home.folder / "keys").read_text().splitlines()
        assert lines
        log = home.folder / "others"
        random = made.flights[0][1][11:43].hex()
        labels = [
            "CLIENT_RANDOM",
            *(f"{side}_{kind}" for side in ("CLIENT", "SERVER") for kind in ("HANDSHAKE_TRAFFIC_SECRET", "TRAFFIC_SECRET_0")),
        ]
        log.write_text("".join(f"{label} {random} {'5c' * 48}\n" for label in labels))
        with pytest.raises(TlsUnreadable, match="a record does not authenticate: the key is not this connection's, or bytes are missing"):
            read(KeyLog.load(log), made.flights)


def test_no_keys(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    for number, (made, _) in enumerate(recorded):
        what = "CLIENT_RANDOM" if number else "SERVER_HANDSHAKE_TRAFFIC_SECRET"
        random = made.flights[0][1][11:43].hex()
        with pytest.raises(TlsUnreadable, match=f"^the key log has no {what} with the client random {random}$") as caught:
            read(KeyLog(), made.flights)
        assert caught.value.reason == f"the key log has no {what}"


def test_some_keys(recorded: list[tuple[Conversation, KeyLog]], home: Home) -> None:
    """Those of the handshake alone."""
    made, keys = recorded[0]
    random = made.flights[0][1][11:43]
    log = home.folder / "some"
    kept = [f"{side}_HANDSHAKE_TRAFFIC_SECRET" for side in ("CLIENT", "SERVER")]
    log.write_text("".join(f"{label} {random.hex()} {(keys.secret(label.encode(), random) or b'').hex()}\n" for label in kept))
    with pytest.raises(TlsUnreadable, match="the key log has no SERVER_TRAFFIC_SECRET_0"):
        read(KeyLog.load(log), made.flights)


def test_from_the_middle(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    """Wherever the capture begins, nothing is read, and nothing is wrong."""
    for made, keys in recorded:
        for start in range(1, len(made.flights)):
            with pytest.raises(TlsUnreadable, match=r"the capture begins inside the connection|no TLS record|does not parse"):
                read(keys, [*made.flights[start:], (True, b"\x17\x03\x03\0\1"), (False, b"\x17\x03\x03\0\1")])


def test_what_is_missing_in_the_middle(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    """What came before it was read; the reason comes once, and then nothing."""
    for made, keys in recorded:
        connection, said = TlsConnection(keys), b""
        flight = next(data for by_client, data in made.flights if by_client and len(data) > len(INVITE))
        before = made.flights[: made.flights.index((True, flight))]
        for by_client, chunk in before:
            assert list(connection.feed(by_client, chunk)) == []
        with pytest.raises(TlsUnreadable):
            for _, data in connection.feed(True, flight + made.flights[-1][1][1:]):
                said += data
        assert said == INVITE
        assert list(connection.feed(True, flight)) == []
        assert list(connection.feed(False, flight)) == []


@settings(max_examples=60)
@given(data=st.data())
def test_flipped_bytes(recorded: list[tuple[Conversation, KeyLog]], data: st.DataObject) -> None:
    """No other exception, and no other data."""
    made, keys = data.draw(st.sampled_from(recorded))
    connection, said = TlsConnection(keys), {True: b"", False: b""}
    number = data.draw(st.integers(0, len(made.flights) - 1))
    try:
        for at, (by_client, flight) in enumerate(made.flights):
            chunk = bytearray(flight)
            if at == number:
                chunk[data.draw(st.integers(0, len(chunk) - 1))] ^= data.draw(st.integers(1, 255))
            for by, one in connection.feed(by_client, bytes(chunk)):
                said[by] += one
    except TlsUnreadable as error:
        assert str(error)
    assert (INVITE + ACK).startswith(said[True])
    assert OK.startswith(said[False])


@given(
    flights=st.lists(
        st.tuples(st.booleans(), st.binary(max_size=60) | st.binary(max_size=60).map(lambda one: b"\x16\x03\x03\0\x30\1\0\0\x2c" + one))
    )
)
def test_anything_at_all(home: Home, flights: list[tuple[bool, bytes]]) -> None:
    try:
        assert read(KeyLog(), flights) == (b"", b"")
    except TlsUnreadable as error:
        assert str(error)


def record(kind: int, body: bytes) -> bytes:
    """A record in the clear."""
    return struct.pack(">BHH", kind, 0x0303, len(body)) + body


def hello(kind: int, suites: bytes, *extensions: tuple[int, bytes], version: int = 0x0303, random: bytes = bytes(32)) -> bytes:
    """A ClientHello (1) or a ServerHello (2)."""
    listed = b"".join(struct.pack(">HH", number, len(data)) + data for number, data in extensions)
    body = struct.pack(">H32sB", version, random, 0) + suites + struct.pack(">H", len(listed)) + listed
    return record(22, bytes([kind]) + len(body).to_bytes(3, "big") + body)


CLIENT_HELLO = hello(1, b"\0\2\x13\1\1\0")
SERVER_13 = (43, b"\3\4")


@pytest.mark.parametrize(
    ("flights", "complaint"),
    [
        ([(True, b"INVITE sip:")], "no TLS record where one should begin"),
        ([(True, record(22, b"")[:3] + b"\xff\xff")], "no TLS record where one should begin"),
        ([(True, record(23, b"x"))], "the capture begins inside the connection"),
        ([(False, record(23, b"x")[:5])], "the capture begins inside the connection"),
        ([(False, record(20, b"\1"))], "the capture begins inside the connection"),
        ([(True, CLIENT_HELLO), (False, record(20, b"\1"))], "the capture begins inside the connection"),
        ([(True, record(22, b"\1\0\0\2\3\3"))], "a ClientHello that does not parse"),
        ([(True, CLIENT_HELLO), (False, record(22, b"\2\0\0\2\3\3"))], "a ServerHello that does not parse"),
        ([(True, record(22, b"\x0b\5\0\0"))], "a handshake message that is too long: 327684 bytes"),
        ([(True, CLIENT_HELLO), (False, hello(2, b"\0\x9c\0", version=0x0300))], "version 0x0300 of TLS is not read"),
        ([(True, CLIENT_HELLO), (False, hello(2, b"\x13\1\0", (43, b"\x7f\x1c")))], "version 0x7f1c of TLS is not read"),
        ([(True, CLIENT_HELLO), (False, hello(2, b"\0\x9c\1"))], "its records are compressed"),
        (
            [(True, hello(1, b"\0\2\x13\1\1\0", (42, b""))), (False, hello(2, b"\x13\1\0", SERVER_13))],
            r"the client sends early data \(0-RTT\)",
        ),
        ([(True, CLIENT_HELLO), (False, hello(2, b"\x13\1\0", SERVER_13))], "the key log has no SERVER_HANDSHAKE_TRAFFIC_SECRET"),
        ([(True, CLIENT_HELLO), (False, hello(2, b"\0\x9c\0"))], "the key log has no CLIENT_RANDOM with the client random 0000"),
        (
            [(True, CLIENT_HELLO), *[(True, record(20, bytes(1 << 14)))] * 17],
            "the other side's hello is not in the capture, and 262224 bytes wait for it",
        ),
        ([*[(False, record(22, bytes(1 << 14)))] * 17], "the other side's hello is not in the capture, and 262224 bytes wait for it"),
    ],
)
def test_reasons(home: Home, flights: Flights, complaint: str) -> None:
    with pytest.raises(TlsUnreadable, match=complaint):
        read(KeyLog(), flights)


def test_data_that_was_never_encrypted(home: Home, recorded: list[tuple[Conversation, KeyLog]]) -> None:
    """With a key that would be there."""
    made, keys = recorded[1]
    with pytest.raises(TlsUnreadable, match="application data that is not encrypted"):
        read(keys, [*made.flights[:2], (True, record(23, b"INVITE"))])


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (CLIENT_HELLO, (True, True)),
        (CLIENT_HELLO[:6], (True, True)),
        (CLIENT_HELLO[:5], (True, False)),
        (CLIENT_HELLO[:4], (False, False)),
        (b"\x16\x03\x01\x02\x00\x01", (True, True)),
        (b"\x16\x03\x03\x00\x40\x02", (True, False)),
        (b"\x17\x03\x03\x00\x40\x01", (True, False)),
        (b"\x18\x03\x03\x00\x40\x01", (False, False)),
        (b"\x16\x02\x00\x00\x40\x01", (False, False)),
        (b"\x16\x03\x05\x00\x40\x01", (False, False)),
        (b"\x16\x03\x03\x48\x01\x01", (False, False)),
        (b"INVITE sip:", (False, False)),
        (b"", (False, False)),
    ],
)
def test_what_looks_like_tls(data: bytes, expected: tuple[bool, bool]) -> None:
    assert (is_tls(data), is_client_hello(data)) == expected


def test_nothing_is_kept_by_scapy(recorded: list[tuple[Conversation, KeyLog]]) -> None:
    before = dict(conf.tls_sessions.sessions), conf.tls_session_enable, conf.tls_nss_filename, conf.tls_nss_keys
    for made, keys in recorded:
        read(keys, made.flights)
    assert (conf.tls_sessions.sessions, conf.tls_session_enable, conf.tls_nss_filename, conf.tls_nss_keys) == before
    assert before[0] == {}
