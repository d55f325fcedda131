import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import get_kernel
from convcli.teaching.compare.comparison import Choice, compare_choices

GRAY = np.random.default_rng(4).integers(0, 256, (12, 15), np.uint8)
COLOR = np.random.default_rng(5).integers(0, 256, (9, 8, 3), np.uint8)


def choice(name, kernel="outline", *, range_="clip", **conv):
    each = get_kernel(kernel) if isinstance(kernel, str) else kernel
    return Choice(name, name, Filter(name, (each,), conv=ConvOptions(**conv), range=range_))


def differences(image, *choices):
    return [each.difference for each in compare_choices(image, choices)]


def pixels(image, each):
    return filter_image(image, each.filter, image.depth).image.pixels.astype(int)


def test_the_first_differs_from_itself_by_nothing():
    (difference,) = differences(ImageData(GRAY, 8), choice("one"))
    assert difference.shape == GRAY.shape
    assert not difference.any()


@pytest.mark.parametrize("pixel_array", [GRAY, COLOR])
def test_maps_of_one_size_are_subtracted_without_wrapping(pixel_array):
    image = ImageData(pixel_array, 8)
    one, two = choice("outline"), choice("blur", "blur")
    compared = compare_choices(image, [one, two])[1]
    expected = pixels(image, two) - pixels(image, one)
    np.testing.assert_array_equal(compared.difference, expected)
    assert expected.min() < 0 < expected.max()
    assert compared.mean_difference == pytest.approx(np.abs(expected).mean())


SIDES = st.tuples(*[st.integers(0, 3)] * 4)
PADDINGS = st.one_of(st.sampled_from(["same", "valid", "full"]), SIDES)
CONV_OPTIONS = st.fixed_dictionaries(
    {
        "padding": PADDINGS,
        "stride": st.tuples(st.integers(1, 3), st.integers(1, 3)),
        "dilation": st.integers(1, 2),
        "operation": st.sampled_from(["correlate", "convolve"]),
    }
)


@given(CONV_OPTIONS, CONV_OPTIONS)
def test_values_are_subtracted_at_the_position_under_the_anchor(one, two):
    """A kernel with 1 at its anchor reads the image there: equal positions give equal values."""

    def reads_its_anchor(conv):
        columns = 2 if conv["dilation"] == 1 else 3  # the anchor of an even side moves in a flip
        matrix = np.zeros((3, columns), int)
        matrix[1, (columns - 1) // 2] = 1
        return Kernel(matrix, name="anchor")

    image = ImageData(np.arange(1, 181, dtype=np.int32).reshape(12, 15), None)
    choices = [
        choice(name, reads_its_anchor(conv), border="zero", **conv)
        for name, conv in (("one", one), ("two", two))
    ]
    difference = compare_choices(image, choices)[1].difference
    if difference is not None:
        assert not difference.any()


def test_valid_is_the_inside_of_same_and_same_that_of_full():
    image = ImageData(GRAY, 8)
    same, valid, full = (choice(way, padding=way) for way in ("same", "valid", "full"))
    one, two, three = differences(image, same, valid, full)
    assert (one.shape, two.shape, three.shape) == ((12, 15), (10, 13), (12, 15))
    assert not two.any()
    assert not three.any()


def test_a_stride_picks_every_other_value():
    strides = (choice(f"{n}", stride=n) for n in (1, 2, 3))
    _, two, three = differences(ImageData(GRAY, 8), *strides)
    assert (two.shape, three.shape) == ((6, 8), (4, 5))
    assert not two.any()
    assert not three.any()


def test_positions_that_never_meet_are_an_obstacle():
    choices = [choice("0", padding=0, stride=2), choice("1", padding=1, stride=2)]
    compared = compare_choices(ImageData(GRAY, 8), choices)[1]
    assert compared.difference is compared.mean_difference is None
    assert "position" in compared.obstacle


def test_channels_that_differ_are_an_obstacle():
    summing = Kernel(np.ones((3, 3, 3), int), name="sum")
    compared = compare_choices(ImageData(COLOR, 8), [choice("a"), choice("b", summing)])[1]
    assert compared.difference is None
    assert compared.obstacle == "channels differ: 1 and 3"


def test_raw_values_minus_pixels_are_the_clipped_part():
    image = ImageData(GRAY, 8)
    clip, raw = choice("clip"), choice("raw", range_="raw")
    difference = differences(image, clip, raw)[1]
    np.testing.assert_array_equal(difference, pixels(image, raw) - pixels(image, clip))
    assert np.abs(difference).max() > 255


@pytest.mark.filterwarnings("error")
def test_infinity_minus_infinity_is_nan():
    image = np.full((3, 3), np.inf)
    difference = differences(ImageData(image, None), choice("a", "1"), choice("b", "1"))[1]
    assert np.isnan(difference).all()


def test_the_error_names_the_choice():
    with pytest.raises(UsageError, match=r"dilation 9: kernel 3x3 .* exceeds"):
        compare_choices(ImageData(GRAY, 8), [choice("dilation 9", padding=0, dilation=9)])


def test_the_image_is_not_modified():
    before = COLOR.copy()
    differences(ImageData(COLOR, 8), choice("a"), choice("b", "blur"))
    np.testing.assert_array_equal(before, COLOR)
