"""The application data of TLS connections by way of tshark, which knows more cipher suites and ways to resume than Scapy: as exported PDUs.

They are a capture of their own (link type 252).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from ..errors import CaptureError

_ROOT = "Running as user"
# It has written what came before.
_READ_SO_FAR = ("cut short", "damaged or corrupt")


def exported(path: Path, keys: Path | None, target: Path, ports: Iterable[int] = (5061,), seconds: float = 600) -> str:
    """Have tshark write the application data of the TLS connections of a capture that it can read: a PDU for each record, in order.

    It runs with its own defaults, whatever the user has configured.

    :param path: the capture.
    :param keys: the key log; ``None`` where the capture has the secrets in it.
    :param target: the capture to write.
    :param ports: the servers' on which SIP over TLS is spoken. Other connections may be in it, or not.
    :param seconds: how long tshark may take.
    :returns: what it complained of where it could not read all, as of a capture that is cut at its end; empty if it could.
    :raises CaptureError: where tshark is not installed, cannot read the capture or write the target, or takes too long.
    """
    program = shutil.which("tshark")
    if program is None:
        raise CaptureError(f"{path}: what Scapy cannot read of TLS is read by tshark, which is not installed")
    if keys and not keys.is_file():
        # tshark says nothing of that.
        raise CaptureError(f"{keys}: No such file")
    # Told that it is SIP, tshark would export records in which messages begin or end more than once, and not as they are.
    options = [word for port in ports for word in ("-d", f"tls.port=={port},data")]
    options += ["-o", f"tls.keylog_file:{keys.absolute()}"] if keys else []
    options += ["-o", "tcp.reassemble_out_of_order:TRUE"]
    # Its export takes in what UDP carries, too.
    command = [program, "-n", "-r", str(path.absolute()), *options, "-Y", "tls", "-U", "OSI layer 7", "-w", str(target.absolute())]
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "WIRESHARK_CONFIG_DIR": home}
        try:
            done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired:
            raise CaptureError(f"{path}: tshark has not done with it in {seconds:g} seconds") from None
    if not done.returncode:
        return ""
    lines = done.stderr.decode(errors="replace").splitlines()
    complaint = "; ".join(line.strip() for line in lines if line.strip() and not line.startswith(_ROOT))
    if not any(words in complaint for words in _READ_SO_FAR):
        raise CaptureError(f"{path}: {complaint or f'tshark left with {done.returncode}'}")
    return complaint
