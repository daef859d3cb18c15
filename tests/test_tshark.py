"""What Wireshark makes of routed captures: nothing is wrong that was not wrong before, untouched SIP is the same."""

from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from scapy_rr.capture.place import Emit
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.proxy.router import Preloaded

from .capture.samples import HOSTS, OWN, enhanced, frame, interface, invite, listeners, over_udp, router, section
from .capture.test_captures import ALONE
from .tshark_view import views


def frames(path: Path) -> list[bytes]:
    """The frames of a capture."""
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.name)
def test_routed_captures(tshark: str, tmp_path: Path, path: Path) -> None:
    """Routed frames have no fault at all but what the received ones had, and are the same request with fewer Routes, or as many."""
    target = tmp_path / f"out{path.suffix}"
    summary = rewrite(path, target, router(*over_udp(path), preloaded=Preloaded.RELAY, hosts=HOSTS))
    before, after = views(tshark, path), views(tshark, target)
    came, left = frames(path), frames(target)
    assert len(before) == len(after) == len(came) == len(left)
    touched = 0
    for view, other, one, routed in zip(before, after, came, left, strict=True):
        assert other.faults <= view.faults
        if one == routed:
            assert other.sip == view.sip
        else:
            touched += 1
            assert other.sip[:4] == view.sip[:4]
            assert other.sip[2]
    assert touched == sum(summary.routed.values())


def test_a_packed_capture_with_both_frames_is_read_to_its_end(tshark: str, tmp_path: Path) -> None:
    """Its header is a member of its own; the snap length in it was raised."""
    path = next(path for path in OWN if path.name == "strict-routers.pcap")
    source, target = tmp_path / "in.pcap", tmp_path / "out.pcap.gz"
    data = bytearray(path.read_bytes())
    data[16:20] = (600).to_bytes(4, "little")
    source.write_bytes(data)
    summary = rewrite(source, target, router(*listeners(path)), Emit.APPEND)
    found = views(tshark, target)
    assert len(found) == summary.frames + sum(summary.routed.values())
    assert not any(view.faults for view in found)
    assert all(view.sip[0] for view in found)


def test_a_pcapng_frame_that_outgrew_its_interface_is_read_whole(tshark: str, tmp_path: Path) -> None:
    """Readers go by the block's own lengths."""
    source, target = tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    source.write_bytes(section() + interface(snap=530) + enhanced(frame(invite())))
    assert sum(rewrite(source, target, router()).routed.values()) == 1
    assert [view.faults for view in views(tshark, target)] == [{}]
    assert len(frames(target)[0]) > 530
