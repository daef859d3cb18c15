"""TLS connections in a capture, opened by a key log: by Scapy's ciphers, else by what tshark exports."""

import shutil
import struct
from collections import Counter
from pathlib import Path

import pytest

import scapy_rr
from scapy_rr.capture import transports as transports_module
from scapy_rr.capture.connection import ENCRYPTED
from scapy_rr.capture.messages import SipMessage
from scapy_rr.capture.place import Emit
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.reading import sip_messages
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.capture.tls_keys import TlsKeys, TlsStream
from scapy_rr.capture.transports import Transports
from scapy_rr.errors import CaptureError, ConfigError
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.next_hop import Hosts

from ..conftest import need
from ..make_pcaps import FOLDER
from .samples import block, enhanced, interface, records, script, section

CALLS, KEYS = FOLDER / "tls.pcap", FOLDER / "tls.keys"
ENDS = (bytes([10, 0, 0, 5]), 40061), (bytes([10, 0, 0, 1]), 5061)
OVER_TLS = ["INVITE", *["response"] * 3, "ACK", "BYE", "response"] * 2

pytest.importorskip("cryptography")


def read(keys: TlsKeys | None) -> tuple[list[SipMessage], dict[str, int]]:
    """The messages of the calls, and what came to nothing."""
    transports = Transports(keys=keys)
    with Capture(CALLS) as capture:
        return list(sip_messages(capture, transports=transports)), transports.counts


def test_without_keys_connections_are_counted() -> None:
    assert read(None) == ([], {f"over TCP: {ENCRYPTED}": 2})


def test_with_keys_there_are_messages() -> None:
    messages, counts = read(TlsKeys(KEYS, CALLS))
    assert [one.kind for one in messages] == OVER_TLS
    assert {one.transport for one in messages} == {"tls"}
    assert (messages[0].number, messages[0].source, messages[0].destination) == (14, *ENDS)
    assert messages[0].data.startswith(b"INVITE sip:bob@example.com SIP/2.0\r\n")
    assert counts == {}


def with_secrets(folder: Path, log: bytes) -> Path:
    """The calls as pcapng, with a key log in a block of its own."""
    secrets = block(10, struct.pack("<II", 0x544C534B, len(log)) + log)
    frames = [kept.frame for kept in records(CALLS.read_bytes())]
    path = folder / "secrets.pcapng"
    path.write_bytes(b"".join((section(), secrets, interface(), *map(enhanced, frames))))
    return path


def test_secrets_in_a_capture_open_it(tmp_path: Path) -> None:
    """Those that came before; a rewriting uses them, too."""
    path = with_secrets(tmp_path, KEYS.read_bytes())
    assert [one.kind for one in scapy_rr.messages(path)] == OVER_TLS
    rr = RecordRouting(listen=["tls:10.0.0.1:5061", "udp:10.0.0.1:5060"])
    summary = rewrite(path, tmp_path / "out.pcapng", CaptureRouter(script(rr, Hosts({"example.com": "10.0.0.9"}))))
    assert sum(summary.messages.values()) == len(OVER_TLS)
    assert KEYS.read_bytes() in (tmp_path / "out.pcapng").read_bytes()


def test_secrets_that_cannot_be_read_are_counted(tmp_path: Path) -> None:
    path, transports = with_secrets(tmp_path, b"no key log\n"), Transports()
    with Capture(path) as capture:
        assert list(sip_messages(capture, transports=transports)) == []
    assert [why for why in transports.counts if why.startswith("secrets that are not used: a Decryption Secrets Block: line 1")]


def test_secrets_without_what_deciphers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has asked for it, so that it is no fault."""

    def missing() -> None:
        raise ConfigError("install it")

    monkeypatch.setattr(transports_module, "need_cryptography", missing)
    path, transports = with_secrets(tmp_path, KEYS.read_bytes()), Transports()
    with Capture(path) as capture:
        assert list(sip_messages(capture, transports=transports)) == []
    assert transports.counts == {"secrets that are not used: install it": 1, f"over TCP: {ENCRYPTED}": 2}


def test_keys_of_others_open_nothing(tmp_path: Path) -> None:
    """Without tshark's help, as nothing helps there."""
    (tmp_path / "keys").write_text(f"CLIENT_RANDOM {'00' * 32} {'00' * 48}\n")
    messages, counts = read(TlsKeys(tmp_path / "keys"))
    assert messages == []
    assert sum(counts.values()) == 2
    assert all(why.startswith("over TCP: TLS connections that were not read: the key log has no ") for why in counts)


def test_what_is_no_key_log(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("no keys\n")
    with pytest.raises(ConfigError, match=r"keys: line 1 is no line of a TLS key log"):
        TlsKeys(tmp_path / "keys")


def test_what_scapy_cannot_read_tshark_reads() -> None:
    """The same messages, in the same frames."""
    need("tshark")
    expected, _ = read(TlsKeys(KEYS, CALLS))
    keys = TlsKeys(KEYS, CALLS)
    keys.log = type(keys.log)()
    messages, counts = read(keys)
    assert [(one.number, one.data, one.source) for one in messages] == [(one.number, one.data, one.source) for one in expected]
    assert counts == {}


def test_where_tshark_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    keys, lost = TlsKeys(KEYS, CALLS), Counter[str]()
    with pytest.raises(CaptureError, match="which is not installed"):
        keys.exported  # noqa: B018
    stream = TlsStream(keys, ENDS, lost)
    assert list(stream.feed(0, b"no TLS at all", 1)) == []
    assert list(lost) == [f"TLS connections that were not read: no TLS record where one should begin; and {_refusal(keys)}"]


def _refusal(keys: TlsKeys) -> CaptureError:
    with pytest.raises(CaptureError) as refused:
        keys.exported  # noqa: B018
    return refused.value


@pytest.mark.parametrize("emit", list(Emit))
def test_what_was_sent_encrypted_stays_and_what_is_sent_on_stands_beside(tmp_path: Path, emit: Emit) -> None:
    """The script sends over UDP; over TLS nothing is written."""
    rr = RecordRouting(listen=["tls:10.0.0.1:5061", "udp:10.0.0.1:5060"])
    router = CaptureRouter(script(rr, Hosts({"example.com": "10.0.0.9"})), (), TlsKeys(KEYS, CALLS))
    summary = rewrite(CALLS, tmp_path / "out.pcap", router, emit)
    assert sum(summary.routed.values()) > 0
    with Capture(CALLS) as capture, Capture(tmp_path / "out.pcap") as routed:
        came = [batch.data[one.start : one.end] for batch in capture.batches() for one in batch.frames(b"")]
        left = [batch.data[one.start : one.end] for batch in routed.batches() for one in batch.frames(b"")]
    new = [frame for frame in left if frame not in came]
    assert [frame for frame in left if frame in came] == ([] if emit is Emit.ONLY else came)
    assert len(new) == sum(summary.routed.values())
    assert all(b"SIP/2.0" in frame for frame in new)
