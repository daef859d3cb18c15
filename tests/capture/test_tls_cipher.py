"""The protection of records: a published trace, and what cannot be opened. ``test_tls`` has the suites, against OpenSSL."""

import os
import struct

import pytest

from scapy_rr.capture.tls_cipher import TLS10, TLS11, TLS12, TLS13, Protection, Protection13, TlsUnreadable, need_cryptography, protection
from scapy_rr.errors import ConfigError

from ..conftest import missing

DATA = 0x17
RANDOMS = bytes(range(32)), bytes(range(32, 64))
MASTER = bytes(48)


@pytest.fixture(autouse=True)
def _cryptography() -> None:
    try:
        need_cryptography()
    except ConfigError as error:
        missing(str(error))


def before_13(version: int, suite: int, encrypt_then_mac: bool = False) -> Protection:
    """What protects the client's records, with keys of nobody's."""
    return protection(version, suite, True, RANDOMS, MASTER, encrypt_then_mac)


def opened(one: Protection, body: bytes, version: int = 0x0303, kind: int = DATA) -> tuple[int, bytes]:
    """What is in a record with this body."""
    return one.open(struct.pack(">BHH", kind, version, len(body)), body)


def test_the_record_of_rfc_8448() -> None:
    """Section 3: the client's application data under ``client_application_traffic_secret_0``."""
    secret = bytes.fromhex("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
    body = bytes.fromhex(
        "a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a"
        "6292a2977014bd1e3deae63aeebb21694915e4"
    )
    assert opened(Protection13(0x1301, secret), body) == (DATA, bytes(range(50)))
    one = Protection13(0x1301, secret)
    with pytest.raises(TlsUnreadable, match="does not authenticate"):
        opened(one, body[:-1] + b"\xe5")
    # It was the first record; as the second one it is no more.
    with pytest.raises(TlsUnreadable, match="does not authenticate"):
        opened(one, body)


@pytest.mark.parametrize("content", [b"", bytes(5)])
def test_a_record_of_padding_alone(content: bytes) -> None:
    """It must have a type (RFC 8446, 5.4)."""
    one, state = Protection13(0x1301, bytes(32)), Protection13(0x1301, bytes(32))._state
    header = struct.pack(">BHH", DATA, 0x0303, len(content) + 16)
    body = state.cipher.auth_encrypt(content, header, bytes(8))
    with pytest.raises(TlsUnreadable, match="padding alone"):
        one.open(header, body)


@pytest.mark.parametrize(
    ("version", "suite", "complaint"),
    [
        (TLS12, 0xFFFF, "Scapy does not know the cipher suite 0xffff"),
        (TLS12, 0x00A8, r"Scapy does not know the cipher suite 0x00a8 \(TLS_PSK_WITH_AES_128_GCM_SHA256\)"),
        (TLS12, 0x1301, r"Scapy does not know the cipher suite 0x1301 \(TLS_AES_128_GCM_SHA256\)"),
        (TLS12, 0xC0AE, "the cipher suite TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8 is not read through Scapy"),
        (TLS12, 0x003B, "the cipher suite TLS_RSA_WITH_NULL_SHA256 is not read through Scapy"),
        (TLS12, 0x0005, "the cipher suite TLS_RSA_WITH_RC4_128_SHA is not read through Scapy"),
        (TLS10, 0x0008, "the cipher suite TLS_RSA_EXPORT_WITH_DES40_CBC_SHA is not read through Scapy"),
    ],
)
def test_suites_that_are_not_read(version: int, suite: int, complaint: str) -> None:
    with pytest.raises(TlsUnreadable, match=complaint):
        before_13(version, suite)


@pytest.mark.parametrize(
    ("suite", "length", "complaint"),
    [
        (0xC02B, 32, "Scapy does not know"),
        (0x1301, 48, "a secret of 48 bytes in the key log is none for TLS_AES_128_GCM_SHA256"),
        (0x1302, 32, "a secret of 32 bytes in the key log is none for TLS_AES_256_GCM_SHA384"),
    ],
)
def test_secrets_that_fit_no_suite(suite: int, length: int, complaint: str) -> None:
    with pytest.raises(TlsUnreadable, match=complaint):
        Protection13(suite, bytes(length))


def test_every_suite_with_bodies_that_are_none() -> None:
    """Whatever Scapy knows under that number: it is opened, or there is a reason."""
    from scapy.layers.tls.crypto.suites import _tls_cipher_suites_cls

    refused = opens = 0
    for suite in [*_tls_cipher_suites_cls, 0, 0xFFFF]:
        for version in (TLS10, TLS11, TLS12, TLS13):
            try:
                ways = (
                    [Protection13(suite, bytes(n)) for n in (32,)]
                    if version == TLS13
                    else [before_13(version, suite, etm) for etm in (True, False)]
                )
            except TlsUnreadable:
                refused += 1
                continue
            for one in ways:
                for length in (0, 1, 8, 15, 16, 17, 24, 31, 32, 48, 64, 100):
                    with pytest.raises(TlsUnreadable, match="does not authenticate"):
                        opened(one, os.urandom(length), version)
                opens += 1
    assert refused > 500
    assert opens > 300


def test_the_package_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scapy.config.conf.crypto_valid_advanced", False)
    with pytest.raises(ConfigError, match=r"pip install 'scapy-rr\[tls\]'"):
        need_cryptography()
