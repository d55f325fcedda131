"""The program: ``convcli``, or ``python -m convcli``."""

import gc
import os
import signal
import sys
from typing import NoReturn

HELP = ("-h", "--help", "--help-all")  # which need no numpy


def main() -> NoReturn:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python would print a traceback if Ctrl-C came during the imports.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # The sums need one thread of BLAS; another would spin for 26 ms once numpy is loaded.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # What imports make stays until the end; to look for garbage among it takes 5 ms.
    gc.set_threshold(100_000)
    if sys.argv[1:2] == ["apply"] and not any(word in HELP for word in sys.argv):
        # numpy now, near the bottom of the stack: at each call beyond a block of 16 KiB, Python
        # maps memory for frames, and unmaps it when they return: 800 times in numpy, or 8 ms.
        import convcli.core.threads  # noqa: F401
    from convcli.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
