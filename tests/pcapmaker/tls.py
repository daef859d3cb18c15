"""TLS connections as two ends of Python's ssl module make them, without a network: what each end wrote, in order, and the key log.

Their bytes are never the same twice, so ``pcaps/tls.pcap`` is recorded, from two such connections. Uses nothing of scapy_rr.
"""

import contextlib
import ssl
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .messages import Dialog, Party
from .scenes import BOB, TAGS, Scene, Socket, seen
from .tcp import Connection

PROXY: Socket = ("10.0.0.1", 5061)
CALLERS: tuple[Socket, Socket] = ("10.0.0.5", 40061), ("10.0.0.5", 40062)
NO_ENCRYPT_THEN_MAC, CLIENT_RENEGOTIATION = 1 << 19, 1 << 8
"""OpenSSL's ``SSL_OP_NO_ENCRYPT_THEN_MAC`` and ``SSL_OP_ALLOW_CLIENT_RENEGOTIATION``, which the ssl module does not name."""


def certificate(path: Path, is_rsa: bool = False) -> Path:
    """Write a certificate that signs itself, and its key: of an elliptic curve, or RSA."""
    # Whoever only asks where the captures are can do without the package.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, 2048) if is_rsa else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "proxy.example.com")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
    made = builder.sign(key, hashes.SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + made.public_bytes(Encoding.PEM))
    return path


class Conversation:
    """A TLS connection between two ends in this process, its handshake done.

    :param certificate: the server's, with its key.
    :param keys: the file that its secrets are added to.
    :param version: the one that both ends speak.
    :param suite: the only cipher suite up to TLS 1.2, as OpenSSL calls it; with TLS 1.3 the ends agree on one.
    :param encrypt_then_mac: whether the server may agree to it.
    :param curve: the only one that the server knows. Of those that are not the client's first choice it has to ask for.
    :param earlier: a connection that this one resumes.
    """

    def __init__(
        self,
        certificate: Path,
        keys: Path,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        suite: str = "",
        encrypt_then_mac: bool = True,
        curve: str = "",
        earlier: "Conversation | None" = None,
    ) -> None:
        self.flights: list[tuple[bool, bytes]] = []
        """Whether the client wrote it, and what."""
        self._contexts: tuple[ssl.SSLContext, ssl.SSLContext] = (
            earlier._contexts if earlier else contexts(certificate, keys, version, suite, encrypt_then_mac, curve)
        )
        self._ways = {by_client: (ssl.MemoryBIO(), ssl.MemoryBIO()) for by_client in (True, False)}
        session = earlier.ends[True].session if earlier else None
        client, server = self._contexts
        self.ends: dict[bool, ssl.SSLObject] = {
            True: client.wrap_bio(*self._ways[True], server_hostname="proxy.example.com", session=session),
            False: server.wrap_bio(*self._ways[False], server_side=True),
        }
        """The client's, and the server's."""
        waiting = {True, False}
        while waiting:
            for by_client in sorted(waiting, reverse=True):
                try:
                    self.ends[by_client].do_handshake()
                    waiting.remove(by_client)
                except ssl.SSLWantReadError:
                    pass
                self._carry(by_client)

    def say(self, data: bytes, by_client: bool = True) -> None:
        """Send data to the other end, which reads it."""
        self.ends[by_client].write(data)
        self._carry(by_client)
        read = b""
        while len(read) < len(data):
            read += self.ends[not by_client].read(len(data))
        if read != data:
            raise AssertionError("TLS carried something else")

    def close(self) -> None:
        """Say that there is nothing more, both."""
        for by_client in (True, False, True):
            with contextlib.suppress(ssl.SSLWantReadError):
                self.ends[by_client].unwrap()
            self._carry(by_client)

    def said(self, by_client: bool) -> bytes:
        """All that one end wrote."""
        return b"".join(data for one, data in self.flights if one == by_client)

    def _carry(self, by_client: bool) -> None:
        if data := self._ways[by_client][1].read():
            self.flights.append((by_client, data))
            self._ways[not by_client][0].write(data)


def contexts(
    certificate: Path, keys: Path, version: ssl.TLSVersion, suite: str = "", encrypt_then_mac: bool = True, curve: str = ""
) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The client's and the server's; the latter logs the keys. See :class:`Conversation`."""
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server.load_cert_chain(certificate)
    server.keylog_filename = str(keys)
    for context in (client, server):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        # What is not secure any more is in captures all the same.
        context.set_ciphers(f"{suite or 'DEFAULT'}:@SECLEVEL=0")
    if not encrypt_then_mac:
        server.options |= NO_ENCRYPT_THEN_MAC
    if curve:
        server.set_ecdh_curve(curve)
    return client, server


def call(conversation: Conversation, caller: Socket, number: int) -> None:
    """A call within a connection: the INVITE is cut, into two records, and ACK and BYE share one."""
    alice = Party("alice", *caller, transport="TLS")
    tags = f"{TAGS[0]}{number}", f"{TAGS[1]}{number}"
    recorded = f"<sip:10.0.0.1;r2=on;lr;ftag={tags[0]}>", f"<sip:10.0.0.1:5061;transport=tls;r2=on;lr;ftag={tags[0]}>"
    dialog = Dialog(alice, BOB, f"tls-call-{number}@10.0.0.5", tags, recorded)
    invite = dialog.request("INVITE", 1, "a0001", uri=BOB.address_of_record, early=True, body=alice.sdp(40000))
    conversation.say(invite[:300])
    conversation.say(invite[300:])
    for status, body in (("100 Trying", ""), ("180 Ringing", ""), ("200 OK", BOB.sdp(50000))):
        conversation.say(dialog.response(status, "INVITE", 1, seen(alice, "a0001", *caller), body=body), by_client=False)
    ack, bye = (dialog.request(method, 1 + last, f"a000{2 + last}", routes=dialog.routes) for last, method in enumerate(("ACK", "BYE")))
    conversation.say(ack + bye)
    conversation.say(dialog.response("200 OK", "BYE", 2, seen(alice, "a0003", *caller)), by_client=False)


def segments(conversation: Conversation, caller: Socket) -> list[bytes]:
    """The whole connection as IP packets."""
    tcp = Connection(caller, PROXY)
    packets = tcp.open()
    for by_client, data in conversation.flights:
        packets += tcp.say(data, by_server=not by_client)
    return packets + tcp.close()


def calls(folder: Path) -> tuple[Scene, bytes]:
    """A call over TLS 1.3 and one over TLS 1.2, and the key log of both connections.

    :param folder: for a certificate, and the key log.
    """
    scene, keys = Scene(), folder / "tls.keys"
    made = certificate(folder / "proxy.pem")
    for number, version in enumerate((ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)):
        conversation = Conversation(made, keys, version)
        call(conversation, CALLERS[number], number)
        conversation.close()
        for packet in segments(conversation, CALLERS[number]):
            scene.add(packet, 10_007)
    return scene, keys.read_bytes()
