import numpy as np
import pytest

from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import get_kernel, read_spec
from convcli.plotting.result_tiles import draw_results
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


def said(figure):
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


@pytest.mark.parametrize(
    ("name", "scale"),
    [*((name, "common") for name in IMAGES), *((name, "own") for name in ("large", "matrix"))],
)
def test_nothing_is_cut_or_overlaps(name, scale, legible):
    image = IMAGES[name]
    compared = borders(image)
    legible(draw_comparison(image, compared, title=f"{name}.png", scale=scale, diff=True))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_any_number_of_choices(count, legible):
    image = IMAGES["gray"]
    figure = draw_comparison(image, borders(image, count), diff=True)
    legible(figure)
    assert len(shown(figure)) == 2 * count * (2 if count > 1 else 1) - (count > 1)


SMALL = ImageData(IMAGES["gray"].pixels[:40], 8)  # too small for magnified corners


def test_without_differences_only_results_are_drawn():
    figure = draw_comparison(SMALL, borders(SMALL))
    assert len(shown(figure)) == 5
    texts = [text.get_text() for text in figure.texts]
    assert [text for text in texts if text.startswith("border")] == [f"border {b}" for b in BORDERS]
    assert said(figure).count("80x40, min") == said(figure).count("% clipped") == 5


def test_rounding_errors_are_no_difference():
    image = ImageData(np.full((5, 5), 3.14159), None)
    filters = [Filter(name, read_spec(name).kernels) for name in ("identity", "gaussian:3")]
    choices = [Choice(each.label, each.label, each) for each in filters]
    figure = draw_comparison(image, compare_choices(image, choices), diff=True)
    difference = shown(figure)[-1]
    assert {text.get_text() for text in difference.texts} == {"0"}


def test_the_kernel_beside_a_convolution_is_flipped():
    sobel = Filter("sobel-x", (get_kernel("sobel-x"),))
    choices = [
        Choice(name, name, sobel._replace(conv=ConvOptions(operation=name)))
        for name in ("correlate", "convolve")
    ]
    options = FigureOptions(panels=("kernel", "result"))
    figure = draw_comparison(SMALL, compare_choices(SMALL, choices), options=options)
    kernels = [[text.get_text() for text in axes.texts] for axes in shown(figure) if axes.texts]
    assert kernels[0][:3] == ["-1", "0", "1"]
    assert kernels[1][:3] == ["1", "0", "-1"]


def test_each_difference_is_at_the_right_of_its_result():
    figure = draw_comparison(SMALL, borders(SMALL), diff=True)
    axes = shown(figure)
    np.testing.assert_array_equal(axes[1].images[0].get_array(), SMALL.pixels)
    texts = [" ".join(text.get_text().split()) for text in figure.texts]
    for name in BORDERS[1:]:
        assert f"border {name} - edge" in texts
    for result, difference in zip(axes[::2], axes[1::2], strict=True):
        one, two = result.get_position(), difference.get_position()
        assert (one.y0, one.x1 < two.x0) == (pytest.approx(two.y0), True)


def test_differences_share_colors_centered_on_zero():
    figure = draw_comparison(SMALL, borders(SMALL), diff=True)
    images = [axes.images[0] for axes in shown(figure)[3::2]]
    assert {artist.get_cmap().name for artist in images} == {"RdBu_r"}
    [(low, high)] = {artist.get_clim() for artist in images}
    assert low == -high
    bars = [axes for axes in figure.axes if not axes.images]
    assert [bar.get_ylabel() for bar in bars] == ["pixel", "difference"]


def test_a_corner_is_magnified_where_only_the_border_differs():
    image = IMAGES["large"]
    compared = borders(image)
    figure = draw_comparison(image, compared)
    axes = shown(figure)
    assert len(axes) == 10
    assert "the framed corner is magnified" in said(figure)
    apart = sum(np.abs(item.difference) for item in compared[1:])
    corners = [apart[:12, :12], apart[:12, -12:], apart[-12:, :12], apart[-12:, -12:]]
    largest = max(range(4), key=lambda n: corners[n].sum())
    for corner, item in zip(axes[1::2], compared, strict=True):
        pixels = item.filtered.image.pixels
        parts = pixels[:12, :12], pixels[:12, -12:], pixels[-12:, :12], pixels[-12:, -12:]
        np.testing.assert_array_equal(corner.images[0].get_array(), parts[largest])


@pytest.mark.parametrize("vary", ["inside", "shape"])
def test_no_corner_where_more_than_the_border_differs(vary):
    image = IMAGES["large"]
    other = {
        "inside": Filter("blur", (get_kernel("blur"),)),
        "shape": OUTLINE_FILTER._replace(conv=ConvOptions(padding="valid")),
    }[vary]
    compared = compare_choices(image, [Choice("a", "a", OUTLINE_FILTER), Choice("b", "b", other)])
    options = FigureOptions(panels=("result",))
    assert len(shown(draw_comparison(image, compared, options=options))) == 2


def test_kernels_that_vary_stand_beside_their_results(legible):
    names = ("identity", "outline")
    choices = [Choice(name, name, Filter(name, (get_kernel(name),))) for name in names]
    figure = draw_comparison(SMALL, compare_choices(SMALL, choices), diff=True)
    legible(figure)
    numbers = [text.get_text() for text in shown(figure)[0].texts]
    assert numbers == ["0", "0", "0", "0", "1", "0", "0", "0", "0"]
    assert "input = identity" in said(figure)  # which is not drawn twice
    assert len(shown(figure)) == 5


def test_a_result_that_is_a_copy_says_of_which():
    image = IMAGES["matrix"]
    filters = [OUTLINE_FILTER._replace(range=name) for name in ("clip", "abs", "raw")]
    choices = [Choice(f.range, f"range {f.range}", f) for f in filters]
    figure = draw_comparison(image, compare_choices(image, choices), left_out="without offset")
    assert said(figure).count("the same as") == 1
    assert "the same as range clip" in said(figure)
    assert "without offset" in said(figure)


def test_the_caption_has_the_options_that_hold_for_all():
    conv = ConvOptions(stride=2, border="wrap")
    filters = [
        OUTLINE_FILTER._replace(conv=conv, bias=9.0),
        OUTLINE_FILTER._replace(conv=conv._replace(border="zero"), bias=9.0),
    ]
    compared = compare_choices(SMALL, [Choice("", f"n{n}", f) for n, f in enumerate(filters)])
    assert "stride 2, bias 9" in said(draw_comparison(SMALL, compared))
    assert "border" not in said(draw_comparison(SMALL, compared))


def test_a_slide_without_captions_says_once_what_hatching_means():
    image = IMAGES["large"]
    choices = [
        Choice("", f"padding {rule}", OUTLINE_FILTER._replace(conv=ConvOptions(padding=rule)))
        for rule in ("same", "valid", "full", 0, 2, 3)
    ]
    compared = compare_choices(image, choices)
    figure = draw_comparison(image, compared, diff=True, options=FigureOptions(theme="slide"))
    said_once = (
        "left out: tick labels, sizes and extremes",
        "hatched: only one of both has a value",
    )
    assert [said(figure).count(words) for words in said_once] == [1, 1]
    assert said(figure).count("no difference") == 5  # at each map of one color


def test_a_slide_of_three_pairs_has_each_difference_below_its_result():
    image = IMAGES["large"]
    choices = [
        Choice("", f"padding {rule}", OUTLINE_FILTER._replace(conv=ConvOptions(padding=rule)))
        for rule in ("same", "valid", "full")
    ]
    compared = compare_choices(image, choices)
    figure = draw_comparison(image, compared, diff=True, options=FigureOptions(theme="slide"))
    boxes = [axes.get_position() for axes in shown(figure)]
    middles = [round((box.x0 + box.x1) / 2, 3) for box in boxes]
    assert middles[:3] == middles[3:]
    assert boxes[0].y0 > boxes[3].y1
    assert min(box.width * figure.get_figwidth() for box in boxes) > 1.8


def test_numbers_wider_than_the_margin_stay_inside(fits_page):
    image = ImageData(np.arange(12.0).reshape(12, 1) + 4, None)
    choices = [
        Choice("", f"stride {n}", OUTLINE_FILTER._replace(conv=ConvOptions(stride=n)))
        for n in (1, 4, 5)
    ]
    options = FigureOptions(theme="slide", digits=9)
    figure = draw_comparison(image, compare_choices(image, choices), options=options)
    fits_page(figure, "slide")
    assert len(figure.axes) == 3


def test_places_that_only_one_result_has_are_hatched():
    image = IMAGES["matrix"]
    choices = [
        Choice("", f"padding {rule}", OUTLINE_FILTER._replace(conv=ConvOptions(padding=rule)))
        for rule in ("same", "valid", "full")
    ]
    figure = draw_comparison(image, compare_choices(image, choices), diff=True)
    assert said(figure).count("hatched: only one of both has a value") == 2
    assert said(figure).count("no difference") == 2
    assert "difference" not in [axes.get_ylabel() for axes in figure.axes]
    valid, full = shown(figure)[3::2]
    assert (valid.get_xlim(), full.get_xlim()) == ((-0.5, 5.5), (-0.5, 7.5))
    assert [tick.get_text() for tick in valid.get_xticklabels()] == ["-1", *"01234"]


@pytest.mark.parametrize(("weights", "notes"), [("1 2 1", 2), ("1; 2; 1", 0)])
def test_a_kernel_across_a_signal_is_named(weights, notes):
    image = ImageData(np.arange(12).reshape(12, 1), None)
    kernels = read_spec(weights).kernels
    choices = [
        Choice("", f"border {border}", Filter(weights, kernels, conv=ConvOptions(border=border)))
        for border in ("edge", "zero")
    ]
    figure = draw_comparison(image, compare_choices(image, choices))
    assert said(figure).count("the kernel is a row, the signal a column") == notes


def test_signals_of_different_lengths_are_aligned(legible):
    image = IMAGES["signal"]
    kernel = Kernel([[1, 2, 3, 2, 1]], name="k")
    choices = [
        Choice("", f"padding {rule}", Filter("k", (kernel,), conv=ConvOptions(padding=rule)))
        for rule in ("same", "valid", "full")
    ]
    figure = draw_comparison(image, compare_choices(image, choices), diff=True)
    legible(figure)
    places = [
        next(line.get_xdata() for line in axes.lines if line.get_marker() == "o")
        for axes in figure.axes
    ]
    assert [(each[0], each[-1]) for each in places] == [
        (0, 11), (0, 11), (2, 9), (2, 9), (-2, 13), (0, 11),
    ]  # fmt: skip
    assert len({axes.get_xlim() for axes in figure.axes}) == 1


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", ["large", "matrix", "signal"])
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    image, options = IMAGES[name], FigureOptions(theme=theme)
    fits_page(draw_comparison(image, borders(image), title="t", diff=True, options=options), theme)


def test_no_difference_at_all_is_white():
    image = IMAGES["gray"]
    compared = compare_choices(
        image, [Choice("a", "a", OUTLINE_FILTER), Choice("b", "b", OUTLINE_FILTER)]
    )
    artist = shown(draw_comparison(image, compared, diff=True))[3].images[0]
    low, high = artist.get_clim()
    assert (low, high, artist.get_cmap().name) == (-1, 1, "RdBu_r")


def test_a_line_of_one_pixel_is_still_seen_in_a_large_image():
    image = IMAGES["large"]
    [zero] = borders(image, 2)[1:]
    compared = borders(image, 2)
    figure = draw_comparison(image, compared, diff=True)
    axes, corner = shown(figure)[-2:]
    drawn = axes.images[0].get_array()
    assert "each cell is the largest of 4x4 pixels" in said(figure)
    assert len(np.unique(corner.images[0].get_array())) > 3  # single pixels
    for edge in (np.s_[:4], np.s_[:, :4]):
        assert np.abs(drawn[edge]).max() == np.abs(zero.difference[edge]).max() > 0
    assert np.abs(drawn[4]).max() > 0 or not zero.difference[4:8].any()
    assert axes.images[0].get_extent() == [-0.5, 400.5, 299.5, -0.5]


def test_the_channel_that_differs_most_is_drawn():
    image = IMAGES["color"]._replace(pixels=IMAGES["color"].pixels[:40])
    compared = borders(image, 2)
    figure = draw_comparison(image, compared, diff=True)
    axes = shown(figure)[3]
    assert "each cell is the largest of 3 channels" in said(figure)
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
    figure = draw_comparison(image, compare_choices(image, choices), diff=True)
    legible(figure)
    assert len(shown(figure)) == 3
    assert "padding 1 - padding 0" in said(figure)
    assert "no position has a value in both results" in said(figure)


def test_directions_say_what_their_colors_mean(legible):
    pair = read_spec("sobel")
    image_filter = Filter("sobel", pair.kernels, "direction")
    image = IMAGES["gray"]
    figure = draw_results(image, [(image_filter, filter_image(image, image_filter, 8))])
    legible(figure)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert {"right", "top", "left", "bottom"} <= {*words}


def test_many_results_have_only_their_names_and_the_heading_says_so():
    image = IMAGES["gray"]
    made = [(OUTLINE_FILTER, filter_image(image, OUTLINE_FILTER, 8))] * 17
    facts, *texts = [text.get_text() for text in draw_results(image, made).texts]
    assert facts == "left out: tick labels, sizes and extremes"
    assert texts == ["outline"] * 17


def test_a_sheet_of_results_shows_the_panels_that_are_asked_for(legible):
    image = IMAGES["gray"]
    made = [(OUTLINE_FILTER, filter_image(image, OUTLINE_FILTER, 8))] * 2
    options = FigureOptions(panels=("input", "kernel", "result"), titles=("A", "B", "C"))
    figure = draw_results(image, made, options=options)
    legible(figure)
    assert len(shown(figure)) == 5
    np.testing.assert_array_equal(shown(figure)[0].images[0].get_array(), image.pixels)
    assert {"A", "B", "C"} <= {text.get_text() for text in figure.texts}


@pytest.mark.parametrize(("name", "count"), [("color", 2), ("gray", 1), ("gray", 2)])
def test_scales_of_their_own_are_said(name, count):
    """Colors are the same in a single result, and channels of color keep theirs."""
    image = IMAGES[name]
    compared = compare_choices(image, [Choice(n, n, OUTLINE_FILTER) for n in "ab"[:count]])
    made = [(item.choice.filter, item.filtered) for item in compared]
    said_so = (name, count) == ("gray", 2)
    for scale in ("own", "common"):
        is_own = said_so and scale == "own"
        figures = (
            draw_comparison(image, compared, scale=scale),
            draw_results(image, made, scale=scale),
        )
        assert ["its own scale" in said(figure) for figure in figures] == [is_own] * 2


def test_a_slide_shows_every_range_of_a_photo_and_keeps_the_key_of_colors():
    names = ("clip", "abs", "offset", "rescale", "percentile", "raw")
    choices = [Choice(name, name, OUTLINE_FILTER._replace(range=name)) for name in names]
    figure = draw_comparison(
        IMAGES["color"],
        compare_choices(IMAGES["color"], choices),
        options=FigureOptions(theme="slide"),
    )
    assert len(shown(figure)) == 6
    assert "each channel: black" in said(figure)


def test_ranges_have_a_bar_each():
    """Pixels of different ranges mean different things, so no bar holds for all of them."""
    names = ("clip", "abs", "rescale", "raw")
    choices = [Choice(name, name, OUTLINE_FILTER._replace(range=name)) for name in names]
    figure = draw_comparison(IMAGES["matrix"], compare_choices(IMAGES["matrix"], choices))
    bars = {axes.get_ylabel(): axes.get_ylim() for axes in figure.axes if not axes.images}
    assert set(bars) == {"value", "|value|", "value, rescaled"}
    assert bars["value, rescaled"] == (0, 1)
    assert bars["value"][0] < 0 == bars["|value|"][0]
    figure = draw_comparison(SMALL, compare_choices(SMALL, choices))
    units = [axes.get_ylabel() for axes in figure.axes if not axes.images]
    assert sorted(units) == ["pixel", "pixel", "pixel = value", "value"]


@pytest.mark.parametrize("name", ["gray", "color", "large", "signal"])
def test_the_figure_is_laid_out_as_it_was(name, laid_out):
    pixels = np.arange(IMAGES[name].pixels.size).reshape(IMAGES[name].pixels.shape) * 7 % 256
    image = IMAGES[name]._replace(pixels=pixels.astype(IMAGES[name].pixels.dtype))
    laid_out(draw_comparison(image, borders(image, 3), title="t", diff=True), f"compare-{name}")


def test_kernels_have_their_factors_and_say_how_they_are_combined():
    image, sobel = IMAGES["gray"], read_spec("sobel")
    family = Filter("sobel", sobel.kernels, "max")
    blur = Filter("cross-blur", (get_kernel("cross-blur"),))
    choices = [Choice(each.label, each.label, each) for each in (family, blur)]
    text = said(draw_comparison(image, compare_choices(image, choices)))
    assert text.count("max of 2 kernels") == text.count("kernel × 1/5") == 1
    filters = [family._replace(conv=ConvOptions(border=name)) for name in BORDERS[:2]]
    choices = [Choice(name, name, each) for name, each in zip(BORDERS, filters, strict=False)]
    text = said(draw_comparison(image, compare_choices(image, choices)))
    assert text.startswith("max of 2 kernels")
    assert text.count("max of 2 kernels") == 1


def test_a_sheet_of_directions_has_one_wheel():
    image, sobel = IMAGES["gray"], read_spec("sobel")
    filters = [Filter("sobel", sobel.kernels, "direction", ConvOptions(border=name))
               for name in BORDERS[:3]]  # fmt: skip
    compared = compare_choices(image, [Choice(each.conv.border, "", each) for each in filters])
    figure = draw_comparison(image, compared)
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words.count("brighter at the") == 1
    assert "right = red" not in said(figure)
    figure = draw_comparison(image, compared, options=FigureOptions(bars=False))
    assert said(figure).count("right = red") == 1


def test_each_tile_has_a_bar_where_one_has_a_scale_of_its_own():
    image = IMAGES["gray"]
    filters = [OUTLINE_FILTER._replace(range=name) for name in ("clip", "abs", "offset")]
    compared = compare_choices(image, [Choice(each.range, each.range, each) for each in filters])
    figure = draw_comparison(image, compared)
    labels = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert labels == ["pixel", "pixel", "pixel = value"]
