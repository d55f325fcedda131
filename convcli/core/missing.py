"""Missing pixels: which they are, and the values of windows that hold some.

With weights of one sign, the sum over the valid pixels is scaled by ``sum(w) / sum(valid w)``: a
mean stays a mean, as in astropy's ``convolve``. Weights of both signs are differences, which
scaling would spoil; there a missing pixel takes the value at the anchor, as if nothing changed.

Both come from ordinary sums: of the pixels with 0 in place of the missing ones, and of the mask.
They are exact where the weights and the pixels are integers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.combine import COMBINERS
from convcli.core.correlate import (
    KernelNumbers,
    check_equal_shapes,
    checked_dtype,
    empty_map,
    rows_of,
    run,
)
from convcli.core.dtypes import DOUBLE, SINGLE, as_numbers, saturate, with_channels
from convcli.core.padding import PaddedImage, can_hold, sample_at_anchors
from convcli.core.plan import Plan, make_plan
from convcli.errors import UsageError
from convcli.geometry import ConvOptions, size_text

ROUNDING = 1e-9  # relative; sums of fractional weights that differ by less are equal


class Missing(NamedTuple):
    """Which pixels of an image are missing, and how many of them a result bears.

    Attributes:
        nan: whether those that are NaN are.
        mask: (H, W), or (H, W, C) for each channel: those that are not 0 here are.
        min_valid: the least share of the magnitude of the weights, 0 to 1, that must lie on valid
            pixels; it is always more than 0.
        nodata: the number that stands for a missing pixel, or channel of one; NaN is one, too.
            None for none. Pixels of a type that does not hold it are valid.
    """

    nan: bool = False
    mask: NDArray[Any] | None = None
    min_valid: float = 0
    nodata: float | None = None

    def of_channels(self, channels: slice) -> Missing:
        """Return the same for some channels of the image."""
        if self.mask is None or self.mask.ndim == 2:
            return self
        return self._replace(mask=self.mask[..., channels])

    def of(self, pixels: NDArray[Any]) -> NDArray[np.bool]:
        """Return where pixels are missing: (H, W), or (H, W, C) if the channels differ.

        Args:
            pixels: (H, W) or (H, W, C).

        Raises:
            UsageError: the mask is not of the image's size.

        >>> Missing(mask=np.array([[0, 9]])).of(np.array([[1, 1]])).tolist()
        [[False, True]]
        >>> Missing(nodata=7).of(np.array([[7, 1]], np.uint8)).tolist()
        [[True, False]]
        """
        found = [] if self.mask is None else [_fitted(self.mask, pixels)]
        is_nan = self.nan or (self.nodata is not None and math.isnan(self.nodata))
        if is_nan and pixels.dtype.kind == "f":
            found.append(np.isnan(pixels))
        if self.nodata is not None and can_hold(pixels.dtype, self.nodata):
            found.append(pixels == pixels.dtype.type(self.nodata))
        if not found:
            return np.zeros(pixels.shape[:2], np.bool)
        first, *others = found
        for other in others:
            first = _with_channels_of(first, other) | other
        return first


def count_missing(where: NDArray[np.bool]) -> int:
    """Return how many pixels are missing, (H, W) or (H, W, C), in one channel at least.

    >>> count_missing(np.array([[[True, True], [False, False], [False, True]]]))
    2
    """
    return int(np.count_nonzero(where.any(axis=tuple(range(2, where.ndim)))))


def _fitted(mask: NDArray[Any], pixels: NDArray[Any]) -> NDArray[np.bool]:
    """Return a mask as (H, W) or, for each channel, (H, W, C)."""
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if 1 in mask.shape and 1 in pixels.shape[:2] and mask.size == math.prod(pixels.shape[:2]):
        mask = mask.reshape(pixels.shape[:2])  # a signal is a row or a column
    if mask.shape[:2] != pixels.shape[:2]:
        sizes = size_text(mask.shape), size_text(pixels.shape)
        raise UsageError(f"the mask is {sizes[0]}, but the image is {sizes[1]}; make them equal")
    if mask.ndim == 3 and mask.shape != pixels.shape:
        channels = pixels.shape[2] if pixels.ndim == 3 else 1
        raise UsageError(
            f"the mask has {mask.shape[2]} channels, but the image has {channels}; "
            "give a mask of one channel"
        )
    return np.asarray(mask != 0)


class PartialSums:
    """The sums of one kernel over the valid pixels of an image, and what makes values of them.

    The mask is summed strip by strip, as the pixels are: maps of its sums would take ten times as
    long as all sums, for their memory.

    Attributes:
        plan: of the sums over ``pixels``, not divided and without bias.
        result: type of the finished values: floating point, since a value may be NaN.
    """

    def __init__(
        self,
        pixels: NDArray[Any],
        missing: NDArray[np.bool],
        kernel: KernelNumbers,
        options: ConvOptions,
        min_valid: float = 0,
        method: str = "auto",
    ) -> None:
        """Plan the sums.

        Args:
            pixels: (H, W) or (H, W, C), with 0 where they are missing; must not change.
            missing: as :meth:`Missing.of` returns it.
            kernel: its weights, divisor and bias.
            options, method: as for :func:`convcli.core.correlate.feature_map`.
            min_valid: as :class:`Missing` has it.

        Raises:
            ConvcliError: as :func:`convcli.core.plan.make_plan`.
        """
        matrix, divisor, bias = kernel
        given = make_plan(pixels, matrix, options, divisor, bias, method)
        self.result = np.result_type(given.types.result, SINGLE)
        self.divisor, self.bias = float(divisor), np.asarray(bias, DOUBLE)
        weights = as_numbers(matrix, "kernel")
        self.weights_ndim = weights.ndim
        self.plan = _plan(pixels, weights, options, method)
        count = len(weights) if weights.ndim == 4 else 1
        filters = weights.astype(DOUBLE).reshape(*[count] * (weights.ndim == 4), -1)
        self.total = np.abs(filters).sum(axis=-1)
        self.least = min_valid * (1 - ROUNDING) * self.total
        self.is_signed = (filters > 0).any(axis=-1) & (filters < 0).any(axis=-1)
        self.valid: _MaskSums | None = None
        if not missing.any():
            return
        planes = missing
        if weights.ndim > 2 and pixels.ndim == 3:
            planes = np.broadcast_to(_with_channels_of(missing, pixels), pixels.shape)
        # Padding of a fixed value is valid; padding that repeats pixels is missing where they are.
        is_filled, fill = self.plan.border in ("zero", "constant"), self.plan.fill
        around = options._replace(border="constant", fill=1) if is_filled else options
        self.valid = _MaskSums.of(~planes, np.abs(weights), around)
        if not self.is_signed.any():
            return
        self.pixels = pixels if pixels.dtype.kind == "f" or not fill else pixels.astype(DOUBLE)
        self.missing = planes
        none = options._replace(border="zero", fill=0) if is_filled else options
        channels = [(planes, weights)]
        if weights.ndim > 2:
            every = planes.reshape(*planes.shape[:2], -1)
            # A bank keeps its axis of channels, whose maps then have one axis more.
            channels = [
                (every[..., each], weights[each] if weights.ndim == 3 else weights[:, [each]])
                for each in range(every.shape[2])
            ]
        self.lost = [_MaskSums.of(*channel, none) for channel in channels]
        axes = (1, 2, 3) if weights.ndim == 4 else None
        self.is_weighed = [own.any(axis=axes) for _, own in channels]

    def _added(self, rows: slice) -> tuple[NDArray[Any], NDArray[np.bool]]:
        """Return what missing pixels add that take the anchor's value, and where it is known."""
        geometry, border = self.plan.geometry, self.plan.border
        values = sample_at_anchors(self.pixels, geometry, border, self.plan.fill, rows)
        known = ~sample_at_anchors(self.missing, geometry, border, rows=rows)
        if self.weights_ndim == 2:
            return _with_channels_of(self.lost[0].of_rows(rows), values) * values, known
        values, known = (each.reshape(*each.shape[:2], -1) for each in (values, known))
        added: Any = 0
        is_known: Any = True
        for channel, lost in enumerate(self.lost):
            place = [channel] if self.weights_ndim == 4 else channel
            added = added + lost.of_rows(rows) * values[..., place]
            is_known = is_known & (known[..., place] | ~self.is_weighed[channel])
        return added, is_known

    def values(self, sums: NDArray[Any], rows: slice) -> NDArray[Any]:
        """Return the values of some rows of the map, in float64, from their sums."""
        values = sums.astype(DOUBLE)
        with np.errstate(all="ignore"):
            if self.valid is not None:
                self._complete(values, self.valid.of_rows(rows), rows)
            values /= self.divisor
            values += self.bias
        return values

    def _complete(self, values: NDArray[Any], share: NDArray[Any], rows: slice) -> None:
        """Turn sums over valid pixels into those over all; into NaN where too few are valid.

        Args:
            values: the sums, which are changed.
            share: the weight on valid pixels.
            rows: of the map.
        """
        if not self.total.all():  # weights of 0 give 0, whatever is missing
            share = np.where(self.total > 0, share, 1)
        is_valid = (share > 0) & (share >= self.least)
        added: Any = 0
        if self.is_signed.any():
            added, known = self._added(rows)
            # Where no missing pixel is weighed, not even an infinite anchor counts.
            is_whole = _with_channels_of(share >= self.total * (1 - ROUNDING), added)
            added = np.where(self.is_signed & ~is_whole, added, 0)
            is_valid &= known | ~self.is_signed
            share = np.where(self.is_signed, self.total, share)
        share = np.where(is_valid, share, np.nan)
        values *= self.total
        values /= _with_channels_of(share, values)
        values += added


class _MaskSums(NamedTuple):
    """The sums of weights over a mask, strip by strip."""

    plan: Plan
    planes: PaddedImage

    @classmethod
    def of(cls, mask: NDArray[np.bool], weights: NDArray[Any], options: ConvOptions) -> _MaskSums:
        """Plan to sum the weights where a mask, (H, W) or (H, W, C), is set."""
        plan = _plan(mask, weights, options, "auto")
        return cls(plan, PaddedImage(with_channels(mask), plan.padded_rows))

    def of_rows(self, rows: slice) -> NDArray[Any]:
        """Return the sums of some rows of the map, in float64."""
        return rows_of(self.plan, self.planes, rows).astype(DOUBLE)


def _with_channels_of(planes: NDArray[Any], pixels: NDArray[Any]) -> NDArray[Any]:
    """Return (H, W) planes of an image with channels as (H, W, 1)."""
    return planes[..., np.newaxis] if planes.ndim < pixels.ndim else planes


def _plan(pixels: NDArray[Any], weights: NDArray[Any], options: ConvOptions, method: str) -> Plan:
    """Plan sums that are exact, or good to the last digits of the smallest ones.

    The error of an FFT is relative to the largest sum, and a window may have few valid pixels.
    """
    plan = make_plan(pixels, weights, options, method=method, floats=DOUBLE)
    if method == "auto" and plan.method == "fft" and not plan.types.is_exact:
        plan = make_plan(pixels, weights, options, method="direct", floats=DOUBLE)
    return plan


def without(pixels: NDArray[Any], missing: NDArray[np.bool]) -> NDArray[Any]:
    """Return the pixels with 0 in place of the missing ones; the same array if there are none."""
    if not missing.any():
        return pixels
    return np.where(_with_channels_of(missing, pixels), pixels.dtype.type(0), pixels)


def with_nan(pixels: NDArray[Any], missing: NDArray[np.bool]) -> NDArray[Any]:
    """Return the pixels as floats, with NaN in place of the missing ones.

    >>> with_nan(np.array([[3, 4]]), np.array([[False, True]])).tolist()
    [[3.0, nan]]
    """
    return np.where(_with_channels_of(missing, pixels), np.nan, pixels)


@np.errstate(all="ignore")
def partial_map(
    image: NDArray[Any],
    missing: Missing,
    kernels: Sequence[KernelNumbers],
    combine: str | None,
    options: ConvOptions,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
) -> NDArray[Any]:
    """Filter an image with missing pixels.

    Args:
        image: (H, W) or (H, W, C).
        missing: which are.
        kernels: one, or several whose maps are combined.
        combine: one of :data:`convcli.choices.VALUE_COMBINATIONS`; None for one kernel.
        options, dtype, method, threads: as for :func:`convcli.core.correlate.feature_map`.

    Returns:
        The feature map, of floating-point numbers unless ``dtype`` says otherwise. NaN marks values
        of windows with too few valid pixels; as an integer it becomes 0.

    Raises:
        ConvcliError: as :func:`convcli.core.correlate.combined_map`.
    """
    requested, _ = checked_dtype(dtype)
    where = missing.of(image)
    pixels = without(image, where)
    parts = [
        PartialSums(pixels, where, kernel, options, missing.min_valid, method) for kernel in kernels
    ]
    check_equal_shapes(part.plan.shape for part in parts)
    kind = np.result_type(*(part.result for part in parts))
    out = empty_map(parts[0].plan.shape, requested or kind)

    def store(rows: slice, blocks: list[NDArray[Any]]) -> None:
        values = [part.values(block, rows) for part, block in zip(parts, blocks, strict=True)]
        saturate(COMBINERS[combine](values) if combine else values[0], out[rows], overwrite=True)

    run([part.plan for part in parts], pixels, store, threads)
    return out
