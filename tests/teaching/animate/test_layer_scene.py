"""The frames of a chain's last layer: what they show is what the chain computes."""

import math
import re
from io import BytesIO

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from convcli import Chain
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.images.image import ImageData, depth_of
from convcli.plotting.style import theme
from convcli.plotting.window_marks import WINDOW_COLOR
from convcli.teaching.animate.layer_window import slide_layer
from convcli.teaching.animate.scene import DPI, animate_window
from convcli.teaching.animate.sliding import choose_positions
from convcli.teaching.animate.spread_sums import SpreadSums
from convcli.teaching.chain.maps import plan_chain
from convcli.teaching.chain.parser import build_layers, parse_layer_texts

RNG = np.random.default_rng(8)
TOY = np.arange(36).reshape(6, 6) % 7
GRAY = RNG.integers(0, 256, (40, 52), np.uint8)
PHOTO = RNG.integers(0, 256, (120, 160, 3), np.uint8)
INFINITE = np.array([[[1, np.inf], [2, -np.inf]], [[0, 1e-30], [3, 4]]])
CONV = "conv -k outline"


def window_of(pixels, texts, number=1):
    image = ImageData(pixels, depth_of(pixels.dtype))
    stages = plan_chain(build_layers(parse_layer_texts(texts)), image)
    return slide_layer(image, stages, number, texts=texts)


def scene_of(pixels, texts, positions, number=1, **options):
    look = FigureOptions(dpi=DPI, **options)
    window = window_of(pixels, texts, number)
    return animate_window(window, positions, title="t", options=look)


CASES = {
    "conv, relu, pool": (GRAY, [CONV, "relu", "maxpool 2"], (4, 5)),
    "one conv": (TOY, ["conv -k prewitt-x --border zero"], (2, 2)),
    "stride": (TOY, ["relu", "conv -k prewitt-x --stride 2 --border zero"], (1, 1)),
    "dilation": (TOY, ["relu", "conv -k outline --dilation 2 --border reflect"], (1, 1)),
    "photo": (PHOTO, [CONV, "relu", "maxpool 2"], (20, 30), 2),
    "photo, one layer": (PHOTO, [CONV], (20, 30), 3),
    "small pool": (TOY, ["maxpool 3 --stride 2 --padding 1"], (0, 0)),
    "dilated pool": (TOY, ["minpool 2 --dilation 2 --stride 1 --padding 1,0,1,0"], (0, 0)),
    "softmax": (PHOTO[:6, :6], ["softmax"], (1, 1), 2),
    "transposed": (TOY[:3, :3], ["convtranspose -k '1 2 1; 2 4 2; 1 2 1' --stride 2"], (2, 2)),
    "transposed and cut": (
        TOY,
        ["convtranspose -k outline --stride 2 --padding 1 --bias 3"],
        (0, 5),
    ),
    "transposed photo": (PHOTO, ["maxpool 4", "convtranspose -k blur --stride 4"], (9, 9), 3),
    "upsampled": (TOY, ["relu", "upsample 2 --mode bilinear"], (3, 3)),
    "trained": (GRAY, [CONV, "batchnorm --mean 3 --var 4"], (3, 3)),
    "mean": (TOY, ["avgpool 2 --stride 1"], (0, 1)),
    "two kernels": (GRAY, ["conv -k blur", "conv -k sobel"], (4, 5)),
    "eight kernels": (GRAY, ["maxpool 2", "conv -k kirsch --combine max"], (4, 5)),
    "relu": (TOY, ["conv -k prewitt-x", "relu"], (1, 2)),
    "normalize": (GRAY, [CONV, "normalize"], (3, 3)),
    "large kernel": (GRAY, ["relu", "conv -k gaussian:17"], (9, 9)),
    "channels": (PHOTO[:6, :6], ["channelpool max"], (1, 1)),
    "whole map": (TOY, [CONV, "globalpool avg"], (0, 0)),
    "softmax of many maps": (PHOTO[:2, :2], ["flatten", "softmax"], (0, 0), 5),
    "nan": (np.array([[np.nan, 1e9, 3], [0, -1, np.inf], [2, 3, 4]]), ["softmax", "relu"], (0, 1)),
    "infinite": (INFINITE, ["softmax"], (1, 0), 2),
    "tiny": (TOY * 1e-14, ["avgpool 2"], (1, 1)),
    "deep": (np.array(GRAY, np.float32), [CONV, "tanh", "maxpool 2", "sigmoid"], (3, 3)),
}


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


def grids(figure):
    """The numbers in the cells of each grid or image, as text."""
    cells = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    return [texts for texts in cells if texts]


def written(values):
    return [str(number) for number in np.ravel(values).tolist()]


def outline(axes, line=-1):
    """Left, top, right and bottom of an outline in axes, in cells."""
    x, y = axes.lines[line].get_data()
    edges = [np.nanmin(x), np.nanmin(y), np.nanmax(x), np.nanmax(y)]
    return [round(float(edge) + 0.5, 6) for edge in edges]


def outlines(axes):
    """Every green outline in axes that encloses cells."""
    marks = [
        number
        for number, line in enumerate(axes.lines)
        if np.size(line.get_xdata()) and to_rgb(line.get_color()) == to_rgb(WINDOW_COLOR)
    ]
    return [outline(axes, number) for number in marks]


def images(figure):
    return [axes for axes in figure.axes if axes.images]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "theme_name"),
    # Dark pages are those of screen in other colors.
    [
        (name, theme)
        for n, name in enumerate(CASES)
        for theme in ("slide", ("screen", "paper")[n % 2])
    ],
)
def test_every_theme_keeps_its_page_and_its_text(name, theme_name, fits_page):
    pixels, texts, at, *number = CASES[name]
    fits_page(scene_of(pixels, texts, [at], *number, theme=theme_name).figure, theme_name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv, relu, pool", "stride", "mean", "relu", "channels"])
def test_each_position_has_a_frame_and_the_last_one_shows_the_whole_map(name):
    pixels, texts, _, *number = CASES[name]
    window = window_of(pixels, texts, *number)
    count = math.prod(window.output_shape)
    positions = choose_positions(window.output_shape, step=max(1, count // 3)).shown
    frames = list(animate_window(window, positions, title="t"))
    assert len(frames) == len(positions) > 2
    assert {frame.shape for frame in frames} == {frames[0].shape}
    height, width, channels = frames[0].shape
    assert (height % 2, width % 2, channels) == (0, 0, 3)
    color = np.round(255 * np.array(to_rgb(theme().empty))).astype(np.uint8)
    empty = [(frame == color).all(axis=2).mean() for frame in frames]
    assert (np.diff(empty) < 0).all()
    assert empty[0] > empty[-1] == 0


@pytest.mark.slow
def test_the_numbers_are_those_of_the_chain():
    texts = ["conv -k prewitt-x --padding valid", "conv -k '1 2; 3 4' --border zero --padding 1"]
    before, after = Chain(texts).maps(TOY)
    scene = scene_of(TOY, texts, [(0, 0), (2, 3)])
    padded, kernel = np.pad(before, 1), np.array([[1, 2], [3, 4]])
    for number, (row, column) in enumerate([(0, 0), (2, 3)]):
        scene.move(number)
        part = padded[row : row + 2, column : column + 2]
        expected = [TOY, padded, part, kernel, part * kernel, after]
        assert sorted(grids(scene.figure)) == sorted(map(written, expected))
        assert f"sum {after[row, column]}" in texts_of(scene.figure)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), [("max", "max"), ("min", "min"), ("avg", "mean")])
def test_the_window_of_a_pool_moves_with_its_result(kind, name):
    texts = [CONV, f"{kind}pool 2 --stride 1"]
    before, after = Chain(texts).maps(TOY)
    scene = scene_of(TOY, texts, [(0, 0), (1, 3)], digits=2)
    for number, (row, column) in enumerate([(0, 0), (1, 3)]):
        scene.move(number)
        part = before[row : row + 2, column : column + 2]
        assert written(part) in grids(scene.figure)
        [result] = [text for text in texts_of(scene.figure) if text.startswith(f"{name} ")]
        assert float(result.split()[1]) == after[row, column]
        source, window = images(scene.figure)[1:3]
        assert [column, row, column + 2, row + 2] in outlines(source)
        marked = outlines(window)
        assert len(marked) == (kind != "avg")
        for x, y, right, bottom in marked:
            assert (right - x, bottom - y) == (1, 1)
            assert part[int(y), int(x)] == after[row, column]


@pytest.mark.slow
def test_padding_that_a_maximum_ignores_has_no_numbers():
    pixels, texts, _ = CASES["small pool"]
    scene = scene_of(pixels, texts, [(0, 0), (1, 1)])
    source, window, _ = images(scene.figure)
    numbers = np.array([text.get_text() for text in source.texts])
    assert numbers[numbers != ""].tolist() == written(TOY)
    assert [text.get_text() for text in window.texts] == ["", "", "", "", "0", "1", "", "6", "0"]
    scene.move(1)
    assert [text.get_text() for text in window.texts] == written(TOY[1:4, 1:4])
    caption = "padding 1 (never the maximum)\ndashed: the window before"
    assert any(caption in text for text in texts_of(scene.figure))
    counted = scene_of(TOY, ["avgpool 3 --padding 1 --stride 2"], [(0, 0)]).figure
    assert written(np.pad(TOY, 1)) in grids(counted)


@pytest.mark.slow
def test_a_dilated_window_has_its_gaps_and_marks_its_minimum():
    pixels, texts, _ = CASES["dilated pool"]
    scene = scene_of(pixels, texts, [(0, 0), (2, 1)])
    _, window, _ = images(scene.figure)
    assert window.images[0].get_array().shape == (3, 3)
    scene.move(1)
    numbers = TOY[1:4:2, 0:3:2]
    assert [text.get_text() for text in window.texts if text.get_text()] == written(numbers)
    [[x, y, *_]] = outlines(window)
    assert numbers[int(y) // 2, int(x) // 2] == Chain(texts)(pixels)[2, 1] == numbers.min()


@pytest.mark.slow
def test_a_softmax_marks_its_own_map_among_all():
    pixels, texts, at, number = CASES["softmax"]
    figure = scene_of(pixels, texts, [at], number).figure
    [window] = [axes for axes in images(figure) if len(axes.texts) == 3]
    assert [text.get_text() for text in window.texts] == written(pixels[at])
    assert outlines(window) == [[1, 0, 2, 1]]
    share = Chain(texts)(pixels)[(*at, 1)]
    [shown] = [text for text in texts_of(figure) if text.startswith("share ")]
    assert float(shown.split()[1]) == pytest.approx(share, rel=1e-2)


def test_the_caption_has_no_more_digits_than_the_map_is_rounded_to():
    """Sums of thousands in float32 leave two reliable decimals."""
    texts = ["conv -k 10.5", "conv -k 0.001", "softmax"]
    figure = scene_of(PHOTO[:2, :2], texts, [(0, 0)], 2).figure
    [shown] = [text for text in texts_of(figure) if text.startswith("share ")]
    assert shown.split()[1] == grids(figure)[-1][0]


def spread_out(pixels, weights, stride, padding, dilation, more, bias=0):
    """The output of a transposed convolution after each of its values, NaN where there is none.

    ``weights`` has a kernel for each channel of the pixels.
    """
    rows, columns, _ = pixels.shape
    (top, bottom, left, right), (height, width) = padding, weights.shape[1:]
    side = lambda n, k, cut: (n - 1) * stride + dilation * (k - 1) + 1 + more - cut  # noqa: E731
    out = np.full((side(rows, height, top + bottom), side(columns, width, left + right)), np.nan)
    for row, column in np.ndindex(rows, columns):
        for y, x in np.ndindex(height, width):
            place = row * stride + y * dilation - top, column * stride + x * dilation - left
            if 0 <= place[0] < len(out) and 0 <= place[1] < out.shape[1]:
                value = sum(pixels[row, column] * weights[:, y, x])
                out[place] = value + (bias if np.isnan(out[place]) else out[place])
        yield out.copy()


@given(
    shape=st.tuples(st.integers(1, 4), st.integers(2, 4)),
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padding=st.sampled_from([(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 0, 1)]),
    output_padding=st.integers(0, 1),
    bias=st.integers(-2, 2),
    seed=st.integers(0, 9),
    data=st.data(),
)
def test_the_sums_of_a_transposed_convolution_grow_as_in_a_plain_loop(
    shape, kernel, stride, dilation, padding, output_padding, bias, seed, data
):
    rng = np.random.default_rng(seed)
    pixels, weights = rng.integers(-9, 9, shape), rng.integers(-4, 5, kernel)
    output_padding = min(output_padding, max(stride, dilation) - 1)
    matrix = "; ".join(" ".join(map(str, row)) for row in weights.tolist())
    text = (
        f"convtranspose -k '{matrix}' --stride {stride} --dilation {dilation} --bias {bias} "
        f"--padding {','.join(map(str, padding))} --output-padding {output_padding}"
    )
    extents = [dilation * (taps - 1) + 1 for taps in kernel]
    sides = [
        (n - 1) * stride + extent + output_padding for n, extent in zip(shape, extents, strict=True)
    ]
    cut = padding[0] + padding[1], padding[2] + padding[3]
    assume(sides[0] > cut[0] and sides[1] > cut[1] and min(shape) > 1)
    sums = SpreadSums(window_of(pixels, [text]))
    expected = list(
        spread_out(
            pixels[..., np.newaxis], weights[np.newaxis], stride, padding, dilation,
            output_padding, bias,
        )
    )  # fmt: skip
    places = list(np.ndindex(*shape))
    order = data.draw(st.permutations(range(len(places))))
    for number in order:
        values, reached = sums.after(places[number])
        inside = ~sums.cut
        own, known = values[inside], reached[inside]
        loop = expected[number].ravel()
        if number == len(places) - 1:
            assert known.all()
            np.testing.assert_array_equal(own, np.where(np.isnan(loop), bias, loop))
            np.testing.assert_array_equal(own, Chain([text])(pixels).ravel())
        else:
            np.testing.assert_array_equal(np.where(known, own, np.nan), loop)


@pytest.mark.slow
@pytest.mark.parametrize("theme_name", ["screen", "slide"])
@pytest.mark.parametrize("bank", [False, True])
def test_each_value_of_a_transposed_convolution_is_spread_over_the_map(bank, theme_name, tmp_path):
    weights = np.arange(1, 10).reshape(3, 3)
    banked = np.stack([weights, -weights])[:, np.newaxis]
    np.save(tmp_path / "k.npy", banked if bank else weights)
    pixels = RNG.integers(1, 9, (2, 3, 2)) if bank else RNG.integers(1, 9, (2, 3))
    texts = [f"convtranspose -k {tmp_path / 'k.npy'} --stride 2 --padding 0,1,0,1"]
    positions = list(np.ndindex(2, 3))
    scene = scene_of(pixels, texts, positions, theme=theme_name)
    source, kernel, tile, grown = images(scene.figure)
    loop = spread_out(
        pixels.reshape(2, 3, -1), banked[:, 0] if bank else weights[np.newaxis], 2, (0, 1, 0, 1),
        1, 0,
    )  # fmt: skip
    for number, (sums, (row, column)) in enumerate(zip(loop, positions, strict=True)):
        scene.move(number)
        value = pixels[row, column, 0] if bank else pixels[row, column]
        assert outlines(source) == [[column, row, column + 1, row + 1]]
        assert [text.get_text() for text in kernel.texts] == written(weights)
        assert [text.get_text() for text in tile.texts] == written(value * weights)
        window = [2 * column, 2 * row, 2 * column + 3, 2 * row + 3]
        assert outlines(grown)[-1 if number == 0 else 1] == window
        cells = np.array([text.get_text() for text in grown.texts]).reshape(5, 7)
        is_cut = np.ones((5, 7), bool)
        is_cut[:4, :6] = False
        assert set(cells[is_cut]) == {""}
        shown = np.where(np.isnan(sums), "", np.nan_to_num(sums).astype(int).astype(str))
        np.testing.assert_array_equal(cells[:4, :6], shown)
        [caption] = [text for text in texts_of(scene.figure) if text.startswith("row ")]
        assert f"row {row}, column {column} of the input: {value}\n{value} × kernel" in caption
        assert caption.endswith("cut off") == (row == 1 or column == 2)
    np.testing.assert_array_equal(cells[:4, :6], Chain(texts)(pixels).astype(str).reshape(4, 6))
    heading = " ".join(texts_of(scene.figure))
    assert ("of channel 1 are drawn, 1 of 2 maps that are added" in heading) == bank


@pytest.mark.slow
def test_positions_of_a_transposed_convolution_lie_in_what_it_reads(tmp_path):
    chain = Chain(["relu", "convtranspose -k '1 2; 3 4' --stride 3"])
    written = chain.animate(TOY, tmp_path / "frames", first=(5, 0))
    assert len(written) == 6
    with pytest.raises(UsageError, match=r"last 6,0 is outside the 6x6 input: rows are 0 to 5"):
        chain.animate(TOY, tmp_path / "none.gif", last=(6, 0))
    window = window_of(TOY, ["conv -k blur", "convtranspose -k '1 2; 3 4' --stride 3"])
    assert window.field((0, 3)) == ([0, 1], [2, 3, 4])


@pytest.mark.slow
def test_a_map_is_empty_until_something_is_added_and_whole_at_the_end():
    text = "convtranspose -k 1 --stride 2 --output-padding 1"
    scene = scene_of(np.array([[1, 2], [3, 4]]), [text], list(np.ndindex(2, 2)))
    grown = images(scene.figure)[-1]
    for number, count in enumerate([1, 2, 3, 16]):
        scene.move(number)
        assert sum(text.get_text() != "" for text in grown.texts) == count


@pytest.mark.slow
@pytest.mark.parametrize("border", ["edge", "zero", "wrap"])
def test_the_field_in_the_image_is_that_of_explain(border):
    texts = [f"conv -k blur --dilation 2 --border {border}", "maxpool 2", "conv -k outline"]
    chain, positions = Chain(texts), [(0, 0), (4, 9), (19, 25)]
    scene = scene_of(GRAY, texts, positions)
    for number, at in enumerate(positions):
        scene.move(number)
        rows, columns = (
            [place for place in places if 0 <= place < size]
            for places, size in zip(chain.explain(GRAY, at).field, GRAY.shape, strict=True)
        )
        box = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert box in outlines(images(scene.figure)[0])


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([(1, 1)], [["1", "2", "4", "8"], [0.75**2, 0.75 / 4, 0.75 / 4, 1 / 16]]),
        ([(0, 1), (1, 1)], [["1", "2", "", ""], [0.75, 0.25, "", ""]]),  # between two values only
    ],
)
def test_a_bilinear_value_has_its_neighbors_and_their_shares(positions, expected):
    pixels = np.array([[1, 2, 3], [4, 8, 6], [7, 5, 9]])
    scene = scene_of(pixels, ["upsample 2 --mode bilinear"], positions, theme="slide")
    neighbors, shares, products = grids(scene.figure)[1:4]
    assert neighbors == expected[0]
    assert [float(text) if text else "" for text in shares] == expected[1]
    [total] = [text for text in (t.get_text() for t in scene.figure.texts) if text[:4] == "sum "]
    assert float(total[4:]) == sum(float(text) for text in products if text)


TEXTS = st.sampled_from(
    [
        "conv -k blur --stride 2",
        "conv -k outline --dilation 2 --border reflect",
        "conv -k '1 2 1' --padding valid --border zero",
        "maxpool 2",
        "maxpool 3 --stride 2 --padding 1 --ceil",
        "minpool 2 --dilation 2 --padding 0,1,0,1",
        "avgpool 2 --stride 1",
        "relu",
        "abs",
        "upsample 2",
        "convtranspose -k '1 2; 3 4' --stride 2",
    ]
)


@given(texts=st.lists(TEXTS, min_size=1, max_size=3), data=st.data())
def test_pixels_outside_the_field_change_nothing(texts, data):
    """Whatever is computed, it is computed from the pixels that the animation outlines.

    Of a transposed convolution these are the pixels that the value depends on that is spread.
    """
    pixels = np.random.default_rng(data.draw(st.integers(0, 99))).integers(1, 99, (14, 17))
    window = window_of(pixels, texts)

    def values_of(window):
        return window.source[..., 0] if window.spreads else window.values

    at = tuple(data.draw(st.integers(0, count - 1)) for count in values_of(window).shape)
    rows, columns = window.field(at)
    changed = -pixels
    inside = np.ix_(rows, columns)
    changed[inside] = pixels[inside]
    assert values_of(window_of(changed, texts))[at] == values_of(window)[at]


@given(
    size=st.integers(1, 4),
    stride=st.integers(1, 4),
    padding=st.integers(0, 2),
    flags=st.sets(st.sampled_from(["--ceil", "--no-count-padding"])),
    kind=st.sampled_from(["max", "min", "avg"]),
    dilation=st.integers(1, 2),
)
def test_the_cells_that_a_pool_counts_give_its_values(size, stride, padding, flags, kind, dilation):
    padding = min(padding, size // 2)
    dilation = dilation if size > 1 else 1
    flags = flags - ({"--no-count-padding"} if kind != "avg" else set())
    text = f"{kind}pool {size} --stride {stride} --padding {padding} --dilation {dilation}"
    text = " ".join([text, *sorted(flags)])
    pixels = RNG.integers(-50, 50, (7, 9))
    window = window_of(pixels, [text])
    padded, nothing = window.padded([0]), window.holds_nothing()
    assert padded.pixels.shape == nothing.shape
    (geometry,) = window.geometries
    for at in np.ndindex(*window.output_shape):
        values = padded.window(geometry, at).values
        ignored = padded._replace(pixels=nothing).window(geometry, at).values
        counted = values[~ignored]
        expected = {"max": np.max, "min": np.min, "avg": np.mean}[kind](counted)
        assert window.values[at] == pytest.approx(expected)


@pytest.mark.slow
def test_the_map_of_a_photo_is_the_one_that_is_asked_for():
    texts = [CONV, "relu", "maxpool 2"]
    maps = Chain(texts)(PHOTO)
    window = window_of(PHOTO, texts, 2)
    np.testing.assert_array_equal(window.values, maps[..., 1])
    figure = animate_window(window, [(20, 30)], title="t").figure
    shown = " ".join(texts_of(figure))
    assert "160x120, map 2 of 3" in shown
    assert f") = {maps[20, 30, 1]}" in shown
    assert "receptive field: rows 39 to 42, columns 59 to 62 of the input" in shown
    [colors, near, *_] = images(figure)
    for axes in (colors, near):
        assert axes.images[0].get_array().shape[2] == 3
    single = scene_of(PHOTO, [CONV], [(20, 30)], 3).figure
    assert "window, blue" in texts_of(single)
    assert written(PHOTO[19:22, 29:32, 2]) in grids(single)


@pytest.mark.slow
def test_the_curve_of_a_function_carries_the_value():
    texts = ["conv -k prewitt-x", "leaky-relu --slope 0.5"]
    before, after = Chain(texts).maps(TOY)
    positions = [(0, 0), (1, 5), (3, 2)]
    scene = scene_of(TOY, texts, positions)
    [curve] = [axes for axes in scene.figure.axes if axes.get_xlabel() == "after layer 1"]
    line, dot = curve.lines[-2:]
    for number, at in enumerate(positions):
        scene.move(number)
        assert line.get_xdata() == [before[at]] * 2
        assert line.get_ydata() == [0, after[at]]
        assert (dot.get_xdata(), dot.get_ydata()) == ([before[at]], [after[at]])
        low, high = curve.get_xlim()
        assert low < before.min() <= before.max() < high
        assert f"{before[at]} → {after[at]:g}" in texts_of(scene.figure)


@pytest.mark.slow
def test_of_many_channels_the_one_with_the_largest_sums_is_drawn(tmp_path):
    weights = RNG.integers(-2, 3, (1, 8, 3, 3))
    weights[0, 5] *= 40
    bank = np.stack([np.eye(3) * (number + 1) for number in range(8)])[:, np.newaxis]
    np.save(tmp_path / "first.npy", np.repeat(bank, 1, axis=1))
    np.save(tmp_path / "second.npy", weights)
    texts = [f"conv -k {tmp_path / name}.npy --padding valid" for name in ("first", "second")]
    maps = Chain(texts).maps(TOY)
    figure = scene_of(TOY, texts, [(0, 0), (1, 1)]).figure
    assert "1 of 8 sums is drawn: that of map 6, the largest" in " ".join(texts_of(figure))
    assert written(weights[0, 5]) in grids(figure)
    assert written(maps[0][:3, :3, 5].astype(int)) in grids(figure)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["conv, relu, pool", "stride", "relu"])
def test_frames_look_as_they_did(name, golden):
    pixels, texts, at, *_ = CASES[name]
    row, column = at
    *_, frame = scene_of(pixels, texts, [(row, column - 1), at])
    height, width, _ = frame.shape
    halved = frame.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    golden(halved.astype(np.uint8), f"frame-layer-{name.replace(', ', '-')}")


@pytest.mark.slow
def test_a_pdf_has_a_page_for_each_position():
    scene = scene_of(TOY, [CONV, "maxpool 2"], [(0, 0), (0, 1), (2, 2)], theme="slide")
    file = BytesIO()
    assert list(scene.write_pages(file)) == [0, 1, 2]
    assert b"/Count 3" in file.getvalue()
    assert re.search(rb"/MediaBox \[ 0 0 960\S* 540 \]", file.getvalue())


def test_signals_and_maps_that_are_not_there_are_refused():
    with pytest.raises(
        UsageError, match=r"this is a signal: animate one kernel .* explain --layer"
    ):
        window_of(np.array([[1, 2, 3]]), ["relu"])
    with pytest.raises(UsageError, match=r"layer 2 \(flatten\) computes nothing that can be shown"):
        window_of(TOY, ["relu", "flatten"])
    for number in (0, 4, True, "1"):
        with pytest.raises(UsageError, match=r"there is no map .*: the last layer has 3 maps"):
            window_of(PHOTO, [CONV], number)
