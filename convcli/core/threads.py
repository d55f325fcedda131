"""Run the strips of one image on several threads: numpy releases the GIL while it computes."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import numpy as np

from convcli.errors import UsageError, short_repr

VARIABLE = "CONVCLI_THREADS"
MIN_THREADED_SIZE = 1 << 19  # values; a smaller image is done before a second thread starts
NAME = "convcli"  # of threads that wait for work; cli.main knows that they need not end
MOST_THREADS = 256  # that wait for work; they start as they are needed
Item = TypeVar("Item")


def thread_count(requested: Any = None) -> int:
    """Return how many threads to use: the argument, or ``CONVCLI_THREADS``, or one per processor.

    Raises:
        UsageError: the argument or the variable is not a whole number of at least 1.

    >>> thread_count(3)
    3
    """
    if requested is not None:
        count = requested if isinstance(requested, int | float | np.integer) else 0
        if count < 1 or count % 1:
            raise UsageError(
                f"threads must be a whole number of at least 1, not {short_repr(requested)}"
            )
        return int(count)
    text = os.environ.get(VARIABLE)
    if text is None:
        return processors()
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"{VARIABLE} must be a whole number of at least 1, not {text!r}")
    return int(text)


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_each(work: Callable[[Item], None], items: Iterable[Item], threads: int) -> None:
    """Call ``work`` on every item, on several threads. The first exception stops all of them.

    The caller's thread is one of them, and starts without waiting for the others. numpy's warnings
    are off in all of them, whatever the caller's ``np.errstate``: each thread has its own.
    """
    waiting = deque(items)
    errors: list[BaseException] = []

    def serve() -> None:
        with np.errstate(all="ignore"):
            while not errors:
                try:
                    item = waiting.popleft()
                except IndexError:
                    return
                try:
                    work(item)
                except BaseException as error:  # noqa: BLE001 - raised by the caller
                    errors.append(error)

    helpers: list[Future[None]] = []
    with suppress(RuntimeError):  # some systems have no threads: this one does all of the work
        helpers += [_pool().submit(serve) for _ in range(threads - 1)]
    try:
        serve()
    except BaseException as error:  # noqa: BLE001 - Ctrl-C between two items; raised below
        errors.append(error)
    finally:
        for helper in helpers:
            if not helper.cancel():  # it has begun
                helper.result()
    if errors:
        raise errors[0]


@cache
def _pool() -> ThreadPoolExecutor:
    """Return threads that wait for work.

    To start one takes 0.1 ms, and several where all processors are busy: a 3x3 kernel on 2 MB takes
    0.9 ms instead of 1.2.
    """
    return ThreadPoolExecutor(MOST_THREADS, NAME)


if hasattr(os, "register_at_fork"):  # a forked process has none of them
    os.register_at_fork(after_in_child=_pool.cache_clear)
