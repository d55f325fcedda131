"""The root command: commands loaded when they are asked for, and every fault made one line.

Exit codes: 0 all done, 1 a file failed, 2 usage, 130 interrupted, 141 the reader of a pipe left.
"""

import gc
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn, cast

import click

from convcli import __version__
from convcli.errors import ConvcliError, internal_error

COMMANDS = {
    "apply": "convcli.cli.apply:apply",
    "size": "convcli.cli.size:size",
    "kernels": "convcli.cli.kernels:kernels",
    "explain": "convcli.cli.explain:explain",
    "animate": "convcli.cli.animate:animate",
    "compare": "convcli.cli.compare:compare",
    "chain": "convcli.cli.chain.chain:chain",
    "learn": "convcli.cli.learn:learn",
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

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line; help and version are printed on the way."""
        with _exit_handling():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _exit_handling():
            return super().invoke(ctx)

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command line; with ``standalone_mode``, end the process with its exit code."""
        run = partial(click.Group.main, self, *args, standalone_mode=False, **extra)
        return sys.exit(_exit_code(run)) if standalone_mode else run()


class _PipeClosedError(Exception):
    """The pipe that stdout writes to has no reader any more."""


class _InterruptError(Exception):
    """Ctrl-C."""


@contextmanager
def _exit_handling() -> Iterator[None]:
    """Keep click from ending the process in its own way, which is exit code 1."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise _PipeClosedError from error
    except KeyboardInterrupt as error:
        raise _InterruptError from error


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
      convcli explain -k outline --at 10,20 photo.png
      convcli animate -k outline photo.png -o outline.gif
      convcli compare -k outline --vary border photo.png
      convcli chain photo.png conv -k sobel-x relu maxpool 2
      convcli learn photo.png filtered.png

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
    # A closed stream is None; what is read from nowhere is empty, and what is written there lost.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123 - open until the end
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    signal.signal(signal.SIGTERM, _terminate)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is to be ignored
        signal.signal(signal.SIGINT, _interrupt)
    try:
        root.main(prog_name="convcli")
    finally:
        gc.freeze()  # memory is about to be given back whole: no search for what could go first
    sys.exit()


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception; a second Ctrl-C does not break off the clearing up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _terminate(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception, so that temporary files are removed."""
    sys.exit(TERMINATED)


def _exit_code(command: Callable[[], Any]) -> int:
    """Run a command; turn whatever ends it into a line on stderr and an exit code."""
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except ConvcliError as error:
        return _fail(str(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt, _InterruptError):
        return _fail("interrupted", INTERRUPTED)
    except _PipeClosedError:
        _drop_stdout()
        return PIPE_CLOSED
    except MemoryError:
        return _fail("not enough memory", FAILED)
    except OSError as error:
        _drop_stdout()
        return _fail(f"standard output: {error.strerror or error}", FAILED)
    except Exception as error:  # the last resort: no traceback reaches a user
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        return _fail(internal_error(error), FAILED)
    return code if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    click.echo("Error: " + " ".join(message.split("\n")), err=True)
    return code


def _drop_stdout() -> None:
    """Let what is still buffered go nowhere, so that closing stdout cannot fail once more."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
