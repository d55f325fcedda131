"""``output_size`` and ``receptive_field``: integers alone, numpy is not loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, SupportsIndex, overload

from convcli.choices import PaddingRule
from convcli.geometry import (
    IntOrPair,
    Ints,
    Pair,
    ReceptiveField,
    as_pair,
    conv_geometry,
    receptive_fields,
)

if TYPE_CHECKING:
    from numpy import integer

    from convcli.api.parameters import PaddingLike


@overload
def output_size(
    size: int | integer[Any],
    kernel: SupportsIndex,
    padding: SupportsIndex | PaddingRule = 0,
    stride: SupportsIndex = 1,
    dilation: SupportsIndex = 1,
) -> int: ...


@overload
def output_size(
    size: Ints,
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> Pair: ...


@overload
def output_size(
    size: int | integer[Any],
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> int | Pair: ...


def output_size(
    size: IntOrPair,
    kernel: IntOrPair,
    padding: PaddingLike = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
) -> int | Pair:
    """Return the size of a feature map, ``floor((n + 2p - d(k-1) - 1)/s) + 1`` on each axis.

    The formula is from Dumoulin and Visin, *A guide to convolution arithmetic for deep learning*
    (2016), section 5.1.

    Args:
        size: of the input, one number or (rows, columns).
        kernel: size of the kernel, one number or (rows, columns).
        padding, stride, dilation: as for :func:`cross_correlate`.

    Returns:
        An integer for an integer ``size``, if both axes agree; else (rows, columns).

    Raises:
        GeometryError: a number is out of range, or the kernel exceeds the padded input.

    >>> output_size(5, 3)
    3
    >>> output_size((224, 448), 3, padding="same", stride=2)
    (112, 224)
    """
    shape = as_pair(size, "size", least=1)
    window = as_pair(kernel, "kernel size", least=1)
    rows, columns = conv_geometry(shape, window, padding, stride, dilation).output_shape
    return (rows, columns) if hasattr(size, "__len__") or rows != columns else rows


def receptive_field(layers: Iterable[Ints]) -> ReceptiveField:
    """Return the receptive field of a chain of layers, along one axis.

    The recurrence is from Araujo, Norris and Sim, *Computing receptive fields of convolutional
    neural networks* (Distill, 2019).

    Args:
        layers: first layer first, each as ``(kernel,)``, ``(kernel, stride)``,
            ``(kernel, stride, padding)`` or ``(kernel, stride, padding, dilation)``; the padding
            is that before the first pixel.

    Returns:
        ``size``, the pixels that one output sees; ``jump``, the distance between the fields of two
        neighbors; ``start``, the first pixel of the first field, negative in the padding.

    Raises:
        GeometryError: a kernel, stride or dilation is below 1, or a padding is negative.

    >>> receptive_field([(7, 2, 3), (3, 2, 1)])
    ReceptiveField(size=11, jump=4, start=-5)
    """
    return [ReceptiveField(), *receptive_fields(layers)][-1]
