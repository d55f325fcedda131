"""The Python functions: what they accept as images, kernels and numbers, and what they refuse."""

import inspect
import re
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from scipy import ndimage

import convcli
from convcli import (
    Chain,
    ConvcliError,
    GeometryError,
    Kernel,
    KernelError,
    KernelSet,
    UsageError,
    animate,
    convolve,
    cross_correlate,
    explain,
    explain_gradient,
    explore,
    get_filter,
    get_kernel,
    learn_bank,
    learn_kernel,
    list_kernels,
    output_size,
    pad,
    plan,
    plot,
    pool,
    read_image,
    receptive_field,
)
from convcli.choices import (
    ACTIVATION_NAMES,
    BORDER_SYNONYMS,
    BORDERS,
    COMBINATIONS,
    METHODS,
    OPERATIONS,
    PADDINGS,
    POOLINGS,
    RANGES,
)
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.teaching.learn.descent import Descent

GRAY = np.random.default_rng(0).integers(0, 256, (9, 11), np.uint8)
COLOR = np.random.default_rng(1).integers(0, 256, (9, 11, 3), np.uint8)
DEEP = np.random.default_rng(2).integers(0, 65536, (9, 11), np.uint16)


def palette_image():
    return Image.fromarray(COLOR).quantize(17)


# Images


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (GRAY.tolist(), GRAY.astype(int)),
        (Image.fromarray(GRAY), GRAY),
        (Image.fromarray(COLOR), COLOR),
        (Image.fromarray(DEEP), DEEP),
        (Image.fromarray(GRAY.astype(np.float32)), GRAY.astype(np.float32)),
        (Image.fromarray(GRAY > 99), 255 * (GRAY > 99)),
        (palette_image(), np.asarray(palette_image().convert("RGB"))),
        (Image.fromarray(COLOR).convert("CMYK"), None),
        (Image.fromarray(COLOR).convert("HSV"), None),
    ],
    ids=["list", "gray", "RGB", "16-bit", "float", "bits", "palette", "CMYK", "HSV"],
)
def test_images_of_every_kind_are_their_pixels(image, expected):
    if expected is None:
        expected = np.asarray(image.convert("RGB"))
    box = np.ones((3, 3), int)
    for function in (cross_correlate, convolve):
        np.testing.assert_array_equal(function(image, box), function(expected, box))
    np.testing.assert_array_equal(pool(image, 2), pool(expected, 2))
    of_image = explain(image, "box", (3, 4), range="raw")
    assert (
        of_image.outputs[0].value == explain(expected, "box", (3, 4), range="raw").outputs[0].value
    )
    learned = learn_kernel(image, cross_correlate(expected, [[1, 2, 1]]), (1, 3))
    np.testing.assert_allclose(learned.weights, [[1, 2, 1]], atol=1e-6)
    pairs = [image, image], [cross_correlate(expected, [[1, 2, 1]])] * 2
    np.testing.assert_allclose(learn_kernel(*pairs, (1, 3)).weights, [[1, 2, 1]], atol=1e-6)


CALLS = [
    lambda image: cross_correlate(image, [[1]]),
    lambda image: convolve(image, [[1]]),
    lambda image: pool(image, 1),
    lambda image: pad(image, 1),
    lambda image: explain(image, "box", (0, 0)),
    lambda image: learn_kernel(image, GRAY, 1),
    lambda image: learn_kernel(GRAY, image, 1),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (Image.new("RGBA", (3, 3)), r"has transparency.*image.convert\('RGB'\)"),
        (Image.new("LA", (3, 3)), r"has transparency.*image.convert\('L'\)"),
        ("photo.png", "not a file name; read the file first"),
        (np.zeros((2, 2, 3, 3, 1)), "5 dimensions"),
        ([[1, 2], [3]], "rows of equal length"),
        ([["a"]], "real numbers"),
        ([[10**400]], "integers beyond 64 bits"),
    ],
)
def test_what_is_no_image_is_refused(call, image, message):
    with pytest.raises(UsageError, match=message):
        call(image)


@pytest.mark.parametrize("call", CALLS[2:])
def test_a_batch_is_refused_where_images_are_taken_one_by_one(call):
    with pytest.raises(UsageError, match=r"4 dimensions.*one by one"):
        call(np.zeros((2, 3, 3, 1)))


BATCH = np.random.default_rng(3).integers(0, 256, (3, 6, 7, 3), np.uint8)
BANK = np.random.default_rng(4).integers(-9, 9, (5, 3, 2, 3))


@pytest.mark.parametrize("kernel", ["outline", "gaussian:5", "sobel", "luma", BANK])
@pytest.mark.parametrize("filter_", [cross_correlate, convolve])
def test_a_batch_is_filtered_image_by_image(filter_, kernel):
    options = {"stride": (2, 1), "border": "reflect", "bias": 3}
    expected = [filter_(image, kernel, **options) for image in BATCH]
    result = filter_(BATCH, kernel, **options)
    assert result.dtype == expected[0].dtype
    np.testing.assert_array_equal(result, expected)
    as_bytes = filter_(BATCH, kernel, dtype=np.uint8)
    np.testing.assert_array_equal(
        as_bytes, [filter_(image, kernel, dtype=np.uint8) for image in BATCH]
    )


@pytest.mark.parametrize("kernel", ["1 1", "sobel", [[2**23, 1]]])
def test_the_maps_of_a_batch_have_one_type(kernel):
    """The greatest value of all decides, also where an image of its own would do with less."""
    batch = np.ones((2, 4, 4, 1), np.int64)
    batch[1] = 2**40
    result = cross_correlate(batch, kernel)
    expected = cross_correlate(batch[1], kernel)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result[1], expected)
    np.testing.assert_array_equal(result[0], cross_correlate(batch[0], kernel))


@pytest.mark.parametrize("channels", [False, True])
def test_each_image_of_a_batch_has_its_mask(channels):
    mask = BATCH > 99 if channels else BATCH[..., 0] > 99
    expected = [
        cross_correlate(image, "blur", mask=lost) for image, lost in zip(BATCH, mask, strict=True)
    ]
    np.testing.assert_array_equal(cross_correlate(BATCH, "blur", mask=mask), expected)
    if channels:
        masked = np.ma.masked_array(BATCH, mask)
        np.testing.assert_array_equal(cross_correlate(masked, "blur"), expected)
    with_nan = np.where(BATCH > 200, np.nan, BATCH)
    expected = [cross_correlate(image, "blur", nan="ignore") for image in with_nan]
    np.testing.assert_array_equal(cross_correlate(with_nan, "blur", nan="ignore"), expected)


@pytest.mark.parametrize(
    ("batch", "options", "message"),
    [
        (BATCH[:0], {}, "batch without pixels, of shape .0, 6, 7, 3."),
        (
            BATCH,
            {"mask": BATCH[0] > 9},
            "mask must have the shape .3, 6, 7. or .3, 6, 7, 3. of the",
        ),
        (BATCH, {"mask": BATCH[:2] > 9}, "of the image, not .2, 6, 7, 3."),
        (
            BATCH[0],
            {"mask": BATCH > 9},
            "mask must have the shape .6, 7. or .6, 7, 3. of the image",
        ),
        (BATCH, {"kernel": BANK[:, :2]}, "kernel sums over 2 channels, the image has 3"),
    ],
)
def test_wrong_batches_are_refused(batch, options, message):
    with pytest.raises(UsageError, match=message):
        cross_correlate(batch, **{"kernel": "blur"} | options)


@pytest.mark.parametrize("call", [*CALLS[2:4], *CALLS[5:]])
def test_a_masked_array_is_refused_where_no_mask_is_used(call):
    with pytest.raises(UsageError, match=r"masked array, which only cross_correlate.*fill it"):
        call(np.ma.masked_array(GRAY, GRAY > 9))


def test_a_transparent_palette_is_refused_and_a_damaged_file_explained(tmp_path):
    image = palette_image()
    image.info["transparency"] = 0
    with pytest.raises(UsageError, match="transparency"):
        cross_correlate(image, [[1]])
    Image.fromarray(GRAY).save(tmp_path / "whole.png")
    content = (tmp_path / "whole.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    cut = Image.open(tmp_path / "cut.png")
    with cut, pytest.raises(UsageError, match="image cannot be read by Pillow"):
        cross_correlate(cut, [[1]])


# Kernels


@pytest.mark.parametrize("image", [GRAY, COLOR], ids=["gray", "RGB"])
@pytest.mark.parametrize("name", ["contour", "detail", "box:2x3", "box:4x3", "emboss"])
def test_a_kernel_is_taken_whole(image, name):
    kernel = get_kernel(name)
    for function in (cross_correlate, convolve):
        expected = function(
            image, kernel.matrix, divisor=kernel.divisor, bias=kernel.bias, dtype="u1"
        )
        np.testing.assert_array_equal(function(image, kernel, dtype="u1"), expected)
        np.testing.assert_array_equal(function(image, name, dtype="u1"), expected)
        changed = function(image, kernel, divisor=3, bias=-7)
        np.testing.assert_array_equal(changed, function(image, kernel.matrix, divisor=3, bias=-7))


def test_a_kernels_bias_is_in_8_bit_levels():
    kernel = Kernel([[0]], bias=2)
    assert cross_correlate(GRAY, kernel).max() == 2
    assert cross_correlate(DEEP, kernel).max() == 2 * 257
    assert cross_correlate(DEEP, kernel, bias=2).max() == 2
    assert cross_correlate(DEEP, [kernel, kernel]).max() == 2 * 257
    assert cross_correlate(DEEP, [kernel, kernel], bias=[1, 2]).max() == 2
    assert explain(DEEP, kernel, (0, 0)).outputs[0].value == 2 * 257


@pytest.mark.parametrize("image", [GRAY, COLOR, DEEP], ids=["gray", "RGB", "16-bit"])
@pytest.mark.parametrize("name", ["sobel", "prewitt", "kirsch"])
def test_a_family_gives_its_combined_map(image, name):
    depth = 8 * image.itemsize
    found = get_filter(name)
    for function, operation in ((cross_correlate, "correlate"), (convolve, "convolve")):
        conv = ConvOptions(operation)
        shell = Filter(name, found.kernels, found.combine, conv)
        pixels = filter_image(ImageData(image, depth), shell, depth).image.pixels
        for kernel in (name, found):
            np.testing.assert_array_equal(function(image, kernel, dtype=image.dtype), pixels)


def test_a_family_combines_in_float64_if_that_is_asked_for():
    image = np.array([[1e-9, 1, 1]], np.float32)
    pair = KernelSet("pair", (Kernel([[1, 0, 0]]), Kernel([[0, 0, 1]])), "magnitude")
    exact = np.sqrt(np.float64(image[0, 0]) ** 2 + 1)
    found = cross_correlate(image, pair, dtype=np.float64, padding="valid")
    assert (found.dtype, found.tolist()) == (np.float64, [[exact]])
    assert cross_correlate(image, pair, padding="valid").dtype == np.float32


def test_kernels_of_a_family_whose_maps_differ_in_size_are_refused():
    pair = KernelSet("pair", (Kernel([[1, 2]]), Kernel([[1]])), "sum")
    with pytest.raises(UsageError, match=r"differ in size: 10x9 and 11x9; padding same"):
        cross_correlate(GRAY, pair, padding="valid")
    rule: Any
    for rule in ("direction", "median", 3, []):
        with pytest.raises(
            UsageError, match="combine must be one of magnitude, max, sum, mean, not"
        ):
            cross_correlate(GRAY, KernelSet("pair", pair.kernels, rule))


@pytest.mark.parametrize("divisors", [(2, 2, 2), (2, 3, -4), (2, 0.5, 4), (1, 2**40, 3**20)])
def test_a_list_of_kernels_is_a_bank(divisors):
    matrices = np.random.default_rng(3).integers(-9, 10, (3, 3, 2))
    kernels = [
        Kernel(matrix, divisor, bias)
        for matrix, divisor, bias in zip(matrices, divisors, (0, 1, 0.5), strict=True)
    ]
    for function in (cross_correlate, convolve):
        bank = function(GRAY, kernels)
        assert bank.shape == (9, 11, 3)
        rounded = function(GRAY, kernels, dtype=np.int16)
        exact = max(divisors) < 2**40  # otherwise the common divisor exceeds 64 bits
        for place, kernel in enumerate(kernels):
            np.testing.assert_allclose(
                bank[..., place], function(GRAY, kernel), rtol=1e-6, atol=1e-4
            )
            one = function(GRAY, kernel, dtype=np.int16)
            np.testing.assert_allclose(rounded[..., place], one, atol=0 if exact else 1)
    assert cross_correlate(GRAY, kernels[:1]).shape == (9, 11, 1)
    assert explain(GRAY, ["outline"], (0, 0)).kernel == "outline"


def test_a_bank_takes_specs_and_kernels_over_channels():
    found = cross_correlate(GRAY, ["sobel-x", get_kernel("sobel-y")])
    np.testing.assert_array_equal(found[..., 1], cross_correlate(GRAY, "sobel-y"))
    summing = [Kernel(np.ones((3, 1, 1))), Kernel(np.full((3, 1, 1), 2))]
    np.testing.assert_array_equal(
        cross_correlate(COLOR, summing)[..., 1], 2 * COLOR.sum(axis=2, dtype=int)
    )


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([Kernel([[1]]), Kernel([[1, 2]])], r"one shape, 2-D or 3-D, not \(1, 1\), \(1, 2\)"),
        (
            [Kernel([[1]]), [[1]]],
            r"kernel\[1\] is no Kernel, but \[\[1\]\]; .*Kernel\(kernel\[1\]\)",
        ),
        ([np.ones((3, 3)), get_kernel("outline")], r"kernel\[0\] is no Kernel, but array"),
        ([[1, 2], "outline"], r"kernel\[0\] is no Kernel, but \[1, 2\]"),
        (["outline", Kernel([[1]]), None], r"kernel\[2\] is no Kernel, but None"),
        (KernelSet("mine", (Kernel([[1]]), 3)), r"kernels\[1\] is no Kernel, but 3"),
        ([Kernel([[1]]), "sobel"], "sobel names 2 kernels"),
        ([Kernel(np.ones((2, 1, 1, 1)))], "one shape, 2-D or 3-D"),
        ("nonsense", "no kernel is named 'nonsense'"),
        (b"1 2", "give a file's name as text"),
        ([[1, 2], [3]], "kernel must have rows of equal length"),
        (np.ma.masked_array([[1, 2]], [[0, 1]]), "kernel is a masked array"),
        (3, "kernel must be"),
        (None, "kernel must be real numbers, a Kernel or the text of a SPEC, not None"),
        ([1j, 2], r"not \[1j, 2\]$"),
    ],
)
def test_what_is_no_kernel_is_refused(kernel, message):
    with pytest.raises(KernelError, match=message):
        cross_correlate(GRAY, kernel)
    with pytest.raises(UsageError):
        explain(GRAY, kernel, (0, 0))


def test_a_bank_of_2d_kernels_needs_one_channel():
    with pytest.raises(KernelError, match=r"3 channels give kernels of shape \(3, 1, 1\)"):
        cross_correlate(COLOR, [Kernel([[1]]), Kernel([[2]])])


def test_a_bias_for_each_filter():
    bank = np.array([[[[1]]], [[[2]]]])
    found = cross_correlate(GRAY, bank, bias=[5, -3])
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, np.stack([GRAY + 5, 2 * GRAY.astype(int) - 3], axis=-1))
    with pytest.raises(KernelError, match="bias"):
        cross_correlate(GRAY, bank, bias=[1, 2, 3])


def test_a_boolean_kernel_is_one_of_integers_everywhere():
    kernel = np.array([[True, False, True]])
    expected = cross_correlate(GRAY, kernel.astype(int))
    np.testing.assert_array_equal(cross_correlate(GRAY, kernel), expected)
    np.testing.assert_array_equal(cross_correlate(GRAY, Kernel(kernel)), expected)
    assert explain(GRAY, kernel, (2, 3), range="raw").outputs[0].value == expected[2, 3]


def test_names_families_and_filters():
    assert list_kernels() == {name: entry.group for name, entry in CATALOGUE.items()}
    assert list_kernels()["sobel"] == list_kernels()["sobel-x"] == "gradient"
    sobel = get_filter("sobel")
    assert (sobel.label, sobel.combine) == ("sobel", "magnitude")
    assert sobel.kernels == (get_kernel("sobel-x"), get_kernel("sobel-y"))
    assert get_filter("outline") == KernelSet("outline", (get_kernel("outline"),), slug="outline")
    with pytest.raises(KernelError, match="sobel names 2 kernels: sobel-x, sobel-y; get_filter"):
        get_kernel("sobel")
    for function in (get_kernel, get_filter):
        with pytest.raises(KernelError, match="spec must be text such as 'sobel-x', not ndarray"):
            function(np.ones((3, 3)))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (cross_correlate, (*PADDINGS, *BORDERS, *BORDER_SYNONYMS, *METHODS)),
        (explain, (*OPERATIONS, *RANGES, *ACTIVATION_NAMES, *COMBINATIONS[:-1])),
        (pool, POOLINGS),
    ],
)
def test_a_docstring_names_every_word_that_an_argument_takes(function, words):
    missing = [word for word in words if not re.search(rf"\b{word}\b", function.__doc__)]
    assert missing == []


def test_an_error_state_of_numpy_reaches_no_kernel():
    with np.errstate(all="raise"):
        assert get_kernel("gaussian:63,sigma=1").sum == pytest.approx(1)
        assert get_filter("gaussian:63,sigma=1").kernels[0].normalized().sum == pytest.approx(1)
        cross_correlate(GRAY, get_kernel("gaussian:63,sigma=1"))


# Signals


SIGNALS = hnp.arrays(np.int64, st.integers(1, 9), elements=st.integers(-99, 99))


@settings(max_examples=20)
@given(SIGNALS, SIGNALS)
def test_convolving_signals_is_numpys(one, two):
    for padding in ("full", "same", "valid"):
        found = convolve(one, two, padding=padding, border="zero")
        np.testing.assert_array_equal(found, np.convolve(one, two, padding))
        lists = convolve(one.tolist(), two.tolist(), padding=padding, border="zero")
        np.testing.assert_array_equal(lists, found)


ENDLESS = hnp.arrays(
    np.float64,
    st.integers(1, 9),
    elements=st.sampled_from([1.0, -2.5, 3.0, float("nan"), float("inf"), -float("inf")]),
)
WHOLE = st.integers(-99, 99).filter(bool)  # here a weight of 0 weighs nothing, even NaN


@settings(max_examples=20)
@given(ENDLESS, hnp.arrays(np.int64, st.integers(1, 12), elements=WHOLE), st.integers(1, 3))
def test_a_signal_may_hold_nan_and_infinities_whichever_is_the_longer(signal, kernel, stride):
    with np.errstate(all="ignore"):
        for padding in ("full", "same", "valid"):
            options = {"padding": padding, "border": "zero", "stride": stride}
            expected = np.convolve(signal, kernel, padding)[::stride]
            np.testing.assert_allclose(convolve(signal, kernel, **options), expected)
            halved = convolve(signal, kernel, **options, divisor=-2, bias=1, dtype=np.int16)
            rounded = np.rint(np.nan_to_num(expected / -2 + 1, posinf=32767, neginf=-32768))
            np.testing.assert_array_equal(halved, np.clip(rounded, -32768, 32767))


def test_of_two_signals_only_the_kernel_must_be_finite():
    for signal, kernel in (([1, 2], [1, np.nan, 3]), ([1, 2, 3.0], [np.inf, 1])):
        with pytest.raises(KernelError, match="kernel weights must be finite"):
            convolve(signal, kernel)
    with pytest.raises(KernelError, match="kernel must be real numbers, a Kernel or the text"):
        convolve([1, 2.0], [1, 2j, 3])
    with pytest.raises(UsageError, match="image must be real numbers or a PIL image, not"):
        convolve([1j, 2], [1, 2, 3])
    wide = np.array([4, 5, 6], np.longdouble)
    assert convolve([1.0, 2], wide, border="zero").tolist() == [4, 13, 16]
    # The border continues the longer one.
    for border, mode in (("edge", "edge"), ("reflect", "reflect"), ("wrap", "wrap")):
        padded = np.pad([4, 5, 6, 7.0], (1, 1), mode)
        found = convolve([1, np.nan, 2], [4, 5, 6, 7], border=border)
        np.testing.assert_array_equal(found, np.convolve(padded, [1, np.nan, 2], "valid"))
    assert convolve([np.inf], [0, 1, -1]).tolist() == [0, np.inf, -np.inf]
    assert convolve(np.float32([np.nan]), [1, 2]).dtype == np.float64  # as of other values
    assert convolve([1, np.nan], [4, 5, 6], border="zero")[0] == 4
    assert np.isnan(convolve([1, np.nan], [4, 5, 6], border="constant", fill=9)[0])


def test_only_convolve_swaps_and_only_signals():
    assert convolve([1, 2, 3], [4, 5, 6, 7], padding="valid").tolist() == [28, 34]
    with pytest.raises(GeometryError, match=r"exceeds the 3x1 input$"):
        cross_correlate([1, 2, 3], [4, 5, 6, 7], padding="valid")
    commutes = "exceeds the 3x1 input; convolution commutes: take the larger one as the input"
    with pytest.raises(GeometryError, match=commutes):
        convolve([[1, 2, 3]], [4, 5, 6, 7], padding="valid")
    with pytest.raises(GeometryError, match=r"exceeds the 2x1 input$"):
        convolve([1, 2], [4, 5, 6], padding="valid", dilation=2)
    assert convolve([1, 2, 3], [4, 5, 6, 7], padding=1, border="zero").tolist() == [28, 34]
    short = np.array([0.1, 0.7, 5.3])
    assert convolve(short, np.arange(5, dtype=np.int16), border="zero").dtype == np.float64
    with pytest.raises(GeometryError, match=r"exceeds the 3x2 input$"):  # none holds the other
        convolve(np.ones((2, 3)), np.ones((3, 2)), padding="valid")


@pytest.mark.parametrize("function", [cross_correlate, convolve])
@pytest.mark.parametrize("kernel", [[1, 2, 4], [[1, 2, 4]], "1 2 4", Kernel([1, 2, 4])])
@pytest.mark.parametrize("padding", ["same", "full", 2, np.int64(0), (1, 0), [0, 2]])
def test_a_signal_is_one_row_and_its_result_has_one_dimension(function, kernel, padding):
    signal = np.array([3, 1, 4, 1, 5])
    text = isinstance(padding, str)
    row_padding = padding if text else (0, 0, *np.broadcast_to(padding, 2).tolist())
    for options in ({}, {"stride": 2}, {"dilation": 2, "border": "wrap"}):
        row = function(signal[None], [[1, 2, 4]], padding=row_padding, **options)
        found = function(signal, kernel, padding=padding, **options)
        assert found.shape == (row.shape[1],)
        np.testing.assert_array_equal(found, row[0])


def test_banks_on_signals_and_signals_in_other_functions():
    bank = cross_correlate([1, 2, 3], [Kernel([1]), Kernel([2])])
    assert bank.tolist() == [[1, 2], [2, 4], [3, 6]]
    steps = KernelSet("steps", (Kernel([-1, 1]), Kernel([1, -1])), "max")
    assert cross_correlate([1, 5, 2], steps).tolist() == [4, 3, 0]
    with pytest.raises(KernelError, match="a signal takes a kernel of one row"):
        cross_correlate([1, 2, 3], "sobel-x")
    with pytest.raises(KernelError, match="a signal takes a kernel of one row"):
        explain([1, 2, 3], "sobel", 0)
    with pytest.raises(GeometryError, match="padding of a signal takes one number"):
        cross_correlate([1, 2, 3], [1], padding=(1, 2, 3, 4))
    assert pool([1, 5, 2, 4], 2).tolist() == [5, 4]
    assert pool([1, 5, 2], 2, "avg", stride=np.int8(1), padding=1, ceil=True).tolist() == [
        0.5, 3, 3.5, 1
    ]  # fmt: skip
    assert explain([1, 2, 4], [1, 10], 1).outputs[0].value == 42
    assert explain([1, 2, 4], [1, 10], (0, 1)).outputs[0].value == 42
    signal = np.random.default_rng(0).integers(0, 99, 30)
    learned = learn_kernel(signal, cross_correlate(signal, [1, 2, 4]), 3, padding="same")
    np.testing.assert_allclose(learned.weights, [[1, 2, 4]], atol=1e-9)
    learned = learn_kernel(signal, cross_correlate(signal, [1, 2, 4], padding=3), 3, padding=3)
    np.testing.assert_allclose(learned.weights, [[1, 2, 4]], atol=1e-9)


def test_a_1d_kernel_is_one_row_of_an_image():
    expected = cross_correlate(COLOR, [[1, 2, 1]])
    np.testing.assert_array_equal(cross_correlate(COLOR, [1, 2, 1]), expected)
    assert explain(COLOR, [1, 2, 1], (1, 1)) == explain(COLOR, [[1, 2, 1]], (1, 1))


# Numbers


@pytest.mark.parametrize("two", [(2, 3), [2, 3], np.array([2, 3]), (np.uint8(2), np.int64(3))])
def test_pairs_of_any_sequence_and_integer_type(two):
    expected = cross_correlate(GRAY, [[1, 2]], stride=(2, 3), dilation=(2, 3), padding=(2, 3))
    found = cross_correlate(GRAY, [[1, 2]], stride=two, dilation=two, padding=two)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(pool(GRAY, two, stride=two), pool(GRAY, (2, 3)))
    assert output_size(two, two, two, two, two) == output_size((2, 3), *[(2, 3)] * 4)
    assert learn_kernel(GRAY, GRAY, two, padding="same").weights.shape == (2, 3)
    at = explain(GRAY, [[1]], two).at
    assert at == (2, 3)
    assert all(type(number) is int for number in at)


@pytest.mark.parametrize("two", [2, np.uint8(2), np.int64(2), np.array(2)])
def test_single_numbers_of_any_integer_type(two):
    expected = cross_correlate(GRAY, [[1, 2]], stride=2, dilation=2, padding=2)
    found = cross_correlate(GRAY, [[1, 2]], stride=two, dilation=two, padding=two)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(pool(GRAY, two), pool(GRAY, 2))
    assert receptive_field([(two, two), np.array([3])]) == receptive_field([(2, 2), (3,)])
    assert output_size(9, two) == 8


@pytest.mark.parametrize("half", [0.5, np.float32(0.5), Fraction(1, 2), np.array(0.5)])
def test_numbers_of_any_real_type(half):
    expected = cross_correlate(GRAY, [1], divisor=0.5, bias=0.5, border="constant", fill=0.5)
    found = cross_correlate(GRAY, [1], divisor=half, bias=half, border="constant", fill=half)
    np.testing.assert_array_equal(found, expected)
    assert explain(GRAY, [1], (0, 0), divisor=half, range="raw").outputs[0].value == 2 * GRAY[0, 0]


def test_a_size_far_beyond_64_bits_is_exact():
    assert receptive_field([(np.int64(2**62), np.int64(4))] * 3).jump == 64
    assert output_size(10**30, 3) == 10**30 - 2


# Plans


@pytest.mark.parametrize(
    ("shape", "dtype", "kernel", "options"),
    [
        ((40, 50), "u1", [[1, 2, 1]], {}),
        ((40, 50), "f4", np.ones((31, 31)), {"padding": "full", "stride": (2, 3)}),
        ((40, 50, 3), "f8", "gaussian:5", {"padding": 3, "dilation": 2}),
        ((40, 50, 3), "u2", "gaussian:5", {"divisor": 7, "operation": "convolve"}),
        ((40, 50, 3), "u1", np.ones((4, 3, 3, 3), int), {"bias": [1, 2, 3, 0.5]}),
        ((40, 50), "i8", ["sobel-x", "sobel-y"], {"method": "direct"}),
        ((50,), "i2", [1, 2, 1], {"padding": "valid"}),
    ],
)
def test_a_plan_tells_what_filtering_gives(shape, dtype, kernel, options):
    planned = plan(shape, dtype, kernel, **options)
    rest = {name: value for name, value in options.items() if name != "operation"}
    function = convolve if "operation" in options else cross_correlate
    found = function(np.ones(shape, dtype), kernel, **rest)
    assert (planned.output_shape, planned.output_dtype) == (found.shape, found.dtype)
    assert (planned.error_bound == 0) == (found.dtype.kind == "i")
    assert planned.cost > 0
    lines = str(planned).splitlines()
    names = ["image", "kernel", "output", "sums", "method", "cost", "error", "why"]
    assert [line.split()[0] for line in lines] == names
    assert str(found.shape) in lines[2]


def test_a_plan_of_a_signal_shows_one_dimension():
    planned = plan((100,), "u1", [1, 2, 1])
    shapes = planned.image_shape, planned.kernel_shape, planned.padded_shape, planned.output_shape
    assert shapes == ((100,), (3,), (102,), (100,))
    assert "(1, " not in str(planned)
    bank = plan((100,), "u1", np.ones((4, 1, 1, 3), int), padding="valid")
    assert (bank.kernel_shape, bank.output_shape) == ((4, 1, 3), (98, 4))
    assert cross_correlate(np.ones(100), np.ones((4, 1, 1, 3)), padding="valid").shape == (98, 4)


@pytest.mark.parametrize(
    ("dtype", "divisor", "relative"),
    [("f4", None, "output"), ("f8", None, "sum of magnitudes"), ("i4", 3, "output")],
)
def test_a_plan_tells_what_the_error_is_relative_to(dtype, divisor, relative):
    assert f"of the largest {relative}" in str(plan((9, 9), dtype, [1, 2, 1], divisor=divisor))


def test_a_plan_names_the_method_and_the_reason():
    asked = plan((512, 512), "f4", np.ones((3, 3)), method="fft")
    assert (asked.method, "fft is asked for" in asked.why) == ("fft", True)
    assert asked.cost > plan((512, 512), "f4", np.ones((3, 3))).cost
    free = plan((512, 512), "f4", np.random.default_rng(0).normal(size=(41, 41)))
    assert all(name in free.why for name in ("direct", "toeplitz", "fft"))
    assert free.method in free.why
    assert plan((5, 5, 3), "u1", np.ones((3, 2, 4))).kernel_shape == (3, 2, 4)
    assert plan((5, 5), "u1", ["sobel-x", "sobel-y"]).kernel_shape == (2, 1, 3, 3)
    with pytest.raises(KernelError, match="not a family; plan each of its kernels"):
        plan((5, 5), "u1", "sobel")
    with pytest.raises(GeometryError, match="kernel 3x1 exceeds the 2x5 input"):
        plan((5, 2), "u1", [1, 2, 3], padding="valid")


# Pooling


def test_torchs_names_in_pool():
    for ours, theirs in (("ceil", "ceil_mode"), ("count_padding", "count_include_pad")):
        for value in (True, False, np.True_):
            options = {"kind": "avg", "padding": 1, "stride": 3}
            found = pool(GRAY, 2, **options, **{theirs: value})
            np.testing.assert_array_equal(found, pool(GRAY, 2, **options, **{ours: bool(value)}))
        with pytest.raises(UsageError, match=f"{ours} and {theirs} are one argument"):
            pool(GRAY, 2, **{ours: True, theirs: True})
        with pytest.raises(UsageError, match=f"{theirs} must be True or False, not int"):
            pool(GRAY, 2, **{theirs: 1})
    assert pool(GRAY, 2, "avg", padding=1).tolist() != (
        pool(GRAY, 2, "avg", padding=1, count_include_pad=False).tolist()
    )
    assert pool(GRAY, 2).shape != pool(GRAY, 2, ceil_mode=True).shape
    np.testing.assert_array_equal(pool(GRAY, 2, threads=1), pool(GRAY, 2))


# Arguments that would be ignored


def test_a_fill_needs_a_constant_border():
    message = "fill needs border='constant'; give both"
    for border in ("edge", "zero", "wrap"):
        for call in (cross_correlate, convolve):
            with pytest.raises(UsageError, match=message):
                call(GRAY, [[1]], border=border, fill=3)
            call(GRAY, [[1]], border=border, fill=0)
        with pytest.raises(UsageError, match=message):
            explain(GRAY, [[1]], (0, 0), border=border, fill=3)
    unnamed: tuple[Any, ...] = ("edge", None)
    for border in unnamed:
        with pytest.raises(UsageError, match=message):
            learn_kernel(GRAY, GRAY, border=border, fill=3)


def test_settings_of_a_descent_need_one_and_have_the_commands_defaults():
    settings: Any
    for settings in ({"rate": 0.1}, {"epochs": 3}, {"momentum": 0.5}, {"seed": 1}):
        [name] = settings
        with pytest.raises(UsageError, match=f"{name} needs descent=True; give both"):
            learn_kernel(GRAY, GRAY, **settings)
        assert learn_kernel(GRAY, GRAY, 1, descent=True, **settings).history is not None
    result = cross_correlate(GRAY, [[1, 2, 1]])
    found = learn_kernel(GRAY, result, (1, 3), descent=True)
    same = learn_kernel(GRAY, result, (1, 3), descent=True, **Descent()._asdict())
    np.testing.assert_array_equal(found.history.losses, same.history.losses)
    assert (len(found.history.losses), found.history.momentum) == (201, 0.0)
    assert learn_kernel(GRAY, result, (1, 3)).history is None


# What is refused


class Evil:
    def __repr__(self):
        return "a\nb" * 100


HOSTILE = [
    None, True, "a", "", b"x", 3.5, float("nan"), float("inf"), -1, 0, 10**400, -(10**5000),
    10**5000, 1j, [], [[]], [1, [2]], {}, {"a": 1}, set(), object(), Evil(), np.array([1, 2, 3]),
    np.array("a"), np.zeros((0, 3)), np.zeros((2, 2, 2, 2)), np.array([[None]]),
    np.ma.masked_array([[1, 2]], [[0, 1]]), np.datetime64("2024-01-01"), np.array([["a"]]),
    len, int, Image.new("RGBA", (3, 3)), (1, 2, 3), [10**30], [[10**30]],
    np.array([[2**64 - 1]], np.uint64), np.array(2), np.float16(1), range(3), [None, None],
    ["a", "b"], [Kernel([[1]]), 3], [Kernel([[1]]), Kernel([[1, 2]])], np.array([True, False]),
    "edge", "sobel", "-", "\0", "gaussian:99999", np.array([1, 2], object), (2,), [np.nan, 1],
]  # fmt: skip
CONV = {
    "padding": "same", "border": "constant", "fill": 0, "stride": 1, "dilation": 1,
}  # fmt: skip
LOOK = {
    "theme": "dark", "title": "t", "cmap": "gray", "digits": 2, "dpi": 20, "width": None,
}  # fmt: skip
EXPLAINED = explain(GRAY[:3, :3], [[1]], (0, 0))
LEARNED = learn_kernel(GRAY[:5, :5], GRAY[:5, :5], 1)
SUMS = {"divisor": None, "bias": None, "dtype": None, "method": "auto", "threads": 1}
FUNCTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "cross_correlate": (
        cross_correlate, {"image": GRAY, "kernel": [[1, 2]], **CONV, "groups": 1, **SUMS}
    ),
    "convolve": (convolve, {"image": COLOR, "kernel": "sobel", **CONV, **SUMS}),
    "signals": (convolve, {"image": [1, 2, 3], "kernel": [1, 2, 3, 4], **CONV, **SUMS}),
    "bank": (cross_correlate, {"image": GRAY, "kernel": ["sobel-x", "sobel-y"], **CONV, **SUMS}),
    "plan": (
        plan,
        {
            "image_shape": (5, 6), "dtype": "u1", "kernel": [[1, 2]], "operation": "correlate",
            **CONV, "divisor": None, "bias": None, "method": "auto",
        },
    ),
    "pool": (
        pool,
        {
            "image": GRAY, "size": 2, "kind": "avg", "stride": None, "padding": 0,
            "count_padding": None, "ceil": None, "threads": 1, "count_include_pad": None,
            "ceil_mode": None,
        },
    ),
    "pool a signal": (pool, {"image": [1, 2, 3, 4], "size": 2, "stride": 1, "padding": 0}),
    "pad": (
        pad,
        {
            "image": GRAY, "padding": "same", "border": "constant", "fill": 3, "kernel_size": 3,
        },
    ),
    "pad a signal": (pad, {"image": [1, 2, 3, 4], "padding": 1}),
    "read_image": (
        read_image, {"path": "@letter-h", "channels": "gray", "max_pixels": 1000}
    ),
    "read_image of a signal": (read_image, {"path": "signal:cauchy", "x": (0, 1, 5)}),
    "get_kernel": (get_kernel, {"spec": "sharpen", "x": None}),
    "get_filter": (get_filter, {"spec": "signal:box", "x": "0:1:5"}),
    "explain": (
        explain,
        {
            "image": GRAY, "kernel": "sobel-x", "at": (0, 0), "operation": "correlate", **CONV,
            "divisor": None, "bias": None, "combine": None, "activation": "none",
            "range": "percentile", "percentile": (1, 99),
        },
    ),
    "explore": (
        explore,
        {
            "image": GRAY[:3, :3], "kernel": "sobel-x", "operation": "correlate", **CONV,
            "divisor": None, "bias": None, "combine": None, "range": "clip", "at": (1, 1),
        },
    ),
    "explore a signal": (explore, {"image": [1, 2, 3], "kernel": [1, 2], "at": 1}),
    "plot": (
        plot,
        {
            "image": GRAY[:3, :3], "kernel": "sobel-x", "operation": "correlate", **CONV,
            "divisor": None, "bias": None, "combine": None, "range": "percentile",
            "percentile": (5, 95), "theme": "dark", "title": "t", "panels": ["result"],
            "titles": None, "layout": "row", "axes": True, "bars": True, "limits": None,
            "cmap": "gray", "digits": 2, "dpi": 20, "width": None,
        },
    ),
    "animate": (
        animate,
        {
            "image": GRAY[:1, :2], "kernel": [[1]], "path": "a.webp",  # the fastest to write
            "operation": "correlate", "border": "zero", "stride": 1, "combine": None,
            "range": "clip", "first": (0, 1), "last": (0, 1), "step": 1, "fps": 5, "theme": "dark",
            "dpi": 20, "width": 2, "overwrite": True,
        },
    ),
    "animate a signal": (
        animate,
        {
            "image": [1, 2, 3], "kernel": [1, 2], "path": "a.webp", "first": 1, "last": 1,
            "dpi": 20, "width": 2, "overwrite": True,
        },
    ),
    "plot of an explanation": (EXPLAINED.plot, LOOK),
    "explain_gradient": (
        explain_gradient,
        {
            "image": GRAY[:3, :4], "kernel": [[1, 2]], "at": None, "operation": "correlate",
            **CONV, "anchor": "before", "divisor": 1, "bias": 0, "activation": "relu",
            "target": None,
        },
    ),
    "plot of gradients": (explain_gradient(GRAY[:3, :3], [[1]]).plot, LOOK),
    "plot of a chain": (
        Chain("relu").plot,
        {
            "image": GRAY[:3, :3], **LOOK, "scale": "own", "panels": ["result"], "titles": None,
            "layout": "row", "axes": True, "bars": True, "limits": None,
        },
    ),
    "plot of a value of a chain": (Chain("relu").explain(GRAY[:3, :3], (0, 0)).plot, LOOK),
    "plot of a learned kernel": (LEARNED.plot, LOOK | {"truth": None}),
    "explain a signal": (explain, {"image": [1, 2, 3], "kernel": [1, 2], "at": 1}),
    "learn_kernel": (
        learn_kernel,
        {
            "before": GRAY % 7, "after": GRAY % 5, "size": 1, "operation": "correlate",
            **CONV, "bias": True, "ignore_clipped": False, "descent": True, "rate": None,
            "epochs": 2, "momentum": 0.9, "seed": 0, "through": None, "threads": 1,
        },
    ),
    "learn_bank": (
        learn_bank,
        {
            "before": GRAY % 7, "after": np.dstack([GRAY % 5] * 2), "size": 1,
            "operation": "correlate", **CONV, "bias": True, "ignore_clipped": False,
            "descent": True, "rate": None, "epochs": 2, "momentum": 0.9, "seed": 0,
            "through": "relu", "threads": 1,
        },
    ),
    "output_size": (
        output_size, {"size": 5, "kernel": 3, "padding": 0, "stride": 1, "dilation": 1}
    ),
    "receptive_field": (receptive_field, {"layers": [(3, 1)]}),
    "a layer": (lambda layer: receptive_field([layer]), {"layer": (3, 1)}),
    "Kernel": (
        Kernel,
        {"matrix": [[1]], "divisor": 1, "bias": 0, "name": "a", "summary": "", "source": "",
         "axis": None},
    ),
    "rotated": (Kernel([[1, 2]]).rotated, {"angle": 90}),
    "with_divisor": (Kernel([[1, 2]]).with_divisor, {"divisor": 90}),
    "with_bias": (Kernel([[1, 2]]).with_bias, {"bias": 90}),
    "output_range": (Kernel([[1, 2]]).output_range, {"low": 0, "high": 9}),
}  # fmt: skip


@contextmanager
def suppress_and_keep(messages):
    try:
        yield
    except ConvcliError as error:
        messages.append(str(error))


SLOWER = {
    *(name for name in FUNCTIONS if name.startswith(("plot", "animate"))),
    *(
        "convolve",
        "signals",
        "bank",
        "explain",
        "explain_gradient",
        "explore",
        "learn_kernel",
        "plan",
    ),
}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOWER)) for name in FUNCTIONS],
)
def test_every_mistake_is_told_in_one_line(name, tmp_path, monkeypatch):
    """Whatever an argument is: a result, or a ConvcliError of one line."""
    monkeypatch.chdir(tmp_path)  # which names of files write into
    function, arguments = FUNCTIONS[name]
    function(**arguments)
    messages: list[str] = []
    for argument in arguments:
        for value in HOSTILE:
            with suppress_and_keep(messages):
                function(**{**arguments, argument: value})
    assert len(messages) > 10 * len(arguments)
    for message in messages:
        assert len(message) < 500, message
        assert "\n" not in message, message
        assert not re.search(r"(^| )--\w", message), message  # an option's name


def test_signals_are_sampled_in_python():
    found = read_image("signal:triangle,width=4", x=(-2, 2, 5))
    assert found.tolist() == [[0, 0.5, 1, 0.5, 0]]
    assert read_image("signal:normal").shape == (1, 1001)
    box = get_kernel("signal:box,width=2", x="-2:2:5")
    assert convolve(found[0], box.matrix[0], padding="full", border="zero").tolist() == (
        np.convolve(found[0], [0, 1, 1, 1, 0]).tolist()
    )
    for call in (partial(get_kernel, "blur"), partial(read_image, "@letter-h")):
        with pytest.raises(UsageError, match=r"^x is for signals"):
            call(x=(0, 1))
    with pytest.raises(UsageError, match=r"^x: '0:1:0.5': COUNT must be"):
        get_kernel("signal:box", x=(0, 1, 0.5))
    with pytest.warns(UserWarning, match="signal:box,9: is 0 everywhere on 0:1; sample another"):
        read_image("signal:box,9", x=(0, 1, 3))


def test_every_function_is_among_them():
    tested = {function for function, _ in FUNCTIONS.values()} | {list_kernels}
    functions = {getattr(convcli, name) for name in convcli.__all__}
    assert {each for each in functions if inspect.isfunction(each)} <= tested


def test_help_shows_signatures_that_can_be_read():
    functions = [getattr(convcli, name) for name in convcli.__all__]
    for function in filter(inspect.isfunction, functions):
        annotations = [str(p.annotation) for p in inspect.signature(function).parameters.values()]
        assert max(map(len, annotations), default=0) < 40


def test_the_padding_of_the_docstring_aligns_an_even_kernel_as_scipy_does():
    kernel = np.array([[1, 2], [3, 4]])
    expected = ndimage.correlate(GRAY.astype(int), kernel, mode="nearest")
    np.testing.assert_array_equal(cross_correlate(GRAY, kernel, padding=(1, 0, 1, 0)), expected)
    as_scipys_default = cross_correlate(GRAY, np.ones((3, 3), int), border="symmetric")
    expected = ndimage.correlate(GRAY.astype(int), np.ones((3, 3), int))
    np.testing.assert_array_equal(as_scipys_default, expected)


def test_numbers_that_no_machine_holds_are_refused_in_words():
    with pytest.raises(UsageError, match=r"image_shape .* exceeds any memory"):
        plan((2**31 - 1, 2**31 - 1, 3), "f8", [[1]])
    with pytest.raises(KernelError, match="divisor must be a number, not "):
        cross_correlate([[1]], [[1]], divisor=Decimal("sNaN"))


def test_errors_of_sizes_name_more_channels_than_colors_have():
    """A volume cannot be told from an image."""
    note = (
        r"kernel 7x7 exceeds the 6x5 input \(the last axis of its shape \(5, 6, 6\) was read as 6"
    )
    with pytest.raises(convcli.GeometryError, match=note):
        convcli.cross_correlate(np.ones((5, 6, 6)), np.ones((7, 7)), padding="valid")
    with pytest.raises(convcli.GeometryError, match=r"the 6x5 input$"):
        convcli.cross_correlate(np.ones((5, 6, 3)), np.ones((7, 7)), padding="valid")
