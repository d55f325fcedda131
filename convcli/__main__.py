"""The program: ``convcli``, or ``python -m convcli``."""

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Python would print a traceback if Ctrl-C came during the imports.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from convcli.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
