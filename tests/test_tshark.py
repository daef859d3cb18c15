"""What Wireshark makes of routed captures: nothing is wrong that was not wrong before, untouched SIP is the same."""

from collections import Counter
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from scapy_rr.capture.place import Emit
from scapy_rr.capture.reader import Capture
from scapy_rr.capture.reading import sip_messages
from scapy_rr.capture.rewrite import rewrite
from scapy_rr.capture.routing import CaptureRouter
from scapy_rr.packets import RecordRouting
from scapy_rr.proxy.next_hop import Hosts
from scapy_rr.proxy.router import Preloaded

from .capture.samples import FOREIGN, HOSTS, OWN, enhanced, frame, interface, invite, listeners, over_udp, router, script, section
from .tshark_view import faults, views
from .tshark_view import sip_messages as tshark_messages

ALL = [*OWN, *FOREIGN]
SPREAD = {
    *("fragments.pcap", "fragments-ipv6.pcap", "fragments-mtu.pcap", "fragments-mtu-ipv6.pcap", "passing-by.pcap"),
    *("sipp-tcp.pcap", "sctp.pcap", "hep2.pcap", "hep3.pcap"),
}
"""Those in which a frame is not a message: some take several, or share one, or are in what tshark does not know."""
HELLO = b"hello, SIP/2.0\r\n\r\n"
DIFFERENT: dict[str, tuple[int, list[bytes], str]] = {
    "hep2.pcap": (0, [], "tshark does not know HEP"),
    "hep3.pcap": (0, [], "tshark does not know HEP"),
    "passing-by.pcap": (
        1,
        [HELLO],
        "tshark shows the start of a frame that was cut off, and asks more of a start line than its end",
    ),
}
"""How many messages tshark alone sees, which we alone see (but where it sees none), and why."""


def frames(path: Path) -> list[bytes]:
    """The frames of a capture."""
    with RawPcapReader(str(path)) as reader:
        return [frame for frame, _ in reader]


@pytest.mark.parametrize("path", [path for path in ALL if path.name not in SPREAD], ids=lambda path: path.name)
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


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_we_see_the_messages_that_tshark_sees(tshark: str, path: Path) -> None:
    """The same bytes, each complete with the same frame; what differs is in the table."""
    theirs = Counter((one.frame, one.data) for one in tshark_messages(tshark, path))
    with Capture(path) as capture:
        ours = Counter((one.number, one.data) for one in sip_messages(capture) if not one.refusal)
    alone, expected, _ = DIFFERENT.get(path.name, (0, [], ""))
    assert (theirs - ours).total() == alone
    if theirs:
        assert [data for _, data in (ours - theirs).elements()] == expected


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_nothing_is_wrong_that_was_not(tshark: str, tmp_path: Path, path: Path) -> None:
    """By a whole proxy with all listeners, in the capture as a whole: no checksum, no length, and nothing that tshark's analysis finds."""
    before = faults(tshark, path)
    for emit in Emit:
        target = tmp_path / f"{emit.value}{path.suffix}"
        how = CaptureRouter(script(RecordRouting(listen=listeners(path)), Hosts(HOSTS), Preloaded.RELAY, via=True))
        summary = rewrite(path, target, how, emit)
        assert faults(tshark, target) <= before
        assert summary.routed or path in FOREIGN or path.name == "tls.pcap", "that one takes keys"


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
