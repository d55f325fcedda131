"""Color scales that end before a few values far out, and what bar and caption say of these."""

import re
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.figure import Figure

from convcli.figure_options import FigureOptions
from convcli.plotting.axes import WIDE
from convcli.plotting.contact_sheet import draw_sheet
from convcli.plotting.image_panel import (
    Bar,
    ImagePanel,
    beyond_note,
    common_range,
    thin,
    value_bar,
)
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.spread import Spread
from convcli.plotting.style import gray_colormap, style_context


def panel(outlier, shape=(100, 100), low=-1.0, channels=()):
    values = np.linspace(low, 1, np.prod(shape)).reshape(shape)
    values[3, 4] = outlier
    return ImagePanel(np.stack([values] * 3, axis=2) if channels else values, None)


@pytest.mark.parametrize(
    ("outlier", "low", "extend", "note"),
    [
        (50.0, -1.0, "both", "3.0 % of values lie beyond the colors, from -1 to 50"),
        (-50.0, -1.0, "both", "3.0 % of values lie beyond the colors, from -50 to 1"),
        (50.0, 0.0, "max", "1.0 % of values lie beyond the colors, to 50"),
    ],
)
def test_a_large_map_ends_before_its_outliers(outlier, low, extend, note):
    one = panel(outlier, low=low)
    ends = common_range([one])
    assert ends == pytest.approx((low, 1), abs=0.04)
    assert value_bar(one, ends).extend == extend
    assert beyond_note(one, ends) == note
    color = panel(outlier, low=low, channels=(3,))
    assert common_range([color]) == pytest.approx((low, 1), abs=0.04)


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


def test_a_thinned_map_keeps_edges_whose_two_sides_add_up_to_nothing():
    lines = np.zeros((600, 600))
    lines[:, 100::100], lines[:, 101::100] = 5, -4
    lines[7, 7] = np.nan
    thinned, is_shrunk = thin(lines, (1.0, 1.0), signed=True)
    assert thinned.shape == (150, 150)
    assert not is_shrunk
    assert (np.nanmax(thinned), np.isnan(thinned).sum()) == (5, 1)
    means, _ = thin(lines, (1.0, 1.0), signed=False)
    assert np.nanmax(means) == pytest.approx(0.25)


@pytest.mark.parametrize("ends", [(0.0, 255.0), (-860.0, 860.0), (3.25, 8.1), (0.0, 1041 / 1e4)])
@pytest.mark.parametrize("box", [(2.0, 2.0), (3.0, 0.5), (0.4, 0.7), (0.9, 0.3), (0.5, 0.15)])
def test_a_bar_names_both_ends_and_its_labels_are_apart(ends, box):
    with style_context(FigureOptions(theme="slide")):
        bar = Bar.of(ends, gray_colormap(), "value")
        figure = Figure(figsize=(9, 9), dpi=150)
        bar.draw(figure, 3.0, 3.0, box)
        figure.draw_without_rendering()
        [axes] = figure.axes
        axis = axes.xaxis if box[0] >= WIDE * box[1] else axes.yaxis
        labels = [label for label in axis.get_ticklabels() if label.get_text()]
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(two) for one, two in pairwise(boxes))
        named = [label.get_text() for label in labels] or re.findall(r"[-\d.]+", bar.note(box))
        assert [float(named[0]), float(named[-1])] == pytest.approx(ends, rel=1e-3)
        assert len(set(named)) == len(named)


def test_ends_that_differ_little_are_told_apart():
    one = ImagePanel(np.linspace(10 - 1e-7, 10 + 1e-7, 12).reshape(3, 4), None)
    labels = value_bar(one, common_range([one])).labels
    assert (labels[0], labels[-1]) == ("9.9999999", "10.0000001")
    assert len(set(labels)) == len(labels)


def test_a_bar_without_room_for_both_ends_has_no_labels_and_a_note_names_them():
    figure = Figure(figsize=(3, 3))
    bar = Bar.of((0.0, 1.0), gray_colormap(), "weight")
    bar.draw(figure, 1.0, 1.0, (0.1, 0.1))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == []
    assert bar.note((0.1, 0.1)) == "bar: weight 0 to 1"


def test_values_that_are_usual_in_one_map_of_many_are_usual():
    maps = np.random.default_rng(0).uniform(size=(1024, 1024, 4))
    maps[..., 1] *= 10
    assert not Spread.of(maps).has_outliers
    few = maps[:60, :60]
    assert not Spread.of(np.dstack([few[..., 1], *[few[..., 0]] * 63])).has_outliers
