"""Factor a separable kernel, one of rank 1, into a column and a row."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FACTOR_TOLERANCE = 1e-14  # relative error allowed in each weight of a factored float kernel


def rank_one_factors(
    kernel: NDArray[Any], tolerance: float = FACTOR_TOLERANCE
) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Factor a (kh, kw) kernel of rank 1 into a column and a row.

    Returns:
        ``column`` (kh,) and ``row`` (kw,) whose outer product is the kernel, or None. An integer
        kernel gives integers and an exact product; a float kernel, a product within
        ``tolerance`` of every weight, relative to it.

    >>> [factor.tolist() for factor in rank_one_factors(np.array([[2, 4], [-3, -6]]))]
    [[2, -3], [1, 2]]
    """
    # Four weights tell of most kernels that they are not, in a tenth of the time.
    if min(kernel.shape) > 1:
        (a, b), (c, d) = kernel[:2, :2].tolist()
        allowed = 0 if kernel.dtype.kind == "i" else 8 * max(tolerance, FACTOR_TOLERANCE)
        if abs(a * d - b * c) > allowed * max(abs(a * d), abs(b * c)):
            return None
    if not kernel.any():
        return None
    if kernel.dtype.kind == "i":
        weights: list[int] = kernel[int(np.argmax(kernel.any(axis=1)))].tolist()
        divisor = math.gcd(*weights)
        row = np.array([weight // divisor for weight in weights])
        place = int(np.argmax(row != 0))
        column = kernel[:, place] // row[place]
        # Beyond 64 bits the outer product would wrap.
        fits = int(np.abs(column).max()) * int(np.abs(row).max()) < 2**63
        return (column, row) if fits and np.array_equal(np.outer(column, row), kernel) else None
    i, j = divmod(int(np.abs(kernel).argmax()), kernel.shape[1])
    column, row = kernel[:, j], kernel[i] / kernel[i, j]
    # A weight of 0 must stay 0, so the error is relative to each weight.
    close = np.abs(np.outer(column, row) - kernel) <= tolerance * np.abs(kernel)
    return (column, row) if close.all() else None
