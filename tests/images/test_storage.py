"""What an input's encoder did is done to the result: compression, losslessness, subsampling."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image, JpegImagePlugin

from convcli.images.formats import choose_format, named_format
from convcli.images.image import ImageData, Metadata
from convcli.images.notes import Detail
from convcli.images.options import WriteOptions
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames, write_image

RNG = np.random.default_rng(5)
COLORS = RNG.integers(0, 256, (24, 31, 3), np.uint8)
SMOOTH = (np.add.outer(np.arange(40), np.arange(50)) * 700).astype(np.uint16)


def saved(pixels, form, **options):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file


def read(file):
    return read_image(file, name="image")


def written(image, options=WriteOptions()):  # noqa: B008
    """Return a result of the input's own format, open in Pillow, and the notes."""
    form = choose_format(None, image.format, channels=image.channels, depth=image.depth)
    file = io.BytesIO()
    notes = write_image(image, file, form, options)
    return Image.open(file), notes


@pytest.mark.parametrize(
    "compression",
    ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"],
)
@pytest.mark.parametrize("pixels", [COLORS, SMOOTH, SMOOTH.astype(np.float32), SMOOTH > 9000])
def test_a_tiff_keeps_its_compression(compression, pixels):
    image = read(saved(pixels, "TIFF", compression=compression))
    result, notes = written(image)
    assert result.info["compression"] == compression
    assert np.array_equal(np.asarray(result), image.pixels)
    assert notes == ()


@pytest.mark.parametrize("compression", ["group3", "group4", "jpeg"])
def test_a_compression_that_cannot_be_kept_becomes_deflate(compression):
    pixels = COLORS if compression == "jpeg" else SMOOTH > 9000
    image = read(saved(pixels, "TIFF", compression=compression))
    result, notes = written(image)
    assert result.info["compression"] == "tiff_adobe_deflate"
    assert [type(note) for note in notes] == [Detail]
    assert compression in notes[0]
    assert np.array_equal(np.asarray(result), image.pixels)


def test_integers_are_stored_as_differences():
    result, _ = written(read(saved(SMOOTH, "TIFF", compression="tiff_lzw")))
    assert result.tag_v2[317] == 2
    floats = SMOOTH.astype(np.float32)
    result, _ = written(read(saved(floats, "TIFF", compression="tiff_lzw")))
    assert result.tag_v2.get(317, 1) == 1


def test_compression_is_an_option():
    image = read(saved(SMOOTH, "TIFF"))
    for name, stored in [("deflate", "tiff_adobe_deflate"), ("none", "raw"), ("lzw", "tiff_lzw")]:
        result, _ = written(image, WriteOptions(compression=name))
        assert result.info["compression"] == stored
    notes = write_image(
        image, io.BytesIO(), named_format(None, "png"), WriteOptions(compression="lzw")
    )
    assert notes == ("--compression was ignored: .png has no such option",)


def test_pages_keep_their_compression():
    pages = [Image.fromarray(np.roll(COLORS, shift, 0).repeat(9, 0)) for shift in range(3)]
    file = io.BytesIO()
    pages[0].save(
        file, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_lzw", dpi=(72, 72)
    )
    result = io.BytesIO()
    images = list(read_frames(file, name="image"))
    write_frames(images, result, named_format(None, "tif"))
    opened = Image.open(result)
    for number, page in enumerate(pages):
        opened.seek(number)
        assert opened.info["compression"] == "tiff_lzw"
        assert np.array_equal(np.asarray(opened), np.asarray(page))


@pytest.mark.parametrize("sampling", [0, 1, 2])
def test_a_jpeg_keeps_its_color_resolution(sampling):
    image = read(saved(COLORS, "JPEG", subsampling=sampling))
    result, _ = written(image)
    assert JpegImagePlugin.get_sampling(result) == sampling
    gray = image._replace(pixels=COLORS[..., 0])
    assert written(gray)[0].mode == "L"


@pytest.mark.parametrize(
    ("options", "sampling"),
    [
        (WriteOptions(), 0),
        (WriteOptions(quality=90), 0),
        (WriteOptions(quality=89), 2),
        (WriteOptions(quality=60, subsampling="422"), 1),
        (WriteOptions(subsampling="420"), 2),
    ],
)
def test_other_images_have_full_color_resolution_from_quality_90(options, sampling):
    file = io.BytesIO()
    write_image(read(saved(COLORS, "PNG")), file, named_format(None, "jpg"), options)
    assert JpegImagePlugin.get_sampling(Image.open(file)) == sampling


TRANSLUCENT = np.dstack([COLORS, COLORS[..., 0] // 2])


@pytest.mark.parametrize("pixels", [COLORS, TRANSLUCENT, np.full((3, 4, 4), (9, 8, 7, 0))])
def test_a_lossless_webp_stays_lossless(pixels):
    pixels = pixels.astype(np.uint8)
    image = read(saved(pixels, "WEBP", lossless=True, exact=True))
    assert np.array_equal(np.asarray(written(image)[0]), pixels)
    lossy, _ = written(image, WriteOptions(quality=90))
    assert not read(lossy.fp).storage.lossless


def test_a_lossy_webp_becomes_lossless_on_demand():
    image = read(saved(TRANSLUCENT, "WEBP"))
    assert not image.storage.lossless
    assert not read(written(image)[0].fp).storage.lossless
    result, _ = written(image, WriteOptions(lossless=True))
    assert np.array_equal(np.asarray(result)[..., :3], image.pixels)


@pytest.mark.parametrize("lossless", [True, False])
def test_frames_of_a_webp_stay_lossless(lossless):
    frames = [Image.fromarray(np.roll(COLORS, shift, 1)) for shift in range(3)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:], lossless=lossless)
    images = list(read_frames(file, name="image"))
    assert all(image.storage.lossless == lossless for image in images)
    result = io.BytesIO()
    write_frames(images, result, named_format(None, "webp"))
    again = [image.pixels for image in read_frames(result, name="image")]
    same = [np.array_equal(one, np.asarray(two)) for one, two in zip(again, frames, strict=True)]
    assert all(same) == lossless


def tiff(samples):
    """Return a small uncompressed TIFF of little-endian samples."""
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    kind = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    rows, columns = samples.shape
    tags = [(256, columns), (257, rows), (258, 8 * samples.itemsize), (259, 1), (262, 1)]
    tags += [(273, 8), (277, 1), (278, rows), (279, len(data)), (339, kind)]
    entries = b"".join(struct.pack("<2H2I", tag, 4, 1, value) for tag, value in tags)
    directory = struct.pack("<H", len(tags)) + entries + bytes(4)
    return io.BytesIO(struct.pack("<2sHI", b"II", 42, 8 + len(data)) + data + directory)


@pytest.mark.parametrize(
    "samples",
    [
        np.array([[4294820791, 7], [2**31, 2**32 - 1]], np.uint32),
        np.array([[-19, 5], [-128, 127]], np.int8),
        np.array([[-19, 5], [-32768, 32767]], np.int16),
        np.array([[-19, 5], [-(2**31), 2**31 - 1]], np.int32),
    ],
)
def test_integers_that_pillow_takes_for_others_keep_their_values(samples):
    image = read(tiff(samples))
    assert image.depth is None
    assert image.pixels.dtype.kind == samples.dtype.kind
    assert image.pixels.tolist() == samples.tolist()


@pytest.mark.parametrize("compression", ["none", "lzw", "zstd"])
def test_unsigned_32_bit_integers_are_written_exactly(compression):
    values = np.array([[4294820791, 7, 0], [2**31, 2**32 - 1, 3]])
    image = ImageData(values, None, metadata=Metadata(xmp=b"<x/>", dpi=(72, 72)))
    file = io.BytesIO()
    options = WriteOptions(compression=compression)
    notes = write_frames([image, image], file, named_format(None, "tif"), options)
    assert notes == ()
    with Image.open(file) as im:
        for page in range(2):
            im.seek(page)
            assert (im.getexif()[339], im.info["xmp"]) == (1, b"<x/>")
            assert np.array_equal(np.asarray(im).view(np.uint32), values)
    if compression != "zstd":  # OpenCV has none
        by_opencv = cv2.imdecode(np.frombuffer(file.getvalue(), np.uint8), -1)
        assert np.array_equal(by_opencv, values)
    assert next(read_frames(file, name="image")).pixels.tolist() == values.tolist()


def test_integers_beyond_32_bits_are_rounded_with_a_note():
    for values in ([[2**32, 1]], [[2**32 - 1, -1]]):
        image = ImageData(np.array(values), None)
        assert write_image(image, io.BytesIO(), named_format(None, "tif")) == (
            ("rounded to 32-bit floats, the limit of Pillow",) if values[0][1] == -1 else ()
        )
