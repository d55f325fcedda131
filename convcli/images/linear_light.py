"""sRGB pixels as amounts of light, and back.

A pixel of half the white level stands for a fifth of its light: means of pixels are darker than the
mean of what they show. Source of the curve: IEC 61966-2-1:1999, section 5.2.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

STEEPEST = 12.92  # pixels that a unit of light is, at most: near black


def to_light(pixels: NDArray[Any], max_value: int) -> NDArray[np.float32]:
    """Return the light of pixels, in float32; black is 0 and white ``max_value``, as for pixels.

    >>> to_light(np.array([0, 10, 128, 255], np.uint8), 255).round(2).tolist()
    [0.0, 0.7699999809265137, 55.040000915527344, 255.0]
    """
    return np.take(_table(max_value), pixels)


@lru_cache(maxsize=2)
def _table(max_value: int) -> NDArray[np.float32]:
    return light_of(np.arange(max_value + 1.0), max_value).astype(np.float32)


def light_of(levels: NDArray[Any], max_value: int) -> NDArray[Any]:
    """Return the light of levels, which need not be whole; that of a negative one is negative."""
    shares = np.abs(levels) / max_value
    light: NDArray[Any] = np.where(
        shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4
    )
    light *= max_value
    np.copysign(light, levels, out=light)
    return light


def from_light(light: NDArray[Any], max_value: int) -> NDArray[Any]:
    """Return the levels of light, the inverse of :func:`light_of`: odd, and without an end.

    >>> from_light(np.array([-1.0, 0, 1, 510]), 255).round(2).tolist()
    [-12.71, 0.0, 12.71, 345.08]
    """
    shares = np.abs(light) / max_value
    levels: NDArray[Any] = np.where(
        shares <= 0.0031308, 12.92 * shares, 1.055 * shares ** (1 / 2.4) - 0.055
    )
    levels *= max_value
    np.copysign(levels, light, out=levels)
    return levels
