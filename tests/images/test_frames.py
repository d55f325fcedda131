"""Animations and pages: every frame with its pixels, its time and its kind, and none kept."""

import io
import weakref
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, TiffImagePlugin

from convcli.errors import ImageError, UsageError
from convcli.images.apng import delay
from convcli.images.formats import named_format
from convcli.images.gif import index_colors
from convcli.images.image import ImageData, Metadata
from convcli.images.options import ReadOptions, WriteOptions
from convcli.images.pillow_reader import BASE_BYTES
from convcli.images.reading import read_frames, read_image
from convcli.images.writing import write_frames

RNG = np.random.default_rng(12)
ANIMATED = ["gif", "png", "webp", "avif"]


def moving(count=6, *, alpha=False, color=True, loop=3):
    """A square that moves, and stands still once; with alpha, over nothing."""
    frames = []
    for number in range(count):
        left = 2 + 3 * (number - (number > 2))
        pixels = np.full((20, 31, 3), 40, np.uint8)
        pixels[3:9, left : left + 7] = 200, 30 * (number - (number > 2)), 5
        seen = np.zeros((20, 31), np.uint8)
        seen[3:9, left : left + 7] = 255
        frames.append(
            ImageData(
                pixels if color else pixels[..., 0].copy(),
                8,
                seen if alpha else None,
                metadata=Metadata(duration=50 + 10 * number, loop=loop),
            )
        )
    return frames


def encoded(frames, suffix):
    file = io.BytesIO()
    return file, write_frames(frames, file, named_format(None, suffix))


def composed(file):
    """Return what Pillow shows of each frame, as RGBA, and how long."""
    with Image.open(file) as im:
        for number in range(getattr(im, "n_frames", 1)):
            im.seek(number)
            im.load()
            yield np.asarray(im.convert("RGBA")).astype(int), im.info.get("duration")


def as_rgba(frame):
    pixels = np.broadcast_to(frame.pixels.reshape(*frame.shape, -1), (*frame.shape, 3))
    alpha = np.full(frame.shape, 255) if frame.alpha is None else frame.alpha
    return np.dstack([pixels, alpha]).astype(int)


def assert_shown(rgba, frame, most=0):
    expected = as_rgba(frame)
    np.testing.assert_array_equal(rgba[..., 3], expected[..., 3])
    visible = expected[..., 3] > 0
    assert np.abs(rgba[visible] - expected[visible]).max() <= most


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", ANIMATED)
def test_every_frame_is_kept_with_its_time(suffix, alpha):
    frames = moving(alpha=alpha)
    file, notes = encoded(frames, suffix)
    assert notes == ()
    shown = list(composed(file))
    assert [duration for _, duration in shown] == [50, 60, 70, 80, 90, 100]
    for (rgba, _), frame in zip(shown, frames, strict=True):
        assert_shown(rgba, frame, most=0 if suffix in ("gif", "png") else 100)


@pytest.mark.parametrize("suffix", ANIMATED)
def test_rounded_times_add_up_to_the_length(suffix):
    """30 frames a second last 33 or 34 ms each, and 30 of them a second."""
    time = Metadata(duration=1000 / 30)
    frames = [
        ImageData(np.full((4, 6), 8 * number, np.uint8), 8, metadata=time) for number in range(30)
    ]
    times = [duration for _, duration in composed(encoded(frames, suffix)[0])]
    assert sum(times) == pytest.approx(1000)
    assert max(times) - min(times) <= (10 if suffix == "gif" else 1)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("suffix", ANIMATED)
def test_opencv_sees_the_same_frames(suffix, alpha, tmp_path):
    cv2 = pytest.importorskip("cv2")
    frames = moving(alpha=alpha)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encoded(frames, suffix)[0].getvalue())
    ok, animation = cv2.imreadanimation(str(path))
    assert ok
    assert list(animation.durations) == [50, 60, 70, 80, 90, 100]
    assert animation.loop_count == (0 if suffix == "avif" else 3)
    for bgr, frame in zip(animation.frames, frames, strict=True):
        rgba = np.dstack([bgr[..., 2::-1], bgr[..., 3] if alpha else np.full(frame.shape, 255)])
        assert_shown(rgba.astype(int), frame, most=0 if suffix in ("gif", "png") else 100)


@pytest.mark.parametrize("suffix", ANIMATED[:3])
@pytest.mark.parametrize("loop", [0, 1, 2, 5])
def test_an_animation_plays_as_often_whatever_its_format(suffix, loop):
    file, _ = encoded(moving(2, loop=loop), suffix)
    assert next(read_frames(file, name="it")).metadata.loop == loop


def test_a_gif_that_does_not_say_so_plays_once():
    file = io.BytesIO()
    first, second = (Image.fromarray(frame.pixels) for frame in moving(2))
    first.save(file, "GIF", save_all=True, append_images=[second])
    assert next(read_frames(file, name="it")).metadata.loop == 1


def test_frames_that_are_all_alike_are_all_kept():
    for suffix in ("gif", "png", "webp"):
        frame = moving(1)[0]
        file, _ = encoded([frame] * 6, suffix)
        assert [duration for _, duration in composed(file)] == [50] * 6


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_the_first_frame_is_read_without_the_others(form):
    class Counting(io.BytesIO):
        taken = 0

        def read(self, *args):
            data = super().read(*args)
            self.taken += len(data)
            return data

    frames = [Image.fromarray(RNG.integers(0, 256, (60, 80), np.uint8)) for _ in range(60)]
    whole = io.BytesIO()
    frames[0].save(whole, form, save_all=True, append_images=frames[1:])
    file = Counting(whole.getvalue())
    image = read_image(file, name="it")
    assert image.notes == ("only the first frame was read; apply --frames all filters every frame",)
    if form != "WEBP":  # Pillow reads it whole before it decodes anything
        assert file.taken < len(whole.getvalue()) / 2


class WriteOnly(io.BytesIO):
    """A file that counts how often it is sought in, and cannot be read."""

    seeks = 0

    def seek(self, *args):
        self.seeks += 1
        return super().seek(*args)

    def read(self, *_):
        raise AssertionError

    readinto = readline = read


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_frames_are_written_as_they_come_and_let_go(suffix):
    file = WriteOnly()
    alive: weakref.WeakSet[ImageData] = weakref.WeakSet()
    sizes: list[int] = []

    def frames():
        for number in range(60):
            pixels = np.full((40, 50, 3), number, np.uint8)
            pixels[::2, ::3] = RNG.integers(0, 256, 3)
            frame = ImageData(pixels, 8)
            alive.add(frame)
            assert len(alive) <= 4
            sizes.append(file.tell())
            yield frame
            del frame

    write_frames(frames(), file, named_format(None, suffix))
    assert all(np.diff(sizes[3:]) > 0)
    assert file.seeks <= 2 * 60
    assert len(list(composed(io.BytesIO(file.getvalue())))) == 60


def test_pages_keep_their_tags():
    exif = Image.Exif()
    exif[0x010E] = "a page of its own, longer than four bytes"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 30.0, 12.5)
    exif.get_ifd(0x8769)[0x829A] = 0.125
    pages = [
        ImageData(
            RNG.integers(0, 256, (150 + number, 211, 3), np.uint8),
            8,
            metadata=Metadata(exif=exif.tobytes(), dpi=(72 + number, 144)),
        )
        for number in range(4)
    ]
    file, _ = encoded(pages, "tif")
    with Image.open(file) as im:
        assert getattr(im, "n_frames", 1) == 4
        for number, page in enumerate(pages):
            im.seek(number)
            assert np.array_equal(im, page.pixels)
            assert im.info["dpi"] == (72 + number, 144)
            tags = im.getexif()
            assert tags[0x010E] == exif[0x010E]
            assert tags.get_ifd(0x8825)[2] == (51.0, 30.0, 12.5)
            assert float(tags.get_ifd(0x8769)[0x829A]) == 0.125


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_libtiff_reads_linked_pages(compression, tmp_path):
    """Pages of any encoder can be linked: Pillow's own, and libtiff."""
    from convcli.images.tiff_pages import write_pages

    cv2 = pytest.importorskip("cv2")
    pages = [RNG.integers(0, 9, (90 + 7 * n, 2000 + n), np.uint8) for n in range(3)]

    def encoded_pages():
        for page in pages:
            memory = io.BytesIO()
            Image.fromarray(page).save(memory, "TIFF", compression=compression)
            yield memory.getvalue()

    with (tmp_path / "a.tif").open("wb") as file:
        write_pages(file, encoded_pages())
    ok, found = cv2.imreadmulti(str(tmp_path / "a.tif"), flags=cv2.IMREAD_UNCHANGED)
    assert ok
    for page, back in zip(pages, found, strict=True):
        np.testing.assert_array_equal(back, page)


def test_pages_that_lead_back_to_an_earlier_one_end_there():
    file, _ = encoded([ImageData(np.full((5, 5), n, np.uint8), 8) for n in range(3)], "tif")
    data = bytearray(file.getvalue())
    directory = int.from_bytes(data[4:8], "little")
    for _ in range(2):
        link = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
        directory = int.from_bytes(data[link : link + 4], "little")
    link = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
    data[link : link + 4] = data[4:8]
    pages = list(read_frames(io.BytesIO(bytes(data)), name="it"))
    assert [int(page.pixels[0, 0]) for page in pages] == [0, 1, 2]


@pytest.mark.parametrize("suffix", ["png", "gif", "avif"])
def test_later_frames_become_like_the_first_or_are_refused(suffix):
    color, gray = moving(1, alpha=True)[0], moving(2, color=False)[1]
    file, _ = encoded([color, gray], suffix)
    shown = [rgba for rgba, _ in composed(file)]
    assert_shown(shown[1], gray, most=0 if suffix != "avif" else 100)
    for first, second in [(gray, color), (color._replace(alpha=None), color)]:
        with pytest.raises(UsageError, match=r"frame 2 has .*; use \.tif or \.webp"):
            encoded([first, second], suffix)


def test_webp_frames_may_differ_in_kind():
    color, gray = moving(1, alpha=True)[0], moving(2, color=False)[1]
    shown = [rgba for rgba, _ in composed(encoded([gray, color], "webp")[0])]
    assert_shown(shown[0], gray, most=100)
    assert_shown(shown[1], color, most=100)


def test_sixteen_bits_and_gray_stay_in_an_animated_png():
    frames = [
        ImageData(RNG.integers(0, 65536, (9, 7)).astype(np.uint16), 16, metadata=Metadata())
        for _ in range(3)
    ]
    for before, after in zip(
        frames, read_frames(encoded(frames, "png")[0], name="it"), strict=True
    ):
        np.testing.assert_array_equal(after.pixels, before.pixels)


def test_gray_frames_of_a_gif_stay_gray():
    frames = [ImageData(RNG.integers(0, 256, (20, 30), np.uint8), 8) for _ in range(3)]
    file, notes = encoded(frames, "gif")
    assert notes == ()
    for before, after in zip(frames, read_frames(file, name="it"), strict=True):
        np.testing.assert_array_equal(after.pixels, before.pixels)


def test_a_gif_counts_colors_before_it_says_that_some_are_lost():
    few = RNG.integers(0, 256, (256, 3), np.uint8)[RNG.integers(0, 256, (40, 50))]
    many = RNG.integers(0, 256, (40, 50, 3), np.uint8)
    assert encoded([ImageData(few, 8)] * 2, "gif")[1] == ()
    (note,) = encoded([ImageData(few, 8), ImageData(many, 8)], "gif")[1]
    assert "palette of 256" in note


@settings(max_examples=10)
@given(st.lists(st.tuples(*[st.integers(0, 255)] * 3), min_size=1, max_size=255), st.data())
def test_few_colors_are_exact_in_a_gif(colors, data):
    pixels = np.array([colors], np.uint8)
    alpha = data.draw(st.sampled_from([None, 255 * (np.arange(len(colors)) % 3 > 0)]))
    alpha = None if alpha is None else alpha[np.newaxis].astype(np.uint8)
    part = index_colors(ImageData(pixels, 8, alpha))
    assert part.is_exact
    visible = np.ones(pixels.shape[:2], bool) if alpha is None else alpha > 0
    np.testing.assert_array_equal(part.colors[part.indices][visible], pixels[visible])
    np.testing.assert_array_equal(part.indices == part.transparent, ~visible)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp"])
def test_frames_may_be_invisible(suffix):
    frame = moving(1, alpha=True)[0]
    invisible = frame._replace(alpha=np.zeros(frame.shape, np.uint8))
    shown = [rgba for rgba, _ in composed(encoded([invisible, frame, invisible], suffix)[0])]
    assert [int((rgba[..., 3] > 0).sum()) for rgba in shown] == [0, 42, 0]


@settings(max_examples=10)
@given(st.lists(st.floats(0, 500), min_size=2, max_size=30))
def test_rounding_keeps_the_length_of_a_gif(durations):
    frame = ImageData(np.zeros((1, 1), np.uint8), 8)
    frames = [frame._replace(metadata=Metadata(duration=each)) for each in durations]
    shown = [duration or 0 for _, duration in composed(encoded(frames, "gif")[0])]
    assert abs(sum(shown) - sum(durations)) <= 5 + 1e-6
    assert all(abs(a - b) <= 10 + 1e-6 for a, b in zip(shown, durations, strict=True))


@settings(max_examples=10)
@given(st.floats(0, 1e9))
def test_a_delay_is_a_fraction_of_16_bits(duration):
    numerator, denominator = delay(duration)
    assert 0 <= numerator < 2**16 > denominator > 0
    if duration <= 65_535:
        assert Fraction(numerator, denominator) == pytest.approx(duration / 1000, abs=1e-3)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_frames_that_break_off_are_an_error(suffix):
    frames = [ImageData(RNG.integers(0, 256, (40, 40, 3), np.uint8), 8) for _ in range(4)]
    data = encoded(frames, suffix)[0].getvalue()
    file = io.BytesIO(data[: len(data) * 2 // 3])
    with pytest.raises(ImageError, match="damaged"):
        list(read_frames(file, name="it"))


def test_a_png_that_promises_more_frames_than_it_has_is_truncated():
    file, _ = encoded(moving(3), "png")
    data = bytearray(file.getvalue())
    end = len(data) - 12
    last = data.rindex(b"fcTL") - 4
    with pytest.raises(ImageError, match="truncated or damaged"):
        list(read_frames(io.BytesIO(bytes(data[:last] + data[end:])), name="it"))


def test_each_frame_reserves_the_same_memory():
    sizes: list[int] = []
    for suffix in ("gif", "png", "webp", "tif"):
        file, _ = encoded(moving(), suffix)
        options = ReadOptions(frames="all")
        frames = read_frames(file, name="it", options=options, reserve_memory=sizes.append)
        assert len(list(frames)) == 6
    assert len(sizes) == 24
    assert max(sizes) - BASE_BYTES <= 20 * 31 * 32 + 4096


@pytest.mark.parametrize(("suffix", "copies"), [("webp", 2), ("avif", 2), ("png", 0), ("gif", 0)])
def test_memory_counts_a_file_that_its_decoder_takes_whole(suffix, copies):
    file, _ = encoded(moving(), suffix)
    sizes: list[int] = []
    read_image(file, name="it", reserve_memory=sizes.append)
    padded = io.BytesIO(file.getvalue() + bytes(10_000))
    read_image(padded, name="it", reserve_memory=sizes.append)
    assert sizes[1] - sizes[0] == copies * 10_000


def kinds_of_pages():
    """Pages in pairs that are alike, then one of another size, resolution, or number type."""
    gray, color = RNG.integers(0, 256, (2, 5, 8), np.uint8), RNG.integers(0, 256, (5, 8, 3))
    color = color.astype(np.uint8)
    deep = RNG.integers(0, 2**16, (5, 8), np.uint16)
    fine = Metadata(dpi=(300.0, 300.0))
    numbers = RNG.normal(size=(2, 5, 8)).astype(np.float32)
    wide = np.array([[2**31 + 5, 7], [2**24 + 1, 99]], np.int64)
    yield from (ImageData(page, 8) for page in gray)
    yield from (ImageData(page, 8, metadata=fine) for page in gray)
    yield from (ImageData(page, 8) for page in gray[:, :4])
    yield from (ImageData(color - shift, 8) for shift in (0, 3))
    yield from (ImageData(color - shift, 8, gray[shift]) for shift in (0, 1))
    yield from (ImageData(deep - shift, 16) for shift in (0, 3))
    yield from (ImageData(page, None) for page in numbers)
    yield from (ImageData(wide - shift, None) for shift in (0, 1, 10))
    yield from (ImageData(np.zeros((5, 8), np.uint8), 8) for _ in range(2))


@pytest.mark.parametrize("compression", ["none", "lzw"])
def test_pages_that_begin_alike_keep_their_own_samples(compression):
    pages = list(kinds_of_pages())
    file = io.BytesIO()
    options = WriteOptions(compression=compression)
    assert write_frames(pages, file, named_format(None, "tif"), options) == ()
    file.seek(0)
    with TiffImagePlugin.TiffImageFile(file) as im:
        for number, page in enumerate(pages):
            im.seek(number)
            samples = np.asarray(im)
            if im.mode == "I":
                samples = samples.view(np.uint32 if im.tag_v2[339] == (1,) else np.int32)
            expected = page.pixels if page.alpha is None else np.dstack([page.pixels, page.alpha])
            np.testing.assert_array_equal(samples, expected)
            assert (im.info.get("dpi") == (300, 300)) == (page.metadata.dpi is not None)
            assert (im.tag_v2[259] == 1) == (compression == "none")


def test_16_bit_samples_reserve_twice_the_memory():
    reserved = {}
    for depth in (8, 16):
        pixels = np.zeros((300, 200), f"u{depth // 8}")
        file, _ = encoded([ImageData(pixels, depth)], "png")
        sizes: list[int] = []
        read_image(file, name="it", reserve_memory=sizes.append)
        reserved[depth] = sizes[0]
    assert reserved[16] - reserved[8] == 2 * 300 * 200


def test_times_that_pages_cannot_hold_are_named():
    _, notes = encoded(moving(), "tif")
    assert notes == ("times of frames left out: .tif holds none",)
    still = [frame._replace(metadata=Metadata()) for frame in moving()]
    assert encoded(still, "tif")[1] == ()


def test_a_time_above_the_limit_does_not_lengthen_the_next_frame():
    times = [1_000_000, 100, 100]
    frames = [
        frame._replace(metadata=Metadata(duration=time))
        for frame, time in zip(moving(3), times, strict=True)
    ]
    file, notes = encoded(frames, "gif")
    assert [duration for _, duration in composed(file)] == [655_350, 100, 100]
    assert notes == ("frames were shortened to 655.35 s, the limit of .gif",)


@pytest.mark.parametrize(
    ("suffix", "most", "limit"),
    [
        ("gif", 655_350, "655.35 s, the limit of .gif"),
        ("png", 65_535_000, "65,535 s, the limit of .png"),
        ("webp", 2**24 - 1, "16,777.215 s, the limit of .webp"),
        ("avif", 2**32 - 1, "4,294,967.295 s, the limit of .avif"),
    ],
)
def test_times_that_are_shortened_are_noted_once(suffix, most, limit):
    frame = ImageData(np.zeros((4, 6), np.uint8), 8)

    def timed(*times):
        frames = [frame._replace(metadata=Metadata(duration=time)) for time in times]
        file, notes = encoded(frames, suffix)
        assert [duration for _, duration in composed(file)] == [min(time, most) for time in times]
        return notes

    assert timed(most, 100, most) == ()
    assert timed(100, most + 10, most + 1000, 50) == (f"frames were shortened to {limit}",)
