"""Pillow decodes into arrays and encodes from them: the pixels and the bytes stay the same."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from convcli.errors import ImageError
from convcli.images.formats import named_format
from convcli.images.image import ImageData, packed, rgbx_of
from convcli.images.options import ReadOptions
from convcli.images.reading import read_image
from convcli.images.writing import write_image

RNG = np.random.default_rng(11)
COLORS = RNG.integers(0, 256, (29, 43, 3), np.uint8)
GRAYS = COLORS[..., 0].copy()


def encoded(im, form, **params):
    file = io.BytesIO()
    im.save(file, form, **params)
    return file.getvalue()


def oriented(form, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(Image.fromarray(COLORS), form, exif=exif)


def interlaced_png():
    """Return a PNG in Adam7 order: (row, column) of the first pixel and steps of seven passes."""
    passes = [
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)),
        *((0, 1, 2, 2), (1, 0, 2, 1)),
    ]
    rows = [
        b"\0" + row.tobytes()
        for top, left, down, across in passes
        for row in COLORS[top::down, left::across]
    ]

    def chunk(kind, data):
        crc = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + crc

    head = chunk(b"IHDR", struct.pack(">2I5B", COLORS.shape[1], COLORS.shape[0], 8, 2, 0, 0, 1))
    body = chunk(b"IDAT", zlib.compress(b"".join(rows)))
    return b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b"")


def planar_tiff(compression):
    """Return a TIFF of three planes, one strip each."""
    planes = [np.ascontiguousarray(plane).tobytes() for plane in np.moveaxis(COLORS, 2, 0)]
    planes = planes if compression == 1 else [zlib.compress(plane) for plane in planes]
    starts = np.cumsum([8, *map(len, planes)]).tolist()
    lists = starts[-1]  # of shorts and longs, which are too long for an entry
    body = b"".join(planes) + struct.pack("<3H", 8, 8, 8)
    body += struct.pack("<3I", *starts[:3]) + struct.pack("<3I", *map(len, planes))
    short, long = 3, 4
    entries = [
        (256, short, 1, COLORS.shape[1]), (257, short, 1, COLORS.shape[0]),
        (258, short, 3, lists), (259, short, 1, compression), (262, short, 1, 2),
        (273, long, 3, lists + 6), (277, short, 1, 3), (278, short, 1, COLORS.shape[0]),
        (279, long, 3, lists + 18), (284, short, 1, 2),
    ]  # fmt: skip
    table = struct.pack("<H", len(entries))
    table += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + table


def rgb(form, **params):
    return encoded(Image.fromarray(COLORS), form, **params)


def gray(form, **params):
    return encoded(Image.fromarray(GRAYS), form, **params)


def with_mode(mode, form, **params):
    return encoded(Image.fromarray(COLORS).convert(mode), form, **params)


DECODED_INTO_ARRAYS = {
    "jpeg": rgb("JPEG"),
    "progressive jpeg": rgb("JPEG", progressive=True, subsampling=2),
    "gray jpeg": gray("JPEG"),
    "png": rgb("PNG"),
    "gray png": gray("PNG"),
    "interlaced png": interlaced_png(),
    "tiff": rgb("TIFF"),
    "gray tiff": gray("TIFF"),
    "lzw tiff": rgb("TIFF", compression="tiff_lzw"),
    "jpeg tiff": rgb("TIFF", compression="jpeg"),
    "rgbx tiff": encoded(Image.fromarray(COLORS).convert("RGBX"), "TIFF"),
    "bmp": rgb("BMP"),
    "ppm": rgb("PPM"),
    "text ppm": b"P3 2 1 255 1 2 3 4 5 6",
    "pgm": gray("PPM"),
}
BY_PILLOW = {
    "mpo": rgb("MPO", save_all=True, append_images=[Image.fromarray(COLORS[::-1])]),
    "cmyk jpeg": with_mode("CMYK", "JPEG"),
    "palette": with_mode("P", "PNG"),
    "bilevel": with_mode("1", "TIFF", compression="group4"),
    "turned tiff": oriented("TIFF", 6),
    "planes": planar_tiff(1),
    "deflated planes": planar_tiff(8),
    "webp": rgb("WEBP", lossless=True),
    "gif": with_mode("P", "GIF"),
    "jpeg 2000": rgb("JPEG2000"),
}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6"/></x:xmpmeta>'
BY_PILLOW["tiff turned by xmp"] = rgb("TIFF", tiffinfo={700: XMP})
ORIENTED = {f"jpeg turned {number}": oriented("JPEG", number) for number in range(1, 9)}
FRAMES = {
    form: rgb(form, save_all=True, append_images=[Image.fromarray(COLORS[::-1])])
    for form in ("PNG", "TIFF")
}
ALL = DECODED_INTO_ARRAYS | BY_PILLOW | ORIENTED | FRAMES


def as_pillow_reads(data):
    with Image.open(io.BytesIO(data)) as im:
        upright = ImageOps.exif_transpose(im)
        return np.asarray(upright.convert("L" if upright.mode in ("1", "L") else "RGB"))


def own_memory(im):
    """Stand for ``load_prepare`` of a Pillow that takes no memory that it is given."""
    im.im = Image.new(im.mode, im.size).im


def read(data, **options) -> ImageData:
    return read_image(io.BytesIO(data), name="it", options=ReadOptions(**options), rgbx=True)


@pytest.mark.parametrize("name", ALL)
def test_pixels_are_those_that_pillow_reads(name):
    data = ALL[name]
    expected = as_pillow_reads(data)
    np.testing.assert_array_equal(read(data).pixels, expected)
    np.testing.assert_array_equal(read_image(io.BytesIO(data), name="it").pixels, expected)


@pytest.mark.parametrize("name", ALL)
def test_color_is_in_four_bytes_where_pillow_decodes_into_an_array(name):
    image = read(ALL[name])
    shares = rgbx_of(image.pixels) is not None
    wanted = name in DECODED_INTO_ARRAYS or name in FRAMES or name == "jpeg turned 1"
    assert shares == (wanted and image.channels == 3)


@pytest.mark.parametrize("name", DECODED_INTO_ARRAYS)
def test_a_pillow_that_makes_its_own_memory_reads_the_same(name, monkeypatch):
    with_array = read(DECODED_INTO_ARRAYS[name]).pixels
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", own_memory)
    pixels = read(DECODED_INTO_ARRAYS[name]).pixels
    assert rgbx_of(pixels) is None
    np.testing.assert_array_equal(pixels, with_array)


@pytest.mark.processes
def test_a_pillow_that_refuses_the_memory_reads_by_itself(tmp_path):
    (tmp_path / "it.png").write_bytes(DECODED_INTO_ARRAYS["png"])
    program = """if True:
        from pathlib import Path
        from PIL import Image
        from convcli.images.image import rgbx_of
        from convcli.images.reading import read_image

        def refuse(*_):
            raise TypeError

        Image.frombuffer = refuse
        pixels = read_image(Path("it.png"), name="it", rgbx=True).pixels
        print(rgbx_of(pixels), pixels.sum())
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, cwd=tmp_path)
    assert done.stdout.split() == [b"None", str(COLORS.sum()).encode()], done.stderr


@pytest.mark.parametrize("channels", ["gray", "rgb", "r", "g", "b"])
@pytest.mark.parametrize("name", ["jpeg", "gray png", "jpeg turned 6"])
def test_channels_and_sizes_are_those_of_packed_pixels(name, channels, monkeypatch):
    if name == "gray png" and channels in "rgb":
        return
    options = [{"channels": channels}, {"channels": channels, "resize": (7, 9)}]
    shared = [read(ALL[name], **each).pixels for each in options]
    monkeypatch.setattr(ImageFile.ImageFile, "load_prepare", own_memory)
    for pixels, each in zip(shared, options, strict=True):
        np.testing.assert_array_equal(pixels, read(ALL[name], **each).pixels)


@pytest.mark.parametrize("key", [(1, 2, 3), 7])
def test_a_transparent_color_becomes_alpha(key):
    pixels = COLORS.copy() if isinstance(key, tuple) else GRAYS.copy()
    pixels[3, 5] = key
    image = read(encoded(Image.fromarray(pixels), "PNG", transparency=key))
    np.testing.assert_array_equal(image.pixels, pixels)
    opaque = pixels != key
    assert image.alpha is not None
    np.testing.assert_array_equal(
        image.alpha, 255 * (opaque.any(axis=-1) if opaque.ndim == 3 else opaque)
    )


def outcome(data):
    """Return the pixels and the notes, or the error."""
    try:
        image = read(data)
    except ImageError as error:
        return str(error)
    return image.pixels.tolist(), image.notes


@pytest.mark.parametrize("name", DECODED_INTO_ARRAYS)
def test_damage_is_told_as_of_pillows_own_memory(name):
    data, rng = DECODED_INTO_ARRAYS[name], np.random.default_rng(5)
    for _ in range(20):
        damaged = bytearray(data)
        for place in rng.integers(len(data) // 4, len(data), 3):
            damaged[place] ^= int(rng.integers(1, 256))
        damaged = damaged[: len(data) // 2] if rng.random() < 0.3 else damaged
        with_array = outcome(damaged)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ImageFile.ImageFile, "load_prepare", own_memory)
            assert outcome(damaged) == with_array


@pytest.mark.parametrize(
    "suffix", ["jpg", "png", "tif", "bmp", "ppm", "webp", "avif", "gif", "jp2", "tga", "npy"]
)
def test_files_have_the_same_bytes_from_four_byte_pixels(suffix):
    memory = np.dstack([COLORS, RNG.integers(0, 256, COLORS.shape[:2], np.uint8)])
    files = []
    for pixels in (memory[..., :3], COLORS):
        file = io.BytesIO()
        write_image(ImageData(pixels, 8), file, named_format(None, suffix))
        files.append(file.getvalue())
    assert files[0] == files[1]


def test_only_eight_bit_color_in_four_bytes_counts_as_rgbx():
    memory = np.zeros((4, 5, 4), np.uint8)
    assert rgbx_of(memory[..., :3]) is memory
    for other in (
        memory,
        memory[..., 1:],
        memory[..., 2::-1],
        memory[1:, :, :3],
        memory[:, :4, :3],
        np.zeros((4, 5, 3), np.uint8),
        np.zeros((4, 5, 4), np.uint16)[..., :3],
        np.zeros((4, 5, 5), np.uint8)[..., :3],
        np.zeros((8, 5, 4), np.uint8)[::2, :, :3],
        np.zeros((5, 4, 4), np.uint8).swapaxes(0, 1)[..., :3],
    ):
        assert rgbx_of(other) is None


def test_packed_pixels_have_no_gaps():
    memory = RNG.integers(0, 256, (4, 5, 4), np.uint8)
    pixels = packed(memory[..., :3])
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, memory[..., :3])
    assert packed(pixels) is pixels
