"""The commands there are: each is found, helps, and loads no more than it needs."""

import subprocess
import sys

import pytest

from .command import LISTEN, Command

COMMANDS = ("rewrite", "explain", "addresses", "dialects", "config", "sniff", "run", "replay", "lab")


@pytest.mark.parametrize("verb", [(), *((name,) for name in COMMANDS), ("lab", "run")])
def test_help(command: Command, verb: tuple[str, ...]) -> None:
    done = command(*verb, "--help")
    assert done.code == 0
    assert "scapy-rr" + "".join(f" {word}" for word in verb) + " " in done.out
    if not verb:
        assert all(f" {name} " in done.out for name in COMMANDS)


def test_a_command_that_is_none(command: Command) -> None:
    done = command("route")
    assert done.code == 2
    assert "No such command 'route'" in done.err


def test_what_lives_is_loaded_when_it_is_asked_for() -> None:
    """So that small captures are done at once."""
    script = f"""
import sys
from scapy_rr import cli
sys.argv = ["scapy-rr", "addresses", *{LISTEN!r}]
try:
    cli.main()
finally:
    live = [name for name in sys.modules if name.startswith(("scapy_rr.live", "scapy_rr.server_config", "scapy.layers.", "dns", "asyncio"))]
    assert not live, live
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "udp:10.0.0.1:5060" in done.stdout
    assert "AssertionError" not in done.stderr, done.stderr
