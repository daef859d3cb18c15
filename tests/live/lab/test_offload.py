"""Checksums in the captures of a lab."""

from pathlib import Path

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap

from scapy_rr.live.lab.offload import switch_off

from .machine import Machine


def test_no_such_interface() -> None:
    with pytest.raises(OSError, match="No such device"):
        switch_off("no-such-link")


@pytest.mark.parametrize(("link", "layer"), [("caller-proxy", UDP), ("proxy-callee", TCP)])
def test_checksums_are_those_of_the_frames(machine: Machine, tmp_path: Path, link: str, layer: type[UDP] | type[TCP]) -> None:
    machine.lab("run", "tcp", "--proxy", "kamailio", "-w", tmp_path)
    frames = [frame for frame in rdpcap(str(tmp_path / f"{link}.pcap")) if layer in frame]
    assert len(frames) >= 12
    for frame in frames:
        rebuilt = frame.copy()
        del rebuilt[layer].chksum
        del rebuilt[IP].chksum
        assert Ether(bytes(rebuilt))[layer].chksum == frame[layer].chksum
