"""The sheet of a kernel: its panels, and its layout."""

from functools import cache

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet, has_contours


def random(*shape):
    return np.random.default_rng(7).normal(size=shape)


def one(matrix, **fields):
    return KernelSet("k", (Kernel(matrix, **fields),))


def bell(rows, columns):
    down, across = (np.hanning(n + 2)[1:-1] for n in (rows, columns))
    return np.outer(down, across)


SETS = {
    "3x3": read_spec("outline"),
    "divisor and bias": one([[1, 2], [3, 4]], divisor=7, bias=128),
    "2x2": read_spec("box:2"),
    "pair": read_spec("sobel"),
    "15x15": read_spec("gaussian:15"),
    "gabor": read_spec("gabor"),
    "30x30": one(random(30, 30)),
    "31x9": one(bell(31, 9)),
    "9x31": one(bell(31, 9).T),
    "1x1": one([[2]]),
    "3x1": read_spec("1 2 1"),
    "1x5": one([[1], [4], [6], [4], [1]]),
    "63x1": one(bell(1, 63)),
    "1x63": one(bell(63, 1)),
    "zeros": one(np.zeros((2, 3), int)),
    "tiny": one(random(3, 3) * 1e-9),
    "huge with a long name": one(random(2, 2) * 1e12, name="a-name-without-an-end_" * 9),
    "channels": one(np.arange(50).reshape(2, 5, 5) - 25),
    "many channels": one(random(12, 2, 2)),
    "bank": KernelSet(
        "b", tuple(Kernel(m, name=f"b-{n}") for n, m in enumerate(random(2, 2, 3, 3)))
    ),
}


@cache
def drawn(name):
    return draw_kernel_sheet(SETS[name])


FAST = {"3x3", "pair", "1x5", "channels"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in SETS]
)
def test_legible_and_signed_maps_centered_on_zero(name, legible):
    figure = drawn(name)
    legible(figure)
    rows = by_row(figure)
    assert 1 <= len(rows) <= 8
    for panels in rows:
        for axes in panels[:3]:
            [image] = axes.images
            low, high = image.get_clim()
            assert low == -high < 0
            assert image.get_interpolation() == "nearest"
            assert len(axes.child_axes) == 1, "a color map without its bar"
        assert panels[4].images[0].get_clim()[0] == 0
        assert panels[4].images[0].get_extent() == [-0.5, 0.5, 0.5, -0.5]


def by_row(figure):
    """The axes, five to a kernel: weights, correlated, convolved, curves, frequencies."""
    return [figure.axes[n : n + 5] for n in range(0, len(figure.axes), 5)]


def pixels(axes):
    return np.asarray(axes.images[0].get_array())


def cells(axes):
    return [text.get_text() for text in axes.texts]


def title(axes):
    return axes.get_title().replace("\n", " ")


@pytest.mark.slow
def test_panels_and_titles_show_the_flip():
    [[weights, correlated, convolved, _, _]] = by_row(draw_kernel_sheet(read_spec("emboss")))
    matrix = np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])
    assert np.array_equal(pixels(weights), matrix)
    assert np.array_equal(pixels(correlated)[1:4, 1:4], matrix[::-1, ::-1])
    assert np.array_equal(pixels(convolved)[1:4, 1:4], matrix)
    assert title(correlated) == "one bright pixel, correlated: the kernel flipped"
    assert title(convolved) == "one bright pixel, convolved: the kernel unchanged"
    assert cells(correlated)[6:9] == ["2", "1", "0"]
    [frame] = correlated.patches
    assert (frame.get_xy(), frame.get_edgecolor()) == ((1.5, 1.5), to_rgba("tab:orange"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "correlated", "convolved"),
    [
        ("3x3", "flipped, which changes nothing", "not flipped, same result"),
        ("2x2", "flipped, which changes nothing", "not flipped, same, shifted by one pixel"),
        ("pair", "flipped, which changes the sign", "the kernel unchanged"),
    ],
)
def test_titles_name_the_symmetry(name, correlated, convolved):
    panels = by_row(drawn(name))[0]
    assert title(panels[1]).endswith(f": {correlated}")
    assert title(panels[2]).endswith(f": {convolved}")


@pytest.mark.slow
def test_numbers_of_responses_are_written_as_in_the_kernel():
    [panels] = by_row(draw_kernel_sheet(one([[0.5, 0.25], [1 / 3, 0]])))
    assert cells(panels[0]) == ["0.500", "0.250", "0.333", "0"]
    assert sorted(set(cells(panels[1]))) == sorted(set(cells(panels[0])))


@pytest.mark.slow
def test_the_gain_is_of_the_weights_with_their_divisor():
    [panels] = by_row(draw_kernel_sheet(read_spec("blur")))
    assert title(panels[4]) == "frequency response, magnitude gain at frequency zero: 1"
    assert pixels(panels[4]).max() == pytest.approx(1)
    assert cells(panels[0])[4] == "4"
    [bar] = panels[0].child_axes
    assert bar.get_ylabel() == "weight × 16"


@pytest.mark.slow
def test_gains_run_along_four_directions():
    [panels] = by_row(draw_kernel_sheet(one([[1, 0], [0, -1]])))
    curves = {line.get_label(): line.get_xydata() for line in panels[3].lines}
    assert list(curves) == ["→", "↓", "↘", "↗"]
    for factor, name in ((2, "↘"), (1, "→"), (1, "↓"), (0, "↗")):
        frequency, gain = curves[name].T
        expected = np.abs(1 - np.exp(-2j * np.pi * factor * frequency))
        np.testing.assert_allclose(gain, expected, atol=1e-12)


@pytest.mark.parametrize("spec", ["gaussian:15", "log", "dog", "gabor", "disk:5"])
def test_large_smooth_kernels_have_contours(spec):
    assert has_contours(read_spec(spec).kernels[0].matrix)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["15x15", "gabor"])
def test_contours_take_the_place_of_gains(name):
    [panels] = by_row(drawn(name))
    assert title(panels[3]) == "contours, interpolated between the weights"
    assert not panels[3].lines


@pytest.mark.parametrize("matrix", [random(15, 15), bell(8, 40), np.ones((20, 20)), bell(1, 99)])
def test_rough_thin_and_constant_kernels_have_none(matrix):
    assert not has_contours(matrix)


@pytest.mark.slow
def test_the_title_names_the_kernels_and_how_they_are_combined():
    assert drawn("pair").get_suptitle() == "sobel: 2 kernels 3x3, combined by magnitude"
    assert drawn("divisor and bias").get_suptitle() == "custom, 2x2, × 1/7 + 128"
    assert drawn("channels").get_suptitle() == "custom, 5x5, sum over 2 channels"


@pytest.mark.slow
def test_the_title_counts_the_kernels_left_out():
    assert drawn("many channels").get_suptitle() == (
        "custom, 2x2, sum over 12 channels\nthe first 8 of 12 channels"
    )
    figure = drawn("bank")
    assert figure.get_suptitle() == "b: 2 kernels 3x3, sum over 2 channels, one result each"
    assert title(by_row(figure)[3][0]) == "b-1, channel 1"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["identity", "comet"])
def test_kernels_of_the_catalogue_are_drawn_without_a_warning(name):
    assert len(by_row(draw_kernel_sheet(read_spec(name)))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["divisor and bias", "pair", "gabor", "63x1", "channels"])
def test_the_sheet_is_laid_out_as_it_was(name, laid_out):
    laid_out(drawn(name), f"kernel-sheet-{name.replace(' ', '-')}")
