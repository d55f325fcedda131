"""Fit a kernel to pairs of images by least squares over all windows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.threads import thread_count
from convcli.errors import UsageError, count_text, prefix_errors
from convcli.geometry import size_text
from convcli.teaching.learn.descent import Descent, descend
from convcli.teaching.learn.estimate import Floats
from convcli.teaching.learn.gram import matrices, sum_products, sum_residuals
from convcli.teaching.learn.lookup import rational, recognize
from convcli.teaching.learn.normal_equations import NormalEquations, Origin
from convcli.teaching.learn.relu_descent import ReluFit, descend_through_relu
from convcli.teaching.learn.result import LearnResult
from convcli.teaching.learn.windows import Example, Model, Windows, windows_of

_MAX_WEIGHTS = 2500
_MAX_REFINEMENTS = 3
_SMALL_GAIN = 1e-3  # of the squared residuals; a refinement that gains less is the last
_ROUNDING = 1e-14  # relative rounding error of the sums
_NEGLIGIBLE = 0.01  # share of a weight's standard error that rounding may be
# Rounding to whole numbers leaves a mean square of 1/12. It is not quite noise: it repeats where an
# image is smooth, so weights are off by more than their standard errors.
_ROUNDED_SQUARE = 0.05  # a mean square above this may come from rounding
_ROUNDED_ERROR = 2.5e-3  # of the largest weight; the error that rounding may cause
_MAX_SAMPLES = 1 << 16  # pixels whose mean is the origin
_CERTAIN_R_SQUARED = 0.9  # below it, no kernel is recognized with certainty
_LARGEST = 1e100  # magnitude of a pixel


@np.errstate(all="ignore")
def learn_from(
    examples: Iterable[Example],
    model: Model,
    descent: Descent | None = None,
    threads: int | None = None,
) -> LearnResult:
    """Learn one kernel from pairs of images.

    Args:
        examples: the pairs; they are iterated over several times.
        model: what is known about how the images were made.
        descent: settings of a gradient descent; None for least squares.
        threads: how many threads at most; the result does not depend on it.

    Raises:
        ConvcliError: as :func:`convcli.learn_kernel`.
    """
    check_settings(model, descent)
    fit = _Fit(examples, model, thread_count(threads))
    if descent is None:
        return fit.result(fit.weights, fit.squares)
    count = fit.equations.count
    if descent.through is None:
        history = descend(fit.equations, fit.weights, fit.squares / count, descent)
        result = fit.result(history.kernels[-1], history.losses[-1] * count)
    else:
        through = descend_through_relu(fit.equations, fit.tiles, descent)
        history = through.history
        result = fit.result(history.kernels[-1], history.losses[-1] * count, through)
    kernels, best = tuple(map(fit.shaped, history.kernels)), fit.shaped(history.best)
    path = tuple((epoch, fit.shaped(kernel)) for epoch, kernel in history.path)
    return replace(result, history=replace(history, kernels=kernels, best=best, path=path))


def check_settings(model: Model, descent: Descent | None) -> None:
    """Check what can be checked before there are images.

    Raises:
        UsageError: a number is out of range.
    """
    if not math.isfinite(model.fill):
        raise UsageError(f"fill must be a finite number, not {model.fill:g}")
    if descent is not None:
        descent.check()
        if descent.through is not None and model.ignore_clipped:
            raise UsageError(
                "clipped pixels cannot be ignored behind ReLU, which makes values black itself"
            )


class _Fit:
    """Least squares from the sums over all pairs."""

    first: Example  # of the pairs, which a figure shows

    def __init__(self, examples: Iterable[Example], model: Model, threads: int) -> None:
        self.examples, self.model, self.threads = examples, model, threads
        self.clipped, self.integers = 0, True
        self.depth: int | None = None
        self.shape: tuple[int, ...] = ()  # of the kernel, (C, kh, kw)
        self.origin = Origin()
        products = self._sum_products()  # which sets the origin
        self.equations = NormalEquations(products, self.origin, with_bias=model.with_bias)
        self.equations.check()
        self.weights, self.squares = self._solve()

    def _sum_products(self) -> Floats:
        """Return the sums for the normal equations over all pairs."""
        total: Floats | None = None
        for example in self.examples:
            groups = self._windows(example)
            if total is None:
                self.first, self.depth = example, example.depth
                if self.model.with_bias:  # without a bias, both must count from 0
                    self.origin = Origin(_rough_mean(example.before), _rough_mean(example.after))
            for windows in groups:
                self._take_shape(windows)
                self.integers &= windows.target.dtype.kind in "iu"
                if example.max_value is not None and windows.mask is None:
                    black, white = (windows.target == end for end in (0, example.max_value))
                    self.clipped += int(np.count_nonzero(black) + np.count_nonzero(white))
                products = sum_products(windows, self.origin, self.threads)
                total = products if total is None else total + products
        if total is None:
            raise UsageError("there is no pair of images to learn from")
        count, weights = int(total[-2, -2]), math.prod(self.shape)
        if count < weights + self.model.with_bias:
            bias = " and a bias" if self.model.with_bias else ""
            raise UsageError(
                f"{count_text(count, 'window')} cannot determine "
                f"{count_text(weights, 'weight')}{bias}; take a larger image or a smaller kernel"
            )
        return total

    def _windows(self, example: Example) -> list[Windows]:
        with prefix_errors(example.name):
            for name, image in (("BEFORE", example.before), ("AFTER", example.after)):
                if image.dtype.kind == "f" and not np.isfinite(image).all():
                    raise UsageError(
                        f"{name} holds NaN or infinity; no kernel can be learned from it"
                    )
                if image.dtype == np.float64 and max(-image.min(), image.max()) > _LARGEST:
                    raise UsageError(
                        f"{name} holds numbers beyond {_LARGEST:g}, whose sums of squares "
                        "overflow; scale both images down"
                    )
            return windows_of(example, self.model)

    def _take_shape(self, windows: Windows) -> None:
        """Check that all windows have one shape, and not too many weights."""
        shape = (len(windows.planes), *windows.kernel_shape)
        if self.shape not in ((), shape):
            raise UsageError("all pairs must have the same channels")
        self.shape = shape
        if windows.weights > _MAX_WEIGHTS:
            channels = f" over {shape[0]} channels" if shape[0] > 1 else ""
            raise UsageError(
                f"a {size_text(shape[1:])} kernel{channels} has {windows.weights:,} weights; at "
                f"most {_MAX_WEIGHTS:,} can be learned"
            )

    def _solve(self) -> tuple[Floats, float]:
        """Return the weights and the sum of their squared residuals.

        The weights are refined by the residuals of the weights before, since the normal equations
        square the condition number (iterative refinement).
        """
        equations = self.equations
        weights = equations.solve(equations.right_hand_side)
        squares = equations.unexplained(weights)
        errors = equations.standard_errors(max(squares, 0.0) / equations.count)
        rounding = _ROUNDING * equations.condition**2
        if squares > rounding * equations.squares and (
            rounding * np.abs(weights).max() < _NEGLIGIBLE * errors.min()
        ):
            return weights, squares  # the noise of the images is far above that of the sums
        for _ in range(_MAX_REFINEMENTS):
            bias = equations.bias(weights)
            residuals = np.zeros(len(weights) + 2)
            for example in self.examples:
                for windows in self._windows(example):
                    residuals += sum_residuals(windows, self.origin, weights, bias, self.threads)
            change = equations.correction(residuals)
            gain = float(change @ equations.matrix @ change)
            weights = weights + change
            squares = max(float(residuals[-1]) - gain, 0.0)
            if gain <= _SMALL_GAIN * residuals[-1]:
                break
        return weights, squares

    def tiles(self) -> Iterator[Floats]:
        """Yield all windows as :func:`~convcli.teaching.learn.gram.matrices` has them."""
        for example in self.examples:
            for windows in self._windows(example):
                yield from matrices(windows, self.origin)

    def result(
        self, weights: Floats, squares: float, through: ReluFit | None = None
    ) -> LearnResult:
        """Return the result for weights, (n,), and the sum of their squared residuals.

        ``through`` has the bias and the errors of a filter in front of ReLU.
        """
        count, spread = self.equations.count, self.equations.spread
        variance = squares / max(count - len(weights) - self.model.with_bias, 1)
        errors = self.equations.standard_errors(variance)
        bias, bias_error = self._bias(weights, variance) if self.model.with_bias else (0.0, 0.0)
        if through is not None:
            errors, bias, bias_error = through.errors, through.bias, through.bias_error
        error, shaped = float(errors.max()), self.shaped(weights)
        result = LearnResult(
            weights=shaped,
            bias=bias,
            errors=self.shaped(errors),
            bias_error=bias_error,
            windows=int(count),
            clipped=self.clipped,
            residual=math.sqrt(squares / count),
            r_squared=1 - squares / spread if spread else None,
            condition=self.equations.condition,
            match=None,
            rational=rational(shaped, error),
            depth=self.depth,
            source=(self.first, self.model),
        )
        if shaped.ndim > 2:  # no kernel over channels is known by name
            return result
        if self.integers and squares > _ROUNDED_SQUARE * count:
            error = max(error, _ROUNDED_ERROR * float(np.abs(shaped).max()))
        match = recognize(shaped, bias / result.level, error)
        explained = 1.0 if result.r_squared is None else result.r_squared
        if match is not None and explained < _CERTAIN_R_SQUARED:
            match = match._replace(certain=False)  # something else was done to the image as well
        return replace(result, match=match)

    def _bias(self, weights: Floats, variance: float) -> tuple[float, float]:
        """Return the bias between the images themselves, and its standard error."""
        equations = self.equations
        shift = self.origin.after - self.origin.before * float(weights.sum())
        means = equations.sums / equations.count + self.origin.before
        share = 1 / equations.count + float(means @ equations.solve(means))
        return equations.bias(weights) + shift, math.sqrt(variance * share)

    def shaped(self, values: Floats) -> Floats:
        """Return a kernel as its operation takes it, (kh, kw) or (C, kh, kw)."""
        shaped = values.reshape(self.shape if self.shape[0] > 1 else self.shape[1:])
        return shaped[..., ::-1, ::-1] if self.model.operation == "convolve" else shaped


def _rough_mean(image: NDArray[Any]) -> float:
    """Return the mean of a sample of the pixels; rounded for integers, so that sums stay exact."""
    step = math.isqrt(max(image.size // _MAX_SAMPLES, 1))
    mean = float(image[::step, ::step].mean(dtype=np.float64))
    return mean if image.dtype.kind == "f" else float(round(mean))
