"""``read_image`` and ``pad``, by Pillow and by numpy.pad."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from convcli import GeometryError, ImageError, UsageError, cross_correlate, pad, read_image
from convcli.choices import BORDER_SYNONYMS, BORDERS, CHANNELS

MODES = {border: border for border in BORDERS} | BORDER_SYNONYMS
DTYPES = [
    *("?", "u1", "i1", "u2", ">u2", "i2", "u4", "i4", "u8", ">i8", "i8"),
    *("f2", "f4", ">f4", "f8", "g"),
]


def by_numpy(image, widths, border, fill):
    mode = MODES[border]
    if mode in ("zero", "constant"):
        return np.pad(image, widths, constant_values=fill if mode == "constant" else 0)
    return np.pad(image, widths, mode=mode)


@given(st.data())
def test_it_equals_numpy_pad(data):
    """For every type, shape and border; pads may exceed the image."""
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=5)
    image = data.draw(hnp.arrays(dtype, shapes))
    border = data.draw(st.sampled_from(list(MODES)))
    fill = data.draw(st.integers(0, 1)) if border == "constant" else 0
    sides = data.draw(st.lists(st.integers(0, 12), min_size=4, max_size=4))
    given_, widths = {
        1: (sides[:2], [sides[:2]]),
        2: (sides, [sides[:2], sides[2:]]),
        3: (sides[:2], [[sides[0]] * 2, [sides[1]] * 2, [0, 0]]),
    }[image.ndim]
    before = image.copy()
    found = pad(image, given_, border, fill=fill)
    expected = by_numpy(image, widths, border, fill)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    assert found.tobytes() == expected.tobytes()
    assert image.tobytes() == before.tobytes()
    assert not np.shares_memory(found, image)


@pytest.mark.parametrize("rule", ["same", "full", "valid"])
@pytest.mark.parametrize("size", [3, 4, (2, 5)])
def test_a_rule_pads_for_a_kernel_as_a_filter_does(rule, size):
    image = np.random.default_rng(0).integers(0, 256, (7, 9), np.uint8)
    shape = (size, size) if isinstance(size, int) else size
    kernel = np.random.default_rng(1).integers(-3, 4, shape)
    padded = pad(image, rule, "reflect", kernel_size=size)
    expected = cross_correlate(image, kernel, padding=rule, border="reflect")
    np.testing.assert_array_equal(cross_correlate(padded, kernel, padding=0), expected)
    signal = pad(image[0], rule, kernel_size=4)
    assert len(signal) == {"same": 12, "full": 15, "valid": 9}[rule]


@pytest.mark.parametrize(
    ("dtype", "fill", "said"),
    [
        ("u1", 0.5, "fill 0.5 is no number of type uint8"),
        ("u1", 256, "fill 256"),
        ("i2", -32769, "fill -32769"),
        ("u4", float("nan"), "fill nan"),
        ("i8", float("inf"), "fill inf"),
        ("?", 2, "fill 2 is no number of type bool"),
        ("f2", 1e6, "fill 1000000"),
    ],
)
def test_a_fill_that_the_type_does_not_hold_is_refused(dtype, fill, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        pad(np.ones((2, 2), dtype), 1, "constant", fill=fill)


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("u1", 255), ("i1", -128), ("u8", 2**64 - 1), ("i8", 2**63 - 1), ("f4", 0.1),
     ("f2", float("inf")), ("f8", float("nan"))],
)  # fmt: skip
def test_a_fill_at_the_limits_of_its_type(dtype, fill):
    image = np.ones((2, 3), dtype)
    expected = np.pad(image, 2, constant_values=fill)
    assert pad(image, 2, "constant", fill=fill).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (
            {"padding": "same"},
            GeometryError,
            "size of a kernel: give kernel_size, or",
        ),
        ({"padding": "full"}, GeometryError, "or give padding as numbers of pixels"),
        (
            {"padding": 2, "kernel_size": 3},
            GeometryError,
            "size of a kernel: leave out kernel_size",
        ),
        ({"padding": "some"}, GeometryError, "padding must be same, valid, full"),
        ({"padding": -1}, GeometryError, "padding must be at least 0"),
        (
            {"padding": (1, 2, 3)},
            GeometryError,
            "padding takes a number, (vertical, ",
        ),
        ({"padding": 10**12}, GeometryError, "at most 2,147,483,647"),
        ({"padding": 1, "border": "odd"}, UsageError, "border must be one of"),
        ({"padding": 1, "fill": 3}, UsageError, "fill needs border='constant'"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments, error, said):
    with pytest.raises(error, match=re.escape(said)):
        pad(np.ones((2, 2)), **arguments)


# read_image


@pytest.fixture
def photo(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png", pixels


@pytest.mark.parametrize("channels", CHANNELS)
def test_it_reads_the_channels(photo, channels):
    path, pixels = photo
    expected = {
        "gray": np.asarray(Image.fromarray(pixels).convert("L")),
        **{name: pixels[..., place] for place, name in enumerate("rgb")},
    }
    for name in (path, str(path)):
        found = read_image(name, channels)
        np.testing.assert_array_equal(found, expected.get(channels, pixels))
        assert found.flags.writeable


def test_it_reads_samples_and_matrices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_image("@letter-h").shape == (16, 16)
    assert read_image("@rocket").shape == (427, 640, 3)
    Path("@letter-h").write_text("1 2\n3 4.5")
    with pytest.raises(ImageError, match="@letter-h"):  # a path is never the name of a sample
        read_image(Path("@letter-h"))
    Path("@numbers.txt").write_text("1 2\n3 4.5")
    assert read_image(Path("@numbers.txt")).tolist() == [[1, 2], [3, 4.5]]
    with pytest.raises(UsageError, match=r"the file of this name is \./@numbers\.txt"):
        read_image("@numbers.txt")
    deep = np.arange(6, dtype=np.uint16).reshape(2, 3) * 9999
    Image.fromarray(deep).save("deep.png")
    np.testing.assert_array_equal(read_image("deep.png"), deep)
    assert read_image("deep.png").dtype == np.uint16


def test_alpha_is_left_out_and_orientation_applied(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(pixels[..., :3], -1))


def test_it_warns_of_what_is_lost(tmp_path, photo):
    path, pixels = photo
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_image(path)
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    frames[0].save(tmp_path / "two.tif", save_all=True, append_images=frames[1:])
    with pytest.warns(UserWarning, match=r"two\.tif: only the first frame was read$") as caught:
        np.testing.assert_array_equal(read_image(tmp_path / "two.tif"), pixels)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("none.png", {}, "none.png: no such file"),
        ("photo.png", {"max_pixels": 62}, "limit of 62; raise it with max_pixels"),
        ("gray.txt", {"channels": "r"}, "is gray and has no channel r; use channels='gray'"),
        ("photo.png", {"channels": "alpha"}, "unknown channels 'alpha'; use one of auto, gray"),
        ("@letter", {}, "@letter: there is no such sample"),
        (b"photo.png", {}, "path must be the name of a file, not b'photo.png'"),
        (3, {}, "path must be the name of a file, not 3"),
        ("photo.png", {"max_pixels": (1, 2)}, "max_pixels must be a whole number, not (1, 2)"),
    ],
)
def test_a_refusal_names_the_file_or_the_argument(photo, monkeypatch, name, arguments, said):
    monkeypatch.chdir(photo[0].parent)
    Path("gray.txt").write_text("1 2\n3 4")
    with pytest.raises((ImageError, UsageError), match=re.escape(said)):
        read_image(name, **arguments)
