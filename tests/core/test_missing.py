"""Missing pixels, against a plain loop over the windows."""

import warnings

import numpy as np
import pytest

from convcli import UsageError, convolve, cross_correlate, explain, plot
from convcli.geometry import ConvOptions

RNG = np.random.default_rng(11)
BLUR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
MODES = {"edge": "edge", "zero": "constant", "reflect": "reflect", "symmetric": "symmetric",
         "wrap": "wrap", "constant": "constant"}  # fmt: skip


def one_value(window, missing, weights, anchor, min_valid):
    """The value of one window, (C, kh, kw) as the weights; NaN if there is none.

    ``anchor`` is the pixel at the anchor and whether it is missing, for each channel.
    """
    total = np.abs(weights).sum()
    valid = np.abs(weights)[~missing].sum()
    if total and not (valid > 0 and valid >= min_valid * total):
        return np.nan
    if (weights >= 0).all() or (weights <= 0).all():
        return (window * weights)[~missing].sum() * total / valid if total else 0
    values, lost = anchor
    filled = window.copy()
    for channel, plane in enumerate(filled):
        if weights[channel].any() and lost[channel]:
            return np.nan
        plane[missing[channel]] = values[channel]
    return (filled * weights).sum()


def looped(image, mask, kernel, *, padding="same", border="edge", fill=0.0, stride=1, dilation=1,
           anchor="before", min_valid=0.0):  # fmt: skip
    """(H, W, C) and (N, C, kh, kw) to (H', W', N), one window after the other."""
    options = ConvOptions("correlate", padding, border, fill, stride, dilation, anchor)
    geometry = options.geometry(image.shape[:2], kernel.shape[-2:])
    pads = geometry.pads
    widths = ((pads.top, pads.bottom), (pads.left, pads.right), (0, 0))
    filled = {"constant_values": fill} if border == "constant" else {}
    padded = np.pad(np.where(mask, 0, image).astype(float), widths, MODES[border], **filled)
    lost = np.pad(mask, widths, MODES[border])
    (kh, kw), (down, across) = geometry.kernel, geometry.dilation
    out = np.empty((*geometry.output_shape, len(kernel)))
    for row, column, number in np.ndindex(out.shape):
        top, left = row * geometry.stride[0], column * geometry.stride[1]
        place = slice(top, top + kh * down, down), slice(left, left + kw * across, across)
        seen = padded[place].transpose(2, 0, 1), lost[place].transpose(2, 0, 1)
        at = top + geometry.anchor[0], left + geometry.anchor[1]
        anchor = padded[at], lost[at]
        out[row, column, number] = one_value(*seen, kernel[number], anchor, min_valid)
    return out


@pytest.mark.parametrize("seed", range(40))
def test_every_option_gives_the_values_of_a_loop(seed):
    rng = np.random.default_rng(seed)
    channels, shape = int(rng.integers(1, 4)), rng.integers(1, 5, 2)
    image = rng.integers(0, 256, (*rng.integers(6, 12, 2), channels)).astype(np.uint8)
    mask = rng.random(image.shape) < 0.35
    mask = mask if seed % 2 else np.repeat(mask[..., :1], channels, axis=2)
    kernel = rng.integers(0 if seed % 3 else -3, 4, (2, channels, *shape))
    kernel[1] *= -1 if seed % 5 else 1
    border = list(MODES)[seed % 6]
    options = {
        "padding": ["same", "valid", "full", 2, "same-lower"][seed % 5],
        "border": border,
        "fill": 2.5 if border == "constant" else 0,
        "stride": int(rng.integers(1, 3)),
        "dilation": 1 if border == "reflect" else int(rng.integers(1, 3)),
        "anchor": ["before", "after"][seed % 2] if seed % 5 != 4 else "before",
        "min_valid": [0, 0.5, 1][seed % 3],
    }
    tolerance = 1e-6 if border == "constant" else 1e-12
    close = {"rtol": tolerance, "atol": tolerance}
    try:
        expected = looped(image, mask, kernel, **options)
    except UsageError as error:  # a kernel larger than the image
        pytest.skip(str(error))
    result = cross_correlate(image, kernel, mask=mask if seed % 2 else mask[..., 0], **options)
    # Integer sums become float64, which holds them; a fractional fill gives float32 as always.
    assert result.dtype == (np.float32 if border == "constant" else np.float64)
    np.testing.assert_allclose(result, expected, **close)
    np.testing.assert_allclose(
        cross_correlate(image, kernel[1], mask=mask, **options), expected[..., 1], **close
    )
    for channel in range(channels):  # a 2-D kernel filters each channel on its own
        place = slice(channel, channel + 1)
        alone = looped(image[..., place], mask[..., place], kernel[:1, :1], **options)[..., 0]
        both = cross_correlate(image, kernel[0, 0], mask=mask, **options)
        np.testing.assert_allclose(both[..., channel], alone, **close)


def test_a_mean_over_nan_is_that_of_the_other_pixels_to_the_smallest_weights():
    image = RNG.random((40, 50))
    image[5:35, 5:45] = np.nan
    kernel = np.exp(-np.add.outer(np.arange(-9, 10) ** 2, np.arange(-9, 10) ** 2) / 8.0)
    kernel += np.outer(np.arange(19) % 5, np.arange(19) % 3) * 1e-12  # not separable
    result = cross_correlate(image, kernel / kernel.sum(), nan="ignore")
    lost = np.isnan(image)
    expected = looped(image[..., None], lost[..., None], (kernel / kernel.sum())[None, None])
    np.testing.assert_allclose(result, expected[..., 0], rtol=1e-9)
    assert np.isnan(result[20, 25])
    assert np.isnan(cross_correlate(image, kernel)[0, 0])


def test_masked_arrays_are_taken_and_masks_join_nan():
    image = RNG.integers(0, 99, (8, 9)).astype(float)
    masked = np.ma.masked_greater(image, 60)
    expected = cross_correlate(image, BLUR, mask=image > 60)
    np.testing.assert_array_equal(cross_correlate(masked, BLUR), expected)
    np.testing.assert_array_equal(convolve(masked, BLUR), expected)
    with_nan = np.where(image > 80, np.nan, image)
    both = cross_correlate(with_nan, BLUR, mask=(image > 60) * 5, nan="ignore")
    np.testing.assert_array_equal(both, expected)
    assert type(expected) is np.ndarray
    signal = np.ma.masked_array([1, 2, 90, 8], [0, 0, 1, 0])
    assert cross_correlate(signal, [1, 1, 1]).tolist() == [4, 4.5, 15, 24]
    assert convolve(signal, [1, 1]).tolist() == [2, 3, 4, 16]


def test_an_infinite_anchor_without_weight_harms_no_window_that_has_all_its_pixels():
    image = np.arange(30.0).reshape(5, 6)
    image[1, 1], image[4, 5] = np.inf, np.nan
    result = cross_correlate(image, "sobel-x", nan="ignore")
    plain = cross_correlate(image, "sobel-x")
    assert result[1, 1] == plain[1, 1] == 8
    np.testing.assert_array_equal(result[:3, :4], plain[:3, :4])
    color = np.dstack([image, image + 1])
    each = np.stack([SOBEL, SOBEL])
    assert cross_correlate(color, each, nan="ignore")[1, 1] == 16
    assert cross_correlate(color, each[None], nan="ignore")[1, 1, 0] == 16


def test_bias_divisor_families_and_types_follow_the_scaling():
    image = RNG.integers(0, 256, (9, 9)).astype(np.uint8)
    mask = np.zeros((9, 9), bool)
    mask[4, 4] = True
    sums = cross_correlate(image, BLUR, mask=mask)
    values = cross_correlate(image, BLUR, mask=mask, divisor=16, bias=3)
    np.testing.assert_allclose(values, sums / 16 + 3, rtol=1e-6)
    assert values.dtype == np.float32
    x, y = (cross_correlate(image, kernel, mask=mask) for kernel in (SOBEL, SOBEL.T))
    edges = cross_correlate(image, "sobel", mask=mask)
    np.testing.assert_allclose(edges, np.hypot(x, y))
    assert np.flatnonzero(np.isnan(edges)).tolist() == [40]
    pixels = cross_correlate(image, SOBEL, mask=mask, dtype=np.uint8)
    np.testing.assert_array_equal(pixels, np.nan_to_num(x).clip(0, 255))


def test_without_missing_pixels_values_are_those_of_the_ordinary_sum():
    image = RNG.integers(0, 256, (200, 300, 3)).astype(np.uint8)
    for kernel in (BLUR, SOBEL, RNG.integers(-9, 9, (4, 3, 2, 3))):
        kept = cross_correlate(image, kernel, mask=np.zeros((200, 300)))
        np.testing.assert_array_equal(kept, cross_correlate(image, kernel))


def test_weights_of_0_give_0_whatever_is_missing():
    image, mask = RNG.integers(1, 9, (4, 5)), np.ones((4, 5))
    assert not cross_correlate(image, [[0, 0]], mask=mask).any()
    bank = cross_correlate(image, [[[[0, 0]]], [[[1, 1]]]], mask=mask, bias=[2, 3])
    assert (bank[..., 0] == 2).all()
    assert np.isnan(bank[..., 1]).all()


def test_threads_and_the_input_do_not_change():
    image = RNG.random((700, 800, 3))
    image[RNG.random(image.shape) < 0.1] = np.nan
    copy = image.copy()
    one, two = (cross_correlate(image, SOBEL, nan="ignore", threads=n) for n in (1, 2))
    assert one.tobytes() == two.tobytes()
    assert image.tobytes() == copy.tobytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask": np.zeros((3, 4))}, "the mask is 4x3, but the image is 5x5; make them equal"),
        ({"mask": np.zeros((5, 5, 3))}, "the mask has 3 channels, but the image has 1"),
        ({"mask": [0, 1]}, "of the image, not"),
        ({"mask": "m.png"}, "mask must be an array"),
        ({"nan": "omit"}, "nan must be 'propagate' or 'ignore', not 'omit'"),
        ({"nan": "ignore", "min_valid": 2}, "min_valid must be from 0 to 1, not 2"),
        ({"min_valid": 0.5}, "min_valid needs mask, nan='ignore' or a masked array"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        cross_correlate(np.ones((5, 5)), BLUR, **options)


def test_explain_and_plot_leave_the_same_pixels_out():
    image = RNG.integers(1, 99, (6, 7)).astype(np.uint8)
    mask = RNG.random((6, 7)) < 0.4
    for kernel in (BLUR, SOBEL):
        for rule in (0, 0.7):
            values = cross_correlate(image, kernel, mask=mask, min_valid=rule)
            for at in np.ndindex(values.shape):
                told = explain(image, kernel, at, mask=mask, min_valid=rule, range="raw")
                np.testing.assert_allclose(told.outputs[0].value, values[at], rtol=1e-12)
                same = explain(np.ma.array(image, mask=mask), kernel, at, min_valid=rule)
                np.testing.assert_equal(same.outputs[0].value, told.outputs[0].value)
    numbers = np.where(mask, np.nan, image)
    drawn = [
        plot(np.ma.array(image.astype(float), mask=mask), "blur", panels=["input", "result"]),
        plot(numbers, "blur", nan="ignore", panels=["input", "result"]),
    ]
    for figure in drawn:
        shown = [text.get_text() for axes in figure.axes for text in axes.texts]
        assert (
            shown.count("nan")
            == mask.sum() + np.isnan(cross_correlate(image, "blur", mask=mask)).sum()
        )
    assert explain([1, 2, 90, 8], [1, 1, 1], 1, mask=[0, 0, 1, 0]).outputs[0].value == 4.5
    with pytest.raises(UsageError, match="min_valid needs mask"):
        explain(image, BLUR, (0, 0), min_valid=1)
    with pytest.raises(UsageError, match="the mask is 1x2"):
        plot(image, BLUR, mask=[[1], [0]])


def test_a_masked_array_takes_no_second_mask_and_is_no_short_signal():
    with pytest.raises(UsageError, match="give one of the two"):
        cross_correlate(np.ma.masked_equal([[1, 2]], 2), [[1]], mask=[[0, 1]])
    with pytest.raises(UsageError, match="must not be shorter than its kernel"):
        convolve([1, 2], [1, 2, 3], mask=[0, 1])


@pytest.mark.parametrize("seed", range(12))
def test_means_are_those_of_astropy(seed):
    astropy = pytest.importorskip("astropy.convolution")
    rng = np.random.default_rng(seed)
    image = rng.random((13, 17))
    image[rng.random(image.shape) < 0.3] = np.nan
    mask = rng.random(image.shape) < 0.2 if seed % 2 else None
    kernel = rng.integers(0, 5, rng.integers(0, 3, 2) * 2 + 1) + np.array([[0.5]])
    border, boundary = [("edge", "extend"), ("wrap", "wrap"), ("zero", "fill")][seed % 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of windows without valid pixels
        expected = astropy.convolve(image, kernel, boundary, mask=mask, nan_treatment="interpolate")
    weights = kernel[::-1, ::-1] / kernel.sum()
    result = cross_correlate(image, weights, border=border, mask=mask, nan="ignore")
    np.testing.assert_allclose(result, expected, rtol=1e-9)


def by_astropy(image, weights):
    astropy = pytest.importorskip("astropy.convolution")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return astropy.convolve(
            np.array([image]), [weights[::-1]], "extend", normalize_kernel=False
        )[0]


def test_astropy_keeps_a_pixel_whose_window_has_valid_pixels_of_weight_0_alone():
    """Other windows of weights of one sign are equal."""
    image = [1, np.nan, 5, np.nan, 9, 2, 3]
    ours = cross_correlate([image], [[0.5, 0, 0.5]], nan="ignore")[0]
    theirs = by_astropy(image, [0.5, 0, 0.5])
    assert np.isnan(ours).tolist() == [place == 2 for place in range(7)]
    assert theirs[2] == image[2]
    np.testing.assert_allclose(np.delete(ours, 2), np.delete(theirs, 2))


def test_astropy_scales_sums_of_weights_of_both_signs():
    image = [1, np.nan, 5, 4, 9]
    theirs = by_astropy(image, [-1, 4, -1])
    ours = cross_correlate([image], [[-1, 4, -1]], nan="ignore")[0]
    assert theirs[0] == (-1 + 4) * 2 / 3  # scaled by sum(w) / sum(valid w)
    assert ours[0] == -1 + 4 - 1  # with the pixel at the anchor in place of NaN
    assert np.isnan(ours).tolist() == [False, True, False, False, False]
    assert theirs[1] == (1 + 5)
    np.testing.assert_allclose(theirs[3:], ours[3:])
    with pytest.raises(ValueError, match="sum close to zero"):
        by_astropy(image, [-1, 0, 1])
