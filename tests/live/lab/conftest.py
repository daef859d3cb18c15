"""What the lab's live tests need: root, and the programs."""

from collections.abc import Iterator

import pytest

from tests.conftest import missing, need

from .machine import Machine

TOOLS = ("ip", "nft", "unshare", "nsenter", "sipp", "kamailio", "tcpdump")


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """A machine with all programs but OpenSIPS. It is the test's own if nothing is left on it."""
    for tool in TOOLS:
        need(tool)
    try:
        made = Machine()
    except OSError as error:
        missing(f"no namespaces can be made: {error}")
    with made:
        yield made
