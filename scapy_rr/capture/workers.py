"""A function over many items on several processors, the results in order and only so many under way."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

# More than this many buffers in each process's queue would only take memory.
_AHEAD = 2

# In a worker process: what it was forked to do.
_work: Callable[[Any], Any] | None = None


def processors() -> int:
    """How many processes can run here at once; 1 where processes cannot be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def in_order(function: Callable[[_Item], _Result], items: Iterable[_Item], processes: int) -> Iterator[Iterator[tuple[_Item, _Result]]]:
    """Each item with the result of ``function`` for it, in order.

    :param processes: how many processes call it; with 1, this one does. Others are forked, so that the function may hold what cannot be
        pickled; items and results travel, and are.
    """
    if processes == 1:
        yield ((item, function(item)) for item in items)
        return
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _become_worker, (function,)) as pool:
        try:
            yield _collect(pool, items, processes * _AHEAD)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _collect(pool: ProcessPoolExecutor, items: Iterable[_Item], ahead: int) -> Iterator[tuple[_Item, Any]]:
    under_way: deque[tuple[_Item, Future[Any]]] = deque()
    fault: Exception | None = None
    source = iter(items)
    while True:
        try:
            while fault is None and len(under_way) < ahead:
                item = next(source)
                under_way.append((item, pool.submit(_call, item)))
        except StopIteration:
            pass
        except Exception as error:
            # What came before it is worth having.
            fault = error
        if not under_way:
            break
        item, future = under_way.popleft()
        yield item, future.result()
    if fault:
        raise fault


def _become_worker(function: Callable[[Any], Any]) -> None:
    global _work
    _work = function
    # Ctrl-C reaches the whole group of processes; the first one decides what it means.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)


def _call(item: Any) -> Any:
    assert _work is not None
    return _work(item)
