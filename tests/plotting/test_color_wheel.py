"""The wheel of a direction image has the colors that the image has."""

import numpy as np
import pytest

from convcli.figure_options import FigureOptions
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.images.image import image_of
from convcli.kernels.spec import read_spec
from convcli.plotting.filter_figure import draw_filtering

SOBEL = Filter("sobel", read_spec("sobel").kernels, "direction")
RAMP = np.tile(np.arange(0, 240, 60, dtype=np.uint8), (40, 10))[:, 4:]


def draw(pixels, **options):
    image = image_of(pixels)
    filtered = filter_image(image, SOBEL, image.depth)
    figure = draw_filtering(image, [(SOBEL, filtered)], options=FigureOptions(**options))
    return figure, filtered.image.pixels


def wheel_of(figure):
    return next(
        axes for axes in figure.axes if "right" in [text.get_text() for text in axes.texts]
    ).images[0]


@pytest.mark.parametrize("side", ["bottom", "left", "right", "top"])
def test_the_wheel_has_the_color_of_an_edge_that_is_brighter_there(side):
    pixels = np.zeros((90, 90), np.uint8)
    half = {"right": np.s_[:, 45:], "left": np.s_[:, :45], "top": np.s_[:45], "bottom": np.s_[45:]}
    pixels[half[side]] = 60
    figure, result = draw(pixels)
    edge = result[45, 45].astype(float)
    wheel = np.asarray(wheel_of(figure).get_array())
    middle, end = len(wheel) // 2, len(wheel) - 3
    place = {
        "right": (middle, end),
        "left": (middle, 2),
        "top": (2, middle),
        "bottom": (end, middle),
    }
    rim = wheel[place[side]]
    assert rim[3] == 255
    assert rim[:3] / 255 == pytest.approx(edge / edge.max(), abs=0.05)


@pytest.mark.parametrize("theme", ["dark", "paper", "screen", "slide"])
def test_the_wheel_fits_the_page(theme, fits_page):
    figure, _ = draw(np.tile(RAMP, (4, 4)), theme=theme)
    assert wheel_of(figure)
    fits_page(figure, theme)


def test_a_strip_has_the_wheel_below_it(fits_page):
    figure, _ = draw(RAMP[:3])
    assert wheel_of(figure)
    fits_page(figure, "screen")


def test_without_bars_the_caption_names_the_colors():
    figure, _ = draw(RAMP, bars=False)
    assert any("right = red" in text.get_text() for text in figure.texts)
