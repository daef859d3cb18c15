"""Items with other values."""

import pytest

from scapy_rr.wire.tlv import updated

ITEMS = [(9, b"nine"), (1, b"one"), (70_000, b"a vendor's"), (1, b"one again"), (2, b"two")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({}, {}, ITEMS),
        ({1: b"one"}, {1: b"one"}, ITEMS),
        ({1: b"?"}, {1: b"1"}, [(9, b"nine"), (1, b"1"), (70_000, b"a vendor's"), (1, b"1"), (2, b"two")]),
        ({4: b""}, {4: b""}, ITEMS),
        ({4: b"", 3: b""}, {4: b"four", 3: b"three"}, [*ITEMS, (4, b"four"), (3, b"three")]),
        ({1: b"one", 2: b"two"}, {5: b"five", 6: b"six"}, [(9, b"nine"), (5, b"five"), (70_000, b"a vendor's"), (5, b"five"), (6, b"six")]),
        ({}, {5: b"five", 2: b"two"}, [*ITEMS[:4], (2, b"two"), (5, b"five")]),
    ],
)
def test_what_changed_is_replaced_or_added(old: dict[int, bytes], new: dict[int, bytes], expected: list[tuple[int, bytes]]) -> None:
    assert updated(ITEMS, old, new) == expected
