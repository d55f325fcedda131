"""Signals as stems and lines: apply's figure and explain's."""

from functools import cache

import numpy as np
import pytest

from convcli import explain
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.plotting.filter_figure import draw_filtering
from convcli.plotting.save import save_figure
from convcli.plotting.signal_plot import (
    SignalPadding,
    are_signals,
    padded_samples,
    signal_axis,
    signal_samples,
    signal_taps,
)

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(7)
SHORT = np.array([[0, 0, 1, 3, 5, 5, -2, 0, 0, 4]])
LONG = np.sin(np.arange(4000) / 90)[np.newaxis]
COLOR = RNG.integers(0, 256, (1, 50, 3), np.uint8)
NAME = "a-name-without-an-end_" * 9


def result_of(pixels, matrix, label="k", **conv):
    """A filter with its result."""
    image_filter = Filter(label, (Kernel(matrix, name=label),), None, ConvOptions(**conv), "raw")
    return image_filter, filter_image(as_image(pixels), image_filter, None)


def as_image(pixels):
    return ImageData(pixels, 8 if pixels.dtype == np.uint8 else None)


def draw(pixels, results, title=""):
    return draw_filtering(as_image(pixels), results, title=title)


FIGURES = {
    "short": (SHORT, [result_of(SHORT, [[1, 2, 1]])]),
    "column": (SHORT.T, [result_of(SHORT.T, [[1], [2], [-1]], padding="full", stride=(2, 1))]),
    "long": (LONG, [result_of(LONG, np.ones((1, 31)), border="reflect")]),
    "2-d": (SHORT, [result_of(SHORT, [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])]),
    "several": (SHORT, [result_of(SHORT, [[1] * n], f"box-{n}") for n in (1, 3, 5, 9, 30)]),
    "30": (LONG[:, :200], [result_of(LONG[:, :200], RNG.normal(size=(1, 30)))]),
    "color": (COLOR, [result_of(COLOR, [[1, 0, -1]], border="zero")]),
    "fractions": (SHORT / 7, [result_of(SHORT / 7, [[0.25, 0.5, 0.25]])]),
    "flat": (SHORT * 0, [result_of(SHORT * 0, [[1, 1]])]),
    "nan": (np.where(SHORT == 5, np.nan, SHORT), [result_of(SHORT / 1.0, [[1]])]),
    "holes": (SHORT, [result_of(SHORT, [[1, 2, 3]], dilation=(1, 4), padding=(0, 4))]),
    "name": (SHORT, [result_of(SHORT, [[1, 2]], NAME[:120])]),
}


@pytest.fixture(scope="module")
def drawn():
    """A figure of ``FIGURES``, which several tests look at."""
    return cache(lambda name: draw(*FIGURES[name], title=NAME if name == "name" else name))


def numbers(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_is_cut_or_overlaps(drawn, name, legible):
    legible(drawn(name))


def test_signal_result_and_kernel_have_their_numbers(drawn):
    signal, kernel, result = drawn("short").axes
    padded = np.pad(SHORT[0], 1, "edge")
    assert numbers(signal) == [str(n) for n in padded]
    assert numbers(result) == [str(n) for n in np.convolve(padded, [1, 2, 1], "valid")]
    assert numbers(kernel) == ["1", "2", "1"]


@pytest.mark.parametrize(("theme", "width"), [("screen", 2.5), ("slide", None)])
def test_axes_have_units_and_values_that_do_not_touch(theme, width, legible):
    pixels = (np.arange(12, dtype=np.uint8) * 9)[np.newaxis]
    options = FigureOptions(theme=theme, width=width)
    [result] = [result_of(pixels, [[1, 2, 1]])]
    figure = draw_filtering(as_image(pixels), [result], options=options)
    legible(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["pixel", "weight", "value"]


def test_limits_cut_stems_and_the_numbers_beyond_them(legible):
    options = FigureOptions(limits=(0, 3))
    figure = draw_filtering(as_image(SHORT), FIGURES["short"][1], options=options)
    legible(figure)
    signal, kernel, result = figure.axes
    assert signal.get_ylim() == result.get_ylim() == (0, 3)
    assert set(numbers(signal)) == {"0", "1"}
    assert numbers(kernel) == ["1", "2", "1"]


def test_a_convolved_kernel_is_shown_flipped():
    figure = draw(SHORT, [result_of(SHORT, [[1, 2, 3]], operation="convolve")])
    assert numbers(figure.axes[1]) == ["3", "2", "1"]
    assert "flipped by convolve" in [text.get_text() for text in figure.texts]


def test_long_signals_are_lines_without_numbers(drawn):
    signal, _, result = drawn("long").axes
    for axes in (signal, result):
        assert not axes.texts
        line = max(axes.lines, key=lambda line: len(line.get_xdata()))
        assert line.get_marker() in ("", "None")
    assert len(line.get_xdata()) == 4000


def test_exactly_the_padding_is_hatched(drawn):
    signal, *_ = drawn("column").axes
    spans = [patch.get_extents().bounds for patch in signal.patches if patch.get_hatch()]
    assert len(spans) == 2
    places = [
        tuple(signal.transData.inverted().transform([(x, y), (x + w, y + h)])[:, 0].round(6))
        for x, y, w, h in spans
    ]
    assert places == [(-2.5, -0.5), (9.5, 11.5)]


@pytest.mark.parametrize("name", ["short", "column", "holes", "several"])
def test_a_result_stands_below_the_middle_of_its_window(drawn, name):
    signal, _, result = drawn(name).axes[:3]
    image_filter, _ = FIGURES[name][1][0]
    axis = 0 if name == "column" else 1
    stride = image_filter.conv.stride
    step = stride if isinstance(stride, int) else stride[axis]
    taps = max(image_filter.kernels[0].shape)
    dilation = image_filter.conv.dilation
    apart = dilation if isinstance(dilation, int) else dilation[axis]
    extent = apart * (taps - 1)
    before = {"short": 1, "column": 2, "holes": 4, "several": 0}[name]
    for place in (0, 3):
        middle = place * step - before + extent / 2
        number = place * step - before if name == "column" else place  # full padding has lags
        across = [
            axes.transAxes.inverted().transform(axes.transData.transform((x, 0)))[0]
            for axes, x in ((signal, middle), (result, number))
        ]
        assert across[0] == pytest.approx(across[1])


def test_the_title_gives_padding_and_border():
    figure = draw(SHORT, [result_of(SHORT, [[1, 2, 3, 4]], padding="full", border="reflect")])
    words = [text.get_text() for text in figure.texts]
    assert "10 samples; hatched: padding 3 (reflect)" in words


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("name", ["short", "long", "2-d", "several", "color"])
def test_every_theme_keeps_its_page_and_its_text(name, theme, fits_page):
    pixels, results = FIGURES[name]
    options = FigureOptions(theme=theme)
    fits_page(draw_filtering(as_image(pixels), results, options=options), theme)


@pytest.mark.parametrize(("count", "left_out"), [(3, "sizes, extremes"), (4, "kernels")])
def test_a_slide_keeps_the_results_of_several_kernels(count, left_out, fits_page):
    pixels = np.sin(np.arange(40) / 4)[np.newaxis]
    kernels = ([[1, 2, 1]], [[1, -1]], [[1] * 5], [[1, 2]])
    results = [result_of(pixels, kernel) for kernel in kernels[:count]]
    options = FigureOptions(theme="slide")
    figure = draw_filtering(as_image(pixels), results, options=options)
    fits_page(figure, "slide")
    titles = [text.get_text() for text in figure.texts]
    assert sum(title.startswith("result of ") for title in titles) == count
    assert f"range raw · left out: {left_out}" in titles


def test_panels_and_titles_of_a_signal():
    options = FigureOptions(
        panels=("input", "result"), titles=("f", "f * g"), axes=False, limits=(-1, 30)
    )
    figure = draw_filtering(as_image(SHORT), [result_of(SHORT, [[1, 2, 1]])], options=options)
    signal, result = figure.axes
    assert [text.get_text() for text in figure.texts][-2:] == ["f", "f * g"]
    assert signal.get_ylim() == result.get_ylim() == (-1, 30)
    assert list(signal.get_xticks()) == []


def test_a_layout_of_a_signal_is_refused():
    with pytest.raises(UsageError, match="layout arranges images"):
        draw_filtering(
            as_image(SHORT), [result_of(SHORT, [[1]])], options=FigureOptions(layout="grid")
        )


def test_images_and_mixed_results_are_not_signals():
    assert are_signals([SHORT, SHORT])
    assert not are_signals([SHORT, SHORT.T])
    assert not are_signals([SHORT, np.zeros((3, 10))])
    assert signal_axis(np.zeros((1, 1))) is None
    figure = draw(SHORT, [result_of(SHORT, [[1, 1]], padding=1)])
    assert len(figure.axes[0].images) == 1


@pytest.mark.parametrize("border", ["edge", "zero", "reflect", "wrap", "symmetric"])
def test_padded_samples_are_those_of_numpy(border):
    padded = padded_samples(signal_samples(COLOR), SignalPadding(3, 60, border, 0))
    mode = "constant" if border == "zero" else border
    assert np.array_equal(padded, np.pad(COLOR[0].astype(float), ((3, 60), (0, 0)), mode))


def test_the_fill_of_integers_may_be_no_integer():
    padded = padded_samples(np.array([[1], [2]], np.uint8), SignalPadding(1, 1, "constant", 0.5))
    assert padded.tolist() == [[0.5], [1], [2], [0.5]]


def test_taps_run_along_the_signal_or_there_are_none():
    assert signal_taps(np.array([[1, 2, 3]]), 1, "convolve").tolist() == [[3], [2], [1]]
    assert signal_taps(np.array([[1], [2]]), 0, "correlate").tolist() == [[1], [2]]
    assert signal_taps(np.array([[1, 2, 3]]), 0, "correlate") is None
    assert signal_taps(np.ones((3, 3)), 1, "correlate") is None
    assert signal_taps(np.arange(6).reshape(3, 1, 2), 1, "correlate").shape == (2, 3)


EXPLAINED = {
    "short": (SHORT, [[1, 2, 1]], (0, 0), {"border": "zero"}),
    "column": (SHORT.T, [[1], [2], [-1]], (4, 0), {"operation": "convolve", "dilation": (3, 1)}),
    "long": (LONG, np.ones((1, 31)), (0, 3999), {}),
    "color": (COLOR, [[1, 2, 1]], (0, 7), {"divisor": 4}),
    "channels": (COLOR, RNG.integers(-3, 4, (3, 1, 3)), (0, 0), {}),
    "name": (SHORT, Kernel([[1, 2]], name=NAME[:120]), (0, 3), {}),
}


@pytest.fixture(scope="module")
def explained():
    """The figure of an explanation, which several tests look at."""

    @cache
    def figure(name):
        pixels, kernel, at, options = EXPLAINED[name]
        return explain(pixels, kernel, at, **options).plot()

    return figure


@pytest.mark.parametrize("name", EXPLAINED)
def test_explanations_are_legible(explained, name, legible):
    legible(explained(name))


def test_images_and_2_d_kernels_are_explained_as_grids():
    for pixels, kernel in ((SHORT, np.ones((3, 3))), (np.ones((4, 4)), np.ones((1, 3)))):
        assert explain(pixels, kernel, (0, 1)).plot().axes[0].images


@pytest.mark.parametrize("name", ["short", "long"])
def test_the_same_bytes_every_time(name, tmp_path):
    for number in (1, 2):
        save_figure(draw(*FIGURES[name]), tmp_path / f"{number}.png")
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()


def test_signals_look_as_they_did(drawn, explained, golden):
    golden(drawn("column"), "signal-column")
    golden(explained("short"), "signal-explained")


@pytest.mark.parametrize("name", ["short", "column", "long", "nan"])
def test_the_figure_is_laid_out_as_it_was(drawn, name, laid_out):
    laid_out(drawn(name), f"signal-{name}")
