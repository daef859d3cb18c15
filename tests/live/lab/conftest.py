"""What the lab's live tests need: root, and the programs."""

import os
from collections.abc import Iterator

import pytest

from tests.conftest import need

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
        reason = f"no namespaces can be made: {error}"
        if os.environ.get("SCAPY_RR_REQUIRE_PEERS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with made:
        yield made
