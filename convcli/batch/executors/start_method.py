"""How worker processes start.

On Linux workers are forked from this process while it has one thread, and share what it has
loaded. A lock that another thread holds would stay locked in a forked process forever: beside other
threads, and on other systems, workers are forked from a fork server, a process with one thread that
loads the same modules again. Systems without fork start each worker anew.

Filtering two photographs takes 210 ms of processor time with forked workers, and 430 ms with a fork
server.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from multiprocessing import get_all_start_methods, get_context
from multiprocessing.connection import Connection
from typing import Any

# Each worker computes with one thread: there are enough workers for all processors.
BLAS_THREAD_VARIABLES = tuple(
    f"{library}_THREADS" for library in ("OPENBLAS_NUM", "OMP_NUM", "MKL_NUM", "VECLIB_MAXIMUM")
)
PRELOAD = [
    "convcli.batch.executors.worker",
    *(f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Png", "Ppm")),
]


def start_process(
    target: Callable[..., None], arguments: tuple[Any, ...], connections: Iterable[Connection]
) -> tuple[Any, Connection]:
    """Start a process that calls ``target(connection, inherited, *arguments)``.

    Args:
        target: a function of a module.
        arguments: what pickle can store.
        connections: our ends of connections to other processes. A forked process inherits them;
            ``inherited`` are those that it must close, or else the other processes would not see
            that we close them.

    Returns:
        The ``multiprocessing.Process``, and our end of its connection.

    Raises:
        OSError, RuntimeError, ImportError: the system starts no process.
    """
    method = _context()
    ours, theirs = method.Pipe()
    is_forked = method.get_start_method() == "fork"
    inherited = [ours, *connections] if is_forked else []
    process = method.Process(target=target, args=(theirs, inherited, *arguments), daemon=True)
    try:
        with _child_environment():
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def warm_up() -> None:
    """Start the fork server early, where workers are not likely to be forked from this process."""
    has_one_thread = sys.platform == "linux" and os.environ.get("OPENBLAS_NUM_THREADS") == "1"
    if not has_one_thread and "forkserver" in get_all_start_methods():
        from multiprocessing import forkserver

        _context()
        with suppress(OSError, ImportError), _child_environment():  # else workers start later
            forkserver.ensure_running()


def _context() -> Any:
    """Return the multiprocessing context that starts workers."""
    if _has_one_thread():
        for module in PRELOAD:
            import_module(module)
        return get_context("fork")
    _start_resource_tracker()
    if "forkserver" not in get_all_start_methods():
        return get_context("spawn")
    server = get_context("forkserver")
    server.set_forkserver_preload(PRELOAD)
    return server


def _has_one_thread() -> bool:
    """Tell whether this process has one thread, counting those that Python did not start."""
    try:
        return len(os.listdir("/proc/self/task")) == 1
    except OSError:  # another system than Linux
        return False


def _start_resource_tracker() -> None:
    """Start the process that outlives us and frees what we leave, without a word on stderr."""
    if os.name != "posix":
        return
    from multiprocessing import resource_tracker

    with suppress(OSError, ImportError), _child_environment():
        os.environ["PYTHONWARNINGS"] = "ignore"
        resource_tracker.ensure_running()


@contextmanager
def _child_environment() -> Iterator[None]:
    """Start child processes with single-threaded BLAS, signals blocked, without our `__main__`.

    A new process imports its parent's main module to find its task; ours is in this package.
    """
    before = {name: os.environ.get(name) for name in (*BLAS_THREAD_VARIABLES, "PYTHONWARNINGS")}
    os.environ.update(dict.fromkeys(BLAS_THREAD_VARIABLES, "1"))
    main = sys.modules["__main__"]
    script = main.__dict__.pop("__file__", None)
    has_masks = hasattr(signal, "pthread_sigmask")
    if has_masks:  # children inherit the mask until they have handlers of their own
        signals = {signal.SIGINT, signal.SIGHUP, signal.SIGTERM}
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
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
