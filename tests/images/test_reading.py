"""Images of every kind, against Pillow's and numpy's own reading."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from convcli.errors import ImageError, UsageError
from convcli.images.image import ImageData
from convcli.images.options import ReadOptions
from convcli.images.pillow_modes import StoredSamples, apply_orientation, sample_format_of
from convcli.images.pillow_reader import PILLOW_FORMATS
from convcli.images.reading import read_frames, read_image

SAMPLES = Path(__file__).parents[2] / "sample_images"
RNG = np.random.default_rng(7)
BYTES = RNG.integers(0, 256, (37, 23, 4)).astype(np.uint8)
SHORTS = RNG.integers(0, 65536, (37, 23)).astype(np.uint16)


def encoded(im, form, **params):
    file = io.BytesIO()
    im.save(file, form, **params)
    return file


def read(file, **options) -> ImageData:
    return read_image(file, name="it", options=ReadOptions(**options))


def pil_image(mode):
    """Return a random image of any mode."""
    im = Image.new(mode, (23, 37))
    bits = BYTES.tobytes() * 4
    im.frombytes(bits[: len(im.tobytes())])
    return im


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, bits, color, samples, *more):
    """Write a PNG of any bit depth and color type by hand; ``samples`` has a row an item."""
    body = zlib.compress(b"".join(b"\0" + row for row in samples))
    header = struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", body), chunk(b"IEND", b"")]
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))


@pytest.mark.parametrize("name", ["astronaut.png", "camera.png", "chelsea.png", "rocket.jpg"])
def test_samples_are_as_pillow_reads_them(name):
    image = read(SAMPLES / name)
    with Image.open(SAMPLES / name) as im:
        np.testing.assert_array_equal(image.pixels, np.asarray(im))
        assert image.format == im.format
    assert image.depth == 8
    assert image.alpha is None
    assert image.notes == ()


@pytest.mark.parametrize(
    ("mode", "form", "target"),
    [
        ("1", "PNG", "L"),
        ("L", "PNG", "L"),
        ("LA", "PNG", "LA"),
        ("PA", "TIFF", "RGBA"),
        ("RGB", "PNG", "RGB"),
        ("RGBA", "PNG", "RGBA"),
        ("RGBX", "TIFF", "RGB"),
        ("CMYK", "TIFF", "RGB"),
        ("CMYK", "JPEG", "RGB"),
        ("YCbCr", "TIFF", "RGB"),
        ("LAB", "TIFF", "RGB"),
    ],
)
def test_8_bit_modes_equal_pillows_conversion(mode, form, target):
    im = pil_image(mode)
    if mode == "PA":
        im.putpalette(RNG.integers(0, 256, 768).astype(np.uint8).tobytes())
    file = encoded(im, form)
    with Image.open(file) as again:
        expected = np.asarray(again.convert(target))
    image = read(file)
    assert (image.depth, image.pixels.dtype) == (8, np.uint8)
    if target.endswith("A"):
        np.testing.assert_array_equal(image.alpha, expected[..., -1])
        expected = expected[..., 0] if target == "LA" else expected[..., :3]
    else:
        assert image.alpha is None
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.flags.c_contiguous


def test_modes_without_a_file_format_of_their_own():
    for mode in ("HSV", "RGBa", "La", "I;16L", "I;16N"):
        im = pil_image(mode)
        pixels, _ = apply_orientation(im, sample_format_of(im, StoredSamples.of(im)), "auto", 1)
        if mode == "HSV":
            np.testing.assert_array_equal(pixels, np.asarray(im.convert("RGB")))
        elif mode == "La":
            np.testing.assert_array_equal(pixels, np.asarray(im.convert("LA"))[..., 0])
        elif mode == "RGBa":
            np.testing.assert_array_equal(pixels, np.asarray(im.convert("RGBA"))[..., :3])
        else:
            np.testing.assert_array_equal(pixels, np.asarray(im))
            assert pixels.dtype == np.uint16


@pytest.mark.parametrize("how", ["index", "bytes", "none"])
def test_palettes_become_rgb_and_their_transparency_alpha(how):
    im = Image.fromarray(BYTES[..., 0] % 4).convert("P")
    im.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9])
    params = {"index": {"transparency": 2}, "bytes": {"transparency": bytes([0, 128, 255, 7])}}
    file = encoded(im, "PNG", **params.get(how, {}))
    with Image.open(file) as again:
        expected = np.asarray(again.convert("RGBA"))
    image = read(file)
    np.testing.assert_array_equal(image.pixels, expected[..., :3])
    if how == "none":
        assert image.alpha is None
    else:
        np.testing.assert_array_equal(image.alpha, expected[..., 3])
        assert len(set(image.alpha.flat)) > 1


@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_a_transparent_color_becomes_alpha(mode):
    im = pil_image(mode)
    key = im.getpixel((5, 5))
    key = int(key > 0) if mode == "1" else key
    file = encoded(im, "PNG", transparency=key)
    image = read(file)
    alike = image.pixels == image.pixels[5, 5]
    alike = alike.all(axis=-1) if mode == "RGB" else alike
    np.testing.assert_array_equal(image.alpha, np.where(alike, 0, 255))


@pytest.mark.parametrize("bits", [2, 4])
def test_a_transparent_gray_of_few_bits(bits):
    samples = bytes([0b00011011]) if bits == 2 else bytes([0x0F, 0x30])
    key = chunk(b"tRNS", struct.pack(">H", 3))
    image = read(png(4, 1, bits, 0, [samples], key))
    expected = {
        2: ([0, 85, 170, 255], [255, 255, 255, 0]),
        4: ([0, 255, 51, 0], [255, 255, 0, 255]),
    }
    assert image.pixels.tolist() == [expected[bits][0]]
    assert image.alpha.tolist() == [expected[bits][1]]


def test_16_bit_gray_png_with_transparency():
    samples = SHORTS.astype(">u2")
    key = chunk(b"tRNS", struct.pack(">H", SHORTS[3, 3]))
    image = read(png(23, 37, 16, 0, [row.tobytes() for row in samples], key))
    assert image.depth == 16
    np.testing.assert_array_equal(image.pixels, SHORTS)
    np.testing.assert_array_equal(image.alpha, np.where(SHORTS[3, 3] == SHORTS, 0, 65535))
    assert image.alpha.dtype == np.uint16


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM", "JPEG2000"])
def test_16_bit_gray_stays_16_bit(form):
    image = read(encoded(Image.fromarray(SHORTS), form))
    assert (image.depth, image.pixels.dtype, image.max_value) == (16, np.uint16, 65535)
    np.testing.assert_array_equal(image.pixels, SHORTS)
    assert image.notes == ()


def test_16_bit_big_endian_tiff():
    im = Image.frombytes("I;16B", (23, 37), SHORTS.astype(">u2").tobytes())
    image = read(encoded(im, "TIFF"))
    np.testing.assert_array_equal(image.pixels, SHORTS)
    assert image.pixels.dtype.isnative


def test_pgm_of_12_bits_and_text_pgm():
    assert read(io.BytesIO(b"P2 2 1 65535 7 65535\n")).pixels.tolist() == [[7, 65535]]
    assert read(io.BytesIO(b"P5 2 1 255\n\x05\xff")).depth == 8


@pytest.mark.parametrize(("color", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_what_pillow_narrows_to_8_bits_is_told(color, channels):
    samples = RNG.integers(0, 65536, (5, 4, channels)).astype(">u2")
    image = read(png(4, 5, 16, color, [row.tobytes() for row in samples]))
    assert image.depth == 8
    kind = "gray" if color == 4 else "color"
    assert image.notes == (f"16-bit {kind} was read as 8-bit, the limit of Pillow",)
    eight = samples >> 8
    np.testing.assert_array_equal(image.pixels, eight[..., 0] if color == 4 else eight[..., :3])
    if color != 2:
        np.testing.assert_array_equal(image.alpha, eight[..., -1])


def test_a_transparent_16_bit_color_is_compared_as_pillow_narrowed_it():
    samples = np.array([[[0x1234, 0x5678, 0x9ABC], [0xFFFF, 0, 0]]], ">u2")
    key = chunk(b"tRNS", samples[0, 0].tobytes())
    image = read(png(2, 1, 16, 2, [samples[0].tobytes()], key))
    assert image.pixels.tolist() == [[[0x12, 0x56, 0x9A], [255, 0, 0]]]
    assert image.alpha.tolist() == [[0, 255]]


def test_16_bit_ppm_is_narrowed_with_a_note():
    image = read(io.BytesIO(b"P6 1 1 65535\n\xff\xff\x80\x00\x00\x00"))
    assert image.pixels.tolist() == [[[255, 128, 0]]]
    assert "8-bit" in image.notes[0]


@pytest.mark.parametrize(("mode", "dtype"), [("I", np.int32), ("F", np.float32)])
def test_plain_numbers(mode, dtype):
    values = ((RNG.random((4, 5)) - 0.5) * 1e6).astype(dtype)
    image = read(encoded(Image.fromarray(values), "TIFF"))
    assert (image.depth, image.max_value, image.pixels.dtype) == (None, None, dtype)
    np.testing.assert_array_equal(image.pixels, values)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_is_applied(form):
    for orientation in range(10):
        check_orientation(orientation, form)


def check_orientation(orientation, form):
    im = Image.fromarray(BYTES[..., :3])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = "a description"
    params = {"lossless": True} if form == "WEBP" else {}
    file = encoded(im, form, exif=exif, dpi=(72, 144), **params)
    with Image.open(file) as again:
        expected = np.asarray(ImageOps.exif_transpose(again))
    image = read(file)
    np.testing.assert_array_equal(image.pixels, expected)
    carried = Image.Exif()
    carried.load(image.metadata.exif)
    assert 0x0112 not in carried
    assert carried[0x010E] == "a description"
    if form != "WEBP":
        expected_dpi = (144, 72) if orientation in (5, 6, 7, 8) else (72, 144)
        assert image.metadata.dpi == pytest.approx(expected_dpi, rel=1e-3)


@pytest.mark.slow
def test_large_images_cross_many_bands_the_same():
    im = Image.effect_noise((1900, 700), 80).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 7
    file = encoded(im, "PNG", exif=exif, compress_level=1)
    with Image.open(file) as again:
        np.testing.assert_array_equal(read(file).pixels, np.asarray(ImageOps.exif_transpose(again)))


def test_xmp_orientation():
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
    file = encoded(Image.fromarray(BYTES[..., :3]), "JPEG", xmp=xmp)
    assert read(file).shape == (23, 37)


@pytest.mark.parametrize("name", ["astronaut.png", "rocket.jpg"])
def test_gray_is_pillows_and_channels_are_picked(name):
    with Image.open(SAMPLES / name) as im:
        np.testing.assert_array_equal(read(SAMPLES / name, channels="gray").pixels, im.convert("L"))
        for number, channel in enumerate("rgb"):
            picked = read(SAMPLES / name, channels=channel).pixels
            np.testing.assert_array_equal(picked, np.asarray(im)[..., number])
            assert picked.flags.c_contiguous


def test_gray_rounds_half_up_as_pillow_does():
    pixels = np.array([[[0, 52, 184], [0, 52, 183]]], np.uint8)  # the first is a half exactly
    im = Image.fromarray(pixels)
    np.testing.assert_array_equal(read(encoded(im, "PNG"), channels="gray").pixels, im.convert("L"))


def test_rgb_stays_rgb():
    astronaut = read(SAMPLES / "astronaut.png")
    np.testing.assert_array_equal(
        read(SAMPLES / "astronaut.png", channels="rgb").pixels, astronaut.pixels
    )


def test_channels_of_gray():
    camera = read(SAMPLES / "camera.png")
    tripled = read(SAMPLES / "camera.png", channels="rgb")
    np.testing.assert_array_equal(tripled.pixels, np.dstack([camera.pixels] * 3))
    np.testing.assert_array_equal(
        read(SAMPLES / "camera.png", channels="gray").pixels, camera.pixels
    )
    with pytest.raises(ImageError, match="is gray and has no channel g"):
        read(SAMPLES / "camera.png", channels="g")
    with pytest.raises(UsageError, match="use one of auto, gray"):
        read(SAMPLES / "camera.png", channels="cyan")


@pytest.mark.parametrize("name", ["camera.png", "astronaut.png"])
@pytest.mark.parametrize("shape", [(224, 448), (900, 30)])
def test_resize_is_pillows(name, shape):
    with Image.open(SAMPLES / name) as im:
        expected = np.asarray(im.resize(shape[::-1], Image.Resampling.BICUBIC))
        gray = np.asarray(im.convert("L").resize(shape[::-1], Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(read(SAMPLES / name, resize=shape).pixels, expected)
    again = read(SAMPLES / name, resize=shape, channels="gray").pixels
    np.testing.assert_array_equal(again, gray)


def test_resize_weights_with_alpha_and_saturates():
    file = encoded(pil_image("RGBA"), "PNG")
    with Image.open(file) as im:
        expected = np.asarray(im.resize((11, 50), Image.Resampling.BICUBIC))
    image = read(file, resize=(50, 11))
    np.testing.assert_array_equal(image.pixels, expected[..., :3])
    np.testing.assert_array_equal(image.alpha, expected[..., 3])

    step = np.repeat(np.array([[0] * 20 + [65535] * 20], np.uint16), 8, axis=0)
    stretched = read(encoded(Image.fromarray(step), "PNG"), resize=(8, 173)).pixels
    assert stretched.dtype == np.uint16
    assert (np.diff(stretched[0].astype(int)) >= -3000).all()  # overshoot saturates, never wraps
    with pytest.raises(UsageError, match="0x5"):
        read(SAMPLES / "camera.png", resize=(5, 0))
    with pytest.raises(UsageError, match="--max-pixels"):
        read(SAMPLES / "camera.png", resize=(100_000, 100_000))


def test_resize_of_transparent_16_bit_gray_ignores_hidden_values():
    values = np.full((8, 8), 1000, ">u2")
    values[:4] = 60000
    key = chunk(b"tRNS", struct.pack(">H", 60000))
    image = read(png(8, 8, 16, 0, [row.tobytes() for row in values], key), resize=(5, 8))
    assert set(image.pixels[image.alpha > 655].tolist()) <= {999, 1000, 1001}


def test_png_named_jpg_and_a_path_that_cannot_seek(tmp_path):
    path = tmp_path / "x.jpg"
    path.write_bytes((SAMPLES / "camera.png").read_bytes())
    assert read(path).format == "PNG"


ARRAYS = st.sampled_from([np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])


@given(
    ARRAYS.flatmap(
        lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=2, max_dims=3, min_side=2))
    ),
    st.sampled_from("<>"),
    st.sampled_from("CF"),
)
def test_npy_reads_back_what_numpy_saved(array, byte_order, memory_order):
    file = io.BytesIO()
    np.save(file, np.asarray(array, array.dtype.newbyteorder(byte_order), order=memory_order))
    image = read(file)
    np.testing.assert_array_equal(image.pixels, array)
    assert image.pixels.dtype == array.dtype
    assert image.pixels.dtype.isnative
    assert image.pixels.flags.c_contiguous
    assert image.depth == {"uint8": 8, "uint16": 16}.get(array.dtype.name)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.array([True, False]), np.array([[1, 0]], np.uint8)),
        (np.array([[0.5]], np.float16), np.array([[0.5]], np.float32)),
        (np.array([[0.1]], np.longdouble), np.array([[0.1]], np.float64)),
        (np.arange(3), np.array([[0, 1, 2]])),
        (np.ones((2, 3, 1)), np.ones((2, 3))),
    ],
)
def test_npy_of_other_types_and_shapes(array, expected):
    file = io.BytesIO()
    np.save(file, array)
    image = read(file)
    np.testing.assert_array_equal(image.pixels, expected)
    assert image.pixels.dtype == expected.dtype
    assert image.depth is None


def test_channels_of_arrays():
    file = io.BytesIO()
    pixels = RNG.integers(0, 65536, (4, 5, 3)).astype(np.uint16)
    np.save(file, pixels)
    assert read(file, channels="b").pixels.tolist() == pixels[..., 2].tolist()
    gray = read(file, channels="gray").pixels
    weights = np.array([19595, 38470, 7471], object)
    exact = [(int(v) + 0x8000) >> 16 for v in (pixels.astype(object) @ weights).ravel()]
    assert gray.ravel().tolist() == exact
    np.save(stack := io.BytesIO(), np.zeros((4, 5, 6)))
    assert read(stack).channels == 6
    with pytest.raises(ImageError, match="has 6 channels"):
        read(stack, channels="gray")


def test_gray_of_infinities_is_infinite_or_no_number():
    np.save(file := io.BytesIO(), np.array([[[np.inf, -np.inf, 0], [1, np.inf, 1], [1, 1, 1]]]))
    gray = read(file, channels="gray").pixels
    np.testing.assert_allclose(gray, [[np.nan, np.inf, 1]], rtol=1e-15)


@pytest.mark.parametrize("suffix", ["csv", "txt", "CSV"])
def test_text_files_are_known_by_suffix(tmp_path, suffix):
    path = tmp_path / f"m.{suffix}"
    path.write_bytes(b"\xef\xbb\xbf1,2\r\n3,4\r\n")
    image = read(path)
    assert image.format == suffix.lower()
    assert image.pixels.tolist() == [[1, 2], [3, 4]]
    assert (image.pixels.dtype, image.depth) == (np.int64, None)


def test_a_stream_of_text_is_a_matrix():
    assert read(io.BytesIO(b"0.5 1\n2 3\n")).pixels.tolist() == [[0.5, 1], [2, 3]]


def test_formats_are_pillows_and_start_no_program():
    Image.init()
    assert set(PILLOW_FORMATS) <= set(Image.OPEN)
    left_out = {"EPS", "WMF", "BUFR", "GRIB", "HDF5", "MPEG", "IPTC"}
    assert set(Image.OPEN) - set(PILLOW_FORMATS) == left_out


def test_frames_of_one_image_are_that_image():
    (frame,) = read_frames(SAMPLES / "camera.png", name="camera")
    np.testing.assert_array_equal(frame.pixels, read(SAMPLES / "camera.png").pixels)
    (matrix,) = read_frames(io.BytesIO(b"1 2"), name="m")
    assert matrix.pixels.tolist() == [[1, 2]]


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("suffix", ["", ".csv"])
def test_text_is_known_though_its_first_block_ends_within_a_character(tmp_path, suffix, shift):
    text = "#" + "x" * shift + "ü" * 5000 + "\n1 2\n3 4\n"
    if suffix:
        source = tmp_path / f"matrix{suffix}"
        source.write_bytes(text.encode())
    else:
        source = io.BytesIO(text.encode())
    assert read(source).pixels.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(("dtype", "noted"), [("f4", False), ("f8", True), ("i8", True)])
def test_resizing_what_single_precision_cannot_hold_is_noted(tmp_path, dtype, noted):
    path = tmp_path / "ramp.npy"
    np.save(path, np.arange(12, dtype=dtype).reshape(3, 4))
    notes = read(path, resize=(6, 8)).notes
    assert [note for note in notes if "single precision" in note] == list(notes) * noted
    assert bool(notes) == noted
