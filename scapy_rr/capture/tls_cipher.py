"""What protects the records of one direction of a TLS connection, through Scapy's cipher suites and connection states.

Scapy's records are left aside: they find secrets through sessions that it keeps for the whole process, and take bytes that do not
authenticate for plain text. Its connection states know suites and derive keys, and belong to nobody else.
"""

import struct
from abc import ABC, abstractmethod
from typing import Any

from scapy.config import conf

from ..errors import ConfigError, ScapyRRError

TLS10, TLS11, TLS12, TLS13 = 0x0301, 0x0302, 0x0303, 0x0304
_NO_FIT = "a record does not authenticate: the key is not this connection's, or bytes are missing"


class TlsUnreadable(ScapyRRError, ValueError):
    """A TLS connection that cannot be read, or not any further.

    :param reason: why, in words that are the same for many connections, to be counted by.
    :param detail: what more there is to say of this one.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason + detail)
        self.reason = reason


def need_cryptography() -> None:
    """See that TLS can be read at all.

    :raises ConfigError: without the package with which Scapy deciphers.
    """
    if not conf.crypto_valid_advanced:
        raise ConfigError("reading TLS takes the package cryptography: pip install 'scapy-rr[tls]'")


class Protection(ABC):
    """Opens the records of one direction, from one change of keys to the next.

    :param state: Scapy's, with its keys.
    """

    def __init__(self, state: Any) -> None:
        self._state = state
        self._number = 0

    def open(self, header: bytes, body: bytes) -> tuple[int, bytes]:
        """Decipher and authenticate the next record.

        :param header: its first five bytes.
        :param body: all behind them.
        :returns: its content type, and its content.
        :raises TlsUnreadable: where it does not authenticate.
        """
        number = struct.pack(">Q", self._number)
        self._number += 1
        return self._open(number, header, body)

    @abstractmethod
    def _open(self, number: bytes, header: bytes, body: bytes) -> tuple[int, bytes]: ...


class _Aead(Protection):
    """Authenticated encryption (:rfc:`5246#section-6.2.3.3`)."""

    def __init__(self, state: Any) -> None:
        from scapy.layers.tls.crypto.cipher_aead import AEADTagError

        super().__init__(state)
        self._failure = AEADTagError
        self._shortest = state.cipher.tag_len + getattr(state.cipher, "nonce_explicit_len", 0)

    def _open(self, number: bytes, header: bytes, body: bytes) -> tuple[int, bytes]:
        # Scapy adds the length to what is authenticated.
        return header[0], self._decipher(number + header[:3], body, number)

    def _decipher(self, additional: bytes, body: bytes, number: bytes) -> bytes:
        if len(body) < self._shortest:
            raise TlsUnreadable(_NO_FIT)
        try:
            # Its answer ends with the content and the tag; some ciphers put the nonce before them.
            content: bytes = self._state.cipher.auth_decrypt(additional, body, number)[-2]
        except self._failure:
            raise TlsUnreadable(_NO_FIT) from None
        return content


class _Blocks(Protection):
    """A block cipher, over the content and its MAC (:rfc:`5246#section-6.2.3.2`) or over the content alone (:rfc:`7366#section-3`)."""

    def __init__(self, state: Any, version: int, encrypt_then_mac: bool) -> None:
        super().__init__(state)
        self._has_own_iv = version >= TLS11
        self._encrypt_then_mac = encrypt_then_mac

    def _open(self, number: bytes, header: bytes, body: bytes) -> tuple[int, bytes]:
        signed = number + header[:3]
        if self._encrypt_then_mac:
            return header[0], self._decrypt(self._verify(signed, body))
        return header[0], self._verify(signed, self._decrypt(body))

    def _verify(self, signed: bytes, data: bytes) -> bytes:
        hmac = self._state.hmac
        content, mac = data[: -hmac.hmac_len], data[-hmac.hmac_len :]
        if hmac.digest(signed + struct.pack(">H", len(content)) + content) != mac:
            raise TlsUnreadable(_NO_FIT)
        return content

    def _decrypt(self, data: bytes) -> bytes:
        cipher = self._state.cipher
        size = cipher.block_size
        start = size if self._has_own_iv else 0
        if len(data) <= start or len(data) % size:
            raise TlsUnreadable(_NO_FIT)
        if start:
            cipher.iv, data = data[:start], data[start:]
        plain: bytes = cipher.decrypt(data)
        padding = plain[-1] + 1
        if plain[-padding:] != bytes([padding - 1]) * padding:
            raise TlsUnreadable(_NO_FIT)
        return plain[:-padding]


class Protection13(_Aead):
    """TLS 1.3: the content type stands within what is encrypted (:rfc:`8446#section-5.2`).

    :param suite: the number of the cipher suite.
    :param secret: the direction's, of the handshake or of the traffic.
    :raises TlsUnreadable: for a suite that cannot be opened, or with whose hash the secret was not made.
    """

    def __init__(self, suite: int, secret: bytes) -> None:
        state = _state(TLS13, suite, True)
        if len(secret) != state.hkdf.hash.digest_size:
            raise TlsUnreadable(f"a secret of {len(secret)} bytes in the key log is none for {state.ciphersuite.name}")
        state.tls13_derive_keys(secret)
        super().__init__(state)
        self._suite, self._secret = suite, secret

    def _open(self, number: bytes, header: bytes, body: bytes) -> tuple[int, bytes]:
        inner = self._decipher(header, body, number).rstrip(b"\0")
        if not inner:
            raise TlsUnreadable("a record that is padding alone")
        return inner[-1], inner[:-1]

    def updated(self) -> "Protection13":
        """What follows after a KeyUpdate (:rfc:`8446#section-7.2`)."""
        return Protection13(self._suite, self._state.hkdf.expand_label(self._secret, b"traffic upd", b"", len(self._secret)))


def protection(
    version: int, suite: int, from_client: bool, randoms: tuple[bytes, bytes], master: bytes, encrypt_then_mac: bool
) -> Protection:
    """What protects a direction up to TLS 1.2.

    :param version: of TLS, as it stands in records.
    :param suite: the number of the cipher suite.
    :param from_client: whose records these are.
    :param randoms: the client's and the server's.
    :param master: the master secret.
    :param encrypt_then_mac: whether that was agreed on; it concerns block ciphers only.
    :raises TlsUnreadable: for a suite that cannot be opened.
    """
    state = _state(version, suite, from_client)
    state.derive_keys(*randoms, master)
    return _Aead(state) if state.cipher.type == "aead" else _Blocks(state, version, encrypt_then_mac)


def _state(version: int, suite: int, from_client: bool) -> Any:
    # Half a second to load, and few captures need it.
    from scapy.layers.tls.crypto.suites import _tls_cipher_suites_cls
    from scapy.layers.tls.session import readConnState

    known = _tls_cipher_suites_cls.get(suite)
    if known is None or not known.usable or (version == TLS13) != (suite >> 8 == 0x13):
        raise TlsUnreadable(f"Scapy does not know the cipher suite {suite:#06x}{f' ({known.__name__})' if known else ''}")
    cipher = known.cipher_alg
    # Of a stream cipher it keeps all that was deciphered. Up to TLS 1.2 it takes a tag of eight bytes for one of sixteen.
    if cipher.type == "stream" or known.kx_alg.export or (version < TLS13 and getattr(cipher, "tag_len", 16) == 8):
        raise TlsUnreadable(f"the cipher suite {known.__name__} is not read through Scapy")
    return readConnState(connection_end="server" if from_client else "client", ciphersuite=known, tls_version=version)
