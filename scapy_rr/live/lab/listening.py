"""Whether a process listens yet, by what the kernel says of the namespace it is in. Knows no SIP."""

from contextlib import suppress
from pathlib import Path

from ...rr.listener import Listener

# In the tables' fourth column: a TCP socket that listens, and a UDP socket that is not connected.
_STATES = {"tcp": "0A", "udp": "07"}


def is_listening(pid: int, listener: Listener) -> bool:
    """Whether a socket is bound to a listener's port, in the namespace of a process; other transports than UDP and TCP are."""
    state = _STATES.get(listener.transport)
    return state is None or any(
        _is_bound(Path(f"/proc/{pid}/net/{listener.transport}{family}"), listener.port, state) for family in ("", "6")
    )


def _is_bound(table: Path, port: int, state: str) -> bool:
    with suppress(OSError):
        for line in table.read_text().splitlines()[1:]:
            _, local, _, current, *_ = line.split()
            if current == state and int(local.rpartition(":")[2], 16) == port:
                return True
    return False
