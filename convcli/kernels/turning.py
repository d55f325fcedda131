"""Turning a kernel: right angles exactly, and the ring of a 3x3 by 45 degrees."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError

# The eight places around the center of a 3x3, clockwise from the upper left.
RING_ROWS = [0, 0, 0, 1, 2, 2, 2, 1]
RING_COLUMNS = [0, 1, 2, 2, 2, 1, 0, 0]


def turn(matrix: NDArray[Any], angle: float) -> NDArray[Any]:
    """Return ``matrix`` turned in its last two axes.

    Args:
        matrix: (..., rows, columns), any dtype.
        angle: degrees, counter-clockwise as seen on the screen; a multiple of 90, or of 45
            where the kernel is 3x3 (each weight of the ring then moves on by one place).

    Raises:
        KernelError: the angle would have to be interpolated.

    >>> turn(np.array([[1, 2, 3], [8, 0, 4], [7, 6, 5]]), 45).tolist()
    [[2, 3, 4], [1, 0, 5], [8, 7, 6]]
    """
    rows, columns = matrix.shape[-2:]
    if angle % 90 == 0:
        return np.rot90(matrix, int(angle % 360) // 90, axes=(-2, -1))
    if angle % 45 == 0 and (rows, columns) == (3, 3):
        turned = matrix.copy()
        ring = matrix[..., RING_ROWS, RING_COLUMNS]
        turned[..., RING_ROWS, RING_COLUMNS] = np.roll(ring, -(int(angle % 360) // 45), axis=-1)
        return turned
    steps = "multiples of 45" if (rows, columns) == (3, 3) else "multiples of 90"
    raise KernelError(
        f"a kernel of {columns}x{rows} fixed weights turns by {steps} degrees, not by {angle:g}"
    )
