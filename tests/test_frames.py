"""Frames that are filtered side by side are those that are filtered one by one."""

import numpy as np
import pytest

from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image, measure
from convcli.frames import (
    MOST_LISTED,
    STACKED_VALUES,
    FilteredFrames,
    FrameTotals,
    filter_frames,
    measure_frames,
    run_bytes,
    runs_of_alike,
)
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, Metadata
from convcli.images.value_range import ValueRange, ValueStats
from convcli.kernels.spec import get_kernel

RNG = np.random.default_rng(4)


def make_filter(*names, **options):
    return Filter("it", tuple(map(get_kernel, names)), **options)


def frames(shape, dtype="u1", *, alpha=False, count=5):
    depth = 8 * np.dtype(dtype).itemsize
    return [
        ImageData(
            RNG.integers(0, 2**depth, shape).astype(dtype) >> number,
            depth,
            RNG.integers(0, 2**depth, shape[:2]).astype(dtype) if alpha else None,
            metadata=Metadata(duration=10 * number),
        )
        for number in range(count)
    ]


OUTLINE = make_filter("outline")
FILTERS = [
    (make_filter("outline"), None),
    (make_filter("box:3x2", conv=ConvOptions(stride=2, padding=1)), None),
    (make_filter("sobel-x", conv=ConvOptions(border="constant", fill=7), range="offset"), None),
    (make_filter("sobel-x", "sobel-y", combine="magnitude", range="abs"), None),
    (make_filter("sobel-x", "sobel-y", combine="direction", range="abs"), None),
    (make_filter("outline", range="rescale"), (-200.0, 300.0)),
    (make_filter("outline", range="rescale"), None),
    (make_filter("box:9", range="raw", counted=False), None),
    (make_filter("gaussian:5,sigma=1", range="raw"), None),
    (make_filter("emboss", bias=3, alpha="drop"), None),
    (make_filter("box:3", alpha="premultiply"), None),
]


@pytest.mark.parametrize(("image_filter", "extremes"), FILTERS)
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize(("shape", "dtype"), [((9, 14, 3), "u1"), ((9, 14), "u2"), ((1, 1), "u1")])
def test_a_frame_does_not_depend_on_its_neighbors(image_filter, extremes, alpha, shape, dtype):
    if image_filter.combine == "direction":
        shape = shape[:2]  # it takes no colors
    several = frames(shape, dtype, alpha=alpha)
    depth = None if image_filter.range == "raw" else several[0].depth
    together = filter_frames(several, image_filter, depth, extremes)
    alone = [filter_image(frame, image_filter, depth, extremes) for frame in several]
    for image, one, frame in zip(together.images, alone, several, strict=True):
        assert image.pixels.dtype == one.image.pixels.dtype
        assert image.pixels.flags.c_contiguous
        np.testing.assert_array_equal(image.pixels, one.image.pixels)
        np.testing.assert_array_equal(image.alpha, one.image.alpha)
        assert image.depth == one.image.depth
        assert image.metadata is frame.metadata
    assert together.stats.minimum == min(one.stats.minimum for one in alone)
    assert together.stats.maximum == max(one.stats.maximum for one in alone)
    shares = [one.stats.clipped for one in alone]
    assert together.stats.clipped == pytest.approx(sum(shares) / len(shares))


@pytest.mark.parametrize("name", ["outline", "gaussian:5,sigma=1"])
@pytest.mark.parametrize("range_", ["rescale", "percentile"])
def test_the_extremes_of_a_sequence_are_those_of_its_frames(name, range_):
    several = frames((8, 9)) + frames((8, 9, 3))
    image_filter = make_filter(name, range=range_)
    lows, highs = zip(*(measure(frame, image_filter) for frame in several), strict=True)
    assert measure_frames(runs_of_alike(several, image_filter), image_filter) == (
        min(lows),
        max(highs),
    )


def test_a_frame_without_numbers_has_no_say_in_the_extremes():
    empty = ImageData(np.full((4, 4), np.nan, np.float32), None)
    full = ImageData(np.arange(16, dtype=np.float32).reshape(4, 4), None)
    identity = make_filter("identity", range="rescale")
    for order in ([empty, full], [full, empty], [empty, full, empty]):
        assert measure_frames(runs_of_alike(order, identity), identity) == (0, 15)
    assert np.isnan(measure_frames([[empty, empty]], identity)).all()


def test_runs_hold_frames_of_one_kind_and_end_in_time():
    gray, color = frames((8, 9), count=3), frames((8, 9, 3), count=2)
    seen = frames((8, 9), alpha=True, count=1)
    other = [frame._replace(format="TIFF") for frame in gray]
    runs = list(runs_of_alike([*gray, *color, *gray, *seen, *other], OUTLINE))
    assert [len(run) for run in runs] == [3, 2, 3, 1, 3]
    assert sum(len(run) for run in runs_of_alike([], OUTLINE)) == 0
    half = ImageData(np.zeros((STACKED_VALUES // 2, 1), np.uint8), 8)
    assert [len(run) for run in runs_of_alike([half] * 5, OUTLINE)] == [2, 2, 1]


def test_no_frame_is_read_before_a_large_one_is_used():
    large = ImageData(np.zeros((STACKED_VALUES // 2 + 1, 1), np.uint8), 8)
    read = []

    def reading():
        for number in range(3):
            read.append(number)
            yield large

    runs = runs_of_alike(reading(), OUTLINE)
    next(runs)
    assert read == [0]


def test_a_bright_frame_does_not_make_a_dark_one_less_accurate():
    dark = ImageData(np.full((20, 20), 3, np.uint8), 8)
    several = [dark, *frames((20, 20), count=2)]
    cancelling = make_filter("log:9,sigma=1.4", range="raw")
    alone = filter_image(dark, cancelling, None).image.pixels
    np.testing.assert_array_equal(filter_frames(several, cancelling, None).images[0].pixels, alone)


def test_a_run_ends_where_its_maps_would_be_too_large():
    wide = make_filter("outline", conv=ConvOptions(padding=100))
    assert [len(run) for run in runs_of_alike(frames((8, 8), count=7), wide)] == [3, 3, 1]
    huge = make_filter("outline", conv=ConvOptions(padding=1000))
    assert [len(run) for run in runs_of_alike(frames((8, 8), count=3), huge)] == [1, 1, 1]


def test_the_bytes_of_a_run_grow_with_its_frames_and_their_maps():
    several = frames((8, 8), count=60)
    padded = make_filter("outline", conv=ConvOptions(padding=12))
    one, all_, without = (
        run_bytes(run, image_filter, 8)
        for run, image_filter in ((several[:1], padded), (several, padded), (several, OUTLINE))
    )
    assert all_ >= 60 * 2 * 30 * 30 + 60 * 2 * 64
    assert without < all_ < 60 * one


def totals_of(several, image_filter):
    totals = FrameTotals()
    for run in runs_of_alike(several, image_filter):
        totals.add(run, filter_frames(run, image_filter, run[0].depth))
    return totals


def test_totals_do_not_grow_with_the_number_of_frames():
    sizes = [(8 + number % 150, 9) for number in range(400)]
    totals = FrameTotals()
    for size in sizes:
        frame = ImageData(np.ones(size, np.uint8), 8)
        stats = ValueStats(ValueRange("clip", 255))
        totals.add([frame, frame], FilteredFrames([frame, frame], stats, "direct"))
    assert totals.frames == 800
    assert list(totals.sizes) == [(size, size) for size in sizes[:MOST_LISTED]]
    assert list(totals.types) == ["8-bit gray"]
    assert totals.has_others
    assert not totals_of(frames((8, 9)), OUTLINE).has_others


def test_nan_that_stays_nan_is_not_counted_as_black():
    values = np.full((6, 6), 7, np.float32)
    values[0, 0] = np.nan
    floats, gray = ImageData(values, None), frames((6, 6), count=1)
    identity = make_filter("identity")
    for order in ([*gray, floats], [floats, *gray]):
        totals = totals_of(order, identity)
        assert (totals.stats.nans, totals.black) == (1, 0)
    totals = FrameTotals()
    totals.add([floats] * 3, filter_frames([floats] * 3, identity, 8))
    assert totals.black == 3


def test_numbers_of_all_frames_are_shown_in_the_widest_type():
    """A float64 value would lose digits if it was shown as the float32 of the first frame."""
    wide = 0.1234567890123
    identity = make_filter("identity")
    single = ImageData(np.array([[0.5]], np.float32), None)
    totals = totals_of([single, ImageData(np.array([[wide]]), None)], identity)
    assert totals.stats.shown() == (wide, 0.5)
    tenth, one = ImageData(np.array([[0.1]], np.float32), None), ImageData(np.eye(1, dtype="u1"), 8)
    assert totals_of([one, tenth], identity).stats.shown() == (0.1, 1)
