"""Results come in order, however many processes make them, and only so many items are under way."""

import os
import time
from collections.abc import Iterator

import pytest

from scapy_rr.capture.workers import in_order, processors

PROCESSES = [1, 2, 3]


def doubled(number: int) -> tuple[int, int]:
    """Later ones are done first."""
    time.sleep(0.002 * (number % 3 == 0))
    return 2 * number, os.getpid()


@pytest.mark.parametrize("processes", PROCESSES)
def test_results_are_in_order(processes: int) -> None:
    with in_order(doubled, range(40), processes) as results:
        found = list(results)
    assert [(item, number) for item, (number, _) in found] == [(number, 2 * number) for number in range(40)]
    makers = {process for _, (_, process) in found}
    assert (os.getpid() in makers) == (processes == 1)
    assert len(makers) <= processes


@pytest.mark.parametrize("processes", PROCESSES)
def test_nothing_to_do(processes: int) -> None:
    with in_order(doubled, list[int](), processes) as results:
        assert list(results) == []


@pytest.mark.parametrize("processes", PROCESSES)
def test_only_so_many_items_are_taken_ahead(processes: int) -> None:
    """A capture of any size goes through in little memory."""
    taken, given = 0, 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(100):
            taken += 1
            assert taken - given <= 2 * processes + 1
            yield number

    with in_order(doubled, items(), processes) as results:
        for _ in results:
            given += 1
    assert given == 100


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_fault_of_the_items_comes_after_the_results_before_it(processes: int) -> None:
    def items() -> Iterator[int]:
        yield from range(7)
        raise ValueError("cut here")

    found = []
    with pytest.raises(ValueError, match="cut here"), in_order(doubled, items(), processes) as results:
        for _, (number, _) in results:
            found.append(number)
    assert found == list(range(0, 14, 2))


@pytest.mark.parametrize("processes", PROCESSES)
def test_a_fault_of_the_function_is_raised(processes: int) -> None:
    def fail(number: int) -> int:
        if number == 3:
            raise LookupError(f"no {number}")
        return number

    found = []
    with pytest.raises(LookupError, match="no 3"), in_order(fail, range(50), processes) as results:
        for _, number in results:
            found.append(number)
    assert found == [0, 1, 2]


@pytest.mark.parametrize("processes", PROCESSES)
def test_leaving_early_leaves_no_process_behind(processes: int) -> None:
    made = set()
    with pytest.raises(KeyboardInterrupt), in_order(doubled, range(10_000), processes) as results:
        for _, (number, process) in results:
            made.add(process)
            if number > 10:
                raise KeyboardInterrupt
    for process in made - {os.getpid()}:
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_there_is_at_least_one_processor() -> None:
    assert 1 <= processors() <= (os.cpu_count() or 1)


def test_one_where_processes_cannot_be_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("multiprocessing.get_all_start_methods", lambda: ["spawn"])
    assert processors() == 1
