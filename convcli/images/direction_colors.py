"""Two derivatives to one color: the direction as hue, the strength as brightness. numpy only."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.errors import UsageError

RANGES = ("clip", "abs", "rescale")


def check_hues(maps: int, range_name: str, channels: int = 1) -> None:
    """Refuse maps that make no hues.

    Raises:
        UsageError: there are not two, of one channel each, or the range gives no colors.
    """
    if maps != 2:
        raise UsageError(
            "--combine direction takes two kernels, across and down, such as sobel; "
            f"there are {maps}"
        )
    if range_name not in RANGES:
        raise UsageError(
            f"--combine direction makes colors, and --range {range_name} none: use clip or rescale"
        )
    if channels != 1:
        raise UsageError(
            f"--combine direction takes maps of one channel, and these have {channels}: "
            "--channels gray makes one"
        )


def eight_bits(alpha: NDArray[Any]) -> NDArray[np.uint8]:
    """Return alpha of 8 or 16 bits in 8."""
    steps = 1 if alpha.dtype == np.uint8 else 257
    return np.rint(alpha / steps).astype(np.uint8)


@dataclass(frozen=True)
class DirectionColors:
    """How gradients, complex numbers as of :func:`convcli.core.combine.direction`, become RGB.

    The hue is the angle, counter-clockwise from red at 0 (to the right): yellow-green is up, cyan
    to the left, violet down. The brightness is the magnitude: cut at white by ``clip`` and ``abs``,
    or by ``rescale`` from black at ``low`` to full at ``high``. Colors are saturated, of 8 bits.
    NaN becomes black.

    Args:
        range: a name in :data:`RANGES`.
        white: the magnitude of full brightness, 255 or 65535; None for plain numbers.
        low: the least magnitude; for ``rescale`` only.
        high: the greatest; for ``rescale`` only.

    Raises:
        UsageError: the numbers are plain, and the range is not ``rescale``.

    >>> pixels = np.empty((2, 3), np.uint8)
    >>> HueTone("clip", 255).apply(np.array([100, -400j]), pixels)
    >>> pixels.tolist()
    [[100, 0, 0], [128, 0, 255]]
    """

    range: str
    max_value: int | None
    low: float = 0
    high: float = 0

    def __post_init__(self) -> None:
        if self.max_value is None and self.range != "rescale":
            raise UsageError(
                "--combine direction has no white for the brightness of plain numbers: "
                "use --range rescale"
            )

    def dtype_for(self, _block_dtype: Any) -> np.dtype[Any]:
        """Return the type of the pixels."""
        return np.dtype(np.uint8)

    def limits(self) -> tuple[int, int] | None:
        """Return the least and greatest rounded magnitude that is not cut; None where none is."""
        return None if self.max_value is None or self.range == "rescale" else (0, self.max_value)

    def apply(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Map one strip of gradients, (rows, W) or (rows, W, 1), into colors (rows, W, 3)."""
        block = block.reshape(out.shape[:-1])
        with np.errstate(invalid="ignore"):
            value = self._brightness(np.abs(block))
            sextant = np.angle(block) * (3 / np.pi)
            for channel, offset in enumerate((5, 3, 1)):  # red, green, blue; A. R. Smith, 1978
                place = (sextant + offset) % 6
                share = np.clip(np.minimum(place, 4 - place), 0, 1)
                color = np.rint(255 * value * (1 - share))
                out[..., channel] = np.nan_to_num(color)

    def _brightness(self, magnitude: NDArray[Any]) -> NDArray[Any]:
        """Return magnitudes as shares of full brightness, from 0 to 1."""
        if self.range == "rescale":
            span = self.high - self.low
            share = (magnitude - self.low) / (span if span > 0 else np.inf)
        else:
            assert self.max_value is not None  # noqa: S101 - else it would have been refused
            share = magnitude / self.max_value
        return np.clip(share, 0, 1)
