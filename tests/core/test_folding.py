"""Taps that read the same pixel in every window become one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import GeometryError, cross_correlate
from convcli.core.folding import Folding
from convcli.core.padding import OUTSIDE, border_index
from convcli.geometry import conv_geometry

BORDERS = ["edge", "zero", "reflect", "symmetric", "wrap", "constant"]
SMALL = st.tuples(*[st.integers(1, 6)] * 2)
LARGE = st.tuples(*[st.integers(1, 40)] * 2)
PADS = st.sampled_from(["same", "full", 0, 40, (0, 7, 30, 1)])


def read_by_taps(geometry, axis, border):
    """Return the index of the pixel that each tap of each window reads."""
    taps, stride, before, dilation = geometry.along(axis)
    after = geometry.pads[2 * axis + 1]
    index = border_index(geometry.input_shape[axis], before, after, border)
    windows = np.arange(geometry.output_shape[axis])[:, np.newaxis] * stride
    return index[windows + np.arange(taps) * dilation]


@given(SMALL, LARGE, PADS, SMALL, SMALL, st.sampled_from(BORDERS), st.sampled_from([0, 7]))
def test_taps_are_added_to_one_that_reads_the_same(
    shape, kernel, padding, stride, dilation, border, fill
):
    try:
        geometry = conv_geometry(shape, kernel, padding, stride, dilation)
    except GeometryError:
        return
    fill = fill if border == "constant" else 0
    folding = Folding.of(geometry, border, fill)
    windows = folding.windows(geometry)
    assert windows.output_shape == geometry.output_shape
    assert min(windows.pads) >= 0
    for axis, (kept, places) in enumerate(folding):
        whole, fewer = (read_by_taps(each, axis, border) for each in (geometry, windows))
        if places is None:
            np.testing.assert_array_equal(whole[:, kept], fewer)
            assert (np.delete(whole, np.r_[kept], axis=1) == OUTSIDE).all()
        else:
            np.testing.assert_array_equal(whole, fewer[:, places])


@pytest.mark.parametrize(
    ("border", "shape", "kernel", "dilation", "left"),
    [
        ("zero", (33, 33), (3, 3), 33, (1, 1)),
        ("zero", (33, 33), (3, 3), 32, (3, 3)),
        ("zero", (1, 1), (5, 3), 1, (1, 1)),
        ("zero", (245, 2), (11, 11), 2, (11, 1)),
        ("zero", (2, 3), (9, 9), 1, (3, 5)),
        ("edge", (2, 3), (9, 9), 1, (3, 5)),
        ("edge", (1, 1), (69, 70), 4, (1, 2)),
        ("edge", (50, 50), (99, 99), 1, (99, 99)),
        ("edge", (1000, 62), (1, 4), 426, (1, 2)),
        ("constant", (2, 3), (9, 9), 1, (5, 7)),
        ("wrap", (2, 3), (9, 8), 1, (2, 3)),
        ("wrap", (6, 6), (9, 9), 4, (3, 3)),
        ("symmetric", (2, 3), (9, 9), 1, (4, 6)),
        ("reflect", (2, 3), (9, 9), 1, (2, 4)),
        ("reflect", (1, 100), (9, 9), 1, (1, 9)),
    ],
)
def test_what_is_left_of_a_kernel(border, shape, kernel, dilation, left):
    geometry = conv_geometry(shape, kernel, "same", dilation=dilation)
    assert Folding.of(geometry, border, int(border == "constant")).windows(geometry).kernel == left


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("kind", ["u1", "f4", "f8", "hole", "infinities"])
@pytest.mark.parametrize("bank", [False, True])
def test_folded_kernels_sum_what_whole_ones_do(border, kind, bank, rng):
    image = rng.integers(0, 256, (3, 4, 2)).astype("f8" if kind[0] not in "uf" else kind)
    if kind in ("hole", "infinities"):
        image[0, 1, 0], image[2, 3, 1] = (np.nan, np.nan) if kind == "hole" else (np.inf, -np.inf)
    weights = rng.integers(-2, 3, (3, 2, 21, 35) if bank else (21, 35))
    if kind == "f4":
        weights = weights * 0.37
    fill = {"fill": 3} if border == "constant" else {}
    options = {"border": border, "dilation": (2, 1), "stride": (1, 2), **fill}
    with np.errstate(all="ignore"):
        whole = cross_correlate(image, weights, method="direct", **options)
    folded = cross_correlate(image, weights, **options)
    assert folded.dtype == whole.dtype
    np.testing.assert_allclose(folded, whole, rtol=1e-5, atol=1e-5 * 255)


def test_sums_of_opposite_weights_may_exceed_float64():
    kernel = np.array([[3, -1, 2, 1, -3, 2, -1, 1, 2]])
    for image in (np.array([[1.7e308, 1]]), np.array([[1e308, -1.7e308]])):
        whole = cross_correlate(image, kernel, method="direct")
        np.testing.assert_array_equal(cross_correlate(image, kernel), whole)


@pytest.mark.parametrize("border", BORDERS)
def test_opposite_weights_stay_opposite(border):
    slope = np.arange(-20, 21)[np.newaxis] * np.exp(-(np.arange(-20, 21) ** 2) / 77)
    weights = Folding.of(conv_geometry((1, 6), (1, 41), "same"), border, 1).weights(slope)
    assert weights.size < 41
    assert weights.sum() == pytest.approx(0, abs=1e-13)
    if border in ("edge", "constant"):
        np.testing.assert_array_equal(weights, -weights[:, ::-1])


def test_weights_whose_sum_is_no_number_stay_apart():
    image, kernel = np.full((1, 2), 1e-300), np.full((1, 9), 1.5e308)
    np.testing.assert_allclose(cross_correlate(image, kernel), [[1.35e9, 1.35e9]])


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("size", [20, 3000])
@pytest.mark.parametrize("opposite", [(1, -1), (0.3, -0.3)])
def test_opposite_weights_that_add_up_to_0_weigh_what_is_not_finite(value, size, opposite):
    image = np.zeros((size, 1))
    image[size // 2] = value
    kernel = np.outer(np.random.default_rng(0).standard_normal(15), opposite)
    whole = cross_correlate(image, kernel, padding=(17, 23, 8, 29), method="direct")
    folded = cross_correlate(image, kernel, padding=(17, 23, 8, 29))
    assert np.isnan(folded).any()
    np.testing.assert_array_equal(np.isfinite(folded), np.isfinite(whole))
