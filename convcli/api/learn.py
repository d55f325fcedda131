"""``learn_kernel`` and ``learn_bank``: kernels from images before and after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convcli.api.arguments import check_word, fill_value, in_arguments, row_padding, row_size
from convcli.choices import AnyBorder, Operation, ThroughName
from convcli.core.dtypes import as_flag
from convcli.errors import UsageError
from convcli.geometry import IntOrPair, as_pair
from convcli.images.given import as_images
from convcli.teaching.learn.bank import learn_each, split_maps
from convcli.teaching.learn.descent import Descent
from convcli.teaching.learn.fit import learn_from
from convcli.teaching.learn.windows import Model, pair_arrays

if TYPE_CHECKING:
    from convcli.api.parameters import Number, PaddingLike
    from convcli.images.given import Image
    from convcli.teaching.learn.bank import BankResult
    from convcli.teaching.learn.descent import Descent
    from convcli.teaching.learn.result import LearnResult
    from convcli.teaching.learn.windows import Model


def learn_kernel(
    before: Image | Sequence[Image],
    after: Image | Sequence[Image],
    size: IntOrPair = 3,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike | None = None,
    border: AnyBorder | None = None,
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.0,
    seed: int = 0,
    through: ThroughName | None = None,
    threads: int | None = None,
) -> LearnResult:
    """Learn the kernel and the bias that turn one image into another.

    Solves ``after[r, c] = sum(kernel[i, j] * padded[r*s + i*d, c*s + j*d]) + bias`` by least
    squares over all windows, through the normal equations.

    Args:
        before: (H, W) or (H, W, C) real numbers: an array, nested lists, or a PIL image without
            alpha; or a list of such images; or a signal (W,), for which the kernel has one row.
        after: the filtered image, or a list of them. With as many channels as ``before``, every
            channel has the same kernel; with one, a (C, kh, kw) kernel sums over the channels.
        size: of the kernel, one number or (rows, columns).
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        padding: as for :func:`cross_correlate`; None to infer ``same``, ``valid`` or ``full`` from
            the sizes.
        border: as for :func:`cross_correlate`; None to use only windows inside the image.
        fill, stride, dilation: as for :func:`cross_correlate`.
        bias: whether to fit a bias.
        ignore_clipped: whether to ignore black and white pixels of ``after`` (uint8, uint16).
        descent: whether to use gradient descent from random weights instead of least squares.
        rate: learning rate, for pixels scaled to variance 1 (without a bias: to mean square 1);
            None for one that converges. This and the next four need ``descent``.
        epochs: number of steps of descent.
        momentum: share of each step that is added to the next. With 0, and no ``rate``, the loss
            falls at every epoch; with 0.9 it rises at times and often ends lower.
        seed: of the random start.
        through: ``relu`` to take the loss after ReLU, ``mean((relu(sum) - after)**2)``, where
            ``after`` is what ReLU left of a map; None for none. A filter that ReLU passes nowhere
            is dead and learns nothing: ``history.dead`` is the epoch from which on it is.
        threads: use at most this many; the result does not depend on it.

    Returns:
        The learned ``weights``, float64 (kh, kw) or (C, kh, kw), as ``operation`` takes them; the
        ``bias`` in the units of ``after`` (0 unless fitted); the standard errors of both; the
        ``residual`` in the same units; and ``match``, the nearest known kernel.

    Raises:
        GeometryError: no padding relates the sizes of the two images.
        UsageError: the images do not determine the kernel, or an argument is wrong.

    >>> import numpy as np
    >>> from convcli import cross_correlate
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> learned = learn_kernel(image, cross_correlate(image, [[1, 2, 1]]) + 5, (1, 3))
    >>> learned.weights.round(6).tolist(), round(learned.bias, 6)
    ([[1.0, 2.0, 1.0]], 5.0)
    """
    before_images, after_images = as_images(before, "before"), as_images(after, "after")
    if all(image.ndim == 1 for image in (*before_images, *after_images)):
        before_images, after_images = (
            [image[None] for image in images] for images in (before_images, after_images)
        )
        size, padding = _of_signal(size, padding)
    model, settings = _learning(
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped, descent,
        (rate, epochs, momentum, seed, through),
    )  # fmt: skip
    with in_arguments():
        return learn_from(pair_arrays(before_images, after_images), model, settings, threads)


def learn_bank(
    before: Image | Sequence[Image],
    after: Image | Sequence[Image],
    size: IntOrPair = 3,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike | None = None,
    border: AnyBorder | None = None,
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    bias: bool = True,
    ignore_clipped: bool = False,
    descent: bool = False,
    rate: float | None = None,
    epochs: int = 200,
    momentum: float = 0.0,
    seed: int = 0,
    through: ThroughName | None = None,
    threads: int | None = None,
) -> BankResult:
    """Learn a filter bank: one kernel and one bias for each map that an image was turned into.

    Each filter is learned on its own, as :func:`learn_kernel` learns a kernel.

    Args:
        before: (H, W) or (H, W, C), as for :func:`learn_kernel`; or a list of such images; or a
            signal (W,), for which the kernels have one row.
        after: (H', W', N), the maps of ``before``, or a list with those of each image; (W', N) for
            a signal. For one image also a list of its maps, with one channel or with as many as
            the image.
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped: as for
            :func:`learn_kernel`.
        descent, rate, epochs, momentum: likewise.
        seed: of the random start of the first filter; that of each further one is higher by 1.
        through: as for :func:`learn_kernel`.
        threads: use at most this many; the result does not depend on it.

    Returns:
        A :class:`BankResult`: the ``weights``, float64 (N, C, kh, kw) as torch and ONNX have them,
        the ``bias`` (N,), and ``filters``, which has a :class:`LearnResult` for each.

    Raises:
        GeometryError: no padding relates the sizes of the images.
        UsageError: the images do not determine the kernels, or an argument is wrong.

    >>> import numpy as np
    >>> from convcli import cross_correlate
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> bank = np.array([[[[1, 2, 1]]], [[[0, 0, -3]]]])
    >>> learned = learn_bank(image, cross_correlate(image, bank), (1, 3))
    >>> (learned.weights.round(6) + 0.0).tolist()
    [[[[1.0, 2.0, 1.0]]], [[[0.0, 0.0, -3.0]]]]
    """
    before_images, after_images = as_images(before, "before"), as_images(after, "after")
    if all(image.ndim == 1 for image in before_images):
        before_images, after_images = (
            [image[None] for image in images] for images in (before_images, after_images)
        )
        size, padding = _of_signal(size, padding)
    model, settings = _learning(
        size, operation, padding, border, fill, stride, dilation, bias, ignore_clipped, descent,
        (rate, epochs, momentum, seed, through),
    )  # fmt: skip
    with in_arguments():
        if len(before_images) == 1 < len(after_images):
            each: list[Any] = [pair_arrays(before_images, [image]) for image in after_images]
        else:
            each = split_maps(pair_arrays(before_images, after_images))
        return learn_each(each, model, settings, threads)


def _of_signal(size: Any, padding: Any) -> tuple[Any, Any]:
    """Return the size of a signal's kernel and its padding as those of an image of one row."""
    return row_size(size), None if padding is None else row_padding(padding)


def _learning(
    size: Any,
    operation: Any,
    padding: Any,
    border: Any,
    fill: Any,
    stride: Any,
    dilation: Any,
    bias: Any,
    ignore_clipped: Any,
    descent: Any,
    steps: tuple[Any, Any, Any, Any, Any],
) -> tuple[Model, Descent | None]:
    """Return how the second image was made, and the settings of a descent.

    Raises:
        UsageError: an argument is wrong.
    """
    check_word(operation, "operation")
    fill = fill_value(fill, "none" if border is None else border)
    taps = as_pair(size, "kernel size", least=1)
    with_bias, unclipped = as_flag(bias, "bias"), as_flag(ignore_clipped, "ignore_clipped")
    model = Model(taps, operation, padding, border, fill, stride, dilation, with_bias, unclipped)
    settings = Descent(*steps)
    settings.check()
    wanted = as_flag(descent, "descent")
    if not wanted and settings != Descent():
        changed = (n for n in Descent._fields if getattr(settings, n) != getattr(Descent(), n))
        raise UsageError(f"{next(changed)} needs descent=True; give both")
    return model, settings if wanted else None
