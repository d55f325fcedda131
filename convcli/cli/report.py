"""What a run says: data on stdout, everything else on stderr."""

import io
import math
import os
import sys
import time
from typing import Any, NamedTuple, cast

import click

from convcli.batch.job import JobResult, OutputResult
from convcli.cli.progress import Progress
from convcli.errors import UsageError, shown


class MessageOptions(NamedTuple):
    """How much is said, and in which form.

    Attributes:
        null: names on stdout end in NUL instead of a newline.
        json: a JSON line for each result or fault, in place of the names.
        verbose: numbers of each result on stderr.
        quiet: no names and no notes; errors only.
    """

    null: bool = False
    json: bool = False
    verbose: bool = False
    quiet: bool = False


class Reporter:
    """Tells of each outcome as it comes, and counts."""

    def __init__(self, voice: MessageOptions, progress: Progress | None = None) -> None:
        self.voice = voice
        self._progress = progress
        self._began = time.monotonic()
        self.done = self.skipped = self.failed = 0

    def tell(self, outcome: JobResult) -> None:
        """Say what became of one input."""
        if self._progress is not None and (outcome.error or outcome.notes or self._names_stdout):
            self._progress.clear()
        self._tell(outcome)
        if self._progress is not None:
            self._progress.count(outcome)

    @property
    def _names_stdout(self) -> bool:
        """Whether names appear on the terminal that the progress is on."""
        return sys.stdout.isatty()

    def _tell(self, outcome: JobResult) -> None:
        for result in outcome.results:
            self._tell_result(outcome, result)
        printed = any(result.data is not None for result in outcome.results)
        for summary in outcome.summaries if not printed else ():
            self._name(summary.path)
        if not self.voice.quiet:
            for note in outcome.notes:
                self._say(f"{shown(outcome.path)}: {note}")
        if outcome.error is None:
            self.done += 1
            return
        self.failed += 1
        self._say(f"Error: {outcome.error}")
        if self.voice.json:
            self._json({"input": outcome.path, "error": str(outcome.error)})

    def finish(self, ignored: int) -> int:
        """Sum up a run of several inputs, and return its exit code.

        On a terminal that is always done, else where there is something to be said: failures,
        results left as they were, and files in folders that are no images by their names.
        """
        if self._progress is not None:
            self._progress.clear()
        told = self.done + self.failed
        news = self.failed or ((self.skipped or ignored) and not self.voice.quiet)
        if (told > 1 and self._progress is not None) or (news and (told > 1 or ignored)):
            took = f" in {time.monotonic() - self._began:.1f} s" * (self._progress is not None)
            parts = [f"{self.done} of {told} done{took}"]
            parts += [f"{self.skipped} left as they were"] * bool(self.skipped)
            parts += [f"{self.failed} failed"] * bool(self.failed)
            others = f"{ignored} other file{'s' * (ignored > 1)} skipped"
            parts += [others] * bool(ignored)
            self._say(", ".join(parts))
        return 1 if self.failed else 0

    def _tell_result(self, outcome: JobResult, result: OutputResult) -> None:
        self.skipped += result.skipped
        if result.data is not None:
            check_terminal(result.data)
            write_stdout(result.data)
        elif self.voice.json:
            self._json(_record(outcome, result))
        elif result.output is not None and not result.skipped:
            self._name(result.output)
        if self.voice.verbose and not result.skipped:
            self._say(f"{shown(outcome.path)}: {_sentence(result)}")

    def _say(self, message: str) -> None:
        """Write a line to stderr."""
        click.echo(message, err=True)

    def _name(self, path: str) -> None:
        if not (self.voice.quiet or self.voice.json):
            write_stdout(os.fsencode(path) + (b"\0" if self.voice.null else b"\n"))

    def _json(self, record: dict[str, Any]) -> None:
        from json import dumps

        write_stdout(dumps(record).encode() + b"\n")


def check_terminal(data: bytes) -> None:
    """Refuse to fill a terminal with what is not text."""
    if sys.stdout.isatty() and b"\0" in data:
        raise UsageError("-o - would write an image to the terminal; pipe it, or name a file")


def write_stdout(data: bytes) -> None:
    """Write bytes to stdout at once, so that a reader sees each as it is done."""
    stream = cast(io.BufferedIOBase, sys.stdout.buffer)
    left = memoryview(data)
    while left:  # an unbuffered stream takes what it can
        left = left[stream.write(left) :]
    stream.flush()


def print_name(path: str | os.PathLike[str]) -> None:
    """Print the name of a file that was written, byte for byte, so that others can find it."""
    write_stdout(os.fsencode(path) + b"\n")


def _record(outcome: JobResult, result: OutputResult) -> dict[str, Any]:
    """Return the JSON line of one result; sizes are rows and columns, NaN and infinity null."""
    record: dict[str, Any] = {
        "input": outcome.path,
        "output": result.output,
        "kernel": result.kernel,
    }
    if result.skipped:
        return record | {"skipped": True}
    record |= {summary.kind: summary.path for summary in outcome.summaries}
    if not result.method:  # foretold, not made
        return record
    return record | {
        "input_rows": result.input_shape[0],
        "input_columns": result.input_shape[1],
        "rows": result.shape[0],
        "columns": result.shape[1],
        "method": result.method,
        "seconds": round(outcome.seconds, 6),
        "min": finite(result.minimum),
        "max": finite(result.maximum),
        "clipped": round(result.clipped, 6),
    }


def finite(number: float | None) -> float | None:
    """Return a number as JSON can hold it: null for NaN, infinity and none at all."""
    return number if number is not None and math.isfinite(number) else None


def _sentence(result: OutputResult) -> str:
    (rows, columns), (input_rows, input_columns) = result.shape, result.input_shape
    return (
        f"{result.kernel}: {input_columns}x{input_rows} to {columns}x{rows}, "
        f"min {result.minimum:g}, max {result.maximum:g}, "
        f"{100 * result.clipped:.1f} % clipped; {result.method}"
    )
