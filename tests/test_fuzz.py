"""A short run of the damaged captures; ``python -m tests.fuzz`` has longer ones."""

from pathlib import Path
from random import Random

from .fuzz import Fuzz, captures, damaged

RUNS = 500


def test_damaged_captures_give_nothing_but_our_own_errors(tmp_path: Path) -> None:
    fuzz = Fuzz(tmp_path)
    for number in range(RUNS):
        fuzz.run(number)
    assert sum(fuzz.results.values()) == RUNS
    assert fuzz.results["routed"] > RUNS / 3


def test_every_run_can_be_made_again() -> None:
    data = captures()[0].read_bytes()
    assert damaged(data, Random(7)) == damaged(data, Random(7)) != data
