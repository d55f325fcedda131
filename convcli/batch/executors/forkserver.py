"""The forkserver that workers are forked from.

It is started as early as possible, because preloading numpy and Pillow dominates start-up time. On
systems without a forkserver each worker is a new process.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_all_start_methods, get_context
from typing import Any

# Each worker computes with one thread: there are enough workers for all processors.
BLAS_THREAD_VARIABLES = tuple(
    f"{library}_THREADS" for library in ("OPENBLAS_NUM", "OMP_NUM", "MKL_NUM", "VECLIB_MAXIMUM")
)
PRELOAD = [
    "convcli.batch.executors.worker",
    "concurrent.futures.process",
    "multiprocessing.sharedctypes",
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
]


def context() -> Any:
    """Return the multiprocessing context that starts workers."""
    _start_resource_tracker()
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    server = get_context("forkserver")
    server.set_forkserver_preload(PRELOAD)
    return server


def warm_up() -> None:
    """Start the forkserver, on systems that have one."""
    if "forkserver" in get_all_start_methods():
        from multiprocessing import forkserver

        context()
        with suppress(OSError, ImportError), child_environment():  # else workers start later
            forkserver.ensure_running()


def _start_resource_tracker() -> None:
    """Start the process that outlives us and frees what we leave, without a word on stderr."""
    if os.name != "posix":
        return
    from multiprocessing import resource_tracker

    with suppress(OSError, ImportError), child_environment():
        os.environ["PYTHONWARNINGS"] = "ignore"
        resource_tracker.ensure_running()


@contextmanager
def child_environment() -> Iterator[None]:
    """Start child processes with single-threaded BLAS, signals blocked, without our `__main__`.

    A new process imports its parent's main module to find its task; ours is in this package.
    """
    before = {name: os.environ.get(name) for name in (*BLAS_THREAD_VARIABLES, "PYTHONWARNINGS")}
    os.environ.update(dict.fromkeys(BLAS_THREAD_VARIABLES, "1"))
    main = sys.modules["__main__"]
    script = main.__dict__.pop("__file__", None)
    has_masks = hasattr(signal, "pthread_sigmask")
    if has_masks:  # children inherit the mask; the parent handles the signals
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        if script is not None:
            main.__dict__["__file__"] = script
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if has_masks:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
