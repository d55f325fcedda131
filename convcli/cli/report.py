"""The output of a run: data on stdout, everything else on stderr."""

from __future__ import annotations

import errno
import io
import math
import os
import sys
import time
from collections.abc import Sequence
from typing import Any, cast

import click

from convcli.batch.job import JobResult, OutputResult
from convcli.cli.options import ReportOptions
from convcli.errors import ExitCode, UsageError, count_text, percent_text, shown
from convcli.geometry import size_text
from convcli.images.notes import visible
from convcli.images.value_range import Peak
from convcli.signals import OutputAxes

CLIPPED_SHARE = 0.9  # share of clipped pixels at which a hint is given
MOST_SHOWN = 5  # sizes, types or methods of frames in a message
REDRAW_SECONDS = 0.1  # between two updates of the progress line


class Progress:
    """A line on the terminal: the number of inputs that are done, the speed, and the time left.

    ``total`` is None where the number of inputs is not known yet.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._began = self._drawn = time.monotonic()
        self._done = self._failed = self._pixels = 0
        self._visible = False

    def count(self, result: JobResult) -> None:
        """Count an input as done, and redraw the line now and then."""
        self._done += 1
        self._failed += result.error is not None
        self._pixels += sum(
            output.frames * math.prod(output.input_shape)
            for output in result.results
            if output.sizes
        )
        now = time.monotonic()
        if not self._visible or now - self._drawn >= REDRAW_SECONDS:
            self._drawn = now
            click.echo(f"\r\x1b[K{self.line(now - self._began)}", nl=False, err=True)
            self._visible = True

    def clear(self) -> None:
        """Remove the line before something else is written."""
        if self._visible:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._visible = False

    def line(self, seconds: float) -> str:
        """Return the text of the line after a number of seconds.

        >>> Progress(8).line(2.0)
        '0/8'
        """
        from shutil import get_terminal_size

        parts = [f"{self._done}/{self._total}" if self._total else f"{self._done} done"]
        parts += [f"{self._failed} failed"] * bool(self._failed)
        if self._done and seconds > 0:
            parts.append(f"{self._done / seconds:.3g} images/s")
            parts.append(f"{self._pixels / seconds / 1e6:.3g} MP/s")
            left = ((self._total or 0) - self._done) * seconds / self._done
            parts += [f"{_clock(left)} left"] * (left > 0)
        columns = get_terminal_size().columns if sys.stderr.isatty() else 80
        return ", ".join(parts)[: columns - 1]


class Reporter:
    """Prints each result as it comes, and counts.

    ``unnamed``: the one result is named after its input, for want of an option.
    """

    def __init__(
        self, options: ReportOptions, progress: Progress | None = None, *, unnamed: bool = False
    ) -> None:
        self.options = options
        self._unnamed = unnamed
        self._progress = progress
        self._began = time.monotonic()
        self.done = self.skipped = self.failed = 0
        self._hinted = False

    def report(self, result: JobResult) -> None:
        """Print the result of one input: names or JSON, notes, and its error."""
        if self._progress is not None and (result.error or result.notes or sys.stdout.isatty()):
            self._progress.clear()
        for output in result.results:
            self._report_output(result, output)
        if all(output.data is None for output in result.results):
            for summary in result.summaries:
                self._print_name(summary.path)
        for note in visible(result.notes, verbose=self.options.verbose, quiet=self.options.quiet):
            click.echo(f"{_name(result)}: {note}", err=True)
        if result.error is None:
            self.done += 1
        else:
            self.failed += 1
            click.echo(f"Error: {result.error}", err=True)
            if self.options.json:
                print_json({"input": result.path, "error": str(result.error)})
        if self._progress is not None:
            self._progress.count(result)

    def finish(self, ignored: int) -> ExitCode:
        """Print the totals of a run, and return its exit code.

        On a terminal a run of several inputs always prints them. Elsewhere they are printed if
        inputs failed, results were skipped, or folders hold files without an image's suffix,
        which ``ignored`` counts.
        """
        if self._progress is not None:
            self._progress.clear()
        total = self.done + self.failed
        news = self.failed or ((self.skipped or ignored) and not self.options.quiet)
        if (total > 1 and self._progress is not None) or (news and (total > 1 or ignored)):
            seconds = time.monotonic() - self._began
            timing = f" in {seconds:.1f} s" if self._progress is not None else ""
            parts = [f"{self.done} of {total} done{timing}"]
            parts += [f"{self.skipped} left as they were"] * bool(self.skipped)
            parts += [f"{self.failed} failed"] * bool(self.failed)
            parts += [f"{count_text(ignored, 'other file')} skipped"] * bool(ignored)
            click.echo(", ".join(parts), err=True)
        return ExitCode.FAILED if self.failed else ExitCode.DONE

    def _report_output(self, result: JobResult, output: OutputResult) -> None:
        self.skipped += output.skipped
        if output.data is not None:
            check_terminal(output.data)
            write_stdout(output.data)
        elif self.options.json:
            print_json(_record(result, output))
        elif output.output is not None and not output.skipped:
            self._print_name(output.output)
            if self._unnamed and not (self.options.quiet or self.options.json):
                hint_at_numbers(output.output)
        if not (self.options.quiet or self._hinted) and (hint := clipping_hint(output.clipped)):
            click.echo(f"{_name(result)}: {hint}", err=True)
            self._hinted = True
        if output.peak is not None and not (self.options.quiet or self.options.json):
            text = mark_text(output.peak, output.axes)
            click.echo(f"{_name(result)}: {output.kernel}: {text}", err=True)
        if self.options.verbose and not output.skipped:
            click.echo(f"{_name(result)}: {_sentence(output)}", err=True)

    def _print_name(self, path: str) -> None:
        if not (self.options.quiet or self.options.json):
            print_name(path, b"\0" if self.options.null else b"\n")


def check_terminal(data: bytes) -> None:
    """Refuse to print binary data on a terminal."""
    if sys.stdout.isatty() and b"\0" in data:
        raise UsageError("-o - would write an image to the terminal; pipe it, or name a file")


def write_stdout(data: bytes) -> None:
    """Write bytes to stdout and flush, which lets a reader start on them at once."""
    stream = cast(io.BufferedIOBase, sys.stdout.buffer)
    left = memoryview(data)
    while left:  # an unbuffered stream may write a part only
        left = left[stream.write(left) :]
    stream.flush()


def print_name(path: str | os.PathLike[str], end: bytes = b"\n") -> None:
    """Print the name of a written file, byte for byte; a closed stdout loses no data by it.

    A terminal gets control characters as escapes, since it would obey them.
    """
    name = shown(path).encode() if sys.stdout.isatty() else os.fsencode(path)
    try:
        write_stdout(name + end)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


def print_json(record: dict[str, Any]) -> None:
    """Print a line of JSON."""
    from json import dumps

    write_stdout(dumps(record).encode() + b"\n")


def finite(number: float | None) -> float | None:
    """Return a number, or None (null in JSON) for NaN and infinity."""
    return number if number is not None and math.isfinite(number) else None


def clipping_hint(clipped: float) -> str:
    """Return a sentence if nearly all pixels are clipped, else nothing.

    >>> clipping_hint(0.97)
    '97.0 % of the pixels are clipped: --range rescale shows all values'
    """
    if clipped < CLIPPED_SHARE:
        return ""
    return f"{percent_text(clipped)} of the pixels are clipped: --range rescale shows all values"


def hint_at_numbers(path: str) -> None:
    """Say how to see the numbers of a matrix that was written to a file, unless asked for."""
    if path.lower().endswith((".csv", ".txt")):
        click.echo(f"{shown(path)}: -o - prints the numbers instead", err=True)


def _record(result: JobResult, output: OutputResult) -> dict[str, Any]:
    """Return the JSON line of one output."""
    record: dict[str, Any] = {
        "input": result.path,
        "output": output.output,
        "kernel": output.kernel,
    }
    if output.skipped:
        return record | {"skipped": True}
    record |= {summary.kind: summary.path for summary in result.summaries}
    if not output.sizes:  # a dry run
        return record
    record |= {
        "input_rows": output.input_shape[0],
        "input_columns": output.input_shape[1],
        "rows": output.shape[0],
        "columns": output.shape[1],
        "method": output.methods[0],
        "frames": output.frames,
        "type": output.types[0],
        "seconds": round(result.seconds, 6),
        "min": finite(output.minimum),
        "max": finite(output.maximum),
        "clipped": round(output.clipped, 6),
    }
    if output.missing is not None:
        record |= dict(zip(("missing", "invalid"), output.missing, strict=True))
    # The keys above are about all frames, or else about the first.
    lists: dict[str, tuple[Any, ...]] = {
        "input_sizes": tuple(dict.fromkeys(before for before, _ in output.sizes)),
        "sizes": tuple(dict.fromkeys(after for _, after in output.sizes)),
        "types": output.types,
        "methods": output.methods,
    }
    record |= {name: values for name, values in lists.items() if len(values) > 1}
    record |= {"has_others": True} if output.has_others else {}
    return (
        record | axes_record(output.axes, max(output.shape)) | mark_record(output.peak, output.axes)
    )


def axes_record(axes: OutputAxes, count: int) -> dict[str, Any]:
    """Return where the samples of a signal lie, for JSON; nothing without --x or --mark."""
    named = {"x": axes.positions, "lag": axes.lags}
    return {
        name: {"start": axis.at(0), "stop": axis.at(count - 1), "step": float(axis.step)}
        for name, axis in named.items()
        if axis is not None
    }


def mark_record(peak: Peak | None, axes: OutputAxes) -> dict[str, Any]:
    """Return the place of the greatest value, for JSON; nothing without --mark."""
    if peak is None:
        return {}
    record: dict[str, Any] = {
        "max": finite(peak.value),
        "row": peak.place[0],
        "column": peak.place[1],
        "places": peak.places,
    }
    record |= {"channel": peak.channel} if peak.channel else {}
    return {"mark": record | _coordinates(peak, axes)}


def mark_text(peak: Peak, axes: OutputAxes) -> str:
    """Return a sentence on the place of the greatest value.

    >>> mark_text(Peak(19, (0, 3, 0)), OutputAxes())
    'the greatest value, 19, is at row 0, column 3'
    >>> mark_text(Peak(19, (0, 3, 0), places=2), OutputAxes())
    'the greatest value, 19, is at row 0, column 3, the first of 2 places'
    """
    value = f"{peak.value}".removesuffix(".0")
    names = [
        f"{name} {number!r}".removesuffix(".0") for name, number in _coordinates(peak, axes).items()
    ]
    place = f" ({', '.join(names)})" if names else ""
    channel = f" of {peak.channel}" if peak.channel else ""
    row, column, _ = peak.place
    where = f"row {row}, column {column}{channel}{place}{peak.tie_text}"
    return f"the greatest value, {value}, is at {where}"


def _coordinates(peak: Peak, axes: OutputAxes) -> dict[str, float]:
    named = {"x": axes.positions, "lag": axes.lags}
    return {name: axis.at(peak.sample) for name, axis in named.items() if axis is not None}


def _name(result: JobResult) -> str:
    """Return an input's name in messages."""
    return "standard input" if result.path == "-" else shown(result.path)


def _sentence(output: OutputResult) -> str:
    minimum, maximum = (f"{end}".removesuffix(".0") for end in (output.minimum, output.maximum))
    sizes = [f"{size_text(before)} to {size_text(after)}" for before, after in output.sizes]
    frames = f"{output.frames:,} frames ({_listed(output.types)}), " if output.frames > 1 else ""
    missing = ""
    if output.missing is not None:
        pixels, values = output.missing
        missing = f", {count_text(pixels, 'missing pixel')}, {count_text(values, 'invalid value')}"
    return (
        f"{output.kernel}: {frames}{_listed(sizes)}, min {minimum}, max {maximum}, "
        f"{percent_text(output.clipped)} clipped{missing}; {_listed(output.methods, '; ')}"
    )


def _listed(texts: Sequence[str], separator: str = ", ") -> str:
    """Join texts; of many, the first few.

    >>> _listed(["8-bit gray", "8-bit RGB"])
    '8-bit gray, 8-bit RGB'
    >>> _listed("abcdefg")
    'a, b, c, d, e and others'
    """
    others = " and others" if len(texts) > MOST_SHOWN else ""
    return separator.join(texts[:MOST_SHOWN]) + others


def _clock(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours where there are any.

    >>> _clock(75), _clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
