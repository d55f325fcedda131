"""Signals in the units of their positions, with their maximum marked, and overlaid on one axis."""

import numpy as np
import pytest
from scipy import signal, stats

from convcli import plot
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_specs
from convcli.plotting.filter_figure import draw_filtering
from convcli.plotting.style import THEMES as STYLES
from convcli.signals import parse_range

pytestmark = pytest.mark.slow

X = np.arange(-500, 501) / 50
NORMAL, UNIFORM = stats.norm.pdf(X), stats.uniform.pdf(X, -3, 6)
CONVOLVED = np.convolve(NORMAL, UNIFORM, "same") / 50
STEP = np.array([[0, 0, 1, 3, 2, 0]])


def densities(**options):
    """The convolution of two densities from -10 to 10."""
    x = parse_range("-10:10:1001")
    [group] = read_specs(["signal:uniform,a=-3,b=3"], x=x, density=True)
    conv = ConvOptions(operation="convolve", border="zero")
    image_filter = Filter(group.label, group.kernels, conv=conv, range="raw", mark=True)
    image = ImageData(NORMAL[np.newaxis], None, axis=x.axis(1001))
    result = image_filter, filter_image(image, image_filter, None)
    return draw_filtering(image, [result], title="t", options=FigureOptions(**options))


def matrix(kernel, x=None, options=None, **conv):
    """A short signal filtered by one kernel, its maximum marked."""
    image = ImageData(STEP, None, axis=x and parse_range(x).axis(6))
    kernels = (Kernel(kernel, name="k"),)
    image_filter = Filter("k", kernels, conv=ConvOptions(**conv), range="raw", mark=True)
    result = image_filter, filter_image(image, image_filter, None)
    return draw_filtering(image, [result], options=options or FigureOptions())


def curves(axes):
    """Return x and y of each curve, without the mark and the line at 0."""
    lines = [line for line in axes.lines if len(line.get_xdata()) > 2]
    return [(np.asarray(line.get_xdata()), np.asarray(line.get_ydata())) for line in lines]


def words(figure):
    return [" ".join(text.get_text().split()) for text in figure.texts]


def ring(axes):
    """Return the x and y of the marked sample."""
    [mark] = [line for line in axes.get_children() if getattr(line, "_marker", None)
              and line.get_markerfacecolor() == "none"]  # fmt: skip
    return mark.get_xdata()[0], mark.get_ydata()[0]


def test_two_densities_and_their_convolution_lie_on_one_axis():
    figure = densities(overlay=True)
    [axes] = figure.axes
    for (x, y), expected in zip(curves(axes), (NORMAL, UNIFORM, CONVOLVED), strict=True):
        assert np.allclose(x, X, atol=1e-12)
        assert np.allclose(y, expected, rtol=0, atol=1e-14)
    assert axes.get_xlim() == pytest.approx((-10.01, 10.01))
    assert axes.get_xlabel() == "x"
    assert {"input", "kernel signal:uniform,a=-3,b=3", "result"} <= set(words(figure))
    assert ring(axes) == pytest.approx((0, CONVOLVED.max()))
    assert any("marked: 0.16623 at x 0" in text for text in words(figure))


def test_panels_choose_curves_and_titles_name_them():
    figure = densities(overlay=True, panels=("kernel", "result"), titles=("g", "f * g"))
    [axes] = figure.axes
    assert [len(x) for x, _ in curves(axes)] == [1001, 1001]
    assert {"g", "f * g"} <= set(words(figure))


@pytest.mark.parametrize("operation", ["correlate", "convolve"])
@pytest.mark.parametrize("padding", ["full", "same", "valid"])
def test_without_positions_an_overlay_has_the_samples_of_the_input(operation, padding):
    kernel = [1, 3, 2, 5]
    options = FigureOptions(overlay=True)
    figure = matrix([kernel], options=options, operation=operation, padding=padding, border="zero")
    [axes] = figure.axes
    (x, f), (u, k), (t, y) = curves(axes)
    anchor = 0 if padding == "full" else 1  # of an even kernel: (4 - 1) // 2
    assert (x.tolist(), u.tolist()) == ([*range(6)], [place - anchor for place in range(4)])
    assert (f.tolist(), k.tolist()) == (STEP[0].tolist(), kernel)
    if operation == "correlate":
        whole = np.correlate(STEP[0], kernel, "full")
        places = signal.correlation_lags(6, 4)
    else:
        whole, places = np.convolve(STEP[0], kernel), np.arange(9)
    places = places + (anchor if operation == "correlate" else -anchor)
    expected = dict(zip(places.tolist(), whole.tolist(), strict=True))
    assert len(t) == {"full": 9, "same": 6, "valid": 3}[padding]
    assert [expected[place] for place in t] == y.tolist()
    if padding == "same":
        assert t.tolist() == x.tolist()
    has_lags = (operation, padding) == ("correlate", "full")
    assert axes.get_xlabel() == ("sample, or lag of a result" if has_lags else "sample")
    assert ring(axes) == (t[y.argmax()], y.max())


def test_the_plots_of_densities_have_positions():
    figure = densities()
    original, kernel, result = figure.axes
    assert original.get_xlabel() == kernel.get_xlabel() == result.get_xlabel() == "x"
    assert original.get_xlim() == result.get_xlim() == pytest.approx((-20.01, 20.01))
    assert kernel.get_xlim() == pytest.approx((-10.01, 10.01))
    assert np.allclose(curves(result)[0], (X, CONVOLVED), atol=1e-12)
    assert -10 in result.get_xticks()
    assert ring(result) == pytest.approx((0, CONVOLVED.max()))
    assert any(text.endswith("marked: 0.16623 at x 0") for text in words(figure))


@pytest.mark.parametrize(
    ("x", "padding", "label", "peak"),
    [
        (None, "full", "lag", 2),
        (None, "same", "sample", 3),
        ("0:0.5", "full", "x (lag = x - 0.1)", 0.3),
        ("0:0.5", "same", "x (lag = x - 0.1)", 0.3),
    ],
)
def test_results_are_numbered_by_positions_by_lags_or_from_0(x, padding, label, peak):
    figure = matrix([[1, 3, 2]], x, padding=padding, border="zero")
    result = figure.axes[-1]
    assert result.get_xlabel() == label
    assert ring(result) == pytest.approx((peak, 14))
    name = label.split()[0]
    assert any(f"marked: 14 at {name} {peak:g}" in text for text in words(figure))


def test_a_flipped_kernel_has_flipped_positions():
    x = parse_range("0:3:4")
    [group] = read_specs(["signal:step,at=2"], x=x)
    conv = ConvOptions(operation="convolve", border="zero")
    image_filter = Filter("k", group.kernels, conv=conv, range="raw")
    image = ImageData(np.array([[1.0, 2, 3, 4]]), None, axis=x.axis(4))
    figure = draw_filtering(image, [(image_filter, filter_image(image, image_filter, None))])
    _, kernel, _ = figure.axes
    assert kernel.get_xticks().tolist() == [-3, -2, -1, 0]
    assert [text.get_text() for text in kernel.texts] == ["1", "1", "0", "0"]


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("overlay", [False, True])
def test_every_theme_is_legible(overlay, theme, legible, text_sizes):
    options = FigureOptions(theme=theme, overlay=overlay)
    figures = [densities(theme=theme, overlay=overlay)]
    figures += [matrix([[1, 3, 2]], x, options=options) for x in (None, "-0.25:1")]
    for figure in figures:
        legible(figure)
        assert min(text_sizes(figure)) >= STYLES[theme].text
        assert figure.get_figwidth() <= STYLES[theme].width + 1e-6
        assert figure.get_figheight() <= STYLES[theme].height + 1e-6


def test_long_names_in_a_legend_wrap(legible):
    names = ("a name that has no end " * 9, "short", "-" * 150)
    legible(densities(overlay=True, theme="paper", titles=names))


def test_colors_and_kernels_across_the_signal():
    color = np.random.default_rng(0).integers(0, 256, (1, 30, 3), np.uint8)
    [axes] = plot(color, "1 2 1", overlay=True, divisor=4).axes
    assert len(curves(axes)) == 7
    figure = plot(STEP, "outline", overlay=True)
    assert len(curves(figure.axes[0])) == 2
    assert any("kernel outline does not run along the signal" in text for text in words(figure))
    with pytest.raises(UsageError, match="nothing is left to draw; kernel outline does not run"):
        plot(STEP, "outline", overlay=True, panels=["kernel"])


def test_images_cannot_be_overlaid():
    with pytest.raises(UsageError, match="overlay draws signals, of one row or one column"):
        plot(np.eye(5), "blur", overlay=True)
    with pytest.raises(UsageError, match="overlay: for filtered images"):
        plot("blur", overlay=True)
    with pytest.raises(UsageError, match="layout arranges images"):
        plot(STEP, "1 2 1", overlay=True, layout="grid")
