"""Animations' encoders: colors to the bit where it matters, durations, faults."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from convcli.errors import ConvcliError
from convcli.images.animation import (
    check_animation_target,
    write_animation,
    write_gif,
    write_webp,
)
from convcli.images.palette import MAX_COLORS, Palette

NOISE = np.random.default_rng(5).integers(0, 256, (3, 80, 90, 3), np.uint8)
KEPT = np.array([[0, 166, 81], [1, 167, 82], [255, 127, 14]], np.uint8)


def encoded(frames, durations, palette=None):
    file = BytesIO()
    if palette is None:
        write_webp(iter(frames), file, durations)
    else:
        write_gif(iter(frames), file, durations, palette)
    return file


def decoded(file):
    with Image.open(file) as animation:
        every = ImageSequence.Iterator(animation)
        return np.array([np.asarray(frame.convert("RGB")) for frame in every])


def test_a_palette_keeps_the_frequent_colors_and_those_asked_for():
    noisy = NOISE[0].copy()
    noisy[:40] = 255
    noisy[40:50] = (3, 3, 3)
    palette = Palette([noisy, NOISE[1]], KEPT)
    assert len(palette.colors) <= MAX_COLORS
    colors = np.array([[[255, 255, 255], [3, 3, 3], *KEPT[[0, 2]].tolist()]], np.uint8)
    assert np.array_equal(palette.colors[palette.indices(colors)], colors)
    assert {tuple(color) for color in KEPT} <= {tuple(color) for color in palette.colors}


def test_other_colors_become_similar_colors():
    palette = Palette(list(NOISE), KEPT)
    apart = palette.colors[palette.indices(NOISE[0])].astype(int) - NOISE[0]
    assert np.sqrt((apart**2).sum(axis=2)).mean() < 32


@settings(max_examples=20)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=40))
def test_few_colors_that_lie_apart_are_all_exact(colors):
    frame = np.array([colors], np.uint8) & np.uint8(0xFC)  # an entry of the table for each
    palette = Palette([frame])
    assert np.array_equal(palette.colors[palette.indices(frame)], frame)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_webp_is_lossless(count):
    file = encoded(NOISE[:count], [100] * count)
    assert np.array_equal(decoded(file), NOISE[:count])


def test_a_gif_keeps_still_pixels_exact():
    frames = np.repeat(NOISE[:1], 3, axis=0)
    frames[1, :5], frames[2, -5:] = 0, 0
    animation = decoded(encoded(frames, [100] * 3, Palette([NOISE[0]])))
    assert np.array_equal(animation[0, 5:-5], animation[1, 5:-5])
    assert np.array_equal(animation[0, 5:-5], animation[2, 5:-5])


def test_a_frame_that_repeats_keeps_its_time():
    frames = np.array([NOISE[0], NOISE[0], NOISE[1]])
    with Image.open(encoded(frames, [100, 200, 50], Palette([NOISE[0]]))) as animation:
        every = ImageSequence.Iterator(animation)
        durations = [frame.load() and frame.info["duration"] for frame in every]
    assert durations == [100, 200, 50]


def test_frames_that_an_encoder_refuses():
    wide = np.zeros((1, 20_000, 3), np.uint8)  # more than WebP holds
    with pytest.raises(ConvcliError, match="cannot be encoded"):
        encoded([wide, wide + 1], [100, 100])


def test_the_frames_are_written_one_by_one(tmp_path):
    target = check_animation_target(f"{tmp_path}/frames", overwrite=False)
    taken = []

    def frames():
        for frame in NOISE:
            taken.append(1)
            yield frame

    for number, path in enumerate(write_animation(frames(), 3, target, 5, lambda: Palette([])), 1):
        assert len(taken) == number
        assert np.array_equal(np.asarray(Image.open(path)), NOISE[number - 1])
