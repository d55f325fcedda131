import numpy as np
import pytest

from convcli.filtering import Filter, filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.spec import get_kernel, read_spec
from convcli.plotting.contact_sheet import draw_results
from convcli.teaching.compare.comparison import Choice, compare_choices
from convcli.teaching.compare.figure import draw_comparison

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(6)
IMAGES = {
    "gray": ImageData(RNG.integers(0, 256, (60, 80), np.uint8), 8),
    "large": ImageData(RNG.integers(0, 256, (300, 401), np.uint8), 8),
    "16-bit": ImageData(RNG.integers(0, 65536, (40, 30), np.uint16), 16),
    "color": ImageData(RNG.integers(0, 256, (50, 40, 3), np.uint8), 8),
    "matrix": ImageData(RNG.integers(-9, 10, (6, 6)), None),
    "signal": ImageData(RNG.normal(size=(1, 12)), None),
    "long-signal": ImageData(RNG.normal(size=(1, 400)), None),
    "column": ImageData(RNG.normal(size=(9, 1)), None),
}
OUTLINE_FILTER = Filter("outline", (get_kernel("outline"),))
BORDERS = ("edge", "zero", "reflect", "symmetric", "wrap")


def borders(image, count=5):
    names = (BORDERS * 4)[:count]
    specs = [OUTLINE_FILTER._replace(conv=ConvOptions(border=name)) for name in names]
    choices = [
        Choice(name, f"border {name}", image_filter)
        for name, image_filter in zip(names, specs, strict=True)
    ]
    return compare_choices(image, choices)


def shown(figure):
    return [axes for axes in figure.axes if axes.images]


def titles(figure):
    return [axes.get_title().replace("\n", " ") for axes in figure.axes if axes.get_title()]


@pytest.mark.parametrize(
    ("name", "scale"),
    [*((name, "common") for name in IMAGES), *((name, "own") for name in ("large", "matrix"))],
)
def test_nothing_is_cut_or_overlaps(name, scale, legible):
    image = IMAGES[name]
    compared = borders(image)
    legible(draw_comparison(compared, title=f"{name}.png", scale=scale, original=image))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_any_number_of_choices(count, legible):
    image = IMAGES["gray"]
    figure = draw_comparison(borders(image, count), original=image)
    legible(figure)
    assert len(shown(figure)) == 2 * count


def test_without_an_original_only_results_are_drawn():
    figure = draw_comparison(borders(IMAGES["gray"]))
    found = titles(figure)
    assert [title.split()[:2] for title in found] == [["border", name] for name in BORDERS]
    assert all("80x60, min" in title and "% clipped" in title for title in found)


def test_each_difference_is_at_the_right_of_its_result():
    image = IMAGES["gray"]
    axes = shown(draw_comparison(borders(image), original=image))
    assert axes[1].get_title().startswith("original")
    np.testing.assert_array_equal(axes[1].images[0].get_array(), image.pixels)
    for result, difference in zip(axes[2::2], axes[3::2], strict=True):
        name = result.get_title().split("\n")[0]
        assert difference.get_title().startswith(f"{name} - border edge")
        one, two = result.get_position(), difference.get_position()
        assert (one.y0, one.x1 < two.x0) == (pytest.approx(two.y0), True)


def test_differences_share_colors_centered_on_zero():
    image = IMAGES["gray"]
    figure = draw_comparison(borders(image), original=image)
    images = [axes.images[0] for axes in shown(figure)[3::2]]
    assert {artist.get_cmap().name for artist in images} == {"RdBu_r"}
    [(low, high)] = {artist.get_clim() for artist in images}
    assert low == -high
    bars = [axes for axes in figure.axes if not axes.images]
    assert [bar.get_ylabel() for bar in bars] == ["value", "difference"]


def test_no_difference_at_all_is_white():
    image = IMAGES["gray"]
    compared = compare_choices(
        image, [Choice("a", "a", OUTLINE_FILTER), Choice("b", "b", OUTLINE_FILTER)]
    )
    artist = shown(draw_comparison(compared, original=image))[3].images[0]
    low, high = artist.get_clim()
    assert (low, high, artist.get_cmap().name) == (-1, 1, "RdBu_r")


def test_a_line_of_one_pixel_is_still_seen_in_a_large_image():
    image = IMAGES["large"]
    [zero] = borders(image, 2)[1:]
    compared = borders(image, 2)
    axes = shown(draw_comparison(compared, original=image))[3]
    drawn = axes.images[0].get_array()
    assert "the greatest of 4x4 pixels" in " ".join(axes.get_title().split())
    for edge in (np.s_[:4], np.s_[:, :4]):
        assert np.abs(drawn[edge]).max() == np.abs(zero.difference[edge]).max() > 0
    assert np.abs(drawn[4]).max() > 0 or not zero.difference[4:8].any()
    assert axes.images[0].get_extent() == [-0.5, 400.5, 299.5, -0.5]


def test_the_channel_that_differs_most_is_drawn():
    image = IMAGES["color"]
    compared = borders(image, 2)
    axes = shown(draw_comparison(compared, original=image))[3]
    assert "greatest of 3 channels" in " ".join(axes.get_title().split())
    difference = compared[1].difference
    drawn = axes.images[0].get_array()
    np.testing.assert_array_equal(np.abs(drawn), np.abs(difference).max(axis=2))
    assert (difference == drawn[..., None]).any(axis=2).all()


def test_the_reason_replaces_a_missing_difference(legible):
    image = IMAGES["gray"]
    convs = [ConvOptions(padding=n, stride=2) for n in (0, 1)]
    choices = [
        Choice("", f"padding {n}", OUTLINE_FILTER._replace(conv=each))
        for n, each in enumerate(convs)
    ]
    figure = draw_comparison(compare_choices(image, choices), original=image)
    legible(figure)
    assert len(shown(figure)) == 3
    assert "padding 1 - padding 0 no position has a value in both results" in titles(figure)


def test_directions_say_what_their_colors_mean(legible):
    pair = read_spec("sobel")
    image_filter = Filter("sobel", pair.kernels, "direction")
    image = IMAGES["gray"]
    figure = draw_results([(image_filter, filter_image(image, image_filter, 8))])
    legible(figure)
    [title] = titles(figure)
    assert "right = red" in title


def test_many_results_have_only_their_names():
    image = IMAGES["gray"]
    made = [(OUTLINE_FILTER, filter_image(image, OUTLINE_FILTER, 8))] * 17
    assert set(titles(draw_results(made))) == {"outline"}


def test_ranges_have_a_bar_each():
    """Pixels of different ranges mean different things, so no bar holds for all of them."""
    names = ("clip", "abs", "rescale", "raw")
    choices = [Choice(name, name, OUTLINE_FILTER._replace(range=name)) for name in names]
    figure = draw_comparison(compare_choices(IMAGES["matrix"], choices))
    bars = {axes.get_ylabel(): axes.get_ylim() for axes in figure.axes if not axes.images}
    assert set(bars) == {"value", "|value|", "value, rescaled"}
    assert bars["value, rescaled"] == (0, 1)
    assert bars["value"][0] < 0 == bars["|value|"][0]
    figure = draw_comparison(compare_choices(IMAGES["gray"], choices))
    assert [axes.get_ylabel() for axes in figure.axes if not axes.images] == ["pixel", "value"]


@pytest.mark.parametrize("name", ["gray", "color", "large", "signal"])
def test_the_figure_is_laid_out_as_it_was(name, laid_out):
    pixels = np.arange(IMAGES[name].pixels.size).reshape(IMAGES[name].pixels.shape) * 7 % 256
    image = IMAGES[name]._replace(pixels=pixels.astype(IMAGES[name].pixels.dtype))
    laid_out(draw_comparison(borders(image, 3), title="t", original=image), f"compare-{name}")
