"""What a learned kernel makes of the image that it was learned from, and its error."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.correlate import feature_map
from convcli.geometry import ConvOptions
from convcli.layers.activations import relu
from convcli.teaching.learn.estimate import Estimate, Floats
from convcli.teaching.learn.windows import Example, Model, padding_of, windows_of


class PairImages(NamedTuple):
    """The images of a pair, and the result of the learned kernel.

    Attributes:
        before, after: (H, W) or (H, W, C).
        made: the result of every window that was learned from, (H', W') or (H', W', C), after ReLU
            if the kernel was learned through it.
        error: the same, less the values of ``after``.
        before_max, after_max: the pixel value that is white; None for plain numbers.
        model: how ``after`` was made, with the padding that the sizes tell.
    """

    before: NDArray[Any]
    after: NDArray[Any]
    made: Floats
    error: Floats
    before_max: int | None
    after_max: int | None
    model: Model


def images_of(learned: Estimate, example: Example, model: Model) -> PairImages:
    """Apply a learned kernel, with its bias, to the windows of a pair."""
    options = ConvOptions(
        padding="valid",
        operation=model.operation,
        stride=model.stride,
        dilation=model.dilation,
    )
    made, errors = [], []
    for windows in windows_of(example, model):
        planes = np.moveaxis(windows.planes, 0, -1)
        image = planes if learned.weights.ndim > 2 else planes[..., 0]
        result = feature_map(image, learned.weights, options, bias=learned.bias, dtype=np.float64)
        result = relu(result) if learned.through == "relu" else result
        made.append(result)
        errors.append(result - windows.target)
    result, error = (
        np.stack(maps, axis=-1) if len(maps) > 1 else maps[0] for maps in (made, errors)
    )
    before_max = None if example.depth is None else 2**example.depth - 1
    model = model._replace(padding=padding_of(example, model))
    return PairImages(
        example.before, example.after, result, error, before_max, example.max_value, model
    )
