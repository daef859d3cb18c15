"""A capture on every link of a lab, by tcpdump where it is installed, else through Scapy. Knows no SIP."""

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ...errors import LiveError
from .description import Lab, Link
from .network import namespace, python
from .processes import Process, last_lines, start, wait_until
from .programs import find

READY = "listening on"
"""What a program says once it captures."""

_PATIENCE = 20.0
# So long nothing comes, in seconds: then what is on its way has come.
_SILENCE, _LONGEST = 0.3, 5.0
_DROPPED = re.compile(r"^([1-9]\d*) packets? dropped by kernel", re.MULTILINE)


class Captures:
    """The captures of one run; one process for each link, in the namespace of its first end.

    :param folder: where they are written.
    """

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab, self._folder = lab, folder
        self.files = {link: folder / f"{link.name}.pcap" for link in lab.links}

    def start(self, started: Callable[[str, Process], None]) -> None:
        """Start to capture.

        :param started: is told of each process at once, with a name for it.
        :raises LiveError: where one does not capture.
        """
        processes = {}
        for link, file in self.files.items():
            one, other = link.ends
            space = namespace(self._lab.name, one.host)
            processes[link] = start(self._lab.name, space, _command(other.host), file, self._log(link))
            started(f"capture of {link.name}", processes[link])
        for link, process in processes.items():
            self._wait(link, process)

    def _wait(self, link: Link, process: Process) -> None:
        def is_ready() -> bool:
            return READY in last_lines(self._log(link))

        wait_until(lambda: is_ready() or not process.is_running, _PATIENCE)
        if not is_ready():
            raise LiveError(f"the capture of {link.name} does not start: {last_lines(self._log(link))}")

    def settle(self) -> None:
        """Wait until nothing more comes."""

        def sizes() -> list[int]:
            return [file.stat().st_size for file in self.files.values()]

        waited = 0.0
        while waited < _LONGEST:
            before = sizes()
            wait_until(lambda: False, _SILENCE)
            waited += _SILENCE
            if sizes() == before:
                return

    def dropped(self) -> int:
        """How many frames the kernel could not hand over, as far as the programs say once they have ended."""
        counts = 0
        for link in self.files:
            with suppress(OSError):
                counts += sum(int(count) for count in _DROPPED.findall(self._log(link).read_text("utf-8", "replace")))
        return counts

    def _log(self, link: Link) -> Path:
        return self._folder / f"{link.name}.log"


def _command(interface: str) -> list[str]:
    tcpdump = find("tcpdump")
    if tcpdump is None:
        return python("scapy_rr.live.lab.listener", interface)
    # It stays who it is: what it writes to is open already, and its mark can be read.
    how = "-n -s 0 -U --immediate-mode --time-stamp-precision=nano -Z root -w -"
    return [tcpdump, "-i", interface, *how.split()]
