"""Small images, whose strips are kept from call to call with all that depends on their memory."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convcli import cross_correlate
from convcli.core.methods import toeplitz
from convcli.core.methods.base import Workspace
from convcli.core.padding import PaddedImage
from convcli.core.plan import make_plan
from convcli.core.strip_sums import Strip
from convcli.geometry import ConvOptions

KERNELS = {
    "integers": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]),
    "quotients": np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16,
    "canceling": np.array([[0.1, -0.7, 0.1], [0.3, 0.5, -0.3], [0.1, -0.2, 0.1]], np.float32),
    "dense": np.linspace(0.1, 0.9, 15, dtype=np.float32).reshape(3, 5),
    "zeros": np.zeros((3, 3), np.float32),
}
OPTIONS = [
    {},
    {"stride": 2},
    {"border": "constant", "fill": 7, "dilation": (2, 1)},
    {"border": "zero", "padding": (20, 3), "stride": (4, 1)},
]


def images(kind, shape, rng):
    """Return images that are summed in different ways, each after each other."""
    calm = rng.integers(0, 200, shape).astype(kind)
    even = np.full(shape, 200, kind)
    found = [calm, even, np.zeros(shape, kind)]
    if np.dtype(kind).kind == "f":
        for value in (np.nan, np.inf, -3e38, 1e-42):
            found.append(calm.copy())
            found[-1][3, 4] = value
        found.append(even + 1e-3 * calm)
        found.append(calm * np.array(1e-39, kind))
    return [found[place] for place in rng.permutation(2 * len(found)) % len(found)]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("kind", ["u1", "i4", "f4", "f8"])
@pytest.mark.parametrize("shape", [(9, 11), (7, 8, 3)])
def test_a_result_does_not_depend_on_earlier_ones(shape, kind, name, options, rng):
    kernel = KERNELS[name]
    for method in ("auto", "direct"):
        sequence = images(kind, shape, rng)
        found = [cross_correlate(image, kernel, method=method, **options) for image in sequence]
        for image, result in zip(sequence, found, strict=True):
            # A list is as good as a number, but such a plan is not kept.
            alone = options | {"stride": list(np.broadcast_to(options.get("stride", 1), 2))}
            expected = cross_correlate(image, kernel, method=method, **alone)
            np.testing.assert_array_equal(result, expected)


def test_calls_at_the_same_time_have_strips_of_their_own(rng):
    kernel = KERNELS["dense"]
    several = [rng.random((40, 50), np.float32) for _ in range(8)]
    expected = [cross_correlate(image, kernel) for image in several]

    def repeat(place):
        return all(
            np.array_equal(cross_correlate(several[place], kernel), expected[place])
            for _ in range(200)
        )

    with ThreadPoolExecutor(len(several)) as pool:
        assert all(pool.map(repeat, range(len(several))))


def test_no_image_is_kept(rng):
    kernel = KERNELS["dense"]
    for _ in range(3):
        image = rng.random((9, 11), np.float32)
        cross_correlate(image, kernel)
        known = weakref.ref(image)
        del image
        gc.collect()
        assert known() is None


@pytest.mark.parametrize("dilation", [1, (2, 3)])
@pytest.mark.parametrize("shape", [(9, 11), (40, 30, 3), (23, 1)])
@pytest.mark.parametrize("side", [1, 2, 5, 15])
def test_products_made_at_once_give_the_same_bytes(side, shape, dilation, rng, monkeypatch):
    image, kernel = rng.random(shape, np.float32), rng.random((side, side), np.float32)
    kernel[:, 0] = kernel[0, -1] = 0
    options = {"dilation": dilation, "method": "toeplitz", "border": "reflect"}
    at_once = cross_correlate(image, kernel, **options)
    monkeypatch.setattr(toeplitz, "AT_ONCE", 0)
    one_by_one = cross_correlate(image, np.concatenate([kernel]), **options, stride=[1, 1])
    assert at_once.tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("method", ["direct", "toeplitz"])
@pytest.mark.parametrize("stride", [1, 2])
def test_what_a_strip_held_before_does_not_matter(stride, method, rng):
    image = rng.random((9, 11, 1), np.float32)
    plan = make_plan(image, KERNELS["dense"], ConvOptions(stride=stride), method=method)
    strip = Strip(plan, plan.shape[0], Workspace())
    padded = PaddedImage(image, plan.padded_rows)
    sums = strip.sum(padded, 0).copy()
    for buffer in strip.workspace.values():
        buffer[...] = 255  # NaN
    np.testing.assert_array_equal(strip.sum(padded, 0), sums)
