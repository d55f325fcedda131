"""Signals: functions of x, sampled as an image of one row or as the weights of a kernel.

``convcli.kernels.data.signals`` declares their parameters. Densities are computed step by step as
scipy.stats does, which they equal to the last digits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, quoted
from convcli.kernels.data.signals import SIGNALS
from convcli.kernels.entries import Signal
from convcli.kernels.kernel import Kernel, safe_name
from convcli.kernels.parameters import bind_arguments
from convcli.signals import PREFIX, SampleAxis, SampleRange, default_range

Values = NDArray[np.float64]


class Grid(NamedTuple):
    """The positions at which a signal is sampled, exact and as floats."""

    axis: SampleAxis
    x: Values

    def periods(self, frequency: float) -> Values:
        """Return how much of the current period has passed, from 0 to 1, rounded once.

        Computed from exact fractions, so that a sample on the end of a period is on it.
        """
        rate = _exact(frequency)
        start, step = self.axis.start * rate, self.axis.step * rate
        unit = math.lcm(start.denominator, step.denominator)
        first, by = int(start * unit), int(step * unit)
        return np.array([(first + index * by) % unit / unit for index in range(len(self.x))])


class Sampled(NamedTuple):
    """A signal's values, (count,) float64, the positions, and notes for the user."""

    values: Values
    axis: SampleAxis
    notes: tuple[str, ...]


def check_signal(spec: str) -> None:
    """Raise KernelError unless a SPEC names a signal, with arguments that it has."""
    _find(spec)


def sample_signal(spec: str, given: SampleRange | None = None) -> Sampled:
    """Sample a signal.

    Args:
        spec: ``signal:NAME,...``.
        given: where; None for the default range.

    Raises:
        KernelError: there is no such signal, or an argument is wrong.

    >>> sample_signal("signal:box,width=2").values.sum()
    np.float64(101.0)
    """
    signal, values = _find(spec)
    given = given or default_range()
    axis = given.axis(given.samples)
    grid = Grid(axis, np.array(axis.positions(given.samples)))
    with np.errstate(all="ignore"):
        samples = FUNCTIONS[signal.name](grid, **values) + 0.0  # no -0
    notes = () if samples.any() else (f"is 0 everywhere on {given.text}; sample another range",)
    return Sampled(samples, axis, notes)


def signal_kernel(spec: str, given: SampleRange | None = None) -> Kernel:
    """Return a signal as a kernel of one row; the arguments are those of :func:`sample_signal`."""
    signal, _ = _find(spec)
    samples, axis, notes = sample_signal(spec, given)
    if notes:
        raise KernelError(f"{spec} {notes[0]}")
    return Kernel(
        samples[np.newaxis],
        name=spec,
        slug=safe_name("".join(spec.split())),
        summary=f"{signal.formula}",
        source=signal.source,
        axis=axis,
    )


def _find(spec: str) -> tuple[Signal, dict[str, Any]]:
    """Return the signal that a SPEC names, and its arguments."""
    name, _, arguments = spec.removeprefix(PREFIX).partition(",")
    signal = SIGNALS.get(name.strip())
    if signal is None:
        from difflib import get_close_matches

        near = get_close_matches(name.strip().lower()[:80], SIGNALS, n=3)
        near = [f"{PREFIX}{each}" for each in near]
        advice = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(SIGNALS)}"
        raise KernelError(f"no signal is named {quoted(name)}; {advice}")
    return signal, bind_arguments(signal, arguments)


def normal(grid: Grid, mean: float, sd: float) -> Values:
    """Return the normal density."""
    z = (grid.x - mean) / sd
    return np.asarray(np.exp(-(z**2) / 2.0) / math.sqrt(2 * math.pi) / sd)


def uniform(grid: Grid, a: float, b: float) -> Values:
    """Return the uniform density, which is positive at both ends."""
    if not a < b:
        raise KernelError("uniform: b must be greater than a")
    return np.where((a <= grid.x) & (grid.x <= b), 1 / (b - a), 0.0)


def triangular(grid: Grid, a: float, c: float, b: float) -> Values:
    """Return the triangular density."""
    if not (a <= c <= b and a < b):
        raise KernelError("triangular: c must lie between a and b, and b must be greater than a")
    width = b - a
    z, peak = (grid.x - a) / width, (c - a) / width
    rising = 2 * z / peak if peak else np.full(len(z), np.inf)
    falling = 2 * (1 - z) / (1 - peak) if peak < 1 else np.full(len(z), np.inf)
    inside = (a <= grid.x) & (grid.x <= b)
    return np.where(inside, np.minimum(rising, falling), 0.0) / width


def exponential(grid: Grid, scale: float) -> Values:
    """Return the exponential density."""
    return np.where(grid.x >= 0, np.exp(-(grid.x / scale)) / scale, 0.0)


def laplace(grid: Grid, mean: float, scale: float) -> Values:
    """Return the Laplace density."""
    return np.asarray(0.5 * np.exp(-np.abs((grid.x - mean) / scale)) / scale)


def cauchy(grid: Grid, center: float, scale: float) -> Values:
    """Return the Cauchy density."""
    z = (grid.x - center) / scale
    return np.asarray(1.0 / math.pi / (1.0 + z * z) / scale)


def box(grid: Grid, center: float, width: float, height: float) -> Values:
    """Return a rectangle, which is high at both ends."""
    low, high = _ends(center, width)
    return np.where((low <= grid.x) & (grid.x <= high), height, 0.0)


def triangle(grid: Grid, center: float, width: float, height: float) -> Values:
    """Return a triangle with equal sides."""
    low, high = _ends(center, width)
    values = height * (1 - np.abs(grid.x - center) / (width / 2))
    return np.where((low < grid.x) & (grid.x < high), values, 0.0)


def step(grid: Grid, at: float, height: float) -> Values:
    """Return a step up, high at its place."""
    return np.where(grid.x >= at, height, 0.0)


def impulse(grid: Grid, at: float, height: float) -> Values:
    """Return one sample that is not 0; none where its place is outside of the range."""
    values = np.zeros(len(grid.x))
    index = round((_exact(at) - grid.axis.start) / grid.axis.step)
    if 0 <= index < len(values):
        values[index] = height
    return values


def sinc(grid: Grid, center: float, width: float, height: float) -> Values:
    """Return a normalized sinc."""
    return np.asarray(height * np.sinc((grid.x - center) / width))


def sine(grid: Grid, frequency: float, amplitude: float, phase: float) -> Values:
    """Return a sine wave."""
    return np.asarray(amplitude * np.sin(2 * math.pi * (grid.periods(frequency) + phase / 360)))


def square(grid: Grid, frequency: float, amplitude: float, duty: float) -> Values:
    """Return a square wave, high from the beginning of each period on."""
    return np.where(grid.periods(frequency) < duty, amplitude, -amplitude)


def sawtooth(grid: Grid, frequency: float, amplitude: float) -> Values:
    """Return a wave that rises in each period."""
    return amplitude * (2 * grid.periods(frequency) - 1)


def chirp(grid: Grid, f0: float, f1: float, x1: float, amplitude: float) -> Values:
    """Return a cosine whose frequency grows linearly with x."""
    periods = f0 * grid.x + 0.5 * (f1 - f0) / x1 * grid.x * grid.x
    return np.asarray(amplitude * np.cos(2 * math.pi * periods))


def _ends(center: float, width: float) -> tuple[float, float]:
    """Return where a pulse begins and ends, rounded once, as the positions of samples are."""
    middle, half = _exact(center), _exact(width) / 2
    return float(middle - half), float(middle + half)


def _exact(number: float) -> Fraction:
    """Return the number that was typed: 1/10 for 0.1."""
    return Fraction(repr(number))


FUNCTIONS: dict[str, Callable[..., Values]] = {
    function.__name__: function
    for function in (
        *(normal, uniform, triangular, exponential, laplace, cauchy),
        *(box, triangle, step, impulse, sinc, sine, square, sawtooth, chirp),
    )
}
