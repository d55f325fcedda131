"""A sliding window: its values, padded input, positions and captions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.ndimage import correlate

from convcli.core.missing import Missing
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_spec
from convcli.teaching.animate.captions import captions, explanations, fitting_digits
from convcli.teaching.animate.scene import animate_window
from convcli.teaching.animate.sliding import choose_positions, slide_over
from convcli.teaching.animate.sums import products_in, sums_of

RNG = np.random.default_rng(4)
GRAY = ImageData(RNG.integers(0, 256, (6, 7), np.uint8), 8)
COLOR = ImageData(RNG.integers(0, 256, (5, 6, 3), np.uint8), 8)
NUMBERS = ImageData(RNG.integers(-9, 10, (6, 6)), None)


def filter_of(kernel, conv=None, **more):
    group = read_spec(kernel)
    return Filter(group.label, group.kernels, group.combine, conv or ConvOptions(), **more)


@pytest.mark.parametrize("image", [GRAY, COLOR, NUMBERS], ids=["gray", "color", "numbers"])
@pytest.mark.parametrize("kernel", ["outline", "sobel", "gaussian:5"])
@pytest.mark.parametrize("how", ["clip", "abs", "rescale", "raw"])
def test_pixels_are_those_that_apply_writes(image, kernel, how):
    conv = ConvOptions("convolve", "full", "reflect", 0, (2, 1), (1, 2))
    image_filter = filter_of(kernel, conv, range=how)
    slide = slide_over(image, image_filter)
    depth = None if how == "raw" else image.depth
    written = filter_image(image, image_filter, depth).image
    assert np.array_equal(slide.pixels.reshape(written.pixels.shape), written.reliable_pixels)
    assert slide.max_value == written.max_value


def test_values_are_those_of_scipy():
    slide = slide_over(NUMBERS, filter_of("outline"))
    expected = correlate(NUMBERS.pixels, [[-1] * 3, [-1, 8, -1], [-1] * 3], mode="nearest")
    assert np.array_equal(slide.values[..., 0], expected)


@given(
    pads=st.tuples(*[st.integers(0, 9)] * 4),
    border=st.sampled_from(["edge", "zero", "reflect", "symmetric", "wrap", "constant"]),
    shape=st.sampled_from([(1, 1), (2, 3), (4, 1), (3, 4, 3)]),
)
def test_the_padded_input_is_that_of_numpy(pads, border, shape):
    pixels = RNG.integers(0, 256, shape, np.uint8)
    conv = ConvOptions("correlate", pads, border, 7.5 if border == "constant" else 0)
    slide = slide_over(ImageData(pixels, 8), Filter("k", (Kernel([[1]]),), conv=conv))
    widths = [(pads[0], pads[1]), (pads[2], pads[3]), (0, 0)][: pixels.ndim]
    mode = "constant" if border in ("zero", "constant") else border
    fill = {"constant_values": 7.5 if border == "constant" else 0} if mode == "constant" else {}
    wide = pixels.astype(float)
    assert np.array_equal(slide.padded().pixels, np.pad(wide, widths, mode, **fill))


def test_kernels_of_several_sizes_share_the_widest_padding():
    kernels = Kernel(np.ones((3, 5))), Kernel(np.ones((7, 1)))
    slide = slide_over(GRAY, Filter("k", kernels, "max"))
    assert slide.pads == (3, 3, 2, 2)
    assert slide.padded().pixels.shape == (12, 11)


def test_a_kernel_for_other_channels_is_refused():
    with pytest.raises(KernelError, match="sums over 2 channels"):
        slide_over(COLOR, Filter("k", (Kernel(np.ones((2, 3, 3))),)))


@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    step=st.none() | st.integers(2, 4000),
    data=st.data(),
)
def test_positions_are_in_reading_order_from_first_to_last(rows, columns, step, data):
    places = st.integers(0, rows * columns - 1)
    start, end = sorted([data.draw(places), data.draw(places)])
    positions = choose_positions(
        (rows, columns), divmod(start, columns), divmod(end, columns), step
    )
    numbers = [row * columns + column for row, column in positions.shown]
    assert positions.total == end - start + 1
    assert numbers[0] == start
    assert numbers[-1] == end
    gaps = np.diff(numbers)
    assert (gaps > 0).all()
    if step is None:
        assert len(numbers) == min(positions.total, 200)
        assert gaps.size == 0 or gaps.max() - gaps.min() <= 1
    else:
        assert (gaps[:-1] == step).all()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"first": (6, 0)}, "first 6,0 is outside the 5x6 feature map: rows are 0 to 5"),
        ({"last": (0, 5)}, "last 0,5 is outside the 5x6 feature map"),
        ({"first": (1, 1), "last": (1, 0)}, "last 1,0 comes before first 1,1"),
    ],
)
def test_positions_outside_or_reversed_are_errors(asked, message):
    with pytest.raises(UsageError, match=message):
        choose_positions((6, 5), **asked)


def test_too_many_frames_are_refused_with_the_least_step():
    with pytest.raises(UsageError, match=r"step 2 makes 5,001 frames, .* use step 6"):
        choose_positions((100, 100), step=2)
    assert len(choose_positions((100, 100), step=6).shown) <= 2000
    assert len(choose_positions((1, 2000), step=1).shown) == 2000
    assert len(choose_positions((1, 3999), step=2).shown) == 2000
    for width, step, better in [(2001, 1, 2), (4000, 2, 3)]:
        with pytest.raises(UsageError, match=f"makes 2,001 frames, .* use step {better}"):
            choose_positions((1, width), step=step)
        assert len(choose_positions((1, width), step=better).shown) <= 2000


def lines_at(slide, at, most=14):
    digits = fitting_digits(slide, [at])
    [lines] = captions(slide, [at], explanations(slide, [at], digits), digits, most)
    return lines


def test_a_short_sum_is_written_out():
    slide = slide_over(ImageData(np.array([[1, 2], [3, 4]]), None), filter_of("1 -1; 0 2"))
    assert lines_at(slide, (0, 0)) == [
        "row 0, column 0",
        "sum       (1*1) + (2*-1) + (3*0) + (4*2) = 7",
        "value     7",
    ]
    assert lines_at(slide, (0, 0), most=1) == ["row 0, column 0: value 7"]


def test_channels_have_their_values_and_the_pixels_that_differ():
    slide = slide_over(COLOR, filter_of("3"))
    [line] = lines_at(slide, (1, 2), most=1)
    for channel, name in enumerate(("red", "green", "blue")):
        value = int(COLOR.pixels[1, 2, channel])
        pixel = f", pixel {min(3 * value, 255)}" * (3 * value > 255)
        assert f"{name} {3 * value}{pixel}" in line


def test_a_pair_has_its_combination():
    slide = slide_over(NUMBERS, filter_of("sobel"))
    [both] = [line for line in lines_at(slide, (2, 3)) if "sqrt" in line]
    x, y = (values[2, 3, 0] for values in slide.maps)
    assert f"sqrt({x}^2 + {y}^2)" in both
    assert float(both.split()[-1]) == pytest.approx(np.hypot(x, y), abs=0.05)


def test_a_sum_of_many_products_gives_only_its_value():
    [line] = lines_at(slide_over(GRAY, filter_of("gaussian:15")), (1, 1))
    assert line.startswith("row 1, column 1: value ")
    assert "*" not in line


def test_captions_have_no_digits_of_rounding():
    tenths = ImageData(np.array([[0.1, 0.7, 5.3], [1.2, 2.3, 0.4]]), None)
    window = slide_over(tenths, Filter("k", (Kernel([[0.1, 0.2, 0.7]]),)))
    assert lines_at(window, (0, 2), most=1) == ["row 0, column 2: value 4.84"]
    assert not [line for line in lines_at(window, (0, 2)) if "99" in line or "00" in line]


@given(data=st.data())
def test_windows_with_missing_pixels_are_those_of_explain(data):
    shape = data.draw(st.sampled_from([(4, 5), (4, 5, 3), (1, 7)]))
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 256, shape, np.uint8)
    mask = rng.random(shape[: data.draw(st.integers(2, len(shape)))]) < 0.4
    name = data.draw(st.sampled_from(["sobel-x", "blur", "1 2; 3 4", "-1 0 2 1", "sobel"]))
    border = data.draw(st.sampled_from(["edge", "zero", "wrap", "reflect"]))
    conv = ConvOptions(
        data.draw(st.sampled_from(["correlate", "convolve"])),
        data.draw(st.sampled_from(["same", "full", 1])),
        border,
        dilation=data.draw(st.sampled_from([1, 2])),
        anchor=data.draw(st.sampled_from(["before", "after", (0, 0)])),
    )
    missing = Missing(mask=mask, min_valid=data.draw(st.sampled_from([0, 0.5])))
    try:
        slide = slide_over(ImageData(pixels, 8), filter_of(name, conv, missing=missing))
    except GeometryError:
        assume(False)
    padded = slide.padded()
    places = [*np.ndindex(slide.output_shape)]
    for at in (places[0], data.draw(st.sampled_from(places))):
        explanation = slide.explain(at)
        parts = [part for output in explanation.outputs
                 for response in output.responses for part in response.sums]  # fmt: skip
        for part, own in zip(parts, sums_of(slide), strict=True):
            geometry = slide.plans[own.kernel].geometry
            seen = padded.window(geometry, at, own.channel, takes_anchor=own.takes_anchor)
            assert np.array_equal(seen.values, part.window, equal_nan=True)
            assert np.array_equal(seen.left_out, part.left_out)
            assert np.array_equal(seen.filled, part.filled)
            assert np.array_equal(products_in(seen, own.weights), part.products)


@pytest.mark.slow
def test_missing_numbers_are_drawn_as_nan():
    numbers = ImageData(np.array([[1, 2, -9], [3, 4, 5]]), None)
    slide = slide_over(numbers, filter_of("1 2 1", missing=Missing(nodata=-9)))
    assert np.array_equal(slide.padded().pixels[0], [1, 1, 2, np.nan, np.nan], equal_nan=True)
    assert slide.values[0, 2, 0] == 4 * 2
    [frame] = animate_window(slide, [(0, 2)])
    without = slide_over(numbers, filter_of("1 2 1"))
    [other] = animate_window(without, [(0, 2)])
    magenta = [(each == (255, 0, 255)).all(axis=2).mean() for each in (frame, other)]
    assert magenta[0] > 0.02 > magenta[1] == 0
