"""The explanation of a chain with the digits that are shown: those that ``convcli chain`` prints.

What a layer rounds stays in the layers after it, so the decimals of a layer's values are those of
its whole maps, and of a window those of the layer before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from convcli.core.digits import reliable_decimals, round_number
from convcli.teaching.explain.chain.computation import (
    ActivationStep,
    AddStep,
    BatchNormStep,
    ChainComputation,
    ConvStep,
    InputWindow,
    LayerStep,
    NormalizeStep,
    PoolStep,
    PreprocessStep,
    SoftmaxStep,
)
from convcli.teaching.explain.rounding import as_shown, rounded

C = TypeVar("C", bound=ChainComputation)


def chain_as_shown(chain: C, digits: int | None = None) -> C:
    """Round an explanation to its reliable decimals.

    Args:
        chain: the explanation.
        digits: decimals of every number; None for the reliable ones.
    """
    steps = tuple(step_as_shown(step, digits) for step in chain.steps)
    return replace(chain, steps=steps, value=steps[0].value)


def step_as_shown(step: LayerStep, digits: int | None = None) -> LayerStep:
    """Round one layer's computation; see :func:`chain_as_shown`."""
    own, before = (
        kind if kind.startswith("float") else "float64" for kind in (step.dtype, step.input_dtype)
    )
    decimals = reliable_decimals(step.dtype, step.scale) if digits is None else digits
    window_decimals = digits
    if digits is None and step.input_scale is not None:
        window_decimals = reliable_decimals(step.input_dtype, step.input_scale)

    def window(numbers: InputWindow) -> InputWindow:
        if numbers.values is None:
            return numbers
        grids = tuple(rounded(grid, window_decimals, before) for grid in numbers.values)
        return replace(numbers, values=grids)

    step = replace(
        step, value=round_number(step.value, decimals, own), depends=window(step.depends)
    )
    match step:
        case ConvStep():
            computation = as_shown(
                step.computation,
                digits,
                scale=step.scale,
                window_decimals=window_decimals,
                window_dtype=before,
            )
            return replace(step, computation=computation)
        case PoolStep():
            total = step.sum if step.sum is None else round_number(step.sum, decimals)
            return replace(step, window=window(step.window), sum=total)
        case ActivationStep() | BatchNormStep() | AddStep() | PreprocessStep():
            return replace(step, input=round_number(step.input, window_decimals, before))
        case SoftmaxStep():
            return replace(
                step,
                input=round_number(step.input, window_decimals, before),
                window=window(step.window),
                largest=round_number(step.largest, window_decimals, before),
                sum=round_number(step.sum, decimals),
            )
        case NormalizeStep():
            squares = reliable_decimals(step.dtype, step.scale**2) if digits is None else digits
            return replace(
                step,
                input=round_number(step.input, window_decimals, before),
                mean=round_number(step.mean, decimals),
                variance=round_number(step.variance, squares),
            )
    return step
