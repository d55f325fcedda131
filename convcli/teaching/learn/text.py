"""A learned kernel as lines for a terminal of 80 columns, and as data for JSON."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import UsageError
from convcli.geometry import Pair
from convcli.kernels.kernel import Kernel
from convcli.teaching.learn.lookup import framed
from convcli.teaching.learn.result import Floats, History, LearnResult, Match
from convcli.teaching.text_table import Cell, TextTable, side_by_side, unpainted, wrapped

_LABEL = 11  # letters of a fact's name and the blanks after it
_MOST_DECIMALS, _DESCENT_DECIMALS = 6, 4
_EXACT = 1e-12  # of the variance; less is rounding
_TOLD = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # epochs with a line


class Truth(NamedTuple):
    """The kernel that the learned one is compared with, of its shape."""

    name: str
    weights: Floats

    @classmethod
    def of(cls, kernel: Kernel, size: Pair, channels: int | None) -> "Truth":
        """Put a kernel in the middle of ``size`` taps.

        Args:
            kernel: the true one.
            size: rows and columns of the learned one.
            channels: of the learned one, None where it is 2-D.

        Raises:
            UsageError: it is larger, or has other channels.
        """
        rows, columns = kernel.shape
        if rows > size[0] or columns > size[1]:
            raise UsageError(
                f"--truth {kernel.name} is {columns}x{rows}, larger than the kernel that is "
                f"learned: --size {columns}x{rows}"
            )
        own = kernel.weights.shape[:-2]
        if own != (() if channels is None else (channels,)):
            raise UsageError(
                f"--truth {kernel.name} has {own[0] if own else 'no'} channels, and the learned "
                f"kernel {'none' if channels is None else channels}"
            )
        return cls(kernel.name, framed(kernel.weights, size))

    def difference(self, learned: LearnResult) -> float:
        """Return the largest difference of any weight."""
        return float(np.abs(learned.weights - self.weights).max())


def learned_text(learned: LearnResult, truth: Truth | None = None) -> str:
    """Return the course of a descent, the kernel, and what is known of it.

    >>> from convcli import learn_kernel
    >>> image = np.random.default_rng(0).integers(0, 256, (9, 9))
    >>> print(learned_text(learn_kernel(image, 3 * image, 1)).splitlines()[1])
    3
    """
    lines = _course_lines(learned.course) if learned.course else []
    lines += _kernel_lines(learned, truth)
    lines.append("")
    for name, value in _facts(learned, truth):
        first, *others = wrapped(value.split(" "), " " * _LABEL)
        lines += [f"{name:<{_LABEL}}{first[_LABEL:]}", *others]
    if learned.weights.ndim == 2:  # kernels over channels have no names
        lines += wrapped(verdict(learned).split(" "))
    return "\n".join(lines)


def learned_data(learned: LearnResult, truth: Truth | None = None) -> dict[str, Any]:
    """Return everything as dictionaries and lists."""
    match, ratio, course = learned.match, learned.rational, learned.course
    return {
        "kernel": learned.weights.tolist(),
        "bias": learned.bias,
        "errors": learned.errors.tolist(),
        "bias_error": learned.bias_error,
        "windows": learned.windows,
        "clipped": learned.clipped,
        "residual": learned.residual,
        "r_squared": learned.r_squared,
        "condition": learned.condition,
        "match": match._asdict() if match else None,
        "rational": ratio and {"matrix": ratio.matrix.tolist(), "divisor": ratio.divisor},
        "truth": truth
        and {
            "name": truth.name,
            "kernel": truth.weights.tolist(),
            "difference": truth.difference(learned),
        },
        "descent": course
        and {
            "rate": course.rate,
            "limit": course.limit,
            "momentum": course.momentum,
            "losses": course.losses.tolist(),
            "least": course.least,
        },
    }


def verdict(learned: LearnResult) -> str:
    """Say which known kernel it is, comes near, or that there is none."""
    match = learned.match
    if match is None:
        return "this is no kernel with a name"
    also = f" (also called {', '.join(match.also)})" if match.also else ""
    name = _name(match)
    if match.certain:
        return f"this is {name}{also}"
    return f"this is near {name}: the largest difference is {match.difference:.2g}"


def _name(match: Match) -> str:
    flipped = ", flipped (what --operation convolve makes of it)" if match.flipped else ""
    if match.scale == 1:
        return match.spec + flipped
    if match.scale == -1:
        return f"the negative of {match.spec}{flipped}"
    return f"{match.scale:.5g} times {match.spec}{flipped}"


def shown_weights(learned: LearnResult) -> tuple[Floats, int]:
    """Return the weights rounded to the decimals that the images tell of, and how many.

    As few as are within the standard errors and move no weight by more than half a per cent of
    the largest, since a kernel rounded further is another one; and no more than the errors allow.
    """
    largest = float(np.abs(learned.weights).max())
    error = 0.0 if learned.course else float(learned.errors.max())
    tolerance = max(min(6 * error, 5e-3 * largest), 1e-9 * largest)
    start = 0 if largest == 0 else max(0, 1 - math.ceil(math.log10(largest)))
    most = start + (_DESCENT_DECIMALS if learned.course else _MOST_DECIMALS)
    if error:
        most = min(most, max(start, math.ceil(-math.log10(error))))
    for decimals in range(most):
        rounded = np.round(learned.weights, decimals)
        if np.abs(learned.weights - rounded).max() <= tolerance:
            return rounded + 0.0, decimals
    return np.round(learned.weights, most) + 0.0, most


def _kernel_lines(learned: LearnResult, truth: Truth | None) -> list[str]:
    """Return the learned weights, as whole numbers too, and the true ones beside them."""
    rounded, decimals = shown_weights(learned)
    rows, columns = rounded.shape[-2:]
    names = learned.channels
    tables = _tables(f"kernel {columns}x{rows}", names, rounded, decimals)
    ratio = learned.rational
    if ratio is not None and ratio.divisor > 1:
        tables += _tables(f"times {ratio.divisor}", names, ratio.matrix.astype(float), 0)
    if truth is not None:
        tables += _tables(truth.name, names, np.round(truth.weights, decimals), decimals)
    return side_by_side(tables, unpainted)


def _tables(heading: str, names: list[str], weights: Floats, decimals: int) -> list[TextTable]:
    """Return a table for each channel."""
    planes = weights.reshape(-1, *weights.shape[-2:])
    return [
        TextTable(
            f"{heading} {name}".strip(),
            [[Cell(f"{weight:.{decimals}f}") for weight in row] for row in plane.tolist()],
        )
        for name, plane in zip(names, planes, strict=True)
    ]


def _facts(learned: LearnResult, truth: Truth | None) -> Iterator[tuple[str, str]]:
    yield "bias", _with_error(learned.bias, learned.bias_error)
    yield "windows", str(learned.windows)
    yield "residual", f"{learned.residual:.3g} (root mean square)"
    share = learned.r_squared
    yield "R squared", "none: AFTER is flat" if share is None else _share(share)
    yield "condition", f"{learned.condition:.4g}"
    if truth is not None:
        yield "truth", f"{truth.name}, largest difference {truth.difference(learned):.2g}"


def _with_error(value: float, error: float) -> str:
    """Write a number to the digit that its error leaves open."""
    if abs(value) <= max(6 * error, 1e-9):
        return "0"
    if error < 10.0**-_MOST_DECIMALS:
        return f"{value:.6g}"
    return f"{value:.{max(0, math.ceil(-math.log10(error)))}f}"


def _share(share: float) -> str:
    """Write a share of 1, with as many nines as it has."""
    if 1 - share < _EXACT:
        return "1"
    digits = 4 if share <= 0 else max(4, 2 - math.floor(math.log10(1 - share)))
    return f"{share:.{digits}f}"


def _course_lines(course: History) -> list[str]:
    last = len(course.losses) - 1
    epochs = [epoch for epoch in _TOLD if epoch < last] + [last]
    numbers = [f"{course.losses[epoch]:.6g}" for epoch in epochs]
    width = max(map(len, numbers))
    lines = ["epoch  loss (mean squared residual)"]
    lines += [f"{epoch:>5}  {text:>{width}}" for epoch, text in zip(epochs, numbers, strict=True)]
    lines += wrapped(
        f"rate {course.rate:.4g} (any below {course.limit:.4g} converges), momentum "
        f"{course.momentum:g}; least squares has a loss of {course.least:.6g}".split(" ")
    )
    return [*lines, ""]
