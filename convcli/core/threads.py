"""Run the strips of one image on several threads: numpy releases the GIL while it computes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from threading import Condition, Lock, Thread
from typing import Any, Generic, TypeVar

import numpy as np

from convcli.errors import UsageError, short_repr

VARIABLE = "CONVCLI_THREADS"
MIN_THREADED_SIZE = 1 << 19  # values; a smaller image is done before a second thread starts
NAME = "convcli"  # of threads that wait for work; cli.main knows that they need not end
MOST_THREADS = 256  # of one call; they start as they are needed
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
    if threads == 1:
        with np.errstate(all="ignore"):
            for item in items:
                work(item)
        return
    shared = _SharedWork(work, items)
    with suppress(RuntimeError):  # some systems have no threads, or not as many
        for _ in range(min(threads, MOST_THREADS) - 1):
            _call_helper(shared)
    try:
        shared.serve()
    except BaseException as error:  # noqa: BLE001 - Ctrl-C between two items; raised below
        shared.errors.append(error)
    finally:
        shared.finish()
    if shared.errors:
        raise shared.errors[0]


class _SharedWork(Generic[Item]):
    """Items that several threads take one by one.

    Attributes:
        errors: what ``work`` raised; after the first, no item is taken.
    """

    def __init__(self, work: Callable[[Item], None], items: Iterable[Item]) -> None:
        self.work, self.waiting = work, deque(items)
        self.errors: list[BaseException] = []
        self.helpers, self.finished, self.changed = 0, False, Condition()

    def serve(self) -> None:
        """Work until no item is left."""
        with np.errstate(all="ignore"):
            while not self.errors:
                try:
                    item = self.waiting.popleft()
                except IndexError:
                    return
                try:
                    self.work(item)
                except BaseException as error:  # noqa: BLE001 - raised by the caller
                    self.errors.append(error)

    def help(self) -> None:
        """Work in another thread, unless it comes too late."""
        with self.changed:
            if self.finished:
                return
            self.helpers += 1
        self.serve()
        with self.changed:
            self.helpers -= 1
            self.changed.notify()

    def finish(self) -> None:
        """Wait for all that help, and let nobody begin to; forget the work."""
        with self.changed:
            self.finished = True
            self.changed.wait_for(lambda: not self.helpers)
        # A helper may forget this object late. A result that lives until then leaves no room for
        # that of the next call: fresh pages took a fifth of the time of a 3x3 kernel on 2.4 MB.
        del self.work


class _Helper:
    """A thread that helps with one work after the other.

    To start one takes 0.1 ms, and several where all processors are busy: a 3x3 kernel on 2 MB takes
    0.9 ms instead of 1.2. A thread that waits for a lock of its own is at work 30 us earlier than
    one of ``concurrent.futures``.
    """

    def __init__(self, work: _SharedWork[Any]) -> None:
        self.work, self.called = work, Lock()
        self.called.acquire()
        Thread(target=self._serve, name=NAME, daemon=True).start()

    def _serve(self) -> None:
        while True:
            self.work.help()
            del self.work
            _idle.append(self)
            self.called.acquire()

    def call(self, work: _SharedWork[Any]) -> None:
        """Let it help; it is idle."""
        self.work = work
        self.called.release()


_idle: list[_Helper] = []


def _call_helper(work: _SharedWork[Any]) -> None:
    try:
        helper = _idle.pop()
    except IndexError:
        _Helper(work)
    else:
        helper.call(work)


if hasattr(os, "register_at_fork"):  # a forked process has none of them
    os.register_at_fork(after_in_child=_idle.clear)
