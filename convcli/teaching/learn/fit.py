"""Least squares over all windows of some pairs of images, and what it tells of the kernel."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.threads import thread_count
from convcli.errors import UsageError, prefix_errors
from convcli.teaching.learn.descent import Descent, descend
from convcli.teaching.learn.gram import window_moments, window_residuals
from convcli.teaching.learn.gram_fft import lag_moments, lag_residuals
from convcli.teaching.learn.lookup import rational, recognize
from convcli.teaching.learn.normal_equations import Moments, NormalEquations, Origin, Residuals
from convcli.teaching.learn.result import Floats, LearnResult
from convcli.teaching.learn.windows import Example, Model, Windows, windows_of

MOST_WEIGHTS = 2500
_FEW_TAPS, _MOST_PLANES = 10, 4  # beyond the one, and up to the other, lags are the faster way
_PASSES = 3  # over the residuals, each of which makes the weights more exact
_SETTLED = 1e-3  # of the squares: a pass that gains less is the last
_ROUNDING, _UNSEEN = 1e-14, 0.01  # of the sums; of a weight's error, below which it is nothing
# Rounding to whole numbers leaves a mean square of 1/12. It is not quite noise: where an image is
# smooth it repeats, and weights are off by more than their errors tell.
_ROUNDED, _UNEVEN = 0.05, 2.5e-3  # the mean square; of the largest weight
_SAMPLED = 1 << 16
_EXPLAINED = 0.9  # of R squared, below which no kernel is recognized for certain
_LARGEST = 1e100  # of pixels

Examples = Iterable[Example]


def learn_from(
    examples: Examples,
    model: Model,
    descent: Descent | None = None,
    threads: int | None = None,
) -> LearnResult:
    """Learn one kernel from pairs of images, which are gone through several times.

    Raises:
        ConvcliError: as :func:`convcli.learn_kernel`.
    """
    model.check()
    if descent is not None:
        descent.check()
    fit = _Fit(examples, model, thread_count(threads))
    return fit.learned() if descent is None else fit.descended(descent)


class _Fit:
    """Least squares, from the sums over all pairs."""

    def __init__(self, examples: Examples, model: Model, threads: int) -> None:
        self.examples, self.model, self.threads = examples, model, threads
        self.clipped, self.whole = 0, True
        self.depth: int | None = None
        self.shape: tuple[int, ...] = ()
        self.origin = Origin()
        self.normal = NormalEquations(self._moments(), self.origin, model.with_bias)
        self._check()
        self.weights, self.squares = self._solved()

    def learned(self) -> LearnResult:
        """Return the kernel of least squares."""
        return self._told(self.weights, self.squares)

    def descended(self, settings: Descent) -> LearnResult:
        """Return the kernel that descent reaches."""
        count = self.normal.moments.count
        course = descend(self.normal, self.weights, self.squares / count, settings)
        course = replace(course, kernels=tuple(map(self._shaped, course.kernels)))
        last = self._shaped(course.kernels[-1]).ravel()  # turned back as it slides
        return replace(self._told(last, course.losses[-1] * count), course=course)

    def _moments(self) -> Moments:
        found: Moments | None = None
        for number, example in enumerate(self.examples):
            groups = self._windows(example)
            if not number:
                self.depth = example.depth
                if self.model.with_bias:  # without one, 0 is where both begin
                    self.origin = Origin(_middle(example.before), _middle(example.after))
            for windows in groups:
                self._take_shape(windows)
                self.whole &= windows.target.dtype.kind in "iu"
                self.clipped += _clipped(windows, example.max_value)
                method = window_moments if _by_windows(windows) else lag_moments
                sums = method(windows, self.origin, self.threads)
                found = sums if found is None else found + sums
        if found is None:
            raise UsageError("there is no pair of images to learn from")
        return found

    def _take_shape(self, windows: Windows) -> None:
        """See that the windows have the shape of all others, and not too many weights."""
        shape = (len(windows.planes), *windows.taps)
        if self.shape not in ((), shape):
            raise UsageError("all pairs are to have the same channels")
        self.shape = shape
        if windows.count > MOST_WEIGHTS:
            channels = f" of {shape[0]} channels" if shape[0] > 1 else ""
            raise UsageError(
                f"a kernel {shape[2]}x{shape[1]}{channels} has {windows.count} weights; "
                f"{MOST_WEIGHTS} is the most that are learned"
            )

    def _residuals(self, weights: Floats, bias: float) -> Residuals:
        found = Residuals(np.zeros(len(weights)), 0.0, 0.0)
        for example in self.examples:
            for windows in self._windows(example):
                method = window_residuals if _by_windows(windows) else lag_residuals
                found += method(windows, self.origin, weights, bias, self.threads)
        return found

    def _windows(self, example: Example) -> list[Windows]:
        """Return a pair's windows; a fault is told with the pair's name."""
        with prefix_errors(example.name):
            _check_finite(example)
            return windows_of(example, self.model)

    def _check(self) -> None:
        """See that there is one solution."""
        count, unknown = int(self.normal.moments.count), math.prod(self.shape)
        if count < unknown + self.model.with_bias:
            bias = " and a bias" if self.model.with_bias else ""
            raise UsageError(
                f"{count} windows cannot determine {unknown} weights{bias}: take a larger image "
                "or a smaller kernel"
            )
        self.normal.check()

    def _solved(self) -> tuple[Floats, float]:
        """Return the weights, made exact by what they leave unexplained, and its squares."""
        normal = self.normal
        weights = normal.solve(normal.right)
        squares = normal.unexplained(weights)
        errors = normal.deviations(max(squares, 0.0) / normal.moments.count)
        rounding = _ROUNDING * normal.condition**2
        if squares > rounding * normal.moments.squares and (
            rounding * np.abs(weights).max() < _UNSEEN * errors.min()
        ):
            return weights, squares  # the images' noise is far above that of the sums
        for _ in range(_PASSES):
            left = self._residuals(weights, normal.bias(weights))
            change = normal.correction(left)
            gain = float(change @ normal.matrix @ change)
            weights = weights + change
            squares = max(left.squares - gain, 0.0)
            if gain <= _SETTLED * left.squares:
                break
        return weights, squares

    def _told(self, weights: Floats, squares: float) -> LearnResult:
        moments, spread = self.normal.moments, self.normal.moments.spread
        freedom = max(moments.count - len(weights) - self.model.with_bias, 1)
        errors = self.normal.deviations(squares / freedom)
        error, shaped = float(errors.max()), self._shaped(weights)
        rounded = self.whole and squares > _ROUNDED * moments.count
        doubt = max(error, _UNEVEN * float(np.abs(shaped).max())) if rounded else error
        learned = LearnResult(
            weights=shaped,
            bias=self._bias(weights),
            errors=self._shaped(errors),
            bias_error=self._bias_error(squares / freedom),
            windows=int(moments.count),
            clipped=self.clipped,
            residual=math.sqrt(squares / moments.count),
            r_squared=1 - squares / spread if spread else None,
            condition=self.normal.condition,
            match=None,
            rational=rational(shaped, error),
            depth=self.depth,
        )
        if shaped.ndim > 2:  # kernels over channels have no names
            return learned
        match = recognize(shaped, learned.bias / learned.level, doubt)
        explained = 1.0 if learned.r_squared is None else learned.r_squared
        if match is not None and explained < _EXPLAINED:
            match = match._replace(certain=False)  # it fits, but AFTER is not of its making alone
        return replace(learned, match=match)

    def _bias(self, weights: Floats) -> float:
        if not self.model.with_bias:
            return 0.0
        shift = self.origin.after - self.origin.before * float(weights.sum())
        return self.normal.bias(weights) + shift

    def _bias_error(self, variance: float) -> float:
        if not self.model.with_bias:
            return 0.0
        means = self.normal.moments.sums / self.normal.moments.count + self.origin.before
        own = 1 / self.normal.moments.count
        return math.sqrt(variance * (own + float(means @ self.normal.solve(means))))

    def _shaped(self, values: Floats) -> Floats:
        """Return a kernel as its operation takes it, (kh, kw) or (C, kh, kw)."""
        shaped = values.reshape(self.shape if self.shape[0] > 1 else self.shape[1:])
        return shaped[..., ::-1, ::-1] if self.model.operation == "convolve" else shaped


def _by_windows(windows: Windows) -> bool:
    """Tell whether a matrix of windows is the faster way, or the only one."""
    dense = windows.stride == windows.dilation == (1, 1) and windows.kept is None
    return not dense or windows.count <= _FEW_TAPS or len(windows.planes) > _MOST_PLANES


def _middle(image: NDArray[Any]) -> float:
    """Return about the mean; a whole number where the pixels are."""
    step = math.isqrt(max(image.size // _SAMPLED, 1))
    mean = float(image[::step, ::step].mean(dtype=np.float64))
    return mean if image.dtype.kind == "f" else float(round(mean))


def _clipped(windows: Windows, max_value: int | None) -> int:
    target = windows.target
    if max_value is None or windows.kept is not None:
        return 0
    return int(np.count_nonzero(target == 0) + np.count_nonzero(target == max_value))


def _check_finite(example: Example) -> None:
    for name, image in (("BEFORE", example.before), ("AFTER", example.after)):
        if image.dtype.kind == "f" and not np.isfinite(image).all():
            raise UsageError(f"{name} holds NaN or infinity, and no kernel can be learned from it")
        if image.dtype == np.float64 and max(-image.min(), image.max()) > _LARGEST:
            raise UsageError(
                f"{name} holds numbers beyond {_LARGEST:g}, whose sums of squares overflow: "
                "scale both images down"
            )
