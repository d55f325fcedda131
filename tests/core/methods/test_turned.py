"""Strips turned on their side, or cut into pieces: the same numbers, for fewer sums."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import convolve, cross_correlate
from convcli.core.plan import make_plan
from convcli.geometry import ConvOptions

LONG, SHORT = st.integers(500, 5000), st.sampled_from([1, 1, 2, 4])
STEPS = st.tuples(st.integers(1, 3), st.integers(1, 3))


def by_taps(image, kernel, stride, dilation, border):
    """Pad as ``same`` does, and add up the whole image once for each tap."""
    spans = [d * (k - 1) for d, k in zip(dilation, kernel.shape, strict=True)]
    pads = [(span // 2, span - span // 2) for span in spans]
    padded = np.pad(image, (*pads, (0, 0)), {"zero": "constant"}.get(border, border))
    height, width, _ = image.shape
    total = np.zeros(image.shape)
    for (row, column), weight in np.ndenumerate(kernel):
        top, left = row * dilation[0], column * dilation[1]
        total += weight * padded[top : top + height, left : left + width].astype(float)
    return total[:: stride[0], :: stride[1]]


def plan_of(image, kernel, method="auto"):
    return make_plan(image, kernel, ConvOptions(), method=method)


@st.composite
def thin_cases(draw):
    """Draw a narrow image or a long kernel, of one to three rows or columns."""
    shape = draw(st.permutations((draw(LONG), draw(SHORT))))
    sides = draw(st.permutations((draw(st.integers(9, 40)), draw(SHORT))))
    kind = draw(st.sampled_from(["u1", "i4", "f4", "f8"]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    image = rng.integers(0, 200, (*shape, draw(SHORT))).astype(kind)
    whole = draw(st.booleans())
    kernel = rng.integers(-9, 10, sides) if whole else rng.standard_normal(sides)
    options = {"stride": draw(STEPS), "dilation": draw(STEPS)}
    options["border"] = draw(st.sampled_from(["edge", "zero", "reflect", "symmetric", "wrap"]))
    return image, kernel, options


@given(thin_cases(), st.sampled_from(["auto", "toeplitz", "direct"]))
def test_thin_images_and_kernels_match_sums_of_taps(case, method):
    image, kernel, options = case
    expected = by_taps(image, kernel, **options)
    found = cross_correlate(image, kernel, method=method, **options)
    if found.dtype.kind == "i":
        np.testing.assert_array_equal(found, expected)
    elif found.dtype == "f4":
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * abs(expected).max())
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-10 * abs(kernel).sum())


@pytest.mark.parametrize(
    ("shape", "sides", "how"),
    [
        ((300, 300), (1, 63), "1 products with bands of 70x8 over float32, along rows"),
        ((1, 9000), (1, 63), "1 products with bands of 70x8 over float32, along rows"),
        ((9000, 2), (15, 15), "15 products with bands of 4x2 over float32, along rows"),
        ((9000, 1), (63, 1), "1 products with bands of 70x8 over float32, in pieces side by side"),
        ((300, 300), (63, 1), "1 products with bands of 70x8 over float32"),
        ((300, 300), (3, 3), "3 products with bands of 6x4 over float32"),
    ],
    ids=str,
)
@pytest.mark.parametrize("hole", [None, np.nan, np.inf])
def test_long_sums_run_down_columns(shape, sides, how, hole):
    rng = np.random.default_rng(0)
    image, kernel = rng.random(shape, "f4"), rng.random(sides)
    plan = plan_of(image, kernel)
    assert plan.describe() == f"toeplitz: {how} (floating point)"
    if hole is not None:
        image[shape[0] // 2, shape[1] // 2] = hole
    expected = convolve(image, kernel[::-1, ::-1], method="fft")
    found = cross_correlate(image, kernel)
    np.testing.assert_allclose(found, expected, rtol=2e-5)
    np.testing.assert_array_equal(found, cross_correlate(image, kernel, threads=2))


def test_the_cost_hardly_depends_on_the_direction():
    square, tall = np.zeros((1000, 1000), "f4"), np.zeros((100_000, 2), "f4")
    kernel = np.random.default_rng(0).standard_normal((63, 1))

    def cost(image, kernel):
        plan = plan_of(image, kernel)
        return plan.costs[plan.method]

    assert cost(square, kernel.T) < 2.5 * cost(square, kernel)
    assert cost(tall, kernel) < 2.5 * cost(square, kernel)
    # The padding on both sides is read, and turned, but not summed: 126 passes over 32 times more.
    assert cost(tall, kernel.T) < 126
