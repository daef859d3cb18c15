"""The application data of captured TLS connections, with the help of a key log: records, and as much of the handshake as keys depend on.

TLS 1.0 to 1.3 (:rfc:`2246`, :rfc:`4346`, :rfc:`5246`, :rfc:`8446`). Knows neither files nor segments: it is given the bytes of both
directions in order.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from .keylog import MASTER, KeyLog
from .tls_cipher import TLS10, TLS13, Protection, Protection13, TlsUnreadable, need_cryptography, protection

__all__ = ["TlsConnection", "TlsUnreadable", "is_client_hello", "is_tls"]

_HEADER = struct.Struct(">BHH")
_CHANGE_CIPHER, _HANDSHAKE, _DATA = 20, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _FINISHED, _KEY_UPDATE = 1, 2, 20, 24
_SUPPORTED_VERSIONS, _ENCRYPT_THEN_MAC, _EARLY_DATA = 43, 22, 42
# What TLS 1.2 allows, the largest of all (RFC 5246, 6.2.3).
_LONGEST_RECORD = 2**14 + 2048
# A chain of certificates is the longest there is.
_LONGEST_MESSAGE = 1 << 18
_MOST_WAITING = 1 << 18
# A ServerHello with this random asks for another ClientHello (RFC 8446, 4.1.3).
_RETRY = hashlib.sha256(b"HelloRetryRequest").digest()


def is_tls(data: bytes | bytearray) -> bool:
    """Whether a direction that begins, or goes on, with ``data`` may be TLS records: five bytes tell. ``False`` for less."""
    if len(data) < _HEADER.size:
        return False
    kind, version, length = cast("tuple[int, int, int]", _HEADER.unpack_from(data))
    return _CHANGE_CIPHER <= kind <= _DATA and 0x0300 <= version <= TLS13 and length <= _LONGEST_RECORD


def is_client_hello(data: bytes) -> bool:
    """Whether a direction begins with a ClientHello: six bytes tell. ``False`` for less."""
    return is_tls(data) and data[0] == _HANDSHAKE and data[5:6] == bytes([_CLIENT_HELLO])


class _ServerHello(NamedTuple):
    version: int
    suite: int
    random: bytes
    encrypt_then_mac: bool


@dataclass
class _Direction:
    from_client: bool
    data: bytearray = field(default_factory=bytearray)
    handshake: bytearray = field(default_factory=bytearray)
    protection: Protection | None = None
    has_begun: bool = False

    def messages(self, content: bytes) -> Iterator[tuple[int, bytes]]:
        """The handshake messages that become whole with the content of a record, each with its type."""
        data = self.handshake
        data += content
        while len(data) >= 4:
            end = 4 + int.from_bytes(data[1:4], "big")
            if end > _LONGEST_MESSAGE:
                raise TlsUnreadable("a handshake message that is too long", f": {end} bytes")
            if len(data) < end:
                return
            kind, body = data[0], bytes(data[4:end])
            del data[:end]
            yield kind, body


class TlsConnection:
    """One connection, read as it goes on. Its memory is bounded by some records of each direction.

    :param keys: the secrets that are known.
    :raises ConfigError: where the package with which Scapy deciphers is not installed.
    """

    def __init__(self, keys: KeyLog) -> None:
        need_cryptography()
        self._keys = keys
        self._client, self._server = _Direction(True), _Direction(False)
        self._client_random = b""
        self._session_id = b""
        self._has_early_data = False
        self._hello: _ServerHello | None = None
        self._taken = 0
        self._given_up = False

    def feed(self, from_client: bool, chunk: bytes) -> Iterator[tuple[bool, bytes]]:
        """Take the next bytes of a direction; yield the application data that can be deciphered now.

        It has to be iterated to its end before the next call.

        :param from_client: whose bytes they are.
        :param chunk: any number of them, cut anywhere.
        :returns: whose data it is, and a record's data. The other direction's is among it where it had to wait for these bytes.
        :raises TlsUnreadable: once, behind the data that came before; afterwards there is nothing more.
        """
        if self._given_up:
            return
        own, other = (self._client, self._server) if from_client else (self._server, self._client)
        own.data += chunk
        try:
            # What one side says may be what the other's records wait for.
            before = -1
            while before != self._taken:
                before = self._taken
                for one in (own, other):
                    yield from ((one.from_client, data) for data in self._read(one))
        except TlsUnreadable:
            self._given_up = True
            self._client, self._server = _Direction(True), _Direction(False)
            raise

    def _read(self, one: _Direction) -> Iterator[bytes]:
        data = one.data
        while len(data) >= _HEADER.size:
            kind, _, length = _HEADER.unpack_from(data)
            if not is_tls(data):
                raise TlsUnreadable("no TLS record where one should begin")
            end = _HEADER.size + length
            if self._must_wait(one, kind):
                if len(data) > _MOST_WAITING:
                    raise TlsUnreadable("the other side's hello is not in the capture", f", and {len(data)} bytes wait for it")
                return
            if len(data) < end:
                return
            header, body = bytes(data[: _HEADER.size]), bytes(data[_HEADER.size : end])
            del data[:end]
            self._taken += 1
            if content := self._record(one, kind, header, body):
                yield content

    def _must_wait(self, one: _Direction, kind: int) -> bool:
        """Whether a record cannot be understood before the other side's hello, which was captured later than it was sent."""
        if kind in (_CHANGE_CIPHER, _DATA) and not one.has_begun:
            raise TlsUnreadable("the capture begins inside the connection")
        if not one.from_client:
            return not self._client_random
        return not self._hello and (kind == _CHANGE_CIPHER or (kind == _DATA and not one.protection))

    def _record(self, one: _Direction, kind: int, header: bytes, body: bytes) -> bytes:
        """:returns: the application data in it."""
        if isinstance(one.protection, Protection13):
            return self._record_13(one, one.protection, kind, header, body)
        if one.protection:
            kind, body = one.protection.open(header, body)
        if kind == _HANDSHAKE:
            for message, content in one.messages(body):
                if message == _CLIENT_HELLO and one.from_client:
                    self._client_hello(content)
                elif message == _SERVER_HELLO and not one.from_client:
                    self._server_hello(content)
        elif kind == _CHANGE_CIPHER:
            self._change_cipher(one)
        elif kind == _DATA:
            if not one.protection:
                raise TlsUnreadable("application data that is not encrypted")
            return body
        return b""

    def _record_13(self, one: _Direction, protection: Protection13, kind: int, header: bytes, body: bytes) -> bytes:
        if kind != _DATA:
            # For middleboxes (RFC 8446, D.4), or sent before the sender knew the keys.
            return b""
        kind, body = protection.open(header, body)
        if kind == _HANDSHAKE:
            for message, _ in one.messages(body):
                if message == _FINISHED:
                    one.protection = self._protection_13(one, b"TRAFFIC_SECRET_0")
                elif message == _KEY_UPDATE:
                    one.protection = protection.updated()
        return body if kind == _DATA else b""

    def _client_hello(self, body: bytes) -> None:
        self._client.has_begun = True
        try:
            self._client_random, size = struct.unpack_from(">2x32sB", body)
            self._session_id, at = body[35 : 35 + size], 35 + size
            at += 2 + struct.unpack_from(">H", body, at)[0]
            at += 1 + struct.unpack_from(">B", body, at)[0]
        except struct.error:
            raise TlsUnreadable("a ClientHello that does not parse") from None
        self._has_early_data = _EARLY_DATA in _extensions(body, at)
        # A second one, within the connection, begins another handshake (RFC 5246, 7.4.1.2).
        self._hello = None

    def _server_hello(self, body: bytes) -> None:
        try:
            random, size = struct.unpack_from(">2x32sB", body)
            suite, compression = struct.unpack_from(">HB", body, 35 + size)
        except struct.error:
            raise TlsUnreadable("a ServerHello that does not parse") from None
        self._server.has_begun = True
        if random == _RETRY:
            return
        extensions = _extensions(body, 38 + size)
        version = int.from_bytes(extensions.get(_SUPPORTED_VERSIONS, body)[:2], "big")
        if not TLS10 <= version <= TLS13:
            raise TlsUnreadable(f"version {version:#06x} of TLS is not read")
        if compression:
            raise TlsUnreadable("its records are compressed")
        self._hello = _ServerHello(version, suite, random, _ENCRYPT_THEN_MAC in extensions)
        if version < TLS13:
            resumed = size and body[35 : 35 + size] == self._session_id
            self._secret(MASTER, " for a resumed session" if resumed else "")
            return
        if self._has_early_data:
            raise TlsUnreadable("the client sends early data (0-RTT)")
        for one in (self._server, self._client):
            one.protection = self._protection_13(one, b"HANDSHAKE_TRAFFIC_SECRET")

    def _change_cipher(self, one: _Direction) -> None:
        hello = self._hello
        if hello is None:
            # Behind a request for another hello: for middleboxes.
            return
        randoms = self._client_random, hello.random
        one.protection = protection(hello.version, hello.suite, one.from_client, randoms, self._secret(MASTER), hello.encrypt_then_mac)
        one.handshake.clear()

    def _protection_13(self, one: _Direction, kind: bytes) -> Protection13:
        assert self._hello
        return Protection13(self._hello.suite, self._secret((b"CLIENT_" if one.from_client else b"SERVER_") + kind))

    def _secret(self, label: bytes, what: str = "") -> bytes:
        found = self._keys.secret(label, self._client_random)
        if found is None:
            random = self._client_random.hex()
            raise TlsUnreadable(f"the key log has no {label.decode()}{what}", f" with the client random {random}")
        return found


def _extensions(body: bytes, at: int) -> dict[int, bytes]:
    """The extensions of a hello, as far as they are whole; ``at`` is where their length stands."""
    found = {}
    at += 2
    while at + 4 <= len(body):
        kind, length = struct.unpack_from(">HH", body, at)
        found[kind] = body[at + 4 : at + 4 + length]
        at += 4 + length
    return found
