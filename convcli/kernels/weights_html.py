"""A kernel's weights as HTML for a notebook."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import count_text
from convcli.geometry import size_text
from convcli.html import html_beside, html_grid, html_line
from convcli.kernels.planes import plane_names

MOST_ROWS = 15  # rows and columns of a matrix that is shown whole
MIDDLE = 7  # rows and columns of a larger one
MOST_PLANES = 8
DIGITS = 4  # significant digits of the largest weight


def weights_html(matrix: NDArray[Any]) -> str:
    """Return a grid for each plane of a (kh, kw), (C, kh, kw) or (N, C, kh, kw) matrix.

    Of a large kernel the middle is shown, and of many planes the first; a line says so.
    """
    rows, columns = matrix.shape[-2:]
    notes = []
    planes = matrix.reshape(-1, rows, columns)
    if max(rows, columns) > MOST_ROWS:
        top, left = max(rows - MIDDLE, 0) // 2, max(columns - MIDDLE, 0) // 2
        planes = planes[:, top : top + MIDDLE, left : left + MIDDLE]
        notes.append(f"the middle {size_text(planes.shape[1:])} of {size_text((rows, columns))}")
    if len(planes) > MOST_PLANES:
        notes.append(f"the first {MOST_PLANES} of {count_text(len(planes), 'plane')}")
    decimals = _decimals(planes)
    grids = [
        html_grid(heading, [[_text(weight, decimals) for weight in row] for row in plane.tolist()])
        for heading, plane in zip(
            plane_names(matrix.shape[:-2]), planes[:MOST_PLANES], strict=False
        )
    ]
    return html_beside(grids) + (html_line(f"({', '.join(notes)})") if notes else "")


def _decimals(weights: NDArray[Any]) -> int | None:
    """Return the decimals of floats that give the largest its digits; None for integers."""
    largest = float(np.abs(weights).max())
    if weights.dtype.kind != "f" or not largest:
        return None
    return DIGITS - 1 - math.floor(math.log10(largest))


def _text(weight: float, decimals: int | None) -> str:
    return str(weight) if decimals is None else f"{round(weight, decimals) + 0.0:.{DIGITS}g}"
