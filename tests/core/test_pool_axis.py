"""Windows of all sizes against plain loops, exactly; long windows, wide strips and memory."""

import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage

from convcli import pool
from convcli.core.pool_axis import doubling_passes

INTEGERS = ["bool", "uint8", "int8", "uint16", "int16", ">i2", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64", ">f4"]


@st.composite
def poolings(draw):
    """An image's size and arguments that fit it: windows up to 40, and strides up to 70."""
    size, stride, padding, shape = [], [], [], []
    for _ in range(2):
        length = draw(st.integers(1, 40))
        size.append(length)
        stride.append(draw(st.sampled_from([1, 2, 3, length, draw(st.integers(1, 70))])))
        padding.append(draw(st.integers(0, length // 2)))
        shape.append(length - 2 * padding[-1] + draw(st.integers(0, 40)))
    shape = [max(1, n) for n in shape]
    flags = {"count_padding": draw(st.booleans()), "ceil": draw(st.booleans())}
    return tuple(shape), {"size": size, "stride": stride, "padding": padding, **flags}


def windows_of(image, arguments):
    """Yield each window's place in the result, its pixels, and how many pixels a mean counts."""
    counts, places = [], []
    for axis, (n, k, s, p) in enumerate(
        zip(image.shape, *(arguments[name] for name in ("size", "stride", "padding")), strict=True)
    ):
        steps = Fraction(n + 2 * p - k, s)
        count = (-(-steps // 1) if arguments["ceil"] else steps // 1) + 1
        count -= arguments["ceil"] and (count - 1) * s >= n + p
        starts = [s * place - p for place in range(count)]
        whole = [min(start + k, image.shape[axis] + p) - start for start in starts]
        places.append([slice(max(start, 0), start + k) for start in starts])
        counts.append(whole)
    for row, rows in enumerate(places[0]):
        for column, columns in enumerate(places[1]):
            window = image[rows, columns]
            padded = counts[0][row] * counts[1][column]
            yield (row, column), window, padded if arguments["count_padding"] else window.size


def image_of(shape, dtype, seed):
    """Return noise: integers over their whole range (up to 2**40, where float64 holds the sums)."""
    random = np.random.default_rng(seed)
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return random.random(shape) < 0.5
    if kind.kind == "f":
        return random.normal(size=shape).astype(kind)
    limits = np.iinfo(kind)
    low, high = max(limits.min, -(2**40)), min(limits.max, 2**40)
    return random.integers(low, high, shape, kind.newbyteorder("="), endpoint=True).astype(kind)


@given(poolings(), st.sampled_from(INTEGERS), st.integers(0, 99))
@example(((9, 80), {"size": (9, 80), "stride": (1, 1), "padding": (0, 0),
                    "count_padding": True, "ceil": False}), "uint16", 0)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_integers_are_pooled_exactly(pooling, dtype, seed):
    shape, arguments = pooling
    image = image_of(shape, dtype, seed)
    most, mean = (pool(image, kind=kind, **arguments) for kind in ("max", "avg"))
    assert most.dtype == image.dtype
    assert mean.dtype == np.result_type(image.dtype, np.float32)
    for place, window, count in windows_of(image, arguments):
        assert most[place] == window.max()
        assert mean[place] == mean.dtype.type(int(window.sum(dtype=object)) / count)


@pytest.mark.slow
@given(poolings(), st.sampled_from(FLOATS), st.integers(1, 3), st.booleans(), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_floats_lose_no_digits_and_keep_nan_in_its_windows(pooling, dtype, channels, odd, seed):
    shape, arguments = pooling
    images = image_of((*shape, channels), dtype, seed)
    if odd:
        values = np.random.default_rng(seed).random(images.shape)
        for place, value in enumerate((np.nan, np.inf, -np.inf, 6e4, -6e4)):
            images[(values >= place / 99) & (values < (place + 1) / 99)] = value
    most, mean = (pool(images, kind=kind, **arguments) for kind in ("max", "avg"))
    digits = 1e-7 if mean.dtype == np.float32 else 1e-14
    for channel in range(channels):
        image = images[..., channel].astype(np.float64)
        for place, window, count in windows_of(image, arguments):
            np.testing.assert_array_equal(most[*place, channel], window.max().astype(dtype))
            with np.errstate(invalid="ignore"):
                total, size = window.sum() / count, np.abs(window[np.isfinite(window)]).sum()
            if np.isfinite(total):
                assert abs(mean[*place, channel] - total) <= digits * size
            else:
                np.testing.assert_array_equal(mean[*place, channel], total)
        alone = pool(images[..., channel], kind="avg", **arguments)
        np.testing.assert_array_equal(alone, mean[..., channel])  # to the last bit


@given(st.integers(2, 1 << 40), st.booleans())
def test_passes_reach_the_length_in_the_logarithm_of_it(length, overlap):
    passes, width = doubling_passes(length, overlap=overlap), 1
    for shift, doubling in passes:
        assert (shift <= width) if overlap else (shift == width)  # no gap, and nothing twice
        width = shift + (width if doubling else 1)
    assert width == length
    assert len(passes) <= (1 if overlap else 2) * length.bit_length()


@pytest.mark.parametrize(
    ("shape", "size"), [((400, 3000), (61, 3)), ((300, 1500), (2, 200)), ((2500, 300), (7, 33))]
)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_images_wider_and_taller_than_a_strip(shape, size, dtype):
    image = (np.random.default_rng(0).random(shape) * 255).astype(dtype)
    before = image.copy()
    places = np.s_[
        size[0] // 2 : shape[0] - (size[0] - 1) // 2, size[1] // 2 : shape[1] - (size[1] - 1) // 2
    ]
    most = ndimage.maximum_filter(image, size)[places]
    np.testing.assert_array_equal(pool(image, size, stride=1), most)
    mean = ndimage.uniform_filter(image.astype(float), size)[places]
    pooled = pool(image, size, "avg", 1)
    np.testing.assert_allclose(pooled, mean, rtol=1e-6)
    np.testing.assert_array_equal(pool(image, size, "avg", 1, threads=1), pooled)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("channels", [1, 3, 20])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "float64"])
def test_the_whole_image_is_one_window(dtype, channels):
    image = (np.random.default_rng(0).normal(size=(130, 70, channels)) * 50).astype(dtype)
    for size, arguments in [((130, 70), {}), ((140, 80), {"padding": 5, "count_padding": False})]:
        assert (
            pool(image, size, **arguments).tolist()
            == image.max(axis=(0, 1), keepdims=True).tolist()
        )
        mean = image.mean(axis=(0, 1), keepdims=True, dtype=float)
        np.testing.assert_allclose(pool(image, size, "avg", **arguments), mean, rtol=1e-6)


@pytest.mark.parametrize("order", ["rows turned round", "columns first", "every second"])
@pytest.mark.parametrize("stride", [1, 3, 5])
def test_images_whose_memory_is_in_another_order(order, stride):
    image = np.random.default_rng(0).integers(0, 255, (40, 60), np.uint8)
    given = {
        "rows turned round": image[::-1],
        "columns first": image.T,
        "every second": image[:, ::2],
    }
    expected = sliding_window_view(given[order], (5, 5))[::stride, ::stride]
    np.testing.assert_array_equal(pool(given[order], 5, stride=stride), expected.max(axis=(2, 3)))


@pytest.mark.parametrize("size", [(300, 1), (70, 2)])
def test_digits_of_a_channel_do_not_depend_on_the_others(size):
    image = np.random.default_rng(0).normal(size=(300, 8, 3))
    pooled = pool(image, size, "avg")
    np.testing.assert_array_equal(pool(image[..., 1], size, "avg"), pooled[..., 1])


@pytest.mark.parametrize(
    ("kind", "size", "stride"),
    [("max", 900, 900), ("avg", 900, 900), ("avg", 900, 1), ("avg", 3, 1), ("max", 3, 1)],
)
def test_memory_is_a_part_of_the_image(kind, size, stride):
    image = np.ones((1000, 3000), np.float32)
    tracemalloc.start()
    pooled = pool(image, (size, 1), kind, (stride, 1), threads=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - pooled.nbytes < image.nbytes


def test_integers_whose_sums_no_integer_holds():
    image = np.full((3, 3), 2**64 - 1, np.uint64)
    assert pool(image, 3, "avg").tolist() == [[2.0**64]]
    assert pool(np.full((3, 3), -(2**63), np.int64), 3, "avg").tolist() == [[-(2.0**63)]]
