import math

import numpy as np
import pytest

from convcli.errors import UsageError
from convcli.plotting.contact_sheet import SheetTile, draw_sheet

RNG = np.random.default_rng(8)
GRAY = RNG.integers(0, 256, (60, 80), np.uint8)
COLOR = RNG.integers(0, 256, (50, 40, 3), np.uint8)
SIGNED = RNG.normal(size=(40, 50))
LONG = "a-name-without-an-end_" * 9


def tiles(pixels, count=1, max_value=None, **more):
    return [SheetTile(f"map-{n + 1}", pixels, max_value, **more) for n in range(count)]


SHEETS = {
    "one": tiles(GRAY, 1, 255, caption="80x60, min -3, max 900"),
    "gray": tiles(GRAY, 7, 255),
    "color": tiles(COLOR, 6, 255),
    "16-bit": tiles(GRAY.astype(np.uint16) * 257, 2, 65535),
    "kernels-3x3": tiles(RNG.integers(-9, 10, (3, 3)), 9),
    "kernels-15x15": tiles(RNG.normal(size=(15, 15)), 3),
    "kernels-30x30": tiles(RNG.normal(size=(30, 30)), 5),
    "tiny-values": tiles(RNG.normal(size=(5, 5)) * 1e-9, 5),
    "huge-values": tiles(RNG.normal(size=(50, 5)) * 1e300, 5),
    "signals": tiles(RNG.integers(-5, 9, (1, 12)), 4),
    "long-signals": tiles(RNG.normal(size=(1, 300)), 7),
    "many-signals": tiles(RNG.normal(size=(2, 90)), 20),
    "columns": tiles(RNG.integers(-5, 9, (12, 1)), 5),
    "one-value": tiles(np.zeros((1, 1)), 2),
    "constant": tiles(np.full((4, 4), -7), 2),
    "64-maps": tiles(SIGNED * 1e4, 64),
    "64-images": tiles(GRAY, 64, 255),
    "25-cells": tiles(RNG.integers(0, 9, (2, 2)), 25),
    "long-names": [SheetTile(LONG, GRAY, 255, "so long " * 9)] * 5,
    "36-long-names": [SheetTile(LONG, SIGNED, None)] * 36,
    "every-kind": [
        *tiles(GRAY, 2, 255), *tiles(COLOR, 1, 255), *tiles(SIGNED), *tiles(GRAY[:5], 1, 255),
        *tiles(GRAY[:, :4], 1, 255), *tiles(SIGNED, 1, unit="difference"), *tiles(SIGNED > 0),
        *tiles(COLOR / 7.0),
    ],
}  # fmt: skip


COMMON = ("16-bit", "25-cells", "64-images", "huge-values", "kernels-3x3", "one", "every-kind")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale"),
    [(name, "own") for name in SHEETS if name != "64-images"]
    + [(name, "common") for name in COMMON],
)
def test_nothing_is_cut_or_overlaps(name, scale, legible):
    figure = draw_sheet(SHEETS[name], title="/a/folder/of images/$a$_b.png", scale=scale)
    legible(figure)
    assert max(figure.get_size_inches()) < 30


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 2, 9])
def test_columns_set_the_number_of_tiles_side_by_side(columns, legible):
    figure = draw_sheet(tiles(GRAY, 9, 255), columns=columns)
    legible(figure)
    places = [axes.get_position() for axes in shown(figure)]
    assert len({round(place.x0, 6) for place in places}) == columns
    assert len({round(place.y0, 6) for place in places}) == math.ceil(9 / columns)


def shown(figure):
    """The axes of the tiles, in their order; a bar is no image."""
    return [axes for axes in figure.axes if axes.images]


def shared_bars(figure):
    return [axes for axes in figure.axes if not axes.images]


def limits(figure):
    return [axes.images[0].get_clim() for axes in shown(figure)]


@pytest.mark.slow
def test_tiles_go_row_by_row_under_their_titles():
    axes = shown(draw_sheet(tiles(GRAY, 9, 255, caption="two\nlines")))
    assert [each.get_title() for each in axes] == [f"map-{n}\ntwo\nlines" for n in range(1, 10)]
    places = [(-round(each.get_position().y0, 6), each.get_position().x0) for each in axes]
    assert places == sorted(places)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(60, 80), (200, 60), (3, 5), (40, 41)])
def test_pixels_are_square_and_boxes_equal(shape):
    figure = draw_sheet(tiles(RNG.normal(size=shape), 6))
    boxes = np.array([axes.bbox.size for axes in shown(figure)])
    np.testing.assert_allclose(boxes, boxes[:1].repeat(6, axis=0), rtol=1e-6)
    np.testing.assert_allclose(boxes[0, 1] / boxes[0, 0], shape[0] / shape[1], rtol=1e-6)


@pytest.mark.slow
def test_more_tiles_are_smaller():
    boxes = [shown(draw_sheet(tiles(GRAY, n, 255)))[0].bbox.width for n in (1, 9, 64)]
    assert boxes == sorted(boxes, reverse=True)
    assert boxes[-1] > 100


def test_own_scales_run_from_least_to_greatest():
    values = [
        SheetTile("a", np.array([[1.0, 4]]), None),
        SheetTile("b", np.array([[-3.0, 9]]), None),
    ]
    figure = draw_sheet(values)
    assert limits(figure) == [(1, 4), (-9, 9)]
    assert [axes.images[0].get_cmap().name for axes in shown(figure)] == ["gray", "RdBu_r"]
    assert [len(axes.child_axes) for axes in shown(figure)] == [1, 1]
    assert not shared_bars(figure)


def test_a_common_scale_holds_all_plain_numbers_and_has_one_bar():
    values = [
        SheetTile("a", np.array([[1.0, 4]]), None),
        SheetTile("b", np.array([[-3.0, 2]]), None),
        SheetTile("zero", np.zeros((2, 2)), None),
    ]
    figure = draw_sheet(values, scale="common")
    assert limits(figure) == [(-4, 4)] * 3
    assert {axes.images[0].get_cmap().name for axes in shown(figure)} == {"RdBu_r"}
    [bar] = shared_bars(figure)
    assert bar.get_ylabel() == "value"
    assert bar.get_ylim() == (-4, 4)
    assert not any(axes.child_axes for axes in shown(figure))


def test_a_flat_map_does_not_widen_the_common_scale():
    values = [
        SheetTile("zero", np.zeros((2, 2)), None),
        SheetTile("b", np.full((2, 2), 1e-3), None),
    ]
    assert limits(draw_sheet(values, scale="common")) == [(0, 1e-3)] * 2


@pytest.mark.slow
@pytest.mark.parametrize("scale", ["own", "common"])
def test_images_run_from_0_to_white_with_one_bar(scale):
    figure = draw_sheet([*tiles(GRAY // 2, 3, 255), *tiles(COLOR, 2, 255)], scale=scale)
    assert limits(figure)[:3] == [(0, 255)] * 3
    [bar] = shared_bars(figure)
    assert bar.get_ylim() == (0, 255)
    np.testing.assert_allclose(shown(figure)[4].images[0].get_array(), COLOR / 255)


def test_color_images_have_no_bar():
    figure = draw_sheet(tiles(COLOR, 3, 255))
    assert not shared_bars(figure)
    assert not any(axes.child_axes for axes in shown(figure))


def test_units_do_not_share_a_scale():
    figure = draw_sheet([*tiles(SIGNED), *tiles(SIGNED * 9, unit="difference")], scale="common")
    first, second = limits(figure)
    assert second[1] == pytest.approx(9 * first[1])
    assert [bar.get_ylabel() for bar in shared_bars(figure)] == ["value", "difference"]


@pytest.mark.slow
def test_grids_of_one_shape_have_numbers_all_or_none():
    grids = [RNG.normal(size=(15, 15)) * factor for factor in (1, 0.01, 1e5)]
    figure = draw_sheet([SheetTile("", grid, None) for grid in grids])
    counts = {len(axes.texts) for axes in shown(figure)}
    assert len(counts) == 1
    sizes = {text.get_fontsize() for axes in shown(figure) for text in axes.texts}
    assert len(sizes) <= 1


def test_a_small_grid_has_its_numbers():
    matrix = np.array([[1, -2], [3, 40]])
    [axes] = shown(draw_sheet([SheetTile("k", matrix, None)]))
    assert [text.get_text() for text in axes.texts] == ["1", "-2", "3", "40"]
    assert axes.images[0].get_interpolation() == "nearest"


def test_nan_is_counted_in_the_caption():
    values = np.array([[1.0, np.nan], [np.inf, -1]])
    [axes] = shown(draw_sheet([SheetTile("k", values, None)]))
    caption = " ".join(axes.get_title().split("\n"))
    assert caption == "k 1 NaN in magenta 1 infinite, in the color of the bar's end"
    assert axes.images[0].get_clim() == (-1, 1)


def test_dollars_in_the_heading_are_not_parsed_as_math():
    figure = draw_sheet(tiles(GRAY, 1, 255), title="$a_b$")
    assert figure.get_suptitle() == "$a_b$"
    assert not figure.texts[0].get_parse_math()


def test_inputs_are_not_modified():
    before = SIGNED.copy(), COLOR.copy()
    draw_sheet([*tiles(SIGNED), *tiles(COLOR, 1, 255)])
    np.testing.assert_array_equal(before[0], SIGNED)
    np.testing.assert_array_equal(before[1], COLOR)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tiles": []}, "at least one tile"),
        ({"tiles": tiles(np.zeros((4, 4, 2)))}, "1 or 3 channels"),
    ],
)
def test_no_tiles_and_other_channels_are_errors(arguments, message):
    with pytest.raises(UsageError, match=message):
        draw_sheet(**arguments)


@pytest.mark.slow
def test_groups_stand_in_rows_of_their_own_under_their_names(legible):
    names = ["one"] * 3 + ["two"] * 2
    figure = draw_sheet(
        [SheetTile(str(n), np.eye(4), None, group=name) for n, name in enumerate(names)], columns=2
    )
    legible(figure)
    assert [text.get_text() for text in figure.texts] == ["one", "two"]
    tops = [round(axes.get_position().y1, 6) for axes in figure.axes if axes.images]
    assert tops[0] == tops[1] > tops[2] > tops[3] == tops[4]
    one, two = (text.get_position()[1] for text in figure.texts)
    assert one > tops[0] > tops[2] > two > tops[3]


@pytest.mark.slow
def test_box_sets_the_longer_side_of_a_tile(legible):
    figure = draw_sheet([SheetTile(str(n), np.eye(20), None) for n in range(5)], box=1.5)
    legible(figure)
    for axes in figure.axes:
        if axes.images:
            assert axes.bbox.width / figure.dpi == pytest.approx(1.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scale"), [("one", "own"), ("kernels-3x3", "common"), ("signals", "own")]
)
def test_the_sheet_is_laid_out_as_it_was(name, scale, laid_out):
    laid_out(draw_sheet(SHEETS[name], title="t", scale=scale), f"sheet-{name}")
