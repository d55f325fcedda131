"""The root command: commands loaded when they are asked for, and every fault made one line.

Exit codes: 0 all done, 1 a file failed, 2 usage, 130 interrupted, 141 the reader of a pipe left.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn, cast

import click

from convcli import __version__
from convcli.errors import ConvcliError, unforeseen

COMMANDS = {
    "apply": "convcli.cli.apply:apply",
    "size": "convcli.cli.size:size",
    "kernels": "convcli.cli.kernels:kernels",
}
FAILED, INTERRUPTED, PIPE_CLOSED, TERMINATED = 1, 130, 141, 143


class Root(click.Group):
    """A group whose commands are imported by name, and whose faults end in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        return cast(click.Command, getattr(import_module(module), name))

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command line; with ``standalone_mode``, end the process with its exit code."""
        run = partial(click.Group.main, self, *args, standalone_mode=False, **extra)
        return sys.exit(_exit_code(run)) if standalone_mode else run()


@click.group(
    cls=Root,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "CONVCLI",
        "max_content_width": 100,
    },
    epilog="""\b
    Examples:
      convcli apply --kernel outline photo.png
      convcli size --n 448x224 --k 3
      convcli kernels show sobel-x

    Everywhere, AxB is width x height, and A,B is rows,columns. Every option can be set by an
    environment variable: CONVCLI_APPLY_BORDER=zero stands for `apply --border zero`.
    """,
)
@click.version_option(__version__, prog_name="convcli", message="%(prog)s %(version)s")
def root() -> None:
    """Filter images by convolution, with every convention explicit.

    The kernel is not flipped unless you ask (the CNN convention: cross-correlation), the border
    repeats the edge, and the output has the input's size; each is an option of its own.
    """


def main() -> NoReturn:
    """Run the command line as a program."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(root.main(prog_name="convcli"))


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception, so that temporary files are removed."""
    sys.exit(TERMINATED)


def _exit_code(command: Callable[[], Any]) -> int:
    """Run a command; turn whatever ends it into a line on stderr and an exit code."""
    try:
        code = command()
        sys.stdout.flush()
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except ConvcliError as error:
        return _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except MemoryError:
        return _fail("not enough memory; --max-pixels refuses large pictures early", FAILED)
    except OSError as error:
        _drop_stdout()
        if error.errno == errno.EPIPE:
            return PIPE_CLOSED
        return _fail(f"standard output: {error.strerror or error}", FAILED)
    except Exception as error:  # the last resort: no traceback reaches a user
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        return _fail(unforeseen(error), FAILED)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    click.echo("Error: " + " ".join(message.split("\n")), err=True)
    return code


def _drop_stdout() -> None:
    """Let what is still buffered go nowhere, so that closing stdout cannot fail once more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
