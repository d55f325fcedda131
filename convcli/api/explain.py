"""``explain`` and ``explain_gradient``: how the numbers of one convolution come about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from convcli.api.arguments import check_word, conv_options, in_arguments
from convcli.api.given_filter import given_filter
from convcli.api.parameters import documented
from convcli.choices import (
    PERCENTILES,
    ActivationName,
    AnyBorder,
    Combine,
    NanRule,
    Operation,
    Range,
)
from convcli.geometry import IntOrPair
from convcli.images.given import as_image
from convcli.kernels.given import as_filters, as_kernel_set, as_kernels
from convcli.kernels.kernel import Kernel
from convcli.teaching.explain.arithmetic import explain_image
from convcli.teaching.explain.gradient.arithmetic import explain_gradient as explain_filters

if TYPE_CHECKING:
    from convcli.api.parameters import AnyAnchor, Number, PaddingLike
    from convcli.images.given import Image
    from convcli.kernels.given import KernelLike
    from convcli.teaching.explain.explanation import Explanation
    from convcli.teaching.explain.gradient.explanation import GradientExplanation


@documented
def explain(
    image: Image,
    kernel: KernelLike,
    at: IntOrPair,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    activation: ActivationName = "none",
    range: Range = "clip",  # noqa: A002 - its name everywhere
    percentile: Sequence[Number] = PERCENTILES,
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
) -> Explanation:
    """Explain one value of a feature map: window, kernel, products, sum and pixel.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, with a black and a white; other types are
            plain numbers.
        kernel: weights (kh, kw), or (C, kh, kw) summed over the channels; a Kernel; or a SPEC such
            as ``sobel-x``. A SPEC of a family, such as ``sobel``, explains every member and their
            combination.
        at: (row, column) in the feature map; of a signal, the place in it.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum`` or ``mean``; replaces the family's own.
        activation: ``none``, ``relu``, ``leaky-relu`` (slope 0.01), ``sigmoid`` or ``tanh``.
        range: how the value becomes a pixel: ``clip``, ``abs``, ``offset``, ``rescale``,
            ``percentile`` or ``raw``.
        percentile: what range ``percentile`` maps to black and white.
        {missing}

    Returns:
        An :class:`Explanation`. Its ``outputs`` has one item per channel of the feature map, each
        with the windows, weights and products of every kernel, and the ``value``, ``activated``
        and ``pixel`` that come of them.

    Raises:
        GeometryError: the position is outside the feature map, or no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong.

    >>> explanation = explain([[1, 2, 3], [4, 5, 6]], [[1, -1]], (0, 1), padding="valid")
    >>> [output] = explanation.outputs
    >>> output.responses[0].sums[0].products, output.pixel
    (((2, -3),), -1)
    """
    check_word(activation, "activation")
    conv = conv_options(operation, padding, border, fill, stride, dilation, anchor)
    missing = mask, nan, min_valid
    numbers = divisor, bias, combine, range
    with in_arguments():
        given = given_filter(
            image, as_kernel_set(kernel), conv, *numbers, missing=missing, percentile=percentile
        )
        return explain_image(given.image, given.filter, given.place(at), activation)


@documented
def explain_gradient(
    image: Image,
    kernel: KernelLike,
    *,
    target: Image | None = None,
    at: IntOrPair | None = None,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    activation: ActivationName = "none",
) -> GradientExplanation:
    """Explain the gradients of a loss of one convolution, as ``loss.backward()`` computes them.

    With ``y`` the feature map and ``g = dL/dy / divisor``, dL/dw is the cross-correlation of the
    padded image with g, and dL/dx the full convolution of g with the kernel; padding that copies a
    pixel adds to the gradient of this pixel (Goodfellow, Bengio and Courville, *Deep Learning*,
    2016, section 9.5).

    Args:
        image: (H, W) or (H, W, C), or a signal (W,), as for :func:`explain`; finite numbers.
        kernel: weights (kh, kw), (C, kh, kw), or a bank (N, C, kh, kw); a Kernel; a SPEC such as
            ``sobel-x``; or a list of these of one shape, which is a bank. No family that combines
            its maps.
        target: what the output ought to be, in its shape: the loss is the mean of
            ``(output - target)**2``. None for the sum of the output.
        at: (row, column) of the forward value that is worked out; None for the middle of the map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor, bias, activation: as for :func:`explain`.

    Returns:
        A :class:`GradientExplanation`, in float64. Its ``output`` is (H', W'), or (H', W', M) for
        several filters or channels; ``loss`` is a float; ``grad_input``, ``grad_weights`` and
        ``grad_output`` have the shapes of what they belong to; ``grad_bias`` is (N,). ``print``
        shows how one number of each is summed.

    Raises:
        GeometryError: the position is outside the feature map, or no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: the kernels' maps are combined, the target has another shape, or another
            argument is wrong.

    >>> explained = explain_gradient([[1, 2, 4]], [[1, -1]], padding="valid", target=[[0, 0]])
    >>> explained.output.tolist(), explained.loss, explained.grad_output.tolist()
    ([[-1.0, -2.0]], 2.5, [[-1.0, -2.0]])
    >>> explained.grad_weights.tolist(), explained.grad_input.tolist()
    ([[-5.0, -10.0]], [[-1.0, -1.0, 2.0]])
    """
    check_word(activation, "activation")
    conv = conv_options(operation, padding, border, fill, stride, dilation, anchor)
    filters = as_filters(kernel)
    is_array = isinstance(kernel, Kernel) or as_kernels(kernel) is None
    is_bank = is_array and np.ndim(cast("Any", kernel)) == 4
    with in_arguments():
        given = given_filter(image, filters, conv, divisor, bias, None, "raw", several=True)
        wanted = None if target is None else as_image(target, "target")
        if wanted is not None and given.is_signal:
            wanted = wanted[None]
        place = given.place(at)
        return explain_filters(
            given.image, given.filter, place, wanted, activation, is_bank=is_bank
        )
