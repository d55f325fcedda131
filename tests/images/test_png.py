"""PNG files that we encode ourselves, read back by Pillow and OpenCV and held against Pillow's."""

import errno
import io
import struct
import zlib
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from convcli.errors import ConvcliError
from convcli.images import png
from convcli.images.formats import PNG
from convcli.images.image import ImageData, Metadata
from convcli.images.options import WriteOptions
from convcli.images.png import write_png
from convcli.images.reading import read_image
from convcli.images.writing import write_frames, write_image

SAMPLES = Path(__file__).parents[2] / "sample_images"
SLOW = pytest.mark.slow
PHOTOGRAPHS = ["astronaut.png", "camera.png", "chelsea.png", "rocket.jpg"]
RGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_PROFILE = RGB_PROFILE[:16] + b"GRAY" + RGB_PROFILE[20:]
KINDS = [(1, False, 8), (3, False, 8), (1, True, 8), (3, True, 8), (1, False, 16)]
DEEP_KINDS = [(1, True, 16), (3, False, 16), (3, True, 16)]  # Pillow reads 8 bits of these
SIZES = [(1, 1), (1, 2), (2, 1), (1, 17), (19, 1), (3, 5), (7, 9), (31, 33), (64, 8)]


def encoded(pixels, alpha=None, **options):
    file = io.BytesIO()
    write_png(file, pixels, alpha, **options)
    return file.getvalue()


def by_pillow(image, **options):
    """The file that Pillow makes of an image, in the way that convcli used to ask for it."""
    pil_image = Image.fromarray(image.pixels)
    if image.alpha is not None:
        pil_image.putalpha(Image.fromarray(image.alpha))
    known = image.metadata
    carried = {"icc_profile": known.icc, "dpi": known.dpi, "exif": known.exif}
    carried = {name: value for name, value in carried.items() if value is not None}
    file = io.BytesIO()
    options = options or {"compress_level": 1, "compress_type": zlib.Z_RLE}
    pil_image.save(file, "PNG", **options, **carried)
    return file.getvalue()


def by_us(image, **options):
    file = io.BytesIO()
    write_image(image, file, PNG, WriteOptions(**options))
    return file.getvalue()


def chunks(data):
    """Names and contents, every length and CRC checked."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    found, at = [], 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        assert zlib.crc32(name + content) == crc
        found.append((name, content))
        at += 12 + length
    return found


def raw_rows(data):
    """The filter types and the filtered rows of a file."""
    parts = chunks(data)
    width, height, depth, kind = struct.unpack(">IIBB", parts[0][1][:10])
    row = 1 + width * {0: 1, 4: 2, 2: 3, 6: 4}[kind] * depth // 8
    raw = zlib.decompress(b"".join(content for name, content in parts if name == b"IDAT"))
    assert len(raw) == height * row
    return np.frombuffer(raw, np.uint8).reshape(height, row)


def random_image(rng, size, kind, texture="noise"):
    """Pixels and alpha whose best filter is, for most seeds, the one that the texture asks for."""
    channels, transparent, depth = kind
    dtype = {8: np.uint8, 16: np.uint16}[depth]
    noise = rng.integers(0, 2**depth, (*size, channels + transparent))
    if texture == "rows":
        noise[1:] = noise[:1]
    elif texture == "columns":
        noise[:, 1:] = noise[:, :1]
    elif texture == "flat":
        noise[...] = noise[0, 0]
    elif texture == "smooth":
        noise = np.cumsum(np.cumsum(noise % 3, axis=0), axis=1)
    samples = noise.astype(dtype)
    pixels = samples[..., 0] if channels == 1 else samples[..., :3]
    return pixels.copy(), samples[..., -1].copy() if transparent else None


def check_read_back(data, pixels, alpha):
    gray = pixels.ndim == 2
    planes = [pixels] if gray else list(np.moveaxis(pixels, 2, 0))
    expected = np.stack(planes if alpha is None else [*planes, alpha], axis=2)
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert seen.dtype == pixels.dtype
    if gray and alpha is not None:  # OpenCV makes these BGRA
        seen = seen[..., 2:]
    elif not gray:
        seen = seen[..., [2, 1, 0] if alpha is None else [2, 1, 0, 3]]
    np.testing.assert_array_equal(seen.reshape(expected.shape), expected)
    if pixels.dtype == np.uint8 or (gray and alpha is None):
        with Image.open(io.BytesIO(data)) as im:
            assert im.mode == {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[len(expected[0, 0])] or (
                im.mode == "I;16" and pixels.dtype == np.uint16
            )
            np.testing.assert_array_equal(np.asarray(im).reshape(expected.shape), expected)


@pytest.mark.parametrize("kind", [*KINDS, *DEEP_KINDS], ids=str)
def test_pillow_and_opencv_read_the_same_pixels(kind):
    for size, texture in product(SIZES, ("noise", "rows", "columns", "smooth")):
        pixels, alpha = random_image(np.random.default_rng(size), size, kind, texture)
        check_read_back(encoded(pixels, alpha), pixels, alpha)


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([*KINDS, *DEEP_KINDS]),
    st.sampled_from(["noise", "rows", "columns", "flat", "smooth"]),
    st.none() | st.integers(0, 9),
    st.integers(0, 2**32 - 1),
)
def test_any_image_is_read_back(size, kind, texture, level, seed):
    pixels, alpha = random_image(np.random.default_rng(seed), size, kind, texture)
    check_read_back(encoded(pixels, alpha, compress_level=level), pixels, alpha)


@pytest.mark.parametrize("kind", DEEP_KINDS, ids=str)
def test_16_bits_are_kept_with_alpha_and_color(kind):
    pixels, alpha = random_image(np.random.default_rng(4), (9, 7), kind)
    metadata = Metadata(
        dpi=(300, 300), comment=b"hello", color_chunks=((b"gAMA", b"\0\0\xb1\x8f"),)
    )
    file = io.BytesIO()
    assert write_image(ImageData(pixels, 16, alpha, metadata=metadata), file, PNG) == ()
    check_read_back(file.getvalue(), pixels, alpha)
    carried = dict(chunks(file.getvalue()))
    assert carried[b"gAMA"] == b"\0\0\xb1\x8f"
    assert carried[b"tEXt"] == b"Comment\0hello"
    assert carried[b"pHYs"] == struct.pack(">2IB", 11811, 11811, 1)


@pytest.mark.parametrize("kind", DEEP_KINDS, ids=str)
def test_frames_of_16_bits_are_kept_with_alpha_and_color(kind):
    """Every frame differs from the one before in all pixels, and is stored whole."""
    frames = [random_image(np.random.default_rng(seed), (9, 7), kind) for seed in range(3)]
    file = io.BytesIO()
    assert write_frames([ImageData(pixels, 16, alpha) for pixels, alpha in frames], file, PNG) == ()
    parts = chunks(file.getvalue())
    for number, (pixels, alpha) in enumerate(frames):
        starts = [place for place, (name, _) in enumerate(parts) if name == b"fcTL"]
        data = [
            content[4 * (name == b"fdAT") :]
            for name, content in parts[starts[number] : [*starts, len(parts)][number + 1]]
            if name in (b"IDAT", b"fdAT")
        ]
        still = io.BytesIO()
        still.write(png.SIGNATURE)
        for name, content in (parts[0], (b"IDAT", b"".join(data)), (b"IEND", b"")):
            png.write_chunk(still, name, content)
        check_read_back(still.getvalue(), pixels, alpha)


def test_bands_meet_without_a_seam(monkeypatch):
    for kind, texture in product(KINDS, ("noise", "rows", "columns", "smooth")):
        monkeypatch.undo()
        pixels, alpha = random_image(np.random.default_rng(5), (37, 23), kind, texture)
        whole = raw_rows(encoded(pixels, alpha))
        for band, block in product((1, 200, 1000), (1, 300)):
            monkeypatch.setattr(png, "_BAND", band)
            monkeypatch.setattr(png, "_BLOCK", block)
            data = encoded(pixels, alpha)
            np.testing.assert_array_equal(raw_rows(data), whole)
            check_read_back(data, pixels, alpha)


@pytest.mark.parametrize("level", [None, 0, 6])
def test_the_file_does_not_depend_on_the_number_of_threads(level, monkeypatch):
    monkeypatch.setattr(png, "_BAND", 3000)
    pixels, alpha = random_image(np.random.default_rng(12), (150, 90), (3, True, 8), "smooth")
    alone = encoded(pixels, alpha, compress_level=level, threads=1)
    assert len([name for name, _ in chunks(alone) if name == b"IDAT"]) > 10
    for threads in (2, 3, 20, None):
        for _ in range(5):
            assert encoded(pixels, alpha, compress_level=level, threads=threads) == alone


def test_an_error_of_the_file_is_raised_whichever_thread_meets_it(monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            if self.tell() > 20_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data)

    monkeypatch.setattr(png, "_BAND", 3000)
    pixels, _ = random_image(np.random.default_rng(12), (300, 90), (3, False, 8))
    with pytest.raises(OSError, match="No space left"):
        png.write_png(Full(), pixels, threads=3)


def test_the_filter_is_the_one_that_fits():
    rng = np.random.default_rng(6)
    for texture, kind in [("noise", 0), ("columns", 1), ("rows", 2)]:
        pixels, _ = random_image(rng, (50, 60), (3, False, 8), texture)
        assert set(raw_rows(encoded(pixels))[:, 0]) == {kind}


def test_arrays_of_any_layout():
    pixels, alpha = random_image(np.random.default_rng(7), (20, 30), (3, True, 8))
    for view in (np.s_[:, ::-1], np.s_[::-1], np.s_[::2, ::3]):
        check_read_back(encoded(pixels[view], alpha[view]), pixels[view], alpha[view])
    check_read_back(encoded(np.asfortranarray(pixels)), pixels, None)
    deep = pixels[..., 0].astype(">u2") * 257
    check_read_back(encoded(deep[:, ::-1]), deep[:, ::-1].astype(np.uint16), None)
    assert encoded(pixels[..., :1]) == encoded(pixels[..., 0])


METADATA = [
    Metadata(),
    Metadata(dpi=(300, 150)),
    Metadata(dpi=(72.009, 1e-9)),
    Metadata(exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    Metadata(exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0"),
    Metadata(icc=RGB_PROFILE),
    Metadata(icc=RGB_PROFILE, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0", dpi=(96, 96)),
    Metadata(icc=GRAY_PROFILE, exif=b"", dpi=(96.5, 97.5)),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_chunk_but_the_pixels_is_pillows(kind):
    pixels, alpha = random_image(np.random.default_rng(8), (5, 6), kind)
    for metadata in METADATA:
        icc = metadata.icc and (GRAY_PROFILE if kind[0] == 1 else RGB_PROFILE)
        metadata = Metadata(icc=icc, exif=metadata.exif, dpi=metadata.dpi)
        image = ImageData(pixels, kind[2], alpha, metadata=metadata)
        ours, theirs = (
            [chunk for chunk in chunks(data) if chunk[0] != b"IDAT"]
            for data in (by_us(image), by_pillow(image))
        )
        assert ours == theirs


@given(st.tuples(*[st.floats(1e-3, 1e7)] * 2))
def test_resolutions_are_rounded_as_pillow_rounds(dpi):
    image = ImageData(np.zeros((1, 1), np.uint8), 8, metadata=Metadata(dpi=dpi))
    assert dict(chunks(by_us(image)))[b"pHYs"] == dict(chunks(by_pillow(image)))[b"pHYs"]


def test_the_order_of_the_chunks(monkeypatch):
    monkeypatch.setattr(png, "_BAND", 4000)
    pixels, _ = random_image(np.random.default_rng(9), (300, 400), (3, False, 8))
    data = encoded(pixels, exif=b"MM\0*", dpi=(1, 1), icc_profile=RGB_PROFILE)
    names = [name for name, _ in chunks(data)]
    assert names[:4] == [b"IHDR", b"iCCP", b"pHYs", b"eXIf"]
    assert len(names) > 10
    assert set(names[4:-1]) == {b"IDAT"}
    assert names[-1] == b"IEND"


@pytest.mark.parametrize("level", [None, 1, *(pytest.param(n, marks=SLOW) for n in (0, 3, 6, 9))])
@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_hardly_larger_than_pillows(name, level):
    image = read_image(SAMPLES / name, name=name)
    options = {} if level is None else {"compress_level": level}
    data = by_us(image, **options)
    check_read_back(data, image.pixels, image.alpha)
    assert len(data) <= 1.1 * len(by_pillow(image, **options))
    assert data == by_us(image, **options)


def test_levels_reach_the_encoder():
    pixels = read_image(SAMPLES / "camera.png", name="it").pixels
    lengths = [len(encoded(pixels, compress_level=level)) for level in (0, 1, 6, 9)]
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] > pixels.size > lengths[1] > lengths[3]


def test_flat_drawings_are_not_left_to_runs():
    drawing = np.zeros((200, 200), np.uint8)
    drawing[20:180:2, 20:180:5] = 255
    assert len(encoded(drawing)) < 1000


@pytest.mark.parametrize(
    ("pixels", "alpha"),
    [
        (np.zeros((0, 5), np.uint8), None),
        (np.zeros((5, 0, 3), np.uint8), None),
        (np.zeros((5, 5, 2), np.uint8), None),
        (np.zeros((5, 5)), None),
        (np.zeros((5, 5), np.int8), None),
        (np.zeros((5, 5), np.uint8), np.zeros((6, 5), np.uint8)),
        (np.zeros((5, 5), np.uint8), np.zeros((5, 5), np.uint16)),
    ],
)
def test_arrays_that_are_not_images_are_refused(pixels, alpha):
    with pytest.raises(ValueError, match=r"not an image|is empty|does not match"):
        encoded(pixels, alpha)


def test_faults_are_one_sentence():
    pixels = np.zeros((5, 5), np.uint8)
    with pytest.raises(ConvcliError, match="cannot be encoded as PNG: ") as caught:
        by_us(ImageData(pixels[:0], 8))
    assert "\n" not in str(caught.value)
