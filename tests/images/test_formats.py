"""Which format a result gets, and that every format holds what its entry says."""

import io
import re
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.errors import UsageError
from convcli.images.formats import (
    FORMATS,
    choose_format,
    default_suffix,
    image_suffixes,
    named_format,
)
from convcli.images.image import ImageData
from convcli.images.reading import read_image
from convcli.images.writing import write_image


def chosen(output=None, requested=None, own="PNG", channels=3, depth=8, frames=False):
    output = None if output is None else Path(output)
    named = named_format(output, requested)
    return choose_format(named, own, channels=channels, depth=depth, frames=frames).suffix


CHOICES = [
    (".jpg", {"output": "a.JPEG"}),
    (".tif", {"output": "a.png", "requested": "tiff"}),
    (".jpg", {"requested": ".jpg"}),
    (".jpg", {"requested": "JPEG"}),
    (".jp2", {"requested": "jpeg2000"}),
    (".jpg", {"own": "JPEG"}),
    (".jpg", {"own": "MPO"}),
    (".png", {"own": "MPO", "frames": True}),
    (".jpg", {"own": "JPEG", "frames": True}),
    (".gif", {"own": "GIF", "frames": True}),
    (".png", {"own": "PSD"}),
    (".bmp", {"own": "DIB"}),
    (".pgm", {"own": "PPM", "channels": 1}),
    (".ppm", {"own": "PPM"}),
    (".pfm", {"own": "PPM", "channels": 1, "depth": None}),
    (".png", {"own": "JPEG", "channels": 1, "depth": 16}),
    (".tif", {"own": "PNG", "channels": 1, "depth": None}),
    (".npy", {"own": "PNG", "depth": None}),
    (".npy", {"own": "PNG", "channels": 5}),
    (".csv", {"own": "csv", "channels": 1, "depth": None}),
    (".csv", {"own": "csv", "channels": 4, "depth": None}),
    (".npy", {"own": "npy", "depth": 16}),
]
REFUSED = [
    {"output": "a.tif", "depth": None},
    {"output": "a.txt"},
    {"output": "a.png", "channels": 5},
    {"output": "a.jpg", "channels": 1, "depth": None},
    {"output": "a.pgm"},
    {"output": "a.dat"},
    {"output": "a"},
    {"requested": "webm"},
    {"requested": "a\nb"},
    {"output": "a\nb"},
    {"output": "a.b\nc"},
]


def test_choice():
    for expected, case in CHOICES:
        assert chosen(**case) == expected, case


def test_refusals_are_one_line():
    for case in REFUSED:
        with pytest.raises(UsageError) as caught:
            chosen(**case)
        assert "\n" not in str(caught.value)


def test_names_before_any_decoding():
    with pytest.raises(UsageError, match=r"\.png, \.jpg"):
        named_format(Path("x.dat"), None)
    assert named_format(Path("x.dat"), "png").suffix == ".png"
    with pytest.raises(UsageError, match=r"use \.npy or \.csv, or \.tif for one channel"):
        named_format(Path("x.jpg"), None, raw=True)
    assert default_suffix(".tiff", None) == ".tiff"
    assert default_suffix(".txt", None, raw=True) == ".txt"
    assert default_suffix(".png", None, raw=True) == ".npy"
    assert default_suffix(".ico", None) == ".png"


def test_walks_take_images_only():
    suffixes = image_suffixes()
    assert {".png", ".jpg", ".webp", ".psd"} <= suffixes
    assert not {".csv", ".txt", ".npy", ".eps", ".pdf"} & suffixes
    Image.init()
    pillow = {suffix for suffix in suffixes if suffix in Image.EXTENSION}
    assert suffixes - pillow <= {".jpx"}


@pytest.mark.parametrize("depth", [8, 16, None])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.suffix)
def test_what_a_refusal_of_frames_advises_works(form, channels, depth):
    if form.holds(channels, depth) and form.frames:
        return
    check = form.check_frames if form.holds(channels, depth) else partial(form.check, frames=True)
    with pytest.raises(UsageError) as caught:
        check(channels, depth)
    advice = str(caught.value).partition("; ")[2]
    suffixes = re.findall(r"\.\w+", advice)
    assert suffixes
    if "--channels gray" in advice:
        assert channels == 3
        channels = 1
    for advised in (named_format(None, suffix) for suffix in suffixes):
        assert advised.frames or "without --frames all" in advice
        assert advised.holds(channels, depth)


@pytest.mark.parametrize("depth", [8, 16, None])
@pytest.mark.parametrize("channels", [1, 3, 5])
@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.suffix)
def test_what_a_refusal_advises_works(form, channels, depth):
    if form.holds(channels, depth):
        return
    with pytest.raises(UsageError) as caught:
        form.check(channels, depth)
    advice = str(caught.value).partition("; use ")[2]
    suffixes = re.findall(r"\.\w+", advice)
    assert suffixes
    for suffix in suffixes:
        assert named_format(None, suffix).holds(channels, depth)
    if "--" in advice:
        gray, raw = "--channels gray" in advice, "--range raw" in advice
        assert form.holds(1 if gray else channels, None if raw else depth)
    else:
        assert not form.holds(channels, None)
        assert channels != 3 or not form.holds(1, depth)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.suffix)
def test_every_format_holds_what_its_entry_says(form):
    for depth, channels in product([8, 16, None], [1, 3]):
        check_roundtrip(form, depth, channels, transparent=False)
        if depth == 8:
            check_roundtrip(form, depth, channels, transparent=True)


def check_roundtrip(form, depth, channels, *, transparent):
    rng = np.random.default_rng(1)
    shape = (6, 7) if channels == 1 else (6, 7, 3)
    dtype = {8: np.uint8, 16: np.uint16, None: np.float32}[depth]
    pixels = (rng.random(shape) * (1 if depth is None else 2**depth - 1)).astype(dtype)
    alpha = None
    if transparent:
        alpha = rng.integers(0, 2, (6, 7)).astype(np.uint8) * 255
    image = ImageData(pixels, depth, alpha)
    file = io.BytesIO()
    if not form.holds(channels, depth):
        with pytest.raises(UsageError):
            write_image(image, file, form)
        return
    notes = write_image(image, file, form)
    if form.name == "csv" and channels == 3:  # a table
        assert file.getvalue().startswith(b"row,column,r,g,b\n0,0,")
        return
    file.seek(0)
    back = read_image(file, name=f"x{form.suffix}")
    assert back.shape == image.shape
    assert (back.alpha is not None) == (alpha is not None and form.alpha)
    lossy = form.name in ("JPEG", "WEBP", "AVIF", "GIF")
    by_pillow = depth == 16 and channels == 3 and form.name == "PNG"  # which reads 8 bits of it
    if form.holds(channels, depth, exact=True) and not (lossy or by_pillow):
        np.testing.assert_array_equal(back.pixels.astype(dtype), pixels)
    assert any("alpha left out" in note for note in notes) == (alpha is not None and not form.alpha)
    assert any("scaled to 8" in note for note in notes) == (
        depth == 16 and not form.holds(channels, 16, exact=True)
    )


@pytest.mark.parametrize(
    ("suffix", "most"), [("jpg", 65_500), ("webp", 16_383), ("gif", 65_535), ("tga", 65_535)]
)
def test_the_longest_side_that_an_encoder_takes(suffix, most, capfd):
    form = named_format(None, suffix)
    for shape in ((1, most), (most, 1)):
        write_image(ImageData(np.zeros(shape, np.uint8), 8), io.BytesIO(), form)
    with pytest.raises(UsageError, match=rf"{suffix} holds at most {most:,} rows and columns"):
        write_image(ImageData(np.zeros((1, most + 1), np.uint8), 8), io.BytesIO(), form)
    assert capfd.readouterr() == ("", "")
