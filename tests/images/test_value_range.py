"""Ranges against a plain reference in exact rational arithmetic."""

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli.choices import RANGES
from convcli.errors import UsageError
from convcli.images.value_range import ValueRange, ValueStats

MAX_VALUES = (255, 65535)
DTYPES = [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.int64, np.float32, np.float64]


def blocks():
    def values(dtype):
        if np.dtype(dtype).kind == "f":
            return st.one_of(
                st.floats(width=np.dtype(dtype).itemsize * 8),
                st.integers(-600, 600).map(lambda n: n / 2),
                st.sampled_from([math.nan, math.inf, -math.inf, 65535.5, 32767.5, -32768.5]),
            )
        info = np.iinfo(dtype)
        near = [v for v in (-1, 0, 127, 128, 255, 256, 65535, 65536) if info.min <= v <= info.max]
        return st.one_of(
            st.integers(int(info.min), int(info.max)),
            st.sampled_from([int(info.min), int(info.max), *near]),
        )

    return st.sampled_from(DTYPES).flatmap(
        lambda dtype: hnp.arrays(
            dtype, st.tuples(st.just(2), st.integers(1, 9)), elements=values(dtype)
        )
    )


def expected_pixel(value, max_value, range_):
    """Return the pixel, and whether it was clipped; exact where the value is finite."""
    if math.isnan(value):
        return 0, False
    mid = {255: 128, 65535: 32768}[max_value]
    if math.isinf(value):
        return (max_value if value > 0 or range_ == "abs" else 0), True
    level = round(Fraction(value))  # half to even
    level = {"clip": level, "abs": abs(level), "offset": level + mid}[range_]
    return min(max(level, 0), max_value), not 0 <= level <= max_value


def applied(value_range, block):
    out = np.empty(block.shape, value_range.dtype_for(block.dtype))
    before = block.copy()
    value_range.apply(block, out)
    np.testing.assert_array_equal(block, before)
    return out


@given(blocks(), st.sampled_from(MAX_VALUES), st.sampled_from(["clip", "abs", "offset"]))
def test_pixels_and_the_clipped_share_match_exact_arithmetic(block, max_value, range_):
    value_range = ValueRange(range_, max_value)
    expected = [expected_pixel(value, max_value, range_) for value in block.ravel().tolist()]
    out = applied(value_range, block)
    assert out.ravel().tolist() == [pixel for pixel, _ in expected]
    stats = ValueStats(value_range)
    stats.add(block)
    assert stats.clipped == sum(clipped for _, clipped in expected) / block.size


@pytest.mark.slow
@settings(max_examples=100)
@given(blocks(), st.sampled_from(RANGES))
def test_stats_of_strips_merge_to_those_of_the_whole(block, range_):
    value_range = ValueRange(range_, 255)
    whole, parts = ValueStats(value_range), ValueStats(value_range)
    whole.add(block)
    for row in block:
        part = ValueStats(value_range)
        part.add(row[np.newaxis])
        parts.merge(part)
    for stats in (whole, parts):
        finite = [v for v in block.ravel().tolist() if math.isfinite(v)]
        ends = [min(finite, default=math.nan), max(finite, default=math.nan)]
        np.testing.assert_array_equal([stats.minimum, stats.maximum], ends)
        assert stats.nans == sum(math.isnan(v) for v in block.ravel().tolist())
    assert whole.clipped == parts.clipped


@given(blocks(), st.sampled_from([*MAX_VALUES, None]))
def test_rescale_maps_the_extremes_to_black_and_white(block, max_value):
    stats = ValueStats(ValueRange("raw", None))
    stats.add(block)
    low, high = stats.minimum, stats.maximum
    value_range = ValueRange("rescale", max_value, low, high)
    out = applied(value_range, block)
    assert value_range.limits() is None
    if math.isnan(low):
        assert not out.any() if max_value else np.isnan(out).all()
    if not low < high or (max_value is None and block.dtype.kind != "f"):
        return
    span = Fraction(high) - Fraction(low)
    for value, pixel in zip(block.ravel().tolist(), out.ravel().tolist(), strict=True):
        if math.isnan(value):
            assert pixel == 0 if max_value else math.isnan(pixel)
        elif math.isfinite(value):
            exact = (Fraction(value) - Fraction(low)) / span * (max_value or 1)
            assert abs(pixel - exact) <= (0.51 if max_value else 1e-6)
        elif max_value:
            assert pixel == (max_value if value > 0 else 0)
        if value == low:
            assert pixel == 0
        if value == high:
            assert pixel == (max_value or 1)


@pytest.mark.parametrize("max_value", [*MAX_VALUES, None])
def test_a_constant_map_is_rescaled_to_black(max_value):
    for value in (7, -2.5):
        assert not applied(
            ValueRange("rescale", max_value, value, value), np.full((3, 4), value)
        ).any()


@given(blocks())
def test_plain_numbers_are_not_clipped(block):
    for range_ in ("clip", "raw"):
        out = applied(ValueRange(range_, None), block)
        assert out.dtype == block.dtype
        np.testing.assert_array_equal(out, block)
    if block.dtype.kind == "f" or block.min() > np.iinfo(block.dtype).min:
        np.testing.assert_array_equal(applied(ValueRange("abs", None), block), np.abs(block))


def test_raw_keeps_the_values_at_any_depth():
    block = np.array([[-3.5, 900.0]], np.float32)
    np.testing.assert_array_equal(applied(ValueRange("raw", 255), block), block)


def test_color_blocks():
    block = np.arange(-12, 12, dtype=np.int16).reshape(2, 4, 3) * 30
    np.testing.assert_array_equal(applied(ValueRange("clip", 255), block), np.clip(block, 0, 255))


def test_bad_arguments():
    with pytest.raises(UsageError, match="8- or 16-bit"):
        ValueRange("offset", None)
    with pytest.raises(UsageError, match="use one of clip, abs"):
        ValueRange("log", 255)
    with pytest.raises(UsageError, match="255, 65535 or None"):
        ValueRange("clip", 100)


@pytest.mark.processes
def test_arithmetic_and_records_load_without_pillow():
    modules = ("value_range", "formats", "image", "options", "channels")
    names = ", ".join(f"convcli.images.{module}" for module in modules)
    code = f"import sys, {names}; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
