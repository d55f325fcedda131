"""Banks in groups: each run of channels by itself, and torch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import Kernel, convolve, cross_correlate
from convcli.errors import ConvcliError

RNG = np.random.default_rng(0)


def numbers(dtype, shape):
    if np.dtype(dtype).kind == "f":
        return RNG.normal(scale=50, size=shape).astype(dtype)
    return RNG.integers(-5 if np.dtype(dtype).kind == "i" else 0, 200, shape).astype(dtype)


@given(st.data())
@settings(max_examples=40)
def test_it_is_each_run_of_channels_by_itself(data):
    draw = data.draw
    filter_ = draw(st.sampled_from([cross_correlate, convolve]))
    groups, each, count = (draw(st.integers(1, 3)) for _ in range(3))
    image = numbers(draw(st.sampled_from(["u1", "i4", "f4", "f8", "?"])), (9, 8, groups * each))
    size = draw(st.sampled_from([(1, 1), (3, 3), (2, 5)]))
    bank = numbers(draw(st.sampled_from(["i8", "f4"])), (groups * count, each, *size))
    options = draw(
        st.sampled_from(
            [
                {},
                {"stride": 2, "dilation": (2, 1), "padding": "full", "border": "reflect"},
                {"dtype": np.uint8, "divisor": 3},
                {"method": "direct", "border": "constant", "fill": 0.5},
                {"mask": RNG.random((9, 8)) < 0.2, "min_valid": 0.3},
            ]
        )
    )
    bias = draw(st.sampled_from([None, 7, numbers("i8", groups * count), 0.25]))
    got = filter_(image, bank, groups=groups, bias=bias, **options)
    biases = np.broadcast_to(np.asarray(0 if bias is None else bias), groups * count)
    maps = [
        filter_(
            image[..., number * each : (number + 1) * each],
            bank[number * count : (number + 1) * count],
            bias=None if bias is None else biases[number * count : (number + 1) * count],
            **options,
        )
        for number in range(groups)
    ]
    expected = np.concatenate(maps, axis=2)
    assert got.dtype == expected.dtype
    if got.dtype.kind == "f":
        scale = np.nanmax(np.abs(expected), initial=0)
        np.testing.assert_allclose(got, expected, rtol=0, atol=2e-5 * scale)
    else:
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("channels", "filters", "groups"), [(6, 9, 3), (8, 8, 8), (4, 12, 4)])
def test_it_is_torchs(channels, filters, groups):
    torch = pytest.importorskip("torch")
    image = numbers("f4", (10, 11, channels))
    bank, bias = numbers("f4", (filters, channels // groups, 3, 2)), numbers("f4", filters)
    batch = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    weights = torch.from_numpy(bank), torch.from_numpy(bias)
    [expected] = torch.nn.functional.conv2d(batch, *weights, (2, 1), 1, (1, 2), groups).numpy()
    got = cross_correlate(
        image, bank, padding=1, border="zero", stride=(2, 1), dilation=(1, 2), groups=groups,
        bias=bias,
    )  # fmt: skip
    assert got.shape == expected.transpose(1, 2, 0).shape
    np.testing.assert_allclose(got, expected.transpose(1, 2, 0), atol=1e-5 * np.abs(got).max())


def test_a_bias_that_cancels_the_sums_costs_no_accuracy():
    image = np.full((5, 5, 2), 1000, "f4") + numbers("f4", (5, 5, 2)) / 5000
    bank = np.full((2, 1, 3, 3), 1 / 9, "f4")
    got = cross_correlate(image, bank, groups=2, bias=[-1000, -1000])
    exact = cross_correlate(image.astype("f8"), bank.astype("f8"), groups=2) - 1000
    assert np.abs(got - exact).max() <= 1e-5 * np.abs(exact).max()


def test_a_batch_a_list_of_kernels_and_masks_for_each_channel():
    batch = numbers("u1", (2, 5, 6, 2))
    kernels = [Kernel([[1, 2]]), Kernel([[0, 3]])]
    mask = RNG.random(batch.shape) < 0.2
    got = cross_correlate(batch, kernels, groups=2, mask=mask)
    for image, own, maps in zip(batch, mask, got, strict=True):
        for channel, kernel in enumerate(kernels):
            alone = cross_correlate(image[..., channel], kernel, mask=own[..., channel])
            np.testing.assert_array_equal(maps[..., channel], alone)


@pytest.mark.parametrize(
    ("kernel", "groups", "problem"),
    [
        (np.ones((6, 1, 3, 3)), 4, "6 channels cannot be divided into groups=4 equal runs"),
        (np.ones((5, 3, 3, 3)), 2, "5 filters cannot be divided into groups=2 equal runs"),
        (np.ones((4, 6, 3, 3)), 2, "sums over 6 channels, and the image has 3 in each of groups=2"),
        (np.ones((4, 2, 3, 3)), 1, "kernel sums over 2 channels, the image has 6"),
        (np.ones((6, 2, 3, 3)), 1, "with groups=3 it fits"),
        (
            "blur",
            2,
            r"groups=2 takes a bank \(N, C / groups, kh, kw\), not weights of shape ",
        ),
        ("sobel", 2, r"groups takes a bank \(N, C / groups, kh, kw\), not a family"),
        (np.ones((6, 1, 3, 3)), 0, "groups must be at least 1, not 0"),
        (np.ones((6, 1, 3, 3)), 2.5, "groups must be a whole number, not 2.5"),
    ],
)
def test_what_does_not_fit_is_refused(kernel, groups, problem):
    with pytest.raises(ConvcliError, match=problem):
        cross_correlate(np.ones((5, 5, 6)), kernel, groups=groups)


@pytest.mark.parametrize("each", [1, 2])
def test_groups_of_numbers_at_the_ends_of_float64_are_those_alone(each):
    row = [1e308, 1e308, -1e308, -1e308, 1e308, 0, 0, 0]
    image = np.zeros((1, 8, 2 * each))
    image[0, :, 0], image[0, :, each - 1] = np.negative(row), row
    bank = np.ones((2, each, 1, 5))
    alone = cross_correlate(image[..., :each], bank[:1], border="zero")
    found = cross_correlate(image, bank, groups=2, border="zero")
    np.testing.assert_array_equal(found[..., :1], alone)


@pytest.mark.parametrize("weight", [1e20, 1e38])
@pytest.mark.parametrize("each", [1, 2])
def test_groups_take_weights_whose_squares_exceed_float32(weight, each):
    image = np.full((3, 3, 2 * each), 1e-30, np.float32)
    found = cross_correlate(image, np.full((2, each, 1, 1), weight), groups=2)
    np.testing.assert_allclose(found, each * weight * 1e-30, rtol=1e-6)


@pytest.mark.parametrize(("kind", "fill"), [("f2", 1e5), ("f2", 0.1), ("f4", 0.1), ("f4", 1e300)])
def test_groups_take_a_fill_that_their_type_does_not_hold(kind, fill):
    image, options = np.ones((1, 2, 2), kind), {"border": "constant", "fill": fill}
    alone = cross_correlate(image[..., :1], np.ones((1, 3)), **options)
    found = cross_correlate(image, np.ones((2, 1, 1, 3)), groups=2, **options)
    np.testing.assert_allclose(found[..., :1], alone, rtol=1e-6)
