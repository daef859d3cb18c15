"""Changes to an immutable buffer, collected first and applied once, as the servers' lumps are (``data_lump.c``).

Whoever reads the buffer in between sees the original. Knows nothing of SIP.
"""

from operator import itemgetter

# Where an edit begins.
_offset = itemgetter(0)


class Edits:
    """Deletions and insertions, by offsets in the original buffer."""

    __slots__ = ("_edits",)

    def __init__(self) -> None:
        self._edits: list[tuple[int, int, bytes]] = []

    def __bool__(self) -> bool:
        return bool(self._edits)

    def copy(self) -> "Edits":
        """Another collection with the same edits; adding to one leaves the other alone."""
        other = Edits()
        other._edits = self._edits.copy()
        return other

    def delete(self, start: int, end: int) -> None:
        """Drop the bytes from ``start`` up to ``end``. Deleting the same bytes twice is deleting them once."""
        self._edits.append((start, end, b""))

    def insert(self, at: int, text: bytes) -> None:
        """Put ``text`` before the byte at ``at``; several insertions at one place stay in the order of their calls."""
        self._edits.append((at, at, text))

    def replace(self, start: int, end: int, text: bytes) -> None:
        """Put ``text`` in the place of the bytes from ``start`` up to ``end``."""
        self._edits.append((start, end, text))

    def apply(self, data: bytes) -> bytes:
        """The buffer with all edits done; the same object where there are none.

        An insertion strictly inside deleted bytes goes with them.
        """
        if not self._edits:
            return data
        if len(self._edits) == 1:
            start, end, text = self._edits[0]
            return data[:start] + text + data[end:]
        parts: list[bytes] = []
        position = region = 0
        for start, end, text in sorted(self._edits, key=_offset):
            if start >= position:
                parts += data[position:start], text
                region, position = start, end
            else:
                if start == region:
                    parts.append(text)
                if end > position:
                    position = end
        parts.append(data[position:])
        return b"".join(parts)
