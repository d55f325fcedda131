"""Color scales that end before a few values far out, and what bar and caption say of these."""

import numpy as np
import pytest

from convcli.figure_options import FigureOptions
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.image_panel import ImagePanel, beyond_note, common_range, value_bar
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.style import style_context


def panel(outlier, shape=(100, 100), low=-1.0, channels=()):
    values = np.linspace(low, 1, np.prod(shape)).reshape(shape)
    values[3, 4] = outlier
    return ImagePanel(np.stack([values] * 3, axis=2) if channels else values, None)


@pytest.mark.parametrize(
    ("outlier", "low", "extend", "note"),
    [
        (50.0, -1.0, "both", "0.5 % of values lie beyond the colors, from -1 to 50"),
        (-50.0, -1.0, "both", "0.5 % of values lie beyond the colors, from -50 to 1"),
        (50.0, 0.0, "max", "0.5 % of values lie beyond the colors, to 50"),
    ],
)
def test_a_large_map_ends_before_its_outliers(outlier, low, extend, note):
    one = panel(outlier, low=low)
    ends = common_range([one])
    assert ends == pytest.approx((low, 1), abs=0.01)
    assert value_bar(one, ends).extend == extend
    assert beyond_note(one, ends) == note
    color = panel(outlier, low=low, channels=(3,))
    assert common_range([color]) == pytest.approx((low, 1), abs=0.01)


def test_small_maps_pixels_and_even_maps_have_the_whole_scale():
    assert common_range([panel(50.0, (49, 50))]) == (-50, 50)
    assert common_range([panel(1.4)]) == (-1.4, 1.4)
    assert common_range([ImagePanel(np.zeros((100, 100), np.uint8), 255)]) == (0, 255)
    whole = panel(1.4)
    assert value_bar(whole, (-1.4, 1.4)).extend == "neither"
    assert beyond_note(whole, (-1.4, 1.4)) == ""


def test_a_map_whose_values_are_all_large_is_no_outlier_of_a_common_scale():
    small, large = panel(0.0), ImagePanel(np.full((100, 100), 50.0), None)
    assert common_range([small] * 300 + [large]) == (-50, 50)


def test_limits_of_the_user_hold_and_point_the_bar():
    with style_context(FigureOptions(limits=(-0.5, 0.5))):
        one = panel(50.0)
        assert common_range([one]) == (-0.5, 0.5)
        assert value_bar(one, (-0.5, 0.5)).extend == "both"
        assert beyond_note(one, (-0.5, 0.5)) == ""


def test_the_bar_of_a_sheet_is_pointed_for_all_of_its_tiles_and_captions_say_why():
    tiles = [SheetTile("a", panel(0.0).pixels, None), SheetTile("b", panel(50.0).pixels, None)]
    figure = draw_sheet(tiles)
    said = [text.get_text() for text in figure.texts]
    assert sum("lie beyond the colors" in text for text in said) >= 1
    assert any("to 50" in text for text in said)
