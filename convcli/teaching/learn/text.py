"""A learned kernel as text for a terminal of 80 columns, and as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from convcli.errors import UsageError, percent_text
from convcli.geometry import size_text
from convcli.kernels.kernel import Kernel
from convcli.teaching.learn.estimate import CONVERGED, Estimate, Floats, History
from convcli.teaching.learn.lookup import centered
from convcli.teaching.text_table import (
    Cell,
    TextTable,
    side_by_side,
    table_lines,
    tables_html,
    unpainted,
    wrapped,
)

_LABEL = 11  # width of a fact's name and the space after it
_NOISE_DECIMALS = 12  # of weights of usual size; further ones are rounding errors
_MAX_DECIMALS, _MAX_DESCENT_DECIMALS = 6, 4
_ROUNDING = 1e-12  # share of the variance that is a rounding error
_EPOCHS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)  # that have a line


class Truth(NamedTuple):
    """The true kernel, to compare the learned one with."""

    name: str
    weights: Floats  # in the shape of the learned kernel

    @classmethod
    def of(cls, kernel: Kernel, shape: tuple[int, ...], name: str | None = None) -> Truth:
        """Pad a kernel with zeros to the shape of the learned one, (kh, kw) or (C, kh, kw).

        ``name`` is what the figure and the text call it; None for its own name.

        Raises:
            UsageError: the true kernel is larger, or has other channels.
        """
        *channels, most_rows, most_columns = shape
        rows, columns = kernel.shape
        if rows > most_rows or columns > most_columns:
            raise UsageError(
                f"truth {kernel.name} is {size_text(kernel.shape)}, larger than the learned "
                f"kernel; learn one of at least {size_text(kernel.shape)}"
            )
        weights, own = kernel.weights, [*kernel.weights.shape[:-2]]
        if own == [1] and not channels:  # the same sums
            weights, own = weights[0], []
        if own != channels:
            raise UsageError(
                f"truth {kernel.name} has {own[0] if own else 'no'} channels, but the learned "
                f"kernel has {channels[0] if channels else 'none'}"
            )
        return cls(name or kernel.name, centered(weights, (most_rows, most_columns)))

    def difference(self, learned: Estimate) -> float:
        """Return the largest difference of any weight."""
        return float(np.abs(learned.weights - self.weights).max())


def learned_text(learned: Estimate, truth: Truth | None = None, digits: int | None = None) -> str:
    """Return the losses of a descent, the kernel, and how well it fits.

    ``digits`` are the decimals of the weights; None for those worth showing.

    >>> from convcli import learn_kernel
    >>> image = np.random.default_rng(0).integers(0, 256, (9, 9))
    >>> print(learned_text(learn_kernel(image, 3 * image, 1)).splitlines()[1])
    3
    """
    lines = _history_lines(learned.history) if learned.history else []
    lines += [*side_by_side(kernel_tables(learned, truth, digits), unpainted), ""]
    for name, value in _facts(learned, truth):
        first, *others = wrapped(value.split(" "), " " * _LABEL)
        lines += [f"{name:<{_LABEL}}{first[_LABEL:]}", *others]
    if verdict := verdict_text(learned, truth):
        lines += wrapped(verdict.split(" "))
    return "\n".join(lines)


def learned_html(learned: Estimate) -> str:
    """Return the same for a notebook."""
    from convcli.html import html_block, html_line, html_lines, html_table

    parts = [html_lines(_history_lines(learned.history))] if learned.history else []
    parts += [tables_html(kernel_tables(learned, None, None))]
    parts += [html_table([*_facts(learned, None)], left=[0, 1], headings=False)]
    if verdict := verdict_text(learned):
        parts += [html_line(verdict)]
    return html_block(parts)


def learned_data(learned: Estimate, truth: Truth | None = None) -> dict[str, Any]:
    """Return every number as dictionaries and lists."""
    match, ratio, history = learned.match, learned.rational, learned.history
    return {
        "kernel": learned.weights.tolist(),
        "bias": learned.bias,
        "errors": None if np.isnan(learned.errors).any() else learned.errors.tolist(),
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
        "descent": history
        and {
            "rate": history.rate,
            "limit": history.limit,
            "momentum": history.momentum,
            "losses": history.losses.tolist(),
            "least": history.least,
            "converged": history.converged,
            "distance": history.distance,
            "through": history.through,
            "active": history.active,
            "dead": history.dead,
            "alternative": history.alternative
            and {
                "momentum": history.alternative.momentum,
                "losses": history.alternative.losses.tolist(),
            },
        },
    }


def verdict_text(learned: Estimate, truth: Truth | None = None) -> str:
    """Say in a sentence what was learned: whether it is the truth, or else which known kernel.

    A descent that has not converged has found neither. Kernels over channels have no names: there
    is nothing to say of them without a truth.
    """
    history = learned.history
    if history is not None and history.dead is not None:
        since = "from the start" if history.dead == 0 else f"from epoch {history.dead} on"
        return (
            f"dead {since}: no window has a value above 0, so ReLU passes no gradient and nothing "
            "is learned; start from another seed, or lower the rate"
        )
    if history is not None and not history.converged:
        share = history.distance / float(np.abs(history.best).max() or 1.0)
        return (
            f"not converged: up to {_percent(share)} of the largest weight off least squares"
            f"{' where ReLU passes' * (history.through is not None)} "
            f"(converged: {_percent(CONVERGED)})"
        )
    if truth is not None:
        share = truth.difference(learned) / float(np.abs(truth.weights).max() or 1.0)
        word = "is" if share <= CONVERGED else "is not"
        return f"this {word} {truth.name}: weights differ by up to {_percent(share)} of its largest"
    return match_text(learned) if learned.weights.ndim == 2 else ""


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else f"{100 * share:.0f} %"


def match_text(learned: Estimate) -> str:
    """Say which known kernel it is or comes near, or that no known kernel matches."""
    match = learned.match
    if match is None:
        return "no known kernel matches"
    scaled = "the negative of " if match.scale == -1 else f"{match.scale:.5g} times "
    flipped = ", flipped (as --operation convolve flips it)" if match.flipped else ""
    name = f"{scaled if match.scale != 1 else ''}{match.spec}{flipped}"
    if not match.certain:
        return f"this is near {name}: the largest difference is {match.difference:.2g}"
    also = f" (also called {', '.join(match.also)})" if match.also else ""
    return f"this is {name}{also}"


def shown_weights(learned: Estimate) -> tuple[Floats, int]:
    """Return the weights rounded to the decimals that are worth showing, and how many those are.

    The fewest decimals that move no weight by more than six standard errors and half a percent of
    the largest weight, since a kernel that is rounded further is another kernel; and no more
    decimals than the standard errors allow.
    """
    largest = float(np.abs(learned.weights).max())
    error = 0.0 if learned.history else float(learned.errors.max())
    tolerance = max(min(6 * error, 5e-3 * largest), 1e-9 * largest)
    start = 0 if largest == 0 else max(0, 1 - math.ceil(math.log10(largest)))
    most = start + (_MAX_DESCENT_DECIMALS if learned.history else _MAX_DECIMALS)
    if error:
        most = min(most, max(start, math.ceil(-math.log10(error))))
    for decimals in range(most):
        rounded = round_weights(learned.weights, decimals)
        if np.abs(learned.weights - rounded).max() <= tolerance:
            return rounded, decimals
    return round_weights(learned.weights, most), most


def round_weights(weights: Floats, decimals: int) -> Floats:
    """Round weights; halves with errors in their last bits are all rounded in one direction.

    >>> round_weights(np.array([0.0625 - 1e-17, 0.0625, 0.0625 + 1e-17, -1e-9]), 3)
    array([0.062, 0.062, 0.062, 0.   ])
    """
    if decimals < _NOISE_DECIMALS:
        weights = np.round(weights, _NOISE_DECIMALS)
    return np.round(weights, decimals) + 0.0


def kernel_tables(learned: Estimate, truth: Truth | None, digits: int | None) -> list[TextTable]:
    """Return the learned weights, the same as whole numbers, and the true weights."""
    rounded, decimals = shown_weights(learned)
    if digits is not None:
        rounded, decimals = round_weights(learned.weights, digits), digits
    names = learned.channels
    tables = _tables(f"kernel {size_text(rounded.shape[-2:])}", names, rounded, decimals)
    ratio = learned.rational
    if ratio is not None and ratio.divisor > 1:
        tables += _tables(f"times {ratio.divisor}", names, ratio.matrix.astype(float), 0)
    if truth is not None:
        tables += _tables(truth.name, names, round_weights(truth.weights, decimals), decimals)
    return tables


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


def _facts(learned: Estimate, truth: Truth | None) -> Iterator[tuple[str, str]]:
    yield "bias", bias_text(learned.bias, learned.bias_error)
    yield "windows", f"{learned.windows:,}"
    yield "residual", f"{learned.residual:.3g} (root mean square)"
    share = learned.r_squared
    yield "R squared", "none: AFTER is flat" if share is None else share_text(share)
    yield "condition", f"{learned.condition:.4g}"
    if truth is not None:
        yield "truth", f"{truth.name}, largest difference {truth.difference(learned):.2g}"


def bias_text(bias: float, error: float) -> str:
    """Write the bias to the first digit that its standard error makes uncertain."""
    if abs(bias) <= max(6 * error, 1e-9):
        return "0"
    if error < 10.0**-_MAX_DECIMALS:
        return f"{bias:.6g}"
    return f"{bias:.{max(0, math.ceil(-math.log10(error)))}f}"


def share_text(share: float) -> str:
    """Write a share of 1, with all of its leading nines."""
    if 1 - share < _ROUNDING:
        return "1"
    digits = 4 if share <= 0 else max(4, 2 - math.floor(math.log10(1 - share)))
    return f"{share:.{digits}f}"


def _history_lines(history: History) -> list[str]:
    last = len(history.losses) - 1
    epochs = [epoch for epoch in _EPOCHS if epoch < last] + [last]
    losses = [f"{history.losses[epoch]:.6g}" for epoch in epochs]
    rows = [(f"{epoch:>5}", loss) for epoch, loss in zip(epochs, losses, strict=True)]
    setting = (
        f"rate {history.rate:.4g} (any below {history.limit:.4g} converges), momentum "
        f"{history.momentum:g}; least squares has a loss of {history.least:.6g}"
    )
    if history.through is not None:
        setting = (
            f"loss after ReLU, which passes {percent_text(history.active)} of the windows; rate "
            f"{history.rate:.4g}, momentum {history.momentum:g}"
        )
        if history.dead is None:
            setting += f"; least squares over these windows has a loss of {history.least:.6g}"
    notes = [setting, *history_notes(history)]
    sentences = [line for note in notes for line in wrapped(note.split(" "))]
    return ["epoch  loss (mean squared residual)", *table_lines(rows), *sentences, ""]


def history_notes(history: History) -> list[str]:
    """Say where the loss rises, and whether another momentum would end lower."""
    notes = []
    if history.momentum and bool((np.diff(history.losses) > 0).any()):
        notes.append("momentum carries the weights past the best ones: the loss rises at times")
    if history.alternative is not None:
        momentum, losses = history.alternative
        notes.append(
            f"the kernel is that of momentum {history.momentum:g}; momentum {momentum:g} would end "
            f"at a lower loss of {losses[-1]:.6g}"
        )
    return notes
