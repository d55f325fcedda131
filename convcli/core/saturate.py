"""Store numbers in a narrower type without wrapping."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def saturate(values: NDArray[Any], out: NDArray[Any], *, overwrite: bool = False) -> None:
    """Store ``values`` in ``out``, an array of the same shape and any integer or float type.

    Into an integer type, fractions are rounded half to even, what lies outside its range becomes
    its nearest end, and NaN becomes 0. Into a floating-point type it is a plain conversion. With
    ``overwrite``, ``values`` may be spoilt, which saves a copy.

    >>> pixels = np.empty(4, np.uint8)
    >>> saturate(np.array([-3.0, 2.5, 300.0, np.nan]), pixels)
    >>> pixels.tolist()
    [0, 2, 255, 0]
    """
    if out.dtype.kind == "f":
        out[...] = values
        return
    bounds = np.iinfo(out.dtype)
    if values.dtype == np.float16:  # holds few integers' ends
        values = values.astype(np.float32)
    if values.dtype.kind == "f":
        least, greatest = _float_bounds(bounds, values.dtype)
        whole = np.rint(values, out=values if overwrite else None)
        if np.isnan(whole.min()):
            whole[np.isnan(whole)] = 0
        np.clip(whole, least, greatest, out=out, casting="unsafe")
        if greatest < bounds.max:
            out[whole > greatest] = bounds.max
        return
    held = np.iinfo(values.dtype)
    if held.min >= bounds.min and held.max <= bounds.max:
        out[...] = values
        return
    np.clip(values, max(bounds.min, held.min), min(bounds.max, held.max), out=out, casting="unsafe")


def _float_bounds(bounds: Any, kind: np.dtype[Any]) -> tuple[float, float]:
    """Return the ends of an integer range, moved inwards to numbers that the float type holds."""
    ends = kind.type(bounds.min), kind.type(bounds.max)
    greatest = ends[1] if int(ends[1]) <= bounds.max else np.nextafter(ends[1], kind.type(0))
    return float(ends[0]), float(greatest)
