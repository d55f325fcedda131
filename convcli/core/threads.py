"""Strips on several threads: numpy lets go of the interpreter while it works on one."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from threading import Thread
from typing import TypeVar

from convcli.errors import UsageError

VARIABLE = "CONVCLI_THREADS"
Item = TypeVar("Item")


def thread_count(asked: int | None = None) -> int:
    """Return the threads asked for, by argument or by ``CONVCLI_THREADS``; else one a processor.

    Raises:
        UsageError: the argument or the variable is no whole number of at least 1.

    >>> thread_count(3)
    3
    """
    if asked is not None:
        if asked < 1 or asked % 1:
            raise UsageError(f"threads must be a whole number of at least 1, not {asked}")
        return int(asked)
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
    """Do ``work`` on every item, on so many threads; the first fault ends it all and is raised.

    The caller's thread is one of them: it is at work before the others have begun.
    """
    waiting = deque(items)
    faults: list[BaseException] = []

    def serve() -> None:
        while not faults:
            try:
                item = waiting.popleft()
            except IndexError:
                return
            try:
                work(item)
            except BaseException as fault:  # noqa: BLE001 - raised by the caller
                faults.append(fault)

    helpers = [Thread(target=serve) for _ in range(threads - 1)]
    for helper in helpers:
        helper.start()
    try:
        serve()
    except BaseException as fault:  # noqa: BLE001 - Ctrl-C between two items; raised below
        faults.append(fault)
    finally:
        for helper in helpers:
            helper.join()
    if faults:
        raise faults[0]
