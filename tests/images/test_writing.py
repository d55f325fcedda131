"""What is written, read back by Pillow and numpy; frames, metadata, faults and memory."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import TiffImageFile

from convcli.errors import ConvcliError, UsageError
from convcli.images.formats import named_format
from convcli.images.image import ImageData, Metadata
from convcli.images.notes import visible
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames, write_image

SAMPLES = Path(__file__).parents[2] / "sample_images"
RNG = np.random.default_rng(3)
GRAY = RNG.integers(0, 256, (20, 30)).astype(np.uint8)
RGB = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
SUFFIXES = ["png", "jpg", "tif", "webp", "gif", "bmp", "ppm", "jp2", "tga", "npy", "csv", "txt"]
ALPHA = RNG.integers(0, 256, (20, 30)).astype(np.uint8)


def written(image, suffix, **options):
    file = io.BytesIO()
    notes = write_image(image, file, named_format(None, suffix), WriteOptions(**options))
    file.seek(0)
    return file, notes


def test_the_compression_level_holds_for_every_frame():
    frames = [ImageData(np.full((40, 50), value, np.uint8), 8) for value in range(3)]

    def size(level):
        file = io.BytesIO()
        write_frames(frames, file, named_format(None, "png"), WriteOptions(compress_level=level))
        return len(file.getvalue())

    assert size(0) > 3 * 40 * 50 > 10 * size(9)
    assert size(9) <= size(None) < 1000


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF"])
def test_quality_is_95_by_default(form):
    for ours, theirs in (({}, 95), ({"quality": 20}, 20)):
        expected = io.BytesIO()
        sampling = {"subsampling": 0 if theirs == 95 else 2} if form == "JPEG" else {}
        Image.fromarray(RGB).save(expected, form, quality=theirs, **sampling)
        assert written(ImageData(RGB, 8), form, **ours)[0].getvalue() == expected.getvalue()


def test_options_that_are_ignored_or_out_of_range():
    assert "--quality was ignored" in written(ImageData(GRAY, 8), "png", quality=9)[1][0]
    assert (
        "--compress-level was ignored" in written(ImageData(GRAY, 8), "jpg", compress_level=9)[1][0]
    )
    for options in ({"quality": 101}, {"compress_level": -1}):
        with pytest.raises(UsageError, match=r"not within 0\.\."):
            written(ImageData(GRAY, 8), "png", **options)


def test_scaling_to_8_bits_is_rounded_for_every_value():
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    file, notes = written(ImageData(values, 16), "bmp")
    with Image.open(file) as im:
        np.testing.assert_array_equal(im, np.rint(values / 257))
    assert notes == ("scaled to 8 bits, the limit of .bmp",)
    alpha = values[::-1].copy()
    file, notes = written(ImageData(values, 16, alpha), "tif")
    with Image.open(file) as im:
        assert im.mode == "LA"
        np.testing.assert_array_equal(np.asarray(im)[..., 1], np.rint(alpha / 257))
    assert notes == ("scaled to 8 bits, the limit of Pillow",)


@pytest.mark.parametrize(
    ("suffix", "color", "alpha"),
    [
        *[("jpg", True, False), ("webp", True, True), ("gif", False, True), ("tga", True, True)],
        *[("tif", True, False), ("tif", False, True), ("ppm", True, False), ("jp2", True, False)],
        ("avif", False, False),
    ],
)
def test_a_note_names_what_limits_pixels_to_8_bits(suffix, color, alpha):
    """TIFF, PPM and JPEG 2000 hold 16 bits of any pixel, AVIF 12; Pillow writes 8 of these."""
    pixels = np.full((4, 5, 3) if color else (4, 5), 7000, np.uint16)
    _, notes = written(
        ImageData(pixels, 16, pixels.reshape(4, 5, -1)[..., 0] if alpha else None), suffix
    )
    limit = "Pillow" if suffix in ("tif", "ppm", "jp2", "avif") else f".{suffix}"
    assert f"scaled to 8 bits, the limit of {limit}" in notes


def test_plain_numbers_in_a_tiff_lose_alpha_with_a_note():
    file, notes = written(ImageData(GRAY / np.float32(7), None, ALPHA), "tif")
    assert notes == ("alpha left out: Pillow writes none with plain numbers",)
    np.testing.assert_array_equal(read_image(file, name="it").pixels, GRAY / np.float32(7))


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jp2", "tga"])
@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "rgb"])
def test_alpha_is_kept_where_the_format_can(suffix, pixels):
    file, notes = written(ImageData(pixels, 8, ALPHA), suffix, quality=None)
    back = read_image(file, name="it")
    np.testing.assert_array_equal(back.alpha, ALPHA)
    assert not notes
    if suffix != "webp":
        np.testing.assert_array_equal(back.pixels, pixels)


def test_gif_notes_what_it_loses():
    file, notes = written(ImageData(GRAY, 8), "gif")
    np.testing.assert_array_equal(
        read_image(file, name="it", options=ReadOptions(channels="gray")).pixels, GRAY
    )
    assert not notes
    _, notes = written(ImageData(RGB, 8), "gif")
    assert "palette of 256" in notes[0]
    few = ImageData(RGB // 64 * 64, 8, (ALPHA > 99) * np.uint8(255))  # 64 colors
    file, notes = written(few, "gif")
    assert not notes
    back = read_image(file, name="it")
    np.testing.assert_array_equal(back.alpha, few.alpha)
    np.testing.assert_array_equal(back.pixels[ALPHA > 99], few.pixels[ALPHA > 99])
    file, notes = written(few._replace(alpha=ALPHA), "gif")
    assert "partly transparent" in notes[0]
    np.testing.assert_array_equal(read_image(file, name="it").alpha > 0, ALPHA >= 128)


@pytest.mark.parametrize(
    ("values", "suffix", "mode", "note"),
    [
        (np.array([[0.1, np.nan, np.inf]], np.float32), "tif", "F", False),
        (np.array([[0.5, np.nan, -8.0]]), "tif", "F", False),
        (np.array([[0.1, 1e300]]), "tif", "F", True),
        (np.array([[-(2**24), 2**24]]), "tif", "F", False),
        (np.array([[-(2**24) - 1, 7]]), "tif", "I", False),
        (np.array([[2**31 - 1, -(2**31) + 1]]), "tif", "I", False),
        (np.array([[2**40 + 1, 0]]), "tif", "F", True),
        (np.array([[0.5, -2.25]]), "pfm", "F", False),
        (np.array([[0, 2**24 + 1]]), "pfm", "F", True),
    ],
)
def test_plain_numbers_in_images(values, suffix, mode, note):
    file, notes = written(ImageData(values, None), suffix)
    assert any("rounded to 32-bit floats" in text for text in notes) == note
    with Image.open(file) as im:
        assert im.mode == mode
        if not note:
            np.testing.assert_array_equal(im, values)
    assert read_image(file, name="it").depth is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.int64, np.float32, np.float64])
def test_npy_holds_any_array_unchanged(dtype):
    values = (RNG.random((4, 5, 6)) * 100).astype(dtype)[:, ::-1]
    file, notes = written(ImageData(values, None), "npy")
    back = np.load(file)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == dtype
    assert not notes
    assert "alpha" in written(ImageData(GRAY, 8, ALPHA), "npy")[1][0]


def test_text_is_numpys_to_read():
    values = RNG.standard_normal((3, 4))
    file, _ = written(ImageData(values, None), "csv")
    np.testing.assert_array_equal(np.loadtxt(file, delimiter=","), values)
    file, _ = written(ImageData(values, None), "txt")
    np.testing.assert_array_equal(np.loadtxt(file), values)
    assert written(ImageData(GRAY[:1, :3], 8), "csv")[0].getvalue().decode() == (
        ",".join(map(str, GRAY[0, :3])) + "\n"
    )


def test_a_single_channel_array_is_a_gray_image():
    file, _ = written(ImageData(GRAY[..., np.newaxis], 8), "png")
    np.testing.assert_array_equal(read_image(file, name="it").pixels, GRAY)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "avif"])
def test_metadata_is_carried(suffix):
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    exif[0x0112] = 6
    exif[0x0100] = 999  # how the source was stored
    exif.get_ifd(0x8769)[0x9003] = "2024:01:02 03:04:05"
    exif.get_ifd(0x8769)[0xA002] = 999
    exif.get_ifd(0x8825)[1] = "N"
    source = io.BytesIO()
    Image.fromarray(RGB).save(source, "JPEG", icc_profile=icc, exif=exif, dpi=(300, 150))
    image = read_image(source, name="it")
    file, notes = written(image, suffix)
    assert not visible(notes)
    with Image.open(file) as im:
        im.load()
        assert im.size == (20, 30)
        assert im.info["icc_profile"] == icc
        if suffix in ("png", "jpg", "tif"):
            assert im.info["dpi"] == pytest.approx((150, 300), rel=1e-3)
        back = im.getexif()
        assert back[0x010F] == "a camera"
        assert back.get(0x0112, 1) == 1
        assert back.get(0x0100) != 999
        assert back.get_ifd(0x8769)[0x9003] == "2024:01:02 03:04:05"
        assert 0xA002 not in back.get_ifd(0x8769)
        assert back.get_ifd(0x8825)[1] == "N"
    gray = read_image(source, name="it", options=ReadOptions(channels="gray"))
    assert gray.metadata.icc is None
    file, _ = written(ImageData(image.pixels[..., 0], 8, metadata=image.metadata), suffix)
    with Image.open(file) as im:
        assert "icc_profile" not in im.info


def test_structural_tags_of_a_tiff_stay_behind():
    source = io.BytesIO()
    Image.fromarray(RGB).save(
        source, "TIFF", compression="tiff_lzw", description="what it shows", dpi=(72, 72)
    )
    image = read_image(source, name="it")
    file, _ = written(ImageData(GRAY[:5, :5], 8, metadata=image.metadata), "tif")
    with Image.open(file) as im:
        assert im.size == (5, 5)
        assert isinstance(im, TiffImageFile)
        assert im.tag_v2[0x010E] == "what it shows"
        assert im.tag_v2[259] == 1
        np.testing.assert_array_equal(im, GRAY[:5, :5])


def test_an_exif_too_long_for_jpeg_is_noted():
    exif = Image.Exif()
    exif[0x010E] = "long " * 20_000
    image = ImageData(RGB, 8, metadata=Metadata(exif=exif.tobytes()))
    assert "EXIF left out" in written(image, "jpg")[1][0]
    assert not written(image, "png")[1]


def animation(form, count=4, **params):
    """Return an animation in which a square moves, so that frames are stored as differences."""
    images = []
    for number in range(count):
        pixels = np.repeat(np.arange(30, dtype=np.uint8)[np.newaxis, :, np.newaxis] * 8, 20, axis=0)
        pixels = np.repeat(pixels, 3, axis=2)
        pixels[4:16, 2 + 4 * number : 14 + 4 * number] = 200 - 40 * number, 220, 60
        images.append(Image.fromarray(pixels))
    file = io.BytesIO()
    images[0].save(file, form, save_all=True, append_images=images[1:], **params)
    return file


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF", "AVIF"])
def test_frames_are_read_as_pillow_composes_them(form):
    timing = {} if form == "TIFF" else {"duration": [100, 200, 300, 400], "loop": 2}
    if form == "AVIF":
        timing.pop("loop")
    file = animation(form, **timing)
    frames = list(read_frames(file, name="it"))
    assert len(frames) == 4
    with Image.open(file) as im:
        for number, frame in enumerate(frames):
            im.seek(number)
            np.testing.assert_array_equal(frame.pixels, im.convert("RGB"))
    if timing:
        assert [frame.metadata.duration for frame in frames] == timing["duration"]
    if "loop" in timing:
        assert frames[0].metadata.loop == (3 if form == "GIF" else 2)  # a GIF counts repeats
    first = read_image(file, name="it")
    np.testing.assert_array_equal(first.pixels, frames[0].pixels)
    assert first.notes == ("only the first frame was read; apply --frames all filters every frame",)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif", "avif"])
def test_frames_are_written_lazily_and_read_back(suffix):
    frames = list(read_frames(animation("PNG", duration=[100, 200, 300, 400], loop=3), name="it"))
    alive = []

    def lazily():
        for frame in frames:
            alive.append(frame)
            yield frame

    file = io.BytesIO()
    write_frames(lazily(), file, named_format(None, suffix))
    back = list(read_frames(file, name="it"))
    assert len(back) == len(alive) == 4
    for before, after in zip(frames, back, strict=True):
        if suffix in ("png", "tif"):
            np.testing.assert_array_equal(after.pixels, before.pixels)
        else:
            assert np.abs(after.pixels.astype(int) - before.pixels).mean() < 8
        if suffix != "tif":
            assert after.metadata.duration == before.metadata.duration
    if suffix in ("gif", "png", "webp"):
        assert back[0].metadata.loop == 3


def test_pages_may_differ_in_size_and_kind():
    pages = [
        ImageData(GRAY, 8),
        ImageData(RGB[:5], 8, ALPHA[:5]),
        ImageData(GRAY.astype(np.uint16) * 200, 16),
        ImageData(GRAY / np.float32(7), None),
    ]
    file = io.BytesIO()
    write_frames(iter(pages), file, named_format(None, "tif"))
    for before, after in zip(pages, read_frames(file, name="it"), strict=True):
        np.testing.assert_array_equal(after.pixels, before.pixels)
        assert after.depth == before.depth
    with pytest.raises(UsageError, match="differ in size"):
        write_frames(pages[:2], io.BytesIO(), named_format(None, "gif"))


def test_an_apng_whose_first_image_is_not_animated():
    file = animation("PNG", default_image=True)
    assert len(list(read_frames(file, name="it"))) == 3
    assert "only the first frame" in read_image(file, name="it").notes[0]


def test_formats_of_one_frame_refuse_several():
    frame = ImageData(GRAY, 8)
    for suffix in ("jpg", "npy", "csv"):
        with pytest.raises(UsageError, match="holds a single frame"):
            write_frames([frame, frame], io.BytesIO(), named_format(None, suffix))
        write_frames([frame], io.BytesIO(), named_format(None, suffix))
    with pytest.raises(UsageError, match="no images"):
        write_frames([], io.BytesIO(), named_format(None, "gif"))


def test_encoder_errors_are_one_sentence():
    with pytest.raises(ConvcliError, match="cannot be encoded as TIFF: ") as caught:
        written(ImageData(RGB, 8, metadata=Metadata(exif=b"none")), "tif")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError):
        written(ImageData(RGB.astype(float), None), "png")


@pytest.mark.posix
def test_a_full_disk_is_an_os_error():
    image = ImageData(RNG.integers(0, 256, (400, 400)).astype(np.uint8), 8)
    for suffix in SUFFIXES:
        with pytest.raises(OSError, match="No space left") as caught:  # noqa: SIM117
            with Path("/dev/full").open("wb") as file:
                write_image(image, file, named_format(None, suffix))
        assert caught.value.errno is not None


def test_a_pipe_gets_the_same_bytes():
    for suffix in SUFFIXES:
        expected, _ = written(ImageData(GRAY, 8), suffix)
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
            write_image(ImageData(GRAY, 8), sink, named_format(None, suffix))
            sink.close()
            assert source.read() == expected.getvalue()


MEMORY = """
import resource, sys
from pathlib import Path
import numpy, PIL.Image
from convcli.images import reading, writing, formats
PIL.Image.preinit()
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
reading.read_image(Path(sys.argv[2]), name="small")
before = peak()
image = reading.read_image(Path(sys.argv[1]), name="it")
read = peak() - before
with open(sys.argv[1] + ".out", "wb") as file:
    writing.write_image(image, file, formats.named_format(None, "jpg"))
print(image.pixels.nbytes / 2**20, read, peak() - before)
"""


@pytest.mark.posix
@pytest.mark.processes
def test_memory_stays_near_the_decoded_image_and_its_array(tmp_path):
    path = tmp_path / "large.jpg"
    Image.linear_gradient("L").resize((4000, 3000)).convert("RGB").save(path)
    command = [sys.executable, "-c", MEMORY, path, SAMPLES / "rocket.jpg"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    array, read, total = map(float, result.stdout.split())
    assert read < array * 7 / 3 + 8  # Pillow's 4 bytes a pixel, and ours 3
    assert total < array * 7 / 3 + 16  # the same again, one after the other
