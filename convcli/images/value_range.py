"""Map the values of a feature map to pixels, and collect statistics of the values."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.choices import RANGES, SCALED_RANGES
from convcli.core.digits import round_number
from convcli.core.dtypes import as_numbers, float_type, saturate
from convcli.errors import UsageError, short_repr

_DIRECTION_RANGES = ("clip", "abs", *SCALED_RANGES)


class ValueRange:
    """A rule that maps the values of a feature map to pixels.

    - ``clip``: round half to even, then clip to black (0) and white (``max_value``).
    - ``abs``: take magnitudes, then as ``clip``.
    - ``offset``: add mid-gray (128 or 32768), then as ``clip``.
    - ``rescale``: map ``low`` to black and ``high`` to white; a constant map becomes black.
    - ``percentile``: as ``rescale``, but values below ``low`` or above ``high`` are clipped.
    - ``raw``: keep the values.

    NaN becomes black, or ``nodata``; infinities become black or white. Plain numbers
    (``max_value`` None) are never clipped: ``clip`` keeps them, ``abs`` takes magnitudes,
    ``rescale`` and ``percentile`` give floats from 0 to 1, and NaN stays NaN.

    Args:
        range: one of :data:`convcli.choices.RANGES`.
        max_value: 255, 65535, or None for plain numbers.
        low: the value that becomes black, the map's least finite value for ``rescale``; for
            ``rescale`` and ``percentile`` only.
        high: the value that becomes white, likewise.
        nodata: the pixel that NaN becomes; black if it is None, or no pixel can have this value.

    Raises:
        UsageError: the range is unknown, or is ``offset`` with plain numbers.

    >>> pixels = np.empty(4, np.uint8)
    >>> ValueRange("clip", 255).apply(np.array([-7, 0, 255, 300]), pixels)
    >>> pixels.tolist()
    [0, 0, 255, 255]
    """

    def __init__(
        self,
        range: str,  # noqa: A002
        max_value: int | None,
        low: float = 0,
        high: float = 0,
        nodata: float | None = None,
    ) -> None:
        self.range = range
        self.max_value = max_value
        self.low = low
        self.high = high
        self.nodata: int | None = None
        if range not in RANGES:
            raise UsageError(f"unknown range {range!r}; use one of {', '.join(RANGES)}")
        if max_value not in (None, 255, 65535):
            raise UsageError(f"max_value must be 255, 65535 or None, not {max_value}")
        if range == "offset" and max_value is None:
            raise UsageError(
                "--range offset needs 8- or 16-bit pixels; for plain numbers use clip, rescale "
                "or raw"
            )
        if nodata is not None and max_value is not None and range != "raw":
            fits = 0 <= nodata <= max_value and nodata == int(nodata)
            self.nodata = int(nodata) if fits else None

    def dtype_for(self, block_dtype: Any) -> np.dtype[Any]:
        """Return the dtype of the pixels for values of dtype ``block_dtype``."""
        dtype: np.dtype[Any] = np.dtype(block_dtype)
        if self.max_value is not None and self.range != "raw":
            return np.dtype(np.uint8 if self.max_value == 255 else np.uint16)
        if self.range in SCALED_RANGES:
            return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
        if self.range == "abs" and dtype == np.int64:
            return np.dtype(np.uint64)  # the magnitude of the least integer exceeds int64
        return dtype

    def limits(self) -> tuple[float, float] | None:
        """Return the least and greatest values that are not clipped, or None.

        Values are compared after they were rounded, but for ``percentile`` as they are.
        """
        if self.range == "percentile":
            return self.low, self.high
        if self.max_value is None or self.range in ("rescale", "raw"):
            return None
        mid = self.max_value // 2 + 1
        return {
            "clip": (0, self.max_value),
            "abs": (-self.max_value, self.max_value),
            "offset": (-mid, self.max_value - mid),
        }[self.range]

    def ends(self) -> tuple[float, float] | None:
        """Return the values that become pixel 0 and white; None for plain numbers and ``raw``.

        ``abs`` maps magnitudes.

        >>> ValueRange("offset", 255).ends()
        (-128, 127)
        """
        if self.max_value is None or self.range == "raw":
            return None
        if self.range == "abs":
            return 0, self.max_value
        return (self.low, self.high) if self.range in SCALED_RANGES else self.limits()

    def apply(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the pixels of one strip into ``out``; ``block`` is not modified.

        Args:
            block: (rows, W) or (rows, W, C), integers or floats.
            out: of the same shape and of the dtype that :meth:`dtype_for` returns.
        """
        if self.range == "raw":
            out[...] = block
        elif self.range in SCALED_RANGES:
            self._rescale(block, out)
        else:
            values = _magnitudes(block) if self.range == "abs" else block
            if self.max_value is None:
                out[...] = values
            elif self.range == "offset":
                _shift(values, self.max_value // 2 + 1, out)
            else:
                saturate(values, out)
        if self.nodata and block.dtype.kind == "f":
            out[np.isnan(block)] = self.nodata

    def _rescale(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Divide before multiplying: ``high`` must become white exactly."""
        values = block.astype(float_type(block.dtype))
        if self.range == "percentile":
            np.clip(values, self.low, self.high, out=values)
        # In halves, since high - low can exceed what a float holds.
        low, high = values.dtype.type(self.low / 2), values.dtype.type(self.high / 2)
        with np.errstate(invalid="ignore"):
            values *= 0.5
            values -= low
            values /= high - low if high > low else np.inf
            values *= 1 if self.max_value is None else self.max_value
        saturate(values, out, overwrite=True)


class DirectionColors(ValueRange):
    """A rule that maps gradients to RGB: direction to hue, magnitude to brightness.

    Gradients are complex numbers from :func:`convcli.core.combine.direction`. The hue is their
    angle, counter-clockwise from red at 0 (to the right): yellow-green is up, cyan left, violet
    down. The brightness is their magnitude: ``clip`` and ``abs`` clip it at ``max_value``,
    ``rescale`` and ``percentile`` map ``low`` to black and ``high`` to full brightness. Colors are
    8-bit and fully saturated. NaN becomes black. Plain numbers need one of these two.

    >>> pixels = np.empty((2, 3), np.uint8)
    >>> DirectionColors("clip", 255).apply(np.array([100, -400j]), pixels)
    >>> pixels.tolist()
    [[100, 0, 0], [128, 0, 255]]
    """

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        if self.max_value is None and self.range not in SCALED_RANGES:
            raise UsageError("--combine direction of plain numbers needs --range rescale")

    def dtype_for(self, _block_dtype: Any) -> np.dtype[Any]:
        """Return the dtype of the pixels."""
        return np.dtype(np.uint8)

    def apply(self, block: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the colors of one strip of gradients, (rows, W) or (rows, W, 1), into ``out``.

        Source: A. R. Smith, "Color gamut transform pairs", SIGGRAPH 1978.
        """
        block = block.reshape(out.shape[:-1])
        with np.errstate(invalid="ignore"):
            low, high = self.low, self.high
            if self.range not in SCALED_RANGES:
                low, high = 0, self.max_value or 1
            brightness = (np.abs(block) - low) / (high - low if high > low else np.inf)
            brightness = np.clip(brightness, 0, 1)
            sextant = np.angle(block) * (3 / np.pi)
            for channel, offset in enumerate((5, 3, 1)):  # red, green, blue
                place = (sextant + offset) % 6
                share = np.clip(np.minimum(place, 4 - place), 0, 1)
                out[..., channel] = np.nan_to_num(np.rint(255 * brightness * (1 - share)))


def check_direction(maps: int, range_name: str, channels: int = 1) -> None:
    """Raise UsageError unless there are two maps of one channel, and the range gives colors."""
    if maps != 2:
        raise UsageError(
            f"--combine direction takes two kernels, across and down, such as sobel; got {maps}"
        )
    if range_name not in _DIRECTION_RANGES:
        raise UsageError(
            f"--combine direction does not support --range {range_name}; use clip or rescale"
        )
    if channels != 1:
        raise UsageError(
            f"--combine direction takes maps of one channel, and these have {channels}; "
            "use --channels gray"
        )


def to_eight_bits(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """Return uint8 samples unchanged, and uint16 ones divided by 257 and rounded.

    >>> to_eight_bits(np.array([0, 128, 129, 65535], np.uint16)).tolist()
    [0, 0, 1, 255]
    """
    if samples.dtype == np.uint8:
        return samples
    wide: NDArray[Any] = np.multiply(samples, 255, dtype=np.uint32)
    wide += 32895  # 2**15 + 127
    wide >>= 16
    return wide.astype(np.uint8)


class Peak(NamedTuple):
    """The greatest value of a feature map.

    Attributes:
        value: it.
        place: its row, column and channel, counted from 0: the first of several equal ones.
        channel: the name of its channel; empty if there is only one.
        places: in how many places it is.
    """

    value: float
    place: tuple[int, int, int]
    channel: str = ""
    places: int = 1

    @property
    def sample(self) -> int:
        """Which sample it is, if the map is a signal, of one row or one column."""
        return max(self.place[:2])

    @property
    def tie_text(self) -> str:
        """Say that the value is in several places, to end a sentence; nothing if it is in one."""
        return f", the first of {self.places} places" if self.places > 1 else ""


class ValueStats:
    """Statistics of a feature map, added up strip by strip.

    Attributes:
        minimum: the least finite value, an int if the map holds integers; NaN if there is none.
        maximum: the greatest finite value.
        nans: the number of NaN values.
        decimals: how many decimals of minimum and maximum hold; None for all.
        dtype: the type of the values, if they are floats; None for integers.
        peak: the place of the maximum, if it was looked for.
        ends: the values that became pixel 0 and white; None where values stay as they are.
        nodata: the pixel that NaN became; None for black, or where it stays NaN.

    >>> stats = ValueStats(ValueRange("clip", 255))
    >>> stats.add(np.array([[-1, 0], [255, 300]]))
    >>> stats.minimum, stats.maximum, stats.clipped
    (-1, 300, 0.5)
    """

    def __init__(self, value_range: ValueRange) -> None:
        self.minimum = self.maximum = math.nan
        self.nans = 0
        self.decimals: int | None = None
        self.dtype: np.dtype[Any] | None = None
        self.peak: Peak | None = None
        self.ends = value_range.ends()
        self.nodata = value_range.nodata
        self._limits = value_range.limits()
        self._rounds = value_range.range != "percentile"
        self._count = 0
        self._clipped = 0

    @property
    def clipped(self) -> float:
        """The share of values, from 0 to 1, that are clipped at black or white."""
        return self._clipped / self._count if self._count else 0.0

    def shown(self, digits: int | None = None) -> tuple[float, float]:
        """Return minimum and maximum with this many decimals; None for those that hold."""
        decimals = self.decimals if digits is None else digits
        dtype = self.dtype or np.float64
        return (
            round_number(self.minimum, decimals, dtype),
            round_number(self.maximum, decimals, dtype),
        )

    def add(self, block: NDArray[Any]) -> None:
        """Count one strip of any shape, integers or floats."""
        if not block.size:
            return
        self._count += block.size
        least, greatest = block.min().item(), block.max().item()
        if self._limits is not None:
            low, high = self._limits
            if least < low or greatest > high or math.isnan(least):
                rounded = np.rint(block) if self._rounds and block.dtype.kind == "f" else block
                for outside in (rounded < low, rounded > high):
                    self._clipped += int(np.count_nonzero(outside))
        if np.isfinite(least) and np.isfinite(greatest):
            self._widen(least, greatest)
            return
        self.nans += int(np.count_nonzero(np.isnan(block)))
        finite = block[np.isfinite(block)]
        if finite.size:
            self._widen(finite.min().item(), finite.max().item())

    def shown_peak(self, digits: int | None = None) -> Peak | None:
        """Return the place of the maximum with the maximum as :meth:`shown` rounds it."""
        return self.peak and self.peak._replace(value=self.shown(digits)[1])

    def find_peak(self, block: NDArray[Any], rows: slice) -> None:
        """Look for the greatest finite value in one strip of a map, (rows, W) or (rows, W, C)."""
        greatest = block.max()
        if not np.isfinite(greatest):
            finite = np.isfinite(block)
            if not finite.any():
                return
            block = np.where(finite, block, -np.inf)
        row, column, *channel = np.unravel_index(int(block.argmax()), block.shape)
        place = rows.start + int(row), int(column), int(channel[0]) if channel else 0
        value = block[row, column, *channel]
        count = int(np.count_nonzero(block == value))
        self._raise_peak(Peak(value.item(), place, places=count))

    def _raise_peak(self, found: Peak) -> None:
        """Keep the greater one of two peaks; of equal ones the first in the order of the rows."""
        old = self.peak
        if old is None or found.value > old.value:
            self.peak = found
        elif found.value == old.value:
            place = min(old.place, found.place)
            self.peak = old._replace(place=place, places=old.places + found.places)

    def merge(self, other: ValueStats) -> None:
        """Add what ``other`` counted."""
        limits = [each for each in (self.decimals, other.decimals) if each is not None]
        self.decimals = min(limits, default=None)
        dtypes = [each for each in (self.dtype, other.dtype) if each is not None]
        self.dtype = np.result_type(*dtypes) if dtypes else None
        self.nans += other.nans
        self._count += other._count
        self._clipped += other._clipped
        if other.peak is not None:
            self._raise_peak(other.peak)
        if not math.isnan(other.minimum):
            self._widen(other.minimum, other.maximum)

    def _widen(self, least: float, greatest: float) -> None:
        if not self.minimum <= least:  # also if it is NaN
            self.minimum = least
        if not self.maximum >= greatest:
            self.maximum = greatest


def _magnitudes(block: NDArray[Any]) -> NDArray[Any]:
    """Return |block|. Viewed as unsigned, the magnitude of the least integer is right, too."""
    magnitudes: NDArray[Any] = np.abs(block)
    return magnitudes.view(f"u{block.dtype.itemsize}") if block.dtype.kind == "i" else magnitudes


def _shift(block: NDArray[Any], mid: int, out: NDArray[Any]) -> None:
    """Write block + mid, clipped to 0..2*mid-1, into ``out``."""
    if block.dtype.kind == "f":
        values = np.rint(block)
        values += mid
        saturate(values, out, overwrite=True)
        return
    bounds = np.iinfo(block.dtype)
    # Clip while signed; the addition modulo the unsigned type is then correct.
    np.clip(block, max(-mid, bounds.min), min(mid - 1, bounds.max), out=out, casting="unsafe")
    out += out.dtype.type(mid)


def checked_percentiles(ends: Any) -> tuple[float, float]:
    """Return the percentiles that range ``percentile`` maps to black and white.

    Raises:
        UsageError: they are not two rising numbers from 0 to 100.

    >>> checked_percentiles([5, 90])
    (5.0, 90.0)
    """
    numbers = as_numbers(ends, "percentile")
    is_pair = numbers.shape == (2,) and numbers.dtype.kind in "biuf"
    if not is_pair or not 0 <= numbers[0] < numbers[1] <= 100:
        raise UsageError(
            "percentile must be two numbers, from 0 to 100 and rising, such as (1, 99), not "
            + short_repr(ends)
        )
    return float(numbers[0]), float(numbers[1])


def percentiles(values: NDArray[Any], ends: tuple[float, float]) -> tuple[float, float]:
    """Return two percentiles, 0 to 100, of all finite values, as ``numpy.percentile`` has them.

    Without finite values both are NaN.

    >>> percentiles(np.array([[0.0, 1, 2], [3, 4, np.inf]]), (25, 100))
    (1.0, 4.0)
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return math.nan, math.nan
    low, high = np.percentile(finite.astype(np.float64, copy=False), ends).tolist()
    return low, high
