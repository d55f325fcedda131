"""``learn_kernel``: the kernel that turns one image into another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from convcli.errors import UsageError
from convcli.geometry import Padding, Pair
from convcli.teaching.learn.descent import Descent
from convcli.teaching.learn.fit import learn_from
from convcli.teaching.learn.result import LearnResult
from convcli.teaching.learn.windows import Example, Model


def learn_kernel(
    before: ArrayLike | Sequence[ArrayLike],
    after: ArrayLike | Sequence[ArrayLike],
    size: int | Pair = 3,
    *,
    operation: str = "correlate",
    padding: Padding | None = None,
    border: str | None = None,
    fill: float = 0,
    stride: int | Pair = 1,
    dilation: int | Pair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.9,
    seed: int = 0,
    threads: int | None = None,
) -> LearnResult:
    """Learn the kernel, and the bias, that turn one image into another.

    ``after[r, c] = sum(kernel[i, j] * before[r*s + i*d - top, c*s + j*d - left]) + bias`` is
    solved by least squares over all windows, from the sums of their products.

    Args:
        before: (H, W) or (H, W, C), any real numbers; or a list of such images.
        after: what became of it, with as many channels, each made by the same kernel, or with
            one, made of all channels by a (C, kh, kw) kernel; or a list of them.
        size: rows and columns of the kernel, or one number for both.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        padding: as for :func:`convcli.cross_correlate`; None for whichever of ``same``,
            ``valid`` and ``full`` suits the sizes.
        border: what the padding held; None to use only windows that touch no padding.
        fill: the constant border's value.
        stride: step between windows, one number or (rows, columns).
        dilation: distance between taps, one number or (rows, columns).
        bias: whether one is fitted.
        ignore_clipped: leave out the values of ``after`` that are black or white (uint8, uint16).
        descent: learn by gradient descent from random weights, in place of at once.
        rate: of descent, for pixels of mean square 1; None for one that converges.
        epochs: how many steps.
        momentum: the share of each step that is kept for the next.
        seed: of the random start.
        threads: how many at most; the result does not depend on it.

    Returns:
        A record of ``weights``, float64 (kh, kw), or (C, kh, kw) where one channel is made of
        all, as ``operation`` takes them; ``bias``, a float in the units of ``after``, 0 where
        none is fitted; the standard errors of both; ``residual``, in those units too; and
        ``match``, the kernel with a name that it is or comes nearest to.

    Raises:
        GeometryError: no kernel of this size makes the one image's size of the other's.
        UsageError: the images do not determine the kernel, or an argument is wrong.

    >>> from convcli import cross_correlate
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> learned = learn_kernel(image, cross_correlate(image, [[1, 2, 1]]) + 5, (1, 3))
    >>> learned.weights.round(6).tolist(), round(learned.bias, 6)
    ([[1.0, 2.0, 1.0]], 5.0)
    """
    model = Model(
        _pair(size), operation, padding, border, fill, stride, dilation, bias, ignore_clipped
    )
    settings = Descent(rate, epochs, momentum, seed) if descent else None
    return learn_from(_examples(before, after), model, settings, threads)


def _pair(size: int | Pair) -> Pair:
    return (size, size) if isinstance(size, int | np.integer) else size


def _examples(before: Any, after: Any) -> list[Example]:
    """Pair arrays, or lists of arrays, whose first is not a row of numbers."""
    befores, afters = (
        [np.asarray(each) for each in given] if _several(given) else [np.asarray(given)]
        for given in (before, after)
    )
    if len(befores) != len(afters):
        raise UsageError(f"{len(befores)} images before, and {len(afters)} after")
    for image in (*befores, *afters):
        if image.ndim not in (2, 3) or image.dtype.kind not in "buif" or 0 in image.shape:
            raise UsageError(
                f"an image must be (H, W) or (H, W, C) real numbers, not {image.shape} "
                f"{image.dtype}"
            )
    depths = {"uint8": 8, "uint16": 16}
    max_values = {"uint8": 255, "uint16": 65535}
    return [
        Example(one, two, max_values.get(two.dtype.name), depths.get(one.dtype.name))
        for one, two in zip(befores, afters, strict=True)
    ]


def _several(given: Any) -> bool:
    """Tell a list of images from one image written as lists."""
    return isinstance(given, list | tuple) and (not given or np.ndim(given[0]) > 1)
