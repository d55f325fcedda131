"""Feature map to pixels: the ranges, and the count of what they cut off. numpy only."""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.core.saturate import saturate
from convcli.errors import UsageError

RANGES = ("clip", "abs", "offset", "rescale", "raw")


@dataclass(frozen=True)
class ValueRange:
    """How the values of a feature map become pixels.

    - ``clip``: rounded half to even, then cut at black and white.
    - ``abs``: magnitudes, then as ``clip``.
    - ``offset``: mid-gray (128 or 32768) is zero, then as ``clip``.
    - ``rescale``: ``low`` becomes black and ``high`` white; a constant map becomes black.
    - ``raw``: the values themselves.

    NaN becomes black, and infinities black or white. Plain numbers (``max_value`` None) have nothing
    to be cut at: ``clip`` leaves them as they are, ``abs`` takes magnitudes, ``rescale`` makes
    floats from 0 to 1, and NaN stays NaN.

    Args:
        range: a name in :data:`RANGES`.
        white: 255, 65535, or None for plain numbers.
        low: the map's least finite value; for ``rescale`` only.
        high: the map's greatest finite value; for ``rescale`` only.

    Raises:
        UsageError: the range is unknown, or ``offset`` is asked of plain numbers.

    >>> pixels = np.empty(4, np.uint8)
    >>> Tone("clip", 255).apply(np.array([-7, 0, 255, 300]), pixels)
    >>> pixels.tolist()
    [0, 0, 255, 255]
    """

    range: str
    max_value: int | None
    low: float = 0
    high: float = 0

    def __post_init__(self) -> None:
        if self.range not in RANGES:
            raise UsageError(f"range {self.range!r} is none of {', '.join(RANGES)}")
        if self.max_value not in (None, 255, 65535):
            raise UsageError(f"white {self.max_value} is neither 255 nor 65535")
        if self.range == "offset" and self.max_value is None:
            raise UsageError(
                "range offset needs a depth, and plain numbers have no mid-gray: "
                "use clip, rescale or raw"
            )

    def dtype_for(self, block_dtype: Any) -> np.dtype[Any]:
        """Return the type of the pixels that values of type ``block_dtype`` become."""
        dtype: np.dtype[Any] = np.dtype(block_dtype)
        if self.range == "raw":
            return dtype
        if self.max_value is not None:
            return np.dtype(np.uint8 if self.max_value == 255 else np.uint16)
        if self.range == "rescale":
            return _float_for(dtype)
        return dtype

    def apply(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Map one strip of a feature map into ``out``; ``block`` is left as it is.

        Args:
            block: (rows, W) or (rows, W, C), of any integer or floating-point type.
            out: of the same shape and the type that :meth:`dtype_for` gives.
        """
        if self.range == "raw":
            out[...] = block
        elif self.range == "rescale":
            self._rescale(block, out)
        else:
            values = _magnitudes(block) if self.range == "abs" else block
            if self.max_value is None:
                out[...] = values
            elif self.range == "offset":
                _shift(values, self.max_value // 2 + 1, out)
            else:
                saturate(values, out)

    def limits(self) -> tuple[int, int] | None:
        """Return the least and greatest rounded value that is not cut; None where none is."""
        if self.max_value is None or self.range in ("rescale", "raw"):
            return None
        mid = self.max_value // 2 + 1
        return {
            "clip": (0, self.max_value),
            "abs": (-self.max_value, self.max_value),
            "offset": (-mid, self.max_value - mid),
        }[self.range]

    def _rescale(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Divide before multiplying, so that ``high`` becomes white itself."""
        wide = block.dtype.kind != "f" and block.dtype.itemsize >= 4
        values = block.astype(np.float64 if wide else _float_for(block.dtype))
        # In halves, since the span itself can exceed what a float holds.
        low, high = values.dtype.type(self.low / 2), values.dtype.type(self.high / 2)
        max_value = 1 if self.max_value is None else self.max_value
        with np.errstate(invalid="ignore"):
            values *= 0.5
            values -= low
            values /= high - low if high > low else np.inf
            values *= max_value
        if self.max_value is None:
            out[...] = values
        else:
            saturate(values, out)


class Limited(Protocol):
    """A tone that can say what it cuts."""

    def limits(self) -> tuple[int, int] | None:
        """Return the least and greatest rounded value that is not cut; None where none is."""


class ValueStats:
    """Counts over a feature map, gathered strip by strip.

    ``minimum`` and ``maximum`` are of the finite values, NaN where there is none.

    >>> tally = Tally(Tone("clip", 255))
    >>> tally.add(np.array([[-1, 0], [255, 300]]))
    >>> tally.minimum, tally.maximum, tally.clipped
    (-1, 300, 0.5)
    """

    def __init__(self, tone: Limited) -> None:
        self.nans = 0
        self._limits = tone.limits()
        self._samples = 0
        self._cut = 0
        self._ends: tuple[float, float] | None = None

    @property
    def minimum(self) -> float:
        """The least finite value: an int where the map is of integers."""
        return self._ends[0] if self._ends else math.nan

    @property
    def maximum(self) -> float:
        """The greatest finite value."""
        return self._ends[1] if self._ends else math.nan

    @property
    def clipped(self) -> float:
        """The share of all samples, from 0 to 1, that the tone cuts at black or white."""
        return self._cut / self._samples if self._samples else 0.0

    def add(self, block: NDArray[Any]) -> None:
        """Count one strip, of any shape and any integer or floating-point type."""
        if not block.size:
            return
        self._samples += block.size
        least, greatest = block.min().item(), block.max().item()
        if self._limits is not None:
            self._cut += _count_outside(block, *self._limits, least, greatest)
        if np.isfinite(least) and np.isfinite(greatest):
            self._widen(least, greatest)
            return
        self.nans += int(np.count_nonzero(np.isnan(block)))
        finite = block[np.isfinite(block)]
        if finite.size:
            self._widen(finite.min().item(), finite.max().item())

    def merge(self, other: "ValueStats") -> None:
        """Add the counts of ``other``, made with the same tone."""
        self.nans += other.nans
        self._samples += other._samples
        self._cut += other._cut
        if other._ends is not None:
            self._widen(*other._ends)

    def _widen(self, least: float, greatest: float) -> None:
        ends = self._ends or (least, greatest)
        self._ends = min(ends[0], least), max(ends[1], greatest)


def _count_outside(block: NDArray[Any], low: int, high: int, least: float, greatest: float) -> int:
    """Count the samples that round to outside low..high; NaN counts as none."""
    if low <= least and greatest <= high:
        return 0
    rounded = np.rint(block) if block.dtype.kind == "f" else block
    return int(np.count_nonzero(rounded < low)) + int(np.count_nonzero(rounded > high))


def _float_for(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the floating-point type that stands for values of ``dtype``."""
    return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)


def _magnitudes(block: NDArray[Any]) -> NDArray[Any]:
    """Return |block|; read as unsigned, the magnitude of the least integer is right as well."""
    if block.dtype.kind == "u":
        return block
    magnitudes: NDArray[Any] = np.abs(block)
    if block.dtype.kind == "i":
        return magnitudes.view(f"u{block.dtype.itemsize}")
    return magnitudes


def _shift(block: NDArray[Any], mid: int, out: NDArray[Any]) -> None:
    """Store block + mid, cut to 0..2*mid-1."""
    if block.dtype.kind == "f":
        values = np.rint(block)
        values[np.isnan(values)] = -mid
        np.clip(values, -mid, mid - 1, out=values)
        values += mid
        out[...] = values
        return
    bounds = np.iinfo(block.dtype)
    # Cut while signed; the addition modulo the unsigned type then gives what was meant.
    least, greatest = max(-mid, bounds.min), min(mid - 1, bounds.max)
    np.clip(block, least, greatest, out=out, casting="unsafe")
    out += out.dtype.type(mid)
