"""A plan as a user reads it: what a convolution will do, at what cost, how exactly, and why."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from convcli.core.dtypes import DOUBLE
from convcli.core.plan import Plan


class PlanSummary(NamedTuple):
    """How :func:`convcli.cross_correlate` filters an image. ``print`` shows it as a table.

    Attributes:
        image_shape: of the image, as it was given.
        dtype: of the image.
        kernel_shape: (kh, kw), (C, kh, kw) or (N, C, kh, kw); without kh for a signal.
        padded_shape: (rows, columns) with the padding; one number for a signal.
        output_shape: of the feature map.
        sum_type: of the sums.
        output_dtype: of the feature map.
        method: that sums the windows.
        cost: estimated nanoseconds for each output value, on one processor.
        error_bound: of rounding; 0 for exact integers, else relative to the largest output, or,
            where ``sum_type`` is float64, to the largest sum of magnitudes.
        why: why this method, and what happens where it is not accurate.
    """

    image_shape: tuple[int, ...]
    dtype: np.dtype[Any]
    kernel_shape: tuple[int, ...]
    padded_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    sum_type: np.dtype[Any]
    output_dtype: np.dtype[Any]
    method: str
    cost: float
    error_bound: float
    why: str

    def __str__(self) -> str:
        """Return the table, one line for each question."""
        values = int(np.prod(self.output_shape, dtype=object))
        total = values * self.cost * 1e-6
        relative = "largest sum of magnitudes" if self.sum_type == DOUBLE else "largest output"
        error = f"at most {self.error_bound:.1g} of the {relative}"
        rows = {
            "image": f"{self.image_shape} {self.dtype}, padded to {self.padded_shape}",
            "kernel": f"{self.kernel_shape}",
            "output": f"{self.output_shape} {self.output_dtype}",
            "sums": f"{self.sum_type}",
            "method": f"{self.method}",
            "cost": f"{self.cost:.3g} ns a value, {total:.3g} ms on one processor",
            "error": error if self.error_bound else "none: integers are exact",
            "why": self.why,
        }
        return "\n".join(f"{name:<8}{text}" for name, text in rows.items())


def summarize(
    plan: Plan, image_shape: tuple[int, ...], dtype: np.dtype[Any], kernel_shape: tuple[int, ...]
) -> PlanSummary:
    """Return the summary of a plan.

    Args:
        plan: for an image; for a signal, a plan for an image of one row.
        image_shape: (H, W), (H, W, C), or (W,) for a signal, whose row no other shape shows.
        dtype: of the image.
        kernel_shape: (kh, kw), (C, kh, kw) or (N, C, kh, kw).
    """
    padded_shape: tuple[int, ...] = plan.geometry.padded_shape
    output_shape = plan.shape
    if len(image_shape) == 1:
        kernel_shape = kernel_shape[:-2] + kernel_shape[-1:]
        padded_shape, output_shape = padded_shape[1:], output_shape[1:]
    return PlanSummary(
        image_shape,
        dtype,
        kernel_shape,
        padded_shape,
        output_shape,
        plan.types.accumulator,
        plan.types.result,
        plan.method,
        plan.costs[plan.method],
        plan.error_bound,
        plan.why,
    )
