"""What tshark exports of TLS: the messages that are in it, and what it says where it cannot."""

import os
import ssl
import subprocess
from pathlib import Path

import pytest
from scapy.utils import RawPcapNgReader, RawPcapReader

from scapy_rr.capture.keylog import KeyLog
from scapy_rr.capture.tls import TlsConnection
from scapy_rr.capture.tls_cipher import need_cryptography
from scapy_rr.capture.tls_export import exported
from scapy_rr.errors import CaptureError, ConfigError

from ..conftest import missing, need
from ..make_pcaps import FOLDER, TLS
from ..pcapmaker.frames import ethernet
from ..pcapmaker.tls import CALLERS, Conversation, certificate, segments
from ..pcapmaker.writer import write
from ..tshark_view import framed, sip_messages

CAPTURE, KEYS = (FOLDER / name for name in TLS)
SERVER = ("10.0.0.1", 5061)
EXPORTED_PDU, FRAME = 252, b"\x00\x1e\x00\x04"


@pytest.fixture
def cryptography() -> None:
    """The package."""
    try:
        need_cryptography()
    except ConfigError as error:
        missing(str(error))


def pdus(path: Path) -> list[tuple[int, bytes]]:
    """The original frame's number and the data of each PDU; its tags end with four zeros."""
    with RawPcapNgReader(str(path)) as reader:
        found = [frame.partition(b"\0\0\0\0") for frame, told in reader if told.linktype == EXPORTED_PDU]
    return [(int.from_bytes(tags.partition(FRAME)[2][:4], "big"), data) for tags, _, data in found]


def read() -> list[tuple[int, bytes]]:
    """The same, as :mod:`scapy_rr.capture.tls` reads it; each segment comes in its order."""
    keys, found = KeyLog.load(KEYS), []
    connections: dict[int, TlsConnection] = {}
    with RawPcapReader(str(CAPTURE)) as reader:
        for number, (frame, _) in enumerate(reader, 1):
            by_client = frame[36:38] == SERVER[1].to_bytes(2, "big")
            port = int.from_bytes(frame[34:36] if by_client else frame[36:38], "big")
            connection = connections.setdefault(port, TlsConnection(keys))
            found += [(number, data) for _, data in connection.feed(by_client, frame[34 + (frame[46] >> 4) * 4 :])]
    return found


def test_a_capture_with_its_key_log(tshark: str, cryptography: None, tmp_path: Path) -> None:
    """The same as we read ourselves, record by record."""
    assert exported(CAPTURE, KEYS, tmp_path / "out.pcapng") == ""
    found = pdus(tmp_path / "out.pcapng")
    assert found == read()
    assert [data[:10] for _, data in found[:3]] == [b"INVITE sip", b": Deskset ", b"SIP/2.0 10"]
    assert len(found) == 14


def test_the_messages_are_those_that_tshark_sees(tshark: str, cryptography: None) -> None:
    """What each client and the server said, one after the other, cut by Content-Length."""
    streams: dict[bytes, bytes] = {}
    with RawPcapReader(str(CAPTURE)) as reader:
        ends = [frame[34:38] for frame, _ in reader]
    for number, data in read():
        streams[ends[number - 1]] = streams.get(ends[number - 1], b"") + data
    found = [message for stream in streams.values() for message in framed(stream)]
    assert sorted(found) == sorted(message.data for message in sip_messages(tshark, CAPTURE, KEYS))
    assert len(found) == 14


def test_a_capture_with_the_secrets_in_it(tshark: str, tmp_path: Path) -> None:
    subprocess.run([need("editcap"), "--inject-secrets", f"tls,{KEYS}", CAPTURE, tmp_path / "in.pcapng"], check=True, capture_output=True)
    exported(tmp_path / "in.pcapng", None, tmp_path / "out.pcapng")
    assert len(pdus(tmp_path / "out.pcapng")) == 14


def test_a_port_that_is_not_registered(tshark: str, tmp_path: Path) -> None:
    data = CAPTURE.read_bytes().replace(b"\x13\xc5", (15061).to_bytes(2, "big"))
    (tmp_path / "in.pcap").write_bytes(data)
    exported(tmp_path / "in.pcap", KEYS, tmp_path / "out.pcapng", ports=(5061, 15061))
    assert len(pdus(tmp_path / "out.pcapng")) == 14


def recorded(path: Path, *conversations: Conversation) -> Path:
    """A capture of connections, one after the other."""
    frames = [ethernet(one) for conversation, caller in zip(conversations, CALLERS, strict=False) for one in segments(conversation, caller)]
    write(path, 1, ((number, frame, len(frame)) for number, frame in enumerate(frames)))
    return path


@pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-NULL-SHA"])
def test_suites_that_scapy_does_not_read(tshark: str, cryptography: None, tmp_path: Path, suite: str) -> None:
    """That is what it is for."""
    conversation = Conversation(certificate(tmp_path / "proxy.pem"), tmp_path / "keys", ssl.TLSVersion.TLSv1_2, suite)
    conversation.say(b"INVITE")
    conversation.say(b"SIP/2.0", by_client=False)
    exported(recorded(tmp_path / "in.pcap", conversation), tmp_path / "keys", tmp_path / "out.pcapng")
    assert [data for _, data in pdus(tmp_path / "out.pcapng")] == [b"INVITE", b"SIP/2.0"]


def test_a_session_that_is_resumed(tshark: str, cryptography: None, tmp_path: Path) -> None:
    """The key log has the earlier connection alone."""
    first = Conversation(certificate(tmp_path / "proxy.pem"), tmp_path / "keys", ssl.TLSVersion.TLSv1_2)
    first.say(b"INVITE")
    log = (tmp_path / "keys").read_text()
    second = Conversation(tmp_path / "proxy.pem", tmp_path / "keys", earlier=first)
    second.say(b"ACK")
    (tmp_path / "keys").write_text(log)
    exported(recorded(tmp_path / "in.pcap", first, second), tmp_path / "keys", tmp_path / "out.pcapng")
    assert [data for _, data in pdus(tmp_path / "out.pcapng")] == [b"INVITE", b"ACK"]


def test_plain_sip_is_not_exported(tshark: str, tmp_path: Path) -> None:
    assert exported(FOLDER / "double-rr-tcp.pcap", KEYS, tmp_path / "out.pcapng") == ""
    assert pdus(tmp_path / "out.pcapng") == []


def test_a_capture_that_is_cut(tshark: str, tmp_path: Path) -> None:
    """What came before is exported."""
    (tmp_path / "in.pcap").write_bytes(CAPTURE.read_bytes()[:4900])
    assert "cut short in the middle of a packet" in exported(tmp_path / "in.pcap", KEYS, tmp_path / "out.pcapng")
    assert [data[:10] for _, data in pdus(tmp_path / "out.pcapng")] == [b"INVITE sip", b": Deskset ", b"SIP/2.0 10", b"SIP/2.0 18"]


def test_no_capture(tshark: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"tls.keys: tshark: The file .* isn't a capture file"):
        exported(KEYS, KEYS, tmp_path / "out.pcapng")


def test_a_target_that_cannot_be_written(tshark: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"tls.pcap: tshark: .*/none/out"):
        exported(CAPTURE, KEYS, tmp_path / "none" / "out")


def test_no_key_log(tshark: str, tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="none: No such file"):
        exported(CAPTURE, tmp_path / "none", tmp_path / "out.pcapng")


def stand_in(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Another program by tshark's name."""
    (folder / "tshark").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "tshark").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_it_is_waited_for_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exec sleep 20")
    with pytest.raises(CaptureError, match=r"tls.pcap: tshark has not done with it in 0.2 seconds"):
        exported(CAPTURE, KEYS, tmp_path / "out.pcapng", seconds=0.2)


def test_it_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, monkeypatch, "exit 3")
    with pytest.raises(CaptureError, match=r"tls.pcap: tshark left with 3"):
        exported(CAPTURE, KEYS, tmp_path / "out.pcapng")


def test_it_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CaptureError, match=r"tls.pcap: what Scapy cannot read of TLS is read by tshark, which is not installed"):
        exported(CAPTURE, KEYS, tmp_path / "out.pcapng")


def test_what_the_user_has_configured_does_not_count(tshark: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "preferences").write_text("tcp.desegment_tcp_streams: FALSE\n")
    (tmp_path / "disabled_protos").write_text("tls\n")
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(tmp_path))
    exported(CAPTURE, KEYS, tmp_path / "out.pcapng")
    assert len(pdus(tmp_path / "out.pcapng")) == 14
