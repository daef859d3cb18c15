"""What all tests share: reproducible properties, and the rule about live peers."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from .capture.samples import VOICE, arriving, frame, invite, pcap
from .command import Command
from .peers.namespace import Namespace

settings.register_profile("scapy_rr", derandomize=True, deadline=None)
settings.load_profile("scapy_rr")


def missing(reason: str) -> NoReturn:
    """Skip a test that lacks something; or fail, where ``SCAPY_RR_REQUIRE_PEERS=1`` says that it must run."""
    if os.environ.get("SCAPY_RR_REQUIRE_PEERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def need(program: str) -> str:
    """The path of a peer's program, which must not be missing."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        missing(f"{program} is not installed")
    return found


def need_namespaces(*programs: str) -> None:
    """What a test in a network namespace needs: the right to make one, and programs."""
    for program in programs:
        need(program)
    try:
        Namespace().close()
    except OSError as error:
        missing(f"no network namespace can be made: {error}")


@pytest.fixture
def tshark() -> str:
    """The path of tshark."""
    return need("tshark")


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command, in this process."""
    return Command(capsys, monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A capture with an RTP frame, a BYE with a Route, and an INVITE to a name."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([VOICE, arriving(), frame(invite("sip:bob@example.com"))]))
    return path
