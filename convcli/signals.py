"""Where the samples of a signal lie: the range of ``--x``, and positions in exact arithmetic.

``signal:NAME,...`` in place of a file names a signal that is sampled at these positions.
"""

from __future__ import annotations

import math
import os.path
import re
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import UsageError, quoted
from convcli.geometry import Geometry
from convcli.samples import local_name

if TYPE_CHECKING:  # loading it takes longer than all that the command line needs otherwise
    from fractions import Fraction

PREFIX = "signal:"
DEFAULT_COUNT, MAX_COUNT = 1001, 1_000_000
# It is compiled when it is used, since this module is loaded at every start.
_NUMBER = r"(?ai)[+-]?(?:\d{1,18}\.?\d{0,18}|\.\d{1,18})(?:e[+-]?\d{1,2})?"


class SampleAxis(NamedTuple):
    """Evenly spaced positions: ``start``, ``start + step``, and so on."""

    start: Fraction
    step: Fraction

    def at(self, index: int) -> float:
        """Return one position, rounded once."""
        return float(self.start + index * self.step)

    def positions(self, count: int) -> list[float]:
        """Return the first positions, each rounded once: 0.3, not 0.30000000000000004."""
        unit = math.lcm(self.start.denominator, self.step.denominator)
        first, step = int(self.start * unit), int(self.step * unit)
        return [(first + index * step) / unit for index in range(count)]

    def after(self, count: int) -> SampleAxis:
        """Return the axis without its first samples, or with more before them if it is negative."""
        return SampleAxis(self.start + count * self.step, self.step)

    def flipped(self, count: int) -> SampleAxis:
        """Return the axis of ``count`` samples in reverse order, where x became -x."""
        return SampleAxis(-(self.start + (count - 1) * self.step), self.step)


class OutputAxes(NamedTuple):
    """Where the values of a signal's feature map lie; each is None where it has no meaning.

    Attributes:
        positions: the x under the kernel's own 0 if the kernel is a sampled signal, else under its
            anchor.
        lags: of a correlation, by how much the kernel is shifted against the input. For a sampled
            signal they are the positions; for other kernels they are 0 where the first samples of
            both meet, as scipy.signal.correlation_lags counts.
    """

    positions: SampleAxis | None = None
    lags: SampleAxis | None = None


def output_axes(
    axis: SampleAxis | None,
    geometry: Geometry,
    operation: str,
    kernel_axis: SampleAxis | None = None,
) -> OutputAxes:
    """Return where the values of a feature map lie.

    A sum of a correlation, of f(y) k(u) over all y - u = t, is the value at t; one of a
    convolution, of f(y) k(u) over all y + u = t, too. Both are the y at which the kernel's u is 0.

    Args:
        axis: of the input; None for no positions, and lags in samples.
        geometry: how the kernel slides.
        operation: ``correlate`` or ``convolve``.
        kernel_axis: of the kernel, if it is a sampled signal.
    """
    from fractions import Fraction

    if min(geometry.input_shape) > 1 or min(geometry.output_shape) > 1:
        return OutputAxes()
    along = 1 if geometry.input_shape[0] == 1 else 0
    taps, stride, before, dilation = geometry.along(along)
    start, step = axis or (Fraction(0), Fraction(1))
    origin, shift = Fraction(geometry.anchor[along]), Fraction(0)
    if axis and kernel_axis and kernel_axis.step == step and geometry.kernel[1 - along] == 1:
        tap = -kernel_axis.start / step
        origin = (taps - 1 - tap if operation == "convolve" else tap) * dilation
        shift = start + origin * step
    positions = SampleAxis(start + (origin - before) * step, stride * step)
    lags = SampleAxis(shift - before * step, stride * step)
    return OutputAxes(axis and positions, lags if operation == "correlate" else None)


class SampleRange(NamedTuple):
    """What ``--x`` gives.

    Attributes:
        start, stop: the positions of the first and the last sample.
        length: how many samples; None for as many as an input has, and 1,001 of a signal.
        given: whether a user gave it; it is the default range otherwise.
        kernel: the signal that is sampled here as a kernel, if there is one. An image of several
            rows may then be filtered, which has no positions.
    """

    start: Fraction
    stop: Fraction
    length: int | None = None
    given: bool = True
    kernel: str = ""

    @property
    def samples(self) -> int:
        """How many samples a signal has here."""
        return self.length or DEFAULT_COUNT

    def axis(self, count: int) -> SampleAxis:
        """Return the positions of this many samples."""
        return SampleAxis(self.start, (self.stop - self.start) / (count - 1))

    @property
    def text(self) -> str:
        """START:STOP as ``--x`` takes it, with seventeen digits at most."""
        return ":".join(f"{float(end)!r}".removesuffix(".0") for end in (self.start, self.stop))


class SignalSource(NamedTuple):
    """A signal that is read in place of a file."""

    spec: str


def parse_range(text: str) -> SampleRange:
    """Read ``START:STOP`` or ``START:STOP:COUNT``.

    Raises:
        UsageError: the text has another form, STOP is not above START, or COUNT is out of range.

    >>> parse_range("-1:1:5").axis(5).positions(5)
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    """
    from fractions import Fraction

    start, *rest = words = [word.strip() for word in text.split(":")]
    if len(words) not in (2, 3) or not all(re.fullmatch(_NUMBER, word) for word in words[:2]):
        raise UsageError(f"{quoted(text)} is not START:STOP or START:STOP:COUNT, e.g. -10:10:1001")
    ends = Fraction(start), Fraction(rest[0])
    if not ends[0] < ends[1]:
        raise UsageError(f"{quoted(text)}: STOP must be greater than START")
    if len(words) == 2:
        return SampleRange(*ends)
    count = int(words[2]) if re.fullmatch(r"(?a)\d{1,9}", words[2]) else 0
    if not 2 <= count <= MAX_COUNT:
        raise UsageError(
            f"{quoted(text)}: COUNT must be a whole number from 2 to {MAX_COUNT:,}, "
            f"not {quoted(words[2])}"
        )
    return SampleRange(*ends, count)


def default_range() -> SampleRange:
    """Return the range where no ``--x`` is given: 1,001 samples from -10 to 10, 0.02 apart."""
    return parse_range(f"-10:10:{DEFAULT_COUNT}")._replace(given=False)


def is_signal(name: str) -> bool:
    """Tell whether a name is that of a signal. A file of that name is the file."""
    return name.startswith(PREFIX) and not os.path.lexists(name)


def named_after(name: str) -> str:
    """Return the path that results are named after; see :func:`convcli.samples.local_name`."""
    return file_name(name) if is_signal(name) else local_name(name)


def file_name(name: str) -> str:
    """Return the file that results of a signal are named after.

    >>> file_name("signal:uniform,a=-3,b=3")
    'signal-uniform-a--3-b-3.csv'
    """
    return f"{re.sub('[^A-Za-z0-9.+-]', '-', name)[:80].strip('-.')}.csv"
