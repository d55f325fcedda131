"""The root command: it imports a command when it is used, and turns every error into one line.

The exit codes are those of :class:`convcli.errors.ExitCode`.
"""

from __future__ import annotations

import atexit
import errno
import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from importlib import import_module
from types import FrameType
from typing import Any, NoReturn, cast

import click

from convcli import __version__
from convcli.cli.command import Group
from convcli.cli.files import input_was_opened
from convcli.errors import ConvcliError, ExitCode, internal_error, shown

# The commands by groups, with summaries: the help page imports no command.
COMMANDS = {
    "Filter": {
        "apply": "Filter images with kernels.",
        "chain": "Send an image through the layers of a network.",
        "pad": "Add pixels around an image.",
    },
    "Inspect": {
        "size": "Compute the size of a feature map.",
        "kernels": "List the named kernels, or show one.",
        "samples": "List the sample images, or copy some.",
    },
    "Teach": {
        "explain": "Explain one value of a feature map, number by number.",
        "animate": "Show a kernel's window slide over an image.",
        "compare": "Filter one image in several ways, on one sheet.",
        "learn": "Learn the kernel that turns one image into another.",
        "explore": "Write a page that shows a convolution live.",
        "code": "Write the same filter as a program for another library.",
    },
    "Read": {"manual": "Read about a topic or a command."},
}
_MODULES = {"chain": "convcli.cli.chain.chain"}  # other commands have modules of their own names


class Root(Group):
    """The group of all commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order of the help page."""
        return [name for commands in COMMANDS.values() for name in commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            from difflib import get_close_matches

            near = get_close_matches(cmd_name, self.list_commands(ctx), 1)
            if near and not ctx.resilient_parsing:
                ctx.fail(f"No such command {cmd_name!r}; did you mean {near[0]}?")
            return None
        module = import_module(_MODULES.get(cmd_name, f"convcli.cli.{cmd_name}"))
        return cast(click.Command, getattr(module, cmd_name))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; ``help COMMAND`` means ``COMMAND --help``."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by groups."""
        for title, commands in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<10}", text) for name, text in commands.items()])

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line; this prints the pages of --help and --version."""
        with _exit_handling():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command. Errors exit with 2 until the first INPUT is opened, and with 1 after."""
        with _exit_handling():
            try:
                return super().invoke(ctx)
            except click.exceptions.NoArgsIsHelpError:
                raise
            except (ConvcliError, click.UsageError) as error:
                code = ExitCode.FAILED if input_was_opened(ctx) else ExitCode.USAGE
                raise _CommandError(_message(error), code) from error

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run the command line; with ``standalone_mode``, end the process with its exit code."""
        run = partial(click.Group.main, self, *args, standalone_mode=False, **extra)
        return sys.exit(_exit_code(run)) if standalone_mode else run()


class _CommandError(Exception):
    """An error of the command line or of an INPUT: a message and the exit code."""


class _PipeClosedError(Exception):
    """The reader of the pipe that stdout writes to has left."""


class _InterruptError(Exception):
    """Ctrl-C."""


class _ClosedStdout(io.RawIOBase):
    """Stands for a standard output that was closed before the start: data cannot be written."""

    def __init__(self) -> None:
        self._reserved = os.open(os.devnull, os.O_WRONLY)  # or the next file would become stdout

    def writable(self) -> bool:
        """Let a text layer write."""
        return True

    def write(self, _data: object) -> NoReturn:
        """Fail as a closed file descriptor does."""
        raise OSError(errno.EBADF, "is closed")


@contextmanager
def _exit_handling() -> Iterator[None]:
    """Replace the two errors that click itself would turn into exit code 1."""
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
    examples="""
    convcli apply --kernel outline photo.png
    convcli size --n 448x224 --k 3
    convcli explain -k outline --at 10,20 photo.png
    """,
    epilog="""
    Everywhere, AxB is width x height, and A,B is rows,columns. Every option can be set by an
    environment variable: CONVCLI_APPLY_BORDER=zero stands for `apply --border zero`.
    """,
)
@click.version_option(
    __version__, prog_name="convcli", message="%(prog)s %(version)s", allow_from_autoenv=False
)
def root() -> None:
    """Filter images by convolution, with every convention explicit.

    By default the kernel is not flipped (cross-correlation, as in CNNs), the border repeats the
    edge, and the output has the size of the input. Options change each of these.
    """


def main() -> NoReturn:
    """Run the command line as a program."""
    # A closed stream is None. Reading from its substitute gives nothing; messages are ignored.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123 - open until the end
    sys.stdout = sys.stdout or io.TextIOWrapper(_ClosedStdout(), write_through=True)
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123
    with suppress(OSError):  # what decoders print on descriptor 2 is caught; messages go past that
        sys.stderr = open(  # noqa: SIM115, PTH123
            os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
        )
    handlers = {"SIGTERM": _terminate, "SIGHUP": _terminate, "SIGINT": _interrupt}
    for name, handler in handlers.items():
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:  # as by nohup
            signal.signal(number, handler)
    try:
        root.main(prog_name="convcli")
    except SystemExit as end:
        _end_at_once(end.code)
        raise
    sys.exit()


def _end_at_once(code: object) -> None:
    """End the process with an exit code, unless something still needs Python's slower way.

    To take down all modules and objects takes 6 ms. Exit handlers run before, and both streams are
    flushed; coverage, a debugger or a thread that still runs need the usual end. Threads of this
    name only wait for strips.
    """
    needed = "coverage" in sys.modules or sys.gettrace() or os.environ.get("CONVCLI_DEBUG")
    running = sum(not thread.name.startswith("convcli") for thread in threading.enumerate())
    if needed or running > 1 or not isinstance(code, int):
        return
    atexit._run_exitfuncs()
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception; a second Ctrl-C does not stop the removal of temporary files."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _terminate(number: int, _frame: FrameType | None) -> NoReturn:
    """End by an exception, which removes temporary files on its way."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(ExitCode(128 + number))


def _exit_code(command: Callable[[], Any]) -> int:
    """Run a command; turn whatever ends it into a line on stderr and an exit code."""
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return error.exit_code
    except (click.ClickException, ConvcliError) as error:
        return _fail(_message(error), error.exit_code)
    except _CommandError as error:
        return _fail(*error.args)
    except (click.Abort, KeyboardInterrupt, _InterruptError):
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except _PipeClosedError:
        _discard_stdout()
        return ExitCode.PIPE_CLOSED
    except MemoryError:
        return _fail("not enough memory", ExitCode.FAILED)
    except OSError as error:
        _discard_stdout()
        return _fail(_system_problem(error), ExitCode.FAILED)
    except Exception as error:  # the last resort: no traceback reaches a user
        if os.environ.get("CONVCLI_DEBUG"):
            raise
        return _fail(internal_error(error), ExitCode.FAILED)
    return code if isinstance(code, int) else ExitCode.DONE


def _message(error: ConvcliError | click.ClickException) -> str:
    return error.format_message() if isinstance(error, click.ClickException) else str(error)


def _system_problem(error: OSError) -> str:
    """Tell what the system refused, and where; only errors of a named file have its name."""
    problem = error.strerror or str(error)
    if error.filename is not None:
        return f"{shown(os.fsdecode(error.filename))}: {problem}"
    if error.errno == errno.ENOENT:
        return "the current folder no longer exists; change to another"
    return f"standard output: {problem}"


def _fail(message: str, code: int) -> int:
    click.echo("Error: " + " ".join(map(str.strip, message.split("\n"))), err=True)
    return code


def _discard_stdout() -> None:
    """Send buffered output to the null device; otherwise closing stdout would fail again."""
    if isinstance(sys.stdout.buffer, _ClosedStdout):
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123
        return
    with suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
