"""The figure of an explained signal: rows on one x axis, in every theme, and what they show."""

from fractions import Fraction

import numpy as np
import pytest
from matplotlib.patches import Rectangle

from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, depth_of
from convcli.kernels.spec import read_spec
from convcli.signals import SampleRange
from convcli.teaching.explain.arithmetic import explain_image, explained_map
from convcli.teaching.explain.figure import draw_explanation

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(2)
SIGNAL = np.array([[0, 0, 1, 3, 5, 5, 2, 0, 0, 4, 1, 7]])
COLORS = RNG.integers(0, 256, (1, 30, 3), np.uint8)
LONG = RNG.normal(size=(300, 1))
CASES = {
    "row": (SIGNAL, "1 2 3", 3, {"operation": "convolve", "border": "zero"}),
    "column": (LONG, "1;2;-1", 0, {"padding": "full", "dilation": (40, 1)}),
    "colors": (COLORS, "1 0 -1", 3, {}),
    "long kernel": (LONG.T, "box:101x1", 9, {}),
}


def draw(pixels, kernel, at, conv=None, *, x=None, **options):
    image = ImageData(pixels, depth_of(pixels.dtype), axis=x and x.axis(max(pixels.shape[:2])))
    members = read_spec(kernel)
    image_filter = Filter(
        members.label, members.kernels, members.combine, ConvOptions(**conv or {})
    )
    place = (0, at) if pixels.shape[0] == 1 else (at, 0)
    explained = explain_image(image, image_filter, place)
    feature_map = explained_map(image, image_filter)
    return draw_explanation(explained, pixels, feature_map, FigureOptions(**options))


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", CASES)
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    fits_page(draw(*CASES[name], theme=theme), theme)


def rows(figure):
    """The axes from the input down to the result, and those of weights at the right."""
    right = [axes for axes in figure.axes if axes.yaxis.get_label_position() == "right"]
    return [axes for axes in figure.axes if axes not in right], right


def test_the_axes_have_units():
    figure = draw(COLORS, "1 0 -1", 3, theme="slide")
    left, right = rows(figure)
    assert {axes.get_ylabel() for axes in left} == {"pixel"}
    assert {axes.get_ylabel() for axes in right} == {"weight"}


def points(axes, marker):
    [line] = [line for line in axes.lines if line.get_marker() == marker]
    return [np.asarray(values, float).tolist() for values in line.get_data()]


def test_the_kernel_lies_over_the_input_with_the_products_shaded():
    figure = draw(*CASES["row"])
    (source, middle, result), [weights] = rows(figure)
    assert points(weights, "D") == [[2, 3, 4], [3, 2, 1]]  # flipped
    bars = [patch for patch in middle.patches if patch.get_alpha() == 0.55]
    assert [bar.get_x() + bar.get_width() / 2 for bar in bars] == pytest.approx([2, 3, 4])
    assert [bar.get_height() for bar in bars] == [3, 6, 5]
    assert points(middle, "o") == [list(range(-1, 13)), [0, *SIGNAL[0].tolist(), 0]]
    rings = [line for line in source.lines if line.get_markersize() == 7.5]
    assert rings[0].get_xdata().tolist() == [2, 3, 4]
    ringed = [line for line in result.lines if line.get_markersize() == 7.5]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in ringed] == [(3, 14)]
    assert {axes.get_xlim() for axes in (source, middle, result)} == {(-1.5, 12.5)}
    texts = [text.get_text() for text in figure.texts]
    assert "1 2 3, flipped: sum of products 14" in texts
    assert "12 samples; ringed: the value, 14" in texts
    assert any("(1*3) + (3*2) + (5*1) = 14" in text for text in texts)


@pytest.mark.parametrize("kernel", ["-1 2", "-3 -1", "1 1"])
def test_the_zeros_of_both_axes_are_at_one_height(kernel):
    (_, middle, _), [weights] = rows(draw(SIGNAL - 3, kernel, 4))
    heights = [axes.transData.transform((0, 0))[1] for axes in (middle, weights)]
    assert heights[0] == pytest.approx(heights[1])


def test_an_input_that_its_products_dwarf_keeps_its_own_scale():
    figure = draw(SIGNAL, "10 9 8", 3, {"border": "zero"})
    (_, middle, _), [source, weights] = rows(figure)
    assert (middle.get_ylabel(), weights.get_ylabel()) == ("product", "weight")
    assert not source.yaxis.get_visible()
    assert points(source, "o")[1] == [0, *SIGNAL[0].tolist(), 0]
    assert 7 / source.get_ylim()[1] == pytest.approx(10 / weights.get_ylim()[1])
    assert any("dots: input (scale above)" in text.get_text() for text in figure.texts)


def test_weights_are_numbered_where_the_kernel_is():
    _, [weights] = rows(draw(-SIGNAL * 100, "1 2 1", 4, theme="slide"))
    assert weights.get_yticks().tolist() == [0, 2]


def test_weights_of_0_at_the_ends_of_a_long_kernel_are_neither_window_nor_padding():
    conv = {"operation": "convolve", "border": "zero"}
    figure = draw(
        LONG, "[" + ", ".join(["[0]"] * 150 + ["[1]"] * 50 + ["[0]"] * 100) + "]", 9, conv
    )
    (source, middle, _), _ = rows(figure)
    for axes in (source, middle):
        [window] = [patch for patch in axes.patches if patch.get_alpha() == 0.15]
        assert (window.get_x(), window.get_width()) == (9 - 150 + 100 - 0.5, 50)
    assert middle.get_xlim() == (-50.5, 299.5)
    texts = [text.get_text() for text in figure.texts]
    assert "300 samples; hatched: padding 150,149 (zero), 50,0 drawn" in texts
    assert any("light: weights over 0.1 %" in text for text in texts)


def test_every_channel_and_every_kernel_has_a_row():
    (*above, _), right = rows(draw(*CASES["colors"]))
    assert (len(above), len(right)) == (1 + 3, 3)
    assert len(rows(draw(SIGNAL, "sobel-x", 3))[1]) != 1  # of an image's kernel: another figure
    texts = [text.get_text() for text in draw(*CASES["colors"], theme="slide").texts]
    assert any("left out: steps, captions, 1 of 3 sums" in text for text in texts)


def test_samples_and_lags_are_labeled():
    x = SampleRange(Fraction(-1), Fraction(1))
    figure = draw(SIGNAL, "1 2 3", 3, {"operation": "convolve"}, x=x)
    assert [axes.get_xlabel() for axes in rows(figure)[0]] == ["x"] * 3
    assert figure.get_suptitle() == "1 2 3: the value at x -0.4545454545"
    figure = draw(SIGNAL, "1 2 3", 3, {"padding": "full", "border": "zero"})
    (*_, result), _ = rows(figure)
    assert result.get_xlabel() == "lag"
    assert figure.get_suptitle() == "1 2 3: the value at lag 1"


def test_only_the_last_row_of_a_slide_has_tick_labels():
    (*above, result), _ = rows(draw(*CASES["row"], theme="slide"))
    assert not any(axes.xaxis.get_tick_params()["labelbottom"] for axes in above)
    assert result.get_xlabel() == "sample"


def test_padding_is_hatched_and_the_window_shaded():
    (source, middle, _), _ = rows(draw(SIGNAL, "1 2 3", 0, {"border": "zero"}))
    patches = [patch for patch in source.patches if isinstance(patch, Rectangle)]
    assert [(p.get_x(), p.get_width()) for p in patches if p.get_hatch()] == [(-1.5, 1), (11.5, 1)]
    for axes in (source, middle):
        [window] = [patch for patch in axes.patches if patch.get_alpha() == 0.15]
        assert (window.get_x(), window.get_width()) == (-1.5, 3)
