"""One line on the terminal while the work goes on: how far it is, how fast, how long still."""

import sys
import time

import click

from convcli.batch.job import JobResult

EVERY = 0.1  # seconds between two looks of the line


class Progress:
    """The line; ``total`` is None where it is not known how many inputs are to come."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._began = self._drawn = time.monotonic()
        self._done = self._failed = self._pixels = 0
        self._shown = False

    def count(self, outcome: JobResult) -> None:
        """Take an input as done, and draw the line now and then."""
        self._done += 1
        self._failed += outcome.error is not None
        self._pixels += sum(
            result.input_shape[0] * result.input_shape[1] for result in outcome.results
        )
        now = time.monotonic()
        if not self._shown or now - self._drawn >= EVERY:
            self._drawn = now
            click.echo(f"\r\x1b[K{self.line(now - self._began)}", nl=False, err=True)
            self._shown = True

    def clear(self) -> None:
        """Take the line away, for something else to be written."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
            self._shown = False

    def line(self, seconds: float) -> str:
        """Return the text of the line after so many seconds.

        >>> progress = Progress(8)
        >>> progress.line(2.0)
        '0/8'
        """
        parts = [f"{self._done}/{self._total}" if self._total else f"{self._done} done"]
        parts += [f"{self._failed} failed"] * bool(self._failed)
        if self._done and seconds > 0:
            parts.append(f"{self._done / seconds:.3g} images/s")
            parts.append(f"{self._pixels / seconds / 1e6:.3g} MP/s")
            left = ((self._total or 0) - self._done) * seconds / self._done
            parts += [f"{_clock(left)} left"] * (left > 0)
        line = ", ".join(parts)
        return line[: _columns() - 1]


def _clock(seconds: float) -> str:
    """Return a span as minutes and seconds, or hours too.

    >>> _clock(75), _clock(3700)
    ('1:15', '1:01:40')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _columns() -> int:
    from shutil import get_terminal_size

    return get_terminal_size().columns if sys.stderr.isatty() else 80
