"""Where worker processes come from; started first of all, since what it loads takes longest.

On systems that can, workers are forks of a server: a process of its own that has loaded numpy,
Pillow and this package once, computes on one thread, and has no other threads when it forks. It
loads while the parent does.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_all_start_methods, get_context
from typing import Any

# One compute thread a worker: that many processes leave no processor idle.
BLAS_THREAD_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
PRELOAD = [
    "convcli.batch.executors.worker",
    "concurrent.futures.process",
    "multiprocessing.sharedctypes",
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
]


def context() -> Any:
    """Return the multiprocessing context that workers are started in."""
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    chosen = get_context("forkserver")
    chosen.set_forkserver_preload(PRELOAD)
    return chosen


def warm_up() -> None:
    """Start the server, if there is to be one."""
    if "forkserver" in get_all_start_methods():
        from multiprocessing import forkserver, resource_tracker

        context()
        with suppress(OSError):  # a system without room for it works without
            resource_tracker.ensure_running()  # first, since it lets Ctrl-C through again
            with child_environment():
                forkserver.ensure_running()


@contextmanager
def child_environment() -> Iterator[None]:
    """Have processes that start meanwhile compute on one thread, and leave Ctrl-C to us.

    Nor do they run our script again: a new process imports the main module of its parent, to find
    in it what it is to do; ours is found in this package.
    """
    before = {name: os.environ.get(name) for name in BLAS_THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(BLAS_THREAD_VARIABLES, "1"))
    main = sys.modules["__main__"]
    script = main.__dict__.pop("__file__", None)
    mask = getattr(signal, "pthread_sigmask", lambda *_: ())
    held = mask(signal.SIG_BLOCK, {signal.SIGINT})  # Ctrl-C is the parent's; processes inherit it
    try:
        yield
    finally:
        if script is not None:
            main.__dict__["__file__"] = script
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        mask(signal.SIG_SETMASK, held)
