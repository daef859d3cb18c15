"""Captures through Scapy, where tcpdump is not installed."""

import io
import shutil
from pathlib import Path

from scapy.supersocket import SuperSocket
from scapy.utils import RawPcapReader

from scapy_rr.live.lab.listener import copy

from .machine import Machine


class Frames(SuperSocket):  # type: ignore[misc]
    """A socket that receives these, and whose interface goes away then."""

    def __init__(self, *frames: tuple[bytes | None, float]) -> None:
        self._frames = list(frames)

    def recv_raw(self, x: int = 65535) -> tuple[None, bytes | None, float]:
        """The next one."""
        if not self._frames:
            raise OSError("Network is down")
        return (None, *self._frames.pop(0))

    def __del__(self) -> None:
        pass


def test_what_comes_is_written_with_its_time() -> None:
    output = io.BytesIO()
    copy(Frames((b"one frame of it", 1000.5), (None, 0.0), (b"another", 1001.25)), output)
    with RawPcapReader(io.BytesIO(output.getvalue())) as reader:
        assert (reader.linktype, reader.nano) == (1, True)
        assert [(frame, meta.sec, meta.usec) for frame, meta in reader] == [
            (b"one frame of it", 1000, 500_000_000),
            (b"another", 1001, 250_000_000),
        ]


def test_a_run_without_tcpdump(machine: Machine, tmp_path: Path) -> None:
    """On another machine, as tcpdump is taken from it; that there can be one, the first one says."""
    with Machine() as bare:
        assert bare.run("mount", "--bind", "/dev/null", shutil.which("tcpdump")).code == 0
        playing, _ = bare.start_lab("run", "--proxy", "kamailio", "--json", "-w", tmp_path)
        with playing:
            assert playing.stdout
            said = playing.stdout.read()
        assert playing.returncode == 0, said
        assert said.count('"arrived": true') == 6
        assert (tmp_path / "proxy-callee.pcap").stat().st_size > 1000
        assert bare.processes() == ["sleep infinity"]
