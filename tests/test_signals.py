"""Positions of samples, exact, and where the values of a feature map lie."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import signal

from convcli.errors import UsageError
from convcli.geometry import conv_geometry
from convcli.signals import SampleAxis, output_axes, parse_range

STEPS = st.fractions(Fraction(1, 50), 2, max_denominator=50)
STARTS = st.fractions(-9, 9, max_denominator=50)


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        ("-10:10", -10, 10, 1001),
        ("0:1:11", 0, 1, 11),
        (" -.5 : 2.5e1 : 2 ", -0.5, 25, 2),
    ],
)
def test_a_range_is_read(text, first, last, count):
    found = parse_range(text)
    assert found.samples == count
    positions = found.axis(count).positions(count)
    assert (positions[0], positions[-1], len(positions)) == (first, last, count)


def test_positions_are_the_nearest_floats():
    positions = parse_range("-1:1:21").axis(21).positions(21)
    assert positions == [float(Fraction(n, 10)) for n in range(-10, 11)]
    assert 0.3 in positions
    assert 0.3 not in np.arange(-1, 1.1, 0.1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is not START:STOP"),
        ("1", "is not START:STOP"),
        ("1:2:3:4", "is not START:STOP"),
        ("a:2", "is not START:STOP"),
        ("0:nan", "is not START:STOP"),
        ("0:1e999", "is not START:STOP"),
        ("2:2", "STOP must be greater than START"),
        ("2:1:5", "STOP must be greater than START"),
        ("0:1:1", "COUNT must be a whole number from 2 to 1,000,000, not '1'"),
        ("0:1:2.5", "COUNT must"),
        ("0:1:", "COUNT must"),
        ("0:1:1000001", "COUNT must"),
    ],
)
def test_a_wrong_range_is_refused(text, said):
    with pytest.raises(UsageError, match=said):
        parse_range(text)


@given(
    STARTS,
    STARTS,
    STEPS,
    st.integers(2, 9),
    st.integers(1, 9),
    st.sampled_from(["same", "valid", "full", (0, 0, 2, 5)]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.sampled_from(["correlate", "convolve"]),
    st.booleans(),
)
def test_a_signal_as_kernel_puts_each_product_at_the_right_place(
    start, kernel_start, step, count, taps, padding, stride, dilation, operation, column
):
    """Whatever taps meet, y - u or y + u of each product is the x of their sum."""
    shapes = ((count, 1), (taps, 1)) if column else ((1, count), (1, taps))
    padding = (*padding[2:], 0, 0) if column and isinstance(padding, tuple) else padding
    if isinstance(padding, str) and padding == "valid":
        assume(count > dilation * (taps - 1))
    padded = count + 7 if isinstance(padding, tuple) else count + 2 * dilation * taps
    assume(dilation * (taps - 1) < padded)
    geometry = conv_geometry(shapes[0], shapes[1], padding, stride, dilation, operation)
    axis, kernel_axis = SampleAxis(start, step), SampleAxis(kernel_start, step)
    axes = output_axes(axis, geometry, operation, kernel_axis)
    before = geometry.pads.top if column else geometry.pads.left
    for output in range(max(geometry.output_shape)):
        place = axes.positions.start + output * axes.positions.step
        for tap in range(taps):
            y = start + (output * stride - before + tap * dilation) * step
            weight = taps - 1 - tap if operation == "convolve" else tap
            u = dilation * (kernel_start + weight * step)  # a dilated kernel is stretched
            assert place == (y + u if operation == "convolve" else y - u)
    assert axes.lags == (axes.positions if operation == "correlate" else None)


@pytest.mark.parametrize("mode", ["full", "valid"])
@pytest.mark.parametrize(("count", "taps"), [(7, 3), (8, 4), (5, 5)])
def test_lags_of_other_kernels_are_scipys(mode, count, taps):
    geometry = conv_geometry((1, count), (1, taps), mode)
    axes = output_axes(None, geometry, "correlate")
    lags = signal.correlation_lags(count, taps, mode)
    assert axes.positions is None
    assert axes.lags.positions(len(lags)) == lags.tolist()
    axes = output_axes(SampleAxis(Fraction(5), Fraction(1, 2)), geometry, "correlate")
    assert axes.lags.positions(len(lags)) == (lags / 2).tolist()


def test_values_of_other_kernels_lie_under_the_anchor():
    axis = SampleAxis(Fraction(10), Fraction(2))
    same = conv_geometry((1, 6), (1, 4), "same", 2)
    assert output_axes(axis, same, "correlate").positions.positions(3) == [10, 14, 18]
    valid = conv_geometry((1, 6), (1, 3), "valid")
    assert output_axes(axis, valid, "convolve").positions.positions(4) == [12, 14, 16, 18]


def test_a_map_of_several_rows_has_no_positions():
    axis = SampleAxis(Fraction(0), Fraction(1))
    geometry = conv_geometry((1, 6), (3, 3), "full")
    assert output_axes(axis, geometry, "correlate") == (None, None)
