"""The secrets of TLS connections, as the programs at their ends logged them (``SSLKEYLOGFILE``) or a pcapng file carries them.

The format is that of NSS: ``LABEL CLIENT_RANDOM SECRET`` on a line, the last two in hexadecimal.
"""

import re
import struct
from pathlib import Path

from ..errors import CaptureError, ConfigError

MASTER = b"CLIENT_RANDOM"
"""The label of the master secret, up to TLS 1.2."""
_RANDOM = 32
# TLS 1.3 has two for each side, as long as its hash; the others (of early data, of exporters, of QUIC) open no record of ours.
_LENGTHS = {
    MASTER: (48,),
    **{b"%s_%s" % (side, kind): (32, 48) for side in (b"CLIENT", b"SERVER") for kind in (b"HANDSHAKE_TRAFFIC_SECRET", b"TRAFFIC_SECRET_0")},
}
# Old logs name a session instead, or the encrypted secret; no connection is found by either.
_LINE = re.compile(
    rb"(?P<label>[A-Z][A-Z0-9_]*) (?:(?P<random>(?:[0-9A-Fa-f]{2})+) (?P<secret>(?:[0-9A-Fa-f]{2})+)|Session-ID:\S+ Master-Key:\S+)"
)
_TLS_KEY_LOG = 0x544C534B
_SECRETS_HEADER = 8


class KeyLog:
    """Secrets by label and client random. An empty one opens nothing."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[bytes, bytes], bytes] = {}

    @classmethod
    def load(cls, path: Path) -> "KeyLog":
        """Read a file.

        :raises ConfigError: where it cannot be read, or a line is no line of a key log; it names the file and the line.
        """
        made = cls()
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from None
        try:
            made._add(data)
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from None
        return made

    def add_block(self, body: bytes, endian: str) -> bool:
        """Take the secrets of a pcapng Decryption Secrets Block.

        :param body: what stands between the block's two lengths.
        :param endian: the section's, ``<`` or ``>``.
        :returns: whether it holds a TLS key log; there are other kinds.
        :raises CaptureError: where it is cut, or a line is no line of a key log.
        """
        if len(body) < _SECRETS_HEADER:
            raise CaptureError(f"a Decryption Secrets Block of {len(body)} bytes")
        kind, length = struct.unpack_from(f"{endian}II", body)
        if length > len(body) - _SECRETS_HEADER:
            raise CaptureError("a Decryption Secrets Block that is shorter than its secrets")
        if kind != _TLS_KEY_LOG:
            return False
        try:
            self._add(body[_SECRETS_HEADER : _SECRETS_HEADER + length])
        except ValueError as error:
            raise CaptureError(f"a Decryption Secrets Block: {error}") from None
        return True

    def secret(self, label: bytes, client_random: bytes) -> bytes | None:
        """The secret of a connection."""
        return self._secrets.get((label, client_random))

    def __len__(self) -> int:
        """How many secrets there are."""
        return len(self._secrets)

    def _add(self, data: bytes) -> None:
        for number, line in enumerate(data.split(b"\n"), 1):
            text = line.strip()
            if not text or text.startswith(b"#"):
                continue
            found = _LINE.fullmatch(text)
            if not found:
                raise ValueError(f"line {number} is no line of a TLS key log, LABEL CLIENT_RANDOM SECRET")
            lengths = _LENGTHS.get(found["label"])
            if lengths is None:
                continue
            random, secret = bytes.fromhex((found["random"] or b"").decode()), bytes.fromhex((found["secret"] or b"").decode())
            if len(random) != _RANDOM or len(secret) not in lengths:
                raise ValueError(
                    f"line {number}: {found['label'].decode()} has a client random of {len(random)} bytes, a secret of {len(secret)}"
                )
            self._secrets[found["label"], random] = secret
