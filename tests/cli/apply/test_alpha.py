"""Transparency: carried under the anchor, weighted with, or left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy import ndimage

from convcli.images.png import write_png


@pytest.fixture
def clear(save, rng):
    """An image with alpha, ``clear.png``."""
    pixels = rng.integers(0, 256, (9, 10, 4), np.uint8)
    pixels[2:5, 3:7, 3] = 0
    save("clear.png", pixels)
    return pixels


def ok(ran):
    assert (ran.code, ran.err) == (0, ""), ran


@pytest.mark.parametrize(
    ("kernel", "flags", "expected"),
    [
        ("outline", [], lambda a: a),
        ("outline", ["--stride", "2"], lambda a: a[::2, ::2]),
        ("outline", ["--stride", "3,1"], lambda a: a[::3]),
        ("outline", ["--padding", "valid"], lambda a: a[1:-1, 1:-1]),
        ("outline", ["--padding", "valid", "--dilation", "2"], lambda a: a[2:-2, 2:-2]),
        ("outline", ["--padding", "valid", "--stride", "2"], lambda a: a[1:-1:2, 1:-1:2]),
        ("outline", ["--padding", "full"], lambda a: np.pad(a, 1, mode="edge")),
        ("outline", ["--padding", "full", "--border", "zero"], lambda a: np.pad(a, 1)),
        ("outline", ["--padding", "full", "--border", "wrap"], lambda a: np.pad(a, 1, mode="wrap")),
        ("1 2; 3 4", [], lambda a: a),
        ("1 2; 3 4", ["--padding", "valid"], lambda a: a[:-1, :-1]),
        ("1 2; 3 4", ["--operation", "convolve"], lambda a: a),
        ("1 2; 3 4", ["--operation", "convolve", "--padding", "valid"], lambda a: a[1:, 1:]),
        ("1 2 3 4", ["--padding", "valid"], lambda a: a[:, 1:-2]),
        ("1 2 3 4", ["--padding", "valid", "--operation", "convolve"], lambda a: a[:, 2:-1]),
        ("sobel", [], lambda a: a),
    ],
)
def test_alpha_is_that_under_the_anchor(apply, clear, load, kernel, flags, expected):
    ok(apply("-k", kernel, *flags, "clear.png", "-o", "o.png", "-q"))
    assert np.array_equal(load("o.png")[..., 3], expected(clear[..., 3]))


def test_colors_are_filtered_as_if_there_were_no_alpha(apply, clear, save, load):
    save("opaque.png", clear[..., :3])
    ok(apply("-k", "sharpen", "clear.png", "-o", "a.png"))
    ok(apply("-k", "sharpen", "opaque.png", "-o", "b.png"))
    assert np.array_equal(load("a.png")[..., :3], load("b.png"))
    ok(apply("-k", "sharpen", "--alpha", "drop", "clear.png", "-o", "c.png"))
    assert np.array_equal(load("c.png"), load("b.png"))


@pytest.mark.parametrize("kernel", ["blur", "box:3", "sharpen", "1 2 3; 0 1 0; 0 0 2"])
def test_premultiplied(apply, clear, load, kernel, to_pixels):
    weights = {
        "blur": np.outer([1, 2, 1], [1, 2, 1]) / 16,
        "box:3": np.full((3, 3), 1 / 9),
        "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    }.get(kernel, np.array([[1, 2, 3], [0, 1, 0], [0, 0, 2]]))
    ok(apply("-k", kernel, "--alpha", "premultiply", "clear.png", "-o", "o.png", "-q"))
    alpha = clear[..., 3].astype(float)
    carried = ndimage.correlate(alpha, weights, mode="nearest") / weights.sum()
    seen = carried > 1e-9
    out = load("o.png")
    assert np.array_equal(out[..., 3], to_pixels(carried))
    for channel in range(3):
        weighted = ndimage.correlate(clear[..., channel] * alpha, weights, mode="nearest")
        expected = np.clip(weighted[seen] / carried[seen], 0, 255)
        assert np.abs(out[..., channel][seen] - expected).max() <= 0.501


def test_what_cannot_be_seen_does_not_bleed_when_premultiplied(apply, save, load):
    pixels = np.zeros((7, 7, 4), np.uint8)
    pixels[..., 0] = 255  # red that is invisible
    pixels[3, 3] = (0, 0, 255, 255)
    save("in.png", pixels)
    ok(apply("-k", "blur", "--alpha", "premultiply", "in.png", "-o", "o.png"))
    out = load("o.png")
    shown = out[..., 3] > 0
    assert shown.sum() == 9
    assert (out[shown][:, :3] == (0, 0, 255)).all()


def test_premultiplied_opaque_is_plain(apply, save, load, rng):
    pixels = rng.integers(0, 256, (6, 7, 4), np.uint8)
    pixels[..., 3] = 255
    save("in.png", pixels)
    for alpha in ("keep", "premultiply"):
        ok(apply("-k", "sharpen", "--alpha", alpha, "in.png", "-o", f"{alpha}.png"))
    assert np.array_equal(load("keep.png"), load("premultiply.png"))


@pytest.mark.parametrize("kernel", ["outline", "sobel"])
def test_premultiply_is_refused_where_it_means_nothing(apply, clear, here, kernel):
    ran = apply("-k", kernel, "--alpha", "premultiply", "clear.png", "-o", "o.png")
    ran.fails(1, "clear.png: ", "premultiply")
    assert not (here / "o.png").exists()


def test_premultiply_means_nothing_to_an_opaque_image(apply, photo):
    ok(apply("-k", "outline", "--alpha", "premultiply", "photo.png", "-o", "o.png"))


def test_gray_with_alpha(apply, save, load, rng):
    pixels = rng.integers(0, 256, (6, 7, 2), np.uint8)
    save("in.png", pixels)
    ok(apply("-k", "identity", "in.png", "-o", "o.png"))
    assert np.array_equal(load("o.png"), pixels)


def test_16_bit_gray_with_a_transparent_value_keeps_its_16_bits(apply, here, rng):
    pixels = rng.integers(1, 65536, (9, 7), np.uint16)
    pixels[2:5, 3] = 1000
    with Path("in.png").open("wb") as file:
        write_png(file, pixels, chunks=[(b"gAMA", b"\0\0\xb1\x8f"), (b"tRNS", b"\x03\xe8")])
    ran = apply("-k", "identity", "in.png", "-o", "o.png", "-v")
    assert ran.err.count("\n") == 1, ran.err  # no note
    written = Path("o.png").read_bytes()
    assert b"gAMA" in written
    seen = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)  # BGRA
    assert seen.dtype == np.uint16
    np.testing.assert_array_equal(seen[..., 0], pixels)
    np.testing.assert_array_equal(seen[..., 3], 65535 * (pixels != 1000))


def test_jpeg_has_no_alpha_and_says_so(apply, clear, load):
    ran = apply("-k", "identity", "clear.png", "-o", "o.jpg")
    assert ran.code == 0
    assert ran.err.startswith("clear.png: alpha left out")
    assert load("o.jpg").shape == (9, 10, 3)


def test_alpha_that_is_not_there_is_named_with_v(apply, gray):
    said = "gray.png: --alpha premultiply has no effect: the image has no alpha"
    ran = apply("-k", "blur", "gray.png", "--alpha", "premultiply", "-o", "o.png", "-v")
    assert said in ran.err.splitlines()
    ran = apply("-k", "blur", "gray.png", "--alpha", "premultiply", "-o", "p.png")
    assert ran.err == ""
