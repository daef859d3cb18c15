"""What scapy_rr makes of what arrived at a server under test, in the form in which that server is seen to send."""

import re
from collections.abc import Sequence
from pathlib import Path

from scapy_rr.config import Config

from ..capture.samples import pcap, records
from ..command import Command
from ..pcapmaker.frames import Flow, ethernet
from .calls import Step
from .case import endpoint, spelled
from .forwarding import Kamailio, Passed, Socket, read_packet

_OWN_VIA = re.compile(rb"(\r\nVia: SIP/2\.0/(?:UDP|TCP) [^;\r\n]*;branch=)z9hG4bK[0-9a-f.]+(?:(;i=)[0-9a-f]+)?(?=\r\n)")
_TO_TAG = re.compile(rb"(\r\n(?:To|t)[ \t]*:[^\r\n]*;tag=)[0-9a-f.-]+(?=\r\n)", re.IGNORECASE)
_RECEIVED = re.compile(rb"(?<!\r);received=[0-9a-f.:]+(?=[;, \t\r])")
_BLANKS_AT_END = re.compile(rb"[ \t]+(?=\r\n)")


class Rewriter:
    """``scapy-rr rewrite`` with the listeners of a Kamailio.

    :param folder: where its files are.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command, self._folder, self._number = command, folder, 0

    def passed(self, proxy: Kamailio, steps: Sequence[Step]) -> list[Passed]:
        """What it sends for datagrams, all in one capture."""
        self._number += 1
        source, target = self._folder / f"in{self._number}.pcap", self._folder / f"out{self._number}.pcap"
        source.write_bytes(pcap(ethernet(Flow(step.source, endpoint(step.received_on[4:])).packet(step.message)) for step in steps))
        words = [word for one in proxy.listen for word in ("--listen", one)]
        words += [word for name, address in proxy.hosts.items() for word in ("--host", f"{name}={address}")]
        done = self._command("rewrite", source, "-o", target, "--dialect", "kamailio", "--emit", "only", *words)
        assert done.code == 0, done.err
        return _messages(one.frame for one in records(target.read_bytes()))


def _messages(frames: "Sequence[bytes] | object") -> list[Passed]:
    raise NotImplementedError
